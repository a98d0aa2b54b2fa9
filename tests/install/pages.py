"""The commands of the pages for operators, as they stand there."""

import pathlib

TOP = pathlib.Path(__file__).resolve().parent.parent.parent / "deploy"


def joined(lines):
    """Yields the commands of a block: lines up to one without a continuation."""
    open_lines = []
    for line in lines:
        open_lines.append(line)
        is_loop = open_lines[0].startswith("for ") and line != "done"
        if line and not line.endswith("\\") and not is_loop:
            yield "\n".join(open_lines)
            open_lines = []


def blocks(page):
    """Returns the blocks of commands of a page: each with the heading above it."""
    found, heading, lines = [], "", None
    for line in (TOP / page).read_text().splitlines():
        if lines is None and line.startswith("#"):
            heading = line.lstrip("# ")
        elif lines is None and line == "```sh":
            lines = []
        elif lines is not None and line == "```":
            found.append((heading, list(joined(lines))))
            lines = None
        elif lines is not None:
            lines.append(line)
    return found

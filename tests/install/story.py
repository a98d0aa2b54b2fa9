"""The life of one installation: `run.sh` has the rest.

    story.py CPSS-REGISTRY EMPTY-DIRECTORY
"""

import json
import shutil
import subprocess
import sys

from machine import TOP, UNIT, Machine, libraries, say
from pages import blocks

README = "README.md"
# Every block of these pages is run. Of README.md, those that are named below.
PAGES = ["docs/ca-rotation.md", "docs/clients.md", "docs/disaster.md", "docs/first-day.md", "docs/upgrade.md"]
SEMANTICS = "a backup is the only way back"
# Questions about people who are not on file.
NOBODY = 3
REGISTRAR = "--cert /etc/cpss-registry/registrar.crt --key /etc/cpss-registry/registrar.key"


class Story:
    def __init__(self, machine):
        self.machine = machine
        self.run_blocks = set()

    def follow(self, page, heading, codes=None, by=None):
        """Runs the blocks below a heading. `codes` has the exit codes of commands that contain a text, other than 0."""
        chosen = [block for block in enumerate(blocks(page)) if block[1][0] == heading]
        if not chosen:
            sys.exit(f"install: {page} has no commands below {heading}")
        for number, (_, commands) in chosen:
            self.run_blocks.add((page, number))
            for command in commands:
                wanted = [code for text, code in (codes or {}).items() if text in command]
                say(f"{page}: {command.splitlines()[0]}{' …' if len(command.splitlines()) > 1 else ''}")
                command = command if by is None else f"runuser -u {by} -- bash -c {json.dumps(command)}"
                self.machine.run(command, wanted[0] if wanted else 0, "/root" if by is None else "/mnt/backup")

    def all_were_run(self):
        for page in PAGES:
            left = [heading for number, (heading, _) in enumerate(blocks(page)) if (page, number) not in self.run_blocks]
            if left:
                sys.exit(f"install: {page} has commands that this story does not run, below {left}")


def release(machine, binary):
    """Puts the files of a release where the engineer is."""
    place = machine.root / "root"
    machine.copy_all(libraries(binary))
    shutil.copy(binary, place / "cpss-registry")
    for name in [UNIT.name, "cpss-registry.sysusers"]:
        shutil.copy(TOP / "deploy" / name, place / name)
    shutil.copytree(TOP / "deploy" / "import-example", machine.root / "mnt/backup/old-records")


def asked(machine, shown, code):
    """Asks one question with what a client shows."""
    command = "cpss-registry verify CPS-28MS-MN2K-Z --endpoint https://localhost:50051 --ca /etc/cpss-registry/ca.crt"
    return machine.run(f"runuser -u cpss-registry -- {command} {shown}", code)


def reload(machine):
    machine.run("systemctl reload cpss-registry && cpss-registry healthcheck --endpoint http://127.0.0.1:9090")


def install_and_operate(machine, story):
    story.follow(README, "Install", {" verify ": NOBODY})
    story.follow("docs/clients.md", "Add a client", {" verify ": NOBODY})
    story.follow("docs/clients.md", "Who may call")
    story.follow("docs/clients.md", "Renew before it expires")
    for heading in ["4. Set up backups and alerts", "5. Try an import", "6. Import, once and for all"]:
        story.follow("docs/first-day.md", heading)
    story.follow(README, "Backup, check, restore", by="cpss-registry")


def lose_the_disk(machine, story):
    before = asked(machine, REGISTRAR, NOBODY)
    machine.service.kill()
    machine.service.wait()
    for left in (machine.root / "var/lib/cpss-registry").iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    say("the disk is lost")
    story.follow("docs/disaster.md", "The disk is lost")
    if asked(machine, REGISTRAR, NOBODY).splitlines()[0] != before.splitlines()[0]:
        sys.exit("install: the restored registry answers something else")


def rotate_the_authority(machine, story):
    etc = machine.root / "etc/cpss-registry"
    for name in ["ca.crt", "registrar.crt", "registrar.key"]:
        shutil.copy2(etc / name, etc / f"earlier-{name}")
        shutil.chown(etc / f"earlier-{name}", machine.user(), machine.user())
    earlier = "--cert /etc/cpss-registry/earlier-registrar.crt --key /etc/cpss-registry/earlier-registrar.key"
    headings = [heading for heading, _ in blocks("docs/ca-rotation.md")]
    for heading in headings[:-1]:
        story.follow("docs/ca-rotation.md", heading)
        reload(machine)
        asked(machine, earlier, NOBODY)
    story.follow("docs/ca-rotation.md", headings[-1])
    reload(machine)
    asked(machine, earlier, 1)
    asked(machine, REGISTRAR, NOBODY)
    refused = [line for line in machine.log.read_text().splitlines() if "client_certificate_refused" in line]
    if not any("urn:cpss:client:registrar" in line for line in refused):
        sys.exit("install: the log does not name the client with the earlier certificate")


def upgrade(machine, story):
    """Puts the data directory of the last release in the place of this one, and goes on with it."""
    machine.run("systemctl stop cpss-registry")
    data = machine.root / "var/lib/cpss-registry"
    shutil.rmtree(data)
    packed = TOP / "tests/it/upgrade/release.tar.gz"
    subprocess.run(["tar", "-xzf", packed, "-C", data.parent, "--no-same-owner"], check=True)
    (data.parent / "release").rename(data)
    for path in [data, *data.rglob("*")]:
        shutil.chown(path, machine.user(), machine.user())
    answers = (TOP / "tests/it/upgrade/answers.jsonl").read_text().splitlines()
    registry = json.loads(answers[0])["answer"]["epoch"]
    machine.run(f"sed -i 's/^registry = .*/registry = \"{registry}\"/' /etc/cpss-registry/config.toml")
    say("the machine has the data of the last release")
    pages = [heading for heading, _ in blocks("docs/upgrade.md")]
    story.follow("docs/upgrade.md", pages[0])
    story.follow("docs/upgrade.md", pages[1], {"systemctl start": 1})
    refused_for_semantics(machine)
    story.follow("docs/upgrade.md", pages[2])
    asked(machine, f"{REGISTRAR} --known-at 107 --as-of 2026-03-02", 0)
    # This is the only release there is: it asks again, because the step back undoes what was agreed.
    story.follow("docs/upgrade.md", pages[3], {"systemctl start": 1})
    refused_for_semantics(machine)
    machine.run("runuser -u cpss-registry -- cpss-registry check --data-dir /var/lib/cpss-registry/restored")


def refused_for_semantics(machine):
    if machine.service.returncode != 2 or SEMANTICS not in machine.log.read_text():
        sys.exit(f"install: the start should ask first:\n{machine.log.read_text()}")


def main():
    binary, root = sys.argv[1:]
    machine = Machine(root)
    try:
        release(machine, binary)
        story = Story(machine)
        install_and_operate(machine, story)
        lose_the_disk(machine, story)
        rotate_the_authority(machine, story)
        upgrade(machine, story)
        story.all_were_run()
    finally:
        machine.stop()
        machine.log.unlink(missing_ok=True)
    say(f"done; {len(story.run_blocks)} blocks of commands")


main()

"""The jobs of a client, whichever port it uses: `grpc_client.py` and `http_client.py` run them. README.md says how."""

import concurrent.futures
import csv
import os
import pathlib
import sys
import time
import uuid

BATCH_SIZE = 1000
# The registry takes 64 batches of a client at a time. Four keep it busy.
BATCHES_AT_ONCE = 4
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 4
POSITION = pathlib.Path("position")
REQUESTS = pathlib.Path("requests")


class Refusal(Exception):
    """An error of the registry, or no answer at all. Decide on `reason`; it is empty if the registry gave none."""

    def __init__(self, reason, message, faults=(), is_unavailable=False):
        lines = [f"  {field}: {description}" for field, description in faults]
        super().__init__("\n".join([f"{reason}:", *lines]) if lines else f"{reason}: {message}")
        self.reason = reason
        self.is_unavailable = is_unavailable


def environment():
    """The address of the registry, the file of its authority, and the token. The token's file ends with a line break."""
    token = pathlib.Path(os.environ["REGISTRY_TOKEN"]).read_text(encoding="ascii").strip()
    return os.environ["REGISTRY"], os.environ["REGISTRY_CA"], token


def replace(path, text):
    """Writes a file whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_text(text + "\n", encoding="ascii")
    new.replace(path)


def claims(registry, path):
    """Asks about the claims in a CSV file, in batches, and prints one line for each."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    began = time.monotonic()
    batches = [rows[at : at + BATCH_SIZE] for at in range(0, len(rows), BATCH_SIZE)]
    with concurrent.futures.ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        answers = [answer for batch in pool.map(registry.check, batches) for answer in batch]
    seconds = time.monotonic() - began
    for at, answer in enumerate(answers, start=1):
        print(at, answer)
    print(f"{len(answers)} claims in {seconds:.2f} s", file=sys.stderr)


def request_id(report):
    """The request id of a report. It is in a file before the report is sent, so that the report has the same id when this
    program is run again."""
    path = REQUESTS / report
    if not path.exists():
        REQUESTS.mkdir(exist_ok=True)
        replace(path, str(uuid.uuid4()))
    return path.read_text(encoding="ascii").strip()


def end(registry, number, last_day):
    """Reports the last day of work of the holder of a credential."""
    print("revision", registry.end(request_id(f"end-{number}-{last_day}"), number, last_day))


def watch(registry):
    """Prints the changes of each record, and goes on where it ended the last time, also after a restart of the registry."""
    pause = FIRST_PAUSE_SECONDS

    def commit(changes, position):
        nonlocal pause
        pause = FIRST_PAUSE_SECONDS
        # A copy of the registry stores the changes and the position in one transaction.
        print(f"revision {position.split('/')[1]}: {len(changes)} changes", flush=True)
        replace(POSITION, position)

    while True:
        try:
            registry.follow(POSITION.read_text(encoding="ascii").strip() if POSITION.exists() else "", commit)
        except Refusal as refusal:
            if not refusal.is_unavailable:
                raise
            print("the feed ended, and goes on:", refusal, file=sys.stderr)
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


def run(registry):
    """Runs the command of the arguments."""
    try:
        match sys.argv[1:]:
            case ["verify", number]:
                print(registry.verify(number))
            case ["claims", path]:
                claims(registry, path)
            case ["end", number, last_day]:
                end(registry, number, last_day)
            case ["watch"]:
                watch(registry)
            case _:
                sys.exit("usage: verify NUMBER | claims FILE | end NUMBER LAST-DAY | watch")
    except Refusal as refusal:
        sys.exit(str(refusal))

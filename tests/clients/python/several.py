"""Calls two registries by one channel: both answer, and when one is stopped, no call fails. The registries are separate ones,
so that an answer tells which gave it.

    python several.py --service-config ../service-config.json --first 127.0.0.1:1 --second 127.0.0.1:2 --end PID-OF-FIRST
"""

import argparse
import collections
import os
import pathlib
import signal
import time

import grpc

from registry import Registry

NOT_ON_FILE = {"item": {"credential_number": "CPS-0000-0000-1"}}
CALLS = 200
PAUSE_SECONDS = 0.01


def asked(registry):
    """How many of the calls each registry answered, by its epoch."""
    answers = collections.Counter()
    for _ in range(CALLS):
        answers[registry.call("VerifyCredential", NOT_ON_FILE).verification.answer.epoch] += 1
        time.sleep(PAUSE_SECONDS)
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service-config", required=True, type=pathlib.Path)
    parser.add_argument("--first", required=True)
    parser.add_argument("--second", required=True)
    parser.add_argument("--end", required=True, type=int)
    arguments = parser.parse_args()
    with grpc.insecure_channel(arguments.first) as channel:
        learned = Registry(channel)
    options = [
        ("grpc.service_config", arguments.service_config.read_text(encoding="utf-8")),
        # The name of them all. Without it the list of addresses would be sent as the name.
        ("grpc.default_authority", "localhost"),
    ]
    with grpc.insecure_channel(f"ipv4:{arguments.first},{arguments.second}", options=options) as channel:
        registry = Registry(channel, learned)
        both = asked(registry)
        assert len(both) == 2, f"one of the two got every call: {both}"
        os.kill(arguments.end, signal.SIGTERM)
        one = asked(registry)
    print(f"several: {sorted(both.values())} calls before one ended, {sorted(one.values())} after, none failed")


main()

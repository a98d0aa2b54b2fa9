"""Calls a registry until SIGTERM, with the retry policy of a service config: no call may fail, however often
the registry is restarted meanwhile, and every write is recorded exactly once. Needs a registry served with `--dev`.

    python restarts.py --endpoint 127.0.0.1:50051 --service-config ../service-config.json --kills kills

Whoever kills the registry appends the time to the file of --kills, in seconds since 1970, before and after each kill. A call
may be cut off in the midst of its response only by a kill.
"""

import argparse
import pathlib
import random
import signal
import sys
import threading
import time
import uuid

import grpc

from registry import Refusal, Registry

READERS = 4
WRITERS = 2
PAUSE_SECONDS = 0.005
ASKED_AGAIN = 500
NOT_ON_FILE = {"credential_number": "CPS-0000-0000-1"}


class Load:
    """Threads that call, and what became of their calls."""

    def __init__(self, registry, kills):
        self.registry = registry
        self.kills = kills
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.calls = 0
        self.cut_off = 0
        self.longest = 0.0
        self.failed = []
        self.written = []

    def call(self, method, fields):
        began = time.monotonic()
        try:
            return self.repeated_if_cut_off(method, fields)
        except Refusal as refused:
            with self.lock:
                self.failed.append(f"{method}: {refused}")
        finally:
            with self.lock:
                self.calls += 1
                self.longest = max(self.longest, time.monotonic() - began)

    def repeated_if_cut_off(self, method, fields):
        """Calls once more if the registry was killed in the midst of a response, which gRPC does not repeat."""
        began = time.time()
        try:
            return self.registry.call(method, fields)
        except Refusal as refused:
            if refused.code is not grpc.StatusCode.UNAVAILABLE or refused.details or not self.met_a_kill(began):
                raise
        with self.lock:
            self.cut_off += 1
        return self.registry.call(method, fields)

    def met_a_kill(self, began):
        """Returns whether the registry was killed while a call that began then was under way."""
        times = self.kills.read_text(encoding="utf-8").split()
        is_under_way = len(times) % 2 == 1
        return is_under_way or (bool(times) and began <= float(times[-1]))

    def read(self):
        while not self.stopped.is_set():
            self.call("VerifyCredential", {"item": NOT_ON_FILE})
            self.call("BatchVerifyCredentials", {"items": [NOT_ON_FILE] * 50})
            time.sleep(PAUSE_SECONDS)

    def write(self):
        while not self.stopped.is_set():
            request = {
                "request_id": str(uuid.uuid4()),
                "name": {"given_name": "Rosalind", "family_name": "Example"},
                "birth_date": {"year": 1984, "month": 2, "day": 29},
            }
            answer = self.call("RegisterSpecialist", request)
            if answer is not None:
                with self.lock:
                    self.written.append((request, answer.fact_id))
            time.sleep(PAUSE_SECONDS)

    def run(self):
        threads = [threading.Thread(target=self.read) for _ in range(READERS)]
        threads += [threading.Thread(target=self.write) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        self.stopped.wait()
        for thread in threads:
            thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--service-config", required=True, type=pathlib.Path)
    parser.add_argument("--kills", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    options = [("grpc.service_config", arguments.service_config.read_text(encoding="utf-8"))]
    with grpc.insecure_channel(arguments.endpoint, options=options) as channel:
        load = Load(Registry(channel), arguments.kills)
        signal.signal(signal.SIGTERM, lambda *_: load.stopped.set())
        load.run()
        facts = {fact for _, fact in load.written}
        assert len(facts) == len(load.written) > 0, "each write is a fact of its own"
        # Those of all times: to ask for each of them again would take as long as they did.
        for request, fact in random.sample(load.written, min(len(load.written), ASKED_AGAIN)):
            again = load.registry.call("RegisterSpecialist", request).fact_id
            assert again == fact, f"the same request is another fact: {again}, {fact}"
    print(
        f"restarts: {load.calls} calls, {load.cut_off} cut off and repeated, {len(load.failed)} failed, "
        f"the longest took {load.longest:.1f} s; {len(load.written)} writes recorded once each"
    )
    for failure in load.failed[:20]:
        print(f"restarts: {failure}", file=sys.stderr)
    return 1 if load.failed or not load.calls else 0


if __name__ == "__main__":
    sys.exit(main())

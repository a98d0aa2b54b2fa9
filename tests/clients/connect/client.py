"""A client on connectrpc, the Connect client for Python: the main job by a token.

    python client.py begin|go-on DIRECTORY URL NUMBER LAST-DAY

DIRECTORY has what the operator of the registry sends (ca.crt, hr.token), and keeps memory.json between the two parts.
"""

import datetime
import json
import pathlib
import sys
import time
import uuid

from connectrpc.code import Code
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from gen.google.rpc import error_details_pb
from gen.google.rpc.error_details_pb import BadRequest, ErrorInfo
from gen.google.type.date_pb import Date
from gen.ms.dmh.credential.v1.change_pb import ChangePosition
from gen.ms.dmh.credential.v1.change_service_connect import ChangeServiceClientSync
from gen.ms.dmh.credential.v1.change_service_pb import WatchChangesRequest
from gen.ms.dmh.credential.v1.employment_pb import EmploymentEndReason
from gen.ms.dmh.credential.v1.employment_service_connect import EmploymentServiceClientSync
from gen.ms.dmh.credential.v1.employment_service_pb import ReportEmploymentEndRequest
from gen.ms.dmh.credential.v1.standing_pb import Verdict
from gen.ms.dmh.credential.v1.verification_service_connect import VerificationServiceClientSync
from gen.ms.dmh.credential.v1.verification_service_pb import (
    BatchVerifyCredentialsRequest,
    VerificationItem,
    VerifyCredentialRequest,
)
from protobuf import Oneof, Registry as Types
from pyqwest import SyncClient, SyncHTTPTransport

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.5
CALL_MS = 10_000


class Registry:
    """A registry at one address, with the identity of a caller."""

    def __init__(self, url, directory, codec):
        # The token's file ends with a line break.
        self.headers = {"authorization": "Bearer " + (directory / "hr.token").read_text().strip()}
        http = SyncClient(SyncHTTPTransport(tls_ca_cert=(directory / "ca.crt").read_bytes()))
        # The registry takes messages without compression alone.
        options = {"http_client": http, "codec": codec, "send_compression": None}
        self.verification = VerificationServiceClientSync(url, **options)
        self.employment = EmploymentServiceClientSync(url, **options)
        self.change = ChangeServiceClientSync(url, **options)

    def call(self, method, request):
        """Calls, and repeats the call while the registry is unavailable. A write has a request id: it is recorded once."""
        for attempt in range(ATTEMPTS):
            try:
                return method(request, headers=self.headers, timeout_ms=CALL_MS)
            except ConnectError as error:
                if error.code != Code.UNAVAILABLE or attempt == ATTEMPTS - 1:
                    raise
            time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)

    def verify(self, number):
        verdict = self.call(self.verification.verify_credential, VerifyCredentialRequest(item=item(number))).verification
        assert verdict.verdict == Verdict.CONFIRMED, verdict
        items = [item(number), item(number, as_of=Date(year=2026, month=2, day=30)), item("CPS-0000-0000-0")]
        batch = self.call(self.verification.batch_verify_credentials, BatchVerifyCredentialsRequest(items=items))
        outcomes = [result.outcome for result in batch.results]
        assert [outcome.field for outcome in outcomes] == ["verification", "error", "verification"], outcomes
        [bad] = [detail for detail in outcomes[1].value.details if detail.type_url.endswith("google.rpc.BadRequest")]
        assert bad.unpack(BadRequest).field_violations[0].field.endswith("as_of"), bad

    def end(self, memory):
        """Reports an end. Returns the number of the record."""
        report = {
            "request_id": memory["request_id"],
            "job": Oneof("credential_number", memory["number"]),
            "reason": EmploymentEndReason.RESIGNED,
        }
        early = ReportEmploymentEndRequest(**report, last_day=Date(year=1850, month=1, day=1))
        refused = refusal(lambda: self.call(self.employment.report_employment_end, early))
        assert refused == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", ["last_day"]), refused
        request = ReportEmploymentEndRequest(**report, last_day=date(memory["last_day"]))
        return self.call(self.employment.report_employment_end, request).revision

    def changes(self, epoch="", after=0):
        """The numbers of the records after a position, up to the head, and the epoch of the last of them."""
        revisions = []
        request = WatchChangesRequest(after=ChangePosition(epoch=epoch, revision=after))
        stream = self.change.watch_changes(request, headers=self.headers)
        for response in stream:
            if response.event.field == "progress":  # up to the head
                break
            message = response.event.value
            if message.last_part:
                revisions.append(message.revision)
                epoch = message.epoch
        stream.close()
        return revisions, epoch


def item(number, **more):
    return VerificationItem(subject=Oneof("credential_number", number), **more)


def date(text):
    day = datetime.date.fromisoformat(text)
    return Date(year=day.year, month=day.month, day=day.day)


def refusal(call):
    """The error of a call that has to be refused: its code, the reason in its ErrorInfo, the fields in its BadRequest."""
    try:
        call()
    except ConnectError as error:
        details = {detail.type_name: detail for detail in error.details}
        reason = details["google.rpc.ErrorInfo"].value(ErrorInfo).reason
        violations = details["google.rpc.BadRequest"].value(BadRequest).field_violations
        return error.code, reason, [violation.field for violation in violations]
    raise AssertionError("this call has to be refused")


def begin(registry, number, last_day):
    registry.verify(number)
    memory = {"number": number, "last_day": last_day, "request_id": str(uuid.uuid4())}
    memory["revision"] = registry.end(memory)
    revisions, memory["epoch"] = registry.changes()
    assert revisions[-1] == memory["revision"], (revisions, memory)
    assert len(set(revisions)) == len(revisions), revisions
    return memory


def go_on(registry, memory):
    revision, epoch = memory["revision"], memory["epoch"]
    assert registry.end(memory) == revision, "a report that is sent twice is recorded once"
    assert registry.changes(epoch, revision)[0] == [], "nothing was recorded since"
    assert registry.changes(epoch, revision - 1)[0] == [revision], "the last record alone"


def main():
    part, directory, url, number, last_day = sys.argv[1:]
    directory = pathlib.Path(directory)
    memory = directory / "memory.json"
    if part == "begin":
        # The errors of single items are messages within messages. As JSON they are read with a registry of their types.
        registry = Registry(url, directory, proto_json_codec(Types(error_details_pb.desc())))
        memory.write_text(json.dumps(begin(registry, number, last_day)))
    else:
        go_on(Registry(url, directory, proto_binary_codec()), json.loads(memory.read_text()))
    print(f"ok      connect for Python: {part}")


main()

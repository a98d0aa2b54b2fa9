"""The Python code that proto/README.md shows, run against a registry with TLS. It uses the code that is generated from
the contract, in a directory that PYTHONPATH names. `tests/clients/secured.sh` starts the registry and runs this.

    guide.py DIRECTORY ANOTHER-REGISTRYS-DIRECTORY HOST:PORT
"""

import pathlib
import sys
import uuid

import grpc
from google.rpc import error_details_pb2, status_pb2
from google.type import date_pb2
from ms.dmh.credential.v1 import (
    change_pb2,
    change_service_pb2,
    change_service_pb2_grpc,
    common_pb2,
    credential_service_pb2,
    credential_service_pb2_grpc,
    standing_pb2,
    verification_service_pb2,
    verification_service_pb2_grpc,
)

RETRIES = (pathlib.Path(__file__).parent.parent / "service-config.json").read_text(encoding="utf-8")
OPTIONS = [("grpc.service_config", RETRIES), ("grpc.keepalive_time_ms", 30_000), ("grpc.enable_http_proxy", 0)]
NOT_ON_FILE = "CPS-0000-0000-0"


def with_certificate(endpoint, authority, certificate, key):
    credentials = grpc.ssl_channel_credentials(
        root_certificates=pathlib.Path(authority).read_bytes(),
        private_key=pathlib.Path(key).read_bytes(),
        certificate_chain=pathlib.Path(certificate).read_bytes(),
    )
    return grpc.secure_channel(endpoint, credentials, OPTIONS)


def with_token(endpoint, authority, token):
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(root_certificates=pathlib.Path(authority).read_bytes()),
        grpc.access_token_call_credentials(token),
    )
    return grpc.secure_channel(endpoint, credentials, OPTIONS)


def verify(channel, number, min_token=""):
    request = verification_service_pb2.VerifyCredentialRequest(
        item=verification_service_pb2.VerificationItem(credential_number=number),
        min_token=min_token,
    )
    stub = verification_service_pb2_grpc.VerificationServiceStub(channel)
    return stub.VerifyCredential(request, timeout=10).verification


def verify_again(channel, number, answer):
    """Asks the same question from the same records. The answer has the same bytes, except that `token` is unset."""
    request = verification_service_pb2.VerifyCredentialRequest(
        item=verification_service_pb2.VerificationItem(credential_number=number, as_of=answer.as_of),
        known_at=common_pb2.KnownAt(epoch=answer.epoch, revision=answer.known_at_revision),
    )
    stub = verification_service_pb2_grpc.VerificationServiceStub(channel)
    return stub.VerifyCredential(request, timeout=10).verification


def register(channel, given_name, family_name, birth_date, request_id):
    """Send the same request_id when you try again: the write is recorded once."""
    request = credential_service_pb2.RegisterSpecialistRequest(
        request_id=request_id,
        name=common_pb2.PersonName(given_name=given_name, family_name=family_name),
        birth_date=birth_date,
    )
    return credential_service_pb2_grpc.CredentialServiceStub(channel).RegisterSpecialist(request, timeout=10)


def details(error):
    """What `explained` returns, of a grpc.RpcError."""
    metadata = dict(error.trailing_metadata() or ())
    return explained(status_pb2.Status.FromString(metadata.get("grpc-status-details-bin", b"")))


def explained(status):
    """The reason of an error, the faulty fields, and the seconds to wait before the next try."""
    reason, fields, wait = "", {}, None
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            fields = {fault.field: fault.description for fault in bad.field_violations}
        elif detail.Unpack(retry):
            wait = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, fields, wait


def follow(channel, position, commit):
    """Calls `commit(changes, position)` once for each record after `position`."""
    changes = []
    request = change_service_pb2.WatchChangesRequest(after=position)
    for response in change_service_pb2_grpc.ChangeServiceStub(channel).WatchChanges(request):
        if response.WhichOneof("event") != "message":
            continue
        changes.extend(response.message.changes)
        if response.message.last_part:
            position = change_pb2.ChangePosition(epoch=response.message.epoch, revision=response.message.revision)
            commit(changes, position)
            changes = []


class Reached(Exception):
    """The feed has come to the record that was waited for."""


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), *details(error)
    raise AssertionError("the call had to be refused")


def main():
    directory, _, endpoint = sys.argv[1:]
    place = pathlib.Path(directory)
    authority = place / "ca.crt"
    with with_token(endpoint, authority, (place / "hr.token").read_text(encoding="utf-8").strip()) as provider:
        verification = verify(provider, NOT_ON_FILE)
        assert verification.verdict == standing_pb2.VERDICT_NOT_CONFIRMED, verification
        assert list(verification.reasons)[0] == standing_pb2.REASON_CREDENTIAL_NOT_ON_FILE, verification
    print("ok      a token")

    with with_certificate(endpoint, authority, place / "registrar.crt", place / "registrar.key") as registrar:
        request_id = str(uuid.uuid4())
        born = date_pb2.Date(year=1980, month=5, day=17)
        receipt = register(registrar, "Amparo", "Example", born, request_id)
        assert register(registrar, "Amparo", "Example", born, request_id) == receipt, "the write is recorded once"
        verification = verify(registrar, NOT_ON_FILE, min_token=receipt.token)
        assert verification.answer.known_at_revision >= receipt.revision, verification
        again = verify_again(registrar, NOT_ON_FILE, verification.answer)
        verification.answer.ClearField("token")
        assert again.SerializeToString() == verification.SerializeToString(), "the same bytes"
        print("ok      a certificate, a write that is repeated, a token of knowledge, and the same answer again")

        code, reason, fields, _ = refused(lambda: register(registrar, "Amparo", "", born, "not-a-uuid"))
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"), (code, reason)
        assert set(fields) == {"request_id", "name.family_name"}, fields
        print("ok      the details of an error")

        seen = []

        def commit(changes, position):
            seen.append((position.revision, len(changes)))
            if position.revision == receipt.revision:
                raise Reached

        try:
            follow(registrar, change_pb2.ChangePosition(), commit)
        except Reached:
            pass
        assert [revision for revision, _ in seen] == list(range(1, receipt.revision + 1)), seen
        print("ok      the feed, from the beginning")


if __name__ == "__main__":
    main()

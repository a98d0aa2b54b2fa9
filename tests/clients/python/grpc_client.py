"""A client of the registry on its gRPC port, with the code that is generated from the contract. README.md says how to run
it; `guide.py` has what it shares with proto/README.md."""

import contextlib

import grpc
from google.type import date_pb2
from ms.dmh.credential.v1 import (
    change_pb2,
    employment_pb2,
    employment_service_pb2,
    employment_service_pb2_grpc,
    standing_pb2,
    verification_service_pb2,
    verification_service_pb2_grpc,
)

import guide
import jobs

CALL_SECONDS = 10


class Registry:
    """A registry at one address, with the identity of a caller. The channel repeats calls as service-config.json says."""

    def __init__(self, channel):
        self.channel = channel
        self.questions = verification_service_pb2_grpc.VerificationServiceStub(channel)
        self.reports = employment_service_pb2_grpc.EmploymentServiceStub(channel)

    def verify(self, number):
        with refusals():
            verification = guide.verify(self.channel, number)
        reasons = [standing_pb2.Reason.Name(reason) for reason in verification.reasons]
        return " ".join([standing_pb2.Verdict.Name(verification.verdict), *reasons])

    def check(self, rows):
        """The verdict, or the error, of each claim of a batch."""
        items = [
            verification_service_pb2.EligibilityItem(
                credential_number=row["credential_number"],
                provider_id=row["provider_id"],
                date_of_service=date(row["date_of_service"]),
                units=int(row["units"]),
            )
            for row in rows
        ]
        request = verification_service_pb2.BatchCheckBillingEligibilityRequest(items=items)
        with refusals():
            response = self.questions.BatchCheckBillingEligibility(request, timeout=CALL_SECONDS)
        return [verdict(result) for result in response.results]

    def end(self, request_id, number, last_day):
        report = employment_service_pb2.ReportEmploymentEndRequest(
            request_id=request_id,
            credential_number=number,
            last_day=date(last_day),
            reason=employment_pb2.EMPLOYMENT_END_REASON_RESIGNED,
        )
        with refusals():
            return self.reports.ReportEmploymentEnd(report, timeout=CALL_SECONDS).revision

    def follow(self, position, commit):
        """Calls `commit(changes, position)` once for each record after a position, until the feed ends."""
        after = None
        if position:
            epoch, revision = position.split("/")
            after = change_pb2.ChangePosition(epoch=epoch, revision=int(revision))
        with refusals():
            guide.follow(self.channel, after, lambda changes, at: commit(changes, f"{at.epoch}/{at.revision}"))


@contextlib.contextmanager
def refusals():
    """Turns errors of gRPC into refusals."""
    try:
        yield
    except grpc.RpcError as error:
        reason, faults, _ = guide.details(error)
        is_unavailable = error.code() is grpc.StatusCode.UNAVAILABLE
        raise jobs.Refusal(reason, error.details(), faults.items(), is_unavailable) from error


def date(text):
    """A date of the contract. The registry finds out whether the day exists."""
    year, month, day = map(int, text.split("-"))
    return date_pb2.Date(year=year, month=month, day=day)


def verdict(result):
    if not result.HasField("error"):
        return standing_pb2.Verdict.Name(result.eligibility.verdict)
    return f"{guide.explained(result.error)[0]} {result.error.message}"


if __name__ == "__main__":
    with guide.with_token(*jobs.environment()) as registry:
        jobs.run(Registry(registry))

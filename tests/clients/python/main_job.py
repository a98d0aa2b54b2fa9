"""The registry's main job, done by an independent client: from an empty registry to a credential revoked by the loss of
employment. Needs an empty registry served with `--dev --no-sample --today DATE`; every person in here is invented.

    python main_job.py --endpoint 127.0.0.1:50051 --today 2026-03-02
"""

import argparse
import datetime
import sys
import traceback
import uuid

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from registry import SERVICES, Refusal, Registry

QUALIFIED_FROM = datetime.date(2020, 1, 1)
HIRED = datetime.date(2024, 1, 8)
EFFECTIVE_FROM = datetime.date(2024, 6, 3)
TERM_LAST_DAY = datetime.date(2027, 9, 30)  # the first cohort date, 30 September 2015 + 4k years, from then on
NOT_ON_FILE = "CPS-0000-0000-0"

# What cpssp-2025 asks for, and no more.
APPLICATION = {
    "applied_on": {"year": 2024, "month": 5, "day": 1},
    "mississippi_resident": True,
    "lived_experience": "LIVED_EXPERIENCE_SELF",
    "recovery_attested": True,
    "education": "EDUCATION_GED",
    "literate": True,
    "experience_hours": 120,
    "experience_within_three_years": True,
    "references": 2,
    "trainings": [
        {
            "completed_on": {"year": 2024, "month": 3, "day": 15},
            "designation": "DESIGNATION_ADULT_AND_RECOVERY",
            "hours": 40,
            "pre_training_completed": True,
        }
    ],
    "exam_attempts": [{"taken_on": {"year": 2024, "month": 4, "day": 20}, "score": 80}],
}


def wire(day):
    """A civil date as google.type.Date has it."""
    return {"year": day.year, "month": day.month, "day": day.day}


def civil(date):
    """A google.type.Date as a civil date."""
    return datetime.date(date.year, date.month, date.day)


def days(count):
    return datetime.timedelta(days=count)


def promised(verification):
    """Returns the bytes of an answer that never change: all but the token, which an answer by `known_at` lacks."""
    copy = type(verification)()
    copy.CopyFrom(verification)
    copy.answer.ClearField("token")
    return copy.SerializeToString(deterministic=True)


def same(found, expected, what):
    assert found == expected, f"{what}: expected {expected}, got {found}"


class MainJob:
    def __init__(self, registry, channel, today):
        self.registry = registry
        self.channel = channel
        self.today = today

    # Steps of the scenarios.

    def report(self, method, **fields):
        """One mutation under a new request_id, with what every mutation promises checked."""
        response = self.registry.call(method, {"request_id": str(uuid.uuid4()), **fields})
        assert response.fact_id and response.fact_ids[0] == response.fact_id, f"{method}: fact_ids[0] is fact_id"
        assert response.revision > 0 and uuid.UUID(response.epoch), f"{method}: says its revision and epoch"
        same(len(response.changes), min(response.change_count, 100), f"{method}: changes shown of change_count")
        return response

    def provider(self, name):
        """A qualified provider: its id and the fact that qualifies it."""
        registered = self.report(
            "RegisterProvider",
            legal_name=name,
            facility_type="FACILITY_TYPE_COMMUNITY_MENTAL_HEALTH_CENTER",
            county="Hinds",
        )
        provider_id = registered.provider.provider_id
        qualified = self.report(
            "RecordQualification",
            provider_id=provider_id,
            basis="QUALIFICATION_BASIS_DMH_CERTIFIED",
            first_day=wire(QUALIFIED_FROM),
        )
        same([period.fact_id for period in qualified.provider.periods], [qualified.fact_id], f"{name}: its periods")
        return provider_id, qualified.fact_id

    def employ(self, specialist_id, provider_id):
        started = self.report(
            "ReportEmploymentStart",
            specialist_id=specialist_id,
            provider_id=provider_id,
            position="Peer support specialist",
            first_day=wire(HIRED),
            supervised=True,
        )
        return started.employment.employment_id

    def credentialed(self, given_name, family_name, *provider_ids):
        """A person employed by these providers and credentialed: the credential, and the jobs' ids."""
        registered = self.report(
            "RegisterSpecialist",
            name={"given_name": given_name, "family_name": family_name},
            birth_date=wire(datetime.date(1984, 2, 29)),
        )
        specialist_id = registered.specialist.specialist_id
        jobs = [self.employ(specialist_id, provider_id) for provider_id in provider_ids]
        issued = self.report(
            "IssueCredential",
            specialist_id=specialist_id,
            application=APPLICATION,
            effective_from=wire(EFFECTIVE_FROM),
            designations=["DESIGNATION_ADULT_AND_RECOVERY"],
        )
        same(civil(issued.credential.effective_from), EFFECTIVE_FROM, "effective_from of the credential issued")
        same(civil(issued.credential.term_last_day), TERM_LAST_DAY, "last day of its term")
        return issued.credential, jobs

    def question(self, number, as_of=None, revision=None, **item):
        fields = {"item": {"credential_number": number, **item}}
        if as_of is not None:
            fields["item"]["as_of"] = wire(as_of)
        if revision is not None:
            fields["known_at"] = {"revision": revision}
        return fields

    def verify(self, number, as_of=None, revision=None, metadata=(), **item):
        fields = self.question(number, as_of, revision, **item)
        return self.registry.call("VerifyCredential", fields, metadata).verification

    def reasons(self, verification):
        return self.registry.names("Reason", verification.reasons)

    def confirmed(self, verification, what):
        """CONFIRMED, with nothing but the reminder that employers still have time to report."""
        (verdict,) = self.registry.names("Verdict", [verification.verdict])
        same(verdict, "VERDICT_CONFIRMED", f"{what} (reasons {self.reasons(verification)})")
        open_window = [] if verification.answer.settled else ["REASON_REPORTING_WINDOW_OPEN"]
        same(self.reasons(verification), open_window, f"{what}: reasons")
        assert verification.holds_credential and verification.may_use_title and verification.may_practice, what

    def revoked(self, verification, what):
        """NOT_CONFIRMED for the loss of employment, with every reason in the order of the semantics."""
        (verdict,) = self.registry.names("Verdict", [verification.verdict])
        same(verdict, "VERDICT_NOT_CONFIRMED", f"{what} (reasons {self.reasons(verification)})")
        expected = ["REASON_REVOKED_LOSS_OF_EMPLOYMENT", "REASON_NO_QUALIFYING_EMPLOYMENT"]
        if not verification.answer.settled:
            expected.append("REASON_REPORTING_WINDOW_OPEN")
        same(self.reasons(verification), expected, f"{what}: reasons")
        for field in ("holds_credential", "may_use_title", "may_practice"):
            assert verification.HasField(field) and not getattr(verification, field), f"{what}: {field} is false"

    def standing_changes(self, changes):
        """(number, first day, last day or None, from, to, reason) of the standing changes in a list."""
        rows = []
        for change in changes:
            if change.WhichOneof("change") != "standing":
                continue
            it = change.standing
            last_day = civil(it.last_day) if it.HasField("last_day") else None
            names = self.registry.names("Standing", [it.from_standing, it.to_standing])
            reason = self.registry.names("Reason", [it.reason])
            rows.append((it.credential_number, civil(it.first_day), last_day, *names, *reason))
        return rows

    def revocation(self, number, first_day, last_day=None):
        return (
            number,
            first_day,
            last_day,
            "STANDING_CURRENT",
            "STANDING_REVOKED_LOSS_OF_EMPLOYMENT",
            "REASON_REVOKED_LOSS_OF_EMPLOYMENT",
        )

    # The scenarios, run in the order they stand in.

    def test_health_says_serving(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", "readiness", "liveness", *SERVICES):
            status = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status
            same(status, health_pb2.HealthCheckResponse.SERVING, f"health of {service!r}")
        try:
            health.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=5)
        except grpc.RpcError as error:
            same(error.code(), grpc.StatusCode.NOT_FOUND, "health of a service that does not exist")
        else:
            raise AssertionError("health of a service that does not exist was answered")

    def test_reflection_lists_every_service(self):
        missing = {*SERVICES, "grpc.health.v1.Health"} - set(self.registry.database.get_services())
        assert not missing, f"reflection does not list {sorted(missing)}"

    def test_loss_of_employment_revokes_the_day_after_the_last_day_worked(self):
        last_day = self.today - days(5)
        provider_id, _ = self.provider("Pearl River Example Mental Health Center")
        credential, (job,) = self.credentialed("Odalys", "Abernathy-Example", provider_id)
        number = credential.credential_number

        before = self.verify(number)
        self.confirmed(before, "while employed, as of today")
        same(civil(before.answer.as_of), self.today, "an unset as_of means today")
        same(before.answer.rule_set_id, "cpssp-2025", "the rule set in force")
        same(before.credential.credential_number, number, "the credential shown")
        self.confirmed(self.verify(number, family_name="ABERNATHY EXAMPLE"), "the family name, written otherwise")
        self.confirmed(self.verify(number, provider_id=provider_id), "asked about the employer")
        earlier_answer = self.verify(number, as_of=self.today)

        ended = self.report(
            "ReportEmploymentEnd",
            employment_id=job,
            last_day=wire(last_day),
            reason="EMPLOYMENT_END_REASON_RESIGNED",
        )
        same(civil(ended.employment.last_day), last_day, "the job's last day")
        same(
            self.standing_changes(ended.changes),
            [self.revocation(number, last_day + days(1))],
            "the response to the report lists the revocation",
        )
        same(ended.specialist_count, 1, "people touched")

        after = self.verify(number)
        self.revoked(after, "after the report, as of today")
        same(after.answer.known_at_revision, ended.revision, "the revocation is in the report's own revision")
        self.revoked(self.verify(number, as_of=last_day + days(1)), "the day after the last day worked")
        self.confirmed(self.verify(number, as_of=last_day), "the last day worked")

        earlier = before.answer.known_at_revision
        assert earlier < ended.revision, "the report is a revision of its own"
        again = self.verify(number, as_of=self.today, revision=earlier)
        self.confirmed(again, "as it was known before the report")
        same(
            promised(again),
            promised(earlier_answer),
            "an answer asked for again with its known_at is the same byte for byte",
        )

    def test_end_of_a_qualification_revokes_every_dependent_in_one_revision(self):
        closing, qualification = self.provider("Big Black Example Residential Center")
        staying, _ = self.provider("Tombigbee Example Outpatient Clinic")
        dependents = [self.credentialed("Casimir", f"Example-{n}", closing)[0].credential_number for n in "ABC"]
        elsewhere = self.credentialed("Ingrid", "Example-Ruiz", closing, staying)[0].credential_number

        last_day = self.today - days(3)
        end = {"fact_id": qualification, "last_day": wire(last_day), "reason": "Certification withdrawn"}
        expected = sorted(self.revocation(number, last_day + days(1)) for number in dependents)

        foretold = self.registry.call(
            "EndPeriod", {"request_id": str(uuid.uuid4()), "validate_only": True, **end}
        )
        same(self.standing_changes(foretold.changes), expected, "validate_only tells what would change")
        assert not foretold.fact_id, "validate_only records nothing"
        self.confirmed(self.verify(dependents[0]), "after validate_only")

        ended = self.report("EndPeriod", **end)
        same(ended.revision, foretold.revision + 1, "validate_only answers the head's revision and adds none")
        same(self.standing_changes(ended.changes), expected, "every dependent is revoked in that one revision")
        # The one who also works elsewhere is touched (this provider covers no more), and keeps the credential.
        same(ended.specialist_count, 4, "people touched")
        for number in dependents:
            self.revoked(self.verify(number), "employed only where the qualification ended")
            self.confirmed(self.verify(number, as_of=last_day), "the qualification's last day")
            self.confirmed(self.verify(number, revision=ended.revision - 1), "the revision before")
        self.confirmed(self.verify(elsewhere), "employed also by a provider that still qualifies")

    def test_an_invalid_request_is_told_everything_that_is_wrong(self):
        refused = self.registry.refusal(
            "ReportEmploymentEnd",
            {
                "request_id": "not-a-uuid",
                "credential_number": NOT_ON_FILE,
                "last_day": {"year": 2026, "month": 2, "day": 30},
                "note": "x" * 501,
            },
        )
        same(refused.code, grpc.StatusCode.INVALID_ARGUMENT, "a malformed request")
        assert refused.reason, "a stable reason"
        same(refused.fields, {"request_id", "last_day", "note", "reason"}, "the fields named, all of them")

        refused = self.registry.refusal("RegisterSpecialist", {"name": {"given_name": "Nobody"}})
        same(refused.code, grpc.StatusCode.INVALID_ARGUMENT, "an incomplete request")
        assert refused.reason, "a stable reason"
        same(refused.fields, {"request_id", "name", "birth_date"}, "the fields named, all of them")

    def test_a_request_id_is_answered_once(self):
        request = {
            "request_id": str(uuid.uuid4()),
            "legal_name": "Leaf River Example Day Treatment",
            "facility_type": "FACILITY_TYPE_DAY_TREATMENT",
            "county": "Forrest",
        }
        first = self.registry.call("RegisterProvider", request)
        same(self.registry.call("RegisterProvider", request), first, "the same request again")
        refused = self.registry.refusal("RegisterProvider", {**request, "county": "Lamar"})
        same(refused.code, grpc.StatusCode.ALREADY_EXISTS, "the same request_id with other content")
        same(refused.reason, "REQUEST_ID_REUSED", "its reason")

    def test_what_is_unknown_is_not_found_and_not_on_file(self):
        registered = self.report(
            "RegisterSpecialist",
            name={"given_name": "Rosalind", "family_name": "Example"},
            birth_date=wire(datetime.date(1990, 7, 4)),
        )
        start = {
            "specialist_id": registered.specialist.specialist_id,
            "provider_id": "no-such-provider",
            "position": "Peer support specialist",
            "first_day": wire(HIRED),
        }
        end = {
            "credential_number": NOT_ON_FILE,
            "last_day": wire(self.today),
            "reason": "EMPLOYMENT_END_REASON_OTHER",
        }
        for method, fields in (("ReportEmploymentStart", start), ("ReportEmploymentEnd", end)):
            refused = self.registry.refusal(method, {"request_id": str(uuid.uuid4()), **fields})
            same(refused.code, grpc.StatusCode.NOT_FOUND, f"{method} of what is not on file")
            assert refused.reason, "a stable reason"

        verification = self.verify(NOT_ON_FILE)
        (verdict,) = self.registry.names("Verdict", [verification.verdict])
        same(verdict, "VERDICT_NOT_CONFIRMED", "not on file is an answer")
        same(self.reasons(verification)[0], "REASON_CREDENTIAL_NOT_ON_FILE", "its reason")
        assert not verification.HasField("standing"), "a reason that stands alone comes without a standing"

    def test_what_is_not_known_yet_is_out_of_range(self):
        refused = self.registry.refusal("VerifyCredential", self.question(NOT_ON_FILE, revision=10**9))
        same(refused.code, grpc.StatusCode.OUT_OF_RANGE, "known_at beyond the head")
        assert refused.reason, "a stable reason"

    # The last one: it moves the registry's today.
    def test_a_day_that_opens_brings_what_was_foreseen(self):
        provider_id, _ = self.provider("Homochitto Example Clinic")
        credential, (job,) = self.credentialed("Wendell", "Example-O'Quinn", provider_id)
        number = credential.credential_number
        last_day = self.today + days(1)
        ended = self.report(
            "ReportEmploymentEnd",
            employment_id=job,
            last_day=wire(last_day),
            reason="EMPLOYMENT_END_REASON_POSITION_ENDED",
        )
        same(self.standing_changes(ended.changes), [], "nothing is foretold among the changes")
        same(
            [row[:2] for row in self.standing_changes(ended.foreseen_changes)][:1],
            [(number, last_day + days(1))],
            "the revocation is foreseen",
        )
        self.confirmed(self.verify(number), "before that day")

        opened = [("x-dev-today", (last_day + days(1)).isoformat())]
        after = self.verify(number, metadata=opened)
        same(civil(after.answer.as_of), last_day + days(1), "today, moved forward")
        self.revoked(after, "when that day has opened")
        refused = self.registry.refusal(
            "VerifyCredential", self.question(number), [("x-dev-today", self.today.isoformat())]
        )
        same(refused.code, grpc.StatusCode.INVALID_ARGUMENT, "today never goes back")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--endpoint", required=True, help="host:port of the gRPC contract, plaintext")
    arguments.add_argument("--today", required=True, type=datetime.date.fromisoformat, help="what --today was")
    given = arguments.parse_args()

    failed = 0
    with grpc.insecure_channel(given.endpoint) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        job = MainJob(Registry(channel), channel, given.today)
        scenarios = [name for name in vars(MainJob) if name.startswith("test_")]
        for name in scenarios:
            title = name.removeprefix("test_").replace("_", " ")
            try:
                getattr(job, name)()
            except (AssertionError, Refusal, grpc.RpcError, KeyError, ValueError) as error:
                failed += 1
                print(f"FAILED  {title}\n        {error or type(error).__name__}", flush=True)
                traceback.print_exc()
            else:
                print(f"ok      {title}", flush=True)
    print(f"{len(scenarios) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

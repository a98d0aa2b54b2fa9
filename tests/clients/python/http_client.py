"""A client of the registry on its HTTP port, with `requests`. README.md says how to run it."""

import json
import time

import requests

import jobs

ATTEMPTS = 5
CALL_SECONDS = 10
# The registry sends an event every 5 seconds. Without one for this long, the connection is dead.
SILENCE_SECONDS = 20


class Registry:
    """A registry at one address, with the identity of a caller."""

    def __init__(self, address, authority, token):
        self.base = f"{address}/ms.dmh.credential.v1."
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy, and no other authorities
        self.session.verify = authority
        self.session.headers["Authorization"] = f"Bearer {token}"

    def post(self, method, message, seconds, **options):
        try:
            response = self.session.post(self.base + method, json=message, timeout=seconds, **options)
            if response.status_code != requests.codes.ok:
                raise refusal_in(response.json())
        except requests.RequestException as error:
            raise jobs.Refusal("", str(error), is_unavailable=True) from error
        return response

    def call(self, method, message):
        """Calls a method. Repeats the call while the registry is unavailable: a write has a request id."""
        for attempt in range(ATTEMPTS):
            try:
                return self.post(method, message, CALL_SECONDS).json()
            except jobs.Refusal as refusal:
                if not refusal.is_unavailable or attempt == ATTEMPTS - 1:
                    raise
            time.sleep(jobs.FIRST_PAUSE_SECONDS * 2**attempt)

    def verify(self, number):
        answer = self.call("VerificationService/VerifyCredential", {"item": {"credentialNumber": number}})
        return " ".join([answer["verification"]["verdict"], *answer["verification"].get("reasons", [])])

    def check(self, rows):
        """The verdict, or the error, of each claim of a batch."""
        items = [
            {
                "credentialNumber": row["credential_number"],
                "providerId": row["provider_id"],
                "dateOfService": row["date_of_service"],
                "units": int(row["units"]),
            }
            for row in rows
        ]
        results = self.call("VerificationService/BatchCheckBillingEligibility", {"items": items})["results"]
        return [verdict(result) for result in results]

    def end(self, request_id, number, last_day):
        report = {"requestId": request_id, "credentialNumber": number, "lastDay": last_day, "reason": "RESIGNED"}
        return self.call("EmploymentService/ReportEmploymentEnd", report)["revision"]

    def follow(self, position, commit):
        """Calls `commit(changes, position)` once for each record after a position, until the feed ends."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": position} if position else {})
        limits = (CALL_SECONDS, SILENCE_SECONDS)
        with self.post("ChangeService/WatchChanges", {}, limits, headers=headers, stream=True) as response:
            changes = []
            for event in events(response):
                data = json.loads(event["data"])
                if event["event"] == "error":
                    raise refusal_in(data)
                changes += data.get("message", {}).get("changes", [])
                if "id" in event:  # the record is complete
                    commit(changes, event["id"])
                    changes = []


def verdict(result):
    if "error" not in result:
        return result["eligibility"]["verdict"]
    # The error of an item is a google.rpc.Status: its details are not below `debug`.
    reason = next(detail["reason"] for detail in result["error"]["details"] if "reason" in detail)
    return f"{reason} {result['error']['message']}"


def events(response):
    """The server-sent events of an answer, which are UTF-8. What fails in the loop that asks for them is not of the feed,
    and not caught here."""
    event = {}
    try:
        for line in response.iter_lines(chunk_size=None):
            if line:
                name, _, value = line.decode().partition(": ")
                event[name] = value
            else:
                yield event
                event = {}
    except requests.RequestException as error:
        raise jobs.Refusal("", str(error), is_unavailable=True) from error


def refusal_in(error):
    """The refusal in an error of the registry: its ErrorInfo, and its BadRequest."""
    details = [detail["debug"] for detail in error.get("details", ())]
    reason = next((detail["reason"] for detail in details if "reason" in detail), error["code"])
    violations = [fault for detail in details for fault in detail.get("fieldViolations", ())]
    faults = [(fault["field"], fault["description"]) for fault in violations]
    return jobs.Refusal(reason, error.get("message", ""), faults, error["code"] == "unavailable")


if __name__ == "__main__":
    jobs.run(Registry(*jobs.environment()))

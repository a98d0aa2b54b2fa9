"""An independent client with certificates and tokens: an empty registry that `init` set up, to a confirmed credential, and
who is refused. `tests/clients/secured.sh` sets it up and runs this.

    secured_job.py DIRECTORY ANOTHER-REGISTRYS-DIRECTORY HOST:PORT
"""

import contextlib
import datetime
import pathlib
import sys
import uuid

import grpc

from main_job import APPLICATION, EFFECTIVE_FROM, HIRED, NOT_ON_FILE, QUALIFIED_FROM, same, wire
from registry import Registry

PROVIDER = "region-1-cmhc"
# In the first term, whenever this runs.
ASKED = datetime.date(2025, 3, 3)


class Place:
    """What `init` wrote, and the server."""

    def __init__(self, directory, endpoint):
        self.directory = pathlib.Path(directory)
        self.endpoint = endpoint

    def read(self, name):
        return (self.directory / name).read_bytes()

    @contextlib.contextmanager
    def shows(self, certificate=None, token=None, learned=None):
        """The registry, for a client that shows these."""
        key = self.read(f"{certificate}.key") if certificate else None
        chain = self.read(f"{certificate}.crt") if certificate else None
        credentials = grpc.ssl_channel_credentials(self.read("ca.crt"), key, chain)
        if token:
            credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
        with grpc.secure_channel(self.endpoint, credentials) as channel:
            yield Registry(channel, learned)


def report(registry, method, **fields):
    return registry.call(method, {"request_id": str(uuid.uuid4()), **fields})


def question(number):
    return {"item": {"credential_number": number, "as_of": wire(ASKED)}}


def verdict(registry, number):
    verification = registry.call("VerifyCredential", question(number)).verification
    return registry.names("Verdict", [verification.verdict])[0]


def credentialed(place):
    """A credential, by the certifier's and the registrar's certificates."""
    with place.shows(certificate="certifier") as certifier:
        report(
            certifier,
            "RegisterProvider",
            provider_id=PROVIDER,
            legal_name="Sunflower Example Center",
            facility_type="FACILITY_TYPE_COMMUNITY_MENTAL_HEALTH_CENTER",
            county="Hinds",
        )
        report(
            certifier,
            "RecordQualification",
            provider_id=PROVIDER,
            basis="QUALIFICATION_BASIS_DMH_CERTIFIED",
            first_day=wire(QUALIFIED_FROM),
        )
    with place.shows(certificate="registrar") as registrar:
        registered = report(
            registrar,
            "RegisterSpecialist",
            name={"given_name": "Amparo", "family_name": "Example"},
            birth_date=wire(datetime.date(1980, 5, 17)),
        )
        specialist_id = registered.specialist.specialist_id
        report(
            registrar,
            "ReportEmploymentStart",
            specialist_id=specialist_id,
            provider_id=PROVIDER,
            position="Peer Support Specialist",
            first_day=wire(HIRED),
            supervised=True,
        )
        issued = report(
            registrar,
            "IssueCredential",
            specialist_id=specialist_id,
            application=APPLICATION,
            effective_from=wire(EFFECTIVE_FROM),
            designations=["DESIGNATION_ADULT_AND_RECOVERY"],
        )
    return issued.credential.credential_number


def main():
    directory, elsewhere, endpoint = sys.argv[1:]
    place = Place(directory, endpoint)
    token = place.read("hr.token").decode().strip()
    number = credentialed(place)
    for shown in ({"certificate": "registrar"}, {"token": token}):
        with place.shows(**shown) as registry:
            same(verdict(registry, number), "VERDICT_CONFIRMED", f"shown {list(shown)}")
            same(verdict(registry, NOT_ON_FILE), "VERDICT_NOT_CONFIRMED", f"not on file, shown {list(shown)}")
    print("ok      a certificate and a token are both an identity")

    unauthenticated = grpc.StatusCode.UNAUTHENTICATED
    wrong = token[:-1] + ("1" if token[-1] == "0" else "0")
    for shown in ({}, {"token": wrong}, {"certificate": "registrar", "token": token}):
        with place.shows(**shown, learned=registry) as refusing:
            same(refusing.refusal("VerifyCredential", question(number)).code, unauthenticated, f"shown {list(shown)}")
    with place.shows(token=token) as registry:
        denied = registry.refusal("ListCredentials", {})
        same(denied.code, grpc.StatusCode.PERMISSION_DENIED, "a provider lists no credentials")
    print("ok      no identity, a wrong one, two, and one without the right are refused")

    another = Place(elsewhere, endpoint)
    for unknown in (
        {"authority": another.read("ca.crt")},
        {"authority": place.read("ca.crt"), "certificate": "registrar"},
    ):
        credentials = grpc.ssl_channel_credentials(
            unknown["authority"],
            another.read("registrar.key") if "certificate" in unknown else None,
            another.read("registrar.crt") if "certificate" in unknown else None,
        )
        with grpc.secure_channel(endpoint, credentials) as channel:
            call = channel.unary_unary("/ms.dmh.credential.v1.VerificationService/VerifyCredential")
            try:
                call(b"", timeout=10)
            except grpc.RpcError as error:
                same(error.code(), grpc.StatusCode.UNAVAILABLE, "another authority")
            else:
                raise AssertionError("another authority's certificate was believed")
    print("ok      neither side believes another authority")


if __name__ == "__main__":
    main()

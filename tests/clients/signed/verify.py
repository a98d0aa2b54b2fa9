"""Verifies signed answers and receipts of the registry, as deploy/docs/signed-answers.md describes them.

    verify.py STATEMENT.jws JWKS.json

Needs the package `cryptography`, and nothing of the registry."""

import base64
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256


def decode(text):
    """Base64url without padding. The unused bits of the last character must be zero: one text for one value."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode():
        raise ValueError("not base64url")
    return raw


def verify(statement, jwks):
    """Returns the claims of a statement, or raises ValueError."""
    header, payload, signature = statement.split(".")
    head = json.loads(decode(header))
    if head.keys() != {"alg", "kid", "typ"} or head["alg"] != "ES256" or head["typ"] not in ("cpss-answer+jwt", "cpss-receipt+jwt"):
        raise ValueError("not a statement of the registry")
    keys = [key for key in jwks["keys"] if key["kid"] == head["kid"] and key["alg"] == "ES256"]
    if not keys:
        raise ValueError("unknown key")
    x, y = (int.from_bytes(decode(keys[0][member])) for member in "xy")
    raw = decode(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    try:
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        public.verify(der, f"{header}.{payload}".encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise ValueError("wrong signature") from None
    claims = json.loads(decode(payload))
    if not keys[0]["iat"] <= claims["iat"] < keys[0].get("exp", float("inf")):
        raise ValueError("signed outside of the life of the key")
    return claims


if __name__ == "__main__":
    print(json.dumps(verify(open(sys.argv[1]).read().strip(), json.load(open(sys.argv[2]))), indent=2))

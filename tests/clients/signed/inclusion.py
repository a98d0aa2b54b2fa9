"""Verifies that the record of a receipt is in the tree of a signed checkpoint, as deploy/docs/signed-answers.md says."""

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519
from verify import decode


def verify_inclusion(claims, proof, jwks):
    """Raises ValueError unless the record of a receipt is in the tree of the checkpoint that is in the proof."""
    text, _, signatures = proof["checkpoint"].partition("\n\n")
    origin, size, root = text.split("\n")[:3]
    signed = base64.b64decode(signatures.split(f"\u2014 {origin} ")[1].split("\n")[0])
    keys = [decode(key["x"]) for key in jwks["keys"] if key["alg"] == "EdDSA"]
    by_id = {hashlib.sha256(origin.encode() + b"\n\1" + key).digest()[:4]: key for key in keys}
    if signed[:4] not in by_id:
        raise ValueError("unknown key")
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(by_id[signed[:4]]).verify(signed[4:], (text + "\n").encode())
    except InvalidSignature:
        raise ValueError("wrong checkpoint") from None
    leaf, index, last = base64.b64decode(proof["leaf"]), int(proof.get("leafIndex", 0)), int(size) - 1
    if leaf.hex() != claims["recorded"]["digest"] or index != claims["recorded"]["revision"] - 1 or index > last:
        raise ValueError("another record")
    node = hashlib.sha256(b"\0" + leaf).digest()
    for other in map(base64.b64decode, proof.get("hashes", [])):
        if index % 2 or index == last:
            node = hashlib.sha256(b"\1" + other + node).digest()
            while not index % 2 and index:
                index, last = index // 2, last // 2
        else:
            node = hashlib.sha256(b"\1" + node + other).digest()
        index, last = index // 2, last // 2
    if last or base64.b64encode(node).decode() != root:
        raise ValueError("the hashes do not lead to the root")

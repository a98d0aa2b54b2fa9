"""Checks the transparency log of a registry by an independent implementation: roots and proofs are computed by the
definitions of RFC 6962, section 2.1, from the leaves that the tiles of the log have. Needs the standard library alone.

    check_log.py http://127.0.0.1:8080 10000
"""

import base64
import functools
import hashlib
import http.client
import json
import random
import sys
import time
import urllib.parse

SERVICE = "/ms.dmh.credential.v1.LogService/"


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha256(b"\x00" + data)


class Tree:
    """The functions of RFC 6962, section 2.1, over hashes of leaves."""

    def __init__(self, leaves):
        self.leaves = leaves

    @staticmethod
    def split(size):
        """The greatest power of two that is smaller."""
        power = 1
        while 2 * power < size:
            power *= 2
        return power

    @functools.lru_cache(maxsize=None)
    def root(self, begin, end):
        """MTH(D[begin:end])."""
        if end == begin:
            return sha256(b"")
        if end - begin == 1:
            return self.leaves[begin]
        middle = begin + self.split(end - begin)
        return sha256(b"\x01" + self.root(begin, middle) + self.root(middle, end))

    def path(self, index, begin, end):
        """PATH(index, D[begin:end]); the index counts from the beginning of the range."""
        if end - begin == 1:
            return []
        split = self.split(end - begin)
        if index < split:
            return self.path(index, begin, begin + split) + [self.root(begin + split, end)]
        return self.path(index - split, begin + split, end) + [self.root(begin, begin + split)]

    def subproof(self, size, begin, end, is_whole):
        """SUBPROOF(size, D[begin:end], is_whole)."""
        if size == end - begin:
            return [] if is_whole else [self.root(begin, end)]
        split = self.split(end - begin)
        if size <= split:
            return self.subproof(size, begin, begin + split, is_whole) + [self.root(begin + split, end)]
        return self.subproof(size - split, begin + split, end, False) + [self.root(begin, begin + split)]


class Log:
    def __init__(self, origin):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(origin).netloc, timeout=30)

    def send(self, method, path, body=None, headers=None):
        """Sends a request, and again if it was too fast, if the tree is still being built, or if the server had ended
        the connection."""
        for _ in range(300):
            try:
                self.connection.request(method, path, body, headers or {})
                response = self.connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionError):
                self.connection.close()
                continue
            answer = response.read()
            if response.status not in (429, 503):
                break
            time.sleep(float(response.headers.get("retry-after", 0.2)))
        assert response.status == 200, f"{path} {body}: {response.status} {answer!r}"
        return answer

    def get(self, path):
        return self.send("GET", path)

    def call(self, method, request):
        return json.loads(self.send("POST", SERVICE + method, json.dumps(request), {"content-type": "application/json"}))

    def tile(self, level, index, width):
        """A tile, as C2SP tlog-tiles names it."""
        parts = [f"{index % 1000:03}"]
        while index >= 1000:
            index //= 1000
            parts.insert(0, f"x{index % 1000:03}")
        partial = "" if width == 256 else f".p/{width}"
        data = self.get(f"/log/tile/{level}/{'/'.join(parts)}{partial}")
        assert len(data) == 32 * width, f"{level}/{index}: {len(data)} bytes"
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    def level(self, level, size):
        hashes = []
        count = size >> (8 * level)
        while len(hashes) < count:
            hashes += self.tile(level, len(hashes) // 256, min(256, count - len(hashes)))
        return hashes


def read_checkpoint(text, keys):
    """Size and root of a signed checkpoint (C2SP tlog-checkpoint). The signature is checked if a library is there."""
    body, _, signatures = text.rpartition("\n\n")
    origin, size, root = body.split("\n")[:3]
    name, signature = signatures.rstrip("\n").removeprefix("\u2014 ").split(" ")
    signature = base64.b64decode(signature)
    assert name == origin, name
    public = [key for key in keys if key["kty"] == "OKP"]
    public = [base64.urlsafe_b64decode(key["x"] + "=") for key in public]
    [key] = [key for key in public if sha256(name.encode() + b"\n\x01" + key)[:4] == signature[:4]]
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        print("the signature was not checked: there is no module `cryptography`")
    else:
        Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], (body + "\n").encode())
    return int(size), base64.b64decode(root)


def decoded(hashes):
    return [base64.b64decode(each) for each in hashes]


def main(origin, pairs):
    log = Log(origin)
    keys = json.loads(log.get("/.well-known/jwks.json"))["keys"]
    assert keys == json.loads(log.call("GetSigningKeys", {})["jwks"])["keys"]
    size, root = read_checkpoint(log.get("/log/checkpoint").decode(), keys)
    tree = Tree(log.level(0, size))
    assert tree.root(0, size) == root, "the root in the checkpoint is not that of the leaves"
    for level in (1, 2):
        hashes = log.level(level, size)
        width = 256**level
        assert hashes == [tree.root(at * width, (at + 1) * width) for at in range(len(hashes))], f"level {level}"
    dice = random.Random(6962)
    for _ in range(pairs):
        second = dice.randint(1, size)
        first, index = dice.randint(1, second), dice.randrange(second)
        proof = log.call("GetInclusionProof", {"revision": index + 1, "treeSize": second})
        about = f"revision {index + 1} in {second}"
        assert leaf_hash(base64.b64decode(proof["leaf"])) == tree.leaves[index], about
        assert base64.b64decode(proof["rootHash"]) == tree.root(0, second), about
        assert decoded(proof.get("hashes", [])) == tree.path(index, 0, second), about
        proof = log.call("GetConsistencyProof", {"firstSize": first, "secondSize": second})
        about = f"{first} and {second}"
        assert base64.b64decode(proof["firstRootHash"]) == tree.root(0, first), about
        assert base64.b64decode(proof["secondRootHash"]) == tree.root(0, second), about
        assert decoded(proof.get("hashes", [])) == tree.subproof(first, 0, second, True), about
    print(f"{pairs} pairs of sizes up to {size}: every proof is right")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""Asks for signed answers and receipts, rotates the key in between, and checks all of them with verify.py.

    story.py HTTP-ADDRESS COUNT BINARY DATA-DIR PROCESS-ID
"""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid

from inclusion import verify_inclusion
from verify import verify

address, count, binary, data_dir, process = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
link = http.client.HTTPConnection(address, timeout=30)
PATIENCE = 60


def call(method, message, retries=200):
    for _ in range(retries):
        headers = {"Content-Type": "application/json"}
        link.request("POST", f"/ms.dmh.credential.v1.{method}", json.dumps(message), headers)
        response = link.getresponse()
        answer = json.loads(response.read())
        if response.status == 200:
            return answer
        if response.status not in (429, 503):
            sys.exit(f"{method}: {answer}")
        time.sleep(0.05)
    sys.exit(f"{method}: refused too often: {answer}")


def published():
    while True:
        link.request("GET", "/.well-known/jwks.json")
        response = link.getresponse()
        body = response.read()
        if response.status == 200:
            return json.loads(body)
        time.sleep(0.1)


def until(what, is_so):
    for _ in range(PATIENCE * 10):
        if is_so():
            return
        time.sleep(0.1)
    sys.exit(f"not within {PATIENCE} s: {what}")


def answer(at):
    number = numbers[at % len(numbers)]
    item = {"credentialNumber": number, "asOf": f"2025-{at % 12 + 1:02}-{at % 28 + 1:02}"}
    answered = call("VerificationService/VerifyCredential", {"item": item, "sign": True})
    return answered["signedAnswer"], answered["verification"]


def report(at):
    name = {"givenName": f"Invented{at}", "familyName": "Example-Quillfeather"}
    person = {"name": name, "birthDate": "1984-02-29", "requestId": str(uuid.uuid4()), "receipt": True}
    return call("CredentialService/RegisterSpecialist", person)["signedReceipt"]


def refused(statement, keys):
    try:
        verify(statement, keys)
    except Exception:  # a bit may make it anything at all
        return True
    return False


def flipped(statement, at, bit):
    raw = bytearray(statement.encode())
    raw[at] ^= 1 << bit
    return raw.decode("latin-1")


def rotate(step):
    subprocess.run([binary, "rotate-keys", step, "--data-dir", data_dir], check=True, stdout=subprocess.DEVNULL)
    os.kill(process, signal.SIGHUP)


listed = call("CredentialService/ListCredentials", {"pageSize": 200})
numbers = [credential["credentialNumber"] for credential in listed["credentials"]]
half = count // 2
first_key = published()["keys"][0]["kid"]
answers, receipts = [answer(at) for at in range(half)], [report(at) for at in range(half)]

rotate("begin")
until("the next key is published", lambda: len(published()["keys"]) == 3)
assert published()["keys"][0]["kid"] == first_key, "the first key signs until the rotation is finished"
rotate("finish")
until("the next key signs", lambda: published()["keys"][0]["kid"] != first_key)
answers += [answer(at) for at in range(half, count)]
receipts += [report(at) for at in range(half, count)]
assert not os.path.exists(f"{data_dir}/keys/answers-1.p8"), "the private half of the first key is gone"

keys = published()
for statement, verification in answers:
    claims = verify(statement, keys)
    assert claims["answered"]["verdict"] == verification["verdict"], claims
    assert claims["asked"]["credential_number"] == verification["credentialNumber"], claims
head = max(verify(receipt, keys)["recorded"]["revision"] for receipt in receipts)
until("a checkpoint of the last record", lambda: int(call("LogService/GetCheckpoint", {})["treeSize"]) >= head)
for receipt in receipts:
    claims = verify(receipt, keys)
    assert not {"Quillfeather", "1984-02-29"} & set(json.dumps(claims).replace('"', " ").split()), claims
    proof = call("LogService/GetInclusionProof", {"revision": claims["recorded"]["revision"]})
    verify_inclusion(claims, proof, keys)
    claims["recorded"]["digest"] = f"{int(claims['recorded']['digest'], 16) ^ 1:064x}"
    try:
        verify_inclusion(claims, proof, keys)
        sys.exit("a receipt with another digest is proven")
    except ValueError:
        pass

everything = [statement for statement, _ in answers] + receipts
for statement in everything:
    assert refused(flipped(statement, random.randrange(len(statement)), random.randrange(7)), keys), statement
whole = receipts[0]
for at in range(len(whole)):
    assert all(refused(flipped(whole, at, bit), keys) for bit in range(7)), f"character {at} of {whole}"
without_first = {"keys": [key for key in keys["keys"] if key["kid"] != first_key]}
assert refused(answers[0][0], without_first) and not refused(answers[-1][0], without_first)
print(f"signed: {len(answers)} answers and {len(receipts)} receipts with proofs are genuine; every changed bit is refused")

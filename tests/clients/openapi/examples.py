"""Sends every example of the served OpenAPI document, and checks the answers against its schemas.

    examples.py http://127.0.0.1:8080 proto/openapi.json
"""

import copy
import http.client
import json
import sys
import urllib.parse

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

BASE = "urn:openapi"
JSON = "application/json"
LINES = "application/x-ndjson"

# How long a stream that never ends may last, in milliseconds.
PATIENCE = "1500"

# With these codes the form of a request, or its caller, is at fault.
FORM = {"invalid_argument", "unimplemented", "unauthenticated", "permission_denied", "internal", "unknown", "unavailable"}

# The number of methods whose example is at least answered, not refused by a rule.
LEAST_ANSWERED = 45


def strict(document):
    """The document with schemas of responses that allow no field that is not described."""
    document = copy.deepcopy(document)
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema and name != "google.protobuf.Any":
            schema.setdefault("additionalProperties", False)
    return document


class Checker:
    def __init__(self, document):
        resource = Resource(contents=document, specification=DRAFT202012)
        self.registry = Registry().with_resource(BASE, resource)

    def check(self, value, pointer, about):
        reference = {"$ref": f"{BASE}#{pointer}"}
        validator = Draft202012Validator(
            reference, registry=self.registry, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        errors = [f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(value)]
        assert not errors, f"{about}: {errors}"


def pointer(*steps):
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


class Server:
    def __init__(self, address):
        self.host = urllib.parse.urlsplit(address).netloc

    def send(self, method, path, headers, body=None):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.status, response.headers.get_content_type(), response.read()
        connection.close()
        return answer


def examples(media):
    """The messages of an example, each with the schema of the media type."""
    if "examples" in media:
        return [example["value"] for example in media["examples"].values()]
    return [media["example"]]


class Run:
    def __init__(self, server, document):
        self.server = server
        self.document = document
        self.checker = Checker(strict(document))
        self.answered = set()
        self.sent = 0

    def method(self, path, verb, operation):
        headers = {"connect-timeout-ms": PATIENCE if path.endswith("/WatchChanges") else "20000"}
        if operation["tags"] == ["OperationsService"]:
            headers["x-dev-caller"] = "operator"
        at = ("paths", path, verb)
        if verb == "get":
            query = {}
            for parameter in operation["parameters"]:
                if "content" in parameter:
                    query[parameter["name"]] = json.dumps(parameter["content"][JSON]["example"])
                elif "example" in parameter:
                    query[parameter["name"]] = parameter["example"]
            self.answer(at, JSON, self.server.send("GET", f"{path}?{urllib.parse.urlencode(query)}", headers))
            return
        media = next(iter(operation["requestBody"]["content"]))
        body = operation["requestBody"]["content"][media]
        messages = examples(body)
        for message in messages:
            self.checker.check(message, pointer(*at, "requestBody", "content", media, "schema"), f"request of {path}")
        body = "\n".join(json.dumps(message) for message in messages)
        wanted = [name for name in operation["responses"]["200"]["content"] if name in (JSON, LINES)]
        for accept in wanted:
            sent = {**headers, "content-type": media, "accept": accept}
            self.answer(at, accept, self.server.send("POST", path, sent, body))

    def answer(self, at, accept, answer):
        self.sent += 1
        _, path, verb = at
        status, media, body = answer
        about = f"{verb} {path} as {accept}"
        if status != 200:
            self.refused(json.loads(body), about, status, self.document["paths"][path][verb]["responses"])
            return
        assert media == accept, f"{about}: {media}"
        schema = pointer(*at, "responses", "200", "content", accept, "schema")
        lines = body.splitlines() if accept == LINES else [body]
        assert lines, f"{about}: nothing"
        for line in lines:
            value = json.loads(line)
            self.checker.check(value, schema, about)
            if isinstance(value.get("error"), dict) and "code" in value["error"] and isinstance(value["error"]["code"], str):
                self.refused(value["error"], about, None, None)
            else:
                self.answered.add(path)

    def refused(self, error, about, status, responses):
        self.checker.check(error, pointer("components", "schemas", "Error"), about)
        assert error["code"] not in FORM, f"{about}: {error}"
        declared = (responses or {}).get(str(status))
        if declared:
            # The comments name the codes that callers should expect of this method.
            assert f"`{error['code']}`" in declared["description"], f"{about}: {error['code']} is not declared"
        print(f"{about}: {error['code']}: {error['message']}")


def main(address, committed):
    server = Server(address)
    status, media, body = server.send("GET", "/openapi.json", {})
    assert (status, media) == (200, JSON), (status, media)
    document = json.loads(body)
    with open(committed, encoding="utf-8") as file:
        assert document == json.load(file), "the served document differs from the committed one"
    run = Run(server, document)
    try:
        run.checker.check({"verification": {"verdikt": 1}}, "/components/schemas/VerifyCredentialResponse", "a wrong one")
    except AssertionError:
        pass
    else:
        raise AssertionError("a wrong answer fits its schema")
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            run.method(path, verb, operation)
    paths = len(document["paths"])
    print(f"openapi: {run.sent} requests to {paths} methods; {len(run.answered)} methods answered, none refused a form")
    assert len(run.answered) >= LEAST_ANSWERED, sorted(set(document["paths"]) - run.answered)


main(*sys.argv[1:])

"""spec/openapi.yaml as the tests use it: its operations, what each may be answered with, and a watch that holds every answer of
a server against it.

What an operation may be answered with stands in its `responses` by status. A problem's description names its codes in
backquotes. The ranges 4XX and 5XX stand for what any request may meet before its handler is reached, or when the server is in
trouble: `x-statuses` of their response lists these statuses with their codes.
"""
import http.client
import json
import re
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from kit import Answer, equal, true  # noqa: E402
from schema import Schemas, load  # noqa: E402

DOCUMENT = load()
SCHEMAS = Schemas(DOCUMENT)
METHODS = ("get", "post", "put", "patch", "delete")
GENERAL = {"content-type", "content-length", "transfer-encoding", "connection", "date", "x-content-type-options", "cache-control", "x-request-id", "recourse-hold"}
CODES = set(DOCUMENT["components"]["schemas"]["Code"]["enum"])


class Operation:
    def __init__(self, method, path, item, described):
        self.method, self.path, self.id = method.upper(), path, described["operationId"]
        self.described = described
        self.parameters = [SCHEMAS.resolve(p) for p in described.get("parameters", []) + item.get("parameters", [])]
        self.variables = re.findall(r"\{(\w+)\}", path)
        body = described.get("requestBody")
        self.media = next(iter(body["content"])) if body else None
        self.body = body["content"][self.media]["schema"] if body else None
        self.responses = {status: SCHEMAS.resolve(r) for status, r in described["responses"].items()}

    def names(self, place):
        return [p["name"] for p in self.parameters if p["in"] == place]

    def common(self, status):
        """Codes of a status that any operation may have."""
        response = self.responses.get(f"{status // 100}XX")
        return response["x-statuses"].get(status, []) if response else []

    def own(self, status):
        """Codes that the description of the status itself names."""
        text = self.responses.get(str(status), {}).get("description", "")
        return set(re.findall(r"`([\w-]+)`", text)) & CODES

    def codes(self, status):
        """Codes that a problem with this status may have here."""
        return self.own(status) | set(self.common(status))

    def response(self, status):
        """What describes an answer with this status, or None."""
        return self.responses.get(str(status)) or (self.responses[f"{status // 100}XX"] if self.common(status) else None)

    def target(self, request):
        path = re.sub(r"\{(\w+)\}", lambda m: quote(str(request.variables[m.group(1)]), safe=""), self.path)
        return path + ("?" + urlencode(request.query) if request.query else "")

    def __repr__(self):
        return f"{self.method} {self.path}"


OPERATIONS = {o.id: o for path, item in DOCUMENT["paths"].items()
              for o in (Operation(method, path, item, item[method]) for method in METHODS if method in item)}


def templates(target):
    """Paths of the document that an address fits, the one without variables first."""
    path = target.partition("?")[0]
    fits = [t for t in DOCUMENT["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", t), path)]
    return sorted(fits, key=lambda t: t.count("{"))


def operation_of(method, target):
    for template in templates(target):
        for operation in OPERATIONS.values():
            if (operation.method, operation.path) == (method, template):
                return operation
    return None


class Request:
    """What a row sends: the path's variables, query, body (bytes, or a value for JSON), headers. `until`: do not read to the end,
    but only until these bytes have come (a stream)."""

    def __init__(self, variables, query, body, headers, until):
        self.variables, self.query, self.body, self.headers, self.until = variables, query or {}, body, headers or {}, until

    def but(self, **changed):
        given = {"variables": self.variables, "query": self.query, "body": self.body, "headers": self.headers, "until": self.until}
        return Request(**{**given, **changed})


def to(query=None, body=None, headers=None, until=None, **variables):
    return Request(variables, query, body, headers, until)


def send(api, operation, request):
    """Sends a request through the (watched) client; the answer."""
    headers, body = dict(request.headers), request.body
    if body is not None:
        headers.setdefault("Content-Type", operation.media)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
    if request.until:
        return streamed(api, operation, request, headers)
    return api.ask(operation.method, operation.target(request), body, headers)


def streamed(api, operation, request, headers):
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=api.timeout)
    try:
        connection.request(operation.method, operation.target(request), headers={**getattr(api, "headers", {}), **headers})
        response = connection.getresponse()
        text = response.read() if response.status >= 300 else b""
        while response.status < 300 and request.until not in text:
            part = response.read1(4096)
            true(part, f"{operation}: the stream ended before {request.until}: {text}")
            text += part
        answer = Answer(response.status, response.headers, text)
        api.watched.hold(operation, operation.target(request), request.query, headers, answer)
        return answer
    finally:
        connection.close()


class Watched:
    """Holds every answer that a client gets against the description, and counts what was met in `met`, which may be shared:
    (operation, status, code) and ("parameter", operation, name)."""

    def __init__(self, api, met=None):
        self.met, self.ask = met if met is not None else set(), api.ask
        api.ask, api.watched = self.check, self

    def check(self, method, target, body=None, headers=None):
        answer = self.ask(method, target, body, headers)
        operation = operation_of(method, target)
        if operation:
            names = {pair.partition("=")[0] for pair in target.partition("?")[2].split("&")}
            self.hold(operation, target, names, headers or {}, answer)
        return answer

    def hold(self, operation, target, query, headers, answer):
        at = f"{operation.method} {target[:200]} ({answer.status})"
        described = operation.response(answer.status)
        true(described, f"{at}: the status is not described: {answer!r}")
        code = self.hold_body(operation, described, at, answer)
        for name, header in described.get("headers", {}).items():
            header, value = SCHEMAS.resolve(header), answer.headers.get(name)
            true(value is not None or not header.get("required"), f"{at}: no header {name}")
            if value is not None:
                wrong = list(SCHEMAS.errors(header["schema"], value))
                true(not wrong, f"{at}: the header {name}: {wrong}")
        stray = {name.lower() for name in answer.headers} - {name.lower() for name in described.get("headers", {})} - GENERAL
        true(not stray, f"{at}: headers that are not described: {stray}")
        self.met.add((operation.id, answer.status, code))
        if answer.status < 300:
            given = {name.lower() for name in headers}
            self.met |= {("parameter", operation.id, name) for name in operation.names("query") if name in query}
            self.met |= {("parameter", operation.id, name) for name in operation.names("header") if name.lower() in given}

    def hold_body(self, operation, described, at, answer):
        """The code of a problem, else None."""
        if "content" not in described:
            equal(answer.body, b"", f"{at}: the body")
            return None
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        true(kind in described["content"], f"{at}: the content type {kind!r} is not described")
        schema = described["content"][kind]["schema"]
        lines = answer.text.splitlines() if kind == "application/x-ndjson" else [answer.text] if kind.endswith("json") else []
        for text in lines:
            wrong = list(SCHEMAS.errors(schema, json.loads(text)))
            true(not wrong, f"{at}: {wrong[:5]}")
        if kind != "application/problem+json":
            return None
        problem = answer.json
        equal(problem["type"], f"/problems/{problem['code']}", f"{at}: the type")
        equal(problem["status"], answer.status, f"{at}: the status in the problem")
        true(problem["code"] in operation.codes(answer.status), f"{at}: the code {problem['code']} is not described for this status")
        return problem["code"]

"""The tests of the API's description, themselves: each wrong answer is found. No server is needed."""
import copy
import sys
import unittest
from email.message import Message
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import described  # noqa: E402
import mutants  # noqa: E402
from kit import Answer, Failure  # noqa: E402
from stage import row  # noqa: E402

ROW = {"id": "0000000103N8K7QZ", "namespace": "default", "type": "t", "key": "k", "state": "pending", "display": "d", "tone": "plain",
       "ended": False, "actor": "a", "revision": 1, "created": "2026-11-21T09:45:26.123456Z", "changed": "2026-11-21T09:45:26.123456Z"}
HEADERS = {"Content-Type": "application/json", "Location": "/v1/commands/x", "ETag": '"1"'}
PROBLEM = {"type": "/problems/not-found", "title": "t", "status": 404, "code": "not-found", "detail": "d"}
PROBLEM_HEADERS = {"Content-Type": "application/problem+json"}


class Client:
    """A client of a server that gives one answer."""

    def __init__(self, status, headers, body):
        fields = Message()
        for name, value in {"X-Request-Id": "1", **headers}.items():
            fields[name] = value
        self.answer = Answer(status, fields, body if isinstance(body, bytes) else described.json.dumps(body).encode())
        self.port = self.timeout = 0

    def ask(self, method, target, body, headers):
        return self.answer


class Answers(unittest.TestCase):
    def watched(self, status, headers, body, method="POST", target="/v1/commands", sent=None):
        client = Client(status, headers, body)
        watched = described.Watched(client)
        client.ask(method, target, None, sent)
        return watched

    def refused(self, why, *answer, **request):
        with self.assertRaisesRegex(Failure, why):
            self.watched(*answer, **request)

    def test_good(self):
        met = self.watched(201, HEADERS, ROW, target="/v1/commands?wait=1s", sent={"idempotency-key": "k"}).met
        self.assertEqual(met, {("submitCommand", 201, None), ("parameter", "submitCommand", "wait"),
                               ("parameter", "submitCommand", "Idempotency-Key")})
        self.assertEqual(self.watched(404, PROBLEM_HEADERS, PROBLEM).met, {("submitCommand", 404, "not-found")})

    def test_status(self):
        self.refused("the status is not described", 202, HEADERS, ROW)
        self.refused("the status is not described", 418, PROBLEM_HEADERS, PROBLEM)
        self.refused("the status is not described", 502, PROBLEM_HEADERS, PROBLEM)

    def test_body(self):
        self.refused("more is not described", 201, HEADERS, {**ROW, "more": 1})
        self.refused("no state", 201, HEADERS, {k: v for k, v in ROW.items() if k != "state"})
        self.refused("is none of", 201, HEADERS, {**ROW, "state": "broken"})
        self.refused("is not of type", 201, HEADERS, {**ROW, "revision": "1"})
        self.refused("is no date-time", 201, HEADERS, {**ROW, "created": "yesterday"})
        self.refused("does not match", 201, HEADERS, {**ROW, "id": "x"})
        self.refused("content type 'text/html' is not described", 201, {**HEADERS, "Content-Type": "text/html"}, b"<p>")

    def test_headers(self):
        self.refused("no header ETag", 201, {k: v for k, v in HEADERS.items() if k != "ETag"}, ROW)
        self.refused("the header ETag", 201, {**HEADERS, "ETag": "1"}, ROW)
        self.refused("headers that are not described", 201, {**HEADERS, "X-Powered-By": "x"}, ROW)

    def test_problems(self):
        self.refused("the type", 404, PROBLEM_HEADERS, {**PROBLEM, "type": "about:blank"})
        self.refused("the status in the problem", 404, PROBLEM_HEADERS, {**PROBLEM, "status": 400})
        self.refused("is not described for this status", 404, PROBLEM_HEADERS, {**PROBLEM, "code": "stale", "type": "/problems/stale"})

    def test_addresses(self):
        self.assertEqual(described.operation_of("GET", "/v1/commands/by-key?type=a").id, "getCommandByKey")
        self.assertEqual(described.operation_of("GET", "/v1/commands/x").id, "getCommand")
        self.assertIsNone(described.operation_of("GET", "/v1/commands/x/y/z/a"))
        operation = described.OPERATIONS["getDefinition"]
        self.assertEqual(operation.target(described.to(kind="flow", name="a/b c", query={"q": "ä"})), "/v1/definitions/flow/a%2Fb%20c?q=%C3%A4")


class Keywords(unittest.TestCase):
    def test_unknown_keyword(self):
        with self.assertRaises(NotImplementedError):
            list(described.SCHEMAS.errors({"multipleOf": 2}, 3))

    def test_each(self):
        for schema, good, bad in (
                ({"type": ["string", "null"]}, None, 1), ({"type": "integer"}, 1, True), ({"type": "number"}, 1.5, "1"),
                ({"enum": ["a"]}, "a", "b"), ({"const": 1}, 1, 2), ({"pattern": "^a"}, "ab", "b"), ({"maxLength": 1}, "a", "ab"),
                ({"minLength": 1}, "a", ""), ({"minimum": 1}, 1, 0), ({"maximum": 1}, 1, 2), ({"maxItems": 1}, [1], [1, 2]),
                ({"minItems": 1}, [1], []), ({"items": {"type": "string"}}, ["a"], [1]), ({"required": ["a"]}, {"a": 1}, {}),
                ({"properties": {"a": {"type": "string"}}, "additionalProperties": False}, {"a": "x"}, {"b": "x"}),
                ({"additionalProperties": {"type": "string"}}, {"a": "x"}, {"a": 1}), ({"maxProperties": 1}, {"a": 1}, {"a": 1, "b": 1}),
                ({"oneOf": [{"type": "string"}, {"maxLength": 2}]}, "abc", "a"), ({"anyOf": [{"const": 1}, {"const": 2}]}, 2, 3),
                ({"allOf": [{"required": ["a"], "properties": {"a": {}}}], "unevaluatedProperties": False}, {"a": 1}, {"a": 1, "b": 2}),
                ({"format": "date-time"}, "2026-11-21T09:45:26Z", "2026-11-21")):
            self.assertEqual(list(described.SCHEMAS.errors(schema, good)), [], f"{schema} {good}")
            self.assertNotEqual(list(described.SCHEMAS.errors(schema, bad)), [], f"{schema} {bad}")


class Mutants(unittest.TestCase):
    SCHEMA = {"type": "object", "required": ["a"], "additionalProperties": False, "properties": {
        "a": {"type": "string", "maxLength": 3}, "b": {"type": "integer", "minimum": 1, "maximum": 9},
        "c": {"type": "array", "items": {"type": "object", "required": ["d~/"], "additionalProperties": False,
                                         "properties": {"d~/": {"enum": ["x"], "type": "string"}}}}}}
    GOOD = {"a": "x", "c": [{"d~/": "x"}]}

    def test_each_is_wrong_at_one_place(self):
        self.assertEqual(list(described.SCHEMAS.errors(self.SCHEMA, self.GOOD)), [])
        made = list(mutants.wrong_bodies(self.SCHEMA, copy.deepcopy(self.GOOD)))
        for what, body, pointer in made:
            self.assertEqual(len(list(described.SCHEMAS.errors(self.SCHEMA, body))) > 0, True, f"{what}: {body}")
        self.assertEqual({p for _, _, p in made}, {"", "/a", "/b", "/c", "/nobody_knows", "/c/0/d~0~1", "/c/0/nobody_knows"})
        self.assertEqual({b["b"] for _, b, p in made if p == "/b" and isinstance(b.get("b"), int)} - {True}, {0, 10})

    def test_bounds_are_good(self):
        made = list(mutants.at_bounds(self.SCHEMA, self.GOOD))
        self.assertEqual([p for _, p, _ in made], ["/a", "/b", "/b"])
        for what, pointer, value in made:
            self.assertEqual(list(described.SCHEMAS.errors(self.SCHEMA, mutants.put(self.GOOD, pointer, value))), [], what)

    def test_unbounded(self):
        open_one = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "string"}}}}
        self.assertEqual(list(mutants.unbounded(open_one)), ["/a", "/b", "/b/*"])


class Rows(unittest.TestCase):
    def test_row(self):
        self.assertEqual(row("a", 200, len)[:3], ("a", 200, None))
        self.assertEqual(row("a", 404, "not-found", len).code, "not-found")


if __name__ == "__main__":
    unittest.main()

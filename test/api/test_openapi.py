"""spec/openapi.yaml against the server, generated: every operation x documented status is made to happen by a row of test/api/rows,
every parameter and member of a body is tried at and behind its bounds, and nothing is answered that the document does not have.

Who adds a route: describe it in spec/openapi.yaml, and add a row for each status to a file in test/api/rows (stage.py says how).
"""
import importlib
import json
import re
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import mutants  # noqa: E402
from described import DOCUMENT, METHODS, OPERATIONS, SCHEMAS, send, templates  # noqa: E402
from kit import Failure, case, equal, main, true  # noqa: E402
from schema import ROOT  # noqa: E402
from stage import Stage  # noqa: E402

ROWS = [row for file in sorted((Path(__file__).parent / "rows").glob("*.py"))
        for row in importlib.import_module(f"rows.{file.stem}").ROWS]
UNMADE = {  # codes that no test can make happen through the API, and why
    "internal-error": "a bug",
    "out-of-memory": "the kernel gives memory until it kills",
    "commit-unknown": "the connection is dropped then, because whatever would be said might be wrong",
    "storage-error": "made by test/store with a faulty disk; test/e2e/test_store.py has what can be made from outside",
    "storage-full": "test/e2e/test_store.py fills a disk",
    "busy": "test/e2e fills the engine's queue",
}


def good(operation):
    """The row with its good request."""
    return next(r for r in ROWS if r.operation == operation.id and r.status < 300)


class Failures:
    """All that fail are told, not only the first."""

    def __init__(self):
        self.found, self.tried = [], 0

    def attempt(self, what, work):
        self.tried += 1
        try:
            return work()
        except Failure as problem:
            self.found.append(f"{what}: {problem}")
        except Exception:
            self.found.append(f"{what}: {traceback.format_exc()}")
        return None

    def end(self, least):
        if self.found:
            raise Failure(f"{len(self.found)} of {self.tried}:\n" + "\n".join(self.found))
        true(self.tried >= least, f"only {self.tried} were tried")


# ---- the document ---------------------------------------------------------------------------------------------------------

@case("the routes of the server are those of the description")
def routes(world):
    served = {(r["method"], r["path"]): r for r in Stage(world).api.get("/v1").must(200).json["routes"]}
    described = {(o.method, o.path): o for o in OPERATIONS.values()}
    equal(sorted(served), sorted(described), "routes")
    for key, operation in described.items():
        equal(sorted(served[key]["query"]), sorted(operation.names("query")), f"query parameters of {operation}")
        equal(served[key]["text"], operation.described["summary"], f"text of {operation}")
        equal(served[key]["permission"], operation.described["x-permission"], f"permission of {operation}")
        equal(sorted(operation.variables), sorted(operation.names("path")), f"variables of {operation}")


@case("the words of the description are those of spec/")
def words(world):
    def slugs(file, macro):
        text = (ROOT / "spec" / file).read_text()
        return re.findall(rf'^{macro}\(\w+, "([^"]+)"', text, re.M)

    schema = DOCUMENT["components"]["schemas"]
    permissions = slugs("words.def", "RC_PERMISSION")
    for operation in OPERATIONS.values():
        true(operation.described["x-permission"] in permissions, f"{operation}: x-permission is none of {permissions}")
    equal(sorted(schema["Code"]["enum"]), sorted(set(slugs("status.def", "RC_STATUS")) - {"ok"}), "codes")
    equal(schema["State"]["enum"], slugs("states.def", "RC_COMMAND_STATE")[1:], "states")
    equal(schema["StepState"]["enum"], slugs("states.def", "RC_STEP_STATE"), "step states")
    equal(schema["Phase"]["enum"], slugs("states.def", "RC_PHASE"), "phases")
    equal(schema["Purpose"]["enum"], slugs("words.def", "RC_PURPOSE"), "purposes")
    equal(schema["ActionName"]["enum"], slugs("words.def", "RC_ACTION"), "actions")
    equal(schema["Cause"]["properties"]["kind"]["enum"], slugs("words.def", "RC_CAUSE"), "causes")
    equal(schema["Command"]["properties"]["mode"]["enum"], slugs("words.def", "RC_MODE"), "modes")
    equal(schema["BulkState"]["enum"], slugs("states.def", "RC_BULK_STATE"), "states of bulks")
    equal(schema["ItemResult"]["enum"], slugs("words.def", "RC_ITEM"), "results of items")


def objects(node, at="$", through_all_of=frozenset()):
    """Every schema with properties in the document, but for those that are only parts of others."""
    if isinstance(node, dict):
        if "properties" in node and isinstance(node["properties"], dict) and at not in through_all_of:
            yield at, node
        for name, part in node.items():
            yield from objects(part, f"{at}/{name}", through_all_of)
    elif isinstance(node, list):
        for i, part in enumerate(node):
            yield from objects(part, f"{at}/{i}", through_all_of)


@case("every object of the description is closed, and every text of a request has a bound")
def closed(world):
    text = json.dumps(DOCUMENT)
    parts = {"$" + ref[1:] for ref in re.findall(r'"allOf": \[\{"\$ref": "([^"]+)"', text)}
    open_ones = [at for at, node in objects(DOCUMENT, through_all_of=parts)
                 if "additionalProperties" not in node and node.get("unevaluatedProperties") is not False]
    equal(open_ones, [], "objects without additionalProperties or unevaluatedProperties")
    unbounded = [f"{o.id} {at}" for o in OPERATIONS.values() if o.body for at in mutants.unbounded(o.body)]
    equal(unbounded, [], "texts and lists without a bound")


# ---- statuses -------------------------------------------------------------------------------------------------------------

def wanted():
    """(operation, status, code or None) that the document lists for an operation itself, and codes that any may have."""
    own, common = set(), set()
    for operation in OPERATIONS.values():
        for status, response in operation.responses.items():
            if not status.endswith("XX"):
                problem = "application/problem+json" in response.get("content", {})
                codes = operation.own(int(status)) if problem else {None}
                own |= {(operation.id, int(status), code) for code in codes}
                true(codes, f"{operation} {status}: the description names no code of spec/status.def in backquotes")
            else:
                common |= {(number, code) for number, listed in response["x-statuses"].items() for code in listed}
    return own, common


@case("every documented status of every operation happens, and is as described")
def statuses(world):
    stage, failures = Stage(world), Failures()

    def run(row):
        operation = OPERATIONS[row.operation]
        made = row.make(stage)
        answer = send(stage.api, operation, made) if type(made).__name__ == "Request" else made
        answer.problem(row.status, row.code) if row.code else answer.must(row.status)

    for row in ROWS:
        failures.attempt(f"{row.operation} {row.status} {row.code or ''}", lambda: run(row))
    for operation in OPERATIONS.values():
        failures.attempt(f"any request: {operation}", lambda: any_request(stage, operation))
    own, common = wanted()
    missing = sorted(map(str, own - stage.met))
    if missing:
        failures.found.append(f"no row in test/api/rows makes these happen: {missing}")
    missing = [f"{status} {code}" for status, code in sorted(common)
               if code not in UNMADE and not any(m[1:] == (status, code) for m in stage.met)]
    if missing:
        failures.found.append(f"no test makes these happen: {missing}")
    unused = sorted(f"{o.id} {name}" for o in OPERATIONS.values() for place in ("query", "header") for name in o.names(place)
                    if ("parameter", o.id, name) not in stage.met)
    if unused:
        failures.found.append(f"no row uses these parameters with success: {unused}")
    failures.end(len(ROWS))


def any_request(stage, operation):
    """What every operation must refuse in the same way."""
    request = stage.once(f"good {operation.id}", lambda: good(operation).make(stage))
    ask = lambda **changed: send(stage.api, operation, request.but(**changed))
    ask(query={**request.query, "nobody_knows": "1"}).problem(400, "malformed")
    ask(headers={**request.headers, "Host": "evil.test"}).problem(421, "misdirected")
    ask(headers={**request.headers, "Origin": "http://evil.test"}).problem(403, "forbidden")
    if operation.body:
        ask(headers={**request.headers, "Content-Type": "text/plain"}).problem(415, "unsupported-media-type")
    methods = {o.method for o in OPERATIONS.values() if o.path in templates(operation.target(request))}
    allowed = methods | ({"HEAD"} if "GET" in methods else set())
    for method in sorted({m.upper() for m in METHODS} - methods):
        answer = stage.api.watched.ask(method, operation.target(request))
        answer.problem(405, "method-not-allowed")
        equal(set(answer.headers["Allow"].split(", ")), allowed, f"Allow for {method}")
    if operation.method == "GET" and not request.until:
        answer = stage.api.watched.ask("HEAD", operation.target(request), headers=request.headers)
        equal((answer.must(200).body, answer.headers["Content-Type"] is not None), (b"", True), "the answer to HEAD")


# ---- parameters and bodies ------------------------------------------------------------------------------------------------

def is_taken(operation, name, answer):
    """A version that a command cannot move to is read, and refused by rule."""
    moves = str(operation).endswith("/actions/move") and name == "version"
    return answer.status < 300 or (moves and answer.problem(409, "action-refused"))


@case("every parameter is refused outside of its schema, and taken at its bounds")
def parameters(world):
    stage, failures = Stage(world), Failures()
    for operation in OPERATIONS.values():
        request = good(operation).make(stage)
        for parameter in operation.parameters:
            name, place, schema = parameter["name"], parameter["in"], SCHEMAS.resolve(parameter["schema"])
            part = {"query": "query", "header": "headers", "path": "variables"}[place]

            def ask(value):
                fresh = request if operation.method == "GET" else good(operation).make(stage)
                return send(stage.api, operation, fresh.but(**{part: {**getattr(fresh, part), name: value}}))

            for value in mutants.wrong_parameters(schema):
                failures.attempt(f"{operation}: {name}={str(value)[:40]}", lambda: true(
                    ask(value).status in (400, 404, 412, 422), "it must be refused"))
            for _, value in mutants.bounds(schema) if place == "query" else ():
                failures.attempt(f"{operation}: {name}={str(value)[:40]}", lambda: true(
                    is_taken(operation, name, ask(value)), "it must be taken"))
            if parameter.get("required") and place == "query":
                fewer = {k: v for k, v in request.query.items() if k != name}
                failures.attempt(f"{operation} without {name}", lambda: send(
                    stage.api, operation, request.but(query=fewer)).problem(400, "malformed"))
    failures.end(20)


def complaints(operation, answer):
    """Pointers of a refused body; a line of a batch and an item of one have their own problems."""
    if operation.media == "application/x-ndjson":
        lines = [json.loads(line) for line in answer.must(200).text.splitlines()]
        equal(len(lines), 1, "lines")
        equal(lines[0]["status"], 422, f"status of the line {lines}")
        return lines[0]["problem"]["errors"]
    if answer.status == 200 and "results" in answer.json:  # an item of a batch of reports is refused by itself, and its problem begins with its pointer
        return [{"pointer": r["problem"]["detail"].partition(": ")[0]} for r in answer.json["results"] if r["status"] == 422]
    return answer.problem(422, "invalid")["errors"]


def taken(stage, operation, pointer, value):
    """A member at its bound is not too long, whatever else may be wrong with it there."""
    request = good(operation).make(stage)
    answer = send(stage.api, operation, request.but(body=mutants.put(request.body, pointer, value)))
    errors = answer.json.get("errors", []) if answer.status == 422 else []
    about = [e for e in errors if e["pointer"] == pointer]
    true(answer.status != 400 and not any("longer" in e["detail"] or "must be" in e["detail"] for e in about), f"refused: {answer}")


@case("every member of every body: missing, of a wrong type, too long, unknown: 422 with its pointer; at its bound it is taken")
def bodies(world):
    stage, failures = Stage(world), Failures()
    for operation in (o for o in OPERATIONS.values() if o.body):
        request = good(operation).make(stage)
        put = lambda body: send(stage.api, operation, request.but(body=body))

        def refuse(body, pointers):
            found = {e["pointer"] for e in complaints(operation, put(body))}
            true(pointers <= found, f"expected complaints about {sorted(pointers)}, got {sorted(found)}")

        for what, body, pointer in mutants.wrong_bodies(operation.body, request.body):
            failures.attempt(f"{operation}: {what}", lambda: refuse(body, {pointer}))
        everything = mutants.all_wrong(operation.body)
        failures.attempt(f"{operation}: all wrong at once", lambda: refuse(everything, {f"/{name}" for name in everything}))
        for what, pointer, value in mutants.at_bounds(operation.body, request.body):
            failures.attempt(f"{operation}: {what}", lambda: taken(stage, operation, pointer, value))
    failures.end(50)


@case("a body that is no JSON is 400, one of another type 415, a too large one 413")
def not_json(world):
    stage, failures = Stage(world), Failures()
    most = int(re.search(r"RC_MAX_BODY = 1 << (\d+)", (ROOT / "src/base/limits.h").read_text()).group(1))
    for operation in (o for o in OPERATIONS.values() if o.body and o.media == "application/json"):
        request = good(operation).make(stage)
        put = lambda body, **headers: send(stage.api, operation, request.but(
            body=body, headers={**request.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}))
        for text in (b"", b"{", b'{"a":1}}', b"\xff\xfe", b'{"a":"\xc3"}', b'{"a":1,"a":2}', b"{'a':1}", b'{"a":01}', b"NaN"):
            failures.attempt(f"{operation}: {text}", lambda: put(text).problem(400, "malformed"))
        failures.attempt(f"{operation}: too deep", lambda: put(b"[" * 100 + b"]" * 100).problem(413, "limit-exceeded"))
        failures.attempt(f"{operation}: too large", lambda: put(b" " * (1 << most) + b"{").problem(413, "limit-exceeded"))
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"):
            failures.attempt(f"{operation}: {kind}", lambda: put(b"{}", Content_Type=kind).problem(415, "unsupported-media-type"))
        failures.attempt(f"{operation}: charset", lambda: true(put(
            json.dumps(request.body).encode(), Content_Type="Application/JSON; charset=utf-8").status not in (400, 415), "it is JSON"))
    failures.end(20)


if __name__ == "__main__":
    main()

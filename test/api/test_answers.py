"""Every answer of longer stories is as spec/openapi.yaml describes it; and what is refused, with the right words."""
import gzip
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from described import CODES, Watched  # noqa: E402
from kit import PR, case, contains, equal, example_dependency, example_flow, main, pull, simple_flow, true  # noqa: E402


def all_of(api, id):
    """Every way to look at a command."""
    command = api.command(id)
    api.get(f"/v1/commands/by-key?type={command['type']}&key={command['key'].replace('/', '%2F')}").must(200)
    api.explain(id)
    api.history(id)
    return command


@case("every answer is as described: lives of commands")
def lives(world):
    server, hub = world.example(attempts=2, check_attempts=2)
    watched, api = Watched(server.api), server.api
    api.submit(PR, pull(1), actor="carla", refs={"ticket": "9"}).must(201)
    equal(api.submit(PR, pull(1)).must(200).headers["Idempotency-Replayed"], "true", "replayed")
    waited = api.post("/v1/commands?wait=30s", {"type": PR, "payload": pull(1)}).must(200).json
    equal(waited["state"], "completed", "state after a wait")
    equal(api.get(f"/v1/commands/{waited['id']}?wait=1s").must(200).json, waited, "the same")
    api.get(f"/v1/commands/{waited['id']}?wait=x").problem(400, "malformed")
    first = api.list("state=completed,running,pending,waiting")[0]["id"]
    api.until_state(first, "completed")
    all_of(api, first)
    problem = api.submit(PR, pull(1, title="other")).problem(409, "key-conflict")
    equal(problem["command"], f"/v1/commands/{first}", "the first command")
    api.get(f"/v1/commands/{first}/actions/roll_back").must(200)
    etag = api.get(f"/v1/commands/{first}").headers["ETag"]
    api.act(first, "roll_back", {"If-Match": '"1"'}, reason="stale").problem(412, "stale")
    api.act(first, "roll_back", {"If-Match": "nonsense"}, reason="stale").problem(412, "stale")
    api.act(first, "roll_back", {"If-Match": etag}, reason="wrong", key="a1").must(200)
    api.act(first, "roll_back", reason="wrong", key="a1").must(200)
    api.until_state(first, "rolled_back")
    all_of(api, first)
    api.act(first, "check", reason="too late").problem(409, "action-refused")
    api.get(f"/v1/commands/{first}/actions/roll_back").problem(409, "action-refused")

    hub.faults({"method": "POST", "fault": "422"})
    second = api.submit(PR, pull(2)).must(201).json["id"]
    api.until_resting(second)
    all_of(api, second)
    api.act(second, "resolve", verdict="accepted_as_is", reason="done by hand").must(200)
    true(api.command(second)["ended"], "resolved is an end")
    page = api.get("/v1/commands?limit=1").must(200).json
    true(page["next"], "there is a next page")
    equal(len(api.list()), 2, "commands in pages")
    true(("explainCommand", 200, None) in watched.met, f"met {watched.met}")


@case("every answer is as described: batches")
def batches(world):
    server = world.server(defs=world.write(f=example_flow(), d=example_dependency(9), o=simple_flow("open"))).start()
    Watched(server.api)
    lines = [{"type": PR, "payload": pull(1)}, {"type": PR, "payload": pull(1)}, {"type": PR, "payload": pull(1, title="other")},
             {"type": PR, "payload": {}}, {"type": "nobody", "payload": 1}, {"type": PR}, [], {"type": "open", "payload": {"n": 3}}]
    answers = server.api.batch(lines)
    equal([a["status"] for a in answers], [201, 200, 409, 422, 404, 422, 422, 201], "statuses")
    server.api.batch(lines[:1] * 1001, must=413)
    server.api.post("/v1/commands/batch", {"type": PR}).problem(415, "unsupported-media-type")


@case("every answer is as described: definitions and the server")
def definitions(world):
    flow, dependency = example_flow(), example_dependency(9)
    server = world.server(defs=world.write(f=flow, d=dependency)).start()
    watched, api = Watched(server.api), server.api
    files = [{"source": "f.yaml", "text": flow}, {"source": "d.yaml", "text": dependency}]
    dry = api.post("/v1/definitions", {"files": files, "dry_run": True}).must(200).json
    equal((dry["applied"], dry["kept"], dry["added"]), (False, 2, 0), "a dry run of the same")
    api.submit(PR, pull(1)).must(201)  # the first version has a command
    files[0]["text"] = flow.replace("on_failure: keep", "on_failure: review")
    changed = api.post("/v1/definitions", {"files": files}).must(200).json
    equal((changed["applied"], changed["changed"]), (True, 1), "a change")
    true("+on_failure: review" in changed["changes"][0]["diff"] + changed["changes"][1].get("diff", ""), "the difference")
    versions = api.get(f"/v1/definitions/flow/{PR}").must(200).json["versions"]
    equal([(v["version"], v["active"]) for v in versions], [(2, True), (1, False)], "versions")
    equal(len(api.get("/v1/definitions").must(200).json["definitions"]), 2, "definitions in force")
    api.get("/v1/definitions/flow/none").problem(404, "not-found")
    bad = api.post("/v1/definitions", {"files": [{"source": "x.yaml", "text": "flow: x\nstps: []\n"}]}).problem(422, "invalid")
    true(bad["errors"][0]["source"] == "x.yaml" and bad["errors"][0]["line"] >= 1, f"no position: {bad}")
    for path in ("/v1", "/healthz", "/readyz", "/metrics"):
        api.get(path).must(200)
    for name in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", api.get("/metrics").text):
        true(name[0].endswith("_total") == (name[1] == "counter"), f"{name} against Prometheus' conventions")


@case("every answer is as described: what is refused")
def refused(world):
    server = world.server(defs=world.write(f=example_flow(), d=example_dependency(9), o=simple_flow("open"))).start()
    watched, api = Watched(server.api), server.api
    post = lambda body, **headers: api.post("/v1/commands", body, {k.replace("_", "-"): v for k, v in headers.items()})
    good = {"type": PR, "payload": pull(1)}
    post(b"{", Content_Type="application/json").problem(400, "malformed")
    post(b"[]", Content_Type="application/json").problem(422, "invalid")
    post(b'{"type":"a","type":"b","payload":{}}', Content_Type="application/json").problem(400, "malformed")
    post(b"{}", Content_Type="text/plain").problem(415, "unsupported-media-type")
    for coding, packed in (("gzip", gzip.compress(json.dumps(good).encode())), ("gzip", json.dumps(good).encode()), ("identity, br", b"{}")):
        contains(post(packed, Content_Type="application/json", Content_Encoding=coding).problem(415, "unsupported-media-type")["detail"],
                 "without a Content-Encoding")
    post(b"{", Content_Type="application/json", Content_Encoding="identity").problem(400, "malformed")
    said = lambda path: api.get(path).problem(400, "malformed")["detail"]
    equal(said("/v1/commands?stat=running"), 'the query parameter "stat" is not known here; did you mean "state"?', "the nearest")
    contains(said("/v1/commands?whatever=1"), '"whatever" is not known here; known here: ', "those that are known")
    equal(said("/healthz?x=1"), 'the query parameter "x" is not known here; this address takes none', "none")
    post({**good, "type": "nobody"}).problem(404, "not-found")
    post({**good, "more": 1}).problem(422, "invalid")
    equal(post({"payload": 1}).problem(422, "invalid")["errors"][0]["pointer"], "/type", "pointer")
    errors = post({**good, "payload": {"project": "x"}}).problem(422, "invalid")["errors"]
    true({"/payload/project"} <= {e["pointer"] for e in errors}, f"pointers: {errors}")
    post({**good, "key": "a"}, Idempotency_Key="b").problem(422, "invalid")
    post({**good, "key": "k" * 256}).problem(422, "invalid")
    post({**good, "actor": "a" * 129}).problem(422, "invalid")
    note = lambda size: {"type": "open", "payload": {"n": 1, "note": "x" * (size - len('{"n":1,"note":""}'))}}
    post(note((256 << 10) + 1)).problem(413, "limit-exceeded")
    post(note(256 << 10)).must(201)
    post(b"[" * 100 + b"]" * 100, Content_Type="application/json").problem(413, "limit-exceeded")
    for query in ("state=nothing", "limit=0", "limit=201", "limit=x", "cursor=zz", "cursor=", "why=bad", "why=none", "created_since=x", "type=", "state=", "why", "dependency=", "owner=", "actor=", "created_until=2026", "before=1", "ref=x", "ref==x", "other=1", "type=%zz", "type=a&type=b"):
        api.get(f"/v1/commands?{query}").problem(400, "malformed")
    api.get("/v1/commands?limit=200").must(200)
    for id in ("x", "0" * 16, "0" * 15, "0" * 17):
        for rest in ("", "/history", "/explain", "/actions/roll_back"):
            api.get(f"/v1/commands/{id}{rest}").problem(404, "not-found")
        api.act(id, "retry", reason="x").problem(404, "not-found")
    id = post(good).must(201).json["id"]
    api.act(id, "explode").problem(404, "not-found")
    api.act(id, "resolve", reason="x").problem(422, "invalid")
    api.act(id, "resolve", verdict="happened").problem(422, "invalid")
    api.act(id, "retry", verdict="happened").problem(422, "invalid")
    api.act(id, "retry", reason="x" * 2001).problem(422, "invalid")
    for method, path, allow in (("PUT", "/v1/commands", "POST, GET, HEAD"), ("DELETE", f"/v1/commands/{id}", "GET, HEAD"),
                                ("GET", f"/v1/commands/{id}/actions/retry", "POST"), ("OPTIONS", "/v1", "GET, HEAD")):
        answer = api.ask(method, path)
        answer.problem(405, "method-not-allowed")
        equal(answer.headers["Allow"], allow, f"Allow of {path}")
    api.get("/v2").problem(404, "not-found")
    api.get("/v1/").problem(404, "not-found")


@case("every code of a problem is described by the server itself")
def problems(world):
    api = world.server(defs=world.write(f=example_flow(), d=example_dependency(9))).start().api
    Watched(api)
    for code in sorted(CODES):
        said = api.get(f"/problems/{code}").must(200).json
        true(said["code"] == code and len(said["text"]) > 40, f"{code}: {said}")
    type = api.get("/v1/commands/x").problem(404, "not-found")["type"]
    equal(api.get(type).must(200).json["status"], 404, "what a type leads to")


@case("a page of another site cannot talk to the server")
def origins(world):
    server = world.server(defs=world.write(f=example_flow(), d=example_dependency(9)), more=["--allow-host", "recourse.test"]).start()
    api = server.api
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:7070", "127.9.9.9", "[::1]:7070", "recourse.test:80"):
        api.get("/healthz", Host=host).must(200)
    for host in ("evil.test", "localhost.evil.test", "10.0.0.1", "", "127.0.0.1.evil.test", "[::2]", "0x7f.1"):
        api.get("/healthz", Host=host).problem(421, "misdirected")
    for origin in ("http://localhost:3000", "https://recourse.test"):
        api.get("/healthz", Origin=origin).must(200)
    for origin in ("http://evil.test", "null", "http://", "file://localhost", "http://localhost.evil.test"):
        api.get("/healthz", Origin=origin).problem(403, "forbidden")
    answer = api.get("/healthz", Origin="http://localhost:3000")
    true("Access-Control-Allow-Origin" not in answer.headers, "there is no CORS")
    equal(answer.headers["X-Content-Type-Options"], "nosniff", "nosniff")


if __name__ == "__main__":
    main()

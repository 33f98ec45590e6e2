"""The command line that finds and follows: list with filters, attempts, definitions, events, watch."""
import json
import subprocess
import threading

from kit import RECOURSE, Failure, case, contains, dependency, equal, eventually, main, simple_flow, true

HEAD = '{ title: "t${payload.n}", head: "b${payload.n}", base: main }'


def make(world):
    """Flows that work, that are refused, and one whose dependency is not there."""
    hub = world.standin()
    flow = lambda name, path, **more: simple_flow(name, body=HEAD, path=path, **more)
    server = world.server(defs=world.write(
        d=dependency("github", f"http://127.0.0.1:{hub.port}"), gone=dependency("gone", "http://127.0.0.1:1"),
        good=flow("good", "/repos/acme/web/pulls"), bad=flow("bad", "/nowhere"),
        flaky=flow("flaky", "/x", dep="gone", more="retry: { delay: 20ms, limit: { attempts: 3 } }"),
        away=flow("away", "/x", dep="gone", more="retry: { delay: 1h, limit: { attempts: 3 } }"))).start()
    return server, hub


def submit(server, flow, n):
    return server.api.submit(flow, {"n": n}).must(201).json["id"]


@case("rows say what a command hangs on, and can be found by it")
def rows(world):
    server, _ = make(world)
    api = server.api
    good, bad, away = submit(server, "good", 1), submit(server, "bad", 2), submit(server, "away", 3)
    api.until_state(good, "completed")
    api.until_state(bad, "rejected")
    row = eventually(lambda: next((r for r in api.list("why=not_sent") if r["next"]["code"] == "again"), None), "it waits")
    equal((row["id"], row["dependency"], "at" in row["next"]), (away, "gone", True), "what waits for its dependency")
    row = api.list("state=rejected")[0]
    equal((row["id"], row["why"], row["dependency"], row["next"]["code"]), (bad, "status", "github", "change"), "what was refused")
    equal(row["next"]["text"], api.explain(bad)["next"]["text"], "the same words as explain")
    row = api.list("type=good")[0]
    true("why" not in row and "dependency" not in row and row["next"]["code"] == "nothing", f"what is completed: {row}")
    equal([r["id"] for r in api.list("dependency=gone")], [away], "by dependency")
    equal([r["id"] for r in api.list("why=status,timeout")], [bad], "by reason")
    api.act(bad, "assign", owner="bo").must(200)
    api.act(bad, "due", due="2126-01-01T00:00:00Z").must(200)
    row = api.list("owner=bo")[0]
    equal((row["id"], row["owner"], row["due"][:10]), (bad, "bo", "2126-01-01"), "by owner")
    equal(api.list("owner=nobody"), [], "by another owner")
    equal(len(api.list("actor=local")), 3, "by actor")
    created = api.command(bad)["created"]
    equal([r["id"] for r in api.list(f"created_since={created}")], [away, bad], "since")
    equal([r["id"] for r in api.list(f"created_until={created}")], [good], "until")
    page = api.get("/v1/commands?limit=1&type=bad&state=rejected").must(200).json
    if page["next"]:
        api.get(f"/v1/commands?limit=1&type=bad&cursor={page['next']}").problem(400, "malformed")
    first = api.get("/v1/commands?limit=1").must(200).json["next"]
    contains(api.get(f"/v1/commands?limit=1&cursor={first}&type=bad").problem(400, "malformed")["detail"], "another filter")
    text = server.cli("list", "--why", "status", "--owner", "bo", "--submitter", "local", "--dependency", "github", "--since", "1h")
    contains(text, bad)
    contains(text, "OWNER")
    contains(server.cli("list", "--until", "1h"), "none")
    server.cli("list", "--since", "yesterday", code=3)
    server.cli("list", "--cursor", "zz", code=3)


@case("attempts, by page and on the command line")
def attempts(world):
    server, _ = make(world)
    id = submit(server, "flaky", 1)
    server.api.until_state(id, "failed")
    every = server.api.get(f"/v1/commands/{id}/attempts").must(200).json
    equal((every["total"], every["next"]), (len(every["attempts"]), None), "all of them")
    equal([(a["attempt"], a["purpose"], a["outcome"]) for a in every["attempts"]], [(n, "act", "failed") for n in (1, 2, 3)], "each")
    true(all(len(a["idempotency_key"]) == 32 and a["began"] for a in every["attempts"]), "what went out")
    paged, after = [], 0
    while after is not None:
        page = server.api.get(f"/v1/commands/{id}/attempts?limit=1&after={after}").must(200).json
        paged += page["attempts"]
        after = page["next"]
    equal(paged, every["attempts"], "page by page")
    equal(server.api.get(f"/v1/commands/{id}/attempts?after=99").must(200).json["attempts"], [], "behind the end")
    contains(server.cli("attempts", id), "IDEMPOTENCY-KEY")
    equal(len(server.cli("attempts", id, "-q").splitlines()), every["total"], "lines")
    server.cli("attempts", "0" * 16, code=4)


@case("definitions on the command line")
def definitions(world):
    server, _ = make(world)
    submit(server, "good", 1)
    text = simple_flow("good", body=HEAD, path="/repos/acme/other/pulls")
    server.api.post("/v1/definitions", {"files": [{"source": "x.yaml", "text": text}]}).must(200)
    contains(server.cli("definitions"), "dependency")
    contains(server.cli("definitions", "list", "-q"), "flow/good")
    lines = server.cli("definitions", "versions", "good").splitlines()
    equal([line.split()[:2] for line in lines[1:]], [["2", "yes"], ["1", "no"]], "versions")
    equal(server.cli("definitions", "show", "good").strip(), text.strip(), "the newest text")
    contains(server.cli("definitions", "show", "flow/good", "1"), "/repos/acme/web/pulls")
    diff = server.cli("definitions", "diff", "good", "2")
    true("/repos/acme/other/pulls" in diff and "/repos/acme/web/pulls" in diff, f"no diff: {diff}")
    equal(server.cli("definitions", "diff", "good", "2", "2").strip(), "", "the same")
    contains(server.cli("definitions", "show", "dependency/github"), "kind: http")
    server.cli("definitions", "show", "nobody", code=4)
    server.cli("definitions", "diff", "good", "9", code=4)
    server.cli("definitions", "show", code=2)
    server.cli("definitions", "burn", "good", code=2)


@case("events on the command line: as lines, as JSON, from a place, across a restart of the server")
def events(world):
    server, _ = make(world)
    ids = [submit(server, "good", n) for n in range(3)]
    for id in ids:
        server.api.until_resting(id)
    lines = server.cli("events", "--after", "0", "--limit", "6").splitlines()
    equal(len(lines), 6, "lines")
    contains(lines[0], ids[0])
    contains(lines[-1], "now completed")
    told = [json.loads(line) for line in server.cli("events", "--after", "0", "--limit", "6", "--json").splitlines()]
    equal([e["change"] for e in told], list(range(1, 7)), "changes")
    done = server.cli("events", "--after", "0", "--state", "completed", "--id", ids[1], "--limit", "1", "-q")
    equal(done.strip(), ids[1], "filtered")
    server.cli("events", "--after", "999", "--limit", "1", code=3)
    server.cli("events", "--state", "happy", code=3)
    server.cli("events", "--limit", "0", code=2)
    follower = subprocess.Popen([RECOURSE, "events", "--json", "--after", "0", "--limit", "8"], env=server.cli_env,
                                stdout=subprocess.PIPE, text=True)
    seen = [json.loads(follower.stdout.readline())["change"] for _ in range(6)]
    server.kill()
    server.start()
    id = submit(server, "good", 9)
    server.api.until_resting(id)
    seen += [json.loads(line)["change"] for line in follower.communicate(timeout=60)[0].splitlines()]
    equal((seen, follower.returncode), (list(range(1, 9)), 0), "nothing missed, nothing twice")


@case("watch ends with the command, and its exit code says how")
def watch(world):
    server, _ = make(world)
    good, bad, away = submit(server, "good", 1), submit(server, "bad", 2), submit(server, "away", 3)
    contains(server.cli("watch", good), "completed")
    contains(server.cli("watch", bad, code=9), "rejected")
    server.api.act(bad, "cancel", reason="no use").must(200)
    equal(server.cli("watch", bad, "-q", code=10).strip(), "cancelled", "quietly")
    server.cli("watch", "0" * 16, code=4)
    said = []
    thread = threading.Thread(target=lambda: said.append(server.cli("watch", away, code=10)))
    thread.start()
    eventually(lambda: server.api.metric("event_streams") == 1, "it follows")
    server.api.act(away, "cancel", reason="enough").must(200)
    thread.join(60)
    if not said:
        raise Failure("watch has not ended")
    contains(said[0], "cancel")
    contains(said[0], "cancelled")
    contains(server.cli_at_terminal("", "watch", good), "completed")


if __name__ == "__main__":
    main()

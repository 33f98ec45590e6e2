"""The plain life of commands: submit, read, repeat, conflict, refuse."""
import json

from kit import PR, RESTING, case, contains, equal, eventually, in_threads, main, pull, true


def settled(server, hub, n=1, **payload):
    """A completed command of the example."""
    got = server.api.submit(PR, pull(n, **payload)).must(201)
    return server.api.until_state(got.json["id"], "completed")


@case("submit, get, by key, list, history, explain")
def life(world):
    server, hub = world.example()
    api = server.api
    got = api.submit(PR, pull(1), actor="carla").must(201)
    id = got.json["id"]
    equal(got.headers["Location"], f"/v1/commands/{id}", "Location")
    equal(got.json["type"], PR, "type")
    equal(got.json["key"], "1/create_pr", "the flow's own key")

    done = api.until_state(id, "completed")
    equal(done["payload"], pull(1), "payload")
    equal(done["refs"], {"project": "1", "customer": "2"}, "refs")
    equal(done["actor"], "carla", "actor")
    equal(done["ended"], True, "ended")
    equal([s["state"] for s in done["steps"]], ["succeeded", "succeeded"], "steps")
    number = done["steps"][0]["outputs"]["number"]
    pulls = hub.pulls("web")
    equal([(p["number"], p["head"]["ref"], p["title"]) for p in pulls], [(number, "feature-1", "Change 1")], "at the other side")
    equal(done["steps"][0]["external_id"], str(number), "external id")
    equal([label["name"] for label in pulls[0]["labels"]], ["customer-2"], "labels")

    equal(api.get(f"/v1/commands/by-key?type={PR}&key=1%2Fcreate_pr").must(200).json, done, "by key")
    api.get(f"/v1/commands/by-key?type={PR}&key=nobody").problem(404, "not-found")
    api.get(f"/v1/commands/by-key?type={PR}").problem(400, "malformed")
    api.get("/v1/commands/00000000000000ZZ").problem(404, "not-found")
    wrong = id[:-1] + ("0" if id[-1] != "0" else "1")
    api.get(f"/v1/commands/{wrong}").problem(404, "not-found")

    history = api.history(id)
    equal([r["revision"] for r in history], list(range(1, len(history) + 1)), "revisions")
    equal(history[-1]["revision"], done["revision"], "the last record's revision")
    equal([r["cause"]["kind"] for r in history], ["submitted", "result", "result"], "causes")
    page = api.get(f"/v1/commands/{id}/history?limit=2").must(200).json
    equal((page["records"], page["next"]), (history[:2], 2), "first page of the history")

    told = api.explain(id)
    equal([(a["purpose"], a["outcome"]) for a in told["attempts"]], [("act", "succeeded")] * 2, "attempts")
    true(told["affects"]["done"][0]["outputs"]["number"] == number, f"explain does not name the pull request: {told}")
    true(all(v["allowed"] or v["why_not"] for v in told["actions"].values()), f"an action is refused without a reason: {told}")


@case("list by state, type and ref, in pages")
def lists(world):
    server, hub = world.example(timeout="20s")
    api = server.api
    for n in range(1, 8):
        settled(server, hub, n)
    rejected = api.submit(PR, pull(8, title="fault=422")).must(201).json["id"]
    api.until_state(rejected, "rejected")
    hanging = api.submit(PR, pull(9, title="fault=hang")).must(201).json["id"]
    eventually(lambda: hub.fired("hang"), "the fault fires")
    equal([r["id"] for r in api.list("state=rejected")], [rejected], "state=rejected")
    equal([r["id"] for r in api.list("state=running,rejected")], [hanging, rejected], "two states, newest first")
    equal(len(api.list("state=completed")), 7, "state=completed")
    equal([r["key"] for r in api.list("ref=project%3D3")], ["3/create_pr"], "by ref")
    equal(len(api.list("ref=customer%3D2")), 2, "by another ref")
    equal(len(api.list(f"type={PR}")), 9, "by type")
    equal(api.list("type=nobody"), [], "an unknown type")
    seen, before = [], ""
    while before is not None:
        page = api.get(f"/v1/commands?limit=4{before and '&cursor=' + before}").must(200).json
        true(len(page["commands"]) <= 4, "a page is longer than asked for")
        seen += [r["key"] for r in page["commands"]]
        before = page["next"]
    equal(seen, [f"{n}/create_pr" for n in range(9, 0, -1)], "all pages")
    api.get("/v1/commands?state=happy").problem(400, "malformed")
    api.get("/v1/commands?cursor=nonsense").problem(400, "malformed")
    api.get("/v1/commands?limit=0").problem(400, "malformed")
    api.get("/v1/commands?limit=201").problem(400, "malformed")


@case("the same key and payload is the same command, also from 32 at once and after a restart")
def repeats(world):
    server, hub = world.example()
    api = server.api
    answers = in_threads(32, lambda i: api.submit(PR, pull(1)))
    equal(sorted(a.status for a in answers), [200] * 31 + [201], "one is new, the others repeat it")
    ids = {a.json["id"] for a in answers}
    equal(len(ids), 1, "ids")
    id = ids.pop()
    api.until_state(id, "completed")
    other_order = dict(reversed(list(pull(1).items())))
    equal(api.submit(PR, other_order, actor="somebody else").must(200).json["id"], id, "members in another order")
    equal(api.submit(PR, pull(1), headers={"Idempotency-Key": "1/create_pr"}).must(200).json["id"], id, "key in the header")
    server.kill()
    server.start()
    answers = in_threads(8, lambda i: api.submit(PR, pull(1)))
    equal({(a.status, a.json["id"]) for a in answers}, {(200, id)}, "after kill -9")
    equal(len(api.list()), 1, "commands")
    equal(len(hub.journal("POST", "/pulls")), 1, "requests for a pull request")
    equal(len(hub.pulls("web")), 1, "pull requests")


@case("the same key with another payload is a conflict that names the first command")
def conflict(world):
    server, hub = world.example()
    api = server.api
    first = settled(server, hub)
    for _ in range(2):
        refused = api.submit(PR, pull(1, title="Another title")).problem(409, "key-conflict")
        contains(str(refused), f"/v1/commands/{first['id']}", "the conflict")
    api.submit(PR, pull(2), key="1/create_pr").problem(409, "key-conflict")
    api.submit(PR, pull(2), key="a", headers={"Idempotency-Key": "b"}).problem(422, "invalid")
    equal(len(api.list()), 1, "nothing was stored")
    server.restart()
    refused = api.submit(PR, pull(1, title="Another title")).problem(409, "key-conflict")
    contains(str(refused), f"/v1/commands/{first['id']}", "the conflict after a restart")
    equal(api.command(first["id"]), first, "the first command")
    equal(len(hub.journal()), 2, "requests: one pull request, one label")


@case("concurrent submissions of one key with two payloads: one wins, the others conflict")
def race(world):
    server, hub = world.example()
    api = server.api
    answers = in_threads(32, lambda i: api.submit(PR, pull(1, title=f"Title {i % 2}")))
    winner = next(a.json["id"] for a in answers if a.status == 201)
    equal(sorted({a.status for a in answers}), [200, 201, 409], "statuses")
    equal(sum(a.status == 409 for a in answers), 16, "conflicts")
    equal({a.json["id"] for a in answers if a.status == 200}, {winner}, "repeats name the winner")
    api.until_state(winner, "completed")
    equal(len(hub.pulls("web")), 1, "pull requests")


@case("invalid payloads are refused with pointers, unknown flows by name")
def invalid(world):
    server, hub = world.example()
    api = server.api
    bad = dict(pull(1), customer="seven", surprise=1)
    del bad["title"]
    problem = api.submit(PR, bad).problem(422, "invalid")
    pointers = {e["pointer"] for e in problem["errors"]}
    for wanted in ("/payload/customer", "/payload/surprise", "title"):
        true(any(wanted in p or wanted in str(e) for p, e in zip(pointers, problem["errors"])) or wanted in str(problem["errors"]),
             f"no error is about {wanted}: {problem}")
    true({"/payload/customer", "/payload/surprise"} <= pointers, f"pointers: {pointers}")
    api.submit("nobody.knows", {}).problem(404, "not-found")
    api.post("/v1/commands", {"payload": {}}).problem(422, "invalid")
    api.post("/v1/commands", {"type": PR, "payload": pull(1), "colour": "blue"}).problem(422, "invalid")
    api.post("/v1/commands", []).problem(422, "invalid")
    api.submit(PR, pull(1), key="k" * 256).must(422)
    equal(api.list(), [], "nothing was stored")
    equal(hub.journal(), [], "nothing was asked")
    api.submit(PR, pull(1), key="k" * 255).must(201)


@case("the command line: submit, list, show, explain, history")
def command_line(world):
    server, hub = world.example()
    told = server.cli("submit", PR, "-p", json.dumps(pull(1)), json_out=True)
    id = told["id"]
    server.api.until_state(id, "completed")
    equal(server.cli("submit", PR, "-p", "-", stdin=json.dumps(pull(1)), json_out=True)["id"], id, "a repeat")
    contains(server.cli("list"), id, "list")
    contains(server.cli("list", "-s", "completed", "-r", "project=1"), id, "list with filters")
    contains(server.cli("show", id), "create", "show")
    contains(server.cli("explain", id), "Next", "explain")
    contains(server.cli("history", id), "submitted", "history")
    equal(server.cli("show", id, json_out=True)["state"], "completed", "show --json")
    contains(server.cli("submit", PR, "-p", json.dumps(pull(1, title="x")), code=3), id, "a conflict")
    server.cli("submit", PR, "-p", "{}", code=3)
    server.cli("submit", PR, "-p", "{", code=2)
    server.cli("show", "00000000000000ZZ", code=4)
    server.cli("submit", "nobody.knows", "-p", "{}", code=4)
    server.cli("nonsense", code=2)
    true(server.api.command(id)["state"] in RESTING, "still there")
    server.stop()
    server.cli("list", code=5)


if __name__ == "__main__":
    main()

"""What operators do: retry, check, cancel, roll back, resolve; over HTTP and on the command line; and what is refused, with why."""
import json

from kit import PR, case, contains, dependency, equal, eventually, main, pull, simple_flow, true

# A flow without a check: what is unknown stays so until a person says what happened.
NO_CHECK = """
flow: send
on_failure: keep
payload: { type: object, required: [n], properties: { n: { type: integer } } }
key: "${payload.n}"
steps:
  - id: first
    call: github
    with: { method: POST, path: "/repos/acme/first/pulls", body: { title: t, head: "b-${payload.n}", base: main } }
    timeout: 400ms
    outputs: { number: "${response.body.number}" }
    external_id: number
    undo:
      with: { method: PATCH, path: "/repos/acme/first/pulls/${outputs.number}", body: { state: closed } }
      timeout: 400ms
      retry: { delay: 20ms, limit: { attempts: 3 } }
  - id: second
    call: github
    with: { method: POST, path: "/repos/acme/second/pulls", body: { title: "after ${steps.first.outputs.number}", head: "b-${payload.n}", base: main } }
    timeout: 400ms
    retry: { delay: 20ms, limit: { attempts: 2 } }
    outputs: { number: "${response.body.number}" }
    external_id: number
    undo:
      with: { method: PATCH, path: "/repos/acme/second/pulls/${outputs.number}", body: { state: closed } }
      timeout: 400ms
      retry: { delay: 20ms, limit: { attempts: 3 } }
      check:
        with: { method: GET, path: "/repos/acme/second/pulls/${outputs.number}" }
        happened: response.body.state == 'closed'
        timeout: 400ms
"""


def two_steps(world, timeout="20s", **more):
    hub = world.standin()
    defs = world.write(send=NO_CHECK.replace("400ms", timeout), github=dependency("github", f"http://127.0.0.1:{hub.port}", **more))
    return world.server(defs=defs).start(), hub


def submit(server, n):
    return server.api.submit("send", {"n": n}).must(201).json["id"]


WRITING = {"assign", "note", "due"}  # always allowed: they move nothing


def actions(api, id):
    return {name for name, a in api.explain(id)["actions"].items() if a["allowed"]} - WRITING


@case("resolve: happened, did not happen, accepted; only with evidence")
def resolve(world):
    server, hub = two_steps(world)
    api = server.api
    hub.faults(*({"match": f"b-{n}", "fault": "close-after" if n == 1 else "close-before"} for n in (1, 2, 3)))
    ids = [submit(server, n) for n in (1, 2, 3)]
    for id in ids:
        review = api.until_state(id, "review")
        equal(review["steps"][0]["state"], "unknown", "first")
        equal(actions(api, id), {"cancel", "roll_back", "resolve"}, "what is allowed")
    number = hub.pulls("first")[0]["number"]

    api.act(ids[0], "resolve", verdict="happened").problem(422, "invalid")
    api.act(ids[0], "resolve", reason="looked").problem(422, "invalid")
    api.act(ids[0], "resolve", verdict="perhaps", reason="looked").problem(422, "invalid")
    api.act(ids[0], "retry", verdict="happened").problem(422, "invalid")
    api.act(ids[0], "resolve", verdict="happened", step="second", reason="looked").problem(409, "action-refused")
    equal(api.command(ids[0])["state"], "review", "refused actions change nothing")

    api.act(ids[0], "resolve", verdict="happened", reason="it is in the list", external_id=str(number), outputs={"number": number},
            actor="olga").must(200)
    done = api.until_state(ids[0], "completed")
    equal((done["steps"][0]["outputs"], done["steps"][0]["external_id"]), ({"number": number}, str(number)), "what the person said")
    equal(hub.pulls("second")[0]["title"], f"after {number}", "what the next step made of it")
    record = next(r for r in api.history(ids[0]) if r["cause"]["kind"] == "action")["cause"]
    equal((record["action"], record["actor"], record["reason"], record["verdict"]), ("resolve", "olga", "it is in the list", "happened"),
          "on record")

    api.act(ids[1], "resolve", verdict="did_not_happen", reason="the list is empty").must(200)
    api.until_state(ids[1], "completed")
    equal(len([p for p in hub.pulls("first") if p["head"]["ref"] == "b-2"]), 1, "pull requests of the second")

    api.act(ids[2], "resolve", verdict="accepted_as_is", reason="nobody needs it").must(200)
    ended = api.until_state(ids[2], "resolved")
    equal(ended["ended"], True, "ended")
    equal(hub.journal("POST", "/second/")[-1]["path"], "/repos/acme/second/pulls", "the third goes no further")
    equal(len(hub.journal("POST", "/second/")), 2, "second steps")
    equal(len(hub.fired("close-before")) + len(hub.fired("close-after")), 3, "faults that fired")


@case("roll back with a preview: last step first, as attempts of their own")
def roll_back(world):
    server, hub = two_steps(world)
    api = server.api
    id = submit(server, 1)
    api.until_state(id, "completed")
    plan = api.get(f"/v1/commands/{id}/actions/roll_back").must(200)
    equal([u["step"] for u in plan.json["undo"]], ["second", "first"], "preview")
    equal(len(hub.journal()), 2, "a preview asks nothing outside")
    hub.faults({"match": "/second/", "method": "PATCH", "fault": "close-after"}, {"match": "/first/", "method": "PATCH", "fault": "429:1"})
    api.act(id, "roll_back", {"If-Match": plan.headers["ETag"]}, reason="the customer has changed her mind", actor="olga").must(200)
    done = api.until_state(id, "rolled_back")
    equal([s["state"] for s in done["steps"]], ["undone", "undone"], "steps")
    equal([p["state"] for r in ("first", "second") for p in hub.pulls(r)], ["closed", "closed"], "pull requests")
    patches = hub.journal("PATCH")
    equal([(e["path"].split("/")[3], e["acted"]) for e in patches], [("second", True), ("first", False), ("first", True)], "undos")
    equal(patches[1]["idempotency_key"], patches[2]["idempotency_key"], "key of an undo that is repeated")
    equal(len({e["idempotency_key"] for e in hub.journal()}), 5, "keys: two acts, two undos, one check of an undo")
    purposes = [(a["step"], a["purpose"]) for a in api.explain(id)["attempts"]]
    equal(purposes[2:], [("second", "undo"), ("second", "undo_check"), ("first", "undo"), ("first", "undo")], "attempts")
    api.act(id, "roll_back").problem(409, "action-refused")
    api.get(f"/v1/commands/{id}/actions/roll_back").problem(409, "action-refused")


@case("the example is rolled back: its pull request is closed")
def roll_back_example(world):
    server, hub = world.example()
    api = server.api
    id = api.submit(PR, pull(1, title="fault=close-after")).must(201).json["id"]
    api.until_state(id, "completed")
    api.act(id, "roll_back").must(200)
    api.until_state(id, "rolled_back")
    equal([p["state"] for p in hub.pulls("web")], ["closed"], "pull requests")
    equal(api.submit(PR, pull(1, title="fault=close-after")).must(200).json["state"], "rolled_back", "a repeat makes no new one")


@case("an undo that stays unknown: review, retried or resolved by a person")
def undo_unknown(world):
    server, hub = two_steps(world)
    api = server.api
    ids = [submit(server, n) for n in (1, 2)]
    for id in ids:
        api.until_state(id, "completed")
    hub.faults(*[{"match": "/first/", "method": "PATCH", "fault": "close-before"}] * 2)
    for id in ids:
        api.act(id, "roll_back").must(200)
    for id in ids:
        review = api.until_state(id, "review")
        equal([s["state"] for s in review["steps"]], ["undo_unknown", "undone"], "steps")
    equal(len(hub.fired("close-before")), 2, "faults that fired")
    api.act(ids[0], "resolve", verdict="happened", reason="I have closed it").must(200)
    api.until_state(ids[0], "rolled_back")
    api.act(ids[1], "resolve", verdict="did_not_happen", reason="it is still open").must(200)
    api.until_state(ids[1], "rolled_back")
    equal(sum(p["state"] == "open" for p in hub.pulls("first")), 1, "the one that a person only said to have closed")


@case("cancel: waiting, and in flight")
def cancel(world):
    server, hub = world.example(concurrent=1, timeout="20s")
    api = server.api
    flying = api.submit(PR, pull(1, repo="r1", title="fault=slow:3000")).must(201).json["id"]
    eventually(lambda: hub.fired("slow"), "the fault fires")
    pending = api.submit(PR, pull(2, repo="r2")).must(201).json["id"]
    api.act(pending, "cancel", reason="not needed").must(200)
    equal(api.until_state(pending, "cancelled")["ended"], True, "ended")
    equal(api.act(flying, "cancel").must(200).json["state"], "cancelling", "while its request is out")
    done = api.until_state(flying, "cancelled")
    equal([s["state"] for s in done["steps"]], ["succeeded", "idle"], "what had left is settled, nothing new starts")
    equal(hub.journal(path="/r2/"), [], "requests of what had not left")
    equal(hub.journal(path="/issues/"), [], "labels")
    api.act(pending, "cancel").problem(409, "action-refused")
    api.act(pending, "retry").problem(409, "action-refused")

    hub.faults({"match": "feature-3&", "method": "GET", "fault": "500-before", "times": 5})
    unknown = api.submit(PR, pull(3, repo="r3", title="fault=close-after")).must(201).json["id"]
    eventually(lambda: len(hub.journal("GET", "/r3/")) >= 2, "the check is asked again and again")
    api.act(unknown, "cancel").must(200)
    done = api.until_state(unknown, "cancelled")
    equal([s["state"] for s in done["steps"]], ["succeeded", "idle"], "it is found out before it ends")
    equal(hub.stats()["made"], 2, "pull requests")


@case("roll back while a request is in flight: it is settled first, then undone")
def roll_back_in_flight(world):
    server, hub = two_steps(world)
    api = server.api
    hub.faults({"match": "b-1", "fault": "slow:3000"})
    id = submit(server, 1)
    eventually(lambda: hub.fired("slow"), "the fault fires")
    api.act(id, "roll_back").must(200)
    api.until_state(id, "rolled_back")
    equal([(e["method"], e["path"].split("/")[3]) for e in hub.journal()], [("POST", "first"), ("PATCH", "first")], "requests")
    equal([p["state"] for p in hub.pulls("first")], ["closed"], "pull requests")


@case("If-Match: who has seen an old state is refused, and nothing happens")
def if_match(world):
    server, hub = world.example()
    api = server.api
    id = api.submit(PR, pull(1, title="fault=422")).must(201).json["id"]
    api.until_state(id, "rejected")
    etag = api.get(f"/v1/commands/{id}").headers["ETag"]
    revision = int(etag.strip('"'))
    for stale in (f'"{revision - 1}"', f'"{revision + 1}"', "7", 'W/"1"', '"1", "2"'):
        api.act(id, "retry", {"If-Match": stale}).problem(412, "stale")
    equal(api.command(id)["revision"], revision, "revision")
    equal(len(hub.journal()), 1, "requests")
    api.act(id, "retry", {"If-Match": etag}).must(200)
    api.until_state(id, "completed")
    api.act(id, "roll_back", {"If-Match": etag}).problem(412, "stale")


@case("an action with a key of its own is done once, also after a restart")
def action_key(world):
    server, hub = world.example()
    api = server.api
    id = api.submit(PR, pull(1, title="fault=422*2")).must(201).json["id"]
    api.until_state(id, "rejected")
    for _ in range(3):
        api.act(id, "retry", key="ticket-7", reason="mended").must(200)
    eventually(lambda: len(hub.journal("POST")) == 2, "the retry is sent")
    api.until_state(id, "rejected")
    api.act(id, "retry", key="ticket-7", reason="mended").must(200)
    server.kill()
    server.start()
    api.act(id, "retry", key="ticket-7", reason="mended").must(200)
    equal(api.command(id)["state"], "rejected", "state")
    equal(len(hub.journal("POST")), 2, "requests")
    equal(len([r for r in api.history(id) if r["cause"]["kind"] == "action"]), 1, "actions on record")
    api.act(id, "retry", {"Idempotency-Key": "ticket-7"}, reason="mended").must(200)  # the header is the same key
    equal(api.act(id, "retry", {"Idempotency-Key": '"ticket-7"'}, key="ticket-7").must(200).headers["Idempotency-Replayed"], "true", "header")
    equal(len([r for r in api.history(id) if r["cause"]["kind"] == "action"]), 1, "actions on record")
    api.act(id, "retry", {"Idempotency-Key": "ticket-7"}, key="ticket-8").problem(422, "invalid")
    api.act(id, "retry", {"Idempotency-Key": "k" * 256}).problem(422, "invalid")
    api.act(id, "retry", {"Idempotency-Key": "bulk/1"}).problem(422, "invalid")
    api.act(id, "cancel", key="ticket-7").problem(409, "key-conflict")
    api.act(id, "retry", key="ticket-8", reason="mended again").must(200)
    api.until_state(id, "completed")


@case("what is not allowed is refused with the reason that explain gives")
def refused(world):
    server, hub = two_steps(world, timeout="3s")
    api = server.api
    done = submit(server, 1)
    api.until_state(done, "completed")
    hub.faults({"match": "b-2", "fault": "hang"}, {"match": "b-3", "fault": "close-after"})
    flying, unknown = submit(server, 2), submit(server, 3)
    api.until_state(unknown, "review")
    for id in (done, unknown):
        before = api.command(id)["revision"]
        for name, action in api.explain(id)["actions"].items():
            if action["allowed"]:
                continue
            body = {"resolve": {"verdict": "accepted_as_is", "reason": "x"}, "edit": {"payload": {"n": 1}}, "answer": {"answer": "yes"}}.get(name, {})
            problem = api.act(id, name, **body).problem(409, "action-refused")
            contains(problem["detail"], action["why_not"], f"refusal of {name}")
        equal(api.command(id)["revision"], before, "revision")
    api.act(done, "explode").problem(404, "not-found")
    api.act("00000000000000ZZ", "retry").problem(404, "not-found")
    eventually(lambda: hub.fired("hang"), "the fault fires")
    api.until_state(flying, "review")


@case("the command line: retry, check, cancel, rollback, resolve")
def command_line(world):
    server, hub = two_steps(world)
    api = server.api
    hub.faults({"match": "b-1", "fault": "422"}, {"match": "b-2", "fault": "close-before"}, {"match": "b-3", "fault": "close-after"})
    first, second, third, fourth = (submit(server, n) for n in (1, 2, 3, 4))
    api.until_state(first, "rejected")
    server.cli("retry", first, "-m", "mended", "-y")
    api.until_state(first, "completed")
    contains(server.cli("rollback", first, "-y", "-m", "not wanted"), "second", "the plan")
    api.until_state(first, "rolled_back")
    contains(server.cli("cancel", first, "-y", code=3), "ended", "a refusal")

    api.until_state(second, "review")
    contains(server.cli("check", second, "-y", code=3), "no check", "a refusal")
    server.cli("resolve", second, "--did-not-happen", code=2)
    server.cli("resolve", second, "--did-not-happen", "-m", "looked", "-y")
    api.until_state(second, "completed")
    api.until_state(third, "review")
    number = next(p["number"] for p in hub.pulls("first") if p["head"]["ref"] == "b-3")
    server.cli("resolve", third, "--happened", "--external-id", number, "--outputs", json.dumps({"number": number}), "-m", "looked", "-y")
    api.until_state(third, "completed")

    hub.faults({"match": "b-5", "fault": "close-before"}, {"match": "b-6", "fault": "close-before"})
    fifth, sixth = submit(server, 5), submit(server, 6)
    api.until_state(fifth, "review")
    api.until_state(sixth, "review")
    server.cli("resolve", fifth, "--accept", "-m", "nobody needs it", "-y")
    api.until_state(fifth, "resolved")
    api.until_state(fourth, "completed")
    contains(server.cli_at_terminal("no\n", "rollback", fourth, code=6), "second", "the plan, at a terminal")
    equal(api.command(fourth)["state"], "completed", "after a no")
    server.cli_at_terminal("yes\n", "rollback", fourth)
    api.until_state(fourth, "rolled_back")
    server.cli("cancel", "00000000000000ZZ", "-y", code=4)
    actor = next(r for r in api.history(first) if r["cause"]["kind"] == "action")["cause"]["actor"]
    equal(actor, "tester", "who")


@case("check on demand: it need not wait for its time")
def check_now(world):
    server, hub = world.example(check_attempts=2)
    api = server.api
    hub.faults({"match": "feature-1&", "method": "GET", "fault": "500-before", "times": 2})
    id = api.submit(PR, pull(1, title="fault=close-after")).must(201).json["id"]
    api.until_state(id, "review")
    contains(server.cli("check", id, "-y"), id, "check")
    api.until_state(id, "completed")
    equal((len(hub.fired("500-before")), len(hub.journal("POST", "/pulls"))), (2, 1), "faults, requests")


@case("require: what must hold is asked before every attempt, a person's retry too")
def require(world):
    hub = world.standin()
    flow = simple_flow("guarded", path="/repos/acme/web/pulls", body='{ title: t, head: "b-${payload.n}", base: main }',
                       more='require:\n  with: { method: GET, path: "/repos/acme/web/pulls", query: { head: allowed, state: open } }\n'
                            '  holds: size(response.body) == 1\n  timeout: 1s')
    defs = world.write(guarded=flow, github=dependency("github", f"http://127.0.0.1:{hub.port}"))
    server = world.server(defs=defs).start()
    api = server.api
    id = api.submit("guarded", {"n": 1}).must(201).json["id"]
    equal(api.until_state(id, "rejected")["steps"][0]["why"], "require", "why")
    api.act(id, "retry").must(200)
    eventually(lambda: len(hub.journal("GET")) == 2, "it is asked again")
    api.until_state(id, "rejected")
    equal(hub.journal("POST"), [], "requests")
    hub.api.post("/repos/acme/web/pulls", {"title": "x", "head": "allowed", "base": "main"}).must(201)
    api.act(id, "retry").must(200)
    api.until_state(id, "completed")
    equal(len(hub.journal("POST")), 2, "by hand, and ours")
    true(len(hub.journal("GET")) == 3, "questions")


if __name__ == "__main__":
    main()

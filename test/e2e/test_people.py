"""What people do beside repairing: skip a step, edit and resubmit, do the whole again after a roll back, use a key again, and
write down who looks after what; over HTTP, on the command line, and through kill -9."""
import json
import random
import time

from kit import PR, case, contains, dependency, equal, eventually, in_threads, main, pull, simple_flow, true


BAD = "Tilte fault=422"


def ids(*answers):
    return [a.must(200).json["id"] for a in answers]


def kill_after(server, seconds):
    time.sleep(seconds)
    server.kill()


def rejected(server, hub, n):
    """A command that the other side has refused for its title; its id."""
    id = server.api.submit(PR, pull(n, title=BAD)).must(201).json["id"]
    server.api.until_state(id, "rejected")
    return id


@case("edit and resubmit: the successor has the same key, the original is settled, both are linked, and one pull request is made")
def edit(world):
    server, hub = world.example()
    api = server.api
    id = rejected(server, hub, 1)
    true(api.explain(id)["actions"]["edit"]["allowed"], "edit is allowed")
    api.act(id, "edit", reason="a typo").problem(422, "invalid")
    api.act(id, "edit", payload={"project": "one"}, reason="a typo").problem(422, "invalid")
    equal(api.command(id)["state"], "rejected", "nothing has happened yet")
    made = api.act(id, "edit", payload=pull(1, title="Title"), reason="a typo", key="e1").must(200).json
    equal((made["id"], made["state"]), (id, "resolved"), "the original")
    successor = api.until_state(made["successor"], "completed")
    original = api.command(id)
    equal((original["state"], original["successor"], original["why"]), ("resolved", successor["id"], "replaced"), "the original")
    equal((successor["original"], successor["generation"], successor["key"], successor["payload"]["title"], successor["actor"]),
          (id, 2, original["key"], "Title", original["actor"]), "the successor")
    equal(len([e for e in hub.journal("POST", "/pulls") if e["acted"]]), 1, "pull requests")
    # again, whatever happens to the answers
    again = api.act(id, "edit", payload=pull(1, title="Title"), reason="a typo", key="e1").must(200)
    equal((again.json["successor"], again.headers["Idempotency-Replayed"]), (successor["id"], "true"), "the same action")
    refused = api.act(id, "edit", payload=pull(1, title="Other"), reason="again").problem(409, "action-refused")
    contains(refused["detail"], "successor", "why")
    # the client that submitted it knows nothing of all this
    repeat = api.submit(PR, pull(1, title=BAD)).must(200)
    equal((repeat.json["id"], repeat.headers["Idempotency-Replayed"]), (id, "true"), "a repeat of the first submission")
    equal(ids(api.submit(PR, pull(1, title="Title"))), [successor["id"]], "a repeat of the edited one")
    api.submit(PR, pull(1, title="Third")).problem(409, "key-conflict")
    record = next(r for r in api.history(id) if r["cause"]["kind"] == "action")
    equal({c["kind"] for c in record["changes"]}, {"mode", "state", "successor"}, "one record has it all")
    equal(api.get(f"/v1/commands/by-key?type={PR}&key=1/create_pr").must(200).json["id"], successor["id"], "by key: the newest")


@case("edit what has happened, or may have, is refused; so is an edit of an old revision")
def edit_refused(world):
    server, hub = world.example(timeout="300ms", check_attempts=1)
    api = server.api
    done = api.submit(PR, pull(1)).must(201).json["id"]
    api.until_state(done, "completed")
    contains(api.act(done, "edit", payload=pull(1, title="x")).problem(409, "action-refused")["detail"], "roll it back first", "why")
    hub.faults({"match": "feature-2", "fault": "hang", "times": 2})
    lost = api.submit(PR, pull(2)).must(201).json["id"]
    api.until_state(lost, "review")
    contains(api.act(lost, "edit", payload=pull(2, title="x")).problem(409, "action-refused")["detail"], "may have happened", "why")
    id = rejected(server, hub, 3)
    api.act(id, "edit", payload=pull(3, title="x"), headers={"If-Match": '"1"'}).problem(412, "stale")
    equal(len(api.list()), 3, "commands")


@case("twelve people edit one command at once: one successor")
def edit_at_once(world):
    server, hub = world.example()
    id = rejected(server, hub, 1)
    answers = in_threads(12, lambda i: server.api.act(id, "edit", payload=pull(1, title=f"Title {i}"), reason="me"))
    equal(sorted(a.status for a in answers), [200] + [409] * 11, "answers")
    successor = next(a for a in answers if a.status == 200).json["successor"]
    server.api.until_state(successor, "completed")
    equal({c["id"] for c in server.api.list()}, {id, successor}, "commands")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("kill -9 around an edit: never both, never neither")
def edit_killed(world):
    server, hub = world.example(timeout="500ms")
    rng = random.Random(7)
    for n in range(1, 13):
        id = rejected(server, hub, n)
        body = {"payload": pull(n, title="Title"), "reason": "a typo", "key": "e"}
        answers = []

        def ask():
            try:
                answers.append(server.api.act(id, "edit", **body))
            except Exception:  # the server is gone
                answers.append(None)
        in_threads(2, lambda i: ask() if i == 0 else kill_after(server, rng.random() * 0.01))
        server.start()
        before = server.api.command(id)
        made = server.api.act(id, "edit", **body).must(200).json["successor"]
        if answers[0] is not None:
            equal(answers[0].must(200).json["successor"], made, "what was acknowledged")
        if before.get("successor"):
            equal(before["successor"], made, "what was found after the kill")
        server.api.until_state(made, "completed")
        equal(server.api.command(id)["state"], "resolved", "the original")
    equal(len(server.api.list()), 24, "commands")
    equal((len([e for e in hub.journal("POST", "/pulls") if e["acted"]]), hub.stats()["duplicates"]), (12, 0), "pull requests, duplicates")


@case("after a roll back, retry does the whole again as a new generation")
def whole(world):
    server, hub = world.example()
    api = server.api
    id = api.submit(PR, pull(1)).must(201).json["id"]
    api.until_state(id, "completed")
    api.act(id, "roll_back", reason="wrong branch").must(200)
    api.until_state(id, "rolled_back")
    told = api.explain(id)
    true(told["actions"]["retry"]["allowed"] and told["retry"]["safe"], f"retry is allowed and safe: {told['retry']}")
    made = api.act(id, "retry", reason="it was right after all").must(200).json
    equal(made["state"], "rolled_back", "the original stays what it is")
    successor = api.until_state(made["successor"], "completed")
    equal((successor["generation"], successor["original"]), (2, id), "the successor")
    api.act(id, "retry", reason="again").problem(409, "action-refused")
    equal(len([e for e in hub.journal("POST", "/pulls") if e["acted"]]), 2, "pull requests")


@case("skip: the flow goes on behind the step, what needs it is left out, and the command is partial")
def skip(world):
    server, hub = world.example()
    api = server.api
    id = rejected(server, hub, 1)
    contains(api.act(id, "skip", step="labels").problem(409, "action-refused")["detail"], "labels", "why")
    api.act(id, "skip", reason="made by hand").must(200)
    command = api.until_state(id, "partial")
    equal([(s["state"], s.get("why")) for s in command["steps"]], [("skipped", "person"), ("skipped", "needs")], "steps")
    equal(len([e for e in hub.journal("POST", "/pulls") if e["acted"]]), 0, "pull requests")
    contains(api.act(id, "skip").problem(409, "action-refused")["detail"], "ended", "why")


REUSE = 'key_reuse: {policy}\n'


@case("a key may be used again as the flow says: a new generation, and at once by many it is one")
def reuse(world):
    hub = world.standin()
    pulls = dict(path="/repos/acme/again/pulls", body='{ title: "t", head: "b-${payload.n}", base: main }')
    flow = simple_flow("again", **pulls).replace("key:", REUSE.format(policy="{ after_end: [completed] }") + "key:")
    soon = simple_flow("soon", body='{ n: 1 }').replace("key:", REUSE.format(policy="{ after: 1s }") + "key:")
    never = simple_flow("once", body='{ n: 1 }')
    defs = world.write(again=flow, soon=soon, once=never, github=dependency("github", f"http://127.0.0.1:{hub.port}"))
    server = world.server(defs=defs).start()
    api = server.api
    first = api.submit("again", {"n": 1}).must(201).json["id"]
    api.until_state(first, "completed")
    second = api.submit("again", {"n": 1}).must(201).json["id"]
    equal(api.until_state(second, "completed")["generation"], 2, "generation")
    once = api.submit("once", {"n": 1}).must(201).json["id"]
    api.until_state(once, "completed")
    equal(ids(api.submit("once", {"n": 1})), [once], "without key_reuse it is the same command")
    later = api.submit("soon", {"n": 1}).must(201).json["id"]
    api.until_state(later, "completed")
    eventually(lambda: api.submit("soon", {"n": 1}).status == 201, "a second later the key is free")
    hub.faults({"match": "again", "fault": "hang", "times": 1})
    answers = in_threads(10, lambda i: api.submit("again", {"n": 1}))
    equal(sorted(a.status for a in answers), [200] * 9 + [201], "ten at once")
    equal(len({a.json["id"] for a in answers}), 1, "commands")
    server.kill()
    server.start()
    equal(len(server.api.list()), 6, "commands")


@case("who looks after it, until when, and notes: on record, and shown")
def beside(world):
    server, hub = world.example()
    api = server.api
    id = rejected(server, hub, 1)
    api.act(id, "assign", owner="olga").must(200)
    api.act(id, "note", reason="called the customer").must(200)
    api.act(id, "note", reason="called again").must(200)
    api.act(id, "due", due="2031-05-06T07:08:09.5+02:00").must(200)
    command = api.command(id)
    equal((command["owner"], command["notes"], command["due"], command["state"]),
          ("olga", 2, "2031-05-06T05:08:09.500000Z", "rejected"), "what is shown")
    server.kill()
    server.start()
    equal(server.api.command(id)["owner"], "olga", "after kill -9")
    server.api.act(id, "assign", owner="").must(200)
    server.api.act(id, "assign", owner="").must(200)
    server.api.act(id, "due", due="").must(200)
    equal([k for k in ("owner", "due") if k in server.api.command(id)], [], "taken back")
    records = [r for r in server.api.history(id) if r["cause"]["kind"] == "action"]
    equal(len(records), 7, "every action is on record, the one that changed nothing too")
    equal([r["cause"]["reason"] for r in records if r["cause"]["action"] == "note"], ["called the customer", "called again"], "notes")
    for action, body, pointer in (("assign", {}, "/owner"), ("note", {}, "/reason"), ("due", {}, "/due"), ("due", {"due": "soon"}, "/due"),
                                  ("assign", {"owner": "x" * 129}, "/owner"), ("note", {"reason": "x" * 2001}, "/reason"),
                                  ("cancel", {"owner": "x"}, "/owner"), ("retry", {"payload": {}}, "/payload")):
        problem = server.api.act(id, action, **body).problem(422, "invalid")
        equal({e["pointer"] for e in problem["errors"]}, {pointer}, f"{action} {str(body)[:40]}")
    server.api.act(id, "assign", owner="x" * 128).must(200)
    server.api.act(id, "note", reason="x" * 2000).must(200)


@case("the command line: skip, edit, assign, note, due")
def command_line(world):
    server, hub = world.example()
    id = rejected(server, hub, 1)
    contains(server.cli("assign", id, "olga"), "recorded", "assign")
    contains(server.cli("note", id, "called; $(rm -rf /) `x`"), "recorded", "note")
    contains(server.cli("due", id, "2031-05-06T07:08:09Z"), "recorded", "due")
    shown = server.cli("show", id)
    for part in ("owner olga", "due in ", "1 note"):
        contains(shown, part, "show")
    contains(server.cli("history", id), "$(rm -rf /) `x`", "history")
    contains(server.cli("explain", id), "recourse edit", "explain")
    contains(server.cli("edit", id, "--yes", code=2), "--payload", "edit without a payload")
    contains(server.cli("due", id, "soon", code=3), "/due", "due")
    (world.dir / "new.json").write_text(json.dumps(pull(1, title="Title")))
    made = server.cli("edit", id, "--yes", "--payload", "@new.json", "--reason", "a typo", json_out=True)
    server.api.until_state(made["successor"], "completed")
    contains(server.cli("show", id), f"replaced by {made['successor']}", "show the original")
    contains(server.cli("show", made["successor"]), f"in the place of {id}", "show the successor")
    other = rejected(server, hub, 2)
    contains(server.cli_at_terminal("n\n", "skip", other, code=6), "nothing was done", "skip, declined")
    equal(server.api.command(other)["state"], "rejected", "declined")
    contains(server.cli("skip", other, "--yes", "--reason", "by hand"), "left out", "skip")
    server.api.until_state(other, "partial")


if __name__ == "__main__":
    main()

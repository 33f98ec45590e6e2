"""Commands that start commands: outputs, failures, retry, cancel, roll back, versions, circles, and kill -9 at every stage."""
import random
import shutil
import sqlite3
import time

from access import As, guarded
from kit import SEED, case, changed, contains, dependency, equal, eventually, main, true
from slow import Slow

# the other side of a child is asked POST /N for its first step, /N+1 for its second one, and DELETE does not wait
CHILD = """flow: child
payload: { type: object, required: [n], properties: { n: { type: integer } } }
key: "${payload.n}"
steps:
  - id: first
    call: other
    with: { method: POST, path: "/${payload.n}" }
    repeatable: true
    timeout: 50s
    retry: { delay: 50ms, limit: { attempts: 3 } }
    outputs: { n: "${payload.n}" }
    undo: { with: { method: POST, path: "/${payload.n + 500}" }, repeatable: true, timeout: 50s }
  - id: second
    call: other
    with: { method: POST, path: "/${payload.n + 1}" }
    repeatable: true
    timeout: 50s
    retry: { delay: 50ms, limit: { attempts: 3 } }
    undo: { with: { method: POST, path: "/${payload.n + 501}" }, repeatable: true, timeout: 50s }
"""
PARENT = """flow: parent
payload: { type: object, required: [n], properties: { n: { type: integer } } }
key: "${payload.n}"
%ssteps:
  - id: sub
    flow: child
    with: { n: "${payload.n}" }
    outputs: { n: "${child.outputs.first.n}", state: "${child.state}" }
  - id: after
    call: other
    with: { method: POST, path: "/${steps.sub.outputs.n + 9}" }
    repeatable: true
    timeout: 50s
    retry: { delay: 50ms, limit: { attempts: 3 } }
    undo: { with: { method: POST, path: "/${payload.n + 509}" }, repeatable: true, timeout: 50s }
"""


def serve(world, more="", child=CHILD, **files):
    slow = Slow(world)
    defs = world.write(child=child, parent=PARENT % more, other=dependency("other", f"http://127.0.0.1:{slow.port}", concurrent=50), **files)
    return world.server(defs=defs).start(), slow


def step(api, id, name="sub"):
    return next(s for s in api.command(id)["steps"] if s["id"] == name)


def child_of(api, id):
    eventually(lambda: step(api, id)["child"].get("id"), "the child is started")
    return step(api, id)["child"]["id"]


@case("a child is started with its payload, and gives its outputs; both show each other")
def thin(world):
    server, slow = serve(world)
    api = server.api
    id = api.submit("parent", {"n": 10}).must(201).json["id"]
    slow.has(10)
    child = child_of(api, id)
    told = api.command(child)
    equal((told["type"], told["payload"], told["parent"], told["refs"]), ("child", {"n": 10}, id, {"parent": id}), "the child")
    equal((api.command(id)["state"], step(api, id)["phase"], api.explain(id)["next"]["code"]), ("waiting", "child", "child"), "the parent waits")
    equal(api.explain(id)["children"], [{"step": "sub", "id": child, "state": "running", "display": "in progress"}], "explain")
    contains(server.cli("explain", id), child, "explain")
    true("goes on by itself" in api.explain(id)["actions"]["retry"]["why_not"], "nothing to retry")
    true("act on that one" in api.explain(child)["actions"]["edit"]["why_not"], "a child is not replaced")
    slow.let("all")
    api.until_state(id, "completed")
    equal(api.command(child)["state"], "completed", "the child")
    got = step(api, id)
    equal((got["outputs"], got["external_id"], got["child"]["state"]), ({"n": 10, "state": "completed"}, child, "completed"), "what it came to")
    equal(slow.order, [10, 11, 19], "each once, in order")
    contains(server.cli("show", id), child, "show")
    contains(server.cli("show", child), f"started by {id}", "show")


@case("a child that fails: retry of the parent repeats in it what did not succeed, and nothing else")
def retry(world):
    server, slow = serve(world)
    api = server.api
    slow.answers = 503
    slow.let("all")
    id = api.submit("parent", {"n": 20}).must(201).json["id"]
    child = child_of(api, id)
    api.until_state(child, "failed", "review")
    eventually(lambda: api.explain(id)["next"]["code"] == "child_rests", lambda: api.explain(id))
    equal(api.command(id)["state"], "waiting", "the parent waits")
    contains(step(api, id)["error"], child, "which one")
    slow.answers = 201
    before = list(slow.order)
    api.act(id, "retry", reason="the other side is up again").must(200)
    api.until_state(id, "completed")
    equal((child_of(api, id), slow.order[len(before):]), (child, [20, 21, 29]), "the same child")
    equal(len(slow.keys[20]), 1, "the same key")


@case("a child that is refused rejects its step; the parent's retry goes on with the same child")
def rejected(world):
    server, slow = serve(world)
    api = server.api
    slow.refused.add(31)
    slow.let("all")
    id = api.submit("parent", {"n": 30}).must(201).json["id"]
    api.until_state(id, "rejected")
    child = child_of(api, id)
    equal((step(api, id)["why"], step(api, id)["child"]["state"]), ("child", "rejected"), "why")
    slow.refused.clear()
    api.act(id, "retry", reason="mended").must(200)
    api.until_state(id, "completed")
    equal((child_of(api, id), slow.order), (child, [30, 31, 31, 39]), "the first step was not repeated")


@case("a person who mends the child itself: the parent goes on by itself")
def by_hand(world):
    server, slow = serve(world)
    api = server.api
    slow.refused.add(36)
    slow.let("all")
    id = api.submit("parent", {"n": 35}).must(201).json["id"]
    api.until_state(id, "rejected")
    slow.refused.clear()
    api.act(child_of(api, id), "retry", reason="mended").must(200)
    api.until_state(id, "completed")


@case("on_failure: roll_back of the parent takes back what stands in a child that was refused")
def rolls_back(world):
    server, slow = serve(world, more="on_failure: roll_back\n")
    api = server.api
    slow.refused.add(41)
    slow.let("all")
    id = api.submit("parent", {"n": 40}).must(201).json["id"]
    api.until_state(id, "rolled_back")
    equal((api.command(child_of(api, id))["state"], slow.order), ("rolled_back", [40, 41, 540]), "the child")


@case("cancel of the parent cancels the child and waits for it")
def cancel(world):
    server, slow = serve(world)
    api = server.api
    id = api.submit("parent", {"n": 50}).must(201).json["id"]
    slow.has(50)
    child = child_of(api, id)
    api.act(id, "cancel", reason="not needed").must(200)
    equal(api.command(id)["state"], "cancelling", "the parent waits")
    equal(api.command(child)["state"], "cancelling", "what had left is settled")
    slow.let("all")
    api.until_state(id, "cancelled")
    equal((api.command(child)["state"], slow.order), ("cancelled", [50]), "the child")
    act = [r["cause"] for r in api.history(child) if r["cause"]["kind"] == "action"]
    equal(len(act), 1, f"on record there: {act}")


@case("roll back of the parent rolls the child back; of one that is under way, too")
def roll_back(world):
    server, slow = serve(world)
    api = server.api
    slow.let("all")
    id = api.submit("parent", {"n": 60}).must(201).json["id"]
    api.until_state(id, "completed")
    contains(server.cli("rollback", id, "--reason", "wrong", "--yes"), f"sub, by a roll back of {child_of(api, id)}", "what would be undone")
    api.until_state(id, "rolled_back")
    equal((api.command(child_of(api, id))["state"], slow.order[3:]), ("rolled_back", [569, 561, 560]), "the last first")
    slow.open.clear()
    slow.let(70, 570)
    id = api.submit("parent", {"n": 70}).must(201).json["id"]
    slow.has(71)
    api.act(id, "roll_back", reason="wrong").must(200)
    equal(api.command(child_of(api, id))["state"], "rolling_back", "at once")
    slow.let(71, 571)
    api.until_state(id, "rolled_back")
    equal(api.command(child_of(api, id))["state"], "rolled_back", "the child")


@case("what a child has done for good stops a roll back of its parent before it begins, by the flow, by a deadline and by a person")
def stays(world):
    child = CHILD.replace('    undo: { with: { method: POST, path: "/${payload.n + 501}" }, repeatable: true, timeout: 50s }\n', "    irreversible: true\n")
    middle = "flow: middle\npayload: { type: object }\nsteps:\n  - { id: below, flow: child, with: { n: \"${payload.n}\" } }\n"
    late = ("flow: late\ndeadline: 1s\non_deadline: roll_back\npayload: { type: object }\nsteps:\n  - { id: sub, flow: middle, with: { n: \"${payload.n}\" } }\n"
            "  - { id: never, wait: { signal: never, id: x } }\n")
    server, slow = serve(world, more="on_failure: roll_back\n", child=child, middle=middle, late=late)
    api = server.api
    slow.refused.add(89)
    slow.let("all")
    id = api.submit("parent", {"n": 80}).must(201).json["id"]
    contains(api.until_state(id, "review")["display"], "cannot be taken back", "what the parent says")
    equal((step(api, id)["state"], slow.order), ("succeeded", [80, 81, 89]), "nothing was undone")
    contains(api.explain(id)["what"]["text"], "(sub)", "what is in the way")
    contains(api.get(f"/v1/commands/{id}/actions/roll_back").problem(409, "action-refused")["detail"], "declares no undo: sub", "the preview")
    api.act(id, "roll_back", reason="wrong").problem(409, "action-refused")
    slow.order.clear()
    id = api.submit("late", {"n": 90}, key="late").must(201).json["id"]
    contains(api.until_state(id, "review")["display"], "deadline", "what the one above says")
    equal(slow.order, [90, 91], "nothing was undone")
    contains(api.explain(id)["what"]["text"], "(sub)", "what is in the way")


@case("a roll back that reaches a child under way, which has done something for good: the parent says so")
def stays_under_way(world):
    child = CHILD.replace('    undo: { with: { method: POST, path: "/${payload.n + 500}" }, repeatable: true, timeout: 50s }\n', "    irreversible: true\n")
    server, slow = serve(world, child=child)
    api = server.api
    slow.let(80)
    id = api.submit("parent", {"n": 80}).must(201).json["id"]
    slow.has(81)
    contains(server.cli("rollback", id, "--reason", "wrong", "--yes"), f"sub, by a roll back of {child_of(api, id)}", "what would be undone")
    slow.let("all")
    api.until_state(id, "review")
    equal((step(api, id)["state"], api.command(child_of(api, id))["state"]), ("undo_failed", "cancelled"), "it stands")


@case("a deadline that reaches a child under way, which has done something for good, takes nothing back, whether the child waits or is at work")
def stays_late(world):
    waits = ("flow: waits\npayload: { type: object }\nsteps:\n  - { id: done, call: other, with: { method: POST, path: \"/${payload.n}\" }, irreversible: true }\n"
             "  - { id: never, wait: { signal: never, id: x } }\n")
    works = waits.replace("flow: waits", "flow: works").replace("{ id: never, wait: { signal: never, id: x } }", "{ id: out, call: other, with: { method: POST, path: \"/7\" } }")
    late = ("flow: late_%s\ndeadline: 1s\non_deadline: roll_back\npayload: { type: object }\nsteps:\n  - id: both\n    parallel:\n      - { id: sub, flow: %s, with: { n: \"${payload.n}\" } }\n"
            "      - { id: beside, call: other, with: { method: POST, path: \"/5\" }, undo: { with: { method: POST, path: \"/6\" } } }\n")
    server, slow = serve(world, waits=waits, works=works, one=late % ("waits", "waits"), two=late % ("works", "works"))
    api = server.api
    slow.let(1, 2, 5, 6)
    for n, name in ((1, "late_waits"), (2, "late_works")):
        slow.order.clear()
        id = api.submit(name, {"n": n}, key=name).must(201).json["id"]
        eventually(lambda: len(slow.order) == n + 1, "both have happened, and the last one is out")
        if n == 2:
            api.until_state(id, "rolling_back")
            slow.let(7)
        contains(api.until_state(id, "review")["display"], "deadline", "what it says")
        contains(api.explain(id)["what"]["text"], "(sub)", "what is in the way")
        equal((6 in slow.order, step(api, id)["state"], step(api, id, "beside")["state"]), (False, "failed", "succeeded"), "nothing was undone")
        api.act(id, "skip", step="sub", reason="it stays as it is").must(200)
        api.until_state(id, "partial")


@case("kill -9 at every stage: each request goes out under one key, and both come to their end")
def killed(world):
    server, slow = serve(world)
    id = server.api.submit("parent", {"n": 90}).must(201).json["id"]
    for n in (90, 91, 99):
        slow.has(n)
        server.kill()
        slow.let(n)
        server.start()
    server.api.until_state(id, "completed")
    server.api.act(id, "roll_back", reason="wrong").must(200)
    for n in (599, 591, 590):
        slow.has(n)
        server.kill()
        slow.let(n)
        server.start()
    server.api.until_state(id, "rolled_back")
    equal({n: len(keys) for n, keys in slow.keys.items()}, {n: 1 for n in (90, 91, 99, 599, 591, 590)}, "one key each")
    server.stop()
    with sqlite3.connect(server.store) as db:
        equal(db.execute("SELECT count(*) FROM commands").fetchone(), (2,), "one child")


def seq_of(id):
    n = 0
    for c in id[:8]:
        n = 32 * n + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(c)
    return n


def apply(server, *texts):
    return server.api.post("/v1/definitions", {"files": [{"source": f"f{i}.yaml", "text": t} for i, t in enumerate(texts)]})


@case("kill -9 again and again, with many at work: none is lost, none is done under two keys, and each parent has one child")
def crowd(world):
    server, slow = serve(world)
    slow.let("all")
    random.seed(SEED)
    ids = []
    for round in range(8):
        for k in range(5):
            ids.append(server.api.submit("parent", {"n": 1000 * (5 * round + k + 1)}).must(201).json["id"])
        time.sleep(random.random() / 10)
        server.kill()
        server.start()
    def finish(id, wanted):  # what was lost three times in a row waits for a person
        def look():
            state = server.api.command(id)["state"]
            if state == "review" or server.api.explain(id)["next"]["code"] == "child_rests":
                server.api.act(id, "retry", reason="the server lives")
            return state == wanted
        eventually(look, lambda: f"{wanted}: {server.api.command(id)}")

    for i, id in enumerate(ids):
        finish(id, "completed")
        if i % 2:
            server.api.act(id, "roll_back", reason="wrong").must(200)
        if i % 8 == 7:
            server.kill()
            server.start()
    for id in ids[1::2]:
        finish(id, "rolled_back")
    wanted = {1000 * (i + 1) + d for i in range(40) for d in ((0, 1, 9, 500, 501, 509) if i % 2 else (0, 1, 9))}
    equal({n: len(keys) for n, keys in slow.keys.items()}, {n: 1 for n in wanted}, "each under one key")
    equal(sorted(c["type"] for c in server.api.list()), ["child"] * 40 + ["parent"] * 40, "one child each")


@case("versions: the ones in force when the first command was submitted, also of a child of a child")
def versions(world):
    outer = 'flow: outer\nkey: "${payload.n}"\nsteps:\n  - { id: wait, wait: { signal: go, id: "${payload.n}" } }\n  - { id: p, flow: parent, with: { n: "${payload.n}" } }\n'
    server, slow = serve(world, outer=outer)
    api = server.api
    slow.let("all")
    first = api.submit("outer", {"n": 110}).must(201).json["id"]
    apply(server, CHILD.replace("/${payload.n}", "/${payload.n + 700}")).must(200)
    second = api.submit("outer", {"n": 150}).must(201).json["id"]
    server.kill()
    server.start()
    for id, n in ((first, 110), (second, 150)):
        api.post("/v1/signals", {"name": "go", "id": str(n), "key": f"s{n}"}).must(201)
        api.until_state(id, "completed")
    equal(slow.order, [110, 111, 119, 850, 151, 159], "the child of the child, too")


@case("circles, flows that are not there, and lines that are too long are refused, and say which")
def circles(world):
    server, _ = serve(world)
    flow = lambda name, child: f"flow: {name}\nsteps:\n  - {{ id: s, flow: {child}, with: {{ n: 1 }} }}\n"
    contains(str(apply(server, flow("a", "a")).must(422).json), "flows start each other in a circle: a -> a")
    contains(str(apply(server, flow("a", "nobody")).must(422).json), "the flow 'a' starts 'nobody', which is not there")
    apply(server, flow("a", "parent")).must(200)
    contains(str(apply(server, CHILD + "  - { id: back, flow: a }\n").must(422).json), "circle: a -> parent -> child -> a")
    line = [flow(f"l{i}", f"l{i + 1}" if i < 6 else "child") for i in range(7)]
    apply(server, *line).must(200)
    contains(str(apply(server, flow("k", "l0")).must(413).json), "more than 8 deep")


GUARDED = """flow: parent
steps:
  - id: sub
    flow: child
    with: { n: 5 }
    outputs: { n: "${has(child.outputs.first) ? child.outputs.first.n : 0}" }
"""


@case("what a child does not give, or not always, and a payload that it would refuse, are refused: over HTTP, by the command line, at the start")
def reads(world):
    server, slow = serve(world)
    api = server.api
    reading = lambda what: PARENT.replace("child.outputs.first.n", what) % ""
    errors = lambda *texts: [(e["source"], e["line"], e["column"], e["detail"]) for e in apply(server, *texts).must(422).json["errors"]]
    of = "of the flow 'child', which is started here: "
    equal(errors(CHILD, reading("child.outputs.zz.n")), [("f1.yaml", 8, 36, of + "object{first} has no field 'zz'")], "both together")
    optional = CHILD.replace("  - id: first\n", "  - id: first\n    if: payload.n > 3\n")
    missing = of + "child.outputs.first may not exist here (it has an `if`): guard it with has(child.outputs.first)"
    equal(errors(PARENT % "", optional), [("f0.yaml", 8, 36, missing)], "it may be left out")
    # one of them alone, against what is in force: the parent, and the child that has lost what the parent reads
    alone = lambda *texts: apply(server, *texts).must(422).json["detail"]
    contains(alone(reading("child.outputs.first.m")), "the flow 'parent', line 8, column 42: " + of + "object{n} has no field 'm'", "the parent")
    for start in (False, True):
        if start:
            equal(server.stop(), 0, "exit code")
            server.start()
        contains(alone(optional), "the flow 'parent', line 8, column 36: " + missing, "the child")
        contains(alone(CHILD.replace("id: first", "id: other")), "object{other} has no field 'first'", "the child")
    contains(alone(CHILD.replace("[n], ", "[n, m], ").replace("{ n: { type: integer } }", "{ n: { type: integer }, m: {} }")),
             "line 7, column 11: " + of + "its payload would not fit: /m: is required", "what it takes")
    apply(server, GUARDED, optional).must(200)
    apply(server, CHILD.replace("id: first", "id: first\n    critical: false")).must(200)
    equal(errors(GUARDED.replace("n: 5", "n: five"), CHILD),
          [("f0.yaml", 5, 11, of + "its payload would not fit: /n: must be of type integer, not string")], "what it takes")
    id = api.submit("parent", {}, key="one").must(201).json["id"]
    slow.let("all")
    api.until_state(id, "completed")
    equal(step(api, id)["outputs"], {"n": 5}, "outputs")
    # the folder that the server starts with
    folder = world.write(parent=reading("child.outputs.zz.n"))
    words = "parent.yaml:8:36: " + of + "object{first} has no field 'zz'"
    contains(" ".join(server.cli("apply", folder, "--dry-run", code=3).split()), "object{first} has no field 'zz'", "the command line")
    equal(server.stop(), 0, "exit code")
    contains(server.refuses_to_start(), words, "the start")


@case("a child whose lane is full and refuses fails its step; its key, taken by somebody else, does too")
def refused(world):
    server, slow = serve(world, child=CHILD + "concurrency: { key: one, limit: 1, when_full: refuse }\n")
    api = server.api
    other = api.submit("child", {"n": 200}).must(201).json["id"]
    slow.has(200)
    id = api.submit("parent", {"n": 210}).must(201).json["id"]
    api.until_state(id, "failed")
    contains(step(api, id)["error"], f"is held by the command {other}")
    equal([c["id"] for c in api.list() if c["type"] == "child"], [other], "nothing is stored")
    slow.let("all")
    api.until_state(other, "completed")
    api.act(id, "retry", reason="it is free").must(200)
    api.until_state(id, "completed")
    id = api.submit("parent", {"n": 220}, deadline="1h", run_in="1h").must(201).json["id"]
    api.submit("child", {"n": 230}, key=f"child/{id}/1/0").must(201)
    api.act(id, "retry", reason="now").must(200)
    api.until_state(id, "failed")
    contains(step(api, id)["error"], "was used by another command")


@case("a child that cannot be read: the parent's step is unknown, a person says what became of it; a parent that cannot be read holds nobody up")
def unreadable(world):
    server, slow = serve(world)
    api = server.api
    slow.answers = 503
    slow.let("all")
    ids = [api.submit("parent", {"n": n}).must(201).json["id"] for n in (600, 620)]
    first, second = (child_of(api, id) for id in ids)
    for id in (first, second):
        api.until_state(id, "failed", "review")
    equal(server.stop(), 0, "stopped")
    with changed(server.store) as db:
        for id in (first, ids[1]):
            equal(db.execute("UPDATE history SET changes = 'x' WHERE command = ? AND prev = 0", (seq_of(id),)).rowcount, 1, "damaged")
    server.start()
    slow.answers = 201
    api.act(second, "retry", reason="mended").must(200)
    api.until_state(second, "completed")
    api.get(f"/v1/commands/{ids[1]}").problem(503, "store-damaged")
    equal(api.command(ids[0])["state"], "waiting", "nobody has told it anything")
    api.act(ids[0], "cancel", reason="it does not come back").must(200)
    api.until_state(ids[0], "review")
    equal((step(api, ids[0])["state"], step(api, ids[0])["why"]), ("unknown", "child"), "nobody knows")
    contains(step(api, ids[0])["error"], f"{first} cannot be read")
    api.act(ids[0], "resolve", verdict="did_not_happen", reason="looked at it").must(200)
    api.until_state(ids[0], "cancelled")


@case("who has started the parent has no vote in its child")
def votes(world):
    slow = Slow(world)
    slow.let("all")
    child = CHILD.replace("steps:\n", "steps:\n  - { id: allow, approve: { need: 1 } }\n", 1)
    defs = world.write(child=child, parent=PARENT % "", other=dependency("other", f"http://127.0.0.1:{slow.port}"))
    server, root, _ = guarded(world, defs)
    anna, carl = (As(server.api, root.make(name, "operator")["secret"]) for name in ("anna", "carl"))
    id = anna.submit("parent", {"n": 300}).must(201).json["id"]
    look = lambda what: root.get(f"/v1/commands/{what}").must(200).json
    sub = lambda: next(s for s in look(id)["steps"] if s["id"] == "sub")["child"]
    eventually(lambda: sub().get("id"), "the child is started")
    child = sub()["id"]
    equal(look(child)["subject"], "anna", "the child's subject")
    asks = root.get(f"/v1/commands/{child}/explain").must(200).json["asks"]
    approve = lambda who: who.post(f"/v1/commands/{child}/actions/approve", {"digest": asks[0]["digest"]})
    contains(approve(anna).problem(409, "action-refused")["detail"], "started")
    approve(carl).must(200)
    eventually(lambda: look(id)["state"] == "completed", "it goes on")


@case("an older state of the store: a child that was started behind it has the same keys, and is found out first")
def restored(world):
    server, slow = serve(world)
    api = server.api
    id = api.submit("parent", {"n": 400}, run_in="1h").must(201).json["id"]
    copy = world.dir / "copy.db"
    server.cli("backup", copy, "--store", server.store, "--quiet")
    slow.let("all")
    api.act(id, "retry", reason="now").must(200)
    api.until_state(id, "completed")
    server.kill()
    for file in server.store.parent.glob(server.store.name + "*"):
        file.unlink()
    shutil.copy(copy, server.store)
    server.start()
    server.release()
    api.act(id, "retry", reason="now").must(200)
    api.until_state(id, "completed")
    equal({n: len(keys) for n, keys in slow.keys.items()}, {400: 1, 401: 1, 409: 1}, "the same keys")


@case("an export and an import keep what they know of each other; a child is not purged before its parent")
def moved(world):
    server, slow = serve(world)
    slow.let(500)
    id = server.api.submit("parent", {"n": 500}).must(201).json["id"]
    slow.has(501)
    child = child_of(server.api, id)
    server.kill()
    (world.dir / "out.ndjson").write_text(server.cli("export", "--store", server.store))
    new = world.dir / "new.db"
    server.cli("import", world.dir / "out.ndjson", "--store", new, "--quiet")
    equal(server.cli("export", "--store", new), (world.dir / "out.ndjson").read_text(), "an export of it")
    contains(server.cli("doctor", "--store", server.store, code=1), "is whole", "the doctor")
    server.start()
    slow.let("all")
    server.api.until_state(id, "completed")
    server.cli("purge", "--ref", f"parent={id}", "--reason", "test", "--yes")
    equal(server.api.command(child)["state"], "completed", "it stays")
    time.sleep(1.1)
    server.cli("purge", "--older-than", "1s", "--reason", "test", "--yes")
    server.api.get(f"/v1/commands/{child}").problem(410, "purged")
    server.api.get(f"/v1/commands/{id}").problem(410, "purged")


if __name__ == "__main__":
    main()

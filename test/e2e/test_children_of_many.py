"""A hundred children of one parent over kill -9, bulks and a full disk; children that fail for good; what is told and explained of them."""
import time
from collections import Counter

from disk import Disk
from kit import case, contains, dependency, equal, eventually, free_port, main, note, true
from slow import Slow
from stream import follow, take

BACK = 100000  # what POST /N does is undone by POST /(N + BACK)
ONE = """flow: one
payload: { type: object, required: [n], properties: { n: { type: integer } } }
key: "${payload.n}"
steps:
  - id: call
    call: other
    with: { method: POST, path: "/${payload.n}" }
    repeatable: true
    timeout: 50s
    retry: { delay: 50ms, limit: { attempts: 9 } }
    check: { with: { method: GET, path: "/${payload.n}" }, happened: response.status == 200 }
    undo: { with: { method: POST, path: "/${payload.n + 100000}" }, repeatable: true, timeout: 50s, retry: { delay: 50ms, limit: { attempts: 9 } } }
"""
CROWD = """flow: crowd
payload: { type: object, required: [items], properties: { items: { type: array, items: { type: integer } } } }
key: "${payload.items[0]}"
steps:
  - id: all
    each: "${payload.items}"
    max: 100
    width: 20
    on_error: continue
    steps:
      - { id: sub, flow: one, with: { n: "${item}" } }
"""
# nobody listens at "gone": what is sent there is known not to have arrived
LOST = """flow: lost
key: "${payload.n}"
payload: { type: object, required: [n], properties: { n: { type: integer } } }
steps:
  - id: call
    call: gone
    with: { method: POST, path: /x }
    retry: { delay: 10ms, limit: { attempts: 2 } }
    irreversible: true
"""


def thin(name, steps):
    head = f'flow: {name}\nkey: "${{payload.n}}"\npayload: {{ type: object, required: [n], properties: {{ n: {{ type: integer }} }} }}\n'
    return head + "steps:\n" + steps


def starts(name, more=""):
    return f'{{ id: sub, flow: {name}, with: {{ n: "${{payload.n}}" }}{more} }}'


def serve(world, store=None, **files):
    slow = Slow(world)
    defs = world.write(one=ONE, other=dependency("other", f"http://127.0.0.1:{slow.port}", concurrent=50),
                       gone=dependency("gone", f"http://127.0.0.1:{free_port()}"), **files)
    return world.server(defs=defs, store=store).start(), slow


def children(api, id):
    return api.list(f"ref=parent={id}")


def submit(api, flow, n, **more):
    return api.submit(flow, {"n": n}, **more).must(201).json["id"]


def die(server, slow):
    """kill -9; what is out then comes to its end, and nobody hears of it."""
    server.kill()
    slow.let("all")
    eventually(lambda: not slow.inside, "what was out has ended")
    server.start()


def once(slow, wanted, what="each under one key"):
    equal({n: len(keys) for n, keys in slow.keys.items()}, {n: 1 for n in wanted}, what)


# ---- a hundred ---------------------------------------------------------------------------------------------------------

@case("an each of 100 children over a kill -9: each is started once, and a retry repeats only those that were refused")
def hundred(world):
    server, slow = serve(world, crowd=CROWD)
    api, items = server.api, list(range(1000, 1100))
    refused = set(items[::20])  # of those that are out when the server dies, too: that they were refused is found out
    slow.refused |= refused
    slow.let(*items[:40])
    id = api.submit("crowd", {"items": items}).must(201).json["id"]
    eventually(lambda: len(slow.keys) >= 45, lambda: f"{len(slow.keys)} were asked")
    die(server, slow)
    words = "completed, but all[0].sub: the command that it had started did not succeed, or could not be started (and 4 more)"
    equal(api.until_state(id, "partial")["display"], words, "in words")
    equal(Counter(c["state"] for c in children(api, id)), {"completed": 95, "rejected": 5}, "the children")
    once(slow, items)
    slow.refused.clear()
    before = list(slow.order)
    api.act(id, "retry", reason="mended").must(200)
    api.until_state(id, "completed")
    equal(sorted(slow.order[len(before):]), sorted(refused), "only those")
    equal(Counter(c["state"] for c in children(api, id)), {"completed": 100}, "the same children")


def half_done(world):
    """40 of 100 children are through, and 20 are under way."""
    server, slow = serve(world, crowd=CROWD)
    items = list(range(2000, 2100))
    slow.let(*items[:40])
    id = server.api.submit("crowd", {"items": items}).must(201).json["id"]
    slow.has(*items[40:60])
    return server, slow, id, items


@case("cancel of an each of 100 over a kill -9: nothing more is started, and what had left is settled")
def cancel(world):
    server, slow, id, items = half_done(world)
    api = server.api
    api.act(id, "cancel", reason="not needed").must(200)
    die(server, slow)
    api.until_state(id, "cancelled")
    equal(Counter(c["state"] for c in children(api, id)), {"completed": 40, "cancelled": 20}, "the children")
    once(slow, items[:60])


@case("roll back of an each of 100 over a kill -9: what has happened is undone, once, and nothing else")
def roll_back(world):
    server, slow, id, items = half_done(world)
    api = server.api
    api.act(id, "roll_back", reason="wrong").must(200)
    slow.let(*items[40:60], *(n + BACK for n in items[:5]))
    eventually(lambda: any(n > BACK for n in slow.inside), "some are being undone")
    die(server, slow)
    api.until_state(id, "rolled_back")
    equal(Counter(c["state"] for c in children(api, id)), {"rolled_back": 60}, "the children")
    once(slow, items[:60] + [n + BACK for n in items[:60]])


@case("a full disk in the middle of an each of 100: what had left is kept, nothing is started meanwhile, and it goes on by itself")
def full(world):
    disk = Disk(world, 48)
    server, slow = serve(world, store=disk.path / "recourse.db", crowd=CROWD)
    api, items = server.api, list(range(3000, 3100))
    slow.let(*items[:40])
    id = api.submit("crowd", {"items": items}).must(201).json["id"]
    slow.has(*items[40:60])
    disk.fill()
    others = 0
    while api.submit("one", {"n": 10000 + others}).status == 201:
        others += 1
        true(others < 5000, "the disk did not fill")
    asked = set(slow.keys)
    slow.let(*items[40:60])
    done = lambda: api.command(id)["steps"][0]["items"]["done"]
    eventually(lambda: done() == 60, lambda: f"the parent knows of {done()}")
    time.sleep(0.3)
    equal(set(slow.keys), asked, "what left on a full disk")
    equal(len(children(api, id)), 60, "children")
    server.kill()
    server.start()
    equal(done(), 60, "behind kill -9, which leaves some room: the log begins anew")
    disk.clear()
    slow.let("all")
    api.until_state(id, "completed")
    equal(Counter(c["state"] for c in children(api, id)), {"completed": 100}, "the children")
    true(all(len(slow.keys[n]) == 1 for n in items), "each under one key")
    note(f"{others} others found room in what the store already had")


# ---- bulks -------------------------------------------------------------------------------------------------------------

@case("bulk retry, roll back and cancel over parents and children together, in either order: everything happens once")
def bulks(world):
    server, slow = serve(world, calls=thin("calls", "  - " + starts("one") + "\n"))
    api, numbers = server.api, range(4000, 4006)
    slow.let("all")

    def rejected(first):
        wanted = [first + k for k in range(6)]
        slow.refused |= set(wanted)
        ids = [submit(api, "calls", n) for n in wanted]
        for id in ids:
            api.until_state(id, "rejected")
        slow.refused.clear()
        pairs = [(id, children(api, id)[0]["id"]) for id in ids]
        return ids, [one for k, pair in enumerate(pairs) for one in (pair if k % 2 else pair[::-1])]

    def run(action, ids):
        body = {"action": action, "reason": "all of them", "limit": 100, "key": action, "ids": ids}
        id = api.post("/v1/bulk", body).must(201).json["bulk"]["id"]
        api.post(f"/v1/bulk/{id}/run", {"rate": 100, "stop_percent": 100, "even_if_changed": True}).must(200)
        done = lambda: api.get(f"/v1/bulk/{id}").must(200).json
        counts = eventually(lambda: done()["state"] == "done" and done()["items"], lambda: f"{done()}")
        equal((counts["total"], counts["open"], counts["failed"]), (12, 0, 0), f"{action}: {counts}")
        return counts

    parents, every = rejected(4000)
    note(run("retry", every))
    for id in every:
        api.until_state(id, "completed")
    equal(Counter(slow.order), {n: 2 for n in numbers}, "refused, and done once")
    note(run("roll_back", every))
    for id in every:
        api.until_state(id, "rolled_back")
    equal(Counter(slow.order[12:]), {n + BACK: 1 for n in numbers}, "undone once")
    parents, every = rejected(4100)
    note(run("cancel", every))
    for id in every:
        api.until_state(id, "cancelled")
    equal(Counter(slow.order[18:]), {4100 + k: 1 for k in range(6)}, "nothing more")
    again = {n: 2 for n in numbers}  # what was refused has not happened, and is repeated under a new key
    equal({n: len(keys) for n, keys in slow.keys.items()}, {n: again.get(n, 1) for n in slow.keys}, "keys")


# ---- children that fail for good -----------------------------------------------------------------------------------------

@case("a child that has failed for good: a fallback does it otherwise, critical: false goes on without it, and of join: any one is enough")
def strategies(world):
    instead = "  - id: sub\n    flow: lost\n    with: { n: \"${payload.n}\" }\n    fallback:\n      - { id: other, flow: one, with: { n: \"${payload.n}\" } }\n"
    loose = "  - " + starts("lost", ", critical: false") + "\n  - { id: behind, flow: one, with: { n: \"${payload.n}\" } }\n"
    either = ("  - id: both\n    join: any\n    surplus: keep\n    parallel:\n      - { id: a, flow: lost, with: { n: \"${payload.n}\" } }\n"
              "      - { id: b, flow: one, with: { n: \"${payload.n}\" } }\n")
    server, slow = serve(world, lost=LOST, instead=thin("instead", instead), loose=thin("loose", loose), either=thin("either", either))
    for n, (flow, state) in enumerate((("instead", "completed"), ("loose", "partial"), ("either", "completed"))):
        id = submit(server.api, flow, n)
        failed = lambda: sorted((c["type"], c["state"]) for c in children(server.api, id))
        slow.has(n)
        eventually(lambda: ("lost", "failed") in failed(), f"{flow}: one child has failed")
        slow.let(n)
        server.api.until_state(id, state)
        equal(failed(), [("lost", "failed"), ("one", "completed")], flow)
    equal(slow.order, [0, 1, 2], "once each")


class Any(Slow):
    """Answers whatever it is asked at once."""
    def visit(self, n, key):
        return 201


@case("a child that has failed for good and is mended by hand: whoever waited for it, and who for that one, hears of it and goes on")
def by_hand(world):
    lost = LOST.replace("path: /x", 'path: "/${payload.n}"')
    server, _ = serve(world, lost=lost, strict=thin("strict", "  - " + starts("lost") + "\n"), top=thin("top", "  - " + starts("strict") + "\n"))
    api = server.api
    id = submit(api, "top", 20)
    api.until_state(id, "failed")
    middle = children(api, id)[0]["id"]
    child = children(api, middle)[0]["id"]
    step = api.command(middle)["steps"][0]
    equal((step["state"], step["why"], step["child"]["state"]), ("failed", "child", "failed"), "the step")
    contains(step["error"], f"{child} has failed", "which one")
    contains(server.cli("explain", middle), "is retried", "what a retry does")
    back = dependency("gone", f"http://127.0.0.1:{Any(world).port}")
    api.post("/v1/definitions", {"files": [{"source": "gone.yaml", "text": back}]}).must(200)
    api.act(child, "retry", reason="it is back").must(200)
    for one in (id, middle, child):
        api.until_state(one, "completed")


# ---- what is told --------------------------------------------------------------------------------------------------------

@case("what happens to parents and children is told in one stream: nothing twice, and the end of a parent behind those of its children")
def events(world):
    server, slow = serve(world, crowd=CROWD)
    api, items = server.api, list(range(5000, 5010))
    slow.refused.add(5003)
    slow.let(*items[:5])
    stream, blocks = follow(server)
    id = api.submit("crowd", {"items": items}).must(201).json["id"]
    slow.has(5009)
    die(server, slow)
    stream.close()
    api.until_state(id, "partial")
    api.act(id, "roll_back", reason="no use").must(200)
    api.until_state(id, "rolled_back")
    ids = [id] + [c["id"] for c in children(api, id)]
    expected = sorted((r["change"], i, r["revision"]) for i in ids for r in api.history(i))
    stream, blocks = follow(server, f"?last_event_id={stream.place}")
    told = take(blocks, len(expected))
    equal([(e["change"], e["id"], e["revision"]) for e in told], expected, "all of it")
    begun, ended = {}, {}
    for e in told:
        begun.setdefault(e["id"], e["change"])
        if e.get("ended"):
            ended[e["id"]] = e["change"]
    equal(set(ended), set(ids), "all have ended")
    true(all(begun[i] > begun[id] for i in ids[1:]), "a child begins behind its parent")
    true(all(ended[i] < ended[id] for i in ids[1:]), f"a parent ends behind its children: {ended}")
    stream.close()


@case("a child is as urgent as who waits for it, or more")
def priority(world):
    server, slow = serve(world, calls=thin("calls", "  - " + starts("one") + "\n"))
    ids = [submit(server.api, "calls", 30, priority=7), submit(server.api, "calls", 31)]
    slow.has(30, 31)
    equal([server.api.command(children(server.api, i)[0]["id"]).get("priority", 0) for i in ids], [7, 0], "the children")


@case("a child that waits for a person while it is undone: who is above it says which one, and what that one waits for")
def whom(world):
    unsure = ONE.replace("flow: one", "flow: unsure").replace('path: "/${payload.n + 100000}" }, repeatable: true, timeout: 50s', 'path: "/${payload.n + 100000}" }, timeout: 200ms')
    beside = "  - id: both\n    parallel:\n      - { id: a, flow: one, with: { n: \"${payload.n + 1}\" } }\n      - { id: b, flow: unsure, with: { n: \"${payload.n}\" } }\n"
    server, slow = serve(world, unsure=unsure, middle=thin("middle", beside), top=thin("top", "  - " + starts("middle") + "\n"))
    api = server.api
    slow.let(40, 41)
    id = submit(api, "top", 40)
    api.until_state(id, "completed")
    middle = children(api, id)[0]["id"]
    child = next(c["id"] for c in children(api, middle) if c["type"] == "unsure")
    api.act(id, "roll_back", reason="wrong").must(200)
    api.until_state(child, "review")
    slow.has(41 + BACK)
    told = eventually(lambda: (e := api.explain(middle))["next"]["code"] == "child_rests" and e, lambda: api.explain(middle))
    equal(told["display"], f"being rolled back, waiting for {child}, which waits for a person", "the parent")
    equal([c["id"] for c in told["children"]][:1], [child], "which of its children")
    line = [{"id": child, "type": "unsure", "state": "review", "display": api.command(child)["display"]}]
    equal(told["hangs_on"], line, "the line of the parent")
    equal((told["retry"]["safe"], told["actions"]["retry"]["allowed"]), (False, False), "the child refuses a retry")
    api.act(middle, "retry", reason="try").problem(409, "action-refused")
    told = api.explain(id)
    equal([c["id"] for c in told["hangs_on"]], [middle, child], "the line of who is above that one")
    contains(told["next"]["text"], f"{child} waits for a person: find out at the other side", "for what")
    shown = " ".join(server.cli("explain", id).split())
    contains(shown, f"Hangs on {middle} (middle): being rolled back, waiting for {child}")
    contains(shown, f"{child} (unsure): a person must decide")
    slow.let("all")
    api.act(child, "resolve", verdict="happened", reason="looked at it").must(200)
    for one in (child, middle, id):
        api.until_state(one, "rolled_back")
    true("hangs_on" not in api.explain(id), "it hangs on nobody")


@case("of many that go on, the one that asks people is found among the first 1000, and not behind them; below the first 32 of them; where it rests, wherever it stands")
def among_many(world):
    asks = ("  - { id: ask, if: payload.n == 0, escalate: { question: what now, answers: [go] } }\n"
            "  - { id: heard, if: payload.n > 0, wait: { signal: heard, id: \"${payload.n}\" } }\n"
            "  - { id: call, if: payload.n < 0, call: other, with: { method: POST, path: /60 } }\n")
    wide = CROWD.replace("max: 100", "max: 1100").replace("width: 20", "width: 1100")
    crowd, lines = wide.replace("flow: one", "flow: asks"), wide.replace("flow: crowd", "flow: lines").replace("flow: one", "flow: between")
    server, slow = serve(world, asks=thin("asks", asks), between=thin("between", "  - " + starts("asks") + "\n"), crowd=crowd, lines=lines)
    api = server.api

    def told(first, others, *last, flow="crowd"):
        id = api.submit(flow, {"items": [*range(first, first + others), *last]}).must(201).json["id"]
        for child in eventually(lambda: len(c := children(api, id)) == others + len(last) and c, "all are started"):
            if flow == "lines":
                eventually(lambda child=child: children(api, child["id"]), "what they start is")
        return id
    found = told(10000, 999, 0)
    begun = time.monotonic()
    line = api.explain(found)["hangs_on"]
    note(f"an explanation that looks at 1000: {1000 * (time.monotonic() - begun):.1f} ms")
    equal([(one["type"], one["display"]) for one in line], [("asks", "waiting for an answer: ask")], "the 1000th")
    contains(api.explain(found)["next"]["text"], f"{line[0]['id']} waits for a person: one of those who are asked answers")
    behind = api.explain(told(20000, 1000, 0))
    equal(("hangs_on" in behind, behind["next"]["code"]), (False, "child"), "the 1001st")
    line = api.explain(told(300, 31, 0, flow="lines"))["hangs_on"]
    equal([one["type"] for one in line], ["between", "asks"], "below the 32nd")
    true("hangs_on" not in api.explain(told(400, 32, 0, flow="lines")), "below the 33rd")
    slow.answers = 503
    slow.let(60)
    rests = told(500, 31, 99, 98, 97, -1)
    line = eventually(lambda: api.explain(rests).get("hangs_on"), "one that rests")
    equal(([one["state"] for one in line], len(line)), (["review"], 1), "the 35th, which has told its parent")
    contains(api.command(rests)["display"], line[0]["id"], "in words")


@case("a retry that what it has started refuses is promised nowhere: not in what is allowed, nor in the preview of a bulk")
def promised(world):
    unsure = ONE.replace("flow: one", "flow: unsure").replace('path: "/${payload.n}" }\n    repeatable: true\n    timeout: 50s', 'path: "/${payload.n}" }\n    timeout: 200ms')
    unsure = "".join(line for line in unsure.splitlines(True) if "check:" not in line)
    two = ONE.replace("flow: one", "flow: two") + ONE[ONE.index("  - id: call"):].replace("id: call", "id: more").replace('"/${payload.n}"', '"/${payload.n + 1}"')
    server, slow = serve(world, unsure=unsure, two=two, calls=thin("calls", "  - " + starts("unsure") + "\n"),
                         middle=thin("middle", "  - " + starts("two") + "\n"), top=thin("top", "  - " + starts("middle") + "\n"))
    api = server.api

    def refused(id, who):
        said = api.act(id, "retry", reason="try").problem(409, "action-refused")["detail"]
        contains(said, f"{who}, which it has started: ", "a retry")
        told = api.explain(id)
        retry = told["actions"]["retry"]
        equal((retry["allowed"], retry.get("why_not"), told["retry"]["safe"]), (False, said, False), "what is allowed")
        bulk = api.post("/v1/bulk", {"action": "retry", "ids": [id], "limit": 1, "reason": "x", "key": f"k{id}"}).must(201).json
        equal([(one["allowed"], one.get("why_not")) for one in bulk["items"]], [(False, said)], "the preview of a bulk")

    id = submit(api, "calls", 70)
    child = eventually(lambda: children(api, id), "its child")[0]["id"]
    api.until_state(child, "review")
    eventually(lambda: api.explain(id)["next"]["code"] == "child_rests", lambda: api.explain(id))
    refused(id, child)
    slow.let(80, 81)  # what has failed for good, because what it had started was given up and something of that stands
    slow.refused.add(81)
    id = submit(api, "top", 80)
    middle = eventually(lambda: children(api, id), "its child")[0]["id"]
    below = eventually(lambda: children(api, middle), "and the child of that")[0]["id"]
    api.until_state(id, "rejected", "failed")
    true(api.explain(id)["actions"]["retry"]["allowed"], "as long as it can be")
    api.act(below, "cancel", reason="give it up").must(200)
    refused(id, middle)
    equal(api.explain(id)["next"]["code"], "child_rests", "what a person does")
    slow.let("all")


# ---- what users do wrong ---------------------------------------------------------------------------------------------------

@case("errors: a flow that is not there, a circle, and what a parent forbids its child are refused with what to do instead")
def errors(world):
    server, slow = serve(world, calls=thin("calls", "  - " + starts("one") + "\n"))
    api = server.api
    for name, child, words in (("lonely", "nobody", "the flow 'lonely' starts 'nobody', which is not there"),
                               ("circle", "circle", "flows start each other in a circle: circle -> circle")):
        folder = world.dir / name
        folder.mkdir()
        (folder / "new.yaml").write_text(thin(name, "  - " + starts(child) + "\n"))
        contains(" ".join(server.cli("apply", folder, "--yes", code=3).split()), words, "apply")
    slow.refused.add(50)
    id = submit(api, "calls", 50)
    slow.has(50)
    child = children(api, id)[0]["id"]
    refusals = [(child, "edit", {"payload": {"n": 51}}, "another command has started it, and waits for it: act on that one"),
                (id, "skip", {"step": "sub"}, "act on that one"), (id, "edit", {"payload": {"n": 51}}, "cancel it first"),
                (id, "retry", {}, "goes on by itself")]
    for one, action, body, words in refusals:
        contains(api.act(one, action, reason="try", **body).problem(409, "action-refused")["detail"], words, action)
    slow.let("all")
    api.until_state(id, "rejected")
    slow.refused.clear()
    api.act(id, "retry", reason="mended").must(200)
    api.until_state(id, "completed")
    api.act(id, "roll_back", reason="wrong").must(200)
    api.until_state(id, "rolled_back")
    contains(api.act(child, "retry", reason="again").problem(409, "action-refused")["detail"], "act on that one", "a child is not done anew")
    for one in (id, child):
        api.act(one, "roll_back", reason="again").problem(409, "action-refused")
    equal(slow.order, [50, 50, 50 + BACK], "and nothing of it left")


if __name__ == "__main__":
    main()

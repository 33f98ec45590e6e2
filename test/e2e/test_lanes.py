"""Concurrency keys and priority: who is at work, who waits for whom, and that nobody is lost."""
import shutil
import sqlite3

from kit import case, contains, dependency, equal, eventually, in_threads, main, true
from slow import Slow

JOB = "job"


def flow(limit=1, when_full="queue", key='"${payload.lane}"', more="", undo="", repeatable="true"):
    concurrency = f"concurrency: {{ key: {key}, limit: {limit}, when_full: {when_full} }}\n"
    return (f"flow: {JOB}\npayload:\n  type: object\n  required: [n]\n"
            "  properties: { n: { type: integer }, lane: { type: string }, urgent: { type: integer } }\n"
            f'key: "${{payload.n}}"\n{concurrency}{more}steps:\n  - id: call\n    call: other\n'
            '    with: { method: POST, path: "/${payload.n}" }\n    timeout: 50s\n'
            f"    repeatable: {repeatable}\n    retry: {{ delay: 50ms, limit: {{ attempts: 5 }} }}\n{undo}")


def serve(world, concurrent=50, more_args=(), **how):
    slow = Slow(world)
    defs = world.write(job=flow(**how), other=dependency("other", f"http://127.0.0.1:{slow.port}", concurrent=concurrent))
    return world.server(defs=defs, more=more_args).start(), slow


def job(api, n, lane="a", must=201, **more):
    got = api.submit(JOB, {"n": n, "lane": lane}, **more)
    return got.must(201).json["id"] if must == 201 else got


@case("queue: no more than the limit are at work, the others wait in order, and explain says for whom")
def queue(world):
    server, slow = serve(world, limit=2)
    api = server.api
    ids = [job(api, n) for n in range(1, 7)]
    other = job(api, 50, lane="b")
    slow.has(1, 2, 50)
    for id in ids[2:]:
        told = api.explain(id)
        equal((told["state"], told["concurrency"], told["next"]["code"]), ("pending", {"key": "a", "limit": 2, "place": "waits"}, "lane"), "waits")
        equal(told["waits_behind"], ids[:2], "for whom")
        contains(told["display"], "concurrency key a", "display")
        contains(server.cli("show", id), "a, at most 2 at work; waits for its turn", "show")
        contains(server.cli("history", id), "waits for its turn: concurrency key a", "history")
        true("waits for its turn" in told["actions"]["retry"]["why_not"], f"retry: {told['actions']['retry']}")
    equal("waits_behind" in api.explain(ids[0]), False, "who is at work waits for nobody")
    slow.let(2)
    slow.has(1, 3)
    equal(api.explain(ids[5])["waits_behind"], [ids[0], ids[2]], "for whom now")
    api.act(ids[4], "cancel", reason="not needed").must(200)
    equal(api.command(ids[4])["state"], "cancelled", "cancelled before its turn")
    slow.let("all")
    for id in [*ids[:4], ids[5], other]:
        equal(api.until_state(id, "completed").get("concurrency", {})["place"], "left", "place at the end")
    equal([n for n in slow.order if n != 50], [1, 2, 3, 4, 6], "in the order of submission")
    equal(slow.most, 3, "most at once: two of one lane, one of the other")


@case("queue: many at once from many threads")
def crowd(world):
    server, slow = serve(world, limit=3)
    slow.let("all")
    ids = in_threads(12, lambda i: [job(server.api, 100 * i + k) for k in range(5)])
    for id in [one for some in ids for one in some]:
        server.api.until_state(id, "completed")
    true(slow.most <= 3, f"{slow.most} were at work at once")
    equal(len(slow.order), 60, "each once")


@case("refuse: the submission is refused, names who holds the place, and stores nothing; two at once do not both come in")
def refuse(world):
    server, slow = serve(world, limit=1, when_full="refuse")
    api = server.api
    first = job(api, 1)
    slow.has(1)
    problem = job(api, 2, must=409).problem(409, "lane-full")
    equal(problem["command"], f"/v1/commands/{first}", "who holds it")
    contains(problem["detail"], first, "detail")
    equal([c["id"] for c in api.list(f"type={JOB}")], [first], "nothing is stored")
    equal(api.submit(JOB, {"n": 1, "lane": "a"}).must(200).json["id"], first, "a repeat is the same command, no refusal")
    lines = api.batch([{"type": JOB, "payload": {"n": 3, "lane": "a"}}, {"type": JOB, "payload": {"n": 4, "lane": "c"}}])
    equal([line["status"] for line in lines], [409, 201], "in a batch")
    slow.let("all")
    api.until_state(first, "completed")
    api.until_state(job(api, 2), "completed")  # the same key, and the place is free
    slow.open.clear()
    got = in_threads(8, lambda i: api.submit(JOB, {"n": 200 + i, "lane": "race"}).status)
    equal(sorted(got), [201] + [409] * 7, "of many at once one comes in")
    slow.let("all")


@case("replace: the oldest gives way, the new one waits for its end; who waits gives way, too")
def replace(world):
    server, slow = serve(world, limit=1, when_full="replace")
    api = server.api
    first = job(api, 1)
    slow.has(1)
    second = job(api, 2)
    equal((api.command(first)["state"], api.command(second)["state"]), ("cancelling", "pending"), "the first gives way")
    act = [r["cause"] for r in api.history(first) if r["cause"]["kind"] == "action"]
    equal([(a["action"], a["reason"]) for a in act], [("cancel", "a newer command with the same concurrency key takes its place")], "on record")
    server.kill()  # that it is leaving is stored
    server.start()
    third = job(api, 3)
    equal((api.command(second)["state"], api.command(third)["state"]), ("cancelled", "pending"), "the second never began")
    slow.let("all")
    api.until_state(first, "review")  # the crash cut its request off: a person must say what happened, and it holds its place
    equal((api.command(third)["state"], api.explain(third)["waits_behind"]), ("pending", [first]), "for whom")
    api.act(first, "resolve", verdict="did_not_happen", reason="looked at the other side").must(200)
    api.until_state(first, "cancelled")
    api.until_state(third, "completed")
    equal(2 in slow.order, False, "the second was never done")


@case("replace: who waits for a person gives way, too, and what nobody knows of it is settled first")
def replace_in_review(world):
    server, slow = serve(world, limit=1, when_full="replace", repeatable="false")
    api = server.api
    first = job(api, 1)
    slow.has(1)
    server.kill()
    server.start()
    api.until_state(first, "review")
    slow.let("all")
    second = job(api, 2, actor="rita")
    equal((api.command(first)["state"], api.command(second)["state"]), ("review", "pending"), "the new one waits for what is not known")
    equal(api.explain(second)["waits_behind"], [first], "for whom")
    contains(server.cli("explain", first), "It is being cancelled: that goes on when this is settled.", "explain")
    contains(server.cli("history", first), "cancel by rita", "in whose name")
    third = job(api, 3)
    equal((api.command(second)["state"], api.command(third)["state"]), ("cancelled", "pending"), "who waits gives way")
    api.act(first, "resolve", verdict="did_not_happen", reason="looked at the other side").must(200)
    api.until_state(first, "cancelled")
    api.until_state(third, "completed")


@case("kill -9 again and again: nobody is lost, never more than the limit, and none is done twice")
def kills(world):
    server, slow = serve(world, limit=2)
    ids = [job(server.api, n) for n in range(1, 13)]
    for n in range(1, 13, 3):
        eventually(lambda: len(slow.inside) >= 1, "one is at work")
        server.kill()  # the fault
        server.start()
        places = [server.api.command(id)["concurrency"]["place"] for id in ids]
        equal((places.count("holds"), places.count("left")), (2, n - 1), f"places after the crash: {places}")
        slow.let(n, n + 1, n + 2)
        for id in ids[n - 1:n + 2]:
            server.api.until_state(id, "completed")
    equal(server.starts, 5, "starts")
    equal({n: len(keys) for n, keys in slow.keys.items()}, {n: 1 for n in range(1, 13)}, "one key each")
    equal({c["concurrency"]["place"] for c in [server.api.command(id) for id in ids]}, {"left"}, "places")


@case("far more wait than memory holds: each gets its turn, in order, also behind a crash", long=False)
def many(world):
    server, slow = serve(world, limit=1)
    ids = [line["command"]["id"] if "command" in line else line["id"]
           for line in server.api.batch([{"type": JOB, "payload": {"n": n, "lane": "a"}} for n in range(1, 201)])]
    slow.has(1)
    equal(server.api.act(ids[149], "cancel", reason="beyond the window").must(200).json["state"], "cancelled", "cancelled")
    server.kill()  # the fault
    server.start()
    slow.let("all")
    for id in [*ids[:149], *ids[150:]]:
        server.api.until_state(id, "completed")
    done = list(dict.fromkeys(slow.order))  # the first was sent twice
    equal(done, [n for n in range(1, 201) if n != 150], "each, in order")


def rows(store):
    with sqlite3.connect(store) as db:
        return db.execute("SELECT phase, gate, ord, seq, node FROM work WHERE phase >= 16 ORDER BY 1, 2, 3, 4").fetchall()


def one_at_a_time(server, slow, ids):
    """The rest goes to its end, and no two are at work together."""
    slow.let("all")
    for id in ids:
        server.api.until_state(id, "completed")


@case("an export and an import keep who holds a place and who waits; the doctor finds nothing")
def moved(world):
    server, slow = serve(world, limit=1)
    ids = [job(server.api, n) for n in range(1, 4)]
    ended = job(server.api, 9, lane="z")
    slow.has(1, 9)
    slow.let(9)
    server.api.until_state(ended, "completed")
    server.kill()
    lanes = rows(server.store)
    equal([(row[0], row[3], row[4]) for row in lanes], [(16, 2, 1), (16, 3, 1), (17, 1, 1)], "rows of the lane")
    (world.dir / "out.ndjson").write_text(server.cli("export", "--store", server.store))
    new = world.dir / "new.db"
    server.cli("import", world.dir / "out.ndjson", "--store", new, "--quiet")
    equal(rows(new), lanes, "rows of the import")
    equal(server.cli("export", "--store", new), (world.dir / "out.ndjson").read_text(), "an export of it")
    contains(server.cli("doctor", "--store", server.store, code=1), "is whole", "the doctor, who misses the server alone")
    server.start()
    slow.has(1)
    one_at_a_time(server, slow, ids)
    equal(rows(server.store), [], "nobody is in a lane any more")


@case("a backup of the middle, restored: who waited is asked for, holds its place until that is settled, and the rest follows")
def restored(world):
    server, slow = serve(world, limit=1, repeatable="false")
    api = server.api
    ids = [job(api, n) for n in range(1, 4)]
    slow.has(1)
    copy = world.dir / "copy.db"
    server.cli("backup", copy, "--store", server.store, "--quiet")
    slow.let("all")
    for id in ids:
        api.until_state(id, "completed")
    server.kill()
    for file in server.store.parent.glob(server.store.name + "*"):
        file.unlink()
    shutil.copy(copy, server.store)
    server.start()
    server.release()
    before = len(slow.order)
    for n, id in enumerate(ids):
        state = api.until_resting(id)["state"]
        equal([api.command(one)["state"] for one in ids[n + 1:]], ["pending"] * (2 - n), f"those behind number {n + 1} wait")
        equal(state, "review", "it may have been done in the other life")
        api.act(id, "resolve", verdict="happened", reason="looked at the other side").must(200)
        api.until_state(id, "completed")
    equal(len(slow.order), before, "nothing is done twice")


@case("what has failed holds its place until a person cancels it; what has ended needs one to be rolled back")
def holds(world):
    undo = "    undo:\n      with: { method: POST, path: \"/${payload.n + 1000}\" }\n      timeout: 50s\n      repeatable: true\n"
    server, slow = serve(world, limit=1, undo=undo)
    api = server.api
    slow.refused.add(1)
    slow.let(1)
    first, second = job(api, 1), job(api, 2)
    api.until_state(first, "rejected")
    equal(api.explain(second)["waits_behind"], [first], "for whom")
    api.act(first, "cancel", reason="it will not work").must(200)
    slow.has(2)
    slow.let(2)
    api.until_state(second, "completed")
    third = job(api, 3)
    slow.has(3)
    problem = api.act(second, "roll_back", reason="take it back").problem(409, "lane-full")
    contains(problem["detail"], third, "who holds the place")
    slow.let("all")
    api.until_state(third, "completed")
    api.act(second, "roll_back", reason="take it back").must(200)
    api.until_state(second, "rolled_back")


@case("priority: the urgent one is first at its dependency and in its lane; a submission may say it, and it is seen")
def priority(world):
    server, slow = serve(world, concurrent=1, limit=100, more='priority: "${has(payload.urgent) ? payload.urgent : 1}"\n')
    api = server.api
    job(api, 1)
    slow.has(1)
    ids = [job(api, 2), api.submit(JOB, {"n": 3, "lane": "a", "urgent": 5}).must(201).json["id"], job(api, 4, priority=9), job(api, 5, priority=0)]
    equal([api.command(id).get("priority", 0) for id in ids], [1, 5, 9, 0], "priority")
    contains(server.cli("show", ids[2]), "priority    9", "show")
    slow.let("all")
    for id in ids:
        api.until_state(id, "completed")
    equal(slow.order, [1, 4, 3, 2, 5], "the urgent ones first")


@case("priority in a lane")
def priority_in_lane(world):
    server, slow = serve(world, limit=1)
    api = server.api
    job(api, 1)
    slow.has(1)
    ids = [job(api, 2), job(api, 3, priority=9), job(api, 4, priority=3)]
    slow.let("all")
    for id in ids:
        api.until_state(id, "completed")
    equal(slow.order, [1, 3, 4, 2], "the urgent ones first")


@case("bad input is refused, at the limit and one above")
def bad_input(world):
    server, slow = serve(world, limit=100, more='priority: "${has(payload.urgent) ? payload.urgent : 0}"\n')
    api = server.api
    slow.let("all")
    for bad in (-1, 10, 1.5, "5", True, [1]):
        errors = api.submit(JOB, {"n": 1, "lane": "a"}, priority=bad).problem(422, "invalid")["errors"]
        equal(errors[0]["pointer"], "/priority", f"priority {bad!r}")
    api.submit(JOB, {"n": 1, "lane": "a", "urgent": 10}).problem(422, "invalid")
    contains(api.submit(JOB, {"n": 1}).problem(422, "expression-failed")["detail"], "the flow's concurrency key: no such key 'lane'")
    api.submit(JOB, {"n": 1, "lane": ""}).problem(422, "invalid")
    api.submit(JOB, {"n": 1, "lane": "x" * 256}).problem(422, "invalid")
    equal(api.list(f"type={JOB}"), [], "nothing is stored")
    api.until_state(api.submit(JOB, {"n": 1, "lane": "x" * 255}, priority=9).must(201).json["id"], "completed")
    for bad, says in ((dict(limit=101), "from 1 to 100"), (dict(limit=0), "from 1 to 100"), (dict(when_full="drop"), "'drop'"),
                      (dict(more="priority: 10\n"), "from 0 to 9"), (dict(more="priority: true\n"), "from 0 to 9")):
        world.write(job=flow(**bad))
        contains(server.cli("apply", world.dir / "defs", code=3), says, f"apply says what is wrong with {bad}")
    world.write(job=flow(more="priority: 9\n", key='"all"'))
    server.cli("apply", world.dir / "defs")
    out = server.cli("submit", JOB, "--payload", '{"n": 7}', "--priority", "4", json_out=True)
    true(out, "submitted")
    equal(api.until_state(api.get(f"/v1/commands/by-key?type={JOB}&key=7").must(200).json["id"], "completed")["priority"], 4, "priority of the command line")


@case("lanes are listed: who holds a place, who waits and since when; a metric counts who waits")
def listed(world):
    server, slow = serve(world)
    api = server.api
    first, second, third, other = job(api, 1), job(api, 2), job(api, 3), job(api, 4, lane="b")
    slow.has(1, 4)

    def lanes(query=""):
        return api.get(f"/v1/lanes{query}").must(200).json["lanes"]

    def waiting():
        return [l for l in api.get("/metrics").must(200).text.splitlines() if l.startswith("recourse_lanes_waiting ")]

    found = {lane["key"]: lane for lane in lanes()}
    equal(sorted(found), ["a", "b"], "lanes")
    a, b = found["a"], found["b"]
    equal((a["flow"], a["namespace"], a["limit"], a["holding"], a["queued"], a["more"]), (JOB, "default", 1, 1, 2, False), "one lane")
    equal([h["command"] for h in a["holders"]], [first], "who holds it")
    equal([w["command"] for w in a["first"]], [second, third], "who waits, in their order")
    equal([a["first"][0][k] for k in ("state", "since")], ["pending", api.command(second)["changed"]], "since when")
    equal(([h["command"] for h in b["holders"]], b["queued"], b["first"]), ([other], 0, []), "the other lane")
    equal([l["key"] for l in lanes("?key=b")], ["b"], "by key")
    equal(lanes("?type=nothing"), [], "by flow")
    page = api.get("/v1/lanes?limit=1").must(200).json
    rest = api.get(f"/v1/lanes?limit=1&after={page['next']}").must(200).json
    equal(sorted([page["lanes"][0]["key"], rest["lanes"][0]["key"]]), ["a", "b"], "page by page")
    equal(api.get(f"/v1/lanes?after={rest['next']}").must(200).json, {"lanes": [], "next": None}, "behind the last page")
    equal(waiting(), ["recourse_lanes_waiting 2"], "the metric")
    contains(server.cli("lanes", "--key", "a"), "1 of 1")
    equal(server.cli("lanes", "--key", "c"), "none\n", "no such lane")
    server.kill()
    server.start()
    equal(waiting(), ["recourse_lanes_waiting 2"], "the metric after kill -9")
    slow.let("all")
    for id in (first, second, third, other):
        api.until_state(id, "completed")
    equal((lanes(), waiting()), ([], ["recourse_lanes_waiting 0"]), "when all have ended")


@case("the server's own bound: never more in flight over all dependencies, no dependency gets all, and explain says why one waits")
def width(world):
    slow = Slow(world)
    there = dependency("other", f"http://127.0.0.1:{slow.port}", concurrent=50)
    defs = world.write(job=flow(limit=50), second=flow(limit=50).replace(f"flow: {JOB}", "flow: second").replace("call: other", "call: second"),
                       other=there, second_dep=there.replace("dependency: other", "dependency: second"))
    server = world.server(defs=defs, more=("--max-in-flight", "2")).start()
    api = server.api
    first = [job(api, n) for n in range(1, 5)]
    second = [api.submit("second", {"n": n, "lane": "b"}).must(201).json["id"] for n in range(11, 15)]
    slow.has(1, 2)
    told = api.explain(second[0])
    equal(told["next"]["code"], "place", "what comes next")
    contains(told["next"]["text"], "the server has no free place")
    slow.let(1)
    slow.has(2, 11)  # the one that has none comes first
    slow.let(11)
    slow.has(2, 12)  # and a slow one keeps its share only
    server.kill()
    server.start()
    slow.let("all")
    for id in first + second:
        api.until_state(id, "completed")
    true(slow.most <= 4, f"two at a time, and two that were lost with the server: {slow.most}")


if __name__ == "__main__":
    main()

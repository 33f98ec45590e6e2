"""Signals: each is taken by one wait, early ones are kept, and kill -9 between a signal and its wait changes nothing."""
import json
import random

from kit import case, changed, contains, equal, in_threads, main, true

KEPT = 64  # RC_MAX_SIGNALS_KEPT
PAYLOAD = 16 << 10  # RC_MAX_SIGNAL

PAID = """\
flow: paid
payload: { type: object, required: [id], properties: { id: { type: string } } }
steps:
  - id: settled
    wait: { signal: payment.settled, id: "${payload.id}" }
    outputs: { amount: "${signal.amount}" }
  - id: sum
    set: { twice: "${steps.settled.outputs.amount * 2}", of: "${steps.settled.external_id}" }
"""
LATE = """\
flow: NAME
payload: { type: object, required: [id], properties: { id: { type: string } } }
steps:
  - id: settled
    wait: { signal: payment.settled, id: "${payload.id}" }
    within: 300ms
    on_timeout: WORD
  - id: after
    set: { done: true }
"""
BOTH = """\
flow: both
payload: { type: object, required: [id], properties: { id: { type: string } } }
steps:
  - id: pair
    parallel:
      - id: left
        wait: { signal: go, id: "${payload.id}" }
        outputs: { n: "${signal.n}" }
      - id: right
        wait: { signal: go, id: "${payload.id}" }
        outputs: { n: "${signal.n}" }
"""


def flows(world):
    late = {word: LATE.replace("NAME", "late_" + word).replace("WORD", word) for word in ("fail", "reject", "continue")}
    return world.write(paid=PAID, both=BOTH, **late)


def a_server(world, *more):
    return world.server(defs=flows(world), more=more).start()


def signal(api, id, key, payload=None, name="payment.settled", headers=None):
    return api.post("/v1/signals", {"name": name, "id": id, "key": key, "payload": {"amount": 7} if payload is None else payload}, headers)


def step(api, id, name):
    return next(s for s in api.command(id)["steps"] if s["id"] == name)


def begin(api, id, flow="paid", key=None):
    return api.submit(flow, {"id": id}, key or f"{flow}-{id}").must(201).json["id"]


@case("a command waits for its signal, says so, and goes on with what came with it")
def waits(world):
    api = a_server(world).api
    id = begin(api, "p1")
    command = api.until_state(id, "waiting")
    equal(command["display"], "waiting for the signal payment.settled", "what people see")
    told = api.explain(id)
    equal((told["next"]["code"], [(w["signal"], w["id"]) for w in told["waits_for"]]), ("signal", [("payment.settled", "p1")]), "what is waited for")
    true(not told["actions"]["retry"]["allowed"] and told["actions"]["skip"]["allowed"], "there is nothing to retry; the step can be skipped")
    other = signal(api, "p2", "other").must(201).json
    equal(other["state"], "kept", "a signal for another id is kept")
    got = signal(api, "p1", "s1").must(201).json
    equal((got["state"], got["command"]), ("taken", id), "the answer names who took it")
    api.until_state(id, "completed")
    equal(step(api, id, "sum")["outputs"], {"twice": 14, "of": "p1"}, "what came with the signal")
    causes = [r["cause"] for r in api.history(id)]
    true(any(c["kind"] == "signalled" and c["signal"] == {"name": "payment.settled", "id": "p1", "key": "s1"} for c in causes),
         f"the history names the signal: {causes}")


@case("a signal that comes early is kept, also over kill -9, and in the order of coming")
def early(world):
    server = a_server(world)
    for n in range(3):
        equal(signal(server.api, "p1", f"s{n}", {"amount": n}).must(201).json["state"], "kept", "nobody waits yet")
    server.kill()
    server.start()
    for n in range(3):
        id = begin(server.api, "p1", key=f"c{n}")
        server.api.until_state(id, "completed")
        equal(step(server.api, id, "settled")["outputs"], {"amount": n}, "the oldest one is taken first")
    server.api.until_state(begin(server.api, "p1", key="c3"), "waiting")


@case("a command that waits survives kill -9, and so does the fact that its signal was taken")
def killed(world):
    server = a_server(world)
    id = begin(server.api, "p1")
    server.kill()
    server.start()
    server.api.until_state(id, "waiting")
    equal(signal(server.api, "p1", "s1").must(201).json["command"], id, "who took it")
    server.kill()
    server.start()
    server.api.until_state(id, "completed")
    again = signal(server.api, "p1", "s1").must(200)
    equal((again.json["state"], again.json["command"], again.headers["Idempotency-Replayed"]), ("taken", id, "true"), "the same signal, after a restart")
    server.api.until_state(begin(server.api, "p1", key="second"), "waiting")


@case("the same key is the same signal; with anything else it is a conflict")
def same_key(world):
    api = a_server(world).api
    signal(api, "p1", "s1").must(201)
    signal(api, "p1", "s1").must(200)
    for other in (lambda: signal(api, "p2", "s1"), lambda: signal(api, "p1", "s1", {"amount": 8}), lambda: signal(api, "p1", "s1", name="other")):
        other().problem(409, "key-conflict")
    api.until_state(begin(api, "p1"), "completed")
    signal(api, "p1", "s1").must(200)
    api.until_state(begin(api, "p1", key="second"), "waiting")


@case("two commands wait and one signal comes: the one that has waited longer goes on")
def two_waits(world):
    api = a_server(world).api
    first, second = begin(api, "p1", key="a"), begin(api, "p1", key="b")
    equal(signal(api, "p1", "s1").must(201).json["command"], first, "who took it")
    api.until_state(first, "completed")
    equal(api.command(second)["state"], "waiting", "the other one")
    equal(signal(api, "p1", "s2").must(201).json["command"], second, "who took the next one")


@case("two steps of one command wait for the same: each gets a signal of its own")
def two_steps(world):
    api = a_server(world).api
    signal(api, "p1", "g1", {"n": 1}, name="go").must(201)
    id = begin(api, "p1", "both")
    equal(api.command(id)["state"], "waiting", "one is missing still")
    signal(api, "p1", "g2", {"n": 2}, name="go").must(201)
    api.until_state(id, "completed")
    equal(sorted(step(api, id, s)["outputs"]["n"] for s in ("left", "right")), [1, 2], "what each got")


@case("many at once: as many commands go on as signals come, each with one")
def many(world):
    server = a_server(world)
    n = 120
    ids = [begin(server.api, f"p{i % 10}", key=f"c{i}") for i in range(n // 2)]
    in_threads(12, lambda t: [signal(server.api, f"p{i % 10}", f"s{i}", {"amount": i}).must(201) for i in range(t, n, 12)])
    ids += [begin(server.api, f"p{i % 10}", key=f"c{i}") for i in range(n // 2, n)]
    for id in ids:
        server.api.until_state(id, "completed")
    amounts = sorted(step(server.api, id, "settled")["outputs"]["amount"] for id in ids)
    equal(amounts, list(range(n)), "each signal was taken once")


@case("kill -9 again and again between signals and waits: none is lost, none is taken twice")
def many_kills(world):
    server = a_server(world)
    rng = random.Random(7)
    for n in range(12):
        deeds = [lambda: begin(server.api, "p", key=f"c{n}"), lambda: signal(server.api, "p", f"s{n}", {"amount": n}).must(201)]
        rng.shuffle(deeds)
        deeds[0]()
        if rng.random() < 0.7:
            server.kill()
            server.start()
        deeds[1]()
    rows = server.api.list()
    equal([r["state"] for r in rows], ["completed"] * 12, "all went on")
    equal(sorted(step(server.api, r["id"], "settled")["outputs"]["amount"] for r in rows), list(range(12)), "each with a signal of its own")
    server.stop()
    with changed(server.store) as db:
        equal(db.execute("SELECT count(*) FROM work").fetchone()[0], 0, "rows of work that nobody needs")


@case("when the time is over the flow says what follows; a later signal is kept, and a retry takes it")
def late(world):
    api = a_server(world).api
    failed, rejected, left = (begin(api, "p1", f"late_{w}") for w in ("fail", "reject", "continue"))
    equal(api.until_state(failed, "failed")["display"], "failed, can be retried: settled: the signal that it waited for did not come in time", "fail")
    contains(step(api, failed, "settled")["error"], "'payment.settled' did not come for 'p1'")
    api.until_state(rejected, "rejected")
    api.until_state(left, "completed")
    equal([step(api, left, s)["state"] for s in ("settled", "after")], ["skipped", "succeeded"], "continue")
    equal(step(api, left, "settled")["why"], "no_signal", "why it was left out")
    equal(signal(api, "p1", "s1").must(201).json["state"], "kept", "too late for all of them")
    api.act(failed, "retry", reason="it has come").must(200)
    api.until_state(failed, "completed")


@case("the time goes on over a restart, and retry does not end a wait")
def time_and_retry(world):
    server = a_server(world)
    id = begin(server.api, "p1", "late_fail")
    server.kill()
    server.start()
    server.api.until_state(id, "failed")
    waiting = begin(server.api, "p2")
    server.api.act(waiting, "retry", reason="hurry").problem(409, "action-refused")
    equal(server.api.command(waiting)["state"], "waiting", "after a retry that was refused")


@case("what is cancelled, skipped or rolled back does not wait any more: its signal is the next one's")
def given_up(world):
    api = a_server(world).api
    cancelled, skipped, last = (begin(api, "p1", key=k) for k in "abc")
    api.act(cancelled, "cancel", reason="not wanted").must(200)
    api.until_state(cancelled, "cancelled")
    api.act(skipped, "skip", reason="known otherwise").must(200)
    equal(signal(api, "p1", "s1").must(201).json["command"], last, "who took it")


@case("namespaces are apart: neither signals nor keys are seen from another one")
def apart(world):
    api = a_server(world).api
    api.post("/v1/namespaces", {"name": "shop", "reason": "a test"}).must(201)
    shop = {"Recourse-Namespace": "shop"}
    id = begin(api, "p1")
    equal(signal(api, "p1", "s1", headers=shop).must(201).json["state"], "kept", "a signal in another namespace")
    equal(api.command(id)["state"], "waiting", "the command in this one")
    equal(signal(api, "p1", "s1").must(201).json["command"], id, "the same key here is another signal")
    signal(api, "p1", "s1", headers={"Recourse-Namespace": "nowhere"}).must(404)


@case("one mailbox keeps so many signals and no more, and says so")
def full(world):
    api = a_server(world).api
    for n in range(KEPT):
        signal(api, "p1", f"s{n}").must(201)
    contains(signal(api, "p1", "one more").problem(429, "quota-exceeded")["detail"], str(KEPT))
    signal(api, "p2", "another id").must(201)
    api.until_state(begin(api, "p1"), "completed")
    signal(api, "p1", "one more").must(201)


@case("signals are forgotten when they are too old, and their keys with them")
def forgotten(world):
    server = a_server(world, "--signal-age", "60s")
    signal(server.api, "p1", "s1").must(201)
    server.stop()
    with changed(server.store) as db:
        db.execute("UPDATE signal SET at = at - 61000000")
    server.start()
    id = begin(server.api, "p1")
    equal(server.api.command(id)["state"], "waiting", "what is too old is not taken")
    equal(signal(server.api, "p1", "s1").must(201).json["command"], id, "its key is free again")
    server.stop()
    with changed(server.store) as db:
        equal(db.execute("SELECT count(*) FROM signal").fetchone()[0], 1, "signals in the store")


@case("signals that are kept are listed, by name, id and age, page by page; one is deleted by hand, and the audit knows")
def listed(world):
    server = a_server(world)
    api = server.api
    for n in range(5):
        signal(api, f"p{n}", f"s{n}").must(201)
    api.post("/v1/signals", {"name": "other", "id": "p0", "key": "o"}).must(201)
    taken = begin(api, "p4")
    equal(api.command(taken)["id"], taken, "the command that takes one")
    api.until_state(taken, "completed")

    def ids(query=""):
        return [(s["name"], s["id"]) for s in api.get(f"/v1/signals{query}").must(200).json["signals"]]

    every = [("payment.settled", f"p{n}") for n in range(4)] + [("other", "p0")]
    equal(ids(), every, "all")
    equal(ids("?name=other"), every[4:], "of a name")
    equal(ids("?id=p0"), [every[0], every[4]], "of an id")
    equal(ids("?name=payment.settled&id=p2"), [every[2]], "of a mailbox")
    page, got = api.get("/v1/signals?limit=2").must(200).json, []
    while page["next"]:
        got += page["signals"]
        page = api.get(f"/v1/signals?limit=2&after={page['next']}").must(200).json
    got += page["signals"]
    equal([(s["name"], s["id"]) for s in got], every, "page by page")
    equal((ids(f"?until={got[2]['at']}"), ids(f"?since={got[2]['at']}")), (every[:2], every[2:]), "by age")
    api.get("/v1/signals?since=yesterday").problem(400, "malformed")
    contains(server.cli("signals", "--id", "p1"), "payment.settled")
    equal(server.cli("signals", "list", "--until", "1h"), "none\n", "those that are older than an hour")
    number = got[1]["number"]
    contains(server.cli("signals", "delete", number, "--reason", "sent by mistake"), "deleted")
    server.cli("signals", "delete", number, code=4)
    server.cli("signals", "delete", "x", code=4)
    server.cli("signals", "delete", code=2)
    server.kill()
    server.start()
    equal(ids("?id=p1"), [], "what was deleted")
    id = begin(api, "p1")
    equal(api.command(id)["state"], "waiting", "nothing takes it")
    equal(signal(api, "p1", "s1").must(200).json["state"], "deleted", "a repeat does not bring it back")
    entry = [e for e in api.get("/v1/audit").must(200).json["entries"] if e["kind"] == "signal"][0]
    equal((entry["action"], entry["data"]["signal"], entry["data"]["reason"], entry["data"]["actor"]),
          ("removed", number, "sent by mistake", "tester"), "the audit")
    true("id" not in entry["data"] and "key" not in entry["data"], "what may be the very thing that is to go")
    api.post("/v1/namespaces", {"name": "shop", "reason": "a test"}).must(201)
    shop = {"Recourse-Namespace": "shop"}
    equal(api.get("/v1/signals", **shop).must(200).json["signals"], [], "in another namespace")
    api.post(f"/v1/signals/{got[0]['number']}/delete", {}, shop).problem(404, "not-found")
    server.stop()
    first, new = server.cli("export", "--store", server.store), world.dir / "new.db"
    (world.dir / "lines").write_text(first)
    server.cli("import", world.dir / "lines", "--store", new)
    equal(server.cli("export", "--store", new), first, "the export of the import")


@case("a purge takes the signals that its commands have taken")
def purged(world):
    server = a_server(world)
    signal(server.api, "p1", "s1").must(201)
    server.api.until_state(begin(server.api, "p1"), "completed")
    signal(server.api, "p2", "s2").must(201)
    server.cli("purge", "--older-than", "0s", "--yes")
    server.stop()
    with changed(server.store) as db:
        equal([k for k, in db.execute("SELECT key FROM signal")], ["s2"], "signals in the store")


@case("whatever is sent can at worst be refused")
def hostile(world):
    api = a_server(world).api
    good = {"name": "payment.settled", "id": "p1", "key": "k"}
    for change in ({"name": ""}, {"name": "a b"}, {"name": "x" * 65}, {"id": ""}, {"id": "a\u0000b"}, {"id": "x" * 256}, {"key": ""},
                   {"key": "x" * 256}, {"key": "a\nb"}, {"name": 7}, {"id": None}, {"more": 1}):
        api.post("/v1/signals", {**good, **change}).problem(422, "invalid")
    api.post("/v1/signals", {"name": "a", "id": "b"}).problem(422, "invalid")
    api.post("/v1/signals", b"{", {"Content-Type": "application/json"}).must(400)
    api.post("/v1/signals", {**good, "name": "x" * 64, "id": "x" * 255, "key": "x" * 255}).must(201)
    room = PAYLOAD - len(json.dumps({"t": ""}, separators=(",", ":")))
    api.post("/v1/signals", {**good, "payload": {"t": "x" * room}}).must(201)
    api.post("/v1/signals", {**good, "key": "k2", "payload": {"t": "x" * (room + 1)}}).must(413)


@case("behind thousands of others, in other namespaces too, one is found page by page: an empty page says where to go on")
def behind_many(world):
    server = a_server(world)
    signal(server.api, "p0", "s0").must(201)
    server.stop()
    with changed(server.store) as db:
        columns = [c[1] for c in db.execute("PRAGMA table_info(signal)") if c[1] != "n"]
        db.execute("INSERT OR IGNORE INTO name VALUES (999, 'elsewhere')")
        values = ", ".join({"ns": "CASE k % 2 WHEN 0 THEN 999 ELSE ns END", "name": "'other'", "mailbox": "k", "place": "k", "key": "'k' || k"}.get(c, c) for c in columns)
        db.execute(f"WITH RECURSIVE many(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM many WHERE k < 6000)"
                   f" INSERT INTO signal ({', '.join(columns)}) SELECT {values} FROM signal, many WHERE n = 1")
    server.start()
    number = signal(server.api, "last", "s1").must(201) and 6002
    after, pages, got = 1, 0, []
    while after:
        page = server.api.get(f"/v1/signals?name=payment.settled&after={after}").must(200).json
        after, pages, got = page["next"], pages + 1, got + page["signals"]
    equal(([s["number"] for s in got], pages), ([number], 2), "what is found, on how many pages")
    contains(server.cli("signals", "--name", "nothing"), "none of those that were looked at")
    equal(server.cli("signals", "--name", "nothing", "--after", 6002), "none\n", "behind the last one")


@case("what came with a signal and does not fit fails the step in the open; the next signal can mend it")
def unusable(world):
    api = a_server(world).api
    id = begin(api, "p1")
    signal(api, "p1", "s1", {"sum": 3}).must(201)
    api.until_state(id, "failed")
    contains(step(api, id, "settled")["error"], "amount")
    api.act(id, "retry", reason="the sender was mended").must(200)
    api.until_state(id, "waiting")
    signal(api, "p1", "s2").must(201)
    api.until_state(id, "completed")


@case("an export has them, and an import: what is kept is taken there, and what was taken is known")
def exported(world):
    server = a_server(world)
    taken, waiting = begin(server.api, "p1"), begin(server.api, "p2")
    signal(server.api, "p1", "s1").must(201)
    signal(server.api, "p3", "s3").must(201)
    server.stop()
    first, new = server.cli("export", "--store", server.store), world.dir / "new.db"
    equal([json.loads(line)["key"] for line in first.splitlines() if json.loads(line)["is"] == "signal"], ["s1", "s3"], "signals of the export")
    (world.dir / "first.ndjson").write_text(first)
    server.cli("import", world.dir / "first.ndjson", "--store", new)
    equal(server.cli("export", "--store", new), first, "the export of the import")
    restored = world.server(store=new, defs=flows(world)).start()
    signal(restored.api, "p2", "s2").problem(503, "on-hold")
    restored.release()
    equal(signal(restored.api, "p1", "s1").must(200).json["command"], taken, "what was taken")
    equal(signal(restored.api, "p2", "s2").must(201).json["command"], waiting, "who has waited")
    restored.api.until_state(begin(restored.api, "p3"), "completed")


@case("recourse signal sends one, and says who took it")
def command_line(world):
    server = a_server(world)
    id = begin(server.api, "p1")
    contains(server.cli("signal", "payment.settled", "p1", "--key", "s1", "--payload", '{"amount": 1}'), id)
    contains(server.cli("signal", "payment.settled", "p1", "--key", "s1", "--payload", '{"amount": 1}'), "was there already")
    contains(server.cli("signal", "payment.settled", "p1", "--key", "s2"), "kept")
    server.cli("signal", "payment.settled", "p1", code=2)
    contains(server.cli("explain", begin(server.api, "p9")), "signal")


if __name__ == "__main__":
    main()

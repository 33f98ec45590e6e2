"""The checker: a life that is whole passes; for each invariant, the same life doctored so that just this one is broken is found out, with
its number and the place; input that is damaged, cut off, huge or hostile is refused with a clear error.

The life comes from a real server and the stand-in, once for all cases."""
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import PR, ROOT, Failure, World, case, changed, equal, eventually, example_dependency, example_flow, in_threads, main, note, pull, true
import checker
from flows import PLAIN, TWO
from told import History, Told

NODE = ["kind", "node", "state", "phase", "why", "attempt", "tries", "asks", "round", "undo_round", "lost", "cleared", "doubt", "since",
        "first", "due", "keyed"]
SECRET = "a-secret-that-is-not-there"


# ---- a life ---------------------------------------------------------------------------------------------------------------

class Life:
    """Files of a run that is whole: store.db, history.ndjson, journal.ndjson; and ids of its commands by what they are for."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="recourse-check-"))
        world = World()
        try:
            self.live(world)
        finally:
            world.close(False)

    def live(self, world):
        hub = world.standin()
        patient = lambda text: text.replace("timeout: 500ms", "timeout: 20s").replace("settle: 1s", "settle: 50ms")
        defs = world.write(create_pr=example_flow(timeout="20s", settle="50ms"), plain=patient(PLAIN), two=patient(TWO),
                           github=example_dependency(hub.port, 16))
        server = world.server(defs=defs, more=["--drain", "0s"]).start()
        history = History(self.dir / "history.ndjson")
        self.api = api = Told(server.port, history, 1)
        self.id = {}
        hub.faults({"match": "/issues/", "fault": "500-after"})
        self.submit("whole", PR, pull(1, repo="r1"))
        api.until_state(self.id["whole"], "completed")
        self.submit("simple", PR, pull(11, repo="r11"))
        self.submit("lost", PR, pull(2, repo="r2", title="fault=close-after"))
        self.submit("again", PR, pull(3, repo="r3", title="fault=500-before"))
        self.submit("delayed", PR, pull(4, repo="r4", title="fault=429:1"))
        self.submit("two", "two", {"n": 5, "title": "fine"})
        self.submit("refused", "two", {"n": 6, "title": "fault=422"})
        in_threads(6, lambda i: api.submit("plain", {"n": 100 + i, "title": "fault=slow:700"}))  # at the same time
        for name, state in (("simple", "completed"), ("lost", "completed"), ("again", "completed"), ("delayed", "completed"), ("two", "completed"),
                            ("refused", "rolled_back")):
            api.until_state(self.id[name], state)
        api.submit(PR, pull(1, repo="r1")).must(200)
        api.submit(PR, pull(1, repo="other")).must(409)
        api.submit(PR, {"project": 1}).must(422)
        api.batch([{"type": PR, "payload": pull(7, repo="r7")}, {"type": PR, "payload": pull(1, repo="r1")}])
        self.act("two", "roll_back", key="back")
        api.until_state(self.id["two"], "rolled_back")
        self.act("whole", "note", key="noted", reason="seen")
        api.act(self.id["whole"], "cancel", key="vain").must(409)
        self.submit("edited", "plain", {"n": 8, "title": "fault=422"})
        api.until_state(self.id["edited"], "rejected")
        self.act("edited", "edit", key="better", payload={"n": 8, "title": "better"})
        eventually(lambda: all(r["state"] not in ("pending", "running") for r in api.list()), "everything else has ended")
        self.submit("waiting", PR, pull(9, repo="r9", title="fault=429:3000"))
        api.until_state(self.id["waiting"], "waiting")
        equal(server.stop(), 0, "exit code")
        history.close()
        shutil.copy(server.store, self.dir / "store.db")
        shutil.copy(hub.journal_file, self.dir / "journal.ndjson")
        (self.dir / "secret").write_text(SECRET + "\n")

    def submit(self, name, kind, payload):
        self.id[name] = self.api.submit(kind, payload).must(201).json["id"]

    def act(self, name, action, **body):
        self.api.act(self.id[name], action, **body).must(200)


LIFE = []


def life():
    if not LIFE:
        LIFE.append(Life())
    return LIFE[0]


# ---- doctoring ------------------------------------------------------------------------------------------------------------

class Record:
    """One record of a history: its columns, and its changes as lists."""

    def __init__(self, db, row):
        self.db, self.change, self.rev = db, row[0], row[1]
        self.cause, self.node, self.attempt, self.purpose = row[2:6]
        self.changes = json.loads(row[6])

    def nodes(self, node=None):
        return [Node(c) for c in self.changes if c[0] == 2 and (node is None or c[1] == node)]

    def put(self, **columns):
        columns["changes"] = json.dumps([trimmed(c) for c in self.changes], separators=(",", ":"))
        names = ", ".join(f"{name} = ?" for name in columns)
        self.db.execute(f"UPDATE history SET {names} WHERE change = ?", (*columns.values(), self.change))


class Node:
    """A change of a node, by names."""

    def __init__(self, row):
        object.__setattr__(self, "row", row)

    def __getattr__(self, name):
        at = NODE.index(name)
        return self.row[at] if at < len(self.row) else 0

    def __setattr__(self, name, value):
        at = NODE.index(name)
        self.row.extend([0] * (at + 1 - len(self.row)))
        self.row[at] = value


def trimmed(row):
    row = list(row)
    while len(row) > 1 and row[-1] == 0 and row[0] == 2:
        row.pop()
    return row


class Doctored:
    """A copy of the life: its store, its history and its journal, to be changed."""

    def __init__(self, folder):
        self.dir, self.id = folder, life().id
        for name in ("store.db", "history.ndjson", "journal.ndjson", "secret"):
            shutil.copy(life().dir / name, folder / name)
        self.history = [json.loads(line) for line in (folder / "history.ndjson").read_text().splitlines()]
        self.journal = [json.loads(line) for line in (folder / "journal.ndjson").read_text().splitlines()]
        self.more = []

    def words(self, name):
        return {slug: code for code, slug in self.db.execute("SELECT code, slug FROM word WHERE list = ?", (name,))}

    def seq(self, name):
        return self.db.execute("SELECT seq FROM command WHERE nonce & 4294967295 = ? OR seq = ?", (-1, number_of(self.id[name]))).fetchone()[0]

    def records(self, name):
        rows = self.db.execute("SELECT change, rev, cause, node, attempt, purpose, changes FROM history WHERE command = ? ORDER BY rev",
                               (self.seq(name),))
        return [Record(self.db, row) for row in rows]

    def sql(self, text, *values):
        true(self.db.execute(text, values).rowcount > 0, f"nothing was changed by {text}")

    def call(self, what, **ends):
        """One more call of a client, at the end of the history."""
        op, last = max(e.get("op", 0) for e in self.history) + 1, max(e["mono"] for e in self.history)
        wall = max(e["wall"] for e in self.history)
        self.history.append({"event": "invoked", "op": op, "client": 9, "mono": last + 10, "wall": wall + 10, **what})
        self.history.append({"event": "answered", "op": op, "client": 9, "mono": last + 20, "wall": wall + 20, **ends})

    def answer(self, do="submit", **members):
        """The first answer to such a call of which all members are so, and the call."""
        for i, event in enumerate(self.history):
            if event["event"] == "answered" and all(event.get(k) == v for k, v in members.items()):
                call = next(e for e in self.history[:i] if e.get("op") == event["op"])
                if call["do"] == do:
                    return event, call
        raise Failure(f"no answer with {members}")

    def arrivals(self, name, method="POST"):
        repo = {"whole": "/r1/", "lost": "/r2/", "again": "/r3/", "delayed": "/r4/", "two": "/q5/"}[name]
        return [e for e in self.journal if repo in e["path"] and e["method"] == method]

    def write(self):
        for name, lines in (("history", self.history), ("journal", self.journal)):
            (self.dir / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def check(self):
        return checker.report("--store", self.dir / "store.db", "--history", self.dir / "history.ndjson", "--journal",
                              self.dir / "journal.ndjson", "--secret", self.dir / "secret", *self.more)


def number_of(id):
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    n = 0
    for letter in id[:8]:
        n = n * 32 + digits.index(letter)
    return n


DOCTORS = {}


def breaks(number, where, also=()):
    """A way to break one invariant: `where` is a part of the place that is told; `also`: others that cannot hold then."""
    def add(function):
        DOCTORS.setdefault(number, []).append((function, where, set(also)))
        return function
    return add


@breaks(1, "which is not there")
def acknowledged_and_gone(d):
    d.call({"do": "submit", "type": PR, "payload": pull(77)}, status=201, id="00000ZZZ00000000", state="running", revision=1)


@breaks(2, "which has")
def told_of_what_is_not_there(d):
    d.call({"do": "read", "id": d.id["whole"]}, status=200, id=d.id["whole"], state="completed", revision=99)


@breaks(2, "where it is")
def told_of_another_state(d):
    d.call({"do": "read", "id": d.id["two"]}, status=200, id=d.id["two"], state="review", revision=len(d.records("two")))


@breaks(2, "was on disk")
def told_before_the_sync(d):
    d.call({"do": "read", "id": d.id["two"]}, status=200, id=d.id["two"], revision=len(d.records("two")), durable=1)


@breaks(3, "asked for")
def answered_with_another_key(d):
    d.answer(status=200, id=d.id["whole"])[1]["key"] = "another"


@breaks(4, "another payload")
def other_payload_taken_for_the_same(d):
    d.answer(status=200, id=d.id["whole"])[1]["payload"]["title"] = "another"


@breaks(4, "was called a conflict")
def same_payload_called_a_conflict(d):
    d.answer(status=409, problem="key-conflict")[1]["payload"] = pull(1, repo="r1")


@breaks(5, "is new, and it is not the first")
def two_were_told_that_it_is_new(d):
    d.answer(status=200, id=d.id["whole"])[0]["status"] = 201


@breaks(6, "nobody asked for")
def refused_and_there(d):
    answer = d.answer(status=201, id=d.id["again"])[0]
    answer.update(status=422, problem="invalid")
    del answer["id"]


@breaks(7, "is not on record")
def action_acknowledged_and_gone(d):
    d.call({"do": "act", "id": d.id["whole"], "action": "note", "key": "gone"}, status=200, id=d.id["whole"])


@breaks(8, "or whoever did was refused")
def action_refused_and_there(d):
    op = next(e["op"] for e in d.history if e.get("key") == "noted")
    answer = d.answer(do="act", op=op)[0]
    answer.update(status=409, problem="action-refused")


@breaks(9, "had been told")
def an_answer_goes_back(d):
    n = len(d.records("whole"))
    d.call({"do": "read", "id": d.id["whole"]}, status=200, id=d.id["whole"], revision=n)
    d.call({"do": "read", "id": d.id["whole"]}, status=200, id=d.id["whole"], revision=n - 1)


@breaks(10, "has version 1")
def another_version(d):
    d.call({"do": "read", "id": d.id["whole"]}, status=200, id=d.id["whole"], version=2)


@breaks(11, "no attempt on record")
def effect_without_attempt(d):
    d.journal.append({**d.arrivals("whole")[0], "idempotency_key": "0123456789abcdef0123456789abcdef", "acted": False})


@breaks(11, "attempts on record")
def more_requests_than_attempts(d):
    d.journal.append({**d.arrivals("whole")[0], "acted": False})


@breaks(11, "came before its first attempt")
def effect_before_its_attempt(d):
    d.arrivals("whole")[0]["wall"] -= 3600 * 1000000


@breaks(12, "was never begun")
def number_without_attempt(d):
    record = d.records("lost")[-1]
    record.nodes()[-1].attempt += 1
    record.put()


@breaks(13, "gets a result when it is not in flight")
def result_of_another_attempt(d):
    record = next(r for r in d.records("whole") if r.cause == d.words("cause")["result"])
    record.put(attempt=record.attempt + 1)


@breaks(14, "one key, and two requests")
def another_request_under_the_same_key(d):
    first, second = d.arrivals("again")[:2]
    true(first["idempotency_key"] == second["idempotency_key"], "the request was repeated")
    second["body"] = second["body"].replace("main", "next")


@breaks(15, "without a check or a person")
def unknown_becomes_success(d):
    record = next(r for r in d.records("lost") if r.purpose == d.words("purpose")["check"] and r.cause == d.words("cause")["result"])
    record.put(purpose=d.words("purpose")["require"])


@breaks(16, "may have happened")
def repeated_blindly(d):
    for record in d.records("again"):
        for node in record.nodes():
            if node.why == d.words("why")["check_did_not_happen"]:
                node.why = 0
        record.put()


@breaks(17, "nothing of it had left")
def unknown_that_never_left(d):
    record = d.records("simple")[0]
    node = record.nodes(1)[0]
    equal((node.state, node.phase), (1, 2), "the step waits for its place")
    node.state = d.words("step")["unknown"]
    record.put()


@breaks(18, "is called done, and was not")
def done_on_record_only(d):
    d.arrivals("whole")[0]["acted"] = False


@breaks(18, "is called rejected, and was done")
def done_outside_only(d):
    entry = next(e for e in d.journal if "/q6/" in e["path"] and e["fault"] == "422")
    entry["acted"] = True


@breaks(19, "was done 2 times")
def done_twice(d):
    d.journal.append({**d.arrivals("whole")[0], "late": True})


@breaks(20, "it had succeeded")
def succeeded_and_touched(d):
    records = d.records("simple")
    opens = next(r for r in records if any(n.node == 2 and n.phase == 3 for n in r.nodes()))
    done = [n for r in records for n in r.nodes(1) if n.state == 3][-1]
    at = opens.changes.index(next(n.row for n in opens.nodes(2) if n.phase == 3))
    touched = list(done.row)
    Node(touched).phase = 2
    opens.changes.insert(at, touched)
    opens.put()
    records[-1].changes.insert(0, list(done.row))
    true(records[-1].rev > opens.rev, "another record comes")
    records[-1].put()


@breaks(21, "of 6")
def more_tries_than_allowed(d):
    record = d.records("simple")[0]
    node = next(n for n in record.nodes(1) if n.phase == 3)
    node.tries = 900
    record.put()


@breaks(22, "before its time")
def started_too_early(d):
    record = next(r for r in d.records("delayed") for n in r.nodes(1) if n.phase == 1)
    next(n for n in record.nodes(1) if n.phase == 1).due += 3600 * 1000000
    record.put()


@breaks(23, "what it needs is active")
def begun_before_what_it_needs(d):
    records = d.records("simple")
    record = next(r for r in records if any(n.state == 3 for n in r.nodes(1)))
    node = next(n for n in record.nodes(1) if n.state == 3)
    kept = list(node.row)
    node.state = 1
    record.put()
    last = d.records("simple")[-1]
    true(last.rev > record.rev, "another record comes")
    last.changes.insert(0, kept)
    last.put()


@breaks(24, "it begins when the command is to cancel", also=[27])
def begun_after_a_cancel(d):
    record = d.records("simple")[0]
    at = next(i for i, c in enumerate(record.changes) if c[0] == 2 and Node(c).phase == 2)
    record.changes.insert(at + 1, [6, d.words("mode")["cancel"]])
    record.put()
    last = d.records("simple")[-1]
    last.changes.insert(0, [6, 0])
    last.put()


@breaks(25, "it is undone before step 2")
def undone_in_the_wrong_order(d):
    step = d.words("step")
    records = d.records("two")
    record = next(r for r in records if any(n.state == step["undone"] for n in r.nodes(2)))
    node = next(n for n in record.nodes(2) if n.state == step["undone"])
    kept = list(node.row)
    node.state = step["undo_failed"]
    record.put()
    last = d.records("two")[-1]
    true(last.rev > record.rev, "another record comes")
    last.changes.insert(0, kept)
    last.put()


@breaks(26, "it was undone, and is")
def undone_and_touched(d):
    step = d.words("step")
    record = next(r for r in d.records("two") if any(n.state == step["undone"] for n in r.nodes(2)))
    kept = list(next(n for n in record.nodes(2) if n.state == step["undone"]).row)
    touched = list(kept)
    Node(touched).phase = 2
    record.changes.append(touched)
    record.put()
    last = d.records("two")[-1]
    last.changes.insert(0, kept)
    last.put()


@breaks(27, "its steps say")
def a_state_that_does_not_follow(d):
    record = d.records("lost")[1]
    state = next((c for c in record.changes if c[0] == 7), None)
    if state:
        state[1] = d.words("state")["waiting"]
    else:
        record.changes.append([7, d.words("state")["waiting"]])
    record.put()


@breaks(27, "may not go from", also=[2])
def an_edge_that_is_not_declared(d):
    record = d.records("simple")[-1]
    record.changes.insert(0, [2, 1, d.words("step")["rejected"], 0, 0, 1])
    record.put()


@breaks(28, "nobody has acted", also=[7, 35])
def ended_and_moved(d):
    record = next(r for r in d.records("two") if r.cause == d.words("cause")["action"])
    record.put(cause=d.words("cause")["due"], body=None)


@breaks(29, "something goes on", also=[27, 30, 33])
def no_next_move(d):
    record = d.records("lost")[-1]
    record.nodes()[-1].phase = 2
    record.put()


@breaks(30, "its row says")
def a_row_of_its_own(d):
    d.sql("UPDATE command SET changed = changed + 1 WHERE seq = ?", d.seq("lost"))


@breaks(31, "changes were stored")
def a_record_is_missing(d):
    d.sql("UPDATE high SET change = change + 1")


@breaks(32, "its time is before")
def time_goes_back(d):
    d.sql("UPDATE high SET at = at - 3600000000")


@breaks(33, "rows of work")
def a_step_that_nobody_finds(d):
    d.sql("DELETE FROM work")


@breaks(33, "are counted")
def counted_wrong(d):
    d.sql("UPDATE tally SET commands = commands + 1")


@breaks(34, "does not lead to it")
def a_key_that_nobody_finds(d):
    d.sql("UPDATE high SET indexed = seq")  # none of them is in the index yet


@breaks(35, "entry")
def an_action_without_its_entry(d):
    d.sql("UPDATE audit SET rev = rev + 1 WHERE command = ?", d.seq("two"))


@breaks(36, "do not fit")
def a_successor_of_another(d):
    record = d.records("edited")[-1]
    next(c for c in record.changes if c[0] == 12)[3] += 1
    record.put()


@breaks(37, "after a crash here", also=[12, 15, 16, 17, 20, 21])
def a_crash_that_nothing_recovers(d):
    succeeded_and_touched(d)
    records = d.records("simple")
    opens = next(r for r in records if any(n.node == 1 and n.state == 3 and n.phase == 2 for n in r.nodes()))
    next(n for n in opens.nodes(1) if n.state == 3 and n.phase == 2)
    again = list(next(n for n in opens.nodes(1) if n.state == 3 and n.phase == 2).row)
    Node(again).phase = 3
    opens.changes.append(again)
    opens.put()


@breaks(38, "after the last fault")
def never_at_rest(d):
    wall = max(e["wall"] for e in d.history)
    d.history.append({"event": "quiet", "mono": 1, "wall": wall})
    d.history.append({"event": "end", "mono": 2, "wall": wall + 4000 * 1000000})


@breaks(39, "secret 1 stands in")
def a_secret_in_the_store(d):
    (d.dir / "secret").write_text("feature-1")


@breaks(39, "secret 1 stands in")
def a_secret_in_a_log(d):
    (d.dir / "server.log").write_text(f"started with {SECRET}\n")
    d.more = ["--log", d.dir / "server.log"]


@breaks(40, "in flight at github, which takes 1")
def more_in_flight_than_allowed(d):
    d.sql("UPDATE definition SET text = replace(text, 'concurrent: 16', 'concurrent: 1') WHERE kind = 2")


@breaks(41, "and in the other run")
def another_end(d):
    other = d.dir / "other.db"
    shutil.copy(d.dir / "store.db", other)
    record = [r for r in d.records("whole") if r.nodes(2)][-1]
    record.nodes(2)[-1].state = d.words("step")["failed"]
    record.put()
    d.more = ["--same-end", other]


# ---- the tests ------------------------------------------------------------------------------------------------------------

@case("a life that is whole passes, and every invariant has looked at something")
def whole(world):
    d = Doctored(world.dir)
    found = d.check()
    equal(found["findings"], [], "findings")
    blind = {name for name, n in found["looked"].items() if n == 0}
    equal(blind, {"comes-to-rest", "same-end"}, "invariants that had nothing to look at")
    for what in ("calls", "arrivals", "records", "checks", "undos", "actions", "conflicts", "replays", "refused", "crashes"):
        true(found["counts"][what], f"there was no {what}")
    checker.run("--store", d.dir / "store.db", code=0)
    done = checker.run("--store", d.dir / "store.db", "--same-end", d.dir / "store.db", code=0)
    true("everything holds" in done.stdout, done.stdout)


@case("each invariant: doctored, it is found, with its number and the place")
def doctored(world):
    caught, wrong = set(), []
    for number, ways in sorted(DOCTORS.items()):
        for function, where, also in ways:
            folder = world.dir / function.__name__
            folder.mkdir()
            d = Doctored(folder)
            with changed(folder / "store.db") as d.db:
                function(d)
            d.write()
            found = d.check()
            numbers = {f["number"] for f in found["findings"]}
            said = [f["where"] for f in found["findings"] if f["number"] == number]
            fine = number in numbers and numbers - {number} <= also and any(where in text for text in said)
            if fine:
                caught.add(number)
            else:
                wrong.append(f"{function.__name__}: wanted {number} with {where!r}, found {sorted(numbers)}: "
                             + "; ".join(f"{f['number']} {f['where']}" for f in found["findings"][:6]))
    for text in wrong:
        note(text)
    every = {i["number"] for i in checker.invariants()}
    note(f"figure check_invariants {len(every)}")
    note(f"figure check_invariants_with_control {len(caught)}")
    equal(wrong, [], "doctored lives that were not told as they should be")
    equal(every - caught, set(), "invariants that nothing has broken")


GOOD = {"event": "invoked", "op": 1, "client": 1, "mono": 1, "wall": 1, "do": "read", "id": "0000000102000000"}
END = {"event": "answered", "op": 1, "client": 1, "mono": 2, "wall": 2, "status": 200}


def bad_lines():
    """(text of a history, part of the error)."""
    line = lambda *events: "".join(json.dumps(e) + "\n" for e in events)
    yield line(GOOD)[:-1], "cut off"
    yield line(GOOD)[:40] + "\n", ":1: "
    yield "[]\n", "no object"
    yield "\n", ":1: "
    yield "\0\n", ":1: "
    yield "{\"a\":1,\"a\":2}\n", ":1: "
    yield "[" * 100000 + "\n", ":1: "
    yield line({**GOOD, "event": "guessed"}), '"event"'
    yield line({k: v for k, v in GOOD.items() if k != "op"}), '"op"'
    yield line({**GOOD, "op": -1}), '"op"'
    yield line({**GOOD, "op": "1"}), '"op"'
    yield line({**GOOD, "mono": 1.5}), '"mono"'
    yield line({**GOOD, "do": "dream"}), '"do"'
    yield line({**GOOD, "id": "x"}), '"id"'
    yield line({**GOOD, "do": "act", "action": "explode"}), '"action"'
    yield line({**GOOD, "do": "submit"}), '"type"'
    yield line({**GOOD, "do": "submit", "type": "t", "payload_hash": "zz"}), '"payload_hash"'
    yield line(GOOD, GOOD), "invoked before"
    yield line(END), "never invoked"
    yield line(GOOD, END, END), "ended before"
    yield line({**GOOD, "mono": 5}, END), "before it was invoked"
    yield line(GOOD, {**END, "state": "dreaming"}), '"state"'
    yield line(GOOD, {**END, "status": 1000}), '"status"'
    yield line(GOOD, {**END, "revision": 1 << 40}), '"revision"'
    yield line(GOOD) + "\xff\n", ":2: "


def refuses(part, *argv):
    done = checker.run(*argv, code=2)
    true(part in done.stderr and not done.stdout, f"the error does not say {part!r}: {done.stderr[:300]} {done.stdout[:300]}")
    true("recourse_check: " in done.stderr or "Usage" in done.stderr, done.stderr)


@case("input that is damaged, cut off, huge or hostile is refused with its place")
def hostile(world):
    store, file = life().dir / "store.db", world.dir / "input"
    for text, part in bad_lines():
        file.write_bytes(text.encode("latin-1"))
        refuses(part, "--store", store, "--history", file)
        refuses(str(file), "--store", store, "--history", file)
    for text, part in (("{}\n", '"method"'), ('{"method":"GET","path":"/","idempotency_key":7}\n', '"idempotency_key"'),
                       ('{"method":"GET","path":"/","acted":1}\n', '"acted"'), ("x\n", ":1: "), ("{}", "cut off")):
        file.write_text(text)
        refuses(part, "--store", store, "--journal", file)
    file.write_text('{"method":"GET","path":"/","idempotency_key":"mine"}\n')  # somebody else's
    checker.run("--store", store, "--journal", file, "--incomplete", code=0)
    most = 2 << 20
    for n, code in ((most, 1), (most + 1, 2)):  # 1: that nobody has asked for what is there
        line = json.dumps({**GOOD, "do": "submit", "type": "t", "payload": ""})
        file.write_text(line.replace('"payload": ""', '"payload": "' + "x" * (n - len(line)) + '"') + "\n")
        equal(len(file.read_text()), n + 1, "length")
        checker.run("--store", store, "--history", file, code=code)


@case("files that are none, and stores that are none")
def no_files(world):
    store, other = life().dir / "store.db", world.dir / "other"
    refuses("No such file", "--store", store, "--history", world.dir / "nothing")
    refuses("regular file", "--store", store, "--history", world.dir)
    os.mkfifo(other)
    refuses("regular file", "--store", store, "--journal", other)
    other.unlink()
    refuses("nothing", "--store", world.dir / "nothing")
    for text in (b"", b"no store at all", store.read_bytes()[:5000]):
        other.write_bytes(text)
        refuses("other", "--store", other)
    other.unlink()
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (n)")
    refuses("other", "--store", other)
    torn = bytearray(store.read_bytes())
    torn[3 * 4096 + 100] ^= 1
    other.write_bytes(torn)
    refuses("damaged", "--store", other)
    other.write_text("short\n")
    refuses("less than 8 bytes", "--store", store, "--secret", other)
    for argv in ([], ["--store"], ["--unheard-of"], ["--store", store, "word"], ["--store", store, "--bound", "0"],
                 ["--store", store, *["--log", store] * 65]):
        refuses("Usage", *argv)


def sentences(text):
    return [line for line in text.splitlines() if line.startswith("| ") and line.split("|")[1].strip().isdigit()]


@case("docs/invariants.md is what the checker says")
def documented(world):
    listed = [f"| {i['number']} | {i['name']} | {i['sentence']} |" for i in checker.invariants()]
    file = ROOT / "docs" / "invariants.md"
    if os.environ.get("RC_WRITE_INVARIANTS") == "1":
        head = file.read_text().split("| 1 |")[0]
        file.write_text(head + "\n".join(listed) + "\n")
    equal(sentences(file.read_text()), listed, "the table; RC_WRITE_INVARIANTS=1 writes it")
    numbers = [i["number"] for i in checker.invariants()]
    equal(numbers, list(range(1, len(numbers) + 1)), "numbers")
    equal(len({i["name"] for i in checker.invariants()}), len(numbers), "names")
    text = checker.run("--list", code=0).stdout.splitlines()
    equal(len(text), len(numbers), "lines of --list")
    _ = world, time


if __name__ == "__main__":
    try:
        main()
    finally:
        for one in LIFE:
            shutil.rmtree(one.dir, ignore_errors=True)

"""What the kill campaigns share: a server that is killed at any moment, an outside that is, too, clients that do everything that clients and
operators do, and the check of what is left by recourse_check. RC_KILL_SEED replays a schedule of kills, without it RC_SEED says which;
clients and the kernel's timing are not part of it."""
import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import kit
from kit import BUILD, PR, RESTING, Failure, Process, Server, StandIn, eventually, example_dependency, example_flow, note, pull, true
import checker
from flows import PLAIN, TWO
from told import History, Told

TIER = os.environ.get("RC_TIER", "quick")
SEED = int(os.environ.get("RC_KILL_SEED") or kit.SEED)
CLIENTS = 6
SECRET = "s3cr3t-that-stands-nowhere"
BOUND = 60         # seconds in which everything comes to rest

MARKERS = ["slow:150", "slow:900", "500-before", "500-after", "close-before", "close-after", "429:1", "truncated-json", "wrong-json",
           "hang", "hang-after", "422", "late:150"]
RULES = {"GET": ["500-before", "close-before", "slow:300", "hang", "429:1", "truncated-json"],
         "PATCH": ["500-before", "500-after", "close-before", "close-after", "slow:300", "hang", "422"],
         "POST": ["500-after", "close-after", "slow:200", "429:1"]}

def definitions(world, port, change=lambda text: text):
    more = f"headers:\n  Authorization: \"Bearer ${{secret('hub')}}\"\n"
    dep = re.sub(r"headers:\n(  .*\n)+", more, example_dependency(port, 16))
    return world.write(create_pr=change(example_flow(timeout="500ms", settle="1s", attempts=12, check_attempts=60)), plain=change(PLAIN),
                       two=change(TWO), github=dep)


# ---- what is killed -------------------------------------------------------------------------------------------------------

class Victim(Server):
    """A server that may be started so that it kills itself at a call of the system."""
    env = None

    def launch(self):
        self.starts += 1
        self.process = Process(self.world, f"server-{self.starts % 8}", self.argv, env={**os.environ, **(self.env or {})})
        self.world.processes = [p for p in self.world.processes if p.running()]
        return self

    def up(self, most=60):
        """True as soon as it answers, False when it has died meanwhile."""
        def look():
            if not self.process.running():
                return "dead"
            try:
                return "up" if self.api.get("/healthz").status == 200 else None
            except (OSError, http.client.HTTPException):
                return None
        return eventually(look, lambda: f"the server is up, or dies: {self.process.output[-2000:]}", most, 0.005) == "up"


class Hub(StandIn):
    """A stand-in that can be killed: what it did is in its journal."""

    def __init__(self, world):
        super().__init__(world, "--restore")
        self.kills = 0

    def kill(self):
        self.process.kill()
        self.world.processes.remove(self.process)
        self.start()
        self.kills += 1


def in_flight(store):
    """How many commands have an attempt in flight, says the store of a server that is dead."""
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)
    try:
        return db.execute("SELECT count(*) FROM command WHERE in_flight = 1").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # it was killed before the store was made
    finally:
        db.close()


# ---- clients --------------------------------------------------------------------------------------------------------------

class Clients:
    """Threads that do everything that clients and operators do, until they are stopped. While `held` they wait."""
    pause = 0.06  # seconds at most between two calls of one

    def __init__(self, campaign, numbers):
        self.campaign, self.stopping, self.running = campaign, False, threading.Event()
        self.lock, self.number, self.known, self.problems, self.did = threading.Lock(), 0, [], [], Counter()
        self.running.set()
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in numbers]
        for t in self.threads:
            t.start()

    def work(self, i):
        rng = random.Random(f"{SEED}/{i}/{self.campaign.round}")
        api, doing = self.api(i), self.doing(i)
        while not self.stopping:
            self.running.wait()
            do = rng.choices([d for d, _ in doing], [w for _, w in doing])[0]
            try:
                do(api, rng)
                self.did[do.__name__] += 1
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
            except ValueError as problem:  # half an answer
                self.did[f"half an answer: {type(problem).__name__}"] += 1
            except Exception as problem:  # whatever it is: the campaign fails with it, unless a protection is off
                self.problems.append(repr(problem))
                if not self.campaign.broken:
                    return
            time.sleep(rng.random() * self.pause)

    def api(self, i):
        return Told(self.campaign.server.port, self.campaign.history, i, timeout=15)

    def doing(self, _):
        """What a client does, and how often."""
        return [(self.submit, 50), (self.repeat, 12), (self.conflict, 8), (self.invalid, 4), (self.batch, 6), (self.act, 12), (self.read, 8), (self.bulk, 2)]

    def new(self, rng, faulty=0.5):
        with self.lock:
            self.number += 1
            n = self.number + self.campaign.base
        title = f"Change {n}" + (f" fault={rng.choice(self.campaign.markers)}" if rng.random() < faulty else "")
        kind = rng.choices([PR, "plain", "two"], [6, 2, 3])[0]
        return kind, pull(n, repo=f"k{n}", title=title) if kind == PR else {"n": n, "title": title}

    def keep(self, api, kind, payload):
        """Submits until it is acknowledged, as a client does whose user waits."""
        while not self.stopping:
            try:
                got = api.submit(kind, payload)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if got.status in (200, 201):
                with self.lock:
                    self.known.append((kind, payload, got.json["id"]))
            elif got.status != 503 and not self.may_be_refused(kind, got):
                raise Failure(f"a submission was answered with {got}")
            return

    def may_be_refused(self, _kind, _answer):
        return False

    def submit(self, api, rng):
        self.keep(api, *self.new(rng))

    def some(self, rng):
        with self.lock:
            return rng.choice(self.known[-200:]) if self.known else None

    def repeat(self, api, rng):
        known = self.some(rng)
        if known:
            api.submit(known[0], known[1])

    def conflict(self, api, rng):
        known = self.some(rng)
        if known:
            payload = dict(known[1], title="another title")
            got = api.submit(known[0], payload)
            if got.status == 201 and known[0] != "two":  # `two` may be used again once it is rolled back
                raise Failure(f"another payload was taken in: {got}")

    def invalid(self, api, rng):
        kind, payload = self.new(rng, 0)
        payload.pop("title")
        got = api.submit(kind, payload)
        if got.status < 400:
            raise Failure(f"a bad payload was taken in: {got}")

    def batch(self, api, rng):
        lines = [self.new(rng) for _ in range(rng.randrange(1, 8))]
        lines += [rng.choice(lines) for _ in range(rng.randrange(3))]
        with self.lock:
            lines += [k[:2] for k in rng.sample(self.known, min(2, len(self.known)))]
        api.post("/v1/commands/batch", b"".join(json.dumps({"type": kind, "payload": payload}).encode() + b"\n" for kind, payload in lines),
                 {"Content-Type": "application/x-ndjson"})

    def read(self, api, rng):
        known = self.some(rng)
        if known:
            api.get(f"/v1/commands/{known[2]}")

    def bulk(self, api, rng):
        """One action for some commands; it goes on by itself, also over kills."""
        with self.lock:
            ids = list({k[2] for k in rng.sample(self.known[-100:], min(8, len(self.known[-100:])))})
            self.number += 1
            key = f"bulk-{self.number}"
        if not ids:
            return
        made = api.post("/v1/bulk", {"action": rng.choice(["note", "retry", "roll_back", "cancel"]), "reason": "the campaign", "limit": 20, "key": key, "ids": ids})
        if made.status == 201:
            got = api.post(f"/v1/bulk/{made.json['bulk']['id']}/run", {})
            self.did[f"bulk run {got.status}"] += 1
        else:
            self.did[f"bulk {made.status}"] += 1

    def act(self, api, rng):
        known = self.some(rng)
        if not known:
            return
        kind, payload, id = known
        action = rng.choices(["retry", "cancel", "roll_back", "check", "skip", "note", "assign", "edit", "resolve"], [6, 2, 3, 3, 1, 1, 1, 1, 2])[0]
        body = {"key": f"{action}-{rng.randrange(3)}", "reason": "the campaign"}
        if action == "edit":
            body["payload"] = dict(payload, title=f"Change again {rng.randrange(3)}")
        if action == "assign":
            body["owner"] = "ops"
        if action == "resolve":
            body["verdict"] = "accepted_as_is"
            if rng.random() < 0.5:
                return  # not too many: nothing goes on behind it
        for _ in range(rng.choice([1, 1, 2])):
            self.did[f"{action} {api.act(id, action, **body).status}"] += 1

    def stop(self):
        self.running.set()
        self.stopping = True
        for t in self.threads:
            t.join()
        if self.problems and not self.campaign.broken:
            raise Failure(f"clients: {self.problems[:3]}")


# ---- the campaign ---------------------------------------------------------------------------------------------------------

class Campaign:
    """One store from its making to its end."""
    preload, env = None, {}  # of every server: a library, and its environment
    for_people = ("review", "failed")  # what is not left as it is in the end

    def __init__(self, world, number, rng, change=lambda text: text, control=None, markers=None):
        self.world, self.round, self.rng, self.base = world, number, rng, number * 1000000
        self.markers = markers or MARKERS
        self.broken = control is not None  # a protection is off: clients may see anything
        self.hub = Hub(world)
        secrets = world.dir / "secrets"
        secrets.mkdir(exist_ok=True)
        (secrets / "hub").write_text(SECRET)
        self.server = Victim(world, store=world.dir / f"round-{number}.db", more=["--secrets", secrets, "--drain", "0s"])
        self.server.defs = self.definitions(change)
        self.control = None
        self.history = History(world.dir / f"history-{number}.ndjson")
        self.tally, self.kills, self.hits = Counter(), 0, 0
        self.arm(None)
        self.server.start()
        self.begin_store()
        if control:  # it begins with a store that was made soundly
            self.control = control
            self.arm(None)
            self.server.kill()
            self.server.start()
        self.clients = self.begin_clients()

    def definitions(self, change):
        return definitions(self.world, self.hub.port, change)

    def begin_store(self):
        """The server is up for the first time, and nothing is taken away from it yet."""

    def begin_clients(self):
        return Clients(self, range(CLIENTS))

    def arm(self, at, after=False):
        """The next start kills itself at this call of the system; None: it does not."""
        env = {}
        if self.control:
            env = {"LD_PRELOAD": str(BUILD / "test/sim/libcontrol.so"), "CONTROL": self.control}
        elif at:
            env = {"LD_PRELOAD": str(BUILD / "test/sim/libkilling.so"), "KILLING_AT": str(at), **({"KILLING_AFTER": "1"} if after else {})}
        preload = ":".join(str(library) for library in (self.preload, env.get("LD_PRELOAD")) if library)
        self.server.env = {**self.env, **env, **({"LD_PRELOAD": preload} if preload else {})}

    def fault(self):
        """Now and then something outside misbehaves."""
        method = self.rng.choice(list(RULES))
        try:
            self.hub.faults({"match": "", "method": method, "fault": self.rng.choice(RULES[method]), "times": 1})
        except (OSError, http.client.HTTPException):
            pass

    def dead(self, how, calls=0):
        """Counts a kill by what was in flight: attempts, says the store; calls of clients, when the signal was sent."""
        self.kills += 1
        attempts = in_flight(self.server.store)
        hit = attempts > 0 or calls > 0
        self.hits += hit
        self.tally[how] += 1
        self.tally["attempts in flight"] += attempts
        self.tally["calls in flight"] += calls
        return hit

    def kill_by_signal(self, how, pause):
        time.sleep(pause)
        calls = self.history.open if self.server.process.running() else 0
        self.server.kill()
        self.dead(how, calls)
        self.arm(None)
        self.server.launch()

    def kill_at_call(self):
        """The running server is replaced by one that dies at a call, some way into its work, or while it starts."""
        self.server.kill()
        self.dead("killed by signal")
        self.arm(self.rng.randrange(1, self.rng.choice([40, 400, 1500])), self.rng.random() < 0.5)
        self.server.launch()
        end = time.monotonic() + 1.5
        while self.server.process.running() and time.monotonic() < end:
            time.sleep(0.005)
        died = not self.server.process.running()
        if not died:
            self.server.kill()
        else:
            code = self.server.process.p.wait()
            true(code == -signal.SIGKILL, f"the server ended with code {code}: {self.server.process.output[-2000:]}")
        self.dead("killed at a call" if died else "killed by signal")
        self.arm(None)
        self.server.launch()

    def step(self):
        """One or more kills."""
        r = self.rng.random()
        if r < 0.45 or self.control:
            self.server.up()
            self.kill_by_signal("killed by signal", 0.05 + self.rng.random() * 0.45)
        elif r < 0.60:
            self.kill_by_signal("killed while it starts", self.rng.random() * 0.06)
        elif r < 0.70:
            self.server.up()
            self.kill_by_signal("killed at once again", 0)
            self.server.up()
            self.kill_by_signal("killed at once again", 0)
        else:
            self.server.up()
            time.sleep(0.05 + self.rng.random() * 0.2)
            self.kill_at_call()
        for _ in range(self.rng.randrange(4)):
            self.fault()
        if self.rng.random() < 0.06:
            self.hub.kill()

    def check(self, *more):
        """Holds what is there now against the invariants. The server may run."""
        files = [self.history.snapshot(self.world.dir / "history.now"), self.world.dir / "journal.now"]
        journal = self.hub.journal_file.read_bytes() if self.hub.journal_file.exists() else b""
        files[1].write_bytes(journal[:journal.rfind(b"\n") + 1])
        self.complete(*files)
        secret = self.world.dir / "secrets" / "hub"
        logs = [x for log in self.world.dir.glob("*.log") for x in ("--log", log)]
        return checker.report("--store", self.server.store, "--history", files[0], "--journal", files[1], "--secret", secret, *logs, *more)

    def complete(self, history, journal):
        """What else clients and the outside saw."""

    def check_dead(self):
        """A check of a store whose server is dead, so that nothing of it is on its way."""
        self.clients.running.clear()
        self.server.kill()
        self.dead("killed for a check")
        self.hub.api.ask("GET", "/_standin/stats").must(200)  # what has arrived is in the journal
        found = self.check()
        self.arm(None)
        self.server.launch()
        self.clients.running.set()
        return found

    # ---- the end

    def all_rest(self):
        if self.server.api.get("/v1/bulk?state=running").must(200).json["bulks"]:
            return None
        rows = self.server.api.list()
        return rows if all(r["state"] in RESTING and not r.get("in_flight") for r in rows) else None

    def person(self):
        return Told(self.server.port, self.history, CLIENTS)

    def person_goes_on(self):
        """Whatever is left has a named next move, which works: a person looks at the outside and says what is true there."""
        api = self.person()
        for attempt in range(8):
            rows = eventually(self.all_rest, lambda: f"everything comes to rest: {Counter(r['state'] for r in self.server.api.list())}",
                              BOUND, 0.1)
            left = [r for r in rows if r["state"] in self.for_people]
            if not left:
                return rows
            for row in left:
                self.help(api, row, attempt)
        raise Failure(f"people cannot bring to an end: {left[:3]}")

    def help(self, api, row, attempt):
        told = api.explain(row["id"])
        true(told["next"]["text"], f"no next move: {told}")
        allowed = [a for a, what in told["actions"].items() if what["allowed"]]
        true(set(allowed) - {"note", "assign", "due"}, f"nothing is allowed: {told}")
        key = {"key": f"helped-{attempt}", "reason": "after the kills"}
        self.tally["helped by a person"] += 1
        if row["state"] == "review" and row["type"] == "plain" and "resolve" in allowed and attempt < 4:
            there = self.hub.pulls(f"p{api.command(row['id'])['payload']['n']}")
            said = {"verdict": "happened", "outputs": {"number": there[0]["number"]}} if there else {"verdict": "did_not_happen"}
            if api.act(row["id"], "resolve", **said, **key).status == 200:
                self.tally[f"resolved as {said['verdict']}"] += 1
                return
            key["key"] += "-else"
        for action in ("check", "retry"):
            if action in allowed and attempt < 4 and row["state"] != "rejected":
                api.act(row["id"], action, **key).must(200)
                return
        if "cancel" in allowed and row["state"] in ("failed", "rejected"):
            api.act(row["id"], "cancel", **key).must(200)
        else:
            api.act(row["id"], "resolve", verdict="accepted_as_is", **key).must(200)

    def before_rest(self):
        """No faults come any more."""

    def at_rest(self, rows):
        """Everything rests, and the server is up."""

    def finish(self):
        """Faults stop; everything must come to an end or a named next move. The report of the last check."""
        self.server.up()
        self.clients.stop()
        if not self.server.process.running():
            self.server.start()
        self.hub.clear_faults()
        self.history.write(event="quiet")
        begun = time.monotonic()
        self.before_rest()
        rows = self.person_goes_on()
        self.at_rest(rows)
        self.tally["seconds to rest"] += int(time.monotonic() - begun)
        time.sleep(max(0, 1.1 - (time.monotonic() - begun)))
        self.server.kill()
        self.history.write(event="end")
        self.history.close()
        found = self.check("--bound", 1)
        self.tally.update(f"ended as {r['state']}" for r in rows)
        return found


def must_hold(found, where):
    if found["broken"]:
        for finding in found["findings"][:20]:
            note(f"BROKEN {finding['number']} {finding['name']}: {finding['where']}")
        raise Failure(f"{found['broken']} findings {where}; RC_KILL_SEED={SEED}")


def kept_for_later(world):
    """The evidence of a failure, where somebody can look at it."""
    to = BUILD / "kill-evidence" / str(SEED)
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(world.dir, to, ignore=shutil.ignore_patterns("*.new"))
    note(f"what was there is in {to}")



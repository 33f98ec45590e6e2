"""kill -9 at any moment: nothing that was acknowledged is lost, nothing is done twice, nothing left without being recorded."""
import http.client
import os
import random
import threading
import time
from collections import Counter

from kit import PATIENCE, PR, RESTING, SEED, case, equal, eventually, in_threads, main, note, pull, true

MANY_KILLS = int(os.environ.get("RC_E2E_KILLS", "60"))  # of the long case; more in a campaign
MARKERS = ["slow:150", "slow:900", "500-before", "500-after", "close-before", "close-after", "429:1", "truncated-json", "wrong-json",
           "hang", "hang-after"]


class Load:
    """Threads that submit without pause, each command until it is acknowledged; every command has a repository of its own."""

    def __init__(self, server, threads, seed, faulty=0.5, pause=0.01):
        self.server, self.faulty, self.pause = server, faulty, pause
        self.lock, self.next, self.stopping = threading.Lock(), 0, False
        self.acknowledged, self.problems, self.unanswered = {}, [], 0
        self.threads = [threading.Thread(target=self.work, args=(random.Random(f"{seed}/{i}"),), daemon=True) for i in range(threads)]
        for t in self.threads:
            t.start()

    def work(self, rng):
        while not self.stopping:
            with self.lock:
                self.next += 1
                n = self.next
            marker = f" fault={MARKERS[n % len(MARKERS)]}" if n <= len(MARKERS) else f" fault={rng.choice(MARKERS)}" if rng.random() < self.faulty else ""
            self.submit(n, pull(n, repo=f"k{n}", title=f"Load{marker}"))
            time.sleep(rng.random() * 2 * self.pause)

    def submit(self, n, payload):
        end = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < end:
            try:
                got = self.server.api.submit(PR, payload)
            except (OSError, http.client.HTTPException):
                with self.lock:
                    self.unanswered += 1
                time.sleep(0.02)
                continue
            if got.status in (200, 201):
                with self.lock:
                    self.acknowledged[n] = got.json["id"]
                return
            if got.status != 503:
                self.problems.append(got)
                return
        self.problems.append(f"{n} was not acknowledged")

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join()
        equal(self.problems, [], "submissions that were answered with something else")


def until_all_rest(api, most=3 * PATIENCE):
    def moving():
        rows = api.list()
        return rows if all(r["state"] in RESTING and not r.get("in_flight") for r in rows) else None
    return eventually(moving, lambda: f"everything comes to rest: {Counter(r['state'] for r in api.list())}", most, 0.1)


def a_person_goes_on(api, rows):
    """What a crash loop or a check without an answer has left for a person: each has a named next move, which works.

    A step that may fail leaves its command `partial` when it was in flight in too many crashes: that is for a person, too."""
    helped = Counter()
    for _ in range(4):
        open_rows = [r for r in rows if r["state"] in ("review", "failed", "partial")]
        if not open_rows:
            return rows, helped
        for row in open_rows:
            told = api.explain(row["id"])
            true(told["next"]["text"], f"no next move: {told}")
            action = next((a for a in ("check", "retry") if told["actions"][a]["allowed"]), None)
            true(action, f"neither check nor retry is allowed: {told}")
            api.act(row["id"], action, reason="after the kills").must(200)
            helped[action] += 1
        rows = until_all_rest(api)
    return rows, helped


def compare(api, hub, load, rows):
    """The stand-in's journal against what was acknowledged, and against the attempts on record."""
    by_id = {r["id"]: r for r in rows}
    requests = Counter()
    keys = {}
    for entry in hub.journal():
        repo = entry["path"].split("/")[3]
        requests[repo] += 1
        keys.setdefault(repo, set()).add(entry["idempotency_key"])
    made = Counter(e["path"].split("/")[3] for e in hub.journal("POST", "/pulls") if e["acted"])
    for n, id in load.acknowledged.items():
        true(id in by_id, f"command {id} was acknowledged and is gone")
        equal(by_id[id]["state"], "completed", f"state of {id}")
        equal(made[f"k{n}"], 1, f"pull requests of command {id}")
        told = api.explain(id)
        true(requests[f"k{n}"] <= told["attempts_total"],
             f"{requests[f'k{n}']} requests of {id}, but only {told['attempts_total']} attempts on record")
        if told["attempts_total"] == len(told["attempts"]):
            recorded = {a["idempotency_key"] for a in told["attempts"]}
            true(keys[f"k{n}"] <= recorded, f"requests of {id} without a recorded attempt: {keys[f'k{n}'] - recorded}")
    equal(len(by_id), len(load.acknowledged), "commands")
    equal(hub.stats()["duplicates"], 0, "duplicates")
    equal(sum(made.values()), len(load.acknowledged), "pull requests in all")


def kill_loop(world, kills, threads, longest, pause=0.01, most=3 * PATIENCE):
    note(f"RC_E2E_SEED={SEED}")
    rng = random.Random(SEED)
    server, hub = world.example(concurrent=8, timeout="500ms", attempts=30)
    load = Load(server, threads, SEED, pause=pause)
    lost = done = 0
    while done < kills or (lost < kills / 3 and done < 5 * kills):  # on a slow machine more of them hit nothing
        time.sleep(0.03 + rng.random() * longest)
        server.kill()
        server.start()
        done += 1
        lost += server.api.metric("attempts_lost_total")
    time.sleep(0.2)
    load.stop()
    rows = until_all_rest(server.api, most)
    rows, helped = a_person_goes_on(server.api, rows)
    fired = Counter((e["fault"] or "").split(":")[0] for e in hub.journal())
    note(f"{len(load.acknowledged)} commands, {done} kills, {lost:.0f} attempts lost, {load.unanswered} submissions unanswered, "
         f"helped by a person: {dict(helped)}, faults: {dict(fired)}")
    true(lost >= kills / 3, f"the kills hit only {lost} attempts in flight")
    true(load.unanswered > 0, "no submission was cut off by a kill")
    equal({m.split(":")[0] for m in MARKERS} - set(fired), set(), "faults that never fired")
    compare(server.api, hub, load, rows)


@case("16 kills under load, with faults")
def loop(world):
    kill_loop(world, 16, 4, 0.4)


@case(f"{MANY_KILLS} kills under load", long=True)
def long_loop(world):
    kill_loop(world, MANY_KILLS, 16, 0.6, pause=0.2, most=240)


@case("a backlog that had not left is not unknown after the kill")
def backlog(world):
    server, hub = world.example(concurrent=1, timeout="2m")  # the one that hangs is out until the kill, on a slow machine, too
    api = server.api
    first = api.submit(PR, pull(1, repo="r1", title="fault=hang")).must(201).json["id"]
    eventually(lambda: hub.fired("hang"), "the fault fires")
    ids = [api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"] for n in range(2, 62)]
    equal(len(api.list("state=pending")), 60, "pending")
    server.kill()
    equal(len(hub.journal()), 1, "requests that had left")
    server.start()
    eventually(lambda: api.metric("attempts_lost_total") == 1, "the attempt that was out is lost, and no other")
    for id in ids:
        api.until_state(id, "completed")
        attempts = api.explain(id)["attempts"]
        equal([(a["attempt"], a["purpose"], a["outcome"]) for a in attempts], [(1, "act", "succeeded")] * 2, "attempts")
    api.until_state(first, "completed")
    attempts = api.explain(first)["attempts"]
    equal((attempts[0]["outcome"], attempts[0]["why"]), ("unknown", "crash"), "the attempt that was out")
    equal(len(hub.journal("POST", "/pulls")), 62, "requests: one twice, the check has said that it did not happen")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("in flight in three crashes in a row: set aside, and a person goes on")
def crash_loop(world):
    server, hub = world.example(timeout="2m")
    api = server.api
    hub.faults({"match": "feature-1&", "method": "GET", "fault": "hang", "times": 2})
    id = api.submit(PR, pull(1, title="fault=hang-after")).must(201).json["id"]
    for requests in (1, 2, 3):
        eventually(lambda: len(hub.journal()) == requests, f"request {requests} is out")
        server.kill()
        server.start()
    review = api.until_state(id, "review")
    equal((review["steps"][0]["state"], review["steps"][0]["why"]), ("unknown", "crash_loop"), "step")
    equal(len(hub.journal()), 3, "nothing more is asked")
    other = api.submit(PR, pull(2)).must(201).json["id"]
    api.until_state(other, "completed")
    true(api.explain(id)["actions"]["check"]["allowed"], "check is allowed")
    api.act(id, "check").must(200)
    api.until_state(id, "completed")
    equal(len(hub.journal("POST", "/pulls")), 2, "requests for pull requests: one each")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("killed while it starts: it starts the next time")
def while_starting(world):
    note(f"RC_E2E_SEED={SEED}")
    rng = random.Random(SEED)
    server, hub = world.example(timeout="500ms")
    answers = in_threads(24, lambda i: server.api.submit(PR, pull(i + 1, title="fault=close-after")))
    ids = [a.must(201).json["id"] for a in answers]
    for _ in range(20):
        server.kill()
        server.launch()
        time.sleep(rng.random() * 0.04)
    server.kill()
    server.start()
    equal({r["id"] for r in server.api.list()}, set(ids), "commands")
    rows, _ = a_person_goes_on(server.api, until_all_rest(server.api))
    equal({r["state"] for r in rows}, {"completed"}, "states")
    equal((len(hub.fired("close-after")), hub.stats()["duplicates"]), (24, 0), "faults, duplicates")


@case("killed while a store is made: it is made, or made anew")
def while_making(world):
    rng = random.Random(SEED)
    hub = world.standin()
    for i in range(15):
        server = world.server(store=world.dir / f"new-{i}.db")
        server.launch()
        time.sleep(rng.random() * 0.03)
        server.kill()
        server.start()
        equal(server.api.list(), [], "commands")
        server.kill()
    true(hub.is_up(), "the stand-in is there")


if __name__ == "__main__":
    main()

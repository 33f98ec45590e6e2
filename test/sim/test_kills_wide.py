"""The kill campaign over all paths: flows of every kind of step, block and start (wide_flows.py), clients that submit, put off, send signals,
vote, act, roll back, move to newer versions and stop queues, workers in threads and processes, schedules under a clock that jumps while the
server is dead, and kill -9 at any moment. In the end everything comes to rest or waits for something that has a name; then what people do
brings it to its end, and everything is judged: by recourse_check, and here what that does not look at (signals, lanes, leases, schedules).

RC_KILLS_WIDE: how many kills with something in flight (default by RC_TIER: 12, 70, a tenth of RC_KILLS). Each path must have been hit by a
kill. RC_KILL_SEED as in killed.py."""
import http.client
import json
import os
import random
import sqlite3
import time
from collections import Counter
from datetime import datetime, timezone

import wide_flows
from killed import CLIENTS, SEED, TIER, Campaign, Clients, kept_for_later, must_hold
from kit import RECOURSE, RESTING, Failure, Process, case, equal, example_dependency, main, note, true
from told import Told

from access import TOKENS, bearer, first_token
from worse import LIBRARY, Control

WIDE = int(os.environ.get("RC_KILLS_WIDE") or {"quick": 12, "ci": 70}.get(TIER) or int(os.environ.get("RC_KILLS", "10000")) // 10)
MOST = 100          # kills until each path must have been hit
LIVES, EARLY = 5, {1, 2, 11}  # of the control: lives at most, and the invariants of which one must find it out
MINUTE = 60
SETTLES = 1.2       # seconds in which the outside comes to its end of what it is at
KINDS = ["plain", "two", "blocks", "family", "waits", "people", "confirmed", "worked", "worked", "worked", "shelled", "tool", "hurry", "moved",
         *(f"in_{how}" for how in wide_flows.LANES)]
CHILDREN = ["middle", "leaf"]
# of these a command was under way when the server was killed, each at least once; and of these a command waited
HIT_TYPES = [*KINDS, *CHILDREN, *wide_flows.SCHEDULES]
HIT_WAITS = ["answer", "signal", "approval", "decision", "starts", "lane", "child", "confirm", "again"]
WAITS_FOR = {"signal", "approval", "decision", "starts", "lane", "child", "child_rests", "confirm"}  # what people or the outside do, or time, or other commands
WORKERS, VOTER, OPERATOR = (CLIENTS, CLIENTS + 1), CLIENTS + 2, CLIENTS + 3


def key_of(name, minute):
    return f"schedule/{name}/" + datetime.fromtimestamp(minute * MINUTE, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def must_fail(judge, why):
    try:
        judge()
    except Failure:
        return
    raise Failure(f"{why}, and nobody has noticed")


class WideClients(Clients):
    """Clients, workers, one who votes, and an operator."""
    pause = 0.15

    def api(self, i):
        name = "worker" if i in WORKERS else "voter" if i == VOTER else "root" if i == OPERATOR else "client"
        return Told(self.campaign.server.port, self.campaign.history, i, timeout=15, headers=bearer(self.campaign.tokens[name]))

    def doing(self, i):
        if i in WORKERS:
            return [(self.lease, 1)]
        if i == VOTER:
            return [(self.vote, 1)]
        if i == OPERATOR:
            return [(self.signal, 6), (self.make_true, 6), (self.queue, 1), (self.publish, 1), (self.move, 4), (self.run, 1), (self.back, 2)]
        return [(self.submit, 30), (self.repeat, 8), (self.conflict, 4), (self.invalid, 2), (self.batch, 4), (self.act, 10), (self.read, 6),
                (self.bulk, 1), (self.put_off, 3), (self.signal, 6)]

    # ---- submissions

    def new(self, rng, faulty=0.3):
        with self.lock:
            self.number += 1
            n = self.number + self.campaign.base
        return rng.choice(KINDS), {"n": n, "title": f"Change {n}" + (f" fault={rng.choice(self.campaign.markers)}" if rng.random() < faulty else "")}

    def may_be_refused(self, kind, answer):
        return kind == "in_refuse" and answer.status == 409 and answer.json["code"] == "lane-full"

    def put_off(self, api, rng):
        kind, payload = self.new(rng)
        more = rng.choice([{"run_in": "1s"}, {"run_in": "5s"}, {"deadline": "2s"}, {"priority": rng.randrange(10)},
                           {"run_at": datetime.fromtimestamp(self.campaign.now() + rng.random() * 6, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}])
        for _ in range(2):  # the repeat is the same command
            got = api.submit(kind, payload, **more)
            if got.status in (200, 201):
                with self.lock:
                    self.known.append((kind, payload, got.json["id"]))

    def of_kind(self, *kinds):
        with self.lock:
            return [k for k in self.known[-300:] if k[0] in kinds]

    # ---- what is waited for

    def send(self, api, n, key):
        """Until it is acknowledged, with the same key each time."""
        while True:
            try:
                got = api.post("/v1/signals", {"name": "go", "id": str(n), "key": key, "payload": {"key": key}})
            except (OSError, http.client.HTTPException):
                if self.stopping and not self.campaign.resting:
                    return
                time.sleep(0.02)
                continue
            if got.status in (200, 201):
                with self.lock:
                    self.campaign.signals[key] = n
            elif got.status not in (429, 503):
                raise Failure(f"a signal was answered with {got}")
            return

    def signal(self, api, rng):
        known = self.of_kind("waits")
        if known:
            n = rng.choice(known)[1]["n"]
            key = f"s-{n}-{rng.randrange(2)}"
            self.send(api, n, key)
            if rng.random() < 0.3:
                self.send(api, n, key)

    def make_true(self, _api, rng):
        known = self.of_kind("confirmed")
        if known:
            self.campaign.make_true(rng.choice(known)[1]["n"])

    def vote(self, api, rng):
        for row in api.list("state=waiting")[:20]:
            if row["type"] == "people":
                self.decide(api, rng, row["id"])

    def decide(self, api, rng, id):
        told = api.get(f"/v1/commands/{id}/explain")
        for ask in told.json.get("asks", []) if told.status == 200 else []:
            if not ask.get("answers"):
                body = {"digest": ask["digest"]}
                action = "deny" if rng.random() < 0.1 else "approve"
            else:
                action, body = "answer", {"answer": rng.choice(["go", "stop"]), "digest": ask["digest"]}
            for _ in range(rng.choice([1, 1, 2])):
                said = api.act(id, action, key=f"vote-{ask['digest'][:12]}", reason="looked at it", **body)
                self.did[f"{action} {said.status}"] += 1

    # ---- workers

    def lease(self, api, rng):
        """A worker that leases in batches, does, beats and reports in batches; some of what it leases it forgets, before or behind doing it."""
        got = api.post("/v1/work/lease?wait=200ms", {"queues": ["images"], "worker": "thread", "max": rng.choice([1, 4, 10])})
        if got.status != 200:
            return
        results, beats = [], []
        for task in got.json["tasks"]:
            n, fate = task["input"], rng.choices(["done", "forgotten", "done and forgotten", "failed", "rejected", "released", "unknown"],
                                                 [20, 1, 1, 1, 1, 1, 1])[0]
            result = {"lease": task["lease"], "outcome": "succeeded"}
            if task["task"] == "look":
                result["output"] = {"there": n in self.campaign.made, "n": n}
            elif fate in ("failed", "rejected", "released", "forgotten") and not self.campaign.resting:
                result["outcome"] = fate
            else:
                self.campaign.work(task)
                result["output"] = {"n": n}
                if fate == "unknown" and not self.campaign.resting:
                    result = {"lease": task["lease"], "outcome": "unknown"}
            beats.append({"lease": task["lease"], "progress": "half of it"})
            if "forgotten" not in (fate if task["task"] != "look" and not self.campaign.resting else ""):
                results.append(result)
            self.did[f"lease {fate}"] += 1
        time.sleep(rng.random() * 0.2)
        if beats:
            self.did[f"beats {api.post('/v1/work/heartbeat', {'heartbeats': beats}).status}"] += 1
        while results:
            try:
                answer = api.post("/v1/work/report", {"results": results})
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                if self.stopping:
                    return
                continue
            if answer.status == 503:
                time.sleep(0.02)
                continue
            said = answer.json["results"] if answer.status == 200 else [{"status": answer.status}]
            self.did.update(f"report {one['status']}" for one in said)
            true({one["status"] for one in said} <= {200, 409}, f"a report was answered with {answer}")
            return

    # ---- an operator

    def queue(self, api, rng):
        name = rng.choice(["images", "shell"])
        for order in (rng.choice(["pause", "drain"]), "resume"):
            self.did[f"queue {order} {api.post(f'/v1/queues/{name}/{order}', {'reason': 'the campaign'}).status}"] += 1
            time.sleep(rng.random() * 0.3)

    def publish(self, api, rng):
        """A newer version of a flow: odd ones are broken. A start of the server brings it into force, too."""
        with self.lock:
            self.campaign.version += 1
            text = wide_flows.moved(self.campaign.version)
        self.campaign.write(moved=text)
        self.did[f"publish {api.post('/v1/definitions', {'files': [{'source': 'moved.yaml', 'text': text}]}).status}"] += 1

    def move(self, api, rng):
        for _, _, id in self.of_kind("moved")[-30:]:
            plan = api.get(f"/v1/commands/{id}/actions/move")
            if plan.status == 200:
                self.did[f"move {api.act(id, 'move', reason='mended', digest=plan.json['digest'], key=plan.json['digest'][:12]).status}"] += 1
                return

    def run(self, api, rng):
        name = rng.choice(list(wide_flows.SCHEDULES))
        self.did[f"run {api.post(f'/v1/schedules/{name}/{name}/run', {'key': f'by-hand-{rng.randrange(5)}'}).status}"] += 1

    def back(self, api, rng):
        """Back to a step, or all of it; a retry may do it anew."""
        known = self.of_kind("blocks", "family", "moved")
        if known:
            kind, _, id = rng.choice(known)
            step = {"blocks": ["beside", "items", "z", "passes"], "family": ["sub", "behind"], "moved": ["second"]}[kind]
            got = api.act(id, "roll_back", step=rng.choice(step), reason="the campaign", key=f"back-{rng.randrange(2)}")
            self.did[f"back {got.status}"] += 1


class Wide(Campaign):
    """A campaign over all paths."""
    preload = LIBRARY
    for_people = ("review", "failed", "rejected")

    def __init__(self, world, number, rng, **options):
        self.signals, self.made, self.version, self.resting, self.jumps = {}, set(), 0, False, []
        self.control_file = Control(world.dir / f"clock-{number}")
        self.env = {"WORSE_CONTROL": str(self.control_file.path), "WORSE_FOLDER": str(world.dir), "WORSE_LOG": "/dev/null"}
        self.tool = self.make_tool(world, number)
        self.root = first_token(world, world.dir / f"round-{number}.db")
        self.tokens, self.hit, self.lanes_seen, self.steps = {"root": self.root}, Counter(), 0, 0
        self.done = open(world.dir / f"work-{number}.ndjson", "a", encoding="utf-8")
        self.begun = time.time()
        super().__init__(world, number, rng, **options)

    def make_tool(self, world, number):
        """A program that takes note of what it is told to do, in one write; n comes on stdin."""
        self.ran_file = world.dir / f"ran-{number}.ndjson"
        self.ran_file.touch()
        tool = world.dir / f"tool-{number}"
        tool.write_text(f"""#!/bin/sh
IFS= read -r n || :
case $1 in
look)
    there=false
    case $(/bin/grep "make $n\\"" {self.ran_file} | /usr/bin/tail -n 1) in *'"/make '*) there=true ;; esac
    printf '{{"there": %s, "n": %s}}' "$there" "$n" ;;
*)
    printf '{{"method":"RUN","path":"/%s %s","idempotency_key":"%s","acted":true,"status":200}}\\n' "$1" "$n" "$RECOURSE_IDEMPOTENCY_KEY" >>{self.ran_file}
    /bin/sleep 0.3  # long enough to be killed beside
    printf '{{"n": %s}}' "$n" ;;
esac
""")
        tool.chmod(0o755)
        return tool

    def write(self, **texts):
        """Files that the server may be reading at the moment."""
        for name, text in texts.items():
            temporary = self.world.dir / f"{name}.new"
            temporary.write_text(text)
            os.replace(temporary, self.world.dir / "defs" / f"{name}.yaml")

    def definitions(self, change):
        self.server.more += [*TOKENS, "--allow-program", self.tool]
        texts = {name: change(text) for name, text in wide_flows.all_of(self.tool).items()}
        return self.world.write(github=example_dependency(self.hub.port, 16), **texts)

    def begin_store(self):
        self.server.api.headers = bearer(self.root)
        for name, role in (("client", "operator"), ("voter", "operator"), ("worker", "worker")):
            self.tokens[name] = self.server.api.post("/v1/tokens", {"subject": name, "role": role}).must(201).json["secret"]

    def begin_clients(self):
        listed = self.world.dir / "programs.json"
        listed.write_text(json.dumps({word: {"program": str(self.tool), "args": [word], "output": "json"} for word in ("make", "look", "unmake")}))
        self.worker = Process(self.world, "worker", [RECOURSE, "worker", "--server", f"http://127.0.0.1:{self.server.port}", "--queue", "shell",
                                                     "--programs", listed, "--parallel", "4"], env={**os.environ, "RECOURSE_TOKEN": self.tokens["worker"]})
        return WideClients(self, range(OPERATOR + 1))

    # ---- the outside

    def now(self):
        """As the server's clock has it."""
        return time.time() + self.control_file["shift_us"] / 1e6

    def work(self, task):
        """What a worker does: on record with one write."""
        (self.made.discard if task["task"] == "unmake" else self.made.add)(task["input"])
        self.done.write(json.dumps({"wall": time.time_ns() // 1000, "method": "WORK", "path": f"/{task['task']} {task['input']}",
                                    "idempotency_key": task["idempotency_key"], "acted": True, "status": 200}) + "\n")
        self.done.flush()

    def make_true(self, n):
        """What `confirmed` waits for; nothing of Recourse, so without a key."""
        if not self.hub.api.get(f"/repos/acme/c{n}/pulls?head=acme:late&state=open").json:
            self.hub.api.post(f"/repos/acme/c{n}/pulls", {"title": "t", "head": "late", "base": "main"})

    def jump(self):
        """The clock goes on, while the server is dead, to shortly before or behind the next minute, or over some; nothing outside is at anything."""
        self.server.kill()
        self.dead("killed before the clock jumps")
        time.sleep(SETTLES)
        now = self.now()
        by = MINUTE - now % MINUTE + self.rng.choice([-0.5, -0.2, 0.1, 0.1, 2 * MINUTE])
        self.control_file.shift(self.control_file["shift_us"] / 1e6 + max(by, 0))
        self.jumps.append((time.time_ns() // 1000, self.control_file["shift_us"]))
        self.arm(None)
        self.server.launch()
        self.tally["jumps of the clock"] += 1

    def step(self):
        self.steps += 1
        if self.steps % 6 == 3:
            self.jump()
            self.server.up()
            self.kill_by_signal("killed by signal", 0.1 + self.rng.random() * 0.6)
        else:
            super().step()

    # ---- what was hit

    def dead(self, how, calls=0):
        with_store = self.server.store.exists() and sqlite3.connect(f"file:{self.server.store}?mode=ro", uri=True, timeout=10)
        if with_store:
            try:
                self.look(with_store)
            finally:
                with_store.close()
        return super().dead(how, calls)

    def look(self, db):
        """Which paths this kill has hit, and whether a lane has more than its limit."""
        rest = {code for code, slug in db.execute("SELECT code, slug FROM word WHERE list = 'state'") if slug in RESTING}
        words = dict(db.execute("SELECT code, slug FROM word WHERE list = 'next'"))
        true(rest and words, "the store says what its numbers mean")
        kinds, waits = set(), set()
        for kind, state, next in db.execute("SELECT n.text, c.state, c.next FROM command c JOIN name n ON n.id = c.type"):
            if state not in rest:
                kinds.add(kind)
                waits.add(words[next])
        self.hit.update(kinds)
        self.hit.update(f"waits: {word}" for word in waits)
        for kind, held in db.execute("SELECT n.text, count(*) FROM work w JOIN command c ON c.seq = w.seq JOIN name n ON n.id = c.type"
                                     " WHERE w.phase = 17 GROUP BY w.gate, n.text"):
            self.lanes_seen += 1
            self.judge_lane(kind, held)

    @staticmethod
    def judge_lane(kind, held):
        true(held <= wide_flows.LANES[kind.removeprefix("in_")], f"a lane of {kind} has {held} that hold a place")

    def not_hit(self):
        return [what for what in [*HIT_TYPES, *(f"waits: {word}" for word in HIT_WAITS)] if not self.hit[what]]

    # ---- the end

    def complete(self, history, journal):
        """Beside the stand-in's journal that of workers and programs, all with the server's clock; and what the schedules ask for."""
        lines = journal.read_bytes().splitlines() + [line for path in (self.done.name, self.ran_file) for line in open(path, "rb")]
        entries = [json.loads(line) for line in lines]
        journal.write_text("".join(json.dumps(self.with_clock(entry)) + "\n" for entry in entries))
        calls = [json.dumps(self.with_clock(json.loads(line))) for line in history.read_text().splitlines()]
        op = 1 << 40
        runs = [key_of(name, minute) for name in wide_flows.SCHEDULES for minute in range(int(self.begun // MINUTE), int(self.now() // MINUTE) + 1)]
        runs += [f"schedule/{name}/run/by-hand-{n}" for name in wide_flows.SCHEDULES for n in range(5)]
        for n, key in enumerate(runs):
            one = {"op": op + n, "client": 99, "mono": 1, "wall": 1}
            calls += [json.dumps({"event": "invoked", **one, "do": "submit", "type": key.split("/")[1], "key": key, "payload": {}}),
                      json.dumps({"event": "not_known", **one})]
        history.write_text("".join(f"{line}\n" for line in calls))

    def with_clock(self, entry):
        if "wall" in entry:
            entry["wall"] += next((shift for since, shift in reversed(self.jumps) if since <= entry["wall"]), 0)
        return entry

    def before_rest(self):
        """Workers and those who are asked go on; all else has stopped."""
        self.resting = True
        for name in ("images", "shell"):
            self.server.api.post(f"/v1/queues/{name}/resume", {"reason": "the end"}).must(200)
        self.helpers = WideClients(self, WORKERS)

    def person(self):
        return Told(self.server.port, self.history, VOTER, headers=bearer(self.tokens["voter"]))

    def all_rest(self):
        """Nothing moves but what waits for something with a name; what people or the outside have to do is done now and then, so that it goes on."""
        true(not self.helpers.problems, f"{self.helpers.problems[:3]}")
        if self.server.api.get("/v1/bulk?state=running").must(200).json["bulks"]:
            return None
        rows = self.server.api.list()
        moving = [r for r in rows if r["state"] not in RESTING or r.get("in_flight")]
        for row in moving:
            code = (row.get("next") or {}).get("code")
            if code == "signal":
                n = self.server.api.command(row["id"])["payload"]["n"]
                self.helpers.send(self.helpers.api(VOTER), n, f"end-{n}-{row['revision']}")
            elif code in ("approval", "decision"):
                self.helpers.decide(self.person(), self.rng, row["id"])
            elif code == "confirm":
                self.make_true(self.server.api.command(row["id"])["payload"]["n"])
            self.tally[f"at the end waits for {code}"] += 1
        self.left = moving
        stuck = [r for r in moving if r["next"]["code"] not in ("lane", "child_rests", "child")]  # these wait for others, which rest
        return rows if not stuck and any(r["state"] in ("review", "failed", "rejected") for r in rows) or not moving else None

    def at_rest(self, rows):
        api = self.server.api
        self.helpers.stop()
        equal(api.get("/v1/lanes").must(200).json["lanes"], [], "lanes in which somebody holds a place or waits")
        for queue in api.get("/v1/queues").must(200).json["queues"]:
            equal((queue["leased"], queue["state"]), (0, "flowing"), f"leases of {queue}")
        equal(self.hub.stats()["duplicates"], 0, "duplicates")
        self.judge_schedules(api, rows)
        self.judge_signals(rows)
        self.judges_judge(api, rows)
        true(self.worker.running(), f"the worker ended: {self.worker.output[-2000:]}")

    def judges_judge(self, api, rows):
        """What is doctored is found out: a run that is lost or doubled, a signal that is lost, a lane that is too full."""
        run, key = next(r for r in rows if r["type"] == "tick" and "by-hand" not in r["key"]), "nobody-has-it"
        must_fail(lambda: self.judge_schedules(api, [r for r in rows if r is not run]), "a run is lost")
        must_fail(lambda: self.judge_schedules(api, [*rows, run]), "a run is doubled")
        self.signals[key] = 1
        must_fail(lambda: self.judge_signals(rows), "a signal is lost")
        del self.signals[key]
        true(self.lanes_seen, "nobody held a place in a lane when the server was killed")
        must_fail(lambda: self.judge_lane("in_queue", wide_flows.LANES["queue"] + 1), "a lane is too full")

    def judge_schedules(self, api, rows):
        for schedule in api.get("/v1/schedules").must(200).json["schedules"]:
            name = schedule["id"]
            keys = [r["key"] for r in rows if r["type"] == name]
            made = sorted(k for k in keys if "by-hand" not in k)
            equal(len(set(keys)), len(keys), f"runs of {name}")
            true(made, f"{name} never ran")
            first = int(datetime.fromisoformat(made[0].split("/")[2].replace("Z", "+00:00")).timestamp()) // MINUTE
            last = int(datetime.fromisoformat(schedule["planned"].replace("Z", "+00:00")).timestamp()) // MINUTE
            due, counted = [key_of(name, minute) for minute in range(first, last + 1)], schedule["runs"]
            true(set(made) <= set(due), f"runs of {name} that were not due: {set(made) - set(due)}")
            if schedule["missed"] == "all" and schedule["overlap"] == "allow":
                equal(made, due, f"runs of {name}: {schedule}")
            true(counted["started"] >= len(made), f"{name} is said to have started {counted}, there are {made}")
            self.tally[f"runs of {name}"] += len(made)
            true(not schedule["paused"] and not schedule["due"] and not schedule.get("error"), f"{schedule}")

    def judge_signals(self, rows):
        """Each that was acknowledged is kept or was taken, once."""
        with sqlite3.connect(f"file:{self.server.store}?mode=ro", uri=True, timeout=10) as db:
            stored = db.execute("SELECT key, id, command FROM signal").fetchall()
        by_key = {key: (int(n), command) for key, n, command in stored}
        equal(len(by_key), len(stored), "signals by key")
        for key, n in self.signals.items():
            equal(by_key.get(key, (None, 0))[0], n, f"the signal {key}")
        taken = Counter()
        for row in rows:
            if row["type"] == "waits" and row["state"] == "completed":
                command = self.server.api.command(row["id"])
                key = command["steps"][0].get("outputs", {}).get("key")
                if key:
                    taken[key] += 1
                    true(by_key[key][1], f"the signal {key} is kept, and {row['id']} has taken it")
                    equal(by_key[key][0], command["payload"]["n"], f"whose signal {row['id']} has taken")
        true(all(n == 1 for n in taken.values()), f"signals that were taken twice: {taken}")
        self.tally["signals taken"] += len(taken)


@case(f"{WIDE} kills over all paths: every invariant holds, and each path was hit")
def wide(world):
    note(f"RC_KILL_SEED={SEED} RC_KILLS_WIDE={WIDE}")
    rng, start, number, hits, tally, hit = random.Random(f"{SEED}/wide"), time.monotonic(), 0, 0, Counter(), Counter()
    kills = commands = 0
    try:
        while hits < WIDE:
            campaign = Wide(world, number, rng)
            number += 1
            while (campaign.hits < min(WIDE - hits, 60) or (number == 1 and campaign.not_hit())) and campaign.kills < max(WIDE, MOST):
                campaign.step()
                if campaign.clients.problems:
                    break
            found = campaign.finish()
            must_hold(found, f"after {campaign.kills} kills")
            hits, kills, commands = hits + campaign.hits, kills + campaign.kills, commands + found["counts"]["commands"]
            tally += campaign.tally + campaign.clients.did
            hit += campaign.hit
            campaign.worker.kill()
    except Failure:
        kept_for_later(world)
        raise
    note(", ".join(f"{n} {what}" for what, n in sorted(tally.items())))
    note("hit: " + ", ".join(f"{what} {n}" for what, n in sorted(hit.items())))
    note(f"{kills} kills, {hits} with something in flight, {time.monotonic() - start:.0f} s")
    missing = [what for what in [*HIT_TYPES, *(f"waits: {word}" for word in HIT_WAITS)] if not hit[what]]
    equal(missing, [], "paths that no kill has hit")
    for figure, value in (("kill_wide", hits), ("kill_wide_commands", commands), ("kill_wide_paths", len(hit))):
        note(f"figure {figure} {value}")


@case("control: answers before the commit are found out over all paths")
def early(world):
    """A life without its protection may come to a standstill before it shows what it does: then another one is lived."""
    found = set()
    for life in range(LIVES):
        campaign = Wide(world, life, random.Random(f"{SEED}/early/{life}"), control="early")
        try:
            for _ in range(8):
                campaign.server.up()
                campaign.kill_by_signal("killed by signal", 0.3)
                found |= {finding["number"] for finding in campaign.check_dead()["findings"]}
                if found & EARLY:
                    return
        finally:
            campaign.clients.stop()
            campaign.server.kill()
            campaign.worker.kill()
    raise Failure(f"it was not found out: {sorted(found)}")


if __name__ == "__main__":
    main()

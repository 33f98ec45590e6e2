"""A life of the real server in which one call of the system fails: the n-th of a kind, once or from then on. What test_each_call.py and
test_each_call_of_network.py have in common; the calls are test/calls/failing.c, loaded before the server.

By default a sample is drawn (kit.SEED); RC_E2E_LONG=1 draws a larger one, and RC_E2E_EVERY=1 tries every n until none fires."""
import http.client
import json
import mmap
import os
import random
import re
import struct
from pathlib import Path

from kit import BUILD, PR, RESTING, SEED, Process, Skip, equal, eventually, example_dependency, example_flow, note, pull, true

LIBRARY = BUILD / "test" / "e2e" / "libfailing.so"
GONE = (OSError, http.client.HTTPException, ValueError)
HEADER = Path(__file__).resolve().parent.parent / "calls" / "failing.h"
KINDS = re.findall(r'X\([A-Z]+, "([a-z ]+)"\)', HEADER.read_text())


class Control:
    """Commands libfailing.so while the server runs: struct failing of failing.h in a file that both have mapped."""
    LAYOUT = struct.Struct("iiQQQiiq")

    def __init__(self, path):
        self.path = path
        path.write_bytes(self.LAYOUT.pack(-1, 0, 0, 0, 0, 0, 0, 0))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), self.LAYOUT.size)

    def arm(self, call, at, on):
        self.map[:] = self.LAYOUT.pack(KINDS.index(call), on, at, 0, 0, 0, 0, 0)

    def disarm(self):
        self.map[:4] = struct.pack("i", -1)

    def fired(self):
        return self.LAYOUT.unpack(self.map[:])[4] > 0


class Life:
    """One server that meets the fault, and then another one on the same store that does not."""

    def __init__(self, world, hub, number):
        self.world, self.hub, self.number = world, hub, number
        self.folder = world.dir / f"life-{number}"
        self.folder.mkdir()
        self.server = world.server(store=self.folder / "s.db", defs=world.dir / "defs", more=["--drain", "3s"])
        self.acknowledged, self.silent = {}, 0
        self.control = Control(world.dir / f"control-{number}")

    def ask(self, method, path, body=None):
        """An answer, or None where there was none. Whoever stays silent is not asked for ever."""
        if self.silent > 2:
            return None
        try:
            answer = self.server.api.ask(method, path, body)
        except TimeoutError:
            self.silent += 1
            return None
        except GONE:
            return None
        if answer.status >= 400 and answer.body:  # a bare status where there was no memory for words
            json.loads(answer.body)["code"]
        return answer

    def payload(self, n):
        title = "t fault=close-after" if n % 3 == 0 else "t"
        return pull(n, repo=f"l{self.number}", title=title, branch=f"b{self.number}-{n}")

    def submission(self, n):
        return {"type": PR, "key": f"k{n}", "payload": self.payload(n)}

    def submit(self, n):
        answer = self.ask("POST", "/v1/commands", self.submission(n))
        if answer is not None and answer.status in (200, 201):
            self.acknowledged[n] = answer.json["id"]

    def batch(self, numbers):
        text = b"".join(json.dumps(self.submission(n)).encode() + b"\n" for n in numbers)
        try:
            answer = self.server.api.ask("POST", "/v1/commands/batch", text, {"Content-Type": "application/x-ndjson"})
            lines = [json.loads(line) for line in answer.text.splitlines()] if answer.status == 200 else []
        except GONE:
            return
        for n, line in zip(numbers, lines):
            if line["status"] in (200, 201):
                self.acknowledged[n] = line["command"]["id"]

    def with_fault(self, call, at, on):
        """Lives through it; whether the fault fired."""
        control = self.control
        control.arm(call, at, on)
        env = dict(os.environ, LD_PRELOAD=str(LIBRARY), FAILING_CONTROL=str(control.path), FAILING_FOLDER=str(self.folder))
        self.server.process = process = Process(self.world, f"failing-{self.number}", self.server.argv, env)
        self.server.api.timeout = 2

        def is_up():
            answer = self.ask("GET", "/healthz")
            self.silent = 0
            return not process.running() or (answer is not None and answer.status < 600) or control.fired()
        eventually(is_up, lambda: f"the server starts, ends or meets its fault: {process.output[-2000:]}")
        for n in (1, 2, 3):
            self.submit(n)
        self.batch([4, 5, 6])
        for n, id in list(self.acknowledged.items())[:2]:
            self.ask("GET", f"/v1/commands/{id}")
            self.ask("POST", f"/v1/commands/{id}/actions/note", {"reason": "seen"})
        self.ask("GET", "/v1/commands")
        fired = control.fired()
        control.disarm()
        if fired and process.running():
            self.works_again(process)
        true(process.output.strip(), "it says something")
        code = self.server.stop()
        true(0 <= code < 10, f"it ended with {code}: {process.output[-3000:]}")
        return fired or control.fired()

    def works_again(self, process):
        """The same process, without the fault: it goes on, or has ended because it could not."""
        def is_well():
            if not process.running():
                return True
            self.silent = 0
            answer = self.ask("POST", "/v1/commands", self.submission(1))
            return answer is not None and answer.status in (200, 201)
        eventually(is_well, lambda: f"it works again without the fault: {process.output[-3000:]}")

    def afterwards(self, outage):
        """outage: nothing came through for seconds, so that all tries of a step may be used up: it ends, but maybe not well."""
        self.server.api.timeout = 30
        self.server.start()
        api = self.server.api
        known = {c["id"] for c in api.list()}
        for n, id in self.acknowledged.items():
            true(id in known, f"command {n} was acknowledged as {id} and is gone")
        for n in range(1, 7):
            answer = api.post("/v1/commands", self.submission(n))
            true(answer.status in (200, 201), f"submission {n} again: {answer}")
            equal(answer.json["id"], self.acknowledged.get(n, answer.json["id"]), f"the command of submission {n}")
        rows = eventually(lambda: (lambda r: r if all(c["state"] in RESTING for c in r) else None)(api.list()), "everything comes to rest")
        true(outage or {c["state"] for c in rows} == {"completed"}, f"states: {rows}")
        equal(len(rows), 6, "commands")
        equal(self.server.stop(), 0, "exit code")


def tried(world, call, at, on, number, hub):
    life = Life(world, hub, number)
    try:
        fired = life.with_fault(call, at, on)
        life.afterwards(on and call in ("socket", "connect", "poll", "receive", "send"))
    except Exception:
        note(f"{call} {at}{' and all later ones' if on else ''}")
        raise
    equal(hub.stats()["duplicates"], 0, f"{call} {at}: duplicates")
    return fired


def prepare(world):
    if os.environ.get("ASAN_OPTIONS") or os.environ.get("TSAN_OPTIONS"):
        raise Skip("a sanitizer has its own malloc")
    hub = world.standin()
    world.write(create_pr=example_flow(timeout="400ms", delay="10ms", settle="10ms", jitter="none"), github=example_dependency(hub.port))
    return hub


def draw(world, drawn, most):
    hub, rng, fired, number = prepare(world), random.Random(SEED), {}, 0
    note(f"RC_E2E_SEED={SEED}")
    for call, n in drawn.items():
        for i in range(n * (6 if os.environ.get("RC_E2E_LONG") else 1)):
            number += 1
            at = int(most[call] ** rng.random()) if i else 1  # the beginning is where most differs
            fired[call] = fired.get(call, 0) + tried(world, call, at, rng.random() < 0.5, number, hub)
    note(f"fired: {fired}")
    equal([call for call in drawn if not fired[call]], [], "kinds of calls that never failed")


def try_every(world, drawn):
    if not os.environ.get("RC_E2E_EVERY"):
        raise Skip("takes hours; RC_E2E_EVERY=1 runs it")
    hub, number = prepare(world), 0
    for call in drawn:
        for on in (False, True):
            at = 1
            while True:
                number += 1
                if not tried(world, call, at, on, number, hub):
                    break
                at += 1
            note(f"{call}: {at - 1} calls failed{' with all later ones' if on else ''}")

"""Each call fails in turn: memory, open, write, sync, truncate, connect, thread. The n-th call of a kind fails, once or from then on,
over a whole life of a server: start, submit, batch, attempts, a check, an action, a read, stop. The server never dies by a signal
and never hangs; what it answers is an answer or a problem; and afterwards, without the fault, everything that was acknowledged is
there, every submission can be repeated, and nothing was done twice.

By default a sample is drawn (RC_E2E_SEED); RC_E2E_LONG=1 draws a larger one, and RC_E2E_EVERY=1 tries every n until none fires."""
import http.client
import json
import os
import random
import socket

from kit import BUILD, PR, RESTING, Process, Skip, case, dependency, equal, eventually, example_dependency, example_flow, main, note, pull, simple_flow, true

SEED = int(os.environ.get("RC_E2E_SEED", random.SystemRandom().randrange(1 << 32)))
LIBRARY = BUILD / "test" / "e2e" / "libfailing.so"
GONE = (OSError, http.client.HTTPException, ValueError)
MOST = {"memory": 12000, "open": 80, "write": 600, "sync": 80, "truncate": 12, "connect": 12, "thread": 6}
DRAWN = {"memory": 26, "open": 8, "write": 10, "sync": 8, "truncate": 3, "connect": 3, "thread": 4}


class Life:
    """One server that meets the fault, and then another one on the same store that does not."""

    def __init__(self, world, hub, number):
        self.world, self.hub, self.number = world, hub, number
        self.folder = world.dir / f"life-{number}"
        self.folder.mkdir()
        self.server = world.server(store=self.folder / "s.db", defs=world.dir / "defs", more=["--drain", "3s"])
        self.acknowledged, self.doubted = {}, {}

    def ask(self, method, path, body=None):
        """An answer, or None where there was none."""
        try:
            answer = self.server.api.ask(method, path, body)
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
        mark = self.folder / "fired"
        env = dict(os.environ, LD_PRELOAD=str(LIBRARY), FAILING_CALL=call, FAILING_AT=str(at), FAILING_MARK=str(mark),
                   FAILING_FOLDER=str(self.folder))
        if on:
            env["FAILING_ON"] = "1"
        self.server.process = process = Process(self.world, f"failing-{self.number}", self.server.argv, env)
        self.server.api.timeout = 4

        def is_up():
            answer = self.ask("GET", "/healthz")
            return not process.running() or (answer is not None and answer.status < 600) or mark.exists()
        eventually(is_up, lambda: f"the server starts, ends or meets its fault: {process.output[-2000:]}")
        for n in (1, 2, 3):
            self.submit(n)
        self.batch([4, 5, 6])
        for n, id in list(self.acknowledged.items())[:2]:
            self.ask("GET", f"/v1/commands/{id}")
            self.ask("POST", f"/v1/commands/{id}/actions/note", {"reason": "seen"})
        self.ask("GET", "/v1/commands")
        code = self.server.stop()
        true(0 <= code < 10, f"it ended with {code}: {process.output[-3000:]}")
        return mark.exists()

    def afterwards(self):
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
        equal({c["state"] for c in rows}, {"completed"}, "states")
        equal(len(rows), 6, "commands")
        equal(self.server.stop(), 0, "exit code")


def tried(world, call, at, on, number, hub):
    life = Life(world, hub, number)
    try:
        fired = life.with_fault(call, at, on)
        life.afterwards()
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


@case("a sample of calls fails, once or from then on: a clear end, nothing lost, nothing twice")
def sample(world):
    hub, rng, fired, number = prepare(world), random.Random(SEED), {}, 0
    note(f"RC_E2E_SEED={SEED}")
    for call, n in DRAWN.items():
        for i in range(n * (6 if os.environ.get("RC_E2E_LONG") else 1)):
            number += 1
            at = int(MOST[call] ** rng.random()) if i else 1  # the beginning is where most differs
            fired[call] = fired.get(call, 0) + tried(world, call, at, rng.random() < 0.5, number, hub)
    note(f"fired: {fired}")
    equal([call for call in DRAWN if not fired[call]], [], "kinds of calls that never failed")


@case("every call fails, until none is left", long=True)
def every(world):
    if not os.environ.get("RC_E2E_EVERY"):
        raise Skip("takes hours; RC_E2E_EVERY=1 runs it")
    hub, number = prepare(world), 0
    for call in DRAWN:
        for on in (False, True):
            at = 1
            while True:
                number += 1
                if not tried(world, call, at, on, number, hub):
                    break
                at += 1
            note(f"{call}: {at - 1} calls failed{' with all later ones' if on else ''}")


if __name__ == "__main__":
    main()

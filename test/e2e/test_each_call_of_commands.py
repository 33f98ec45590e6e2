"""Each call of the system fails in turn, in the command line as a process: the n-th of a kind fails, once or from then on. A command never
dies by a signal and never hangs; where it did not do what it was asked for it says so, by its exit code and in words; what it makes
is whole or is not there, under its own name and beside it; what it reads is not changed; and without the fault it does its work.

A sample of memory is drawn (RC_E2E_SEED), of the others every n up to a bound; RC_E2E_LONG=1 tries more. test/calls does the same within one
process, for every n."""
import hashlib
import itertools
import os
import random
import shutil
import subprocess

from each_call import LIBRARY, SEED, Control
from kit import PATIENCE, PR, RECOURSE, Skip, case, equal, main, note, pull, simple_flow, true

FILES = ("memory", "sql memory", "open", "read", "write", "sync", "truncate", "rename", "map")
CLIENT = ("memory", "open", "socket", "connect", "poll", "receive", "send")
MOST = 1 << 13  # more calls no command makes
LONG = 6 if os.environ.get("RC_E2E_LONG") else 1


class Broken:
    """A command that meets a fault, again and again."""

    def __init__(self, world, name, argv, made=(), reads=()):
        if os.environ.get("ASAN_OPTIONS") or os.environ.get("TSAN_OPTIONS"):
            raise Skip("a sanitizer has its own malloc")
        self.world, self.name, self.argv, self.made, self.reads = world, name, argv, made, reads
        self.control = Control(world.dir / f"control-{name}")
        self.points = {}
        self.whole = {p: self.run(None) and self.content(p) for p in made}
        self.before = [hashlib.sha256(p.read_bytes()).digest() for p in reads]

    def content(self, path):
        """What a life without faults makes; a store is not the same twice, byte by byte."""
        return path.read_bytes() if path.suffix == ".ndjson" else None

    def clear(self):
        for path in self.made:
            for beside in path.parent.glob(path.name + "*"):
                beside.unlink()

    def run(self, call, at=0, on=False):
        self.clear()
        if call:
            self.control.arm(call, at, on)
        else:
            self.control.disarm()
        # named, since glibc's getpwuid(3) does not survive want of memory
        env = dict(os.environ, RECOURSE_ACTOR="olga", LD_PRELOAD=str(LIBRARY), FAILING_CONTROL=str(self.control.path), FAILING_FOLDER=str(self.world.dir))
        done = subprocess.run([str(RECOURSE), *map(str, self.argv)], cwd=self.world.dir, env=env, capture_output=True, text=True,
                              timeout=PATIENCE)
        if not call:
            equal(done.returncode, 0, f"{self.name} without a fault: {done.stderr}")
        return done

    def judge(self, call, at, on):
        """Whether the fault fired."""
        done, fired = self.run(call, at, on), self.control.fired()
        what = f"{self.name}, {call} {at}{' and all later ones' if on else ''}: code {done.returncode}, {done.stdout[-300:]}{done.stderr[-600:]}"
        true(0 <= done.returncode < 10, what)
        true(fired or done.returncode == 0, what)
        for path in self.made:
            beside = [p.name for p in path.parent.glob(path.name + "?*")]
            if done.returncode == 0:
                true(path.exists() and (self.whole[path] is None or path.read_bytes() == self.whole[path]), f"it is whole: {what}")
            else:
                true(not path.exists(), f"nothing under the final name: {what}")
                true(call == "rename" or not beside, f"nothing beside it: {beside} {what}")
        if done.returncode:
            true(len((done.stdout + done.stderr).strip()) > 10, f"it says what failed: {what}")
        equal([hashlib.sha256(p.read_bytes()).digest() for p in self.reads], self.before, f"what it reads: {what}")
        return fired

    def all(self, kinds, every=8, draws=4):
        """The first ones of every kind, and more of memory."""
        rng = random.Random(SEED)
        for call, on in itertools.product(kinds, (False, True)):
            memory = "memory" in call
            first = min(every, 6) if memory else every
            more = sorted(int(MOST ** rng.random()) for _ in range(draws * LONG)) if memory else ()
            for at in itertools.chain(range(1, first * LONG + 1), more):
                if not self.judge(call, at, on):
                    break
                self.points[call] = self.points.get(call, 0) + 1
        self.control.disarm()
        self.run(None)
        note(f"{self.name}: {self.points}")


def stored(world):
    """A closed store with a few commands."""
    server, _ = world.example()
    for n in range(1, 4):
        server.api.until_state(server.api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"], "completed")
    equal(server.stop(), 0, "exit code")
    return server.store


def failed(broken, *kinds):
    equal([call for call in kinds if not broken.points.get(call)], [], f"kinds of calls that never failed in {broken.name}")


@case("backup, export, import and the check of the audit make it whole or not at all, and say so")
def files(world):
    note(f"RC_E2E_SEED={SEED}")
    store, out = stored(world), world.dir / "made"
    out.mkdir()
    backup = Broken(world, "backup", ["backup", "--store", store, out / "copy.db"], made=[out / "copy.db"])
    backup.all(FILES)
    failed(backup, "memory", "sql memory", "open", "read", "write", "sync", "rename")
    export = Broken(world, "export", ["export", "--store", store, "--audit", "--out", out / "out.ndjson"], made=[out / "out.ndjson"])
    export.all(FILES)
    failed(export, "memory", "sql memory", "open", "read", "write", "sync", "rename")
    whole = world.dir / "whole.ndjson"
    shutil.copy(out / "out.ndjson", whole)
    imported = Broken(world, "import", ["import", "--store", out / "new.db", whole], made=[out / "new.db"], reads=[whole])
    imported.all(FILES)
    failed(imported, "memory", "sql memory", "open", "read", "write", "sync", "rename")
    audit = Broken(world, "audit", ["audit", "verify", "--store", store])
    audit.all(("memory", "sql memory", "open", "read"))
    failed(audit, "memory", "sql memory", "open", "read")


@case("apply, hold and a list say that they could not, and the server has all of the new definitions or none")
def clients(world):
    note(f"RC_E2E_SEED={SEED}")
    server, _ = world.example()
    url = ["--server", f"http://127.0.0.1:{server.port}"]
    other = world.dir / "other"
    other.mkdir()
    for number, argv in enumerate((["hold", "show"], ["list"])):
        broken = Broken(world, argv[0], [*argv, *url])
        broken.all(CLIENT, every=6)
        failed(broken, "memory", "socket", "connect", "receive", "send")

    class Apply(Broken):
        """Each time something new: a flow in each of two files."""
        turn = 0

        def __init__(self, *more):
            super().__init__(*more)
            self.run(None)

        def run(self, call, at=0, on=False):
            self.turn += 1
            for name in ("one", "two"):
                (other / f"{name}.yaml").write_text(simple_flow(name, "github", f"timeout: {self.turn}s"))
            return super().run(call, at, on)

        def judge(self, call, at, on):
            fired = super().judge(call, at, on)
            now = [server.api.get(f"/v1/definitions/flow/{name}").must(200).json for name in ("one", "two")]
            equal(len({d["versions"][0]["version"] if "versions" in d else d["version"] for d in now}), 1, "versions of what belongs together")
            return fired
    apply = Apply(world, "apply", ["apply", other, "--reason", "more", *url])
    apply.all(CLIENT, every=6)
    failed(apply, "memory", "open", "socket", "connect", "receive", "send")
    equal(server.stop(), 0, "exit code")


@case("doctor ends, and says what it could not look at")
def doctor(world):
    store = stored(world)
    broken = Broken(world, "doctor", ["doctor", "--store", store])
    broken.all(("memory", "open", "read"), every=3, draws=2)
    failed(broken, "memory", "open", "read")


if __name__ == "__main__":
    main()

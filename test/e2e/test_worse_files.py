"""Files of the store that go away, are cut, replaced or damaged, while the server runs and before it starts; reads that fail.

What is judged each time: what was acknowledged is there, or somebody says plainly that something is wrong, and with which file."""
import http.client
import itertools
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing

from kit import (PAGE, PR, Skip, case, contains, equal, eventually, example_dependency, example_flow, main, note, pull, true)
from worse import WorseServer

faults = set()


def fault(name):
    faults.add(name)


def beside(server, suffix):
    return server.store.with_name(server.store.name + suffix)


def submit(api, n):
    """The id where it was acknowledged; None where it was refused, or not answered."""
    try:
        answer = api.submit(PR, pull(n, repo=f"r{n}"))
        return answer.json["id"] if answer.status == 201 else None
    except (OSError, http.client.HTTPException):
        return None


def logged(world):
    return "".join(p.output for p in world.processes if p.name.startswith("server"))


# ---- while the server runs -------------------------------------------------------------------------------------------------------

def move_folder(server):
    moved = server.store.parent.with_name("moved")
    server.store.parent.rename(moved)


def put_backup(server):
    copy = server.store.with_name("copy.db")
    server.cli("backup", copy, "--store", server.store)
    copy.replace(server.store)


WHILE = [  # what is done to the files, and whether it may be told from the log only
    ("the database is removed", lambda s: s.store.unlink()),
    ("the database is replaced by a copy", put_backup),
    ("the log is removed", lambda s: beside(s, "-wal").unlink()),
    ("the log is cut to nothing", lambda s: os.truncate(beside(s, "-wal"), 0)),
    ("the log is cut in half", lambda s: os.truncate(beside(s, "-wal"), beside(s, "-wal").stat().st_size // 2)),
    ("the folder is moved", move_folder),
]


def during(world, name, harm):
    folder = world.dir / "store"
    folder.mkdir()
    hub = world.standin()
    defs = world.write(create_pr=example_flow(), github=example_dependency(hub.port))
    server = world.server(store=folder / "recourse.db", defs=defs).start()
    api, kept = server.api, []
    for n in range(1, 30):
        kept.append(submit(api, n))
    true(all(kept), "before")
    eventually(lambda: len(api.list("state=completed")) == len(kept), "all are completed")
    harm(server)
    fault(name)
    after = [submit(api, n) for n in range(100, 110)]
    said = logged(world)
    true("was removed" in said or "was replaced" in said or "was cut" in said, f"{name}: nobody says so: {said[-1500:]}")
    server.kill()
    moved = folder.with_name("moved")
    if moved.exists():
        shutil.rmtree(folder, ignore_errors=True)
        moved.rename(folder)
    server.launch()

    def decided():
        if not server.process.running():
            return "refused"
        try:
            return "runs" if api.get("/healthz").status == 200 else None
        except (OSError, http.client.HTTPException):
            return None

    if eventually(decided, "it starts or does not") == "refused":
        contains(server.process.output, str(server.store), f"{name}: the refusal")
        note(f"{name}: {server.process.output.splitlines()[-1][:260]}")
        return
    there = {r["id"] for r in api.list()}
    missing = {id for id in [*kept, *after] if id} - there
    equal(missing, set(), f"{name}: acknowledged, and not there, and nobody says so")
    note(f"{name}: all {len(there)} are there")


for one in WHILE:
    def run_case(world, one=one):
        during(world, *one)

    case(f"while it runs: {one[0]}")(run_case)


# ---- before it starts ------------------------------------------------------------------------------------------------------------

def older_copy(server):
    shutil.copy(server.store.with_name("old.db"), server.store)


def gone(server):
    server.store.unlink()
    beside(server, "-wal").unlink()


def cut_frames(server):
    """Whole transactions at the log's end: what is left looks like a shorter log. Behind what is in use there may be zeros, room for more."""
    log = beside(server, "-wal")
    data = log.read_bytes()
    salted = (data[at + 8:at + 16] == data[16:24] for at in range(32, len(data) - PAGE, PAGE + 24))
    frames = sum(1 for _ in itertools.takewhile(bool, salted))
    os.truncate(log, 32 + (frames - 6) * (PAGE + 24))


def flip_in(suffix, at):
    def flip(server):
        file = beside(server, suffix)
        data = bytearray(file.read_bytes())
        data[int(at * len(data)) if at < 1 else at] ^= 16
        file.write_bytes(data)
    return flip


BEFORE = [
    ("the log is gone", lambda s: beside(s, "-wal").unlink(), "is missing or empty"),
    ("the log is empty", lambda s: os.truncate(beside(s, "-wal"), 0), "is missing or empty"),
    ("the log is cut at a frame", cut_frames, "frames were committed"),
    ("the head of the log is damaged", flip_in("-wal", 9), "the head of the log"),
    ("a frame of the log is damaged", flip_in("-wal", 0.4), "is damaged"),
    ("database and log are gone", gone, "its reserve"),
    ("an older copy stands in the place of the database", older_copy, "recourse.db"),
]


@case("after a crash: what is missing, cut or damaged is refused and named, and nothing is made anew")
def before(world):
    server, hub = world.example(concurrent=30)
    api = server.api
    for n in range(1, 5):
        submit(api, n)
    eventually(lambda: len(api.list("state=completed")) == 4, "some are completed")
    server.cli("backup", server.store.with_name("old.db"), "--store", server.store)
    kept = [submit(api, n) for n in range(10, 60)]
    eventually(lambda: len(api.list("state=completed")) == 54, "all are completed")
    server.kill()
    files = {suffix: beside(server, suffix).read_bytes() for suffix in ("", "-wal", ".lock")}
    for name, harm, wanted in BEFORE:
        for suffix, data in files.items():
            beside(server, suffix).write_bytes(data)
        beside(server, "-shm").unlink(missing_ok=True)
        harm(server)
        fault(name)
        left = {suffix: beside(server, suffix).read_bytes() for suffix in ("", "-wal") if beside(server, suffix).exists()}
        said = server.refuses_to_start()
        true(wanted in said and server.store.name in said, f"{name}: expected {wanted!r} in {said}")
        for suffix in ("", "-wal"):
            file = beside(server, suffix)
            equal(file.exists(), suffix in left, f"{name}: {file.name} is there")
            true(not file.exists() or file.read_bytes() == left[suffix], f"{name}: {file.name} must be left as it is")
    for suffix, data in files.items():
        beside(server, suffix).write_bytes(data)
    server.start()
    true(set(kept) <= {r["id"] for r in api.list()}, "with its files it starts, and all are there")


# ---- a history that cannot be read -------------------------------------------------------------------------------------------------

def first_history_page(store):
    with closing(sqlite3.connect(store)) as db:
        return db.execute("SELECT pageno FROM dbstat WHERE name = 'history' AND pagetype = 'leaf' ORDER BY path LIMIT 1").fetchone()[0]


@case("one history cannot be read: it is named, by the log, the API and the doctor; the server starts, and all others go on")
def one_damaged(world):
    server, hub = world.example(timeout="60s", concurrent=60, more=["--drain", "0s"])
    api = server.api
    first = api.submit(PR, pull(1, repo="r1", title="fault=hang-after")).must(201).json["id"]
    eventually(lambda: hub.fired("hang-after"), "the first is out")
    for n in range(2, 40):
        submit(api, n)
    eventually(lambda: len(api.list("state=completed")) == 38, "all but the first are completed")
    last = api.submit(PR, pull(50, repo="r50", title="fault=hang-after")).must(201).json["id"]
    eventually(lambda: len(hub.fired("hang-after")) == 2, "the last is out")
    equal(server.stop(), 0, "exit code")
    page = first_history_page(server.store)
    data = bytearray(server.store.read_bytes())
    data[page * PAGE - 200] ^= 1
    server.store.write_bytes(data)
    fault("a history is damaged")
    for crashed in (True, False):  # it is read through at the start, or it is not
        beside(server, ".lock").write_text("12345\n" if crashed else "")
        server.start()
        eventually(lambda: api.metric("commands_damaged") == 1, "the metric says so")
        eventually(lambda: f"page {page} " in server.process.output, "the log names the page")
        eventually(lambda: first in server.process.output, lambda: f"the log names it: {server.process.output}")
        contains(api.get(f"/v1/commands/{first}").problem(503, "store-damaged")["detail"], f"page {page}", "the API")
        api.until_state(last, "completed")
        fresh = api.submit(PR, pull(60 + crashed, repo=f"r{60 + crashed}")).must(201).json["id"]
        api.until_state(fresh, "completed")
        equal(api.get("/readyz").status, 200, "ready")
        found = subprocess.run([str(server.argv[0]), "doctor", "--store", str(server.store)], capture_output=True, text=True)
        contains(found.stdout, "history", "the doctor")
        contains(found.stdout, first, "the doctor")
        equal(server.stop(), 0, "exit code")
    equal(hub.stats()["duplicates"], 0, "duplicates")


# ---- reads that fail, the lock file, a disk that is only read -------------------------------------------------------------------------

@case("reads of the disk fail: a clear error, nothing is made up, and it goes on when they work again")
def read_errors(world):
    hub = world.standin()
    defs = world.write(create_pr=example_flow(), github=example_dependency(hub.port))
    server = WorseServer(world, defs=defs).start()
    api = server.api
    ids = [submit(api, n) for n in range(1, 20)]
    eventually(lambda: len(api.list("state=completed")) == 19, "all are completed")
    server.control["read_fails"] = 1 << 40
    answers = []
    for n in range(100, 130):
        submit(api, n)  # what others have read is old then, and has to be read again
        try:
            answers.append(api.get(f"/v1/commands/{ids[n % 19]}"))
        except (OSError, http.client.HTTPException):
            continue
        if answers[-1].status != 200:
            break
    server.control["read_fails"] = 0
    true(server.control["read_failed"] > 0, "no read has failed")
    fault("reads fail")
    true(all(a.status in (200, 503) for a in answers), f"answers: {answers}")
    eventually(lambda: submit(api, 200), "it takes work again", pause=0.2)
    for id in ids:
        equal(eventually(lambda id=id: api.get(f"/v1/commands/{id}"), "an answer").must(200).json["state"], "completed", "state")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("the lock file is removed: a second server is refused all the same")
def lock_removed(world):
    server, hub = world.example()
    beside(server, ".lock").unlink()
    said = world.server(store=server.store).refuses_to_start()
    contains(said, "lock file", "the refusal")
    fault("the lock file is removed")
    server.api.until_state(server.api.submit(PR, pull(1)).must(201).json["id"], "completed")
    server.kill()
    server.start()
    equal(len(server.api.list()), 1, "it has its store")


def small_disk(world, size):
    """A folder that is a disk of its own, until the world ends."""
    if os.geteuid() != 0:
        raise Skip("needs root, to mount a small tmpfs")
    folder = world.dir / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True).returncode:
        raise Skip("cannot mount a tmpfs")
    world.closers.append(lambda: subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True))
    return folder


@case("a disk that can only be read is refused, with the reason")
def read_only(world):
    folder = small_disk(world, "48m")
    server = world.server(store=folder / "recourse.db").start()
    equal(server.stop(), 0, "exit code")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    contains(server.refuses_to_start().lower(), "read-only", "the refusal")
    fault("read-only disk")
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    server.start()


@case("a reader that stays makes the log grow until the disk is full; when it is gone there is room again")
def log_grows(world):
    folder = small_disk(world, "32m")
    hub = world.standin()
    defs = world.write(create_pr=example_flow(), github=example_dependency(hub.port, 64))
    server = world.server(store=folder / "recourse.db", defs=defs).start()
    api = server.api
    submit(api, 1)
    reader = sqlite3.connect(f"file:{server.store}?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM command").fetchall()
    refused, n = None, 10
    while not refused and n < 60000:
        lines = [{"type": PR, "payload": pull(n + i, repo=f"r{n + i}", title="x" * 200)} for i in range(200)]
        answer = api.post("/v1/commands/batch", b"".join(json_line(line) for line in lines), {"Content-Type": "application/x-ndjson"})
        if answer.status != 200 or "storage-full" in answer.text:
            refused = answer
        n += 200
    true(refused, "the disk did not fill")
    fault("a reader that stays")
    contains(refused.text, "storage-full", "the refusal")
    reader.close()
    eventually(lambda: submit(api, 100001), "there is room again", pause=0.2)


def json_line(line):
    import json
    return json.dumps(line).encode() + b"\n"


if __name__ == "__main__":
    try:
        main()
    finally:
        note(f"figure worse_faults {len(faults)}")

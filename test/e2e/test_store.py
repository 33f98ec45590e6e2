"""The store as a file: one owner, no foreign or damaged or newer file, and a disk that becomes full and free again."""
import sqlite3
import time

from disk import Disk
from kit import PR, RESTING, case, changed, contains, dependency, equal, eventually, example_dependency, example_flow, in_threads, main, noise, note, pull, simple_flow, true
from slow import Slow
from worse import go_on, stop


def filled(world, n=300):
    """A stopped server whose store holds n completed commands."""
    server, hub = world.example(concurrent=64)
    for i in range(1, n + 1):
        server.api.submit(PR, pull(i, repo=f"r{i}")).must(201)
    eventually(lambda: len(server.api.list("state=completed")) == n, "all are completed")
    equal(server.stop(), 0, "exit code")
    return server, hub


@case("a second server on the same file is refused, and told who has it")
def second(world):
    server, hub = world.example()
    pid = str(server.process.p.pid)
    other = world.server(store=server.store)
    contains(other.refuses_to_start(), pid, "the refusal")
    link = world.dir / "link.db"
    link.symlink_to(server.store)
    contains(world.server(store=link).refuses_to_start(), pid, "the refusal by another name")
    server.api.until_state(server.api.submit(PR, pull(1)).must(201).json["id"], "completed")
    server.kill()
    third = world.server(store=server.store, defs=server.defs).start()
    equal(len(third.api.list()), 1, "after kill -9 another one may have it")


@case("a store of a newer version is refused")
def newer(world):
    server, hub = filled(world, 1)
    with changed(server.store) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute(f"PRAGMA user_version = {version + 1}")
    before = server.store.read_bytes()
    said = server.refuses_to_start()
    contains(said, "newer", "the refusal")
    contains(said, server.store.name, "the refusal")
    true(server.store.read_bytes() == before, "the file must be left as it is")


@case("what is no store, is cut short or is damaged is refused with a clear message")
def damaged(world):
    server, hub = filled(world)
    whole = server.store.read_bytes()
    true(len(whole) > 40 * 4096, f"the store is too small for this test: {len(whole)}")
    noise = bytes(range(256)) * 16

    def with_pages(*pages):
        broken = bytearray(whole)
        for page in pages:
            broken[page * 4096:(page + 1) * 4096] = noise
        return bytes(broken)

    foreign = world.dir / "foreign.db"
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE t (x)")
    db.commit()
    db.close()
    cases = [("empty", b"", "empty"), ("text", b"hello, this is no database\n" * 400, "not a store"), ("short", whole[:50], "not a store"),
             ("cut to half", whole[:len(whole) // 2 // 4096 * 4096], "cut short"), ("cut within a page", whole[:-100], "cut short"),
             ("foreign", foreign.read_bytes(), "not a store of Recourse"), ("first page", noise + whole[4096:], "not a store"),
             ("a page of the schema", with_pages(1), "damaged"), ("pages in the middle", with_pages(*range(10, 30)), "damaged")]
    for name, content, wanted in cases:
        server.store.write_bytes(content)
        for end in ("-wal", "-shm"):
            server.store.with_name(server.store.name + end).unlink(missing_ok=True)
        # as a crash leaves it: the last owner has not said that all is well
        server.store.with_name(server.store.name + ".lock").write_text("1\n")
        said = server.refuses_to_start()
        true(wanted in said and server.store.name in said, f"{name}: expected {wanted!r} in {said}")
        true(server.store.read_bytes() == content, f"{name}: the file must be left as it is")
    server.store.write_bytes(whole)
    server.start()
    equal(len(server.api.list()), 300, "the whole one")


@case("the log of a crash without its store, and a directory that is not there, are refused")
def missing(world):
    server, hub = world.example()
    server.api.until_state(server.api.submit(PR, pull(1)).must(201).json["id"], "completed")
    server.kill()
    server.store.unlink()
    contains(server.refuses_to_start(), "missing", "the refusal")
    contains(world.server(store=world.dir / "nowhere" / "x.db").refuses_to_start(), "directory", "the refusal")
    contains(world.server(store=world.dir).refuses_to_start(), "regular file", "the refusal")


@case("a torn end of the log is what never was: the rest is there")
def torn(world):
    server, hub = world.example()
    ids = []
    for n in range(1, 40):
        ids.append(server.api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"])
    for id in ids:
        server.api.until_state(id, "completed")
    server.kill()
    log = server.store.with_name(server.store.name + "-wal")
    with open(log, "ab") as f:
        f.write(noise(6000))
    server.start()
    equal({r["state"] for r in server.api.list()}, {"completed"}, "states")
    equal(len(server.api.list()), 39, "commands")


@case("the store can be read with the sqlite3 of anybody while the server runs")
def readable(world):
    server, hub = world.example()
    id = server.api.submit(PR, pull(1)).must(201).json["id"]
    server.api.until_state(id, "completed")
    db = sqlite3.connect(f"file:{server.store}?mode=ro", uri=True)
    views = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    true("commands" in views, f"views: {views}")
    rows = db.execute("SELECT * FROM commands")
    columns, row = [c[0] for c in rows.description], rows.fetchone()
    equal(dict(zip(columns, row))["state"], "completed", "state in words")
    db.close()


# ---- the disk is full ---------------------------------------------------------------------------------------------------

@case("full disk: 507 for new work, reads go on, what has left is kept, nothing new leaves, and it resumes by itself")
def full(world):
    disk = Disk(world, 48)
    hub = world.standin()
    defs = world.write(create_pr=example_flow(timeout="5m"), github=example_dependency(hub.port, 400))
    server = world.server(store=disk.path / "recourse.db", defs=defs).start()
    api = server.api

    rejected = [api.submit(PR, pull(n, repo=f"r{n}", title="fault=422")).must(201).json["id"] for n in (1, 2, 3)]
    for id in rejected:
        api.until_state(id, "rejected")
    flying = in_threads(200, lambda i: api.submit(PR, pull(11 + i, repo=f"r{11 + i}", title="fault=slow:8000")).must(201).json["id"])
    eventually(lambda: len(hub.fired("slow")) == 200, "two hundred requests are out")
    stop(hub.process)  # nobody is answered before the disk is full, however long that takes
    true(api.get("/readyz").must(200).json["room"], "there is room")
    disk.fill()
    refused, stored = None, []
    for n in range(1000, 6000):
        got = api.submit(PR, pull(n, repo="later", title="x" * 200))
        if got.status != 201:
            refused = got
            break
        stored.append(got.json["id"])
    true(refused, f"{len(stored)} were stored on a full disk")
    refused.problem(507, "storage-full")
    note(f"{len(stored)} submissions found room in what the store already had")
    eventually(lambda: not api.get("/readyz").json["room"], "readyz says so")
    equal(api.get("/healthz").status, 200, "health")
    equal(api.get(f"/v1/commands/by-key?type={PR}&key={n}%2Fcreate_pr").status, 404, "what was refused is not there")
    equal(api.submit(PR, pull(1, repo="r1", title="fault=422")).must(200).json["id"], rejected[0], "a repeat needs no room")

    sent = len(hub.journal())
    equal(hub.journal("POST", "/issues/"), [], "labels that left before the disk was full")
    api.act(rejected[0], "cancel", reason="the disk is full").must(200)
    equal(api.command(rejected[0])["state"], "cancelled", "an operator's action is kept")
    api.act(rejected[1], "resolve", verdict="accepted_as_is", reason="the disk is full").must(200)
    api.act(rejected[2], "retry", reason="the disk is full").must(200)
    go_on(hub.process)

    def kept():
        return all(api.command(id)["steps"][0]["state"] == "succeeded" for id in flying)
    eventually(kept, "the results of what had left are kept", pause=0.5)
    reserve = (disk.path / "recourse.db.reserve").stat().st_size
    note(f"{reserve} bytes are left of the reserve")
    true(reserve < 16 << 20, "the reserve was not needed, so nothing was shown")
    time.sleep(0.5)
    later = [e for e in hub.journal()[sent:]]
    equal(later, [], "requests that left while the disk was full")
    waiting = {api.command(id)["steps"][1]["phase"] for id in flying}
    equal(waiting, {"ready"}, "phase of the labels")
    true(len(api.list()) == 203 + len(stored) and api.explain(flying[0]) and api.history(flying[0]), "reading goes on")
    api.submit(PR, pull(7000)).problem(507, "storage-full")

    disk.clear()
    eventually(lambda: api.get("/readyz").json["room"], "room is found again")
    for id in flying:
        api.until_state(id, "completed")
    for id in stored:
        api.until_state(id, "completed")
    api.until_state(rejected[2], "completed")
    api.until_state(api.submit(PR, pull(7000, repo="after")).must(201).json["id"], "completed")
    equal(hub.stats()["duplicates"], 0, "duplicates")
    equal(sum(e["acted"] for e in hub.journal("POST", "/pulls")), 200 + len(stored) + 2, "pull requests")


@case("killed on a full disk: it starts, reads, keeps refusing, and resumes")
def full_and_killed(world):
    disk = Disk(world, 48)
    hub = world.standin()
    defs = world.write(create_pr=example_flow(timeout="1500ms"), github=example_dependency(hub.port, 400))
    server = world.server(store=disk.path / "recourse.db", defs=defs).start()
    api = server.api
    flying = [api.submit(PR, pull(n, repo=f"r{n}", title="fault=slow:1000")).must(201).json["id"] for n in range(1, 11)]
    eventually(lambda: len(hub.fired("slow")) == 10, "ten requests are out")
    disk.fill()
    for n in range(1000, 6000):
        if api.submit(PR, pull(n, repo="later")).status != 201:
            break
    else:
        true(False, "the disk did not fill")
    server.kill()
    sent = len(hub.journal())
    server.start()
    api.submit(PR, pull(9000)).problem(507, "storage-full")
    equal(len(api.list("type=" + PR)), 10 + n - 1000, "commands")
    time.sleep(0.5)
    equal(len(hub.journal()), sent, "requests that left while the disk was full")
    disk.clear()
    for row in api.list():
        api.until_state(row["id"], "completed")
    equal(hub.stats()["duplicates"], 0, "duplicates")
    true(all(r["state"] in RESTING for r in api.list()), "all rest")


TELL = """\
flow: tell
payload: { type: object, required: [command, reason, link], properties: { command: { type: string }, reason: { type: string }, link: { type: string } } }
steps:
  - id: keep
    set: { command: "${payload.command}", reason: "${payload.reason}" }
"""


@case("a full disk, and kill -9: whoever could not be told that a person is wanted is told when there is room, once")
def full_and_untold(world):
    disk, slow = Disk(world, 48), Slow(world)
    ask = simple_flow("ask", "slow", path="/${payload.n}") + "  - id: ask\n    escalate: { question: what now, answers: [go, stop] }\n"
    defs = world.write(ask=ask, slow=dependency("slow", f"http://127.0.0.1:{slow.port}", concurrent=10), tell=TELL)
    server = world.server(store=disk.path / "recourse.db", defs=defs, more=["--notify", "tell"]).start()
    api = server.api
    asked = [api.submit("ask", {"n": n}).must(201).json["id"] for n in range(1, 11)]
    slow.has(*range(1, 11))
    disk.fill()
    for n in range(1000, 9000):
        if api.submit("ask", {"n": n}).status != 201:
            break
    else:
        true(False, "the disk did not fill")
    slow.let(*range(1, 11))
    for id in asked:
        eventually(lambda: api.explain(id)["asks"], f"people are asked by {id}")
    for _ in range(2):
        equal(api.list("type=tell"), [], "who is told while there is no room")
        server.kill()
        server.start()
    disk.clear()

    def told():
        rows = api.list("type=tell")
        return sorted(tuple(api.command(row["id"])["payload"][k] for k in ("command", "reason")) for row in rows)
    want = sorted((id, "question") for id in asked)
    eventually(lambda: told() == want, lambda: f"{told()}, not {want}", pause=0.5)
    server.kill()
    server.start()
    slow.let("all")
    api.submit("ask", {"n": 10000}).must(201)
    eventually(lambda: len(told()) == len(api.list("type=ask")), "the others are told of, too")
    equal(len(set(told())), len(told()), "commands that are told of once")


@case("the files of a store are nobody else's to read")
def private(world):
    server, _ = world.example()
    server.api.submit(PR, pull(1)).must(201)
    open_ = [p.name for p in world.dir.glob("recourse.db*") if p.stat().st_mode & 0o077 and not p.name.endswith(".log")]
    equal(open_, [], "files that others may read")


if __name__ == "__main__":
    main()

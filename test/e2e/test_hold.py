"""Old backups restored over newer states: the store holds, nothing leaves, and after the release nothing is done twice."""
import hashlib
import http.client
import json
import os
import shutil
import threading
from pathlib import Path

from kit import PR, case, changed, contains, equal, eventually, example_dependency, example_flow, main, note, pull, simple_flow, true

TIER = os.environ.get("RC_TIER", "quick")
ROUNDS = int(os.environ.get("RC_HOLD_ROUNDS", {"quick": 4, "ci": 12}.get(TIER, 100)))  # restores under load


def files(server):
    return list(server.store.parent.glob(server.store.name + "*"))


def put_in_place(server, copy):
    """As somebody does who restores by the book: the old files go, all of them, and a copy of the copy comes."""
    for file in files(server):
        file.unlink()
    shutil.copy(copy, server.store)


def forget_marks(server):
    """Negative control: what a snapshot of the whole disk looks like, where neither the file nor what stands beside it tells."""
    with changed(server.store) as db:
        db.execute("UPDATE life SET cause = 0, at = 0")
        numbers = db.execute("SELECT life.id, change, audit FROM life, high").fetchone()
    line = "recourse-life " + "".join(f"{n:020d} " for n in numbers)
    life = server.store.parent / (server.store.name + ".life")
    life.write_text(line + hashlib.sha256(line.encode()).hexdigest()[:16] + "\n")


def blind_flow():
    """A step that nobody can check, and that must not be done twice."""
    return simple_flow("blind", "github", "timeout: 5s\nretry: { limit: { attempts: 2 } }",
                       body='{ title: "t-${payload.n}", head: "b-${payload.n}", base: main }', path="/repos/acme/blind/pulls")


def made(hub, repo):
    """How often each pull request was made, by its head."""
    counts = {}
    for one in hub.pulls(repo):
        head = json.dumps(one["head"])
        counts[head] = counts.get(head, 0) + 1
    return counts


def twice(hub, repo):
    return {head: n for head, n in made(hub, repo).items() if n > 1}


def world_of(world):
    hub = world.standin()
    defs = world.write(create_pr=example_flow(timeout="5s", settle="50ms"), blind=blind_flow(),
                       github=example_dependency(hub.port, concurrent=2))
    return hub, world.server(defs=defs).start()


def work_on(server, n, first=1):
    """n commands with a check, and n without one; the ids by what they make."""
    ids = {}
    for i in range(first, first + n):
        ids["web", i] = server.api.submit(PR, pull(i, title=f"Change {i}")).must(201).json["id"]
        ids["blind", i] = server.api.submit("blind", {"n": i}, key=f"blind-{i}").must(201).json["id"]
    return ids


def backup_in_the_middle(world, hub, server, n):
    """A copy while much waits; then everything that waits is done. The ids of the commands that the copy knows."""
    hub.faults({"match": "", "fault": "slow:500", "times": 100000})
    ids = work_on(server, n)
    copy = world.dir / "copy.db"
    server.cli("backup", copy, "--store", server.store, "--quiet")
    hub.clear_faults()
    for id in ids.values():
        server.api.until_state(id, "completed")
    return ids, copy


@case("an old backup over a newer state: nothing leaves, nothing is done twice, a person decides what nobody can know")
def restored(world):
    hub, server = world_of(world)
    ids, copy = backup_in_the_middle(world, hub, server, 20)
    lost = work_on(server, 5, first=100)  # of these the copy knows nothing
    for id in lost.values():
        server.api.until_state(id, "completed")
    was = {repo: made(hub, repo) for repo in ("web", "blind")}
    equal([len(n) for n in was.values()], [25, 25], "all of it was done")
    server.kill()
    put_in_place(server, copy)
    journal = len(hub.journal())
    server.start()
    window = server.window()
    equal((window["cause"], window["released"]), ("backup", None), "why it holds")
    true(window["from"] < window["until"], "the window")
    true(window["commands"] > 0 and window["checks"] + window["repeats"] + window["reviews"] >= window["commands"], f"what was under way: {window}")
    note(f"figure restored_commands {window['commands']}")
    # everything says so
    answer = server.api.get("/v1/commands")
    equal(answer.headers["Recourse-Hold"], window["id"], "the header")
    true(any(row.get("restored", {}).get("why") == "open_then" for row in answer.json["commands"]), "commands are pointed out")
    equal(server.api.get("/readyz").must(200).json["held"], True, "ready")
    equal(server.api.metric("storage_held"), 1, "metric")
    true(any(r["event"] == "hold" and r["level"] == "warn" for r in server.records()), "the log")
    contains(server.cli("hold", "show"), window["id"], "recourse hold show")
    contains(server.cli("doctor", "--store", server.store), "the store is held", "recourse doctor")
    # work is taken in, repeats are pointed out, nothing leaves
    again = server.api.submit(PR, pull(100, title="Change 100")).must(201).json
    equal((again["restored"]["why"], again["restored"]["window"]), ("new_key", window["id"]), "a key of the lost time")
    repeat = server.api.submit(PR, pull(20, title="Change 20"))
    equal((repeat.status, repeat.json["id"]), (200, ids["web", 20]), "a repeat")
    equal(repeat.json["restored"]["why"], "open_then", "it is pointed out")
    server.kill()
    server.start()
    equal(server.window()["id"], window["id"], "the same window after a crash")
    equal(server.api.metric("attempts_total"), 0, "attempts")
    equal(len(hub.journal()), journal, "nothing has left")
    # who sees that a key may have been used looks outside, and takes the repeat back: it was done in the lost time
    server.api.act(again["id"], "cancel", reason="the other side has it").must(200)
    equal(server.api.command(again["id"])["state"], "cancelled", "the repeat")
    # released: what has a check is asked for, the rest is a person's
    server.api.post("/v1/hold/release", {"window": "0" * 16, "reason": "not looked"}).problem(404, "not-found")
    server.release()
    for (repo, _), id in ids.items():
        state = server.api.until_resting(id)["state"]
        true(state == "completed" or (repo == "blind" and state == "review"), f"{repo}: {state}")
    equal(twice(hub, "web"), {}, "done twice")
    equal(twice(hub, "blind"), {}, "done twice")
    review = server.api.list("state=review&why=restored")
    true(len(review) > 0 and all(row["type"] == "blind" for row in review), "a person's")
    for row in review:
        server.api.act(row["id"], "resolve", verdict="happened", reason="the other side has it").must(200)
        server.api.until_state(row["id"], "completed")
    equal({repo: made(hub, repo) for repo in was}, was, "what stands outside")
    later = server.api.submit("blind", {"n": 999}, key="later").must(201).json
    equal(later["restored"]["why"], "new_key", "new keys are watched for a while")
    server.cli("audit", "verify", "--store", server.store)
    server.stop()
    server.cli("audit", "verify", "--store", server.store)


@case("negative control: the same restore, and nothing tells that it is one: work is done twice")
def without(world):
    hub, server = world_of(world)
    _, copy = backup_in_the_middle(world, hub, server, 20)
    server.kill()
    put_in_place(server, copy)
    forget_marks(server)
    server.start()
    equal(server.api.get("/v1/hold").must(200).json["held"], False, "held")
    eventually(lambda: all(row["ended"] or row["state"] == "review" for row in server.api.list()), "it has gone on")
    true(twice(hub, "blind"), "what waited in the copy was done once more")


@case("a file is known for an older one, or another one, or one alone; --hold asks for it")
def known(world):
    hub, server = world_of(world)
    work_on(server, 1)
    server.stop()
    old = world.dir / "old.db"
    shutil.copy(server.store, old)
    life = server.store.parent / (server.store.name + ".life")

    def starts(cause):
        server.start()
        said = server.api.get("/v1/hold").must(200).json
        equal(said["window"] and said["window"]["cause"], cause, "why it holds")
        if cause:
            server.release()
        server.stop()

    starts(None)
    server.start()
    work_on(server, 1, first=50)
    server.stop()
    shutil.copy(old, server.store)  # cp over the file
    starts("older")
    starts(None)
    life.unlink()
    starts("alone")
    for file in files(server):
        if file != life:
            file.unlink()
    starts("other")  # an empty store where another one has lived
    for file in files(server):
        file.unlink()
    starts(None)
    asked = world.server(store=server.store, defs=server.defs, more=["--hold", "--hold-submissions", "refuse"]).start()
    equal(asked.window()["cause"], "asked", "why it holds")
    asked.api.submit(PR, pull(7, title="Change 7")).problem(503, "on-hold")
    asked.release()
    asked.api.submit(PR, pull(7, title="Change 7")).must(201)


@case("a copy beside the log of another store is refused, not read as one")
def foreign_log(world):
    hub, server = world_of(world)
    copy = world.dir / "copy.db"
    server.cli("backup", copy, "--store", server.store, "--quiet")
    work_on(server, 2)
    server.kill()
    shutil.copy(copy, server.store)
    contains(server.refuses_to_start(), "-wal", "what it says")


@case(f"{ROUNDS} restores under load, killed while the store is looked through and while it is released")
def rounds(world):
    hub, server = world_of(world)
    doubled, commands = {}, 0
    for round in range(ROUNDS):
        stop, copy = threading.Event(), world.dir / f"copy{round}.db"

        def submit(k):
            api = type(server.api)(server.port)
            for i in range(10000):
                if stop.is_set():
                    return
                n = round * 100000 + k * 10000 + i + 1
                try:
                    api.submit(PR, pull(n, title=f"Change {n}"))
                    api.submit("blind", {"n": n}, key=f"blind-{n}")
                except (OSError, http.client.HTTPException):
                    return

        threads = [threading.Thread(target=submit, args=(k,)) for k in range(3)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(hub.pulls("web")) > 10 * (round + 1), "work goes on")
        server.cli("backup", copy, "--store", server.store, "--quiet")
        seen = len(hub.pulls("web"))
        eventually(lambda: len(hub.pulls("web")) > seen + 10, "work goes on behind the copy")
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        put_in_place(server, copy)
        server.launch().kill()  # at some time of its start
        server.start()
        window = server.window()
        commands += window["commands"]
        if round % 2:  # killed while it is released: it is, or it is not, and asking again is fine
            def ask():
                try:
                    server.api.post("/v1/hold/release", {"window": window["id"], "reason": "looked"})
                except (OSError, http.client.HTTPException):
                    pass
            asked = threading.Thread(target=ask)
            asked.start()
            server.kill()
            asked.join()
            server.start()
        body = {"window": window["id"], "reason": "looked at it"}
        server.api.post("/v1/hold/release", body).must(200)
        equal(server.api.post("/v1/hold/release", body).must(200).headers["Idempotency-Replayed"], "true", "once")
        eventually(lambda: all(row["ended"] or row["state"] == "review" for row in server.api.list()), "everything rests", most=120)
        for row in server.api.list("state=review"):
            server.api.act(row["id"], "resolve", verdict="happened", reason="looked").must(200)
        eventually(lambda: all(row["ended"] for row in server.api.list()), "everything ends", most=120)
        doubled = {**twice(hub, "web"), **twice(hub, "blind")}
        equal(doubled, {}, "done twice")
    note(f"figure restores {ROUNDS}")
    note(f"figure restored_commands_under_way {commands}")
    server.stop()
    server.cli("audit", "verify", "--store", server.store)


@case("restore: a copy is put in place, the old store is kept whole, and the server holds")
def restore(world):
    _, server = world_of(world)
    server.api.until_state(server.api.submit(PR, pull(1)).must(201).json["id"], "completed")
    copy = world.dir / "copy.db"
    server.cli("backup", copy, "--store", server.store, "--quiet")
    later = server.api.submit(PR, pull(2)).must(201).json["id"]
    contains(server.cli("restore", copy, "--store", server.store, code=5), "in use")
    server.api.until_state(later, "completed")  # nothing was touched
    server.stop()
    before = copy.read_bytes()
    server.cli("restore", world.dir / "nothing.db", "--store", server.store, code=4)
    server.cli("restore", server.store, "--store", server.store, code=3)
    torn = world.dir / "torn.db"
    torn.write_bytes(before[:len(before) // 2])
    server.cli("restore", torn, "--store", server.store, code=5)
    true(server.store.exists() and not list(server.store.parent.glob("*restoring*")), "a refusal leaves nothing behind")
    done = server.cli("restore", copy, "--store", server.store, json_out=True)
    kept = Path(done["kept"])
    equal((done["commands"], done["held"], copy.read_bytes() == before), (1, True, True), "what was restored")
    server.start()
    equal(server.api.get("/v1/hold").must(200).json["held"], True, "it holds")
    equal(server.api.get("/v1/hold").must(200).json["window"]["cause"], "backup", "and says why")
    server.api.get(f"/v1/commands/{later}").must(404)
    server.stop()
    said = server.cli("restore", kept, "--store", server.store)  # and back: what was kept is a whole store
    contains(said, "is kept as")
    contains(said, "recourse hold release")
    server.start()
    server.api.get(f"/v1/commands/{later}").must(200)
    equal(server.api.get("/v1/hold").must(200).json["held"], True, "another life of the store went on since")
    server.stop()
    empty = world.dir / "new" / "recourse.db"
    empty.parent.mkdir()
    equal(server.cli("restore", copy, "--store", empty, json_out=True)["kept"], "", "nothing stood there")


main()

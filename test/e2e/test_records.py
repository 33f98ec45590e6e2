"""The record of what people did, from outside: the list, verifying beside a running server and without one."""
import http.client
import itertools
import json
import re
import sqlite3
import threading

from kit import (PR, case, changed, dependency, equal, eventually, example_dependency, example_flow, free_port, main, pull, simple_flow,
                 true)


def act_some(server, n):
    """n actions on one command that failed."""
    id = server.api.submit("lone", {"n": 1}).must(201).json["id"]
    for i in range(n):
        server.api.act(id, "note", reason=f"looked at it {i}", actor="anna").must(200)
    return id


def verify(server, *more, code=0):
    return server.cli("audit", "verify", "--store", server.store, *more, code=code)


def start(world):
    defs = world.write(lone=simple_flow("lone", "closed", "timeout: 1s"), closed=dependency("closed", f"http://127.0.0.1:{free_port()}"))
    return world.server(defs=defs).start()


@case("the audit lists what people did and verifies, beside the server and without it")
def lists_and_verifies(world):
    server = start(world)
    id = act_some(server, 3)
    page = server.api.get(f"/v1/audit?command={id}&limit=2").must(200).json
    equal([e["action"] for e in page["entries"]], ["note", "note"], "actions")
    equal(page["entries"][0]["data"]["actor"], "anna", "actor")
    rest = server.api.get(f"/v1/audit?command={id}&before={page['next']}").must(200).json
    equal(len(rest["entries"]), 1, "the rest")
    equal(rest["next"] is None, True, "no more")
    text = server.cli("audit", "list")
    true("anna" in text and "looked at it 2" in text and "definition added" in text, f"the list: {text}")
    alive = verify(server)
    pin = re.search(r"^pin (\d+:[0-9a-f]{64})$", alive, re.M).group(1)
    server.api.act(id, "note", reason="once more").must(200)
    last = server.api.get(f"/v1/audit?command={id}&limit=2").must(200).json
    server.stop()
    equal(server.cli("audit", "list", "--store", server.store, "--command", id, "--limit", 2, json_out=True), last, "from the file")
    true("anna" in server.cli("audit", "list", "--store", server.store), "from the file, as a table")
    server.cli("audit", "list", "--store", server.store, "--limit", 201, code=2)
    said = json.loads(verify(server, "--pin", pin, "--json"))
    equal((said["valid"], said["entries"]), (True, int(pin.split(":")[0]) + 1), "verdict")


@case("what was done to the file is named")
def tampering(world):
    server = start(world)
    act_some(server, 3)
    pin = verify(server).split("pin ")[1].strip()
    server.stop()
    with changed(server.store) as db:
        db.execute("UPDATE audit SET data = replace(data, 'looked', 'lurked') WHERE number = 4")
    true("entry 4 does not fit" in verify(server, code=1), "the entry is named")
    with changed(server.store) as db:
        db.execute("UPDATE audit SET data = replace(data, 'lurked', 'looked') WHERE number = 4")
    verify(server)
    # a missing end, with the counter set back: only the pin shows it
    with changed(server.store) as db:
        db.execute("DELETE FROM audit WHERE number = 5")
        db.execute("UPDATE high SET audit = 4")
    verify(server)
    true("entry 5 does not fit" in verify(server, "--pin", pin, code=1), "the entry is named")


@case("a wrong pin, a missing store and a file that is none are refused")
def refusals(world):
    server = start(world)
    server.cli("audit", "verify", "--pin", "x", code=2)
    server.cli("audit", "shout", code=2)
    server.cli("audit", "verify", "--store", world.dir / "nothing.db", code=4)
    (world.dir / "text.db").write_text("this is no store")
    true("no SQLite database" in server.cli("audit", "verify", "--store", world.dir / "text.db", code=5), "it says why")


# ---- purging --------------------------------------------------------------------------------------------------------------

def with_standin(world, **more):
    hub = world.standin()
    defs = world.write(one=simple_flow("one", "hub", **more), hub=dependency("hub", f"http://127.0.0.1:{hub.port}"),
                       lone=simple_flow("lone", "closed", "timeout: 1s"), closed=dependency("closed", f"http://127.0.0.1:{free_port()}"))
    return hub, world.server(defs=defs).start()


def done(server, n, **more):
    id = server.api.submit("one", {"n": n, "secret": f"PERSONAL-{n}"}, key=f"KEY-{n}", **more).must(201).json["id"]
    server.api.until_state(id, "completed")
    return id


def files_with(world, store, text):
    return sorted(f.name for f in world.dir.glob(f"{store.name}*") if text.encode() in f.read_bytes())


@case("who asks to be forgotten is: from the answers, and after compacting from the files; the key does not run again")
def forgotten(world):
    hub, server = with_standin(world)
    gone = [done(server, n, refs={"customer": "7"}, actor="PERSONAL-actor") for n in range(3)]
    kept = done(server, 9, refs={"customer": "8"})
    server.api.act(gone[0], "note", reason="PERSONAL-note").must(200)
    calls = len(hub.journal())
    said = server.cli("purge", "--ref", "customer=7", "--dry-run")
    true("3 commands" in said and gone[0] in said, f"the preview: {said}")
    equal(server.api.command(gone[0])["state"], "completed", "a preview changes nothing")
    said = server.cli("purge", "--ref", "customer=7", "--reason", "asked for", "--compact", "--yes")
    true("3 purged" in said, f"the purge: {said}")
    for id in gone:
        server.api.get(f"/v1/commands/{id}").problem(410, "purged")
        server.api.get(f"/v1/commands/{id}/history").problem(410, "purged")
    wrong = gone[0][:-1] + ("0" if gone[0][-1] != "0" else "1")
    server.api.get(f"/v1/commands/{wrong}").problem(404, "not-found")
    equal([c["id"] for c in server.api.list("ref=customer%3D7")], [], "by the label")
    equal([c["id"] for c in server.api.list()], [kept], "the list")
    for payload in ({"n": 1, "secret": "PERSONAL-1"}, {"n": 1, "secret": "another"}):
        server.api.submit("one", payload, key="KEY-1").problem(410, "purged")
    equal(len(hub.journal()), calls, "nothing ran again")
    equal(files_with(world, server.store, "PERSONAL-0"), [], "files that hold the payload")
    equal(files_with(world, server.store, "PERSONAL-actor"), [], "files that hold the actor")
    equal(files_with(world, server.store, "PERSONAL-note"), [], "files that hold the note")
    equal(files_with(world, server.store, "KEY-1"), [], "files that hold the key")
    true(files_with(world, server.store, "PERSONAL-9"), "what stays is there")
    entry = server.api.get("/v1/audit?limit=1").must(200).json["entries"][0]
    equal((entry["kind"], entry["data"]["commands"], entry["data"]["reason"]), ("purge", 3, "asked for"), "the record")
    true("customer=7" not in json.dumps(entry), "the record does not say who")
    server.restart()
    server.api.submit("one", {"n": 1}, key="KEY-1").problem(410, "purged")
    server.api.get(f"/v1/commands/{gone[0]}").problem(410, "purged")
    equal(server.api.command(kept)["payload"]["n"], 9, "what stays")
    done(server, 10)
    server.stop()
    true("1 of them without" in verify(server), "the chain")


@case("what has not ended is never purged, nor what is younger; nobody purges everything by mistake")
def not_purged(world):
    hub, server = with_standin(world)
    old = done(server, 1)
    open_one = server.api.submit("lone", {"n": 2}, refs={"customer": "7"}).must(201).json["id"]
    equal(server.cli("purge", "--older-than", "1d", "--quiet").strip(), "0", "nothing is so old")
    equal(server.cli("purge", "--ref", "customer=7", "--quiet").strip(), "0", "open commands")
    server.cli("purge", code=2)
    server.cli("purge", "--state", "completed", code=2)
    server.cli("purge", "--state", "running", "--older-than", "1ms", code=3)
    server.cli("purge", "--older-than", "soon", code=3)
    true(server.api.command(open_one)["state"] != "completed", "it is there")
    eventually(lambda: server.cli("purge", "--older-than", "1ms", "--quiet").strip() == "1", "the old one goes")
    server.api.get(f"/v1/commands/{old}").problem(410, "purged")
    true(server.api.command(open_one)["id"] == open_one, "it is there still")
    got = server.cli("purge", "--older-than", "1ms", "--state", "completed,cancelled", "--compact", json_out=True)
    equal(got, {"run": False, "matched": 0, "purged": 0, "compacted": True}, "what --json prints")


@case("many go in bounded commits, while new ones come")
def many(world):
    hub, server = with_standin(world)
    lines = [{"type": "one", "payload": {"n": n}, "key": f"m{n}", "refs": {"batch": "1"}} for n in range(450)]
    answers = server.api.batch(lines)
    eventually(lambda: all(server.api.command(a["command"]["id"])["ended"] for a in answers), "all have ended")
    after = done(server, 1000)
    equal(server.cli("purge", "--ref", "batch=1", "--quiet", "--yes").strip(), "450", "purged")
    equal([c["id"] for c in server.api.list()], [after], "what is left")
    kinds = [e["kind"] for e in server.api.get("/v1/audit?limit=200").must(200).json["entries"]]
    equal(kinds.count("purge"), 3, "commits of at most 200 each")


# ---- copies ---------------------------------------------------------------------------------------------------------------

def checked_flow(world, hub):
    """The example's flow, whose check finds a pull request by its branch."""
    return world.write(create_pr=example_flow(attempts=5, check_attempts=20), github=example_dependency(hub.port))


@case("a copy that was made under load, after kill -9: every command that was acknowledged before it is there; what was out is asked for")
def backup_under_load(world):
    hub = world.standin()
    server = world.server(defs=checked_flow(world, hub)).start()
    acknowledged, stop = [], threading.Event()
    for n in range(900000, 900003):  # made outside, and the answer does not come: out when the copy is made
        id = server.api.submit(PR, pull(n, title=f"Change {n} fault=hang-after")).must(201).json["id"]
        acknowledged.append((id, n))
    eventually(lambda: len(hub.fired("hang-after")) == 3, "three are out")

    def submit(i):
        for n in itertools.count(i * 100000):
            if stop.is_set():
                return
            try:
                answer = server.api.submit(PR, pull(n, title=f"Change {n}"))
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 201:
                acknowledged.append((answer.json["id"], n))

    threads = [threading.Thread(target=submit, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    eventually(lambda: len(acknowledged) > 60, "some are acknowledged")
    before = list(acknowledged)
    copy = world.dir / "copy.db"
    said = server.cli("backup", copy, "--store", server.store, json_out=True)
    true(said["commands"] >= len(before), f"{said} against {len(before)}")
    server.kill()
    stop.set()
    for t in threads:
        t.join()
    equal(copy.stat().st_mode & 0o777, 0o600, "mode of the copy")
    equal(sorted(f.name for f in world.dir.glob("copy.db*")), ["copy.db"], "files of the copy")
    restored = world.server(store=copy, defs=server.defs).start()
    restored.release()
    for id, n in before:
        equal(restored.api.until_state(id, "completed")["payload"]["project"], n, "its payload")
    for row in restored.api.list():
        restored.api.until_state(row["id"], "completed")
    # a command that was pending in the copy and was done by the first server afterwards is asked for, not done again
    branch = {p["number"]: json.dumps(p["head"]) for p in hub.pulls("web")}
    keys = {}
    for entry in hub.journal("POST", "/pulls"):
        if entry["number"]:
            keys.setdefault(branch[entry["number"]], []).append(entry["idempotency_key"])
    equal([k for k, v in keys.items() if len(set(v)) != 1], [], "work that went out with two keys")
    equal([k for k, v in keys.items() if len(v) != 1], [], "work that went out twice")
    true(len(keys) >= len(before), "they were made")
    equal(len(hub.fired("hang-after")), 3, "what was out was asked for, not sent again")
    again = restored.api.submit(PR, pull(before[9][1], title=f"Change {before[9][1]}"))
    equal((again.status, again.json["id"]), (200, before[9][0]), "a repeat")


@case("a copy offline, and what is not written over")
def backup_offline(world):
    hub, server = with_standin(world)
    id = done(server, 1)
    server.stop()
    copy = world.dir / "copy.db"
    said = server.cli("backup", copy, "--store", server.store)
    true("1 commands" in said and "checked" in said, said)
    true("there already" in server.cli("backup", copy, "--store", server.store, code=3), "it is said why")
    equal(server.cli("backup", copy, "--store", server.store, "--force", "--quiet"), "", "forced")
    server.cli("backup", server.store, "--store", server.store, "--force", code=3)
    server.cli("backup", world.dir / "b.db", "--store", world.dir / "nothing.db", code=4)
    restored = world.server(store=copy, defs=server.defs).start()
    equal(restored.api.command(id)["state"], "completed", "state")
    server.cli("backup", copy, "--store", server.store, "--force", code=3)  # a store in use
    verify(restored)


# ---- exports --------------------------------------------------------------------------------------------------------------

def filled(world):
    """A stopped server's store with some of everything: completed, acted on, waiting, in flight, purged."""
    hub, server = with_standin(world)
    defs = server.defs
    ids = [done(server, n, refs={"customer": str(n)}) for n in range(3)]
    server.api.act(ids[0], "note", reason="a note with \u00fcml\u00e4uts and \"quotes\"", actor="anna").must(200)
    waiting = server.api.submit("lone", {"n": 7}, key="waits").must(201).json["id"]
    server.api.until_state(waiting, "waiting")
    server.cli("purge", "--ref", "customer=1", "--quiet")
    server.kill()
    return hub, server, defs, ids, waiting


def export(server, store, *more):
    return server.cli("export", "--store", store, *more)


def standing(store):
    with sqlite3.connect(store) as db:
        return db.execute("SELECT seq, why, next, next_at, (SELECT text FROM name WHERE id = dependency), owner, due FROM command"
                          " ORDER BY seq").fetchall()


@case("an export, an import and an export again are the same bytes; the server goes on with it")
def round_trip(world):
    hub, server, defs, ids, waiting = filled(world)
    new = world.dir / "new.db"
    first = export(server, server.store)
    kinds = [json.loads(line)["is"] for line in first.splitlines()]
    equal({k: kinds.count(k) for k in ("export", "namespace", "definition", "command", "tombstone", "audit", "end")},
          {"export": 1, "namespace": 1, "definition": 4, "command": 3, "tombstone": 1, "audit": 0, "end": 1}, "lines")
    (world.dir / "first.ndjson").write_text(first)
    said = server.cli("import", world.dir / "first.ndjson", "--store", new, json_out=True)
    equal((said["commands"], said["tombstones"], said["audit"]), (3, 1, 1), "what came")
    equal(sorted(f.name for f in world.dir.glob("new.db*")), ["new.db"], "files of the new store")
    equal(new.stat().st_mode & 0o777, 0o600, "its mode")
    equal(export(server, new), first, "the export of the import")
    equal(standing(new), standing(server.store), "what lists say of the commands")
    true(any(row[4] for row in standing(new)), "a command hangs on a dependency")
    server.cli("import", world.dir / "first.ndjson", "--store", new, code=3)  # it is there now
    restored = world.server(store=new, defs=defs).start()
    equal(restored.api.command(ids[0])["payload"]["n"], 0, "a payload")
    equal(restored.api.history(ids[0])[-1]["cause"]["reason"], 'a note with \u00fcml\u00e4uts and "quotes"', "a note")
    restored.api.submit("one", {"n": 1}, key="KEY-1").problem(410, "purged")
    equal(restored.api.submit("lone", {"n": 7}, key="waits").must(200).json["id"], waiting, "a key")
    restored.release()
    true(restored.api.command(waiting)["state"] == "review", "nobody knows whether it was done")
    done(restored, 50)
    restored.stop()
    verify(restored)


@case("with the audit, the chain goes on in the new store")
def with_audit(world):
    hub, server, defs, ids, waiting = filled(world)
    new, out = world.dir / "new.db", world.dir / "out.ndjson"
    server.cli("export", "--store", server.store, "--audit", "--out", out, "--quiet")
    equal(out.stat().st_mode & 0o777, 0o600, "mode of the export")
    server.cli("export", "--store", server.store, "--out", out, code=3)
    pin = verify(server).split("pin ")[1].strip()
    server.cli("import", out, "--store", new)
    true(f"pin {int(pin.split(':')[0]) + 1}:" in server.cli("audit", "verify", "--store", new, "--pin", pin), "the chain")
    again = export(server, new, "--audit").splitlines()
    equal(again[:-2], out.read_text().splitlines()[:-1], "but for the entry of the import, and the end")
    equal(json.loads(again[-2])["kind"], "import", "the last entry")


@case("a part of the commands; tombstones always come, so that no key runs twice")
def parts(world):
    hub, server, defs, ids, waiting = filled(world)

    def types(*more):
        lines = [json.loads(line) for line in export(server, server.store, *more).splitlines()]
        true(sum(line["is"] == "tombstone" for line in lines) == 1, "the tombstone")
        return sorted(line["type"] for line in lines if line["is"] == "command")

    equal(types("--type", "lone"), ["lone"], "by type")
    equal(types("--state", "completed"), ["one", "one"], "by state")
    equal(types("--until", "2000-01-01T00:00:00Z"), [], "by time")
    equal(types("--since", "2000-01-01T00:00:00Z"), ["lone", "one", "one"], "by time")
    server.cli("export", "--store", server.store, "--state", "gone", code=2)
    server.cli("export", "--store", server.store, "--since", "yesterday", code=2)


@case("an attempt that was out when the export was made is asked for, not sent again")
def in_flight(world):
    hub = world.standin()
    server = world.server(defs=checked_flow(world, hub)).start()
    id = server.api.submit(PR, pull(1, title="Change 1 fault=hang-after")).must(201).json["id"]
    eventually(lambda: len(hub.fired("hang-after")) == 1, "it is out")
    server.kill()
    server.cli("export", "--store", server.store, "--out", world.dir / "out.ndjson", "--quiet")
    server.cli("import", world.dir / "out.ndjson", "--store", world.dir / "new.db", "--quiet")
    restored = world.server(store=world.dir / "new.db", defs=server.defs).start()
    restored.release()
    restored.api.until_state(id, "completed")
    equal(len(hub.fired("hang-after")), 1, "it was sent once")
    equal(len(hub.pulls("web")), 1, "pull requests")


@case("what is damaged, cut short, hostile or newer is refused with its line, and leaves nothing")
def refused_imports(world):
    hub, server, defs, ids, waiting = filled(world)
    lines = export(server, server.store, "--audit").splitlines()
    place = {}
    for i, line in enumerate(lines):
        place.setdefault(json.loads(line)["is"], i)
    new, file = world.dir / "new.db", world.dir / "bad.ndjson"

    def refuse(what, changed, line, code=3):
        file.write_bytes(b"".join((one if isinstance(one, bytes) else one.encode()) + b"\n" for one in changed))
        said = server.cli("import", file, "--store", new, code=code)
        true(f"line {line}:" in said, f"{what}: {said!r} does not say line {line}")
        equal([f.name for f in world.dir.glob("new.db*")], [], f"{what}: what is left")

    def edited(kind, **members):
        at = place[kind]
        value = {**json.loads(lines[at]), **members}
        changed = lines[:at] + [json.dumps({k: v for k, v in value.items() if v is not ...})] + lines[at + 1:]
        return changed, at + 1

    refuse("nothing", [], 1)
    refuse("no export", ["{}"] + lines[1:], 1)
    refuse("no JSON", lines[:3] + ["{"] + lines[3:], 4)
    refuse("no object", lines[:3] + ["[1]"] + lines[3:], 4)
    refuse("no UTF-8", lines[:3] + [b'{"is":"\xff"}'] + lines[3:], 4)
    refuse("too deep", lines[:3] + ["[" * 100 + "]" * 100] + lines[3:], 4)
    refuse("a newer format", *edited("export", format=2), code=5)
    refuse("a member more", *edited("export", colour="red"))
    refuse("a line of a newer version", lines[:2] + ['{"is":"moon"}'] + lines[2:], 3)
    refuse("cut short", lines[:-1], len(lines))
    refuse("cut within a command", lines[:place["record"] + 1], place["record"] + 2)
    refuse("a line is missing", lines[:place["tombstone"]] + lines[place["tombstone"] + 1:], len(lines) - 1)
    refuse("something behind the end", lines + [lines[1]], len(lines) + 1)
    refuse("twice a command", lines[:place["record"] + 1] + lines[place["command"]:], place["record"] + 2)
    refuse("a record is missing", lines[:place["record"]] + lines[place["record"] + 1:], place["record"] + 1)
    for member, value in (("seq", 0), ("seq", 10**13), ("nonce", "xyz"), ("nonce", 7), ("key", "k" * 256), ("key", ...), ("flow", 99),
                          ("refs", {"a": 1}), ("refs", [1]), ("records", 10001), ("records", "1"), ("id", "0" * 16),
                          ("created", "soon"), ("payload_hash", "00"), ("generation", 0), ("namespace", None)):
        changed, at = edited("command", **{member: value})
        refuse(f"{member} {value}", changed, at if member != "flow" else at + json.loads(lines[at - 1])["records"])
    for member, value in (("rev", 2), ("cause", "moon"), ("cause", "due"), ("changes", "[[99]]"), ("changes", "["), ("changes", ...),
                          ("body", "{"), ("purpose", "x"), ("node", 5000), ("at", 1)):
        refuse(f"{member} {value}", *edited("record", **{member: value}))
    for member, value in (("data", "{}"), ("salt", "00"), ("salt", ...), ("hash", "00" * 32), ("number", 2), ("at", "2001-01-01T00:00:00Z")):
        refuse(f"{member} {value}", *edited("audit", **{member: value}))
    refuse("a definition that is none", *edited("definition", text="flow: x\nnonsense: 1\n"))
    refuse("a definition of something else", *edited("definition", name="x"))
    refuse("a long line", lines[:2] + ["x" * ((16 << 20) + 1)] + lines[2:], 3)
    server.cli("import", world.dir / "no such file", "--store", new, code=4)
    server.cli("import", file, code=2)
    file.write_text("\n".join(lines) + "\n")
    server.cli("import", file, "--store", new)  # and the whole one goes


if __name__ == "__main__":
    main()

"""The record of what people did, from outside: the list, verifying beside a running server and without one."""
import json
import re
import sqlite3

from kit import case, dependency, equal, free_port, main, simple_flow, true


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
    server.stop()
    said = json.loads(verify(server, "--pin", pin, "--json"))
    equal((said["valid"], said["entries"]), (True, int(pin.split(":")[0]) + 1), "verdict")


@case("what was done to the file is named")
def tampering(world):
    server = start(world)
    act_some(server, 3)
    pin = verify(server).split("pin ")[1].strip()
    server.stop()
    db = sqlite3.connect(server.store)
    db.execute("UPDATE audit SET data = replace(data, 'looked', 'lurked') WHERE number = 4")
    db.commit()
    true("entry 4 does not fit" in verify(server, code=1), "the entry is named")
    db.execute("UPDATE audit SET data = replace(data, 'lurked', 'looked') WHERE number = 4")
    db.commit()
    verify(server)
    # a missing end, with the counter set back: only the pin shows it
    db.execute("DELETE FROM audit WHERE number = 5")
    db.execute("UPDATE high SET audit = 4")
    db.commit()
    db.close()
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


if __name__ == "__main__":
    main()

"""Moves to a newer version of a flow: over HTTP, on the command line, for many at once, through kill -9, exports and backups."""
import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit import SEED, case, contains, dependency, equal, main, true


class Shop:
    """Answers /wrong with 404 and all else with 200 and a number; knows which keys it was asked with."""

    def __init__(self, world):
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append((self.path, self.headers.get("Idempotency-Key")))
                body = b'{"number": 7}'
                self.send_response(404 if self.path.startswith("/wrong") else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the server was killed while it asked

        self.listener = Listener(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        world.closers.append(self.listener.shutdown)
        world.closers.append(self.listener.server_close)

    @property
    def base(self):
        return f"http://127.0.0.1:{self.listener.server_address[1]}"

    def of(self, path):
        return [key for p, key in self.asked if p == path]


def order(second, more="", first="/first", outputs='{ number: "${response.body.number}" }'):
    return (f'flow: order\npayload:\n  type: object\n  required: [n]\n  properties: {{ n: {{ type: integer }} }}\n'
            f'key: "${{payload.n}}"\nsteps:\n{more}'
            f'  - id: first\n    call: shop\n    with: {{ method: POST, path: "{first}/${{payload.n}}" }}\n    outputs: {outputs}\n'
            f'  - id: second\n    call: shop\n    with: {{ method: POST, path: "{second}/${{payload.n}}" }}\n')


NEW = '  - id: greet\n    set: { said: "hello" }\n'


def begin(world):
    shop = Shop(world)
    defs = world.write(shop=dependency("shop", shop.base), order=order("/wrong"))
    return world.server(defs=defs).start(), shop


def publish(world, server, text):
    world.write(order=text)
    server.cli("apply", world.dir / "defs", "--yes")


def hanging(server, n):
    id = server.api.submit("order", {"n": n}).must(201).json["id"]
    server.api.until_state(id, "rejected")
    return id


def version(api, id):
    return api.command(id)["flow"]["version"]


def plan(server, id, query=""):
    return server.api.get(f"/v1/commands/{id}/actions/move{query}")


@case("a command that hangs on a broken flow goes on with the mended one: what is done is not done again, and the history says so")
def mend(world):
    server, shop = begin(world)
    api = server.api
    id = hanging(server, 1)
    contains(plan(server, id).problem(409, "action-refused")["detail"], "version 1 already", "why not")
    equal(api.explain(id)["actions"]["move"]["allowed"], False, "without a newer version")
    publish(world, server, order("/right/${steps.first.outputs.number}", NEW))
    said = api.explain(id)
    true(said["actions"]["move"]["allowed"], "with one")
    contains(said["next"]["text"], "move it to version 2", "what comes next")
    shown = plan(server, id).must(200).json
    equal((shown["from"], shown["to"], shown["possible"], shown["kept"], shown["again"], shown["begins"], shown["refused"]),
          (1, 2, True, ["first"], ["second"], ["greet"], []), "the plan")
    api.act(id, "move", reason="mended").problem(422, "invalid")
    api.act(id, "move", reason="mended", digest="0" * 31 + "1").problem(412, "stale")
    api.act(id, "move", reason="mended", version=9, digest=shown["digest"]).problem(409, "action-refused")
    api.act(id, "retry", reason="x", version=2).problem(422, "invalid")
    equal(len(api.history(id)), api.command(id)["revision"], "nothing is on record")
    api.act(id, "move", reason="mended", digest=shown["digest"], key="m1").must(200)
    again = api.act(id, "move", reason="mended", digest=shown["digest"], key="m1").must(200)
    equal(again.headers["Idempotency-Replayed"], "true", "its repeat")
    done = api.until_state(id, "completed")
    equal(done["flow"]["version"], 2, "its version")
    equal((len(shop.of("/first/1")), len(shop.of("/wrong/1")), len(shop.of("/right/7/1"))), (1, 1, 1), "requests")
    true(shop.of("/wrong/1") != shop.of("/right/7/1"), "another request has another key")
    record = next(r for r in api.history(id) if r["cause"].get("action") == "move")
    equal(record["changes"][0], {"kind": "move", "from": 1, "to": 2}, "the change")
    names = [a["step"] for a in api.get(f"/v1/commands/{id}/attempts").must(200).json["attempts"]]
    equal(names, ["first", "second", "second"], "attempts, by the names that they had")
    steps = [c["step"] for r in api.history(id)[:2] for c in r["changes"] if c["kind"] == "step" and c["step"]]
    true("greet" not in steps and "first" in steps, f"older records name the steps of their version: {steps}")
    contains(plan(server, id).problem(409, "action-refused")["detail"], "ended", "afterwards")
    # the same from the store, by another life of the process
    before = json.dumps([api.history(id), api.command(id), api.explain(id)["attempts"]])
    server.kill()
    server.start()
    equal(json.dumps([api.history(id), api.command(id), api.explain(id)["attempts"]]), before, "after another start")


@case("what is done and the new version does not have, or makes otherwise, is in the way")
def refused(world):
    server, _ = begin(world)
    id = hanging(server, 1)
    publish(world, server, order("/right", first="/first", outputs='{ number: "${response.body.number}", more: "${response.body.more}" }'))
    shown = plan(server, id).must(200).json
    equal((shown["possible"], [r["step"] for r in shown["refused"]]), (False, ["first"]), "the plan")
    contains(server.api.act(id, "move", reason="x", digest=shown["digest"]).problem(409, "action-refused")["detail"], "step 'first'", "why")
    publish(world, server, order("/right").replace("id: first", "id: other"))
    shown = plan(server, id, "?version=3").must(200).json
    contains(shown["refused"][0]["reason"], "does not have it", "why")
    server.api.act(id, "move", reason="x", version=3, headers={"If-Match": f'"{shown["revision"]}"'}).problem(409, "action-refused")
    equal(version(server.api, id), 1, "it stays")
    server.cli("move", id, "--to", "3", "--yes", code=3)
    for way in ((), ("--quiet",), ("--key", "m9")):
        server.cli("move", id, "--to", "3", "--plan", *way, code=3)
    contains(server.cli("move", id, "--to", "3", "--plan", code=3), "in the way", "what a plan says")
    equal(server.cli("move", id, "--to", "3", "--plan", code=3, json_out=True)["possible"], False, "the same for programs")
    at_terminal = server.cli_at_terminal("yes\n", "move", id, "--to", "3", code=3)
    true("do it?" not in at_terminal, f"nobody is asked about what cannot be: {at_terminal}")


@case("recourse move shows the plan, and does it")
def by_hand(world):
    server, _ = begin(world)
    id = hanging(server, 1)
    publish(world, server, order("/right"))
    text = server.cli("move", id, "--to", "2", "--plan")
    for part in ("from version 1 of its flow to version 2", "stays done", "first", "runs again", "second"):
        contains(text, part)
    equal(version(server.api, id), 1, "a plan does nothing")
    contains(server.cli("move", id, "--yes", "--reason", "mended"), "moved", "what it says")
    server.api.until_state(id, "completed")
    contains(server.cli("history", id), "its flow is of version 2 now, no longer of 1", "history")


@case("a bulk moves those that can be, and says of each other one why it cannot")
def many(world):
    server, shop = begin(world)
    ids = [hanging(server, n) for n in range(1, 7)]
    publish(world, server, order("/right"))
    server.api.act(ids[0], "cancel", reason="not that one").must(200)
    body = {"action": "move", "ids": ids, "limit": 10, "reason": "mended", "key": "b1"}
    server.api.post("/v1/bulk", body).problem(422, "invalid")
    made = server.api.post("/v1/bulk", {**body, "version": 2}).must(201).json
    equal((made["bulk"]["items"]["total"], made["bulk"]["items"]["allowed"]), (6, 5), "what it would do")
    equal(made["items"][0]["why_not"], "it has ended", "of the one that was cancelled")
    server.cli("bulk", "run", made["bulk"]["id"], "--rate", "100", "--follow", "--yes", code=1)  # one was refused
    for id in ids[1:]:
        equal(server.api.until_state(id, "completed")["flow"]["version"], 2, "its version")
    equal([len(shop.of(f"/first/{n}")) for n in range(1, 7)], [1] * 6, "what was done stays done")


@case("kill -9 while commands are moved: each is moved whole or not at all, and nothing is done twice; exports, imports and backups hold it")
def killed(world):
    server, shop = begin(world)
    api = server.api
    ids = [hanging(server, n) for n in range(1, 25)]
    publish(world, server, order("/right", NEW))
    digests = {id: plan(server, id).must(200).json["digest"] for id in ids}

    def move_all():
        for id in ids:
            try:
                api.act(id, "move", reason="mended", digest=digests[id], key="m")
            except OSError:
                return

    rng = random.Random(SEED)
    for _ in range(3):
        thread = threading.Thread(target=move_all)
        thread.start()
        time.sleep(rng.uniform(0.005, 0.08))
        server.kill()
        thread.join()
        server.start()
        for id in ids:
            moved = [c for r in api.history(id) for c in r["changes"] if c["kind"] == "move"]
            equal(version(api, id), 1 + len(moved), "it is of the version that its history says")
    for id in ids:
        api.act(id, "move", reason="mended", digest=digests[id], key="m").must(200)
    for n, id in enumerate(ids, 1):
        api.until_resting(id)
        if api.command(id)["state"] == "review":  # a request was out when the process died
            api.act(id, "resolve", verdict="did_not_happen", reason="the shop says so").must(200)
            api.until_resting(id)
        equal(len([c for r in api.history(id) for c in r["changes"] if c["kind"] == "move"]), 1, "moves")
        equal(len(shop.of(f"/first/{n}")), 1, "what was done before")
        true(len(set(shop.of(f"/right/{n}"))) <= 1, "whatever is repeated has its key")
    states = {id: (api.command(id)["state"], version(api, id)) for id in ids}
    server.cli("backup", world.dir / "copy.db", "--store", server.store, "--quiet")
    server.cli("doctor", "--store", server.store)
    server.stop()
    out, new = world.dir / "out.ndjson", world.dir / "new.db"
    out.write_text(server.cli("export", "--store", server.store))
    server.cli("import", out, "--store", new, "--quiet")
    equal(server.cli("export", "--store", new), out.read_text(), "an export of what was imported")
    other = world.server(store=world.dir / "copy.db").start()
    equal({id: (other.api.command(id)["state"], version(other.api, id)) for id in ids}, states, "from the backup")


if __name__ == "__main__":
    main()

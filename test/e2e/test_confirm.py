"""What must come true within a time: asked again until it holds, through errors and kill -9, each time under a key of its own; and what
follows when it does not."""
import json
import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit import PATIENCE, RECOURSE, case, contains, dependency, equal, eventually, main, true

UP = """\
flow: up
payload: { type: object, required: [n], properties: { n: { type: integer } } }
steps:
  - id: up
    confirm: { call: outside, with: { method: GET, path: "/up/${payload.n}" }, holds: response.body.up == true }
    every: 100ms
    within: WITHIN
    outputs: { by: "${response.body.by}" }
  - id: say
    set: { by: "${steps.up.outputs.by}" }
"""
SEARCH = """\
flow: search
payload: { type: object }
steps:
  - id: found
    confirm: { call: outside, with: { method: POST, path: "/search", body: { q: x } }, reads: true, holds: response.body.up == true }
    every: 100ms
    within: 99s
"""
NEVER = """\
flow: NAME
payload: { type: object, required: [n], properties: { n: { type: integer } } }
steps:
  - id: large
    confirm: { holds: payload.n > 7 }
    every: 50ms
    within: WITHIN
    on_timeout: WORD
"""


class Outside:
    """A server that says what it is told to say, and counts who asked it under which key."""

    def __init__(self, world):
        self.asked, self.answer, self.hangs = asked, answer, hangs = [], {"status": 200, "body": {"up": False}}, threading.Event()
        self.hanging = hanging = []  # questions that were not answered

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append((self.command, self.path, self.headers["Idempotency-Key"]))
                if hangs.is_set():
                    hanging.append(len(asked))
                    while hangs.is_set():
                        time.sleep(0.01)
                    self.close_connection = True
                    return
                body = json.dumps(answer["body"]).encode()
                self.send_response(answer["status"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.closers += [self.server.shutdown, hangs.clear]

    def serve(self, world, within="99s"):
        flows = {name: NEVER.replace("NAME", name).replace("WORD", word).replace("WITHIN", span)
                 for name, word, span in (("never_fail", "fail", "200ms"), ("never_reject", "reject", "200ms"), ("long", "fail", "49s"))}
        defs = world.write(outside=dependency("outside", f"http://127.0.0.1:{self.server.server_address[1]}"),
                           up=UP.replace("WITHIN", within), search=SEARCH, **flows)
        return world.server(defs=defs).start()

    def until_asked(self, n):
        eventually(lambda: len(self.asked) >= n, lambda: f"{len(self.asked)} questions, not {n}")


def begin(server, flow="up", n=1):
    return server.api.submit(flow, {"n": n}, f"{flow}-{n}").must(201).json["id"]


def step(server, id, name="up"):
    return next(s for s in server.api.command(id)["steps"] if s["id"] == name)


@case("asked again until it holds, each time under another key; what was answered goes on")
def holds(world):
    outside = Outside(world)
    server = outside.serve(world)
    id = begin(server)
    outside.until_asked(3)
    outside.answer.update(status=500)
    outside.until_asked(5)
    outside.answer.update(status=404)
    outside.until_asked(7)
    outside.answer.update(status=200, body={"up": True, "by": "noon"})
    command = server.api.until_state(id, "completed")
    equal([(s["kind"], s["state"]) for s in command["steps"]], [("confirm", "succeeded"), ("set", "succeeded")], "steps")
    equal((step(server, id, "say")["outputs"], step(server, id).get("error")), ({"by": "noon"}, None), "what came of it")
    equal(step(server, id)["tries"], len(outside.asked), "how often it was asked")
    equal(len({key for _, _, key in outside.asked}), len(outside.asked), "keys")
    equal({(method, path) for method, path, _ in outside.asked}, {("GET", "/up/1")}, "what was asked")


@case("explain says what has to come true, since when, until when, and how often it was asked")
def told(world):
    outside = Outside(world)
    server = outside.serve(world)
    id = begin(server)
    outside.until_asked(2)

    def looked():
        told = server.api.explain(id)
        return told["next"]["code"] == "confirm" and told["state"] == "waiting" and told
    told = eventually(looked, "it waits to be asked again")
    one, = told["confirms"]
    equal((one["step"], one["holds"], one["dependency"], one["error"]), ("up", "response.body.up == true", "outside", "HTTP 200"), "what is confirmed")
    true(2 <= one["looked"] <= len(outside.asked) and one["since"] < one["until"], f"how often, and for how long: {one}")
    contains(told["what"]["text"], "waits until something has come true")
    equal(told["display"], "waiting until up is confirmed", "in a word")
    equal((told["retry"]["safe"], told["actions"]["retry"]["allowed"]), (True, True), "to ask again")
    cli = subprocess.run([str(RECOURSE), "explain", id], env=server.cli_env, capture_output=True, text=True, timeout=PATIENCE)
    true(re.search(r"Confirms +up: response\.body\.up == true", cli.stdout), f"on the command line: {cli.stdout}")
    equal(server.api.command(begin(server, "long"))["display"], "waiting until large is confirmed", "an expression, in a word")
    server.api.act(id, "cancel").must(200)
    server.api.until_state(id, "cancelled")
    n = len(outside.asked)
    time.sleep(0.3)
    equal(len(outside.asked), n, "questions behind its end")


@case("kill -9 while the question is out, and between two: it is asked again, nothing is unknown, and its time goes on")
def killed(world):
    outside = Outside(world)
    server = outside.serve(world)
    id = begin(server)
    outside.until_asked(2)
    first = eventually(lambda: server.api.explain(id)["confirms"], "it is confirmed")[0]
    for times in (1, 2, 3):
        outside.hangs.set()
        eventually(lambda: len(outside.hanging) >= times, "a question is not answered")
        eventually(lambda: step(server, id)["phase"] == "open", "the question is out")
        server.kill()
        outside.hangs.clear()
        n = len(outside.asked)
        server.start()
        outside.until_asked(n + 2)
    server.kill()
    server.start()
    one, = server.api.explain(id)["confirms"]
    equal((one["since"], one["until"]), (first["since"], first["until"]), "its time")
    equal(step(server, id)["state"], "active", "what it is")
    outside.answer.update(body={"up": True, "by": "noon"})
    server.api.until_state(id, "completed")
    equal(len({key for _, _, key in outside.asked}), len(outside.asked), "keys")
    lost = [r for r in server.api.history(id) if "lost" in json.dumps(r.get("cause", r))]
    true(len(lost) >= 3, f"no crash has hit a question: {lost}")


@case("a search by POST, which says that it reads, is asked in the same way")
def by_post(world):
    outside = Outside(world)
    server = outside.serve(world)
    id = begin(server, "search")
    outside.until_asked(3)
    outside.answer.update(body={"up": True})
    server.api.until_state(id, "completed")
    equal({method for method, _, _ in outside.asked}, {"POST"}, "what was asked")
    equal(len({key for _, _, key in outside.asked}), len(outside.asked), "keys")


@case("what does not come true in time fails or is rejected, as the flow says; a retry begins anew")
def over(world):
    outside = Outside(world)
    server = outside.serve(world, within="300ms")
    ids = [begin(server, "never_fail"), begin(server, "never_reject"), begin(server)]
    equal([server.api.until_state(id, "failed", "rejected")["state"] for id in ids], ["failed", "rejected", "failed"], "how they end")
    for id, name in zip(ids, ("large", "large", "up"), strict=True):
        found = step(server, id, name)
        equal((found["kind"], found["why"]), ("confirm", "unconfirmed"), "why")
    true(len(outside.asked) >= 2, f"{len(outside.asked)} questions: the last one is asked when the time is over")
    outside.answer.update(body={"up": True, "by": "retry"})
    server.api.act(ids[2], "retry").must(200)
    server.api.until_state(ids[2], "completed")
    equal(begin(server, "never_fail", 8) and server.api.until_state(begin(server, "never_reject", 9), "completed")["state"], "completed", "what holds")


if __name__ == "__main__":
    main()

"""Waiting for a command: until it rests, until the time is over, or until nobody listens any more; bounded, and nobody forgotten."""
import http.client
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit import ENDED, case, contains, dependency, equal, eventually, in_threads, main, simple_flow, true

MOST = 1024  # RC_MAX_WAITERS


class Door:
    """An outside system that answers nobody until it is opened; then with this status."""

    def __init__(self, world, status=200):
        self.open, self.status = threading.Event(), status
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                door.open.wait()
                self.send_response(door.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, *_):
                pass  # the server under test has closed an idle connection

        self.listener = Listener(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        world.closers += [self.listener.shutdown, self.listener.server_close, self.open.set]
        defs = world.write(o=simple_flow("open", more="timeout: 60s"),
                           d=dependency("github", f"http://127.0.0.1:{self.listener.server_address[1]}", concurrent=64))
        self.server = world.server(defs=defs).start()
        self.api = self.server.api

    def submit(self, n=1):
        return self.api.submit("open", {"n": n}).must(201).json["id"]

    def waiting(self, n):
        eventually(lambda: self.api.metric("http_waiting") == n, lambda: f"{n} wait, not {self.api.metric('http_waiting')}")


def meanwhile(work):
    """Runs it in a thread; call the result for what it gave."""
    got = []
    thread = threading.Thread(target=lambda: got.append(work()))
    thread.start()

    def join():
        thread.join(60)
        return got[0]
    return join


def ask(door, id, query="wait=60s"):
    """Sends a request that waits, and leaves it open."""
    s = socket.create_connection(("127.0.0.1", door.server.port))
    s.sendall(f"GET /v1/commands/{id}?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return s


@case("whoever waits is answered when the command rests")
def until_rest(world):
    door = Door(world)
    id = door.submit()
    start = time.monotonic()
    got = [meanwhile(lambda: door.api.get(f"/v1/commands/{id}?wait=60s")) for _ in range(3)]
    got.append(meanwhile(lambda: door.api.get(f"/v1/commands/{id}", Prefer="respond-async, Wait = 60; x=y")))
    got.append(meanwhile(lambda: door.api.submit("open", {"n": 1}, headers={"Prefer": "wait=99999"})))
    got.append(meanwhile(lambda: door.api.post("/v1/commands?wait=60s", {"type": "open", "payload": {"n": 2}})))
    door.waiting(6)
    door.open.set()
    answers = [g() for g in got]
    true(time.monotonic() - start < 60, "they were answered before their time was over")
    equal([a.status for a in answers], [200] * 5 + [201], "statuses")
    for a in answers:
        equal((a.json["state"], a.json["steps"][0]["state"]), ("completed", "succeeded"), "state")
        equal(a.headers["ETag"], f'"{a.json["revision"]}"', "ETag")
    equal([a.headers.get("Idempotency-Replayed") for a in answers], [None] * 4 + ["true", None], "replayed")
    equal([a.headers.get("Location") for a in answers[4:]], [f"/v1/commands/{a.json['id']}" for a in answers[4:]], "Location")
    door.waiting(0)
    start = time.monotonic()
    for path in (f"/v1/commands/{id}?wait=60s", f"/v1/commands/{id}?wait=60000ms"):
        equal(door.api.get(path).must(200).json["state"], "completed", "what rests is not waited for")
    door.api.post("/v1/commands?wait=60s", {"type": "open", "payload": {"n": 2}}).must(200)
    true(time.monotonic() - start < 60, "what rests is not waited for")
    door.api.get(f"/v1/commands/{'0' * 16}?wait=60s").problem(404, "not-found")


@case("a command that needs a person rests, too")
def rejected(world):
    door = Door(world, 422)
    got = meanwhile(lambda: door.api.post("/v1/commands?wait=60s", {"type": "open", "payload": {"n": 1}}))
    door.waiting(1)
    door.open.set()
    equal(got().must(201).json["state"], "rejected", "state")


@case("when the time is over, the command is shown as it is")
def time_over(world):
    door = Door(world)
    id = door.submit()
    start = time.monotonic()
    equal(door.api.get(f"/v1/commands/{id}?wait=300ms").must(200).json["state"], "running", "state")
    true(0.3 <= time.monotonic() - start, "it waited")
    equal(door.api.post("/v1/commands?wait=50ms", {"type": "open", "payload": {"n": 2}}).must(201).json["state"], "running", "state")
    equal(door.api.get(f"/v1/commands/{id}?wait=0s").must(200).json["state"], "running", "no wait")
    door.waiting(0)


@case("times that cannot be waited are refused, preferences are not")
def bad_times(world):
    door = Door(world)
    id = door.submit()
    for wait in ("", "10", "s", "ms", "-1s", "61s", "60001ms", "1m", "1.5s", "99999999999999999999s", "18446744073709551s", "10s%20", "1s&wait=1s"):
        door.api.get(f"/v1/commands/{id}?wait={wait}").problem(400, "malformed")
        door.api.post(f"/v1/commands?wait={wait}", {"type": "open", "payload": {"n": 9}}).problem(400, "malformed")
    equal(len(door.api.list()), 1, "nothing was stored")
    for prefer in ("wait", "wait=", "wait=x", "wait=-1", "wait=\"5\"", "waits=5", ",;=,", "=", "return=minimal", "wait=0", "wait=99999999999999999999"):
        equal(door.api.get(f"/v1/commands/{id}", Prefer=prefer).must(200).json["state"], "running", "state")


@case("a client that hangs up, or resets, waits no more")
def hang_up(world):
    door = Door(world)
    id = door.submit()
    open_ones = [ask(door, id) for _ in range(60)]
    door.waiting(60)
    for s in open_ones[:20]:
        s.close()
    door.waiting(40)
    for s in open_ones[20:40]:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    door.waiting(20)
    s = open_ones[40]
    s.shutdown(socket.SHUT_WR)  # still reads: it is answered
    contains(s.recv(65536).decode(), '"state":"running"', "the answer to half a connection")
    open_ones[41].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")  # asks on: the next answer comes behind the first
    got = b""
    while b"alive" not in got:
        got += open_ones[41].recv(65536)
    contains(got.decode(), '"state":"running"', "the first answer")
    door.waiting(18)
    door.open.set()
    for s in open_ones[42:]:
        contains(s.recv(65536).decode(), '"state":"completed"', "the answer")
    door.waiting(0)


@case("at the bound of those who wait, and one above")
def bound(world):
    door = Door(world)
    ids = [a["command"]["id"] for a in door.api.batch([{"type": "open", "payload": {"n": n}} for n in range(40)])]
    open_ones = [ask(door, ids[n % 40]) for n in range(MOST)]
    door.waiting(MOST)
    start = time.monotonic()  # of two that would wait for a minute each
    true(door.api.get(f"/v1/commands/{ids[0]}?wait=60s").must(200).json["state"] not in ENDED, "answered at once")
    door.api.post("/v1/commands?wait=60s", {"type": "open", "payload": {"n": 77}}).must(201)
    true(time.monotonic() - start < 60, "answered at once")
    open_ones.pop().close()
    door.waiting(MOST - 1)
    open_ones.append(ask(door, ids[0]))
    door.waiting(MOST)
    door.open.set()
    for s in open_ones:
        contains(s.recv(65536).decode(), '"state":"completed"', "the answer")
    door.waiting(0)


@case("nobody is forgotten, however soon the command ends")
def race(world):
    door = Door(world)
    door.open.set()

    def work(i):
        c = http.client.HTTPConnection("127.0.0.1", door.server.port, timeout=70)
        for n in range(60):
            body = json.dumps({"type": "open", "payload": {"n": 1000 * i + n}})
            start = time.monotonic()
            c.request("POST", "/v1/commands?wait=60s", body, {"Content-Type": "application/json"})
            answer = c.getresponse()
            got = json.loads(answer.read())
            true(time.monotonic() - start < 59, "it waited until the time was over")
            equal((answer.status, got["state"]), (201, "completed"), "answer")

    in_threads(8, work)
    door.waiting(0)


@case("when the server stops, whoever waits is answered")
def stop(world):
    door = Door(world)
    id = door.submit()
    start = time.monotonic()
    got = [meanwhile(lambda: door.api.get(f"/v1/commands/{id}?wait=60s")) for _ in range(5)]
    door.waiting(5)
    door.server.process.p.send_signal(15)
    for g in got:
        equal(g().must(200).json["state"], "running", "state")
    true(time.monotonic() - start < 60, "before their time was over")
    door.open.set()
    equal(door.server.process.p.wait(40), 0, "exit code")


if __name__ == "__main__":
    main()

"""What the worked examples, and scripts/quickstart.py, have in common: an outside world that keeps a journal and has faults, a Recourse server with a store of
its own in a temporary folder, and the words to tell what happened. Standard library only.

Nothing that an example says is known beforehand: what became of a command comes from the server, what happened outside comes from
the journal, and a fault that was never met fails the run.
"""
import argparse
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("RC_BUILD", ROOT / "build")).resolve()
PATIENCE = 60  # seconds in which everything must have settled
RESTING = {"completed", "partial", "rejected", "failed", "review", "cancelled", "rolled_back", "resolved"}


class Trouble(Exception):
    pass


def say(text=""):
    print(text, flush=True)


def expect(good, what):
    if not good:
        raise Trouble(what)
    say(f"  ok: {what}")


def wait_for(look, what, most=PATIENCE):
    """The first true thing that `look` gives."""
    end = time.monotonic() + most
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise Trouble(f"{what}: not within {most} seconds")
        time.sleep(0.02)


# ---- the outside ------------------------------------------------------------------------------------------------------------

class Fault:
    """What goes wrong with the next `times` requests whose "METHOD /path" begins with `match`.

    refuse: 422, nothing is done · lost: it is done, and the connection breaks before the answer · late: the same, but it is done only
    when whoever asked has gone · broken: the connection breaks and nothing is done · error: 500, nothing is done."""

    def __init__(self, match, kind, times=1):
        self.match, self.kind, self.times, self.met = match, kind, times, 0


class Outside:
    """Services over HTTP. `answer(method, path, body)` does what is asked and gives (status, JSON). A request that comes again with
    its Idempotency-Key is answered as it was, and nothing is done again; one without effect (GET) is always answered anew."""

    def __init__(self, answer, faults=()):
        self.answer, self.faults = answer, list(faults)
        self.journal, self.done, self.lock = [], {}, threading.Lock()
        outside = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                outside.handle(self, self.command, self.path, body, self.headers.get("Idempotency-Key", ""))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fault_for(self, what):
        with self.lock:
            for fault in self.faults:
                if fault.met < fault.times and what.startswith(fault.match):
                    fault.met += 1
                    return fault.kind
        return ""

    def handle(self, handler, method, path, body, key):
        what = f"{method} {path}"
        kind = self.fault_for(what)
        if kind == "late":
            handler.connection.recv(1)
        if kind in ("", "lost", "late"):
            with self.lock:
                known = self.done.get(key) if method != "GET" else None
            status, reply = known or self.answer(method, path, body)
            with self.lock:
                self.journal.append((what, "again" if known else "done" if status < 300 else str(status)))
                if method != "GET" and status < 300:
                    self.done[key] = status, reply
        else:
            status, reply = {"refuse": (422, {"error": "no"}), "error": (500, {"error": "oops"})}.get(kind, (0, None))
            with self.lock:
                self.journal.append((what, kind))
        if kind in ("lost", "broken", "late"):
            handler.close_connection = True
            if kind != "late":
                handler.connection.shutdown(socket.SHUT_RDWR)
            return
        text = json.dumps(reply).encode()
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text)
        except OSError:  # the one who asked has been killed meanwhile
            handler.close_connection = True

    def times_done(self, what):
        with self.lock:
            return sum(1 for asked, came in self.journal if asked == what and came == "done")

    def times_asked(self, what):
        with self.lock:
            return sum(1 for asked, came in self.journal if asked == what)

    def comes(self, match):
        """Waits until the fault of these requests is met."""
        fault = next(f for f in self.faults if f.match == match)
        wait_for(lambda: fault.met, f"{match} is asked for")

    def must_have_met_all(self):
        for fault in self.faults:
            expect(fault.met == fault.times, f"the fault '{fault.kind}' of {fault.match} was met {fault.times} times")


# ---- the server -------------------------------------------------------------------------------------------------------------

def free_port():
    for _ in range(200):
        port = random.randrange(12000, 30000)  # below the range of outgoing connections: it stays free while the server is dead
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Trouble("no port of loopback is free")


def child(log, argv, **how):
    """Starts a process whose words go into a file."""
    with open(log, "ab") as words:
        return subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=words, stderr=words, **how)


class Server:
    """`recourse serve` with the definitions of an example, whose OUTSIDE is the outside's address."""

    def __init__(self, folder, outside, options=()):
        self.options = options
        self.dir = Path(tempfile.mkdtemp(prefix="recourse-example-"))
        self.defs = self.dir / "defs"
        self.defs.mkdir()
        for file in sorted((folder / "defs").glob("*.yaml")):
            text = file.read_text().replace("http://127.0.0.1:8500", f"http://127.0.0.1:{outside.port}")
            (self.defs / file.name).write_text(text)
        self.port, self.process = free_port(), None
        self.start()

    def start(self):
        self.process = child(self.dir / "server.log", [BUILD / "recourse", "serve", "--defs", self.defs, "--store", self.dir / "store.db",
                                                       "--listen", f"127.0.0.1:{self.port}", *self.options])
        wait_for(self.is_ready, "the server starts")

    def is_ready(self):
        if self.process.poll() is not None:
            raise Trouble(f"the server has ended: {(self.dir / 'server.log').read_text()[-2000:]}")
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def kill(self, out=False):
        """kill -9, and start again; `out` says that it must have hit an attempt."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()
        lost = re.search(r"(?m)^recourse_attempts_lost_total (\d+)", self.get("/metrics"))
        expect(int(lost.group(1)) > 0 or not out, f"{lost.group(1)} attempts were out when it was killed")

    def stop(self, keep=False):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()
        finally:
            connection.close()

    def get(self, path):
        status, body = self.ask("GET", path)
        if status != 200:
            raise Trouble(f"GET {path}: {status} {body}")
        return body

    def submit(self, flow, payload, **more):
        status, body = self.ask("POST", "/v1/commands", {"type": flow, "payload": payload, **more})
        if status not in (200, 201):
            raise Trouble(f"{flow} was not taken: {status} {body}")
        return body["id"]

    def command(self, id):
        return self.get(f"/v1/commands/{id}")

    def rests(self, id, most=PATIENCE):
        """The command, when nothing of it goes on by itself any more."""
        def look():
            command = self.command(id)
            return command if command["state"] in RESTING else None
        return wait_for(look, f"command {id} comes to rest", most)

    def act(self, id, action, **more):
        status, body = self.ask("POST", f"/v1/commands/{id}/actions/{action}", {"reason": "the example", **more})
        if status >= 300:
            raise Trouble(f"{action} was refused: {status} {body}")
        return body

    def tell(self, id):
        command = self.command(id)
        say(f"  {command['key']}: {command['display']}")
        for step in command["steps"]:
            if step["state"] == "idle":
                continue
            name = step.get("path") or step["id"]
            say(f"      {name:<24} {step['state']}")


class Guarded(Server):
    """One with tokens. The example itself asks as `root`, an admin."""

    def __init__(self, folder, outside, options=()):
        self.root = None
        super().__init__(folder, outside, ["--auth", "tokens", *options])

    def start(self):
        if not self.root:
            made = subprocess.run([BUILD / "recourse", "token", "create", "root", "--role", "admin", "--store", self.dir / "store.db"],
                                  capture_output=True, text=True, timeout=PATIENCE)
            if made.returncode != 0:
                raise Trouble(f"the first token: {made.stderr}")
            self.root = made.stdout.strip()
        super().start()

    def ask(self, method, path, body=None, token=None):
        return super().ask(method, path, body, {"Authorization": f"Bearer {token or self.root}"})


class Person:
    """Somebody with a token of their own at a guarded server."""

    def __init__(self, server, name, role):
        self.server, self.name = server, name
        self.token = server.ask("POST", "/v1/tokens", {"subject": name, "role": role})[1]["secret"]

    def ask(self, method, path, body=None):
        return self.server.ask(method, path, body, self.token)

    def decide(self, id, action="approve", **more):
        """The status with which the decision on what is asked there now is answered."""
        asks = wait_for(lambda: self.server.get(f"/v1/commands/{id}/explain")["asks"], "somebody is asked")
        return self.ask("POST", f"/v1/commands/{id}/actions/{action}", {"digest": asks[0]["digest"], "reason": "the example", **more})[0]


def main(doc, folder, show, make=Server, more=()):
    """Runs `show(server, outside)`; `folder.world()` gives the outside, `make` the server, with `more` options. 0 only if everything held."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end by itself; else the server stays up until Ctrl-C")
    options = parser.parse_args()
    outside = folder.world()
    server, good = make(Path(folder.__file__).resolve().parent, outside, more), False
    try:
        show(server, outside)
        outside.must_have_met_all()
        good = True
        say("\nEverything that this example promises has happened.")
        if not options.once:
            say(f"The server stays up: recourse list --server http://127.0.0.1:{server.port}   (Ctrl-C ends it)")
            signal.pause()
    except Trouble as trouble:
        say(f"\nFAILED: {trouble}\nThe server's log and store are in {server.dir}")
    except KeyboardInterrupt:
        good = True
    finally:
        server.stop(keep=not good)
    sys.exit(0 if good else 1)

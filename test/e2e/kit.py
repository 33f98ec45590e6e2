"""What the end-to-end tests share: a world of its own for each case (folder, ports, server, stand-in), a client, and a runner.

A case is a function with @case; it is given a World, which ends every process and removes its folder afterwards. What a case
says of itself goes out as TAP. RC_BUILD names the build folder whose programs are tested; RC_E2E_LONG=1 also runs the cases that
take long; RC_E2E_KEEP=1 keeps the folders; words on the command line choose cases by their name.

Standard library only. Times in seconds. Nothing here waits for a fixed time: `eventually` asks again until something is so.
"""
import fcntl
import http.client
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RC_BUILD", ROOT / "build"))
RECOURSE = BUILD / "recourse"
STANDIN = BUILD / "examples/github/github-standin"
SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ  # the tests of memory say nothing then
PROFILED = "LLVM_PROFILE_FILE" in os.environ  # what a killed program did does not count (test/coverage.py)
LONG = os.environ.get("RC_E2E_LONG") == "1"
# where the tests draw random numbers from: of the tree that is tested (test/seed.py), or new; RC_SEED repeats a run
SEED = int(os.environ.get("RC_E2E_SEED") or os.environ.get("RC_SEED") or random.SystemRandom().randrange(1, 1 << 32))
PATIENCE = 40  # how long something that must come may take on a busy machine; never waited for when it comes

ENDED = {"completed", "partial", "cancelled", "rolled_back", "resolved"}
RESTING = ENDED | {"review", "failed", "rejected"}  # nothing moves until a person does something


class Failure(AssertionError):
    pass


class Skip(Exception):
    pass


def true(value, what):
    if not value:
        raise Failure(what)
    return value


def equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}: expected {expected!r}, got {actual!r}")
    return actual


def contains(text, part, what="the text"):
    if part not in text:
        raise Failure(f"{what} does not say {part!r}: {text[-2000:]!r}")
    return text


def eventually(ask, what, most=PATIENCE, pause=0.02):
    """Asks again until the answer is true; returns it."""
    end, answer = time.monotonic() + most, None
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            said = what() if callable(what) else what
            raise Failure(f"not within {most} s: {said}")
        time.sleep(pause)


def noise(n):
    """Bytes that mean nothing."""
    return random.Random(f"{SEED}/{n}").randbytes(n)


class Ports:
    """Ports that are this process's alone, whether or not somebody listens on them at the moment: a range of its own, for which it holds a
    lock as long as it lives. All lie below those that the kernel takes for outgoing connections."""
    FIRST, EACH, RANGES = 12000, 200, 90

    def __init__(self):
        for n in random.SystemRandom().sample(range(self.RANGES), self.RANGES):
            self.file = open(Path(tempfile.gettempdir()) / f"recourse-ports-{os.getuid()}-{n}", "a")
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.file.close()
                continue
            first = self.FIRST + n * self.EACH
            self.turn = itertools.cycle(range(first, first + self.EACH))
            return
        raise Failure("all ranges of ports are taken")

    def take(self):
        for port in itertools.islice(self.turn, self.EACH):
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise Failure("no free port")


ports = None
ports_lock = threading.Lock()


def free_port():
    """One that stays free while nobody listens on it."""
    global ports
    with ports_lock:
        ports = ports or Ports()
        return ports.take()


def in_threads(n, work):
    """Results of work(0) … work(n-1), begun at the same moment. An exception in one is raised here."""
    results, barrier = [None] * n, threading.Barrier(n)

    def run(i):
        try:
            barrier.wait()
            results[i] = work(i)
        except BaseException as problem:  # handed on below
            results[i] = problem

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for r in results:
        if isinstance(r, BaseException):
            raise r
    return results


# ---- HTTP -----------------------------------------------------------------------------------------------------------------

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.text[:600]}>"

    def must(self, status):
        if self.status != status:
            raise Failure(f"expected status {status}, got {self!r}")
        return self

    def problem(self, status, slug):
        """A problem as RFC 9457 has it."""
        self.must(status)
        contains(self.headers.get("Content-Type", ""), "application/problem+json", "the content type")
        body = self.json
        true(body["type"].endswith("/" + slug), f"expected the problem {slug}, got {body}")
        equal(body["status"], status, "status in the problem")
        true(body.get("title"), f"the problem has no title: {body}")
        return body


class Api:
    """A client of one server; every request has a connection of its own, so that threads and restarts do not matter."""

    def __init__(self, port, timeout=PATIENCE, headers=None):
        self.port, self.timeout, self.headers = port, timeout, headers or {}  # headers: of every request

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)

    def ask(self, method, path, body=None, headers=None):
        headers = {**self.headers, **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            try:
                connection.request(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                if not connection.sock:
                    raise
                # refused before all was sent: the answer may be there
            if not connection.sock:
                raise ConnectionResetError("the connection is gone")
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        return self.ask("POST", path, body, headers)

    def submit(self, flow, payload, key=None, headers=None, **more):
        body = {"type": flow, "payload": payload, **more}
        if key is not None:
            body["key"] = key
        return self.post("/v1/commands", body, headers)

    def batch(self, lines, must=200):
        """Answers to a batch by line; lines are objects, or bytes as they are."""
        body = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        answer = self.post("/v1/commands/batch", body, {"Content-Type": "application/x-ndjson"}).must(must)
        if must != 200:
            return answer.json
        equal(answer.headers["Content-Type"], "application/x-ndjson", "content type")
        return [json.loads(line) for line in answer.text.splitlines()]

    def command(self, id):
        return self.get(f"/v1/commands/{id}").must(200).json

    def explain(self, id):
        return self.get(f"/v1/commands/{id}/explain").must(200).json

    def history(self, id):
        """All records, page by page."""
        records, after = [], 0
        while after is not None:
            page = self.get(f"/v1/commands/{id}/history?after={after}&limit=200").must(200).json
            records += page["records"]
            after = page["next"]
        return records

    def list(self, query=""):
        """All rows, page by page."""
        rows, before = [], None
        while True:
            page = self.get("/v1/commands?limit=200" + (f"&{query}" if query else "") + (f"&cursor={before}" if before else ""))
            rows += page.must(200).json["commands"]
            before = page.json["next"]
            if before is None:
                return rows

    def act(self, id, action, headers=None, **body):
        return self.post(f"/v1/commands/{id}/actions/{action}", body, headers)

    def metric(self, name):
        for line in self.get("/metrics").must(200).text.splitlines():
            if line.startswith(f"recourse_{name} "):
                return float(line.split()[1])
        raise Failure(f"there is no metric {name}")

    def until_state(self, id, *states, most=PATIENCE):
        """The command, as soon as it is in one of the states; fails at once when it rests in another one."""
        last = {}

        def look():
            last.update(self.command(id))
            if last["state"] in states:
                return dict(last)
            if last["state"] in RESTING:
                raise Failure(f"expected {states}, came to rest as {last['state']}: {last}")
            return None

        return eventually(look, lambda: f"{id} becomes {' or '.join(states)}: {last}", most)

    def until_resting(self, id, most=PATIENCE):
        return self.until_state(id, *RESTING, most=most)


def read_all(s):
    """What a connection still gives until its end, however that comes."""
    got = b""
    try:
        while part := s.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


# ---- processes ------------------------------------------------------------------------------------------------------------

class Process:
    """A child of ours with its output in a file."""

    def __init__(self, world, name, argv, env=None):
        self.name = name
        self.log = world.dir / f"{name}.log"
        with open(self.log, "ab") as out:
            self.p = subprocess.Popen([str(a) for a in argv], cwd=world.dir, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                      env=env)
        world.processes.append(self)

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    def running(self):
        return self.p.poll() is None

    def end(self, number, most=PATIENCE):
        """Sends a signal and waits for the end; the exit code."""
        if self.running():
            self.p.send_signal(number)
        try:
            return self.p.wait(most)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} has not ended within {most} s after signal {number}: {self.output[-2000:]}") from None

    def leave(self):
        """Ends it as it ends by itself, so that it leaves its profile; the second signal is for one that waits for what it has out."""
        for _ in range(2):
            if self.running():
                self.p.send_signal(signal.SIGTERM)
                try:
                    self.p.wait(2)
                except subprocess.TimeoutExpired:
                    pass

    def kill(self):
        return self.end(signal.SIGKILL)


class Server:
    """`recourse serve`, which may be started again and again on the same store and port."""

    def __init__(self, world, store=None, defs=None, port=None, more=()):
        self.world, self.port = world, port or free_port()
        self.store = store or world.dir / "recourse.db"
        self.defs, self.more = defs, list(more)
        self.api = Api(self.port)
        self.process, self.starts = None, 0

    @property
    def argv(self):
        argv = [RECOURSE, "serve", "--store", self.store, "--listen", f"127.0.0.1:{self.port}", "--log", "json", *self.more]
        return argv + (["--defs", self.defs] if self.defs else [])

    def launch(self):
        self.starts += 1
        self.process = Process(self.world, f"server-{self.port}-{self.starts}", self.argv)
        return self

    def start(self):
        """Starts it and waits until it takes connections; whether there is room for new work is another question (/readyz)."""
        self.launch()

        def answers():
            if not self.process.running():
                raise Failure(f"the server ended with code {self.process.p.returncode}: {self.process.output[-3000:]}")
            try:
                return self.api.get("/healthz").status == 200
            except (OSError, http.client.HTTPException):
                return False

        eventually(answers, lambda: f"the server answers: {self.process.output[-3000:]}")
        return self

    def refuses_to_start(self):
        """What it says when it does not start."""
        self.launch()
        try:
            code = self.process.p.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure("the server has started, but must not") from None
        true(code == 1, f"expected exit code 1, got {code}: {self.process.output[-2000:]}")
        return self.process.output

    def kill(self):
        self.process.kill()

    def stop(self, most=PATIENCE):
        return self.process.end(signal.SIGTERM, most)

    def restart(self):
        if self.process.running():
            equal(self.stop(), 0, "exit code after SIGTERM")
        return self.start()

    def window(self):
        """The window that holds, when all of the old state has been looked through."""
        def look():
            said = self.api.get("/v1/hold").must(200).json
            true(said["held"], "the store holds")
            return not said["looking"] and said["window"]
        return eventually(look, "the old state is looked through")

    def release(self, reason="looked at it", **more):
        window = self.window()
        said = self.api.post("/v1/hold/release", {"window": window["id"], "reason": reason, **more}).must(200).json
        equal(said["held"], False, "held")
        return window

    def records(self):
        """The log of the last start as objects."""
        found = []
        for line in self.process.output.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                raise Failure(f"the log has a line that is not JSON: {line!r}") from None
        return found

    @property
    def cli_env(self):
        return dict(os.environ, RECOURSE_SERVER=f"http://127.0.0.1:{self.port}", RECOURSE_ACTOR="tester", LC_ALL="C.UTF-8")

    def cli_at_terminal(self, types, *argv, code=0, env=None):
        """Runs the command line at a terminal of 80 columns on which somebody types this; what the terminal shows."""
        ours, theirs = os.openpty()
        os.write(ours, types.encode())  # waits there until it is read
        p = subprocess.Popen([str(RECOURSE), *argv], env={**self.cli_env, **(env or {})}, stdin=theirs, stdout=theirs, stderr=theirs, cwd=self.world.dir)
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:
            pass  # the other end is closed
        os.close(ours)
        equal(p.wait(PATIENCE), code, f"exit code of {' '.join(argv)}: {shown.decode()}")
        return shown.decode()

    def cli(self, *argv, code=0, stdin="", json_out=False):
        """Runs the command line against this server; what it prints, or with json_out the object that it prints."""
        words = [str(RECOURSE), *(str(a) for a in argv), *(["--json"] if json_out else [])]
        got = subprocess.run(words, env=self.cli_env, input=stdin, capture_output=True, text=True, timeout=PATIENCE, cwd=self.world.dir)
        if got.returncode != code:
            raise Failure(f"{' '.join(words[1:])}: expected exit code {code}, got {got.returncode}: {got.stdout}{got.stderr}")
        return json.loads(got.stdout) if json_out else got.stdout + got.stderr


class StandIn:
    """The example's stand-in for GitHub, with its journal."""

    def __init__(self, world, *more):
        self.world, self.port = world, free_port()
        self.journal_file = world.dir / f"journal-{self.port}.ndjson"
        self.api = Api(self.port)
        self.more = more
        self.start()

    def start(self):
        self.process = Process(self.world, f"standin-{self.port}",
                               [STANDIN, "--port", self.port, "--journal", self.journal_file, "--quiet", *self.more])
        eventually(self.is_up, lambda: f"the stand-in listens: {self.process.output}")

    def is_up(self):
        true(self.process.running(), f"the stand-in ended: {self.process.output}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def faults(self, *rules):
        self.api.post("/_standin/faults", list(rules)).must(200)

    def clear_faults(self):
        self.api.ask("DELETE", "/_standin/faults").must(200)

    def stats(self):
        return self.api.get("/_standin/stats").must(200).json

    def journal(self, method=None, path=None):
        """Entries, oldest first; `path` is a part of the address."""
        text = self.journal_file.read_text() if self.journal_file.exists() else ""
        entries = [json.loads(line) for line in text.splitlines() if line and "per_page=" not in line]  # those are `pulls`
        return [e for e in entries if (not method or e["method"] == method) and (not path or path in e["path"])]

    def fired(self, fault):
        return [e for e in self.journal() if (e["fault"] or "").split(":")[0] == fault]

    def pulls(self, repo, state="all"):
        found, page = [], 1
        while True:
            part = self.api.get(f"/repos/acme/{repo}/pulls?state={state}&per_page=100&page={page}").must(200).json
            found += part
            if len(part) < 100:
                return found
            page += 1


class Canary:
    """A listener that must not be reached; or, where it may be, one that counts, and answers as it is told."""

    def __init__(self, world, host="127.0.0.1", answer=(200, {}, b"{}")):
        self.hits = hits = []
        status, headers, body = answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self):
                hits.append((self.command, self.path, dict(self.headers)))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = reply

            def log_message(self, *_):
                pass

        class Listener(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

            def get_request(self):
                got = super().get_request()
                hits.append(("connected", got[1]))
                return got

        self.listener = Listener((host, 0), Handler)
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        world.closers.append(self.listener.shutdown)
        world.closers.append(self.listener.server_close)

    @property
    def asked(self):
        return [h for h in self.hits if h[0] != "connected"]


# ---- definitions ----------------------------------------------------------------------------------------------------------

def replaced(text, old, new):
    """Replaces what must be there exactly once."""
    equal(text.count(old), 1, f"times that {old!r} is in the example")
    return text.replace(old, new)


def example_flow(timeout="1500ms", delay="50ms", settle="200ms", attempts=6, jitter="full", check_attempts=40):
    """The example's flow with short times."""
    text = (ROOT / "examples/github/create_pr.yaml").read_text()
    text = replaced(text, "    timeout: 10s\n", f"    timeout: {timeout}\n")
    text = replaced(text, "retry: { delay: 1s, backoff: exponential, jitter: full, limit: { attempts: 6, duration: 30m } }",
                    f"retry: {{ delay: {delay}, backoff: exponential, jitter: {jitter}, max_delay: 1s, limit: {{ attempts: {attempts} }} }}")
    text = re.sub(r"      settle: 2s.*\n", f"      settle: {settle}\n      timeout: {timeout}\n"
                  f"      retry: {{ delay: 100ms, backoff: constant, jitter: none, limit: {{ attempts: {check_attempts} }} }}\n", text)
    contains(text, f"settle: {settle}", "the flow")
    text = replaced(text, "      repeatable: true  # closing it twice does no harm\n",
                    f"      repeatable: true\n      timeout: {timeout}\n      retry: {{ delay: 50ms, limit: {{ attempts: 10 }} }}\n")
    return replaced(text, "    retry: { limit: { attempts: 3 } }\n",
                    f"    timeout: {timeout}\n    retry: {{ delay: 50ms, max_delay: 500ms, limit: {{ attempts: 10 }} }}\n")


def example_dependency(port, concurrent=8):
    text = (ROOT / "examples/github/github.yaml").read_text()
    text = replaced(text, "base: http://127.0.0.1:8499", f"base: http://127.0.0.1:{port}")
    text = replaced(text, "connect_timeout: 2s", "connect_timeout: 1s")
    return re.sub(r"concurrent: 8\b", f"concurrent: {concurrent}", text)


def dependency(name, base, private=True, concurrent=8, more=""):
    return (f"dependency: {name}\nkind: http\nbase: {base}\n" + ("allow_private: true\n" if private else "")
            + f"limits: {{ concurrent: {concurrent} }}\nconnect_timeout: 1s\n{more}")


def simple_flow(name, dep="github", more="", body='{ n: "${payload.n}" }', path="/ok"):
    """One call with the payload {n}; `more` holds further fields of the step."""
    lines = "".join(f"    {line}\n" for line in more.splitlines())
    return (f'flow: {name}\npayload:\n  type: object\n  required: [n]\n  properties: {{ n: {{ type: integer }} }}\n'
            f'key: "${{payload.n}}"\nsteps:\n  - id: call\n    call: {dep}\n'
            f'    with: {{ method: POST, path: "{path}", body: {body} }}\n{lines}')


# ---- files of a store ------------------------------------------------------------------------------------------------------

PAGE = 4096


def seal(page, number):
    """The seal of a page of a store, as src/store/sqlite/seal.c makes it."""
    most = (1 << 64) - 1

    def step(h):
        h = h * 0xbf58476d1ce4e5b9 & most
        return h ^ h >> 29

    h = (number + 1) * 0x9e3779b97f4a7c15 & most
    lane = [(h + k) & most for k in range(4)]
    for i, word in enumerate(struct.unpack("<511Q", page[:PAGE - 8])):
        lane[i % 4] = step(lane[i % 4] ^ word)
    for k in range(4):
        h = step(h ^ lane[k])
    return struct.pack("<Q", h)


@contextmanager
def changed(store):
    """A connection to the file of a stopped server. What it changes gets its seals, as if the server had written it."""
    with closing(sqlite3.connect(store)) as db:
        yield db
        db.commit()
    data = bytearray(Path(store).read_bytes())
    for at in range(0, len(data), PAGE):
        data[at + PAGE - 8:at + PAGE] = seal(data[at:at + PAGE], at // PAGE + 1)
    Path(store).write_bytes(data)


# ---- a world of one case --------------------------------------------------------------------------------------------------

class World:
    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="recourse-e2e-"))
        self.processes, self.closers = [], []

    def write(self, **files):
        """Definitions by name (without .yaml) in the folder `defs`; None removes one. Returns the folder."""
        folder = self.dir / "defs"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            file = folder / f"{name}.yaml"
            if text is None:
                file.unlink()
            else:
                file.write_text(text)
        return folder

    def standin(self, *more):
        return StandIn(self, *more)

    def server(self, **options):
        return Server(self, **options)

    def example(self, concurrent=8, more=(), **times):
        """The stand-in, and a server with the example's definitions: (server, stand-in)."""
        hub = self.standin()
        defs = self.write(create_pr=example_flow(**times), github=example_dependency(hub.port, concurrent))
        return self.server(defs=defs, more=more).start(), hub

    def close(self, keep):
        for closer in reversed(self.closers):
            try:
                closer()
            except Exception as problem:  # the rest must still be closed
                print(f"# closing: {problem}")
        for process in self.processes:
            if PROFILED:
                process.leave()
            if process.running():
                process.p.kill()
            process.p.wait()
        if keep:
            print(f"# kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def pull(n, repo="web", title=None, branch=None):
    """Payload number n of the example's flow."""
    return {"project": n, "customer": n % 7 + 1, "repo": repo, "branch": branch or f"feature-{n}", "title": title or f"Change {n}"}


PR = "github.create_pr"


# ---- runner ---------------------------------------------------------------------------------------------------------------

cases = []


def case(name, long=False):
    def add(function):
        cases.append((name, function, long))
        return function
    return add


def note(text):
    print("\n".join(f"# {line}" for line in str(text).splitlines()), flush=True)


def told_to_end(*_):
    """The program has had its time (meson.build): what does not come to its end says where it stands."""
    raise Failure("the time is over")


def run_one(number, name, function):
    start, world, result, why = time.monotonic(), World(), "ok", ""
    try:
        function(world)
    except Skip as reason:
        why = f" # SKIP {reason}"
    except Exception:
        result = "not ok"
        note(traceback.format_exc())
        for process in world.processes[-8:]:
            note(f"--- {process.name}, code {process.p.poll()}\n{process.output[-3000:]}")
    finally:
        world.close(os.environ.get("RC_E2E_KEEP") == "1")
    print(f"{result} {number} - {name} ({time.monotonic() - start:.1f} s){why}", flush=True)
    return result == "ok"


def main():
    words = sys.argv[1:]
    true(RECOURSE.exists() and STANDIN.exists(), f"there is no build in {BUILD} (RC_BUILD)")
    chosen = [c for c in cases if not words or any(w in c[0] for w in words)]
    true(chosen, f"no case has one of {words} in its name")
    signal.signal(signal.SIGTERM, told_to_end)
    print(f"1..{len(chosen)}", flush=True)
    good = True
    for number, (name, function, long) in enumerate(chosen, 1):
        if long and not LONG:
            print(f"ok {number} - {name} # SKIP takes long; RC_E2E_LONG=1 runs it", flush=True)
        else:
            good &= run_one(number, name, function)
    sys.exit(0 if good else 1)

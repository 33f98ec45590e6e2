"""Servers and programs of the benchmarks: `recourse serve` on a store of its own, the load generator against it."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET_IN_DEFS = "127.0.0.1:8599"
PATIENCE_S = 120  # for a server to start or to stop, on a busy machine


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@atexit.register
def end_all():
    """After an error: no server is left over, nor what it had."""
    while Server.running:
        server = Server.running.pop()
        server.process.kill()
        server.process.wait()
        if not server.kept:
            shutil.rmtree(server.directory, ignore_errors=True)


class Server:
    """`recourse serve` on an empty store in a directory of its own, on ports that nobody uses. With `directory` it is an existing
    one, which is kept at the end; with `work`, its flow's steps are done by remote workers."""

    running = []  # all that have been started and not been halted

    def __init__(self, build, disk, directory=None, preload=None, work=False):
        self.build, self.kept, self.work = build, directory is not None, work
        self.directory = directory or tempfile.mkdtemp(prefix="recourse-bench-", dir=disk)
        os.makedirs(self.directory, exist_ok=True)
        self.store = os.path.join(self.directory, "store.db")
        self.target_port = free_port()
        self.definitions()
        self.start(preload)

    def start(self, preload=None):
        """Returns the seconds until it said that it was ready."""
        self.port, began = free_port(), time.monotonic()
        command = [os.path.join(self.build, "recourse"), "serve", "--store", self.store, "--defs", os.path.join(self.directory, "defs"),
                   "--listen", f"127.0.0.1:{self.port}", "--log", "text", "--max-rate", "0"]
        command += ["--queue-time", "0s"] if self.work else []  # a backlog is what is asked for: nothing of it is refused
        self.log = open(os.path.join(self.directory, "log"), "wb+")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
                                        env=dict(os.environ, **(preload or {})))
        if self not in Server.running:
            Server.running.append(self)
        while time.monotonic() < began + PATIENCE_S and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).close()
                return time.monotonic() - began
            except OSError:
                time.sleep(0.01)
        self.log.seek(0)
        sys.exit("the server does not start:\n" + self.log.read().decode())

    def definitions(self):
        """A copy of defs/ that calls the target's port, or of defs-work/."""
        directory, made = os.path.join(self.directory, "defs"), os.path.join(HERE, "defs-work" if self.work else "defs")
        os.makedirs(directory, exist_ok=True)
        for name in os.listdir(made):
            with open(os.path.join(made, name)) as file:
                text = file.read().replace(TARGET_IN_DEFS, f"127.0.0.1:{self.target_port}")
            with open(os.path.join(directory, name), "w") as file:
                file.write(text)

    def memory(self):
        """Resident MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            lines = [line for line in status if line.startswith("VmRSS:")]
        return int(lines[0].split()[1]) / 1024

    def release(self):
        """Lets a store go on that came from elsewhere (fill.c made it)."""
        base = f"http://127.0.0.1:{self.port}/v1/hold"
        end = time.monotonic() + PATIENCE_S * 10
        while True:
            hold = json.load(urllib.request.urlopen(base, timeout=PATIENCE_S))
            if not hold["held"]:
                return
            body = {"window": hold["window"]["id"], "reason": "made for a benchmark"}
            asked = urllib.request.Request(f"{base}/release", json.dumps(body).encode(), {"Content-Type": "application/json"})
            try:
                urllib.request.urlopen(asked, timeout=PATIENCE_S).close()
            except urllib.error.HTTPError as refused:  # it looks through what it has, still
                if refused.code != 503 or time.monotonic() > end:
                    sys.exit(f"the store is not released: {refused.read().decode()}")
                time.sleep(0.2)

    def halt(self):
        """Ends the server; returns the bytes of the store's database file, with its log folded in."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=PATIENCE_S) != 0:
            sys.exit("the server did not stop well")
        Server.running.remove(self)
        self.log.close()
        return os.path.getsize(self.store)

    def stop(self):
        """halt(), and removes what it had."""
        size = self.halt()
        if not self.kept:
            shutil.rmtree(self.directory)
        return size


def program(build, name, *arguments):
    """Runs one of bench/; returns the object that it prints."""
    command = [os.path.join(build, "bench", name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(" ".join(command) + ": " + done.stderr)
    return json.loads(done.stdout)


def load_words(server, arguments):
    return [*arguments, "--port", server.port, "--target-port", server.target_port, "--server-pid", server.process.pid]


def load(server, *arguments):
    return program(server.build, "load", *load_words(server, arguments))


class Background:
    """The load generator beside what is measured."""

    def __init__(self, server, *arguments):
        words = [os.path.join(server.build, "bench", "load"), *map(str, load_words(server, arguments))]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait(self):
        return self.process.communicate()

    def result(self):
        said, complaint = self.wait()
        if self.process.returncode != 0:
            sys.exit("load: " + complaint)
        return json.loads(said)


def recorder(build, file, most):
    """The environment of a server whose writes are recorded (record.c)."""
    return {"LD_PRELOAD": os.path.join(build, "bench", "record.so"), "RECORD_FILE": file, "RECORD_MAX": str(most)}


def measure(build, disk, arguments, seconds, warmup=1):
    """One run on an empty store; also the memory of the idle and the loaded server, and the bytes of the store."""
    server = Server(build, disk)
    idle = server.memory()
    result = load(server, *arguments, "--seconds", seconds, "--warmup", warmup)
    result["rss_idle_mib"], result["rss_after_mib"] = idle, server.memory()
    result["store_bytes"] = server.stop()
    rate = result.get("per_s", result.get("accepted_per_s"))
    say(f"{' '.join(map(str, arguments))}: {rate}/s, p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms, "
        f"load generator {result['load_cpu_share']} cores")
    return result


def bare_sqlite(build, disk, arguments, seconds, most=256 << 20):
    """The bare SQLite loop (sqlite_floor.c) with the rows and transactions of a run of these arguments."""
    server = Server(build, disk)  # brings the definitions in, so that the copy is the store as the recorded server finds it
    server.halt()
    base, file = (os.path.join(server.directory, name) for name in ("base.db", "record"))
    shutil.copyfile(server.store, base)
    server.start(recorder(build, file, most))
    load(server, *arguments, "--seconds", seconds, "--warmup", 0)
    server.halt()
    result = program(build, "sqlite_floor", base, file)
    shutil.rmtree(server.directory)
    say(f"bare SQLite with the writes of {' '.join(map(str, arguments))}: {result['per_s']}/s, "
        f"{result['commands_each_commit']} commands a commit")
    return result

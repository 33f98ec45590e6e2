"""SIGTERM: nothing new is taken on, what is in flight may end, everything asked is answered, and the exit code says that all is well."""
import http.client
import os
import random
import signal
import socket
import threading
import time

from kit import PATIENCE, PR, SANITIZED, Process, case, equal, eventually, in_threads, main, note, pull, true


def no_trouble(server, allowed=()):
    allowed = [*allowed, ", slow"]  # a busy machine is no trouble
    bad = [r for r in server.records() if r["level"] in ("error", "warn") and not any(a in r["text"] for a in allowed)]
    equal(bad, [], "errors and warnings in the log")


@case("attempts in flight end, nothing new leaves, and the next start goes on")
def drains(world):
    server, hub = world.example(timeout="60s", concurrent=4, more=["--drain", "60s"])
    api = server.api
    flying = [api.submit(PR, pull(n, repo=f"r{n}", title="fault=slow:6000")).must(201).json["id"] for n in range(1, 5)]
    eventually(lambda: len(hub.fired("slow")) == 4, "four are out")
    waiting = [api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"] for n in range(5, 10)]
    start = time.monotonic()
    equal(server.stop(), 0, "exit code")
    true(time.monotonic() - start < 55, f"it took {time.monotonic() - start:.1f} s, as if for the whole of the drain")
    no_trouble(server)
    equal(server.records()[-1]["event"], "stopped", "last line of the log")
    equal(len(hub.journal()), 4, "requests")
    server.start()
    for id in flying + waiting:
        api.until_state(id, "completed")
    equal(api.metric("attempts_lost_total"), 0, "attempts lost")
    equal(len(hub.journal("GET")), 0, "nothing had to be asked about")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("what does not end in time ends as unknown, is said, and is settled after the next start")
def deadline(world):
    server, hub = world.example(timeout="60s", more=["--drain", "1s"])
    api = server.api
    ids = [api.submit(PR, pull(n, repo=f"r{n}", title="fault=hang-after")).must(201).json["id"] for n in (1, 2)]
    eventually(lambda: len(hub.fired("hang-after")) == 2, "two are out")
    start = time.monotonic()
    equal(server.stop(), 0, "exit code")
    took = time.monotonic() - start
    true(0.9 < took < 55, f"it took {took:.1f} s")
    no_trouble(server, allowed=["2 attempts are still in flight"])
    true("2 attempts are still in flight" in server.process.output, "the log does not say what is unknown")
    server.start()
    for id in ids:
        api.until_state(id, "completed")
    equal(len(hub.journal("POST", "/pulls")), 2, "requests for pull requests")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("a second signal does not wait for the drain")
def second_signal(world):
    server, hub = world.example(timeout="60s", more=["--drain", "60s"])
    server.api.submit(PR, pull(1, title="fault=hang")).must(201)
    eventually(lambda: hub.fired("hang"), "it is out")
    server.process.p.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    true(server.process.running(), "it has not waited for what is in flight")
    equal(server.process.end(signal.SIGINT), 0, "exit code")


@case("with stop_delay, readiness goes first while work is still taken; a second signal ends that")
def readiness_first(world):
    server, hub = world.example(more=["--stop-delay", "5m"])
    api = server.api
    equal(api.get("/readyz").json["ready"], True, "ready")
    true("is ready" in server.cli("ready"), "recourse ready")
    server.process.p.send_signal(signal.SIGTERM)
    said = eventually(lambda: (lambda a: a.status == 503 and a)(api.get("/readyz")), "readiness has gone").json
    equal((said["ready"], said["stopping"]), (False, True), "what /readyz says")
    server.cli("ready", "-q", code=5)
    for n in range(1, 6):
        api.until_state(api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"], "completed")
    true(server.process.running(), "it is still there")
    equal(server.process.end(signal.SIGTERM), 0, "exit code")
    equal(server.records()[-1]["event"], "stopped", "last line of the log")


@case("a short stop_delay ends by itself")
def short_delay(world):
    server, hub = world.example(more=["--stop-delay", "300ms"])
    start = time.monotonic()
    equal(server.stop(), 0, "exit code")
    true(time.monotonic() - start >= 0.3, "it has not waited")
    no_trouble(server)


@case("a request that waits for a command is answered when the server stops")
def waiting_is_answered(world):
    server, hub = world.example(timeout="20s")
    id = server.api.submit(PR, pull(1, title="fault=slow:3000")).must(201).json["id"]
    eventually(lambda: hub.fired("slow"), "it is out")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(server.api.get(f"/v1/commands/{id}?wait=30s")))
    waiter.start()
    eventually(lambda: server.api.metric("http_waiting") == 1, "somebody waits")
    equal(server.stop(), 0, "exit code")
    waiter.join()
    equal(answers[0].status, 200, "the answer of who waited")


@case("systemd is told that the server is ready, alive and stopping")
def manager(world):
    box = world.dir / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(box))
        heard.settimeout(40)
        server = world.server()
        env = dict(os.environ, NOTIFY_SOCKET=str(box), WATCHDOG_USEC="300000")
        server.process = Process(world, "watched", server.argv, env)
        equal(heard.recv(100), b"READY=1", "first")
        for _ in range(3):
            equal(heard.recv(100), b"WATCHDOG=1", "then")
        server.process.p.send_signal(signal.SIGTERM)
        equal(eventually(lambda: (said := heard.recv(100)) != b"WATCHDOG=1" and said, "it says that it stops", pause=0), b"STOPPING=1", "last")
        equal(server.process.p.wait(40), 0, "exit code")


@case("under load: every submission is answered, or was not taken")
def under_load(world):
    server, hub = world.example(concurrent=16)
    stop, answered, lock = threading.Event(), {}, threading.Lock()
    odd = []

    def work(i):
        rng, n = random.Random(i), i * 100000
        while not stop.is_set():
            n += 1
            try:
                got = server.api.submit(PR, pull(n, repo=f"k{n}"))
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
                continue
            if got.status == 201:
                with lock:
                    answered[n] = got.json["id"]
            elif got.status != 503:
                odd.append(got)
            time.sleep(rng.random() * 0.004)

    loader = threading.Thread(target=lambda: in_threads(8, work), daemon=True)
    loader.start()
    for _ in range(3):
        before = len(answered)
        eventually(lambda: len(answered) > before + 40, "there is load")
        equal(server.stop(), 0, "exit code")
        no_trouble(server)
        server.start()
    stop.set()
    loader.join()
    equal(odd, [], "odd answers")
    note(f"{len(answered)} commands")
    true(len(answered) > 100, "the load was too small")
    known = {r["id"] for r in server.api.list()}
    true(set(answered.values()) <= known, f"lost: {set(answered.values()) - known}")
    eventually(lambda: len(server.api.list("state=completed")) == len(known), "all are completed")
    equal(server.api.metric("attempts_lost_total"), 0, "attempts lost")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("an idle server stops at once; no descriptor and no thread is left behind by its work")
def idle(world):
    concurrent = 8
    server, hub = world.example(concurrent=concurrent, more=["--drain", "60s"])
    pid = server.process.p.pid

    def count(what):
        return len(os.listdir(f"/proc/{pid}/{what}"))

    def some(first, n):
        ids = [server.api.submit(PR, pull(i, repo=f"r{i}")).must(201).json["id"] for i in range(first, first + n)]
        for id in ids:
            server.api.until_state(id, "completed")

    some(1, 1)
    threads, files = count("task"), count("fd")
    for first in (100, 200, 300):
        some(first, 50)
    equal(count("task"), threads, "threads")
    # the ends of the clients' connections are closed when the server comes to it; those to the target are kept for later
    eventually(lambda: count("fd") <= files + concurrent, f"the {files} descriptors of before and the pool's are what is left")
    start = time.monotonic()
    equal(server.stop(), 0, "exit code")
    true(time.monotonic() - start < PATIENCE, "an idle server must not wait for the drain")
    no_trouble(server)


@case("a server that has nothing to do ends, however often it is stopped")
def again_and_again(world):
    """Its threads are told to end in the middle of whatever they do: one that misses it is waited for in vain."""
    server = world.server()
    for _ in range(10 if SANITIZED else 50):
        server.start()
        equal(server.stop(), 0, "exit code")


@case("SIGTERM while it starts")
def while_starting(world):
    hub = world.standin()
    rng = random.Random(3)
    for i in range(10):
        server = world.server(store=world.dir / f"s{i}.db").launch()
        time.sleep(rng.random() * 0.05)
        code = server.process.end(signal.SIGTERM)
        true(code in (0, -signal.SIGTERM), f"exit code {code}: {server.process.output}")
    true(hub.is_up(), "the stand-in is there")


if __name__ == "__main__":
    main()

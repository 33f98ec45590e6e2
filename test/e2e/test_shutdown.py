"""SIGTERM: nothing new is taken on, what is in flight may end, everything asked is answered, and the exit code says that all is well."""
import http.client
import os
import random
import signal
import threading
import time

from kit import PR, case, equal, eventually, in_threads, main, note, pull, true


def no_trouble(server, allowed=()):
    bad = [r for r in server.records() if r["level"] in ("error", "warn") and not any(a in r["text"] for a in allowed)]
    equal(bad, [], "errors and warnings in the log")


@case("attempts in flight end, nothing new leaves, and the next start goes on")
def drains(world):
    server, hub = world.example(timeout="20s", concurrent=4)
    api = server.api
    flying = [api.submit(PR, pull(n, repo=f"r{n}", title="fault=slow:900")).must(201).json["id"] for n in range(1, 5)]
    eventually(lambda: len(hub.fired("slow")) == 4, "four are out")
    waiting = [api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"] for n in range(5, 10)]
    start = time.monotonic()
    equal(server.stop(), 0, "exit code")
    true(time.monotonic() - start < 5, f"it took {time.monotonic() - start:.1f} s")
    no_trouble(server)
    equal(server.records()[-1]["event"], "stopped", "last line of the log")
    equal(len(hub.journal()), 4, "requests")
    server.start()
    equal(api.metric("attempts_lost_total"), 0, "attempts lost")
    for id in flying + waiting:
        api.until_state(id, "completed")
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
    true(0.9 < took < 4, f"it took {took:.1f} s")
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
    equal(server.process.end(signal.SIGINT, 10), 0, "exit code")


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

    loader = threading.Thread(target=lambda: in_threads(8, work))
    loader.start()
    for _ in range(3):
        time.sleep(0.4)
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
    equal(server.api.metric("attempts_lost_total"), 0, "attempts lost")
    eventually(lambda: len(server.api.list("state=completed")) == len(known), "all are completed")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("an idle server stops at once; no descriptor and no thread is left behind by its work")
def idle(world):
    server, hub = world.example()
    pid = server.process.p.pid

    def count(what):
        return len(os.listdir(f"/proc/{pid}/{what}"))

    def some(first, n):
        ids = [server.api.submit(PR, pull(i, repo=f"r{i}")).must(201).json["id"] for i in range(first, first + n)]
        for id in ids:
            server.api.until_state(id, "completed")

    some(1, 50)
    threads, files = count("task"), count("fd")
    some(100, 50)
    equal(count("task"), threads, "threads")
    true(count("fd") <= files + 8, f"descriptors: {files} before, {count('fd')} after")
    start = time.monotonic()
    equal(server.stop(), 0, "exit code")
    true(time.monotonic() - start < 1.5, "an idle server must not wait")
    no_trouble(server)


@case("SIGTERM while it starts")
def while_starting(world):
    hub = world.standin()
    rng = random.Random(3)
    for i in range(10):
        server = world.server(store=world.dir / f"s{i}.db").launch()
        time.sleep(rng.random() * 0.05)
        code = server.process.end(signal.SIGTERM, 10)
        true(code in (0, -signal.SIGTERM), f"exit code {code}: {server.process.output}")
    true(hub.is_up(), "the stand-in is there")


if __name__ == "__main__":
    main()

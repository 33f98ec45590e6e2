"""Worse than a crash: processes that stand still, clocks that are set, disks that take seconds to sync, no descriptors, no memory.

RC_TIER=ci makes the long ones longer. Every case fails when its fault never was."""
import http.client
import json
import os
import resource
import socket
import threading
import time
from datetime import datetime

from kit import (PATIENCE, PR, SANITIZED, Skip, case, contains, dependency, equal, eventually, example_dependency, example_flow, in_threads,
                 main, note, pull, simple_flow, true)
from worse import WorseServer, go_on, stop

CI = os.environ.get("RC_TIER", "quick") != "quick"
SYNC_MS = 30000 if CI else 4000
faults = set()


def fault(name):
    """A kind of fault that has fired."""
    faults.add(name)


def when(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def worse_example(world, more=(), concurrent=8, before=None, **times):
    hub = world.standin()
    defs = world.write(create_pr=example_flow(**times), github=example_dependency(hub.port, concurrent))
    return WorseServer(world, before=before, defs=defs, more=more).start(), hub


def once_each(hub, api, ids):
    """Everything came to its end, and nothing was done twice."""
    for id in ids:
        api.until_state(id, "completed")
    equal(hub.stats()["duplicates"], 0, "duplicates")


# ---- standing still ------------------------------------------------------------------------------------------------------------

@case("the server stands still for longer than any timeout: nothing is done twice, nothing too early, who waits is answered")
def server_stops(world):
    server, hub = world.example(timeout="2s", concurrent=20)
    api = server.api
    ids = [api.submit(PR, pull(n, repo=f"r{n}", title="fault=slow:400")).must(201).json["id"] for n in range(1, 9)]
    ids.append(api.submit(PR, pull(20, repo="r20", title="fault=429:3")).must(201).json["id"])
    eventually(lambda: len(hub.fired("slow")) == 8 and hub.fired("429"), "attempts are out")
    waiting = []
    asks = threading.Thread(target=lambda: waiting.append(api.get(f"/v1/commands/{ids[0]}?wait=30s")))
    asks.start()
    eventually(lambda: api.explain(ids[-1])["attempts"][0].get("outcome"), "the first attempt that was limited is over")
    stop(server.process)
    time.sleep(4)  # the fault: longer than the timeout, with all answers come meanwhile
    go_on(server.process)
    fault("server stopped")
    asks.join()
    equal(waiting[0].must(200).json["id"], ids[0], "who waited is answered")
    once_each(hub, api, ids)
    for n in range(1, 9):
        equal(len(hub.pulls(f"r{n}")), 1, "pull requests")
    first, second = [when(e["time"]) for e in hub.journal("POST", "/repos/acme/r20/pulls")]
    true(second - first >= 2.9, f"Retry-After of 3 s was cut to {second - first:.2f} s")


@case("the stand-in stands still: attempts time out and are unknown, are asked about, and are not sent again")
def standin_stops(world):
    server, hub = world.example(timeout="700ms", concurrent=20)
    api = server.api
    api.until_state(api.submit(PR, pull(99, repo="r99")).must(201).json["id"], "completed")
    stop(hub.process)
    ids = [api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"] for n in range(1, 9)]

    def unknown():
        return all(any(a.get("outcome") == "unknown" for a in api.explain(id)["attempts"]) for id in ids)

    eventually(unknown, "the attempts are unknown", pause=0.1)
    fault("outside system stopped")
    go_on(hub.process)
    once_each(hub, api, ids)
    for n in range(1, 9):
        equal(len(hub.pulls(f"r{n}")), 1, "pull requests")


# ---- the clock -----------------------------------------------------------------------------------------------------------------

def delayed(api, n, seconds):
    """A command whose second attempt comes after so long; the moment when the first one was answered is in the journal."""
    return api.submit(PR, pull(n, repo=f"r{n}", title=f"fault=429:{seconds}")).must(201).json["id"]


def gap(hub, n):
    first, second = [when(e["time"]) for e in hub.journal("POST", f"/repos/acme/r{n}/pulls")]
    return second - first


@case("the clock is set forward and back by an hour while the server runs: nothing is early, nothing waits for an hour, order stays")
def clock_moves(world):
    server, hub = worse_example(world, timeout="20s")
    api, ids = server.api, []
    for n, shift in enumerate((3600, -3600, 0, 7200), 1):
        id = delayed(api, n, 2)
        eventually(lambda n=n: hub.journal("POST", f"/repos/acme/r{n}/pulls"), "the first attempt")
        server.control.shift(shift)
        api.until_state(id, "completed")
        api.act(id, "note", reason="the clock was set").must(200)
        ids.append(id)
        true(1.9 <= gap(hub, n) < 3 * PATIENCE, f"clock {shift:+} s: the second attempt came {gap(hub, n):.2f} s after the first")
    true(server.control["asked"] > 0, "nobody has asked the clock")
    fault("clock set while running")
    created = [when(api.command(id)["created"]) for id in ids]
    equal(created, sorted(created), "times of creation ascend")
    for id in ids:
        at = [when(r["at"]) for r in api.history(id)]
        equal(at, sorted(at), "times in a history ascend")
    equal(hub.stats()["duplicates"], 0, "duplicates")
    equal(server.stop(), 0, "exit code")
    contains(server.cli("audit", "verify", "--store", server.store), "\npin ", "the audit fits")


@case("a token of half an hour ends when the clock says so, and works again while the clock is set back: its time is that of the wall")
def clock_tokens(world):
    hub = world.standin()
    defs = world.write(create_pr=example_flow(), github=example_dependency(hub.port))
    server = WorseServer(world, defs=defs, more=["--auth", "tokens"]).start()
    equal(server.stop(), 0, "exit code")
    token = server.cli("token", "create", "root", "--role", "admin", "--lifetime", "30m", "--store", server.store).strip()
    server.start()
    bearer = {"Authorization": f"Bearer {token}"}
    for shift, status in ((0, 200), (3600, 401), (0, 200), (-3600, 200), (3600, 401)):
        server.control.shift(shift)
        got = server.api.get("/v1/whoami", **bearer)
        equal(got.status, status, f"clock {shift:+} s")
    true(server.control["asked"] > 0, "nobody has asked the clock")


@case("the clock is set between two starts: time does not go back, a retry is not early, the list stays in order")
def clock_between(world):
    server, hub = worse_example(world, timeout="20s")
    api = server.api
    first = api.submit(PR, pull(1, repo="r1")).must(201).json["id"]
    api.until_state(first, "completed")
    server.kill()
    server.control.shift(3600)
    server.start()
    second = api.submit(PR, pull(2, repo="r2")).must(201).json["id"]
    api.until_state(second, "completed")
    ahead = when(api.command(second)["created"])
    true(ahead > time.time() + 3000, "the new clock is in force")
    waits = delayed(api, 3, 3)
    eventually(lambda: hub.journal("POST", "/repos/acme/r3/pulls"), "the first attempt")
    sent = time.monotonic()
    server.kill()
    server.control.shift(-3600)
    server.start()
    true(server.control["asked"] > 0, "nobody has asked the clock")
    fault("clock set between starts")
    third = api.submit(PR, pull(4, repo="r4")).must(201).json["id"]
    once_each(hub, api, [third, waits])
    true(when(api.command(third)["created"]) >= ahead, "time went back")
    equal([r["id"] for r in api.list()], [third, waits, second, first], "newest first")
    true(len(hub.pulls("r3")) == 1 and time.monotonic() > sent, "the one that waited")
    equal(api.submit(PR, pull(1, repo="r1")).must(200).json["id"], first, "a repeat is a repeat whatever the clock says")


@case("a key that may be used again after an hour is, by engine time, which a clock that goes back does not turn back")
def clock_keys(world):
    hub = world.standin()
    flow = simple_flow("send", path="/repos/acme/web/pulls", body='{ title: t, head: "b-${payload.n}", base: main }')
    defs = world.write(flow=flow.replace("steps:", "key_reuse: { after: 1h }\nsteps:"), dep=dependency("github", f"http://127.0.0.1:{hub.port}"))
    server = WorseServer(world, defs=defs).start()
    api = server.api
    one = api.submit("send", {"n": 1}).must(201).json["id"]
    api.until_state(one, "completed")
    equal(api.submit("send", {"n": 1}).must(200).json["id"], one, "the same key within the hour")
    server.kill()
    server.control.shift(-3600)
    server.start()
    equal(api.submit("send", {"n": 1}).must(200).json["id"], one, "the clock back: still within the hour")
    server.kill()
    server.control.shift(3700)
    server.start()
    two = api.submit("send", {"n": 1}).must(201).json["id"]
    true(two != one, "an hour later it is a new command")
    true(server.control["asked"] > 0, "nobody has asked the clock")
    fault("clock and keys")
    api.until_state(two, "review", "completed", "rejected", "failed")


# ---- syncs that take seconds ---------------------------------------------------------------------------------------------------------

@case("a sync takes seconds: nobody is told before it has returned, readers are served, and what was told is there after kill -9")
def slow_sync(world):
    server, hub = worse_example(world, more=["--queue-time", "0s"])
    api = server.api
    api.submit(PR, pull(1, repo="r1")).must(201)
    api = server.api = type(api)(server.port, timeout=PATIENCE + SYNC_MS / 1000)
    done = []

    def ask(n, m):
        sent = time.monotonic()
        answer = api.submit(PR, pull(100 * n + m, repo=f"s{n}-{m}"))
        done.append((sent, time.monotonic(), answer))

    for turn in range(3 if CI else 2):
        span = max(1000, SYNC_MS // (turn + 1)) / 1000
        before, first = server.control["slow_done"], len(done)
        server.control["slow_ms"] = int(span * 1000)
        server.control["slow"] = 1
        threads = [threading.Thread(target=ask, args=(turn, m)) for m in range(2, 8)]
        for t in threads:
            t.start()
        eventually(lambda: server.control["slow_done"] > before, "a sync is slow")
        begun = time.monotonic()
        equal(api.get("/healthz").status, 200, "health")
        api.get("/readyz")
        api.get("/v1/commands?limit=5").must(200)
        readers = time.monotonic() - begun
        for t in threads:
            t.join()
        ends = [b for a, b in server.syncs()]
        slow = max((b for a, b in server.syncs() if b - a >= 0.9 * span), default=0)
        true(slow > begun, "no sync was slow")
        true(begun + readers < slow, f"readers have waited for the sync: {readers:.2f} s")
        fault("slow sync")
        for sent, at, answer in done[first:]:
            if answer.status == 201:
                true(any(sent <= end <= at for end in ends), f"asked at {sent}, answered at {at}, and no sync has ended between")
        true(any(at >= slow for _, at, answer in done[first:]), "nobody had to wait for the sync")
    server.kill()
    kept = {a.json["id"] for _, _, a in done if a.status == 201}
    server.start()
    true(kept <= {r["id"] for r in api.list()}, "what was acknowledged is there")
    once_each(hub, api, kept)


@case("the server is stopped while a sync hangs: it ends when the sync does, with 0, and has lost nothing")
def stop_in_sync(world):
    server, hub = worse_example(world)
    api, answers = server.api, []
    server.control["slow_ms"] = 2000
    server.control["slow"] = 1
    asks = threading.Thread(target=lambda: answers.append(api.submit(PR, pull(1, repo="r1"))))
    asks.start()
    eventually(lambda: server.control["slow_done"] == 1, "a sync hangs")
    equal(server.stop(), 0, "exit code")
    asks.join()
    fault("stop within a sync")
    server.start()
    if answers[0].status == 201:
        once_each(hub, api, [answers[0].json["id"]])
    equal(hub.stats()["duplicates"], 0, "duplicates")


def deaf(world):
    """The port of somebody with whom no connection comes about, nor is refused: the queue of those that ask for one is full."""
    ear = socket.socket()
    ear.bind(("127.0.0.1", 0))
    ear.listen(0)
    before = [socket.socket() for _ in range(4)]
    for s in before:
        s.setblocking(False)
        s.connect_ex(ear.getsockname())
    world.closers += [s.close for s in (ear, *before)]
    return ear.getsockname()[1]


@case("the server is stopped while a sync hangs for longer than it waits: what had not left then is known not to have left")
def stop_before_leaving(world):
    dep = dependency("deaf", f"http://127.0.0.1:{deaf(world)}").replace("connect_timeout: 1s", "connect_timeout: 60s")
    server = WorseServer(world, defs=world.write(d=dep, f=simple_flow("send", "deaf", "timeout: 60s\nretry: { delay: 1h, limit: { attempts: 3 } }")), more=["--drain", "0s"]).start()
    api = server.api
    first = api.submit("send", {"n": 1}).must(201).json["id"]
    eventually(lambda: api.metric("attempts_in_flight") == 1, "the first one is connecting")

    def second():
        try:
            api.submit("send", {"n": 2})
        except (OSError, http.client.HTTPException):
            pass  # it may be too late for an answer

    server.control["slow_ms"] = 3000
    server.control["slow"] = 1
    asks = threading.Thread(target=second)
    asks.start()
    eventually(lambda: server.control["slow_done"] == 1, "a sync hangs")
    equal(server.stop(), 0, "exit code")
    asks.join()
    fault("stop within a long sync")
    server.start()
    equal(api.metric("attempts_lost_total"), 0, "attempts of which nobody knows whether they have left")
    equal(len(api.list()), 2, "commands")
    for row in api.list():
        equal([(a["outcome"], a["why"]) for a in api.explain(row["id"])["attempts"]], [("failed", "not_sent")], "attempts")
    equal(api.list()[-1]["id"], first, "the first one")


# ---- no descriptors, no memory -------------------------------------------------------------------------------------------------------

def limited(server, what, n):
    resource.prlimit(server.process.p.pid, what, (n, resource.prlimit(server.process.p.pid, what)[1]))


@case("no descriptors are left: new clients and new attempts fail in a way that says so, nothing counts as done, and it recovers")
def no_descriptors(world):
    server, hub = world.example(attempts=20, delay="200ms", concurrent=20)
    api = server.api
    api.until_state(api.submit(PR, pull(1, repo="r1")).must(201).json["id"], "completed")
    held = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    held.request("GET", "/healthz")
    held.getresponse().read()
    hub.process.kill()  # the connection that was kept to it is gone: a new one needs a descriptor
    hub.start()
    limited(server, resource.RLIMIT_NOFILE, 4)
    for n in (2, 3):
        body = {"type": PR, "payload": pull(n, repo=f"r{n}")}
        held.request("POST", "/v1/commands", json.dumps(body), {"Content-Type": "application/json"})
        answer = held.getresponse()
        said = answer.read()
        equal(answer.status, 201, f"a client that is connected: {said}")
    id = json.loads(said)["id"]

    def tried():
        held.request("GET", f"/v1/commands/{id}/explain")
        return [a["why"] for a in json.loads(held.getresponse().read())["attempts"] if a.get("why")]

    equal(set(eventually(tried, "an attempt could not leave")), {"not_sent"}, "why")
    equal(hub.journal("POST", "/repos/acme/r3/pulls"), [], "requests that arrived")
    clients = []
    for _ in range(8):  # they hang in the kernel's queue, or are turned away
        s = socket.socket()
        s.settimeout(0.3)
        s.connect(("127.0.0.1", server.port))
        clients.append(s)
    unserved = 0
    for s in clients:
        try:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            unserved += not s.recv(100)
        except OSError:
            unserved += 1
    true(unserved > 0, "there were descriptors left")
    fault("no descriptors")
    held.request("GET", "/v1/commands")
    held.getresponse().read()
    for s in clients:
        s.close()
    limited(server, resource.RLIMIT_NOFILE, 1024)
    eventually(lambda: len(api.list("state=completed")) == 3, lambda: f"all are completed: {api.list()}")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("no memory is left: requests are refused, nothing is half-done, and it works when there is some again")
def no_memory(world):
    if SANITIZED:
        raise Skip("a sanitizer has needs of its own")
    server, hub = world.example()
    api = server.api
    api.until_state(api.submit(PR, pull(1, repo="r1")).must(201).json["id"], "completed")
    held = resource.prlimit(server.process.p.pid, resource.RLIMIT_AS)
    size = int(open(f"/proc/{server.process.p.pid}/statm").read().split()[0]) * resource.getpagesize()
    resource.prlimit(server.process.p.pid, resource.RLIMIT_AS, (size, held[1]))
    long = "x" * 60000
    refused, accepted = 0, []

    def batch(i):
        lines = b"".join(b'{"type": "%s", "payload": {"project": %d, "customer": 1, "repo": "m%d", "branch": "b", "title": "%s"}}\n'
                         % (PR.encode(), 1000 + 10 * i + k, 10 * i + k, long.encode()) for k in range(10))
        try:
            return api.post("/v1/commands/batch", lines, {"Content-Type": "application/x-ndjson"})
        except (OSError, http.client.HTTPException):
            return None

    for answer in in_threads(24, batch):
        for line in (answer.text.splitlines() if answer and answer.status == 200 else [""]):
            if '"id"' in line:
                accepted.append(line)
            else:
                refused += 1
    for n in range(40):
        if refused:
            break
        answer = in_threads(8, lambda i: batch(100 + 8 * n + i))[0]
        refused += not answer or answer.status != 200
    resource.prlimit(server.process.p.pid, resource.RLIMIT_AS, held)
    true(server.process.running(), f"the server has ended: {server.process.output[-500:]}")
    note(f"{len(accepted)} accepted, {refused} refused")
    true(refused, "there was memory for all of it")
    fault("no memory")
    api.until_state(api.submit(PR, pull(5, repo="r5")).must(201).json["id"], "completed")
    eventually(lambda: all(r["state"] in ("completed", "failed", "review", "rejected") for r in api.list()), "all come to rest")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("a program of the operator's limits the size of files: submissions are refused, and it goes on when that is over")
def file_size(world):
    if SANITIZED:
        raise Skip("a sanitizer has needs of its own")
    server, hub = world.example(concurrent=100)
    api = server.api
    one = api.submit(PR, pull(1, repo="r1")).must(201).json["id"]
    api.until_state(one, "completed")
    log = server.store.with_name(server.store.name + "-wal")
    most = log.stat().st_size + 40000
    limited(server, resource.RLIMIT_FSIZE, most)
    stored, refused = [], None
    for n in range(2, 400):
        try:
            answer = api.submit(PR, pull(n, repo=f"r{n}"))
        except (OSError, http.client.HTTPException) as closed:  # whether it is kept is not known: nobody is told anything
            refused = closed
            break
        if answer.status != 201:
            refused = answer
            break
        stored.append(answer.json["id"])
    true(refused is not None and getattr(refused, "status", 503) in (503, 507), f"the last answer: {refused}")
    fault("file size")
    true(server.process.running(), "the server has ended")
    limited(server, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)

    def takes_work():
        try:
            return api.submit(PR, pull(500, repo="r500")).status in (200, 201)
        except (OSError, http.client.HTTPException):
            return False

    eventually(takes_work, "it takes work again", pause=0.2)
    once_each(hub, api, stored)


if __name__ == "__main__":
    try:
        main()
    finally:
        note(f"figure worse_faults {len(faults)}")

"""The stream of events: complete, in order, each once, across kills and restarts; bounded in number and in memory."""
import json
import threading
import time

from kit import SANITIZED, Failure, case, dependency, equal, eventually, main, note, simple_flow, true
from stream import Stream, follow, take

STREAMS = 256  # RC_MAX_STREAMS
LAG = 32 << 10  # RC_MAX_STREAM_LAG


def make(world, concurrent=16, more=()):
    """A server whose flows always work, or always are refused."""
    hub = world.standin()
    flows = {"good": "/repos/acme/web/pulls", "bad": "/nowhere"}
    files = {name: simple_flow(name, body='{ title: "t${payload.n}", head: "b${payload.n}", base: main }', path=path)
             for name, path in flows.items()}
    return world.server(defs=world.write(d=dependency("github", f"http://127.0.0.1:{hub.port}", concurrent=concurrent), **files),
                        more=more).start()


def changes_of(api, ids):
    """What the histories say: (change, id, revision) in order."""
    return sorted((record["change"], id, record["revision"]) for id in ids for record in api.history(id))


def told(events):
    return [(e["change"], e["id"], e["revision"]) for e in events]


@case("the life of a command is told as it happens")
def life(world):
    server = make(world)
    stream, blocks = follow(server)
    equal(stream.headers["cache-control"], "no-store", "Cache-Control")
    id = server.api.submit("good", {"n": 1}).must(201).json["id"]
    server.api.until_resting(id)
    expected = changes_of(server.api, [id])
    events = take(blocks, len(expected))
    equal(told(events), expected, "events")
    first, last = events[0], events[-1]
    equal((first["cause"], first["type"], first["key"], first["namespace"]), ("submitted", "good", "1", "default"), "first")
    equal((last["cause"], last["step"], last["attempt"], last["state"], last["ended"]), ("result", "call", 1, "completed", True),
          "last")
    bad = server.api.submit("bad", {"n": 2}).must(201).json["id"]
    server.api.until_state(bad, "rejected")
    server.api.act(bad, "cancel", reason="no use").must(200)
    expected = changes_of(server.api, [bad])
    events = take(blocks, len(expected))
    equal(told(events), expected, "events")
    equal((events[-1]["cause"], events[-1]["action"], events[-1]["state"]), ("action", "cancel", "cancelled"), "the action")
    stream.close()
    eventually(lambda: server.api.metric("event_streams") == 0, "the stream is gone")


@case("a stream goes on behind any event, by header and by query")
def resume(world):
    server = make(world)
    ids = [server.api.submit("good", {"n": n}).must(201).json["id"] for n in range(5)]
    for id in ids:
        server.api.until_resting(id)
    every = changes_of(server.api, ids)
    for after in (0, 1, 4, len(every) - 1):
        for query, headers in ((f"?last_event_id={after}", None), ("", {"Last-Event-ID": str(after)})):
            stream, blocks = follow(server, query, headers)
            equal(stream.place, after, "the place")
            equal(told(take(blocks, len(every) - after)), every[after:], f"behind {after}")
            stream.close()
    stream, blocks = follow(server, f"?last_event_id={len(every) - 1}", {"Last-Event-ID": "0"})  # the query decides
    equal(stream.place, len(every) - 1, "the place")
    stream.close()
    for wrong in (str(len(every) + 1), "x", "-1", "1.5", "%201", str(1 << 64), "9" * 300):
        server.api.get(f"/v1/events?last_event_id={wrong}").problem(400, "malformed")
    server.api.get("/v1/events", **{"Last-Event-ID": "abc"}).problem(400, "malformed")


@case("filters: type, state, one command")
def filters(world):
    server = make(world)
    good = [server.api.submit("good", {"n": n}).must(201).json["id"] for n in range(3)]
    bad = [server.api.submit("bad", {"n": n}).must(201).json["id"] for n in range(3)]
    for id in good + bad:
        server.api.until_resting(id)
    every = changes_of(server.api, good + bad)

    def some(query, n):
        stream, blocks = follow(server, f"?last_event_id=0&{query}")
        events = take(blocks, n)
        stream.close()
        return events

    of = {id: [one for one in every if one[1] == id] for id in good + bad}
    equal(told(some("type=bad", 6)), sorted(sum((of[id] for id in bad), [])), "of one type")
    equal(told(some(f"id={good[1]}", len(of[good[1]]))), of[good[1]], "of one command")
    ends = some("state=completed,rejected", 6)
    equal(sorted(e["id"] for e in ends), sorted(good + bad), "ends")
    true(all(e["state"] in ("completed", "rejected") for e in ends), ends)
    equal(sorted(e["id"] for e in some("state=rejected&type=bad", 3)), sorted(bad), "all filters")
    stream, blocks = follow(server, "?last_event_id=0&type=nobody")
    probe, probed = follow(server)
    id = server.api.submit("good", {"n": 9}).must(201).json["id"]
    server.api.until_resting(id)
    take(probed, 2)
    stream.s.settimeout(0.3)
    try:
        raise Failure(f"an event of another type: {next(blocks)}")
    except TimeoutError:
        pass
    stream.close()
    probe.close()
    for wrong in ("state=done", "id=17", "id=", "type=" + "x" * 65, "before=1"):
        server.api.get(f"/v1/events?{wrong}").problem(400, "malformed")


@case("what is committed while a page is read is told, too")
def meanwhile(world):
    """Lives of other lengths each time, so that the last commit of some falls into the reading of what was before it."""
    server = make(world)
    stream, blocks = follow(server)
    stream.s.settimeout(10)  # less than the time between two signs of life, which would keep this waiting for ever
    n = 0
    for turn in range(100 if SANITIZED else 600):
        lives = turn % 6 + 1
        for _ in range(lives):
            n += 1
            server.api.submit("good", {"n": n}).must(201)
        try:
            take(blocks, 2 * lives)
        except TimeoutError:
            raise Failure(f"an event of the lives up to {n} is kept back") from None
    stream.close()


@case("HEAD answers without a stream; nothing else is allowed")
def methods(world):
    server = make(world)
    answer = server.api.ask("HEAD", "/v1/events").must(200)
    equal(answer.headers["Content-Type"], "text/event-stream", "content type")
    equal(server.api.metric("event_streams"), 0, "streams")
    server.api.post("/v1/events", {}).problem(405, "method-not-allowed")


class Follower(threading.Thread):
    """A client as it should be: comes back with the id of its last event, whatever happens."""

    def __init__(self, server, pause=0.0):
        super().__init__(daemon=True)
        self.server, self.pause, self.last, self.events, self.connections, self.over = server, pause, 0, [], 0, False
        self.start()

    def run(self):
        while not self.over:
            try:
                stream = Stream(self.server, headers={"Last-Event-ID": str(self.last)}).head()
                if stream.status == 200:
                    self.connections += 1
                    self.read(stream)
                stream.close()
            except (OSError, ValueError, IndexError):
                pass
            time.sleep(0.02)

    def read(self, stream):
        for block in stream.blocks():
            if "data" in block and "event" not in block:
                self.events.append(json.loads(block["data"]))
            if "id" in block:
                self.last = int(block["id"])
            if self.over:
                return
            time.sleep(self.pause)


@case("no event is missed and none comes twice, across kill -9 and restarts")
def exactly_once(world):
    server = make(world)
    followers = [Follower(server), Follower(server), Follower(server, pause=0.002)]
    ids, stop = [], threading.Event()

    def work():
        n = 0
        while not stop.is_set():
            n += 1
            try:
                answer = server.api.submit("good" if n % 3 else "bad", {"n": n}, key=str(n))
                if answer.status in (200, 201):
                    ids.append(answer.json["id"])
            except (OSError, ValueError):
                n -= 1  # nobody answered: again, with the same key
                time.sleep(0.01)
            except Exception:  # a torn answer
                n -= 1

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    for turn in range(6):
        before = [len(f.events) for f in followers]
        eventually(lambda: all(len(f.events) > b + 40 for f, b in zip(followers, before)), "the streams go on")
        if turn % 3 == 2:
            server.restart()
        else:
            server.kill()
            server.start()
    stop.set()
    worker.join()
    for id in set(ids):
        server.api.until_resting(id)
    # a command whose submission nobody answered may be there, too
    every = changes_of(server.api, {row["id"] for row in server.api.list()})
    eventually(lambda: all(f.last == every[-1][0] for f in followers), lambda: f"{[f.last for f in followers]}: {every[-1]}")
    for f in followers:
        f.over = True
        true(f.connections >= 3, f"only {f.connections} connections")
        equal(told(f.events), every, "events")
    note(f"{len(every)} events, {[f.connections for f in followers]} connections")


@case("the number of streams is bounded, and places are given back")
def bounded(world):
    server = make(world)
    streams = [follow(server)[0] for _ in range(STREAMS)]
    equal(server.api.metric("event_streams"), STREAMS, "streams")
    refused = server.api.get("/v1/events")
    refused.problem(503, "busy")
    true(refused.headers.get("Retry-After"), "Retry-After")
    id = server.api.submit("good", {"n": 1}).must(201).json["id"]
    server.api.until_resting(id)
    for stream in streams[:8]:
        equal(take(stream.blocks(), 2)[1]["state"], "completed", "everybody is told")
    streams.pop().close()
    eventually(lambda: server.api.metric("event_streams") == STREAMS - 1, "the place is free")
    streams.append(follow(server)[0])
    for stream in streams:
        stream.close()
    eventually(lambda: server.api.metric("event_streams") == 0, "all places are free")


def resident(server):
    with open(f"/proc/{server.process.p.pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


@case("slow readers cost little, hold nobody up, and are ended when they take nothing; a quiet stream shows that it lives")
def slow(world):
    server = make(world)
    quiet, quiet_blocks = follow(server, "?type=nobody")
    for k in range(6):
        server.api.batch([{"type": "bad", "payload": {"n": k * 1000 + n}} for n in range(1000)])
    total = 6000 * 2
    eventually(lambda: len(server.api.list("state=rejected")) == 6000, "all are rejected", pause=0.5)
    stream, blocks = follow(server, "?last_event_id=0")
    take(blocks, total)  # what reading costs once
    stream.close()
    before = resident(server)
    sleepers = [Stream(server, "?last_event_id=0", buffer=4096) for _ in range(20)]
    eventually(lambda: server.api.metric("event_streams") == 21, "they are there")
    stream, blocks = follow(server, "?last_event_id=0")
    equal(len(take(blocks, total)), total, "a fast reader gets everything meanwhile")
    stream.close()
    more = resident(server) - before
    note(f"{more >> 10} KiB more for 20 that do not read")
    true(SANITIZED or more < 20 * 8 * LAG, f"{more} bytes more")
    eventually(lambda: server.api.metric("event_streams_stalled_total") == 20, "they are ended", most=90, pause=0.5)
    eventually(lambda: server.api.metric("event_streams") == 1, "only the quiet one is left")
    for sleeper in sleepers:  # what they find when they wake: a part without gaps, from which they go on
        seen = []
        for block in sleeper.head().blocks():
            if "data" in block and "event" not in block:
                seen.append(int(block["id"]))
        equal(seen, list(range(1, len(seen) + 1)), "what was sent")
        sleeper.close()
    alive = next(quiet_blocks)
    equal((alive[""], int(alive["id"]) >= 0), ("alive", True), f"a sign of life: {alive}")
    quiet.close()


@case("streams end when the server stops, and it does not wait for them")
def drain(world):
    server = make(world)
    stream, blocks = follow(server)
    sleeper = Stream(server, buffer=4096)
    eventually(lambda: server.api.metric("event_streams") == 2, "both are there")
    equal(server.stop(), 0, "exit code")
    end = next(blocks)
    equal((end["event"], json.loads(end["data"])), ("end", {"reason": "stopping"}), "the last words")
    equal(next(blocks, None), None, "nothing comes behind them")
    sleeper.close()


if __name__ == "__main__":
    main()

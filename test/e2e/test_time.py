"""Time: commands that begin later, deadlines, and schedules; under clocks that jump and processes that are killed."""
import random
import time
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit import SEED, case, contains, dependency, equal, eventually, main, simple_flow, true
from worse import WorseServer

MINUTE = 60


class Other:
    """An outside system that counts what it is asked, and answers with `status`."""

    def __init__(self, world):
        other, self.seen, self.status = self, [], 200

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                other.seen.append(self.headers["Idempotency-Key"])
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(other.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def handle(self):
                try:
                    super().handle()
                except ConnectionResetError:  # the server was killed
                    pass

            def log_message(self, *_):
                pass

        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listener.daemon_threads = True
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        world.closers += [self.listener.server_close, self.listener.shutdown]


def text(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def place(world, more="", flow="", **options):
    """A server on a machine whose clock can be set, and what it calls."""
    other = Other(world)
    defs = world.write(flow=simple_flow("send", more=more) + flow, github=dependency("github", f"http://127.0.0.1:{other.port}"))
    server = WorseServer(world, defs=defs, **options)
    server.control.shift(20 - time.time() % MINUTE)  # so that no minute ends while a test gets ready
    return server.start(), other


def schedule(id, cron="* * * * *", **more):
    lines = "".join(f"    {name}: {value}\n" for name, value in more.items())
    return f'  - id: {id}\n    cron: "{cron}"\n    payload: {{ n: 7 }}\n{lines}'


def now(server):
    return time.time() + server.control["shift_us"] / 1e6


def go_to(server, at):
    server.control.shift(at - time.time())


def runs(server):
    """Keys of the runs, oldest first."""
    return [c["key"] for c in reversed(server.api.list("type=send"))]


@case("run_at: it waits and says until when, is no part of the payload, survives a kill, and begins once by the wall clock")
def run_at(world):
    server, other = place(world)
    api = server.api
    at = text(now(server) + 3600)
    got = api.submit("send", {"n": 1}, run_at=at).must(201).json
    command = api.command(got["id"])
    equal((command["state"], command["run_at"][:19]), ("pending", at[:19]), "it waits")
    contains(command["display"], "starts at " + at[:19], "display")
    told = api.explain(got["id"])
    equal((told["next"]["code"], told["next"]["at"][:19]), ("starts", at[:19]), "next")
    row = api.list("type=send")[0]
    equal((row["next"]["code"], row["next"]["at"][:19]), ("starts", at[:19]), "next in the list")
    equal(api.submit("send", {"n": 1}, run_at=text(now(server) + 9)).must(200).json["id"], got["id"], "another time, the same payload")
    server.kill()
    server.start()
    server.control.shift(-7200)
    time.sleep(1.5)
    equal((api.command(got["id"])["state"], len(other.seen)), ("pending", 0), "the clock went back: it is not early")
    server.control.shift(3602)
    api.until_state(got["id"], "completed")
    server.control.shift(-3600)
    server.kill()
    server.start()
    server.control.shift(3700)
    time.sleep(1.5)
    equal(len(other.seen), 1, "once")
    true(server.control["asked"] > 0, "nobody has asked the clock")


@case("run_in and retry: a span passes whatever the wall clock does; retry does not wait, cancel ends it")
def run_in(world):
    server, other = place(world)
    api = server.api
    one = api.submit("send", {"n": 1}, run_in="2s").must(201).json["id"]
    two = api.submit("send", {"n": 2}, run_in="10h").must(201).json["id"]
    three = server.cli("submit", "send", "--payload", '{"n": 3}', "--run-in", "10h", "--quiet").strip()
    four = server.cli("submit", "send", "--payload", '{"n": 4}', "--run-at", text(now(server) + 9000), "--quiet").strip()
    server.control.shift(-3600)
    api.until_state(one, "completed")
    api.act(two, "retry").must(200)
    api.until_state(two, "completed")
    api.act(three, "cancel").must(200)
    equal(api.command(three)["state"], "cancelled", "cancelled before it began")
    api.batch([{"type": "send", "payload": {"n": 5}, "run_in": "10h"}, {"type": "send", "payload": {"n": 6}}])
    api.until_state(api.get("/v1/commands/by-key?type=send&key=6").must(200).json["id"], "completed")
    equal(api.get("/v1/commands/by-key?type=send&key=5").must(200).json["state"], "pending", "of a batch")
    equal(api.command(four)["state"], "pending", "over the command line")
    equal(len(other.seen), 3, "requests")


@case("times that make no sense are refused, and each says which member it is about")
def bad_times(world):
    server, _ = place(world)
    for more, pointer in (({"run_at": "tomorrow"}, "/run_at"), ({"run_in": "5 minutes"}, "/run_in"), ({"run_in": "0s"}, "/run_in"),
                          ({"run_in": "3651d"}, "/run_in"), ({"deadline": "-1s"}, "/deadline"), ({"deadline": "3651d"}, "/deadline"),
                          ({"run_in": "1s", "run_at": "2030-01-01T00:00:00Z"}, "/run_in")):
        problem = server.api.submit("send", {"n": 1}, **more).problem(422, "invalid")
        equal(problem["errors"][0]["pointer"], pointer, str(more))
    server.api.submit("send", {"n": 1}, run_in="3650d", deadline="3650d").must(201)


@case("a deadline stops what is tried again and again, across a kill; a person lets it go on")
def deadline(world):
    server, other = place(world, more="retry: { delay: 1h, jitter: none, limit: { attempts: 9 } }")
    other.status = 429
    api = server.api
    id = api.submit("send", {"n": 1}, deadline="6s").must(201).json["id"]
    api.until_state(id, "waiting")
    server.kill()
    server.start()
    command = api.until_state(id, "review")
    equal((command["mode"], command["why"]), ("halt", "deadline"), "why")
    contains(command["display"], "deadline", "display")
    contains(server.cli("show", id), "deadline")
    row = api.list("state=review")[0]
    equal((row["why"], row["next"]["code"]), ("deadline", "late"), "in the list")
    contains(str(api.history(id)), "'kind': 'clock'", "the history")
    other.status = 200
    api.act(id, "retry").must(200)
    api.until_state(id, "completed")


@case("a schedule starts each time once, while the server is killed again and again around it and the clock is set")
def schedules(world):
    server, other = place(world, flow="schedule:\n" + schedule("each", missed="all", overlap="allow"))
    api = server.api
    begin = (int(now(server)) // MINUTE + 1) * MINUTE
    eventually(lambda: api.get("/v1/schedules").must(200).json["schedules"][0]["planned"], "the schedule is taken up")
    random.seed(SEED)
    for n in range(6):
        at = begin + n * MINUTE
        go_to(server, at - 0.3)
        time.sleep(random.random() * 1.2)
        server.kill()
        server.start()
        eventually(lambda n=n: len(runs(server)) == n + 1, lambda n=n: f"run {n}: {runs(server)}")
    keys = [f"schedule/each/{text(begin + n * MINUTE)}" for n in range(6)]
    equal(runs(server), keys, "each once, in their order")
    server.control.shift(begin - 3600 - time.time())  # back by an hour: none of them again
    time.sleep(2.5)
    equal(runs(server), keys, "the clock went back")
    go_to(server, begin + 8.5 * MINUTE)  # forward over three of them
    eventually(lambda: len(runs(server)) == 9, lambda: f"what was jumped over is caught up: {runs(server)}")
    equal(runs(server), [f"schedule/each/{text(begin + n * MINUTE)}" for n in range(9)], "all, each once")
    ends = [api.until_state(c["id"], "completed", "review") for c in api.list("type=send")]
    lost = [c["steps"][0]["state"] for c in ends if c["state"] == "review"]  # killed while the request was out: it may have happened
    true(lost == ["unknown"] * len(lost) and len(lost) <= 6, f"what a person has to look at: {lost}")
    true(9 - len(lost) <= len(other.seen) <= 9, f"{len(other.seen)} requests, {len(lost)} lost")
    equal(len(set(other.seen)), len(other.seen), "requests with keys of their own")
    equal(api.list("ref=schedule%3Deach")[0]["key"], runs(server)[-1], "found by its schedule")
    equal(api.list("ref=schedule%3Deach")[0]["actor"], "schedule/each", "actor")
    true(server.control["asked"] > 0, "nobody has asked the clock")


@case("a clock that was far ahead: a schedule is silent until it has left its flow and come back; a sleep goes by the time that passes")
def ahead(world):
    sleeper = 'flow: sleeper\npayload: { type: object, required: [at], properties: { at: { type: string } } }\n' \
              'steps: [{ id: nap, sleep: { until: "${timestamp(payload.at)}" } }]\n'
    server, other = place(world, flow="schedule:\n" + schedule("each"))
    api = server.api
    world.write(sleeper=sleeper)
    server.cli("apply", server.defs, "--yes")

    def next_of():
        return api.get("/v1/schedules/send/each").must(200).json["next"][0]

    begin = now(server)
    eventually(lambda: api.get("/v1/schedules/send/each").must(200).json["planned"], "the schedule is taken up")
    nap = api.submit("sleeper", {"at": text(begin + 3600)}, "nap").must(201).json["id"]
    go_to(server, begin + 365 * 86400)
    eventually(lambda: api.get("/v1/schedules/send/each").must(200).json["planned"] > text(begin + 364 * 86400), "what it jumped over was dealt with")
    equal(api.command(nap)["state"], "waiting", "a clock that is set wakes no sleeper")
    go_to(server, begin + MINUTE)
    server.cli("schedule", "pause", "send", "each")
    server.cli("schedule", "resume", "send", "each")
    true(next_of() > text(begin + 364 * 86400), f"what was dealt with stays so: {next_of()}")
    with_it = (server.defs / "flow.yaml").read_text()
    for definition in (with_it[:with_it.index("schedule:")], with_it):
        world.write(flow=definition)
        server.cli("apply", server.defs, "--yes")
    eventually(lambda: next_of() < text(begin + 10 * MINUTE), lambda: f"it begins anew: {next_of()}")


@case("missed: latest and skip; overlap: skip and queue")
def policies(world):
    flow = "schedule:\n" + schedule("latest", overlap="allow") + schedule("none", missed="skip", overlap="allow")
    server, other = place(world, flow=flow)
    api = server.api

    def of(id):
        return api.get(f"/v1/schedules/send/{id}").must(200).json

    eventually(lambda: of("none")["planned"], "the schedules are taken up")
    equal(server.stop(), 0, "exit code")
    at = (int(now(server)) // MINUTE + 10) * MINUTE
    go_to(server, at + 30)
    server.start()
    # the last one is half a minute late only: that is in time for both
    eventually(lambda: len(runs(server)) == 3, lambda: f"runs: {runs(server)}")
    equal(sorted(runs(server)), sorted([f"schedule/latest/{text(at - MINUTE)}", f"schedule/latest/{text(at)}", f"schedule/none/{text(at)}"]), "runs")
    true(of("none")["runs"]["missed"] >= 8 and of("latest")["runs"]["missed"] >= 7, f"missed: {of('none')}, {of('latest')}")
    equal(of("none")["runs"]["started"], 1, "started")


@case("overlap: a run that is not over keeps the next one away, or makes it wait")
def overlap(world):
    flow = "schedule:\n" + schedule("skips", overlap="skip") + schedule("queues", overlap="queue")
    server, other = place(world, flow=flow, more="retry: { delay: 1h, jitter: none, limit: { attempts: 9 } }")
    other.status = 429
    api = server.api

    def of(id):
        return api.get(f"/v1/schedules/send/{id}").must(200).json

    eventually(lambda: of("queues")["planned"], "the schedules are taken up")
    at = (int(now(server)) // MINUTE + 1) * MINUTE
    for n in range(3):
        go_to(server, at + n * MINUTE)
        eventually(lambda n=n: of("skips")["runs"]["left_out"] == n, lambda: f"skipped: {of('skips')}")
        eventually(lambda: of("queues")["runs"]["started"] == 1, lambda: f"queues: {of('queues')}")
    equal(len(runs(server)), 2, "one run of each")
    eventually(lambda: of("queues")["due"], "the next one waits")
    other.status = 200
    api.act(of("queues")["last"], "retry").must(200)
    eventually(lambda: of("queues")["runs"]["started"] == 3, lambda: f"one after the other: {of('queues')}")
    equal([k for k in runs(server) if "queues" in k], [f"schedule/queues/{text(at + n * MINUTE)}" for n in range(3)], "in their order")


@case("pause, resume and run of the command line; who did it is in the audit; a restart and a new definition keep what is known")
def orders(world):
    server, other = place(world, flow="schedule:\n" + schedule("each", zone="Europe/Berlin"))
    api = server.api
    eventually(lambda: api.get("/v1/schedules").must(200).json["schedules"][0]["planned"], "the schedule is taken up")
    contains(server.cli("schedule", "list"), "Europe/Berlin", "list")
    equal(len(server.cli("schedule", "show", "send", "each", json_out=True)["next"]), 5, "times to come")
    contains(server.cli("schedule", "resume", "send", "each"), "it was not paused")
    contains(server.cli("schedule", "pause", "send", "each", "--reason", "maintenance"), "paused: nothing starts")
    contains(server.cli("schedule", "pause", "send", "each"), "it was paused already")
    at = (int(now(server)) // MINUTE + 3) * MINUTE
    go_to(server, at)
    time.sleep(1.5)
    equal(runs(server), [], "paused")
    server.kill()
    server.start()
    go_to(server, at)
    equal(server.cli("schedule", "show", "send", "each", json_out=True)["paused"], True, "still paused")
    id = server.cli("schedule", "run", "send", "each", "--key", "a-1").strip()
    equal(server.cli("schedule", "run", "send", "each", "--key", "a-1").strip(), id, "the same key is the same run")
    api.until_state(id, "completed")
    contains(server.cli("schedule", "resume", "send", "each"), "resumed: times that have passed")
    time.sleep(1.2)
    equal(runs(server), ["schedule/each/run/a-1"], "what came while it was paused is left out")
    go_to(server, at + MINUTE)
    eventually(lambda: runs(server)[1:] == [f"schedule/each/{text(at + MINUTE)}"], lambda: f"resumed: {runs(server)}")
    audit = [(e["action"], e["data"].get("schedule"), e["data"].get("actor")) for e in api.get("/v1/audit").must(200).json["entries"]
             if e["kind"] == "schedule"]
    equal(audit[::-1], [("paused", "each", "tester"), ("run", "each", "tester"), ("resumed", "each", "tester")], "audit")
    known = server.cli("schedule", "show", "send", "each", json_out=True)
    equal(server.stop(), 0, "exit code")
    out = world.dir / "export.ndjson"
    server.cli("export", "--store", server.store, "--out", out)
    server.cli("import", out, "--store", world.dir / "imported.db")
    server.store = world.dir / "imported.db"
    server.start()
    server.release()
    eventually(lambda: server.cli("schedule", "show", "send", "each", json_out=True)["runs"] == known["runs"], "the numbers of the schedule came along")
    time.sleep(1.2)
    equal(len(runs(server)), 2, "what another life of the store may have run is not run again")
    api = server.api
    api.get("/v1/schedules/send/none").problem(404, "not-found")
    api.get("/v1/schedules/other/each").problem(404, "not-found")


@case("what is wrong with a schedule is told with line and column before it comes into force")
def definitions(world):
    server, _ = place(world)
    base = simple_flow("send")
    line = base.count("\n") + 1
    for more, column, says in ((schedule("a", "0 25 * * *"), 14, "the hour is a number from 0 to 23"),
                               (schedule("a", zone="Europe/Nowhere"), 11, "no time zone 'Europe/Nowhere'"),
                               (schedule("a", zone="../../etc/passwd"), 11, "no name of a time zone"),
                               (schedule("a", missed="sometimes"), 13, "sometimes")):
        got = server.api.post("/v1/definitions", {"files": [{"source": "f.yaml", "text": base + "schedule:\n" + more}]})
        problem = got.problem(422, "invalid")
        error = problem["errors"][0]
        contains(error["detail"], says, "the error")
        true(error["line"] > line and error["column"] == column, f"place: {error}")


if __name__ == "__main__":
    main()

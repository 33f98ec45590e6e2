"""The log: one event a line, as JSON or as text; ids of requests and commands; nothing that somebody else wrote breaks a line."""
import http.client
import json
import re
import signal

from kit import PR, case, contains, dependency, equal, eventually, main, pull, simple_flow, true


def requests(server, **wanted):
    return [r for r in server.records() if r["event"] == "request" and all(r.get(k) == v for k, v in wanted.items())]


def one(server, **wanted):
    """The line of the one request that is like this."""
    found = eventually(lambda: requests(server, **wanted), lambda: f"a line with {wanted}: {server.process.output[-3000:]}")
    equal(len(found), 1, f"lines with {wanted}")
    return found[0]


@case("every answer has the id of its request: the client's own where it is well-formed, else a new one")
def ids(world):
    server = world.server(more=["--log-level", "debug"]).start()
    for given in ("a", "Z9-._", "x" * 64, "0123456789abcdef"):
        equal(server.api.get("/v1", **{"X-Request-Id": given}).headers["X-Request-Id"], given, "id")
    made = set()
    for given in ("", "a b", "x" * 65, "a/b", "\xe9", 'a"b', "{}", "a;b", "a,b", "a%00"):
        got = server.api.get("/v1", **{"X-Request-Id": given}).headers["X-Request-Id"]
        true(re.fullmatch(r"[0-9a-f]{16}", got), f"for {given!r}: {got!r}")
        made.add(got)
    made.add(server.api.get("/v1").headers["X-Request-Id"])
    equal(len(made), 11, "each one is new")
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("GET", "/v1")
    connection.putheader("X-Request-Id", "one")
    connection.putheader("X-Request-Id", "two")
    connection.endheaders()
    true(connection.getresponse().headers["X-Request-Id"] not in ("one", "two"), "two ids are none")
    connection.close()
    for method, path, status in (("GET", "/nothing", 404), ("DELETE", "/v1", 405), ("GET", "/v1/commands?x=1", 422)):
        answer = server.api.ask(method, path, headers={"X-Request-Id": "problem-1"})
        true(answer.status >= 400, f"{path}: {answer}")
        equal((answer.json["request_id"], answer.headers["X-Request-Id"]), ("problem-1", "problem-1"), f"id of {path}")
    one(server, request_id="problem-1", route="no route", status=404)
    one(server, request_id="problem-1", method="DELETE", status=405)


@case("a line names method, route, status, time, subject and the command that it is about")
def access(world):
    server, hub = world.example(more=["--log-level", "debug"])
    got = server.api.submit(PR, pull(1), headers={"X-Request-Id": "submit-1"}).must(201).json
    line = one(server, request_id="submit-1")
    equal((line["method"], line["route"], line["status"], line["level"], line["command"], line["subject"]),
          ("POST", "/v1/commands", 201, "debug", got["id"], "local"), "the line of a submission")
    true(0 <= line["ms"] < 40000 and line["time"].endswith("Z"), f"times: {line}")
    server.api.submit(PR, pull(1), headers={"X-Request-Id": "again-1"}).must(200)
    equal(one(server, request_id="again-1")["command"], got["id"], "the line of a repeat")
    server.api.submit(PR, pull(1, title="other"), headers={"X-Request-Id": "conflict-1"}).problem(409, "key-conflict")
    equal(one(server, request_id="conflict-1")["command"], got["id"], "the line of a conflict")
    server.api.until_state(got["id"], "completed")
    server.api.get(f"/v1/commands/{got['id']}/history?after=0", **{"X-Request-Id": "history-1"}).must(200)
    line = one(server, request_id="history-1")
    equal((line["route"], line["command"]), ("/v1/commands/{id}/history", got["id"]), "the line of a read")
    server.api.ask("HEAD", "/healthz", headers={"X-Request-Id": "head-1"})
    equal(one(server, request_id="head-1")["method"], "HEAD", "method")
    true("command" not in one(server, request_id="head-1"), "there is no command")


@case("at info nothing is said of requests that went well; what was slow, and what is the server's fault, is a warning")
def levels(world):
    server, hub = world.example(more=["--log-slow", "1ms"])
    fast = world.server(store=world.dir / "fast.db", more=["--log-slow", "1h"]).start()
    for i in range(20):
        fast.api.get("/v1").must(200)
        fast.api.get("/nothing").must(404)
    equal(requests(fast), [], "lines about what went well")
    equal(fast.stop(), 0, "exit code")
    body = [{"type": PR, "payload": pull(n)} for n in range(1, 800)]

    def is_slow():
        for line in server.api.batch([{**b, "key": f"{len(requests(server))}-{i}"} for i, b in enumerate(body)]):
            true(line, "an answer for each")
        return requests(server, level="warn", status=200, route="/v1/commands/batch")

    contains(eventually(is_slow, "a batch of 800 takes more than a millisecond")[0]["text"], "slow")
    got = server.api.post("/v1/commands?wait=300ms", {"type": "nobody", "payload": {}})
    equal(got.status, 404, "status")
    id = server.api.list()[0]["id"]
    server.api.get(f"/v1/commands/{id}?wait=1s", **{"X-Request-Id": "waited-1"}).must(200)
    equal(requests(server, request_id="waited-1"), [], "who asked to wait was not slow")


@case("what somebody else wrote cannot begin a line, colour a terminal or hide")
def hostile(world):
    evil = "x\n{\"level\":\"error\"}\r\x1b[31m\x7f\u009b31m\u2028\"\\end"
    for form in ("json", "text"):
        folder = world.write(**{f"bad{form}": "flow: " + json.dumps(evil) + "\nsteps: []\n"})
        server = world.server(store=world.dir / f"{form}.db", more=["--log", form, "--log-level", "debug"]).start()
        for path in ("/v1/commands/%0a%1b%5b31m", "/%0aevil", "/v1/commands/by-key?type=%0a&key=%1b"):
            server.api.get(path, **{"X-Request-Id": "\x1b[31m"})
        server.defs = folder
        server.stop()
        server.refuses_to_start()
        text = server.process.log.read_bytes().decode()
        for c in "\x1b\x7f\r\u009b":
            true(c not in text, f"{c!r} is in the log: {text!r}")
        contains(text, "end' is no name here", "the log")  # it was there
        if form == "json":
            for line in server.records():
                true(set(line) >= {"time", "level", "event", "text"}, f"{line}")
        else:
            for line in text.strip().split("\n"):
                true(re.match(r"\d\d:\d\d:\d\d (debug|info |warn |error) [a-z]+: ", line), f"{line!r}")
        world.write(**{f"bad{form}": None})


@case("nothing secret is in the log, whatever goes wrong with it")
def secret(world):
    canary = "canary-4f1c9a"
    hub = world.standin()
    secrets = world.dir / "secrets"
    secrets.mkdir()
    (secrets / "token").write_text(canary)
    defs = world.write(send=simple_flow("send"), github=dependency("github", f"http://127.0.0.1:{hub.port}", more=(
        'headers: { Authorization: "Bearer ${secret(\'token\')}" }\n')))
    server = world.server(defs=defs, more=["--secrets", secrets, "--log-level", "debug"]).start()
    ids = [server.api.submit("send", {"n": n}, headers={"Authorization": f"Bearer {canary}", "Cookie": canary}).json["id"]
           for n in range(3)]
    for id in ids:
        server.api.until_resting(id)
    server.api.get(f"/v1/commands?token={canary}")
    server.api.get(f"/v1/commands/{canary}")
    server.process.p.send_signal(signal.SIGHUP)
    equal(server.stop(), 0, "exit code")
    true(requests(server), "the log has lines of requests")
    true(canary not in server.process.output, f"the canary is in the log: {server.process.output}")


@case("the level can be changed while it runs")
def reload(world):
    file = world.dir / "settings.yaml"
    file.write_text("log_level: info\n")
    server = world.server(more=["--config", file]).start()
    server.api.get("/v1", **{"X-Request-Id": "before"}).must(200)
    file.write_text("log_level: debug\n")
    server.process.p.send_signal(signal.SIGHUP)
    eventually(lambda: any("log_level has changed" in r["text"] for r in server.records()), "it says so")
    server.api.get("/v1", **{"X-Request-Id": "behind"}).must(200)
    one(server, request_id="behind")
    equal(requests(server, request_id="before"), [], "what was before")


if __name__ == "__main__":
    main()

"""NDJSON batches: an answer per line in order, one bad line harms no other, together in one commit, bounds, and what a crash leaves."""
import http.client
import json
import threading

from kit import PATIENCE, PR, case, contains, equal, eventually, in_threads, main, pull, simple_flow, true

MIB = 1 << 20
NDJSON = {"Content-Type": "application/x-ndjson"}


def open_flow(world, **more):
    """A server whose only flow is `open`, with a dependency that nobody serves."""
    dependency = "dependency: github\nkind: http\nbase: http://127.0.0.1:9\nallow_private: true\n"
    return world.server(defs=world.write(o=simple_flow("open", **more), d=dependency)).start()


def line(n, **more):
    return {"type": "open", "payload": {"n": n}, **more}


@case("each line is answered in its place, and a bad one harms no other")
def order(world):
    api = open_flow(world).api
    lines = [line(1), b"{", line(2, key="two"), b'{"type":"open","payload":{"n":"x"}}', line(2, key="two"), line(3, key="two"), b"[1]",
             b'{"type":"open","payload":{"n":1},"key":"\xff"}', line(4, more=1), line(5)]
    answers = api.batch(lines)
    equal([a["status"] for a in answers], [201, 400, 201, 422, 200, 409, 422, 400, 422, 201], "statuses")
    for i in (0, 2, 4, 9):
        equal(api.command(answers[i]["command"]["id"])["payload"], lines[i]["payload"], "payload")
        equal(answers[i]["command"]["type"], "open", "type")
    equal(answers[2]["command"]["key"], "two", "key")
    equal(answers[4]["command"]["id"], answers[2]["command"]["id"], "the same key in one batch")
    conflict = answers[5]["problem"]
    equal((conflict["code"], conflict["command"]), ("key-conflict", f"/v1/commands/{answers[2]['command']['id']}"), "conflict")
    equal(answers[1]["problem"]["line"], 2, "position of what is no JSON")
    equal(answers[3]["problem"]["errors"][0]["pointer"], "/payload/n", "pointer into the line")
    equal(answers[8]["problem"]["errors"][0]["pointer"], "/more", "pointer into the line")
    for a in answers:
        true(a["status"] < 400 or a["problem"]["status"] == a["status"], f"two statuses: {a}")
    equal(len(api.list()), 3, "commands")
    equal([a["status"] for a in api.batch(lines)], [200, 400, 200, 422, 200, 409, 422, 400, 422, 200], "the same batch again")
    equal(len(api.list()), 3, "commands after a repeat")


@case("blank lines get no answer, and the last line needs no end")
def blanks(world):
    api = open_flow(world).api
    one = json.dumps(line(1)).encode()
    body = b"\n \t\r\n" + one + b"\r\n\n" + one.replace(b"1", b"2") + b"\n\n{\n\r\n" + one
    answer = api.post("/v1/commands/batch", body, NDJSON).must(200)
    got = [json.loads(text) for text in answer.text.splitlines()]
    equal([a["status"] for a in got], [201, 201, 400, 200], "statuses")
    equal(got[2]["problem"]["line"], 7, "lines are counted with the blank ones")
    for empty in (b"", b"\n", b" \r\n\n"):
        equal(api.post("/v1/commands/batch", empty, NDJSON).must(200).body, b"", "an empty batch")
    # an object over two lines is two bad lines
    equal([a["status"] for a in api.batch([b'{"type":"open",\n"payload":{"n":9}}'])], [400, 400], "an object in pieces")


@case("bounds of a batch: at the limit and one above")
def bounds(world):
    api = open_flow(world).api
    equal([a["status"] for a in api.batch([line(n) for n in range(1000)])], [201] * 1000, "1000 lines")
    problem = api.batch([line(n) for n in range(1000, 2001)], must=413)
    equal(problem["code"], "limit-exceeded", "1001 lines")
    equal(api.metric("commands_submitted_total"), 1000, "nothing of it was stored")
    equal(len(api.batch([line(n) for n in range(1000)] + [b""] * 5000)), 1000, "blank lines do not count")

    def padded(size):
        text = json.dumps(line(7000)).encode()
        return text + b" " * (size - len(text) - 1) + b"\n"

    equal(json.loads(api.post("/v1/commands/batch", padded(MIB), NDJSON).must(200).text)["status"], 201, "1 MiB")
    # the library answers before the body is there, and closes
    try:
        equal(api.post("/v1/commands/batch", padded(MIB + 1), NDJSON).status, 413, "1 MiB and a byte")
    except (BrokenPipeError, ConnectionResetError):
        pass
    note = lambda size: line(8000, key="note", refs={}) | {"payload": {"n": 8000, "note": "x" * (size - len('{"n":8000,"note":""}'))}}
    equal([a["status"] for a in api.batch([note((256 << 10) + 1), line(8001), note(256 << 10)])], [413, 201, 201], "payloads")


@case("a thousand bad lines are each told what is wrong")
def all_bad(world):
    api = open_flow(world).api
    bad = json.dumps({f"\u0001{i}": i for i in range(30)} | {"type": "open"}).encode()
    answers = api.batch([bad] * 1000)
    equal({a["status"] for a in answers}, {422}, "statuses")
    equal({len(a["problem"]["errors"]) for a in answers}, {8}, "errors of a line are bounded")
    equal(api.metric("commits_total"), 0, "the engine was not asked")
    equal([a["status"] for a in api.batch([b"{"] * 1000)], [400] * 1000, "statuses")
    equal(api.list(), [], "commands")


@case("keys stand in the lines, and the body is NDJSON")
def refused(world):
    api = open_flow(world).api
    body = json.dumps(line(1)).encode()
    api.post("/v1/commands/batch", body, NDJSON | {"Idempotency-Key": "k"}).problem(422, "invalid")
    for media in ("application/json", "text/plain", "application/x-ndjsonx", ""):
        api.post("/v1/commands/batch", body, {"Content-Type": media}).problem(415, "unsupported-media-type")
    api.post("/v1/commands/batch", body, {"Content-Type": "Application/X-NDJSON; charset=utf-8"}).must(200)
    api.post("/v1/commands/batch?x=1", body, NDJSON).problem(400, "malformed")
    equal(api.ask("PUT", "/v1/commands/batch", body, NDJSON).must(405).headers["Allow"], "POST, GET, HEAD", "Allow")
    equal(len(api.list()), 1, "commands")


@case("the lines of a batch share commits")
def together(world):
    api = open_flow(world).api
    before = api.metric("commits_total")
    api.batch([line(n, key=f"k{n}") for n in range(1000)])
    # their attempts end (nobody listens) and commit too: the bound is loose, but far below one a line
    true(api.metric("commits_total") - before < 200, f"{api.metric('commits_total') - before} commits for 1000 lines")


@case("batches from many clients at once, with keys in common")
def many(world):
    api = open_flow(world).api
    got = in_threads(8, lambda i: api.batch([line(n, key=f"k{n}") for n in range(300)]))
    for n in range(300):
        equal(sorted(g[n]["status"] for g in got), [200] * 7 + [201], f"statuses of line {n}")
        equal(len({g[n]["command"]["id"] for g in got}), 1, f"commands of line {n}")
    equal(len(api.list()), 300, "commands")


@case("a client that hangs up does not harm its batch or the server")
def hang_up(world):
    server = open_flow(world)
    body = b"".join(json.dumps(line(n)).encode() + b"\n" for n in range(900))
    for _ in range(20):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/v1/commands/batch", body, NDJSON)
        connection.close()
    eventually(lambda: server.api.metric("http_parked") == 0, "nobody is parked")
    answers = server.api.batch([line(n) for n in range(900)])
    true({a["status"] for a in answers} <= {200, 201}, "the server goes on")
    equal(len(server.api.list()), 900, "commands")


@case("what a batch was told survives kill -9, and sending it again is safe")
def kill(world):
    server = open_flow(world)
    told, sent = {}, threading.Event()

    def send(i):
        for part in range(1000):
            lines = [line(n, key=f"{i}/{part}/{n}") for n in range(200)]
            sent.set()
            try:
                answers = server.api.batch(lines)
            except (OSError, http.client.HTTPException):
                return lines  # nobody knows
            told.update((a["command"]["key"], a["command"]["id"]) for a in answers)
        return []

    killer = threading.Thread(target=lambda: (sent.wait(), eventually(lambda: len(told) > 2000, "some batches"), server.kill()))
    killer.start()
    lost = in_threads(4, send)
    killer.join()
    true(any(lost), "no batch was under way when the server died")
    server.start()
    for lines in lost:
        if lines:
            told.update((a["command"]["key"], a["command"]["id"]) for a in server.api.batch(lines))
    rows = {row["key"]: row["id"] for row in server.api.list()}
    equal(rows, told, "commands")


@case("the command line: lines of a file in parts, answers in order, one bad line harms no other, and again is the same")
def command_line(world):
    server, _ = world.example()
    lines = [json.dumps({"type": PR, "payload": pull(n)}) for n in range(1, 2302)]
    lines[1100] = json.dumps({"type": PR, "payload": {"project": "x"}})
    lines[2000] = "{"
    file = world.dir / "lines.ndjson"
    file.write_text("\r\n".join(lines[:5] + [""] + lines[5:]) + "\n\n")  # an empty line is a line, too
    told = server.cli("batch", file, code=3).splitlines()
    equal(len(told), 2302, "lines told")
    equal([i for i, line in enumerate(told) if "refused: " in line], [1100, 2000], "lines refused")
    contains(told[1100], "1102: refused: ", "the number of the line")
    equal(told[-1], "2299 taken, 2 refused", "the end")
    ids = server.cli("batch", file, "--quiet", code=3).split()
    equal((len(ids), ids[1100], ids[2000], len(set(ids))), (2301, "-", "-", 2300), "ids, the same again")
    equal(ids[0], told[0].split()[0], "the first id")
    answers = [json.loads(line) for line in server.cli("batch", file, "--json", code=3).splitlines()]
    equal({a["status"] for a in answers}, {200, 400, 422}, "statuses")
    equal(server.cli("batch", "-", stdin=lines[0]).splitlines()[-1], "1 taken, 0 refused", "standard input, no line end")
    equal(server.cli("batch", "-", stdin="").strip(), "0 taken, 0 refused", "nothing")
    contains(server.cli("batch", world.dir / "nobody", code=1), "No such file", "no file")
    file.write_text(lines[0] + "\n" + "x" * (1 << 20) + "y\n")
    contains(server.cli("batch", file, code=3), "line 2: longer than", "a line that is too long")
    shown = server.cli("show", "7/create_pr", "--type", PR, json_out=True)
    equal(shown["payload"]["project"], 7, "the command behind a key")
    server.cli("show", "nobody/create_pr", "--type", PR, code=4)


@case("a server that stops refuses a batch whole")
def stopping(world):
    server, hub = world.example()
    hub.faults({"method": "POST", "fault": "hang"})
    server.api.submit(PR, pull(1)).must(201)
    eventually(lambda: server.api.metric("attempts_in_flight") == 1, "an attempt")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.connect()  # before it stops listening
    server.process.p.send_signal(15)
    answer = None
    for n in range(2, 500):
        connection.request("POST", "/v1/commands/batch", json.dumps({"type": PR, "payload": pull(n)}), NDJSON)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            break
    equal(answer.status, 503, "status")
    contains(body.decode(), "stopping", "the problem")
    connection.close()
    equal(server.process.p.wait(40), 0, "exit code")


if __name__ == "__main__":
    main()

"""Whatever arrives can at worst be refused: sizes, depths, encodings, framing, slow and broken senders."""
import http.client
import json
import random
import re
import socket
import time

from kit import PATIENCE, PR, SANITIZED, case, contains, equal, eventually, in_threads, main, noise, note, pull, true

MIB = 1 << 20
HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"


def good(server):
    """The server is well, and takes commands."""
    equal(server.api.get("/healthz").status, 200, "health")
    true(server.process.running(), "the server has ended")


def talk(server, *parts, most=PATIENCE, shut=False):
    """Sends raw bytes on one connection; what comes back until the other side closes or is silent for a while."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=most) as s:
        try:
            for part in parts:
                s.sendall(part)
            if shut:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed before all was sent: what it said counts
        got = b""
        try:
            while part := s.recv(65536):
                got += part
        except (TimeoutError, ConnectionResetError):
            pass
        return got


def statuses(answer):
    """The statuses of the answers in raw bytes."""
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def rss(server):
    """Memory of the server in KiB."""
    for line in open(f"/proc/{server.process.p.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def padded(size):
    """A submission of exactly this many bytes, most of them blanks."""
    body = b'{"type":"nobody","payload":1}'
    return body[:-1] + b" " * (size - len(body)) + body[-1:]


def payload_of(size):
    """A submission whose payload has exactly this many bytes."""
    return b'{"type":"nobody","payload":"' + b"x" * (size - 2) + b'"}'


@case("sizes and depths: at the limit and one above")
def sizes(world):
    server, hub = world.example()
    api = server.api
    as_json = {"Content-Type": "application/json"}
    api.post("/v1/commands", padded(MIB), as_json).problem(404, "not-found")
    equal(api.post("/v1/commands", padded(MIB + 1), as_json).status, 413, "a byte too many in the body")
    api.post("/v1/commands", payload_of(256 << 10), as_json).problem(404, "not-found")
    api.post("/v1/commands", payload_of((256 << 10) + 1), as_json).problem(413, "limit-exceeded")

    def deep(n):
        return b'{"type":"nobody","payload":' + b"[" * n + b"]" * n + b"}"
    api.post("/v1/commands", deep(63), as_json).problem(404, "not-found")
    for n in (64, 1000, 400000):
        got = api.post("/v1/commands", deep(n), as_json)
        true(got.status in (400, 413), f"{n} deep: {got}")
    many = b'{"type":"nobody","payload":[' + b"1," * 400000 + b"1]}"
    true(api.post("/v1/commands", many, as_json).status in (400, 413), "many values")

    equal(api.submit(PR, pull(1, title="x" * 250)).status, 201, "250 characters of a title")
    api.submit(PR, pull(2, title="x" * 251)).problem(422, "invalid")
    equal(api.submit(PR, pull(3), refs={f"r{i}": "v" for i in range(14)}).status, 201, "16 refs with the flow's own")
    true(api.submit(PR, pull(4), refs={f"r{i}": "v" for i in range(15)}).status in (413, 422), "17 refs")
    true(api.submit(PR, pull(5), actor="a" * 129).status == 422, "a long actor")
    equal(api.get("/v1/commands?" + "ref=" + "x" * 9000).status in (400, 413, 414, 431), True, "a long query")
    good(server)


@case("what is not JSON, not UTF-8, not declared")
def syntax(world):
    server, hub = world.example()
    api = server.api
    as_json = {"Content-Type": "application/json"}
    bad = [b"", b" ", b"{", b'{"type":', b"nonsense", b'{"type":"a","type":"b","payload":1}', b'{"type":"a","payload":NaN}',
           b'{"type":"a","payload":1}x', b'{"type":"\xff\xfe","payload":1}', b'{"type":"\xed\xa0\x80","payload":1}', b"\xef\xbb\xbf{}", b"\0",
           b'{"type":"a","payload":1e999}', b'{"type":"a","payload":"\\ud800"}', b"'a'", b'{"type":"a","payload":01}']
    for text in bad:
        got = api.post("/v1/commands", text, as_json)
        true(got.status in (400, 422), f"{text!r}: {got}")
        contains(got.headers["Content-Type"], "application/problem+json", "content type")
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind} if kind else {}
        api.post("/v1/commands", json.dumps({"type": PR, "payload": pull(1)}).encode(), headers).problem(415, "unsupported-media-type")
    body = json.dumps({"type": PR, "payload": pull(1)}).encode()
    equal(api.post("/v1/commands", body, {"Content-Type": "application/json; charset=utf-8"}).status, 201, "with a charset")
    equal(len(api.list()), 1, "commands")
    good(server)


@case("unknown addresses, methods and parameters")
def addresses(world):
    server, hub = world.example()
    api = server.api
    for path in ("/", "//v1/commands", "/v1/", "/v2/commands", "/v1/commands/", "/v1/commands/x/y/z", "/v1/commands/%00", "/v1/../etc/passwd"):
        equal(api.get(path).status, 404, path)
    for method in ("PUT", "DELETE", "PATCH"):
        got = api.ask(method, "/v1/commands", {})
        got.problem(405, "method-not-allowed")
        contains(got.headers["Allow"], "POST", "Allow")
    api.ask("BREW", "/v1/commands").problem(501, "not-implemented")
    api.get("/v1/commands?colour=blue").problem(400, "malformed")
    api.get("/v1/commands?state=failed&state=review").problem(400, "malformed")
    api.get("/v1/commands?ref=%zz").problem(400, "malformed")
    equal(api.ask("HEAD", "/v1/commands").status, 200, "HEAD")
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        api.get("/v1/commands", Host=host).problem(421, "misdirected")
    api.ask("POST", "/v1/commands", {"type": PR, "payload": pull(1)}, {"Origin": "http://evil.example"}).problem(403, "forbidden")
    equal(api.list(), [], "commands")
    good(server)


@case("broken framing is refused, and nothing is smuggled")
def framing(world):
    server, hub = world.example()
    body = json.dumps({"type": PR, "payload": pull(1)}).encode()
    n = str(len(body)).encode()
    post = b"POST /v1/commands HTTP/1.1\r\n" + HOST + JSON
    refused = {
        "two lengths": post + b"Content-Length: " + n + b"\r\nContent-Length: 5\r\n\r\n" + body,
        "two equal lengths": post + b"Content-Length: " + n + b"\r\nContent-Length: " + n + b"\r\n\r\n" + body,
        "length and chunked": post + b"Content-Length: " + n + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "another coding": post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "a length in words": post + b"Content-Length: many\r\n\r\n" + body,
        "a negative length": post + b"Content-Length: -1\r\n\r\n" + body,
        "a signed length": post + b"Content-Length: +" + n + b"\r\n\r\n" + body,
        "an enormous length": post + b"Content-Length: 99999999999999999999\r\n\r\n",
        "a blank before the colon": b"GET /healthz HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
        "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
        "two Hosts": b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        "a bad chunk": post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + b"\r\n0\r\n\r\n",
        "no request line": b"\r\n\r\nnonsense\r\n\r\n",
        "only noise": b"\0" + noise(4095),
        "a NUL in a header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
        "an unknown version": b"GET /healthz HTTP/9.9\r\n" + HOST + b"\r\n",
        "a bare LF": b"GET /healthz HTTP/1.1\n" + HOST + b"\r\n",
        "TLS": bytes.fromhex("160301020001000000") + noise(300),
    }
    for what, request in refused.items():
        said = talk(server, request, shut=True)
        got = statuses(said)
        true(len(got) == 1 and got[0] >= 400 and b"application/problem+json" in said, f"{what}: {said[:300]!r}")
    equal(server.api.list(), [], "commands")
    chunked = post + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:20], body[20:])) + b"0\r\n\r\n"
    equal(statuses(talk(server, chunked)), [201], "chunks are fine")
    good(server)


@case("huge headers, many headers, a long request line")
def headers(world):
    server, hub = world.example()
    for what, request in {
        "one huge header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"x" * MIB + b"\r\n\r\n",
        "many headers": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 50000 + b"\r\n",
        "a long line": b"GET /" + b"x" * MIB + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        "a header without end": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"x" * MIB,
    }.items():
        got = statuses(talk(server, request))
        equal(got, [414 if what == "a long line" else 431], what)
    good(server)


@case("pipelined requests are answered in order; keep-alive is kept")
def pipelined(world):
    server, hub = world.example()
    requests = b""
    for n in range(1, 21):
        body = json.dumps({"type": PR, "payload": pull(n, repo=f"r{n}")}).encode()
        requests += b"POST /v1/commands HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body
        requests += b"GET /v1/commands/by-key?type=%s&key=%d%%2Fcreate_pr HTTP/1.1\r\n" % (PR.encode(), n) + HOST + b"\r\n"
    got = talk(server, requests + b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    equal(statuses(got), [201, 200] * 20 + [200], "answers")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for _ in range(50):
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        response.read()
        equal((response.status, response.will_close), (200, False), "one of many on a connection")
    connection.close()
    eventually(lambda: len(server.api.list("state=completed")) == 20, "all are completed")


@case("senders that are slow, stop, or go away: nobody else waits")
def slow(world):
    server, hub = world.example(more=("--header-time", "2m", "--body-time", "2m"))
    body = json.dumps({"type": PR, "payload": pull(1)}).encode()
    whole = b"POST /v1/commands HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    held = []
    for i in range(200):  # stop in the middle, and stay
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(whole[:1 + i % (len(whole) - 1)])
        held.append(s)
    start = time.monotonic()
    server.api.submit(PR, pull(2)).must(201)
    true(time.monotonic() - start < PATIENCE, "others wait for slow senders")  # who are given two minutes
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as s:
        for i in range(0, len(whole), 5):  # byte by byte, nearly
            s.sendall(whole[i:i + 5])
            time.sleep(0.002)
        equal(statuses(s.recv(65536)), [201], "a slow sender in the end")
    for s in held[::2]:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an end
    for s in held:
        s.close()
    for _ in range(50):  # go away while the answer is on its way
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.sendall(whole)
    equal(len(server.api.list()), 2, "commands")
    good(server)


@case("clients that do not read their answers")
def deaf(world):
    server, hub = world.example(more=("--answer-time", "2m"))
    for n in range(1, 101):
        server.api.submit(PR, pull(n, repo=f"r{n}", title="x" * 200)).must(201)
    held = []
    ask = b"GET /v1/commands?limit=200 HTTP/1.1\r\n" + HOST + b"\r\n"
    before = rss(server)
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", server.port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.setblocking(False)
        try:
            for _ in range(2000):
                s.send(ask)
        except BlockingIOError:
            pass
        held.append(s)
    start = time.monotonic()
    server.api.submit(PR, pull(200)).must(201)
    true(time.monotonic() - start < PATIENCE, "others wait for clients that do not read")  # who are given two minutes
    note(f"memory {before} KiB before, {rss(server)} KiB with 20 clients that do not read")
    true(SANITIZED or rss(server) < before + 200 * 1024, f"memory grew from {before} to {rss(server)} KiB")
    for s in held:
        s.close()
    good(server)


@case("a storm of bad input: memory stays flat")
def storm(world):
    server, hub = world.example()
    rng = random.Random(7)
    good_body = json.dumps({"type": PR, "payload": pull(1)}).encode()

    def bad(i):
        kind = i % 6
        if kind == 0:
            return payload_of(rng.randrange(200 << 10, 900 << 10))
        if kind == 1:
            return b"[" * rng.randrange(1, 100000)
        if kind == 2:
            return rng.randbytes(rng.randrange(1, 20000))
        if kind == 3:
            spot = rng.randrange(len(good_body))
            return good_body[:spot] + rng.randbytes(1) + good_body[spot + 1:]
        if kind == 4:
            return good_body[:rng.randrange(len(good_body))]
        return json.dumps({"type": PR, "payload": {f"k{n}": n for n in range(rng.randrange(2000))}}).encode()

    def round_of(worker):
        found = set()
        for i in range(60):
            got = server.api.post("/v1/commands", bad(i + worker), {"Content-Type": "application/json"})
            found.add(got.status)
        return found

    found = set().union(*in_threads(4, round_of))
    before = rss(server)
    for _ in range(3):
        found |= set().union(*in_threads(4, round_of))
    after = rss(server)
    note(f"statuses {sorted(found)}, memory {before} KiB, then {after} KiB")
    true(found <= {200, 201, 400, 404, 409, 413, 422}, f"statuses: {found}")
    true(SANITIZED or after < before + 16 * 1024, f"memory grew from {before} to {after} KiB")
    good(server)


if __name__ == "__main__":
    main()

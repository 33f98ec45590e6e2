"""Bounds on clients: each at its limit and one above, configured by its setting; many connections, and memory flat."""
import json
import resource
import socket
import time

from kit import PATIENCE, PR, SANITIZED, case, contains, equal, eventually, main, note, pull, read_all, true

HOST = b"Host: 127.0.0.1\r\n"
ASK = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
JSON = {"Content-Type": "application/json"}


def connect(server, source="127.0.0.1", most=30):
    return socket.create_connection(("127.0.0.1", server.port), timeout=most, source_address=(source, 0))


def memory(server):
    for line in open(f"/proc/{server.process.p.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


@case("body, headers, lines, target, depth, page: set by their settings, at the limit and one above")
def sizes(world):
    server, hub = world.example(more=("--max-body", "2000", "--max-headers", "1000", "--max-header-lines", "12", "--max-target", "300",
                                      "--max-json-depth", "5", "--max-page", "3"))
    api = server.api

    def padded(n):
        body = b'{"type":"nobody","payload":1}'
        return body + b" " * (n - len(body))

    def raw(request):
        with connect(server) as s:
            s.sendall(request)
            return read_all(s)
    api.post("/v1/commands", padded(2000), JSON).problem(404, "not-found")
    api.post("/v1/commands", padded(2001), JSON).problem(413, "limit-exceeded")
    api.post("/v1/commands", b'{"type":"nobody","payload":' + b"[" * 4 + b"]" * 4 + b"}", JSON).problem(404, "not-found")
    api.post("/v1/commands", b'{"type":"nobody","payload":' + b"[" * 5 + b"]" * 5 + b"}", JSON).problem(413, "limit-exceeded")
    line = json.dumps({"type": PR, "payload": [[[[[1]]]]]}).encode()
    equal(api.batch([line])[0]["status"], 413, "a line of a batch that is too deep")
    fixed = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
    for over in (0, 1):
        said = raw(fixed + b"A: " + b"x" * (1000 - len(fixed) - 7 + over) + b"\r\n\r\n")
        contains(said, b" 431 " if over else b" 200 ", "header bytes")
        contains(raw(fixed + b"A: b\r\n" * (10 + over) + b"\r\n"), b" 431 " if over else b" 200 ", "header lines")
        said = raw(b"GET /healthz?" + b"x" * (300 - 9 + over) + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        contains(said, b" 414 " if over else b" 400 ", "target")  # 400: there is no such parameter
    for n in range(5):
        api.submit(PR, pull(n + 1, repo=f"r{n}")).must(201)
    equal(len(api.get("/v1/commands").must(200).json["commands"]), 3, "rows of a page")
    equal(len(api.get("/v1/commands?limit=3").must(200).json["commands"]), 3, "rows of a page that is asked for")
    api.get("/v1/commands?limit=4").problem(400, "malformed")


@case("numbers: what JSON may say and a double holds; whole ones are exact within 64 bits")
def numbers(world):
    server, hub = world.example()
    for text, status in (("9223372036854775807", 404), ("-9223372036854775808", 404), ("9223372036854775808", 404), ("1" * 308, 404), ("1.5e308", 404),
                         ("1e309", 400), ("1" * 400, 400), ("01", 400), ("+1", 400), ("0x1", 400), ("NaN", 400), ("-Infinity", 400)):
        got = server.api.post("/v1/commands", b'{"type":"nobody","payload":' + text.encode() + b"}", JSON)
        equal(got.status, status, text[:40])


@case("requests a second: within it all are served, above it 429 with Retry-After, and again after that")
def rate(world):
    server, hub = world.example(more=("--max-rate", "5"))
    start, got = time.monotonic(), []
    eventually(lambda: server.api.get("/healthz").status == 200, "a full bucket")
    while time.monotonic() - start < 3 or 429 not in got:
        answer = server.api.get("/v1/commands")
        got.append(answer.status)
        if answer.status == 429:
            answer.problem(429, "rate-limited")
            equal(answer.headers["Retry-After"], "1", "Retry-After")
        true(time.monotonic() - start < 60, f"nobody was limited: {len(got)} requests")
    took, served = time.monotonic() - start, got.count(200)
    true(served <= 5 * (took + 1) + 2, f"{served} were served in {took} s")
    true(set(got) == {200, 429}, f"statuses {set(got)}")
    with connect(server, "127.0.0.2") as s:  # another address has its own
        s.sendall(ASK.replace(b"/healthz", b"/v1/commands"))
        contains(s.recv(65536), b" 200 ", "another address")
    eventually(lambda: server.api.submit(PR, pull(1)).status in (200, 201), "served again after a while")


@case("connections of one address, and in all")
def connections(world):
    server, hub = world.example(more=("--max-connections", "30", "--max-connections-per-address", "10"))
    held = []
    for i in range(10):
        s = connect(server, "127.0.0.2")
        s.sendall(ASK)
        contains(s.recv(65536), b" 200 ", f"connection {i}")
        held.append(s)
    with connect(server, "127.0.0.2") as s:
        try:
            s.sendall(ASK)
        except OSError:
            pass
        equal(read_all(s), b"", "one connection too many of an address")
    true(server.api.metric("http_connections_refused_total") >= 1, "it is counted")
    for source in ("127.0.0.3", "127.0.0.4"):
        for _ in range(10):
            s = connect(server, source)
            s.sendall(ASK)
            contains(s.recv(65536), b" 200 ", "another address")
            held.append(s)
    # all places are taken by idle connections: newcomers get in, the oldest idle ones go
    for _ in range(5):
        server.api.get("/healthz").must(200)
    true(server.api.metric("http_connections_evicted_total") >= 1, "idle ones made room")
    server.api.submit(PR, pull(1)).must(201)
    for s in held:
        s.close()


@case("slow senders are answered 408 and end; the others are served meanwhile")
def slow(world):
    server, hub = world.example(more=("--header-time", "1s", "--body-time", "1s", "--idle-time", "5s"))
    body = json.dumps({"type": PR, "payload": pull(1)}).encode()
    post = b"POST /v1/commands HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    held = []
    for i in range(300):
        held.append(connect(server))
        held[-1].sendall(post[:1 + i % (len(post) - 1)])
    start = time.monotonic()
    server.api.submit(PR, pull(2)).must(201)
    true(time.monotonic() - start < PATIENCE, "others wait for slow senders")  # five minutes, one after the other
    for s in held:
        contains(read_all(s), b"HTTP/1.1 408 Request Timeout", "a slow sender")
        s.close()
    s = connect(server)  # drop by drop: the time is for the whole
    try:
        for byte in range(len(post)):
            s.sendall(post[byte:byte + 1])
            time.sleep(0.05)
            if byte > 60:
                break
    except OSError:
        pass
    contains(read_all(s), b"HTTP/1.1 408 ", "one that sends drop by drop")
    idle = connect(server)
    equal(read_all(idle), b"", "an idle connection ends")
    equal(len(server.api.list()), 1, "commands")


def hold(server, n):
    """n idle connections from several addresses, each of which has been served once; how much memory each costs the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    true(hard > n + 100, f"only {hard} descriptors")
    before, held = memory(server), []
    for i in range(n):
        s = connect(server, f"127.0.1.{1 + i // 1000}")
        s.sendall(ASK)
        held.append(s)
        if i % 100 == 99:
            for one in held[-100:]:
                contains(one.recv(65536), b" 200 ", "one of many")
    each = (memory(server) - before) * 1024 / n
    note(f"{n} idle connections: {each:.0f} bytes each")
    start = time.monotonic()
    for k in range(20):
        server.api.submit(PR, pull(k + 1, repo=f"r{k}")).must(201)
    true(time.monotonic() - start < 2 * PATIENCE, "others wait for idle connections")
    between = memory(server)
    for _ in range(3):  # they all ask again, and again: what they cost does not grow
        for s in held:
            s.sendall(ASK)
        for s in held:
            contains(s.recv(65536), b" 200 ", "one of many")
    after = memory(server)
    note(f"memory {before} KiB before, {between} KiB held, {after} KiB after three rounds")
    equal(int(server.api.metric("http_connections")) >= n, True, "all are open")
    true(SANITIZED or each < 4096, f"{each} bytes for an idle connection")
    true(SANITIZED or after < between + 8192, f"memory grew from {between} to {after} KiB")
    for s in held:
        s.close()
    eventually(lambda: server.api.metric("http_connections") < 10, "all have ended")


@case("1,000 idle connections")
def a_thousand(world):
    server, hub = world.example(more=("--idle-time", "10m"))
    hold(server, 1000)


@case("10,000 idle connections", long=True)
def ten_thousand(world):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    server, hub = world.example(more=("--idle-time", "10m"))
    hold(server, min(10000, hard // 2 - 200))


if __name__ == "__main__":
    main()

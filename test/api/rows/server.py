"""The server itself."""
from kit import PR, equal, eventually, pull
from stage import row, to

HEAD = b" /healthz HTTP/1.1\r\nHost: localhost\r\n"


def too_often(s):
    server = s.other(more=["--max-rate", "5"])
    return eventually(lambda: (lambda got: got.status == 429 and got)(server.api.get("/healthz")), "a request too many", pause=0)


def too_long(s):
    """A preview that reads a thousand commands, where a read may take a thousandth of a second."""
    store, number = s.world.dir / "slow.db", 1000
    server = s.other(store=store, more=["--drain", "0s"])
    lines = b"".join(b'{"type":"open","key":"%d","payload":{"n":1}}\n' % n for n in range(number))
    answer = server.api.ask("POST", "/v1/commands/batch", lines, {"Content-Type": "application/x-ndjson"}).must(200)
    equal(answer.text.count('"status":201,"command"'), number, "commands")
    equal(server.stop(), 0, "exit code")
    slow = s.other(store=store, more=["--read-time", "1ms"])
    return slow.api.post("/v1/bulk", {"action": "cancel", "filter": {"type": "open"}, "limit": number, "reason": "r", "key": "k"})


ROWS = [row(operation, 200, lambda s: to()) for operation in ("index", "health", "ready", "metrics")] + [
    row("describeProblem", 200, lambda s: to(code="key-conflict")),
    row("describeProblem", 404, "not-found", lambda s: to(code="nobody_knows")),
    row("ready", 503, lambda s: s.stopping().get("/readyz")),
    row("previewBulk", 503, "read-timeout", too_long),
    row("submitCommand", 503, "stopping", lambda s: s.stopping().submit(PR, pull(1))),
    # what any request may meet before anybody looks at what it is about
    row("health", 408, "request-timeout", lambda s: s.raw(b"GET" + HEAD, s.other(more=["--header-time", "100ms"]))),
    row("health", 414, "target-too-long", lambda s: s.raw(b"GET /" + b"x" * 9000 + HEAD)),
    row("health", 417, "expectation-failed", lambda s: s.raw(b"GET" + HEAD + b"Expect: a miracle\r\n\r\n")),
    row("health", 429, "rate-limited", too_often),
    row("health", 431, "headers-too-large", lambda s: s.raw(b"GET" + HEAD + b"X: " + b"x" * 17000 + b"\r\n\r\n")),
    row("health", 501, "not-implemented", lambda s: s.raw(b"GET" + HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n")),
    row("health", 505, "http-version-not-supported", lambda s: s.raw(b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n")),
]

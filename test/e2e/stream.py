"""The stream of events, read by hand."""
import json
import socket
import time

from kit import PATIENCE, Failure, equal, true


class Stream:
    """One connection to /v1/events, read by hand so that it may also not be read."""

    def __init__(self, server, query="", headers=None, buffer=None):
        self.s = socket.socket()
        if buffer:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.s.settimeout(40)
        self.s.connect(("127.0.0.1", server.port))
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.s.sendall(f"GET /v1/events{query} HTTP/1.0\r\nHost: localhost\r\n{lines}\r\n".encode())
        self.file = self.s.makefile("rb")

    def head(self):
        """Status and headers; must be called first."""
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value
        return self

    def blocks(self):
        """Each event as a dictionary of its fields; a comment's name is empty."""
        block = {}
        for line in self.file:
            line = line.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(":")
                block[name] = value.strip()
            else:
                yield block
                block = {}

    def close(self):
        self.file.close()
        self.s.close()


def follow(server, query="", headers=None):
    stream = Stream(server, query, headers).head()
    equal(stream.status, 200, "status")
    equal(stream.headers["content-type"], "text/event-stream", "content type")
    blocks = stream.blocks()
    first = next(blocks)
    true("retry" in first and "id" in first and "data" not in first, f"the first block gives the place: {first}")
    stream.place = int(first["id"])
    return stream, blocks


def take(blocks, n):
    """The data of the next n events. A stream that only shows that it lives is not waited for for ever."""
    events, end = [], time.monotonic() + 4 * PATIENCE
    while len(events) < n:
        if time.monotonic() > end:
            raise Failure(f"{len(events)} of {n} events came")
        block = next(blocks, None)
        if block is None:
            raise Failure(f"the stream ended after {events}")
        if "event" in block:
            raise Failure(f"unexpected {block}")
        if "data" in block:
            data = json.loads(block["data"])
            equal(int(block["id"]), data["change"], "id of the event")
            events.append(data)
    return events

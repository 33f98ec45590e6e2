"""What the rows of test/api/rows need: a server with the example's definitions, and commands in the states that they ask for.

A row says how a documented status of an operation is made to happen:

    row("getCommand", 404, "not-found", lambda s: to(id=NOBODY)),

operation, status, code (of a problem), and a function from the Stage to what is sent (`to`). The function may instead return an
answer that it got by itself, from a server of its own for example (`s.other()`); every server of a Stage is watched. The first
row of an operation with a 2xx status is its good request, from which the generated tests of parameters and bodies start: it must
work as often as it is called.
"""
import http.client
import itertools
import json
import socket
from collections import namedtuple

from described import OPERATIONS, Watched, to  # noqa: F401 (rows import it from here)
from kit import PR, Answer, Api, dependency, eventually, example_dependency, example_flow, pull, simple_flow

NOBODY = "0" * 16  # fits an id, and is none
Row = namedtuple("Row", "operation status code make")


def row(operation, status, *rest):
    return Row(operation, status, rest[0] if len(rest) == 2 else None, rest[-1])


class Kept(Api):
    """A client that keeps its one connection, so that it is still heard by a server that has stopped listening."""

    def __init__(self, port):
        super().__init__(port)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self.timeout)
        self.connection.connect()

    def ask(self, method, path, body=None, headers=None):
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())


class Stage:
    """A world with a stand-in, a server, and definitions: the example's, and the flow `open`, whose dependency takes every call
    but never answers."""

    def __init__(self, world):
        self.world, self.met, self.numbers = world, set(), itertools.count(1)
        self.hub = world.standin()
        listener = socket.create_server(("127.0.0.1", 0))  # the kernel takes connections; nobody ever answers
        world.closers.append(listener.close)
        self.defs = world.write(create_pr=example_flow(attempts=2, check_attempts=2), github=example_dependency(self.hub.port),
                                pictures="dependency: pictures\nkind: worker\n",
                                picture='flow: picture\nsteps:\n- id: do\n  call: pictures\n  with: { task: resize, input: { n: "${payload.n}" } }\n',
                                open=simple_flow("open", "mute", "timeout: 1h")
                                + 'schedule: [{ id: yearly, cron: "0 0 1 1 *", payload: { n: 1 } }]\n',
                                narrow=simple_flow("narrow", "mute", "timeout: 1h") + "concurrency: { when_full: refuse }\n",
                                asks='flow: asks\nsteps:\n- { id: allow, approve: { need: 2, of: [carl, olga], roles: [admin] }, within: 1d }\n- { id: done, set: { n: "${payload.n}" } }\n',
                                asks_why='flow: asks.why\nsteps:\n- { id: ask, escalate: { question: why, answers: [a, b], evidence: 7 }, within: 1d }\n',
                                parent='flow: parent\nsteps:\n- { id: sub, flow: asks.why, outputs: { state: "${child.state}" } }\n',
                                confirms='flow: confirms\nsteps:\n- { id: many, confirm: { holds: payload.n > 99 }, every: 1h, within: 1d }\n',
                                mute=dependency("mute", f"http://127.0.0.1:{listener.getsockname()[1]}", concurrent=2))
        self.server = self.other(more=["--hold"])  # held, and released at once: so there is a window to ask for
        self.api = self.server.api
        self.window = self.api.get("/v1/hold").must(200).json["window"]["id"]
        self.api.post("/v1/hold/release", {"window": self.window, "reason": "nothing was restored", "watch": "0s"}).must(200)
        self.made = {}

    def other(self, **options):
        """Another server; the same definitions unless told otherwise."""
        server = self.world.server(**{"defs": self.defs, "store": self.world.dir / f"{next(self.numbers)}.db", **options}).start()
        Watched(server.api, self.met)
        return server

    def stopping(self):
        """A client of a server that has been told to stop and still has a command in flight."""
        server = self.other(more=["--drain", "10m"])
        server.api.submit("open", {"n": 1}).must(201)
        eventually(lambda: server.api.metric("attempts_in_flight") == 1, "an attempt is in flight")
        api = Kept(server.port)
        server.process.p.terminate()
        eventually(lambda: api.get("/readyz").status == 503, "the server stops")
        Watched(api, self.met)
        return api

    def raw(self, text, server=None):
        """The answer to these bytes, held against what /healthz may be answered with."""
        server = server or self.server
        with socket.create_connection(("127.0.0.1", server.port), timeout=server.api.timeout) as connection:
            connection.sendall(text)
            response = http.client.HTTPResponse(connection)
            response.begin()
            answer = Answer(response.status, response.headers, response.read())
        server.api.watched.hold(OPERATIONS["health"], "/healthz", [], {}, answer)
        return answer

    def number(self):
        return next(self.numbers)

    def submission(self, fault="", **more):
        """A new one each time. `fault` is what the stand-in does at the first request."""
        n = self.number()
        return {"type": PR, "payload": pull(n, title=f"Change {n}" + (f" [fault={fault}]" if fault else "")), **more}

    def new(self, *states, **submission):
        """A new command, in one of these states; its id."""
        id = self.api.post("/v1/commands", self.submission(**submission)).must(201).json["id"]
        self.api.until_state(id, *states)
        return id

    def completed(self):
        return self.once("completed", lambda: self.new("completed"))

    def asking(self, flow):
        id = self.api.submit(flow, {"n": 1}, f"k{self.number()}").must(201).json["id"]
        self.api.until_state(id, "waiting")
        return id

    def rejected(self):
        return self.once("rejected", lambda: self.new("rejected", fault="422"))

    def once(self, what, make):
        """The same thing for every row that only looks at it."""
        if what not in self.made:
            self.made[what] = make()
        return self.made[what]

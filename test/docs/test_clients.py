"""The programs of docs/clients.md, run as they stand there: their first answer is lost after the server has stored the command,
their second one says "later", and still there is one command and one answer."""
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "client-ts"))
import npm  # noqa: E402
from kit import PATIENCE, PR, ROOT, Skip, case, contains, equal, main, pull, true  # noqa: E402

LATER = 2  # seconds that the proxy asks for


def program(language):
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```", (ROOT / "docs/clients.md").read_text())
    equal(len(blocks), 1, f"programs in {language}")
    return blocks[0]


class Proxy:
    """Between a client and a server: passes the first request on and breaks the connection instead of answering; answers the
    second with 503; passes the others through. Journal: (time, method, path, Idempotency-Key, body)."""

    def __init__(self, world, port):
        self.journal = journal = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                journal.append((time.monotonic(), self.command, self.path, self.headers.get("Idempotency-Key"), body))
                turn = len(journal)
                if turn == 2:
                    self.answer(503, {"Retry-After": str(LATER), "Content-Type": "application/problem+json"}, b"{}")
                    return
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                upstream.request(self.command, self.path, body, headers)
                response = upstream.getresponse()
                text = response.read()
                if turn == 1:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.answer(response.status, dict(response.headers), text)

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("connection", "content-length", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = serve

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except (OSError, ValueError):
                    pass  # the connection that was broken

        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listener.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.listener.server_address[1]}"
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        world.closers.append(self.listener.shutdown)
        world.closers.append(self.listener.server_close)


def run(argv, server, *words, code):
    env = dict(os.environ, RECOURSE_SERVER=server)
    env.pop("RECOURSE_TOKEN", None)
    got = subprocess.run([*map(str, argv), *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=3 * PATIENCE)
    equal(got.returncode, code, f"exit code: {got.stdout}{got.stderr}")
    return got


def hold(world, argv):
    """What every one of the programs must do."""
    server, hub = world.example()
    proxy = Proxy(world, server.port)
    payload, key = json.dumps(pull(1)), "wish-1"
    command = json.loads(run(argv, proxy.url, PR, key, payload, code=0).stdout)
    equal((command["state"], command["key"]), ("completed", key), "the command")
    equal([row["id"] for row in server.api.list()], [command["id"]], "commands")
    posts = [entry for entry in proxy.journal if entry[1] == "POST"]
    equal(len(posts), 3, "tries: one lost, one refused, one answered")
    equal({entry[3].strip('"') for entry in posts}, {key}, "keys that were sent")
    equal(len({entry[4] for entry in posts}), 1, "different bodies")
    true(posts[2][0] - posts[1][0] > LATER - 0.1, "Retry-After was not honoured")
    equal(len(hub.pulls("web")), 1, "pull requests")
    # refused: another wish with the same key, and a payload that is not valid; said once, and not tried again
    direct = f"http://127.0.0.1:{server.port}"
    before = server.api.metric("http_requests_total")
    said = run(argv, direct, PR, key, json.dumps(pull(1, title="other")), code=3).stderr
    contains(said, f"/v1/commands/{command['id']}", "what is said of a conflict")
    run(argv, direct, PR, "wish-2", "{}", code=3)
    equal(server.api.metric("http_requests_total") - before, 3, "requests, with the one that asks for it")
    # comes to rest without completing
    run(argv, direct, PR, "wish-3", json.dumps(pull(3, title="Refuse [fault=422]")), code=4)


@case("curl")
def curl(world):
    file = world.dir / "submit.sh"
    file.write_text(program("sh"))
    subprocess.run(["shellcheck", str(file)], check=True)
    hold(world, ["sh", file])


@case("TypeScript")
def typescript(world):
    npm.install()
    (world.dir / "submit.ts").write_text(program("ts"))
    hold(world, ["node", npm.compile_strictly(world.dir) / "submit.js"])


@case("Python")
def python(world):
    file = world.dir / "submit.py"
    file.write_text(program("python"))
    hold(world, [sys.executable, "-B", file])


@case("Go")
def go(world):
    if not shutil.which("go"):
        raise Skip("Go is not installed")
    file = world.dir / "submit.go"
    file.write_text(program("go"))
    equal(subprocess.run(["gofmt", "-l", str(file)], capture_output=True, text=True).stdout, "", "files that gofmt would change")
    env = dict(os.environ, GOCACHE=str(ROOT / ".cache/go"), GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GO111MODULE="off")
    subprocess.run(["go", "build", "-o", str(world.dir / "submit"), str(file)], check=True, env=env, cwd=world.dir)
    hold(world, [world.dir / "submit"])


if __name__ == "__main__":
    main()

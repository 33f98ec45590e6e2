"""Another side that is slow on purpose."""
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit import eventually


class Slow:
    """Another side that answers a request (POST /NUMBER) when it is told to, and counts who is there at once. GET /NUMBER says at once
    whether it was done (200, 404)."""

    def __init__(self, world, answers=201):
        self.lock, self.inside, self.most, self.order, self.keys = threading.Condition(), [], 0, [], {}
        self.open, self.refused, self.done, self.answers, slow = set(), set(), set(), answers, self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.answer(slow.visit(int(self.path.strip("/")), self.headers.get("Idempotency-Key")))

            def do_GET(self):
                self.answer(200 if int(self.path.strip("/")) in slow.done else 404)

            def answer(self, status):
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")
                except OSError:  # who asked was killed
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.listener = Listener(("127.0.0.1", 0), Handler)
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        world.closers.append(self.listener.shutdown)

    def visit(self, n, key):
        with self.lock:
            self.inside.append(n)
            self.order.append(n)
            self.keys.setdefault(n, set()).add(key)
            self.most = max(self.most, len(set(self.inside)))
            self.lock.wait_for(lambda: n in self.open or "all" in self.open, 60)
            self.inside.remove(n)
            status = 422 if n in self.refused else self.answers
            if status < 300:
                self.done.add(n)
            return status

    def let(self, *which):
        with self.lock:
            self.open.update(which)
            self.lock.notify_all()

    def has(self, *which):
        eventually(lambda: all(n in self.inside for n in which), lambda: f"{which} are there: {self.inside}")

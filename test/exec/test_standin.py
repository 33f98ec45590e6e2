#!/usr/bin/env python3
"""Goes through every fault of the stand-in for GitHub with raw sockets. Argument: the program."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv.pop()


class Gone(Exception):
    """The connection ended without a whole answer; what came is in args[0]."""


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=40)

    def send(self, method, path, body=None, headers=""):
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(text.encode())}\r\n\r\n"
        self.socket.sendall((head + text).encode())

    def receive(self):
        """Status, headers, body."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.socket.recv(65536)
            if not part:
                raise Gone(data)
            data += part
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            part = self.socket.recv(65536)
            if not part:
                raise Gone(data + body)
            body += part
        return int(lines[0].split()[1]), headers, body

    def ask(self, *args, **kwargs):
        self.send(*args, **kwargs)
        return self.receive()


class StandIn(unittest.TestCase):
    options = []

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.file = os.path.join(self.directory.name, "journal")
        self.process = subprocess.Popen([PROGRAM, "--journal", self.file, "--quiet", *self.options],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def tearDown(self):
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(10), 0)
        self.process.stdout.close()
        self.directory.cleanup()

    def connect(self):
        connection = Connection(self.port)
        self.addCleanup(connection.socket.close)
        return connection

    def ask(self, *args, **kwargs):
        connection = self.connect()
        answer = connection.ask(*args, **kwargs)
        connection.socket.close()
        return answer

    def create(self, head, title="a title", **kwargs):
        return self.ask("POST", "/repos/acme/web/pulls", {"title": title, "head": head, "base": "main"}, **kwargs)

    def open_with(self, head):
        status, _, body = self.ask("GET", f"/repos/acme/web/pulls?head=acme:{head}&state=open")
        self.assertEqual(status, 200)
        return json.loads(body)

    def stats(self):
        return json.loads(self.ask("GET", "/_standin/stats")[2])

    def journal(self):
        lines = [json.loads(line) for line in self.ask("GET", "/_standin/journal")[2].decode().splitlines()]
        with open(self.file, encoding="utf-8") as file:
            self.assertEqual(lines, [json.loads(line) for line in file])
        return lines

    def rules(self, *rules):
        status, _, body = self.ask("POST", "/_standin/faults", list(rules))
        self.assertEqual(status, 200, body)

    # ---- pull requests

    def test_life_of_a_pull_request(self):
        status, _, body = self.create("feature", headers="Idempotency-Key: abc\r\n")
        self.assertEqual(status, 201)
        pull = json.loads(body)
        self.assertEqual((pull["number"], pull["state"]), (1, "open"))
        self.assertEqual(pull["html_url"], "https://github.com/acme/web/pull/1")
        self.assertEqual([p["number"] for p in self.open_with("feature")], [1])
        self.assertEqual(self.open_with("other"), [])
        status, _, body = self.ask("POST", "/repos/acme/web/issues/1/labels", {"labels": ["bug", "bug", "new"]})
        self.assertEqual((status, json.loads(body)), (200, [{"name": "bug"}, {"name": "new"}]))
        status, _, body = self.ask("PATCH", "/repos/acme/web/pulls/1", {"state": "closed"})
        self.assertEqual((status, json.loads(body)["state"]), (200, "closed"))
        self.assertEqual(self.open_with("feature"), [])
        status, _, body = self.ask("GET", "/repos/acme/web/pulls?head=feature&state=all")
        self.assertEqual(len(json.loads(body)), 1)
        status, _, body = self.ask("GET", "/repos/acme/web/pulls/1")
        self.assertEqual((status, json.loads(body)["labels"]), (200, [{"name": "bug"}, {"name": "new"}]))
        stats = self.stats()
        self.assertEqual((stats["made"], stats["closed"], stats["duplicates"], stats["distinct_heads"]), (1, 1, 0, 1))
        first = self.journal()[0]
        self.assertEqual((first["method"], first["path"], first["idempotency_key"], first["acted"], first["number"],
                          first["fault"], first["status"]), ("POST", "/repos/acme/web/pulls", "abc", True, 1, None, 201))

    def test_duplicates_are_counted(self):
        for _ in range(3):
            self.assertEqual(self.create("same")[0], 201)
        self.assertEqual(self.create("other")[0], 201)
        self.assertEqual(self.stats()["duplicates"], 2)
        self.assertEqual([p["number"] for p in self.open_with("same")], [3, 2, 1])
        self.ask("PATCH", "/repos/acme/web/pulls/2", {"state": "closed"})
        self.ask("PATCH", "/repos/acme/web/pulls/2", {"state": "closed"})
        self.assertEqual(self.stats()["duplicates"], 1)

    def test_pages(self):
        for i in range(35):
            self.create(f"b{i}")
        get = lambda query: [p["number"] for p in json.loads(self.ask("GET", "/repos/acme/web/pulls" + query)[2])]
        self.assertEqual(get(""), list(range(35, 5, -1)))
        self.assertEqual(get("?page=2"), [5, 4, 3, 2, 1])
        self.assertEqual(get("?per_page=3&page=2"), [32, 31, 30])
        self.assertEqual(get("?page=9"), [])

    def test_bad_input(self):
        for method, path, body, status in [
                ("POST", "/repos/acme/web/pulls", {"title": "t", "head": "h"}, 422),
                ("POST", "/repos/acme/web/pulls", {"title": "", "head": "h", "base": "m"}, 422),
                ("POST", "/repos/acme/web/pulls", {"title": 7, "head": "h", "base": "m"}, 422),
                ("POST", "/repos/acme/web/pulls", {"title": "t", "head": "h" * 300, "base": "m"}, 422),
                ("POST", "/repos/acme/web/pulls", "{", 400), ("POST", "/repos/acme/web/pulls", "[]", 400),
                ("POST", "/repos/acme/web/pulls", None, 400), ("PATCH", "/repos/acme/web/pulls/1", {"state": "x"}, 404),
                ("GET", "/repos/acme/web/pulls/0", None, 404), ("GET", "/repos/acme/web/pulls/99999999999999999999", None, 404),
                ("GET", "/repos/acme/web/pulls/1x", None, 404), ("GET", "/repos/acme/web", None, 404),
                ("GET", "/repos//web/pulls", None, 404), ("GET", "/repos/a%2e/web/pulls", None, 404),
                ("DELETE", "/repos/acme/web/pulls/1", None, 404), ("GET", "/", None, 404),
                ("POST", "/repos/acme/web/issues/1/labels", {"labels": ["a"]}, 404),
                ("POST", "/_standin/faults", "{}", 400), ("POST", "/_standin/faults", "nonsense", 400),
                ("POST", "/_standin/faults", [{"fault": "unheard-of"}], 400),
                ("POST", "/_standin/faults", [{"fault": "422", "times": 0}], 400),
                ("POST", "/_standin/faults", [{"fault": "422:1"}], 400),
                ("POST", "/_standin/faults", [{"fault": "slow:9999999"}], 400),
                ("POST", "/_standin/faults", [{"fault": "422", "match": "x" * 200}], 400),
                ("POST", "/_standin/faults", [{"fault": "422"}] * 1001, 400)]:
            self.assertEqual(self.ask(method, path, body)[0], status, (method, path, body))
        self.create("x")
        for labels in [None, "a", [1], ["a"] * 0 + [None]]:
            self.assertEqual(self.ask("POST", "/repos/acme/web/issues/1/labels", {"labels": labels})[0], 422)
        self.assertEqual(self.ask("PATCH", "/repos/acme/web/pulls/1", {"state": "merged"})[0], 422)
        try:
            self.assertEqual(self.ask("POST", "/repos/acme/web/pulls", "x" * ((1 << 20) + 1))[0], 413)
        except (BrokenPipeError, ConnectionResetError):
            pass  # hung up on while it was still talking
        for raw in [b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02", b"GET " + b"a" * 99999,
                    b"POST /ok HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                    b"POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]:
            connection = self.connect()
            try:
                connection.socket.sendall(raw)
                connection.socket.shutdown(socket.SHUT_WR)
                while connection.socket.recv(65536):
                    pass
            except OSError:
                pass  # hung up on
        self.assertEqual(self.create("still-here")[0], 201)

    def test_ok(self):
        connection = self.connect()
        for i in range(1, 4):
            status, _, body = connection.ask("POST", "/ok", {"any": "thing"})
            self.assertEqual((status, json.loads(body)), (200, {"ok": True, "id": i}))
        connection.socket.close()
        self.assertEqual(self.stats()["ok"], 3)
        self.assertEqual(self.journal(), [])

    # ---- faults

    def is_down(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) != 0

    def gone(self, head, title="a title"):
        with self.assertRaises(Gone) as caught:
            self.create(head, title)
        return caught.exception.args[0]

    def check_fault(self, head, fault, acted, status):
        """The last entry says what happened, and so do the open pull requests; the next try works."""
        entry = self.journal()[-1]
        self.assertEqual((entry["fault"], entry["acted"], entry["status"]), (fault, acted, status))
        self.assertEqual(len(self.open_with(head)), int(acted))
        self.assertEqual(self.create(head)[0], 201)
        self.assertEqual(len(self.open_with(head)), 1 + int(acted))

    def test_answers(self):
        for fault, acted, status in [("500-before", False, 500), ("500-after", True, 500), ("429:7", False, 429),
                                     ("422", False, 422), ("wrong-json", True, 201), ("slow:2000", True, 201)]:
            head = "h" + fault.split(":")[0]
            self.rules({"match": head, "fault": fault})
            began = time.monotonic()
            got, headers, body = self.create(head)
            took = time.monotonic() - began
            self.assertEqual(got, status)
            self.assertEqual("number" in json.loads(body), fault.startswith("slow"))
            self.assertEqual(headers.get("retry-after"), "7" if status == 429 else None)
            if fault.startswith("slow"):
                self.assertGreater(took, 1.9)
            self.check_fault(head, fault, acted, status)

    def test_closed_connections(self):
        for fault, acted in [("close-before", False), ("close-after", True), ("close-after-acting", True)]:
            head = "h" + fault
            self.rules({"match": head, "fault": fault, "times": 2})
            self.assertEqual(self.gone(head), b"")
            entry = self.journal()[-1]
            self.assertEqual((entry["acted"], entry["status"]), (acted, 0))
            self.assertEqual(self.gone(head), b"")
            self.assertEqual(self.create(head)[0], 201)
            self.assertEqual(len(self.open_with(head)), 3 if acted else 1)

    def test_truncated_json(self):
        self.rules({"match": "cut", "fault": "truncated-json"})
        came = self.gone("cut")
        self.assertIn(b'{"number":1', came)
        self.assertNotIn(b'"labels"', came)
        self.check_fault("cut", "truncated-json", True, 201)

    def test_hang(self):
        for fault, acted in [("hang", False), ("hang-after", True)]:
            head = "h" + fault
            self.rules({"match": head, "fault": fault})
            connection = self.connect()
            connection.send("POST", "/repos/acme/web/pulls", {"title": "t", "head": head, "base": "main"})
            connection.socket.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                connection.receive()
            if acted:
                connection.socket.close()  # the other one is still open when the program ends
            self.check_fault(head, fault, acted, 0)

    def test_late(self):
        self.rules({"match": "late", "fault": "late:2000"})
        connection = self.connect()
        connection.send("POST", "/repos/acme/web/pulls", {"title": "t", "head": "late", "base": "main"}, "Idempotency-Key: k\r\n")
        first = []
        while not first:
            first = [e for e in self.journal() if e["method"] == "POST"]
        self.assertEqual([(e["acted"], e["status"], e["idempotency_key"], e.get("late")) for e in first], [(False, 0, "k", None)])
        end = time.monotonic() + 40
        while not self.open_with("late") and time.monotonic() < end:
            time.sleep(0.02)
        entry = [e for e in self.journal() if e.get("late")]
        self.assertEqual([(e["acted"], e["status"], e["idempotency_key"], e["number"]) for e in entry], [(True, 0, "k", 1)])
        self.assertEqual([p["number"] for p in self.open_with("late")], [1])

    def test_killed_and_restored(self):
        self.assertEqual(self.create("one")[0], 201)
        self.assertEqual(self.create("two")[0], 201)
        self.rules({"match": "three", "fault": "500-before"}, {"match": "four", "fault": "close-after"})
        self.assertEqual(self.create("three")[0], 500)
        self.gone("four")
        self.assertEqual(self.ask("PATCH", "/repos/acme/web/pulls/1", {"state": "closed"})[0], 200)
        self.assertEqual(self.ask("POST", "/repos/acme/web/issues/2/labels", {"labels": ["bug"]})[0], 200)
        before = self.ask("GET", "/repos/acme/web/pulls?state=all")[2]
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with open(self.file, "a", encoding="utf-8") as file:
            file.write('{"time":"2026-')  # it was being written
        self.process = subprocess.Popen([PROGRAM, "--journal", self.file, "--restore", "--quiet", *self.options],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.assertEqual(self.ask("GET", "/repos/acme/web/pulls?state=all")[2], before)
        self.assertEqual(json.loads(self.create("five")[2])["number"], 4)
        with open(self.file, encoding="utf-8") as file:
            self.assertEqual(json.loads(file.readlines()[-1])["number"], 4)

    def test_slow_and_gone(self):
        self.rules({"match": "slow", "fault": "slow:200"})
        connection = self.connect()
        connection.send("POST", "/repos/acme/web/pulls", {"title": "t", "head": "slow", "base": "main"})
        connection.socket.close()
        end = time.monotonic() + 40
        while not any(e["acted"] for e in self.journal()) and time.monotonic() < end:
            time.sleep(0.02)
        self.check_fault("slow", "slow:200", True, 201)

    def test_down(self):
        kept = self.connect()
        self.assertEqual(kept.ask("GET", "/repos/acme/web/pulls")[0], 200)
        self.rules({"match": "down", "fault": "down:3000"})
        self.assertEqual(self.gone("down"), b"")
        with self.assertRaises(ConnectionRefusedError):
            Connection(self.port)
        with self.assertRaises((Gone, ConnectionResetError)):
            kept.ask("GET", "/repos/acme/web/pulls")
        end = time.monotonic() + 40
        while self.is_down() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual([(e["fault"], e["acted"]) for e in self.journal()[1:3]], [("down:3000", False), ("down", False)])
        self.assertEqual(self.create("down")[0], 201)
        self.assertEqual(len(self.open_with("down")), 1)

    def test_markers(self):
        self.assertEqual(self.gone("marked", "please fault=close-after-acting now"), b"")
        self.assertEqual(self.create("marked", "please fault=close-after-acting now")[0], 201)
        self.assertEqual(self.stats()["duplicates"], 1)
        for want in [500, 500, 201]:
            self.assertEqual(self.create("x-fault=500-before*2", "t")[0], want)
        for title in ["fault=", "fault=unheard-of", "fault=429:x", "fault=500-before*0", "fault=slow:1:2", "a fault"]:
            self.assertEqual(self.create("fine", title)[0], 201)

    def test_rules(self):
        self.rules({"match": "b1", "fault": "500-after", "times": 2}, {"match": "b", "fault": "422"},
                   {"match": "pulls?head=b1", "fault": "500-before", "method": "GET"},
                   {"match": "", "fault": "429", "method": "PATCH"})
        self.assertEqual([self.create("b1")[0] for _ in range(4)], [500, 500, 422, 201])
        self.assertEqual(self.ask("GET", "/repos/acme/web/pulls?head=b1")[0], 500)
        self.assertEqual(self.ask("GET", "/repos/acme/web/pulls?head=b1")[0], 200)
        self.assertEqual(self.ask("PATCH", "/repos/acme/web/pulls/1", {"state": "closed"})[0], 429)
        self.assertEqual(self.ask("PATCH", "/repos/acme/web/pulls/1", {"state": "closed"})[0], 200)
        self.rules({"match": "z", "fault": "422"})
        self.assertEqual(self.ask("DELETE", "/_standin/faults")[0], 200)
        self.assertEqual(self.create("z")[0], 201)


class Refusing(StandIn):
    """The rest holds too where GitHub's own rule against duplicates is on; only these differ."""
    options = ["--refuse-duplicates"]

    def test_duplicates_are_counted(self):
        self.assertEqual(self.create("same")[0], 201)
        status, _, body = self.create("same")
        self.assertEqual(status, 422)
        self.assertIn("already exists", json.loads(body)["errors"][0]["message"])
        self.ask("PATCH", "/repos/acme/web/pulls/1", {"state": "closed"})
        self.assertEqual(self.create("same")[0], 201)
        self.assertEqual(self.stats()["duplicates"], 0)

    def check_fault(self, head, fault, acted, status):
        self.assertEqual(len(self.open_with(head)), int(acted))
        self.assertEqual(self.create(head)[0], 422 if acted else 201)

    test_closed_connections = test_markers = test_rules = None


class Options(unittest.TestCase):
    def test_bad_options(self):
        for options in [["--restore"], ["--port", "x"], ["--port", "99999"], ["--unheard-of"], ["word"]]:
            done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=False, timeout=40)
            self.assertEqual(done.returncode, 2)
            self.assertIn("Usage", done.stderr)
        done = subprocess.run([PROGRAM, "--journal", "/nowhere/at/all"], capture_output=True, check=False, timeout=40)
        self.assertEqual(done.returncode, 1)

    def test_bad_journal(self):
        for text in ["x\n", "[]\n", '{"method":"POST"}\n', '{"method":"POST","path":"/repos/a/b/pulls/9","acted":true,"body":"{}"}\n']:
            with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                done = subprocess.run([PROGRAM, "--journal", file.name, "--restore"], capture_output=True, text=True, check=False, timeout=40)
            self.assertEqual(done.returncode, 1)
            self.assertIn("a line", done.stderr)


if __name__ == "__main__":
    unittest.main()

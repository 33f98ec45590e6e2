"""What clients are told, written down for recourse_check: an Api whose calls go into a history (src/sim/check.h has the format).

Several threads may share a History. Each call is two lines: that it was begun, and how it ended. A call that was answered says what; one
whose connection was refused has surely done nothing; of any other nobody knows."""
import http.client
import json
import threading
import time

from kit import Api


class History:
    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.file = open(path, "a", encoding="utf-8")
        self.ops = self.open = self.not_known = 0

    def close(self):
        self.file.close()

    def write(self, **event):
        event.update(mono=time.monotonic_ns() // 1000, wall=time.time_ns() // 1000)
        with self.lock:
            self.file.write(json.dumps(event) + "\n")
            self.file.flush()

    def invoke(self, client, calls):
        """Begins several calls at once, as a batch does; their numbers."""
        with self.lock:
            first = self.ops + 1
            self.ops += len(calls)
            self.open += len(calls)
        for n, call in enumerate(calls):
            self.write(event="invoked", op=first + n, client=client, **call)
        return list(range(first, first + len(calls)))

    def end(self, client, op, event, **more):
        with self.lock:
            self.open -= 1
            self.not_known += event == "not_known"
        self.write(event=event, op=op, client=client, **more)

    def snapshot(self, to):
        """A copy that ends with a whole line."""
        with self.lock:
            to.write_bytes(self.path.read_bytes())
        return to


def told_of(body):
    """What an outline or a whole command says."""
    said = {name: body[name] for name in ("id", "state", "revision") if name in body}
    if "flow" in body and "version" in body["flow"]:
        said["version"] = body["flow"]["version"]
    return said


def told(status, body):
    """The members of the answer to one submission, action or look."""
    if status < 400:
        return {"status": status, **told_of(body)}
    said = {"status": status, "problem": body.get("code", "")}
    if said["problem"] == "key-conflict" and "command" in body:
        said["id"] = body["command"].rsplit("/", 1)[1]
    return said


def read_call(method, path, body, headers):
    """The calls of a request as the history has them, and how their answers are found in the response; None: not of interest."""
    words = path.split("?")[0].strip("/").split("/")
    if words[:2] != ["v1", "commands"]:
        return None
    if method == "POST" and len(words) == 2:
        return [submission(json.loads(body), (headers or {}).get("Idempotency-Key"))]
    if method == "POST" and words[2:] == ["batch"]:
        return [submission(json.loads(line)) for line in body.splitlines() if line.strip()]
    if method == "POST" and len(words) == 5 and words[3] == "actions":
        call = {"do": "act", "id": words[2], "action": words[4], "key": json.loads(body).get("key", "")}
        if "If-Match" in (headers or {}):
            call["expected"] = int(headers["If-Match"].strip('"'))
        return [call]
    if method == "GET" and len(words) == 3 and words[2] != "by-key":
        return [{"do": "read", "id": words[2]}]
    return None


def submission(body, key=None):
    call = {"do": "submit", "type": body["type"], "payload": body["payload"]}
    key = key.strip('"') if key else body.get("key")
    return {**call, "key": key} if key else call


class Told(Api):
    """An Api that writes down what it was told."""

    def __init__(self, port, history, client, timeout=40, headers=None):
        super().__init__(port, timeout, headers)
        self.history, self.client = history, client

    def ask(self, method, path, body=None, headers=None):
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        calls = read_call(method, path, raw, headers)
        if calls is None:
            return super().ask(method, path, body, headers)
        ops = self.history.invoke(self.client, calls)
        try:
            answer = super().ask(method, path, body, headers)
            ends = self.ends(len(ops), path, answer)
        except ConnectionRefusedError:
            self.end_all(ops, "failed")
            raise
        except (OSError, http.client.HTTPException, ValueError):
            self.end_all(ops, "not_known")
            raise
        for op, said in zip(ops, ends):
            self.history.end(self.client, op, "answered", **said)
        return answer

    def end_all(self, ops, event):
        for op in ops:
            self.history.end(self.client, op, event)

    @staticmethod
    def ends(n, path, answer):
        if not path.endswith("/batch") or answer.status != 200:
            return [told(answer.status, answer.json)] * n
        lines = [json.loads(line) for line in answer.text.splitlines()]
        if len(lines) != n:
            raise ValueError("a batch was answered in part")
        return [told(line["status"], line.get("command") or line.get("problem")) for line in lines]

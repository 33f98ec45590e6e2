"""Steps that remote workers do: leasing, heartbeats, reports, what becomes of a lease that is lost, and who gets what."""
import http.client
import json
import signal
import socket
import threading
import time
from pathlib import Path

from access import As, guarded
from kit import PATIENCE, RECOURSE, Process, case, contains, equal, eventually, main, true

DEPENDENCY = "dependency: images\nkind: worker\nqueue: images\nlease: {lease}\n"


def flow(name="image.resize", more="", retry="  retry: { delay: 50ms, backoff: constant, jitter: none, limit: { attempts: 3 } }\n"):
    return f"""flow: {name}
steps:
- id: resize
  call: images
  with: {{ task: resize, input: {{ n: "${{payload.n}}" }} }}
  outputs: {{ url: "${{response.body.url}}" }}
{retry}{more}"""


CHECK = """  check:
    with: { task: look, input: { n: "${payload.n}" } }
    reads: true
    happened: response.body.there
    outputs: { url: "${response.body.url}" }
    retry: { delay: 50ms, backoff: constant, jitter: none }
"""


def serve(world, lease="30s", more=(), **flows):
    flows = flows or {"resize": flow()}
    return world.server(defs=world.write(images=DEPENDENCY.format(lease=lease), **flows), more=list(more)).start()


class Worker:
    """What a worker asks, with or without a token."""

    def __init__(self, api, queues=("images",), headers=None, **more):
        self.api, self.headers, self.body = api, headers, {"queues": list(queues), **more}

    def lease(self, max=1, wait="10s", must=200, **more):
        return self.api.post(f"/v1/work/lease?wait={wait}", {**self.body, "max": max, **more}, self.headers).must(must).json

    def task(self, **more):
        tasks = self.lease(**more)["tasks"]
        true(len(tasks) == 1, f"expected one task, got {tasks}")
        return tasks[0]

    def report(self, *results):
        return self.api.post("/v1/work/report", {"results": list(results)}, self.headers)

    def done(self, task, url="http://i/1"):
        return self.report({"lease": task["lease"], "outcome": "succeeded", "output": {"url": url, "there": True}})

    def beat(self, *beats):
        return self.api.post("/v1/work/heartbeat", {"heartbeats": list(beats)}, self.headers)


def submit(api, n, flow="image.resize", **more):
    return api.submit(flow, {"n": n}, f"k{n}", **more).must(201).json["id"]


BOTH = """flow: both
steps:
  - id: two
    parallel:
      - { id: one, call: images, with: { task: resize, input: { n: "1" } } }
      - { id: other, call: images, with: { task: resize, input: { n: "2" } } }
"""


@case("nothing runs in a command that has ended: what had begun is given up, and the counts say so")
def given_up(world):
    server = serve(world, both=BOTH)
    api, worker = server.api, Worker(server.api)
    id = submit(api, "1", "both")
    worker.done(worker.task()).must(200)
    worker.report({"lease": worker.task()["lease"], "outcome": "unknown"}).must(200)
    waits = api.until_state(id, "review")
    equal(waits["steps"][0]["branches"], {"count": 2, "done": 1, "failed": 0, "running": 1}, "branches while it waits for a person")
    api.act(id, "resolve", verdict="accepted_as_is", reason="it is as it is").must(200)
    said = api.until_state(id, "resolved")
    equal((said["steps"][0]["branches"], said["steps"][0]["display"], said["steps"][0]["given_up"]),
          ({"count": 2, "done": 1, "failed": 0, "running": 0, "given_up": 1}, "given up", True), "the block")
    shown = server.cli("show", id)
    contains(shown, "1 of 2 branches done, 1 given up")
    true("active" not in shown and "running" not in shown, f"nothing runs: {shown}")


@case("a step is leased, reported on, and done")
def life(world):
    server = serve(world)
    api, worker = server.api, Worker(server.api, worker="w1")
    equal(worker.lease(wait="0s"), {"tasks": [], "draining": False}, "nothing waits")
    id = submit(api, "1")
    equal(api.command(id)["display"], "waits for a worker of images: resize", "what it waits for")
    equal([row["display"] for row in api.list()], ["waits for a worker of images"], "what it waits for, in the list")
    contains(server.cli("history", id), "waits for a worker", "the history")
    task = worker.task()
    equal((task["task"], task["input"], task["command"], task["attempt"], task["purpose"]), ("resize", {"n": "1"}, id, 1, "act"),
          "the task")
    equal((task["namespace"], task["type"], task["key"], task["step"], task["queue"]),
          ("default", "image.resize", "k1", "resize", "images"), "whose it is")
    equal(task["lease_ms"], 30000, "lease")
    equal(api.command(id)["state"], "running", "state while it is out")
    equal(worker.done(task).must(200).json["results"][0]["status"], 200, "the report")
    found = api.until_state(id, "completed")
    equal(found["steps"][0]["outputs"], {"url": "http://i/1"}, "outputs")
    equal(api.explain(id)["attempts"][0]["idempotency_key"], task["idempotency_key"], "the key")
    # a second result is refused, and on record, once
    worker.done(task, "http://i/2").problem(409, "lease-lost")
    worker.done(task, "http://i/2").problem(409, "lease-lost")
    equal([r["cause"]["kind"] for r in api.history(id)].count("late"), 1, "late reports on record")
    late = next(r["cause"] for r in api.history(id) if r["cause"]["kind"] == "late")
    equal((late["step"], late["attempt"], late["purpose"], late["said"]), ("resize", 1, "act", "succeeded"), "what came late")
    contains(" ".join(server.cli("history", id).split()), "attempt 1 (act) was reported as succeeded when its lease was lost", "the history")
    equal(api.command(id)["steps"][0]["outputs"], {"url": "http://i/1"}, "outputs")


@case("who waits gets it as soon as it is there")
def long_poll(world):
    server = serve(world)
    got = []
    thread = threading.Thread(target=lambda: got.append(Worker(server.api).task(wait="30s")))
    thread.start()
    eventually(lambda: server.api.get("/v1/queues").json["queues"][0]["asking"] == 1, "somebody asks")
    id = submit(server.api, "1")
    thread.join(PATIENCE)
    equal([t["command"] for t in got], [id], "what the worker got")


@case("what a worker says becomes the outcome")
def outcomes(world):
    server = serve(world, one=flow(), checked=flow("image.checked", CHECK))
    api, worker = server.api, Worker(server.api)
    id = submit(api, "1")
    worker.report({"lease": worker.task()["lease"], "outcome": "rejected", "error": "no such picture"}).must(200)
    found = api.until_state(id, "rejected")
    equal(found["steps"][0]["error"], "the worker: no such picture", "the error")
    true("422" not in server.cli("explain", id), "a status that nobody has sent is told")
    id = submit(api, "2")
    for _ in range(2):
        worker.report({"lease": worker.task()["lease"], "outcome": "failed", "error": "disk full"}).must(200)
    for _ in range(3):  # takes no try
        worker.report({"lease": worker.task()["lease"], "outcome": "released"}).must(200)
    task = worker.task()
    equal(task["attempt"], 6, "attempts")
    worker.done(task).must(200)
    api.until_state(id, "completed")
    id = submit(api, "3")
    began = time.monotonic()
    worker.report({"lease": worker.task()["lease"], "outcome": "failed", "retry_after": 1}).must(200)
    worker.done(worker.task()).must(200)
    true(time.monotonic() - began >= 1, "retry_after was not waited for")
    id = submit(api, "4")
    worker.report({"lease": worker.task()["lease"], "outcome": "unknown", "error": "the machine was lost"}).must(200)
    api.until_state(id, "review")
    id = submit(api, "5", "image.checked")
    worker.report({"lease": worker.task()["lease"], "outcome": "unknown"}).must(200)
    task = worker.task()
    equal((task["task"], task["purpose"]), ("look", "check"), "the check")
    worker.done(task, "http://i/5").must(200)
    equal(api.until_state(id, "completed")["steps"][0]["outputs"], {"url": "http://i/5"}, "outputs of the check")


@case("a lease that runs out is an unknown, and what comes late is refused and recorded")
def expiry(world):
    server = serve(world, "3s", one=flow(), checked=flow("image.checked", CHECK))
    api, worker = server.api, Worker(server.api)
    id = submit(api, "1")
    task = worker.task()
    found = api.until_state(id, "review")
    equal(found["steps"][0]["why"], "cannot_be_checked", "why")
    contains(json.dumps(api.explain(id)), "lease_expired")
    worker.done(task).problem(409, "lease-lost")
    worker.beat({"lease": task["lease"]}).problem(409, "lease-lost")
    equal([r["cause"]["kind"] for r in api.history(id)][-1], "late", "the last record")
    equal(api.command(id)["state"], "review", "state")
    true(api.metric("late_reports_total") >= 1, "the metric counts it")
    history = api.history(id)
    server.kill()
    server.start()
    equal(api.history(id), history, "the history after a crash")
    worker.beat({"lease": task["lease"]}).problem(409, "lease-lost")
    api.act(id, "resolve", verdict="happened", reason="looked at it", outputs={"url": "http://i/1"}, actor="olga").must(200)
    equal(api.until_state(id, "completed")["steps"][0]["outputs"], {"url": "http://i/1"}, "outputs")
    server.cli("export", "--store", server.store, "--out", world.dir / "export")
    server.cli("import", world.dir / "export", "--store", world.dir / "again.db")
    contains((world.dir / "export").read_text(), '"cause":"late"')
    # with a check it is found out by the next worker
    id = submit(api, "2", "image.checked")
    task = worker.task()
    check = worker.task()
    equal((check["command"], check["purpose"]), (id, "check"), "the check")
    worker.done(task).problem(409, "lease-lost")
    worker.report({"lease": check["lease"], "outcome": "succeeded", "output": {"there": False}}).must(200)
    again = worker.task()
    equal((again["purpose"], again["idempotency_key"]), ("act", task["idempotency_key"]), "the same key again")
    worker.done(again).must(200)
    api.until_state(id, "completed")


@case("a heartbeat keeps a lease, up to the step's timeout")
def heartbeats(world):
    server = serve(world, "3s", one=flow(), short=flow("image.short", "  timeout: 6s\n"))
    api, worker = server.api, Worker(server.api, worker="w7")
    id = submit(api, "1")
    task = worker.task()
    end = time.monotonic() + 7  # more than two leases
    while time.monotonic() < end:
        worker.beat({"lease": task["lease"], "progress": "half of it"}).must(200)
        time.sleep(0.3)
    shown = api.get("/v1/queues/images").must(200).json
    equal([(l["worker"], l["progress"], l["command"]) for l in shown["leases"]], [("w7", "half of it", id)], "the leases")
    equal(shown["leased"], 1, "leased")
    worker.beat({"lease": task["lease"], "extend": 600}).must(200)
    time.sleep(3.5)
    worker.done(task).must(200)
    api.until_state(id, "completed")
    id = submit(api, "2", "image.short")
    task = worker.task()
    for _ in range(80):
        answer = worker.beat({"lease": task["lease"], "extend": 600})
        if answer.status != 200:
            break
        time.sleep(0.2)
    answer.problem(409, "lease-lost")
    contains(json.dumps(api.explain(id)), "timeout")


@case("a lease lives through a restart, and through kill -9")
def restart(world):
    server = serve(world, "15s")
    api, worker = server.api, Worker(server.api)
    ids = [submit(api, n) for n in ("1", "2", "3")]
    tasks = worker.lease(max=3)["tasks"]
    equal([t["command"] for t in tasks], ids, "the oldest first")
    equal(server.stop(), 0, "exit code: nobody waits for leases")
    server.start()
    worker.beat({"lease": tasks[0]["lease"]}).must(200)
    worker.done(tasks[0]).must(200)
    server.kill()
    server.start()
    worker.done(tasks[1]).must(200)
    worker.done(tasks[0]).problem(409, "lease-lost")
    equal([api.until_state(i, "completed")["state"] for i in ids[:2]], ["completed"] * 2, "states")
    equal(api.command(ids[2])["state"], "running", "the third is still out")
    api.until_state(ids[2], "review")  # its worker never came back
    equal([a["outcome"] for a in api.explain(ids[2])["attempts"]], ["unknown"], "attempts")


@case("a lease that was extended has the length of its dependency again after a restart; one more heartbeat extends it again")
def extended(world):
    server = serve(world, "2s", one=flow())
    worker = Worker(server.api)
    ids = [submit(server.api, n) for n in ("1", "2")]
    tasks = [worker.task() for _ in ids]
    beats = [{"lease": task["lease"], "extend": 600} for task in tasks]
    worker.beat(*beats).must(200)
    server.kill()
    server.start()
    worker.beat(beats[1]).must(200)
    contains(json.dumps(server.api.until_state(ids[0], "review")), "silent for longer")
    worker.done(tasks[1]).must(200)
    server.api.until_state(ids[1], "completed")


@case("a server that stops lets nobody wait, and takes its leases with it")
def stopping(world):
    server = serve(world)
    submit(server.api, "1")
    task = Worker(server.api).task()
    got = []
    thread = threading.Thread(target=lambda: got.append(Worker(server.api).lease(wait="60s")))
    thread.start()
    eventually(lambda: server.api.get("/v1/queues/images").json["asking"] == 1, "somebody asks")
    began = time.monotonic()
    equal(server.stop(), 0, "exit code")
    true(time.monotonic() - began < 55, "the server waited for a worker")
    thread.join(PATIENCE)
    equal(got, [{"tasks": [], "draining": True}], "who waited is told")
    server.start()
    Worker(server.api).done(task).must(200)


@case("batches: each item has its own end")
def batches(world):
    server = serve(world)
    api, worker = server.api, Worker(server.api)
    answers = api.batch([{"type": "image.resize", "payload": {"n": str(n)}, "key": f"b{n}"} for n in range(300)])
    ids = [a["command"]["id"] for a in answers]
    tasks = []
    while len(tasks) < 300:
        got = worker.lease(max=120)["tasks"]
        true(got, "nothing more")
        tasks += got
    equal(sorted(t["command"] for t in tasks), sorted(ids), "each once")
    beats = worker.beat(*({"lease": t["lease"]} for t in tasks)).must(200).json["results"]
    equal({b["status"] for b in beats}, {200}, "heartbeats")
    results = [{"lease": t["lease"], "outcome": "succeeded", "output": {"url": t["command"]}} for t in tasks]
    said = worker.report(*results, results[7], results[8]).must(200).json["results"]
    equal([r["status"] for r in said], [200] * 300 + [409] * 2, "statuses")
    equal(said[300]["problem"]["type"].rpartition("/")[2], "lease-lost", "the problem")
    for id in ids:
        equal(api.until_state(id, "completed")["steps"][0]["outputs"]["url"], id, "outputs")


@case("one item that makes no sense is refused by itself, and the others count")
def one_bad(world):
    server = serve(world)
    api, worker = server.api, Worker(server.api)
    ids = [submit(api, str(n)) for n in range(50)]
    leases = {t["command"]: t["lease"] for t in worker.lease(max=50)["tasks"]}
    good = [{"lease": leases[id], "outcome": "succeeded", "output": {"url": id}} for id in ids]
    for at, bad in ((3, {**good[3], "outcome": "fine"}), (17, {**good[17], "error": 7}), (29, {"outcome": "failed"}), (49, 7)):
        good[at] = bad
    said = worker.report(*good, {"lease": "nonsense", "outcome": "failed"}).must(200).json["results"]
    equal([n for n, r in enumerate(said) if r["status"] == 422], [3, 17, 29, 49, 50], "what was refused")
    equal({r["status"] for n, r in enumerate(said) if n not in (3, 17, 29, 49, 50)}, {200}, "what was accepted")
    contains(said[3]["problem"]["detail"], "/results/3/outcome: must be succeeded")
    equal(said[49]["problem"]["code"], "invalid", "the problem")
    for n in (3, 17, 29, 49):
        equal(api.command(ids[n])["state"], "running", "the step of a refused item is still out")
    equal(api.until_state(ids[48], "completed")["steps"][0]["outputs"]["url"], ids[48], "outputs")
    beats = worker.beat({"lease": leases[ids[3]]}, {"lease": leases[ids[17]], "extend": 0}).must(200).json["results"]
    equal([b["status"] for b in beats], [200, 422], "heartbeats")
    worker.done({"lease": leases[ids[3]]}).must(200)
    api.until_state(ids[3], "completed")


@case("old and new workers side by side")
def capabilities(world):
    def versioned(v):
        return flow("image.resize", f'  capability: "{v}"\n')

    server = serve(world, resize=versioned(1))
    api = server.api
    old, new = Worker(api, capabilities=["1"]), Worker(api, capabilities=["1", "2"])
    first = submit(api, "1")
    files = [{"source": "resize.yaml", "text": versioned(2)}]
    api.post("/v1/definitions", {"files": files}).must(200)
    second = submit(api, "2")
    equal([t["command"] for t in old.lease(max=10)["tasks"]], [first], "what the old worker gets")
    equal(Worker(api).lease(wait="0s")["tasks"], [], "what one without capabilities gets")
    # it waits, and everybody can see for what
    equal(api.explain(second)["next"]["code"], "worker", "what comes next")
    contains(" ".join(server.cli("explain", second).split()), 'it waits in the queue "images" for a worker that declares "2"; none has asked since',
             "the explanation")
    lines = api.get("/v1/queues/images").must(200).json["lines"]
    waits = [l for l in lines if l["capability"] == "2"][0]
    equal((waits["steps"], waits["last_asked"], waits["why"]),
          (1, None, "no worker has asked that declares this capability"), "the line")
    equal([t["command"] for t in new.lease(max=10)["tasks"]], [second], "what the new worker gets")


@case("pause, drain and resume")
def pausing(world):
    server = serve(world)
    api, worker = server.api, Worker(server.api)
    submit(api, "1")
    said = api.post("/v1/queues/images/pause", {"reason": "the disk is full"}).must(200).json
    equal((said["state"], said["lines"][0]["why"]), ("paused", "the queue is paused"), "the queue")
    equal(worker.lease(wait="500ms"), {"tasks": [], "draining": False}, "while it is paused")
    api.post("/v1/queues/images/resume", {}).must(200)
    task = worker.task()
    got = []
    thread = threading.Thread(target=lambda: got.append(Worker(api).lease(wait="60s")))
    thread.start()
    eventually(lambda: api.get("/v1/queues/images").json["asking"] == 1, "somebody asks")
    began = time.monotonic()
    said = api.post("/v1/queues/images/drain", {}).must(200).json
    equal((said["state"], said["leased"]), ("draining", 1), "the queue")
    thread.join(PATIENCE)
    equal(got, [{"tasks": [], "draining": True}], "who waited is told")
    true(time.monotonic() - began < 55, "it took too long")
    submit(api, "2")
    equal(worker.lease(wait="10s"), {"tasks": [], "draining": True}, "who asks is told")
    worker.done(task).must(200)
    equal(api.get("/v1/queues/images").json["leased"], 0, "leased")
    api.post("/v1/queues/images/resume", {}).must(200)
    equal(worker.task()["key"], "k2", "it goes on")
    contains(server.cli("queue", "pause", "images"), "paused")
    submit(api, "3")
    contains(server.cli("queue", "show", "images"), "the queue is paused")
    contains(server.cli("queue", "list"), "images")
    equal(server.cli("queue", "resume", "images", json_out=True)["state"], "flowing", "the queue")
    server.cli("queue", "show", "nothing", code=4)
    server.cli("queue", "stop", "images", code=2)
    api.post("/v1/queues/nothing/pause", {}).problem(404, "not-found")
    api.post("/v1/queues/images/stop", {}).problem(404, "not-found")


@case("a queue that is stopped stays so, over kill -9, in a copy and in an export, until somebody resumes it; the audit knows who and why")
def stopped_for_good(world):
    server = serve(world)
    api, worker = server.api, Worker(server.api)
    submit(api, "1")
    server.cli("queue", "pause", "images", "--reason", "the disk is being moved")
    since = api.get("/v1/queues/images").must(200).json["since"]
    server.kill()
    server.start()
    queue = api.get("/v1/queues/images").must(200).json
    equal([queue[k] for k in ("state", "by", "reason", "since")], ["paused", "tester", "the disk is being moved", since], "after kill -9")
    equal(worker.lease(wait="0s"), {"tasks": [], "draining": False}, "while it is paused")
    contains(server.cli("queue", "show", "images"), "by tester: the disk is being moved")
    api.post("/v1/queues/images/drain", {"reason": "a deploy", "actor": "anna"}).must(200)
    server.kill()
    server.start()
    equal(worker.lease(wait="10s"), {"tasks": [], "draining": True}, "while it is drained")
    copy = world.dir / "copy.db"
    server.cli("backup", copy, "--store", server.store)
    server.cli("export", "--store", server.store, "--out", world.dir / "lines")
    server.cli("import", world.dir / "lines", "--store", world.dir / "again.db")
    equal(server.cli("export", "--store", world.dir / "again.db"), (world.dir / "lines").read_text(), "the export of the import")
    for store in (copy, world.dir / "again.db"):
        other = world.server(store=store, defs=world.dir / "defs").start()
        queue = other.api.get("/v1/queues/images").must(200).json
        equal([queue[k] for k in ("state", "by", "reason")], ["draining", "anna", "a deploy"], f"in {store.name}")
        other.stop()
    api.post("/v1/queues/images/resume", {"reason": "done"}).must(200)
    server.kill()
    server.start()
    queue = api.get("/v1/queues/images").must(200).json
    true(queue["state"] == "flowing" and "by" not in queue, f"it goes on: {queue}")
    equal(worker.task()["key"], "k1", "the task")
    entries = [e for e in api.get("/v1/audit").must(200).json["entries"] if e["kind"] == "queue"]
    equal([(e["action"], e["data"].get("actor"), e["data"]["reason"]) for e in reversed(entries)],
          [("paused", "tester", "the disk is being moved"), ("drained", "anna", "a deploy"), ("resumed", "local", "done")], "the audit")
    contains(server.cli("audit", "verify", "--store", server.store), "5 entries fit", "its chain")


@case("a worker that has gone while it waited gets nothing")
def gone(world):
    server = serve(world)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/v1/work/lease?wait=30s", json.dumps({"queues": ["images"]}), {"Content-Type": "application/json"})
    eventually(lambda: server.api.get("/v1/queues/images").json["asking"] == 1, "it asks")
    connection.close()
    eventually(lambda: server.api.get("/v1/queues/images").json["asking"] == 0, "it is seen that it has gone")
    id = submit(server.api, "1")
    equal(Worker(server.api).task()["command"], id, "the next one gets it")


def guarded_worker(world, *namespaces):
    """A server with tokens, its admin, and a submitter of each namespace."""
    server, root = guarded(world, defs=world.write(images=DEPENDENCY.format(lease="30s"), resize=flow()))[:2]
    for ns in namespaces:
        root.post("/v1/namespaces", {"name": ns}).must(201)
    return server, root


def token_of(root, server, role, **more):
    return As(server.api, root.make(f"{role}-{len(more)}-{time.monotonic_ns()}", role, **more)["secret"])


@case("a token of one namespace works for it alone, and one of all for each in turn")
def namespaces(world):
    server, root = guarded_worker(world, "shop", "bank")
    mine = {}
    for ns, n in (("shop", 40), ("bank", 4), ("default", 4)):
        submitter = token_of(root, server, "submitter", namespace=ns)
        mine[ns] = [submitter.submit("image.resize", {"n": str(i)}, key=f"{ns}{i}").must(201).json["id"] for i in range(n)]
    bank = token_of(root, server, "worker", namespace="bank")
    everybody = token_of(root, server, "worker")
    lease = lambda who, **body: who.post("/v1/work/lease", {"queues": ["images"], **body}).must(200).json["tasks"]
    got = lease(everybody, max=9)
    equal(sorted(t["namespace"] for t in got), ["bank"] * 3 + ["default"] * 3 + ["shop"] * 3, "each in turn")
    got = lease(bank, max=10)
    equal([t["namespace"] for t in got], ["bank"], "what the bank's worker gets")
    # nobody reports on what is another namespace's, or without the permission
    theirs = lease(everybody, max=1)[0]
    while theirs["namespace"] != "shop":
        theirs = lease(everybody, max=1)[0]
    result = {"results": [{"lease": theirs["lease"], "outcome": "succeeded", "output": {"url": "x"}}]}
    bank.post("/v1/work/report", result).problem(404, "not-found")
    bank.post("/v1/work/heartbeat", {"heartbeats": [{"lease": theirs["lease"]}]}).problem(404, "not-found")
    token_of(root, server, "submitter").post("/v1/work/report", result).problem(403, "forbidden")
    token_of(root, server, "operator").post("/v1/work/lease", {"queues": ["images"]}).problem(403, "forbidden")
    bank.post("/v1/queues/images/pause", {}).problem(403, "forbidden")
    bank.get("/v1/commands").problem(403, "forbidden")
    everybody.post("/v1/work/report", result).must(200)


@case("hostile input is refused, and costs nothing")
def hostile(world):
    server = serve(world)
    api, worker = server.api, Worker(server.api)
    id = submit(api, "1")
    task = worker.task()
    name, node, attempt, secret = task["lease"].split(".")
    equal(name, id, "the lease's command")
    wrong = "0" * 32 if secret != "0" * 32 else "1" * 32
    for lease, status, code in ((f"{name}.{node}.{attempt}.{wrong}", 404, "not-found"),
                                (f"{name}.{node}.2.{secret}", 404, "not-found"), (f"{name}.0.{attempt}.{secret}", 404, "not-found"),
                                (f"{name}.999999.1.{secret}", 422, "invalid"), (f"{name}.{node}.65536.{secret}", 422, "invalid"),
                                (f"{name}.{node}.{attempt}.{secret}0", 422, "invalid"), ("", 422, "invalid"), ("....", 422, "invalid")):
        worker.report({"lease": lease, "outcome": "succeeded"}).problem(status, code)
    worker.beat({"lease": f"{name}.{node}.{attempt}.{wrong}"}).problem(409, "lease-lost")
    good = {"lease": task["lease"], "outcome": "succeeded", "output": {"url": "u"}}
    worker.report(*[good] * 1001).problem(422, "invalid")
    worker.report().problem(422, "invalid")
    worker.report({**good, "outcome": "fine"}).problem(422, "invalid")
    worker.report({**good, "extra": 1}).problem(422, "invalid")
    worker.report({**good, "error": "x" * 5000}).problem(422, "invalid")
    worker.beat(*[{"lease": task["lease"]}] * 1001).problem(422, "invalid")
    worker.beat({"lease": task["lease"], "extend": 3601}).problem(422, "invalid")
    for body in ({"queues": []}, {"queues": ["q"] * 17}, {"queues": ["q" * 65]}, {"queues": [7]}, {"queues": ["q"], "max": 0},
                 {"queues": ["q"], "max": 1001}, {"queues": ["q"], "capabilities": ["c"] * 17}, {"queues": ["q"], "worker": "w" * 65}):
        api.post("/v1/work/lease", body).problem(422, "invalid")
    api.post("/v1/work/lease?wait=61s", {"queues": ["q"]}).problem(400, "malformed")
    # a name that no definition has costs no memory and is shown to nobody
    for n in range(50):
        equal(api.post("/v1/work/lease", {"queues": [f"made-up-{n}"]}).must(200).json["tasks"], [], "tasks")
    equal([q["queue"] for q in api.get("/v1/queues").json["queues"]], ["images"], "queues")
    # an output that the step does not understand is an unknown, not a crash
    worker.report({**good, "output": "just text"}).must(200)
    equal(api.until_resting(id)["state"], "review", "state")
    # a thousand at the bound
    answers = api.batch([{"type": "image.resize", "payload": {"n": str(n)}, "key": f"b{n}"} for n in range(1000)])
    equal({a["status"] for a in answers}, {201}, "submissions")
    tasks = []
    while len(tasks) < 1000:
        tasks += worker.lease(max=1000)["tasks"]
    said = worker.report(*({"lease": t["lease"], "outcome": "succeeded", "output": {"url": "u"}} for t in tasks)).must(200).json["results"]
    equal({r["status"] for r in said}, {200}, "reports")


@case("recourse worker runs what its list has, and nothing else")
def programs(world):
    tool, begun = world.dir / "tool", world.dir / "begun"
    tool.write_text(f"#!/bin/sh\nread -r line || :\ncase $line in\n*slow*) : > '{begun}'; sleep 7;;\n*bad*) echo no >&2; exit 3;;\n*mute*) exit 4;;\nesac\n"
                    'printf \'{"url": "%s|%s|%s", "in": %s}\' "$1" "$RECOURSE_IDEMPOTENCY_KEY" "${LANG-none}${HOME-}" "$line"\n')
    tool.chmod(0o755)
    listed = world.dir / "programs.json"
    listed.write_text(json.dumps({"resize": {"program": str(tool), "args": ["-q"], "output": "json", "environment": {"LANG": "C"}}}))
    other = flow("image.other").replace("task: resize", "task: erase")
    server = serve(world, "3s", one=flow(), other=other)
    argv = [RECOURSE, "worker", "--server", f"http://127.0.0.1:{server.port}", "--queue", "images", "--programs", listed, "--parallel", "2"]
    worker = Process(world, "worker", argv)
    ids = {n: submit(server.api, n) for n in ("one", "bad", "slow")}
    found = server.api.until_state(ids["one"], "completed")
    key = server.api.explain(ids["one"])["attempts"][0]["idempotency_key"]
    equal(found["steps"][0]["outputs"], {"url": f"-q|{key}|C"}, "outputs")
    contains(json.dumps(server.api.until_state(ids["bad"], "rejected")), "the worker: no")
    contains(json.dumps(server.api.until_state(submit(server.api, "mute"), "rejected")), "the worker: exit code 4")
    server.api.until_state(ids["slow"], "completed")  # more than twice its lease: heartbeats keep it
    equal(len(server.api.explain(ids["slow"])["attempts"]), 1, "attempts of the slow one")
    id = submit(server.api, "x", "image.other")
    contains(json.dumps(server.api.until_state(id, "failed")), "does not list the task")
    # the server goes and comes: the worker goes on
    server.kill()
    server.start()
    server.api.until_state(submit(server.api, "again"), "completed")
    begun.unlink()
    slow = submit(server.api, "slow2")
    eventually(begun.exists, "it has begun")  # leased alone would not do: what has not begun when the worker is told to end is given back
    equal(worker.end(signal.SIGTERM), 0, "exit code")
    server.api.until_state(slow, "completed")
    listed.write_text('{"resize": {"program": "tool"}}')
    contains(server.cli("worker", "--queue", "q", "--programs", listed, code=3), '"program" must be an absolute path')
    contains(server.cli("worker", "--queue", "q", code=3), "--programs is needed")
    for name in ("", "A=B", "RECOURSE_PURPOSE"):
        listed.write_text(json.dumps({"resize": {"program": str(tool), "environment": {name: "x"}}}))
        contains(server.cli("worker", "--queue", "q", "--programs", listed, code=3), '"environment" has a name')
    listed.write_text(json.dumps({"resize": {"program": str(tool)}}))
    contains(server.cli("worker", "--queue", "", "--programs", listed, code=2), "--queue is empty")


def listed(world, lease="5s", **scripts):
    """A server, and a start of `recourse worker` that does each task by a script."""
    tasks = {}
    for name, text in scripts.items():
        path = world.dir / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        tasks[name] = {"program": str(path), "timeout": "1s" if name == "slow" else "1m", "output": "json" if name == "deep" else "text"}
    (world.dir / "programs.json").write_text(json.dumps(tasks))
    flows = {name: f"flow: {name}\nsteps:\n- id: s\n  call: images\n  with: {{ task: {name} }}\n  retry: {{ delay: 50ms, limit: {{ attempts: 1 }} }}\n" for name in tasks}
    server = serve(world, lease, **flows)
    argv = [RECOURSE, "worker", "--server", "", "--queue", "images", "--programs", world.dir / "programs.json", "--parallel", "4"]

    def start(port=server.port):
        argv[3] = f"http://127.0.0.1:{port}"
        return Process(world, "worker", argv)
    return server, start


@case("recourse worker is told to end while the server is away: what it has done is heard, also when the lease is short")
def away(world):
    server, start = listed(world, "2s", job=f"touch '{world.dir}/begun'; sleep 1")
    for times in (1, 2):
        worker = start()
        id = server.api.submit("job", {}, f"k{times}").must(201).json["id"]
        eventually((world.dir / "begun").exists, "it has begun")
        (world.dir / "begun").unlink()
        server.kill()
        heard = worker.output.count("report:")  # of the worker before, too
        worker.p.send_signal(signal.SIGTERM)
        eventually(lambda: worker.output.count("report:") >= heard + 2, "the report was not heard")
        true(worker.running(), "it waits for the server")
        if times == 1:
            time.sleep(3.2)  # one that asks ever less often asks the next time in three seconds
            server.start()
            server.api.until_state(id, "completed")
            equal(worker.p.wait(PATIENCE), 0, "exit code")
        else:  # told twice, it waits for no server
            equal(worker.end(signal.SIGTERM), 0, "exit code")
            server.start()
            contains(json.dumps(server.api.until_state(id, "review")), "silent for longer")


class DeadLine:
    """A way to a server whose connections can die without a word: what is open gets and gives nothing more, and newcomers are let in."""

    def __init__(self, world, port):
        self.open, self.to = [], port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        world.closers.append(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here = self.listener.accept()[0]
                there = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            alive = threading.Event()
            alive.set()
            self.open.append(alive)
            for a, b in ((here, there), (there, here)):
                threading.Thread(target=self.carry, args=(a, b, alive), daemon=True).start()

    def carry(self, a, b, alive):
        try:
            while part := a.recv(65536):
                if alive.is_set():
                    b.sendall(part)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def die(self):
        for alive in self.open:
            alive.clear()


@case("recourse worker: a connection that dies without a word costs no lease, under way and when it reports")
def dead(world):
    server, start = listed(world, "4s", long=f"touch '{world.dir}/begun'; sleep 7", job=f"touch '{world.dir}/begun'; sleep 1")
    way = DeadLine(world, server.port)
    start(way.port)
    for task in ("long", "job"):
        (world.dir / "begun").unlink(missing_ok=True)
        id = server.api.submit(task, {}, "k").must(201).json["id"]
        eventually((world.dir / "begun").exists, "it has begun", most=100)  # the other hands find out that theirs are dead, too
        way.die()
        server.api.until_state(id, "completed")
        equal(len(server.api.explain(id)["attempts"]), 1, f"attempts of {task}")


@case("kill -9 of recourse worker ends its programs, and what they did is unknown")
def killed(world):
    server, start = listed(world, "1s", job=f"echo $$ > '{world.dir}/pid.new'; mv '{world.dir}/pid.new' '{world.dir}/pid'; exec sleep 1000")
    worker = start()
    id = server.api.submit("job", {}, "k").must(201).json["id"]
    eventually((world.dir / "pid").exists, "it has begun")
    process = Path(f"/proc/{(world.dir / 'pid').read_text().strip()}")
    true(process.exists(), "the program runs")
    worker.kill()
    eventually(lambda: not process.exists(), "the program has ended")
    contains(json.dumps(server.api.until_state(id, "review")), "silent for longer")


@case("recourse worker: what the server cannot take of an output is said, and so is why nobody knows what a program did")
def unsaid(world):
    server, start = listed(world, "30s", large="head -c 400000 /dev/zero | tr '\\0' '\\1'", deep="printf '[%.0s' $(seq 62); printf ']%.0s' $(seq 62)",
                           flood="yes | head -c 2000000", killed="echo words >&2; kill -9 $$", slow="echo words >&2; exec sleep 9", no="echo words >&2; exit 3")
    start()
    said = {}
    for name in ("large", "deep", "flood", "killed", "slow"):
        id = server.api.submit(name, {}, name).must(201).json["id"]
        said[name] = json.dumps(server.api.until_state(id, "review", most=15))  # not when the lease is over
    contains(said["large"], "the body is larger than 1048576 bytes")
    contains(said["deep"], "nested deeper")
    contains(said["flood"], "printed more than is read")
    for name, why in (("killed", "SIGKILL"), ("slow", "did not end in time")):
        contains(said[name], why)
        contains(said[name], "words")
    id = server.api.submit("no", {}, "no").must(201).json["id"]
    contains(json.dumps(server.api.until_state(id, "rejected")), "the worker: words")


if __name__ == "__main__":
    main()

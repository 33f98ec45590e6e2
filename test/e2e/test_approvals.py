"""People who are asked: nothing leaves before enough of the right ones have approved what was shown; over HTTP, on the command line
and in bulk, with races and kill -9."""
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from access import As, guarded
from kit import PATIENCE, RECOURSE, case, contains, dependency, equal, eventually, in_threads, main, simple_flow

PAY = """\
flow: pay
payload: { type: object, required: [n], properties: { n: { type: integer } } }
key: "${payload.n}"
steps:
  - id: allow
    approve: { need: NEED }
    WITHIN
  - id: pay
    call: bank
    with: { method: POST, path: "/pay", body: { n: "${payload.n}" } }
"""
ASK = """\
flow: ask
payload: { type: object, required: [n], properties: { n: { type: integer } } }
key: "${payload.n}"
steps:
  - id: ask
    escalate: { question: "what about ${payload.n}?", answers: [refund, keep], evidence: { n: "${payload.n}" }, roles: [admin] }
  - id: say
    set: { what: "${steps.ask.outputs.answer}", who: "${steps.ask.outputs.by}" }
"""


class Bank:
    """A server that asks for tokens, the bank outside, and people with tokens of their own."""

    def __init__(self, world, need=1, more=(), **flows):
        self.outside = Answering(world)
        defs = world.write(**flows, bank=dependency("bank", f"http://127.0.0.1:{self.outside.port}"), ask=ASK,
                           pay=PAY.replace("NEED", str(need)).replace("    WITHIN\n", ""))
        self.server, self.root, self.token = guarded(world, defs, more)
        self.people, self.secrets = {}, {}
        for name in ("anna", "carl", "olga", "vera"):
            self.secrets[name] = self.root.make(name, "operator")["secret"]
            self.people[name] = As(self.server.api, self.secrets[name])

    def begin(self, n, flow="pay", by="anna"):
        id = self.people[by].submit(flow, {"n": n}).must(201).json["id"]
        self.until(id, "waiting")
        return id

    def until(self, id, *states):
        return eventually(lambda: (c := self.command(id))["state"] in states and c, f"{id} is {states}")

    def command(self, id):
        return self.root.get(f"/v1/commands/{id}").must(200).json

    def asks(self, id):
        return self.root.get(f"/v1/commands/{id}/explain").must(200).json["asks"]

    def digest(self, id):
        return self.asks(id)[0]["digest"]

    def decide(self, who, id, action="approve", **body):
        body = {"digest": self.digest(id), **body} if "digest" not in body else {k: v for k, v in body.items() if v is not None}
        return self.people[who].post(f"/v1/commands/{id}/actions/{action}", body)

    def paid(self):
        return [json.loads(r[2])["n"] for r in self.outside.asked]

    def cli(self, who, *argv, code=0):
        env = {k: v for k, v in self.server.cli_env.items() if k != "RECOURSE_ACTOR"}
        token = self.token if who == "root" else self.secrets[who]
        got = subprocess.run([str(RECOURSE), *argv], env={**env, "RECOURSE_TOKEN": token}, capture_output=True, text=True, timeout=PATIENCE,
                             cwd=self.server.world.dir)
        equal(got.returncode, code, f"exit code of {argv}: {got.stdout}{got.stderr}")
        return got.stdout + got.stderr


class Answering:
    """An outside that takes every request, but for those whose paths fail."""

    def __init__(self, world):
        self.asked, self.failing = [], set()
        asked, failing = self.asked, self.failing

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked.append(("POST", self.path, body))
                self.send_response(503 if self.path in failing else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.closers.append(self.server.shutdown)


@case("what is released is shown with its digest; who has started it has no vote; one person has one")
def votes(world):
    bank = Bank(world, need=2)
    id = bank.begin(1)
    shown = bank.asks(id)
    equal([(a["step"], a["asks"], a["need"], a["missing"], a["votes"]) for a in shown], [("allow", "approval", 2, 2, [])], "who is asked")
    equal(shown[0]["releases"], [{"step": "pay", "with": {"method": "POST", "path": "/pay", "body": {"n": 1}}}], "what is released")
    contains(bank.command(id)["display"], "2 of 2 are missing")
    contains(bank.decide("anna", id).problem(409, "action-refused")["detail"], "started")
    bank.decide("carl", id, digest="0" * 31 + "1").problem(412, "stale")
    bank.decide("carl", id, digest=None).problem(422, "invalid")
    bank.decide("carl", id).must(200)
    contains(bank.decide("carl", id).problem(409, "action-refused")["detail"], "one vote")
    equal(bank.paid(), [], "what has left")
    bank.decide("olga", id).must(200)
    bank.until(id, "completed")
    equal(bank.paid(), [1], "what has left")
    step = next(s for s in bank.command(id)["steps"] if s["id"] == "allow")
    equal([(v["vote"], v["actor"], v["subject"], v["role"]) for v in step["votes"]],
          [("approved", "carl", "carl", "operator"), ("approved", "olga", "olga", "operator")], "who has approved it")
    bank.decide("vera", id, digest="0" * 32).problem(409, "action-refused")


@case("one who may act for others is the same person every time")
def for_others(world):
    bank = Bank(world, need=2)
    portal = As(bank.server.api, bank.root.make("portal", "operator", act_as=True)["secret"])
    id = bank.begin(1)
    act = f"/v1/commands/{id}/actions/approve"
    portal.post(act, {"digest": bank.digest(id), "actor": "anna"}).problem(409, "action-refused")
    portal.post(act, {"digest": bank.digest(id), "actor": "carl"}).must(200)
    portal.post(act, {"digest": bank.digest(id), "actor": "olga"}).problem(409, "action-refused")
    contains(bank.decide("carl", id).problem(409, "action-refused")["detail"], "one vote")
    started = portal.submit("pay", {"n": 2}, actor="vera").must(201).json["id"]
    bank.until(started, "waiting")
    bank.people["carl"].post(f"/v1/commands/{started}/actions/approve", {"digest": bank.digest(started)}).must(200)
    for_another = {"digest": bank.digest(started), "actor": "olga"}
    contains(portal.post(f"/v1/commands/{started}/actions/approve", for_another).problem(409, "action-refused")["detail"], "started")
    equal(bank.paid(), [], "what has left")


@case("denied, expired and cancelled are three things, and none lets anything go")
def three(world):
    bank = Bank(world, brief=PAY.replace("NEED", "1").replace("WITHIN", "within: 1s").replace("flow: pay", "flow: brief", 1))
    denied, cancelled = bank.begin(1), bank.begin(3)
    expired = bank.people["anna"].submit("brief", {"n": 2}).must(201).json["id"]
    bank.decide("carl", denied, "deny", reason="no").must(200)
    bank.people["anna"].post(f"/v1/commands/{cancelled}/actions/cancel", {}).must(200)
    bank.until(expired, "failed")

    def end(id):
        command = bank.command(id)
        return command["state"], next(s for s in command["steps"] if s["id"] == "allow").get("why")
    equal([end(id) for id in (denied, expired, cancelled)], [("rejected", "denied"), ("failed", "expired"), ("cancelled", "person")],
          "how they end")
    equal([bank.command(id)["display"] for id in (denied, expired, cancelled)],
          ["refused: allow: a person has denied it", "failed, can be retried: allow: those who were asked did not decide in time", "cancelled"],
          "how it is said")
    contains(bank.cli("olga", "explain", denied), "denied by 'carl': no", "who has denied it, and why")
    for id in (denied, expired, cancelled):
        bank.decide("olga", id, digest="1" * 32).problem(409, "action-refused")
    bank.people["anna"].post(f"/v1/commands/{denied}/actions/skip", {}).problem(409, "action-refused")
    equal(bank.paid(), [], "what has left")


@case("racing decisions settle once, and each has one answer")
def races(world):
    bank = Bank(world)
    for n in range(8):
        id = bank.begin(n)
        digest, got = bank.digest(id), {}

        def act(i):
            who, action = (("carl", "approve"), ("olga", "deny"), ("vera", "approve"))[i]
            got[who] = bank.decide(who, id, action, digest=digest).status
        in_threads(3, act)
        equal(sorted(got.values()), [200, 409, 409], "answers")
        bank.until(id, "rejected" if got["olga"] == 200 else "completed")
        equal(bank.paid().count(n), int(got["olga"] != 200), "how often it was paid")


CROWD = 20


@case("twenty decide at once: as many votes count as are needed, and of one person one")
def crowd(world):
    bank = Bank(world, need=3)
    names = [f"p{i}" for i in range(CROWD)]
    for name in names:
        bank.people[name] = As(bank.server.api, bank.root.make(name, "operator")["secret"])

    def all_decide(id, who):
        digest, got = bank.digest(id), {}

        def act(i):
            got[i] = bank.decide(who(i), id, digest=digest).status
        in_threads(CROWD, act)
        return [got[i] for i in range(CROWD)]

    def voters(id):
        step = next(s for s in bank.command(id)["steps"] if s["id"] == "allow")
        return sorted(v["actor"] for v in step["votes"])
    id, other = bank.begin(1), bank.begin(2)
    got = all_decide(id, lambda i: names[i])
    equal(sorted(got), [200] * 3 + [409] * (CROWD - 3), "answers")
    bank.until(id, "completed")
    equal(voters(id), sorted(n for n, status in zip(names, got, strict=True) if status == 200), "whose votes count")
    equal(sorted(all_decide(other, lambda _: "p0")), [200] + [409] * (CROWD - 1), "answers to one person")
    equal((voters(other), bank.paid()), (["p0"], [1]), "votes, and what has left")


@case("votes outlive kill -9, and a decision with a key is made once")
def killed(world):
    bank = Bank(world, need=2)
    id = bank.begin(1)
    digest = bank.digest(id)
    bank.decide("carl", id, key="k1").must(200)
    bank.server.kill()
    bank.server.start()
    again = bank.decide("carl", id, digest=digest, key="k1").must(200)
    equal(again.headers["Idempotency-Replayed"], "true", "the same decision")
    equal((bank.digest(id), [v["actor"] for v in bank.asks(id)[0]["votes"]]), (digest, ["carl"]), "what is there")
    bank.decide("carl", id).problem(409, "action-refused")
    bank.decide("olga", id).must(200)
    bank.until(id, "completed")
    equal(bank.paid(), [1], "what has left")


@case("a bulk approves what its preview has shown, with one vote, and not for who has started it")
def bulk(world):
    bank = Bank(world)
    mine, others = bank.begin(1, by="carl"), [bank.begin(2), bank.begin(3)]
    order = {"action": "approve", "ids": [mine, *others], "limit": 9, "reason": "looked at them", "key": "b1"}
    made = bank.people["carl"].post("/v1/bulk", order).must(201).json["bulk"]["id"]
    bank.people["anna"].post(f"/v1/commands/{others[1]}/actions/note", {"reason": "changed since"}).must(200)
    bank.people["carl"].post(f"/v1/bulk/{made}/run", {"rate": 100}).must(200)
    bank.until(others[0], "completed")
    items = eventually(lambda: (i := bank.root.get(f"/v1/bulk/{made}/items").must(200).json["items"]) and
                       all(x["result"] != "open" for x in i) and i, "the bulk has ended")
    equal({x["command"]: x["result"] for x in items}, {mine: "refused", others[0]: "done", others[1]: "stale"}, "results")
    equal(bank.paid(), [2], "what has left")


@case("who edits the payload is an author, and has no vote on the successor")
def edited(world):
    bank = Bank(world)
    id = bank.begin(1)
    next_id = bank.people["carl"].post(f"/v1/commands/{id}/actions/edit", {"payload": {"n": 1, "more": True}}).must(200).json["successor"]
    bank.until(next_id, "waiting")
    contains(bank.decide("carl", next_id).problem(409, "action-refused")["detail"], "has made this command")
    bank.decide("anna", next_id).problem(409, "action-refused")
    bank.decide("olga", next_id).must(200)
    bank.until(next_id, "completed")


@case("a question is answered by one of the role, with one of the answers; the flow goes on with it")
def question(world):
    bank = Bank(world)
    id = bank.begin(7, "ask")
    asked = bank.asks(id)[0]
    equal((asked["asks"], asked["question"], asked["evidence"], asked["answers"], asked["roles"]),
          ("answer", "what about 7?", {"n": 7}, ["refund", "keep"], ["admin"]), "what is asked")
    contains(bank.decide("carl", id, "answer", answer="keep").problem(409, "action-refused")["detail"], "role")
    bank.root.post(f"/v1/commands/{id}/actions/answer", {"answer": "maybe"}).problem(422, "invalid")
    bank.root.post(f"/v1/commands/{id}/actions/answer", {}).problem(422, "invalid")
    bank.root.post(f"/v1/commands/{id}/actions/answer", {"answer": "keep", "digest": "g" * 32}).problem(422, "invalid")
    bank.root.post(f"/v1/commands/{id}/actions/answer", {"answer": "keep", "digest": "A" * 32}).problem(422, "invalid")
    bank.root.post(f"/v1/commands/{id}/actions/answer", {"answer": "keep", "digest": asked["digest"]}).must(200)
    command = bank.until(id, "completed")
    equal(next(s for s in command["steps"] if s["id"] == "say")["outputs"], {"what": "keep", "who": "root"}, "how it went on")


@case("on the command line: what is released is shown, and the decision is bound to it")
def command_line(world):
    bank = Bank(world, need=2)
    id = bank.begin(1)
    told = bank.cli("carl", "explain", id)
    contains(told, bank.digest(id))
    contains(bank.cli("carl", "approve", id, "--yes"), "approved")
    contains(bank.cli("anna", "approve", id, "--yes", code=3), "started")
    bank.cli("olga", "approve", id, "--yes", "--digest", "0" * 32, code=3)
    bank.cli("olga", "deny", id, "--yes", "--reason", "no")
    bank.until(id, "rejected")
    question = bank.begin(9, "ask")
    bank.cli("root", "answer", question, "refund", "--yes")
    bank.until(question, "completed")
    said = bank.cli("root", "history", question)
    for part in ("ask shows", "answer by root: refund"):
        contains(said, part, "history")


DAILY = """\
flow: daily
schedule: [{ id: d, cron: "0 0 1 1 *", payload: { n: 7 } }]
payload: { type: object, required: [n], properties: { n: { type: integer } } }
steps:
  - id: allow
    approve: { need: 1 }
  - id: pay
    call: bank
    with: { method: POST, path: "/pay", body: { n: "${payload.n}" } }
"""


@case("who runs a schedule now has started that command, with the name of the token, too")
def run_now(world):
    bank = Bank(world, daily=DAILY)
    portal = As(bank.server.api, bank.root.make("portal", "operator", act_as=True)["secret"])

    def run(who, key, **more):
        id = who.post("/v1/schedules/daily/d/run", {"key": key, "reason": "now", **more}).must(201).json["id"]
        bank.until(id, "waiting")
        return id
    mine, others = run(bank.people["carl"], "a"), run(portal, "b", actor="vera")
    contains(bank.decide("carl", mine).problem(409, "action-refused")["detail"], "started")
    for_another = {"digest": bank.digest(others), "actor": "olga"}
    contains(portal.post(f"/v1/commands/{others}/actions/approve", for_another).problem(409, "action-refused")["detail"], "started")
    bank.decide("vera", others).problem(409, "action-refused")
    equal(bank.paid(), [], "what has left")
    bank.decide("olga", others).must(200)
    bank.until(others, "completed")


TELL = """\
flow: tell
payload: { type: object, required: [command, reason, link], properties: { command: { type: string }, reason: { type: string }, link: { type: string } } }
steps:
  - id: tell
    call: bank
    with: { method: POST, path: "/tell", body: "${payload}" }
"""
TELL_BADLY = TELL.replace("flow: tell", "flow: tell_badly").replace("    call: bank", "    call: nowhere\n    retry: { limit: { attempts: 1 } }").replace(
    "payload: {", "on_failure: review\npayload: {", 1)
TELL_ON = """\
flow: tell_on
payload: { type: object, required: [command, reason, link], properties: { command: { type: string }, reason: { type: string }, link: { type: string } } }
steps:
  - { id: on, flow: tell_badly, with: { command: "${payload.command}", reason: "${payload.reason}", link: "${payload.link}" } }
"""
LATE = simple_flow("late", "bank").replace("steps:", "deadline: 500ms\non_deadline: cancel\nsteps:\n  - id: rest\n    sleep: 1h", 1)
STUCK = simple_flow("stuck", "nowhere", "retry: { limit: { attempts: 1 } }").replace("steps:", "on_failure: review\nsteps:", 1)


@case("somebody is told, once, in the commit of what they are told of; what tells is told of to nobody")
def told(world):
    bank = Bank(world, more=["--notify", "tell", "--notify-url", "https://here.example"], tell=TELL, late=LATE, stuck=STUCK,
                nowhere=dependency("nowhere", "http://127.0.0.1:1"))
    id, asked = bank.begin(1), bank.begin(2, "ask")
    late = bank.people["anna"].submit("late", {"n": 3}).must(201).json["id"]
    stuck = bank.people["anna"].submit("stuck", {"n": 4}).must(201).json["id"]

    def heard():
        return sorted((t["command"], t["reason"]) for t in (json.loads(r[2]) for r in bank.outside.asked if r[1] == "/tell"))
    want = sorted([(id, "approval"), (asked, "question"), (late, "overdue"), (stuck, "review")])
    eventually(lambda: heard() == want, lambda: f"{heard()}, not {want}")
    link = next(json.loads(r[2])["link"] for r in bank.outside.asked if r[1] == "/tell" and json.loads(r[2])["command"] == id)
    equal(link, f"https://here.example/v1/commands/{id}", "the link")
    rows = bank.root.get("/v1/commands?type=tell").must(200).json["commands"]
    equal((len(rows), {r["key"].split("/")[0] for r in rows}), (4, {"notify"}), "what was submitted")
    bank.server.kill()
    bank.server.start()
    bank.decide("carl", id).must(200)
    bank.until(id, "completed")
    equal(heard(), want, "what was told after kill -9")


VOIDS = """\
flow: voids
key: "${payload.n}"
payload: { type: object, required: [n], properties: { n: { type: integer } } }
steps:
  - id: look
    critical: false
    call: bank
    with: { method: POST, path: "/look" }
    retry: { limit: { attempts: 1 } }
    repeatable: true
    outputs: { known: "${response.status}" }
  - id: allow
    approve: { need: 2 }
  - id: pay
    call: bank
    with: { method: POST, path: "/pay", body: { n: "${has(steps.look) ? steps.look.outputs.known : 0}" } }
"""


@case("what is released changes: the approvals are void, somebody is told, and everybody is asked again")
def void(world):
    bank = Bank(world, more=["--notify", "tell"], tell=TELL, voids=VOIDS)
    bank.outside.failing.add("/look")
    id = bank.begin(1, "voids")
    before = bank.digest(id)
    bank.decide("carl", id).must(200)
    bank.outside.failing.clear()
    bank.people["anna"].post(f"/v1/commands/{id}/actions/retry", {}).must(200)
    asked = eventually(lambda: (a := bank.asks(id)) and a[0]["digest"] != before and a[0], "they are asked again")
    equal((asked["votes"], asked["missing"], asked["releases"][0]["with"]["body"]), ([], 2, {"n": 200}), "what is asked")
    equal(next(s for s in bank.command(id)["steps"] if s["id"] == "allow")["why"], "void", "why")
    bank.decide("olga", id, digest=before).problem(412, "stale")

    def heard():
        return [json.loads(r[2])["reason"] for r in bank.outside.asked if r[1] == "/tell"]
    eventually(lambda: heard() == ["approval", "void"], lambda: f"what is told: {heard()}")
    bank.decide("carl", id).must(200)
    bank.decide("olga", id).must(200)
    bank.until(id, "completed")
    equal([json.loads(r[2])["n"] for r in bank.outside.asked if r[1] == "/pay"], [200], "what has left")


@case("what a flow that tells has started tells nobody either: it does not go round")
def tells_by_a_child(world):
    bank = Bank(world, more=["--notify", "tell_on"], tell_on=TELL_ON, tell_badly=TELL_BADLY, nowhere=dependency("nowhere", "http://127.0.0.1:1"))
    bank.begin(1)
    eventually(lambda: bank.root.get("/v1/commands?type=tell_badly&state=review").must(200).json["commands"], "it has failed")
    # who is to be told of it would have been told in the same commit
    equal(len(bank.root.get("/v1/commands?type=tell_on").must(200).json["commands"]), 1, "commands that tell")


@case("a flow that cannot tell, or is not there, stops nothing, and never tells of itself")
def cannot_tell(world):
    bank = Bank(world, more=["--notify", "tell_badly"], tell_badly=TELL_BADLY, nowhere=dependency("nowhere", "http://127.0.0.1:1"))
    id = bank.begin(1)
    bad = eventually(lambda: bank.root.get("/v1/commands?type=tell_badly&state=review").must(200).json["commands"], "it has failed")
    equal(len(bad), 1, "commands that tell")
    bank.decide("carl", id).must(200)
    bank.until(id, "completed")
    equal(len(bank.root.get("/v1/commands?type=tell_badly").must(200).json["commands"]), 1, "commands that tell, of all")
    bank.server.stop()
    bank.server.more = [*bank.server.more[:bank.server.more.index("--notify")], "--notify", "nobody"]
    bank.server.start()
    again = bank.begin(2)
    bank.decide("carl", again).must(200)
    bank.until(again, "completed")
    bank.server.stop()
    bank.server.more[-1] = "ask"  # its payload is another one
    bank.server.start()
    bank.begin(3)
    eventually(lambda: "the flow 'ask' that tells people: /" in bank.server.process.output, "the log names the member")


if __name__ == "__main__":
    main()

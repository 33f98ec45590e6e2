"""Every fault of the stand-in: what the command comes to, how often the other side was asked and acted, and which keys went out."""
from dataclasses import dataclass
from datetime import datetime

from kit import PR, case, dependency, equal, eventually, in_threads, main, pull, simple_flow, true


@dataclass(frozen=True)
class Fault:
    """What is expected of one command of the example whose pull request meets this fault."""
    name: str
    posts: int       # requests for the pull request
    outcome: str     # of the first attempt
    why: str
    check: str = ""  # what the last check found; empty: none was asked
    state: str = "completed"
    made: int = 1


FAULTS = [
    Fault("slow:300", 1, "succeeded", ""),
    Fault("slow:2500", 1, "unknown", "timeout", "check_happened"),
    Fault("500-before", 2, "unknown", "server_error", "check_did_not_happen"),
    Fault("500-after", 1, "unknown", "server_error", "check_happened"),
    Fault("close-before", 2, "unknown", "connection_lost", "check_did_not_happen"),
    Fault("close-after", 1, "unknown", "connection_lost", "check_happened"),
    Fault("429:1", 2, "failed", "rate_limited"),
    Fault("422", 1, "rejected", "status", state="rejected", made=0),
    Fault("wrong-json", 1, "unknown", "bad_answer", "check_happened"),
    Fault("truncated-json", 1, "unknown", "bad_answer", "check_happened"),
    Fault("hang", 2, "unknown", "timeout", "check_did_not_happen"),
    Fault("hang-after", 1, "unknown", "timeout", "check_happened"),
    Fault("500-before*3", 4, "unknown", "server_error", "check_did_not_happen"),
    Fault("429:1*2", 3, "failed", "rate_limited"),
]


def same_keys(hub, path, purpose_of=lambda e: (e["method"], e["path"].split("?")[0])):
    """Requests of one purpose carry one key, those of different purposes different ones."""
    keys = {}
    for entry in hub.journal(path=path):
        true(entry["idempotency_key"], f"a request without Idempotency-Key: {entry}")
        keys.setdefault(purpose_of(entry), set()).add(entry["idempotency_key"])
    for purpose, found in keys.items():
        equal(len(found), 1, f"keys of {purpose}")
    equal(len({k for found in keys.values() for k in found}), len(keys), "keys of different purposes")
    return {purpose: found.pop() for purpose, found in keys.items()}


def recorded_keys(api, id):
    """Idempotency-Keys of the attempts that the command's history knows, by what they were for."""
    told = api.explain(id)
    equal(told["attempts_total"], len(told["attempts"]), "attempts that are shown")
    return {(a["step"], a["purpose"]): a["idempotency_key"] for a in told["attempts"]}


@case("each fault by itself: state, outcome, requests, keys")
def each(world):
    server, hub = world.example(concurrent=40)
    api, ids = server.api, {}
    for n, fault in enumerate(FAULTS, 1):
        got = api.submit(PR, pull(n, repo=f"r{n}", title=f"Try fault={fault.name}")).must(201)
        ids[fault] = got.json["id"]
    for n, fault in enumerate(FAULTS, 1):
        done = api.until_resting(ids[fault])
        say = f"{fault.name}: "
        path = f"/repos/acme/r{n}/"
        posts = hub.journal("POST", path + "pulls")
        plain, _, times = fault.name.partition("*")
        equal(len([e for e in posts if e["fault"] == plain]), int(times or 1), say + "times that the fault fired")
        equal(done["state"], fault.state, say + "state")
        equal(len(posts), fault.posts, say + "requests for a pull request")
        equal(sum(e["acted"] for e in posts), fault.made, say + "requests that acted")
        equal(len(hub.pulls(f"r{n}")), fault.made, say + "pull requests")
        attempts = [a for a in api.explain(ids[fault])["attempts"] if a["step"] == "create"]
        equal((attempts[0]["outcome"], attempts[0].get("why", "")), (fault.outcome, fault.why), say + "first attempt")
        checks = [a["outcome"] for a in attempts if a["purpose"] == "check"]
        equal(checks[-1] if checks else "", fault.check, say + "last check")
        equal(sum(a["purpose"] == "act" for a in attempts), fault.posts, say + "recorded attempts")
        equal(len(hub.journal("GET", path)), len(checks), say + "questions that arrived")
        keys, known = same_keys(hub, path), recorded_keys(api, ids[fault])
        equal(keys[("POST", path + "pulls")], known[("create", "act")], say + "the key that went out is the one recorded")
        if checks:
            equal(keys[("GET", path + "pulls")], known[("create", "check")], say + "key of the check")
        if fault.made:
            equal(done["steps"][0]["outputs"]["number"], hub.pulls(f"r{n}")[0]["number"], say + "number")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("429: the other side is left alone for as long as it asked")
def retry_after(world):
    server, hub = world.example()
    id = server.api.submit(PR, pull(1, title="fault=429:2")).must(201).json["id"]
    server.api.until_state(id, "completed")
    first, second = [datetime.fromisoformat(e["time"].replace("Z", "+00:00")) for e in hub.journal("POST", "/pulls")]
    waited = (second - first).total_seconds()
    true(2.0 <= waited < 4, f"the second request came after {waited} s")


@case("down: nothing is sent, or what was sent is asked about when it is there again")
def down(world):
    server, hub = world.example(attempts=20)
    api = server.api
    first = api.submit(PR, pull(1, repo="r1", title="fault=down:1200")).must(201).json["id"]
    eventually(lambda: hub.fired("down"), "the fault fires")
    second = api.submit(PR, pull(2, repo="r2")).must(201).json["id"]
    api.until_state(second, "completed")
    api.until_state(first, "completed")
    attempts = api.explain(second)["attempts"]
    never = [a for a in attempts if a.get("why") == "not_sent"]
    true(never and never[0]["outcome"] == "failed", f"no attempt has met the closed door: {attempts}")
    equal(len(hub.journal("POST", "/repos/acme/r2/pulls")), 1, "requests that arrived")
    equal([len(hub.pulls(r)) for r in ("r1", "r2")], [1, 1], "pull requests")
    equal(len(hub.journal("POST", "/repos/acme/r1/pulls")), 2, "the first command's requests: lost, then again")
    same_keys(hub, "/repos/acme/r1/")


@case("retries used up: failed, and a person's retry goes on with the same key")
def used_up(world):
    server, hub = world.example(attempts=2, delay="10ms", jitter="none")
    api = server.api
    id = api.submit(PR, pull(1, title="fault=429:1*3")).must(201).json["id"]
    failed = api.until_state(id, "failed")
    equal(failed["steps"][0]["why"], "retries_used_up", "why")
    true(api.explain(id)["retry"]["safe"], "a retry is safe")
    api.act(id, "retry", reason="the limit is higher now").must(200)
    api.until_state(id, "completed")
    equal([e["status"] for e in hub.journal("POST", "/pulls")], [429, 429, 429, 201], "answers")
    same_keys(hub, "/pulls")
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("rejected: a person's retry is a new round with a new key")
def new_round(world):
    server, hub = world.example()
    api = server.api
    id = api.submit(PR, pull(1, title="fault=422")).must(201).json["id"]
    api.until_state(id, "rejected")
    api.act(id, "retry").must(200)
    done = api.until_state(id, "completed")
    posts = hub.journal("POST", "/pulls")
    equal([e["status"] for e in posts], [422, 201], "answers")
    true(posts[0]["idempotency_key"] != posts[1]["idempotency_key"], "the key must be another one")
    equal(done["steps"][0]["round"], 1, "round")


@case("faults of the check: it is asked again, and nothing is repeated meanwhile")
def check_faults(world):
    server, hub = world.example()
    api = server.api
    wanted = ["500-before", "close-before", "truncated-json", "hang", "429:1"]
    hub.faults(*({"match": "feature-1&", "method": "GET", "fault": f} for f in wanted))
    id = api.submit(PR, pull(1, title="fault=close-after")).must(201).json["id"]
    api.until_state(id, "completed")
    equal([e["fault"] for e in hub.journal("GET", "/pulls")], [*wanted, None], "questions")
    equal(len(hub.journal("POST", "/pulls")), 1, "requests for a pull request")
    same_keys(hub, "/pulls")


@case("a check that never answers: a person decides, nothing is repeated")
def check_gives_up(world):
    server, hub = world.example(check_attempts=3)
    api = server.api
    hub.faults({"match": "feature-1&", "method": "GET", "fault": "500-before", "times": 3})
    id = api.submit(PR, pull(1, title="fault=close-after")).must(201).json["id"]
    review = api.until_state(id, "review")
    equal((review["steps"][0]["state"], review["steps"][0]["why"]), ("unknown", "check_gave_no_answer"), "step")
    told = api.explain(id)
    equal((told["retry"]["safe"], told["received"]["answer"]), (False, "maybe"), "safe, received")
    equal(len(hub.journal("GET", "/pulls")), 3, "questions")
    equal(len(hub.journal("POST", "/pulls")), 1, "requests for a pull request")
    true(told["actions"]["check"]["allowed"] and not told["actions"]["retry"]["allowed"], f"actions: {told['actions']}")
    api.act(id, "check").must(200)
    api.until_state(id, "completed")
    equal(len(hub.journal("POST", "/pulls")), 1, "requests for a pull request in the end")


@case("two truths: the check finds two, a person must look")
def contradictory(world):
    server, hub = world.example()
    api = server.api
    other = {"title": "by hand", "head": "feature-1", "base": "main"}
    hub.api.post("/repos/acme/web/pulls", other).must(201)
    id = api.submit(PR, pull(1, title="fault=close-after")).must(201).json["id"]
    review = api.until_state(id, "review")
    equal((review["steps"][0]["state"], review["steps"][0]["why"]), ("unknown", "contradictory"), "step")
    equal(len(hub.journal("POST", "/pulls")), 2, "requests: by hand and ours")


@case("a label that is refused: partial, and retried later")
def partial(world):
    server, hub = world.example()
    api = server.api
    hub.faults({"match": "/issues/", "fault": "422"})
    id = api.submit(PR, pull(1)).must(201).json["id"]
    done = api.until_state(id, "partial")
    equal([s["state"] for s in done["steps"]], ["succeeded", "rejected"], "steps")
    true("labels" in done["display"], f"display does not name the step: {done['display']}")
    api.act(id, "retry").must(200)
    api.until_state(id, "completed")
    equal(len(hub.journal("POST", "/pulls")), 1, "requests for a pull request")
    equal([e["status"] for e in hub.journal("POST", "/issues/")], [422, 200], "requests for a label")


@case("faults of the label: it may be repeated, with the same key")
def label_faults(world):
    server, hub = world.example()
    wanted = ["500-after", "close-after", "truncated-json", "hang", "500-before"]
    hub.faults(*({"match": "/issues/", "fault": f} for f in wanted))
    id = server.api.submit(PR, pull(1)).must(201).json["id"]
    server.api.until_state(id, "completed")
    equal([e["fault"] for e in hub.journal("POST", "/issues/")], [*wanted, None], "requests for a label")
    same_keys(hub, "/issues/")
    equal([label["name"] for label in hub.pulls("web")[0]["labels"]], ["customer-2"], "labels")


@case("a dependency that hangs, with hundreds of attempts out, does not hold up another one")
def others_go_on(world):
    hub, other = world.standin(), world.standin()
    send = {"path": "/repos/acme/web/pulls", "body": '{ title: t, head: "b-${payload.n}", base: main }', "more": "timeout: 5m"}
    defs = world.write(a=simple_flow("slow", dep="slow", **send), b=simple_flow("quick", dep="quick", **send),
                       c=dependency("slow", f"http://127.0.0.1:{hub.port}", concurrent=600),
                       d=dependency("quick", f"http://127.0.0.1:{other.port}"))
    server = world.server(defs=defs, more=["--drain", "0s"]).start()
    api = server.api
    hub.faults({"match": "b-", "fault": "hang", "times": 600})
    in_threads(30, lambda i: [api.submit("slow", {"n": 100 * i + k}).must(201) for k in range(20)])
    equal(len(api.list("state=running")), 600, "commands whose attempt has left, says the record")
    eventually(lambda: len(hub.fired("hang")) == 600, lambda: f"all of them have left: {len(hub.fired('hang'))}")
    api.until_state(api.submit("quick", {"n": 1}).must(201).json["id"], "completed")  # long before the others' time is over


@case("no check and not repeatable: review, and it was sent once")
def no_check(world):
    hub = world.standin()
    defs = world.write(flow=simple_flow("send", path="/repos/acme/web/pulls", body='{ title: t, head: "b-${payload.n}", base: main }',
                                        more="timeout: 500ms"),
                       dep=dependency("github", f"http://127.0.0.1:{hub.port}"))
    server = world.server(defs=defs).start()
    api = server.api
    hub.faults({"match": "b-1", "fault": "hang-after"}, {"match": "b-2", "fault": "500-before"}, {"match": "b-3", "fault": "422"})
    ids = [api.submit("send", {"n": n}).must(201).json["id"] for n in (1, 2, 3)]
    for id, why in zip(ids[:2], ("timeout", "server_error")):
        review = api.until_state(id, "review")
        equal(review["steps"][0]["state"], "unknown", "step")
        attempts = api.explain(id)["attempts"]
        equal([(a["outcome"], a["why"]) for a in attempts], [("unknown", why)], "attempts")
    api.until_state(ids[2], "rejected")
    equal(len(hub.journal("POST")), 3, "requests")
    equal(len({e["fault"] for e in hub.journal("POST")} - {None}), 3, "faults that fired")


if __name__ == "__main__":
    main()

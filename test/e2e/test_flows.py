"""Flows of blocks on a real server: branches beside each other and their joins, choices, loops, sleeps and values; with kills in the
middle, partial failure, what a retry repeats, and what is taken back."""
import random
import re
from collections import Counter

from kit import SEED, case, contains, dependency, equal, eventually, main, note, true
from worse import go_on, stop

ITEMS = 100

HEAD = """
flow: {name}
payload:
  type: object
  required: [n]
  properties:
    n: {{ type: integer }}
    items: {{ type: array, maxItems: 200, items: {{ type: string }} }}
    urgent: {{ type: boolean }}
key: "${{payload.n}}"
steps:
"""


def pull(id, head, repo="web", more=""):
    """A step that opens a pull request; it can be checked, and undone. In the flow style of YAML, so that it fits everywhere."""
    path = f"/repos/acme/{repo}/pulls"
    return (f'{{ id: {id}, call: github, timeout: 5s, retry: {{ delay: 20ms, max_delay: 200ms, limit: {{ attempts: 6 }} }},\n'
            f'  with: {{ method: POST, path: "{path}", body: {{ title: t, head: "{head}", base: main }} }},\n'
            f'  outputs: {{ number: "${{response.body.number}}" }}, external_id: number,\n'
            f'  check: {{ with: {{ method: GET, path: "{path}", query: {{ head: "acme:{head}", state: open }} }}, settle: 50ms,\n'
            f'    timeout: 5s, retry: {{ delay: 50ms, limit: {{ attempts: 40 }} }},\n'
            f'    happened: size(response.body) == 1, contradictory: size(response.body) > 1,\n'
            f'    outputs: {{ number: "${{response.body[0].number}}" }} }},\n'
            f'  undo: {{ with: {{ method: PATCH, path: "{path}/${{outputs.number}}", body: {{ state: closed }} }}, repeatable: true }}{more} }}\n')


def flow(name, steps):
    return HEAD.format(name=name) + steps


def world_of(world, concurrent=8, **flows):
    hub = world.standin()
    texts = {name: flow(name, steps) for name, steps in flows.items()}
    defs = world.write(github=dependency("github", f"http://127.0.0.1:{hub.port}", concurrent=concurrent), **texts)
    return world.server(defs=defs).start(), hub


def submit(server, type, n=1, **payload):
    return server.api.submit(type, {"n": n, **payload}).must(201).json["id"]


def steps_of(api, id, **query):
    """All entries by their path, page by page."""
    found, after = {}, 0
    while after is not None:
        more = "".join(f"&{k}={v}" for k, v in query.items())
        page = api.get(f"/v1/commands/{id}/steps?limit=50&after={after}{more}").must(200).json
        found.update({s["path"]: s for s in page["steps"]})
        after = page["next"]
    equal(len(found), page["total"], "entries on all pages")
    return found


def states(entries):
    return {path: s["state"] for path, s in entries.items()}


def made(hub, repo="web"):
    """How often each head has an open pull request."""
    return Counter(p["head"]["ref"] for p in hub.pulls(repo, "open"))


def once(hub, heads, repo="web"):
    equal(made(hub, repo), Counter(heads), "open pull requests by head")


NESTED = f"""
  - id: both
    parallel:
      - {pull("left", "left-${payload.n}").replace(chr(10), chr(10) + "        ")}
      - id: line
        linear:
          - {pull("right", "right-${payload.n}").replace(chr(10), chr(10) + "            ")}
          - {{ id: facts, set: {{ of: "${{steps.right.outputs.number}}", text: "pull ${{steps.right.outputs.number}}" }} }}
  - id: route
    choose:
      - if: has(payload.urgent) && payload.urgent
        steps:
          - {pull("fast", "fast-${payload.n}").replace(chr(10), chr(10) + "            ")}
      - else:
          - {pull("slow", "slow-${payload.n}").replace(chr(10), chr(10) + "            ")}
  - {{ id: pause, sleep: 300ms }}
  - id: again
    repeat: {{ max: 5, until: index == 2, every: 20ms }}
    steps:
      - {pull("knock", "knock-${payload.n}-${index}").replace(chr(10), chr(10) + "        ")}
  - {pull("last", "last-${payload.n}", more=", if: steps.facts.outputs.of > 100000").replace(chr(10), chr(10) + "    ")}
"""
NESTED_HEADS = ["left-{n}", "right-{n}", "slow-{n}", "knock-{n}-0", "knock-{n}-1", "knock-{n}-2"]


def heads_of(n):
    return [h.format(n=n) for h in NESTED_HEADS]


@case("parallel, linear, set, choose, sleep, repeat, if: each is shown by its path, and undone by its structure")
def nested(world):
    server, hub = world_of(world, nested=NESTED)
    api = server.api
    id = submit(server, "nested")
    waits = eventually(lambda: (c := api.command(id))["display"].startswith("waiting until ") and c, "the sleep is told")
    sleeping = [s for s in waits["steps"] if s["path"] == "pause"]
    true(sleeping and sleeping[0]["phase"] == "delayed" and sleeping[0]["due"] in waits["display"], f"until when: {sleeping} {waits['display']}")
    equal(api.explain(id)["next"]["code"], "goes_on", "what comes next is no other try")
    done = api.until_state(id, "completed")
    equal([(s["path"], s["parent"], s["state"]) for s in done["steps"]],
          [("both", None, "succeeded"), ("left", "both", "succeeded"), ("line", "both", "succeeded"), ("right", "line", "succeeded"),
           ("facts", "line", "succeeded"), ("route", None, "succeeded"), ("fast", "route", "skipped"), ("slow", "route", "succeeded"),
           ("pause", None, "succeeded"), ("again", None, "succeeded"), ("again[0].knock", "again", "succeeded"),
           ("again[1].knock", "again", "succeeded"), ("again[2].knock", "again", "succeeded"), ("last", None, "skipped")], "steps")
    by = {s["path"]: s for s in done["steps"]}
    equal((by["fast"]["why"], by["fast"]["case"], by["slow"]["case"], by["route"]["taken"], by["route"]["cases"]), ("not_taken", 0, 1, 1, 1), "the choice")
    equal((by["again"]["passes"], by["again"]["max_passes"], by["last"]["why"]), (3, 5, "condition"), "passes, and the condition")
    equal(by["facts"]["outputs"]["text"], f"pull {by['right']['outputs']['number']}", "the values")
    equal(by["both"]["branches"], {"count": 2, "done": 2, "failed": 0, "running": 0}, "branches")
    once(hub, heads_of(1))
    told = {c.get("step") for r in api.history(id) for c in r["changes"]} | {r["cause"].get("step") for r in api.history(id)}
    true({"again[1].knock", "route", "both"} <= told and not {"linear", "again[1]", "fallback"} & told, f"names in the history: {told}")
    equal({a["step"] for a in api.get(f"/v1/commands/{id}/attempts?limit=200").must(200).json["attempts"]},
          {"left", "right", "slow", "again[0].knock", "again[1].knock", "again[2].knock"}, "names of attempts")

    plan = api.get(f"/v1/commands/{id}/actions/roll_back").must(200).json
    equal([(u["step"], u["wave"]) for u in plan["undo"]],
          [("again[2].knock", 1), ("again[1].knock", 2), ("again[0].knock", 3), ("slow", 4), ("right", 5), ("left", 5)], "the plan")
    equal((plan["undo_total"], plan["irreversible"]), (6, []), "the plan")
    api.act(id, "roll_back", reason="not wanted").must(200)
    api.until_state(id, "rolled_back")
    closed = [e["path"] for e in hub.journal("PATCH")]
    numbers = [by[p]["outputs"]["number"] for p in ("again[2].knock", "again[1].knock", "again[0].knock", "slow")]
    equal([int(p.rsplit("/", 1)[1]) for p in closed[:4]], numbers, "undone in reverse order")
    equal(sum(made(hub).values()), 0, "pull requests that are left open")


EACH = f"""
  - id: all
    each: "${{payload.items}}"
    max: 200
    on_error: continue
    steps:
      - {pull("open", "${item}").replace(chr(10), chr(10) + "        ")}
"""


def items(n=ITEMS, prefix="i"):
    return [f"{prefix}-{i:03}" for i in range(n)]


@case("each with 100 items: counts, pages of steps, no item twice")
def each(world):
    server, hub = world_of(world, each=EACH)
    api = server.api
    id = submit(server, "each", items=items())
    done = api.until_state(id, "completed")
    equal(done["steps"][0]["items"], {"count": ITEMS, "done": ITEMS, "failed": 0, "running": 0}, "items")
    equal((len(done["steps"]), done["steps_total"], done["steps_next"]), (ITEMS + 1, ITEMS + 1, None), "steps")
    equal(list(steps_of(api, id)), ["all", *(f"all[{i}].open" for i in range(ITEMS))], "paths")
    once(hub, items())
    empty = submit(server, "each", 2, items=[])
    equal(api.until_state(empty, "completed")["steps"][0]["items"]["count"], 0, "no items")

    full = submit(server, "each", 5, items=items(199, "f"))
    done = api.until_state(full, "completed")
    equal((len(done["steps"]), done["steps_total"], done["steps_next"]), (200, 200, None), "at the bound")
    many = submit(server, "each", 3, items=items(200, "m"))
    done = api.until_state(many, "completed")
    equal((len(done["steps"]), done["steps_total"]), (200, 201), "the answer with a command is bounded")
    rest = api.get(f"/v1/commands/{many}/steps?after={done['steps_next']}").must(200).json
    equal(([s["path"] for s in rest["steps"]], rest["next"]), (["all[199].open"], None), "the rest")

    api.submit("each", {"n": 4, "items": items(201)}).problem(422, "invalid")  # by the payload's schema


@case("each: more items than the flow allows fail the block before anything begins")
def too_many(world):
    server, hub = world_of(world, three=EACH.replace("max: 200", "max: 3"), four=EACH.replace("max: 200", "max: 4"))
    api = server.api
    id = submit(server, "three", items=items(4))
    said = api.until_state(id, "failed")
    equal((said["steps"][0]["state"], said["steps"][0]["why"], len(said["steps"])), ("failed", "items", 1), "the each")
    what = api.explain(id)["what"]
    contains(what["text"], 'Block "all" has failed.')
    contains(what["error"], "the list has 4 items, and the flow allows 3")
    equal(hub.journal("POST"), [], "requests")
    equal(api.until_state(submit(server, "four", items=items(4)), "completed")["state"], "completed", "at the limit")


@case("partial failure: on_error continue goes on, and a retry repeats only what did not succeed")
def partial(world):
    server, hub = world_of(world, each=EACH)
    api = server.api
    bad = ["i-007", "i-042", "i-099"]
    hub.faults(*({"match": b, "method": "POST", "fault": "422"} for b in bad))
    id = submit(server, "each", items=items())
    said = api.until_state(id, "partial")
    equal(len(hub.fired("422")), 3, "faults that fired")
    contains(said["display"], "all[7].open")
    contains(said["display"], "(and 2 more)")
    equal(said["steps"][0]["items"], {"count": ITEMS, "done": ITEMS - 3, "failed": 3, "running": 0}, "items")
    failed = steps_of(api, id, state="failed,rejected")
    equal(list(failed), ["all[7].open", "all[42].open", "all[99].open"], "what failed")
    told = api.explain(id)
    equal((told["what"]["step"], told["what"]["item"], told["affects"]["done_total"]), ("all[7].open", "i-007", ITEMS - 3), "explained")
    before = len(hub.journal("POST"))
    api.act(id, "retry", reason="mended").must(200)
    api.until_state(id, "completed")
    equal(sorted(re.search(r"i-\d+", str(e)).group(0) for e in hub.journal("POST")[before:]), bad, "what the retry repeated")
    once(hub, items())


@case("a retry of one step: only that one goes out again, by its path; a bulk retries all of each")
def retry_one(world):
    server, hub = world_of(world, each=EACH)
    api = server.api
    bad = ["i-001", "i-003", "i-004"]
    hub.faults(*({"match": b, "method": "POST", "fault": "422"} for b in bad))
    id = submit(server, "each", items=items(5))
    api.until_state(id, "partial")
    equal(len(hub.fired("422")), 3, "faults that fired")
    before = len(hub.journal("POST"))
    contains(api.act(id, "retry", step="all[0].open").problem(409, "action-refused")["detail"], "it has succeeded")
    contains(api.act(id, "retry", step="all[300].open").problem(409, "action-refused")["detail"], "there is no step")
    contains(api.act(id, "retry", step="open").problem(409, "action-refused")["detail"], "3 of that name come into question")
    equal(api.act(id, "retry", step="a b").problem(422, "invalid")["errors"][0]["pointer"], "/step", "no path")
    many = {"action": "retry", "step": "all[1].open", "ids": [id], "limit": 1, "reason": "mended", "key": "b"}
    contains(str(api.post("/v1/bulk", many).problem(422, "invalid")["errors"]), "a retry of many tries all")
    api.act(id, "retry", step="all[3].open", reason="mended").must(200)
    api.until_state(id, "partial")
    equal([p["state"] for p in steps_of(api, id).values()][1:], ["succeeded", "rejected", "succeeded", "succeeded", "rejected"], "steps")
    equal(len(hub.journal("POST")) - before, 1, "requests")
    record = next(r["cause"] for r in api.history(id) if r["cause"]["kind"] == "action")
    equal((record["action"], record["step"]), ("retry", "all[3].open"), "on record")
    server.cli("retry", id, "--step", "all[1]", "--reason", "mended, too")
    api.until_state(id, "partial")
    equal(len(hub.journal("POST")) - before, 2, "requests")
    api.act(id, "retry").must(200)
    api.until_state(id, "completed")
    once(hub, items(5))


@case("an action names one instance by its path: resolve, skip; and what is no path is refused")
def by_path(world):
    text = re.sub(r"  check: \{.*?\n.*?\n.*?\n.*?\},\n", "", EACH)
    true("check:" not in text, "the flow has no check")
    server, hub = world_of(world, each=text)
    api = server.api
    hub.faults(*({"match": b, "method": "POST", "fault": "close-after"} for b in ("i-001", "i-003")))
    id = submit(server, "each", items=items(5))
    said = api.until_state(id, "review")
    contains(said["display"], "all[1].open")
    contains(said["display"], "(and 1 more)")
    for step, field in (("all[1]/open", "no path"), ("a b", "no path"), ("x" * 193, "too long")):
        problem = api.act(id, "resolve", step=step, verdict="happened", reason="saw it").problem(422, "invalid")
        equal(problem["errors"][0]["pointer"], "/step", field)
    api.act(id, "resolve", step="x" * 192, verdict="happened", reason="saw it", outputs={"number": 1}).problem(409, "action-refused")
    contains(api.act(id, "resolve", step="open", verdict="happened", reason="saw it", outputs={"number": 1})
             .problem(409, "action-refused")["detail"], "2 come into question")
    number = next(p["number"] for p in hub.pulls("web") if p["head"]["ref"] == "i-003")
    api.act(id, "resolve", step="all[3].open", verdict="happened", reason="saw it", outputs={"number": number}).must(200)
    api.act(id, "resolve", step="all[1].open", verdict="did_not_happen", reason="somebody closed it").must(200)
    eventually(lambda: api.command(id)["state"] == "completed", lambda: f"it goes on: {api.command(id)}")
    record = next(r["cause"] for r in api.history(id) if r["cause"]["kind"] == "action")
    equal(record["step"], "all[3].open", "on record")

    hub.faults({"match": "s-002", "method": "POST", "fault": "422", "times": 9})
    id = submit(server, "each", 2, items=items(4, "s"))
    api.until_state(id, "partial")
    api.act(id, "skip", step="all[2].open", reason="not needed").must(200)
    equal(steps_of(api, id)["all[2].open"]["state"], "skipped", "the instance")


KILLS = 2  # a step whose attempt is lost three times in a row is set aside for a person (RC_MAX_LOST)


def kills(world, seed, name, payload, most):
    """Submits, and kills the server again and again on the way."""
    rng = random.Random(seed)
    server, hub = world_of(world, **{name: {"nested": NESTED, "each": EACH}[name]})
    hub.faults({"match": "/pulls", "method": "POST", "fault": "slow:40", "times": 60})
    id = submit(server, name, **payload)
    fired = 0
    for _ in range(KILLS):
        eventually(lambda: server.api.command(id)["state"] != "pending", "it has begun")
        eventually(lambda: len(hub.journal("POST")) >= rng.randrange(1 + most), "some requests have arrived")
        stop(hub.process)  # so that it does not come to its end before it is killed
        was = server.api.command(id)
        server.kill()
        go_on(hub.process)
        fired += not was["ended"]
        server.start()
    equal(fired, KILLS, "kills that hit it on its way")
    return server, hub, server.api.until_state(id, "completed")


@case("kill -9 in the middle of a hundred items: all come to their end, none twice")
def kill_each(world):
    note(f"seed {SEED}")
    server, hub, done = kills(world, SEED, "each", {"items": items()}, 40)
    equal(done["steps"][0]["items"]["done"], ITEMS, "items")
    once(hub, items())
    equal(hub.stats()["duplicates"], 0, "duplicates")


@case("kill -9 in the middle of a nested flow: it goes on where it was, and nothing is done twice")
def kill_nested(world):
    note(f"seed {SEED}")
    server, hub, done = kills(world, SEED, "nested", {}, 4)
    once(hub, heads_of(1))
    equal(hub.stats()["duplicates"], 0, "duplicates")


def race(join, more=""):
    branches = "".join(f"      - {pull(name, name + '-${payload.n}', name)}".replace("\n", "\n        ").rstrip() + "\n" for name in ("one", "two", "three"))
    return f"  - id: race\n    join: {join}\n{more}    parallel:\n{branches}"


@case("joins: any takes the first, quorum two, and the stragglers are kept or undone")
def joins(world):
    server, hub = world_of(world, any=race("any"), two=race("{ quorum: 2 }"), undo=race("any", "    surplus: undo\n"))
    api = server.api
    slow = [{"match": f"{name}-{n}", "method": "POST", "fault": "slow:700"} for name in ("two", "three") for n in (1, 3)]
    hub.faults(*slow, {"match": "three-2", "method": "POST", "fault": "slow:700"})
    first = submit(server, "any", 1)
    done = api.until_state(first, "completed")
    equal(done["steps"][0]["branches"]["needed"], 1, "needed")
    equal(states(steps_of(api, first))["one"], "succeeded", "the first")
    equal(states(steps_of(api, first)), {"race": "succeeded", "one": "succeeded", "two": "succeeded", "three": "succeeded"}, "kept")
    second = submit(server, "two", 2)
    equal(api.until_state(second, "completed")["steps"][0]["branches"]["needed"], 2, "needed")
    third = submit(server, "undo", 3)
    api.until_state(third, "completed")
    equal(states(steps_of(api, third)), {"race": "succeeded", "one": "succeeded", "two": "undone", "three": "undone"}, "undone")
    equal([len(hub.pulls(name, "open")) for name in ("one", "two", "three")], [3, 2, 2], "what stands")
    equal(len(hub.fired("slow")), 5, "faults that fired")


@case("fallback, and the undo of a block")
def fallback(world):
    steps = f"""
  - {pull("main", "main-${payload.n}", more=", fallback: [" + pull("spare", "spare-${payload.n}") + "]").replace(chr(10), chr(10) + "    ")}
  - id: batch
    undo: block
    linear:
      - {pull("a", "a-${payload.n}").replace(chr(10), chr(10) + "        ")}
      - {pull("b", "b-${payload.n}").replace(chr(10), chr(10) + "        ")}
"""
    server, hub = world_of(world, pair=steps)
    api = server.api
    hub.faults({"match": "main-1", "method": "POST", "fault": "422"}, {"match": "b-1", "method": "POST", "fault": "422"})
    id = submit(server, "pair")
    said = api.until_state(id, "rejected")
    by = {s["path"]: s for s in said["steps"]}
    equal({p: s["state"] for p, s in by.items()},
          {"main": "rejected", "spare": "succeeded", "batch": "rejected", "a": "undone", "b": "rejected"}, "steps")
    equal((by["spare"]["fallback_of"], by["batch"].get("taken_back")), ("main", True), "what the view says")
    once(hub, ["spare-1"])
    contains(api.explain(id)["what"]["text"], "batch")
    api.act(id, "retry", reason="mended").must(200)
    api.until_state(id, "completed")
    once(hub, ["spare-1", "a-1", "b-1"])


@case("what cannot be decided or taken back is put before a person, with its name")
def people(world):
    undecided = f"""
  - id: route
    choose:
      - if: payload.items[3] == 'x'
        steps: [ {pull("fast", "fast-${payload.n}")} ]
      - else: []
"""
    stuck = f"""
  - id: batch
    undo: block
    linear:
      - {{ id: mail, call: github, irreversible: true, with: {{ method: POST, path: /repos/acme/mail/pulls, body: {{ title: t, head: "mail-${{payload.n}}", base: main }} }} }}
      - {pull("b", "b-${payload.n}").replace(chr(10), chr(10) + "        ")}
"""
    server, hub = world_of(world, undecided=undecided, stuck=stuck)
    api = server.api
    id = submit(server, "undecided", items=["a"])
    said = api.until_state(id, "review")
    contains(said["display"], "route cannot choose a case")
    told = api.explain(id)
    contains(told["what"]["text"], 'Block "route" cannot choose a case.')
    true(told["what"]["error"], "why not")
    equal(told["received"], None, "nothing was sent")
    api.act(id, "skip", step="route", reason="nothing to route").must(200)
    api.until_state(id, "completed", "partial")

    hub.faults({"match": "b-2", "method": "POST", "fault": "422"})
    id = submit(server, "stuck", 2)
    said = api.until_state(id, "review")
    contains(said["display"], "batch has failed, and what happened cannot be taken back")
    text = api.explain(id)["what"]["text"]
    contains(text, 'Block "batch" is not taken back')
    contains(text, "(mail)")
    contains(api.get(f"/v1/commands/{id}/actions/roll_back").problem(409, "action-refused")["detail"], ": mail")


@case("where the `if` of a block, or of a step with a fallback, cannot be worked out, nothing of it is done")
def guarded(world):
    steps = f"""
  - id: line
    if: payload.items[3] == 'x'
    linear:
      - {pull("a", "a-${payload.n}").replace(chr(10), chr(10) + "        ")}
  - {pull("b", "b-${payload.n}", more=", if: GUARD, fallback: [" + pull("spare", "spare-${payload.n}") + "]").replace(chr(10), chr(10) + "    ")}
""".replace("GUARD", '"payload.items[3] == \'x\'"')
    server, hub = world_of(world, guarded=steps)
    api = server.api
    id = submit(server, "guarded", items=["q"])
    for step in ("line", "b"):
        said = eventually(lambda: (c := api.command(id))["state"] == "failed" and c, "it stops")
        entry = next(s for s in said["steps"] if s["path"] == step)
        equal((entry["state"], entry["why"], entry["error"]), ("failed", "expression", "no index 3 in a list of 1"), step)
        equal(api.explain(id)["what"]["step"], step, "explained")
        api.act(id, "skip", step=step, reason="not for this one").must(200)
    equal(api.command(id)["state"], "partial", "without them")
    equal(hub.journal("POST"), [], "requests")


if __name__ == "__main__":
    main()

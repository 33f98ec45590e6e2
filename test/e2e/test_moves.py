"""Mending what runs: a roll back to a step, over HTTP, on the command line and in bulk; across kill -9."""
from kit import case, contains, dependency, equal, eventually, main, true

# a, two branches of which y needs x, then z; each can be undone.
STEP = """
{pad}- id: {id}
{pad}  call: github
{pad}  with: {{ method: POST, path: "/repos/acme/{id}/pulls", body: {{ title: t, head: "b-${{payload.n}}", base: main }} }}
{pad}  timeout: 20s
{pad}  retry: {{ delay: 20ms, limit: {{ attempts: 3 }} }}
{pad}  outputs: {{ number: "${{response.body.number}}" }}
{pad}  external_id: number{needs}
{pad}  undo:
{pad}    with: {{ method: PATCH, path: "/repos/acme/{id}/pulls/${{outputs.number}}", body: {{ state: closed }} }}
{pad}    timeout: 20s
{pad}    repeatable: true
{pad}    retry: {{ delay: 20ms, limit: {{ attempts: 3 }} }}
"""


def step(id, pad="  ", needs=""):
    return STEP.format(id=id, pad=pad, needs=f"\n{pad}  needs: [{needs}]" if needs else "").strip("\n") + "\n"


FLOW = """
flow: send
payload: { type: object, required: [n], properties: { n: { type: integer } } }
key: "${payload.n}"
steps:
""" + step("a") + "  - id: both\n    parallel:\n" + step("x", "      ") + step("y", "      ", "x") + step("w", "      ") + step("z")


def stage(world):
    hub = world.standin()
    defs = world.write(send=FLOW, github=dependency("github", f"http://127.0.0.1:{hub.port}"))
    return world.server(defs=defs).start(), hub


def submit(api, n):
    return api.submit("send", {"n": n}).must(201).json["id"]


def preview(api, id, step):
    return api.get(f"/v1/commands/{id}/actions/roll_back?step={step}")


def states(command):
    return {s["path"]: s["state"] for s in command["steps"]}


def rejected(world, n=1):
    """Commands whose last step is refused."""
    server, hub = stage(world)
    hub.faults(*[{"match": "/z/", "method": "POST", "fault": "422"}] * n)
    ids = [submit(server.api, i) for i in range(1, n + 1)]
    for id in ids:
        server.api.until_state(id, "rejected")
    return server, hub, ids


@case("back to a step: what was shown is undone, the rest stays done, and a retry does the part anew with new keys")
def back(world):
    server, hub, (id,) = rejected(world)
    api = server.api
    plan = preview(api, id, "x").must(200)
    equal((plan.json["to"], [u["step"] for u in plan.json["undo"]]), ("x", ["y", "x"]), "preview")
    equal([u["step"] for u in preview(api, id, "both").must(200).json["undo"]], ["w", "y", "x"], "of the block")
    api.act(id, "roll_back", {"If-Match": plan.headers["ETag"]}, step="x", reason="the first branch is wrong", actor="olga").must(200)
    rests = api.until_state(id, "review")
    equal(states(rests), {"a": "succeeded", "both": "succeeded", "x": "undone", "y": "undone", "w": "succeeded", "z": "rejected"}, "steps")
    equal([e["path"].split("/")[3] for e in hub.journal("PATCH")], ["y", "x"], "undos, in this order")
    equal(api.explain(id)["next"]["code"], "anew", "what a person can do")
    record = next(r for r in api.history(id) if r["cause"]["kind"] == "action")
    equal((record["cause"]["action"], record["cause"]["step"], record["cause"]["actor"]), ("roll_back", "x", "olga"), "on record")
    equal([c["step"] for c in record["changes"] if c["kind"] == "back"], ["x"], "its bound, too")
    api.act(id, "retry", reason="it is mended").must(200)
    done = api.until_state(id, "completed")
    equal(set(states(done).values()), {"succeeded"}, "steps")
    equal({r: len(hub.journal("POST", f"/{r}/")) for r in "axywz"}, {"a": 1, "x": 2, "y": 2, "w": 1, "z": 2}, "how often each was done")
    keys = [e["idempotency_key"] for e in hub.journal()]
    equal(len(set(keys)), len(keys), "each request has a key of its own")


@case("what cannot be: unknown names, nothing begun, ended; the action and the preview say the same")
def refused(world):
    server, hub, (id,) = rejected(world)
    api = server.api
    for bad in ("nobody", "a.b", "x[0]"):
        text = preview(api, id, bad).problem(409, "action-refused")["detail"]
        true(text in api.act(id, "roll_back", step=bad).problem(409, "action-refused")["detail"], text)
    for bad in ("", "a%20b", "x" * 193):
        preview(api, id, bad).problem(400, "malformed")
    api.act(id, "roll_back", step="a b").problem(422, "invalid")
    api.act(id, "cancel", step="a").problem(422, "invalid")
    api.act(id, "roll_back", {"If-Match": '"1"'}, step="x").problem(412, "stale")
    api.act(id, "retry").must(200)
    api.until_state(id, "completed")
    preview(api, id, "x").problem(409, "action-refused")
    api.act(id, "roll_back", step="x").problem(409, "action-refused")
    equal(hub.journal("PATCH"), [], "nothing was undone")


@case("kill -9 while the part is being undone: it goes on, each undo takes effect once, and the bound is not forgotten")
def killed(world):
    server, hub, (id,) = rejected(world)
    api = server.api
    hub.faults({"match": "/y/", "method": "PATCH", "fault": "hang"})
    api.act(id, "roll_back", step="x", reason="wrong").must(200)
    eventually(lambda: hub.fired("hang"), "the undo is out")
    server.kill()
    hub.clear_faults()
    server.start()
    rests = server.api.until_state(id, "review")
    equal([states(rests)[s] for s in ("a", "w", "x", "y")], ["succeeded", "succeeded", "undone", "undone"], "steps")
    keys = {e["idempotency_key"] for e in hub.journal("PATCH") if "/y/" in e["path"]}
    equal(len(keys), 1, "the undo was repeated with its key")
    server.kill()
    server.start()
    equal(server.api.command(id)["state"], "review", "it still rests")
    server.api.act(id, "retry").must(200)
    equal(set(states(server.api.until_state(id, "completed")).values()), {"succeeded"}, "steps")


@case("in bulk: the preview lists the undos of the part, and each command rests when it is undone")
def bulk(world):
    server, hub, ids = rejected(world, 3)
    api = server.api
    made = api.post("/v1/bulk", {"action": "roll_back", "step": "x", "ids": ids, "limit": 10, "reason": "wrong", "key": "k"}).must(201).json
    equal([i["undoes"] for i in made["items"]], [["y", "x"]] * 3, "undos")
    api.post(f"/v1/bulk/{made['bulk']['id']}/run", {"rate": 100}).must(200)
    eventually(lambda: api.get(f"/v1/bulk/{made['bulk']['id']}").must(200).json["state"] == "done", "the bulk is done")
    for id in ids:
        equal(states(api.until_state(id, "review"))["x"], "undone", "x")


@case("on the command line: what would be undone is shown, and only that is")
def command_line(world):
    server, hub, (id,) = rejected(world)
    told = server.cli("rollback", id, "--step", "x", "-y", "-m", "wrong")
    contains(told, "back to x", "what it goes back to")
    contains(told, "1. y at github", "the first undo")
    true("w at github" not in told, "what stays is not shown")
    server.api.until_state(id, "review")
    equal([e["path"].split("/")[3] for e in hub.journal("PATCH")], ["y", "x"], "undos")


if __name__ == "__main__":
    main()

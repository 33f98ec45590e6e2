"""Submitting, reading and acting on commands."""
from kit import PR, pull
from stage import NOBODY, row, to


def conflict(s):
    s.api.submit(PR, pull(900001)).must(201)
    return to(body={"type": PR, "payload": pull(900001, title="other")})


def lane_is_full(s):
    s.api.submit("narrow", {"n": 1}).must(201)
    return to(body={"type": "narrow", "payload": {"n": 2}})


def replayed(s):
    body = s.submission()
    s.api.post("/v1/commands", body).must(201)
    return to(body=body)


def act(id, action="retry", headers=None, **body):
    return to(id=id, action=action, headers=headers, body={"reason": "because", **body})


def confirming(s):
    id = s.api.submit("confirms", {"n": 1}, f"k{s.number()}").must(201).json["id"]
    s.api.until_state(id, "waiting")
    return id


def own_approval(s):
    id = s.asking("asks")
    return act(id, "approve", digest=s.api.explain(id)["asks"][0]["digest"])


def hanging(s):
    """Refused by the other side, and there is a newer version of its flow."""
    id = s.new("rejected", fault="422")
    flow = next(f.read_text() for f in sorted(s.defs.iterdir()) if f"flow: {PR}" in f.read_text())
    s.api.post("/v1/definitions", {"files": [{"source": "newer.yaml", "text": flow + f"# {s.number()}\n"}]}).must(200)
    return id


def newest(s, id):
    return to(id=id, query={"version": s.api.get(f"/v1/commands/{id}/actions/move").must(200).json["to"]})


def moved(s, id):
    return act(id, "move", digest=s.api.get(f"/v1/commands/{id}/actions/move").must(200).json["digest"])


def done_twice(s):
    id = s.new("rejected", fault="422")
    s.api.act(id, "cancel", reason="because", key="a1").must(200)
    return act(id, "cancel", key="a1")


def line(s, **more):
    return to(body=s.submission(**more))


def child(stage):
    """A command that a step of another one has started."""
    parent = stage.asking("parent")
    return stage.api.command(parent)["steps"][0]["child"]["id"]


ROWS = [
    row("submitCommand", 201, lambda s: to(body=s.submission(refs={"ticket": "9"}, actor="carla"))),
    row("submitCommand", 201, lambda s: to(body=s.submission(), query={"wait": "20s"}, headers={"Prefer": "wait=1"})),
    row("submitCommand", 201, lambda s: to(body=s.submission(), headers={"Idempotency-Key": f'"k{s.number()}"'})),
    row("submitCommand", 200, replayed),
    row("submitCommand", 404, "not-found", lambda s: to(body={"type": "nobody", "payload": {}})),
    row("submitCommand", 409, "key-conflict", conflict),
    row("submitCommand", 409, "lane-full", lane_is_full),
    row("submitCommand", 422, "invalid", lambda s: to(body={"type": PR, "payload": {}})),
    row("listCommands", 200, lambda s: to(query={"state": "failed,review", "type": PR, "ref": "customer=1", "limit": 1})),
    row("listCommands", 200, lambda s: to(query={"limit": 1, "cursor": next_page(s)})),
    row("listCommands", 200, lambda s: to(query={
        "why": "status,retries_used_up", "dependency": "github", "owner": "nobody", "actor": "local",
        "created_since": "2026-01-01T00:00:00Z", "created_until": "2126-01-01T00:00:00+01:00"})),
    row("submitBatch", 200, lambda s: line(s)),
    row("submitBatch", 413, "limit-exceeded", lambda s: to(body=b"{}\n" * 1001)),
    row("getCommandByKey", 200, lambda s: to(query=by_key(s))),
    row("getCommandByKey", 404, "not-found", lambda s: to(query={"type": PR, "key": "nobody's"})),
    row("getCommand", 200, lambda s: to(id=s.completed(), query={"wait": "10ms"}, headers={"Prefer": "wait=1"})),
    row("getCommand", 404, "not-found", lambda s: to(id=NOBODY)),
    row("getHistory", 200, lambda s: to(id=s.completed(), query={"after": 1, "limit": 2})),
    row("getHistory", 404, "not-found", lambda s: to(id=NOBODY)),
    row("listAttempts", 200, lambda s: to(id=s.completed(), query={"after": 0, "limit": 2})),
    row("listAttempts", 404, "not-found", lambda s: to(id=NOBODY)),
    row("listSteps", 200, lambda s: to(id=s.completed(), query={"after": 0, "limit": 2, "state": "succeeded,idle"})),
    row("listSteps", 404, "not-found", lambda s: to(id=NOBODY)),
    row("streamEvents", 200, lambda s: to(query=followed(s), headers={"Last-Event-ID": "0"}, until=b"retry:")),
    row("streamEvents", 200, lambda s: to(query={"last_event_id": 0}, until=b'"state":"completed"')),
    row("explainCommand", 200, lambda s: to(id=s.completed())),
    row("explainCommand", 404, "not-found", lambda s: to(id=NOBODY)),
    row("previewRollBack", 200, lambda s: to(id=s.completed())),
    row("previewRollBack", 200, lambda s: to(id=s.rejected(), query={"step": "create"})),
    row("previewRollBack", 409, "action-refused", lambda s: to(id=s.completed(), query={"step": "create"})),
    row("previewRollBack", 404, "not-found", lambda s: to(id=NOBODY)),
    row("previewRollBack", 409, "action-refused", lambda s: to(id=s.rejected())),
    row("previewMove", 200, lambda s: to(id=hanging(s))),
    row("previewMove", 200, lambda s: newest(s, hanging(s))),
    row("previewMove", 409, "action-refused", lambda s: to(id=s.completed())),
    row("previewMove", 404, "not-found", lambda s: to(id=NOBODY)),
    row("actOnCommand", 200, lambda s: moved(s, hanging(s))),
    row("actOnCommand", 422, "invalid", lambda s: act(s.rejected(), "roll_back", step="")),
    row("actOnCommand", 422, "invalid", lambda s: act(hanging(s), "move")),
    row("actOnCommand", 412, "stale", lambda s: act(hanging(s), "move", digest="1" * 32)),
    row("explainCommand", 200, lambda s: to(id=s.asking("asks"))),
    row("explainCommand", 200, lambda s: to(id=s.asking("asks.why"))),
    row("explainCommand", 200, lambda s: to(id=confirming(s))),
    row("getCommand", 200, lambda s: to(id=s.asking("asks"))),
    row("getCommand", 200, lambda s: to(id=s.asking("parent"))),
    row("getCommand", 200, lambda s: to(id=child(s))),
    row("getHistory", 200, lambda s: to(id=s.asking("parent"), query={"after": 0})),
    row("getHistory", 200, lambda s: to(id=child(s), query={"after": 0})),
    row("explainCommand", 200, lambda s: to(id=s.asking("parent"))),
    row("explainCommand", 200, lambda s: to(id=child(s))),
    row("actOnCommand", 409, "action-refused", lambda s: own_approval(s)),
    row("actOnCommand", 412, "stale", lambda s: act(s.asking("asks"), "deny", digest="1" * 32)),
    row("actOnCommand", 409, "action-refused", lambda s: act(s.asking("asks.why"), "answer", answer="a")),
    row("actOnCommand", 422, "invalid", lambda s: act(s.asking("asks"), "approve", digest="g" * 32)),
    row("actOnCommand", 422, "invalid", lambda s: act(s.asking("asks.why"), "answer")),
    row("actOnCommand", 200, lambda s: act(s.new("rejected", fault="422"), "cancel")),
    row("actOnCommand", 200, lambda s: act(s.new("rejected", fault="422"), headers={"If-Match": "*"})),
    row("actOnCommand", 200, done_twice),
    row("actOnCommand", 200, lambda s: act(s.new("rejected", fault="422"), headers={"Idempotency-Key": '"ticket-1"'})),
    row("actOnCommand", 200, lambda s: act(s.new("rejected", fault="422"), "skip", step="create", reason="done by hand")),
    row("actOnCommand", 200, lambda s: act(s.new("rejected", fault="422"), step="create")),
    row("actOnCommand", 409, "action-refused", lambda s: act(s.rejected(), step="label")),
    row("actOnCommand", 200, lambda s: act(s.new("rejected", fault="422"), "edit", payload=s.submission()["payload"], refs={"why": "typo"})),
    row("actOnCommand", 200, lambda s: act(s.rejected(), "assign", owner="olga")),
    row("actOnCommand", 200, lambda s: act(s.rejected(), "note", reason="the customer was called")),
    row("actOnCommand", 200, lambda s: act(s.rejected(), "due", due="2030-01-31T12:00:00+01:00")),
    row("actOnCommand", 200, lambda s: act(s.rejected(), "due", due="")),
    row("actOnCommand", 404, "not-found", lambda s: act(NOBODY)),
    row("actOnCommand", 409, "action-refused", lambda s: act(s.completed())),
    row("actOnCommand", 412, "stale", lambda s: act(s.rejected(), headers={"If-Match": '"1"'})),
    row("actOnCommand", 422, "invalid", lambda s: act(s.rejected(), verdict="happened")),
]


def next_page(s):
    s.completed(), s.rejected()
    return s.api.get("/v1/commands?limit=1").must(200).json["next"]


def followed(s):
    return {"id": s.completed(), "state": "completed", "type": PR}


def by_key(s):
    command = s.api.command(s.completed())
    return {"type": command["type"], "key": command["key"]}

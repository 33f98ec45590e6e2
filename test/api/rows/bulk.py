"""Bulks."""
from stage import NOBODY, row, to


def ask(s, **more):
    """Something to be done to one command, under a new key."""
    return {"action": "note", "reason": "because", "limit": 10, "ids": [s.rejected()], **more}


def keyed(s, **more):
    return to(headers={"Idempotency-Key": f"b{s.number()}"}, body=ask(s, **more))


def new(s, **more):
    """A new preview; its id."""
    return s.api.post("/v1/bulk", ask(s, key=f"b{s.number()}", **more)).must(201).json["bulk"]["id"]


def ran(s):
    """One that has been run."""
    id = new(s)
    s.api.post(f"/v1/bulk/{id}/run", {}).must(200)
    return id


def running(s):
    """One that has many seconds to go: one item in each."""
    many = s.once("many", lambda: [a["command"]["id"] for a in s.api.batch([{"type": "open", "payload": {"n": -n}} for n in range(1, 61)])])
    id = new(s, ids=many, limit=100)
    s.api.post(f"/v1/bulk/{id}/run", {"rate": 1, "even_if_changed": True}).must(200)  # its commands may just be starting
    s.once("running", list).append(id)
    for other in s.made["running"][:-4]:  # not too many at a time
        s.api.post(f"/v1/bulk/{other}/cancel", {})
    return id


def paused(s):
    id = running(s)
    s.api.post(f"/v1/bulk/{id}/pause", {}).must(200)
    return id


def order(id, headers=None, **body):
    return to(id=id, headers=headers, body=body)


def replayed(s):
    body = ask(s, key=f"b{s.number()}")
    s.api.post("/v1/bulk", body).must(201)
    return to(body=body)


def conflict(s):
    body = ask(s, key=f"b{s.number()}")
    s.api.post("/v1/bulk", body).must(201)
    return to(body={**body, "limit": 11})


def second_page(s):
    for _ in range(2):
        new(s)
    return to(query={"before": s.api.get("/v1/bulk?limit=1").must(200).json["next"], "limit": 1, "state": "preview,running"})


def by_filter(s):
    return to(body={"action": "assign", "owner": "eva", "reason": "r", "limit": 5, "key": f"b{s.number()}", "actor": "carla",
                    "filter": {"state": "rejected,completed"}})


VERBS = {"runBulk": new, "pauseBulk": running, "resumeBulk": paused, "cancelBulk": new}

ROWS = [
    row("previewBulk", 201, lambda s: keyed(s)),
    row("previewBulk", 201, by_filter),
    row("previewBulk", 201, lambda s: keyed(s, action="resolve", verdict="accepted_as_is")),
    row("previewBulk", 201, lambda s: keyed(s, action="due", due="2030-01-31T12:00:00Z")),
    row("previewBulk", 200, replayed),
    row("previewBulk", 409, "key-conflict", conflict),
    row("previewBulk", 422, "invalid", lambda s: keyed(s, action="edit")),
    row("listBulks", 200, lambda s: to(query={"state": "preview,done", "limit": 3})),
    row("listBulks", 200, second_page),
    row("getBulk", 200, lambda s: to(id=s.once("bulk", lambda: ran(s)))),
    row("getBulk", 404, "not-found", lambda s: to(id=NOBODY)),
    row("listBulkItems", 200, lambda s: to(id=s.once("bulk", lambda: ran(s)), query={"result": "open,done,stale", "after": 0, "limit": 2})),
    row("listBulkItems", 404, "not-found", lambda s: to(id=NOBODY)),
    row("runBulk", 200, lambda s: order(new(s), {"If-Match": '"1"'}, rate=2, stop_percent=50, even_if_changed=True, reason="r", actor="carla")),
    row("pauseBulk", 200, lambda s: order(running(s), {"If-Match": '"2"'}, reason="r", actor="carla")),
    row("resumeBulk", 200, lambda s: order(paused(s), {"If-Match": "*"}, rate=2, stop_percent=50, reason="r", actor="carla")),
    row("cancelBulk", 200, lambda s: order(new(s), {"If-Match": '"1"'}, reason="r", actor="carla")),
    row("listActions", 200, lambda s: to(id=s.rejected())),
    row("listActions", 404, "not-found", lambda s: to(id=NOBODY)),
]
for verb, before in VERBS.items():
    ended = lambda s: s.once("cancelled", lambda: cancelled(s))
    ROWS += [
        row(verb, 404, "not-found", lambda s: order(NOBODY)),
        row(verb, 409, "action-refused", lambda s: order(ended(s))),
        row(verb, 412, "stale", lambda s, before=before: order(before(s), {"If-Match": '"77"'})),
        row(verb, 422, "invalid", lambda s, before=before: order(before(s), reason="x" * 2001)),
    ]


def cancelled(s):
    id = new(s)
    s.api.post(f"/v1/bulk/{id}/cancel", {}).must(200)
    return id

"""Signals."""
from stage import row, to


def sent(s, **more):
    return {"name": "paid", "id": f"p{s.number()}", "key": f"k{s.number()}", **more}


def again(s, **other):
    body = sent(s)
    s.api.post("/v1/signals", body).must(201)
    return to(body={**body, **other})


def full(s):
    body = sent(s)
    for n in range(64):
        s.api.post("/v1/signals", {**body, "key": f"{body['key']}/{n}"}).must(201)
    return to(body=body)


def kept(s):
    body = sent(s)
    s.api.post("/v1/signals", body).must(201)
    page = s.api.get(f"/v1/signals?name={body['name']}&id={body['id']}").must(200).json
    return str(page["signals"][0]["number"])


ROWS = [
    row("sendSignal", 201, lambda s: to(body=sent(s, payload={"amount": 7}))),
    row("sendSignal", 201, lambda s: to(body={"name": "paid", "id": "p"}, headers={"Idempotency-Key": f'"k{s.number()}"'})),
    row("sendSignal", 201, lambda s: to(body=sent(s), headers={"Recourse-Namespace": "default"})),
    row("sendSignal", 200, lambda s: again(s)),
    row("sendSignal", 404, "not-found", lambda s: to(body=sent(s), headers={"Recourse-Namespace": "nowhere"})),
    row("sendSignal", 409, "key-conflict", lambda s: again(s, payload=1)),
    row("sendSignal", 413, "limit-exceeded", lambda s: to(body=sent(s, payload="x" * (16 << 10)))),
    row("sendSignal", 422, "invalid", lambda s: to(body=sent(s, name="a b"))),
    row("sendSignal", 429, "quota-exceeded", full),
    row("listSignals", 200, lambda s: kept(s) and to(query={"limit": 1, "after": 0})),
    row("listSignals", 200, lambda s: to(query={"name": "paid", "id": "p", "since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"})),
    row("listLanes", 200, lambda s: to(query={"type": "open", "key": "k", "after": 0, "limit": 1})),
    row("deleteSignal", 200, lambda s: to(signal=kept(s), body={"reason": "r", "actor": "anna"})),
    row("deleteSignal", 404, "not-found", lambda s: to(signal="1000000", body={})),
    row("deleteSignal", 422, "invalid", lambda s: to(signal=kept(s), body={"reason": 1})),
]

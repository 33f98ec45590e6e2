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
]

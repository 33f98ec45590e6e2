"""Remote workers, and their queues."""
from stage import NOBODY, row, to

NO_LEASE = f"{NOBODY}.1.1." + "0" * 32


def lease(s):
    """A lease of a new step."""
    s.api.submit("picture", {"n": 1}, f"picture {next(s.numbers)}").must(201)
    return s.api.post("/v1/work/lease?wait=10s", {"queues": ["pictures"]}).must(200).json["tasks"][0]["lease"]


def result(lease):
    return {"lease": lease, "outcome": "succeeded", "output": {"url": "http://i/1"}}


def over(s):
    over = lease(s)
    s.api.post("/v1/work/report", {"results": [result(over)]}).must(200)
    return over


ROWS = [
    row("leaseWork", 200, lambda s: to(body={"queues": ["nothing"], "capabilities": ["1"], "worker": "w", "max": 2})),
    row("leaseWork", 422, "invalid", lambda s: to(body={"queues": []})),
    row("reportWork", 200, lambda s: to(body={"results": [result(lease(s)), {"lease": lease(s), "outcome": "failed", "error": "no", "retry_after": 1}]})),
    row("reportWork", 404, "not-found", lambda s: to(body={"results": [result(NO_LEASE)]})),
    row("reportWork", 409, "lease-lost", lambda s: to(body={"results": [result(over(s))]})),
    row("reportWork", 422, "invalid", lambda s: to(body={"results": [{"lease": "?", "outcome": "succeeded"}]})),
    row("keepWork", 200, lambda s: to(body={"heartbeats": [{"lease": lease(s), "progress": "half", "extend": 60}]})),
    row("keepWork", 409, "lease-lost", lambda s: to(body={"heartbeats": [{"lease": NO_LEASE}]})),
    row("keepWork", 422, "invalid", lambda s: to(body={"heartbeats": [{"lease": "?"}]})),
    row("listQueues", 200, lambda s: to()),
    row("getQueue", 200, lambda s: to(queue="pictures")),
    row("getQueue", 404, "not-found", lambda s: to(queue="nothing")),
    row("orderQueue", 200, lambda s: to(queue="pictures", order="resume", body={"reason": "r", "actor": "anna"})),
    row("orderQueue", 404, "not-found", lambda s: to(queue="pictures", order="stop", body={})),
    row("orderQueue", 422, "invalid", lambda s: to(queue="pictures", order="resume", body={"reason": 1})),
]

"""The audit, and purging."""
from stage import row, to

ROWS = [
    row("listAudit", 200, lambda s: acted(s)),
    row("purge", 200, lambda s: to(body={"older_than": "1ms", "ref": "repo=none"})),
    row("purge", 422, "invalid", lambda s: to(body={"states": ["completed"]})),
    row("compact", 200, lambda s: to(body={"reason": "the disk"})),
    row("compact", 422, "invalid", lambda s: to(body={"reason": 1})),
    row("getHold", 200, lambda s: to()),
    row("getHold", 200, lambda s: held(s)),
    row("releaseHold", 200, lambda s: to(body={"window": s.window, "reason": "looked", "watch": "90d", "actor": "local"})),
    row("releaseHold", 404, "not-found", lambda s: to(body={"window": "0" * 16, "reason": "looked"})),
    row("releaseHold", 422, "invalid", lambda s: to(body={"window": "0" * 16})),
    row("releaseHold", 422, "invalid", lambda s: to(body={"window": "0" * 16, "reason": "looked", "watch": "91d"})),
    row("submitCommand", 503, "on-hold", lambda s: refused(s)),
    row("getCommand", 410, "purged", lambda s: to(id=purged(s))),
    row("getHistory", 410, "purged", lambda s: to(id=purged(s))),
    row("listAttempts", 410, "purged", lambda s: to(id=purged(s))),
    row("listSteps", 410, "purged", lambda s: to(id=purged(s))),
    row("explainCommand", 410, "purged", lambda s: to(id=purged(s))),
    row("previewMove", 410, "purged", lambda s: to(id=purged(s))),
    row("previewRollBack", 410, "purged", lambda s: to(id=purged(s))),
    row("actOnCommand", 410, "purged", lambda s: to(id=purged(s), action="note", body={"reason": "too late"})),
    row("submitCommand", 410, "purged", lambda s: again(s)),
    row("getCommandByKey", 410, "purged", lambda s: to(query={"type": again(s).body["type"], "key": "spent"})),
]


def acted(s):
    id = s.new("rejected", fault="422")
    s.api.act(id, "cancel", reason="not needed").must(200)
    return to(query={"command": id, "before": "1000000", "limit": "2"})


REFS = {"tidy": "gone"}


def purge(s):
    s.api.post("/v1/purge", {"ref": "tidy=gone", "run": True, "reason": "asked for"}).must(200)


def purged(s):
    def make():
        id = s.new("completed", refs=REFS)
        purge(s)
        return id
    return s.once("purged", make)


def again(s):
    def make():
        body = s.submission(key="spent", refs=REFS)
        s.api.until_state(s.api.post("/v1/commands", body).must(201).json["id"], "completed")
        purge(s)
        return to(body=body)
    return s.once("spent", make)


def on_hold(s, *more):
    return s.once(f"held{more}", lambda: s.other(more=["--hold", *more]).api)


def held(s):
    """A command of the hold is pointed out."""
    api = on_hold(s)
    api.post("/v1/commands", s.submission(key="held")).must(201)
    api.get("/v1/commands").must(200)
    return api.get("/v1/hold")


def refused(s):
    return on_hold(s, "--hold-submissions", "refuse").post("/v1/commands", s.submission(key="refused"))

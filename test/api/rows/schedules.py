"""Schedules."""
from kit import eventually
from stage import row, to

HERE = {"flow": "open", "schedule": "yearly"}
NOBODY = {"flow": "open", "schedule": "nobody"}


def asked(s, again=False):
    """One run; where it is asked for again, with the key of the first one."""
    key = f"k{s.number()}"
    if again:
        def run():
            got = s.api.post("/v1/schedules/open/yearly/run", {"key": key})
            return got.status == 201
        eventually(run, "the first one")
    return to(body={"key": key}, **HERE)


ROWS = [
    row("listSchedules", 200, lambda s: to()),
    row("getSchedule", 200, lambda s: to(**HERE)),
    row("getSchedule", 404, "not-found", lambda s: to(**NOBODY)),
] + [row(f"{order}Schedule", 404, "not-found", lambda s: to(body={}, **NOBODY)) for order in ("pause", "resume", "run")] + [
    row(f"{order}Schedule", 422, "invalid", lambda s: to(body={"reason": 1}, **HERE)) for order in ("pause", "resume", "run")] + [
    row("pauseSchedule", 200, lambda s: to(body={"reason": "r"}, **HERE)),
    row("resumeSchedule", 200, lambda s: to(body={}, **HERE)),
    row("runSchedule", 201, lambda s: asked(s)),
    row("runSchedule", 200, lambda s: asked(s, again=True)),
]

"""The audit."""
from stage import row, to

ROWS = [
    row("listAudit", 200, lambda s: acted(s)),
]


def acted(s):
    id = s.new("rejected", fault="422")
    s.api.act(id, "cancel", reason="not needed").must(200)
    return to(query={"command": id, "before": "1000000", "limit": "2"})

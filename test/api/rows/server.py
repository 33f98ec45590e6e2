"""The server itself."""
from kit import PR, pull
from stage import row, to

ROWS = [row(operation, 200, lambda s: to()) for operation in ("index", "health", "ready", "metrics")] + [
    row("describeProblem", 200, lambda s: to(code="key-conflict")),
    row("describeProblem", 404, "not-found", lambda s: to(code="nobody_knows")),
    row("ready", 503, lambda s: s.stopping().get("/readyz")),
    row("submitCommand", 503, "stopping", lambda s: s.stopping().submit(PR, pull(1))),
]

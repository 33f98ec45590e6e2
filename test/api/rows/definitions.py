"""Definitions."""
from kit import PR
from stage import row, to


def files(*texts, **more):
    return to(body={"files": [{"source": f"{i}.yaml", "text": text} for i, text in enumerate(texts)], **more})


ROWS = [
    row("listDefinitions", 200, lambda s: to()),
    row("applyDefinitions", 200, lambda s: files(*(f.read_text() for f in sorted(s.defs.iterdir())), dry_run=True)),
    row("applyDefinitions", 409, "in-use", lambda s: in_use(s)),
    row("applyDefinitions", 422, "invalid", lambda s: files("flow: x\nstps: []\n")),
    row("getDefinition", 200, lambda s: to(kind="flow", name=PR)),
    row("getDefinition", 200, lambda s: to(kind="dependency", name="github", query={"before": 2, "limit": 1})),
    row("getDefinitionVersion", 200, lambda s: to(kind="flow", name=PR, version=1)),
    row("getDefinitionVersion", 404, "not-found", lambda s: to(kind="flow", name=PR, version=99)),
    row("diffDefinitionVersion", 200, lambda s: to(kind="flow", name=PR, version=1)),
    row("diffDefinitionVersion", 200, lambda s: to(kind="flow", name=PR, version=1, query={"from": 1})),
    row("diffDefinitionVersion", 404, "not-found", lambda s: to(kind="flow", name=PR, version=99)),
    row("getDefinition", 404, "not-found", lambda s: to(kind="flow", name="nobody")),
]


def in_use(s):
    s.api.submit("open", {"n": s.number()}).must(201)
    return files(prune=True)

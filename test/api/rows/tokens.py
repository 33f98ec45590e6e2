"""Tokens and namespaces, and what quotas refuse."""
from kit import true
from stage import row, to

HERE = {"Recourse-Namespace": "default"}
QUOTAS = {"max_open": 5, "max_bytes": 1 << 20, "max_rate": 9, "reason": "because"}
TOKEN = {"subject": "billing", "role": "viewer", "namespace": "default", "act_as": False, "lifetime": "90d", "reason": "because"}


def token(s):
    """A new token; its id."""
    return s.api.post("/v1/tokens", {"subject": "x", "role": "viewer"}).must(201).json["token"]["id"]


def namespace(s, **quotas):
    name = f"n{s.number()}"
    s.api.post("/v1/namespaces", {"name": name, **quotas}).must(201)
    return name


def over(s, **quotas):
    """Submissions to a namespace that takes one, of commands that do not end; the first answer that is no 201."""
    ns = namespace(s, **quotas)
    send = lambda: s.api.post("/v1/commands", {"type": "open", "payload": {"n": s.number()}}, {"Recourse-Namespace": ns})
    true(send().status == 201, "the first one is taken")
    return next(answer for answer in (send() for _ in range(1000)) if answer.status != 201)


def used(s):
    ns = namespace(s)
    s.api.post("/v1/commands", s.submission(), {"Recourse-Namespace": ns}).must(201)
    return to(name=ns)


ROWS = [
    row("whoami", 200, lambda s: to()),
    row("listTokens", 200, lambda s: to() if token(s) else None),
    row("createToken", 201, lambda s: to(body=TOKEN)),
    row("createToken", 201, lambda s: to(body={"subject": "x", "role": "admin", "expires": "2100-01-01T00:00:00Z"})),
    row("createToken", 404, "not-found", lambda s: to(body={**TOKEN, "namespace": "nobody"})),
    row("createToken", 422, "invalid", lambda s: to(body={**TOKEN, "expires": "2100-01-01T00:00:00Z"})),
    row("createToken", 422, "invalid", lambda s: to(body={**TOKEN, "lifetime": "0s"})),
    row("createToken", 422, "invalid", lambda s: to(body={**TOKEN, "lifetime": ""})),
    row("createToken", 422, "invalid", lambda s: to(body={**TOKEN, "namespace": ""})),
    row("createToken", 422, "invalid", lambda s: to(body={"subject": "x", "role": "admin", "expires": "2001-01-01T00:00:00Z"})),
    row("createToken", 422, "invalid", lambda s: to(body={"subject": "a\tb", "role": "admin"})),
    row("getToken", 200, lambda s: to(id=token(s))),
    row("getToken", 404, "not-found", lambda s: to(id="0" * 15 + "1")),
    row("revokeToken", 200, lambda s: to(id=token(s))),
    row("revokeToken", 404, "not-found", lambda s: to(id="0" * 15 + "1")),
    row("listNamespaces", 200, lambda s: to()),
    row("createNamespace", 201, lambda s: to(body={"name": f"n{s.number()}", **QUOTAS})),
    row("createNamespace", 409, "in-use", lambda s: to(body={"name": "default"})),
    row("createNamespace", 422, "invalid", lambda s: to(body={"name": "a b"})),
    row("getNamespace", 200, lambda s: to(name="default")),
    row("getNamespace", 404, "not-found", lambda s: to(name="nobody")),
    row("setNamespace", 200, lambda s: to(name=namespace(s), body=QUOTAS)),
    row("setNamespace", 404, "not-found", lambda s: to(name="nobody", body=QUOTAS)),
    row("setNamespace", 422, "invalid", lambda s: to(name="default", body={"max_rate": 1000001})),
    row("deleteNamespace", 200, lambda s: to(name=namespace(s))),
    row("deleteNamespace", 404, "not-found", lambda s: to(name="nobody")),
    row("deleteNamespace", 409, "in-use", lambda s: to(name="default")),
    row("deleteNamespace", 409, "in-use", lambda s: used(s)),
    row("submitCommand", 201, lambda s: to(body=s.submission(), headers=HERE)),
    row("submitCommand", 429, "quota-exceeded", lambda s: over(s, max_open=1)),
    row("submitCommand", 429, "rate-limited", lambda s: over(s, max_rate=1)),
    row("submitBatch", 200, lambda s: to(body=[s.submission()], headers=HERE)),
    row("listCommands", 200, lambda s: to(headers=HERE)),
    row("getCommand", 200, lambda s: to(id=s.completed(), headers=HERE)),
    row("getCommandByKey", 200, lambda s: by_key(s)),
    row("whoami", 401, "unauthenticated", lambda s: s.other(more=["--auth", "tokens"]).api.get("/v1/whoami")),
]


def by_key(s):
    command = s.api.command(s.completed())
    return to(query={"type": command["type"], "key": command["key"]}, headers=HERE)

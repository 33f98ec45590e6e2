"""Who may do what, generated: every operation of spec/openapi.yaml x every credential, against the real server. What is expected
comes from the table of roles in spec/words.def and the `x-permission` of the operation, and from nothing else."""
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from described import OPERATIONS, send  # noqa: E402
import kit  # noqa: E402
from kit import RECOURSE, case, equal, eventually, main, true  # noqa: E402
from schema import ROOT  # noqa: E402
from stage import Stage  # noqa: E402
from test_openapi import good  # noqa: E402

kit.cases.clear()  # those of test_openapi run by themselves

WORDS = (ROOT / "spec" / "words.def").read_text()
ROLES = dict(re.findall(r'^RC_ROLE\((\w+), "(\w+)"', WORDS, re.M))
PERMISSIONS = {code: slug for code, slug in re.findall(r'^RC_PERMISSION\((\w+), "(\w+)"', WORDS, re.M)}
WIDE = set(re.findall(r'^RC_PERMISSION\(\w+, "(\w+)", 1', WORDS, re.M))
GRANTS = {(ROLES[role], PERMISSIONS[permission]) for role, permission in re.findall(r"^RC_GRANT\((\w+), (\w+)\)", WORDS, re.M)}
NOBODY = "rct_0000000000000001_" + "0" * 64
# things of one namespace, which are not there for who works in another one
THINGS = re.compile(r"/v1/(commands|bulk|tokens|namespaces)/\{\w+\}|/v1/commands/by-key")


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def first_token(world, store):
    return subprocess.run([str(RECOURSE), "token", "create", "root", "--role", "admin", "--act-as", "--store", str(store)], check=True,
                          capture_output=True, text=True).stdout.strip()


class Guarded(Stage):
    """A Stage whose servers ask for tokens; what it does by itself it does as an admin."""

    def other(self, **options):
        store = self.world.dir / f"guarded-{next(self.numbers)}.db"
        self.root = first_token(self.world, store)
        server = super().other(**{"store": store, **options, "more": ["--auth", "tokens", *options.get("more", ())]})
        ask, known = server.api.ask, bearer(self.root)
        server.api.ask = lambda method, target, body=None, headers=None: ask(method, target, body, {**known, **(headers or {})})
        server.api.headers = known
        return server

    def token(self, role, **more):
        return self.api.post("/v1/tokens", {"subject": f"a {role}", "role": role, **more}).must(201).json

    def credentials(self):
        """{name: (headers, role or None where nobody is known, bound to another namespace)}"""
        self.api.post("/v1/namespaces", {"name": "shop"}).must(201)
        revoked, expired = self.token("admin"), self.token("admin", lifetime="1ms")
        self.api.ask("DELETE", f"/v1/tokens/{revoked['token']['id']}").must(200)
        eventually(lambda: not self.api.get(f"/v1/tokens/{expired['token']['id']}").must(200).json["works"], "a token expires")
        one = self.token("admin")["secret"]
        wrong = one[:-1] + ("0" if one[-1] != "0" else "1")
        found = {"none": {"Authorization": ""}, "another scheme": {"Authorization": "Basic cm9vdDpyb290"}, "malformed": bearer("rct_hello"),
                 "unknown": bearer(NOBODY), "a wrong secret": bearer(wrong), "revoked": bearer(revoked["secret"]),
                 "expired": bearer(expired["secret"])}
        found = {name: (headers, None, False) for name, headers in found.items()}
        for role in ROLES.values():
            found[role] = (bearer(self.token(role, act_as=True)["secret"]), role, False)
            found[f"{role} of shop"] = (bearer(self.token(role, act_as=True, namespace="shop")["secret"]), role, True)
        return found


def expected(operation, permission, role, bound, grants):
    """What may be answered: 401, 403, 404, or None for anything else."""
    if permission == "open":
        return None
    if role is None:
        return 401
    if (role, permission) not in grants or (bound and permission in WIDE):
        return 403
    return 404 if bound and THINGS.match(operation.path) else None


def differences(stage, credentials, operations, grants=GRANTS, permission_of=lambda o: o.described["x-permission"]):
    """What the server answers otherwise than the table says."""
    found = []
    for operation in operations:
        for name, (headers, role, bound) in credentials.items():
            want = expected(operation, permission_of(operation), role, bound, grants)
            request = good(operation).make(stage)
            if not hasattr(request, "but"):
                continue  # the row asks by itself
            if want:
                request = request.but(until=None)
            answer = send(stage.api, operation, request.but(headers={**request.headers, **headers}))
            fits = answer.status == want if want else answer.status not in (401, 403) and (bound or answer.status < 300)
            if not fits:
                found.append(f"{operation} as {name}: {answer.status}, expected {want or 'to be allowed'}")
            if answer.status == 401 and answer.headers["WWW-Authenticate"] != 'Bearer realm="recourse"':
                found.append(f"{operation} as {name}: 401 without WWW-Authenticate")
    return found


@case("every operation x every credential: as the table of roles says")
def roles(world):
    stage = Guarded(world)
    credentials = stage.credentials()
    equal(len(credentials), 7 + 2 * len(ROLES), "credentials")
    for operation in OPERATIONS.values():
        true(operation.described["x-permission"] in PERMISSIONS.values(), f"{operation}: x-permission")
    found = differences(stage, credentials, OPERATIONS.values())
    true(not found, f"{len(found)} differences:\n" + "\n".join(found))


@case("negative control: a route with another permission, a grant too many and one too few are found")
def control(world):
    stage = Guarded(world)
    credentials = stage.credentials()
    tokens, reading = OPERATIONS["listTokens"], OPERATIONS["listCommands"]
    equal(differences(stage, credentials, [tokens, reading]), [], "differences as it is")
    found = differences(stage, credentials, [tokens], permission_of=lambda o: "read")
    true(any("as viewer: 403" in line for line in found), f"a route with a permission that is too strict: {found}")
    found = differences(stage, credentials, [reading], permission_of=lambda o: "tokens")
    true(any("as viewer: 200" in line for line in found), f"a route that is open too wide: {found}")
    found = differences(stage, credentials, [reading], permission_of=lambda o: "define")
    true(any("as admin of shop: 200" in line for line in found), f"a permission that ought to be wide: {found}")
    found = differences(stage, credentials, [tokens], GRANTS | {("viewer", "tokens")})
    equal(len(found), 2, f"a grant that the server does not have: {found}")
    found = differences(stage, credentials, [tokens], GRANTS - {("admin", "tokens")})
    equal(len(found), 2, f"a grant that only the server has: {found}")
    found = differences(stage, {"none": (credentials["viewer"][0], None, False)}, [reading])
    equal(len(found), 1, f"a credential that works and must not: {found}")


@case("a namespace that the token is not bound to is refused, also by the header; one that is not there is not found")
def namespaces(world):
    stage = Guarded(world)
    credentials = stage.credentials()
    there = {"Recourse-Namespace": "default"}
    for role in ("submitter", "viewer", "operator", "admin"):
        headers = credentials[f"{role} of shop"][0]
        stage.api.get("/v1/commands", **headers, **there).problem(403, "forbidden")
        equal(stage.api.get("/v1/whoami", **headers).must(200).json["namespace"], "shop", "the namespace")
        stage.api.get("/v1/commands", **credentials[role][0], **{"Recourse-Namespace": "shop"}).must(200)
        stage.api.get("/v1/commands", **credentials[role][0], **{"Recourse-Namespace": "nobody"}).problem(404, "not-found")
    stage.api.get("/v1/commands", **credentials["worker"][0], **{"Recourse-Namespace": "nobody"}).problem(403, "forbidden")


if __name__ == "__main__":
    main()

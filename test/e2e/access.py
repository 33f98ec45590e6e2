"""Servers that ask for tokens, and who has one: what the tests of access and of workers share."""
import subprocess

from kit import PATIENCE, RECOURSE, equal

TOKENS = ["--auth", "tokens"]


def first_token(world, store, *more, code=0):
    got = subprocess.run([str(RECOURSE), "token", "create", "root", "--role", "admin", "--store", str(store), *more], capture_output=True,
                         text=True, timeout=PATIENCE)
    equal(got.returncode, code, f"exit code: {got.stdout}{got.stderr}")
    return got.stdout.strip() if code == 0 else got.stderr


def bearer(token, ns=None):
    return {"Authorization": f"Bearer {token}", **({"Recourse-Namespace": ns} if ns else {})}


class As:
    """What the API is to one who has a token."""

    def __init__(self, api, token, ns=None):
        self.api, self.headers = api, bearer(token, ns)

    def get(self, path):
        return self.api.get(path, **self.headers)

    def post(self, path, body):
        return self.api.post(path, body, self.headers)

    def ask(self, method, path, body=None):
        return self.api.ask(method, path, body, self.headers)

    def submit(self, flow, payload, **more):
        return self.post("/v1/commands", {"type": flow, "payload": payload, **more})

    def make(self, subject, role, **more):
        return self.post("/v1/tokens", {"subject": subject, "role": role, **more}).must(201).json


def guarded(world, defs=None, more=(), **options):
    """A server that asks for tokens, and its first admin."""
    store = world.dir / "recourse.db"
    token = first_token(world, store)
    server = world.server(store=store, defs=defs, more=[*TOKENS, *more], **options).start()
    return server, As(server.api, token), token

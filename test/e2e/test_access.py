"""Who may do what, from outside: the first token, revocation, namespaces, quotas that hold over kill -9, and what is never shown."""
import json
import os
import re
import secrets as randomness
import socket
import subprocess
import threading

from access import TOKENS, As, first_token, guarded
from kit import (PATIENCE, RECOURSE, SANITIZED, Canary, Process, Skip, case, contains, dependency, equal, eventually, main,
                 simple_flow, true)

def mute(world):
    """A dependency that takes every call and never answers: what is submitted stays open."""
    listener = socket.create_server(("127.0.0.1", 0))
    world.closers.append(listener.close)
    return world.write(d=dependency("mute", f"http://127.0.0.1:{listener.getsockname()[1]}", concurrent=64),
                       f=simple_flow("open", "mute", more="timeout: 1h"))


@case("the first token is made where no server runs, and shown once")
def first(world):
    store = world.dir / "recourse.db"
    server = world.server(store=store, more=TOKENS).start()
    said = eventually(lambda: [r for r in server.records() if "recourse token create" in r["text"]], "the log says how to make one")
    contains(said[0]["text"], str(store))
    contains(first_token(world, store, code=5), "stop the server")
    server.api.get("/v1/whoami").problem(401, "unauthenticated")
    equal(server.stop(), 0, "exit code")
    token = first_token(world, store, "--reason", "the first")
    true(re.fullmatch(r"rct_[0-9a-f]{16}_[0-9a-f]{64}", token), f"no token: {token}")
    contains(first_token(world, store, "--lifetime", "soon", code=2), "--lifetime")
    contains(first_token(world, store, "--bind", "nobody", code=4), "nobody")
    made = json.loads(first_token(world, store, "--json", "--lifetime", "1h"))
    equal(made["secret"].split("_")[1], made["token"]["id"], "the id in the token")
    server.start()
    true(not any("recourse token create" in r["text"] for r in server.records()), "the log still says how to make one")
    root = As(server.api, token)
    me = root.get("/v1/whoami").must(200).json
    equal((me["subject"], me["role"], me["bound"], me["token"]), ("root", "admin", False, token.split("_")[1]), "who")
    listed = root.get("/v1/tokens").must(200).json["tokens"]
    equal([t["id"] for t in listed], [token.split("_")[1], made["token"]["id"]], "tokens")
    equal(listed[0]["expires"] is None, listed[1]["expires"] is not None, "expiry")
    true(token.split("_")[2] not in json.dumps(listed), "the secret is shown again")
    audit = root.get("/v1/audit").must(200).json["entries"]
    equal([(e["kind"], e["action"]) for e in audit], [("token", "added")] * 2, "the audit")
    equal(audit[-1]["data"]["reason"], "the first", "the reason")


@case("a token is revoked at once: for new requests, for who waits, for who listens, and after a restart")
def revoked(world):
    server, root, _ = guarded(world, mute(world))
    made = root.make("billing", "submitter")
    billing, path = As(server.api, made["secret"]), f"/v1/tokens/{made['token']['id']}"
    id = billing.submit("open", {"n": 1}).must(201).json["id"]
    waiting, heard = {}, {}

    def wait():
        waiting["answer"] = billing.get(f"/v1/commands/{id}?wait=30s")

    def listen():
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as s:
            s.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {made['secret']}\r\n\r\n".encode())
            while part := s.recv(4096):
                heard["text"] = heard.get("text", b"") + part

    threads = [threading.Thread(target=f, daemon=True) for f in (wait, listen)]
    for t in threads:
        t.start()
    eventually(lambda: "retry" in heard.get("text", b"").decode(), "the stream begins")
    eventually(lambda: float(re.search(r"recourse_http_waiting (\d+)", root.get("/metrics").must(200).text).group(1)) == 1, "one waits")
    gone = root.ask("DELETE", path).must(200).json
    true(gone["revoked"] and not gone["works"], f"{gone}")
    contains(billing.get("/v1/whoami").problem(401, "unauthenticated")["detail"], "revoked")
    billing.submit("open", {"n": 2}).problem(401, "unauthenticated")
    root.submit("open", {"n": 3}).must(201)  # something that a stream would tell
    for t in threads:
        t.join(PATIENCE)
    waiting["answer"].problem(401, "unauthenticated")
    contains(heard["text"].decode(), "revoked")
    true('"revision":2' not in heard["text"].decode(), "the stream told more")
    equal(root.ask("DELETE", path).must(200).json["revoked"], gone["revoked"], "revoked twice")
    server.kill()
    server.start()
    billing.get("/v1/whoami").problem(401, "unauthenticated")
    equal(root.get(path).must(200).json["revoked"], gone["revoked"], "revoked, after a crash")


@case("only who may act for others names another actor")
def actors(world):
    server, root, _ = guarded(world, mute(world))
    plain, broker = As(server.api, root.make("billing", "operator")["secret"]), As(server.api, root.make("desk", "operator", act_as=True)["secret"])
    for who in (plain, broker):
        n = 1 if who is plain else 2
        name = "billing" if who is plain else "desk"
        id = who.submit("open", {"n": n}).must(201).json["id"]
        equal(who.get(f"/v1/commands/{id}").must(200).json["actor"], name, "the actor where nobody is named")
        who.submit("open", {"n": n + 10}, actor=name).must(201)
    plain.submit("open", {"n": 3}, actor="carla").problem(403, "forbidden")
    plain.post(f"/v1/commands/{id}/actions/cancel", {"actor": "carla"}).problem(403, "forbidden")
    carla = broker.submit("open", {"n": 3}, actor="carla").must(201).json["id"]
    told = broker.get(f"/v1/commands/{carla}").must(200).json
    equal((told["actor"], told["subject"]), ("carla", "desk"), "actor and subject")
    lines = json.dumps({"type": "open", "payload": {"n": 4}, "actor": "carla"}) + "\n" + json.dumps({"type": "open", "payload": {"n": 5}}) + "\n"
    answers = server.api.post("/v1/commands/batch", lines.encode(), {**plain.headers, "Content-Type": "application/x-ndjson"}).must(200)
    equal([json.loads(line)["status"] for line in answers.text.splitlines()], [403, 201], "a batch")


@case("namespaces: the same key is two commands, and nothing is seen from one in the other")
def isolation(world):
    server, root, token = guarded(world, mute(world))
    root.post("/v1/namespaces", {"name": "shop"}).must(201)
    shop, there = As(server.api, root.make("shop", "operator", namespace="shop")["secret"]), As(server.api, token, "shop")
    here = root.submit("open", {"n": 1}, key="k").must(201).json["id"]
    other = shop.submit("open", {"n": 2}, key="k").must(201).json["id"]
    true(here != other, "one command for two namespaces")
    equal(there.submit("open", {"n": 2}, key="k").must(200).json["id"], other, "the same, by the header")
    for who, mine, foreign in ((root, here, other), (shop, other, here), (there, other, here)):
        equal([c["id"] for c in who.get("/v1/commands").must(200).json["commands"]], [mine], "the list")
        equal(who.get("/v1/commands/by-key?type=open&key=k").must(200).json["id"], mine, "by key")
        for rest in ("", "?wait=1s", "/history", "/explain", "/actions"):
            who.get(f"/v1/commands/{foreign}{rest}").problem(404, "not-found")
        who.post(f"/v1/commands/{foreign}/actions/cancel", {"reason": "x"}).problem(404, "not-found")
    equal([n["name"] for n in shop.get("/v1/namespaces").must(200).json["namespaces"]], ["shop"], "namespaces that shop sees")
    shop.get("/v1/namespaces/default").problem(404, "not-found")
    equal(shop.get("/v1/namespaces/shop").must(200).json["usage"]["open_commands"], 1, "open commands")
    root.ask("DELETE", "/v1/namespaces/shop").problem(409, "in-use")
    admin = As(server.api, root.make("shop admin", "admin", namespace="shop")["secret"])
    equal({t["namespace"] for t in admin.get("/v1/tokens").must(200).json["tokens"]}, {"shop"}, "tokens that an admin of shop sees")
    equal(admin.make("clerk", "viewer")["token"]["namespace"], "shop", "the namespace of a token that it makes")
    admin.post("/v1/tokens", {"subject": "x", "role": "admin", "namespace": "default"}).problem(422, "invalid")
    admin.ask("DELETE", f"/v1/tokens/{token.split('_')[1]}").problem(404, "not-found")
    root.get("/v1/whoami").must(200)


@case("quotas refuse before anything is stored, and are right after kill -9")
def quotas(world):
    server, root, token = guarded(world, mute(world))
    root.post("/v1/namespaces", {"name": "small", "max_open": 5}).must(201)
    small = As(server.api, token, "small")
    usage = lambda: root.get("/v1/namespaces/small").must(200).json["usage"]
    for n in range(5):
        small.submit("open", {"n": n}).must(201)
    refused = small.submit("open", {"n": 5})
    contains(refused.problem(429, "quota-exceeded")["detail"], "has 5 open commands; 5 are allowed")
    true(int(refused.headers["Retry-After"]) > 0, "Retry-After")
    small.submit("open", {"n": 4}).must(200)
    before = usage()
    equal((before["commands"], before["open_commands"]), (5, 5), "usage")
    server.kill()
    server.start()
    small.submit("open", {"n": 5}).problem(429, "quota-exceeded")
    equal(usage()["open_commands"], 5, "open commands after kill -9")
    first = small.get("/v1/commands?limit=1").must(200).json["commands"][0]["id"]
    small.post(f"/v1/commands/{first}/actions/resolve", {"verdict": "accepted_as_is", "reason": "over"}).must(200)
    equal(usage()["open_commands"], 4, "open commands")
    small.submit("open", {"n": 5}).must(201)
    small.submit("open", {"n": 6}).problem(429, "quota-exceeded")
    body = json.dumps({"type": "open", "payload": {"n": 7}}).encode()
    send = lambda: server.api.post("/v1/commands", body, {**small.headers, "Content-Type": "application/json"})
    held = usage()["bytes"]
    root.ask("PUT", "/v1/namespaces/small", {"max_bytes": held + len(body) - 1}).must(200)
    no = send()
    no.problem(429, "quota-exceeded")
    true("Retry-After" not in no.headers, "time does not help against bytes")
    root.ask("PUT", "/v1/namespaces/small", {"max_bytes": held + len(body)}).must(200)
    send().must(201)
    send().must(200)
    root.ask("PUT", "/v1/namespaces/small", {"max_rate": 3}).must(200)
    late = eventually(lambda: next((a for a in (small.submit("open", {"n": 100 + i + usage()["commands"]}) for i in range(30)) if a.status != 201), None),
                      "the rate is refused")
    late.problem(429, "rate-limited")
    equal(late.headers["Retry-After"], "1", "Retry-After")
    root.ask("PUT", "/v1/namespaces/small", {}).must(200)
    equal([json.loads(line)["status"] for line in server.api.post(
        "/v1/commands/batch", b"".join(json.dumps({"type": "open", "payload": {"n": 500 + i}}).encode() + b"\n" for i in range(3)),
        {**small.headers, "Content-Type": "application/x-ndjson"}).must(200).text.splitlines()], [201] * 3, "a batch")


@case("when a token was used is noted, and no request waits for it")
def uses(world):
    server, root, _ = guarded(world)
    made = root.make("probe", "viewer")
    equal(made["token"]["used"], None, "never used")
    probe = As(server.api, made["secret"])
    for _ in range(20):
        probe.get("/v1/whoami").must(200)
    used = eventually(lambda: root.get(f"/v1/tokens/{made['token']['id']}").must(200).json["used"], "the use is noted")
    for _ in range(20):
        probe.get("/v1/whoami").must(200)
    equal(root.get(f"/v1/tokens/{made['token']['id']}").must(200).json["used"], used, "noted once a minute")
    server.kill()
    server.start()
    equal(root.get(f"/v1/tokens/{made['token']['id']}").must(200).json["used"], used, "after a crash")


@case("the command line: a token from a file or the environment, and plain words where it does not suffice")
def command_line(world):
    server, root, token = guarded(world, mute(world))
    file = world.dir / "token"
    file.write_text(token + "\n")
    file.chmod(0o600)
    contains(server.cli("list", code=3), "RECOURSE_TOKEN")
    said = server.cli("whoami", "--token-file", file)
    contains(said, "root")
    contains(server.cli("token", "list", "--token-file", file), token.split("_")[1])
    clerk = server.cli("token", "create", "clerk", "--role", "viewer", "--lifetime", "90d", "--token-file", file).strip()
    true(re.fullmatch(r"rct_\w+", clerk), f"only the token: {clerk!r}")
    (world.dir / "clerk").write_text(clerk)
    (world.dir / "clerk").chmod(0o644)
    contains(server.cli("whoami", "--token-file", world.dir / "clerk"), "chmod 600")
    (world.dir / "clerk").chmod(0o600)
    said = server.cli("submit", "open", "--payload", '{"n": 1}', "--token-file", world.dir / "clerk", code=3)
    contains(said, "submit")
    contains(said, "recourse whoami")
    server.cli("namespace", "create", "shop", "--max-open", "2", "--token-file", file)
    contains(server.cli("namespace", "show", "shop", "--token-file", file), "0 of 2")
    server.cli("submit", "open", "--payload", '{"n": 1}', "--namespace", "shop", "--token-file", file, code=3)  # the actor is "tester"
    env = dict(server.cli_env, RECOURSE_TOKEN=token, RECOURSE_NAMESPACE="shop")
    env.pop("RECOURSE_ACTOR")
    got = subprocess.run([str(RECOURSE), "submit", "open", "--payload", '{"n": 1}', "--json"], env=env, capture_output=True, text=True, timeout=PATIENCE)
    equal(got.returncode, 0, f"submit: {got.stderr}")
    equal(As(server.api, token, "shop").get(f"/v1/commands/{json.loads(got.stdout)['id']}").must(200).json["actor"], "root", "the actor")
    contains(server.cli("token", "revoke", clerk.split("_")[1], "--token-file", file), "revoked")
    contains(server.cli("whoami", "--token-file", world.dir / "clerk", code=3), "revoked")
    contains(server.cli("namespace", "delete", "shop", "--token-file", file, code=3), "1 commands")
    server.cli("whoami", "--token-file", world.dir / "nobody", code=3)
    bad = world.dir / "bad"
    bad.write_text("rct_x y")
    bad.chmod(0o600)
    server.cli("whoami", "--token-file", bad, code=3)


@case("not beyond loopback without TLS and tokens")
def beyond(world):
    key, cert = world.dir / "key.pem", world.dir / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    tls = ["--tls-cert", cert, "--tls-key", key]
    for more in ([], TOKENS, tls):
        server = world.server(store=world.dir / f"{len(more)}-{more[0] if more else ''}.db".replace("--", ""), more=more)
        argv = server.argv
        argv[argv.index("--listen") + 1] = f"0.0.0.0:{server.port}"
        refused = Process(world, f"beyond-{len(more)}", argv)
        equal(refused.p.wait(PATIENCE), 1, f"exit code with {more}")
        contains(refused.output, "loopback")
        contains(refused.output, "--unsafe-listen")
    server = world.server(store=world.dir / "fine.db", more=[*TOKENS, *tls])
    argv = server.argv
    argv[argv.index("--listen") + 1] = f"0.0.0.0:{server.port}"
    fine = Process(world, "fine", argv)
    eventually(lambda: "https://0.0.0.0" in fine.output, lambda: f"it listens: {fine.output}")


# ---- what is never shown --------------------------------------------------------------------------------------------------

def everything(world):
    """(name, bytes) of all that a server leaves: its files and its log."""
    for file in sorted(world.dir.rglob("*")):
        if file.is_file() and file.parent.name != "secrets":
            yield file.name, file.read_bytes()


@case("canaries: secrets and tokens are in no file, log, answer, export or page of numbers")
def canaries(world):
    secret, wrong = f"canary{randomness.token_hex(16)}", f"rct_{randomness.token_hex(8)}_{randomness.token_hex(32)}"
    folder = world.dir / "secrets"
    folder.mkdir(mode=0o700)
    (folder / "token").write_text(secret + "\n")
    echo = json.dumps({"echo": f"Bearer {secret}", "number": 1}).encode()
    hub = Canary(world, answer=(422, {"Content-Type": "application/json", "X-Echo": secret}, echo))
    dep = dependency("there", f"http://127.0.0.1:{hub.port}", more="headers: { Authorization: \"Bearer ${secret('token')}\" }\n")
    server, root, token = guarded(world, world.write(a=dep, b=simple_flow("send", "there", more="timeout: 5s\n")),
                                  ["--secrets", folder, "--log-level", "debug"])
    marks, answers = [secret, token.split("_")[2], wrong.split("_")[2]], []
    watch = server.api.ask

    def ask(method, path, body=None, headers=None):
        answer = watch(method, path, body, headers)
        answers.append((f"{method} {path}", str(answer.headers).encode() + answer.body))
        return answer

    server.api.ask = ask
    made = [root.make(f"subject {i}", "operator") for i in range(3)]
    for one in made:
        answers.pop(next(i for i, a in enumerate(answers) if one["secret"].encode() in a[1]))  # the one answer that shows it
        marks.append(one["secret"].split("_")[2])
    for one in made:
        As(server.api, one["secret"]).get("/v1/whoami").must(200)
    As(server.api, wrong).get("/v1/whoami").problem(401, "unauthenticated")
    As(server.api, marks[1]).get("/v1/whoami").problem(401, "unauthenticated")
    id = root.submit("send", {"n": 1}).must(201).json["id"]
    eventually(lambda: root.get(f"/v1/commands/{id}").must(200).json["state"] == "rejected", "it is rejected")
    true(any(h[2].get("Authorization") == f"Bearer {secret}" for h in hub.asked), "the secret has gone out")
    root.ask("DELETE", f"/v1/tokens/{made[0]['token']['id']}").must(200)
    for path in ("", "/history", "/explain", "/actions"):
        root.get(f"/v1/commands/{id}{path}").must(200)
    for path in ("/v1", "/v1/commands", "/v1/tokens", "/v1/namespaces", "/v1/audit", "/v1/definitions", "/v1/whoami", "/metrics", "/readyz"):
        root.get(path).must(200)
    root.get("/v1/definitions/dependency/there").must(200)
    server.api.ask("GET", f"/v1/commands?nobody={token}", None, root.headers).problem(400, "malformed")
    server.kill()  # with its write-ahead log
    files = list(everything(world))
    true(any(n.endswith("-wal") and t for n, t in files), "there is a write-ahead log")
    server.start()
    for command in (["backup", world.dir / "copy.db"], ["export", "--audit"], ["audit", "verify"]):
        got = subprocess.run([str(RECOURSE), *map(str, command), "--store", str(server.store)], capture_output=True, timeout=PATIENCE)
        equal(got.returncode, 0, f"exit code of {command[0]}: {got.stderr}")
        answers.append((command[0], got.stdout + got.stderr))
    true((world.dir / "copy.db").exists() and any(b"subject 1" in text for name, text in answers if name == "export"), "a copy and an export")
    equal(server.stop(), 0, "exit code")
    files += everything(world)
    for mark in marks:
        for name, text in files + answers:
            where = text.find(mark.encode())
            true(where < 0, f"{mark[:8]}… is in {name}: {text[max(0, where - 80):where + 20]!r}")
    # and the search finds what is there
    true(any(b"subject 1" in text for name, text in files if ".db" in name), "the search finds what is stored")


def owner_of_memory(world, argv):
    """Who owns /proc/PID/mem of a program that an ordinary user has started, when it says something. Of a process that is not dumpable
    that is root (proc(5)): nobody else may read it, nor trace it."""
    user = os.geteuid() or 65534
    if not os.geteuid():
        os.chown(world.dir, user, -1)
    p = subprocess.Popen([str(a) for a in argv], user=None if os.geteuid() else user, cwd=world.dir, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        said = p.stderr.readline()
        true(said, f"{argv[0]} says nothing")
        limits = {line[:26].strip(): line[26:].split() for line in open(f"/proc/{p.pid}/limits").read().splitlines()}
        return os.stat(f"/proc/{p.pid}/mem").st_uid, user, limits["Max core file size"][:2]
    finally:
        p.kill()
        p.wait()
        p.stderr.close()


@case("no core, and no other process reads the memory")
def dumpable(world):
    if SANITIZED:
        raise Skip("the leak checker reads the memory")
    if not os.geteuid() and subprocess.run([str(RECOURSE), "version"], user=65534, capture_output=True).returncode:
        raise Skip("an ordinary user cannot run the program here")
    server = world.server(more=TOKENS)
    owner, user, core = owner_of_memory(world, server.argv)
    equal((owner, core), (0, ["0", "0"]), "owner of the memory, size of a core file")
    owner, user, _ = owner_of_memory(world, ["/bin/sh", "-c", "echo hello >&2; exec sleep 60"])
    equal(owner, user, "owner of the memory of another program: the test can see the difference")


@case("secrets come from systemd's directory of credentials, too")
def credentials(world):
    folder = world.dir / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "token").write_text("from-systemd\n")
    hub = Canary(world)
    dep = dependency("there", f"http://127.0.0.1:{hub.port}", more="headers: { Authorization: \"Bearer ${secret('token')}\" }\n")
    server = world.server(defs=world.write(a=dep, b=simple_flow("send", "there", more="timeout: 5s\n")))
    os.environ["CREDENTIALS_DIRECTORY"] = str(folder)
    try:
        server.start()
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]
    server.api.until_state(server.api.submit("send", {"n": 1}).must(201).json["id"], "completed")
    equal(hub.asked[0][2]["Authorization"], "Bearer from-systemd", "what went out")


if __name__ == "__main__":
    main()

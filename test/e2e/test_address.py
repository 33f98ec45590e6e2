"""Outgoing calls reach the declared base and nothing else: no private address unless allowed, no redirect, no way out of the path."""
import json
import os
import socket
from urllib.parse import parse_qs, unquote, urlsplit

from kit import BUILD, SANITIZED, Canary, Process, Skip, case, contains, dependency, equal, main, simple_flow, true


def flow(name, dep, path="/ok", more="timeout: 2s\nretry: { delay: 10ms, limit: { attempts: 2 } }"):
    return simple_flow(name, dep=dep, path=path, more=more)


@case("an address of this machine is not reached where the dependency does not allow it, however it is spelt")
def private(world):
    canary = Canary(world)
    port = canary.port
    spelt = {"plain": f"http://127.0.0.1:{port}", "name": f"http://localhost:{port}", "mapped": f"http://[::ffff:127.0.0.1]:{port}",
             "mappedhex": f"http://[::ffff:7f00:1]:{port}", "nothing": f"http://0.0.0.0:{port}", "other": f"http://127.9.8.7:{port}"}
    texts = {}
    for name, base in spelt.items():
        texts[f"d_{name}"] = dependency(name, base, private=False)
        texts[f"f_{name}"] = flow(f"to.{name}", name)
    texts["d_allowed"] = dependency("allowed", f"http://127.0.0.1:{port}")
    texts["f_allowed"] = flow("to.allowed", "allowed")
    server = world.server(defs=world.write(**texts)).start()
    api = server.api
    for name in spelt:
        id = api.submit(f"to.{name}", {"n": 1}).must(201).json["id"]
        failed = api.until_state(id, "failed")
        step = failed["steps"][0]
        equal(step["why"], "address_refused", f"{name}: why")
        true(step["error"], f"{name}: no reason: {step}")
        told = api.explain(id)
        equal(told["received"]["answer"], "no", f"{name}: received")
        equal([(a["outcome"], a["reach"]) for a in told["attempts"]], [("failed", "not_sent")], f"{name}: attempts")
    equal(canary.hits, [], "the canary")
    api.until_state(api.submit("to.allowed", {"n": 1}).must(201).json["id"], "completed")
    equal(len(canary.asked), 1, "requests where it is allowed")


@case("IPv6 loopback, too")
def private_v6(world):
    try:
        canary = Canary(world, host="::1")
    except OSError:
        raise Skip("there is no IPv6 here") from None
    base = f"http://[::1]:{canary.port}"
    server = world.server(defs=world.write(a=dependency("six", base, private=False), b=flow("to.six", "six"), c=dependency("allowed", base),
                                           d=flow("to.allowed", "allowed"))).start()
    api = server.api
    failed = api.until_state(api.submit("to.six", {"n": 1}).must(201).json["id"], "failed")
    equal(failed["steps"][0]["why"], "address_refused", "why")
    equal(canary.hits, [], "the canary")
    api.until_state(api.submit("to.allowed", {"n": 1}).must(201).json["id"], "completed")


@case("numbers that mean an address are not a way around: refused when applied, or when called")
def odd_numbers(world):
    canary = Canary(world)
    server = world.server(defs=world.write(a=dependency("fine", f"http://127.0.0.1:{canary.port}"), b=flow("to.fine", "fine"))).start()
    api = server.api
    for i, host in enumerate(("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "LOCALHOST", "[::ffff:127.0.0.1%25lo]", "0",
                              "user@127.0.0.1", "127.0.0.1#@example.com")):
        files = [{"source": "d.yaml", "text": dependency(f"odd{i}", f"'http://{host}:{canary.port}'", private=False)},
                 {"source": "f.yaml", "text": flow(f"to.odd{i}", f"odd{i}")}]
        got = api.post("/v1/definitions", {"files": files})
        if got.status != 200:
            true(400 <= got.status < 500, f"{host}: {got}")
            continue
        failed = api.until_state(api.submit(f"to.odd{i}", {"n": 1}).must(201).json["id"], "failed", "review")
        true(failed["steps"][0]["why"] in ("address_refused", "not_sent", "retries_used_up"), f"{host}: {failed['steps'][0]}")
    equal(canary.hits, [], "the canary")


SPELT = ("127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "[fe80::1]", "0", "0.0.0.0",
         "localhost", "10.0.0.1", "[::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]")


def is_refused(api, name, host, port, more=""):
    """Applies a dependency with this host and calls it; how it was refused: when applied, or when called."""
    files = [{"source": "d.yaml", "text": dependency(name, f"'http://{host}:{port}'", private=False, more=more)}, {"source": "f.yaml", "text": flow(f"to.{name}", name)}]
    got = api.post("/v1/definitions", {"files": files})
    if got.status != 200:
        true(400 <= got.status < 500, f"{host}: {got}")
        return "applied"
    failed = api.until_state(api.submit(f"to.{name}", {"n": 1}).must(201).json["id"], "failed", "review")
    step = failed["steps"][0]
    true(step["why"] in ("address_refused", "not_sent", "retries_used_up"), f"{host}: {step}")
    equal({a["reach"] for a in api.explain(failed["id"])["attempts"]}, {"not_sent"}, f"{host}: how far the attempts came")
    return step["why"]


@case("every spelling of an address that is not public leaves the canary untouched")
def spellings(world):
    canary = Canary(world)
    api = world.server(defs=world.write(a=dependency("fine", f"http://127.0.0.1:{canary.port}"), b=flow("to.fine", "fine"))).start().api
    how = {host: is_refused(api, f"odd{i}", host, canary.port) for i, host in enumerate(SPELT)}
    equal(canary.hits, [], f"the canary, after {how}")
    equal(how["169.254.169.254"], "address_refused", "the address of metadata services")
    equal(how["[::ffff:127.0.0.1]"], "address_refused", "a mapped address")
    api.until_state(api.submit("to.fine", {"n": 1}).must(201).json["id"], "completed")
    equal(len(canary.asked), 1, "the canary is there, and counts")


@case("a name that resolves to this machine at the second time, or behind a public address, does not reach it")
def rebinding(world):
    if SANITIZED:
        raise Skip("a library cannot be loaded before the sanitizer's")
    canary, mark = Canary(world), world.dir / "asked"
    texts = {}
    for name in ("rebind", "both"):
        texts[f"d_{name}"] = dependency(name, f"http://{name}.test:{canary.port}", private=False)
        texts[f"f_{name}"] = flow(f"to.{name}", name, more="timeout: 2s\nretry: { delay: 10ms, limit: { attempts: 3 } }")
    server = world.server(defs=world.write(**texts))
    ends = {}
    for n in range(3):  # libcurl keeps a name for a minute: each time in another life of the process
        os.environ.update(LD_PRELOAD=str(BUILD / "test" / "e2e" / "librebind.so"), REBIND_MARK=str(mark))
        try:
            server.start()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["REBIND_MARK"]
        for name in ("rebind", "both"):
            id = server.api.submit(f"to.{name}", {"n": n}).must(201).json["id"]
            ends[name, n] = server.api.until_state(id, "failed", "review")["steps"][0]["why"]
        server.stop()
    said = mark.read_text().splitlines()
    true("rebind public" in said and "both" in said and "refused" in said, f"nobody asked for the names: {said}")
    true("rebind local" in said, f"the name was not asked a second time: {said} {ends}")
    equal(canary.hits, [], f"the canary, after {ends}")
    equal({ends["rebind", 1], ends["both", 0]}, {"address_refused"}, f"the address was refused, not only not reached: {ends}")


@case("redirects are not followed: failed, for a person to mend")
def redirects(world):
    canary = Canary(world)
    hosts = ("127.1", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost")
    more = tuple((302, f"http://{host}:{canary.port}/{i}") for i, host in enumerate(hosts))
    for i, (status, target) in enumerate(((301, f"http://127.0.0.1:{canary.port}/there"), (302, f"//127.0.0.1:{canary.port}/"), (307, "/elsewhere"),
                                          (308, "file:///etc/passwd")) + more):
        first = Canary(world, answer=(status, {"Location": target}, b""))
        server = world.server(store=world.dir / f"{i}.db", defs=world.write(a=dependency("first", f"http://127.0.0.1:{first.port}"),
                                                                             b=flow("to.first", "first"))).start()
        failed = server.api.until_state(server.api.submit("to.first", {"n": 1}).must(201).json["id"], "failed")
        equal(failed["steps"][0]["why"], "configuration", f"{status}: why")
        equal([h[1] for h in first.asked], ["/ok"], f"{status}: requests at the first")
        server.stop()
    equal(canary.hits, [], "the canary")


@case("a payload cannot leave its place in the path, nor add headers")
def escapes(world):
    canary = Canary(world)
    text = ('flow: send\npayload: { type: object, required: [p], properties: { p: { type: string } } }\nkey: "${payload.p}"\nsteps:\n  - id: call\n'
            '    call: there\n    with:\n      method: POST\n      path: "/in/${payload.p}/end"\n      query: { q: "${payload.p}" }\n'
            '      headers: { X-P: "${payload.p}" }\n      body: { p: "${payload.p}" }\n    timeout: 2s\n')
    server = world.server(defs=world.write(a=dependency("there", f"http://127.0.0.1:{canary.port}/base"), b=text)).start()
    api = server.api
    for value in ("plain", "a/b", "a b", "../../admin", "?x=1", "#f", "%2e%2e", "ä€😀", "a;b&c=d", "@evil.example", "\\\\evil", "."):
        before = len(canary.asked)
        id = api.submit("send", {"p": value}).must(201).json["id"]
        done = api.until_resting(id)
        if done["state"] != "completed":
            equal(len(canary.asked), before, f"{value!r}: what is refused has not left")
            true(done["steps"][0]["error"], f"{value!r}: no reason")
            continue
        method, target, headers = canary.asked[-1]
        parts = urlsplit("http://x" + target)
        segments = parts.path.split("/")
        equal((segments[:3], segments[-1], len(segments)), (["", "base", "in"], "end", 5), f"{value!r}: the path {target}")
        equal(unquote(segments[3]), value, f"{value!r}: its segment")
        equal(parse_qs(parts.query, keep_blank_values=True), {"q": [value]}, f"{value!r}: the query")
        equal(headers["Host"], f"127.0.0.1:{canary.port}", "Host")
    for value in ("a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"):
        before = len(canary.asked)
        got = api.submit("send", {"p": value})
        if got.status != 201:
            continue
        done = api.until_resting(got.json["id"])
        true(done["state"] in ("failed", "review", "rejected"), f"{value!r}: {done['state']}")
        equal(len(canary.asked), before, f"{value!r}: requests")
    true(not any("X-Evil" in h[2] for h in canary.asked), "a header was added")
    for n in (".", ".."):
        got = api.submit("send", {"p": n})
        true(got.status in (200, 201), f"{n}: {got}")


@case("a secret goes out in its header and is nowhere else")
def secrets(world):
    folder = world.dir / "secrets"
    folder.mkdir(mode=0o700)
    (folder / "token").write_text("hunter2-hunter2\n")
    (folder / "token").chmod(0o600)
    canary = Canary(world, answer=(422, {"Content-Type": "application/json"}, b'{"echo":"Bearer hunter2-hunter2"}'))
    dep = dependency("there", f"http://127.0.0.1:{canary.port}", more="headers: { Authorization: \"Bearer ${secret('token')}\" }\n")
    server = world.server(defs=world.write(a=dep, b=flow("send", "there")), more=["--secrets", folder]).start()
    api = server.api
    id = api.submit("send", {"n": 1}).must(201).json["id"]
    api.until_state(id, "rejected")
    equal(canary.asked[0][2]["Authorization"], "Bearer hunter2-hunter2", "what went out")
    seen = json.dumps([api.command(id), api.history(id), api.explain(id)]) + server.process.output
    true("hunter2" not in seen, "the secret is shown")
    contains(seen, "****")
    server.stop()
    for file in world.dir.glob("recourse.db*"):
        true(b"hunter2" not in file.read_bytes(), f"the secret is stored in {file.name}")


@case("the server itself: not on another address than loopback without being told so")
def listens(world):
    server = world.server()
    argv = server.argv
    place = argv.index("--listen")
    argv[place + 1] = f"0.0.0.0:{server.port}"
    refused = Process(world, "anywhere", argv)
    equal(refused.p.wait(20), 1, "exit code")
    contains(refused.output, "loopback")
    with socket.socket() as s:
        true(s.connect_ex(("127.0.0.1", server.port)) != 0, "it listens all the same")


if __name__ == "__main__":
    main()

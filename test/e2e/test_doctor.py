"""recourse doctor: each thing is broken, and found; what is fine is called fine."""
import json
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import threading

from kit import PATIENCE, PR, RECOURSE, SANITIZED, Canary, Skip, case, changed, contains, dependency, equal, eventually, main, pull, simple_flow, true

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RECOURSE_") and name != "CREDENTIALS_DIRECTORY"}


SLOW_DISK = "use a faster disk"  # an error like others; but how fast the disk of this machine is is not what is tested


def run(world, *argv, code=0, env=None, before=None):
    got = subprocess.run([str(RECOURSE), "doctor", *(str(a) for a in argv)], env={**CLEAN, "COLUMNS": "500", **(env or {})},
                         cwd=world.dir, capture_output=True, text=True, timeout=2 * PATIENCE, preexec_fn=before)
    expected = 1 if SLOW_DISK in got.stdout else code
    equal(got.returncode, expected, f"exit code of doctor {argv}: {got.stdout[-3000:]}{got.stderr[-1500:]}")
    return got.stdout


def look(world, *argv, code=0, **how):
    """What it finds: [(level, check, text, advice)]."""
    said = json.loads(run(world, "--json", *argv, code=code, **how))
    rows = [(f["level"], f["check"], f["text"], f.get("advice", "")) for f in said["findings"]]
    equal(any(r[0] == "error" and SLOW_DISK not in r[3] for r in rows), code != 0, f"errors: {rows}")
    levels = [r[0] for r in rows]
    equal(said["worst"], next(level for level in ("error", "warning", "fine") if level in levels), "the worst")
    for level, check, text, advice in rows:
        true(text and (advice or level == "fine"), f"nothing is said of what to do: {(level, check, text)}")
    return rows


def finds(rows, check, level, part):
    """There is such a finding."""
    found = [r for r in rows if r[1] == check and r[0] == level and part in r[2]]
    true(found, f"expected {level} of {check} with {part!r}: {[r for r in rows if r[1] == check]}")
    return found[0]


def stored(world, more=(), **definitions):
    """A closed store with a few commands."""
    server, hub = world.example(more=more)
    for n in range(1, 4):
        server.api.until_state(server.api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"], "completed")
    equal(server.stop(), 0, "exit code")
    return server, hub


@case("what is fine is called fine, beside a server and without one; nothing is left behind, nothing is sent")
def fine(world):
    server, hub = world.example()
    server.api.until_state(server.api.submit(PR, pull(1)).must(201).json["id"], "completed")
    before, files = len(hub.journal()), sorted(os.listdir(world.dir))
    url = f"http://127.0.0.1:{server.port}"
    rows = look(world, "--server", url, "--defs", server.defs)
    for check, part in (("settings", "no file"), ("disk", "MiB are free"), ("store", "is whole"), ("limits", "files may be open"),
                        ("permissions", "nobody else's"), ("definitions", "1 flows and 1 dependencies are in force"),
                        ("definitions", "2 in "), ("dependencies", "is reached at 127.0.0.1"), ("server", "is ready")):
        finds(rows, check, "fine", part)
    true(any(r[1] == "sync" for r in rows) and any(r[1] == "clock" for r in rows), f"checks are missing: {rows}")
    equal((len(hub.journal()), sorted(os.listdir(world.dir))), (before, files), "requests, and files of the folder")
    text = run(world, "--server", url)
    true(all(line.startswith(("fine ", "warning ", "error ", " ")) or not line or line.startswith("Everything") for line in
             text.splitlines()), f"lines: {text}")
    quiet = run(world, "--server", url, "--quiet")
    true("fine" not in quiet, f"quiet: {quiet}")
    equal(server.stop(), 0, "exit code")
    rows = look(world)
    finds(rows, "server", "warning", "connect")
    finds(rows, "dependencies", "fine", "is reached")
    finds(look(world, "--store", world.dir / "new.db"), "store", "fine", "is not there yet")
    true(not (world.dir / "new.db").exists(), "it has made a store")


@case("settings: what is wrong with them, and strangers in the environment")
def settings(world):
    file = world.dir / "s.yaml"
    file.write_text("log: xml\n")
    finds(look(world, "--config", file, code=1), "settings", "error", "s.yaml:1:6")
    finds(look(world, code=1, env={"RECOURSE_DRAIN": "soon"}), "settings", "error", "RECOURSE_DRAIN")
    finds(look(world, env={"RECOURSE_DRIAN": "1s"}), "settings", "warning", "RECOURSE_DRIAN")


@case("disk: a folder that is not there, a full or fleeting file system")
def disk(world):
    rows = look(world, "--store", world.dir / "gone/recourse.db", code=1)
    finds(rows, "disk", "error", "No such file")
    finds(rows, "sync", "error", "no file can be made")
    small = world.dir / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(small)], capture_output=True).returncode:
        raise Skip("nothing can be mounted here")
    world.closers.append(lambda: subprocess.run(["umount", "-l", str(small)], check=False))
    rows = look(world, "--store", small / "recourse.db", code=1)
    finds(rows, "disk", "error", "MiB are free")
    finds(rows, "sync", "warning", "tmpfs")
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    rows = look(world, "--store", small / "recourse.db", code=1)
    finds(rows, "disk", "error", "read-only")
    finds(rows, "sync", "error", "Read-only file system")
    finds(rows, "permissions", "error", "Read-only file system")


@case("limits: too few descriptors, a bound on the size of files")
def limits(world):
    if SANITIZED:
        raise Skip("a sanitizer has needs of its own")

    def limited(what, n):
        return lambda: resource.setrlimit(what, (n, n))

    finds(look(world, code=1, before=limited(resource.RLIMIT_NOFILE, 100)), "limits", "error", "100 files")
    finds(look(world, before=limited(resource.RLIMIT_NOFILE, 1024)), "limits", "warning", "1024 files")
    finds(look(world, code=1, before=limited(resource.RLIMIT_FSIZE, 1 << 30)), "limits", "error", "1073741824 bytes")


@case("store: damaged, of a newer version, no store at all; a clock behind it")
def store(world):
    server, _ = stored(world)
    path, copy = world.dir / "recourse.db", world.dir / "copy.db"

    def copied():
        for suffix in ("", "-wal", "-shm"):
            (world.dir / f"copy.db{suffix}").unlink(missing_ok=True)
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)

    copied()
    finds(look(world, "--store", copy), "store", "fine", "is whole")
    with changed(copy) as db:
        db.execute("PRAGMA user_version = 999")
    contains(finds(look(world, "--store", copy, code=1), "store", "error", "newer")[3], "version of recourse")
    copied()
    with changed(copy) as db:
        db.execute("UPDATE high SET at = at + 7200 * 1000000")
    finds(look(world, "--store", copy, code=1), "clock", "error", "behind the last time")
    copied()
    data = bytearray(copy.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096:page * 4096 + 64] = b"\x00" * 64
    copy.write_bytes(data)
    contains(finds(look(world, "--store", copy, code=1), "store", "error", "")[3], "restore the last backup")
    copied()
    data = bytearray(copy.read_bytes())
    data[-4096:-4000] = b"\xff" * 96  # not found before all of it is read
    copy.write_bytes(data)
    contains(finds(look(world, "--store", copy, code=1), "store", "error", "is damaged")[3], "restore the last backup")
    copy.write_bytes(b"this is no store" * 1000)
    finds(look(world, "--store", copy, code=1), "store", "error", "")
    copy.write_bytes(path.read_bytes()[:5000])
    finds(look(world, "--store", copy, code=1), "store", "error", "")
    os.mkfifo(world.dir / "pipe.db")
    finds(look(world, "--store", world.dir / "pipe.db", code=1), "store", "error", "")


@case("store: what crashed the server again and again is named, with how it is let go again")
def suspects(world):
    server, _ = stored(world)
    page = world.dir / "recourse.db.suspects"
    true(page.exists(), "the server has made its page")

    def put(*crashes):
        rows = b"".join(struct.pack("<QII", 7 + i, n, 0) for i, n in enumerate(crashes))
        page.write_bytes((struct.pack("<QQ", 0x7375737065637431, 0) + rows).ljust(page.stat().st_size, b"\0"))

    put(2, 1)
    true(not [r for r in look(world) if "crashed" in r[2]], "what has not crashed it often enough is tried again")
    put(3, 2, 4)
    row = finds(look(world), "store", "warning", "2 pieces of work crashed the server")
    contains(row[3], f"remove {page.name}")
    page.unlink()  # the move that is named
    server.start()
    server.stop()
    true(not [r for r in look(world) if "crashed" in r[2]], "it is tried again")


@case("permissions: of the store, its folder, secrets and the file of settings")
def permissions(world):
    stored(world)
    path = world.dir / "recourse.db"
    path.chmod(0o644)
    contains(finds(look(world, code=1), "permissions", "error", "recourse.db: everybody may read")[3], "chmod o-rwx")
    path.chmod(0o600)
    world.dir.chmod(0o777)
    finds(look(world, code=1), "permissions", "error", "rename and remove")
    world.dir.chmod(0o700)
    secrets = world.dir / "secrets"
    finds(look(world, "--secrets", secrets, code=1), "permissions", "error", "secrets")
    secrets.mkdir(0o700)
    (secrets / "open").write_text("x")
    (secrets / "open").chmod(0o644)
    (secrets / "empty").write_text("")
    (secrets / "empty").chmod(0o600)
    rows = look(world, "--secrets", secrets, code=1)
    finds(rows, "permissions", "error", "everybody may read this secret")
    finds(rows, "permissions", "warning", "is empty")
    finds(look(world, code=1, env={"CREDENTIALS_DIRECTORY": str(secrets)}), "permissions", "error", "everybody may read this secret")
    secrets.chmod(0o777)
    finds(look(world, "--secrets", secrets, code=1), "permissions", "error", "everybody may write")
    file = world.dir / "s.yaml"
    file.write_text("log: json\n")
    file.chmod(0o666)
    finds(look(world, "--config", file, code=1), "permissions", "error", "everybody may change the settings")
    file.chmod(0o644)
    finds(look(world, "--config", file), "settings", "fine", "s.yaml")


@case("certificate: missing, of another key, soon over, its key for everybody")
def certificate(world):
    def make(name, days):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(world.dir / f"{name}.key"), "-out",
                        str(world.dir / f"{name}.pem"), "-days", str(days), "-subj", "/CN=localhost"], check=True, capture_output=True)
        (world.dir / f"{name}.key").chmod(0o600)
        return ["--tls-cert", world.dir / f"{name}.pem", "--tls-key", world.dir / f"{name}.key"]

    long, short = make("long", 100), make("short", 2)
    finds(look(world, *long), "certificate", "fine", "is good for")
    finds(look(world, *short), "certificate", "warning", "ends in")
    finds(look(world, *long[:2], code=1), "certificate", "error", "tls_key is not")
    finds(look(world, *long[:2], *short[2:], code=1), "certificate", "error", "")
    rows = look(world, *long[:2], "--tls-key", world.dir / "gone.key", code=1)
    finds(rows, "certificate", "error", "")
    finds(rows, "permissions", "error", "gone.key")
    (world.dir / "long.key").chmod(0o644)
    finds(look(world, *long, code=1), "permissions", "error", "everybody may read this key")


@case("definitions: mistakes in the folder, and what is stored and cannot be read")
def definitions(world):
    stored(world)
    bad = world.dir / "bad"
    bad.mkdir()
    finds(look(world, "--defs", bad, code=1), "definitions", "error", "no files")
    (bad / "a.yaml").write_text("flow: x\nstpes: []\n")
    finds(look(world, "--defs", bad, code=1), "definitions", "error", "a.yaml:2:1: unknown field 'stpes'")
    with changed(world.dir / "recourse.db") as db:
        table = next(t for t, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                     if {"text", "digest"} <= {c[1] for c in db.execute(f"PRAGMA table_info({t})")})
        db.execute(f"UPDATE {table} SET text = 'flow: x'")
    finds(look(world, code=1), "definitions", "error", "cannot be read")


def tls(world, certificate):
    """A listener that speaks TLS and counts what comes after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heard, listener = [], socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as s:
                    s.settimeout(5)
                    heard.append(s.recv(100))
            except (OSError, ssl.SSLError):
                pass

    threading.Thread(target=serve, daemon=True).start()
    world.closers.append(listener.close)
    return listener.getsockname()[1], heard


@case("dependencies: no such name, nobody there, a private address, a wrong certificate; no request is sent")
def dependencies(world):
    canary = Canary(world)
    key = world.dir / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(world.dir / "c.pem"),
                    "-days", "1", "-subj", "/CN=localhost"], check=True, capture_output=True)
    key.write_text(key.read_text() + (world.dir / "c.pem").read_text())
    port, heard = tls(world, key)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        closed = s.getsockname()[1]
        names = {"good": dependency("good", f"http://127.0.0.1:{canary.port}"),
                 "nobody": dependency("nobody", f"http://127.0.0.1:{closed}"),
                 "noname": dependency("noname", "http://nobody.invalid"),
                 "private": dependency("private", f"http://127.0.0.1:{canary.port}", private=False),
                 "wrong": dependency("wrong", f"https://127.0.0.1:{port}")}
        defs = world.write(send=simple_flow("send", dep="good"), **names)
        rows = look(world, "--defs", defs, code=1)
    finds(rows, "dependencies", "fine", "good: ")
    finds(rows, "dependencies", "error", "nobody: ")
    finds(rows, "dependencies", "error", "noname: ")
    contains(finds(rows, "dependencies", "error", "private: ")[3], "allow_private")
    contains(finds(rows, "dependencies", "error", "wrong: ")[2], "certificate")
    equal((canary.asked, [h for h in heard if h]), ([], []), "requests")
    equal(len([h for h in canary.hits if h[0] == "connected"]), 1, "connections to the canary")


@case("server: named and not there, stopping")
def server(world):
    finds(look(world, "--server", "http://127.0.0.1:1", code=1), "server", "error", "127.0.0.1:1")
    finds(look(world, code=1, env={"RECOURSE_SERVER": "ftp://x"}), "server", "error", "http://")
    stopping = world.server(store=world.dir / "other.db", more=["--stop-delay", "5m"]).start()
    url = f"http://127.0.0.1:{stopping.port}"
    finds(look(world, "--server", url), "server", "fine", "ready")
    stopping.process.p.send_signal(signal.SIGTERM)
    eventually(lambda: stopping.api.get("/readyz").status == 503, "it is stopping")
    finds(look(world, "--server", url, code=1), "server", "error", "stopping")
    finds(look(world, "--store", world.dir / "other.db"), "store", "fine", "is whole")
    equal(stopping.process.end(signal.SIGTERM), 0, "exit code")


if __name__ == "__main__":
    main()

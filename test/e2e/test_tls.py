"""TLS: who is served, who is not, and a certificate that changes while the server works. Certificates are made here, with openssl(1)."""
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings

from kit import (PATIENCE, PR, Api, Failure, Skip, case, contains, equal, eventually, example_dependency, example_flow, main, noise,
                 note, pull, read_all, true)

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def openssl(world, *words, stdin=b""):
    if not shutil.which("openssl"):
        raise Skip("there is no openssl(1)")
    done = subprocess.run(["openssl", *map(str, words)], cwd=world.dir, input=stdin, capture_output=True)
    if done.returncode:
        raise Failure(f"openssl {' '.join(map(str, words))}: {done.stderr.decode()}")
    return done.stdout


def make_key(world, name):
    openssl(world, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
    os.chmod(world.dir / f"{name}.key", 0o600)


def authority(world, name="ca"):
    """A root of our own: NAME.key and NAME.pem."""
    make_key(world, name)
    openssl(world, "req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN=test {name}", "-days", 30, "-out", f"{name}.pem")
    return world.dir / f"{name}.pem"


def certificate(world, name, hosts="DNS:localhost,IP:127.0.0.1", begins=None, ends=None, ca="ca"):
    """NAME.key and NAME.pem, vouched for by the authority. Times as YYYYMMDDHHMMSSZ."""
    make_key(world, name)
    openssl(world, "req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
    folder = world.dir / f"{name}-ca"
    folder.mkdir()
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text(os.urandom(8).hex() + "\n")
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
                                   f"default_md=sha256\npolicy=any\ncopy_extensions=none\n[any]\ncommonName=supplied\n"
                                   f"[ext]\nsubjectAltName={hosts}\nextendedKeyUsage=serverAuth\n")
    times = ["-startdate", begins or "20200101000000Z", "-enddate", ends or "20991231235959Z"]
    openssl(world, "ca", "-batch", "-config", folder / "ca.cnf", "-extensions", "ext", "-in", f"{name}.csr", "-out", f"{name}.pem",
            "-keyfile", f"{ca}.key", "-cert", f"{ca}.pem", "-notext", *times)
    return world.dir / f"{name}.pem", world.dir / f"{name}.key"


def trusting(path):
    return ssl.create_default_context(cafile=str(path))


class TlsApi(Api):
    """A client that speaks TLS: kit's, over a socket of ours."""

    def __init__(self, port, context, host="localhost"):
        super().__init__(port)
        self.context, self.host = context, host

    def connect(self):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        try:
            return self.context.wrap_socket(raw, server_hostname=self.host)
        except BaseException:
            raw.close()
            raise

    def connection(self):
        made = super().connection()
        made.sock = self.connect()
        return made


def serving(world, cert, key, ca, more=()):
    server = world.server(defs=world.write(f=example_flow(), d=example_dependency(9)), more=("--tls-cert", cert, "--tls-key", key, *more))
    server.api = TlsApi(server.port, trusting(ca))
    return server.start()


def serial(api):
    with api.connect() as s:
        return s.getpeercert()["serialNumber"]


@case("a certificate that is good: python, the command line, a chain; TLS 1.2 at the least")
def good(world):
    ca = authority(world)
    server = serving(world, *certificate(world, "good"), ca)
    equal(server.api.submit(PR, pull(1)).status, 201, "a submission")
    with server.api.connect() as s:
        true(s.version() in ("TLSv1.2", "TLSv1.3"), s.version())
    env = dict(os.environ, RECOURSE_SERVER=f"https://localhost:{server.port}", RECOURSE_CA="", LC_ALL="C.UTF-8")

    def cli(*words, code=0, **more):
        done = subprocess.run([str(server.argv[0]), *map(str, words)], env=dict(env, **more), capture_output=True, text=True, timeout=60)
        equal(done.returncode, code, f"exit code of {words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr
    contains(cli("list", "--ca", ca), PR)
    contains(cli("list", RECOURSE_CA=str(ca)), PR)
    cli("list", code=5)  # nobody that the system trusts vouches for it
    authority(world, "other")
    cli("list", "--ca", world.dir / "other.pem", code=5)
    contains(server.process.output, "https://127.0.0.1")
    warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        old = trusting(ca)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, version
        old.set_ciphers("ALL:@SECLEVEL=0")
        try:
            TlsApi(server.port, old).connect().close()
            raise Failure(f"{version} was accepted")
        except (ssl.SSLError, ConnectionError):
            pass
    weak = trusting(ca)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA:AES256-SHA256:AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA")
    try:
        TlsApi(server.port, weak).connect().close()
        raise Failure("a suite without forward secrecy or authenticated encryption was accepted")
    except (ssl.SSLError, ConnectionError):
        pass


@case("certificates that are not: another host, expired, unreadable, another's key, a key that everybody reads")
def bad(world):
    ca = authority(world)
    wrong = serving_unchecked(world, *certificate(world, "wrong", hosts="DNS:elsewhere.example"), ca)
    try:
        TlsApi(wrong.port, trusting(ca)).connect().close()
        raise Failure("the certificate of another host was accepted")
    except ssl.SSLCertVerificationError:
        pass
    equal(subprocess.run([str(wrong.argv[0]), "list", "--server", f"https://localhost:{wrong.port}", "--ca", str(ca)],
                         capture_output=True).returncode, 5, "exit code of the command line")
    cert, key = certificate(world, "fine")
    other = certificate(world, "other")[1]
    old = certificate(world, "old", begins="20200101000000Z", ends="20200201000000Z")
    (world.dir / "noise.pem").write_text("nonsense")
    loose = world.dir / "loose.key"
    shutil.copy(key, loose)
    os.chmod(loose, 0o644)
    for what, words, part in (("expired", old, "expired"), ("another's key", (cert, other), "key"), ("noise", (world.dir / "noise.pem", key), "noise.pem"),
                              ("not there", (world.dir / "nowhere.pem", key), "nowhere.pem"), ("everybody reads it", (cert, loose), "everybody"),
                              ("a directory", (world.dir, key), "regular")):
        contains(world.server(store=world.dir / "other.db", more=("--tls-cert", words[0], "--tls-key", words[1])).refuses_to_start(), part, what)
    contains(world.server(store=world.dir / "other.db", more=("--tls-cert", cert)).refuses_to_start(), "belong together")


def serving_unchecked(world, cert, key, ca):
    """Its certificate is not for us: no name is looked at while it starts."""
    server = world.server(more=("--tls-cert", cert, "--tls-key", key))
    lax = trusting(ca)
    lax.check_hostname = False
    server.api = TlsApi(server.port, lax)
    return server.start()


@case("a new certificate on SIGHUP, under load: no request fails; a broken one changes nothing")
def reload(world):
    ca = authority(world)
    first, second = certificate(world, "first"), certificate(world, "second")
    cert, key = world.dir / "live.pem", world.dir / "live.key"

    def install(pair):
        for source, target in zip(pair, (cert, key)):
            shutil.copy(source, f"{target}.new")
            os.replace(f"{target}.new", target)
        os.chmod(key, 0o600)

    def told(text):
        return sum(text in line.get("text", "") + line.get("message", "") + str(line) for line in server.records())

    install(first)
    server = serving(world, cert, key, ca)
    before = serial(server.api)
    over, failed, done = threading.Event(), [], [0] * 4

    def work(i):
        while not over.is_set():
            try:
                server.api.get("/healthz").must(200)
                done[i] += 1
            except Exception as problem:
                failed.append(problem)
                return
    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for w in workers:
        w.start()
    held = server.api.connect()
    try:
        install(second)
        server.process.p.send_signal(1)
        eventually(lambda: serial(server.api) != before, "the new certificate is shown")
        now = serial(server.api)
        cert.write_text("broken")
        server.process.p.send_signal(1)
        eventually(lambda: told("stays"), "the log says that the old one stays")
        equal(serial(server.api), now, "the certificate after a broken file")
        install(first)
        server.process.p.send_signal(1)
        eventually(lambda: serial(server.api) == before, "the first one again")
        held.sendall(REQUEST)  # a connection from before all this goes on
        contains(held.recv(4096).decode(), "200 OK")
        passed = sum(done)
        eventually(lambda: sum(done) > passed or failed, "the load goes on")
    finally:
        over.set()
        for w in workers:
            w.join()
        held.close()
    true(not failed, f"requests failed: {failed[:3]}")
    note(f"{sum(done)} requests over three reloads")


@case("plain HTTP on the TLS port, TLS on the plain port, noise, a handshake that never ends")
def wrong_door(world):
    ca = authority(world)
    server = serving(world, *certificate(world, "good"), ca, more=("--header-time", "2s"))

    def talk(port, data, most=PATIENCE):
        with socket.create_connection(("127.0.0.1", port), timeout=most) as s:
            s.sendall(data)
            return read_all(s)
    said = talk(server.port, REQUEST)
    true(said.startswith(b"HTTP/1.1 400 ") and b"https://" in said and b"application/problem+json" in said, f"plain HTTP: {said!r}")
    hello = bytes.fromhex("160301020001000000")
    for bytes_sent in (noise(200), b"\0" * 100, hello + noise(300), b"\x16", b""):
        talk(server.port, bytes_sent)  # answered with an alert, or closed; in any case it ends
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(50)]
    for i, s in enumerate(held):
        s.sendall(hello[:1 + i % len(hello)])
    start = time.monotonic()
    server.api.get("/healthz").must(200)
    true(time.monotonic() - start < PATIENCE, "others wait for handshakes that do not end")  # 100 s, one after the other
    for s in held:
        try:
            while s.recv(4096):
                pass
        except ConnectionResetError:
            pass
        s.close()
    true(server.api.metric("http_handshakes_failed_total") >= 1, "failed handshakes are counted")

    plain = world.server(store=world.dir / "plain.db").start()
    said = talk(plain.port, hello + noise(300))
    true(said == b"" or said.startswith(b"HTTP/1.1 400 "), f"TLS on the plain port: {said!r}")
    plain.api.get("/healthz").must(200)


@case("large bodies and answers, slow readers and keep-alive over TLS")
def large(world):
    ca = authority(world)
    server = serving(world, *certificate(world, "good"), ca)
    body = b'{"type":"nobody","payload":"' + b"x" * 200000 + b'"}'
    server.api.post("/v1/commands", body, {"Content-Type": "application/json"}).problem(404, "not-found")
    for n in range(60):
        server.api.submit(PR, pull(n + 1, repo=f"r{n}", title="x" * 200)).must(201)
    ask = b"GET /v1/commands?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with server.api.connect() as s:
        for _ in range(30):  # sent ahead, over many records
            s.sendall(ask)
        s.sendall(REQUEST)
        got = b""
        while part := s.recv(3000):
            got += part
        equal(got.count(b"HTTP/1.1 200 OK\r\n"), 31, "answers")
    stuck = server.api.connect()
    stuck.setblocking(False)
    try:
        for _ in range(3000):
            stuck.send(ask)
    except (ssl.SSLWantWriteError, BlockingIOError):
        pass
    server.api.get("/healthz").must(200)
    stuck.close()


if __name__ == "__main__":
    main()

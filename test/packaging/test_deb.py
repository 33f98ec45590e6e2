"""The Debian package: what it holds, what lintian says, and its whole life in a clean system: installed, started, upgraded, removed,
purged.

Building it takes long (RC_E2E_LONG=1). The clean system also needs root, debootstrap and Debian's archive, and some minutes:
RC_CHROOT=1.
"""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import ROOT, Skip, case, contains, equal, eventually, free_port, main, note, true

OLDER, NEWER = "0.0.9-1", "0.1.0-7"
MIRROR = os.environ.get("RC_DEBIAN_MIRROR", "http://deb.debian.org/debian")


def run(*argv, code=0, **how):
    got = subprocess.run([str(a) for a in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, **{"timeout": 900, **how})
    if code is not None and got.returncode != code:
        raise AssertionError(f"{argv}: expected exit code {code}, got {got.returncode}: {got.stdout[-2000:]}{got.stderr[-2000:]}")
    return got.stdout + got.stderr


def built(world, version):
    if not (ROOT / "scripts/deb.sh").exists() or not shutil.which("dpkg-deb"):
        raise Skip("this is no Debian")
    path = Path(run(ROOT / "scripts/deb.sh", "--version", version, "--out", world.dir).splitlines()[-1])
    true(path.exists(), f"{path} is not there")
    return path


@case("the package is built, whole, and lintian has no error", long=True)
def whole(world):
    package = built(world, OLDER)
    fields = run("dpkg-deb", "-f", package)
    contains(fields, f"Version: {OLDER}")
    true(re.search(r"Depends: .*libsqlite3-0.*adduser", fields), f"depends: {fields}")
    runs_with = set(re.findall(r"\b(lib[\w.+-]+)", re.search(r"(?m)^Depends: (.*)$", fields).group(1))) - {"libc6"}
    container = (ROOT / "packaging/Containerfile").read_text()
    equal({name for name in runs_with if name not in container}, set(), "libraries that the Containerfile does not install")
    rows = [line.split(None, 5) for line in run("dpkg-deb", "-c", package).splitlines()]
    files = {row[5].split(" -> ")[0] for row in rows}
    for name in ("./usr/bin/recourse", "./lib/systemd/system/recourse.service", "./etc/recourse/recourse.yaml",
                 "./usr/share/man/man1/recourse.1.gz", "./usr/share/man/man1/recourse-doctor.1.gz",
                 "./usr/share/bash-completion/completions/recourse", "./usr/share/doc/recourse/copyright"):
        true(name in files, f"{name} is not in it: {sorted(files)}")
    equal({row[1] for row in rows}, {"root/root"}, "owners")
    odd = [row for row in rows if row[0][0] == "-" and (row[0][5] == "w" or row[0][8] == "w")]
    equal(odd, [], "files that others may write")
    contains(run("dpkg-deb", "-I", package, "conffiles"), "/etc/recourse/recourse.yaml")
    if not shutil.which("lintian"):
        note("lintian is not installed")
        return
    said = run("lintian", "--fail-on", "error", package)
    note(said.strip())
    equal([line for line in said.splitlines() if line.startswith("E:")], [], "errors of lintian")


class Chroot:
    """A fresh Debian below the world's folder."""

    def __init__(self, world):
        if os.environ.get("RC_CHROOT") != "1":
            raise Skip("takes minutes, root and Debian's archive; RC_CHROOT=1 runs it")
        if os.geteuid() or not shutil.which("debootstrap"):
            raise Skip("it takes root and debootstrap")
        self.root = world.dir / "root"
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", self.root, MIRROR)
        self.mounted = []
        world.closers.append(self.close)
        for what in ("proc", "dev", "sys"):
            (self.root / what).mkdir(exist_ok=True)
        self.mount("-t", "proc", "proc", self.root / "proc")
        self.mount("--bind", "/dev", self.root / "dev")
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        # no service is started by apt here; the test starts it itself, by the unit's own line
        (self.root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (self.root / "usr/sbin/policy-rc.d").chmod(0o755)
        run("chroot", self.root, "apt-get", "update", "-q")

    def mount(self, *argv):
        run("mount", *argv)
        self.mounted.append(argv[-1])

    def close(self):
        for place in reversed(self.mounted):
            run("umount", "-l", place, code=None)

    def run(self, *argv, code=0):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        return run("chroot", self.root, *argv, code=code, env=env)

    def apt(self, *argv):
        return self.run("apt-get", "-q", "-y", "--no-install-recommends", *argv)

    def install(self, package):
        shutil.copy(package, self.root / "tmp" / package.name)
        return self.apt("install", f"/tmp/{package.name}")

    def has(self, path):
        return (self.root / path).exists()


class Service:
    """The program of the unit, started as the unit says: its line, its user, its folder."""

    def __init__(self, chroot, port):
        unit = (chroot.root / "lib/systemd/system/recourse.service").read_text()
        line = re.search(r"(?m)^ExecStart=(.*)$", unit).group(1).split()
        user = re.search(r"(?m)^User=(.*)$", unit).group(1)
        self.chroot, self.url = chroot, f"http://127.0.0.1:{port}"
        self.p = subprocess.Popen(["chroot", f"--userspec={user}:{user}", chroot.root, "env", "-C", "/var/lib/recourse",
                                   f"RECOURSE_LISTEN=127.0.0.1:{port}", *line], stdin=subprocess.DEVNULL)
        eventually(lambda: self.p.poll() is None and "is ready" in self.cli("ready", code=None), "the server is ready")

    def cli(self, *argv, code=0):
        return self.chroot.run("recourse", "--server", self.url, *argv, code=code)

    def stop(self):
        self.p.terminate()
        equal(self.p.wait(60), 0, "exit code of the server")


@case("its life in a clean system: installed, started, upgraded with its data and settings kept, removed, purged")
def life(world):
    system = Chroot(world)
    older, newer = built(world, OLDER), built(world, NEWER)
    note(system.install(older).splitlines()[-1])
    contains(system.run("getent", "passwd", "recourse"), "/var/lib/recourse")
    state = (system.root / "var/lib/recourse").stat()
    equal((state.st_mode & 0o777, state.st_uid != 0), (0o700, True), "the folder of the store")
    contains(system.run("recourse", "config", "check", "/etc/recourse/recourse.yaml"), "fine")

    service = Service(system, free_port())
    flow = 'flow: hello\npayload: { type: object }\nkey: "1"\nsteps:\n  - id: call\n    call: nowhere\n    with: { method: GET, path: / }\n'
    (system.root / "tmp/defs").mkdir()
    (system.root / "tmp/defs/hello.yaml").write_text(flow)
    (system.root / "tmp/defs/nowhere.yaml").write_text("dependency: nowhere\nkind: http\nbase: http://127.0.0.1:9\nallow_private: true\n")
    service.cli("apply", "/tmp/defs", "-y")
    id = json.loads(service.cli("submit", "hello", "--payload", "{}", "--key", "k1", "--json"))["id"]
    health = system.run("recourse", "--server", service.url, "doctor", "--config", "/etc/recourse/recourse.yaml", code=None)
    contains(health, "/var/lib/recourse/recourse.db is whole")
    service.stop()

    settings = system.root / "etc/recourse/recourse.yaml"
    settings.write_text(settings.read_text() + "\nlog_level: warn\n")
    system.install(newer)
    contains(system.run("dpkg-query", "-W", "recourse"), NEWER)
    contains(settings.read_text(), "\nlog_level: warn\n", "the settings after the upgrade")
    service = Service(system, free_port())
    contains(service.cli("show", id), "hello", "the command after the upgrade")
    service.stop()

    system.apt("remove", "recourse")
    true(not system.has("usr/bin/recourse"), "the program is still there")
    true(system.has("var/lib/recourse/recourse.db") and system.has("etc/recourse/recourse.yaml"), "a removal keeps store and settings")
    system.install(newer)
    service = Service(system, free_port())
    contains(service.cli("show", id), "hello", "the command after it was installed again")
    service.stop()

    system.apt("purge", "recourse")
    left = [name for name in ("var/lib/recourse", "etc/recourse", "usr/bin/recourse", "usr/share/doc/recourse") if system.has(name)]
    equal(left, [], "what a purge leaves")
    equal(system.run("getent", "passwd", "recourse", code=None), "", "the user")


if __name__ == "__main__":
    main()

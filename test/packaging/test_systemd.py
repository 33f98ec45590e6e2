"""The unit of systemd: it is well-formed, hardened, and allows what the server does."""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import (BUILD, PR, RECOURSE, SANITIZED, Process, Skip, case, equal, eventually, example_dependency, example_flow, main, pull,
                 true)

UNIT = BUILD / "packaging/recourse.service"


def tool(name):
    if not shutil.which(name):
        raise Skip(f"{name} is not installed")
    return name


def run(*argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60)


@case("the unit's exposure is 2.0 or lower")
def exposure(_):
    got = run(tool("systemd-analyze"), "security", "--offline=true", "--no-pager", "--json=short", UNIT)
    plain = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    found = re.search(r"Overall exposure level for recourse\.service: (\d+\.\d+)", plain.stdout)
    true(found, f"no exposure: {plain.stdout[-500:]}{plain.stderr}")
    true(float(found.group(1)) <= 2.0, f"exposure {found.group(1)}:\n" + "\n".join(
        row["name"] for row in json.loads(got.stdout) if row.get("exposure")))
    equal(run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", UNIT).returncode, 0, "within the threshold")


@case("systemd finds nothing wrong with the unit")
def verify(world):
    # without the page of the manual and with a program that is there
    text = re.sub(r"(?m)^Documentation=.*\n", "", UNIT.read_text())
    text, n = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={RECOURSE.resolve()}", text)
    equal(n, 1, "ExecStart")
    unit = world.dir / "recourse.service"
    unit.write_text(text)
    got = run(tool("systemd-analyze"), "verify", "--man=no", unit)
    about = [line for line in (got.stdout + got.stderr).splitlines() if "recourse" in line]
    equal((got.returncode, about), (0, []), "what systemd-analyze verify says")


@case("the options of ExecStart are options of recourse serve")
def options(_):
    line = re.search(r"(?m)^ExecStart=(.*)$", UNIT.read_text()).group(1).split()
    equal(line[1], "serve", "command")
    shown = run(RECOURSE, "help", "serve").stdout
    for word in line[2:]:
        true(not word.startswith("--") or f"{word} " in shown, f"{word} is no option")


def allowed():
    """The system calls that the unit's SystemCallFilter lets pass."""
    sets, name = {}, None
    for line in run("systemd-analyze", "syscall-filter", "--no-pager").stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = []
        elif name and line.startswith("    ") and not line.strip().startswith("#"):
            sets[name].append(line.strip())

    def calls(word):
        return {call for one in sets[word] for call in calls(one)} if word.startswith("@") else {word}

    good = set()
    for line in re.findall(r"(?m)^SystemCallFilter=(.*)$", UNIT.read_text()):
        refused, words = line.startswith("~"), line.lstrip("~").split()
        found = {call for word in words for call in calls(word)}
        good = good - found if refused else good | found
    true(len(good) > 200, f"the filter was not understood: {len(good)}")
    return good


@case("the server makes no system call that the unit refuses, but for what it can do without")
def calls(world):
    tool("systemd-analyze")
    if SANITIZED:
        raise Skip("the sanitizer makes system calls of its own")
    trace = world.dir / "trace"
    probe = run(tool("strace"), "-f", "-o", trace, "true")
    if probe.returncode:
        raise Skip(f"strace does not work here: {probe.stderr[-200:]}")
    hub = world.standin()
    defs = world.write(create_pr=example_flow(), github=example_dependency(hub.port))
    server = world.server(defs=defs)
    server.process = Process(world, "traced", ["strace", "-f", "-qq", "-o", trace, "-I", "4", *server.argv])
    eventually(lambda: server_is_up(server), "the server answers", most=60)
    ids = [server.api.submit(PR, pull(n, repo=f"r{n}")).must(201).json["id"] for n in range(1, 21)]
    for id in ids:
        server.api.until_state(id, "completed")
    server.api.get(f"/v1/commands/{ids[0]}?wait=1s").must(200)
    child = int(run("pgrep", "-P", server.process.p.pid).stdout.split()[0])
    for number in ("-HUP", "-TERM"):
        run("kill", number, child)
    equal(server.process.p.wait(60), 0, "exit code")
    made = set(re.findall(r"(?m)^\d+ +(?:<\.\.\. )?(\w+)[( ]", trace.read_text(errors="replace"))) - {"exited", "killed"}
    true({"futex", "fdatasync", "sendto"} & made and len(made) > 30, f"the trace was not understood: {sorted(made)}")
    # the limit of descriptors is set by LimitNOFILE already; SQLite gives files to their owner only as root
    refused = made - allowed() - {"prlimit64", "setrlimit", "fchown"}
    equal(refused, set(), "system calls that the unit refuses")


def server_is_up(server):
    try:
        return server.api.get("/healthz").status == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()

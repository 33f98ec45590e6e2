"""The quickstart does what it says, and its count would tell if it did not."""
import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import signal
import subprocess
import time

from kit import BUILD, PATIENCE, ROOT, case, contains, equal, eventually, main, true

SCRIPT = ROOT / "scripts/quickstart.sh"


def environment(world):
    return dict(os.environ, RC_BUILD=str(BUILD.resolve()), TMPDIR=str(world.dir), NO_COLOR="1")


def quickstart_module():
    spec = importlib.util.spec_from_file_location("quickstart", ROOT / "scripts/quickstart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@case("--once: recovers within a minute, the counts are right, and nothing is left behind")
def once(world):
    start = time.monotonic()
    got = subprocess.run([SCRIPT, "--once"], env=environment(world), capture_output=True, text=True, timeout=3 * PATIENCE, cwd=world.dir)
    equal(got.returncode, 0, f"exit code: {got.stdout}{got.stderr}")
    true(time.monotonic() - start < 60, f"it took {time.monotonic() - start:.0f} s")
    count = {name.strip(): int(n) for name, n in re.findall(r"^  ([a-z][a-zA-Z ]+?) {2,}(\d+)", got.stdout, re.M)}
    equal((count["duplicated"], count["lost"]), (0, 0), f"the count: {count}")
    equal(count["pull requests made"], count["pull requests asked for"] - 1, "all but the one that is refused")
    true(count["attempts out when it was killed"] >= 2, f"the kill: {count}")
    true(10 <= count["pull requests asked for"] <= 20, f"commands: {count}")
    equal(list(world.dir.iterdir()), [], "what it left behind")


@case("stays up: what it says to try works, it restarts a killed server, Ctrl-C ends everything")
def stays(world):
    log = world.dir / "quickstart.log"
    with open(log, "w") as out:
        process = subprocess.Popen([SCRIPT], env=environment(world), stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=world.dir,
                                   start_new_session=True)
    world.closers.append(lambda: process.poll() is None and process.kill())
    eventually(lambda: "Ctrl-C" in log.read_text() or process.poll() is not None, lambda: log.read_text(), most=3 * PATIENCE)
    equal(process.poll(), None, f"exit code: {log.read_text()}")
    lines = log.read_text().split("What to try next")[1].splitlines()
    server = next(line.split("=")[1] for line in lines if "RECOURSE_SERVER=" in line)
    pid = next(int(line.split()[2]) for line in lines if "kill -9" in line)
    env = dict(environment(world), RECOURSE_SERVER=server)
    tried = 0
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words or not words[0].endswith(("/recourse", "/github-standin", "tail")):
            continue
        got = subprocess.run(words, env=env, capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT)
        equal(got.returncode, 0 if "--help" not in words or words[0].endswith("/recourse") else 2, f"{line}: {got.stdout}{got.stderr}")
        tried += 1
    true(tried >= 6, f"only {tried} of the commands were tried: {lines}")

    def rows():
        got = subprocess.run([BUILD.resolve() / "recourse", "list", "--json"], env=env, capture_output=True, text=True, timeout=PATIENCE)
        return json.loads(got.stdout)["commands"] if got.returncode == 0 else []
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: "it runs as" in log.read_text(), lambda: log.read_text())
    eventually(lambda: len(rows()) == 19 and {r["state"] for r in rows()} == {"completed", "partial", "rolled_back"}, lambda: f"all is well: {rows()}")
    os.kill(process.pid, signal.SIGINT)
    equal(process.wait(30), 0, f"exit code: {log.read_text()}")
    equal([p.name for p in world.dir.iterdir()], ["quickstart.log"], "what it left behind")
    with io.StringIO() as _, contextlib.suppress(ProcessLookupError):
        for n in re.findall(r"(?:started again|it runs) as (\d+)", log.read_text()):
            os.kill(int(n), 0)
            true(False, f"process {n} is still there")


class Played:
    """A stage on which the journal says what we want."""
    hub_port = 0

    def __init__(self, journal):
        self.entries = journal

    def journal(self):
        return self.entries


@case("the count tells duplicates, losses, strays, faults that were not met, and a kill that hit nothing")
def counts(world):
    quickstart = quickstart_module()

    def create(number, fault=None, status=201, repo="shop"):
        return {"method": "POST", "path": f"/repos/acme/{repo}/pulls", "acted": status == 201, "number": number, "fault": fault,
                "status": status, "idempotency_key": "k"}

    def told(state, number):
        done = [{"step": "create", "outputs": {"number": number}}] if number else []
        return {"state": state, "affects": {"done": done}}

    def run(change=lambda journal, pulls, asked: None, lost_attempts=1):
        journal = [create(1), create(2, "close-after", 0) | {"acted": True}, create(None, "422", 422),
                   *({"method": r["method"], "path": "/x", "acted": False, "number": None, "fault": r["fault"], "status": 500} for r in quickstart.RULES)]
        pulls = {("shop", "a"): [1], ("shop", "b"): [2]}
        asked = [quickstart.Asked("A", 1, "a", "", ""), quickstart.Asked("B", 2, "b", "close-after", ""), quickstart.Asked("C", 3, "c", "422", "")]
        for one, (state, number) in zip(asked, (("completed", 1), ("completed", 2), ("rejected", None))):
            one.told = told(state, number)
        change(journal, pulls, asked)
        quickstart.pulls_of = lambda stage, repos: {k: list(v) for k, v in pulls.items()}
        with contextlib.redirect_stdout(io.StringIO()) as out:
            good = quickstart.count(Played(journal), asked, lost_attempts)
        return good, out.getvalue()

    def duplicate(journal, pulls, asked):
        journal.append(create(3))
        pulls["shop", "b"].append(3)

    def hidden(journal, pulls, asked):
        journal.append(create(3))

    def forgotten(journal, pulls, asked):
        asked[0].told = None

    def not_made(journal, pulls, asked):
        del journal[0], pulls["shop", "a"]

    def wrong_number(journal, pulls, asked):
        asked[0].told = told("completed", 7)

    def unsettled(journal, pulls, asked):
        asked[1].told = told("review", None)

    def refused_but_made(journal, pulls, asked):
        journal.append(create(3))
        pulls["shop", "c"] = [3]

    def stray(journal, pulls, asked):
        journal.append(create(3))
        pulls["shop", "nobody"] = [3]

    def not_met(journal, pulls, asked):
        journal[1]["fault"] = None

    good, text = run()
    true(good and "WRONG" not in text, f"the plain run: {text}")
    for change, line in ((duplicate, r"duplicated +1"), (hidden, "the list of pull requests has"), (forgotten, r"lost +1"), (not_made, r"lost +1"),
                         (wrong_number, r"lost +1"), (unsettled, r"lost +1"), (refused_but_made, r"lost +1"), (stray, "nobody asked"),
                         (not_met, "fault close-after was met 0 times")):
        good, text = run(change)
        true(not good and re.search(line, text), f"{change.__name__}: {text}")
    good, text = run(lost_attempts=0)
    true(not good, "a kill that hit nothing")
    contains(text, "proven nothing")


@case("wrong usage, and a build that is not there")
def usage(world):
    got = subprocess.run([SCRIPT, "--twice"], env=environment(world), capture_output=True, text=True, timeout=PATIENCE, cwd=world.dir)
    equal(got.returncode, 2, "exit code")
    contains(got.stderr, "usage")
    env = dict(environment(world), RC_BUILD=str(world.dir / "nowhere"))
    got = subprocess.run([SCRIPT, "--once"], env=env, capture_output=True, text=True, timeout=PATIENCE, cwd=world.dir)
    equal(got.returncode, 1, "exit code")
    contains(got.stdout, "It did not work")


if __name__ == "__main__":
    main()

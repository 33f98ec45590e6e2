"""Runs the families of tests, each in its own time box, and ends with "N passed, N failed[, N skipped]".

families.py [--ci | --campaign HOURS] [--only WORD]…   started by scripts/test.sh from the root of the tree

The table at the end says what runs. A family is a build, a lint or one suite of Meson tests of one build. A build that fails,
a family that runs out of its time, and a family in which no test ran or all were skipped are failures. What the tests say that
they did (figures.py) is kept in build-logs/figures.json; with --ci it is held against its floors. What the tests draw at random comes from the tree
that is tested (seed.py), so that the same commit says the same everywhere; a campaign draws anew.
"""
import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import campaign
import coverage
import evidence
import figures
import seed
import strands
from counting import Count, count_log, count_tap

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build-logs"
SUITES = ("unit", "golden", "contract", "conformance", "e2e", "proof", "structure")
SIDE_BY_SIDE = {"e2e": 2}  # tests for each core: those with processes wait most of the time
MAY_SKIP = ("conformance",)  # a suite that may be skipped as a whole: its cases lie beside the tree
JOBS = os.cpu_count() or 1
TAIL = 60
SLOWER = 3  # on a machine that is so much slower than the one where boxes and times of tests were chosen, or as busy, everything passes, too
CI_BOX = 88 * 60  # seconds for all families of continuous integration, whatever their boxes are: who starts it waits no longer
TIER = "quick"  # how much the proofs do: quick, ci or campaign
ENDS = float("inf")  # when the time of all families is over, by the monotonic clock
SEED = seed.of_tree(ROOT)  # of a campaign's tests it is not
SAID = []  # figures.Said of this run
BESIDE = 2  # how much longer a family may take while another one runs beside it


@dataclass(frozen=True)
class Build:
    """One build folder: build-NAME."""
    name: str
    cc: str
    options: tuple
    sanitizer: str = ""  # what it finds in any process is a failure
    patience: int = 1    # how much longer a test may take than in a release build
    targets: tuple = ("all", "meson-test-prereq")

    @property
    def folder(self):
        return ROOT / f"build-{self.name}"

    @property
    def reports(self):
        return self.folder / "sanitizer-reports"

    def environment(self):
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", RC_TIER=TIER if self in (GCC, FUZZ) else "quick")
        env.pop("RC_SEED", None)
        if TIER != "campaign":
            env["RC_SEED"] = env["PYTHONHASHSEED"] = str(SEED)
        if TIER == "ci" and self is GCC:  # with the cases that take long
            env["RC_E2E_LONG"] = "1"
        if self is COVERAGE:
            env["LLVM_PROFILE_FILE"] = f"{self.folder}/profiles/%m.profraw"  # one for each program, added up
        log = f"log_path={self.reports}/report"
        if "address" in self.sanitizer:
            # freed memory is kept for a while to find its late use; not so much that a server's memory cannot be judged
            env["ASAN_OPTIONS"] = f"{log}:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:quarantine_size_mb=32"
            env["UBSAN_OPTIONS"] = f"{log}:halt_on_error=1:print_stacktrace=1"
        if "thread" in self.sanitizer:
            env["TSAN_OPTIONS"] = f"{log}:second_deadlock_stack=1"
        return env


GCC = Build("gcc", "gcc", ("--buildtype=release",))
# the libraries that structure/purity.py looks into; everything else is built by clang with these warnings in COVERAGE
CLANG = Build("clang", "clang", ("--buildtype=release",),
              targets=tuple(f"src/{name}/librc_{name}.a" for name in ("base", "cel", "cron", "flow", "core")))
ASAN = Build("asan", "clang", ("--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false"), "address", 4)
TSAN = Build("tsan", "clang", ("--buildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false"), "thread", 10)
FUZZ = Build("fuzz", "clang", (*ASAN.options, "-Dc_args=-fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping",
                               "-Dc_link_args=-fprofile-instr-generate"), "address", 1, ("fuzz",))
# what the tests of core and store reach: coverage.py says how it is judged
COVERAGE = Build("coverage", "clang", ("--buildtype=release", f"-Dc_args={coverage.FLAGS}", f"-Dc_link_args={coverage.FLAGS}"))
COVERING_LIVES = 3000
COVERING = ("unit", "golden", "contract", "conformance")
COVERING_E2E = tuple(f"e2e {name}" for name in ("life", "store", "records", "operator", "bulk", "people", "definitions", "access", "following",
                                               "flows", "time", "workers", "signals", "lanes", "children"))


say = strands.say


def run(command, box, log, env=None, patience=10):
    """Runs a command in a process group of its own for at most `box` seconds: its exit code, or None where time ran out. Then, and
    where this program is interrupted, it has `patience` seconds to end by itself: Meson's tests have groups of their own."""
    with open(log, "w") as out:
        process = subprocess.Popen([*strands.prefix(), *command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   env=env, start_new_session=True)
        try:
            return strands.wait(process, box)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as why:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                strands.wait(process, patience, ending=True)
            except subprocess.TimeoutExpired:
                pass
            if isinstance(why, KeyboardInterrupt):
                raise
            return None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # whatever it left behind
            except ProcessLookupError:
                pass


def one(name, good, seconds, why="", output=()):
    """A family that is one case."""
    count = Count(passed=1) if good else Count(failed=1, failures=[evidence.put(name, [why[:evidence.WIDE]] * bool(why) + evidence.of_lines(output))])
    say(f"{'ok  ' if good else 'FAIL'} {name} ({seconds:.1f} s)" + (f": {why}" if why and not good else ""))
    if not good:
        for line in list(output)[-TAIL:]:
            say(f"     | {line}")
    return count


BUILT = {}  # what was built in this run: {Build: whether it worked}
BUILDING = {}  # {Build: a lock}
TOOK = {}  # {name of a build or a family: (seconds, its box, seconds of the processors)}


def build(which, box):
    """Sets up and builds with -Werror, once, whoever asks for it first."""
    with BUILDING.setdefault(which, threading.Lock()):
        return Count() if which in BUILT else build_once(which, box)


def build_once(which, box):
    start, work, log = time.monotonic(), strands.worked(), LOGS / f"build-{which.name}.log"
    code = 0
    env = dict(os.environ, CC=which.cc, LLVM_PROFILE_FILE=os.devnull)  # what runs while building leaves no profile behind
    if not (which.folder / "build.ninja").exists():
        code = run(["meson", "setup", str(which.folder), "-Dwerror=true", "-Dtests=enabled", *which.options], box, log, env)
    if code == 0:
        left = max(1, box - (time.monotonic() - start))
        code = run(["ninja", "-C", str(which.folder), "-j", str(JOBS), *which.targets], left, log, env)
    BUILT[which] = code == 0
    TOOK[f"build {which.name}"] = (time.monotonic() - start, box, strands.worked() - work)
    output = log.read_text(errors="replace").splitlines()
    failed = next((i for i, line in enumerate(output) if line.startswith("FAILED")), None)
    why = "out of time" if code is None else f"code {code}"
    return one(f"build with {which.cc} ({' '.join(which.options)})", code == 0, time.monotonic() - start, why,
               output[-TAIL:] if failed is None else output[failed:failed + TAIL])


def tests_of(which):
    return json.loads((which.folder / "meson-info" / "intro-tests.json").read_text())


def names_of(which, suite):
    return [t["name"] for t in tests_of(which) if any(s.split(":")[-1] == suite for s in t["suite"])]


def distinct_reports(which):
    """What a sanitizer found, in any process: {lines of one report: how often its last line was said}."""
    said = {}
    for path in sorted(which.reports.iterdir()):
        lines = tuple(line for line in path.read_text(errors="replace").splitlines() if line.strip())
        first, times = said.get(lines[-1:], (lines, 0))
        said[lines[-1:]] = (first, times + 1)
    return {lines or ("an empty report",): times for lines, times in said.values()}


def suite(which, name, box, only=(), label=""):
    """One suite of Meson tests of a build, or some tests of it."""
    expected = list(only) or names_of(which, name)
    base = label or name
    log = which.folder / "meson-logs" / f"{base}.json"
    which.reports.mkdir(exist_ok=True)
    for old in [log, *which.reports.iterdir()]:
        old.unlink(missing_ok=True)
    code = 0
    if expected:
        code = run(["meson", "test", "-C", str(which.folder), "--no-rebuild", "--suite", name, "--logbase", base,
                    "--num-processes", str(SIDE_BY_SIDE.get(name, 1) * JOBS), "--timeout-multiplier", str(SLOWER * which.patience), *only],
                   box, LOGS / f"{which.name}-{base}.log", which.environment())
    count = count_log(log, expected, say)
    if code and not count.failed:
        count.fail("meson")
        say(f"FAIL {base} tests of {which.name}: meson test ended with code {code}, see {LOGS}/{which.name}-{base}.log")
    if expected and not count.passed and not count.failed and name not in MAY_SKIP:
        count.fail("all skipped")
        say(f"FAIL {base} tests of {which.name}: all of them were skipped")
    said = figures.of_log(log, which.name)
    SAID.extend(said)
    for why in figures.uncaught(said):
        count.fail(why)
        say(f"FAIL {why}")
    for report, times in distinct_reports(which).items():
        count.fail(evidence.put(f"{base} tests of {which.name}: {report[-1]}", evidence.of_report(report)))
        say(f"FAIL {base} tests of {which.name}: a sanitizer reports ({times} times):")
        for line in report[:TAIL]:
            say(f"     | {line}")
    return count


def lived(which, box):
    """Lives of the simulation, the same ones in every tree: in one process, which ends as others do and leaves its profile."""
    log = LOGS / "coverage-lives.log"
    words = [str(which.folder / "recourse_sim"), "run", "--jobs", "0", "--no-controls", "--from", "1", "--seeds", str(COVERING_LIVES)]
    code = run(words, box, log, which.environment())
    count = count_tap(log.read_text().splitlines()) or Count()
    if code or not count.passed:
        count.fail("lives of the simulation")
        say(f"FAIL lives of the simulation, see {log}")
    return count


def covered(which, box):
    """Runs tests and holds the branches that they take against the floors."""
    start, log = time.monotonic(), LOGS / "coverage.log"
    for old in (which.folder / "profiles").glob("*"):
        old.unlink()
    count = Count()
    for name, only in [(name, ()) for name in COVERING] + [("e2e", COVERING_E2E)]:
        count.add(suite(which, name, max(1, box - (time.monotonic() - start)), only))
    count.add(lived(which, max(1, box - (time.monotonic() - start))))
    code = run([sys.executable, "-B", "test/coverage.py", str(which.folder)], MINUTE, log)
    lines = log.read_text().splitlines()
    SAID.extend(figures.Said(which.name, *figure) for figure in figures.of_output("\n".join(lines)))
    judged = count_tap(lines)
    if code or not judged:
        say(f"FAIL coverage, see {log}; {which.folder}/branches.txt names what no test takes")
    count.add(judged or Count(failed=1, failures=["coverage"]))
    return count


STARTS_THREADS = re.compile(r"\b(?:pthread_create|thrd_create)\b")


def may_race(which, plain):
    """{name: whether there may be two threads} of the tests of a build: scripts, whose programs nobody knows, and programs that can start a
    thread. The thread sanitizer can always, so the same program of a build without it is asked."""
    def can(test):
        program = plain.folder / Path(test["cmd"][0]).relative_to(which.folder) if test["cmd"][0].startswith(f"{which.folder}/") else None
        if not program or not program.exists():
            return True
        names = subprocess.run(["nm", "-D", "--undefined-only", str(program)], capture_output=True, text=True, check=True).stdout
        return bool(STARTS_THREADS.search(names))
    return {test["name"]: can(test) for test in tests_of(which)}


def racing(which, name, box):
    """One suite of a build with the thread sanitizer, without the programs that have one thread: it says nothing about them, and takes ten
    times as long as the other builds that run them."""
    count = build(GCC, box_of(BUILD_BOX))
    may = may_race(which, GCC)
    only = [test for test in names_of(which, name) if may[test]]
    say(f"  {len(names_of(which, name)) - len(only)} programs of {name} have one thread")
    count.add(suite(which, name, box, only) if only else Count(failed=1, failures=["no program with threads"]))
    return count


def suites_are_known(which):
    """Every test belongs to a suite that is run; one that does not would never be."""
    stray = [t["name"] for t in tests_of(which) if not any(s.split(":")[-1] in SUITES for s in t["suite"])]
    return one("every test is in a suite that is run", not stray, 0, ", ".join(stray))


def sources(*tops):
    found = []
    for top in tops:
        found += sorted(p for p in (ROOT / top).rglob("*") if p.suffix in (".c", ".h"))
    return found


def formatted(box):
    start, log = time.monotonic(), LOGS / "format.log"
    files = [str(p) for p in sources("src", "test", "examples", "bench")]
    code = run(["clang-format", "--dry-run", "-Werror", *files], box, log)
    bad = sorted({l.split(":")[0] for l in log.read_text(errors="replace").splitlines() if "error:" in l})
    return one("clang-format", code == 0, time.monotonic() - start, "clang-format -i these", bad)


def shell(box):
    start, log = time.monotonic(), LOGS / "shell.log"
    files = [str(p) for top in ("scripts", "test", "examples", "bench") for p in sorted((ROOT / top).rglob("*.sh"))]
    code = run(["shellcheck", *files, str(ROOT / ".ci/run")], box, log)
    return one("shellcheck", code == 0, time.monotonic() - start, "", log.read_text(errors="replace").splitlines())


def dependencies(which):
    """What every object was made from, as ninja knows it: {source: [files]}."""
    listing = subprocess.run(["ninja", "-C", str(which.folder), "-t", "deps"], capture_output=True, text=True, check=True)
    found = {}
    for block in listing.stdout.split("\n\n"):
        files = [(which.folder / line.strip()).resolve() for line in block.splitlines()[1:]]
        if files:
            found[files[0]] = files
    return found


RUNS_AT_USERS = ("src", "examples")
# How far the analyzer follows a function's paths, in nodes of its graph (by itself it ends at 225,000). With the few it found three of four real
# mistakes in a seventh of the time; with the many it takes under half of it.
FEW_PATHS, MANY_PATHS = 25000, 75000


def tidy_words(source):
    """Options for a file. Tests run with sanitizers, which see what the analyzer would have to think of."""
    many = TIER == "ci" and source.relative_to(ROOT).parts[0] in RUNS_AT_USERS
    return [f"--extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={MANY_PATHS if many else FEW_PATHS}")]


def tidy(which, box):
    """clang-tidy over every source that the build compiles. A file that was clean and has not changed is not looked at again."""
    start, done = time.monotonic(), which.folder / "tidy"
    done.mkdir(exist_ok=True)
    (LOGS / "tidy").mkdir(exist_ok=True)
    strand = strands.here()
    rules = (ROOT / ".clang-tidy").read_bytes() + subprocess.run(["clang-tidy", "--version"], capture_output=True).stdout
    hashes, made_from = {}, dependencies(which)

    def digest(path):
        if path not in hashes:
            hashes[path] = hashlib.sha256(path.read_bytes()).digest()
        return hashes[path]

    def look(source):
        words = tidy_words(source)
        key = hashlib.sha256(rules + " ".join(words).encode() + b"".join(digest(p) for p in made_from.get(source, [source]))).hexdigest()
        stamp = done / f"{source.relative_to(ROOT).as_posix().replace('/', '-')}.{key[:32]}"
        if stamp.exists():
            return None
        left = box - (time.monotonic() - start)
        if left <= 0:
            return [f"{source}: no time was left"]
        log = LOGS / "tidy" / stamp.name
        code = run(["clang-tidy", "-p", str(which.folder), "--quiet", *words, str(source)], left, log)
        if code == 0:
            for old in done.glob(stamp.name.rpartition(".")[0] + ".*"):
                old.unlink()
            stamp.touch()
            return []
        return [f"{source}: no time was left"] if code is None else log.read_text(errors="replace").splitlines()

    compiled = json.loads((which.folder / "compile_commands.json").read_text())
    files = sorted({(which.folder / c["file"]).resolve() for c in compiled})
    with ThreadPoolExecutor(JOBS, initializer=strands.join, initargs=(strand,)) as pool:
        results = list(pool.map(look, files))
    problems = [line for result in results if result for line in result]
    (LOGS / "tidy.log").write_text("\n".join(problems) + "\n")
    found = [line for line in problems if " error: " in line] or problems
    fresh = sum(result is not None for result in results)
    return one(f"clang-tidy ({len(files)} files, {fresh} of them new or changed)", bool(files) and not problems,
               time.monotonic() - start, f"{len(found)} warnings, see {LOGS}/tidy.log", found)


@dataclass(frozen=True)
class Family:
    name: str
    box: int  # seconds, on the machine where they were chosen: a guard, not a target
    work: object  # (box) -> Count
    of: Build = None  # what it works on; it is built first
    larger: bool = False  # with --ci only
    busy: bool = False  # it keeps all processors busy, and gives way to the others
    share: int = 0  # of the hours of a campaign, in parts of what all have together
    amount: tuple = ()  # the variable that says how much it does, and how much of that is one second's work


E2E = 2  # how many times the box of other suites the one of e2e is: it has most of the tests, and the slow ones


def suites(of, names, box, larger=False):
    return [Family(f"{of.name} {name}", box * (E2E if name == "e2e" else 1), partial(suite, of, name), of, larger)
            for name in names]


@dataclass(frozen=True)
class Proof:
    word: str  # its tests' names begin with it
    box: int  # seconds
    busy: bool  # as in Family
    share: int  # of a campaign
    variable: str  # says how much it does
    rate: float  # of that it does so much a second, about


def proof(which, word, box):
    """The tests of the suite "proof" whose names begin with a word."""
    only = [name for name in names_of(which, "proof") if name.split()[0] == word]
    return suite(which, "proof", box, only, f"proof-{word}") if only else one(f"a proof of the name {word}", False, 0, "there is none")


def proofs(of):
    """The suite "proof", in families by the first word of the names of its tests: each has a time box of its own."""
    return [Family(f"{of.name} {row.word}", row.box, partial(proof, of, row.word), of, busy=row.busy, share=row.share, amount=(row.variable, row.rate))
            for row in PROOFS]


def proofs_are_known(which):
    """Every proof belongs to a family of proofs."""
    stray = [name for name in names_of(which, "proof") if name.split()[0] not in [row.word for row in PROOFS]]
    return one("every proof is in a family of proofs", not stray, 0, ", ".join(stray))


def fuzz_targets():
    table = (ROOT / "test" / "fuzz" / "targets.txt").read_text().splitlines()
    return sum(bool(line.strip()) and not line.startswith("#") for line in table)


MINUTE = 60
BUILD_BOX = 5 * MINUTE
PROOFS = (
    Proof("simulation", 6 * MINUTE, True, 3, "RC_SIM_SECONDS", 1),
    Proof("images", 9 * MINUTE, True, 2, "RC_IMAGES", 600),
    Proof("calls", 8 * MINUTE, True, 1, "RC_CALLS_EVERY", 0),  # all of them, whatever the time
    Proof("flips", 4 * MINUTE, True, 1, "RC_FLIPS", 50),
    Proof("worse", 4 * MINUTE, False, 1, "RC_WORSE", 1),
    Proof("kills", 4 * MINUTE, False, 3, "RC_KILLS", 2),
)
FAMILIES = [
    Family("tidy", 8 * MINUTE, partial(tidy, ASAN), ASAN, busy=True),  # first: its build is not the one that the others begin with
    Family("suites", MINUTE, lambda box: suites_are_known(GCC), GCC),
    Family("proofs", MINUTE, lambda box: proofs_are_known(GCC), GCC),
    Family("format", MINUTE, formatted),
    Family("shell", MINUTE, shell),
    *suites(GCC, [name for name in SUITES if name != "proof"], 3 * MINUTE),
    *proofs(GCC),
    *suites(ASAN, ("unit", "golden", "contract", "conformance"), 4 * MINUTE),
    *suites(ASAN, ("e2e",), 4 * MINUTE, larger=True),
    Family("fuzz fuzz", 5 * MINUTE, partial(suite, FUZZ, "fuzz"), FUZZ, busy=True, share=2, amount=("RC_FUZZ_SECONDS", JOBS / fuzz_targets())),
    # the other suites run with clang in COVERAGE, and the other tests of this one read only the tree
    Family("clang structure", 3 * MINUTE, lambda box: suite(CLANG, "structure", box, ("structure purity",)), CLANG, larger=True),
    Family("tsan unit", 4 * MINUTE, partial(racing, TSAN, "unit"), TSAN, larger=True),
    Family("tsan contract", 4 * MINUTE, partial(racing, TSAN, "contract"), TSAN, larger=True),
    *suites(TSAN, ("e2e",), 4 * MINUTE, larger=True),
    Family("coverage", 5 * MINUTE, partial(covered, COVERAGE), COVERAGE, larger=True),
]


def box_of(seconds):
    """How long something may take that is to take no more than so many seconds on the machine of the table."""
    left = ENDS - time.monotonic()
    if left < 1:
        raise TimeoutError("the time of all families together is over")
    return min(SLOWER * seconds * (BESIDE if strands.several() else 1), left)


def run_one(family):
    count = Count()
    try:
        if family.of:
            count.add(build(family.of, box_of(BUILD_BOX)))
        if family.of and not BUILT[family.of]:
            found = one(family.name, False, 0, "there is no build to work on")
        else:
            start, work, box = time.monotonic(), strands.worked(), box_of(family.box)
            found = family.work(box)
            TOOK[family.name] = (time.monotonic() - start, int(box), strands.worked() - work)
    except Exception as problem:  # whatever it is: this family has not passed, the others still run
        found = one(family.name, False, 0, f"{type(problem).__name__}: {problem}")
    if not found.total:
        found = one(family.name, False, 0, "ran nothing")
    count.add(found)
    return count


def say_times():
    """What took the time, most first: from three seconds on."""
    for name, (seconds, box, work) in sorted(TOOK.items(), key=lambda took: -took[1][0]):
        if seconds >= 3:
            say(f"  {seconds:6.0f} s of {box:4} s  {name} ({work:.0f} s of the processors)")


def say_figures(seconds, whole):
    """Keeps the figures. A floor is for the whole of the tier of continuous integration: sentences about what misses it."""
    values = figures.write(LOGS / "figures.json", SAID, TIER, seconds, ROOT)
    for name, value in values.items():
        say(f"  {value:>12}  {figures.KNOWN[name].text if name in figures.KNOWN else name}")
    return list(figures.below(values)) if whole and TIER == "ci" else []


def one_after_another(families, total):
    """Adds what comes of the families to a total: {name: Count}."""
    for family in families:
        if strands.STOPPED.is_set():
            return
        say(f"== {family.name}")
        count = run_one(family)
        count.failures = [why if family.name in evidence.head(why) else f"{family.name}: {why}" for why in count.failures]
        total[family.name] = count
        strands.tell()


def run_families(families):
    """Those that wait, and beside them those that keep the processors busy."""
    found, total = {}, Count()
    split = [(busy, [f for f in families if f.busy == busy]) for busy in (False, True)]
    try:
        if all(strand for _, strand in split):
            strands.run([(busy, partial(one_after_another, strand, found)) for busy, strand in split])
        else:
            one_after_another(families, found)
    except KeyboardInterrupt:
        say("FAIL interrupted")
        total.fail("interrupted")
    interrupted = total.failed > 0
    for family in families:
        if family.name in found:
            total.add(found[family.name])
        elif not interrupted:
            total.fail(f"{family.name}: did not end")
    return total


def arguments():
    parser = argparse.ArgumentParser(description="Run the tests of Recourse.")
    tier = parser.add_mutually_exclusive_group()
    tier.add_argument("--ci", action="store_true", help="the larger tier")
    tier.add_argument("--campaign", type=float, metavar="HOURS", help="the proofs and the fuzz targets for so many hours")
    parser.add_argument("--only", action="append", metavar="WORD", help="only families with this word in their name")
    return parser.parse_args()


def main():
    global TIER, ENDS
    options = arguments()
    if options.ci:
        TIER, ENDS = "ci", time.monotonic() + CI_BOX
        os.environ["RC_CI"] = "1"  # what a test needs from the network must be there
    start = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended, too
    LOGS.mkdir(exist_ok=True)
    if not options.campaign:
        say(f"the seed of this code is {SEED}: RC_SEED={SEED} repeats this run anywhere")
    wanted = lambda family: not options.only or any(word in family.name.split() for word in options.only)
    if options.campaign:
        TIER = "campaign"
        total = campaign.run(sys.modules[__name__], [f for f in FAMILIES if f.share and wanted(f)], options.campaign)
    else:
        total = run_families([f for f in FAMILIES if wanted(f) and (options.only or options.ci or not f.larger)])
    seconds = time.monotonic() - start
    say(f"== {seconds:.0f} s")
    say_times()
    for why in say_figures(seconds, not options.only):
        say(f"FAIL {why}")
        total.fail(why)
    for line in evidence.listing(total.failures if total.failed else []):
        say(line)
    say(str(total) if total.total else "0 passed, 1 failed")
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main())

"""run.py TARGET CORPUS SOURCE_ROOT NAME: runs a target of libFuzzer from its corpus and from what the tree has of the same kind.

With RC_FUZZ_SECONDS it runs for so long, with inputs that are new every time. Else it runs as many inputs as targets.txt says in the tier
`ci`, in `quick` a fifth of them, drawn from RC_SEED: the same ones every time; MOST_SECONDS is only a guard. An input that breaks a law stays in
the working folder as NAME-crash-…, and the command that runs it again is printed. New inputs are not kept, but for RC_FUZZ_KEEP, a folder (merge.py takes the best of them into the corpus).

NAME `control` is the negative control of the others. Says in TAP whether no law was broken, and whether the target reached what targets.txt says that it is for: one that does not reach
its parser tests nothing.
"""
import fnmatch
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUICK_PART = 5
MOST_SECONDS = 720  # three times what it was alone: it gives way to other families
CONTROL_SECONDS = 60  # at most: it ends as soon as it has found something
INPUT_SECONDS, MEMORY_MB, INPUT_BYTES = 60, 2048, 4096
PLAIN = {"core"}  # where libFuzzer would spend two thirds of the time on choosing its next input by what is rare


@dataclass(frozen=True)
class Row:
    """One line of targets.txt."""
    name: str
    inputs: int
    lines: float
    branches: float
    files: tuple


def rows(text):
    found = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            found[words[0]] = Row(words[0], int(words[1]), float(words[2]), float(words[3]), tuple(words[4:]))
    return found


def amount(row):
    """How much libFuzzer is to do, as it says it."""
    if os.environ.get("RC_FUZZ_SECONDS"):
        return {"max_total_time": int(os.environ["RC_FUZZ_SECONDS"])}
    inputs = row.inputs if os.environ.get("RC_TIER") == "ci" else max(1, row.inputs // QUICK_PART)
    seed = {"seed": os.environ["RC_SEED"]} if os.environ.get("RC_SEED") else {}
    return {"runs": inputs, "max_total_time": MOST_SECONDS, **seed}


def documents(root):
    """Definitions that stand in the tree."""
    for path in sorted((root / "examples").rglob("*.yaml")):
        yield path.read_text()
    for path in sorted((root / "test" / "golden" / "stories").iterdir()):
        yield re.split(r"(?m)^=== \w+\n", path.read_text())[1]
    yield from re.findall(r"(?ms)^```yaml\n(.*?)^```", (root / "docs" / "definitions.md").read_text())


def unmoved():
    """What to put before a program so that its addresses, from which libFuzzer draws too, are the same every time; nothing where a
    container forbids it."""
    words = ["setarch", "-R"]
    try:
        return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else []
    except OSError:
        return []


def arguments(target, name, how_much, new, begin):
    options = {**how_much, "artifact_prefix": f"{name}-", "timeout": INPUT_SECONDS, "rss_limit_mb": MEMORY_MB, "max_len": INPUT_BYTES,
               "reload": 0, "print_final_stats": 1, "seed_inputs": f"@{begin}", "entropic": int(name not in PLAIN)}
    if (HERE / "dict" / name).exists():
        options["dict"] = HERE / "dict" / name
    return [target, *(f"-{key}={value}" for key, value in options.items()), str(new)]


def fuzz(target, corpus, root, name, how_much, profile):
    """Runs the target: its exit code and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        new, more = Path(os.environ.get("RC_FUZZ_KEEP", folder)) / f"{name}-new", Path(folder) / "more"
        for made in (new, more):
            made.mkdir(parents=True, exist_ok=True)
        for i, text in enumerate(documents(root) if name == "defs" else ()):
            (more / f"{i:02}").write_text(text)
        begin = Path(folder) / "begin"  # in an order of ours: a folder's is the file system's
        begin.write_text(",".join(str(path) for place in (Path(corpus), more) for path in sorted(place.iterdir())))
        env = dict(os.environ, LLVM_PROFILE_FILE=str(profile))
        env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        before = unmoved() if "seed" in how_much else []
        done = subprocess.run(before + arguments(target, name, how_much, new, begin), env=env, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def reached(target, profile, root):
    """{file: ((lines reached, lines), (branches reached, branches))} of the sources of the tree."""
    merged = profile.with_suffix(".profdata")
    subprocess.run(["llvm-profdata", "merge", "-o", str(merged), str(profile)], check=True)
    text = subprocess.run(["llvm-cov", "export", "-summary-only", target, f"-instr-profile={merged}"], check=True,
                          capture_output=True, text=True).stdout
    found = {}
    for entry in json.loads(text)["data"][0]["files"]:
        path, said = Path(os.path.normpath(entry["filename"])), entry["summary"]
        if path.is_relative_to(root):
            found[path.relative_to(root).as_posix()] = tuple((said[of]["covered"], said[of]["count"]) for of in ("lines", "branches"))
    return found


def percent(pairs):
    covered, count = (sum(column) for column in zip(*pairs))
    return 100 * covered / count if count else 100.0


def judge(row, found):
    """What the target reached of its files: lines and branches in percent, and a report; a pattern without a file is an error."""
    named = {}
    for pattern in row.files:
        matches = {path: what for path, what in found.items() if fnmatch.fnmatch(path, pattern)}
        if not matches:
            raise ValueError(f"targets.txt: {row.name} is for {pattern}, and has none of it")
        named.update(matches)
    report = [f"# {path}: lines {percent([what[0]]):.0f} %, branches {percent([what[1]]):.0f} %" for path, what in sorted(named.items())]
    return percent([what[0] for what in named.values()]), percent([what[1] for what in named.values()]), report


def stat(output, name):
    found = re.search(rf"(?m)^stat::{name}:\s*(\d+)$", output)
    return int(found.group(1)) if found else 0


def say_replay(target, output):
    """The end of what libFuzzer said, and how to see it again."""
    print("\n".join(f"# {line}" for line in output.splitlines()[-60:]))
    for artifact in re.findall(r"Test unit written to (\S+)", output):
        print(f"# replay: {target} {Path.cwd() / artifact}")


def control(target, corpus, root, name):
    """The control's law is broken, the input is kept and breaks it again; and a target that is held to what it cannot reach fails."""
    caught = 0
    for name_of in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        os.environ.pop(name_of, None)  # its end is wanted: no report for test/families.py, where each is a failure
    print("1..2")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        code, output = fuzz(target, corpus, root, name, {"max_total_time": CONTROL_SECONDS}, Path(folder) / "crashed")
        kept = [path for path in Path(folder).glob(f"{name}-crash-*")]
        env = dict(os.environ, LLVM_PROFILE_FILE="/dev/null")
        again = kept and subprocess.run([target, str(kept[0])], env=env, capture_output=True, check=False).returncode
        caught += bool(code and again and "a law does not hold" in output)
        print(f"{'ok' if caught else 'not ok'} 1 - what breaks a law is found, kept and breaks it again")
        profile = Path(folder) / "profile"
        env["LLVM_PROFILE_FILE"] = str(profile)
        subprocess.run([target, "-runs=0", corpus], env=env, capture_output=True, check=True)
        lines, _, _ = judge(Row(name, 0, 90, 0, ("src/cel/*.c",)), reached(target, profile, root))
        caught += lines < 90
        print(f"{'ok' if lines < 90 else 'not ok'} 2 - a target that does not reach what it is for is noticed ({lines:.1f} %)")
        os.chdir("/")
    print(f"# figure fuzz_controls 2\n# figure fuzz_controls_caught {caught}")
    return 0 if caught == 2 else 1


def main(target, corpus, root, name):
    target = os.path.abspath(target)  # Meson names it from the build folder
    if name == "control":
        return control(target, corpus, Path(root).resolve(), name)
    table = rows((HERE / "targets.txt").read_text())
    row, root = table[name], Path(root).resolve()
    how_much, start = amount(row), time.monotonic()
    print("1..2")
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profraw"
        code, output = fuzz(target, corpus, root, name, how_much, profile)
        took = round(time.monotonic() - start)
        runs = stat(output, "number_of_executed_units")
        fine = code == 0 and runs > 0
        print(f"{'ok' if fine else 'not ok'} 1 - no law of {name} was broken")
        if not fine:
            say_replay(target, output)
            print("not ok 2 - without an end there is no coverage")
            return 1
        lines, branches, report = judge(row, reached(target, profile, root))
    enough = lines >= row.lines and branches >= row.branches
    print(f"{'ok' if enough else 'not ok'} 2 - {name} reached {lines:.1f} % of the lines and {branches:.1f} % of the branches of what it is for, "
          f"the floors are {row.lines:g} and {row.branches:g}")
    print("\n".join(report))
    if runs < how_much.get("runs", 0):
        print(f"# the time was over before {how_much['runs']} inputs were tried")
    print(f"# {runs} inputs in {took} s, {stat(output, 'average_exec_per_sec')} a second, {stat(output, 'new_units_added')} of them new")
    for figure, value in (("targets", 1), ("executions", runs), ("seconds", took), ("lines", round(lines, 1)), ("branches", round(branches, 1)),
                          ("corpus", len(list(Path(corpus).iterdir())))):
        print(f"# figure fuzz_{figure} {value}")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/python3
"""scripts/reliability.py [FIGURES]… | --again: writes docs/reliability.json and, from it, docs/RELIABILITY.md.

FIGURES is build-logs/figures.json of a run of `scripts/test.sh --ci`, or of a campaign; where there are several, the oldest comes first, and each
figure is that of the newest run which has it; --again keeps the figures that are there. To what the tests said it adds what can be
counted in the tree: lines of code and of tests, docs/found.md, and docs/whole.json (test/calls/whole.py): which calls failed in turn without an exception. The document is made of docs/reliability.json alone; a structure
test holds the one against the other.
"""
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))
sys.dont_write_bytecode = True
import figures  # noqa: E402

CODE, TESTS = (".c", ".h", ".def"), (".c", ".h", ".py", ".sh", ".ts", ".mjs", ".js")
PROOF_FOLDERS = ("src/sim",)  # of src/, but there to prove
FOUND = re.compile(r"(?m)^[-*] (.+(?:\n  .+)*)")
GROUPS = (
    ("Simulation", "sim_", "The real engine and core under a simulated clock, disk, network and outside world; everything from a seed."),
    ("Crash images", "image", "Every write and sync of the real SQLite store is recorded; each image that a power cut may leave is opened and judged."),
    ("kill -9", "kill", "Real server, real stand-in, real disk, load with faults; what is left is judged by the checker of invariants."),
    ("Worse than a kill", ("worse_", "flips"), "Stopped processes, full and slow disks, moved clocks, no descriptors, damaged files."),
    ("Each call fails in turn", "fault_", "The n-th call of each kind fails once, and from then on, for every n until no fault fires any more."),
    ("The checker", "check_", "One program holds the clients' history, the outside's journal and the final store against the invariants."),
    ("Fuzzing", "fuzz_", "libFuzzer targets under AddressSanitizer and UndefinedBehaviorSanitizer; each has to reach what it is for."),
    ("Branch coverage", ("core_", "store_", "cel_", "flow_", "mutants"), "Branches that the tests take, in percent."),
)


def lines_of(paths):
    return sum(sum(bool(line.strip()) for line in path.read_text(errors="replace").splitlines()) for path in paths)


def of_tree(root):
    """What can be counted in the tree: lines that are not blank."""
    proof = [p for top in PROOF_FOLDERS for p in (root / top).rglob("*")]
    code = [p for p in (root / "src").rglob("*") if p.suffix in CODE and p not in proof]
    tests = [p for p in [*(root / "test").rglob("*"), *proof] if p.suffix in TESTS and "corpus" not in p.parts]
    found = root / "docs" / "found.md"
    return {"lines_of_code": lines_of(code), "lines_of_tests": lines_of(tests),
            "found": [" ".join(entry.split()) for entry in FOUND.findall(found.read_text())] if found.exists() else []}


def value_text(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def table(values, floors):
    yield "| what | how much | at least |"
    yield "|---|---:|---:|"
    for name, value in values.items():
        row = figures.KNOWN.get(name)
        text = row.text if row else name.replace("_", " ")
        floor = value_text(floors[name]) if name in floors else ""
        yield f"| {text} | {value_text(value)} | {floor} |"


def whole_text(whole):
    """One sentence: what was run whole and when, and what of it is missing."""
    kinds = whole["kinds"]
    all_of = [name for name, row in kinds.items() if not row["missing"]]
    parts = [f"all {whole['scenarios']} things for {', '.join(sorted(all_of))}"]
    parts += [f"all but {', '.join(row['missing'])} for {name}" for name, row in sorted(kinds.items()) if row["missing"]]
    each = ", ".join(f"{name} {value_text(row['calls'])}" for name, row in sorted(kinds.items(), key=lambda kind: -kind[1]["calls"]))
    return (f"Without leaving any n out it was run last on {whole['date']} (commit {whole['commit']}): {'; '.join(parts)}; "
            f"{value_text(sum(row['calls'] for row in kinds.values()))} calls failed in turn, once and from then on, and nothing was broken ({each}; "
            "\"sql memory\" is what SQLite allocates).")


def runs_text(runs):
    return "one run" if runs == 1 else f"{runs} runs (each figure is that of the newest which has it)"


def render(facts):
    """The document. `facts` is what docs/reliability.json holds."""
    values, floors = facts["figures"], facts["floors"]
    caught = sum(value for name, value in values.items() if name.endswith(figures.CAUGHT))
    controls = sum(value for name, value in values.items() if name.endswith(figures.CONTROLS))
    out = ["# Reliability", "",
           "What was done to break the promises of Recourse, counted. `scripts/reliability.py` writes this page from what the tests "
           "print; nobody edits it.", "",
           f"These are the figures of {runs_text(facts.get('runs', 1))} of `scripts/test.sh` (tier `{facts['tier']}`, {facts['minutes']} minutes) on "
           f"{facts['date']}, up to commit {facts['commit']}, on {facts['machine']}. The tree that is tested gives the seeds. Where a floor is given, a run of continuous "
           "integration that stays below it fails.", ""]
    left = dict(values)
    for title, prefix, text in GROUPS:
        group = {name: left.pop(name) for name in list(left) if name.startswith(prefix)}
        if group:
            out += [f"## {title}", "", text, "", *table(group, floors), ""]
            out += [whole_text(facts["whole"]), ""] if prefix == "fault_" and "whole" in facts else []
    if left:
        out += ["## Also counted", "", *table(left, floors), ""]
    out += ["## Negative controls", "",
            "A test that cannot fail proves nothing. So each proof also runs with a protection switched off, and has to notice: "
            f"{value_text(caught)} of {value_text(controls)} controls were caught. One that is not caught fails the tests, in every tier.", "",
            "## Tests and code", "",
            f"{value_text(facts['lines_of_tests'])} lines of tests for {value_text(facts['lines_of_code'])} lines of code: "
            f"{facts['lines_of_tests'] / facts['lines_of_code']:.2f} lines of test for each line of code (blank lines and the corpora of the "
            "fuzz targets not counted).", "",
            "## Found and fixed", "", f"{len(facts['found'])} so far; [found.md](found.md) is the list to add to.", "",
            *(f"- {entry}" for entry in facts["found"])]
    return "\n".join(out).rstrip() + "\n"


def of_runs(paths):
    runs = [json.loads(Path(path).read_text()) for path in paths or (ROOT / "build-logs" / "figures.json",)]
    facts = {name: runs[-1][name] for name in ("tier", "date", "commit", "machine")}
    facts |= {"runs": len(runs), "minutes": sum(run["minutes"] for run in runs)}
    facts["figures"] = {name: value for run in runs for name, value in run["figures"].items()}
    return facts


def main(*paths):
    facts = json.loads((ROOT / "docs" / "reliability.json").read_text()) if paths == ("--again",) else of_runs(paths)
    facts["floors"] = {row.name: row.floor for row in figures.ROWS if row.floor is not None}
    facts |= of_tree(ROOT)
    whole = ROOT / "docs" / "whole.json"
    if whole.exists():
        facts["whole"] = json.loads(whole.read_text())
    (ROOT / "docs" / "reliability.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    (ROOT / "docs" / "RELIABILITY.md").write_text(render(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])

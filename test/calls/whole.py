"""whole.py COMMIT OUTPUT…: writes docs/whole.json, which scripts/reliability.py takes into docs/RELIABILITY.md.

OUTPUT is what the program `calls` said in a run in which every n failed, maybe of some kinds of calls and some scenarios only:

  RC_TIER=campaign RC_CALLS_COUNT=1 build/test/calls/calls --call "sql memory" --part 0/2 > sql0.tap

A scenario counts, for a kind of call, when it went through: its line "ok" stands behind the numbers of the kind, once and from then on. Whatever was
broken, or came twice, ends this program.
"""
import json
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KIND = re.compile(r"# ([a-z ]+?)( on)?: (\d+)")
SCENARIO = re.compile(r"(not )?ok \d+ - (.+): \d+ calls failed, in [\d.]+ s")


def scenarios():
    """The names in scenarios.c."""
    text = (ROOT / "test" / "calls" / "scenarios.c").read_text()
    return re.findall(r'(?m)^    \{"([^"]+)",', text)


def of_output(text):
    """(scenario, kind, calls that failed, both ways) of each scenario that went through."""
    counts = {}
    for line in text.splitlines():
        if kind := KIND.fullmatch(line):
            counts[kind[1], bool(kind[2])] = int(kind[3])
        elif scenario := SCENARIO.fullmatch(line):
            if scenario[1]:
                sys.exit(f"{scenario[2]} is broken")
            for name in {name for name, _ in counts}:
                yield scenario[2], name, counts[name, False] + counts[name, True]
            counts = {}


def main(commit, *paths):
    known, points = scenarios(), {}
    for path in paths:
        for scenario, kind, n in of_output(Path(path).read_text()):
            if scenario not in known or (kind, scenario) in points:
                sys.exit(f"{path}: {scenario}, {kind}: unknown, or there already")
            points[kind, scenario] = n
    kinds = {}
    for (kind, scenario), n in points.items():
        row = kinds.setdefault(kind, {"calls": 0, "missing": list(known)})
        row["calls"] += n
        row["missing"].remove(scenario)
    last = max(Path(path).stat().st_mtime for path in paths)
    facts = {"date": time.strftime("%Y-%m-%d", time.gmtime(last)), "commit": commit, "scenarios": len(known), "kinds": kinds}
    (ROOT / "docs" / "whole.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""scripts/test.sh --campaign HOURS: the proofs and the fuzz targets again and again, with new seeds, until the hours are over.

The hours are divided among the families by their shares. They take turns in slices, so that a campaign that is stopped early has
done some of each; a slice is one run of the family with RC_TIER=campaign, and the family's own variable says how much it is to do. What failed
is kept in build-logs/campaign: the output, what sanitizers said, and what the targets left in their working folder. After each slice
summary.md there says how far it is. New inputs of the fuzz targets are in build-logs/campaign/corpus; `python3
test/fuzz/merge.py` takes over what adds coverage.
"""
import os
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import evidence
import figures
from counting import Count

SLICE = 15 * 60  # seconds: the longest that one family runs at a time
GRACE = 10 * 60  # how much longer than its slice a family may take


@dataclass
class Turn:
    family: object
    left: float
    runs: int = 0
    spent: float = 0
    failures: list = field(default_factory=list)


def keep(families, turn, place, since):
    """Copies what a failed run left: logs, reports, and files that were written in the build folder's top."""
    folder = place / f"{turn.family.name.replace(' ', '-')}-{turn.runs}"
    folder.mkdir(parents=True, exist_ok=True)
    build = turn.family.of.folder
    found = [*families.LOGS.glob("*"), *(build / "meson-logs").glob("*"), *(build / "sanitizer-reports").glob("*"), *build.glob("*-crash-*"),
             *build.glob("*-timeout-*"), *build.glob("*-oom-*"), *build.glob("*-leak-*")]
    for path in found:
        if path.is_file() and path.stat().st_mtime >= since:
            shutil.copy2(path, folder / path.name)
    return folder


def summary(place, turns, values, hours, elapsed):
    lines = [f"# A campaign of {hours:g} hours", "", f"{elapsed / 3600:.2f} hours are over.", "",
             "| family | runs | minutes | failures |", "|---|---|---|---|"]
    lines += [f"| {t.family.name} | {t.runs} | {t.spent / 60:.0f} | {len(t.failures)} |" for t in turns]
    lines += ["", "| what | how much |", "|---|---|"]
    lines += [f"| {figures.KNOWN[name].text if name in figures.KNOWN else name} | {value} |" for name, value in values.items()]
    lines += ["", *(f"- {why}" for t in turns for why in t.failures)]
    (place / "summary.md").write_text("\n".join(lines).rstrip() + "\n")


def one_slice(families, turn, seconds, place):
    start, since = time.monotonic(), time.time()
    variable, rate = turn.family.amount
    os.environ[variable] = str(max(1, int(seconds * rate)))
    families.say(f"== {turn.family.name}, run {turn.runs + 1}, for {seconds:.0f} s")
    count = families.run_one(replace(turn.family, box=seconds * 2 + GRACE))
    turn.runs += 1
    turn.spent += time.monotonic() - start
    turn.left -= time.monotonic() - start
    if count.failed:
        kept = keep(families, turn, place, since)
        turn.failures += [f"{turn.family.name}, run {turn.runs}: {evidence.head(why)} ({kept})" for why in count.failures]
    return count


def run(families, chosen, hours):
    """Runs the chosen families for so many hours: Count."""
    start, total = time.monotonic(), Count()
    place = Path(families.LOGS) / "campaign"
    place.mkdir(exist_ok=True)
    os.environ["RC_FUZZ_KEEP"] = str(place / "corpus")
    parts = sum(family.share for family in chosen)
    turns = [Turn(family, hours * 3600 * family.share / parts) for family in chosen]
    longest = min(SLICE, hours * 3600 / max(1, len(turns)))
    while any(turn.left > 0 for turn in turns):
        for turn in turns:
            if turn.left > 0:
                total.add(one_slice(families, turn, max(1, min(longest, turn.left)), place))
                summary(place, turns, figures.joined(families.SAID), hours, time.monotonic() - start)
    total.failures = [why for turn in turns for why in turn.failures]
    families.say(f"summary: {place / 'summary.md'}")
    return total

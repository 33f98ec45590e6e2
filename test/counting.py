"""Counts what tests did, from Meson's log of them (testlog.json): one line a case, nothing believed that was not seen.

A test program speaks for itself in one of three ways, looked for in this order:
  TAP                          "1..N", "ok 1 - name", "not ok 2 - name" (cmocka does this when asked; so do our scripts)
  a last line of counts        "704 passed, 0 failed" (optionally ", 14 skipped")
  its exit code                one case
Where the words and the exit code do not agree, or a plan is not fulfilled, one more case has failed.
"""
import json
import re
from dataclasses import dataclass, field

import evidence

CASE = re.compile(r"^(not )?ok\b[ \t]*(\d*)[ \t]*(?:- )?(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)")
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
SKIPPED = 77  # exit code
TAIL = 40  # lines of a log that are shown


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

    def fail(self, why):
        self.failed += 1
        self.failures.append(why)

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


def why_not(lines, at, since):
    """What is said of the case that failed in a line: above it (our scripts do that) or, if nothing is said there, below it (cmocka). And
    the line where that ends."""
    below = next((i for i in range(at + 1, len(lines)) if CASE.match(lines[i]) or PLAN.match(lines[i])), len(lines))
    above = [line for line in lines[since:at] if not PLAN.match(line)]
    found = evidence.of_lines(above)
    return (found, at + 1) if found else (evidence.of_lines(lines[at + 1:below]), below)


def count_tap(lines):
    """Count of TAP, or None where there is none. Several plans follow each other when a program runs several groups."""
    count, planned, plans, since = Count(), 0, 0, 0
    for at, line in enumerate(lines):
        if plan := PLAN.match(line):
            planned += int(plan.group(1))
            plans += 1
        elif case := CASE.match(line):
            words = case.group(3)
            if re.search(r"#\s*SKIP", words, re.I):
                count.skipped += 1
            elif case.group(1):
                why, since = why_not(lines, at, since)
                count.fail(evidence.put(words or case.group(2), why))
                continue
            else:
                count.passed += 1
            since = at + 1
    if not plans and not count.total:
        return None
    if count.total < planned:
        count.fail(f"planned {planned} cases, ran {count.total}")
    return count


def count_output(text):
    lines = text.splitlines()
    count = count_tap(lines)
    if count is not None:
        return count
    last = COUNTS.match(next((l.strip() for l in reversed(lines) if l.strip()), ""))
    if not last:
        return None
    passed, failed, skipped = (int(n or 0) for n in last.groups())
    return Count(passed, failed, skipped, [f"{failed} of its cases"] if failed else [])


def count_test(entry):
    """Count of one entry of testlog.json."""
    output, code = entry.get("stdout") or "", entry.get("returncode")
    if code == SKIPPED or entry["result"] == "SKIP":
        return Count(skipped=1)
    good = entry["result"] == "OK" and code == 0
    count = count_output(output)
    if count is None:
        ended = f"ended with {entry['result'].lower()}, code {code}"
        count = Count(passed=1) if good else Count(failed=1, failures=[evidence.put("", evidence.of_lines(said(entry)) or [ended])])
    elif good and not count.total:
        count.fail("ran no case")
    if not good and not count.failed:
        count.fail(evidence.put(f"ended with {entry['result'].lower()}, code {code}", evidence.of_lines(said(entry))))
    return count


def said(entry):
    return (entry.get("stdout") or "").splitlines() + (entry.get("stderr") or "").splitlines()


def tail(entry):
    return said(entry)[-TAIL:]


def report(entry, count, say):
    """One line a program where it is fine, and the end of its log where it is not."""
    cases = f", {count.total} cases" if count.total > 1 else ""
    line = f"{entry['name']} ({entry['duration']:.1f} s{cases})"
    if not count.failed:
        say(f"{'ok  ' if count.passed else 'skip'} {line}")
        return
    say(f"FAIL {line}")
    for why in filter(None, map(evidence.head, count.failures)):
        say(f"     - {why}")
    for text in tail(entry):
        say(f"     | {text}")


def count_log(path, expected, say):
    """Counts a family: `expected` are the names that Meson was to run. One that is not in the log has failed."""
    total, seen = Count(), set()
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
            entry = json.loads(line)
            entry["name"] = entry["name"].rpartition(" / ")[2]  # without project and suites
            seen.add(entry["name"])
            count = count_test(entry)
            report(entry, count, say)
            count.failures = [f"{entry['name']}: {why}" if evidence.head(why) else entry["name"] + why for why in count.failures]
            total.add(count)
    for name in expected:
        if name not in seen:
            say(f"FAIL {name} (did not end)")
            total.fail(name)
    if not total.total:
        say("FAIL no test ran")
        total.fail("no test ran")
    return total

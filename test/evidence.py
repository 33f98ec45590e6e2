"""Why a test failed, in a few lines of its output: for the list of failures that ends what scripts/test.sh says.

A failure is a text: what failed, and below it, on lines of their own, the evidence.
"""
import re

MOST = 4  # lines for one failure
WIDE = 300  # characters of a line
LIST = 200  # lines of the whole list

# the line of an assertion, or what a program says when it ends badly
SAYS = re.compile(r": error: |\b[A-Z]\w*(?:Error|Failure|Exception|Disconnected|Expired)\b(?:: |$)|\b[Aa]ssert(?:ion)?\b.*\bfailed|runtime error: |"
                  r"^(?:==\d+==)?ERROR: |^SUMMARY: |^WARNING: \w+Sanitizer|\bdeadly signal|\breplay: |^FAILED: | breaks: |\bNOT CAUGHT\b|^fatal|"
                  r"\bexpected\b.*\b(?:got|but|instead)\b|^(?:but|it) (?:prints|says)\b|^[-+!]\s?\S")
FAILURE = re.compile(r": error: Failure!$")  # cmocka's: the line above says what was compared
FRAME = re.compile(r'File "([^"]*)", line (\d+)')
OURS = re.compile(r"(?:/test/|/examples/|/scripts/|^test/)")
LOGGED = re.compile(r'^\{"time":|^raise |^---|^\.\.+$|^\s*[\^~]+$|^(?:not )?ok\b|^\d+\.\.\d+')


def plain(line):
    return line[1:].strip() if line.startswith("#") else line.strip()


def of_frames(lines):
    """The place in a Python test where it failed: the innermost frame of a file of tests, and what stands there."""
    found = [(at, frame) for at, line in enumerate(lines) if (frame := FRAME.search(line))]
    tests = [row for row in found if OURS.search(row[1].group(1)) and not row[1].group(1).endswith("kit.py")]
    if not tests:
        return []
    at, frame = tests[-1]
    code = lines[at + 1] if at + 1 < len(lines) and not FRAME.search(lines[at + 1]) else ""
    name = re.split(r"/(?=(?:test|examples|scripts)/)", frame.group(1))[-1]
    return [f"{name}:{frame.group(2)}: {code}".rstrip(": ")]


def of_lines(lines):
    """The lines that say why, at most MOST; the last ones that say anything, where none looks like it."""
    lines = [plain(line) for line in lines]
    said = []
    for at, line in enumerate(lines):
        if SAYS.search(line) and not LOGGED.search(line):
            if FAILURE.search(line) and at and lines[at - 1] not in said:
                said.append(lines[at - 1])
            said.append(line)
    place = of_frames(lines)
    if not said and not place:
        said = [line for line in lines if line and not LOGGED.search(line)][-2:]
    return [line[:WIDE] for line in [*place, *said[:MOST - len(place)]] if line]


def of_report(lines):
    """Of a sanitizer's report: what it is, and where in the sources."""
    first = [line for line in map(str.strip, lines) if re.search(r"ERROR: |WARNING: |runtime error: ", line)][:1]
    return [line[:WIDE] for line in first + [line for line in map(str.strip, lines) if re.search(r"^#\d+ .*/(?:src|test|examples)/", line)][:MOST - 1]]


def put(what, lines):
    """A failure with its evidence."""
    return "\n".join([what, *lines])


def head(failure):
    return failure.partition("\n")[0]


def listing(failures):
    """All failures in at most LIST lines: each one named, with its evidence as long as there is room."""
    names = len(failures)
    if names > LIST:
        return [f"failed: {head(failure)}"[:WIDE] for failure in failures[:LIST - 1]] + [f"and {names - LIST + 1} more"]
    room, lines = LIST - names, []
    for failure in failures:
        what, *why = failure.split("\n")
        lines += [f"failed: {what}", *(f"        {line}" for line in why[:room])]
        room -= len(why[:room])
    return lines

"""Documents: links lead somewhere, and commands that are shown exist."""
import re
import subprocess
from pathlib import Path


def markdown(tree):
    return [p for p in tree.files if p.suffix == ".md"]


def without_code(text):
    """The text with fenced blocks and inline code blanked."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())
    return re.sub(r"`[^`\n]*`", blank, re.sub(r"(?ms)^[ \t]*```.*?^[ \t]*```", blank, text))


def anchors(text):
    """The anchors of a document's headings, as GitHub makes them."""
    for heading in re.findall(r"(?m)^#+\s+(.*)$", text):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        yield plain.replace(" ", "-")


def check_links(tree):
    """every link of a document leads to a file and a heading that are there"""
    for path in markdown(tree):
        text = tree.text(path)
        for match in re.finditer(r"\]\(([^)\s]+)\)", without_code(text)):
            target, _, anchor = match.group(1).partition("#")
            line = text.count("\n", 0, match.start()) + 1
            if re.match(r"[a-z]+:", target):
                continue
            goal = (tree.root / path.parent / target).resolve() if target else (tree.root / path).resolve()
            if not goal.is_relative_to(tree.root.resolve()) or not goal.exists():
                yield f"{path}:{line}: {target} is not there"
            elif anchor and goal.suffix == ".md" and anchor not in anchors(goal.read_text()):
                yield f"{path}:{line}: {target or path} has no heading #{anchor}"


def check_paths(tree):
    """every file that a document names in backticks is there"""
    tops = {p.parts[0] for p in tree.files if len(p.parts) > 1}
    for path in markdown(tree):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for name in re.findall(r"`([\w.\-]+/[\w./\-]*)`", line):
                if name.split("/")[0] in tops and not tree.has(name) and not tree.has(path.parent / name):
                    yield f"{path}:{number}: there is no {name}"


def shown_commands(text):
    """Words after "recourse" where it stands as a command: in code."""
    code = re.findall(r"(?ms)^[ \t]*```.*?^[ \t]*```", text) + re.findall(r"`([^`\n]+)`", text)
    for block in code:
        yield from re.findall(r"(?m)(?:^|[`$|;&(]|build/)\s*(?:sudo )?recourse(?: --[\w=-]+)* ([a-z][a-z-]*)\b", block)


def check_commands(tree):
    """every command of recourse that a document shows is in `recourse help`"""
    binary = tree.build / "recourse" if tree.build else Path("build/recourse")
    if not binary.exists():
        return
    known = set(re.findall(r"(?m)^  ([a-z][a-z-]*)\b", subprocess.run(
        [str(binary), "help"], check=True, capture_output=True, text=True).stdout)) | {"help"}
    for path in markdown(tree):
        for command in shown_commands(tree.text(path)):
            if command not in known:
                yield f"{path}: shows 'recourse {command}', which recourse help does not know"


# Letters of laws that docs/invariants.md lists: of blocks, people, signals, lanes, leases and schedules.
LISTED_LAWS = "KVQJZD"


def simulated_laws(tree):
    """{"K3": (sentence, {control})} of the laws that the sources of the simulation hold."""
    laws = {}
    for path in sorted(tree.files):
        if not str(path).startswith("src/sim/walk") or path.suffix != ".c":
            continue
        for match in re.finditer(rf'"([{LISTED_LAWS}]\d+) ((?:[^"\\]|"\s*")+)"', tree.text(path)):
            laws.setdefault(match[1], (re.sub(r'"\s*"', "", match[2]), set()))
    names = dict(re.findall(r'SIM_CONTROL\((\w+),\s*"([\w-]+)"', tree.text("src/sim/sim.h")))
    for code, law in re.findall(r'\[SIM_(\w+)\] = "(\w+) "', tree.text("src/sim/walk.c")):
        if law in laws:
            laws[law][1].add(names[code])
    return laws


def law_rows(tree):
    laws = simulated_laws(tree)
    for law in sorted(laws, key=lambda law: (LISTED_LAWS.index(law[0]), int(law[1:]))):
        sentence, controls = laws[law]
        yield f"| {law} | {sentence} | {', '.join(sorted(controls))} |"


def check_laws(tree):
    """docs/invariants.md lists the laws of the simulation and what each is found out by; their numbers are dense"""
    if not tree.has("src/sim/walk.c"):
        return
    listed = [line for line in tree.text("docs/invariants.md").splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]
    rows = list(law_rows(tree))
    for row in [row for row in rows if row not in listed]:
        yield f"docs/invariants.md: there is no row '{row}'"
    for row in [row for row in listed if row not in rows]:
        yield f"docs/invariants.md: no law of the simulation is '{row}'"
    for letter in LISTED_LAWS:
        numbers = sorted(int(law[1:]) for law in simulated_laws(tree) if law[0] == letter)
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"src/sim: the laws {letter} are numbered {numbers}"

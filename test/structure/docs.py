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

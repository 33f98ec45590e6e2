"""What the structure checks share: the files of the tree and the C text in them.

A check is a function check_…(tree) that yields problems, one sentence each with "file:line: " before it. Its docstring's
first line is its name in reports. run.py runs the checks of one module; test_checks.py proves that each one catches what it
is there for.
"""
import json
import re
from functools import cached_property
from pathlib import Path

LEFT_OUT = re.compile(r"^(\.git|\.cache|__pycache__|build(-.*)?)$")  # folders: what .gitignore leaves out


class Tree:
    def __init__(self, root, build=None):
        self.root = Path(root)
        self.build = Path(build) if build else None

    @cached_property
    def files(self):
        """Every file of the tree, as paths relative to the root."""
        found = []

        def walk(folder):
            for path in sorted(folder.iterdir()):
                if not path.is_dir() or path.is_symlink():
                    found.append(path.relative_to(self.root))
                elif not LEFT_OUT.match(path.name):
                    walk(path)

        walk(self.root)
        return found

    def under(self, folder, *suffixes):
        return [p for p in self.files if p.parts[0] == folder and len(p.parts) > 1 and p.suffix in suffixes]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def has(self, path):
        return (self.root / path).exists()

    def code(self, path):
        """C text with comments blanked; lines and columns stay where they are."""
        return blank_comments(self.text(path))

    def table(self, name):
        """Lines of a data file beside the checks, without comments: (line number, text)."""
        path = Path("test/structure") / name
        for number, line in enumerate(self.text(path).splitlines(), 1):
            line = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
            if line:
                yield number, line

    def reasons(self, name):
        """A table of exceptions, "WHAT: REASON": what is excepted. An exception without a reason is an error."""
        excepted = {}
        for number, line in self.table(name):
            what, colon, reason = line.partition(": ")
            if not colon or not reason.strip():
                raise ValueError(f"test/structure/{name}:{number}: expected 'WHAT: REASON'")
            excepted[what.strip()] = reason.strip()
        return excepted


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank_comments(text):
    def blank(match):
        token = match.group()
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token

    return TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def spec_rows(tree, name):
    """Rows MACRO(argument, …) of a file under spec/: (macro, [arguments], line)."""
    path = Path("spec") / name
    text = tree.code(path)
    text = re.sub(r"(?m)^#.*$", "", text)
    for match in re.finditer(r"(?m)^(RC_\w+)\((.*)\)\s*$", text):
        arguments = [a.strip() for a in re.findall(r'"(?:\\.|[^"\\])*"|[^,]+', match.group(2))]
        yield match.group(1), [a.strip('"') for a in arguments if a], line_of(text, match.start())


def tests_of(build):
    """What Meson knows of the tests of a build folder."""
    return json.loads((Path(build) / "meson-info" / "intro-tests.json").read_text())

"""coverage.py BUILD: which branches the tests that were run in BUILD took, held against the floors.

BUILD was made with FLAGS (test/families.py has such a build), and its tests wrote their profiles to BUILD/profiles. Prints TAP, a figure for
each part ("# figure core_branches 97.1") and the table of files; BUILD/branches.txt names each branch that was not taken.

What counts: each condition counts twice, once for true and once for false, and each case label once for "taken" and once for "passed by", as
clang sees them in the source, before it optimizes. A macro counts wherever it is used. A function of a header counts once, however many files
include it. Two things are left out, and nothing else; no comment in the code excludes a line:
  - what stands within assert(): a condition that no input can make false;
  - the way past all cases of a switch: the compiler sees to it that they name every member of their enum (-Wswitch-enum, no default).

A program that is killed writes no profile; what only it did does not count.
"""
import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

# names of static functions are made unique: profiles are kept by the name of a function and the last part of its file's
FLAGS = "-fprofile-instr-generate -fcoverage-mapping -funique-internal-linkage-names"
ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"core": 95, "cel": 94, "flow": 95, "store": 90}  # percent


@dataclass(frozen=True, order=True)
class Branch:
    file: str  # under src/
    line: int
    column: int
    to: tuple  # line and column of its end
    function: str
    use: int  # which use of a macro within the function

    @property
    def part(self):
        return self.file.partition("/")[0]


def tool(name):
    """LLVM's tools read only what their own clang wrote."""
    said = subprocess.run(["clang", f"-print-prog-name={name}"], check=True, capture_output=True, text=True)
    return said.stdout.strip()


def export(build):
    """What llvm-cov knows of every function of the parts."""
    profiles = sorted((build / "profiles").glob("*.profraw"))
    objects = [o for part in FLOORS for o in sorted((build / "src" / part).glob("*.p/*.o"))]
    if not profiles or not objects:
        raise SystemExit(f"{build}: {len(profiles)} profiles, {len(objects)} objects: run the tests of a build with {FLAGS}")
    data = build / "tests.profdata"
    # one that a killed program left half-written is no reason to drop the others
    subprocess.run([tool("llvm-profdata"), "merge", "--failure-mode=all", "-sparse", "-o", data, *profiles], check=True)
    more = [word for o in objects[1:] for word in ("-object", o)]
    found = subprocess.run([tool("llvm-cov"), "export", objects[0], *more, "-instr-profile", data], check=True, capture_output=True)
    if b"mismatched" in found.stderr:
        raise SystemExit(found.stderr.decode())
    return json.loads(found.stdout)["data"][0]["functions"]


def assertions(text):
    """The spans (from, to) of what stands within assert()."""
    for match in re.finditer(r"\bassert\(", text):
        depth, at = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield match.start(), at


class Sources:
    def __init__(self):
        self.texts, self.spans = {}, {}

    def load(self, file):
        if file not in self.texts:
            text = (ROOT / "src" / file).read_text()
            starts = [0]
            for line in text.splitlines(keepends=True):
                starts.append(starts[-1] + len(line))
            self.texts[file] = text, starts
            self.spans[file] = list(assertions(text))
        return self.texts[file]

    def offset(self, file, line, column):
        return self.load(file)[1][line - 1] + column - 1

    def counts(self, branch):
        text, _ = self.load(branch.file)
        at = self.offset(branch.file, branch.line, branch.column)
        asserted = any(start <= at < end for start, end in self.spans[branch.file])
        return not asserted and not text[:at].endswith("switch (")

    def words(self, branch):
        text, _ = self.load(branch.file)
        words = text[self.offset(branch.file, branch.line, branch.column):self.offset(branch.file, *branch.to)]
        return " ".join(words.split())


def plain(name):
    """The name in the source: unique names are "FILE:_ZL<length><name>…"."""
    name = name.rpartition(":")[2]
    unique = re.match(r"_ZL(\d+)", name)
    return name[unique.end():unique.end() + int(unique.group(1))] if unique else name


def branches_of(functions):
    """{Branch: [times true, times false]}, the copies of a function of a header added up."""
    found = defaultdict(lambda: [0, 0])
    top = ROOT / "src"
    for function in functions:
        name = plain(function["name"])
        seen = set()
        for line, column, end, end_column, true, false, file, _, _ in function["branches"]:
            path = Path(function["filenames"][file]).resolve()
            if not path.is_relative_to(top) or path.relative_to(top).parts[0] not in FLOORS:
                continue
            branch = Branch(str(path.relative_to(top)), line, column, (end, end_column), name, file)
            if branch in seen:  # llvm-cov names a branch of a macro within a macro twice
                continue
            seen.add(branch)
            found[branch][0] += true
            found[branch][1] += false
    return found


def report(found, sources):
    """Prints what there is to say; returns the branches that were not taken, as lines, and whether all floors are kept."""
    files, parts, missed, kept = defaultdict(lambda: [0, 0]), defaultdict(lambda: [0, 0]), [], True
    for branch, times in sorted(found.items()):
        for side, taken in zip(("true", "false"), times):
            for table, key in ((files, branch.file), (parts, branch.part)):
                table[key][0] += bool(taken)
                table[key][1] += 1
            if not taken:
                missed.append(f"src/{branch.file}:{branch.line}:{branch.column}: {branch.function}: never {side}: {sources.words(branch)}")
    print(f"1..{len(FLOORS)}")
    for number, (part, floor) in enumerate(FLOORS.items(), 1):
        taken, all_of_them = parts[part]
        good = all_of_them and taken * 100 >= floor * all_of_them
        kept &= bool(good)
        print(f"{'ok' if good else 'not ok'} {number} - tests take {floor} of 100 branches of src/{part}")
        print(f"# figure {part}_branches {taken * 100 / max(1, all_of_them):.1f}")
        print(f"# {taken} of {all_of_them} branches of src/{part}")
    for file, (taken, all_of_them) in sorted(files.items()):
        print(f"# {taken * 100 / all_of_them:5.1f} % {taken:4} of {all_of_them:4}  src/{file}")
    return missed, kept


def main():
    build, sources = Path(sys.argv[1]).resolve(), Sources()
    found = {b: times for b, times in branches_of(export(build)).items() if sources.counts(b)}
    missed, kept = report(found, sources)
    (build / "branches.txt").write_text("\n".join(missed) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

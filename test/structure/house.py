"""The house itself: what must be in every file, and what must not be in the tree."""
import re
from pathlib import Path

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
BINARY = {".o", ".a", ".so", ".pyc", ".db", ".sqlite", ".zip", ".gz", ".xz", ".tar", ".bin", ".exe"}
FOREIGN = {"vendor", "third_party", "thirdparty", "subprojects", "node_modules"}
MAX_BYTES = 512 << 10


def check_unfinished(tree):
    """nothing is marked as unfinished"""
    for path in tree.files:
        if path.suffix in BINARY or path.name == "LICENSE":
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{path}:{number}: {line.strip()[:80]}"


def check_own(tree):
    """nothing is generated or taken over from elsewhere"""
    for path in tree.files:
        data = (tree.root / path).read_bytes() if (tree.root / path).is_file() else b""
        if path.suffix in BINARY or b"\0" in data[:8192]:
            yield f"{path}: a binary file"
        if FOREIGN & set(path.parts):
            yield f"{path}: a folder for other people's code"
        if len(data) > MAX_BYTES:
            yield f"{path}: {len(data)} bytes, more than {MAX_BYTES}"
        if path.suffix in (".c", ".h") and re.search(rb"Copyright|@generated|DO NOT EDIT", data[:4096]):
            yield f"{path}: says that it was written or generated elsewhere"


def check_heads(tree):
    """every file of src/ says at its head what it is"""
    for path in tree.under("src", ".c", ".h"):
        text = re.sub(r"\A#pragma once\n", "", tree.text(path))
        code = re.sub(r"(?m)^\s*#\s*include.*\n|^\s*\n", "", text)  # a head may stand below the includes
        if not re.match(r"\s*/\*", text) and not re.match(r"\s*/\*", code):
            yield f"{path}:1: no comment at the head"


def listed(tree, path):
    """Whether a meson.build from the file's folder up to the top names the file."""
    for folder in path.parents:
        build = folder / "meson.build"
        if tree.has(build):
            text = tree.text(build)
            stem = re.escape(re.sub(r"^test_", "", path.stem))
            if re.search(r"'(?:[^'\s]*/)?" + re.escape(path.name) + "'", text) or re.search(rf"'{stem}'", text):
                return True
    return False


def check_built(tree):
    """every C file is named in a meson.build"""
    for top in ("src", "test", "examples", "bench"):
        for path in tree.under(top, ".c"):
            if not listed(tree, path):
                yield f"{path}: no meson.build names it"


def check_tests_run(tree):
    """every test in Python is named in a meson.build, or nobody would run it"""
    bench = Path("bench/meson.build")  # names one beside it
    others = tree.text(bench) if tree.has(bench) else ""
    for path in tree.under("test", ".py"):
        if path.name.startswith("test_") and not listed(tree, path) and path.name not in others:
            yield f"{path}: no meson.build names it"


def check_folders_built(tree):
    """every folder of src/ and test/ with a meson.build is entered from the one above"""
    for path in tree.files:
        if path.name == "meson.build" and len(path.parts) > 2:
            above = next((p for p in path.parent.parents if tree.has(p / "meson.build")), Path("."))
            folder = path.parent.relative_to(above)
            if f"subdir('{folder}')" not in tree.text(above / "meson.build"):
                yield f"{path}: {above / 'meson.build'} does not enter {folder}"


def check_lines(tree):
    """text files end with a line feed and have no blanks at the end of a line, no tabs in code, no carriage returns"""
    for path in tree.files:
        if path.suffix not in (".c", ".h", ".def", ".py", ".sh", ".build", ".md", ".yaml", ".txt"):
            continue
        text = tree.text(path)
        if text and not text.endswith("\n"):
            yield f"{path}: does not end with a line feed"
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip() or "\r" in line or ("\t" in line and path.suffix in (".c", ".h", ".def", ".py")):
                yield f"{path}:{number}: a blank at the end, a tab or a carriage return"

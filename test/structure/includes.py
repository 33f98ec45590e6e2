"""Include rules: layers.txt is the table, this reads it and every #include of src/, examples/ and bench/."""
import re
from fnmatch import fnmatch
from pathlib import Path

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"][^>"\n]*[>"])', re.M)
PRIVATE = re.compile(r"[Pp]rivate to (?:src/)?([\w/]+?)/?[\s).,:;]")


class Layers:
    def __init__(self, tree):
        self.folders, self.libraries, self.libc = {}, {}, []
        for _, line in tree.table("layers.txt"):
            name, _, rest = line.partition(":")
            if name == "libc":
                self.libc += rest.split()
            elif name[0] in '<"':
                self.libraries[name] = rest.split()
            else:
                self.folders[name] = rest.split()


def includes(tree, path):
    text = tree.text(path)
    for match in INCLUDE.finditer(tree.code(path)):
        yield match.group(1), text.count("\n", 0, match.start()) + 1


def inside(place, folders):
    return any(place == f or place.startswith(f + "/") for f in folders)


def check_folders_have_a_row(tree):
    """every folder of src/ has a row in layers.txt, and every row a folder"""
    layers = Layers(tree)
    there = {p.parts[1] for p in tree.under("src", ".c", ".h") if len(p.parts) > 2}
    for folder in there - layers.folders.keys():
        yield f"src/{folder}: layers.txt does not say what it may include"
    for folder in layers.folders.keys() - there:
        yield f"layers.txt: there is no folder src/{folder}"


def check_arrows(tree):
    """every include of our own headers goes along an arrow of layers.txt"""
    layers = Layers(tree)
    for path in tree.under("src", ".c", ".h"):
        own = path.parts[1]
        allowed = [own] + layers.folders.get(own, [])
        for what, line in includes(tree, path):
            name = what[1:-1]
            if what[0] != '"' or name.endswith(".def"):
                continue
            if not name.endswith(".h") or "/" not in name:
                yield f"{path}:{line}: {what} is not a header named from src/"
            elif not tree.has(Path("src") / name):
                yield f"{path}:{line}: there is no src/{name}"
            elif not inside(name, allowed):
                yield f"{path}:{line}: {own}/ may not include {what}"


def check_private(tree):
    """a header that is private to a folder is included in that folder only"""
    private = {}
    for path in tree.under("src", ".h"):
        match = PRIVATE.search(tree.text(path)[:1500])
        if match:
            private[str(Path(*path.parts[1:]))] = match.group(1)
    for path in tree.under("src", ".c", ".h"):
        place = "/".join(path.parts[1:-1])
        for what, line in includes(tree, path):
            owner = private.get(what[1:-1])
            if owner and not inside(place, [owner]):
                yield f"{path}:{line}: {what} is private to {owner}/"


def check_libraries(tree):
    """every library is used in its own folder only"""
    layers = Layers(tree)
    for top in ("src", "examples", "bench"):
        for path in tree.under(top, ".c", ".h"):
            place = "/".join(path.parts[1:-1]) if top == "src" else "../" + "/".join(path.parts[:-1])
            for what, line in includes(tree, path):
                if what[0] != "<" and not what.endswith('.def"'):
                    continue
                rows = [folders for pattern, folders in layers.libraries.items() if fnmatch(what, pattern.replace("[", "[[]"))]
                if any(inside(place, folders) for folders in rows) or (not rows and what in layers.libc):
                    continue
                yield f"{path}:{line}: {what} may not be included here (layers.txt)"


def check_guards(tree):
    """every header of src/ begins with #pragma once"""
    for path in tree.under("src", ".h"):
        if not tree.text(path).startswith("#pragma once\n"):
            yield f"{path}:1: does not begin with #pragma once"

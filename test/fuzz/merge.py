"""merge.py BUILD FOLDER [NAME…]: takes over into the corpora what a campaign found and adds coverage.

BUILD is a build of the fuzz targets, FOLDER what RC_FUZZ_KEEP named: it holds NAME-new for each target. libFuzzer says what each input
reaches (its merge control file); inputs are chosen greedily, the one that adds most first, until a corpus has MOST files. What has a name
that a person gave stays, whatever it adds; what an earlier merge took and nobody needs any more goes. Inputs with a NUL are left out: the
tree holds no binary files. Files are named by their SHA-1, as libFuzzer names them.
"""
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MOST = 40  # files of a corpus that were not written by a person
BYTES = 2048  # of one of them
MADE = re.compile(r"^[0-9a-f]{40}$")


def features(control):
    """{number of a file: what it reaches} of a merge control file: "FT number feature…"."""
    found = {}
    for line in control.splitlines():
        words = line.split()
        if words[:1] == ["FT"]:
            found[int(words[1])] = set(map(int, words[2:]))
    return found


def reached(target, paths):
    """{path: what it reaches}. libFuzzer counts how often an edge was taken, in steps: each step is a feature. Of a plain merge it says only
    what smaller files did not reach before, so that the files that go far would look poor: the merge that covers a set says all."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("out", "in"):
            (place / name).mkdir()
        by_name = {}
        for number, path in enumerate(paths):
            by_name[f"{number:06}"] = path
            (place / "in" / f"{number:06}").write_bytes(path.read_bytes())
        subprocess.run([target, "-set_cover_merge=1", f"-merge_control_file={place / 'control'}", "-max_len=4096", "-rss_limit_mb=4096", str(place / "out"),
                        str(place / "in")], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=dict(os.environ, LLVM_PROFILE_FILE="/dev/null"))
        text = (place / "control").read_text()
    count = int(text.split(None, 1)[0])
    names = [Path(line).name for line in text.splitlines()[2:2 + count]]
    return {by_name[names[number]]: what for number, what in features(text).items()}


def choose(what, kept, most):
    """The paths that add most to what `kept` reach, at most so many; among equals the smaller file."""
    have = set().union(*(what.get(path, set()) for path in kept)) if kept else set()
    left, chosen = {path: found - have for path, found in what.items() if path not in kept}, []
    size = {path: path.stat().st_size for path in left}
    while left and len(chosen) < most:
        best = max(left, key=lambda path: (len(left[path]), -size[path]))
        adds = left.pop(best)
        if not adds:
            break
        for found in left.values():
            found -= adds
        chosen.append(best)
    return chosen


def merge(build, folder, name):
    corpus = HERE / "corpus" / name
    old = [path for path in sorted(corpus.iterdir())]
    kept = {path for path in old if not MADE.match(path.name)}
    new = [path for path in sorted((folder / f"{name}-new").glob("*")) if path.stat().st_size <= BYTES and b"\0" not in path.read_bytes()]
    what = reached(str(build / "test" / "fuzz" / f"fuzz_{name}"), old + new)
    chosen = {hashlib.sha1(path.read_bytes()).hexdigest(): path.read_bytes() for path in choose(what, kept, MOST)}
    for path in old:
        if path not in kept:
            path.unlink()
    for digest, data in chosen.items():
        (corpus / digest).write_bytes(data)
    print(f"{name}: {len(kept)} files by people, {len(chosen)} of {len(old) - len(kept) + len(new)} others", flush=True)


def main(build, folder, *names):
    folder = Path(folder)
    for name in names or sorted(path.name.removesuffix("-new") for path in folder.glob("*-new")):
        merge(Path(build).resolve(), folder, name)


if __name__ == "__main__":
    main(*sys.argv[1:])

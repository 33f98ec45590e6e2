"""The seed of a tree: what the proofs of the tiers `quick` and `ci` draw their random numbers from.

The same code gives the same seed on every machine, so a red run can be repeated anywhere, and every commit that changes code explores
something new; one that changes documents only repeats what was explored. RC_SEED in the environment is taken as it is. Else the seed is
made of the names that git gives the code of the commit; where there is no git, of the sources themselves, which is another number for
the same tree, but again the same one everywhere.
"""
import hashlib
import os
import subprocess

MOST = (1 << 32) - 1  # libFuzzer and Python's hashes take no more
CODE = ("meson.build", "meson_options.txt", "scripts", "spec", "src", "test")  # what the proofs are of, and they themselves
TOPS = ("bench", "examples", "packaging", "scripts", "spec", "src", "test")
SOURCES = (".build", ".c", ".def", ".h", ".json", ".py", ".sh", ".sql", ".ts", ".txt", ".yaml")


def of_name(name):
    """A number from 1 to MOST of any text: 0 means "choose one" to libFuzzer."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % MOST + 1


def named_by_git(root):
    """The names of the code of the commit; None where git does not know `root` as the top of a repository."""
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root)]
    try:
        prefix, names = (subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout
                         for words in (["rev-parse", "--show-prefix"], ["ls-tree", "HEAD", "--", *CODE]))
    except (OSError, subprocess.CalledProcessError):
        return None
    return names if names and not prefix.strip() else None  # with a prefix it is some other project around an unpacked one


def named_by_sources(root):
    """A digest of the paths and the bytes of all sources. What a build or a test leaves behind has other names."""
    digest = hashlib.sha256()
    paths = [p for top in TOPS for p in (root / top).rglob("*") if p.suffix in SOURCES and p.is_file() and "node_modules" not in p.parts]
    for path in sorted([root / "meson.build", *paths], key=lambda p: p.relative_to(root).as_posix()):
        if path.exists():
            text = path.read_bytes()
            digest.update(f"{path.relative_to(root).as_posix()} {len(text)}\n".encode() + text)
    return digest.hexdigest()


def of_tree(root):
    given = os.environ.get("RC_SEED")
    if given:
        return int(given)
    return of_name(named_by_git(root) or named_by_sources(root))

"""The tour of README.md, run: every command in it does what it says, word by word.

The tour's ids, times and ages are those of the day it was written down. So ids are matched in the order in which they appear,
clock times and ages count as equal, and blanks and line breaks as one blank. What only reads is asked again until it says what
the tour says, because the engine goes on beside it.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import BUILD, PATIENCE, ROOT, case, equal, eventually, main, replaced, true

ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{16}\b")
READS = {"history", "list", "show", "explain"}
SETUP = ["scripts/build.sh",
         'export PATH="$PWD/build:$PATH" RECOURSE_ACTOR=alice',
         "build/examples/github/github-standin --port 8499 --quiet &",
         "recourse serve --defs examples/github --store /tmp/tour.db &"]


def tour():
    return (ROOT / "README.md").read_text().partition("## A tour\n")[2].partition("\n## ")[0]


def blocks(language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", tour())


def steps():
    """(command, what it prints) in order."""
    for block in blocks("console"):
        for part in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def plain(text):
    text = re.sub(r"\b\d\d:\d\d:\d\d\.\d{3}\b", "TIME", text)
    text = re.sub(r"just now|\b\d+ (?:second|minute)s? ago", "AGO", text)
    return " ".join(text.split())


def same(told, printed, ids):
    """Whether they say the same; learns which id stands for which."""
    found = dict(ids)
    for mine, theirs in zip(ID.findall(told), ID.findall(printed)):
        if found.setdefault(mine, theirs) != theirs:
            return False
    if plain(ID.sub(lambda m: found.get(m.group(), m.group()), told)) != plain(printed):
        return False
    ids.update(found)
    return True


@case("the tour is started as this test starts it, but for ports and folders")
def start(world):
    equal([line for block in blocks("sh") for line in block.splitlines()], SETUP, "how the tour is started")


@case("every command of the tour does what the tour says")
def run(world):
    hub = world.standin()
    there = replaced((ROOT / "examples/github/github.yaml").read_text(), "base: http://127.0.0.1:8499", f"base: http://127.0.0.1:{hub.port}")
    defs = world.write(github=there, create_pr=(ROOT / "examples/github/create_pr.yaml").read_text())
    server = world.server(defs=defs).start()
    env = dict(server.cli_env, RECOURSE_ACTOR="alice", PATH=f"{BUILD}:{os.environ['PATH']}")
    ids, n = {}, 0

    def printed(command):
        command = ID.sub(lambda m: ids.get(m.group(), m.group()), command)
        return subprocess.run(command, shell=True, env=env, cwd=world.dir, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout

    for command, told in steps():
        n += 1
        last = []

        def look():
            last[:] = [printed(command)]
            return same(told, last[0], ids)

        most = PATIENCE if command.split()[1] in READS else 0
        eventually(look, lambda: f"{command}\nis to print\n{told}\nbut prints\n{last[0]}", most)
    true(n >= 8, f"the tour has only {n} commands")


if __name__ == "__main__":
    main()

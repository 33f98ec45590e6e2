"""Commands that stand on a page of the documentation with what they print, run word by word.

Ids, times and ages on the page are those of the day it was written down. So ids are matched in the order in which they appear,
clock times and ages count as equal, and blanks and line breaks as one blank. What only reads is asked again until it says what
the page says, because the engine goes on beside it.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import BUILD, PATIENCE, ROOT, eventually

ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{16}\b")
READS = {"history", "list", "show", "explain"}


def part(page, heading, end):
    """What stands below a heading of a page."""
    return (ROOT / page).read_text().partition(f"{heading}\n")[2].partition(end)[0]


def blocks(text, language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", text)


def steps(text):
    """(command, what it prints) in order."""
    for block in blocks(text, "console"):
        for one in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, output = one.partition("\n")
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


def walk(world, server, text):
    """Every command does what the page says; how many there are."""
    env = dict(server.cli_env, RECOURSE_ACTOR="alice", PATH=f"{BUILD}:{os.environ['PATH']}")
    ids, n = {}, 0

    def printed(command):
        command = ID.sub(lambda m: ids.get(m.group(), m.group()), command)
        return subprocess.run(command, shell=True, env=env, cwd=world.dir, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout

    for command, told in steps(text):
        n += 1
        last = []

        def look():
            last[:] = [printed(command)]
            return same(told, last[0], ids)

        most = PATIENCE if command.split()[1] in READS else 0
        eventually(look, lambda: f"{command}\nis to print\n{told}\nbut prints\n{last[0]}", most)
    return n

"""The tour of README.md, run (tour.py): every command in it does what it says, word by word."""
from tour import ROOT, blocks, part, walk

from kit import case, equal, main, replaced, true

SETUP = ["scripts/build.sh",
         'export PATH="$PWD/build:$PATH" RECOURSE_ACTOR=alice',
         "build/examples/github/github-standin --port 8499 --quiet &",
         "recourse serve --defs examples/github --store /tmp/tour.db &"]


def tour():
    return part("README.md", "## A tour", "\n## ")


@case("the tour is started as this test starts it, but for ports and folders")
def start(world):
    equal([line for block in blocks(tour(), "sh") for line in block.splitlines()], SETUP, "how the tour is started")


@case("every command of the tour does what the tour says")
def run(world):
    hub = world.standin()
    there = replaced((ROOT / "examples/github/github.yaml").read_text(), "base: http://127.0.0.1:8499", f"base: http://127.0.0.1:{hub.port}")
    defs = world.write(github=there, create_pr=(ROOT / "examples/github/create_pr.yaml").read_text())
    n = walk(world, world.server(defs=defs).start(), tour())
    true(n >= 8, f"the tour has only {n} commands")


if __name__ == "__main__":
    main()

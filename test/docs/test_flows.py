"""The example of docs/flows.md, run (tour.py): a parent with children."""
from tour import blocks, part, walk

from kit import case, main, true


@case("a release by a command for each site does what the page says")
def run(world):
    text = part("docs/flows.md", "### An example", "\n## ")
    server = world.server(defs=world.write(release="---\n".join(blocks(text, "yaml")))).start()
    n = walk(world, server, text)
    true(n >= 6, f"the example has only {n} commands")


if __name__ == "__main__":
    main()

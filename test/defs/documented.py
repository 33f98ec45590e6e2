"""documented.py ROOT: every field and every value that the tables in src/defs/ know stands in docs/definitions.md.

Prints TAP. The tables are rows {"name", DEFS_REQUIRED, …}, LATER("name") and words {"name", value}.
"""
import re
import sys
from pathlib import Path

ROWS = re.compile(r'\{"([^"]+)", (?:DEFS_\w+|FLOW_\w+|-?\d)[,}]|LATER\("([^"]+)"\)')
SCHEMA = "read_schema.c"  # of its unsupported keywords the page shows examples only


def names(path):
    for supported, later in ROWS.findall(path.read_text()):
        if supported or path.name != SCHEMA:
            yield supported or later


def main(root):
    page = (root / "docs/definitions.md").read_text()
    words = set(re.findall(r"[\w$]+", " ".join(re.findall(r"`([^`\n]+)`", page))))
    known = {name: path.name for path in sorted((root / "src/defs").glob("*.[ch]")) for name in names(path)}
    missing = sorted(name for name in known if name not in words)
    print("1..2")
    print(f"{'ok' if len(known) > 90 else 'not ok'} 1 - the tables were found ({len(known)} names)")
    print(f"{'not ok' if missing else 'ok'} 2 - the page has every name")
    for name in missing:
        print(f"# {name} of {known[name]}")
    return len(known) <= 90 or bool(missing)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

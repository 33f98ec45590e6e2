"""docs/configuration.md: its table is what the program knows. `--update` writes it anew (RC_BUILD names the build)."""
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import RECOURSE, ROOT, case, equal, main

PAGE = ROOT / "docs/configuration.md"
BEGIN, END = "<!-- settings: made from spec/settings.def by test/docs/test_configuration.py -->\n", "<!-- end of settings -->\n"
UNITS = ((30, "G"), (20, "M"), (10, "K"))


def size(n):
    return next((f"{n >> shift}{unit}" for shift, unit in UNITS if n and n % (1 << shift) == 0), str(n))


def span(us):
    for length, unit in ((86400000000, "d"), (3600000000, "h"), (60000000, "m"), (1000000, "s"), (1000, "ms")):
        if us and us % length == 0:
            return f"{us // length}{unit}"
    return f"{us}us" if us else "0s"


def value(row):
    """What a value may be."""
    if row["kind"] == "word":
        return ", ".join(f"`{word}`" for word in row["argument"].split("|"))
    if row["kind"] in ("time", "number", "size"):
        text = {"time": span, "size": size, "number": str}[row["kind"]]
        return f"{row['kind']}, {text(row['low'])} to {text(row['high'])}"
    return f"{row['kind']} of at most {row['most']}" if row["kind"] == "list" else row["kind"]


def made():
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOURSE_")}
    rows = json.loads(subprocess.run([str(RECOURSE), "config", "show", "--json"], env=env, check=True, capture_output=True).stdout)["settings"]
    lines = ["| setting | value | default | SIGHUP | |", "|---|---|---|---|---|"]
    for row in rows:
        default = "" if row["default"] is None else f"`{row['default']}`"
        lines.append(f"| `{row['name']}` | {value(row)} | {default} | {'yes' if row['reload'] else 'restart'} | {row['text']} |")
    return "\n".join(lines) + "\n"


def parts():
    before, rest = PAGE.read_text().split(BEGIN)
    table, after = rest.split(END)
    return before, table, after


@case("the table of settings is what the program knows")
def table(_):
    equal(parts()[1], made(), "docs/configuration.md (test/docs/test_configuration.py --update writes it)")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        before, _, after = parts()
        PAGE.write_text(before + BEGIN + made() + END + after)
    else:
        main()

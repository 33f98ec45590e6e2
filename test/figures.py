"""What tests say that they did: lines "figure NAME VALUE" of their output (in TAP: "# figure NAME VALUE").

ROWS says of each figure what it counts, how what several programs say becomes one value, and the floor under it in the tier
of continuous integration. A floor whose figure nobody said is missed, too. A figure X_controls counts the negative controls
of a proof, X_controls_caught those that it caught: whoever says the one says the other, and they are equal, in every tier.
"""
import json
import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass

FIGURE = re.compile(r"(?m)^(?:# )?figure ([a-z][a-z0-9_]*) (\d+(?:\.\d+)?)$")
CONTROLS, CAUGHT = "_controls", "_controls_caught"


@dataclass(frozen=True)
class Row:
    name: str
    text: str
    join: object = sum  # of a list of values
    floor: float = None


ROWS = (
    Row("sim_seeds", "lives of the simulation, each from a seed of its own", sum, 50000),
    Row("sim_wide_seeds", "of these wide: with blocks, times and deadlines", sum, 16000),
    Row("sim_full_seeds", "of these full: with people, signals, lanes, workers and schedules", sum, 16000),
    Row("sim_turns", "turns of the engine in them"),
    Row("sim_crashes", "crashes between two steps of the engine"),
    Row("sim_edges_taken", "edges of the declared states that were taken", max),
    Row("sim_edges", "edges that are declared", max),
    Row("sim_pairs", "pairs of kinds of faults that met in one life", max),
    Row("sim_controls", "protections switched off", max),
    Row("sim_controls_caught", "of these noticed", max),
    Row("images", "images of the disk after a power cut, drawn from the records of all writes and syncs"),
    Row("images_distinct", "of these different from each other, opened and judged", sum, 200000),
    Row("images_of_recovery", "of these cut during the recovery from an earlier cut"),
    Row("images_written_to", "of these used further once they were recovered"),
    Row("images_fully_checked", "of these held against every check of a store"),
    Row("image_workloads", "recorded workloads", max),
    Row("image_controls", "protections switched off", max),
    Row("image_controls_caught", "of these noticed", max),
    Row("kills", "kill -9 of the server", sum, 300),
    Row("kills_in_flight", "of these while attempts were in flight"),
    Row("kill_commands", "commands that were submitted meanwhile"),
    Row("kill_wide", "kill -9 of a server with every kind of step, block and start, and something in flight"),
    Row("kill_wide_commands", "commands of these servers"),
    Row("kill_wide_paths", "kinds of commands and of waits that these kills hit under way"),
    Row("kill_controls", "protections switched off", max),
    Row("kill_controls_caught", "of these noticed", max),
    Row("worse_faults", "different faults", max),
    Row("flips", "flipped bits in files of the store"),
    Row("flips_found", "of these found and named"),
    Row("flips_harmless", "of these without any meaning: the store is the same"),
    Row("flips_controls", "protections switched off", max),
    Row("flips_controls_caught", "of these noticed", max),
    Row("fault_points", "calls that failed: once, and from then on"),
    Row("fault_scenarios", "things that the program was doing"),
    Row("fault_calls", "kinds of calls", max),
    Row("fault_controls", "planted mistakes"),
    Row("fault_controls_caught", "of these noticed"),
    Row("flips_controls", "planted mistakes"),
    Row("flips_controls_caught", "of these noticed"),
    Row("check_invariants", "invariants", max),
    Row("check_invariants_with_control", "of these with a test that breaks exactly this one", max),
    Row("core_branches", "percent of the branches of src/core", min, 95),
    Row("cel_branches", "percent of the branches of src/cel", min, 94),
    Row("flow_branches", "percent of the branches of src/flow", min, 95),
    Row("store_branches", "percent of the branches of src/store", min, 90),
    Row("refusals", "calls below the store that failed in turn, under everything that can be done with a store"),
    Row("refusal_controls", "deeds that break a promise of the store", max),
    Row("refusal_controls_caught", "of these noticed", max),
    Row("fuzz_targets", "fuzz targets"),
    Row("fuzz_executions", "inputs that the fuzz targets ran", sum, 2000000),
    Row("fuzz_seconds", "seconds that they ran for"),
    Row("fuzz_corpus", "inputs in their corpora"),
    Row("fuzz_controls", "planted mistakes", max),
    Row("fuzz_controls_caught", "of these noticed", max),
    Row("fuzz_lines", "least percent of its lines that a target reached", min),
    Row("fuzz_branches", "least percent of its branches that a target reached", min),
)
KNOWN = {row.name: row for row in ROWS}


def number(text):
    return float(text) if "." in text else int(text)


def of_output(text):
    """(name, value) of every figure that is said in an output."""
    return [(name, number(value)) for name, value in FIGURE.findall(text)]


@dataclass(frozen=True)
class Said:
    by: str  # build and test
    name: str
    value: float


def of_log(path, by):
    """What the tests of one of Meson's logs said."""
    said = []
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
            entry = json.loads(line)
            who = f"{by}: {entry['name'].rpartition(' / ')[2]}"
            said += [Said(who, *figure) for figure in of_output(entry.get("stdout") or "")]
    return said


def joined(said):
    """{name: value}, known ones first, in the order of the table."""
    values = {}
    for figure in said:
        values.setdefault(figure.name, []).append(figure.value)
    order = [*(name for name in KNOWN if name in values), *sorted(name for name in values if name not in KNOWN)]
    return {name: (KNOWN[name].join if name in KNOWN else max if CONTROLS in name else sum)(values[name]) for name in order}


def uncaught(said):
    """Sentences about negative controls that were not caught."""
    controls = {}
    for figure in said:
        if figure.name.endswith((CONTROLS, CAUGHT)):
            controls.setdefault((figure.by, figure.name.removesuffix("_caught")), {})[figure.name.endswith(CAUGHT)] = figure.value
    for (by, name), pair in controls.items():
        if pair.get(False, 0) < 1 or pair.get(True) != pair.get(False):
            yield f"{by}: {pair.get(True, 'none')} of {pair.get(False, 'no')} {name} caught"


def below(values, rows=ROWS):
    """Sentences about floors that are missed."""
    for row in rows:
        if row.floor is not None and values.get(row.name, -1) < row.floor:
            yield f"figure {row.name} is {values.get(row.name, 'missing')}, its floor is {row.floor}"


def machine():
    cpu = re.search(r"(?m)^model name\s*: (.*)$", open("/proc/cpuinfo").read())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({cpu.group(1) if cpu else platform.machine()}), {memory:.0f} GiB, Linux {platform.release()}"


def commit(root):
    done = subprocess.run(["git", "-C", str(root), "log", "-1", "--format=%h"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def write(path, said, tier, seconds, root):
    """Writes what was said to a file and gives {name: value}."""
    values = joined(said)
    path.write_text(json.dumps({
        "tier": tier, "date": time.strftime("%Y-%m-%d", time.gmtime()), "commit": commit(root), "machine": machine(),
        "minutes": round(seconds / 60), "figures": values, "said": [vars(s) for s in said]}, indent=1) + "\n")
    return values

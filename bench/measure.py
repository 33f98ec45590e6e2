"""Runs the measuring programs against servers of their own, and writes down what came out.

Every run begins with an empty store (the big ones with one that is kept) and ends with the server stopped. A figure is the median of
its runs. The load generator checks what it has caused (load.c); a run that does not add up ends the program.
"""

import argparse
import json
import os
import statistics
import subprocess

import report
from server import bare_sqlite, measure, program, say

SECONDS, QUICK_SECONDS = 6, 3  # of one run
WORKLOADS = {
    "submit": ("submit",),
    "submit512": ("submit", "--connections", 512),
    "batch": ("submit", "--batch", 100, "--connections", 16),
    "life1": ("life",),
    "life3": ("life", "--steps", 3),
    "latency": ("latency",),
}
QUICK = ("submit", "batch", "life1", "life3", "latency")
BARE = ("submit", "batch", "life1", "life3")  # compared with a bare SQLite loop
OFFERING = 1024  # connections, where a rate is offered


def floor(arguments, seconds):
    return program(arguments.build, "floor", arguments.disk, seconds)


def small(arguments, names, runs, seconds, warmup):
    return {name: [measure(arguments.build, arguments.disk, WORKLOADS[name], seconds, warmup) for _ in range(runs)] for name in names}


def bare(arguments, names, runs, seconds):
    return {name: [bare_sqlite(arguments.build, arguments.disk, WORKLOADS[name], seconds) for _ in range(runs)] for name in names}


def quick(arguments):
    seconds = arguments.seconds or QUICK_SECONDS
    warmup = min(0.7, seconds / 4)
    data = {"floor": [floor(arguments, min(1, seconds))]}
    data |= small(arguments, QUICK, 1, seconds, warmup)
    data["bare"] = bare(arguments, ("submit", "life1"), 1, seconds / 2)
    data["floor"].append(floor(arguments, min(1, seconds)))  # again: a shared disk changes its mind
    return data


def offers(arguments, data, seconds):
    sustainable = int(statistics.median(result["per_s"] for result in data["submit"]))
    for name, rate in (("half", sustainable // 2), ("twice", 2 * sustainable)):
        offer = ("offer", "--rate", rate, "--connections", OFFERING)
        data[name] = [measure(arguments.build, arguments.disk, offer, seconds) for _ in range(arguments.runs)]


def whole(arguments):
    seconds = arguments.seconds or SECONDS
    data = {"floor": [floor(arguments, 2)]}
    data |= small(arguments, WORKLOADS, arguments.runs, seconds, 1)
    data["bare"] = bare(arguments, BARE, arguments.runs, seconds / 2)
    offers(arguments, data, seconds)
    data["floor"].append(floor(arguments, 2))
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--disk", help="directory on the disk that is measured (default: the build's)")
    parser.add_argument("--quick", action="store_true", help="one short run of the most important; writes no file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=3, help="that a median is of")
    parser.add_argument("--seconds", type=float, help=f"of one run ({SECONDS}; with --quick {QUICK_SECONDS})")
    arguments = parser.parse_args()
    arguments.disk = arguments.disk or arguments.build
    say("building")
    subprocess.run(["ninja", "-C", arguments.build, "benchmarks"], check=True, stdout=subprocess.DEVNULL)
    data = quick(arguments) if arguments.quick else whole(arguments)
    result = report.figures(data)
    if not arguments.quick:
        report.write(arguments, data, result, arguments.seconds or SECONDS)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:36} {value:g}")


if __name__ == "__main__":
    main()

"""Runs the measuring programs against servers of their own, and writes down what came out.

Every run has a store of its own (the big ones are copies of one that is kept) and ends with the server stopped. A figure is the
median of its runs. The load generator checks what it has caused (load.c); a run that does not add up ends the program.

What a question came to is kept in bench-data.json beside the stores, so that the questions may be asked one by one (--only): RESULTS.md is
written from what is there.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

import profile_server
import questions
import report
from server import bare_sqlite, end_all, measure, program, say

SECONDS, QUICK_SECONDS = 6, 3  # of one run
WORKLOADS = {
    "submit": ("submit",),
    "submit512": ("submit", "--connections", 512),
    "batch": ("submit", "--batch", 100, "--connections", 16),
    "life1": ("life",),
    "life3": ("life", "--steps", 3),
    "latency": ("latency",),
    "each": ("life", "--steps", 100, "--connections", 16, "--open", 32),
}
BARE = ("submit", "batch", "life1", "life3")  # compared with a bare SQLite loop
OFFERING = 1024  # connections, where a rate is offered


def floor(arguments, seconds):
    return program(arguments.build, "floor", arguments.disk, seconds)


def workload(name):
    """A question: the runs of a workload and, each beside one of them, of the bare loop and of the disk's floor."""
    def ask(arguments, seconds):
        runs, loops, floors = [], [], []
        for _ in range(arguments.runs):
            floors.append(floor(arguments, seconds / 6))
            runs.append(measure(arguments.build, arguments.disk, WORKLOADS[name], seconds, min(1, seconds / 4)))
            if name in arguments.bare:
                loops.append(bare_sqlite(arguments.build, arguments.disk, WORKLOADS[name], seconds / 2))
        return {"runs": runs, "bare": loops, "floor": floors}
    return ask


def overload(arguments, seconds):
    """Half of what single submissions come to, and twice of it."""
    sustainable = int(measure(arguments.build, arguments.disk, WORKLOADS["submit"], seconds)["per_s"])
    found = {}
    for name, rate in (("half", sustainable // 2), ("twice", 2 * sustainable)):
        offer = ("offer", "--rate", rate, "--connections", OFFERING)
        found[name] = [measure(arguments.build, arguments.disk, offer, seconds) for _ in range(arguments.runs)]
    return found


# in the order in which they are asked; each takes (arguments, seconds of a run) and returns what is kept
QUESTIONS = {name: workload(name) for name in WORKLOADS} | {
    "overload": overload,
    "size": questions.size,
    "waiters": questions.waiters,
    "work": questions.work,
    "crash": questions.crash,
    "readers": questions.readers,
    "search": questions.search,
    "slowdown": questions.slowdown,
    "stalls": questions.stalls,
    "deferred": questions.deferred,
    "instructions": profile_server.instructions,
    "profile": profile_server.profiles,
}
QUICK = ("submit", "batch", "life1", "life3", "latency")


class Kept:
    """What was measured, in a file; with path None in memory only."""

    def __init__(self, path):
        self.path, self.data = path, {}
        self.read()

    def read(self):
        if self.path and os.path.exists(self.path):
            with open(self.path) as file:
                self.data = json.load(file)

    def put(self, name, what):
        self.read()  # another one may have been asked meanwhile
        self.data[name] = what | {"when": time.strftime("%Y-%m-%d %H:%M"), "commit": report.commit(), "company": report.company()}
        if self.path:
            with open(self.path + ".new", "w") as file:
                json.dump(self.data, file)
            os.replace(self.path + ".new", self.path)


def quick(arguments):
    """One short run of the most important; of the bare loops that of single submissions and of one-step lives."""
    arguments.bare, arguments.runs, kept = ("submit", "life1"), 1, Kept(None)
    for name in QUICK:
        kept.put(name, QUESTIONS[name](arguments, arguments.seconds or QUICK_SECONDS))
    return report.figures(kept.data)


def works(name, ask):
    """Whether it does: a question that fails keeps no other from being asked."""
    began = time.monotonic()
    try:
        ask()
    except (SystemExit, OSError, subprocess.SubprocessError) as why:
        say(f"{name} has failed: {why}")
        end_all()
        return False
    say(f"-- {name}: {time.monotonic() - began:.0f} s")
    return True


def whole(arguments):
    """The figures, and the questions that were not answered."""
    arguments.bare, kept = BARE, Kept(os.path.join(arguments.disk, "bench-data.json"))
    if arguments.only is None:
        works("stores", lambda: questions.stores(arguments))
    failed = [name for name in QUESTIONS if (arguments.only is None or name in arguments.only) and
              not works(name, lambda name=name: kept.put(name, QUESTIONS[name](arguments, arguments.seconds or SECONDS)))]
    result = report.figures(kept.data)
    report.write(arguments, kept.data, result)
    return result, failed


def on_signal(*_):
    raise KeyboardInterrupt("ended by a signal")


def question_names(text):
    names = text.split(",")
    for name in names:
        if name not in QUESTIONS and name != "none":
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(QUESTIONS)}")
    return [name for name in names if name != "none"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--disk", help="directory on the disk that is measured (default: the build's)")
    parser.add_argument("--quick", action="store_true", help="one short run of the most important; writes no file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", type=question_names, help=f"questions with commas between them, of: {', '.join(QUESTIONS)}; none: only write")
    parser.add_argument("--stores", action="store_true", help="only make the big stores that are not there yet")
    parser.add_argument("--results", metavar="DIR", default=report.HERE, help="where RESULTS.md and results.svg go (bench/)")
    parser.add_argument("--profile", nargs="?", const="submit", choices=sorted(set(WORKLOADS) - {"latency"}),
                        help="where the server's time goes under a workload (submit), by thread; nothing else is measured")
    parser.add_argument("--flames", metavar="FILE", help="with --profile: also a flame graph (SVG)")
    parser.add_argument("--runs", type=int, default=3, help="that a median is of")
    parser.add_argument("--seconds", type=float, help=f"of one run ({SECONDS}; with --quick {QUICK_SECONDS})")
    arguments = parser.parse_args()
    arguments.disk = arguments.disk or arguments.build
    signal.signal(signal.SIGTERM, on_signal)  # so that no server is left over
    say("building")
    subprocess.run(["ninja", "-C", arguments.build, "benchmarks"], check=True, stdout=subprocess.DEVNULL)
    if arguments.profile:
        profile_server.show(arguments, WORKLOADS[arguments.profile], arguments.seconds or QUICK_SECONDS)
        return
    if arguments.stores:
        questions.stores(arguments)
        return
    result, failed = (quick(arguments), []) if arguments.quick else whole(arguments)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:36} {value:g}")
    if failed:
        sys.exit(f"not answered: {', '.join(failed)}")


if __name__ == "__main__":
    main()

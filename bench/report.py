"""Figures of what was measured, and RESULTS.md."""

import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))


def median(results, name):
    return statistics.median(result[name] for result in results)


def rates(data):
    """{name of a figure: its value} for what every workload has."""
    found = {}
    for name, figure in (("submit", "submit_single"), ("submit512", "submit_single512"), ("batch", "submit_batch"), ("life1", "life1"),
                         ("life3", "life3")):
        if name in data:
            found[f"{figure}_per_s"] = median(data[name], "per_s")
            found[f"{figure}_p50_ms"] = median(data[name], "p50_ms")
            found[f"{figure}_p99_ms"] = median(data[name], "p99_ms")
            found[f"{figure}_server_cpu_us"] = median(data[name], "server_cpu_us_each")
            found[f"{figure}_load_cpu_share"] = median(data[name], "load_cpu_share")
    return found


def shares(data):
    """How much of the bare SQLite loop is reached. The first is the figure; the others stand beside it."""
    names = {"submit": "floor_sqlite_share", "batch": "floor_sqlite_share_batch", "life1": "floor_sqlite_share_life1",
             "life3": "floor_sqlite_share_life3"}
    return {names[name]: round(median(data[name], "per_s") / median(loops, "per_s"), 3) for name, loops in data["bare"].items()}


def figures(data):
    found = rates(data) | shares(data)
    found["latency_p50_ms"], found["latency_p99_ms"] = median(data["latency"], "p50_ms"), median(data["latency"], "p99_ms")
    found["floor_fdatasync_per_s"] = median(data["floor"], "fdatasync_per_s")
    found["floor_fdatasync_rewrite_per_s"] = median(data["floor"], "fdatasync_rewrite_per_s")
    for name, loops in data["bare"].items():
        found[f"floor_sqlite_{name}_per_s"] = median(loops, "per_s")
    found["rss_idle_mib"] = round(median(data["submit"], "rss_idle_mib"), 1)
    found["disk_bytes_per_life1"] = round(statistics.median(r["store_bytes"] / r["total"] for r in data["life1"]))
    for name in ("half", "twice"):
        for figure in ("offered_per_s", "accepted_per_s", "p50_ms", "p99_ms", "refused_p99_ms"):
            if name in data:
                found[f"{name}_{figure}"] = median(data[name], figure)
    return found


# ---- RESULTS.md --------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Row:
    """A line of the table of what is due. With several figures each has its bound."""
    text: str
    form: str
    names: tuple
    due: tuple
    aim: tuple
    less: bool = False  # whether less is better

    def verdict(self, values):
        """How many times better than what is due: at least 1 where it is met."""
        ratios = [due / max(value, 1e-9) if self.less else value / due for value, due in zip(values, self.due)]
        aims = [value <= aim if self.less else value >= aim for value, aim in zip(values, self.aim)]
        return f"{min(ratios):.2f}" + (", aim reached" if all(aims) else "" if min(ratios) >= 1 else ", **missed**")

    def cells(self, result):
        values = [result[name] for name in self.names]
        return [self.text, *(self.form.format(*what) for what in (values, self.due, self.aim)), self.verdict(values)]


ROWS = (
    Row("single submissions/s, 64 connections", "{:,.0f}", ("submit_single_per_s",), (26000,), (36000,)),
    Row("the same, 512 connections", "{:,.0f}", ("submit_single512_per_s",), (30000,), (50000,)),
    Row("in NDJSON batches of 100, 16 connections, /s", "{:,.0f}", ("submit_batch_per_s",), (60000,), (85000,)),
    Row("whole lives of a one-step command/s", "{:,.0f}", ("life1_per_s",), (12500,), (25000,)),
    Row("whole lives of a three-step command/s", "{:,.0f}", ("life3_per_s",), (6000,), (12000,)),
    Row("share of the bare SQLite loop (single submissions)", "{:.0%}", ("floor_sqlite_share",), (0.6,), (0.8,)),
    Row("submit to completed at 50/s, p50 / p99, ms", "{:.2f} / {:.2f}", ("latency_p50_ms", "latency_p99_ms"), (1.2, 4), (0.6, 2), True),
    Row("memory idle, MiB", "{:.1f}", ("rss_idle_mib",), (40,), (16,), True),
    Row("disk per completed one-step command, bytes", "{:,.0f}", ("disk_bytes_per_life1",), (1000,), (600,), True),
)


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows), ""]


def due(result):
    rows = [row.cells(result) for row in ROWS if all(name in result for name in row.names)]
    return table(("what", "measured", "due", "aim", "times what is due"), rows)


def workloads(data):
    """Each workload with its spread, its times and who used the processor."""
    texts = {"submit": "single submissions", "submit512": "the same, 512 connections", "batch": "batches of 100", "life1": "one-step lives",
             "life3": "three-step lives"}
    rows = []
    for name, text in texts.items():
        runs = [run["per_s"] for run in data[name]]
        rows.append((text, f"{median(data[name], 'per_s'):,.0f}", f"{min(runs):,} to {max(runs):,}",
                     f"{median(data[name], 'p50_ms'):g} / {median(data[name], 'p99_ms'):g}", f"{median(data[name], 'server_cpu_us_each'):g}",
                     f"{median(data[name], 'server_cpu_share'):g} / {median(data[name], 'load_cpu_share'):g}"))
    return table(("workload", "/s", "from … to", "answer p50 / p99, ms", "server's CPU each, µs", "cores: server / load generator"), rows)


def floors(data, result):
    """The floors, and how many times as much is done."""
    sync = result["floor_fdatasync_per_s"]
    rows = [("append 4 KiB and fdatasync", f"{sync:,.0f}", "", "", f"{result['submit_single_per_s'] / sync:.1f} submissions a sync"),
            ("the same into blocks that are there", f"{result['floor_fdatasync_rewrite_per_s']:,.0f}", "", "", "")]
    for name, loops in data["bare"].items():
        share = median(data[name], "per_s") / median(loops, "per_s")
        rows.append((f"bare SQLite with the writes of {name}", f"{median(loops, 'per_s'):,.0f}", f"{median(loops, 'commands_each_commit'):g}",
                     f"{median(loops, 'cpu_us_each'):g}", f"{share:.0%} reached"))
    return table(("floor", "/s", "commands a commit", "CPU each, µs", ""), rows)


def overload(data):
    rows = []
    for name, text in (("half", "half of what single submissions came to"), ("twice", "twice of it")):
        runs = data[name]
        rows.append((text, f"{median(runs, 'offered_per_s'):,.0f}", f"{median(runs, 'accepted_per_s'):,.0f}",
                     f"{median(runs, 'p50_ms'):g} / {median(runs, 'p99_ms'):g}", f"{median(runs, 'refused_p99_ms'):g}"))
    return table(("offered over 1,024 connections", "offered/s", "accepted/s", "accepted p50 / p99, ms", "refused p99, ms"), rows)


def machine():
    with open("/proc/cpuinfo") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) // (1 << 20)
    return f"{len(models)} × {models[0]}, {memory} GiB, Linux {platform.release()}"


def versions(arguments):
    binary = subprocess.run([os.path.join(arguments.build, "recourse"), "version"], capture_output=True, text=True)
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    sqlite = subprocess.run(["pkg-config", "--modversion", "sqlite3"], capture_output=True, text=True)
    found = binary.stdout.split("\n")[0] or "recourse"
    return f"{found}, commit {commit.stdout.strip() or 'unknown'}, SQLite {sqlite.stdout.strip() or 'unknown'}"


def company():
    """What else ran, and whether it could get in the way."""
    if os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO):
        return "Other work ran on the machine; server and load generator had real-time priority over it (`chrt -r 5`)."
    return f"Load of the machine at the end, from everything that ran: {os.getloadavg()[0]:.1f}."


def write(arguments, data, result, seconds):
    lines = ["# Figures", "", f"Written by `bench/run.sh` on {time.strftime('%Y-%m-%d')}; how they are taken: README.md.",
             "", f"- Machine: {machine()}", f"- Versions: {versions(arguments)}",
             f"- Each figure is the median of {arguments.runs} runs of {seconds:g} s, each on a store of its own. Server, load "
             "generator and the system that is called share the cores. Every answer follows the sync of what it says.",
             f"- {company()}", ""]
    lines += due(result) + workloads(data) + floors(data, result) + overload(data)
    with open(os.path.join(HERE, "RESULTS.md"), "w") as file:
        file.write("\n".join(lines).rstrip() + "\n")

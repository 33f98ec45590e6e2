"""Figures of what was measured, and RESULTS.md."""

import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass

import plot
import profile_server

HERE = os.path.dirname(os.path.abspath(__file__))


WORKLOADS = {"submit": ("submit_single", "single submissions"), "submit512": ("submit_single512", "the same, 512 connections"),
             "batch": ("submit_batch", "in batches of 100"), "life1": ("life1", "one-step lives"), "life3": ("life3", "three-step lives"),
             "each": ("each100", "lives of an each of 100 calls")}


def median(results, name):
    return statistics.median(result[name] for result in results)


def rates(data):
    """{name of a figure: its value} for what every workload has."""
    found = {}
    for name, (figure, _) in WORKLOADS.items():
        if name in data:
            runs = data[name]["runs"]
            found |= {f"{figure}_{what}": median(runs, what) for what in ("per_s", "p50_ms", "p99_ms")}
            found[f"{figure}_server_cpu_us"] = median(runs, "server_cpu_us_each")
            found[f"{figure}_load_cpu_share"] = median(runs, "load_cpu_share")
    return found


def shares(data):
    """How much of the bare SQLite loop is reached. That of single submissions is the figure; the others stand beside it."""
    found = {}
    for name in WORKLOADS:
        if name in data and data[name]["bare"]:
            loops = median(data[name]["bare"], "per_s")
            found[f"floor_sqlite_{name}_per_s"] = loops
            found["floor_sqlite_share" + ("" if name == "submit" else f"_{name}")] = round(median(data[name]["runs"], "per_s") / loops, 3)
    return found


def figures(data):
    """All figures of what was measured, by name."""
    found = rates(data) | shares(data)
    floors = [floor for answer in data.values() for floor in answer.get("floor", ())]
    if floors:
        found |= {f"floor_{what}": median(floors, what) for what in ("fdatasync_per_s", "fdatasync_rewrite_per_s")}
    if "latency" in data:
        found |= {f"latency_{what}": median(data["latency"]["runs"], what) for what in ("p50_ms", "p99_ms")}
    if "submit" in data:
        found["rss_idle_mib"] = round(median(data["submit"]["runs"], "rss_idle_mib"), 1)
    if "life1" in data:
        found["disk_bytes_per_life1"] = round(statistics.median(run["store_bytes"] / run["total"] for run in data["life1"]["runs"]))
    if "each" in data:
        found["each100_steps_per_s"] = 100 * found["each100_per_s"]
    if "overload" in data:
        for name in ("half", "twice"):
            for what in ("offered_per_s", "accepted_per_s", "p50_ms", "p99_ms", "refused_p99_ms"):
                found[f"{name}_{what}"] = median(data["overload"][name], what)
    for name in ("size", "waiters", "work", "crash", "readers", "search", "slowdown", "stalls", "deferred"):
        found |= {key: value for key, value in data.get(name, {}).items() if isinstance(value, (int, float))}
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

    def ratios(self, values):
        """How many times better than what is due: at least 1 where it is met. What costs nothing at all is at a thousand."""
        return [min(1000, due / value) if value > 0 else 1000 for value, due in zip(values, self.due)] if self.less else \
            [value / due for value, due in zip(values, self.due)]

    def reached(self, values):
        """Whether the aim is."""
        return all(value <= aim if self.less else value >= aim for value, aim in zip(values, self.aim))

    def verdict(self, values):
        ratio = min(self.ratios(values))
        return f"{ratio:.2f}" + (", **missed**" if ratio < 1 else ", aim reached" if self.reached(values) else "")

    def cells(self, result):
        values = [result[name] for name in self.names]
        return [self.text, *(self.form.format(*what) for what in (values, self.due, self.aim)), self.verdict(values)]


ROWS = (
    Row("single submissions/s, 64 connections", "{:,.0f}", ("submit_single_per_s",), (26000,), (36000,)),
    Row("the same, 512 connections", "{:,.0f}", ("submit_single512_per_s",), (30000,), (50000,)),
    Row("in NDJSON batches of 100, 16 connections, /s", "{:,.0f}", ("submit_batch_per_s",), (60000,), (85000,)),
    Row("whole lives of a one-step command/s", "{:,.0f}", ("life1_per_s",), (12500,), (25000,)),
    Row("whole lives of a three-step command/s", "{:,.0f}", ("life3_per_s",), (6000,), (12000,)),
    Row("calls of an each of 100 items/s", "{:,.0f}", ("each100_steps_per_s",), (8000,), (16000,)),
    Row("tasks that workers lease and report in batches of 50, a backlog of 100,000, /s", "{:,.0f}", ("drain_batch_per_s",), (28000,),
        (40000,)),
    Row("tasks leased by 200 workers on long poll at 10,000/s, /s", "{:,.0f}", ("lease_per_s",), (9900,), (9900,)),
    Row("the same, from submission to lease, p99, ms", "{:.2f}", ("lease_p99_ms",), (20,), (10,), True),
    Row("share of the bare SQLite loop (single submissions)", "{:.0%}", ("floor_sqlite_share",), (0.6,), (0.8,)),
    Row("submit to completed at 50/s, p50 / p99, ms", "{:.2f} / {:.2f}", ("latency_p50_ms", "latency_p99_ms"), (1.2, 4), (0.6, 2), True),
    Row("slow-down from 100 thousand to 5 million commands", "{:.2f} times", ("slowdown",), (1.3,), (1.1,), True),
    Row("search: newest 20 failed of one customer among 5 million, p99, ms", "{:.2f}", ("search_p99_ms",), (10,), (2,), True),
    Row("memory idle / with 1 million pending, MiB", "{:.1f} / {:.1f}", ("rss_idle_mib", "rss_pending_mib"), (40, 150), (16, 64), True),
    Row("memory with 10 million deferred, over that with 100 thousand, MiB", "{:+.1f}", ("rss_deferred_growth_mib",), (32,), (8,), True),
    Row("kill -9 with 1 million pending to the first attempt, s", "{:.2f}", ("crash_to_attempt_s",), (1,), (0.2,), True),
    Row("disk per completed one-step command, bytes", "{:,.0f}", ("disk_bytes_per_life1",), (1000,), (600,), True),
    Row("the binary, stripped, bytes", "{:,.0f}", ("binary_bytes",), (2 << 20,), (1 << 20,), True),
    Row("a thousand idle waiters, KiB each", "{:.1f}", ("waiter_kib",), (16,), (8,), True),
    Row("longest checkpoint, ms", "{:.1f}", ("checkpoint_max_ms",), (20,), (20,), True),
    Row("readers at full speed slow the writer by", "{:.0%}", ("readers_slow",), (0.1,), (0.1,), True),
)


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows), ""]


def due(result):
    rows = [row.cells(result) for row in ROWS if all(name in result for name in row.names)]
    return table(("what", "measured", "due", "aim", "times what is due"), rows)


def workloads(data):
    """Each workload with its spread, its times and who used the processor."""
    rows = []
    for name, (_, text) in WORKLOADS.items():
        if name in data:
            runs = data[name]["runs"]
            each = [run["per_s"] for run in runs]
            rows.append((text, f"{median(runs, 'per_s'):,.0f}", f"{min(each):,} to {max(each):,}",
                         f"{median(runs, 'p50_ms'):g} / {median(runs, 'p99_ms'):g}", f"{median(runs, 'server_cpu_us_each'):g}",
                         f"{median(runs, 'server_cpu_share'):g} / {median(runs, 'load_cpu_share'):g}", data[name]["when"], data[name]["commit"]))
    return table(("workload", "/s", "from … to", "answer p50 / p99, ms", "server's CPU each, µs", "cores: server / load generator", "when",
                  "commit"), rows)


def floors(data, result):
    """The floors, and how many times as much is done."""
    sync, rows = result.get("floor_fdatasync_per_s"), []
    if sync:
        rows = [("append 4 KiB and fdatasync", f"{sync:,.0f}", "", "", f"{result.get('submit_single_per_s', 0) / sync:.1f} submissions a sync"),
                ("the same into blocks that are there", f"{result['floor_fdatasync_rewrite_per_s']:,.0f}", "", "", "")]
    for name, (_, text) in WORKLOADS.items():
        loops = data.get(name, {}).get("bare")
        if loops:
            share = median(data[name]["runs"], "per_s") / median(loops, "per_s")
            rows.append((f"bare SQLite loop, the writes of: {text}", f"{median(loops, 'per_s'):,.0f}", f"{median(loops, 'commands_each_commit'):g}",
                         f"{median(loops, 'cpu_us_each'):g}", f"{share:.0%} reached"))
    return table(("floor", "/s", "commands a commit", "CPU each, µs", ""), rows)


def overload(data):
    rows = []
    for name, text in (("half", "half of what single submissions came to"), ("twice", "twice of it")):
        runs = data["overload"][name]
        rows.append((text, f"{median(runs, 'offered_per_s'):,.0f}", f"{median(runs, 'accepted_per_s'):,.0f}",
                     f"{median(runs, 'p50_ms'):g} / {median(runs, 'p99_ms'):g}", f"{median(runs, 'refused_p99_ms'):g}"))
    return table(("offered over 1,024 connections", "offered/s", "accepted/s", "accepted p50 / p99, ms", "refused p99, ms"), rows)


# what the questions about size came to, where it is more than the one figure above
DETAILS = (
    ("drain_single_per_s", "tasks that 200 workers lease and report one by one, a backlog of 20,000, /s"),
    ("lease_p50_ms", "tasks leased by 200 workers on long poll at 10,000/s, p50, ms"),
    ("submit_per_s_100000", "single submissions/s, 100 thousand commands in the store"),
    ("submit_per_s_5000000", "the same, 5 million"),
    ("life_per_s_100000", "one-step lives/s, 100 thousand commands in the store"),
    ("life_per_s_5000000", "the same, 5 million"),
    ("search_p50_ms", "search among 5 million, p50, ms"),
    ("search_pages_each", "its pages"),
    ("search_rows_each", "its rows"),
    ("rss_pending_restart_mib", "memory with 1 million pending, at the first attempt after kill -9, MiB"),
    ("rss_deferred_100000_mib", "memory with 100 thousand deferred, after some lives, MiB"),
    ("rss_deferred_10000000_mib", "the same, 10 million"),
    ("crash_to_attempt_max_s", "kill -9 with 1 million pending to the first attempt, the longest, s"),
    ("submit_alone_per_s", "single submissions/s, alone"),
    ("submit_beside_readers_per_s", "the same beside four readers at full speed"),
    ("reads_beside_submit_per_s", "and what the readers came to, /s"),
    ("batch_alone_per_s", "submissions in batches/s, alone"),
    ("batch_beside_readers_per_s", "the same beside four readers at full speed"),
    ("reads_beside_batch_per_s", "and what the readers came to, /s"),
    ("life_100000_commit_p99_ms", "commits of lives, 100 thousand in the store, p99, ms"),
    ("life_100000_commit_max_ms", "the longest of them, ms"),
    ("life_100000_checkpoint_max_ms", "their longest checkpoint, ms"),
    ("batch_100000_checkpoint_max_ms", "longest checkpoint under batches, 100 thousand in the store, ms"),
    ("life_5000000_checkpoint_max_ms", "longest checkpoint under lives, 5 million in the store, ms"),
    ("batch_5000000_checkpoint_max_ms", "longest checkpoint under batches, 5 million in the store, ms"),
)


def details(result):
    return table(("what", "measured"), [(text, f"{result[name]:,.2f}".removesuffix(".00")) for name, text in DETAILS if name in result])


def instructions(counts):
    """Of callgrind: no machine's mood is in them."""
    rows = [(f"one submission: {text}", f"{n:,}") for text, n in counts["submission_parts"].items()]
    rows += [("one submission", f"{counts['submission']:,}"), ("one attempt and its result", f"{counts['result']:,}"),
             ("one expression, the condition of a check", f"{counts['expression']:,}")]
    return table(("instructions", ""), rows)


def profile(found):
    lines = []
    for name, text in (("submit", "single submission"), ("life1", "one-step life")):
        lines += [f"One {text}: {found[name]['each_us']:g} µs of the server's CPU.", "", "```", *profile_server.text_of(found[name]["threads"]), "```", ""]
    return lines


def machine():
    with open("/proc/cpuinfo") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) // (1 << 20)
    return f"{len(models)} × {models[0]}, {memory} GiB, Linux {platform.release()}"


def commit():
    found = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def versions(arguments):
    binary = subprocess.run([os.path.join(arguments.build, "recourse"), "version"], capture_output=True, text=True)
    sqlite = subprocess.run(["pkg-config", "--modversion", "sqlite3"], capture_output=True, text=True)
    found = binary.stdout.split("\n")[0] or "recourse"
    return f"{found}, commit {commit()}, SQLite {sqlite.stdout.strip() or 'unknown'}"


def company():
    """What else ran, and whether it could get in the way."""
    if os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO):
        return "with real-time priority over other work on the machine (`chrt -r 5`)"
    return f"load of the machine at the end, from everything that ran: {os.getloadavg()[0]:.1f}"


def write(arguments, data, result):
    head = ["# Figures", "", f"Written by `bench/run.sh` on {time.strftime('%Y-%m-%d')}; how they are taken: README.md.",
            "", f"- Machine: {machine()}", f"- Versions: {versions(arguments)}",
            "- Server, load generator and the system that is called share the cores. Every answer follows the sync of what it says. A rate "
            "is the median of its runs.",
            *(f"- {text.capitalize()}." for text in sorted({answer["company"] for answer in data.values()})), ""]
    lines = head + ["![What was measured, against what is due and the aim](results.svg)", ""] + due(result)
    for title, wanted, part in (("Workloads", "submit", lambda: workloads(data)), ("Floors", "submit", lambda: floors(data, result)),
                                ("Overload", "overload", lambda: overload(data)), ("Size", "size", lambda: details(result)),
                                ("Instructions", "instructions", lambda: instructions(data["instructions"])),
                                ("Where the time goes", "profile", lambda: profile(data["profile"]))):
        if wanted in data:
            lines += [f"## {title}", "", *part()]
    with open(os.path.join(arguments.results, "RESULTS.md"), "w") as file:
        file.write("\n".join(lines).rstrip() + "\n")
    with open(os.path.join(arguments.results, "results.svg"), "w") as file:
        file.write(plot.draw([row for row in ROWS if all(name in result for name in row.names)], result))

"""Runs the measuring programs against a server of their own, and writes down what came out.

Every run begins with an empty store and ends with the server stopped. A figure is the median of its runs. The load
generator checks what it has caused (load.c); a run that does not add up ends the program.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET_IN_DEFS = "127.0.0.1:8599"
SECONDS = 6  # of one run
OFFERING = 1024  # connections, where a rate is offered
DUE = {"submit_single_per_s": 15000, "life1_per_s": 8000}


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`recourse serve` on an empty store in a directory of its own, on ports that nobody uses."""

    def __init__(self, build, disk):
        self.directory = tempfile.mkdtemp(prefix="recourse-bench-", dir=disk)
        self.store = os.path.join(self.directory, "store.db")
        self.port, self.target_port = free_port(), free_port()
        definitions = self.definitions()
        command = [os.path.join(build, "recourse"), "serve", "--store", self.store, "--defs", definitions,
                   "--listen", f"127.0.0.1:{self.port}", "--log", "text", "--max-rate", "0"]
        self.log = open(os.path.join(self.directory, "log"), "wb+")
        self.process = subprocess.Popen(command, stderr=self.log)
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.log.seek(0)
        sys.exit("the server does not start:\n" + self.log.read().decode())

    def definitions(self):
        """A copy of defs/ that calls the target's port."""
        directory = os.path.join(self.directory, "defs")
        os.mkdir(directory)
        for name in os.listdir(os.path.join(HERE, "defs")):
            with open(os.path.join(HERE, "defs", name)) as file:
                text = file.read().replace(TARGET_IN_DEFS, f"127.0.0.1:{self.target_port}")
            with open(os.path.join(directory, name), "w") as file:
                file.write(text)
        return directory

    def memory(self):
        """Resident MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            lines = [line for line in status if line.startswith("VmRSS:")]
        return int(lines[0].split()[1]) / 1024

    def stop(self):
        """Ends the server; returns the bytes of the store's database file, with its log folded in."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            sys.exit("the server did not stop well")
        size = os.path.getsize(self.store)
        self.log.close()
        shutil.rmtree(self.directory)
        return size


def load(build, server, *arguments):
    command = [os.path.join(build, "bench", "load"), *arguments, "--port", str(server.port), "--target-port",
               str(server.target_port), "--server-pid", str(server.process.pid)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("load " + " ".join(arguments) + ": " + done.stderr)
    return json.loads(done.stdout)


def floor(build, disk, seconds):
    command = [os.path.join(build, "bench", "floor"), disk, str(seconds)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(build, disk, mode, runs, seconds, *arguments):
    """The runs of one mode; each also with the memory of the idle and the loaded server, and bytes per command."""
    results = []
    for _ in range(runs):
        server = Server(build, disk)
        idle = server.memory()
        result = load(build, server, mode, "--seconds", str(seconds), *arguments)
        result["rss_idle_mib"], result["rss_after_mib"] = idle, server.memory()
        result["store_bytes"] = server.stop()
        say(f"{mode}: {result.get('per_s', result.get('accepted_per_s'))}/s, p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms")
        results.append(result)
    return results


def median(results, name):
    return statistics.median(result[name] for result in results)


def spread(results, name):
    values = [result[name] for result in results]
    return f"{min(values):g} to {max(values):g}"


def run_all(arguments):
    build = ["ninja", "-C", arguments.build, "recourse", "bench/load", "bench/floor"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    quick = arguments.quick
    runs, seconds = (1 if quick else arguments.runs), (4 if quick else SECONDS)
    floors = [floor(arguments.build, arguments.disk, 2)]
    data = {
        "submit": measure(arguments.build, arguments.disk, "submit", runs, seconds),
        "life": measure(arguments.build, arguments.disk, "life", runs, seconds),
        "latency": measure(arguments.build, arguments.disk, "latency", runs, seconds),
    }
    sustainable = int(median(data["submit"], "per_s"))
    for name, rate in (("half", sustainable // 2), ("twice", 2 * sustainable)):
        data[name] = measure(arguments.build, arguments.disk, "offer", runs, seconds, "--rate", str(rate), "--connections", str(OFFERING))
    floors.append(floor(arguments.build, arguments.disk, 2))  # again: a shared disk changes its mind
    data["floor"] = floors
    return data


def figures(data):
    submit, life, latency = data["submit"], data["life"], data["latency"]
    return {
        "submit_single_per_s": median(submit, "per_s"),
        "submit_p50_ms": median(submit, "p50_ms"),
        "submit_p99_ms": median(submit, "p99_ms"),
        "life1_per_s": median(life, "per_s"),
        "latency_p50_ms": median(latency, "p50_ms"),
        "latency_p99_ms": median(latency, "p99_ms"),
        "floor_fdatasync_per_s": median(data["floor"], "fdatasync_per_s"),
        "floor_fdatasync_rewrite_per_s": median(data["floor"], "fdatasync_rewrite_per_s"),
        "rss_idle_mib": round(median(submit, "rss_idle_mib"), 1),
        "server_cpu_us_per_submission": median(submit, "server_cpu_us_each"),
        "server_cpu_us_per_life1": median(life, "server_cpu_us_each"),
        "load_cpu_share_submit": median(submit, "load_cpu_share"),
        "load_cpu_share_life1": median(life, "load_cpu_share"),
        "half_p50_ms": median(data["half"], "p50_ms"),
        "half_p99_ms": median(data["half"], "p99_ms"),
        "twice_offered_per_s": median(data["twice"], "offered_per_s"),
        "twice_accepted_per_s": median(data["twice"], "accepted_per_s"),
        "twice_p50_ms": median(data["twice"], "p50_ms"),
        "twice_p99_ms": median(data["twice"], "p99_ms"),
        "twice_refused_p99_ms": median(data["twice"], "refused_p99_ms"),
    }


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


def table(data, result):
    submit, life, latency = data["submit"], data["life"], data["latency"]
    each = statistics.median(r["store_bytes"] / r["total"] for r in life)
    rows = [
        ("acknowledged submissions/s, 64 connections", f"{result['submit_single_per_s']:,.0f}",
         spread(submit, "per_s"), f"{DUE['submit_single_per_s']:,}"),
        ("their answer, p50 / p99 ms", f"{result['submit_p50_ms']:g} / {result['submit_p99_ms']:g}", "", ""),
        ("whole one-step lives/s, 64 connections", f"{result['life1_per_s']:,.0f}", spread(life, "per_s"),
         f"{DUE['life1_per_s']:,}"),
        ("submit to completed at 50/s, p50 / p99 ms",
         f"{result['latency_p50_ms']:g} / {result['latency_p99_ms']:g}", spread(latency, "p50_ms"), ""),
        ("server's CPU per submission / per life, µs",
         f"{result['server_cpu_us_per_submission']:g} / {result['server_cpu_us_per_life1']:g}", "", ""),
        ("server's CPU cores in use, submissions / lives",
         f"{median(submit, 'server_cpu_share'):g} / {median(life, 'server_cpu_share'):g}", "", ""),
        ("load generator's and target's, the same",
         f"{result['load_cpu_share_submit']:g} / {result['load_cpu_share_life1']:g}", "", ""),
        ("memory idle / after the submissions, MiB",
         f"{result['rss_idle_mib']:g} / {median(submit, 'rss_after_mib'):.0f}", "", ""),
        ("bytes on disk per completed command", f"{each:,.0f}", "", ""),
        (f"at half of the first figure, {OFFERING:,} connections: accepted, p50 / p99 ms",
         f"{result['half_p50_ms']:g} / {result['half_p99_ms']:g}", spread(data["half"], "p99_ms"), ""),
        ("at twice of it: offered / accepted per s",
         f"{result['twice_offered_per_s']:,.0f} / {result['twice_accepted_per_s']:,.0f}", spread(data["twice"], "accepted_per_s"), ""),
        ("the same: accepted, p50 / p99 ms", f"{result['twice_p50_ms']:g} / {result['twice_p99_ms']:g}",
         spread(data["twice"], "p99_ms"), f"p99 {5 * result['half_p99_ms']:.0f}"),
        ("the same: refused with 503, p99 ms", f"{result['twice_refused_p99_ms']:g}", spread(data["twice"], "refused_p99_ms"), ""),
        ("floor: append 4 KiB and fdatasync, /s", f"{result['floor_fdatasync_per_s']:,.0f}",
         spread(data["floor"], "fdatasync_per_s"), ""),
        ("floor: the same into blocks that are there, /s", f"{result['floor_fdatasync_rewrite_per_s']:,.0f}",
         spread(data["floor"], "fdatasync_rewrite_per_s"), ""),
        ("submissions per sync of the floor", f"{result['submit_single_per_s'] / result['floor_fdatasync_per_s']:.1f}",
         "", ""),
        ("lives per sync of the floor", f"{result['life1_per_s'] / result['floor_fdatasync_per_s']:.1f}", "", ""),
    ]
    lines = ["| what | median | from … to | due |", "|---|---|---|---|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def write_results(arguments, data, result):
    text = ["# Figures", "", f"Written by `bench/run.sh` on {time.strftime('%Y-%m-%d')}; how they are taken: README.md.",
            "", f"- Machine: {machine()}", f"- Versions: {versions(arguments)}",
            f"- Each figure is the median of {arguments.runs} runs of {SECONDS} s, each on a store of its own. Server, load "
            "generator and the system that is called share the cores. Every answer follows the sync of what it says.",
            f"- {company()}", ""]
    text += table(data, result)
    with open(os.path.join(HERE, "RESULTS.md"), "w") as file:
        file.write("\n".join(text) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--disk", help="directory on the disk that is measured (default: the build's)")
    parser.add_argument("--quick", action="store_true", help="one short run of each; writes no file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    arguments.disk = arguments.disk or arguments.build
    data = run_all(arguments)
    result = figures(data)
    if not arguments.quick:
        write_results(arguments, data, result)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:32} {value:g}")


if __name__ == "__main__":
    main()

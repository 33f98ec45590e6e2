"""The questions that want a store of millions, a crash or a look into the server: one function each, which returns its figures.

Big stores are made by fill.c, the engine itself with a stand-in for the outside, and are kept in DISK/bench-stores for the next time;
a store is named by what is in it and by what it was made with.
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from server import HERE, Background, Server, load, program, recorder, say

SMALL, BIG, DEFERRED, DEFERRED_FEW, PENDING = 100_000, 5_000_000, 10_000_000, 100_000, 1_000_000
SETTLE_S = 30  # for the disk, after a big copy
FAILED_PART = 25  # one in so many
OF_CUSTOMER = 100  # fill.c: commands of a customer, on average
schemas = {}  # build: digest (made_with)
big = []  # the copy of the big store, once it is made


def made_with(arguments):
    """What a store depends on: the tables that this build makes, and fill.c. Another schema is another store."""
    if arguments.build not in schemas:
        server = Server(arguments.build, arguments.disk)
        server.halt()
        with contextlib.closing(sqlite3.connect(server.store)) as empty:
            tables = [text or "" for text, in empty.execute("SELECT sql FROM sqlite_master ORDER BY name")]
        shutil.rmtree(server.directory)
        with open(os.path.join(HERE, "fill.c"), "rb") as file:
            schemas[arguments.build] = hashlib.sha256("\n".join(tables).encode() + file.read()).hexdigest()[:8]
    return schemas[arguments.build]


def store(arguments, **fates):
    """The directory of a store with so many commands of each fate; makes it where it is not there."""
    name = "-".join(f"{fate}{number}" for fate, number in fates.items() if number)
    directory = os.path.join(arguments.disk, "bench-stores", f"{name}-{made_with(arguments)}")
    if os.path.exists(os.path.join(directory, "made")):
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    say(f"filling {directory}")
    options = [word for fate, number in fates.items() if number for word in (f"--{fate}", number)]
    program(arguments.build, "fill", os.path.join(directory, "store.db"), os.path.join(HERE, "defs"), *options)
    server = Server(arguments.build, arguments.disk, directory)  # fill.c leaves a store that came from nowhere: that is settled here
    server.release()
    server.halt()
    open(os.path.join(directory, "made"), "w").close()
    return directory


def stores(arguments):
    """Makes all that are kept and not there yet: the two that take minutes beside each other."""
    made_with(arguments)
    with ThreadPoolExecutor(2) as both:
        wanted = [both.submit(store, arguments, deferred=size) for size in (DEFERRED, 1000)]
        wanted += [both.submit(completed, arguments, size) for size in (BIG, SMALL)]
        wanted.append(both.submit(store, arguments, deferred=DEFERRED_FEW))
        for one in wanted:
            one.result()


def completed(arguments, commands):
    return store(arguments, completed=commands - commands // FAILED_PART, failed=commands // FAILED_PART)


def opened(arguments, directory, preload=None):
    return Server(arguments.build, arguments.disk, directory, preload)


def copy_synced(source, to):
    shutil.copyfile(source, to)
    with open(to, "rb+") as file:
        os.fsync(file.fileno())  # its pages would go out while the first run is measured


def syncs(arguments):
    return program(arguments.build, "floor", arguments.disk, 0.4)["fdatasync_per_s"]


def settle(arguments, before):
    """Waits until the disk is as quick as it was before gigabytes were written to it, or for half a minute."""
    end = time.monotonic() + SETTLE_S
    while syncs(arguments) < before * 0.7 and time.monotonic() < end:
        time.sleep(1)


def copy_store(arguments, directory, to):
    before = syncs(arguments)
    for name in ("store.db", "store.db.life"):
        copy_synced(os.path.join(directory, name), os.path.join(to, name))
    settle(arguments, before)


@contextlib.contextmanager
def copied(arguments, directory):
    """A copy of a store that may be spoiled."""
    with tempfile.TemporaryDirectory(prefix="recourse-bench-", dir=arguments.disk) as copy:
        copy_store(arguments, directory, copy)
        yield copy


def big_copy(arguments):
    """The one copy of the big store, for all that may spoil it a little: to copy it takes longer than to ask. It goes with the program."""
    if not big:
        copy = tempfile.TemporaryDirectory(prefix="recourse-bench-", dir=arguments.disk)
        copy_store(arguments, completed(arguments, BIG), copy.name)
        big.append(copy)
    return big[0].name


# ---- what history costs --------------------------------------------------------------------------------------

def slowdown(arguments, seconds):
    """The same workloads on a store of 100 thousand and on one of 5 million, in turns. What is measured comes on top."""
    rates = {}

    def once(directory, size, name, words, run):
        server = opened(arguments, directory)
        result = load(server, *words, "--mixed", "--run", f"{name}{run}", "--seconds", seconds)
        server.halt()
        say(f"{name} on {size}: {result['per_s']}/s")
        rates.setdefault((name, size), []).append(result["per_s"])

    for run in range(arguments.runs):
        for name, words in (("submit", ["submit"]), ("life", ["life"])):
            with copied(arguments, completed(arguments, SMALL)) as small:
                once(small, SMALL, name, words, run)
            once(big_copy(arguments), BIG, name, words, run)
    found = {f"{name}_per_s_{size}": statistics.median(all_of) for (name, size), all_of in rates.items()}
    for name in ("submit", "life"):
        found[f"{name}_slowdown"] = round(found[f"{name}_per_s_{SMALL}"] / found[f"{name}_per_s_{BIG}"], 3)
    return found | {"slowdown": max(found["submit_slowdown"], found["life_slowdown"])}


def search(arguments, seconds):
    server = opened(arguments, completed(arguments, BIG))
    result = load(server, "search", "--customers", BIG // OF_CUSTOMER + 1, "--seconds", seconds)
    server.halt()
    say(f"search: p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms")
    return {f"search_{name}": result[name] for name in ("p50_ms", "p99_ms", "max_ms", "per_s", "pages_each", "rows_each")}


def beside(arguments, seconds, words, reading):
    """(what the writers came to, what the readers came to)"""
    with copied(arguments, completed(arguments, SMALL)) as directory:
        server = opened(arguments, directory)
        reader = Background(server, "read", "--connections", 4, "--customers", SMALL // OF_CUSTOMER, "--seconds", seconds) if reading else None
        result = load(server, *words, "--mixed", "--seconds", seconds)
        reads = reader.result()["per_s"] if reader else 0
        server.halt()
        return result["per_s"], reads


def readers(arguments, seconds):
    """Batches and single submissions, alone and beside four readers at full speed, in turns."""
    found = {}
    for name, words in (("submit", ["submit"]), ("batch", ["submit", "--batch", 100, "--connections", 16])):
        pairs = [(beside(arguments, seconds, words, False), beside(arguments, seconds, words, True)) for _ in range(arguments.runs)]
        alone, read = (statistics.median(pair[which][0] for pair in pairs) for which in (0, 1))
        found |= {f"{name}_alone_per_s": alone, f"{name}_beside_readers_per_s": read, f"readers_slow_{name}": round(1 - read / alone, 3),
                  f"reads_beside_{name}_per_s": statistics.median(pair[1][1] for pair in pairs)}
        say(f"{name}: {alone:.0f}/s alone, {read:.0f}/s beside readers")
    return found | {"readers_slow": max(found["readers_slow_submit"], found["readers_slow_batch"])}


# ---- memory -----------------------------------------------------------------------------------------------------

def deferred(arguments, _seconds):
    """Memory after the start, and after some lives, with few and with ten million commands that wait for their time."""
    found = {}
    for size in (DEFERRED_FEW, DEFERRED):
        server = opened(arguments, store(arguments, deferred=size))
        found[f"rss_deferred_{size}_start_mib"] = round(server.memory(), 1)
        load(server, "life", "--mixed", "--run", f"{os.getpid()}", "--seconds", 3)
        found[f"rss_deferred_{size}_mib"] = round(server.memory(), 1)
        server.halt()
        say(f"{size} deferred: {found[f'rss_deferred_{size}_mib']} MiB")
    found["rss_deferred_growth_mib"] = round(found[f"rss_deferred_{DEFERRED}_mib"] - found[f"rss_deferred_{DEFERRED_FEW}_mib"], 1)
    return found


def waiters(arguments, _seconds):
    server = opened(arguments, store(arguments, deferred=1000))
    result = load(server, "wait", "--connections", 1000)
    server.halt()
    say(f"waiters: {result['kib_each']} KiB each")
    return {"waiter_kib": result["kib_each"]}


# ---- remote workers ---------------------------------------------------------------------------------------

WORK = {  # what bench/work is told
    "drain_batch": ("drain", 20, 50, 100000),  # 20 workers lease, report and heartbeat 50 at a time until 100,000 tasks are done
    "drain_single": ("drain", 200, 1, 20000),
    "lease": ("poll", 200, 10000, 10),         # 200 on long poll, 10,000 tasks/s for ten seconds
}


def work(arguments, _seconds):
    found = {}
    for name, words in WORK.items():
        runs = []
        for _ in range(arguments.runs):
            server = Server(arguments.build, arguments.disk, work=True)
            runs.append(program(arguments.build, "work", server.port, *words))
            server.stop()
            say(f"work {' '.join(map(str, words))}: {runs[-1]}")
        found |= {f"{name}_{what}": statistics.median(run[key] for run in runs)
                  for what, key in (("per_s", "per_s"), ("per_s", "leased_per_s"), ("p50_ms", "p50_ms"), ("p99_ms", "p99_ms")) if key in runs[0]}
    return found


# ---- a crash with a million pending -------------------------------------------------------------------------

def first_request(listener):
    """When the first byte of a request arrives: a moment of time.monotonic()."""
    listener.settimeout(120)
    client, _ = listener.accept()
    client.settimeout(120)
    client.recv(1)
    arrived = time.monotonic()
    client.close()
    return arrived


def crash(arguments, _seconds):
    """A million submissions over HTTP that stay pending; the server's memory then; kill -9 while more come; and how long
    until the first attempt of the server that is started at once."""
    took, before, after = [], [], []
    with tempfile.TemporaryDirectory(prefix="recourse-bench-", dir=arguments.disk) as directory:
        server = opened(arguments, directory)
        load(server, "submit", "--batch", 100, "--connections", 16, "--warmup", 0, "--seconds", 600, "--count", PENDING)
        for run in range(arguments.runs):
            before.append(server.memory())
            more = Background(server, "submit", "--run", f"more{run}", "--mixed", "--seconds", 60)
            time.sleep(1)
            killed = time.monotonic()
            server.process.kill()
            server.process.wait()
            more.wait()  # it has lost its connections; the system that it played is played here from now on
            with socket.create_server(("127.0.0.1", server.target_port), backlog=64) as listener:
                server.log.close()
                server.start()
                took.append(first_request(listener) - killed)
                after.append(server.memory())
            say(f"first attempt {took[-1]:.3f} s after kill -9, {before[-1]:.0f} MiB before, {after[-1]:.0f} MiB after")
        server.halt()
    return {"crash_to_attempt_s": round(statistics.median(took), 3), "crash_to_attempt_max_s": round(max(took), 3),
            "rss_pending_mib": round(before[0], 1), "rss_pending_restart_mib": round(statistics.median(after), 1)}


# ---- stalls, size -------------------------------------------------------------------------------------------------

def stalls(arguments, seconds):
    """Commits and checkpoints under load, on a big store and on a small one, timed from within (record.c)."""
    found = {}
    for size in (SMALL, BIG):
        with copied(arguments, completed(arguments, SMALL)) if size == SMALL else contextlib.nullcontext(big_copy(arguments)) as directory:
            for name, words in (("life", ["life"]), ("batch", ["submit", "--batch", 100, "--connections", 16])):
                file = os.path.join(directory, "record")
                server = opened(arguments, directory, recorder(arguments.build, file, 0))
                load(server, *words, "--mixed", "--run", name, "--seconds", seconds)
                server.halt()
                with open(file + ".stalls") as said:
                    times = json.load(said)
                found |= {f"{name}_{size}_{figure}": value for figure, value in times.items()}
                say(f"{name} on {size}: {times}")
    for which in ("checkpoint_max_ms", "commit_max_ms"):
        found[which] = max(value for key, value in found.items() if key.endswith(which))
    return found


def size(arguments, _seconds):
    with tempfile.TemporaryDirectory(prefix="recourse-bench-", dir=arguments.disk) as directory:
        stripped = os.path.join(directory, "recourse")
        subprocess.run(["strip", "-o", stripped, os.path.join(arguments.build, "recourse")], check=True)
        return {"binary_bytes": os.path.getsize(stripped)}

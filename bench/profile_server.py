"""Where the time goes: samples of a server under load by thread (perf), a flame graph of them, and instructions (callgrind)."""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.sax.saxutils

from server import HERE, Background, Server, say

FREQUENCY, ROWS = 2000, 14
FRAME = re.compile(r"\s*[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$")


def wanted(tool, package):
    if not shutil.which(tool):
        sys.exit(f"{tool} is missing: Debian's package {package} has it")


# ---- samples --------------------------------------------------------------------------------------------------

def samples(arguments, words, seconds, graph):
    """([(thread, [(function, object), from the innermost out])], what the load generator said)"""
    wanted("perf", "linux-perf")
    with tempfile.TemporaryDirectory(prefix="recourse-bench-", dir=arguments.disk) as directory:
        file = os.path.join(directory, "perf")
        server = Server(arguments.build, arguments.disk, os.path.join(directory, "server"))
        writer = Background(server, *words, "--seconds", seconds + 1)
        subprocess.run(["perf", "record", "-q", "-o", file, "-F", str(FREQUENCY), "--call-graph", graph, "-p", str(server.process.pid),
                        "--", "sleep", str(seconds)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        said = writer.result()
        server.halt()
        text = subprocess.run(["perf", "script", "-i", file, "-F", "comm,tid,ip,sym,dso"], check=True, capture_output=True, text=True).stdout
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        head, *lines = block.split("\n")
        frames = [match.groups() for match in map(FRAME.match, lines) if match]
        if frames:
            found.append((head.split()[-1], frames))
    return named(found), said


def named(found):
    """The threads have no names: what only one of them does tells which it is."""
    signs = {"engine and store": "fdatasync", "executor": "libcurl.so", "API": "libjansson.so"}
    counts = collections.defaultdict(collections.Counter)
    for thread, frames in found:
        for name, sign in signs.items():
            counts[thread][name] += any(sign in function or sign in home for function, home in frames)
    names = {thread: max(signs, key=lambda name: counts[thread][name]) if counts[thread].total() else "others" for thread in counts}
    return [(names[thread], frames) for thread, frames in found]


def kind(frames):
    """What a sample is counted as: the call into the kernel, the library, or the function of ours."""
    for function, _ in frames:
        call = re.fullmatch(r"__(?:x64_)?sys_(\w+)", function)
        if call:
            return f"kernel: {call.group(1)}"
    function, home = frames[0]
    if home.startswith(("[kernel", "[guest")):
        return "kernel: interrupts, switching"
    home = os.path.basename(home)
    return function if home == "recourse" else home.split(".so")[0]


def by_thread(found, each_us):
    """{thread: [(µs for each command, what)]}, the dearest first; threads, too."""
    threads = collections.defaultdict(collections.Counter)
    for thread, frames in found:
        threads[thread][kind(frames)] += 1
    unit = each_us / len(found)
    order = sorted(threads, key=lambda thread: -threads[thread].total())
    return {thread: [(round(unit * n, 2), what) for what, n in threads[thread].most_common()] for thread in order}


def profiles(arguments, seconds):
    found = {}
    for name, words in (("submit", ("submit",)), ("life1", ("life",))):
        say(f"profile of {name}")
        taken, said = samples(arguments, words, seconds, "fp")
        found[name] = {"each_us": said["server_cpu_us_each"], "threads": by_thread(taken, said["server_cpu_us_each"])}
    return found


def text_of(threads, rows=ROWS):
    lines = []
    for thread, kinds in threads.items():
        lines.append(f"{sum(us for us, _ in kinds):7.2f} µs  {thread}")
        lines += [f"    {us:7.2f}  {what}" for us, what in kinds[:rows]]
    return lines


def show(arguments, words, seconds):
    found, said = samples(arguments, words, seconds, "dwarf,8192" if arguments.flames else "fp")
    print(f"{' '.join(map(str, words))}: {said['per_s']}/s, {said['server_cpu_us_each']} µs of the server's CPU each")
    print("\n".join(text_of(by_thread(found, said["server_cpu_us_each"]), 30)))
    if arguments.flames:
        with open(arguments.flames, "w") as file:
            file.write(flames(found))


# ---- flame graph -----------------------------------------------------------------------------------------------

WIDTH, ROW, LEAST = 1400, 17, 1.5  # pixels; what is narrower is left out


def grow(found):
    """The tree of calls: {name: [samples, children]}."""
    tree = {}
    for thread, frames in found:
        level = tree
        for name in [thread, *(function for function, _ in reversed(frames))]:
            node = level.setdefault(name, [0, {}])
            node[0] += 1
            level = node[1]
    return tree


def boxes(level, x, depth, scale):
    for name, (n, children) in sorted(level.items()):
        width = n * scale
        if width >= LEAST:
            yield x, depth, width, name, n
            yield from boxes(children, x, depth + 1, scale)
        x += width


def flames(found):
    """An SVG, widths in proportion to samples, callers above what they call; pointing at a box names it."""
    drawn = list(boxes(grow(found), 0, 0, WIDTH / len(found)))
    height = (max(depth for _, depth, *_ in drawn) + 1) * ROW
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">']
    for x, depth, width, name, n in drawn:
        hue = sum(name.encode()) % 50
        shown = xml.sax.saxutils.escape(name[:int(width / 6.8)]) if width > 30 else ""
        parts.append(f'<g><title>{xml.sax.saxutils.escape(name)}: {n} samples, {100 * n / len(found):.1f} %</title>'
                     f'<rect x="{x:.1f}" y="{depth * ROW}" width="{width:.1f}" height="{ROW - 1}" fill="hsl({hue},75%,65%)"/>'
                     f'<text x="{x + 2:.1f}" y="{depth * ROW + 12}">{shown}</text></g>')
    return "\n".join([*parts, "</svg>\n"])


# ---- instructions ------------------------------------------------------------------------------------------------

FEW, MANY = 500, 1500
PARTS = {"rc_json_parse": "reading the JSON", "rc_prepare_submit": "checks against the flow, refs, hash", "rc_engine_turn": "turns of the engine",
         "rc_store_commit": "of these in the store, SQLite included"}


def counted(arguments, *command):
    """{function: instructions, with all that it calls}, and "" for the whole program"""
    with tempfile.TemporaryDirectory(prefix="recourse-bench-", dir=arguments.disk) as directory:
        file = os.path.join(directory, "callgrind")
        words = [word.replace("STORE", os.path.join(directory, "store.db")) for word in map(str, command)]
        subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={file}", os.path.join(arguments.build, "bench", words[0]),
                        *words[1:]], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", file], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*([\d,]+) \([\s\d.]+%\)\s+(.*)", line)
        if match and "PROGRAM TOTALS" in line:
            found[""] = int(match[1].replace(",", ""))
        elif match:
            name = match[2].split(" [")[0].split(":")[-1].split("'")[0]
            found[name] = max(found.get(name, 0), int(match[1].replace(",", "")))
    return found


def difference(few, many, n):
    return {name: (many[name] - few.get(name, 0)) / n for name in many}


def instructions(arguments, _seconds):
    """For one of each, as the difference of many and few, so that starting and stopping do not count."""
    wanted("valgrind", "valgrind")
    defs, found = os.path.join(HERE, "defs"), {}
    expression = difference(*(counted(arguments, "count_expression", n) for n in (FEW, MANY)), MANY - FEW)
    found["expression"] = round(expression["cel_eval"])
    for name, fate in (("submission", "--pending"), ("life", "--completed")):
        say(f"instructions of one {name}")
        each = difference(*(counted(arguments, "fill", "STORE", defs, fate, n) for n in (FEW, MANY)), MANY - FEW)
        parts = {text: round(each[function]) for function, text in PARTS.items() if function in each}
        found[name] = round(sum(each.get(function, 0) for function in list(PARTS)[:3]))
        found[f"{name}_parts"] = parts
    found["result"] = found["life"] - found["submission"]
    return found

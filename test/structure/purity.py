"""Purity of cel/, cron/, flow/ and core/, read from their object code (ELF; nm, objdump) and, for function pointers, their source.

Function pointers: a declarator "(*name)(" is what is looked for in the source of core/. A typedef of a function type would
escape that; so on x86-64 the object code is asked too: core/ must not make an indirect call.
"""
import re
import subprocess
from pathlib import Path

PURE = ("cel", "cron", "flow", "core")
# const data with addresses in it is written once, by the loader
WRITABLE = re.compile(r"^\.(data|bss|tdata|tbss)(?!\.rel\.ro)(\.|$)")


def library(tree, folder):
    return tree.build / "src" / folder / f"librc_{folder}.a"


def output(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout


def symbols(archive):
    """(defined, undefined) names of an archive; what its own members resolve is not undefined."""
    defined, undefined = set(), {}
    for line in output("nm", "-A", archive).splitlines():
        where, _, rest = line.rpartition(":")
        kind, name = rest.split()[-2:]
        if kind in "Uwv":
            undefined.setdefault(name, Path(where.rpartition(":")[2]).name)
        elif kind.isupper():
            defined.add(name)
    return defined, {n: w for n, w in undefined.items() if n not in defined}


def allowed_symbols(tree):
    yes, no = set(), set()
    for _, line in tree.table("pure-symbols.txt"):
        for word in line.split():
            (no if word.startswith("!") else yes).add(word.lstrip("!"))
    return yes, no


def check_symbols(tree):
    """the pure libraries import only what pure-symbols.txt allows"""
    yes, no = allowed_symbols(tree)
    below = symbols(library(tree, "base"))[0] - no
    for folder in PURE:
        defined, undefined = symbols(library(tree, folder))
        for name, where in undefined.items():
            if name not in yes and name not in below:
                yield f"src/{folder}: {where} uses {name}"
        below |= defined


def check_names(tree):
    """pure-symbols.txt names no function of base that is not there"""
    defined = symbols(library(tree, "base"))[0]
    for name in allowed_symbols(tree)[1] - defined:
        yield f"test/structure/pure-symbols.txt: base has no {name}"


def check_data(tree):
    """the pure libraries hold no writable data"""
    for folder in PURE:
        member = ""
        for line in output("objdump", "-h", library(tree, folder)).splitlines():
            head = re.match(r"(\S+):\s+file format", line)
            member = head.group(1) if head else member
            row = re.match(r"\s*\d+\s+(\S+)\s+([0-9a-f]+)", line)
            if row and WRITABLE.match(row.group(1)) and int(row.group(2), 16):
                yield f"src/{folder}: {member} has {int(row.group(2), 16)} bytes in {row.group(1)}"
        for line in output("nm", "-A", library(tree, folder)).splitlines():
            if line.split()[-2] == "C":
                yield f"src/{folder}: {line.split()[-1]} is a common symbol"


def check_function_pointers(tree):
    """core/ declares no function pointers"""
    for path in tree.under("src", ".c", ".h"):
        if path.parts[1] == "core":
            for number, line in enumerate(tree.code(path).splitlines(), 1):
                if re.search(r"\(\s*\*\s*(?:const\s+)?\w*\s*(?:\[[^]]*\]\s*)*\)\s*\(", line):
                    yield f"{path}:{number}: a function pointer"


def check_indirect_calls(tree):
    """core/ makes no indirect calls (x86-64)"""
    listing = output("objdump", "-d", "--no-show-raw-insn", library(tree, "core"))
    if "file format elf64-x86-64" not in listing:
        return
    function = ""
    for line in listing.splitlines():
        head = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        function = head.group(1) if head else function
        if re.search(r"\tcall\s+\*(?!.*\(%rip\))", line):
            yield f"src/core: {function} calls through a pointer"

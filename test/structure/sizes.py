"""Small rooms: bounds on files and functions of src/. sizes-allowed.txt holds the exceptions, each with its reason."""
import subprocess

FILE_WARN, FILE_MAX = 500, 800
FUNCTION_WARN, FUNCTION_MAX = 70, 120


def functions(tree):
    """(name, file, first line, last line) of every function of src/, as ctags sees them."""
    paths = [str(tree.root / p) for p in tree.under("src", ".c", ".h")]
    listing = subprocess.run(
        ["ctags", "-x", "--language-force=C", "--kinds-C=f", "--fields=+e", "--_xformat=%N\t%n\t%e\t%F", "-L", "-"],
        input="\n".join(paths), check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        name, first, last, path = line.split("\t")
        yield name, str(path)[len(str(tree.root)) + 1:], int(first), int(last)


def judge(lengths, warn, most, excepted):
    for what, length in lengths:
        if length > most:
            yield f"{what}: {length} lines, more than {most}"
        elif length > warn and what not in excepted:
            yield f"{what}: {length} lines, more than {warn}, and sizes-allowed.txt gives no reason"
        elif length <= warn and what in excepted:
            yield f"{what}: {length} lines need no exception in sizes-allowed.txt any more"


def check_files(tree):
    """no file of src/ is too long"""
    lengths = [(str(p), tree.text(p).count("\n")) for p in tree.under("src", ".c", ".h")]
    return judge(lengths, FILE_WARN, FILE_MAX, tree.reasons("sizes-allowed.txt"))


def check_functions(tree):
    """no function of src/ is too long"""
    lengths = [(f"{path} {name}", last - first + 1) for name, path, first, last in functions(tree)]
    return judge(lengths, FUNCTION_WARN, FUNCTION_MAX, tree.reasons("sizes-allowed.txt"))


def check_exceptions(tree):
    """sizes-allowed.txt names only what is there"""
    there = {str(p) for p in tree.under("src", ".c", ".h")} | {f"{path} {name}" for name, path, _, _ in functions(tree)}
    for what in tree.reasons("sizes-allowed.txt"):
        if what not in there:
            yield f"sizes-allowed.txt: there is no {what}"

"""What the command line does without a server, as a script sees it: what is printed, where, and the exit code."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import PATIENCE, RECOURSE, Process, case, contains, equal, eventually, main, true


def run(*argv, stdin=b"", code=0):
    """(standard output, standard error)"""
    env = dict(os.environ, RECOURSE_SERVER="http://127.0.0.1:1", LC_ALL="C.UTF-8", COLUMNS="80")
    got = subprocess.run([RECOURSE, *argv], input=stdin, capture_output=True, timeout=PATIENCE, env=env)
    equal(got.returncode, code, f"exit code of {str(argv)[:300]}: {got.stdout[-500:]} {got.stderr[-500:]}")
    return got.stdout.decode(), got.stderr.decode()


@case("eval: values, types, contexts from a file and from standard input")
def eval_good(world):
    equal(run("eval", "1 + 2"), ("3\n", ""), "a sum")
    equal(run("eval", "--", "-1"), ("-1\n", ""), "a negative number")
    equal(run("eval", "[1, 2]", "--type"), ("[1,2]\ntype: list(int)\n", ""), "a list with its type")
    file = world.dir / "context.json"
    file.write_text('{"response": {"status": 200, "body": [{"number": 7}]}}')
    happened = "size(response.body) == 1 && response.body[0].number == 7"
    equal(run("eval", happened, "--context", file), ("true\n", ""), "a condition")
    equal(run("eval", "a.b", "-c", "-", stdin=b'{"a": {"b": "\xc3\xa4"}}'), ('"ä"\n', ""), "standard input")
    out, _ = run("eval", "a", "-c", "-", "--json", "--type", stdin=b'{"a": {"b": [1.0, "x"]}}')
    equal(json.loads(out), {"value": {"b": [1.0, "x"]}, "type": "dyn"}, "as JSON")


@case("eval: errors have a place and an exit code of their own")
def eval_bad(world):
    out, err = run("eval", "payload.ulr == 1", "-c", "-", stdin=b'{"payload": {"url": 1}}', code=3)
    equal(out, "", "standard output")
    equal(err, "recourse eval: 1:9: no such key 'ulr' in map with key url; did you mean 'url'?\n"
               "  payload.ulr == 1\n          ^\n", "standard error")
    _, err = run("eval", "1 +\n * 2", "--json", code=3)
    problem = json.loads(err)
    equal((problem["code"], problem["line"], problem["column"]), ("malformed", 2, 2), "the error as JSON")
    true(problem["detail"], "no detail")
    run("eval", code=2)
    run("eval", "1", "2", code=2)
    run("eval", "-1", code=2)


@case("eval: a context that is none")
def eval_context(world):
    contains(run("eval", "1", "-c", world.dir / "nothing", code=1)[1], "No such file")
    contains(run("eval", "1", "-c", world.dir, code=1)[1], "directory")
    for text, status, what in ((b"[1]", 3, "must be an object"), (b'{"a":', 3, "standard input:1:"), (b"", 3, ""), (b'{"a": "\xff"}', 3, ""),
                               (b'{"a": 1, "a": 2}', 3, ""), (b"[" * 100000, 3, ""), (b" " * (1 << 20) + b"{}", 3, "larger than"),
                               (b'{"a": ' * 65 + b"1" + b"}" * 65, 3, "")):
        contains(run("eval", "1", "-c", "-", stdin=text, code=status)[1], what)
    equal(run("eval", "1", "-c", "-", stdin=b'{"a": ' * 64 + b"1" + b"}" * 64)[0], "1\n", "as deep as it may be")
    equal(run("eval", "1", "-c", "-", stdin=b'{"a": 1}' + b" " * ((1 << 20) - 8))[0], "1\n", "as large as it may be")


@case("eval: hostile expressions")
def eval_hostile(world):
    for expression in ("(" * 8000 + "1" + ")" * 8000, "[" * 8000, "1" + "+1" * 10000, b"'\xff'", b"\xc3", "'\x1b[31m", "a" * 16385,
                       "[1]" + ".map(a, [a, a])" * 60):
        out, err = run("eval", expression, code=3)
        equal(out, "", "standard output")
        true(err and "\x1b" not in err, f"foreign controls reach the terminal: {err[:200]!r}")
    equal(run("eval", "'\x7f\u0085'")[0], '"\\u007f\\u0085"\n', "controls in a value")


@case("worker: a list of programs that is wrong is refused before anything is asked; the error names the task and the field")
def worker_list(world):
    file = world.dir / "programs.json"

    def refused(listed, what):
        file.write_text(listed if isinstance(listed, str) else json.dumps(listed))
        contains(run("worker", "--queue", "q", "--programs", file, code=3)[1], what)

    def one(**fields):
        return {"resize": {"program": "/bin/true", **fields}}

    refused("", str(file))
    for listed in ([], {}):
        refused(listed, "must be an object: tasks, and the program of each")
    refused({"resize": 1}, 'task "resize" must be an object')
    refused({"resize": {}}, 'task "resize": "program" is missing')
    for field, values, what in (("program", ["true", "", 1, "/" + "x" * 1024], "must be an absolute path"),
                                ("directory", ["here"], "must be an absolute path"),
                                ("args", ["-l", [1], ["a"] * 257], "must be a list of texts"),
                                ("output", ["yaml"], "must be json or text"),
                                ("timeout", ["2h", "0s", 5], "must be a time of up to an hour"),
                                ("environment", [{"A": 1}, ["A"], {f"A{n}": "" for n in range(65)}], "must be an object of texts"),
                                ("shell", [True], "is not known here")):
        for value in values:
            refused(one(**{field: value}), f'task "resize": "{field}" {what}')
    refused({f"t{n}": {"program": "/bin/true"} for n in range(65)}, "more than 64 tasks")
    run("worker", "--queue", "q", code=3)
    run("worker", "--programs", file, code=3)
    # at its bounds it begins, and ends when it is told to
    most = one(program="/" + "x" * 1023, args=["a"] * 256, output="json", timeout="1h", directory="/", environment={f"A{n}": "" for n in range(64)})
    file.write_text(json.dumps({**most, **{f"t{n}": {"program": "/bin/true"} for n in range(63)}}))
    for parallel in ("0", "65"):
        run("worker", "--queue", "q", "--programs", file, "--parallel", parallel, code=3)
    argv = [RECOURSE, "worker", "--queue", "q", "--programs", file, "--parallel", "64", "--server", "http://127.0.0.1:1"]
    worker = Process(world, "worker", argv)
    eventually(lambda: "64 tasks are listed" in worker.output, lambda: f"it begins: {worker.output}")
    equal(worker.end(signal.SIGTERM), 0, "exit code")


main()

"""Settings: file, environment, flags and their order; what is wrong is said with its place; SIGHUP."""
import json
import os
import signal
import subprocess

from kit import PATIENCE, RECOURSE, case, contains, equal, eventually, main, true

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RECOURSE_")}


def run(*argv, code=0, env=None, cwd=None):
    got = subprocess.run([str(RECOURSE), *(str(a) for a in argv)], env={**CLEAN, "COLUMNS": "200", **(env or {})}, cwd=cwd,
                         capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    equal(got.returncode, code, f"exit code of {argv}: {got.stdout[-1500:]}{got.stderr[-1500:]}")
    return got.stdout, got.stderr


def show(*argv, env=None, code=0):
    return {s["name"]: s for s in json.loads(run("config", "show", "--json", *argv, env=env, code=code)[0])["settings"]}


def complaints(world, text, code=3):
    """What `config check` says of a file: [(line, column, text)]."""
    file = world.dir / "settings.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    got = json.loads(run("config", "check", file, "--json", code=code)[0])
    equal(got["ok"], code == 0, "ok")
    return [(e.get("line"), e.get("column"), e["detail"]) for e in got["errors"]]


@case("flags win over the environment, that over the file, and the file over the defaults")
def order(world):
    file = world.dir / "settings.yaml"
    file.write_text("# a comment\nlog_level: warn\ndrain: 20s\nlog: text\nallow_host: [a.example, b.example]\n")
    bare = show()
    equal((bare["log_level"]["value"], bare["log_level"]["from"]), ("info", "default"), "without anything")
    equal((bare["defs"]["value"], bare["defs"]["default"]), (None, None), "what has no default")
    env = {"RECOURSE_CONFIG": str(file), "RECOURSE_DRAIN": "30s", "RECOURSE_LOG": "json", "RECOURSE_STORE": ""}
    got = show("--log", "auto", env=env)
    equal({n: (got[n]["value"], got[n]["from"]) for n in ("log", "drain", "log_level", "store")},
          {"log": ("auto", "flag"), "drain": ("30s", "environment"), "log_level": ("warn", "file"), "store": ("recourse.db", "default")},
          "value and source")
    equal((got["allow_host"]["value"], got["allow_host"]["line"]), (["a.example", "b.example"], 5), "the list of the file")
    equal(show("--config", file, "--allow-host", "x", "--allow-host", "y")["allow_host"]["value"], ["x", "y"], "a repeated flag")
    equal(show(env={"RECOURSE_ALLOW_HOST": "x,y,z"})["allow_host"]["value"], ["x", "y", "z"], "a list in the environment")
    out, _ = run("config", "show", "--config", file)
    contains(out, f"{file}:2", "where a value comes from")
    contains(run("config", "show", env=env)[0], "RECOURSE_DRAIN")


@case("the table: names, flags and variables follow one rule, and what SIGHUP changes is a plain value")
def table(world):
    for name, row in show().items():
        equal(row["flag"], "--" + name.replace("_", "-"), "flag")
        equal(row["environment"], "RECOURSE_" + name.upper(), "variable")
        true(not row["reload"] or row["kind"] in ("time", "number", "size", "switch", "word"), f"{name} cannot be reloaded")
        contains(run("help", "serve")[0], row["flag"])
    example = world.dir / "example.yaml"
    example.write_text(run("config", "example")[0])
    contains(run("config", "check", example)[0], "0 of")
    # every default of the example is a value that the reader takes
    example.write_text("".join(line[1:] + "\n" for line in example.read_text().splitlines()
                               if line.startswith("#") and not line.startswith("# ") and not line.endswith((":", "[]"))))
    run("config", "check", example)


@case("config check says everything that is wrong, with its place")
def check(world):
    got = complaints(world, "lsten: 1\nlog: [text]\n\ndrain: 2h\nallow_host:\n  - a\n  - { b: c }\nsecrets:\nlog_level: loud\n"
                     "listen: nowhere\nstore: {}\n")
    equal([(line, column) for line, column, _ in got], [(1, 1), (2, 6), (4, 8), (7, 5), (8, 9), (9, 12), (10, 9), (11, 8)], "places")
    for (_, _, said), wanted in zip(got, ("did you mean 'listen'", "not a list", "from 0s to 1h", "one value or a list", "no value",
                                          "debug|info|warn|error", "HOST:PORT", "one value or a list")):
        contains(said, wanted)
    _, said = run("config", "check", world.dir / "settings.yaml", code=3)
    contains(said, f"{world.dir}/settings.yaml:1:1: there is no setting")
    contains(run("config", "check", "--drain", "soon", code=3)[1], "--drain: drain must be")
    contains(run("config", "check", code=3, env={"RECOURSE_LOG": "xml"})[1], "RECOURSE_LOG: log must be one of")
    contains(run("config", "check", world.dir / "nothing.yaml", code=3)[1], "No such file")
    contains(run("config", "check", world.dir, code=3)[1], "is a directory")
    contains(run("config", "check", code=0, env={"RECOURSE_DRIAN": "1s"})[1], "did you mean the setting 'drain'")
    run("config", "check", env={"RECOURSE_SERVER": "http://127.0.0.1:1", "RECOURSE_ACTOR": "me"})
    run("config", "bogus", code=2)
    run("config", code=2)


@case("no complaint repeats a value: it may be a secret in the wrong place")
def secret(world):
    canary = "hunter2hunter2"
    for name in show():
        file = world.dir / "settings.yaml"
        file.write_text(f"{name}: [[{canary}]]\npassword: {canary}\n{name}x: {canary}\n")
        out, err = run("config", "check", file, code=3)
        true(canary not in out + err, f"{name}: {out}{err}")
    for kind in ("log", "drain", "listen"):
        out, err = run("config", "check", f"--{kind}", canary, code=3)
        true(canary not in out + err, f"{kind}: {out}{err}")


@case("hostile files are refused")
def hostile(world):
    for text, wanted in ((b"\xff\xfe", "not UTF-8"), (b"log: te\0xt\n", "control character"), (b"a: &x 1\n", "anchors"),
                         (b"log: *x\n", "aliases"), (b"log: !!str text\n", "tags"), (b"log: text\nlog: json\n", "twice"),
                         (b"log: text\n---\nlog: json\n", "one document"), (b"- log\n", "must be settings"), (b"log", "must be settings"),
                         (b"{log: text", "not YAML"), (b"\tlog: text\n", "not YAML"), (b"? [a]\n: b\n", "a key must be text"),
                         (b"[" * 100, "deeper"), (b"<<: {log: text}\n", "merge keys"),
                         (b'store: "a\\nb"\n', "control characters"), (b'store: "' + b"x" * 4096 + b'"\n', "1 to 4095 bytes"),
                         (b'store: ""\n', "1 to 4095 bytes"), (b"listen: 127.0.0.1:65536\n", "HOST:PORT"),
                         (b"listen: ::1:7070\n", "brackets"), (b"listen: " + b"1" * 64 + b":1\n", "HOST:PORT")):
        got = complaints(world, text)
        true(any(wanted in said for _, _, said in got), f"{text[:40]!r}: {got}")
    for n, ok in ((16, True), (17, False)):
        got = complaints(world, f"allow_host: {[f'h{i}' for i in range(n)]}\n", 0 if ok else 3)
        equal(bool(got), not ok, f"{n} hosts: {got}")
    for n, ok in (((1 << 20), True), ((1 << 20) + 1, False)):
        got = complaints(world, b"log: text\n#" + b"x" * (n - 11), 0 if ok else 3)
        equal(bool(got), not ok, f"{n} bytes: {got}")
    complaints(world, b'store: "' + b"x" * 4095 + b'"\n', 0)
    equal(complaints(world, b"", 0), [], "an empty file")
    many = json.loads(run("config", "check", "--json", world.dir / "settings.yaml")[0])
    equal(many["errors"], [], "no errors")
    equal(len(complaints(world, "".join(f"bogus{i}: 1\n" for i in range(40)))), 32, "errors that are told")
    os.mkfifo(world.dir / "pipe")
    contains(run("config", "check", world.dir / "pipe", code=3)[1], "no regular file")


@case("the server goes by its file; a wrong one does not start; SIGHUP reads it again")
def serve(world):
    file = world.dir / "settings.yaml"
    file.write_text("log_level: warn\ndrain: 20s\nstore: other.db\n")
    server = world.server(more=["--config", file]).start()
    true((world.dir / "recourse.db").exists() and not (world.dir / "other.db").exists(), "the flag wins")
    equal(server.records(), [], "log at warn")

    def said(part):
        return [r for r in server.records() if part in r["text"]]

    file.write_text("log_level: info\ndrain: 5s\nstore: third.db\nallow_host: [x]\n")
    server.process.p.send_signal(signal.SIGHUP)
    eventually(lambda: said("allow_host has changed, which takes a restart"), "it says what needs a restart")
    eventually(lambda: said("drain has changed and is in force"), "it says what is in force")
    eventually(lambda: said("log_level has changed and is in force"), "it says the last of them")
    true(not said("store has changed"), "the flag still wins over the file")
    file.write_text("log_level: info\ndrian: 5s\n")
    server.process.p.send_signal(signal.SIGHUP)
    eventually(lambda: said("did you mean 'drain'") and said("those that were in force stay"), "it says what is wrong")
    equal(server.api.get("/healthz").status, 200, "still there")
    equal(server.stop(), 0, "exit code")
    contains(run("serve", "--config", file, "--store", world.dir / "x.db", code=2)[1], "settings.yaml:2:1")
    true(not (world.dir / "x.db").exists(), "nothing was made")


if __name__ == "__main__":
    main()

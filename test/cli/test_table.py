"""Every command of the table, by itself: --json and --quiet, widths, colours, exit codes, help. The table is read from
`recourse help --json`, so a new command is tested as soon as it is there; EXAMPLES adds what its operands alone do not say."""
import json
import os
import re
import socket
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import PATIENCE, PR, RECOURSE, Canary, Failure, case, contains, equal, main, pull, true  # noqa: E402

TABLE = json.loads(subprocess.run([str(RECOURSE), "help", "--json"], check=True, capture_output=True, text=True).stdout)
COMMANDS = {c["name"]: c for c in TABLE["commands"]}
EXITS = {e["code"] for e in TABLE["exits"]}
WIDTHS = (40, 61, 80, 200)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
SERVERS = {"serve", "worker"}  # does not end by itself; its output is its log, which test/e2e reads as JSON

# Ways to run a command that do more than its operands alone: lists of words, in which names in braces are filled in.
EXAMPLES = {
    "submit": [["{type}", "--payload", "{payload}"]],
    "check": [],  # refused where no step is unknown; test/e2e/test_operator.py has one
    "resolve": [["{rejected}", "--accept", "--reason", "seen"]],
    "retry": [["{rejected}"]],
    "cancel": [["{rejected}"]],
    "rollback": [["{completed}"]],
    "purge": [["--older-than", "0s", "--dry-run"]],
    "edit": [["{rejected}", "--payload", "{payload}"]],
    "events": [["--after", "0", "--limit", "3"]],
    "approve": [], "deny": [], "answer": [],  # refused where nobody is asked; test/e2e/test_approvals.py has them
    "signal": [["paid", "p1", "--key", "k1"]],
    "batch": [["{lines}"]],
    "import": [["{export}", "--store", "{new}"]],
    "restore": [["{copy}", "--store", "{new}"]],
    "bulk": [["list"], ["preview", "cancel", "--state", "rejected", "--limit", "3", "--reason", "seen"],
             *([word, "{bulk}"] for word in ("show", "items", "run", "pause", "resume", "cancel"))],
    "signals": [["list"]], "lanes": [[]],  # test/e2e/test_signals.py and test_lanes.py have some
    "queue": [["list"]],  # test/e2e/test_workers.py has one to show
    "hold": [["show"]],
    "schedule": [["list"]],
    "token": [["list"], ["create", "deploy", "--role", "viewer"], ["show", "{token}"], ["revoke", "{token}"]],
    "namespace": [["list"], ["create", "{another}"], ["show", "default"], ["set", "default", "--max-open", "1000"], ["delete", "{namespace}"]],
}


class Place:
    """A server with commands in some states, and the command line."""

    def __init__(self, world):
        self.world, self.number = world, 0
        self.server, self.hub = world.example(attempts=2, check_attempts=2)
        self.completed = self.new("completed", "")
        self.new("rejected", " [fault=422]")
        (world.dir / "settings.conf").write_text("")

    def new(self, state, fault):
        self.number += 1
        text = pull(self.number, title=f"A title that is so long that no table has room for all of it, however wide{fault}")
        id = self.server.api.submit(PR, text).must(201).json["id"]
        self.server.api.until_state(id, state)
        return id

    def fill(self, word):
        """A word of an example, or the name of an operand."""
        if word == "{payload}":
            self.number += 1
            return json.dumps(pull(self.number))
        if word == "{lines}":
            file = self.world.dir / "lines.ndjson"
            self.number += 2
            file.write_text("".join(json.dumps({"type": PR, "payload": pull(self.number - i)}) + "\n" for i in range(2)))
            return str(file)
        if word in ("{export}", "{copy}", "{new}"):
            self.number += 1
            file = self.world.dir / f"file-{self.number}"
            if word == "{export}":
                equal(self.run("export", ["--out", str(file)]).returncode, 0, "an export")
            if word == "{copy}":
                equal(self.run("backup", [str(file)]).returncode, 0, "a backup")
            return str(file)
        if word == "{bulk}":
            return self.run("bulk", ["preview", "cancel", "--id", "{rejected}", "--limit", "1", "--reason", "seen"], "--quiet").stdout.split()[0]
        if word in ("{rejected}", "{completed}"):  # a new one
            return self.new(word.strip("{}"), " [fault=422]" if word == "{rejected}" else "")
        if word == "{token}":
            return self.server.api.post("/v1/tokens", {"subject": "x", "role": "viewer"}).must(201).json["token"]["id"]
        if word in ("{another}", "{namespace}"):
            self.number += 1
            if word == "{namespace}":
                self.server.api.post("/v1/namespaces", {"name": f"n{self.number}"}).must(201)
            return f"n{self.number}"
        known = {"ID": self.completed, "TYPE": PR, "EXPR": "[1, 2].map(x, x + 1)", "DIR": str(self.world.dir / "defs"), "SHELL": "bash",
                 "FILE": str(self.world.dir / "settings.conf"), "KEY": "1/create_pr", "NAME": "nobody", "KIND": "flow"}
        return known.get(word.strip("{}").upper() if word == "{type}" else word, word)

    def ways(self, command):
        """Ways to run a command: its example, or what its operands say ("a|b [FILE]": `a` and `b`)."""
        if command["name"] in EXAMPLES:
            return EXAMPLES[command["name"]]
        first, *rest = [w for w in command["args"].split() if not w.startswith("[")] or [""]
        return [[word, *rest] if word else [] for word in first.split("|")]

    def run(self, command, words, *options, columns=100, env=None):
        argv = [str(RECOURSE), command, *(self.fill(w) for w in words), *options]
        return subprocess.run(argv, env={**self.server.cli_env, "COLUMNS": str(columns), **(env or {})}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, cwd=self.world.dir)

    def each(self):
        for name, command in COMMANDS.items():
            if name not in SERVERS:
                for words in self.ways(command):
                    yield name, words


def columns(line):
    return sum(0 if unicodedata.combining(c) else 1 for c in ESCAPE.sub("", line))


def collected(work):
    """Runs work(report) and fails with all that it reports."""
    found = []
    work(found.append)
    if found:
        raise Failure("\n".join(found))


def is_json(text):
    """Whether it is one JSON document, or one a line."""
    try:
        json.loads(text)
        return True
    except ValueError:
        try:
            return bool([json.loads(line) for line in text.splitlines()])
        except ValueError:
            return False


@case("what is empty, like a variable of the shell that is not set, never means all")
def empty(world):
    place = Place(world)

    def work(report):
        for name, words in place.each():
            if not words or words[0].startswith("-") or name in ("serve", "eval", "worker", "doctor", "config", "export", "import", "backup", "restore"):
                continue
            got = place.run(name, ["", *words[1:]])
            if got.returncode != 2 or "is empty" not in got.stderr:
                report(f"{name} with an empty argument: exit code {got.returncode}: {got.stdout}{got.stderr}")
        for name, command in COMMANDS.items():
            for option in [*command["options"], *TABLE["options"]]:
                if not option.get("arg") or (name, option["name"]) in (("bulk", "to"), ("bulk", "due")):  # nobody, and no time
                    continue
                got = place.run(name, [f"--{option['name']}", ""])
                if got.returncode != 2 or f"--{option['name']} is empty" not in got.stderr:
                    report(f"{name} --{option['name']} '': exit code {got.returncode}: {got.stdout}{got.stderr}")

    collected(work)
    for member in ("namespace", "expires", "lifetime"):  # an empty one made a token for all namespaces, and for ever
        place.server.api.post("/v1/tokens", {"subject": "x", "role": "viewer", member: ""}).problem(422, "invalid")
    filter = {"action": "cancel", "filter": {"type": ""}, "limit": 9, "reason": "x", "key": "e1"}
    place.server.api.post("/v1/bulk", filter).problem(422, "invalid")
    place.server.api.post("/v1/purge", {"older_than": "1d", "type": ""}).problem(422, "invalid")


@case("what is wrong with a line is clean: it is said without moving the cursor of who reads it")
def usage_is_clean(world):
    place = Place(world)
    evil = "\x1b[31m\x7f\n\x9b2J"

    def work(report):
        for name, command in COMMANDS.items():
            lines = [[f"--{evil}"], *([f"--{o['name']}={evil}"] for o in command["options"][:4] if name not in SERVERS)]
            if name not in ("import", "export", "backup", "restore", "help", "man", "eval", "completion", "events"):
                lines.append([evil] * max(1, len(command["args"].split())))
            for words in lines:
                got = place.run(name, [*words, "--limit", "x"] if name == "events" else words)
                if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", got.stdout + got.stderr) or got.returncode not in EXITS:
                    report(f"{name} {words}: exit code {got.returncode}: {(got.stdout + got.stderr)!r}")
        got = place.run(evil, [])
        if "\x1b" in got.stderr or got.returncode != 2:
            report(f"a command of that name: {got.stderr!r}")

    collected(work)


LOCAL = {"backup", "completion", "config", "doctor", "eval", "export", "help", "import", "man", "restore", "serve", "version", "worker"}


@case("a server that answers 200 with nothing, or with something else, is not believed")
def believed(world):
    place = Place(world)

    def work(report):
        for body in (b"", b"null", b"[]", b"{}", b"7", b"<html></html>", b"{"):
            other = Canary(world, answer=(200, {"Content-Type": "application/json"}, body))
            for name, words in place.each():
                if name in LOCAL or [name, *words] == ["audit", "verify"]:
                    continue
                got = place.run(name, words, "--yes", "--quiet", "--server", f"http://127.0.0.1:{other.port}")
                says = "can be sent again" if name == "batch" else "not an answer of Recourse"
                if got.returncode != 5 or got.stdout.strip("-\n") or says not in got.stderr:
                    report(f"{name} {words} answered with {body}: exit code {got.returncode}, {got.stdout!r}, {got.stderr!r}")
        other = Canary(world, answer=(200, {"Content-Type": "application/json"}, b'{"state": "completed"}'))
        got = place.run("submit", EXAMPLES["submit"][0], "--quiet", "--server", f"http://127.0.0.1:{other.port}")
        if (got.returncode, got.stdout) != (5, ""):
            report(f"a submission that is answered without an id: exit code {got.returncode}, {got.stdout!r}")

    collected(work)


@case("a server that takes the connection and is silent is not ready after 5 s: a health check waits no longer")
def silent(world):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        got = subprocess.run([str(RECOURSE), "ready", "--server", f"http://127.0.0.1:{listener.getsockname()[1]}"], capture_output=True,
                             text=True, timeout=PATIENCE)
        took = time.monotonic() - began
    equal((got.returncode, got.stdout), (5, ""), "exit code and output")
    contains(got.stderr, "no answer from")
    true(5 <= took < 30, f"it took {took:.1f} s")


@case("what cannot be printed, because standard output is closed or full, is an error, and goes nowhere else")
def closed(world):
    place = Place(world)
    place.run("signal", ["paid", "p7", "--key", "k7"])

    def work(report):
        for name, words in place.each():
            if name in ("batch", "backup", "restore", "import", "queue") or name == "token" and words[0] == "create":
                continue  # what is done is done; and there is no queue to list
            argv = [str(RECOURSE), name, *(place.fill(w) for w in words), "--yes"]
            for behind in (">&-", ">/dev/full"):
                got = subprocess.run(["sh", "-c", f'exec "$@" {behind}', "sh", *argv], env=place.server.cli_env, stdin=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, text=True, timeout=PATIENCE, cwd=world.dir)
                if got.returncode == 0:
                    report(f"{name} {words} {behind}: exit code {got.returncode}: {got.stderr!r}")

    collected(work)


@case("every command takes the options of every command, and says how it ended by a code of the list")
def codes(world):
    place = Place(world)
    equal(sorted(EXITS), list(range(len(EXITS))), "exit codes")

    def work(report):
        for name, words in place.each():
            got = place.run(name, words, "--yes")
            if got.returncode not in EXITS - {2}:
                report(f"{name} {words}: exit code {got.returncode}: {got.stderr} (2: it may want an example in EXAMPLES)")
            if got.returncode == 0 and got.stderr:
                report(f"{name} {words}: says on standard error {got.stderr!r}")

    collected(work)


@case("--json: what every command prints is JSON, its errors too")
def as_json(world):
    place = Place(world)

    def work(report):
        for name, words in place.each():
            got = place.run(name, words, "--json", "--yes")
            if got.returncode == 0 and not is_json(got.stdout):
                report(f"{name} {words} --json prints {got.stdout[:300]!r}")
            if got.returncode not in (0, 2) and not is_json(got.stderr or got.stdout):
                report(f"{name} {words} --json fails with {got.returncode} and {got.stdout[:300]!r} {got.stderr[:300]!r}")
            if ESCAPE.search(got.stdout):
                report(f"{name} {words} --json has colours")
        for name, command in COMMANDS.items():  # nobody is there
            if "ID" in command["args"].split():
                got = place.run(name, ["0000000000000000"], "--json", "--yes", "--reason", "x") if any(
                    o["name"] == "reason" for o in command["options"]) else place.run(name, ["0000000000000000"], "--json")
                if got.returncode == 4 and json.loads(got.stderr)["code"] != "not-found" or got.returncode not in (2, 4):
                    report(f"{name} --json of nobody: {got.returncode} {got.stderr[:200]}")

    collected(work)


@case("--quiet: every command prints no more than without it, and nothing to read around")
def quiet(world):
    place = Place(world)

    def work(report):
        for name, words in place.each():
            loud, got = place.run(name, words, "--yes"), place.run(name, words, "--quiet", "--yes")
            if got.returncode != loud.returncode:
                report(f"{name} {words} --quiet: code {got.returncode}, without it {loud.returncode}: {got.stderr}")
            if len(got.stdout.splitlines()) > len(loud.stdout.splitlines()):
                report(f"{name} {words} --quiet prints more: {got.stdout[:300]!r}")
            if got.returncode == 0 and got.stderr:
                report(f"{name} {words} --quiet: says on standard error {got.stderr[:300]!r}")

    collected(work)
    equal(place.run("submit", EXAMPLES["submit"][0], "--quiet").stdout.count("\n"), 1, "an id")
    equal(place.run("show", ["ID"], "--quiet").stdout, "completed\n", "the state")
    equal(place.run("list", [], "-q", "--limit", "1").stdout.count(" "), 0, "ids")


def too_wide(text, width):
    """Lines of tables that do not fit, and any other line that does not although the terminal is of the usual width. A long word
    (JSON, a hash) is never broken, and neither is a line with a command to copy or a path; sentences may be broken by a narrow terminal."""
    table = False
    for line in text.splitlines():
        table = bool(re.fullmatch(r"[A-Z]+(  +[A-Z]+)+ *", line)) or table and bool(line)
        whole = max(map(len, line.split()), default=0) > width - 28
        if columns(line) > width and not re.search("recourse | /", line) and (table or width >= 80 and not whole):
            yield line


@case("what is printed fits the width of the terminal, from 40 to 200 columns")
def widths(world):
    place = Place(world)

    def work(report):
        for name, words in [*place.each(), *(("help", [n]) for n in (*COMMANDS, *(t["name"] for t in TABLE["topics"])))]:
            if name in ("man", "completion", "events") or (name, words[:1]) == ("config", ["example"]):
                continue  # files, and a line for each event
            for width in WIDTHS:
                got = place.run(name, words, "--yes", columns=width)
                for line in too_wide(got.stdout, width):
                    report(f"{name} {words} at {width}: {columns(line)} columns: {line!r}")

    collected(work)


def at_terminal(place, *argv, **env):
    return place.server.cli_at_terminal("", *argv, env=env)


@case("colours are for terminals, and not where NO_COLOR is set or the terminal is dumb")
def colours(world):
    place = Place(world)
    for words in (["list"], ["show", place.completed], ["explain", place.completed], ["help"], ["help", "keys"]):
        true(ESCAPE.search(at_terminal(place, *words, TERM="xterm")), f"{words}: no colour at a terminal")
        for env in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
            true(not ESCAPE.search(at_terminal(place, *words, **env)), f"{words}: colours with {env}")
        true(not ESCAPE.search(place.run(words[0], words[1:], env={"TERM": "xterm"}).stdout), f"{words}: colours in a file")
    true(ESCAPE.search(at_terminal(place, "list", TERM="xterm", NO_COLOR="")), "an empty NO_COLOR counts as none")


@case("help teaches its topics; misspelt commands, topics and options are guessed")
def teaches(world):
    run = lambda *argv, code=0: (lambda got: equal(got.returncode, code, f"{argv}: {got.stderr}") is None or got.stdout + got.stderr)(
        subprocess.run([str(RECOURSE), *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL))
    names = {t["name"] for t in TABLE["topics"]}
    true({"getting-started", "keys", "failures", "flows"} <= names, f"topics: {names}")
    for topic in TABLE["topics"]:
        text = run("help", topic["name"])
        contains(text, topic["title"], "the topic")
        contains(run("help"), topic["name"], "help")
        for command in re.findall(r"(?m)(?:^  |`)recourse ([a-z]+)", topic["text"]):
            true(command in COMMANDS, f"the topic {topic['name']} speaks of a command {command}")
        for option in re.findall(r"(?<![\w-])--([a-z-]+)", topic["text"]):
            known = {o["name"] for c in COMMANDS.values() for o in c["options"]} | {o["name"] for o in TABLE["options"]}
            true(option in known, f"the topic {topic['name']} speaks of an option --{option}")
    for name in COMMANDS:
        if len(name) > 3:
            contains(run(name[:-1] + ("x" if name[-1] != "x" else "y"), code=2), f'did you mean "', "what is said of a misspelt command")
    contains(run("help", "keyz", code=2), 'did you mean "keys"?', "what is said of a misspelt topic")
    contains(run("list", "--limt", "3", code=2), "did you mean --limit?", "what is said of a misspelt option")
    contains(run("--jsn", "list", code=2), "did you mean --json?", "what is said of a misspelt option of every command")
    true("did you mean" not in run("list", "--zzzzzzzz", code=2), "nothing is near")


@case("types are completed from the server that is asked, and nothing where there is none")
def types(world):
    place = Place(world)
    equal(place.run("completion", ["types"]).stdout, PR + "\n", "types")
    script = f"""source <({RECOURSE} completion bash)
COMP_WORDS=(recourse submit git) COMP_CWORD=2
_recourse
echo "${{COMPREPLY[@]}}" """
    for url, offered in ((place.server.cli_env["RECOURSE_SERVER"], PR), ("http://127.0.0.1:1", "")):
        env = {**place.server.cli_env, "RECOURSE_SERVER": url, "PATH": f"{RECOURSE.parent}:{os.environ['PATH']}"}
        got = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=PATIENCE)
        equal((got.stdout.strip(), got.stderr), (offered, ""), f"what bash offers with {url}")


@case("--wait waits until the command rests, and the exit code says whether it completed")
def waits(world):
    place = Place(world)
    run = lambda *argv: place.run(argv[0], argv[1:])
    put = lambda n, title: json.dumps(pull(n, title=title))
    got = run("submit", PR, "--payload", put(501, "fine"), "--wait", "30s", "--json")
    equal((got.returncode, json.loads(got.stdout)["state"]), (0, "completed"), "a command that completes")
    again = run("submit", PR, "--payload", put(501, "fine"), "--wait", "30s")
    contains(again.stdout, "was there already", "the same again")
    got = run("submit", PR, "--payload", put(502, "Refuse [fault=422]"), "-w", "30s", "--quiet")
    equal(got.returncode, 7, "a command that is refused outside")
    equal(run("show", got.stdout.strip(), "--wait", "30s", "--quiet").stdout, "rejected\n", "its state")
    place.hub.faults({"method": "POST", "fault": "hang"})
    got = run("submit", PR, "--payload", put(503, "hangs"), "--wait", "200ms", "--json")
    equal((got.returncode, json.loads(got.stdout)["ended"]), (7, False), "a command that goes on when the time is over")
    equal(run("submit", PR, "--wait", "soon").returncode, 2, "a time that is none")


@case("an error names the field and what to do")
def errors(world):
    place = Place(world)
    said = lambda *argv: place.run(argv[0], argv[1:]).stderr
    contains(said("submit", PR, "--payload", "{}"), "/payload/title: is required", "an invalid payload")
    contains(said("submit", PR, "--payload", "{x}"), "--payload is not JSON", "a payload that is no JSON")
    contains(said("submit", PR, "--payload", json.dumps(pull(1, title="other"))), "recourse show ", "a conflict")
    contains(said("rollback", place.new("rejected", " [fault=422]"), "--yes"), "cancel it instead", "an action that is refused")
    contains(said("list", "--state", "broken"), "broken", "a state that is none")
    contains(said("list", "--server", "http://127.0.0.1:1"), "recourse serve", "no server")
    contains(said("submit", PR, "--ref", "a=1", "--ref", "a=2"), '"a" is there twice', "a label that is given twice")
    contains(said("show"), "usage: recourse show ID", "a missing operand")


if __name__ == "__main__":
    main()

"""The show behind scripts/quickstart.sh: commands go through failures, and are counted afterwards.

Nothing that is told here is known beforehand. What happened to a command comes from the server (list, explain); how many pull
requests there are comes from the stand-in, which keeps a journal of what it was asked and what it did. The run fails if a fault
was never met, if the kill hit nothing, or if the counts are not right. Standard library only.
"""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))
from stage import RESTING, Trouble, child, free_port, say, wait_for  # noqa: E402
BUILD = Path(os.environ.get("RC_BUILD", "build"))
RECOURSE, STANDIN = BUILD / "recourse", BUILD / "examples/github/github-standin"
FLOW = "github.create_pr"
MOST = 60      # seconds in which everything must have settled

# The example's times are for real life; these are for people who watch. (in the example, here, in words) Half of the jitter is
# enough that no retry is used up by chance while GitHub is away.
SHORTER = [("    timeout: 10s\n", "    timeout: 2s\n", "timeout 2s"),
           ("retry: { delay: 1s, backoff: exponential, jitter: full,", "retry: { delay: 300ms, backoff: exponential, jitter: equal,",
            "retry after 300ms, 600ms, ..."),
           ("      settle: 2s ", "      retry: { delay: 300ms, jitter: equal }\n      settle: 500ms ", "settle 500ms")]

# (branch, fault, what is done to it). The stand-in finds the fault in the title: see github-standin --help.
TRIALS = [
    ("add-login", "", "nothing: this is what it looks like when all is well"),
    ("add-search", "close-after", "GitHub makes the pull request, then the connection breaks: the answer is lost"),
    ("add-cart", "close-before", "the connection breaks before GitHub has done anything"),
    ("add-wishlist", "500-after", "GitHub makes the pull request, and answers 500 all the same"),
    ("add-coupons", "500-before", "GitHub answers 500, and has done nothing"),
    ("add-export", "slow:5000", "GitHub makes the pull request, but answers only after the timeout"),
    ("add-import", "hang", "GitHub does nothing and never answers"),
    ("add-reports", "429:1", "GitHub says: too many requests, come back in a second"),
    ("add-emoji", "422", "GitHub refuses it: trying again would not help"),
    ("add-metrics", "truncated-json", "GitHub makes the pull request; half of the answer arrives"),
    ("add-tracing", "wrong-json", "GitHub makes the pull request and answers with something else"),
    ("add-audit", "500-before*3", "GitHub answers 500 three times in a row"),
    ("add-badges", "close-after", "the answer is lost, and the first question about it fails as well"),
    ("add-themes", "", "the pull request is made, but labelling it is refused"),
]
# Out when the server is killed: the answers would come in time, but nobody is there to hear them.
DURING_KILL = [
    ("fix-rounding", "slow:1500", "the server is killed while GitHub is about to answer"),
    ("fix-timezone", "slow:1500", "the same, at the same moment"),
]
LAST = [("fix-typos", "down:1500", "GitHub goes away for one and a half seconds"),
        ("fix-links", "", "comes while GitHub is away")]
# Rules for what is not the request for a pull request itself.
RULES = [{"match": "add-badges", "method": "GET", "fault": "500-before", "times": 1},
         {"match": "/repos/acme/themes/issues/", "method": "POST", "fault": "422", "times": 1}]
REPO = {"add-themes": "themes"}


# ---- words ----------------------------------------------------------------------------------------------------------------

COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def coloured(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOURS else text


def head(text):
    say("\n" + coloured("1", text))


def wrapped(label, text, width=100):
    lines = textwrap.wrap(text, width - len(label))
    for i, line in enumerate(lines):
        say((label if i == 0 else " " * len(label)) + line)


# ---- processes and HTTP -----------------------------------------------------------------------------------------------------

def ask(port, method, path, body=None):
    """(status, text); raises OSError or HTTPException where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def get(port, path):
    status, text = ask(port, "GET", path)
    if status != 200:
        raise Trouble(f"GET {path} was answered with {status}: {text}")
    return text


class Stage:
    """The processes and the temporary folder."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="recourse-quickstart-"))
        self.hub_port, self.port = free_port(), free_port()
        self.hub = self.server = None

    def child(self, name, argv):
        # a session of its own: Ctrl-C in the terminal reaches us only, and we end it in order
        return child(self.dir / f"{name}.log", argv, start_new_session=True)

    def write_definitions(self):
        """The example, with the stand-in's port and shorter times."""
        defs = self.dir / "defs"
        defs.mkdir()
        flow = (ROOT / "examples/github/create_pr.yaml").read_text()
        for old, new, _ in SHORTER:
            if flow.count(old) != 1:
                raise Trouble(f"examples/github/create_pr.yaml has {flow.count(old)} times {old!r}")
            flow = flow.replace(old, new)
        there = (ROOT / "examples/github/github.yaml").read_text()
        there, n = re.subn(r"^base: .*$", f"base: http://127.0.0.1:{self.hub_port}", there, flags=re.M)
        if n != 1:
            raise Trouble("examples/github/github.yaml has no base")
        (defs / "create_pr.yaml").write_text(flow)
        (defs / "github.yaml").write_text(there)

    def start_hub(self):
        self.hub = self.child("standin", [STANDIN, "--port", self.hub_port, "--journal", self.dir / "journal.ndjson"])
        wait_for(lambda: self.answers(self.hub, self.hub_port, "/_standin/stats"), "the stand-in starts")

    def start_server(self):
        self.server = self.child("server", [RECOURSE, "serve", "--listen", f"127.0.0.1:{self.port}", "--store", self.dir / "recourse.db",
                                            "--defs", self.dir / "defs", "--log", "text"])
        wait_for(lambda: self.answers(self.server, self.port, "/readyz"), "the server starts")

    def answers(self, process, port, path):
        if process.poll() is not None:
            raise Trouble(f"{process.args[0]} has ended with code {process.returncode}")
        try:
            return ask(port, "GET", path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def recourse(self, *argv):
        """Runs the command line as a person would; (exit code, what it prints)."""
        env = dict(os.environ, RECOURSE_SERVER=f"http://127.0.0.1:{self.port}", RECOURSE_ACTOR=os.environ.get("RECOURSE_ACTOR", "quickstart"))
        got = subprocess.run([str(RECOURSE), *argv], env=env, capture_output=True, text=True, timeout=30)
        return got.returncode, got.stdout + got.stderr

    def journal(self):
        return [json.loads(line) for line in get(self.hub_port, "/_standin/journal").splitlines()]

    def rows(self):
        return json.loads(get(self.port, "/v1/commands?limit=200"))["commands"]

    def metric(self, name):
        return int(float(re.search(rf"^recourse_{name} (\S+)$", get(self.port, "/metrics"), re.M).group(1)))

    def close(self):
        for process in (self.server, self.hub):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


# ---- the acts -----------------------------------------------------------------------------------------------------------------

class Asked:
    """One command that was submitted and acknowledged."""

    def __init__(self, id, project, branch, fault, done_to_it):
        self.id, self.project, self.branch, self.fault, self.done_to_it = id, project, branch, fault, done_to_it
        self.repo = REPO.get(branch, "shop")
        self.told = None  # what explain says in the end


def submit(stage, asked, trials):
    for branch, fault, done_to_it in trials:
        project = len(asked) + 1
        title = branch.replace("-", " ").capitalize() + (f" [fault={fault}]" if fault else "")
        payload = {"project": project, "customer": project % 3 + 1, "repo": REPO.get(branch, "shop"), "branch": branch, "title": title}
        code, text = stage.recourse("submit", FLOW, "--payload", json.dumps(payload), "--json")
        if code != 0:
            raise Trouble(f"submitting {branch} was answered with {text}")
        asked.append(Asked(json.loads(text)["id"], project, branch, fault, done_to_it))
        say(f"  {branch:<13} {done_to_it}")


def kill_in_the_middle(stage, asked):
    """kill -9 while the answers to DURING_KILL are awaited. Returns how many attempts were out, as the new server counts them."""
    # those that wait for a timeout come first, so that it is the timeout that they meet
    wait_for(lambda: not any(r.get("in_flight") for r in stage.rows()), "the first requests have come to something")
    submit(stage, asked, DURING_KILL)
    slow = {fault for _, fault, _ in DURING_KILL}
    wait_for(lambda: sum(e["fault"] in slow for e in stage.journal()) == len(DURING_KILL), "the slow requests are out")
    waiting = [r for r in stage.rows() if r.get("in_flight")]
    stage.server.send_signal(signal.SIGKILL)
    stage.server.wait()
    say(f"  kill -9 {stage.server.pid}   ({len(waiting)} requests were out, and their answers find nobody)")
    time.sleep(0.3)
    stage.start_server()
    say(f"  started again as {stage.server.pid}: starting is recovering")
    lost = stage.metric("attempts_lost_total")
    say(f"  {lost} attempts may have reached GitHub, says the store: each is asked about, none is blindly repeated")
    return lost


def settle(stage):
    """Waits until nothing moves any more, and shows how far it is."""
    start, shown = time.monotonic(), None
    while True:
        rows = stage.rows()
        counts = Counter(r["state"] for r in rows)
        text = ", ".join(f"{n} {state}" for state, n in sorted(counts.items(), key=lambda c: -c[1]))
        if text != shown:
            say(f"  {time.monotonic() - start:4.1f} s  {text}")
            shown = text
        if all(r["state"] in RESTING and not r.get("in_flight") for r in rows):
            return time.monotonic() - start
        if time.monotonic() - start > MOST:
            raise Trouble(f"not everything has settled within {MOST} seconds: {text}")
        time.sleep(0.1)


PURPOSE = {"act": "sent", "check": "asked", "undo": "sent the undo", "undo_check": "asked about the undo", "require": "asked first"}


def attempt_words(attempt):
    """"create  sent: it may have happened (the connection broke before the answer was complete)"."""
    why = attempt.get("why_text", "")
    if attempt.get("status", 200) >= 300:
        why = f"HTTP {attempt['status']}"
    return f"{attempt['step']:<7} {PURPOSE[attempt['purpose']]}: {attempt['outcome_text']}" + (f" ({why})" if why else "")


def attempt_lines(attempts):
    """One line per attempt; equal ones that follow each other are one, with their number."""
    lines = []
    for words in map(attempt_words, attempts):
        if lines and lines[-1][0] == words:
            lines[-1][1] += 1
        else:
            lines.append([words, 1])
    return [words + (f", {n} times" if n > 1 else "") for words, n in lines]


def tell(stage, asked):
    for one in asked:
        code, text = stage.recourse("explain", one.id, "--json")
        if code != 0:
            continue  # the count below says that it is lost
        one.told = told = json.loads(text)
        good = told["state"] in ("completed", "partial")
        say(f"\n  {coloured('1', one.branch)}  {coloured('32' if good else '33', told['display'])}   {one.id}")
        wrapped("    done to it  ", one.done_to_it)
        for i, line in enumerate(attempt_lines(told["attempts"])):
            wrapped("    attempts    " if i == 0 else "                ", line)
        if not good:
            wrapped("    next        ", told["next"]["text"])


# ---- the count ----------------------------------------------------------------------------------------------------------------

def is_create(entry):
    return entry["method"] == "POST" and entry["path"].endswith("/pulls")


def pulls_of(stage, repos):
    """{(repo, branch): [numbers]} as the stand-in lists them."""
    found = {}
    for repo in sorted(repos):
        for p in json.loads(get(stage.hub_port, f"/repos/acme/{repo}/pulls?state=all&per_page=100")):
            found.setdefault((repo, p["head"]["ref"]), []).append(p["number"])
    return found


def count(stage, asked, lost_attempts):
    """Compares the journal with what was submitted. True if all is right."""
    journal, wrong = stage.journal(), []
    creates = [e for e in journal if is_create(e)]
    made = [e for e in creates if e["acted"]]
    pulls = pulls_of(stage, {a.repo for a in asked})
    if len(made) != sum(map(len, pulls.values())):
        wrong.append(f"the journal says {len(made)} were made, the list of pull requests has {sum(map(len, pulls.values()))}")
    duplicated = sum(len(numbers) - 1 for numbers in pulls.values())
    refused, lost = 0, []
    for one in asked:
        numbers = pulls.pop((one.repo, one.branch), [])
        state = one.told["state"] if one.told else "gone"
        known = [d["outputs"]["number"] for d in one.told["affects"]["done"] if d["step"] == "create"] if one.told else []
        if state in ("completed", "partial") and known and known[0] in numbers:
            continue
        if state == "rejected" and not numbers and any(e["status"] == 422 and e["fault"] == one.fault for e in creates):
            refused += 1
            continue
        lost.append(f"{one.branch}: the command is {state} and knows of pull request {known}, GitHub has {numbers}")
    strays = [f"nobody asked for pull request {numbers} of {branch}" for (_, branch), numbers in pulls.items()]
    fired = Counter(e["fault"] for e in journal if e["fault"])
    wanted = Counter()
    for one in asked:
        if one.fault:
            name, _, times = one.fault.partition("*")
            wanted[name] += int(times or 1)
    wanted.update(r["fault"] for r in RULES)
    unmet = [f"the fault {f} was met {fired[f]} times, not {n}" for f, n in wanted.items() if fired[f] < n]

    say(f"  commands submitted and acknowledged   {len(asked):>4}")
    say(f"  requests that arrived at GitHub       {len(journal):>4}   ({len(creates)} of them asked for a pull request)")
    say(f"  faults that were met on the way       {sum(fired.values()):>4}")
    say(f"  attempts out when it was killed       {lost_attempts:>4}")
    say()
    say(f"  pull requests asked for               {len(asked):>4}")
    say(f"  pull requests made                    {len(made):>4}" + (f"   ({refused} refused by GitHub, and its command says so)" if refused else ""))
    say(coloured("32" if not duplicated else "31", f"  duplicated                            {duplicated:>4}"))
    say(coloured("32" if not lost else "31", f"  lost                                  {len(lost):>4}"))
    wrong += lost + strays + unmet
    if duplicated:
        wrong.append(f"{duplicated} pull requests are duplicates")
    if lost_attempts == 0:
        wrong.append("the kill hit while nothing was in flight, so it has proven nothing")
    for why in wrong:
        say(coloured("31", f"  WRONG: {why}"))
    return not wrong


# ---- all of it -----------------------------------------------------------------------------------------------------------------

def next_steps(stage, asked):
    killed = next(a for a in asked if a.branch == DURING_KILL[0][0])
    rejected = next(a for a in asked if a.fault == "422")
    mine = {"project": 99, "customer": 1, "repo": "shop", "branch": "my-branch", "title": "Mine [fault=close-after]"}
    head("What to try next (in another terminal, here)")
    say(f"""  cd {Path.cwd()}
  export RECOURSE_SERVER=http://127.0.0.1:{stage.port}
  {RECOURSE} list
  {RECOURSE} explain {rejected.id}     # refused: what can be done?
  {RECOURSE} retry {rejected.id}       # this time GitHub accepts it
  {RECOURSE} history {killed.id}     # a life with a crash in it
  {RECOURSE} rollback {asked[0].id}    # shows what it would undo, and asks
  {RECOURSE} submit {FLOW} -p '{json.dumps(mine)}'
  kill -9 {stage.server.pid}                          # it is started again here, and nothing is lost
  tail -n 5 {stage.dir}/journal.ndjson   # what GitHub was asked and what it did
  {STANDIN} --help  # the faults that a title can ask for
  less examples/github/create_pr.yaml        # the whole definition of all this""")


def stay(stage):
    say("\nServer and stand-in stay up. Ctrl-C ends them and removes the store.")
    while True:
        time.sleep(0.2)
        if stage.server.poll() is not None:
            say(f"  the server has ended ({stage.server.returncode}); starting it again")
            stage.start_server()
            say(f"  it runs as {stage.server.pid}")
        if stage.hub.poll() is not None:
            raise Trouble("the stand-in has ended")


def show(stage):
    stage.write_definitions()
    stage.start_hub()
    stage.start_server()
    head("Recourse and a stand-in for GitHub are running")
    say(f"  server    http://127.0.0.1:{stage.port}, store {stage.dir / 'recourse.db'}")
    say(f"  stand-in  http://127.0.0.1:{stage.hub_port}, told to misbehave")
    say("  flow      examples/github/create_pr.yaml, with shorter times: " + "; ".join(words for _, _, words in SHORTER))
    status, text = ask(stage.hub_port, "POST", "/_standin/faults", RULES)
    if status != 200:
        raise Trouble(f"the stand-in does not take the rules: {text}")

    start, asked = time.monotonic(), []
    head("Users ask for pull requests, and this is what happens to each")
    submit(stage, asked, TRIALS)
    head("In the middle of it the server is killed")
    lost_attempts = kill_in_the_middle(stage, asked)
    head("It goes on by itself")
    settle(stage)
    head("And while GitHub is not there at all?")
    submit(stage, asked, LAST)
    settle(stage)
    head("What Recourse says about each of them (recourse list, recourse explain)")
    say("\n" + textwrap.indent(stage.recourse("list")[1].rstrip(), "  "))
    tell(stage, asked)
    for one in asked:
        if one.told and one.told["state"] in ("rejected", "failed", "review"):
            head(f"What a person sees who asks about one that needs one: recourse explain {one.id}")
            say("\n" + textwrap.indent(stage.recourse("explain", one.id)[1].rstrip(), "  "))
    head(f"The count, after {time.monotonic() - start:.0f} seconds, from the stand-in's own journal")
    return count(stage, asked, lost_attempts), asked


def interrupted(_number, _frame):
    raise KeyboardInterrupt


def main():
    once = sys.argv[1:] == ["--once"]
    if sys.argv[1:] and not once:
        print("usage: scripts/quickstart.sh [--once]", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, interrupted)
    stage, good = Stage(), False
    try:
        good, asked = show(stage)
        if not once:
            next_steps(stage, asked)
            stay(stage)
    except KeyboardInterrupt:
        say()
        good = good and not once
    except (Trouble, OSError, http.client.HTTPException) as trouble:
        good = False
        say(coloured("31", f"\nIt did not work: {trouble}"))
        for name in ("server", "standin"):
            log = stage.dir / f"{name}.log"
            if log.exists():
                say(f"--- the end of {name}.log\n" + "\n".join(log.read_text(errors="replace").splitlines()[-20:]))
    finally:
        stage.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""An analytics service beside a database: what is done depends on what is seen, with faults.

What must hold: busy processors get workers, used up memory a restart, locks a line of steps at the database, whatever answer is lost
or whenever Recourse is killed, each once; a step at the database that does not work takes the line back, so that writes are on
again; and where nothing explains it, or a reading is missing, a person is told and asked, and nothing is touched before the answer."""
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import stage
from stage import Fault, Outside, Person, expect, say, wait_for

CALM = {"latency": 90, "cpu": 30, "memory": 40, "locks": 0}


class Platform:
    def __init__(self):
        self.lock, self.metrics, self.restarts, self.writes = threading.Lock(), dict(CALM), set(), True

    def becomes(self, **readings):
        with self.lock:
            self.metrics = {**CALM, **readings}

    def answer(self, method, path, body):
        name = path.rpartition("/")[2]
        with self.lock:
            if path == "/metrics":
                return 200, dict(self.metrics)
            if path.startswith("/restarts/") and method == "GET":
                return (200, {}) if name in self.restarts else (404, {})
            if path.startswith("/restarts/"):
                self.restarts.add(name)
            if path == "/database/writes":
                self.writes = body["on"]
            if not path.startswith("/pages/") and self.writes:
                self.metrics = dict(CALM)
        return 200, {}


PLATFORM = Platform()


def world():
    return Outside(PLATFORM.answer, [Fault("PUT /workers/busy", "lost"), Fault("POST /restarts/full", "late"),
                                     Fault("POST /database/idle-sessions/end", "refuse")])


def treat(server, incident, **readings):
    PLATFORM.becomes(**readings)
    return server.submit("analytics.tune", {"incident": incident})


def ends(server, id, state):
    command = server.rests(id)
    server.tell(id)
    expect(command["state"] == state, f"the command is {state}")


def touched(outside):
    """All that was asked for but reading and calling people."""
    with outside.lock:
        return [what for what, _ in outside.journal if not what.startswith(("GET ", "POST /pages/"))]


def show(server, outside):
    say("The processors are busy, and the answer of what starts workers is lost:")
    ends(server, treat(server, "busy", latency=900, cpu=95), "completed")
    expect(outside.times_done("PUT /workers/busy") == 1, "workers were added once")
    expect(touched(outside) == ["PUT /workers/busy"] * 2, "and nothing else was done")

    say("\nMemory is used up, and Recourse is killed while the restart is out:")
    id = treat(server, "full", latency=900, memory=97)
    outside.comes("POST /restarts/full")
    server.kill(out=True)
    ends(server, id, "completed")
    expect(outside.times_asked("POST /restarts/full") == 1, "the restart happened once")

    say("\nThe database is locked; the second of its steps is refused:")
    before = len(touched(outside))
    id = treat(server, "locked", latency=900, locks=40)
    ends(server, id, "rejected")
    expect(PLATFORM.writes, "the line was taken back: writes are on again")
    server.act(id, "retry")
    wait_for(lambda: server.command(id)["state"] == "completed", "a person retries, and it is completed")
    writes, idle = "PUT /database/writes", "POST /database/idle-sessions/end"
    expect(touched(outside)[before:] == [writes, idle, writes, writes, idle, writes], "one step after the other, each once for each time")

    say("\nNothing explains it: a person is called and asked, and nothing is touched before the answer:")
    otto, before = Person(server, "otto", "operator"), touched(outside)
    id = treat(server, "riddle", latency=900)
    wait_for(lambda: outside.times_done(f"POST /pages/{id}") == 1, "a person is called")
    server.kill()
    asked = wait_for(lambda: server.get(f"/v1/commands/{id}/explain")["asks"], "the question outlives Recourse")[0]
    expect(asked["evidence"]["readings"]["latency"] == 900, "with what was seen")
    expect(touched(outside) == before, "nothing was touched")
    expect(otto.decide(id, "answer", answer="restart") == 200, "the answer is: restart")
    ends(server, id, "completed")
    expect(touched(outside) == [*before, "POST /restarts/riddle"], "it was restarted, and nothing else was done")

    say("\nA reading is missing: a person decides, and nothing was touched:")
    with PLATFORM.lock:
        PLATFORM.metrics = {"latency": 900, "cpu": "?", "memory": 40, "locks": 0}
    before = touched(outside)
    id = server.submit("analytics.tune", {"incident": "blind"})
    ends(server, id, "review")
    wait_for(lambda: outside.times_done(f"POST /pages/{id}") == 1, "a person is called")
    expect(touched(outside) == before, "nothing was touched")
    PLATFORM.becomes()
    server.act(id, "skip", step="treat")
    ends(server, id, "partial")
    expect(touched(outside) == before, "the person has left the treatment out, and the check went on")


if __name__ == "__main__":
    stage.main(__doc__, sys.modules[__name__], show, stage.Guarded, ["--notify", "analytics.page"])

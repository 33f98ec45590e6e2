"""An analytics service beside a database: what is done depends on what is seen, with faults.

What must hold: busy processors get workers, used up memory a restart, locks a line of steps at the database, whatever answer is lost
or whenever Recourse is killed, each once; a step at the database that does not work takes the line back, so that writes are on
again; and where nothing explains it, or a reading is missing, a person is asked and nothing is touched."""
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import stage
from stage import Fault, Outside, expect, say, wait_for

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
                time.sleep(0.3)
                self.restarts.add(name)
            if path == "/database/writes":
                self.writes = body["on"]
            if not path.startswith("/pages/") and self.writes:
                self.metrics = dict(CALM)
        return 200, {}


PLATFORM = Platform()


def world():
    return Outside(PLATFORM.answer, [Fault("PUT /workers/busy", "lost"), Fault("POST /database/idle-sessions/end", "refuse")])


def treat(server, incident, **readings):
    PLATFORM.becomes(**readings)
    return server.submit("analytics.tune", {"incident": incident})


def ends(server, id, state):
    command = server.rests(id)
    server.tell(id)
    expect(command["state"] == state, f"the command is {state}")


def show(server, outside):
    say("The processors are busy, and the answer of what starts workers is lost:")
    ends(server, treat(server, "busy", latency=900, cpu=95), "completed")
    expect(outside.times_done("PUT /workers/busy") == 1, "workers were added once")

    say("\nMemory is used up, and Recourse is killed while the restart is out:")
    id = treat(server, "full", latency=900, memory=97)
    wait_for(lambda: server.command(id)["state"] == "running", "it has begun")
    time.sleep(0.1)
    server.kill()
    ends(server, id, "completed")
    expect(outside.times_done("POST /restarts/full") == 1, "the restart happened once")

    say("\nThe database is locked; the second of its steps is refused:")
    id = treat(server, "locked", latency=900, locks=40)
    ends(server, id, "rejected")
    expect(PLATFORM.writes, "the line was taken back: writes are on again")
    server.act(id, "retry")
    wait_for(lambda: server.command(id)["state"] == "completed", "a person retries, and it is completed")
    expect(PLATFORM.writes, "writes are on")

    say("\nNothing explains it:")
    id = treat(server, "riddle", latency=900)
    wait_for(lambda: outside.times_done("POST /pages/riddle") == 1, "a person is called")
    time.sleep(0.5)
    expect(server.command(id)["state"] not in stage.RESTING, "it is not over as long as queries are slow")
    PLATFORM.becomes()
    ends(server, id, "completed")

    say("\nA reading is missing: a person decides, and nothing was touched:")
    with PLATFORM.lock:
        PLATFORM.metrics = {"latency": 900, "cpu": "?", "memory": 40, "locks": 0}
    before = len([1 for what, came in outside.journal if not what.startswith("GET")])
    id = server.submit("analytics.tune", {"incident": "blind"})
    ends(server, id, "review")
    expect(len([1 for what, came in outside.journal if not what.startswith("GET")]) == before, "nothing was touched")
    PLATFORM.becomes()
    server.act(id, "skip", step="treat")
    wait_for(lambda: server.command(id)["state"] == "partial", "the person leaves the treatment out, and the check goes on")


if __name__ == "__main__":
    stage.main(__doc__, sys.modules[__name__], show)

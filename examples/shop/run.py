"""A shop on microservices: its payment service is restarted and its caches are cleared in parallel, with faults.

What must hold: a restart whose answer is lost, or during which Recourse is killed, happens once; a cache that cannot be cleared does
not keep the rest from being done, and is on record; the command ends only when the service was seen to work; and what is done at the
same time takes less than in a line."""
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import stage
from stage import Fault, Outside, expect, say, wait_for

TAKES = 0.8  # seconds of each measure


class Shop:
    def __init__(self):
        self.lock, self.restarts, self.healthy_at = threading.Lock(), set(), 0.0

    def works(self):
        return time.monotonic() >= self.healthy_at > 0

    def answer(self, method, path, body):
        name = path.rpartition("/")[2]
        if method == "GET" and path.endswith("/health"):
            return 200, {"healthy": self.works()}
        if method == "GET":
            with self.lock:
                return (200, {"restart": name}) if name in self.restarts else (404, {"error": "no such restart"})
        time.sleep(TAKES)
        if "/restarts/" in path:
            with self.lock:
                self.restarts.add(name)
                self.healthy_at = time.monotonic() + 0.5
        return 200, {}


shop = Shop()


def world():
    return Outside(shop.answer, [Fault("POST /services/payment/restarts/lost-answer", "lost"),
                                   Fault("POST /services/payment/restarts/killed", "late"),
                                   Fault("DELETE /caches/payment", "refuse"),
                                   Fault("DELETE /sessions/payment", "error")])


def seconds(server, flow, incident):
    start = time.monotonic()
    command = server.rests(server.submit(flow, {"incident": incident}))
    took, works = time.monotonic() - start, shop.works()
    expect(command["state"] == "completed", f"{incident}: {command['display']}")
    expect(works, "it ended when the service worked, not before")
    return took


def show(server, outside):
    say("The answer to the restart is lost, the cache refuses, the session store stumbles once:")
    id = server.submit("shop.recover_payment", {"incident": "lost-answer"})
    command = server.rests(id)
    server.tell(id)
    expect(command["state"] == "partial", "the command is partial: the cache is on record")
    expect(outside.times_asked("POST /services/payment/restarts/lost-answer") == 1, "the restart happened once: a check has found it")
    expect(outside.times_done("DELETE /sessions/payment") == 1, "the sessions were cleared once")

    say("\nOnly what did not succeed is done again:")
    server.act(id, "retry")
    wait_for(lambda: server.command(id)["state"] == "completed", "the retry completes it")
    expect(outside.times_asked("POST /services/payment/restarts/lost-answer") == 1, "the restart was not repeated")
    expect(outside.times_asked("DELETE /sessions/payment") == 2, "nor were the sessions: they were asked for twice before")
    expect(outside.times_done("DELETE /caches/payment") == 1, "the cache was cleared")

    say("\nRecourse is killed while the restart is out:")
    id = server.submit("shop.recover_payment", {"incident": "killed"})
    outside.comes("POST /services/payment/restarts/killed")
    server.kill(out=True)
    command = server.rests(id)
    server.tell(id)
    expect(command["state"] == "completed", "it is completed all the same")
    expect(outside.times_asked("POST /services/payment/restarts/killed") == 1, "the restart happened once")

    say("\nThe same measures, in parallel and in a line:")
    parallel = seconds(server, "shop.recover_payment", "in-parallel")
    line = seconds(server, "shop.recover_payment_in_line", "in-line")
    say(f"  in parallel {parallel:.1f} s, in a line {line:.1f} s")
    expect(parallel < line - TAKES, "in parallel it takes less, by one measure at least")


if __name__ == "__main__":
    stage.main(__doc__, sys.modules[__name__], show)

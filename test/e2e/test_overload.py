"""More than the server can do: it refuses early and says when to come again; what it has accepted, it does. The clients are
bench/load.c, which checks each answer, and afterwards that what was acknowledged is what was stored.

The load is small, and the server is smaller: each page that it writes to its store takes WRITE_US longer (worse.c), so that it does not do more than
some 300 commands a second on any machine, and a machine that is slow at everything can still offer more than that."""
import json
import subprocess
import threading

from kit import BUILD, PR, ROOT, Failure, case, equal, eventually, free_port, in_threads, main, note, pull, true
from worse import WorseServer

WRITE_US = 5000
RATE = 1000  # a second: evenly, so that what waits grows from turn to turn
LOAD = BUILD / "bench" / "load"
PAYLOAD = {"project": 1, "customer": 1, "region": "eu-1", "note": "x"}


def flood(server, target, number):
    """Three times what the server can do; meanwhile a person reads, and cancels something."""
    api = server.api
    words = [LOAD, "offer", "--rate", RATE, "--connections", 2000, "--warmup", 1, "--seconds", 3, "--run", f"flood{number}",
             "--port", server.port, "--target-port", target]
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = []
    reader = threading.Thread(target=lambda: said.extend(process.communicate()))
    reader.start()
    try:
        listed = eventually(lambda: api.get("/v1/commands?limit=1").must(200).json["commands"], "a command")
        answer = api.act(listed[0]["id"], "cancel", reason="an operator is not refused because there is much to do")
        true(answer.status in (200, 409), f"an action under load: {answer}")
    finally:
        reader.join()
    if process.returncode:
        raise Failure(f"load: {said}")
    return json.loads(said[0])


@case("submissions are refused early with 503 and Retry-After; what was accepted is kept; operators and readers are served")
def overload(world):
    target, folder = free_port(), world.dir / "defs"
    folder.mkdir()
    for file in (ROOT / "bench" / "defs").iterdir():
        (folder / file.name).write_text(file.read_text().replace("127.0.0.1:8599", f"127.0.0.1:{target}"))
    server = WorseServer(world, sanitized=True, defs=folder, more=("--queue-time", "1ms", "--max-rate", "0")).start()
    server.control["write_us"] = WRITE_US
    api = server.api
    kept = 0
    for number in range(8):  # on a machine that stands still for seconds even these clients may be slower than the server: they try again
        figures = flood(server, target, number)
        note(figures)
        kept += figures["accepted_per_s"]
        if api.metric("submissions_shed_total"):
            break
    true(api.metric("submissions_shed_total") > 0, "nobody was refused")
    true(kept > 0, "nobody was accepted")
    true(server.control["written"] > 0, "no write was slow")
    server.control["write_us"] = 0
    # what has been shed is over: soon everybody is served again
    eventually(lambda: api.submit("bench.wait", PAYLOAD, key="after").status in (200, 201), "a submission after the flood", pause=0.2)


@case("a burst is not overload: everybody who asks at once is served")
def burst(world):
    server, hub = world.example()
    for n in range(3):
        answers = in_threads(60, lambda i: server.api.submit(PR, pull(1000 * n + i + 1, repo=f"r{n}-{i}")).status)
        equal(set(answers), {201}, "statuses")
    equal(server.api.metric("submissions_shed_total"), 0, "refused")


if __name__ == "__main__":
    main()

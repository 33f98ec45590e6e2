"""More than the server can do: it refuses early and says when to come again; what it has accepted, it does. The clients are
bench/load.c, which checks each answer, and afterwards that what was acknowledged is what was stored."""
import json
import subprocess
import threading

from kit import BUILD, PR, ROOT, Failure, case, equal, eventually, free_port, in_threads, main, note, pull, true

LOAD = BUILD / "bench" / "load"
PAYLOAD = {"project": 1, "customer": 1, "region": "eu-1", "note": "x"}


def flood(server, target, number):
    """Twenty times what the server can do, as far as the clients can; meanwhile a person reads, and cancels something."""
    api = server.api
    words = [LOAD, "offer", "--rate", 200000, "--connections", 2000, "--warmup", 1, "--seconds", 3, "--run", f"flood{number}",
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
    server = world.server(defs=folder, more=("--queue-time", "1ms", "--max-rate", "0")).start()
    api = server.api
    kept = 0
    for number in range(12):  # on a busy machine the clients may be slower than the server: they try again
        figures = flood(server, target, number)
        note(figures)
        kept += figures["accepted_per_s"]
        if api.metric("submissions_shed_total"):
            break
    true(api.metric("submissions_shed_total") > 0, "nobody was refused")
    true(kept > 0, "nobody was accepted")
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

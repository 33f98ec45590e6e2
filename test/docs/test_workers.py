"""docs/workers.md and examples/workers: the four calls as they stand there, and each worker against a server."""
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "client-ts"))
import npm  # noqa: E402
from kit import BUILD, PATIENCE, ROOT, Process, Skip, case, equal, eventually, main, true  # noqa: E402

EXAMPLES = ROOT / "examples/workers"
LOST = "lease-lost"


def serve(world):
    server = world.server(defs=world.write(images=(EXAMPLES / "images.yaml").read_text())).start()
    return server, dict(os.environ, RECOURSE_SERVER=f"http://127.0.0.1:{server.port}")


def submit(server, n):
    return server.api.submit("image.resize", {"picture": f"{n}.png"}, f"k{n}").must(201).json["id"]


def hold(world, argv):
    """It does what waits, finds out about what another one has lost, and ends when it is told to."""
    server, env = serve(world)
    ids = [submit(server, n) for n in range(5)]
    lost = server.api.post("/v1/work/lease", {"queues": ["images"]}).must(200).json["tasks"][0]
    server.api.post("/v1/work/report", {"results": [{"lease": lost["lease"], "outcome": "unknown"}]}).must(200)
    worker = Process(world, "worker", argv, env)
    for id in ids:
        found = server.api.until_state(id, "completed")
        attempt = [a for a in server.api.explain(id)["attempts"] if a["purpose"] == "act"][-1]
        equal(found["steps"][0]["outputs"], {"url": f"http://images/{attempt['idempotency_key']}"}, "outputs")
    equal([a["purpose"] for a in server.api.explain(lost["command"])["attempts"]], ["act", "check", "act"], "attempts of the lost one")
    equal(worker.end(signal.SIGTERM), 0, "exit code")


@case("the four calls with curl")
def curl(world):
    for tool in ("curl", "jq"):
        if not shutil.which(tool):
            raise Skip(f"{tool} is not installed")
    server, env = serve(world)
    id = submit(server, 1)
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", (ROOT / "docs/workers.md").read_text())
    equal(len(blocks), 1, "scripts")
    got = subprocess.run(["sh", "-euc", blocks[0]], env=env, capture_output=True, text=True, timeout=PATIENCE)
    equal(got.returncode, 0, got.stderr)
    equal(server.api.until_state(id, "completed")["steps"][0]["outputs"], {"url": "http://images/1"}, "outputs")
    true(LOST in got.stdout, f"the lease is over when it is given back: {got.stdout}")


@case("the unit of a worker: systemd understands it, and does not end the programs beside it")
def unit(world):
    units = re.findall(r"(?ms)^```ini\n(.*?)^```", (ROOT / "docs/workers.md").read_text())
    equal(len(units), 1, "units")
    # without it SIGTERM goes to every process of the unit, so that what its programs did is unknown
    true("KillMode=mixed\n" in units[0], "KillMode")
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    file = world.dir / "recourse-worker.service"
    file.write_text(re.sub("ExecStart=.*", "ExecStart=/bin/true", units[0]).replace("User=images\n", ""))
    got = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, timeout=PATIENCE)
    equal((got.returncode, got.stderr), (0, ""), "systemd-analyze verify")


@case("C")
def c(world):
    hold(world, [BUILD / "examples/workers/c/example-worker"])


@case("Python")
def python(world):
    hold(world, [sys.executable, "-B", EXAMPLES / "python/worker.py", "images"])


@case("Python: a task that breaks inside may have been done, also where it lacks a key")
def breaks(world):
    server, env = serve(world)
    id = submit(server, 1)
    code = "import worker\nworker.TASKS['resize'] = lambda task: {}['missing']\nworker.main('images')"
    worker = Process(world, "worker", [sys.executable, "-B", "-c", code], {**env, "PYTHONPATH": str(EXAMPLES / "python")})
    eventually(lambda: len(server.api.explain(id)["attempts"]) > 1, "it is reported, and a check follows")
    attempt = server.api.explain(id)["attempts"][0]
    equal((attempt["outcome"], "missing" in attempt["excerpt"]), ("unknown", True), f"the first attempt: {attempt}")
    equal(worker.end(signal.SIGTERM), 0, "exit code")


@case("TypeScript")
def typescript(world):
    npm.install()
    shutil.copy(EXAMPLES / "typescript/worker.ts", world.dir)
    hold(world, ["node", npm.compile_strictly(world.dir) / "worker.js", "images"])


if __name__ == "__main__":
    main()

"""The worked examples do what their pages promise, with their faults; and they would say so if they did not."""
import importlib.util
import os
import shutil
import subprocess
import sys

from kit import BUILD, PATIENCE, ROOT, Failure, case, contains, equal, in_threads, main, replaced, true

EXAMPLES = ROOT / "examples"


def run(world, name):
    env = dict(os.environ, RC_BUILD=str(BUILD.resolve()), TMPDIR=str(world.dir))
    got = subprocess.run([EXAMPLES / name / "run.sh", "--once"], env=env, capture_output=True, text=True, timeout=60 * PATIENCE,
                         cwd=world.dir)
    equal(got.returncode, 0, f"exit code: {got.stdout}{got.stderr}")
    contains(got.stdout, "Everything that this example promises has happened.")
    equal(list(world.dir.iterdir()), [], "what it left behind")


@case("shop: measures in parallel, one lost answer, one refusal, one kill")
def shop(world):
    run(world, "shop")


@case("analytics: what is done depends on what is seen")
def analytics(world):
    run(world, "analytics")


@case("bank: nothing is booked that the right people have not approved")
def bank(world):
    run(world, "bank")


# What breaks a promise: (example, file, what stands there, what stands there then, what it fails with)
BREAKS = [
    ("shop", "defs/recover_payment.yaml", "    on_error: continue\n", "    on_error: fail_fast\n", "the command is partial"),
    ("shop", "defs/recover_payment.yaml", "  - id: measures\n    parallel:\n", "  - id: measures\n    linear:\n", "in parallel it takes less"),
    ("shop", "run.py", 'outside.comes("POST /services/payment/restarts/killed")', "server.rests(id)", "0 attempts were out"),
    ("shop", "run.py", '"healthy": self.works()', '"healthy": True', "it ended when the service worked"),
    ("bank", "defs/move.yaml", "approve: { need: 2, roles: [operator, admin] }", "approve: { roles: [operator, admin] }", "nothing is booked yet"),
    ("bank", "defs/move.yaml", "approve: { roles: [admin] }", "approve: {}", "the credit is an admin's"),
    ("bank", "run.py", 'if method == "GET":\n                return (200, {"done": True}) if what in self.done else (404, {"error": "no such booking"})',
     'if method == "GET":\n                return 404, {"error": "no such booking"}', "asked for once"),
    ("bank", "run.py", '(-1 if what[1] == "debit" else 1)', '(-1 if what[1] != "credit" else 1)', "the money is back"),
    ("analytics", "defs/tune.yaml", "outputs.latency < 200\n        steps", "outputs.latency < 2000\n        steps", "the command is completed"),
    ("analytics", "defs/tune.yaml", "            undo: block\n", "            undo: none\n", "writes are on again"),
    ("analytics", "defs/tune.yaml", "    on_error: escalate\n", "    on_error: fail\n", "the command is review"),
    ("analytics", "run.py", 'answer="restart"', 'answer="wait"', "the command is completed"),
    ("analytics", "run.py", 'Fault("PUT /workers/busy", "lost")', 'Fault("PUT /workers/idle", "lost")', "and nothing else was done"),
]


def fails(world, n, name, file, old, new, complaint):
    folder = world.dir / f"break-{n}"
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("github"))
    (folder / "examples" / name / file).write_text(replaced((folder / "examples" / name / file).read_text(), old, new))
    env = dict(os.environ, RC_BUILD=str(BUILD.resolve()), TMPDIR=str(folder))
    got = subprocess.run([folder / "examples" / name / "run.sh", "--once"], env=env, capture_output=True, text=True, timeout=60 * PATIENCE, cwd=folder)
    what = f"{name} with {new!r} in the place of {old!r}"
    equal(got.returncode, 1, f"exit code of {what}: {got.stdout}{got.stderr}")
    contains(got.stdout.partition("FAILED: ")[2], complaint, what)


@case("each promise that is broken fails its example")
def promises(world):
    names = sorted({name for name, *_ in BREAKS})
    in_threads(len(names), lambda i: [fails(world, n, *one) for n, one in enumerate(BREAKS) if one[0] == names[i]])


@case("a fault that is never met, and a promise that is broken, fail an example")
def control(world):
    sys.path.insert(0, str(EXAMPLES))
    spec = importlib.util.spec_from_file_location("stage", EXAMPLES / "stage.py")
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    outside = stage.Outside(lambda method, path, body: (200, {}), [stage.Fault("POST /never", "lost")])
    for broken in (outside.must_have_met_all, lambda: stage.expect(False, "a promise")):
        try:
            broken()
        except stage.Trouble:
            continue
        raise Failure("it did not fail")
    equal(outside.times_done("POST /never"), 0, "what was never asked was done")
    true(outside.port, "a port")
    outside.server.shutdown()


if __name__ == "__main__":
    main()

"""The worked examples do what their pages promise, with their faults; and they would say so if they did not."""
import importlib.util
import os
import subprocess
import sys

from kit import BUILD, PATIENCE, ROOT, Failure, case, contains, equal, main, true

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

"""spec/openapi.yaml seen from outside: it passes a linter, and the client that is generated from it compiles under
`tsc --strict` and runs a script of calls against a real server."""
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import npm  # noqa: E402
from kit import PATIENCE, ROOT, case, contains, equal, main, true  # noqa: E402

DESCRIPTION = ROOT / "spec/openapi.yaml"


@case("the description passes the linter without a warning")
def lint(world):
    npm.install()
    said = npm.run("redocly", "lint", "--format", "stylish", DESCRIPTION, cwd=world.dir)
    contains(said, "Your API description is valid", "the linter")
    true("warning" not in said, f"the linter warns: {said}")


@case("a client generated from the description compiles and runs its script of calls")
def client(world):
    shutil.copy(npm.HERE / "script.ts", world.dir)
    npm.run("openapi-typescript", DESCRIPTION, "-o", world.dir / "recourse.ts", cwd=world.dir)
    out = npm.compile_strictly(world.dir)
    server, _ = world.example()
    got = subprocess.run(["node", str(out / "script.js"), f"http://127.0.0.1:{server.port}"], capture_output=True, text=True,
                         timeout=3 * PATIENCE)
    equal((got.returncode, got.stdout), (0, "done: 2 commands\n"), f"the script: {got.stderr}")


if __name__ == "__main__":
    main()

"""Runs recourse_check."""
import json
import subprocess

from kit import BUILD, Failure, PATIENCE

CHECK = BUILD / "recourse_check"


def run(*argv, code=None):
    done = subprocess.run([str(CHECK), *(str(a) for a in argv)], capture_output=True, text=True, timeout=20 * PATIENCE, check=False)
    if code is not None and done.returncode != code:
        raise Failure(f"recourse_check {' '.join(str(a) for a in argv)}: expected exit code {code}, got {done.returncode}:"
                      f" {done.stdout[-3000:]}{done.stderr}")
    return done


def report(*argv):
    """The report as JSON; fails where the input could not be judged."""
    done = run("--json", *argv)
    if done.returncode not in (0, 1):
        raise Failure(f"recourse_check: code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def invariants():
    return json.loads(run("--list", "--json", code=0).stdout)

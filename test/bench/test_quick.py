"""`bench/run.sh --quick --json`: one JSON object with every figure that others read, each of them possible. How good they are is not
judged here: that depends on the machine."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import BUILD, ROOT, case, equal, main, true  # noqa: E402

RATES = ("submit_single_per_s", "submit_batch_per_s", "life1_per_s", "life3_per_s", "floor_fdatasync_per_s")
OTHERS = ("latency_p50_ms", "latency_p99_ms", "floor_sqlite_share", "rss_idle_mib")


def quick(*arguments):
    """What became of it, and what it left on the disk."""
    with tempfile.TemporaryDirectory(dir=BUILD) as disk:
        words = [ROOT / "bench/run.sh", "--quick", "--json", "--build", BUILD, "--disk", disk, *arguments]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        return done, os.listdir(disk)


@case("one object with all figures")
def figures(world):
    done, left = quick("--seconds", "0.3")
    equal(done.returncode, 0, done.stderr)
    equal(done.stdout.count("\n"), 1, "lines on stdout")
    found = json.loads(done.stdout)
    for name in RATES + OTHERS:
        true(found[name] > 0, f"{name}: {found[name]}")
    true(found["latency_p50_ms"] <= found["latency_p99_ms"], "the median is not above the 99th part of a hundred")
    equal(left, [], "what is left of the stores")


@case("a wrong argument is refused")
def refused(world):
    done, _ = quick("--nonsense")
    equal(done.returncode, 2, done.stderr)
    equal(done.stdout, "", "stdout")


if __name__ == "__main__":
    main()

"""`bench/run.sh`: with --quick --json one JSON object with every figure that others read, each of them possible. How good they are is not
judged here: that depends on the machine."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import BUILD, ROOT, case, contains, equal, main, true  # noqa: E402

RATES = ("submit_single_per_s", "submit_batch_per_s", "life1_per_s", "life3_per_s", "floor_fdatasync_per_s")
OTHERS = ("latency_p50_ms", "latency_p99_ms", "floor_sqlite_share", "rss_idle_mib")


def run(disk, *arguments, **variables):
    words = [ROOT / "bench/run.sh", "--json", "--build", BUILD, "--disk", disk, *arguments]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, env=os.environ | variables)


def quick(*arguments):
    """What became of it, and what it left on the disk."""
    with tempfile.TemporaryDirectory(dir=BUILD) as disk:
        return run(disk, "--quick", *arguments), os.listdir(disk)


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


@case("single questions, and what is written of them")
def written(world):
    with tempfile.TemporaryDirectory(dir=BUILD) as disk:
        done = run(disk, "--only", "size,waiters,submit", "--runs", "1", "--seconds", "0.3", "--results", disk)
        equal(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        true(found["binary_bytes"] > 0 and found["submit_single_per_s"] > 0, found)
        again = run(disk, "--only", "none", "--results", disk)
        equal(json.loads(again.stdout), found, "what was kept is all that was measured")
        text = (Path(disk) / "RESULTS.md").read_text()
        contains(text, f"{found['binary_bytes']:,}", "RESULTS.md")
        contains(text, "single submissions/s", "RESULTS.md")
        bars = ElementTree.parse(Path(disk) / "results.svg").findall("{http://www.w3.org/2000/svg}rect")
        equal(len(bars), text.split("## ")[0].count("\n| ") - 1, "a bar for each row of the first table, whose head is none")


@case("a question that fails is named, and the others are asked")
def failing(world):
    with tempfile.TemporaryDirectory(dir=BUILD) as disk:
        broken = Path(disk) / "valgrind"
        broken.write_text("#!/bin/sh\nexit 1\n")
        broken.chmod(0o755)
        done = run(disk, "--only", "instructions,size", "--runs", "1", "--results", disk, PATH=f"{disk}:{os.environ['PATH']}")
        true(done.returncode != 0, "the exit code")
        contains(done.stderr, "not answered: instructions", "stderr")
        true(json.loads(done.stdout)["binary_bytes"] > 0, done.stdout)


@case("a wrong argument is refused")
def refused(world):
    for wrong in (["--nonsense"], ["--only", "nonsense"]):
        done, _ = quick(*wrong)
        equal(done.returncode, 2, done.stderr)
        equal(done.stdout, "", "stdout")


if __name__ == "__main__":
    main()

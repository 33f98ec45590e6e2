"""Negative controls of what runs the tests: families side by side (strands.py) and the list of failures at the end (evidence.py). Prints TAP."""
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import counting
import evidence
import families
import strands
import test_checks


class Strands(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="recourse-running-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def families(self, *table):
        """What comes of families [(name, busy, work)], and what is said meanwhile."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            count = families.run_families([families.Family(name, 9, work, busy=busy) for name, busy, work in table])
        return count, said.getvalue()

    def test_side_by_side(self):
        """Each of two strands waits for the other, and neither breaks into what the other says."""
        met = threading.Barrier(2)

        def meet(box):
            families.say("one")
            met.wait(30)
            families.say("two")
            met.wait(30)
            return counting.Count(passed=1)
        count, said = self.families(("a", False, meet), ("b", True, meet))
        self.assertEqual((count.passed, count.failed), (2, 0))
        for name in "ab":
            self.assertIn(f"== {name}\none\ntwo\n", said)

    def test_the_busy_one_gives_way(self):
        """It has a lower priority, twice the time, and its own seconds of the processors."""
        given = {}

        def work(name, program):
            def run(box):
                before = strands.worked()
                code = families.run([sys.executable, "-c", program], 120, self.folder / name)
                given[name] = int((self.folder / name).read_text()), box, strands.worked() - before
                return counting.Count(passed=int(code == 0), failed=int(code != 0))
            return run
        spin = "import os, time; print(os.nice(0))\nwhile time.process_time() < 0.5: pass"
        count, _ = self.families(("waits", False, work("waits", "import os; print(os.nice(0))")), ("busy", True, work("busy", spin)))
        self.assertEqual((count.passed, count.failed), (2, 0))
        self.assertEqual(given["busy"][0] - given["waits"][0], min(strands.NICE, 19 - given["waits"][0]))
        self.assertEqual(given["busy"][1], 9 * families.SLOWER * families.BESIDE)
        self.assertGreater(given["busy"][2], 0.4)
        self.assertLess(given["waits"][2], given["busy"][2])

    def test_alone(self):
        boxes = []
        self.assertEqual(self.families(("a", True, lambda box: boxes.append((box, strands.prefix())) or counting.Count(passed=1)))[0].failed, 0)
        self.assertEqual(boxes, [(9 * families.SLOWER, [])])

    def test_one_that_breaks(self):
        """It stops neither its own strand nor the other."""
        def broken(box):
            raise RuntimeError("x")
        fine = lambda box: counting.Count(passed=1)
        count, _ = self.families(("a", False, broken), ("b", True, broken), ("c", False, fine), ("d", True, fine))
        self.assertEqual((count.passed, count.failed), (2, 2))

    def test_one_that_never_ends_its_thread(self):
        """What a strand has no result of has failed."""
        def ends(box):
            raise SystemExit(0)
        fine, bad = lambda box: counting.Count(passed=1), lambda box: counting.Count(failed=1, failures=["x"])
        count, _ = self.families(("a", False, bad), ("b", True, ends), ("c", True, fine), ("d", False, fine))
        self.assertEqual((count.passed, count.failures), (1, ["a: x", "b: did not end", "c: did not end"]))

    def test_interrupted(self):
        """Commands of both strands may tidy up, and nothing is begun after it."""
        ended = {name: self.folder / f"{name}-ended" for name in "ab"}
        begun = threading.Barrier(3)

        def work(name):
            def run(box):
                ready = self.folder / f"{name}-ready"
                program = f"trap 'touch {ended[name]}; exit' TERM; touch {ready}; while :; do sleep 0.1; done"
                threading.Thread(target=lambda: (self.until(ready), begun.wait(30)), daemon=True).start()
                families.run(["sh", "-c", program], 60, "/dev/null", patience=30)
                return counting.Count(passed=1)
            return run

        def interrupt():
            begun.wait(30)
            os.kill(os.getpid(), signal.SIGUSR1)
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, signal.default_int_handler))
        threading.Thread(target=interrupt, daemon=True).start()
        count, said = self.families(("a", False, work("a")), ("b", True, work("b")), ("c", True, lambda box: counting.Count(passed=4)))
        self.assertTrue(ended["a"].exists() and ended["b"].exists(), said)
        self.assertEqual((count.passed, count.failed), (2, 1), said)

    @staticmethod
    def until(path):
        while not path.exists():
            time.sleep(0.01)

    def test_a_build_is_made_once(self):
        built = []
        self.addCleanup(setattr, families, "build_once", families.build_once)

        def build(which, box):
            built.append(which)
            time.sleep(0.2)
            families.BUILT[which] = True
            return counting.Count()
        families.build_once = build
        which = families.Build("twice", "false", ())
        fine = lambda box: counting.Count(passed=1)
        with contextlib.redirect_stdout(io.StringIO()):
            count = families.run_families([families.Family("a", 9, fine, which), families.Family("b", 9, fine, which, busy=True)])
        self.assertEqual((count.passed, count.failed, built), (2, 0, [which]))


class Races(unittest.TestCase):
    def test_programs_that_can_start_a_thread(self):
        """They are left to the thread sanitizer, and so are scripts and what was not built; programs with one thread are not."""
        folder = Path(tempfile.mkdtemp(prefix="recourse-running-"))
        self.addCleanup(shutil.rmtree, folder)
        source = "#include <pthread.h>\nstatic void *f(void *p) { return p; }\nint main(void) { pthread_t t; return pthread_create(&t, 0, f, 0); }\n"
        (folder / "project").mkdir()
        (folder / "project/one.c").write_text("int main(void) { return 0; }\n")
        (folder / "project/two.c").write_text(source)
        (folder / "project/meson.build").write_text(
            "project('races', 'c')\nthreads = dependency('threads')\n"
            "foreach name : ['one', 'two']\n  test(name, executable(name, name + '.c', dependencies: threads), suite: 'unit')\nendforeach\n"
            "test('script', find_program('sh'), args: ['-c', 'exit 0'], suite: 'unit')\n")

        class Folder:
            def __init__(self, name):
                self.folder = folder / name
        for name in ("plain", "other"):
            subprocess.run(["meson", "setup", str(folder / name), str(folder / "project")], check=True, capture_output=True)
        self.assertEqual(families.may_race(Folder("other"), Folder("plain")), {"one": True, "two": True, "script": True})
        subprocess.run(["ninja", "-C", str(folder / "plain")], check=True, capture_output=True)
        self.assertEqual(families.may_race(Folder("other"), Folder("plain")), {"one": False, "two": True, "script": True})


class Evidence(unittest.TestCase):
    def failures(self, output, code=1, stderr=""):
        return counting.count_test({"name": "t", "stdout": output, "stderr": stderr, "returncode": code, "result": "FAIL"}).failures

    def test_python(self):
        output = ('1..2\n# Traceback (most recent call last):\n#   File "/w/test/e2e/kit.py", line 702, in run_one\n#     function(world)\n'
                  '#   File "/w/build-gcc/../test/e2e/test_x.py", line 33, in y\n#     equal(a, b, "c")\n'
                  '#   File "/w/test/e2e/kit.py", line 62, in equal\n#     raise Failure(f"{what}")\n# kit.Failure: c: expected 1, got 2\n'
                  '# {"time":"2026","text":"Error: x"}\nnot ok 1 - first\n# later\nnot ok 2 - second\n')
        self.assertEqual(self.failures(output), ['first\ntest/e2e/test_x.py:33: equal(a, b, "c")\nkit.Failure: c: expected 1, got 2', "second\nlater"])

    def test_cmocka(self):
        output = ("1..3\nnot ok 1 - a\n# 0x1 != 0x2\n# ../test/x.c:12: error: Failure!\nnot ok 2 - b\n# NULL\n# ../test/x.c:20: error: Failure!\nok 3 - c\n")
        self.assertEqual(self.failures(output), ["a\n0x1 != 0x2\n../test/x.c:12: error: Failure!", "b\nNULL\n../test/x.c:20: error: Failure!"])

    def test_exit_code(self):
        self.assertEqual(self.failures("", stderr="words\nx: x.c:3: f: Assertion `a' failed.\n"), ["\nx: x.c:3: f: Assertion `a' failed."])
        self.assertEqual(self.failures("one\ntwo\nthree\n"), ["\ntwo\nthree"])
        self.assertEqual(self.failures(""), ["\nended with fail, code 1"])

    def test_report(self):
        report = ["=====", "==7==ERROR: AddressSanitizer: heap-use-after-free on address", "READ of size 1", "    #0 0x1 in memcpy (/lib/x)",
                  "    #1 0x2 in put /w/build-asan/../src/core/tree.c:150:5", "SUMMARY: AddressSanitizer: heap-use-after-free"]
        self.assertEqual(evidence.of_report(report), [report[1], report[4].strip()])

    def test_list_is_bounded(self):
        """All are named as long as there are lines for their names; what says why takes the rest."""
        some = [evidence.put(f"f{i}", ["x", "y"]) for i in range(90)]
        lines = evidence.listing(some)
        self.assertEqual(len(lines), evidence.LIST)
        self.assertEqual([line for line in lines if line.startswith("failed: ")], [f"failed: f{i}" for i in range(90)])
        self.assertEqual(evidence.listing(some[:1]), ["failed: f0", "        x", "        y"])
        many = evidence.listing([f"f{i}" for i in range(evidence.LIST + 1)])
        self.assertEqual((len(many), many[-1]), (evidence.LIST, "and 2 more"))
        self.assertEqual(len(evidence.listing([f"f{i}" for i in range(evidence.LIST)])), evidence.LIST)
        self.assertEqual(evidence.listing([]), [])

    def test_the_end_of_the_output(self):
        """Names of what failed, why, and the counts: nothing stands below the list but the last line."""
        said = io.StringIO()
        old, argv = families.FAMILIES[:], sys.argv
        self.addCleanup(families.FAMILIES.__setitem__, slice(None), old)
        self.addCleanup(setattr, sys, "argv", argv)
        families.FAMILIES[:] = [families.Family("a", 9, lambda box: counting.Count(3, 1, 0, ["t: c\nx.c:3: error: y"]))]
        sys.argv = ["families.py"]
        self.addCleanup(setattr, families, "LOGS", families.LOGS)
        folder = tempfile.mkdtemp(prefix="recourse-running-")
        self.addCleanup(shutil.rmtree, folder)
        families.LOGS, families.SAID[:] = Path(folder), []
        with contextlib.redirect_stdout(said):
            self.assertEqual(families.main(), 1)
        self.assertEqual(said.getvalue().splitlines()[-3:], ["failed: a: t: c", "        x.c:3: error: y", "3 passed, 1 failed"])


if __name__ == "__main__":
    test_checks.main(sys.modules[__name__])

"""Negative controls: every check is shown a small tree with the fault that it is there for, and must find it. Prints TAP."""
import contextlib
import importlib.util
import io
import json
import os
import platform
import re
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
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import campaign
import counting
import docs
import families
import figures
import house
import includes
import purity
import reliability
import seed
import sizes
import spec
import words
from tree import Tree, blank_comments


class Planted(unittest.TestCase):
    """A tree of a few files in a temporary folder, with the real data files beside them."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="recourse-checks-"))
        self.addCleanup(shutil.rmtree, self.folder)
        for table in HERE.glob("*.txt"):
            self.put(f"test/structure/{table.name}", table.read_text())
        for table in (ROOT / "spec").glob("*.def"):
            self.put(f"spec/{table.name}", table.read_text())

    def put(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name, old, new):
        text = (self.folder / name).read_text()
        self.assertIn(old, text, "the control itself is out of date")
        self.put(name, text.replace(old, new, 1))

    def tree(self):
        return Tree(self.folder, self.folder / "out")

    def finds(self, check, *parts):
        problems = list(check(self.tree()))
        for part in parts:
            self.assertTrue(any(part in p for p in problems), f"{part!r} not found in {problems}")

    def accepts(self, check):
        self.assertEqual(list(check(self.tree())), [])


class Includes(Planted):
    def test_upward_arrow(self):
        self.put("src/base/a.h", "#pragma once\n")
        self.put("src/core/b.h", "#pragma once\n")
        self.put("src/core/b.c", '#include "base/a.h"\n')
        self.accepts(includes.check_arrows)
        self.put("src/base/a.c", '#include "core/b.h"\n')
        self.finds(includes.check_arrows, 'src/base/a.c:1: base/ may not include "core/b.h"')

    def test_single_header_of_a_folder(self):
        self.put("src/store/store.h", "#pragma once\n")
        self.put("src/store/driver.h", "#pragma once\n")
        self.put("src/engine/a.c", '#include "store/store.h"\n')
        self.accepts(includes.check_arrows)
        self.put("src/engine/b.c", '\n#  include "store/driver.h"\n')
        self.finds(includes.check_arrows, 'src/engine/b.c:2: engine/ may not include "store/driver.h"')

    def test_include_in_a_comment_is_none(self):
        self.put("src/core/b.h", "#pragma once\n")
        self.put("src/base/a.c", '/*\n#include "core/b.h"\n*/\n')
        self.accepts(includes.check_arrows)

    def test_relative_and_missing(self):
        self.put("src/base/a.c", '#include "a.h"\n#include "base/none.h"\n')
        self.finds(includes.check_arrows, '"a.h" is not a header named from src/', "there is no src/base/none.h")

    def test_private_header(self):
        self.put("src/core/draft.h", "#pragma once\n/* Drafts (private to core/). */\n")
        self.put("src/core/a.c", '#include "core/draft.h"\n')
        self.accepts(includes.check_private)
        self.put("src/engine/a.c", '#include "core/draft.h"\n')
        self.finds(includes.check_private, 'src/engine/a.c:1: "core/draft.h" is private to core/')

    def test_library_in_the_wrong_folder(self):
        self.put("src/codec/a.c", "#include <jansson.h>\n")
        self.put("src/store/sqlite/a.c", "#include <sqlite3.h>\n")
        self.put("examples/github/a.c", "#include <event2/http.h>\n")
        self.accepts(includes.check_libraries)
        self.put("src/engine/a.c", "#include <jansson.h>\n")
        self.put("src/store/a.c", "#include <sqlite3.h>\n")
        self.put("src/base/a.c", "#include <zlib.h>\n")
        self.put("src/api/a.c", '#include "states.def"\n')
        self.finds(includes.check_libraries, "src/engine/a.c:1", "src/store/a.c:1", "src/base/a.c:1", "src/api/a.c:1")

    def test_folder_without_a_row(self):
        self.put("src/novel/a.c", "")
        self.finds(includes.check_folders_have_a_row, "src/novel")

    def test_guard(self):
        self.put("src/base/a.h", "#ifndef A\n#endif\n")
        self.finds(includes.check_guards, "src/base/a.h:1")


class Purity(Planted):
    def library(self, folder, source):
        self.put(f"out/src/{folder}/{folder}.c", source)
        place = self.folder / "out" / "src" / folder
        subprocess.run(["gcc", "-O1", "-fPIE", "-c", f"{folder}.c"], cwd=place, check=True)
        subprocess.run(["ar", "rcs", f"librc_{folder}.a", f"{folder}.o"], cwd=place, check=True)

    def libraries(self, core):
        self.library("base", "void rc_put(void){} void rc_log(void){} int rc_unused;")
        self.library("cel", "int cel_a(void){return 1;}")
        self.library("cron", "int cron_a(void){return 1;}")
        self.library("flow", "int cel_a(void); int flow_a(void){return cel_a();}")
        self.library("core", core)

    def test_pure(self):
        self.libraries("void rc_put(void); static const char *const t[] = {\"a\", \"b\"};"
                       "const char *f(int i) {rc_put(); return t[i & 1];}")
        self.accepts(purity.check_symbols)
        self.accepts(purity.check_data)
        self.accepts(purity.check_indirect_calls)

    def test_forbidden_symbols(self):
        self.libraries("#include <stdlib.h>\n#include <time.h>\nvoid rc_log(void); void *f(void)"
                       "{rc_log(); return malloc((unsigned long)time(0));}")
        self.finds(purity.check_symbols, "core.o uses malloc", "core.o uses time", "core.o uses rc_log")

    def test_upward_symbol(self):
        self.libraries("int core_a(void){return 1;}")
        self.library("cel", "int flow_a(void); int cel_a(void){return flow_a();}")
        self.finds(purity.check_symbols, "src/cel: cel.o uses flow_a")

    def test_writable_data(self):
        self.libraries("int counter = 1; static int zero; int f(void){static int calls; return ++calls + zero++;}")
        self.finds(purity.check_data, "bytes in .data", "bytes in .bss")

    def test_thread_local_data(self):
        self.libraries("_Thread_local int last; int f(void){return last++;}")
        self.finds(purity.check_data, "bytes in .tbss")

    def test_function_pointers(self):
        self.put("src/core/a.c", "int x = (*p) + (*q);\nint f(int (*compare)(int));\n")
        self.finds(purity.check_function_pointers, "src/core/a.c:2")
        self.assertEqual(len(list(purity.check_function_pointers(self.tree()))), 1)

    def test_indirect_call(self):
        self.libraries("typedef int fn(int); int f(fn *g) {return g(1) + 1;}")
        if platform.machine() != "x86_64":
            self.skipTest("not x86-64")
        self.finds(purity.check_indirect_calls, "f calls through a pointer")


class Sizes(Planted):
    def test_file(self):
        self.put("src/base/a.c", "\n" * 501)
        self.put("src/base/b.c", "\n" * 801)
        self.finds(sizes.check_files, "src/base/a.c: 501 lines, more than 500", "src/base/b.c: 801 lines, more than 800")

    def test_function(self):
        self.put("src/base/a.c", "int f(void)\n{\n" + "\n" * 68 + "}\n")
        self.finds(sizes.check_functions, "src/base/a.c f: 71 lines, more than 70")
        self.put("test/structure/sizes-allowed.txt", "src/base/a.c f: a table\n")
        self.accepts(sizes.check_functions)
        self.put("src/base/a.c", "int f(void)\n{\n" + "\n" * 118 + "}\n")
        self.finds(sizes.check_functions, "more than 120")

    def test_exceptions_do_not_outlive_what_they_except(self):
        self.put("src/base/a.c", "int f(void)\n{\n}\n")
        self.put("test/structure/sizes-allowed.txt", "src/base/a.c f: a table\nsrc/base/gone.c: a table\n")
        self.finds(sizes.check_functions, "need no exception")
        self.finds(sizes.check_exceptions, "there is no src/base/gone.c")

    def test_exception_without_reason(self):
        self.put("test/structure/sizes-allowed.txt", "src/base/a.c f\n")
        with self.assertRaises(ValueError):
            list(sizes.check_files(self.tree()))


class Words(Planted):
    def test_state_spelled_out(self):
        self.put("src/api/a.c", '/* "rolled_back" */\nconst char *s = "rolled_back";\n')
        self.finds(words.check_states, 'src/api/a.c:2: "rolled_back" is defined in spec/states.def')

    def test_error_spelled_out(self):
        self.put("src/api/a.c", 'const char *s = "key-conflict";\n')
        self.finds(words.check_statuses, "src/api/a.c:1")


class Spec(Planted):
    def test_as_it_is(self):
        for check in (spec.check_edges, spec.check_reachable, spec.check_ways_out, spec.check_unique, spec.check_grants,
                      spec.check_statuses):
            self.accepts(check)

    def test_unreachable(self):
        self.edit("spec/states.def", "RC_COMMAND_STATE(RC_RESOLVED", 'RC_COMMAND_STATE(RC_LONELY, "lonely", 0, "x")\nRC_COMMAND_STATE(RC_RESOLVED')
        self.finds(spec.check_reachable, "RC_LONELY cannot be reached")
        self.finds(spec.check_ways_out, "no way leads from RC_LONELY")

    def test_unknown_state_in_edge(self):
        self.edit("spec/states.def", "RC_COMMAND_EDGE(RC_ABSENT, RC_PENDING)", "RC_COMMAND_EDGE(RC_ABSENT, RC_PENDNG)")
        self.finds(spec.check_edges, "RC_PENDNG is not in the list")

    def test_edge_twice(self):
        edge = "RC_COMMAND_EDGE(RC_ABSENT, RC_PENDING)"
        self.edit("spec/states.def", edge, edge + "\n" + edge)
        self.finds(spec.check_edges, "stands there twice")

    def test_slug_twice(self):
        self.edit("spec/status.def", '"storage-full"', '"busy"')
        self.finds(spec.check_unique, "busy stands 2 times")

    def test_grant_twice_or_of_nothing(self):
        grant = "RC_GRANT(RC_ROLE_VIEWER, RC_PERMIT_READ)"
        self.edit("spec/words.def", grant, grant + "\n" + grant + "\nRC_GRANT(RC_ROLE_VIEWR, RC_PERMIT_READ)")
        self.finds(spec.check_grants, "RC_ROLE_VIEWER is granted RC_PERMIT_READ twice", "RC_ROLE_VIEWR is not in the list")

    def test_role_said_otherwise(self):
        self.put("docs/security.md", (ROOT / "docs/security.md").read_text())
        self.accepts(spec.check_roles_documented)
        grant = "RC_GRANT(RC_ROLE_VIEWER, RC_PERMIT_READ)"
        self.edit("spec/words.def", grant, "RC_GRANT(RC_ROLE_WORKER, RC_PERMIT_READ)")
        self.finds(spec.check_roles_documented, "says of worker and read", "says of viewer and read")

    def test_error_answered_as_fine(self):
        self.edit("spec/status.def", '"storage-full", 507', '"storage-full", 200')
        self.finds(spec.check_statuses, "RC_FULL is answered with 200")

    def promise(self):
        """Writes down what is there now."""
        for path, _ in spec.STORED_ENUMS:
            self.put(path, (ROOT / path).read_text())
        self.put("test/structure/stored-numbers.txt", "".join(f"{k} = {v}\n" for k, v in spec.numbers(self.tree()).items()))

    def test_stored_numbers(self):
        self.promise()
        self.accepts(spec.check_stored)
        self.edit("spec/states.def", "RC_COMMAND_STATE(RC_RUNNING", 'RC_COMMAND_STATE(RC_NOVEL, "novel", 0, "x")\nRC_COMMAND_STATE(RC_RUNNING')
        self.finds(spec.check_stored, "RC_RUNNING running was 2 and is 3 now", "add the line 'RC_NOVEL novel = 2'")
        self.edit("src/core/change.h", "RC_CHANGE_NODE = 2", "RC_CHANGE_NODE = 9")
        self.finds(spec.check_stored, "RC_CHANGE_NODE was 2 and is 9 now")

    def test_stored_word_removed(self):
        self.promise()
        self.edit("spec/status.def", '"storage-full"', '"disk-full"')
        self.finds(spec.check_stored, "status storage-full = 507 is not there any more", "add the line 'status disk-full = 507'")

    def test_route_without_an_input(self):
        self.put("src/api/routes.c", '{HTTP_GET,\n "/v1/things/{id}"},\n{HTTP_POST, "/v1/things"}')
        self.put("test/fuzz/corpus/api/things", "POST /v1/things\n\n{}\n.\nGET /v1/things/7?limit=1\n\n.\n")
        self.accepts(spec.check_fuzzed)
        self.put("test/fuzz/corpus/api/things", "GET /v1/things\n\n.\n")
        self.finds(spec.check_fuzzed, "no input asks for GET /v1/things/{id}", "no input asks for POST /v1/things")


class House(Planted):
    def test_unfinished(self):
        self.put("src/base/a.c", "/* TO" "DO: all of it */\n")
        self.finds(house.check_unfinished, "src/base/a.c:1")

    def test_binary_and_foreign(self):
        self.put("lib/x.c", "\0")
        self.put("vendor/y.c", "/* Copyright somebody */\n")
        self.finds(house.check_own, "lib/x.c: a binary file", "vendor/y.c: a folder", "vendor/y.c: says that")

    def test_head(self):
        self.put("src/base/a.h", "#pragma once\n/* What it is. */\nint a;\n")
        self.put("src/base/a.c", '#include "base/a.h"\n\n/* What it is. */\nint a;\n')
        self.accepts(house.check_heads)
        self.put("src/base/b.h", "#pragma once\nint a; /* late */\n")
        self.finds(house.check_heads, "src/base/b.h:1")

    def test_not_built(self):
        self.put("src/base/meson.build", "base_lib = static_library('rc_base', 'a.c')\n")
        self.put("test/base/meson.build", "foreach name : ['arena']\nendforeach\n")
        self.put("src/base/a.c", "")
        self.put("test/base/test_arena.c", "")
        self.accepts(house.check_built)
        self.put("test/base/test_forgotten.c", "")
        self.finds(house.check_built, "test/base/test_forgotten.c: no meson.build names it")

    def test_test_that_nobody_runs(self):
        self.put("test/e2e/meson.build", "foreach name : ['life']\nendforeach\n")
        self.put("test/e2e/test_life.py", "")
        self.put("test/e2e/kit.py", "")
        self.accepts(house.check_tests_run)
        self.put("test/e2e/test_forgotten.py", "")
        self.finds(house.check_tests_run, "test/e2e/test_forgotten.py: no meson.build names it")

    def test_folder_not_entered(self):
        self.put("test/meson.build", "subdir('cel')\n")
        self.put("test/cel/meson.build", "")
        self.put("test/exec/meson.build", "")
        self.finds(house.check_folders_built, "test/meson.build does not enter exec")

    def test_lines(self):
        self.put("src/base/a.c", "int a; \nint b;")
        self.finds(house.check_lines, "src/base/a.c:1", "does not end with a line feed")


class Docs(Planted):
    def test_links(self):
        self.put("docs/a.md", "# A Heading!\n[x](../README.md) [y](#a-heading) `[z](no)` <https://x.org> [w](https://x.org/)\n")
        self.put("README.md", "")
        self.accepts(docs.check_links)
        self.put("docs/b.md", "[x](gone.md)\n[y](a.md#b-heading) [z](../../etc)\n")
        self.finds(docs.check_links, "docs/b.md:1: gone.md is not there", "no heading #b-heading", "../../etc is not there")

    def test_paths(self):
        self.put("src/base/a.c", "")
        self.put("README.md", "`src/base/a.c` `src/base/b.c`\n")
        self.finds(docs.check_paths, "README.md:1: there is no src/base/b.c")
        self.assertEqual(len(list(docs.check_paths(self.tree()))), 1)

    def test_commands(self):
        self.put("out/recourse", "#!/bin/sh\necho '  submit TYPE   submit one'\n")
        (self.folder / "out/recourse").chmod(0o755)
        self.put("README.md", "`recourse submit`\n\n```\n$ recourse --json submit x\n$ build/recourse conjure\n```\n")
        self.finds(docs.check_commands, "'recourse conjure'")
        self.assertEqual(len(list(docs.check_commands(self.tree()))), 1)


    def test_laws(self):
        self.put("src/sim/sim.h", 'SIM_CONTROL(FORGET, "forget", "x")\n')
        self.put("src/sim/walk.c", '[SIM_FORGET] = "D1 ",\n')
        self.put("src/sim/walk_a.c", 'LAW(a, "D1 one "\n"two", "x");\nLAW(b, "Z2 other", "y");\n')
        self.put("docs/invariants.md", "| 1 | of the checker | x |\n| D1 | one two | forget |\n| Z2 | another |  |\n")
        self.finds(docs.check_laws, "there is no row '| Z2 | other |  |'", "no law of the simulation is '| Z2 | another |  |'",
                   "the laws Z are numbered [2]")
        self.assertEqual(len(list(docs.check_laws(self.tree()))), 3)


class Counting(Planted):
    """The counts at the end of scripts/test.sh: nothing that failed may be lost."""

    def entry(self, stdout="", code=0, result=None, name="t"):
        return {"name": name, "stdout": stdout, "stderr": None, "returncode": code, "duration": 0.1,
                "result": result or ("OK" if code == 0 else "FAIL")}

    def counted(self, *args, **kw):
        count = counting.count_test(self.entry(*args, **kw))
        return count.passed, count.failed, count.skipped

    def test_tap(self):
        self.assertEqual(self.counted("1..3\nok 1 - a\nok 2 - b\nnot ok 3 # SKIP c\n"), (2, 0, 1))
        self.assertEqual(self.counted("1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n"), (3, 0, 0))
        self.assertEqual(self.counted("1..2\nok 1 - a\nnot ok 2 - b\n# x.c:7: error\n# not ok - t\n", 1), (1, 1, 0))

    def test_tap_that_failed_but_exit_code_is_fine(self):
        self.assertEqual(self.counted("1..1\nnot ok 1 - a\n", 0), (0, 1, 0))

    def test_tap_that_is_fine_but_exit_code_is_not(self):
        self.assertEqual(self.counted("1..1\nok 1 - a\n", 23), (1, 1, 0))
        self.assertEqual(self.counted("1..1\nok 1 - a\n", -9, "TIMEOUT"), (1, 1, 0))

    def test_tap_that_stops_early(self):
        self.assertEqual(self.counted("1..3\nok 1 - a\n", 0), (1, 1, 0))
        self.assertEqual(self.counted("1..3\n", 0), (0, 1, 0))
        self.assertEqual(self.counted("1..0\n", 0), (0, 1, 0))

    def test_counts(self):
        self.assertEqual(self.counted("x\n704 passed, 0 failed, 14 skipped\n\n"), (704, 0, 14))
        self.assertEqual(self.counted("3 passed, 2 failed\n", 1), (3, 2, 0))
        self.assertEqual(self.counted("3 passed, 0 failed\n", 1), (3, 1, 0))
        self.assertEqual(self.counted("0 passed, 0 failed\n", 0), (0, 1, 0))

    def test_exit_code(self):
        self.assertEqual(self.counted("words\n", 0), (1, 0, 0))
        self.assertEqual(self.counted("words\n", 1), (0, 1, 0))
        self.assertEqual(self.counted("words\n", 77, "SKIP"), (0, 0, 1))

    def log(self, *entries):
        self.put("log.json", "".join(json.dumps(e) + "\n" for e in entries))
        return self.folder / "log.json"

    def quiet(self, text):
        pass

    def test_test_that_did_not_end(self):
        count = counting.count_log(self.log(self.entry(name="a")), ["a", "b"], self.quiet)
        self.assertEqual((count.passed, count.failed), (1, 1))

    def test_family_without_tests(self):
        self.assertEqual(counting.count_log(self.log(), [], self.quiet).failed, 1)
        self.assertEqual(counting.count_log(self.folder / "none.json", [], self.quiet).failed, 1)

    def test_with_meson(self):
        """A real project with a test of every kind, run and counted as scripts/test.sh does it."""
        kinds = {"fine": "exit 0", "bad": "exit 1", "absent": "exit 77", "killed": "kill -9 $$", "slow": "sleep 20",
                 "tap": "echo 1..2; echo ok 1 - a; echo not ok 2 - b", "counts": "echo 5 passed, 0 failed",
                 "leaks": "echo found > $REPORTS/report.1"}
        self.put("meson.build", "project('control')\nsh = find_program('sh')\n" + "".join(
            f"test('{name}', sh, args: ['-c', '{script}'], suite: 'unit', timeout: {1 if name == 'slow' else 30})\n"
            for name, script in kinds.items()))
        place = self.folder / "out"

        class Control(families.Build):
            folder = place

            def environment(self):
                return dict(os.environ, REPORTS=str(self.reports))

        said, families.LOGS = io.StringIO(), self.folder
        self.addCleanup(setattr, families, "LOGS", families.ROOT / "build-logs")
        subprocess.run(["meson", "setup", str(place), str(self.folder)], check=True, capture_output=True)
        with contextlib.redirect_stdout(said):
            count = families.suite(Control("control", "", ()), "unit", 60)
            empty = families.suite(Control("control", "", ()), "golden", 60)
        self.assertEqual((count.passed, count.failed, count.skipped), (8, 5, 1), said.getvalue())
        for what in ("FAIL bad", "FAIL killed", "FAIL slow", "FAIL tap", "a sanitizer reports", "ok   fine", "skip absent"):
            self.assertIn(what, said.getvalue())
        self.assertEqual((empty.passed, empty.failed), (0, 1))

    def test_suite_that_skips_everything(self):
        """Nothing was tested: that is no success, but for cases that lie beside the tree."""
        self.put("meson.build", "project('control')\nsh = find_program('sh')\n" + "".join(
            f"test('{name}', sh, args: ['-c', 'exit 77'], suite: '{suite}')\n"
            for name, suite in (("a", "proof"), ("b", "conformance"))))
        place = self.folder / "out"

        class Control(families.Build):
            folder = place

        families.LOGS = self.folder
        self.addCleanup(setattr, families, "LOGS", families.ROOT / "build-logs")
        subprocess.run(["meson", "setup", str(place), str(self.folder)], check=True, capture_output=True)
        with contextlib.redirect_stdout(io.StringIO()):
            proof = families.suite(Control("control", "", ()), "proof", 60)
            conformance = families.suite(Control("control", "", ()), "conformance", 60)
        self.assertEqual((proof.failed, proof.skipped), (1, 1))
        self.assertEqual((conformance.failed, conformance.skipped), (0, 1))

    def test_suite_in_parts_that_hangs(self):
        """A part of a suite runs alone, its figures are kept, and one that hangs fails at the end of its box."""
        self.put("meson.build", "project('control')\nsh = find_program('sh')\n"
                 "test('sim seeds', sh, args: ['-c', 'echo 1..1; echo ok 1 - a; echo figure sim_seeds 12'], suite: 'proof')\n"
                 "test('kill campaign', sh, args: ['-c', 'sleep 60'], suite: 'proof', timeout: 0)\n")
        place = self.folder / "out"

        class Control(families.Build):
            folder = place

        families.LOGS, families.SAID[:] = self.folder, []
        self.addCleanup(setattr, families, "LOGS", families.ROOT / "build-logs")
        subprocess.run(["meson", "setup", str(place), str(self.folder)], check=True, capture_output=True)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            sim = families.proof(Control("control", "", ()), "sim", 60)
            kill = families.proof(Control("control", "", ()), "kill", 2)
        self.assertEqual((sim.passed, sim.failed), (1, 0), said.getvalue())
        self.assertEqual((kill.passed, kill.failed), (0, 1), said.getvalue())
        self.assertIn("FAIL kill campaign", said.getvalue())
        self.assertEqual(figures.joined(families.SAID), {"sim_seeds": 12})

    def families(self, *table):
        with contextlib.redirect_stdout(io.StringIO()):
            return families.run_families([families.Family(name, 9, work) for name, work in table])

    def test_family_that_does_nothing_or_breaks(self):
        def broken(box):
            raise RuntimeError("x")
        self.assertEqual(self.families(("a", lambda box: counting.Count())).failed, 1)
        self.assertEqual(self.families(("a", broken), ("b", lambda box: counting.Count(passed=2))).failed, 1)

    def test_boxes(self):
        """A slower machine has more time; all families together have no more than there is, and who comes too late has failed."""
        given = []

        def work(box):
            given.append(box)
            return counting.Count(passed=1)
        self.assertEqual(self.families(("a", work)).failed, 0)
        self.assertEqual(given, [9 * families.SLOWER])
        self.addCleanup(setattr, families, "ENDS", families.ENDS)
        families.ENDS = time.monotonic() + 5
        self.assertEqual(self.families(("a", work)).failed, 0)
        self.assertTrue(1 <= given[1] <= 5, given)
        families.ENDS = time.monotonic()
        self.assertEqual((self.families(("a", work)).failed, len(given)), (1, 2))

    def test_interrupted(self):
        def interrupted(box):
            raise KeyboardInterrupt
        count = self.families(("a", lambda box: counting.Count(passed=2)), ("b", interrupted), ("c", lambda box: counting.Count(passed=4)))
        self.assertEqual((count.passed, count.failed), (2, 1))

    def test_family_whose_build_fails(self):
        build = families.Build("none", "false", ())
        families.BUILT[build] = False
        with contextlib.redirect_stdout(io.StringIO()):
            count = families.run_families([families.Family("a", 9, lambda box: counting.Count(passed=2), build)])
        self.assertEqual((count.passed, count.failed), (0, 1))

    def test_time_box(self):
        self.assertIsNone(families.run(["sleep", "30"], 0.2, "/dev/null"))
        self.assertEqual(families.run(["sh", "-c", "exit 3"], 10, "/dev/null"), 3)

    def test_interrupted_command_may_tidy_up(self):
        """Meson ends its tests, which have process groups of their own, when it is told to end."""
        ready, ended = self.folder / "ready", self.folder / "ended"

        def interrupt():
            while not ready.exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGUSR1)
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, signal.default_int_handler))
        threading.Thread(target=interrupt, daemon=True).start()
        with self.assertRaises(KeyboardInterrupt):
            families.run(["sh", "-c", f"trap 'touch {ended}; exit' TERM; touch {ready}; while :; do sleep 0.1; done"], 60, "/dev/null", patience=30)
        self.assertTrue(ended.exists())

    def test_family_that_ignores_the_signal(self):
        start = time.monotonic()
        self.assertIsNone(families.run(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], 0.2, "/dev/null", patience=0.5))
        self.assertLess(time.monotonic() - start, 30)

    def test_exit_code_of_the_script(self):
        """The whole program, with a table of one family."""
        program = ("import sys; sys.path.insert(0, sys.argv[1]); import families, counting\n"
                   "c = counting.Count(passed=int(sys.argv[2]), failed=int(sys.argv[3]))\n"
                   "families.FAMILIES[:] = [families.Family('a', 9, lambda box: c)]; sys.argv[1:] = []; sys.exit(families.main())")
        for passed, failed, code, words_ in ((3, 0, 0, "3 passed, 0 failed"), (3, 1, 1, "3 passed, 1 failed"),
                                             (0, 0, 1, "0 passed, 1 failed")):
            done = subprocess.run([sys.executable, "-B", "-c", program, str(HERE.parent), str(passed), str(failed)],
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (code, words_), done.stderr)


class Figures(Planted):
    """What tests say that they did, the floors under it, and the document made of it."""

    def said(self, **values):
        return [figures.Said("gcc: t", name, value) for name, value in values.items()]

    def test_lines(self):
        text = "1..1\nok 1 - a\n# figure sim_seeds 50000\nfigure core_branches 95.25\n  figure x 1\nfigure X 2\nfigure y -3\nfigure z\n"
        self.assertEqual(figures.of_output(text), [("sim_seeds", 50000), ("core_branches", 95.25)])

    def test_several_become_one(self):
        values = figures.joined([*self.said(fuzz_seconds=4, fuzz_lines=80.0, others=2, a_controls=3),
                                 *self.said(fuzz_seconds=5, fuzz_lines=70.0, others=3, a_controls=3)])
        self.assertEqual(values, {"fuzz_seconds": 9, "fuzz_lines": 70.0, "others": 5, "a_controls": 3})

    def test_controls(self):
        self.assertEqual(list(figures.uncaught(self.said(a_controls=3, a_controls_caught=3, b=1))), [])
        for bad in ({"a_controls": 3, "a_controls_caught": 2}, {"a_controls": 3}, {"a_controls_caught": 3},
                    {"a_controls": 0, "a_controls_caught": 0}):
            self.assertEqual(len(list(figures.uncaught(self.said(**bad)))), 1, bad)

    def test_floors(self):
        table = (figures.Row("a", "", sum, 10), figures.Row("b", ""))
        self.assertEqual(list(figures.below({"a": 10}, table)), [])
        self.assertIn("is 9, its floor is 10", *figures.below({"a": 9, "b": 1}, table))
        self.assertIn("missing", *figures.below({}, table))

    def test_continuous_integration_is_held_to_the_floors(self):
        """The whole program, with a table of one family that does nothing else."""
        program = ("import sys; sys.path.insert(0, sys.argv[1]); import families, figures, counting, pathlib\n"
                   "families.LOGS = pathlib.Path(sys.argv[2])\n"
                   "families.FAMILIES[:] = [families.Family('a', 9, lambda box: counting.Count(passed=1))]\n"
                   "sys.argv[1:] = sys.argv[3:]; sys.exit(families.main())")
        for options, code in (([], 0), (["--only", "a", "--ci"], 0), (["--ci"], 1)):
            done = subprocess.run([sys.executable, "-B", "-c", program, str(HERE.parent), str(self.folder), *options],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn("figure fuzz_executions is missing", done.stdout)
        self.assertEqual(json.loads((self.folder / "figures.json").read_text())["tier"], "ci")

    def test_document(self):
        for name in ("scripts/reliability.py", "test/figures.py"):
            self.put(name, (families.ROOT / name).read_text())
        facts = {"tier": "ci", "date": "2026-01-01", "commit": "c", "machine": "m", "minutes": 1, "figures": {"sim_seeds": 5},
                 "floors": {}, "lines_of_code": 2, "lines_of_tests": 3, "found": ["2026-01-01: x"]}
        self.put("docs/reliability.json", json.dumps(facts))
        self.put("docs/found.md", "- 2026-01-01: x\n  and y\n- 2026-01-02: z\n- once: w\n")
        self.put("docs/RELIABILITY.md", reliability.script(self.tree()).render(facts))
        self.assertIn("1.50 lines of test", (self.folder / "docs/RELIABILITY.md").read_text())
        self.accepts(reliability.check_made_by_the_script)
        self.edit("docs/RELIABILITY.md", "| 5 |", "| 50 |")
        self.finds(reliability.check_made_by_the_script, "is not what")
        self.finds(reliability.check_found, "newest stands first", "not with once")


class Seeds(Planted):
    """The seed of a tree: the same for the same tree, another for another one."""

    def setUp(self):
        super().setUp()
        environment = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(environment)))
        for name in [name for name in os.environ if name == "RC_SEED" or name.startswith("GIT_")]:
            del os.environ[name]
        os.environ["GIT_CEILING_DIRECTORIES"] = str(self.folder.parent)

    def git(self, *words_):
        who = ("-c", "user.name=n", "-c", "user.email=n@localhost", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(self.folder), *who, *words_], check=True, capture_output=True)

    def commit(self, text, name="src/base/a.c"):
        self.put(name, text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return seed.of_tree(self.folder)

    def test_range(self):
        self.assertEqual(seed.of_name("x"), 3835152007)
        for name in range(1000):
            self.assertTrue(1 <= seed.of_name(str(name)) <= seed.MOST)

    def test_given(self):
        os.environ["RC_SEED"] = "12"
        self.assertEqual(seed.of_tree(self.folder), 12)

    def test_of_a_commit(self):
        """Two commits with the same code have the same seed; documents, what is not committed, and what a build leaves behind change nothing."""
        self.git("init", "-q")
        first = self.commit("a")
        self.put("build-x/y.c", "left behind")
        self.put("src/base/a.c", "not committed")
        self.assertEqual(seed.of_tree(self.folder), first)
        self.assertEqual(self.commit("a"), seed.of_name(seed.named_by_git(self.folder)))
        (self.folder / "build-x/y.c").unlink()
        self.assertEqual(self.commit("a"), first)
        self.assertEqual(self.commit("a document", "docs/a.md"), first)
        self.assertNotEqual(self.commit("a test", "test/a.py"), first)
        self.assertNotEqual(self.commit("b"), first)

    def test_without_git(self):
        first = seed.of_tree(self.folder)
        self.assertIsNone(seed.named_by_git(self.folder))
        self.put("build-x/src/y.c", "left behind")
        self.put("src/base/a.pyc", "left behind")
        self.assertEqual(seed.of_tree(self.folder), first)
        self.put("src/base/a.c", "x")
        second = seed.of_tree(self.folder)
        self.put("src/base/a.c", "y")
        self.assertEqual(len({first, second, seed.of_tree(self.folder)}), 3)

    def test_unpacked_below_another_repository(self):
        self.git("init", "-q")
        self.commit("a")
        self.put("inside/src/base/a.c", "a")
        self.assertIsNone(seed.named_by_git(self.folder / "inside"))

    def test_tests_are_told(self):
        """Of continuous integration and the quick tier, not of a campaign, whatever the environment says."""
        os.environ["RC_SEED"] = "5"
        self.addCleanup(setattr, families, "TIER", families.TIER)
        for tier, told in (("quick", str(families.SEED)), ("ci", str(families.SEED)), ("campaign", None)):
            families.TIER = tier
            self.assertEqual(families.GCC.environment().get("RC_SEED"), told)


class Campaign(Planted):
    def test_hours_are_divided(self):
        """Every family gets its turns; what failed is kept and listed."""
        class Place:
            folder = self.folder

        def work(name):
            def run(box):
                ran.append((name, int(os.environ["RC_CONTROL"])))
                self.put(f"{name}-crash-1", "x")
                time.sleep(0.5)
                return counting.Count(passed=1, failed=int(name == "b"), failures=["broken"] if name == "b" else [])
            return run

        ran, old, families.LOGS, families.SAID[:] = [], families.LOGS, self.folder, [figures.Said("x", "things", 7)]
        self.addCleanup(setattr, families, "LOGS", old)
        self.addCleanup(os.environ.pop, "RC_CONTROL", None)
        self.addCleanup(os.environ.pop, "RC_FUZZ_KEEP", None)
        families.BUILT[Place] = True
        table = [families.Family(name, 9, work(name), Place, share=1, amount=("RC_CONTROL", 1000)) for name in "ab"]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            total = campaign.run(families, table, 0.0005)
        self.assertEqual({name for name, _ in ran}, {"a", "b"})
        self.assertEqual(ran[0], ("a", 1000))
        self.assertTrue(total.failed and total.passed, said.getvalue())
        text = (self.folder / "campaign" / "summary.md").read_text()
        self.assertIn("| a |", text)
        self.assertIn("- b, run 1: broken", text)
        self.assertIn("| things | 7 |", text)
        self.assertTrue((self.folder / "campaign" / "b-1" / "b-crash-1").exists())


class FuzzTargets(unittest.TestCase):
    def setUp(self):
        spec = importlib.util.spec_from_file_location("fuzz_run", families.ROOT / "test" / "fuzz" / "run.py")
        self.run_ = importlib.util.module_from_spec(spec)
        sys.modules["fuzz_run"] = self.run_
        spec.loader.exec_module(self.run_)

    def test_coverage_is_judged(self):
        row = self.run_.rows("# a comment\njson 500 90 70 src/a/*.c src/b.c\n")["json"]
        found = {"src/a/x.c": ((9, 10), (1, 2)), "src/a/y.c": ((0, 10), (0, 2)), "src/b.c": ((20, 20), (4, 4)), "src/c.c": ((0, 99), (0, 99))}
        lines, branches, report = self.run_.judge(row, found)
        self.assertEqual((lines, branches, len(report)), (72.5, 62.5, 3))
        with self.assertRaises(ValueError):
            self.run_.judge(self.run_.Row("json", 1, 1, 1, ("src/none.c",)), found)

    def test_amount(self):
        """Outside of campaigns the amount and the inputs are fixed, whatever the machine does in a second."""
        environment = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(environment)))
        for name in ("RC_FUZZ_SECONDS", "RC_TIER", "RC_SEED"):
            os.environ.pop(name, None)
        row = self.run_.Row("json", 500, 90, 70, ())
        most = {"max_total_time": self.run_.MOST_SECONDS}
        self.assertEqual(self.run_.amount(row), {"runs": 100, **most})
        os.environ.update(RC_TIER="ci", RC_SEED="7")
        self.assertEqual(self.run_.amount(row), {"runs": 500, "seed": "7", **most})
        os.environ["RC_FUZZ_SECONDS"] = "9"
        self.assertEqual(self.run_.amount(row), {"max_total_time": 9})

    def test_every_target_has_a_row(self):
        build = (families.ROOT / "test" / "fuzz" / "meson.build").read_text()
        table = self.run_.rows((families.ROOT / "test" / "fuzz" / "targets.txt").read_text())
        self.assertEqual(set(re.findall(r"(?m)^  '(\w+)': \[", build)) - {"control"}, set(table))


class Comments(unittest.TestCase):
    def test_blank_comments(self):
        text = 'a /* "b"\n c */ "/* d */" // e\n\'"\' f'
        self.assertEqual(blank_comments(text), 'a       \n      "/* d */"     \n\'"\' f')


class Tap(unittest.TextTestResult):
    def startTestRun(self):
        self.number = 0

    def line(self, test, good, words_=""):
        self.number += 1
        print(f"{'ok' if good else 'not ok'} {self.number} - {test.id().partition('.')[2]}{words_}", flush=True)

    def addSuccess(self, test):
        self.line(test, True)

    def addSkip(self, test, reason):
        self.line(test, True, f" # SKIP {reason}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        for text in self.failures[-1][1].splitlines():
            print(f"# {text}")
        self.line(test, False)

    addError = addFailure


def main(module):
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    print(f"1..{suite.countTestCases()}", flush=True)
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Tap, verbosity=0)
    sys.exit(0 if runner.run(suite).wasSuccessful() else 1)


if __name__ == "__main__":
    main(sys.modules[__name__])

#!/bin/sh
# scripts/test.sh [--ci] [--only WORD]…: installs what is missing, builds, runs the tests, and ends with
# "N passed, N failed[, N skipped]". Exits 0 only where nothing failed.
#
# Without --ci: gcc, the sanitizers, all suites, formatting and clang-tidy. With it also a clang release build, end to end
# under the address sanitizer, and the thread sanitizer. test/families.py holds the table of what runs and for how long it may.
set -eu
cd "$(dirname "$0")/.."

scripts/deps.sh test
exec python3 -B test/families.py "$@" </dev/null

#!/bin/sh
# scripts/test.sh [--ci] [--only WORD]…: installs what is missing, builds, runs the tests, and ends with
# "N passed, N failed[, N skipped]". A family that fails stops no other; all failures are listed before the last line. Exits 0
# only where nothing failed.
#
# Without --ci: gcc, the sanitizers, all suites, formatting and clang-tidy. With it also a clang release build, end to end
# under the address sanitizer, and the thread sanitizer. test/families.py holds the table of what runs and for how long it may.
set -eu
cd "$(dirname "$0")/.."

scripts/deps.sh test || {
    printf 'failed: packages that the tests need could not be installed\n0 passed, 1 failed\n'
    exit 1
}
exec python3 -B test/families.py "$@" </dev/null

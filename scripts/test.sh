#!/bin/sh
# scripts/test.sh [--ci | --campaign HOURS] [--only WORD]…: installs what is missing, builds, runs the tests, and ends with
# "N passed, N failed[, N skipped]". A family that fails stops no other; all failures are listed directly before the last line, each with
# the line of its assertion. Exits 0 only where nothing failed.
#
# Without --ci: gcc, the sanitizers, all suites, formatting and clang-tidy. With it also a clang release build, end to end
# under the address sanitizer, the thread sanitizer, the coverage of branches, and the proofs at full size, whose figures are held against
# floors. With --campaign only proofs and fuzz targets, with new seeds until the hours are over. test/families.py holds the table of what runs and for how long it may.
set -eu
cd "$(dirname "$0")/.."

scripts/deps.sh test || {
    printf 'failed: packages that the tests need could not be installed\n0 passed, 1 failed\n'
    exit 1
}
exec python3 -B test/families.py "$@" </dev/null

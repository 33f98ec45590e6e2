#!/bin/sh
# scripts/build.sh: installs what is missing and makes a release build in build/; the program is build/recourse.
#
# May be run again at any time: it does what is left to do. Prints nothing but the result; on a failure the end of the log.
set -eu
cd "$(dirname "$0")/.."

scripts/deps.sh build

log=build/build.log
mkdir -p build
run() {
    "$@" >>"$log" 2>&1 </dev/null || {
        tail -n 60 "$log" >&2
        echo "the build failed; all of its output is in $log" >&2
        exit 1
    }
}
: >"$log"
[ -f build/build.ninja ] || run meson setup build --buildtype=release -Dtests=disabled
run ninja -C build
echo "built build/recourse"

#!/bin/sh
# examples/run.sh NAME [--once]: builds Recourse and runs a worked example with its faults; what NAME/run.sh calls.
# RC_BUILD=FOLDER uses the programs that are there and builds nothing.
set -eu
cd "$(dirname "$0")/.."
name=$1
shift
if [ -z "${RC_BUILD-}" ]; then
    scripts/build.sh
    RC_BUILD=build
fi
export RC_BUILD
exec python3 -B "examples/$name/run.py" "$@"

#!/bin/sh
# Builds a release and measures it: bench/run.sh [--quick] [--json] [--runs N] [--seconds S] [--disk DIR]   (README.md)
#
# --build DIR: a build of the caller's making instead of scripts/build.sh and build/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case " $* " in
*" --build "*) ;;
*)
    "$here/../scripts/build.sh" >&2
    set -- "$@" --build "$here/../build"
    ;;
esac
exec python3 -B "$here/measure.py" "$@"

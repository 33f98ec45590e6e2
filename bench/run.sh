#!/bin/sh
# Builds a release and measures it: bench/run.sh [--quick] [--json] [--runs N] [--disk DIR]   (README.md)
#
# --build DIR: a build that is there already, of the caller's making, instead of scripts/build.sh and build/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case " $* " in
*" --build "*) ;;
*)
    "$here/../scripts/build.sh" >&2
    set -- "$@" --build "$here/../build"
    ;;
esac
exec python3 "$here/measure.py" "$@"

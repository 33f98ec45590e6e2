#!/bin/sh
# scripts/quickstart.sh [--once]: builds Recourse and shows it recover from real failures, in a minute.
#
# Installs what is missing and builds (scripts/build.sh), then hands over to scripts/quickstart.py, which starts a stand-in for
# GitHub and a server on free ports of loopback with a store of their own in a temporary folder. Stays up until Ctrl-C, so that
# you can try things; with --once it ends by itself, with 0 only if every pull request was made exactly once.
# RC_BUILD=FOLDER uses the programs that are there and builds nothing.
set -eu
cd "$(dirname "$0")/.."

if [ -z "${RC_BUILD-}" ]; then
    echo "Building (the first time this takes a minute or two) ..."
    scripts/build.sh
    RC_BUILD=build
fi
export RC_BUILD
exec python3 -B scripts/quickstart.py "$@"

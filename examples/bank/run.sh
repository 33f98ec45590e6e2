#!/bin/sh
# Runs the example with its faults; with --once it ends by itself, with 0 only if what its README promises has happened.
exec "$(dirname "$0")/../run.sh" bank "$@"

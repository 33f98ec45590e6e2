#!/bin/sh
# scripts/deps.sh build|test|package: installs the Debian packages that are missing for building, for building and testing, or
# for making the Debian package.
#
# This is the only list of them. Says what it installs, and nothing where all is there. Needs root or sudo for installing.
# On a system without apt-get it does nothing: the build then says what it does not find.
set -eu

build='gcc libc6-dev pkg-config meson ninja-build libcurl4-openssl-dev libevent-dev libjansson-dev libsqlite3-dev libssl-dev libyaml-dev tzdata'
test="$build binutils clang clang-format clang-tidy curl fish golang-go jq libclang-rt-dev libcmocka-dev openssl llvm man-db procps python3 python3-yaml
    shellcheck sqlite3 strace systemd universal-ctags util-linux zsh"

# Node and npm may come from elsewhere, as one package or two
command -v npm >/dev/null || test="$test nodejs npm"

case ${1-} in
build) wanted=$build ;;
test) wanted=$test ;;
package) wanted="$build dpkg-dev" ;;
*)
    echo "usage: scripts/deps.sh build|test|package" >&2
    exit 2
    ;;
esac

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || exit 0

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "missing packages:$missing" >&2
        echo "install them as root: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi

echo "installing:$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    # shellcheck disable=SC2086 # as_root is one word or none
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" \
        >"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        echo "apt-get $* did not work" >&2
        exit 1
    }
}
apt update
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $missing

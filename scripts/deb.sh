#!/bin/sh
# scripts/deb.sh [--version VERSION] [--out FOLDER]: builds the Debian package and prints its path.
#
# Installs what is missing (scripts/deps.sh build, and dpkg-dev), builds in build-deb/ with prefix /usr, and packs what `meson
# install` puts there together with packaging/debian/. VERSION is that of the package (else the project's, with -1); FOLDER is
# build-deb. May be run again at any time.
set -eu
cd "$(dirname "$0")/.."

version='' out=build-deb
while [ $# -gt 0 ]; do
    case $1 in
    --version) version=$2 && shift 2 ;;
    --out) out=$2 && shift 2 ;;
    *)
        echo "usage: scripts/deb.sh [--version VERSION] [--out FOLDER]" >&2
        exit 2
        ;;
    esac
done

scripts/deps.sh build
command -v dpkg-shlibdeps >/dev/null || scripts/deps.sh package

build=build-deb stage=$PWD/build-deb/stage log=build-deb/deb.log
mkdir -p "$build" "$out"
run() {
    "$@" >>"$log" 2>&1 </dev/null || {
        tail -n 40 "$log" >&2
        echo "the package could not be built; all of the output is in $log" >&2
        exit 1
    }
}
: >"$log"
[ -f "$build/build.ninja" ] ||
    run meson setup "$build" --buildtype=release --prefix=/usr --sysconfdir=/etc --localstatedir=/var -Dtests=disabled
run ninja -C "$build"

# ---- what it holds

rm -rf "$stage"
umask 022
run env DESTDIR="$stage" meson install -C "$build" --no-rebuild
doc=$stage/usr/share/doc/recourse
rm -f "$doc/LICENSE" # the copyright file names it
# Debian 12 looks for units in /lib
mkdir -p "$stage/lib"
mv "$stage/usr/lib/systemd" "$stage/lib/"
install -D -m 644 packaging/debian/copyright "$doc/copyright"
install -D -m 644 packaging/debian/lintian-overrides "$stage/usr/share/lintian/overrides/recourse"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz" && rm -f "$doc/CHANGELOG.md"
find "$stage/usr/share/man" -type f -exec gzip -9nf {} +
for program in "$stage/usr/bin/recourse" "$stage"/usr/libexec/recourse/*; do
    strip --strip-unneeded --remove-section=.comment --remove-section=.note "$program"
done
mkdir -p "$stage/etc/recourse"
"$build/recourse" config example | sed 's|^#store: .*|store: /var/lib/recourse/recourse.db|' >"$stage/etc/recourse/recourse.yaml"
"$build/recourse" config check "$stage/etc/recourse/recourse.yaml" >>"$log"

# ---- what Debian wants to know of it

[ -n "$version" ] || version=$("$build/recourse" version -q)-1
arch=$(dpkg --print-architecture)
date=$(date -R -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}")
printf 'recourse (%s) bookworm; urgency=medium\n\n  * See changelog.gz for what changed.\n\n -- %s  %s\n' "$version" \
    "$(sed -n 's/^Maintainer: //p' packaging/debian/control)" "$date" | gzip -9nc >"$doc/changelog.Debian.gz"
control=$stage/DEBIAN
install -d -m 755 "$control"
for script in postinst prerm postrm; do install -m 755 "packaging/debian/$script" "$control/$script"; done
echo /etc/recourse/recourse.yaml >"$control/conffiles"
(cd "$stage" && find usr etc lib -type f ! -path etc/recourse/recourse.yaml -exec md5sum {} + | LC_ALL=C sort -k 2) >"$control/md5sums"
# dpkg-shlibdeps looks for debian/control below where it runs
mkdir -p "$build/shlibs/debian"
printf 'Source: recourse\n\nPackage: recourse\nArchitecture: any\n' >"$build/shlibs/debian/control"
shlibs=$(cd "$build/shlibs" && dpkg-shlibdeps -O "$stage/usr/bin/recourse" "$stage"/usr/libexec/recourse/* 2>>"../deb.log")
size=$(du -sk --exclude=DEBIAN "$stage" | cut -f 1)
sed -e "s|@VERSION@|$version|; s|@ARCH@|$arch|; s|@SIZE@|$size|; s|@SHLIBS@|${shlibs#shlibs:Depends=}|" \
    packaging/debian/control >"$control/control"

package=$out/recourse_${version}_$arch.deb
run dpkg-deb --root-owner-group --build "$stage" "$package"
echo "$package"

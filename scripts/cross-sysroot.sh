#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: cross-sysroot.sh ARCH DIR
#
# Fills DIR with the headers and libraries that the build needs for another
# architecture (aarch64, x86_64, riscv64), from this machine's own package
# archive, and DIR/packages with the names and versions of the packages.
# Installs nothing. Does nothing if DIR is there.
set -eu

die() {
	echo "scripts/cross-sysroot.sh: $*" >&2
	exit 1
}

# A package and those of its dependencies whose names match.
packages='
libc6-dev libc6-dev/^(libc6|linux-libc-dev|libcrypt-dev)$
libpixman-1-dev libpixman-1-dev/^libpixman
libpng-dev libpng-dev/^(libpng|zlib1g-dev)
zlib1g-dev/^zlib1g$
libcjson-dev libcjson-dev/^libcjson
libzstd-dev libzstd-dev/^libzstd
libxxhash-dev libxxhash-dev/^libxxhash
libdrm-dev libdrm-dev/^libdrm
libseccomp-dev libseccomp-dev/^libseccomp
libcunit1-dev libcunit1-dev/^libcunit
libcrypt-dev/^libcrypt1$
libgcc-s1
'

# Development packages link to /lib; below another root that points nowhere.
make_links_relative() {
	find "$1" -type l -lname '/*' | while read -r link; do
		ln -snfr "$1$(readlink "$link")" "$link"
	done
}

# Debian 12 has no riscv64; the release after it has.
suite_for() {
	# shellcheck disable=SC1091
	. /etc/os-release
	[ "$1/$VERSION_CODENAME" != riscv64/bookworm ] || echo trixie
}

[ $# -eq 2 ] || die "usage: cross-sysroot.sh ARCH DIR"
case $1 in
aarch64) arch=arm64 ;;
x86_64) arch=amd64 ;;
riscv64) arch=riscv64 ;;
*) die "unknown architecture '$1'" ;;
esac
dir=$2
[ ! -e "$dir" ] || exit 0

work=$dir.part
rm -rf "$work"
mkdir -p "$work/debs" "$work/root"
suite=$(suite_for "$arch")
# shellcheck disable=SC2086 # a list of words
"$(dirname "$0")/fetch-debs.sh" -a "$arch" ${suite:+-s "$suite"} "$work/debs" $packages
for deb in "$work"/debs/*.deb; do
	dpkg-deb -x "$deb" "$work/root"
	dpkg-deb -f "$deb" Package Version | awk '{ printf "%s%s", $2, NR == 1 ? " " : "\n" }'
done >"$work/root/packages"
# Where packages have all below /usr, programs still look for their loader in /lib.
[ -e "$work/root/lib" ] || ln -s usr/lib "$work/root/lib"
make_links_relative "$work/root"
mv "$work/root" "$dir"
rm -rf "$work"
command -v "$1-linux-gnu-gcc" >/dev/null ||
	echo "the compiler is in the package gcc-$1-linux-gnu, or take CC=clang"

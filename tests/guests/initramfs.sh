#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: initramfs.sh GUEST_DIR OUT [MORE_DIR]
#
# Makes the initramfs of the Linux guests from what scripts/provide-guest.sh
# provides in GUEST_DIR and the scripts in tests/guests/linux, with what is in
# MORE_DIR on top.
set -eu

case $# in
2 | 3) ;;
*)
	echo "usage: initramfs.sh GUEST_DIR OUT [MORE_DIR]" >&2
	exit 2
	;;
esac
guest=$1 out=$2 more=${3:-}
here=$(dirname "$0")
root=$(mktemp -d "${TMPDIR:-/tmp}/vgpu-initramfs.XXXXXX")
trap 'rm -rf "$root" "$out.new"' EXIT
trap 'exit 130' INT TERM

mkdir "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/guests"
cp -R "$guest/root/." "$guest/modules" "$root"
cp "$here/linux/init" "$root/init"
cp "$here/linux/console" "$here/linux/modetest" "$here/linux/heads" "$root/guests"
[ -z "$more" ] || cp -R "$more/." "$root"
chmod 755 "$root/init" "$root"/guests/*
find "$root" -exec touch -h -d @0 {} +
mkdir -p "$(dirname "$out")"
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet) |
	gzip -1n >"$out.new"
mv "$out.new" "$out"

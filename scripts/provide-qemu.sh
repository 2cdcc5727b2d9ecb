#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: provide-qemu.sh
#
# Prints a folder with a qemu-system-aarch64 and a qemu-system-x86_64 that can
# serve vhost-user-gpu without KVM, which takes QEMU 8.0: the system's if it is
# new enough, else the one of the release's backports, unpacked beside it in
# the user's cache and never installed. VGPU_QEMU_DIR names another folder. The
# unpacked one also has its vhost-user-gpu, with the libraries of the installed
# one (package qemu-system-gui).
set -eu

cd "$(dirname "$0")"
# The package with QEMU's D-Bus display, which 7.2 still has in another one.
display=qemu-system-modules-opengl
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vgpu

say() {
	echo "scripts/provide-qemu.sh: $*" >&2
}

new_enough() {
	version=$("$1" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
	[ "${version:-0}" -ge 8 ]
}

both_new_enough() {
	new_enough "$1/qemu-system-aarch64" && new_enough "$1/qemu-system-x86_64"
}

# The modules, libraries and firmware of a QEMU belong to its version: the paths
# are set for this one program, never in the environment of another.
# write_wrapper DIR NAME PROGRAM-BELOW-DIR [ARGUMENT...]
write_wrapper() {
	wrapper=$1/bin/$2 program=$3
	shift 3
	cat >"$wrapper" <<-WRAPPER
		#!/bin/sh
		root=\$(cd "\$(dirname "\$0")/.." && pwd)
		for dir in "\$root"/usr/lib/*-linux-gnu*; do
		    QEMU_MODULE_DIR=\$dir/qemu
		    LD_LIBRARY_PATH=\$dir\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
		done
		export QEMU_MODULE_DIR LD_LIBRARY_PATH
		exec "\$root/$program" $* "\$@"
	WRAPPER
	chmod +x "$wrapper"
}

write_system_wrapper() {
	# shellcheck disable=SC2016 # for the wrapper to expand
	write_wrapper "$1" "$2" "usr/bin/$2" -L '"$root/usr/share/qemu"' \
		-L '"$root/usr/share/seabios"' -L '"$root/usr/lib/ipxe/qemu"' \
		-L /usr/share/seabios -L /usr/lib/ipxe/qemu
}

# Its package needs a display, which vhost-user-gpu does not: only this file is taken.
add_vhost_user_gpu() {
	say "fetching vhost-user-gpu from $VERSION_CODENAME-backports (once; less than 1 MB)"
	rm -rf "$dir/gui"
	./fetch-debs.sh -a "$(dpkg --print-architecture)" -s "$VERSION_CODENAME-backports" \
		"$dir/gui" qemu-system-gui &&
		dpkg-deb --fsys-tarfile "$dir"/gui/*.deb |
		tar -x -C "$dir" ./usr/lib/qemu/vhost-user-gpu &&
		rm -r "$dir/gui" &&
		write_wrapper "$dir" vhost-user-gpu usr/lib/qemu/vhost-user-gpu
}

unpack() {
	say "fetching QEMU from $VERSION_CODENAME-backports (once; about 25 MB)"
	rm -rf "$dir.new"
	trap 'rm -rf "$dir.new"' EXIT
	trap 'exit 130' INT TERM
	mkdir -p "$dir.new/bin"
	./fetch-debs.sh -a "$(dpkg --print-architecture)" -b "$dir.new/debs" \
		qemu-system-arm qemu-system-x86 "$display"
	for deb in "$dir.new"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir.new"
	done
	rm -r "$dir.new/debs"
	write_system_wrapper "$dir.new" qemu-system-aarch64
	write_system_wrapper "$dir.new" qemu-system-x86_64
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

# An older one of ours has no display that vgpu-conform could look at.
unpacked() {
	[ -x "$dir/bin/qemu-system-aarch64" ] && ls "$dir"/usr/lib/*/qemu/ui-dbus.so >/dev/null 2>&1
}

if [ -n "${VGPU_QEMU_DIR:-}" ]; then
	both_new_enough "$VGPU_QEMU_DIR" && echo "$VGPU_QEMU_DIR" && exit
	say "no qemu-system-aarch64 and qemu-system-x86_64 >= 8.0 in $VGPU_QEMU_DIR"
	exit 1
fi
system=$(dirname "$(command -v qemu-system-aarch64 || echo /usr/bin/none)")
if both_new_enough "$system"; then
	echo "$system"
	exit
fi

# shellcheck disable=SC1091
. /etc/os-release
dir=$cache/qemu-$VERSION_CODENAME-backports
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w 600 9 || { say "another download holds $cache/lock"; exit 1; }
unpacked || unpack
[ -x "$dir/bin/vhost-user-gpu" ] || add_vhost_user_gpu || say "it has no vhost-user-gpu then"
if ! both_new_enough "$dir/bin"; then
	"$dir/bin/qemu-system-aarch64" --version >&2 || true
	say "$dir/bin holds no QEMU >= 8.0 that runs; remove that folder to fetch it again"
	exit 1
fi
echo "$dir/bin"

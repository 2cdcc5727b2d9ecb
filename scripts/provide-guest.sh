#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: provide-guest.sh ARCH
#
# Prints a folder with what a Linux guest of ARCH (arm64, amd64) is made of,
# from the distribution's own archive, fetched once into the user's cache:
#
#   vmlinuz      its kernel
#   modules/     the modules that virtio-gpu takes, numbered in loading order
#   displays/    what bochs-display and cirrus-vga take besides these
#   root/        busybox, modetest and its libraries
#   versions     the packages that these come from
set -eu

cd "$(dirname "$0")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vgpu

say() {
	echo "scripts/provide-guest.sh: $*" >&2
}

die() {
	say "$*"
	exit 1
}

kernel_package() {
	case $ID in
	ubuntu) echo 'linux-image-generic/^linux-(image|modules)-' ;;
	*) echo "linux-image-$arch/^linux-image-[0-9]" ;;
	esac
}

decompress() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -dcq "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# Modules with all that they depend on, each once, in loading order.
module_order() {
	tree=$1
	shift
	for module; do
		/sbin/modprobe -d "$tree" -S "$release" --show-depends "$module" 2>/dev/null |
			sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++'
}

# take_modules TREE DIR MODULE...: those that are not in modules/ already
take_modules() {
	tree=$1 to=$2
	shift 2
	mkdir -p "$to"
	for file in $(module_order "$tree" "$@"); do
		name=${file##*/}
		name=${name%%.*}.ko
		[ ! -e "$(echo "${to%/*}"/modules/*-"$name")" ] || continue
		decompress "$file" >"$to/$number-$name"
		number=$((number + 1))
	done
}

take_kernel() {
	cp "$1"/boot/vmlinuz-* "$2/vmlinuz"
	[ -d "$1/lib/modules" ] || ln -s usr/lib "$1/lib"
	release=$(ls "$1/lib/modules")
	/sbin/depmod -b "$1" "$release"
	number=10
	take_modules "$1" "$2/modules" virtio_pci virtio_mmio virtio-gpu
	take_modules "$1" "$2/displays" bochs cirrus
	[ -e "$(echo "$2"/modules/*-virtio[-_]gpu.ko)" ] || die "the kernel $release has no virtio-gpu module"
}

# Each library under its soname and in the folder where the loader looks.
take_user_land() {
	mkdir -p "$2/root/bin" "$2/root/lib"
	for program in busybox modetest; do
		cp "$(find "$1" -path "*/bin/$program" -type f)" "$2/root/bin"
	done
	for library in libdrm.so.2 libc.so.6 libm.so.6; do
		file=$(find "$1" -path "*-linux-gnu/$library" | head -n 1)
		[ -n "$file" ] || die "no $library for $arch"
		cp -L "$file" "$2/root/lib"
	done
	file=$(find "$1" -name 'ld-linux*.so.*' ! -path '*/doc/*' | head -n 1)
	mkdir -p "$2/root/$3"
	cp -L "$file" "$2/root/$3"
}

fetch() {
	say "fetching a Linux guest for $arch (once; about 65 MB)"
	rm -rf "$dir.new"
	trap 'rm -rf "$dir.new"' EXIT
	trap 'exit 130' INT TERM
	mkdir -p "$dir.new"
	./fetch-debs.sh -a "$arch" "$dir.new/debs" "$(kernel_package)" libc6 libdrm2 libdrm-tests \
		busybox-static
	for deb in "$dir.new"/debs/*.deb; do
		dpkg-deb -f "$deb" Package Version Architecture | awk '{ printf "%s ", $2 } END { print "" }'
		dpkg-deb -x "$deb" "$dir.new/unpacked"
	done >"$dir.new/versions"
	take_kernel "$dir.new/unpacked" "$dir.new"
	take_user_land "$dir.new/unpacked" "$dir.new" "$loader_dir"
	rm -r "$dir.new/debs" "$dir.new/unpacked"
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

arch=${1:-}
case $arch in
arm64) loader_dir=lib ;;
amd64) loader_dir=lib64 ;;
*) die "usage: provide-guest.sh arm64|amd64" ;;
esac
# shellcheck disable=SC1091
. /etc/os-release
dir=$cache/guest-$VERSION_CODENAME-$arch
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w 600 9 || die "another download holds $cache/lock"
[ -d "$dir/displays" ] || fetch
echo "$dir"

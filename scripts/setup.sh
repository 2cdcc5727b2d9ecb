#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: setup.sh [build|all|cross]
#
# Installs what is missing on Debian 12/13 or Ubuntu 22.04/24.04: with "build"
# what it takes to build and replay, with "all" (the default) also what the
# tests take, with "cross" what CROSS=aarch64 and CROSS=riscv64 take. Asks
# nothing; where all is there it needs no network.
set -eu

# group  package            what for; ?: where the system has such a package
packages='
build    gcc                the compiler, with its sanitizer runtimes
build    libc6-dev          the C library and the kernel headers for virtio
build    make               the build
build    pkg-config         where the libraries are
build    libpixman-1-dev    pixel formats
build    libpng-dev         golden images
build    libcjson-dev       manifests and QMP
build    libzstd-dev        compression of traces
build    libxxhash-dev      content hashes
build    libdrm-dev         output on a kernel display
build    libseccomp-dev     the sandbox of vgpu-record
build    libcunit1-dev      the conformance suite; unit tests
test     lcov               make coverage
test     clang              second compiler; fuzzing
test     libclang-rt-dev?   fuzzing: where clang comes without its libraries
test     clang-format       make format, make lint
test     clang-tidy         make lint
test     cppcheck           make lint
test     shellcheck         make lint
test     mandoc             make lint: manual pages
test     edid-decode        checks the EDID that the device makes
test     qemu-system-arm    replay target qemu; guests
test     qemu-system-x86    guests
test     qemu-system-gui    vhost-user-gpu, a back end to replay into
test     qemu-efi-aarch64   guest edk2
test     libxml2-utils      checks JUnit XML
test     perl               checks TAP
test     nodejs             make report-test
debian   chromium           make report-test; Ubuntu has it as a snap only
test     cpio               initramfs
test     kmod               module order in the initramfs
test     valgrind           make valgrind
test     util-linux         flock for the download cache
test     xxhash             checks content hashes
test     xz-utils           modules of newer guest kernels
test     zstd               checks compressed traces
cross    gcc-aarch64-linux-gnu  make CROSS=aarch64
cross    gcc-riscv64-linux-gnu  make CROSS=riscv64
cross    qemu-user-static   make CROSS=... check
'

die() {
	echo "scripts/setup.sh: $*" >&2
	exit 1
}

wanted() {
	echo "$packages" | while read -r group package _; do
		case $group/$1 in
		build/* | test/all | cross/cross) echo "$package" ;;
		debian/all) [ "$distribution" != debian ] || echo "$package" ;;
		esac
	done
}

installed() {
	status=$(dpkg-query -W -f '${db:Status-Status} ' "$1" 2>/dev/null) || return 1
	case $status in
	"installed "*) ;;
	*) return 1 ;;
	esac
}

missing() {
	for package in $(wanted "$1"); do
		case $package in
		*\?)
			package=${package%\?}
			apt-cache show "$package" >/dev/null 2>&1 || continue
			;;
		esac
		installed "$package" || printf '%s ' "$package"
	done
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		command -v sudo >/dev/null || die "neither root nor sudo; run as root: $*"
		sudo "$@"
	fi
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
		-o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# shellcheck disable=SC1091 # not there while this is checked
distribution=$(. /etc/os-release 2>/dev/null && echo "$ID") || distribution=
group=${1:-all}
case $group in
build | all | cross) ;;
-h | --help)
	sed -n '4,9s/^# \{0,1\}//p' "$0"
	exit 0
	;;
*) die "unknown group '$group'; it is 'build', 'all' or 'cross'" ;;
esac
command -v dpkg-query >/dev/null ||
	die "no dpkg here; install by other means: $(wanted "$group" | tr '\n' ' ')"

lacking=$(missing "$group")
if [ -z "$lacking" ]; then
	echo "setup: all packages are installed"
	exit 0
fi
echo "setup: installing $lacking"
apt_get update || die "apt-get update failed; is the network there?"
lacking=$(missing "$group")
# shellcheck disable=SC2086 # a list of words
apt_get install --no-install-recommends $lacking || die "apt-get could not install: $lacking"
lacking=$(missing "$group")
[ -z "$lacking" ] || die "still missing: $lacking"

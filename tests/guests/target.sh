#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: target.sh TARBALL [STEP]...
#
# The arm64 tarball on an arm64 kernel, under QEMU, on a CPU as small as that of
# the i.MX8MP: an initramfs with busybox and the tarball and nothing else. A
# step whose material is missing is skipped with the reason, except where
# CI=true.
set -eu

me=tests/guests/target.sh
BUILD=${BUILD:-build}
BACKEND=qemu # no vgpu-record of this machine
# shellcheck source=tests/guests/machine.sh
. "$(dirname "$0")/machine.sh"

BARE='bare version help called info replay record no_hvisor'

# make_initramfs OUT
make_initramfs() {
	root=$dir/root
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys"
	cp "$material/root/bin/busybox" "$root/bin"
	cp "$(dirname "$0")/target/init" "$root/init"
	cp "$tarball" "$root/vgpu.tar.gz"
	chmod 755 "$root/init"
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$1"
	rm -rf "$root"
}

# boot STEP...: until the machine has run them
boot() {
	make_initramfs "$dir/initramfs.cpio"
	limit=120
	: >"$dir/serial.log"
	"$QEMU_DIR/qemu-system-aarch64" -M virt,gic-version=3 -cpu cortex-a53 -smp 2 -m 2G \
		-accel tcg -nic none -no-user-config -display none -monitor none -no-reboot \
		-kernel "$material/vmlinuz" -initrd "$dir/initramfs.cpio" \
		-append "console=ttyAMA0 quiet loglevel=3 panic=-1 vgpu.steps=$(echo "$*" | tr ' ' ',')" \
		-serial "file:$dir/serial.log" >"$dir/qemu.log" 2>&1 </dev/null &
	qemu_pid=$!
	serial_wait 'VGPU-TARGET: done' 1
	process_end "$qemu_pid"
	qemu_pid=''
}

# report STEP...: what the machine said of each
report() {
	for step; do
		line=$(tr -d '\r' <"$dir/serial.log" |
			sed -n "s/^VGPU-TARGET: \([A-Za-z]* $step \)/\1/p" | head -n 1)
		[ -n "$line" ] || line="FAIL $step 0 0 nothing was said; see $dir/serial.log"
		echo "$line" | awk '{
			printf "%-4s %5.1f s  %s", $1, $4 - $3, $2
			$1 = $2 = $3 = $4 = ""; sub(/^ +/, "")
			print($0 == "" ? "" : ": " $0)
		}'
	done
}

run_steps() {
	machine_open "$BUILD/target"
	material=$("$scripts/provide-guest.sh" arm64)
	boot "$@"
	report "$@" >"$dir/report"
}

missing() {
	[ -r "$tarball" ] || echo "no $tarball; run 'make dist CROSS=aarch64'"
	"$scripts/provide-guest.sh" arm64 >/dev/null || echo 'no Linux guest for arm64'
}

tarball=${1:-}
if [ "$tarball" = --in-process ]; then
	tarball=$2
	shift 2
	run_steps "$@"
	exit
fi
[ -n "$tarball" ] || die 'usage: target.sh TARBALL [STEP]...'
shift
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $BARE

missing=$(missing | head -n 1)
mkdir -p "$BUILD/target"
if [ -n "$missing" ]; then
	kind=skip
	[ "${CI:-}" != true ] || kind=FAIL
	for step; do
		printf '%-4s     -    %s: %s\n' "$kind" "$step" "$missing"
	done >"$BUILD/target/report"
# In a process of its own, so that whatever happens there ends there.
elif ! why=$("$0" --in-process "$tarball" "$@" 2>&1); then
	printf 'FAIL     -    %s: %s\n' "$1" "$why" >"$BUILD/target/report"
fi
awk '{ print; count[$1]++ } END {
	printf "%d passed, %d failed, %d skipped\n", count["ok"], count["FAIL"], count["skip"]
	exit count["FAIL"] > 0 || NR == 0
}' "$BUILD/target/report"

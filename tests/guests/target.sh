#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: target.sh TARBALL [STEP]...
#
# The arm64 tarball on an arm64 kernel, under QEMU, on a CPU as small as that of
# the i.MX8MP.
#
#   bare         an initramfs with busybox and the tarball and nothing else
#   virtio, ...  the machine is the root zone of a simulated hvisor: vgpu-record
#                shows zone 1's picture on this card and records it. QEMU's own
#                view of the screen must be the golden picture, and the trace
#                replay here, on both devices, with that picture. Centered: the
#                screen is larger than the picture.
#
# A step whose material is missing is skipped with the reason, except where
# CI=true.
set -eu

me=tests/guests/target.sh
BUILD=${BUILD:-build}
BACKEND=qemu # no vgpu-record of this machine
# shellcheck source=tests/guests/machine.sh
. "$(dirname "$0")/machine.sh"

TARGET_BUILD=${TARGET_BUILD:-build-aarch64}
STEPS='bare virtio bochs bochs-centered'
CHECKS='bare version help called info replay record no_hvisor'
golden=golden/ruxos_boot/frame-000004.png

# make_initramfs OUT: with what is in $dir/more
make_initramfs() {
	root=$dir/root
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys"
	cp "$material/root/bin/busybox" "$root/bin"
	cp "$(dirname "$0")/target/init" "$root/init"
	cp "$tarball" "$root/vgpu.tar.gz"
	[ ! -d "$dir/more" ] || cp -R "$dir/more/." "$root"
	chmod 755 "$root/init"
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$1"
	rm -rf "$root" "$dir/more"
}

# start STEPS ARGUMENT...: the machine, with arguments for QEMU
start() {
	make_initramfs "$dir/initramfs.cpio"
	limit=120
	append="console=ttyAMA0 quiet loglevel=3 panic=-1 vgpu.steps=$(echo "$1" | tr ' ' ',')"
	shift
	: >"$dir/serial.log"
	"$QEMU_DIR/qemu-system-aarch64" -M virt,gic-version=3 -cpu cortex-a53 -smp 2 -m 2G \
		-accel tcg -nic none -no-user-config -display none -monitor none -no-reboot \
		-kernel "$material/vmlinuz" -initrd "$dir/initramfs.cpio" -append "$append" \
		-serial "file:$dir/serial.log" -qmp "unix:$sockets/qmp,server=on,wait=off" "$@" \
		>"$dir/qemu.log" 2>&1 </dev/null &
	qemu_pid=$!
}

# Until the machine has done all.
finish() {
	serial_wait 'VGPU-TARGET: done' 1
	guest_quit
	tr -d '\r' <"$dir/serial.log" >"$dir/serial"
}

# said CHECK: ok or FAIL, its name, when it began, when it ended, and why
said() {
	line=$(sed -n "s/^VGPU-TARGET: \([A-Za-z]* $1 \)/\1/p" "$dir/serial" | head -n 1)
	echo "${line:-FAIL $1 0 0 nothing was said of it; see $dir/serial.log}"
}

# ---- steps -------------------------------------------------------------------------

step_bare() {
	start "$CHECKS"
	finish
	for check in $CHECKS; do
		said "$check"
	done | awk '{
		printf "%-4s %5.1f s  %s", $1, $4 - $3, $2
		$1 = $2 = $3 = $4 = ""
		sub(/^ +/, "")
		print($0 == "" ? "" : ": " $0)
	}'
}

# step_card DEVICE [HOW]: HOW is imgcmp's way to compare
step_card() {
	device=$1
	shift
	mkdir -p "$dir/more/modules" "$dir/more/tests"
	cp "$material"/modules/*.ko "$material"/displays/*.ko "$dir/more/modules"
	cp "$TARGET_BUILD/tests/guests/hvisor-zone" "$TARGET_BUILD/tests/hvisor-sim/preload.so" \
		"$dir/more/tests"
	start zone -device "$device,id=gpu0"
	serial_wait 'VGPU-TARGET: picture' 1
	qmp screendump "$dir/screen.ppm"
	finish
	line=$(said zone)
	[ "${line%% *}" = ok ] || die "${line#* * * * }"
	same_picture "$@" "$golden" "$dir/screen.ppm"
	sed -n '/^VGPU-TARGET: trace-begin/,/^VGPU-TARGET: trace-end/p' "$dir/serial" |
		grep -v '^VGPU-TARGET' | base64 -d >"$dir/zone1.trace" || die 'no trace came back'
	for target in builtin qemu; do
		"$BUILD/vgpu-replay" --no-golden --target "$target" "$dir/zone1.trace" \
			>"$dir/replay.log" 2>&1 ||
			die "the trace does not replay on $target; see $dir/replay.log"
	done
	mkdir -p "$dir/frames"
	"$BUILD/vgpu-trace" frames -o "$dir/frames" "$dir/zone1.trace" >/dev/null ||
		die 'vgpu-trace frames failed'
	same_picture "$golden" "$dir/frames/frame-000004.png"
}

# ---- the run -----------------------------------------------------------------------

step_missing() {
	[ -r "$tarball" ] || echo "no $tarball; run 'make live-target'"
	"$scripts/provide-guest.sh" arm64 >/dev/null || echo 'no Linux guest for arm64'
}

# In a process of its own, so that whatever happens there ends there.
run_step() {
	machine_open "$BUILD/target/$1"
	material=$("$scripts/provide-guest.sh" arm64)
	case $1 in
	bare) step_bare ;;
	virtio) step_card virtio-gpu-pci ;;
	bochs) step_card bochs-display ;;
	bochs-centered) step_card bochs-display,xres=1368,yres=900 --centered ;;
	*) die "no step '$1'" ;;
	esac
}

# What a step prints are its results; one that prints nothing has one, its own.
results() {
	begin=$(date +%s)
	missing=$(step_missing "$1" | head -n 1)
	if [ -n "$missing" ]; then
		kind=skip
		[ "${CI:-}" != true ] || kind=FAIL
		printf '%-4s     -    %s: %s\n' "$kind" "$1" "$missing"
	elif why=$("$0" --in-process "$tarball" "$1" 2>&1); then
		[ -z "$why" ] || echo "$why"
		[ -n "$why" ] || printf 'ok   %5d s  %s\n' $(($(date +%s) - begin)) "$1"
	else
		printf 'FAIL %5d s  %s: %s\n' $(($(date +%s) - begin)) "$1" "$why"
	fi
}

tarball=${1:-}
[ -n "$tarball" ] || die 'usage: target.sh TARBALL [STEP]...'
shift
if [ "$tarball" = --in-process ]; then
	tarball=$1
	run_step "$2"
	exit
fi
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $STEPS
for step; do
	results "$step"
done | awk '{ print; fflush(); count[$1]++ } END {
	printf "%d passed, %d failed, %d skipped\n", count["ok"], count["FAIL"], count["skip"]
	exit count["FAIL"] > 0 || NR == 0
}'

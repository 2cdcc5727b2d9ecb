#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: kms.sh [STEP]...
#
# A real kernel's displays under a real QEMU: kms-play plays a recording onto
# them, and QEMU's own view of the screen must be the golden picture. A step is
# named after its display and what is tried. GUEST_BUILD is where the guest's
# kms-play was built, with CROSS=aarch64 for an arm64 guest.
set -eu

me=tests/guests/kms.sh
BUILD=${BUILD:-build}
GUEST_BUILD=${GUEST_BUILD:-$BUILD}
# shellcheck disable=SC2034 # for machine.sh: the guest's display is QEMU's own
BACKEND=qemu
export BUILD
# shellcheck source=tests/guests/machine.sh
. "$(dirname "$0")/machine.sh"

# bochs copies nothing, virtio-gpu copies each buffer, and cirrus copies what
# FB_DAMAGE_CLIPS tells: what one forgives shows on another.
STEPS='bochs-atomic bochs-legacy virtio-atomic virtio-legacy
	bochs-damage bochs-damage-legacy virtio-damage virtio-damage-legacy cirrus-damage
	cirrus-damage-legacy bochs-resized virtio-resized bochs-centered virtio-centered
	bochs-cursor bochs-plug virtio-plug bochs-end virtio-end virtio-taken'

# ---- the program and its libraries --------------------------------------------------

# Where libraries of the architecture are: this machine, or what was unpacked for it.
sysroot=${SYSROOT:-${CROSS:+$GUEST_BUILD/sysroot}}

find_library() {
	for folder in lib usr/lib lib64; do
		for file in "$sysroot/$folder/$machine-linux-gnu/$1" "$sysroot/$folder/$1"; do
			[ ! -e "$file" ] || { echo "$file"; return; }
		done
	done
	die "no $1 for $machine"
}

# take_libraries PROGRAM FOLDER: with the libraries of the libraries
take_libraries() {
	for library in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		[ ! -e "$2/$library" ] || continue
		file=$(find_library "$library")
		cp -L "$file" "$2/$library"
		take_libraries "$file" "$2"
	done
}

make_overlay() {
	overlay=$1
	program=$GUEST_BUILD/tests/guests/kms-play
	rm -rf "$overlay"
	mkdir -p "$overlay/bin" "$overlay/lib" "$overlay/modules" "$overlay/guests" \
		"$overlay/traces"
	cp "$program" "$overlay/bin"
	take_libraries "$program" "$overlay/lib"
	loader=$(readelf -l "$program" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
	mkdir -p "$overlay${loader%/*}"
	cp -L "$(find_library "${loader##*/}")" "$overlay$loader"
	cp "$2"/displays/*.ko "$overlay/modules"
	cp "$(dirname "$0")/linux/kms" "$overlay/guests"
	for trace in ruxos_boot edk2_console linux_modetest; do
		cp "traces/$trace.trace" "$overlay/traces"
	done
}

# ---- the guest -----------------------------------------------------------------------

# kms_start DISPLAY ARGUMENTS: QEMU with this display, kms-play with these arguments
kms_start() {
	display=$1
	case $machine in
	x86_64) tty=ttyS0 kernel=amd64 ;;
	aarch64) tty=ttyAMA0 kernel=arm64 ;;
	*) die "no guest for $machine" ;;
	esac
	# shellcheck disable=SC2034 # for machine.sh
	guest='' limit=90 marker='VGPU-GUEST: kms-done' marker_count=1
	material=$("$scripts/provide-guest.sh" "$kernel")
	make_overlay "$dir/overlay" "$material"
	"$(dirname "$0")/initramfs.sh" "$material" "$dir/initramfs.cpio.gz" "$dir/overlay"
	rm -rf "$dir/overlay"
	case $machine in
	x86_64) set -- "$2" -M pc -cpu max -vga none ;;
	aarch64) set -- "$2" -M virt,gic-version=3 -cpu cortex-a57 ;;
	esac
	append="console=tty0 console=$tty quiet loglevel=3 printk.time=0 panic=-1"
	append="$append vt.global_cursor_default=0 vgpu.guest=kms vgpu.kms=$1"
	shift
	: >"$dir/serial.log"
	"$QEMU_DIR/qemu-system-$machine" "$@" -kernel "$material/vmlinuz" -append "$append" \
		-initrd "$dir/initramfs.cpio.gz" -device "$display,id=gpu0" -m 512M -accel tcg \
		-nic none -no-user-config -display none -monitor none -parallel none \
		-chardev "file,id=serial,path=$dir/serial.log,append=on" -serial chardev:serial \
		-qmp "unix:$sockets/qmp,server=on,wait=off" >"$dir/qemu.log" 2>&1 </dev/null &
	# shellcheck disable=SC2034 # for machine.sh
	qemu_pid=$!
	guest_wait 1
	qmp screendump "$dir/screen.ppm"
	guest_quit
}

# The picture with a cursor: nothing differs but in its 64x64 pixels.
same_but_cursor() {
	if "$BUILD/tests/guests/imgcmp" "$1" "$2" >"$dir/imgcmp.log" 2>&1; then
		die "there is no cursor in $2"
	fi
	sed -n 's/.* all in \([0-9]*\)x\([0-9]*\)+.*/\1 \2/p' "$dir/imgcmp.log" |
		{ read -r width height && [ "$width" -le 64 ] && [ "$height" -le 64 ]; } ||
		die "$1 and $2: $(cat "$dir/imgcmp.log")"
}

# ---- steps ----------------------------------------------------------------------------

ruxos=golden/ruxos_boot/frame-000004.png
edk2=golden/edk2_console/frame-000380.png
modetest=golden/linux_modetest/frame-000007.png

# run_step DISPLAY WHAT
run_step() {
	case $1 in
	bochs) device=bochs-display ;;
	virtio) device=virtio-gpu-pci ;;
	cirrus) device=cirrus-vga ;;
	*) die "no display '$1'" ;;
	esac
	case $2 in
	atomic) kms_start "$device" show,/traces/ruxos_boot.trace ;;
	legacy) kms_start "$device" show,--legacy,/traces/ruxos_boot.trace ;;
	plug) kms_start "$device" plug,/traces/ruxos_boot.trace ;;
	taken) kms_start "$device" taken,/traces/ruxos_boot.trace ;;
	damage | damage-legacy)
		legacy=${2#damage}
		kms_start "$device" "show,--slow${legacy:+,-$legacy},/traces/edk2_console.trace"
		same_picture "$edk2" "$dir/screen.ppm"
		return
		;;
	resized)
		kms_start "$device" show,/traces/linux_modetest.trace
		same_picture "$modetest" "$dir/screen.ppm"
		return
		;;
	centered)
		kms_start "$device,xres=1368,yres=900" show,/traces/ruxos_boot.trace
		same_picture --centered "$ruxos" "$dir/screen.ppm"
		return
		;;
	cursor)
		kms_start "$device" show,--until,75,/traces/linux_modetest.trace
		same_but_cursor "$modetest" "$dir/screen.ppm"
		return
		;;
	end)
		kms_start "$device" console,none
		mv "$dir/screen.ppm" "$dir/console.ppm"
		kms_start "$device" end,/traces/ruxos_boot.trace
		same_picture "$dir/console.ppm" "$dir/screen.ppm"
		return
		;;
	*) die "no step '$1-$2'" ;;
	esac
	same_picture "$ruxos" "$dir/screen.ppm"
}

# Why a step cannot run here; nothing if it can.
step_missing() {
	case $1/$machine in
	*/x86_64) ;;
	cirrus-*) echo 'the display needs a PC' ;;
	esac
}

may_skip() {
	true
}

machine=${CROSS:-$(uname -m)}
live=$GUEST_BUILD/live-kms
mkdir -p "$live"
if [ "${1:-}" = --in-process ]; then
	machine_open "$live/$2"
	run_step "${2%%-*}" "${2#*-}"
	exit
fi

# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $STEPS
steps_run "$@"

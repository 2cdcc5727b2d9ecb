# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Sourced: one guest under QEMU with the device that it draws on, vgpu-record
# or QEMU's own. The sourcing script sets
#
#   me         its name, for messages
#   BUILD      where vgpu-record and the tools are
#   BACKEND    record, or qemu: the same guest on QEMU's own virtio-gpu
#
# All logs of a machine are in the folder that machine_open is given. Programs
# are ended by their process ids when the script ends, however it ends.

# shellcheck disable=SC2154 # me, BUILD and BACKEND are the sourcing script's

RUXOS_SHA256=ba6d801dcc06a3dc85b4e990326c28f7eee4d56b0939dd4e36f4f5851087c902
EDK2_CODE=${EDK2_CODE:-/usr/share/qemu-efi-aarch64/QEMU_EFI.fd}

scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)
qemu_pid='' recorder_pid='' sockets='' guest='' dir=''

die() {
	echo "$me: ${guest:+$guest: }$*" >&2
	exit 1
}

# What a guest is: its architecture, its bus, the text on the serial port that
# says that its picture is complete and how often that comes, and how many
# seconds that may take.
guest_describe() {
	guest=$1
	arch=aarch64 bus=mmio heads=1 marker_count=1 limit=300
	case $guest in
	ruxos)
		marker='check_type expect' marker_count=15
		;;
	linux-console | linux-console-pci | linux-console-x86)
		marker='VGPU-GUEST: console-done'
		;;
	linux-modetest)
		marker='VGPU-GUEST: modetest-done'
		;;
	linux-heads)
		marker='VGPU-GUEST: heads-done' heads=2
		;;
	edk2)
		marker='Shell> ' limit=600 bus=pci
		;;
	*) die "no such guest; there are ruxos, linux-console, linux-console-pci," \
		"linux-console-x86, linux-modetest, linux-heads and edk2" ;;
	esac
	case $guest in
	*-pci) bus=pci ;;
	*-x86) arch=x86_64 bus=pci limit=600 ;;
	esac
}

# Why a guest cannot run here; nothing if it can.
guest_missing() {
	case $1 in
	ruxos)
		if [ -z "${RUXOS_BIN:-}" ]; then
			echo "RUXOS_BIN does not name its image"
		elif [ ! -r "$RUXOS_BIN" ]; then
			echo "cannot read $RUXOS_BIN"
		elif [ "$(sha256sum <"$RUXOS_BIN")" != "$RUXOS_SHA256  -" ]; then
			echo "$RUXOS_BIN has not the SHA-256 $RUXOS_SHA256"
		fi
		;;
	edk2)
		[ -r "$EDK2_CODE" ] || echo "no $EDK2_CODE (package qemu-efi-aarch64)"
		;;
	esac
}

# ---- the machine ---------------------------------------------------------------

machine_open() {
	dir=$1
	mkdir -p "$dir"
	rm -f "$dir"/*.log
	# The path of a socket has at most 107 bytes: not below the build folder.
	sockets=$(mktemp -d /tmp/vgpu.XXXXXX)
	trap machine_close EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	QEMU_DIR=${QEMU_DIR:-$("$scripts/provide-qemu.sh")}
	export QEMU_DIR
}

machine_close() {
	process_end "$qemu_pid"
	process_end "$recorder_pid"
	[ -z "$sockets" ] || rm -rf "$sockets"
	qemu_pid='' recorder_pid='' sockets=''
}

running() {
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null
}

# SIGTERM, and SIGKILL two seconds later.
process_end() {
	running "$1" || return 0
	kill "$1" 2>/dev/null || true
	process_wait "$1" 2 || kill -9 "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# Until it has ended; 1 if that takes more than so many seconds.
process_wait() {
	tries=$(($2 * 20))
	while running "$1"; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.05
	done
}

# ---- the device ----------------------------------------------------------------

# recorder_start TRACE ARGUMENT...
recorder_start() {
	output=$1
	shift
	mkdir -p "$(dirname "$output")"
	rm -f "$output" "$output.part"
	"$BUILD/vgpu-record" --socket-path "$sockets/gpu" -o "$output" --buffer 512 "$@" \
		>"$dir/record.log" 2>&1 </dev/null &
	recorder_pid=$!
	tries=1200
	until [ -S "$sockets/gpu" ]; do
		running "$recorder_pid" || die "vgpu-record has ended; see $dir/record.log"
		[ "$tries" -gt 0 ] || die "vgpu-record does not listen; see $dir/record.log"
		tries=$((tries - 1))
		sleep 0.05
	done
}

# Waits for a recorder that ends by itself, or that has been told to.
recorder_finish() {
	process_wait "$recorder_pid" 120 ||
		die "vgpu-record has not ended within 120 s; see $dir/record.log"
	status=0
	wait "$recorder_pid" || status=$?
	recorder_pid=''
	[ "$status" -eq 0 ] || die "vgpu-record: exit status $status; see $dir/record.log"
	[ -s "$output" ] || die "vgpu-record has left no $output; see $dir/record.log"
}

# ---- the guest -----------------------------------------------------------------

linux_arguments() {
	material=$("$scripts/provide-guest.sh" "$1")
	initramfs=$dir/initramfs.cpio.gz
	"$(dirname "$0")/initramfs.sh" "$material" "$initramfs"
	which=${guest#linux-}
	# No cursor that blinks, no time stamps, no messages but errors: what is
	# on the screen is what the guest's script writes.
	append="console=tty0 console=$2 quiet loglevel=3 printk.time=0 vt.global_cursor_default=0"
	append="$append panic=-1 vgpu.guest=${which%%-*}"
}

# guest_start NAME [PROPERTY]: starts QEMU with it, and with that property of the
# device; serial.log begins anew.
guest_start() {
	guest_describe "$1"
	property=${2:-}
	missing=$(guest_missing "$guest")
	[ -z "$missing" ] || die "$missing"
	case $guest in
	ruxos)
		set -- -M virt,gic-version=2 -cpu cortex-a72 -kernel "$RUXOS_BIN" -append ';;'
		;;
	edk2)
		set -- -M virt,gic-version=3 -cpu cortex-a57 -bios "$EDK2_CODE"
		;;
	linux-*-x86)
		linux_arguments amd64 ttyS0
		set -- -M pc -cpu max -vga none -kernel "$material/vmlinuz" -initrd "$initramfs" \
			-append "$append"
		;;
	linux-*)
		linux_arguments arm64 ttyAMA0
		set -- -M virt,gic-version=3 -cpu cortex-a57 -kernel "$material/vmlinuz" \
			-initrd "$initramfs" -append "$append"
		;;
	esac
	[ "$BACKEND" = qemu ] || set -- "$@" -machine memory-backend=ram \
		-object memory-backend-memfd,id=ram,size=512M,share=on \
		-chardev "socket,id=gpu,path=$sockets/gpu"
	case $BACKEND/$bus in
	record/mmio) device=vhost-user-gpu,chardev=gpu ;;
	record/pci) device=vhost-user-gpu-pci,chardev=gpu ;;
	qemu/mmio) device=virtio-gpu-device ;;
	qemu/pci) device=virtio-gpu-pci ;;
	*) die "BACKEND is '$BACKEND', not 'record' or 'qemu'" ;;
	esac
	set -- "$@" -device "$device,id=gpu0,max_outputs=$heads${property:+,$property}"
	: >"$dir/serial.log"
	rm -f "$sockets/qmp"
	"$QEMU_DIR/qemu-system-$arch" "$@" -m 512M -accel tcg -nic none -no-user-config \
		-global virtio-mmio.force-legacy=false -display none -monitor none -parallel none \
		-chardev "file,id=serial,path=$dir/serial.log,append=on" -serial chardev:serial \
		-qmp "unix:$sockets/qmp,server=on,wait=off" >"$dir/qemu.log" 2>&1 </dev/null &
	qemu_pid=$!
}


# serial_wait TEXT COUNT: until the text has come so often on the serial port.
serial_wait() {
	tries=$((limit * 10))
	until [ "$(grep -a -o -F -e "$1" "$dir/serial.log" | wc -l)" -ge "$2" ]; do
		! grep -a -q 'VGPU-GUEST: .*-failed\|VGPU-GUEST: no-drm' "$dir/serial.log" ||
			die "the guest has failed; see $dir/serial.log"
		running "$qemu_pid" || die "QEMU has ended; see $dir/qemu.log"
		[ "$BACKEND" = qemu ] || running "$recorder_pid" ||
			die "vgpu-record has ended; see $dir/record.log"
		[ "$tries" -gt 0 ] ||
			die "no '$1' on the serial port within $limit s; see $dir/serial.log"
		tries=$((tries - 1))
		sleep 0.1
	done
}

# guest_wait RUNS: until the guest's picture is complete for the RUNSth time.
guest_wait() {
	serial_wait "$marker" $((marker_count * $1))
	picture_settles
}

# What was drawn last is still on its way to QEMU's display: until it stays the same.
picture_settles() {
	tries=120
	qmp screendump "$dir/settled.ppm"
	while
		mv "$dir/settled.ppm" "$dir/before-settled.ppm"
		sleep 0.5
		qmp screendump "$dir/settled.ppm"
		! cmp -s "$dir/before-settled.ppm" "$dir/settled.ppm"
	do
		[ "$tries" -gt 0 ] || die "the picture does not come to rest"
		tries=$((tries - 1))
	done
	rm -f "$dir/settled.ppm" "$dir/before-settled.ppm"
}

qmp() {
	"$BUILD/tests/guests/qmp" --timeout 60 "$sockets/qmp" "$@" >>"$dir/qmp.log" 2>&1 ||
		die "QMP: $1 failed; see $dir/qmp.log"
}

guest_quit() {
	qmp quit
	process_wait "$qemu_pid" 60 || die "QEMU has not ended within 60 s after 'quit'"
	wait "$qemu_pid" || die "QEMU: exit status $?; see $dir/qemu.log"
	qemu_pid=''
}

# same_picture ARGUMENT...: of imgcmp
same_picture() {
	"$BUILD/tests/guests/imgcmp" "$@" >"$dir/imgcmp.log" 2>&1 ||
		die "$*: $(cat "$dir/imgcmp.log")"
}

# ---- steps ---------------------------------------------------------------------

# steps_run STEP...: each with --in-process in a process of its own, so that
# whatever happens there ends there. The sourcing script has step_missing, which
# prints why a step cannot run here, and may_skip: whether that is no failure.
steps_run() {
	passed=0 failed=0 skipped=0
	for step; do
		begin=$(date +%s)
		missing=$(step_missing "$step" | head -n 1)
		if [ -n "$missing" ] && may_skip "$step"; then
			printf 'skip      -  %s: %s\n' "$step" "$missing"
			skipped=$((skipped + 1))
			continue
		fi
		if [ -n "$missing" ]; then
			why=$missing
		elif why=$("$0" --in-process "$step" 2>&1); then
			printf 'ok    %3d s  %s\n' $(($(date +%s) - begin)) "$step"
			passed=$((passed + 1))
			continue
		fi
		printf 'FAIL  %3d s  %s: %s\n' $(($(date +%s) - begin)) "$step" "$why"
		failed=$((failed + 1))
	done
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

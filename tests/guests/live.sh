#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: live.sh [STEP]...
#
# Real guests on vgpu-record under a real QEMU. Each step records, replays what
# it recorded on the builtin device, and holds the last frame of the recording
# against QEMU's own view of the screen, pixel by pixel. A step whose material
# is missing is skipped with the reason, except where CI=true: there only
# ruxos, whose image the user supplies, may be skipped.
set -eu

me=tests/guests/live.sh
BUILD=${BUILD:-build}
BACKEND=record
export BUILD
# shellcheck source=tests/guests/machine.sh
. "$(dirname "$0")/machine.sh"

STEPS='ruxos linux-console linux-console-pci linux-console-x86 linux-modetest edk2
	size two-heads packed reset stop-cont frozen-qemu second-qemu killed-qemu'

# ---- what a recording must satisfy -----------------------------------------------

# check_trace TRACE [SCREEN]: whole, replays as recorded, ends with that picture
check_trace() {
	"$BUILD/vgpu-trace" verify "$1" >"$dir/verify.log" 2>&1 ||
		die "vgpu-trace verify refuses the recording; see $dir/verify.log"
	check_replay "$1"
	[ $# -gt 1 ] || return 0
	last_frame "$1"
	same_picture "$last" "$2"
}

# What was recorded just now has no golden set.
check_replay() {
	"$BUILD/vgpu-replay" --no-golden "$1" >"$dir/replay.log" 2>&1 ||
		die "the replay differs from the recording; see $dir/replay.log"
}

# last_frame TRACE [SCANOUT]: sets $last to the picture of the last frame there.
# Each distinct frame has a picture, named after the first frame that looks so:
# which one that is, the hashes tell.
last_frame() {
	rm -rf "$dir/frames"
	"$BUILD/vgpu-trace" frames -o "$dir/frames" "$1" >"$dir/frames.log" 2>&1 ||
		die "vgpu-trace frames failed; see $dir/frames.log"
	number=$("$BUILD/vgpu-trace" dump "$1" |
		sed -n 's/.* FRAME .*frame=\([0-9]*\) scanout=\([0-9]*\) .*hash=/\1 \2 /p' |
		awk -v scanout="${2:-0}" '!($3 in first) { first[$3] = $1 }
			$2 == scanout { hash = $3 } END { print first[hash] }')
	[ -n "$number" ] || die "the recording has no frame"
	last=$dir/frames/$(printf 'frame-%06d.png' "$number")
}

# ---- steps ------------------------------------------------------------------------

boot_and_compare() {
	recorder_start "$dir/$1.trace" --once
	guest_start "$1"
	guest_wait 1
	qmp screendump "$dir/screen.ppm"
	guest_quit
	recorder_finish
	check_trace "$dir/$1.trace" "$dir/screen.ppm"
}

# The guest is told another size than QEMU's window has, and takes it.
step_size() {
	recorder_start "$dir/size.trace" --once --size 1152x864
	guest_start linux-console
	guest_wait 1
	qmp screendump "$dir/screen.ppm"
	guest_quit
	recorder_finish
	[ "$(head -n 2 "$dir/screen.ppm" | tail -n 1)" = '1152 864' ] ||
		die "the guest does not show 1152x864; see $dir/screen.ppm"
	check_trace "$dir/size.trace" "$dir/screen.ppm"
}

# Two displays that show parts of one frame buffer.
step_two_heads() {
	recorder_start "$dir/two-heads.trace" --once --scanouts 2 --size 1024x768
	guest_start linux-heads
	guest_wait 1
	qmp screendump "$dir/screen.ppm" gpu0 0
	qmp screendump "$dir/second.ppm" gpu0 1
	guest_quit
	recorder_finish
	check_trace "$dir/two-heads.trace" "$dir/screen.ppm"
	last_frame "$dir/two-heads.trace" 1
	same_picture "$last" "$dir/second.ppm"
}

# Packed virtqueues, also where the guest is stopped and goes on.
step_packed() {
	recorder_start "$dir/packed.trace" --once
	guest_start linux-modetest packed=on
	serial_wait 'starting cursor' 1
	qmp stop
	qmp cont
	guest_wait 1
	qmp screendump "$dir/screen.ppm"
	guest_quit
	recorder_finish
	"$BUILD/vgpu-trace" info "$dir/packed.trace" | grep -q 'accepted.*RING_PACKED' ||
		die "the guest has not used packed virtqueues"
	check_trace "$dir/packed.trace" "$dir/screen.ppm"
}

# The same picture again after the machine was reset.
step_reset() {
	recorder_start "$dir/reset.trace" --once
	guest_start linux-modetest
	guest_wait 1
	qmp screendump "$dir/before.ppm"
	qmp system_reset
	guest_wait 2
	qmp screendump "$dir/screen.ppm"
	guest_quit
	recorder_finish
	same_picture "$dir/before.ppm" "$dir/screen.ppm"
	check_trace "$dir/reset.trace" "$dir/screen.ppm"
}

# The guest is stopped twice: while it draws, and with its picture complete,
# which then must be there again when it goes on.
step_stop_cont() {
	recorder_start "$dir/stop-cont.trace" --once
	guest_start linux-modetest
	serial_wait 'starting cursor' 1
	qmp stop
	sleep 0.3
	qmp cont
	guest_wait 1
	qmp screendump "$dir/before.ppm"
	qmp stop
	qmp cont
	picture_settles
	qmp screendump "$dir/screen.ppm"
	guest_quit
	recorder_finish
	same_picture "$dir/before.ppm" "$dir/screen.ppm"
	check_trace "$dir/stop-cont.trace" "$dir/screen.ppm"
}

# A front end that does not read and does not answer for a while, while its guest
# draws and with the picture complete, is waited for.
step_frozen_qemu() {
	recorder_start "$dir/frozen-qemu.trace" --once
	guest_start linux-modetest
	serial_wait 'starting cursor' 1
	freeze
	guest_wait 1
	qmp screendump "$dir/before.ppm"
	freeze
	qmp screendump "$dir/screen.ppm"
	guest_quit
	recorder_finish
	same_picture "$dir/before.ppm" "$dir/screen.ppm"
	check_trace "$dir/frozen-qemu.trace" "$dir/screen.ppm"
}

# Longer than the server waits for an answer on the display socket.
freeze() {
	kill -STOP "$qemu_pid"
	sleep 3
	running "$recorder_pid" || die "vgpu-record has ended; see $dir/record.log"
	kill -CONT "$qemu_pid"
}

# A recorder without --once goes on to the next front end, into the same trace.
step_second_qemu() {
	recorder_start "$dir/second-qemu.trace"
	guest_start linux-modetest
	guest_wait 1
	qmp screendump "$dir/first.ppm"
	guest_quit
	guest_start linux-modetest
	guest_wait 1
	qmp screendump "$dir/screen.ppm"
	guest_quit
	kill "$recorder_pid"
	recorder_finish
	same_picture "$dir/first.ppm" "$dir/screen.ppm"
	check_trace "$dir/second-qemu.trace" "$dir/screen.ppm"
}

# A front end that dies in the middle leaves a trace that is whole.
step_killed_qemu() {
	recorder_start "$dir/killed-qemu.trace" --once
	guest_start linux-modetest
	serial_wait 'starting cursor' 1
	kill -9 "$qemu_pid"
	wait "$qemu_pid" || true
	qemu_pid=''
	recorder_finish
	check_trace "$dir/killed-qemu.trace"
}

# ---- the run ----------------------------------------------------------------------

# Why a step cannot run here; nothing if it can.
step_missing() {
	case $1 in
	ruxos | edk2) guest_missing "$1" ;;
	*-x86) provided amd64 ;;
	*) provided arm64 ;;
	esac
	"$scripts/provide-qemu.sh" >/dev/null || echo 'no QEMU for vhost-user-gpu'
}

provided() {
	"$scripts/provide-guest.sh" "$1" >/dev/null || echo "no Linux guest for $1"
}

may_skip() {
	[ "${CI:-}" != true ] || { [ "$1" = ruxos ] && [ -z "${RUXOS_BIN:-}" ]; }
}

# In a process of its own, so that whatever happens there ends there.
run_step() {
	machine_open "$live/$1"
	case $1 in
	size) step_size ;;
	two-heads) step_two_heads ;;
	packed) step_packed ;;
	reset) step_reset ;;
	stop-cont) step_stop_cont ;;
	frozen-qemu) step_frozen_qemu ;;
	second-qemu) step_second_qemu ;;
	killed-qemu) step_killed_qemu ;;
	*) boot_and_compare "$1" ;;
	esac
}

live=$BUILD/live
mkdir -p "$live"
if [ "${1:-}" = --in-process ]; then
	run_step "$2"
	exit
fi

# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $STEPS
steps_run "$@"

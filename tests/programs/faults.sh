#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: faults.sh
#
# A recorder whose disk is full, slow, broken or gone, or whose trace goes into a
# pipe: the guest is served all the same, and what is missing is said. A front end
# that takes the guest's memory away loses its own connection and nothing else.
# BUILD is where the programs are; EMULATOR runs them if they are of another machine.
set -eu

# shellcheck source=tests/programs/helpers.sh
. "$(dirname "$0")/helpers.sh"

tests='a_full_disk_ends_the_recording a_full_file_system_ends_the_recording
	an_input_output_error_ends_the_recording a_disk_that_stands_still_takes_pixels_only
	a_trace_that_was_removed_is_missed
	a_trace_goes_into_a_pipe a_slow_reader_takes_pixels_only a_reader_may_go
	a_reader_that_does_nothing_is_given_up a_trace_is_not_for_a_terminal
	a_trace_keeps_to_its_size each_of_several_traces_replays
	a_trace_of_any_request_replays the_last_while_is_written_on_a_signal_and_at_the_end
	a_next_trace_that_cannot_be_begun_is_said
	traces_of_faults_come_to_an_end memory_that_is_taken_away_ends_no_recording'

# draw ANSWERS [SECONDS]: a guest that must be served so often, and for so long at least;
# sets $answers
draw() {
	# shellcheck disable=SC2086 # a list of words
	answers=$(timeout 300 $EMULATOR "$BUILD/tests/torture/draw" sock "$@") ||
		fail "the guest was not served: $(cat err)"
	[ "$answers" -ge "$1" ] || fail "only $answers answers"
}

# ends STATUS: the recorder, within a minute of being asked, against hanging
ends() {
	begun=$(date +%s)
	recorder_end TERM
	[ "$status" -eq "$1" ] || fail "exit status $status, not $1: $(head -n 3 err)"
	[ $(($(date +%s) - begun)) -le 60 ] || fail 'ended late'
}

# number NAME FILE: a member of vgpu-trace info --json
number() {
	program vgpu-trace info --json "$2" | grep -o "\"$1\":[0-9]*" | head -n 1 | sed 's/.*://'
}

# whole TRACE: it replays as it is, without what was lost
whole() {
	exits 0 vgpu-trace verify "$1"
	exits 0 vgpu-replay --no-golden "$1"
}

# All that the guest asked is in the trace or was counted.
nothing_is_forgotten() {
	kept=$(number requests "$1")
	lost=$(sed -n 's/.* and lacks \([0-9]*\) and .*/\1/p' err)
	[ "$((kept + lost))" -eq "$answers" ] || fail "$kept and $lost are not $answers requests"
	[ "$lost" -gt 0 ] || fail 'nothing was lost'
	exits 0 vgpu-trace info "$1"
	says out 'ended          the file could not be written on; '
}

a_full_disk_ends_the_recording() {
	(
		trap '' XFSZ
		ulimit -f 200
		# shellcheck disable=SC2086 # a list of words
		exec $EMULATOR "$BUILD/vgpu-record" --socket-path sock -o full.trace >out 2>err
	) &
	recorder=$!
	trap 'kill -9 "$recorder" 2>/dev/null || true' EXIT
	draw 4000
	ends 1
	says err 'vgpu-record: the recording has ended; the guest is still served'
	says err 'vgpu-record: full.trace: File too large; the trace ends after '
	nothing_is_forgotten full.trace
	[ ! -e full.trace.part ] || fail 'a .part is left'
	whole full.trace
}

# Where one may be made.
a_full_file_system_ends_the_recording() {
	mkdir small
	mount -t tmpfs -o size=256k tmpfs small 2>/dev/null || return 0
	recorder_start --socket-path sock -o small/full.trace
	draw 4000
	ends 1
	says err 'small/full.trace: No space left on device; the trace ends after '
	nothing_is_forgotten small/full.trace
	whole small/full.trace
}

# faulty FAULT ARGUMENT...: a recorder with a faulty disk, or status 1 where none can be had.
# What is preloaded makes system calls that the sandbox forbids.
faulty() {
	[ -z "$EMULATOR" ] || return 1
	fault=$1
	shift
	FAULTY_DISK=$fault LD_PRELOAD=$BUILD/tests/programs/faulty-disk.so \
		ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
		"$BUILD/vgpu-record" --no-sandbox "$@" >out 2>err &
	recorder=$!
	trap 'kill -9 "$recorder" 2>/dev/null || true' EXIT
}

an_input_output_error_ends_the_recording() {
	faulty 'error 200000' --socket-path sock -o bad.trace || return 0
	draw 4000
	ends 1
	# Not even an end can be written.
	says err 'vgpu-record: bad.trace.part: Input/output error; it is cut off after '
	exits 0 vgpu-trace repair bad.trace.part
	whole bad.trace
	kept=$(number requests bad.trace)
	exits 0 vgpu-trace info bad.trace
	says out 'repaired       lost: 0 bytes'
}

a_disk_that_stands_still_takes_pixels_only() {
	rm -f drawn
	faulty 'stuck 100000 drawn' --socket-path sock --buffer 1 -o slow.trace || return 0
	draw 5000
	touch drawn
	ends 0
	says out 'requests without their pixels: the disk could not keep up'
	exits 0 vgpu-trace verify slow.trace
	[ "$(number requests slow.trace)" -eq "$answers" ] || fail 'a request was dropped'
	[ "$(number dropped slow.trace)" -gt 0 ] || fail 'nothing was dropped'
}

a_trace_that_was_removed_is_missed() {
	recorder_start --socket-path sock -o gone.trace
	until_is test -e gone.trace.part || fail 'has begun no trace'
	draw 100
	rm gone.trace.part
	draw 100
	ends 1
	says err 'gone.trace.part: was removed while it was written; the recording is lost'
}

a_trace_goes_into_a_pipe() {
	rm -f fifo
	mkfifo fifo
	cat fifo >piped.trace &
	# shellcheck disable=SC2086 # a list of words
	$EMULATOR "$BUILD/vgpu-record" --socket-path sock -o - >fifo 2>err &
	recorder=$!
	trap 'kill -9 "$recorder" 2>/dev/null || true' EXIT
	draw 200
	ends 0
	says err "standard output: $answers requests, "
	whole piped.trace
	[ "$(number requests piped.trace)" -eq "$answers" ] || fail 'a request is missing'
	[ "$(number dropped piped.trace)" -eq 0 ] || fail 'pixels are missing'
}

a_slow_reader_takes_pixels_only() {
	rm -f fifo drawn
	mkfifo fifo
	{
		until [ -e drawn ]; do
			sleep 0.05
		done
		cat
	} <fifo >slow.trace &
	# shellcheck disable=SC2086 # a list of words
	$EMULATOR "$BUILD/vgpu-record" --socket-path sock --buffer 1 -o - >fifo 2>err &
	recorder=$!
	trap 'kill -9 "$recorder" 2>/dev/null || true' EXIT
	draw 5000
	touch drawn
	ends 0
	says err 'requests without their pixels: the disk could not keep up'
	exits 0 vgpu-trace verify slow.trace
	[ "$(number requests slow.trace)" -eq "$answers" ] || fail 'a request was dropped'
	[ "$(number dropped slow.trace)" -gt 0 ] || fail 'nothing was dropped'
}

a_reader_may_go() {
	rm -f fifo
	mkfifo fifo
	head -c 100000 fifo >head.trace &
	# shellcheck disable=SC2086 # a list of words
	$EMULATOR "$BUILD/vgpu-record" --socket-path sock -o - >fifo 2>err &
	recorder=$!
	trap 'kill -9 "$recorder" 2>/dev/null || true' EXIT
	draw 4000
	# Who ends it at once has only the summary say so.
	until_is grep -q 'vgpu-record: nobody reads the trace any more' err ||
		fail "not said: $(cat err)"
	ends 0
	says err 'vgpu-record: the recording has ended; the guest is still served'
	exits 0 vgpu-trace repair -o whole.trace head.trace
	whole whole.trace
}

# It keeps nobody waiting for ever: not the guest, and not who ends the recorder.
a_reader_that_does_nothing_is_given_up() {
	rm -f fifo
	mkfifo fifo
	# shellcheck disable=SC2217 # that it does not read is the point
	sleep 600 <fifo &
	sleeper=$!
	# shellcheck disable=SC2086 # a list of words
	$EMULATOR "$BUILD/vgpu-record" --socket-path sock --buffer 1 -o - >fifo 2>err &
	recorder=$!
	trap 'kill -9 "$recorder" $sleeper 2>/dev/null || true' EXIT
	draw 4000
	ends 1
	kill "$sleeper"
	says err 'vgpu-record: standard output: Connection timed out; it is cut off after '
}

a_trace_is_not_for_a_terminal() {
	command -v script >/dev/null && [ -z "$EMULATOR" ] || return 0
	script -qec "$BUILD/vgpu-record --socket-path sock -o -" /dev/null >typed 2>&1 </dev/null || true
	says typed 'a trace is not for a terminal'
}

a_trace_keeps_to_its_size() {
	recorder_start --socket-path sock --max-size 200K -o small.trace
	draw 4000
	until_is test -e small.trace || fail 'it has not got its name'
	whole small.trace
	[ "$(wc -c <small.trace)" -le 204800 ] || fail 'it is larger'
	exits 0 vgpu-trace info small.trace
	says out 'ended          at the size that it was given; '
	recorder_end TERM
	[ "$status" -eq 0 ] || fail "exit status $status"
}

each_of_several_traces_replays() {
	recorder_start --socket-path sock --rotate 300K -o many.trace
	draw 4000
	ends 0
	says out "many.trace: $answers requests, "
	[ -e many.001.trace ] || fail 'there is only one'
	[ ! -e many.trace ] || fail 'one has no number'
	for file in many.*.trace; do
		whole "$file"
	done
	exits 0 vgpu-trace dump many.001.trace
	says out ' state '
}

# Whatever the state is then: a file begins as soon as the one before is on the disk.
a_trace_of_any_request_replays() {
	for guest in ruxos_boot edk2_console; do
		recorder="$EMULATOR $BUILD/vgpu-record --quiet --rotate-time 0.000001"
		exits 0 vgpu-replay --frames 0-2 \
			--target "vhost-user:exec:$recorder -o $guest.trace" "$top/traces/$guest.trace"
		[ -e "$guest.001.trace" ] || fail "$guest is one trace"
		exits 0 vgpu-trace verify "$guest".*.trace
		exits 0 vgpu-replay --no-golden --quiet "$guest".*.trace
		rm "$guest".*.trace
	done
}

the_last_while_is_written_on_a_signal_and_at_the_end() {
	recorder_start --socket-path sock --last 5 -o boot.trace
	[ ! -e boot.000.trace.part ] || fail 'a file is written all the time'
	draw 300
	kill -USR1 "$recorder"
	until_is test -e boot.000.trace || fail 'SIGUSR1 writes no trace'
	draw 200
	ends 0
	says out 'kept in memory'
	[ -e boot.001.trace ] || fail 'the end writes no trace'
	for file in boot.*.trace; do
		whole "$file"
	done
	exits 0 vgpu-trace info boot.000.trace
	says out '"cause":"'
}

a_next_trace_that_cannot_be_begun_is_said() {
	mkdir folder
	recorder_start --socket-path sock --rotate-time 0.3 -o folder/x.trace
	until_is test -e folder/x.000.trace.part || fail 'has begun no trace'
	mkdir folder/x.001.trace.part
	draw 100 1
	ends 1
	says err 'vgpu-record: the recording has ended; the guest is still served'
	says err 'x.001.trace.part: Is a directory'
	whole folder/x.000.trace
}

# Each guest vanishes with its picture shown.
traces_of_faults_come_to_an_end() {
	recorder_start --socket-path sock --last 0.05 -o boot.trace
	guests=0
	until grep -q 'vgpu-record: as many traces as there may be' err; do
		[ "$guests" -lt 600 ] || fail "no end after $guests guests"
		guests=$((guests + 1))
		draw 1 0.1
	done
	draw 1 0.1
	draw 1 0.1
	ends 0
	says out ' traces because of them: no more are written'
	[ "$(grep -c 'as many traces as there may be' err)" -eq 1 ] || fail 'said again'
	# The last one is that of the end.
	[ -e boot.016.trace ] || fail "traces: $(echo boot.*)"
	[ ! -e boot.017.trace ] || fail 'there is one more'
	whole boot.016.trace
}

# All of it, the requests, or what lies behind them, the pixels among it.
memory_that_is_taken_away_ends_no_recording() {
	recorder_start --socket-path sock -o taken.trace
	until_is test -S sock || fail 'does not listen'
	for bytes in 0 0x4000 0x80000; do
		program tests/programs/take-memory sock "$bytes" ||
			fail "$bytes bytes left: the connection has not ended: $(cat err)"
		kill -0 "$recorder" || fail "$bytes bytes left: the recorder has ended: $(cat err)"
	done
	draw 100
	ends 0
	[ "$(grep -c 'vgpu-record: the front end took away memory' err)" -eq 3 ] ||
		fail "not three times: $(cat err)"
	! grep 'the driver broke' err || fail 'the guest is blamed'
	whole taken.trace
}

# ---- the run -----------------------------------------------------------------------

for tool in torture/draw programs/take-memory programs/faulty-disk.so; do
	[ -x "$BUILD/tests/$tool" ] || fail "tests/programs/faults.sh: no $BUILD/tests/$tool"
done
enter_work_folder
trap 'umount -l "$work/small" 2>/dev/null || true; rm -rf "$work"' EXIT
# shellcheck disable=SC2086 # a list of words
run_tests $tests

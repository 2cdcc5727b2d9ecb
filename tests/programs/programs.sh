#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: programs.sh
#
# What the programs promise on their command lines: exit statuses, what
# goes to which stream, JSON that is JSON, files that cannot be read, signals.
# BUILD is where they are; EMULATOR runs them if they are of another machine.
set -eu

# shellcheck source=tests/programs/helpers.sh
. "$(dirname "$0")/helpers.sh"
trace=$top/traces/ruxos_boot.trace
cut=cut.trace damaged=damaged.trace

tests='every_program_prints_help every_program_prints_its_version
	a_wrong_call_is_explained a_wrong_option_is_explained
	a_file_that_cannot_be_read_is_named a_damaged_trace_is_refused
	a_full_disk_is_an_error
	repair_makes_a_cut_trace_whole repair_overwrites_no_trace
	trace_reads_standard_input trace_json_is_json trace_frames_writes_pictures
	lint_status_goes_by_severity lint_json_is_json lint_reads_what_there_is
	lint_lists_its_rules lint_finds_what_is_documented
	replay_is_equal_to_the_golden_set replay_json_is_json replay_keeps_quiet
	replay_needs_a_file replay_says_what_differs replay_ends_on_a_signal
	replay_starts_a_back_end replay_connects_to_a_back_end replay_plays_into_qemus_back_end
	replay_says_how_a_back_end_ends
	replay_writes_test_cases replay_writes_a_page a_report_has_the_output_for_itself
	a_report_that_cannot_be_written_is_an_error conform_writes_test_cases
	record_prints_capabilities record_refuses_a_bad_socket
	record_without_a_guest_leaves_a_whole_trace record_closes_the_trace_on_a_signal
	record_replaces_a_stale_socket record_is_in_a_sandbox record_becomes_another_user
	the_example_configurations_agree
	conform_reports_from_files_alone conform_merges_runs_of_one_name
	conform_refuses_other_files'

# ---- all of them -------------------------------------------------------------------

every_program_prints_help() {
	for name in vgpu-record vgpu-replay vgpu-trace; do
		for option in -h --help; do
			exits 0 "$name" "$option"
			says out "Usage: $name"
			says out 'Exit status:'
			silent err
		done
	done
}

every_program_prints_its_version() {
	for name in vgpu-record vgpu-replay vgpu-trace; do
		for option in -V --version; do
			exits 0 "$name" "$option"
			[ "$(cat out)" = "$name $version" ] || fail "$option prints '$(cat out)'"
			silent err
		done
	done
}

# One call a line: the program and its arguments, then what it says.
wrong_calls='
vgpu-record | give one of ZONE, --socket-path and --fd
vgpu-record -o x.trace | give one of ZONE, --socket-path and --fd
vgpu-record --socket-path s --fd 3 -o x.trace | give one of ZONE, --socket-path and --fd
vgpu-record zone1 --socket-path s | give one of ZONE, --socket-path and --fd
vgpu-record zone1 zone2 | zone2: only one zone is recorded at a time
vgpu-record --list zone1 | --list goes alone
vgpu-record --socket-path s | -o FILE
vgpu-record --socket-path s -o x.trace -c x.json | a configuration is for a zone
vgpu-record --socket-path s -o x.trace --display kms | --display=kms
vgpu-record --display x11 | --display=x11
vgpu-record --bridge-layout 8x8 | --bridge-layout=8x8
vgpu-record --fd x | --fd=x
vgpu-record --fd -1 | --fd=-1
vgpu-record --size 1280 | --size=1280
vgpu-record --size 8x8 | --size=8x8
vgpu-record --size 1280x800x | --size=1280x800x
vgpu-record --scanouts 0 | --scanouts=0
vgpu-record --scanouts 17 | --scanouts=17
vgpu-record --duration 0 | --duration=0
vgpu-record --duration 1s | --duration=1s
vgpu-record --frames 0 | --frames=0
vgpu-record --memory-limit 0 | --memory-limit=0
vgpu-record --buffer 9999999 | --buffer=9999999
vgpu-record --no-sandbox --require-sandbox --fd 3 -o x.trace | --no-sandbox goes without
vgpu-record --no-sandbox --user nobody zone1 | --no-sandbox goes without
vgpu-record --max-size 4095 | --max-size=4095
vgpu-record --socket-path s -o x.trace --max-size 1M --rotate 1M | --max-size is for one trace
vgpu-record --socket-path s -o - --rotate 1M | -o -: a pipe takes one trace
vgpu-record --socket-path s -o - --last 1 | -o -: a pipe takes one trace, --last makes many
vgpu-record --socket-path s -o /dev/null --last 1 | --last makes files
vgpu-record --socket-path s -o x.trace --last 1 --rotate 1M | --last keeps no file
vgpu-record --socket-path s -o x.trace --last 1 --max-size 1M | --last keeps no file
vgpu-record --socket-path s -o x.trace --last-memory 1 | --last-memory is for --last
vgpu-record --last 0 | --last=0
vgpu-record --last-memory 0 | --last-memory=0
vgpu-record --rotate 1 | --rotate=1
vgpu-record --rotate-time 0 | --rotate-time=0
vgpu-record --max-size 10X | --max-size=10X
vgpu-record --max-size 10KK | --max-size=10KK
vgpu-record --max-size 99999999999G | --max-size=99999999999G
vgpu-replay | no trace named
vgpu-replay --target nothing x.trace | no target is called
vgpu-replay --frames 9-2 x.trace | not a range of frames
vgpu-replay --frames x x.trace | not a range of frames
vgpu-replay --jobs 0 x.trace | not a number of jobs
vgpu-replay --jobs 2x x.trace | not a number of jobs
vgpu-replay --json --tap x.trace | the standard output can have only one
vgpu-replay --junit - --report - x.trace | the standard output can have only one
vgpu-conform --json - --tap | the standard output can have only one
vgpu-trace | no command named
vgpu-trace nothing x.trace | no command is called
vgpu-trace info | no file named
vgpu-trace info x.trace y.trace | takes one file
vgpu-trace lint | no file named
vgpu-trace repair x.part y.part | takes one file
vgpu-trace lint --severity bad x.trace | --severity=bad
vgpu-trace lint --rule VD-XFR,VD-NO x.trace | no rule is called
vgpu-trace lint --list-rules x.trace | --list-rules is for lint, without a file
vgpu-trace info --list-rules | --list-rules is for lint, without a file'

a_wrong_call_is_explained() {
	echo "$wrong_calls" | while IFS='|' read -r call message; do
		[ -n "$call" ] || continue
		# shellcheck disable=SC2086 # a list of words
		exits 2 $call
		says err "${call%% *}: "
		says err "${message# }"
		says err "Try '${call%% *} --help'."
		silent out
	done || exit
	[ ! -e x.trace.part ] || fail 'a trace was begun'
}

a_wrong_option_is_explained() {
	for name in vgpu-record vgpu-replay vgpu-trace; do
		exits 2 "$name" --no-such-option
		says err no-such-option
		says err "Try '$name --help'."
		exits 2 "$name" -Z
		silent out
	done
}

a_file_that_cannot_be_read_is_named() {
	for call in vgpu-replay 'vgpu-trace info' 'vgpu-trace dump' 'vgpu-trace verify' \
		'vgpu-trace frames' 'vgpu-trace lint'; do
		# shellcheck disable=SC2086 # a list of words
		exits 2 $call no/such.trace
		says err "${call%% *}: no/such.trace: No such file or directory"
		silent out
		# shellcheck disable=SC2086 # a list of words
		exits 2 $call .
		says err "${call%% *}: .: Is a directory"
		# shellcheck disable=SC2086 # a list of words
		exits 2 $call "$top/Makefile"
		says err 'not a trace'
	done
}

a_damaged_trace_is_refused() {
	for file in "$cut" "$damaged"; do
		exits 2 vgpu-trace verify "$file"
		says err "vgpu-trace: $file: "
		exits 2 vgpu-replay --no-golden "$file"
		says err "vgpu-replay: $file: "
	done
	# The others of a list are looked at all the same.
	exits 2 vgpu-trace verify "$cut" "$trace"
	says out "$trace: whole"
}

a_full_disk_is_an_error() {
	[ -c /dev/full ] || return 0
	for call in 'vgpu-trace info' 'vgpu-trace dump' 'vgpu-trace lint' vgpu-replay; do
		status=0
		# shellcheck disable=SC2086 # a list of words
		program $call "$trace" >/dev/full 2>err || status=$?
		[ "$status" -eq 2 ] || fail "$call: exit status $status, not 2"
		says err 'standard output: cannot be written to'
	done
}

# ---- vgpu-trace --------------------------------------------------------------------

trace_reads_standard_input() {
	for tool in info dump verify; do
		program vgpu-trace "$tool" "$trace" >named
		program vgpu-trace "$tool" - <"$trace" >out || fail "$tool: exit status $?"
		# A stream has no size to tell.
		sed "s|^$trace: |-: |; /^file /d" named >wanted
		cmp -s wanted out || fail "$tool - prints something else than with a name"
	done
	status=0
	program vgpu-trace frames - <"$trace" >out 2>err || status=$?
	[ "$status" -eq 2 ] || fail "frames: exit status $status, not 2"
	says err 'cannot be read twice'
}

trace_json_is_json() {
	exits 0 vgpu-trace info --json "$trace"
	json out metadata whole scanouts requests commands
	exits 0 vgpu-trace dump --json --registers "$trace"
	json out type time_ns
	[ "$(grep -c '"type":"request"' out)" -eq 15 ] || fail 'not 15 requests'
	exits 0 vgpu-trace verify --json "$trace" "$trace"
	json out whole requests frames
	mkdir 'pictures \"'
	exits 0 vgpu-trace frames --json -o 'pictures \"' "$trace"
	json out frame scanout file
}

repair_makes_a_cut_trace_whole() {
	cp "$cut" boot.trace.part
	exits 0 vgpu-trace repair boot.trace.part
	says out 'boot.trace: 9 requests, 2 frames in '
	says out 'boot.trace.part: lost: '
	says out ' bytes, and what was not written yet: block '
	silent err
	exits 0 vgpu-trace verify boot.trace
	exits 0 vgpu-trace info boot.trace
	says out 'repaired       lost: '
	exits 0 vgpu-replay --no-golden boot.trace
	exits 0 vgpu-trace repair --json -o again.trace "$damaged"
	json out trace output whole requests frames dropped seconds lost_bytes reason
	exits 0 vgpu-trace repair -o again.trace "$trace"
	says out ': was whole'
	cmp -s "$trace" again.trace || fail 'a whole trace was changed'
	exits 2 vgpu-trace repair -o none.trace "$top/Makefile"
	says err 'not a trace'
	exits 2 vgpu-trace repair "$cut"
	says err 'is no .part; name a file with -o'
	exits 2 vgpu-trace repair -o none.trace -
	says err 'cannot be read twice'
	for file in none.trace none.trace.repair; do
		[ ! -e "$file" ] || fail "there is a $file"
	done
}

repair_overwrites_no_trace() {
	cp "$cut" kept.trace.part
	echo kept >kept.trace
	exits 2 vgpu-trace repair kept.trace.part
	says err 'kept.trace is there already; name a file with -o'
	says kept.trace kept
}

trace_frames_writes_pictures() {
	mkdir -p drawn
	exits 0 vgpu-trace frames -o drawn "$trace"
	for number in 0 1 2 3 4; do
		picture=frame-00000$number.png
		# shellcheck disable=SC2086 # a list of words
		$EMULATOR "$BUILD/tests/guests/imgcmp" "drawn/$picture" \
			"$top/golden/ruxos_boot/$picture" >out || fail "$picture: $(cat out)"
	done
	exits 2 vgpu-trace frames -o no/folder "$trace"
	says err no/folder
}

lint_status_goes_by_severity() {
	exits 1 vgpu-trace lint "$trace"
	says out 'VD-FEA-001  error    1 time'
	says out 'VD-MSG-002  warning  15 times, first in request 0: GET_DISPLAY_INFO'
	says out '4096 bytes are readable, and GET_DISPLAY_INFO has 24.'
	says out ' in 15 requests, 5 frames; without register accesses'
	silent err
	exits 1 vgpu-trace lint --severity error "$trace"
	console=$top/traces/edk2_console.trace
	exits 0 vgpu-trace lint "$console"
	says out 'VD-TIM-001  advice'
	exits 1 vgpu-trace lint -s advice "$console"
	exits 0 vgpu-trace lint --severity advice --rule VD-FEA,VD-CUR-001 "$console"
	exits 1 vgpu-trace lint "$console" "$trace"
}

lint_json_is_json() {
	exits 1 vgpu-trace lint --json "$trace"
	json out type rule severity count must found advice source
	says out '"type":"finding","rule":"VD-MSG-002","severity":"warning","count":15,"number":0'
	tail -n 1 out >last
	json last type trace whole errors warnings advice requests frames registers not_compared
	exits 0 vgpu-trace lint --json --list-rules
	json out rule severity must advice source
}

# What comes before the damage is judged, and the damage told.
lint_reads_what_there_is() {
	exits 2 vgpu-trace lint "$cut"
	says out VD-FEA-001
	says err "vgpu-trace: $cut: "
	program vgpu-trace lint "$trace" | sed "s|^$trace: |-: |" >wanted
	program vgpu-trace lint - <"$trace" >out || true
	cmp -s wanted out || fail 'lint - prints something else than with a name'
}

lint_lists_its_rules() {
	exits 0 vgpu-trace lint --list-rules
	sed -n '/^| rule | severity | what must be true/,$p' "$top/replayer/lint/RULES.md" >wanted
	cmp -s wanted out || fail 'replayer/lint/RULES.md has another table of rules'
	exits 0 vgpu-trace lint --list-rules --rule VD-BLB
	[ "$(wc -l <out)" -eq 4 ] || fail 'not the two rules about blobs'
}

# The table of the recordings: a trace without a name is the one of the row before.
lint_finds_what_is_documented() {
	awk -F' *[|] *' '$3 ~ /^VD-/ && $4 ~ /^[0-9]+$/ { if ($2) name = $2; print name, $3, $4 }' \
		"$top/replayer/lint/RULES.md" | sort >wanted
	for recording in ruxos_boot linux_console linux_modetest edk2_console; do
		program vgpu-trace lint "$top/traces/$recording.trace" >found || true
		awk -v name="$recording" '/^VD-/ { print name, $1, $3 }' found
	done | sort >out
	[ -s wanted ] || fail 'no table in replayer/lint/RULES.md'
	why=$(diff wanted out) || fail "replayer/lint/RULES.md: $why"
}

# ---- vgpu-replay -------------------------------------------------------------------

replay_is_equal_to_the_golden_set() {
	exits 0 vgpu-replay "$trace"
	says out '15 of 15 requests, 5 of 5 frames equal'
	silent err
	exits 0 vgpu-replay --frames 1-2 "$trace"
	says out '2 of 2 frames equal (of 5)'
	exits 0 vgpu-replay --jobs 2 "$trace" "$trace" "$trace"
	says out '3 traces: 3 equal, 0 differ, 0 unusable'
}

replay_json_is_json() {
	exits 0 vgpu-replay --json "$trace"
	json out trace target status requests frames messages
	says out '"status":"equal"'
	exits 2 vgpu-replay --json "$cut" "$trace"
	json out trace status
	[ "$(wc -l <out)" -eq 2 ] || fail 'not one line for each trace'
	says out '"status":"unusable"'
}

replay_keeps_quiet() {
	exits 0 vgpu-replay --quiet "$trace" "$trace"
	silent out
	silent err
}

replay_needs_a_file() {
	status=0
	program vgpu-replay --no-golden - <"$trace" >out 2>err || status=$?
	[ "$status" -eq 2 ] || fail "exit status $status, not 2"
	says err 'standard input: cannot be read twice'
	exits 2 vgpu-replay --golden no/folder "$trace"
	says err 'no golden set in no/folder'
}

# A golden set whose last picture is the one before.
replay_says_what_differs() {
	mkdir -p golden kept
	cp -R "$top/golden/ruxos_boot" golden
	cp golden/ruxos_boot/frame-000003.png golden/ruxos_boot/frame-000004.png
	exits 1 vgpu-replay --golden golden --keep kept "$trace"
	says err 'frame 4'
	[ -n "$(find kept -name '*.png')" ] || fail 'kept no picture'
	exits 1 vgpu-replay --golden golden --jobs 2 "$trace" "$trace"
	says out '2 traces: 0 equal, 2 differ, 0 unusable'
}

# Itself, or one of its workers.
has_a_trace_open() {
	for process in $replay $(cat "/proc/$replay/task/$replay/children" 2>/dev/null); do
		find "/proc/$process/fd" -lname '*.trace' 2>/dev/null
	done | grep -q .
}

replay_ends_on_a_signal() {
	for jobs in 1 2; do
		# shellcheck disable=SC2046 # a list of words
		set -- $(yes "$top/traces/linux_modetest.trace" | head -n 200)
		# shellcheck disable=SC2086 # a list of words
		$EMULATOR "$BUILD/vgpu-replay" --jobs "$jobs" --junit stopped.xml "$@" >out 2>err &
		replay=$!
		until_is has_a_trace_open || fail "--jobs $jobs: plays nothing"
		kill "$replay"
		status=0
		wait "$replay" 2>/dev/null || status=$?
		[ "$status" -eq 143 ] || fail "--jobs $jobs: exit status $status, not 143 (SIGTERM)"
		# What was played until then is reported.
		xmllint --noout stopped.xml || fail "--jobs $jobs: no whole report"
		rm stopped.xml
	done
}

# What it prints of the target ends with this where all is equal.
all_equal='vhost-user: 15 of 15 requests, 5 of 5 frames equal'

replay_starts_a_back_end() {
	recorder="$EMULATOR $BUILD/vgpu-record --quiet"
	exits 0 vgpu-replay --target "vhost-user:exec:$recorder -o again.trace" "$trace"
	says out "$all_equal"
	# It was closed properly, and holds what was played.
	exits 0 vgpu-replay --no-golden again.trace
	exits 0 vgpu-replay -t "vhost-user:exec:$recorder -o /dev/null --fd {fd}" "$trace"
	says out "$all_equal"
	exits 0 vgpu-replay -t "vhost-user:exec:$recorder -o /dev/null --socket-path {socket}" "$trace"
	says out "$all_equal"
	[ -c /dev/null ] || fail 'vgpu-record -o /dev/null replaced it'
}

replay_connects_to_a_back_end() {
	recorder_start --socket-path=sock --quiet -o /dev/null
	until_is test -S sock || fail 'no socket'
	for _ in 1 2; do
		exits 0 vgpu-replay --target vhost-user:sock "$trace"
		says out "$all_equal"
	done
	recorder_end TERM
}

replay_plays_into_qemus_back_end() {
	[ -x /usr/lib/qemu/vhost-user-gpu ] && [ -z "$EMULATOR" ] || return 0
	exits 0 vgpu-replay --target vhost-user:exec:/usr/lib/qemu/vhost-user-gpu "$trace"
	says out "$all_equal"
}

replay_says_how_a_back_end_ends() {
	exits 2 vgpu-replay --target vhost-user:exec:false "$trace"
	says err 'ended with status 1'
	exits 2 vgpu-replay --target vhost-user:exec:/no/program "$trace"
	says err '/no/program: No such file or directory'
	exits 2 vgpu-replay --target vhost-user:no-socket "$trace"
	says err 'no-socket: No such file or directory'
	exits 2 vgpu-replay --target 'vhost-user:exec:echo {socket}' "$trace"
	says err 'it does not listen'
}

# The golden set of replay_says_what_differs, and a name that takes escaping.
replay_writes_test_cases() {
	mkdir -p golden
	odd=$(printf 'a&<"\377\033')
	cp "$trace" "$odd.trace"
	rm -rf golden/ruxos_boot
	cp "$trace" "$odd.trace"
	cp -R "$top/golden/ruxos_boot" "golden/$odd"
	cp -R "$top/golden/ruxos_boot" golden
	cp golden/ruxos_boot/frame-000003.png golden/ruxos_boot/frame-000004.png
	for jobs in 1 3; do
		exits 2 vgpu-replay --golden golden --jobs "$jobs" --junit out.xml --tap=out.tap \
			"$trace" "$odd.trace" "$cut"
		junit out.xml 9 1 1 2
		[ "$(xmllint --xpath 'count(//testsuite)' out.xml)" -eq 3 ] || fail 'not 3 suites'
		[ "$(xmllint --xpath "string(//testcase[failure]/@file)" out.xml)" = "$trace" ] ||
			fail 'another file fails'
		says out.xml '<failure message="frame 4: '
		tap out.tap 'Failed 2/9 subtests'
		says out.tap '  severity: "fail"'
	done
	exits 0 vgpu-replay --junit - "$trace"
	junit out 3 0 0 0
	# The version is that of the first that came to have one.
	exits 2 vgpu-replay --junit - no/such.trace "$trace"
	[ "$(grep -c 'name="version" value="libvgpu ' out)" -eq 2 ] || fail 'no version'
	exits 2 vgpu-replay --tap no/such.trace
	says out '# vgpu-replay: builtin'
}

replay_writes_a_page() {
	exits 0 vgpu-replay --report page.html --jobs 2 "$trace" "$trace"
	says out '2 traces: 2 equal'
	[ "$(head -c 15 page.html)" = '<!DOCTYPE html>' ] || fail 'not HTML'
	[ "$(tail -n 1 page.html)" = '</html>' ] || fail 'not whole'
	[ "$(grep -c '<section class="trace"' page.html)" -eq 2 ] || fail 'not 2 traces'
	[ ! -e page.html.part ] || fail 'page.html.part is left'
	# Nothing is to be loaded.
	! grep -E -o '(src|href)="[^d#][^"]*"' page.html || fail 'a link leads out'
	exits 2 vgpu-replay --report none.html no/such.trace
	says none.html 'No such file or directory'
}

a_report_has_the_output_for_itself() {
	exits 0 vgpu-replay --tap "$trace" "$trace"
	tap out 'All tests successful'
	silent err
	exits 0 vgpu-replay --report - "$trace"
	[ "$(head -n 1 out)" = '<!DOCTYPE html>' ] || fail 'not HTML'
	[ "$(tail -n 1 out)" = '</html>' ] || fail 'not HTML to the end'
	exits 0 vgpu-conform --area HDR --tap
	tap out 'All tests successful'
	exits 0 vgpu-conform --area HDR --json -
	tr -d '\n' <out >line
	echo >>line
	json line format target results
}

a_report_that_cannot_be_written_is_an_error() {
	for option in --report= --junit= --tap=; do
		exits 2 vgpu-replay "${option}no/such/file" "$trace"
		says err 'vgpu-replay: no/such/file: No such file or directory'
	done
	exits 2 vgpu-conform --area HDR --junit no/such/file
	says err 'vgpu-conform: no/such/file: No such file or directory'
	[ -c /dev/full ] || return 0
	exits 2 vgpu-replay --report /dev/full "$trace"
	says err '/dev/full: No space left on device'
	[ -c /dev/full ] || fail '/dev/full was replaced'
}

conform_writes_test_cases() {
	exits 0 vgpu-conform --area XFR --junit conform.xml --tap=conform.tap
	junit conform.xml "$(grep -c '^ok' conform.tap)" 0 0 "$(grep -c '# SKIP' conform.tap)"
	says conform.xml 'name="VG-XFR-007 '
	says conform.xml 'file="tests/conformance/areas/xfr.c"'
	tap conform.tap 'All tests successful'
}

# ---- vgpu-record -------------------------------------------------------------------

record_prints_capabilities() {
	exits 0 vgpu-record --print-capabilities
	json out type features
	says out '"gpu"'
}

record_refuses_a_bad_socket() {
	touch plain
	exits 2 vgpu-record --socket-path no/such/socket -o bad.trace
	says err 'no/such/socket: No such file or directory'
	exits 2 vgpu-record --socket-path plain -o bad.trace
	says err 'plain: Address already in use'
	exits 2 vgpu-record --socket-path "$(printf '%0108d' 0)" -o bad.trace
	says err 'at most 107 bytes'
	exits 2 vgpu-record --fd 99 -o bad.trace
	says err 'file descriptor 99'
	exits 2 vgpu-record --socket-path good -o no/such.trace
	says err no/such.trace
	for file in bad.trace bad.trace.part; do
		[ ! -e "$file" ] || fail "there is a $file"
	done
	[ -f plain ] || fail 'a file that is no socket was removed'
}

empty_and_whole() {
	exits 0 vgpu-trace verify "$1"
	says out "$1: whole: 0 requests, 0 frames"
	exits 0 vgpu-replay --no-golden "$1"
}

record_without_a_guest_leaves_a_whole_trace() {
	exits 0 vgpu-record --socket-path socket --duration 0.2 --size 640x480 --scanouts 2 \
		--note 'nobody there' --memory-limit 16 --buffer 1 -o empty.trace
	says out 'empty.trace: 0 requests, 0 frames'
	[ ! -e empty.trace.part ] || fail 'empty.trace.part is left'
	empty_and_whole empty.trace
	exits 0 vgpu-trace info empty.trace
	says out 'nobody there'
	says out '640x480'
	exits 0 vgpu-record --quiet --socket-path socket --duration 0.2 -o quiet.trace
	silent out
	silent err
}

record_closes_the_trace_on_a_signal() {
	# A shell starts what is in the background with SIGINT ignored: one more
	# thing that must not matter.
	for signal in TERM INT; do
		rm -f socket
		recorder_start --socket-path socket -o "$signal.trace"
		until_is test -S socket || fail 'does not listen'
		until_is test -e "$signal.trace.part" || fail 'has begun no trace'
		recorder_end "$signal"
		[ "$status" -eq 0 ] || fail "SIG$signal: exit status $status: $(head -n 1 err)"
		empty_and_whole "$signal.trace"
	done
}

record_replaces_a_stale_socket() {
	recorder_start --socket-path stale -o first.trace
	until_is test -S stale || fail 'does not listen'
	recorder_end KILL
	[ -S stale ] || fail 'the socket is not stale'
	exits 0 vgpu-record --socket-path stale --duration 0.2 -o second.trace
	empty_and_whole second.trace
}

# state NAME: what the kernel says of the recorder
state() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$recorder/status"
}

is_filtered() {
	[ "$(state Seccomp_filters)" != "$(sed -n 's/^Seccomp_filters:[[:space:]]*//p' \
		/proc/self/status)" ]
}

# Where a part of it cannot be had, that is said, and is no reason not to serve.
record_is_in_a_sandbox() {
	status=0
	program vgpu-record --socket-path s --duration 0.2 --require-sandbox -o in.trace \
		>out 2>err || status=$?
	if [ "$status" -ne 0 ]; then
		[ "$status" -eq 2 ] || fail "exit status $status, not 2: $(head -n 1 err)"
		says err 'vgpu-record: --require-sandbox: '
		[ -z "$(find . -name 'in.trace*')" ] || fail 'a trace was begun'
		exits 0 vgpu-record --socket-path s --duration 0.2 -o in.trace
		says err 'vgpu-record: warning: '
		empty_and_whole in.trace
		return
	fi
	empty_and_whole in.trace
	recorder_start --socket-path inside -o inside.trace
	until_is is_filtered || fail 'calls are not filtered'
	[ "$(state CapPrm)" = 0000000000000000 ] || fail 'has capabilities'
	[ "$(state NoNewPrivs)" = 1 ] || fail 'can get new privileges'
	recorder_end TERM
	[ "$status" -eq 0 ] || fail "exit status $status: $(head -n 1 err)"
	[ ! -e inside ] || fail 'its socket is left'
	recorder_start --no-sandbox --socket-path outside -o outside.trace
	until_is test -e outside.trace.part || fail 'has begun no trace'
	sleep 0.3
	! is_filtered || fail '--no-sandbox filters calls'
	recorder_end TERM
	silent err
}

record_becomes_another_user() {
	mkdir -m 1777 theirs
	mkdir -m 755 ours
	exits 2 vgpu-record --user no-such-user --socket-path s -o theirs/x.trace
	says err '--user=no-such-user: '
	exits 2 vgpu-record --user 0 --socket-path s -o theirs/x.trace
	says err '--user=0: that is root'
	if [ "$(id -u)" -ne 0 ]; then
		exits 2 vgpu-record --user 65534 --socket-path s -o theirs/x.trace
		says err 'only root can become another user'
		return
	fi
	exits 2 vgpu-record --user 65534 --socket-path s -o ours/x.trace
	says err '--user=65534: who may not write to the folder of ours/x.trace'
	[ -z "$(find ours theirs -type f)" ] || fail 'a trace was begun'
	# Theirs it is, but the way there is not.
	exits 2 vgpu-record --user 65534 --socket-path s -o theirs/x.trace
	says err '--user=65534: who may not write to the folder of theirs/x.trace'
	chmod 755 .
	exits 0 vgpu-replay -t "vhost-user:exec:$EMULATOR $BUILD/vgpu-record --quiet --user 65534 \
		-o theirs/x.trace" "$trace"
	says out "$all_equal"
	[ "$(stat -c %u theirs/x.trace)" -eq 65534 ] || fail 'the trace is not theirs'
}

# Only hvisor itself is missing.
the_example_configurations_agree() {
	[ ! -e /dev/hvisor ] || return 0
	examples=$top/recorder/examples/qemu-aarch64
	exits 2 vgpu-record zone1 --no-sandbox --display none -o zone1.trace \
		-c "$examples/virtio_cfg_ruxos.json" --zone-config "$examples/zone1_ruxos.json"
	[ "$(wc -l <err)" -eq 1 ] || fail "$(head -n 2 err)"
	if ! grep -q 'not in the root zone.s memory' err; then # of this machine
		says err '/dev/hvisor: not there; '
	fi
	sed 's/74, //; /pci_config/d' "$examples/zone1_ruxos.json" >wrong.json
	exits 2 vgpu-record zone1 -c "$examples/virtio_cfg_ruxos.json" --zone-config wrong.json
	says err "wrong.json: interrupts: lacks the gpu's, 74"
	says err 'wrong.json: pci_config: missing'
}

# What a run says is what its file says.
conform_reports_from_files_alone() {
	exits 0 vgpu-conform --quiet --area CFG,XFR --name ours --json ours.json \
		--markdown direct.md --html direct.html
	exits 0 vgpu-conform --merge --with ours.json --markdown again.md --html again.html
	silent out
	cmp direct.md again.md || fail 'the reports are not the same'
	says again.md '| ours | libvgpu'
	says again.html 'id="VG-XFR-016" data-area="XFR" data-level="robust" data-verdict="pass"'
	exits 0 vgpu-conform --quiet --area CFG --json - --name "it's <mine>"
	says out '"it'"'"'s <mine>"'
}

conform_merges_runs_of_one_name() {
	exits 0 vgpu-conform --quiet --area CFG,XFR --name ours --json ours.json
	sed '/VG-CFG-001/,/verdict/s/"passed"/"not asked"/' ours.json >first.json
	sed '/VG-XFR-016/,/verdict/s/"passed"/"crashed"/; s/"ours"/"theirs"/' ours.json >other.json
	exits 0 vgpu-conform --merge --with first.json --with other.json --with ours.json \
		--markdown - --html merged.html
	says out '| text | 158 | '
	says out '* theirs **crashed**: '
	says out 'build/vgpu-conform --target builtin --id VG-XFR-016'
	[ "$(grep -c '^| ours | ' out)" -eq 1 ] || fail 'two runs are two devices'
	grep 'id="VG-CFG-001"' merged.html >line
	says line 'data-d0="passed" data-d1="passed"'
	grep 'id="VG-XFR-016"' merged.html >line
	says line 'data-verdict="error" data-d0="passed" data-d1="crashed"'
}

conform_refuses_other_files() {
	exits 2 vgpu-conform --merge
	says err '--merge needs --with'
	exits 2 vgpu-conform --merge --with missing.json
	says err 'missing.json: '
	echo '{"format": 2, "results": []}' >newer.json
	exits 2 vgpu-conform --merge --with newer.json --markdown never.md
	says err 'newer.json: not results of format 1'
	[ ! -e never.md ] || fail 'a report of nothing'
	exits 0 vgpu-conform --quiet --area CFG --json ours.json
	sed 's/VG-CFG-001/VG-CFG-999/' ours.json >unknown.json
	exits 2 vgpu-conform --merge --with unknown.json
	says err 'unknown.json: a result that is none: VG-CFG-999'
	exits 2 vgpu-conform --quiet --area CFG --html /dev/full
}

# ---- the run -----------------------------------------------------------------------

for tool in programs/json-lines guests/imgcmp; do
	[ -x "$BUILD/tests/$tool" ] || fail "tests/programs/programs.sh: no $BUILD/tests/$tool"
done
enter_work_folder
version=$(sed -n 's/.*VGPU_VERSION "\(.*\)"/\1/p' "$top/backend/vgpu.h")
head -c 20000 "$trace" >"$cut"
{
	head -c 15000 "$trace"
	printf 'X'
	tail -c +15002 "$trace"
} >"$damaged"

# shellcheck disable=SC2086 # a list of words
run_tests $tests

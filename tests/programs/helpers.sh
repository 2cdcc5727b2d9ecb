# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What tests of programs are made of. BUILD is where these are; EMULATOR runs them if
# they are of another machine; $tests are the names of the tests.

BUILD=$(cd "${BUILD:-build}" && pwd)
EMULATOR=${EMULATOR:-}
# shellcheck disable=SC2034 # for who includes this
top=$(cd "$(dirname "$0")/../.." && pwd)
recorder=''

fail() {
	echo "$*"
	exit 1
}

program() {
	name=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	timeout 300 $EMULATOR "$BUILD/$name" "$@"
}

# exits STATUS PROGRAM ARGUMENT...: standard output goes to out, errors to err
exits() {
	want=$1
	shift
	status=0
	program "$@" >out 2>err || status=$?
	[ "$status" -eq "$want" ] || fail "$*: exit status $status, not $want: $(head -n 1 err)"
}

# says FILE TEXT
says() {
	grep -q -F -e "$2" "$1" || fail "no '$2' in '$(head -n 3 "$1")'"
}

silent() {
	[ ! -s "$1" ] || fail "something on std$1: $(head -n 1 "$1")"
}

# json FILE KEY...
json() {
	file=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	why=$($EMULATOR "$BUILD/tests/programs/json-lines" "$@" <"$file") || fail "$file: $why"
}

# junit FILE TESTS FAILURES ERRORS SKIPPED: by another's reader
junit() {
	xmllint --noout "$1" 2>err || fail "$1: $(head -n 1 err)"
	got=$(for count in 'testcase' 'testcase[failure]' 'testcase[error]' 'testcase[skipped]'; do
		xmllint --xpath "count(//$count)" "$1"
		echo
	done | grep . | tr '\n' ' ')
	[ "$got" = "$2 $3 $4 $5 " ] || fail "$1: has $got"
	got=$(for count in tests failures errors skipped; do
		xmllint --xpath "string(/testsuites/@$count)" "$1"
		[ "$(xmllint --xpath "sum(//testsuite/@$count)" "$1")" = \
			"$(xmllint --xpath "string(/testsuites/@$count)" "$1")" ] ||
			fail "$1: $count of the suites make another sum"
	done | tr '\n' ' ')
	[ "$got" = "$2 $3 $4 $5 " ] || fail "$1: says $got"
}

# tap FILE RESULT: by perl's reader, which knows no version after 13
tap() {
	[ "$(head -n 1 "$1")" = 'TAP version 14' ] || fail "$1: begins with $(head -n 1 "$1")"
	sed '1s/14/13/' "$1" >"$1.13"
	prove -e cat "$1.13" >proved 2>&1 || true
	says proved "$2"
	! grep -q 'Parse errors' proved || fail "$1: $(grep 'Parse errors' proved)"
}

# until_is COMMAND...: within a minute, against hanging
until_is() {
	tries=1200
	until "$@"; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.05
	done
}

# recorder_start ARGUMENT...: sets $recorder to its process
recorder_start() {
	# shellcheck disable=SC2086 # a list of words
	$EMULATOR "$BUILD/vgpu-record" "$@" >out 2>err &
	recorder=$!
	trap 'kill -9 "$recorder" 2>/dev/null || true' EXIT
}

# recorder_end SIGNAL: sets $status to what it exits with
recorder_end() {
	status=0
	kill -s "$1" "$recorder"
	wait "$recorder" || status=$?
	trap - EXIT
}

# A folder for what tests write, which goes with the script.
enter_work_folder() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/vgpu-programs.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	cd "$work" || exit
}

# run_tests NAME...: each by itself; the status says whether all passed
run_tests() {
	passed=0 failed=0
	for test in "$@"; do
		if why=$("$test" 2>&1); then
			passed=$((passed + 1))
			continue
		fi
		echo "FAIL  $test: $why"
		failed=$((failed + 1))
	done
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

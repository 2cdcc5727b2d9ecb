#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: valgrind.sh FOLDER
#
# Reads what valgrind wrote of each process to FOLDER/PID.log: fails if one of them
# used memory wrongly, lost some, or ended of itself with a file descriptor open
# that it had opened.
set -eu

logs=${1:?no folder named}

# of LOG NAME: what it says of its process
of() {
	sed -n "s/^==[0-9]*== $2: //p" "$1" | head -n 1
}

# Forked, and still the program that its parent is: which has memory and descriptors
# for itself that the child will not give back.
is_forked() {
	parent=$logs/$(of "$1" 'Parent PID').log
	[ -e "$parent" ] && [ "$(of "$1" Command)" = "$(of "$parent" Command)" ]
}

# Each error and each leak is a context of its own.
has_errors() {
	contexts=$(sed -n 's/^==[0-9]*== ERROR SUMMARY: .* from \([0-9]*\) contexts.*/\1/p' "$1")
	leaks=$(grep -c '^==[0-9]*== .* are \(definitely\|indirectly\) lost in loss record' "$1") || true
	[ "${contexts:-0}" -le "$leaks" ] || return 0
	[ "$leaks" -gt 0 ] && ! is_forked "$1"
}

# Whom a signal ended had no time to close anything.
leaves_descriptors() {
	! grep -q '== Process terminating with default action of signal' "$1" || return 1
	awk '
	/^==[0-9]+== Open (file descriptor|AF_[A-Z0-9]+ socket) / { opened = 1; next }
	opened && !/<inherited from parent>/ { found = 1 }
	{ opened = 0 }
	END { exit !found }' "$1" && ! is_forked "$1"
}

status=0 count=0
for log in "$logs"/*.log; do
	[ -e "$log" ] || break
	count=$((count + 1))
	if has_errors "$log" || leaves_descriptors "$log"; then
		cat "$log"
		status=1
	fi
done
[ "$count" -gt 0 ] || {
	echo "scripts/valgrind.sh: no logs in $logs" >&2
	exit 1
}
echo "valgrind: $count processes, $([ "$status" -eq 0 ] && echo 'nothing found' || echo 'see above')"
exit "$status"

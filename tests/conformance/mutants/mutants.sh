#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: mutants.sh [PATTERN | --check]
#
# Builds our device with each fault of mutants.txt, one at a time, in a copy of
# the sources, and shows which vectors catch it. Ends with 1 if one survives, or
# if there is none. With PATTERN, an extended regular expression, only the faults
# whose lines match it: mutants.sh virtio/packed. With --check it only sees that
# each fault still has its place in the sources.
set -euo pipefail

cd "$(dirname "$0")/../../.."
build=${BUILD:-build}
list=tests/conformance/mutants/mutants.txt
pattern=${1:-}
tree=$build/mutants
survived=0 caught=0

# What a line says: file, from and to.
take_apart() {
	local rest=${1#* | }

	file=${1%% | *}
	from=${rest%% | *}
	to=${rest#* | }
	from=${from//'\|'/'|'} to=${to//'\|'/'|'}
	from=${from//⏎/$'\n'} to=${to//⏎/$'\n'}
}

# Each fault has one place.
check() {
	local missing=0

	while IFS= read -r line; do
		take_apart "$line"
		FROM=$from perl -0ne 'exit((() = /\Q$ENV{FROM}\E/g) == 1 ? 0 : 1)' "$file" && continue
		echo "$list: not once in $file: $from"
		missing=1
	done < <(grep -v -E '^(#|$)' "$list")
	return "$missing"
}

# apply FILE FROM TO: both are words, not patterns
apply() {
	FROM=$2 TO=$3 perl -0pi -e '
		my $n = () = /\Q$ENV{FROM}\E/g;
		die "\"$ENV{FROM}\" is there $n times\n" if $n != 1;
		s/\Q$ENV{FROM}\E/$ENV{TO}/;' "$1"
}

if [ "$pattern" = --check ]; then
	check
	exit
fi
rm -rf "$tree"
mkdir -p "$tree"
cp -r Makefile backend recorder replayer tests "$tree"
make -s -j"$(nproc)" -C "$tree" BUILD=build build/vgpu-conform

while IFS= read -r line; do
	case $line in '' | '#'*) continue ;; esac
	take_apart "$line"
	apply "$tree/$file" "$from" "$to"
	make -s -C "$tree" BUILD=build build/vgpu-conform
	failed=$({ (cd "$tree" && timeout 60 build/vgpu-conform) || true; } 2>/dev/null |
		sed -n 's/^\(VG-[A-Z]*-[0-9]*\) .*/\1/p' | tr '\n' ' ')
	if [ -n "$failed" ]; then
		caught=$((caught + 1))
		echo "caught: $file: ${to//$'\n'/}: by ${failed:0:66}"
	else
		survived=$((survived + 1))
		echo "SURVIVED: $file: $from -> $to"
	fi
	cp "$file" "$tree/$file"
done < <(grep -E -- "$pattern" "$list")

echo "$caught passed, $survived failed"
[ "$survived" -eq 0 ] && [ "$caught" -gt 0 ]

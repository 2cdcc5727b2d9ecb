#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: fuzz.sh BUILD FUZZER...
#
# Runs each fuzzer for FUZZ_SECONDS, from the recorded traces, from what is in
# tests/fuzz/corpus and from what it found to be of interest before, which is in
# BUILD/fuzz. Exit status 1: one of them found something.
set -eu

build=$1
shift
seconds=${FUZZ_SECONDS:-60}
folder=$build/fuzz
found=0

# Nothing may ask for more than this, whatever the input says.
memory_mb=1536
input_seconds=20

tell() {
	echo "fuzz: $*"
}

statistic() {
	sed -n "s/^stat::$1: *//p" "$log"
}

covered() {
	sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\) .*/\1 edges, \2 features/p' "$log" | tail -n 1
}

dictionary() {
	if [ -e "tests/fuzz/$1.dict" ]; then
		echo "-dict=tests/fuzz/$1.dict"
	fi
}

run() {
	log=$folder/$1.log
	mkdir -p "$folder/corpus/$1" "$folder/seeds/$1" "$folder/findings"
	set -- "$1" "$folder/corpus/$1" "$folder/seeds/$1"
	if [ -d "tests/fuzz/corpus/$1" ]; then
		set -- "$@" "tests/fuzz/corpus/$1"
	fi
	name=$1
	shift
	# shellcheck disable=SC2046 # none or one word
	if "$build/tests/fuzz/$name-fuzz" -max_total_time="$seconds" -timeout="$input_seconds" \
		-rss_limit_mb="$memory_mb" -max_len=4096 -reload=0 -print_final_stats=1 \
		-artifact_prefix="$folder/findings/$name-" $(dictionary "$name") "$@" \
		>"$log" 2>&1 </dev/null; then
		tell "$name: $(statistic number_of_executed_units) runs," \
			"$(statistic average_exec_per_sec)/s, $(covered)," \
			"$(statistic peak_rss_mb) MiB"
		return
	fi
	found=1
	grep -v '^#' "$log" | tail -n 60
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
	if [ -n "$input" ]; then
		tell "$name: finding; again with: $build/tests/fuzz/$name-fuzz $input"
	else
		tell "$name: ended with an error, see $log"
	fi
}

mkdir -p "$folder/seeds"
"$build/tests/fuzz/make-seeds" "$folder/seeds" traces/*.trace
for fuzzer in "$@"; do
	run "$fuzzer"
done
exit "$found"

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: coverage.sh BUILD FOLDER...
#
# Reports which lines of the folders the programs in BUILD executed, as
# BUILD/html and a summary. A file that nothing executed counts as well. Fails
# below COVERAGE_MIN (85) percent.
set -eu

die() {
	echo "scripts/coverage.sh: $*" >&2
	exit 1
}

command -v lcov >/dev/null || die "no lcov here; run 'make setup'"

# lcov 2 makes errors of what lcov 1 passed over, and lcov 1 does not know their names.
case $(lcov --version) in
*'version 1.'*) tolerate='' ;;
*) tolerate='--ignore-errors mismatch,inconsistent,unused,empty' ;;
esac

# What they print is only of interest where they fail.
run() {
	tool=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	"$tool" --quiet $tolerate "$@" >"$build/lcov.log" 2>&1 && return
	cat "$build/lcov.log" >&2
	die "$tool failed"
}

report() {
	run lcov --capture --initial --no-external -b . -d "$build/obj" -o "$build/none.info"
	run lcov --capture --no-external -b . -d "$build/obj" -o "$build/run.info"
	run lcov -a "$build/none.info" -a "$build/run.info" -o "$build/all.info"
	run lcov --extract "$build/all.info" "$@" -o "$build/coverage.info"
	rm -rf "$build/html"
	run genhtml --prefix "$PWD" --title vgpu --legend -o "$build/html" "$build/coverage.info"
}

# A line per file, per folder and for all; fails if all is below a percentage.
# In the data, SF:PATH begins a file and DA:LINE,COUNT is a line of it.
summary() {
	awk -v here="$PWD/" -v min="$1" '
		function count(name, executed) { lines[name]++; hits[name] += executed }
		function row(name) {
			return sprintf("%-32s %6d of %6d lines %6.1f %%", name, hits[name],
				lines[name], 100 * hits[name] / lines[name])
		}
		/^SF:/ { file = substr($0, 4 + length(here)); folder = substr(file, 1, index(file, "/")) }
		/^DA:/ {
			split($0, part, ",")
			count(file, part[2] > 0); count(folder, part[2] > 0); count("all", part[2] > 0)
		}
		END {
			for (name in lines)
				if (name != "all")
					print row(name) | "sort"
			close("sort")
			print row("all")
			exit 100 * hits["all"] < min * lines["all"]
		}
	' "$build/coverage.info"
}

[ $# -ge 2 ] || die "usage: coverage.sh BUILD FOLDER..."
build=$1
shift
for folder; do
	shift
	set -- "$@" "$PWD/$folder/*"
done
report "$@"
min=${COVERAGE_MIN:-85}
summary "$min" || die "less than $min % of the lines were executed"
echo "report: $build/html/index.html"

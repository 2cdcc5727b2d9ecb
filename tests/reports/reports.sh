#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: reports.sh
#
# Makes reports with the programs in BUILD and looks at them with a headless
# Chromium, which CHROMIUM may name. KEEP may name a folder to leave them in.
set -eu

BUILD=$(cd "${BUILD:-build}" && pwd)
EMULATOR=${EMULATOR:-}
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=$top/tests/reports

die() {
	echo "tests/reports/reports.sh: $*"
	exit 1
}

# differs ARGUMENT...: vgpu-replay must say that something does
differs() {
	status=0
	# shellcheck disable=SC2086 # a list of words
	timeout 300 $EMULATOR "$BUILD/vgpu-replay" "$@" >out 2>&1 || status=$?
	[ "$status" -eq 1 ] || die "exit status $status: $(tail -n 1 out)"
}

# Ubuntu has it as a snap only, which setup.sh does not install.
chromium=${CHROMIUM:-chromium}
if ! command -v "$chromium" >/dev/null; then
	if grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then
		echo 'tests/reports: skipped: no Chromium; set CHROMIUM'
		exit 0
	fi
	die "no $chromium; run 'make setup', or set CHROMIUM"
fi
command -v node >/dev/null || die "no node; run 'make setup'"

work=$(mktemp -d "${TMPDIR:-/tmp}/vgpu-reports.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

# Three traces: other answers and two other frames, none, another last frame.
last="z<b id=\"bold\">&'"
mkdir traces golden
# shellcheck disable=SC2086 # a list of words
$EMULATOR "$BUILD/tests/reports/wrong-answers" "$top/traces/ruxos_boot.trace" traces/answers.trace
cp "$top/traces/linux_modetest.trace" traces/modetest.trace
cp "$top/traces/ruxos_boot.trace" "traces/$last.trace"
cp -R "$top/golden/linux_modetest" golden/modetest
cp -R "$top/golden/ruxos_boot" golden/answers
cp golden/modetest/frame-000004.png golden/answers/frame-000003.png # which is smaller
cp golden/answers/frame-000001.png golden/answers/frame-000004.png
cp -R "$top/golden/ruxos_boot" "golden/$last"
cp "golden/$last/frame-000003.png" "golden/$last/frame-000004.png"

differs --jobs 2 --report all.html traces/*.trace
# shellcheck disable=SC2086 # a list of words
$EMULATOR "$BUILD/vgpu-replay" --quiet --report equal.html "$top/traces/ruxos_boot.trace"

# Two devices: ours, and one that fails, is known to fail, and dies.
conform() {
	# shellcheck disable=SC2086 # a list of words
	timeout 300 $EMULATOR "$BUILD/vgpu-conform" "$@" >out || die "vgpu-conform: $(tail -n 1 out)"
}
conform --quiet --area XFR,SCN --name ours --json ours.json
sed -e '/VG-XFR-007/,/exact/{s/"passed"/"failed"/;s/"exact":.*/"known": "since 1970",&/;}' \
	-e '/VG-XFR-016/,/verdict/s/"passed"/"crashed"/; /VG-SCN-003/,/verdict/s/"passed"/"failed"/' \
	-e "s/\"ours\"/\"z<b id=\\\\\"bold\\\\\">\\&'\"/" ours.json >theirs.json
conform --merge --with ours.json --with theirs.json --html conform.html

[ -z "${KEEP:-}" ] || cp ./*.html "$KEEP"
status=0
for page in replay conform; do
	timeout 400 node "$tests/$page.test.mjs" "$chromium" "$work" || status=1
done
exit "$status"

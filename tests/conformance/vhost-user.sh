#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Asks vhost-user-gpu back ends for every requirement, and replays all recordings
# into them: vgpu-record of BUILD, which has to meet all that can be asked, and
# those of QEMU that are here, of which the profiles know what they do not meet.
# Fails if anything is new.
# EMULATOR runs the programs of another architecture, which are then asked alone.
set -eu

cd "$(dirname "$0")/../.."
build=${BUILD:-build}
emulator=${EMULATOR:-}
status=0

# ask BACK-END [OPTION...]
ask() {
	back_end=$1
	shift
	# shellcheck disable=SC2086 # a command, or nothing
	$emulator "$build/vgpu-conform" --target "vhost-user:exec:$back_end" "$@" || status=1
	# shellcheck disable=SC2086 # as above
	$emulator "$build/vgpu-replay" --target "vhost-user:exec:$back_end" traces/*.trace ||
		status=1
}

# ask_qemu VERSION PROGRAM
ask_qemu() {
	profile=qemu-vhost-user-gpu-$1
	if [ ! -x "$2" ]; then
		echo "vhost-user-gpu of QEMU $1 is not here: not asked"
	elif [ ! -e "tests/conformance/profiles/$profile.json" ]; then
		echo "vhost-user-gpu of QEMU $1 has no profile: not asked"
	else
		ask "$2" --profile "$profile"
	fi
}

# "QEMU emulator version 7.2.22 (...)" -> 7.2
version_of() {
	"$1" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p'
}

# One scanout for each that a vector can ask for.
ask "$emulator $build/vgpu-record --quiet --scanouts 16 -o /dev/null"
[ -z "$emulator" ] || exit "$status"

installed=$(version_of qemu-system-aarch64)
ask_qemu "${installed:-?}" /usr/lib/qemu/vhost-user-gpu
newer=$(scripts/provide-qemu.sh) || newer=
if [ -x "$newer/vhost-user-gpu" ]; then
	ask_qemu "$(version_of "$newer/qemu-system-aarch64")" "$newer/vhost-user-gpu"
fi
exit "$status"

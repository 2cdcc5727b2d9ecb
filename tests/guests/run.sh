#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: run.sh [-d DIR] [-o TRACE] GUEST
#
# Boots a guest under QEMU until its picture is complete, records it to TRACE
# (DIR/GUEST.trace) and leaves QEMU's own view of the screen, screen.ppm, and
# all logs in DIR (build/guests/GUEST). Guests: ruxos (image in RUXOS_BIN),
# linux-console, linux-console-pci, linux-console-x86, linux-modetest, edk2.
# With BACKEND=qemu it draws on QEMU's own virtio-gpu and nothing is recorded.
set -eu

me=tests/guests/run.sh
BUILD=${BUILD:-build}
BACKEND=${BACKEND:-record}
# shellcheck source=tests/guests/machine.sh
. "$(dirname "$0")/machine.sh"

folder='' trace=''
while getopts d:o:h option; do
	case $option in
	d) folder=$OPTARG ;;
	o) trace=$OPTARG ;;
	h)
		sed -n '4,11s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || die "give one guest; see run.sh -h"
guest_describe "$1"
folder=${folder:-$BUILD/guests/$guest}
trace=${trace:-$folder/$guest.trace}

machine_open "$folder"
[ "$BACKEND" = qemu ] || recorder_start "$trace" --once --scanouts "$heads" \
	--note "$guest guest of QEMU, $arch, $bus"
guest_start "$guest"
guest_wait 1
qmp screendump "$dir/screen.ppm"
guest_quit
[ "$BACKEND" = qemu ] || recorder_finish

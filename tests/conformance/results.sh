#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: results.sh [--check]
#
# Asks every virtio-gpu device that is here for every requirement, plays all
# recordings into it, looks at what the recordings' drivers did, and writes it all
# to RESULTS.md. With --check nothing is written: our device is asked, and the
# committed file must say the same of it.
set -euo pipefail

cd "$(dirname "$0")/../.."
build=${BUILD:-build}
conform="${EMULATOR:-} $build/vgpu-conform"
file=tests/conformance/RESULTS.md
dir=$build/results
ours='our device'
newer=''

say() {
	echo "tests/conformance/results.sh: $*" >&2
}

# "QEMU emulator version 7.2.22 (...)" -> 7.2
version_of() {
	"$1" --version | sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p'
}

# In what is written, what is unpacked in a cache is named by what unpacks it, and
# there is neither a time, nor the number of a process, nor what a device found in
# memory where black had to be.
portable() {
	sed -i -e "s|${newer:-none of these}/|\$(scripts/provide-qemu.sh)/|g; s|$build/|build/|g" \
		-e 's/\(vhost-user-gpu\):[0-9]*)/\1)/; s/ [0-9:]\{8\}\.[0-9]\{3\}://' \
		-e 's/ #[0-9a-f]\{6\}, expected #000000/ not #000000/' "$1"
}

# ---- devices and their configurations -----------------------------------------------

names=() targets=() options=()

# device NAME TARGET [OPTION...]: for a second one of a name, what the first cannot be asked
device() {
	names+=("$1") targets+=("$2")
	shift 2
	options+=("$*")
}

# --profile NAME, if there is one
profile() {
	[ ! -e "tests/conformance/profiles/$1.json" ] || echo "--profile $1"
}

# What QEMU brings, of one version: its own device, and its vhost-user-gpu back end.
qemu() {
	local version known
	version=$(version_of "$1")
	known=$(profile "qemu-$version")
	device "QEMU $version" "qemu:$1" "$known"
	device "QEMU $version" "qemu:$1" --device virtio-gpu-device,packed=on "$known"
	[ ! -e /dev/udmabuf ] || device "QEMU $version" "qemu:$1" \
		--device virtio-gpu-device,blob=on "$(profile "qemu-$version-blob")"
	[ ! -x "$2" ] || device "vhost-user-gpu $version" "vhost-user:exec:$2" \
		"$(profile "qemu-vhost-user-gpu-$version")"
}

find_devices() {
	newer=$(scripts/provide-qemu.sh)
	device "$ours" builtin
	device "$ours, vhost-user" \
		"vhost-user:exec:$build/vgpu-record --quiet --scanouts 16 -o $dir/recorded.trace"
	qemu qemu-system-aarch64 /usr/lib/qemu/vhost-user-gpu
	[ "$newer" = /usr/bin ] || qemu "$newer/qemu-system-aarch64" "$newer/vhost-user-gpu"
}

# ---- requirements -----------------------------------------------------------------------

# Exit status 1 is what results are about; 2 is a device that is not to be had.
ask() {
	local status=0

	# shellcheck disable=SC2086 # lists of words
	$conform --quiet --name "${names[$1]}" --target "${targets[$1]}" ${options[$1]} \
		--json "$dir/$1.json" >"$dir/$1.txt" 2>&1 || status=$?
	if [ "$status" -ge 2 ]; then
		say "${names[$1]} ${options[$1]}: not asked: $(tail -n 1 "$dir/$1.txt")"
		rm -f "$dir/$1.json"
		return
	fi
	portable "$dir/$1.json"
	say "${names[$1]} ${options[$1]}: $(tail -n 1 "$dir/$1.txt")"
}

ask_all() {
	local i with=()

	for i in "${!names[@]}"; do
		ask "$i"
		[ ! -e "$dir/$i.json" ] || with+=(--with "$dir/$i.json")
	done
	$conform --merge "${with[@]}" --markdown "$dir/requirements.md" \
		--html "$dir/requirements.html"
}

# ---- recordings -------------------------------------------------------------------------

# One cell, and what differs to differences.md.
play() {
	local status=0 mark text

	"$build/vgpu-replay" --target "${targets[$1]}" "$2" >"$dir/replay.txt" 2>&1 || status=$?
	case $status in
	0) mark=✓ ;;
	1) mark=✗ ;;
	*) mark=– ;;
	esac
	text=$(sed -n 's/.*: \([0-9]*\) of \([0-9]*\) requests, \([0-9]*\) of \([0-9]*\) frames .*/\1 of \2, \3 of \4/p' \
		"$dir/replay.txt" | head -n 1)
	printf ' %s %s |' "$mark" "$text"
	[ "$status" -ne 0 ] || return 0
	portable "$dir/replay.txt"
	cat >>"$dir/differences.md" <<-TEXT

		\`$2\`, ${names[$1]}:

		\`\`\`
		$(head -n 4 "$dir/replay.txt")
		\`\`\`
	TEXT
}

play_all() {
	local i trace line='|---|' asked=()

	printf '\n## Recordings\n\n'
	printf 'Requests answered as they must be, frames drawn as the golden sets have them.\n\n'
	: >"$dir/differences.md"
	printf '| recording |'
	for i in "${!names[@]}"; do
		[[ ${options[$i]} != *--device* ]] || continue
		asked+=("$i")
		printf ' %s |' "${names[$i]}"
		line+='---|'
	done
	printf '\n%s\n' "$line"
	for trace in traces/*.trace; do
		printf '| %s |' "$(basename "$trace" .trace)"
		for i in "${asked[@]}"; do
			play "$i" "$trace"
		done
		printf '\n'
	done
	cat "$dir/differences.md"
}

# ---- drivers -----------------------------------------------------------------------------

# Lines "RULE SEVERITY COUNT TRACE" of all traces, and the rules' sentences, to a table.
lint_table() {
	awk -v traces="$1" '
		BEGIN {
			num = split(traces, trace, " ")
			printf "| rule | severity |"
			for (i = 1; i <= num; i++) printf " %s |", trace[i]
			printf " what must be true |\n|---|---|"
			for (i = 1; i <= num; i++) printf "---:|"
			print "---|"
		}
		/^VD-/ {
			if (!($1 in severity)) rules[++rows] = $1
			severity[$1] = $2
			count[$1, $NF] = $3
			rule = $1
			next
		}
		/^    / && rule != "" { sub(/^ */, ""); sentence[rule] = $0 }
		{ rule = "" }
		END {
			split("error warning advice", order, " ")
			for (s = 1; s <= 3; s++)
				for (r = 1; r <= rows; r++) {
					if (severity[rules[r]] != order[s]) continue
					printf "| %s | %s |", rules[r], order[s]
					for (i = 1; i <= num; i++) {
						found = count[rules[r], trace[i]]
						printf " %s |", found == "" ? "–" : found
					}
					printf " %s |\n", sentence[rules[r]]
				}
		}'
}

lint_all() {
	local trace traces='' name

	cat <<-'TEXT'

		## Drivers

		What `vgpu-trace lint` finds in the recordings: how often each driver broke a rule of
		[its list](../../replayer/lint/RULES.md).

	TEXT
	: >"$dir/lint.txt"
	for trace in traces/*.trace; do
		name=$(basename "$trace" .trace)
		traces+=" $name"
		"$build/vgpu-trace" lint "$trace" >"$dir/lint.one" || [ $? -eq 1 ]
		sed "/^VD-/s/\$/ $name/" "$dir/lint.one" >>"$dir/lint.txt"
	done
	lint_table "$traces" <"$dir/lint.txt"
}

# ---- the file ------------------------------------------------------------------------------

head_of_file() {
	cat <<-'TEXT'
		# What virtio-gpu devices do

		Generated by `make results`, which asks every virtio-gpu device that Debian brings and ours for
		every requirement of [requirements.json](requirements.json), plays the recordings of `traces/` into
		them, and looks at what the recordings' drivers did. `make results-check` holds what it says of our
		device against a fresh run.

		Other devices: Debian 12 and its backports package no other one (crosvm, rust-vmm's
		vhost-device-gpu, cloud-hypervisor, ACRN, libkrun, kvmtool: none). QEMU's `virtio-gpu-pci` and
		`virtio-vga` are the code of `virtio-gpu-device` behind another bus, in `qemu-system-x86_64` and
		all others; its `-gl` devices need a GPU of the host.

	TEXT
	[ -e /dev/udmabuf ] || cat <<-'TEXT'
		Blobs were not asked of QEMU's device: for `blob=on` its host needs `/dev/udmabuf`, which was not
		here. What is known of them is in [profiles/](profiles), as of all devices.

	TEXT
	cat <<-'TEXT'
		That vectors can fail is shown by the deliberate faults of our device in
		[mutants.txt](mutants/mutants.txt), each of which at least one vector catches (`make mutants`).

	TEXT
}

write() {
	find_devices
	ask_all
	{
		head_of_file
		cat "$dir/requirements.md"
		play_all
		lint_all
	} >"$dir/RESULTS.md"
	cp "$dir/RESULTS.md" "$file"
	say "$file and $dir/requirements.html are written"
}

# What a file says of our device: the first two columns of counts, and its own lists.
about_ours() {
	awk -F'|' -v ours="$ours" '
		/^## / { counts = /^## How many/ }
		/^### / { mine = $0 == "### " ours }
		counts && /^\|/ { print $2 "|" $3 "|" $4 }
		mine && /^\*/
		index($0, "* " ours " **") == 1' "$1"
}

check() {
	device "$ours" builtin
	ask_all
	about_ours "$dir/requirements.md" >"$dir/fresh.txt"
	about_ours "$file" >"$dir/committed.txt"
	diff "$dir/committed.txt" "$dir/fresh.txt" || {
		say "$file says otherwise of our device: run 'make results'"
		exit 1
	}
	say "$file says of our device what it does"
}

[ "${1:-}" != --check ] || dir+=-check
mkdir -p "$dir"
rm -f "$dir"/*.json
case ${1:-} in
'') write ;;
--check) check ;;
*) say "usage: results.sh [--check]" && exit 2 ;;
esac

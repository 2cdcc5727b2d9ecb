#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: fetch-debs.sh -a ARCH [-b | -s SUITE] DIR PACKAGE...
#
# Downloads packages into DIR from the archive that this machine installs from,
# with apt and its signatures, and installs nothing. Written as META/REGEX, a
# package stands for those that META depends on, at any distance, and whose
# names match REGEX.
# With -b they come from the release's backports, together with what they need
# and this machine does not have. With -s they come from another release, for
# an ARCH that this machine's release does not have; VGPU_ARCHIVE names another
# archive, for one that this machine's archive does not carry.
set -eu
unset APT_CONFIG

die() {
	echo "scripts/fetch-debs.sh: $*" >&2
	exit 1
}

# Of all sources of this machine, the one with the release itself.
archive() {
	apt-get -o Debug::NoLocking=true update --print-uris 2>/dev/null |
		sed -n "s|^'\(.*\)/dists/$VERSION_CODENAME/InRelease' .*|\1|p" | head -n 1
}

write_sources() {
	keyring=/usr/share/keyrings/$ID-archive-keyring.gpg
	options="arch=$arch"
	[ ! -r "$keyring" ] || options="$options signed-by=$keyring"
	components=main
	[ "$ID" != ubuntu ] || components='main universe'
	suites=${suite:-$VERSION_CODENAME}
	[ -z "$backports" ] || suites="$suites $backports"
	for name in $suites; do
		echo "deb [$options] $uri $name $components"
	done
}

# How the machine reaches the archive (proxies, checks) is the machine's;
# lists, cache and sources are not. The folder may be one that apt's own user
# cannot enter, so apt stays this user.
write_config() {
	apt-config dump | grep '^Acquire::'
	cat <<-CONFIG
		Acquire::Languages "none";
		Acquire::Retries "3";
		Acquire::http::Timeout "30";
		Acquire::https::Timeout "30";
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Sandbox::User "root";
		Debug::NoLocking "true";
		Dir::State "$work/state";
		Dir::State::status "$status";
		Dir::Cache "$work/cache";
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "/dev/null";
		Dir::Etc::sourcelist "$work/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
	CONFIG
}

run() {
	APT_CONFIG=$work/apt.conf "$@" >"$work/log" 2>&1 </dev/null && return
	sed 's/^/  /' "$work/log" >&2
	hint='is the network there?'
	[ "$arch" = "$(dpkg --print-architecture)" ] ||
		hint="$hint If this archive has no $arch, name one that has in VGPU_ARCHIVE."
	die "'$*' failed ($arch, $suites); $hint"
}

# META/REGEX -> names
resolve() {
	case $1 in
	*/*)
		found=$(APT_CONFIG=$work/apt.conf apt-cache depends --recurse --important "${1%%/*}" |
			sed -n 's/^ *Depends: *//p' | sort -u | grep -E "${1#*/}") ||
			die "'${1%%/*}' of $suites ($arch) depends on no '${1#*/}'"
		echo "$found"
		;;
	*) echo "$1" ;;
	esac
}

arch='' backports='' suite=''
# shellcheck disable=SC1091
. /etc/os-release
while getopts a:bs: option; do
	case $option in
	a) arch=$OPTARG ;;
	b) backports=$VERSION_CODENAME-backports ;;
	s) suite=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
if [ -z "$arch" ] || [ $# -lt 2 ]; then
	die "usage: fetch-debs.sh -a ARCH [-b | -s SUITE] DIR PACKAGE..."
fi
command -v apt-get >/dev/null || die "no apt-get here"
dir=$1
shift

work=$(mktemp -d "${TMPDIR:-/tmp}/vgpu-apt.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
uri=${VGPU_ARCHIVE:-$(archive)}
[ -n "$uri" ] || die "this machine's apt has no source for '$VERSION_CODENAME'; set VGPU_ARCHIVE"
status=/var/lib/dpkg/status
if [ -z "$backports" ]; then
	status=$work/status
	: >"$status"
fi
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$dir"
write_sources >"$work/sources.list"
write_config >"$work/apt.conf"
run apt-get -q update --error-on=any

if [ -n "$backports" ]; then
	run apt-get -q -y install --download-only --no-install-recommends -t "$backports" "$@"
	mv "$work"/cache/archives/*.deb "$dir"
	exit
fi
names=''
for package; do
	names="$names $(resolve "$package")"
done
cd "$dir"
# shellcheck disable=SC2086 # a list of words
run apt-get -q download $names

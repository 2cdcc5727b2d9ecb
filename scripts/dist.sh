#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Usage: dist.sh BUILD MACHINE VERSION ROOT
#
# Makes BUILD/vgpu-VERSION-MACHINE.tar.gz: the programs of BUILD with all that
# they need to run on a system that has none of it. The libraries and their
# loader are those of ROOT, the build's sysroot, or / for this machine.
#
# They come along instead of being linked in because Debian and Ubuntu have no
# archive of cJSON, and because what can be tested is then what is shipped: the
# same binaries, which a test can load a library into. The same sources and the
# same ROOT give the same bytes.
set -eu

die() {
	echo "scripts/dist.sh: $*" >&2
	exit 1
}

[ $# -eq 4 ] || die "usage: dist.sh BUILD MACHINE VERSION ROOT"
build=$1 machine=$2 version=$3 root=${4%/}
name=vgpu-$version-$machine
tools=''
[ -z "$root" ] || tools=$machine-linux-gnu-
programs='vgpu-record vgpu-replay vgpu-trace'

# ---- libraries ---------------------------------------------------------------------

needed() {
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

find_library() {
	for folder in "$root"/lib/"$machine"-linux-gnu "$root"/usr/lib/"$machine"-linux-gnu \
		"$root"/lib "$root"/usr/lib; do
		[ -e "$folder/$1" ] || continue
		echo "$folder/$1"
		return
	done
	die "no $1 below $root/"
}

# take_libraries PROGRAM: what it needs and what that needs, each once.
take_libraries() {
	for soname in $(needed "$1"); do
		[ ! -e "$stage/lib/$soname" ] || continue
		file=$(find_library "$soname")
		cp -L "$file" "$stage/lib/$soname"
		take_libraries "$stage/lib/$soname"
	done
}

take_loader() {
	path=$(readelf -l "$1" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
	[ -n "$path" ] || die "$1 names no loader"
	loader=${path##*/}
	[ -e "$root$path" ] || die "no $root$path"
	cp -L "$root$path" "$stage/lib/$loader"
}

# Package and version, a line each.
packages() {
	if [ -n "$root" ]; then
		cat "$root/packages"
	else
		dpkg-query -W -f '${Package} ${Version}\n'
	fi
}

# The name that Debian gives the package of a library: libc.so.6 is in libc6,
# libpng16.so.16 in libpng16-16.
package_of() {
	case $1 in
	ld-linux* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.*) echo libc6 ;;
	libz.so.1) echo zlib1g ;;
	*) echo "$1" | sed 's/_/-/g; s/\([0-9]\)\.so\./\1-/; s/\.so\.//' ;;
	esac
}

# The terms of what is not ours.
take_licenses() {
	for file in "$stage"/lib/*; do
		soname=${file##*/}
		package=$(packages | awk -v name="$(package_of "$soname")" \
			'$1 == name || $1 == name "t64" { print $1, $2; exit }')
		[ -n "$package" ] || die "which package has $soname?"
		printf '%-28s %s\n' "$soname" "$package"
		cp "$root/usr/share/doc/${package% *}/copyright" "$stage/licenses/${package% *}"
	done >"$stage/licenses/packages"
	# What those texts refer to, which is on every Debian and Ubuntu.
	grep -oh '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' "$stage"/licenses/* |
		sort -u | while read -r text; do
		[ ! -r "$text" ] || cp -L "$text" "$stage/licenses"
	done
}

# ---- the rest ----------------------------------------------------------------------

write_launcher() {
	cat >"$stage/bin/$1" <<-LAUNCHER
		#!/bin/sh
		# Runs $1 with the loader and the libraries that came with it.
		file=\$0
		while [ -L "\$file" ]; do
		    link=\$(readlink "\$file")
		    case \$link in
		    /*) file=\$link ;;
		    *) file=\${file%/*}/\$link ;;
		    esac
		done
		case \$file in
		*/*) dir=\${file%/*} ;;
		*) dir=. ;;
		esac
		dir=\$(cd "\$dir/.." && pwd -P) || exit 2
		exec "\$dir/lib/$loader" --inhibit-cache --argv0 "\$0" --library-path "\$dir/lib" \\
		    "\$dir/libexec/$1" "\$@"
	LAUNCHER
	chmod +x "$stage/bin/$1"
}

# Build ids depend on the folder that the build was in.
take_program() {
	cp "$build/$1" "$stage/libexec"
	"${tools}strip" --strip-unneeded --remove-section=.note.gnu.build-id "$stage/libexec/$1"
	take_libraries "$stage/libexec/$1"
	[ -n "$loader" ] || take_loader "$stage/libexec/$1"
	write_launcher "$1"
}

take_documents() {
	cp LICENSE README.md recorder/HVISOR.md "$stage"
	cp recorder/*.1 replayer/*.1 "$stage/share/man/man1"
	cp recorder/*.bash-completion replayer/*.bash-completion "$stage/share/bash-completion"
	cp -R recorder/examples/. "$stage/examples"
	# For a first look at whether it works there.
	cp traces/ruxos_boot.trace traces/FORMAT.md "$stage/traces"
	cp -R golden/ruxos_boot "$stage/golden"
}

pack() {
	date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
	tar -C "$work" -c --format=gnu --sort=name --mtime="@$date" --owner=0 --group=0 \
		--numeric-owner --mode=u=rwX,go=rX "$name" | gzip -9n >"$build/$name.tar.gz.new"
	mv "$build/$name.tar.gz.new" "$build/$name.tar.gz"
}

cd "$(dirname "$0")/.."
command -v "${tools}strip" >/dev/null || die "no ${tools}strip here; run 'scripts/setup.sh cross'"
work=$(mktemp -d "${TMPDIR:-/tmp}/vgpu-dist.XXXXXX")
trap 'rm -rf "$work" "$build/$name.tar.gz.new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
stage=$work/$name
for folder in bin libexec lib licenses share/man/man1 share/bash-completion examples traces golden; do
	mkdir -p "$stage/$folder"
done
loader=''
for program in $programs; do
	take_program "$program"
done
take_licenses
take_documents
pack
echo "$build/$name.tar.gz: $(wc -c <"$build/$name.tar.gz") bytes," \
	"$(du -sk --apparent-size "$stage" | cut -f 1) KiB unpacked"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Are the two commands of the README enough on an empty Debian 12? Makes one (debootstrap, minbase
# with git, make and ca-certificates), clones the last commit into it and runs the commands there.
#
#	tests/bare.sh [COMMAND...]       default: `make test`, then `make demo`
#
# Root, and the network. The packages come from where this machine's apt gets bookworm. BUILD/bare
# keeps the empty system as base.tar; BUILD/bare/root is made anew each time. All mounts are made in
# a mount namespace of its own, so they end with it, whatever happens; kernel, /dev, /sys and pids
# are this machine's.

set -eu
SRC=$(cd "$(dirname "$0")/.." && pwd)
BUILD=$(realpath -m "${BUILD:-$SRC/build}")
bare=$BUILD/bare
root=$bare/root
export LC_ALL=C

if [ "${1:-}" = --inside ]; then
	# In the namespace: what a machine that has booted has mounted.
	shift
	# A mount point as the root, or nothing in there could make a mount namespace.
	mount --rbind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	for command in "$@"; do
		echo "== bare Debian $(cat "$root/etc/debian_version"): $command"
		env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
			chroot "$root" /bin/sh -c "cd /root/rondo && $command" </dev/null
	done
	echo "== bare: ok"
	exit
fi

[ "$(id -u)" = 0 ] || { echo "bare.sh: debootstrap, mount and chroot need root" >&2; exit 1; }
command -v debootstrap >/dev/null ||
	{ echo "bare.sh: debootstrap is not here (tools/deps.sh --for bare)" >&2; exit 1; }
# Mounts of an earlier run can't be here, but removing a tree with /dev in it must not go wrong.
if grep -q " $root/" /proc/self/mounts; then
	echo "bare.sh: something is mounted under $root" >&2
	exit 1
fi

# shellcheck disable=SC2016 # apt-get fills these in
sources=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' \
	'Created-By: Packages' 2>/dev/null |
	  sed -n -E 's/^(http\S+) (bookworm(-updates|-security)?) main$/deb \1 \2 main/p' | sort -u)
mirror=$(echo "$sources" | sed -n 's/^deb \(\S*\) bookworm main$/\1/p' | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}
mkdir -p "$bare"
if [ ! -e "$bare/base.tar" ]; then
	echo "== bare: debootstrap from $mirror"
	rm -rf --one-file-system "$root"
	debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root" "$mirror" \
		>"$bare/debootstrap.log" 2>&1 || { tail "$bare/debootstrap.log" >&2; exit 1; }
	rm -rf "$root/var/cache/apt/archives"/*.deb
	tar -C "$root" --one-file-system -cf "$bare/base.tar.new" .
	mv "$bare/base.tar.new" "$bare/base.tar"
fi
rm -rf --one-file-system "$root"
mkdir -p "$root"
tar -C "$root" -xf "$bare/base.tar"
[ -z "$sources" ] || echo "$sources" >"$root/etc/apt/sources.list"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
git clone -q "$SRC" "$root/root/rondo"
echo "== bare: commit $(git -C "$root/root/rondo" log -1 --format='%h %s')"

[ $# -gt 0 ] || set -- "make test" "make demo"
exec unshare --mount --propagation private "$0" --inside "$@"

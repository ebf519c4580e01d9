#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs, with apt-get, what is missing of the Debian 12 packages that rondo is built, tested and
# shown with. Touches neither apt nor the network where nothing is missing.
#
#	deps.sh [--for build|test|demo|lint|bare]... [--list]
#
# Without --for: build, test and demo. --list prints the packages instead.

set -eu

# package, what for, why. What is built is tested and shown, so build is part of all.
table='
gcc              build  the C compiler, with the sanitizers
libc6-dev        build  libc headers
make             build  the build
pkg-config       build  finds the libraries; the install test uses it as a user would
clang            build  compiles bpf/ to BPF
bpftool          build  turns the BPF object into a skeleton
libbpf-dev       build  loads BPF programs
libelf-dev       build  libbpf needs it
zlib1g-dev       build  libbpf needs it
libevent-dev     build  HTTP of rondo-vmm
check            test   the unit tests are Check suites
librrd-dev       test   results are compared with those of rrdtool; make bench measures it
g++              test   a C++ program is built against the installed library
groff-base       test   manual pages render
mandoc           test   and are clean
python3          test   a second reader of stores, so that librondo does not check itself
strace           test   what a vCPU thread asks of the kernel
curl             test   asks what rondo-vmm answers over HTTP
iproute2         test   make bench-vmm has a network of its own
openssh-server   test   make REMOTE= is tried against this machine
openssh-client   test   and by ssh
rsync            test   which brings the tree there
jq               test   reads the JSON that the tools print
busybox-static   test   the nested ground is booted with it
cpio             test   packs its initramfs
xz-utils         test   unpacks the modules of its second kernel
qemu-system-x86  test   emulates the nested ground; QEMU itself is a VM to watch
seabios          test   its firmware, the guest of that VM
linux-perf       test   perf kvm stat, an independent count of exits
prometheus       test   promtool, a real parser of the OpenMetrics export
jq               demo   the demo compares figures
prometheus       demo   promtool checks what the demo exports
busybox-static   demo   without /dev/kvm the demo runs in the nested ground
cpio             demo   packs its initramfs
qemu-system-x86  demo   emulates it
clang-format     lint   checks the format
cppcheck         lint   static analysis
shellcheck       lint   checks the scripts
debootstrap      bare   makes the empty Debian 12 of tests/bare.sh
'

phases=
list=0
while [ $# -gt 0 ]; do
	case $1 in
	--for)
		[ $# -gt 1 ] || { echo "deps.sh: --for needs a word" >&2; exit 2; }
		case $2 in
		build | test | demo | lint | bare) phases="$phases $2" ;;
		*) echo "deps.sh: --for $2: build, test, demo, lint or bare" >&2; exit 2 ;;
		esac
		shift
		;;
	--list) list=1 ;;
	*) sed -n '4,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
	shift
done

packages=$(awk -v phases=" build ${phases:-test demo} " \
	'NF && index(phases, " " $2 " ") && !seen[$1]++ { print $1 }' <<<"$table")
if [ $list = 1 ]; then
	echo "$packages"
	exit
fi

if ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: this is no Debian; what Debian 12 calls them:" >&2
	echo "$packages" >&2
	exit 1
fi
missing=
for p in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
		missing="$missing $p"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: not root. Run: sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

# No service is started by what is installed here, now or at the next boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
log=$(mktemp)
# shellcheck disable=SC2086 # missing is a list of words
install()
{
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		-o Dpkg::Use-Pty=0 $missing >"$log" 2>&1 </dev/null
}
# The package lists may be absent or too old to be true.
if ! install; then
	apt-get update -q >>"$log" 2>&1 || true
	if ! install; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		echo "deps.sh: apt-get could not install:$missing" >&2
		echo "deps.sh: is the network there, and Debian 12's main archive in /etc/apt?" >&2
		exit 1
	fi
fi
rm -f "$log"
case " $missing " in
*" prometheus "*)
	if [ -d /run/systemd/system ] || command -v deb-systemd-helper >/dev/null; then
		deb-systemd-helper disable prometheus.service >/dev/null 2>&1 || true
	fi
	if command -v update-rc.d >/dev/null; then
		update-rc.d prometheus disable >/dev/null 2>&1 || true
	fi
	;;
esac

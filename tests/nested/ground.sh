#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The nested ground: a machine with AMD's SVM that QEMU emulates in software (no /dev/kvm needed),
# Debian's kernel with kvm-amd in it, and this machine's root directory shared into it, so that
# every program that is here is there.
#
#	ground.sh kernel               get the kernel
#	ground.sh prepare              and pack the initramfs
#	ground.sh run SCRIPT...        TAP tests, all in one boot; merged TAP on standard output
#	ground.sh exec COMMAND...      one command; its output and its exit status
#	ground.sh demo                 tools/demo.sh in there; what it leaves is copied to BUILD/demo
#	ground.sh shell                a shell in there
#
# GROUND_KERNEL (6.1): which of Debian 12's kernels, 6.1 or 6.12. BUILD: the build tree; GROUND_DIR
# (BUILD/ground): where kernels, initramfs and results are kept.
# TEST_TIMEOUT (a script's own `# timeout: N` goes first), BOOT_TIMEOUT: seconds.
# Exit status 77: it can't be had here, and why.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SRC=${SRC:-$(cd "$here/../.." && pwd)}
BUILD=$(realpath -m "${BUILD:-$SRC/build}")
GROUND_DIR=$(realpath -m "${GROUND_DIR:-$BUILD/ground}")
TEST_TIMEOUT=${TEST_TIMEOUT:-180}
BOOT_TIMEOUT=${BOOT_TIMEOUT:-600}
QEMU=${QEMU:-qemu-system-x86_64}
GROUND_KERNEL=${GROUND_KERNEL:-6.1}
kernel_dir=$GROUND_DIR/kernel-$GROUND_KERNEL
initramfs=$GROUND_DIR/initramfs-$GROUND_KERNEL.gz
export LC_ALL=C

cant()
{
	echo "the nested ground can't be had: $*" >&2
	exit 77
}

# Only these parts of a kernel package are unpacked: 14 of its 400 MB.
module_dirs=(arch/x86/kvm virt drivers/virtio drivers/crypto/ccp drivers/char/hw_random
	     'drivers/block/virtio_blk.ko*' fs/9p net/9p fs/netfs fs/fscache) # the last one is part of fs/netfs in 6.12

# The image that a metapackage stands for at the moment.
newest()
{
	apt-cache depends "$1" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -n 1
}

# One of Debian's current kernels, not installed onto this machine: $kernel_dir/{boot,lib}.
get_kernel()
{
	local package meta new=$kernel_dir.new deb patterns=() d
	[ -e "$kernel_dir/release" ] && return
	case $GROUND_KERNEL in
	6.1) meta=linux-image-amd64 ;;
	6.12) meta=linux-image-6.12-amd64 ;;
	*) cant "GROUND_KERNEL=$GROUND_KERNEL: 6.1 or 6.12" ;;
	esac
	command -v apt-get >/dev/null || cant "it takes its kernel from Debian's archive by apt-get"
	rm -rf "$new"
	mkdir -p "$new" || exit 1
	package=$(newest $meta)
	if [ -z "$package" ] && [ "$(id -u)" = 0 ]; then
		apt-get update -qq >&2
		package=$(newest $meta)
	fi
	[ -n "$package" ] || cant "apt knows no $meta (apt-get update?)"
	echo "ground: downloading $package (not installed, kept in $GROUND_DIR)" >&2
	(cd "$new" && apt-get download -qq -o APT::Sandbox::User=root "$package") >&2 ||
		{ [ "$(id -u)" = 0 ] && apt-get update -qq >&2 &&
		  (cd "$new" && apt-get download -qq -o APT::Sandbox::User=root "$package") >&2; } ||
		cant "apt-get download $package failed"
	deb=$(echo "$new"/*.deb)
	for d in "${module_dirs[@]}"; do
		patterns+=("*/kernel/$d")
	done
	dpkg-deb --fsys-tarfile "$deb" |
		tar -x -C "$new" --wildcards './boot/vmlinuz-*' '*/modules.builtin' \
		    '*/modules.order' "${patterns[@]}" 2>"$new/tar.err"
	find "$new/lib" -name '*.ko.xz' -exec xz -d {} +
	[ -n "$(find "$new/lib" -name kvm-amd.ko)" ] || cant "$deb can't be unpacked: $(cat "$new/tar.err")"
	rm -f "$deb"
	basename "$new"/boot/vmlinuz-* | sed 's/^vmlinuz-//' >"$new/release"
	busybox depmod -b "$new" "$(cat "$new/release")" || cant "depmod failed"
	rm -rf "$kernel_dir"
	mv "$new" "$kernel_dir"
}

prepare()
{
	local p root=$GROUND_DIR/initramfs-$GROUND_KERNEL
	[ "$(uname -m)" = x86_64 ] || cant "its programs are this machine's, and this is $(uname -m)"
	for p in "$QEMU" busybox cpio gzip; do
		command -v "$p" >/dev/null || cant "$p is not here (tools/deps.sh --for test)"
	done
	mkdir -p "$BUILD" "$GROUND_DIR" || exit 1
	get_kernel
	release=$(cat "$kernel_dir/release")
	ground=nested-$(echo "$release" | cut -d. -f1,2)
	if [ "$initramfs" -nt "$here/init" ] && [ "$initramfs" -nt "$kernel_dir/release" ]; then
		return
	fi
	rm -rf "$root"
	mkdir -p "$root"/{bin,proc,sys,dev,lib/modules} || exit 1
	cp "$(command -v busybox)" "$root/bin/busybox" &&
		cp -r "$kernel_dir/lib/modules/$release" "$root/lib/modules/" &&
		install -m 755 "$here/init" "$root/init" || exit 1
	(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) \
		>"$initramfs" || exit 1
	rm -rf "$root"
}

# boot MODE RESULTS SECONDS QEMU-OPTION...
boot()
{
	local mode=$1 results=$2 seconds=$3
	shift 3
	for v in "SRC=$SRC" "BUILD=$BUILD" "GROUND=$ground" "MODE=$mode" "LONG=${RONDO_TEST_LONG:-}"; do
		printf "%s='%s'\n" "${v%%=*}" "$(printf %s "${v#*=}" | sed "s/'/'\\\\''/g")"
	done >"$results/env"
	# tsc=reliable: with two CPUs the kernel distrusts the emulated (sound) TSC, and every
	# clock read becomes a trap.
	timeout --foreground -k 5 "$seconds" "$QEMU" -accel tcg,thread=multi -cpu max,+svm,-vmx \
		-m "${GROUND_MEMORY:-2048}" -smp 2 -nodefaults -no-user-config -display none \
		-no-reboot -kernel "$kernel_dir/boot/vmlinuz-$release" \
		-initrd "$initramfs" \
		-append "console=ttyS0 panic=-1 quiet loglevel=2 tsc=reliable" \
		-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
		-virtfs "local,path=$results,mount_tag=results,security_model=none" "$@"
}

new_results()
{
	results=$GROUND_DIR/results.$$
	rm -rf "$results"
	mkdir -p "$results" || exit 1
}

# The merged TAP of all scripts: every result with its script's name in front, and one failure for
# each script that gave no sound TAP.
merge()
{
	local script name summary status ended began n=0
	began=$(stat -c %Y "$results/list")
	for script in "$@"; do
		name=$(basename "$script" .sh)
		status=$(cat "$results/$name.status" 2>/dev/null || echo none)
		if ended=$(stat -c %Y "$results/$name.status" 2>/dev/null); then
			((ended < began)) || echo "# $name: $((ended - began)) s"
			began=$ended
		fi
		if [ "$status" = none ]; then
			n=$((n + 1))
			echo "not ok $n - $name: it was not run to its end in the ground"
			sed 's/^/#   /' "$results/$name.tap" "$results/$name.err" 2>/dev/null
			continue
		fi
		while IFS= read -r line; do
			case $line in
			"ok "* | "not ok "*)
				n=$((n + 1))
				echo "$line" | sed -E "s/^(not )?ok *[0-9]*( -)? ?/\1ok $n - $name: /"
				;;
			"1..0"*"#"*)
				n=$((n + 1))
				echo "ok $n - $name # SKIP $(echo "$line" | sed -E 's/^1\.\.0 *# *SKIP *//I')"
				;;
			"1.."*) ;;
			*)
				echo "#   ${line#\# }"
				;;
			esac
		done <"$results/$name.tap"
		# What no single result says: no plan, too few results, a bad exit status.
		summary=$(awk -v status="$status" -f "$SRC/tests/tap.awk" "$results/$name.tap" |
			  grep '^bad ' | grep -v '^bad not ok' | head -n 1)
		if [ -n "$summary" ]; then
			n=$((n + 1))
			echo "not ok $n - $name: ${summary#bad }"
		fi
		if grep -q '^not ok' "$results/$name.tap" || [ -n "$summary" ]; then
			echo "#   standard error of $name:"
			sed 's/^/#   /' "$results/$name.err"
		fi
	done
	echo "1..$n"
}

run()
{
	local rc script seconds
	new_results
	for script in "$@"; do
		seconds=$(sed -n '1,30s/^# timeout: \([0-9]*\)$/\1/p' "$script" | head -n 1)
		echo "${seconds:-$TEST_TIMEOUT} $(realpath "$script")"
	done >"$results/list"
	boot tests "$results" "$BOOT_TIMEOUT" -serial "file:$results/console" >"$results/qemu" 2>&1
	rc=$?
	# The emulated CPUs run into breakpoints that the kernel has taken away again as it patched its
	# code (static keys): the rest is tried once more.
	if [ ! -e "$results/done" ] && grep -q 'Kernel panic' "$results/console"; then
		echo "# the emulated kernel panicked; what was not run is booted again:"
		grep -m 3 -E 'Oops|Kernel panic|RIP:' "$results/console" | tr -d '\r' | sed 's/^/#   /'
		mv "$results/console" "$results/console.1"
		for script in "$@"; do
			[ -e "$results/$(basename "$script" .sh).status" ] || realpath "$script"
		done >"$results/rest"
		grep -F -f "$results/rest" "$results/list" >"$results/list.rest"
		mv "$results/list.rest" "$results/list"
		boot tests "$results" "$BOOT_TIMEOUT" -serial "file:$results/console" >"$results/qemu" 2>&1
		rc=$?
	fi
	echo "# $ground ($release), $# tests in one boot, up $(cat "$results/done" 2>/dev/null || echo "?") s"
	if [ ! -e "$results/done" ]; then
		echo "# the machine did not come to its end (status $rc); its console's last lines:"
		tail -n 30 "$results/console" "$results/qemu" 2>/dev/null | tr -d '\r' | sed 's/^/#   /'
	fi
	merge "$@"
	[ ! -e "$results/done" ] || rm -rf "$results"
}

execute()
{
	local rc
	new_results
	[ -z "${RESULTS_DIR:-}" ] || results=$(realpath "$RESULTS_DIR")
	rm -f "$results/done" "$results/status"
	{
		printf 'cd %q && exec' "$SRC"
		printf ' %q' "$@"
		echo
	} >"$results/command"
	boot exec "$results" "$BOOT_TIMEOUT" -serial "file:$results/console" -serial stdio </dev/null
	if [ ! -e "$results/done" ]; then
		echo "ground: the machine did not come to its end; its console:" >&2
		tail -n 20 "$results/console" >&2
		exit 1
	fi
	rc=$(cat "$results/status")
	(cd "$results" && rm -f command console 'done' env status)
	[ -n "${RESULTS_DIR:-}" ] || rm -rf "$results"
	exit "$rc"
}

case ${1:-} in
kernel)
	mkdir -p "$GROUND_DIR" || exit 1
	get_kernel
	;;
prepare)
	prepare
	;;
run)
	shift
	prepare
	run "$@"
	;;
exec)
	shift
	prepare
	execute "$@"
	;;
demo)
	shift
	prepare
	mkdir -p "$BUILD/demo" || exit 1
	RESULTS_DIR=$BUILD/demo execute bash tools/demo.sh "$@"
	;;
shell)
	prepare
	new_results
	boot shell "$results" 86400 -serial mon:stdio
	;;
*)
	sed -n '4,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 600
#
# rondo-vmm boots Debian's own kernel, the one that this ground runs: disk, random numbers, console
# input, and each of the ways in which a Linux guest can end. The disk's contents are compared with
# what the host reads in the image. One boot takes 15 s, so each ground has its part; RONDO_TEST_LONG=1:
# all of it, with other numbers of vCPUs and sizes of memory.

. "$(dirname "$0")/../lib.sh"
[ -n "${RONDO_TEST_LONG:-}" ] || skip_all "the emulated CPUs don't stand a Linux guest every time; make test-full has it"
need rondo-vmm cpio sha256sum

version=${GROUND#nested-}
kernel=$(echo "$BUILD/ground/kernel-$version"/boot/vmlinuz-*)
modules=$(find "$BUILD/ground/kernel-$version/lib/modules" -maxdepth 1 -name "$version*")
[ -r "$kernel" ] || skip_all "$kernel is not here"

# The guest's initramfs: busybox, its drivers, linux-init.
mkdir -p "$T/root/bin" "$T/root/proc" "$T/root/sys" "$T/root/dev" "$T/root/modules"
cp "$(command -v busybox)" "$T/root/bin/busybox"
cp "$SRC/tests/nested/linux-init" "$T/root/init"
chmod 755 "$T/root/init"
for m in virtio/virtio virtio/virtio_ring virtio/virtio_mmio block/virtio_blk char/hw_random/virtio-rng; do
	[ ! -e "$modules/kernel/drivers/$m.ko" ] || cp "$modules/kernel/drivers/$m.ko" "$T/root/modules/"
done
(cd "$T/root" && find . | cpio -o -H newc --quiet -R 0:0) >"$T/initrd"

# linux NAME DO OPTION...: boots; the console into $T/NAME.out, its exit status into $status. With
# reset_at set, the VM is reset once the guest has said that.
reset_at=
linux()
{
	local name=$1 what=$2
	shift 2
	diag "$SECONDS s: booting for $what"
	start "$name" rondo-vmm --json --name "$name" --kernel "$kernel" --initrd "$T/initrd" \
		--cmdline "quiet do=$what" "$@"
	if [ -n "$reset_at" ]; then
		wait_for 100 grep -q "$reset_at" "$T/$name.out"
		kill -USR2 "$pid"
	fi
	finish "$pid" 150
	status=$?
	[ "$status" != 124 ] || diag "$name: no end; its console:" "$(tail -n 20 "$T/$name.out")"
	tail -n 1 "$T/$name.err" >"$T/$name.json"
}

# told NAME KEY: what the guest last said of it.
told()
{
	tr -d '\r' <"$T/$1.out" | sed -n "s/^guest: $2 //p" | tail -n 1
}

disk_image()
{
	dd if=/dev/urandom of="$1" bs=1M count=4 2>/dev/null
}

part()
{
	dd if="$1" bs=1M skip="$2" count=1 2>/dev/null | sha256sum | cut -d' ' -f1
}

# boots CPUS MIB: all of a guest's life.
boots()
{
	local name=boot-$1-$2 image=$T/disk-$1-$2
	disk_image "$image"
	linux "$name" rng,disk --cpus "$1" --mem "$2" --disk "$image"
	is "$status" 0 "$1 vCPUs, $2 MiB: switched off"
	is "$(jq -r .status "$T/$name.json")" ok "and the report says so"
	is "$(told "$name" release)" "$(uname -r)" "the kernel is Debian's"
	is "$(told "$name" cpus)" "$1" "it has its $1 vCPUs"
	is "$(told "$name" rng)" virtio_rng.0 "random numbers come from virtio-rng"
	is "$(told "$name" random)" 61 "as many as were asked for"
	is "$(told "$name" sectors)" 8192 "the disk has its size"
	is "$(told "$name" first)" "$(part "$image" 0)" "what the guest reads is in the image"
	is "$(told "$name" third)" "$(part "$image" 2)" "what it wrote and reads again is in the image"
	is "$(tail -c +2098177 "$image" | head -c 1047552 | sha256sum)" \
		"$(head -c 1047552 "$image" | sha256sum)" "and is what it was to write"
}

# ends WORD STATUS WORD-OF-THE-REPORT [CMDLINE]
ends()
{
	linux "$3" "$1${4:+ $4}"
	is "$status" "$2" "$3: the exit status says it"
	is "$(jq -r .status "$T/$3.json")" "$3" "$3: the report says it"
	is "$(told "$3" cpus)" 1 "$3: the guest had come up before"
}

if [ "$version" = 6.12 ] || [ -n "${RONDO_TEST_LONG:-}" ]; then
	# Reset while its disk and both vCPUs are at work: it begins anew, and gets to its end.
	reset_at='guest: first'
	boots 2 256
	is "$(grep -c '^guest: release' "$T/boot-2-256.out")" 2 "it was reset, and booted again"
	reset_at=
fi
if [ "$version" = 6.1 ] || [ -n "${RONDO_TEST_LONG:-}" ]; then
	ends panic 4 panic
	ends reboot 5 triple_fault reboot=t
fi
if [ -n "${RONDO_TEST_LONG:-}" ]; then
	ends reboot 3 reboot
	boots 1 128
	boots 4 1024
fi
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes a Linux guest to run in rondo-vmm: BUILD/guest with vmlinuz (Debian's, taken from its archive once
# and not installed), initrd (busybox, the virtio drivers, init with its phases of work) and a disk.
#
#	BUILD=dir vmm-demo/workload/make.sh
#
# GROUND_KERNEL (6.1): 6.1 or 6.12. VMM_KERNEL: a bzImage instead, whose drivers are built in.

set -eu
cd "$(dirname "$0")/../.."
BUILD=$(realpath -m "${BUILD:-build}")
export BUILD
out=$BUILD/guest
for p in busybox cpio; do
	command -v $p >/dev/null || { echo "vmm-guest: $p is not here (tools/deps.sh --for test)" >&2; exit 1; }
done
mkdir -p "$out"
modules=
if [ -n "${VMM_KERNEL:-}" ]; then
	cp "$VMM_KERNEL" "$out/vmlinuz"
else
	tests/nested/ground.sh kernel
	kernel=${GROUND_DIR:-$BUILD/ground}/kernel-${GROUND_KERNEL:-6.1}
	cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"
	modules=$kernel/lib/modules/$(cat "$kernel/release")/kernel/drivers
fi

root=$(mktemp -d)
trap 'rm -rf -- "$root"' EXIT
mkdir -p "$root/bin" "$root/modules"
cp "$(command -v busybox)" "$root/bin/busybox"
install -m 755 vmm-demo/workload/init "$root/init"
for m in virtio/virtio virtio/virtio_ring virtio/virtio_mmio block/virtio_blk char/hw_random/virtio-rng; do
	[ ! -e "$modules/$m.ko" ] || cp "$modules/$m.ko" "$root/modules/"
done
(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) | gzip -1 >"$out/initrd.new"
mv "$out/initrd.new" "$out/initrd"
[ -e "$out/disk" ] || truncate -s 64M "$out/disk"
echo "guest: $out (vmlinuz, initrd, disk)"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Does this kernel's verifier take every BPF object as it was compiled, with no setting changed, and how much
# work are the programs to it? Counts nothing. Also run in the nested ground.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need jq

objects=("$BUILD"/obj/bpf/*.bpf.o)
[ -e "${objects[0]}" ] || skip_all "the BPF objects are not built (no clang or bpftool)"
[ "$(id -u)" = 0 ] || skip_all "it needs root"
bpftool=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v bpftool) || skip_all "no bpftool"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
rondo-bpfd --check >"$T/check" 2>&1 || skip_all "$(tail -n 1 "$T/check")"

pins=/sys/fs/bpf/rondo-test-$$
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || skip_all "/sys/fs/bpf can't be mounted"
later "rm -rf $pins-*"
for object in "${objects[@]}"; do
	name=$(basename "$object" .bpf.o)
	ok "$name: every program loads" "$bpftool" prog loadall "$object" "$pins-$name"
	diag "$(for pin in "$pins-$name"/*; do
		"$bpftool" --json prog show pinned "$pin" 2>/dev/null |
			jq -r '"\(.name): \(.bytes_xlated / 8) instructions"'
	done)"
	rm -rf "$pins-$name"
done

# As they are set up here, those that this kernel needs; the verifier gives up after a million instructions.
start rondo-bpfd rondo-bpfd -v --store "$T/store" --max-vcpus 4 --groups all --measure no
wait_for 60 grep -q "collecting into" "$T/rondo-bpfd.err" ||
	bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"
kill -TERM "$pid"
finish "$pid" 20
sed -n 's/^rondo-bpfd: program \(.*\): \([0-9]*\) instructions verified$/\1 \2/p' "$T/rondo-bpfd.err" >"$T/verified"
ok "rondo-bpfd's programs are there" test "$(wc -l <"$T/verified")" -ge 8
while read -r name insns; do
	ok "$name: the verifier is far from giving up ($insns instructions)" \
		test "$insns" -gt 10 -a "$insns" -lt 100000
done <"$T/verified"
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 300
#
# make vmm-guest's Linux in rondo-vmm: its phases look different in the store, and what the store has of its
# disk is what the guest itself counted. One kernel is enough, as the guest is the same.

. "$(dirname "$0")/../lib.sh"
[ -n "${RONDO_TEST_LONG:-}" ] || skip_all "the emulated CPUs don't stand a Linux guest every time; make test-full has it"
need rondo-vmm rondo-bpf-cli cpio jq
version=${GROUND#nested-}

mkdir "$T/build"
ok "make vmm-guest's script" env "BUILD=$T/build" "GROUND_DIR=$BUILD/ground" "GROUND_KERNEL=$version" \
	"$SRC/vmm-demo/workload/make.sh"
guest=$T/build/guest
start vm rondo-vmm --json --name workload --kernel "$guest/vmlinuz" --initrd "$guest/initrd" --disk "$guest/disk" \
	--store "$T/store" --cmdline "quiet seconds=4 phases=cpu,idle,disk"
finish "$pid" 200
is "$?" 0 "the guest does its work and switches off"
tr -d '\r' <"$T/vm.out" >"$T/console"
diag "$(grep workload: "$T/console")"
is "$(tail -n 1 "$T/vm.err" | jq -c '[.status,.recorded]')" '["ok",true]' "recorded"

# ticks SELECTOR: a JSON array of [second, sum over the series].
ticks()
{
	rondo-bpf-cli query "$T/store" "$1" --json --range all --tier 0 --function sum |
		jq -c '[.series[].points[]] | group_by(.[0]) | map([.[0][0], (map(.[1]) | add)])'
}
total()
{
	ticks "$1" | jq '[.[][1]]|add // 0'
}
read -r reads read_sectors writes written_sectors flushes <<<"$(sed -n 's/^workload: disk //p' "$T/console")"
ok "the guest used its disk ($reads reads, $writes writes)" test "${reads:-0}" -gt 100 -a "${writes:-0}" -ge 64
is "$(total 'blk_requests_total{op="read"}')" "$reads" "read requests are those that the guest counted"
is "$(total 'blk_requests_total{op="write"}')" "$writes" "so are write requests"
is "$(total 'blk_requests_total{op="flush"}')" "$flushes" "and flushes"
is "$(total 'blk_bytes_total{direction="read"}')" $((read_sectors * 512)) "bytes read"
is "$(total 'blk_bytes_total{direction="write"}')" $((written_sectors * 512)) "bytes written"
python3 "$SRC/tests/reader/read_store.py" "$T/store" --tier 0 --function histogram >"$T/histograms"
is "$(jq '[.series[]|select(.name == "blk_request_duration_ns").points[][1].count]|add' "$T/histograms")" \
	"$(total blk_requests_total)" "a duration for each request"

# The disk's phase begins where its bytes do; up to 5 s before that the guest idled, and before that it
# was busy.
ticks blk_bytes_total >"$T/blk"
ticks kvm_stat_halt_exits_total >"$T/halts"
begin=$(jq '[.[]|select(.[1] > 100000)[0]]|min' "$T/blk")
# halts SECONDS: in the second that long before.
halts()
{
	jq --argjson t $((begin - $1 * 1000000000)) '[.[]|select(.[0] == $t)[1]]|add // 0' "$T/halts"
}
early=$(jq --argjson t "$begin" '[.[]|select(.[0] < $t)[1]]|add // 0' "$T/blk")
ok "hardly a byte before the disk's phase ($early)" test "$early" -lt 200000
ok "the idle vCPU halts ($(halts 2)), the busy one does not ($(halts 7))" test "$(halts 2)" -gt "$(halts 7)"
done_testing

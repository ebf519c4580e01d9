#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Hardware exits by reason, counted by rondo-bpfd, against three that count for themselves: KVM
# (each vCPU's own `exits` statistic), perf kvm stat, and the guest, whose events are known. Two vCPUs on
# one CPU, so that they are preempted in between. The time they take is 30-steal.sh's.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.sh"
need perf jq

# Guest, its events, and the reason and the userspace reason they show as.
workloads=(
	"pio 1009 io io"
	"mmio 503 npf mmio"
	"hlt 211 hlt hlt"
	"spin 1 - -"
)

collector_start
for w in "${workloads[@]}"; do
	read -r name count _ _ <<<"$w"
	guest "$name" --guest "$name" --count "$count" --cpus 2 --pin 0 ||
		bail "guest $name runs" "$(cat "$T/$name.err")"
done
sleep 2
collector_stop

for w in "${workloads[@]}"; do
	read -r name count reason user <<<"$w"
	is "$(jq -r .status "$T/$name.json")" ok "$name: the guest came to its end"
	for v in 0 1; do
		who="instance=\"$name\",vcpu=\"$v\""
		exits=$(stored "vcpu_exits_total{$who}" reason)
		reentries=$(stored "vcpu_reentries_total{$who}")
		total=$(jq '[.[]] | add // 0' <<<"$exits")
		[ "$reentries" != none ] || reentries=0
		diag "$name vCPU $v: exits $exits, re-entries $reentries"
		is $((total + reentries)) "$(report "$name" "$v" .kvm_exits)" \
			"$name vCPU $v: exits and re-entries are KVM's own count"

		perf=$(perf_exits "$name" "$v")
		off=$(jq -n -c --argjson a "$exits" --argjson b "$perf" '[($a + $b | keys[]) |
			{key: ., value: (($a[.] // 0) - ($b[.] // 0))}] | from_entries |
			with_entries(select(.value > 1 or .value < -1))')
		is "$off" "{}" "$name vCPU $v: each reason within 1 of perf kvm stat"
		diag "perf: $perf"

		is "$(stored "vcpu_userspace_exits_total{$who}" reason)" \
			"$(report "$name" "$v" .exits)" \
			"$name vCPU $v: userspace exits by reason are the VMM's own count"

		[ "$reason" = - ] && continue
		got=$(jq --arg r "$reason" '.[$r] // 0' <<<"$exits")
		case $name in
		# The last HLT is the guest's way to say that it is done.
		hlt) is "$got" $((count + 1)) "$name vCPU $v: $count $reason exits and the last one" ;;
		pio) is "$got" "$count" "$name vCPU $v: $count $reason exits" ;;
		# Page faults are also KVM's way to map the guest's memory: some more.
		mmio) within $((got - count)) 8 8 "$name vCPU $v: $count $reason exits and few others" ;;
		esac
		is "$(report "$name" "$v" ".exits.$user")" \
			"$([ "$name" = hlt ] && echo $((count + 1)) || echo "$count")" \
			"$name vCPU $v: the VMM saw $count $user exits"
	done
done
lost=$(stored 'collector_events_lost_total' cause)
is "$lost" "{}" "no events lost"
done_testing

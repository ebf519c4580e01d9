#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 120
#
# Steal: two vCPUs that spin on one CPU, so each waits about half of the time. What rondo-bpfd stores
# against the scheduler's own figure (schedstat), to the nanosecond, and against what KVM tells the
# guest, read by the guest itself. Also the other parts of the time budget, each against its own oracle.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.sh"
need perf jq

collector_start
guest spin --guest spin --duration 5 --cpus 2 --pin 0 || bail "the guest runs" "$(cat "$T/spin.err")"
guest halt --guest hlt --count 211 --halt-us 3000 --cpus 2 --pin 0 ||
	bail "the guest runs" "$(cat "$T/halt.err")"
sleep 2
collector_stop

for name in spin halt; do
	for v in 0 1; do
		who="instance=\"$name\",vcpu=\"$v\""
		steal=$(stored "vcpu_steal_ns{$who}")
		want=$(report "$name" "$v" '.steal_end_ns - .steal_baseline_ns')
		if [ "$(report "$name" "$v" .baseline_exact)" = true ]; then
			is "$steal" "$want" "$name vCPU $v: steal is schedstat's, to the nanosecond"
		else
			skip "$name vCPU $v: steal is schedstat's, to the nanosecond" \
				"it was preempted while the baseline was read"
		fi

		# The guest reads KVM's figure at its end, so it misses at most one wait of a slice or two.
		guest=$(report "$name" "$v" '.guest_steal_ns - .steal_baseline_ns')
		within "$guest" "$steal" $((steal / 20 + 30000000)) "$name vCPU $v: steal is what the guest sees"

		parts=0
		for part in guest exit userspace; do
			ns=$(stored "vcpu_${part}_ns{$who}")
			diag "$name vCPU $v: $part $ns ns"
			[ "$ns" = none ] && fail "$name vCPU $v: vcpu_${part}_ns is stored" && ns=0
			parts=$((parts + ns))
		done
		cpu=$(report "$name" "$v" '.cpu_end_ns - .cpu_baseline_ns')
		within "$parts" "$cpu" $((cpu / 50 + 3000000)) \
			"$name vCPU $v: guest, exit and userspace time are schedstat's CPU time"
	done
done

wall=$(jq .wall_ns "$T/spin.json")
for v in 0 1; do
	steal=$(stored "vcpu_steal_ns{instance=\"spin\",vcpu=\"$v\"}")
	within "$steal" $((wall / 2)) $((wall / 5)) "spin vCPU $v: about half of $((wall / 1000000)) ms was stolen"
done
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Steal: two vCPUs that spin on one CPU, so each waits about half of the time. What rondo-bpfd stores
# against the scheduler's own figure (schedstat), to the nanosecond, and against what KVM tells the
# guest, read by the guest itself. Also the other parts of the time budget, each against its own oracle.

. "$(dirname "$0")/only.sh" nested-6.1
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.sh"
need perf jq

declare -A ns
halts=211
halt_us=3000
collector_start
guest spin --guest spin --duration 5 --cpus 2 --pin 0
guest halt --guest hlt --count $halts --halt-us $halt_us --cpus 2 --pin 0
# This one's threads end with the guest: what they sleep is their HLTs alone.
guest nap --guest hlt --count $halts --halt-us $halt_us --cpus 2 --linger 0
sleep 2
collector_stop
guest_end spin
guest_end halt

for name in spin halt; do
	for v in 0 1; do
		who="$name vCPU $v"
		for part in guest exit userspace halted blocked steal; do
			ns[$part]=$(stored vcpu_${part}_ns "$name" $v)
			diag "$who: $part ${ns[$part]} ns"
			is "$([[ ${ns[$part]} =~ ^[0-9]+$ ]] && echo number)" number "$who: vcpu_${part}_ns is stored"
		done
		if [ "$(report "$name" $v .baseline_exact)" = true ]; then
			is "${ns[steal]}" "$(report "$name" $v '.steal_end_ns - .steal_baseline_ns')" \
				"$who: steal is schedstat's, to the nanosecond"
		else
			skip "$who: steal is schedstat's, to the nanosecond" \
				"it was preempted while the baseline was read"
		fi

		# The guest reads KVM's figure at its end, so it misses at most the waits after that.
		within "$(report "$name" $v '.guest_steal_ns - .steal_baseline_ns')" "${ns[steal]}" \
			$((ns[steal] / 50 + 30000000)) "$who: steal is what the guest sees"

		is "$(jq 'add // 0' <<<"$(by_kind "$name")")" \
			"$(($(stored vcpu_steal_ns "$name" 0) + $(stored vcpu_steal_ns "$name" 1)))" \
			"$name: steal by culprit adds up to the VM's steal, to the nanosecond"
		longest=$(peak vcpu_steal_longest_ns "$name" $v)
		ok "$who: the longest wait ($longest ns) is one of them" \
			test "$longest" -gt 0 -a "$longest" -le "${ns[steal]}"

		# Each context switch costs CPU time that the scheduler bills and that lies outside of
		# what sched_switch shows; on an emulated CPU some 30 us, on one whose host is busy twice that
		# and more.
		cpu=$(report "$name" $v '.cpu_end_ns - .cpu_baseline_ns')
		slack=$((cpu / 100 + 3000000))
		[ "$name" != halt ] || slack=$((slack + halts * 150000))
		within $((ns[guest] + ns[exit] + ns[userspace])) "$cpu" $slack \
			"$who: guest, exit and userspace time are schedstat's CPU time"
	done
done

wall=$(jq .wall_ns "$T/spin.json")
for v in 0 1; do
	ok "spin vCPU $v: the other one took most of it" \
		test "$(jq '.self // 0' <<<"$(by_kind spin)")" -gt "$(stored vcpu_steal_ns spin $v)"
	ok "spin vCPU $v: it waited above 10 ms at most as often as it waited" \
		test "$(stored vcpu_stalls_total spin $v)" -le "$(stored vcpu_preemptions_total spin $v)"
	within "$(stored vcpu_steal_ns spin $v)" $((wall / 2)) $((wall / 5)) \
		"spin vCPU $v: about half of $((wall / 1000000)) ms was stolen"
	# The VMM's clock around its sleeps has also the thread's way there and back, and its wait
	# for a CPU when it was woken.
	slept=$(report nap $v .halted_ns)
	halted=$(stored vcpu_halted_ns nap $v)
	around=$(($(stored vcpu_steal_ns nap $v) + $(stored vcpu_userspace_ns nap $v) +
		  $(stored vcpu_blocked_ns nap $v)))
	diag "nap vCPU $v: the VMM slept $slept ns; rondo-bpfd: halted $halted ns, $around around it"
	ok "nap vCPU $v: halted time is within the VMM's own clock around its sleeps" \
		test "$halted" -le "$slept"
	ok "nap vCPU $v: and misses of it only steal and the way there and back" \
		test $((halted + around)) -ge $((slept - slept / 50))
	ok "nap vCPU $v: and is not less than $halts times $((halt_us - 300)) us" \
		test "$halted" -ge $((halts * (halt_us - 300) * 1000))
done
done_testing

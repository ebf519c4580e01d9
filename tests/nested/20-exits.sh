#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Hardware exits by reason, counted by rondo-bpfd, against three that count for themselves: KVM
# (each vCPU's own `exits` statistic), perf kvm stat, and the guest, whose events are known. Two vCPUs
# on one CPU, so that they are preempted in between. The time they take is 30-steal.sh's.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.sh"
need perf jq

# Guest, its events, the hardware reason that they show as, and the VMM's.
workloads=(
	"pio 1009 io io"
	"mmio 503 npf mmio"
	"hlt 211 hlt hlt"
	"rest 1 - - --guest cpuid=199,msr=97,hypercall=101,spin"
)

collector_start
for w in "${workloads[@]}"; do
	read -r name count _ _ list <<<"$w"
	# shellcheck disable=SC2086 # an option and its value
	guest "$name" ${list:---guest $name} --count "$count" --cpus 2 --pin 0
	guest_end "$name"
done
collector_stop

for w in "${workloads[@]}"; do
	read -r name count reason user _ <<<"$w"
	is "$(jq -r .status "$T/$name.json")" ok "$name: the guest came to its end"
	for v in 0 1; do
		who="$name vCPU $v"
		exits=$(stored vcpu_reason_exits_total "$name" $v reason)
		reentries=$(stored vcpu_reentries_total "$name" $v)
		perf=$(perf_exits "$name" $v)
		diag "$who: rondo-bpfd: $exits, re-entries $reentries; perf: $perf"
		[ "$reentries" != none ] || reentries=0
		is $(($(jq 'add // 0' <<<"$exits") + reentries)) "$(report "$name" $v .kvm_exits)" \
			"$who: exits and re-entries are KVM's own count"

		# By class: the same exits. All but the last one, after which the guest is not entered
		# again, are in the histogram, with all of the time that exits were handled.
		count_of_all=$(jq 'add // 0' <<<"$exits")
		is "$(jq 'add // 0' <<<"$(stored vcpu_exits_total "$name" $v class)")" "$count_of_all" \
			"$who: exits by class are as many"
		case $name in
		pio | hlt) class=${reason/hlt/halt}
			is "$(jq --arg c "$class" '.[$c] // 0' <<<"$(stored vcpu_exits_total "$name" $v class)")" \
				"$(jq --arg r "$reason" '.[$r] // 0' <<<"$exits")" "$who: class $class is reason $reason" ;;
		mmio) is "$(stored vcpu_mmio_total "$name" $v)" "$count" "$who: KVM's own count of MMIO" ;;
		esac
		within "$(latencies "$name" $v)" "$count_of_all" 1 "$who: as many are in the histogram"
		handled=$(jq 'add // 0' <<<"$(stored vcpu_exit_handling_ns "$name" $v class)")
		is "$(jq 'add // 0' <<<"$(stored vcpu_reason_exit_handling_ns "$name" $v reason)")" "$handled" \
			"$who: handling time by reason is as much as by class"
		parts=$(($(stored vcpu_exit_ns "$name" $v) + $(stored vcpu_userspace_ns "$name" $v)))
		# What came before the first exit and after the last one is no handling.
		within "$handled" "$parts" $((parts / 10 + 30000000)) \
			"$who: exits were handled for as long as it was out of the guest, on a CPU"
		longest=$(peak vcpu_exit_longest_ns "$name" $v)
		ok "$who: the longest took $longest ns, no more than all" \
			test "$longest" -gt 0 -a "$longest" -le "$handled"

		off=$(jq -n -c --argjson a "$exits" --argjson b "$perf" '[$a + $b | keys[] |
			{key: ., value: (($a[.] // 0) - ($b[.] // 0))} |
			select(.value > 1 or .value < -1)] | from_entries')
		is "$off" "{}" "$who: each reason within 1 of perf kvm stat"

		is "$(stored vcpu_userspace_exits_total "$name" $v reason)" \
			"$(report "$name" $v .exits)" "$who: userspace exits by reason are the VMM's own count"

		# The last HLT is the guest's way to say that it is done. Page faults are also how KVM
		# maps the guest's memory: a few more than there are MMIO accesses.
		got=$(jq --arg r "$reason" '.[$r] // 0' <<<"$exits")
		case $name in
		pio) is "$got" "$count" "$who: $count $reason exits" ;;
		hlt) is "$got" $((count + 1)) "$who: $count $reason exits and the last one" ;;
		mmio) within $((got - count)) 8 8 "$who: $count $reason exits and few others" ;;
		rest)
			is "$(jq -c '[.cpuid, .msr, .hypercall]' <<<"$exits")" '[199,97,101]' \
				"$who: 199 cpuid, 97 msr, 101 hypercall exits"
			is "$(report "$name" $v .exits.x86_wrmsr)" 97 "$who: the VMM saw 97 writes of an MSR"
			continue
			;;
		esac
		[ "$name" != hlt ] || count=$((count + 1))
		is "$(report "$name" $v ".exits.$user")" "$count" "$who: the VMM saw $count $user exits"
		[ "$name" != hlt ] || count=$((count - 1))
	done
done
is "$(stored collector_events_lost_total "" "" cause)" "{}" "no events lost"
done_testing

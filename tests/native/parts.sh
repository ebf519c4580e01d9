#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The parts of the time budget, each against an oracle of its own, of vCPUs that do all kinds of things at
# once: nearly idle, spinning, exiting as fast as they can, halting, a mixture of all; all on one CPU, so
# that all are preempted. The sum proves nothing, as it closes by construction. Also run in the nested
# ground.
#
# timeout: 240

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need jq

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
[ "$(id -u)" = 0 ] || skip_all "it needs root"
[ -w /dev/kvm ] || skip_all "/dev/kvm is not here, or not ours"
rondo-bpfd --check >"$T/check" 2>&1 || skip_all "$(tail -n 1 "$T/check")"

cpu=$(awk '/^Cpus_allowed_list/ { sub(/.*[,-]/, "", $2); print $2 }' /proc/self/status)
start rondo-bpfd rondo-bpfd -v --store "$T/store" --max-vcpus 32
collector=$pid
wait_for 60 grep -q "collecting into" "$T/rondo-bpfd.err" ||
	bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"

# stolen: what the machine itself was robbed of on that CPU, in ns; schedstat's CPU time leaves it out.
stolen()
{
	echo $(($(awk -v c="cpu$cpu" '$1 == c { print $9 }' /proc/stat) * 1000000000 / $(getconf CLK_TCK)))
}

# Name, what it does, how long a HLT of it sleeps in us
vms=(
	"idle hlt=11 300000"
	"spins spin 100"
	"exits pio=997 100"
	"halts hlt=199 5000"
	"mixed pio=499,mmio=199,hlt=97,spin 1000"
)
stolen=$(stolen)
for vm in "${vms[@]}"; do
	read -r name list us <<<"$vm"
	start "$name" rondo-vmm --name "$name-$$" --json --guest "$list" --halt-us "$us" --cpus 2 --pin "$cpu" \
		--linger 100
	declare "pid_$name=$pid"
done
for vm in "${vms[@]}"; do
	read -r name _ <<<"$vm"
	wait_for 90 grep -q '}' "$T/$name.out" || bail "$name comes to its end" "$(cat "$T/$name.err")"
done
stolen=$(($(stolen) - stolen))
# Their threads sleep: all figures are final, after the next flush.
sleep 2.2
kill -TERM "$collector"
finish "$collector" 20
is $? 0 "rondo-bpfd ends clean on SIGTERM"
for vm in "${vms[@]}"; do
	read -r name _ <<<"$vm"
	p=pid_$name
	kill -TERM "${!p}"
	finish "${!p}" 20
done
rondo-bpf-cli query "$T/store" --format json --range all --tier 0 --function sum \
	'{__name__=~"vcpu_.*_ns|vcpu_userspace_exits_total|vm_steal_by_ns",__name__!~".*latency.*|.*longest.*"}' \
	>"$T/all.json" || bail "the store can be read"

# part NAME VCPU VM: the sum of a series' increments, or "none"
part()
{
	jq -r --arg name "$1" --arg v "$2" --arg vm "$3-$$" '[.series[] | select(.name == $name and
		.labels.instance == $vm and .labels.vcpu == $v) | .points[][1]] | add // "none" |
		if type == "number" then round else . end' "$T/all.json"
}

for vm in "${vms[@]}"; do
	read -r name list us <<<"$vm"
	total=0
	for v in 0 1; do
		who="$name vCPU $v"
		report=$(head -n 1 "$T/$name.out" | jq -c --argjson v $v '.vcpus[] | select(.vcpu == $v)')
		steal=$(part vcpu_steal_ns $v "$name")
		total=$((total + steal))
		if [ "$(jq .baseline_exact <<<"$report")" = true ]; then
			is "$steal" "$(jq '.steal_end_ns - .steal_baseline_ns' <<<"$report")" \
				"$who: steal is schedstat's, to the nanosecond"
		else
			skip "$who: steal is schedstat's, to the nanosecond" \
				"it was preempted while the baseline was read"
		fi
		on=0
		for p in guest exit run userspace; do
			ns=$(part vcpu_${p}_ns $v "$name")
			on=$((on + ${ns/none/0}))
		done
		cpu_ns=$(jq '.cpu_end_ns - .cpu_baseline_ns' <<<"$report")
		# Each switch costs CPU time that lies outside of what its tracepoint shows.
		events=$(jq '[.exits[]] | add' <<<"$report")
		slack=$((cpu_ns / 50 + 3000000 + stolen))
		[ "$GROUND" = native ] || slack=$((slack + events * 150000))
		within $on "$cpu_ns" $slack "$who: time on a CPU is schedstat's, but for what the machine was robbed of"
		halted=$(part vcpu_halted_ns $v "$name")
		slept=$(jq .halted_ns <<<"$report")
		halts=$(jq '.exits.hlt' <<<"$report")
		diag "$who: steal $steal, on a CPU $on, halted $halted, blocked $(part vcpu_blocked_ns $v "$name")"
		# After the guest's last HLT its thread sleeps as well, and is seen as halted.
		ok "$who: it halted for $halts times its $us us, or longer" \
			test "$halted" -ge $(((halts - 1) * (us - us / 10 - 50) * 1000))
		[ "$name" != spins ] || ok "$who: it had no other reason to sleep" \
			test "$slept" -lt 100000000
		is "$(jq -S -c --arg v $v --arg vm "$name-$$" '[.series[] |
			select(.name == "vcpu_userspace_exits_total" and .labels.instance == $vm and
				.labels.vcpu == $v) | {key: .labels.reason, value: ([.points[][1]] | add)}] |
			from_entries' "$T/all.json")" "$(jq -S -c .exits <<<"$report")" \
			"$who: exits to the VMM are its own count"
	done
	is "$(jq --arg vm "$name-$$" '[.series[] | select(.name == "vm_steal_by_ns" and
		.labels.instance == $vm) | .points[][1]] | add // 0 | round' "$T/all.json")" "$total" \
		"$name: steal by culprit adds up, to the nanosecond"
done
done_testing

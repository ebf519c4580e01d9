#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpfd on this machine's kernel and /dev/kvm: a VM's userspace exits, counted exactly; its
# steal, to the nanosecond; its time in KVM_RUN against its own clock; QEMU as a VM that comes and goes; kill -9 and
# a new start; what it says when it can't. Exits by the processor's reason are tests/nested/'s.
#
# timeout: 240

. "$(dirname "$0")/../lib.sh"
need jq

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"

# Without kernel or rights.
out=$(rondo-bpfd --max-vcpus 0 2>&1)
is "$?" 2 "a bad option is exit status 2"
is "$(echo "$out" | wc -l)" 1 "and one line"
ok "--help names every option" grep -q -- --max-vcpus <(rondo-bpfd --help)
rondo-bpfd --help >/dev/full 2>/dev/null
is "$?" 1 "--help to a full device fails"

[ "$(id -u)" = 0 ] || { skip "all that collects" "it needs root"; done_testing; }
if command -v setpriv >/dev/null; then
	out=$(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \
		"$BUILD/bin/rondo-bpfd" --store "$T/none" 2>&1)
	is "$?" 4 "without rights it is exit status 4"
	ok "and says which it needs" grep -q CAP_BPF <<<"$out"
else
	skip "without rights it is exit status 4" "no setpriv"
fi
[ -w /dev/kvm ] || { skip "all that collects" "/dev/kvm is not here, or not ours"; done_testing; }
if ! rondo-bpfd --check >"$T/check" 2>&1; then
	# Rights were checked above: what is missing now is the kernel's.
	skip "all that collects" "$(tail -n 1 "$T/check")"
	done_testing
fi
pass "--check finds what it needs"
diag "$(cat "$T/check")"

# collect: rondo-bpfd into $T/store; $collector is its pid.
collect()
{
	start rondo-bpfd rondo-bpfd -v --store "$T/store" --max-vcpus 16
	collector=$pid
	wait_for 10 grep -q "collecting into" "$T/rondo-bpfd.err" ||
		bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"
}

# stored SELECTOR [FILTER]: the sum of all increments of the selected counters, or jq of the answer.
stored()
{
	rondo-bpf-cli query "$T/store" "$1" --format json --range all --tier 0 --function sum |
		jq -c -S -r "${2:-[.series[].points[][1]] | add // \"none\"}"
}

by_reason='[.series[] | {key: .labels.reason, value: ([.points[][1]] | add)}] | from_entries'

# report NAME VCPU FILTER: of a rondo-vmm's report.
report()
{
	jq -c -S -r --argjson v "$2" ".vcpus[] | select(.vcpu == \$v) | $3" "$T/$1.out"
}

collect
out=$(rondo-bpfd --store "$T/store" 2>&1)
is "$?" 5 "a second one on the same store is exit status 5"
ok "and says why" grep -q "another rondo-bpfd" <<<"$out"

# Other VMs may live on this machine: ours have names of their own.
demo_name=demo-$$
bios_name=bios-$$
long_name=long-$$

# stolen: what the machine itself was robbed of on CPU 0, in ns; schedstat's CPU time leaves it out.
stolen()
{
	echo $(($(awk '$1 == "cpu0" { print $9 }' /proc/stat) * 1000000000 / $(getconf CLK_TCK)))
}

# Read while the vCPU threads sleep after the guest's end: what waits a thread has when it is woken
# for its own end is steal as well, but comes after the report.
stolen=$(stolen)
start demo rondo-vmm --guest pio --count 4999 --cpus 2 --pin 0 --name "$demo_name" --linger 6 --json
demo=$pid
wait_for 20 jq -e .status "$T/demo.out" || bail "rondo-vmm runs" "$(cat "$T/demo.err")"
stolen=$(($(stolen) - stolen))
sleep 2.2
for v in 0 1; do
	who="instance=\"$demo_name\",vcpu=\"$v\""
	is "$(stored "vcpu_userspace_exits_total{$who}" "$by_reason")" "$(report demo $v .exits)" \
		"vCPU $v: userspace exits by reason are the VMM's own count"
	steal=$(stored "vcpu_steal_ns{$who}")
	if [ "$(report demo $v .baseline_exact)" = true ]; then
		is "$steal" "$(report demo $v '.steal_end_ns - .steal_baseline_ns')" \
			"vCPU $v: steal is schedstat's, to the nanosecond"
	else
		skip "vCPU $v: steal is schedstat's, to the nanosecond" \
			"it was preempted while the baseline was read"
	fi
	ok "vCPU $v: there was steal" [ "$steal" -gt 1000000 ]
	parts=0
	for part in run guest exit; do
		ns=$(stored "vcpu_${part}_ns{$who}")
		[ "$ns" = none ] || parts=$((parts + ns))
	done
	user=$(stored "vcpu_userspace_ns{$who}")
	cpu=$(report demo $v '.cpu_end_ns - .cpu_baseline_ns')
	within $((parts + user)) "$cpu" $((cpu / 50 + 3000000 + stolen)) \
		"vCPU $v: run and userspace time are CPU time, but for what the machine was robbed of"
	halted=$(stored "vcpu_halted_ns{$who}")
	blocked=$(stored "vcpu_blocked_ns{$who}")
	diag "vCPU $v: steal $steal, run $parts, userspace $user, halted $halted, blocked $blocked"
done
finish "$demo" 20
is "$?" 0 "rondo-vmm came to its end"

# An unmodified VM that starts and dies while we collect: SeaBIOS without a disk.
if command -v qemu-system-x86_64 >/dev/null; then
	start qemu qemu-system-x86_64 -name "guest=$bios_name,debug-threads=on" -enable-kvm \
		-cpu host,-arch-capabilities -M pc -m 32 -nodefaults -nographic
	qemu=$pid
	selector='{instance="'$bios_name'"}'
	for ((i = 0; i < 60; i++)); do
		[ "$(stored "vcpu_steal_ns$selector" '.series | length' 2>/dev/null)" = 1 ] && break
		sleep 0.5
	done
	sleep 4
	kill -KILL "$qemu"
	wait "$qemu" 2>/dev/null
	ended=$(date +%s)
	sleep 1.5
	exits=$(stored "vcpu_userspace_exits_total$selector")
	on_cpu=$(stored '{__name__=~"vcpu_(run|guest|exit)_ns",instance="'$bios_name'"}')
	ok "QEMU's VM is there under its -name: $exits userspace exits" [ "${exits/none/0}" -gt 100 ]
	ok "and has run for $((${on_cpu/none/0} / 1000000)) ms" [ "${on_cpu/none/0}" -gt 1000000 ]
	read -r points span last < <(stored "vcpu_steal_ns$selector" '[.series[0].points[][0] / 1e9] |
		"\(length) \(last - first + 1 | round) \(last | floor)"')
	ok "it has a point for each of its seconds ($points of $span)" \
		[ "$points $((points >= 4))" = "$span 1" ]
	ok "and none after" [ "$last" -le "$ended" ]
	ok "its end was noticed" grep -q "VM $bios_name: vCPU 0 ends" "$T/rondo-bpfd.err"
else
	skip "QEMU's VM is there under its -name" "no qemu-system-x86_64"
fi

# kill -9: what was stored stays; the next one goes on from there, and adds nothing of what it did not see.
begun=$(date +%s%N)
start long rondo-vmm --guest spin --duration 14 --cpus 1 --name "$long_name" --json
long=$pid
sleep 3.5
kill -KILL "$collector"
wait "$collector" 2>/dev/null
lived=$(($(date +%s%N) - begun))
before=$(stored '{__name__=~"vcpu_.*_ns",instance="'$long_name'"}')
# All but the VM's start and the second that was not over: 2.4 s of a busy machine's at the most.
within "$before" $((lived - 1200000000)) 1200000000 "after kill -9 its store has what it had seen"
is "$(stored 'vcpu_userspace_exits_total{instance="'$demo_name'"}')" \
	"$(jq '[.vcpus[].exits[]] | add' "$T/demo.out")" "and all of the VM before"
sleep 2.5
collect
finish "$long" 20
sleep 1.2
kill -TERM "$collector"
finish "$collector" 10
is "$?" 0 "rondo-bpfd ends clean on SIGTERM"
for name in steal run guest userspace blocked; do
	most=$(stored "vcpu_${name}_ns{instance=\"$long_name\"}" '[.series[].points[][1]] | max // 0')
	ok "vcpu_${name}_ns: no tick has more than a second ($most)" [ "$most" -le 1001000000 ]
done
steps=$(stored 'vcpu_steal_ns{instance="'$long_name'"}' '[.series[0].points[][0]] | [.[1:], .[:-1]] | transpose | map((.[0] - .[1]) / 1e9 | round) | map(select(. != 1)) | length')
is "$steps" 1 "a restart is one gap"

# The kernel of some machines keeps some switches from every tracepoint; all else must be 0.
is "$(stored 'collector_events_lost_total{cause!="missed_switch"}' '[.series[] |
	{key: .labels.cause, value: ([.points[][1]] | add)} | select(.value != 0)] | from_entries')" \
	"{}" "no events lost"
diag "missed switches: $(stored 'collector_events_lost_total{cause="missed_switch"}')"
done_testing

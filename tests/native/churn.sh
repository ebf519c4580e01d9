#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# VMs that come and go while rondo-bpfd collects: 2,000 of them of about 30 ms, 8 at a time; 200 at once;
# VMs that are killed, stopped, paused; that fork; that slept in HLT long before it began. Each has its name
# and its exact number of userspace exits, which the VM itself reports. The collector doesn't grow.
#
# timeout: 180

. "$(dirname "$0")/../lib.sh"
need jq
churn=$BUILD/tests/churn

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
[ "$(id -u)" = 0 ] || skip_all "it needs root"
[ -w /dev/kvm ] || skip_all "/dev/kvm is not here, or not ours"
rondo-bpfd --check >"$T/check" 2>&1 || skip_all "$(tail -n 1 "$T/check")"

# A child's descriptors, and what it has in memory of its own, in kB.
descriptors() # but the one that is there while BPF programs are measured
{
	find "/proc/$collector/fd" -mindepth 1 ! -lname "*bpf-stats*" 2>/dev/null | wc -l
}
own_memory()
{
	awk '$1 == "RssAnon:" { print $2 }' "/proc/$collector/status"
}

# query SELECTOR FILTER: of all that the store has.
query()
{
	rondo-bpf-cli query "$T/store" "$1" --format json --range all --tier 0 --function "${3:-sum}" |
		jq -r "$2"
}

# Names and sums of userspace exits of the VMs whose names begin so.
exits_of()
{
	query "vcpu_userspace_exits_total{instance=~\"$1-.*\"}" \
		'.series[] | "\(.labels.instance) \([.points[][1]] | add)"' |
		awk '{ sum[$1] += $2 } END { for (name in sum) print name, sum[name] }' | sort
}

# How many VMs of a name have lived; how many of them live.
lives()
{
	rondo-bpf-cli list --json "$T/store" "vm_info{instance=~\"$1\"}" | jq '.series | length'
}
alive()
{
	rondo-bpf-cli list --json "$T/store" "vm_info{instance=~\"$1\"}" |
		jq '[.series[] | select(.retired | not)] | length'
}

run=r$$

# They run, or sleep, already.
start halted "$churn" --halt --prefix "halted-$run" --ms 9000
start early "$churn" --prefix "early-$run" --ms 9000 --exits 997
early=$pid
sleep 1

start rondo-bpfd rondo-bpfd -v --store "$T/store" --groups none,+userspace-exits --max-vcpus 2400 \
	--tiers 1s/4m,10s/10m
collector=$pid
wait_for 20 grep -q "collecting into" "$T/rondo-bpfd.err" || bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"
sleep 1.2
is "$(alive "(halted|early)-$run-0")" 2 "VMs that were there before are there within a tick, the one that sleeps in HLT, too"

"$churn" --count 1000 --at-once 8 --ms 30 --prefix "$run" | sort >"$T/want"
sleep 0.2
fds=$(descriptors) memory=$(own_memory)
"$churn" --count 1000 --at-once 8 --ms 30 --prefix "2$run" | sort >>"$T/want"
sort -o "$T/want" "$T/want"
sleep 1.3
is "$(wc -l <"$T/want")" 2000 "2,000 VMs came to their end"
{ exits_of "$run"; exits_of "2$run"; } | sort >"$T/got"
is "$(diff "$T/want" "$T/got" | head -n 20)" "" "each is on record with its name and its exact number of userspace exits"
is "$(lives "2?$run-.*")" 2000 "each has a vm_info"
is "$(alive "2?$run-.*")" 0 "and all their series are retired"
is "$(descriptors)" "$fds" "the second thousand costs no descriptor"
within "$(own_memory)" "$memory" 6000 "and no memory but for what the store keeps of a thousand names (kB)"

# All at once.
size=$(du -sb --exclude "events.jsonl*" "$T/store" | cut -f 1)
"$churn" --count 200 --at-once 200 --ms 3000 --exits 101 --prefix "at-once-$run" | sort >"$T/want"
sleep 1.3
is "$(diff "$T/want" <(exits_of "at-once-$run") | head -n 20)" "" "200 at once, for 3 s: the same"
is "$(du -sb --exclude "events.jsonl*" "$T/store" | cut -f 1)" "$size" "the store has not grown"

# Its child inherits all descriptors, and lives on for a second.
"$churn" --fork --prefix "fork-$run" --ms 1500 >"$T/want"
sleep 0.5
is "$(lives "fork-$run.*")" 1 "the child of a VMM that forks is no VM"
sleep 0.8
is "$(alive "fork-$run.*")" 0 "and keeps none alive"
is "$(exits_of "fork-$run")" "$(cat "$T/want")" "its exits are counted once"

# Stopped: its threads sleep, for another reason than HLT. Then killed.
start stop rondo-vmm --guest spin --duration 60 --cpus 1 --name "stop-$run"
vmm=$pid
sleep 1.5
kill -STOP "$vmm"
sleep 3.2
kill -CONT "$vmm"
sleep 1.2
kill -KILL "$vmm"
wait "$vmm" 2>/dev/null
sleep 1.3
ok "stopped, it is blocked" [ "$(query "vcpu_blocked_ns{instance=\"stop-$run\"}" \
	'[.series[].points[][1] | select(. > 9e8)] | length')" -ge 2 ]
is "$(alive "stop-$run")" 0 "killed, it has ended"

# QEMU's own pause.
if command -v qemu-system-x86_64 >/dev/null; then
	mkfifo "$T/monitor.in" "$T/monitor.out"
	exec 7<>"$T/monitor.in" 8<>"$T/monitor.out"
	start qemu qemu-system-x86_64 -name "guest=paused-$run" -enable-kvm -cpu host,-arch-capabilities \
		-M pc -m 32 -nodefaults -nographic -monitor "pipe:$T/monitor"
	qemu=$pid
	wait_for 20 grep -q "VM paused-$run: vCPU" "$T/rondo-bpfd.err"
	sleep 1
	echo stop >&7
	sleep 3.2
	echo cont >&7
	sleep 1.3
	ok "paused, it is blocked" [ "$(query "vcpu_blocked_ns{instance=\"paused-$run\"}" \
		'[.series[].points[][1] | select(. > 9e8)] | length')" -ge 2 ]
	is "$(alive "paused-$run")" 1 "resumed, it is still the same"
	kill -KILL "$qemu"
	wait "$qemu" 2>/dev/null
else
	skip "paused, it is blocked" "no qemu-system-x86_64"
fi

finish "$early" 20
sleep 1.3
halted=$(query "vcpu_halted_ns{instance=\"halted-$run-0\"}" '[.series[].points[1:-1][][1]] | "\(length) \(map(select(. > 999e6)) | length)"')
ok "the VM that sleeps in HLT is halted for all of each second ($halted)" \
	[ "${halted% *}" -ge 5 -a "${halted#* }" = "${halted% *}" ]
lost=$(query 'collector_events_lost_total{cause!="missed_switch"}' '[.series[].points[][1]] | add')
is "$lost" 0 "nothing was lost"
diag "missed switches: $(query 'collector_events_lost_total{cause="missed_switch"}' '[.series[].points[][1]] | add')"
kill -TERM "$collector"
finish "$collector" 10
is "$?" 0 "rondo-bpfd ends clean"
done_testing

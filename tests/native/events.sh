#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpfd --events: each return of KVM_RUN as a line, as many as the VMM itself counted; waits; filters; what
# happens when nobody reads. In the nested ground (tests/nested/50-events.sh) the same for hardware exits.

. "$(dirname "$0")/../lib.sh"
need jq

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
[ "$(id -u)" = 0 ] || skip_all "it needs root"
[ -w /dev/kvm ] || skip_all "/dev/kvm is not here, or not ours"
rondo-bpfd --check >"$T/check" 2>&1 || skip_all "$(tail -n 1 "$T/check")"
name=events-$$

# stream NAME OPTION...: in the background; returns when it has begun.
stream()
{
	start "$1" rondo-bpfd --events --filter "$name" "${@:2}"
	streams+=("$pid")
	wait_for 20 grep -q "streaming events" "$T/$1.err" || bail "$1 starts" "$(cat "$T/$1.err")"
}
streams=()
stream all --json
stream text
stream one --json --vcpu 1 --kinds userspace --reasons 'io'
stream long --json --kinds steal,userspace --min-latency 3ms
stream others --json --reasons '!io'
rondo-vmm --guest pio --count 1009 --cpus 2 --pin 0 --name "$name" --linger 1 --json >"$T/vmm" ||
	bail "rondo-vmm runs"
# Another VM, which nobody asked for.
rondo-vmm --guest pio --count 11 --cpus 1 --name "other-$$" --json >"$T/vmm.out"
sleep 0.3
for p in "${streams[@]}"; do
	kill -TERM "$p"
	finish "$p" 5
	is "$?" 0 "--events ends clean"
done

ok "each line is JSON" jq -e . "$T/all.out"
count()
{
	jq -s "[.[] | select(.vm == \"$name\" and .event == \"userspace\" and .reason == \"io\" $2)] | length" "$T/$1.out"
}
is "$(jq -r .vm "$T/all.out" | sort -u)" "$name" "only of the VM that was asked for"
for v in 0 1; do
	is "$(count all "and .vcpu == $v")" "$(jq ".vcpus[$v].exits.io" "$T/vmm")" \
		"vCPU $v: as many lines as the VMM counted returns"
	steal=$(jq -s "[.[] | select(.event == \"steal\" and .vcpu == $v).ns] | add" "$T/all.out")
	# The VMM looks at schedstat after it has begun, and before its end.
	want=$(jq ".vcpus[$v] | .steal_end_ns - .steal_baseline_ns" "$T/vmm")
	ok "vCPU $v: its waits add up to its steal ($steal, the VMM saw $want)" \
		[ "$steal" -ge "$want" -a "$steal" -le $((want + 500000000)) ]
done
is "$(grep -c "Z $name/[01] cpu [0-9]* userspace io [0-9]* ns" "$T/text.out")" "$(count all "")" "the same as text"
is "$(count one "and .vcpu == 1") $(wc -l <"$T/one.out")" "1009 1009" "--vcpu, --kinds and --reasons"
is "$(jq -s '[.[] | select(.reason == "io")] | length' "$T/others.out")" 0 "reasons that are left out"
is "$(jq -s '[.[] | select(.ns < 3000000 and .off_ns < 3000000)] | length' "$T/long.out")" 0 "--min-latency: none that is shorter"
is "$(jq -s 'length' "$T/long.out")" \
	"$(jq -s '[.[] | select(.ns >= 3000000 or .off_ns >= 3000000)] | length' "$T/all.out")" "and all that are longer"
is "$(cat "$T"/*.err | grep -c lost)" 0 "nothing was lost"

rondo-bpfd --events --filter "$name" >/dev/full 2>"$T/full.err" &
p=$!
wait_for 20 grep -q "streaming events" "$T/full.err"
rondo-vmm --guest pio --count 11 --cpus 1 --name "$name" --json >"$T/vmm.out"
finish "$p" 5
is "$?" 1 "a full device is a failure"
done_testing

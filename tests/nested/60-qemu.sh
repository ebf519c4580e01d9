#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 400
#
# An unmodified guest: Debian's own kernel under QEMU with KVM, two vCPUs on one CPU: booted, idle, busy, doing
# I/O. Its budget closes, its steal is what its own /proc/stat says, its store exports. The exact counts
# are 20-exits.sh's.

. "$(dirname "$0")/../lib.sh"
[ -n "${RONDO_TEST_LONG:-}" ] || skip_all "the emulated CPUs don't stand a Linux guest every time; make test-full has it"
. "$(dirname "$0")/common.sh"
need jq qemu-system-x86_64 cpio

version=${GROUND#nested-}
kernel=$(echo "$BUILD/ground/kernel-$version"/boot/vmlinuz-*)
[ -r "$kernel" ] || skip_all "$kernel is not here"

# In the guest: says each part on its console, with its own /proc/stat when all is quiet.
mkdir -p "$T/root/bin" "$T/root/proc" "$T/root/dev"
cp "$(command -v busybox)" "$T/root/bin/busybox"
cat >"$T/root/init" <<'EOF'
#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
# So that both have ticks, and account what they were robbed of before.
tick() { for m in 1 2; do taskset $m sh -c 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done'; done; }
# Printing makes QEMU's other threads busy on the same CPU: not near the reading.
stat() { sleep 2; tick; s=$(grep '^cpu[0-9]' /proc/stat | sed 's/^/guest: /'); sleep 3; echo "guest: stat $1"; echo "$s"; sleep 1; }
echo "guest: up"
stat idle
taskset 1 sh -c 'end=$(($(cut -d. -f1 /proc/uptime) + 5)); while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do :; done' &
taskset 2 sh -c 'end=$(($(cut -d. -f1 /proc/uptime) + 5)); while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do :; done' &
wait
stat busy
dd if=/dev/zero of=/dev/ttyS0 bs=1 count=503 2>/dev/null
echo
stat io
echo "guest: done"
sleep 600
EOF
chmod 755 "$T/root/init"
(cd "$T/root" && find . | cpio -o -H newc --quiet -R 0:0) >"$T/initrd"

# role_ns ROLE: CPU time of the VM's threads that are no vCPUs
role_ns()
{
	jq -n --arg r "$1" '[inputs | select(.name == "vm_thread_cpu_ns" and .labels.instance == "debian" and
		.labels.role == $r) | .sum] | add // 0' "$T/sums.json"
}

collector_start
start qemu taskset -c 0 qemu-system-x86_64 -name guest=debian,debug-threads=on -enable-kvm -cpu host -smp 2 -m 192 -nodefaults \
	-no-user-config -display none -serial stdio -kernel "$kernel" -initrd "$T/initrd" \
	-append "console=ttyS0 panic=-1 quiet loglevel=2 tsc=reliable"
qemu=$pid
# A second's begin in the three in which all rest, after the guest's reading and before it says so.
said()
{
	wait_for 240 grep -aq "guest: $1" "$T/qemu.out" ||
		bail "the guest comes up, works and rests" "$(tail -n 20 "$T/qemu.out" "$T/qemu.err")"
	at=$(($(date +%s) - 1))
}
said "stat idle"
from=$at
said "stat busy"
to=$at
said "done"
pass "the guest came up, worked and rests"
diag "$SECONDS s: the guest is done"
sleep 2.5
kill -STOP "$qemu"
sleep 1.5
# Its vCPU threads don't run any more: what the scheduler has of them is final.
diag "$(tr -d '\r\0' <"$T/qemu.out" | grep -a guest:)"
declare -A waited
for t in /proc/"$qemu"/task/*; do
	v=$(sed -n 's|^CPU \([0-9]*\)/KVM$|\1|p' "$t/comm")
	[ -z "$v" ] || waited[$v]=$(cut -d" " -f2 "$t/schedstat")
done
kill -CONT "$qemu"
kill -KILL "$qemu"
wait "$qemu" 2>/dev/null
sleep 1.2
collector_stop

for v in 0 1; do
	who="vCPU $v"
	sum=0
	for part in guest exit userspace halted blocked steal; do
		ns=$(stored vcpu_${part}_ns debian $v)
		diag "$who: $part $ns ns"
		sum=$((sum + ${ns/none/0}))
		[ $part != steal ] || steal=$ns
	done
	# Each point is a second, but for the first and the last.
	points=$(jq --arg v $v '[.series[] | select(.name == "vcpu_steal_ns" and .labels.vcpu == $v)] |
		.[0].points | length' "$T/all.json")
	ok "$who: the parts add up to its life ($sum ns in $points seconds)" \
		test "$sum" -le $((points * 1000000000)) -a "$sum" -ge $(((points - 2) * 1000000000))
	ok "$who: exits of many kinds: $(stored vcpu_exits_total debian $v class)" \
		test "$(jq length <<<"$(stored vcpu_exits_total debian $v class)")" -ge 4
	is "$(jq -c 'keys | map(select(startswith("unknown")))' <<<"$(stored vcpu_reason_exits_total debian $v reason)")" \
		"[]" "$who: none without a name"
	ok "$who: it was given interrupts, by KVM's own count" \
		test "$(stored vcpu_interrupts_injected_total debian $v)" -gt 0
	if [ -n "${waited[$v]:-}" ]; then
		# The thread waited before its first KVM_RUN, too.
		ok "$who: steal ($steal ns) is schedstat's (${waited[$v]} ns), but for what was before" \
			test "$steal" -le $((waited[$v] + 5000000)) -a \
			$((steal + steal / 20 + 100000000)) -ge "${waited[$v]}"
	else
		skip "$who: steal is schedstat's" "QEMU doesn't name its threads"
	fi
	# The last column that counts, in hundredths of a second, between two readings while it rests.
	ticks=$(tr -d '\r\0' <"$T/qemu.out" | awk -v c="cpu$v" '/^guest: stat/ { n++ }
		$2 == c { s[n] = $10 } END { print s[2] - s[1] }')
	stolen=$(jq --arg v $v --argjson from "$from" --argjson to "$to" '[.series[] |
		select(.name == "vcpu_steal_ns" and .labels.vcpu == $v) | .points[] |
		select(.[0] >= $from * 1e9 and .[0] < $to * 1e9) | .[1]] | add // 0 | round' "$T/all.json")
	# Two ticks, and two hundredths for what the host's seconds cut off.
	within $((ticks * 10)) $((stolen / 1000000)) $((stolen / 50000000 + 20)) \
		"$who: the guest's own /proc/stat has this steal, in ms"
	ok "$who: it was robbed while both spun" test "$stolen" -gt 500000000
done
is "$(jq 'add // 0' <<<"$(by_kind debian)")" \
	"$(($(stored vcpu_steal_ns debian 0) + $(stored vcpu_steal_ns debian 1)))" \
	"steal by culprit adds up, to the nanosecond"
ok "QEMU's other threads are there" test "$(role_ns emulator)" -gt 0
ok "it exports" rondo-bpf-cli export "$T/store" --format openmetrics -o "$T/om.txt"
is "$(tail -n 1 "$T/om.txt")" "# EOF" "to its end"
ok "under its exported names" grep -q '^kvm_vcpu_steal_seconds_total{.*vm="debian"' "$T/om.txt"
is "$(stored collector_events_lost_total "" "" cause)" "{}" "no events lost"
done_testing

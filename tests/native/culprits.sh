#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Who stole: VM against VM against a hog of the host on one CPU; a vCPU that wakes up behind a hog; one
# that is moved to and fro; thousands of short processes; a CPU quota alone. The parts add up to the steal
# to the nanosecond each time, whatever else this machine does; each part has an oracle of its own. Also
# run in the nested ground.
#
# timeout: 240

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need jq taskset

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
[ "$(id -u)" = 0 ] || skip_all "it needs root"
[ -w /dev/kvm ] || skip_all "/dev/kvm is not here, or not ours"
rondo-bpfd --check >"$T/check" 2>&1 || skip_all "$(tail -n 1 "$T/check")"

cpu=$(awk '/^Cpus_allowed_list/ { sub(/.*[,-]/, "", $2); print $2 }' /proc/self/status)
seconds=3
[ "$GROUND" = native ] || seconds=7
start rondo-bpfd rondo-bpfd -v --store "$T/store" --max-vcpus 128
collector=$pid
wait_for 60 grep -q "collecting into" "$T/rondo-bpfd.err" ||
	bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"

# A hog of its own name, so that it can be told from other processes here.
cp "$(command -v bash)" "$T/thief-$$" 2>/dev/null
hog()
{
	start hog taskset -c "$cpu" "$T/thief-$$" -c 'while :; do :; done'
	hog=$pid
}

# on_cpu PID: its CPU time in ns
on_cpu()
{
	cut -d' ' -f1 "/proc/$1/schedstat"
}

# vm NAME OPTION...: a VM until it ends by itself; $pid is the VMM's.
vm()
{
	start "$1" rondo-vmm --name "$1-$$" --json --linger 0 "${@:2}"
}

# Two VMs and a hog share a CPU.
hog
before=$(on_cpu "$hog")
vm a --guest spin --duration $seconds --pin "$cpu"
a=$pid
vm b --guest spin --duration $seconds --pin "$cpu"
finish "$a" 60
during=$(on_cpu "$hog")
finish "$pid" 60
after=$(on_cpu "$hog")
kill -KILL "$hog"
wait "$hog" 2>/dev/null
hog_a=$((during - before))
hog_all=$((after - before))

# A vCPU that sleeps half of the time, and each time wakes up behind a hog.
hog
before=$(on_cpu "$hog")
vm wakes --guest hlt --count 211 --halt-us 3000 --pin "$cpu"
finish "$pid" 60
hog_wakes=$(($(on_cpu "$hog") - before))

# Moved between two CPUs while it waits: both have hogs.
if [ "$(nproc)" -ge 2 ]; then
	other=$((cpu ? cpu - 1 : 1))
	start hog2 taskset -c "$other" "$T/thief-$$" -c 'while :; do :; done'
	hog2=$pid
	vm moves --guest spin --duration $seconds
	moves=$pid
	while kill -0 "$moves" 2>/dev/null; do
		taskset -a -p -c "$cpu" "$moves" >/dev/null 2>&1
		sleep 0.01
		taskset -a -p -c "$other" "$moves" >/dev/null 2>&1
		sleep 0.01
	done
	finish "$moves" 60
	kill -KILL "$hog2"
	wait "$hog2" 2>/dev/null
fi
kill -KILL "$hog"
wait "$hog" 2>/dev/null

# Thousands of processes that live for a millisecond.
vm short --guest spin --duration $seconds --pin "$cpu"
# shellcheck disable=SC2016 # the other shell's
taskset -c "$cpu" "$BASH" -c 'n=0; while kill -0 '"$pid"' 2>/dev/null; do /bin/true; n=$((n + 1)); done
	echo $n' >"$T/short.n"
finish "$pid" 60

# A quota of a fifth, and nobody else who wants the CPU, if there is one.
quota=none
v1=$(awk '$3 ~ /^cgroup$/ && $4 ~ /(^|,)cpu(,|$)/ { print $2; exit }' /proc/mounts)
v2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
if [ -n "$v1" ] && mkdir "$v1/rondo-$$" 2>/dev/null; then
	quota=$v1/rondo-$$
	echo 20000 >"$quota/cpu.cfs_quota_us" || quota=none
elif [ -n "$v2" ] && echo +cpu >"$v2/cgroup.subtree_control" && mkdir "$v2/rondo-$$"; then
	quota=$v2/rondo-$$
	echo "20000 100000" >"$quota/cpu.max" || quota=none
fi 2>/dev/null
if [ "$quota" != none ]; then
	later "rmdir $quota"
	start quota "$BASH" -c "echo \$\$ >$quota/cgroup.procs; exec $BUILD/bin/rondo-vmm \
		--name quota-$$ --json --linger 0 --guest spin --duration $seconds"
	finish "$pid" 60
	throttled=$(awk '$1 == "throttled_time" { print $2 } $1 == "throttled_usec" { print $2 * 1000 }' \
		"$quota/cpu.stat")
fi

sleep 1.2
kill -TERM "$collector"
finish "$collector" 20
is $? 0 "rondo-bpfd ends clean on SIGTERM"
rondo-bpf-cli query "$T/store" --format json --range all --tier 0 --function sum \
	'{__name__=~"vm_steal_by_ns|vcpu_steal_ns|vm_cpu_throttled_ns|collector_events_lost_total"}' \
	>"$T/all.json" || bail "the store can be read"

# sum NAME FILTER: of a VM's series
sum()
{
	jq --arg vm "$1-$$" "[.series[] | select(.labels.instance == \$vm) | select($2) | .points[][1]] |
		add // 0 | round" "$T/all.json"
}

by='.name == "vm_steal_by_ns"'
for name in a b wakes moves short quota; do
	steal=$(sum $name '.name == "vcpu_steal_ns"')
	[ "$steal" != 0 ] || continue
	diag "$name: stolen $steal ns: $(jq -c --arg vm "$name-$$" '[.series[] |
		select(.name == "vm_steal_by_ns" and .labels.instance == $vm) |
		{key: (.labels.culprit_kind + " " + (.labels.culprit // "")), value: ([.points[][1]] | add)}] |
		from_entries' "$T/all.json")"
	is "$(sum $name "$by")" "$steal" "$name: the parts add up to its steal, to the ns"
done

thief="$by and .labels.culprit_kind == \"host\" and .labels.culprit == \"thief-$$\""
thief=${thief/thief-$$/$(echo "thief-$$" | cut -c1-15)}
a=$(sum a "$thief")
b=$(sum b "$thief")
ok "a: what the hog took ($a ns) is not more than it ran" test "$a" -le $((hog_a + hog_a / 50 + 5000000))
ok "b: what the hog took ($b ns) is not more than it ran" test "$b" -le $((hog_all + hog_all / 50 + 5000000))
steal=$(sum a '.name == "vcpu_steal_ns"')
# A spinning vCPU waits whenever the hog runs; but the hog began before, and the VM ended before.
ok "a: nor a third of that" test "$a" -ge $((hog_a / 3))
ok "a: another VM took some" test "$(sum a \
	"$by and .labels.culprit_kind == \"vm\"")" -gt $((steal / 20))
ok "b: and from b" test "$(sum b \
	"$by and .labels.culprit_kind == \"vm\"")" -gt $((steal / 20))
wakes=$(sum wakes "$thief")
ok "wakes: what it waited for the hog is less than that ran ($wakes of $hog_wakes ns)" \
	test "$wakes" -le "$hog_wakes"
if [ "$(nproc)" -ge 2 ]; then
	ok "moves: some of its waits were on the CPU that it left" \
		test "$(sum moves "$by and .labels.culprit_kind == \"moved\"")" -gt 0
else
	skip "moves: some of its waits were on the CPU that it left" "there is but one CPU"
fi
diag "$(cat "$T/short.n") short processes"
ok "short: they have few series" test "$(jq --arg vm "short-$$" \
	'[.series[] | select(.name == "vm_steal_by_ns" and .labels.instance == $vm)] | length' \
	"$T/all.json")" -le 17
if [ "$quota" != none ]; then
	steal=$(sum quota '.name == "vcpu_steal_ns"')
	idle=$(sum quota "$by and .labels.culprit_kind == \"idle\"")
	others=$(sum quota "$by and .labels.culprit_kind != \"idle\"")
	# Other processes may well run while it may not.
	ok "quota: it waited for nobody ($idle of $steal ns), but for others who ran meanwhile ($others)" \
		test $((idle + others)) -eq "$steal" -a "$steal" -gt 1000000000
	within "$(sum quota '.name == "vm_cpu_throttled_ns"')" "$throttled" $((throttled / 5 + 110000000)) \
		"quota: its throttled time is what cpu.stat says"
else
	skip "quota: it waited for nobody" "no cgroup with a CPU quota can be made here"
fi
is "$(jq -c '[.series[] | select(.name == "collector_events_lost_total" and
	.labels.cause != "missed_switch") | {key: .labels.cause, value: ([.points[][1]] | add)} |
	select(.value != 0)] | from_entries' "$T/all.json")" "{}" "no events lost"
done_testing

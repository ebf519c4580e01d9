#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-vmm on a real /dev/kvm: exact exits of each guest, steal of two vCPUs on one CPU, the store's
# sums equal to the report's, a store that fails, signals, error messages. Runs on the native and
# on the nested ground.
#
# timeout: 240

. "$(dirname "$0")/../lib.sh"
need jq rondo-vmm python3

# Errors that need no /dev/kvm.
out=$(rondo-vmm --cpus 0 2>&1)
is "$?" 2 "a bad option is exit status 2"
is "$(echo "$out" | wc -l)" 1 "and one line"
out=$(rondo-vmm --help)
is "$?" 0 "--help"
ok "--help names every option" grep -q -- --halt-us <<<"$out"
rondo-vmm --help >/dev/full 2>/dev/null
is "$?" 1 "--help to a full device fails"
if unshare -m mount -t tmpfs none /dev 2>/dev/null; then
	out=$(unshare -m sh -c 'mount -t tmpfs none /dev && exec rondo-vmm' 2>&1)
	is "$?" 1 "without /dev/kvm it fails"
	ok "and says how to get it" grep -q 'modprobe kvm_amd' <<<"$out"
else
	skip "without /dev/kvm it fails" "no mount namespace can be made here"
fi

[ -w /dev/kvm ] || { skip "all that runs a guest" "/dev/kvm is not here, or not ours"; done_testing; }
if [ "$(id -u)" = 0 ] && [ "$(stat -c %a /dev/kvm)" = 600 ] && command -v setpriv >/dev/null; then
	out=$(setpriv --reuid 65534 --regid 65534 --clear-groups "$BUILD/bin/rondo-vmm" 2>&1)
	is "$?" 1 "without rights to /dev/kvm it fails"
	ok "and says how to get them" grep -q 'usermod -aG kvm' <<<"$out"
else
	skip "without rights to /dev/kvm it fails" "needs root, setpriv and a /dev/kvm of root's"
fi

# run NAME OPTION...: a VM to its end, its report in $T/NAME.json.
run()
{
	local name=$1
	shift
	if ! timeout 100 rondo-vmm --json --name "$name" "$@" >"$T/$name.json" 2>"$T/$name.err"; then
		diag "rondo-vmm $*: failed" "$(cat "$T/$name.err" "$T/$name.json")"
		return 1
	fi
}

# get NAME FILTER: from that report.
get()
{
	jq -c -r "$2" "$T/$1.json"
}

# The guests, one by one: what was asked for, one HLT at the end, one priming run, nothing else.
run pio --guest pio --count 1999 --cpus 2
is "$(get pio '[.vcpus[].exits]')" \
	'[{"io":1999,"hlt":1,"intr":1},{"io":1999,"hlt":1,"intr":1}]' "pio: exact exits"
run mmio --guest mmio --count 997 --cpus 2
is "$(get mmio '[.vcpus[].exits]')" \
	'[{"hlt":1,"mmio":997,"intr":1},{"hlt":1,"mmio":997,"intr":1}]' "mmio: exact exits"
run hlt --guest hlt --count 499 --halt-us 1000
is "$(get hlt '[.vcpus[].exits]')" '[{"hlt":500,"intr":1}]' "hlt: exact exits"
halted=$(get hlt .vcpus[0].halted_ns)
ok "hlt: 499 sleeps of 1 ms take at least that ($halted ns)" test "$halted" -ge 499000000
ok "hlt: what halted is in the time between runs" \
	test "$(get hlt .vcpus[0].exit_ns)" -ge "$halted"
run spin --guest spin --duration 0.5
is "$(get spin '[.vcpus[].exits]')" '[{"hlt":1,"intr":1}]' "spin: no exit but its end"
ok "spin: lasts its time" test "$(get spin .wall_ns)" -ge 490000000
run msr --guest msr=499,cpuid=97 --cpus 2
is "$(get msr '[.vcpus[].exits]|unique')" '[{"hlt":1,"intr":1,"x86_wrmsr":499}]' \
	"msr: exact exits; cpuid: none to the VMM"
if grep -qwE 'vmx|svm' /proc/cpuinfo; then
	run hypercall --guest hypercall=101
	is "$(get hypercall '.vcpus[0].exits')" '{"hlt":1,"intr":1}' "hypercall: none to the VMM"
else
	out=$(timeout 20 rondo-vmm --guest hypercall=1 2>&1)
	is "$?/$(wc -l <<<"$out")" 1/1 "hypercall: refused where the processor has none"
fi
run list --guest pio=97,spin,mmio=89,pio=3,hlt=7 --duration 2.5
is "$(get list '[.vcpus[].exits]')" '[{"io":100,"hlt":8,"mmio":89,"intr":1}]' \
	"a list of parts: exact exits"
ok "a list of parts: spread over its time" test "$(get list .wall_ns)" -ge 2490000000
is "$(get list .status)" ok "a list of parts: the devices saw every event in order"
run sixteen --guest pio=97 --cpus 16
is "$(get sixteen '[.vcpus[].exits.io]|add')" $((16 * 97)) "sixteen vCPUs"

# Steal: two vCPUs on one CPU. Recorded, so that the store can be compared.
cpu=$(awk '/^Cpus_allowed_list/ { sub(/.*[,-]/, "", $2); print $2 }' /proc/self/status)
store=$T/store
run steal --guest pio=499,mmio=199,hlt=97,spin --duration 3 --cpus 2 --pin "$cpu" --store "$store"
is "$(get steal '[.vcpus[].exits]|unique')" '[{"io":499,"hlt":98,"mmio":199,"intr":1}]' \
	"two vCPUs on one CPU: exact exits"
is "$(get steal '[.vcpus[].baseline_exact]')" '[true,true]' "their steal starts at a known figure"
for v in 0 1; do
	steal=$(get steal ".vcpus[$v]|.steal_end_ns-.steal_baseline_ns")
	ok "vCPU $v: more than a quarter of the time is steal ($steal ns)" test "$steal" -gt 750000000
	if [ "$(get steal ".vcpus[$v]|has(\"guest_steal_ns\")")" = true ]; then
		within "$(get steal ".vcpus[$v].guest_steal_ns")" \
			"$(get steal ".vcpus[$v].steal_end_ns")" 50000000 \
			"vCPU $v: the guest sees the same steal, up to its last entry"
	else
		skip "vCPU $v: the guest sees the same steal" "this KVM offers no steal time"
	fi
done

# stored NAME VCPU [REASON]: the sum over a series' ticks.
stored()
{
	rondo-bpf-cli query "$store" "$1{vcpu=\"$2\"${3:+,reason=\"$3\"}}" --format json \
		--range all --tier 0 --function sum | jq '[.series[].points[][1]]|add'
}

# histogram NAME VCPU: sum and count of all its ticks, by the second reader.
histogram()
{
	python3 "$SRC/tests/reader/read_store.py" "$store" --tier 0 --function histogram |
		jq -c --arg name "$1" --arg vcpu "$2" '[.series[] |
			select(.name == $name and .labels.vcpu == $vcpu) | .points[][1]] |
			[([.[].sum]|add|round), ([.[].count]|add|round)]'
}

is "$(get steal .recorded)" true "the VM was recorded"
for v in 0 1; do
	for reason in io mmio hlt intr; do
		is "$(stored vcpu_exits_total $v $reason)" "$(get steal ".vcpus[$v].exits.$reason")" \
			"vCPU $v: stored $reason exits equal the report's"
	done
	is "$(stored vcpu_run_duration_ns $v)" "$(get steal ".vcpus[$v].kvm_run_ns")" \
		"vCPU $v: stored time in KVM_RUN equals the report's"
	# Of all returns but the last there was a way back to the guest; the priming run's begins anew.
	is "$(histogram vcpu_exit_duration_ns $v)" \
		"$(get steal ".vcpus[$v]|[.exit_ns, ([.exits[]]|add) - 2]")" \
		"vCPU $v: stored time between runs, and its parts' number, equal the report's"
	is "$(stored kvm_stat_exits_total $v)" "$(get steal ".vcpus[$v].kvm_exits")" \
		"vCPU $v: stored exits by KVM's own count equal the report's"
	is "$(stored vcpu_steal_ns $v)" \
		"$(get steal ".vcpus[$v]|.steal_end_ns-.steal_baseline_ns")" \
		"vCPU $v: stored steal equals schedstat's to the nanosecond"
done

# A store that can't be used: a warning, and the guest runs all the same.
no_store()
{
	run broken --guest pio=97 --store "$2"
	is "$(get broken '[.status,.recorded,.vcpus[0].exits.io]')" '["ok",false,97]' "$1: the guest runs"
	is "$(grep -c 'warning: runs without recording' "$T/broken.err")/$(wc -l <"$T/broken.err")" \
		1/1 "$1: one warning"
}
no_store "a store without a parent" "$T/absent/store"
limit=$(ulimit -Sf)
ulimit -Sf 128
no_store "a limit on files' sizes" "$T/limited"
ulimit -Sf "$limit"
touch "$T/file"
no_store "a file in the store's place" "$T/file"
start holder rondo-vmm --guest hlt=1 --linger 100 --store "$store" --name steal
wait_for 10 test -s "$T/holder.out"
no_store "a store in use" "$store"
kill -TERM $pid
finish $pid 10
is "$?" 0 "SIGTERM while it lingers ends it, with success"
mkdir "$T/small"
if mount -t tmpfs -o size=64k none "$T/small" 2>/dev/null; then
	later "umount '$T/small'"
	no_store "a full disk" "$T/small/store"
else
	skip "a full disk: the guest runs" "nothing can be mounted here"
fi

# The sandbox, of each thread that is ours (KVM has kernel threads among them).
threads()
{
	local t
	for t in /proc/"$1"/task/*; do
		grep -q '^kvm' "$t/comm" || awk -v what="$2" '$1 == what { print $2 }' "$t/status"
	done | sort -u | xargs
}
has_vcpus()
{
	grep -qs vcpu0 /proc/"$pid"/task/*/comm
}
all_boxed()
{
	has_vcpus && [ "$(threads "$pid" Seccomp:)" = 2 ]
}
if [ "$(id -u)" = 0 ]; then
	start boxed rondo-vmm --guest spin --duration 1000 --cpus 2
	wait_for 10 all_boxed
	is "$(threads "$pid" Seccomp:)" 2 "every thread has a seccomp filter"
	is "$(threads "$pid" Uid:)" 65534 "and none is root's"
	is "$(threads "$pid" CapEff:)" 0000000000000000 "or has a capability"
	kill -TERM "$pid"
	finish "$pid" 5
	start unboxed rondo-vmm --guest spin --duration 1000 --no-sandbox
	wait_for 10 has_vcpus
	is "$(threads "$pid" Seccomp:)/$(threads "$pid" Uid:)" 0/0 "--no-sandbox: as we came"
	kill -TERM "$pid"
	finish "$pid" 5
else
	skip "a thread's rights" "not root: there are none to give up"
fi

# Pause, resume, reset.
cpu_times()
{
	grep -l vcpu /proc/"$pid"/task/*/comm | sed 's/comm/schedstat/' | xargs cut -d' ' -f1 | xargs
}
asleep()
{
	! grep -l vcpu /proc/"$pid"/task/*/comm | sed 's/comm/stat/' | xargs cat | grep -qv ' S '
}
start steered rondo-vmm --guest spin --duration 1000 --cpus 2
wait_for 10 has_vcpus
sleep 0.2
for i in 1 2 3; do
	kill -TSTP "$pid"
	ok "pause $i: the vCPUs come to rest" wait_for 10 asleep
	before=$(cpu_times)
	sleep 0.2
	is "$(cpu_times)" "$before" "pause $i: they don't run"
	kill -CONT "$pid"
	sleep 0.3
	[ "$(cpu_times)" != "$before" ]
	is "$?" 0 "resume $i: they run"
done
kill -TSTP "$pid"
wait_for 10 asleep
kill -TERM "$pid"
finish "$pid" 5
is "$?" 143 "a paused VM can be ended"

# Reset at many moments, asleep for a HLT or between two exits: the guest's last life is whole.
start steered rondo-vmm --guest pio=997,hlt=11,msr=89,mmio=97 --halt-us 3000 --cpus 2 --duration 2 --json
wait_for 10 has_vcpus
for i in $(seq 20); do
	sleep "0.0$((i * 4 + 10))"
	[ $((i % 4)) -ne 0 ] || kill -TSTP "$pid"
	kill -USR2 "$pid"
	[ $((i % 4)) -ne 0 ] || kill -CONT "$pid"
done
finish "$pid" 60
is "$?" 0 "reset at 20 moments: the guest comes to its end"
is "$(jq -c '[.status,(.vcpus[].exits|[.mmio,.x86_wrmsr]|map(. >= 89)|all)]' "$T/steered.out")" \
	'["ok",true,true]' "and its devices saw every event in order"
ok "port writes of its first lives were counted, too" \
	test "$(jq .vcpus[0].exits.io "$T/steered.out")" -gt 997

# Signals: at any moment, in KVM_RUN or asleep for a HLT, the VM ends at once and in order.
late=0
for i in $(seq 20); do
	start sig rondo-vmm --guest hlt=9973,pio=999983 --halt-us 300 --cpus 2 --json
	sleep "0.0$((10 + i * 4))"
	kill -TERM $pid
	finish $pid 3
	status=$?
	[ $status = 143 ] || { late=$((late + 1)); diag "round $i: exit status $status"; }
done
is $late 0 "SIGTERM at 20 moments: each time the VM ends in order"
is "$(jq -r .status "$T/sig.out")" stopped "and the report says so"
start sig rondo-vmm --guest hlt=3 --halt-us 10000000
sleep 0.3
kill -INT $pid
finish $pid 3
is "$?" 130 "SIGINT in a long HLT ends it at once"
start sig rondo-vmm --guest spin --duration 1000 --cpus 2
sleep 0.3
kill -INT $pid
finish $pid 3
is "$?" 130 "SIGINT in a spinning guest ends it at once"
# One that nobody waits for, to a thread in its sandbox, as a fault in it would be.
for how in SEGV:139 BUS:135 ABRT:134 ALRM:142 RTMAX:192; do
	start fatal rondo-vmm --guest spin --duration 1000
	wait_for 10 grep -sqx vcpu0 /proc/"$pid"/task/*/comm
	sleep 0.2
	thread=$(grep -lx vcpu0 /proc/"$pid"/task/*/comm | cut -d/ -f5)
	kill -"${how%:*}" "$thread"
	finish "$pid" 10 2>/dev/null
	is "$?/$(cat "$T/fatal.err")" "${how#*:}/" "SIG${how%:*} to a vCPU's thread ends the VM as that signal"
done
out=$(rondo-vmm --pin 1023 2>&1)
is "$?" 1 "a CPU that isn't there is an error"
is "$(echo "$out" | wc -l)" 1 "of one line"
done_testing

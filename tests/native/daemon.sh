#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpfd as a service: its settings in a file, SIGHUP, filters, a restart, 8 s of SIGSTOP with 32 vCPUs, the event
# log, groups that are dropped for their cost, the rights it needs, its systemd unit.
#
# timeout: 180

. "$(dirname "$0")/../lib.sh"
need jq

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"

# ---- what needs no rights -------------------------------------------------------------------------

is "$(rondo-bpfd --plan vcpus=48,vms=12 --json | jq '.bytes == .directory_bytes + ([.groups[].bytes] | add) and .series == ([.groups[].series] | add)')" \
	true "--plan: the groups and the directory add up"
small=$(rondo-bpfd --plan vcpus=48 --groups none --json | jq .bytes)
ok "fewer groups take less" [ "$small" -lt "$(rondo-bpfd --plan vcpus=48 --json | jq .bytes)" ]
printf 'top = 4\nmax-vcpus = nine\n' >"$T/bad.conf"
out=$(rondo-bpfd --config "$T/bad.conf" 2>&1)
is "$?" 2 "a file that is wrong is exit status 2"
ok "and the line is named" grep -q "bad.conf:2: max-vcpus nine: a number from 1 to" <<<"$out"
ok "the settings that are installed are good" rondo-bpfd --config "$SRC/tools/systemd/rondo-bpfd.conf" --plan vcpus=1
is "$(sed -n 's/^# \([a-z-]*\) = .*/\1/p' "$SRC/tools/systemd/rondo-bpfd.conf" | sort)" \
	"$(rondo-bpfd --help | sed -n 's/^  --\([a-z-]*\) [A-Z].*/\1/p' | grep -vx 'config\|plan\|proc' | { cat; echo verbose; } | sort)" \
	"they have every setting"
if command -v systemd-analyze >/dev/null; then
	sed "s|@sbindir@|$BUILD/bin|" "$SRC/tools/systemd/rondo-bpfd.service" >"$T/rondo-bpfd.service"
	is "$(systemd-analyze verify --man=no "$T/rondo-bpfd.service" 2>&1 | grep rondo-bpfd)" "" "systemd-analyze verify has nothing to say"
	level=$(systemd-analyze security --offline=yes --threshold=100 "$T/rondo-bpfd.service" 2>&1 |
		sed -n 's/.*exposure level for rondo-bpfd.service: \([0-9.]*\).*/\1/p')
	ok "systemd-analyze security: $level" [ "$(jq -n "${level:-10} <= 3")" = true ]
else
	skip "systemd-analyze verify has nothing to say" "systemd-analyze is not here"
fi

# ---- what collects --------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] || { skip "all that collects" "it needs root"; done_testing; }
[ -w /dev/kvm ] || { skip "all that collects" "/dev/kvm is not here, or not ours"; done_testing; }
rondo-bpfd --check >"$T/check" 2>&1 || { skip "all that collects" "$(tail -n 1 "$T/check")"; done_testing; }

query()
{
	rondo-bpf-cli query "$T/store" "$1" --format json --range all --tier 0 --function "${3:-sum}" | jq -r "$2"
}

# begin OPTION...: $collector is its pid.
begin()
{
	: >"$T/rondo-bpfd.err"
	start rondo-bpfd "${with_rights[@]}" "$BUILD/bin/rondo-bpfd" --config "$T/conf" --store "$T/store" "$@"
	collector=$pid
	wait_for 20 grep -q "collecting into" "$T/rondo-bpfd.err" || bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"
}
begun()
{
	[ "$(grep -c "collecting into" "$T/rondo-bpfd.err")" -ge "$1" ]
}
with_rights=()
run=d$$

# 32 vCPUs that do a known number of exits, and two that rob each other; only then is it clear who waits.
cat >"$T/conf" <<-END
	max-vcpus = 64
	outlier = 1ms
	filter = *-$run*
END
begin -v
start many "$BUILD/tests/churn" --count 4 --at-once 4 --vcpus 8 --ms 20000 --exits 4999 --prefix "many-$run"
many=$pid
start spin rondo-vmm --guest spin --duration 60 --cpus 2 --pin 0 --name "spin-$run"
spin=$pid
start hidden rondo-vmm --guest spin --duration 60 --cpus 1 --name "hidden$run"
hidden=$pid
sleep 2.5

# Stopped for eight seconds, and what it finds then goes to the seconds in which it was.
kill -STOP "$collector"
stopped=$(date +%s)
sleep 8
kill -CONT "$collector"
sleep 2.5
parts='{__name__=~"vcpu_(run|guest|exit|userspace|halted|blocked|steal)_ns",instance=~".*-'$run'.*"}'
# Seconds within the stop, for each vCPU: how much of a second its parts add up to.
seconds=$(query "$parts" "[.series[] | {key: (.labels.instance + \"/\" + .labels.vcpu), point: .points[]}] |
	map(select(.point[0] / 1e9 > $stopped and .point[0] / 1e9 < $stopped + 7)) |
	group_by([.key, .point[0]]) | map(map(.point[1]) | add)")
is "$(jq length <<<"$seconds")" $((34 * 6)) "SIGSTOP: each of 34 vCPUs has each second"
is "$(jq 'map(select(. < 999e6 or . > 1001e6)) | length' <<<"$seconds")" 0 "and each second is whole ($(jq -c '[min, max]' <<<"$seconds"))"

# Anew, with another filter; then with a file that is wrong; then it ends, and a new one begins.
sed -i 's/^top.*//' "$T/conf"
echo "top = 2" >>"$T/conf"
reloaded=$EPOCHREALTIME
kill -HUP "$collector"
ok "SIGHUP: it begins anew" wait_for 30 begun 2
# On a busy machine it takes its time to leave the kernel, and to find out what that tells.
took=$(((${EPOCHREALTIME/./} - ${reloaded/./}) / 1000000))
sleep 1.2
echo "top = two" >>"$T/conf"
kill -HUP "$collector"
ok "a file that is wrong is told of" wait_for 10 grep -q "the settings stay as they were: .*conf:.* top two" "$T/rondo-bpfd.err"
sed -i '$d' "$T/conf"
ended=$EPOCHREALTIME
kill -TERM "$collector"
finish "$collector" 10
is "$?" 0 "it ends clean"
if command -v setpriv >/dev/null; then
	with_rights=(setpriv --bounding-set "-all,+bpf,+perfmon,+sys_admin,+sys_ptrace,+dac_read_search")
	diag "from here on with the rights of the unit"
fi
begin -v
again=$(((${EPOCHREALTIME/./} - ${ended/./}) / 1000000))
((again <= took)) || took=$again
sleep 3.5
finish "$many" 30
sleep 1.3
gaps=$(query "vcpu_steal_ns{instance=\"spin-$run\"}" '[.series[] | [.points[][0]] | [.[1:], .[:-1]] | transpose |
	map(((.[0] - .[1]) / 1e9 | round) - 1)[]] | map(select(. > 0))')
ok "restarts are gaps of 2 s at the most, or of what a start takes here ($took s; $(jq -c . <<<"$gaps"))" \
	[ "$(jq "(max // 0) <= ([2, $took + 1] | max)" <<<"$gaps")" = true ]
most=$(query "$parts" '[.series[].points[][1]] | max')
ok "and no jump: no second has more than a second ($most)" [ "${most%.*}" -le 1001000000 ]
is "$(rondo-bpf-cli list "$T/store" "{instance=\"hidden$run\"}" 2>/dev/null)" "" "the filter leaves a VM out"
is "$(query "vcpu_steal_ns{instance=\"spin-$run\"}" '.series | length')" 2 "and takes others"
cap=$(awk '$1 == "CapEff:" { print $2 }' "/proc/$collector/status")
diag "effective capabilities: $cap"

kill -TERM "$collector"
finish "$collector" 10

# The event log: waits of a millisecond and more, as two spinners on one CPU have them all the time.
log=$T/store/events.jsonl
ok "each line of the event log is JSON" jq -e . "$log"
ok "it has the spinners' waits ($(wc -l <"$log") lines)" [ "$(jq -s "[.[] | select(.vm == \"spin-$run\" and .event == \"steal\")] | length" "$log")" -ge 20 ]
is "$(jq -s '[.[] | select(.ns < 1000000)] | length' "$log")" 0 "and none that is shorter than the threshold"
is "$(jq -s "[.[] | select(.vm == \"hidden$run\")] | length" "$log")" 0 "nor of a VM that was left out"
ok "the store is whole beside it" rondo-bpf-cli verify "$T/store"
is "$(query 'collector_events_lost_total{cause=~"ring_full|store_.*|event_log|slots_full|unattributed"}' '[.series[].points[][1]] | add')" 0 "nothing was lost"

# Too dear: a tick of 100 ms, and a limit below what anything takes.
rm -rf "$T/store"
begin --tick 100ms --max-overhead 0.001% --max-vcpus 8
ok "--max-overhead: histograms are dropped first" wait_for 20 grep -q "the group latency is dropped" "$T/rondo-bpfd.err"
is "$(grep -o 'the group .* is dropped' "$T/rondo-bpfd.err" | head -n 2 | sort)" \
	"$(printf 'the group %s is dropped\n' latency wakeups)" "and nothing else at first"
recorded()
{
	query 'collector_group_recorded{group="latency"}' '[.series[].points[][1]] | "\(first) \(last)"' max
}
# shellcheck disable=SC2016 # evaluated each time
wait_for 20 eval '[ "$(recorded)" = "1 0" ]'
is "$(recorded)" "1 0" "and that they are no longer recorded is on record"
kill -TERM "$collector"
finish "$collector" 10
kill -KILL "$spin" "$hidden"
wait "$spin" "$hidden" 2>/dev/null
done_testing

# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the nested tests of the collector share: running it, running guests under it and under perf,
# reading figures out of stores, reports and perf's table. Sourced after ../lib.sh. Compares nothing.

# Without this perf copies every program that it has seen into a cache, for 10 s per recording.
printf '[record]\n\tbuild-id = skip\n' >"$T/perfconfig"
export PERF_CONFIG=$T/perfconfig

# collector_start: rondo-bpfd into $T/store; returns when it says that it has begun. Programs aren't
# measured: that patches the running kernel's code, which an emulator with two CPUs does not stand every time.
collector_start()
{
	diag "$SECONDS s: starting rondo-bpfd"
	[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
	start rondo-bpfd rondo-bpfd --store "$T/store" --max-vcpus 16 --groups all --measure no
	collector=$pid
	wait_for 60 grep -qs 'collecting into' "$T/rondo-bpfd.out" "$T/rondo-bpfd.err" ||
		bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.out" "$T/rondo-bpfd.err")"
}

# collector_stop: as a service manager does; all it knows is in the store then; $T/sums.json
# gets the sum of each counter's increments.
collector_stop()
{
	local status
	diag "$SECONDS s: stopping rondo-bpfd"
	kill -TERM "$collector"
	finish "$collector" 20
	status=$?
	is "$status" 0 "rondo-bpfd ends clean on SIGTERM"
	[ $status = 0 ] || diag "$(tail -n 20 "$T/rondo-bpfd.err")"
	rondo-bpf-cli query "$T/store" --format json --range all --tier 0 --function sum \
		'{__name__!~".*_latency_ns"}' \
		>"$T/all.json" 2>"$T/query.err" || bail "the store can be read" "$(cat "$T/query.err")"
	rondo-bpf-cli query "$T/store" --format json --range all --tier 0 \
		'{__name__=~".*_longest_ns|.*_ratio"}' >"$T/levels.json"
	jq -c '.series[] | {name, labels, n: (.points | length), sum: ([.points[][1]] | add // 0 | round)}' \
		"$T/all.json" >"$T/sums.json"
}

# latencies INSTANCE VCPU: how many exits its histogram has, over the last minute; ask at once.
latencies()
{
	rondo-bpf-cli query "$T/store" "vcpu_exit_latency_ns{instance=\"$1\",vcpu=\"$2\"}" --format json \
		--range all --function count | jq '[.series[].points[][1]] | add // 0 | round'
}

# by_kind INSTANCE: a VM's steal by kind of culprit, as a JSON object.
by_kind()
{
	jq -n -S -c --arg vm "$1" '[inputs | select(.name == "vm_steal_by_ns" and .labels.instance == $vm) |
		{kind: .labels.culprit_kind, sum}] | group_by(.kind) |
		map({key: .[0].kind, value: (map(.sum) | add)}) | from_entries' "$T/sums.json"
}

# peak METRIC INSTANCE VCPU: the largest value of a gauge.
peak()
{
	jq --arg m "$1" --arg vm "$2" --arg v "$3" '[.series[] | select(.name == $m and
		.labels.instance == $vm and .labels.vcpu == $v) | .points[][1]] | max // 0 | round' "$T/levels.json"
}

# guest NAME OPTION...: starts a rondo-vmm whose whole life perf records as well, and waits for its
# report, $T/NAME.json. Its vCPU threads sleep from then on, until guest_end: so the report's figures
# are final for as long as that.
guest()
{
	local name=$1
	shift
	start "$name" perf kvm stat record -a -o "$T/$name.perf" -- "$BUILD/bin/rondo-vmm" \
		--name "$name" --linger 600 --json "$@"
	perf_pid[$name]=$pid
	wait_for 60 grep -q '}' "$T/$name.out" || bail "$name runs" "$(cat "$T/$name.err")"
	head -n 1 "$T/$name.out" >"$T/$name.json"
	diag "$SECONDS s: guest $name came to its end"
}
declare -A perf_pid

guest_end()
{
	kill -TERM "$(jq .pid "$T/$1.json")" 2>/dev/null
	finish "${perf_pid[$1]}" 20
}

# stored METRIC INSTANCE VCPU [LABEL]: the sum of all increments of that counter, an integer, or `none`
# if it was not stored. With a label a JSON object {value of the label: sum}, keys sorted, no zeros.
stored()
{
	# shellcheck disable=SC2016 # jq's variables
	local of='select(.name == $metric and .n > 0 and
		($vm == "" or (.labels.instance == $vm and .labels.vcpu == $vcpu)))'
	local args=(--arg metric "$1" --arg vm "$2" --arg vcpu "$3" --arg key "${4:-}")
	if [ $# -lt 4 ]; then
		jq -n -r "${args[@]}" "[inputs | $of | .sum] | add // \"none\"" "$T/sums.json"
	else
		jq -n -S -c "${args[@]}" "[inputs | $of | {key: .labels[\$key], value: .sum}] |
			map(select(.value != 0)) | from_entries" "$T/sums.json"
	fi
}

# report NAME VCPU EXPRESSION: jq on one vCPU's part of a report; -c form, keys sorted.
report()
{
	jq -S -c -r --argjson v "$2" ".vcpus[] | select(.vcpu == \$v) | $3" "$T/$1.json"
}

# perf_exits NAME VCPU: perf's count of exits by reason, as a JSON object. Its table comes on standard
# error where standard output is no terminal.
perf_exits()
{
	perf kvm -i "$T/$1.perf" stat report --event=vmexit --vcpu "$2" 2>&1 </dev/null |
		awk '$3 ~ /%$/ && $2 ~ /^[0-9]+$/ { print $1, $2 }' |
		jq -R -n -S -c '[inputs | split(" ") | {key: .[0], value: (.[1] | tonumber)}] | from_entries'
}

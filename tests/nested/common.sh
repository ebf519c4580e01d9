# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the nested tests of the collector share: running it, running guests under it and under perf,
# reading figures out of stores, reports and perf's table. Sourced after ../lib.sh. Compares nothing.

# Without this perf copies every program that it has seen into a cache, for 10 s per recording.
printf '[record]\n\tbuild-id = skip\n' >"$T/perfconfig"
export PERF_CONFIG=$T/perfconfig

# collector_start: rondo-bpfd into $T/store; returns when it says that it has begun.
collector_start()
{
	[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
	start rondo-bpfd rondo-bpfd --store "$T/store"
	collector=$pid
	wait_for 60 grep -qs 'rondo-bpfd: collecting into' "$T/rondo-bpfd.out" "$T/rondo-bpfd.err" ||
		bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.out" "$T/rondo-bpfd.err")"
}

# collector_stop: as a service manager does; all it knows is in the store then.
collector_stop()
{
	local status
	kill -TERM "$collector"
	finish "$collector" 20
	status=$?
	is "$status" 0 "rondo-bpfd ends clean on SIGTERM"
	[ $status = 0 ] || diag "$(tail -n 20 "$T/rondo-bpfd.err")"
}

# guest NAME OPTION...: a rondo-vmm whose whole life perf records as well; $T/NAME.json is its
# report. The vCPU threads stay a while after the report, so that its readings are final.
guest()
{
	local name=$1
	shift
	perf kvm stat record -a -o "$T/$name.perf" -- "$BUILD/bin/rondo-vmm" --name "$name" \
		--linger 2 --json "$@" >"$T/$name.json" 2>"$T/$name.err" && [ -s "$T/$name.json" ]
}

# stored SELECTOR [LABEL]: the sum of all increments of the selected counters, an integer; with a
# label a JSON object {value of the label: sum}, keys sorted. Nothing selected: `none` or {}.
stored()
{
	rondo-bpf-cli query "$T/store" "$1" --format json --range all --tier 0 --function sum \
		>"$T/query.json" 2>"$T/query.err" || echo '{"series":[]}' >"$T/query.json"
	if [ $# -eq 1 ]; then
		jq -r '[.series[].points[][1]] | if length == 0 then "none" else (add | round) end' \
			"$T/query.json"
	else
		jq -S -c --arg label "$2" '[.series[] | {key: .labels[$label],
			value: ([.points[][1]] | add // 0)}] | map(select(.value != 0)) | from_entries' \
			"$T/query.json"
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

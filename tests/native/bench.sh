#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpf-cli bench with small counts: what it prints is whole and agrees with itself, and it leaves
# nothing behind, whatever ends it. No figure is judged: that would depend on the machine's mood.

. "$(dirname "$0")/../lib.sh"
need jq
cli=rondo-bpf-cli

# What it made in $T/dir is gone.
empty()
{
	is "$(ls -A "$T/dir")" "" "$1"
}

mkdir "$T/dir"
"$cli" bench --quick --json "$T/dir" >"$T/json" 2>"$T/err" || bail "bench --quick --json" "$(cat "$T/err")"
pass "bench --quick --json"
empty "its files are gone"
check()
{
	ok "$1" jq -e "$2" "$T/json"
}
check "an array of objects with exactly these keys" \
	'all(.[]; keys == ["aim", "baseline", "baseline_value", "met", "name", "ratio", "unit", "value"])'
check "names are unique" '([.[].name] | length == (unique | length))'
check "values are numbers, none negative" 'all(.[]; (.value | type) == "number" and .value >= 0)'
check "a baseline comes with its value" \
	'all(.[]; (.baseline == null) == (.baseline_value == null) and (.baseline != null or .ratio == null))'
check "a ratio is that of the two values" \
	'all(.[] | select(.ratio); (.value / .baseline_value - .ratio) | fabs < 1e-9)'
# shellcheck disable=SC2016 # $a is for jq
check "an aim is met if the figure is at most that" \
	'all(.[] | select(.aim); (.aim | capture("^(?<of>value|ratio) <= (?<most>[0-9.]+)$")) as $a
		| .met == (.[$a.of] <= ($a.most | tonumber)))'
check "met is null where nothing is aimed at" 'all(.[]; (.aim == null) == (.met == null))'
for name in "record, hot, same tick" "record, hot, a new tick each" "add, hot, same tick" \
	    "add, four threads at once, CPU time" "tick of 30 series, batch" "tick of 1,000 series, a call each" \
	    "tick of 1,000 series, batch, cold caches" "consolidate at 1 Hz, 1,000 series" \
	    "consolidate, nothing due, 1,000 series" "read 600 points by id, same series" \
	    "read 10 points by id, same series" "register 1,000 series" "open with 1,000 series, read-only" \
	    "page faults, 60 new ticks of 1,000, prefaulted" "entering a cell, 99 % are below" "30 series x 1s/10m, 10s/6h, 5m/7d"; do
	check "there is '$name'" "any(.[]; .name == \"$name\")"
done
if grep -q 'has no writeback' "$T/err"; then
	skip "pages dirtied by a tick" "$T is on a filesystem without writeback"
else
	# 64 cells lie in a page; a row may begin in the middle of one
	check "1,000 cells side by side lie in 16 or 17 pages" \
		'any(.[]; .name == "tick of 1,000 series, pages dirtied" and .value >= 15.5 and .value <= 18)'
fi
check "the size is that of the schema" \
	'any(.[]; .unit == "bytes" and .value == 1574016 and .baseline_value == 1146240)'

# Prefaulted pages are not faulted in: whatever the machine is at, recording takes less than half the faults.
check "consolidation takes the page faults" \
	'any(.[]; (.name | test("^page faults")) and .baseline_value > 0 and .ratio < 0.5)'
# shellcheck disable=SC2016 # $ns is for jq
check "times of calls are bounds that double from 32 ns on" \
	'all(.[] | select(.name | test("^entering a cell")) | .value, .baseline_value; . as $ns
		| any(range(16); pow(2; . + 5) == $ns))'

# ---- a large store in real time; small and short here -----------------------------------------

"$cli" bench --scale --quick --seconds 2 --json "$T/dir" >"$T/json" 2>"$T/err" || bail "bench --scale" "$(cat "$T/err")"
empty "the large store is gone"
for name in "CPU" "recording, CPU" "consolidation, CPU" "longest tick" "longest consolidation" "memory of its own" \
	    "files resident"; do
	check "there is '$name'" "any(.[]; .name == \"10,000 series at 1 Hz, $name\")"
done
if grep -q 'has no writeback' "$T/err"; then
	skip "pages and bytes to disk" "$T is on a filesystem without writeback"
else
	check "there are pages and bytes to disk" \
		'[.[] | select(.name | test("1 Hz, (pages dirtied|to disk)$"))] | length == 2'
fi
# 180 bytes and more for each series, and what a process needs; each tick lies in the files
check "its memory is a writer's" 'any(.[]; (.name | endswith("memory of its own")) and .value > 1.7 and .value < 64)'
check "the rows of three seconds are resident" 'any(.[]; (.name | endswith("files resident")) and .value > 0.6)'
"$cli" bench --seconds 2 "$T/dir" >/dev/null 2>&1
is $? 2 "--seconds without --scale is wrong usage"
"$cli" bench --scale --seconds 0 "$T/dir" >/dev/null 2>&1
is $? 2 "no seconds are wrong usage"

ok "one part, as text" sh -c "$cli bench --quick --only bytes '$T/dir' | grep -q '^30 series.*1574016 bytes'"
"$cli" bench --only nothing "$T/dir" >/dev/null 2>&1
is $? 2 "an unknown part is wrong usage"
"$cli" bench "$T/dir/missing" >/dev/null 2>"$T/err"
is $? 1 "a directory that is not there is an error"
ok "and is named" grep -q "$T/dir/missing" "$T/err"

start bench "$cli" bench "$T/dir"
wait_for 30 sh -c "ls '$T/dir'/rondo-bench.*/hot" || bail "bench starts" "$(cat "$T/bench.err")"
kill -TERM "$pid"
finish "$pid" 20
is $? 143 "SIGTERM ends it"
empty "and its files are gone then too"
done_testing

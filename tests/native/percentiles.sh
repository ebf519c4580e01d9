#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpf-cli query of histograms: percentiles, count, sum, mean of each tick and window, of one
# series and of several merged, at every tier, against the recorded values themselves: a formula
# (tests/helpers/record_series.c) and rational arithmetic in Python, which share nothing with librondo.

. "$(dirname "$0")/../lib.sh"
need python3 jq rondo-bpf-cli
cli=rondo-bpf-cli
start=1700000000
seconds=607
series=5

"$BUILD/tests/record_series" histograms "$T/store" $start $seconds $series || bail "histograms are recorded"

cat >"$T/oracle.py" <<-'END'
	import json, sys
	from fractions import Fraction

	START, SECONDS, SERIES = (int(x) for x in sys.argv[1:4])
	function, merged = sys.argv[4], sys.argv[5] == "merged"
	interval, least = int(sys.argv[6]), int(sys.argv[7])
	BOUNDS = [10, 50, 100, 200, 400, 800]

	def values(t, i):
	    return [(31 * t + 17 * i + 13 * k) % 997 for k in range((7 * t + 3 * i) % 11)]

	def quantile(found, q):
	    """As PromQL's histogram_quantile(): linear within the bucket."""
	    counts = [0] * (len(BOUNDS) + 1)
	    for value in found:
	        counts[sum(value > bound for bound in BOUNDS)] += 1
	    rank, below = q * len(found), 0
	    for b, bound in enumerate(BOUNDS):
	        if below + counts[b] >= rank:
	            low = BOUNDS[b - 1] if b else 0
	            if not counts[b]:
	                return Fraction(low)
	            return low + (bound - low) * (rank - below) / counts[b]
	        below += counts[b]
	    return Fraction(BOUNDS[-1])

	def want(found):
	    if function == "count":
	        return Fraction(len(found))
	    if function == "sum":
	        return Fraction(sum(found))
	    if not found:
	        return None
	    if function == "avg":
	        return Fraction(sum(found), len(found))
	    return quantile(found, Fraction(function[1:]) / 100)

	bad = n = 0
	seen = set()
	for s in json.load(sys.stdin)["series"]:
	    assert s["kind"] == "histogram" and s["function"] == function, s
	    assert s["tier"]["interval_ns"] == interval * 10**9, s["tier"]
	    assert s["labels"] == ({"instance": "vm-1"} if merged else
	                           {"instance": "vm-1", "vcpu": s["labels"]["vcpu"]}), s["labels"]
	    of = range(SERIES) if merged else [int(s["labels"]["vcpu"])]
	    seen.add(s["labels"].get("vcpu"))
	    for time, value in s["points"]:
	        first = time // 10**9 - START
	        ticks = range(max(first, 0), min(first + interval, SECONDS))
	        expected = want([v for t in ticks for i in of for v in values(t, i)])
	        n += 1
	        if expected is None or abs(Fraction(value) - expected) > abs(expected) / 10**12:
	            bad += 1
	            print(f"{s['labels']} {first}: {value}, want {expected and float(expected)}")
	print(f"{n} points, wrong: {bad}")
	sys.exit(bad > 0 or n < least or len(seen) != (1 if merged else SERIES))
END

# check TIER INTERVAL LEAST FUNCTION [--merge]: all points of the tier against the oracle
check()
{
	local out
	"$cli" query --json --tier "$1" --function "$4" ${5:+"$5"} "$T/store" wait_ns >"$T/json" 2>"$T/err"
	if out=$(python3 "$T/oracle.py" $start $seconds $series "$4" "${5:+merged}" "$2" "$3" <"$T/json" 2>&1); then
		pass "$4 of tier $1${5:+, merged}: $out"
	else
		fail "$4 of tier $1${5:+, merged}" "$out" "$(cat "$T/err")"
	fi
}

for function in p50 p99 p99.9 p0 p100 count sum avg; do
	check 0 1 500 $function
	check 0 1 118 $function --merge
	check 1 10 290 $function
	check 1 10 59 $function --merge
	check 2 60 45 $function
	check 2 60 9 $function --merge
done

# ---- what else is asked of them ---------------------------------------------------------------

is "$($cli query --json "$T/store" | jq -r '[.series[].function] | unique | join(" ")')" avg \
	"the default of histograms is avg"
is "$($cli query --json --step 10s --merge --function p99 "$T/store" | jq -r '.series[].tier.interval_ns')" \
	10000000000 "--merge reads one tier, the one of --step"
$cli query --function p99 "$T/store" 'wait_ns{vcpu="2"}' >"$T/out"
is "$(head -n 1 "$T/out" | tr -s ' ')" 'wait_ns{instance="vm-1",vcpu="2"} (histogram, p99 per 10s, ns)' \
	"the table names the percentile and the unit"
$cli export --merge --tier 1 --function p99.9 "$T/store" >"$T/out"
is "$(sed -n 2p "$T/out" | cut -d, -f1-6)" 'wait_ns,"instance=""vm-1""",histogram,ns,p99.9,10000000000' \
	"CSV, too"

# refused WANT TEXT ARGS...: exit status, and what the message says
refused()
{
	local want=$1 text=$2
	shift 2
	$cli "$@" >"$T/out" 2>"$T/err"
	is $? "$want" "${*: 1:4}: exit status $want"
	ok "${*: 1:4}: $text" grep -qF "$text" "$T/err"
}

refused 2 "no such function" query --function p101 "$T/store"
refused 2 "no such function" query --function p "$T/store"
refused 2 "not for OpenMetrics" export --format openmetrics --function p99 "$T/store"
refused 1 "there is no max of a histogram" query --function max "$T/store"
refused 1 "not for OpenMetrics; use csv or json" export --format openmetrics "$T/store"
refused 1 "has no tier 7" query --tier 7 --function p99 "$T/store"
refused 1 "has no tier 7" query --tier 7 --function p99 --merge "$T/store"
refused 3 "no series matches" query --merge --function p99 "$T/store" nothing
"$BUILD/tests/record_series" fill "$T/scalar" $start 60 || bail "scalars are recorded"
refused 1 "there is no p99 of a counter" query --function p99 "$T/scalar" vcpu_steal_ns
refused 1 "there is no p99 of a gauge" query --function p99 --merge "$T/scalar" balloon_bytes
"$BUILD/tests/make_store" golden histogram "$T/two"
refused 2 "have different names" query --merge "$T/two"

done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 300
#
# rondo-bpf-cli on stores with known contents (tests/helpers/record_series.c): every exported value
# against the formula that it was recorded by; OpenMetrics against Prometheus' own parser and
# database (promtool), point by point; a store that is being written, and one whose writer was
# killed. Needs no KVM and no BPF.

. "$(dirname "$0")/../lib.sh"
need jq awk
cli=rondo-bpf-cli
record=$BUILD/tests/record_series
start=1700000000
seconds=3006 # the writer dies after 1503, in the middle of a window

# status WANT DESCRIPTION CMD...: exit status WANT; output in $T/out and $T/err.
status()
{
	local want=$1 what=$2 got
	shift 2
	"$@" >"$T/out" 2>"$T/err"
	got=$?
	if [ "$got" = "$want" ]; then
		pass "$what"
	else
		fail "$what" "$(printf '%s ' "$@"): exit status $got, want $want" "$(head -n 5 "$T/err")"
	fi
}

# says TEXT DESCRIPTION: the last command's message has TEXT in it.
says()
{
	if grep -qF -- "$1" "$T/err"; then
		pass "$2"
	else
		fail "$2" "no '$1' in: $(cat "$T/err")"
	fi
}

# ---- what was recorded is what is exported ----------------------------------------------------

s=$T/store
"$record" fill "$s" $start $seconds 1 || bail "the writer's first life"
"$record" fill "$s" $start $seconds 2 || bail "the writer's second life"
ok "info says that the writer died once" \
	sh -c "$cli info --json '$s' | jq -e '.unclean_opens == 1'"
ok "info's bytes are those of the files" \
	sh -c "[ \$($cli info --json '$s' | jq .bytes) = \$(cat '$s'/* | wc -c) ]"
ok "info as text" sh -c "$cli info '$s' | grep -q 'tier 1  *10s for 6h'"
is "$($cli list --json "$s" | jq -r '[.series[] | select(.retired) | .labels.instance] | join(" ")')" \
	vm-dead "list says which series is retired"

# Columns of the CSV, from its end: value, start of the window, interval.
formula()
{
	awk -F, -v start="$start" -v seconds="$seconds" "$2"'
		BEGIN { for (t = 0; t < seconds; t++) total[t + 1] = total[t] + (known(t) ? at(t) : 0) }
		NR == 1 { next }
		{
			interval = $(NF - 2) / 1e9
			# the last nine digits apart: a double has no room for all of them
			t = substr($(NF - 1), 1, length($(NF - 1)) - 9) - start
			want = total[t + interval]
			if ($NF != want) {
				print "t=" t " interval=" interval ": got " $NF ", want " want
				bad++
			}
			intervals[interval]++
			n++
		}
		END {
			print n " points, wrong: " bad + 0
			# 1 s for the last ten minutes, 10 s before that
			exit bad || intervals[1] < '"$3"' || intervals[10] < '"$4"'
		}' "$1"
}

# totals SELECTOR MIN_FINE MIN_COARSE KNOWN AT: the cumulative sum of AT over the seconds t where KNOWN.
totals()
{
	status 0 "export $1" $cli export "$s" "$1" --function total --format csv -o "$T/csv"
	ok "every total of $1 is the formula's, over a restart and both tiers" \
		formula "$T/csv" "function known(t) { return $4 } function at(t) { return $5 }" "$2" "$3"
}
totals 'vcpu_exits_total{instance="vm-1"}' 400 230 't % 4' 't % 4'
totals 'vcpu_steal_ns{instance="vm-1"}' 580 230 1 '(t * 1000003) % 999999937 + 1'
totals 'vcpu_steal_ns{vcpu="1"}' 490 180 't % 7 && (t < 900 || t >= 1400)' 't * 31 + 1'
totals 'collector_events_lost_total' 580 230 1 0

# gauge SELECTOR VALUE: the values in the finest tier, exactly; VALUE is of the second t.
gauge()
{
	status 0 "query $1" $cli query "$s" "$1" --format csv --tier 0 -o "$T/csv"
	ok "values of $1 read back as the doubles that were recorded" \
		awk -F, -v start="$start" "NR > 1 {
			t = substr(\$(NF - 1), 1, length(\$(NF - 1)) - 9) - start
			if (\$NF + 0 != $2) { print t, \$NF, $2; bad = 1 }
			n++
		} END { exit bad || n < 200 }" "$T/csv"
}
gauge quick_level '-1 / (t + 3)'
gauge drain_lag_ns '(t + 1) * 0.1'
gauge balloon_bytes '(t % 100) * 1048576'

# ---- ranges, tiers, functions -----------------------------------------------------------------

points()
{
	$cli query "$s" "$@" --json | jq '[.series[].points[]] | length'
}
is "$(points 'balloon_bytes' --range 1m)" 60 "--range 1m is sixty ticks, back from the newest"
is "$(points 'balloon_bytes' --start $((start + 2900)) --end $((start + 2910)))" 10 \
	"--start and --end in seconds; the end is not part of it"
is "$(points 'balloon_bytes' --start 2023-11-14T23:01:40Z --range 10s)" 10 "--start in RFC 3339"
is "$(points 'balloon_bytes' --end $((start + 2910))000000000ns --range 10s)" 10 "--end in ns"
is "$(points 'balloon_bytes' --tier 1 --start $((start + 100)) --range 10m)" 60 "--tier 1"
is "$(points 'vcpu_steal_ns{instance="vm-1"}' --tier 2 --start $((start + 100)) --range 30m)" 6 "--tier 2"
is "$($cli query "$s" balloon_bytes --step 10s --json | jq -c '[.series[].tier.interval_ns] | unique')" \
	'[10000000000]' "--step 10s takes no finer tier"
is "$($cli query "$s" 'vcpu_exits_total' --function rate --tier 1 --start $((start + 100)) --range 10s \
	--json | jq -c '.series[0] | [.unit, .function, .points[0][1]]')" '["1/s","rate",1.3]' \
	"--function rate is per second, and its unit says so"
is "$($cli query "$s" balloon_bytes --tier 1 --function max --start $((start + 100)) --range 10s --json |
	jq '.series[0].points[0][1]')" $((9 * 1048576)) "--function max"
status 0 "query as a table" $cli query "$s" balloon_bytes --range 2s
ok "the table has the time, the value and the unit" \
	grep -Eq '^  2023-11-14T23:03:25Z +5242880 bytes$' "$T/out"
is "$(grep -c . "$T/out")" 3 "a head line and two points"

# ---- OpenMetrics ------------------------------------------------------------------------------

# Families together, TYPE once and first, every sample in its family, # EOF at the end and only there.
well_formed()
{
	awk '
		function die(why) { print FILENAME ":" FNR ": " why ": " $0; bad = 1; exit 1 }
		ended { die("after # EOF") }
		$0 == "# EOF" { ended = 1; next }
		/^$/ { die("empty line") }
		/^# TYPE / {
			if (seen[$3]++) die("family twice")
			family = $3; type = $4; state = 1; next
		}
		/^# UNIT / {
			if ($3 != family || state != 1) die("UNIT out of place")
			if (substr(family, length(family) - length($4)) != "_" $4) die("unit is no suffix")
			state = 2; next
		}
		/^# HELP / { if ($3 != family || state > 2) die("HELP out of place"); state = 3; next }
		/^#/ { die("unknown comment") }
		{
			name = $0; sub(/[{ ].*/, "", name)
			if (name != family (type == "counter" ? "_total" : "")) die("foreign sample")
			state = 4
			series = $0; sub(/ [^ ]+ [^ ]+$/, "", series)
			if (series != last && series_seen[series]++) die("series in two places")
			if (series == last && $NF + 0 <= time) die("not in order of time")
			if (series == last && type == "counter" && $(NF - 1) + 0 < value) die("falls")
			last = series; time = $NF + 0; value = $(NF - 1) + 0
		}
		END { if (!bad && !ended) { print FILENAME ": no # EOF"; exit 1 } exit bad }' "$1"
}

status 0 "export as OpenMetrics" $cli export "$s" --format openmetrics -o "$T/om"
ok "families are whole, series in order, counters never fall" well_formed "$T/om"
is "$(grep '^# TYPE' "$T/om" | cut -c 8- | paste -sd ';')" \
	"kvm_balloon_bytes gauge;kvm_drain_lag_seconds gauge;kvm_quick_level gauge;kvm_vcpu_exits counter;kvm_vcpu_steal_seconds counter;rondo_collector_events_lost counter" \
	"the exported families"
is "$(grep '^# UNIT' "$T/om" | cut -c 8- | paste -sd ';')" \
	"kvm_balloon_bytes bytes;kvm_drain_lag_seconds seconds;kvm_vcpu_steal_seconds seconds" "their units"
is "$(grep '^# HELP' "$T/om" | cut -c 8- | paste -sd ';')" \
	'kvm_balloon_bytes balloon;kvm_vcpu_exits exits\nof all\\some;kvm_vcpu_steal_seconds runnable, not \"running\"' \
	"their help texts, escaped"
is "$(grep -c '^kvm_vcpu_steal_seconds_total{vcpu="0",vm="vm-dead"}' "$T/om")" 400 \
	"a retired series is there, with all of its 400 seconds"

# The JSON export under the exported names: LABELS VALUE MILLISECONDS, as promtool's dump has it. The
# names are written out here, so that the tool's table is checked and not only used.
expected()
{
	$cli export "$s" --function total --format json 2>/dev/null >"$T/totals.json"
	$cli export "$s" '{__name__=~"quick_level|drain_lag_ns|balloon_bytes"}' --format json \
		>"$T/gauges.json"
	jq -r '
		{ "vcpu_steal_ns": ["kvm_vcpu_steal_seconds_total", 1e9],
		  "vcpu_exits_total": ["kvm_vcpu_exits_total", 1],
		  "collector_events_lost_total": ["rondo_collector_events_lost_total", 1],
		  "drain_lag_ns": ["kvm_drain_lag_seconds", 1e9],
		  "balloon_bytes": ["kvm_balloon_bytes", 1],
		  "quick_level": ["kvm_quick_level", 1] } as $names
		| .series[] | $names[.name] as [$name, $divisor] | .tier.interval_ns as $interval
		| ({__name__: $name} + .labels | .vm = .instance | del(.instance) | to_entries
		   | sort_by(.key) | map(.key + "=" + (.value | tojson)) | "{" + join(", ") + "}") as $labels
		| .points[] | "\($labels) \(.[1] / $divisor) \((.[0] + $interval) / 1000000)"' \
		"$T/totals.json" "$T/gauges.json"
}

# Numbers in one spelling, lines in one order.
canonical()
{
	awk '{ labels = $0; sub(/ [^ ]+ [^ ]+$/, "", labels)
	       printf "%s %.17g %.0f\n", labels, $(NF - 1), $NF }' | sort
}

# blocks FILE DIR: imports an exposition; the directory can then be dumped.
blocks()
{
	promtool tsdb create-blocks-from openmetrics "$1" "$2" || return 1
	mkdir -p "$2/wal"
}

if command -v promtool >/dev/null; then
	ok "promtool takes it" blocks "$T/om" "$T/blocks"
	promtool tsdb dump "$T/blocks" | canonical >"$T/dumped"
	expected | canonical >"$T/expected"
	is "$(wc -l <"$T/dumped")" "$(grep -vc '^#' "$T/om")" "Prometheus' block holds every sample"
	ok "... and the same points as the JSON export: $(wc -l <"$T/expected") of them" \
		diff "$T/expected" "$T/dumped"
	ok "... many of them" test "$(wc -l <"$T/expected")" -gt 5000
else
	skip "promtool takes it" "promtool is not here (Debian: prometheus)"
fi

# ---- refusals ---------------------------------------------------------------------------------

status 1 "no store there" $cli info "$T/nowhere"
says "$T/nowhere" "... the message names the path"
says "rondo-bpfd" "... and a way out"
mkdir "$T/empty"
status 1 "an empty directory is no store" $cli query "$T/empty" x
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	cp -r "$s" "$T/secret" && chmod -R go= "$T/secret" && chmod 711 "$T"
	cp "$BUILD/bin/$cli" "$T/cli"
	status 1 "no permission" setpriv --reuid 65534 --regid 65534 --clear-groups "$T/cli" info "$T/secret"
	says "Run this as root" "... the message says what to do"
else
	skip "no permission" "needs root, to be somebody else"
fi
status 2 "bad selector" $cli query "$s" 'vcpu{a='
says 'vcpu{a=' "... the message shows it"
for args in "--start yesterday" "--start 1700000000000" "--end 2023-02-30T00:00:00Z" "--range 10" \
	"--tier x" "--function median" "--format xml" "--step 1s --tier 1" "--start 5 --end 5" "--bogus" \
	"a b c"; do
	# shellcheck disable=SC2086 # several words
	status 2 "refused: $args" $cli query "$s" $args
done
status 2 "no subcommand" $cli
status 2 "unknown subcommand" $cli frobnicate
status 2 "no store given" $cli export
status 3 "no series matches" $cli query "$s" 'no_such_series'
status 3 "no point in the range" $cli export "$s" --end 5
is "$(cat "$T/out")" "name,labels,kind,unit,function,interval_ns,timestamp_ns,value" \
	"... and the output is whole all the same"
status 3 "nothing, as JSON" $cli query "$s" 'no_such_series' --json
ok "... is valid" jq -e '.series == []' "$T/out"
status 3 "nothing, as OpenMetrics" $cli export "$s" 'no_such_series' --format openmetrics
is "$(cat "$T/out")" "# EOF" "... is valid"
"$record" fill "$T/fresh" $start 0
status 0 "info of a store without points" $cli info "$T/fresh"
ok "... says so" grep -q 'newest tick  none' "$T/out"
status 3 "a range back from a tick that there is not" $cli query "$T/fresh" --range 1m
status 1 "a tier that there is not" $cli query "$s" balloon_bytes --tier 7
says "no tier 7" "... is named"
status 1 "a function that a gauge does not have" $cli query "$s" balloon_bytes --function total
says "there is no total of a gauge" "... is named"
status 1 "totals where there are none" $cli query "$s" vcpu_exits_total --function total --tier 2
says "keeps no totals there" "... is named"
"$record" clash "$T/clash" $start
status 1 "two series of one exported name" $cli export "$T/clash" --format openmetrics
says 'x_ns{instance="vm-1"}' "... the first is named"
says 'x_seconds_total{instance="vm-1"}' "... and the second"
is "$(wc -c <"$T/out")" 0 "... and nothing was written"
echo precious >"$T/kept"
status 1 "a failed export to a file" $cli export "$T/clash" --format openmetrics -o "$T/kept"
is "$(cat "$T/kept")" precious "... leaves the file as it was"
status 1 "an output that can't be written" $cli export "$s" -o "$T/none/file"
status 1 "a full disk" $cli export "$s" -o /dev/full
$cli export "$s" 2>"$T/err" | head -n 1 >/dev/null
is "$(cat "$T/err")" "" "a reader that goes away ends it without a word"
for c in info list query export; do
	status 0 "$c --help" $cli $c --help
done
status 0 "--version" $cli --version

# ---- more points than are read at once --------------------------------------------------------

"$record" fill "$T/long" $start 20000 || bail "the long store"
s=$T/long seconds=20000
totals 'vcpu_exits_total{instance="vm-1"}' 400 1930 't % 4' 't % 4'
status 0 "export the long store" $cli export "$s" --format openmetrics -o "$T/long.om"
ok "... is well formed" well_formed "$T/long.om"
is "$(grep -c '^kvm_vcpu_exits_total' "$T/long.om")" "$(($(wc -l <"$T/csv") - 1))" \
	"... and has as many samples of a series as the CSV has lines"

# ---- a store in use, and after its writer was killed ------------------------------------------

start live "$record" live "$T/live" 40
# shellcheck disable=SC2154 # set by start
writer=$pid
wait_for 10 grep -q ready "$T/live.out" || bail "the writer did not start" "$(cat "$T/live.err")"
bad=0
for ((i = 0; i < 30; i++)); do
	$cli export "$T/live" --format openmetrics -o "$T/live.om" && well_formed "$T/live.om" || bad=1
	$cli export "$T/live" --format json | jq -e '.series | length >= 40' >/dev/null || bad=1
	$cli export "$T/live" --format csv | awk -F, 'NR > 1 && !/,vcpu=""[0-9]+"""?,counter,ns,sum,/ { exit 1 }' || bad=1
	$cli info --json "$T/live" | jq -e '.unclean_opens == 0' >/dev/null || bad=1
	sleep 0.1
done
is $bad 0 "30 exports in each format while it is written"
is "$(kill -0 "$writer" && echo alive)" alive "... and the writer is still at work"
command -v promtool >/dev/null && ok "promtool takes the last one" blocks "$T/live.om" "$T/live.blocks"
kill -KILL "$writer"
wait "$writer" 2>/dev/null
status 0 "export after kill -9" $cli export "$T/live" --format openmetrics -o "$T/dead.om"
ok "... is well formed" well_formed "$T/dead.om"
# The writer added 1 + i to series i in each round; it died in one of them.
$cli export "$T/live" --function total --format json |
	jq -c '[.series | group_by(.labels.vcpu)[]
		| (last.points[-1][1]) / (1 + (.[0].labels.vcpu | tonumber))] | unique' >"$T/rounds"
ok "... and nothing that was added is lost: rounds $(cat "$T/rounds")" \
	jq -e 'length >= 1 and length <= 2 and .[0] > 100 and (.[-1] - .[0]) <= 1 and all(floor == .)' \
	"$T/rounds"
done_testing

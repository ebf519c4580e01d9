#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpf-cli plan, snapshot, migrate, info --schema: what was planned is what the files have, a
# snapshot exports what its store does, a migration says what it dropped and keeps the rest.

. "$(dirname "$0")/../lib.sh"
need jq rondo-bpf-cli
record=$BUILD/tests/record_series
cli=rondo-bpf-cli

# status WANT DESCRIPTION CMD...: exit status WANT; output in $T/out and $T/err
status()
{
	local want=$1 what=$2 got
	shift 2
	"$@" >"$T/out" 2>"$T/err"
	got=$?
	is "$got" "$want" "$what" || diag "$(head -n 5 "$T/err")"
}

bytes()
{
	cat "$1"/* | wc -c
}

"$record" fill "$T/store" 1700000000 3000 || bail "a store is filled"

# ---- plan ---------------------------------------------------------------------------------------

$cli info --schema "$T/store" >"$T/schema"
status 0 "plan reads what info --schema prints" $cli plan --json --schema "$T/schema"
is "$(jq .bytes "$T/out")" "$(bytes "$T/store")" "the plan's bytes are those of the store's files"
is "$(jq -r '.schemas[] | .name as $n | .tiers[] | "\($n).t\(.tier).slab \(.bytes)"' "$T/out")" \
	"$(cd "$T/store" && stat -c '%n %s' fast.t0.slab all.t0.slab all.t1.slab all.t2.slab)" \
	"each tier's bytes are those of its file"
status 0 "plan by options" $cli plan --series 30 --tier 1s/10m --tier 10s/6h:avg --tier 5m/7d,avg
total=$(sed -n 's/^total: \([0-9]*\) .*/\1/p' "$T/out")
ok "30 series with one function take less than 2 MB" test "$total" -gt 1400000 -a "$total" -lt 2000000
cat >"$T/bad" <<-'END'
	[x]
	series = 5
	tier = 1s/10m
	tier = 1500ms/1h avg
END
status 1 "a schema that breaks a rule is refused" $cli plan --schema "$T/bad"
ok "the message names schema and tier" grep -q "schema 'x' tier 1: interval" "$T/err"
printf '[x]\nseries = many\n' >"$T/bad"
status 2 "a file that does not parse is wrong usage" $cli plan --schema "$T/bad"
ok "the message names the line" grep -q "bad: line 2: not a number" "$T/err"
status 2 "no schema at all is wrong usage" $cli plan
status 2 "a tier without retention is wrong usage" $cli plan --series 1 --tier 1s

# ---- snapshot -----------------------------------------------------------------------------------

# same FROM TO: all series and points, for each function
same()
{
	local f
	for f in sum max last; do
		$cli export --function "$f" "$1" >"$T/a" 2>/dev/null
		$cli export --function "$f" "$2" >"$T/b" 2>/dev/null
		cmp "$T/a" "$T/b" || return 1
		[ "$(wc -l <"$T/a")" -gt 1000 ] || return 1
	done
}

status 0 "snapshot" $cli snapshot "$T/store" "$T/copy"
ok "a snapshot exports what its store does" same "$T/store" "$T/copy"
is "$(bytes "$T/copy")" "$(bytes "$T/store")" "and has its size"
status 1 "a snapshot is not written over a store" $cli snapshot "$T/store" "$T/copy"
ok "the message says why" grep -q "already there" "$T/err"
status 1 "nor out of nothing" $cli snapshot "$T/nowhere" "$T/other"
ok "nothing is left of it" test ! -e "$T/other"

start live "$record" live "$T/live" 200
wait_for 20 grep -q ready "$T/live.out" || bail "the writer starts"
for i in 1 2 3; do
	$cli snapshot "$T/live" "$T/live$i" || break
	$cli verify "$T/live$i" >"$T/out" || break
	[ "$($cli list --json "$T/live$i" | jq '.series | length')" -ge 200 ] || break
	fine=$i
done
is "${fine:-0}" 3 "snapshots of a store that is being written are whole"
kill "$pid"
finish "$pid" 5

# ---- migrate ------------------------------------------------------------------------------------

status 0 "migrating to the same schemas" $cli migrate --json --schema "$T/schema" "$T/store" "$T/same"
is "$(jq -c '[.dropped, .series_dropped, .tiers_dropped, .functions_dropped, .cells_dropped]' "$T/out")" \
	"[[],0,0,0,0]" "drops nothing"
ok "and keeps all" same "$T/store" "$T/same"

n=$(jq .series "$T/out")
sed '/^\[all\]/,$ { s|^tier = 1s/10m.*|tier = 1s/1m|; s|^\(tier = 10s/6h.*\) max|\1|; /^tier = 5m/d }
	/^\[all\]/i[none]\nseries = 1\nselector = nothing\ntier = 1s/1m\n' "$T/schema" >"$T/less"
status 0 "migrating to less" $cli migrate --json --schema "$T/less" "$T/store" "$T/little"
is "$(jq -r '[.dropped[] | .what] | unique | join(" ")' "$T/out")" "functions history tier" \
	"says that functions, history and a tier are gone"
is "$(jq -c '[.dropped[] | select(.what == "functions") | .functions] | unique' "$T/out")" '[["max"]]' \
	"and which functions"
is "$(jq -c '[.dropped[] | select(.what == "tier") | .interval_ns] | unique' "$T/out")" '[300000000000]' \
	"and which tier"
is "$(jq .series "$T/out")" "$n" "all series are taken over"
status 0 "what is left has no damage" $cli verify "$T/little"
$cli export --tier 1 --function sum "$T/store" >"$T/a" 2>/dev/null
$cli export --tier 1 --function sum "$T/little" >"$T/b" 2>/dev/null
ok "the tier of 10 s is what it was" cmp "$T/a" "$T/b"
status 0 "the same for people" $cli migrate --schema "$T/less" "$T/store" "$T/little2"
ok "a line for each" grep -q '^dropped  .*: tier of 10s: max$' "$T/out"
ok "and what it comes to" grep -q "^$n series and " "$T/out"
status 2 "without schemas it is wrong usage" $cli migrate "$T/store" "$T/x"
status 0 "by options" $cli migrate --series 500 --tier 1s/1h --tier 1m/1d:sum "$T/store" "$T/options"
is "$($cli info --json "$T/options" | jq -c '[.series.max, (.schemas[0].tiers | length)]')" "[500,2]" \
	"with the schema that they say"

done_testing

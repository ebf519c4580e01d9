#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpf-cli verify: nothing to find in whole stores, and as what each way of damage
# (tests/helpers/break_store.py) is found; a store that is being written; output and exit statuses.

. "$(dirname "$0")/../lib.sh"
need python3 jq rondo-bpf-cli
golden=$SRC/tests/golden/v1
record=$BUILD/tests/record_series

# findings STORE: its exit status and the kinds of damage, each once, in the order of their names
findings()
{
	local status
	rondo-bpf-cli verify --json "$1" >"$T/json" 2>"$T/err"
	status=$?
	echo "$status $(jq -r '[.findings[] | select(.damage) | .kind] | unique | join(" ") | if . == "" then "-" else . end' "$T/json")"
}

for store in "$golden"/*.tar.gz; do
	name=$(basename "$store" .tar.gz)
	rm -rf "$T/store"
	tar -C "$T" -xzf "$store"
	is "$(findings "$T/store")" "0 -" "golden $name: no damage"
	is "$(jq -c '[.damage, .notes, (.findings | length), .by_kind.tail]' "$T/json")" "[0,0,0,0]" \
		"golden $name: no notes either"
	is "$(jq .bytes "$T/json")" "$(cat "$T/store"/* | wc -c)" "golden $name: all bytes were looked at"
done

# What each way is found as; 1: not ours to judge.
cat >"$T/expected" <<-'END'
	superblocks 4 superblock
	magic 4 superblock
	later-superblock 4 superblock
	unfinished 1 -
	no-superblock 4 superblock
	version-2 1 -
	feature 1 -
	feature-to-ignore 0 -
	big-endian 1 -
	schema 4 schema
	no-tiers 4 schema
	rows 4 file
	directory-cut 4 file
	entry 4 entry
	entry-kind 4 entry
	entry-generation 4 entry
	slab-header 4 slab
	slab-version 4 slab
	slab-endian 4 slab
	slab-of-another 4 slab
	slab-cut 4 file
	slab-longer 4 file
	slabs-swapped 4 file
	slab-missing 4 file
	cells 4 tag tail
	half-a-call 0 -
END
while read -r way want; do
	rm -rf "$T/store"
	tar -C "$T" -xzf "$golden/broken/$way.tar.gz" || bail "broken $way is there"
	find "$T/store" -type f -exec cksum {} + | sort >"$T/before"
	is "$(findings "$T/store")" "$want" "broken $way: $want"
	find "$T/store" -type f -exec cksum {} + | sort >"$T/after"
	ok "broken $way: untouched" cmp "$T/before" "$T/after"
done <"$T/expected"
is "$(sed 's/ .*//' "$T/expected" | sort)" "$(sed 's/ .*//' "$golden/broken/expected" | sort)" \
	"every broken store was verified"

# ---- output -----------------------------------------------------------------------------------

rm -rf "$T/store"
tar -C "$T" -xzf "$golden/broken/entry.tar.gz"
rondo-bpf-cli verify "$T/store" >"$T/out" 2>"$T/err"
is $? 4 "damage is exit status 4"
is "$(head -n 1 "$T/out" | tr -s ' ' | cut -d: -f1)" "DAMAGE entry store.rondo+12800" \
	"a line says what and where"
is "$(tail -n 1 "$T/out" | cut -d: -f1)" DAMAGED "the last line says what it comes to"
is "$(cat "$T/err")" "" "nothing on standard error that is no terminal"
rondo-bpf-cli verify >"$T/out" 2>&1
is $? 2 "no store is wrong usage"
rondo-bpf-cli verify "$T/nowhere" >"$T/out" 2>"$T/err"
is $? 1 "a store that is not there can't be verified"
ok "the message names it" grep -q "$T/nowhere" "$T/err"

# All cells of a slab are garbage: 20 of a kind are shown, all with --all.
"$record" fill "$T/many" 1700000000 900 || bail "a store is filled"
is "$(findings "$T/many")" "0 -" "a store of 900 ticks: no damage"
python3 - "$T/many/all.t0.slab" <<-'END'
	import os, sys
	with open(sys.argv[1], "r+b") as file:
	    size = os.path.getsize(sys.argv[1])
	    for at in range(4096 + 7, size, 64):
	        file.seek(at)
	        file.write(b"\xff")
END
cells=$((($(stat -c %s "$T/many/all.t0.slab") - 4096) / 64))
rondo-bpf-cli verify "$T/many" >"$T/out"
is "$(grep -c '^DAMAGE *tag ' "$T/out")" 20 "20 findings of a kind are shown"
ok "the others are counted" grep -q "^\.\.\. and $((cells - 20)) more of kind tag" "$T/out"
rondo-bpf-cli verify --all "$T/many" >"$T/out"
is "$(grep -c '^DAMAGE *tag ' "$T/out")" "$cells" "--all shows all, one for each cell"
is "$(findings "$T/many") $(jq .by_kind.tag "$T/json")" "4 tag $cells" "so does --json"

# ---- a writer at work, and one that was killed --------------------------------------------------

start live "$record" live "$T/live" 500
wait_for 20 grep -q ready "$T/live.out" || bail "the writer starts"
for _ in 1 2 3 4 5 6; do
	rondo-bpf-cli verify --json "$T/live" >"$T/json" || break
	jq -e '.damage == 0 and .notes == 0 and .series >= 500' "$T/json" >/dev/null || break
	sleep 0.5
	fine=$((${fine:-0} + 1))
done
is "${fine:-0}" 6 "nothing is found in a store that is being written" || diag "$(cat "$T/json")"
kill -9 "$pid"
finish "$pid" 5
is "$(findings "$T/live") $(jq .notes "$T/json")" "0 - 0" "nor after a kill"

done_testing

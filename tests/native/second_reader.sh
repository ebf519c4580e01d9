#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 300
#
# A second reader, written in Python from docs/STORAGE_FORMAT.md alone, must read the same as librondo,
# to the last bit: golden stores, of which what is expected is kept, damaged ones, and stores of random
# schemas and data written just now. SEEDS="1 2 3" and the like sets how many of the last.

. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/reader/lib.sh"

need python3 rondo-bpf-cli "$make_store"
golden=$SRC/tests/golden/v1

# same_reading STORE WHAT: both readers agree; what they read is left in $T/reader.json
same_reading()
{
	local out
	if ! "$reader" "$1" >"$T/reader.json" 2>"$T/reader.err"; then
		fail "$2: the second reader opens it" "$(cat "$T/reader.err")"
	elif ! cli_reads "$1" "$T/cli"; then
		fail "$2: rondo-bpf-cli reads it" "$(cat "$T/cli.err")"
	elif ! out=$("$compare" "$T/reader.json" "$T/cli" 2>&1); then
		fail "$2: both readers agree (second reader | librondo)" "$out"
	else
		pass "$2: both readers agree: $out"
	fi
}

# as_expected JSON.GZ WHAT: what the second reader just read is what is expected.
as_expected()
{
	local out
	gzip -dc "$1" >"$T/expected.json" || { fail "$2: $1"; return; }
	if out=$("$compare" "$T/expected.json" "$T/reader.json" 2>&1); then
		pass "$2: as expected"
	else
		fail "$2: as expected (expected | read)" "$out"
	fi
}

for store in "$golden"/*.tar.gz; do
	name=$(basename "$store" .tar.gz)
	rm -rf "$T/store"
	tar -C "$T" -xzf "$store"
	same_reading "$T/store" "golden $name"
	as_expected "$golden/$name.json.gz" "golden $name"
done

while read -r name error _; do
	rm -rf "$T/store"
	tar -C "$T" -xzf "$golden/broken/$name.tar.gz"
	# Opening takes no second reading and no write, whatever is wrong.
	find "$T/store" -type f -exec cksum {} + | sort >"$T/before"
	is "$("$make_store" check "$T/store")" "$error" "broken $name: librondo says $error"
	"$reader" "$T/store" >"$T/reader.json" 2>"$T/reader.err"
	said=$(sed -n '$s/:.*//p' "$T/reader.err")
	is "${said:-RONDO_OK}" "$error" "broken $name: so does the second reader"
	if [ "$error" = RONDO_OK ]; then
		same_reading "$T/store" "broken $name"
		as_expected "$golden/broken/$name.json.gz" "broken $name"
	fi
	find "$T/store" -type f -exec cksum {} + | sort >"$T/after"
	ok "broken $name: untouched by both" cmp "$T/before" "$T/after"
done <"$golden/broken/expected"

for seed in ${SEEDS:-$(seq 1 12)} $RANDOM; do
	rm -rf "$T/store"
	"$make_store" random "$seed" "$T/store" || bail "random store $seed is written"
	same_reading "$T/store" "random $seed"
done

# How the second reader tells that one value is wrong: or the comparison would be worth nothing.
tar -C "$T" -xzf "$golden/scalar.tar.gz" --one-top-level="$T/other"
"$reader" "$T/other/store" >"$T/reader.json"
cli_reads "$T/other/store" "$T/cli"
sed -i '0,/,-7\.0\]/s//,-7.000000000000001]/' "$T/reader.json"
is "$("$compare" "$T/reader.json" "$T/cli" | wc -l)" 1 "one value off by one bit is seen"

done_testing

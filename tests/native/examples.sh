#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The programs of lib/examples do what they say, also compiled by a strict compiler as their first
# lines tell. What they record is read back by another program.

. "$(dirname "$0")/../lib.sh"
need jq gcc
bin=$BUILD/examples
cli=rondo-bpf-cli

for source in "$SRC"/lib/examples/*.c; do
	name=$(basename "$source" .c)
	is "$(($(wc -l <"$source") <= 60))" 1 "$name has 60 lines at most"
	ok "$name compiles as strict C11 with POSIX" \
		gcc -std=c11 -D_XOPEN_SOURCE=600 -pedantic -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow \
		-Werror -I "$SRC/lib/include" -o "$T/$name" "$source" "$BUILD/lib/librondo.a" -pthread
done

# ---- record_and_query: second i adds i --------------------------------------------------------

ok "record_and_query" sh -c "'$bin/record_and_query' '$T/store' >'$T/out'"
is "$(grep -c '^tier 0:' "$T/out")" 120 "it reads 120 seconds back"
is "$(awk '/^tier 0:/ { sum += $4 } END { print sum }' "$T/out")" 7140 "they add up to 0 + ... + 119"
is "$(awk '/^tier 1:/ { printf "%s%s", sep, $4; sep = " " }' "$T/out")" "9 19 29 39 49 59 69 79 89 99 109" \
	"each closed window's max is its last second"
ok "on the store that is there it goes on" "$bin/record_and_query" "$T/store"

# ---- drain_to_file: what has been closed, once ------------------------------------------------

rm -rf "$T/store"
"$bin/record_and_query" "$T/store" >/dev/null || bail "record_and_query"
ok "drain_to_file" "$bin/drain_to_file" "$T/store" "$T/drained"
is "$(awk -F, '{ printf "%s%s", sep, $3; sep = " " }' "$T/drained")" \
	"45 145 245 345 445 545 645 745 845 945 1045" "it has the sum of every closed window"
ok "drain_to_file again" "$bin/drain_to_file" "$T/store" "$T/drained"
is "$(wc -l <"$T/drained")" 11 "it has nothing twice"

# ---- vmm_loop, and live_reader beside it ------------------------------------------------------

start vmm "$bin/vmm_loop" "$T/vmm" 4
vmm=$pid
wait_for 10 "$cli" info "$T/vmm" || bail "vmm_loop makes a store" "$(cat "$T/vmm.err")"
"$bin/live_reader" "$T/vmm" 'vcpu_run_duration_ns{vcpu=~"0|1"}' 3 >"$T/live" 2>"$T/live.err"
is "$?" 0 "live_reader beside its writer"
finish "$vmm" 20
is "$?" 0 "vmm_loop ends"
for vcpu in 0 1; do
	ok "live_reader saw vCPU $vcpu" grep -q "^vcpu_run_duration_ns{vcpu=\"$vcpu\"} [0-9]" "$T/live"
	# from the first entry to the last return: 4 s, less what the thread took to start
	ns=$("$cli" query --json --function sum "$T/vmm" "vcpu_run_duration_ns{vcpu=\"$vcpu\"}" |
	     jq '[.series[].points[][1]] | add | floor')
	within "$((ns / 1000000))" 4250 750 "vCPU $vcpu: about 4 s in KVM_RUN, ms"
done
# ---- the program in docs/EMBEDDING.md ---------------------------------------------------------

# shellcheck disable=SC2016 # the marks of a block of code
sed -n '/^```c$/,/^```$/p' "$SRC/docs/EMBEDDING.md" | sed '1d;$d' >"$T/embedding.c"
ok "the program in EMBEDDING.md compiles" gcc -std=gnu11 -Wall -Wextra -Wshadow -Werror -I "$SRC/lib/include" \
	-o "$T/embedding" "$T/embedding.c" "$BUILD/lib/librondo.a" -pthread
start embedding "$T/embedding" "$T/embedded"
wait_for 20 sh -c "$cli query --json '$T/embedded' jobs_total | grep -q '\[1'" || bail "it records" "$(cat "$T/embedding.err")"
kill -TERM "$pid"
finish "$pid" 20
is "$?" 0 "SIGTERM ends it well"
is "$(sed -n 's/ bytes for .*//p' "$T/embedding.out")" "$(cat "$T/embedded"/* | wc -c)" "the files are as large as it planned"
ok "it counted two workers' jobs" sh -c "$cli query --json --function sum '$T/embedded' jobs_total |
	jq -e '[.series[] | [.points[][1]] | add] | length == 2 and all(. > 0)'"
is "$("$cli" list --json "$T/embedded" | jq -r '[.series[].kind] | sort | join(" ")')" \
	"counter counter histogram histogram" "and kept histograms of them"

"$bin/live_reader" "$T/none" x 1 >/dev/null 2>"$T/err"
is "$?" 1 "live_reader on what is no store"
ok "says so" grep -q "not found" "$T/err"
done_testing

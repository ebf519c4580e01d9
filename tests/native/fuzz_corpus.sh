#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Every input of the fuzz targets' corpus, as a plain test: first seeds, and what fuzzing once found.
# With the sanitizers too, where they are built. `make fuzz` looks for more.

. "$(dirname "$0")/../lib.sh"

for source in "$SRC"/tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	for tree in "$BUILD" "$BUILD/address-undefined"; do
		program=$tree/tests/$target
		what="$target${tree#"$BUILD"}"
		if [ ! -x "$program" ]; then
			# The sanitized tree is another make's.
			if [ "$tree" = "$BUILD" ]; then
				fail "$what is built"
			else
				skip "$what" "not built with sanitizers"
			fi
			continue
		fi
		want=$(find "$SRC/tests/fuzz/corpus/$target" -type f | wc -l)
		"$program" "$SRC/tests/fuzz/corpus/$target" >"$T/out" 2>"$T/err"
		status=$?
		got=$(grep -c '^ok ' "$T/out")
		if [ $status -eq 0 ] && [ "$got" -eq "$want" ] && [ "$want" -gt 10 ]; then
			pass "$what: $got inputs"
		else
			fail "$what: $got of $want inputs, exit status $status" \
				"$(tail -n 3 "$T/out")" "$(tail -n 40 "$T/err")"
		fi
	done
done

done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs the benchmarks and puts what came out, with the machine, into docs/BENCHMARKS.md, between its
# two marks. Everything outside of them stays. Wants a quiet machine; says how busy it was.
#
#	BUILD=dir tools/bench-docs.sh [--quick] [DIRECTORY]

set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
build=${BUILD:-build}
page=docs/BENCHMARKS.md
directory=${*: -1}
[ -d "${directory:-}" ] || directory=${TMPDIR:-/var/tmp}
begin='<!-- figures: begin, written by tools/bench-docs.sh -->'
end='<!-- figures: end -->'
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

. tools/bench-page.sh
page_check $page "$begin" "$end"

load=$(cut -d ' ' -f 1-3 /proc/loadavg)
"$build/bin/rondo-bpf-cli" bench --json "$@" >"$scratch/plain"
if [ -x "$build/tests/bench_rrd" ]; then
	"$build/tests/bench_rrd" --json "$@" >"$scratch/rrd"
else
	echo "bench-docs.sh: not measured against librrd: $build/tests/bench_rrd is not built" >&2
	echo '[]' >"$scratch/rrd"
fi
"$build/bin/rondo-bpf-cli" bench --scale --json "$@" >"$scratch/scale"

{
	echo "$begin"
	page_machine "$directory" "$load"
	echo
	jq -r -s -f tools/bench-docs.jq "$scratch/plain" "$scratch/rrd" "$scratch/scale"
	echo "$end"
} >"$scratch/block"
page_replace $page "$begin" "$end" "$scratch/block"

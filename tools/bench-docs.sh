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

for mark in "$begin" "$end"; do
	grep -qxF "$mark" $page || { echo "bench-docs.sh: $page has no '$mark'" >&2; exit 1; }
done

load=$(cut -d ' ' -f 1-3 /proc/loadavg)
"$build/bin/rondo-bpf-cli" bench --json "$@" >"$scratch/plain"
if [ -x "$build/tests/bench_rrd" ]; then
	"$build/tests/bench_rrd" --json "$@" >"$scratch/rrd"
else
	echo "bench-docs.sh: not measured against librrd: $build/tests/bench_rrd is not built" >&2
	echo '[]' >"$scratch/rrd"
fi
"$build/bin/rondo-bpf-cli" bench --scale --json "$@" >"$scratch/scale"

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
virtual=
grep -qw hypervisor /proc/cpuinfo && virtual=", a virtual machine"
{
	echo "$begin"
	echo "$cpu, $(nproc) CPUs$virtual; $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo);"
	echo "Linux $(uname -r | cut -d . -f 1,2); stores on $(df --output=fstype "$directory" | tail -n 1);" \
		"$(${CC:-gcc} --version | sed -n '1s/ (.*) / /p'), -O2; load average before the run $load."
	echo
	jq -r -s -f tools/bench-docs.jq "$scratch/plain" "$scratch/rrd" "$scratch/scale"
	echo "$end"
} >"$scratch/block"
awk -v begin="$begin" -v end="$end" -v block="$scratch/block" '
	$0 == begin { while ((getline line <block) > 0) print line; skip = 1 }
	!skip
	$0 == end { skip = 0 }' $page >"$scratch/page"
cat "$scratch/page" >$page

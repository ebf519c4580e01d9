#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# make bench-vmm: what recording in a VMM costs (A), and what it gives beside a real Prometheus (B, C, D).
# Prints tables; --docs puts them, with the machine, into docs/BENCHMARKS.md between its marks. Root.
#
#	BUILD=dir BENCH_SECONDS=60 tools/bench-vmm.sh [--json | --docs] [--quick] [DIRECTORY]

set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
build=$(realpath "${BUILD:-build}")
page=docs/BENCHMARKS.md
begin='<!-- vmm figures: begin, written by tools/bench-vmm.sh -->'
end='<!-- vmm figures: end -->'
form=table
quick=()
directory=${TMPDIR:-/var/tmp}
for word; do
	case $word in
	--json | --docs) form=${word#--} ;;
	--quick) quick=(--vms 3 --lifetimes "2,4" --each 2 --rounds 1 --exits 4999) ;;
	-*) sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	*) directory=$word ;;
	esac
done

. tools/bench-page.sh
[ "$form" != docs ] || page_check $page "$begin" "$end"
[ "$(id -u)" = 0 ] || { echo "bench-vmm.sh: needs root (a network namespace, rondo-bpfd)" >&2; exit 1; }
for p in prometheus python3 jq ip unshare; do
	command -v $p >/dev/null || { echo "bench-vmm.sh: $p is not here (tools/deps.sh)" >&2; exit 1; }
done
scratch=$(mktemp -d "$directory/rondo-bench-vmm.XXXXXX")
trap 'rm -rf -- "$scratch"' EXIT

load=$(cut -d ' ' -f 1-3 /proc/loadavg)
echo "bench-vmm: A, the cost of an exit's record" >&2
"$build/tests/bench_vmm_exit" "$scratch" >"$scratch/a.json"
echo "bench-vmm: B, C, D, each way ${BENCH_SECONDS:-60} s" >&2
python3 tests/bench/vmm.py --build "$build" --scratch "$scratch/vms" --seconds "${BENCH_SECONDS:-60}" \
	"${quick[@]}" >"$scratch/bcd.json"
jq --slurpfile a "$scratch/a.json" '{a: $a[0]} + .' "$scratch/bcd.json" >"$scratch/all.json"
if [ "$form" = json ]; then
	cat "$scratch/all.json"
	exit
fi
jq -r -f tools/bench-vmm.jq "$scratch/all.json" >"$scratch/table"
if [ "$form" = table ]; then
	cat "$scratch/table"
	exit
fi
{
	echo "$begin"
	page_machine "$directory" "$load"
	echo
	cat "$scratch/table"
	echo "$end"
} >"$scratch/block"
page_replace $page "$begin" "$end" "$scratch/block"

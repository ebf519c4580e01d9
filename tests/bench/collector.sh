#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What rondo-bpfd costs on this machine: `make bench` after the library's part. Ratios of one run count, not the
# figures: everything is measured in turns, the best of ROUNDS is taken, and peers do the same work beside it.
#
#	tests/bench/collector.sh [--json] [--quick]
#
# Needs root and /dev/kvm; says what it can't measure and why. docs/BENCHMARKS.md has how to read it.

# shellcheck disable=SC2317 # functions are called by names in a table, and by a trap
set -u
SRC=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$SRC/build}
export LC_ALL=C
json=0 rounds=5 exits=60000 settle=12
for word in "$@"; do
	case $word in
	--json) json=1 ;;
	--quick) rounds=1 exits=10000 settle=3 ;;
	esac
done

T=$(mktemp -d "${TMPDIR:-/tmp}/rondo-bench.XXXXXX") || exit 1
pid=
cleanup()
{
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
	rm -rf -- "$T"
}
trap cleanup EXIT

# line NAME VALUE UNIT NOTE
line()
{
	if [ $json = 1 ]; then
		printf '{"name":"%s","value":%s,"unit":"%s","note":"%s"}\n' "$1" "$2" "$3" "$4"
	else
		printf '%-44s %12s %-8s %s\n' "$1" "$2" "$3" "$4"
	fi
}
absent()
{
	echo "bench: not measured: $1: $2" >&2
}

[ "$(id -u)" = 0 ] || { absent collector "it needs root"; exit 0; }
[ -w /dev/kvm ] || { absent collector "/dev/kvm is not here, or not ours"; exit 0; }
[ -x "$BUILD/bin/rondo-bpfd" ] || { absent collector "rondo-bpfd is not built"; exit 0; }
"$BUILD/bin/rondo-bpfd" --check >"$T/check" 2>&1 || { absent collector "$(tail -n 1 "$T/check")"; exit 0; }

# begin WORD PATTERN CMD...: starts something that measures; returns when it says that it does.
begin()
{
	local i pattern=$1
	shift
	"$@" >"$T/out" 2>"$T/err" &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		grep -qs "$pattern" "$T/err" "$T/out" && return
		sleep 0.1
	done
}
end()
{
	kill -TERM "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
	rm -rf "$T/store" "$T/perf.data"
}

# A guest that exits as fast as it can: ns of its CPU time per exit, with what its VM's making and end take left
# out. CPU time, as others may use the machine.
cpu_ms()
{
	local TIMEFORMAT='%U %S'
	{ time "$BUILD/tests/churn" --exits "$1" --ms 0 >/dev/null; } 2>&1 | awk '{ printf "%d", ($1 + $2) * 1000 }'
}
per_exit()
{
	echo $((($(cpu_ms "$exits") - $(cpu_ms 1)) * 1000000 / exits))
}

# Who measures; each is there for one guest, in turns.
nobody()
{
	pid=
}
ours()
{
	begin "collecting into" "$BUILD/bin/rondo-bpfd" --store "$T/store" --max-vcpus 8
}
ours_events()
{
	begin "streaming events" "$BUILD/bin/rondo-bpfd" --events --json
}
perf_record()
{
	perf record -q -a -e kvm:kvm_userspace_exit,kvm:kvm_fpu -o "$T/perf.data" -- sleep 1000 >"$T/out" 2>&1 &
	pid=$!
	sleep 1
}
bpftrace_histogram()
{
	begin Attaching bpftrace -e 'tracepoint:kvm:kvm_userspace_exit { @at[tid] = nsecs; }
		tracepoint:kvm:kvm_fpu /args->load && @at[tid]/ { @ns[tid] = hist(nsecs - @at[tid]); delete(@at[tid]); }'
}

names=(nobody ours ours_events perf_stat perf_record bpftrace_histogram)
labels=("no observer" "rondo-bpfd, all it does by default" "rondo-bpfd --events, each exit as a line" "perf stat, two events" "perf record, two events" "bpftrace, a histogram of the same")
best=()
perf_stat()
{
	perf stat -a -e kvm:kvm_userspace_exit,kvm:kvm_fpu -o "$T/stat" -- sleep 1000 >"$T/out" 2>&1 &
	pid=$!
	sleep 1
}
has=()
for i in "${!names[@]}"; do
	case ${names[i]} in
	perf_*) command -v perf >/dev/null || { absent "${labels[i]}" "no perf"; continue; } ;;
	bpftrace*) command -v bpftrace >/dev/null || { absent "${labels[i]}" "no bpftrace"; continue; } ;;
	esac
	has+=("$i")
done
for ((round = 0; round < rounds; round++)); do
	for i in "${has[@]}"; do
		${names[i]}
		ns=$(per_exit)
		[ -z "$pid" ] || end
		[ -n "${best[i]:-}" ] && ((best[i] <= ns)) || best[i]=$ns
	done
done
for i in "${has[@]}"; do
	line "userspace exit, ${labels[i]}" "${best[i]}" ns "+$((best[i] - best[0])) ns, $((best[i] * 1000 / best[0] - 1000)) per mille"
done

# Its own programs, as the kernel measures them: ns a run, over the runs of this guest.
begin "collecting into" "$BUILD/bin/rondo-bpfd" --store "$T/store" --max-vcpus 8
"$BUILD/tests/churn" --exits "$exits" --ms $((settle * 1000)) >/dev/null
sleep 1.2
for program in on_userspace_exit on_fpu on_switch flush; do
	read -r ns runs < <(for m in collector_program_ns collector_program_runs_total; do
		"$BUILD/bin/rondo-bpf-cli" query "$T/store" "$m{program=\"$program\"}" --format json --range all --tier 0 --function sum 2>/dev/null |
			sed 's/.*"points":\[\(.*\)\]}.*/\1/' | grep -o ',[0-9.e+]*\]' | tr -d ',]' | awk '{ s += $1 } END { printf "%.0f ", s }'
	done)
	[ "${runs:-0}" -gt 0 ] && line "program $program" "$((ns / runs))" ns "a run, of $runs"
done
end

# Threads that enter KVM five times a second.
for vcpus in 10 100 1000; do
	each=$((vcpus > 50 ? 50 : vcpus))
	begin "collecting into" "$BUILD/bin/rondo-bpfd" --store "$T/store" --max-vcpus "$vcpus" --max-vms 32 --tiers 1s/2m,10s/10m
	"$BUILD/tests/churn" --count $((vcpus / each)) --at-once 100 --vcpus $each --ms $(((settle + 8) * 1000)) \
		--exits $((5 * (settle + 8))) >/dev/null &
	load=$!
	sleep 6
	a=$(cut -d ' ' -f 1 "/proc/$pid/schedstat")
	sleep "$settle"
	b=$(cut -d ' ' -f 1 "/proc/$pid/schedstat")
	# shellcheck disable=SC2046 # two words
	set -- $(awk '$1 == "VmRSS:" { rss = $2 } $1 == "RssAnon:" { anon = $2 } END { print rss, anon }' "/proc/$pid/status")
	line "$vcpus vCPUs, CPU of one core" "$(awk -v ns=$((b - a)) -v s="$settle" 'BEGIN { printf "%.2f", ns / s / 1e7 }')" "%" "mean of $settle s; its process, without its programs"
	line "$vcpus vCPUs, resident" "$(($1 / 1024))" MB "$(($2 / 1024)) MB of it its own, the rest pages of the store and of maps"
	wait "$load"
	end
done

# Single events, as fast as two guests make them: what arrives, what is lost.
begin "streaming events" "$BUILD/bin/rondo-bpfd" --events --json
a=$EPOCHREALTIME
"$BUILD/tests/churn" --count 2 --at-once 2 --exits "$exits" --ms 0 >/dev/null
b=$EPOCHREALTIME
sleep 0.5
end
line "events streamed" "$(($(wc -l <"$T/out") * 1000000 / (${b/./} - ${a/./})))" "1/s" "$(grep -c . <"$T/out") lines, $(sed -n 's/.*: \([0-9]*\) events lost.*/\1/p' "$T/err" | awk '{ s += $1 } END { print s + 0 }') lost"
exit 0

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs test suites one after the other and says what came of them: a line per suite, all output of
# those that failed, why something was skipped, and as the last line
#
#	N passed, N failed, N skipped
#
# Usage: BUILD=dir tests/run.sh GROUP:PATH... Groups: unit (a Check program), asan and tsan
# (sanitized ones), long (one in its long form; how far it is is shown), fuzz (a libFuzzer target, for
# FUZZ_SECONDS), native, nested (scripts that print TAP), absent (PATH is NAME:REASON, counted as skipped).
# Logs: $BUILD/tests/logs/. A script may say `# timeout: SECONDS` in its head. Exit status 1 if
# anything failed, or nothing was tested. It builds nothing.

set -u
SRC=$(cd "$(dirname "$0")/.." && pwd)
BUILD=$(realpath "${BUILD:-$SRC/build}")
export SRC BUILD LC_ALL=C
logs=$BUILD/tests/logs
mkdir -p "$logs" || exit 1

passed=0
failed=0
skipped=0
reasons=()
child=

# Interrupted: take the suite and what it started along.
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null; exit 130' INT TERM HUP

timeout_of()
{
	local own=
	case $1 in
	native | nested) own=$(sed -n '1,30s/^# timeout: \([0-9]*\)$/\1/p' "$2" | head -n 1) ;;
	esac
	case $1 in
	unit) echo 120 ;;
	asan | tsan) echo 300 ;;
	long) echo 14400 ;;
	fuzz) echo $((${FUZZ_SECONDS:-60} + 120)) ;;
	*) echo "${own:-180}" ;;
	esac
}

# fuzz TARGET SECONDS: one test, TAP. Inputs that it finds stay in $BUILD/fuzz/found/.
fuzz()
{
	local name found=$BUILD/fuzz/found
	name=$(basename "$1")
	mkdir -p "$found/$name"
	echo 1..1
	if timeout -k 10 "$2" "$1" -max_total_time="${FUZZ_SECONDS:-60}" -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$BUILD/fuzz/$name-" \
		"$found/$name" "$SRC/tests/fuzz/corpus/$name" >"$found/$name.log" 2>&1; then
		echo "ok 1 - $(sed -n 's/^stat::number_of_executed_units: */executions: /p' "$found/$name.log")"
	else
		echo "not ok 1 - $name"
		tail -n 60 "$found/$name.log" >&2
		return 1
	fi
}

# show_progress PID LOG: the last line of the log, while the process runs; on a terminal over and over
# in one line, else every half minute.
show_progress()
{
	local n=0
	while kill -0 "$1" 2>/dev/null; do
		sleep 1
		n=$((n + 1))
		if [ -t 1 ]; then
			printf '\r    %s\033[K' "$(tail -n 1 "$2" 2>/dev/null)"
		elif [ $((n % 30)) = 0 ]; then
			printf '    %s\n' "$(tail -n 1 "$2" 2>/dev/null)"
		fi
	done
	[ ! -t 1 ] || printf '\r\033[K'
}

# One suite: its TAP into $1.tap, its other output into $1.log; its exit status.
run_suite()
{
	local log=$1 group=$2 path=$3 seconds status
	seconds=$(timeout_of "$group" "$path")
	rm -f "$log.tap" "$log.log"
	case $group in
	fuzz)
		fuzz "$path" "$seconds" >"$log.tap" 2>"$log.log" </dev/null &
		;;
	long)
		CK_TAP_LOG_FILE_NAME=$log.tap CK_DEFAULT_TIMEOUT=14000 RONDO_TEST_LONG=1 \
			timeout -k 10 "$seconds" "$path" >"$log.log" 2>&1 </dev/null &
		;;
	unit | asan | tsan)
		CK_TAP_LOG_FILE_NAME=$log.tap CK_DEFAULT_TIMEOUT=60 \
		ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
			timeout -k 10 "$seconds" "$path" >"$log.log" 2>&1 </dev/null &
		;;
	*)
		timeout -k 10 "$seconds" bash "$path" >"$log.tap" 2>"$log.log" </dev/null &
		;;
	esac
	child=$!
	[ "$group" != long ] || show_progress "$child" "$log.log"
	wait "$child"
	status=$?
	child=
	[ -e "$log.tap" ] || cp "$log.log" "$log.tap"
	return $status
}

# What each script of a merged stream (`ok N - SCRIPT: ...`) came to.
breakdown()
{
	awk '/^(not )?ok / {
		name = $0
		sub(/^(not )?ok [0-9]+ - /, "", name)
		if (match(name, /^[0-9.]+ [^: ]*/)) name = substr(name, 1, RLENGTH)
		else sub(/[: ].*/, "", name)
		if (!(name in seen)) { seen[name] = 1; order[++n] = name }
		if (/^not/) failed[name]++
		else if (/# SKIP/) skipped[name]++
		else passed[name]++
	}
	END {
		for (i = 1; i <= n; i++) {
			name = order[i]
			printf "            %-22s %d passed", name, passed[name]
			if (failed[name]) printf ", %d FAILED", failed[name]
			if (skipped[name]) printf ", %d skipped", skipped[name]
			print ""
		}
	}' "$1"
}

for suite in "$@"; do
	group=${suite%%:*}
	path=${suite#*:}
	name=$(basename "${path%%:*}" .sh)
	[ "$name" != run ] || name=one-boot
	if [ "$group" = absent ]; then
		skipped=$((skipped + 1))
		reasons+=("$name: ${path#*:}")
		printf '  %-7s %-24s skipped: %s\n' unit "$name" "${path#*:}"
		continue
	fi
	log=$logs/$group-$name
	began=$EPOCHREALTIME
	run_suite "$log" "$group" "$path"
	status=$?
	tenths=$(((${EPOCHREALTIME/./} - ${began/./}) / 100000))
	summary=$(awk -v status="$status" -f "$SRC/tests/tap.awk" "$log.tap")
	read -r p f s <<<"$summary"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	while read -r kind text; do
		[ "$kind" = skip ] && reasons+=("$group $name: $text")
	done <<<"$summary"
	counts="$p passed"
	[ "$f" = 0 ] || counts="$counts, $f FAILED"
	[ "$s" = 0 ] || counts="$counts, $s skipped"
	printf '  %-7s %-24s %-36s %4d.%d s\n' "$group" "$name" "$counts" \
		$((tenths / 10)) $((tenths % 10))
	[ "$group" != nested ] || breakdown "$log.tap"
	if [ "$f" != 0 ]; then
		echo "$summary" | sed -n 's/^bad /    > /p'
		echo "    --- $log.tap"
		sed 's/^/    /' "$log.tap"
		if [ -s "$log.log" ] && ! cmp -s "$log.log" "$log.tap"; then
			echo "    --- $log.log"
			sed 's/^/    /' "$log.log"
		fi
		echo "    ---"
	fi
done

if [ ${#reasons[@]} -gt 0 ]; then
	echo "skipped:"
	printf '  %s\n' "${reasons[@]}"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]

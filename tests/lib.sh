# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# TAP for shell tests, and care for what they start. Source it first:
#
#	. "$(dirname "$0")/../lib.sh"
#
# It sets BUILD (the build tree, absolute), SRC (the source tree), T (a scratch directory that goes
# away with the test) and GROUND (native, or nested-6.1 and the like). Every result is one TAP line;
# done_testing writes the plan, so a test that dies half-way has none and counts as failed. It
# measures nothing and knows no program of ours.

set -u
SRC=${SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
BUILD=${BUILD:-$SRC/build}
GROUND=${GROUND:-native}
export SRC BUILD GROUND
PATH=$BUILD/bin:$PATH
export LC_ALL=C

tap_n=0
tap_bad=0
undo=()
T=$(mktemp -d "${TMPDIR:-/tmp}/rondo-test.XXXXXX") || exit 1

# later CMD...: run at the end of the test, last one first, whatever happens. Evaluated then.
later()
{
	undo+=("$*")
}

tap_cleanup()
{
	local status=$? i
	# A forked child that a signal ends before its exec comes here too, and must not clean up.
	[ "$BASHPID" = "$tap_pid" ] || return
	trap - EXIT
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
		eval "${undo[i]}" >&2
	done
	for i in $(jobs -pr); do
		kill -KILL "$i" 2>/dev/null
	done
	rm -rf -- "$T"
	exit "$status"
}
# On EXIT alone: it is run for the signals that end a shell too.
tap_pid=$BASHPID
trap tap_cleanup EXIT

# diag TEXT...: to the log, as a comment, one line per argument.
diag()
{
	printf '%s\n' "$@" | sed 's/^/# /'
}

pass()
{
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1"
}

# fail DESCRIPTION [DETAIL...]
fail()
{
	tap_n=$((tap_n + 1))
	tap_bad=$((tap_bad + 1))
	echo "not ok $tap_n - $1"
	shift
	[ $# -eq 0 ] || diag "$@"
	return 0
}

# skip DESCRIPTION REASON
skip()
{
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

# ok DESCRIPTION CMD...: the command must succeed; its output is shown where it does not.
ok()
{
	local what=$1 out status
	shift
	out=$("$@" 2>&1)
	status=$?
	if [ $status -eq 0 ]; then
		pass "$what"
	else
		fail "$what" "$(printf '%s ' "$@"): exit status $status" "$out"
	fi
}

# is GOT WANT DESCRIPTION: equal as strings.
is()
{
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3" "got:  $1" "want: $2"
	fi
}

# within GOT WANT TOLERANCE DESCRIPTION: integers, |GOT - WANT| <= TOLERANCE. The figures are shown
# either way. Something that is no number fails.
within()
{
	if ! [[ $1 =~ ^-?[0-9]+$ && $2 =~ ^-?[0-9]+$ && $3 =~ ^[0-9]+$ ]]; then
		fail "$4" "not an integer: got '$1', want '$2' +- '$3'"
	elif (($1 - $2 <= $3 && $2 - $1 <= $3)); then
		pass "$4 (got $1, want $2 +- $3)"
	else
		fail "$4" "got:  $1" "want: $2 +- $3 (off by $(($1 - $2)))"
	fi
}

# skip_all REASON: nothing of this test can run here.
skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}

# need PROGRAM...: skips the test where one of them is missing.
need()
{
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || skip_all "$p is not here"
	done
}

# bail REASON: the test can't go on, and that is a failure.
bail()
{
	fail "$1" "${@:2}"
	done_testing
}

done_testing()
{
	echo "1..$tap_n"
	[ $tap_bad -eq 0 ]
	exit
}

# start NAME CMD...: in the background, output in $T/NAME.out and $T/NAME.err, its pid in $pid.
# Killed at the end of the test if it is still there. It returns when the program is what runs: a
# signal that reaches the forked shell before its exec may be lost.
start()
{
	local name=$1 i
	shift
	"$@" >"$T/$name.out" 2>"$T/$name.err" &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		[ "/proc/$pid/exe" -ef "/proc/$$/exe" ] || break
		sleep 0.01
	done
}

# finish PID SECONDS: waits for a started program; its exit status, or 124 if it had to be killed.
finish()
{
	local i
	for ((i = 0; i < $2 * 20; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	if kill -0 "$1" 2>/dev/null; then
		kill -KILL "$1"
		wait "$1" 2>/dev/null
		return 124
	fi
	wait "$1"
}

# wait_for SECONDS CMD...: until the command succeeds; false after the time is up.
wait_for()
{
	local i
	for ((i = 0; i < $1 * 10; i++)); do
		"${@:2}" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

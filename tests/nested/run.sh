#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 1800
#
# All tests/nested/[0-9]*.sh in the nested ground, in one boot of each kernel (GROUND_KERNELS,
# "6.1 6.12"), as one TAP stream. Skips a kernel, with the reason, where it can't be had.

set -u
here=$(cd "$(dirname "$0")" && pwd)
SRC=${SRC:-$(cd "$here/../.." && pwd)}
tests=("$SRC"/tests/nested/[0-9]*.sh)

# One kernel's results, "KERNEL SCRIPT: ..." each; the plan is the whole's.
one()
{
	local why
	export GROUND_KERNEL=$1
	why=$("$here/ground.sh" prepare 2>&1)
	case $? in
	0) ;;
	77)
		echo "ok 0 - $1 # SKIP ${why##*$'\n'}"
		return
		;;
	*)
		printf '%s\n' "$why" | sed 's/^/# /'
		echo "not ok 0 - $1: the ground could not be prepared"
		return
		;;
	esac
	"$here/ground.sh" run "${tests[@]}" | sed -E "s/^((not )?ok [0-9]+ - )/\1$1 /; /^1\.\./d"
}

# One after the other: the kernel measures its clock's speed at boot, and on a loaded machine it is wrong.
for kernel in ${GROUND_KERNELS:-6.1 6.12}; do
	one "$kernel"
done | awk '/^(not )?ok / { n++; sub(/ok [0-9]+/, "ok " n) } { print } END { print "1.." n + 0 }'

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 900
#
# All tests/nested/[0-9]*.sh in one boot of the nested ground, as one TAP stream. Skips, with the
# reason, where the ground can't be had.

set -u
here=$(cd "$(dirname "$0")" && pwd)
SRC=${SRC:-$(cd "$here/../.." && pwd)}
tests=("$SRC"/tests/nested/[0-9]*.sh)
why=$("$here/ground.sh" prepare 2>&1)
case $? in
0) ;;
77)
	echo "1..0 # SKIP ${why##*$'\n'}"
	exit 0
	;;
*)
	printf '%s\n' "$why" | sed 's/^/# /'
	echo "Bail out! the ground could not be prepared"
	exit 1
	;;
esac
exec "$here/ground.sh" run "${tests[@]}"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 240
#
# tests/native/culprits.sh, in the nested ground.

[ "$GROUND" = nested-6.1 ] || [ -n "${RONDO_TEST_LONG:-}" ] || {
	echo "1..0 # SKIP 6.1 has it; RONDO_TEST_LONG=1 has it here, too"
	exit 0
}
# shellcheck source=../native/culprits.sh
. "$(dirname "$0")/../native/culprits.sh"

# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# . only.sh GROUND: one ground is enough for this test in `make test`, and this is not it; `make test-full`
# has it on all. Sourced first.

[ "$GROUND" = "$1" ] || [ -n "${RONDO_TEST_LONG:-}" ] || {
	echo "1..0 # SKIP $1 has it; make test-full has it here, too"
	exit 0
}

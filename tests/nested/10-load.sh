#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Does this kernel's verifier take the BPF programs, and do they attach? Counts nothing.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.sh"

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
ok "rondo-bpfd --check finds what it needs" rondo-bpfd --check
diag "$(rondo-bpfd --check 2>&1)"
collector_start
pass "rondo-bpfd loads and attaches"
is "$(stored '{__name__="collector_events_lost_total"}' | grep -v '^0$')" "none" "no events lost"
collector_stop
done_testing

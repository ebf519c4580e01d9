#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Does this kernel's verifier take the BPF programs, and do they attach? Counts nothing.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.sh"

[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
out=$(rondo-bpfd --check 2>&1)
is $? 0 "rondo-bpfd --check finds what it needs"
diag "$out"
is "$(grep -c 'kvm_entry, kvm_exit  *yes' <<<"$out")" 1 "and says that kvm_entry and kvm_exit fire here"
collector_start
pass "rondo-bpfd loads and attaches"
sleep 2
collector_stop
is "$(stored collector_events_lost_total "" "" cause)" "{}" "no events lost"
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-bpfd --events: a line for each hardware exit; the guest's events are known.

. "$(dirname "$0")/only.sh" nested-6.1
. "$(dirname "$0")/../lib.sh"
need jq
[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"

start stream rondo-bpfd --events --json --filter events
stream=$pid
wait_for 60 grep -q "streaming events" "$T/stream.err" || bail "it starts" "$(cat "$T/stream.err")"
rondo-vmm --guest pio=307,hlt=31 --cpus 1 --name events --json >"$T/vmm" || bail "rondo-vmm runs"
sleep 1
kill -TERM "$stream"
finish "$stream" 20
is "$?" 0 "--events ends clean"
lines()
{
	jq -s "[.[] | select(.event == \"$1\" and .reason == \"$2\")] | length" "$T/stream.out"
}
is "$(lines exit io)" 307 "a line for each of 307 port writes"
# The last HLT tells the VMM that the guest is done: no KVM_RUN after it closes the return's span.
is "$(lines exit hlt)" 32 "and each of 32 HLTs"
is "$(lines userspace io) $(lines userspace hlt)" "307 31" "and for their way through the VMM"
is "$(jq -s '[.[] | select(.ns > 1000000000 or .ns < 0)] | length' "$T/stream.out")" 0 "no time is out of reason"
is "$(grep -c lost "$T/stream.err")" 0 "nothing was lost"
done_testing

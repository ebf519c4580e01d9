#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# KVM is loaded later than rondo-bpfd is started: it says so, waits, and picks it up. Runs before the
# ground holds its own VM open, as that would keep the modules from being unloaded.

. "$(dirname "$0")/../lib.sh"
need jq perl rondo-bpfd rondo-vmm

modules=/run/modules/$(uname -r)/kernel/arch/x86/kvm
[ -r "$modules/kvm.ko" ] || skip_all "the modules are not here"

ok "KVM can be unloaded" busybox rmmod kvm_amd
ok "all of it" busybox rmmod kvm
out=$(rondo-bpfd --check 2>&1)
is $? 3 "--check without KVM is exit status 3"
ok "and says what to do" grep -q 'modprobe kvm_amd' <<<"$out"

start early rondo-bpfd --store "$T/none" --measure no
wait_for 60 grep -q 'KVM is not loaded.*waiting for it' "$T/early.err" || bail "it waits" "$(cat "$T/early.err")"
kill -TERM "$pid"
finish "$pid" 20
is $? 0 "one that waits ends clean on SIGTERM"

start rondo-bpfd rondo-bpfd --store "$T/store" --max-vcpus 4 --measure no
collector=$pid
wait_for 60 grep -q 'KVM is not loaded.*waiting for it' "$T/rondo-bpfd.err" ||
	bail "it waits" "$(cat "$T/rondo-bpfd.err")"
ok "kvm loads" busybox insmod "$modules/kvm.ko"
sleep 2.5
is "$(grep -c 'collecting into' "$T/rondo-bpfd.err")" 0 "it still waits, for the processor's part"

# Its own try of a VM must not be the last VM: see init.
kill -STOP "$collector"
ok "kvm_amd loads" busybox insmod "$modules/kvm-amd.ko"
# shellcheck disable=SC2016 # perl's variables
setsid perl -e 'open(K, "+<", "/dev/kvm") or die; ioctl(K, 0xAE01, 0) or die;
	open(F, ">", $ARGV[0]); close(F); sleep 1e6' "$T/held" >/dev/null 2>&1 &
disown
wait_for 30 test -e "$T/held"
kill -CONT "$collector"
wait_for 60 grep -q 'collecting into' "$T/rondo-bpfd.err" || bail "it picks KVM up" "$(cat "$T/rondo-bpfd.err")"
pass "it picks KVM up"
is "$(wc -l <"$T/rondo-bpfd.err")" 2 "and has said two lines in all"
ok "a guest runs" rondo-vmm --name late --guest pio --count 101 --linger 0 --json
sleep 1.5
kill -TERM "$collector"
finish "$collector" 20
is $? 0 "it ends clean"
is "$(rondo-bpf-cli query "$T/store" 'vcpu_userspace_exits_total{instance="late",reason="io"}' --format json \
	--range all --tier 0 --function sum | jq '[.series[].points[][1]] | add')" 101 "all of the guest is on record"
done_testing

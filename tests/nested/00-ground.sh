#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The ground itself: is this the machine that the other tests rely on? Knows no program of ours.

. "$(dirname "$0")/../lib.sh"

ok "kvm-amd is loaded" test -d /sys/module/kvm_amd
ok "/dev/kvm is there" test -c /dev/kvm
ok "kvm has its BTF" test -r /sys/kernel/btf/kvm
ok "kvm_amd has its BTF" test -r /sys/kernel/btf/kvm_amd
ok "tracefs has kvm_exit" test -d /sys/kernel/tracing/events/kvm/kvm_exit
is "$(nproc)" 2 "two CPUs"
is "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" tsc "the clock is the TSC"
ok "the scratch directory can be written" touch "$T/x"
ok "the source tree is there" test -r "$SRC/Makefile"
done_testing

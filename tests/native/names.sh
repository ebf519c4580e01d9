#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Who real processes' VMs are: QEMU with its -name and uuid, one with a name that no one should have, one that was renamed,
# rondo-vmm, a program that nobody knows; two of one name, at once and one after the other.

. "$(dirname "$0")/../lib.sh"
need jq
[ -x "$BUILD/bin/rondo-bpfd" ] || skip_all "rondo-bpfd is not built (no clang or bpftool)"
[ "$(id -u)" = 0 ] || skip_all "it needs root"
[ -w /dev/kvm ] || skip_all "/dev/kvm is not here, or not ours"
rondo-bpfd --check >"$T/check" 2>&1 || skip_all "$(tail -n 1 "$T/check")"

start rondo-bpfd rondo-bpfd --store "$T/store" --groups none --max-vcpus 64
collector=$pid
wait_for 20 grep -q "collecting into" "$T/rondo-bpfd.err" || bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"
run=n$$
uuid=c7a5fdbd-edaf-9455-926a-d65c16db1809

# info of a process: jq of its vm_info's labels.
info()
{
	rondo-bpf-cli list --json "$T/store" "vm_info{pid=\"$1\"}" 2>/dev/null | jq -r ".series[].labels | $2"
}
known()
{
	[ -n "$(info "$1" .instance)" ]
}

emulators=()
if command -v qemu-system-x86_64 >/dev/null; then
	# Bare-metal firmware and nothing else: it runs until it is killed.
	machine=(-enable-kvm -cpu "host,-arch-capabilities" -m 32 -nodefaults -nographic)
	evil=$'a"b\\c\nd\xff,,e{}'$run
	start plain qemu-system-x86_64 -name "guest=$run,debug-threads=on" -uuid $uuid -machine pc "${machine[@]}"
	plain=$pid
	start evil qemu-system-x86_64 -name "guest=$evil$(head -c 10000 /dev/zero | tr '\0' y)" -machine pc "${machine[@]}"
	evil_pid=$pid
	cp "$(command -v qemu-system-x86_64)" "$T/emulator-7"
	start renamed "$T/emulator-7" -L /usr/share/qemu -L /usr/share/seabios -name "guest=renamed-$run" -machine pc "${machine[@]}"
	renamed=$pid
	emulators=("$plain" "$evil_pid" "$renamed")
fi
cp "$BUILD/bin/rondo-vmm" "$T/nobody-knows"
start demo rondo-vmm --guest spin --duration 30 --cpus 1 --name "demo-$run"
demo=$pid
start twin rondo-vmm --guest spin --duration 30 --cpus 1 --name "demo-$run"
twin=$pid
start other "$T/nobody-knows" --guest spin --duration 30 --cpus 1 --name "x-$run"
other=$pid
for p in "${emulators[@]}" "$demo" "$twin" "$other"; do
	wait_for 30 known "$p"
done

if [ ${#emulators[@]} -gt 0 ]; then
	is "$(info "$plain" '"\(.instance) \(.uuid) \(.vmm)"')" "$run $uuid qemu" "QEMU: its -name and -uuid"
	is "$(info "$evil_pid" .instance | sed 's/y*$//')" 'a"b\c_d_,e{}'"$run" \
		"a hostile name: no newline, no byte that is no UTF-8"
	is "$(info "$evil_pid" '.instance | utf8bytelength')" 128 "of 10 kB it keeps 128 bytes"
	is "$(info "$renamed" '"\(.instance) \(.vmm)"')" "renamed-$run qemu" "QEMU under another name is still QEMU"
else
	skip "QEMU: its -name and -uuid" "no qemu-system-x86_64"
fi
first=$(info "$demo" .instance) second=$(info "$twin" .instance)
is "$(printf '%s\n' "$first" "$second" | sort | head -n 1)" "demo-$run" "rondo-vmm: its --name"
ok "the second one of that name has its pid appended ($first, $second)" \
	[ "$first $second" = "demo-$run demo-$run-$twin" -o "$first $second" = "demo-$run-$demo demo-$run" ]
is "$(info "$other" '"\(.instance) \(.vmm) \(.named_by)"')" "nobody-knows-$other other pid" "a program that nobody knows: its name and pid"
started=$(($(awk '$1 == "btime" { print $2 }' /proc/stat) + $(awk '{ print $22 }' "/proc/$demo/stat") / $(getconf CLK_TCK)))
within "$(info "$demo" .start_time)" "$started" 2 "start_time is when the process began"
if command -v promtool >/dev/null; then
	rondo-bpf-cli export --format openmetrics "$T/store" vm_info >"$T/om"
	is "$(sed '$d' "$T/om" | promtool check metrics 2>&1 | grep -i error)" "" "promtool takes all of their labels"
	ok "the label is vm, outside" grep -q "^kvm_vm_info{.*vm=\"demo-$run\"" "$T/om"
else
	skip "promtool takes all of their labels" "no promtool"
fi

# The collector begins anew: names stay; what follows under the same name is the same VM, with a life of its own.
kill -KILL "$collector"
wait "$collector" 2>/dev/null
start rondo-bpfd rondo-bpfd --store "$T/store" --groups none
collector=$pid
wait_for 20 grep -q "collecting into" "$T/rondo-bpfd.err" || bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"
sleep 2.2
is "$(info "$demo" .instance) $(info "$twin" .instance)" "$first $second" "after a restart each has the name that it had"
kill -KILL "${emulators[@]}" "$demo" "$twin" "$other"
wait "${emulators[@]}" "$demo" "$twin" "$other" 2>/dev/null
sleep 1.3
start demo2 rondo-vmm --guest spin --duration 1 --cpus 1 --name "demo-$run"
demo2=$pid
finish "$demo2" 20
sleep 1.3
is "$(info "$demo2" .instance)" "demo-$run" "started anew, it is the same VM"
is "$(rondo-bpf-cli list --json "$T/store" "vm_info{instance=\"demo-$run\"}" | jq '.series | length')" 2 "in another life"
kill -TERM "$collector"
finish "$collector" 10
is "$?" 0 "rondo-bpfd ends clean"
done_testing

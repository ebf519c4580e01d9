#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What make vmm-check-kvm, vmm-run and vmm-demo do, here or on the machine that REMOTE= names.
#
#	BUILD=dir tools/vmm.sh check-kvm        can this machine run a VM? exit status 0 if so
#	BUILD=dir tools/vmm.sh run OPTION...    rondo-vmm; without --kernel or --guest the guest of make vmm-guest
#	BUILD=dir tools/vmm.sh demo             a VM with phases of work, and then what it recorded of itself

set -eu
cd "$(dirname "$0")/.."
BUILD=$(realpath -m "${BUILD:-build}")
PATH=$BUILD/bin:$PATH
export LC_ALL=C
guest=$BUILD/guest

check_kvm()
{
	local error
	if error=$(rondo-vmm --guest pio=1 2>&1 >/dev/null); then
		echo "kvm: this machine runs VMs ($(uname -r), $(nproc) CPUs)"
	else
		echo "kvm: this machine runs no VM: ${error#rondo-vmm: }" >&2
		return 1
	fi
}

# run OPTION...: the guest's own options first, so that those that were given win.
run()
{
	case " $* " in
	*" --kernel"[\ =]* | *" --guest"[\ =]*) exec rondo-vmm "$@" ;;
	esac
	[ -r "$guest/vmlinuz" ] || { echo "vmm-run: $guest is not here: make vmm-guest" >&2; exit 1; }
	exec rondo-vmm --kernel "$guest/vmlinuz" --initrd "$guest/initrd" --disk "$guest/disk" "$@"
}

# seconds STORE: a line for each second on record.
seconds_of()
{
	rondo-bpf-cli query "$1" '{__name__=~"vcpu_exits_total|vcpu_steal_ns|vcpu_run_duration_ns|blk_bytes_total|kvm_stat_exits_total"}' \
		--json --range all --tier 0 --function sum | jq -r '
		[.series[] | {name, labels, p: .points[]}] | group_by(.p[0]) | .[0][0].p[0] as $first |
		def of(n): [.[] | select(.name == n) | .p[1]] | add // 0;
		def by_reason: [.[] | select(.name == "vcpu_exits_total" and .p[1] > 0)] | group_by(.labels.reason) |
			map("\(.[0].labels.reason) \(map(.p[1]) | add)") | join(", ");
		.[] | [(.[0].p[0] - $first) / 1e9, of("kvm_stat_exits_total"), (of("vcpu_run_duration_ns") / 1e6 | round),
			(of("vcpu_steal_ns") / 1e6 | round), (of("blk_bytes_total") / 1e6 | round), by_reason] | @tsv' |
		awk -F '\t' 'BEGIN { printf "%6s %10s %10s %9s %8s  %s\n", "second", "KVM exits", "in KVM ms", "steal ms", "disk MB",
			"exits to the VMM" }
			{ printf "%6d %10d %10d %9d %8d  %s\n", $1, $2, $3, $4, $5, $6 }'
}

# run_linux STORE CONSOLE: the workload; given up where the guest says nothing for 20 s.
run_linux()
{
	local pid tail i
	(run --name demo --store "$1" --duration 120 --cmdline 'quiet seconds=4' </dev/null >"$2" 2>&1) &
	pid=$!
	tail -f --pid=$pid "$2" 2>/dev/null | grep --line-buffered -a -e '^workload' -e warning &
	tail=$!
	for ((i = 0; i < 20; i++)); do
		sleep 1
		grep -qa '^workload' "$2" && break
		kill -0 $pid 2>/dev/null || break
	done
	grep -qa '^workload' "$2" || kill -TERM $pid 2>/dev/null || true
	wait $pid $tail || true
}

demo()
{
	local store=$BUILD/vmm-demo/store log=$BUILD/vmm-demo/console
	check_kvm || exit 1
	command -v jq >/dev/null || { echo "vmm-demo: jq is not here (tools/deps.sh --for demo)" >&2; exit 1; }
	rm -rf "$BUILD/vmm-demo"
	mkdir -p "$BUILD/vmm-demo"
	if [ -r "$guest/vmlinuz" ]; then
		echo "Linux with phases of work: CPU, idle, disk, mixed"
		run_linux "$store" "$log"
	fi
	if ! grep -qsa '^workload: done' "$log"; then
		[ ! -r "$guest/vmlinuz" ] || echo "Linux did not come to its end here (its console: $log)."
		rm -rf "$store"
		echo "A bare-metal guest with phases: spin, port I/O, HLT, MMIO"
		rondo-vmm --name demo --store "$store" --guest spin,pio=29989,hlt=97,mmio=9973 --halt-us 20000 \
			--duration 12
	fi
	echo
	echo "What it recorded of itself ($store), by second:"
	seconds_of "$store"
}

case ${1:-} in
check-kvm) check_kvm ;;
run) shift && run "$@" ;;
demo) demo ;;
*)
	sed -n '4,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

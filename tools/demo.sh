#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What `make demo` shows, with programs that are built already: rondo-bpfd watches this host's VMs,
# rondo-vmm runs a guest of exact exits on two vCPUs that share one CPU for about ten seconds; then
# a table of what was collected, exports, and a comparison with figures that rondo-bpfd had no part
# in: the vCPU threads' own schedstat, the VMM's own count of its exits, KVM's own statistics.
#
# Exit status 0 only if they agree. Leaves all it made in BUILD/demo. Where this machine lacks KVM or
# the rights to BPF it says what is missing, and runs itself in the nested ground if that can be had.
# DEMO_SECONDS: how long the guest runs (10).

set -u
SRC=${SRC:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD=$(realpath -m "${BUILD:-$SRC/build}")
GROUND=${GROUND:-native}
PATH=$BUILD/bin:$PATH
export SRC BUILD GROUND LC_ALL=C
seconds=${DEMO_SECONDS:-10}
guest=pio=4999,mmio=1999,hlt=997,spin

# In the nested ground the build tree is read-only, and its share takes no mapped files: what is made
# there lies in its /tmp until the end.
final=$BUILD/demo
work=$final
[ "$GROUND" = native ] || work=/tmp/rondo-demo

bpfd=
vmm=
cleanup()
{
	local p
	for p in $vmm $bpfd; do
		kill -TERM "$p" 2>/dev/null
	done
	for p in $vmm $bpfd; do
		wait "$p" 2>/dev/null
	done
	[ "$work" = "$final" ] || cp -r "$work"/. "${RESULTS:-$final}"/ 2>/dev/null
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

say()
{
	printf '%s\n' "$*"
}

# shown PATH: as the user would type it
shown()
{
	local p=$final${1#"$work"}
	case $p in
	"$PWD"/*) echo "${p#"$PWD"/}" ;;
	*) echo "$p" ;;
	esac
}

die()
{
	say "demo: FAILED ($*)"
	exit 1
}

# What this machine lacks, one sentence with the remedy each. Nothing if it has all.
missing()
{
	local error
	if [ ! -e /dev/kvm ]; then
		say "/dev/kvm is not there. Load KVM (modprobe kvm_amd, or kvm_intel); the firmware, or" \
		    "the machine around this one, must have virtualization switched on."
	elif ! error=$(rondo-vmm --guest pio=1 2>&1 >/dev/null); then
		say "rondo-vmm can't run a guest: ${error#rondo-vmm: }"
	fi
	[ -r /sys/kernel/btf/vmlinux ] ||
		say "/sys/kernel/btf/vmlinux is not there: the kernel has no BTF. Boot one that was" \
		    "built with CONFIG_DEBUG_INFO_BTF=y, as Debian's are."
	[ "$(id -u)" = 0 ] ||
		say "You are not root: rondo-bpfd needs CAP_BPF, CAP_PERFMON and, where KVM is a module," \
		    "CAP_SYS_ADMIN. Run: sudo make demo"
}

# elsewhere REASONS: in the nested ground.
elsewhere()
{
	local status
	say "This machine can't show it by itself:"
	printf '%s\n' "$1" | sed 's/^/  - /'
	[ "$GROUND" = native ] || die "not even in the nested ground"
	say "Trying the nested ground instead: Debian's kernel with KVM on an emulated machine (slow)."
	trap - EXIT
	"$SRC/tests/nested/ground.sh" demo
	status=$?
	[ $status != 77 ] || die "nothing here can run a VM; what is missing is listed above"
	[ $status = 0 ] || die "status $status in the nested ground"
	exit 0
}

wait_for_line()
{
	local i
	for ((i = 0; i < $1 * 10; i++)); do
		grep -q "$2" "$work/$3" 2>/dev/null && return 0
		kill -0 "$4" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

start_collector()
{
	rondo-bpfd --store "$work/store" >"$work/rondo-bpfd.log" 2>&1 &
	bpfd=$!
	wait_for_line 60 'rondo-bpfd: collecting into' rondo-bpfd.log $bpfd && return
	say "rondo-bpfd did not start:"
	sed 's/^/  /' "$work/rondo-bpfd.log"
	return 1
}

run_guest()
{
	local cpu i
	cpu=$(awk '/^Cpus_allowed_list/ { sub(/.*[,-]/, "", $2); print $2 }' /proc/self/status)
	say "A VM runs for $seconds s: two vCPUs, both on CPU $cpu, each doing $guest"
	rondo-vmm --json --name demo --guest $guest --duration "$seconds" --cpus 2 --pin "$cpu" \
		--store "$work/vmm-store" --linger 120 >"$work/vmm.json" 2>"$work/vmm.log" &
	vmm=$!
	wait_for_line $((seconds * 3 + 30)) '}' vmm.json $vmm ||
		die "rondo-vmm gave no report: $(cat "$work/vmm.log")"
	# The vCPU threads sleep now, and their figures are final. A tick or two, then the flush.
	sleep 2.2
	kill -TERM $bpfd
	wait $bpfd || die "rondo-bpfd ended with status $?: $(tail -n 3 "$work/rondo-bpfd.log")"
	bpfd=
	kill -TERM $vmm
	wait $vmm || die "rondo-vmm ended with status $?: $(cat "$work/vmm.log")"
	vmm=
}

# sums STORE SELECTOR: the series' sums over all that the finest tier has.
sums()
{
	rondo-bpf-cli query "$1" "$2" --format json --range all --tier 0 --function sum
}

show_table()
{
	sums "$work/store" '{vcpu=~".+"}' >"$work/all.json" || die "the store can't be read"
	jq -r -f "$SRC/tools/demo-table.jq" "$work/all.json" >"$work/table" ||
		die "the table can't be made"
	[ "$(wc -l <"$work/table")" -gt 2 ] || die "rondo-bpfd saw no VM"
	say ""
	head -n -1 "$work/table" | awk -F'\t' \
		'{ printf "%-16s %4s %10s %10s %8s  %s\n", $1, $2, $3, $4, $5, $6 }'
	say ""
	tail -n 1 "$work/table"
}

export_all()
{
	local f
	rondo-bpf-cli export "$work/store" --format csv >"$work/demo.csv" ||
		die "the store can't be exported as CSV"
	rondo-bpf-cli export "$work/store" --format openmetrics >"$work/demo.om.txt" ||
		die "the store can't be exported as OpenMetrics"
	for f in demo.csv demo.om.txt; do
		[ -s "$work/$f" ] || die "$(shown "$work/$f") is empty"
	done
	say ""
	say "store        $(shown "$work/store")"
	say "CSV          $(shown "$work/demo.csv") ($(wc -l <"$work/demo.csv") lines)"
	if command -v promtool >/dev/null; then
		rm -rf "$work/blocks"
		promtool tsdb create-blocks-from openmetrics "$work/demo.om.txt" "$work/blocks" \
			>"$work/promtool.log" 2>&1 ||
			die "promtool refuses the OpenMetrics file: $(tail -n 1 "$work/promtool.log")"
		rm -rf "$work/blocks"
		say "OpenMetrics  $(shown "$work/demo.om.txt") ($(wc -l <"$work/demo.om.txt") lines," \
		    "taken by promtool)"
	else
		say "OpenMetrics  $(shown "$work/demo.om.txt") ($(wc -l <"$work/demo.om.txt") lines)"
	fi
	say "VMM's store  $(shown "$work/vmm-store") (recorded by rondo-vmm itself)"
	say ""
}

# The VMM's own store has its own counts, through librondo alone.
check_vmm_store()
{
	local stored counted
	stored=$(sums "$work/vmm-store" vcpu_exits_total | jq '[.series[].points[][1]]|add')
	counted=$(jq '[.vcpus[].exits[]]|add' "$work/vmm.json")
	[ "$stored" = "$counted" ] ||
		die "rondo-vmm's own store has $stored exits, rondo-vmm counted $counted"
}

verdict()
{
	local name
	# Where a VM called demo was there before, ours has its pid behind its name.
	name=demo-$(jq .pid "$work/vmm.json")
	rondo-bpf-cli list "$work/store" "{instance=\"$name\"}" >"$work/list.log" 2>&1 || name=demo
	sums "$work/store" "{instance=\"$name\"}" >"$work/demo.json"
	jq -n --slurpfile vm "$work/vmm.json" --slurpfile stored "$work/demo.json" \
		-f "$SRC/tools/demo.jq" >"$work/verdict.json" || die "the figures can't be compared"
	if [ "$(jq '.problems|length' "$work/verdict.json")" != 0 ]; then
		jq -r '.problems[]' "$work/verdict.json" | sed 's/^/  /'
		die "rondo-bpfd's figures are not those of its oracles, see above"
	fi
	jq -r '"demo: ok (steal of \(.vcpus) vCPUs, \(.steal) ns, equals schedstat " +
		(if .exact then "to the ns" else "within its baseline'\''s reading" end) +
		"; \(.exits) exits to the VMM, by reason, equal rondo-vmm'\''s own count" +
		(if .hardware then "; all \(.hardware) exits equal KVM'\''s own statistics" else "" end) +
		")"' "$work/verdict.json"
}

for p in jq rondo-vmm rondo-bpf-cli rondo-bpfd; do
	command -v $p >/dev/null || die "$p is not here: as root tools/deps.sh, then make"
done
lacks=$(missing)
[ -z "$lacks" ] || elsewhere "$lacks"
rm -rf "$work/store" "$work/vmm-store"
mkdir -p "$work" || die "can't write to $work"
rm -f "$work"/*.json "$work"/*.log "$work"/table "$work"/demo.*
start_collector || elsewhere "rondo-bpfd can't collect here (its words are above)"
run_guest
show_table
export_all
check_vmm_store
verdict

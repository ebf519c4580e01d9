# demo.jq - compares what rondo-bpfd stored with what rondo-vmm and schedstat say of the same VM
#
#	jq -n -r --slurpfile vm REPORT --slurpfile stored QUERY -f demo.jq
#
# REPORT is rondo-vmm's --json, QUERY the output of `rondo-bpf-cli query` of that VM's series, with
# function sum over the finest tier. One object: `problems` (sentences; none if all agrees) and the
# figures that were compared.

def figures: [.series[] | {name, l: .labels, sum: ([.points[][1]] | add // 0)}];

# {reason: sum} of a vCPU
def reasons($name; $v):
	[.[] | select(.name == $name and .l.vcpu == ($v | tostring)) | {(.l.reason): .sum}] | add // {};

# One number of a vCPU, null where there is no such series.
def one($name; $v):
	[.[] | select(.name == $name and .l.vcpu == ($v | tostring)) | .sum] | add;

($vm[0]) as $vm | ($stored[0] | figures) as $f
| [$vm.vcpus[] | . as $c
	| {vcpu, steal: ($f | one("vcpu_steal_ns"; $c.vcpu)),
	   low: (.steal_end_ns - ([.steal_baseline_ns, .steal_baseline_after_ns] | max)),
	   high: (.steal_end_ns - ([.steal_baseline_ns, .steal_baseline_after_ns] | min)),
	   kvm: .kvm_exits,
	   hardware: (if ($f | one("vcpu_exits_total"; $c.vcpu)) == null then null else
		($f | (one("vcpu_exits_total"; $c.vcpu)) + (one("vcpu_reentries_total"; $c.vcpu) // 0)) end),
	   mine: .exits,
	   stored: ($f | reasons("vcpu_userspace_exits_total"; $c.vcpu)
		    | with_entries(select(.value != 0)))}] as $v
| {
	exact: ([$v[] | .low == .high] | all),
	steal: ([$v[].steal // 0] | add),
	exits: ([$v[].mine | add] | add),
	vcpus: ($v | length),
	# all that the processor made; null where either side has no such figure
	hardware: (if [$v[] | .kvm != null and .hardware != null] | all then [$v[].hardware] | add
		   else null end),
	problems: [
		(if $vm.status != "ok" then "the guest did not come to its end: \($vm.status)" else empty end),
		($v[] | if .steal == null then "vCPU \(.vcpu): no steal was stored"
			elif .steal < .low or .steal > .high then
				"vCPU \(.vcpu): stored steal is \(.steal) ns, schedstat says \(.low)" +
				(if .low == .high then "" else " to \(.high)" end)
			else empty end),
		($v[] | if .stored != .mine then
				"vCPU \(.vcpu): stored exits are \(.stored | tojson), rondo-vmm counted \(.mine | tojson)"
			else empty end),
		($v[] | if .kvm != null and .hardware != null and .kvm != .hardware then
				"vCPU \(.vcpu): stored are \(.hardware) exits and re-entries, KVM counted \(.kvm)"
			else empty end)
	]
  }

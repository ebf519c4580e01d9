# demo-table.jq - one line per vCPU of what rondo-bpfd stored, tab-separated, and what was missing
#
#	rondo-bpf-cli query STORE --format json --function sum ... | jq -r -f demo-table.jq
#
# A part that was not measured is "-", never 0. The last line is the table's footnote.

def seconds: if . == null then "-" else (. / 1e6 | round / 1e3 | tostring) end;

[.series[] | {name, vm: .labels.instance, vcpu: .labels.vcpu, reason: (.labels.class // .labels.reason),
	      sum: ([.points[][1]] | add // 0)}] as $all
| ([$all[] | select(.name == "vcpu_guest_ns")] | length > 0) as $guest
| ([$all[] | select(.name == "vcpu_exits_total")] | length > 0) as $hardware
| (if $hardware then "vcpu_exits_total" else "vcpu_userspace_exits_total" end) as $exits
| (["VM", "vCPU", "steal s", (if $guest then "guest s" else "run s" end), "exits", "by reason"] | @tsv),
  ($all | map(select(.vcpu != null)) | group_by([.vm, (.vcpu | tonumber)])[]
	| . as $s
	| (map(select(.name == $exits and .sum > 0)) | sort_by(-.sum)) as $e
	| [$s[0].vm, $s[0].vcpu,
	   ([$s[] | select(.name == "vcpu_steal_ns") | .sum] | add | seconds),
	   ([$s[] | select(.name == (if $guest then "vcpu_guest_ns" else "vcpu_run_ns" end)) | .sum] | add | seconds),
	   ([$e[].sum] | add // 0),
	   ([$e[] | "\(.reason) \(.sum)"] | join(", "))] | @tsv),
  (if $hardware then "exits: all that the processor made, by class"
   else "exits: those to the VMM, by KVM_EXIT reason; this kernel reports no others (kvm_entry and kvm_exit never fire)" end)
  + (if $guest then "" else "; run: time inside KVM_RUN, guest and KVM together" end)

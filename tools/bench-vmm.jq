# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The figures of make bench-vmm as Markdown tables. Input: one object with a, b, c, d; a part that was not
# measured is not there, and says so.

def digits(n): . * pow(10; n) | round / pow(10; n);
def figure: if . >= 100 then round elif . >= 1 then digits(1) else digits(3) end;
def mb: . / 1e6 | figure;
def percent: . * 100 | digits(1) | tostring + " %";
def row: "| " + (map(tostring) | join(" | ")) + " |";
def part(key; title; text): "**" + title + "**", "", (if has(key) then (.[key] | text) else "Not measured in this run." end), "";

part("a"; "A: recording an exit, ns per operation";
	"| what | p50 | p99 | p50, of the first |", "|---|--:|--:|--:|",
	(.[0].p50 as $base | .[] | [.what, (.p50 | figure), (.p99 | figure), "× " + (.p50 / $base | figure | tostring)] | row)),
part("b"; "B: VMs at once, embedded stores or a Prometheus that scrapes them";
	(.idle_prometheus | "Prometheus without targets: \(.server_cpu_percent | figure) % of a CPU, \(.server_rss_bytes | mb) MB resident; it is in the figures below."), "",
	"| VMs | how | CPU of the VMMs, % | CPU of the server, % | memory of the VMMs, MB | of the server, MB | disk, MB | as a block, MB | processes | network, kB/s |",
	"|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|",
	(.runs[] | [.vms, .how, (.vmm_cpu_percent | figure), (.server_cpu_percent // "–" | if type == "number" then figure else . end),
		(.vmm_pss_bytes | mb), (.server_rss_bytes // "–" | if type == "number" then mb else . end),
		(.disk_bytes | mb), (.block_bytes // "–" | if type == "number" then mb else . end),
		.processes, (.network_bytes_per_s / 1000 | figure)] | row), "",
	"Over \(.seconds) s each. Samples that Prometheus took in that time: \([.runs[] | select(.samples) | "\(.vms) VMs, \(.how): \(.samples)"] | join("; "))."),
part("c"; "C: VMs that live for seconds, points of each that were captured";
	"| lifetime, s | VMs | embedded, mean | with none | Prometheus at 15 s, mean | with none |", "|--:|--:|--:|--:|--:|--:|",
	(.[] | [.lifetime_s, .vms, (.embedded_mean | figure), (.embedded_none | percent), (.prometheus_mean | figure), (.prometheus_none | percent)] | row)),
part("d"; "D: exit rate of a guest that does nothing but exit";
	"\(.plain_per_s | round) exits/s without either; medians of \(.rounds) rounds' ratios to that, and their range:", "",
	"| with | ratio | least | most |", "|---|--:|--:|--:|",
	(["recording", "collector"] as $names | $names[] as $n | [{recording: "an embedded store", collector: "rondo-bpfd attached"}[$n],
		(.[$n].ratio | digits(3)), (.[$n].least | digits(3)), (.[$n].most | digits(3))] | row))

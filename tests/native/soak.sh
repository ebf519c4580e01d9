#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Churn and load for a while, with the collector built with ASan and UBSan: no leak, no growth, no loss that is not
# counted, every exit on record. Short here; `make soak` goes on for RONDO_SOAK_SECONDS, 600 by default, in which
# the series of VMs that are gone are given to others many times.
#
# timeout: 1500

. "$(dirname "$0")/../lib.sh"
need jq
bpfd=$BUILD/address-undefined/bin/rondo-bpfd
seconds=${RONDO_SOAK_SECONDS:-8}

[ -x "$bpfd" ] || skip_all "the sanitized rondo-bpfd is not built (make SANITIZE=address,undefined)"
[ "$(id -u)" = 0 ] || skip_all "it needs root"
[ -w /dev/kvm ] || skip_all "/dev/kvm is not here, or not ours"
rondo-bpfd --check >"$T/check" 2>&1 || skip_all "$(tail -n 1 "$T/check")"

run=s$$
# Room for what comes in the minute for which a series is kept after its end, and little more.
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
start rondo-bpfd "$bpfd" --store "$T/store" --filter "$run*" --groups default --outlier 5ms \
	--max-vcpus 1600 --tiers 1s/2m,10s/10m
collector=$pid
wait_for 60 grep -q "collecting into" "$T/rondo-bpfd.err" || bail "rondo-bpfd starts" "$(cat "$T/rondo-bpfd.err")"
start spin rondo-vmm --guest spin --duration $((seconds + 120)) --cpus 2 --pin 0 --name "$run-spin"
spin=$pid
size=$(du -sb --exclude 'events.jsonl*' "$T/store" | cut -f 1)
anon()
{
	awk '$1 == "RssAnon:" { print $2 }' "/proc/$collector/status"
}
descriptors() # but the one that is there while BPF programs are measured
{
	find "/proc/$collector/fd" -mindepth 1 ! -lname "*bpf-stats*" | wc -l
}

begun=$SECONDS batch=0 wrong=0 vms=0 memory=0 fds=0
while ((SECONDS - begun < seconds || batch < 3)); do
	batch=$((batch + 1))
	"$BUILD/tests/churn" --count 50 --at-once 8 --ms 60 --exits 89 --prefix "$run-$batch" | sort >"$T/want"
	vms=$((vms + 50))
	sleep 1.3
	rondo-bpf-cli query "$T/store" "vcpu_userspace_exits_total{instance=~\"$run-$batch-.*\"}" --format json \
		--range all --tier 0 --function sum | jq -r '.series[] | "\(.labels.instance) \([.points[][1]] | add)"' |
		awk '{ sum[$1] += $2 } END { for (n in sum) print n, sum[n] }' | sort >"$T/got"
	cmp -s "$T/want" "$T/got" || wrong=$((wrong + 1))
	# When the series of two minutes have been reused, or half-way in the short form, all has been touched.
	if ((memory == 0 && (SECONDS - begun > 150 || (seconds < 300 && batch == 2)))); then
		memory=$(anon) fds=$(descriptors)
	fi
done
diag "$vms VMs in $((SECONDS - begun)) s"
is "$wrong" 0 "every batch of 50 VMs has all of its exits on record"
is "$(descriptors)" "$fds" "no descriptor more"
# A sanitizer keeps what is freed for a while; series that are used for the first time touch theirs.
within "$(anon)" "$memory" $((seconds < 300 ? 60000 : 20000)) "no growth (kB)"
is "$(du -sb --exclude 'events.jsonl*' "$T/store" | cut -f 1)" "$size" "nor of the store"
ok "the event log is small" [ "$(cat "$T"/store/events.jsonl* | wc -c)" -le 2100000 ]
lost=$(rondo-bpf-cli query "$T/store" 'collector_events_lost_total{cause=~"store_.*|slots_full|unattributed|thread_storage|event_log"}' \
	--format json --range all --tier 0 --function sum | jq '[.series[].points[][1]] | add')
is "$lost" 0 "nothing was lost"
kill -KILL "$spin"
wait "$spin" 2>/dev/null
kill -TERM "$collector"
finish "$collector" 60
is "$?" 0 "it ends clean: no leak, no error"
is "$(grep -c 'ERROR\|runtime error' "$T/rondo-bpfd.err")" 0 "nor did the sanitizers say anything on the way"
ok "the store is whole" rondo-bpf-cli verify "$T/store"
done_testing

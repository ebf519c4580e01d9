#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-vmm as an embedding of librondo: what its vCPU threads ask of the kernel, the store after a kill
# and where it fails, the HTTP interface with good, bad and hostile requests. Runs on both grounds.
#
# timeout: 240

. "$(dirname "$0")/../lib.sh"
need jq rondo-vmm rondo-bpf-cli python3

# The lines that docs/EMBEDDING.md shows are the source's.
hot()
{
	sed -n '/librondo: hot path begin/,/librondo: hot path end/p' "$@"
}
cat "$SRC/vmm-demo/recorder.h" "$SRC/vmm-demo/vcpu_run.c" | hot >"$T/hot"
hot "$SRC/docs/EMBEDDING.md" >"$T/hot.doc"
ok "docs/EMBEDDING.md shows the hot path as it is in the source" diff "$T/hot" "$T/hot.doc"
n=$(grep -cv -e 'librondo: hot path' -e '^$' "$T/hot")
ok "the hot path has fewer than 50 lines ($n)" test "$n" -gt 9 -a "$n" -lt 50

[ -w /dev/kvm ] || { skip "all that runs a guest" "/dev/kvm is not here, or not ours"; done_testing; }

# vm NAME OPTION...: a VM that stays after its guest's end, its report in $T/NAME.out.
vm()
{
	local name=$1
	shift
	start "$name" rondo-vmm --json --name "$name" --linger 600 "$@"
}

reported()
{
	wait_for 60 grep -q '}' "$T/$1.out" || bail "VM $1 comes to its end" "$(cat "$T/$1.err")"
}

# sum STORE SELECTOR FUNCTION: over all that the finest tier has.
sum()
{
	rondo-bpf-cli query "$1" "$2" --format json --range all --tier 0 --function "$3" |
		jq '[.series[].points[][1]]|add'
}

has_vcpus()
{
	grep -qs vcpu0 /proc/"$1"/task/*/comm
}

# What a vCPU's thread asks of the kernel, recording, while the guest makes port and MMIO exits: KVM_RUN.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	vm traced --guest pio=19997,mmio=19997 --duration 8 --store "$T/traced"
	traced=$pid
	wait_for 10 has_vcpus "$traced"
	tid=$(grep -l vcpu0 /proc/"$traced"/task/*/comm | cut -d/ -f5)
	sleep 1
	timeout -s INT 2 strace -c -p "$tid" -o "$T/strace" 2>"$T/strace.err"
	diag "$(cat "$T/strace")"
	is "$(awk '$4 ~ /^[0-9]+$/ && $NF != "total" { print $NF }' "$T/strace" | sort | xargs)" ioctl \
		"strace -c: a vCPU's thread that records makes no system call but KVM_RUN"
	# A signal of ours was none of the guest's.
	kill -KILL "$traced"
	wait "$traced" 2>/dev/null
else
	skip "what a vCPU's thread asks of the kernel" "strace can't trace here"
fi

# kill -9 at the guest's end: all that the report says is in the store, which goes on.
vm killed --guest pio=1999,hlt=97,spin --duration 3 --cpus 2 --store "$T/killed"
reported killed
kill -KILL "$pid"
wait "$pid" 2>/dev/null
is "$(sum "$T/killed" vcpu_exits_total sum)" "$(jq '[.vcpus[].exits[]]|add' "$T/killed.out")" \
	"after kill -9 the store has every exit"
is "$(sum "$T/killed" vcpu_run_duration_ns sum)" "$(jq '[.vcpus[].kvm_run_ns]|add' "$T/killed.out")" \
	"and all time in KVM_RUN"
vm killed --guest pio=1009 --store "$T/killed"
reported killed
kill -TERM "$pid"
finish "$pid" 10
is "$(jq .recorded "$T/killed.out")" true "the VM's next life is recorded there, too"
is "$(sum "$T/killed" 'vcpu_exits_total{reason="io"}' sum)" $((2 * 1999 + 1009)) "after the first one"

# kill -9 in the middle: every second up to then.
vm midway --guest pio=9973 --duration 60 --store "$T/midway"
sleep 4.3
kill -KILL "$pid"
wait "$pid" 2>/dev/null
rondo-bpf-cli query "$T/midway" 'vcpu_exits_total{reason="io"}' --format json --range all --tier 0 \
	--function sum >"$T/midway.json"
is "$(jq '[.series[].points[][0]] | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | unique' -c \
	"$T/midway.json")" '[1000000000]' "after kill -9 in the middle no second is missing"
ok "and there are as many as it lived" test "$(jq '.series[].points|length' "$T/midway.json")" -ge 4

# degraded NAME STORE: the guest runs to its end, one warning, /metrics/health says so.
degraded()
{
	vm broken --guest pio=97 --store "$2" --api "$T/sockets/broken.sock"
	reported broken
	is "$(jq -c '[.status,.recorded,.vcpus[0].exits.io]' "$T/broken.out")" '["ok",false,97]' \
		"$1: the guest runs"
	is "$(grep -c 'warning: runs without recording' "$T/broken.err")/$(grep -c . "$T/broken.err")" \
		1/2 "$1: one warning"
	is "$(get broken /metrics/health | jq -c '[.status, .recording, (.problem|length > 10)]')" \
		'["degraded","failed",true]' "$1: the health flag says so"
	is "$(get broken /metrics | grep ^kvm_vmm_recording)" 'kvm_vmm_recording{vm="broken"} 0' \
		"$1: and so does a scrape"
	kill -TERM "$pid"
	finish "$pid" 10
}

# Where nobody may remove them: a VM gives up root's rights before its socket.
chmod 711 "$T"
mkdir -m 777 "$T/sockets"

# get NAME TARGET [CURL'S OPTION...]: from a VM's socket.
get()
{
	local socket=$T/sockets/$1.sock target=$2
	shift 2
	curl -sS -m 20 --unix-socket "$socket" "$@" "http://vm$target"
}

if ! command -v curl >/dev/null || rondo-vmm --guest pio=1 --api 0 2>&1 | grep -q 'without libevent'; then
	skip "the HTTP interface" "curl is not here, or libevent was not when this was built"
	done_testing
fi
mkdir "$T/small" "$T/fixed"
if mount -t tmpfs -o size=64k none "$T/small" 2>/dev/null; then
	later "umount '$T/small'"
	degraded "a full disk" "$T/small/store"
	mount -t tmpfs -o ro none "$T/fixed"
	later "umount '$T/fixed'"
	degraded "a read-only directory" "$T/fixed/store"
else
	skip "a full disk, a read-only directory" "nothing can be mounted here"
fi
vm holder --guest hlt=1 --store "$T/held"
reported holder
holder=$pid
degraded "a store in use" "$T/held"
kill -TERM "$holder"
finish "$holder" 10

# A store that is cut under a running VM.
vm cut --guest pio=29989 --duration 3 --store "$T/cut" --api "$T/sockets/cut.sock"
wait_for 10 test -s "$T/cut.err"
sleep 1
for f in "$T"/cut/*; do
	: >"$f"
done
reported cut
is "$(jq -c '[.status,.recorded,.vcpus[0].exits.io]' "$T/cut.out")" '["ok",false,29989]' \
	"files that are cut under a running VM: the guest runs"
is "$(get cut /metrics/health | jq -r .recording)" failed "and the health flag says so"
kill -TERM "$pid"
finish "$pid" 10
is "$?" 0 "and it ends in order"

# What a scrape says is what the report, the store and /proc say.
vm web --guest pio=1999,mmio=997,hlt=89 --halt-us 1000 --cpus 2 --store "$T/web.store" --api "$T/sockets/web.sock"
web=$pid
reported web
sleep 1.2
rss=$(awk '/^VmRSS/ { print $2 * 1024 }' /proc/"$web"/status)
fds=$(find /proc/"$web"/fd -type l | wc -l)
get web /metrics >"$T/metrics"
get web "/metrics/query?series=%7B%7D" >"$T/query.json"
metric()
{
	awk -v name="$1" '$1 == name { print $2 }' "$T/metrics"
}
is "$(tail -n 1 "$T/metrics")" '# EOF' "/metrics is complete"
for v in 0 1; do
	for reason in io mmio hlt intr; do
		is "$(metric "kvm_vcpu_exits_total{reason=\"$reason\",vcpu=\"$v\",vm=\"web\"}")" \
			"$(jq ".vcpus[$v].exits.$reason" "$T/web.out")" "vCPU $v: scraped $reason exits"
	done
	is "$(metric "kvm_vcpu_exit_duration_seconds_count{vcpu=\"$v\",vm=\"web\"}")" $((1999 + 997 + 89)) \
		"vCPU $v: scraped number of exit durations"
	is "$(metric "kvm_vcpu_exit_duration_seconds_bucket{vcpu=\"$v\",vm=\"web\",le=\"+Inf\"}")" \
		$((1999 + 997 + 89)) "vCPU $v: the last bucket has them all"
	is "$(metric "kvm_vcpu_exit_duration_seconds_sum{vcpu=\"$v\",vm=\"web\"}")" \
		"$(jq ".vcpus[$v].exit_ns/1e9" "$T/web.out")" "vCPU $v: scraped exit durations' sum"
	is "$(metric "kvm_stat_exits_total{vcpu=\"$v\",vm=\"web\"}")" \
		"$(jq ".vcpus[$v].kvm_exits // empty" "$T/web.out")" "vCPU $v: scraped KVM's own count"
done
is "$(metric 'kvm_guest_memory_bytes{vm="web"}')" $((16 << 20)) "scraped guest memory"
is "$(metric 'kvm_vmm_open_fds{vm="web"}')" "$fds" "scraped descriptors"
within "$(metric 'kvm_vmm_rss_bytes{vm="web"}')" "$rss" 1000000 "scraped resident memory"
ok "the same figures as JSON, by the store" test \
	"$(jq '[.series[]|select(.name == "vcpu_exits_total" and .tier.interval_ns == 1000000000)
		.points[][1]]|add' "$T/query.json")" = "$(jq '[.vcpus[].exits[]]|add' "$T/web.out")"
rondo-bpf-cli query "$T/web.store" vcpu_run_duration_ns --json --range all >"$T/cli.json"
get web "/metrics/query?series=vcpu_run_duration_ns" >"$T/api.json"
ok "in the words of rondo-bpf-cli query --json" cmp "$T/cli.json" "$T/api.json"
first=$(jq '.series[0].points[0][0]' "$T/cli.json")
is "$(get web "/metrics/query?series=vcpu_run_duration_ns&tier=0&start=${first}ns&end=$((first + 1000000000))ns" |
	jq -c '[.series[].points[][0]]|unique')" "[$first]" "start, end and tier choose points"
is "$(get web /metrics/health | jq -c '[.status,.recording,.refused]')" \
	'["ok","ok",{"too_old":0,"future":0,"invalid":0,"full":0}]' "/metrics/health"
is "$(get web /metrics/info | jq -c '[.name,.pid,.vcpus,.store.series_live > 50]')" \
	"[\"web\",$web,2,true]" "/metrics/info"
if command -v promtool >/dev/null; then
	# promtool's checker reads Prometheus' older form; its parser of OpenMetrics wants timestamps.
	awk '/^#/ { print; next } { print $0, 1700000000 }' "$T/metrics" >"$T/timed"
	ok "promtool takes the scrape" promtool tsdb create-blocks-from openmetrics "$T/timed" "$T/blocks"
else
	skip "promtool takes the scrape" "promtool is not here"
fi

# Requests that are wrong: a status and a sentence each.
bad()
{
	local want=$1 target=$2
	shift 2
	get web "$target" -w '%{http_code}' -o "$T/answer" "$@" >"$T/code"
	is "$(cat "$T/code") $(jq '.error|length > 10' "$T/answer")" "$want true" "$want: $target $*"
}
bad 404 /
bad 404 /metrics/
bad 404 /metrics/../../etc/passwd --path-as-is
bad 400 '/metrics?x=1'
bad 400 /metrics/query
bad 400 '/metrics/query?series='
bad 400 '/metrics/query?series=a%7B'
bad 400 '/metrics/query?series=%7Ba%3D~%22(%22%7D'
bad 400 '/metrics/query?series=a&series=b'
bad 400 '/metrics/query?series=a&tier=99'
bad 400 '/metrics/query?series=a&tier=-1'
bad 400 '/metrics/query?series=vcpu_steal_ns&tier=3'
bad 400 '/metrics/query?series=vmm_rss_bytes&function=rate'
bad 400 '/metrics/query?series=a&start=yesterday'
bad 400 '/metrics/query?series=a&start=20&end=10'
bad 400 '/metrics/query?series=a&function=median'
bad 400 '/metrics/query?series=a&colour=red'
bad 400 '/metrics/query?series=a%00b'
bad 400 "/metrics/query?series=a$(printf '&x%d=1' {1..40})"
bad 405 /metrics -X POST
bad 405 /metrics -X DELETE
is "$(get web '/metrics/query?series=nothing' | jq -c .)" '{"series":[]}' "a selector without a match is no error"

# Hostile: garbage, headers without end, connections that say nothing; it answers all the while.
cat >"$T/hostile.py" <<'PY'
import random, socket, sys

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(15)
    s.connect(sys.argv[1])
    return s

def send(data):
    s = connect()
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    except OSError:
        pass
    s.close()

random.seed(7919)
for _ in range(200):
    send(bytes(random.randrange(256) for _ in range(random.randrange(1, 300))))
send(b"GET /metrics HTTP/1.1\r\n" + b"x: " + b"y" * 1000000 + b"\r\n\r\n")
send(b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\n\r\n")
send(b"GET /metrics HTTP/1.1\r\n" * 10000)
send(b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100000)
send(b"POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
send(b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
send(b"GET http://[::1:99999/metrics HTTP/9.9\r\n\r\n")
send(b"GET /metrics/query?series=%zz%%%&%=&&=& HTTP/1.0\r\n\r\n")
send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
s = connect()  # goes away with a request unanswered
s.sendall(b"GET /metrics/query?series={} HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
s.close()
held = [connect() for _ in range(60)]  # say nothing
s = connect()
s.sendall(b"GET /metrics/health HTTP/1.0\r\n\r\n")
print(s.recv(65536).split(b"\r\n")[0].decode())
PY
is "$(python3 "$T/hostile.py" "$T/sockets/web.sock" 2>&1)" 'HTTP/1.0 200 OK' "it answers beside hostile clients"
is "$(get web /metrics/health | jq -r .status)" ok "and after them"
is "$(grep -c . "$T/web.err")" 1 "without a word about it"
kill -TERM "$web"
finish "$web" 10
is "$?" 0 "it ends in order"
ok "and takes its socket along" test ! -e "$T/sockets/web.sock"

# A loopback port; one that is taken is an error, and so is a place that can't be.
vm port --guest spin --duration 60 --api 0
wait_for 10 grep -qs 127.0.0.1 "$T/port.err"
port=$(sed -n 's|.*//127.0.0.1:\([0-9]*\)/.*|\1|p' "$T/port.err")
is "$(curl -sS -m 20 "http://127.0.0.1:$port/metrics/health" | jq -c '[.status,.recording]')" '["ok","off"]' \
	"a loopback port, without a store"
is "$(curl -sS -m 20 "http://127.0.0.1:$port/metrics/query?series=a" -w '%{http_code}' -o /dev/null)" 503 \
	"a query without a store is 503"
out=$(rondo-vmm --guest pio=1 --api "$port" 2>&1)
is "$?/$(wc -l <<<"$out")" 1/1 "a port that is taken is an error of one line"
out=$(rondo-vmm --guest pio=1 --api /nonexistent/socket 2>&1)
is "$?/$(wc -l <<<"$out")" 1/1 "a socket that can't be is one, too"
out=$(rondo-vmm --guest pio=1 --api 99999 2>&1)
is "$?" 2 "a port out of range is wrong usage"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
vm stale --guest pio=1 --api "$T/sockets/stale.sock"
reported stale
kill -KILL "$pid"
wait "$pid" 2>/dev/null
vm stale --guest pio=1 --api "$T/sockets/stale.sock"
reported stale
ok "the socket of a VM that was killed is taken over" test -S "$T/sockets/stale.sock"
kill -TERM "$pid"
finish "$pid" 10
done_testing

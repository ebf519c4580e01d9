#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# make vmm-... REMOTE=: against an sshd of our own on this machine, with a key of its own: what goes there, what
# stays, what comes back, what fails.
#
# timeout: 240

. "$(dirname "$0")/../lib.sh"
need make ssh ssh-keygen rsync
sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || skip_all "sshd is not here (openssh-server)"
[ -x "$BUILD/bin/rondo-vmm" ] || skip_all "rondo-vmm is not built"
unset MAKEFLAGS MAKELEVEL MFLAGS
sanitized=$(sed -n 's/.*\(address-undefined\|thread\)$/\1/p' <<<"$BUILD")
[ -z "$sanitized" ] || skip_all "the plain build does"

mkdir -m 700 "$T/ssh"
for key in host key; do
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/$key" || bail "ssh-keygen makes keys"
done
cp "$T/ssh/key.pub" "$T/ssh/authorized"
[ -d /run/sshd ] || { [ "$(id -u)" != 0 ] || mkdir -p /run/sshd; }
# A port that is free, and stays so for a moment.
start_sshd()
{
	local port
	for port in $(shuf -i 20000-32000 -n 20); do
		printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' "HostKey $T/ssh/host" "PidFile $T/ssh/pid" \
			"AuthorizedKeysFile $T/ssh/authorized" 'StrictModes no' 'UsePAM no' 'PermitRootLogin yes' \
			'PasswordAuthentication no' 'PrintMotd no' >"$T/ssh/config"
		start sshd "$sshd" -D -e -f "$T/ssh/config"
		wait_for 5 grep -qs 'Server listening' "$T/sshd.err" && { echo "$port" >"$T/ssh/port"; return 0; }
		kill "$pid" 2>/dev/null
	done
	return 1
}
start_sshd || skip_all "sshd does not start: $(tail -n 1 "$T/sshd.err")"
port=$(cat "$T/ssh/port")
REMOTE=$(id -un)@127.0.0.1
REMOTE_DIR=$T/there
REMOTE_SSH="ssh -F none -q -p $port -i $T/ssh/key -o BatchMode=yes -o UserKnownHostsFile=$T/ssh/known"
REMOTE_SSH+=" -o StrictHostKeyChecking=accept-new"
export REMOTE_DIR REMOTE_SSH
$REMOTE_SSH "$REMOTE" true 2>"$T/ssh/err" || skip_all "ssh to this machine fails: $(tail -n 1 "$T/ssh/err") $(tail -n 1 "$T/sshd.err")"

# remote TARGET [VAR=VALUE]...
remote()
{
	local target=$1
	shift
	make -s -C "$SRC" "O=$BUILD" "REMOTE=$REMOTE" "$target" "$@"
}

ok "vmm-sync" remote vmm-sync
ok "the tree is there" cmp "$SRC/Makefile" "$T/there/Makefile"
ok "what was built is not" test ! -e "$T/there/build"
# As if it had been built there, so that this takes no minute; and a guest of its own.
mkdir -p "$T/there/build/guest"
cp -a "$BUILD/obj" "$BUILD/bin" "$BUILD/lib" "$T/there/build/"
echo kept >"$T/there/build/guest/vmlinuz"
echo gone >"$T/there/docs/old.md"
is "$(remote vmm-ssh CMD='pwd; echo "two words"')" "$T/there
two words" "vmm-ssh CMD= runs in the tree there"
ok "vmm-sync again" remote vmm-sync
is "$(cat "$T/there/build/guest/vmlinuz")" kept "the guest there stays"
ok "what is not here any more is not there either" test ! -e "$T/there/docs/old.md"
# shellcheck disable=SC2016 # for the shell there
is "$(remote vmm-shell <<<'echo in $(pwd)' 2>/dev/null | tr -d '\r' | grep -c "^in $T/there")" 1 "vmm-shell is a shell there"

if [ -w /dev/kvm ]; then
	ok "vmm-check-kvm there" remote vmm-check-kvm
	out=$(remote vmm-run ARGS='--guest pio=97 --json --name far --store build/run')
	is "$(jq -c '[.name,.recorded,.vcpus[0].exits.io]' <<<"$out")" '["far",true,97]' \
		"vmm-run ARGS= runs there, and its output comes here"
	is "$(rondo-bpf-cli query "$BUILD/remote/run" 'vcpu_exits_total{reason="io"}' --json --range all |
		jq '[.series[].points[][1]]|add')" 97 "its store was fetched"
	later "rm -rf '$BUILD/remote/run'"
	out=$(remote vmm-run ARGS='--guest pio --cpus 0' 2>&1)
	status=$?
	ok "what fails there fails here ($status)" test $status -ne 0
	ok "with its words" grep -q -- '--cpus 0: a number' <<<"$out"
else
	skip "vmm-run there" "/dev/kvm is not here, or not ours"
fi
if command -v busybox >/dev/null && command -v cpio >/dev/null; then
	ok "vmm-guest takes another kernel there" grep -q "$T/no-kernel" <<<"$(remote vmm-guest VMM_KERNEL="$T/no-kernel" 2>&1)"
else
	skip "vmm-guest takes another kernel there" "busybox or cpio is not here"
fi
REMOTE=-oProxyCommand=touch\ $T/evil remote vmm-sync >/dev/null 2>&1
ok "a host that is an option is refused" test ! -e "$T/evil"
out=$(REMOTE_SSH="${REMOTE_SSH/-p $port/-p 1}" make -s -C "$SRC" "O=$BUILD" "REMOTE=$REMOTE" vmm-run 2>&1)
is "$?" 2 "a host that can't be reached is an error"
ok "that says so" grep -q 'could not be brought' <<<"$out"
out=$(make -s -C "$SRC" "O=$BUILD" vmm-sync 2>&1)
ok "without REMOTE= vmm-sync says what is missing" grep -q 'REMOTE=user@host' <<<"$out"
done_testing

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 120
#
# rondo-vmm --kernel without Linux: kernel images that lie, files that are not there, and images of a
# few instructions that end in each way in which a guest can; the console, on a pipe and on a terminal.
# Linux itself is tests/nested/40-linux.sh's.

. "$(dirname "$0")/../lib.sh"
need rondo-vmm python3 jq
[ -w /dev/kvm ] || skip_all "/dev/kvm is not here, or not ours"

# image FILE CODE [FIELD=VALUE...]: a bzImage of 64-bit machine code (hexadecimal).
image()
{
	python3 - "$@" <<-'PY'
		import struct, sys
		f = dict(version=0x20f, loadflags=1, xload=1, align=0x200000, pref=0x1000000,
		         init=0x10000, initrd=0x7fffffff, syssize=0x100, magic=0x53726448)
		f.update((k, int(v, 0)) for k, v in (a.split('=') for a in sys.argv[3:]))
		h = bytearray(1024)
		h[0x1f1] = 1
		struct.pack_into('<I', h, 0x1f4, f['syssize'])
		struct.pack_into('<HBBI', h, 0x1fe, 0xaa55, 0xeb, 0x6a, f['magic'])
		struct.pack_into('<H', h, 0x206, f['version'])
		h[0x211] = f['loadflags']
		struct.pack_into('<II', h, 0x22c, f['initrd'], f['align'])
		struct.pack_into('<BxHI', h, 0x234, 1, f['xload'], 2047)
		struct.pack_into('<QI', h, 0x258, f['pref'], f['init'])
		code = bytes.fromhex(sys.argv[2])
		open(sys.argv[1], 'wb').write(bytes(h) + bytes(512) + code + bytes(4096 - 512 - len(code)))
	PY
}

say="66baf803 b041ee b04bee b00aee" # "AK\n" to the serial port
off="66ba0406 66b80034 66ef"
reboot="66ba6400 b0fe ee"
image "$T/off" "$say $off ebfe"
image "$T/reboot" "$say $reboot ebfe"
image "$T/panic" "$say 66c7042572040000 3412 $reboot ebfe" # the warm-boot word first
image "$T/fault" "$say 0f0b"
image "$T/loop" "$say ebfe"
truncate -s 1M "$T/disk"

# ends NAME STATUS WORD OPTION...
ends()
{
	local name=$1 want=$2 word=$3
	shift 3
	timeout 20 rondo-vmm --json --kernel "$T/$name" --mem 64 "$@" </dev/null >"$T/out" 2>"$T/err"
	is "$? $(tail -n 1 "$T/err" | jq -r .status) $(tr -d '\r' <"$T/out")" "$want $word AK" "$name: $word"
}
ends off 0 ok --cpus 2 --disk "$T/disk"
ends reboot 3 reboot
ends panic 4 panic
ends fault 5 triple_fault
ends loop 0 expired --duration 0.5

# refused WHAT PATTERN OPTION...: one line, exit status 1.
refused()
{
	local what=$1 pattern=$2
	shift 2
	timeout 20 rondo-vmm "$@" </dev/null >"$T/out" 2>&1
	is "$? $(wc -l <"$T/out")" "1 1" "$what: refused in one line"
	ok "$what: and it says why" grep -q -- "$pattern" "$T/out"
}
refused "no kernel" "--kernel $T/absent: No such file" --kernel "$T/absent"
refused "a directory" "not a regular file" --kernel "$T"
refused "no image" "not a Linux kernel image" --kernel "$BUILD/bin/rondo-vmm"
: >"$T/empty"
refused "an empty file" "too short" --kernel "$T/empty"
for lie in "syssize=0x10000:shorter than its header says" "version=0x20b:boot protocol" \
	   "xload=2:64-bit" "loadflags=0:zImage" "align=0x300000:alignment" "magic=1:not a Linux" \
	   "pref=0x1000001:alignment" "pref=0:below 1 MiB" "init=0xffffffff:needs memory"; do
	image "$T/lie" ebfe "${lie%%:*}"
	refused "${lie%%:*}" "${lie#*:}" --kernel "$T/lie"
done
image "$T/cut" ebfe
truncate -s 3000 "$T/cut"
refused "a kernel that was cut" "shorter than its header says" --kernel "$T/cut"
refused "no initrd" "--initrd $T/absent" --kernel "$T/loop" --initrd "$T/absent"
truncate -s 200M "$T/big"
refused "a large initrd" "don't fit" --kernel "$T/loop" --initrd "$T/big" --mem 64
refused "a long command line" "--cmdline" --kernel "$T/loop" --cmdline "$(printf %02100d 0)"
refused "no disk" "--disk $T/absent" --kernel "$T/loop" --disk "$T/absent"
truncate -s 1000 "$T/odd"
refused "an odd disk" "sectors" --kernel "$T/loop" --disk "$T/odd"
start user rondo-vmm --kernel "$T/loop" --mem 64 --disk "$T/disk"
wait_for 10 grep -q AK "$T/user.out"
refused "a disk in use" "in use by another VM" --kernel "$T/loop" --disk "$T/disk"
kill -TERM "$pid"
finish "$pid" 5
is "$?" 143 "a kernel that runs for ever is ended by SIGTERM"

# On a terminal: raw while it runs, as it was after each way to end.
cat >"$T/terminal.py" <<'PY'
import os, pty, select, signal, sys, termios, time
kernel, how = sys.argv[1:]
pid, fd = pty.fork()
if not pid:
    os.execvp('rondo-vmm', ['rondo-vmm', '--kernel', kernel, '--mem', '64'])
before = termios.tcgetattr(fd)
seen, end = b'', time.time() + 20
while b'AK' not in seen and time.time() < end:
    if select.select([fd], [], [], 0.1)[0]:
        seen += os.read(fd, 100)
raw = not termios.tcgetattr(fd)[3] & termios.ICANON
if how == 'keys':
    os.write(fd, b'\1x')
else:
    os.kill(pid, getattr(signal, how))
status = None
while status is None and time.time() < end:
    if select.select([fd], [], [], 0.1)[0]:
        try:
            os.read(fd, 1000)
        except OSError:
            pass
    done, code = os.waitpid(pid, os.WNOHANG)
    status = code if done else None
try:
    after = termios.tcgetattr(fd) == before
except termios.error:
    after = 'gone'
print(raw, after, os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
PY
for how in keys:143 SIGTERM:143 SIGHUP:129 SIGSEGV:11 SIGABRT:6 SIGQUIT:3 SIGALRM:14 SIGRTMIN:34; do
	is "$(timeout 40 python3 "$T/terminal.py" "$T/loop" "${how%%:*}" 2>&1)" "True True ${how#*:}" \
		"a terminal is itself again after ${how%%:*}"
done
done_testing

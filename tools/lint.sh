#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What `make lint` checks, over all files that git knows or would take: format, static analysis,
# who includes whom, scripts, sizes, licence lines. Changes nothing. Exit status 1 if anything was
# found, or if a tool that it needs is missing.
#
#	tools/lint.sh [CHECK...]     checks: format include size licence cppcheck shell

set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
bad=0

complain()
{
	bad=1
	printf 'lint: %s\n' "$*"
}

have()
{
	command -v "$1" >/dev/null && return
	complain "$1 is not here, so nothing was checked by it (tools/deps.sh --for lint)"
	return 1
}

# files PATTERN...: tracked or new, not ignored, still there.
files()
{
	git ls-files -co --exclude-standard -- "$@" | sort -u |
		while read -r f; do [ -f "$f" ] && echo "$f"; done
}

mapfile -t sources < <(files '*.c' '*.h')
mapfile -t scripts < <(files '*.sh' '.ci/run' 'tests/nested/init')

check_format()
{
	local n file
	have clang-format || return
	while read -r n file; do
		complain "$file: $n places not formatted (clang-format -i $file)"
	done < <(clang-format --dry-run "${sources[@]}" 2>&1 |
		 sed -n 's/^\(.*\):[0-9]*:[0-9]*: warning:.*/\1/p' | sort | uniq -c)
}

check_cppcheck()
{
	local user=() f
	have cppcheck || return
	for f in "${sources[@]}"; do
		case $f in
		bpf/* | vendor/* | *.h) ;; # for clang's BPF target; headers come with their users
		*) user+=("$f") ;;
		esac
	done
	[ ${#user[@]} -gt 0 ] || return
	# comparePointers: the linker's bounds of a section. readdirCalled: readdir_r is deprecated.
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --std=c11 \
		--inline-suppr -j "$(nproc)" --library=posix --library=gnu \
		--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=comparePointers \
		--suppress=readdirCalled -D__GNUC__=12 \
		-Ilib/include -Ilib -Iuserspace -Ibpf -Itools -Itools/exposition -Ivmm-demo \
		"-DSTART_TEST(name)=static void name(int _i)" -DEND_TEST= \
		"${user[@]}" || complain "cppcheck"
}

# The parts and what each may include, besides its own folder and the system.
#
#	lib        nothing, and of the system only libc
#	bpf        vendor
#	userspace  rondo.h, the header that bpf shares with it, skeletons
#	tools      rondo.h
#	vmm-demo   rondo.h, tools/exposition
#	tests      of lib rondo.h alone (lib_internal_*: lib's private ones too), else as the part
check_include()
{
	local file part allowed dirs line name where d found
	for file in "${sources[@]}"; do
		part=${file%%/*}
		dirs=$(dirname "$file")
		case $file in
		lib/*) dirs="$dirs lib lib/include" ;;
		bpf/*) dirs="$dirs bpf vendor" ;;
		userspace/*) dirs="$dirs userspace lib/include bpf" ;;
		tools/exposition/*) dirs="$dirs lib/include" ;;
		tools/*) dirs="$dirs tools tools/exposition lib/include" ;;
		vmm-demo/*) dirs="$dirs vmm-demo tools/exposition lib/include" ;;
		vendor/*) ;;
		tests/unit/lib_internal_*) dirs="$dirs tests lib lib/include" ;;
		tests/unit/collector_*) dirs="$dirs tests userspace bpf lib/include" ;;
		tests/unit/cli_*) dirs="$dirs tests tools tools/exposition lib/include" ;;
		tests/unit/vmm_*) dirs="$dirs tests vmm-demo tools/exposition lib/include" ;;
		tests/fuzz/fuzz_vmm_*) dirs="$dirs tests vmm-demo lib/include" ;;
		tests/bench/vmm_*) dirs="$dirs vmm-demo lib/include" ;;
		tests/bench/*) dirs="$dirs tools tools/exposition lib/include" ;;
		*) dirs="$dirs tests lib/include" ;;
		esac
		while read -r line; do
			name=${line#*[<\"]}
			name=${name%%[>\"]*}
			case $line in
			*\<rondo.h*) allowed="$dirs" ;;
			*\<*)
				case $part:$name in
				lib:bpf/* | lib:linux/bpf* | lib:check.h | lib:libelf.h | lib:zlib.h)
					complain "$file includes <$name>: lib needs libc and nothing else"
					;;
				esac
				continue
				;;
			*) allowed="$dirs" ;;
			esac
			found=
			for d in $allowed; do
				[ -f "$d/$name" ] && found=$d/$name && break
			done
			case $part:$file:$name in
			userspace:*:*.skel.h | tests:tests/unit/collector_*:*.skel.h)
				found=generated
				;;
			userspace:*:*.bpf.h)
				complain "$file includes $name: that is bpf's own, not the shared header"
				;;
			esac
			if [ -z "$found" ]; then
				where=$(files "*/$(basename "$name")" | head -n 1)
				complain "$file includes \"$name\": not for $part${where:+ (it is $where)}"
			fi
		done < <(grep -E '^[ \t]*#[ \t]*include' "$file")
	done
}

# Files past 700 lines have two files in them; functions past 60 lines need a reason, which their
# comment gives on a line `Long: ...`.
check_size()
{
	local f lines
	for f in "${sources[@]}" "${scripts[@]}"; do
		lines=$(wc -l <"$f")
		[ "$lines" -le 700 ] || [ "$f" = lib/include/rondo.h ] ||
			complain "$f has $lines lines, more than 700"
	done
	while read -r line; do
		complain "$line"
	done < <(awk '
		FNR == 1 { long = 0; open = 0 }
		/^[ \/]\*.*Long:/ || /^\/\/ Long:/ { long = 1 }
		/^[a-zA-Z].*\(/ { head = $0 }
		/^\{/ { open = FNR }
		/^\}/ {
			if (open && FNR - open - 1 > 60 && !long)
				printf "%s:%d: %d lines in one function: %s\n", FILENAME, open, FNR - open - 1, head
			open = 0
			long = 0
		}' "${sources[@]}")
}

check_licence()
{
	local f
	for f in "${sources[@]}" "${scripts[@]}"; do
		head -n 4 "$f" | grep -q 'SPDX-License-Identifier: ' || complain "$f: no SPDX line"
	done
}

check_shell()
{
	have shellcheck || return
	shellcheck -x -P SCRIPTDIR -S info -e SC1091,SC2317 "${scripts[@]}" || complain "shellcheck"
}

checks=("$@")
[ $# -gt 0 ] || checks=(format include size licence shell cppcheck)
for check in "${checks[@]}"; do
	declare -F "check_$check" >/dev/null || { echo "lint: no check $check" >&2; exit 2; }
	"check_$check"
done
[ $bad = 0 ] && echo "lint: clean (${#sources[@]} sources, ${#scripts[@]} scripts: ${checks[*]})"
exit $bad

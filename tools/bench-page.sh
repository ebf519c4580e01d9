# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What the scripts that write figures into docs/BENCHMARKS.md share. Sourced.

# page_check PAGE MARK...: the marks are there, each on a line of its own.
page_check()
{
	local page=$1 mark
	shift
	for mark; do
		grep -qxF "$mark" "$page" || { echo "${0##*/}: $page has no '$mark'" >&2; exit 1; }
	done
}

# page_machine DIRECTORY LOAD: two lines on the machine that was measured on.
page_machine()
{
	local cpu virtual=
	cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
	grep -qw hypervisor /proc/cpuinfo && virtual=", a virtual machine"
	echo "$cpu, $(nproc) CPUs$virtual; $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo);"
	echo "Linux $(uname -r | cut -d . -f 1,2); stores on $(df --output=fstype "$1" | tail -n 1);" \
		"$(${CC:-gcc} --version | sed -n '1s/ (.*) / /p'), -O2; load average before the run $2."
}

# page_replace PAGE BEGIN END FILE: what is from one mark to the other becomes the file's text.
page_replace()
{
	local new
	new=$(mktemp)
	awk -v begin="$2" -v end="$3" -v block="$4" '
		$0 == begin { while ((getline line <block) > 0) print line; skip = 1 }
		!skip
		$0 == end { skip = 0 }' "$1" >"$new"
	cat "$new" >"$1"
	rm -f "$new"
}

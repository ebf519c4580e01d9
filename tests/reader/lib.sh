# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What tests/golden/make.sh and tests/native/second_reader.sh share, after tests/lib.sh: where the
# programs are, and everything that librondo reads of a store.

reader=$SRC/tests/reader/read_store.py
compare=$SRC/tests/reader/compare.py
break_store=$SRC/tests/helpers/break_store.py
make_store=$BUILD/tests/make_store

# cli_reads STORE DIR: a file per tier and function, of which some may be empty: nothing is there.
cli_reads()
{
	local tier function to status
	rm -rf "$2"
	mkdir "$2"
	for tier in 0 1 2 3; do
		for function in avg min max last sum count total rate; do
			to=$2/$tier-$function
			status=0
			rondo-bpf-cli query --json --tier $tier --function $function "$1" \
				>"$to" 2>"$2.err" || status=$?
			# 1 and 3 are right where there is nothing: no such tier, or no point.
			case $status in
			0) ;;
			1 | 3) ! grep -q '"name"' "$to" || return 1 ;;
			*) return 1 ;;
			esac
		done
		"$make_store" histograms "$1" $tier >"$2/$tier-histogram" || return 1
	done
}

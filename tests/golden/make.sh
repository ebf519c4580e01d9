#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Writes the golden stores anew: BUILD=dir tests/golden/make.sh DIRECTORY. See README.md for when that
# is right. What is expected of a store is what librondo and the second reader read alike.

set -eu
. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/reader/lib.sh"

to=$(realpath "${1:?make.sh DIRECTORY}")
mkdir -p "$to/broken"

# keep STORE NAME: packed so that the same files give the same archive.
keep()
{
	tar -C "$(dirname "$1")" --sort=name --owner=0 --group=0 --mtime=@0 -cf - "$(basename "$1")" |
		gzip -9n >"$2.tar.gz"
}

# expect STORE NAME: what both readers read.
expect()
{
	cli_reads "$1" "$T/cli"
	"$reader" "$1" >"$T/reader.json"
	"$compare" "$T/reader.json" "$T/cli" || { echo "$1: the readers differ" >&2; exit 1; }
	gzip -9n <"$T/reader.json" >"$2.json.gz"
}

for name in scalar histogram reused long; do
	"$make_store" golden "$name" "$T/store"
	keep "$T/store" "$to/$name"
	expect "$T/store" "$to/$name"
	rm -rf "$T/store"
done
"$break_store" >"$to/broken/expected"
while read -r way error of; do
	tar -C "$T" -xzf "$to/${of:-reused}.tar.gz"
	"$break_store" "$way" "$T/store"
	keep "$T/store" "$to/broken/$way"
	[ "$error" != RONDO_OK ] || expect "$T/store" "$to/broken/$way"
	rm -rf "$T/store"
done <"$to/broken/expected"

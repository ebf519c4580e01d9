#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The manual pages of section 3 against rondo.h: every call in one page, its prototype word for word,
# every name that a page mentions known to the header. All pages render without a warning.

. "$(dirname "$0")/../lib.sh"
need gcc awk
header=$SRC/lib/include/rondo.h
man=$SRC/docs/man

# One prototype per line, white space as single blanks.
squeeze()
{
	tr -s ' \t\n' ' ' | sed 's/( /(/g; s/ )/)/g; s/\* /*/g'
}
# Two definitions of RONDO_API are seen at once, as no condition is looked at.
gcc -fpreprocessed -dD -E -P -x c "$header" 2>/dev/null | grep -v "^#" | squeeze >"$T/header"
{
	grep -o 'RONDO_API [^;]*;' "$T/header" | sed 's/^RONDO_API //'
	grep -o 'static inline [^{]*' "$T/header" | sed 's/ $/;/'
} | grep -v -e '_slow(' -e '_(' | sort >"$T/declared"
for page in "$man"/*.3; do
	sed -n '/^\.SH SYNOPSIS/,/^\.fi/p' "$page" | sed -n 's/^\.B //p' | grep -v '^#include' |
		tr -d '"' | tr '\n' ' ' | squeeze | grep -o '[^;]*;' | sed 's/^ //'
done | sort >"$T/documented"
is "$(comm -23 "$T/declared" "$T/documented")" "" "every call of the header is in a SYNOPSIS, as it is declared"
is "$(comm -13 "$T/declared" "$T/documented")" "" "every SYNOPSIS has what the header declares, once"

for page in "$man"/*.3; do
	name=$(basename "$page")
	listed=$(sed -n '/^\.SH NAME/{n;s/ \\-.*//;s/,//g;p;q}' "$page" | tr ' ' '\n' | grep -v '^rondo$' | sort)
	shown=$(sed -n '/^\.SH SYNOPSIS/,/^\.fi/p' "$page" | grep -o '\brondo_[a-z_]*(' | tr -d '(' | sort)
	is "$listed" "$shown" "$name: NAME lists what SYNOPSIS has"
	unknown=$(grep -v '^\.TH' "$page" | sed 's/\\-/-/g' | grep -o '\bRONDO_[A-Z_]*[A-Z]\b' | sort -u | while read -r word; do
		grep -qw "$word" "$header" || echo "$word"
	done)
	is "$unknown" "" "$name: the header knows every RONDO_ name in it"
done
is "$(sed -n 's/^\.BR \(RONDO_E_[A-Z_]*\) " (\\-\([0-9]*\))"$/\1 = -\2/p' "$man/rondo.3")" \
	"$(grep -o '^	RONDO_E_[A-Z_]* = -[0-9]*' "$header" | tr -d '\t')" "rondo.3 has every error with its number"

if command -v groff >/dev/null; then
	for page in "$man"/*; do
		is "$(groff -man -ww -z "$page" 2>&1)" "" "$(basename "$page") renders without warnings"
	done
else
	skip "the pages render without warnings" "groff is not here"
fi
# The pages have a version instead of a date.
if command -v mandoc >/dev/null; then
	for page in "$man"/*; do
		is "$(mandoc -Tlint -Wwarning "$page" 2>&1 | grep -v 'missing date')" "" "$(basename "$page"): mandoc has no warning"
	done
else
	skip "mandoc has no warnings" "mandoc is not here"
fi
done_testing

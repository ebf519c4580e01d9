# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Reads one TAP stream, says what it amounts to: a line `PASSED FAILED SKIPPED`, then `skip REASON`
# and `bad TEXT` lines. No plan, another number of results than planned, or a Bail out count as one
# failure more. -v status=N is the suite's exit status: not 0 without a failed result is a failure.

function note(kind, text)
{
	notes[++n_notes] = kind " " text
}

/^1\.\.[0-9]+/ {
	plan = $1
	sub(/^1\.\./, "", plan)
	plan += 0
	planned++
	if (plan == 0) {
		why = $0
		if (why !~ /# *[Ss][Kk][Ii][Pp]/)
			next
		sub(/^.*# *[Ss][Kk][Ii][Pp][^ ]* */, "", why)
		skipped++
		all_skipped = 1
		note("skip", why == "" ? "no reason given" : why)
	}
	next
}

/^(not )?ok([ \t]|$)/ {
	seen++
	if (/# *[Ss][Kk][Ii][Pp]/) {
		skipped++
		what = $0
		why = $0
		sub(/^(not )?ok *[0-9]* *-? */, "", what)
		sub(/ *# *[Ss][Kk][Ii][Pp].*$/, "", what)
		sub(/^.*# *[Ss][Kk][Ii][Pp][^ ]* */, "", why)
		note("skip", what ": " why)
	} else if (/^not ok/) {
		failed++
		note("bad", $0)
	} else {
		passed++
	}
	next
}

/^Bail out!/ {
	failed++
	note("bad", $0)
}

END {
	if (status == 124) {
		failed++
		note("bad", "it ran into its timeout")
	} else if (planned != 1) {
		failed++
		note("bad", planned ? "more than one plan" : "no plan: it ended before it was done")
	} else if (plan != seen) {
		failed++
		note("bad", "planned " plan ", saw " seen + 0)
	} else if (plan == 0 && !all_skipped) {
		failed++
		note("bad", "nothing was tested")
	}
	if (status != 0 && !failed) {
		failed++
		note("bad", "exit status " status)
	}
	printf "%d %d %d\n", passed, failed, skipped
	for (i = 1; i <= n_notes; i++)
		print notes[i]
}

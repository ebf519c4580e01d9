# The arrays of `bench --json` as a Markdown table, and the aims that were missed. See bench-docs.sh.

def commas: tostring | until(test("[0-9]{4}(,|$)") | not; sub("(?<a>[0-9])(?<b>[0-9]{3})(?<c>,|$)"; .a + "," + .b + .c));
def decimals($n): (. * pow(10; $n) | round) / pow(10; $n);
def figure: if . == null then "–"
	elif . >= 1000 then round | commas
	elif . >= 10 then decimals(1) | tostring
	else decimals(3) | tostring end;
def aim: if .aim == null then "–"
	else (.aim | sub("value <= "; "≤ ") | sub("ratio <= "; "≤ × ")) + (if .met then ", met" else ", **missed**" end) end;

"| what | figure | unit | baseline | its figure | ratio | aim |",
"|---|--:|---|---|--:|--:|---|",
(add | .[] | "| \(.name) | \(.value | figure) | \(.unit) | \(.baseline // "–") | \(.baseline_value | figure) | \(.ratio | figure) | \(aim) |"),
"",
(add | map(select(.met == false).name) |
	if length == 0 then "All aims were met in this run." else "Missed in this run: \(join("; "))." end)

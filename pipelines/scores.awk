# awk -v name=PIPELINE -f scores.awk: reads a line for each result, "id TAB true|false TAB score TAB value ..", and prints the scores as a table.
# A table is of one way (version, commands, options, weights): what was made in another, "false", is left out, and that is said.
BEGIN { FS = OFS = "\t" }
$2 != "true" {
	others++
	next
}
{
	ids[++rows] = $1
	for (i = 3; i < NF; i += 2) {
		if (!($i in known)) {
			known[$i]
			heads[++columns] = $i
		}
		cells[rows, $i] = $(i + 1)
	}
}
END {
	if (others) print name ": " others " results that are there were made with other options, commands or weights: not in the table of scores" > "/dev/stderr"
	if (!columns) exit
	printf "id"
	for (c = 1; c <= columns; c++) printf "\t%s", heads[c]
	print ""
	for (r = 1; r <= rows; r++) {
		printf "%s", ids[r]
		for (c = 1; c <= columns; c++) printf "\t%s", (r, heads[c]) in cells ? cells[r, heads[c]] : "n/a"
		print ""
	}
}

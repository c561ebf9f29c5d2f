# awk -v name=PIPELINE -v way=SHA256 -f scores.awk: reads the names of sidecars, a line each, and prints the scores in them as a table. A table
# is of one way (version, commands, options, weights): what was made in another is left out, and that is said.
function take(file,	id, line, word, within, same, n, i, names, value) {
	while ((getline line < file) > 0) {
		split(line, word, " ")
		gsub(/[":,]/, "", word[1])
		gsub(/[",]/, "", word[2])
		if (line ~ /^  "/) within = word[1]
		if (line ~ /^  "Way": /) same = word[2] == way
		if (line ~ /^    "/ && within == "Scores") {
			names[++n] = word[1]
			value[n] = word[2] == "null" ? "n/a" : word[2]
		}
	}
	close(file)
	if (!same) {
		others++
		return
	}
	id = file
	sub(/.*\//, "", id)
	sub(/\.json$/, "", id)
	ids[++rows] = id
	for (i = 1; i <= n; i++) {
		if (!(names[i] in known)) {
			known[names[i]]
			heads[++columns] = names[i]
		}
		cells[rows, names[i]] = value[i]
	}
}
{ take($0) }
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

# awk -f nearest.awk WORD NAME...: the name that the word was perhaps meant to be; nothing when none is like it.
# Letters put in, left out, changed, or changed for the next one count 1 each, upper and lower case are the same.
function least(a, b) { return a < b ? a : b }
function distance(a, b,	i, k, n, m, d, differ) {
	n = length(a); m = length(b)
	for (i = 0; i <= n; i++) d[i, 0] = i
	for (k = 0; k <= m; k++) d[0, k] = k
	for (i = 1; i <= n; i++)
		for (k = 1; k <= m; k++) {
			differ = substr(a, i, 1) != substr(b, k, 1)
			d[i, k] = least(least(d[i - 1, k] + 1, d[i, k - 1] + 1), d[i - 1, k - 1] + differ)
			if (i > 1 && k > 1 && substr(a, i, 1) == substr(b, k - 1, 1) && substr(a, i - 1, 1) == substr(b, k, 1))
				d[i, k] = least(d[i, k], d[i - 2, k - 2] + 1)
		}
	return d[n, m]
}
BEGIN {
	word = toupper(ARGV[1])
	most = length(word) < 6 ? 2 : length(word) / 3 + 1
	for (i = 2; i < ARGC; i++) {
		name = toupper(ARGV[i])
		far = distance(word, name)
		if (index(word, name) == 1 || index(name, word) == 1) far = least(far, 1.5) # OUTDIR, OUT
		if (far <= most && far < length(word) && (best == "" || far < nearest)) { best = ARGV[i]; nearest = far }
	}
	if (best != "") print best
}

# tsv-mean: means over subjects by value, intervals against the definition, what it refuses.
. tests/lib.sh
printf 'participant_id\tgap\tmethod\tssim\tnote\tless\na\t6\tm\t1\tx\tn/a\na\t6\tm\t3\tx\t1\nb\t6\tm\t4\ty\t2\na\t12\tm\t5\ty\t2\n' > "$T/t.tsv"
expect_exit 0 'by group' tsv-mean --by gap,method "$T/t.tsv"
is 'a subject counts once, n/a is left out, one subject has no interval' "$(tr '\t\n' ' ;' < "$T/out")" \
	'gap method measure subjects rows mean lo hi;6 m ssim 2 3 3 2 4;12 m ssim 1 1 5 n/a n/a;6 m less 2 2 1.5 1 2;12 m less 1 1 2 n/a n/a;'
is 'JSON' "$(tsv-mean --by gap,method --json "$T/t.tsv" | jq -c '.[1] | [.gap, .method, .measure, .subjects, .mean, .lo]')" '["12","m","ssim",1,5,null]'
is 'from a pipe, all in one' "$(cut -f 1,4 "$T/t.tsv" | tsv-mean | sed 1d | cut -f 1-4 | tr '\t' ' ')" 'ssim 2 4 3.5'
# fifty subjects: the interval is about 1.96 standard errors to either side
python3 - > "$T/many.tsv" << 'END'
import random
random.seed(3)
print('who\tv')
for i in range(50): print('s%d\t%.6f' % (i, random.gauss(10, 2)))
END
tsv-mean --subject who "$T/many.tsv" > "$T/many"
holds 'the interval' awk -F '\t' '
	FNR == NR { if (FNR > 1) { n++; s += $2; q += $2 * $2 } next }
	FNR == 2 { m = s / n; se = sqrt((q / n - m * m) / n); a = (m - $5) / se; b = ($6 - m) / se; d = m - $4 }
	END { exit !(d * d < 1e-6 && a > 1.75 && a < 2.15 && b > 1.75 && b < 2.15) }' "$T/many.tsv" "$T/many"
is 'the same seed: the same' "$(tsv-mean --subject who --seed 0 "$T/many.tsv")" "$(cat "$T/many")"
holds 'another seed: others' bash -c '! cmp -s "$1" <(tsv-mean --subject who --seed 1 "$2")' - "$T/many" "$T/many.tsv"
refuses 65 'no subject' tsv-mean "$T/many.tsv"
refuses 65 'no such group' tsv-mean --by age "$T/t.tsv"
refuses 64 'a group twice' tsv-mean --by gap,gap "$T/t.tsv"
head -n 1 "$T/t.tsv" > "$T/none.tsv"
refuses 65 'no rows' tsv-mean "$T/none.tsv"
finish

# linprobe: against scikit-learn where it is there, and what it refuses. The codes are made up; labels follow a direction of theirs.
. tests/lib.sh
python3 - "$T" <<'E2'
import math, random, struct, sys
folder = sys.argv[1]
random.seed(5)
def npy(path, v):
    h = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % len(v)).ljust(117) + '\n'
    open(path, 'wb').write(b'\x93NUMPY\1\0' + len(h).to_bytes(2, 'little') + h.encode() + struct.pack('<%df' % len(v), *v))
P = 24
w = [random.gauss(0, 1) if j % 4 == 0 else 0 for j in range(P)]
table, visits, folds = ['participant_id\tage\tgroup\tsex'], ['participant_id\tsession_id\tage'], ['participant_id\tfold']
for s in range(40):
    base = [random.gauss(0, 1) for j in range(P)]
    score = sum(a * b for a, b in zip(w, base))
    age, group = 60 + 4 * score + random.gauss(0, 2), 'AD' if score + random.gauss(0, 1.5) > .5 else 'MCI' if s % 5 == 0 else 'CN'
    table.append('sub-%02d\t%.6f\t%s\t%s' % (s, age, group, 'n/a' if s == 3 else 'FM'[s % 2]))
    folds.append('sub-%02d\t%s' % (s, 'abcd'[s * 7 % 4]))
    for v in range(1 + s % 3):
        code = [b + random.gauss(0, .3) for b in base]
        code = [10 ** (j % 3) * c + j for j, c in enumerate(code)]
        code[5] = 7.1
        npy('%s/sub-%02d_ses-%d_T1w.npy' % (folder, s, v), code)
        visits.append('%02d\tses-%d\t%.6f' % (s, v, age + v))
for name, lines in ('participants', table), ('visits', visits), ('folds', folds):
    open('%s/%s.tsv' % (folder, name), 'w').write('\n'.join(lines) + '\n')
open(folder + '/age-of-some.tsv', 'w').write('\n'.join(table[:20]) + '\n')
npy(folder + '/longer.npy', [0] * (P + 1))
E2
for f in "$T"/sub-*.npy; do
	id=$(basename "$f" .npy)
	npy2lat --no-history --id "$id" y="$f"
done > "$T/all.lat"
# sub-28 and later are for tests
lat-cut --ids <(lat-info "$T/all.lat" | cut -f1 | grep -E '^sub-([01]|2[0-7])') "$T/all.lat" > "$T/train.lat"
lat-cut --ids <(lat-info "$T/all.lat" | cut -f1 | grep -E '^sub-(2[89]|3)') "$T/all.lat" > "$T/test.lat"
p=$T/participants.tsv
ad="--labels $p --target group --positive AD"

holds 'fit: a classification' linprobe fit $ad --C .05 -o "$T/ad.st" "$T/train.lat"
holds 'fit: balanced' linprobe fit $ad --C 2 --balance -o "$T/balanced.st" "$T/train.lat"
holds 'fit: a regression, by visit' linprobe fit --labels "$T/visits.tsv" --target age --lambda 20 -o "$T/age.st" "$T/train.lat"
holds 'the file is whole' lat-check "$T/ad.st"
linprobe predict --probe "$T/ad.st" "$T/test.lat" > "$T/ad.tsv"
linprobe predict --probe "$T/balanced.st" < "$T/test.lat" > "$T/balanced.tsv"
linprobe predict --probe "$T/age.st" "$T/test.lat" > "$T/age.tsv"
linprobe eval --probe "$T/ad.st" --labels "$p" --json "$T/test.lat" > "$T/ad.json"
linprobe eval --probe "$T/age.st" --labels "$T/visits.tsv" --json "$T/test.lat" > "$T/age.json"
linprobe cv $ad --C .05 --folds "$T/folds.tsv" --predictions "$T/cv.tsv" --json "$T/all.lat" > "$T/cv.json"
linprobe cv $ad --C .05 --predictions "$T/own.tsv" "$T/all.lat" > "$T/own"
is 'predict: the table' "$(head -n 2 "$T/ad.tsv" | cut -f1-3 | tr '\t\n' ' ;')" 'id participant_id session_id;sub-28_ses-0_T1w sub-28 ses-0;'
is 'predict --json' "$(linprobe predict --json --probe "$T/age.st" "$T/test.lat" | head -n 1 | sed 's/:[0-9.]*}/:}/')" \
	'{"id":"sub-28_ses-0_T1w","participant_id":"sub-28","session_id":"ses-0","value":}'
is 'cv: no subject is in two folds' "$(tail -n +2 "$T/own.tsv" | cut -f2,4 | sort -u | wc -l)" 40
is 'cv: five folds' "$(tail -n +2 "$T/own.tsv" | cut -f4 | sort -u | tr '\n' ' ')" '1 2 3 4 5 '
if ! /usr/bin/python3 -c 'import sklearn, numpy' 2> /dev/null; then
	skip 'as scikit-learn' 'no scikit-learn'
else
	/usr/bin/python3 - "$T" > "$T/compared" <<'E2'
import csv, glob, json, os, sys
import numpy as np
from sklearn import metrics
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
folder = sys.argv[1]
read = lambda name: list(csv.DictReader(open(folder + '/' + name), delimiter='\t'))
files = sorted(glob.glob(folder + '/sub-*.npy'))
ids = [os.path.basename(f)[:-4] for f in files]
who = np.array([i.split('_')[0] for i in ids])
X = np.array([np.load(f) for f in files], 'f8')
table = {r['participant_id']: r for r in read('participants.tsv')}
visit = {('sub-' + r['participant_id'], r['session_id']): float(r['age']) for r in read('visits.tsv')}
ad = np.array([table[w]['group'] == 'AD' for w in who]).astype(int)
age = np.array([visit[i.split('_')[0], i.split('_')[1]] for i in ids])
train = who < 'sub-28'
test = ~train
def check(name, error, limit): print('%s %s (%.1e, at most %.0e)' % ('ok -' if error <= limit else 'not ok -', name, error, limit))
def logistic(C, weight=None): return make_pipeline(StandardScaler(), LogisticRegression(C=C, class_weight=weight, solver='newton-cholesky', tol=1e-12, max_iter=1000))
def column(name, key): return np.array([float(r[key]) for r in sorted(read(name), key=lambda r: r['id'])])
a = logistic(.05).fit(X[train], ad[train])
check('scikit-learn: probabilities', abs(column('ad.tsv', 'probability') - a.predict_proba(X[test])[:, 1]).max(), 1e-6)
check('scikit-learn: balanced', abs(column('balanced.tsv', 'probability') - logistic(2, 'balanced').fit(X[train], ad[train]).predict_proba(X[test])[:, 1]).max(), 1e-6)
r = make_pipeline(StandardScaler(), Ridge(alpha=20)).fit(X[train], age[train])
check('scikit-learn: ridge', abs(column('age.tsv', 'value') - r.predict(X[test])).max(), 1e-6)
J = json.load(open(folder + '/ad.json'))
q, t = a.predict_proba(X[test])[:, 1], ad[test]
c = (q > .5).astype(int)
for name, v in dict(auc=metrics.roc_auc_score(t, q), accuracy=metrics.accuracy_score(t, c), balanced_accuracy=metrics.balanced_accuracy_score(t, c),
                    precision=metrics.precision_score(t, c), recall=metrics.recall_score(t, c), f1=metrics.f1_score(t, c), mcc=metrics.matthews_corrcoef(t, c)).items():
    check('scikit-learn: ' + name, abs(J[name]['value'] - v), 1e-9)
    check(name + ': inside its interval', float(not J[name]['lo'] <= v <= J[name]['hi']), 0)
print('ok - the metrics of a classification' if len(J) == 7 else 'not ok - the metrics of a classification')
J = json.load(open(folder + '/age.json'))
v, t = r.predict(X[test]), age[test]
for name, w in dict(mae=metrics.mean_absolute_error(t, v), rmse=metrics.mean_squared_error(t, v) ** .5, r2=metrics.r2_score(t, v)).items():
    check('scikit-learn: ' + name, abs(J[name]['value'] - w), 1e-6)
fold = {f['participant_id']: f['fold'] for f in read('folds.tsv')}
fold = np.array([fold[w] for w in who])
p = np.zeros(len(ids))
for k in 'abcd': p[fold == k] = logistic(.05).fit(X[fold != k], ad[fold != k]).predict_proba(X[fold == k])[:, 1]
check('scikit-learn: cv on the same folds', abs(column('cv.tsv', 'probability') - p).max(), 1e-6)
check('scikit-learn: its auc', abs(json.load(open(folder + '/cv.json'))['auc']['value'] - metrics.roc_auc_score(ad, p)), 1e-9)
E2
	cat "$T/compared"
	! grep -q '^not ok' "$T/compared" && [ "$(grep -c '^ok' "$T/compared")" -eq 23 ] || not_ok 'as scikit-learn' "$(tail -n 1 "$T/compared")"
fi

# the strength that is chosen, and what does not change a probe
linprobe fit -v $ad -o "$T/chosen.st" "$T/train.lat" 2> "$T/err"
like 'fit: says what it chose' "$(tail -n 1 "$T/err")" '^linprobe: group: C [0-9.e-]+, chosen$'
linprobe fit -j 1 $ad -o "$T/one-thread.st" "$T/train.lat"
is 'fit: any number of threads' "$(sha256sum < "$T/one-thread.st")" "$(sha256sum < "$T/chosen.st")"
linprobe fit $ad "$T/train.lat" > "$T/stdout.st"
is 'fit: to stdout' "$(sha256sum < "$T/stdout.st")" "$(sha256sum < "$T/chosen.st")"
is 'cv: any number of threads' "$(linprobe cv -j 1 $ad "$T/all.lat")" "$(linprobe cv -j 2 $ad "$T/all.lat")"
is 'cv: another seed, other intervals' "$([ "$(linprobe cv $ad --C .05 --seed 2 "$T/all.lat")" = "$(cat "$T/own")" ] || echo other)" other
lat-cut --no-history --ids <(printf 'sub-%02d_ses-0_T1w\n' {0..39}) "$T/all.lat" > "$T/first.lat"
holds 'fit: more features than records' linprobe fit --labels "$p" --target age -f -o "$T/wide.st" <(lat-cut -r 1:9 "$T/first.lat")
is 'eval: the table' "$(linprobe eval --probe "$T/age.st" --labels "$p" "$T/first.lat" | cut -f1 | tr '\n' ' ')" 'metric mae rmse r2 '

# labels that are missing or of other classes
linprobe fit --labels "$p" --target sex --positive F --C 1 -o "$T/sex.st" "$T/first.lat" 2> "$T/err"
is 'n/a is left out' "$?$(cat "$T/err")" '0linprobe: sex: 1 records left out, without a value: n/a (1)'
is 'a table without some' "$(linprobe fit --labels "$T/age-of-some.tsv" --target age --lambda 1 -o "$T/x.st" "$T/first.lat" 2>&1; echo $?)" \
	"linprobe: sub-19_ses-0_T1w: sub-19 ses-0 is not in $T/age-of-some.tsv"$'\n'65
expect_exit 65 '--keep-going: fits the others' linprobe fit --keep-going --labels "$T/age-of-some.tsv" --target age --lambda 1 -o "$T/some.st" "$T/first.lat"
is '--keep-going: fits the others: as many' "$(linprobe show "$T/some.st" | grep -E '^(records|subjects)' | tr '\t\n' '  ')" 'records 19 subjects 19 '
linprobe fit $ad --negative CN --C 1 -o "$T/two.st" "$T/first.lat" 2> "$T/err"
like '--negative: others are left out' "$(cat "$T/err")" '^linprobe: group: [0-9]+ records left out, of neither class: MCI .[0-9]+.$'
is 'show: the classes' "$(linprobe show "$T/two.st" | grep -E '^(task|target|positive|negative|tensor|C|balanced)	' | tr '\t\n' ' ;')" \
	'task classification;target group;positive AD;negative ["CN"];tensor y;C 1.0;balanced false;'
linprobe eval --probe "$T/two.st" --labels "$p" "$T/first.lat" 2>&1 > "$T/out" | grep -q 'left out, of neither class: MCI'
is 'eval: leaves out what was not fitted on' $? 0
is 'show: a regression' "$(linprobe show "$T/age.st" | grep -E '^(task|target|positive|lambda|balanced)	' | tr '\t\n' ' ;')" 'task regression;target age;lambda 20.0;'
is 'show --json: constant features have std 1 and no weight' "$(linprobe show --json "$T/ad.st" | python3 -c '
import json, sys
p = json.load(sys.stdin)
print(p["std"][5], abs(p["weight"][5]) < 1e-15, round(p["mean"][5], 5), len(p["weight"]), p["C"])')" '1.0 True 7.1 24 0.05'

# refused
fit="linprobe fit --labels $p --target age --lambda 1 -o $T/x.st"
refuses 65 'one class alone' linprobe fit --labels "$p" --target group --positive AD -o "$T/x.st" <(lat-cut --ids <(awk -F'\t' '$3 == "AD" { print $1 "_ses-0_T1w" }' "$p") "$T/first.lat")
like 'one class alone: says so' "$(cat "$T/err")" 'group: each of the [0-9]+ records is AD$'
expect_exit 65 'a class that is not there' linprobe fit --labels "$p" --target group --positive ad -o "$T/x.st" "$T/first.lat"
like 'a class that is not there: those there are' "$(tail -n 1 "$T/err")" 'group: none of the 40 records is ad; they are AD .18., CN .18., MCI .4.$'
like 'a class that is not there: its other spelling' "$(cat "$T/err")" 'not counted as ad, but perhaps another spelling of it: AD .[0-9]+.'
is 'several other values are said' "$(linprobe fit $ad --C 1 "$T/first.lat" 2>&1 > "$T/ad-all.st" | sed 's/([0-9]*)/(n)/g')" \
	'linprobe: group: AD is told from more than one other value: CN (n), MCI (n)'
refuses 65 'one subject: nothing to choose a strength on' linprobe fit --labels "$p" --target age -o "$T/x.st" <(lat-cut -r 1:1 "$T/first.lat")
like 'one subject: says so' "$(cat "$T/err")" 'age: a strength cannot be chosen on 1 subject: give one$'
holds 'one subject: with a strength' linprobe fit --labels "$p" --target age --lambda 1 -o "$T/single.st" <(lat-cut -r 1:1 "$T/first.lat")
is 'one subject: no intervals' "$(linprobe eval --probe "$T/single.st" --labels "$p" <(lat-cut -r 1:1 "$T/first.lat") | tail -n 3 | cut -f1,3,4 | tr '\t\n' ' ;')" \
	'mae n/a n/a;rmse n/a n/a;r2 n/a n/a;'
refuses 65 'cv: fewer subjects than folds' linprobe cv --labels "$p" --target age <(lat-cut -r 1:3 "$T/first.lat")
refuses 65 'cv: a fold is missing' linprobe cv --labels "$p" --target age --folds <(head -n 9 "$T/folds.tsv") "$T/first.lat"
refuses 65 'cv: one fold in the table' linprobe cv --labels "$p" --target age --folds <(sed 's/	[a-d]$/	a/' "$T/folds.tsv") "$T/first.lat"
like 'one fold: says so' "$(cat "$T/err")" 'all subjects are in one fold$'
refuses 65 'words where numbers should be' linprobe fit --labels "$p" --target group -o "$T/x.st" "$T/first.lat"
like 'words: says where' "$(cat "$T/err")" "participants.tsv: line 2: '[A-Z]+' is no number$"
refuses 65 'no such column' linprobe fit --labels "$p" --target height -o "$T/x.st" "$T/first.lat"
refuses 65 'no such tensor' $fit -n z "$T/first.lat"
refuses 65 'a record twice' $fit "$T/first.lat" "$T/first.lat"
"$BUILD/tests/tools/poke" "$T/all.lat" "$T/odd.lat" sub-00_ses-0_T1w y 3 nan
refuses 65 'a code that is not finite' $fit "$T/odd.lat"
refuses 65 'predict: a code that is not finite' linprobe predict --json --probe "$T/age.st" <(lat-cut -r sub-00_ses-0_T1w "$T/odd.lat")
refuses 65 'codes of two lengths' $fit <(cat "$T/first.lat"; npy2lat --id sub-00 y="$T/longer.npy")
refuses 65 'predict: another length' linprobe predict --json --probe "$T/age.st" -o "$T/x.tsv" <(npy2lat --id sub-00 y="$T/longer.npy")
refuses 65 'no record' $fit formats/samples/empty-stream.lat
refuses 78 'a probe that is none' linprobe predict --probe tests/oracle/golden/autoencoder.safetensors "$T/first.lat"
head -c -8 "$T/ad.st" > "$T/short.st"
refuses 78 'a probe cut short' linprobe predict --probe "$T/short.st" "$T/first.lat"
refuses 73 'an output that exists' linprobe fit -q $ad --C 1 -o "$T/ad.st" "$T/train.lat"
refuses 64 'no verb' linprobe guess "$T/first.lat"
refuses 64 'no labels' linprobe fit --target age -o "$T/x.st" "$T/first.lat"
refuses 64 'lambda of a classification' linprobe fit $ad --lambda 1 -o "$T/x.st" "$T/first.lat"
refuses 64 'C of a regression' linprobe fit --labels "$p" --target age --C 1 -o "$T/x.st" "$T/first.lat"
refuses 64 'C of 0' linprobe fit $ad --C 0 -o "$T/x.st" "$T/first.lat"
refuses 64 'one fold' linprobe cv $ad --splits 1 "$T/first.lat"
expect_exit 74 'a full disk' bash -c "linprobe predict --probe '$T/ad.st' '$T/test.lat' > /dev/full"
[ ! -e "$T/x.st" ] && [ ! -e "$T/x.tsv" ]
is 'nothing refused left a file' $? 0

# folds drawn several times: the mean of what each draw gives by its own seed, and what lies between them
linprobe cv $ad --C .05 --seed 7 --repeats 3 --predictions "$T/three.tsv" "$T/all.lat" > "$T/three"
for s in 7 8 9; do linprobe cv $ad --C .05 --seed $s --predictions "$T/one-$s.tsv" "$T/all.lat"; done > "$T/each"
is 'repeats: mean and standard deviation' "$(awk -F '\t' '$1 == "auc" { n++; s += $2; q += $2 * $2 } END { printf "%.6f %.6f", s / n, sqrt((q - s * s / n) / (n - 1)) }' "$T/each")" \
	"$(awk -F '\t' '$1 == "auc" { printf "%.6f %.6f", $2, $5 }' "$T/three")"
is 'repeats: JSON' "$(linprobe cv $ad --C .05 --seed 7 --repeats 3 --json "$T/all.lat" | jq -r '.auc | [.value, .lo, .hi, .sd] | map(. * 1e6 | round) | join(" ")')" \
	"$(awk -F '\t' '$1 == "auc" { printf "%.0f %.0f %.0f %.0f", $2 * 1e6, $3 * 1e6, $4 * 1e6, $5 * 1e6 }' "$T/three")"
is 'repeats: predictions' "$(cut -f 1-3,5- "$T/three.tsv" | sed 1d)" "$(for s in 7 8 9; do sed 1d "$T/one-$s.tsv"; done)"
is 'repeats: numbered' "$(cut -f 4 "$T/three.tsv" | uniq -c | awk '{ print $2, $1 }' | tr '\n' ' ')" "repeat 1 1 $(sed 1d "$T/one-7.tsv" | wc -l) 2 $(sed 1d "$T/one-8.tsv" | wc -l) 3 $(sed 1d "$T/one-9.tsv" | wc -l) "
refuses 64 'repeats of named folds' linprobe cv $ad --C .05 --folds "$T/folds.tsv" --repeats 2 "$T/all.lat"

# labels dealt out anew: the same labels, a subject's visits alike, nothing to learn
linprobe cv $ad --C .05 --shuffle --predictions "$T/shuffled.tsv" "$T/all.lat" > "$T/shuffled"
is 'shuffle: who has several records has one label' "$(sed 1d "$T/shuffled.tsv" | cut -f 2,5 | sort -u | wc -l)" 40
is 'shuffle: as many subjects of each class' "$(sed 1d "$T/shuffled.tsv" | cut -f 2,5 | sort -u | cut -f 2 | sort | uniq -c | tr -s ' \n' ' ')" \
	"$(sed 1d "$T/own.tsv" | cut -f 2,5 | sort -u | cut -f 2 | sort | uniq -c | tr -s ' \n' ' ')"
for s in {1..20}; do linprobe cv $ad --C .05 --shuffle --seed $s --bootstrap 1 "$T/all.lat" 2> /dev/null; done |
	awk -F '\t' '$1 == "auc" { n++; sum += $2 } END { print sum / n }' > "$T/chance"
holds 'shuffle: chance' awk '{ exit !($1 > .4 && $1 < .6) }' "$T/chance"
refuses 64 'shuffle: fit' linprobe fit $ad --shuffle -o "$T/x.st" "$T/all.lat"

# codes know who made them
one=formats/samples/one.lat
z="linprobe fit -n z --labels $T/z.tsv --target v --lambda 1"
printf 'participant_id\tv\nsub-01\t1\nsub-02\t2\n' > "$T/z.tsv"
holds 'fit: any tensor' $z -o "$T/z.st" $one
like 'show: the encoder' "$(linprobe show "$T/z.st" | grep '^encoder' | tr '\t\n' ' ;')" '^encoder_kind [a-z]+;encoder (ab){32};$'
holds 'predict: the same encoder' linprobe predict --probe "$T/z.st" $one
sed 's/"encoder":"abab/"encoder":"cdcd/' "$T/z.st" > "$T/z2.st"
refuses 65 'predict: another encoder' linprobe predict --json --probe "$T/z2.st" -o "$T/x" $one
like 'predict: another encoder: says so' "$(cat "$T/err")" '^linprobe: sub-01: z was made by the model [a-z]+ abababababab, not by [a-z]+ cdcdabababab'
holds 'predict --any-model' linprobe predict --any-model --probe "$T/z2.st" $one
finish

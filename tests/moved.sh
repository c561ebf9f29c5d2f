# bash tests/moved.sh SCAN...: what nii-judge says of registered brains, as they lie and moved from there: for each move the least, the middle
# and the largest SSIM with the mean brain, the same of what the best small move adds, and for how many of the scans a concern is said.
# Moves are about a point in the middle of the brain. The tools are found by PATH.
set -e -u -o pipefail
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
k=0
for scan; do
	k=$((k + 1))
	nii-transform --spacing 3 -o "$work/$k.nii" "$scan"
done

# matrix KIND AXIS AMOUNT: mm to mm; turns about an axis by degrees (right: nose up, front: to the right, up: nose left), shifts along it by mm
matrix() {
	awk -v kind="$1" -v axis="$2" -v amount="$3" 'BEGIN {
		for (i = 0; i < 3; i++) for (j = 0; j < 3; j++) m[i, j] = i == j
		c[0] = 0; c[1] = -22; c[2] = 9
		a = (axis + 1) % 3; b = (axis + 2) % 3; angle = amount * atan2(0, -1) / 180
		if (kind == "turn") { m[a, a] = m[b, b] = cos(angle); m[b, a] = sin(angle); m[a, b] = -sin(angle) }
		if (kind == "mirror") m[axis, axis] = -1
		if (kind == "scale") for (i = 0; i < 3; i++) m[i, i] = amount
		if (kind == "cycle") for (i = 0; i < 3; i++) for (j = 0; j < 3; j++) m[i, j] = (i + 1) % 3 == j
		for (i = 0; i < 3; i++) {
			t = c[i] + (kind == "shift" && i == axis ? amount : 0)
			for (j = 0; j < 3; j++) t -= m[i, j] * c[j]
			printf "%.9g %.9g %.9g %.9g\n", m[i, 0], m[i, 1], m[i, 2], t
		}
	}'
}

printf 'move\tscans\tleast\tmiddle\tmost\tadds_least\tadds_middle\tadds_most\tconcerns\n'
while read -r name kind axis amount; do
	matrix "$kind" "$axis" "$amount" > "$work/matrix.txt"
	for ((i = 1; i <= k; i++)); do nii-transform --linear "$work/matrix.txt" -f -o "$work/moved-$i.nii" "$work/$i.nii"; done
	nii-judge "$work"/moved-*.nii | tail -n +2 > "$work/judged"
	cut -f 2 "$work/judged" | sort -g > "$work/ssim"
	awk -F '\t' '{ print $3 - $2 }' "$work/judged" | sort -g > "$work/adds"
	printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$k" "$(awk '{ v[NR] = $1 } END { printf "%.2f\t%.2f\t%.2f", v[1], v[int((NR + 1) / 2)], v[NR] }' "$work/ssim")" \
		"$(awk '{ v[NR] = $1 } END { printf "%.2f\t%.2f\t%.2f", v[1], v[int((NR + 1) / 2)], v[NR] }' "$work/adds")" \
		"$(awk -F '\t' '$5 != "n/a"' "$work/judged" | wc -l)"
done << 'E2'
as_they_lie none 0 0
nose_up_5 turn 0 5
nose_up_10 turn 0 10
nose_down_10 turn 0 -10
nose_up_20 turn 0 20
upside_down turn 0 180
roll_5 turn 1 5
roll_10 turn 1 10
roll_20 turn 1 20
head_down turn 1 180
yaw_5 turn 2 5
yaw_10 turn 2 10
yaw_20 turn 2 20
back_to_front turn 2 180
axes_exchanged cycle 0 0
right_5_mm shift 0 5
right_10_mm shift 0 10
right_20_mm shift 0 20
front_5_mm shift 1 5
front_10_mm shift 1 10
front_20_mm shift 1 20
up_5_mm shift 2 5
up_10_mm shift 2 10
up_20_mm shift 2 20
smaller_10 scale 0 .9
larger_10 scale 0 1.1
mirrored mirror 0 0
E2

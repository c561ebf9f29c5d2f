# awk -f compose.awk COLIN-TO-MNI TURN RIGID AFFINE: the matrix that moves a scan to MNI space (mm; right, front, up), from that of Colin27's
# space to MNI space, the one that sets the scan upright, and elastix's two TransformParameters files of Colin27 (fixed) and the scan that
# was set upright (moving).
#
# elastix: T(x) = R (x - c) + c + t, from the fixed to the moving image in mm along left, back, up; the rigid one comes first; its R is
# Rz Rx Ry of the three angles (Ry Rx being exchanged where ComputeZYX says so).
function fail(why) { print "compose: " why > "/dev/stderr"; failed = 1; exit 65 }
# m[at, i, j], rows 0 1 2: m[to] = m[a] after m[b]
function multiply(to, a, b,    i, j, k, s, r) {
	for (i = 0; i < 3; i++)
		for (j = 0; j < 4; j++) {
			s = j == 3 ? m[a, i, 3] : 0
			for (k = 0; k < 3; k++) s += m[a, i, k] * m[b, k, j]
			r[i, j] = s
		}
	for (i = 0; i < 3; i++) for (j = 0; j < 4; j++) m[to, i, j] = r[i, j]
}
function invert(to, a,    i, j, p, q, det) {
	for (i = 0; i < 3; i++)
		for (j = 0; j < 3; j++) {
			p = (j + 1) % 3; q = (j + 2) % 3
			m[to, i, j] = m[a, p, (i + 1) % 3] * m[a, q, (i + 2) % 3] - m[a, p, (i + 2) % 3] * m[a, q, (i + 1) % 3]
		}
	for (i = 0; i < 3; i++) det += m[a, 0, i] * m[to, i, 0]
	if (det < 1e-6) fail("a transform that cannot be inverted")
	for (i = 0; i < 3; i++) for (j = 0; j < 3; j++) m[to, i, j] /= det
	for (i = 0; i < 3; i++) {
		m[to, i, 3] = 0
		for (j = 0; j < 3; j++) m[to, i, 3] -= m[to, i, j] * m[a, j, 3]
	}
}
function turn(name, axis, angle,    a, b, i, j) {
	a = (axis + 1) % 3; b = (axis + 2) % 3
	for (i = 0; i < 3; i++) for (j = 0; j < 4; j++) m[name, i, j] = i == j
	m[name, a, a] = m[name, b, b] = cos(angle)
	m[name, a, b] = -sin(angle); m[name, b, a] = sin(angle)
}
FNR == 1 { file++ }
{ sub(/\r$/, "") }
file < 3 && !/^[ \t]*(#|$)/ {
	if (NF != 4) fail(FILENAME ": not rows of four numbers")
	for (j = 0; j < 4; j++) m[file == 1 ? "mni" : "upright", rows[file] + 0, j] = $(j + 1)
	rows[file]++
}
file > 2 && /^\(/ {
	gsub(/[()"]/, "")
	key = $1
	for (j = 2; j <= NF; j++) value[file, key, j - 2] = $j
	count[file, key] = NF - 1
}
END {
	if (failed) exit 65
	R = 3; A = 4
	if (file != 4 || rows[1] < 3 || rows[1] > 4 || rows[2] < 3 || rows[2] > 4) fail("needs two matrices and two files of elastix")
	if (value[R, "Transform", 0] != "EulerTransform" || count[R, "TransformParameters"] != 6) fail("the first transform is not rigid")
	if (value[A, "Transform", 0] != "AffineTransform" || count[A, "TransformParameters"] != 12) fail("the second transform is not affine")
	if (value[A, "HowToCombineTransforms", 0] != "Compose") fail("the transforms are not to be composed")
	for (j = 0; j < 3; j++) turn("turn" j, j, value[R, "TransformParameters", j])
	if (value[R, "ComputeZYX", 0] == "true") { multiply(R, "turn1", "turn0"); multiply(R, "turn2", R) }
	else { multiply(R, "turn0", "turn1"); multiply(R, "turn2", R) }
	for (i = 0; i < 9; i++) m[A, int(i / 3), i % 3] = value[A, "TransformParameters", i]
	for (f = R; f <= A; f++)
		for (i = 0; i < 3; i++) {
			c = value[f, "CenterOfRotationPoint", i]
			m[f, i, 3] = c + value[f, "TransformParameters", (f == R ? 3 : 9) + i]
			for (j = 0; j < 3; j++) m[f, i, 3] -= m[f, i, j] * value[f, "CenterOfRotationPoint", j]
		}
	multiply("scan", A, R)
	# left, back, up to right, front, up
	for (i = 0; i < 3; i++) for (j = 0; j < 4; j++) if ((i < 2) != (j < 2)) m["scan", i, j] = -m["scan", i, j]
	invert("back", "scan")
	multiply("all", "mni", "back")
	multiply("all", "all", "upright")
	for (i = 0; i < 3; i++) printf "%.9g %.9g %.9g %.9g\n", m["all", i, 0], m["all", i, 1], m["all", i, 2], m["all", i, 3]
	print "0 0 0 1"
}

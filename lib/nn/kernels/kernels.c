/* Compiled once per instruction-set level with -DLEVEL=name; see kernels.h for what each function does. Plain loops over vectors
 * of LANES channels: the compiler splits them into whatever the level's registers hold. */
#include <math.h>
#include <string.h>

#include "nn/kernels/channels.h"
#include "nn/kernels/vector.h"

INLINE vf activate(vf u, enum act act)
{
	if (act == ACT_SILU)
		return u / (1.0f + vexp(-u));
	if (act == ACT_LEAKY)
		return choose(u > 0, u, 0.2f * u);
	return u;
}

INLINE vf slope(vf u, enum act act)
{
	const vf one = (vf){ 0 } + 1.0f;
	if (act == ACT_SILU) {
		vf s = one / (one + vexp(-u));
		return s * (one + u * (one - s));
	}
	if (act == ACT_LEAKY)
		return choose(u > 0, one, 0.2f * one);
	return one;
}

INLINE void load_with(float *dst, const float *src, size_t n, int c, int cp, const prologue *p, enum act act)
{
	for (int k = 0; k < cp; k += LANES) {
		int some = c - k < LANES ? c - k : LANES;
		vf scale = (vf){ 0 } + 1.0f, shift = { 0 };
		if (p->scale) {
			scale = get_some(p->scale + k, some);
			shift = get_some(p->shift + k, some);
		}
		if (some == LANES) {
			for (size_t i = 0; i < n; i++)
				put(dst + i * cp + k, activate(get(src + i * c + k) * scale + shift, act));
		} else {
			for (size_t i = 0; i < n; i++) {
				vf v = activate(get_some(src + i * c + k, some) * scale + shift, act);
				for (int l = 0; l < LANES && k + l < cp; l++)
					dst[i * cp + k + l] = l < some ? v[l] : 0;
			}
		}
	}
}

static void load(float *dst, const float *src, size_t n, int c, int cp, const prologue *p)
{
	if (!p->scale && p->act == ACT_NONE && c == cp)
		memcpy(dst, src, n * (size_t)c * sizeof(float));
	else if (p->act == ACT_SILU)
		load_with(dst, src, n, c, cp, p, ACT_SILU);
	else if (p->act == ACT_LEAKY)
		load_with(dst, src, n, c, cp, p, ACT_LEAKY);
	else
		load_with(dst, src, n, c, cp, p, ACT_NONE);
}

enum { RUN = 32 };	/* voxels summed in float before going on in double */

static void load_backward(float *dx, bool fresh, const float *d, const float *x, size_t n, int c, const prologue *p, double *sum_scale,
			  double *sum_shift)
{
	for (int k = 0; k < c; k += LANES) {
		int some = c - k < LANES ? c - k : LANES;
		vf scale = (vf){ 0 } + 1.0f, shift = { 0 };
		if (p->scale) {
			scale = get_some(p->scale + k, some);
			shift = get_some(p->shift + k, some);
		}
		for (size_t i0 = 0; i0 < n; i0 += RUN) {
			size_t end = i0 + RUN < n ? i0 + RUN : n;
			vf s0 = { 0 }, s1 = { 0 };
			for (size_t i = i0; i < end; i++) {
				const float *xi = x + i * c + k, *di = d + i * c + k;
				vf xv = some == LANES ? get(xi) : get_some(xi, some);
				vf da = some == LANES ? get(di) : get_some(di, some);
				da *= slope(xv * scale + shift, p->act);
				s0 += da;
				s1 += da * xv;
				if (!dx)
					continue;
				float *to = dx + i * c + k;
				vf out = da * scale;
				if (!fresh)
					out += some == LANES ? get(to) : get_some(to, some);
				if (some == LANES)
					put(to, out);
				else
					put_some(to, out, some);
			}
			for (int l = 0; sum_scale && l < some; l++) {
				sum_shift[k + l] += (double)s0[l];
				sum_scale[k + l] += (double)s1[l];
			}
		}
	}
}

static void moments(const float *x, size_t n, int c, double *sum, double *square)
{
	for (int k = 0; k < c; k += LANES) {
		int some = c - k < LANES ? c - k : LANES;
		double s[LANES] = { 0 }, q[LANES] = { 0 };
		if (some == LANES && !square) {
			for (size_t i = 0; i < n; i++)
				for (int l = 0; l < LANES; l++)
					s[l] += (double)x[i * c + k + l];
		} else if (some == LANES) {
			for (size_t i = 0; i < n; i++)
				for (int l = 0; l < LANES; l++) {
					double v = (double)x[i * c + k + l];
					s[l] += v;
					q[l] += v * v;
				}
		} else {
			for (size_t i = 0; i < n; i++)
				for (int l = 0; l < some; l++) {
					double v = (double)x[i * c + k + l];
					s[l] += v;
					q[l] += v * v;
				}
		}
		for (int l = 0; l < some; l++) {
			sum[k + l] += s[l];
			if (square)
				square[k + l] += q[l];
		}
	}
}

/* One-dimensional transforms on elements d[0], d[s], d[2s] .., one of each kind for every form of an axis; forms are told by their number
 * of points p. 4 is F(2,3) with the points 0, 1, -1, infinity of Lavin & Gray 2016, "Fast algorithms for convolutional neural networks";
 * 6 is F(4,3) with 0, a, -a, b, -b, infinity. Errors of 6 depend on a and b: 5/8 and 3/2 have a third of the usual 1 and 2 on three axes
 * and are the best of a search over multiples of 1/8 (SPEED.md); all powers that are needed are exact. With taps w and inputs x, 3 and 5
 * are
 *   doubled: y0 = w0 x0 + (w1 + w2) x1, y1 = (w0 + w1) x1 + w2 x2, or with s = w0 + w1 + w2: s x1 + w0 (x0 - x1), s x1 + w2 (x2 - x1);
 *   halved:  y0 = w0 x0 + w1 x1 + w2 x2, y1 = w0 x2 + w1 x3 + w2 x4, where s x2 + w0 (x0 - x2) and s x2 - w2 (x2 - x4), s = w0 + w2, are
 *            the taps at even places. */
#define PA 0.625f
#define PB 1.5f
#define PA2 (PA * PA)
#define PB2 (PB * PB)
/* What G divides by at a and b: the products of the differences to all other points. */
#define AT_A (2 * PA2 * (PA2 - PB2))
#define AT_B (2 * PB2 * (PB2 - PA2))

INLINE void input3(vf *d, int s)
{
	d[0] -= d[s];
	d[2 * s] -= d[s];
}

INLINE void input4(vf *d, int s)
{
	vf a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
	d[0] = a - c;
	d[s] = b + c;
	d[2 * s] = c - b;
	d[3 * s] = b - e;
}

INLINE void input5(vf *d, int s)
{
	d[0] -= d[2 * s];
	d[4 * s] = d[2 * s] - d[4 * s];
}

INLINE void input6(vf *d, int s)
{
	vf d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
	vf p = d4 - PB2 * d2, q = PA * (d3 - PB2 * d1), r = d4 - PA2 * d2, t = PB * (d3 - PA2 * d1);
	d[0] = PA2 * PB2 * d0 - (PA2 + PB2) * d2 + d4;
	d[s] = p + q;
	d[2 * s] = p - q;
	d[3 * s] = r + t;
	d[4 * s] = r - t;
	d[5 * s] = PA2 * PB2 * d1 - (PA2 + PB2) * d3 + d5;
}

INLINE void output3(vf *d, int s)
{
	d[0] += d[s];
	d[s] += d[2 * s];
}

INLINE void output4(vf *d, int s)
{
	vf a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
	d[0] = a + b + c;
	d[s] = b - c - e;
}

INLINE void output5(vf *d, int s)
{
	vf both = d[2 * s];
	d[0] += both + d[s];
	d[s] = both - d[4 * s] + d[3 * s];
}

INLINE void output6(vf *d, int s)
{
	vf m0 = d[0], m5 = d[5 * s];
	vf p = d[s] + d[2 * s], q = d[s] - d[2 * s], r = d[3 * s] + d[4 * s], t = d[3 * s] - d[4 * s];
	d[0] = m0 + p + r;
	d[s] = PA * q + PB * t;
	d[2 * s] = PA2 * p + PB2 * r;
	d[3 * s] = PA * PA2 * q + PB * PB2 * t + m5;
}

INLINE void adjoint3(vf *d, int s)
{
	d[2 * s] = d[s];
	d[s] += d[0];
}

INLINE void adjoint4(vf *d, int s)
{
	vf a = d[0], b = d[s];
	d[s] = a + b;
	d[2 * s] = a - b;
	d[3 * s] = -b;
}

INLINE void adjoint5(vf *d, int s)
{
	vf a = d[0], b = d[s];
	d[s] = a;
	d[2 * s] = a + b;
	d[3 * s] = b;
	d[4 * s] = -b;
}

INLINE void adjoint6(vf *d, int s)
{
	vf y0 = d[0], y1 = d[s], y2 = d[2 * s], y3 = d[3 * s];
	vf p = y0 + PA2 * y2, q = PA * (y1 + PA2 * y3), r = y0 + PB2 * y2, t = PB * (y1 + PB2 * y3);
	d[s] = p + q;
	d[2 * s] = p - q;
	d[3 * s] = r + t;
	d[4 * s] = r - t;
	d[5 * s] = y3;
}

INLINE void input_line(int p, vf *d, int s)
{
	switch (p) {
	case 3: input3(d, s); break;
	case 4: input4(d, s); break;
	case 5: input5(d, s); break;
	default: input6(d, s); break;
	}
}

INLINE void output_line(int p, vf *d, int s)
{
	switch (p) {
	case 3: output3(d, s); break;
	case 4: output4(d, s); break;
	case 5: output5(d, s); break;
	default: output6(d, s); break;
	}
}

INLINE void adjoint_line(int p, vf *d, int s)
{
	switch (p) {
	case 3: adjoint3(d, s); break;
	case 4: adjoint4(d, s); break;
	case 5: adjoint5(d, s); break;
	default: adjoint6(d, s); break;
	}
}

enum { MOST = 6 };	/* points on one axis */

INLINE void wino_input_of(const int px, const int py, const int pz, const float *patch, size_t sx, size_t sy, size_t sz, int n, float *v,
			  size_t sp)
{
	for (int k = 0; k < n; k += LANES) {
		vf d[MOST * MOST * MOST];
		for (int x = 0; x < px; x++) {
			for (int y = 0; y < py; y++) {
				const float *from = patch + x * sx + y * sy + k;
				vf *line = d + (x * py + y) * pz;
				for (int z = 0; z < pz; z++)
					line[z] = get(from + z * sz);
				input_line(pz, line, 1);
			}
			for (int z = 0; z < pz; z++)
				input_line(py, d + x * py * pz + z, pz);
		}
		for (int i = 0; i < py * pz; i++) {
			input_line(px, d + i, py * pz);
			for (int x = 0; x < px; x++)
				put(v + (x * py * pz + i) * sp + k, d[x * py * pz + i]);
		}
	}
}

INLINE void wino_output_of(const int px, const int py, const int pz, const float *m, size_t sp, int c, int cp, const float *bias,
			   const float *add, float *out, size_t ox, size_t oy, size_t oz, const int valid[3], double *sums)
{
	for (int k = 0; k < cp; k += LANES) {
		vf d[MOST * MOST * MOST], b = get(bias + k), sum = { 0 }, square = { 0 };
		int some = c - k < LANES ? c - k : LANES;
		for (int i = 0; i < py * pz; i++) {
			for (int x = 0; x < px; x++)
				d[x * py * pz + i] = get(m + (x * py * pz + i) * sp + k);
			output_line(px, d + i, py * pz);
		}
		for (int x = 0; x < valid[0]; x++) {
			for (int z = 0; z < pz; z++)
				output_line(py, d + x * py * pz + z, pz);
			for (int y = 0; y < valid[1]; y++) {
				vf *line = d + (x * py + y) * pz;
				output_line(pz, line, 1);
				size_t at = x * ox + y * oy + k;
				for (int z = 0; z < valid[2]; z++, at += oz) {
					vf value = line[z] + b;
					if (some == LANES) {
						if (add)
							value += get(add + at);
						put(out + at, value);
					} else {
						if (add)
							value += get_some(add + at, some);
						put_some(out + at, value, some);
					}
					sum += value;
					square += value * value;
				}
			}
		}
		for (int l = 0; sums && l < LANES; l++) {
			sums[k + l] += (double)sum[l];
			sums[cp + k + l] += (double)square[l];
		}
	}
}

INLINE int outputs_of(int p) { return p == 6 ? 4 : 2; }

INLINE void wino_adjoint_of(const int px, const int py, const int pz, const float *patch, size_t sx, size_t sy, size_t sz, int n, float *v,
			    size_t sp)
{
	for (int k = 0; k < n; k += LANES) {
		vf d[MOST * MOST * MOST];
		for (int x = 0; x < outputs_of(px); x++) {
			for (int y = 0; y < outputs_of(py); y++) {
				vf *line = d + (x * py + y) * pz;
				for (int z = 0; z < outputs_of(pz); z++)
					line[z] = get(patch + x * sx + y * sy + z * sz + k);
				adjoint_line(pz, line, 1);
			}
			for (int z = 0; z < pz; z++)
				adjoint_line(py, d + x * py * pz + z, pz);
		}
		for (int i = 0; i < py * pz; i++) {
			adjoint_line(px, d + i, py * pz);
			for (int x = 0; x < px; x++)
				put(v + (x * py * pz + i) * sp + k, d[x * py * pz + i]);
		}
	}
}

/* The ten combinations of forms that there are, each with its loops unrolled by the compiler. */
#define EACH_TILE(call)                                                                                                                    \
	switch (t.p[0] * 100 + t.p[1] * 10 + t.p[2]) {                                                                                     \
	case 333: call(3, 3, 3); break;                                                                                                    \
	case 444: call(4, 4, 4); break;                                                                                                    \
	case 446: call(4, 4, 6); break;                                                                                                    \
	case 464: call(4, 6, 4); break;                                                                                                    \
	case 466: call(4, 6, 6); break;                                                                                                    \
	case 555: call(5, 5, 5); break;                                                                                                    \
	case 644: call(6, 4, 4); break;                                                                                                    \
	case 646: call(6, 4, 6); break;                                                                                                    \
	case 664: call(6, 6, 4); break;                                                                                                    \
	default: call(6, 6, 6); break;                                                                                                     \
	}

static void wino_input(wino_tile t, const float *patch, size_t sx, size_t sy, size_t sz, int n, float *v, size_t sp)
{
#define CALL(a, b, c) wino_input_of(a, b, c, patch, sx, sy, sz, n, v, sp)
	EACH_TILE(CALL)
#undef CALL
}

static void wino_output(wino_tile t, const float *m, size_t sp, int c, int cp, const float *bias, const float *add, float *out, size_t ox,
			size_t oy, size_t oz, const int valid[3], double *sums)
{
#define CALL(a, b, e) wino_output_of(a, b, e, m, sp, c, cp, bias, add, out, ox, oy, oz, valid, sums)
	EACH_TILE(CALL)
#undef CALL
}

static void wino_output_adjoint(wino_tile t, const float *patch, size_t sx, size_t sy, size_t sz, int n, float *v, size_t sp)
{
#define CALL(a, b, c) wino_adjoint_of(a, b, c, patch, sx, sy, sz, n, v, sp)
	EACH_TILE(CALL)
#undef CALL
}

typedef double vd __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

/* Rows of G: how a point sees the three taps. */
static const double G3[3][3] = { { 1, 0, 0 }, { 1, 1, 1 }, { 0, 0, 1 } };
static const double G4[4][3] = { { 1, 0, 0 }, { .5, .5, .5 }, { .5, -.5, .5 }, { 0, 0, 1 } };
static const double G5[5][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 1, 0, 1 }, { 0, 1, 0 }, { 0, 0, 1 } };
#define G_ROW(p, at) { 1. / (at), (p) / (double)(at), (p) * (p) / (double)(at) }
static const double G6[6][3] = { { 1. / (PA2 * PB2), 0, 0 }, G_ROW(PA, AT_A),  G_ROW(-PA, AT_A),
				 G_ROW(PB, AT_B),	     G_ROW(-PB, AT_B), { 0, 0, 1 } };
#undef G_ROW

typedef const double (*rows)[3];

INLINE rows rows_of(int p) { return p == 3 ? G3 : p == 4 ? G4 : p == 5 ? G5 : G6; }

INLINE void weight_line(int p, vf w0, vf w1, vf w2, vf *u, int s)
{
	if (p == 3) {
		u[0] = w0;
		u[s] = w0 + w1 + w2;
		u[2 * s] = w2;
	} else if (p == 4) {
		u[0] = w0;
		u[s] = .5f * (w0 + w2) + .5f * w1;
		u[2 * s] = .5f * (w0 + w2) - .5f * w1;
		u[3 * s] = w2;
	} else if (p == 5) {
		u[0] = w0;
		u[s] = w1;
		u[2 * s] = w0 + w2;
		u[3 * s] = w1;
		u[4 * s] = w2;
	} else {
		vf a = w0 + PA2 * w2, b = w0 + PB2 * w2;
		u[0] = w0 * (1 / (PA2 * PB2));
		u[s] = (a + PA * w1) * (1 / AT_A);
		u[2 * s] = (a - PA * w1) * (1 / AT_A);
		u[3 * s] = (b + PB * w1) * (1 / AT_B);
		u[4 * s] = (b - PB * w1) * (1 / AT_B);
		u[5 * s] = w2;
	}
}

/* Exchanges rows and columns of 16 vectors of 16: pairs of rows swap their inner halves, then quarters, eighths .. */
INLINE void transpose(vf *r)
{
#define PAIRS(step, first, second)                                                                                                         \
	for (int i = 0; i < LANES; i++)                                                                                                    \
		if (!(i & step)) {                                                                                                         \
			vf a = r[i], b = r[i + step];                                                                                      \
			r[i] = __builtin_shuffle(a, b, first);                                                                             \
			r[i + step] = __builtin_shuffle(a, b, second);                                                                     \
		}
	PAIRS(8, ((vi){ 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23 }),
	      ((vi){ 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31 }))
	PAIRS(4, ((vi){ 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27 }),
	      ((vi){ 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31 }))
	PAIRS(2, ((vi){ 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29 }),
	      ((vi){ 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31 }))
	PAIRS(1, ((vi){ 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30 }),
	      ((vi){ 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31 }))
#undef PAIRS
}

enum { TAPS = 27, AHEAD = 4 };

static void wino_taps(const float *w, size_t apart, int n, bool flip, float *taps, size_t st)
{
	vf head[LANES], tail[LANES];
	/* the last 16 of 27 taps, so that nothing is read behind them */
	for (int l = 0; l < LANES; l++) {
		__builtin_prefetch(w + l * apart + AHEAD * TAPS);
		__builtin_prefetch(w + l * apart + AHEAD * TAPS + LANES);
		head[l] = l < n ? get(w + l * apart) : (vf){ 0 };
		tail[l] = l < n ? get(w + l * apart + TAPS - LANES) : (vf){ 0 };
	}
	transpose(head);
	transpose(tail);
	for (int k = 0; k < TAPS; k++)
		put(taps + (flip ? TAPS - 1 - k : k) * st, k < LANES ? head[k] : tail[k - (TAPS - LANES)]);
}

INLINE void wino_weight_of(const int py, const int pz, const double *g, const float *taps, size_t st, float *u, size_t sp)
{
	vf plane[9], a[3 * MOST], b[MOST * MOST];
	float g0 = (float)g[0], g1 = (float)g[1], g2 = (float)g[2];
	for (int i = 0; i < 9; i++)
		plane[i] = g0 * get(taps + i * st) + g1 * get(taps + (9 + i) * st) + g2 * get(taps + (18 + i) * st);
	for (int y = 0; y < 3; y++)
		weight_line(pz, plane[3 * y], plane[3 * y + 1], plane[3 * y + 2], a + y * pz, 1);
	for (int z = 0; z < pz; z++)
		weight_line(py, a[z], a[pz + z], a[2 * pz + z], b + z, pz);
	for (int i = 0; i < py * pz; i++)
		put(u + i * sp, b[i]);
}

static void wino_weight(wino_tile t, int x, const float *taps, size_t st, float *u, size_t sp)
{
	const double *g = rows_of(t.p[0])[x];
	switch (t.p[1] * 10 + t.p[2]) {
	case 33: wino_weight_of(3, 3, g, taps, st, u, sp); break;
	case 44: wino_weight_of(4, 4, g, taps, st, u, sp); break;
	case 46: wino_weight_of(4, 6, g, taps, st, u, sp); break;
	case 55: wino_weight_of(5, 5, g, taps, st, u, sp); break;
	case 64: wino_weight_of(6, 4, g, taps, st, u, sp); break;
	default: wino_weight_of(6, 6, g, taps, st, u, sp); break;
	}
}

static void wino_weight_adjoint(wino_tile t, const double *u, float *taps)
{
	int px = t.p[0], py = t.p[1], pz = t.p[2];
	rows gx = rows_of(px), gy = rows_of(py), gz = rows_of(pz);
	vd a[3][MOST][MOST] = { 0 }, b[3][3][MOST] = { 0 };
	for (int x = 0; x < px; x++)
		for (int k = 0; k < 3; k++)
			for (int i = 0; i < py * pz; i++)
				a[k][i / pz][i % pz] += gx[x][k] * *(const vd *)(u + (size_t)(x * py * pz + i) * LANES);
	for (int x = 0; x < 3; x++)
		for (int k = 0; k < 3; k++)
			for (int y = 0; y < py; y++)
				for (int z = 0; z < pz; z++)
					b[x][k][z] += gy[y][k] * a[x][y][z];
	for (int i = 0; i < 9; i++)
		for (int k = 0; k < 3; k++) {
			vd sum = { 0 };
			for (int z = 0; z < pz; z++)
				sum += gz[z][k] * b[i / 3][i % 3][z];
			put(taps + (i * 3 + k) * LANES, __builtin_convertvector(sum, vf));
		}
}

static void widen(float *out, const uint16_t *half, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = (uint32_t)(half[i] & 0x7fff) << 13;
		float v, special;
		memcpy(&v, &bits, sizeof v);
		bool finite = bits < (uint32_t)0x7c00 << 13;
		v *= 0x1p112f; /* from one bias of the exponent to the other, subnormal numbers too */
		bits |= 0x7f800000;
		memcpy(&special, &bits, sizeof special);
		out[i] = copysignf(finite ? v : special, half[i] & 0x8000 ? -1.f : 1.f);
	}
}

extern const channel_kernels JOIN(channel_kernels_, LEVEL);	/* channels.c */
extern product_kernel JOIN(product_, LEVEL);		/* product.c */
extern const factor_kernels JOIN(factor_, LEVEL);	/* product.c */
extern const kernels JOIN(kernels_, LEVEL);
const kernels JOIN(kernels_, LEVEL) = {
	.level = TEXT(LEVEL),
	.load = load,
	.load_backward = load_backward,
	.moments = moments,
	.wino_input = wino_input,
	.wino_output = wino_output,
	.wino_output_adjoint = wino_output_adjoint,
	.wino_taps = wino_taps,
	.wino_weight = wino_weight,
	.wino_weight_adjoint = wino_weight_adjoint,
	.widen = widen,
	.product = JOIN(product_, LEVEL),
	.panels = &JOIN(factor_, LEVEL),
	.channels = &JOIN(channel_kernels_, LEVEL),
};

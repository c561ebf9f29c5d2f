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

/* One-dimensional transforms on elements d[0], d[s], d[2s] ..: Lavin & Gray 2016, "Fast algorithms for convolutional neural
 * networks", F(2,3) with the points 0, 1, -1, infinity and F(4,3) with 0, 1, -1, 2, -2, infinity. */
INLINE void input2(vf *d, int s)
{
	vf a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
	d[0] = a - c;
	d[s] = b + c;
	d[2 * s] = c - b;
	d[3 * s] = b - e;
}

INLINE void input4(vf *d, int s)
{
	vf d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
	vf p = d4 - 4.0f * d2, q = d3 - 4.0f * d1, r = d4 - d2, t = 2.0f * (d3 - d1);
	d[0] = 4.0f * d0 - 5.0f * d2 + d4;
	d[s] = p + q;
	d[2 * s] = p - q;
	d[3 * s] = r + t;
	d[4 * s] = r - t;
	d[5 * s] = 4.0f * d1 - 5.0f * d3 + d5;
}

INLINE void output2(vf *d, int s)
{
	vf a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
	d[0] = a + b + c;
	d[s] = b - c - e;
}

INLINE void output4(vf *d, int s)
{
	vf m0 = d[0], m5 = d[5 * s];
	vf p = d[s] + d[2 * s], q = d[s] - d[2 * s], r = d[3 * s] + d[4 * s], t = d[3 * s] - d[4 * s];
	d[0] = m0 + p + r;
	d[s] = q + 2.0f * t;
	d[2 * s] = p + 4.0f * r;
	d[3 * s] = q + 8.0f * t + m5;
}

INLINE void adjoint2(vf *d, int s)
{
	vf a = d[0], b = d[s];
	d[s] = a + b;
	d[2 * s] = a - b;
	d[3 * s] = -b;
}

INLINE void adjoint4(vf *d, int s)
{
	vf y0 = d[0], y1 = d[s], y2 = d[2 * s], y3 = d[3 * s];
	vf p = y0 + y2, q = y1 + y3, r = y0 + 4.0f * y2, t = 2.0f * y1 + 8.0f * y3;
	d[s] = p + q;
	d[2 * s] = p - q;
	d[3 * s] = r + t;
	d[4 * s] = r - t;
	d[5 * s] = y3;
}

enum { MOST = 6 };	/* points on one axis */

INLINE void wino_input_of(const int mx, const int my, const int mz, const float *patch, size_t sx, size_t sy, int cp, float *v, size_t sp)
{
	const int tx = mx + 2, ty = my + 2, tz = mz + 2;
	for (int k = 0; k < cp; k += LANES) {
		vf d[MOST * MOST * MOST];
		for (int x = 0; x < tx; x++) {
			for (int y = 0; y < ty; y++) {
				const float *from = patch + x * sx + y * sy + k;
				vf *line = d + (x * ty + y) * tz;
				for (int z = 0; z < tz; z++)
					line[z] = get(from + z * cp);
				mz == 2 ? input2(line, 1) : input4(line, 1);
			}
			for (int z = 0; z < tz; z++)
				my == 2 ? input2(d + x * ty * tz + z, tz) : input4(d + x * ty * tz + z, tz);
		}
		for (int i = 0; i < ty * tz; i++) {
			mx == 2 ? input2(d + i, ty * tz) : input4(d + i, ty * tz);
			for (int x = 0; x < tx; x++)
				put(v + (x * ty * tz + i) * sp + k, d[x * ty * tz + i]);
		}
	}
}

INLINE void wino_output_of(const int mx, const int my, const int mz, const float *m, size_t sp, int c, int cp, const float *bias,
			   const float *add, float *out, size_t ox, size_t oy, size_t oz, const int valid[3], double *sums)
{
	const int tx = mx + 2, ty = my + 2, tz = mz + 2;
	for (int k = 0; k < cp; k += LANES) {
		vf d[MOST * MOST * MOST], b = get(bias + k), sum = { 0 }, square = { 0 };
		int some = c - k < LANES ? c - k : LANES;
		for (int i = 0; i < ty * tz; i++) {
			for (int x = 0; x < tx; x++)
				d[x * ty * tz + i] = get(m + (x * ty * tz + i) * sp + k);
			mx == 2 ? output2(d + i, ty * tz) : output4(d + i, ty * tz);
		}
		for (int x = 0; x < valid[0]; x++) {
			for (int z = 0; z < tz; z++)
				my == 2 ? output2(d + x * ty * tz + z, tz) : output4(d + x * ty * tz + z, tz);
			for (int y = 0; y < valid[1]; y++) {
				vf *line = d + (x * ty + y) * tz;
				mz == 2 ? output2(line, 1) : output4(line, 1);
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

INLINE void wino_adjoint_of(const int mx, const int my, const int mz, const float *patch, size_t sx, size_t sy, int cp, float *v, size_t sp)
{
	const int ty = my + 2, tz = mz + 2;
	for (int k = 0; k < cp; k += LANES) {
		vf d[MOST * MOST * MOST];
		for (int x = 0; x < mx; x++) {
			for (int y = 0; y < my; y++) {
				vf *line = d + (x * ty + y) * tz;
				for (int z = 0; z < mz; z++)
					line[z] = get(patch + x * sx + y * sy + z * cp + k);
				mz == 2 ? adjoint2(line, 1) : adjoint4(line, 1);
			}
			for (int z = 0; z < tz; z++)
				my == 2 ? adjoint2(d + x * ty * tz + z, tz) : adjoint4(d + x * ty * tz + z, tz);
		}
		for (int i = 0; i < ty * tz; i++) {
			mx == 2 ? adjoint2(d + i, ty * tz) : adjoint4(d + i, ty * tz);
			for (int x = 0; x < mx + 2; x++)
				put(v + (x * ty * tz + i) * sp + k, d[x * ty * tz + i]);
		}
	}
}

/* The eight combinations of tile sizes, each with its loops unrolled by the compiler. */
#define EACH_TILE(call)                                                                                                                    \
	switch ((t.m[0] == 4) << 2 | (t.m[1] == 4) << 1 | (t.m[2] == 4)) {                                                                 \
	case 0: call(2, 2, 2); break;                                                                                                      \
	case 1: call(2, 2, 4); break;                                                                                                      \
	case 2: call(2, 4, 2); break;                                                                                                      \
	case 3: call(2, 4, 4); break;                                                                                                      \
	case 4: call(4, 2, 2); break;                                                                                                      \
	case 5: call(4, 2, 4); break;                                                                                                      \
	case 6: call(4, 4, 2); break;                                                                                                      \
	default: call(4, 4, 4); break;                                                                                                     \
	}

static void wino_input(wino_tile t, const float *patch, size_t sx, size_t sy, int cp, float *v, size_t sp)
{
#define CALL(a, b, c) wino_input_of(a, b, c, patch, sx, sy, cp, v, sp)
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

static void wino_output_adjoint(wino_tile t, const float *patch, size_t sx, size_t sy, int cp, float *v, size_t sp)
{
#define CALL(a, b, c) wino_adjoint_of(a, b, c, patch, sx, sy, cp, v, sp)
	EACH_TILE(CALL)
#undef CALL
}

typedef double vd __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

/* Rows of G: how a point sees the three taps. */
static const double G2[4][3] = { { 1, 0, 0 }, { .5, .5, .5 }, { .5, -.5, .5 }, { 0, 0, 1 } };
static const double G4[6][3] = { { 1. / 4, 0, 0 },		{ -1. / 6, -1. / 6, -1. / 6 }, { -1. / 6, 1. / 6, -1. / 6 },
				 { 1. / 24, 1. / 12, 1. / 6 }, { 1. / 24, -1. / 12, 1. / 6 }, { 0, 0, 1 } };

typedef const double (*rows)[3];

static void wino_weight(wino_tile t, const float *taps, float *u, size_t sp)
{
	int px = t.m[0] + 2, py = t.m[1] + 2, pz = t.m[2] + 2;
	rows gx = t.m[0] == 2 ? G2 : G4, gy = t.m[1] == 2 ? G2 : G4, gz = t.m[2] == 2 ? G2 : G4;
	vd a[3][3][MOST], b[3][MOST][MOST];
	for (int i = 0; i < 9; i++)
		for (int z = 0; z < pz; z++) {
			vd w0 = __builtin_convertvector(get(taps + (i * 3) * LANES), vd),
			   w1 = __builtin_convertvector(get(taps + (i * 3 + 1) * LANES), vd);
			a[i / 3][i % 3][z] =
				gz[z][0] * w0 + gz[z][1] * w1 + gz[z][2] * __builtin_convertvector(get(taps + (i * 3 + 2) * LANES), vd);
		}
	for (int x = 0; x < 3; x++)
		for (int y = 0; y < py; y++)
			for (int z = 0; z < pz; z++)
				b[x][y][z] = gy[y][0] * a[x][0][z] + gy[y][1] * a[x][1][z] + gy[y][2] * a[x][2][z];
	for (int x = 0; x < px; x++)
		for (int y = 0; y < py; y++)
			for (int z = 0; z < pz; z++) {
				vd v = gx[x][0] * b[0][y][z] + gx[x][1] * b[1][y][z] + gx[x][2] * b[2][y][z];
				put(u + ((x * py + y) * pz + z) * sp, __builtin_convertvector(v, vf));
			}
}

static void wino_weight_adjoint(wino_tile t, const double *u, float *taps)
{
	int px = t.m[0] + 2, py = t.m[1] + 2, pz = t.m[2] + 2;
	rows gx = t.m[0] == 2 ? G2 : G4, gy = t.m[1] == 2 ? G2 : G4, gz = t.m[2] == 2 ? G2 : G4;
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
extern const kernels JOIN(kernels_, LEVEL);
const kernels JOIN(kernels_, LEVEL) = {
	.level = TEXT(LEVEL),
	.load = load,
	.load_backward = load_backward,
	.moments = moments,
	.wino_input = wino_input,
	.wino_output = wino_output,
	.wino_output_adjoint = wino_output_adjoint,
	.wino_weight = wino_weight,
	.wino_weight_adjoint = wino_weight_adjoint,
	.widen = widen,
	.channels = &JOIN(channel_kernels_, LEVEL),
};

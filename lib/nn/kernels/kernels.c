/* Compiled once per instruction-set level with -DLEVEL=name; see kernels.h for what each function does. Plain loops over vectors
 * of LANES channels: the compiler splits them into whatever the level's registers hold. */
#include <math.h>
#include <string.h>

#include "nn/kernels/channels.h"
#include "nn/kernels/lines.h"

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

INLINE void load_with(float *dst, const float *src, size_t n, int c, int cp, const affine_act *p, enum act act)
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

static void load(float *dst, const float *src, size_t n, int c, int cp, const affine_act *p)
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

static void load_backward(float *dx, bool fresh, const float *d, const float *x, size_t n, int c, const affine_act *p, double *sum_scale,
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

static void wino_input_gathered(const float *patch, size_t sx, size_t sy, size_t sz, int n, float *v, size_t sp)
{
	for (int k = 0; k < n; k += LANES) {
		vf d[4 * 9];
		for (int x = 0; x < 4; x++) {
			vf plane[4 * 4];
			for (int y = 0; y < 4; y++) {
				for (int z = 0; z < 4; z++)
					plane[y * 4 + z] = get(patch + x * sx + y * sy + z * sz + k);
				input_gathered(plane + y * 4, 1);
			}
			for (int z = 0; z < 3; z++) {
				input_gathered(plane + z, 4);
				for (int y = 0; y < 3; y++)
					d[x * 9 + y * 3 + z] = plane[y * 4 + z];
			}
		}
		for (int i = 0; i < 9; i++) {
			input_gathered(d + i, 9);
			for (int x = 0; x < 3; x++)
				put(v + (x * 9 + i) * sp + k, d[x * 9 + i]);
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

/* One output, the sum of all products. */
static void wino_output_gathered(const float *m, size_t sp, int c, int cp, const float *bias, const float *add, float *out)
{
	for (int k = 0; k < cp; k += LANES) {
		vf sum = get(bias + k);
		for (int p = 0; p < 27; p++)
			sum += get(m + p * sp + k);
		for (int l = 0; l < LANES && k + l < c; l++)
			out[k + l] = sum[l] + (add ? add[k + l] : 0);
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
	if (t.m[0] == 1) {
		wino_input_gathered(patch, sx, sy, sz, n, v, sp);
		return;
	}
#define CALL(a, b, c) wino_input_of(a, b, c, patch, sx, sy, sz, n, v, sp)
	EACH_TILE(CALL)
#undef CALL
}

static void wino_output(wino_tile t, const float *m, size_t sp, int c, int cp, const float *bias, const float *add, float *out, size_t ox,
			size_t oy, size_t oz, const int valid[3], double *sums)
{
	if (t.m[0] == 1) {
		wino_output_gathered(m, sp, c, cp, bias, add, out);
		return;
	}
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

INLINE void wino_weight_adjoint_of(const int px, const int py, const int pz, const float *u, size_t up, int shares, size_t own, vf *taps)
{
	vf planes[MOST * 9];
	for (int x = 0; x < px; x++) {
		vf a[MOST * 3];
		for (int y = 0; y < py; y++) {
			vf line[MOST];
			for (int z = 0; z < pz; z++, u += up) {
				line[z] = get(u);
				for (int s = 1; s < shares; s++)
					line[z] += get(u + s * own);
			}
			taps_line(pz, line, 1, a + y * 3, 1);
		}
		for (int z = 0; z < 3; z++)
			taps_line(py, a + z, 3, planes + x * 9 + z, 3);
	}
	for (int i = 0; i < 9; i++)
		taps_line(px, planes + i, 9, taps + i, 9);
}

static void wino_weight_adjoint(wino_tile t, const float *u, size_t up, int shares, size_t own, int n, float *dw, size_t apart)
{
	vf taps[TAPS], tail[LANES];
#define CALL(a, b, c) wino_weight_adjoint_of(a, b, c, u, up, shares, own, taps)
	EACH_TILE(CALL)
#undef CALL
	/* as in wino_taps the last 16 of 27; those that are among the first 16 are added there */
	for (int k = 0; k < LANES; k++) {
		int tap = TAPS - LANES + k;
		tail[k] = (vf){ 0 };
		if (tap >= LANES)
			tail[k] = taps[tap];
	}
	transpose(taps);
	transpose(tail);
	for (int l = 0; l < n; l++, dw += apart) {
		put(dw, get(dw) + taps[l]);
		put(dw + TAPS - LANES, get(dw + TAPS - LANES) + tail[l]);
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

/* What ConvNeXt and attention do along and between channels. Compiled once per instruction-set level with -DLEVEL=name; see kernels.h. */
#include "nn/kernels/channels.h"

#include "nn/kernels/vector.h"

/* ---- normalisation of one voxel over its channels ---- */

INLINE float total(vf v)
{
	float sum = 0;
	for (int l = 0; l < LANES; l++)
		sum += v[l];
	return sum;
}

/* The channels k .. k+LANES of p [c], zeros behind the last. */
INLINE vf part(const float *p, int k, int c) { return c - k < LANES ? get_some(p + k, c - k) : get(p + k); }

INLINE void put_part(float *p, int k, int c, vf v)
{
	if (c - k < LANES)
		put_some(p + k, v, c - k);
	else
		put(p + k, v);
}

static void normalise(float *out, float *stats, const float *x, size_t n, int c, const float *gain, const float *offset, float eps)
{
	for (size_t i = 0; i < n; i++) {
		const float *from = x + i * c;
		vf sum = { 0 }, square = { 0 };
		for (int k = 0; k < c; k += LANES)
			sum += part(from, k, c);
		float mean = total(sum) / (float)c;
		for (int k = 0; k + LANES <= c; k += LANES) {
			vf d = get(from + k) - mean;
			square += d * d;
		}
		float rest = 0;
		for (int k = c / LANES * LANES; k < c; k++)
			rest += (from[k] - mean) * (from[k] - mean);
		float r = 1 / __builtin_sqrtf((total(square) + rest) / (float)c + eps);
		if (stats) {
			stats[2 * i] = mean;
			stats[2 * i + 1] = r;
		}
		for (int k = 0; out && k < c; k += LANES)
			put_part(out + i * c, k, c, (part(from, k, c) - mean) * r * part(gain, k, c) + part(offset, k, c));
	}
}

static void normalise_backward(float *dx, bool fresh, const float *d, const float *x, const float *stats, size_t n, int c,
			       const float *gain)
{
	for (size_t i = 0; i < n; i++) {
		const float *from = x + i * c, *di = d + i * c;
		float mean = stats[2 * i], r = stats[2 * i + 1];
		vf sum = { 0 }, product = { 0 };
		for (int k = 0; k < c; k += LANES) {
			vf through = part(di, k, c) * part(gain, k, c); /* zero behind the last channel */
			sum += through;
			product += through * (part(from, k, c) - mean) * r;
		}
		float a = total(sum) / (float)c, b = total(product) / (float)c;
		for (int k = 0; k < c; k += LANES) {
			vf out = (part(di, k, c) * part(gain, k, c) - a - (part(from, k, c) - mean) * r * b) * r;
			if (!fresh)
				out += part(dx + i * c, k, c);
			put_part(dx + i * c, k, c, out);
		}
	}
}

enum { RUN = 32 }; /* voxels summed in float before going on in double */

static void normalise_gain(const float *d, const float *x, const float *stats, size_t n, int c, double *dgain, double *doffset)
{
	for (int k = 0; k < c; k += LANES)
		for (size_t i0 = 0; i0 < n; i0 += RUN) {
			size_t end = i0 + RUN < n ? i0 + RUN : n;
			vf gain = { 0 }, offset = { 0 };
			for (size_t i = i0; i < end; i++) {
				vf di = part(d + i * c, k, c);
				gain += di * (part(x + i * c, k, c) - stats[2 * i]) * stats[2 * i + 1];
				offset += di;
			}
			for (int l = 0; l < LANES && k + l < c; l++) {
				dgain[k + l] += (double)gain[l];
				doffset[k + l] += (double)offset[l];
			}
		}
}

/* ---- GELU ---- */

/* The normal distribution's upper tail at |x| and its density at x. With t = 1/(1 + |x|/4) the tail is t P(t) exp(-x^2/2); P is the
 * polynomial that interpolates it in 400 Chebyshev points of 0 <= |x| <= 12, to 1e-8. */
INLINE vf tail(vf x, vf *density)
{
	const vf one = (vf){ 0 } + 1.0f;
	vf bell = vexp(-0.5f * x * x), t = one / (one + 0.25f * choose(x < 0, -x, x));
	vf p = one * 0.030389753f;
	p = p * t - 0.175884207f;
	p = p * t + 0.344766727f;
	p = p * t - 0.262775572f;
	p = p * t + 0.242269456f;
	p = p * t + 0.0150695435f;
	p = p * t + 0.108507154f;
	p = p * t + 0.0978160719f;
	p = p * t + 0.0998410682f;
	*density = 0.398942280401432678f * bell;
	return t * p * bell;
}

INLINE vf gelu_of(vf x)
{
	vf density, q = tail(x, &density);
	return x * choose(x < 0, q, 1.0f - q);
}

INLINE vf gelu_slope(vf x)
{
	vf density, q = tail(x, &density);
	return choose(x < 0, q, 1.0f - q) + x * density;
}

static void gelu(float *out, const float *x, const float *bias, size_t n, int c)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < c; k += LANES)
			put_part(out + i * c, k, c, gelu_of(part(x + i * c, k, c) + part(bias, k, c)));
}

static void gelu_backward(float *d, const float *x, const float *bias, size_t n, int c)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < c; k += LANES)
			put_part(d + i * c, k, c, part(d + i * c, k, c) * gelu_slope(part(x + i * c, k, c) + part(bias, k, c)));
}

static void scaled_residual(float *out, const float *x, const float *branch, const float *bias, const float *scale, float keep, size_t n,
			    int c)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < c; k += LANES)
			put_part(out + i * c, k, c,
				 part(x + i * c, k, c) + keep * part(scale, k, c) * (part(branch + i * c, k, c) + part(bias, k, c)));
}

static void add_line(float *dx, const float *x, const float *p, const float *q, size_t n, int c)
{
	for (int k = 0; k < c; k += LANES) {
		vf from = part(p, k, c), slope = part(q, k, c);
		for (size_t i = 0; i < n; i++)
			put_part(dx + i * c, k, c, part(dx + i * c, k, c) + from + slope * part(x + i * c, k, c));
	}
}

/* ---- softmax ---- */

static void softmax(float *x, size_t n, int c, float scale)
{
	for (size_t i = 0; i < n; i++) {
		float *row = x + i * c, most = row[0];
		int whole = c / LANES * LANES;
		if (whole) {
			vf high = get(row);
			for (int k = LANES; k < whole; k += LANES)
				high = choose(get(row + k) > high, get(row + k), high);
			for (int l = 0; l < LANES; l++)
				most = high[l] > most ? high[l] : most;
		}
		for (int k = whole; k < c; k++)
			most = row[k] > most ? row[k] : most;
		vf sum = { 0 };
		for (int k = 0; k < c; k += LANES) {
			put_part(row, k, c, vexp((part(row, k, c) - most) * scale));
			sum += part(row, k, c);
		}
		float over = 1 / total(sum);
		for (int k = 0; k < c; k += LANES)
			put_part(row, k, c, part(row, k, c) * over);
	}
}

static void softmax_backward(float *d, const float *p, size_t n, int c, float scale)
{
	for (size_t i = 0; i < n; i++) {
		float *di = d + i * c;
		const float *pi = p + i * c;
		vf product = { 0 };
		for (int k = 0; k < c; k += LANES)
			product += part(di, k, c) * part(pi, k, c);
		float sum = total(product);
		for (int k = 0; k < c; k += LANES)
			put_part(di, k, c, scale * part(pi, k, c) * (part(di, k, c) - sum));
	}
}

/* ---- depthwise convolution ---- */

/* Outputs of one line that are computed at once: each weight is read once for all of them. */
enum { AT_ONCE = 4 };

static size_t depthwise_frame(int height, int width)
{
	return ((size_t)(height + DEPTHWISE - 1) * (width + DEPTHWISE - 1) + AT_ONCE) * LANES;
}

static void depthwise_load(float *frame, const float *x, int height, int width, int c, int some)
{
	const int border = DEPTHWISE / 2, line = (width + 2 * border) * LANES;
	for (int y = 0; y < height; y++)
		for (int z = 0; z < width; z++) {
			const float *from = x + ((size_t)y * width + z) * c;
			float *to = frame + (size_t)(y + border) * line + (z + border) * LANES;
			put(to, some < LANES ? get_some(from, some) : get(from));
		}
}

static void depthwise(float *out, const float *frame, const float *taps, const float *bias, int height, int width, int c, int some,
		      bool add)
{
	const int line = (width + DEPTHWISE - 1) * LANES;
	const vf b = bias ? get_some(bias, some) : (vf){ 0 };
	for (int y = 0; y < height; y++)
		for (int z = 0; z < width; z += AT_ONCE) {
			vf sum[AT_ONCE];
			for (int i = 0; i < AT_ONCE; i++)
				sum[i] = b;
			for (int ky = 0; ky < DEPTHWISE; ky++) {
				const float *from = frame + (size_t)(y + ky) * line + z * LANES, *w = taps + ky * DEPTHWISE * LANES;
				for (int kz = 0; kz < DEPTHWISE; kz++)
					for (int i = 0; i < AT_ONCE; i++)
						sum[i] += get(w + kz * LANES) * get(from + (kz + i) * LANES);
			}
			/* what lies beyond the width was computed from the next line, or the room behind the last, and is left out */
			for (int i = 0; i < AT_ONCE && z + i < width; i++) {
				float *to = out + ((size_t)y * width + z + i) * c;
				if (add)
					sum[i] += some == LANES ? get(to) : get_some(to, some);
				if (some == LANES)
					put(to, sum[i]);
				else
					put_some(to, sum[i], some);
			}
		}
}

static void depthwise_weight(double *dtaps, const float *frame, const float *d, int height, int width, int c, int some)
{
	const int line = (width + DEPTHWISE - 1) * LANES;
	for (int y = 0; y < height; y++)
		for (int ky = 0; ky < DEPTHWISE; ky++) {
			const float *from = frame + (size_t)(y + ky) * line, *dy = d + (size_t)y * width * c;
			vf sum[DEPTHWISE] = { 0 };
			for (int z = 0; z < width; z++) {
				vf dz = some == LANES ? get(dy + (size_t)z * c) : get_some(dy + (size_t)z * c, some);
				for (int kz = 0; kz < DEPTHWISE; kz++)
					sum[kz] += dz * get(from + (z + kz) * LANES);
			}
			for (int kz = 0; kz < DEPTHWISE; kz++)
				for (int l = 0; l < LANES; l++)
					dtaps[(ky * DEPTHWISE + kz) * LANES + l] += (double)sum[kz][l];
		}
}

extern const channel_kernels JOIN(channel_kernels_, LEVEL);
const channel_kernels JOIN(channel_kernels_, LEVEL) = {
	.normalise = normalise,
	.normalise_backward = normalise_backward,
	.normalise_gain = normalise_gain,
	.gelu = gelu,
	.gelu_backward = gelu_backward,
	.softmax = softmax,
	.softmax_backward = softmax_backward,
	.scaled_residual = scaled_residual,
	.add_line = add_line,
	.depthwise_frame = depthwise_frame,
	.depthwise_load = depthwise_load,
	.depthwise = depthwise,
	.depthwise_weight = depthwise_weight,
};

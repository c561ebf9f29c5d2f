#include "diffusion/between.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* out = p a + q b */
static void combine(float *out, const float *a, const float *b, size_t n, double p, double q)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (float)(p * (double)a[i] + q * (double)b[i]);
}

/* At an end: copies it. */
static bool is_end(float *out, const float *a, const float *b, size_t n, double t)
{
	if (t != 0 && t != 1)
		return false;
	memmove(out, t == 0 ? a : b, n * sizeof *out);
	return true;
}

void between_lerp(float *out, const float *a, const float *b, size_t n, double t)
{
	if (!is_end(out, a, b, n, t))
		combine(out, a, b, n, 1 - t, t);
}

void between_slerp(float *out, const float *a, const float *b, size_t n, double t)
{
	const double straight = 1e-6; /* arc and line differ by the square of the angle: by nothing that a float shows */
	double dot = 0, aa = 0, bb = 0;
	if (is_end(out, a, b, n, t))
		return;
	for (size_t i = 0; i < n; i++) {
		dot += (double)a[i] * (double)b[i];
		aa += (double)a[i] * (double)a[i];
		bb += (double)b[i] * (double)b[i];
	}
	double cosine = aa > 0 && bb > 0 ? fmin(fmax(dot / sqrt(aa) / sqrt(bb), -1), 1) : 1, angle = acos(cosine), s = sin(angle);
	if (s < straight)
		combine(out, a, b, n, 1 - t, t);
	else
		combine(out, a, b, n, sin((1 - t) * angle) / s, sin(t * angle) / s);
}

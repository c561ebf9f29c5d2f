#include "base/half.h"

#include <string.h>

static uint32_t bits_of(float f)
{
	uint32_t u;
	memcpy(&u, &f, sizeof u);
	return u;
}

static float float_of(uint32_t u)
{
	float f;
	memcpy(&f, &u, sizeof f);
	return f;
}

float half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
	if (exponent == 31)
		return float_of(sign | 0x7F800000u | fraction << 13);
	if (exponent)
		return float_of(sign | (exponent + 112) << 23 | fraction << 13);
	/* zero and subnormals: fraction * 2^-24, exact in a float */
	float f = (float)fraction * 0x1p-24f;
	return sign ? -f : f;
}

uint16_t half_from_float(float f)
{
	uint32_t u = bits_of(f), sign = u >> 16 & 0x8000, a = u & 0x7FFFFFFF;
	if (a > 0x7F800000)
		return (uint16_t)(sign | 0x7E00 | (a >> 13 & 0x3FF));
	if (a >= 0x47800000)
		return (uint16_t)(sign | 0x7C00);
	if (a < 0x33000000) /* below half of the smallest subnormal, 2^-25 */
		return (uint16_t)sign;
	if (a < 0x38800000) {
		/* a subnormal: shift the 24-bit significand so that its unit is 2^-24; a carry makes the smallest normal by itself */
		uint32_t shift = 126 - (a >> 23), m = (a & 0x7FFFFF) | 0x800000;
		uint32_t kept = m >> shift, rest = m & ((1u << shift) - 1), middle = 1u << (shift - 1);
		return (uint16_t)(sign | (kept + (rest > middle || (rest == middle && (kept & 1)))));
	}
	/* rebias the exponent; the carry of the rounding may run into it, and from the largest to infinity */
	uint32_t kept = (a >> 13) - (112u << 10), rest = a & 0x1FFF;
	return (uint16_t)(sign | (kept + (rest > 0x1000 || (rest == 0x1000 && (kept & 1)))));
}

float bf16_to_float(uint16_t b) { return float_of((uint32_t)b << 16); }

uint16_t bf16_from_float(float f)
{
	uint32_t u = bits_of(f);
	if ((u & 0x7FFFFFFF) > 0x7F800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

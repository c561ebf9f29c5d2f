#include "format/dtype.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays on disk are little-endian, and used as they are");

static const struct {
	const char *name;
	size_t size;
} types[] = {
	[DTYPE_F32] = { "f32", 4 }, [DTYPE_F16] = { "f16", 2 }, [DTYPE_BF16] = { "bf16", 2 }, [DTYPE_F64] = { "f64", 8 },
	[DTYPE_I8] = { "i8", 1 },   [DTYPE_I16] = { "i16", 2 }, [DTYPE_I32] = { "i32", 4 },   [DTYPE_I64] = { "i64", 8 },
	[DTYPE_U8] = { "u8", 1 },   [DTYPE_U16] = { "u16", 2 }, [DTYPE_U32] = { "u32", 4 },   [DTYPE_U64] = { "u64", 8 },
};
enum { TYPES = sizeof types / sizeof *types };

const char *dtype_name(enum dtype t) { return types[t].name; }
size_t dtype_size(enum dtype t) { return types[t].size; }

enum dtype dtype_of_name(const char *name)
{
	for (int t = DTYPE_UNKNOWN + 1; t < TYPES; t++)
		if (!strcmp(name, types[t].name))
			return (enum dtype)t;
	return DTYPE_UNKNOWN;
}

static float float_of_bits(uint32_t u)
{
	float f;
	memcpy(&f, &u, sizeof f);
	return f;
}

static uint32_t bits_of_float(float f)
{
	uint32_t u;
	memcpy(&u, &f, sizeof u);
	return u;
}

static float half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ff;
	if (exponent == 31)
		return float_of_bits(sign | 0x7f800000 | mantissa << 13);
	if (exponent == 0)
		return float_of_bits(sign | bits_of_float((float)mantissa * 0x1p-24f));
	return float_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

static uint16_t half_of_float(float f)
{
	uint32_t u = bits_of_float(f), sign = u >> 16 & 0x8000, size = u & 0x7fffffff;
	if (size > 0x7f800000)
		return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x1ff));
	if (size >= bits_of_float(65520.f)) /* halfway to 65536, a tie that goes up */
		return (uint16_t)(sign | 0x7c00);
	if (size < bits_of_float(0x1p-14f)) /* the sum has the unit 2^-24 of a subnormal half: the addition rounds */
		return (uint16_t)(sign | (bits_of_float(float_of_bits(size) + .5f) - bits_of_float(.5f)));
	return (uint16_t)(sign | (size + 0xfff + (size >> 13 & 1) - (112u << 23)) >> 13);
}

static uint16_t bf16_of_float(float f)
{
	uint32_t u = bits_of_float(f);
	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static double element(const unsigned char *p, enum dtype t)
{
	union {
		double f64;
		float f32;
		int8_t i8;
		int16_t i16;
		int32_t i32;
		int64_t i64;
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} v;
	memcpy(&v, p, types[t].size);
	switch (t) {
	case DTYPE_F32:
		return v.f32;
	case DTYPE_F16:
		return half_to_float(v.u16);
	case DTYPE_BF16:
		return float_of_bits((uint32_t)v.u16 << 16);
	case DTYPE_F64:
		return v.f64;
	case DTYPE_I8:
		return v.i8;
	case DTYPE_I16:
		return v.i16;
	case DTYPE_I32:
		return v.i32;
	case DTYPE_I64:
		return (double)v.i64;
	case DTYPE_U8:
		return v.u8;
	case DTYPE_U16:
		return v.u16;
	case DTYPE_U32:
		return v.u32;
	case DTYPE_U64:
		return (double)v.u64;
	case DTYPE_UNKNOWN:
		break;
	}
	return NAN;
}

void dtype_to_double(double *dst, const void *src, enum dtype t, size_t n)
{
	const unsigned char *p = src;
	for (size_t i = 0; i < n; i++)
		dst[i] = element(p + i * types[t].size, t);
}

void dtype_to_float(float *dst, const void *src, enum dtype t, size_t n)
{
	const unsigned char *p = src;
	if (t == DTYPE_F32)
		memcpy(dst, src, n * sizeof *dst);
	else
		for (size_t i = 0; i < n; i++)
			dst[i] = (float)element(p + i * types[t].size, t);
}

int dtype_from_float(void *dst, enum dtype t, const float *src, size_t n, err *e)
{
	if (t == DTYPE_F32) {
		memcpy(dst, src, n * sizeof *src);
	} else if (t == DTYPE_F64) {
		double *out = dst;
		for (size_t i = 0; i < n; i++)
			out[i] = src[i];
	} else if (t == DTYPE_F16 || t == DTYPE_BF16) {
		uint16_t *out = dst, infinite = t == DTYPE_F16 ? 0x7c00 : 0x7f80;
		for (size_t i = 0; i < n; i++) {
			out[i] = t == DTYPE_F16 ? half_of_float(src[i]) : bf16_of_float(src[i]);
			if ((out[i] & 0x7fff) == infinite && !isinf(src[i]))
				return err_set(e, ERR_DATA, "value %g is too large for %s", (double)src[i], types[t].name);
		}
	} else {
		return err_set(e, ERR_BUG, "floats cannot be stored as %s", t ? types[t].name : "an unknown type");
	}
	return 0;
}

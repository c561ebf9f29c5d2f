#include "nii/type.h"

#include <float.h>
#include <nifti2_io.h>
#include <stdint.h>
#include <string.h>

/* Each pair below differs in the type alone, but for the last. */

static double load_uint8(const unsigned char *p)
{
	uint8_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_uint8(unsigned char *p, double v)
{
	uint8_t stored = (uint8_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_int8(const unsigned char *p)
{
	int8_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_int8(unsigned char *p, double v)
{
	int8_t stored = (int8_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_int16(const unsigned char *p)
{
	int16_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_int16(unsigned char *p, double v)
{
	int16_t stored = (int16_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_uint16(const unsigned char *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_uint16(unsigned char *p, double v)
{
	uint16_t stored = (uint16_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_int32(const unsigned char *p)
{
	int32_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_int32(unsigned char *p, double v)
{
	int32_t stored = (int32_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_uint32(const unsigned char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_uint32(unsigned char *p, double v)
{
	uint32_t stored = (uint32_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_int64(const unsigned char *p)
{
	int64_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_int64(unsigned char *p, double v)
{
	int64_t stored = (int64_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_uint64(const unsigned char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_uint64(unsigned char *p, double v)
{
	uint64_t stored = (uint64_t)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_float32(const unsigned char *p)
{
	float v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_float32(unsigned char *p, double v)
{
	float stored = (float)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_float64(const unsigned char *p)
{
	double v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

static void store_float64(unsigned char *p, double v)
{
	double stored = (double)v;
	memcpy(p, &stored, sizeof stored);
}

static double load_float128(const unsigned char *p)
{
	long double v;
	memcpy(&v, p, sizeof v);
	return (double)v;
}

/* On x86 ten of the sixteen bytes count; the others shall not be whatever was in memory. */
static void store_float128(unsigned char *p, double v)
{
	long double stored = (long double)v;
	memset(p, 0, sizeof stored);
	memcpy(p, &stored, LDBL_MANT_DIG == 64 ? 10 : sizeof stored);
}

/* The bounds of the 64-bit types are the last doubles within them. A float128 is this machine's long double, as other readers have it. */
static const nii_type types[] = {
	{ DT_UINT8, sizeof(uint8_t), "uint8", true, 0, UINT8_MAX, load_uint8, store_uint8 },
	{ DT_INT8, sizeof(int8_t), "int8", true, INT8_MIN, INT8_MAX, load_int8, store_int8 },
	{ DT_INT16, sizeof(int16_t), "int16", true, INT16_MIN, INT16_MAX, load_int16, store_int16 },
	{ DT_UINT16, sizeof(uint16_t), "uint16", true, 0, UINT16_MAX, load_uint16, store_uint16 },
	{ DT_INT32, sizeof(int32_t), "int32", true, INT32_MIN, INT32_MAX, load_int32, store_int32 },
	{ DT_UINT32, sizeof(uint32_t), "uint32", true, 0, UINT32_MAX, load_uint32, store_uint32 },
	{ DT_INT64, sizeof(int64_t), "int64", true, INT64_MIN, 9223372036854774784.0, load_int64, store_int64 },
	{ DT_UINT64, sizeof(uint64_t), "uint64", true, 0, 18446744073709549568.0, load_uint64, store_uint64 },
	{ DT_FLOAT32, sizeof(float), "float32", false, 0, 0, load_float32, store_float32 },
	{ DT_FLOAT64, sizeof(double), "float64", false, 0, 0, load_float64, store_float64 },
	{ DT_FLOAT128, sizeof(long double), "float128", false, 0, 0, load_float128, store_float128 },
};

const nii_type *nii_type_find(int code)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].code == code && (code != DT_FLOAT128 || types[i].size == 16))
			return &types[i];
	return NULL;
}

#include "base/philox.h"

#include <math.h>

philox philox_make(uint64_t seed, uint64_t stream)
{
	return (philox){ { (uint32_t)seed, (uint32_t)(seed >> 32) }, { (uint32_t)stream, (uint32_t)(stream >> 32) } };
}

uint64_t philox_hash(const char *text)
{
	uint64_t h = 0xCBF29CE484222325u;
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001B3u;
	return h;
}

void philox_block(philox p, uint64_t i, uint32_t out[4])
{
	uint32_t c0 = (uint32_t)i, c1 = (uint32_t)(i >> 32), c2 = p.ctr[0], c3 = p.ctr[1], k0 = p.key[0], k1 = p.key[1];
	for (int round = 0; round < 10; round++) {
		uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
		uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0, n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
		c1 = (uint32_t)b;
		c3 = (uint32_t)a;
		c0 = n0;
		c2 = n2;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

static double unit(uint32_t hi, uint32_t lo)
{
	return (double)((((uint64_t)hi << 32) | lo) >> 11) * 0x1p-53;
}

double philox_uniform(philox p, uint64_t i)
{
	uint32_t b[4];
	philox_block(p, i, b);
	return unit(b[0], b[1]);
}

double philox_normal(philox p, uint64_t i)
{
	uint32_t b[4];
	philox_block(p, i, b);
	return sqrt(-2 * log(1 - unit(b[0], b[1]))) * cos(2 * M_PI * unit(b[2], b[3]));
}

#include "diffusion/noise.h"

#include "base/philox.h"

void noise_draw(float *v, size_t n, uint64_t seed, const char *id, uint32_t variation)
{
	philox p = philox_make(seed, philox_hash(id));
	/* the numbers from 0 on are those that a latent is drawn from its posterior with: with one seed for both they would be the same */
	uint64_t first = ((uint64_t)variation + 1) << 32;
	for (size_t i = 0; i < n; i++)
		v[i] = (float)philox_normal(p, first + i);
}

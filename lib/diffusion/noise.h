/* Drawn noise. */
#ifndef DIFFUSION_NOISE_H
#define DIFFUSION_NOISE_H

#include <stddef.h>
#include <stdint.h>

/* n independent standard normal numbers, a function of seed, record id, variation (0, 1, ..) and place alone: not of where in a stream the
 * record stands, or every process of a parallel run would draw the same. */
void noise_draw(float *v, size_t n, uint64_t seed, const char *id, uint32_t variation);

#endif

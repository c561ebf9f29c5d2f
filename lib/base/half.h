/* 16-bit floating point, converted by integer arithmetic, so that every processor gives the same bits. */
#ifndef BASE_HALF_H
#define BASE_HALF_H

#include <stdint.h>

/* IEEE 754 binary16. To f16: round to nearest, ties to even; what is too large becomes infinity, a NaN stays one. */
float half_to_float(uint16_t h);
uint16_t half_from_float(float f);

/* bfloat16: the upper half of a float. To bf16: round to nearest, ties to even. */
float bf16_to_float(uint16_t b);
uint16_t bf16_from_float(float f);

#endif

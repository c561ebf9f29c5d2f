/* The shape of a value: b volumes of x*y*z voxels with c channels each; channel-last in memory: element ((((b*X + x)*Y + y)*Z + z)*C + c).
 */
#ifndef NN_SHAPE_H
#define NN_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct shape {
	int b, x, y, z, c;
} shape;

size_t shape_count(shape s);
size_t shape_voxels(shape s); /* of one volume */
bool shape_equal(shape a, shape b);
/* Sizes come from files: are all positive, and is the product small enough to be thought of? */
bool shape_is_sane(shape s);

#endif

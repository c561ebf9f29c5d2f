#include "nn/shape.h"

size_t shape_count(shape s) { return (size_t)s.b * s.x * s.y * s.z * s.c; }

size_t shape_voxels(shape s) { return (size_t)s.x * s.y * s.z; }

bool shape_equal(shape a, shape b) { return a.b == b.b && a.x == b.x && a.y == b.y && a.z == b.z && a.c == b.c; }

/* Five factors of at most 2^31 each must not wrap. */
bool shape_is_sane(shape s)
{
	const int n[5] = { s.b, s.x, s.y, s.z, s.c };
	size_t total = sizeof(float);
	for (int i = 0; i < 5; i++)
		if (n[i] < 1 || __builtin_mul_overflow(total, (size_t)n[i], &total))
			return false;
	return total < (size_t)1 << 46;
}

#include "volume/percentile.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* The element of rank k (0 is the least) of v, which is reordered so that what follows it is no less. Hoare's "find". */
static float element_of_rank(float *v, size_t n, size_t k)
{
	long low = 0, high = (long)n - 1, want = (long)k;
	while (low < high) {
		float pivot = v[low + (high - low) / 2];
		long i = low, j = high;
		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j) {
				float t = v[i];
				v[i++] = v[j];
				v[j--] = t;
			}
		}
		if (want <= j)
			high = j;
		else if (want >= i)
			low = i;
		else
			break;
	}
	return v[want];
}

double percentile(float *v, size_t n, double q)
{
	double rank = q * (double)(n - 1);
	size_t k = (size_t)rank;
	double low = element_of_rank(v, n, k), next = low;
	if (k + 1 < n) {
		next = v[k + 1];
		for (size_t i = k + 2; i < n; i++)
			next = fmin(next, v[i]);
	}
	return low + (rank - (double)k) * (next - low);
}

int span_of(double span[2], const float *v, size_t n, err *e)
{
	float *kept;
	size_t count = 0;
	int code = mem_zero(&kept, n, sizeof *kept, "percentile", e);
	if (code)
		return code;
	for (size_t i = 0; i < n; i++)
		if (v[i] != 0)
			kept[count++] = v[i];
	span[0] = count ? fmin(percentile(kept, count, .001), 0) : 0;
	span[1] = count ? fmax(percentile(kept, count, .999), 0) : 0;
	free(kept);
	return 0;
}

#include "realism/diversity.h"

#include "realism/choose.h"
#include "volume/score.h"

int diversity_of(double *out, const scans *s, uint64_t seed, err *e)
{
	size_t pair[DIVERSITY_PAIRS][2], count = choose_pairs(pair, DIVERSITY_PAIRS, s->count, philox_make(seed, philox_hash("pairs")));
	double sum = 0, one;
	int code = count ? 0 : err_set(e, ERR_DATA, "%zu scans make no pair", s->count);
	for (size_t i = 0; !code && i < count; i++) {
		code = score_ms_ssim_of(&one, scans_at(s, pair[i][0]), scans_at(s, pair[i][1]), s->n, DIVERSITY_SCALES, DIVERSITY_WINDOW, 1,
					e);
		if (!code)
			sum += one;
	}
	if (!code)
		*out = sum / (double)count;
	return code;
}

#include "baseline/trial.h"

#include "diffusion/noise.h"

int trial_time(const trial *t, int i) { return (2 * i + 1) * t->schedule->timesteps / (2 * TRIAL_TIMES); }

void trial_set(const trial *t, float *v, float *noise, const float *z, const char *id, int time, enum trial_use use)
{
	const double signal = schedule_signal(t->schedule, time), sd = schedule_noise(t->schedule, time);
	noise_draw(noise, t->count, t->seed, id, (uint32_t)(2 * time) + (use == TRIAL_TEACHES));
	for (size_t i = 0; i < t->count; i++)
		v[i] = (float)(signal * scaling_apply(&t->scaling, (double)z[i], i) + sd * (double)noise[i]);
}

double trial_error(const trial *t, const float *noise, const float *predicted)
{
	double sum = 0;
	for (size_t i = 0; i < t->count; i++) {
		double miss = (double)noise[i] - (double)predicted[i];
		sum += (t->weight ? (double)t->weight[i] : 1) * miss * miss;
	}
	return sum / (double)t->count;
}

trial_score trial_sum(const trial *t, const double error[TRIAL_TIMES])
{
	trial_score s = { .weighted = 0 };
	for (int i = 0; i < TRIAL_TIMES; i++) {
		s.fifth[i * TRIAL_FIFTHS / TRIAL_TIMES] += error[i] * TRIAL_FIFTHS / TRIAL_TIMES;
		s.weighted += error[i] * schedule_p2_weight(t->schedule, trial_time(t, i), .001, .5) / TRIAL_TIMES;
	}
	return s;
}

/* Autoencoders whose latents are anchored to the principal components of blocks. */
#include "../unit.h"

#include <math.h>

#include "base/philox.h"
#include "model/autoencoder.h"
#include "train/anchor.h"

enum { SIDE = 16, FACTOR = 4, BLOCK = 64, GRID = 4, LATENT = 6, SCANS = 5 };

static const ae_config CONFIG = {
	.levels = 2,
	.channels = { 8, 8 },
	.latent_channels = LATENT,
	.image_channels = 1,
	.res_blocks = 1,
	.groups = 4,
	.patch = 2,
	.anchored = true,
};

static float x[SCANS][SIDE][SIDE][SIDE];
static dataset_scan scans[SCANS];
static size_t train[SCANS - 1];

/* Smooth scans, of which the first planes are empty; the last is not trained on. */
static dataset make_scans(void)
{
	for (int s = 0; s < SCANS; s++) {
		philox r = philox_make(1, (uint64_t)s);
		for (int i = FACTOR; i < SIDE; i++)
			for (int j = 0; j < SIDE; j++)
				for (int k = 0; k < SIDE; k++)
					x[s][i][j][k] =
						(float)(.5 + .2 * sin(i * philox_uniform(r, 0) + 1) * cos(j * philox_uniform(r, 1)) +
							.2 * sin(k * philox_uniform(r, 2) + i * .3));
		scans[s] = (dataset_scan){ .x = &x[s][0][0][0] };
		if (s < SCANS - 1)
			train[s] = (size_t)s;
	}
	return (dataset){ .n = { SIDE, SIDE, SIDE }, .voxels = SIDE * SIDE * SIDE, .scans = scans, .count = SCANS, .train = train,
			  .n_train = SCANS - 1 };
}

/* The latent's channel of block (bi,bj,bk) by the definition: voxels of a patch together, patches of a block one after the other. */
static double along(const param *w, int channel, int s, int bi, int bj, int bk)
{
	double sum = 0;
	int at = 0;
	for (int pi = 0; pi < 2; pi++)
		for (int pj = 0; pj < 2; pj++)
			for (int pk = 0; pk < 2; pk++)
				for (int i = 0; i < 2; i++)
					for (int j = 0; j < 2; j++)
						for (int k = 0; k < 2; k++, at++)
							sum += (double)w->v[channel * BLOCK + at] *
							       (double)x[s][bi * FACTOR + pi * 2 + i][bj * FACTOR + pj * 2 + j]
									[bk * FACTOR + pk * 2 + k];
	return sum;
}

static void components(void **state)
{
	(void)state;
	err e = { 0 };
	model_config m = { .volume = { SIDE, SIDE, SIDE }, .autoencoder = CONFIG };
	const dataset d = make_scans();
	param_table table = { 0 };
	params p = { 0 };
	SUCCEEDS(autoencoder_table(&CONFIG, &table, &e));
	SUCCEEDS(table_fresh(&table, 3, &p, &e));
	SUCCEEDS(anchor_learn(&p, &m, &d, &e));
	const param *encode = params_find(&p, "components.encode.weight"), *decode = params_find(&p, "components.decode.weight");
	assert_true(encode->n[0] == LATENT && encode->n[1] == BLOCK && decode->n[0] == BLOCK && decode->n[1] == LATENT);
	for (int a = 0; a < LATENT; a++)
		for (int b = 0; b < LATENT; b++) {
			double sum = 0;
			for (int i = 0; i < BLOCK; i++)
				sum += (double)encode->v[a * BLOCK + i] * (double)decode->v[i * LATENT + b];
			assert_true(fabs(sum - (a == b)) < 1e-5);
		}
	double square = 0, before = INFINITY;
	for (int c = 0; c < LATENT; c++) {
		double own = 0;
		for (int s = 0; s < SCANS - 1; s++)
			for (int b = GRID * GRID; b < GRID * GRID * GRID; b++)
				own += pow(along(encode, c, s, b / GRID / GRID, b / GRID % GRID, b % GRID), 2);
		assert_true(own < before);
		before = own;
		square += own / LATENT / (SCANS - 1) / (GRID * GRID * (GRID - 1));
	}
	assert_true(fabs(square - 1) < 1e-4);

	/* a network that has learned nothing yet gives the components, and what they say of the scan */
	enum { VOXELS = SIDE * SIDE * SIDE, BLOCKS = GRID * GRID * GRID };
	static float z[LATENT][BLOCKS], out[VOXELS], again[LATENT][BLOCKS];
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 2);
	layer *in = graph_input(g, (shape){ 1, SIDE, SIDE, SIDE, 1 }), *log_var;
	layer *mean = graph_keep(autoencoder_encode(g, &CONFIG, in, &log_var)), *recon = graph_keep(autoencoder_decode(g, &CONFIG, mean)),
	      *second = graph_keep(autoencoder_encode(g, &CONFIG, recon, NULL));
	assert_true(shape_equal(graph_shape(mean), (shape){ 1, GRID, GRID, GRID, LATENT }));
	assert_true(shape_equal(graph_shape(log_var), graph_shape(mean)));
	assert_true(shape_equal(graph_shape(recon), graph_shape(in)));
	SUCCEEDS(graph_bind(g, (params *[]){ &p }, 1, &e));
	SUCCEEDS(graph_settle(g, &e));
	SUCCEEDS(graph_open(g, &e));
	graph_write(g, in, &x[SCANS - 1][0][0][0]);
	SUCCEEDS(graph_forward(g, &e));
	graph_read(g, mean, &z[0][0]);
	graph_read(g, recon, out);
	graph_read(g, second, &again[0][0]);
	graph_free(g);
	double missed = 0, whole = 0;
	for (size_t i = 0; i < VOXELS; i++) {
		const double own = (double)(&x[SCANS - 1][0][0][0])[i];
		missed += pow((double)out[i] - own, 2);
		whole += own * own;
	}
	assert_true(missed < .02 * whole && missed > 1e-6 * whole);
	for (int b = 0; b < BLOCKS; b++)
		for (int k = 0; k < LATENT; k++) {
			const float v = z[k][b];
			assert_true(fabs((double)v - along(encode, k, SCANS - 1, b / GRID / GRID, b / GRID % GRID, b % GRID)) < 1e-5);
			assert_true(fabs((double)(again[k][b] - v)) < 1e-5);
			assert_true(b >= GRID * GRID || v == 0);
		}
	table_free(&table);
	params_free(&p);
}

static void refusals(void **state)
{
	(void)state;
	err e = { 0 };
	model_config m = { .volume = { SIDE, SIDE, SIDE }, .autoencoder = CONFIG };
	dataset d = make_scans();
	param_table table = { 0 };
	params p = { 0 };
	SUCCEEDS(autoencoder_table(&CONFIG, &table, &e));
	SUCCEEDS(table_fresh(&table, 3, &p, &e));
	memset(x, 0, sizeof x);
	FAILS(ERR_DATA, "", anchor_learn(&p, &m, &d, &e));
	table_free(&table);
	params_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(components), cmocka_unit_test(refusals) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

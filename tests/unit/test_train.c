/* Optimiser, moving averages, checkpoints, log. */
#include "../unit.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/threads.h"
#include "format/safetensors.h"
#include "train/checkpoint.h"
#include "train/ema.h"
#include "train/log.h"
#include "train/optimiser.h"
#include "train/learning_rate.h"
#include "train/state.h"
#include "train/stop.h"

static void add(params *ps, const char *name, int64_t n, const float *v)
{
	err e = { 0 };
	param *p = NULL;
	SUCCEEDS(params_add(ps, name, 1, &n, &p, &e));
	for (int64_t i = 0; v && i < n; i++)
		p->v[i] = v[i];
}

static void near(float got, double want) { assert_true(fabs(got - want) <= 2e-7 * fmax(1, fabs(want))); }

/* Three steps of torch.optim.Adam (lr .01) after clip_grad_norm_ to 5, PyTorch 1.13. */
static void adam_like_pytorch(void **state)
{
	(void)state;
	static const float p[4] = { 1, -2, .5f, 3 }, q[2] = { .25f, 0 };
	static const float gp[3][4] = { { 3, -4, .5f, 0 }, { -1, 2, .25f, 0 }, { .1f, .1f, -.1f, 1e-9f } };
	static const float gq[3][2] = { { 1e-3f, 12 }, { -2e-3f, .5f }, { 0, -3 } };
	static const double norm[3] = { 13.009612083435059, 2.304887056350708, 3.004995822906494 };
	static const double wp[3][4] = { { .99000001, -1.99000001, .49000001, 3 },
					 { .989816189, -1.99181867, .480016857, 3 },
					 { .989256382, -1.99347663, .474593699, 2.99965119 } };
	static const double wq[3][2] = { { .240000263, -.00999999885 }, { .246044144, -.0174639504 }, { .25071606, -.0188359655 } };
	err e = { 0 };
	params ps = { 0 };
	optimiser a;
	add(&ps, "p", 4, p);
	add(&ps, "frozen", 1, q);
	add(&ps, "q", 2, q);
	ps.p[1].counter = true;
	SUCCEEDS(params_with_gradients(&ps, &e));
	SUCCEEDS(optimiser_init(&a, RULE_ADAM, 1, &ps, &e));
	assert_null(a.m[1]);
	for (int step = 0; step < 3; step++) {
		memcpy(ps.p[0].g, gp[step], sizeof gp[step]);
		memcpy(ps.p[2].g, gq[step], sizeof gq[step]);
		double n = gradient_norm(&ps);
		assert_true(fabs(n / norm[step] - 1) < 1e-6);
		SUCCEEDS(optimiser_step(&a, &ps, .01, clip_factor(n, 5), &e));
		for (int i = 0; i < 4; i++)
			near(ps.p[0].v[i], wp[step][i]);
		for (int i = 0; i < 2; i++)
			near(ps.p[2].v[i], wq[step][i]);
		assert_true(ps.p[1].v[0] == .25f);
	}
	assert_int_equal(a.step, 3);
	assert_true(clip_factor(4, 5) == 1 && clip_factor(400, 0) == 1);
	assert_true(clip_factor(10, 5) == 5 / (10 + 1e-6));
	optimiser_free(&a);
	params_free(&ps);
}

/* Large enough to be shared out among threads: the same bits with one and with two. */
static void any_threads(void **state)
{
	(void)state;
	enum { N = 100003 };
	float *kept[2] = { 0 };
	double norm[2];
	for (int run = 0; run < 2; run++) {
		err e = { 0 };
		params ps = { 0 }, ema;
		optimiser a;
		threads_set(run + 1);
		add(&ps, "p", N, NULL);
		SUCCEEDS(params_with_gradients(&ps, &e));
		for (int i = 0; i < N; i++) {
			ps.p[0].v[i] = sinf((float)i);
			ps.p[0].g[i] = cosf(3 * (float)i);
		}
		SUCCEEDS(ema_init(&ema, &ps, &e));
		SUCCEEDS(optimiser_init(&a, RULE_ADAM, 1, &ps, &e));
		norm[run] = gradient_norm(&ps);
		for (int step = 0; step < 3; step++) {
			SUCCEEDS(optimiser_step(&a, &ps, .01, .5, &e));
			ema_update(&ema, &ps, .9, 100);
		}
		kept[run] = malloc(2 * N * sizeof(float));
		assert_non_null(kept[run]);
		memcpy(kept[run], ps.p[0].v, N * sizeof(float));
		memcpy(kept[run] + N, ema.p[0].v, N * sizeof(float));
		optimiser_free(&a);
		params_free(&ps);
		params_free(&ema);
	}
	assert_memory_equal(kept[0], kept[1], 2 * N * sizeof(float));
	assert_true(norm[0] == norm[1]);
	free(kept[0]);
	free(kept[1]);
}

/* What the iteration makes of a singular value. */
static double toward_one(double s)
{
	for (int i = 0; i < 5; i++)
		s = 3.4445 * s - 4.7750 * s * s * s + 2.0315 * s * s * s * s * s;
	return s;
}

/* Gradients whose singular values are known: entry (i,i) is i+1, but for the sign. */
static void check_muon(int rows, int cols)
{
	err e = { 0 };
	params ps = { 0 };
	optimiser o;
	param *w;
	int r = rows < cols ? rows : cols;
	double size = 0, rate = .01 * sqrt((double)rows / cols) * (rows == 1 ? .25 : 1);
	SUCCEEDS(params_add(&ps, "w", 2, (int64_t[]){ rows, cols }, &w, &e));
	add(&ps, "b", 1, (const float[]){ 1 });
	SUCCEEDS(params_with_gradients(&ps, &e));
	SUCCEEDS(optimiser_init(&o, RULE_MUON, .02, &ps, &e));
	assert_true(o.m[0] && !o.v[0] && o.m[1] && o.v[1]);
	w = &ps.p[0];
	for (int i = 0; i < r; i++)
		size += (i + 1) * (i + 1);
	for (int step = 0; step < 2; step++) {	/* all of the momentum points the same way */
		for (int i = 0; i < r; i++)
			w->g[i * cols + i] = (float)(i % 2 ? -(i + 1) : i + 1) * (step ? 1e-3f : 10);
		ps.p[1].g[0] = 5;
		SUCCEEDS(optimiser_step(&o, &ps, .01, 1, &e));
	}
	for (int i = 0; i < rows; i++)
		for (int k = 0; k < cols; k++) {
			double want = i == k ? -2 * rate * toward_one((i + 1) / sqrt(size)) * (i % 2 ? -1 : 1) : 0;
			assert_true(fabs((double)w->v[i * cols + k] - want) < 2e-6 * rate);
		}
	assert_true(fabsf(o.m[0][0] - (.9f * 10 + 1e-3f)) < 1e-5f);
	near(ps.p[1].v[0], 1 - 2 * .01 * .02);	/* Adam at its own rate */
	optimiser_free(&o);
	params_free(&ps);
}

static void muon(void **state)
{
	(void)state;
	check_muon(3, 7);
	check_muon(7, 3);
	check_muon(1, 27);
	check_muon(5, 5);
}

/* torch.optim.lr_scheduler.CosineAnnealingLR, lr .1, T_max 10; warm-up in front. */
static void schedules(void **state)
{
	(void)state;
	static const double want[11] = { .1, .09755282581475769, .09045084971874738, .07938926261462367, .06545084971874739, .05,
					 .03454915028125264, .020610737385376353, .009549150281252635, .002447174185242324, 0 };
	lr_schedule s = { .lr = .1, .total = 10, .kind = LR_COSINE },
		    c = { .lr = .1, .warmup = 4, .total = 14, .kind = LR_COSINE };
	for (int i = 0; i < 11; i++) {
		assert_true(fabs(lr_at(&s, i) - want[i]) < 1e-15);
		assert_true(fabs(lr_at(&c, i + 4) - want[i]) < 1e-15);
	}
	assert_true(lr_at(&s, 11) == lr_at(&s, 10) && lr_at(&c, 99) == 0);
	for (int i = 0; i < 4; i++)
		assert_true(fabs(lr_at(&c, i) - .025 * (i + 1)) < 1e-15);
	c.kind = LR_CONSTANT;
	assert_true(lr_at(&c, 4) == .1 && lr_at(&c, 1000) == .1 && lr_at(&c, 0) == .025);
}

static void moving_average(void **state)
{
	(void)state;
	err e = { 0 };
	params ps = { 0 }, ema;
	add(&ps, "w", 2, (const float[]){ 1, -1 });
	add(&ps, "count", 1, (const float[]){ 5 });
	ps.p[1].counter = true;
	SUCCEEDS(ema_init(&ema, &ps, &e));
	assert_true(ema.p[0].v != ps.p[0].v && ema.p[0].v[1] == -1 && ema.p[1].counter && !ema.p[0].g);
	ps.p[0].v[0] = 3;
	ps.p[1].v[0] = 6;
	ema_update(&ema, &ps, .999, 0); /* at first the decay is .1 */
	near(ema.p[0].v[0], 1 + .9 * 2);
	assert_true(ema.p[0].v[1] == -1 && ema.p[1].v[0] == 6);
	ema_update(&ema, &ps, .75, 1000);
	near(ema.p[0].v[0], 2.8 + .25 * .2);
	params_free(&ps);
	params_free(&ema);
}

enum { AUTOENCODER, DISCRIMINATOR, PARTS };

typedef struct run {
	train_part parts[PARTS];
} run;

static void run_make(run *r, int64_t last)
{
	err e = { 0 };
	train_part *a = &r->parts[AUTOENCODER], *d = &r->parts[DISCRIMINATOR];
	*a = (train_part){ .name = "autoencoder", .averaged = true, .optimiser = { .rule = RULE_ADAM, .vectors = 1 } };
	*d = (train_part){ .name = "discriminator", .optimiser = { .rule = RULE_ADAM, .vectors = 1 } };
	add(&a->weights, "conv.weight", 6, NULL);
	add(&a->weights, "norm.bias", last, NULL);
	add(&d->weights, "conv.weight", 2, NULL);
	add(&d->weights, "count", 1, NULL);
	d->weights.p[1].counter = true;
	for (int i = 0; i < PARTS; i++) {
		SUCCEEDS(params_with_gradients(&r->parts[i].weights, &e));
		SUCCEEDS(part_begin(&r->parts[i], &e));
	}
	assert_true(a->ema.n == 2 && !d->ema.n);
}

static void run_free(run *r)
{
	for (int i = 0; i < PARTS; i++)
		part_free(&r->parts[i]);
}

static void run_steps(run *r, int from, int to)
{
	err e = { 0 };
	train_part *a = &r->parts[AUTOENCODER], *d = &r->parts[DISCRIMINATOR];
	for (int step = from; step < to; step++) {
		for (int i = 0; i < 6; i++)
			a->weights.p[0].g[i] = sinf((float)(step * 7 + i));
		a->weights.p[1].g[0] = cosf((float)step);
		d->weights.p[0].g[1] = (float)step / 3;
		d->weights.p[1].v[0] = (float)step;
		SUCCEEDS(optimiser_step(&a->optimiser, &a->weights, .01, 1, &e));
		SUCCEEDS(optimiser_step(&d->optimiser, &d->weights, .02, 1, &e));
		ema_update(&a->ema, &a->weights, .99, step);
	}
}

static void same_values(const params *a, const params *b)
{
	for (size_t i = 0; i < a->n; i++)
		assert_memory_equal(a->p[i].v, b->p[i].v, a->p[i].count * sizeof(float));
}

static void run_same(const run *r, const run *s)
{
	const optimiser *a = &r->parts[AUTOENCODER].optimiser, *b = &s->parts[AUTOENCODER].optimiser;
	for (int i = 0; i < PARTS; i++) {
		same_values(&r->parts[i].weights, &s->parts[i].weights);
		same_values(&r->parts[i].ema, &s->parts[i].ema);
		assert_int_equal(r->parts[i].optimiser.step, s->parts[i].optimiser.step);
	}
	assert_memory_equal(a->m[0], b->m[0], 6 * sizeof(float));
	assert_memory_equal(r->parts[DISCRIMINATOR].optimiser.v[0], s->parts[DISCRIMINATOR].optimiser.v[0], 2 * sizeof(float));
}

/* Bytes 0 .. at-1 of a file stay. */
static void cut(const char *path, int64_t at)
{
	assert_int_equal(truncate(path, at), 0);
}

static void checkpoints(void **state)
{
	(void)state;
	err e = { 0 };
	const char *path = test_path("checkpoint.safetensors"), *previous = test_path("checkpoint.safetensors.previous");
	run whole, half, other;
	bool fell_back = true;
	json_t *now = json_pack("{s:i,s:s}", "step", 5, "data", "abc"), *then = NULL;
	run_make(&whole, 3);
	run_make(&half, 3);
	FAILS(ERR_NOINPUT, "checkpoint", checkpoint_read(path, half.parts, 2, &then, NULL, &e));
	run_steps(&whole, 0, 9);
	run_steps(&half, 0, 5);
	SUCCEEDS(checkpoint_write(path, true, half.parts, 2, now, &e));
	assert_int_not_equal(access(previous, F_OK), 0);
	run_free(&half);
	/* another process goes on from the file: the same bits as without a stop */
	run_make(&half, 3);
	SUCCEEDS(checkpoint_read(path, half.parts, 2, &then, &fell_back, &e));
	assert_false(fell_back);
	assert_int_equal(json_integer_value(json_object_get(then, "step")), 5);
	assert_string_equal(json_string_value(json_object_get(then, "data")), "abc");
	json_decref(then);
	assert_int_equal(half.parts[AUTOENCODER].optimiser.step, 5);
	run_steps(&half, 5, 9);
	run_same(&half, &whole);
	/* a second one: the first is kept, and used when the second is damaged */
	SUCCEEDS(checkpoint_write(path, true, half.parts, 2, now, &e));
	assert_int_equal(access(previous, F_OK), 0);
	SUCCEEDS(checkpoint_read(path, half.parts, 2, &then, &fell_back, &e));
	assert_true(!fell_back && half.parts[AUTOENCODER].optimiser.step == 9);
	json_decref(then);
	cut(path, 300);
	SUCCEEDS(checkpoint_read(path, half.parts, 2, &then, &fell_back, &e));
	assert_true(fell_back && half.parts[AUTOENCODER].optimiser.step == 5);
	json_decref(then);
	run_steps(&half, 5, 9);
	run_same(&half, &whole);
	unlink(path);
	SUCCEEDS(checkpoint_read(path, half.parts, 2, &then, &fell_back, &e));
	assert_true(fell_back);
	json_decref(then);
	/* the one that was gone on from keeps its name until the next has its own: also when the next fails, twice */
	assert_int_equal(mkdir(path, 0777), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(checkpoint_write(path, false, half.parts, 2, now, &e), ERR_CREATE);
	SUCCEEDS(checkpoint_read(path, half.parts, 2, &then, &fell_back, &e));
	assert_true(fell_back && half.parts[AUTOENCODER].optimiser.step == 5);
	json_decref(then);
	rmdir(path);
	SUCCEEDS(checkpoint_write(path, false, half.parts, 2, now, &e));
	SUCCEEDS(checkpoint_read(path, half.parts, 2, &then, &fell_back, &e));
	assert_true(!fell_back);
	json_decref(then);
	unlink(path);
	/* of another configuration: said, and nothing is filled in */
	run_make(&other, 2);
	FAILS(ERR_CONFIG, "norm.bias: another shape", checkpoint_read(path, other.parts, 2, &then, NULL, &e));
	assert_true(other.parts[AUTOENCODER].weights.p[0].v[0] == 0);
	FAILS(ERR_CONFIG, "another configuration", checkpoint_read(path, half.parts, 1, &then, NULL, &e));
	cut(previous, 300);
	FAILS(ERR_NOINPUT, "checkpoint", checkpoint_read(path, half.parts, 2, &then, NULL, &e));
	unlink(previous);
	run_free(&other);
	run_free(&half);
	run_free(&whole);
	json_decref(now);
}

/* What of a file is the header: eight bytes of its length, and as many more. */
static size_t header_bytes(const unsigned char *b) { return 8 + ((size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16); }

/* Turns bits of the byte at `at`. */
static void turn(int fd, size_t at, int bits)
{
	unsigned char b;
	assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
	b ^= (unsigned char)bits;
	assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
}

/* A bit that is turned anywhere is seen: alone, such a file is refused, and with the one before that one is taken. */
static void turned_bits(void **state)
{
	(void)state;
	err e = { 0 };
	const char *path = test_path("bits.safetensors"), *previous = test_path("bits.safetensors.previous");
	json_t *now = json_pack("{s:i, s:i, s:f, s:{s:[i,i]}}", "step", 7, "seed", 3, "best", -.25, "config", "volume", 16, 24);
	json_t *then = NULL;
	run r;
	char *b = NULL;
	size_t n = 0;
	run_make(&r, 3);
	run_steps(&r, 0, 7);
	SUCCEEDS(checkpoint_write(path, true, r.parts, 2, now, &e));
	SUCCEEDS(file_slurp(path, 1 << 20, &b, &n, &e));
	size_t header = header_bytes((unsigned char *)b);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (size_t at = 0; at < n; at += at < header ? 1 : 7)
		for (int bit = at < header ? 0 : (int)(at % 8), end = at < header ? 8 : bit + 1; bit < end; bit++) {
			turn(fd, at, 1 << bit);
			if (checkpoint_read(path, r.parts, 2, &then, NULL, &e) != ERR_CONFIG || strstr(e.text, "another"))
				fail_msg("bit %d of byte %zu: %s", bit, at, e.text);
			turn(fd, at, 1 << bit);
		}
	SUCCEEDS(checkpoint_write(path, true, r.parts, 2, now, &e));
	close(fd);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (size_t at = 0; at < header; at += 5) {
		bool fell_back = false;
		turn(fd, at, 4);
		SUCCEEDS(checkpoint_read(path, r.parts, 2, &then, &fell_back, &e));
		assert_true(fell_back && json_integer_value(json_object_get(then, "step")) == 7);
		json_decref(then);
		turn(fd, at, 4);
	}
	close(fd);
	SUCCEEDS(checkpoint_forget(path, &e));
	SUCCEEDS(checkpoint_forget(path, &e));
	assert_true(access(path, F_OK) && access(previous, F_OK));
	free(b);
	json_decref(now);
	run_free(&r);
}

/* A checkpoint as version 0.2 wrote it: without a seal, and without a word on the last validation. */
static void earlier_versions(void **state)
{
	(void)state;
	err e = { 0 };
	const char *path = test_path("checkpoint.safetensors");
	static const char *const sections[] = { "training", NULL };
	run r, s;
	st_file *f = NULL;
	st_item items[32];
	json_t *config = json_pack("{s:{s:i}}", "training", "steps", 9);
	run_make(&r, 3);
	run_make(&s, 3);
	run_steps(&r, 0, 5);
	train_state a = { .seed = 3, .step = 5, .judged = 2, .n_parts = 2, .config = config, .sections = sections, .data = "abc",
			  .math = "exact", .best = .5 };
	train_state b = a;
	memcpy(a.parts, r.parts, sizeof r.parts);
	memcpy(b.parts, s.parts, sizeof s.parts);
	SUCCEEDS(state_write(&a, test_folder(), &e));
	b.step = b.judged = 0;
	SUCCEEDS(state_read(&b, test_folder(), &e));
	assert_true(b.step == 5 && b.judged == 2 && b.best == .5 && !b.fell_back);
	SUCCEEDS(st_open(&f, path, &e));
	assert_true(f->n < 32);
	for (size_t i = 0; i < f->n; i++)
		items[i] = (st_item){ f->tensors[i].name, f->tensors[i].dtype, f->tensors[i].rank, f->tensors[i].n, f->tensors[i].data };
	json_t *old = NULL, *metadata = json_object();
	SUCCEEDS(st_meta_json(f, "state", &old, &e));
	json_object_del(old, "judged");
	char *text = json_dumps(old, JSON_COMPACT);
	json_object_set_new(metadata, "kind", json_string("checkpoint"));
	json_object_set_new(metadata, "state", json_string(text));
	SUCCEEDS(st_write(test_path("old.safetensors"), true, items, f->n, metadata, false, &e));
	assert_int_equal(rename(test_path("old.safetensors"), path), 0);
	b.step = 0;
	SUCCEEDS(state_read(&b, test_folder(), &e));
	assert_true(b.step == 5 && b.judged == 5 && b.best == .5);
	memcpy(s.parts, b.parts, sizeof s.parts);
	run_same(&r, &s);
	st_close(f);
	free(text);
	json_decref(old);
	json_decref(metadata);
	json_decref(config);
	SUCCEEDS(state_forget(test_folder(), &e));
	run_free(&r);
	run_free(&s);
}

static void log_is(const char *path, const char *want)
{
	err e = { 0 };
	char *text;
	size_t n;
	SUCCEEDS(file_slurp(path, 4096, &text, &n, &e));
	assert_string_equal(text, want);
	free(text);
}

static void logging(void **state)
{
	(void)state;
	err e = { 0 };
	train_log *l = NULL;
	const char *path = test_path("log.tsv");
	SUCCEEDS(log_open(&l, path, "step\tl1\tkl", 0, &e));
	for (int i = 0; i < 4; i++)
		SUCCEEDS(log_line(l, i, (const double[]){ .5 / (i + 1), i == 2 ? NAN : 1e-7 }, 2, &e));
	SUCCEEDS(log_close(l, &e));
	log_is(path, "step\tl1\tkl\n0\t0.5\t1e-07\n1\t0.25\t1e-07\n2\t0.166666667\t\n3\t0.125\t1e-07\n");
	/* resumed at step 2, after a crash in the middle of a line */
	FILE *f = fopen(path, "a");
	assert_non_null(f);
	fputs("4\t0.", f);
	fclose(f);
	SUCCEEDS(log_open(&l, path, "step\tl1\tkl", 2, &e));
	SUCCEEDS(log_line(l, 2, (const double[]){ 1, 2 }, 2, &e));
	SUCCEEDS(log_close(l, &e));
	log_is(path, "step\tl1\tkl\n0\t0.5\t1e-07\n1\t0.25\t1e-07\n2\t1\t2\n");
	SUCCEEDS(log_open(&l, path, "step\tl1\tkl", 9, &e));
	SUCCEEDS(log_close(l, &e));
	log_is(path, "step\tl1\tkl\n0\t0.5\t1e-07\n1\t0.25\t1e-07\n2\t1\t2\n");
	FAILS(ERR_CONFIG, "another heading", log_open(&l, path, "step\tl1\tssim", 2, &e));
	SUCCEEDS(log_open(&l, path, "step\tmse", 0, &e));
	SUCCEEDS(log_close(l, &e));
	log_is(path, "step\tmse\n");
	unlink(path);
	SUCCEEDS(log_open(&l, path, "step\tmse", 7, &e));
	SUCCEEDS(log_close(l, &e));
	log_is(path, "step\tmse\n");
	unlink(path);
	FAILS(ERR_CREATE, "nowhere", log_open(&l, "/nowhere/log.tsv", "step", 0, &e));
	char text[32];
	assert_string_equal(pace_text(59.9, text), "0:59");
	assert_string_equal(pace_text(3725, text), "1:02:05");
	assert_string_equal(pace_text(NAN, text), "?");
	pace p = pace_begin(10, 20);
	assert_true(isnan(pace_left(&p, 10)));
	assert_true(pace_left(&p, 20) == 0 && pace_left(&p, 15) >= 0);
}

static void stopping(void **state)
{
	(void)state;
	assert_int_equal(stop_asked(), 0);
	signal(SIGHUP, SIG_IGN); /* as nohup leaves it */
	stop_arm();
	raise(SIGHUP);
	assert_int_equal(stop_asked(), 0);
	/* the first says why, and none of the others ends the process */
	raise(SIGTERM);
	assert_int_equal(stop_asked(), 143);
	for (const int *s = (const int[]){ SIGTERM, SIGINT, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE, 0 }; *s; s++)
		raise(*s);
	assert_int_equal(stop_asked(), 143);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adam_like_pytorch), cmocka_unit_test(muon), cmocka_unit_test(any_threads), cmocka_unit_test(schedules),
		cmocka_unit_test(moving_average),    cmocka_unit_test(checkpoints), cmocka_unit_test(logging),
		cmocka_unit_test(turned_bits),	     cmocka_unit_test(earlier_versions),
		cmocka_unit_test(stopping),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(test_folder());
	return failed;
}

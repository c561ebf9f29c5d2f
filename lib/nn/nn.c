#include "nn/nn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/gemm.h"
#include "nn/internal.h"
#include "nn/pool.h"

struct nn {
	enum nn_mode mode;
	enum nn_math math;
	int threads;
	bool recording, reuses_weights;
	double flop, taped; /* taped: since the tape was empty */
	size_t packed;
	err error;
	node *tape;
	float *work;
	size_t work_n;
	pool pool;
};

/* Sizes come and go more freely on the way back: what is kept for reuse may be a fifth of what was in use at most. */
static const double TRAINING_SLACK = 1.2;

nn *nn_new(enum nn_mode mode, enum nn_math math, int threads)
{
	nn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->mode = mode;
	c->math = math;
	c->threads = threads;
	if (mode != NN_PLAN)
		gemm_open(threads, &c->error);
	pool_init(&c->pool, mode == NN_PLAN, 1);
	nn_record(c, mode == NN_TRAIN);
	return c;
}

void nn_free(nn *c)
{
	if (!c)
		return;
	nn_forget(c);
	if (c->work)
		nn_give(c, c->work, c->work_n);
	pool_free(&c->pool);
	free(c);
}

float *nn_work(nn *c, size_t n)
{
	if (nn_ok(c) && n > c->work_n) {
		pool_foresee(&c->pool, c->work_n * sizeof(float), n * sizeof(float));
		if (c->work_n)
			nn_give(c, c->work, c->work_n);
		c->work = nn_take(c, n);
		c->work_n = nn_ok(c) ? n : 0;
	}
	return nn_ok(c) ? c->work : NULL;
}

bool nn_recording(const nn *c) { return c->recording; }

void nn_record(nn *c, bool on)
{
	c->recording = on && c->mode != NN_INFER;
	if (c->recording)
		c->pool.slack = TRAINING_SLACK;
}

void nn_rest(nn *c) { pool_trim(&c->pool); }

void nn_reuse_weights(nn *c, bool on) { c->reuses_weights = on; }
bool nn_reuses_weights(const nn *c) { return c->reuses_weights; }

enum nn_math nn_math(const nn *c) { return c->math; }
bool nn_planning(const nn *c) { return c->mode == NN_PLAN; }
bool nn_training(const nn *c) { return c->mode == NN_TRAIN; }
int nn_threads(const nn *c) { return c->threads; }
bool nn_ok(const nn *c) { return !c->error.code; }
size_t nn_peak(const nn *c) { return c->pool.peak + c->packed; }
void nn_count_packed(nn *c, size_t bytes) { c->packed += bytes; }
double nn_flop(const nn *c) { return c->flop; }

void nn_count_flop(nn *c, double flop)
{
	c->flop += flop;
	if (c->recording)
		c->taped += flop;
}

int nn_error(nn *c, err *e)
{
	int code = c->error.code;
	if (code && e)
		*e = c->error;
	c->error.code = 0;
	return code;
}

void *nn_fail(nn *c, int code, const char *fmt, ...)
{
	if (c->error.code)
		return NULL;
	char text[sizeof c->error.text];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(&c->error, code, "%s", text);
	return NULL;
}

size_t shape_count(shape s) { return (size_t)s.b * s.x * s.y * s.z * s.c; }

bool shape_equal(shape a, shape b) { return a.b == b.b && a.x == b.x && a.y == b.y && a.z == b.z && a.c == b.c; }

float *nn_take(nn *c, size_t n)
{
	if (!nn_ok(c))
		return NULL;
	float *p = pool_take(&c->pool, n * sizeof(float));
	if (!p && c->mode != NN_PLAN)
		nn_fail(c, ERR_OS, "no memory for %.0f MB of activations", (double)n * sizeof(float) / 1e6);
	return p;
}

void nn_give(nn *c, float *p, size_t n)
{
	if (p || (c->mode == NN_PLAN && nn_ok(c))) /* after an error nothing was counted */
		pool_give(&c->pool, c->mode == NN_PLAN ? NULL : p, n * sizeof(float));
}

/* Sizes come from files: five factors of at most 2^31 each must not wrap. */
static bool sane(shape s)
{
	const int n[5] = { s.b, s.x, s.y, s.z, s.c };
	size_t total = sizeof(float);
	for (int i = 0; i < 5; i++)
		if (n[i] < 1 || __builtin_mul_overflow(total, (size_t)n[i], &total))
			return false;
	return total < (size_t)1 << 46;
}

tensor *nn_tensor(nn *c, shape s)
{
	if (!nn_ok(c))
		return NULL;
	if (!sane(s))
		return nn_fail(c, ERR_DATA, "impossible tensor %dx%dx%dx%dx%d", s.b, s.c, s.x, s.y, s.z);
	tensor *t = calloc(1, sizeof *t);
	if (!t)
		return nn_fail(c, ERR_OS, "no memory for a tensor");
	t->s = s;
	t->refs = 1;
	t->room = shape_count(s);
	t->v = nn_take(c, t->room);
	if (!nn_ok(c)) {
		free(t);
		return NULL;
	}
	return t;
}

tensor *nn_keep(tensor *t)
{
	if (t)
		t->refs++;
	return t;
}

void nn_drop(nn *c, tensor *t)
{
	if (!t || --t->refs)
		return;
	nn_give(c, t->v, t->room);
	nn_forget_sums(t);
	if (t->g)
		nn_give(c, t->g, shape_count(t->s));
	free(t);
}

double *nn_new_sums(const nn *c, tensor *t)
{
	nn_forget_sums(t);
	if (c->mode != NN_PLAN)
		t->sums = calloc((size_t)t->s.b * 2 * (size_t)t->s.c, sizeof *t->sums);
	return t->sums;
}

void nn_forget_sums(tensor *t)
{
	free(t->sums);
	t->sums = NULL;
}

tensor *nn_keep_memory(tensor *t)
{
	nn_forget_sums(t);
	return nn_keep(t);
}

tensor *nn_detach(nn *c, tensor *t)
{
	if (!t)
		return NULL;
	tensor *d = nn_tensor(c, t->s);
	if (d && d->v)
		memcpy(d->v, t->v, shape_count(t->s) * sizeof(float));
	nn_drop(c, t);
	return d;
}

tensor *nn_from_field(nn *c, shape s, const float *data)
{
	tensor *t = nn_tensor(c, s);
	if (!t || !t->v)
		return t;
	size_t voxels = (size_t)s.x * s.y * s.z;
	for (int b = 0; b < s.b; b++)
#pragma omp parallel for num_threads(c->threads)
		for (size_t i = 0; i < voxels; i++)
			for (int k = 0; k < s.c; k++)
				t->v[((size_t)b * voxels + i) * s.c + k] = data[((size_t)b * s.c + k) * voxels + i];
	return t;
}

void nn_to_field(const nn *c, const tensor *t, float *data)
{
	if (!t || !t->v)
		return;
	size_t voxels = (size_t)t->s.x * t->s.y * t->s.z;
	for (int b = 0; b < t->s.b; b++)
#pragma omp parallel for num_threads(c->threads)
		for (size_t i = 0; i < voxels; i++)
			for (int k = 0; k < t->s.c; k++)
				data[((size_t)b * t->s.c + k) * voxels + i] = t->v[((size_t)b * voxels + i) * t->s.c + k];
}

static float planned; /* stands for a gradient that a plan has counted */

float *nn_gradient_raw(nn *c, tensor *t, bool *fresh)
{
	if (!t->needs_grad)
		return NULL;
	*fresh = !t->g;
	if (!t->g) {
		t->g = nn_take(c, shape_count(t->s));
		if (c->mode == NN_PLAN)
			t->g = &planned;
	}
	return t->g;
}

bool nn_gradient_take(nn *c, tensor *t, float *g)
{
	if (!nn_ok(c) || !t->needs_grad || t->g)
		return false;
	t->g = c->mode == NN_PLAN ? &planned : g;
	return true;
}

float *nn_gradient(nn *c, tensor *t)
{
	bool fresh;
	float *g = nn_gradient_raw(c, t, &fresh);
	if (g && fresh && g != &planned)
		memset(g, 0, shape_count(t->s) * sizeof(float));
	return g;
}

void nn_pass_gradient(nn *c, node *n)
{
	tensor *x = n->in[0];
	float *g = nn_gradient(c, x);
	if (g && !nn_planning(c))
		for (size_t i = 0; i < shape_count(x->s); i++)
			g[i] += n->out->g[i];
}

void *nn_push(nn *c, size_t size, void (*backward)(nn *, node *), tensor *out, int inputs, tensor *const *in, bool has_param)
{
	bool wanted = has_param;
	for (int i = 0; i < inputs; i++)
		wanted |= in[i] && in[i]->needs_grad;
	if (!c->recording || !wanted || !out)
		return NULL;
	node *n = calloc(1, size);
	if (!n)
		return nn_fail(c, ERR_OS, "no memory for the tape");
	n->backward = backward;
	n->out = nn_keep(out);
	for (int i = 0; i < inputs; i++)
		n->in[i] = nn_keep(in[i]);
	out->needs_grad = true;
	n->before = c->tape;
	c->tape = n;
	return n;
}

static void pop(nn *c)
{
	node *n = c->tape;
	c->tape = n->before;
	nn_drop(c, n->out);
	for (int i = 0; i < NODE_INPUTS; i++)
		nn_drop(c, n->in[i]);
	free(n->owned);
	free(n);
}

void nn_forget(nn *c)
{
	while (c->tape)
		pop(c);
}

void nn_backward(nn *c, tensor *loss, float seed)
{
	float *g = loss && nn_ok(c) ? nn_gradient(c, loss) : NULL;
	if (g && g != &planned)
		g[0] += seed;
	while (c->tape) {
		node *n = c->tape;
		if (nn_ok(c) && n->out->g)
			n->backward(c, n);
		pop(c);
	}
	if (c->mode == NN_PLAN) /* the gradients of the input and of the weights: twice the products of the way there */
		c->flop += 2 * c->taped;
	c->taped = 0;
}

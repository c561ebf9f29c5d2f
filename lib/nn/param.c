#include "nn/param.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "format/finite.h"

param *params_find(const params *ps, const char *name)
{
	for (size_t i = 0; i < ps->n; i++)
		if (!strcmp(ps->p[i].name, name))
			return &ps->p[i];
	return NULL;
}

int params_add(params *ps, const char *name, int rank, const int64_t *n, param **out, err *e)
{
	if (rank < 0 || rank > 5)
		return err_set(e, ERR_CONFIG, "%s: %d axes, at most 5 are possible", name, rank);
	if (params_find(ps, name))
		return err_set(e, ERR_CONFIG, "%s: appears twice among the weights", name);
	param p = { .rank = rank, .count = 1 };
	for (int i = 0; i < rank; i++) {
		if (n[i] < 1 || __builtin_mul_overflow(p.count, (size_t)n[i], &p.count))
			return err_set(e, ERR_CONFIG, "%s: impossible shape", name);
		p.n[i] = n[i];
	}
	int code = mem_grow(&ps->p, &ps->cap, ps->n + 1, sizeof *ps->p, name, e);
	if (!code)
		code = mem_zero(&p.v, p.count, sizeof(float), name, e);
	if (!code)
		code = mem_text(&p.name, name, e);
	if (code) {
		free(p.v);
		return code;
	}
	ps->p[ps->n] = p;
	if (out)
		*out = &ps->p[ps->n];
	ps->n++;
	return 0;
}

int params_own(params *ps, err *e)
{
	for (size_t i = 0; i < ps->n; i++) {
		param *p = &ps->p[i];
		float *own;
		if (!p->mapped)
			continue;
		int code = mem_zero(&own, p->count, sizeof(float), p->name, e);
		if (code)
			return code;
		memcpy(own, p->v, p->count * sizeof(float));
		p->v = own;
		p->mapped = false;
		param_touch(p);
	}
	return 0;
}

int params_with_gradients(params *ps, err *e)
{
	for (size_t i = 0; i < ps->n; i++) {
		param *p = &ps->p[i];
		int code = p->counter || p->frozen || p->g ? 0 : mem_zero(&p->g, p->count, sizeof(float), p->name, e);
		if (code)
			return code;
	}
	return 0;
}

void params_freeze(params *ps, bool frozen)
{
	for (size_t i = 0; i < ps->n; i++)
		ps->p[i].frozen = frozen;
}

void params_zero_gradients(params *ps)
{
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].g)
			memset(ps->p[i].g, 0, ps->p[i].count * sizeof(float));
}

int param_check(param *p, int threads, err *e)
{
	const size_t part = (size_t)1 << 20;
	const enum dtype type = p->half ? DTYPE_F16 : DTYPE_F32;
	const unsigned char *data = p->half ? (const void *)p->half : p->v;
	bool finite = true;
	if (p->finite)
		return 0;
#pragma omp parallel for num_threads(threads) reduction(&& : finite) if (p->count > part)
	for (size_t i = 0; i < p->count; i += part) {
		size_t n = p->count - i < part ? p->count - i : part;
		finite = finite && finite_first_not(data + i * dtype_size(type), type, n) == n;
	}
	p->finite = finite;
	return finite ? 0 : finite_check(data, type, p->count, p->name, ERR_CONFIG, e);
}

void param_touch(param *p) { p->version++; }

static void param_free(param *p)
{
	if (!p->mapped)
		free(p->v);
	free(p->g);
	free(p->name);
}

void params_remove(params *ps, size_t i)
{
	param_free(&ps->p[i]);
	memmove(&ps->p[i], &ps->p[i + 1], (--ps->n - i) * sizeof *ps->p);
}

void params_free(params *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		param_free(&ps->p[i]);
	free(ps->p);
	*ps = (params){ 0 };
}

const char *shape_text(int rank, const int64_t *n, char buf[SHAPE_TEXT])
{
	int at = rank ? 0 : snprintf(buf, SHAPE_TEXT, "a single number");
	for (int i = 0; i < rank; i++)
		at += snprintf(buf + at, SHAPE_TEXT - (size_t)at, "%s%lld", i ? "x" : "", (long long)n[i]);
	return buf;
}

int params_expect(const params *ps, const char *name, int rank, const int64_t *n, param **out, err *e)
{
	param *p = params_find(ps, name);
	char has[SHAPE_TEXT], wants[SHAPE_TEXT];
	if (!p)
		return err_set(e, ERR_CONFIG, "%s: is missing among the weights", name);
	if (p->rank != rank || (rank && memcmp(p->n, n, (size_t)rank * sizeof *n)))
		return err_set(e, ERR_CONFIG, "%s: has shape %s, the configuration asks for %s", name, shape_text(p->rank, p->n, has),
			       shape_text(rank, n, wants));
	if (out)
		*out = p;
	return 0;
}

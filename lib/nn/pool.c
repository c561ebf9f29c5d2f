#include "nn/pool.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"

enum { HUGE_PAGE = 2 << 20, SMALL = 1 << 16 };
/* Larger blocks are passed over a few times in the life of a process, and huge pages save them little; where a virtual machine's host has
 * taken back what was free, they cost a second for each GB when they are first touched, five times as much as small pages. */
enum { LARGE = 128 << 20 };

/* Sizes are rounded so that a block fits the next request of nearly the same size. */
static size_t rounded(size_t bytes)
{
	size_t unit = bytes < SMALL ? 64 : bytes < HUGE_PAGE ? 4096 : 65536;
	return bytes ? (bytes + unit - 1) / unit * unit : unit;
}

static void *fresh(size_t bytes)
{
	if (bytes < HUGE_PAGE)
		return aligned_alloc(64, bytes);
	void *p = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
	if (p && bytes <= LARGE)
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

void pool_init(pool *p, bool counting, double slack)
{
	/* large blocks come from the system and go back to it: glibc would learn from those given back to take the next from its heap,
	 * which keeps them (128 MB of a full-size decoding) */
	mallopt(M_MMAP_THRESHOLD, HUGE_PAGE);
	*p = (pool){ .counting = counting, .slack = slack };
}

static void forget(pool *p, size_t i)
{
	p->kept -= p->free[i].bytes;
	free(p->free[i].p);
	p->free[i] = p->free[--p->n];
}

void *pool_take(pool *p, size_t bytes)
{
	bytes = rounded(bytes);
	p->live += bytes;
	if (p->live > p->live_peak)
		p->live_peak = p->live;
	for (size_t i = 0; i < p->n; i++)
		if (p->free[i].bytes == bytes) {
			void *mem = p->free[i].p;
			p->free[i].p = NULL;
			forget(p, i);
			return mem;
		}
	/* a new block: let go of kept ones, oldest first, until the limit holds */
	while (p->n && (double)(p->live + p->kept) > p->slack * (double)p->live_peak)
		forget(p, 0);
	if (p->live + p->kept > p->peak)
		p->peak = p->live + p->kept;
	return p->counting ? NULL : fresh(bytes);
}

void pool_give(pool *p, void *mem, size_t bytes)
{
	bytes = rounded(bytes);
	p->live -= bytes;
	if (mem_grow(&p->free, &p->cap, p->n + 1, sizeof *p->free, "pool", NULL)) {
		free(mem);
		return;
	}
	p->free[p->n++] = (pool_block){ mem, bytes };
	p->kept += bytes;
}

void pool_foresee(pool *p, size_t bytes, size_t more)
{
	size_t grows = rounded(more) - (bytes ? rounded(bytes) : 0);
	p->live_peak += grows;
	p->peak += grows;
}

void pool_trim(pool *p)
{
	while (p->n)
		forget(p, p->n - 1);
}

void pool_free(pool *p)
{
	pool_trim(p);
	free(p->free);
	*p = (pool){ 0 };
}

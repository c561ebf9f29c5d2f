/* The pool behind tensors and work space: fresh memory is dear (page faults), so blocks are kept and handed out again. */
#ifndef NN_POOL_H
#define NN_POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pool_block {
	void *p;
	size_t bytes;
} pool_block;

typedef struct pool {
	bool counting;		/* no memory, only the book-keeping */
	double slack;		/* blocks are kept up to slack x the largest amount in use so far */
	size_t live;		/* bytes handed out */
	size_t kept;		/* bytes in `free` */
	size_t live_peak;
	size_t peak;		/* largest live + kept */
	pool_block *free;
	size_t n, cap;
} pool;

void pool_init(pool *p, bool counting, double slack);
/* Unset memory, 64-byte aligned (huge pages where the system gives them). NULL when there is none, or when counting. */
void *pool_take(pool *p, size_t bytes);
/* bytes as taken. */
void pool_give(pool *p, void *mem, size_t bytes);
/* A block that is to stay is about to grow from `bytes` to more. The same calls once more will find it as large from the beginning,
 * so the largest amounts are counted as if it had been. */
void pool_foresee(pool *p, size_t bytes, size_t more);
/* Gives back what is kept. */
void pool_trim(pool *p);
/* And the pool's own. */
void pool_free(pool *p);

#endif

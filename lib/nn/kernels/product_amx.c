/* Products on processors with matrix instructions for bfloat16 (Intel AMX), at the accuracy of float32. A float is the sum of three
 * numbers of bfloat16, exactly, and of the nine products of two such sums six matter: the others are below 2^-23 of it together. Sums are
 * of float32. One instruction does 16 x 16 x 32 products, so that six of them are still three times as fast as vectors of floats.
 *
 * The right factor is kept in squares of 16 columns by 32 rows, each as its three parts, the squares of 16 columns one behind the other;
 * rows of the left one are cut, 32 at a time, while they are multiplied. */
#include <string.h>

#include "nn/kernels/amx.h"
#include "nn/kernels/lines.h"

enum { PARTS = 3, EACH = PARTS * SQUARE };
enum { MOST_DEPTH = 4 }; /* squares of the left factor at a time: two rows of them take half of the first-level cache */

INLINE int squares(int n, int side) { return (n + side - 1) / side; }
INLINE int least(int a, int b) { return a < b ? a : b; }

/* The first n of 16 numbers, zeros behind them. */
INLINE vf some_of(const float *x, int n)
{
	return (vf)(n <= 0 ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps((__mmask16)(n >= SIDE ? 0xffff : (1 << n) - 1), x));
}

/* `rows` <= 32 rows of k numbers -> two rows of squares, MOST_DEPTH squares apart. Rows beyond are left as they are: whatever they hold
 * comes into sums that nobody reads. */
INLINE void cut_left(uint16_t *to, int rows, int k, const float *a, size_t lda)
{
	for (int r = 0; r < rows; r++, a += lda)
		for (int c = 0; c < k; c += DEPTH)
			cut_row(PARTS, some_of(a + c, k - c), some_of(a + c + SIDE, k - c - SIDE),
				to + (size_t)(r / SIDE * MOST_DEPTH + c / DEPTH) * EACH + r % SIDE * DEPTH, SQUARE);
}

static size_t factor_floats(int rows, int columns) { return (size_t)squares(columns, SIDE) * squares(rows, DEPTH) * EACH / 2; }

/* A square of n <= 32 rows, ld floats apart, and zeros below. */
INLINE void place_rows(uint16_t *to, int n, const float *w, size_t ld)
{
	for (int i = 0; i < DEPTH; i += 2)
		cut_pair(PARTS, i < n ? get(w + i * ld) : (vf){ 0 }, i + 1 < n ? get(w + (i + 1) * ld) : (vf){ 0 }, to + i * SIDE, SQUARE);
}

static void place(float *u, int rows, int columns, int r, int c, int n, const float *w)
{
	(void)columns;
	place_rows((uint16_t *)u + ((size_t)(c / SIDE) * squares(rows, DEPTH) + r / DEPTH) * EACH, n, w, SIDE);
}

/* What is cut at a time: `rows` <= 32 rows, lda floats apart, of k <= MOST_DEPTH * DEPTH numbers. */
typedef struct share {
	const float *row;
	size_t lda;
	int rows, k;
} share;

/* Lets some rows of the next share be on their way to the cache. */
INLINE void fetch(share *next, int rows)
{
	for (; rows > 0 && next->rows > 0; rows--, next->rows--, next->row += next->lda)
		for (int l = 0; l < next->k; l += SIDE)
			_mm_prefetch((const char *)(next->row + l), _MM_HINT_T0);
}

/* Sums of 32 rows (16 unless tall) x 32 columns (16 unless broad) at `to`, rows of `line` bytes: products of rows of squares with columns
 * of squares, the latter `apart` numbers apart. */
INLINE void corner(const bool tall, const bool broad, int depth, const uint16_t *left, const uint16_t *right, size_t apart, bool add,
		   float *to, size_t line, share *next, int fetches)
{
	load_sums(tall, broad, to, line, add);
	for (int c = 0; c < depth; c++, left += EACH, right += EACH) {
		const uint16_t *below = left + MOST_DEPTH * EACH, *beside = right + apart;
		fetch(next, fetches);
		load_left(tall, left, below);
		load_right(broad, right, beside);
		multiply_squares(tall, broad);
		load_right(broad, right + SQUARE, beside + SQUARE);
		multiply_squares(tall, broad);
		load_right(broad, right + 2 * SQUARE, beside + 2 * SQUARE);
		multiply_squares(tall, broad);
		load_left(tall, left + SQUARE, below + SQUARE);
		load_right(broad, right + SQUARE, beside + SQUARE);
		multiply_squares(tall, broad);
		load_right(broad, right, beside);
		multiply_squares(tall, broad);
		load_left(tall, left + 2 * SQUARE, below + 2 * SQUARE);
		multiply_squares(tall, broad);
	}
	store_sums(tall, broad, to, line);
}

/* Rows of `left` times all columns of u, which begins with the squares that belong to them. */
INLINE void across(const bool tall, int depth, const uint16_t *left, const uint16_t *u, size_t apart, int columns, bool add, float *out,
		   size_t ldo, share *next)
{
	int steps = squares(columns, 2 * SIDE) * depth, fetches = squares(next->rows, steps), j = 0;
	for (; j + 2 * SIDE <= columns; j += 2 * SIDE)
		corner(tall, true, depth, left, u + (size_t)(j / SIDE) * apart, apart, add, out + j, ldo * sizeof *out, next, fetches);
	if (j < columns)
		corner(tall, false, depth, left, u + (size_t)(j / SIDE) * apart, apart, add, out + j, ldo * sizeof *out, next, fetches);
}

static void multiply(int count, int m, const float *a, size_t lda, size_t ap, const float *u, size_t up, int rows, int columns, bool add,
		     float *out, size_t ldo, size_t op)
{
	enum { TALL = 2 * SIDE, DEEP = MOST_DEPTH * DEPTH };
	uint16_t left[2 * MOST_DEPTH * EACH] __attribute__((aligned(64)));
	size_t apart = (size_t)squares(rows, DEPTH) * EACH;
	int all = count * squares(m, TALL) * squares(rows, DEEP);
	share next = { a, lda, least(m, TALL), least(rows, DEEP) };
	memset(left, 0, sizeof left);
	configure();
	for (int s = 0, p = 0, i = 0, l = 0; s < all; s++) {
		const share now = next;
		const uint16_t *right = (const uint16_t *)(u + p * up) + (size_t)(l / DEPTH) * EACH;
		float *to = out + p * op + (size_t)i * ldo;
		bool more = add || l > 0;
		/* the next: along the rows, then down, then in the next product */
		l = l + DEEP < rows ? l + DEEP : 0;
		i = l ? i : i + TALL < m ? i + TALL : 0;
		p += !l && !i;
		next = (share){ a + p * ap + i * lda + l, lda, s + 1 < all ? least(m - i, TALL) : 0, least(rows - l, DEEP) };
		cut_left(left, now.rows, now.k, now.row, lda);
		share fetched = next;
		if (now.rows > SIDE)
			across(true, squares(now.k, DEPTH), left, right, apart, columns, more, to, ldo, &fetched);
		else
			across(false, squares(now.k, DEPTH), left, right, apart, columns, more, to, ldo, &fetched);
	}
	_tile_release();
}

/* A square of 16 columns and n <= 32 rows of a matrix whose columns lie in memory as rows, ldb floats apart. */
INLINE void place_turned(uint16_t *to, int n, const float *b, size_t ldb)
{
	vf low[SIDE], high[SIDE];
	for (int c = 0; c < SIDE; c++, b += ldb) {
		low[c] = some_of(b, n);
		high[c] = some_of(b + SIDE, n - SIDE);
	}
	transpose(low);
	transpose(high);
	for (int i = 0; i < SIDE; i += 2) {
		cut_pair(PARTS, low[i], low[i + 1], to + i * SIDE, SQUARE);
		cut_pair(PARTS, high[i], high[i + 1], to + (SIDE + i) * SIDE, SQUARE);
	}
}

gemm_kernel gemm_amx;

void gemm_amx(bool b_t, int m, int n, int k, const float *a, size_t lda, const float *b, size_t ldb, bool add, float *out, size_t ldo)
{
	enum { BROAD = 256, DEEP = MOST_DEPTH * DEPTH };
	float u[BROAD / SIDE * MOST_DEPTH * EACH / 2] __attribute__((aligned(64)));
	for (int c = 0; c < n; c += BROAD)
		for (int l = 0; l < k; l += DEEP) {
			int columns = least(n - c, BROAD), rows = least(k - l, DEEP), down = squares(rows, DEPTH);
			for (int s = 0; s < columns / SIDE * down; s++) {
				int r = s % down * DEPTH, at = c + s / down * SIDE, some = least(rows - r, DEPTH);
				uint16_t *to = (uint16_t *)u + (size_t)s * EACH;
				const float *from = b_t ? b + at * ldb + l + r : b + (size_t)(l + r) * ldb + at;
				if (b_t)
					place_turned(to, some, from, ldb);
				else
					place_rows(to, some, from, ldb);
			}
			multiply(1, m, a + l, lda, 0, u, 0, rows, columns, add || l, out + c, ldo, 0);
		}
}

extern const factor_kernels factor_amx;
const factor_kernels factor_amx = { .floats = factor_floats, .place = place, .multiply = multiply };

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
INLINE __m512 some_of(const float *x, int n)
{
	return n <= 0 ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps((__mmask16)(n >= SIDE ? 0xffff : (1 << n) - 1), x);
}

/* `rows` <= 32 rows of k numbers -> two rows of squares, MOST_DEPTH squares apart. Rows beyond are left as they are: whatever they hold
 * comes into sums that nobody reads. */
INLINE void cut_left(uint16_t *to, int rows, int k, const float *a, size_t lda)
{
	const __m512i upper = _mm512_load_si512(UPPER);
	for (int r = 0; r < rows; r++, a += lda)
		for (int c = 0; c * DEPTH < k; c++) {
			__m512i f[PARTS], s[PARTS];
			uint16_t *at = to + (size_t)(r / SIDE * MOST_DEPTH + c) * EACH + r % SIDE * DEPTH;
			cut_exactly(some_of(a + c * DEPTH, k - c * DEPTH), f);
			cut_exactly(some_of(a + c * DEPTH + SIDE, k - c * DEPTH - SIDE), s);
			for (int p = 0; p < PARTS; p++)
				_mm512_store_si512(at + p * SQUARE, _mm512_permutex2var_epi16(f[p], upper, s[p]));
		}
}

static size_t factor_floats(int rows, int columns) { return (size_t)squares(columns, SIDE) * squares(rows, DEPTH) * EACH / 2; }

/* Rows of the factor in pairs, number beside number, as the instruction wants them. */
INLINE void place_pair(uint16_t *to, __m512 even, __m512 odd)
{
	__m512i e[PARTS], o[PARTS];
	cut_exactly(even, e);
	cut_exactly(odd, o);
	for (int p = 0; p < PARTS; p++)
		_mm512_storeu_si512(to + p * SQUARE, _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(e[p], 16), o[p]));
}

static void place(float *u, int rows, int columns, int r, int c, int n, const float *w)
{
	(void)columns;
	uint16_t *to = (uint16_t *)u + ((size_t)(c / SIDE) * squares(rows, DEPTH) + r / DEPTH) * EACH;
	for (int i = 0; i < DEPTH; i += 2)
		place_pair(to + i * SIDE, i < n ? _mm512_loadu_ps(w + i * SIDE) : _mm512_setzero_ps(),
			   i + 1 < n ? _mm512_loadu_ps(w + (i + 1) * SIDE) : _mm512_setzero_ps());
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

/* Registers: sums in 0 to 3, factors in 4 to 7. */
#define LEFT(part)                                                                                                                         \
	_tile_loadd(4, left + (part)*SQUARE, 64);                                                                                          \
	if (tall)                                                                                                                          \
	_tile_loadd(5, left + (part)*SQUARE + MOST_DEPTH * EACH, 64)
#define RIGHT(part)                                                                                                                        \
	_tile_loadd(6, right + (part)*SQUARE, 64);                                                                                         \
	if (broad)                                                                                                                         \
	_tile_loadd(7, right + (part)*SQUARE + apart, 64)
#define MULTIPLY                                                                                                                           \
	_tile_dpbf16ps(0, 4, 6);                                                                                                           \
	if (broad)                                                                                                                         \
		_tile_dpbf16ps(1, 4, 7);                                                                                                   \
	if (tall)                                                                                                                          \
		_tile_dpbf16ps(2, 5, 6);                                                                                                   \
	if (tall && broad)                                                                                                                 \
	_tile_dpbf16ps(3, 5, 7)

/* Sums of 32 rows (16 unless tall) x 32 columns (16 unless broad) at `to`, rows of `line` bytes: products of rows of squares with columns
 * of squares, the latter `apart` numbers apart. */
INLINE void corner(const bool tall, const bool broad, int depth, const uint16_t *left, const uint16_t *right, size_t apart, bool add,
		   float *to, size_t line, share *next, int fetches)
{
	float *low = (float *)((char *)to + SIDE * line);
	__asm__ volatile("" ::: "memory"); /* GCC does not know that these loads read memory */
	if (add) {
		_tile_loadd(0, to, line);
		if (broad)
			_tile_loadd(1, to + SIDE, line);
		if (tall)
			_tile_loadd(2, low, line);
		if (tall && broad)
			_tile_loadd(3, low + SIDE, line);
	} else {
		_tile_zero(0);
		_tile_zero(1);
		_tile_zero(2);
		_tile_zero(3);
	}
	for (int c = 0; c < depth; c++, left += EACH, right += EACH) {
		fetch(next, fetches);
		LEFT(0);
		RIGHT(0);
		MULTIPLY;
		RIGHT(1);
		MULTIPLY;
		RIGHT(2);
		MULTIPLY;
		LEFT(1);
		RIGHT(1);
		MULTIPLY;
		RIGHT(0);
		MULTIPLY;
		LEFT(2);
		MULTIPLY;
	}
	_tile_stored(0, to, line);
	if (broad)
		_tile_stored(1, to + SIDE, line);
	if (tall)
		_tile_stored(2, low, line);
	if (tall && broad)
		_tile_stored(3, low + SIDE, line);
	__asm__ volatile("" ::: "memory");
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
		low[c] = (vf)some_of(b, n);
		high[c] = (vf)some_of(b + SIDE, n - SIDE);
	}
	transpose(low);
	transpose(high);
	for (int i = 0; i < SIDE; i += 2) {
		place_pair(to + i * SIDE, (__m512)low[i], (__m512)low[i + 1]);
		place_pair(to + (SIDE + i) * SIDE, (__m512)high[i], (__m512)high[i + 1]);
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
					for (int i = 0; i < DEPTH; i += 2)
						place_pair(to + i * SIDE, i < some ? _mm512_loadu_ps(from + i * ldb) : _mm512_setzero_ps(),
							   i + 1 < some ? _mm512_loadu_ps(from + (i + 1) * ldb) : _mm512_setzero_ps());
			}
			multiply(1, m, a + l, lda, 0, u, 0, rows, columns, add || l, out + c, ldo, 0);
		}
}

extern const factor_kernels factor_amx;
const factor_kernels factor_amx = { .floats = factor_floats, .place = place, .multiply = multiply };

/* Products of the small matrices that Winograd convolutions are made of, compiled for each level as kernels.h says. Neither factor is
 * copied: rows of b are read as they lie and elements of a are spread over a vector. OpenBLAS packs both, which costs as much as the
 * product when one factor is used once (conv/blocks.c). */
#include "nn/kernels/vector.h"

/* One register of the level, and how many rows and registers of sums are held at once. PANEL is a multiple of such registers. */
#if defined __AVX512F__
enum { WIDTH = 16, ROWS = 8, REGISTERS = 2 };
#elif defined __AVX2__
enum { WIDTH = 8, ROWS = 4, REGISTERS = 3 };
#else
enum { WIDTH = 4, ROWS = 4, REGISTERS = 2 };
#endif
typedef float reg __attribute__((vector_size(WIDTH * sizeof(float)), aligned(4), may_alias));

/* Terms that are summed before the sum goes to the result: errors grow with the root of their number, and this makes large tiles exact
 * (SPEED.md). */
enum { TERMS = 32 };

/* `rows` rows and `some` registers of columns of the result. */
INLINE void corner(const int rows, const int some, int k, const float *a, size_t ai, size_t ak, const float *b, size_t ldb, bool add,
		   float *out, size_t ldo)
{
	for (int from = 0; from < k; from += TERMS, add = true) {
		reg s[ROWS][REGISTERS] = { 0 };
		for (int l = from; l < k && l < from + TERMS; l++, a += ak, b += ldb) {
			reg row[REGISTERS];
			for (int v = 0; v < some; v++)
				row[v] = *(const reg *)(b + v * WIDTH);
			for (int i = 0; i < rows; i++)
				for (int v = 0; v < some; v++)
					s[i][v] += a[i * ai] * row[v];
		}
		for (int i = 0; i < rows; i++)
			for (int v = 0; v < some; v++) {
				reg *to = (reg *)(out + i * ldo + v * WIDTH);
				if (add)
					s[i][v] += *to;
				*to = s[i][v];
			}
	}
}

/* Asks for `rows` rows of a left factor, which its product will read. */
INLINE void fetch(int rows, int k, const float *a, size_t lda)
{
	for (int i = 0; i < rows; i++)
		for (int l = 0; l < k; l += LANES)
			__builtin_prefetch(a + i * lda + l);
}

/* next: the left factor of the product that follows, fetched meanwhile; NULL: none. */
INLINE void column(const int some, int m, int k, const float *a, size_t ai, size_t ak, const float *b, size_t ldb, bool add, float *out,
		   size_t ldo, const float *next)
{
	int i = 0;
	for (; i + ROWS <= m; i += ROWS) {
		if (next)
			fetch(ROWS, k, next + i * ai, ai);
		corner(ROWS, some, k, a + i * ai, ai, ak, b, ldb, add, out + i * ldo, ldo);
	}
	for (; i + 2 <= m; i += 2)
		corner(2, some, k, a + i * ai, ai, ak, b, ldb, add, out + i * ldo, ldo);
	if (i < m)
		corner(1, some, k, a + i * ai, ai, ak, b, ldb, add, out + i * ldo, ldo);
}

INLINE void columns(int m, int n, int k, const float *a, size_t ai, size_t ak, const float *b, size_t ldb, bool add, float *out, size_t ldo,
		    const float *next)
{
	int j = 0;
	for (; j + REGISTERS * WIDTH <= n; j += REGISTERS * WIDTH)
		column(REGISTERS, m, k, a, ai, ak, b + j, ldb, add, out + j, ldo, next);
	for (; j < n; j += WIDTH)
		column(1, m, k, a, ai, ak, b + j, ldb, add, out + j, ldo, next);
}

product_kernel JOIN(product_, LEVEL);

void JOIN(product_, LEVEL)(int m, int n, int k, const float *a, size_t ai, size_t ak, const float *b, size_t ldb, bool add, float *out,
			   size_t ldo)
{
	columns(m, n, k, a, ai, ak, b, ldb, add, out, ldo, NULL);
}

/* Right factors in panels of columns: a panel has all rows of its columns, and is followed by the next. */
static size_t floats(int rows, int columns) { return (size_t)rows * columns; }

static float *at(float *u, int rows, int columns, int r, int c, size_t *line)
{
	int from = c / PANEL * PANEL, width = columns - from < PANEL ? columns - from : PANEL;
	*line = (size_t)width;
	return u + (size_t)from * rows + (size_t)r * width + (c - from);
}

static void multiply(int count, int m, const float *a, size_t lda, size_t ap, const float *u, size_t up, int rows, int n, bool add,
		     float *out, size_t ldo, size_t op)
{
	for (int p = 0; p < count; p++)
		for (int c = 0; c < n; c += PANEL) {
			int width = n - c < PANEL ? n - c : PANEL;
			columns(m, width, rows, a + p * ap, lda, 1, u + p * up + (size_t)c * rows, width, add, out + p * op + c, ldo,
				!c && p + 1 < count ? a + (p + 1) * ap : NULL);
		}
}

extern const factor_kernels JOIN(factor_, LEVEL);
const factor_kernels JOIN(factor_, LEVEL) = { .floats = floats, .at = at, .multiply = multiply };

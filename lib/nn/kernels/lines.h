/* What Winograd convolutions do along one axis, and the exchange of rows and columns. */
#ifndef NN_KERNELS_LINES_H
#define NN_KERNELS_LINES_H

#include "nn/kernels/vector.h"

/* One-dimensional transforms on elements d[0], d[s], d[2s] .., one of each kind for every form of an axis; forms are told by their number
 * of points p. 4 is F(2,3) with the points 0, 1, -1, infinity of Lavin & Gray 2016, "Fast algorithms for convolutional neural networks";
 * 6 is F(4,3) with 0, a, -a, b, -b, infinity. Errors of 6 depend on a and b: 5/8 and 3/2 have a third of the usual 1 and 2 on three axes
 * and are the best of a search over multiples of 1/8 (SPEED.md); all powers that are needed are exact. With taps w and inputs x, 3 and 5
 * are
 *   doubled: y0 = w0 x0 + (w1 + w2) x1, y1 = (w0 + w1) x1 + w2 x2, or with s = w0 + w1 + w2: s x1 + w0 (x0 - x1), s x1 + w2 (x2 - x1);
 *   halved:  y0 = w0 x0 + w1 x1 + w2 x2, y1 = w0 x2 + w1 x3 + w2 x4, where s x2 + w0 (x0 - x2) and s x2 - w2 (x2 - x4), s = w0 + w2, are
 *            the taps at even places. */
#define PA 0.625f
#define PB 1.5f
#define PA2 (PA * PA)
#define PB2 (PB * PB)
/* What G divides by at a and b: the products of the differences to all other points. */
#define AT_A (2 * PA2 * (PA2 - PB2))
#define AT_B (2 * PB2 * (PB2 - PA2))

INLINE void input3(vf *d, int s)
{
	d[0] -= d[s];
	d[2 * s] -= d[s];
}

INLINE void input4(vf *d, int s)
{
	vf a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
	d[0] = a - c;
	d[s] = b + c;
	d[2 * s] = c - b;
	d[3 * s] = b - e;
}

INLINE void input5(vf *d, int s)
{
	d[0] -= d[2 * s];
	d[4 * s] = d[2 * s] - d[4 * s];
}

INLINE void input6(vf *d, int s)
{
	vf d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
	vf p = d4 - PB2 * d2, q = PA * (d3 - PB2 * d1), r = d4 - PA2 * d2, t = PB * (d3 - PA2 * d1);
	d[0] = PA2 * PB2 * d0 - (PA2 + PB2) * d2 + d4;
	d[s] = p + q;
	d[2 * s] = p - q;
	d[3 * s] = r + t;
	d[4 * s] = r - t;
	d[5 * s] = PA2 * PB2 * d1 - (PA2 + PB2) * d3 + d5;
}

INLINE void output3(vf *d, int s)
{
	d[0] += d[s];
	d[s] += d[2 * s];
}

INLINE void output4(vf *d, int s)
{
	vf a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
	d[0] = a + b + c;
	d[s] = b - c - e;
}

INLINE void output5(vf *d, int s)
{
	vf both = d[2 * s];
	d[0] += both + d[s];
	d[s] = both - d[4 * s] + d[3 * s];
}

INLINE void output6(vf *d, int s)
{
	vf m0 = d[0], m5 = d[5 * s];
	vf p = d[s] + d[2 * s], q = d[s] - d[2 * s], r = d[3 * s] + d[4 * s], t = d[3 * s] - d[4 * s];
	d[0] = m0 + p + r;
	d[s] = PA * q + PB * t;
	d[2 * s] = PA2 * p + PB2 * r;
	d[3 * s] = PA * PA2 * q + PB * PB2 * t + m5;
}

INLINE void adjoint3(vf *d, int s)
{
	d[2 * s] = d[s];
	d[s] += d[0];
}

INLINE void adjoint4(vf *d, int s)
{
	vf a = d[0], b = d[s];
	d[s] = a + b;
	d[2 * s] = a - b;
	d[3 * s] = -b;
}

INLINE void adjoint5(vf *d, int s)
{
	vf a = d[0], b = d[s];
	d[s] = a;
	d[2 * s] = a + b;
	d[3 * s] = b;
	d[4 * s] = -b;
}

INLINE void adjoint6(vf *d, int s)
{
	vf y0 = d[0], y1 = d[s], y2 = d[2 * s], y3 = d[3 * s];
	vf p = y0 + PA2 * y2, q = PA * (y1 + PA2 * y3), r = y0 + PB2 * y2, t = PB * (y1 + PB2 * y3);
	d[s] = p + q;
	d[2 * s] = p - q;
	d[3 * s] = r + t;
	d[4 * s] = r - t;
	d[5 * s] = y3;
}

/* The data gradient of the doubled form, x from the gradients at y of 2x-1 .. 2x+2: x = s (d1 + d2) + w0 (d3 - d1) + w2 (d0 - d2). So three
 * points of four inputs, for taps that are read backwards; their products are summed. */
INLINE void input_gathered(vf *d, int s)
{
	vf d1 = d[s];
	d[0] -= d[2 * s];
	d[s] += d[2 * s];
	d[2 * s] = d[3 * s] - d1;
}

INLINE void input_line(int p, vf *d, int s)
{
	switch (p) {
	case 3: input3(d, s); break;
	case 4: input4(d, s); break;
	case 5: input5(d, s); break;
	default: input6(d, s); break;
	}
}

INLINE void output_line(int p, vf *d, int s)
{
	switch (p) {
	case 3: output3(d, s); break;
	case 4: output4(d, s); break;
	case 5: output5(d, s); break;
	default: output6(d, s); break;
	}
}

INLINE void adjoint_line(int p, vf *d, int s)
{
	switch (p) {
	case 3: adjoint3(d, s); break;
	case 4: adjoint4(d, s); break;
	case 5: adjoint5(d, s); break;
	default: adjoint6(d, s); break;
	}
}

/* Rows of G: how a point sees the three taps. */
static const double G3[3][3] = { { 1, 0, 0 }, { 1, 1, 1 }, { 0, 0, 1 } };
static const double G4[4][3] = { { 1, 0, 0 }, { .5, .5, .5 }, { .5, -.5, .5 }, { 0, 0, 1 } };
static const double G5[5][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 1, 0, 1 }, { 0, 1, 0 }, { 0, 0, 1 } };
#define G_ROW(p, at) { 1. / (at), (p) / (double)(at), (p) * (p) / (double)(at) }
static const double G6[6][3] = { { 1. / (PA2 * PB2), 0, 0 }, G_ROW(PA, AT_A),  G_ROW(-PA, AT_A),
				 G_ROW(PB, AT_B),	     G_ROW(-PB, AT_B), { 0, 0, 1 } };
#undef G_ROW

typedef const double (*rows_of_g)[3];

INLINE rows_of_g rows_of(int p) { return p == 3 ? G3 : p == 4 ? G4 : p == 5 ? G5 : G6; }

INLINE void weight_line(int p, vf w0, vf w1, vf w2, vf *u, int s)
{
	if (p == 3) {
		u[0] = w0;
		u[s] = w0 + w1 + w2;
		u[2 * s] = w2;
	} else if (p == 4) {
		u[0] = w0;
		u[s] = .5f * (w0 + w2) + .5f * w1;
		u[2 * s] = .5f * (w0 + w2) - .5f * w1;
		u[3 * s] = w2;
	} else if (p == 5) {
		u[0] = w0;
		u[s] = w1;
		u[2 * s] = w0 + w2;
		u[3 * s] = w1;
		u[4 * s] = w2;
	} else {
		vf a = w0 + PA2 * w2, b = w0 + PB2 * w2;
		u[0] = w0 * (1 / (PA2 * PB2));
		u[s] = (a + PA * w1) * (1 / AT_A);
		u[2 * s] = (a - PA * w1) * (1 / AT_A);
		u[3 * s] = (b + PB * w1) * (1 / AT_B);
		u[4 * s] = (b - PB * w1) * (1 / AT_B);
		u[5 * s] = w2;
	}
}

/* G^T, the adjoint: three taps from p points. */
INLINE void taps_line(int p, const vf *u, int s, vf *w, int ws)
{
	if (p == 3) {
		w[0] = u[0] + u[s];
		w[ws] = u[s];
		w[2 * ws] = u[s] + u[2 * s];
	} else if (p == 4) {
		vf both = .5f * (u[s] + u[2 * s]);
		w[0] = u[0] + both;
		w[ws] = .5f * (u[s] - u[2 * s]);
		w[2 * ws] = both + u[3 * s];
	} else if (p == 5) {
		w[0] = u[0] + u[2 * s];
		w[ws] = u[s] + u[3 * s];
		w[2 * ws] = u[2 * s] + u[4 * s];
	} else {
		vf a = (u[s] + u[2 * s]) * (1 / AT_A), b = (u[3 * s] + u[4 * s]) * (1 / AT_B);
		w[0] = u[0] * (1 / (PA2 * PB2)) + a + b;
		w[ws] = (u[s] - u[2 * s]) * (PA / AT_A) + (u[3 * s] - u[4 * s]) * (PB / AT_B);
		w[2 * ws] = PA2 * a + PB2 * b + u[5 * s];
	}
}

/* Exchanges rows and columns of 16 vectors of 16: pairs of rows swap their inner halves, then quarters, eighths .. */
INLINE void transpose(vf *r)
{
#define LIST(...) __VA_ARGS__
#define PAIRS(step, first, second)                                                                                                         \
	for (int i = 0; i < LANES; i++)                                                                                                    \
		if (!(i & step)) {                                                                                                         \
			vf a = r[i], b = r[i + step];                                                                                      \
			r[i] = __builtin_shufflevector(a, b, LIST first);                                                                  \
			r[i + step] = __builtin_shufflevector(a, b, LIST second);                                                          \
		}
	PAIRS(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
	PAIRS(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27), (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
	PAIRS(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29), (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
	PAIRS(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30), (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#undef PAIRS
#undef LIST
}

#endif

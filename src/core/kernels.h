/*
 * kernels.h
 *		The loops over factors, each in one body and compiled for several
 *		instruction sets; the table of those in use.
 *
 * Bits.  Every level gives the same bits.  Sums run over 16 virtual lanes:
 * lane l adds the elements l, l+16, l+32, ... in that order, each by one fused
 * multiply-add, and the lanes are added in a fixed tree (lane l with l+8, then
 * +4, +2, +1).  Where n is no multiple of 16, the sum is that of both vectors
 * continued with zeros up to the next one: a padded row gives the same bits
 * with n = k as with n = its stride.  So the portable level (fmaf) is the
 * definition of the others.  A dot product in double precision needs no fused
 * operation: the product of two floats is exact in a double.  A result that is
 * not a number is one at every level, but its sign and payload are nobody's
 * promise.
 *
 * Layout.  A row of k factors has lep_row_stride(k) floats, a multiple of 16,
 * zero beyond k, 64-byte aligned.  Kernels take n = the stride where they say
 * "padded", and any n and any alignment elsewhere.
 *
 * Rows given to one call must not overlap, except where stated.
 */
#ifndef LEP_KERNELS_H
#define LEP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"

#define LEP_LANES 16

/* floats in a row of k factors; 0 for k = 0 */
static inline int
lep_row_stride(int k)
{
	return (k + LEP_LANES - 1) / LEP_LANES * LEP_LANES;
}

/*
 * The ratings of one block of the SGD grid, in the order they are visited, and
 * what they update.  user and item count from the block's first.
 *
 * One rating r of user u and item i, all in float and in this order, where
 * shrink = fma(-learning_rate, regularization, 1) and bias_shrink likewise:
 *
 *	e = r - ((bias_u + bias_i) + dot_f32(p, q, stride))
 *	loss += (double) e * e
 *	step = learning_rate * e
 *	bias_u = fma(bias_shrink, bias_u, step), bias_i likewise
 *	p[f] = fma(step, q[f], shrink * p[f])
 *	q[f] = fma(step, p[f] as it was, shrink * q[f])
 *
 * which is p += learning_rate (e q - regularization p), arranged so that only
 * two operations wait for e.
 */
typedef struct LepSgdBlock
{
	int64_t n;			  /* ratings */
	const uint16_t *user; /* [n] */
	const uint16_t *item; /* [n] */
	const float *rating;  /* [n], standardised */
	float *user_factors;  /* first user's row; padded rows */
	float *item_factors;
	float *user_bias; /* first user's */
	float *item_bias;
	int stride; /* floats per row, a multiple of 16; 0: biases only */
	float learning_rate;
	float regularization; /* of factors */
	float bias_regularization;
	double loss; /* out: sum of squared errors before each update */
} LepSgdBlock;

/*
 * Codes of factors in 8 bits, for LEP_BLOCK_ITEMS items at a time: a code z of -127
 * to 127 is stored as z + LEP_CODE_ZERO.  Factors are taken by groups: group g
 * of item i is the LEP_CODE_GROUP bytes from (g * LEP_BLOCK_ITEMS + i) *
 * LEP_CODE_GROUP on, of the factors from g * LEP_CODE_GROUP on.  So that the
 * sums of many items grow side by side, and none must be added up across a
 * register.
 */
#define LEP_BLOCK_ITEMS 64
#define LEP_CODE_GROUP	4
#define LEP_CODE_ZERO	128
#define LEP_MAX_CODE	127

/* A block of items and a user's codes. */
typedef struct LepCodeScan
{
	int n_groups;
	const uint8_t *codes; /* [n_groups * LEP_BLOCK_ITEMS * LEP_CODE_GROUP], 64-byte aligned */
	const float *scale;	  /* [LEP_BLOCK_ITEMS], 64-byte aligned */
	const float *bias;	  /* likewise */
	const int8_t *query;  /* [n_groups * LEP_CODE_GROUP], 4-byte aligned, -127 to 127 */
	int32_t query_sum;	  /* of the query's codes */
	float query_scale;
	float cut;
} LepCodeScan;

typedef struct LepKernels
{
	LepKernelLevel level;

	/* sum of a[i] * b[i]; any n, any alignment */
	float (*dot_f32)(const float *a, const float *b, int n);

	/* the same, summed in double precision in 16 virtual lanes: scores */
	double (*dot_f64)(const float *a, const float *b, int n);

	/* y[i] = fma(w, x[i], y[i]); any n, any alignment */
	void (*axpy_f32)(float w, const float *x, float *y, int n);

	/* out[i] = a[i] * b[i]; any n, any alignment */
	void (*mul_f32)(const float *a, const float *b, float *out, int n);

	/*
	 * out[j] = dot_f32(rows + j * stride, b, stride), for j < n_rows; padded.
	 * Bits as dot_f32.
	 */
	void (*dot_rows_f32)(const float *rows, int64_t n_rows, int stride, const float *b, float *out);

	/*
	 * Lower triangle (row-major, leading dimension ld >= n) of the products of n
	 * padded rows with each other: out[a][b] = dot_f32(rows[a], rows[b], stride)
	 * for b <= a < n, bits as dot_f32.  Elements above the diagonal but within
	 * its 4 x 4 tile may be written with anything.
	 */
	void (*gram_f32)(const float *rows, int n, int stride, float *out, int ld);

	/*
	 * y += sum over j of w[j] rows[j], for n_rows padded rows, y padded too:
	 * axpy_f32(w[j], rows + j * stride, y, stride) for j in order, at once.
	 */
	void (*axpy_rows_f32)(const float *w, const float *rows, int n_rows, int stride, float *y);

	/*
	 * Lower triangle (row-major, leading dimension ld >= stride, a multiple of
	 * 16, 64-byte aligned, stride rows) of C += sum over j of w[j] x[j] x[j]',
	 * for n padded rows x[j]; w NULL means 1.  Elements above the diagonal but
	 * within the diagonal's 16 x 16 tile may be written with anything.
	 * Each element sums over j in order: c[a][b] = fma(w x[a], x[b], c[a][b]).
	 */
	void (*syrk_f32)(float *c, int ld, const float *x, int stride, const float *w, int n);

	/*
	 * A padded row as codes of -127 to 127 and the scale of a code of 1, which is
	 * max |row[f]| / 127; rest[f] = fma(-scale, codes[f], row[f]), what is left.
	 * Where the scale is rounded to zero all codes are 0.
	 */
	float (*encode_f32)(const float *row, int stride, int8_t *codes, float *rest);

	/*
	 * Bit i for item i of the block, unless
	 *	fma(scale[i], query_scale * (float) dot, bias[i]) < cut
	 * where dot is the product of its codes with the query's, exact: at most
	 * 1024 products of 127 * 127 each, less than 2^24.
	 */
	uint64_t (*codes_above)(const LepCodeScan *scan);

	/* One pass of stochastic gradient descent over a block; see above. */
	void (*sgd_block)(LepSgdBlock *block);
} LepKernels;

/*
 * The kernels in use: the portable ones until lep_kernels_choose().  The
 * engine's only mutable global.
 */
extern const LepKernels *lep_kernels;

/* Take the best level that runs here.  Call once, before anything else. */
extern void lep_kernels_choose(void);

/*
 * Take this level: tests and lepton.kernel.  Returns 0, or -1 and changes
 * nothing if it does not run here or was not compiled in.  Not while workers
 * run.
 */
extern int lep_kernels_select(LepKernelLevel level);

/* The table of a level, or NULL where it was not compiled in. */
extern const LepKernels *lep_kernels_of(LepKernelLevel level);

#endif /* LEP_KERNELS_H */

/*
 * linalg.h
 *		Small dense linear algebra on the kernels: factor and solve symmetric
 *		positive definite systems of up to a thousand unknowns.
 *
 * Matrices are row-major, their lower triangle holds them, leading dimension
 * ld >= n, a multiple of 16, rows 64-byte aligned.  There is room for n rounded
 * up to a multiple of 16 rows; what is in the rows and columns beyond n does
 * not matter and may be changed, and so may what is above the diagonal.  No
 * allocation.  The same bits at every kernel level.
 */
#ifndef LEP_LINALG_H
#define LEP_LINALG_H

#include <stdbool.h>

/*
 * Unknowns, at most: 1024 factors and a bias, in padded rows.  The scratch memory
 * is on the stack, 65 KB.
 */
#define LEP_LINALG_MAX 1040

/*
 * Cholesky factor of the n x n matrix in place: a = L L', L in the lower
 * triangle.  False, with a destroyed, where a pivot is not positive and finite;
 * false also for n > LEP_LINALG_MAX.
 */
extern bool lep_cholesky(float *a, int ld, int n);

/* Solve L L' x = b in place, b of n floats, any alignment. */
extern void lep_cholesky_solve(const float *l, int ld, int n, float *b);

/* The two halves of that: solve L y = b, then L' x = y, in place. */
extern void lep_cholesky_forward(const float *l, int ld, int n, float *b);
extern void lep_cholesky_backward(const float *l, int ld, int n, float *b);

#endif /* LEP_LINALG_H */

/*
 * dense.h
 *		Small dense matrices in double precision: Cholesky, triangular solves,
 *		eigenvectors.
 *
 * For the few matrices of a whole training (priors, compressions), not for one
 * per row: those are linalg.h's, in single precision on the kernels.  Matrices
 * are n x n, row-major, leading dimension n.  No allocation; every operation is
 * an IEEE addition, multiplication, division or square root in a fixed order,
 * so the bits are the same everywhere.  Any thread may call.
 */
#ifndef LEP_DENSE_H
#define LEP_DENSE_H

#include <stdbool.h>

#include "core/env.h"

/*
 * Cholesky factor in place: a = L L', L in the lower triangle, which is all
 * that is read.  False, with a destroyed, where a pivot is not positive and
 * finite.  O(n^3 / 3).
 */
extern bool lep_dense_cholesky(double *a, int n);

/*
 * The same on the thread that called the engine, for large n (0.1 s at 1024):
 * should_stop is asked before each row.  LEP_ERR_STOPPED, or LEP_ERR_DIVERGED where
 * the other returns false (env->error is then not set).
 */
extern LepStatus lep_dense_cholesky_stoppable(LepEnv *env, double *a, int n);

/* Solve L x = b, and L' x = b, in place. */
extern void lep_dense_solve_lower(const double *l, int n, double *b);
extern void lep_dense_solve_upper(const double *l, int n, double *b);

/*
 * Eigenvalues, descending, and eigenvectors of a symmetric matrix: on return
 * row j of a is the unit eigenvector of value[j].  scratch: n numbers.  False,
 * with a destroyed, where the matrix is not finite or the iteration does not
 * converge.  About 9 n^3 operations.
 */
extern bool lep_dense_eigen(double *a, int n, double *value, double *scratch);

/*
 * The same on the thread that called the engine, for large n: should_stop is
 * asked every few n^2 operations (2 ms at n = 1024, which takes 2 s in all).
 * LEP_ERR_STOPPED, or LEP_ERR_DIVERGED where the other returns false (env->error is
 * then not set).
 */
extern LepStatus lep_dense_eigen_stoppable(LepEnv *env, double *a, int n, double *value, double *scratch);

#endif /* LEP_DENSE_H */

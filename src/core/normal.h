/*
 * normal.h
 *		Normal equations of every row of one side of a factorisation, the other
 *		side held fixed: what alternating least squares and Gibbs sampling by
 *		rows have in common.
 *
 * For a row with ratings j = 1..n, z_j = (r_j - mean) * inverse_sd its
 * standardised rating, w_j = z_j less the bias of j's row on the fixed side, x_j
 * that row's factors:
 *
 *	matrix = sum c x x'		t = sum c w x	s = sum c x		v = sum c w
 *
 * with c the weight of j's row on the fixed side, 1 where it has none.
 *
 * A callback makes the row's factors and bias of them.  Rows are independent
 * and summed in a fixed order, in shares that depend on the data alone, so the
 * bits are the same with any number of threads.
 */
#ifndef LEP_NORMAL_H
#define LEP_NORMAL_H

#include "core/env.h"
#include "core/view.h"

typedef struct LepNormal
{
	float *matrix; /* [stride * stride], lower triangle */
	float *t;	   /* [stride] */
	float *s;	   /* [stride] */
	double v;
	double count; /* sum c */
	double loss;  /* sum of squared standardised residuals, once solved */
} LepNormal;

/* Users or items. */
typedef struct LepNormalSide
{
	LepView view;
	float *factors; /* [n_rows * stride], padded rows */
	float *bias;	/* [n_rows] */
	float *weight;	/* [n_rows] what ratings of the row count; NULL: 1 */
} LepNormalSide;

/*
 * Solve row `row` with n > 0 ratings: write its factors (n_factors floats, the
 * padding stays) and its bias to the side that is solved for.  The equations
 * may be destroyed.  Runs on any thread.
 */
typedef void (*LepNormalSolve)(void *arg, int32_t row, int64_t n, LepNormal *normal);

typedef struct LepNormals LepNormals;

/* bytes that create takes, SIZE_MAX on overflow */
extern size_t lep_normals_size(int n_factors, int n_threads);

/*
 * For steps on either side of a factorisation.  mean and inverse_sd standardise
 * the ratings.  NULL on failure, env->error set.
 */
extern LepNormals *lep_normals_create(LepArena *arena, int n_factors, double mean, double inverse_sd);

/*
 * Solve all rows of one side that have ratings.  loss, unless NULL: [n_rows],
 * gets the squared standardised residuals of each row afterwards, which weights
 * do not change; rows without ratings are left alone.
 */
extern LepStatus lep_normals_solve(LepEnv *env, LepNormals *normals, LepNormalSide *solved,
								   const LepNormalSide *fixed, LepNormalSolve solve, void *arg, double *loss);

#endif /* LEP_NORMAL_H */

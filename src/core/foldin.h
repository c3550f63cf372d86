/*
 * foldin.h
 *		A new user from her ratings, the items held fixed: her bias and factors
 *		in closed form, in microseconds, without training.  Items are folded in
 *		against fixed users by the same functions.
 *
 * Model.  What is new is a vector x of d = n_factors + 1 unknowns, the factors
 * first and the bias last.  A rating of a row with factors q and bias b is
 *
 *	y = base + b + a . x + e,	a = (q, 1),	e ~ N(0, noise),	x ~ N(m, C)
 *
 * and the answer is the mean of x given the ratings (see foldin.c).  m and C
 * are learned from the rows that the model has already: C is full, so that what
 * few ratings say of one direction says something of the others too.
 *
 * Users stand for the side that is folded in, items for the fixed side, in the
 * names below too.
 */
#ifndef LEP_FOLDIN_H
#define LEP_FOLDIN_H

#include "core/model.h"
#include "core/ratings.h"

/*
 * Distribution of a row that is not known yet.  The fields of the first group
 * are all there is to it: stored, they make the same prior again, to the bit,
 * by lep_foldin_prepare().  They are 2 d + d (d + 1) / 2 floats and two doubles:
 * 0.7 KB for 16 factors, 2.5 KB for 32, 9.1 KB for 64, 34 KB for 128 and 2.1 MB
 * for 1024.
 */
typedef struct LepFoldinPrior
{
	int n_factors;
	double base;	 /* mean of the ratings */
	double noise;	 /* variance of a rating around its score; above 0 */
	float *mean;	 /* [d] m */
	float *scale;	 /* [d] at least 0; 0: this unknown is always m */
	float *triangle; /* [d (d + 1) / 2] T, lower triangle by rows; C = scale T scale */

	/* made of the above */
	int stride;		  /* lep_row_stride(d) */
	float *center;	  /* [stride] m, padded with 0 */
	float *unit;	  /* [stride] scale / root of noise, padded with 0 */
	float *root;	  /* [stride * stride] L of T = L L', 0 above the diagonal and beyond d */
	float *precision; /* [stride * stride] inverse of T, symmetric, 0 beyond d */
} LepFoldinPrior;

/* How to solve: AUTO takes the cheaper; the others are for tests. */
typedef enum LepFoldinMethod
{
	LEP_FOLDIN_AUTO,
	LEP_FOLDIN_PRIMAL, /* d x d */
	LEP_FOLDIN_DUAL	   /* n x n, for n up to LEP_LINALG_MAX */
} LepFoldinMethod;

/* What is known of one new user. */
typedef struct LepFoldinInput
{
	int64_t n;			  /* ratings */
	const float *rating;  /* [n], in any order; the same item twice counts twice */
	const int32_t *row;	  /* [n] rows of the items, -1: unknown, not used; NULL: 0 to n - 1 */
	const float *bias;	  /* of the items, by row */
	const float *factors; /* by row, lep_row_stride(n_factors) floats each; NULL for no factors */
	LepFoldinMethod method;
	LepEnv *env; /* asked whether to stop, where the thread may; NULL: nobody is */
} LepFoldinInput;

/* foldin.c */

/* Arrays for so many factors, mean and scale 0, T the unit matrix; then fill them in and prepare. */
extern LepStatus lep_foldin_create(LepArena *arena, int n_factors, LepFoldinPrior *prior);

/*
 * Make the second group of fields.  LEP_ERR_BYTES_VALUE if a number of the first
 * is not finite, too large or negative where it must not be, or if T is not
 * positive definite; its row is 0 for base and noise, 1 for mean, 2 for scale, 3
 * for T.  O(d^3): 0.2 ms for 64 factors, 0.1 s for 1024.
 */
extern LepStatus lep_foldin_prepare(LepEnv *env, LepFoldinPrior *prior);

/* Bytes that lep_foldin_create takes, SIZE_MAX on overflow. */
extern size_t lep_foldin_size(int n_factors);

/*
 * Bytes of scratch memory, 64-byte aligned, that folding in up to n ratings
 * needs: 46 KB for 64 factors and any n, 4.6 MB for 1024.
 */
extern size_t lep_foldin_scratch(LepFoldinMethod method, int n_factors, int64_t n);

/*
 * Fold in: *bias, and factors, lep_row_stride(n_factors) floats, zero beyond
 * n_factors; factors may be NULL where there are none.  Without ratings that is
 * the prior's mean.  With many, it is what the ratings say.
 *
 * LEP_ERR_NOT_FINITE and LEP_ERR_RATING_RANGE for a rating (row: its position);
 * LEP_ERR_BYTES_VALUE (row -1) where the items' rows are such that there is no
 * solution in floats.  Outputs are set only with LEP_OK.
 *
 * O(n d^2 + min(n, d)^3).  Allocates nothing, reads the prior only, any thread
 * may call.  Asks input->env, if there is one, before each 64 ratings.  The same bits at every kernel level; the order of the ratings matters
 * in the last digits.
 */
extern LepStatus lep_foldin_user(const LepFoldinPrior *prior, const LepFoldinInput *input, void *scratch,
								 float *bias, float *factors, LepError *error);

/* foldin_prior.c */

/*
 * Learn the priors of new users and of new items from a model and the ratings
 * that it was trained on, those in `parts`.  The priors are in the arena,
 * prepared.  Takes the noise from the model where it is known there, else
 * estimates it.  O(n_ratings + (n_users + n_items) d^2 + d^3 log n_ratings), in
 * parallel where a pool is running.
 */
extern LepStatus lep_foldin_learn(LepArena *arena, const LepModel *model, const LepRatings *ratings,
								  unsigned parts, LepFoldinPrior *users, LepFoldinPrior *items);

/* Bytes that lep_foldin_learn takes at most, priors included; SIZE_MAX on overflow. */
extern size_t lep_foldin_learn_size(int32_t n_users, int32_t n_items, int n_factors, int n_threads);

#endif /* LEP_FOLDIN_H */

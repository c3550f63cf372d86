/*
 * implicit.h
 *		Somebody new, or anybody, in a factorisation of implicit feedback: her
 *		factors from what she has, the items held fixed, and what each of her items
 *		brings into a score.
 *
 * Her factors are what solves (ials.c, whose symbols these are)
 *
 *	A p = sum over her items of c_j q_j,	A = w Q'Q + r I + sum over her items of c_j q_j q_j'
 *	r = l (sum of her c_j + w n_items)^e
 *
 * so the score of item i is a sum over her items (Y. Hu, Y. Koren, C. Volinsky,
 * "Collaborative filtering for implicit feedback datasets", ICDM 2008,
 * doi:10.1109/ICDM.2008.22, section 5):
 *
 *	q_i . p = sum of c_j (q_i' A^-1 q_j)
 *
 * in which a term is the item's weight times how alike both items are in her eyes.
 * Where r is all but nothing beside w Q'Q it is taken for 1e-7 of its largest
 * element: below is rounding, and without it there may be no solution.
 *
 * Everything is in double precision: a query solves one system.  A gram may be
 * read by any number of threads.
 */
#ifndef LEP_IMPLICIT_H
#define LEP_IMPLICIT_H

#include "core/options.h"
#include "core/ratings.h"
#include "core/topn.h"

/* How such a model was trained, as far as it matters here. */
typedef struct LepImplicitRule
{
	double unobserved_weight; /* w, at least 0 */
	double regularization;	  /* l, at least 0 */
	double exponent;		  /* e, 0 to LEP_MAX_EXPONENT */
	LepConfidence confidence; /* how c follows from a rating */
	double alpha;			  /* at least 0 */
	double mean_confidence;	  /* that they were divided by, at least 1 */
} LepImplicitRule;

/*
 * The rule of a training with these options, resolved for the algorithm, on the
 * ratings in these parts.  O(n_ratings), in parallel if a pool runs, the same
 * bits always.
 */
extern LepStatus lep_implicit_rule(LepEnv *env, const LepRatings *ratings, unsigned parts,
								   const LepOptions *options, LepImplicitRule *rule);

/* The confidence of a rating, in units of their mean. */
extern float lep_implicit_confidence(const LepImplicitRule *rule, float rating);

/* The ridge r of somebody with these confidences in all, beside n_others items. */
extern double lep_implicit_ridge(const LepImplicitRule *rule, double confidence, int32_t n_others);

/* The smallest r that counts, beside the largest element of w Q'Q. */
#define LEP_LEAST_RIDGE 1e-7

/* The largest mean_confidence: of the largest rating by the largest alpha. */
#define LEP_MAX_CONFIDENCE 2e18

/* The largest e. */
#define LEP_MAX_EXPONENT 2

/* Q'Q of a model's items. */
typedef struct LepGram
{
	int32_t n_items;
	int n_factors;
	double *product; /* [n_factors * n_factors], lower triangle by rows */
} LepGram;

/* Bytes that lep_gram_create takes, its scratch memory included; SIZE_MAX on overflow. */
extern size_t lep_gram_size(int n_factors);

/*
 * O(n_items * n_factors^2); asks should_stop now and then.  NULL on failure,
 * env->error set.
 */
extern LepGram *lep_gram_create(LepArena *arena, const LepItems *items, int n_factors);

/* The same of padded rows side by side, bit by bit. */
extern LepGram *lep_gram_of_rows(LepArena *arena, const float *rows, int32_t n_items, int n_factors);

/* The norm of what a padded row of factors says of all items: sqrt(p' Q'Q p). */
extern double lep_gram_norm(const LepGram *gram, const float *row);

/* What somebody has, with weights c where nothing else is said. */
typedef struct LepImplicitInput
{
	const LepItems *items;
	const int32_t *item; /* [n] numbers; the same one twice counts twice */
	const float *weight; /* [n] at least 0; NULL: 1 each */
	int64_t n;

	/*
	 * For lep_implicit_explain(): her factors as a padded row of the model, which
	 * may be a multiple of the solution (blend.h); NULL: they are the solution.
	 */
	const float *row;
} LepImplicitInput;

/* A^-1 of somebody, as its Cholesky factor. */
typedef struct LepImplicitUser
{
	int n_factors;
	double *root; /* [n_factors * n_factors] */
	double *p;	  /* [n_factors] her factors */
	double *work; /* [n_factors] of one caller at a time */
} LepImplicitUser;

/*
 * Solve for her; in the arena.  LEP_ERR_BYTES_VALUE (row -1) where the items' rows
 * are such that there is no solution.  O(n k^2 + k^3 / 3); asks should_stop.
 */
extern LepStatus lep_implicit_solve(LepArena *arena, const LepGram *gram, const LepImplicitRule *rule,
									const LepImplicitInput *input, LepImplicitUser *user);

/* Her factors as a padded row of floats. */
extern void lep_implicit_row(const LepImplicitUser *user, float *row);

/*
 * The same for ratings as they were trained on (NULL: 1 each), and her factors as
 * a padded row; scratch memory from env.
 */
extern LepStatus lep_implicit_fold_in(LepEnv *env, const LepGram *gram, const LepImplicitRule *rule,
									  const LepImplicitInput *input, float *row);

/* What each of her items brings into the score of item i: terms[input->n]. */
extern LepStatus lep_implicit_terms(LepEnv *env, LepImplicitUser *user, const LepImplicitInput *input,
									int32_t i, double *terms);

/*
 * Solve for somebody with these weights, and give the terms of item i in the score
 * of her row.  Scratch memory from env.
 */
extern LepStatus lep_implicit_explain(LepEnv *env, const LepGram *gram, const LepImplicitRule *rule,
									  const LepImplicitInput *input, int32_t i, double *terms);

#endif /* LEP_IMPLICIT_H */

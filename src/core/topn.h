/*
 * topn.h
 *		Exact top-N: the answer is the full scan's, bit by bit.
 *
 * Items are laid out in blocks, those first that can score highest.  A query
 * computes float32 scores block by block, skips a block whose bound
 * (Cauchy-Schwarz plus biases) cannot reach the list, and scores exactly
 * (lep_score) every item whose float32 score plus a proven error margin could.
 * Ties go by item number, which is the order of ids.
 *
 * Cost of a query: one float32 dot product for each item of the blocks that are
 * not skipped, and O(log n) for each item that enters the list.
 *
 * A LepItems belongs to the arena it was made in and is never changed: any
 * number of threads may query it, each with an environment of its own.
 */
#ifndef LEP_TOPN_H
#define LEP_TOPN_H

#include "core/env.h"
#include "core/model.h"

typedef struct LepItems LepItems; /* items laid out for queries; read only */

typedef struct LepTopnEntry
{
	int32_t item; /* number within the model */
	float score;  /* not clipped */
} LepTopnEntry;

/* Bytes that lep_items_create takes, at its peak and after; SIZE_MAX on overflow. */
extern size_t lep_items_size(int32_t n_items, int n_factors);

/*
 * Lay out n_items items: bias[i] and padded row i of factors (NULL for 0
 * factors).  The inputs are not kept.  NULL on failure or when stopped,
 * env->error set.
 */
extern LepItems *lep_items_create(LepArena *arena, int32_t n_items, int n_factors, double mean,
								  const float *bias, const float *factors);

/* how many items, and floats in a row of each: 0 for 0 factors */
extern int32_t lep_items_count(const LepItems *items);
extern int lep_items_stride(const LepItems *items);

/* bias and padded row of an item; the row is NULL for 0 factors */
extern float lep_items_bias(const LepItems *items, int32_t item);
extern const float *lep_items_row(const LepItems *items, int32_t item);

typedef struct LepTopnQuery
{
	const float *user_row; /* padded, 64-byte aligned; NULL: unknown user or no factors */
	float user_bias;
	int64_t n;				/* entries wanted; at most n_items are given; <= 0: none */
	const int32_t *exclude; /* ascending item numbers never to list, repetition is harmless */
	int64_t n_exclude;
	const int32_t *candidates; /* ascending, no repetition; NULL: all items */
	int64_t n_candidates;
} LepTopnQuery;

/*
 * The best, by (score descending, item ascending), into entries[], which holds
 * min(n, n_items) (or n_candidates); *n_found says how many.  Takes at most
 * n_items / 8 bytes of scratch memory, from env.  Asks should_stop now and then.
 */
extern LepStatus lep_topn(LepEnv *env, const LepItems *items, const LepTopnQuery *query,
						  LepTopnEntry *entries, int64_t *n_found);

#endif /* LEP_TOPN_H */

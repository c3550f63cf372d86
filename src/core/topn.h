/*
 * topn.h
 *		Exact top-N: the answer is the full scan's, bit by bit.
 *
 * Items are laid out in blocks, those first that can score highest (items.h).  A
 * query computes scores in 8 bits block by block, skips a block whose bound
 * (Cauchy-Schwarz plus biases) cannot reach the list, and scores exactly
 * (lep_score) every item whose score in 8 bits plus a proven error margin could.
 * Ties go by item number, which is the order of ids.
 *
 * Cost of a query: one product in 8 bits for each item of the blocks that are
 * not skipped, an exact one for each that could enter, and O(log n) for each
 * that does.
 */
#ifndef LEP_TOPN_H
#define LEP_TOPN_H

#include "core/env.h"
#include "core/items.h"
#include "core/model.h"

typedef struct LepTopnEntry
{
	int32_t item; /* number within the model */
	float score;  /* not clipped */
} LepTopnEntry;

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

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
	const uint8_t *eligible; /* bit i: item i may be listed at all; NULL: every item */
	uint8_t *mask;			 /* scratch of lep_topn_mask_size() bytes; NULL: from env, where it is needed */
	bool has_mask;			 /* it has bit i for each item i that may be listed: exclude is not looked at */
} LepTopnQuery;

/* Is the item among n ascending ones? */
static inline bool
lep_topn_is_listed(const int32_t *list, int64_t n, int32_t item)
{
	int64_t low = 0;

	while (low < n)
	{
		int64_t middle = low + (n - low) / 2;

		if (list[middle] < item)
			low = middle + 1;
		else if (list[middle] > item)
			n = middle;
		else
			return true;
	}
	return false;
}

/* The bit of an item; NULL: all are set. */
static inline bool
lep_topn_has_bit(const uint8_t *bits, int32_t item)
{
	return bits == NULL || (bits[item >> 3] >> (item & 7) & 1) != 0;
}

/* A bit per item, in whole bytes. */
static inline size_t
lep_topn_mask_size(int32_t n_items)
{
	return ((size_t) n_items + 7) / 8;
}

/*
 * The best, by (score descending, item ascending), into entries[], which holds
 * min(n, n_items) (or n_candidates); *n_found says how many.  Takes at most
 * n_items / 8 bytes of scratch memory.  Asks should_stop now and then.
 */
extern LepStatus lep_topn(LepEnv *env, const LepItems *items, const LepTopnQuery *query,
						  LepTopnEntry *entries, int64_t *n_found);

#endif /* LEP_TOPN_H */

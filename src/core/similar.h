/*
 * similar.h
 *		Items that are like an item: the cosine of their factors.
 *
 *	cosine(a, b) = a . b / sqrt((a . a) (b . b))
 *
 * each product summed in double precision by kernel dot_f64, the quotient
 * rounded to float once.  Biases play no part: they say how good something is,
 * not what it is like.  A row of zeros is like nothing.  Where a model has item
 * neighbours instead, they are the answer themselves.
 */
#ifndef LEP_SIMILAR_H
#define LEP_SIMILAR_H

#include "core/neighbors.h"
#include "core/topn.h"

/* The cosine of two padded rows, 0 where one of them is zero. */
extern float lep_cosine(const float *a, const float *b, int stride);

/* Is there anything but zeros in the row? */
extern bool lep_has_direction(const float *row, int stride);

typedef struct LepSimilarQuery
{
	const float *row;	   /* padded, what they are to be like; the items must have factors */
	int64_t n;			   /* entries wanted; <= 0: none */
	int32_t without;	   /* an item that is not listed; -1: none */
	const int32_t *within; /* item numbers, ascending: only these; NULL: all */
	int64_t n_within;
	const uint8_t *eligible; /* bit i: item i may be listed at all; NULL: every item */
} LepSimilarQuery;

/*
 * The items most like the row, by (cosine descending, item ascending), into
 * entries[], which holds min(n, n_items) (or n_within); *n_found says how many.
 * Items without direction are not listed, and for a row without there are none.
 * O(n_items * factors); asks should_stop now and then.  Allocates nothing.
 */
extern LepStatus lep_similar_items(LepEnv *env, const LepItems *items, const LepSimilarQuery *query,
								   LepTopnEntry *entries, int64_t *n_found);

/*
 * The neighbours of an item, those with weight, by (weight descending, item
 * ascending), into entries[], which holds min(n, its neighbours).
 */
extern LepStatus lep_similar_neighbors(LepEnv *env, const LepNeighbors *neighbors, int32_t item, int64_t n,
									   LepTopnEntry *entries, int64_t *n_found);

#endif /* LEP_SIMILAR_H */

/*
 * neighbors.h
 *		Item neighbours: for each item the items it speaks for, and the lists
 *		that follow from what somebody has.
 *
 * score(u, i) = (mean + user bias + item_bias[i]) + sum over the items j that u has of w_j weight[j -> i]
 *
 * summed in double precision, item by item of the basket in the order given (in
 * a model: ascending, every w_j = 1), and rounded to float once.  A product of
 * two floats is exact in a double, so the bits are the same everywhere.
 *
 * The item_bias of such a model is a trace of popularity, smaller than every
 * weight: it orders only what no item of the basket speaks for.  So a list is
 * filled up with what is popular, and for somebody with no items it is nothing
 * else; an item that was not reached is one whose score is its bias.
 *
 * A LepNeighbors that is not being written may be read by any number of
 * threads; scratch memory belongs to one at a time.
 */
#ifndef LEP_NEIGHBORS_H
#define LEP_NEIGHBORS_H

#include "core/env.h"
#include "core/model.h"
#include "core/ratings.h"
#include "core/topn.h"

/*
 * Row r holds the entries [start[r], start[r + 1]).  In a model row j is item
 * j; elsewhere rows may be of some items only, and baskets refer to rows.
 */
struct LepNeighbors
{
	int32_t n_rows;
	int32_t n_items; /* targets are below it */
	int64_t room;	 /* entries that fit */
	int64_t *start;	 /* [n_rows + 1] */
	int32_t *target; /* [room], ascending within a row, never the item itself */
	float *weight;	 /* [room], finite, at most LEP_MAX_NORM in magnitude */

	/*
	 * What the model's users had when it was trained, ascending: baskets of
	 * lep_model_score() and of the model as a ranker.  NULL: not here.
	 */
	const int64_t *basket_start; /* [n_users + 1] */
	const int32_t *basket_item;
	bool owns_baskets; /* they go with the model; else they are somebody else's */
};

/* Somebody's items: rows of a LepNeighbors, and how much each counts. */
typedef struct LepBasket
{
	const int32_t *rows;  /* [n], no repetition */
	const float *weights; /* [n]; NULL: 1 each */
	int64_t n;
} LepBasket;

/* The basket of user u of a model with baskets; empty for u < 0. */
extern LepBasket lep_neighbors_basket(const LepNeighbors *neighbors, int32_t u);

/*
 * Baskets of all users: their items in these parts of the ratings.  Where that
 * is every rating they are the ratings' own arrays, else a copy in the arena, of
 * 8 bytes a user and 4 a rating.
 */
extern LepStatus lep_neighbors_take_baskets(LepArena *arena, const LepRatings *ratings, unsigned parts,
											LepNeighbors *neighbors);

/* ---- one score ---- */

/* What row r gives item i: weight[r -> i], 0 where i is not in the row.  O(log of the row). */
extern float lep_neighbors_weight(const LepNeighbors *neighbors, int32_t r, int32_t i);

/* What a basket says of an item. */
typedef struct LepNeighborSum
{
	double sum;
	bool reached; /* has any row of the basket the item? */
} LepNeighborSum;

/*
 * The sum above without mean and biases; terms[b], unless NULL, is what entry b
 * of the basket contributes.  The terms added in order are the sum.  A basket may be
 * of everything: env is asked whether to stop, unless it is NULL, as in a task.
 */
extern LepStatus lep_neighbors_sum(LepEnv *env, const LepNeighbors *neighbors, const LepBasket *basket,
								   int32_t i, double *terms, LepNeighborSum *sum);

/* ---- lists ---- */

/* Sums of one basket; all zero between queries. */
typedef struct LepNeighborScratch
{
	int32_t n_items;
	double *sum;		 /* [n_items] */
	uint8_t *is_reached; /* [n_items] */
	int32_t *reached;	 /* [n_items + 1] the first n_reached: items that a row has, in no order */
	int32_t n_reached;
} LepNeighborScratch;

/* Bytes of the scratch memory for n_items items. */
extern size_t lep_neighbors_scratch_size(int32_t n_items);

/* On failure it is all zero, and nothing is left in the arena. */
extern LepStatus lep_neighbors_scratch(LepArena *arena, int32_t n_items, LepNeighborScratch *scratch);

/* Add a basket's terms to the (cleared) sums.  O(entries of its rows). */
extern void
lep_neighbors_add(const LepNeighbors *neighbors, const LepBasket *basket, LepNeighborScratch *scratch);

/* The same, asking should_stop: a basket may be of everything. */
extern LepStatus lep_neighbors_add_stoppable(LepEnv *env, const LepNeighbors *neighbors,
											 const LepBasket *basket, LepNeighborScratch *scratch);

/* Back to zero, in O(n_reached). */
extern void lep_neighbors_clear(LepNeighborScratch *scratch);

/*
 * Items by bias, descending, then by number, into order[n_items]: lists are
 * filled from it.  Sorts in place: O(n log n).  Fails only with LEP_ERR_STOPPED.
 */
extern LepStatus lep_neighbors_order(LepEnv *env, const float *item_bias, int32_t n_items, int32_t *order);

typedef struct LepNeighborQuery
{
	LepBasket basket;
	double base;			/* mean + user bias */
	const float *item_bias; /* [n_items] */
	const int32_t *order;	/* [n_items] of lep_neighbors_order() */
	int64_t n;				/* entries wanted; at most n_items are given; <= 0: none */
	const int32_t *exclude; /* ascending item numbers never to list, repetition is harmless */
	int64_t n_exclude;
	const int32_t *candidates; /* ascending, no repetition; NULL: all items */
	int64_t n_candidates;
	const uint8_t *eligible;	 /* bit i: item i may be listed at all; NULL: every item */
	LepNeighborScratch *scratch; /* cleared, and cleared again on return; NULL: from env */

	/*
	 * Unless NULL, [entries]: is the entry reached by the basket (origin
	 * 'neighbors'), or there for its bias alone ('popular')?
	 */
	bool *is_reached;
} LepNeighborQuery;

/*
 * The best, by (score descending, item ascending), into entries[], which holds
 * min(n, n_items) (or n_candidates); *n_found says how many.  The answer is that
 * of a scan of all scores.  O(entries of the basket's rows + n_exclude + log n
 * for each item that enters the list); asks should_stop now and then.
 */
extern LepStatus lep_neighbors_topn(LepEnv *env, const LepNeighbors *neighbors, const LepNeighborQuery *query,
									LepTopnEntry *entries, int64_t *n_found);

#endif /* LEP_NEIGHBORS_H */

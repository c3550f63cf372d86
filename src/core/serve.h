/*
 * serve.h
 *		Scores and lists of a model as it is kept for answering, whatever it is
 *		made of: biases, factors, item neighbours, or both.
 *
 *	score(u, i) = mean + user bias + item bias + factors u . factors i + terms of u's items
 *
 * as model.h has it, in double precision and rounded to float once; lists go by
 * (score descending, item ascending) and are those of a scan of all items.
 * Where nothing says what somebody likes, and the model has no opinion of items
 * as such (factors of implicit feedback, whose biases are 0), lists go by how
 * many have an item.
 *
 * Nothing here keeps a pointer; a LepServed may be read by any number of threads.
 */
#ifndef LEP_SERVE_H
#define LEP_SERVE_H

#include "core/foldin.h"
#include "core/neighbors.h"
#include "core/topn.h"

typedef struct LepServed
{
	double mean;
	const LepItems *items;		   /* biases, and factors if there are any */
	const LepNeighbors *neighbors; /* NULL: none */

	/* with neighbours: biases; for lists by popularity: shares of users; else NULL */
	const float *popularity; /* [n_items] */
	const int32_t *order;	 /* [n_items] of lep_neighbors_order(); NULL: by score */
} LepServed;

/* Items with their ratings; the order matters in the last digits. */
typedef struct LepRated
{
	const int32_t *item;
	const float *rating;
	int64_t n;
} LepRated;

/* Who asks. */
typedef struct LepServedUser
{
	bool known; /* her factors or items say what she likes */
	float bias;
	const float *row; /* padded, 64-byte aligned; NULL: none */
	LepBasket basket; /* for neighbours; items are rows */
} LepServedUser;

/*
 * Somebody without an id, by her ratings of items: her bias and factors as the
 * prior has them (foldin.h).  row: lep_row_stride(n_factors) floats.  Scratch
 * memory from env; asks should_stop.  LEP_ERR_BYTES_VALUE as lep_foldin_user().
 */
extern LepStatus lep_serve_fold_in(LepEnv *env, const LepServed *served, const LepFoldinPrior *prior,
								   const LepRated *rated, float *bias, float *row);

/* What a row of a list is there for: of factors and neighbours that which brings in more. */
typedef enum LepOrigin
{
	LEP_ORIGIN_FACTORS,
	LEP_ORIGIN_NEIGHBORS,
	LEP_ORIGIN_POPULAR
} LepOrigin;

/*
 * Memory for lists, kept from one query to the next: to get it anew, all zero, takes
 * longer than a list by neighbours does.  For one query at a time.
 */
typedef struct LepServeScratch
{
	LepNeighborScratch sums; /* with neighbours; cleared between queries */
	LepTopnEntry *rest;		 /* [n_items] with factors besides */
	bool *is_reached;		 /* [n_items] without factors */
	uint8_t *mask;			 /* of lep_topn() */
	bool in_use;			 /* true between queries: the host left one in the middle */
} LepServeScratch;

/* In the arena; lep_serve_scratch_size() bytes. */
extern LepStatus lep_serve_scratch(LepArena *arena, const LepServed *served, LepServeScratch *scratch);

/* At most 22 bytes an item; SIZE_MAX on overflow. */
extern size_t lep_serve_scratch_size(const LepServed *served);

typedef struct LepServedQuery
{
	int64_t n;				/* entries wanted; at most n_items are given; <= 0: none */
	const int32_t *exclude; /* ascending item numbers never to list, repetition is harmless */
	int64_t n_exclude;
	const int32_t *candidates; /* ascending, no repetition; NULL: all items */
	int64_t n_candidates;
	const uint8_t *eligible;  /* bit i: item i may be listed at all; NULL: every item */
	LepServeScratch *scratch; /* NULL: from env */
} LepServedQuery;

/*
 * The score of an item, -1 for one that is not known.  Where she has many items it asks
 * env whether to stop, unless that is NULL; so do the next two.
 */
extern LepStatus
lep_serve_score(LepEnv *env, const LepServed *served, const LepServedUser *user, int32_t item, float *score);

/* The score of items that are not known. */
extern float lep_serve_score_of_unknown(const LepServed *served, const LepServedUser *user);

/* An item for a user: its score, as above, and the origin that lep_serve_topn() gives it in her list. */
typedef struct LepServedPair
{
	float score;
	LepOrigin origin;
} LepServedPair;

extern LepStatus lep_serve_pair(LepEnv *env, const LepServed *served, const LepServedUser *user, int32_t item,
								LepServedPair *pair);

/* What a score is the sum of, before it is rounded. */
typedef struct LepScoreParts
{
	double mean;
	double user_bias;
	double item_bias;
	double factors;
	double neighbors;
} LepScoreParts;

/*
 * The parts of lep_serve_score().  terms, unless NULL: [user->basket.n] what each
 * of her items brings in as a neighbour; all 0 without neighbours.
 */
extern LepStatus lep_serve_parts(LepEnv *env, const LepServed *served, const LepServedUser *user,
								 int32_t item, LepScoreParts *parts, double *terms);

/*
 * The best, into entries[] and origins[], each of min(n, n_items) (or
 * n_candidates); *n_found says how many.  Without the query's scratch as much is taken
 * from env; with it env is asked for nothing but whether to stop.
 */
extern LepStatus
lep_serve_topn(LepEnv *env, const LepServed *served, const LepServedUser *user, const LepServedQuery *query,
			   LepTopnEntry *entries, LepOrigin *origins, int64_t *n_found);

/* What it takes to look at the items one by one, in any order; for one user. */
typedef struct LepServedScan
{
	const LepServed *served;
	const LepServedUser *user;
	bool has_sums;			 /* neighbours count */
	LepNeighborScratch sums; /* in the arena */
} LepServedScan;

/* Begin one.  13 bytes an item where neighbours count, in the arena; asks should_stop. */
extern LepStatus
lep_serve_scan(LepArena *arena, const LepServed *served, const LepServedUser *user, LepServedScan *scan);

/*
 * Of an item: the score that lep_serve_topn() gives it; what lists go by, which is
 * that or, where scores are no order, popularity; and its origin.
 */
extern float lep_serve_scan_score(const LepServedScan *scan, int32_t item);
extern float lep_serve_scan_key(const LepServedScan *scan, int32_t item);
extern LepOrigin lep_serve_scan_origin(const LepServedScan *scan, int32_t item);

#endif /* LEP_SERVE_H */

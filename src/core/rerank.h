/*
 * rerank.h
 *		Lists in another order than that of scores, made when they are read: less
 *		of what is popular anyway, not too much of one group, not all the same.
 *
 * The three work in this order, on what lists go by (serve.h), x(i):
 *
 *	1. Popularity.  Items are ranked, by number among equals, by
 *
 *			y(i) = x(i) - penalty * sd * ln(1 + n_ratings(i))
 *
 *	   sd is the standard deviation of x over all items that may be listed, so that
 *	   the same penalty means about the same whatever unit scores are in and
 *	   whatever they are counted from; y is rounded to float once.  The ranking is
 *	   that of all items, not of the head of a list.
 *
 *	2. Groups.  Going down that ranking, an item of whose group max_per_group are
 *	   listed already is passed over, until n are found or nothing is left.
 *
 *	3. Diversity: maximal marginal relevance (J. Carbonell, J. Goldstein: The use
 *	   of MMR, diversity-based reranking for reordering documents and producing
 *	   summaries, SIGIR 1998, DOI 10.1145/290941.291025).  Of a pool, the first
 *	   lep_rerank_pool(n) of the ranking (of one group at most 10 * max_per_group),
 *	   items are taken one by one: each time that which the limit of groups allows
 *	   and whose
 *
 *			(1 - diversity) * r(i) - diversity * max over j taken of sim(i, j)
 *
 *	   is largest, the better ranked among equals.  r is y, scaled so that it is 0
 *	   for the last of the pool and 1 for the first.  What a pool cannot fill goes
 *	   on down the ranking.
 *
 * sim is the cosine of the items' factors (similar.h); for a model with
 * neighbours only, with w(i, j) what i's row gives j and m(i) the largest
 * magnitude in that row,
 *
 *	sim(i, j) = (w(i, j) / m(i) + w(j, i) / m(j)) / 2
 *
 * where a row without any weight brings in 0.
 *
 * The score of an entry is the model's, whatever its place.
 */
#ifndef LEP_RERANK_H
#define LEP_RERANK_H

#include "core/serve.h"

/* Largest penalty. */
#define LEP_MAX_POPULARITY_PENALTY 1e6

typedef struct LepRerank
{
	double popularity_penalty; /* 0 to LEP_MAX_POPULARITY_PENALTY */
	const int32_t *n_ratings;  /* [n_items] in training; may be NULL for a penalty of 0 */

	int32_t max_per_group; /* at least 1; of no account without groups */
	const int32_t *group;  /* [n_items] of an item, below n_groups; -1: in none; NULL: no groups */
	int32_t n_groups;
	int32_t *n_listed; /* [n_groups], of each group: zeros, and what was listed on return */

	double diversity; /* 0 to 1 */
} LepRerank;

/* Has the model what diversity is measured by: factors, or neighbours? */
extern bool lep_rerank_can_compare(const LepServed *served);

/* How many of the best diversity chooses from: 10 n, but 200 to 2,000. */
extern int64_t lep_rerank_pool(int64_t n);

/*
 * The list, into entries[] and origins[], each of min(n, n_items) (or
 * n_candidates); *n_found says how many.  With a penalty, or where groups have
 * more to be passed over than listed, O(n_items) scores and O(log n_items) for each
 * item gone down to; else no more than lep_serve_topn() of a pool.  Diversity costs
 * n times the pool's similarities.
 * Scratch memory of at most 30 bytes an item, from env.  Asks should_stop.
 */
extern LepStatus
lep_rerank_topn(LepEnv *env, const LepServedScan *scan, const LepServedQuery *query, const LepRerank *rerank,
				LepTopnEntry *entries, LepOrigin *origins, int64_t *n_found);

#endif /* LEP_RERANK_H */

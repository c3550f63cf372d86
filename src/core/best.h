/*
 * best.h
 *		The best n of the items that are offered: a bounded heap, and the one
 *		order that lists have: score descending, item ascending.
 *
 * The entries are the caller's array.  Offering costs O(1) for an item that
 * does not enter, O(log n) for one that does; which items are kept does not
 * depend on the order in which they come.
 */
#ifndef LEP_BEST_H
#define LEP_BEST_H

#include "core/topn.h"

typedef struct LepBest
{
	LepTopnEntry *entries; /* [n_wanted]; a heap, the worst of those kept is its root */
	int64_t n_wanted;
	int64_t n_kept;
} LepBest;

/* Does a stand before b in a list? */
static inline bool
lep_best_is_better(const LepTopnEntry *a, const LepTopnEntry *b)
{
	return a->score > b->score || (a->score == b->score && a->item < b->item);
}

/* Keep this one if it is among the best so far. */
extern void lep_best_offer(LepBest *best, LepTopnEntry entry);

/* Sort what is kept, best first; nothing can be offered after that. */
extern LepStatus lep_best_sort(LepEnv *env, LepBest *best);

#endif /* LEP_BEST_H */

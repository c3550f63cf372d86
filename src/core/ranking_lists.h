/*
 * ranking_lists.h
 *		The lists of a batch of rows, and the comparisons for AUC: the part of
 *		ranking.c that asks the ranker for scores.
 *
 * A batch meets the items chunk by chunk, each row keeping its list between
 * chunks: one task scores one chunk for one row, and the chunk stays in cache
 * while the batch passes over it.  Where all users agree about the order of
 * items, each list is read off sorted items from the top.
 */
#ifndef LEP_RANKING_LISTS_H
#define LEP_RANKING_LISTS_H

#include "core/ranking.h"

typedef struct LepListEntry
{
	float score;
	int32_t item;
} LepListEntry;

/* One row of the batch at work. */
typedef struct LepRankingSlot
{
	int32_t row;
	int32_t user;		/* the ranker's */
	LepListEntry *list; /* best first once the batch has its lists */
	int len;
	int64_t next_excluded; /* where chunks go on in the row's excluded items */

	int64_t first_score;   /* AUC: where the row's relevant scores are */
	int64_t n_scores;	   /* of relevant candidates, ascending */
	int64_t next_relevant; /* where chunks go on in the row's relevant items */
	int64_t n_others;	   /* candidates that are not relevant */
	int64_t half_wins;	   /* pairs won, twice, and pairs tied */

	bool is_judged; /* false: it has no relevant candidate after all */
	double figure[LEP_N_RANKING_METRICS];
} LepRankingSlot;

/* A batch, and what all batches share. */
typedef struct LepRankingBatch
{
	const LepRankingRequest *request;
	int max_len;		   /* of a list: min(k, n_items) */
	LepListEntry *lists;   /* [max_rows * max_len] */
	const int32_t *order;  /* [n_items] best first, where users agree; else NULL */
	LepRankingSlot *slots; /* [max_rows] */
	int max_rows;
	int n_slots;
	int64_t first_item; /* the chunk at work */
	float *scores;		/* AUC: of relevant items, grown as batches need */
	int64_t n_scores;	/* that fit */
} LepRankingBatch;

/* The lists of the slots, which have their row, user, list and len 0. */
extern LepStatus lep_ranking_lists(LepEnv *env, LepRankingBatch *batch);

/* The counts of the slots for AUC. */
extern LepStatus lep_ranking_compare(LepArena *scratch, LepRankingBatch *batch);

/*
 * The items by falling keys, equal ones by item number, into order[n_items]; fails
 * only with LEP_ERR_STOPPED.
 */
extern LepStatus lep_ranking_sort(LepEnv *env, const float *keys, int32_t *order, int32_t n_items);

/* Is the column among the row's?  A view of NULL has none. */
extern bool lep_ranking_has(const LepView *view, int32_t row, int32_t column);

/* Where a row's entries begin. */
static inline int64_t
lep_ranking_start(const LepView *view, int32_t row)
{
	return view == NULL ? 0 : view->start[row];
}

/*
 * The same question for columns in ascending order: *next begins at the row's
 * start, and is where the last question ended.
 */
static inline bool
lep_ranking_pass(const LepView *view, int32_t row, int32_t column, int64_t *next)
{
	int64_t end;

	if (view == NULL)
		return false;
	end = view->start[row + 1];
	while (*next < end && view->column[*next] < column)
		(*next)++;
	return *next < end && view->column[*next] == column;
}

#endif /* LEP_RANKING_LISTS_H */

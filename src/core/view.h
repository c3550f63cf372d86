/*
 * view.h
 *		The ratings of some parts, as solvers want them: how many and how
 *		spread, and as compressed sparse rows by user or by item.
 *
 * Also the rule by which loops over rows are cut into tasks: by position among
 * the ratings, so that no list of tasks is needed and the cut is a function of
 * the data alone.
 *
 * Cost: by user O(n); by item a counting sort, O(n), on the calling thread,
 * which asks should_stop as it goes.
 */
#ifndef LEP_VIEW_H
#define LEP_VIEW_H

#include "core/ratings.h"

/* Compressed sparse rows: row r holds entries [start[r], start[r + 1]). */
typedef struct LepView
{
	int32_t n_rows;
	int64_t n;			   /* entries */
	const int64_t *start;  /* [n_rows + 1] */
	const int32_t *column; /* [n], ascending within a row */
	const float *rating;   /* [n] */
} LepView;

/* Is a rating of this part among the parts? */
static inline bool
lep_part_in(unsigned parts, uint8_t part)
{
	return (parts >> part & 1) != 0;
}

/*
 * Rows are users, columns items.  Where the parts hold every rating the view
 * is the ratings' own arrays, else a copy in the arena.
 */
extern LepStatus lep_view_by_user(LepArena *arena, const LepRatings *ratings, unsigned parts, LepView *view);

/* Rows are items, columns users; always a copy. */
extern LepStatus lep_view_by_item(LepArena *arena, const LepRatings *ratings, unsigned parts, LepView *view);

/* Bytes of a copied view, SIZE_MAX on overflow. */
extern size_t lep_view_size(int32_t n_rows, int64_t n);

/*
 * Rows weigh row_weight plus one for each entry.  The first row that begins at
 * or after `position` of the summed weight; n_rows if there is none.  Task t of
 * a loop with chunks of c takes the rows from row_at(t * c) up to
 * row_at((t + 1) * c); there are lep_view_tasks() of them.  O(log n_rows).
 */
extern int32_t lep_view_row_at(const int64_t *start, int32_t n_rows, int64_t row_weight, int64_t position);
extern int64_t lep_view_tasks(const int64_t *start, int32_t n_rows, int64_t row_weight, int64_t chunk);

typedef struct LepMoments
{
	int64_t n;
	double mean; /* 0 for n = 0 */
	double sd;	 /* root of the mean squared deviation; 0 for n = 0 */
} LepMoments;

/* Ratings in some parts: lep_ratings_count() in parallel and stoppable. */
extern LepStatus lep_view_count(LepEnv *env, const LepRatings *ratings, unsigned parts, int64_t *n);

/* Of the ratings in some parts; in parallel, the same bits always. */
extern LepStatus
lep_view_moments(LepEnv *env, const LepRatings *ratings, unsigned parts, LepMoments *moments);

#endif /* LEP_VIEW_H */

/*
 * ratings_sort.h
 *		The steps between rows as they were read and ratings; used by
 *		ratings.c, and by rowstate.c to read rows.
 *
 * lep_rows_sort: chunks of rows -> ratings by user, then item, one of each pair
 * (lep_rows_merge, ratings_merge.c).
 * lep_rows_drop_cold (ratings_cold.c): users and items with too few ratings go.
 *
 * Each asks the host whether to stop every LEP_STOP_ROWS rows.
 */
#ifndef LEP_RATINGS_SORT_H
#define LEP_RATINGS_SORT_H

#include "core/env.h"
#include "core/idmap.h"
#include "core/options.h"

/*
 * After so many rows a loop asks whether to stop; a power of two.  So few since
 * sorting into fresh memory may fault in a page or two for each row at first,
 * which on a busy virtual machine took 40 us each.
 */
#define LEP_STOP_ROWS 128

/* Row j of a loop: is it time to ask, and does the host want a stop? */
static inline bool
lep_rows_stop(LepEnv *env, int64_t j)
{
	return (j & (LEP_STOP_ROWS - 1)) == 0 && lep_env_stopped(env);
}

/* Rows as they were read, oldest chunk first; one block of the builder's arena. */
typedef struct LepRowChunk
{
	struct LepRowChunk *next;
	int64_t n;
	int64_t capacity;
	bool reserved; /* for capacity rows, in use for n */
	size_t size;   /* bytes of the block that are in use */
	int32_t *user; /* [capacity], rows of the id maps */
	int32_t *item;
	float *rating; /* NULL: all 1 */
	int64_t *time; /* or NULL */
} LepRowChunk;

/* Ratings by user, then item: what becomes a LepRatings. */
typedef struct LepRows
{
	LepArena *arena;   /* owns the arrays; the chunks' too */
	LepArena *scratch; /* for what a step needs */
	int32_t n_users;
	int32_t n_items;
	int64_t n;
	int64_t *user_start; /* [n_users + 1] */
	int32_t *item;		 /* [n], as the next two reserved for more, in use for n */
	float *rating;
	int64_t *time; /* or NULL */
} LepRows;

/* A row on its way from the chunks to ratings, by the new numbers. */
typedef struct LepEntry
{
	int32_t user;
	int32_t item;
	float rating;
} LepEntry;

/* Some of them. */
typedef struct LepEntries
{
	int64_t n;
	LepEntry *row; /* [n] */
	int64_t *time; /* [n], or NULL */
} LepEntries;

/* What lep_rows_sort is given. */
typedef struct LepSortInput
{
	LepRowChunk *chunks;
	int64_t n;				 /* rows in them */
	const int32_t *new_user; /* the chunks' numbers -> those of rows */
	const int32_t *new_item;
	LepDuplicates rule;	   /* not AUTO */
	const LepIdMap *users; /* for the texts of errors */
	const LepIdMap *items;
} LepSortInput;

/* n zeros in arena; NULL, with the error set, without memory or when stopped. */
extern int64_t *lep_rows_zeros(LepArena *arena, int64_t n);

/* Turn counts in start[1..n] into starts, start[0] = 0. */
extern LepStatus lep_rows_sum_up(LepEnv *env, int64_t *start, int64_t n);

/*
 * Sort the rows of all chunks, make one of the rows of each pair, and free each
 * chunk as soon as it has been read.  rows->arena, scratch, n_users and n_items are
 * given, the rest is set.  *peak: bytes that will be held at the most, said before
 * they are taken.
 */
extern LepStatus lep_rows_sort(const LepSortInput *input, LepRows *rows, size_t *peak);

/*
 * Append the ratings of entries, which are sorted by user and item and belong to
 * the users behind those that are there: one of each pair, with the newest of their
 * times.  Sums and means are taken in double precision in the order of (time,
 * rating), so they depend on the set alone.  LAST takes the mean of the rows of the
 * newest time.  The first pair in order that is there twice is LEP_ERR_DUPLICATE for
 * rule ERROR; LEP_ERR_RATING_RANGE for a sum that a float cannot hold.  The order
 * among entries of one pair is open, and changed.
 */
extern LepStatus lep_rows_merge(const LepSortInput *input, LepEntries *entries, LepRows *rows);

/*
 * Drop the ratings of users with fewer than min_user and of items with fewer
 * than min_item ratings, again and again until none is left (the largest set
 * in which all have enough: it does not depend on an order), and these users
 * and items from the maps; O(ratings).
 */
extern LepStatus
lep_rows_drop_cold(LepRows *rows, int64_t min_user, int64_t min_item, LepIdMap *users, LepIdMap *items);

#endif /* LEP_RATINGS_SORT_H */

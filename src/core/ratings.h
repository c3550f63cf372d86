/*
 * ratings.h
 *		From rows in any order to ratings in canonical order.
 *
 * Rows are added in batches, in whatever order the source gives them, then
 * sorted by (user id, item id, time, rating); the same pair twice becomes one
 * by the rule of option `duplicates`, rows of users and items with too few
 * ratings go (options min_user_ratings, min_item_ratings; repeated until
 * nothing changes).  What comes out is a function of the rows as a set.
 *
 * Memory: 12 bytes a row while reading (20 with time) and about a fiftieth more
 * while sorting (a row without a rating 8 and 12), 8 a rating (16) and one for the
 * part afterwards; an id takes idmap.h's, and 36 bytes more while ids are sorted.
 */
#ifndef LEP_RATINGS_H
#define LEP_RATINGS_H

#include "core/env.h"
#include "core/idmap.h"
#include "core/options.h"

/*
 * Largest magnitude of a rating: what is learned of such ratings still keeps
 * within LEP_MAX_NORM.
 */
#define LEP_MAX_RATING 1e12

/* Which part of the data a rating belongs to; see split.h. */
typedef enum LepPart
{
	LEP_PART_TRAIN,
	LEP_PART_VALIDATION,
	LEP_PART_TEST,
	LEP_PART_UNUSED /* of no use to this training: later than its test, say */
} LepPart;

/* Sets of parts. */
#define LEP_PARTS_TRAIN		 (1 << LEP_PART_TRAIN)
#define LEP_PARTS_VALIDATION (1 << LEP_PART_VALIDATION)
#define LEP_PARTS_TEST		 (1 << LEP_PART_TEST)
#define LEP_PARTS_UNUSED	 (1 << LEP_PART_UNUSED)
/* all that a training may look at */
#define LEP_PARTS_ALL (LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION | LEP_PARTS_TEST)

typedef struct LepRatings
{
	int32_t n_users;
	int32_t n_items;
	int64_t n_ratings;

	/* by user: the ratings of user u are [user_start[u], user_start[u+1]) */
	int64_t *user_start; /* [n_users + 1] */
	int32_t *item;		 /* [n_ratings], ascending within a user */
	float *rating;		 /* [n_ratings] */
	int64_t *time;		 /* [n_ratings], or NULL */
	double day;			 /* how much of time a day is; 86400 unless set */
	uint8_t *part;		 /* [n_ratings], LepPart; all TRAIN until split */

	LepIdMap *users;
	LepIdMap *items;

	LepFeedback feedback;	  /* explicit or implicit, decided */
	LepDuplicates duplicates; /* the rule that was applied, decided */
	bool looks_like_counts;	  /* integers from 1 with a long tail */

	int64_t n_rows;	  /* added */
	int64_t n_merged; /* rows that became part of another */
	int64_t n_cold;	  /* ratings of users or items with too few */
	int64_t n_lone;	  /* users and items with one rating */
	float min_rating; /* over n_ratings */
	float max_rating;

	/*
	 * Set where nobody will ask for the times after the next training's split, which
	 * may then drop them.
	 */
	bool times_once;
	LepArena *arena; /* owns the arrays; NULL: not known */

	/*
	 * The model whose items the next fit begins with, where its solver can (option
	 * warm_start); of the fit's shape.  NULL: at random.
	 */
	const struct LepModel *start;

	/* bytes that reading and sorting would hold at the most, said before sorting */
	size_t memory_estimate;
} LepRatings;

typedef struct LepRatingsBuilder LepRatingsBuilder;

/* What the source has. */
typedef struct LepSourceShape
{
	LepIdKind user_kind;
	LepIdKind item_kind;
	bool has_rating; /* else every row counts 1 */
	bool has_time;
} LepSourceShape;

/* A builder whose memory is in arena.  NULL on failure, env->error set. */
extern LepRatingsBuilder *lep_ratings_begin(LepArena *arena, const LepSourceShape *shape);

/*
 * Add n <= LEP_ID_BATCH rows.  ratings and times may be NULL where the shape
 * says that there are none.  LEP_ERR_NOT_FINITE for a NaN or infinite rating,
 * LEP_ERR_RATING_RANGE for one beyond LEP_MAX_RATING.
 */
extern LepStatus lep_ratings_add(LepRatingsBuilder *builder, const LepId *users, const LepId *items,
								 const double *ratings, const int64_t *times, int n);

/* The same two errors for one rating, of the row of this number. */
extern LepStatus lep_rating_check(double rating, int64_t row, LepError *error);

/*
 * For rows that are kept in other forms (rowstate.h).  The numbers of ids so far,
 * which may be given more; rows without times by such numbers, n <= LEP_ID_BATCH,
 * with ratings that lep_rating_check() takes; and the rows so far, oldest first.
 */
extern LepIdMap *lep_ratings_builder_users(LepRatingsBuilder *builder);
extern LepIdMap *lep_ratings_builder_items(LepRatingsBuilder *builder);
extern LepStatus lep_ratings_add_numbered(LepRatingsBuilder *builder, const int32_t *users,
										  const int32_t *items, const float *ratings, int n);
extern const struct LepRowChunk *lep_ratings_builder_chunks(const LepRatingsBuilder *builder);

/* Rows added so far. */
extern int64_t lep_ratings_rows(const LepRatingsBuilder *builder);

/* For what is judged and not trained on: a single user or item will do. */
extern void lep_ratings_allow_few(LepRatingsBuilder *builder);

/* How much a day is in the source's times. */
extern void lep_ratings_set_day(LepRatingsBuilder *builder, double day);

/*
 * Sort, merge, drop.  The builder and what only it needs are given back; the
 * ratings are in its arena.  Uses options feedback, duplicates,
 * min_user_ratings and min_item_ratings.
 */
extern LepStatus
lep_ratings_finish(LepRatingsBuilder *builder, const LepOptions *options, LepRatings **ratings);

/* Drop the times, if that is allowed (times_once). */
extern void lep_ratings_drop_times(LepRatings *ratings);

/* Ratings in a set of parts (LEP_PARTS_...). */
extern int64_t lep_ratings_count(const LepRatings *ratings, unsigned parts);

/* The user of rating j: O(log n_users).  Loops go user by user instead. */
extern int32_t lep_ratings_user(const LepRatings *ratings, int64_t j);

/* A hash of rating j, its item by id. */
extern uint64_t lep_ratings_hash(const LepRatings *ratings, int64_t j);

/*
 * A hash of what user u has, items and their ratings: the sum of those hashes, the
 * same for the same on any machine, whoever else is among the ratings.
 */
extern uint64_t lep_ratings_digest(const LepRatings *ratings, int32_t u);

/*
 * Is user u in a sample of this share of all users?  By a hash of the seed and
 * her id, so that she stays in when others come and go.
 */
extern bool lep_ratings_in_sample(const LepRatings *ratings, int32_t u, uint64_t seed, double share);

#endif /* LEP_RATINGS_H */

/*
 * inspect.h
 *		What ratings look like before anything is learned of them.
 *
 * Everything is counted exactly, over all ratings and without sampling; a
 * quantile is a value that occurs, by nearest rank: the smallest of which at
 * least that share of the values is not larger.  Nothing depends on threads or
 * on the order of rows: one thread does it all, O(ratings), which is less than
 * reading and sorting the rows.
 *
 * Scratch memory: 16 bytes a rating where there are times, else 16 bytes a user
 * or item, whichever are more; and 2 MB.
 */
#ifndef LEP_INSPECT_H
#define LEP_INSPECT_H

#include "core/ratings.h"

/* Distinct ratings are counted up to here. */
#define LEP_INSPECT_MAX_DISTINCT 65536

/* A rating is far out beyond so many standard deviations from the mean. */
#define LEP_INSPECT_FAR 5

/* A user has suspiciously many ratings above so many times the 99 % quantile. */
#define LEP_INSPECT_MANY 10

/* From so many ratings on it says something that all are the same. */
#define LEP_INSPECT_MIN_CONSTANT 10

/* How ratings are spread over users, or over items: numbers of ratings. */
typedef struct LepInspectSpread
{
	int32_t n; /* users or items */
	int64_t min;
	int64_t quartile1;
	int64_t median;
	int64_t quartile3;
	int64_t p90;
	int64_t p99;
	int64_t max;
	int32_t n_single; /* with one rating */
	int32_t n_top;	  /* 1 %, rounded up */
	double top_share; /* of the ratings, those of the n_top with the most */
	double gini;	  /* 0: all have equally many; towards 1: one has all */
} LepInspectSpread;

typedef struct LepInspection
{
	LepInspectSpread users;
	LepInspectSpread items;

	/* the scale */
	double mean;
	double sd;			/* root of the mean squared deviation */
	int32_t n_distinct; /* LEP_INSPECT_MAX_DISTINCT + 1: more than can be counted */
	double step;		/* all ratings are min + whole * step; 0: on no such grid */
	int64_t n_far;		/* beyond mean +- LEP_INSPECT_FAR * sd */

	/* users of a kind */
	int32_t n_many;				/* with more than LEP_INSPECT_MANY * users.p99 ratings */
	int64_t n_many_ratings;		/* that these hold */
	int32_t n_constant;			/* with LEP_INSPECT_MIN_CONSTANT ratings or more, all the same */
	int64_t n_constant_ratings; /* that these hold */

	/* times; all 0 where there are none */
	int64_t first_time;
	int64_t last_time;
	int64_t n_instants;		   /* distinct times */
	int64_t common_time;	   /* of the most ratings; the oldest of equals */
	int64_t n_common_time;	   /* its ratings */
	int32_t n_instant;		   /* users with two ratings or more, all of one time */
	int64_t n_instant_ratings; /* that these hold */

	/* the future; all 0 without lep_inspect_future() */
	int64_t n_future;
	int32_t n_future_users;
	int32_t n_future_items;

	/* what split "random" would do; all 0 without times */
	int64_t n_test;
	int64_t n_test_known; /* test ratings older than some training rating of the same user */
	int64_t n_newer;	  /* training ratings newer than some test rating of the same user */

	/* what split "time" would do; all 0 without times */
	int64_t n_time_test;
	int64_t n_time_test_users; /* test ratings whose user has no training rating */
	int64_t n_time_test_items; /* test ratings whose item has no training rating */
} LepInspection;

/*
 * Look at ratings.  Options seed and test_fraction are those of the
 * splits that are judged; ratings->part is left as the random one's.
 */
extern LepStatus
lep_inspect(LepEnv *env, LepRatings *ratings, const LepOptions *options, LepInspection *inspection);

/*
 * Add what lies in the future of ratings that have times.  now: what time it is, in
 * their unit, which the range that was found may have told.
 */
extern LepStatus
lep_inspect_future(LepEnv *env, const LepRatings *ratings, int64_t now, LepInspection *inspection);

#endif /* LEP_INSPECT_H */

/*
 * split.c
 *		Parts of the ratings: by hash, by time, or each user's last.
 *
 * time: the boundary lies between two instants.  Of the boundaries, the one
 * whose newer side comes nearest to fraction * n ratings is taken (of two
 * equally near the one with fewer), but never all ratings.  So where an instant
 * (a day, say) holds many ratings, the part may be larger or smaller than asked
 * for, and empty.
 *
 * leave_last: newest by (time, item number).  A rating is always left for
 * training; with test_fraction 0 there is no test, and the newest is for
 * validation.
 *
 * One thread, no memory of size O(ratings).
 */
#include "core/split.h"

#include <math.h>

#include "core/radix.h"
#include "core/rng.h"

/* Loops ask whether to stop after so many ratings: about a millisecond. */
#define STOP_RATINGS (16 * 1024)

/* Tells the validation part's hashes from the test part's; any number would do. */
#define VALIDATION_STREAM UINT64_C(0x76616c6964617465)

/* And the folds' from both. */
#define FOLD_STREAM UINT64_C(0x666f6c6473)

/* An item's share that is held out for validation by its popularity, at most, where half of all may stay. */
#define POPULAR_CAP 0.5

/* Of an interval of [0, 1]: finer than any share can tell. */
#define N_HALVINGS 50

/* Digits of a time for selection. */
#define DIGIT_BITS 16
#define DIGITS	   (1 << DIGIT_BITS)

static inline bool
stop_due(LepEnv *env, int64_t j)
{
	return j % STOP_RATINGS == 0 && lep_env_stopped(env);
}

/* A hash is below it with probability fraction; *all: always. */
static uint64_t
threshold_of(double fraction, bool *all)
{
	*all = fraction >= 1;
	return fraction > 0 && !*all ? (uint64_t) (fraction * 0x1p64) : 0;
}

/* Hashes of all item ids; NULL: failed or stopped. */
static uint64_t *
hash_items(LepArena *scratch, const LepRatings *ratings)
{
	uint64_t *item_hash = lep_arena_alloc(scratch, ratings->n_items, sizeof(uint64_t));

	for (int32_t i = 0; item_hash != NULL && i < ratings->n_items; i++)
	{
		if (stop_due(scratch->env, i))
			return NULL;
		item_hash[i] = lep_idmap_hash(ratings->items, i);
	}
	return item_hash;
}

/* Shares of items' ratings to hold out, as thresholds of hashes. */
typedef struct Shares
{
	uint64_t even;	/* of all items, unless there are others by item */
	bool all;		/* everything is held out */
	uint64_t *item; /* [n_items], or NULL */
} Shares;

static bool
is_held_out(const Shares *shares, int32_t item, uint64_t hash)
{
	return shares->all || hash < (shares->item == NULL ? shares->even : shares->item[item]);
}

/* Move ratings of the train part to `part`, by a hash of seed and both ids. */
static LepStatus
split_random(LepArena *scratch, LepRatings *ratings, LepPart part, const Shares *shares, uint64_t seed)
{
	LepEnv *env = scratch->env;
	uint64_t *item_hash = hash_items(scratch, ratings);

	if (item_hash == NULL)
		return lep_env_failure(env);
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		uint64_t user_hash = lep_hash_combine(seed, lep_idmap_hash(ratings->users, u));

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			int32_t item = ratings->item[j];
			uint64_t hash = lep_hash_combine(user_hash, item_hash[item]);

			if (stop_due(env, j))
				return LEP_ERR_STOPPED;
			if (ratings->part[j] == LEP_PART_TRAIN && is_held_out(shares, item, hash))
				ratings->part[j] = (uint8_t) part;
		}
	}
	lep_arena_free(scratch, item_hash);
	return LEP_OK;
}

/* Ratings of each item in the train part; NULL: failed or stopped. */
static int64_t *
count_items(LepArena *scratch, const LepRatings *ratings)
{
	int64_t *count = lep_arena_calloc(scratch, ratings->n_items, sizeof(int64_t));

	for (int64_t j = 0; count != NULL && j < ratings->n_ratings; j++)
	{
		if (stop_due(scratch->env, j))
			return NULL;
		count[ratings->item[j]] += ratings->part[j] == LEP_PART_TRAIN;
	}
	return count;
}

/* Shares that grow with popularity: min(factor sqrt(n), cap) of an item's n ratings. */
typedef struct PopularRule
{
	double factor;
	double cap;
} PopularRule;

static double
popular_share(const PopularRule *rule, int64_t n)
{
	double share = rule->factor * sqrt((double) n);

	return share < rule->cap ? share : rule->cap;
}

/* How many ratings those shares hold out, of how many. */
static double
held_out(const int64_t *count, int32_t n_items, const PopularRule *rule, double *n)
{
	double sum = 0;

	*n = 0;
	for (int32_t i = 0; i < n_items; i++)
	{
		sum += popular_share(rule, count[i]) * (double) count[i];
		*n += (double) count[i];
	}
	return sum;
}

/*
 * Shares that together are the fraction: the factor by halving, since the cap
 * makes it no closed form.
 */
static LepStatus
popular_shares(LepArena *scratch, const LepRatings *ratings, double fraction, Shares *shares)
{
	int64_t *count = count_items(scratch, ratings);
	PopularRule rule = { 1, fraction > POPULAR_CAP ? (1 + fraction) / 2 : POPULAR_CAP };
	double low = 0;
	double high = 1;

	shares->item = lep_arena_alloc(scratch, ratings->n_items, sizeof(uint64_t));
	if (count == NULL || shares->item == NULL)
		return lep_env_failure(scratch->env);
	for (int step = 0; step < N_HALVINGS; step++)
	{
		double n;
		double held;

		if (lep_env_stopped(scratch->env))
			return LEP_ERR_STOPPED;
		rule.factor = low + (high - low) / 2;
		held = held_out(count, ratings->n_items, &rule, &n);
		if (held < fraction * n)
			low = rule.factor;
		else
			high = rule.factor;
	}
	for (int32_t i = 0; i < ratings->n_items; i++)
		shares->item[i] = (uint64_t) (popular_share(&rule, count[i]) * 0x1p64);
	lep_arena_free(scratch, count);
	return LEP_OK;
}

/* count[d]: train ratings whose key begins with `prefix` and digit d behind it. */
static LepStatus
count_digits(LepEnv *env, const LepRatings *ratings, uint64_t prefix, int shift, int64_t *count)
{
	for (int d = 0; d < DIGITS; d++)
		count[d] = 0;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		uint64_t digits = lep_radix_key(ratings->time[j]) >> shift;

		if (stop_due(env, j))
			return LEP_ERR_STOPPED;
		if (ratings->part[j] == LEP_PART_TRAIN && digits >> DIGIT_BITS == prefix)
			count[digits & (DIGITS - 1)]++;
	}
	return LEP_OK;
}

/* The instant of a rating, and how many train ratings are newer and of it. */
typedef struct Instant
{
	uint64_t key;
	int64_t n_newer;
	int64_t n_same;
} Instant;

/*
 * The instant of the rank-th newest train rating (from 1).  By digits from the
 * highest: four passes, whatever the data, where a sort would take a copy of
 * all times.
 */
static LepStatus
select_newest(LepArena *scratch, const LepRatings *ratings, int64_t rank, Instant *instant)
{
	int64_t *count = lep_arena_alloc(scratch, DIGITS, sizeof(int64_t));

	if (count == NULL)
		return lep_env_failure(scratch->env);
	for (int shift = 64 - DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS)
	{
		int d = DIGITS - 1;
		LepStatus status = count_digits(scratch->env, ratings, instant->key, shift, count);

		if (status != LEP_OK)
			return status;
		while (instant->n_newer + count[d] < rank)
			instant->n_newer += count[d--];
		instant->key = instant->key << DIGIT_BITS | (uint64_t) d;
		instant->n_same = count[d];
	}
	lep_arena_free(scratch, count);
	return LEP_OK;
}

static LepStatus
count_train(LepEnv *env, const LepRatings *ratings, int64_t *n)
{
	*n = 0;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (stop_due(env, j))
			return LEP_ERR_STOPPED;
		*n += ratings->part[j] == LEP_PART_TRAIN;
	}
	return LEP_OK;
}

/* A cut between two instants: which ratings are on its newer side. */
typedef struct TimeCut
{
	bool any; /* false: none is */
	uint64_t key;
	bool with_key; /* is the instant itself? */
} TimeCut;

static inline bool
is_newer(const TimeCut *cut, uint64_t key)
{
	return cut->any && (key > cut->key || (cut->with_key && key == cut->key));
}

/* The cut whose newer side is nearest to a fraction of the train ratings. */
static LepStatus
find_cut(LepArena *scratch, const LepRatings *ratings, double fraction, TimeCut *cut)
{
	Instant instant = { 0, 0, 0 };
	int64_t n;
	int64_t rank;
	int64_t larger; /* size with the instant at the boundary; n_newer without */
	double wanted;
	LepStatus status = count_train(scratch->env, ratings, &n);

	cut->any = false;
	if (status != LEP_OK || fraction <= 0 || n == 0)
		return status;
	wanted = fraction * (double) n;
	rank = (int64_t) wanted;
	rank += rank < wanted || rank == 0;
	status = select_newest(scratch, ratings, rank < n ? rank : n, &instant);
	if (status != LEP_OK)
		return status;

	larger = instant.n_newer + instant.n_same;
	cut->any = true;
	cut->key = instant.key;
	cut->with_key = larger < n && (double) larger - wanted < wanted - (double) instant.n_newer;
	return LEP_OK;
}

/* Move the newest ratings of the train part to `part`. */
static LepStatus
split_time(LepArena *scratch, LepRatings *ratings, LepPart part, double fraction)
{
	LepEnv *env = scratch->env;
	TimeCut cut;
	LepStatus status = find_cut(scratch, ratings, fraction, &cut);

	if (status != LEP_OK || !cut.any)
		return status;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (stop_due(env, j))
			return LEP_ERR_STOPPED;
		if (ratings->part[j] == LEP_PART_TRAIN && is_newer(&cut, lep_radix_key(ratings->time[j])))
			ratings->part[j] = (uint8_t) part;
	}
	return LEP_OK;
}

/* Move each user's newest train rating to `part`, if one stays behind. */
static LepStatus
split_last(LepEnv *env, LepRatings *ratings, LepPart part, double fraction)
{
	if (fraction <= 0)
		return LEP_OK;
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		int64_t newest = -1;
		int64_t n = 0;

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (stop_due(env, j))
				return LEP_ERR_STOPPED;
			if (ratings->part[j] != LEP_PART_TRAIN)
				continue;
			n++;
			/* items ascend: of one instant the last wins */
			if (newest < 0 || ratings->time[j] >= ratings->time[newest])
				newest = j;
		}
		if (n >= 2)
			ratings->part[newest] = (uint8_t) part;
	}
	return LEP_OK;
}

/* How the validation part is held out. */
static LepValidation
validation_of(const LepOptions *options)
{
	if (options->validation_split != LEP_VALIDATION_AUTO)
		return (LepValidation) options->validation_split;
	return (LepValidation) (options->split + LEP_VALIDATION_RANDOM);
}

/* At random, of all items alike or of popular ones more. */
static LepStatus
split_by_hash(LepArena *scratch, LepRatings *ratings, const LepOptions *options, LepPart part, bool popular)
{
	bool test = part == LEP_PART_TEST;
	double fraction = test ? options->test_fraction : options->validation_fraction;
	uint64_t seed = (uint64_t) options->seed;
	Shares shares = { 0, false, NULL };

	shares.even = threshold_of(fraction, &shares.all);
	if (!test)
		seed = lep_hash_combine(seed, VALIDATION_STREAM);
	if (popular && fraction > 0 && !shares.all)
	{
		LepStatus status = popular_shares(scratch, ratings, fraction, &shares);

		if (status != LEP_OK)
			return status;
	}
	return split_random(scratch, ratings, part, &shares, seed);
}

static LepStatus
split_test(LepArena *scratch, LepRatings *ratings, const LepOptions *options)
{
	switch ((LepSplit) options->split)
	{
		case LEP_SPLIT_TIME:
			return split_time(scratch, ratings, LEP_PART_TEST, options->test_fraction);
		case LEP_SPLIT_LEAVE_LAST:
			return split_last(scratch->env, ratings, LEP_PART_TEST, options->test_fraction);
		case LEP_SPLIT_RANDOM:
			break;
	}
	return split_by_hash(scratch, ratings, options, LEP_PART_TEST, false);
}

static LepStatus
split_validation(LepArena *scratch, LepRatings *ratings, const LepOptions *options)
{
	LepValidation validation = validation_of(options);

	switch (validation)
	{
		case LEP_VALIDATION_TIME:
			return split_time(scratch, ratings, LEP_PART_VALIDATION, options->validation_fraction);
		case LEP_VALIDATION_LEAVE_LAST:
			return split_last(scratch->env, ratings, LEP_PART_VALIDATION, options->validation_fraction);
		default:
			return split_by_hash(scratch, ratings, options, LEP_PART_VALIDATION,
								 validation == LEP_VALIDATION_POPULAR);
	}
}

static LepStatus
fail_needs_time(LepEnv *env, const char *option, const char *value)
{
	lep_fail(&env->error, LEP_ERR_NEEDS_TIME, option, 0, 0, 0);
	lep_error_set_text(&env->error, value);
	return LEP_ERR_NEEDS_TIME;
}

/* Is there what the splits need? */
static LepStatus
check_times(LepEnv *env, const LepRatings *ratings, const LepOptions *options)
{
	LepValidation validation = (LepValidation) options->validation_split;

	if (ratings->time != NULL)
		return LEP_OK;
	if (options->split != LEP_SPLIT_RANDOM)
		return fail_needs_time(env, "split", lep_split_name((LepSplit) options->split));
	if (validation == LEP_VALIDATION_TIME || validation == LEP_VALIDATION_LEAVE_LAST)
		return fail_needs_time(env, "validation_split", lep_validation_name(validation));
	return LEP_OK;
}

/* All ratings in the train part, if there is what the splits need. */
static LepStatus
begin_split(LepEnv *env, LepRatings *ratings, const LepOptions *options)
{
	LepStatus status = check_times(env, ratings, options);

	if (status != LEP_OK)
		return status;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (stop_due(env, j))
			return LEP_ERR_STOPPED;
		ratings->part[j] = LEP_PART_TRAIN;
	}
	return LEP_OK;
}

LepStatus
lep_split(LepEnv *env, LepRatings *ratings, const LepOptions *options)
{
	LepArena scratch;
	LepStatus status = begin_split(env, ratings, options);

	lep_arena_init(&scratch, env);
	if (status == LEP_OK)
		status = split_test(&scratch, ratings, options);
	if (status == LEP_OK)
		status = split_validation(&scratch, ratings, options);
	lep_arena_drop(&scratch);
	return status;
}

LepStatus
lep_split_validation(LepEnv *env, LepRatings *ratings, const LepOptions *options)
{
	LepArena scratch;
	LepStatus status = check_times(env, ratings, options);

	lep_arena_init(&scratch, env);
	if (status == LEP_OK)
		status = split_validation(&scratch, ratings, options);
	lep_arena_drop(&scratch);
	return status;
}

/* ------------------------------------------------------------------------- folds */

/* The test is the pairs whose hash falls into the fold's share of all hashes. */
static LepStatus
fold_random(LepArena *scratch, LepRatings *ratings, uint64_t seed, LepFold fold)
{
	LepEnv *env = scratch->env;
	uint64_t *item_hash = hash_items(scratch, ratings);

	if (item_hash == NULL)
		return lep_env_failure(env);
	seed = lep_hash_combine(seed, FOLD_STREAM);
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		uint64_t user_hash = lep_hash_combine(seed, lep_idmap_hash(ratings->users, u));

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			uint64_t hash = lep_hash_combine(user_hash, item_hash[ratings->item[j]]);

			if (stop_due(env, j))
				return LEP_ERR_STOPPED;
			if ((hash >> 32) * (uint64_t) fold.n_folds >> 32 == (uint64_t) fold.fold - 1)
				ratings->part[j] = LEP_PART_TEST;
		}
	}
	return LEP_OK;
}

/* The test lies between two cuts; what is newer is not there yet. */
static LepStatus
fold_time(LepArena *scratch, LepRatings *ratings, double slice, LepFold fold)
{
	TimeCut newer;
	TimeCut test;
	LepStatus status = find_cut(scratch, ratings, slice * (fold.fold - 1), &newer);

	if (status == LEP_OK)
		status = find_cut(scratch, ratings, slice * fold.fold, &test);
	if (status != LEP_OK)
		return status;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		uint64_t key = lep_radix_key(ratings->time[j]);

		if (stop_due(scratch->env, j))
			return LEP_ERR_STOPPED;
		if (is_newer(&newer, key))
			ratings->part[j] = LEP_PART_UNUSED;
		else if (is_newer(&test, key))
			ratings->part[j] = LEP_PART_TEST;
	}
	return LEP_OK;
}

/* One rating of each user after the other leaves the train part. */
static LepStatus
fold_last(LepEnv *env, LepRatings *ratings, LepFold fold)
{
	LepStatus status = LEP_OK;

	for (int f = 1; status == LEP_OK && f < fold.fold; f++)
		status = split_last(env, ratings, LEP_PART_UNUSED, 1);
	return status == LEP_OK ? split_last(env, ratings, LEP_PART_TEST, 1) : status;
}

LepStatus
lep_split_fold(LepEnv *env, LepRatings *ratings, const LepOptions *options, LepFold fold)
{
	double slice = 1.0 / (fold.n_folds + 1);
	LepArena scratch;
	LepStatus status = begin_split(env, ratings, options);

	if (options->test_fraction > 0 && options->test_fraction < slice)
		slice = options->test_fraction;
	lep_arena_init(&scratch, env);
	if (status == LEP_OK && options->split == LEP_SPLIT_RANDOM)
		status = fold_random(&scratch, ratings, (uint64_t) options->seed, fold);
	else if (status == LEP_OK && options->split == LEP_SPLIT_TIME)
		status = fold_time(&scratch, ratings, slice, fold);
	else if (status == LEP_OK)
		status = fold_last(env, ratings, fold);
	if (status == LEP_OK)
		status = split_validation(&scratch, ratings, options);
	lep_arena_drop(&scratch);
	return status;
}

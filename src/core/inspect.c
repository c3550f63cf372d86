/*
 * inspect.c
 *		Counts, quantiles, the grid of a scale, times; see inspect.h.
 *
 * Whatever has to be sorted (numbers of ratings, times, distinct ratings) is
 * turned into whole numbers without sign in the same order and sorted by
 * digits: O(n), the same for any input, and a stop is asked for all along.
 */
#include "core/inspect.h"

#include <math.h>
#include <string.h>

#include "core/gini.h"
#include "core/radix.h"
#include "core/split.h"
#include "core/view.h"

/* Loops ask whether to stop after so many steps; scattered ones may fault in a page at each. */
#define STOP_SCAN	 (16 * 1024)
#define STOP_SCATTER 128

/* Slots of the set of distinct ratings, a power of two, at most a quarter full. */
#define SET_SLOTS (4 * LEP_INSPECT_MAX_DISTINCT)

/* A grid's step is the smallest difference or a whole part of it, to this. */
#define MAX_GRID_PARTS 10

/* How far from a multiple of the step a rating may lie, and how many steps there may be. */
#define GRID_TOLERANCE 1e-3
#define MAX_GRID_STEPS 1e4

static inline bool
stop_due(LepEnv *env, int64_t j, int64_t every)
{
	return j % every == 0 && lep_env_stopped(env);
}

/* ------------------------------------------------------------------- sorting */

/* Numbers to be sorted, and as much room beside them. */
typedef struct Keys
{
	uint64_t *key; /* [n] */
	uint64_t *spare;
	int64_t n;
} Keys;

static LepStatus
keys_create(LepArena *scratch, int64_t n, Keys *keys)
{
	keys->n = n;
	keys->key = lep_arena_alloc(scratch, n, sizeof(uint64_t));
	keys->spare = lep_arena_alloc(scratch, n, sizeof(uint64_t));
	return keys->key == NULL || keys->spare == NULL ? lep_env_failure(scratch->env) : LEP_OK;
}

static void
keys_free(LepArena *scratch, Keys *keys)
{
	lep_arena_free(scratch, keys->key);
	lep_arena_free(scratch, keys->spare);
}

/* Ascending; max: none is larger. */
static LepStatus
keys_sort(LepEnv *env, Keys *keys, uint64_t max)
{
	int bits = 0;

	while (bits < 64 && max >> bits != 0)
		bits++;
	return lep_radix_sort(env, keys->key, keys->spare, keys->n, 0, bits);
}

/* -------------------------------------------------------- users, items: spread */

/* The value of which at least so many thousandths are not larger. */
static int64_t
quantile(const Keys *sorted, int64_t thousandths)
{
	return (int64_t) sorted->key[(sorted->n * thousandths + 999) / 1000 - 1];
}

/* All that is said of n > 0 sorted numbers of ratings. */
static LepStatus
measure_spread(LepEnv *env, const Keys *sorted, LepInspectSpread *spread)
{
	double sum = 0;
	double top = 0;

	spread->n = (int32_t) sorted->n;
	spread->n_top = (int32_t) ((sorted->n + 99) / 100);
	spread->n_single = 0;
	for (int64_t k = 0; k < sorted->n; k++)
	{
		double x = (double) sorted->key[k];

		if (stop_due(env, k, STOP_SCAN))
			return LEP_ERR_STOPPED;
		sum += x;
		spread->n_single += x == 1;
		if (k >= sorted->n - spread->n_top)
			top += x;
	}
	spread->min = (int64_t) sorted->key[0];
	spread->quartile1 = quantile(sorted, 250);
	spread->median = quantile(sorted, 500);
	spread->quartile3 = quantile(sorted, 750);
	spread->p90 = quantile(sorted, 900);
	spread->p99 = quantile(sorted, 990);
	spread->max = (int64_t) sorted->key[sorted->n - 1];
	spread->top_share = top / sum;
	return lep_gini(env, sorted->key, sorted->n, &spread->gini);
}

static LepStatus
inspect_users(LepArena *scratch, const LepRatings *ratings, LepInspectSpread *spread)
{
	LepEnv *env = scratch->env;
	Keys keys;
	LepStatus status = keys_create(scratch, ratings->n_users, &keys);

	for (int32_t u = 0; status == LEP_OK && u < ratings->n_users; u++)
	{
		if (stop_due(env, u, STOP_SCAN))
			return LEP_ERR_STOPPED;
		keys.key[u] = (uint64_t) (ratings->user_start[u + 1] - ratings->user_start[u]);
	}
	if (status == LEP_OK)
		status = keys_sort(env, &keys, (uint64_t) ratings->n_items);
	if (status == LEP_OK)
		status = measure_spread(env, &keys, spread);
	keys_free(scratch, &keys);
	return status;
}

static LepStatus
inspect_items(LepArena *scratch, const LepRatings *ratings, LepInspectSpread *spread)
{
	LepEnv *env = scratch->env;
	Keys keys;
	LepStatus status = keys_create(scratch, ratings->n_items, &keys);

	for (int32_t i = 0; status == LEP_OK && i < ratings->n_items; i++)
	{
		if (stop_due(env, i, STOP_SCAN))
			return LEP_ERR_STOPPED;
		keys.key[i] = 0;
	}
	for (int64_t j = 0; status == LEP_OK && j < ratings->n_ratings; j++)
	{
		if (stop_due(env, j, STOP_SCAN))
			return LEP_ERR_STOPPED;
		keys.key[ratings->item[j]]++;
	}
	if (status == LEP_OK)
		status = keys_sort(env, &keys, (uint64_t) ratings->n_users);
	if (status == LEP_OK)
		status = measure_spread(env, &keys, spread);
	keys_free(scratch, &keys);
	return status;
}

/* ------------------------------------------------------------------- the scale */

/* A number without sign in the order of ratings; -0 is the 0 that it equals. */
static uint32_t
rating_key(float rating)
{
	uint32_t bits;

	rating += 0.0f;
	memcpy(&bits, &rating, sizeof(bits));
	return bits >> 31 != 0 ? ~bits : bits | UINT32_C(1) << 31;
}

static float
key_rating(uint64_t key)
{
	uint32_t bits = (uint32_t) key;
	float rating;

	bits = bits >> 31 != 0 ? bits & ~(UINT32_C(1) << 31) : ~bits;
	memcpy(&rating, &bits, sizeof(rating));
	return rating;
}

/*
 * The distinct ratings, as keys in order of arrival; ends at one more than
 * MAX_DISTINCT.  Slots hold a key or 0, which would be the key of a NaN.
 */
static LepStatus
collect_distinct(LepEnv *env, const LepRatings *ratings, uint32_t *slots, Keys *distinct)
{
	for (int64_t j = 0; j < ratings->n_ratings && distinct->n <= LEP_INSPECT_MAX_DISTINCT; j++)
	{
		uint32_t key = rating_key(ratings->rating[j]);
		/* multiplicative hashing: the golden ratio, the highest bits */
		uint32_t slot = (uint32_t) (key * UINT32_C(2654435769)) / (UINT32_MAX / SET_SLOTS + 1);

		if (stop_due(env, j, STOP_SCAN))
			return LEP_ERR_STOPPED;
		while (slots[slot] != 0 && slots[slot] != key)
			slot = (slot + 1) & (SET_SLOTS - 1);
		if (slots[slot] == key)
			continue;
		slots[slot] = key;
		distinct->key[distinct->n++] = key;
	}
	return LEP_OK;
}

/* Do all lie on min + whole * step? */
static bool
is_grid(const Keys *sorted, double step)
{
	double min = (double) key_rating(sorted->key[0]);

	for (int64_t k = 1; k < sorted->n; k++)
	{
		double steps = ((double) key_rating(sorted->key[k]) - min) / step;

		if (fabs(steps - floor(steps + 0.5)) > GRID_TOLERANCE)
			return false;
	}
	return true;
}

/*
 * The largest step that fits: the smallest difference between neighbours, or a
 * whole part of it (1, 2.5 and 4.5 lie on halves, though no two differ by one).
 * Steps near the precision of a float would fit anything: those are no grid.
 */
static double
find_step(const Keys *sorted)
{
	double min = (double) key_rating(sorted->key[0]);
	double max = (double) key_rating(sorted->key[sorted->n - 1]);
	double largest = fabs(min) > fabs(max) ? fabs(min) : fabs(max);
	double difference = max - min;

	for (int64_t k = 1; k < sorted->n; k++)
	{
		double d = (double) key_rating(sorted->key[k]) - (double) key_rating(sorted->key[k - 1]);

		difference = d < difference ? d : difference;
	}
	for (int parts = 1; parts <= MAX_GRID_PARTS; parts++)
	{
		double step = difference / parts;

		/* a float is good for 2^-24 of its size */
		if ((max - min) / step > MAX_GRID_STEPS || largest * 0x1p-24 > step * GRID_TOLERANCE)
			return 0;
		/* as exact as the widest difference can say it */
		step = (max - min) / floor((max - min) / step + 0.5);
		if (is_grid(sorted, step))
			return step;
	}
	return 0;
}

static LepStatus
inspect_distinct(LepArena *scratch, const LepRatings *ratings, LepInspection *inspection)
{
	LepEnv *env = scratch->env;
	Keys distinct;
	uint32_t *slots = lep_arena_calloc(scratch, SET_SLOTS, sizeof(uint32_t));
	LepStatus status = slots == NULL ? lep_env_failure(env) : LEP_OK;

	if (status == LEP_OK)
		status = keys_create(scratch, LEP_INSPECT_MAX_DISTINCT + 1, &distinct);
	if (status != LEP_OK)
		return status;
	distinct.n = 0;
	status = collect_distinct(env, ratings, slots, &distinct);
	if (status == LEP_OK)
		status = keys_sort(env, &distinct, UINT32_MAX);
	if (status == LEP_OK)
	{
		inspection->n_distinct = (int32_t) distinct.n;
		if (distinct.n > 1 && distinct.n <= LEP_INSPECT_MAX_DISTINCT)
			inspection->step = find_step(&distinct);
	}
	lep_arena_free(scratch, slots);
	keys_free(scratch, &distinct);
	return status;
}

static LepStatus
inspect_scale(LepArena *scratch, const LepRatings *ratings, LepInspection *inspection)
{
	LepEnv *env = scratch->env;
	LepMoments moments;
	LepStatus status = lep_view_moments(env, ratings, LEP_PARTS_ALL, &moments);
	double far;

	if (status != LEP_OK)
		return status;
	inspection->mean = moments.mean;
	inspection->sd = moments.sd;
	far = LEP_INSPECT_FAR * moments.sd;
	/* for equal ratings the mean is off by a rounding error, and all would be far out */
	for (int64_t j = 0; ratings->min_rating < ratings->max_rating && j < ratings->n_ratings; j++)
	{
		if (stop_due(env, j, STOP_SCAN))
			return LEP_ERR_STOPPED;
		inspection->n_far += fabs((double) ratings->rating[j] - moments.mean) > far;
	}
	return inspect_distinct(scratch, ratings, inspection);
}

/* --------------------------------------------------------------- users of a kind */

/* Are the ratings [begin, end) all the same? */
static bool
same_ratings(const LepRatings *ratings, int64_t begin, int64_t end)
{
	for (int64_t j = begin + 1; j < end; j++)
	{
		if (ratings->rating[j] != ratings->rating[begin])
			return false;
	}
	return true;
}

static bool
same_times(const LepRatings *ratings, int64_t begin, int64_t end)
{
	for (int64_t j = begin + 1; j < end; j++)
	{
		if (ratings->time[j] != ratings->time[begin])
			return false;
	}
	return true;
}

static LepStatus
inspect_kinds(LepEnv *env, const LepRatings *ratings, LepInspection *inspection)
{
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		int64_t begin = ratings->user_start[u];
		int64_t end = ratings->user_start[u + 1];
		int64_t n = end - begin;

		if (stop_due(env, u, STOP_SCATTER))
			return LEP_ERR_STOPPED;
		if (n > LEP_INSPECT_MANY * inspection->users.p99)
		{
			inspection->n_many++;
			inspection->n_many_ratings += n;
		}
		if (n >= LEP_INSPECT_MIN_CONSTANT && same_ratings(ratings, begin, end))
		{
			inspection->n_constant++;
			inspection->n_constant_ratings += n;
		}
		if (n >= 2 && ratings->time != NULL && same_times(ratings, begin, end))
		{
			inspection->n_instant++;
			inspection->n_instant_ratings += n;
		}
	}
	return LEP_OK;
}

/* ------------------------------------------------------------------------- times */

/* What the sorted times, as distances from the oldest, say. */
static LepStatus
measure_times(LepEnv *env, const Keys *sorted, uint64_t oldest, LepInspection *inspection)
{
	int64_t n_same = 0;

	for (int64_t k = 0; k < sorted->n; k++)
	{
		if (stop_due(env, k, STOP_SCAN))
			return LEP_ERR_STOPPED;
		n_same = k > 0 && sorted->key[k] == sorted->key[k - 1] ? n_same + 1 : 1;
		inspection->n_instants += n_same == 1;
		if (n_same > inspection->n_common_time)
		{
			inspection->n_common_time = n_same;
			inspection->common_time = lep_radix_value(sorted->key[k] + oldest);
		}
	}
	return LEP_OK;
}

/* The oldest and the newest time. */
static LepStatus
inspect_range(LepEnv *env, const LepRatings *ratings, int64_t *first, int64_t *last)
{
	*first = INT64_MAX;
	*last = INT64_MIN;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		int64_t time = ratings->time[j];

		if (stop_due(env, j, STOP_SCAN))
			return LEP_ERR_STOPPED;
		*first = time < *first ? time : *first;
		*last = time > *last ? time : *last;
	}
	return LEP_OK;
}

static LepStatus
inspect_times(LepArena *scratch, const LepRatings *ratings, LepInspection *inspection)
{
	LepEnv *env = scratch->env;
	uint64_t oldest;
	Keys keys;
	LepStatus status = inspect_range(env, ratings, &inspection->first_time, &inspection->last_time);

	if (status == LEP_OK)
		status = keys_create(scratch, ratings->n_ratings, &keys);
	if (status != LEP_OK)
		return status;
	oldest = lep_radix_key(inspection->first_time);
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		/* the first touch of this memory: its pages may have to be made */
		if (stop_due(env, j, STOP_SCATTER))
			return LEP_ERR_STOPPED;
		keys.key[j] = lep_radix_key(ratings->time[j]) - oldest;
	}
	status = keys_sort(env, &keys, lep_radix_key(inspection->last_time) - oldest);
	if (status == LEP_OK)
		status = measure_times(env, &keys, oldest, inspection);
	keys_free(scratch, &keys);
	return status;
}

/* What of the ratings [begin, end) of a user a random split would know too early. */
static void
measure_leaks(const LepRatings *ratings, int64_t begin, int64_t end, LepInspection *inspection)
{
	int64_t oldest_test = INT64_MAX;
	int64_t newest_train = INT64_MIN;

	for (int64_t j = begin; j < end; j++)
	{
		int64_t time = ratings->time[j];

		if (ratings->part[j] == LEP_PART_TEST)
			oldest_test = time < oldest_test ? time : oldest_test;
		else
			newest_train = time > newest_train ? time : newest_train;
	}
	for (int64_t j = begin; j < end; j++)
	{
		if (ratings->part[j] == LEP_PART_TEST)
		{
			inspection->n_test++;
			inspection->n_test_known += ratings->time[j] < newest_train;
		}
		else
			inspection->n_newer += ratings->time[j] > oldest_test;
	}
}

/* Part the ratings in test and training. */
static LepStatus
split_by(LepEnv *env, LepRatings *ratings, const LepOptions *options, LepSplit split)
{
	LepOptions changed = *options;

	changed.split = split;
	/* what stops the training early is known to it as well */
	changed.validation_fraction = 0;
	return lep_split(env, ratings, &changed);
}

static LepStatus
inspect_leaks(LepEnv *env, LepRatings *ratings, const LepOptions *options, LepInspection *inspection)
{
	LepStatus status = split_by(env, ratings, options, LEP_SPLIT_RANDOM);

	for (int32_t u = 0; status == LEP_OK && u < ratings->n_users; u++)
	{
		if (stop_due(env, u, STOP_SCATTER))
			return LEP_ERR_STOPPED;
		measure_leaks(ratings, ratings->user_start[u], ratings->user_start[u + 1], inspection);
	}
	return status;
}

/* The test ratings of user u whose user, or item, has no rating to learn from. */
static void
measure_new(const LepRatings *ratings, int32_t u, const uint8_t *item_known, LepInspection *inspection)
{
	int64_t n_test = 0;
	int64_t begin = ratings->user_start[u];
	int64_t end = ratings->user_start[u + 1];

	for (int64_t j = begin; j < end; j++)
	{
		if (ratings->part[j] != LEP_PART_TEST)
			continue;
		n_test++;
		inspection->n_time_test_items += item_known[ratings->item[j]] == 0;
	}
	inspection->n_time_test += n_test;
	if (n_test == end - begin)
		inspection->n_time_test_users += n_test;
}

static LepStatus
inspect_time_split(LepArena *scratch, LepRatings *ratings, const LepOptions *options,
				   LepInspection *inspection)
{
	LepEnv *env = scratch->env;
	uint8_t *item_known = lep_arena_calloc(scratch, ratings->n_items, 1);
	LepStatus status =
		item_known == NULL ? lep_env_failure(env) : split_by(env, ratings, options, LEP_SPLIT_TIME);

	for (int64_t j = 0; status == LEP_OK && j < ratings->n_ratings; j++)
	{
		if (stop_due(env, j, STOP_SCAN))
			return LEP_ERR_STOPPED;
		if (ratings->part[j] != LEP_PART_TEST)
			item_known[ratings->item[j]] = 1;
	}
	for (int32_t u = 0; status == LEP_OK && u < ratings->n_users; u++)
	{
		if (stop_due(env, u, STOP_SCATTER))
			return LEP_ERR_STOPPED;
		measure_new(ratings, u, item_known, inspection);
	}
	lep_arena_free(scratch, item_known);
	return status;
}

/* All that needs times. */
static LepStatus
inspect_with_times(LepArena *scratch, LepRatings *ratings, const LepOptions *options,
				   LepInspection *inspection)
{
	LepStatus status = inspect_times(scratch, ratings, inspection);

	if (status == LEP_OK)
		status = inspect_time_split(scratch, ratings, options, inspection);
	if (status == LEP_OK)
		status = inspect_leaks(scratch->env, ratings, options, inspection);
	return status;
}

LepStatus
lep_inspect(LepEnv *env, LepRatings *ratings, const LepOptions *options, LepInspection *inspection)
{
	LepArena scratch;
	LepStatus status;

	memset(inspection, 0, sizeof(*inspection));
	lep_arena_init(&scratch, env);
	status = inspect_users(&scratch, ratings, &inspection->users);
	if (status == LEP_OK)
		status = inspect_items(&scratch, ratings, &inspection->items);
	if (status == LEP_OK)
		status = inspect_scale(&scratch, ratings, inspection);
	if (status == LEP_OK)
		status = inspect_kinds(env, ratings, inspection);
	if (status == LEP_OK && ratings->time != NULL)
		status = inspect_with_times(&scratch, ratings, options, inspection);
	lep_arena_drop(&scratch);
	return status;
}

/* Ratings, and those users and items whose newest rating, lie in the future. */
static LepStatus
count_future(LepArena *scratch, const LepRatings *ratings, int64_t now, LepInspection *inspection)
{
	LepEnv *env = scratch->env;
	uint8_t *item_seen = lep_arena_calloc(scratch, ratings->n_items, 1);

	if (item_seen == NULL)
		return lep_env_failure(env);
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		int64_t before = inspection->n_future;

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (stop_due(env, j, STOP_SCAN))
				return LEP_ERR_STOPPED;
			if (ratings->time[j] <= now)
				continue;
			inspection->n_future++;
			inspection->n_future_items += item_seen[ratings->item[j]] == 0;
			item_seen[ratings->item[j]] = 1;
		}
		inspection->n_future_users += inspection->n_future > before;
	}
	return LEP_OK;
}

LepStatus
lep_inspect_future(LepEnv *env, const LepRatings *ratings, int64_t now, LepInspection *inspection)
{
	LepArena scratch;
	LepStatus status;

	inspection->n_future = 0;
	inspection->n_future_users = 0;
	inspection->n_future_items = 0;
	if (ratings->time == NULL)
		return LEP_OK;
	lep_arena_init(&scratch, env);
	status = count_future(&scratch, ratings, now, inspection);
	lep_arena_drop(&scratch);
	return status;
}

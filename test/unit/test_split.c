/*
 * test_split.c
 *		Parts of ratings: against hashes and sorts made here, and by hand.
 */
#include "core/rng.h"
#include "core/split.h"
#include "sample.h"

#define N_ROWS 20000

typedef struct Row
{
	int64_t user;
	int64_t item;
	int64_t time;
} Row;

static LepRatings *
build(LepArena *arena, const Row *rows, int64_t n, bool has_time)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, has_time };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);
	LepOptions options;
	LepRatings *ratings = NULL;

	for (int64_t j = 0; j < n; j++)
	{
		LepId user = { .v.i64 = rows[j].user };
		LepId item = { .v.i64 = rows[j].item };
		double rating = (double) (j % 5);

		CHECK_OK(lep_ratings_add(builder, &user, &item, &rating, has_time ? &rows[j].time : NULL, 1));
	}
	lep_options_init(&options);
	CHECK_OK(lep_ratings_finish(builder, &options, &ratings));
	return ratings;
}

/* Random pairs of 300 users and 400 items; `spread` different times. */
static void
make_rows(Row *rows, int64_t n, uint64_t seed, uint64_t spread)
{
	uint64_t state = seed;

	for (int64_t j = 0; j < n; j++)
	{
		rows[j].user = (int64_t) (sample_next(&state) % 300) - 50;
		rows[j].item = (int64_t) (sample_next(&state) % 400) * 1000;
		rows[j].time = (int64_t) (sample_next(&state) % spread) * 86400 - 1000000;
	}
}

static LepOptions
split_options(LepSplit split, double test, double validation)
{
	LepOptions options;

	lep_options_init(&options);
	options.split = split;
	options.test_fraction = test;
	options.validation_fraction = validation;
	options.seed = 42;
	return options;
}

/* The hash of a pair of integer ids, from their bytes. */
static uint64_t
pair_hash(uint64_t seed, int64_t user, int64_t item)
{
	uint64_t hash = seed;

	for (int side = 0; side < 2; side++)
	{
		uint64_t value = (uint64_t) (side == 0 ? user : item);
		unsigned char bytes[8];

		for (int b = 0; b < 8; b++)
			bytes[b] = (unsigned char) (value >> (8 * b));
		hash = lep_hash_combine(hash, lep_hash_bytes(bytes, 8));
	}
	return hash;
}

static void
test_random_is_the_hash(void)
{
	static Row rows[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_RANDOM, 0.25, 0.125);
	int64_t n_test = 0;
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 1, 10);
	ratings = build(&arena, rows, N_ROWS, false);
	CHECK_OK(lep_split(&env, ratings, &options));
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		int64_t user = lep_idmap_id(ratings->users, lep_ratings_user(ratings, j)).v.i64;
		int64_t item = lep_idmap_id(ratings->items, ratings->item[j]).v.i64;
		bool test = pair_hash(42, user, item) >> 62 == 0;

		bad += (ratings->part[j] == LEP_PART_TEST) != test;
		n_test += test;
	}
	CHECK_INT_EQ(bad, 0);
	CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_TEST), n_test);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Four standard deviations of the number of n that are in a part. */
static double
four_sigma(double n, double fraction)
{
	return 4 * sqrt(n * fraction * (1 - fraction));
}

static void
test_random_fractions(void)
{
	static Row rows[N_ROWS];
	static uint8_t first[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_RANDOM, 0.1, 0.2);
	double n;
	double rest;
	double both = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 2, 10);
	ratings = build(&arena, rows, N_ROWS, false);
	n = (double) ratings->n_ratings;
	CHECK_OK(lep_split(&env, ratings, &options));
	memcpy(first, ratings->part, (size_t) ratings->n_ratings);
	rest = (double) lep_ratings_count(ratings, LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION);
	CHECK_CLOSE(n - rest, 0.1 * n, four_sigma(n, 0.1));
	CHECK_CLOSE(lep_ratings_count(ratings, LEP_PARTS_VALIDATION), 0.2 * rest, four_sigma(rest, 0.2));

	/* the same again, whatever the parts were before */
	CHECK_OK(lep_split(&env, ratings, &options));
	CHECK_BYTES_EQ(ratings->part, first, (size_t) ratings->n_ratings);

	/* another seed holds out others: as many in both tests as by chance */
	options.seed = 43;
	CHECK_OK(lep_split(&env, ratings, &options));
	for (int64_t j = 0; j < ratings->n_ratings; j++)
		both += first[j] == LEP_PART_TEST && ratings->part[j] == LEP_PART_TEST;
	CHECK_CLOSE(both, 0.01 * n, four_sigma(n, 0.01));

	/* validation does not depend on being nearly in the test */
	options.seed = 42;
	options.test_fraction = 0;
	CHECK_OK(lep_split(&env, ratings, &options));
	both = 0;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
		both += first[j] == LEP_PART_TEST && ratings->part[j] == LEP_PART_VALIDATION;
	CHECK_CLOSE(both, 0.2 * (n - rest), four_sigma(n - rest, 0.2));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Rows that come and go do not change the part of the others. */
static void
test_random_keeps_pairs(void)
{
	static Row rows[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *some;
	LepRatings *all;
	LepOptions options = split_options(LEP_SPLIT_RANDOM, 0.3, 0.3);
	int n_found = 0;
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 3, 10);
	some = build(&arena, rows + N_ROWS - 500, 500, false);
	all = build(&arena, rows, N_ROWS, false);
	CHECK_OK(lep_split(&env, some, &options));
	CHECK_OK(lep_split(&env, all, &options));
	CHECK(some->n_ratings > 400 && all->n_ratings > 10000);
	for (int64_t j = 0; j < some->n_ratings; j++)
	{
		LepId user = lep_idmap_id(some->users, lep_ratings_user(some, j));
		LepId item = lep_idmap_id(some->items, some->item[j]);
		int32_t u = lep_idmap_find(all->users, &user);
		int32_t i = lep_idmap_find(all->items, &item);

		for (int64_t k = all->user_start[u]; k < all->user_start[u + 1]; k++)
		{
			if (all->item[k] != i)
				continue;
			n_found++;
			bad += all->part[k] != some->part[j];
		}
	}
	CHECK_INT_EQ(n_found, some->n_ratings);
	CHECK_INT_EQ(bad, 0);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_fractions_of_nothing_and_all(void)
{
	static const LepSplit splits[] = { LEP_SPLIT_RANDOM, LEP_SPLIT_TIME, LEP_SPLIT_LEAVE_LAST };
	static Row rows[1000];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, 1000, 4, 1000);
	ratings = build(&arena, rows, 1000, true);
	for (int k = 0; k < 3; k++)
	{
		LepOptions none = split_options(splits[k], 0, 0);
		LepOptions test_only = split_options(splits[k], 0.2, 0);
		LepOptions validation_only = split_options(splits[k], 0, 0.2);

		CHECK_OK(lep_split(&env, ratings, &test_only));
		CHECK(lep_ratings_count(ratings, LEP_PARTS_TEST) > 100);
		CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_VALIDATION), 0);
		CHECK_OK(lep_split(&env, ratings, &validation_only));
		CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_TEST), 0);
		CHECK(lep_ratings_count(ratings, LEP_PARTS_VALIDATION) > 100);
		CHECK_OK(lep_split(&env, ratings, &none));
		CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_TRAIN), ratings->n_ratings);
	}
	{
		LepOptions all = split_options(LEP_SPLIT_RANDOM, 1, 0.5);

		CHECK_OK(lep_split(&env, ratings, &all));
		CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_TEST), ratings->n_ratings);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static int
compare_newest_first(const void *pa, const void *pb)
{
	int64_t a = *(const int64_t *) pa;
	int64_t b = *(const int64_t *) pb;

	return a > b ? -1 : a < b;
}

/*
 * times sorted, newest first: how many of n belong to the part, found by
 * trying every boundary between two instants.
 */
static int64_t
reference_boundary(const int64_t *times, int64_t n, double wanted)
{
	int64_t best = 0;

	for (int64_t size = 1; size < n; size++)
	{
		if (times[size - 1] == times[size])
			continue;
		if (fabs((double) size - wanted) < fabs((double) best - wanted))
			best = size;
	}
	return best;
}

static void
check_time(uint64_t spread, double test, double validation)
{
	static Row rows[N_ROWS];
	static int64_t times[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_TIME, test, validation);
	int64_t n_test;
	int64_t n_validation;
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 5 + spread, spread);
	ratings = build(&arena, rows, N_ROWS, true);
	memcpy(times, ratings->time, (size_t) ratings->n_ratings * sizeof(int64_t));
	qsort(times, (size_t) ratings->n_ratings, sizeof(int64_t), compare_newest_first);
	n_test = reference_boundary(times, ratings->n_ratings, test * (double) ratings->n_ratings);
	n_validation = reference_boundary(times + n_test, ratings->n_ratings - n_test,
									  validation * (double) (ratings->n_ratings - n_test));

	CHECK_OK(lep_split(&env, ratings, &options));
	CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_TEST), n_test);
	CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_VALIDATION), n_validation);
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (ratings->part[j] == LEP_PART_TEST)
			bad += ratings->time[j] < times[n_test - 1];
		else if (ratings->part[j] == LEP_PART_VALIDATION)
			bad += ratings->time[j] < times[n_test + n_validation - 1];
	}
	CHECK_INT_EQ(bad, 0);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_time_like_reference(void)
{
	static const uint64_t spreads[] = { 1, 2, 7, 30, 1000, 1000000000 };

	for (int k = 0; k < 6; k++)
	{
		check_time(spreads[k], 0.1, 0.1);
		check_time(spreads[k], 0.0001, 0.5);
		check_time(spreads[k], 0.9, 0.99);
		check_time(spreads[k], 1, 0.1);
	}
}

/* Parts as letters in the order of (user, item): t(e)st, (v)alidation, (.) train. */
static void
check_parts(const Row *rows, int n, LepOptions options, const char *expected)
{
	char parts[32];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = build(&arena, rows, n, true);
	CHECK_OK(lep_split(&env, ratings, &options));
	CHECK_INT_EQ(ratings->n_ratings, n);
	for (int j = 0; j < n; j++)
		parts[j] = ratings->part[j] == LEP_PART_TEST ? 'e' : ratings->part[j] == LEP_PART_TRAIN ? '.' : 'v';
	parts[n] = '\0';
	CHECK_STR_EQ(parts, expected);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_time_by_hand(void)
{
	/* three of instant 30, one of INT64_MAX, two of INT64_MIN, two of 0 */
	Row rows[] = { { 1, 1, 30 },		{ 1, 2, INT64_MIN }, { 1, 3, 30 }, { 1, 4, 0 },
				   { 2, 1, INT64_MAX }, { 2, 2, 30 },		 { 2, 3, 0 },  { 2, 4, INT64_MIN } };

	/* of 8: sizes 1, 4, 6 are possible, 8 is not */
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 0.05, 0), "........");
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 0.125, 0), "....e...");
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 0.25, 0), "....e...");
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 0.3125, 0), "....e...");
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 0.375, 0), "e.e.ee..");
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 1, 0), "e.eeeee.");
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 0.125, 0.4), "v.v.ev..");
	check_parts(rows, 8, split_options(LEP_SPLIT_TIME, 0.5, 0.5), "e.eveev.");
}

static void
test_leave_last_by_hand(void)
{
	/* users with one, two, three and five ratings; ties in time */
	Row rows[] = { { 1, 7, 5 }, { 2, 7, 9 },  { 2, 8, 1 }, { 3, 6, 4 }, { 3, 7, 4 }, { 3, 8, 4 },
				   { 4, 5, 1 }, { 4, 6, 90 }, { 4, 7, 3 }, { 4, 8, 3 }, { 4, 9, -5 } };

	check_parts(rows, 11, split_options(LEP_SPLIT_LEAVE_LAST, 0.1, 0.1), ".e..ve.e.v.");
	check_parts(rows, 11, split_options(LEP_SPLIT_LEAVE_LAST, 0.1, 0), ".e...e.e...");
	check_parts(rows, 11, split_options(LEP_SPLIT_LEAVE_LAST, 0, 0.1), ".v...v.v...");
}

static void
test_needs_time(void)
{
	Row rows[] = { { 1, 7, 5 }, { 2, 8, 9 } };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions by_time = split_options(LEP_SPLIT_TIME, 0.5, 0);
	LepOptions leave_last = split_options(LEP_SPLIT_LEAVE_LAST, 0.5, 0);

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = build(&arena, rows, 2, false);
	CHECK_STATUS(lep_split(&env, ratings, &by_time), LEP_ERR_NEEDS_TIME);
	CHECK_STR_EQ(env.error.what, "split");
	CHECK_STR_EQ(env.error.text, "time");
	CHECK_STATUS(lep_split(&env, ratings, &leave_last), LEP_ERR_NEEDS_TIME);
	CHECK_STR_EQ(env.error.text, "leave_last");
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* A host that says stop at the n-th time of asking. */
typedef struct Host
{
	int stop_at;
	int n_asked;
} Host;

static bool
host_stop(void *host)
{
	Host *h = host;

	return ++h->n_asked == h->stop_at;
}

static void
test_stopped(void)
{
	static Row rows[1000];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, 1000, 6, 100);
	ratings = build(&arena, rows, 1000, true);
	for (int split = LEP_SPLIT_RANDOM; split <= LEP_SPLIT_LEAVE_LAST; split++)
	{
		LepOptions options = split_options((LepSplit) split, 0.1, 0.1);
		Host quiet = { 0, 0 };

		env.should_stop = host_stop;
		env.host = &quiet;
		CHECK_OK(lep_split(&env, ratings, &options));
		CHECK(quiet.n_asked >= 3);
		for (int k = 1; k <= quiet.n_asked; k++)
		{
			Host host = { k, 0 };
			size_t held = env.bytes_now;

			env.host = &host;
			CHECK_STATUS(lep_split(&env, ratings, &options), LEP_ERR_STOPPED);
			CHECK_INT_EQ(env.bytes_now, held);
		}
	}
	env.host = NULL;
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* ------------------------------------------------------------------------- folds */

static void
set_parts_of_fold(LepEnv *env, LepRatings *ratings, const LepOptions *options, LepFold fold, uint8_t *parts)
{
	CHECK_OK(lep_split_fold(env, ratings, options, fold));
	memcpy(parts, ratings->part, (size_t) ratings->n_ratings);
}

/* Every pair is tested once, by the fold its hash says, and trained on by the others. */
static void
test_random_folds(void)
{
	static Row rows[N_ROWS];
	static uint8_t parts[4][N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_RANDOM, 0.1, 0.25);
	int64_t n_test[4] = { 0 };
	int64_t n_validation = 0;
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 3, 10);
	ratings = build(&arena, rows, N_ROWS, false);
	for (int f = 0; f < 4; f++)
		set_parts_of_fold(&env, ratings, &options, (LepFold){ f + 1, 4 }, parts[f]);
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		int64_t user = lep_idmap_id(ratings->users, lep_ratings_user(ratings, j)).v.i64;
		int64_t item = lep_idmap_id(ratings->items, ratings->item[j]).v.i64;
		/* the two highest bits say which of four folds */
		int fold = (int) (pair_hash(lep_hash_combine(42, UINT64_C(0x666f6c6473)), user, item) >> 62);

		n_test[fold]++;
		for (int f = 0; f < 4; f++)
		{
			bad += (parts[f][j] == LEP_PART_TEST) != (f == fold) || parts[f][j] == LEP_PART_UNUSED;
			n_validation += parts[f][j] == LEP_PART_VALIDATION;
		}
	}
	CHECK_INT_EQ(bad, 0);
	for (int f = 0; f < 4; f++)
		CHECK_CLOSE(n_test[f], (double) ratings->n_ratings / 4,
					four_sigma((double) ratings->n_ratings, 0.25));
	/* a quarter of three quarters, in each of four folds */
	CHECK_CLOSE(n_validation, 0.75 * (double) ratings->n_ratings,
				4 * four_sigma((double) ratings->n_ratings * 0.75, 0.25));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* A pair stays in its fold when other rows go. */
static void
test_random_folds_are_of_pairs(void)
{
	static Row rows[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *all;
	LepRatings *half;
	LepOptions options = split_options(LEP_SPLIT_RANDOM, 0.1, 0);
	int64_t n_same = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 4, 10);
	all = build(&arena, rows, N_ROWS, false);
	half = build(&arena, rows, N_ROWS / 2, false);
	CHECK_OK(lep_split_fold(&env, all, &options, (LepFold){ 2, 3 }));
	CHECK_OK(lep_split_fold(&env, half, &options, (LepFold){ 2, 3 }));
	for (int64_t j = 0; j < half->n_ratings; j++)
	{
		LepId user = lep_idmap_id(half->users, lep_ratings_user(half, j));
		LepId item = lep_idmap_id(half->items, half->item[j]);
		int32_t u = lep_idmap_find(all->users, &user);
		int32_t i = lep_idmap_find(all->items, &item);
		int64_t other = all->user_start[u];

		while (all->item[other] != i)
			other++;
		n_same += all->part[other] == half->part[j];
	}
	CHECK_INT_EQ(n_same, half->n_ratings);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/*
 * Twelve ratings at instants 1 to 12 and three folds: a slice is 1 / 4, three
 * ratings.  Fold 1 tests 10 to 12, fold 2 tests 7 to 9 and does not know 10 to
 * 12, fold 3 tests 4 to 6.
 */
static void
test_time_folds(void)
{
	static const char *const expected[] = { "000000000222", "000000222333", "000222333333" };
	Row rows[12];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_TIME, 0.5, 0);
	LepOptions small = split_options(LEP_SPLIT_TIME, 1.0 / 12, 0.5);

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	for (int j = 0; j < 12; j++)
		rows[j] = (Row){ j % 3, j / 3, 1 + j };
	ratings = build(&arena, rows, 12, true);
	for (int f = 0; f < 3; f++)
	{
		CHECK_OK(lep_split_fold(&env, ratings, &options, (LepFold){ f + 1, 3 }));
		for (int64_t j = 0; j < 12; j++)
			CHECK_INT_EQ(ratings->part[j], expected[f][ratings->time[j] - 1] - '0');
	}
	/* slices of one rating: fold 2 tests instant 11, and the newer half of 1 to 10 validates */
	CHECK_OK(lep_split_fold(&env, ratings, &small, (LepFold){ 2, 3 }));
	for (int64_t j = 0; j < 12; j++)
		CHECK_INT_EQ(ratings->part[j], "000001111123"[ratings->time[j] - 1] - '0');
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Whatever the instants, a rating is tested once at most, and nothing that trains is newer than the test. */
static void
test_time_folds_expand(void)
{
	static Row rows[N_ROWS];
	static uint8_t times_tested[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_TIME, 0.1, 0.1);
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 5, 37);
	ratings = build(&arena, rows, N_ROWS, true);
	memset(times_tested, 0, sizeof(times_tested));
	for (int f = 1; f <= 5; f++)
	{
		int64_t oldest_test = INT64_MAX;
		int64_t newest_train = INT64_MIN;

		CHECK_OK(lep_split_fold(&env, ratings, &options, (LepFold){ f, 5 }));
		for (int64_t j = 0; j < ratings->n_ratings; j++)
		{
			bool test = ratings->part[j] == LEP_PART_TEST;
			bool train = ratings->part[j] == LEP_PART_TRAIN || ratings->part[j] == LEP_PART_VALIDATION;

			times_tested[j] += test;
			oldest_test = test && ratings->time[j] < oldest_test ? ratings->time[j] : oldest_test;
			newest_train = train && ratings->time[j] > newest_train ? ratings->time[j] : newest_train;
		}
		CHECK(newest_train < oldest_test, "fold %d", f);
		CHECK_CLOSE(lep_ratings_count(ratings, LEP_PARTS_TEST), 0.1 * (double) ratings->n_ratings,
					(double) ratings->n_ratings / 37);
	}
	for (int64_t j = 0; j < ratings->n_ratings; j++)
		bad += times_tested[j] > 1;
	CHECK_INT_EQ(bad, 0);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/*
 * User 1 rated items 1 to 4 at times 40, 10, 30, 20: newest first 1, 3, 4, 2.
 * User 2 rated items 1 and 2 at one time: item 2 counts as the newer.
 */
static void
test_leave_last_folds(void)
{
	static const Row rows[] = { { 1, 1, 40 }, { 1, 2, 10 }, { 1, 3, 30 },
								{ 1, 4, 20 }, { 2, 1, 5 },	{ 2, 2, 5 } };
	static const char *const expected[] = { "200002", "302003", "303203", "303303" };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_LEAVE_LAST, 0.1, 0);

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = build(&arena, rows, 6, true);
	for (int f = 0; f < 4; f++)
	{
		CHECK_OK(lep_split_fold(&env, ratings, &options, (LepFold){ f + 1, 4 }));
		for (int64_t j = 0; j < 6; j++)
			CHECK_INT_EQ(ratings->part[j], expected[f][j] - '0');
	}
	/* fold 1 with a validation part is lep_split */
	options.validation_fraction = 0.1;
	CHECK_OK(lep_split_fold(&env, ratings, &options, (LepFold){ 1, 2 }));
	for (int64_t j = 0; j < 6; j++)
		CHECK_INT_EQ(ratings->part[j], "201002"[j] - '0');
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_folds_need_time(void)
{
	static Row rows[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_LEAVE_LAST, 0.1, 0.1);

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 6, 10);
	ratings = build(&arena, rows, N_ROWS, false);
	CHECK_STATUS(lep_split_fold(&env, ratings, &options, (LepFold){ 1, 2 }), LEP_ERR_NEEDS_TIME);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/*
 * Items 1 to 4 with 16, 64, 256 and 1024 times 8 ratings, 10880 in all.  A tenth is to be held out:
 * c sum of n sqrt(n) = 1088, sqrt(n) = sqrt(8) (4, 8, 16, 32), n sqrt(n) = 8 sqrt(8) (64 + 512 + 4096 +
 * 32768) = 847,265, so that c = 0.001284 and the shares are 0.01453, 0.02906, 0.05811, 0.11623.  Half can
 * only be held out where all shares are at the cap of 1/2.
 */
static void
check_popular(double fraction, const double *shares)
{
	static Row rows[10880];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_RANDOM, 0, fraction);
	int n = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	for (int item = 1; item <= 4; item++)
	{
		for (int user = 0; user < 8 << (2 * item + 2); user++)
		{
			rows[n].user = user;
			rows[n].item = item;
			n++;
		}
	}
	options.validation_split = LEP_VALIDATION_POPULAR;
	ratings = build(&arena, rows, n, false);
	CHECK_OK(lep_split(&env, ratings, &options));
	for (int item = 0; item < 4; item++)
	{
		double n_item = 8 << (2 * item + 4);
		double held = 0;

		for (int64_t j = 0; j < ratings->n_ratings; j++)
			held += ratings->item[j] == item && ratings->part[j] == LEP_PART_VALIDATION;
		CHECK_CLOSE(held, n_item * shares[item], four_sigma(n_item, shares[item]) + 1);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_popular_shares(void)
{
	static const double tenth[] = { 0.01453, 0.02906, 0.05811, 0.11623 };
	static const double half[] = { 0.5, 0.5, 0.5, 0.5 };

	check_popular(0.1, tenth);
	check_popular(0.5, half);
}

/* auto is as split, and what is named is taken whatever split is. */
static void
test_validation_split(void)
{
	static Row rows[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options = split_options(LEP_SPLIT_LEAVE_LAST, 0, 0.2);
	int64_t n_last;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 1, 1000);
	ratings = build(&arena, rows, N_ROWS, true);
	CHECK_OK(lep_split(&env, ratings, &options));
	n_last = lep_ratings_count(ratings, LEP_PARTS_VALIDATION);
	options.split = LEP_SPLIT_RANDOM;
	options.validation_split = LEP_VALIDATION_LEAVE_LAST;
	CHECK_OK(lep_split(&env, ratings, &options));
	CHECK_INT_EQ(lep_ratings_count(ratings, LEP_PARTS_VALIDATION), n_last);
	options.validation_split = LEP_VALIDATION_RANDOM;
	CHECK_OK(lep_split(&env, ratings, &options));
	CHECK_CLOSE((double) lep_ratings_count(ratings, LEP_PARTS_VALIDATION), 0.2 * (double) ratings->n_ratings,
				four_sigma((double) ratings->n_ratings, 0.2));
	lep_arena_drop(&arena);
	ratings = build(&arena, rows, N_ROWS, false);
	options.validation_split = LEP_VALIDATION_TIME;
	CHECK_STATUS(lep_split(&env, ratings, &options), LEP_ERR_NEEDS_TIME);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_random_is_the_hash);
	TEST(test_random_fractions);
	TEST(test_random_keeps_pairs);
	TEST(test_fractions_of_nothing_and_all);
	TEST(test_time_like_reference);
	TEST(test_time_by_hand);
	TEST(test_leave_last_by_hand);
	TEST(test_needs_time);
	TEST(test_stopped);
	TEST(test_random_folds);
	TEST(test_random_folds_are_of_pairs);
	TEST(test_time_folds);
	TEST(test_time_folds_expand);
	TEST(test_leave_last_folds);
	TEST(test_folds_need_time);
	TEST(test_popular_shares);
	TEST(test_validation_split);
	return unit_done();
}

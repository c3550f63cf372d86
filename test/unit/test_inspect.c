/*
 * test_inspect.c
 *		What is counted of ratings: against sorts and double loops made here, and
 *		by hand.
 */
#include "core/gini.h"
#include "core/inspect.h"
#include "core/split.h"
#include "sample.h"

#define N_ROWS 6000

typedef struct Row
{
	int64_t user;
	int64_t item;
	double rating;
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

		CHECK_OK(lep_ratings_add(builder, &user, &item, &rows[j].rating, has_time ? &rows[j].time : NULL, 1));
	}
	lep_options_init(&options);
	CHECK_OK(lep_ratings_finish(builder, &options, &ratings));
	return ratings;
}

/* All that there is to see; now: NULL where it is not known. */
static LepStatus
look(LepEnv *env, LepRatings *ratings, const LepOptions *options, const int64_t *now, LepInspection *found)
{
	LepStatus status = lep_inspect(env, ratings, options, found);

	return status == LEP_OK && now != NULL ? lep_inspect_future(env, ratings, *now, found) : status;
}

/* Look at rows; everything else is given back. */
static LepInspection
inspect(const Row *rows, int64_t n, bool has_time, const int64_t *now)
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepInspection found;
	size_t held;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	ratings = build(&arena, rows, n, has_time);
	held = env.bytes_now;
	CHECK_OK(look(&env, ratings, &options, now, &found));
	CHECK_INT_EQ(env.bytes_now, held);
	lep_arena_drop(&arena);
	unit_env_done(&env);
	return found;
}

/*
 * Users 1 to 4 with 1, 2, 2 and 5 ratings: quartiles by nearest rank at
 * 1, 2 and 3 of 4; items 10 to 14 with 4, 2, 2, 1, 1.
 */
static const Row by_hand[] = {
	{ 1, 10, 3.0, 100 },					  /* alone */
	{ 2, 10, 4.5, 200 }, { 2, 11, 1.0, 200 }, /* one time */
	{ 3, 10, 2.5, 300 }, { 3, 12, 2.5, 310 }, /* same rating, but few */
	{ 4, 10, 4.5, 100 }, { 4, 11, 1.0, 999 }, /* and then the future */
	{ 4, 12, 3.0, 100 }, { 4, 13, 2.5, 1000 }, { 4, 14, 3.0, 400 },
};

static void
test_by_hand(void)
{
	int64_t now = 998;
	LepInspection found = inspect(by_hand, 10, true, &now);

	CHECK_INT_EQ(found.users.n, 4);
	CHECK_INT_EQ(found.users.min, 1);
	CHECK_INT_EQ(found.users.quartile1, 1);
	CHECK_INT_EQ(found.users.median, 2);
	CHECK_INT_EQ(found.users.quartile3, 2);
	CHECK_INT_EQ(found.users.p90, 5);
	CHECK_INT_EQ(found.users.p99, 5);
	CHECK_INT_EQ(found.users.max, 5);
	CHECK_INT_EQ(found.users.n_single, 1);
	CHECK_INT_EQ(found.users.n_top, 1);
	CHECK_CLOSE(found.users.top_share, 0.5, 0);
	/* (-3 * 1 - 1 * 2 + 1 * 2 + 3 * 5) / (4 * 10) */
	CHECK_CLOSE(found.users.gini, 0.3, 1e-15);
	CHECK_INT_EQ(found.items.n, 5);
	CHECK_INT_EQ(found.items.n_single, 2);
	CHECK_INT_EQ(found.items.median, 2);
	CHECK_CLOSE(found.items.top_share, 0.4, 1e-15);
	/* (-4 * 1 - 2 * 1 + 0 * 2 + 2 * 2 + 4 * 4) / (5 * 10) */
	CHECK_CLOSE(found.items.gini, 0.28, 1e-15);

	/* 27.5 / 10; squared deviations 12.625 / 10 */
	CHECK_CLOSE(found.mean, 2.75, 1e-12);
	CHECK_CLOSE(found.sd, sqrt(1.2625), 1e-12);
	CHECK_INT_EQ(found.n_distinct, 4);
	CHECK_CLOSE(found.step, 0.5, 0);
	CHECK_INT_EQ(found.n_far, 0);
	CHECK_INT_EQ(found.n_constant, 0);

	CHECK_INT_EQ(found.first_time, 100);
	CHECK_INT_EQ(found.last_time, 1000);
	CHECK_INT_EQ(found.n_instants, 7);
	CHECK_INT_EQ(found.common_time, 100);
	CHECK_INT_EQ(found.n_common_time, 3);
	CHECK_INT_EQ(found.n_instant, 1);
	CHECK_INT_EQ(found.n_instant_ratings, 2);
	CHECK_INT_EQ(found.n_future, 2);
	CHECK_INT_EQ(found.n_future_users, 1);
	CHECK_INT_EQ(found.n_future_items, 2);
}

static void
test_no_times(void)
{
	int64_t now = 998;
	LepInspection found = inspect(by_hand, 10, false, &now);

	CHECK_INT_EQ(found.users.max, 5);
	CHECK_INT_EQ(found.n_instants, 0);
	CHECK_INT_EQ(found.n_instant, 0);
	CHECK_INT_EQ(found.n_future, 0);
	CHECK_INT_EQ(found.n_test, 0);
}

/* One user per rating and two items: the scale is what is looked at. */
static LepInspection
inspect_values(const double *values, int n)
{
	Row rows[200];

	for (int j = 0; j < n; j++)
	{
		Row row = { j, j % 2, values[j], 0 };

		rows[j] = row;
	}
	return inspect(rows, n, false, NULL);
}

static void
test_grid(void)
{
	static const double halves[] = { 1, 2.5, 4.5, 5 };
	static const double no_neighbours[] = { 1, 2.5, 4.5 };
	static const double tenths[] = { 0.1, 0.2, 0.7, 3.3, 9.9 };
	static const double off[] = { 1, 2, 3.14159, 4, 5 };
	static const double millions[] = { -1e6, 1e6, 0, 5e5 };
	static const double fine[] = { 1e6, 1e6 + 0.0625, 1e6 + 0.1875 };
	static const double negative[] = { -10, -0.0, 0.0, 10 };
	static const double same[] = { 0.1, 0.1, 0.1 };
	LepInspection found;

	CHECK_CLOSE(inspect_values(halves, 4).step, 0.5, 0);
	CHECK_CLOSE(inspect_values(no_neighbours, 3).step, 0.5, 0);
	CHECK_CLOSE(inspect_values(tenths, 5).step, 0.1, 1e-7);
	CHECK_CLOSE(inspect_values(off, 5).step, 0, 0);
	CHECK_CLOSE(inspect_values(millions, 4).step, 5e5, 0);
	/* single precision there: a step of 1/16 is just one of its own */
	CHECK_CLOSE(inspect_values(fine, 3).step, 0, 0);
	found = inspect_values(negative, 4);
	CHECK_INT_EQ(found.n_distinct, 3);
	CHECK_CLOSE(found.step, 10, 0);
	found = inspect_values(same, 3);
	CHECK_INT_EQ(found.n_distinct, 1);
	CHECK_CLOSE(found.step, 0, 0);
	CHECK_INT_EQ(found.n_far, 0);
}

/* 65536 distinct ratings are counted, one more is too many. */
static void
test_many_values(void)
{
	int n = LEP_INSPECT_MAX_DISTINCT + 1;
	Row *rows = malloc((size_t) n * sizeof(Row));

	for (int j = 0; j < n; j++)
	{
		Row row = { j % 300, j / 300, j, 0 };

		rows[j] = row;
	}
	CHECK_INT_EQ(inspect(rows, n, false, NULL).n_distinct, n);
	CHECK_INT_EQ(inspect(rows, n - 1, false, NULL).n_distinct, n - 1);
	/* more steps than a grid may have */
	CHECK_CLOSE(inspect(rows, n - 1, false, NULL).step, 0, 0);
	CHECK_CLOSE(inspect(rows, 10001, false, NULL).step, 1, 0);
	free(rows);
}

/* 99 users with 2 ratings, user 100 with n_heavy, all the same; far: one rating of 100. */
static LepInspection
inspect_outliers(int n_heavy, double far)
{
	static Row rows[300];
	int n = 0;

	for (int u = 0; u < 99; u++)
	{
		for (int i = 0; i < 2; i++)
		{
			Row row = { u, (u + i) % 30, i == 0 ? far : 1 + u % 2, 0 };

			rows[n++] = row;
			far = 2;
		}
	}
	for (int i = 0; i < n_heavy; i++)
	{
		Row row = { 100, i, 2, 0 };

		rows[n++] = row;
	}
	return inspect(rows, n, false, NULL);
}

static void
test_outliers(void)
{
	LepInspection found = inspect_outliers(21, 100);

	/* the 99 % quantile of 100 users is the 99th, 2: more than 20 is many */
	CHECK_INT_EQ(found.users.p99, 2);
	CHECK_INT_EQ(found.n_many, 1);
	CHECK_INT_EQ(found.n_many_ratings, 21);
	CHECK_INT_EQ(inspect_outliers(20, 100).n_many, 0);
	CHECK_INT_EQ(found.n_constant, 1);
	CHECK_INT_EQ(found.n_constant_ratings, 21);
	CHECK_INT_EQ(inspect_outliers(10, 100).n_constant, 1);
	CHECK_INT_EQ(inspect_outliers(9, 100).n_constant, 0);
	CHECK_INT_EQ(found.n_far, 1);
	CHECK_INT_EQ(inspect_outliers(21, 2).n_far, 0);
}

static int
compare_int64(const void *pa, const void *pb)
{
	int64_t a = *(const int64_t *) pa;
	int64_t b = *(const int64_t *) pb;

	return a < b ? -1 : a > b;
}

/* Times over all of int64, sorted by the library and counted one by one. */
static void
test_times(void)
{
	static Row rows[N_ROWS];
	static int64_t times[N_ROWS];
	static const int64_t extremes[] = { INT64_MIN, INT64_MAX, 0, -1 };
	uint64_t state = 7;
	int64_t n_instants = 0;
	int64_t n_same = 0;
	int64_t n_common = 0;
	int64_t common = 0;
	LepInspection found;

	for (int j = 0; j < N_ROWS; j++)
	{
		rows[j].user = j % 100;
		rows[j].item = j / 100;
		rows[j].rating = j % 5;
		rows[j].time = j % 3 == 0 ? extremes[sample_next(&state) % 4]
								  : (int64_t) (sample_next(&state) & ~UINT64_C(0) << 52);
		times[j] = rows[j].time;
	}
	qsort(times, N_ROWS, sizeof(int64_t), compare_int64);
	for (int j = 0; j < N_ROWS; j++)
	{
		n_same = j > 0 && times[j] == times[j - 1] ? n_same + 1 : 1;
		n_instants += n_same == 1;
		if (n_same > n_common)
		{
			n_common = n_same;
			common = times[j];
		}
	}
	found = inspect(rows, N_ROWS, true, NULL);
	CHECK_INT_EQ(found.first_time, INT64_MIN);
	CHECK_INT_EQ(found.last_time, INT64_MAX);
	CHECK_INT_EQ(found.n_instants, n_instants);
	CHECK_INT_EQ(found.n_common_time, n_common);
	CHECK_INT_EQ(found.common_time, common);
}

/* Numbers of ratings per id, sorted: quantiles, Gini by its definition over all pairs. */
static void
check_spread(const LepInspectSpread *spread, int64_t *counts, int n)
{
	static const int thousandths[] = { 250, 500, 750, 900, 990 };
	const int64_t found[] = { spread->quartile1, spread->median, spread->quartile3, spread->p90,
							  spread->p99 };
	double differences = 0;
	int64_t sum = 0;
	int64_t top = 0;

	qsort(counts, (size_t) n, sizeof(int64_t), compare_int64);
	for (int q = 0; q < 5; q++)
	{
		int not_larger = 0;
		int smaller = 0;

		for (int k = 0; k < n; k++)
		{
			not_larger += counts[k] <= found[q];
			smaller += counts[k] < found[q];
		}
		CHECK(not_larger * 1000 >= thousandths[q] * n);
		CHECK(smaller * 1000 < thousandths[q] * n);
	}
	for (int a = 0; a < n; a++)
	{
		sum += counts[a];
		top += a >= n - (n + 99) / 100 ? counts[a] : 0;
		for (int b = 0; b < n; b++)
			differences += fabs((double) (counts[a] - counts[b]));
	}
	CHECK_INT_EQ(spread->n, n);
	CHECK_INT_EQ(spread->min, counts[0]);
	CHECK_INT_EQ(spread->max, counts[n - 1]);
	CHECK_CLOSE(spread->top_share, (double) top / (double) sum, 1e-15);
	CHECK_CLOSE(spread->gini, differences / (2.0 * n * (double) sum), 1e-12);
}

static void
test_spread(void)
{
	static Row rows[N_ROWS];
	static int64_t users[N_ROWS];
	static int64_t items[N_ROWS];
	uint64_t state = 3;
	int n_users = 0;
	int n_items = 0;
	int64_t n = 0;
	LepInspection found;

	/* u < 400 and i < 300, more of the small ones; each pair once */
	for (int64_t j = 0; j < 400 * 300; j++)
	{
		Row row = { j / 300, j % 300, (double) (j % 4), 0 };

		if (sample_next(&state) % 1000 >= (uint64_t) (8000 / (row.user + 5) + 4000 / (row.item + 3)) / 4 ||
			n == N_ROWS)
			continue;
		rows[n++] = row;
		users[row.user]++;
		items[row.item]++;
	}
	for (int k = 0; k < 400; k++)
	{
		if (users[k] > 0)
			users[n_users++] = users[k];
		if (items[k] > 0)
			items[n_items++] = items[k];
	}
	found = inspect(rows, n, false, NULL);
	check_spread(&found.users, users, n_users);
	check_spread(&found.items, items, n_items);
	CHECK(n > 3000 && n < N_ROWS);
}

/* By time: is there a training rating of the user, of the item, among all? */
static void
check_new(LepEnv *env, LepRatings *r, const LepInspection *found, LepOptions *options)
{
	int64_t n_test = 0;
	int64_t n_users = 0;
	int64_t n_items = 0;

	options->split = LEP_SPLIT_TIME;
	CHECK_OK(lep_split(env, r, options));
	for (int64_t a = 0; a < r->n_ratings; a++)
	{
		bool user_known = false;
		bool item_known = false;

		if (r->part[a] != LEP_PART_TEST)
			continue;
		for (int64_t b = 0; b < r->n_ratings; b++)
		{
			bool train = r->part[b] != LEP_PART_TEST;

			user_known |= train && lep_ratings_user(r, a) == lep_ratings_user(r, b);
			item_known |= train && r->item[a] == r->item[b];
		}
		n_test++;
		n_users += !user_known;
		n_items += !item_known;
	}
	CHECK(n_users > 0 && n_items > 0 && n_users < n_test && n_items < n_test);
	CHECK_INT_EQ(found->n_time_test, n_test);
	CHECK_INT_EQ(found->n_time_test_users, n_users);
	CHECK_INT_EQ(found->n_time_test_items, n_items);
}

/* Each test rating against each rating of its user, as the split leaves them. */
static void
test_leaks(void)
{
	static Row rows[N_ROWS];
	uint64_t state = 11;
	int64_t n_test = 0;
	int64_t n_known = 0;
	int64_t n_newer = 0;
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepRatings *r;
	LepInspection found;

	for (int j = 0; j < N_ROWS; j++)
	{
		rows[j].user = j % 400;
		rows[j].item = j / 400;
		rows[j].rating = j % 5;
		rows[j].time = (int64_t) (sample_next(&state) % 50);
		/* some come late: their ratings are all new */
		if (rows[j].user % 40 == 0 || rows[j].item == 3)
			rows[j].time += 60;
	}
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	options.test_fraction = 0.2;
	r = build(&arena, rows, N_ROWS, true);
	CHECK_OK(lep_inspect(&env, r, &options, &found));
	options.validation_fraction = 0;
	CHECK_OK(lep_split(&env, r, &options));
	for (int32_t u = 0; u < r->n_users; u++)
	{
		for (int64_t a = r->user_start[u]; a < r->user_start[u + 1]; a++)
		{
			bool newer_train = false;
			bool older_test = false;

			for (int64_t b = r->user_start[u]; b < r->user_start[u + 1]; b++)
			{
				newer_train |= r->part[b] != LEP_PART_TEST && r->time[b] > r->time[a];
				older_test |= r->part[b] == LEP_PART_TEST && r->time[b] < r->time[a];
			}
			n_test += r->part[a] == LEP_PART_TEST;
			n_known += r->part[a] == LEP_PART_TEST && newer_train;
			n_newer += r->part[a] != LEP_PART_TEST && older_test;
		}
	}
	CHECK(n_known > 0 && n_known < n_test);
	CHECK_INT_EQ(found.n_test, n_test);
	CHECK_INT_EQ(found.n_test_known, n_known);
	CHECK_INT_EQ(found.n_newer, n_newer);
	check_new(&env, r, &found, &options);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Stopped at any of its questions, it says so and gives everything back. */
static void
test_stop(void)
{
	UnitStopper stopper = { 0, INT64_MAX };
	int64_t now = 500;
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepRatings *ratings;
	LepInspection found;
	size_t held;
	int64_t n_asked;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	ratings = build(&arena, by_hand, 10, true);
	held = env.bytes_now;
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	CHECK_OK(look(&env, ratings, &options, &now, &found));
	n_asked = stopper.n_asked;
	CHECK(n_asked > 20);
	for (int64_t limit = 0; limit < n_asked; limit++)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(look(&env, ratings, &options, &now, &found), LEP_ERR_STOPPED);
		CHECK_INT_EQ(env.bytes_now, held);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Without memory it says so, wherever that is. */
static void
test_memory(void)
{
	int64_t now = 500;
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepRatings *ratings;
	LepInspection found;
	size_t held;
	LepStatus status = LEP_ERR_MEMORY_LIMIT;
	int n_failed = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	ratings = build(&arena, by_hand, 10, true);
	held = env.bytes_now;
	for (env.max_bytes = held + 1; status == LEP_ERR_MEMORY_LIMIT; env.max_bytes += 128)
	{
		status = look(&env, ratings, &options, &now, &found);
		n_failed += status != LEP_OK;
		CHECK_INT_EQ(env.bytes_now, held);
	}
	CHECK_STATUS(status, LEP_OK);
	CHECK(n_failed > 1000);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* What little there is to share is shared, too. */
static void
test_gini_by_hand(void)
{
	static const uint64_t one_has_one[] = { 0, 0, 0, 1 };
	static const uint64_t nobody[] = { 0, 0 };
	LepEnv env;
	double gini = 0;

	unit_env_init(&env);
	CHECK_OK(lep_gini(&env, one_has_one, 4, &gini));
	CHECK_CLOSE(gini, 0.75, 1e-15);
	CHECK_OK(lep_gini(&env, one_has_one + 3, 1, &gini));
	CHECK_CLOSE(gini, 0, 0);
	CHECK_OK(lep_gini(&env, nobody, 2, &gini));
	CHECK(isnan(gini));
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_by_hand);
	TEST(test_no_times);
	TEST(test_grid);
	TEST(test_many_values);
	TEST(test_outliers);
	TEST(test_times);
	TEST(test_spread);
	TEST(test_leaks);
	TEST(test_stop);
	TEST(test_memory);
	TEST(test_gini_by_hand);
	return unit_done();
}

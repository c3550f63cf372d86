/*
 * test_ratings.c
 *		From rows to ratings, against a reference that sorts structs and merges
 *		them one by one, and against hand-worked cases.
 */
#include <time.h>

#include "core/ratings.h"
#include "sample.h"

#define N_USERS 211
#define N_ITEMS 97
#define N_ROWS	9000

/* Rows of a build that is repeated for each question to the host. */
#define N_HOST_ROWS 3000

/* A row by numbers; ids are made of them by make_id. */
typedef struct Row
{
	int user;
	int item;
	double rating;
	int64_t time;
} Row;

/* The id of number k, of a kind in which ids go in another order than numbers. */
static LepId
make_id(LepIdKind kind, int k, char *buffer)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	if (kind == LEP_ID_INT64)
		id.v.i64 = k % 2 == 0 ? k : -k;
	else if (kind == LEP_ID_TEXT)
	{
		id.v.text.len = snprintf(buffer, 16, "n%d", k);
		id.v.text.data = buffer;
	}
	else
	{
		id.v.uuid[15] = (uint8_t) (k >> 8);
		id.v.uuid[3] = (uint8_t) ((k & 0xFF) ^ 0x5A);
	}
	return id;
}

static LepStatus
add_rows(LepRatingsBuilder *builder, const LepSourceShape *shape, const Row *rows, int64_t n)
{
	static char text[2][LEP_ID_BATCH][16];
	LepId users[LEP_ID_BATCH];
	LepId items[LEP_ID_BATCH];
	double ratings[LEP_ID_BATCH];
	int64_t times[LEP_ID_BATCH];
	LepStatus status = LEP_OK;
	int step = 1;

	for (int64_t done = 0; done < n && status == LEP_OK;)
	{
		int batch = (int) (n - done < step ? n - done : step);

		for (int j = 0; j < batch; j++)
		{
			const Row *row = &rows[done + j];

			users[j] = make_id(shape->user_kind, row->user, text[0][j]);
			items[j] = make_id(shape->item_kind, row->item, text[1][j]);
			ratings[j] = row->rating;
			times[j] = row->time;
		}
		status = lep_ratings_add(builder, users, items, shape->has_rating ? ratings : NULL,
								 shape->has_time ? times : NULL, batch);
		done += batch;
		step = step % LEP_ID_BATCH + 1;
	}
	return status;
}

/* All of it: begin, add, finish. */
static LepStatus
build(LepArena *arena, const LepSourceShape *shape, const Row *rows, int64_t n, const LepOptions *options,
	  LepRatings **ratings)
{
	LepRatingsBuilder *builder = lep_ratings_begin(arena, shape);
	LepStatus status;

	if (builder == NULL)
		return arena->env->error.status;
	status = add_rows(builder, shape, rows, n);
	return status == LEP_OK ? lep_ratings_finish(builder, options, ratings) : status;
}

/* ---- the reference ---- */

static const LepSourceShape *ref_shape;

static int
compare_numbers(LepIdKind kind, int a, int b)
{
	char a_text[16];
	char b_text[16];
	LepId a_id = make_id(kind, a, a_text);
	LepId b_id = make_id(kind, b, b_text);

	if (kind == LEP_ID_TEXT)
		return strcmp(a_text, b_text);
	if (kind == LEP_ID_UUID)
		return memcmp(a_id.v.uuid, b_id.v.uuid, 16);
	return a_id.v.i64 < b_id.v.i64 ? -1 : a_id.v.i64 > b_id.v.i64;
}

static int
compare_rows(const void *pa, const void *pb)
{
	const Row *a = pa;
	const Row *b = pb;
	int order = compare_numbers(ref_shape->user_kind, a->user, b->user);

	if (order == 0)
		order = compare_numbers(ref_shape->item_kind, a->item, b->item);
	if (order == 0 && ref_shape->has_time)
		order = a->time < b->time ? -1 : a->time > b->time;
	if (order == 0)
		order = a->rating < b->rating ? -1 : a->rating > b->rating;
	return order;
}

/* The rows [0, n) of one pair, in order, as one. */
static Row
merge_reference(const Row *rows, int n, LepDuplicates rule)
{
	Row merged = rows[n - 1];
	double sum = 0;
	double max = rows[0].rating;
	int n_summed = 0;

	for (int j = 0; j < n; j++)
	{
		if (rule == LEP_DUPLICATES_LAST && rows[j].time != rows[n - 1].time)
			continue;
		sum += rows[j].rating;
		n_summed++;
		if (rows[j].rating > max)
			max = rows[j].rating;
	}
	merged.rating = rule == LEP_DUPLICATES_MAX ? max : rule == LEP_DUPLICATES_SUM ? sum : sum / n_summed;
	return merged;
}

/* Sort and merge in place; how many are left. */
static int64_t
reference(Row *rows, int64_t n, const LepSourceShape *shape, LepDuplicates rule)
{
	int64_t out = 0;

	ref_shape = shape;
	qsort(rows, (size_t) n, sizeof(Row), compare_rows);
	for (int64_t j = 0; j < n;)
	{
		int same = 1;

		while (j + same < n && rows[j + same].user == rows[j].user && rows[j + same].item == rows[j].item)
			same++;
		rows[out++] = merge_reference(rows + j, same, rule);
		j += same;
	}
	return out;
}

/* Drop users and items with too few, pass by pass; how many are left. */
static int64_t
reference_cold(Row *rows, int64_t n, int min_user, int min_item)
{
	for (;;)
	{
		static int user_count[N_USERS];
		static int item_count[N_ITEMS];
		int64_t out = 0;

		memset(user_count, 0, sizeof(user_count));
		memset(item_count, 0, sizeof(item_count));
		for (int64_t j = 0; j < n; j++)
		{
			user_count[rows[j].user]++;
			item_count[rows[j].item]++;
		}
		for (int64_t j = 0; j < n; j++)
		{
			if (user_count[rows[j].user] >= min_user && item_count[rows[j].item] >= min_item)
				rows[out++] = rows[j];
		}
		if (out == n)
			return n;
		n = out;
	}
}

/* Users and items that are in one row. */
static int
reference_lone(const Row *rows, int64_t n)
{
	int user_count[N_USERS] = { 0 };
	int item_count[N_ITEMS] = { 0 };
	int lone = 0;

	for (int64_t j = 0; j < n; j++)
	{
		user_count[rows[j].user]++;
		item_count[rows[j].item]++;
	}
	for (int u = 0; u < N_USERS; u++)
		lone += user_count[u] == 1;
	for (int i = 0; i < N_ITEMS; i++)
		lone += item_count[i] == 1;
	return lone;
}

/* The number whose id is row k of a map, by search. */
static int
number_of(const LepIdMap *map, int32_t row, int n_numbers)
{
	LepIdKind kind = lep_idmap_kind(map);
	LepId found = lep_idmap_id(map, row);

	for (int k = 0; k < n_numbers; k++)
	{
		char text[16];
		LepId id = make_id(kind, k, text);

		if (lep_id_compare(kind, &id, &found) == 0)
			return k;
	}
	return -1;
}

/* Are the ratings these rows, in this order, bit by bit? */
static void
check_same(const LepRatings *ratings, const Row *rows, int64_t n)
{
	int64_t j = 0;
	float min = INFINITY;
	float max = -INFINITY;
	int bad = 0;
	int n_ascending = 0;

	if (!CHECK_INT_EQ(ratings->n_ratings, n))
		return;
	CHECK_INT_EQ(ratings->user_start[0], 0);
	CHECK_INT_EQ(ratings->user_start[ratings->n_users], n);
	CHECK_INT_EQ(lep_idmap_count(ratings->users), ratings->n_users);
	CHECK_INT_EQ(lep_idmap_count(ratings->items), ratings->n_items);
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		int user = number_of(ratings->users, u, N_USERS);

		CHECK(ratings->user_start[u + 1] > ratings->user_start[u], "user %d has no ratings", u);
		for (; j < ratings->user_start[u + 1]; j++)
		{
			int item = number_of(ratings->items, ratings->item[j], N_ITEMS);

			bad += user != rows[j].user || item != rows[j].item;
			bad += ratings->rating[j] != (float) rows[j].rating;
			bad += ratings->time != NULL && ratings->time[j] != rows[j].time;
			bad += ratings->part[j] != LEP_PART_TRAIN;
			bad += lep_ratings_user(ratings, j) != u;
			n_ascending += j > ratings->user_start[u] && ratings->item[j] > ratings->item[j - 1];
			min = fminf(min, ratings->rating[j]);
			max = fmaxf(max, ratings->rating[j]);
		}
	}
	CHECK_INT_EQ(bad, 0);
	CHECK_INT_EQ(n_ascending, n - ratings->n_users);
	CHECK(min == ratings->min_rating && max == ratings->max_rating);
}

/*
 * Random rows: popular users and items, few distinct times and ratings so that
 * ties occur, one pair very often.
 */
static void
make_rows(Row *rows, int64_t n, uint64_t seed)
{
	uint64_t state = seed;

	for (int64_t j = 0; j < n; j++)
	{
		rows[j].user = (int) (sample_next(&state) % (1 + sample_next(&state) % N_USERS));
		rows[j].item = (int) (sample_next(&state) % (1 + sample_next(&state) % N_ITEMS));
		if (j % 20 == 0)
		{
			rows[j].user = 13;
			rows[j].item = 31;
		}
		rows[j].rating = (float) ((int) (sample_next(&state) % 1000) - 300) / 7;
		rows[j].time = (int64_t) (sample_next(&state) % 50) - 25;
	}
}

static void
shuffle(Row *rows, int64_t n, uint64_t seed)
{
	uint64_t state = seed;

	for (int64_t j = n - 1; j > 0; j--)
	{
		int64_t k = (int64_t) (sample_next(&state) % (uint64_t) (j + 1));
		Row row = rows[j];

		rows[j] = rows[k];
		rows[k] = row;
	}
}

static const LepSourceShape all_kinds[3] = {
	{ LEP_ID_INT64, LEP_ID_TEXT, true, true },
	{ LEP_ID_TEXT, LEP_ID_UUID, true, true },
	{ LEP_ID_UUID, LEP_ID_INT64, true, true },
};

/* Integer ids; for hand-worked cases. */
static const LepSourceShape plain = { LEP_ID_INT64, LEP_ID_INT64, true, false };
static const LepSourceShape timed = { LEP_ID_INT64, LEP_ID_INT64, true, true };

static void
check_against_reference(const LepSourceShape *shape, LepDuplicates rule, int min_user, int min_item)
{
	static Row rows[N_ROWS];
	static Row expected[N_ROWS];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;
	LepOptions options;
	int64_t n_merged;
	int64_t n;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_rows(rows, N_ROWS, 11);
	memcpy(expected, rows, sizeof(rows));
	n_merged = reference(expected, N_ROWS, shape, rule);
	n = reference_cold(expected, n_merged, min_user, min_item);
	CHECK(n > 100, "%d ratings are too few for a test", (int) n);

	lep_options_init(&options);
	options.feedback = LEP_FEEDBACK_EXPLICIT;
	options.duplicates = rule;
	options.min_user_ratings = min_user;
	options.min_item_ratings = min_item;
	if (CHECK_OK(build(&arena, shape, rows, N_ROWS, &options, &ratings)))
	{
		check_same(ratings, expected, n);
		CHECK_INT_EQ(ratings->n_rows, N_ROWS);
		CHECK_INT_EQ(ratings->n_merged, N_ROWS - n_merged);
		CHECK_INT_EQ(ratings->n_cold, n_merged - n);
		CHECK_INT_EQ(ratings->n_lone, reference_lone(expected, n));
		CHECK_INT_EQ(ratings->duplicates, rule);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_rules_like_reference(void)
{
	for (int k = 0; k < 3; k++)
	{
		LepSourceShape untimed = all_kinds[k];

		untimed.has_time = false;
		for (int rule = LEP_DUPLICATES_LAST; rule <= LEP_DUPLICATES_MAX; rule++)
		{
			check_against_reference(&all_kinds[k], rule, 1, 1);
			if (rule != LEP_DUPLICATES_LAST)
				check_against_reference(&untimed, rule, 1, 1);
		}
	}
}

static void
test_cold_like_reference(void)
{
	check_against_reference(&all_kinds[0], LEP_DUPLICATES_LAST, 20, 30);
	check_against_reference(&all_kinds[1], LEP_DUPLICATES_MEAN, 26, 25);
	check_against_reference(&all_kinds[2], LEP_DUPLICATES_SUM, 1, 60);
	check_against_reference(&plain, LEP_DUPLICATES_SUM, 26, 0);
}

static void
test_order_of_rows_does_not_matter(void)
{
	static Row rows[N_ROWS];

	make_rows(rows, N_ROWS, 5);
	for (int rule = LEP_DUPLICATES_LAST; rule <= LEP_DUPLICATES_MAX; rule++)
	{
		LepEnv env;
		LepArena arena;
		LepRatings *first = NULL;
		LepOptions options;

		unit_env_init(&env);
		lep_arena_init(&arena, &env);
		lep_options_init(&options);
		options.feedback = LEP_FEEDBACK_EXPLICIT;
		options.duplicates = rule;
		options.min_user_ratings = 5;
		CHECK_OK(build(&arena, &all_kinds[1], rows, N_ROWS, &options, &first));
		for (int k = 0; k < 3; k++)
		{
			LepRatings *other = NULL;
			size_t n;

			shuffle(rows, N_ROWS, 100 + (uint64_t) k);
			if (!CHECK_OK(build(&arena, &all_kinds[1], rows, N_ROWS, &options, &other)) ||
				!CHECK_INT_EQ(other->n_ratings, first->n_ratings))
				break;
			n = (size_t) first->n_ratings;
			CHECK_INT_EQ(other->n_users, first->n_users);
			CHECK_BYTES_EQ(other->user_start, first->user_start, (size_t) (first->n_users + 1) * 8);
			CHECK_BYTES_EQ(other->item, first->item, n * sizeof(int32_t));
			CHECK_BYTES_EQ(other->rating, first->rating, n * sizeof(float));
			CHECK_BYTES_EQ(other->time, first->time, n * sizeof(int64_t));
		}
		lep_arena_drop(&arena);
		unit_env_done(&env);
	}
}

/* Zeros of both signs are equal: which comes last must not show. */
static void
test_negative_zero(void)
{
	Row rows[] = { { 0, 0, 0.0, 1 }, { 0, 0, -0.0, 1 }, { 2, 2, -0.0, 1 }, { 4, 2, 5, 1 } };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;
	LepOptions options;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	options.duplicates = LEP_DUPLICATES_MAX;
	if (CHECK_OK(build(&arena, &plain, rows, 4, &options, &ratings)))
	{
		CHECK_INT_EQ(ratings->n_ratings, 3);
		CHECK(!signbit(ratings->rating[0]) && !signbit(ratings->rating[1]));
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* ---- hand-worked ---- */

/*
 * User 2 rates item 4 at times 10, 30, 30, 20 with 5, 2, 3, 1; others once.
 * The merged rating of the pair, and its time.
 */
static void
check_rule(const LepSourceShape *shape, LepFeedback feedback, LepDuplicates rule, LepDuplicates decided,
		   float expected)
{
	Row rows[] = { { 2, 4, 5, 10 }, { 2, 4, 2, 30 }, { 0, 4, 4, 1 },
				   { 2, 4, 3, 30 }, { 2, 6, 1, 2 },	 { 2, 4, 1, 20 } };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;
	LepOptions options;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	options.feedback = feedback;
	options.duplicates = rule;
	if (CHECK_OK(build(&arena, shape, rows, 6, &options, &ratings)))
	{
		/* by id: (0, 4), (2, 4), (2, 6) */
		CHECK_INT_EQ(ratings->n_ratings, 3);
		CHECK_INT_EQ(ratings->user_start[1], 1);
		CHECK_INT_EQ(ratings->item[1], 0);
		CHECK_INT_EQ(ratings->n_merged, 3);
		CHECK_INT_EQ(ratings->duplicates, decided);
		CHECK_CLOSE(ratings->rating[1], expected, 0);
		CHECK_CLOSE(ratings->rating[0], shape->has_rating ? 4 : 1, 0);
		CHECK_CLOSE(ratings->rating[2], 1, 0);
		CHECK_INT_EQ(ratings->time != NULL, shape->has_time);
		if (ratings->time != NULL)
			CHECK_INT_EQ(ratings->time[1], 30);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_duplicates_by_hand(void)
{
	LepSourceShape bare = { LEP_ID_INT64, LEP_ID_INT64, false, false };

	check_rule(&timed, LEP_FEEDBACK_AUTO, LEP_DUPLICATES_AUTO, LEP_DUPLICATES_LAST, 2.5f);
	check_rule(&plain, LEP_FEEDBACK_AUTO, LEP_DUPLICATES_AUTO, LEP_DUPLICATES_MEAN, 2.75f);
	check_rule(&plain, LEP_FEEDBACK_IMPLICIT, LEP_DUPLICATES_AUTO, LEP_DUPLICATES_SUM, 11);
	check_rule(&timed, LEP_FEEDBACK_IMPLICIT, LEP_DUPLICATES_AUTO, LEP_DUPLICATES_SUM, 11);
	check_rule(&bare, LEP_FEEDBACK_AUTO, LEP_DUPLICATES_AUTO, LEP_DUPLICATES_SUM, 4);
	check_rule(&timed, LEP_FEEDBACK_AUTO, LEP_DUPLICATES_MEAN, LEP_DUPLICATES_MEAN, 2.75f);
	check_rule(&timed, LEP_FEEDBACK_EXPLICIT, LEP_DUPLICATES_SUM, LEP_DUPLICATES_SUM, 11);
	check_rule(&timed, LEP_FEEDBACK_EXPLICIT, LEP_DUPLICATES_MAX, LEP_DUPLICATES_MAX, 5);
	check_rule(&timed, LEP_FEEDBACK_IMPLICIT, LEP_DUPLICATES_LAST, LEP_DUPLICATES_LAST, 2.5f);
	check_rule(&bare, LEP_FEEDBACK_AUTO, LEP_DUPLICATES_MAX, LEP_DUPLICATES_MAX, 1);
}

/* finish() must fail; what env->error says is left to the caller. */
static LepError
failed(const LepSourceShape *shape, const Row *rows, int n, const LepOptions *options, LepStatus expected)
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	CHECK_STATUS(build(&arena, shape, rows, n, options, &ratings), expected);
	CHECK_INT_EQ(env.error.status, expected);
	CHECK(ratings == NULL);
	lep_arena_drop(&arena);
	unit_env_done(&env);
	return env.error;
}

static void
test_duplicate_refused(void)
{
	Row rows[] = { { 8, 4, 1, 0 }, { 8, 2, 1, 0 }, { 6, 2, 2, 0 },
				   { 8, 2, 3, 0 }, { 8, 4, 4, 0 }, { 3, 12, 1, 0 } };
	LepOptions options;
	LepError error;

	lep_options_init(&options);
	options.duplicates = LEP_DUPLICATES_ERROR;

	/* users -3, 6, 8; items 2, 4, 12: the first pair there twice is (8, 2) */
	error = failed(&plain, rows, 6, &options, LEP_ERR_DUPLICATE);
	CHECK_STR_EQ(error.text, "user 8, item 2");
	CHECK_INT_EQ(error.row, 2);
	CHECK_INT_EQ(error.value, 0);

	error = failed(&all_kinds[1], rows, 6, &options, LEP_ERR_DUPLICATE);
	CHECK(strncmp(error.text, "user n8, item ", 14) == 0, "%s", error.text);

	/* without the second time there is no duplicate */
	rows[3].user = 5;
	rows[4].user = 5;
	{
		LepEnv env;
		LepArena arena;
		LepRatings *ratings = NULL;

		unit_env_init(&env);
		lep_arena_init(&arena, &env);
		if (CHECK_OK(build(&arena, &plain, rows, 6, &options, &ratings)))
			CHECK_INT_EQ(ratings->n_merged, 0);
		lep_arena_drop(&arena);
		unit_env_done(&env);
	}
}

/* Both ids of an error are legible, however long. */
static void
test_duplicate_of_long_ids(void)
{
	static const char user[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz";
	LepSourceShape shape = { LEP_ID_TEXT, LEP_ID_TEXT, false, false };
	LepEnv env;
	LepArena arena;
	LepRatingsBuilder *builder;
	LepRatings *ratings = NULL;
	LepOptions options;
	LepId id;
	char *item;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	options.duplicates = LEP_DUPLICATES_ERROR;
	builder = lep_ratings_begin(&arena, &shape);
	memset(&id, 0, sizeof(id));
	id.v.text.data = user;
	id.v.text.len = (int32_t) strlen(user);
	CHECK_OK(lep_ratings_add(builder, &id, &id, NULL, NULL, 1));
	CHECK_OK(lep_ratings_add(builder, &id, &id, NULL, NULL, 1));
	CHECK_STATUS(lep_ratings_finish(builder, &options, &ratings), LEP_ERR_DUPLICATE);
	CHECK(strncmp(env.error.text, "user 0123456789abcde", 20) == 0, "%s", env.error.text);
	item = strstr(env.error.text, "..., item 0123456789abcde");
	CHECK(item != NULL && strcmp(item + strlen(item) - 3, "...") == 0, "%s", env.error.text);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_last_needs_time(void)
{
	Row rows[] = { { 0, 0, 1, 0 }, { 2, 2, 2, 0 } };
	LepOptions options;
	LepError error;

	lep_options_init(&options);
	options.duplicates = LEP_DUPLICATES_LAST;
	error = failed(&plain, rows, 2, &options, LEP_ERR_NEEDS_TIME);
	CHECK_STR_EQ(error.what, "duplicates");
	CHECK_STR_EQ(error.text, "last");
}

static void
test_sum_beyond_float(void)
{
	Row rows[] = { { 0, 0, 9e11, 0 }, { 2, 2, 2, 0 }, { 0, 0, 3e11, 0 } };
	LepOptions options;
	LepError error;

	lep_options_init(&options);
	options.duplicates = LEP_DUPLICATES_SUM;
	error = failed(&plain, rows, 3, &options, LEP_ERR_RATING_RANGE);
	CHECK_CLOSE(error.value, 1.2e12, 1e6);
	CHECK_CLOSE(error.max, LEP_MAX_RATING, 0);
	CHECK_STR_EQ(error.text, "user 0, item 0");
}

static void
test_mean_of_what_sums_too_high_is_fine(void)
{
	Row rows[] = { { 0, 0, 9e11, 0 }, { 2, 2, 2, 0 }, { 0, 0, 6e11, 0 }, { 0, 0, 7.5e11, 0 } };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;
	LepOptions options;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	if (CHECK_OK(build(&arena, &plain, rows, 4, &options, &ratings)))
		CHECK_CLOSE(ratings->rating[0], 7.5e11, 1e5);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_too_few(void)
{
	Row rows[] = { { 2, 4, 1, 0 }, { 2, 6, 5, 0 }, { 4, 4, 3, 0 } };
	Row one_item[] = { { 2, 4, 1, 0 }, { 4, 4, 5, 0 } };
	LepOptions options;
	LepError error;

	lep_options_init(&options);
	failed(&plain, rows, 0, &options, LEP_ERR_NO_RATINGS);

	error = failed(&plain, rows, 2, &options, LEP_ERR_TOO_FEW);
	CHECK_STR_EQ(error.what, "users");
	CHECK_INT_EQ(error.value, 1);
	CHECK_INT_EQ(error.min, 2);

	error = failed(&plain, one_item, 2, &options, LEP_ERR_TOO_FEW);
	CHECK_STR_EQ(error.what, "items");
	CHECK_INT_EQ(error.value, 1);

	options.min_item_ratings = 3;
	failed(&plain, rows, 3, &options, LEP_ERR_NO_RATINGS);
	options.min_item_ratings = 2;
	error = failed(&plain, rows, 3, &options, LEP_ERR_TOO_FEW);
	CHECK_STR_EQ(error.what, "items");
}

static void
test_bad_ratings(void)
{
	static const double bad[] = { NAN, INFINITY, -INFINITY, 1.1e12, -1e39 };
	LepEnv env;
	LepArena arena;
	LepRatingsBuilder *builder;
	LepId ids[3];
	double ratings[3] = { 1, LEP_MAX_RATING, 0 };

	memset(ids, 0, sizeof(ids));
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	builder = lep_ratings_begin(&arena, &plain);
	CHECK_OK(lep_ratings_add(builder, ids, ids, ratings, NULL, 3));
	for (int k = 0; k < 5; k++)
	{
		LepStatus expected = k < 3 ? LEP_ERR_NOT_FINITE : LEP_ERR_RATING_RANGE;

		ratings[2] = bad[k];
		CHECK_STATUS(lep_ratings_add(builder, ids, ids, ratings, NULL, 3), expected);
		CHECK_STR_EQ(env.error.what, "rating");
		CHECK_INT_EQ(env.error.row, 6);
		CHECK(isnan(bad[k]) ? isnan(env.error.value) : env.error.value == bad[k]);
		CHECK_INT_EQ(lep_ratings_rows(builder), 3);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_long_id_tells_its_row(void)
{
	static char text[LEP_MAX_TEXT_ID + 1];
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_TEXT, false, false };
	LepEnv env;
	LepArena arena;
	LepRatingsBuilder *builder;
	LepId users[4];
	LepId items[4];

	memset(text, 'x', sizeof(text));
	memset(users, 0, sizeof(users));
	memset(items, 0, sizeof(items));
	for (int j = 0; j < 4; j++)
	{
		items[j].v.text.data = text;
		items[j].v.text.len = 3 + j;
	}
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	builder = lep_ratings_begin(&arena, &shape);
	CHECK_OK(lep_ratings_add(builder, users, items, NULL, NULL, 4));
	items[1].v.text.len = sizeof(text);
	CHECK_STATUS(lep_ratings_add(builder, users, items, NULL, NULL, 4), LEP_ERR_ID_TOO_LONG);
	CHECK_STR_EQ(env.error.what, "item");
	CHECK_INT_EQ(env.error.row, 6);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Feedback decided from these ratings of a diagonal, option auto. */
static void
check_feedback(const double *values, int n, LepFeedback expected, bool counts)
{
	Row rows[16];
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;
	LepOptions options;

	for (int j = 0; j < n; j++)
		rows[j] = (Row){ j, j, values[j], 0 };
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	if (CHECK_OK(build(&arena, &plain, rows, n, &options, &ratings)))
	{
		CHECK_INT_EQ(ratings->feedback, expected);
		CHECK_INT_EQ(ratings->looks_like_counts, counts);
		CHECK_INT_EQ(ratings->duplicates,
					 expected == LEP_FEEDBACK_IMPLICIT ? LEP_DUPLICATES_SUM : LEP_DUPLICATES_MEAN);
	}
	options.feedback = LEP_FEEDBACK_EXPLICIT;
	if (CHECK_OK(build(&arena, &plain, rows, n, &options, &ratings)))
	{
		CHECK_INT_EQ(ratings->feedback, LEP_FEEDBACK_EXPLICIT);
		CHECK_INT_EQ(ratings->looks_like_counts, counts);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_feedback(void)
{
	static const double stars[] = { 1, 5, 3, 2 };
	static const double same[] = { 5, 5, 5 };
	static const double ten[] = { 1, 1, 1, 10 };
	static const double counts[] = { 1, 11, 7, 20 };
	static const double few_ones[] = { 1, 11, 7, 20, 2 };
	static const double halves[] = { 1, 1, 10.5, 11 };
	static const double from_zero[] = { 0, 1, 1, 11 };
	static const double large[] = { 1, 3e9 };

	check_feedback(stars, 4, LEP_FEEDBACK_EXPLICIT, false);
	check_feedback(same, 3, LEP_FEEDBACK_IMPLICIT, false);
	check_feedback(ten, 4, LEP_FEEDBACK_EXPLICIT, false);
	check_feedback(counts, 4, LEP_FEEDBACK_IMPLICIT, true);
	check_feedback(few_ones, 5, LEP_FEEDBACK_EXPLICIT, false);
	check_feedback(halves, 4, LEP_FEEDBACK_EXPLICIT, false);
	check_feedback(from_zero, 4, LEP_FEEDBACK_EXPLICIT, false);
	check_feedback(large, 2, LEP_FEEDBACK_IMPLICIT, true);
}

/* User 3 and item 5 have one rating each; users 1, 2 and items 6, 7 two or three. */
static void
test_lone_by_hand(void)
{
	Row rows[] = { { 1, 6, 1, 0 }, { 1, 7, 2, 0 }, { 2, 6, 3, 0 },
				   { 2, 7, 4, 0 }, { 2, 5, 5, 0 }, { 3, 7, 1, 0 } };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;
	LepOptions options;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	if (CHECK_OK(build(&arena, &plain, rows, 6, &options, &ratings)))
		CHECK_INT_EQ(ratings->n_lone, 2);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/*
 * Each must have two.  Item 8 has one rating and goes; user 6 is left with one,
 * goes, and item 6 with her; user 4 is left with item 4 alone, goes; users 0, 2
 * and items 2, 4 stay with all four ratings.
 */
static void
test_cold_by_hand(void)
{
	Row rows[] = { { 6, 8, 1, 0 }, { 6, 6, 2, 0 }, { 4, 6, 3, 0 }, { 4, 4, 4, 0 },
				   { 2, 4, 5, 0 }, { 2, 2, 1, 0 }, { 0, 2, 2, 0 }, { 0, 4, 3, 0 } };
	static const float expected[] = { 2, 3, 1, 5 };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings = NULL;
	LepOptions options;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	options.min_user_ratings = 2;
	options.min_item_ratings = 2;
	if (CHECK_OK(build(&arena, &plain, rows, 8, &options, &ratings)) && CHECK_INT_EQ(ratings->n_ratings, 4))
	{
		CHECK_INT_EQ(ratings->n_cold, 4);
		CHECK_INT_EQ(ratings->n_users, 2);
		CHECK_INT_EQ(ratings->n_items, 2);
		CHECK_INT_EQ(lep_idmap_id(ratings->users, 1).v.i64, 2);
		CHECK_INT_EQ(lep_idmap_id(ratings->items, 1).v.i64, 4);
		CHECK_BYTES_EQ(ratings->rating, expected, sizeof(expected));
		CHECK_CLOSE(ratings->max_rating, 5, 0);
		CHECK_INT_EQ(ratings->user_start[1], 2);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_count_of_parts(void)
{
	uint8_t part[] = { LEP_PART_TEST, LEP_PART_TRAIN, LEP_PART_VALIDATION, LEP_PART_TEST, LEP_PART_TEST };
	LepRatings ratings;

	memset(&ratings, 0, sizeof(ratings));
	ratings.n_ratings = 5;
	ratings.part = part;
	CHECK_INT_EQ(lep_ratings_count(&ratings, LEP_PARTS_TRAIN), 1);
	CHECK_INT_EQ(lep_ratings_count(&ratings, LEP_PARTS_TEST), 3);
	CHECK_INT_EQ(lep_ratings_count(&ratings, LEP_PARTS_TEST | LEP_PARTS_VALIDATION), 4);
	CHECK_INT_EQ(lep_ratings_count(&ratings, LEP_PARTS_ALL), 5);
	CHECK_INT_EQ(lep_ratings_count(&ratings, 0), 0);
}

/* ---- the host ---- */

/* A host that says stop at the n-th time of asking; without memory: test_faults_train.c. */
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

/* Build with this host; all memory must be given back whatever happens. */
static LepStatus
build_with(Host *host)
{
	static Row rows[N_HOST_ROWS];
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepRatings *ratings = NULL;
	LepStatus status;

	make_rows(rows, N_HOST_ROWS, 3);
	unit_env_init(&env);
	env.should_stop = host_stop;
	env.host = host;
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	options.min_user_ratings = 5;
	options.min_item_ratings = 5;
	status = build(&arena, &all_kinds[1], rows, N_HOST_ROWS, &options, &ratings);
	CHECK((status == LEP_OK) == (ratings != NULL));
	lep_arena_drop(&arena);
	unit_env_done(&env);
	return status;
}

static void
test_stop_at_each_question(void)
{
	Host quiet = { 0, 0 };

	CHECK_OK(build_with(&quiet));
	CHECK(quiet.n_asked > 10, "asked only %d times", quiet.n_asked);
	for (int k = 1; k <= quiet.n_asked; k++)
	{
		Host host = { k, 0 };

		CHECK_STATUS(build_with(&host), LEP_ERR_STOPPED);
		CHECK_INT_EQ(host.n_asked, k);
	}
}

/* What was reserved, and how much of it the host was asked to make ready. */
typedef struct Reserved
{
	char *start[1024];
	size_t size[1024];
	int n;
	size_t populated;
	int n_outside; /* asked for beyond a block */
} Reserved;

static void *
reserved_alloc(void *host, size_t size)
{
	(void) host;
	return malloc(size);
}

static void *
reserved_reserve(void *host, size_t size)
{
	Reserved *reserved = host;
	char *start = malloc(size);

	reserved->start[reserved->n % 1024] = start;
	reserved->size[reserved->n++ % 1024] = size;
	return start;
}

static void
reserved_free(void *host, void *ptr)
{
	(void) host;
	free(ptr);
}

static void
reserved_populate(void *host, void *ptr, size_t size)
{
	Reserved *reserved = host;
	char *start = ptr;
	bool inside = false;

	for (int b = 0; b < reserved->n && b < 1024; b++)
		inside |= start >= reserved->start[b] && start + size <= reserved->start[b] + reserved->size[b];
	reserved->n_outside += !inside;
	reserved->populated += size;
}

/* Pages are asked for within what is reserved: 12 bytes a row and 8 for its time. */
static void
test_populates_what_it_writes(void)
{
	static Row rows[100000];
	static Reserved reserved;
	const int64_t n = sizeof(rows) / sizeof(rows[0]);
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepRatings *ratings = NULL;

	make_rows(rows, n, 11);
	unit_env_init(&env);
	env.alloc = reserved_alloc;
	env.reserve = reserved_reserve;
	env.free = reserved_free;
	env.populate = reserved_populate;
	env.host = &reserved;
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	CHECK_OK(build(&arena, &all_kinds[0], rows, n, &options, &ratings));
	CHECK(reserved.n > 3 && reserved.n <= 1024);
	CHECK_INT_EQ(reserved.n_outside, 0);
	CHECK_INT_EQ(reserved.populated, n * 20);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void *
reserved_count(void *host, size_t size)
{
	*(size_t *) host += size;
	return malloc(size);
}

/*
 * Where a host cannot reserve, what is asked for is there, and counted by it (a hash
 * aggregate, say): 12 bytes a row and little more, of any number of rows.
 */
static void
test_takes_no_more_than_rows_need(void)
{
	enum
	{
		N = 300000,
		STEP = 1000
	};
	static Row rows[N];
	const LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, false };
	size_t asked = 0;
	LepEnv env;
	LepArena arena;
	LepRatingsBuilder *builder;
	double most = 0;

	/* few ids */
	for (int64_t j = 0; j < N; j++)
		rows[j] = (Row){ .user = (int) (j % 100), .item = (int) (j % 99), .rating = 1 };
	unit_env_init(&env);
	env.alloc = reserved_count;
	env.host = &asked;
	lep_arena_init(&arena, &env);
	builder = lep_ratings_begin(&arena, &shape);
	for (int64_t j = 0; j < N; j += STEP)
	{
		double a_row;

		CHECK_OK(add_rows(builder, &shape, rows + j, STEP));
		a_row = (double) asked / (double) (j + STEP);
		if (j >= 4096 && a_row > most)
			most = a_row;
	}
	CHECK(most <= 12 * 1.25 + 24000.0 / 4096, "%.2f bytes a row", most);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* ---- memory and speed ---- */

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* What a million rows of 20,000 users and 5,000 items may hold, in bytes a row. */
static void
check_memory(const LepSourceShape *shape, double reading, double sorting, double after)
{
	enum
	{
		N = 1000000
	};
	/* id maps and counts: 24 + 32 bytes an id at most, and starts, for 25,000 ids */
	double ids = shape->user_kind == LEP_ID_INT64 ? 80.0 * 25000 / N : 140.0 * 25000 / N;
	Row *rows = malloc(N * sizeof(Row));
	LepEnv env;
	LepArena arena;
	LepRatingsBuilder *builder;
	LepRatings *ratings = NULL;
	LepOptions options;
	uint64_t state = 17;
	double start;
	double added;

	for (int64_t j = 0; j < N; j++)
	{
		rows[j].user = (int) (sample_next(&state) % 20000);
		rows[j].item = (int) (sample_next(&state) % 5000);
		rows[j].rating = (double) (sample_next(&state) % 10) / 2;
		rows[j].time = (int64_t) sample_next(&state) / 1000;
	}
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	start = seconds();
	builder = lep_ratings_begin(&arena, shape);
	CHECK_OK(add_rows(builder, shape, rows, N));
	added = seconds();
	/* the newest chunk may have an eighth to spare */
	CHECK((double) env.bytes_peak / N <= reading * 1.125 + ids, "%.2f bytes a row while reading",
		  (double) env.bytes_peak / N);

	options.min_user_ratings = 2;
	CHECK_OK(lep_ratings_finish(builder, &options, &ratings));
	printf("# %s: add %.0f ns a row, finish %.0f; %.2f bytes a row at the peak, %.2f afterwards\n",
		   shape->user_kind == LEP_ID_INT64 ? "int64" : "text", (added - start) * 1e9 / N,
		   (seconds() - added) * 1e9 / N, (double) env.bytes_peak / N, (double) env.bytes_now / N);
	CHECK((double) env.bytes_peak / N <= sorting + ids, "%.2f bytes a row at the peak",
		  (double) env.bytes_peak / N);
	CHECK((double) env.bytes_now / N <= after + 1 + ids, "%.2f bytes a row afterwards",
		  (double) env.bytes_now / N);
	lep_arena_drop(&arena);
	unit_env_done(&env);
	free(rows);
}

static void
test_memory_as_promised(void)
{
	LepSourceShape text = { LEP_ID_TEXT, LEP_ID_TEXT, true, true };

	check_memory(&plain, 12, 24, 8);
	check_memory(&timed, 20, 40, 16);
	check_memory(&text, 20, 40, 16);
}

/* A user's digest is that of her rows alone, and another as soon as one of them is. */
static void
test_digest(void)
{
	static const Row rows[] = { { 3, 10, 4, 1 }, { 3, 11, 2, 1 }, { 3, 12, 2, 1 },
								{ 5, 10, 4, 1 }, { 5, 13, 1, 1 }, { 7, 9, 3, 1 } };
	static const Row changed[][3] = {
		{ { 3, 12, 2, 9 }, { 3, 10, 4, 8 }, { 3, 11, 2, 7 } }, /* times and order do not count */
		{ { 3, 10, 4, 1 }, { 3, 11, 2, 1 }, { 3, 12, 3, 1 } },
		{ { 3, 10, 2, 1 }, { 3, 11, 4, 1 }, { 3, 12, 2, 1 } }, /* ratings exchanged */
		{ { 3, 10, 4, 1 }, { 3, 11, 2, 1 }, { 3, 14, 2, 1 } },
	};
	LepOptions options;

	lep_options_init(&options);
	options.feedback = LEP_FEEDBACK_EXPLICIT;
	for (int k = 0; k < 3; k++)
	{
		LepEnv env;
		LepArena arena;
		LepRatings *all;
		uint64_t digest = 0;

		lep_env_init_malloc(&env);
		lep_arena_init(&arena, &env);
		if (!CHECK_OK(build(&arena, &all_kinds[k], rows, 6, &options, &all)))
			continue;
		for (int32_t u = 0; u < all->n_users; u++)
			if (number_of(all->users, u, N_USERS) == 3)
				digest = lep_ratings_digest(all, u);
		for (int c = 0; c < 4; c++)
		{
			LepRatingsBuilder *builder = lep_ratings_begin(&arena, &all_kinds[k]);
			LepRatings *one;

			lep_ratings_allow_few(builder);
			CHECK_OK(add_rows(builder, &all_kinds[k], changed[c], 3));
			CHECK_OK(lep_ratings_finish(builder, &options, &one));
			CHECK((lep_ratings_digest(one, 0) == digest) == (c == 0), "kind %d, change %d", k, c);
		}
		lep_arena_drop(&arena);
	}
}

int
main(void)
{
	TEST(test_digest);
	TEST(test_rules_like_reference);
	TEST(test_cold_like_reference);
	TEST(test_order_of_rows_does_not_matter);
	TEST(test_negative_zero);
	TEST(test_duplicates_by_hand);
	TEST(test_duplicate_refused);
	TEST(test_duplicate_of_long_ids);
	TEST(test_last_needs_time);
	TEST(test_sum_beyond_float);
	TEST(test_mean_of_what_sums_too_high_is_fine);
	TEST(test_too_few);
	TEST(test_bad_ratings);
	TEST(test_long_id_tells_its_row);
	TEST(test_feedback);
	TEST(test_lone_by_hand);
	TEST(test_cold_by_hand);
	TEST(test_count_of_parts);
	TEST(test_stop_at_each_question);
	TEST(test_populates_what_it_writes);
	TEST(test_takes_no_more_than_rows_need);
	TEST(test_memory_as_promised);
	return unit_done();
}

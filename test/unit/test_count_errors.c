/*
 * test_count_errors.c
 *		Errors by number of ratings, by hand.
 */
#include "sample.h"

#include "core/count_errors.h"
#include "core/kernels.h"

/* Ratings to learn from, all 3; the second is of the validation part. */
static SampleRow learned[] = { { 2, 1, 3 }, { 4, 1, 3 }, { 3, 1, 3 }, { 3, 2, 3 },
							   { 3, 3, 3 }, { 4, 2, 3 }, { 4, 3, 3 }, { 4, 4, 3 } };

/* Ratings to judge by. */
static SampleRow judged[] = { { 1, 1, 5 }, { 2, 2, 4 }, { 3, 4, 3 }, { 3, 5, 1 }, { 4, 5, 2 } };

#define N_LEARNED (int) (sizeof(learned) / sizeof(learned[0]))
#define N_JUDGED  (int) (sizeof(judged) / sizeof(judged[0]))

/* The number of a rating; ids are numbers plus 1. */
static int64_t
find(const LepRatings *ratings, const SampleRow *row)
{
	int64_t j = ratings->user_start[row->user - 1];

	while (ratings->item[j] != row->item - 1)
		j++;
	return j;
}

/* The ratings, all to learn from, and a model that always says 3. */
static LepRatings *
ratings_of(LepArena *arena, const Sample *sample, LepModel *model)
{
	LepRatings *ratings = sample_ratings(arena, sample, LEP_FEEDBACK_EXPLICIT);

	if (ratings == NULL || !CHECK_OK(lep_model_create(arena, ratings->n_users, ratings->n_items, 0, model)))
		return NULL;
	memset(ratings->part, LEP_PART_TRAIN, (size_t) ratings->n_ratings);
	model->mean = 3;
	model->min_score = 1;
	model->max_score = 5;
	return ratings;
}

static LepRatings *
four_users(LepArena *arena, LepModel *model)
{
	SampleRow rows[N_LEARNED + N_JUDGED];
	Sample sample = { rows, N_LEARNED + N_JUDGED };
	LepRatings *ratings;

	memcpy(rows, learned, sizeof(learned));
	memcpy(rows + N_LEARNED, judged, sizeof(judged));
	ratings = ratings_of(arena, &sample, model);
	if (ratings == NULL)
		return NULL;
	ratings->part[find(ratings, &learned[1])] = LEP_PART_VALIDATION;
	for (int j = 0; j < N_JUDGED; j++)
		ratings->part[find(ratings, &judged[j])] = LEP_PART_TEST;
	return ratings;
}

static void
check_groups(const LepCountErrors *errors, const int64_t *n, const double *rmse, int n_groups)
{
	for (int g = 0; g < LEP_COUNT_GROUPS; g++)
	{
		if (g >= n_groups || n[g] == 0)
			CHECK(errors->n[g] == 0 && isnan(errors->rmse[g]));
		else
		{
			CHECK_INT_EQ(errors->n[g], n[g]);
			CHECK_CLOSE(errors->rmse[g], rmse[g], 1e-15);
		}
	}
}

/*
 * Users 1 to 4 have 0, 1, 3, 4 ratings to learn from, items 1 to 5 have 3, 2, 2, 1,
 * 0.  Errors: user 1: -2 (item 1); 2: -1 (2); 3: 0 (4), 2 (5); 4: 1 (5).
 */
static void
test_groups_by_hand(void)
{
	const unsigned parts = LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION;
	LepEnv env;
	LepArena arena;
	LepModel model;
	LepCountErrors users;
	LepCountErrors items;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = four_users(&arena, &model);
	if (ratings == NULL)
		return;
	CHECK_OK(lep_count_errors(&env, &model, ratings, parts, LEP_PARTS_TEST, &users, &items));
	check_groups(&users, (int64_t[]){ 1, 1, 2, 1 }, (double[]){ 2, 1, sqrt(2), 1 }, 4);
	check_groups(&items, (int64_t[]){ 2, 1, 2 }, (double[]){ sqrt(2.5), 0, sqrt(2.5) }, 3);
	/* without the validation part user 4 has 3 ratings, item 1 has 2 */
	CHECK_OK(lep_count_errors(&env, &model, ratings, LEP_PARTS_TRAIN, LEP_PARTS_TEST, &users, &items));
	check_groups(&users, (int64_t[]){ 1, 1, 3 }, (double[]){ 2, 1, sqrt(5.0 / 3) }, 3);
	check_groups(&items, (int64_t[]){ 2, 1, 2 }, (double[]){ sqrt(2.5), 0, sqrt(2.5) }, 3);
	/* predictions are clipped: 13 is 5 */
	model.user_bias[0] = 10;
	CHECK_OK(lep_count_errors(&env, &model, ratings, parts, LEP_PARTS_TEST, &users, &items));
	check_groups(&users, (int64_t[]){ 1, 1, 2, 1 }, (double[]){ 0, 1, sqrt(2), 1 }, 4);
	check_groups(&items, (int64_t[]){ 2, 1, 2 }, (double[]){ sqrt(2.5), 0, sqrt(0.5) }, 3);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_groups_begin_at_powers_of_two(void)
{
	CHECK_INT_EQ(lep_count_group_begin(0), 0);
	for (int g = 1; g < LEP_COUNT_GROUPS; g++)
		CHECK_INT_EQ(lep_count_group_begin(g), (int64_t) pow(2, g - 1));
}

/* Of 40,000 ratings, more than twice what the last group begins at, one is judged. */
static void
test_last_group_has_no_end(void)
{
	enum
	{
		N = 40000
	};
	Sample sample = { malloc(sizeof(SampleRow) * (N + 1)), N + 1 };
	LepEnv env;
	LepArena arena;
	LepModel model;
	LepCountErrors users;
	LepCountErrors items;
	LepRatings *ratings;

	for (int j = 0; j < N; j++)
		sample.rows[j] = (SampleRow){ 1, j + 1, 4 };
	sample.rows[N] = (SampleRow){ 2, 1, 3 };
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = ratings_of(&arena, &sample, &model);
	sample_free(&sample);
	if (ratings == NULL)
		return;
	ratings->part[7] = LEP_PART_TEST;
	CHECK_OK(lep_count_errors(&env, &model, ratings, LEP_PARTS_TRAIN, LEP_PARTS_TEST, &users, &items));
	CHECK_INT_EQ(users.n[LEP_COUNT_GROUPS - 1], 1);
	CHECK_CLOSE(users.rmse[LEP_COUNT_GROUPS - 1], 1, 0);
	CHECK_INT_EQ(items.n[0], 1);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Few users may have millions of ratings: asked for at least every 64 K of them, in both passes. */
static void
test_asks_between_ratings(void)
{
	enum
	{
		N_USERS = 4,
		N_ITEMS = 100000
	};
	Sample sample = { malloc(sizeof(SampleRow) * N_USERS * N_ITEMS), 0 };
	UnitStopper stopper = { 0, INT64_MAX };
	LepEnv env;
	LepArena arena;
	LepModel model;
	LepCountErrors users;
	LepCountErrors items;
	LepRatings *ratings;

	for (int u = 0; u < N_USERS; u++)
	{
		for (int i = 0; i < N_ITEMS; i++)
			sample.rows[sample.n++] = (SampleRow){ u, i, 3 };
	}
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = ratings_of(&arena, &sample, &model);
	sample_free(&sample);
	if (ratings == NULL)
		return;
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	CHECK_OK(lep_count_errors(&env, &model, ratings, LEP_PARTS_TRAIN, LEP_PARTS_TRAIN, &users, &items));
	CHECK(stopper.n_asked >= 2 * N_USERS * N_ITEMS / 65536, "%d questions", (int) stopper.n_asked);
	for (int64_t limit = stopper.n_asked - 1; limit >= 0; limit--)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(
			lep_count_errors(&env, &model, ratings, LEP_PARTS_TRAIN, LEP_PARTS_TRAIN, &users, &items),
			LEP_ERR_STOPPED);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_groups_by_hand);
	TEST(test_groups_begin_at_powers_of_two);
	TEST(test_last_group_has_no_end);
	TEST(test_asks_between_ratings);
	return unit_done();
}

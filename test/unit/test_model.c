/*
 * test_model.c
 *		Shapes, scores against hand-worked values, and what is sane.
 */
#include "unit.h"

#include <float.h>

#include "core/kernels.h"
#include "core/model.h"

static void
fill(float *values, int64_t n, float first, float step)
{
	for (int64_t i = 0; i < n; i++)
		values[i] = first + step * (float) i;
}

static void
test_create_gives_zeros_of_the_right_size(void)
{
	LepEnv env;
	LepArena arena;
	LepModel model;
	double sum = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	CHECK_OK(lep_model_create(&arena, 70000, 3, 17, &model));
	CHECK_INT_EQ(model.stride, 32);
	for (int64_t e = 0; e < 70000 * 32; e++)
		sum += fabs((double) model.user_factors[e]);
	for (int e = 0; e < 3 * 32; e++)
		sum += fabs((double) model.item_factors[e]);
	for (int u = 0; u < 70000; u++)
		sum += fabs((double) model.user_bias[u]);
	CHECK(sum == 0);
	CHECK_INT_EQ(lep_model_size(70000, 3, 17), (70000 + 3) * (1 + 32) * 4);
	CHECK(env.bytes_now >= lep_model_size(70000, 3, 17));
	CHECK(env.bytes_now <= lep_model_size(70000, 3, 17) + 4 * 3 * LEP_ALIGNMENT);
	CHECK(lep_model_is_sane(&model));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_size_of_large_models(void)
{
	CHECK_INT_EQ(lep_model_size(INT32_MAX, INT32_MAX, 1024), INT64_C(4294967294) * 4 * 1025);
	CHECK_INT_EQ(lep_model_size(2, 3, 0), 5 * 4);
}

static void
test_score_by_hand(void)
{
	LepEnv env;
	LepArena arena;
	LepModel model;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	CHECK_OK(lep_model_create(&arena, 2, 2, 2, &model));
	model.mean = 3.5;
	model.user_bias[1] = 0.25f;
	model.item_bias[0] = -0.5f;
	model.user_factors[16] = 2;
	model.user_factors[17] = -1;
	model.item_factors[0] = 0.5f;
	model.item_factors[1] = 4;
	CHECK_CLOSE(lep_model_score(&model, 1, 0), 3.5 + 0.25 - 0.5 + 1 - 4, 0);
	CHECK_CLOSE(lep_model_score(&model, 1, 1), 3.75, 0);
	CHECK_CLOSE(lep_model_score(&model, 1, -1), 3.75, 0);
	CHECK_CLOSE(lep_model_score(&model, -1, 0), 3.0, 0);
	CHECK_CLOSE(lep_model_score(&model, -1, -1), 3.5, 0);
	CHECK_CLOSE(lep_clip(7, 1, 5), 5, 0);
	CHECK_CLOSE(lep_clip(-7, 1, 5), 1, 0);
	CHECK_CLOSE(lep_clip(4, 1, 5), 4, 0);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* (mean + user bias) + item bias in double, then the product, one rounding. */
static void
test_score_rounds_once(void)
{
	CHECK_CLOSE(lep_score(1e15, -1e15f, 0.25f, NULL, NULL, 0), (float) ((1e15 - (double) 1e15f) + 0.25), 0);
	CHECK(lep_score(16777216.0, 1.0f, 1.0f, NULL, NULL, 0) == 16777218.0f);
}

static void
test_copy(void)
{
	LepEnv env;
	LepArena arena;
	LepModel from;
	LepModel to;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	CHECK_OK(lep_model_create(&arena, 5, 4, 3, &from));
	CHECK_OK(lep_model_create(&arena, 5, 4, 3, &to));
	from.mean = 2;
	from.min_score = 1;
	from.max_score = 3;
	fill(from.user_bias, 5, 1, 1);
	fill(from.item_bias, 4, 10, 1);
	fill(from.user_factors, 5 * 16, 0, 0.5f);
	fill(from.item_factors, 4 * 16, 7, 0.25f);
	lep_model_copy(&to, &from);
	CHECK_BYTES_EQ(to.user_factors, from.user_factors, 5 * 16 * sizeof(float));
	CHECK_BYTES_EQ(to.item_factors, from.item_factors, 4 * 16 * sizeof(float));
	CHECK_BYTES_EQ(to.user_bias, from.user_bias, 5 * sizeof(float));
	CHECK_BYTES_EQ(to.item_bias, from.item_bias, 4 * sizeof(float));
	CHECK(to.mean == 2 && to.min_score == 1 && to.max_score == 3);
	CHECK(to.user_factors != from.user_factors);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Both checkers answer `sane` with *place set to value. */
static void
check_sanity(LepEnv *env, LepModel *model, float *place, float value, bool sane)
{
	float old = *place;
	bool in_parallel;

	*place = value;
	CHECK_INT_EQ(lep_model_is_sane(model), sane);
	CHECK_OK(lep_model_check(env, model, &in_parallel));
	CHECK_INT_EQ(in_parallel, sane);
	*place = old;
}

static void
test_sanity(void)
{
	LepEnv env;
	LepArena arena;
	LepModel model;
	float *last_factor;
	bool sane;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	CHECK_OK(lep_model_create(&arena, 20000, 9000, 16, &model));
	last_factor = model.item_factors + 9000 * 16 - 1;
	check_sanity(&env, &model, last_factor, 1, true);
	check_sanity(&env, &model, last_factor, NAN, false);
	check_sanity(&env, &model, last_factor, -INFINITY, false);
	check_sanity(&env, &model, last_factor, 9e14f, true);
	check_sanity(&env, &model, last_factor, 2e15f, false);
	check_sanity(&env, &model, last_factor, FLT_MAX, false);
	check_sanity(&env, &model, &model.user_factors[19999 * 16], NAN, false);
	check_sanity(&env, &model, &model.user_bias[19999], -2e15f, false);
	check_sanity(&env, &model, &model.item_bias[8999], NAN, false);
	check_sanity(&env, &model, &model.max_score, INFINITY, false);
	model.mean = NAN;
	CHECK(!lep_model_is_sane(&model));
	CHECK_OK(lep_model_check(&env, &model, &sane));
	CHECK(!sane);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_create_gives_zeros_of_the_right_size);
	TEST(test_size_of_large_models);
	TEST(test_score_by_hand);
	TEST(test_score_rounds_once);
	TEST(test_copy);
	TEST(test_sanity);
	return unit_done();
}

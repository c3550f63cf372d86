/*
 * test_cooccur.c
 *		Of a user with very many items a sample of about max_user_items counts.
 */
#include "sample.h"

#include "core/cooccur.h"

#define N_USERS 60
#define N_ITEMS 300
#define MOST	50

/* Everybody has everything. */
static const LepRatings *
make_ratings(LepArena *arena)
{
	static SampleRow rows[N_USERS * N_ITEMS];
	Sample sample = { rows, N_USERS * N_ITEMS };

	for (int j = 0; j < N_USERS * N_ITEMS; j++)
		rows[j] = (SampleRow){ j / N_ITEMS, j % N_ITEMS, 1 };
	return sample_ratings(arena, &sample, LEP_FEEDBACK_IMPLICIT);
}

static bool
begin(LepArena *arena, int64_t most, LepCooccur *cooccur)
{
	LepOptions options;

	lep_options_init(&options);
	CHECK_OK(lep_options_set_int(&options, "max_user_items", most, &arena->env->error));
	return CHECK_OK(lep_cooccur_begin(arena, make_ratings(arena), LEP_PARTS_TRAIN, &options, cooccur));
}

static int
users_with(const LepCooccur *cooccur, int32_t item)
{
	return (int) (cooccur->item_start[item + 1] - cooccur->item_start[item]);
}

/* Six standard deviations of a binomial count: none of them is met by chance in 10^8 runs. */
static void
check_sample(const LepCooccur *cooccur)
{
	CHECK_CLOSE((double) cooccur->n / N_USERS, MOST, 5);
	for (int u = 0; u < N_USERS; u++)
		CHECK_CLOSE((double) (cooccur->user_start[u + 1] - cooccur->user_start[u]), MOST, 39);
	for (int i = 0; i < N_ITEMS; i++)
	{
		CHECK_CLOSE(users_with(cooccur, i), N_USERS * MOST / N_ITEMS, 18);
		CHECK_INT_EQ(cooccur->n_item[i], N_USERS);
	}
}

/* Which items of the first user are in the sample of the second, too: a sixth of them, not all or none. */
static void
check_independent(const LepCooccur *cooccur)
{
	const int64_t *start = cooccur->user_start;
	int common = 0;

	for (int64_t j = start[0]; j < start[1]; j++)
	{
		for (int64_t l = start[1]; l < start[2]; l++)
			common += cooccur->user_item[j] == cooccur->user_item[l];
	}
	CHECK(common > 0 && common < MOST / 2, "%d", common);
}

static void
test_long_users_are_sampled(void)
{
	LepEnv env;
	LepArena arena;
	LepCooccur cooccur;
	LepCooccur again;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	if (begin(&arena, MOST, &cooccur) && begin(&arena, MOST, &again))
	{
		check_sample(&cooccur);
		check_independent(&cooccur);
		if (CHECK_INT_EQ(again.n, cooccur.n))
			CHECK_BYTES_EQ(again.user_item, cooccur.user_item, (size_t) cooccur.n * sizeof(int32_t));
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* One item fewer than that, or as many: all of them. */
static void
test_others_are_whole(void)
{
	LepEnv env;
	LepArena arena;
	LepCooccur cooccur;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	if (begin(&arena, N_ITEMS, &cooccur))
		CHECK_INT_EQ(cooccur.n, (int64_t) N_USERS * N_ITEMS);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_long_users_are_sampled);
	TEST(test_others_are_whole);
	return unit_done();
}

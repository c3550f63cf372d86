/*
 * test_neighbors.c
 *		Item neighbours: the two solvers against their formulas in dense form,
 *		lists against a scan of all scores.
 */
#include "sample.h"

#include "core/best.h"
#include "core/kernels.h"
#include "core/neighbor_rows.h"
#include "core/neighbors.h"
#include "core/pool.h"
#include "core/ranker.h"
#include "core/solver.h"
#include "core/train.h"

#define MAX_ITEMS 64

/* A training without anything held out. */
typedef struct Run
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepTrainResult result;
} Run;

static bool
run_begin(Run *run, const Sample *sample, const char *algorithm, int neighbors, double target_exponent)
{
	LepOptions options;
	LepError *error = &run->env.error;

	unit_env_init(&run->env);
	lep_arena_init(&run->arena, &run->env);
	run->ratings = sample_ratings(&run->arena, sample, LEP_FEEDBACK_IMPLICIT);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", algorithm, error));
	CHECK_OK(lep_options_set_real(&options, "test_fraction", 0, error));
	CHECK_OK(lep_options_set_real(&options, "validation_fraction", 0, error));
	CHECK_OK(lep_options_set_int(&options, "neighbors", neighbors, error));
	if (target_exponent >= 0)
		CHECK_OK(lep_options_set_real(&options, "target_exponent", target_exponent, error));
	return CHECK_OK(lep_train(&run->arena, run->ratings, &options, &run->result));
}

static void
run_end(Run *run)
{
	lep_arena_drop(&run->arena);
	unit_env_done(&run->env);
}

/* Does user u have item i? */
static double
has(const LepRatings *ratings, int u, int i)
{
	for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
	{
		if (ratings->item[j] == i)
			return 1;
	}
	return 0;
}

/* G[i][j] = sum over users of n_u^-exponent where they have both. */
static void
dense_rows(const LepRatings *ratings, double exponent, double g[MAX_ITEMS][MAX_ITEMS])
{
	memset(g, 0, sizeof(double) * MAX_ITEMS * MAX_ITEMS);
	for (int u = 0; u < ratings->n_users; u++)
	{
		double w = pow((double) (ratings->user_start[u + 1] - ratings->user_start[u]), -exponent);

		for (int i = 0; i < ratings->n_items; i++)
		{
			for (int j = 0; j < ratings->n_items; j++)
				g[i][j] += w * has(ratings, u, i) * has(ratings, u, j);
		}
	}
}

/*
 * Users 0: {0, 1}, 1: {0, 1, 2}, 2: {2, 3}.  Degrees of items 2, 2, 2, 1.  With
 * all exponents but the target's 1: s(0 -> 1) = 1/2 (1/2 + 1/3) = 5/12, s(0 -> 2) =
 * 1/2 * 1/3 = 1/6, s(2 -> 3) = 1/2 * 1/2 = 1/4, s(3 -> 2) = 1/1 * 1/2 = 1/2.
 */
static void
test_walk_by_hand(void)
{
	SampleRow rows[] = { { 0, 0, 1 }, { 0, 1, 1 }, { 1, 0, 1 }, { 1, 1, 1 },
						 { 1, 2, 1 }, { 2, 2, 1 }, { 2, 3, 1 } };
	Sample sample = { rows, 7 };
	Run run;

	if (run_begin(&run, &sample, "walk", 200, 0))
	{
		const LepModel *model = &run.result.model;
		const LepNeighbors *n = model->neighbors;
		LepBasket basket = lep_neighbors_basket(n, 1);
		double terms[3];
		LepNeighborSum sum;

		CHECK_INT_EQ(n->start[4], 8);
		CHECK_CLOSE(lep_neighbors_weight(n, 0, 1), 5.0 / 12, 1e-7);
		CHECK_CLOSE(lep_neighbors_weight(n, 0, 2), 1.0 / 6, 1e-7);
		CHECK_CLOSE(lep_neighbors_weight(n, 0, 3), 0, 0);
		CHECK_CLOSE(lep_neighbors_weight(n, 2, 3), 0.25, 1e-7);
		CHECK_CLOSE(lep_neighbors_weight(n, 3, 2), 0.5, 1e-7);
		CHECK_INT_EQ(basket.n, 3);
		CHECK_OK(lep_neighbors_sum(NULL, n, &basket, 3, terms, &sum));
		CHECK_CLOSE(sum.sum, 0.25, 1e-7);
		CHECK(sum.reached && terms[0] == 0 && terms[1] == 0);
		CHECK_CLOSE(terms[2], 0.25, 1e-7);
		CHECK_CLOSE(lep_model_score(model, 1, 3), 0.25, 1e-6);
		/* nobody's list: popularity, a trace of it */
		CHECK(lep_model_score(model, -1, 0) > lep_model_score(model, -1, 3));
		CHECK(lep_model_score(model, -1, 3) > 0 && lep_model_score(model, -1, 0) < 1e-6);
	}
	run_end(&run);
}

/* All pairs, by the formula. */
static void
test_walk_is_its_formula(void)
{
	SamplePlan plan = { 80, 40, 0.2, 0, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 21);
	static double g[MAX_ITEMS][MAX_ITEMS];
	static double plain[MAX_ITEMS][MAX_ITEMS];
	Run run;

	if (run_begin(&run, &sample, "walk", 12, 0.3))
	{
		const LepNeighbors *n = run.result.model.neighbors;

		dense_rows(run.ratings, 1, g);
		dense_rows(run.ratings, 0, plain);
		for (int i = 0; i < run.ratings->n_items; i++)
		{
			double least = INFINITY;

			CHECK_INT_EQ(n->start[i + 1] - n->start[i], 12);
			for (int64_t e = n->start[i]; e < n->start[i + 1]; e++)
			{
				int j = n->target[e];
				double s = g[i][j] * pow(plain[j][j], -0.3) / plain[i][i];

				CHECK_CLOSE(n->weight[e], s, 1e-6 * s);
				least = s < least ? s : least;
			}
			for (int j = 0; j < run.ratings->n_items; j++)
			{
				double s = g[i][j] * pow(plain[j][j], -0.3) / plain[i][i];

				CHECK(j == i || lep_neighbors_weight(n, i, j) != 0 || s <= least * (1 + 1e-9));
			}
		}
	}
	run_end(&run);
	sample_free(&sample);
}

/* The gradient of the stated objective is zero in every weight that is kept. */
static void
test_slim_solves_its_regression(void)
{
	SamplePlan plan = { 120, 40, 0.2, 0, 0.3, 1, 3 };
	static double g[MAX_ITEMS][MAX_ITEMS];

	for (int neighbors = 10; neighbors <= 100; neighbors += 90)
	{
		Sample sample = sample_planted(&plan, 22);
		Run run;

		if (run_begin(&run, &sample, "slim", neighbors, -1))
		{
			const LepNeighbors *n = run.result.model.neighbors;
			int n_items = run.ratings->n_items;

			dense_rows(run.ratings, 0.5, g);
			/* all, but for the few pairs that no user has both of */
			CHECK(n->start[n_items] <= (int64_t) n_items * (neighbors < n_items ? neighbors : n_items - 1));
			CHECK(n->start[n_items] >= (int64_t) n_items * (neighbors < n_items ? neighbors : n_items - 3));
			for (int i = 0; i < n_items; i++)
			{
				for (int j = 0; j < n_items; j++)
				{
					double gradient = -g[j][i] + 10 * (double) lep_neighbors_weight(n, j, i);

					if (lep_neighbors_weight(n, j, i) == 0)
						continue;
					for (int k = 0; k < n_items; k++)
						gradient += g[j][k] * (double) lep_neighbors_weight(n, k, i);
					CHECK_CLOSE(gradient, 0, 1e-4);
				}
			}
		}
		run_end(&run);
		sample_free(&sample);
	}
}

/* Every list of every user: what a scan of lep_model_score() gives. */
static void
check_lists(Run *run, int64_t wanted)
{
	const LepModel *model = &run->result.model;
	int32_t order[MAX_ITEMS];
	LepTopnEntry entries[MAX_ITEMS];

	CHECK_OK(lep_neighbors_order(&run->env, model->item_bias, model->n_items, order));
	for (int u = -1; u < model->n_users; u++)
	{
		LepBasket basket = lep_neighbors_basket(model->neighbors, u);
		LepNeighborQuery query = { .basket = basket,
								   .item_bias = model->item_bias,
								   .order = order,
								   .n = wanted,
								   .exclude = basket.rows,
								   .n_exclude = basket.n };
		int64_t n_found;
		int64_t n_left = model->n_items - basket.n;

		CHECK_OK(lep_neighbors_topn(&run->env, model->neighbors, &query, entries, &n_found));
		CHECK_INT_EQ(n_found, wanted < n_left ? wanted : n_left);
		for (int64_t e = 0; e < n_found; e++)
		{
			float score = lep_model_score(model, u, entries[e].item);
			int rank = 0;

			for (int i = 0; i < model->n_items; i++)
			{
				float other = lep_model_score(model, u, i);

				rank += (u < 0 || has(run->ratings, u, i) == 0) &&
						(other > score || (other == score && i < entries[e].item));
			}
			CHECK_INT_EQ(rank, e);
			CHECK_BYTES_EQ(&entries[e].score, &score, sizeof(float));
		}
	}
}

static void
test_lists_are_those_of_a_scan(void)
{
	SamplePlan plan = { 60, 50, 0.08, 0, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 23);
	Run run;

	if (run_begin(&run, &sample, "walk", 5, 0.2))
	{
		check_lists(&run, 10);
		check_lists(&run, 50);
	}
	run_end(&run);
	if (run_begin(&run, &sample, "slim", 5, -1))
		check_lists(&run, 50);
	run_end(&run);
	sample_free(&sample);
}

/*
 * The smallest and the most degenerate data, by the extremes of the options: a
 * model of finite numbers, with neighbours, and some order of popularity.
 */
static void
test_extremes(void)
{
	static const double exponents[] = { 0, 1, 4 };
	Sample samples[4];

	samples[0] = (Sample){ malloc(sizeof(SampleRow) * 4), 4 };	  /* two users with the same two items */
	samples[1] = (Sample){ malloc(sizeof(SampleRow) * 1200), 0 }; /* 30 identical users of 40 items */
	samples[2] = (Sample){ malloc(sizeof(SampleRow) * 1200), 0 }; /* one with all, others with one each */
	samples[3] = (Sample){ malloc(sizeof(SampleRow) * 1200), 0 }; /* one item with everybody */
	for (int j = 0; j < 4; j++)
		samples[0].rows[j] = (SampleRow){ j / 2, j % 2, 1 };
	for (int j = 0; j < 1200; j++)
	{
		samples[1].rows[samples[1].n++] = (SampleRow){ j / 40, j % 40, 1 };
		if (j < 40)
			samples[2].rows[samples[2].n++] = (SampleRow){ 0, j, -1e12 };
		else if (j < 80)
			samples[2].rows[samples[2].n++] = (SampleRow){ j, j % 40, 1e12 };
		if (j < 400)
			samples[3].rows[samples[3].n++] = (SampleRow){ j, 0, 0 };
		else if (j < 800)
			samples[3].rows[samples[3].n++] = (SampleRow){ j - 400, 1 + j % 40, 0 };
	}
	for (int s = 0; s < 4; s++)
	{
		for (int e = 0; e < 3; e++)
		{
			for (int a = 0; a < 2; a++)
			{
				LepOptions options;
				LepTrainResult result;
				LepRatings *ratings;
				LepArena arena;
				LepEnv env;

				unit_env_init(&env);
				lep_arena_init(&arena, &env);
				ratings = sample_ratings(&arena, &samples[s], LEP_FEEDBACK_IMPLICIT);
				lep_options_init(&options);
				CHECK_OK(lep_options_set_text(&options, "algorithm", a == 0 ? "walk" : "slim", &env.error));
				CHECK_OK(lep_options_set_real(&options, "user_exponent", exponents[e], &env.error));
				CHECK_OK(lep_options_set_int(&options, "neighbors", 1000, &env.error));
				CHECK_OK(lep_options_set_real(&options, "test_fraction", 0, &env.error));
				if (a == 0)
				{
					CHECK_OK(lep_options_set_real(&options, "source_exponent", exponents[e], &env.error));
					CHECK_OK(lep_options_set_real(&options, "target_exponent", exponents[e], &env.error));
				}
				else
					CHECK_OK(lep_options_set_real(&options, "regularization", 0, &env.error));
				if (CHECK_OK(lep_train(&arena, ratings, &options, &result)))
				{
					const LepModel *model = &result.model;

					CHECK(lep_model_is_sane(model));
					CHECK(model->neighbors->start[model->n_items] > 0);
					for (int64_t k = 0; k < model->neighbors->start[model->n_items]; k++)
						CHECK(fabsf(model->neighbors->weight[k]) < 1e6F, "%s %d %g: %g",
							  a == 0 ? "walk" : "slim", s, exponents[e],
							  (double) model->neighbors->weight[k]);
					CHECK(model->item_bias[0] > 0, "%s %d %g", a == 0 ? "walk" : "slim", s, exponents[e]);
				}
				lep_arena_drop(&arena);
				unit_env_done(&env);
			}
		}
		sample_free(&samples[s]);
	}
}

/* ---- a row that all threads sum ---- */

#define LONG_USERS 950000
#define LONG_ITEMS 1000

/* Everybody has item 0 and one or two others: row 0 takes 2.2 million additions. */
static Sample
long_sample(void)
{
	Sample sample = { malloc(sizeof(SampleRow) * 3 * LONG_USERS), 0 };

	for (int64_t u = 0; u < LONG_USERS; u++)
	{
		int64_t other = 1 + u % LONG_ITEMS;
		int64_t third = 1 + (u * 7 + 3) % LONG_ITEMS;

		sample.rows[sample.n++] = (SampleRow){ u, 0, 1 };
		sample.rows[sample.n++] = (SampleRow){ u, other, 1 };
		if (u % 3 == 0 && third != other)
			sample.rows[sample.n++] = (SampleRow){ u, third, 1 };
	}
	return sample;
}

/* One epoch of a solver on so many threads, exported; user_exponent 1/2, so that sums are rounded. */
static LepModel
long_run(LepArena *arena, const LepRatings *ratings, LepAlgorithm algorithm, int n_threads)
{
	const LepSolver *solver = lep_solver_get(algorithm);
	LepEnv *env = arena->env;
	LepOptions options;
	LepModel model;
	LepArena scratch;
	double train_rmse;
	void *state;

	lep_options_init(&options);
	CHECK_OK(lep_options_set_real(&options, "user_exponent", 0.5, &env->error));
	CHECK_OK(lep_options_set_int(&options, "neighbors", 300, &env->error));
	CHECK_OK(lep_options_resolve(&options, algorithm, &options, &env->error));
	CHECK_OK(lep_model_create(arena, ratings->n_users, ratings->n_items, 0, &model));
	CHECK_OK(lep_model_add_neighbors(arena, solver->neighbors(ratings->n_items, &options), &model));
	env->n_threads = n_threads;
	CHECK_OK(lep_pool_start(env));
	lep_arena_init(&scratch, env);
	CHECK_OK(solver->start(&scratch, ratings, LEP_PARTS_ALL, &options, &state));
	CHECK_OK(solver->epoch(env, state, 1, &train_rmse));
	CHECK_OK(solver->export_model(env, state, &model));
	lep_arena_drop(&scratch);
	lep_pool_shutdown(env);
	return model;
}

static void
check_long_row(const LepRatings *ratings, const LepModel *model)
{
	static double sum[LONG_ITEMS + 1];
	static double degree[LONG_ITEMS + 1];
	const LepNeighbors *n = model->neighbors;

	memset(sum, 0, sizeof(sum));
	memset(degree, 0, sizeof(degree));
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		int64_t start = ratings->user_start[u];
		int64_t end = ratings->user_start[u + 1];

		for (int64_t j = start; j < end; j++)
		{
			sum[ratings->item[j]] += 1 / sqrt((double) (end - start));
			degree[ratings->item[j]]++;
		}
	}
	CHECK_INT_EQ(n->start[1], 300);
	for (int64_t e = 0; e < n->start[1]; e++)
	{
		int j = n->target[e];
		double s = sum[j] / degree[0] * pow(degree[j], -0.2);

		CHECK_CLOSE((double) n->weight[e], s, 1e-6 * s);
	}
}

static void
test_long_rows(void)
{
	static const LepAlgorithm algorithms[] = { LEP_ALGORITHM_WALK, LEP_ALGORITHM_SLIM };
	Sample sample = long_sample();
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, &sample, LEP_FEEDBACK_IMPLICIT);
	for (int a = 0; a < 2; a++)
	{
		LepModel one = long_run(&arena, ratings, algorithms[a], 1);
		LepModel three = long_run(&arena, ratings, algorithms[a], 3);
		size_t n = (size_t) one.neighbors->start[one.n_items];

		if (a == 0)
			check_long_row(ratings, &one);
		CHECK_BYTES_EQ(three.neighbors->start, one.neighbors->start,
					   ((size_t) one.n_items + 1) * sizeof(int64_t));
		CHECK_BYTES_EQ(three.neighbors->target, one.neighbors->target, n * sizeof(int32_t));
		CHECK_BYTES_EQ(three.neighbors->weight, one.neighbors->weight, n * sizeof(float));
		CHECK_BYTES_EQ(three.item_bias, one.item_bias, (size_t) one.n_items * sizeof(float));
	}
	sample_free(&sample);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* ---- what takes long can be stopped ---- */

/* Neighbours of N items, each item speaking for the WIDTH behind it, of one user with all of them. */
#define MANY_ITEMS 2048
#define MANY_WIDTH 1000

typedef struct Many
{
	LepEnv env;
	LepArena arena;
	LepModel model;
	LepNeighborRows rows;
	UnitStopper stopper;
} Many;

static bool
many_begin(Many *many)
{
	int64_t *start;
	int32_t *all;

	memset(many, 0, sizeof(*many));
	many->stopper.limit = INT64_MAX;
	unit_env_init(&many->env);
	lep_arena_init(&many->arena, &many->env);
	if (!CHECK_OK(lep_model_create(&many->arena, 1, MANY_ITEMS, 0, &many->model)) ||
		!CHECK_OK(lep_model_add_neighbors(&many->arena, (int64_t) MANY_ITEMS * MANY_WIDTH, &many->model)) ||
		!CHECK_OK(lep_neighbor_rows_begin(&many->arena, MANY_ITEMS, MANY_WIDTH, &many->rows)))
		return false;
	for (int32_t i = 0; i < MANY_ITEMS; i++)
	{
		int32_t first = i + 1 + MANY_WIDTH <= MANY_ITEMS ? i + 1 : 0;

		many->rows.n[i] = first > 0 || i >= MANY_WIDTH ? MANY_WIDTH : 0;
		for (int32_t k = 0; k < many->rows.n[i]; k++)
		{
			many->rows.item[(int64_t) i * MANY_WIDTH + k] = first + k;
			many->rows.weight[(int64_t) i * MANY_WIDTH + k] = 1 + (float) (i % 5);
		}
	}
	start = lep_arena_calloc(&many->arena, 2, sizeof(int64_t));
	all = lep_arena_alloc(&many->arena, MANY_ITEMS, sizeof(int32_t));
	for (int32_t i = 0; i < MANY_ITEMS; i++)
		all[i] = i;
	start[1] = MANY_ITEMS;
	many->model.neighbors->basket_start = start;
	many->model.neighbors->basket_item = all;
	many->env.host = &many->stopper;
	many->env.should_stop = unit_stop_after;
	return true;
}

static void
many_end(Many *many)
{
	lep_arena_drop(&many->arena);
	unit_env_done(&many->env);
}

/* Two million entries to a model: asked every some ten thousand. */
static void
test_export_can_be_stopped(void)
{
	Many many;
	float least;

	if (many_begin(&many))
	{
		CHECK_OK(lep_neighbor_rows_export(&many.env, &many.rows, many.model.neighbors, &least));
		CHECK(many.stopper.n_asked >= 15, "%lld", (long long) many.stopper.n_asked);
		CHECK_CLOSE((double) least, 1, 0);
		many.stopper.n_asked = 0;
		CHECK_OK(lep_neighbor_rows_export_turned(&many.env, &many.rows, many.model.neighbors, &least));
		CHECK(many.stopper.n_asked >= 30, "%lld", (long long) many.stopper.n_asked);
		many.stopper = (UnitStopper){ 0, 20 };
		CHECK_STATUS(lep_neighbor_rows_export_turned(&many.env, &many.rows, many.model.neighbors, &least),
					 LEP_ERR_STOPPED);
	}
	many_end(&many);
}

/* Somebody with all items is two million additions. */
static void
test_a_large_basket_can_be_stopped(void)
{
	static LepTopnEntry entries[MANY_ITEMS];
	static int32_t order[MANY_ITEMS];
	static const int32_t users[] = { 0, -1 };
	Many many;
	LepRanker ranker;
	float least;

	if (many_begin(&many))
	{
		const LepModel *model = &many.model;
		LepNeighborQuery query = { .item_bias = model->item_bias,
								   .order = order,
								   .n = 10,
								   .basket = { model->neighbors->basket_item, NULL, MANY_ITEMS } };
		LepScoreQuery scores = { .user = 0, .n_items = 16 };
		float out[16];
		int64_t n_found;

		CHECK_OK(lep_neighbor_rows_export(&many.env, &many.rows, many.model.neighbors, &least));
		CHECK_OK(lep_neighbors_order(&many.env, model->item_bias, MANY_ITEMS, order));
		CHECK_OK(lep_ranker_of_model(&many.arena, model, &ranker));
		many.stopper.n_asked = 0;
		CHECK_OK(lep_neighbors_topn(&many.env, model->neighbors, &query, entries, &n_found));
		CHECK(many.stopper.n_asked >= 15, "%lld", (long long) many.stopper.n_asked);
		many.stopper.n_asked = 0;
		CHECK_OK(ranker.prepare(&many.env, ranker.arg, users, 2));
		CHECK(many.stopper.n_asked >= 15, "%lld", (long long) many.stopper.n_asked);
		for (int32_t first = 0; first < MANY_ITEMS; first += 16)
		{
			scores.first_item = first;
			ranker.scores(ranker.arg, &scores, out);
			for (int32_t i = 0; i < 16; i++)
				CHECK_CLOSE((double) out[i], (double) lep_model_score(model, 0, first + i), 0);
		}
		many.stopper = (UnitStopper){ 0, 10 };
		CHECK_STATUS(ranker.prepare(&many.env, ranker.arg, users, 2), LEP_ERR_STOPPED);
	}
	many_end(&many);
}

static int allocs_left;

static void *
alloc_few(void *host, size_t size)
{
	(void) host;
	return allocs_left-- > 0 ? malloc(size) : NULL;
}

/* Whoever keeps it must not take what was begun for what is there. */
static void
test_no_memory_for_sums(void)
{
	LepNeighborScratch scratch;
	LepArena arena;
	LepEnv env;

	unit_env_init(&env);
	env.alloc = alloc_few;
	lep_arena_init(&arena, &env);
	for (int n = 0; n < 3; n++)
	{
		allocs_left = n;
		memset(&scratch, 0xFF, sizeof(scratch));
		CHECK_STATUS(lep_neighbors_scratch(&arena, 100, &scratch), LEP_ERR_MEMORY);
		CHECK(scratch.sum == NULL && scratch.is_reached == NULL && scratch.reached == NULL);
		CHECK_INT_EQ(env.bytes_now, 0);
	}
	unit_env_done(&env);
}

/* A list of all items is sorted, which is asked about too. */
static void
test_a_long_list_can_be_stopped(void)
{
	enum
	{
		N = 100000
	};
	LepNeighbors none = { .n_items = N };
	UnitStopper stopper = { 0, INT64_MAX };
	float *bias = calloc(N, sizeof(float));
	int32_t *order = calloc(N, sizeof(int32_t));
	LepTopnEntry *entries = calloc(N, sizeof(LepTopnEntry));
	LepNeighborQuery query = { .item_bias = bias, .order = order, .n = N };
	int64_t n_found;
	LepEnv env;

	unit_env_init(&env);
	for (int32_t i = 0; i < N; i++)
	{
		bias[i] = (float) (N - i);
		order[i] = i;
	}
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	CHECK_OK(lep_neighbors_topn(&env, &none, &query, entries, &n_found));
	CHECK_INT_EQ(n_found, N);
	for (int32_t i = 0; i < N; i++)
		CHECK(entries[i].item == i);
	CHECK(stopper.n_asked >= 20, "%lld", (long long) stopper.n_asked);
	stopper = (UnitStopper){ 0, 15 };
	CHECK_STATUS(lep_neighbors_topn(&env, &none, &query, entries, &n_found), LEP_ERR_STOPPED);
	CHECK_INT_EQ(n_found, 0);
	free(bias);
	free(order);
	free(entries);
	unit_env_done(&env);
}

static LepNeighborSum
sum_of(const LepNeighbors *neighbors, const LepBasket *basket, int32_t i)
{
	LepNeighborSum sum;

	CHECK_OK(lep_neighbors_sum(NULL, neighbors, basket, i, NULL, &sum));
	return sum;
}

/*
 * With a base, candidates and exclusions: what a scan of the same sums gives, and
 * which entries the basket reaches.
 */
static void
test_lists_of_candidates(void)
{
	SamplePlan plan = { 60, 50, 0.08, 0, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 24);
	Run run;

	if (run_begin(&run, &sample, "walk", 5, 0.2))
	{
		const LepModel *model = &run.result.model;
		int32_t order[MAX_ITEMS];
		int32_t candidates[MAX_ITEMS];
		int n_candidates = 0;

		for (int32_t i = 0; i < model->n_items; i += 2)
			candidates[n_candidates++] = i;
		CHECK_OK(lep_neighbors_order(&run.env, model->item_bias, model->n_items, order));
		for (int u = -1; u < 2 * model->n_users; u++)
		{
			bool whole = u >= model->n_users; /* all items, with a base */
			LepBasket basket = lep_neighbors_basket(model->neighbors, u % model->n_users);
			LepTopnEntry entries[MAX_ITEMS];
			bool is_reached[MAX_ITEMS];
			LepNeighborQuery query = { .basket = basket,
									   .base = 0.75,
									   .item_bias = model->item_bias,
									   .order = order,
									   .n = 20,
									   .exclude = basket.rows,
									   .n_exclude = basket.n,
									   .candidates = whole ? NULL : candidates,
									   .n_candidates = n_candidates,
									   .is_reached = is_reached };
			int64_t n_found;
			int n_possible = 0;

			CHECK_OK(lep_neighbors_topn(&run.env, model->neighbors, &query, entries, &n_found));
			for (int i = 0; i < model->n_items; i += whole ? 1 : 2)
			{
				LepNeighborSum sum = sum_of(model->neighbors, &basket, i);
				LepTopnEntry one = { i, (float) ((0.75 + (double) model->item_bias[i]) + sum.sum) };
				int rank = 0;

				if (basket.n > 0 && has(run.ratings, u % model->n_users, i) > 0)
					continue;
				n_possible++;
				for (int j = 0; j < model->n_items; j += whole ? 1 : 2)
				{
					double other_sum = sum_of(model->neighbors, &basket, j).sum;
					LepTopnEntry other = { j, (float) ((0.75 + (double) model->item_bias[j]) + other_sum) };

					rank += (basket.n == 0 || has(run.ratings, u % model->n_users, j) == 0) &&
							lep_best_is_better(&other, &one);
				}
				if (rank < 20)
				{
					CHECK_BYTES_EQ(&entries[rank], &one, sizeof(one));
					CHECK_INT_EQ(is_reached[rank], sum.reached);
				}
			}
			CHECK_INT_EQ(n_found, n_possible < 20 ? n_possible : 20);
		}
	}
	run_end(&run);
	sample_free(&sample);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_walk_by_hand);
	TEST(test_walk_is_its_formula);
	TEST(test_slim_solves_its_regression);
	TEST(test_lists_are_those_of_a_scan);
	TEST(test_lists_of_candidates);
	TEST(test_extremes);
	TEST(test_long_rows);
	TEST(test_export_can_be_stopped);
	TEST(test_a_large_basket_can_be_stopped);
	TEST(test_no_memory_for_sums);
	TEST(test_a_long_list_can_be_stopped);
	return unit_done();
}

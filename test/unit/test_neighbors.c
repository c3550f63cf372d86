/*
 * test_neighbors.c
 *		Item neighbours: the two solvers against their formulas in dense form,
 *		lists against a scan of all scores.
 */
#include "sample.h"

#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/ranker.h"
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
		bool reached;

		CHECK_INT_EQ(n->start[4], 8);
		CHECK_CLOSE(lep_neighbors_weight(n, 0, 1), 5.0 / 12, 1e-7);
		CHECK_CLOSE(lep_neighbors_weight(n, 0, 2), 1.0 / 6, 1e-7);
		CHECK_CLOSE(lep_neighbors_weight(n, 0, 3), 0, 0);
		CHECK_CLOSE(lep_neighbors_weight(n, 2, 3), 0.25, 1e-7);
		CHECK_CLOSE(lep_neighbors_weight(n, 3, 2), 0.5, 1e-7);
		CHECK_INT_EQ(basket.n, 3);
		CHECK_CLOSE(lep_neighbors_sum(n, &basket, 3, terms, &reached), 0.25, 1e-7);
		CHECK(reached && terms[0] == 0 && terms[1] == 0);
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

int
main(void)
{
	lep_kernels_choose();
	TEST(test_walk_by_hand);
	TEST(test_walk_is_its_formula);
	TEST(test_slim_solves_its_regression);
	TEST(test_lists_are_those_of_a_scan);
	return unit_done();
}

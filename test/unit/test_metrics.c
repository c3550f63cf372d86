/*
 * test_metrics.c
 *		Errors and rankings against brute force: every pair scored, a full sort.
 */
#include "sample.h"

#include "core/kernels.h"
#include "core/metrics.h"
#include "core/pool.h"

/* A set with parts, and a model of random numbers for it. */
typedef struct Case
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepModel model;
} Case;

/* Biases in tenths make ties; part 2 is the test, rating j is in part j * 7 % 3. */
static bool
case_begin(Case *c, int n_users, int n_items, double density, int n_factors)
{
	SamplePlan plan = { n_users, n_items, density, 2, 0.5, 1, 3 };
	Sample sample = sample_planted(&plan, 77);
	uint64_t seed = 5;

	unit_env_init(&c->env);
	lep_arena_init(&c->arena, &c->env);
	c->ratings = sample_ratings(&c->arena, &sample, LEP_FEEDBACK_EXPLICIT);
	sample_free(&sample);
	if (c->ratings == NULL)
		return false;
	for (int64_t j = 0; j < c->ratings->n_ratings; j++)
		c->ratings->part[j] = (uint8_t) (sample_next(&seed) % 3);
	if (!CHECK_OK(
			lep_model_create(&c->arena, c->ratings->n_users, c->ratings->n_items, n_factors, &c->model)))
		return false;
	c->model.mean = 3;
	c->model.min_score = 2;
	c->model.max_score = 4;
	for (int u = 0; u < c->model.n_users; u++)
		c->model.user_bias[u] = (float) floor(20 * sample_uniform(&seed)) / 10 - 1;
	for (int i = 0; i < c->model.n_items; i++)
		c->model.item_bias[i] = (float) floor(20 * sample_uniform(&seed)) / 10 - 1;
	for (int64_t e = 0; e < (int64_t) c->model.n_users * c->model.stride; e++)
		c->model.user_factors[e] = e % c->model.stride < n_factors ? (float) sample_normal(&seed) : 0;
	for (int64_t e = 0; e < (int64_t) c->model.n_items * c->model.stride; e++)
		c->model.item_factors[e] = e % c->model.stride < n_factors ? (float) sample_normal(&seed) : 0;
	return true;
}

static void
case_end(Case *c)
{
	lep_arena_drop(&c->arena);
	unit_env_done(&c->env);
}

static void
test_errors_match_brute_force(void)
{
	Case c;
	LepErrorMetrics metrics;
	double squared = 0;
	double absolute = 0;
	int64_t n = 0;

	if (!case_begin(&c, 150, 300, 0.5, 5))
		return;
	for (int u = 0; u < c.ratings->n_users; u++)
	{
		for (int64_t j = c.ratings->user_start[u]; j < c.ratings->user_start[u + 1]; j++)
		{
			int i = c.ratings->item[j];
			double score = c.model.mean + c.model.user_bias[u] + c.model.item_bias[i];

			if (c.ratings->part[j] == LEP_PART_TRAIN)
				continue;
			for (int f = 0; f < 5; f++)
				score += (double) c.model.user_factors[u * 16 + f] * c.model.item_factors[i * 16 + f];
			score = score < 2 ? 2 : score > 4 ? 4 : score;
			squared += (score - c.ratings->rating[j]) * (score - c.ratings->rating[j]);
			absolute += fabs(score - c.ratings->rating[j]);
			n++;
		}
	}
	CHECK_OK(
		lep_metrics_errors(&c.env, &c.model, c.ratings, LEP_PARTS_VALIDATION | LEP_PARTS_TEST, &metrics));
	CHECK_INT_EQ(metrics.n, n);
	CHECK(n > 10000, "more than one task");
	CHECK_CLOSE(metrics.rmse, sqrt(squared / (double) n), 1e-6);
	CHECK_CLOSE(metrics.mae, absolute / (double) n, 1e-6);
	case_end(&c);
}

static void
test_errors_of_no_ratings_are_not_numbers(void)
{
	Case c;
	LepErrorMetrics metrics;

	if (!case_begin(&c, 20, 20, 0.5, 0))
		return;
	memset(c.ratings->part, LEP_PART_TRAIN, (size_t) c.ratings->n_ratings);
	CHECK_OK(lep_metrics_errors(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &metrics));
	CHECK_INT_EQ(metrics.n, 0);
	CHECK(isnan(metrics.rmse) && isnan(metrics.mae));
	case_end(&c);
}

/* One item of a user's full order. */
typedef struct Place
{
	float score;
	int item;
} Place;

static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

/* Part of the user's rating of the item, or -1. */
static int
part_of(const LepRatings *ratings, int u, int item)
{
	for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
	{
		if (ratings->item[j] == item)
			return ratings->part[j];
	}
	return -1;
}

/* Seen: parts 0 and 1; relevant: part 2. */
static LepRankingMetrics
rank_brute_force(const Case *c, int k)
{
	LepRankingMetrics sum = { k, 0, 0, 0, 0 };
	Place *places = malloc(sizeof(Place) * (size_t) c->ratings->n_items);

	for (int u = 0; u < c->ratings->n_users; u++)
	{
		int n = 0;
		int n_relevant = 0;
		int hits = 0;
		double gain = 0;
		double ideal = 0;

		for (int i = 0; i < c->ratings->n_items; i++)
		{
			int part = part_of(c->ratings, u, i);

			n_relevant += part == 2;
			if (part != 0 && part != 1)
				places[n++] = (Place){ lep_model_score(&c->model, u, i), i };
		}
		if (n_relevant == 0)
			continue;
		qsort(places, (size_t) n, sizeof(Place), compare_places);
		for (int p = 0; p < k && p < n; p++)
		{
			bool hit = part_of(c->ratings, u, places[p].item) == 2;

			hits += hit;
			gain += hit ? 1 / log2(p + 2) : 0;
			ideal += p < n_relevant ? 1 / log2(p + 2) : 0;
		}
		sum.n_users++;
		sum.precision += (double) hits / k;
		sum.recall += (double) hits / n_relevant;
		sum.ndcg += gain / ideal;
	}
	free(places);
	sum.precision /= (double) sum.n_users;
	sum.recall /= (double) sum.n_users;
	sum.ndcg /= (double) sum.n_users;
	return sum;
}

static void
check_ranking(Case *c, int k)
{
	LepRankingMetrics expected = rank_brute_force(c, k);
	LepRankingMetrics metrics;

	CHECK_OK(lep_metrics_ranking(&c->env, &c->model, c->ratings, LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION,
								 LEP_PARTS_TEST, k, &metrics));
	CHECK_INT_EQ(metrics.n_users, expected.n_users);
	CHECK(metrics.precision > 0);
	CHECK_CLOSE(metrics.precision, expected.precision, 1e-12);
	CHECK_CLOSE(metrics.recall, expected.recall, 1e-12);
	CHECK_CLOSE(metrics.ndcg, expected.ndcg, 1e-12);
}

static void
test_ranking_with_factors(void)
{
	Case c;

	if (!case_begin(&c, 300, 60, 0.3, 3))
		return;
	check_ranking(&c, 1);
	check_ranking(&c, 10);
	check_ranking(&c, 100); /* more than there are items */
	case_end(&c);
}

/* Biases in tenths: many items share a score, and the lower number wins. */
static void
test_ranking_without_factors(void)
{
	Case c;

	if (!case_begin(&c, 300, 60, 0.3, 0))
		return;
	check_ranking(&c, 1);
	check_ranking(&c, 10);
	check_ranking(&c, 100);
	/* biases that differ but round to the same score */
	c.model.mean = 1e8;
	for (int i = 0; i < c.model.n_items; i++)
		c.model.item_bias[i] = (float) (i * 37 % 60) / 10;
	check_ranking(&c, 10);
	case_end(&c);
}

/* Items beyond one chunk (16384) and users beyond one batch (256). */
static void
test_ranking_across_chunks(void)
{
	Case c;

	if (!case_begin(&c, 5, 20000, 0.9, 2))
		return;
	CHECK(c.model.n_items > 16384 + 100);
	c.model.item_bias[c.model.n_items - 1] = 50;
	check_ranking(&c, 10);
	case_end(&c);
}

static void
test_threads_do_not_matter(void)
{
	Case c;
	LepErrorMetrics errors[3];
	LepRankingMetrics rankings[3];

	if (!case_begin(&c, 400, 120, 0.4, 4))
		return;
	for (int t = 0; t < 3; t++)
	{
		c.env.n_threads = t + 1;
		CHECK_OK(lep_pool_start(&c.env));
		CHECK_OK(lep_metrics_errors(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &errors[t]));
		CHECK_OK(lep_metrics_ranking(&c.env, &c.model, c.ratings, LEP_PARTS_TRAIN, LEP_PARTS_TEST, 7,
									 &rankings[t]));
		lep_pool_shutdown(&c.env);
		CHECK_BYTES_EQ(&errors[t], &errors[0], sizeof(errors[0]));
		CHECK(rankings[t].ndcg == rankings[0].ndcg && rankings[t].recall == rankings[0].recall);
	}
	case_end(&c);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_errors_match_brute_force);
	TEST(test_errors_of_no_ratings_are_not_numbers);
	TEST(test_ranking_with_factors);
	TEST(test_ranking_without_factors);
	TEST(test_ranking_across_chunks);
	TEST(test_threads_do_not_matter);
	return unit_done();
}

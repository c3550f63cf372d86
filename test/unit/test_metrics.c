/*
 * test_metrics.c
 *		Errors against brute force and by hand.
 */
#include "sample_case.h"

#include "core/kernels.h"
#include "core/metrics.h"
#include "core/pool.h"

/* Predictions are clipped to 2 to 4. */
static bool
clipped_begin(Case *c, int n_users, int n_items, double density, int n_factors)
{
	if (!case_begin(c, n_users, n_items, density, n_factors))
		return false;
	c->model.min_score = 2;
	c->model.max_score = 4;
	return true;
}

static void
test_errors_match_brute_force(void)
{
	Case c;
	LepErrorMetrics metrics;
	double squared = 0;
	double absolute = 0;
	int64_t n = 0;

	if (!clipped_begin(&c, 150, 300, 0.5, 5))
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

	if (!clipped_begin(&c, 20, 20, 0.5, 0))
		return;
	memset(c.ratings->part, LEP_PART_TRAIN, (size_t) c.ratings->n_ratings);
	CHECK_OK(lep_metrics_errors(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &metrics));
	CHECK_INT_EQ(metrics.n, 0);
	CHECK(isnan(metrics.rmse) && isnan(metrics.mae));
	CHECK(isnan(metrics.rmse_std_error) && isnan(metrics.mae_std_error));
	case_end(&c);
}

/* Three users, three items, a model that always says 3. */
static LepRatings *
three_users(LepArena *arena, LepModel *model)
{
	static SampleRow rows[] = {
		{ 1, 1, 4 }, { 1, 2, 5 }, { 2, 1, 3 }, { 3, 1, 1 }, { 3, 3, 4 }, { 3, 2, 2 }
	};
	Sample sample = { rows, 6 };
	LepRatings *ratings = sample_ratings(arena, &sample, LEP_FEEDBACK_EXPLICIT);

	if (ratings == NULL || !CHECK_OK(lep_model_create(arena, 3, 3, 0, model)))
		return NULL;
	model->mean = 3;
	return ratings;
}

/*
 * Errors (prediction - rating): user 1: -1, -2; user 2: 0; user 3: 2, 1, -1.
 * Squares by user 5, 0, 6 over 2, 1, 3 ratings: m = 11/6.  A_u - m n_u = 5 - 22/6
 * = 8/6, -11/6, 6 - 33/6 = 3/6; squares (64 + 121 + 9) / 36 = 194/36.  Variance
 * of m = 3/2 * 194/36 / 36; rmse = sqrt(11/6), its error sqrt(variance) / (2 rmse).
 * Absolute by user 3, 0, 4: m = 7/6; 3 - 14/6 = 4/6, -7/6, 4 - 21/6 = 3/6;
 * squares (16 + 49 + 9) / 36 = 74/36; variance 3/2 * 74/36 / 36.
 */
static void
test_standard_errors_by_hand(void)
{
	LepEnv env;
	LepArena arena;
	LepModel model;
	LepErrorMetrics metrics;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = three_users(&arena, &model);
	if (ratings == NULL)
		return;
	CHECK_OK(lep_metrics_errors(&env, &model, ratings, LEP_PARTS_ALL, &metrics));
	CHECK_INT_EQ(metrics.n, 6);
	CHECK_INT_EQ(metrics.n_known, 6);
	CHECK_INT_EQ(metrics.n_users, 3);
	CHECK_CLOSE(metrics.rmse, sqrt(11.0 / 6), 1e-15);
	CHECK_CLOSE(metrics.mae, 7.0 / 6, 1e-15);
	CHECK_CLOSE(metrics.rmse_std_error, sqrt(1.5 * 194 / 36 / 36) / (2 * sqrt(11.0 / 6)), 1e-14);
	CHECK_CLOSE(metrics.mae_std_error, sqrt(1.5 * 74 / 36 / 36), 1e-14);

	/* one user left: a mean, and nothing to say about its error */
	memset(ratings->part, LEP_PART_TRAIN, 6);
	ratings->part[0] = LEP_PART_TEST;
	CHECK_OK(lep_metrics_errors(&env, &model, ratings, LEP_PARTS_TEST, &metrics));
	CHECK_INT_EQ(metrics.n_users, 1);
	CHECK_CLOSE(metrics.rmse, 1, 0);
	CHECK(isnan(metrics.rmse_std_error) && isnan(metrics.mae_std_error));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Squared and absolute errors of each user in two passes, tasks of 8192 ratings notwithstanding. */
static void
check_standard_errors(Case *c, unsigned parts)
{
	LepErrorMetrics metrics;
	int n_users = c->ratings->n_users;
	double *sums = calloc((size_t) n_users * 3, sizeof(double));
	double total[3] = { 0, 0, 0 };
	double spread[2] = { 0, 0 };
	double groups = 0;

	for (int u = 0; u < n_users; u++)
	{
		for (int64_t j = c->ratings->user_start[u]; j < c->ratings->user_start[u + 1]; j++)
		{
			float score = lep_clip(lep_model_score(&c->model, u, c->ratings->item[j]), c->model.min_score,
								   c->model.max_score);
			double error = (double) score - (double) c->ratings->rating[j];

			if ((parts >> c->ratings->part[j] & 1) == 0)
				continue;
			sums[3 * u] += error * error;
			sums[3 * u + 1] += fabs(error);
			sums[3 * u + 2] += 1;
		}
		for (int s = 0; s < 3; s++)
			total[s] += sums[3 * u + s];
		groups += sums[3 * u + 2] > 0;
	}
	for (int u = 0; u < n_users; u++)
	{
		for (int s = 0; s < 2; s++)
			spread[s] += pow(sums[3 * u + s] - total[s] / total[2] * sums[3 * u + 2], 2);
	}
	free(sums);
	CHECK_OK(lep_metrics_errors(&c->env, &c->model, c->ratings, parts, &metrics));
	CHECK_INT_EQ(metrics.n_users, groups);
	CHECK_CLOSE(metrics.rmse_std_error,
				sqrt(groups / (groups - 1) * spread[0]) / total[2] / (2 * sqrt(total[0] / total[2])), 1e-12);
	CHECK_CLOSE(metrics.mae_std_error, sqrt(groups / (groups - 1) * spread[1]) / total[2], 1e-12);
}

static void
test_standard_errors_across_tasks(void)
{
	Case c;

	/* many users in a task; users over several tasks; one task, its users in one part */
	if (!clipped_begin(&c, 400, 120, 0.9, 4))
		return;
	CHECK(c.ratings->n_ratings > 4 * 8192);
	check_standard_errors(&c, LEP_PARTS_ALL);
	check_standard_errors(&c, LEP_PARTS_TEST);
	case_end(&c);
	if (!clipped_begin(&c, 3, 20000, 0.9, 4))
		return;
	CHECK(c.ratings->n_ratings > 3 * 8192 * 2);
	check_standard_errors(&c, LEP_PARTS_ALL);
	memset(c.ratings->part, LEP_PART_TEST, (size_t) c.ratings->user_start[2]);
	check_standard_errors(&c, LEP_PARTS_TEST);
	case_end(&c);
}

/*
 * The ratings' users 1, 2, 3 are 2, nobody and 0 of the model, its items 1, 2, 3
 * are 0, 1 and nothing.
 */
static void
test_unknown_rows_are_counted(void)
{
	static const int32_t user_of[] = { 2, -1, 0 };
	static const int32_t item_of[] = { 0, 1, -1 };
	LepEnv env;
	LepArena arena;
	LepModel model;
	LepErrorMetrics metrics;
	LepErrorRequest request = { &model, NULL, LEP_PARTS_ALL, user_of, item_of, NULL };
	LepLevels levels = { .n = 2, .value = { 3, 5 }, .cut = { 3.5f } };
	LepLevels none = { .n = 0 };

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	request.ratings = three_users(&arena, &model);
	if (request.ratings == NULL)
		return;
	model.user_bias[2] = 1;
	model.item_bias[1] = 0.5f;
	/* predictions 4, 4.5; 3; 3, 3.5, 3; ratings 4, 5; 3; 1, 2, 4 by item: errors 0, .5; 0; 2, 1.5, 1 */
	CHECK_OK(lep_metrics_measure(&env, &request, &metrics));
	CHECK_INT_EQ(metrics.n, 6);
	CHECK_INT_EQ(metrics.n_known, 4);
	CHECK_CLOSE(metrics.mae, 5.0 / 6, 1e-7);
	CHECK_CLOSE(metrics.rmse, sqrt((0.25 + 4 + 2.25 + 1) / 6), 1e-7);
	/* shown as 5, 5; 3; 3, 5, 3: errors 1, 0; 0; 2, 3, 1 */
	request.levels = &levels;
	CHECK_OK(lep_metrics_measure(&env, &request, &metrics));
	CHECK_CLOSE(metrics.mae, 7.0 / 6, 1e-7);
	CHECK_CLOSE(metrics.rmse, sqrt(15.0 / 6), 1e-7);
	/* no level: as without */
	request.levels = &none;
	CHECK_OK(lep_metrics_measure(&env, &request, &metrics));
	CHECK_CLOSE(metrics.mae, 5.0 / 6, 1e-7);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_threads_do_not_matter(void)
{
	Case c;
	LepErrorMetrics errors[3];

	if (!clipped_begin(&c, 400, 120, 0.4, 4))
		return;
	for (int t = 0; t < 3; t++)
	{
		c.env.n_threads = t + 1;
		CHECK_OK(lep_pool_start(&c.env));
		CHECK_OK(lep_metrics_errors(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &errors[t]));
		lep_pool_shutdown(&c.env);
		CHECK_BYTES_EQ(&errors[t], &errors[0], sizeof(errors[0]));
	}
	case_end(&c);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_errors_match_brute_force);
	TEST(test_errors_of_no_ratings_are_not_numbers);
	TEST(test_standard_errors_by_hand);
	TEST(test_standard_errors_across_tasks);
	TEST(test_unknown_rows_are_counted);
	TEST(test_threads_do_not_matter);
	return unit_done();
}

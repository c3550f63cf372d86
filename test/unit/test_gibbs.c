/*
 * test_gibbs.c
 *		Algorithm bayes: what its two samplers promise beyond the contract of all
 *		solvers, on planted sets whose truth is known.
 */
#include "sample.h"

#include "core/gibbs_noise.h"
#include "core/interval.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "core/times.h"
#include "core/train.h"

/* One training of rows. */
typedef struct Case
{
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepRatings *ratings;
	LepTrainResult result;
} Case;

/* A row of a planted set with a time. */
typedef struct TimedRow
{
	int64_t user;
	int64_t item;
	double rating;
	int64_t time;
} TimedRow;

static void
case_begin(Case *c, LepImplicit implicit)
{
	unit_env_init(&c->env);
	lep_arena_init(&c->arena, &c->env);
	lep_options_init(&c->options);
	CHECK_OK(lep_options_set_text(&c->options, "algorithm", "bayes", &c->env.error));
	CHECK_OK(lep_options_set_text(&c->options, "feedback", "explicit", &c->env.error));
	CHECK_OK(lep_options_set_text(&c->options, "implicit", lep_implicit_name(implicit), &c->env.error));
}

static void
set_number(Case *c, const char *name, double value)
{
	CHECK_OK(lep_options_set_real(&c->options, name, value, &c->env.error));
}

static void
case_end(Case *c)
{
	lep_arena_drop(&c->arena);
	unit_env_done(&c->env);
}

static LepStatus
train(Case *c, const TimedRow *rows, int64_t n, bool timed)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, timed };
	LepRatingsBuilder *builder = lep_ratings_begin(&c->arena, &shape);

	for (int64_t j = 0; j < n; j++)
	{
		LepId user;
		LepId item;

		user.v.i64 = rows[j].user;
		item.v.i64 = rows[j].item;
		CHECK_STATUS(lep_ratings_add(builder, &user, &item, &rows[j].rating, timed ? &rows[j].time : NULL, 1),
					 LEP_OK);
	}
	CHECK_STATUS(lep_ratings_finish(builder, &c->options, &c->ratings), LEP_OK);
	return lep_train(&c->arena, c->ratings, &c->options, &c->result);
}

static TimedRow *
allocate_rows(int64_t n)
{
	return malloc((size_t) n * sizeof(TimedRow));
}

/* Biases, one factor, noise; every pair with probability density. */
static TimedRow *
plain_rows(int n_users, int n_items, double density, double noise, uint64_t seed, int64_t *n)
{
	SamplePlan plan = { n_users, n_items, density, 1, noise, 1, 3 };
	Sample sample = sample_planted(&plan, seed);
	TimedRow *rows = allocate_rows(sample.n + 1);

	*n = sample.n;
	for (int64_t j = 0; j < sample.n; j++)
		rows[j] = (TimedRow){ sample.rows[j].user, sample.rows[j].item, sample.rows[j].rating, j };
	sample_free(&sample);
	return rows;
}

/* The same bits with two threads and with portable kernels, by either sampler. */
static void
test_same_bits(void)
{
	int64_t n;
	TimedRow *rows = plain_rows(150, 90, 0.3, 0.4, 3, &n);
	LepKernelLevel level = lep_kernels->level;

	for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit += LEP_IMPLICIT_NONE)
	{
		Case first;
		Case other;

		case_begin(&first, (LepImplicit) implicit);
		set_number(&first, "epochs", 6);
		set_number(&first, "time_bins", 4);
		CHECK_OK(train(&first, rows, n, true));
		for (int variant = 0; variant < 2; variant++)
		{
			const LepModel *a = &first.result.model;
			const LepModel *b = &other.result.model;
			size_t row = (size_t) a->stride * sizeof(float);

			case_begin(&other, (LepImplicit) implicit);
			set_number(&other, "epochs", 6);
			set_number(&other, "time_bins", 4);
			other.env.n_threads = variant == 0 ? 2 : 1;
			CHECK_INT_EQ(lep_kernels_select(variant == 0 ? level : LEP_KERNELS_PORTABLE), 0);
			CHECK_OK(train(&other, rows, n, true));
			CHECK_INT_EQ(lep_kernels_select(level), 0);
			CHECK_BYTES_EQ(a->user_factors, b->user_factors, (size_t) a->n_users * row);
			CHECK_BYTES_EQ(a->item_factors, b->item_factors, (size_t) a->n_items * row);
			CHECK_BYTES_EQ(a->user_bias, b->user_bias, (size_t) a->n_users * sizeof(float));
			CHECK_BYTES_EQ(a->user_variance, b->user_variance, (size_t) a->n_users * sizeof(float));
			CHECK_BYTES_EQ(a->item_variance, b->item_variance, (size_t) a->n_items * sizeof(float));
			case_end(&other);
		}
		case_end(&first);
	}
	free(rows);
}

/*
 * Users of two kinds rate four items that only their kind looks at, all alike,
 * and one of twenty on which the kinds disagree: where that one is held out,
 * only which items somebody rated tells her kind.
 */
static void
test_implicit_information_helps(void)
{
	enum
	{
		USERS = 1500,
		EACH = 5
	};
	TimedRow *rows = allocate_rows(USERS * EACH);
	uint64_t seed = 5;
	double rmse[2];

	for (int u = 0; u < USERS; u++)
	{
		int kind = u % 2;
		int item = 100 + (int) (sample_uniform(&seed) * 20);

		rows[u * EACH] =
			(TimedRow){ u, item, ((item + kind) % 2 == 0 ? 5 : 1) + 0.3 * sample_normal(&seed), 0 };
		for (int j = 1; j < EACH; j++)
		{
			item = (int) (sample_uniform(&seed) * 50) + 50 * kind;
			rows[u * EACH + j] = (TimedRow){ u, item, 3 + 0.3 * sample_normal(&seed), 0 };
		}
	}
	for (int implicit = 0; implicit < 2; implicit++)
	{
		Case c;

		case_begin(&c, implicit ? LEP_IMPLICIT_BOTH : LEP_IMPLICIT_NONE);
		set_number(&c, "epochs", 40);
		set_number(&c, "factors", 8);
		CHECK_OK(train(&c, rows, USERS * EACH, false));
		rmse[implicit] = c.result.test.rmse;
		case_end(&c);
	}
	CHECK(rmse[1] < 0.6 * rmse[0], "with %g, without %g", rmse[1], rmse[0]);
	free(rows);
}

/* What is liked drifts: half of the items rise, half fall. */
static void
test_time_helps(void)
{
	int64_t n;
	TimedRow *rows = plain_rows(300, 60, 0.5, 0.3, 8, &n);
	uint64_t seed = 4;
	double rmse[2];
	double risen = 0;

	for (int64_t j = 0; j < n; j++)
	{
		rows[j].time = (int64_t) (1000 * sample_uniform(&seed));
		rows[j].rating += (rows[j].item % 10 == 0 ? 1.5 : -1.5) * ((double) rows[j].time / 1000 - 0.5);
	}
	for (int timed = 0; timed < 2; timed++)
	{
		Case c;

		case_begin(&c, LEP_IMPLICIT_BOTH);
		set_number(&c, "epochs", 60);
		set_number(&c, "time_bins", timed ? 8 : 0);
		CHECK_OK(train(&c, rows, n, true));
		rmse[timed] = c.result.test.rmse;
		CHECK_INT_EQ(c.result.model.times != NULL, timed);
		if (timed)
		{
			const LepModel *m = &c.result.model;
			int64_t old = 0;
			int64_t now = 999;

			CHECK_INT_EQ(m->times->n_bins, 8);
			CHECK_INT_EQ(m->times->first[0] <= m->times->first[1], 1);
			for (int32_t i = 0; i < m->n_items; i++)
			{
				bool rises = lep_idmap_id(c.ratings->items, i).v.i64 % 10 == 0;

				CHECK(lep_times_score(m, 3, i, &now) == lep_model_score(m, 3, i));
				risen += (double) (lep_times_score(m, 3, i, &now) - lep_times_score(m, 3, i, &old)) *
						 (rises ? 1 : -1);
			}
			/* nor does anything move of whom it does not know */
			CHECK(lep_times_score(m, 3, -1, &now) == lep_model_score(m, 3, -1));
			CHECK(lep_times_score(m, -1, 3, &now) == lep_model_score(m, -1, 3));
			/* 7 of 8 bins lie between their middles */
			CHECK_CLOSE(risen / m->n_items, 1.5 * 7 / 8, 0.15);
		}
		case_end(&c);
	}
	CHECK(rmse[1] < 0.9 * rmse[0], "with %g, without %g", rmse[1], rmse[0]);
	free(rows);
}

/* Half of the users answer with four times the noise: variances and intervals know it. */
static void
test_users_noise(void)
{
	for (int implicit = 0; implicit < 2; implicit++)
	{
		int64_t n;
		TimedRow *rows = plain_rows(400, 200, 0.4, 0, 8, &n);
		uint64_t seed = 4;
		double variance[2] = { 0, 0 };
		LepIntervals intervals;
		int64_t inside = 0;
		int64_t judged = 0;
		Case c;

		for (int64_t j = 0; j < n; j++)
			rows[j].rating += (rows[j].user % 2 == 0 ? 0.25 : 1) * sample_normal(&seed);
		case_begin(&c, implicit ? LEP_IMPLICIT_BOTH : LEP_IMPLICIT_NONE);
		set_number(&c, "epochs", 50);
		set_number(&c, "factors", 4);
		set_number(&c, "test_fraction", 0.2);
		CHECK_OK(lep_options_set_bool(&c.options, "refit", false, &c.env.error));
		CHECK_OK(train(&c, rows, n, false));
		for (int32_t u = 0; u < c.ratings->n_users; u++)
			variance[lep_idmap_id(c.ratings->users, u).v.i64 % 2] +=
				(c.result.model.noise + (double) c.result.model.user_variance[u]) /
				(c.ratings->n_users / 2.0);
		/* 0.0625 and 1, drawn together by a prior that is worth 30 of each user's 64 ratings */
		CHECK_CLOSE(variance[0], 0.09, 0.05);
		CHECK_CLOSE(variance[1], 0.85, 0.25);
		CHECK(variance[1] > 5 * variance[0]);
		intervals = c.result.intervals;
		for (int32_t u = 0; u < c.ratings->n_users; u++)
		{
			for (int64_t j = c.ratings->user_start[u]; j < c.ratings->user_start[u + 1]; j++)
			{
				const LepModel *m = &c.result.model;
				double sd = sqrt(m->noise + (double) m->user_variance[u] +
								 (double) m->item_variance[c.ratings->item[j]]);
				double half = lep_interval_width(&intervals, 0.8) * sd;

				if (c.ratings->part[j] != LEP_PART_TEST)
					continue;
				judged++;
				inside +=
					fabs((double) (lep_model_score(m, u, c.ratings->item[j]) - c.ratings->rating[j])) <= half;
			}
		}
		CHECK(judged > 5000);
		CHECK_CLOSE((double) inside / (double) judged, 0.8, 0.02);
		case_end(&c);
		free(rows);
	}
}

/* Ratings that are held out wholly leave the average row. */
static void
test_rows_without_ratings(void)
{
	for (int implicit = 0; implicit < 2; implicit++)
	{
		int64_t n;
		TimedRow *rows = plain_rows(60, 40, 0.5, 0.3, 2, &n);
		int32_t unrated = 0;
		Case c;

		/* most ratings are held out, so that some users keep none; she has one in all */
		rows[n++] = (TimedRow){ 5000, 9999, 3, 0 };
		case_begin(&c, implicit ? LEP_IMPLICIT_BOTH : LEP_IMPLICIT_NONE);
		set_number(&c, "epochs", 8);
		set_number(&c, "test_fraction", 0.9);
		CHECK_OK(lep_options_set_bool(&c.options, "refit", false, &c.env.error));
		CHECK_OK(train(&c, rows, n, false));
		for (int32_t u = 0; u < c.ratings->n_users; u++)
		{
			bool rated = false;

			for (int64_t j = c.ratings->user_start[u]; j < c.ratings->user_start[u + 1]; j++)
				rated = rated || c.ratings->part[j] == LEP_PART_TRAIN;
			if (rated)
				continue;
			unrated++;
			CHECK(c.result.model.user_bias[u] == 0);
			CHECK(c.result.model.user_factors[(int64_t) u * c.result.model.stride] == 0);
			CHECK(c.result.model.user_variance[u] > 0);
		}
		CHECK(unrated > 0);
		case_end(&c);
		free(rows);
	}
}

/* Few instants, or one: fewer bins, or none. */
static void
test_few_instants(void)
{
	for (int instants = 1; instants <= 3; instants++)
	{
		int64_t n;
		TimedRow *rows = plain_rows(60, 40, 0.5, 0.3, 2, &n);
		Case c;

		for (int64_t j = 0; j < n; j++)
			rows[j].time = j % instants;
		case_begin(&c, LEP_IMPLICIT_BOTH);
		set_number(&c, "epochs", 5);
		set_number(&c, "time_bins", 16);
		CHECK_OK(train(&c, rows, n, true));
		CHECK_INT_EQ(c.result.model.times->n_bins, instants);
		CHECK(lep_model_is_sane(&c.result.model));
		case_end(&c);
		free(rows);
	}
}

/* Precision and weights have the means of their gamma distributions. */
static void
test_noise_draws(void)
{
	enum
	{
		DRAWS = 4000
	};
	int64_t start[3] = { 0, 10, 400 };
	LepGibbsData data;
	LepGibbsNoise noise;
	LepEnv env;
	LepArena arena;
	double precision = 0;
	double weight = 0;
	double expected = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	memset(&data, 0, sizeof(data));
	data.view[LEP_GIBBS_USERS] = (LepView){ 2, 400, start, NULL, NULL };
	CHECK_OK(lep_gibbs_noise_create(&arena, &data, &noise));
	for (int sweep = 1; sweep <= DRAWS; sweep++)
	{
		double squares;

		noise.squares[0] = 40;
		noise.squares[1] = 100;
		noise.weight[0] = 0.5f;
		noise.weight[1] = 1;
		CHECK_STATUS(lep_gibbs_noise_draw(&env, &noise, sweep, &squares), LEP_OK);
		CHECK_CLOSE(squares, 140, 0);
		precision += noise.precision / DRAWS;
		weight += (double) noise.weight[0] / DRAWS;
		expected += (30.0 + 10) / (30 + noise.precision * 40) / DRAWS;
	}
	/* (1 + 400) / (1 + 0.5 * 40 + 100) */
	CHECK_CLOSE(precision, 401.0 / 121, 0.02);
	CHECK_CLOSE(weight, expected, 0.01);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_same_bits);
	TEST(test_implicit_information_helps);
	TEST(test_time_helps);
	TEST(test_users_noise);
	TEST(test_rows_without_ratings);
	TEST(test_few_instants);
	TEST(test_noise_draws);
	return unit_done();
}

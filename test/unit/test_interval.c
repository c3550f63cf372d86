/*
 * test_interval.c
 *		Quantiles and cuts against brute force: a full sort, and every
 *		non-decreasing choice of cuts.
 */
#include "sample_case.h"

#include "core/interval.h"
#include "core/kernels.h"
#include "core/pool.h"

/* Ratings rounded to whole numbers from 1 to n_levels, or as drawn for 0. */
static bool
levels_begin(Case *c, int n_users, int n_items, int n_levels)
{
	SamplePlan plan = { n_users, n_items, 0.5, 2, 0.5, 1, 3 };
	Sample sample = sample_planted(&plan, 78);

	for (int64_t j = 0; j < sample.n && n_levels > 0; j++)
		sample.rows[j].rating = fmin(n_levels, fmax(1, floor(sample.rows[j].rating + 0.5)));
	if (!case_begin_of(c, &sample, 3, 6))
		return false;
	c->model.min_score = 1;
	c->model.max_score = 5;
	return true;
}

static bool
add_variances(Case *c)
{
	uint64_t seed = 9;

	c->model.noise = 0.5;
	c->model.user_variance = lep_arena_alloc(&c->arena, c->model.n_users, sizeof(float));
	c->model.item_variance = lep_arena_alloc(&c->arena, c->model.n_items, sizeof(float));
	if (!CHECK(c->model.user_variance != NULL && c->model.item_variance != NULL))
		return false;
	for (int u = 0; u < c->model.n_users; u++)
		c->model.user_variance[u] = (float) sample_uniform(&seed);
	for (int i = 0; i < c->model.n_items; i++)
		c->model.item_variance[i] = (float) sample_uniform(&seed);
	return true;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* The prediction as its definition says, in plain C; -1 for an unknown side. */
static double
plain_prediction(const Case *c, int u, int i)
{
	double score = c->model.mean + (u < 0 ? 0 : c->model.user_bias[u]) + (i < 0 ? 0 : c->model.item_bias[i]);

	for (int f = 0; f < 3 && u >= 0 && i >= 0; f++)
		score += (double) c->model.user_factors[u * 16 + f] * c->model.item_factors[i * 16 + f];
	return fmin(c->model.max_score, fmax(c->model.min_score, score));
}

/* Everything that lep_intervals_measure says of the validation part, plainly. */
static void
check_intervals(Case *c, const LepIntervals *intervals)
{
	const LepRatings *r = c->ratings;
	bool known = c->model.user_variance != NULL;
	double *residuals = malloc(sizeof(double) * (size_t) r->n_ratings);
	int64_t n = 0;
	double squares = 0;
	double no_user = 0;
	double no_item = 0;
	double with_item = 0;
	double with_user = 0;

	for (int u = 0; u < r->n_users; u++)
	{
		for (int64_t j = r->user_start[u]; j < r->user_start[u + 1]; j++)
		{
			int i = r->item[j];
			double user_variance = known ? c->model.user_variance[u] : 0;
			double item_variance = known ? c->model.item_variance[i] : 0;
			double noise = known ? 0.5 : 1;
			double sd = sqrt(noise + user_variance + item_variance);

			if (r->part[j] != LEP_PART_VALIDATION)
				continue;
			residuals[n] = fabs(r->rating[j] - plain_prediction(c, u, i)) / sd;
			squares += residuals[n] * residuals[n];
			no_user += pow(r->rating[j] - plain_prediction(c, -1, i), 2);
			no_item += pow(r->rating[j] - plain_prediction(c, u, -1), 2);
			with_item += noise + item_variance;
			with_user += noise + user_variance;
			n++;
		}
	}
	CHECK_INT_EQ(intervals->n, n);
	CHECK_CLOSE(intervals->spread, sqrt(squares / n), 1e-6);
	/* (squares without the user / n) / (noise + prior + items' mean) = squares / n */
	CHECK_CLOSE(intervals->user_prior, fmax(0, no_user / squares - with_item / n), 1e-5);
	CHECK_CLOSE(intervals->item_prior, fmax(0, no_item / squares - with_user / n), 1e-5);
	qsort(residuals, (size_t) n, sizeof(double), compare_doubles);
	for (int q = 0; q < LEP_N_QUANTILES; q++)
	{
		double at = fmin((double) (n - 1), fmax(0, (q + 0.5) / LEP_N_QUANTILES * (double) n - 0.5));
		int64_t low = (int64_t) at;
		int64_t high = low + 1 < n ? low + 1 : low;

		CHECK_CLOSE(intervals->quantile[q],
					residuals[low] + (at - (double) low) * (residuals[high] - residuals[low]), 1e-5);
	}
	free(residuals);
}

/* Biases that say something, so that it is worse not to know a side. */
static void
learn_biases(Case *c)
{
	const LepRatings *r = c->ratings;

	memset(c->model.user_factors, 0, sizeof(float) * (size_t) c->model.n_users * 16);
	memset(c->model.item_bias, 0, sizeof(float) * (size_t) c->model.n_items);
	for (int u = 0; u < r->n_users; u++)
	{
		double sum = 0;

		for (int64_t j = r->user_start[u]; j < r->user_start[u + 1]; j++)
		{
			sum += r->rating[j] - 3;
			c->model.item_bias[r->item[j]] += (float) (r->rating[j] - 3) / (float) (0.5 * r->n_users);
		}
		c->model.user_bias[u] = (float) (sum / (double) (r->user_start[u + 1] - r->user_start[u] + 1));
	}
}

static void
test_intervals_match_brute_force(void)
{
	Case c;
	LepIntervals intervals;

	if (!levels_begin(&c, 150, 200, 0))
		return;
	CHECK_OK(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_VALIDATION, &intervals));
	check_intervals(&c, &intervals);
	learn_biases(&c);
	CHECK_OK(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_VALIDATION, &intervals));
	check_intervals(&c, &intervals);
	CHECK(intervals.user_prior > 0 && intervals.item_prior > 0);
	if (add_variances(&c))
	{
		CHECK_OK(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_VALIDATION, &intervals));
		check_intervals(&c, &intervals);
	}
	case_end(&c);
}

/* About as many ratings are inside as the level says, on the ratings measured. */
static void
test_intervals_cover(void)
{
	static const double levels[] = { 0.1, 0.5, 0.8, 0.95 };
	Case c;
	LepIntervals intervals;

	if (!levels_begin(&c, 200, 200, 0) || !add_variances(&c))
		return;
	CHECK_OK(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &intervals));
	for (int l = 0; l < 4; l++)
	{
		double width = lep_interval_width(&intervals, levels[l]);
		int64_t inside = 0;

		for (int u = 0; u < c.ratings->n_users; u++)
		{
			for (int64_t j = c.ratings->user_start[u]; j < c.ratings->user_start[u + 1]; j++)
			{
				int i = c.ratings->item[j];
				double sd = sqrt(0.5 + c.model.user_variance[u] + c.model.item_variance[i]);

				inside += c.ratings->part[j] == LEP_PART_TEST &&
						  fabs(c.ratings->rating[j] - plain_prediction(&c, u, i)) <= width * sd;
			}
		}
		CHECK_CLOSE((double) inside / (double) intervals.n, levels[l], 0.002);
	}
	case_end(&c);
}

static void
test_widths(void)
{
	LepIntervals intervals = { .n = 1 };

	for (int q = 0; q < LEP_N_QUANTILES; q++)
		intervals.quantile[q] = (float) (q + 1);
	CHECK_CLOSE(lep_interval_width(&intervals, 0.0025), 1, 1e-9);
	CHECK_CLOSE(lep_interval_width(&intervals, 0.00125), 0.5, 1e-9);
	CHECK_CLOSE(lep_interval_width(&intervals, 0), 0, 1e-12);
	CHECK_CLOSE(lep_interval_width(&intervals, 0.0075), 2, 1e-9);
	CHECK_CLOSE(lep_interval_width(&intervals, 0.5), 100.5, 1e-9); /* between 0.4975: 100 and 0.5025: 101 */
	CHECK_CLOSE(lep_interval_width(&intervals, 0.9975), 200, 1e-9);
	CHECK_CLOSE(lep_interval_width(&intervals, 0.9999), 200, 1e-9);
	CHECK_CLOSE(lep_interval_width(&intervals, 1), 200, 1e-9);
}

static void
test_nothing_held_out(void)
{
	Case c;
	LepIntervals intervals;
	LepLevels levels;
	double mae = 1;

	if (!levels_begin(&c, 20, 20, 3))
		return;
	for (int64_t j = 0; j < c.ratings->n_ratings; j++)
		c.ratings->part[j] = LEP_PART_TRAIN;
	CHECK_OK(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_VALIDATION, &intervals));
	CHECK_INT_EQ(intervals.n, 0);
	/* no rating says where: the middle */
	CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_VALIDATION, &levels));
	CHECK_INT_EQ(levels.n, 3);
	CHECK_CLOSE(levels.cut[0], 1.5, 0);
	CHECK_CLOSE(levels.cut[1], 2.5, 0);
	CHECK_OK(lep_levels_error(&c.env, &c.model, c.ratings, LEP_PARTS_VALIDATION, &levels, &mae));
	CHECK(isnan(mae));
	case_end(&c);
}

/* Certain and wrong: infinitely many standard deviations away, but finite. */
static void
test_no_variance_at_all(void)
{
	Case c;
	LepIntervals intervals;

	if (!levels_begin(&c, 30, 30, 0) || !add_variances(&c))
		return;
	c.model.noise = 0;
	memset(c.model.user_variance, 0, sizeof(float) * (size_t) c.model.n_users);
	memset(c.model.item_variance, 0, sizeof(float) * (size_t) c.model.n_items);
	CHECK_OK(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &intervals));
	CHECK(isfinite(intervals.quantile[0]) && isfinite(intervals.quantile[LEP_N_QUANTILES - 1]) &&
		  isfinite(intervals.spread) && isfinite(intervals.user_prior));
	case_end(&c);
}

/* The sum of absolute errors of the medians over a part, plainly. */
static double
plain_error(const Case *c, const LepLevels *levels, int part)
{
	double sum = 0;

	for (int u = 0; u < c->ratings->n_users; u++)
	{
		for (int64_t j = c->ratings->user_start[u]; j < c->ratings->user_start[u + 1]; j++)
		{
			float p = lep_clip(lep_model_score(&c->model, u, c->ratings->item[j]), c->model.min_score,
							   c->model.max_score);
			int l = 0;

			if (c->ratings->part[j] != part)
				continue;
			while (l < levels->n - 1 && p >= levels->cut[l])
				l++;
			sum += fabs(levels->value[l] - c->ratings->rating[j]);
		}
	}
	return sum;
}

/*
 * No other two cuts are better, of all pairs between all neighbouring
 * predictions: three levels, and few ratings.
 */
static void
test_cuts_are_the_best(void)
{
	Case c;
	LepLevels levels;
	LepLevels other;
	double *cuts;
	int n = 0;
	double best;
	double error;

	if (!levels_begin(&c, 16, 20, 3))
		return;
	CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels));
	if (!CHECK_INT_EQ(levels.n, 3))
		return;
	CHECK(levels.cut[0] <= levels.cut[1]);
	best = plain_error(&c, &levels, LEP_PART_TEST);
	cuts = malloc(sizeof(double) * (size_t) (c.ratings->n_ratings + 1));
	for (int u = 0; u < c.ratings->n_users; u++)
	{
		for (int64_t j = c.ratings->user_start[u]; j < c.ratings->user_start[u + 1]; j++)
		{
			if (c.ratings->part[j] == LEP_PART_TEST)
				cuts[n++] = lep_clip(lep_model_score(&c.model, u, c.ratings->item[j]), 1, 5);
		}
	}
	cuts[n++] = INFINITY;
	error = INFINITY;
	other = levels;
	for (int a = 0; a < n; a++)
	{
		for (int b = 0; b < n; b++)
		{
			if (cuts[a] > cuts[b])
				continue;
			other.cut[0] = (float) cuts[a];
			other.cut[1] = (float) cuts[b];
			error = fmin(error, plain_error(&c, &other, LEP_PART_TEST));
		}
	}
	CHECK_CLOSE(best, error, 1e-9);
	free(cuts);
	case_end(&c);
}

/* Many levels, moved a little either way: never better; and ascending. */
static void
test_cuts_of_many_levels(void)
{
	Case c;
	LepLevels levels;
	LepLevels other;
	double best;
	double mae;
	int64_t n;

	if (!levels_begin(&c, 300, 200, 5))
		return;
	CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels));
	if (!CHECK_INT_EQ(levels.n, 5))
		return;
	best = plain_error(&c, &levels, LEP_PART_TEST);
	for (int k = 0; k < 4; k++)
	{
		CHECK(k == 0 || levels.cut[k - 1] <= levels.cut[k]);
		for (int step = -40; step <= 40; step++)
		{
			other = levels;
			other.cut[k] += (float) step * 0.01f;
			if ((k == 0 || other.cut[k - 1] <= other.cut[k]) && (k == 3 || other.cut[k] <= other.cut[k + 1]))
				CHECK(plain_error(&c, &other, LEP_PART_TEST) >= best);
		}
	}
	n = lep_ratings_count(c.ratings, LEP_PARTS_TEST);
	CHECK_OK(lep_levels_error(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels, &mae));
	CHECK_CLOSE(mae, best / (double) n, 1e-9);
	/* better than rounding, which is one choice of cuts */
	other = levels;
	for (int k = 0; k < 4; k++)
		other.cut[k] = (float) k + 1.5f;
	CHECK(plain_error(&c, &other, LEP_PART_TEST) > best);
	case_end(&c);
}

/* More values than LEP_MAX_LEVELS, exactly so many, and one. */
static void
test_number_of_levels(void)
{
	Case c;
	LepLevels levels;

	if (!levels_begin(&c, 60, 60, 0))
		return;
	CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels));
	CHECK_INT_EQ(levels.n, 0);
	CHECK_CLOSE(lep_median(&levels, 2.25f), 2.25, 0);
	CHECK_CLOSE(lep_point(&levels, 7, 1, 5), 5, 0);
	for (int64_t j = 0; j < c.ratings->n_ratings; j++)
		c.ratings->rating[j] = (float) (j % LEP_MAX_LEVELS);
	CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels));
	CHECK_INT_EQ(levels.n, LEP_MAX_LEVELS);
	c.ratings->rating[c.ratings->n_ratings - 1] = 100.5f;
	CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels));
	CHECK_INT_EQ(levels.n, 0);
	for (int64_t j = 0; j < c.ratings->n_ratings; j++)
		c.ratings->rating[j] = 4;
	CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels));
	CHECK_INT_EQ(levels.n, 0);
	case_end(&c);
}

static void
test_medians(void)
{
	LepLevels levels = { 4, { 1, 2, 3, 10 }, { 1.5f, 1.5f, 4 } };

	CHECK_CLOSE(lep_median(&levels, -7), 1, 0);
	CHECK_CLOSE(lep_median(&levels, 1.4999f), 1, 0);
	CHECK_CLOSE(lep_median(&levels, 1.5f), 3, 0); /* 2 is never the median */
	CHECK_CLOSE(lep_median(&levels, 3.9999f), 3, 0);
	CHECK_CLOSE(lep_median(&levels, 4), 10, 0);
	CHECK_CLOSE(lep_median(&levels, 1e9f), 10, 0);
	CHECK_CLOSE(lep_point(&levels, 1e9f, 1, 3.5f), 3, 0);
	CHECK_CLOSE(lep_point(&levels, 5, 1, 8), 8, 0); /* the scale holds for medians, too */
}

static void
test_threads_give_the_same_bits(void)
{
	Case c;
	LepIntervals intervals[2];
	LepLevels levels[2];

	if (!levels_begin(&c, 400, 300, 5) || !add_variances(&c))
		return;
	for (int t = 0; t < 2; t++)
	{
		c.env.n_threads = 1 + 2 * t;
		CHECK_OK(lep_pool_start(&c.env));
		CHECK_OK(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &intervals[t]));
		CHECK_OK(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels[t]));
		lep_pool_shutdown(&c.env);
	}
	CHECK_BYTES_EQ(&intervals[0], &intervals[1], sizeof(LepIntervals));
	CHECK_BYTES_EQ(&levels[0], &levels[1], sizeof(LepLevels));
	case_end(&c);
}

static bool
always_stop(void *host)
{
	(void) host;
	return true;
}

static void
test_stops(void)
{
	Case c;
	LepIntervals intervals;
	LepLevels levels;

	if (!levels_begin(&c, 100, 100, 5))
		return;
	c.env.should_stop = always_stop;
	CHECK_STATUS(lep_intervals_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &intervals),
				 LEP_ERR_STOPPED);
	CHECK_STATUS(lep_levels_measure(&c.env, &c.model, c.ratings, LEP_PARTS_TEST, &levels), LEP_ERR_STOPPED);
	CHECK_INT_EQ(levels.n, 0);
	case_end(&c);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_intervals_match_brute_force);
	TEST(test_intervals_cover);
	TEST(test_widths);
	TEST(test_nothing_held_out);
	TEST(test_no_variance_at_all);
	TEST(test_cuts_are_the_best);
	TEST(test_cuts_of_many_levels);
	TEST(test_number_of_levels);
	TEST(test_medians);
	TEST(test_threads_give_the_same_bits);
	TEST(test_stops);
	return unit_done();
}

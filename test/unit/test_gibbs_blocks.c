/*
 * test_gibbs_blocks.c
 *		The sampler by coordinates: its draws against the distributions that
 *		gibbs_blocks.c states, computed anew in double precision from its state.
 */
#include "sample.h"

#include "core/gibbs_blocks.h"
#include "core/kernels.h"
#include "core/pool.h"

#define FACTORS 2

/* Coordinates: factors, then the bias. */
#define D (FACTORS + 1)

/* More rows than any side, and bins, of the samples below. */
#define MAX_ROWS 64

/* What the gamma prior of a precision is made of; its own number, not the sampler's. */
#define RATE 0.02

typedef struct Bench
{
	LepEnv env;
	LepArena arena;
	LepGibbsData data;
	LepBlocks *state;
	uint16_t bin[MAX_ROWS * MAX_ROWS];
} Bench;

/* Few ratings, of nothing but noise and biases: all of them, whose bins go round. */
static bool
bench_begin(Bench *b, const Sample *sample, bool of_users, bool of_items, int n_bins)
{
	LepRatings *ratings;
	void *state;

	unit_env_init(&b->env);
	lep_arena_init(&b->arena, &b->env);
	memset(&b->data, 0, sizeof(b->data));
	ratings = sample_ratings(&b->arena, sample, LEP_FEEDBACK_EXPLICIT);
	if (ratings == NULL || !CHECK(n_bins == 0 || ratings->n_ratings <= MAX_ROWS * MAX_ROWS) ||
		!CHECK_OK(lep_view_moments(&b->env, ratings, LEP_PARTS_ALL, &b->data.moments)) ||
		!CHECK_OK(lep_view_by_user(&b->arena, ratings, LEP_PARTS_ALL, &b->data.view[LEP_GIBBS_USERS])) ||
		!CHECK_OK(lep_view_by_item(&b->arena, ratings, LEP_PARTS_ALL, &b->data.view[LEP_GIBBS_ITEMS])))
		return false;
	b->data.inverse_sd = 1 / b->data.moments.sd;
	b->data.n_factors = FACTORS;
	b->data.seed = 42;
	b->data.implicit[LEP_GIBBS_USERS] = of_users;
	b->data.implicit[LEP_GIBBS_ITEMS] = of_items;
	b->data.n_bins = n_bins;
	for (int64_t j = 0; n_bins > 0 && j < ratings->n_ratings; j++)
		b->bin[j] = (uint16_t) (j % n_bins);
	b->data.bin = n_bins > 0 ? b->bin : NULL;
	if (!CHECK_OK(lep_gibbs_blocks.start(&b->arena, &b->data, &state)))
		return false;
	b->state = state;
	return true;
}

static void
bench_end(Bench *b)
{
	lep_arena_drop(&b->arena);
	unit_env_done(&b->env);
}

/* Numbers that should have mean 0 and variance 1. */
typedef struct White
{
	double n;
	double sum;
	double squares;
} White;

static void
add_white(White *white, double x)
{
	white->n++;
	white->sum += x;
	white->squares += x * x;
}

/* 5 standard errors; of the variance with up to this excess of the fourth moment. */
static void
check_white(const White *white, double excess)
{
	CHECK(white->n > 100);
	CHECK_CLOSE(white->sum / white->n, 0, 5 / sqrt(white->n));
	CHECK_CLOSE(white->squares / white->n, 1, 5 * sqrt((2 + excess) / white->n));
}

/* ------------------------------------------------------------------------- priors */

/* One coordinate of one kind of unknowns, as it was before a sweep. */
typedef struct Before
{
	int n;
	bool has_mean;
	double mean; /* of the prior */
	float value[MAX_ROWS];
	const LepNormalPrior *prior;
} Before;

static Before
look(const float *value, int n, const LepNormalPrior *prior, bool has_mean)
{
	Before before = { n, has_mean, has_mean ? prior->mean : 0, { 0 }, prior };

	memcpy(before.value, value, (size_t) n * sizeof(float));
	return before;
}

/* All kinds of all coordinates; how many. */
static int
look_at_all(const LepBlocks *b, Before *before)
{
	int n = 0;

	for (int f = 0; f < D; f++)
	{
		for (int side = 0; side < LEP_GIBBS_SIDES; side++)
		{
			int rows = b->n_rows[side];
			int features = b->n_rows[1 - side];

			before[n++] = look(b->own[side] + f * rows, rows, &b->own_prior[side][f], true);
			before[n++] = look(b->implied[side] + f * features, features, &b->implied_prior[side][f], false);
		}
		before[n++] = look(b->bins + f * b->data->n_bins, b->data->n_bins, &b->bin_prior[f], false);
	}
	return n;
}

/*
 * With m the prior's mean before, 0 and not drawn where there is none: the
 * precision L is gamma of shape (1 + n) / 2 and rate (RATE + sum of (x - m)^2) / 2,
 * or with a mean (2 + n) / 2 and (RATE + sum of (x - m)^2 + m^2) / 2; the mean then
 * normal around sum of x / (n + 1) with precision (n + 1) L.
 */
static void
compare_prior(const Before *before, White *precision, White *mean)
{
	double n = before->n;
	double shape = (1 + n + before->has_mean) / 2;
	double rate = RATE + before->mean * before->mean;
	double sum = 0;

	for (int row = 0; row < before->n; row++)
	{
		double d = (double) before->value[row] - before->mean;

		rate += d * d;
		sum += (double) before->value[row];
	}
	add_white(precision, (before->prior->precision * rate / 2 - shape) / sqrt(shape));
	if (before->has_mean)
		add_white(mean, (before->prior->mean - sum / (n + 1)) * sqrt((n + 1) * before->prior->precision));
}

static void
test_priors_are_drawn_from_their_conditionals(void)
{
	/* few rows without structure, so that the prior's own rate counts */
	SamplePlan plan = { 6, 5, 0.9, 0, 2, 1, 3 };
	Sample sample = sample_planted(&plan, 21);
	static Bench b;
	static Before before[D * 5];
	White precision[D * 5] = { { 0, 0, 0 } };
	White mean = { 0, 0, 0 };
	double squares;

	if (bench_begin(&b, &sample, true, true, 3))
	{
		for (int sweep = 1; sweep <= 2000; sweep++)
		{
			int n = look_at_all(b.state, before);

			CHECK_INT_EQ(n, D * 5);
			CHECK_OK(lep_gibbs_blocks.sweep(&b.env, b.state, sweep, &squares));
			for (int kind = 0; kind < n; kind++)
				compare_prior(&before[kind], &precision[kind], &mean);
		}
		/* of a gamma deviate of shape 2, the least here: 6 / 2 */
		for (int kind = 0; kind < D * 5; kind++)
			check_white(&precision[kind], 3);
		check_white(&mean, 0);
	}
	bench_end(&b);
	sample_free(&sample);
}

/* ----------------------------------------------------------------------- unknowns */

/* What a sweep's draws were given: the noise is drawn after them. */
typedef struct Noise
{
	double precision;
	float weight[MAX_ROWS];
} Noise;

static Noise
look_at_noise(const LepBlocks *b)
{
	Noise noise = { b->noise.precision, { 0 } };

	memcpy(noise.weight, b->noise.weight, (size_t) b->n_rows[LEP_GIBBS_USERS] * sizeof(float));
	return noise;
}

/* For each row of a side, or bin: sums of w e x and w x x over its ratings. */
typedef struct Sums
{
	double ex[MAX_ROWS];
	double xx[MAX_ROWS];
} Sums;

static void
add_rating(Sums *sums, int at, double w, double e, double x)
{
	sums->ex[at] += w * e * x;
	sums->xx[at] += w * x * x;
}

/* x of users: factor 0 of the items; of items and bins: 1, the biases'. */
static void
sum_up(const LepBlocks *b, const Noise *noise, Sums *users, Sums *items, Sums *bins)
{
	const LepView *view = &b->data->view[LEP_GIBBS_USERS];

	memset(users, 0, sizeof(*users));
	memset(items, 0, sizeof(*items));
	memset(bins, 0, sizeof(*bins));
	for (int32_t u = 0; u < view->n_rows; u++)
	{
		for (int64_t j = view->start[u]; j < view->start[u + 1]; j++)
		{
			int32_t i = view->column[j];
			double w = (double) noise->weight[u];
			double e = (double) b->residual[j];

			add_rating(users, u, w, e, (double) b->total[LEP_GIBBS_ITEMS][i]);
			add_rating(items, i, w, e, 1);
			if (b->data->n_bins > 0)
				add_rating(bins, b->data->bin[j], w, e, 1);
		}
	}
}

/*
 * The conditional of an unknown: precision a sum of w x^2 + L and mean (a sum of
 * w x (e + x old) + L m) / precision, where its ratings leave e while it is old.
 */
static void
compare_value(White *white, double a, double ex, double xx, double old, double drawn,
			  const LepNormalPrior *prior)
{
	double precision = a * xx + prior->precision;
	double mean = (a * (ex + xx * old) + prior->precision * prior->mean) / precision;

	add_white(white, (drawn - mean) * sqrt(precision));
}

/* What user u says of items' biases: x is the root of each one's number of ratings. */
static void
compare_implied(const LepBlocks *b, const Noise *noise, const Sums *items, int32_t u, White *white)
{
	const LepView *view = &b->data->view[LEP_GIBBS_USERS];
	const int64_t *start = b->data->view[LEP_GIBBS_ITEMS].start;
	double value = (double) b->implied[LEP_GIBBS_ITEMS][FACTORS * view->n_rows + u];
	double ex = 0;
	double xx = 0;

	for (int64_t j = view->start[u]; j < view->start[u + 1]; j++)
	{
		int32_t i = view->column[j];
		double n = (double) (start[i + 1] - start[i]);

		ex += items->ex[i] / sqrt(n);
		xx += items->xx[i] / n;
	}
	compare_value(white, noise->precision, ex, xx, value, value, &b->implied_prior[LEP_GIBBS_ITEMS][FACTORS]);
}

/* Draws of each kind, whitened. */
typedef struct Draws
{
	White users;
	White items;
	White implied;
	White bins;
} Draws;

/*
 * A sweep.  First in it is the users' factor 0, for which the state is that
 * before; last, with nothing drawn after them, are the bins' biases, or without
 * bins what the last user says, or without that the items' biases.
 */
static void
compare_sweep(Bench *bench, int sweep, Draws *draws)
{
	LepBlocks *b = bench->state;
	Noise noise = look_at_noise(b);
	int n_users = b->n_rows[LEP_GIBBS_USERS];
	int n_items = b->n_rows[LEP_GIBBS_ITEMS];
	float old[MAX_ROWS];
	Sums before;
	Sums users;
	Sums items;
	Sums bins;
	double squares;

	sum_up(b, &noise, &before, &items, &bins);
	memcpy(old, b->own[LEP_GIBBS_USERS], (size_t) n_users * sizeof(float));
	CHECK_OK(lep_gibbs_blocks.sweep(&bench->env, b, sweep, &squares));
	for (int u = 0; u < n_users && b->implied[LEP_GIBBS_USERS] == NULL; u++)
		compare_value(&draws->users, noise.precision, before.ex[u], before.xx[u], (double) old[u],
					  (double) b->own[LEP_GIBBS_USERS][u], &b->own_prior[LEP_GIBBS_USERS][0]);
	sum_up(b, &noise, &users, &items, &bins);
	for (int t = 0; t < b->data->n_bins; t++)
	{
		double value = (double) b->bins[FACTORS * b->data->n_bins + t];

		compare_value(&draws->bins, noise.precision, bins.ex[t], bins.xx[t], value, value,
					  &b->bin_prior[FACTORS]);
	}
	if (b->data->n_bins > 0)
		return;
	if (b->implied[LEP_GIBBS_ITEMS] != NULL)
		compare_implied(b, &noise, &items, n_users - 1, &draws->implied);
	for (int i = 0; i < n_items && b->implied[LEP_GIBBS_ITEMS] == NULL; i++)
	{
		double value = (double) b->own[LEP_GIBBS_ITEMS][FACTORS * n_items + i];

		compare_value(&draws->items, noise.precision, items.ex[i], items.xx[i], value, value,
					  &b->own_prior[LEP_GIBBS_ITEMS][FACTORS]);
	}
}

/*
 * What each user says of the items that she rated, 2 or -2 by turns, is all there
 * is of their biases; with noise that differs by user.
 */
static Sample
telling_sample(int n_users, int n_items)
{
	Sample sample = { malloc((size_t) n_users * (size_t) n_items * sizeof(SampleRow)), 0 };
	uint64_t seed = 22;

	for (int i = 0; i < n_items; i++)
	{
		int64_t first = sample.n;
		double said = 0;

		for (int u = 0; u < n_users; u++)
		{
			if (sample_uniform(&seed) < 0.4)
				sample.rows[sample.n++] = (SampleRow){ u, i, (u % 2 == 0 ? 0.2 : 2) * sample_normal(&seed) };
		}
		for (int64_t j = first; j < sample.n; j++)
			said += (sample.rows[j].user % 4 < 2 ? 2 : -2) / sqrt((double) (sample.n - first));
		for (int64_t j = first; j < sample.n; j++)
			sample.rows[j].rating += said;
	}
	return sample;
}

static void
check_unknowns(const Sample *sample)
{
	Draws draws = { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } };

	for (int last = 0; last < 3; last++)
	{
		static Bench b;

		if (bench_begin(&b, sample, last == 0, last == 1, last == 2 ? 4 : 0))
		{
			for (int sweep = 1; sweep <= 2000; sweep++)
				compare_sweep(&b, sweep, &draws);
		}
		bench_end(&b);
	}
	check_white(&draws.users, 0);
	check_white(&draws.items, 0);
	check_white(&draws.implied, 0);
	check_white(&draws.bins, 0);
}

static void
test_unknowns_are_drawn_from_their_conditionals(void)
{
	Sample telling = telling_sample(8, 60);
	/* so few ratings that the prior, its mean too, says as much as they do */
	SamplePlan plan = { 6, 5, 0.9, 0, 2, 1, 3 };
	Sample few = sample_planted(&plan, 21);

	check_unknowns(&telling);
	check_unknowns(&few);
	sample_free(&telling);
	sample_free(&few);
}

/* ---------------------------------------------------------------------- the start */

static bool
count_question(void *host)
{
	++*(int64_t *) host;
	return false;
}

/*
 * A few hundred rows may have millions of ratings, whose features are summed for
 * each factor: asked for at least every 64 K of them.
 */
static void
test_start_asks_between_features(void)
{
	SamplePlan plan = { 600, 500, 0.5, 0, 1, 1, 3 };
	Sample sample = sample_planted(&plan, 23);
	int64_t asked[2] = { 0, 0 };

	for (int of_items = 0; of_items < 2; of_items++)
	{
		static Bench b;

		if (bench_begin(&b, &sample, false, of_items == 1, 0))
		{
			void *state;

			b.env.host = &asked[of_items];
			b.env.should_stop = count_question;
			CHECK_OK(lep_gibbs_blocks.start(&b.arena, &b.data, &state));
		}
		bench_end(&b);
	}
	CHECK(asked[1] - asked[0] >= FACTORS * sample.n / 65536, "%d more questions",
		  (int) (asked[1] - asked[0]));
	sample_free(&sample);
}

/*
 * The last row of a side, and the last feature, where there is one task more for it
 * alone: it has a root and first values, and is drawn.
 */
static void
check_last_row(const LepBlocks *b, int side, int32_t n, const float first[2])
{
	CHECK_INT_EQ(b->n_rows[side], n);
	CHECK_CLOSE(b->root[side][n - 1], 1 / sqrt(2), 1e-7);
	CHECK(b->own[side][n - 1] != first[0]);
	CHECK(b->implied[side][n - 1] != first[1]);
	CHECK(b->total[side][n - 1] != b->own[side][n - 1]);
}

static void
test_tasks_reach_the_last_row(void)
{
	enum
	{
		N = LEP_BLOCKS_ROWS + 1
	};
	Sample sample = { malloc(2 * N * sizeof(SampleRow)), 0 };
	float first[LEP_GIBBS_SIDES][2] = { { 0, 0 }, { 0, 0 } };
	uint64_t seed = 24;
	double squares;
	static Bench b;

	/* user n with items n and n + 1 */
	for (int n = 0; n < N; n++)
	{
		sample.rows[sample.n++] = (SampleRow){ n, n, sample_normal(&seed) };
		sample.rows[sample.n++] = (SampleRow){ n, (n + 1) % N, sample_normal(&seed) };
	}
	if (bench_begin(&b, &sample, true, true, 0))
	{
		for (int side = 0; side < LEP_GIBBS_SIDES; side++)
		{
			check_last_row(b.state, side, N, first[side]);
			first[side][0] = b.state->own[side][N - 1];
			first[side][1] = b.state->implied[side][N - 1];
		}
		CHECK_OK(lep_gibbs_blocks.sweep(&b.env, b.state, 1, &squares));
		for (int side = 0; side < LEP_GIBBS_SIDES; side++)
			check_last_row(b.state, side, N, first[side]);
	}
	bench_end(&b);
	sample_free(&sample);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_priors_are_drawn_from_their_conditionals);
	TEST(test_unknowns_are_drawn_from_their_conditionals);
	TEST(test_start_asks_between_features);
	TEST(test_tasks_reach_the_last_row);
	return unit_done();
}

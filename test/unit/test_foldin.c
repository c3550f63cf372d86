/*
 * test_foldin.c
 *		Folding in against a dense solve in double precision, and priors against
 *		their definition written a second time.
 */
#include <float.h>

#include "core/foldin.h"
#include "core/kernels.h"
#include "core/linalg.h"
#include "core/pool.h"
#include "core/train.h"
#include "sample.h"

/* A prior and items, at random, of some size and scale. */
typedef struct Case
{
	LepEnv env;
	LepArena arena;
	LepFoldinPrior prior;
	LepFoldinInput input;
	int d;
	int n;
	float *rating;
	int32_t *row;
} Case;

static float *
new_floats(LepArena *arena, int64_t n)
{
	float *values = lep_arena_calloc(arena, n, sizeof(float));

	if (values == NULL)
		abort();
	return values;
}

/* T = X X' / d + 0.3 I with X of rank `rank`, scaled to about 1. */
static void
fill_triangle(LepFoldinPrior *prior, int rank, uint64_t *seed)
{
	int d = prior->n_factors + 1;
	double *x = malloc(sizeof(double) * (size_t) d * (size_t) rank);

	for (int e = 0; e < d * rank; e++)
		x[e] = sample_normal(seed) / sqrt(rank);
	for (int a = 0; a < d; a++)
	{
		for (int b = 0; b <= a; b++)
		{
			double sum = a == b ? 0.3 : 0;

			for (int r = 0; r < rank; r++)
				sum += x[a * rank + r] * x[b * rank + r];
			prior->triangle[a * (a + 1) / 2 + b] = (float) sum;
		}
	}
	free(x);
}

/*
 * Ratings around `shift` with standard deviation `sd`, as a solver's model has
 * them: biases grow by sd, factors by its root.  Every fifth item twice.
 */
static void
case_init(Case *c, int n_factors, int n, double shift, double sd)
{
	uint64_t seed = (uint64_t) (1000 * n_factors + n);
	int stride = lep_row_stride(n_factors);
	float *bias;
	float *factors;

	unit_env_init(&c->env);
	lep_arena_init(&c->arena, &c->env);
	c->d = n_factors + 1;
	c->n = n;
	if (lep_foldin_create(&c->arena, n_factors, &c->prior) != LEP_OK)
		abort();
	c->prior.base = shift;
	c->prior.noise = 0.7 * sd * sd;
	for (int f = 0; f < c->d; f++)
	{
		double unit = f < n_factors ? sqrt(sd) : sd;

		c->prior.mean[f] = (float) (0.2 * unit * sample_normal(&seed));
		c->prior.scale[f] = (float) (unit * (0.1 + sample_uniform(&seed)));
	}
	fill_triangle(&c->prior, 5, &seed);
	bias = new_floats(&c->arena, n + 1);
	factors = new_floats(&c->arena, (int64_t) (n + 1) * stride);
	c->rating = new_floats(&c->arena, n);
	c->row = lep_arena_alloc(&c->arena, n, sizeof(int32_t));
	for (int i = 0; i <= n; i++)
	{
		bias[i] = (float) (0.5 * sd * sample_normal(&seed));
		for (int f = 0; f < n_factors; f++)
			factors[i * stride + f] = (float) (sqrt(sd / n_factors) * sample_normal(&seed));
	}
	for (int j = 0; j < n; j++)
	{
		c->rating[j] = (float) (shift + sd * sample_normal(&seed));
		c->row[j] = j % 5 == 4 ? j - 1 : n - j;
	}
	c->input = (LepFoldinInput){
		.n = n, .rating = c->rating, .row = c->row, .bias = bias, .factors = n_factors > 0 ? factors : NULL
	};
}

static void
case_done(Case *c)
{
	lep_arena_drop(&c->arena);
	unit_env_done(&c->env);
}

/* (factors, bias) by one method into x[d]; the status. */
static LepStatus
fold(Case *c, LepFoldinMethod method, float *x)
{
	size_t size = lep_foldin_scratch(method, c->prior.n_factors, c->input.n);
	float *factors = new_floats(&c->arena, lep_row_stride(c->prior.n_factors) + 1);
	unsigned char *scratch = lep_arena_alloc(&c->arena, (int64_t) size + 16, 1);
	LepStatus status;

	memset(scratch, 0xFF, size + 16); /* NaN: what is not set must not matter */
	c->input.method = method;
	status = lep_foldin_user(&c->prior, &c->input, scratch, &x[c->d - 1], factors, &c->env.error);
	for (int e = 0; e < 16; e++)
		CHECK_INT_EQ(scratch[size + (size_t) e], 0xFF); /* nothing beyond its size is touched */
	memcpy(x, factors, (size_t) (c->d - 1) * sizeof(float));
	for (int f = c->d - 1; f < lep_row_stride(c->d - 1); f++)
		CHECK(factors[f] == 0);
	lep_arena_free(&c->arena, scratch);
	lep_arena_free(&c->arena, factors);
	return status;
}

/* a x = b by Gaussian elimination with partial pivoting; x is left in b. */
static void
eliminate(double *a, double *b, int n)
{
	for (int p = 0; p < n; p++)
	{
		int best = p;

		for (int r = p + 1; r < n; r++)
			best = fabs(a[r * n + p]) > fabs(a[best * n + p]) ? r : best;
		for (int e = 0; e < n && best != p; e++)
		{
			double swap = a[p * n + e];

			a[p * n + e] = a[best * n + e];
			a[best * n + e] = swap;
		}
		if (best != p)
		{
			double swap = b[p];

			b[p] = b[best];
			b[best] = swap;
		}
		for (int r = p + 1; r < n; r++)
		{
			double factor = a[r * n + p] / a[p * n + p];

			for (int e = p; e < n; e++)
				a[r * n + e] -= factor * a[p * n + e];
			b[r] -= factor * b[p];
		}
	}
	for (int r = n - 1; r >= 0; r--)
	{
		for (int e = r + 1; e < n; e++)
			b[r] -= a[r * n + e] * b[e];
		b[r] /= a[r * n + r];
	}
}

static double
covariance(const LepFoldinPrior *prior, int a, int b)
{
	int high = a > b ? a : b;
	int low = a > b ? b : a;

	return (double) prior->scale[a] * (double) prior->scale[b] *
		   (double) prior->triangle[high * (high + 1) / 2 + low];
}

/* a_j of foldin.h */
static double
design(const Case *c, int j, int f)
{
	return f == c->d - 1 ? 1 : (double) c->input.factors[c->row[j] * lep_row_stride(c->d - 1) + f];
}

/*
 * The same posterior mean from neither form that the engine solves: all at once,
 * unknowns e = x - m and residuals z, from  e - C A' z = 0  and
 * A e + noise z = w,  of d + n equations, in units of the prior's scale.
 */
static void
reference(const Case *c, double *x)
{
	int size = c->d + c->n;
	const LepFoldinPrior *prior = &c->prior;
	double s = sqrt(prior->noise);
	double *a = calloc((size_t) size * (size_t) size, sizeof(double));
	double *b = calloc((size_t) size, sizeof(double));

	for (int f = 0; f < c->d; f++)
	{
		a[f * size + f] = 1;
		for (int j = 0; j < c->n; j++)
		{
			for (int g = 0; g < c->d; g++)
				a[f * size + c->d + j] -=
					covariance(prior, f, g) * design(c, j, g) / (double) prior->scale[f] / s;
			a[(c->d + j) * size + f] = design(c, j, f) * (double) prior->scale[f] / s;
		}
	}
	for (int j = 0; j < c->n; j++)
	{
		double w = (double) c->rating[j] - prior->base - (double) c->input.bias[c->row[j]];

		for (int f = 0; f < c->d; f++)
			w -= design(c, j, f) * (double) prior->mean[f];
		a[(c->d + j) * size + c->d + j] = 1;
		b[c->d + j] = w / s;
	}
	eliminate(a, b, size);
	for (int f = 0; f < c->d; f++)
		x[f] = (double) prior->mean[f] + (double) prior->scale[f] * b[f];
	free(a);
	free(b);
}

/* Both methods against the reference, in units of the prior's scale. */
static void
check_case(int n_factors, int n, double shift, double sd, double tolerance)
{
	static float x[LEP_LINALG_MAX];
	static double expected[LEP_LINALG_MAX];
	Case c;

	case_init(&c, n_factors, n, shift, sd);
	CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
	reference(&c, expected);
	for (LepFoldinMethod method = LEP_FOLDIN_AUTO; method <= LEP_FOLDIN_DUAL; method++)
	{
		double worst = 0;

		CHECK_OK(fold(&c, method, x));
		for (int f = 0; f < c.d; f++)
			worst = fmax(worst, fabs((double) x[f] - expected[f]) / (double) c.prior.scale[f]);
		CHECK_MSG(worst < tolerance, "%d factors, %d ratings, method %d, sd %g: off by %g", n_factors, n,
				  (int) method, sd, worst);
	}
	case_done(&c);
}

static void
test_against_elimination(void)
{
	static const int factors[] = { 0, 1, 2, 7, 15, 16, 17, 31, 32, 64, 100 };
	static const int counts[] = { 1, 2, 3, 8, 16, 17, 40, 63, 64, 65, 150 };

	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (lep_kernels_select(level) != 0)
			continue;
		for (size_t k = 0; k < sizeof(factors) / sizeof(factors[0]); k++)
		{
			for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
			{
				if (level == LEP_KERNELS_PORTABLE || (k + n) % 4 == 0)
					check_case(factors[k], counts[n], 3.5, 1, 2e-5);
			}
		}
	}
	lep_kernels_choose();
}

/* Ratings of any size; around 1e6 a float of 0.06 wide holds a rating, so the spread is 1000. */
static void
test_scales(void)
{
	static const double sds[] = { 1e-12, 1e-6, 1e-3, 20, 1e6, 1e11 };

	for (size_t s = 0; s < sizeof(sds) / sizeof(sds[0]); s++)
	{
		check_case(16, 3, 0, sds[s], 2e-5);
		check_case(16, 50, 3 * sds[s], sds[s], 2e-5);
		check_case(0, 5, 0, sds[s], 2e-5);
	}
	check_case(16, 50, 1e6, 1000, 2e-5);
}

/* The largest model, by few and by many ratings. */
static void
test_1024_factors(void)
{
	check_case(1024, 3, 3.5, 1, 2e-4);
	check_case(1024, 60, 3.5, 1, 2e-4);
}

/*
 * Bias only, prior mean 0.5 and variance 2^2 * 1 = 4, noise 8, base 3.  Items of
 * bias 1 and -1, rated 5.5 and 3.5, the second twice: residuals against the
 * prior's mean are 1, 1, 1, so b = 0.5 + 4 / (4 + 8 / 3) * 1 = 1.1.
 */
static void
test_by_hand(void)
{
	static const float rating[] = { 5.5f, 3.5f, 3.5f, 1 };
	static const int32_t row[] = { 0, 1, 1, -1 };
	static const float item_bias[] = { 1, -1 };
	Case c;
	float x;

	case_init(&c, 0, 0, 3, 1);
	c.prior.noise = 8;
	c.prior.mean[0] = 0.5f;
	c.prior.scale[0] = 2;
	c.prior.triangle[0] = 1;
	CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
	c.input = (LepFoldinInput){ .n = 3, .rating = rating, .row = row, .bias = item_bias };
	CHECK_OK(fold(&c, LEP_FOLDIN_PRIMAL, &x));
	CHECK_CLOSE(x, 1.1, 1e-6);
	CHECK_OK(fold(&c, LEP_FOLDIN_DUAL, &x));
	CHECK_CLOSE(x, 1.1, 1e-6);
	/* an item that nobody knows says nothing */
	c.input.n = 4;
	CHECK_OK(fold(&c, LEP_FOLDIN_PRIMAL, &x));
	CHECK_CLOSE(x, 1.1, 1e-6);
	CHECK_OK(fold(&c, LEP_FOLDIN_DUAL, &x));
	CHECK_CLOSE(x, 1.1, 1e-6);
	/* without row numbers: items 0 and 1, residuals 1, 1: 0.5 + 4 / (4 + 4) = 1 */
	c.input.n = 2;
	c.input.row = NULL;
	CHECK_OK(fold(&c, LEP_FOLDIN_AUTO, &x));
	CHECK_CLOSE(x, 1, 1e-6);
	case_done(&c);
}

/* Nothing known, or only of unknown items: the prior's mean, to the bit. */
static void
test_no_ratings(void)
{
	static const int32_t unknown[] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
	float x[65];
	Case c;

	case_init(&c, 64, 10, 3.5, 1);
	CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
	c.input.row = unknown;
	for (int n = 0; n <= 10; n += 10)
	{
		c.input.n = n;
		for (LepFoldinMethod method = LEP_FOLDIN_AUTO; method <= LEP_FOLDIN_DUAL; method++)
		{
			CHECK_OK(fold(&c, method, x));
			CHECK_BYTES_EQ(x, c.prior.mean, sizeof(x));
		}
	}
	case_done(&c);
}

static void
test_same_bits(void)
{
	float first[2][101];

	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (lep_kernels_select(level) != 0)
			continue;
		for (int many = 0; many < 2; many++)
		{
			float x[101];
			Case c;

			case_init(&c, 100, many ? 70 : 9, 3.5, 1);
			CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
			CHECK_OK(fold(&c, LEP_FOLDIN_AUTO, x));
			if (level == LEP_KERNELS_PORTABLE)
				memcpy(first[many], x, sizeof(x));
			CHECK_BYTES_EQ(x, first[many], sizeof(x));
			case_done(&c);
		}
	}
	lep_kernels_choose();
}

/* Whatever stands behind row `at` of a case's items. */
static float *
item_row(Case *c, int at)
{
	return (float *) c->input.factors + at * lep_row_stride(c->d - 1);
}

static void
test_bad_input(void)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY, 1.1e12f, -1.1e12f };
	float x[18];
	Case c;

	case_init(&c, 17, 20, 3.5, 1);
	CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
	for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++)
	{
		c.rating[13] = bad[b];
		CHECK_STATUS(fold(&c, LEP_FOLDIN_AUTO, x), b < 3 ? LEP_ERR_NOT_FINITE : LEP_ERR_RATING_RANGE);
		CHECK_STR_EQ(c.env.error.what, "rating");
		CHECK_INT_EQ(c.env.error.row, 13);
	}
	c.rating[13] = 3;
	for (int b = 0; b < 4; b++)
	{
		item_row(&c, c.row[7])[3] = b < 3 ? bad[b] : 1e30f;
		for (LepFoldinMethod method = LEP_FOLDIN_PRIMAL; method <= LEP_FOLDIN_DUAL; method++)
		{
			CHECK_STATUS(fold(&c, method, x), LEP_ERR_BYTES_VALUE);
			CHECK_INT_EQ(c.env.error.row, -1);
		}
	}
	item_row(&c, c.row[7])[3] = 0;
	CHECK_OK(fold(&c, LEP_FOLDIN_PRIMAL, x));
	c.input.n = LEP_LINALG_MAX + 1;
	c.input.method = LEP_FOLDIN_DUAL;
	c.input.rating = new_floats(&c.arena, LEP_LINALG_MAX + 1);
	CHECK_STATUS(lep_foldin_user(&c.prior, &c.input, NULL, x, x, &c.env.error), LEP_ERR_BYTES_VALUE);
	case_done(&c);
}

/* Each field of a stored prior, made bad. */
static void
test_bad_prior(void)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY, 2e15f };
	Case c;

	case_init(&c, 17, 2, 3.5, 1);
	for (int b = 0; b < 4; b++)
	{
		float *fields[] = { &c.prior.mean[17], &c.prior.scale[17], &c.prior.triangle[18 * 19 / 2 - 1] };

		for (int f = 0; f < 3; f++)
		{
			float good = *fields[f];

			*fields[f] = bad[b];
			CHECK_STATUS(lep_foldin_prepare(&c.env, &c.prior), LEP_ERR_BYTES_VALUE);
			CHECK_INT_EQ(c.env.error.row, f + 1);
			*fields[f] = good;
		}
		c.prior.base = (double) bad[b];
		CHECK_STATUS(lep_foldin_prepare(&c.env, &c.prior), LEP_ERR_BYTES_VALUE);
		CHECK_INT_EQ(c.env.error.row, 0);
		c.prior.base = 3.5;
	}
	for (int b = 0; b < 3; b++)
	{
		c.prior.noise = b == 0 ? 0 : b == 1 ? -1 : (double) NAN;
		CHECK_STATUS(lep_foldin_prepare(&c.env, &c.prior), LEP_ERR_BYTES_VALUE);
	}
	c.prior.noise = 1;
	c.prior.scale[3] = -1;
	CHECK_STATUS(lep_foldin_prepare(&c.env, &c.prior), LEP_ERR_BYTES_VALUE);
	c.prior.scale[3] = 0;
	CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
	c.prior.triangle[1] = 10; /* a correlation that cannot be */
	CHECK_STATUS(lep_foldin_prepare(&c.env, &c.prior), LEP_ERR_BYTES_VALUE);
	CHECK_INT_EQ(c.env.error.row, 3);
	case_done(&c);
}

/* An unknown of scale 0 stays where it is. */
static void
test_fixed_unknown(void)
{
	float x[17];
	Case c;

	case_init(&c, 16, 30, 3.5, 1);
	c.prior.scale[4] = 0;
	CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
	for (LepFoldinMethod method = LEP_FOLDIN_PRIMAL; method <= LEP_FOLDIN_DUAL; method++)
	{
		CHECK_OK(fold(&c, method, x));
		CHECK(x[4] == c.prior.mean[4]);
		CHECK(x[5] != c.prior.mean[5]);
	}
	case_done(&c);
}

/* ---- learned priors ---- */

/* A trained model of a planted set, and its priors. */
typedef struct Trained
{
	LepEnv env;
	LepArena arena;
	Sample sample;
	LepRatings *ratings;
	LepModel model;
	LepFoldinPrior users;
	LepFoldinPrior items;
} Trained;

static void
train(Trained *t, const SamplePlan *plan, const char *algorithm, int factors, int n_threads)
{
	LepOptions options;
	LepTrainResult result;

	unit_env_init(&t->env);
	t->env.n_threads = n_threads;
	lep_arena_init(&t->arena, &t->env);
	t->sample = sample_planted(plan, 5);
	t->ratings = sample_ratings(&t->arena, &t->sample, LEP_FEEDBACK_EXPLICIT);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", algorithm, &t->env.error));
	CHECK_OK(lep_options_set_real(&options, "test_fraction", 0, &t->env.error));
	if (factors > 0)
		CHECK_OK(lep_options_set_int(&options, "factors", factors, &t->env.error));
	CHECK_OK(lep_train(&t->arena, t->ratings, &options, &result));
	t->model = result.model;
	CHECK_OK(lep_pool_start(&t->env));
	CHECK_OK(lep_foldin_learn(&t->arena, &t->model, t->ratings, LEP_PARTS_ALL, &t->users, &t->items));
	lep_pool_shutdown(&t->env);
}

static void
train_done(Trained *t)
{
	sample_free(&t->sample);
	lep_arena_drop(&t->arena);
	unit_env_done(&t->env);
}

static const SamplePlan plain_plan = {
	.n_users = 150, .n_items = 90, .density = 0.4, .rank = 3, .noise = 0.5, .scale = 1, .shift = 3
};

/* User u folded in from her first n ratings: mean squared distance of scores, over all items. */
static double
distance(Trained *t, int32_t u, int64_t n)
{
	int stride = t->model.stride;
	int64_t start = t->ratings->user_start[u];
	int64_t most = t->ratings->user_start[u + 1] - start;
	LepFoldinInput input = { .n = n < most ? n : most,
							 .rating = t->ratings->rating + start,
							 .row = t->ratings->item + start,
							 .bias = t->model.item_bias,
							 .factors = t->model.item_factors };
	void *scratch = lep_arena_alloc(
		&t->arena, (int64_t) lep_foldin_scratch(LEP_FOLDIN_AUTO, t->model.n_factors, input.n), 1);
	float *factors = new_floats(&t->arena, stride);
	float bias;
	double sum = 0;

	CHECK_OK(lep_foldin_user(&t->users, &input, scratch, &bias, factors, &t->env.error));
	for (int32_t i = 0; i < t->model.n_items; i++)
	{
		double e = (double) lep_score(t->model.mean, bias, t->model.item_bias[i], factors,
									  t->model.item_factors + (int64_t) i * stride, stride) -
				   (double) lep_model_score(&t->model, u, i);

		sum += e * e / t->model.n_items;
	}
	return sum;
}

/*
 * The more ratings, the nearer to the trained user: from 1.5 (all structure) to
 * what is between the solver's penalty and the prior.
 */
static void
test_nearer_with_ratings(void)
{
	static const int counts[] = { 0, 2, 5, 12, 1000 };
	double previous = INFINITY;
	Trained t;

	train(&t, &plain_plan, "als", 8, 1);
	for (int c = 0; c < 5; c++)
	{
		double sum = 0;

		for (int32_t u = 0; u < t.model.n_users; u++)
			sum += distance(&t, u, counts[c]) / t.model.n_users;
		CHECK_MSG(sum < (counts[c] < 1000 ? 0.75 : 0.97) * previous, "%d ratings: %g after %g", counts[c],
				  sum, previous);
		previous = sum;
	}
	CHECK_MSG(previous < 0.08, "%g", previous);
	train_done(&t);
}

/* An item against fixed users, by the same function. */
static void
test_items(void)
{
	double sum = 0;
	double spread = 0;
	Trained t;

	train(&t, &plain_plan, "sgd", 8, 1);
	for (int32_t i = 0; i < t.model.n_items; i++)
	{
		float rating[150];
		int32_t row[150];
		LepFoldinInput input = {
			.rating = rating, .row = row, .bias = t.model.user_bias, .factors = t.model.user_factors
		};
		void *scratch = lep_arena_alloc(&t.arena, (int64_t) lep_foldin_scratch(LEP_FOLDIN_AUTO, 8, 150), 1);
		float *factors = new_floats(&t.arena, t.model.stride);
		float bias;

		for (int32_t u = 0; u < t.model.n_users; u++)
		{
			for (int64_t j = t.ratings->user_start[u]; j < t.ratings->user_start[u + 1]; j++)
			{
				if (t.ratings->item[j] != i)
					continue;
				rating[input.n] = t.ratings->rating[j];
				row[input.n++] = u;
			}
		}
		CHECK_OK(lep_foldin_user(&t.items, &input, scratch, &bias, factors, &t.env.error));
		for (int32_t u = 0; u < t.model.n_users; u++)
		{
			double trained = (double) lep_model_score(&t.model, u, i);
			double e = (double) lep_score(t.model.mean, t.model.user_bias[u], bias,
										  t.model.user_factors + (int64_t) u * t.model.stride, factors,
										  t.model.stride) -
					   trained;

			sum += e * e;
			spread += (trained - t.model.mean) * (trained - t.model.mean);
		}
	}
	CHECK_MSG(sum < 0.05 * spread, "%g of %g", sum, spread);
	train_done(&t);
}

/* Inverse by elimination, column by column. */
static void
invert(const double *a, double *inverse, int n)
{
	double *copy = malloc(sizeof(double) * (size_t) (n * n));
	double *column = malloc(sizeof(double) * (size_t) n);

	for (int c = 0; c < n; c++)
	{
		memcpy(copy, a, sizeof(double) * (size_t) (n * n));
		for (int r = 0; r < n; r++)
			column[r] = r == c;
		eliminate(copy, column, n);
		for (int r = 0; r < n; r++)
			inverse[r * n + c] = column[r];
	}
	free(copy);
	free(column);
}

/* The definition of foldin_prior.c, in double precision and with no scale taken out. */
#define D 19 /* unknowns of 18 factors: more than one task's columns */

typedef struct Definition
{
	double mean[D];
	double covariance[D * D]; /* with V */
	double n_parameters;
} Definition;

/* Ratings of each row, in malloc's memory. */
static int *
count_rows(const Trained *t, bool items, int32_t n_rows)
{
	int *count = calloc((size_t) n_rows, sizeof(int));

	for (int64_t j = 0; j < t->ratings->n_ratings; j++)
		count[items ? t->ratings->item[j] : lep_ratings_user(t->ratings, j)]++;
	return count;
}

static double
unknown_of(const LepModel *model, bool items, int32_t row, int f)
{
	if (f == D - 1)
		return (double) (items ? model->item_bias : model->user_bias)[row];
	return (double) (items ? model->item_factors : model->user_factors)[row * model->stride + f];
}

/* Rows with as many binary digits in their counts: their mean V is added, and their parameters. */
static void
add_groups(const int *count, int32_t n_rows, const double *precision, const double *g, double noise,
		   Definition *out)
{
	double sum_w = 0;

	for (int32_t row = 0; row < n_rows; row++)
		sum_w += sqrt(count[row]);
	for (int digits = 0; digits < 20; digits++)
	{
		double m[D * D];
		double v[D * D];
		double rows = 0;
		double n = 0;
		double w = 0;

		for (int32_t row = 0; row < n_rows; row++)
		{
			if (count[row] < 1 << digits || count[row] >= 2 << digits)
				continue;
			rows++;
			n += count[row];
			w += sqrt(count[row]);
		}
		if (rows == 0)
			continue;
		for (int e = 0; e < D * D; e++)
			m[e] = precision[e] + n / rows * g[e] / noise;
		invert(m, v, D);
		out->n_parameters += rows * D;
		for (int e = 0; e < D * D; e++)
		{
			out->covariance[e] += w / sum_w * v[e];
			out->n_parameters -= rows * precision[e] * v[e];
		}
	}
}

static void
define(const Trained *t, bool items, double noise, Definition *out)
{
	int32_t n_rows = items ? t->model.n_items : t->model.n_users;
	double c[D * D] = { 0 };
	double g[D * D] = { 0 };
	double precision[D * D];
	double sum_w = 0;
	double sum_w2 = 0;
	double variance = 0;
	double squares = 0;
	double keep;
	int *count = count_rows(t, items, n_rows);

	memset(out, 0, sizeof(*out));
	for (int32_t row = 0; row < n_rows; row++)
	{
		sum_w += sqrt(count[row]);
		sum_w2 += count[row];
	}
	for (int f = 0; f < D; f++)
	{
		for (int32_t row = 0; row < n_rows; row++)
			out->mean[f] += sqrt(count[row]) / sum_w * unknown_of(&t->model, items, row, f);
	}
	for (int e = 0; e < D * D; e++)
	{
		for (int32_t row = 0; row < n_rows; row++)
			c[e] += sqrt(count[row]) / sum_w * (unknown_of(&t->model, items, row, e / D) - out->mean[e / D]) *
					(unknown_of(&t->model, items, row, e % D) - out->mean[e % D]);
	}
	for (int64_t j = 0; j < t->ratings->n_ratings; j++)
	{
		int32_t other = items ? lep_ratings_user(t->ratings, j) : t->ratings->item[j];
		double x[D];

		for (int f = 0; f < D; f++)
			x[f] = f == D - 1 ? 1 : unknown_of(&t->model, !items, other, f);
		for (int e = 0; e < D * D; e++)
			g[e] += x[e / D] * x[e % D] / (double) t->ratings->n_ratings;
	}
	for (int e = 0; e < D * D; e++)
	{
		double r2 = c[e] * c[e] / c[e / D * (D + 1)] / c[e % D * (D + 1)];

		if (e / D == e % D)
			continue;
		variance += (1 - r2) * (1 - r2) / (sum_w * sum_w / sum_w2 - 1);
		squares += r2;
	}
	keep = variance < squares ? 1 - variance / squares : 0;
	for (int e = 0; e < D * D; e++)
		c[e] *= e / D == e % D ? 1 + 1e-4 : keep;
	memcpy(out->covariance, c, sizeof(c));
	invert(c, precision, D);
	add_groups(count, n_rows, precision, g, noise, out);
	invert(out->covariance, precision, D);
	out->n_parameters = 0;
	memcpy(c, out->covariance, sizeof(c));
	add_groups(count, n_rows, precision, g, noise, out);
	memcpy(out->covariance, c, sizeof(c));
	free(count);
}

static void
check_learned(const SamplePlan *plan, double tolerance)
{
	Definition users;
	Definition items;
	double squared = 0;
	double noise;
	double n;
	Trained t;

	train(&t, plan, "als", D - 1, 1);
	n = (double) t.ratings->n_ratings;
	for (int64_t j = 0; j < t.ratings->n_ratings; j++)
	{
		double e =
			(double) lep_clip(lep_model_score(&t.model, lep_ratings_user(t.ratings, j), t.ratings->item[j]),
							  t.model.min_score, t.model.max_score) -
			(double) t.ratings->rating[j];

		squared += e * e;
	}
	define(&t, false, squared / n, &users);
	define(&t, true, squared / n, &items);
	noise = squared / (n - users.n_parameters - items.n_parameters);
	CHECK_CLOSE(t.users.base, t.model.mean, 0);
	CHECK_CLOSE(t.users.noise, noise, tolerance * noise);
	CHECK(t.users.noise == t.items.noise);
	CHECK_MSG(users.n_parameters > plan->n_users && users.n_parameters < plan->n_users * D, "%g",
			  users.n_parameters);
	for (int e = 0; e < D * D; e++)
	{
		double size = sqrt(users.covariance[e / D * (D + 1)] * users.covariance[e % D * (D + 1)]);

		CHECK_CLOSE(covariance(&t.users, e / D, e % D), users.covariance[e], tolerance * size);
		size = sqrt(items.covariance[e / D * (D + 1)] * items.covariance[e % D * (D + 1)]);
		CHECK_CLOSE(covariance(&t.items, e / D, e % D), items.covariance[e], tolerance * size);
	}
	for (int f = 0; f < D; f++)
	{
		CHECK_CLOSE(t.users.mean[f], users.mean[f], 1e-5);
		CHECK_CLOSE(t.items.mean[f], items.mean[f], 1e-5);
	}
	train_done(&t);
}

/* Few users, and more than are added up in one piece. */
static void
test_learned_by_definition(void)
{
	SamplePlan many = plain_plan;

	check_learned(&plain_plan, 1e-4);
	many.n_users = 17000;
	many.n_items = 12;
	check_learned(&many, 1e-3);
}

/* A noise that the model knows is taken. */
static void
test_known_noise(void)
{
	Trained t;
	LepFoldinPrior users;
	LepFoldinPrior items;

	train(&t, &plain_plan, "als", 4, 1);
	t.model.noise = 0.625;
	CHECK_OK(lep_foldin_learn(&t.arena, &t.model, t.ratings, LEP_PARTS_ALL, &users, &items));
	CHECK(users.noise == 0.625 && items.noise == 0.625);
	CHECK(t.users.noise != 0.625);
	train_done(&t);
}

static int64_t
triangle_bytes(const LepFoldinPrior *prior)
{
	int64_t d = prior->n_factors + 1;

	return d * (d + 1) / 2 * (int64_t) sizeof(float);
}

/* Levels and threads; then the stored fields alone make the same prior again. */
static void
test_learned_same_bits(void)
{
	Trained first;
	Trained t;
	LepFoldinPrior again;
	size_t square;

	lep_kernels_select(LEP_KERNELS_PORTABLE);
	train(&first, &plain_plan, "sgd", 20, 1);
	square = (size_t) first.users.stride * (size_t) first.users.stride * sizeof(float);
	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (lep_kernels_select(level) != 0)
			continue;
		train(&t, &plain_plan, "sgd", 20, 3);
		CHECK(t.users.noise == first.users.noise);
		CHECK_BYTES_EQ(t.users.mean, first.users.mean, 21 * sizeof(float));
		CHECK_BYTES_EQ(t.users.scale, first.users.scale, 21 * sizeof(float));
		CHECK_BYTES_EQ(t.users.triangle, first.users.triangle, (size_t) triangle_bytes(&t.users));
		CHECK_BYTES_EQ(t.items.triangle, first.items.triangle, (size_t) triangle_bytes(&t.items));
		CHECK_BYTES_EQ(t.users.precision, first.users.precision, square);
		train_done(&t);
	}
	lep_kernels_choose();
	CHECK_OK(lep_foldin_create(&first.arena, 20, &again));
	again.base = first.users.base;
	again.noise = first.users.noise;
	memcpy(again.mean, first.users.mean, 21 * sizeof(float));
	memcpy(again.scale, first.users.scale, 21 * sizeof(float));
	memcpy(again.triangle, first.users.triangle, (size_t) triangle_bytes(&again));
	CHECK_OK(lep_foldin_prepare(&first.env, &again));
	CHECK_BYTES_EQ(again.root, first.users.root, square);
	CHECK_BYTES_EQ(again.precision, first.users.precision, square);
	CHECK_BYTES_EQ(again.unit, first.users.unit, (size_t) again.stride * sizeof(float));
	CHECK_BYTES_EQ(again.center, first.users.center, (size_t) again.stride * sizeof(float));
	train_done(&first);
}

/* The same set in other units gives the same prior but for the units. */
static void
test_learned_scales(void)
{
	static const double scales[] = { 1e-6, 1e3, 1e9 };
	Trained plain;

	train(&plain, &plain_plan, "als", D - 1, 1);
	for (size_t s = 0; s < sizeof(scales) / sizeof(scales[0]); s++)
	{
		SamplePlan plan = plain_plan;
		Trained t;

		plan.scale = scales[s];
		plan.shift = 3 * scales[s];
		train(&t, &plan, "als", D - 1, 1);
		CHECK_CLOSE(t.users.noise / plain.users.noise / (scales[s] * scales[s]), 1, 1e-3);
		for (int f = 0; f < D; f++)
			CHECK_CLOSE(t.users.scale[f] / plain.users.scale[f] / (f < D - 1 ? sqrt(scales[s]) : scales[s]),
						1, 1e-3);
		for (int e = 0; e < D * (D + 1) / 2; e++)
			CHECK_CLOSE(t.users.triangle[e], plain.users.triangle[e], 2e-3);
		train_done(&t);
	}
	train_done(&plain);
}

/* Nothing varies: everybody is as the others, whatever she rates. */
static void
test_constant_ratings(void)
{
	SamplePlan plan = plain_plan;
	Trained t;

	plan.scale = 0;
	train(&t, &plan, "als", 4, 1);
	CHECK(t.users.noise > 0);
	CHECK_CLOSE(distance(&t, 3, 1000), 0, 1e-10);
	CHECK_CLOSE(distance(&t, 3, 0), 0, 1e-10);
	train_done(&t);
	train(&t, &plan, "baseline", 0, 1);
	CHECK_CLOSE(distance(&t, 3, 2), 0, 1e-10);
	train_done(&t);
}

/* Fewer users than unknowns: correlations are pulled to 0, and folding in works. */
static void
test_few_users(void)
{
	SamplePlan plan = plain_plan;
	double largest = 0;
	Trained t;

	plan.n_users = 6;
	train(&t, &plan, "sgd", 64, 1);
	for (int a = 0; a < 65; a++)
	{
		for (int b = 0; b < a; b++)
			largest = fmax(largest, fabs((double) t.users.triangle[a * (a + 1) / 2 + b]) /
										(double) t.users.triangle[a * (a + 1) / 2 + a]);
	}
	CHECK_MSG(largest < 0.9, "%g", largest);
	CHECK(distance(&t, 0, 1000) < distance(&t, 0, 0));
	CHECK(distance(&t, 0, 5) < 100);
	train_done(&t);
}

/* Biases only: known without factors. */
static void
test_biases_only(void)
{
	double none = 0;
	double all = 0;
	Trained t;

	train(&t, &plain_plan, "baseline", 0, 1);
	CHECK_INT_EQ(t.users.n_factors, 0);
	for (int32_t u = 0; u < t.model.n_users; u++)
	{
		none += distance(&t, u, 0);
		all += distance(&t, u, 1000);
	}
	CHECK_MSG(all < 0.1 * none, "%g of %g", all, none);
	train_done(&t);
}

/* The host's should_stop, counted. */
static int stops_left;

static bool
stop_when_due(void *host)
{
	(void) host;
	return stops_left-- <= 0;
}

/* Stopped at any question, it says so and keeps nothing but the priors' arrays. */
static void
test_stopped(void)
{
	bool (*never)(void *);
	int at = 0;
	LepStatus status;
	Trained t;

	train(&t, &plain_plan, "als", 4, 1);
	never = t.env.should_stop;
	t.env.should_stop = stop_when_due;
	do
	{
		size_t before = t.env.bytes_now;
		LepFoldinPrior users;
		LepFoldinPrior items;

		stops_left = at++;
		status = lep_foldin_learn(&t.arena, &t.model, t.ratings, LEP_PARTS_ALL, &users, &items);
		CHECK(status == LEP_OK || status == LEP_ERR_STOPPED);
		CHECK(t.env.bytes_now - before <= 2 * lep_foldin_size(4));
	} while (status == LEP_ERR_STOPPED && at < 1000);
	CHECK_OK(status);
	CHECK_MSG(at > 10, "%d", at);
	t.env.should_stop = never;
	train_done(&t);
}

/* Of very many ratings it is asked before each 64 whether to stop, where there is an environment to ask. */
static void
test_one_user_stopped(void)
{
	float asked[9];
	float not_asked[9];
	bool (*never)(void *);
	Case c;

	case_init(&c, 8, 1000, 3, 1);
	CHECK_OK(lep_foldin_prepare(&c.env, &c.prior));
	CHECK_OK(fold(&c, LEP_FOLDIN_PRIMAL, not_asked));
	never = c.env.should_stop;
	c.env.should_stop = stop_when_due;
	c.input.env = &c.env;
	for (int at = 0; at < 16; at++)
	{
		stops_left = at;
		asked[8] = 7;
		CHECK_STATUS(fold(&c, LEP_FOLDIN_PRIMAL, asked), LEP_ERR_STOPPED);
		CHECK_INT_EQ(c.env.error.status, LEP_ERR_STOPPED);
		CHECK(asked[8] == 7);
	}
	stops_left = 16;
	CHECK_OK(fold(&c, LEP_FOLDIN_PRIMAL, asked));
	CHECK_INT_EQ(memcmp(asked, not_asked, sizeof(asked)), 0);
	c.env.should_stop = never;
	case_done(&c);
}

/* What is estimated covers what is taken. */
static void
test_memory(void)
{
	static const int factors[] = { 1, 15, 16, 64, 200 };

	for (size_t k = 0; k < sizeof(factors) / sizeof(factors[0]); k++)
	{
		LepFoldinPrior users;
		LepFoldinPrior items;
		size_t before;
		size_t estimate;
		Trained t;

		train(&t, &plain_plan, "baseline", 0, 1);
		CHECK_OK(lep_model_create(&t.arena, t.ratings->n_users, t.ratings->n_items, factors[k], &t.model));
		before = t.env.bytes_now;
		estimate = lep_foldin_learn_size(t.ratings->n_users, t.ratings->n_items, factors[k], 1);
		t.env.bytes_peak = before;
		CHECK_OK(lep_foldin_learn(&t.arena, &t.model, t.ratings, LEP_PARTS_ALL, &users, &items));
		CHECK_MSG(t.env.bytes_peak - before <= estimate + 4096, "%zu, estimated %zu",
				  t.env.bytes_peak - before, estimate);
		CHECK(t.env.bytes_now - before <= 2 * lep_foldin_size(factors[k]));
		train_done(&t);
	}
	CHECK(lep_foldin_learn_size(INT32_MAX, INT32_MAX, 1024, 1024) < SIZE_MAX);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_by_hand);
	TEST(test_against_elimination);
	TEST(test_scales);
	TEST(test_1024_factors);
	TEST(test_no_ratings);
	TEST(test_same_bits);
	TEST(test_bad_input);
	TEST(test_bad_prior);
	TEST(test_fixed_unknown);
	TEST(test_nearer_with_ratings);
	TEST(test_items);
	TEST(test_learned_by_definition);
	TEST(test_known_noise);
	TEST(test_learned_same_bits);
	TEST(test_learned_scales);
	TEST(test_constant_ratings);
	TEST(test_few_users);
	TEST(test_biases_only);
	TEST(test_stopped);
	TEST(test_one_user_stopped);
	TEST(test_memory);
	return unit_done();
}

/*
 * test_gibbs_samplers.c
 *		The two samplers of algorithm bayes: draws of rows against dense linear
 *		algebra, residuals and noise against what was planted, and the contract of
 *		all solvers for the sampler that is not the default.
 */
#include "sample.h"

#include "core/gibbs.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "core/solver.h"

/* Factors of the draws that are checked. */
#define FACTORS 2

/* The sweep that is checked: factors have been found by then. */
#define LAST 25

/* Coordinates: factors, then the bias. */
#define D (FACTORS + 1)

/* Unknowns of a prior: its symmetric precision L, then h = L m. */
#define N_UNKNOWN (D * (D + 1) / 2 + D)

/* A sampler on ratings that are all for training. */
typedef struct Bench
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepGibbsData data;
	uint16_t *bin;
	const LepGibbsSampler *sampler;
	void *state;
} Bench;

/* n_bins > 0: every rating gets a bin by its place. */
static bool
bench_begin(Bench *b, const LepGibbsSampler *sampler, const Sample *sample, int n_bins)
{
	unit_env_init(&b->env);
	lep_arena_init(&b->arena, &b->env);
	b->sampler = sampler;
	b->ratings = sample_ratings(&b->arena, sample, LEP_FEEDBACK_EXPLICIT);
	memset(&b->data, 0, sizeof(b->data));
	if (b->ratings == NULL ||
		!CHECK_OK(lep_view_moments(&b->env, b->ratings, LEP_PARTS_ALL, &b->data.moments)) ||
		!CHECK_OK(lep_view_by_user(&b->arena, b->ratings, LEP_PARTS_ALL, &b->data.view[LEP_GIBBS_USERS])) ||
		!CHECK_OK(lep_view_by_item(&b->arena, b->ratings, LEP_PARTS_ALL, &b->data.view[LEP_GIBBS_ITEMS])))
		return false;
	b->data.inverse_sd = 1 / b->data.moments.sd;
	b->data.n_factors = FACTORS;
	b->data.seed = 42;
	b->data.implicit[LEP_GIBBS_USERS] = b->data.implicit[LEP_GIBBS_ITEMS] = sampler == &lep_gibbs_blocks;
	b->data.n_bins = n_bins;
	if (n_bins > 0)
	{
		b->bin = lep_arena_alloc(&b->arena, b->ratings->n_ratings, sizeof(uint16_t));
		for (int64_t j = 0; j < b->ratings->n_ratings; j++)
			b->bin[j] = (uint16_t) (j % n_bins);
		b->data.bin = b->bin;
	}
	return CHECK_OK(sampler->start(&b->arena, &b->data, &b->state));
}

static void
bench_end(Bench *b)
{
	lep_arena_drop(&b->arena);
	unit_env_done(&b->env);
}

/* ------------------------------------------------------------------ draws of rows */

/* Rows of one side, in double: factors, then the bias. */
typedef struct Values
{
	int32_t n;
	double (*row)[D]; /* malloc */
} Values;

static Values
copy_values(const Bench *b, const LepGibbsSample *sample, int side)
{
	Values values = { b->data.view[side].n_rows, NULL };

	values.row = malloc((size_t) values.n * sizeof(double[D]));
	for (int32_t row = 0; row < values.n; row++)
	{
		for (int f = 0; f < FACTORS; f++)
			values.row[row][f] =
				sample->factors[side][row * sample->row_step[side] + f * sample->factor_step[side]];
		values.row[row][FACTORS] = sample->bias[side][row];
	}
	return values;
}

/* A row's conditional: precision a A + L, where A and y are sums over its ratings. */
typedef struct Equations
{
	double matrix[D][D]; /* a A: sum of w x x', x = (factors of the other side, 1) */
	double right[D];	 /* a y: sum of w (z - bias of the other side) x */
} Equations;

/*
 * own_weight, other_weight: precision of the noise by row of this side or of the
 * other; NULL: 1.
 */
static void
row_equations(const Bench *b, int side, int32_t row, const Values *other, const double *own_weight,
			  const double *other_weight, Equations *eq)
{
	const LepView *view = &b->data.view[side];

	memset(eq, 0, sizeof(*eq));
	for (int64_t j = view->start[row]; j < view->start[row + 1]; j++)
	{
		const double *values = other->row[view->column[j]];
		double w = own_weight != NULL ? own_weight[row] : other_weight[view->column[j]];
		double z = (view->rating[j] - b->data.moments.mean) / b->data.moments.sd - values[FACTORS];

		for (int i = 0; i < D; i++)
		{
			double x = i < FACTORS ? values[i] : 1;

			eq->right[i] += w * z * x;
			for (int k = 0; k < D; k++)
				eq->matrix[i][k] += w * x * (k < FACTORS ? values[k] : 1);
		}
	}
}

/* The place of L's element among the unknowns. */
static int
unknown_at(int i, int k)
{
	return i >= k ? i * (i + 1) / 2 + k : k * (k + 1) / 2 + i;
}

/* Solve a x = b by elimination with pivots; x in b. */
static void
solve(double a[N_UNKNOWN][N_UNKNOWN], double b[N_UNKNOWN])
{
	for (int c = 0; c < N_UNKNOWN; c++)
	{
		int pivot = c;

		for (int i = c + 1; i < N_UNKNOWN; i++)
			pivot = fabs(a[i][c]) > fabs(a[pivot][c]) ? i : pivot;
		for (int k = 0; k < N_UNKNOWN; k++)
		{
			double swapped = a[c][k];

			a[c][k] = a[pivot][k];
			a[pivot][k] = swapped;
		}
		{
			double swapped = b[c];

			b[c] = b[pivot];
			b[pivot] = swapped;
		}
		for (int i = 0; i < N_UNKNOWN; i++)
		{
			double ratio = a[i][c] / a[c][c];

			if (i == c)
				continue;
			for (int k = 0; k < N_UNKNOWN; k++)
				a[i][k] -= ratio * a[c][k];
			b[i] -= ratio * b[c];
		}
	}
	for (int c = 0; c < N_UNKNOWN; c++)
		b[c] /= a[c][c];
}

/*
 * The prior of a side is not shown, but the expected rows say what it was: each
 * has (a A + L) mean = a y + h, linear in L and h.  Least squares over the even
 * rows.
 */
static void
find_prior(const Equations *eq, const Values *expected, double prior[N_UNKNOWN])
{
	static double normal[N_UNKNOWN][N_UNKNOWN];

	memset(normal, 0, sizeof(normal));
	memset(prior, 0, N_UNKNOWN * sizeof(double));
	for (int32_t row = 0; row < expected->n; row += 2)
	{
		for (int i = 0; i < D; i++)
		{
			double c[N_UNKNOWN] = { 0 };
			double right = eq[row].right[i];

			for (int k = 0; k < D; k++)
			{
				c[unknown_at(i, k)] = expected->row[row][k];
				right -= eq[row].matrix[i][k] * expected->row[row][k];
			}
			c[D * (D + 1) / 2 + i] = -1;
			for (int e = 0; e < N_UNKNOWN; e++)
			{
				for (int g = 0; g < N_UNKNOWN; g++)
					normal[e][g] += c[e] * c[g];
				prior[e] += c[e] * right;
			}
		}
	}
	solve(normal, prior);
}

/* Cholesky's factor, lower, in place; only the lower triangle is read. */
static void
factor(double l[D][D])
{
	for (int i = 0; i < D; i++)
	{
		for (int k = 0; k <= i; k++)
		{
			double sum = l[i][k];

			for (int c = 0; c < k; c++)
				sum -= l[i][c] * l[k][c];
			l[i][k] = i == k ? sqrt(sum) : sum / l[k][k];
		}
		for (int k = i + 1; k < D; k++)
			l[i][k] = 0;
	}
}

/* The odd rows, which the prior was not found from, are the solutions of their equations. */
static void
check_expected_rows(const Equations *eq, const double *prior, const Values *expected)
{
	double worst = 0;

	for (int32_t row = 1; row < expected->n; row += 2)
	{
		for (int i = 0; i < D; i++)
		{
			double left = 0;
			double size = 0;
			double right = eq[row].right[i] + prior[D * (D + 1) / 2 + i];

			for (int k = 0; k < D; k++)
			{
				double term = (eq[row].matrix[i][k] + prior[unknown_at(i, k)]) * expected->row[row][k];

				left += term;
				size += fabs(term);
			}
			size += fabs(right);
			worst = fmax(worst, fabs(left - right) / size);
		}
	}
	CHECK(worst < 1e-4, "%g", worst);
}

/* What was drawn around the expected rows, whitened by their precision: mean 0, covariance I. */
static void
check_draws(const Equations *eq, const double *prior, const Values *expected, const Values *drawn)
{
	double mean[D] = { 0 };
	double covariance[D][D] = { { 0 } };
	double n = expected->n;

	for (int32_t row = 0; row < expected->n; row++)
	{
		double l[D][D];
		double white[D] = { 0 };

		for (int i = 0; i < D; i++)
		{
			for (int k = 0; k < D; k++)
				l[i][k] = eq[row].matrix[i][k] + prior[unknown_at(i, k)];
		}
		factor(l);
		for (int i = 0; i < D; i++)
		{
			for (int k = i; k < D; k++)
				white[i] += l[k][i] * (drawn->row[row][k] - expected->row[row][k]);
			mean[i] += white[i] / n;
		}
		for (int i = 0; i < D; i++)
		{
			for (int k = 0; k < D; k++)
				covariance[i][k] += white[i] * white[k] / n;
		}
	}
	/* 5 standard errors */
	for (int i = 0; i < D; i++)
	{
		CHECK_CLOSE(mean[i], 0, 5 / sqrt(n));
		for (int k = 0; k < D; k++)
			CHECK_CLOSE(covariance[i][k], i == k, 5 * (i == k ? sqrt(2) : 1) / sqrt(n));
	}
}

/* W*^-1 of BPMF's equation 14 with W0 = I, beta0 = 2, m0 = 0, and the rows' mean. */
static void
scatter_of(const Values *rows, double scatter[D][D], double mean[D])
{
	double n = rows->n;

	memset(mean, 0, D * sizeof(double));
	for (int32_t row = 0; row < rows->n; row++)
	{
		for (int i = 0; i < D; i++)
			mean[i] += rows->row[row][i] / n;
	}
	for (int i = 0; i < D; i++)
	{
		for (int k = 0; k < D; k++)
		{
			scatter[i][k] = (i == k) + 2 * n / (n + 2) * mean[i] * mean[k];
			for (int32_t row = 0; row < rows->n; row++)
				scatter[i][k] += (rows->row[row][i] - mean[i]) * (rows->row[row][k] - mean[k]);
		}
	}
}

/*
 * L and m were drawn for the rows of the sweep before: L is Wishart of n + D
 * degrees and scale W*, so with W*^-1 = F F' the matrix F' L F / (n + D) is I but
 * for 5 standard errors; (n + 2)^(1/2) C' (m - n / (n + 2) mean), L = C C', is
 * standard normal.
 */
static void
check_prior(const double *prior, const Values *before)
{
	double n = before->n;
	double f[D][D];
	double l[D][D];
	double mean[D];
	double m[D];

	scatter_of(before, f, mean);
	factor(f);
	for (int i = 0; i < D; i++)
	{
		for (int k = 0; k < D; k++)
		{
			double sum = 0;

			l[i][k] = prior[unknown_at(i, k)];
			for (int a = 0; a < D; a++)
			{
				for (int c = 0; c < D; c++)
					sum += f[a][i] * prior[unknown_at(a, c)] * f[c][k];
			}
			CHECK_CLOSE(sum / (n + D), i == k, 5 * sqrt((i == k ? 2 : 1) / (n + D)));
		}
	}
	/* m = L^-1 h */
	factor(l);
	for (int i = 0; i < D; i++)
	{
		m[i] = prior[D * (D + 1) / 2 + i];
		for (int k = 0; k < i; k++)
			m[i] -= l[i][k] * m[k];
		m[i] /= l[i][i];
	}
	for (int i = D - 1; i >= 0; i--)
	{
		for (int k = i + 1; k < D; k++)
			m[i] -= l[k][i] * m[k];
		m[i] /= l[i][i];
	}
	for (int i = 0; i < D; i++)
	{
		double white = 0;

		for (int k = i; k < D; k++)
			white += l[k][i] * (m[k] - n / (n + 2) * mean[k]);
		CHECK_CLOSE(sqrt(n + 2) * white, 0, 5);
	}
}

/* Precision of the noise by user. */
static double *
copy_weights(const LepGibbsSample *sample, int32_t n_users)
{
	double *weights = malloc((size_t) n_users * sizeof(double));

	for (int32_t u = 0; u < n_users; u++)
		weights[u] = sample->weight[u] / sample->noise;
	return weights;
}

static Equations *
side_equations(const Bench *b, int side, const Values *other, const double *user_weight)
{
	Equations *eq = malloc((size_t) b->data.view[side].n_rows * sizeof(Equations));
	bool users = side == LEP_GIBBS_USERS;

	for (int32_t row = 0; row < b->data.view[side].n_rows; row++)
		row_equations(b, side, row, other, users ? user_weight : NULL, users ? NULL : user_weight, &eq[row]);
	return eq;
}

/*
 * One side of a sweep.  Items are drawn after the noise, so that their
 * weights are of this sweep, the users' of the one before.
 */
static void
check_side(const Bench *b, int side, const Values *other, const double *user_weight, const Values *before,
		   const Values *expected, const Values *drawn)
{
	Equations *eq = side_equations(b, side, other, user_weight);
	double prior[N_UNKNOWN];

	find_prior(eq, expected, prior);
	check_expected_rows(eq, prior, expected);
	check_prior(prior, before);
	if (drawn != NULL)
		check_draws(eq, prior, expected, drawn);
	free(eq);
}

/* Squares of the residuals that a sample leaves, from its definition. */
static double
squares_of(const Bench *b, const Values *users, const Values *items)
{
	const LepView *view = &b->data.view[LEP_GIBBS_USERS];
	double squares = 0;

	for (int32_t u = 0; u < view->n_rows; u++)
	{
		for (int64_t j = view->start[u]; j < view->start[u + 1]; j++)
		{
			const double *p = users->row[u];
			const double *q = items->row[view->column[j]];
			double e =
				(view->rating[j] - b->data.moments.mean) / b->data.moments.sd - p[FACTORS] - q[FACTORS];

			for (int f = 0; f < FACTORS; f++)
				e -= p[f] * q[f];
			squares += e * e;
		}
	}
	return squares;
}

/*
 * Ratings (1 + p_u) (1 + q_i) + p_u: rows whose means are not 0 and whose biases
 * go with their factors, so that no part of a prior is 0.
 */
static Sample
correlated_sample(int n_users, int n_items, double density, uint64_t seed)
{
	Sample sample = { malloc((size_t) n_users * (size_t) n_items * sizeof(SampleRow)), 0 };
	double *item = malloc((size_t) n_items * sizeof(double));

	for (int i = 0; i < n_items; i++)
		item[i] = sample_normal(&seed);
	for (int u = 0; u < n_users; u++)
	{
		double user = sample_normal(&seed);

		for (int i = 0; i < n_items; i++)
		{
			double rating = (1 + user) * (1 + item[i]) + user + 0.3 * sample_normal(&seed);

			if (sample_uniform(&seed) < density)
				sample.rows[sample.n++] = (SampleRow){ u, i, rating };
		}
	}
	free(item);
	return sample;
}

/* gibbs_rows.c draws from the normal distributions that its header states. */
static void
test_rows_are_drawn_from_their_conditionals(void)
{
	Sample sample = correlated_sample(1500, 1200, 0.02, 12);
	Bench b;
	LepGibbsSample s;
	double squares;

	if (bench_begin(&b, &lep_gibbs_rows, &sample, 0))
	{
		Values before;
		Values given;
		Values users;
		Values expected_users;
		Values expected_items;
		double *old_weights;
		double *weights;

		for (int sweep = 1; sweep < LAST; sweep++)
			CHECK_OK(b.sampler->sweep(&b.env, b.state, sweep, &squares));
		CHECK(b.sampler->sample(b.state, 1, &s));
		before = copy_values(&b, &s, LEP_GIBBS_USERS);
		old_weights = copy_weights(&s, before.n);
		CHECK_OK(b.sampler->sweep(&b.env, b.state, LAST, &squares));
		CHECK(!b.sampler->sample(b.state, 2, &s));
		CHECK(b.sampler->sample(b.state, 0, &s));
		expected_users = copy_values(&b, &s, LEP_GIBBS_USERS);
		given = copy_values(&b, &s, LEP_GIBBS_ITEMS);
		CHECK(b.sampler->sample(b.state, 1, &s));
		users = copy_values(&b, &s, LEP_GIBBS_USERS);
		expected_items = copy_values(&b, &s, LEP_GIBBS_ITEMS);
		weights = copy_weights(&s, users.n);

		check_side(&b, LEP_GIBBS_USERS, &given, old_weights, &before, &expected_users, &users);
		CHECK_CLOSE(squares / squares_of(&b, &users, &given), 1, 1e-4);
		/* the items that were drawn are shown by the next sweep */
		CHECK_OK(b.sampler->sweep(&b.env, b.state, LAST + 1, &squares));
		CHECK(b.sampler->sample(b.state, 0, &s));
		{
			Values items = copy_values(&b, &s, LEP_GIBBS_ITEMS);

			check_side(&b, LEP_GIBBS_ITEMS, &users, weights, &given, &expected_items, &items);
			free(items.row);
		}
		free(before.row);
		free(given.row);
		free(users.row);
		free(expected_users.row);
		free(expected_items.row);
		free(old_weights);
		free(weights);
	}
	bench_end(&b);
	sample_free(&sample);
}

/* ----------------------------------------------------------------- draws by blocks */

/* z - b_u - b_i - b_t - (P_u + V_t) . Q_i, squared and summed. */
static double
squares_of_sample(const Bench *b, const LepGibbsSample *s)
{
	const LepView *view = &b->data.view[LEP_GIBBS_USERS];
	double squares = 0;

	for (int32_t u = 0; u < view->n_rows; u++)
	{
		for (int64_t j = view->start[u]; j < view->start[u + 1]; j++)
		{
			int32_t i = view->column[j];
			int t = b->bin[j];
			double e = (view->rating[j] - b->data.moments.mean) / b->data.moments.sd - s->bias[0][u] -
					   s->bias[1][i] - s->bin_bias[t];

			for (int64_t f = 0; f < FACTORS; f++)
				e -= ((double) s->factors[0][u * s->row_step[0] + f * s->factor_step[0]] +
					  s->bin_factors[f * b->data.n_bins + t]) *
					 s->factors[1][i * s->row_step[1] + f * s->factor_step[1]];
			squares += e * e;
		}
	}
	return squares;
}

/* gibbs_blocks.c keeps residuals and totals in step with what it draws, sweep after sweep. */
static void
test_blocks_residuals_are_those_of_the_sample(void)
{
	SamplePlan plan = { 150, 90, 0.3, 2, 0.4, 1, 3 };
	Sample sample = sample_planted(&plan, 13);
	Bench b;
	LepGibbsSample s;
	double squares;

	if (bench_begin(&b, &lep_gibbs_blocks, &sample, 5))
	{
		for (int sweep = 1; sweep <= 60; sweep++)
		{
			CHECK_OK(b.sampler->sweep(&b.env, b.state, sweep, &squares));
			CHECK(b.sampler->sample(b.state, 0, &s));
			CHECK_CLOSE(squares / squares_of_sample(&b, &s), 1, 1e-3);
		}
		CHECK(!b.sampler->sample(b.state, 1, &s));
	}
	bench_end(&b);
	sample_free(&sample);
}

/* --------------------------------------------------------------------------- noise */

/* The variance of a user's ratings around their scores, mean over sweeps and users, is the planted. */
static void
test_noise_is_found(void)
{
	static const LepGibbsSampler *const samplers[] = { &lep_gibbs_rows, &lep_gibbs_blocks };

	for (int which = 0; which < 2; which++)
	{
		for (int loud = 0; loud < 2; loud++)
		{
			double noise = loud ? 1.2 : 0.3;
			SamplePlan plan = { 250, 150, 0.4, FACTORS, noise, 1, 3 };
			Sample sample = sample_planted(&plan, 14);
			double variance = 0;
			double squares;
			Bench b;

			if (bench_begin(&b, samplers[which], &sample, 0))
			{
				for (int sweep = 1; sweep <= 150; sweep++)
				{
					LepGibbsSample s;

					CHECK_OK(b.sampler->sweep(&b.env, b.state, sweep, &squares));
					CHECK(b.sampler->sample(b.state, 0, &s));
					for (int32_t u = 0; sweep > 120 && u < b.ratings->n_users; u++)
						variance += s.noise / s.weight[u] / 30 / b.ratings->n_users;
				}
				variance *= b.data.moments.sd * b.data.moments.sd;
				/*
				 * 15000 ratings: 5 standard errors are 6 %; the mean of 1 / w for
				 * 60 ratings a user and a prior worth 30 is 2 % more than 1
				 */
				CHECK_CLOSE(variance / (noise * noise), 1, 0.08);
			}
			bench_end(&b);
			sample_free(&sample);
		}
	}
}

/* ---------------------------------------------- the contract, whatever option implicit is */

/* Says stop from the n-th question on. */
typedef struct Stopper
{
	int64_t n_asked;
	int64_t limit;
} Stopper;

static bool
stop_after(void *host)
{
	Stopper *stopper = host;

	return ++stopper->n_asked > stopper->limit;
}

/* One run through the solver's own functions. */
typedef struct Run
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepModel model;
	Stopper stopper;
	LepStatus status;
} Run;

typedef struct RunPlan
{
	LepImplicit implicit;
	int n_threads;
	int sweeps;
	int64_t limit; /* questions until told to stop */
} RunPlan;

static void
run_begin(Run *run, const Sample *sample, const RunPlan *plan)
{
	unit_env_init(&run->env);
	run->env.n_threads = plan->n_threads;
	run->env.host = &run->stopper;
	run->env.should_stop = stop_after;
	run->stopper = (Stopper){ 0, INT64_MAX };
	lep_arena_init(&run->arena, &run->env);
	run->ratings = sample_ratings(&run->arena, sample, LEP_FEEDBACK_EXPLICIT);
	lep_options_init(&run->options);
	CHECK_OK(lep_options_set_int(&run->options, "epochs", plan->sweeps, &run->env.error));
	CHECK_OK(lep_options_set_int(&run->options, "factors", 6, &run->env.error));
	CHECK_OK(
		lep_options_set_text(&run->options, "implicit", lep_implicit_name(plan->implicit), &run->env.error));
	CHECK_OK(lep_options_resolve(&run->options, LEP_ALGORITHM_BAYES, &run->options, &run->env.error));
	CHECK_OK(lep_model_create(&run->arena, run->ratings->n_users, run->ratings->n_items, 6, &run->model));
	CHECK_OK(lep_model_add_variances(&run->arena, &run->model));
}

static void
run_solver(Run *run, const RunPlan *plan)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_BAYES);
	double rmse;
	void *state;

	CHECK_OK(lep_pool_start(&run->env));
	run->stopper = (Stopper){ 0, plan->limit };
	run->status = solver->start(&run->arena, run->ratings, LEP_PARTS_ALL, &run->options, &state);
	for (int epoch = 1; epoch <= plan->sweeps && run->status == LEP_OK; epoch++)
		run->status = solver->epoch(&run->env, state, epoch, &rmse);
	if (run->status == LEP_OK)
		run->status = solver->export_model(&run->env, state, &run->model);
	lep_pool_shutdown(&run->env);
}

static void
run_end(Run *run)
{
	lep_arena_drop(&run->arena);
	unit_env_done(&run->env);
}

/* scale times, and shifted: the same predictions of pairs, in the scale. */
static void
check_same_scores(const LepModel *a, const LepModel *b, double scale, double shift, double tolerance)
{
	double worst = 0;
	double worst_sd = 0;

	for (int32_t u = 0; u < a->n_users; u += 3)
	{
		for (int32_t i = 0; i < a->n_items; i++)
			worst = fmax(worst, fabs(lep_model_score(b, u, i) - (shift + scale * lep_model_score(a, u, i))));
		worst_sd = fmax(worst_sd, fabs(sqrt(b->noise + b->user_variance[u]) -
									   scale * sqrt(a->noise + a->user_variance[u])));
	}
	CHECK(worst <= tolerance * scale, "scores differ by %g", worst / scale);
	CHECK(worst_sd <= tolerance * scale, "standard deviations differ by %g", worst_sd / scale);
}

/* Rows in another order, two threads: the same scores to the bit.  Other scales: within 1e-3 of the noise. */
static void
test_order_and_scale_do_not_count(void)
{
	/* whole numbers 1 to 5 become 0 to 100, -1e6 to 1e6, and a very small scale, exactly or nearly so */
	static const double scales[][2] = { { 25, -25 }, { 5e5, -1.5e6 }, { 1e-6, 0 } };

	for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		SamplePlan plan = { 120, 80, 0.3, 2, 0.4, 1, 3 };
		RunPlan once = { (LepImplicit) implicit, 1, 12, INT64_MAX };
		RunPlan twice = { (LepImplicit) implicit, 2, 12, INT64_MAX };
		Sample sample = sample_planted(&plan, 15);
		Run first;

		for (int64_t j = 0; j < sample.n; j++)
			sample.rows[j].rating = fmin(5, fmax(1, floor(sample.rows[j].rating + 0.5)));
		run_begin(&first, &sample, &once);
		run_solver(&first, &once);
		CHECK_OK(first.status);
		sample_shuffle(&sample, 16);
		for (int s = -1; s < 3; s++)
		{
			Sample scaled = { malloc((size_t) sample.n * sizeof(SampleRow)), sample.n };
			Run run;

			memcpy(scaled.rows, sample.rows, (size_t) sample.n * sizeof(SampleRow));
			for (int64_t j = 0; s >= 0 && j < sample.n; j++)
				scaled.rows[j].rating = scales[s][1] + scales[s][0] * sample.rows[j].rating;
			run_begin(&run, &scaled, &twice);
			run_solver(&run, &twice);
			if (CHECK_OK(run.status))
				check_same_scores(&first.model, &run.model, s < 0 ? 1 : scales[s][0],
								  s < 0 ? 0 : scales[s][1], s < 0 ? 0 : 1e-3);
			run_end(&run);
			sample_free(&scaled);
		}
		run_end(&first);
		sample_free(&sample);
	}
}

static void
test_stops_when_told(void)
{
	SamplePlan plan = { 100, 100, 0.5, 1, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 5);

	for (int implicit = LEP_IMPLICIT_USERS; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		RunPlan p = { (LepImplicit) implicit, 1, 4, INT64_MAX };
		int64_t n_asked;
		Run run;

		run_begin(&run, &sample, &p);
		run_solver(&run, &p);
		CHECK_OK(run.status);
		n_asked = run.stopper.n_asked;
		run_end(&run);
		CHECK(n_asked > 4);
		for (p.limit = 0; p.limit < n_asked; p.limit += 1 + n_asked / 50)
		{
			run_begin(&run, &sample, &p);
			run_solver(&run, &p);
			CHECK_STATUS(run.status, LEP_ERR_STOPPED);
			CHECK_INT_EQ(run.env.error.status, LEP_ERR_STOPPED);
			CHECK_INT_EQ(run.stopper.n_asked, p.limit + 1);
			run_end(&run);
		}
	}
	sample_free(&sample);
}

/* What start and a sweep take is what memory() said, within a tenth; nothing more later. */
static void
check_memory(const Sample *sample, LepImplicit implicit, int64_t factors, bool whole)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_BAYES);
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepShape shape;
	size_t before;
	double estimate;
	double rmse;
	void *state;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, sample, LEP_FEEDBACK_EXPLICIT);
	if (!whole)
		ratings->part[0] = LEP_PART_TEST;
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "implicit", lep_implicit_name(implicit), &env.error));
	CHECK_OK(lep_options_set_int(&options, "factors", factors, &env.error));
	CHECK_OK(lep_options_set_int(&options, "epochs", 1, &env.error)); /* so that it is no burn-in */
	CHECK_OK(lep_options_resolve(&options, LEP_ALGORITHM_BAYES, &options, &env.error));
	shape = (LepShape){ ratings->n_users, ratings->n_items, ratings->n_ratings, 0, whole, false };
	before = env.bytes_now;
	env.bytes_peak = before;
	CHECK_OK(solver->start(&arena, ratings, LEP_PARTS_TRAIN, &options, &state));
	CHECK_OK(solver->epoch(&env, state, 1, &rmse));
	estimate = (double) solver->memory(&shape, &options, 1);
	CHECK_CLOSE((double) (env.bytes_peak - before) / estimate, 1, 0.1);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_memory_is_as_estimated(void)
{
	SamplePlan dense = { 1200, 800, 0.3, 1, 0.3, 1, 3 };
	SamplePlan sparse = { 4000, 3000, 0.004, 1, 0.3, 1, 3 };
	SamplePlan wide = { 300, 9000, 0.01, 1, 0.3, 1, 3 };
	Sample samples[] = { sample_planted(&dense, 6), sample_planted(&sparse, 6), sample_planted(&wide, 6) };

	for (int s = 0; s < 3; s++)
	{
		for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
		{
			check_memory(&samples[s], (LepImplicit) implicit, 16, false);
			check_memory(&samples[s], (LepImplicit) implicit, 9, true);
		}
		sample_free(&samples[s]);
	}
}

/* Constant ratings are predicted as they are, with nothing uncertain about them. */
static void
test_constant_ratings(void)
{
	for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		SamplePlan plan = { 40, 30, 0.5, 1, 0.1, 0, -2.5 };
		RunPlan p = { (LepImplicit) implicit, 1, 8, INT64_MAX };
		Sample sample = sample_planted(&plan, 4);
		Run run;

		run_begin(&run, &sample, &p);
		run_solver(&run, &p);
		if (CHECK_OK(run.status))
		{
			for (int32_t u = 0; u < run.model.n_users; u++)
				CHECK_CLOSE(lep_model_score(&run.model, u, u % run.model.n_items), -2.5, 0);
			CHECK_CLOSE(run.model.noise, 0, 0);
			CHECK_CLOSE(run.model.user_variance[3], 0, 0);
		}
		run_end(&run);
		sample_free(&sample);
	}
}

/* A user with 5000 of 8000 ratings, whose row is cut among threads: others are not spoiled, same bits. */
static void
test_one_user_with_most_ratings(void)
{
	for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		RunPlan one = { (LepImplicit) implicit, 1, 16, INT64_MAX };
		RunPlan two = { (LepImplicit) implicit, 3, 16, INT64_MAX };
		Sample sample = { malloc(8000 * sizeof(SampleRow)), 0 };
		uint64_t seed = 17;
		double squares = 0;
		double total = 0;
		Run a;
		Run b;

		for (int i = 0; i < 5000; i++)
			sample.rows[sample.n++] = (SampleRow){ 0, i, 3 + sample_normal(&seed) };
		/* 60 users rate 50 of the items: +-1 by user and item */
		for (int u = 1; u <= 60; u++)
		{
			for (int i = 0; i < 50; i++)
				sample.rows[sample.n++] =
					(SampleRow){ u, i, 3 + ((u ^ i) & 1 ? 1 : -1) + 0.2 * sample_normal(&seed) };
		}
		run_begin(&a, &sample, &one);
		run_solver(&a, &one);
		run_begin(&b, &sample, &two);
		run_solver(&b, &two);
		if (CHECK_OK(a.status) && CHECK_OK(b.status))
		{
			CHECK(lep_model_is_sane(&a.model));
			check_same_scores(&a.model, &b.model, 1, 0, 0);
			for (int32_t u = 1; u <= 60; u++)
			{
				for (int32_t i = 0; i < 50; i++)
				{
					double e = lep_model_score(&a.model, u, i) - 3 - ((u ^ i) & 1 ? 1 : -1);

					squares += e * e / 3000;
					total += 1.0 / 3000;
				}
			}
			CHECK(squares < 0.05 * total, "%g", squares);
			/* hers are noise */
			CHECK_CLOSE(sqrt(a.model.noise + a.model.user_variance[0]), 1, 0.15);
		}
		run_end(&a);
		run_end(&b);
		sample_free(&sample);
	}
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_rows_are_drawn_from_their_conditionals);
	TEST(test_blocks_residuals_are_those_of_the_sample);
	TEST(test_noise_is_found);
	TEST(test_order_and_scale_do_not_count);
	TEST(test_stops_when_told);
	TEST(test_memory_is_as_estimated);
	TEST(test_constant_ratings);
	TEST(test_one_user_with_most_ratings);
	return unit_done();
}

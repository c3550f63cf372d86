/*
 * gibbs.c
 *		Algorithm bayes: the mean over samples of a Bayesian factorisation.
 *
 * Nothing is to be tuned: the noise, and how large factors and biases are, are
 * drawn with everything else, and the answer is the mean over samples of all
 * of it (R. Salakhutdinov, A. Mnih, "Bayesian probabilistic matrix factorization
 * using Markov chain Monte Carlo", ICML 2008, doi:10.1145/1390156.1390267).
 *
 * Two samplers.  With implicit information of users or items (option implicit),
 * gibbs_blocks.c, which also knows an effect of time (option time_bins); else
 * gibbs_rows.c.  The first 1 / BURN_IN of the sweeps (option epochs) is thrown
 * away, every later one is a sample, of which posterior.c keeps the mean in
 * `factors` numbers a row.
 *
 * A sample has `factors` factors too.
 */
#include "core/gibbs.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"
#include "core/posterior.h"
#include "core/radix.h"
#include "core/solver.h"
#include "core/times.h"

#define BURN_IN 4

/* Times that are sorted to find the bins. */
#define MAX_SORTED_TIMES 65536

/* Ratings per task where bins are looked up. */
#define RATING_CHUNK 65536

typedef struct Gibbs
{
	LepGibbsData data;
	const LepGibbsSampler *sampler;
	void *sampler_state;
	LepPosterior *posterior;
	int burn_in;	/* sweeps */
	LepTimes times; /* only where its bins begin */

	/* while the bins of ratings are looked up */
	const LepRatings *ratings;
	unsigned parts;
	uint16_t *bin;
} Gibbs;

/* ------------------------------------------------------------------- what is drawn */

static bool
takes_implicit(const LepOptions *options, int side)
{
	if (options->implicit == LEP_IMPLICIT_BOTH)
		return true;
	return options->implicit == (side == LEP_GIBBS_USERS ? LEP_IMPLICIT_USERS : LEP_IMPLICIT_ITEMS);
}

/* What the options say of the data; the rest is for start to fill in. */
static void
init_data(LepGibbsData *data, const LepOptions *options)
{
	bool blocks = options->implicit != LEP_IMPLICIT_NONE;

	memset(data, 0, sizeof(*data));
	data->n_factors = (int) options->factors;
	data->n_bins = blocks ? (int) options->time_bins : 0;
	for (int side = 0; side < LEP_GIBBS_SIDES; side++)
		data->implicit[side] = takes_implicit(options, side);
	data->seed = (uint64_t) options->seed;
}

static const LepGibbsSampler *
sampler_of(const LepOptions *options)
{
	return options->implicit == LEP_IMPLICIT_NONE ? &lep_gibbs_rows : &lep_gibbs_blocks;
}

/* A sample with implicit information has few ratings to learn its many weights from. */
#define FEW_RATINGS 200000
#define FEW_FACTORS 16

/* Sweeps: more than MAX gain little, fewer than MIN are not worth while. */
#define MAX_BLOCK_SWEEPS 400
#define MAX_ROW_SWEEPS	 300
#define MIN_BLOCK_SWEEPS 100
#define MIN_ROW_SWEEPS	 40

static double gibbs_cost(const LepShape *shape, const LepOptions *options);

/* As many sweeps as time_limit allows, within reason, in tens. */
static int64_t
affordable_sweeps(const LepShape *shape, const LepOptions *options)
{
	double held_out = 1 - (1 - options->test_fraction) * (1 - options->validation_fraction);
	double fits = options->refit ? 2 - held_out : 1 - held_out;
	double sweeps = floor(options->time_limit / (fits * gibbs_cost(shape, options)) / 10) * 10;
	bool blocks = options->implicit != LEP_IMPLICIT_NONE;
	int64_t least = blocks ? MIN_BLOCK_SWEEPS : MIN_ROW_SWEEPS;
	int64_t most = blocks ? MAX_BLOCK_SWEEPS : MAX_ROW_SWEEPS;

	return sweeps > (double) most ? most : sweeps < (double) least ? least : (int64_t) sweeps;
}

static void
gibbs_adapt(const LepShape *shape, LepOptions *options)
{
	if (!lep_option_given(options, lep_option_find("factors")) && shape->n_ratings < FEW_RATINGS)
		options->factors = FEW_FACTORS;
	if (!lep_option_given(options, lep_option_find("epochs")))
		options->epochs = affordable_sweeps(shape, options);
}

/*
 * For more ratings than the time allows: fewer factors, then no implicit
 * information, then both; of these what the options leave open.
 */
static bool
gibbs_variant(int variant, LepOptions *options)
{
	bool has_implicit = !lep_option_given(options, lep_option_find("implicit"));
	bool has_factors = !lep_option_given(options, lep_option_find("factors"));
	int kind = variant + (has_factors ? 0 : 1); /* 1: factors, 2: implicit, 3: both */
	LepError ignored;

	if (kind > 3 || (kind >= 2 && !has_implicit) || (kind == 3 && !has_factors))
		return false;
	if (kind != 2)
		(void) lep_options_set_int(options, "factors", FEW_FACTORS, &ignored);
	if (kind >= 2)
		(void) lep_options_set_text(options, "implicit", lep_implicit_name(LEP_IMPLICIT_NONE), &ignored);
	return true;
}

static size_t
gibbs_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	LepGibbsData data;
	size_t bytes;

	init_data(&data, options);
	bytes = sampler_of(options)->memory(&data, shape->n_users, shape->n_items, shape->n_ratings, n_threads);
	if (!shape->whole)
		bytes = lep_add_size(bytes, lep_view_size(shape->n_users, shape->n_ratings));
	bytes = lep_add_size(bytes, lep_view_size(shape->n_items, shape->n_ratings));
	if (data.n_bins > 0)
		bytes = lep_add_size(bytes, lep_mul_size((size_t) shape->n_ratings, sizeof(uint16_t)));
	return lep_add_size(bytes, lep_posterior_size(shape->n_users, shape->n_items, data.n_bins, data.n_factors,
												  (int) options->factors));
}

/*
 * Rows: per rating 0.041, 0.087, 0.20, 0.69 us at 16, 32, 64, 128 factors.
 * Blocks: so much per rating and factor, and per row and factor.
 */
static double
gibbs_cost(const LepShape *shape, const LepOptions *options)
{
	LepGibbsData data;
	double ratings = (double) shape->n_ratings;
	double rows = (double) shape->n_users + (double) shape->n_items;
	double k;

	init_data(&data, options);
	k = data.n_factors;
	if (options->implicit != LEP_IMPLICIT_NONE)
		return (k + 1) * (ratings * 1e-8 + rows * 1e-7);
	return ratings * (1e-8 + 1.8e-9 * k + 3e-11 * k * k) + rows * (1e-6 + 2e-9 * k * k + 1.4e-11 * k * k * k);
}

/* -------------------------------------------------------------------------- time */

/* Every n-th time of the parts, in canonical order, as keys; how many. */
static LepStatus
sample_times(LepEnv *env, const Gibbs *g, uint64_t *keys, int64_t *n_keys)
{
	const LepRatings *ratings = g->ratings;
	int64_t step = (g->data.view[LEP_GIBBS_USERS].n + MAX_SORTED_TIMES - 1) / MAX_SORTED_TIMES;
	int64_t seen = 0;

	*n_keys = 0;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % RATING_CHUNK == 0 && lep_env_stopped(env))
			return lep_env_failure(env);
		if (!lep_part_in(g->parts, ratings->part[j]))
			continue;
		if (seen++ % step == 0)
			keys[(*n_keys)++] = lep_radix_key(ratings->time[j]);
	}
	return LEP_OK;
}

/*
 * Bins of about equally many ratings each, as far as they do not share an
 * instant: their first instants.
 */
static LepStatus
choose_bins(LepArena *arena, Gibbs *g)
{
	LepGibbsData *data = &g->data;
	LepTimes *times = &g->times;
	uint64_t *keys = lep_arena_alloc(arena, 2 * MAX_SORTED_TIMES, sizeof(uint64_t));
	int64_t n_keys;
	LepStatus status;

	times->first = lep_arena_alloc(arena, data->n_bins, sizeof(int64_t));
	if (keys == NULL || times->first == NULL)
		return lep_env_failure(arena->env);
	status = sample_times(arena->env, g, keys, &n_keys);
	if (status == LEP_OK)
		status = lep_radix_sort(arena->env, keys, keys + MAX_SORTED_TIMES, n_keys, 0, 64);
	for (int b = 0; status == LEP_OK && b < data->n_bins && n_keys > 0; b++)
	{
		int64_t first = lep_radix_value(keys[n_keys * b / data->n_bins]);

		if (times->n_bins == 0 || first > times->first[times->n_bins - 1])
			times->first[times->n_bins++] = first;
	}
	data->n_bins = times->n_bins;
	lep_arena_free(arena, keys);
	return status;
}

/* The bins of the ratings of some users, in the order of the view. */
static void
find_bins(void *arg, int64_t task, int thread)
{
	Gibbs *g = arg;
	const LepRatings *ratings = g->ratings;
	const LepView *users = &g->data.view[LEP_GIBBS_USERS];
	int32_t first = lep_view_row_at(users->start, users->n_rows, 1, task * RATING_CHUNK);
	int32_t end = lep_view_row_at(users->start, users->n_rows, 1, (task + 1) * RATING_CHUNK);

	(void) thread;
	for (int32_t u = first; u < end; u++)
	{
		int64_t at = users->start[u];

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (lep_part_in(g->parts, ratings->part[j]))
				g->bin[at++] = (uint16_t) lep_times_find(&g->times, ratings->time[j]);
		}
	}
}

static LepStatus
start_times(LepArena *arena, Gibbs *g)
{
	LepGibbsData *data = &g->data;
	const LepView *users = &data->view[LEP_GIBBS_USERS];
	LepStatus status;

	if (g->ratings->time == NULL)
		data->n_bins = 0;
	if (data->n_bins == 0)
		return LEP_OK;
	status = choose_bins(arena, g);
	if (status != LEP_OK || data->n_bins < 2)
	{
		data->n_bins = 0;
		return status;
	}
	g->bin = lep_arena_alloc(arena, users->n, sizeof(uint16_t));
	if (g->bin == NULL)
		return lep_env_failure(arena->env);
	data->bin = g->bin;
	return lep_parallel_for(arena->env, lep_view_tasks(users->start, users->n_rows, 1, RATING_CHUNK),
							find_bins, g);
}

/* ------------------------------------------------------------------------ solver */

static LepStatus
gibbs_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
			void **state)
{
	Gibbs *g = lep_arena_calloc(arena, 1, sizeof(Gibbs));
	LepGibbsData *data;
	LepStatus status;

	if (g == NULL)
		return lep_env_failure(arena->env);
	*state = g;
	data = &g->data;
	init_data(data, options);
	g->sampler = sampler_of(options);
	g->burn_in = (int) options->epochs / BURN_IN;
	g->ratings = ratings;
	g->parts = parts;
	status = lep_view_moments(arena->env, ratings, parts, &data->moments);
	data->inverse_sd = data->moments.sd > 0 ? 1 / data->moments.sd : 0;
	if (status == LEP_OK)
		status = lep_view_by_user(arena, ratings, parts, &data->view[LEP_GIBBS_USERS]);
	if (status == LEP_OK)
		status = lep_view_by_item(arena, ratings, parts, &data->view[LEP_GIBBS_ITEMS]);
	if (status == LEP_OK)
		status = start_times(arena, g);
	if (status != LEP_OK)
		return status;
	g->posterior = lep_posterior_create(arena, data, (int) options->factors);
	if (g->posterior == NULL)
		return lep_env_failure(arena->env);
	return g->sampler->start(arena, data, &g->sampler_state);
}

static LepStatus
gibbs_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Gibbs *g = state;
	LepGibbsSample sample;
	double squares;
	LepStatus status = g->sampler->sweep(env, g->sampler_state, epoch, &squares);

	if (status != LEP_OK)
		return status;
	*train_rmse =
		g->data.moments.n > 0 ? g->data.moments.sd * sqrt(squares / (double) g->data.moments.n) : NAN;
	if (epoch <= g->burn_in)
		return LEP_OK;
	for (int which = 0; status == LEP_OK && g->sampler->sample(g->sampler_state, which, &sample); which++)
		status = lep_posterior_add(env, g->posterior, &sample);
	return status;
}

static LepStatus
gibbs_export_model(LepEnv *env, void *state, LepModel *model)
{
	Gibbs *g = state;

	if (model->times != NULL)
	{
		model->times->n_bins = g->data.n_bins > 0 ? g->data.n_bins : 1;
		for (int t = 0; t < g->data.n_bins; t++)
			model->times->first[t] = g->times.first[t];
	}
	return lep_posterior_export(env, g->posterior, model);
}

/* Room for the time's bins, where there is an effect of time. */
static int
gibbs_time_bins(const LepRatings *ratings, const LepOptions *options)
{
	LepGibbsData data;

	init_data(&data, options);
	return ratings->time != NULL ? data.n_bins : 0;
}

const LepSolver lep_solver_bayes = {
	.algorithm = LEP_ALGORITHM_BAYES,
	.feedback = 1u << LEP_FEEDBACK_EXPLICIT,
	.uses_time = true,
	.iterative = true,
	.samples = true,
	.time_bins = gibbs_time_bins,
	.adapt = gibbs_adapt,
	.variant = gibbs_variant,
	.memory = gibbs_memory,
	.cost = gibbs_cost,
	.start = gibbs_start,
	.epoch = gibbs_epoch,
	.export_model = gibbs_export_model,
};

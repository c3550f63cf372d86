/*
 * tune.c
 *		Drawing trials, planning rungs, running them; see tune.h.
 */
#include "core/tune.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"
#include "core/rng.h"
#include "core/split.h"
#include "core/view.h"

/* Draws for each trial wanted, before a space counts as exhausted. */
#define DRAWS_PER_TRIAL 50

/* Streams of random numbers: draws, and who is in a rung; of hashes: its own validation part. */
#define DRAW_STREAM		  UINT64_C(0x74756e6564726177)
#define USER_STREAM		  UINT64_C(0x74756e6575736572)
#define VALIDATION_STREAM UINT64_C(0x74756e6576616c69)

/* Ratings between two looks at should_stop. */
#define STOP_RATINGS (64 * 1024)

/* Seconds for the score of one item for one user, beside those for each factor. */
#define SCORE_SECONDS  2e-9
#define FACTOR_SECONDS 1e-10

/* ------------------------------------------------------------------------ trials */

/* x with four decimal digits. */
static double
four_digits(double x)
{
	double scale = 1;
	double magnitude = fabs(x);

	if (x == 0)
		return 0;
	while (magnitude * scale < 1e3 && scale < 1e15)
		scale *= 10;
	/* numbers of five digits and more keep their whole part */
	return floor(x * scale + 0.5) / scale;
}

/* A number of the range at u in [0, 1). */
static double
number_at(const LepTuneAxis *axis, double u)
{
	bool whole = lep_option(axis->option)->type == LEP_OPTION_INT;
	double x;

	/* of whole numbers each has its own stretch */
	if (axis->logarithmic)
	{
		double low = lep_log(axis->min - (whole ? 0.5 : 0));
		double high = lep_log(axis->max + (whole ? 0.5 : 0));

		x = lep_exp(low + u * (high - low));
		x = whole ? floor(x + 0.5) : four_digits(x);
	}
	else if (whole)
		x = axis->min + floor(u * (axis->max - axis->min + 1));
	else
		x = four_digits(axis->min + u * (axis->max - axis->min));
	return x < axis->min ? axis->min : x > axis->max ? axis->max : x;
}

/* Give the trial the axis's value number `index`, or one drawn from its range. */
static LepStatus
set_axis(LepEnv *env, LepOptions *trial, const LepTuneAxis *axis, int64_t index, double u)
{
	if (axis->n_values == 0)
		return lep_options_set_real(trial, lep_option(axis->option)->name, number_at(axis, u), &env->error);
	lep_option_copy(trial, &axis->values[index], axis->option);
	return LEP_OK;
}

/* The axis of the algorithm, or -1. */
static int
algorithm_axis(const LepTuneSpace *space)
{
	int option = lep_option_find("algorithm");

	for (int a = 0; a < space->n_axes; a++)
	{
		if (space->axes[a].option == option)
			return a;
	}
	return -1;
}

/* A trial of these values; index[] and u[] by axis. */
static LepStatus
make_trial(LepEnv *env, const LepTuneSpace *space, const int64_t *index, const double *u, LepOptions *trial)
{
	int chooser = algorithm_axis(space);
	LepStatus status = LEP_OK;

	*trial = space->base;
	if (chooser >= 0)
		status = set_axis(env, trial, &space->axes[chooser], index[chooser], u[chooser]);
	for (int a = 0; status == LEP_OK && a < space->n_axes; a++)
	{
		if (a == chooser ||
			(chooser >= 0 && !lep_option_applies(space->axes[a].option, (LepAlgorithm) trial->algorithm)))
			continue;
		status = set_axis(env, trial, &space->axes[a], index[a], u[a]);
	}
	return status;
}

static bool
same_trial(const LepTuneSpace *space, const LepOptions *a, const LepOptions *b)
{
	for (int x = 0; x < space->n_axes; x++)
	{
		int option = space->axes[x].option;

		if (lep_option_given(a, option) != lep_option_given(b, option) ||
			lep_option_number(a, option) != lep_option_number(b, option))
			return false;
	}
	return true;
}

/* Keep the trial behind the others unless it is there already. */
static void
keep_trial(const LepTuneSpace *space, LepOptions *trials, int *n)
{
	for (int t = 0; t < *n; t++)
	{
		if (same_trial(space, &trials[t], &trials[*n]))
			return;
	}
	(*n)++;
}

/* How many combinations there are; limit + 1 if more than limit, or if there is a range. */
static int64_t
count_combinations(const LepTuneSpace *space, int64_t limit)
{
	int64_t n = 1;

	for (int a = 0; a < space->n_axes; a++)
	{
		if (space->axes[a].n_values == 0 || n * space->axes[a].n_values > limit)
			return limit + 1;
		n *= space->axes[a].n_values;
	}
	return n;
}

LepStatus
lep_tune_trials(LepEnv *env, const LepTuneSpace *space, const LepTuneLimits *limits, LepOptions *trials,
				int *n)
{
	int64_t n_combinations = count_combinations(space, limits->max_trials);
	bool all = n_combinations <= limits->max_trials;
	int64_t n_draws = all ? n_combinations : (int64_t) limits->max_trials * DRAWS_PER_TRIAL;
	int64_t index[LEP_MAX_OPTIONS] = { 0 };
	double u[LEP_MAX_OPTIONS] = { 0 };

	*n = 0;
	for (int64_t d = 0; d < n_draws && *n < limits->max_trials; d++)
	{
		int64_t rest = d;
		LepRng rng;
		LepStatus status;

		lep_rng_init(&rng, limits->seed, DRAW_STREAM, (uint64_t) d);
		for (int a = space->n_axes - 1; a >= 0; a--)
		{
			int64_t n_values = space->axes[a].n_values > 0 ? space->axes[a].n_values : 1;

			u[a] = lep_rng_uniform(&rng);
			index[a] = all ? rest % n_values : (int64_t) (u[a] * (double) n_values);
			rest /= n_values;
		}
		status = make_trial(env, space, index, u, &trials[*n]);
		if (status != LEP_OK)
			return status;
		keep_trial(space, trials, n);
	}
	return LEP_OK;
}

/* -------------------------------------------------------------------------- plan */

typedef struct Tuning
{
	LepArena *arena;
	LepEnv *env;
	const LepTuneWork *work;
	LepTuneResult *result;
	int n_rungs;
	int64_t n_train; /* ratings to train on, all users in */
	double *costs;	 /* [n_rungs * n_trials] */
	int *running;	 /* [n_trials] trials of the rung, then the best first */
	int n_running;
	LepTuneRow *of_rung; /* [n_trials] rows of the rung, by place in running */
} Tuning;

/* The share of the users in a rung, from 1. */
static double
share_of(const Tuning *tuning, int rung)
{
	double share = 1;

	for (int r = rung; r < tuning->n_rungs; r++)
		share /= LEP_TUNE_ETA;
	return share;
}

/* Enough trials to leave some out, and enough ratings to judge by. */
static int
count_rungs(const LepTuneWork *work)
{
	int n = 1;
	int64_t divisor = LEP_TUNE_ETA;

	while (n < LEP_TUNE_MAX_RUNGS && work->n_trials >= divisor &&
		   work->ratings->n_ratings / divisor >= LEP_TUNE_MIN_RATINGS)
	{
		n++;
		divisor *= LEP_TUNE_ETA;
	}
	return n;
}

/* Trials of m that reach a rung. */
static int
survivors(int m, int rung)
{
	for (int r = 1; r < rung; r++)
		m = m > LEP_TUNE_ETA ? m / LEP_TUNE_ETA : 1;
	return m;
}

/* Seconds of one core to train and judge a trial on a share of the users. */
static LepStatus
estimate_cost(const Tuning *tuning, const LepOptions *trial, double share, double *cost)
{
	LepRatings *ratings = tuning->work->ratings;
	LepCandidate candidates[LEP_MAX_TRIALS];
	LepShape shape = { (int32_t) ceil(share * ratings->n_users), ratings->n_items,
					   (int64_t) ceil(share * (double) tuning->n_train), 0, false };
	int factors = 0;
	int n;
	LepStatus status = lep_plan_candidates(ratings, trial, candidates, &n, &tuning->env->error);

	*cost = 0;
	if (status != LEP_OK)
		return status;
	lep_plan_choose(ratings, candidates, n, true);
	for (int c = 0; c < n; c++)
	{
		const LepCandidate *candidate = &candidates[c];
		int f = lep_solver_factors(candidate->solver, &candidate->options);

		if (!candidate->planned)
			continue;
		factors = f > factors ? f : factors;
		*cost += lep_plan_epochs(candidate->solver, &candidate->options) *
				 candidate->solver->cost(&shape, &candidate->options);
	}
	if (tuning->work->metric >= LEP_METRIC_RANKING)
		*cost += (SCORE_SECONDS + FACTOR_SECONDS * factors) * (double) shape.n_users * (double) shape.n_items;
	return LEP_OK;
}

static LepStatus
estimate_costs(Tuning *tuning)
{
	int n = tuning->work->n_trials;
	LepStatus status = LEP_OK;

	for (int rung = 1; rung <= tuning->n_rungs; rung++)
	{
		for (int t = 0; status == LEP_OK && t < n; t++)
			status = estimate_cost(tuning, &tuning->work->trials[t], share_of(tuning, rung),
								   &tuning->costs[(rung - 1) * n + t]);
	}
	return status;
}

/* Put a cost where it belongs among n descending ones. */
static void
insert_cost(double *sorted, int n, double cost)
{
	for (; n > 0 && sorted[n - 1] < cost; n--)
		sorted[n] = sorted[n - 1];
	sorted[n] = cost;
}

/* All rungs of m trials, the costliest always going on. */
static double
worst_total(const Tuning *tuning, const double *sorted, int m)
{
	double total = 0;

	for (int rung = 1; rung <= tuning->n_rungs; rung++)
	{
		for (int i = 0; i < survivors(m, rung); i++)
			total += sorted[(rung - 1) * tuning->work->n_trials + i];
	}
	return total;
}

static double
cost_of_all_rungs(const Tuning *tuning, int trial)
{
	double cost = 0;

	for (int rung = 1; rung <= tuning->n_rungs; rung++)
		cost += tuning->costs[(rung - 1) * tuning->work->n_trials + trial];
	return cost;
}

/* The trial is not run at all. */
static void
leave_out(Tuning *tuning, int trial)
{
	LepTuneResult *result = tuning->result;
	LepTuneRow *row = &result->rows[result->n_rows++];

	*row = (LepTuneRow){ trial,			0,	  cost_of_all_rungs(tuning, trial), { NAN, NAN, 0 }, NAN, NAN,
						 LEP_TUNE_TIME, false };
}

/* Which trials fit into the time: in order, at least the cheapest. */
static LepStatus
choose_trials(Tuning *tuning)
{
	int n = tuning->work->n_trials;
	LepArena scratch;
	double *sorted;
	double *tried;
	int cheapest = 0;

	lep_arena_init(&scratch, tuning->env);
	sorted = lep_arena_alloc(&scratch, (int64_t) n * tuning->n_rungs, sizeof(double));
	tried = lep_arena_alloc(&scratch, (int64_t) n * tuning->n_rungs, sizeof(double));
	for (int t = 0; sorted != NULL && tried != NULL && t < n; t++)
	{
		memcpy(tried, sorted, sizeof(double) * (size_t) n * (size_t) tuning->n_rungs);
		for (int r = 0; r < tuning->n_rungs; r++)
			insert_cost(tried + r * n, tuning->n_running, tuning->costs[r * n + t]);
		if (cost_of_all_rungs(tuning, t) < cost_of_all_rungs(tuning, cheapest))
			cheapest = t;
		if (worst_total(tuning, tried, tuning->n_running + 1) > tuning->work->limits.seconds)
			continue;
		memcpy(sorted, tried, sizeof(double) * (size_t) n * (size_t) tuning->n_rungs);
		tuning->running[tuning->n_running++] = t;
	}
	lep_arena_drop(&scratch);
	if (sorted == NULL || tried == NULL)
		return tuning->env->error.status;
	if (tuning->n_running == 0)
		tuning->running[tuning->n_running++] = cheapest;
	return LEP_OK;
}

/* ------------------------------------------------------------------------- rungs */

/* Leave only a share of the users in, each with all of her ratings. */
static LepStatus
sample_users(const Tuning *tuning, double share)
{
	LepRatings *ratings = tuning->work->ratings;
	uint64_t seed = lep_hash_combine(tuning->work->limits.seed, USER_STREAM);

	for (int32_t u = 0; share < 1 && u < ratings->n_users; u++)
	{
		uint64_t hash = lep_hash_combine(seed, lep_idmap_hash(ratings->users, u));
		bool in = (double) (hash >> 11) * 0x1p-53 < share;

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (j % STOP_RATINGS == 0 && lep_env_stopped(tuning->env))
				return LEP_ERR_STOPPED;
			if (!in)
				ratings->part[j] = LEP_PART_UNUSED;
		}
	}
	return LEP_OK;
}

/* What training would test on is not used, what it would validate on is the test. */
static LepStatus
split_for_rung(const Tuning *tuning, double share)
{
	static const uint8_t becomes[] = {
		[LEP_PART_TRAIN] = LEP_PART_TRAIN,
		[LEP_PART_VALIDATION] = LEP_PART_TEST,
		[LEP_PART_TEST] = LEP_PART_UNUSED,
		[LEP_PART_UNUSED] = LEP_PART_UNUSED,
	};
	LepRatings *ratings = tuning->work->ratings;
	LepOptions options = tuning->work->trials[0];
	LepStatus status = lep_split(tuning->env, ratings, &options);

	if (status != LEP_OK)
		return status;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % STOP_RATINGS == 0 && lep_env_stopped(tuning->env))
			return LEP_ERR_STOPPED;
		ratings->part[j] = becomes[ratings->part[j]];
	}
	options.seed = (int64_t) lep_hash_combine((uint64_t) options.seed, VALIDATION_STREAM);
	status = lep_split_validation(tuning->env, ratings, &options);
	return status == LEP_OK ? sample_users(tuning, share) : status;
}

/* Train and judge one trial; what only it suffers from is noted. */
static LepStatus
run_trial(Tuning *tuning, LepContest *contest, LepTuneRow *row)
{
	LepTrainResult trained;
	LepJudgement judgement;
	LepArena scratch;
	LepStatus status;

	lep_arena_init(&scratch, tuning->env);
	status = lep_contest_enter(&scratch, contest, &tuning->work->trials[row->trial], &trained, &judgement);
	lep_arena_drop(&scratch);
	row->figure = (LepFigure){ NAN, NAN, 0 };
	row->note = LEP_TUNE_RAN;
	if (status == LEP_OK)
		row->figure = judgement.figure[tuning->work->metric];
	else if (status == LEP_ERR_DIVERGED)
		row->note = LEP_TUNE_DIVERGED;
	else if (status == LEP_ERR_MEMORY_LIMIT)
		row->note = LEP_TUNE_MEMORY;
	else
		return status;
	return LEP_OK;
}

/* Is row a better than row b?  What has no figure comes last; ties go by trial. */
static bool
is_better(const Tuning *tuning, const LepTuneRow *a, const LepTuneRow *b)
{
	double x = a->figure.value;
	double y = b->figure.value;

	if (isnan(x) || isnan(y))
		return isnan(x) == isnan(y) ? a->trial < b->trial : isnan(y);
	if (x == y)
		return a->trial < b->trial;
	return lep_metric_falls(tuning->work->metric) ? x < y : x > y;
}

static void
sort_rows(const Tuning *tuning, LepTuneRow *rows, int n)
{
	for (int i = 1; i < n; i++)
	{
		LepTuneRow row = rows[i];
		int place = i;

		for (; place > 0 && is_better(tuning, &row, &rows[place - 1]); place--)
			rows[place] = rows[place - 1];
		rows[place] = row;
	}
}

/* Every trial that is still running, on one rung. */
static LepStatus
run_rung(Tuning *tuning, int rung)
{
	const LepTuneWork *work = tuning->work;
	LepTuneRow *rows = tuning->of_rung;
	LepContest contest;
	LepComparison references;
	LepArena arena;
	LepStatus status = split_for_rung(tuning, share_of(tuning, rung));

	lep_arena_init(&arena, tuning->env);
	if (status == LEP_OK)
		status = lep_contest_begin(&arena, work->ratings, &work->rules, &contest);
	if (status == LEP_OK)
		status = lep_contest_references(&arena, &contest, &work->trials[0], NULL, &references);
	for (int i = 0; status == LEP_OK && i < tuning->n_running; i++)
	{
		LepTuneRow *row = &rows[i];

		row->trial = tuning->running[i];
		row->rung = rung;
		row->cost = tuning->costs[(rung - 1) * work->n_trials + row->trial];
		row->baseline = references.baseline.figure[work->metric].value;
		row->popular = references.popular.figure[work->metric].value;
		row->best = false;
		status = run_trial(tuning, &contest, row);
	}
	lep_arena_drop(&arena);
	if (status != LEP_OK)
		return status;
	sort_rows(tuning, rows, tuning->n_running);
	for (int i = 0; i < tuning->n_running; i++)
		tuning->running[i] = rows[i].trial;
	return LEP_OK;
}

/* Put the rung's rows before those of the rungs below. */
static void
prepend_rows(Tuning *tuning)
{
	LepTuneResult *result = tuning->result;
	size_t n = (size_t) tuning->n_running;

	memmove(result->rows + n, result->rows, (size_t) result->n_rows * sizeof(LepTuneRow));
	memcpy(result->rows, tuning->of_rung, n * sizeof(LepTuneRow));
	result->n_rows += tuning->n_running;
}

/* What did not run, by trial, behind all others. */
static void
leave_out_rest(Tuning *tuning)
{
	for (int t = 0; t < tuning->work->n_trials; t++)
	{
		bool ran = false;

		for (int i = 0; i < tuning->n_running; i++)
			ran |= tuning->running[i] == t;
		if (!ran)
			leave_out(tuning, t);
	}
}

static LepStatus
run_rungs(Tuning *tuning)
{
	LepTuneResult *result = tuning->result;
	int n_chosen = tuning->n_running;
	LepStatus status = LEP_OK;

	leave_out_rest(tuning);
	for (int rung = 1; status == LEP_OK && rung <= tuning->n_rungs; rung++)
	{
		tuning->n_running = survivors(n_chosen, rung);
		status = run_rung(tuning, rung);
		if (status != LEP_OK)
			return status;
		prepend_rows(tuning);
		/* nothing to go on with: the reason of the last that failed is in env */
		if (isnan(result->rows[0].figure.value) && result->rows[0].note != LEP_TUNE_RAN)
			return tuning->env->error.status;
	}
	result->rows[0].best = !isnan(result->rows[0].figure.value);
	return LEP_OK;
}

LepStatus
lep_tune(LepArena *arena, const LepTuneWork *work, LepTuneResult *result)
{
	LepEnv *env = arena->env;
	Tuning tuning = { arena, env, work, result, count_rungs(work), 0, NULL, NULL, 0, NULL };
	int64_t n = work->n_trials;
	LepStatus status;

	memset(result, 0, sizeof(*result));
	result->n_rungs = tuning.n_rungs;
	result->rows = lep_arena_alloc(arena, n * (tuning.n_rungs + 1), sizeof(LepTuneRow));
	tuning.costs = lep_arena_alloc(arena, n * tuning.n_rungs, sizeof(double));
	tuning.running = lep_arena_alloc(arena, n, sizeof(int));
	tuning.of_rung = lep_arena_alloc(arena, n, sizeof(LepTuneRow));
	if (result->rows == NULL || tuning.costs == NULL || tuning.running == NULL || tuning.of_rung == NULL)
		return env->error.status;
	status = split_for_rung(&tuning, 1);
	if (status == LEP_OK)
		status = lep_view_count(env, work->ratings, LEP_PARTS_TRAIN, &tuning.n_train);
	if (status == LEP_OK)
		status = estimate_costs(&tuning);
	if (status == LEP_OK)
		status = choose_trials(&tuning);
	if (status == LEP_OK)
		status = lep_pool_start(env);
	if (status == LEP_OK)
		status = run_rungs(&tuning);
	lep_pool_shutdown(env);
	return status;
}

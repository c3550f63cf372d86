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

		/* each draw is compared with all trials there are */
		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
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

/* The share of the users in a rung, from 1. */
static double
share_of(int n_rungs, int rung)
{
	double share = 1;

	for (int r = rung; r < n_rungs; r++)
		share /= LEP_TUNE_ETA;
	return share;
}

/* Enough trials to leave some out, and enough ratings and users to judge by. */
static int
count_rungs(const LepTuneWork *work)
{
	int n = 1;
	int64_t divisor = LEP_TUNE_ETA;

	while (n < LEP_TUNE_MAX_RUNGS && work->n_trials >= divisor &&
		   work->ratings->n_ratings / divisor >= LEP_TUNE_MIN_RATINGS &&
		   work->ratings->n_users / divisor >= LEP_TUNE_MIN_USERS)
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

typedef struct Planning
{
	LepEnv *env;
	const LepTuneWork *work;
	LepTunePlan *plan;
	int64_t n_train;	/* ratings to train on, all users in */
	double *references; /* [n_rungs] cost of the biases and popularity */
	double *sorted;		/* [n_rungs][n_trials] costs of what is chosen, descending */
} Planning;

/* What each trial costs on each rung. */
static LepStatus
estimate_costs(const Planning *planning)
{
	const LepTuneWork *work = planning->work;
	LepRatings *ratings = work->ratings;
	const LepTunePlan *plan = planning->plan;

	for (int rung = 1; rung <= plan->n_rungs; rung++)
	{
		double share = share_of(plan->n_rungs, rung);
		LepShape shape = { (int32_t) ceil(share * ratings->n_users),
						   ratings->n_items,
						   (int64_t) ceil(share * (double) planning->n_train),
						   0,
						   false,
						   false };

		planning->references[rung - 1] = lep_contest_references_cost(ratings, &shape, work->rules.wanted);
		for (int t = 0; t < work->n_trials; t++)
		{
			LepStatus status;

			if (lep_env_stopped(planning->env))
				return LEP_ERR_STOPPED;
			status = lep_contest_cost(ratings, &work->trials[t], &shape, work->rules.wanted,
									  &plan->costs[(rung - 1) * work->n_trials + t], &planning->env->error);
			if (status != LEP_OK)
				return status;
		}
	}
	return LEP_OK;
}

/* Put a cost where it belongs among n descending ones. */
static void
insert_cost(double *sorted, int n, double cost)
{
	for (; n > 0 && sorted[n - 1] < cost; n--)
		sorted[n] = sorted[n - 1];
	sorted[n] = cost;
}

/* Take one of its cost out of n descending ones again. */
static void
remove_cost(double *sorted, int n, double cost)
{
	int place = 0;

	while (sorted[place] != cost)
		place++;
	for (; place < n - 1; place++)
		sorted[place] = sorted[place + 1];
}

/* Rungs from `first` on of the m trials in `sorted`, the costliest always going on. */
static double
worst_total(const Planning *planning, int first, int m)
{
	double total = 0;

	for (int rung = first; rung <= planning->plan->n_rungs; rung++)
	{
		total += planning->references[rung - 1];
		for (int i = 0; i < survivors(m, rung - first + 1); i++)
			total += planning->sorted[(rung - 1) * planning->work->n_trials + i];
	}
	return total;
}

/* Rungs from `first` on of one trial. */
static double
cost_of_rungs(const LepTunePlan *plan, int n_trials, int first, int trial)
{
	double cost = 0;

	for (int rung = first; rung <= plan->n_rungs; rung++)
		cost += plan->costs[(rung - 1) * n_trials + trial];
	return cost;
}

/* Which trials fit into the time, in order, if they begin on rung `first`; there may be none. */
static LepStatus
choose_trials(const Planning *planning, int first)
{
	LepTunePlan *plan = planning->plan;
	int n = planning->work->n_trials;

	plan->n_chosen = 0;
	for (int t = 0; t < n; t++)
	{
		if (lep_env_stopped(planning->env))
			return LEP_ERR_STOPPED;
		for (int r = first - 1; r < plan->n_rungs; r++)
			insert_cost(planning->sorted + r * n, plan->n_chosen, plan->costs[r * n + t]);
		if (worst_total(planning, first, plan->n_chosen + 1) <= planning->work->limits.seconds)
		{
			plan->chosen[plan->n_chosen++] = t;
			continue;
		}
		for (int r = first - 1; r < plan->n_rungs; r++)
			remove_cost(planning->sorted + r * n, plan->n_chosen + 1, plan->costs[r * n + t]);
	}
	return LEP_OK;
}

static void
choose_cheapest(const Planning *planning)
{
	LepTunePlan *plan = planning->plan;
	int n = planning->work->n_trials;
	const double *costs = plan->costs + (plan->n_rungs - 1) * n;
	int cheapest = 0;

	for (int t = 1; t < n; t++)
		cheapest = costs[t] < costs[cheapest] ? t : cheapest;
	planning->sorted[(plan->n_rungs - 1) * n] = costs[cheapest];
	plan->chosen[0] = cheapest;
	plan->n_chosen = 1;
}

/* Drop the rungs before `first`. */
static void
drop_rungs(LepTunePlan *plan, int n_trials, int first)
{
	plan->n_rungs -= first - 1;
	memmove(plan->costs, plan->costs + (first - 1) * n_trials,
			sizeof(double) * (size_t) plan->n_rungs * (size_t) n_trials);
}

/* On which rung to begin, and with which trials. */
static LepStatus
choose_rungs(const Planning *planning)
{
	LepTunePlan *plan = planning->plan;
	int first = 1;
	LepStatus status = choose_trials(planning, first);

	/* the rung before the last must have trials to leave out */
	while (status == LEP_OK && first < plan->n_rungs &&
		   (plan->n_chosen == 0 || survivors(plan->n_chosen, plan->n_rungs - first) == 1))
		status = choose_trials(planning, ++first);
	if (status != LEP_OK)
		return status;
	if (plan->n_chosen == 0)
		choose_cheapest(planning);
	plan->seconds = worst_total(planning, first, plan->n_chosen);
	drop_rungs(plan, planning->work->n_trials, first);
	return LEP_OK;
}

/* ------------------------------------------------------------------------- rungs */

typedef struct Tuning
{
	LepArena *arena;
	LepEnv *env;
	const LepTuneWork *work;
	const LepTunePlan *plan;
	LepTuneResult *result;
	int *running; /* [n_trials] trials of the rung, then the best first */
	int n_running;
	LepTuneRow *of_rung; /* [n_trials] rows of the rung, by place in running */
} Tuning;

/* Leave only a share of the users in, each with all of her ratings. */
static LepStatus
sample_users(LepEnv *env, const LepTuneWork *work, double share)
{
	LepRatings *ratings = work->ratings;
	uint64_t seed = lep_hash_combine(work->limits.seed, USER_STREAM);

	for (int32_t u = 0; share < 1 && u < ratings->n_users; u++)
	{
		bool in = lep_ratings_in_sample(ratings, u, seed, share);

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (j % STOP_RATINGS == 0 && lep_env_stopped(env))
				return LEP_ERR_STOPPED;
			if (!in)
				ratings->part[j] = LEP_PART_UNUSED;
		}
	}
	return LEP_OK;
}

/* What training would test on is not used, what it would validate on is the test. */
static LepStatus
split_for_rung(LepEnv *env, const LepTuneWork *work, double share)
{
	static const uint8_t becomes[] = {
		[LEP_PART_TRAIN] = LEP_PART_TRAIN,
		[LEP_PART_VALIDATION] = LEP_PART_TEST,
		[LEP_PART_TEST] = LEP_PART_UNUSED,
		[LEP_PART_UNUSED] = LEP_PART_UNUSED,
	};
	LepRatings *ratings = work->ratings;
	LepOptions options = work->trials[0];
	LepStatus status = lep_split(env, ratings, &options);

	if (status != LEP_OK)
		return status;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % STOP_RATINGS == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		ratings->part[j] = becomes[ratings->part[j]];
	}
	options.seed = (int64_t) lep_hash_combine((uint64_t) options.seed, VALIDATION_STREAM);
	status = lep_split_validation(env, ratings, &options);
	return status == LEP_OK ? sample_users(env, work, share) : status;
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
	LepStatus status = split_for_rung(tuning->env, work, share_of(tuning->plan->n_rungs, rung));

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
		row->cost = tuning->plan->costs[(rung - 1) * work->n_trials + row->trial];
		row->baseline = references.baseline.figure[work->metric].value;
		row->popular = references.popular.figure[work->metric].value;
		row->best = false;
		status = run_trial(tuning, &contest, row);
	}
	lep_arena_drop(&arena);
	if (status != LEP_OK)
		return status;
	sort_rows(tuning, rows, tuning->n_running);
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

/* The best of the rung, those that failed not among them, are for the next one. */
static void
choose_survivors(Tuning *tuning)
{
	int most = survivors(tuning->n_running, 2);
	int n = 0;

	for (int i = 0; i < tuning->n_running && n < most; i++)
	{
		if (tuning->of_rung[i].note == LEP_TUNE_RAN)
			tuning->running[n++] = tuning->of_rung[i].trial;
	}
	tuning->n_running = n;
}

/* What does not run, by trial. */
static void
leave_out_rest(Tuning *tuning)
{
	const LepTunePlan *plan = tuning->plan;
	LepTuneResult *result = tuning->result;
	int n = tuning->work->n_trials;
	int next = 0;

	for (int t = 0; t < n; t++)
	{
		if (next < plan->n_chosen && plan->chosen[next] == t)
			next++;
		else
			result->rows[result->n_rows++] =
				(LepTuneRow){ t,	0, cost_of_rungs(plan, n, 1, t), { NAN, NAN, 0 }, NAN, NAN, LEP_TUNE_TIME,
							  false };
	}
}

static LepStatus
run_rungs(Tuning *tuning)
{
	LepTuneResult *result = tuning->result;
	int n_rungs = tuning->plan->n_rungs;
	LepStatus status = LEP_OK;

	leave_out_rest(tuning);
	for (int rung = 1; status == LEP_OK && rung <= n_rungs; rung++)
	{
		status = run_rung(tuning, rung);
		if (status != LEP_OK)
			return status;
		prepend_rows(tuning);
		choose_survivors(tuning);
		/* nothing to go on with: the reason of the last that failed is in env */
		if (tuning->n_running == 0)
			return lep_env_failure(tuning->env);
		/* nothing to be compared with: its figure is that of all users */
		if (tuning->n_running == 1 && rung < n_rungs)
			rung = n_rungs - 1;
	}
	result->rows[0].best = !isnan(result->rows[0].figure.value);
	return LEP_OK;
}

/* -------------------------------------------------------------------------- both */

LepStatus
lep_tune_plan(LepArena *arena, const LepTuneWork *work, LepTunePlan *plan)
{
	LepEnv *env = arena->env;
	Planning planning = { env, work, plan, 0, NULL, NULL };
	LepArena scratch;
	LepStatus status = split_for_rung(env, work, 1);

	memset(plan, 0, sizeof(*plan));
	plan->n_rungs = count_rungs(work);
	if (status == LEP_OK)
		status = lep_view_count(env, work->ratings, LEP_PARTS_TRAIN, &planning.n_train);
	if (status != LEP_OK)
		return status;
	plan->costs = lep_arena_alloc(arena, (int64_t) work->n_trials * plan->n_rungs, sizeof(double));
	plan->chosen = lep_arena_alloc(arena, work->n_trials, sizeof(int));
	lep_arena_init(&scratch, env);
	planning.references = lep_arena_alloc(&scratch, plan->n_rungs, sizeof(double));
	planning.sorted = lep_arena_alloc(&scratch, (int64_t) work->n_trials * plan->n_rungs, sizeof(double));
	if (plan->costs == NULL || plan->chosen == NULL || planning.references == NULL || planning.sorted == NULL)
		status = lep_env_failure(env);
	if (status == LEP_OK)
		status = estimate_costs(&planning);
	if (status == LEP_OK)
		status = choose_rungs(&planning);
	lep_arena_drop(&scratch);
	return status;
}

LepStatus
lep_tune(LepArena *arena, const LepTuneWork *work, const LepTunePlan *plan, LepTuneResult *result)
{
	LepEnv *env = arena->env;
	Tuning tuning = { arena, env, work, plan, result, NULL, plan->n_chosen, NULL };
	int64_t n = work->n_trials;
	LepStatus status;

	memset(result, 0, sizeof(*result));
	result->rows = lep_arena_alloc(arena, n * (plan->n_rungs + 1), sizeof(LepTuneRow));
	tuning.running = lep_arena_alloc(arena, n, sizeof(int));
	tuning.of_rung = lep_arena_alloc(arena, n, sizeof(LepTuneRow));
	if (result->rows == NULL || tuning.running == NULL || tuning.of_rung == NULL)
		return lep_env_failure(env);
	memcpy(tuning.running, plan->chosen, sizeof(int) * (size_t) plan->n_chosen);
	status = lep_pool_start(env);
	if (status == LEP_OK)
		status = run_rungs(&tuning);
	lep_pool_shutdown(env);
	return status;
}

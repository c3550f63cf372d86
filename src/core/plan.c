/*
 * plan.c
 *		Candidates, what they cost and what they need; see plan.h.
 */
#include "core/plan.h"

#include <math.h>

#include "core/interval.h"
#include "core/neighbors.h"
#include "core/ranking.h"

/*
 * A score of a list, for each factor in it, and an entry of the row of neighbours of
 * an item that the user has, by column judging of bench/run.sh lists (Zen 5,
 * AVX-512).
 */
#define SCORE_SECONDS	 1.5e-9
#define FACTOR_SECONDS	 6e-11
#define NEIGHBOR_SECONDS 25e-9

int
lep_plan_epochs(const LepSolver *solver, const LepOptions *options)
{
	return solver->iterative ? (int) options->epochs : 1;
}

bool
lep_plan_is_warm(const LepSolver *solver, const LepOptions *options)
{
	return options->warm_start && solver->starts_warm;
}

int
lep_plan_refit_epochs(const LepSolver *solver, const LepOptions *options, int epochs)
{
	return lep_plan_is_warm(solver, options) ? (epochs + 1) / 2 : epochs;
}

static LepShape
shape_of(const LepRatings *ratings, double fraction)
{
	LepShape shape = { ratings->n_users, ratings->n_items, 0, ratings->n_lone, false, false };

	shape.alike = ratings->min_rating == ratings->max_rating;
	shape.n_ratings = (int64_t) ceil(fraction * (double) ratings->n_ratings);
	return shape;
}

/*
 * The share of the ratings that the fit before the refit sees, by the options.
 * Only a random split keeps to its fractions: else all may stay.
 */
static double
train_fraction(const LepCandidate *candidate)
{
	const LepOptions *options = &candidate->options;

	if (options->split != LEP_SPLIT_RANDOM)
		return 1;
	return (1 - options->test_fraction) * (candidate->validates ? 1 - options->validation_fraction : 1);
}

double
lep_plan_judging_cost(const LepShape *shape, const LepCandidate *candidate, double share)
{
	const LepSolver *solver = candidate->solver;
	double n_users = share * (double) shape->n_users;
	double n_items = (double) shape->n_items;
	double basket = (double) shape->n_ratings / (double) shape->n_users;
	double cost = n_users * n_items *
				  (SCORE_SECONDS + FACTOR_SECONDS * (double) lep_solver_factors(solver, &candidate->options));

	if (solver->neighbors != NULL)
		cost += n_users * basket * NEIGHBOR_SECONDS *
				(double) solver->neighbors(shape->n_items, &candidate->options) / n_items;
	return cost;
}

/* Of as many users as make about so many scores. */
static double
judging_cost(const LepRatings *ratings, const LepCandidate *candidate, double max_scores)
{
	LepShape all = shape_of(ratings, 1);
	double share = lep_ranking_share(ratings, max_scores);

	return lep_plan_judging_cost(&all, candidate, share > 0 ? share : 1);
}

/* And to choose by it. */
static double
choice_cost(const LepRatings *ratings, const LepCandidate *candidate)
{
	const LepSolver *solver = candidate->solver;

	if (solver->chooses == NULL || !solver->chooses(&candidate->options))
		return 0;
	return LEP_PLAN_CHOICES * judging_cost(ratings, candidate, LEP_PLAN_CHOICE_SCORES);
}

/* Epochs at most, on the train part and then on everything, and what is judged by. */
static void
set_costs(const LepRatings *ratings, LepCandidate *candidate)
{
	const LepOptions *options = &candidate->options;
	LepShape train = shape_of(ratings, train_fraction(candidate));
	LepShape all = shape_of(ratings, 1);
	int epochs = lep_plan_epochs(candidate->solver, options);

	candidate->cost = epochs * candidate->solver->cost(&train, options);
	candidate->refit_cost = options->refit ? lep_plan_refit_epochs(candidate->solver, options, epochs) *
												 candidate->solver->cost(&all, options)
										   : 0;
	if (ratings->feedback == LEP_FEEDBACK_IMPLICIT)
	{
		if (candidate->validates && options->validation_fraction > 0)
			candidate->cost += judging_cost(ratings, candidate, LEP_PLAN_VALIDATION_SCORES) +
							   choice_cost(ratings, candidate);
		if (options->test_fraction > 0)
			candidate->refit_cost += judging_cost(ratings, candidate, LEP_PLAN_TEST_SCORES);
	}
	candidate->cost += candidate->refit_cost;
}

bool
lep_plan_needs_validation(const LepRatings *ratings, const LepCandidate *candidate)
{
	const LepSolver *solver = candidate->solver;

	return ratings->feedback == LEP_FEEDBACK_EXPLICIT ||
		   (solver->chooses != NULL && solver->chooses(&candidate->options));
}

LepStatus
lep_plan_candidate(const LepRatings *ratings, const LepOptions *given, const LepSolver *solver,
				   LepCandidate *candidate, LepError *error)
{
	LepShape shape = shape_of(ratings, 1);
	LepStatus status;

	if ((solver->feedback >> ratings->feedback & 1) == 0)
	{
		lep_fail(error, LEP_ERR_OPTION_FEEDBACK, lep_feedback_name(ratings->feedback), 0, 0, 0);
		lep_error_set_text(error, lep_algorithm_name(solver->algorithm));
		return LEP_ERR_OPTION_FEEDBACK;
	}
	status = lep_options_resolve(given, solver->algorithm, &candidate->options, error);
	if (status != LEP_OK)
		return status;
	if (solver->adapt != NULL)
		solver->adapt(&shape, &candidate->options);
	candidate->solver = solver;
	candidate->planned = false;
	candidate->reason = LEP_PLAN_COSTS;
	candidate->basis = LEP_PLAN_STANDARD;
	candidate->validates = lep_plan_needs_validation(ratings, candidate);
	set_costs(ratings, candidate);
	return LEP_OK;
}

const char *
lep_plan_reason_name(LepPlanReason reason)
{
	static const char *const names[] = {
		[LEP_PLAN_ONLY] = "the only one",
		[LEP_PLAN_FITS] = "fits into time_limit",
		[LEP_PLAN_CHEAPEST] = "the cheapest: nothing fits into time_limit",
		[LEP_PLAN_COSTS] = "does not fit into time_limit",
		[LEP_PLAN_BETTER] = "a better one fits into time_limit",
	};

	return names[reason];
}

/* The first that fits. */
static int
plan_first(LepCandidate *candidates, int n)
{
	int n_planned = 0;

	for (int c = 0; c < n; c++)
	{
		bool fits = candidates[c].cost <= candidates[c].options.time_limit;

		candidates[c].planned = fits && n_planned == 0;
		candidates[c].reason = candidates[c].planned ? LEP_PLAN_FITS
							   : n_planned > 0		 ? LEP_PLAN_BETTER
													 : LEP_PLAN_COSTS;
		n_planned += candidates[c].planned;
	}
	return n_planned;
}

/* Does the candidate make one part of a blend? */
static bool
makes_neighbors(const LepCandidate *candidate)
{
	return candidate->solver->neighbors != NULL && !candidate->solver->follows;
}

static bool
makes_factors(const LepCandidate *candidate)
{
	return !candidate->solver->follows && lep_solver_factors(candidate->solver, &candidate->options) > 0;
}

/* Is there what the candidate follows from? */
static bool
has_basis(const LepCandidate *candidates, int n, const LepCandidate *candidate)
{
	bool same = false;
	bool neighbors = false;
	bool factors = false;

	for (int c = 0; c < n; c++)
	{
		if (!candidates[c].planned)
			continue;
		same |= candidates[c].solver == candidate->solver;
		neighbors |= makes_neighbors(&candidates[c]);
		factors |= makes_factors(&candidates[c]);
	}
	if (candidate->basis == LEP_PLAN_BLENDED)
		return neighbors && factors;
	return same || candidate->basis != LEP_PLAN_GROWN;
}

/* As many as fit together with what the costliest of them takes at the end. */
static int
plan_race(LepCandidate *candidates, int n)
{
	double fits = 0;
	double refit = 0;
	int n_planned = 0;

	for (int c = 0; c < n; c++)
		candidates[c].planned = false;
	for (int basis = 0; basis < LEP_N_PLAN_BASES; basis++)
	{
		for (int c = 0; c < n; c++)
		{
			LepCandidate *candidate = &candidates[c];
			double last = candidate->refit_cost > refit ? candidate->refit_cost : refit;
			double fit = candidate->cost - candidate->refit_cost;

			if ((int) candidate->basis != basis)
				continue;
			candidate->planned =
				has_basis(candidates, n, candidate) && fits + fit + last <= candidate->options.time_limit;
			candidate->reason = candidate->planned ? LEP_PLAN_FITS : LEP_PLAN_COSTS;
			if (!candidate->planned)
				continue;
			fits += fit;
			refit = last;
			n_planned++;
		}
	}
	return n_planned;
}

void
lep_plan_choose(const LepRatings *ratings, LepCandidate *candidates, int n, bool validation)
{
	bool race = validation && ratings->feedback == LEP_FEEDBACK_IMPLICIT;
	int cheapest = 0;

	/* a single one has nothing to be weighed against */
	if (n == 1)
	{
		candidates[0].planned = true;
		candidates[0].reason = LEP_PLAN_ONLY;
	}
	if (n <= 1 || (race ? plan_race(candidates, n) : plan_first(candidates, n)) > 0)
		return;
	for (int c = 1; c < n; c++)
		cheapest = candidates[c].cost < candidates[cheapest].cost ? c : cheapest;
	candidates[cheapest].planned = true;
	candidates[cheapest].reason = LEP_PLAN_CHEAPEST;
}

/* The variants of a solver, each cheaper than the one before; none if it does not take what was given. */
static LepStatus
add_variants(const LepRatings *ratings, const LepOptions *given, const LepSolver *solver,
			 LepCandidate *candidates, int *n, LepError *error)
{
	LepOptions options = *given;
	int variant = 0;

	do
	{
		LepStatus status = lep_plan_candidate(ratings, &options, solver, &candidates[*n], error);

		if (status != LEP_OK)
			return status;
		if (variant == 0 || candidates[*n].cost < candidates[*n - 1].cost)
			(*n)++;
		options = *given;
	} while (*n < LEP_MAX_TRIALS && solver->variant != NULL && solver->variant(++variant, &options));
	return LEP_OK;
}

/* Do these options of the same call differ in no number? */
static bool
are_equal(const LepOptions *a, const LepOptions *b)
{
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_number(a, i) != lep_option_number(b, i))
			return false;
	}
	return true;
}

/* Is there such a candidate already?  What was given may leave no choice. */
static bool
is_repeated(const LepCandidate *candidates, int n)
{
	for (int c = 0; c < n; c++)
	{
		if (candidates[c].solver == candidates[n].solver &&
			are_equal(&candidates[c].options, &candidates[n].options))
			return true;
	}
	return false;
}

/* Make a blend of these parts, as far as the plan can see it. */
static void
set_blend(const LepRatings *ratings, LepCandidate *candidate, const LepParts *parts)
{
	LepShape shape = shape_of(ratings, 1);

	candidate->options.parts = parts;
	candidate->solver->adapt(&shape, &candidate->options);
}

/* A solver by its standard options, its alternatives, and what follows from the best of them. */
static LepStatus
add_alternatives(const LepRatings *ratings, const LepOptions *given, const LepSolver *solver,
				 LepCandidate *candidates, int *n, LepError *error)
{
	LepCandidate standard;
	LepStatus status = lep_plan_candidate(ratings, given, solver, &standard, error);
	bool more = status == LEP_OK;

	standard.validates = true;
	for (int number = 0; more && *n < LEP_MAX_TRIALS; number++)
	{
		LepCandidate *candidate = &candidates[*n];

		*candidate = standard;
		if (number > 0)
		{
			candidate->basis = LEP_PLAN_ALTERNATIVE;
			more = solver->alternative != NULL && solver->alternative(number, &candidate->options);
		}
		if (!more || is_repeated(candidates, *n))
			continue;
		set_costs(ratings, candidate);
		(*n)++;
	}
	if (status != LEP_OK || *n == LEP_MAX_TRIALS || solver->grow == NULL || !solver->grow(&standard.options))
		return status;
	standard.basis = LEP_PLAN_GROWN;
	set_costs(ratings, &standard);
	candidates[(*n)++] = standard;
	return LEP_OK;
}

/* Entries of a model's neighbours, and what its users have. */
static size_t
neighbors_size(const LepRatings *ratings, const LepCandidate *candidate)
{
	size_t bytes;

	if (candidate->solver->neighbors == NULL)
		return 0;
	bytes = lep_mul_size((size_t) candidate->solver->neighbors(ratings->n_items, &candidate->options),
						 sizeof(int32_t) + sizeof(float));
	bytes = lep_add_size(bytes, ((size_t) ratings->n_items + 1) * sizeof(int64_t));
	bytes = lep_add_size(bytes, ((size_t) ratings->n_users + 1) * sizeof(int64_t));
	return lep_add_size(bytes, lep_mul_size((size_t) ratings->n_ratings, sizeof(int32_t)));
}

static size_t
model_size(const LepRatings *ratings, const LepCandidate *candidate)
{
	size_t ids = (size_t) ratings->n_users + (size_t) ratings->n_items;
	size_t bytes = lep_model_size(ratings->n_users, ratings->n_items,
								  lep_solver_factors(candidate->solver, &candidate->options));

	if (candidate->solver->samples)
		bytes = lep_add_size(bytes, ids * sizeof(float));
	return lep_add_size(bytes, neighbors_size(ratings, candidate));
}

/* What a candidate is large by. */
typedef double (*CandidateSize)(const LepRatings *ratings, const LepCandidate *candidate);

static double
cost_of(const LepRatings *ratings, const LepCandidate *candidate)
{
	(void) ratings;
	return candidate->cost;
}

/* Bytes, of the solver and of its model. */
static double
memory_of(const LepRatings *ratings, const LepCandidate *candidate)
{
	LepShape all = shape_of(ratings, 1);

	return (double) candidate->solver->memory(&all, &candidate->options, 1) +
		   (double) model_size(ratings, candidate);
}

/* What a blend of these candidates is made of at most; false: there is nothing to blend. */
static bool
largest_parts(const LepRatings *ratings, const LepCandidate *candidates, int n, CandidateSize size,
			  LepParts *parts)
{
	const LepCandidate *largest[2] = { NULL, NULL };

	for (int c = 0; c < n; c++)
	{
		const LepCandidate *candidate = &candidates[c];

		for (int p = 0; p < 2; p++)
		{
			if ((p == 0 ? makes_neighbors(candidate) : makes_factors(candidate)) &&
				(largest[p] == NULL || size(ratings, candidate) > size(ratings, largest[p])))
				largest[p] = candidate;
		}
	}
	if (largest[0] == NULL || largest[1] == NULL)
		return false;
	for (int p = 0; p < 2; p++)
		lep_options_to_part(&largest[p]->options, &parts->part[p]);
	return true;
}

/*
 * A candidate that will be made of others before it.  Its parts are not known
 * yet: it is planned as if they were the costliest.
 */
static LepStatus
add_blended(const LepRatings *ratings, const LepOptions *given, const LepSolver *solver,
			LepCandidate *candidates, int *n, LepError *error)
{
	LepCandidate *candidate = &candidates[*n];
	LepParts parts;
	LepStatus status = lep_plan_candidate(ratings, given, solver, candidate, error);

	if (status != LEP_OK)
		return status;
	if (!largest_parts(ratings, candidates, *n, cost_of, &parts))
	{
		/* an option leaves nothing but a blend: of its standard parts */
		(*n)++;
		return LEP_OK;
	}
	candidate->basis = LEP_PLAN_BLENDED;
	candidate->validates = true;
	set_blend(ratings, candidate, &parts);
	set_costs(ratings, candidate);
	candidate->options.parts = NULL;
	(*n)++;
	return LEP_OK;
}

static LepStatus
add_solver(const LepRatings *ratings, const LepOptions *given, const LepSolver *solver,
		   LepCandidate *candidates, int *n, LepError *error)
{
	if (ratings->feedback == LEP_FEEDBACK_EXPLICIT)
		return add_variants(ratings, given, solver, candidates, n, error);
	if (solver->follows && !lep_option_given(given, lep_option_find("parts")))
		return add_blended(ratings, given, solver, candidates, n, error);
	return add_alternatives(ratings, given, solver, candidates, n, error);
}

LepStatus
lep_plan_candidates(const LepRatings *ratings, const LepOptions *given, LepCandidate *candidates, int *n,
					LepError *error)
{
	/* what says least, until a solver has a better reason */
	LepStatus first_failure = LEP_ERR_OPTION_FEEDBACK;
	LepError first_error = { .status = LEP_ERR_OPTION_FEEDBACK };
	const LepSolver *solver = lep_solver_get((LepAlgorithm) given->algorithm);

	*n = 0;
	if (solver != NULL)
	{
		LepStatus status = lep_plan_candidate(ratings, given, solver, &candidates[0], error);

		*n = status == LEP_OK;
		lep_plan_choose(ratings, candidates, *n, false);
		return status;
	}
	for (int i = 0; (solver = lep_solver_candidate(i)) != NULL && *n < LEP_MAX_TRIALS; i++)
	{
		LepStatus status = add_solver(ratings, given, solver, candidates, n, error);

		if (status == LEP_OK)
			continue;
		if (first_failure == LEP_ERR_OPTION_FEEDBACK)
		{
			first_failure = status;
			first_error = *error;
		}
	}
	if (*n == 1)
		lep_plan_choose(ratings, candidates, 1, false);
	if (*n > 0)
		return LEP_OK;
	*error = first_error;
	return first_failure;
}

/* The ratings themselves, with their id maps. */
static size_t
ratings_size(const LepRatings *ratings, bool with_time)
{
	size_t row = sizeof(int32_t) + sizeof(float) + sizeof(uint8_t) + (with_time ? sizeof(int64_t) : 0);
	size_t bytes = lep_mul_size((size_t) ratings->n_ratings, row);

	bytes = lep_add_size(bytes, ((size_t) ratings->n_users + 1) * sizeof(int64_t));
	return lep_add_size(bytes, lep_add_size(lep_idmap_size(ratings->users), lep_idmap_size(ratings->items)));
}

bool
lep_plan_uses_time(const LepCandidate *candidates, int n)
{
	for (int c = 0; c < n; c++)
	{
		if (candidates[c].planned && candidates[c].solver->uses_time)
			return true;
	}
	return false;
}

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Bytes to measure residuals of the validation part with. */
static size_t
residuals_size(const LepRatings *ratings, const LepOptions *options)
{
	double part = options->validation_fraction * (1 - options->test_fraction);

	if (ratings->feedback == LEP_FEEDBACK_IMPLICIT)
		return 0;
	return lep_intervals_size((int64_t) (part * (double) ratings->n_ratings));
}

/*
 * Bytes to judge lists with: what a batch of users reaches by neighbours, and sums
 * for each thread (ranker.h); who is relevant and who is seen.
 */
static size_t
judging_size(const LepRatings *ratings, const LepCandidate *candidate, int n_threads)
{
	const LepSolver *solver = candidate->solver;
	double basket = (double) ratings->n_ratings / (double) ratings->n_users;
	double reached;
	size_t bytes = lep_mul_size((size_t) ratings->n_ratings, sizeof(int32_t));

	bytes = lep_add_size(bytes, lep_mul_size((size_t) ratings->n_users, 3 * sizeof(int64_t)));
	if (solver->neighbors == NULL)
		return bytes;
	reached = basket * (double) solver->neighbors(ratings->n_items, &candidate->options) / ratings->n_items;
	reached = reached < ratings->n_items ? reached : ratings->n_items;
	bytes = lep_add_size(bytes, LEP_RANKER_BATCH * (size_t) reached * (sizeof(int32_t) + sizeof(double)));
	return lep_add_size(bytes,
						lep_mul_size((size_t) n_threads, lep_neighbors_scratch_size(ratings->n_items)));
}

/*
 * Bytes beside the ratings.  A fit with validation holds two models and the
 * solver's state, and the best model of the candidates before it, and for implicit
 * feedback is judged so; then the best is looked at alone; a refit holds one model and a state on all ratings.
 */
static size_t
work_size(const LepRatings *ratings, const LepCandidate *candidates, int n, int n_threads)
{
	size_t peak = 0;
	size_t held = 0;

	for (int c = 0; c < n; c++)
	{
		LepCandidate candidate = candidates[c];
		const LepSolver *solver = candidate.solver;
		const LepOptions *options = &candidate.options;
		LepParts parts;
		LepShape train = shape_of(ratings, train_fraction(&candidates[c]));
		LepShape all = shape_of(ratings, 1);
		size_t model;
		bool keeps_best = ratings->feedback == LEP_FEEDBACK_EXPLICIT && options->validation_fraction > 0 &&
						  solver->iterative && !solver->samples;
		size_t fit;
		size_t refit;

		if (!candidate.planned)
			continue;
		if (candidate.basis == LEP_PLAN_BLENDED && largest_parts(ratings, candidates, n, memory_of, &parts))
			set_blend(ratings, &candidate, &parts);
		model = model_size(ratings, &candidate);
		fit = lep_add_size(keeps_best ? lep_mul_size(model, 2) : model,
						   solver->memory(&train, options, n_threads));
		all.whole = true;
		refit = lep_add_size(model, solver->memory(&all, options, n_threads));
		if (ratings->feedback == LEP_FEEDBACK_IMPLICIT)
		{
			size_t judging = judging_size(ratings, &candidate, n_threads);

			if (candidate.validates && options->validation_fraction > 0)
				fit = lep_add_size(fit, judging);
			peak = larger(peak, lep_add_size(model, judging));
		}
		peak = larger(peak, lep_add_size(held, fit));
		peak = larger(peak, lep_add_size(model, residuals_size(ratings, options)));
		if (lep_plan_is_warm(solver, options))
			refit = lep_add_size(refit, model);
		if (options->refit)
			peak = larger(peak, refit);
		held = larger(held, model);
	}
	return peak;
}

size_t
lep_plan_memory(const LepRatings *ratings, const LepOptions *given, int n_threads)
{
	LepCandidate candidates[LEP_MAX_TRIALS];
	LepError error;
	bool has_time = ratings->time != NULL;
	bool keeps_time;
	int n;

	if (lep_plan_candidates(ratings, given, candidates, &n, &error) != LEP_OK)
		return 0;
	lep_plan_choose(ratings, candidates, n, candidates[0].options.validation_fraction > 0);
	keeps_time = has_time && (!ratings->times_once || lep_plan_uses_time(candidates, n));
	return larger(
		ratings_size(ratings, has_time),
		lep_add_size(ratings_size(ratings, keeps_time), work_size(ratings, candidates, n, n_threads)));
}

double
lep_plan_planned_cost(const LepCandidate *candidates, int n)
{
	double cost = 0;
	double refit = 0;

	for (int c = 0; c < n; c++)
	{
		if (!candidates[c].planned)
			continue;
		cost += candidates[c].cost - candidates[c].refit_cost;
		refit = candidates[c].refit_cost > refit ? candidates[c].refit_cost : refit;
	}
	return cost + refit;
}

double
lep_plan_cost(const LepRatings *ratings, const LepOptions *given)
{
	LepCandidate candidates[LEP_MAX_TRIALS];
	LepError error;
	int n;

	if (lep_plan_candidates(ratings, given, candidates, &n, &error) != LEP_OK)
		return 0;
	lep_plan_choose(ratings, candidates, n, candidates[0].options.validation_fraction > 0);
	return lep_plan_planned_cost(candidates, n);
}

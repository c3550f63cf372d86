/*
 * train.c
 *		From ratings to a model; see train.h.  Knows no algorithm by name.
 *
 * Early stopping.  After each epoch the model is exported and judged on the
 * validation part; the best so far is kept by exchanging it with the one that
 * is written next, so nothing is copied.  `patience` epochs without a better
 * one end the fit.
 *
 * Divergence.  A solver with a step has diverged when its train RMSE is not
 * finite or above MAX_RMSE_RATIO times the standard deviation of the ratings,
 * or when the model is not sane.  It is begun again with half the step, at most
 * MAX_RETRIES times.
 *
 * Memory.  Models are in the caller's arena; those that lose are freed at once.
 * A solver's state has an arena of its own that ends with the fit.
 */
#include "core/train.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "core/interval.h"
#include "core/neighbors.h"
#include "core/plan.h"
#include "core/pool.h"
#include "core/precision.h"
#include "core/race.h"
#include "core/split.h"
#include "core/view.h"

#define MAX_RETRIES	   6
#define MAX_RMSE_RATIO 4

/* One fit: the input above, what came out below. */
typedef struct Fit
{
	const LepSolver *solver;
	LepOptions options; /* the step is halved in here */
	unsigned parts;
	bool validate;	/* judge it on the validation part */
	bool lists;		/* by its lists, as implicit feedback is, and not by its errors */
	int max_epochs; /* exactly so many without validation */
	LepPhase phase;
	double share_begin; /* of the training's work that is done before it, and after it; NaN: not known */
	double share_end;
	double max_rmse; /* above it a run has diverged; 0: no limit */
	float min_score;
	float max_score;

	LepModel model; /* in the caller's arena */
	LepModel spare; /* validation only; freed at the end */
	int epochs;		/* of the model */
	int n_retries;
	LepErrorMetrics validation; /* of the model */
	LepFigure ndcg;				/* likewise, for implicit feedback */
	LepCurvePoint *curve;		/* in the caller's arena */
	int n_curve;
} Fit;

typedef struct Training
{
	LepArena *arena; /* the caller's */
	LepEnv *env;
	LepRatings *ratings;
	LepTrainResult *result;
	LepCandidate candidates[LEP_MAX_TRIALS];
	int n_candidates;
	bool presplit;	  /* the parts are the caller's and mean what they say */
	bool validates;	  /* is there anything that the validation part decides? */
	unsigned parts;	  /* that fits see before the refit */
	LepMoments train; /* of them */
	double work;	  /* core seconds of all fits, by the formulas of plan.h */
	double work_done;
	Fit best;
} Training;

static double
wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static void
report_phase(LepEnv *env, LepPhase phase)
{
	LepProgress progress = { phase, NULL, 0, 0, NAN, NAN, NAN };

	lep_env_progress(env, &progress);
}

static LepStatus
create_model(LepArena *arena, const LepRatings *ratings, const Fit *fit, LepModel *model)
{
	int n_bins = fit->solver->time_bins != NULL ? fit->solver->time_bins(ratings, &fit->options) : 0;
	LepStatus status = lep_model_create(arena, ratings->n_users, ratings->n_items,
										lep_solver_factors(fit->solver, &fit->options), model);

	model->min_score = fit->min_score;
	model->max_score = fit->max_score;
	if (status == LEP_OK && fit->solver->samples)
		status = lep_model_add_variances(arena, model);
	if (status == LEP_OK && n_bins > 0)
		status = lep_model_add_times(arena, n_bins, model);
	if (status == LEP_OK && fit->solver->neighbors != NULL)
		status =
			lep_model_add_neighbors(arena, fit->solver->neighbors(ratings->n_items, &fit->options), model);
	if (status == LEP_OK && model->neighbors != NULL)
		status = lep_neighbors_take_baskets(arena, ratings, fit->parts, model->neighbors);
	return status;
}

static LepStatus
fail_diverged(LepEnv *env, const Fit *fit, int epoch)
{
	lep_fail(&env->error, LEP_ERR_DIVERGED, lep_algorithm_name(fit->solver->algorithm),
			 fit->options.learning_rate, 0, 0);
	env->error.row = epoch;
	return LEP_ERR_DIVERGED;
}

/* NaN says "not known" where there is no step. */
static bool
has_diverged(const Fit *fit, double train_rmse)
{
	if (!fit->solver->has_step)
		return isinf(train_rmse);
	return !isfinite(train_rmse) || (fit->max_rmse > 0 && train_rmse > fit->max_rmse);
}

/* Is each epoch judged, and the best kept?  Else it is the last that counts. */
static bool
judges_epochs(const Fit *fit)
{
	return fit->validate && !fit->lists && !fit->solver->samples;
}

/*
 * Judge the epoch on the validation part, keeping its model if it is the best.
 */
static LepStatus
validate_epoch(LepEnv *env, const LepRatings *ratings, void *state, Fit *fit, LepCurvePoint *point)
{
	LepModel *model = fit->epochs == 0 ? &fit->model : &fit->spare;
	LepErrorMetrics metrics;
	LepStatus status = fit->solver->export_model(env, state, model);

	if (status == LEP_OK)
		status = lep_metrics_errors(env, model, ratings, LEP_PARTS_VALIDATION, &metrics);
	if (status != LEP_OK)
		return status;
	if (!isfinite(metrics.rmse))
		return fail_diverged(env, fit, point->epoch);
	point->validation_rmse = metrics.rmse;
	if (fit->epochs > 0 && !(metrics.rmse < fit->validation.rmse))
		return LEP_OK;
	if (fit->epochs > 0)
	{
		LepModel better = fit->spare;

		fit->spare = fit->model;
		fit->model = better;
	}
	fit->validation = metrics;
	fit->epochs = point->epoch;
	return LEP_OK;
}

/* One epoch, its curve point and its progress report. */
static LepStatus
run_epoch(LepEnv *env, const LepRatings *ratings, void *state, Fit *fit, int epoch)
{
	LepCurvePoint point = { epoch, NAN, NAN };
	LepProgress progress;
	LepStatus status = fit->solver->epoch(env, state, epoch, &point.train_rmse);

	if (status == LEP_OK && has_diverged(fit, point.train_rmse))
		status = fail_diverged(env, fit, epoch);
	if (status == LEP_OK && judges_epochs(fit))
		status = validate_epoch(env, ratings, state, fit, &point);
	if (status != LEP_OK)
		return status;
	if (fit->curve != NULL)
		fit->curve[fit->n_curve++] = point;
	progress.phase = fit->phase;
	progress.algorithm = lep_algorithm_name(fit->solver->algorithm);
	progress.epoch = epoch;
	progress.n_epochs = fit->max_epochs;
	progress.train_rmse = point.train_rmse;
	progress.validation_rmse = point.validation_rmse;
	progress.share = fit->share_begin + (fit->share_end - fit->share_begin) * epoch / fit->max_epochs;
	lep_env_progress(env, &progress);
	return LEP_OK;
}

/* The model after all epochs, judged if there is a part for it. */
static LepStatus
export_last(LepEnv *env, const LepRatings *ratings, void *state, Fit *fit)
{
	LepStatus status = fit->solver->export_model(env, state, &fit->model);

	fit->epochs = fit->max_epochs;
	if (status != LEP_OK || !fit->validate)
		return status;
	if (fit->solver->chooses != NULL && fit->solver->chooses(&fit->options))
		status = fit->solver->choose(env, state, ratings, &fit->options, &fit->model);
	if (status != LEP_OK)
		return status;
	if (fit->lists)
		return lep_race_judge(env, ratings, &fit->model, &fit->ndcg);
	return lep_metrics_errors(env, &fit->model, ratings, LEP_PARTS_VALIDATION, &fit->validation);
}

/* All epochs from a fresh state; leaves the model of the best. */
static LepStatus
run_epochs(LepArena *state_arena, const LepRatings *ratings, Fit *fit)
{
	LepEnv *env = state_arena->env;
	void *state;
	bool sane;
	LepStatus status = fit->solver->start(state_arena, ratings, fit->parts, &fit->options, &state);

	fit->epochs = 0;
	fit->n_curve = 0;
	for (int epoch = 1; status == LEP_OK && epoch <= fit->max_epochs; epoch++)
	{
		status = run_epoch(env, ratings, state, fit, epoch);
		if (judges_epochs(fit) && epoch - fit->epochs >= fit->options.patience)
			break;
	}
	if (status == LEP_OK && !judges_epochs(fit))
		status = export_last(env, ratings, state, fit);
	if (status == LEP_OK)
		status = lep_model_check(env, &fit->model, &sane);
	if (status == LEP_OK && !sane)
		status = fail_diverged(env, fit, fit->epochs);
	return status;
}

/* Fit a model, with smaller steps if need be. */
static LepStatus
fit_model(LepArena *arena, const LepRatings *ratings, Fit *fit)
{
	LepArena state_arena;
	LepStatus status = create_model(arena, ratings, fit, &fit->model);

	memset(&fit->spare, 0, sizeof(fit->spare));
	if (status == LEP_OK && judges_epochs(fit) && fit->max_epochs > 1)
		status = create_model(arena, ratings, fit, &fit->spare);
	fit->n_retries = 0;
	lep_arena_init(&state_arena, arena->env);
	while (status == LEP_OK)
	{
		status = run_epochs(&state_arena, ratings, fit);
		lep_arena_drop(&state_arena);
		if (status != LEP_ERR_DIVERGED || !fit->solver->has_step || fit->n_retries == MAX_RETRIES)
			break;
		fit->n_retries++;
		fit->options.learning_rate /= 2;
		status = LEP_OK;
	}
	lep_model_free(arena, &fit->spare);
	return status;
}

/*
 * The scale of predictions: as given, else what was seen; scores for implicit
 * feedback are in no unit of the ratings and are left as they are.
 */
static void
set_scale(const LepRatings *ratings, Fit *fit)
{
	if (lep_option_given(&fit->options, lep_option_find("rating_scale")))
	{
		fit->min_score = (float) fit->options.rating_scale[0];
		fit->max_score = (float) fit->options.rating_scale[1];
	}
	else if (ratings->feedback == LEP_FEEDBACK_IMPLICIT)
	{
		fit->min_score = -FLT_MAX;
		fit->max_score = FLT_MAX;
	}
	else
	{
		fit->min_score = ratings->min_rating;
		fit->max_score = ratings->max_rating;
	}
}

/*
 * What part of the work is done, once so many core seconds more are.  Ratings that
 * were split beforehand are one training of many: nothing is known of the whole.
 */
static double
share_of_work(const Training *training, double more)
{
	if (training->presplit || !(training->work > 0))
		return NAN;
	more += training->work_done;
	return more < training->work ? more / training->work : 1;
}

/* A fit to the train part, for all epochs; callers change what they need. */
static void
init_fit(const Training *training, Fit *fit, const LepSolver *solver, const LepOptions *options)
{
	memset(fit, 0, sizeof(*fit));
	fit->solver = solver;
	fit->options = *options;
	fit->parts = training->parts;
	fit->lists = training->ratings->feedback == LEP_FEEDBACK_IMPLICIT;
	fit->max_epochs = lep_plan_epochs(solver, options);
	fit->phase = LEP_PHASE_TRAIN;
	fit->share_begin = fit->share_end = share_of_work(training, 0);
	fit->max_rmse = MAX_RMSE_RATIO * training->train.sd;
	lep_metrics_clear(&fit->validation);
	fit->ndcg = (LepFigure){ NAN, NAN, 0 };
	set_scale(training->ratings, fit);
}

/* Is a better than b?  NaN is not known: the first stays. */
static bool
is_better(const Fit *a, const Fit *b)
{
	if (b->solver == NULL)
		return true;
	return a->lists ? a->ndcg.value > b->ndcg.value : a->validation.rmse < b->validation.rmse;
}

/* Fit a candidate; it becomes the best or is thrown away. */
static LepStatus
try_candidate(Training *training, const LepCandidate *candidate, LepTrial *trial)
{
	LepArena *arena = training->arena;
	Fit fit;
	Fit *loser = &fit;
	LepStatus status;

	init_fit(training, &fit, candidate->solver, &candidate->options);
	fit.validate = training->result->n_validation > 0 && training->validates;
	fit.share_end = share_of_work(training, candidate->cost - candidate->refit_cost);
	fit.curve = lep_arena_alloc(arena, fit.max_epochs, sizeof(LepCurvePoint));
	if (fit.curve == NULL)
		return lep_env_failure(training->env);
	status = fit_model(arena, training->ratings, &fit);
	if (status != LEP_OK)
	{
		lep_arena_free(arena, fit.curve);
		lep_model_free(arena, &fit.model);
		return status;
	}
	trial->ran = true;
	trial->options = fit.options;
	trial->validation_rmse = fit.validation.rmse;
	trial->validation_ndcg = fit.ndcg;
	trial->epochs = fit.epochs;
	if (is_better(&fit, &training->best))
	{
		Fit previous = training->best;

		for (int t = 0; t < training->result->n_trials; t++)
			training->result->trials[t].chosen = trial == &training->result->trials[t];
		training->best = fit;
		fit = previous;
	}
	lep_arena_free(arena, loser->curve);
	lep_model_free(arena, &loser->model);
	return LEP_OK;
}

/*
 * Fit what is planned.  A candidate that diverges in spite of smaller steps is
 * out, but only if another one is left.
 */
static LepStatus
try_candidates(Training *training)
{
	LepTrainResult *result = training->result;
	LepStatus failure = LEP_OK;

	for (int c = 0; c < training->n_candidates; c++)
	{
		LepCandidate *candidate = &training->candidates[c];
		LepTrial *trial = &result->trials[result->n_trials];
		bool runs = candidate->planned && lep_race_follow(training->ratings, result, candidate);
		LepStatus status;

		result->n_trials++;
		trial->algorithm = candidate->solver->algorithm;
		trial->cost = candidate->cost;
		trial->options = candidate->options;
		trial->reason = candidate->reason;
		trial->ran = false;
		trial->chosen = false;
		trial->validation_rmse = NAN;
		trial->validation_ndcg = (LepFigure){ NAN, NAN, 0 };
		trial->epochs = 0;
		if (!runs)
			continue;
		status = try_candidate(training, candidate, trial);
		training->work_done += candidate->cost - candidate->refit_cost;
		if (status != LEP_OK && status != LEP_ERR_DIVERGED)
			return status;
		if (status != LEP_OK)
			failure = status;
	}
	return training->best.solver != NULL ? LEP_OK : failure;
}

/* Lists of what users have not rated in the train and validation parts. */
static LepStatus
test_ranking(const Training *training, const LepModel *model, LepRankingMetrics *metrics)
{
	LepRankingSplit split = { training->ratings, LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION,
							  LEP_PARTS_TEST,	 LEP_TRAIN_K,
							  LEP_RANKING_CHEAP, LEP_PLAN_TEST_SCORES };

	return lep_ranking_measure_split(training->env, model, &split, metrics);
}

/* The mean alone, then the biases alone, on the same train and test parts. */
static LepStatus
test_references(Training *training)
{
	LepTrainResult *result = training->result;
	LepRatings *ratings = training->ratings;
	const LepSolver *solver = lep_solver_reference(ratings->feedback);
	LepCandidate reference;
	LepOptions options;
	Fit fit;
	LepStatus status;

	lep_options_init(&options);
	status = lep_plan_candidate(ratings, &options, solver, &reference, &training->env->error);
	if (status != LEP_OK)
		return status;
	init_fit(training, &fit, solver, &reference.options);
	fit.phase = LEP_PHASE_TEST;
	status = fit_model(training->arena, ratings, &fit);
	if (status != LEP_OK)
		return status;
	if (ratings->feedback == LEP_FEEDBACK_IMPLICIT)
		status = test_ranking(training, &fit.model, &result->ranking_popular);
	else
		status =
			lep_metrics_errors(training->env, &fit.model, ratings, LEP_PARTS_TEST, &result->test_baseline);
	lep_model_free(training->arena, &fit.model);
	return status;
}

/* The error of always answering with the train part's mean: a model of zeros. */
static LepStatus
test_mean(Training *training)
{
	LepRatings *ratings = training->ratings;
	LepModel model;
	LepStatus status = lep_model_create(training->arena, ratings->n_users, ratings->n_items, 0, &model);

	if (status != LEP_OK)
		return status;
	model.mean = training->train.mean;
	model.min_score = training->best.min_score;
	model.max_score = training->best.max_score;
	status = lep_metrics_errors(training->env, &model, ratings, LEP_PARTS_TEST, &training->result->test_mean);
	lep_model_free(training->arena, &model);
	return status;
}

/* How ratings that the best model has not seen lie around its predictions. */
static LepStatus
describe_residuals(Training *training)
{
	LepTrainResult *result = training->result;
	const Fit *best = &training->best;
	LepStatus status;

	if (training->ratings->feedback == LEP_FEEDBACK_IMPLICIT || result->n_validation == 0)
		return LEP_OK;
	status = lep_intervals_measure(training->env, &best->model, training->ratings, LEP_PARTS_VALIDATION,
								   &result->intervals);
	if (status == LEP_OK && best->options.point == LEP_POINT_MEDIAN)
		status = lep_levels_measure(training->env, &best->model, training->ratings, LEP_PARTS_VALIDATION,
									&result->levels);
	if (status == LEP_OK && result->levels.n > 0)
		status = lep_levels_error(training->env, &best->model, training->ratings, LEP_PARTS_TEST,
								  &result->levels, &result->median_mae);
	return status;
}

/* Judge the best model on the test part, beside the references. */
static LepStatus
test_best(Training *training)
{
	LepTrainResult *result = training->result;
	LepEnv *env = training->env;
	const LepModel *model = &training->best.model;
	LepStatus status;

	if (result->n_test == 0)
		return LEP_OK;
	if (training->ratings->feedback == LEP_FEEDBACK_IMPLICIT)
		status = test_ranking(training, model, &result->ranking);
	else
	{
		status = lep_metrics_errors(env, model, training->ratings, LEP_PARTS_TEST, &result->test);
		if (status == LEP_OK)
			status = test_mean(training);
		if (status == LEP_OK)
			status = lep_count_errors(env, model, training->ratings, training->parts, LEP_PARTS_TEST,
									  &result->test_by_user, &result->test_by_item);
	}
	return status == LEP_OK ? test_references(training) : status;
}

/*
 * The published model: the best one, or one of its kind fitted to everything,
 * with the number of epochs and the step that proved right.
 */
static LepStatus
refit_best(Training *training)
{
	LepTrainResult *result = training->result;
	Fit *best = &training->best;
	LepMoments all;
	Fit fit;
	bool is_warm;
	LepStatus status;

	result->n_retries = best->n_retries;
	result->refitted = best->options.refit && result->n_train < training->ratings->n_ratings;
	if (!result->refitted)
		return LEP_OK;
	report_phase(training->env, LEP_PHASE_REFIT);
	is_warm = lep_plan_is_warm(best->solver, &best->options);
	if (!is_warm)
		lep_model_free(training->arena, &best->model);
	init_fit(training, &fit, best->solver, &best->options);
	fit.parts = LEP_PARTS_ALL;
	fit.max_epochs = lep_plan_refit_epochs(best->solver, &best->options, best->epochs);
	fit.phase = LEP_PHASE_REFIT;
	fit.share_end = 1;
	/* what was held out may spread wider than the train part: that is no divergence */
	status = lep_view_moments(training->env, training->ratings, LEP_PARTS_ALL, &all);
	if (status != LEP_OK)
		return status;
	fit.max_rmse = MAX_RMSE_RATIO * all.sd;
	training->ratings->start = is_warm ? &best->model : NULL;
	status = fit_model(training->arena, training->ratings, &fit);
	training->ratings->start = NULL;
	if (is_warm)
		lep_model_free(training->arena, &best->model);
	best->model = fit.model;
	best->options = fit.options;
	result->n_retries += fit.n_retries;
	return status;
}

/* Nothing known yet: NaN rather than a good-looking 0. */
static void
clear_result(LepTrainResult *result)
{
	memset(result, 0, sizeof(*result));
	lep_metrics_clear(&result->test);
	lep_metrics_clear(&result->test_mean);
	lep_metrics_clear(&result->test_baseline);
	lep_metrics_clear(&result->validation);
	result->validation_ndcg = (LepFigure){ NAN, NAN, 0 };
	result->median_mae = NAN;
	lep_ranking_clear(&result->ranking);
	lep_ranking_clear(&result->ranking_popular);
}

/* Is there anything that the validation part decides, with what is planned? */
static bool
needs_validation(const Training *training)
{
	bool needs = false;
	int n_planned = 0;

	for (int c = 0; c < training->n_candidates; c++)
	{
		if (!training->candidates[c].planned)
			continue;
		needs |= lep_plan_needs_validation(training->ratings, &training->candidates[c]);
		n_planned++;
	}
	return needs || n_planned > 1;
}

/* What is in each part, which candidates run on it, and what they are fitted to. */
static LepStatus
count_parts(Training *training)
{
	LepTrainResult *result = training->result;
	LepRatings *ratings = training->ratings;
	LepEnv *env = training->env;
	LepStatus status = lep_view_count(env, ratings, LEP_PARTS_VALIDATION, &result->n_validation);

	if (status == LEP_OK)
		status = lep_view_count(env, ratings, LEP_PARTS_TEST, &result->n_test);
	if (status != LEP_OK)
		return status;
	if (training->n_candidates > 1)
		lep_plan_choose(ratings, training->candidates, training->n_candidates, result->n_validation > 0);
	training->work = lep_plan_planned_cost(training->candidates, training->n_candidates);
	training->validates = needs_validation(training);
	training->parts = LEP_PARTS_TRAIN;
	if (!training->validates && !training->presplit)
	{
		training->parts |= LEP_PARTS_VALIDATION;
		result->n_validation = 0;
	}
	status = lep_view_moments(env, ratings, training->parts, &training->train);
	result->n_train = training->train.n;
	if (status == LEP_OK && result->n_train == 0)
		return lep_fail(&env->error, LEP_ERR_EMPTY_TRAIN, NULL, (double) ratings->n_ratings, 0, 0);
	return status;
}

/*
 * From here on the best model is as its stored rows will read, so that metrics,
 * intervals and answers are of the same numbers.
 */
static LepStatus
round_best(Training *training)
{
	Fit *best = &training->best;
	bool sane = true;
	LepStatus status =
		lep_precision_round_model(training->env, (LepPrecision) best->options.storage, &best->model);

	if (status == LEP_OK && best->options.storage != LEP_PRECISION_FLOAT32)
		status = lep_model_check(training->env, &best->model, &sane);
	return status == LEP_OK && !sane ? fail_diverged(training->env, best, best->epochs) : status;
}

static LepStatus
split_ratings(Training *training)
{
	LepStatus status = lep_split(training->env, training->ratings, &training->candidates[0].options);

	if (status == LEP_OK)
		status = count_parts(training);
	if (status == LEP_OK && !lep_plan_uses_time(training->candidates, training->n_candidates))
		lep_ratings_drop_times(training->ratings);
	return status;
}

static void
keep_result(Training *training)
{
	LepTrainResult *result = training->result;
	const Fit *best = &training->best;

	result->model = best->model;
	result->algorithm = best->solver->algorithm;
	result->options = best->options;
	if (best->solver->follows)
		lep_race_keep_parts(training->ratings, result);
	result->epochs = best->epochs;
	result->trained_on = result->refitted ? LEP_PARTS_ALL : training->parts;
	result->validation = best->validation;
	result->validation_ndcg = best->ndcg;
	result->curve = best->curve;
	result->n_curve = best->n_curve;
}

/* All stages, with the pool running. */
static LepStatus
run_training(Training *training)
{
	LepTrainResult *result = training->result;
	double begin = wall_seconds();
	double end;
	LepStatus status;

	report_phase(training->env, LEP_PHASE_SORT);
	status = split_ratings(training);
	end = wall_seconds();
	result->split_seconds = end - begin;
	if (status == LEP_OK)
	{
		report_phase(training->env, LEP_PHASE_TRAIN);
		status = try_candidates(training);
	}
	if (status == LEP_OK)
		status = round_best(training);
	begin = wall_seconds();
	result->fit_seconds = begin - end;
	if (status == LEP_OK)
		report_phase(training->env, LEP_PHASE_TEST);
	if (status == LEP_OK)
		status = describe_residuals(training);
	if (status == LEP_OK)
		status = test_best(training);
	end = wall_seconds();
	result->test_seconds = end - begin;
	if (status != LEP_OK)
		return status;
	status = refit_best(training);
	if (status == LEP_OK && result->refitted)
		status = round_best(training);
	result->refit_seconds = wall_seconds() - end;
	if (status == LEP_OK)
		keep_result(training);
	return status;
}

/* Candidates, and whether there is memory for them. */
static LepStatus
begin_training(Training *training, LepArena *arena, LepRatings *ratings, const LepOptions *given,
			   LepTrainResult *result)
{
	LepEnv *env = arena->env;
	LepStatus status;

	clear_result(result);
	memset(training, 0, sizeof(*training));
	training->arena = arena;
	training->env = env;
	training->ratings = ratings;
	training->result = result;
	status = lep_plan_candidates(ratings, given, training->candidates, &training->n_candidates, &env->error);
	if (status != LEP_OK)
		return status;
	result->memory_estimate = lep_plan_memory(ratings, given, env->n_threads);
	if (env->max_bytes > 0 && result->memory_estimate > env->max_bytes)
		return lep_fail(&env->error, LEP_ERR_MEMORY_LIMIT, env->work, (double) result->memory_estimate, 0,
						(double) env->max_bytes);
	return LEP_OK;
}

LepStatus
lep_train(LepArena *arena, LepRatings *ratings, const LepOptions *given, LepTrainResult *result)
{
	LepEnv *env = arena->env;
	Training training;
	LepStatus status = begin_training(&training, arena, ratings, given, result);

	if (status == LEP_OK)
		status = lep_pool_start(env);
	if (status == LEP_OK)
		status = run_training(&training);
	lep_pool_shutdown(env);
	return status;
}

LepStatus
lep_train_presplit(LepArena *arena, LepRatings *ratings, const LepOptions *given, LepTrainResult *result)
{
	Training training;
	LepStatus status = begin_training(&training, arena, ratings, given, result);

	training.presplit = true;
	if (status == LEP_OK)
		status = count_parts(&training);
	if (status == LEP_OK)
		status = try_candidates(&training);
	if (status == LEP_OK)
		status = round_best(&training);
	if (status == LEP_OK)
		keep_result(&training);
	return status;
}

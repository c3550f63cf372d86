/*
 * training.c
 *		Running a training, and what is said about it.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/blend.h"
#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/pool.h"
#include "pg/errors.h"
#include "pg/folding.h"
#include "pg/interval.h"
#include "pg/jsonbuild.h"
#include "pg/optjson.h"
#include "pg/pgenv.h"
#include "pg/settings.h"
#include "pg/times.h"
#include "pg/training.h"

void
lpg_training_begin(LpgTraining *t)
{
	t->context = AllocSetContextCreate(CurrentMemoryContext, "lepton training", ALLOCSET_DEFAULT_SIZES);
	lpg_env_init(&t->env, t->context);
	t->env.max_bytes = (size_t) lpg_max_training_memory * 1024;
	lep_arena_init(&t->arena, &t->env);
}

/* ------------------------------------------------------------------------ engine */

/* How the factors were trained, a blend's as well. */
static LepStatus
learn_rule(LpgTraining *t)
{
	const LepOptions *options = &t->result.options;
	LepOptions factors = *options;

	t->has_rule = true;
	t->blends = t->result.model.neighbors != NULL;
	if (t->blends)
	{
		t->ratio = lep_blend_ratio(options);
		(void) lep_blend_part(options, LEP_BLEND_FACTORS, NULL, &factors);
	}
	return lep_implicit_rule(&t->env, t->ratings, t->result.trained_on, &factors, &t->rule);
}

/*
 * What new users are folded in by (lepton_topn_for).  It is an extra: where there
 * is no memory for it, or the model is such that there is none, it is left out.
 */
static LepStatus
learn_prior(LpgTraining *t)
{
	const LepModel *m = &t->result.model;
	size_t needed = lep_foldin_learn_size(m->n_users, m->n_items, m->n_factors, t->env.n_threads);
	LepFoldinPrior items;
	LepStatus status;

	if (t->ratings->feedback == LEP_FEEDBACK_IMPLICIT && m->n_factors > 0)
		return learn_rule(t);
	if (t->ratings->feedback != LEP_FEEDBACK_EXPLICIT || m->n_factors == 0 ||
		(t->env.max_bytes > 0 && lep_add_size(t->env.bytes_now, needed) > t->env.max_bytes))
		return LEP_OK;
	status = lep_pool_start(&t->env);
	if (status == LEP_OK)
		status = lep_foldin_learn(&t->arena, m, t->ratings, LEP_PARTS_ALL, &t->prior, &items);
	t->has_prior = status == LEP_OK;
	return status == LEP_ERR_STOPPED ? status : LEP_OK;
}

/* LpgEnvWork */
static LepStatus
train(void *arg)
{
	LpgTraining *t = arg;
	LepStatus status = lep_train(&t->arena, t->ratings, &t->options, &t->result);

	return status == LEP_OK ? learn_prior(t) : status;
}

LepStatus
lpg_training_try(LpgTraining *t, int n_threads)
{
	return lpg_env_run_on(&t->env, n_threads, train, t);
}

void
lpg_training_run(LpgTraining *t, int n_threads)
{
	lpg_check(lpg_training_try(t, n_threads), &t->env.error);
}

/* Of ratings; scores of implicit feedback are in no unit of theirs. */
static void
add_errors(const LepTrainResult *r, LpgJson *json)
{
	lpg_json_real(json, "rmse", r->test.rmse);
	lpg_json_real(json, "mae", r->test.mae);
	lpg_json_real(json, "mean_rmse", r->test_mean.rmse);
	lpg_json_real(json, "mean_mae", r->test_mean.mae);
	lpg_json_real(json, "baseline_rmse", r->test_baseline.rmse);
	lpg_json_real(json, "baseline_mae", r->test_baseline.mae);
	lpg_json_real(json, "validation_rmse", r->validation.rmse);
}

Datum
lpg_training_metrics(const LpgTraining *t)
{
	const LepTrainResult *r = &t->result;
	StringInfoData buffer;
	LpgJson json;

	initStringInfo(&buffer);
	lpg_json_begin(&json, &buffer);
	lpg_json_int(&json, "n_test", r->n_test);
	if (t->ratings->feedback == LEP_FEEDBACK_EXPLICIT)
		add_errors(r, &json);
	if (r->levels.n > 0)
		lpg_json_real(&json, "median_mae", r->median_mae);
	if (r->ranking.k > 0)
	{
		lpg_json_int(&json, "k", r->ranking.k);
		for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		{
			if (r->ranking.figure[m].n > 0)
				lpg_json_real(&json, lep_ranking_name((LepRankingMetric) m), r->ranking.figure[m].value);
		}
		lpg_json_real(&json, "popular_ndcg", r->ranking_popular.figure[LEP_RANKING_NDCG].value);
		lpg_json_int(&json, "n_users", r->ranking.n_users);
	}
	if (r->validation_ndcg.n > 0)
		lpg_json_real(&json, "validation_ndcg", r->validation_ndcg.value);
	lpg_json_end(&json);
	return lpg_json_datum(&buffer);
}

/* The values that predictions have, with option point median. */
static void
add_levels(const LepLevels *levels, LpgJson *serving)
{
	LpgJson json;

	lpg_json_key(serving, "levels");
	lpg_json_begin(&json, serving->buffer);
	lpg_json_floats(&json, "value", levels->value, levels->n);
	lpg_json_floats(&json, "cut", levels->cut, levels->n - 1);
	lpg_json_end(&json);
}

/* What a reader of the model needs; see lpg_registry_read_version. */
static void
add_serving(const LpgTraining *t, LpgJson *details)
{
	const LepModel *m = &t->result.model;
	LpgJson json;

	lpg_json_key(details, "serving");
	lpg_json_begin(&json, details->buffer);
	lpg_json_bool(&json, "implicit", t->ratings->feedback == LEP_FEEDBACK_IMPLICIT);
	lpg_json_int(&json, "n_factors", m->n_factors);
	if (m->neighbors != NULL)
		lpg_json_int(&json, "n_neighbors", m->neighbors->start[m->neighbors->n_rows]);
	lpg_json_real(&json, "mean", m->mean);
	lpg_json_real(&json, "min", m->min_score);
	lpg_json_real(&json, "max", m->max_score);
	lpg_json_int(&json, "unknown", t->result.options.unknown);
	lpg_json_bool(&json, "exclude_seen", t->result.options.exclude_seen);
	if (t->live.on)
		lpg_json_bool(&json, "live", true);
	if (t->eligible.query != NULL)
		lpg_json_bool(&json, "eligible", true);
	if (t->result.levels.n > 0)
		add_levels(&t->result.levels, &json);
	lpg_json_end(&json);
}

static void
add_rows(const LpgTraining *t, LpgJson *details)
{
	LpgJson json;

	lpg_json_key(details, "rows");
	lpg_json_begin(&json, details->buffer);
	lpg_json_int(&json, "read", t->source.n_rows);
	lpg_json_int(&json, "null_user", t->source.n_null_user);
	lpg_json_int(&json, "null_item", t->source.n_null_item);
	lpg_json_int(&json, "null_rating", t->source.n_null_rating);
	lpg_json_int(&json, "null_time", t->source.n_null_time);
	lpg_json_int(&json, "merged_duplicates", t->ratings->n_merged);
	lpg_json_int(&json, "cold", t->ratings->n_cold);
	lpg_json_int(&json, "train", t->result.n_train);
	lpg_json_int(&json, "validation", t->result.n_validation);
	lpg_json_int(&json, "test", t->result.n_test);
	lpg_json_end(&json);
}

static void
add_timings(const LpgTraining *t, LpgJson *details)
{
	LpgJson json;

	lpg_json_key(details, "seconds");
	lpg_json_begin(&json, details->buffer);
	lpg_json_real(&json, "read", t->read_seconds);
	lpg_json_real(&json, "sort", t->sort_seconds);
	lpg_json_real(&json, "split", t->result.split_seconds);
	lpg_json_real(&json, "fit", t->result.fit_seconds);
	lpg_json_real(&json, "test", t->result.test_seconds);
	lpg_json_real(&json, "refit", t->result.refit_seconds);
	lpg_json_real(&json, "write", t->write_seconds);
	lpg_json_end(&json);
}

static void
add_curve(const LpgTraining *t, LpgJson *details)
{
	lpg_json_key(details, "curve");
	appendStringInfoChar(details->buffer, '[');
	for (int i = 0; i < t->result.n_curve; i++)
	{
		const LepCurvePoint *point = &t->result.curve[i];
		LpgJson json;

		if (i > 0)
			appendStringInfoString(details->buffer, ", ");
		lpg_json_begin(&json, details->buffer);
		lpg_json_int(&json, "epoch", point->epoch);
		lpg_json_real(&json, "train_rmse", point->train_rmse);
		lpg_json_real(&json, "validation_rmse", point->validation_rmse);
		lpg_json_end(&json);
	}
	appendStringInfoChar(details->buffer, ']');
}

/* What differs between two trainings of the same. */
static void
add_circumstances(const LpgTraining *t, LpgJson *details)
{
	add_timings(t, details);
	lpg_json_int(details, "memory_estimate",
				 (int64) Max(t->result.memory_estimate, t->ratings->memory_estimate));
	lpg_json_int(details, "memory_peak", (int64) t->env.bytes_peak);
	lpg_json_text(details, "kernel", lep_kernel_level_name(lep_kernels->level));
	lpg_json_int(details, "threads", t->env.n_threads);
	lpg_json_text(details, "search_path", namespace_search_path);
	lpg_changes_to_json(&t->source.changes, details);
}

/* Errors on the test part of users, or items, with so many ratings to learn from. */
static void
add_count_errors(const LepCountErrors *errors, const char *key, LpgJson *json)
{
	bool first = true;

	lpg_json_key(json, key);
	appendStringInfoChar(json->buffer, '[');
	for (int g = 0; g < LEP_COUNT_GROUPS; g++)
	{
		LpgJson group;

		if (errors->n[g] == 0)
			continue;
		if (!first)
			appendStringInfoString(json->buffer, ", ");
		first = false;
		lpg_json_begin(&group, json->buffer);
		lpg_json_int(&group, "from", lep_count_group_begin(g));
		lpg_json_int(&group, "n", errors->n[g]);
		lpg_json_real(&group, "rmse", errors->rmse[g]);
		lpg_json_end(&group);
	}
	appendStringInfoChar(json->buffer, ']');
}

static void
add_test_by_count(const LepTrainResult *r, LpgJson *details)
{
	LpgJson json;

	lpg_json_key(details, "test_by_count");
	lpg_json_begin(&json, details->buffer);
	add_count_errors(&r->test_by_user, "users", &json);
	add_count_errors(&r->test_by_item, "items", &json);
	lpg_json_end(&json);
}

/* A figure and its standard error; null where there is none. */
static void
add_figure(const LepFigure *figure, const char *name, LpgJson *json)
{
	char *error_name = psprintf("%s_error", name);

	lpg_json_real(json, name, figure->value);
	lpg_json_real(json, error_name, figure->std_error);
	pfree(error_name);
}

/* What auto considered, or the one algorithm that was asked for. */
static void
add_trials(const LpgTraining *t, LpgJson *details)
{
	lpg_json_key(details, "trials");
	appendStringInfoChar(details->buffer, '[');
	for (int i = 0; i < t->result.n_trials; i++)
	{
		const LepTrial *trial = &t->result.trials[i];
		LpgJson json;

		if (i > 0)
			appendStringInfoString(details->buffer, ", ");
		lpg_json_begin(&json, details->buffer);
		lpg_json_text(&json, "algorithm", lep_algorithm_name(trial->algorithm));
		lpg_json_key(&json, "options");
		lpg_solver_options_to_json(&trial->options, details->buffer);
		lpg_json_real(&json, "estimated_seconds", trial->cost);
		lpg_json_text(&json, "reason", lep_plan_reason_name(trial->reason));
		lpg_json_bool(&json, "ran", trial->ran);
		if (t->ratings->feedback == LEP_FEEDBACK_EXPLICIT)
			lpg_json_real(&json, "validation_rmse", trial->validation_rmse);
		else
			add_figure(&trial->validation_ndcg, "validation_ndcg", &json);
		lpg_json_int(&json, "epochs", trial->epochs);
		lpg_json_bool(&json, "chosen", trial->chosen);
		lpg_json_end(&json);
	}
	appendStringInfoChar(details->buffer, ']');
}

Datum
lpg_training_details(const LpgTraining *t)
{
	StringInfoData buffer;
	LpgJson json;

	initStringInfo(&buffer);
	lpg_json_begin(&json, &buffer);
	add_serving(t, &json);
	add_rows(t, &json);
	if (t->source.shape.has_time)
		lpg_times_newest_to_json(t->source.newest_time, t->source.time_unit, &json);
	lpg_json_text(&json, "feedback", lep_feedback_name(t->ratings->feedback));
	lpg_json_text(&json, "duplicates", lep_duplicates_name(t->ratings->duplicates));
	lpg_json_key(&json, "options");
	lpg_options_to_json(&t->result.options, &buffer);
	lpg_json_int(&json, "epochs", t->result.epochs);
	lpg_json_bool(&json, "refitted", t->result.refitted);
	lpg_json_int(&json, "retries", t->result.n_retries);
	add_trials(t, &json);
	add_curve(t, &json);
	if (t->ratings->feedback == LEP_FEEDBACK_EXPLICIT && t->result.n_test > 0)
		add_test_by_count(&t->result, &json);
	if (!t->reproducible)
		add_circumstances(t, &json);
	lpg_eligible_to_json(&t->eligible, &json);
	lpg_live_to_json(&t->live, &t->options, &t->source.shape, &json);
	lpg_interval_to_json(&t->result.model, &t->result.intervals, &json);
	lpg_times_to_json(&t->result.model, t->source.time_unit, &json);
	if (t->has_rule)
		lpg_folding_rule_to_json(&t->rule, t->blends && isfinite(t->ratio) ? &t->ratio : NULL, &json);
	if (t->has_prior)
		lpg_folding_prior_to_json(&t->prior, &json);
	lpg_json_end(&json);
	return lpg_json_datum(&buffer);
}

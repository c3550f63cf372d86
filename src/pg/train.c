/*
 * train.c
 *		lepton_train(model, source, options): one version, one transaction.
 *
 * Check and lock the name; read the source; let the engine sort, split, fit, test
 * and refit; write.  All memory of a training is in one context, the engine's
 * threads are joined on every way out, and nothing of the model is touched
 * before there is a version to publish.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/blend.h"
#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/pool.h"
#include "core/train.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/folding.h"
#include "pg/interval.h"
#include "pg/jsonbuild.h"
#include "pg/optjson.h"
#include "pg/pgenv.h"
#include "pg/progress.h"
#include "pg/publish.h"
#include "pg/settings.h"
#include "pg/source.h"
#include "pg/statement.h"
#include "pg/times.h"

/* One training, from arguments to version. */
typedef struct Training
{
	char *name;
	char *source_text;
	LepOptions options; /* as given */
	LpgPublication publication;
	LpgProgress progress;

	MemoryContext context; /* the engine's memory */
	LepEnv env;
	LepArena arena;
	LpgSource source;
	LepRatings *ratings;
	LepTrainResult result;

	bool has_prior;
	LepFoldinPrior prior; /* of new users, explicit feedback */
	bool has_rule;
	bool blends;		  /* with neighbours: */
	double ratio;		  /* lep_blend_ratio() */
	LepImplicitRule rule; /* the same for ials */

	double read_seconds;
	double sort_seconds;
	double write_seconds;
} Training;

static double
wall_seconds(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* ----------------------------------------------------------------- before reading */

/* May this user train a model of this name? */
static void
check_target(Training *t)
{
	LpgTarget *target = &t->publication.target;
	AclResult aclresult;

	if (OidIsValid(target->model))
	{
		lpg_registry_check_owner(target->model);
		return;
	}
	aclresult = lpg_namespace_aclcheck(target->namespace_, GetUserId(), ACL_CREATE);
	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_SCHEMA, get_namespace_name(target->namespace_));
}

/*
 * Find the model and keep others from training it.  Whoever held the lock may
 * have made the model, so the name is looked up again under the lock.
 */
static void
lock_target(Training *t)
{
	LpgTarget *target = &t->publication.target;
	Oid before;

	*target = lpg_registry_find_target(t->name, t->publication.model_type);
	lpg_progress_begin(&t->progress, &t->env, target);
	do
	{
		before = target->model;
		check_target(t);
		lpg_registry_lock_training(target, t->options.wait);
		*target = lpg_registry_find_target(t->name, t->publication.model_type);
	} while (target->model != before);
	lpg_progress_resume(&t->progress, target->model);
	if (OidIsValid(target->model))
		lpg_publish_check_snapshot(target->model, t->publication.model_type);
}

/* ------------------------------------------------------------------------ engine */

/* Refuse as soon as it can be known that memory will not do, or ids do not fit. */
static void
check_source(void *arg, const LpgSource *source)
{
	Training *t = arg;

	lpg_progress_rows(&t->progress, source->n_rows);
	if (source->n_rows == 0 && OidIsValid(t->publication.target.model))
		lpg_publish_check_kinds(t->publication.target.model, t->publication.model_type,
								source->shape.user_kind, source->shape.item_kind);
}

static void
read_source(Training *t)
{
	double begin = wall_seconds();

	lpg_progress_phase(&t->progress, LPG_PHASE_READ);
	lpg_source_read(t->source_text, &t->options, &t->arena, check_source, t, &t->source);
	t->read_seconds = wall_seconds() - begin;
	lpg_progress_rows(&t->progress, t->source.n_rows);
	lpg_progress_phase(&t->progress, LPG_PHASE_SORT);
	begin = wall_seconds();
	lpg_check(lep_ratings_finish(t->source.builder, &t->options, &t->ratings), &t->env.error);
	t->ratings->times_once = true;
	t->sort_seconds = wall_seconds() - begin;
}

/* Say what was assumed, where the user might have meant something else. */
static void
notice_assumptions(const Training *t)
{
	lpg_source_notice_feedback(&t->source, &t->options, t->ratings);
	/* not for what is about to be refused for its memory */
	if (t->env.max_bytes == 0 ||
		lep_plan_memory(t->ratings, &t->options, lpg_settings_threads()) <= t->env.max_bytes)
		lpg_env_notice_cost("training", lep_plan_cost(t->ratings, &t->options));
}

static void
shut_down_pool(int code, Datum arg)
{
	lep_pool_shutdown((LepEnv *) DatumGetPointer(arg));
}

/* How the factors were trained, a blend's as well. */
static LepStatus
learn_rule(Training *t)
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
learn_prior(Training *t)
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

/* FATAL skips PG_FINALLY, and a worker on freed memory takes the server down. */
static void
train(Training *t)
{
	LepStatus status = LEP_OK;

	t->env.n_threads = lpg_settings_threads();
	PG_ENSURE_ERROR_CLEANUP(shut_down_pool, PointerGetDatum(&t->env));
	{
		status = lep_train(&t->arena, t->ratings, &t->options, &t->result);
		if (status == LEP_OK)
			status = learn_prior(t);
	}
	PG_END_ENSURE_ERROR_CLEANUP(shut_down_pool, PointerGetDatum(&t->env));
	lep_pool_shutdown(&t->env);
	lpg_check(status, &t->env.error);
}

/* ---------------------------------------------------------------------- documents */

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

static Datum
build_metrics(const Training *t)
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
add_serving(const Training *t, LpgJson *details)
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
	if (t->result.levels.n > 0)
		add_levels(&t->result.levels, &json);
	lpg_json_end(&json);
}

static void
add_rows(const Training *t, LpgJson *details)
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
add_timings(const Training *t, LpgJson *details)
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
add_curve(const Training *t, LpgJson *details)
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
add_trials(const Training *t, LpgJson *details)
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

static Datum
build_details(const Training *t)
{
	StringInfoData buffer;
	LpgJson json;

	initStringInfo(&buffer);
	lpg_json_begin(&json, &buffer);
	add_serving(t, &json);
	add_rows(t, &json);
	lpg_json_text(&json, "feedback", lep_feedback_name(t->ratings->feedback));
	lpg_json_text(&json, "duplicates", lep_duplicates_name(t->ratings->duplicates));
	lpg_json_key(&json, "options");
	lpg_options_to_json(&t->result.options, &buffer);
	lpg_json_int(&json, "epochs", t->result.epochs);
	lpg_json_bool(&json, "refitted", t->result.refitted);
	lpg_json_int(&json, "retries", t->result.n_retries);
	add_trials(t, &json);
	add_curve(t, &json);
	add_timings(t, &json);
	lpg_json_int(&json, "memory_estimate",
				 (int64) Max(t->result.memory_estimate, t->ratings->memory_estimate));
	lpg_json_int(&json, "memory_peak", (int64) t->env.bytes_peak);
	lpg_json_text(&json, "kernel", lep_kernel_level_name(lep_kernels->level));
	lpg_json_int(&json, "threads", t->env.n_threads);
	lpg_json_text(&json, "search_path", namespace_search_path);
	lpg_interval_to_json(&t->result.model, &t->result.intervals, &json);
	lpg_times_to_json(&t->result.model, t->source.time_unit, &json);
	if (t->has_rule)
		lpg_folding_rule_to_json(&t->rule, t->blends && isfinite(t->ratio) ? &t->ratio : NULL, &json);
	if (t->has_prior)
		lpg_folding_prior_to_json(&t->prior, &json);
	lpg_json_end(&json);
	return lpg_json_datum(&buffer);
}

/* --------------------------------------------------------------------- interface */

static void
init_training(Training *t)
{
	t->context = AllocSetContextCreate(CurrentMemoryContext, "lepton training", ALLOCSET_DEFAULT_SIZES);
	lpg_env_init(&t->env, t->context);
	t->env.max_bytes = (size_t) lpg_max_training_memory * 1024;
	t->env.progress = lpg_progress_engine;
	t->env.progress_host = &t->progress;
	lep_arena_init(&t->arena, &t->env);
}

/* Write what was trained; the row's values. */
static void
publish(Training *t, Datum *values, bool *nulls)
{
	LpgPublication *p = &t->publication;
	double begin = wall_seconds();

	lpg_progress_phase(&t->progress, LPG_PHASE_WRITE);
	p->source = t->source_text;
	p->ratings = t->ratings;
	p->result = &t->result;
	p->keep = t->options.keep;
	p->progress = &t->progress;
	p->metrics = build_metrics(t);
	lpg_publish_factors(p, values, nulls);
	t->write_seconds = wall_seconds() - begin;
	values[LPG_MODEL_DETAILS - 1] = build_details(t);
	lpg_publish_version(p, values, nulls);
}

/* The model as it would be typed. */
static char *
qualified_name(const Training *t)
{
	const LpgTarget *target = &t->publication.target;

	return quote_qualified_identifier(get_namespace_name(target->namespace_), target->relname);
}

/* For the server's log alone; a training that fails has its ERROR there. */
static void
log_begin(const Training *t, Datum options)
{
	ereport(LOG_SERVER_ONLY, (errmsg("training of model %s begins", qualified_name(t)),
							  errdetail_log("Source: %s; options: %s", t->source_text,
											JsonbToCString(NULL, &DatumGetJsonbP(options)->root, 0)),
							  errhidestmt(true)));
}

static void
log_end(const Training *t, int64 version)
{
	const LepTrainResult *r = &t->result;

	ereport(LOG_SERVER_ONLY,
			(errmsg("version " INT64_FORMAT " of model %s is trained: %s, " INT64_FORMAT " ratings, %.1f s, "
					"at most " INT64_FORMAT " kB",
					version, qualified_name(t), lep_algorithm_name(r->algorithm), t->ratings->n_ratings,
					t->read_seconds + t->sort_seconds + r->split_seconds + r->fit_seconds + r->test_seconds +
						r->refit_seconds + t->write_seconds,
					(int64) (t->env.bytes_peak / 1024)),
			 errhidestmt(true)));
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = { "the model's name", "the source" };

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options are NULL"),
						errhint("Leave them out, or pass '{}'.")));
	for (int i = 0; i < 2; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s is NULL", names[i])));
	}
	lpg_statement_prevent_read_only("lepton_train()");
}

static Datum
train_and_publish(FunctionCallInfo fcinfo, Datum options)
{
	Training *t = palloc0(sizeof(Training));
	TupleDesc desc;
	Datum *values;
	bool *nulls;
	HeapTuple row;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts < LPG_MODEL_NATTS)
		elog(ERROR, "lepton_train is declared with another result than lepton_model");
	/* the type may have grown attributes that this library does not know: they are NULL */
	values = palloc0(desc->natts * sizeof(Datum));
	nulls = palloc(desc->natts * sizeof(bool));
	memset(nulls, true, desc->natts * sizeof(bool));
	t->name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	t->source_text = text_to_cstring(PG_GETARG_TEXT_PP(1));
	t->publication.model_type = lpg_registry_model_type(fcinfo);
	t->publication.options = options;
	lpg_options_from_jsonb(DatumGetJsonbP(options), &t->options);
	init_training(t);

	lock_target(t);
	log_begin(t, options);
	read_source(t);
	notice_assumptions(t);
	train(t);
	publish(t, values, nulls);
	lpg_progress_end(&t->progress);
	log_end(t, DatumGetInt64(values[LPG_MODEL_VERSION - 1]));
	MemoryContextDelete(t->context);

	row = heap_form_tuple(BlessTupleDesc(desc), values, nulls);
	return HeapTupleGetDatum(row);
}

PG_FUNCTION_INFO_V1(lepton_train);

/*
 * lepton_train(model text, source text, options jsonb) -> lepton_model
 *		Trains a new version and makes it the current one; its row.
 */
Datum
lepton_train(PG_FUNCTION_ARGS)
{
	check_arguments(fcinfo);
	return train_and_publish(fcinfo, PG_GETARG_DATUM(2));
}

PG_FUNCTION_INFO_V1(lepton_train_text);

/*
 * lepton_train(model text, source text, options text) -> lepton_model
 *		The same for options that a driver sends as text.
 */
Datum
lepton_train_text(PG_FUNCTION_ARGS)
{
	check_arguments(fcinfo);
	return train_and_publish(
		fcinfo, DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(PG_GETARG_TEXT_PP(2)))));
}

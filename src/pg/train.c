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

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/jsonbuild.h"
#include "pg/jsonread.h"
#include "pg/optjson.h"
#include "pg/pgenv.h"
#include "pg/progress.h"
#include "pg/settings.h"
#include "pg/source.h"
#include "pg/statement.h"
#include "pg/train.h"
#include "pg/versions.h"

static double
wall_seconds(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* Find the model, and keep others from training it; whoever waits is seen to wait. */
static void
lock_target(LpgNamedTraining *t)
{
	LpgTarget *target = &t->publication.target;

	*target = lpg_registry_find_target(t->name, t->publication.model_type);
	lpg_progress_begin(&t->progress, &t->work.env, target);
	lpg_publish_lock(&t->publication, t->name, t->work.options.wait);
	lpg_progress_resume(&t->progress, target->model);
}

/* ------------------------------------------------------------------------ engine */

/* Refuse as soon as it can be known that memory will not do, or ids do not fit. */
static void
check_source(void *arg, const LpgSource *source)
{
	LpgNamedTraining *t = arg;

	lpg_progress_rows(&t->progress, source->n_rows);
	if (source->n_rows == 0 && OidIsValid(t->publication.target.model))
		lpg_publish_check_kinds(t->publication.target.model, t->publication.model_type,
								source->shape.user_kind, source->shape.item_kind);
}

static void
read_source(LpgNamedTraining *t)
{
	double begin = wall_seconds();

	lpg_progress_phase(&t->progress, LPG_PHASE_READ);
	lpg_source_read(t->source_text, &t->work.options, &t->work.arena, check_source, t, &t->work.source);
	t->work.read_seconds = wall_seconds() - begin;
	lpg_progress_rows(&t->progress, t->work.source.n_rows);
	lpg_progress_phase(&t->progress, LPG_PHASE_SORT);
	begin = wall_seconds();
	lpg_check(lep_ratings_finish(t->work.source.builder, &t->work.options, &t->work.ratings),
			  &t->work.env.error);
	t->work.ratings->times_once = true;
	t->work.sort_seconds = wall_seconds() - begin;
}

/* Say what was assumed, where the user might have meant something else. */
static void
notice_assumptions(const LpgNamedTraining *t)
{
	lpg_source_notice_feedback(&t->work.source, &t->work.options, t->work.ratings);
	/* not for what is about to be refused for its memory */
	if (t->work.env.max_bytes == 0 ||
		lep_plan_memory(t->work.ratings, &t->work.options, lpg_settings_threads()) <= t->work.env.max_bytes)
		lpg_env_notice_cost("training", lep_plan_cost(t->work.ratings, &t->work.options));
}

/* Does the current version of the model list eligible items only? */
static bool
is_eligible_now(const LpgNamedTraining *t)
{
	Relation model =
		lpg_registry_open_model(t->publication.target.model, t->publication.model_type, AccessShareLock);
	Snapshot fresh = RegisterSnapshot(GetLatestSnapshot());
	LpgVersionList list = lpg_versions_list(model, fresh);
	const LpgVersionEntry *current = lpg_versions_current(&list);
	Jsonb *details = current == NULL ? NULL : lpg_registry_details(model, fresh, current->version);
	JsonbValue value;
	bool is_eligible = details != NULL && lpg_jsonread_member(details, "eligible", &value);

	UnregisterSnapshot(fresh);
	table_close(model, NoLock);
	return is_eligible;
}

/* Options are those of this training, not the last one's: what is sold out would be listed again. */
static void
notice_all_eligible(const LpgNamedTraining *t)
{
	if (t->work.eligible.query == NULL && OidIsValid(t->publication.target.model) && is_eligible_now(t))
		ereport(
			NOTICE,
			(errmsg("the new version of model \"%s\" may list every item", t->name),
			 errdetail("The current one lists eligible items only, but this training has no option "
					   "\"eligible\"."),
			 errhint("Give the option again to keep to it, or use lepton_retrain, which keeps options.")));
}

/* ------------------------------------------------------------------------ log */

/* The model as it would be typed. */
static char *
qualified_name(const LpgNamedTraining *t)
{
	const LpgTarget *target = &t->publication.target;

	return quote_qualified_identifier(get_namespace_name(target->namespace_), target->relname);
}

/* For the server's log alone; a training that fails has its ERROR there. */
static void
log_begin(const LpgNamedTraining *t, Datum options)
{
	ereport(LOG_SERVER_ONLY, (errmsg("training of model %s begins", qualified_name(t)),
							  errdetail_log("Source: %s; options: %s", t->source_text,
											JsonbToCString(NULL, &DatumGetJsonbP(options)->root, 0)),
							  errhidestmt(true)));
}

static void
log_end(const LpgNamedTraining *t, int64 version)
{
	const LpgTraining *w = &t->work;
	const LepTrainResult *r = &w->result;

	ereport(LOG_SERVER_ONLY,
			(errmsg("version " INT64_FORMAT " of model %s is trained: %s, " INT64_FORMAT " ratings, %.1f s, "
					"at most " INT64_FORMAT " kB",
					version, qualified_name(t), lep_algorithm_name(r->algorithm), w->ratings->n_ratings,
					w->read_seconds + w->sort_seconds + r->split_seconds + r->fit_seconds + r->test_seconds +
						r->refit_seconds + w->write_seconds,
					(int64) (w->env.bytes_peak / 1024)),
			 errhidestmt(true)));
}

/* ---------------------------------------------------------------------- steps */

void
lpg_train_begin(LpgNamedTraining *t)
{
	lpg_training_begin(&t->work);
	t->work.env.progress = lpg_progress_engine;
	t->work.env.progress_host = &t->progress;
}

void
lpg_train_read(LpgNamedTraining *t)
{
	lpg_live_choose(t->source_text, &t->work.options, &t->work.live);
	log_begin(t, t->publication.options);
	read_source(t);
	lpg_eligible_choose(&t->work.options, t->work.ratings, t->name, &t->work.eligible);
	notice_all_eligible(t);
	notice_assumptions(t);
}

/* ----------------------------------------------------------------------- writing */

/* Users whose rows have changed must be told from their rows, if the model has factors. */
static void
settle_live(LpgTraining *work, const char *model)
{
	lpg_live_settle(&work->live, work->result.model.n_factors == 0 || work->has_prior || work->has_rule,
					model);
	work->result.options.live = work->live.on;
}

/* The details, with what the caller adds, and why the version is not the current one. */
static Datum
build_details(const LpgNamedTraining *t)
{
	Datum details = lpg_training_details(&t->work);
	StringInfoData buffer;
	LpgJson json;

	if (t->remarks != NULL)
		details = DirectFunctionCall2(jsonb_concat, details,
									  DirectFunctionCall1(jsonb_in, CStringGetDatum(t->remarks)));
	if (t->publication.unpublished == NULL)
		return details;
	initStringInfo(&buffer);
	lpg_json_begin(&json, &buffer);
	lpg_json_text(&json, "unpublished", t->publication.unpublished);
	lpg_json_end(&json);
	return DirectFunctionCall2(jsonb_concat, details, lpg_json_datum(&buffer));
}

void
lpg_train_write(LpgNamedTraining *t, Datum *values, bool *nulls)
{
	LpgPublication *p = &t->publication;
	double begin = wall_seconds();

	settle_live(&t->work, t->name);
	lpg_progress_phase(&t->progress, LPG_PHASE_WRITE);
	p->source = t->source_text;
	p->ratings = t->work.ratings;
	p->result = &t->work.result;
	p->keep = t->work.options.keep;
	p->live = t->work.live.on;
	p->progress = &t->progress;
	if (!t->work.options.publish && p->unpublished == NULL)
		p->unpublished = "option publish is false";
	p->metrics = lpg_training_metrics(&t->work);
	lpg_publish_factors(p, values, nulls);
	t->work.write_seconds = wall_seconds() - begin;
	values[LPG_MODEL_DETAILS - 1] = build_details(t);
	lpg_publish_version(p, values, nulls);
	lpg_progress_end(&t->progress);
	log_end(t, DatumGetInt64(values[LPG_MODEL_VERSION - 1]));
}

/* --------------------------------------------------------------------- interface */

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = { "the model's name", "the source" };

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options are NULL"),
						errhint("Leave them out, or pass '{}'. If user ids, item ids and ratings were meant, "
								"to train a model as a value, cast the rating: NULL::float8.")));
	for (int i = 0; i < 2; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s is NULL", names[i])));
	}
	lpg_statement_prevent_read_only("lepton_train()");
}

/* What a named model cannot answer for a small source is no option of its. */
static void
check_no_group(const LepOptions *options)
{
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_use(i) == LEP_USE_GROUP && lep_option_given(options, i))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is of the aggregate lepton_train(user_id, item_id, rating)",
							lep_option(i)->name),
					 errdetail("A source that is too small to train on is an ERROR for a named model."),
					 errhint("Leave it out.")));
	}
}

static Datum
train_and_publish(FunctionCallInfo fcinfo, Datum options)
{
	LpgNamedTraining *t = palloc0(sizeof(LpgNamedTraining));
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
	lpg_options_from_jsonb(DatumGetJsonbP(options), &t->work.options);
	check_no_group(&t->work.options);
	lpg_train_begin(t);

	lock_target(t);
	lpg_train_read(t);
	lpg_training_run(&t->work, lpg_settings_threads());
	lpg_train_write(t, values, nulls);
	MemoryContextDelete(t->work.context);

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

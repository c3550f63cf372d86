/*
 * evaluate.c
 *		lepton_evaluate(model, source): how good a trained model is on rows, and
 *		lepton_cross_validate(source, options): how good a model would be.
 *
 * Both write nothing.  A model is read with the rights that every reading
 * function has (handle.h); of its users only those of the source are loaded.
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "core/crossval.h"
#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/pool.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/evaluate.h"
#include "pg/experiment.h"
#include "pg/handle.h"
#include "pg/keytype.h"
#include "pg/optjson.h"
#include "pg/scan.h"
#include "pg/settings.h"

/* More of the source than this was trained on: its figures say next to nothing. */
#define OVERLAP_WARNING 0.5

/* ------------------------------------------------------------------------ results */

void
lpg_evaluation_set_figure(Datum *values, bool *nulls, const LepFigure *figure, double baseline,
						  double popular)
{
	lpg_experiment_put_real(values, nulls, 0, figure->value);
	lpg_experiment_put_real(values, nulls, 1, figure->std_error);
	values[2] = Int64GetDatum(figure->n);
	nulls[2] = false;
	lpg_experiment_put_real(values, nulls, 3, baseline);
	lpg_experiment_put_real(values, nulls, 4, popular);
}

/* --------------------------------------------------------------- lepton_evaluate() */

struct LpgEvaluation
{
	LpgExperiment x;
	LpgHandle *handle;
	char *source;
	bool told;			  /* the NOTICE about times was sent */
	LepFeedback feedback; /* that the model learned from */
	LepOptions options;	  /* how the source is read */
	int k;
	double relevant; /* NaN: the default */

	LepNeighbors neighbors; /* the model's, if it has any */
	LepModel model;			/* users of the source, items of the model */
	bool *loaded;			/* [n_items] */
	int32 *user_of;			/* [users of the source] the same number, or -1 */
	int32 *item_of;			/* [items of the source] number in the model, or -1 */
	int32 *item_count;		/* [n_items] */
	int64 n_unknown[2];		/* users and items of the source, by LpgSide */
	LepSeen seen;
	LepView exclude;
	int64 n_overlap;
	LepJudging judging;
	LepComparison comparison;
};

/* How the model read its own source, and what an evaluation may say otherwise. */
static const char *const reading_options[] = { "user_column", "item_column", "rating_column", "time_column",
											   "duplicates" };

static void
copy_reading_options(LpgEvaluation *e, Jsonb *json)
{
	LepOptions given;

	lpg_options_from_jsonb(json, &given);
	for (int i = 0; i < (int) lengthof(reading_options); i++)
	{
		int row = lep_option_find(reading_options[i]);

		if (lep_option_given(&given, row))
			lep_option_copy(&e->options, &given, row);
	}
}

/*
 * What the model was told of its source need not be true of this one: a column of
 * ratings or times that it named may be missing here.  Those of the call stay.
 */
static void
allow_missing_columns(LpgEvaluation *e)
{
	lep_option_forget(&e->options, lep_option_find("rating_column"));
	lep_option_forget(&e->options, lep_option_find("time_column"));
}

/* Options of the call: those only. */
static void
check_reading_options(Jsonb *json)
{
	LepOptions given;

	lpg_options_from_jsonb(json, &given);
	for (int row = 0; lep_option(row) != NULL; row++)
	{
		bool reading = false;

		for (int i = 0; i < (int) lengthof(reading_options); i++)
			reading |= row == lep_option_find(reading_options[i]);
		if (lep_option_given(&given, row) && !reading)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" plays no part in an evaluation", lep_option(row)->name),
							errhint("Only user_column, item_column, rating_column, time_column and "
									"duplicates do.")));
	}
}

/* Options as given, and the feedback as it was decided. */
static void
take_documents(LpgEvaluation *e, Jsonb *options, Jsonb *details)
{
	JsonbValue feedback;

	if (options != NULL)
		copy_reading_options(e, options);
	if (details != NULL && JB_ROOT_IS_OBJECT(details) &&
		getKeyJsonValueFromContainer(&details->root, "feedback", 8, &feedback) != NULL &&
		feedback.type == jbvString && feedback.val.string.len == 8 &&
		memcmp(feedback.val.string.val, "implicit", 8) == 0)
		e->feedback = LEP_FEEDBACK_IMPLICIT;
}

/* The model's row. */
static void
read_model_row(void *arg, TupleTableSlot *slot)
{
	LpgEvaluation *e = arg;

	slot_getallattrs(slot);
	take_documents(
		e,
		slot->tts_isnull[LPG_MODEL_OPTIONS - 1] ? NULL
												: DatumGetJsonbP(slot->tts_values[LPG_MODEL_OPTIONS - 1]),
		slot->tts_isnull[LPG_MODEL_DETAILS - 1] ? NULL
												: DatumGetJsonbP(slot->tts_values[LPG_MODEL_DETAILS - 1]));
}

static void
read_documents(LpgEvaluation *e)
{
	Relation model;

	if (e->handle->value != NULL)
	{
		take_documents(e, lpg_value_json(e->handle->value, LEP_DOCUMENT_OPTIONS),
					   lpg_value_json(e->handle->value, LEP_DOCUMENT_DETAILS));
		return;
	}
	model = table_open(e->handle->model, NoLock);
	lpg_store_scan(model, e->handle->version.version, GetActiveSnapshot(), read_model_row, e);
	table_close(model, NoLock);
}

static void
read_model_options(LpgEvaluation *e)
{
	lep_options_init(&e->options);
	e->feedback = LEP_FEEDBACK_EXPLICIT;
	read_documents(e);
	e->options.feedback = e->feedback;
	allow_missing_columns(e);
}

/* Ids of the source must be of the model's kinds. */
static void
check_kinds(void *arg, const LepSourceShape *shape)
{
	const LpgEvaluation *e = arg;
	const LepIdKind kinds[] = { shape->user_kind, shape->item_kind };
	static const char *const what[] = { "user", "item" };

	for (int side = LPG_USERS; side <= LPG_ITEMS; side++)
	{
		LepIdKind kind = e->handle->sides[side].kind;

		if (kinds[side] != kind)
			ereport(
				ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s ids of the source are of type %s, but those of model \"%s\" of type %s",
						what[side], lpg_keytype_name(kinds[side]), e->handle->name, lpg_keytype_name(kind)),
				 errhint("Cast them in the source.")));
	}
}

static void
fail_version(const LpgEvaluation *e, LpgSide side, const char *detail)
{
	if (e->handle->value != NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("bytes in \"model\" are damaged"),
						errdetail("%s", detail)));
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("table \"%s\" does not hold version " INT64_FORMAT " as it was trained",
						   get_rel_name(e->handle->sides[side].table), e->handle->version.version),
					errdetail("%s", detail), errhint("Run lepton_check on the model, and train it again.")));
}

static void *
alloc(LpgEvaluation *e, int64 n, size_t size)
{
	void *memory = lep_arena_calloc(&e->x.arena, n, size);

	if (memory == NULL)
		lpg_experiment_check(&e->x, e->x.env.error.status);
	return memory;
}

/* An item: all of the model's are candidates. */
static void
load_item(void *arg, const LpgScanRow *visited)
{
	LpgEvaluation *e = arg;
	LepModel *model = &e->model;
	LpgFactorRow row;
	LepId id;
	int32 source_item;
	/* read n first: it says where the factors go */
	int32 n = lpg_scan_n(visited);

	if (n < 0 || n >= model->n_items || e->loaded[n])
		fail_version(e, LPG_ITEMS, "An item number is repeated or out of range.");
	row.factors = model->item_factors == NULL ? NULL : model->item_factors + (Size) n * model->stride;
	lpg_scan_read(visited, &row);
	if (row.n_ratings < 0)
		fail_version(e, LPG_ITEMS, "An item has fewer than no ratings.");
	e->loaded[n] = true;
	model->item_bias[n] = row.bias;
	e->item_count[n] = row.n_ratings;
	id = lpg_scan_id(visited);
	source_item = lep_idmap_find(e->x.ratings->items, &id);
	if (source_item >= 0)
		e->item_of[source_item] = n;
}

/* A user, if she is in the source. */
static void
load_user(void *arg, const LpgScanRow *visited)
{
	LpgEvaluation *e = arg;
	LepModel *model = &e->model;
	LepId id = lpg_scan_id(visited);
	int32 u = lep_idmap_find(e->x.ratings->users, &id);
	LpgFactorRow row;
	int32 *seen;

	if (u < 0)
		return;
	if (e->user_of[u] >= 0)
		fail_version(e, LPG_USERS, "A user is repeated.");
	row.factors = model->user_factors == NULL ? NULL : model->user_factors + (Size) u * model->stride;
	lpg_scan_read(visited, &row);
	model->user_bias[u] = row.bias;
	e->user_of[u] = u;
	seen = lpg_scan_seen(visited, &e->seen.n[u]);
	if (seen == NULL)
		return;
	e->seen.items[u] = alloc(e, e->seen.n[u], sizeof(int32));
	memcpy(e->seen.items[u], seen, e->seen.n[u] * sizeof(int32));
}

/* Every item, and in the order of ids, as item numbers go. */
static void
check_items(LpgEvaluation *e)
{
	int32 last = -1;

	for (int32 i = 0; i < e->model.n_items; i++)
	{
		if (!e->loaded[i])
			fail_version(e, LPG_ITEMS, "Rows are missing.");
	}
	for (int32 i = 0; i < e->x.ratings->n_items; i++)
	{
		if (e->item_of[i] >= 0 && e->item_of[i] <= last)
			fail_version(e, LPG_ITEMS, "Item numbers are not in the order of ids.");
		last = Max(last, e->item_of[i]);
		e->n_unknown[LPG_ITEMS] += e->item_of[i] < 0;
	}
}

/* Ratings that say when they were given are predicted for then, as in a training. */
static void
load_times(LpgEvaluation *e)
{
	const LpgTimes *times = e->x.ratings->time != NULL ? lpg_handle_times(e->handle) : NULL;

	if (times == NULL)
		return;
	if (times->unit == e->x.source.time_unit)
		e->model.times = unconstify(LepTimes *, &times->times);
	else if (!e->told)
	{
		e->told = true;
		ereport(
			NOTICE,
			(errmsg("ratings of the source are not predicted for the times that they were given at"),
			 errdetail(
				 "Their times are of another type than those that model \"%s\" was trained on: the newest "
				 "that it knows is taken.",
				 e->handle->name),
			 errhint("Give them in the type that the training had, or leave them out of the source.")));
	}
}

/* Item neighbours, from the cache, and as baskets what the users had. */
static void
load_neighbors(LpgEvaluation *e)
{
	int32 n_users = e->x.ratings->n_users;
	int64 *start = alloc(e, (int64) n_users + 1, sizeof(int64));
	int32 *items;

	for (int32 u = 0; u < n_users; u++)
		start[u + 1] = start[u] + e->seen.n[u];
	items = alloc(e, start[n_users], sizeof(int32));
	for (int32 u = 0; u < n_users; u++)
	{
		if (e->seen.n[u] > 0)
			memcpy(items + start[u], e->seen.items[u], e->seen.n[u] * sizeof(int32));
	}
	e->neighbors = *lpg_handle_items(e->handle)->served.neighbors;
	e->neighbors.basket_start = start;
	e->neighbors.basket_item = items;
	e->neighbors.owns_baskets = false;
	e->model.neighbors = &e->neighbors;
}

/* What of the model is needed, with the numbers of the source's users. */
static void
load_model(LpgEvaluation *e)
{
	const LpgVersion *version = &e->handle->version;
	const LepRatings *ratings = e->x.ratings;

	lpg_experiment_check(&e->x, lep_model_create(&e->x.arena, ratings->n_users, version->n_items,
												 version->n_factors, &e->model));
	e->model.mean = version->mean;
	e->model.min_score = version->min_score;
	e->model.max_score = version->max_score;
	e->loaded = alloc(e, version->n_items, sizeof(bool));
	e->item_count = alloc(e, version->n_items, sizeof(int32));
	e->item_of = alloc(e, ratings->n_items, sizeof(int32));
	e->user_of = alloc(e, ratings->n_users, sizeof(int32));
	e->seen.items = alloc(e, ratings->n_users, sizeof(int32 *));
	e->seen.n = alloc(e, ratings->n_users, sizeof(int64));
	memset(e->item_of, -1, ratings->n_items * sizeof(int32));
	memset(e->user_of, -1, ratings->n_users * sizeof(int32));

	lpg_scan(e->handle, LPG_ITEMS, load_item, e);
	check_items(e);
	lpg_scan(e->handle, LPG_USERS, load_user, e);
	for (int32 u = 0; u < ratings->n_users; u++)
		e->n_unknown[LPG_USERS] += e->user_of[u] < 0;
	load_times(e);
	if (version->has_neighbors)
		load_neighbors(e);
}

/* What is judged: errors only where model and source both have ratings. */
static void
set_judging(LpgEvaluation *e)
{
	LepJudging *judging = &e->judging;
	bool rated = e->feedback == LEP_FEEDBACK_EXPLICIT && e->x.source.shape.has_rating;

	memset(judging, 0, sizeof(*judging));
	judging->ratings = e->x.ratings;
	judging->parts = LEP_PARTS_TRAIN; /* nothing is split: all */
	judging->min_rating = !isnan(e->relevant) ? e->relevant : rated ? e->model.mean : -INFINITY;
	judging->user_of = e->user_of;
	judging->item_of = e->item_of;
	judging->exclude = &e->exclude;
	judging->item_count = e->item_count;
	judging->n_items = e->model.n_items;
	judging->n_count_users = e->handle->version.n_users;
	judging->rows_of = &e->model;
	judging->wanted = lep_contest_metrics(rated ? LEP_FEEDBACK_EXPLICIT : LEP_FEEDBACK_IMPLICIT);
	judging->k = e->k;
}

/* The engine's part: the model, its biases alone, popularity. */
static LepStatus
judge(void *arg)
{
	LpgEvaluation *e = arg;
	LepEnv *env = &e->x.env;
	LepComparison *c = &e->comparison;
	LepModel biases = e->model;
	LepStatus status = lep_pool_start(env);

	biases.n_factors = 0;
	biases.stride = 0;
	biases.user_factors = NULL;
	biases.item_factors = NULL;
	biases.neighbors = NULL;
	lep_judge_clear(&c->baseline);
	if (status == LEP_OK)
		status =
			lep_judge_exclude(&e->x.arena, e->x.ratings, e->item_of, &e->seen, &e->exclude, &e->n_overlap);
	if (status == LEP_OK)
		status = lep_judge_prepare(&e->x.arena, &e->judging);
	e->judging.levels = &e->handle->version.levels;
	if (status == LEP_OK)
		status = lep_judge_model(env, &e->judging, &e->model, &c->model);
	/* the cuts between levels are for the whole model's scores */
	e->judging.levels = NULL;
	if (status == LEP_OK && e->feedback == LEP_FEEDBACK_EXPLICIT)
		status = lep_judge_model(env, &e->judging, &biases, &c->baseline);
	if (status == LEP_OK)
		status = lep_judge_popular(env, &e->judging, &c->popular);
	return status;
}

static void
put_count(const LpgEvaluationRows *rows, const char *name, double value, int64 n)
{
	LepFigure figure = { value, NAN, n };

	rows->put(rows->arg, name, &figure, NAN, NAN);
}

static void
put_evaluation(const LpgEvaluation *e, const LpgEvaluationRows *rows)
{
	const LepComparison *c = &e->comparison;
	const LepRatings *ratings = e->x.ratings;

	put_count(rows, "overlap", (double) e->n_overlap / (double) ratings->n_ratings, ratings->n_ratings);
	put_count(rows, "unknown_users", (double) e->n_unknown[LPG_USERS], ratings->n_users);
	put_count(rows, "unknown_items", (double) e->n_unknown[LPG_ITEMS], ratings->n_items);
	for (int metric = 0; metric < LEP_N_METRICS; metric++)
	{
		if ((e->judging.wanted >> metric & 1) != 0)
			rows->put(rows->arg, lep_metric_name(metric), &c->model.figure[metric],
					  c->baseline.figure[metric].value, c->popular.figure[metric].value);
	}
}

/* Figures on what the model was trained on flatter it. */
static void
warn_of_overlap(const LpgEvaluation *e)
{
	double share = (double) e->n_overlap / (double) e->x.ratings->n_ratings;

	if (e->n_overlap > 0)
		ereport(share > OVERLAP_WARNING ? WARNING : NOTICE,
				(errmsg("model \"%s\" was trained on %.1f %% of the pairs it is evaluated on",
						e->handle->name, 100 * share),
				 errdetail("What a model has seen it predicts better than what it has not: the figures are "
						   "too good."),
				 errhint("Evaluate on rows that are newer than the model, or use lepton_cross_validate.")));
}

LpgEvaluation *
lpg_evaluation_begin(FunctionCallInfo fcinfo)
{
	LpgEvaluation *e = palloc0(sizeof(LpgEvaluation));

	lpg_experiment_require(fcinfo, 0, lpg_handle_is_null(fcinfo) ? "the model" : "the model's name");
	lpg_experiment_require(fcinfo, 1, "the source");
	e->k = lpg_experiment_int(fcinfo, 2, "k", 1, LEP_RANKING_MAX_K);
	e->relevant = lpg_experiment_relevant(fcinfo, 3);
	check_reading_options(lpg_experiment_options(fcinfo, 4));
	InitMaterializedSRF(fcinfo, 0);

	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = lpg_handle_create(fcinfo);
	e->handle = fcinfo->flinfo->fn_extra;
	(void) lpg_handle_refresh(e->handle, fcinfo);
	read_model_options(e);
	copy_reading_options(e, PG_GETARG_JSONB_P(4));
	e->source = text_to_cstring(PG_GETARG_TEXT_PP(1));
	return e;
}

LpgHandle *
lpg_evaluation_handle(LpgEvaluation *e)
{
	return e->handle;
}

LepOptions *
lpg_evaluation_options(LpgEvaluation *e)
{
	return &e->options;
}

void
lpg_evaluation_run(LpgEvaluation *e, const LpgEvaluationRows *rows)
{
	LpgExperimentSource from = { .text = e->source,
								 .options = &e->options,
								 .allow_few = true,
								 .check = check_kinds,
								 .check_arg = e,
								 .accepts = rows->accepts,
								 .accepts_arg = rows->arg };

	memset(e->n_unknown, 0, sizeof(e->n_unknown));
	lpg_experiment_begin(&e->x, "evaluation");
	lpg_experiment_read(&e->x, &from);
	load_model(e);
	set_judging(e);
	lpg_experiment_run(&e->x, judge, e);
	put_evaluation(e, rows);
}

void
lpg_evaluation_end(LpgEvaluation *e)
{
	lpg_experiment_end(&e->x);
}

/* A row of lepton_evaluate(). */
static void
put_row(void *arg, const char *metric, const LepFigure *figure, double baseline, double popular)
{
	ReturnSetInfo *rsinfo = arg;
	Datum values[1 + LPG_FIGURE_COLUMNS];
	bool nulls[1 + LPG_FIGURE_COLUMNS] = { false };

	values[0] = CStringGetTextDatum(metric);
	lpg_evaluation_set_figure(values + 1, nulls + 1, figure, baseline, popular);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(lepton_evaluate);

/*
 * lepton_evaluate(model text, source text, k integer, relevant float8, options jsonb,
 *				   version bigint)
 *		-> setof (metric, value, std_error, n, baseline, popular)
 */
Datum
lepton_evaluate(PG_FUNCTION_ARGS)
{
	LpgEvaluation *e = lpg_evaluation_begin(fcinfo);
	LpgEvaluationRows rows = { NULL, put_row, fcinfo->resultinfo };

	lpg_evaluation_run(e, &rows);
	warn_of_overlap(e);
	lpg_evaluation_end(e);
	return (Datum) 0;
}

/* --------------------------------------------------------- lepton_cross_validate() */

typedef struct CrossValidation
{
	LpgExperiment x;
	LepOptions options;
	LepContestRules rules;
	int n_folds;
	LepFoldResult *results; /* [n_folds] */
} CrossValidation;

static LepStatus
cross_validate(void *arg)
{
	CrossValidation *c = arg;

	return lep_crossval(&c->x.arena, c->x.ratings, &c->options, &c->rules, c->n_folds, c->results);
}

/* Not for what is about to be refused for its memory. */
static void
notice_cost(CrossValidation *c)
{
	const LepEnv *env = &c->x.env;
	double seconds;

	lpg_experiment_check(&c->x, lep_crossval_cost(c->x.ratings, &c->options, &c->rules, c->n_folds, &seconds,
												  &c->x.env.error));
	if (env->max_bytes == 0 ||
		lep_plan_memory(c->x.ratings, &c->options, lpg_settings_threads()) <= env->max_bytes)
		lpg_experiment_notice_cost(&c->x, seconds);
}

/* All metrics of one fold, or of their mean; fold 0: the mean. */
static void
put_fold(const CrossValidation *c, ReturnSetInfo *rsinfo, int fold, const LepComparison *comparison,
		 const char *algorithm)
{
	for (int metric = 0; metric < LEP_N_METRICS; metric++)
	{
		Datum values[3 + LPG_FIGURE_COLUMNS];
		bool nulls[3 + LPG_FIGURE_COLUMNS] = { false };

		if ((c->rules.wanted >> metric & 1) == 0)
			continue;
		values[0] = Int32GetDatum(fold);
		nulls[0] = fold == 0;
		values[1] = CStringGetTextDatum(lep_metric_name(metric));
		lpg_evaluation_set_figure(values + 2, nulls + 2, &comparison->model.figure[metric],
								  comparison->baseline.figure[metric].value,
								  comparison->popular.figure[metric].value);
		nulls[2 + LPG_FIGURE_COLUMNS] = algorithm == NULL;
		values[2 + LPG_FIGURE_COLUMNS] = algorithm == NULL ? (Datum) 0 : CStringGetTextDatum(algorithm);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* The mean first; auto may have chosen another algorithm in another fold. */
static void
put_folds(const CrossValidation *c, ReturnSetInfo *rsinfo)
{
	LepComparison mean;
	bool same = true;

	for (int f = 1; f < c->n_folds; f++)
		same &= c->results[f].algorithm == c->results[0].algorithm;
	lep_crossval_mean(c->results, c->n_folds, &mean);
	put_fold(c, rsinfo, 0, &mean, same ? lep_algorithm_name(c->results[0].algorithm) : NULL);
	for (int f = 0; f < c->n_folds; f++)
		put_fold(c, rsinfo, f + 1, &c->results[f].comparison, lep_algorithm_name(c->results[f].algorithm));
}

PG_FUNCTION_INFO_V1(lepton_cross_validate);

/*
 * lepton_cross_validate(source text, options jsonb, folds integer, k integer, relevant float8)
 *		-> setof (fold, metric, value, std_error, n, baseline, popular, algorithm)
 */
Datum
lepton_cross_validate(PG_FUNCTION_ARGS)
{
	CrossValidation *c = palloc0(sizeof(CrossValidation));
	LpgExperimentSource from = { NULL, &c->options, false, NULL, NULL };

	lpg_experiment_require(fcinfo, 0, "the source");
	c->n_folds = lpg_experiment_int(fcinfo, 2, "folds", 2, LEP_MAX_FOLDS);
	c->rules.k = lpg_experiment_int(fcinfo, 3, "k", 1, LEP_RANKING_MAX_K);
	c->rules.relevant = lpg_experiment_relevant(fcinfo, 4);
	lpg_options_from_jsonb(lpg_experiment_options(fcinfo, 1), &c->options);
	InitMaterializedSRF(fcinfo, 0);

	from.text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	lpg_experiment_begin(&c->x, "cross-validation");
	lpg_experiment_show(&c->x);
	lpg_experiment_read(&c->x, &from);
	c->rules.wanted = lep_contest_metrics(c->x.ratings->feedback);
	c->results = palloc0(c->n_folds * sizeof(LepFoldResult));
	notice_cost(c);
	lpg_experiment_run(&c->x, cross_validate, c);
	put_folds(c, (ReturnSetInfo *) fcinfo->resultinfo);
	lpg_experiment_end(&c->x);
	return (Datum) 0;
}

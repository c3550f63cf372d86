/*
 * tune.c
 *		lepton_tune(source, grid, options): which options are best, by trying them
 *		(core/tune.h).  Writes nothing: what it finds goes to lepton_train.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "core/tune.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/experiment.h"
#include "pg/jsonbuild.h"
#include "pg/jsonread.h"
#include "pg/optjson.h"

#define RESULT_COLUMNS 12

typedef struct Tune
{
	LpgExperiment x;
	LepTuneSpace space;
	LepTuneAxis axes[LEP_MAX_OPTIONS];
	LepOptions *trials;
	LepTuneWork work;
	LepTunePlan plan;
	LepTuneResult result;
} Tune;

/* --------------------------------------------------------------------------- grid */

/* Only what decides how well is learned can be tuned: the rest decides what is measured, or is a matter of taste. */
static void
check_tunable(const char *name, int option)
{
	if (lep_option(option)->algorithms == 0 && option != lep_option_find("algorithm"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" cannot be tuned", name),
				 errhint("Give it in options. The grid can have \"algorithm\" and what only some "
						 "algorithms take.")));
}

static _Noreturn void
fail_grid(const char *name, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" of the grid has nothing to try", name), errdetail("%s", detail),
					errhint("Write an array of values, as {\"%s\": [...]}, or for numbers a range, as "
							"{\"%s\": {\"min\": ..., \"max\": ..., \"scale\": \"log\"}}.",
							name, name)));
}

/* The values of an array, each checked as an option is. */
static void
read_values(LepTuneAxis *axis, const char *name, JsonbContainer *array)
{
	int n = JsonContainerSize(array);
	LepOptions *values;

	if (n == 0)
		fail_grid(name, "Its array is empty.");
	if (n > LEP_TUNE_MAX_TRIALS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("option \"%s\" of the grid has %d values, and can have %d", name, n,
							   LEP_TUNE_MAX_TRIALS),
						errhint("No more trials can be run. For numbers, write a range, as "
								"{\"%s\": {\"min\": ..., \"max\": ...}}.",
								name)));
	values = palloc_extended(n * sizeof(LepOptions), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		lep_options_init(&values[i]);
		lpg_option_set(&values[i], name, getIthJsonbValueFromContainer(array, i));
	}
	axis->n_values = n;
	axis->values = values;
}

/* An end of a range: a value that the option can have. */
static double
read_end(const LepTuneAxis *axis, const char *name, const char *key, const JsonbValue *value)
{
	LepOptions options;

	if (value->type != jbvNumeric)
		fail_grid(name, psprintf("\"%s\" of its range is no number.", key));
	lep_options_init(&options);
	lpg_option_set(&options, name, value);
	return lep_option_number(&options, axis->option);
}

static void
read_scale(LepTuneAxis *axis, const char *name, const JsonbValue *value)
{
	char *scale = value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;

	if (scale == NULL || (strcmp(scale, "log") != 0 && strcmp(scale, "linear") != 0))
		fail_grid(name, "\"scale\" of its range is neither \"log\" nor \"linear\".");
	axis->logarithmic = strcmp(scale, "log") == 0;
}

/* {"min": a, "max": b, "scale": "log" or "linear"} */
static void
read_range(LepTuneAxis *axis, const char *name, JsonbContainer *object)
{
	LepOptionType type = lep_option(axis->option)->type;
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue value;
	char *key;

	if (type != LEP_OPTION_INT && type != LEP_OPTION_REAL)
		fail_grid(name, "It is no number, and so it has no range.");
	axis->min = NAN;
	axis->max = NAN;
	while ((key = lpg_jsonread_next(&iterator, &value)) != NULL)
	{
		if (strcmp(key, "min") == 0)
			axis->min = read_end(axis, name, key, &value);
		else if (strcmp(key, "max") == 0)
			axis->max = read_end(axis, name, key, &value);
		else if (strcmp(key, "scale") == 0)
			read_scale(axis, name, &value);
		else
			fail_grid(name, psprintf("Its range has \"%s\", which is none of min, max and scale.", key));
	}
	if (isnan(axis->min) || isnan(axis->max))
		fail_grid(name, "Its range needs both \"min\" and \"max\".");
	if (axis->min > axis->max)
		fail_grid(name, psprintf("Its range begins at %.15g and ends at %.15g.", axis->min, axis->max));
	if (axis->logarithmic && axis->min <= 0)
		fail_grid(name, "A range with scale \"log\" must begin above 0.");
}

static void
read_axis(Tune *t, const char *name, const JsonbValue *value)
{
	LepTuneAxis *axis = &t->axes[t->space.n_axes];
	LepError error;

	memset(axis, 0, sizeof(*axis));
	axis->option = lep_option_find(name);
	if (axis->option < 0)
		lpg_check(lep_options_fail_type(name, &error), &error);
	check_tunable(name, axis->option);
	if (lep_option_given(&t->space.base, axis->option))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" is both in the grid and in options", name),
						errhint("Leave it out of one of them.")));
	if (value->type != jbvBinary)
		fail_grid(name, "It has a single value.");
	if (JsonContainerIsArray(value->val.binary.data))
		read_values(axis, name, value->val.binary.data);
	else
		read_range(axis, name, value->val.binary.data);
	t->space.n_axes++;
}

static void
read_grid(Tune *t, Jsonb *grid)
{
	JsonbIterator *iterator = JsonbIteratorInit(&grid->root);
	JsonbValue value;
	char *name;

	if (!JB_ROOT_IS_OBJECT(grid) || JB_ROOT_COUNT(grid) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the grid must be a JSON object with an option in it"),
						errhint("Write for example '{\"factors\": [16, 32, 64]}'.")));
	while ((name = lpg_jsonread_next(&iterator, &value)) != NULL)
		read_axis(t, name, &value);
	t->space.axes = t->axes;
}

/* ---------------------------------------------------------------------- arguments */

/* Trials are compared on what a training would validate on. */
static void
check_base(const LepOptions *base)
{
	if (base->validation_fraction == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"validation_fraction\" cannot be 0 in a tuning"),
						errhint("It is what trials are compared on.")));
}

static void
read_limits(Tune *t, FunctionCallInfo fcinfo)
{
	LepTuneLimits *limits = &t->work.limits;

	limits->max_trials = lpg_experiment_int(fcinfo, 3, "trials", 1, LEP_TUNE_MAX_TRIALS);
	lpg_experiment_require(fcinfo, 4, "seed");
	limits->seed = (uint64_t) PG_GETARG_INT64(4);
	lpg_experiment_require(fcinfo, 5, "time_limit");
	limits->seconds = PG_GETARG_FLOAT8(5);
	if (!(limits->seconds > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time_limit cannot be %g", limits->seconds),
				 errhint("It is seconds of one core, by cost formulas, and above 0.")));
}

/* "rmse, mae or ...": what can be asked for */
static char *
list_metrics(unsigned metrics)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int metric = 0; metric < LEP_N_METRICS; metric++)
	{
		if (metrics >> metric & 1)
			appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", lep_metric_name(metric));
	}
	return list.data;
}

/* By default what lepton_train itself reports for such ratings. */
static int
choose_metric(FunctionCallInfo fcinfo, LepFeedback feedback)
{
	unsigned metrics = lep_contest_metrics(feedback) & ~(1u << LEP_METRIC_KNOWN);
	char *name;
	int metric;

	if (PG_ARGISNULL(6))
		return feedback == LEP_FEEDBACK_IMPLICIT ? LEP_METRIC_RANKING + LEP_RANKING_NDCG : LEP_METRIC_RMSE;
	name = text_to_cstring(PG_GETARG_TEXT_PP(6));
	metric = lep_metric_find(name);
	if (metric < 0 || (metrics >> metric & 1) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s feedback cannot be tuned for metric \"%s\"", lep_feedback_name(feedback), name),
				 errhint("It can be for one of %s.", list_metrics(metrics))));
	return metric;
}

/* ------------------------------------------------------------------------ results */

static Datum
options_of(const LepOptions *options)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	lpg_options_given_to_json(options, &buffer);
	return lpg_json_datum(&buffer);
}

static void
put_row(const Tune *t, ReturnSetInfo *rsinfo, const LepTuneRow *row)
{
	static const char *const notes[] = {
		[LEP_TUNE_RAN] = NULL,
		[LEP_TUNE_DIVERGED] = "diverged",
		[LEP_TUNE_MEMORY] = "would take more than lepton.max_training_memory",
		[LEP_TUNE_TIME] = "left out: does not fit into time_limit",
	};
	Datum values[RESULT_COLUMNS] = { 0 };
	bool nulls[RESULT_COLUMNS] = { false };

	values[0] = Int32GetDatum(row->trial + 1);
	values[1] = Int32GetDatum(row->rung);
	nulls[1] = row->rung == 0;
	values[2] = options_of(&t->trials[row->trial]);
	values[3] = CStringGetTextDatum(lep_metric_name(t->work.metric));
	lpg_experiment_put_real(values, nulls, 4, row->figure.value);
	lpg_experiment_put_real(values, nulls, 5, row->figure.std_error);
	values[6] = Int64GetDatum(row->figure.n);
	lpg_experiment_put_real(values, nulls, 7, row->baseline);
	lpg_experiment_put_real(values, nulls, 8, row->popular);
	values[9] = Float8GetDatum(row->cost);
	values[10] = BoolGetDatum(row->best);
	nulls[11] = notes[row->note] == NULL;
	if (!nulls[11])
		values[11] = CStringGetTextDatum(notes[row->note]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Is the best worse than what needs no learning? */
static void
warn_of_best(const Tune *t)
{
	const LepTuneRow *best = &t->result.rows[0];
	bool falls = lep_metric_falls(t->work.metric);

	if (!best->best)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is nothing to compare the trials on"),
						errdetail("The part of the ratings that trials are judged on is empty, or nothing in "
								  "it is relevant."),
						errhint("Set a larger option \"validation_fraction\", or another \"relevant\".")));
	if (falls ? best->figure.value >= best->baseline
			  : best->figure.value <= Max(best->baseline, best->popular))
		ereport(NOTICE, (errmsg("the best of the trials is no better than the biases or popularity alone"),
						 errhint("Try a wider grid, and see lepton_inspect for what the ratings can tell.")));
}

static LepStatus
tune(void *arg)
{
	Tune *t = arg;

	return lep_tune(&t->x.arena, &t->work, &t->plan, &t->result);
}

PG_FUNCTION_INFO_V1(lepton_tune);

/*
 * lepton_tune(source text, grid jsonb, options jsonb, trials integer, seed bigint,
 *			   time_limit float8, metric text, k integer, relevant float8)
 *		-> setof lepton_trial, the best first
 */
Datum
lepton_tune(PG_FUNCTION_ARGS)
{
	Tune *t = palloc0(sizeof(Tune));
	LpgExperimentSource from = { NULL, &t->space.base, false, NULL, NULL };
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	lpg_experiment_require(fcinfo, 0, "the source");
	lpg_experiment_require(fcinfo, 1, "the grid");
	lpg_options_from_jsonb(lpg_experiment_options(fcinfo, 2), &t->space.base);
	check_base(&t->space.base);
	read_grid(t, PG_GETARG_JSONB_P(1));
	read_limits(t, fcinfo);
	t->work.rules.k = lpg_experiment_int(fcinfo, 7, "k", 1, LEP_RANKING_MAX_K);
	t->work.rules.relevant = lpg_experiment_relevant(fcinfo, 8);
	InitMaterializedSRF(fcinfo, 0);

	from.text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	lpg_experiment_begin(&t->x, "tuning");
	lpg_experiment_show(&t->x);
	lpg_experiment_read(&t->x, &from);
	t->work.ratings = t->x.ratings;
	t->work.metric = choose_metric(fcinfo, t->x.ratings->feedback);
	t->work.rules.wanted = 1u << t->work.metric;
	t->trials = palloc_extended(t->work.limits.max_trials * sizeof(LepOptions), MCXT_ALLOC_HUGE);
	lpg_experiment_check(
		&t->x, lep_tune_trials(&t->x.env, &t->space, &t->work.limits, t->trials, &t->work.n_trials));
	t->work.trials = t->trials;
	lpg_experiment_check(&t->x, lep_tune_plan(&t->x.arena, &t->work, &t->plan));
	lpg_experiment_notice_cost(&t->x, t->plan.seconds);
	lpg_experiment_run(&t->x, tune, t);
	for (int i = 0; i < t->result.n_rows; i++)
		put_row(t, rsinfo, &t->result.rows[i]);
	warn_of_best(t);
	lpg_experiment_end(&t->x);
	return (Datum) 0;
}

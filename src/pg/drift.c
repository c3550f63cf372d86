/*
 * drift.c
 *		lepton_drift(model, source): how good a version still is, on ratings that are
 *		newer than what it was trained on, week by week.
 *
 * The source is read once to see which weeks there are, and once more for each of
 * them: a week's figures are those that lepton_evaluate() has on its rows.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/evaluate.h"
#include "pg/experiment.h"

#define DAYS_A_WEEK 7

/* Ten years: times of a column that is no time, or in another unit, are told from weeks. */
#define MAX_WEEKS 520

typedef struct Drift
{
	ReturnSetInfo *rsinfo;
	LpgEvaluation *evaluation;
	int64 newest; /* that it was trained on */
	LpgTimeUnit unit;
	int64 week_length;
	int64 n_rows[MAX_WEEKS]; /* of the source, by week from 0 on */
	int week;				 /* being judged */
} Drift;

/* The newest time that the version was trained on. */
static void
read_version(Drift *d)
{
	LpgHandle *handle = lpg_evaluation_handle(d->evaluation);

	if (!lpg_times_newest_read(lpg_handle_details(handle), &d->newest, &d->unit))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version " INT64_FORMAT " of model \"%s\" was trained on ratings without times",
						handle->version.version, handle->name),
				 errhint("Train it from a source with a column of times (option \"time_column\").")));
	d->week_length = (int64) (DAYS_A_WEEK * lpg_times_day(d->unit));
}

/* The week that a time is in, from 0 on; -1: the version may have been trained on it. */
static int
week_of(const Drift *d, int64 time)
{
	int64 since;

	if (time <= d->newest)
		return -1;
	if (pg_sub_s64_overflow(time, d->newest, &since) || (since - 1) / d->week_length >= MAX_WEEKS)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("a rating of the source is more than %d weeks newer than the newest that the "
							   "model was trained on",
							   MAX_WEEKS),
						errhint("Leave such rows out of the source. Times that are integers are taken for "
								"seconds.")));
	return (int) ((since - 1) / d->week_length);
}

/* LpgSourceCheck: times must be of the training's kind, or they compare to nothing. */
static void
check_times(void *arg, const LpgSource *source)
{
	const Drift *d = arg;

	if (source->n_rows == 0 && source->time_unit != d->unit)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("times of the source are of another type than those that the model was trained on"),
				 errhint("Cast them in the source.")));
}

/* LpgSourceAccepts, of the first pass: no row is kept. */
static bool
count_row(void *arg, const LpgSource *source, int64 time)
{
	Drift *d = arg;
	int week = week_of(d, time);

	if (week >= 0)
		d->n_rows[week]++;
	return false;
}

static void
count_weeks(Drift *d, const char *source)
{
	LpgSourceFilter filter = { count_row, check_times, d };
	LpgExperiment x;

	lpg_experiment_begin(&x, "evaluation");
	lpg_source_read_some(source, lpg_evaluation_options(d->evaluation), &x.arena, &filter, &x.source);
	lpg_experiment_end(&x);
}

/* LpgSourceAccepts, of a week's pass. */
static bool
is_of_week(void *arg, const LpgSource *source, int64 time)
{
	const Drift *d = arg;

	return week_of(d, time) == d->week;
}

/* LpgEvaluationPut */
static void
put_figure(void *arg, const char *metric, const LepFigure *figure, double baseline, double popular)
{
	const Drift *d = arg;
	Datum values[3 + LPG_FIGURE_COLUMNS];
	bool nulls[3 + LPG_FIGURE_COLUMNS] = { false };
	TimestampTz since;

	values[0] = Int32GetDatum(d->week + 1);
	nulls[1] = !lpg_times_instant(d->newest + d->week * d->week_length, d->unit, &since);
	values[1] = TimestampTzGetDatum(since);
	values[2] = CStringGetTextDatum(metric);
	lpg_evaluation_set_figure(values + 3, nulls + 3, figure, baseline, popular);
	tuplestore_putvalues(d->rsinfo->setResult, d->rsinfo->setDesc, values, nulls);
}

static void
judge_week(Drift *d)
{
	LpgEvaluationRows rows = { is_of_week, put_figure, d };
	MemoryContext week_context =
		AllocSetContextCreate(CurrentMemoryContext, "lepton drift week", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(week_context);

	lpg_evaluation_run(d->evaluation, &rows);
	lpg_evaluation_end(d->evaluation);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(week_context);
}

PG_FUNCTION_INFO_V1(lepton_drift);

/*
 * lepton_drift(model text, source text, k integer, relevant float8, options jsonb,
 *				version bigint)
 *		-> setof (week, since, metric, value, std_error, n, baseline, popular)
 */
Datum
lepton_drift(PG_FUNCTION_ARGS)
{
	Drift *d = palloc0(sizeof(Drift));
	LepOptions *options;
	LepError error;

	d->evaluation = lpg_evaluation_begin(fcinfo);
	d->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	read_version(d);
	/* said as if by the caller: a source without it is an error */
	options = lpg_evaluation_options(d->evaluation);
	lpg_check(lep_options_set_text(options, "time_column", options->time_column, &error), &error);
	count_weeks(d, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	for (d->week = 0; d->week < MAX_WEEKS; d->week++)
	{
		if (d->n_rows[d->week] > 0)
			judge_week(d);
	}
	return (Datum) 0;
}

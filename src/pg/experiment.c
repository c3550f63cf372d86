/*
 * experiment.c
 *		A source, the engine, and nothing written; see experiment.h.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "pg/errors.h"
#include "pg/experiment.h"
#include "pg/settings.h"

void
lpg_experiment_begin(LpgExperiment *x, const char *what)
{
	memset(x, 0, sizeof(*x));
	x->context = AllocSetContextCreate(CurrentMemoryContext, "lepton experiment", ALLOCSET_DEFAULT_SIZES);
	lpg_env_init(&x->env, x->context);
	x->env.max_bytes = (size_t) lpg_max_training_memory * 1024;
	x->env.work = what;
	lep_arena_init(&x->arena, &x->env);
}

void
lpg_experiment_check(LpgExperiment *x, LepStatus status)
{
	lpg_check(status, &x->env.error);
}

void
lpg_experiment_show(LpgExperiment *x)
{
	x->is_shown = true;
	lpg_progress_begin_nameless(&x->progress, &x->env, LPG_PHASE_READ);
}

/* A source being read. */
typedef struct Reading
{
	LpgExperiment *x;
	const LpgExperimentSource *from;
} Reading;

static void
check_source(void *arg, const LpgSource *source)
{
	const Reading *reading = arg;

	if (reading->x->is_shown)
		lpg_progress_rows(&reading->x->progress, source->n_rows);
	if (source->n_rows == 0 && reading->from->check != NULL)
		reading->from->check(reading->from->check_arg, &source->shape);
}

static bool
accept_row(void *arg, const LpgSource *source, int64 time)
{
	const Reading *reading = arg;

	return reading->from->accepts(reading->from->accepts_arg, source, time);
}

void
lpg_experiment_read(LpgExperiment *x, const LpgExperimentSource *from)
{
	Reading reading = { x, from };
	LpgSourceFilter filter = { from->accepts != NULL ? accept_row : NULL, check_source, &reading };

	lpg_source_read_some(from->text, from->options, &x->arena, &filter, &x->source);
	if (x->is_shown)
		lpg_progress_rows(&x->progress, x->source.n_rows);
	if (from->allow_few)
		lep_ratings_allow_few(x->source.builder);
	lpg_experiment_check(x, lep_ratings_finish(x->source.builder, from->options, &x->ratings));
	lpg_source_notice_feedback(&x->source, from->options, x->ratings);
}

void
lpg_experiment_notice_cost(const LpgExperiment *x, double seconds)
{
	lpg_env_notice_cost(x->env.work, seconds);
}

void
lpg_experiment_run(LpgExperiment *x, LpgEnvWork work, void *arg)
{
	lpg_experiment_check(x, lpg_env_run(&x->env, work, arg));
}

void
lpg_experiment_end(LpgExperiment *x)
{
	if (x->is_shown)
		lpg_progress_end(&x->progress);
	MemoryContextDelete(x->context);
}

/* --------------------------------------------------------------------- arguments */

void
lpg_experiment_require(FunctionCallInfo fcinfo, int i, const char *what)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s is NULL", what)));
}

Jsonb *
lpg_experiment_options(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options are NULL"),
						errhint("Leave them out, or pass '{}'.")));
	return PG_GETARG_JSONB_P(i);
}

int
lpg_experiment_int(FunctionCallInfo fcinfo, int i, const char *name, int least, int most)
{
	int value;

	lpg_experiment_require(fcinfo, i, name);
	value = PG_GETARG_INT32(i);
	if (value < least || value > most)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s cannot be %d", name, value),
						errhint("It can be from %d to %d.", least, most)));
	return value;
}

double
lpg_experiment_relevant(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return NAN;
	if (isnan(PG_GETARG_FLOAT8(i)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("relevant cannot be NaN"),
				 errhint("It is the least rating of what a user likes; leave it out for the default.")));
	return PG_GETARG_FLOAT8(i);
}

/* ----------------------------------------------------------------------- results */

void
lpg_experiment_put_real(Datum *values, bool *nulls, int i, double value)
{
	values[i] = Float8GetDatum(value);
	nulls[i] = isnan(value);
}

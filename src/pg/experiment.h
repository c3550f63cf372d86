/*
 * experiment.h
 *		Work of the engine on a source that leaves nothing behind: no model, no
 *		version, no row.
 *
 * All memory is in one context, up to lepton.max_training_memory; the engine's
 * threads are joined on every way out.
 */
#ifndef LPG_EXPERIMENT_H
#define LPG_EXPERIMENT_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

#include "core/env.h"
#include "core/options.h"
#include "core/ratings.h"
#include "pg/pgenv.h"
#include "pg/progress.h"
#include "pg/source.h"

typedef struct LpgExperiment
{
	MemoryContext context;
	LepEnv env;
	LepArena arena;
	LpgSource source;
	LepRatings *ratings;
	bool is_shown;
	LpgProgress progress;
} LpgExperiment;

/* what: "evaluation", for errors. */
extern void lpg_experiment_begin(LpgExperiment *x, const char *what);

/* It trains models: let lepton_progress show them, and the reading before. */
extern void lpg_experiment_show(LpgExperiment *x);

/* Check the columns, before the first row; may be NULL. */
typedef void (*LpgExperimentCheck)(void *arg, const LepSourceShape *shape);

/* Where rows come from, and how they are read. */
typedef struct LpgExperimentSource
{
	const char *text;
	const LepOptions *options;
	bool allow_few; /* a single user or item will do */
	LpgExperimentCheck check;
	void *check_arg;
	LpgSourceAccepts accepts; /* NULL: all rows are read */
	void *accepts_arg;
} LpgExperimentSource;

/*
 * The ratings of the source, as the caller may read them; a NOTICE where they are
 * taken as implicit feedback by guess.
 */
extern void lpg_experiment_read(LpgExperiment *x, const LpgExperimentSource *from);

/* NOTICE of an estimate in core seconds, as a training gives it. */
extern void lpg_experiment_notice_cost(const LpgExperiment *x, double seconds);

/* Run it with lepton.threads threads to start; ERROR for a status that is not LEP_OK. */
extern void lpg_experiment_run(LpgExperiment *x, LpgEnvWork work, void *arg);

/* ERROR for a status of the engine that is not LEP_OK. */
extern void lpg_experiment_check(LpgExperiment *x, LepStatus status);

extern void lpg_experiment_end(LpgExperiment *x);

/* ---- arguments that such functions share ---- */

/* ERROR if argument i is NULL; "what" is said of it: "the source". */
extern void lpg_experiment_require(FunctionCallInfo fcinfo, int i, const char *what);

/* Argument i, a jsonb of options; ERROR if it is NULL. */
extern Jsonb *lpg_experiment_options(FunctionCallInfo fcinfo, int i);

/* An integer argument of at least `least` and at most `most`; ERROR otherwise. */
extern int lpg_experiment_int(FunctionCallInfo fcinfo, int i, const char *name, int least, int most);

/* Argument i, from which rating on an item is relevant; NaN for NULL. */
extern double lpg_experiment_relevant(FunctionCallInfo fcinfo, int i);

/* ---- results ---- */

/* Column i of a row: NULL for NaN, which says that there is nothing to say. */
extern void lpg_experiment_put_real(Datum *values, bool *nulls, int i, double value);

#endif /* LPG_EXPERIMENT_H */

/*
 * evaluate.h
 *		A named model on rows of a source, for the functions that say how good it is.
 */
#ifndef LPG_EVALUATE_H
#define LPG_EVALUATE_H

#include "postgres.h"

#include "fmgr.h"

#include "core/options.h"
#include "core/ranking.h"
#include "pg/handle.h"
#include "pg/source.h"

typedef struct LpgEvaluation LpgEvaluation;

/*
 * By the arguments of lepton_evaluate(), in its order: model, source, k, relevant,
 * options, version.  The result set of the call is made, too.
 */
extern LpgEvaluation *lpg_evaluation_begin(FunctionCallInfo fcinfo);

extern LpgHandle *lpg_evaluation_handle(LpgEvaluation *e);

/* How the source is read; the caller may set more. */
extern LepOptions *lpg_evaluation_options(LpgEvaluation *e);

/* A figure of the model, and what its biases alone and popularity have there (NaN: nothing). */
typedef void (*LpgEvaluationPut)(void *arg, const char *metric, const LepFigure *figure, double baseline,
								 double popular);

typedef struct LpgEvaluationRows
{
	LpgSourceAccepts accepts; /* NULL: all rows */
	LpgEvaluationPut put;	  /* once for each figure */
	void *arg;				  /* of both */
} LpgEvaluationRows;

/* Read the source and judge the model on it; at least one row must be accepted.  May be called again. */
extern void lpg_evaluation_run(LpgEvaluation *e, const LpgEvaluationRows *rows);

/* Give back what the last run has taken; before the next run, and at the end. */
extern void lpg_evaluation_end(LpgEvaluation *e);

/* (value, std_error, n, baseline, popular): columns from values[0] on. */
#define LPG_FIGURE_COLUMNS 5
extern void lpg_evaluation_set_figure(Datum *values, bool *nulls, const LepFigure *figure, double baseline,
									  double popular);

#endif /* LPG_EVALUATE_H */

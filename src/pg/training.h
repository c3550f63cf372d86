/*
 * training.h
 *		One training, whoever asks for it and wherever its model goes: the engine's
 *		run, and the documents about it.
 *
 * All memory of the engine is in one context; its threads are joined on every way
 * out.  The caller reads the ratings, by whatever means, and keeps the model.
 */
#ifndef LPG_TRAINING_H
#define LPG_TRAINING_H

#include "postgres.h"

#include "core/foldin.h"
#include "core/implicit.h"
#include "core/train.h"
#include "pg/eligible.h"
#include "pg/live.h"
#include "pg/source.h"

typedef struct LpgTraining
{
	LepOptions options;	   /* as given */
	MemoryContext context; /* the engine's memory */
	LepEnv env;
	LepArena arena;

	/* the documents have nothing in them that differs between two trainings of the same */
	bool reproducible;

	/* by the caller */
	LpgSource source; /* of it the rows' numbers and the unit of times */
	LepRatings *ratings;
	LpgLiveChoice live; /* off for a model without a source */
	LpgEligibleChoice eligible;
	double read_seconds;
	double sort_seconds;
	double write_seconds;

	/* by lpg_training_run */
	LepTrainResult result;
	bool has_prior;
	LepFoldinPrior prior; /* of new users, explicit feedback */
	bool has_rule;
	bool blends;		  /* with neighbours: */
	double ratio;		  /* lep_blend_ratio() */
	LepImplicitRule rule; /* the same for ials */
} LpgTraining;

/*
 * Context, environment and arena, within lepton.max_training_memory; the rest of
 * the struct is zero.
 */
extern void lpg_training_begin(LpgTraining *t);

/*
 * Train on the ratings; result, prior and rule are in the arena.  Where that fails,
 * run is an ERROR, and try leaves the reason in env.error.
 */
extern void lpg_training_run(LpgTraining *t, int n_threads);
extern LepStatus lpg_training_try(LpgTraining *t, int n_threads);

/* What a model's row says, as jsonb in the current memory context. */
extern Datum lpg_training_metrics(const LpgTraining *t);
extern Datum lpg_training_details(const LpgTraining *t);

#endif /* LPG_TRAINING_H */

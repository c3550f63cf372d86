/*
 * train.h
 *		The steps of a training that makes a version of a named model: read, run,
 *		write.
 *
 * Each step may be in a transaction of its own: between them nothing of the
 * database is held but memory.  Name and source are read, and the version is
 * written, as the current user.
 */
#ifndef LPG_TRAIN_H
#define LPG_TRAIN_H

#include "postgres.h"

#include "pg/progress.h"
#include "pg/publish.h"
#include "pg/training.h"

/* One training, from arguments to version. */
typedef struct LpgNamedTraining
{
	char *name;
	char *source_text;
	const char *remarks; /* JSON object that is added to the details; NULL: nothing */
	LpgTraining work;
	LpgPublication publication;
	LpgProgress progress;
} LpgNamedTraining;

/*
 * The engine's memory, in the current context; work.options are set already.  The
 * progress is begun by the caller, in time to show that it waits for a lock.
 */
extern void lpg_train_begin(LpgNamedTraining *t);

/* Read the source into work.ratings, and say what is assumed of it. */
extern void lpg_train_read(LpgNamedTraining *t);

/* Write what lpg_training_run() made; values and nulls are of LPG_MODEL_NATTS. */
extern void lpg_train_write(LpgNamedTraining *t, Datum *values, bool *nulls);

#endif /* LPG_TRAIN_H */

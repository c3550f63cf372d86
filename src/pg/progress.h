/*
 * progress.h
 *		What a training is doing, for other sessions (view lepton_progress), for
 *		its own (lepton.log_progress) and for the server's log.
 *
 * The backend's entry of pg_stat_activity holds it, as it holds that of VACUUM, under
 * a number of our own: nothing has to be preloaded, and an error or the end of the
 * session clears it.  Only the thread that called the engine writes it.
 */
#ifndef LPG_PROGRESS_H
#define LPG_PROGRESS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "core/env.h"
#include "pg/compat.h"
#include "pg/registry.h"

typedef enum LpgPhase
{
	LPG_PHASE_WAIT, /* for another training of the model */
	LPG_PHASE_READ, /* rows of the source */
	LPG_PHASE_SORT,
	LPG_PHASE_TRAIN,
	LPG_PHASE_TEST,
	LPG_PHASE_REFIT,
	LPG_PHASE_WRITE
} LpgPhase;

/* One training; the caller's memory.  Numbers as the backend's entry holds them. */
typedef struct LpgProgress
{
	const LepEnv *env; /* whose memory is reported */
	Oid relid;		   /* the model; InvalidOid until it is made, or for none */
	bool has_end;	   /* its end can be estimated: it is no one of many */
	TimestampTz fit_begin;
	int64 values[PGSTAT_NUM_PROGRESS_PARAM];
} LpgProgress;

/* Begin to report a training in phase WAIT.  target: may change until the next phase. */
extern void lpg_progress_begin(LpgProgress *progress, const LepEnv *env, const LpgTarget *target);

/*
 * Begin to report trainings of models that have no name, one after the other, in this
 * phase.  Until lpg_progress_end() the engine reports to it: env->progress.
 */
extern void lpg_progress_begin_nameless(LpgProgress *progress, LepEnv *env, LpgPhase phase);

/* A phase begins. */
extern void lpg_progress_phase(LpgProgress *progress, LpgPhase phase);

/* The model is this one; also after a command that reports progress of its own, as CREATE INDEX does. */
extern void lpg_progress_resume(LpgProgress *progress, Oid relid);

/* So many rows of the source are read. */
extern void lpg_progress_rows(LpgProgress *progress, int64 n_rows);

/* LepEnv.progress; host is the LpgProgress.  Sends the NOTICE of lepton.log_progress, too. */
extern void lpg_progress_engine(void *host, const LepProgress *progress);

extern void lpg_progress_end(LpgProgress *progress);

#endif /* LPG_PROGRESS_H */

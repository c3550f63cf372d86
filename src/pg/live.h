/*
 * live.h
 *		Option live: users as the source has them at the moment.
 *
 * A version with that option reads a user's rows whenever she is asked for, once
 * per query and user: under the query's snapshot, so that what its transaction
 * has done before counts and what others have not committed does not; with the
 * rights of the model's owner (owner.h).  Rows are merged and dropped as a
 * training does it (core/ratings.h).  While they are those that she was trained
 * with, which a digest stored with her tells, her factors stand; else she is
 * folded in by what they are now, or is an unknown user if there are none.
 *
 * The setting lepton.live turns it off.
 */
#ifndef LPG_LIVE_H
#define LPG_LIVE_H

#include "postgres.h"

#include "core/options.h"
#include "core/serve.h"
#include "pg/handle.h"
#include "pg/jsonbuild.h"

/* ---- while training ---- */

/* What a training has decided. */
typedef struct LpgLiveChoice
{
	bool on;
	bool given;			/* by the options */
	const char *source; /* a relation's name qualified and quoted, or the query */
} LpgLiveChoice;

/*
 * By the options, or by whether the source is a table with an index that finds a
 * user's rows.  ERROR where it is asked for and cannot be: temporary tables are
 * nobody else's.
 */
extern void lpg_live_choose(const char *source, const LepOptions *options, LpgLiveChoice *choice);

/* Off where nobody could be folded in, with a WARNING if it was asked for; else a NOTICE unless it was. */
extern void lpg_live_settle(LpgLiveChoice *choice, bool can_fold_in, const char *model);

/* Into details. */
extern void lpg_live_to_json(const LpgLiveChoice *choice, const LepOptions *options,
							 const LepSourceShape *shape, LpgJson *details);

/* ---- while reading ---- */

/* Somebody who is asked for.  All is in the caller's memory context. */
typedef struct LpgPerson
{
	LepServedUser user; /* row: the caller's buffer, or NULL */
	bool has_variance;	/* false: not as trained */
	float variance;		/* 0 where it is not known */
	int32 *seen;		/* items that she has rated, ascending */
	int64 n_seen;
	LepId *new_seen; /* and those that the model does not know */
	int64 n_new_seen;
} LpgPerson;

/*
 * Find her, as trained or as she is.  row: a buffer of lep_row_stride(n_factors)
 * floats, zero.  wants_seen: seen is asked for; new_seen is filled in only where
 * she was read anew.
 */
extern void lpg_live_find(LpgHandle *handle, const LepId *id, bool wants_seen, float *row, LpgPerson *person);

#endif /* LPG_LIVE_H */

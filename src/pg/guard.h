/*
 * guard.h
 *		Is a version that was trained again good enough to be published?
 *
 * By its metric on held-out ratings, before refit, RMSE or NDCG: not worse than the
 * current version's recorded one by more than `tolerance`, a part of that, and not
 * worse than the biases' or what is popular.  Two versions are compared only where
 * they held out by the same rule: at random that is by a hash of (seed, user, item),
 * so that both are judged on the same ratings, but for what has come or gone.
 */
#ifndef LPG_GUARD_H
#define LPG_GUARD_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "pg/training.h"

/* The version that is current now, as its row has it. */
typedef struct LpgGuardCurrent
{
	int64 version; /* 0: there is none */
	Jsonb *metrics;
	Jsonb *details;
} LpgGuardCurrent;

/* What was found; numbers are NaN where there are none. */
typedef struct LpgVerdict
{
	const char *metric;
	double value;
	double baseline;
	int64 current_version; /* 0: none to compare with */
	double current;
	double tolerance;
	const char *not_compared; /* why not with the current version; NULL: it was, or there is none */
	char *reason;			  /* why it is not good enough; NULL: it is */
} LpgVerdict;

extern void lpg_guard_judge(const LpgTraining *work, const LpgGuardCurrent *current, LpgVerdict *verdict);

/* As a JSON object. */
extern char *lpg_guard_to_json(const LpgVerdict *verdict);

#endif /* LPG_GUARD_H */

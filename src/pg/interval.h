/*
 * interval.h
 *		details -> 'interval' of a version: how wide prediction intervals are.
 */
#ifndef LPG_INTERVAL_H
#define LPG_INTERVAL_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/interval.h"
#include "pg/jsonbuild.h"

typedef struct LpgInterval
{
	double noise; /* the model's, or 1 for one without variances */
	LepIntervals intervals;
} LpgInterval;

/* Add the key "interval" to details; nothing where there are none. */
extern void lpg_interval_to_json(const LepModel *model, const LepIntervals *intervals, LpgJson *details);

/*
 * Read it, into the context; NULL if there is none.  ERROR if it is not what was
 * written: bytes of a row may have been changed by hand.  model: for messages.
 */
extern LpgInterval *lpg_interval_read(Jsonb *details, const char *model, MemoryContext context);

#endif /* LPG_INTERVAL_H */

/*
 * times.h
 *		details -> 'times' of a version: its bins of time (core/times.h), and
 *		which of them holds an instant.
 */
#ifndef LPG_TIMES_H
#define LPG_TIMES_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "core/times.h"
#include "pg/jsonbuild.h"

/* Most bins that are ever read. */
#define LPG_MAX_TIME_BINS 4096

/* What the integers that the engine takes for times count; see lpg_source_read. */
typedef enum LpgTimeUnit
{
	LPG_TIME_TIMESTAMPTZ, /* a timestamptz' microseconds */
	LPG_TIME_TIMESTAMP,	  /* a timestamp's, in the time zone of whoever asks */
	LPG_TIME_DATE,		  /* a date's days, likewise */
	LPG_TIME_INTEGER,	  /* taken for seconds since 1970 */
	LPG_TIME_SECONDS	  /* millionths, taken for those of seconds since 1970 */
} LpgTimeUnit;

/* From 1970, where numbers count from, to 2000, where PostgreSQL does; in microseconds. */
#define LPG_EPOCH_SHIFT ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* How much a day is. */
extern double lpg_times_day(LpgTimeUnit unit);

typedef struct LpgTimes
{
	LpgTimeUnit unit;
	LepTimes times;
} LpgTimes;

/* Add the key "times" to details; nothing where the model has none. */
extern void lpg_times_to_json(const LepModel *model, LpgTimeUnit unit, LpgJson *details);

/*
 * Read them, into the context; NULL if there are none.  ERROR if they are not
 * what was written: bytes of a row may have been changed by hand.  model: for
 * messages.
 */
extern LpgTimes *lpg_times_read(Jsonb *details, const char *model, int n_factors, MemoryContext context);

/*
 * details -> 'newest': the time of the newest rating that a training has read.
 * lpg_times_newest_read: false where there is none, or nothing that could be it.
 */
extern void lpg_times_newest_to_json(int64 newest, LpgTimeUnit unit, LpgJson *details);
extern bool lpg_times_newest_read(Jsonb *details, int64 *newest, LpgTimeUnit *unit);

/* The instant that a number of this unit is; false where it is none that a timestamptz can hold. */
extern bool lpg_times_instant(int64 time, LpgTimeUnit unit, TimestampTz *at);

/*
 * The bin that holds the instant; -1 if that is the newest, or if times is NULL:
 * the model as it is.
 */
extern int lpg_times_bin(const LpgTimes *times, TimestampTz at);

#endif /* LPG_TIMES_H */

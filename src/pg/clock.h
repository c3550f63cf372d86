/*
 * clock.h
 *		What the times of a source are: their unit, the time of now in it, and
 *		their text.
 *
 * The engine knows times as integers in order, which count what LpgTimeUnit says.
 * A column of numbers has no unit of its own: it is guessed from the newest
 * time, where that is a count of seconds, milliseconds or microseconds since 1970
 * that lies between 1973 and 2286.
 */
#ifndef LPG_CLOCK_H
#define LPG_CLOCK_H

#include "postgres.h"

#include "pg/times.h"

typedef struct LpgClock
{
	const char *name; /* for people: "seconds since 1970" */
	LpgTimeUnit unit;
	bool overflows;	  /* numbers too large to be kept apart: see source.c */
	int64 resolution; /* numbers: that many a second; 0: not known */
	int64 per_second; /* of the engine's integers; 0: not known */
} LpgClock;

/* The clock of a column of this unit with times from first to last. */
extern LpgClock lpg_clock_find(LpgTimeUnit unit, int64 first, int64 last);

/* The time at which the transaction began; false if that cannot be known. */
extern bool lpg_clock_now(const LpgClock *clock, int64 *now);

/*
 * A time in ISO 8601's order, whatever DateStyle and TimeZone say: with time
 * zone as UTC, numbers of a known unit as the instant that they mean.
 */
extern char *lpg_clock_text(const LpgClock *clock, int64 time);

#endif /* LPG_CLOCK_H */

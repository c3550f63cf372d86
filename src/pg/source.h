/*
 * source.h
 *		Reading the ratings that a training asks for.
 *
 * A source is the name of a table, view, materialized view or foreign table, or
 * one SELECT.  It runs as the current user, under the current search path and
 * row security, with transaction_read_only on: SPI's own read-only flag does not
 * stop a volatile function from writing.  Rows go straight from the executor into
 * the engine's builder; the portal is closed when lpg_source_read returns.
 */
#ifndef LPG_SOURCE_H
#define LPG_SOURCE_H

#include "postgres.h"

#include "tcop/dest.h"

#include "core/options.h"
#include "core/ratings.h"
#include "pg/changes.h"
#include "pg/times.h"

/* What was read, and what was not used of it. */
typedef struct LpgSource
{
	LepSourceShape shape;
	LepRatingsBuilder *builder; /* in the arena */
	LpgTimeUnit time_unit;		/* where the shape has a time */
	int64 n_rows;				/* read */
	int64 n_null_user;			/* rows dropped, each counted once */
	int64 n_null_item;
	int64 n_null_rating;
	int64 n_null_time;
	int64 newest_time;	/* of those read; PG_INT64_MIN: none */
	LpgChanges changes; /* of a source that is a table, before it was read */

	/* by lpg_source_survey: rows that a training would refuse, each counted once */
	int64 n_bad_rating;	 /* NaN, infinite, or beyond LEP_MAX_RATING */
	int64 n_bad_time;	 /* NaN or infinite */
	int64 n_long_id;	 /* text of more than LEP_MAX_TEXT_ID bytes */
	int64 first_refused; /* its number among the rows; 0: none */
} LpgSource;

/*
 * Called when the columns are known and before the first row, and again from
 * time to time: to refuse early.
 */
typedef void (*LpgSourceCheck)(void *arg, const LpgSource *source);

extern void lpg_source_read(const char *query, const LepOptions *options, LepArena *arena,
							LpgSourceCheck check, void *check_arg, LpgSource *source);

/* Is a row to be read?  time: what the source's column of times has, 0 without one. */
typedef bool (*LpgSourceAccepts)(void *arg, const LpgSource *source, int64 time);

typedef struct LpgSourceFilter
{
	LpgSourceAccepts accepts; /* NULL: all rows */
	LpgSourceCheck check;
	void *arg; /* of both */
} LpgSourceFilter;

/* lpg_source_read, of those rows only that the filter accepts. */
extern void lpg_source_read_some(const char *query, const LepOptions *options, LepArena *arena,
								 const LpgSourceFilter *filter, LpgSource *source);
/*
 * The relation that a source names, as the current search path has it; locked, as
 * reading locks it.  InvalidOid for a query.
 */
extern Oid lpg_source_relation(const char *source);

/* A query of the rows of the user $1, whose id is of the kind's stored type. */
extern char *lpg_source_of_user(const char *source, const LepOptions *options);

/*
 * A receiver of a query's rows, into source->builder, in the arena; what it is
 * itself is in the current context, as is a batch.
 */
extern DestReceiver *lpg_source_receiver(const LepOptions *options, LepArena *arena, LpgSource *source);

/* A NOTICE where ratings are taken as implicit feedback and nobody has said so. */
extern void
lpg_source_notice_feedback(const LpgSource *source, const LepOptions *options, const LepRatings *ratings);

/* lpg_source_read, but rows with values that are an ERROR in a training are dropped and counted. */
extern void lpg_source_survey(const char *query, const LepOptions *options, LepArena *arena,
							  LpgSourceCheck check, void *check_arg, LpgSource *source);

/* What errors call a query that stands where a source can. */
typedef struct LpgSourceWords
{
	const char *name;	 /* "the source" */
	const char *context; /* "source of ratings" */
	const char *table;	 /* an example of a name */
	const char *select;	 /* and one of a query */
} LpgSourceWords;

/*
 * All rows of a source with other columns than ratings have, under the same rules,
 * as the active snapshot sees them.
 */
extern void lpg_source_query(const char *source, const LpgSourceWords *words, DestReceiver *receiver);

/* A query of ids, cut down to those that are in $1, an array. */
extern char *lpg_source_of_items(const char *source, const LpgSourceWords *words);

#endif /* LPG_SOURCE_H */

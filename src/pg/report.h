/*
 * report.h
 *		The parts of the page of lepton_report().
 */
#ifndef LPG_REPORT_H
#define LPG_REPORT_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "pg/handle.h"

typedef struct LpgReport
{
	LpgHandle *handle;
	const char *name;	/* of the model, qualified and quoted */
	const char *schema; /* of the extension, quoted */
	StringInfo page;
} LpgReport;

/*
 * Run a query: $1 is the model, a regclass, $2 the version's number, $3 the model's name;
 * "@." stands for the extension's schema, "@version" for the version's row, called v.
 * How many rows it has.
 */
extern int64 lpg_report_query(const LpgReport *report, const char *query);

/* The same with ids, as text: $4 is a user's, $5 an item's.  They are never in the query itself. */
extern int64
lpg_report_query_of(const LpgReport *report, const char *query, const char *user, const char *item);

/* A value of the last query's rows: as text, NULL for NULL; as float8, NaN for NULL. */
extern const char *lpg_report_value(int64 row, int column);
extern double lpg_report_number(int64 row, int column);

/* A query's rows as a table; nothing where there is none. */
extern void lpg_report_table(const LpgReport *report, const char *query);

/* The last query's rows as a table, but for columns without anything. */
extern void lpg_report_rows(const LpgReport *report);

/* Text of a row, clipped where it is very long. */
extern void lpg_report_text(const LpgReport *report, const char *text);

/* A section begins; our own words. */
extern void lpg_report_heading(const LpgReport *report, const char *heading, const char *text);

/* The sections about what lists are made of; report_lists.c. */
extern void lpg_report_lists(const LpgReport *report);

#endif /* LPG_REPORT_H */

/*
 * source_column.h
 *		Columns of a source's rows: which they are, and what they may be.
 */
#ifndef LPG_SOURCE_COLUMN_H
#define LPG_SOURCE_COLUMN_H

#include "postgres.h"

#include "access/tupdesc.h"

#include "core/idmap.h"
#include "pg/times.h"

/* A column of the source that is read. */
typedef struct LpgSourceColumn
{
	const char *name;
	AttrNumber attno; /* 0: not there */
	Oid type;		  /* base type */
} LpgSourceColumn;

/* By name; ERROR where there are two. */
extern void lpg_source_column_find(LpgSourceColumn *column, TupleDesc desc, const char *name);

/* ERROR if it is not there and must be; the option is what names it. */
extern void
lpg_source_column_require(const LpgSourceColumn *column, TupleDesc desc, const char *option, bool required);

/* ERROR unless it can be an id, which is there; a rating; a time. */
extern void lpg_source_column_require_id(const LpgSourceColumn *column, LepIdKind *kind);
extern void lpg_source_column_require_number(const LpgSourceColumn *column);
extern void lpg_source_column_require_time(const LpgSourceColumn *column);

/* What times of the type are counted in. */
extern LpgTimeUnit lpg_source_column_time_unit(Oid type);

#endif /* LPG_SOURCE_COLUMN_H */

/*
 * source_column.c
 *		Finding the columns of a source, and judging their types.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/compat.h"
#include "pg/keytype.h"
#include "pg/source_column.h"

/* "a, b, c": what the source has. */
static char *
list_columns(TupleDesc desc)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			appendStringInfo(&list, "%s\"%s\"", list.len == 0 ? "" : ", ", NameStr(att->attname));
	}
	return list.data;
}

void
lpg_source_column_find(LpgSourceColumn *column, TupleDesc desc, const char *name)
{
	column->name = name;
	column->attno = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (column->attno != 0)
			ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_COLUMN),
							errmsg("the source has more than one column \"%s\"", name)));
		column->attno = (AttrNumber) (i + 1);
		column->type = getBaseType(att->atttypid);
	}
}

void
lpg_source_column_require(const LpgSourceColumn *column, TupleDesc desc, const char *option, bool required)
{
	if (column->attno != 0 || !required)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("the source has no column \"%s\"", column->name),
			 errdetail("Its columns are %s.", list_columns(desc)),
			 errhint("Name the right one with option \"%s\".", option)));
}

void
lpg_source_column_require_id(const LpgSourceColumn *column, LepIdKind *kind)
{
	if (!lpg_keytype_kind(column->type, kind))
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of type %s cannot be an id", column->name, format_type_be(column->type)),
			 errhint("Ids are smallint, integer, bigint, text, varchar or uuid; cast it in the source.")));
}

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID ||
		   type == NUMERICOID;
}

void
lpg_source_column_require_number(const LpgSourceColumn *column)
{
	if (column->attno != 0 && !is_number(column->type))
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of type %s cannot be a rating", column->name,
					format_type_be(column->type)),
			 errhint("Ratings are smallint to numeric, real or double precision; cast it in the source.")));
}

void
lpg_source_column_require_time(const LpgSourceColumn *column)
{
	if (column->attno != 0 && !is_number(column->type) && column->type != TIMESTAMPTZOID &&
		column->type != TIMESTAMPOID && column->type != DATEOID)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of type %s cannot be a time", column->name, format_type_be(column->type)),
			 errhint("Times are timestamp with or without time zone, date, or a number that grows; name "
					 "another column with option \"time_column\", or leave it out of the source.")));
}

LpgTimeUnit
lpg_source_column_time_unit(Oid type)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			return LPG_TIME_TIMESTAMPTZ;
		case TIMESTAMPOID:
			return LPG_TIME_TIMESTAMP;
		case DATEOID:
			return LPG_TIME_DATE;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return LPG_TIME_INTEGER;
		default:
			return LPG_TIME_SECONDS;
	}
}

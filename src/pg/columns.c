/*
 * columns.c
 *		Names and types of the columns of factor tables.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/rel.h"

#include "pg/columns.h"
#include "pg/keytype.h"

bool
lpg_columns_lack_variance(TupleDesc desc)
{
	return desc->natts >= LPG_FACTORS_NATTS - 1 &&
		   strcmp(NameStr(TupleDescAttr(desc, LPG_FACTORS_VARIANCE - 1)->attname), "factors") == 0;
}

const char *
lpg_columns_name(int i, LpgSide side)
{
	static const char *const names[] = { "version", "id", "n", "n_ratings", "bias", "variance", "factors" };

	if (i < LPG_FACTORS_EXTRA - 1)
		return names[i];
	return side == LPG_USERS ? "seen" : "neighbors";
}

static bool
is_right_column(Form_pg_attribute att, int i, LpgSide side)
{
	static const Oid types[LPG_FACTORS_NATTS] = { INT8OID,	 InvalidOid, INT4OID,  INT4OID,
												  FLOAT4OID, FLOAT4OID,	 BYTEAOID, BYTEAOID };
	LepIdKind kind;

	if (att->attisdropped || strcmp(NameStr(att->attname), lpg_columns_name(i, side)) != 0)
		return false;
	if (OidIsValid(types[i]))
		return att->atttypid == types[i];
	return lpg_keytype_kind(att->atttypid, &kind) && lpg_keytype_stored_type(kind) == att->atttypid &&
		   lpg_keytype_collation(kind) == att->attcollation;
}

int
lpg_columns_find_wrong(Relation table, LpgSide side)
{
	TupleDesc desc = RelationGetDescr(table);
	bool lacks_variance = lpg_columns_lack_variance(desc);
	int place = 0;

	for (int i = 0; i < LPG_FACTORS_NATTS; i++)
	{
		if (lacks_variance && i == LPG_FACTORS_VARIANCE - 1)
			continue;
		if (place >= desc->natts || !is_right_column(TupleDescAttr(desc, place), i, side))
			return i;
		place++;
	}
	return -1;
}

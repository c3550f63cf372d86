/*
 * keytype.c
 *		bigint, text and uuid as Datums.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

#include "pg/compat.h"
#include "pg/keytype.h"

/* What the three kinds differ in. */
typedef struct KeyType
{
	Oid type;				 /* stored as */
	const char *name;		 /* for messages */
	const char *declaration; /* in CREATE TABLE */
	RegProcedure equal;		 /* of the stored type */
	Oid collation;
	PGFunction in;
	PGFunction out;
} KeyType;

static const KeyType key_types[] = {
	[LEP_ID_INT64] = { INT8OID, "bigint", "pg_catalog.int8", F_INT8EQ, InvalidOid, int8in, int8out },
	[LEP_ID_TEXT] = { TEXTOID, "text", "pg_catalog.text COLLATE pg_catalog.\"C\"", F_TEXTEQ, C_COLLATION_OID,
					  textin, textout },
	[LEP_ID_UUID] = { UUIDOID, "uuid", "pg_catalog.uuid", F_UUID_EQ, InvalidOid, uuid_in, uuid_out },
};

bool
lpg_keytype_kind(Oid type, LepIdKind *kind)
{
	switch (getBaseType(type))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			*kind = LEP_ID_INT64;
			return true;
		case TEXTOID:
		case VARCHAROID:
			*kind = LEP_ID_TEXT;
			return true;
		case UUIDOID:
			*kind = LEP_ID_UUID;
			return true;
		default:
			return false;
	}
}

Oid
lpg_keytype_stored_type(LepIdKind kind)
{
	return key_types[kind].type;
}

const char *
lpg_keytype_name(LepIdKind kind)
{
	return key_types[kind].name;
}

const char *
lpg_keytype_declaration(LepIdKind kind)
{
	return key_types[kind].declaration;
}

Oid
lpg_keytype_collation(LepIdKind kind)
{
	return key_types[kind].collation;
}

LepId
lpg_keytype_from_datum(Datum datum, Oid type)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	switch (type)
	{
		case INT2OID:
			id.v.i64 = DatumGetInt16(datum);
			break;
		case INT4OID:
			id.v.i64 = DatumGetInt32(datum);
			break;
		case INT8OID:
			id.v.i64 = DatumGetInt64(datum);
			break;
		case TEXTOID:
		case VARCHAROID:
		{
			text *value = DatumGetTextPP(datum);

			id.v.text.data = VARDATA_ANY(value);
			id.v.text.len = (int32) VARSIZE_ANY_EXHDR(value);
			break;
		}
		case UUIDOID:
			memcpy(id.v.uuid, DatumGetUUIDP(datum)->data, UUID_LEN);
			break;
		default:
			elog(ERROR, "type %u cannot be an id", type);
	}
	return id;
}

LepId
lpg_keytype_copy(const LepId *id, LepIdKind kind)
{
	LepId copy = *id;

	if (kind == LEP_ID_TEXT)
		copy.v.text.data = memcpy(palloc(Max(id->v.text.len, 1)), id->v.text.data, id->v.text.len);
	return copy;
}

Datum
lpg_keytype_to_datum(const LepId *id, LepIdKind kind)
{
	switch (kind)
	{
		case LEP_ID_INT64:
			return Int64GetDatum(id->v.i64);
		case LEP_ID_TEXT:
			return PointerGetDatum(cstring_to_text_with_len(id->v.text.data, id->v.text.len));
		case LEP_ID_UUID:
		{
			pg_uuid_t *uuid = palloc(sizeof(pg_uuid_t));

			memcpy(uuid->data, id->v.uuid, UUID_LEN);
			return UUIDPGetDatum(uuid);
		}
	}
	pg_unreachable();
}

LepId
lpg_keytype_from_argument(Datum datum, Oid type, LepIdKind kind, const char *what, const char *model)
{
	LepIdKind given;

	/* looked at first, since a domain's base type is looked up in the catalog, and this asked per row */
	if (type == key_types[kind].type)
		return lpg_keytype_from_datum(datum, type);
	if (!lpg_keytype_kind(type, &given))
		elog(ERROR, "type %u cannot be an id", type);
	if (given == kind)
		return lpg_keytype_from_datum(datum, type);
	if (given == LEP_ID_TEXT)
	{
		char *string = TextDatumGetCString(datum);

		return lpg_keytype_from_datum(DirectFunctionCall1(key_types[kind].in, CStringGetDatum(string)),
									  key_types[kind].type);
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s ids of model \"%s\" are of type %s, but a %s was given", what, model,
					key_types[kind].name, key_types[given].name),
			 kind == LEP_ID_TEXT ? errhint("Pass the %s id as text.", what)
								 : errhint("Pass the %s id as %s, or as text.", what, key_types[kind].name)));
}

void
lpg_keytype_scankey(ScanKey key, AttrNumber attno, LepIdKind kind, Datum id)
{
	ScanKeyEntryInitialize(key, 0, attno, BTEqualStrategyNumber, InvalidOid, key_types[kind].collation,
						   key_types[kind].equal, id);
}

char *
lpg_keytype_out(const LepId *id, LepIdKind kind)
{
	return DatumGetCString(DirectFunctionCall1(key_types[kind].out, lpg_keytype_to_datum(id, kind)));
}

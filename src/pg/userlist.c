/*
 * userlist.c
 *		A bounded sort of (score, id, origin).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "pg/compat.h"
#include "pg/keytype.h"
#include "pg/userlist.h"

struct LpgUserList
{
	LepIdKind kind;
	int64 left; /* of n */
	Tuplesortstate *sort;
	TupleTableSlot *in;	 /* score, id, origin */
	TupleTableSlot *out; /* likewise */
};

LpgUserList *
lpg_userlist_create(LepIdKind kind, int64 n)
{
	Oid id_type = lpg_keytype_stored_type(kind);
	LpgUserList *list = palloc0(sizeof(LpgUserList));
	TupleDesc desc = CreateTemplateTupleDesc(3);
	AttrNumber columns[] = { 1, 2 };
	Oid operators[] = { lookup_type_cache(FLOAT4OID, TYPECACHE_GT_OPR)->gt_opr,
						lookup_type_cache(id_type, TYPECACHE_LT_OPR)->lt_opr };
	Oid collations[] = { InvalidOid, lpg_keytype_collation(kind) };
	bool nulls_first[] = { false, false };

	TupleDescInitEntry(desc, 1, "score", FLOAT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "id", id_type, -1, 0);
	TupleDescInitEntryCollation(desc, 2, collations[1]);
	TupleDescInitEntry(desc, 3, "origin", INT4OID, -1, 0);
	lpg_finalize_tupdesc(desc);
	list->kind = kind;
	list->left = n;
	list->sort = tuplesort_begin_heap(desc, 2, columns, operators, collations, nulls_first, work_mem, NULL,
									  TUPLESORT_ALLOWBOUNDED);
	tuplesort_set_bound(list->sort, n);
	list->in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	list->out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	return list;
}

void
lpg_userlist_put(LpgUserList *list, const LepId *id, float score, int32 origin)
{
	TupleTableSlot *slot = ExecClearTuple(list->in);

	slot->tts_values[0] = Float4GetDatum(score);
	slot->tts_values[1] = lpg_keytype_to_datum(id, list->kind);
	slot->tts_values[2] = Int32GetDatum(origin);
	memset(slot->tts_isnull, 0, 3 * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(list->sort, slot);
}

void
lpg_userlist_sort(LpgUserList *list)
{
	tuplesort_performsort(list->sort);
}

bool
lpg_userlist_next(LpgUserList *list, LpgListedUser *user)
{
	if (list->left-- <= 0 || !tuplesort_gettupleslot(list->sort, true, false, list->out, NULL))
		return false;
	slot_getallattrs(list->out);
	user->score = DatumGetFloat4(list->out->tts_values[0]);
	user->id = list->out->tts_values[1];
	user->origin = DatumGetInt32(list->out->tts_values[2]);
	return true;
}

void
lpg_userlist_end(LpgUserList *list)
{
	ExecDropSingleTupleTableSlot(list->in);
	ExecDropSingleTupleTableSlot(list->out);
	tuplesort_end(list->sort);
}

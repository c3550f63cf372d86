/*
 * store.c
 *		Reading and writing the factor tables.
 */
#include "postgres.h"

#include <math.h>

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/format.h"
#include "core/kernels.h"
#include "core/model.h"
#include "pg/columns.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"
#include "pg/store.h"

/* ------------------------------------------------------------ rows of 1.0.0 */

/* A slot for rows of the table with the columns of now; NULL where it has them. */
static TupleTableSlot *
make_wide_slot(Relation table)
{
	TupleDesc narrow = RelationGetDescr(table);
	TupleDesc wide;

	if (!lpg_columns_lack_variance(narrow))
		return NULL;
	wide = CreateTemplateTupleDesc(LPG_FACTORS_NATTS);
	for (int i = 1; i < LPG_FACTORS_VARIANCE; i++)
		TupleDescCopyEntry(wide, (AttrNumber) i, narrow, (AttrNumber) i);
	TupleDescInitEntry(wide, LPG_FACTORS_VARIANCE, "variance", FLOAT4OID, -1, 0);
	for (int i = LPG_FACTORS_FACTORS; i <= LPG_FACTORS_NATTS; i++)
		TupleDescCopyEntry(wide, (AttrNumber) i, narrow, (AttrNumber) (i - 1));
	lpg_finalize_tupdesc(wide);
	return MakeSingleTupleTableSlot(wide, &TTSOpsVirtual);
}

/* The row, through wide unless that is NULL; valid as long as the slot holds it. */
static TupleTableSlot *
widen(TupleTableSlot *wide, TupleTableSlot *slot)
{
	if (wide == NULL)
		return slot;
	slot_getallattrs(slot);
	ExecClearTuple(wide);
	for (int i = 0; i < LPG_FACTORS_NATTS; i++)
	{
		int from = i < LPG_FACTORS_VARIANCE - 1 ? i : i - 1;

		wide->tts_values[i] = slot->tts_values[from];
		wide->tts_isnull[i] = slot->tts_isnull[from];
	}
	wide->tts_values[LPG_FACTORS_VARIANCE - 1] = (Datum) 0;
	wide->tts_isnull[LPG_FACTORS_VARIANCE - 1] = true;
	ExecStoreVirtualTuple(wide);
	wide->tts_tid = slot->tts_tid;
	return wide;
}

/* ------------------------------------------------------------------ lookups */

struct LpgLookup
{
	Oid index;
	LepIdKind kind;
	TupleTableSlot *slot;
	TupleTableSlot *wide;
	ScanKeyData keys[2]; /* version, id; in index columns */
};

static void
fail_no_primary_key(Relation table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" has no primary key on (version, id)", RelationGetRelationName(table)),
			 errhint("Restore it: ALTER TABLE %s ADD PRIMARY KEY (version, id).",
					 lpg_registry_qualified_name(RelationGetRelid(table)))));
}

/* The primary key's index, which must be a plain one on (version, id). */
static Oid
find_primary_key(Relation table)
{
	Oid indexid = lpg_primary_key_index(table);
	Relation index;
	bool fits;

	if (!OidIsValid(indexid))
		fail_no_primary_key(table);
	index = index_open(indexid, AccessShareLock);
	fits = index->rd_index->indisvalid && index->rd_index->indnkeyatts == 2 &&
		   index->rd_index->indkey.values[0] == LPG_FACTORS_VERSION &&
		   index->rd_index->indkey.values[1] == LPG_FACTORS_ID;
	index_close(index, NoLock);
	if (!fits)
		fail_no_primary_key(table);
	return indexid;
}

LpgLookup *
lpg_store_lookup_create(Relation table, LepIdKind kind, int64 version)
{
	LpgLookup *lookup = palloc0(sizeof(LpgLookup));

	lookup->index = find_primary_key(table);
	lookup->kind = kind;
	/* a copied descriptor: a relation's own is counted by the resource owner, which a lookup outlives */
	lookup->slot =
		MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(table)), table_slot_callbacks(table));
	lookup->wide = make_wide_slot(table);
	lpg_keytype_scankey(&lookup->keys[0], 1, LEP_ID_INT64, Int64GetDatum(version));
	lpg_keytype_scankey(&lookup->keys[1], 2, kind, (Datum) 0);
	return lookup;
}

TupleTableSlot *
lpg_store_lookup(LpgLookup *lookup, Relation table, Snapshot snapshot, const LepId *id)
{
	Relation index = index_open(lookup->index, AccessShareLock);
	IndexScanDesc scan = lpg_index_beginscan(table, index, snapshot, 2);
	bool found;

	lookup->keys[1].sk_argument = lpg_keytype_to_datum(id, lookup->kind);
	index_rescan(scan, lookup->keys, 2, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, lookup->slot);
	index_endscan(scan);
	index_close(index, NoLock);
	return found ? widen(lookup->wide, lookup->slot) : NULL;
}

void
lpg_store_lookup_done(LpgLookup *lookup)
{
	ExecClearTuple(lookup->slot);
}

/* ----------------------------------------------------------- values of a row */

static void
fail_value(Relation table, const char *column)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("a row of table \"%s\" is damaged", RelationGetRelationName(table)),
					errdetail("Its column \"%s\" is NULL or out of range.", column),
					errhint("Run lepton_check on the model, and train it again.")));
}

/* The square of the largest norm. */
#define LPG_MAX_VARIANCE ((float) (LEP_MAX_NORM * LEP_MAX_NORM))

/* A bytea of the row, detoasted into the current context if it must be. */
static bytea *
get_bytes(TupleTableSlot *slot, AttrNumber attno)
{
	return slot->tts_isnull[attno - 1] ? NULL : DatumGetByteaPP(slot->tts_values[attno - 1]);
}

static void
free_bytes(TupleTableSlot *slot, AttrNumber attno, bytea *bytes)
{
	if ((Pointer) bytes != DatumGetPointer(slot->tts_values[attno - 1]))
		pfree(bytes);
}

static void
read_factors(Relation table, TupleTableSlot *slot, int n_factors, float *factors)
{
	bytea *bytes = get_bytes(slot, LPG_FACTORS_FACTORS);
	LepError error;

	if (bytes == NULL)
		fail_value(table, "factors");
	if (lep_factors_decode((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), n_factors, factors,
						   &error) != LEP_OK)
		lpg_error_bytes(&error, RelationGetRelationName(table), "factors");
	free_bytes(slot, LPG_FACTORS_FACTORS, bytes);
}

void
lpg_store_read_row(Relation table, TupleTableSlot *slot, const LpgVersion *version, LpgSide side,
				   LpgFactorRow *row)
{
	int32 limit = side == LPG_USERS ? version->n_users : version->n_items;

	slot_getsomeattrs(slot, LPG_FACTORS_NATTS);
	if (slot->tts_isnull[LPG_FACTORS_N - 1])
		fail_value(table, "n");
	if (slot->tts_isnull[LPG_FACTORS_N_RATINGS - 1])
		fail_value(table, "n_ratings");
	if (slot->tts_isnull[LPG_FACTORS_BIAS - 1])
		fail_value(table, "bias");
	row->n = DatumGetInt32(slot->tts_values[LPG_FACTORS_N - 1]);
	row->n_ratings = DatumGetInt32(slot->tts_values[LPG_FACTORS_N_RATINGS - 1]);
	row->bias = DatumGetFloat4(slot->tts_values[LPG_FACTORS_BIAS - 1]);
	if (row->n < 0 || row->n >= limit)
		fail_value(table, "n");
	if (!(fabsf(row->bias) <= (float) LEP_MAX_NORM))
		fail_value(table, "bias");
	row->variance = 0;
	if (!slot->tts_isnull[LPG_FACTORS_VARIANCE - 1])
	{
		row->variance = DatumGetFloat4(slot->tts_values[LPG_FACTORS_VARIANCE - 1]);
		if (!(row->variance >= 0 && row->variance <= LPG_MAX_VARIANCE))
			fail_value(table, "variance");
	}
	if (version->n_factors > 0)
		read_factors(table, slot, version->n_factors, row->factors);
	else
		row->factors = NULL;
}

int32 *
lpg_store_read_seen(Relation table, TupleTableSlot *slot, const LpgVersion *version, int64 *n_seen)
{
	bytea *bytes = get_bytes(slot, LPG_FACTORS_EXTRA);
	const uint8_t *data;
	size_t len;
	int32 *items;
	LepError error;

	*n_seen = 0;
	if (bytes == NULL)
		return NULL;
	data = (const uint8_t *) VARDATA_ANY(bytes);
	len = VARSIZE_ANY_EXHDR(bytes);
	if (lep_seen_count(data, len, n_seen, &error) != LEP_OK)
		lpg_error_bytes(&error, RelationGetRelationName(table), "seen");
	items = palloc_extended(lep_mul_size(Max(*n_seen, 1), sizeof(int32)), MCXT_ALLOC_HUGE);
	if (lep_seen_decode(data, len, version->n_items, items, &error) != LEP_OK)
		lpg_error_bytes(&error, RelationGetRelationName(table), "seen");
	free_bytes(slot, LPG_FACTORS_EXTRA, bytes);
	return items;
}

bool
lpg_store_read_digest(Relation table, TupleTableSlot *slot, uint64 *digest)
{
	bytea *bytes = get_bytes(slot, LPG_FACTORS_EXTRA);
	bool found;
	int64 n_seen;
	LepError error;

	if (bytes == NULL)
		return false;
	if (lep_seen_count((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &n_seen, &error) !=
		LEP_OK)
		lpg_error_bytes(&error, RelationGetRelationName(table), "seen");
	found = lep_seen_digest((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), digest);
	free_bytes(slot, LPG_FACTORS_EXTRA, bytes);
	return found;
}

int64
lpg_store_read_neighbors(Relation table, TupleTableSlot *slot, const LpgVersion *version, int32 n,
						 LpgNeighborRoom room)
{
	bytea *bytes = get_bytes(slot, LPG_FACTORS_EXTRA);
	const uint8_t *data;
	size_t len;
	int64_t n_neighbors;
	LepError error;

	if (bytes == NULL)
		fail_value(table, "neighbors");
	data = (const uint8_t *) VARDATA_ANY(bytes);
	len = VARSIZE_ANY_EXHDR(bytes);
	if (lep_neighbors_count(data, len, &n_neighbors, &error) != LEP_OK)
		lpg_error_bytes(&error, RelationGetRelationName(table), "neighbors");
	if (n_neighbors > room.n)
		fail_value(table, "neighbors");
	if (lep_neighbors_decode(data, len, version->n_items, room.items, room.weights, &error) != LEP_OK)
		lpg_error_bytes(&error, RelationGetRelationName(table), "neighbors");
	for (int64 j = 0; j < n_neighbors; j++)
	{
		if (room.items[j] == n)
			fail_value(table, "neighbors");
	}
	free_bytes(slot, LPG_FACTORS_EXTRA, bytes);
	return n_neighbors;
}

LepId
lpg_store_read_id(TupleTableSlot *slot, LepIdKind kind)
{
	slot_getsomeattrs(slot, LPG_FACTORS_ID);
	return lpg_keytype_from_datum(slot->tts_values[LPG_FACTORS_ID - 1], lpg_keytype_stored_type(kind));
}

/* -------------------------------------------------------------------- scans */

struct LpgScan
{
	TableScanDesc scan;
	TupleTableSlot *slot;
	TupleTableSlot *wide;
	ScanKeyData key;
};

LpgScan *
lpg_store_scan_begin(Relation table, int64 version, Snapshot snapshot)
{
	LpgScan *scan = palloc(sizeof(LpgScan));

	scan->slot = table_slot_create(table, NULL);
	scan->wide = make_wide_slot(table);
	lpg_keytype_scankey(&scan->key, LPG_FACTORS_VERSION, LEP_ID_INT64, Int64GetDatum(version));
	scan->scan = lpg_table_beginscan(table, snapshot, 1, &scan->key);
	return scan;
}

TupleTableSlot *
lpg_store_scan_next(LpgScan *scan)
{
	lpg_env_check_interrupts();
	if (!table_scan_getnextslot(scan->scan, ForwardScanDirection, scan->slot))
		return NULL;
	return widen(scan->wide, scan->slot);
}

void
lpg_store_scan_end(LpgScan *scan)
{
	table_endscan(scan->scan);
	if (scan->wide != NULL)
		ExecDropSingleTupleTableSlot(scan->wide);
	ExecDropSingleTupleTableSlot(scan->slot);
	pfree(scan);
}

void
lpg_store_scan(Relation table, int64 version, Snapshot snapshot, LpgRowVisitor visit, void *arg)
{
	LpgScan *scan = lpg_store_scan_begin(table, version, snapshot);
	TupleTableSlot *slot;

	while ((slot = lpg_store_scan_next(scan)) != NULL)
		visit(arg, slot);
	lpg_store_scan_end(scan);
}

void
lpg_store_scan_by_id(Relation table, int64 version, Snapshot snapshot, LpgRowVisitor visit, void *arg)
{
	Relation index = index_open(find_primary_key(table), AccessShareLock);
	IndexScanDesc scan = lpg_index_beginscan(table, index, snapshot, 1);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TupleTableSlot *wide = make_wide_slot(table);
	ScanKeyData key;

	lpg_keytype_scankey(&key, 1, LEP_ID_INT64, Int64GetDatum(version));
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		lpg_env_check_interrupts();
		visit(arg, widen(wide, slot));
	}
	index_endscan(scan);
	if (wide != NULL)
		ExecDropSingleTupleTableSlot(wide);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
}

/* ------------------------------------------------------------------ writing */

/* As COPY: few enough to stay in the CPU's cache, enough to share a page's WAL record. */
#define BATCH_ROWS	1000
#define BATCH_BYTES 65535

struct LpgWriter
{
	EState *estate;
	ResultRelInfo *rri;
	BulkInsertState bistate;
	CommandId cid;
	MemoryContext batch_context; /* values of the batch's rows, and index tuples */
	TupleTableSlot *slots[BATCH_ROWS];
	int n;
	Size bytes;
};

LpgWriter *
lpg_store_writer_begin(Relation table)
{
	LpgWriter *writer = palloc0(sizeof(LpgWriter));

	writer->estate = CreateExecutorState();
	writer->rri = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->rri, table, 1, NULL, 0);
	ExecOpenIndices(writer->rri, false);
	writer->bistate = GetBulkInsertState();
	writer->cid = GetCurrentCommandId(true);
	writer->batch_context =
		AllocSetContextCreate(CurrentMemoryContext, "lepton writer batch", ALLOCSET_DEFAULT_SIZES);
	return writer;
}

static TupleTableSlot *
next_slot(LpgWriter *writer)
{
	if (writer->slots[writer->n] == NULL)
		writer->slots[writer->n] = table_slot_create(writer->rri->ri_RelationDesc, NULL);
	return writer->slots[writer->n];
}

Datum *
lpg_store_writer_values(LpgWriter *writer, bool **nulls)
{
	TupleTableSlot *slot = next_slot(writer);
	int natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	memset(slot->tts_values, 0, natts * sizeof(Datum));
	memset(slot->tts_isnull, true, natts * sizeof(bool));
	*nulls = slot->tts_isnull;
	return slot->tts_values;
}

MemoryContext
lpg_store_writer_context(LpgWriter *writer)
{
	return writer->batch_context;
}

/* Write the batch: the table first, then its indexes. */
static void
flush_batch(LpgWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(writer->batch_context);

	lpg_env_check_interrupts();
	table_multi_insert(writer->rri->ri_RelationDesc, writer->slots, writer->n, writer->cid, 0,
					   writer->bistate);
	for (int i = 0; i < writer->n; i++)
	{
		if (writer->rri->ri_NumIndices > 0)
			list_free(
				lpg_insert_index_tuples(writer->rri, writer->slots[i], writer->estate, LPG_ALL_INDEX_UPDATE));
		ExecClearTuple(writer->slots[i]);
		ResetPerTupleExprContext(writer->estate);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->batch_context);
	writer->n = 0;
	writer->bytes = 0;
}

void
lpg_store_writer_put(LpgWriter *writer, Size bytes)
{
	ExecStoreVirtualTuple(writer->slots[writer->n]);
	writer->n++;
	writer->bytes += bytes;
	if (writer->n == BATCH_ROWS || writer->bytes >= BATCH_BYTES)
		flush_batch(writer);
}

void
lpg_store_writer_end(LpgWriter *writer)
{
	if (writer->n > 0)
		flush_batch(writer);
	for (int i = 0; i < BATCH_ROWS && writer->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	table_finish_bulk_insert(writer->rri->ri_RelationDesc, 0);
	FreeBulkInsertState(writer->bistate);
	ExecCloseIndices(writer->rri);
	FreeExecutorState(writer->estate);
	MemoryContextDelete(writer->batch_context);
	pfree(writer);
}

typedef struct Deletion
{
	Relation table;
	Snapshot snapshot;
	int64 n;
} Deletion;

static void
delete_row(void *arg, TupleTableSlot *slot)
{
	Deletion *deletion = arg;

	simple_table_tuple_delete(deletion->table, &slot->tts_tid, deletion->snapshot);
	deletion->n++;
}

int64
lpg_store_delete_version(Relation table, int64 version, Snapshot snapshot)
{
	Deletion deletion = { table, snapshot, 0 };

	lpg_store_scan(table, version, snapshot, delete_row, &deletion);
	return deletion.n;
}

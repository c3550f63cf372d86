/*
 * scan.c
 *		Visiting all users or items of a model.
 */
#include "postgres.h"

#include "access/table.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/pgenv.h"
#include "pg/scan.h"

typedef struct SideScan
{
	LpgScanRow row;
	LpgScanVisitor visit;
	void *arg;
	MemoryContext context; /* reset by each visit */
} SideScan;

static void
visit_row(SideScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);

	scan->visit(scan->arg, &scan->row);
	MemoryContextSwitchTo(old);
	MemoryContextReset(scan->context);
}

static void
visit_slot(void *arg, TupleTableSlot *slot)
{
	SideScan *scan = arg;

	scan->row.slot = slot;
	visit_row(scan);
}

static void
scan_table(SideScan *scan)
{
	LpgHandle *handle = scan->row.handle;

	scan->row.table = table_open(handle->sides[scan->row.side].table, NoLock);
	lpg_store_scan(scan->row.table, handle->version.version, GetActiveSnapshot(), visit_slot, scan);
	table_close(scan->row.table, NoLock);
}

static void
scan_value(SideScan *scan)
{
	int32 n = lpg_value_bytes(scan->row.handle->value)->side[scan->row.side].n;

	for (scan->row.number = 0; scan->row.number < n; scan->row.number++)
	{
		lpg_env_check_interrupts();
		visit_row(scan);
	}
}

void
lpg_scan(LpgHandle *handle, LpgSide side, LpgScanVisitor visit, void *arg)
{
	SideScan scan = { .row = { .handle = handle, .side = side }, .visit = visit, .arg = arg };

	scan.context = AllocSetContextCreate(CurrentMemoryContext, "lepton scan row", ALLOCSET_DEFAULT_SIZES);
	if (handle->value != NULL)
		scan_value(&scan);
	else
		scan_table(&scan);
	MemoryContextDelete(scan.context);
}

int32
lpg_scan_n(const LpgScanRow *row)
{
	bool isnull;
	int32 n;

	if (row->table == NULL)
		return row->number;
	n = DatumGetInt32(slot_getattr(row->slot, LPG_FACTORS_N, &isnull));
	return isnull ? -1 : n;
}

LepId
lpg_scan_id(const LpgScanRow *row)
{
	if (row->table != NULL)
		return lpg_store_read_id(row->slot, row->handle->sides[row->side].kind);
	return lpg_value_id(row->handle->value, row->side, row->number);
}

void
lpg_scan_read(const LpgScanRow *row, LpgFactorRow *values)
{
	LepModelRow bytes;

	if (row->table != NULL)
	{
		lpg_store_read_row(row->table, row->slot, &row->handle->version, row->side, values);
		return;
	}
	lpg_value_read_row(row->handle->value, row->side, row->number, &bytes, values->factors);
	values->n = row->number;
	values->n_ratings = bytes.n_ratings;
	values->bias = bytes.bias;
	values->variance = bytes.variance;
	if (row->handle->version.n_factors == 0)
		values->factors = NULL;
}

int32 *
lpg_scan_seen(const LpgScanRow *row, int64 *n_seen)
{
	if (row->table != NULL)
		return lpg_store_read_seen(row->table, row->slot, &row->handle->version, n_seen);
	return lpg_value_read_seen(row->handle->value, row->number, n_seen);
}

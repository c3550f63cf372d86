/*
 * scan.h
 *		All rows of one side of a handle's model, whether they are in a table or in a
 *		value.
 */
#ifndef LPG_SCAN_H
#define LPG_SCAN_H

#include "postgres.h"

#include "pg/handle.h"

/* The row that is being visited; it is gone with the visit. */
typedef struct LpgScanRow
{
	LpgHandle *handle;
	LpgSide side;
	Relation table;		  /* NULL: of a value */
	TupleTableSlot *slot; /* of the table */
	int32 number;		  /* of the value */
} LpgScanRow;

typedef void (*LpgScanVisitor)(void *arg, const LpgScanRow *row);

/* Visit each row; whatever a visit takes in the current memory context goes with it. */
extern void lpg_scan(LpgHandle *handle, LpgSide side, LpgScanVisitor visit, void *arg);

/* Its number n; -1 where it is NULL. */
extern int32 lpg_scan_n(const LpgScanRow *row);

extern LepId lpg_scan_id(const LpgScanRow *row);

/* Its numbers, as lpg_store_read_row() reads them; values->factors is the buffer for factors. */
extern void lpg_scan_read(const LpgScanRow *row, LpgFactorRow *values);

/* A user's seen items, as lpg_store_read_seen() gives them. */
extern int32 *lpg_scan_seen(const LpgScanRow *row, int64 *n_seen);

#endif /* LPG_SCAN_H */

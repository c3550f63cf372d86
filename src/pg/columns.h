/*
 * columns.h
 *		The columns that a factor table has.
 *
 * Tables made by version 1.0.0 have no variance, the others all of
 * LPG_FACTORS_NATTS: the former are read as if it were NULL (store.h), and a
 * training makes new ones.
 */
#ifndef LPG_COLUMNS_H
#define LPG_COLUMNS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "utils/relcache.h"

#include "pg/registry.h"

/* Is it the descriptor of a factor table of version 1.0.0? */
extern bool lpg_columns_lack_variance(TupleDesc desc);

/* The name of column i, from 0, of now; the last depends on the side. */
extern const char *lpg_columns_name(int i, LpgSide side);

/*
 * The first column of now that the table does not have in its place and with its
 * type; -1: it has them all.
 */
extern int lpg_columns_find_wrong(Relation table, LpgSide side);

#endif /* LPG_COLUMNS_H */

/*
 * store.h
 *		The two factor tables of a model: rows in, rows out, bytes verified.
 *
 * Writing goes in batches past the executor (table_multi_insert), with index
 * entries after each batch; callers have checked the table with
 * lpg_registry_check_factors(), so that no code of the owner's runs.  Reading is
 * one index lookup by (version, id), or one scan of a version; the slots that it
 * gives have the columns of now, whichever version of the extension made the table.
 */
#ifndef LPG_STORE_H
#define LPG_STORE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "pg/registry.h"

/* ---- lookups by id ---- */

/* Lookups into one factor table; lives until the context it was made in is reset. */
typedef struct LpgLookup LpgLookup;

/*
 * Prepare lookups of ids of a version; the relation stays the caller's and must
 * be open, with a lock, whenever lpg_store_lookup is called.
 */
extern LpgLookup *lpg_store_lookup_create(Relation table, LepIdKind kind, int64 version);

/*
 * The row of this id, in the lookup's slot, or NULL.  The slot holds a buffer
 * until lpg_store_lookup_done().
 */
extern TupleTableSlot *
lpg_store_lookup(LpgLookup *lookup, Relation table, Snapshot snapshot, const LepId *id);

extern void lpg_store_lookup_done(LpgLookup *lookup);

/* ---- values of a row ---- */

typedef struct LpgFactorRow
{
	int32 n;
	int32 n_ratings;
	float bias;
	float variance; /* 0 where it is not known */
	float *factors; /* padded, the caller's memory; NULL where the version has no factors */
} LpgFactorRow;

/*
 * Read n, n_ratings, bias, variance and factors from a slot; row->factors is the buffer
 * for the factors, of lep_row_stride(n_factors) floats.  ERROR for NULLs, for
 * numbers that are not finite or too large, for bytes that are not factors.
 */
extern void lpg_store_read_row(Relation table, TupleTableSlot *slot, const LpgVersion *version, LpgSide side,
							   LpgFactorRow *row);

/* Where an item's neighbours go. */
typedef struct LpgNeighborRoom
{
	int32 *items;
	float *weights;
	int64 n;
} LpgNeighborRoom;

/*
 * The item numbers in a user's seen, ascending, in the current memory context;
 * *n_seen may be 0.
 */
extern int32 *
lpg_store_read_seen(Relation table, TupleTableSlot *slot, const LpgVersion *version, int64 *n_seen);

/* The digest of a user's ratings in her seen; false if there is none. */
extern bool lpg_store_read_digest(Relation table, TupleTableSlot *slot, uint64 *digest);

/*
 * An item's neighbours: how many, and items ascending with their weights into
 * arrays with that room.  ERROR where there are none in the row, where they do not
 * fit, and where the item is a neighbour of its own, n.
 */
extern int64 lpg_store_read_neighbors(Relation table, TupleTableSlot *slot, const LpgVersion *version,
									  int32 n, LpgNeighborRoom room);

/* The id in a slot; text points into the slot or, if it was toasted, into the current context. */
extern LepId lpg_store_read_id(TupleTableSlot *slot, LepIdKind kind);

/* ---- scans ---- */

/* The rows of a version one by one: the next one's slot, or NULL, when all have been seen. */
typedef struct LpgScan LpgScan;

extern LpgScan *lpg_store_scan_begin(Relation table, int64 version, Snapshot snapshot);
extern TupleTableSlot *lpg_store_scan_next(LpgScan *scan);
extern void lpg_store_scan_end(LpgScan *scan);

/* Called for each row of a version. */
typedef void (*LpgRowVisitor)(void *arg, TupleTableSlot *slot);

extern void lpg_store_scan(Relation table, int64 version, Snapshot snapshot, LpgRowVisitor visit, void *arg);

/* The same in the order of ids, by the primary key. */
extern void
lpg_store_scan_by_id(Relation table, int64 version, Snapshot snapshot, LpgRowVisitor visit, void *arg);

/* ---- writing ---- */

typedef struct LpgWriter LpgWriter;

extern LpgWriter *lpg_store_writer_begin(Relation table);

/* Arrays of the row to fill, before each lpg_store_writer_put. */
extern Datum *lpg_store_writer_values(LpgWriter *writer, bool **nulls);

/* A context that holds the row's values until its batch is written. */
extern MemoryContext lpg_store_writer_context(LpgWriter *writer);

/* The row is complete; about `bytes` large. */
extern void lpg_store_writer_put(LpgWriter *writer, Size bytes);

extern void lpg_store_writer_end(LpgWriter *writer);

/* Delete the rows of a version that are visible to the snapshot; how many. */
extern int64 lpg_store_delete_version(Relation table, int64 version, Snapshot snapshot);

#endif /* LPG_STORE_H */

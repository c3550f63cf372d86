/*
 * cache.h
 *		The items of model versions, laid out for top-N, kept by the backend.
 *
 * An entry is known by the model, the version, its generation, and by all that
 * decides its shape: rows of a model can be changed by its owner, and nothing in
 * them may make a reader take an entry for what it is not.  A version's factors
 * never change without a new generation.  lepton.cache_size bounds the sum of all
 * entries.  The caller has checked access to the model before it asks: the cache
 * knows nothing of it.
 */
#ifndef LPG_CACHE_H
#define LPG_CACHE_H

#include "postgres.h"

#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "pg/items.h"
#include "pg/registry.h"

/*
 * The items of a version, pinned; loaded if they must be, under the snapshot.
 * ERROR if they would not fit into lepton.cache_size, or if the rows are not the
 * version's.
 */
extern LpgItems *
lpg_cache_get(Relation model, const LpgVersion *version, Relation items, LepIdKind kind, Snapshot snapshot);

/* The same if it costs nothing: NULL where it is not loaded. */
extern LpgItems *lpg_cache_peek(Oid model, const LpgVersion *version, LepIdKind kind);

/* Would the items of this version fit beside those that are held? */
extern bool lpg_cache_fits(const LpgVersion *version);

/* Every entry, last used first. */
typedef void (*LpgCacheVisitor)(const LpgItems *items, void *arg);
extern void lpg_cache_each(LpgCacheVisitor visit, void *arg);

/* Told at the end of each transaction and subtransaction. */
extern void lpg_cache_at_abort(void);
extern void lpg_cache_at_commit(void);

/* Keep this, which lives in the context, with the items; bytes: its size. */
extern void lpg_cache_keep_folding(LpgItems *items, LpgFolding *folding, MemoryContext context, Size bytes);

/* Memory for lists, for one query at a time; it stays with the items. */
extern LepServeScratch *lpg_cache_scratch(LpgItems *items);

extern void lpg_cache_unpin(LpgItems *items);

#endif /* LPG_CACHE_H */

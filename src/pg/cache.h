/*
 * cache.h
 *		The items of model versions, laid out for top-N, kept by the backend.
 *
 * An entry is known by (model, version, generation); a version's rows never
 * change without a new generation, so an entry is right for ever and leaves only
 * to make room.  lepton.cache_size bounds the sum of all entries.  The caller
 * has checked access to the model before it asks: the cache knows nothing of it.
 */
#ifndef LPG_CACHE_H
#define LPG_CACHE_H

#include "postgres.h"

#include "lib/ilist.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "core/env.h"
#include "core/idmap.h"
#include "core/topn.h"
#include "pg/registry.h"

typedef struct LpgItems
{
	LepItems *items; /* factors and biases, item number = row of ids */
	LepIdMap *ids;	 /* item ids; their order is the numbers' order */
	Oid model;		 /* the key, with the next two */
	int64 version;
	int64 generation;

	dlist_node node; /* in the list of entries, last used first */
	int pins;		 /* calls that hold it: not to be freed */
	MemoryContext context;
	LepEnv env;
	LepArena arena;
} LpgItems;

/*
 * The items of a version, pinned; loaded if they must be, under the snapshot.
 * ERROR if they would not fit into lepton.cache_size, or if the rows are not the
 * version's.
 */
extern LpgItems *
lpg_cache_get(Relation model, const LpgVersion *version, Relation items, LepIdKind kind, Snapshot snapshot);

/* The same if it costs nothing: NULL where it is not loaded. */
extern LpgItems *lpg_cache_peek(Oid model, const LpgVersion *version);

/* Would the items of this version fit into lepton.cache_size? */
extern bool lpg_cache_fits(const LpgVersion *version);

extern void lpg_cache_unpin(LpgItems *items);

#endif /* LPG_CACHE_H */

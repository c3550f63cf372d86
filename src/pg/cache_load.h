/*
 * cache_load.h
 *		Reading a version's items from their table.
 */
#ifndef LPG_CACHE_LOAD_H
#define LPG_CACHE_LOAD_H

#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "pg/items.h"

/*
 * The items of a version, as its table has them under the snapshot, in a context
 * that is a child of the current one.  ERROR if the rows are not the version's.
 */
extern LpgItems *
lpg_cache_load(const LpgItemsKey *key, const LpgVersion *version, Relation table, Snapshot snapshot);

#endif /* LPG_CACHE_LOAD_H */

/*
 * shared.h
 *		Items of model versions shared between sessions: the first that needs them
 *		reads them, the others map what it has read.
 */
#ifndef LPG_SHARED_H
#define LPG_SHARED_H

#include "pg/items.h"

/* Reads the items privately, or throws. */
typedef LpgItems *(*LpgItemsReader)(void *arg);

/*
 * The items of this key, mapped where another session has read them, else read by
 * reader(arg) and from then on there for others, as far as
 * lepton.shared_cache_size allows.  In a context that is a child of the current
 * one.  Waits for another session that is reading them just now, but not for ever.
 */
extern LpgItems *lpg_shared_get(const LpgItemsKey *key, LpgItemsReader reader, void *arg);

/* What is shared, for people to look at. */
typedef struct LpgSharedUse
{
	LpgItemsKey key;
	Size size;
	int n_mapped; /* sessions that have mapped it */
	bool is_ready;
} LpgSharedUse;

/* Those of this database, palloc'd. */
extern LpgSharedUse *lpg_shared_uses(int *n);

#endif /* LPG_SHARED_H */

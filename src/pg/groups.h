/*
 * groups.h
 *		Which group each item is in, as a query of the caller's says: for lists
 *		with at most so many of a group.
 *
 * The query gives two columns, item id and group, and is read as sources of
 * ratings are (source.h): with the caller's rights, read only; here under the
 * snapshot of the query at work, once for it.
 */
#ifndef LPG_GROUPS_H
#define LPG_GROUPS_H

#include "postgres.h"

#include "core/idmap.h"
#include "pg/lists.h"

struct LpgGroups
{
	MemoryContext context; /* of all of it */
	char *source;
	uint64 n_refreshed; /* the handle's when it was read: void when that is another */
	int32 n_groups;
	int32 *group; /* [items of the model] -1: in none */

	/* all that the query gave, for items that the model does not know */
	LepIdMap *ids;
	int32 *group_of; /* [rows of ids] */
	LepEnv env;
	LepArena arena;
};

/* The groups that this source gives, kept by the call site. */
extern const LpgGroups *lpg_groups_read(LpgList *list, const LpgItems *items, const char *source);

/* The group of any id; -1: in none. */
extern int32 lpg_groups_find(const LpgGroups *groups, const LepId *id);

#endif /* LPG_GROUPS_H */

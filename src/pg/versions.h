/*
 * versions.h
 *		The versions of a model: which there are, which is current, which stay.
 *
 * A version's row is written once.  Changed are only is_current, generation and
 * three keys of details: `pinned` (true), `unpublished`, the reason why a version
 * is not readers' default and never was, or was taken back, and `forgotten`, how
 * many of its users have no rows any longer.  A version without them was
 * published and has all of its users.
 *
 * All that changes something wants the model opened by lpg_versions_open() with
 * ShareRowExclusiveLock, and a snapshot that was taken with the lock held.
 */
#ifndef LPG_VERSIONS_H
#define LPG_VERSIONS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "pg/registry.h"

/* A version as its row has it: enough to find its factor rows. */
typedef struct LpgVersionEntry
{
	int64 version;
	Oid users;
	Oid items;
	int64 generation;
	bool is_current;
	bool pinned;
	bool published;
	int64 n_forgotten;
} LpgVersionEntry;

/* The versions of a model that are visible to a snapshot, in no order. */
typedef struct LpgVersionList
{
	LpgVersionEntry *entries;
	int n;
} LpgVersionList;

/* The model for writing, if it is still there and still the current user's. */
extern Relation lpg_versions_open(Oid model, Oid model_type, LOCKMODE lockmode);

extern LpgVersionList lpg_versions_list(Relation model, Snapshot snapshot);

/* The entry with the highest number, or NULL; the current one, or NULL; that of a number, or NULL. */
extern const LpgVersionEntry *lpg_versions_newest(const LpgVersionList *list);
extern const LpgVersionEntry *lpg_versions_current(const LpgVersionList *list);
extern const LpgVersionEntry *lpg_versions_find(const LpgVersionList *list, int64 number);

/* Random and positive: tells rows of a version apart from those of any other. */
extern int64 lpg_versions_new_generation(void);

/* How many of its users a version has lost, by its details. */
extern int64 lpg_versions_forgotten(Jsonb *details);

/* The version has lost one user more: a new generation, so that nothing that was kept of it is used again. */
extern void lpg_versions_forget_user(Relation model, Snapshot snapshot, const LpgVersionEntry *entry);

/* No version is the current one any longer. */
extern void lpg_versions_clear_current(Relation model, Snapshot snapshot);

/*
 * Delete what is beyond `keep`: of the versions that were published the newest
 * `keep` stay, and of those that were not as many; the current one and pinned
 * ones stay besides.
 */
extern void lpg_versions_delete_beyond(Relation model, Snapshot snapshot, int64 keep);

#endif /* LPG_VERSIONS_H */

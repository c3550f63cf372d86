/*
 * changes.h
 *		How much of a table has changed since a training has read it, by the
 *		server's statistics.
 */
#ifndef LPG_CHANGES_H
#define LPG_CHANGES_H

#include "postgres.h"

#include "pg/jsonbuild.h"

/* The counters of a table, those of its partitions and children included. */
typedef struct LpgChanges
{
	bool known; /* false: no counters are kept of such a relation */
	Oid relation;
	int64 inserted;
	int64 updated;
	int64 deleted;
	int64 reset;		/* when the database's counters were last reset; 0: never */
	int64 server_reset; /* likewise those of the server, as after a crash */
} LpgChanges;

/* The counters as this session knows them; InvalidOid: nothing is known. */
extern void lpg_changes_count(Oid relation, LpgChanges *changes);

/* Add the key "changes" to details; nothing where nothing is known. */
extern void lpg_changes_to_json(const LpgChanges *changes, LpgJson *details);

#endif /* LPG_CHANGES_H */

/*
 * replication.h
 *		Who else gets the tables that a training makes.
 *
 * A publication FOR ALL TABLES, or for those of a schema, has a new table from its
 * first row on; subscribers that do not have it stop with an error, and with it
 * all that they replicate.  A training says so while it can still be taken back.
 */
#ifndef LPG_REPLICATION_H
#define LPG_REPLICATION_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * One NOTICE if there are publications that carry tables of this schema without
 * being told to.  tables: oids of the new ones, in that schema; model: whose they
 * are, for the message.
 */
extern void lpg_replication_notice(const char *model, Oid schema, List *tables);

#endif /* LPG_REPLICATION_H */

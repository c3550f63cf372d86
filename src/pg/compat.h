/*
 * compat.h
 *		Differences between PostgreSQL 15 and later versions: the only file that
 *		looks at PG_VERSION_NUM.
 */
#ifndef LPG_COMPAT_H
#define LPG_COMPAT_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

/* PostgreSQL 16 moved the macros of variable-length values to a header of their own. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 150000
#error "lepton needs PostgreSQL 15 or later"
#endif

/*
 * PostgreSQL 16 (commit afbfc02983f) replaced the ACL checks per kind of object
 * by object_ownercheck and object_aclcheck.
 */
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#define lpg_owns_relation(relid, roleid)	 object_ownercheck(RelationRelationId, relid, roleid)
#define lpg_namespace_aclcheck(nsp, role, m) object_aclcheck(NamespaceRelationId, nsp, role, m)
#else
#define lpg_owns_relation(relid, roleid)	 pg_class_ownercheck(relid, roleid)
#define lpg_namespace_aclcheck(nsp, role, m) pg_namespace_aclcheck(nsp, role, m)
#endif

/*
 * PostgreSQL 16 (commit 19d8e2308bc) made the answer of an update an enum, and
 * lets index entries be made for summarizing indexes only, as after such an
 * update they must.
 */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes LpgUpdateIndexes;
#define LPG_NO_INDEX_UPDATE	 TU_None
#define LPG_ALL_INDEX_UPDATE TU_All
#if PG_VERSION_NUM >= 190000 /* flags instead of truth values */
#define lpg_insert_index_tuples(rri, slot, estate, update)                                                   \
	ExecInsertIndexTuples(rri, estate, (update) == TU_Summarizing ? EIIT_ONLY_SUMMARIZING : 0, slot, NIL,    \
						  NULL)
#else
#define lpg_insert_index_tuples(rri, slot, estate, update)                                                   \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL, (update) == TU_Summarizing)
#endif
#else
typedef bool LpgUpdateIndexes;
#define LPG_NO_INDEX_UPDATE	 false
#define LPG_ALL_INDEX_UPDATE true
#define lpg_insert_index_tuples(rri, slot, estate, update)                                                   \
	((void) (update), ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL))
#endif

/* PostgreSQL 18 (commit 0fbceae841c) added an argument for statistics to scans of indexes. */
#if PG_VERSION_NUM >= 180000
#define LPG_NO_STATISTICS NULL,
#else
#define LPG_NO_STATISTICS
#endif

/* PostgreSQL 19 added an argument for flags to scans of both kinds. */
#if PG_VERSION_NUM >= 190000
#define LPG_NO_SCAN_FLAGS , SO_NONE
#else
#define LPG_NO_SCAN_FLAGS
#endif
#define lpg_index_beginscan(heap, index, snapshot, nkeys)                                                    \
	index_beginscan(heap, index, snapshot, LPG_NO_STATISTICS nkeys, 0 LPG_NO_SCAN_FLAGS)
#define lpg_table_beginscan(rel, snapshot, nkeys, keys)                                                      \
	table_beginscan(rel, snapshot, nkeys, keys LPG_NO_SCAN_FLAGS)

/* PostgreSQL 18 added deferrable_ok. */
#if PG_VERSION_NUM >= 180000
#define lpg_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel, false)
#else
#define lpg_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel)
#endif

/* PostgreSQL 16 added an error context to the parsers of names. */
#include "utils/regproc.h"
#if PG_VERSION_NUM >= 160000
#define lpg_qualified_name_list(string) stringToQualifiedNameList(string, NULL)
#else
#define lpg_qualified_name_list(string) stringToQualifiedNameList(string)
#endif

/* PostgreSQL 16 gave the function that finds entries of pg_stat_activity by index another name. */
#if PG_VERSION_NUM >= 160000
#define lpg_local_beentry(index) pgstat_get_local_beentry_by_index(index)
#else
#define lpg_local_beentry(index) pgstat_fetch_stat_local_beentry(index)
#endif

/* PostgreSQL 17 lets stronger locks count, too. */
#if PG_VERSION_NUM >= 170000
#define lpg_holds_lock(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define lpg_holds_lock(tag, mode) LockHeldByMe(tag, mode)
#endif

/* PostgreSQL 19 has to be told when a description of rows is complete. */
#include "access/tupdesc.h"
#if PG_VERSION_NUM >= 190000
#define lpg_finalize_tupdesc(desc) TupleDescFinalize(desc)
#else
#define lpg_finalize_tupdesc(desc) ((void) 0)
#endif

/* PostgreSQL 19 builds jsonb in a structure that holds what comes of it, too. */
#if PG_VERSION_NUM >= 190000
typedef JsonbInState LpgJsonbState;
#define lpg_push_jsonb(state, token, value) pushJsonbValue(state, token, value)
#else
typedef struct LpgJsonbState
{
	JsonbValue *result;
	JsonbParseState *parseState;
} LpgJsonbState;
#define lpg_push_jsonb(state, token, value)                                                                  \
	((void) ((state)->result = pushJsonbValue(&(state)->parseState, token, value)))
#endif

/* PostgreSQL 19 keeps the names of tranches in shared memory. */
#include "storage/lwlock.h"
#if PG_VERSION_NUM >= 190000
#define lpg_new_tranche(name)		   LWLockNewTrancheId(name)
#define lpg_register_tranche(id, name) ((void) 0)
#else
#define lpg_new_tranche(name)		   LWLockNewTrancheId()
#define lpg_register_tranche(id, name) LWLockRegisterTranche(id, name)
#endif

/* PostgreSQL 19 knows no other strings than those of the standard. */
#include "parser/parser.h"
#if PG_VERSION_NUM >= 190000
#define lpg_strings_are_standard() true
#else
#define lpg_strings_are_standard() standard_conforming_strings
#endif

/* Local times as instants: false if there is none.  PostgreSQL 19 says so by soft errors. */
#include "utils/date.h"
#include "utils/timestamp.h"
#if PG_VERSION_NUM >= 190000
#include "nodes/miscnodes.h"
static inline bool
lpg_timestamp_to_tz(Timestamp time, TimestampTz *at)
{
	ErrorSaveContext context = { T_ErrorSaveContext };

	*at = timestamp2timestamptz_safe(time, (Node *) &context);
	return !context.error_occurred;
}

static inline bool
lpg_date_to_tz(DateADT date, TimestampTz *at)
{
	ErrorSaveContext context = { T_ErrorSaveContext };

	*at = date2timestamptz_safe(date, (Node *) &context);
	return !context.error_occurred;
}
#else
static inline bool
lpg_timestamp_to_tz(Timestamp time, TimestampTz *at)
{
	int overflow = 0;

	*at = timestamp2timestamptz_opt_overflow(time, &overflow);
	return overflow == 0;
}

static inline bool
lpg_date_to_tz(DateADT date, TimestampTz *at)
{
	int overflow = 0;

	*at = date2timestamptz_opt_overflow(date, &overflow);
	return overflow == 0;
}
#endif

#endif /* LPG_COMPAT_H */

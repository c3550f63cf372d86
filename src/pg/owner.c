/*
 * owner.c
 *		The rights of a model's owner, for as long as a query of hers runs.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "pg/compat.h"
#include "pg/owner.h"
#include "pg/registry.h"

char *
lpg_owner_search_path(const char *recorded)
{
	StringInfoData path;
	List *names;
	ListCell *cell;

	if (!SplitIdentifierString(pstrdup(recorded), ',', &names))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the search path that a training recorded is none: %s", recorded),
						errhint("Train the model again.")));
	initStringInfo(&path);
	foreach (cell, names)
	{
		const char *name = lfirst(cell);

		if (strcmp(name, "pg_temp") != 0)
			appendStringInfo(&path, "%s, ", quote_identifier(name));
	}
	appendStringInfoString(&path, "pg_temp");
	return path.data;
}

/* The first grantee other than the owner who may insert or update; false if there is none. */
static bool
find_writer(const Acl *acl, Oid owner, Oid *grantee)
{
	const AclItem *items = ACL_DAT(acl);

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		*grantee = items[i].ai_grantee;
		if (*grantee != owner && (ACLITEM_GET_PRIVS(items[i]) & (ACL_INSERT | ACL_UPDATE)) != 0)
			return true;
	}
	return false;
}

/* The same for a column of a catalog row that holds such a list. */
static bool
find_writer_in(int cache, HeapTuple tuple, AttrNumber attno, Oid owner, Oid *grantee)
{
	bool isnull;
	Datum datum;

	if (!HeapTupleIsValid(tuple))
		return false;
	datum = SysCacheGetAttr(cache, tuple, attno, &isnull);
	return !isnull && find_writer(DatumGetAclP(datum), owner, grantee);
}

void
lpg_owner_check_rows(Relation model)
{
	Oid owner = model->rd_rel->relowner;
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(RelationGetRelid(model)));
	Oid grantee;
	bool found = find_writer_in(RELOID, tuple, Anum_pg_class_relacl, owner, &grantee);

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	for (int i = 1; i <= RelationGetNumberOfAttributes(model) && !found; i++)
	{
		tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(RelationGetRelid(model)), Int16GetDatum(i));
		found = find_writer_in(ATTNUM, tuple, Anum_pg_attribute_attacl, owner, &grantee);
		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
	}
	if (!found)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		 errmsg("model \"%s\" may be written by other roles than its owner", RelationGetRelationName(model)),
		 errdetail("%s has been granted that, and its row has the source, which runs with the rights of the "
				   "owner.",
				   grantee == ACL_ID_PUBLIC ? "Everybody"
											: psprintf("Role \"%s\"", GetUserNameFromId(grantee, false))),
		 errhint(
			 "REVOKE INSERT, UPDATE ON %s FROM all but the owner, and make sure that the sources are what "
			 "they were.",
			 lpg_registry_qualified_name(RelationGetRelid(model)))));
}

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
lpg_owner_set_text_rules(const char *search_path)
{
	set_locally("search_path", search_path);
	/* else whoever asks could have a backslash end a string of the owner's query elsewhere */
	if (!lpg_strings_are_standard())
		set_locally("standard_conforming_strings", "on");
}

bool
lpg_owner_begin_reading(void)
{
	bool was_read_only = XactReadOnly;

	XactReadOnly = true;
	return was_read_only;
}

void
lpg_owner_end_reading(bool was_read_only)
{
	XactReadOnly = was_read_only;
}

void
lpg_owner_enter(Oid owner, const char *search_path, LpgOwnerSaved *saved)
{
	GetUserIdAndSecContext(&saved->user, &saved->sec_context);
	SetUserIdAndSecContext(owner,
						   saved->sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	saved->nestlevel = NewGUCNestLevel();
	lpg_owner_set_text_rules(search_path);
	saved->was_read_only = lpg_owner_begin_reading();
}

void
lpg_owner_leave(const LpgOwnerSaved *saved)
{
	lpg_owner_end_reading(saved->was_read_only);
	AtEOXact_GUC(false, saved->nestlevel);
	SetUserIdAndSecContext(saved->user, saved->sec_context);
}

void
lpg_owner_rethrow(MemoryContext context, const char *help)
{
	ErrorData *error;
	int category;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
	if ((category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
		 category == ERRCODE_INVALID_SCHEMA_NAME) &&
		error->sqlerrcode != ERRCODE_INVALID_RECURSION)
	{
		if (error->hint == NULL)
			error->hint = pstrdup(help);
		else if (error->detail == NULL)
			error->detail = pstrdup(help);
	}
	FlushErrorState();
	ReThrowError(error);
}

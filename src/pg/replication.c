/*
 * replication.c
 *		Saying which publications carry new tables.
 */
#include "postgres.h"

#include "catalog/pg_publication.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"

#include "pg/registry.h"
#include "pg/replication.h"

/* "a", "b": the names of publications. */
static char *
list_publications(List *publications)
{
	StringInfoData names;
	ListCell *cell;

	initStringInfo(&names);
	foreach (cell, publications)
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
						 get_publication_name(lfirst_oid(cell), false));
	return names.data;
}

/* Qualified names of tables, each between these quotes. */
static char *
list_tables(List *tables, const char *open, const char *close, const char *separator)
{
	StringInfoData names;
	ListCell *cell;

	initStringInfo(&names);
	foreach (cell, tables)
		appendStringInfo(&names, "%s%s%s%s", names.len > 0 ? separator : "", open,
						 lpg_registry_qualified_name(lfirst_oid(cell)), close);
	return names.data;
}

void
lpg_replication_notice(const char *model, Oid schema, List *tables)
{
	List *publications = list_concat_unique_oid(GetAllTablesPublications(), GetSchemaPublications(schema));

	if (publications == NIL)
		return;
	list_sort(publications, list_oid_cmp);
	ereport(NOTICE,
			(errmsg("new tables of model \"%s\" are published by %s", model, list_publications(publications)),
			 errdetail("They are %s. A subscriber that does not have them stops with an error when this is "
					   "committed, and what else it replicates waits until it has them.",
					   list_tables(tables, "", "", ", ")),
			 errhint("Make them there: pg_dump -s %s of this database, restored into the subscriber's, "
					 "which needs the extension; then ALTER SUBSCRIPTION ... REFRESH PUBLICATION.",
					 list_tables(tables, "-t '", "'", " "))));
}

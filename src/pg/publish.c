/*
 * publish.c
 *		A trained version into its tables.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/format.h"
#include "core/neighbors.h"
#include "pg/columns.h"
#include "pg/compat.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"
#include "pg/publish.h"
#include "pg/replication.h"
#include "pg/statement.h"
#include "pg/store.h"
#include "pg/versions.h"

/* ------------------------------------------------------------ versions there are */

static int64
newest_number(const LpgVersionList *list)
{
	const LpgVersionEntry *newest = lpg_versions_newest(list);

	return newest == NULL ? 0 : newest->version;
}

void
lpg_publish_check_snapshot(Oid model, Oid model_type)
{
	Relation relation;
	Snapshot fresh;
	LpgVersionList seen;
	LpgVersionList there;

	if (!IsolationUsesXactSnapshot())
		return;
	relation = lpg_registry_open_model(model, model_type, AccessShareLock);
	fresh = RegisterSnapshot(GetLatestSnapshot());
	there = lpg_versions_list(relation, fresh);
	seen = lpg_versions_list(relation, GetActiveSnapshot());
	UnregisterSnapshot(fresh);
	if (newest_number(&there) != newest_number(&seen))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent training of model \"%s\"",
							   RelationGetRelationName(relation)),
						errhint("The transaction might succeed if retried.")));
	table_close(relation, AccessShareLock);
}

/* The factor tables of the newest version; false if there is no version. */
static bool
newest_tables(Relation model, Snapshot snapshot, LpgVersion *version)
{
	LpgVersionList list = lpg_versions_list(model, snapshot);
	const LpgVersionEntry *newest = lpg_versions_newest(&list);

	if (newest == NULL)
		return false;
	version->users = newest->users;
	version->items = newest->items;
	return true;
}

static void
check_kind(Relation model, const LpgVersion *version, LpgSide side, LepIdKind kind)
{
	const char *what = side == LPG_USERS ? "user" : "item";
	LepIdKind stored;
	Relation table = lpg_registry_open_factors(model, version, side, AccessShareLock, &stored);

	table_close(table, NoLock);
	if (stored != kind)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("model \"%s\" has %s ids of type %s, but the source gives %s",
							   RelationGetRelationName(model), what, lpg_keytype_name(stored),
							   lpg_keytype_name(kind)),
						errhint("Train it under another name, or drop the model with lepton_drop first.")));
}

void
lpg_publish_check_kinds(Oid model, Oid model_type, LepIdKind user_kind, LepIdKind item_kind)
{
	Relation relation = lpg_registry_open_model(model, model_type, AccessShareLock);
	Snapshot fresh = RegisterSnapshot(GetLatestSnapshot());
	LpgVersion version;

	if (newest_tables(relation, fresh, &version))
	{
		check_kind(relation, &version, LPG_USERS, user_kind);
		check_kind(relation, &version, LPG_ITEMS, item_kind);
	}
	UnregisterSnapshot(fresh);
	table_close(relation, AccessShareLock);
}

/* ------------------------------------------------------------------------- target */

/* May this user train a model of this name? */
static void
check_target(const LpgTarget *target)
{
	AclResult aclresult;

	if (OidIsValid(target->model))
	{
		lpg_registry_check_owner(target->model);
		return;
	}
	aclresult = lpg_namespace_aclcheck(target->namespace_, GetUserId(), ACL_CREATE);
	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_SCHEMA, get_namespace_name(target->namespace_));
}

/*
 * Find the model and keep others from training it.  Whoever held the lock may
 * have made the model, so the name is looked up again under the lock.
 */
void
lpg_publish_lock(LpgPublication *p, const char *name, bool wait)
{
	LpgTarget *target = &p->target;
	Oid before;

	*target = lpg_registry_find_target(name, p->model_type);
	do
	{
		before = target->model;
		check_target(target);
		lpg_registry_lock_training(target, wait);
		*target = lpg_registry_find_target(name, p->model_type);
	} while (target->model != before);
	if (OidIsValid(target->model))
		lpg_publish_check_snapshot(target->model, p->model_type);
}

/* ------------------------------------------------------------------------ tables */

#define TABLE_OPTIONS "WITH (vacuum_truncate = off, toast.vacuum_truncate = off)"

/* A table of the model's schema, as it is written in statements. */
static char *
name_in_schema(const LpgPublication *p, const char *relname)
{
	char *schema = get_namespace_name(p->target.namespace_);

	if (schema == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA),
						errmsg("the schema of model \"%s\" was dropped while it was being trained",
							   p->target.relname)));
	return quote_qualified_identifier(schema, relname);
}

/* A statement that may make an index, whose progress takes the place of the training's. */
static void
run_statement(const LpgPublication *p, const char *statement)
{
	lpg_statement_run(statement);
	if (p->progress != NULL)
		lpg_progress_resume(p->progress, p->target.model);
}

/* The model's own table; its oid. */
static Oid
create_model_table(const LpgPublication *p)
{
	char *name = name_in_schema(p, p->target.relname);
	char *type = quote_qualified_identifier(
		get_namespace_name(get_rel_namespace(get_typ_typrelid(p->model_type))), "lepton_model");

	run_statement(p,
				  psprintf("CREATE TABLE %s OF %s (PRIMARY KEY (version), created_at WITH OPTIONS NOT NULL, "
						   "is_current WITH OPTIONS NOT NULL, users WITH OPTIONS NOT NULL, "
						   "items WITH OPTIONS NOT NULL, generation WITH OPTIONS NOT NULL) "
						   "USING heap " TABLE_OPTIONS,
						   name, type));
	run_statement(p, psprintf("CREATE UNIQUE INDEX ON %s (is_current) WHERE is_current", name));
	return get_relname_relid(p->target.relname, p->target.namespace_);
}

/* One factor table of a model; its oid. */
static Oid
create_factor_table(const LpgPublication *p, LpgSide side, LepIdKind kind)
{
	const char *label = side == LPG_USERS ? "users" : "items";
	const char *extra = side == LPG_USERS ? "seen" : "neighbors";
	char *relname = ChooseRelationName(p->target.relname, NULL, label, p->target.namespace_, false);
	char *name = name_in_schema(p, relname);

	run_statement(p, psprintf("CREATE TABLE %s (version pg_catalog.int8 NOT NULL, id %s NOT NULL, "
							  "n pg_catalog.int4 NOT NULL, n_ratings pg_catalog.int4 NOT NULL, "
							  "bias pg_catalog.float4 NOT NULL, variance pg_catalog.float4, factors "
							  "pg_catalog.bytea, %s pg_catalog.bytea, "
							  "PRIMARY KEY (version, id)) USING heap " TABLE_OPTIONS,
							  name, lpg_keytype_declaration(kind), extra));
	run_statement(p, psprintf("ALTER TABLE %s ALTER COLUMN factors SET STORAGE EXTERNAL, "
							  "ALTER COLUMN %s SET STORAGE EXTERNAL",
							  name, extra));
	return get_relname_relid(relname, p->target.namespace_);
}

/* Dropping the model drops its tables: recorded anew, since a dump does not carry it. */
static void
depend_on_model(Oid table, Oid model)
{
	ObjectAddress dependent;
	ObjectAddress owner;

	ObjectAddressSet(dependent, RelationRelationId, table);
	ObjectAddressSet(owner, RelationRelationId, model);
	(void) deleteDependencyRecordsForSpecific(RelationRelationId, table, DEPENDENCY_AUTO, RelationRelationId,
											  model);
	recordDependencyOn(&dependent, &owner, DEPENDENCY_AUTO);
}

/* Both factor tables, with the owner of the model, whoever trains it. */
static void
create_factor_tables(const LpgPublication *p, Oid owner, LpgVersion *version)
{
	version->users = create_factor_table(p, LPG_USERS, p->contents.kinds[LPG_USERS]);
	version->items = create_factor_table(p, LPG_ITEMS, p->contents.kinds[LPG_ITEMS]);
	if (owner != GetUserId())
	{
		/* by OID: whoever owns the schema can have its name mean another one at any moment */
		ATExecChangeOwner(version->users, owner, false, AccessExclusiveLock);
		ATExecChangeOwner(version->items, owner, false, AccessExclusiveLock);
	}
}

/* Are they as version 1.0.0 of the extension made them?  A version needs more room now. */
static bool
lack_variance(Relation model, const LpgVersion *version)
{
	bool lack = false;

	for (int side = LPG_USERS; side <= LPG_ITEMS; side++)
	{
		LepIdKind kind;
		Relation table = lpg_registry_open_factors(model, version, (LpgSide) side, AccessShareLock, &kind);

		lack |= lpg_columns_lack_variance(RelationGetDescr(table));
		table_close(table, NoLock);
	}
	return lack;
}

/*
 * The model and its factor tables, made where they are missing.  Tables that lack
 * a column are left to the versions in them: to add it would lock readers out.
 */
static void
ensure_tables(LpgPublication *p, LpgVersion *version)
{
	Oid owner = GetUserId();
	bool have_tables = false;
	List *made = NIL;

	if (!OidIsValid(p->target.model))
	{
		p->target.model = create_model_table(p);
		made = list_make1_oid(p->target.model);
	}
	else
	{
		Relation model = lpg_versions_open(p->target.model, p->model_type, RowExclusiveLock);
		Snapshot fresh = RegisterSnapshot(GetLatestSnapshot());

		owner = model->rd_rel->relowner;
		have_tables = newest_tables(model, fresh, version);
		if (have_tables && lack_variance(model, version))
		{
			/* a restored model's are not tied to it, and no version will name them one day */
			depend_on_model(version->users, p->target.model);
			depend_on_model(version->items, p->target.model);
			have_tables = false;
		}
		UnregisterSnapshot(fresh);
		table_close(model, NoLock);
	}
	if (!have_tables)
	{
		create_factor_tables(p, owner, version);
		made = lappend_oid(lappend_oid(made, version->users), version->items);
	}
	CommandCounterIncrement();
	if (made != NIL)
		lpg_replication_notice(p->target.relname, p->target.namespace_, made);
}

/* ------------------------------------------------------------------- factor rows */

/* What a row of one side is made of. */
typedef struct SideRows
{
	LpgSide side;
	LepIdMap *ids;
	int32 n_rows;
	int n_factors;
	int stride;
	LepPrecision precision;
	const float *bias;
	const float *variance; /* NULL: not known */
	const float *factors;
	const LepRatings *ratings;
	bool live;
	int32 *n_ratings;			   /* of items; NULL for users */
	const LepNeighbors *neighbors; /* of items; NULL: none */
} SideRows;

static bytea *
encode_factors(const SideRows *rows, int32 n)
{
	size_t size = lep_factors_size_as(rows->precision, rows->n_factors);
	bytea *bytes = palloc(VARHDRSZ + size);

	SET_VARSIZE(bytes, VARHDRSZ + size);
	lep_factors_encode_as(rows->precision, rows->factors + (Size) n * rows->stride, rows->n_factors,
						  (uint8_t *) VARDATA(bytes));
	return bytes;
}

static bytea *
encode_seen(const LepRatings *ratings, int32 user, bool with_digest)
{
	int64 first = ratings->user_start[user];
	int64 n = ratings->user_start[user + 1] - first;
	bytea *bytes = palloc_extended(VARHDRSZ + lep_seen_max_size(n), MCXT_ALLOC_HUGE);
	uint8_t *data = (uint8_t *) VARDATA(bytes);
	size_t size = with_digest ? lep_seen_encode_digest(ratings->item + first, n,
													   lep_ratings_digest(ratings, user), data)
							  : lep_seen_encode(ratings->item + first, n, data);

	SET_VARSIZE(bytes, VARHDRSZ + size);
	return bytes;
}

static bytea *
encode_neighbors(const LepNeighbors *neighbors, LepPrecision precision, int32 item)
{
	int64 first = neighbors->start[item];
	int64 n = neighbors->start[item + 1] - first;
	bytea *bytes = palloc_extended(VARHDRSZ + lep_neighbors_max_size(n), MCXT_ALLOC_HUGE);
	size_t size = lep_neighbors_encode_as(precision, neighbors->target + first, neighbors->weight + first, n,
										  (uint8_t *) VARDATA(bytes));

	SET_VARSIZE(bytes, VARHDRSZ + size);
	return bytes;
}

static int32
count_ratings(const SideRows *rows, int32 n)
{
	if (rows->side == LPG_ITEMS)
		return rows->n_ratings[n];
	return (int32) (rows->ratings->user_start[n + 1] - rows->ratings->user_start[n]);
}

static void
write_side(Relation table, int64 version, const SideRows *rows)
{
	LpgWriter *writer = lpg_store_writer_begin(table);
	MemoryContext context = lpg_store_writer_context(writer);

	for (int32 n = 0; n < rows->n_rows; n++)
	{
		bool *nulls;
		Datum *values = lpg_store_writer_values(writer, &nulls);
		MemoryContext old = MemoryContextSwitchTo(context);
		LepId id = lep_idmap_id(rows->ids, n);
		Size bytes = 64;

		values[LPG_FACTORS_VERSION - 1] = Int64GetDatum(version);
		values[LPG_FACTORS_ID - 1] = lpg_keytype_to_datum(&id, lep_idmap_kind(rows->ids));
		values[LPG_FACTORS_N - 1] = Int32GetDatum(n);
		values[LPG_FACTORS_N_RATINGS - 1] = Int32GetDatum(count_ratings(rows, n));
		values[LPG_FACTORS_BIAS - 1] = Float4GetDatum(rows->bias[n]);
		memset(nulls, false, LPG_FACTORS_BIAS * sizeof(bool));
		if (rows->variance != NULL)
		{
			values[LPG_FACTORS_VARIANCE - 1] = Float4GetDatum(rows->variance[n]);
			nulls[LPG_FACTORS_VARIANCE - 1] = false;
		}
		if (rows->n_factors > 0)
		{
			bytea *factors = encode_factors(rows, n);

			values[LPG_FACTORS_FACTORS - 1] = PointerGetDatum(factors);
			nulls[LPG_FACTORS_FACTORS - 1] = false;
			bytes += VARSIZE(factors);
		}
		if (rows->side == LPG_USERS)
		{
			bytea *seen = encode_seen(rows->ratings, n, rows->live);

			values[LPG_FACTORS_EXTRA - 1] = PointerGetDatum(seen);
			nulls[LPG_FACTORS_EXTRA - 1] = false;
			bytes += VARSIZE(seen);
		}
		else if (rows->neighbors != NULL)
		{
			bytea *neighbors = encode_neighbors(rows->neighbors, rows->precision, n);

			values[LPG_FACTORS_EXTRA - 1] = PointerGetDatum(neighbors);
			nulls[LPG_FACTORS_EXTRA - 1] = false;
			bytes += VARSIZE(neighbors);
		}
		MemoryContextSwitchTo(old);
		lpg_store_writer_put(writer, bytes);
	}
	lpg_store_writer_end(writer);
}

/* Ratings counted between two looks for interrupts. */
#define COUNT_INTERVAL (1024 * 1024)

/* How often each item is rated. */
static int32 *
count_item_ratings(const LepRatings *ratings)
{
	int32 *counts =
		palloc_extended(Max(ratings->n_items, 1) * sizeof(int32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int64 j = 0; j < ratings->n_ratings; j++)
	{
		if (j % COUNT_INTERVAL == 0)
			lpg_env_check_interrupts();
		counts[ratings->item[j]]++;
	}
	return counts;
}

static void
write_result_side(void *arg, Relation table, int64 version, LpgSide side)
{
	const LpgPublication *p = arg;
	const LepModel *m = &p->result->model;
	SideRows rows = { .side = side,
					  .n_factors = m->n_factors,
					  .stride = m->stride,
					  .precision = (LepPrecision) p->result->options.storage,
					  .ratings = p->ratings };

	if (side == LPG_USERS)
	{
		rows.ids = p->ratings->users;
		rows.n_rows = m->n_users;
		rows.bias = m->user_bias;
		rows.variance = m->user_variance;
		rows.factors = m->user_factors;
		rows.live = p->live;
	}
	else
	{
		rows.ids = p->ratings->items;
		rows.n_rows = m->n_items;
		rows.bias = m->item_bias;
		rows.variance = m->item_variance;
		rows.factors = m->item_factors;
		rows.n_ratings = count_item_ratings(p->ratings);
		rows.neighbors = m->neighbors;
	}
	write_side(table, version, &rows);
}

static void
write_factors(const LpgPublication *p, Relation model, const LpgVersion *version)
{
	for (int side = LPG_USERS; side <= LPG_ITEMS; side++)
	{
		LepIdKind kind;
		Relation table = lpg_registry_open_factors(model, version, (LpgSide) side, RowExclusiveLock, &kind);

		p->write_side(p->write_arg, table, version->version, (LpgSide) side);
		table_close(table, NoLock);
	}

	/* both have been checked: they are this model's */
	depend_on_model(version->users, p->target.model);
	depend_on_model(version->items, p->target.model);
}

/* ------------------------------------------------------------------ version's row */

static void
fill_values(const LpgPublication *p, const LpgVersion *version, Datum *values, bool *nulls)
{
	memset(nulls, false, LPG_MODEL_NATTS * sizeof(bool));
	values[LPG_MODEL_VERSION - 1] = Int64GetDatum(version->version);
	values[LPG_MODEL_CREATED_AT - 1] = TimestampTzGetDatum(p->contents.created_at);
	values[LPG_MODEL_IS_CURRENT - 1] = BoolGetDatum(p->unpublished == NULL);
	values[LPG_MODEL_ALGORITHM - 1] = CStringGetTextDatum(p->contents.algorithm);
	values[LPG_MODEL_OPTIONS - 1] = p->options;
	nulls[LPG_MODEL_SOURCE - 1] = p->source == NULL;
	if (p->source != NULL)
		values[LPG_MODEL_SOURCE - 1] = CStringGetTextDatum(p->source);
	values[LPG_MODEL_N_USERS - 1] = Int64GetDatum(p->contents.n_users);
	values[LPG_MODEL_N_ITEMS - 1] = Int64GetDatum(p->contents.n_items);
	values[LPG_MODEL_N_RATINGS - 1] = Int64GetDatum(p->contents.n_ratings);
	values[LPG_MODEL_METRICS - 1] = p->metrics;
	values[LPG_MODEL_USERS - 1] = ObjectIdGetDatum(version->users);
	values[LPG_MODEL_ITEMS - 1] = ObjectIdGetDatum(version->items);
	values[LPG_MODEL_GENERATION - 1] = Int64GetDatum(lpg_versions_new_generation());
}

/* What is in ratings and result. */
static void
take_result(LpgPublication *p)
{
	p->write_side = write_result_side;
	p->write_arg = p;
	p->contents = (LpgContents){
		.kinds = { lep_idmap_kind(p->ratings->users), lep_idmap_kind(p->ratings->items) },
		.algorithm = lep_algorithm_name(p->result->algorithm),
		.n_users = p->ratings->n_users,
		.n_items = p->ratings->n_items,
		.n_ratings = p->ratings->n_ratings,
		.created_at = GetCurrentTimestamp(),
	};
}

void
lpg_publish_factors(LpgPublication *p, Datum *values, bool *nulls)
{
	LpgVersion version;
	Relation model;
	Snapshot fresh;
	LpgVersionList list;

	if (p->write_side == NULL)
		take_result(p);
	memset(&version, 0, sizeof(version));
	ensure_tables(p, &version);
	model = lpg_versions_open(p->target.model, p->model_type, RowExclusiveLock);
	fresh = RegisterSnapshot(GetLatestSnapshot());
	list = lpg_versions_list(model, fresh);
	UnregisterSnapshot(fresh);
	version.version = newest_number(&list) + 1;
	write_factors(p, model, &version);
	fill_values(p, &version, values, nulls);
	table_close(model, NoLock);
}

static void
insert_version(Relation model, const Datum *row, const bool *row_nulls)
{
	LpgWriter *writer = lpg_store_writer_begin(model);
	bool *nulls;
	Datum *values = lpg_store_writer_values(writer, &nulls);

	memcpy(values, row, LPG_MODEL_NATTS * sizeof(Datum));
	memcpy(nulls, row_nulls, LPG_MODEL_NATTS * sizeof(bool));
	lpg_store_writer_put(writer, 0);
	lpg_store_writer_end(writer);
}

/*
 * ShareRowExclusiveLock for this last, short step: an UPDATE of the model's rows
 * by hand would else make ours fail, and take the training with it.  The
 * snapshot comes after the lock.
 */
void
lpg_publish_version(LpgPublication *p, Datum *values, bool *nulls)
{
	Relation model = lpg_versions_open(p->target.model, p->model_type, ShareRowExclusiveLock);
	Snapshot fresh = RegisterSnapshot(GetLatestSnapshot());

	if (p->unpublished == NULL)
		lpg_versions_clear_current(model, fresh);
	UnregisterSnapshot(fresh);
	insert_version(model, values, nulls);
	CommandCounterIncrement();
	fresh = RegisterSnapshot(GetLatestSnapshot());
	lpg_versions_delete_beyond(model, fresh, p->keep);
	UnregisterSnapshot(fresh);
	table_close(model, NoLock);
	CommandCounterIncrement();
}

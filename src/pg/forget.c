/*
 * forget.c
 *		lepton_forget(model, user_id): a user out of every version of a model, and a
 *		report of what was removed and what cannot be.
 *
 * All in one transaction: her rows in the table of users go, each version that
 * had her gets a new generation, by which whatever sessions keep of it is void,
 * and details -> 'forgotten' counts her.  A training that has read her rows would
 * bring her back when it publishes: so this waits for it, and the next one waits
 * for us.  As long as the source has rows of her a live model and every training
 * bring her back, too: that is refused unless the caller insists.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "pg/compat.h"
#include "pg/handle.h"
#include "pg/jsonread.h"
#include "pg/keytype.h"
#include "pg/optjson.h"
#include "pg/owner.h"
#include "pg/publish.h"
#include "pg/source.h"
#include "pg/statement.h"
#include "pg/store.h"
#include "pg/versions.h"

/* One call. */
typedef struct Forgetting
{
	char *name;
	Relation model;
	Snapshot snapshot;
	LpgVersionList list;
	Datum argument;
	Oid argument_type;
	int64 n_removed;
	StringInfoData versions; /* "1, 2": those that had her */
	Oid users;				 /* a table that had her */
	ReturnSetInfo *result;
} Forgetting;

/* Where a version says that its ratings came from. */
typedef struct Source
{
	const Forgetting *forgetting;
	char *text;
	char *search_path;
	LepOptions options;
	LepId id;
	LepIdKind kind;
} Source;

/* ------------------------------------------------------------------------ source */

static void
source_error_callback(void *arg)
{
	const Source *source = arg;

	errcontext(
		"looking for rows of user %s in the source of model \"%s\"; even_if_in_source => true does not",
		lpg_keytype_out(&source->id, source->kind), source->forgetting->name);
}

/* As the owner: how many rows of her there are. */
static int64
count_rows(const Source *source)
{
	char *query = psprintf("SELECT pg_catalog.count(*) FROM (%s) AS lepton_rows",
						   lpg_source_of_user(source->text, &source->options));
	Oid type = lpg_keytype_stored_type(source->kind);
	Datum value = lpg_keytype_to_datum(&source->id, source->kind);
	bool isnull;
	int64 n;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(query, 1, &type, &value, NULL, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not count rows of the source");
	n = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return n;
}

static void
check_source(const Source *source)
{
	ErrorContextCallback callback = { error_context_stack, source_error_callback, (void *) source };
	LpgOwnerSaved saved;
	int64 n;

	error_context_stack = &callback;
	lpg_owner_enter(source->forgetting->model->rd_rel->relowner, source->search_path, &saved);
	n = count_rows(source);
	lpg_owner_leave(&saved);
	error_context_stack = callback.previous;
	if (n == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source of model \"%s\" still has " INT64_FORMAT " rows of user %s",
					source->forgetting->name, n, lpg_keytype_out(&source->id, source->kind)),
			 errdetail("A model that is live, and every training, would bring her back."),
			 errhint("Delete them first, or forget her all the same with even_if_in_source => true.")));
}

/* Of a version's row; false where it names none, as for a model that was imported. */
static bool
read_source(const Forgetting *f, const TupleTableSlot *slot, Source *source)
{
	Jsonb *details;
	JsonbValue path;

	if (slot->tts_isnull[LPG_MODEL_SOURCE - 1] || slot->tts_isnull[LPG_MODEL_OPTIONS - 1] ||
		slot->tts_isnull[LPG_MODEL_DETAILS - 1])
		return false;
	details = DatumGetJsonbP(slot->tts_values[LPG_MODEL_DETAILS - 1]);
	if (!lpg_jsonread_member(details, "search_path", &path) || path.type != jbvString)
		return false;
	source->forgetting = f;
	source->text = TextDatumGetCString(slot->tts_values[LPG_MODEL_SOURCE - 1]);
	source->search_path = lpg_owner_search_path(pnstrdup(path.val.string.val, path.val.string.len));
	lpg_options_from_jsonb(DatumGetJsonbP(slot->tts_values[LPG_MODEL_OPTIONS - 1]), &source->options);
	return true;
}

static bool
is_same_source(const Source *a, const Source *b)
{
	return strcmp(a->text, b->text) == 0 && strcmp(a->search_path, b->search_path) == 0 &&
		   strcmp(a->options.user_column, b->options.user_column) == 0;
}

/* What a user's id is, in the kind of the model's table. */
static LepId
read_id(const Forgetting *f, LepIdKind kind)
{
	return lpg_keytype_from_argument(f->argument, f->argument_type, kind, "user", f->name);
}

static LepIdKind
kind_of(const Forgetting *f, const LpgVersionEntry *entry)
{
	LpgVersion version = { .version = entry->version, .users = entry->users, .items = entry->items };
	LepIdKind kind;

	table_close(lpg_registry_open_factors(f->model, &version, LPG_USERS, AccessShareLock, &kind), NoLock);
	return kind;
}

/* The sources of all versions, each once. */
static void
check_sources(Forgetting *f)
{
	Source *sources = palloc0(Max(f->list.n, 1) * sizeof(Source));
	TupleTableSlot *slot = table_slot_create(f->model, NULL);
	TableScanDesc scan = lpg_table_beginscan(f->model, f->snapshot, 0, NULL);
	int n = 0;

	lpg_owner_check_rows(f->model);
	while (n < f->list.n && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool is_new;

		slot_getsomeattrs(slot, LPG_MODEL_NATTS);
		is_new = read_source(f, slot, &sources[n]);
		for (int i = 0; i < n && is_new; i++)
			is_new = !is_same_source(&sources[i], &sources[n]);
		n += is_new;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	for (int i = 0; i < n; i++)
	{
		sources[i].kind = kind_of(f, &f->list.entries[0]);
		sources[i].id = read_id(f, sources[i].kind);
		check_source(&sources[i]);
	}
}

/* ----------------------------------------------------------------------- removal */

static void
forget_version(Forgetting *f, const LpgVersionEntry *entry)
{
	LpgVersion version = { .version = entry->version, .users = entry->users, .items = entry->items };
	LepIdKind kind;
	Relation table = lpg_registry_open_factors(f->model, &version, LPG_USERS, RowExclusiveLock, &kind);
	LpgLookup *lookup = lpg_store_lookup_create(table, kind, entry->version);
	LepId id = read_id(f, kind);
	TupleTableSlot *slot = lpg_store_lookup(lookup, table, f->snapshot, &id);

	if (slot != NULL)
	{
		simple_table_tuple_delete(table, &slot->tts_tid, f->snapshot);
		lpg_store_lookup_done(lookup);
		lpg_versions_forget_user(f->model, f->snapshot, entry);
		appendStringInfo(&f->versions, "%s" INT64_FORMAT, f->n_removed++ == 0 ? "" : ", ", entry->version);
		f->users = RelationGetRelid(table);
	}
	table_close(table, NoLock);
}

static int
compare_entries(const void *a, const void *b)
{
	int64 x = ((const LpgVersionEntry *) a)->version;
	int64 y = ((const LpgVersionEntry *) b)->version;

	return x < y ? -1 : x > y;
}

/* ------------------------------------------------------------------------ report */

/* count: NULL where it is below 0. */
static void
put_row(const Forgetting *f, const char *what, int64 count, const char *note)
{
	Datum values[3] = { CStringGetTextDatum(what), Int64GetDatum(count), CStringGetTextDatum(note) };
	bool nulls[3] = { false, count < 0, false };

	tuplestore_putvalues(f->result->setResult, f->result->setDesc, values, nulls);
}

static void
put_report(const Forgetting *f, bool looked)
{
	put_row(f, "rows in the source", looked ? 0 : -1,
			looked ? "none: neither live lists nor the next training find her"
				   : "not looked for: what is there brings her back, by live lists or the next training");
	if (f->n_removed == 0)
	{
		put_row(f, "rows of users removed", 0, "no version of the model has her");
		return;
	}
	put_row(f, "rows of users removed", f->n_removed,
			psprintf("factors, bias and the items that she had, of versions %s; with the commit",
					 f->versions.data));
	put_row(f, "versions with a new generation", f->n_removed,
			"what sessions keep of them is not used again after the commit");
	put_row(f, "versions trained with her", f->n_removed,
			"factors and neighbors of items, means, counts, metrics and priors are sums over many users, her "
			"among them, and stay; training again and dropping the old versions makes them without her");
	put_row(f, "dead rows", f->n_removed,
			psprintf("her bytes are in the files until VACUUM %s", lpg_registry_qualified_name(f->users)));
	put_row(f, "copies elsewhere", -1,
			"backups, archived WAL, replicas, exported models and results that queries have kept are not "
			"reached from here");
}

/* --------------------------------------------------------------------- interface */

/* Find the model, wait for its training, and open it. */
static void
begin(FunctionCallInfo fcinfo, Forgetting *f)
{
	Oid type = lpg_registry_model_type(fcinfo);
	LpgTarget target;

	f->name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	target = lpg_registry_find_target(f->name, type);
	if (!OidIsValid(target.model))
		lpg_registry_fail_no_model(f->name);
	/* before the lock: nobody waits for, or holds up, what is not hers */
	lpg_registry_check_owner(target.model);
	lpg_registry_lock_training(&target, true);
	f->model = lpg_versions_open(target.model, type, ShareRowExclusiveLock);
	lpg_publish_check_snapshot(target.model, type);
	f->snapshot = RegisterSnapshot(GetLatestSnapshot());
	f->list = lpg_versions_list(f->model, f->snapshot);
	qsort(f->list.entries, f->list.n, sizeof(LpgVersionEntry), compare_entries);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = { "the model's name", "the user's id", "even_if_in_source" };

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s is NULL", names[i])));
	}
	lpg_statement_prevent_read_only("lepton_forget()");
}

PG_FUNCTION_INFO_V1(lepton_forget);

/*
 * lepton_forget(model text, user_id, even_if_in_source boolean)
 *		-> setof (what text, count bigint, note text)
 *		Remove a user from every version; ERROR while the source has rows of her,
 *		unless told otherwise.  The report is of all or nothing.
 */
Datum
lepton_forget(PG_FUNCTION_ARGS)
{
	Forgetting f = { .argument_type = lpg_argument_type(fcinfo, 1) };
	bool insists;

	check_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	f.result = (ReturnSetInfo *) fcinfo->resultinfo;
	f.argument = PG_GETARG_DATUM(1);
	insists = PG_GETARG_BOOL(2);
	initStringInfo(&f.versions);
	begin(fcinfo, &f);
	if (!insists)
		check_sources(&f);
	for (int i = 0; i < f.list.n; i++)
		forget_version(&f, &f.list.entries[i]);
	put_report(&f, !insists);
	UnregisterSnapshot(f.snapshot);
	table_close(f.model, NoLock);
	CommandCounterIncrement();
	return (Datum) 0;
}

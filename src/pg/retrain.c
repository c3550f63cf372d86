/*
 * retrain.c
 *		CALL lepton_retrain(model, options): a training from what the model's row has
 *		of the last one.
 *
 * The recorded source runs as the model's owner, in a security-restricted
 * operation, under the search path that was recorded (pg_temp last), whoever
 * calls.  Where the caller is in no transaction block there are three
 * transactions: read, compute, write.  The second holds no snapshot and no
 * transaction id, so that hours of it keep nothing from being vacuumed; user,
 * security context and settings are the caller's again at each commit, since they
 * would survive it, and the owner's after it.  The lock against other trainings
 * is the session's then, and let go on every way out.
 *
 * What comes out is judged (guard.h).  A version that is not good enough is kept
 * beside the current one, committed, and the call is an ERROR.  In a transaction
 * block nothing can be kept of a call that fails.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/guard.h"
#include "pg/jsonread.h"
#include "pg/optjson.h"
#include "pg/owner.h"
#include "pg/settings.h"
#include "pg/statement.h"
#include "pg/train.h"
#include "pg/versions.h"

/* The version that is trained again: the current one, or the newest where there is none. */
typedef struct Base
{
	int64 version;
	int64 generation;
	bool is_current;
	char *algorithm;
	char *source;
	Datum options; /* jsonb, as given */
	Jsonb *metrics;
	Jsonb *details;
} Base;

typedef struct Retraining
{
	LpgNamedTraining training;
	Datum given;	   /* options of this call */
	bool may_commit;   /* between its steps */
	Oid owner;		   /* of the model */
	char *search_path; /* as recorded, pg_temp last */
	Base base;
	LpgVerdict verdict;

	/* of the caller, while the owner is current */
	Oid caller;
	int caller_context;
	int caller_settings;
} Retraining;

/* ------------------------------------------------------------------ whose rights */

static void
become_owner(Retraining *r)
{
	GetUserIdAndSecContext(&r->caller, &r->caller_context);
	SetUserIdAndSecContext(r->owner, r->caller_context | SECURITY_RESTRICTED_OPERATION);
	r->caller_settings = NewGUCNestLevel();
	lpg_owner_set_text_rules(r->search_path);
}

static void
become_caller(Retraining *r)
{
	AtEOXact_GUC(false, r->caller_settings);
	SetUserIdAndSecContext(r->caller, r->caller_context);
}

/* Between two steps; the caller is current. */
static void
commit(Retraining *r)
{
	if (r->may_commit)
		SPI_commit();
}

/* --------------------------------------------------------------- the last version */

static Datum
copy_jsonb(Datum datum)
{
	return PointerGetDatum(DatumGetJsonbPCopy(datum));
}

static void
read_base(Relation model, const TupleTableSlot *slot, Base *base)
{
	const Datum *values = slot->tts_values;
	static const int needed[] = { LPG_MODEL_ALGORITHM, LPG_MODEL_OPTIONS, LPG_MODEL_SOURCE, LPG_MODEL_METRICS,
								  LPG_MODEL_DETAILS };

	base->version = DatumGetInt64(values[LPG_MODEL_VERSION - 1]);
	for (int i = 0; i < (int) lengthof(needed); i++)
	{
		if (slot->tts_isnull[needed[i] - 1])
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("version " INT64_FORMAT " of model \"%s\" has no %s to train it again from",
							base->version, RelationGetRelationName(model),
							NameStr(TupleDescAttr(RelationGetDescr(model), needed[i] - 1)->attname)),
					 errhint("Train it with lepton_train.")));
	}
	base->generation = DatumGetInt64(values[LPG_MODEL_GENERATION - 1]);
	base->is_current = DatumGetBool(values[LPG_MODEL_IS_CURRENT - 1]);
	base->algorithm = TextDatumGetCString(values[LPG_MODEL_ALGORITHM - 1]);
	base->source = TextDatumGetCString(values[LPG_MODEL_SOURCE - 1]);
	base->options = copy_jsonb(values[LPG_MODEL_OPTIONS - 1]);
	base->metrics = (Jsonb *) DatumGetPointer(copy_jsonb(values[LPG_MODEL_METRICS - 1]));
	base->details = (Jsonb *) DatumGetPointer(copy_jsonb(values[LPG_MODEL_DETAILS - 1]));
}

/* The row of that number, which is there. */
static void
find_base(Relation model, Snapshot snapshot, int64 version, Base *base)
{
	TupleTableSlot *slot = table_slot_create(model, NULL);
	TableScanDesc scan = lpg_table_beginscan(model, snapshot, 0, NULL);
	bool found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		slot_getallattrs(slot);
		found = DatumGetInt64(slot->tts_values[LPG_MODEL_VERSION - 1]) == version;
		if (found)
			read_base(model, slot, base);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * The model, if it is there and the caller's and nobody else writes it; *owner says
 * whose it is.  Closed by table_close(rel, NoLock).
 */
static Relation
open_model(const Retraining *r, LOCKMODE lockmode, Oid *owner)
{
	const LpgPublication *p = &r->training.publication;
	Relation model = lpg_registry_open_model(p->target.model, p->model_type, lockmode);

	lpg_registry_check_owner(p->target.model);
	lpg_owner_check_rows(model);
	*owner = model->rd_rel->relowner;
	return model;
}

/* The recorded search path, with pg_temp last, wherever it stood. */
static char *
read_search_path(const Base *base)
{
	JsonbValue value;

	if (!lpg_jsonread_member(base->details, "search_path", &value) || value.type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version " INT64_FORMAT " has no record of the search path that its source was "
						"read under",
						base->version),
				 errhint("Train the model with lepton_train.")));
	return lpg_owner_search_path(pnstrdup(value.val.string.val, value.val.string.len));
}

/* What is to be done again, and for whom. */
static void
read_model(Retraining *r)
{
	LpgPublication *p = &r->training.publication;
	Relation model = open_model(r, AccessShareLock, &r->owner);
	Snapshot fresh = RegisterSnapshot(GetLatestSnapshot());
	LpgVersionList list = lpg_versions_list(model, fresh);
	const LpgVersionEntry *entry = lpg_versions_current(&list);

	if (entry == NULL)
		entry = lpg_versions_newest(&list);
	if (entry == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" has no version to train again", r->training.name),
						errhint("Train it with lepton_train('%s', source).", r->training.name)));
	find_base(model, fresh, entry->version, &r->base);
	UnregisterSnapshot(fresh);
	table_close(model, NoLock);
	lpg_publish_check_snapshot(p->target.model, p->model_type);
	r->search_path = read_search_path(&r->base);
	r->training.source_text = r->base.source;
}

/* ------------------------------------------------------------------------ options */

static Datum
merge(Datum below, Datum above)
{
	return DirectFunctionCall2(jsonb_concat, below, above);
}

static bool
has_key(Datum options, const char *key, JsonbValue *value)
{
	return lpg_jsonread_member(DatumGetJsonbP(options), key, value);
}

/* Is an algorithm named, and not auto? */
static bool
names_algorithm(Datum options)
{
	JsonbValue value;

	return has_key(options, "algorithm", &value) && value.type == jbvString &&
		   !(value.val.string.len == 4 && memcmp(value.val.string.val, "auto", 4) == 0);
}

/* The options of the trial that auto chose, as an object; none where they cannot be told. */
static Datum
chosen_options(const Base *base)
{
	Datum path = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	JsonbValue trials;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue element;

	if (!lpg_jsonread_member(base->details, "trials", &trials) || trials.type != jbvBinary)
		return path;
	iterator = JsonbIteratorInit(trials.val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		JsonbValue value;

		if (token != WJB_ELEM || element.type != jbvBinary ||
			getKeyJsonValueFromContainer(element.val.binary.data, "chosen", 6, &value) == NULL ||
			value.type != jbvBool || !value.val.boolean)
			continue;
		if (getKeyJsonValueFromContainer(element.val.binary.data, "options", 7, &value) != NULL &&
			value.type == jbvBinary)
			return PointerGetDatum(JsonbValueToJsonb(&value));
	}
	return path;
}

/*
 * Options as they were given to the last training, but for those that were about
 * that call alone, below those of this one.  They are recorded.  Where auto chose
 * and nobody says otherwise, what it chose is trained: that is not recorded, so
 * that "auto" can be said again.
 */
static void
set_options(Retraining *r)
{
	static const char *const of_one_call[] = { "publish", "wait", "guard" };
	Datum options = r->base.options;
	Datum run;
	JsonbValue value;

	for (int i = 0; i < (int) lengthof(of_one_call); i++)
		options = DirectFunctionCall2(jsonb_delete, options, CStringGetTextDatum(of_one_call[i]));
	options = run = merge(options, r->given);
	if (!names_algorithm(options) && !has_key(r->given, "algorithm", &value))
	{
		StringInfoData name;

		initStringInfo(&name);
		appendStringInfoString(&name, "{\"algorithm\": ");
		escape_json(&name, r->base.algorithm);
		appendStringInfoChar(&name, '}');
		run = merge(options, chosen_options(&r->base));
		run = merge(run, DirectFunctionCall1(jsonb_in, CStringGetDatum(name.data)));
		run = merge(run, r->given);
	}
	r->training.publication.options = options;
	lpg_options_from_jsonb(DatumGetJsonbP(run), &r->training.work.options);
}

/* --------------------------------------------------------------------------- lock */

/*
 * One training of a model at a time.  Whoever waits in a transaction of her own
 * waits without a snapshot.
 */
static void
lock(Retraining *r)
{
	LpgTarget *target = &r->training.publication.target;
	LepOptions options;
	bool has_lock;

	lpg_options_from_jsonb(DatumGetJsonbP(r->given), &options);
	lpg_progress_begin(&r->training.progress, &r->training.work.env, target);
	if (!r->may_commit)
	{
		lpg_registry_lock_training(target, options.wait);
		return;
	}
	has_lock = lpg_registry_lock_session(target, false);
	if (!has_lock && !options.wait)
		lpg_registry_fail_training(target);
	if (!has_lock)
	{
		commit(r);
		InvalidateCatalogSnapshot();
		(void) lpg_registry_lock_session(target, true);
		EnsurePortalSnapshotExists();
	}
}

/* Whatever the lock is: an error may have come when it was just taken. */
static void
unlock(Retraining *r)
{
	if (r->may_commit && OidIsValid(r->training.publication.target.model))
		lpg_registry_unlock_session(&r->training.publication.target);
}

/* -------------------------------------------------------------------------- steps */

static void
find_model(Retraining *r)
{
	LpgTarget *target = &r->training.publication.target;

	target->model = lpg_registry_find_unlocked(r->training.name, r->training.publication.model_type);
	if (!OidIsValid(target->model))
		lpg_registry_fail_no_model(r->training.name);
	/* before the lock: nobody waits for, or holds up, what is not hers */
	lpg_registry_check_owner(target->model);
	target->namespace_ = get_rel_namespace(target->model);
	target->relname = get_rel_name(target->model);
	if (target->relname == NULL)
		lpg_registry_fail_no_model(r->training.name);
}

/* Hours of it hold nothing: the transaction has neither snapshot nor id. */
static void
compute(Retraining *r)
{
	commit(r);
	if (r->may_commit)
		InvalidateCatalogSnapshot();
	lpg_training_run(&r->training.work, lpg_settings_threads());
	if (r->may_commit)
		EnsurePortalSnapshotExists();
}

/*
 * What the current version says of itself now, and whether the one that was read is
 * what it was.  From here to the end of the writing nobody changes a row of the
 * model.
 */
static void
check_unchanged(Retraining *r, Base *current)
{
	Oid owner;
	Relation model = open_model(r, ShareRowExclusiveLock, &owner);
	Snapshot fresh = RegisterSnapshot(GetLatestSnapshot());
	LpgVersionList list = lpg_versions_list(model, fresh);
	const LpgVersionEntry *base = lpg_versions_find(&list, r->base.version);
	const LpgVersionEntry *now = lpg_versions_current(&list);

	if (owner != r->owner || base == NULL || base->generation != r->base.generation)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("model \"%s\" was changed while it was being trained", r->training.name),
						owner != r->owner
							? errdetail("It has another owner.")
							: errdetail("Version " INT64_FORMAT " is not what it was.", r->base.version),
						errhint("Train it again.")));
	memset(current, 0, sizeof(*current));
	if (now != NULL)
		find_base(model, fresh, now->version, current);
	UnregisterSnapshot(fresh);
	table_close(model, NoLock);
}

/* Is it to be published? */
static void
judge(Retraining *r)
{
	LpgPublication *p = &r->training.publication;
	Base now;
	LpgGuardCurrent current;

	check_unchanged(r, &now);
	current = (LpgGuardCurrent){ now.version, now.metrics, now.details };
	lpg_guard_judge(&r->training.work, &current, &r->verdict);
	r->training.remarks = psprintf("{\"retrained\": " INT64_FORMAT ", \"guard\": %s}", r->base.version,
								   lpg_guard_to_json(&r->verdict));
	if (!r->training.work.options.guard)
		r->verdict.reason = NULL;
	else if (r->verdict.not_compared != NULL)
		ereport(NOTICE, (errmsg("model \"%s\" is not compared with version " INT64_FORMAT, r->training.name,
								now.version),
						 errdetail("Of that version, %s.", r->verdict.not_compared)));
	if (now.version != (r->base.is_current ? r->base.version : 0))
		r->verdict.reason = psprintf("Version " INT64_FORMAT " was made the current one while it was being "
									 "trained.",
									 now.version);
	p->unpublished = r->verdict.reason;
}

static int64
write_version(Retraining *r)
{
	Datum values[LPG_MODEL_NATTS];
	bool nulls[LPG_MODEL_NATTS];

	memset(nulls, true, sizeof(nulls));
	become_owner(r);
	lpg_train_write(&r->training, values, nulls);
	become_caller(r);
	return DatumGetInt64(values[LPG_MODEL_VERSION - 1]);
}

static void
fail_not_kept(const Retraining *r)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		 errmsg("model \"%s\" was trained again, but is not good enough to be published", r->training.name),
		 errdetail("%s In a transaction block nothing can be kept of it.", r->verdict.reason),
		 errhint("Call lepton_retrain outside a transaction block to keep it for a look, or set option "
				 "\"tolerance\".")));
}

static void
fail_kept(const Retraining *r, int64 version)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("version " INT64_FORMAT " of model \"%s\" was trained, but not published", version,
					r->training.name),
			 errdetail("%s", r->verdict.reason),
			 errhint("Look at it with version => " INT64_FORMAT ", and at its source with lepton_inspect; "
					 "lepton_publish('%s', " INT64_FORMAT ") publishes it.",
					 version, r->training.name, version)));
}

static void
retrain(Retraining *r)
{
	int64 version;

	find_model(r);
	lock(r);
	read_model(r);
	set_options(r);
	lpg_train_begin(&r->training);
	become_owner(r);
	lpg_train_read(&r->training);
	become_caller(r);
	compute(r);
	judge(r);
	if (r->verdict.reason != NULL && !r->may_commit)
		fail_not_kept(r);
	version = write_version(r);
	MemoryContextDelete(r->training.work.context);
	commit(r);
	unlock(r);
	if (r->verdict.reason != NULL)
		fail_kept(r, version);
}

/* --------------------------------------------------------------------- interface */

/* Is the procedure called where it may commit? */
static bool
may_commit(FunctionCallInfo fcinfo)
{
	return fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
		   !castNode(CallContext, fcinfo->context)->atomic && !IsSubTransaction();
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model's name is NULL")));
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options are NULL"),
						errhint("Leave them out, or pass '{}'.")));
	lpg_statement_prevent_read_only("lepton_retrain()");
}

PG_FUNCTION_INFO_V1(lepton_retrain);

/*
 * CALL lepton_retrain(model text, options jsonb)
 *		Trains the model again from its recorded source, and publishes what comes
 *		out if it is good enough.
 */
Datum
lepton_retrain(PG_FUNCTION_ARGS)
{
	Retraining *r;

	check_arguments(fcinfo);
	/* a context that outlives the commits */
	if (SPI_connect_ext(may_commit(fcinfo) ? SPI_OPT_NONATOMIC : 0) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	r = palloc0(sizeof(Retraining));
	r->may_commit = may_commit(fcinfo);
	r->training.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	r->given = copy_jsonb(PG_GETARG_DATUM(1));
	r->training.publication.model_type = lpg_registry_model_type(fcinfo);
	PG_TRY();
	{
		retrain(r);
	}
	PG_CATCH();
	{
		unlock(r);
		PG_RE_THROW();
	}
	PG_END_TRY();
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * registry.c
 *		Finding models, checking access, reading a version's row.
 */
#include "postgres.h"

#include <float.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "core/format.h"
#include "core/model.h"
#include "pg/columns.h"
#include "pg/compat.h"
#include "pg/jsonread.h"
#include "pg/keytype.h"
#include "pg/registry.h"

RangeVar *
lpg_registry_parse_name(const char *name)
{
	List *names;

	if (!SplitIdentifierString(pstrdup(name), '.', &names) || names == NIL || list_length(names) > 3)
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is not a name of a model", name),
						errhint("Write model or schema.model; quote parts that are not lower-case "
								"identifiers, as in '\"My Shop\".recs'.")));
	names = lpg_qualified_name_list(name);
	return makeRangeVarFromNameList(names);
}

char *
lpg_registry_qualified_name(Oid relid)
{
	char *nspname = get_namespace_name(get_rel_namespace(relid));
	char *relname = get_rel_name(relid);

	if (nspname == NULL || relname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid)));
	return quote_qualified_identifier(nspname, relname);
}

Oid
lpg_registry_model_type(FunctionCallInfo fcinfo)
{
	Oid namespace_ = get_func_namespace(fcinfo->flinfo->fn_oid);
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("lepton_model"),
							   ObjectIdGetDatum(namespace_));

	if (!OidIsValid(type))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("type \"lepton_model\" is missing from the schema of extension \"lepton\"")));
	return type;
}

/* Is this relation a table OF lepton_model? */
static bool
is_model(Oid relid, Oid model_type)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_class) GETSTRUCT(tuple))->reloftype == model_type;
	ReleaseSysCache(tuple);
	return result;
}

static void
fail_not_a_model(Oid relid)
{
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("relation \"%s\" is not a lepton model", get_rel_name(relid)),
					errdetail("A model is a table of type lepton_model."),
					errhint("Choose another name for the model, or see lepton_models for those there are.")));
}

void
lpg_registry_fail_no_model(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("model \"%s\" does not exist", name),
					errhint("Train it with lepton_train('%s', source), or see lepton_models.", name)));
}

Oid
lpg_registry_find_unlocked(const char *name, Oid model_type)
{
	Oid relid = RangeVarGetRelid(lpg_registry_parse_name(name), NoLock, true);

	if (OidIsValid(relid) && !is_model(relid, model_type))
		fail_not_a_model(relid);
	return relid;
}

/* Before the lock: nobody waits for, or holds up, what she may not read. */
static void
check_readable(const RangeVar *rangevar, Oid relid, Oid old_relid, void *model_type)
{
	AclResult aclresult;

	if (!OidIsValid(relid) || relid == old_relid)
		return;
	if (!is_model(relid, *(Oid *) model_type))
		fail_not_a_model(relid);
	aclresult = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_TABLE, get_rel_name(relid));
}

Oid
lpg_registry_find(const char *name, Oid model_type)
{
	RangeVar *rangevar = lpg_registry_parse_name(name);
	Oid relid =
		RangeVarGetRelidExtended(rangevar, AccessShareLock, RVR_MISSING_OK, check_readable, &model_type);

	if (!OidIsValid(relid))
		lpg_registry_fail_no_model(name);
	/* rights may have gone while we waited for the lock */
	check_readable(rangevar, relid, InvalidOid, &model_type);
	return relid;
}

Oid
lpg_registry_lock_readable(const char *name, Oid model_type)
{
	Oid relid = RangeVarGetRelid(lpg_registry_parse_name(name), NoLock, true);

	if (!OidIsValid(relid) || !is_model(relid, model_type) ||
		pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		!ConditionalLockRelationOid(relid, AccessShareLock))
		return InvalidOid;
	/* it may have been dropped or changed before we had the lock */
	if (is_model(relid, model_type) && pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return relid;
	UnlockRelationOid(relid, AccessShareLock);
	return InvalidOid;
}

LpgTarget
lpg_registry_find_target(const char *name, Oid model_type)
{
	LpgTarget target;
	RangeVar *rangevar = lpg_registry_parse_name(name);

	target.model = lpg_registry_find_unlocked(name, model_type);
	if (OidIsValid(target.model))
	{
		target.namespace_ = get_rel_namespace(target.model);
		target.relname = get_rel_name(target.model);
		if (target.relname == NULL)
			lpg_registry_fail_no_model(name);
	}
	else
	{
		target.namespace_ = RangeVarGetCreationNamespace(rangevar);
		target.relname = rangevar->relname;
		if (isTempNamespace(target.namespace_))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("model \"%s\" cannot be temporary", name),
					 errhint("Name a schema that is not temporary.")));
	}
	return target;
}

/* ERROR unless the relation is a model: plain, permanent, of our type. */
static void
check_model(Relation model, Oid model_type)
{
	const char *name = RelationGetRelationName(model);

	if (model->rd_rel->reloftype != model_type)
		fail_not_a_model(RelationGetRelid(model));
	if (model->rd_rel->relkind != RELKIND_RELATION || model->rd_rel->relam != HEAP_TABLE_AM_OID)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("model \"%s\" is not a plain table", name)));
	if (model->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("model \"%s\" is a temporary table", name),
				 errhint("Train it under a name that is not temporary.")));
	if (model->rd_rel->relrowsecurity)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("row security is enabled on model \"%s\"", name),
						errdetail("A model is read as a whole or not at all."),
						errhint("Use GRANT and REVOKE on the model instead.")));
	if (RelationGetDescr(model)->natts < LPG_MODEL_NATTS)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("model \"%s\" has %d columns, but %d are needed", name,
							   RelationGetDescr(model)->natts, LPG_MODEL_NATTS),
						errhint("Run ALTER EXTENSION lepton UPDATE.")));
}

Relation
lpg_registry_open_model(Oid relid, Oid model_type, LOCKMODE lockmode)
{
	Relation model = try_relation_open(relid, lockmode);

	if (model == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the model was dropped meanwhile")));
	check_model(model, model_type);
	return model;
}

void
lpg_registry_check_owner(Oid model)
{
	if (!lpg_owns_relation(model, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(model));
}

/* "the table is damaged", for a reason. */
static void
fail_factors(Relation model, Relation table, const char *reason)
{
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("table \"%s\" cannot be written or read for model \"%s\"",
						   RelationGetRelationName(table), RelationGetRelationName(model)),
					errdetail("%s", reason),
					errhint("Train the model again under another name, and drop this one.")));
}

/* Names and types of the columns that a factor table must have. */
static void
check_columns(Relation model, Relation table, LpgSide side, LepIdKind *kind)
{
	int wrong = lpg_columns_find_wrong(table, side);

	if (wrong >= 0)
		fail_factors(model, table,
					 psprintf("Its column %d is not \"%s\" of the expected type.", wrong + 1,
							  lpg_columns_name(wrong, side)));
	(void) lpg_keytype_kind(TupleDescAttr(RelationGetDescr(table), LPG_FACTORS_ID - 1)->atttypid, kind);
}

/* Is the predicate what ours is, a column? */
static bool
is_plain_predicate(Relation index)
{
	List *predicate = RelationGetIndexPredicate(index);

	return predicate == NIL || (list_length(predicate) == 1 && IsA(linitial(predicate), Var));
}

/* Nothing on the table may run code of its owner's when it is written to. */
static void
check_no_code(Relation model, Relation table)
{
	List *indexes;
	ListCell *cell;

	if (table->trigdesc != NULL)
		fail_factors(model, table, "It has triggers.");
	if (table->rd_rel->relhasrules)
		fail_factors(model, table, "It has rules.");
	if (table->rd_rel->relrowsecurity)
		fail_factors(model, table, "Row security is enabled on it.");
	if (table->rd_att->constr != NULL &&
		(table->rd_att->constr->num_check > 0 || table->rd_att->constr->has_generated_stored))
		fail_factors(model, table, "It has CHECK constraints or generated columns.");

	indexes = RelationGetIndexList(table);
	foreach (cell, indexes)
	{
		Relation index = relation_open(lfirst_oid(cell), AccessShareLock);
		bool runs_code = RelationGetIndexExpressions(index) != NIL || !is_plain_predicate(index);

		relation_close(index, AccessShareLock);
		if (runs_code)
			fail_factors(model, table, "It has an index with an expression or a predicate.");
	}
	list_free(indexes);
}

void
lpg_registry_check_model_code(Relation model)
{
	check_no_code(model, model);
}

Oid
lpg_registry_recorded_model(Oid table)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	Oid model = InvalidOid;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 2, keys);
	while (!OidIsValid(model) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->refclassid == RelationRelationId && form->deptype == DEPENDENCY_AUTO)
			model = form->refobjid;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return model;
}

/*
 * Tables that were seen to be tied to a model, since each query asks for two: a
 * tie lasts as long as the table.  That a table is tied to none is not kept: the
 * next training ties it.
 */
#define N_TIES 16

typedef struct Tie
{
	Oid table; /* InvalidOid: none */
	Oid model;
} Tie;

static Tie ties[N_TIES];
static int next_tie = 0;

static bool
is_known_tie(Oid table, Oid model)
{
	for (int i = 0; i < N_TIES; i++)
	{
		if (ties[i].table == table && ties[i].model == model)
			return true;
	}
	return false;
}

void
lpg_registry_forget_tie(Oid relid)
{
	for (int i = 0; i < N_TIES; i++)
	{
		if (!OidIsValid(relid) || ties[i].table == relid || ties[i].model == relid)
			ties[i].table = InvalidOid;
	}
}

/*
 * Whoever may write into one model of an owner must not open his others with a
 * row of it: a table that a training has tied to another model is refused.  After
 * a restore none is tied, until the next training.
 */
static void
check_recorded_model(Relation model, Relation table)
{
	Oid recorded = lpg_registry_recorded_model(RelationGetRelid(table));

	if (OidIsValid(recorded) && recorded != RelationGetRelid(model))
		fail_factors(model, table, "It belongs to another model.");
	if (OidIsValid(recorded))
	{
		ties[next_tie] = (Tie){ RelationGetRelid(table), recorded };
		next_tie = (next_tie + 1) % N_TIES;
	}
}

void
lpg_registry_check_factors(Relation model, Relation table, LpgSide side, LepIdKind *kind)
{
	if (table->rd_rel->relkind != RELKIND_RELATION || table->rd_rel->relam != HEAP_TABLE_AM_OID ||
		table->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		fail_factors(model, table,
					 "It is not a plain table. A binary subscription brings OIDs of other tables.");
	if (table->rd_rel->relowner != model->rd_rel->relowner)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("table \"%s\" has another owner than model \"%s\"",
							   RelationGetRelationName(table), RelationGetRelationName(model)),
						errdetail("Factors are read with the rights of the model's owner."),
						errhint("Change the owner of all three tables with lepton_set_owner('%s', owner).",
								lpg_registry_qualified_name(RelationGetRelid(model)))));
	if (!is_known_tie(RelationGetRelid(table), RelationGetRelid(model)))
		check_recorded_model(model, table);
	check_columns(model, table, side, kind);
	check_no_code(model, table);
}

Relation
lpg_registry_open_factors(Relation model, const LpgVersion *version, LpgSide side, LOCKMODE lockmode,
						  LepIdKind *kind)
{
	Oid relid = side == LPG_USERS ? version->users : version->items;
	Relation table = try_relation_open(relid, lockmode);

	if (table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the %s table of model \"%s\" does not exist", side == LPG_USERS ? "users" : "items",
						RelationGetRelationName(model)),
				 errdetail("The version's row says that it has OID %u. A binary subscription brings the "
						   "publisher's OIDs.",
						   relid),
				 errhint("Drop the model with lepton_drop and train it again; after a binary "
						 "subscription, write the tables' names into the row.")));
	lpg_registry_check_factors(model, table, side, kind);
	return table;
}

void
lpg_registry_fail_version(const char *model, int64 number)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no version " INT64_FORMAT, model, number),
			 errhint("SELECT version, created_at, is_current FROM %s shows those that it has.", model)));
}

void
lpg_registry_fail_row(const char *model, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the row of a version in model \"%s\" is damaged", model),
			 errdetail("Its %s is missing or out of range.", what), errhint("Train the model again.")));
}

static void
fail_row(Relation model, const char *what)
{
	lpg_registry_fail_row(RelationGetRelationName(model), what);
}

/* A count from 0 to the most rows that a side can have. */
static int32
read_count(Relation model, const Datum *values, const bool *nulls, int attno, const char *what)
{
	int64 count = nulls[attno - 1] ? -1 : DatumGetInt64(values[attno - 1]);

	if (count < 0 || count > LEP_MAX_IDS)
		fail_row(model, what);
	return (int32) count;
}

/* A number of details -> 'serving' within limits. */
static double
read_serving(Relation model, Jsonb *details, const char *key, double min, double max)
{
	double value;

	if (!lpg_jsonread_number(details, "serving", key, &value) || !(value >= min && value <= max))
		fail_row(model, psprintf("details -> serving -> %s", key));
	return value;
}

/* Values and cuts of option point, median; none where it is mean or ratings have too many values. */
static void
read_levels(Relation model, Jsonb *details, LepLevels *levels)
{
	JsonbValue value;
	bool good;

	levels->n = 0;
	if (!lpg_jsonread_find(details, "serving", "levels", &value))
		return;
	good = lpg_jsonread_floats(&value, "value", LEP_MAX_LEVELS, levels->value, &levels->n);
	if (good && levels->n > 0)
	{
		int n_cuts;

		good = lpg_jsonread_floats(&value, "cut", LEP_MAX_LEVELS - 1, levels->cut, &n_cuts) &&
			   n_cuts == levels->n - 1;
	}
	for (int l = 1; good && l < levels->n; l++)
		good = levels->value[l - 1] < levels->value[l] && (l < 2 || levels->cut[l - 2] <= levels->cut[l - 1]);
	if (!good)
		fail_row(model, "details -> serving -> levels");
}

/*
 * What was read last of details -> 'serving', by the bytes that the details are
 * stored as: a few kB, compressed, or where they are stored; a value that is
 * stored by itself never changes, and a new one gets a new number.  Details with
 * bins of time are some 20 kB, and would else be fetched and decompressed by each
 * query that asks for one prediction, at more than the cost of all the rest.
 */
#define N_REMEMBERED   8
#define MAX_REMEMBERED BLCKSZ

/* Entries of all items together: far more than any memory holds. */
#define LPG_MAX_NEIGHBORS (INT64CONST(1) << 48)

typedef struct Remembered
{
	char *bytes; /* NULL: nothing */
	Size n_bytes;
	LpgVersion serving; /* with the fields of 'serving' */
} Remembered;

static Remembered remembered[N_REMEMBERED];
static int next_remembered = 0;

/* The entry of details that are stored like this, or NULL. */
static const Remembered *
find_remembered(const char *bytes, Size n_bytes)
{
	for (int i = 0; i < N_REMEMBERED; i++)
	{
		if (remembered[i].bytes != NULL && remembered[i].n_bytes == n_bytes &&
			memcmp(remembered[i].bytes, bytes, n_bytes) == 0)
			return &remembered[i];
	}
	return NULL;
}

static void
remember(const char *bytes, Size n_bytes, const LpgVersion *serving)
{
	Remembered *place = &remembered[next_remembered];
	char *copy = MemoryContextAlloc(TopMemoryContext, n_bytes);

	memcpy(copy, bytes, n_bytes);
	if (place->bytes != NULL)
		pfree(place->bytes);
	place->bytes = copy;
	place->n_bytes = n_bytes;
	place->serving = *serving;
	next_remembered = (next_remembered + 1) % N_REMEMBERED;
}

/* How many item neighbours there are in all; absent where there can be none. */
static void
read_neighbors(Relation model, Jsonb *details, LpgVersion *version)
{
	JsonbValue value;

	version->has_neighbors = lpg_jsonread_find(details, "serving", "n_neighbors", &value);
	version->n_neighbors = 0;
	if (version->has_neighbors && (!lpg_jsonread_int64(&value, &version->n_neighbors) ||
								   version->n_neighbors < 0 || version->n_neighbors > LPG_MAX_NEIGHBORS))
		fail_row(model, "details -> serving -> n_neighbors");
}

/* A boolean of details -> 'serving'; false where it is not there. */
static bool
read_flag(Relation model, Jsonb *details, const char *key)
{
	JsonbValue value;

	if (!lpg_jsonread_find(details, "serving", key, &value))
		return false;
	if (value.type != jbvBool)
		fail_row(model, psprintf("details -> serving -> %s", key));
	return value.val.boolean;
}

static void
read_serving_part(Relation model, Datum datum, LpgVersion *version)
{
	Jsonb *details = DatumGetJsonbP(datum);

	version->n_factors = (int) read_serving(model, details, "n_factors", 0, LEP_MAX_FACTORS);
	version->implicit = read_flag(model, details, "implicit");
	version->live = read_flag(model, details, "live");
	version->is_eligible = read_flag(model, details, "eligible");
	read_neighbors(model, details, version);
	version->mean = read_serving(model, details, "mean", -LEP_MAX_NORM, LEP_MAX_NORM);
	version->min_score = (float) read_serving(model, details, "min", -FLT_MAX, FLT_MAX);
	version->max_score = (float) read_serving(model, details, "max", -FLT_MAX, FLT_MAX);
	version->unknown = (LepUnknown) read_serving(model, details, "unknown", 0, LEP_UNKNOWN_ERROR);
	version->exclude_seen = read_serving(model, details, "exclude_seen", 0, 1) != 0;
	read_levels(model, details, &version->levels);
}

/* The same, remembered; other fields of version are void. */
static void
recall_serving_part(Relation model, Datum datum, LpgVersion *version)
{
	const char *bytes = DatumGetPointer(datum);
	Size n_bytes = VARSIZE_ANY(bytes);
	const Remembered *known = find_remembered(bytes, n_bytes);

	if (known != NULL)
	{
		*version = known->serving;
		return;
	}
	read_serving_part(model, datum, version);
	/* a document that is not from a table, as where one is imported, can have any size */
	if (n_bytes <= MAX_REMEMBERED)
		remember(bytes, n_bytes, version);
}

void
lpg_registry_read_version(Relation model, const Datum *values, const bool *nulls, LpgVersion *version)
{
	if (nulls[LPG_MODEL_VERSION - 1] || nulls[LPG_MODEL_USERS - 1] || nulls[LPG_MODEL_ITEMS - 1] ||
		nulls[LPG_MODEL_GENERATION - 1] || nulls[LPG_MODEL_DETAILS - 1])
		fail_row(model, "version, users, items, generation or details");
	recall_serving_part(model, values[LPG_MODEL_DETAILS - 1], version);
	version->version = DatumGetInt64(values[LPG_MODEL_VERSION - 1]);
	version->generation = DatumGetInt64(values[LPG_MODEL_GENERATION - 1]);
	version->users = DatumGetObjectId(values[LPG_MODEL_USERS - 1]);
	version->items = DatumGetObjectId(values[LPG_MODEL_ITEMS - 1]);
	version->n_users = read_count(model, values, nulls, LPG_MODEL_N_USERS, "n_users");
	version->n_items = read_count(model, values, nulls, LPG_MODEL_N_ITEMS, "n_items");
}

/* Is this row the version of that number, or for 0 the current one? */
static bool
is_wanted(const TupleTableSlot *slot, int64 number)
{
	int attno = number == 0 ? LPG_MODEL_IS_CURRENT : LPG_MODEL_VERSION;

	if (slot->tts_isnull[attno - 1])
		return false;
	return number == 0 ? DatumGetBool(slot->tts_values[attno - 1])
					   : DatumGetInt64(slot->tts_values[attno - 1]) == number;
}

static bool
find_version(Relation model, Snapshot snapshot, int64 number, LpgVersion *version)
{
	TupleTableSlot *slot = table_slot_create(model, NULL);
	TableScanDesc scan = lpg_table_beginscan(model, snapshot, 0, NULL);
	bool found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		slot_getsomeattrs(slot, LPG_MODEL_NATTS);
		found = is_wanted(slot, number);
		if (found)
			lpg_registry_read_version(model, slot->tts_values, slot->tts_isnull, version);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

bool
lpg_registry_current(Relation model, Snapshot snapshot, LpgVersion *version)
{
	return find_version(model, snapshot, 0, version);
}

bool
lpg_registry_find_version(Relation model, Snapshot snapshot, int64 number, LpgVersion *version)
{
	/* no version has a number below 1, and 0 would be the current one */
	return number > 0 && find_version(model, snapshot, number, version);
}

Jsonb *
lpg_registry_details(Relation model, Snapshot snapshot, int64 version)
{
	TupleTableSlot *slot = table_slot_create(model, NULL);
	TableScanDesc scan = lpg_table_beginscan(model, snapshot, 0, NULL);
	Jsonb *details = NULL;

	while (details == NULL && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		slot_getsomeattrs(slot, LPG_MODEL_NATTS);
		if (!slot->tts_isnull[LPG_MODEL_VERSION - 1] && !slot->tts_isnull[LPG_MODEL_DETAILS - 1] &&
			DatumGetInt64(slot->tts_values[LPG_MODEL_VERSION - 1]) == version)
			details = DatumGetJsonbPCopy(slot->tts_values[LPG_MODEL_DETAILS - 1]);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return details;
}

/* "lept": sets our locks apart from others of the kind. */
#define LOCK_CLASS 0x6C65

/* Lock the name while the model is not there, the table when it is. */
static void
set_lock_tag(LOCKTAG *tag, const LpgTarget *target)
{
	uint32 object = target->model;
	uint32 name = 0;

	if (!OidIsValid(target->model))
	{
		object = target->namespace_;
		name =
			DatumGetUInt32(hash_any((const unsigned char *) target->relname, (int) strlen(target->relname)));
		if (name == 0)
			name = 1;
	}
	memset(tag, 0, sizeof(*tag));
	tag->locktag_field1 = MyDatabaseId;
	tag->locktag_field2 = object;
	tag->locktag_field3 = name;
	tag->locktag_field4 = LOCK_CLASS;
	tag->locktag_type = LOCKTAG_USERLOCK;
	tag->locktag_lockmethodid = USER_LOCKMETHOD;
}

void
lpg_registry_fail_training(const LpgTarget *target)
{
	ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					errmsg("model \"%s\" is being trained by another session", target->relname),
					errhint("Try again later, or set option \"wait\" to true.")));
}

void
lpg_registry_lock_training(const LpgTarget *target, bool wait)
{
	LOCKTAG tag;

	set_lock_tag(&tag, target);
	if (LockAcquire(&tag, ExclusiveLock, false, !wait) == LOCKACQUIRE_NOT_AVAIL)
		lpg_registry_fail_training(target);

	/* whoever held the lock may have made the model: no stale name must hide it */
	AcceptInvalidationMessages();
}

bool
lpg_registry_lock_session(const LpgTarget *target, bool wait)
{
	LOCKTAG tag;

	set_lock_tag(&tag, target);
	if (LockAcquire(&tag, ExclusiveLock, true, !wait) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	AcceptInvalidationMessages();
	return true;
}

void
lpg_registry_unlock_session(const LpgTarget *target)
{
	LOCKTAG tag;

	set_lock_tag(&tag, target);
	if (lpg_holds_lock(&tag, ExclusiveLock))
		(void) LockRelease(&tag, ExclusiveLock, true);
}

/*
 * transfer.c
 *		lepton_export(model) and lepton_import(name, value): a named model as one
 *		value and back, with the same bits; lepton_info(value).
 *
 * A value says nothing of where its ratings came from: the source's text belongs to
 * the database that it was trained in, and nobody should run what came with a value.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/folding.h"
#include "pg/handle.h"
#include "pg/interval.h"
#include "pg/jsonread.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"
#include "pg/publish.h"
#include "pg/statement.h"
#include "pg/times.h"
#include "pg/value.h"

/* -------------------------------------------------------------------- documents */

/* What a reader of details -> 'serving' needs, whatever database it is in. */
static const char *const serving_keys[] = { "implicit", "n_factors", "n_neighbors",	 "mean",   "min",
											"max",		"unknown",	 "exclude_seen", "levels", NULL };

/* And of details: numbers about the training and for serving. */
static const char *const detail_keys[] = {
	"rows",		"feedback", "duplicates", "options",   "epochs",  "refitted",		 "retries",
	"trials",	"curve",	"seconds",	  "kernel",	   "threads", "memory_estimate", "memory_peak",
	"interval", "times",	"foldin",	  "forgotten", NULL
};

static JsonbValue
text_value(const char *text)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = (int) strlen(text);
	return value;
}

/* The members of an object that have these keys. */
static void
push_members(LpgJsonbState *state, JsonbContainer *object, const char *const *keys)
{
	for (int i = 0; keys[i] != NULL; i++)
	{
		JsonbValue found;
		JsonbValue key = text_value(keys[i]);

		if (getKeyJsonValueFromContainer(object, keys[i], (int) strlen(keys[i]), &found) == NULL)
			continue;
		lpg_push_jsonb(state, WJB_KEY, &key);
		lpg_push_jsonb(state, WJB_VALUE, &found);
	}
}

/*
 * Details as they go with a value.  What a version is to its model and its database
 * stays there (pinned, published or not, where live rows are read and under which
 * search_path): a value is from anybody, and nothing that came with it is ever run.
 */
static Jsonb *
portable_details(Jsonb *details)
{
	LpgJsonbState state;
	JsonbValue serving;
	JsonbValue key = text_value("serving");

	memset(&state, 0, sizeof(state));
	lpg_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
	if (JB_ROOT_IS_OBJECT(details))
	{
		push_members(&state, &details->root, detail_keys);
		if (lpg_jsonread_member(details, "serving", &serving) && serving.type == jbvBinary &&
			JsonContainerIsObject(serving.val.binary.data))
		{
			lpg_push_jsonb(&state, WJB_KEY, &key);
			lpg_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
			push_members(&state, serving.val.binary.data, serving_keys);
			lpg_push_jsonb(&state, WJB_END_OBJECT, NULL);
		}
	}
	lpg_push_jsonb(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(state.result);
}

/* --------------------------------------------------------------- lepton_export() */

/* One export. */
typedef struct Export
{
	LpgHandle *handle;
	LepModelHead head;
	LepModelWriter writer;
	LpgSide side; /* whose rows are visited */
	Relation table;
	bool has_precision;		   /* the head's is that of a row */
	MemoryContext row_context; /* reset by each row */
} Export;

static void
fail_size(const Export *e, Size size)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("model \"%s\" would take %zu MB as a value, but one can have %zu MB", e->handle->name,
					size / (1024 * 1024), LPG_MAX_VALUE_BYTES / (1024 * 1024)),
			 errdetail("Larger ones cannot be dumped."),
			 errhint("Train it with option \"storage\" set to float16 or int8, or with fewer factors.")));
}

static void
fail_rows(const Export *e, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("table \"%s\" does not hold version " INT64_FORMAT " as it was trained",
						   RelationGetRelationName(e->table), e->handle->version.version),
					errdetail("%s", detail), errhint("Run lepton_check on the model, and train it again.")));
}

/* The precision that the model's options name; float32 where they name none. */
static LepPrecision
named_precision(Jsonb *details)
{
	const char *const *words = lep_option(lep_option_find("storage"))->words;
	JsonbValue value;

	if (!lpg_jsonread_find(details, "options", "storage", &value) || value.type != jbvString)
		return LEP_PRECISION_FLOAT32;
	for (int p = 0; words[p] != NULL; p++)
	{
		if (strlen(words[p]) == (Size) value.val.string.len &&
			memcmp(words[p], value.val.string.val, value.val.string.len) == 0)
			return (LepPrecision) p;
	}
	return LEP_PRECISION_FLOAT32;
}

static void
put_document(Export *e, LepModelDocument document, char *text)
{
	e->head.document[document] = text;
	e->head.document_bytes[document] = strlen(text);
}

static void
put_json(Export *e, LepModelDocument document, const Datum *values, const bool *nulls, int attno)
{
	Jsonb *json;

	if (nulls[attno - 1])
		return;
	json = DatumGetJsonbP(values[attno - 1]);
	if (document == LEP_DOCUMENT_DETAILS)
		json = portable_details(json);
	put_document(e, document, JsonbToCString(NULL, &json->root, (int) VARSIZE(json)));
}

/* The model's row. */
static void
read_model_row(void *arg, TupleTableSlot *slot)
{
	Export *e = arg;
	const Datum *values = slot->tts_values;
	const bool *nulls = slot->tts_isnull;

	slot_getallattrs(slot);
	if (!nulls[LPG_MODEL_ALGORITHM - 1])
		put_document(e, LEP_DOCUMENT_ALGORITHM, TextDatumGetCString(values[LPG_MODEL_ALGORITHM - 1]));
	put_json(e, LEP_DOCUMENT_OPTIONS, values, nulls, LPG_MODEL_OPTIONS);
	put_json(e, LEP_DOCUMENT_METRICS, values, nulls, LPG_MODEL_METRICS);
	put_json(e, LEP_DOCUMENT_DETAILS, values, nulls, LPG_MODEL_DETAILS);
	if (!nulls[LPG_MODEL_N_RATINGS - 1])
		e->head.n_ratings = Max(DatumGetInt64(values[LPG_MODEL_N_RATINGS - 1]), 0);
	if (!nulls[LPG_MODEL_CREATED_AT - 1])
		e->head.created_at = DatumGetTimestampTz(values[LPG_MODEL_CREATED_AT - 1]);
}

/* All of the head but how much there is. */
static void
fill_head(Export *e)
{
	const LpgVersion *version = &e->handle->version;
	Relation model = table_open(e->handle->model, NoLock);
	LepModelHead *head = &e->head;

	head->created_at = LEP_NO_INSTANT;
	lpg_store_scan(model, version->version, GetActiveSnapshot(), read_model_row, e);
	table_close(model, NoLock);
	head->kind[LEP_SIDE_USERS] = e->handle->sides[LPG_USERS].kind;
	head->kind[LEP_SIDE_ITEMS] = e->handle->sides[LPG_ITEMS].kind;
	head->precision = named_precision(lpg_handle_details(e->handle));
	head->n_factors = version->n_factors;
	head->implicit = version->implicit;
	head->exclude_seen = version->exclude_seen;
	head->has_neighbors = version->has_neighbors;
	head->n_neighbors = version->n_neighbors;
	head->unknown = version->unknown;
	head->mean = version->mean;
	head->min_score = version->min_score;
	head->max_score = version->max_score;
	head->levels = version->levels;
	head->n_users = version->n_users;
	head->encoding = (uint8) GetDatabaseEncoding();
}

/* Before any row is read. */
static void
check_least_size(const Export *e)
{
	const LpgVersion *version = &e->handle->version;
	Size least = lep_modelbytes_least(version->n_users, version->n_items, e->head.n_ratings,
									  version->n_factors, e->head.precision);

	if (least > LPG_MAX_VALUE_BYTES)
		fail_size(e, least);
}

/* A column of bytes, or NULL. */
static bytea *
get_bytes(const TupleTableSlot *slot, AttrNumber attno)
{
	return slot->tts_isnull[attno - 1] ? NULL : DatumGetByteaPP(slot->tts_values[attno - 1]);
}

/* All rows have one precision: byte 5 of factors and of neighbours says which. */
static void
take_precision(Export *e, const bytea *bytes)
{
	const uint8_t *data = (const uint8_t *) VARDATA_ANY(bytes);

	if (VARSIZE_ANY_EXHDR(bytes) < 6 || data[5] < 1 || data[5] > LEP_N_PRECISIONS)
		fail_rows(e, "The first row has bytes of a precision that is not known.");
	e->head.precision = (LepPrecision) (data[5] - 1);
	e->has_precision = true;
}

static size_t
bytes_of(const TupleTableSlot *slot, AttrNumber attno)
{
	return toast_raw_datum_size(slot->tts_values[attno - 1]) - VARHDRSZ;
}

/* What the row adds to the size; of the first one, the precision. */
static void
measure_row(void *arg, TupleTableSlot *slot)
{
	Export *e = arg;
	LepModelHead *head = &e->head;
	bool has_extra = e->side == LPG_USERS || head->has_neighbors;
	const bytea *bytes;

	slot_getsomeattrs(slot, LPG_FACTORS_NATTS);
	head->n_rows[e->side]++;
	if (head->kind[e->side] == LEP_ID_TEXT)
		head->text_bytes[e->side] += bytes_of(slot, LPG_FACTORS_ID);
	head->has_variances |= !slot->tts_isnull[LPG_FACTORS_VARIANCE - 1];
	if (has_extra)
		head->extra_bytes[e->side] += slot->tts_isnull[LPG_FACTORS_EXTRA - 1]
										  ? lep_seen_size(NULL, 0)
										  : bytes_of(slot, LPG_FACTORS_EXTRA);
	if (e->has_precision)
		return;
	bytes = head->n_factors > 0 ? get_bytes(slot, LPG_FACTORS_FACTORS) : NULL;
	if (bytes == NULL && e->side == LPG_ITEMS && has_extra)
		bytes = get_bytes(slot, LPG_FACTORS_EXTRA);
	if (bytes != NULL)
		take_precision(e, bytes);
}

/* The factors of a row, as the head says. */
static const uint8_t *
get_factors(const Export *e, const TupleTableSlot *slot)
{
	const bytea *bytes = get_bytes(slot, LPG_FACTORS_FACTORS);

	if (bytes == NULL ||
		VARSIZE_ANY_EXHDR(bytes) != lep_factors_size_as(e->head.precision, e->head.n_factors) ||
		((const uint8_t *) VARDATA_ANY(bytes))[5] != e->head.precision + 1)
		fail_rows(e, "Factors are missing, or their number or precision is not that of the others.");
	return (const uint8_t *) VARDATA_ANY(bytes);
}

/* Her items, or the item's neighbours; whoever has no list of them has an empty one. */
static void
get_extra(const Export *e, const TupleTableSlot *slot, uint8_t *empty, LepModelRow *row)
{
	const bytea *bytes = get_bytes(slot, LPG_FACTORS_EXTRA);

	if (bytes == NULL && e->side == LPG_ITEMS)
		fail_rows(e, "Neighbors are missing.");
	row->extra = bytes == NULL ? empty : (const uint8_t *) VARDATA_ANY(bytes);
	row->extra_bytes = bytes == NULL ? lep_seen_encode(NULL, 0, empty) : VARSIZE_ANY_EXHDR(bytes);
}

/* What is in it is checked afterwards, all at once. */
static void
put_row(Export *e, TupleTableSlot *slot)
{
	LepModelRow row = { 0 };
	uint8_t empty[16];

	slot_getsomeattrs(slot, LPG_FACTORS_NATTS);
	if (slot->tts_isnull[LPG_FACTORS_N - 1] || slot->tts_isnull[LPG_FACTORS_N_RATINGS - 1] ||
		slot->tts_isnull[LPG_FACTORS_BIAS - 1])
		fail_rows(e, "A number is NULL.");
	/* others refer to items by their numbers */
	if (e->side == LPG_ITEMS &&
		DatumGetInt32(slot->tts_values[LPG_FACTORS_N - 1]) != e->writer.n_put[LPG_ITEMS])
		fail_rows(e, "Item numbers are not in the order of ids.");
	row.id = lpg_store_read_id(slot, e->head.kind[e->side]);
	row.n_ratings = Max(DatumGetInt32(slot->tts_values[LPG_FACTORS_N_RATINGS - 1]), 0);
	row.bias = DatumGetFloat4(slot->tts_values[LPG_FACTORS_BIAS - 1]);
	if (!slot->tts_isnull[LPG_FACTORS_VARIANCE - 1])
		row.variance = DatumGetFloat4(slot->tts_values[LPG_FACTORS_VARIANCE - 1]);
	if (e->head.n_factors > 0)
		row.factors = get_factors(e, slot);
	if (e->side == LPG_USERS || e->head.has_neighbors)
		get_extra(e, slot, empty, &row);
	if (!lep_modelbytes_put(&e->writer, (LepModelSide) e->side, &row))
		fail_rows(e, "Its rows are not those that were counted.");
}

static void
visit_row(void *arg, TupleTableSlot *slot)
{
	Export *e = arg;
	MemoryContext old = MemoryContextSwitchTo(e->row_context);

	put_row(e, slot);
	MemoryContextSwitchTo(old);
	MemoryContextReset(e->row_context);
}

typedef void (*Scan_side)(Relation table, int64 version, Snapshot snapshot, LpgRowVisitor visit, void *arg);

static void
scan_sides(Export *e, Scan_side scan, LpgRowVisitor visit)
{
	for (int side = LPG_USERS; side <= LPG_ITEMS; side++)
	{
		e->side = (LpgSide) side;
		e->table = table_open(e->handle->sides[side].table, NoLock);
		scan(e->table, e->handle->version.version, GetActiveSnapshot(), visit, e);
		table_close(e->table, NoLock);
	}
}

/* Nothing is exported that would be refused when it is read. */
static void
verify(const bytea *bytes)
{
	LepModelBytes model;
	LepEnv env;
	LepStatus status;

	lpg_env_init(&env, CurrentMemoryContext);
	status =
		lep_modelbytes_open((const uint8_t *) VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, &model, &env.error);
	if (status == LEP_OK)
		status = lep_modelbytes_verify(&env, &model);
	if (status != LEP_OK)
		lpg_value_fail(&env.error);
}

static bytea *
export_model(Export *e)
{
	Size size;
	bytea *bytes;

	fill_head(e);
	check_least_size(e);
	scan_sides(e, lpg_store_scan, measure_row);
	if (e->head.n_rows[LEP_SIDE_ITEMS] != e->handle->version.n_items)
		fail_rows(e, psprintf("It has %d items of %d.", e->head.n_rows[LEP_SIDE_ITEMS],
							  e->handle->version.n_items));
	size = lep_modelbytes_size(&e->head);
	if (size > LPG_MAX_VALUE_BYTES)
		fail_size(e, size);
	bytes = palloc(VARHDRSZ + size);
	SET_VARSIZE(bytes, VARHDRSZ + size);
	lep_modelbytes_begin(&e->writer, &e->head, (uint8_t *) VARDATA(bytes));
	scan_sides(e, lpg_store_scan_by_id, visit_row);
	if (!lep_modelbytes_end(&e->writer))
		fail_rows(e, "Its rows are not those that were counted.");
	verify(bytes);
	return bytes;
}

PG_FUNCTION_INFO_V1(lepton_export);

/*
 * lepton_export(model text, version bigint) -> bytea
 *		The version, or the current one, as one value.  ERROR over 256 MB.
 */
Datum
lepton_export(PG_FUNCTION_ARGS)
{
	Export *e = palloc0(sizeof(Export));

	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = lpg_handle_create(fcinfo);
	e->handle = fcinfo->flinfo->fn_extra;
	(void) lpg_handle_refresh(e->handle, fcinfo);
	e->row_context = AllocSetContextCreate(CurrentMemoryContext, "lepton export row", ALLOCSET_DEFAULT_SIZES);
	PG_RETURN_BYTEA_P(export_model(e));
}

/* --------------------------------------------------------------- lepton_import() */

/* One import. */
typedef struct Import
{
	char *name;
	LpgValue *value;
	Jsonb *details;
	LpgPublication publication;
} Import;

static bytea *
copy_bytes(const uint8_t *bytes, size_t len)
{
	bytea *copy = palloc_extended(VARHDRSZ + len, MCXT_ALLOC_HUGE);

	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), bytes, len);
	return copy;
}

/* A row of the value as one of a factor table; how large it is, about. */
static Size
fill_row(const LepModelBytes *bytes, LpgSide side, int32 n, Datum *values, bool *nulls)
{
	const LepModelHead *head = &bytes->head;
	LepModelRow row;
	LepError error;

	if (lep_modelbytes_row(bytes, (LepModelSide) side, n, &row, &error) != LEP_OK)
		lpg_value_fail(&error);
	values[LPG_FACTORS_ID - 1] = lpg_keytype_to_datum(&row.id, head->kind[side]);
	values[LPG_FACTORS_N - 1] = Int32GetDatum(n);
	values[LPG_FACTORS_N_RATINGS - 1] = Int32GetDatum(row.n_ratings);
	values[LPG_FACTORS_BIAS - 1] = Float4GetDatum(row.bias);
	values[LPG_FACTORS_VARIANCE - 1] = Float4GetDatum(row.variance);
	memset(nulls, false, LPG_FACTORS_BIAS * sizeof(bool));
	nulls[LPG_FACTORS_VARIANCE - 1] = !head->has_variances;
	nulls[LPG_FACTORS_FACTORS - 1] = head->n_factors == 0;
	if (head->n_factors > 0)
		values[LPG_FACTORS_FACTORS - 1] =
			PointerGetDatum(copy_bytes(row.factors, bytes->side[side].factors_bytes));
	nulls[LPG_FACTORS_EXTRA - 1] = row.extra == NULL;
	if (row.extra != NULL)
		values[LPG_FACTORS_EXTRA - 1] = PointerGetDatum(copy_bytes(row.extra, row.extra_bytes));
	return 64 + bytes->side[side].factors_bytes + row.extra_bytes;
}

/* An LpgWriteSide. */
static void
write_value_side(void *arg, Relation table, int64 version, LpgSide side)
{
	const LepModelBytes *bytes = arg;
	LpgWriter *writer = lpg_store_writer_begin(table);
	MemoryContext context = lpg_store_writer_context(writer);

	for (int32 n = 0; n < bytes->side[side].n; n++)
	{
		bool *nulls;
		Datum *values = lpg_store_writer_values(writer, &nulls);
		MemoryContext old = MemoryContextSwitchTo(context);
		Size size = fill_row(bytes, side, n, values, nulls);

		values[LPG_FACTORS_VERSION - 1] = Int64GetDatum(version);
		MemoryContextSwitchTo(old);
		lpg_store_writer_put(writer, size);
	}
	lpg_store_writer_end(writer);
}

/* Everything in it, before anything is written. */
static void
verify_value(const LpgValue *value)
{
	LepEnv env;
	LepStatus status;

	lpg_env_init(&env, CurrentMemoryContext);
	status = lep_modelbytes_verify(&env, lpg_value_bytes(value));
	if (status == LEP_ERR_MEMORY || status == LEP_ERR_STOPPED)
		lpg_error(&env.error);
	else if (status != LEP_OK)
		lpg_value_fail(&env.error);
	lpg_value_check_texts(value);
}

/* How many versions are kept: by the options of the value, or the default. */
static int64
read_keep(Jsonb *options)
{
	int row = lep_option_find("keep");
	JsonbValue value;
	int64 keep;

	if (options != NULL && lpg_jsonread_member(options, "keep", &value) &&
		lpg_jsonread_int64(&value, &keep) && keep >= (int64) lep_option(row)->min &&
		keep <= (int64) lep_option(row)->max)
		return keep;
	return (int64) lep_option(row)->standard;
}

static void
fill_publication(Import *import)
{
	const LepModelHead *head = &lpg_value_bytes(import->value)->head;
	LpgPublication *p = &import->publication;
	Jsonb *options = lpg_value_json(import->value, LEP_DOCUMENT_OPTIONS);
	Jsonb *metrics = lpg_value_json(import->value, LEP_DOCUMENT_METRICS);
	char *algorithm = lpg_value_text(import->value, LEP_DOCUMENT_ALGORITHM);
	Datum empty = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));

	p->options = options != NULL ? JsonbPGetDatum(options) : empty;
	p->metrics = metrics != NULL ? JsonbPGetDatum(metrics) : empty;
	p->keep = read_keep(options);
	p->write_side = write_value_side;
	p->write_arg = unconstify(LepModelBytes *, lpg_value_bytes(import->value));
	p->contents = (LpgContents){ .kinds = { head->kind[LEP_SIDE_USERS], head->kind[LEP_SIDE_ITEMS] },
								 .algorithm = algorithm != NULL ? algorithm : "",
								 .n_users = head->n_users,
								 .n_items = head->n_rows[LEP_SIDE_ITEMS],
								 .n_ratings = head->n_ratings };
	if (!lpg_value_created_at(import->value, &p->contents.created_at))
		p->contents.created_at = GetCurrentTimestamp();
	import->details = lpg_value_json(import->value, LEP_DOCUMENT_DETAILS);
	if (import->details == NULL)
		lpg_registry_fail_row(import->name, "details");
	import->details = portable_details(import->details);
}

/* Does the row that will be read from now on say what the value's head says? */
static void
check_row(const Import *import, const Datum *values, const bool *nulls)
{
	Relation model = table_open(import->publication.target.model, NoLock);
	LpgVersion row;
	LpgVersion head;

	lpg_registry_read_version(model, values, nulls, &row);
	table_close(model, NoLock);
	lpg_value_version(import->value, &head);
	if (row.implicit != head.implicit || row.n_factors != head.n_factors ||
		row.has_neighbors != head.has_neighbors || row.n_neighbors != head.n_neighbors ||
		row.mean != head.mean || row.min_score != head.min_score || row.max_score != head.max_score ||
		row.unknown != head.unknown || row.exclude_seen != head.exclude_seen ||
		row.levels.n != head.levels.n ||
		memcmp(row.levels.value, head.levels.value, head.levels.n * sizeof(float)) != 0 ||
		(head.levels.n > 1 &&
		 memcmp(row.levels.cut, head.levels.cut, (head.levels.n - 1) * sizeof(float)) != 0))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("bytes in \"model\" are damaged"),
						errdetail("Their head and their details say different things of the model.")));
	/* what is read only when it is asked for */
	(void) lpg_interval_read(import->details, import->name, CurrentMemoryContext);
	(void) lpg_times_read(import->details, import->name, row.n_factors, CurrentMemoryContext);
	lpg_folding_check(import->details, import->name, &row);
}

static void
lock_name(Import *import)
{
	LpgPublication *p = &import->publication;

	lpg_publish_lock(p, import->name, true);
	if (OidIsValid(p->target.model))
		lpg_publish_check_kinds(p->target.model, p->model_type, p->contents.kinds[LPG_USERS],
								p->contents.kinds[LPG_ITEMS]);
}

/* Attributes of the result, lepton_model, all NULL; the type may have grown more. */
static TupleDesc
init_row(FunctionCallInfo fcinfo, Datum **values, bool **nulls)
{
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts < LPG_MODEL_NATTS)
		elog(ERROR, "function is declared with another result than lepton_model");
	*values = palloc0(desc->natts * sizeof(Datum));
	*nulls = palloc(desc->natts * sizeof(bool));
	memset(*nulls, true, desc->natts * sizeof(bool));
	return BlessTupleDesc(desc);
}

PG_FUNCTION_INFO_V1(lepton_import);

/*
 * lepton_import(name text, model bytea) -> lepton_model
 *		The value as the new and current version of the model of that name; its row.
 *		Rights and locks are those of a training.
 */
Datum
lepton_import(PG_FUNCTION_ARGS)
{
	Import *import = palloc0(sizeof(Import));
	TupleDesc desc;
	Datum *values;
	bool *nulls;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model's name is NULL")));
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model is NULL")));
	lpg_statement_prevent_read_only("lepton_import()");
	desc = init_row(fcinfo, &values, &nulls);
	import->name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	import->publication.model_type = lpg_registry_model_type(fcinfo);
	import->value = lpg_value_open(fcinfo, 1, CurrentMemoryContext);
	verify_value(import->value);
	fill_publication(import);

	lock_name(import);
	lpg_publish_factors(&import->publication, values, nulls);
	values[LPG_MODEL_DETAILS - 1] = JsonbPGetDatum(import->details);
	check_row(import, values, nulls);
	lpg_publish_version(&import->publication, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* ----------------------------------------------------------------- lepton_info() */

static void
put_value(Datum *values, bool *nulls, int attno, Datum value)
{
	values[attno - 1] = value;
	nulls[attno - 1] = false;
}

static void
put_value_json(Datum *values, bool *nulls, int attno, const Jsonb *json)
{
	if (json != NULL)
		put_value(values, nulls, attno, JsonbPGetDatum(json));
}

PG_FUNCTION_INFO_V1(lepton_info_value);

/*
 * lepton_info(model bytea) -> lepton_model
 *		What its row would say; NULL what only a named model has, or the value does not
 *		say.
 */
Datum
lepton_info_value(PG_FUNCTION_ARGS)
{
	TupleDesc desc;
	Datum *values;
	bool *nulls;
	LpgValue *value;
	const LepModelHead *head;
	TimestampTz created_at;
	char *algorithm;

	desc = init_row(fcinfo, &values, &nulls);
	value = lpg_value_open(fcinfo, 0, CurrentMemoryContext);
	head = &lpg_value_bytes(value)->head;
	algorithm = lpg_value_text(value, LEP_DOCUMENT_ALGORITHM);
	if (algorithm != NULL)
		put_value(values, nulls, LPG_MODEL_ALGORITHM, CStringGetTextDatum(algorithm));
	if (lpg_value_created_at(value, &created_at))
		put_value(values, nulls, LPG_MODEL_CREATED_AT, TimestampTzGetDatum(created_at));
	put_value(values, nulls, LPG_MODEL_N_USERS, Int64GetDatum(head->n_users));
	put_value(values, nulls, LPG_MODEL_N_ITEMS, Int64GetDatum(head->n_rows[LEP_SIDE_ITEMS]));
	put_value(values, nulls, LPG_MODEL_N_RATINGS, Int64GetDatum(head->n_ratings));
	put_value_json(values, nulls, LPG_MODEL_OPTIONS, lpg_value_json(value, LEP_DOCUMENT_OPTIONS));
	put_value_json(values, nulls, LPG_MODEL_METRICS, lpg_value_json(value, LEP_DOCUMENT_METRICS));
	put_value_json(values, nulls, LPG_MODEL_DETAILS, lpg_value_json(value, LEP_DOCUMENT_DETAILS));
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

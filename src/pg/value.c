/*
 * value.c
 *		Models of type bytea: opened, recognised, read.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/kernels.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/pgenv.h"
#include "pg/settings.h"
#include "pg/value.h"

struct LpgValue
{
	LepModelBytes model;
	MemoryContext context;
	int argument;	  /* of the call */
	bool is_constant; /* of the call site: it is never another */
	bool is_toasted;
	struct varatt_external toast; /* where it is stored */
	LpgItems *items;			  /* NULL: not loaded */
};

/* ------------------------------------------------------------- which one it is */

/* Is the argument the same in all calls from here?  Parameters are not: functions outlive them. */
static bool
is_constant(FunctionCallInfo fcinfo, int argument)
{
	Node *call = fcinfo->flinfo->fn_expr;

	return call != NULL && IsA(call, FuncExpr) && IsA(list_nth(((FuncExpr *) call)->args, argument), Const);
}

static bool
is_stored_outside(Datum datum, struct varatt_external *toast)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);

	if (!VARATT_IS_EXTERNAL_ONDISK(value))
		return false;
	VARATT_EXTERNAL_GET_POINTER(*toast, value);
	return true;
}

static bool
is_same_toast(const struct varatt_external *a, const struct varatt_external *b)
{
	return a->va_valueid == b->va_valueid && a->va_toastrelid == b->va_toastrelid &&
		   a->va_rawsize == b->va_rawsize && a->va_extinfo == b->va_extinfo;
}

/* Bytes of the head that tell values apart: the magic, the checksum, the length. */
#define HEAD_SLICE 24

/* What is stored there now: a number of a stored value is given again one day. */
static bool
has_same_head(const LpgValue *value, Datum datum)
{
	struct varlena *slice = PG_DETOAST_DATUM_SLICE(datum, 0, HEAD_SLICE);
	bool same = VARSIZE_ANY_EXHDR(slice) == HEAD_SLICE &&
				memcmp(VARDATA_ANY(slice), value->model.bytes, HEAD_SLICE) == 0;

	pfree(slice);
	return same;
}

static bool
has_same_bytes(const LpgValue *value, Datum datum)
{
	bytea *bytes = DatumGetByteaPP(datum);
	bool same = VARSIZE_ANY_EXHDR(bytes) == value->model.len &&
				memcmp(VARDATA_ANY(bytes), value->model.bytes, value->model.len) == 0;

	if ((Pointer) bytes != DatumGetPointer(datum))
		pfree(bytes);
	return same;
}

bool
lpg_value_is(const LpgValue *value, FunctionCallInfo fcinfo, bool is_new)
{
	Datum datum = PG_GETARG_DATUM(value->argument);
	struct varatt_external toast;

	if (value->is_constant)
		return true;
	if (is_stored_outside(datum, &toast))
		return value->is_toasted && is_same_toast(&toast, &value->toast) &&
			   (!is_new || has_same_head(value, datum));
	return has_same_bytes(value, datum);
}

/* --------------------------------------------------------------------- opening */

void
lpg_value_fail(const LepError *error)
{
	if (error->status == LEP_ERR_BYTES_MAGIC)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the bytes are no model"),
			 errhint("A model of type bytea is what lepton_export, or the aggregate lepton_train, gives.")));
	lpg_error_bytes(error, NULL, "model");
}

static bool
has_text_ids(const LepModelHead *head)
{
	return head->kind[LEP_SIDE_USERS] == LEP_ID_TEXT || head->kind[LEP_SIDE_ITEMS] == LEP_ID_TEXT;
}

static bool
is_ascii(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	}
	return true;
}

/*
 * Ids stand in the order of their bytes: converted, they would stand in another.
 * Where all are ASCII they are the same in every encoding.
 */
static void
check_encoding(const LepModelBytes *model)
{
	int encoding = model->head.encoding;

	if (!PG_VALID_BE_ENCODING(encoding))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("bytes in \"model\" are damaged"),
						errdetail("There is no encoding with the number %d.", encoding)));
	if (encoding == GetDatabaseEncoding() || !has_text_ids(&model->head))
		return;
	for (int side = 0; side < LEP_N_SIDES; side++)
	{
		if (!is_ascii(model->side[side].text, model->head.text_bytes[side]))
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("the model's ids are in encoding \"%s\", but the database is in \"%s\"",
								   pg_encoding_to_char(encoding), GetDatabaseEncodingName()),
							errhint("Train it here, or read it in a database of its encoding.")));
	}
}

static void
open_bytes(LpgValue *value, const bytea *bytes)
{
	LepError error;

	if (lep_modelbytes_open((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &value->model,
							&error) != LEP_OK ||
		lep_modelbytes_check(&value->model, &error) != LEP_OK)
		lpg_value_fail(&error);
	check_encoding(&value->model);
}

static void
check_size(Datum datum)
{
	Size size = toast_raw_datum_size(datum) - VARHDRSZ;

	if (size > LPG_MAX_VALUE_BYTES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a model of %zu bytes is too large for a value", size),
						errdetail("It can have %zu bytes, since larger ones cannot be dumped.",
								  LPG_MAX_VALUE_BYTES)));
}

LpgValue *
lpg_value_open(FunctionCallInfo fcinfo, int argument, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum datum = PG_GETARG_DATUM(argument);
	LpgValue *value = palloc0(sizeof(LpgValue));

	check_size(datum);
	value->context = context;
	value->argument = argument;
	value->is_constant = is_constant(fcinfo, argument);
	value->is_toasted = is_stored_outside(datum, &value->toast);
	/* a copy: the argument goes with its row, or its call */
	open_bytes(value, DatumGetByteaPCopy(datum));
	MemoryContextSwitchTo(old);
	return value;
}

const LepModelBytes *
lpg_value_bytes(const LpgValue *value)
{
	return &value->model;
}

void
lpg_value_version(const LpgValue *value, LpgVersion *version)
{
	const LepModelHead *head = &value->model.head;

	memset(version, 0, sizeof(*version));
	version->n_users = (int32) head->n_users;
	version->n_items = head->n_rows[LEP_SIDE_ITEMS];
	version->implicit = head->implicit;
	version->n_factors = head->n_factors;
	version->has_neighbors = head->has_neighbors;
	version->n_neighbors = head->n_neighbors;
	version->mean = head->mean;
	version->min_score = head->min_score;
	version->max_score = head->max_score;
	version->unknown = head->unknown;
	version->exclude_seen = head->exclude_seen;
	version->levels = head->levels;
}

/* ------------------------------------------------------------------------ rows */

int32
lpg_value_find(const LpgValue *value, LpgSide side, const LepId *id)
{
	int32 n;
	LepError error;

	if (lep_modelbytes_find(&value->model, (LepModelSide) side, id, &n, &error) != LEP_OK)
		lpg_value_fail(&error);
	return n;
}

static void
check_text(const LepId *id)
{
	if (!pg_verifymbstr(id->v.text.data, id->v.text.len, true))
		ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
						errmsg("an id of the model is no text in encoding \"%s\"", GetDatabaseEncodingName()),
						errhint("Export the model again.")));
}

static void
read_row(const LpgValue *value, LpgSide side, int32 n, LepModelRow *row)
{
	LepError error;

	if (lep_modelbytes_row(&value->model, (LepModelSide) side, n, row, &error) != LEP_OK)
		lpg_value_fail(&error);
}

LepId
lpg_value_id(const LpgValue *value, LpgSide side, int32 n)
{
	LepModelRow row;

	read_row(value, side, n, &row);
	if (value->model.head.kind[side] == LEP_ID_TEXT)
		check_text(&row.id);
	return row.id;
}

void
lpg_value_read_row(const LpgValue *value, LpgSide side, int32 n, LepModelRow *row, float *factors)
{
	LepError error;

	read_row(value, side, n, row);
	if (value->model.head.n_factors > 0 &&
		lep_modelbytes_factors(&value->model, row, factors, &error) != LEP_OK)
		lpg_value_fail(&error);
}

int32 *
lpg_value_read_seen(const LpgValue *value, int32 n, int64 *n_seen)
{
	LepModelRow row;
	int32 *items;
	LepError error;

	read_row(value, LPG_USERS, n, &row);
	if (lep_seen_count(row.extra, row.extra_bytes, n_seen, &error) != LEP_OK)
		lpg_value_fail(&error);
	items = palloc_extended(lep_mul_size(Max(*n_seen, 1), sizeof(int32)), MCXT_ALLOC_HUGE);
	if (lep_seen_decode(row.extra, row.extra_bytes, value->model.head.n_rows[LEP_SIDE_ITEMS], items,
						&error) != LEP_OK)
		lpg_value_fail(&error);
	return items;
}

void
lpg_value_check_texts(const LpgValue *value)
{
	for (int side = 0; side < LEP_N_SIDES; side++)
	{
		if (value->model.head.kind[side] != LEP_ID_TEXT)
			continue;
		for (int32 n = 0; n < value->model.side[side].n; n++)
		{
			CHECK_FOR_INTERRUPTS();
			(void) lpg_value_id(value, (LpgSide) side, n);
		}
	}
}

/* ----------------------------------------------------------------------- items */

static LpgItemsKey
items_key(const LpgValue *value)
{
	LpgVersion version;

	lpg_value_version(value, &version);
	return lpg_items_key(InvalidOid, &version, value->model.head.kind[LEP_SIDE_ITEMS]);
}

static Size
items_size(const LpgValue *value)
{
	LpgItemsKey key = items_key(value);

	return lpg_items_estimate(&key);
}

bool
lpg_value_fits(const LpgValue *value)
{
	return value->items != NULL || items_size(value) <= (Size) lpg_cache_size * 1024;
}

/* ERROR for what loading says. */
static void
check_loaded(LepStatus status, const LepError *error)
{
	if (status == LEP_ERR_MEMORY || status == LEP_ERR_MEMORY_LIMIT || status == LEP_ERR_STOPPED)
		lpg_error(error);
	if (status != LEP_OK)
		lpg_value_fail(error);
}

static void
read_items(const LpgValue *value, LpgItems *items)
{
	int32 n = items->n_items;
	LepImageRoom room = lpg_items_alloc(items);
	LepId *ids = palloc_extended(Max(lep_mul_size(n, sizeof(LepId)), 1), MCXT_ALLOC_HUGE);
	float *bias = palloc_extended(Max(lep_mul_size(n, sizeof(float)), 1), MCXT_ALLOC_HUGE);

	check_loaded(lep_modelbytes_load(&items->env, &value->model, &room, ids, bias), &items->env.error);
	for (int32 i = 0; i < n && items->key.kind == LEP_ID_TEXT; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_text(&ids[i]);
	}
	if (!lpg_items_finish(items, ids, bias))
		elog(ERROR, "ids that were checked do not ascend");
}

/* In a context of their own until they are complete, so that an error leaves nothing behind. */
static LpgItems *
load_items(LpgValue *value)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "lepton items loading", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	LpgItemsKey key = items_key(value);
	LpgItems *items = lpg_items_create(&key);

	read_items(value, items);
	MemoryContextSetParent(items->context, value->context);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return items;
}

LpgItems *
lpg_value_items(LpgValue *value)
{
	if (!lpg_value_fits(value))
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("the items of the model take %zu kB, but lepton.cache_size is %d kB",
							   (items_size(value) + 1023) / 1024, lpg_cache_size),
						errhint("SET lepton.cache_size to more, or train with fewer factors or neighbors.")));
	if (value->items == NULL)
		value->items = load_items(value);
	return value->items;
}

/* ------------------------------------------------------------------- documents */

char *
lpg_value_text(const LpgValue *value, LepModelDocument document)
{
	const LepModelHead *head = &value->model.head;
	char *text;

	if (head->document_bytes[document] == 0)
		return NULL;
	text = palloc_extended(head->document_bytes[document] + 1, MCXT_ALLOC_HUGE);

	memcpy(text, head->document[document], head->document_bytes[document]);
	text[head->document_bytes[document]] = '\0';
	/* converts, or else verifies; a zero within it is refused, too */
	return pg_any_to_server(text, (int) head->document_bytes[document], head->encoding);
}

Jsonb *
lpg_value_json(const LpgValue *value, LepModelDocument document)
{
	char *text = lpg_value_text(value, document);

	return text == NULL ? NULL : DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

bool
lpg_value_created_at(const LpgValue *value, TimestampTz *created_at)
{
	*created_at = value->model.head.created_at;
	if (*created_at == LEP_NO_INSTANT)
		return false;
	if (!IS_VALID_TIMESTAMP(*created_at))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("bytes in \"model\" are damaged"),
						errdetail("There is no instant with the number " INT64_FORMAT ".", *created_at)));
	return true;
}

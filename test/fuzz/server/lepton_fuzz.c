/*
 * lepton_fuzz.c
 *		Fuzz targets for what the extension itself parses, in a server of one process
 *		(postgres --single): options as jsonb, the text of a source, the name of a
 *		model, and a model as a value, by the SQL functions that read one.
 *
 *		SELECT lepton_fuzz('options', ARRAY['-max_total_time=60', 'directory of a corpus'])
 *
 * The library is all of the extension and libFuzzer; tools/fuzz builds it, and puts
 * it where lepton's own would be.  Each step of an input runs in a subtransaction that
 * is rolled back.  An ERROR is a good answer
 * unless it is an internal one (XX000) or its text is none in the encoding; a
 * promise that does not hold aborts the process.  libFuzzer ends the process.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/resowner.h"

#include "core/bytes.h"
#include "core/checksum.h"
#include "pg/optjson.h"
#include "pg/registry.h"
#include "pg/source.h"

#include "fuzz.h"

/* What is done with an input, in so many steps. */
typedef struct Target
{
	const char *name;
	void (*run)(const uint8_t *data, size_t size, int step);
	int n_steps;
} Target;

extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

/* A text of an input, at most. */
#define MAX_TEXT 255

/* Objects in arrays in objects, at most. */
#define MAX_DEPTH 6

static const Target *target;

/* ------------------------------------------------------------------ options */

/* Text as it can be in a jsonb: of the encoding, and without a zero. */
static void
take_text(FuzzInput *input, JsonbValue *value)
{
	int len = fuzz_byte(input);
	char *text = palloc(MAX_TEXT + 1);

	fuzz_take(input, text, len);
	text[len] = '\0';
	len = (int) strlen(text);
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = pg_encoding_verifymbstr(PG_UTF8, text, len);
}

/* Half of the keys are names of options. */
static void
take_key(FuzzInput *input, JsonbValue *value)
{
	uint8_t which = fuzz_byte(input);
	int n = 0;

	while (lep_option(n) != NULL)
		n++;
	if (which >= 2 * n)
	{
		take_text(input, value);
		return;
	}
	value->type = jbvString;
	value->val.string.val = pstrdup(lep_option(which % n)->name);
	value->val.string.len = (int) strlen(value->val.string.val);
}

/* A number: whole, of a double, or with an exponent that no double has. */
static void
take_number(FuzzInput *input, JsonbValue *value)
{
	int64 whole;
	double real;
	int16 exponent;
	Datum number;

	switch (fuzz_byte(input) % 3)
	{
		case 0:
			fuzz_take(input, &whole, sizeof(whole));
			number = DirectFunctionCall1(int8_numeric, Int64GetDatum(whole));
			break;
		case 1:
			fuzz_take(input, &real, sizeof(real));
			number = DirectFunctionCall1(float8_numeric, Float8GetDatum(isfinite(real) ? real : 0));
			break;
		default:
			fuzz_take(input, &exponent, sizeof(exponent));
			number = DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("-7e%d", exponent % 10000)),
										 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	}
	value->type = jbvNumeric;
	value->val.numeric = DatumGetNumeric(number);
}

static JsonbValue *push_container(JsonbParseState **state, FuzzInput *input, bool is_object, int depth);

/* A value of an object or an array. */
static void
push_value(JsonbParseState **state, FuzzInput *input, JsonbIteratorToken token, int depth)
{
	JsonbValue value;
	uint8_t kind = fuzz_byte(input) % 6;

	if (kind >= 4 && depth < MAX_DEPTH)
	{
		push_container(state, input, kind == 4, depth + 1);
		return;
	}
	switch (kind)
	{
		case 0:
			take_text(input, &value);
			break;
		case 1:
			take_number(input, &value);
			break;
		case 2:
			value.type = jbvBool;
			value.val.boolean = fuzz_byte(input) & 1;
			break;
		default:
			value.type = jbvNull;
	}
	pushJsonbValue(state, token, &value);
}

static JsonbValue *
push_container(JsonbParseState **state, FuzzInput *input, bool is_object, int depth)
{
	int n = fuzz_byte(input) % 16;

	pushJsonbValue(state, is_object ? WJB_BEGIN_OBJECT : WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n && input->left > 0; i++)
	{
		JsonbValue key;

		if (is_object)
		{
			take_key(input, &key);
			pushJsonbValue(state, WJB_KEY, &key);
		}
		push_value(state, input, is_object ? WJB_VALUE : WJB_ELEM, depth);
	}
	return pushJsonbValue(state, is_object ? WJB_END_OBJECT : WJB_END_ARRAY, NULL);
}

static char *
given_as_text(const LepOptions *options)
{
	StringInfoData text;

	initStringInfo(&text);
	lpg_options_given_to_json(options, &text);
	return text.data;
}

/* What was taken is written so that it is taken again, as the same. */
static void
try_options(const uint8_t *data, size_t size, int step)
{
	FuzzInput input = { data, size };
	JsonbParseState *state = NULL;
	bool is_object = fuzz_byte(&input) % 16 != 0;
	Jsonb *json = JsonbValueToJsonb(push_container(&state, &input, is_object, 0));
	LepOptions options;
	LepOptions again;
	StringInfoData all;
	char *text;

	lpg_options_from_jsonb(json, &options);
	text = given_as_text(&options);
	lpg_options_from_jsonb(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))), &again);
	require(strcmp(text, given_as_text(&again)) == 0);
	initStringInfo(&all);
	lpg_options_to_json(&options, &all);
	(void) DirectFunctionCall1(jsonb_in, CStringGetDatum(all.data));
}

/* ----------------------------------------------------------- source and name */

/* The input as text of the encoding; NULL where it is none. */
static char *
as_text(const uint8_t *data, size_t size)
{
	if (!pg_verify_mbstr(PG_UTF8, (const char *) data, (int) size, true))
		return NULL;
	return pnstrdup((const char *) data, size);
}

/*
 * Whatever the source is, the query of a user's rows is one SELECT whose only
 * table is the source, and its condition is ours.
 */
static void
try_source(const uint8_t *data, size_t size, int step)
{
	char *source = as_text(data, size);
	LepOptions options;
	List *statements;
	SelectStmt *select;

	if (source == NULL)
		return;
	lep_options_init(&options);
	statements = raw_parser(lpg_source_of_user(source, &options), RAW_PARSE_DEFAULT);
	require(list_length(statements) == 1);
	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	require(IsA(select, SelectStmt) && select->op == SETOP_NONE && select->intoClause == NULL);
	require(list_length(select->fromClause) == 1 && IsA(linitial(select->fromClause), RangeSubselect));
	require(linitial_node(RangeSubselect, select->fromClause)->alias != NULL);
	require(select->whereClause != NULL && IsA(select->whereClause, A_Expr));
}

/* What is taken as a name is one, however it is quoted. */
static void
try_name(const uint8_t *data, size_t size, int step)
{
	char *name = as_text(data, size);
	RangeVar *parsed;
	RangeVar *again;

	if (name == NULL)
		return;
	parsed = lpg_registry_parse_name(name);
	require(parsed->relname != NULL && strlen(parsed->relname) < NAMEDATALEN);
	again = lpg_registry_parse_name(quote_qualified_identifier(parsed->schemaname, parsed->relname));
	require(strcmp(parsed->relname, again->relname) == 0);
	require((parsed->schemaname == NULL) == (again->schemaname == NULL));
	require(parsed->schemaname == NULL || strcmp(parsed->schemaname, again->schemaname) == 0);
}

/* ------------------------------------------------------------ a model as a value */

/* Text as an id is read as the kind that the model has. */
static const char *const value_statements[] = {
	"SELECT lepton_info($1)",
	"SELECT lepton_predict($1, '1'::text, '2'::text)",
	"SELECT lepton_predict_interval($1, '1'::text, '2'::text)",
	"SELECT lepton_topn($1, '1'::text, 5)",
	"SELECT lepton_topn_text($1, '1'::text, 5, exclude_seen => false)",
	"SELECT lepton_topn_for($1, '{1,2}'::bigint[], '{1,2}'::float8[], 5)",
	"SELECT lepton_explain($1, '1'::text, 2::bigint)",
	"SELECT lepton_explain_text($1, '1'::text, '2'::text)",
	"SELECT lepton_similar($1, 2::bigint, 5)",
	"SELECT lepton_similar_users($1, 1::bigint, 5)",
	"SELECT lepton_similar_users_uuid($1, '01020304-0506-0708-090a-0b0c0d0e0f10'::uuid, 5)",
	"SELECT lepton_import('fuzzed', $1)",
};

static SPIPlanPtr value_plans[lengthof(value_statements)];

static void
prepare_value(void)
{
	Oid type = BYTEAOID;

	require(SPI_connect() == SPI_OK_CONNECT);
	for (int i = 0; i < (int) lengthof(value_statements); i++)
	{
		value_plans[i] = SPI_prepare(value_statements[i], 1, &type);
		require(value_plans[i] != NULL && SPI_keepplan(value_plans[i]) == 0);
	}
}

/* The bytes with a checksum that fits, which damage alone would not get past. */
static void
try_value(const uint8_t *data, size_t size, int step)
{
	const size_t at_checksum = 8;
	const size_t behind = 16;
	bytea *value = palloc(VARHDRSZ + size);
	uint8_t *bytes = (uint8_t *) VARDATA(value);
	Datum argument = PointerGetDatum(value);

	/* to import takes long, and the catalog grows by it */
	if (step == (int) lengthof(value_statements) - 1 && size % 32 != 0)
		return;
	SET_VARSIZE(value, VARHDRSZ + size);
	if (size > 0)
		memcpy(bytes, data, size);
	if (size >= behind)
		lep_put_u64(bytes + at_checksum, lep_checksum(bytes + behind, size - behind));
	require(SPI_execute_plan(value_plans[step], &argument, NULL, false, 0) == SPI_OK_SELECT);
}

/* ------------------------------------------------------------------ the loop */

static void
check_error(void)
{
	ErrorData *error;

	MemoryContextSwitchTo(CurTransactionContext);
	error = CopyErrorData();
	FlushErrorState();
	if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR)
	{
		fprintf(stderr, "internal error: %s (%s:%d)\n", error->message, error->filename, error->lineno);
		abort();
	}
	require(error->message != NULL &&
			pg_verify_mbstr(PG_UTF8, error->message, (int) strlen(error->message), true));
}

static void
run_step(const uint8_t *data, size_t size, int step)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		target->run(data, size, step);
	}
	PG_CATCH();
	{
		check_error();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static int
try_input(const uint8_t *data, size_t size)
{
	for (int step = 0; step < target->n_steps; step++)
		run_step(data, size, step);
	return 0;
}

static const Target targets[] = {
	{ "options", try_options, 1 },
	{ "source", try_source, 1 },
	{ "name", try_name, 1 },
	{ "value", try_value, lengthof(value_statements) },
};

static const Target *
find_target(const char *name)
{
	for (int i = 0; i < (int) lengthof(targets); i++)
	{
		if (strcmp(targets[i].name, name) == 0)
			return &targets[i];
	}
	elog(ERROR, "no target \"%s\"", name);
}

extern Datum lepton_fuzz(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(lepton_fuzz);

/* lepton_fuzz(target text, arguments text[]): arguments are libFuzzer's.  Does not return. */
Datum
lepton_fuzz(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
	Datum *elements;
	char **argv;
	int n;

	target = find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	argv = palloc0((n + 2) * sizeof(char *));
	argv[0] = "lepton_fuzz";
	for (int i = 0; i < n; i++)
		argv[i + 1] = TextDatumGetCString(elements[i]);
	n++;
	if (target->run == try_value)
		prepare_value();
	PG_RETURN_INT32(LLVMFuzzerRunDriver(&n, &argv, try_input));
}

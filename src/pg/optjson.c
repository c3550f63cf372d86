/*
 * optjson.c
 *		jsonb -> options, options -> JSON, and lepton_options().
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "core/solver.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/jsonbuild.h"
#include "pg/jsonread.h"
#include "pg/optjson.h"

/* ------------------------------------------------------------ jsonb -> options */

static void read_options(JsonbContainer *object, LepOptions *options);

static LepStatus
set_number(LepOptions *options, const char *name, const JsonbValue *value, LepError *error)
{
	int64 whole;
	double real;

	if (lpg_jsonread_int64(value, &whole))
		return lep_options_set_int(options, name, whole, error);
	/* beyond what a double holds it is infinite, which no option's range has in it */
	(void) lpg_jsonread_double(value, &real);
	return lep_options_set_real(options, name, real, error);
}

static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/* Two objects, in the current memory context. */
static LepStatus
set_parts(LepOptions *options, const char *name, const JsonbValue *first, const JsonbValue *second,
		  LepError *error)
{
	LepParts *parts = palloc(sizeof(LepParts));

	read_options(first->val.binary.data, &parts->part[0]);
	read_options(second->val.binary.data, &parts->part[1]);
	return lep_options_set_parts(options, name, parts, error);
}

/* An array of two numbers or two objects. */
static LepStatus
set_array(LepOptions *options, const char *name, JsonbContainer *array, LepError *error)
{
	int row = lep_option_find(name);
	const JsonbValue *first;
	const JsonbValue *second;
	double numbers[2];

	if (!JsonContainerIsArray(array) || JsonContainerSize(array) != 2)
		return lep_options_fail_type(name, error);
	first = getIthJsonbValueFromContainer(array, 0);
	second = getIthJsonbValueFromContainer(array, 1);
	if (row >= 0 && lep_option(row)->type == LEP_OPTION_PARTS && is_object(first) && is_object(second))
		return set_parts(options, name, first, second, error);
	if (!lpg_jsonread_double(first, &numbers[0]) || !lpg_jsonread_double(second, &numbers[1]))
		return lep_options_fail_type(name, error);
	if (row >= 0 && lep_option(row)->type == LEP_OPTION_PAIR)
		return lep_options_set_pair(options, name, numbers[0], numbers[1], error);
	return lep_options_set_range(options, name, numbers[0], numbers[1], error);
}

static LepStatus
set_option(LepOptions *options, const char *name, const JsonbValue *value, LepError *error)
{
	switch (value->type)
	{
		case jbvString:
			return lep_options_set_text(options, name, pnstrdup(value->val.string.val, value->val.string.len),
										error);
		case jbvNumeric:
			return set_number(options, name, value, error);
		case jbvBool:
			return lep_options_set_bool(options, name, value->val.boolean, error);
		case jbvBinary:
			return set_array(options, name, value->val.binary.data, error);
		default:
			return lep_options_fail_type(name, error);
	}
}

void
lpg_option_set(LepOptions *options, const char *name, const JsonbValue *value)
{
	LepError error;

	lpg_check(set_option(options, name, value, &error), &error);
}

/* Every key of an object. */
static void
read_options(JsonbContainer *object, LepOptions *options)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue value;
	char *name;

	check_stack_depth(); /* parts may be said to have parts */
	lep_options_init(options);
	while ((name = lpg_jsonread_next(&iterator, &value)) != NULL)
	{
		lpg_option_set(options, name, &value);
		pfree(name);
	}
}

void
lpg_options_from_jsonb(Jsonb *json, LepOptions *options)
{
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
						errdetail("They are %s.", JsonbToCString(NULL, &json->root, VARSIZE(json))),
						errhint("Write for example '{\"factors\": 32}'.")));
	read_options(&json->root, options);
}

/* ------------------------------------------------------------- options -> JSON */

/* The parts of a blend; null for the standard ones. */
static void
add_parts(LpgJson *json, const char *name, const LepParts *parts)
{
	lpg_json_key(json, name);
	if (parts == NULL)
	{
		appendStringInfoString(json->buffer, "null");
		return;
	}
	appendStringInfoChar(json->buffer, '[');
	lpg_options_given_to_json(&parts->part[0], json->buffer);
	appendStringInfoString(json->buffer, ", ");
	lpg_options_given_to_json(&parts->part[1], json->buffer);
	appendStringInfoChar(json->buffer, ']');
}

static void
add_option(LpgJson *json, const LepOptions *options, int i)
{
	const LepOption *option = lep_option(i);
	const double *range = lep_option_range(options, i);

	switch (option->type)
	{
		case LEP_OPTION_INT:
			lpg_json_int(json, option->name, (int64) lep_option_number(options, i));
			break;
		case LEP_OPTION_REAL:
			lpg_json_real(json, option->name, lep_option_number(options, i));
			break;
		case LEP_OPTION_BOOL:
			lpg_json_bool(json, option->name, lep_option_number(options, i) != 0);
			break;
		case LEP_OPTION_ENUM:
			lpg_json_text(json, option->name, option->words[(int) lep_option_number(options, i)]);
			break;
		case LEP_OPTION_TEXT:
			lpg_json_text(json, option->name, lep_option_text(options, i));
			break;
		case LEP_OPTION_QUERY:
			if (lep_option_text(options, i) != NULL)
				lpg_json_text(json, option->name, lep_option_text(options, i));
			break;
		case LEP_OPTION_RANGE:
			if (lep_option_given(options, i))
				lpg_json_range(json, option->name, range[0], range[1]);
			break;
		case LEP_OPTION_PAIR:
			lpg_json_range(json, option->name, range[0], range[1]);
			break;
		case LEP_OPTION_PARTS:
			add_parts(json, option->name, options->parts);
			break;
	}
}

bool
lpg_option_given(const LepOptions *options, const char *name)
{
	return lep_option_given(options, lep_option_find(name));
}

void
lpg_options_to_json(const LepOptions *options, StringInfo buffer)
{
	LpgJson json;

	lpg_json_begin(&json, buffer);
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_applies(i, (LepAlgorithm) options->algorithm))
			add_option(&json, options, i);
	}
	lpg_json_end(&json);
}

void
lpg_solver_options_to_json(const LepOptions *options, StringInfo buffer)
{
	LpgJson json;

	lpg_json_begin(&json, buffer);
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option(i)->algorithms != 0 && lep_option_applies(i, (LepAlgorithm) options->algorithm))
			add_option(&json, options, i);
	}
	lpg_json_end(&json);
}

void
lpg_options_given_to_json(const LepOptions *options, StringInfo buffer)
{
	LpgJson json;

	lpg_json_begin(&json, buffer);
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_given(options, i))
			add_option(&json, options, i);
	}
	lpg_json_end(&json);
}

/* ------------------------------------------------------------ lepton_options() */

static const char *const type_names[] = {
	[LEP_OPTION_INT] = "integer",  [LEP_OPTION_REAL] = "real",	   [LEP_OPTION_BOOL] = "boolean",
	[LEP_OPTION_ENUM] = "word",	   [LEP_OPTION_TEXT] = "name",	   [LEP_OPTION_RANGE] = "range",
	[LEP_OPTION_PAIR] = "numbers", [LEP_OPTION_PARTS] = "objects", [LEP_OPTION_QUERY] = "query",
};

/* The default of an option as it would be written. */
static char *
standard_as_text(int i, LepAlgorithm algorithm)
{
	const LepOption *option = lep_option(i);
	double standard = lep_option_standard(i, algorithm);

	switch (option->type)
	{
		case LEP_OPTION_BOOL:
			return pstrdup(option->standard_text != NULL ? option->standard_text
						   : standard != 0				 ? "true"
														 : "false");
		case LEP_OPTION_ENUM:
			return pstrdup(option->words[(int) standard]);
		case LEP_OPTION_TEXT:
		case LEP_OPTION_QUERY:
		case LEP_OPTION_RANGE:
		case LEP_OPTION_PAIR:
		case LEP_OPTION_PARTS:
			return pstrdup(option->standard_text);
		default:
			return psprintf("%.15g", standard);
	}
}

/* The words of an enum, as {a,b,c}; NULL for others. */
static Datum
words_as_array(const LepOption *option, bool *isnull)
{
	Datum words[LEP_MAX_OPTIONS];
	int n = 0;

	*isnull = option->words == NULL;
	if (*isnull)
		return (Datum) 0;
	while (option->words[n] != NULL)
	{
		words[n] = CStringGetTextDatum(option->words[n]);
		n++;
	}
	return PointerGetDatum(construct_array(words, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The algorithm of that name, or ERROR. */
static LepAlgorithm
find_algorithm(const char *name)
{
	LepOptions options;
	LepError error;

	lep_options_init(&options);
	lpg_check(lep_options_set_text(&options, "algorithm", name, &error), &error);
	return (LepAlgorithm) options.algorithm;
}

static void
put_option(ReturnSetInfo *rsinfo, int i, LepAlgorithm algorithm)
{
	const LepOption *option = lep_option(i);
	bool has_limits = option->type == LEP_OPTION_INT || option->type == LEP_OPTION_REAL;
	Datum values[7];
	bool nulls[7] = { false };

	values[0] = CStringGetTextDatum(option->name);
	values[1] = CStringGetTextDatum(type_names[option->type]);
	values[2] = CStringGetTextDatum(standard_as_text(i, algorithm));
	values[3] = Float8GetDatum(option->min);
	values[4] = Float8GetDatum(lep_option_max(i, algorithm));
	nulls[3] = nulls[4] = !has_limits;
	values[5] = words_as_array(option, &nulls[5]);
	values[6] = CStringGetTextDatum(option->meaning);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(lepton_options);

/*
 * lepton_options(algorithm text DEFAULT 'auto')
 *		-> setof (option, type, default, min, max, words, meaning)
 */
Datum
lepton_options(PG_FUNCTION_ARGS)
{
	LepAlgorithm algorithm = find_algorithm(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_applies(i, algorithm))
			put_option((ReturnSetInfo *) fcinfo->resultinfo, i, algorithm);
	}
	return (Datum) 0;
}

/*
 * jsonread.c
 *		Numbers, texts and keys out of a jsonb document.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "pg/jsonread.h"

/* float8 of a numeric without the ERROR for those beyond its range. */
bool
lpg_jsonread_double(const JsonbValue *json, double *value)
{
	*value = 0;
	if (json->type != jbvNumeric)
		return false;
	*value =
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(json->val.numeric)));
	return isfinite(*value);
}

bool
lpg_jsonread_int64(const JsonbValue *json, int64 *value)
{
	Numeric number;
	Datum whole;
	double approximate;

	if (!lpg_jsonread_double(json, &approximate) || fabs(approximate) > 9e18)
		return false;
	number = json->val.numeric;
	whole = DirectFunctionCall2(numeric_trunc, NumericGetDatum(number), Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number), whole)))
		return false;
	*value = DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
	return true;
}

/* The value at a key of an object, or false. */
static bool
find_in(const JsonbValue *object, const char *key, JsonbValue *value)
{
	return object->type == jbvBinary && JsonContainerIsObject(object->val.binary.data) &&
		   getKeyJsonValueFromContainer(object->val.binary.data, key, (int) strlen(key), value) != NULL;
}

bool
lpg_jsonread_member(Jsonb *document, const char *key, JsonbValue *value)
{
	return JB_ROOT_IS_OBJECT(document) &&
		   getKeyJsonValueFromContainer(&document->root, key, (int) strlen(key), value) != NULL;
}

bool
lpg_jsonread_find(Jsonb *document, const char *object, const char *key, JsonbValue *value)
{
	JsonbValue inner;

	return lpg_jsonread_member(document, object, &inner) && find_in(&inner, key, value);
}

bool
lpg_jsonread_number_of(const JsonbValue *object, const char *key, double *value)
{
	JsonbValue number;

	return find_in(object, key, &number) && lpg_jsonread_double(&number, value);
}

char *
lpg_jsonread_text(const JsonbValue *object, const char *key)
{
	JsonbValue text;

	if (!find_in(object, key, &text) || text.type != jbvString)
		return NULL;
	return pnstrdup(text.val.string.val, text.val.string.len);
}

/* The elements of an array of at most max; false for anything else. */
static bool
find_array(const JsonbValue *object, const char *key, int max, JsonbContainer **array, int *n)
{
	JsonbValue value;

	if (!find_in(object, key, &value) || value.type != jbvBinary ||
		!JsonContainerIsArray(value.val.binary.data) ||
		JsonContainerSize(value.val.binary.data) > (uint32) max)
		return false;
	*array = value.val.binary.data;
	*n = (int) JsonContainerSize(*array);
	return true;
}

bool
lpg_jsonread_floats(const JsonbValue *object, const char *key, int max, float *values, int *n)
{
	JsonbContainer *array;

	if (!find_array(object, key, max, &array, n))
		return false;
	for (int i = 0; i < *n; i++)
	{
		double value;

		if (!lpg_jsonread_double(getIthJsonbValueFromContainer(array, (uint32) i), &value) ||
			fabs(value) > FLT_MAX)
			return false;
		values[i] = (float) value;
	}
	return true;
}

bool
lpg_jsonread_int64s(const JsonbValue *object, const char *key, int max, int64 *values, int *n)
{
	JsonbContainer *array;

	if (!find_array(object, key, max, &array, n))
		return false;
	for (int i = 0; i < *n; i++)
	{
		if (!lpg_jsonread_int64(getIthJsonbValueFromContainer(array, (uint32) i), &values[i]))
			return false;
	}
	return true;
}

bool
lpg_jsonread_number(Jsonb *document, const char *object, const char *key, double *value)
{
	JsonbValue number;

	if (!lpg_jsonread_find(document, object, key, &number))
		return false;
	if (number.type == jbvBool)
	{
		*value = number.val.boolean ? 1 : 0;
		return true;
	}
	return lpg_jsonread_double(&number, value);
}

char *
lpg_jsonread_next(JsonbIterator **iterator, JsonbValue *value)
{
	JsonbIteratorToken token;
	char *key;

	do
	{
		token = JsonbIteratorNext(iterator, value, true);
		if (token == WJB_DONE)
			return NULL;
	} while (token != WJB_KEY);
	key = pnstrdup(value->val.string.val, value->val.string.len);
	(void) JsonbIteratorNext(iterator, value, true);
	return key;
}

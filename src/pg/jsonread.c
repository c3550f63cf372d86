/*
 * jsonread.c
 *		Numbers out of a jsonb document.
 */
#include "postgres.h"

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

bool
lpg_jsonread_number(Jsonb *document, const char *object, const char *key, double *value)
{
	JsonbValue inner;
	JsonbValue number;

	if (!JB_ROOT_IS_OBJECT(document) ||
		getKeyJsonValueFromContainer(&document->root, object, (int) strlen(object), &inner) == NULL ||
		inner.type != jbvBinary || !JsonContainerIsObject(inner.val.binary.data) ||
		getKeyJsonValueFromContainer(inner.val.binary.data, key, (int) strlen(key), &number) == NULL)
		return false;
	if (number.type == jbvBool)
	{
		*value = number.val.boolean ? 1 : 0;
		return true;
	}
	return lpg_jsonread_double(&number, value);
}

/*
 * jsonbuild.c
 *		Writing JSON text.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "pg/jsonbuild.h"

void
lpg_json_begin(LpgJson *json, StringInfo buffer)
{
	json->buffer = buffer;
	json->empty = true;
	appendStringInfoChar(buffer, '{');
}

void
lpg_json_end(LpgJson *json)
{
	appendStringInfoChar(json->buffer, '}');
}

void
lpg_json_key(LpgJson *json, const char *key)
{
	if (!json->empty)
		appendStringInfoString(json->buffer, ", ");
	json->empty = false;
	escape_json(json->buffer, key);
	appendStringInfoString(json->buffer, ": ");
}

/* The shortest text that reads back as the same double. */
static void
append_real(StringInfo buffer, double value)
{
	char text[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(value))
	{
		appendStringInfoString(buffer, "null");
		return;
	}
	double_to_shortest_decimal_buf(value, text);
	appendStringInfoString(buffer, text);
}

void
lpg_json_int(LpgJson *json, const char *key, int64 value)
{
	lpg_json_key(json, key);
	appendStringInfo(json->buffer, INT64_FORMAT, value);
}

void
lpg_json_real(LpgJson *json, const char *key, double value)
{
	lpg_json_key(json, key);
	append_real(json->buffer, value);
}

void
lpg_json_bool(LpgJson *json, const char *key, bool value)
{
	lpg_json_key(json, key);
	appendStringInfoString(json->buffer, value ? "true" : "false");
}

void
lpg_json_text(LpgJson *json, const char *key, const char *value)
{
	lpg_json_key(json, key);
	escape_json(json->buffer, value);
}

void
lpg_json_range(LpgJson *json, const char *key, double low, double high)
{
	lpg_json_key(json, key);
	appendStringInfoChar(json->buffer, '[');
	append_real(json->buffer, low);
	appendStringInfoString(json->buffer, ", ");
	append_real(json->buffer, high);
	appendStringInfoChar(json->buffer, ']');
}

/* Each the shortest text that reads back as the same float. */
void
lpg_json_floats(LpgJson *json, const char *key, const float *values, int n)
{
	lpg_json_key(json, key);
	appendStringInfoChar(json->buffer, '[');
	for (int i = 0; i < n; i++)
	{
		char text[FLOAT_SHORTEST_DECIMAL_LEN];

		float_to_shortest_decimal_buf(values[i], text);
		appendStringInfo(json->buffer, i > 0 ? ", %s" : "%s", isfinite(values[i]) ? text : "null");
	}
	appendStringInfoChar(json->buffer, ']');
}

void
lpg_json_int64s(LpgJson *json, const char *key, const int64 *values, int n)
{
	lpg_json_key(json, key);
	appendStringInfoChar(json->buffer, '[');
	for (int i = 0; i < n; i++)
		appendStringInfo(json->buffer, i > 0 ? ", " INT64_FORMAT : INT64_FORMAT, values[i]);
	appendStringInfoChar(json->buffer, ']');
}

Datum
lpg_json_datum(StringInfo buffer)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buffer->data));
}

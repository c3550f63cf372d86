/*
 * times.c
 *		Writing and reading bins of time; instants in the units of a source.
 *
 * Rows of floats are hexadecimal text, as encode() gives it: four bytes a number,
 * little-endian, without padding.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/env.h"
#include "core/kernels.h"
#include "pg/compat.h"
#include "pg/jsonread.h"
#include "pg/registry.h"
#include "pg/times.h"

static const char *const unit_names[] = {
	[LPG_TIME_TIMESTAMPTZ] = "timestamptz", [LPG_TIME_TIMESTAMP] = "timestamp", [LPG_TIME_DATE] = "date",
	[LPG_TIME_INTEGER] = "integer",			[LPG_TIME_SECONDS] = "seconds",
};

double
lpg_times_day(LpgTimeUnit unit)
{
	if (unit == LPG_TIME_DATE)
		return 1;
	return unit == LPG_TIME_INTEGER ? SECS_PER_DAY : USECS_PER_DAY;
}

/* ----------------------------------------------------------------------- writing */

static void
add_rows(LpgJson *json, const char *key, const float *rows, int n_rows, int n_factors)
{
	static const char digits[] = "0123456789abcdef";

	lpg_json_key(json, key);
	appendStringInfoChar(json->buffer, '"');
	for (int r = 0; r < n_rows; r++)
	{
		for (int f = 0; f < n_factors; f++)
		{
			char text[9] = "";
			uint32 bits;

			memcpy(&bits, rows + (Size) r * lep_row_stride(n_factors) + f, sizeof(bits));
			for (int byte = 0; byte < 4; byte++)
			{
				text[2 * byte] = digits[bits >> (8 * byte + 4) & 0xF];
				text[2 * byte + 1] = digits[bits >> (8 * byte) & 0xF];
			}
			appendBinaryStringInfo(json->buffer, text, 8);
		}
	}
	appendStringInfoChar(json->buffer, '"');
}

void
lpg_times_to_json(const LepModel *model, LpgTimeUnit unit, LpgJson *details)
{
	const LepTimes *times = model->times;
	LpgJson json;

	if (times == NULL)
		return;
	lpg_json_key(details, "times");
	lpg_json_begin(&json, details->buffer);
	lpg_json_text(&json, "unit", unit_names[unit]);
	lpg_json_int64s(&json, "first", times->first, times->n_bins);
	lpg_json_floats(&json, "bias", times->bias, times->n_bins);
	lpg_json_int(&json, "factors", model->n_factors);
	if (model->n_factors > 0)
		add_rows(&json, "lift", times->lift, times->n_bins, model->n_factors);
	lpg_json_end(&json);
}

void
lpg_times_newest_to_json(int64 newest, LpgTimeUnit unit, LpgJson *details)
{
	LpgJson json;

	lpg_json_key(details, "newest");
	lpg_json_begin(&json, details->buffer);
	lpg_json_int(&json, "time", newest);
	lpg_json_text(&json, "unit", unit_names[unit]);
	lpg_json_end(&json);
}

/* ----------------------------------------------------------------------- reading */

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

/* One float of eight digits; false if they are no digits, or the number is not finite. */
static bool
read_float(const char *text, float *value)
{
	uint32 bits = 0;

	for (int byte = 0; byte < 4; byte++)
	{
		int high = hex_value(text[2 * byte]);
		int low = hex_value(text[2 * byte + 1]);

		if (high < 0 || low < 0)
			return false;
		bits |= (uint32) (high << 4 | low) << (8 * byte);
	}
	memcpy(value, &bits, sizeof(bits));
	return isfinite(*value);
}

/* Padded rows from text; NULL if it is not exactly that. */
static float *
read_rows(const JsonbValue *json, const char *key, int n_rows, int n_factors)
{
	char *text = lpg_jsonread_text(json, key);
	Size n = (Size) n_rows * n_factors;
	int stride = lep_row_stride(n_factors);
	Size size = (Size) n_rows * stride * sizeof(float) + LEP_ALIGNMENT;
	float *rows;

	if (text == NULL || strlen(text) != 8 * n)
		return NULL;
	rows = (float *) TYPEALIGN(LEP_ALIGNMENT, palloc0(size));
	for (int r = 0; r < n_rows; r++)
	{
		float *row = rows + (Size) r * stride;

		for (int f = 0; f < n_factors; f++)
		{
			if (!read_float(text + 8 * ((Size) r * n_factors + f), &row[f]))
				return NULL;
		}
		if (!(lep_kernels->dot_f64(row, row, stride) <= LEP_MAX_NORM * LEP_MAX_NORM))
			return NULL;
	}
	pfree(text);
	return rows;
}

static bool
read_unit(const JsonbValue *json, LpgTimeUnit *unit)
{
	char *name = lpg_jsonread_text(json, "unit");

	for (int u = 0; name != NULL && u < (int) lengthof(unit_names); u++)
	{
		if (strcmp(name, unit_names[u]) == 0)
		{
			*unit = (LpgTimeUnit) u;
			return true;
		}
	}
	return false;
}

static bool
read_times(const JsonbValue *json, int n_factors, LpgTimes *times)
{
	LepTimes *t = &times->times;
	double factors;
	int n_bias;

	t->first = palloc(LPG_MAX_TIME_BINS * sizeof(int64));
	t->bias = palloc(LPG_MAX_TIME_BINS * sizeof(float));
	if (!read_unit(json, &times->unit) ||
		!lpg_jsonread_int64s(json, "first", LPG_MAX_TIME_BINS, t->first, &t->n_bins) ||
		!lpg_jsonread_floats(json, "bias", LPG_MAX_TIME_BINS, t->bias, &n_bias) ||
		!lpg_jsonread_number_of(json, "factors", &factors) || t->n_bins < 1 || n_bias != t->n_bins ||
		factors != n_factors)
		return false;
	for (int b = 0; b < t->n_bins; b++)
	{
		if ((b > 0 && t->first[b - 1] >= t->first[b]) || fabsf(t->bias[b]) > (float) LEP_MAX_NORM)
			return false;
	}
	if (n_factors == 0)
		return true;
	t->lift = read_rows(json, "lift", t->n_bins, n_factors);
	return t->lift != NULL;
}

LpgTimes *
lpg_times_read(Jsonb *details, const char *model, int n_factors, MemoryContext context)
{
	MemoryContext old;
	LpgTimes *times;
	JsonbValue json;

	if (!lpg_jsonread_member(details, "times", &json))
		return NULL;
	old = MemoryContextSwitchTo(context);
	times = palloc0(sizeof(LpgTimes));
	if (!read_times(&json, n_factors, times))
		lpg_registry_fail_row(model, "details -> times");
	MemoryContextSwitchTo(old);
	return times;
}

/* ---------------------------------------------------------------------- instants */

/* An instant in microseconds since 1970; what is beyond an int64, and infinity, is at its ends. */
static int64
unix_microseconds(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		return at;
	return at > PG_INT64_MAX - LPG_EPOCH_SHIFT ? PG_INT64_MAX : at + LPG_EPOCH_SHIFT;
}

static int64
floor_seconds(int64 microseconds)
{
	int64 seconds = microseconds / USECS_PER_SEC;

	return microseconds % USECS_PER_SEC < 0 ? seconds - 1 : seconds;
}

/* The instant as the engine was given those of the source. */
static int64
in_unit(TimestampTz at, LpgTimeUnit unit)
{
	Datum datum = TimestampTzGetDatum(at);

	switch (unit)
	{
		case LPG_TIME_TIMESTAMP:
			return DatumGetTimestamp(DirectFunctionCall1(timestamptz_timestamp, datum));
		case LPG_TIME_DATE:
			return DatumGetDateADT(DirectFunctionCall1(timestamptz_date, datum));
		case LPG_TIME_INTEGER:
			return TIMESTAMP_NOT_FINITE(at) ? at : floor_seconds(unix_microseconds(at));
		case LPG_TIME_SECONDS:
			return unix_microseconds(at);
		case LPG_TIME_TIMESTAMPTZ:
			break;
	}
	return at;
}

int
lpg_times_bin(const LpgTimes *times, TimestampTz at)
{
	int bin;

	if (times == NULL)
		return -1;
	bin = lep_times_find(&times->times, in_unit(at, times->unit));
	return bin == times->times.n_bins - 1 ? -1 : bin;
}

bool
lpg_times_newest_read(Jsonb *details, int64 *newest, LpgTimeUnit *unit)
{
	JsonbValue object;
	JsonbValue time;

	return lpg_jsonread_member(details, "newest", &object) && read_unit(&object, unit) &&
		   lpg_jsonread_find(details, "newest", "time", &time) && lpg_jsonread_int64(&time, newest);
}

bool
lpg_times_instant(int64 time, LpgTimeUnit unit, TimestampTz *at)
{
	switch (unit)
	{
		case LPG_TIME_TIMESTAMP:
			if (!lpg_timestamp_to_tz(time, at))
				return false;
			break;
		case LPG_TIME_DATE:
			if (time < PG_INT32_MIN || time > PG_INT32_MAX || !lpg_date_to_tz((DateADT) time, at))
				return false;
			break;
		case LPG_TIME_INTEGER:
			if (pg_mul_s64_overflow(time, USECS_PER_SEC, &time) ||
				pg_sub_s64_overflow(time, LPG_EPOCH_SHIFT, at))
				return false;
			break;
		case LPG_TIME_SECONDS:
			if (pg_sub_s64_overflow(time, LPG_EPOCH_SHIFT, at))
				return false;
			break;
		case LPG_TIME_TIMESTAMPTZ:
			*at = time;
			break;
	}
	return IS_VALID_TIMESTAMP(*at);
}

/*
 * clock.c
 *		Units and texts of times; see clock.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "pg/clock.h"

/* source.c keeps numbers that are not whole to a millionth */
#define REAL_SCALE 1000000

/* Guess the unit of numbers. */
static void
guess(LpgClock *clock, int64 first, int64 last)
{
	static const struct
	{
		const char *name;
		int64 per_second;
	} units[] = {
		{ "seconds since 1970", 1 },
		{ "milliseconds since 1970", 1000 },
		{ "microseconds since 1970", 1000000 },
	};
	bool is_real = clock->unit == LPG_TIME_SECONDS;
	int64 newest = is_real ? last / REAL_SCALE : last;

	clock->name = "a number";
	/* what source.c makes of all that is too large, or too small */
	clock->overflows = is_real && (last == PG_INT64_MAX || first == PG_INT64_MIN);
	if (first < 0 || clock->overflows)
		return;
	for (int i = 0; i < (int) lengthof(units); i++)
	{
		if (newest / units[i].per_second < 100000000 ||
			newest / units[i].per_second >= INT64CONST(10000000000))
			continue;
		clock->name = units[i].name;
		clock->resolution = units[i].per_second;
		clock->per_second = units[i].per_second * (is_real ? REAL_SCALE : 1);
		return;
	}
}

LpgClock
lpg_clock_find(LpgTimeUnit unit, int64 first, int64 last)
{
	LpgClock clock = { NULL, unit, false, 0, 0 };

	if (unit == LPG_TIME_TIMESTAMPTZ)
		clock.name = "timestamp with time zone";
	else if (unit == LPG_TIME_TIMESTAMP)
		clock.name = "timestamp without time zone";
	else if (unit == LPG_TIME_DATE)
		clock.name = "date";
	else
		guess(&clock, first, last);
	return clock;
}

bool
lpg_clock_now(const LpgClock *clock, int64 *now)
{
	TimestampTz start = GetCurrentTransactionStartTimestamp();

	if (clock->unit == LPG_TIME_TIMESTAMPTZ)
		*now = start;
	else if (clock->unit == LPG_TIME_TIMESTAMP)
		*now = DatumGetTimestamp(DirectFunctionCall1(timestamptz_timestamp, TimestampTzGetDatum(start)));
	else if (clock->unit == LPG_TIME_DATE)
		*now = DatumGetDateADT(DirectFunctionCall1(timestamptz_date, TimestampTzGetDatum(start)));
	else if (clock->per_second > USECS_PER_SEC)
		*now = (start + LPG_EPOCH_SHIFT) * (clock->per_second / USECS_PER_SEC);
	else if (clock->per_second > 0)
		*now = (start + LPG_EPOCH_SHIFT) / (USECS_PER_SEC / clock->per_second);
	else
		return false;
	return true;
}

/* What a text says of its time zone. */
typedef enum ZoneText
{
	ZONE_NONE,
	ZONE_UTC
} ZoneText;

static char *
timestamp_text(Timestamp timestamp, ZoneText zone)
{
	struct pg_tm tm;
	fsec_t fsec;
	char text[MAXDATELEN + 1];

	if (timestamp2tm(timestamp, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	/* the zone goes before " BC", so it cannot be put behind it all */
	tm.tm_isdst = 0;
	EncodeDateTime(&tm, fsec, zone == ZONE_UTC, 0, NULL, USE_ISO_DATES, text);
	return pstrdup(text);
}

static char *
date_text(DateADT date)
{
	struct pg_tm tm;
	char text[MAXDATELEN + 1];

	j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	EncodeDateOnly(&tm, USE_ISO_DATES, text);
	return pstrdup(text);
}

char *
lpg_clock_text(const LpgClock *clock, int64 time)
{
	if (clock->unit == LPG_TIME_TIMESTAMPTZ)
		return timestamp_text(time, ZONE_UTC);
	if (clock->unit == LPG_TIME_TIMESTAMP)
		return timestamp_text(time, ZONE_NONE);
	if (clock->unit == LPG_TIME_DATE)
		return date_text((DateADT) time);
	if (clock->per_second > USECS_PER_SEC)
	{
		int64 divisor = clock->per_second / USECS_PER_SEC;

		return timestamp_text((time + divisor / 2) / divisor - LPG_EPOCH_SHIFT, ZONE_UTC);
	}
	if (clock->per_second > 0)
		return timestamp_text(time * (USECS_PER_SEC / clock->per_second) - LPG_EPOCH_SHIFT, ZONE_UTC);
	if (clock->unit == LPG_TIME_SECONDS)
		return psprintf("%.15g", (double) time / REAL_SCALE);
	return psprintf(INT64_FORMAT, time);
}

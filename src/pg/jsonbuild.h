/*
 * jsonbuild.h
 *		Writing JSON text, and making a jsonb of it.
 *
 * Text and not JsonbParseState, whose interface changes between versions of
 * the server.  Numbers that are not finite become null.
 */
#ifndef LPG_JSONBUILD_H
#define LPG_JSONBUILD_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* An object being written. */
typedef struct LpgJson
{
	StringInfo buffer;
	bool empty; /* no key yet */
} LpgJson;

extern void lpg_json_begin(LpgJson *json, StringInfo buffer);
extern void lpg_json_end(LpgJson *json);

/* A key whose value the caller appends to the buffer. */
extern void lpg_json_key(LpgJson *json, const char *key);

extern void lpg_json_int(LpgJson *json, const char *key, int64 value);
extern void lpg_json_real(LpgJson *json, const char *key, double value);
extern void lpg_json_bool(LpgJson *json, const char *key, bool value);
extern void lpg_json_text(LpgJson *json, const char *key, const char *value);
extern void lpg_json_range(LpgJson *json, const char *key, double low, double high);

extern void lpg_json_floats(LpgJson *json, const char *key, const float *values, int n);
extern void lpg_json_int64s(LpgJson *json, const char *key, const int64 *values, int n);

/* The jsonb of complete text. */
extern Datum lpg_json_datum(StringInfo buffer);

#endif /* LPG_JSONBUILD_H */

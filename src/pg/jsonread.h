/*
 * jsonread.h
 *		Numbers, texts and keys out of a jsonb document, whatever the document is.
 */
#ifndef LPG_JSONREAD_H
#define LPG_JSONREAD_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * document -> object -> key as a finite number (true is 1, false 0).  False if
 * something on the way is missing or of another kind.
 */
extern bool lpg_jsonread_number(Jsonb *document, const char *object, const char *key, double *value);

/* document -> key, whatever it is; false if there is no such thing. */
extern bool lpg_jsonread_member(Jsonb *document, const char *key, JsonbValue *value);

/* document -> object -> key, whatever it is; false if there is no such thing. */
extern bool lpg_jsonread_find(Jsonb *document, const char *object, const char *key, JsonbValue *value);

/* The number at a key of an object that was found. */
extern bool lpg_jsonread_number_of(const JsonbValue *object, const char *key, double *value);

/*
 * The array at a key of an object that was found, of at most max numbers that
 * are finite as float; *n says how many.  False for anything else.
 */
extern bool lpg_jsonread_floats(const JsonbValue *object, const char *key, int max, float *values, int *n);

/* The same of whole numbers. */
extern bool lpg_jsonread_int64s(const JsonbValue *object, const char *key, int max, int64 *values, int *n);

/* The text at a key of an object that was found, NULL if there is none. */
extern char *lpg_jsonread_text(const JsonbValue *object, const char *key);

/*
 * The next key of the object that the iterator has begun, and its value; NULL after
 * the last one.
 */
extern char *lpg_jsonread_next(JsonbIterator **iterator, JsonbValue *value);

/* A jsonb number as double; false if it does not fit (*value is infinite then) or is no number (0). */
extern bool lpg_jsonread_double(const JsonbValue *json, double *value);

/* A jsonb number as int64; false if it is not whole or does not fit. */
extern bool lpg_jsonread_int64(const JsonbValue *json, int64 *value);

#endif /* LPG_JSONREAD_H */

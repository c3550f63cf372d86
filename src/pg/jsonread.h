/*
 * jsonread.h
 *		Numbers out of a jsonb document, whatever the document is.
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

/* A jsonb number as double; false if it does not fit (*value is infinite then) or is no number (0). */
extern bool lpg_jsonread_double(const JsonbValue *json, double *value);

/* A jsonb number as int64; false if it is not whole or does not fit. */
extern bool lpg_jsonread_int64(const JsonbValue *json, int64 *value);

#endif /* LPG_JSONREAD_H */

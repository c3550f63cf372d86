/*
 * optjson.h
 *		Training options as jsonb.
 */
#ifndef LPG_OPTJSON_H
#define LPG_OPTJSON_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "core/options.h"

/*
 * Read an object of options; everything not in it stays not given.  ERROR for
 * what is no object, unknown names (with the nearest known), wrong types and
 * values out of range.
 */
extern void lpg_options_from_jsonb(Jsonb *json, LepOptions *options);

/* Set one option; ERROR as above. */
extern void lpg_option_set(LepOptions *options, const char *name, const JsonbValue *value);

/* All values, as a JSON object, appended to the buffer. */
extern void lpg_options_to_json(const LepOptions *options, StringInfo buffer);

/* Only those that not every algorithm takes, of options resolved for one. */
extern void lpg_solver_options_to_json(const LepOptions *options, StringInfo buffer);

/* Only those that were given, as they would be given again. */
extern void lpg_options_given_to_json(const LepOptions *options, StringInfo buffer);

#endif /* LPG_OPTJSON_H */

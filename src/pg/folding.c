/*
 * folding.c
 *		Writing and reading what new users are folded in by.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "core/format.h"
#include "pg/errors.h"
#include "pg/folding.h"
#include "pg/jsonread.h"
#include "pg/pgenv.h"

static int
triangle_size(int n_factors)
{
	int d = n_factors + 1;

	return d * (d + 1) / 2;
}

void
lpg_folding_prior_to_json(const LepFoldinPrior *prior, LpgJson *details)
{
	LpgJson json;

	lpg_json_key(details, "foldin");
	lpg_json_begin(&json, details->buffer);
	lpg_json_real(&json, "noise", prior->noise);
	lpg_json_floats(&json, "mean", prior->mean, prior->n_factors + 1);
	lpg_json_floats(&json, "scale", prior->scale, prior->n_factors + 1);
	lpg_json_floats(&json, "triangle", prior->triangle, triangle_size(prior->n_factors));
	lpg_json_end(&json);
}

void
lpg_folding_rule_to_json(const LepImplicitRule *rule, const double *ratio, LpgJson *details)
{
	LpgJson json;

	lpg_json_key(details, "foldin");
	lpg_json_begin(&json, details->buffer);
	lpg_json_real(&json, "unobserved_weight", rule->unobserved_weight);
	lpg_json_real(&json, "regularization", rule->regularization);
	lpg_json_real(&json, "exponent", rule->exponent);
	lpg_json_int(&json, "confidence", rule->confidence);
	lpg_json_real(&json, "alpha", rule->alpha);
	lpg_json_real(&json, "mean_confidence", rule->mean_confidence);
	if (ratio != NULL)
		lpg_json_real(&json, "blend_ratio", *ratio);
	lpg_json_end(&json);
}

/* Exactly n numbers. */
static bool
read_floats(const JsonbValue *json, const char *key, int n, float *values)
{
	int found;

	return lpg_jsonread_floats(json, key, n, values, &found) && found == n;
}

static bool
read_real(const JsonbValue *json, const char *key, double min, double max, double *value)
{
	return lpg_jsonread_number_of(json, key, value) && *value >= min && *value <= max;
}

static bool
read_rule(const JsonbValue *json, LepImplicitRule *rule)
{
	double confidence;

	if (!read_real(json, "unobserved_weight", 0, LEP_MAX_NORM, &rule->unobserved_weight) ||
		!read_real(json, "regularization", 0, LEP_MAX_NORM, &rule->regularization) ||
		!read_real(json, "exponent", 0, LEP_MAX_EXPONENT, &rule->exponent) ||
		!read_real(json, "confidence", 0, LEP_CONFIDENCE_NONE, &confidence) ||
		!read_real(json, "alpha", 0, LEP_MAX_NORM, &rule->alpha) ||
		!read_real(json, "mean_confidence", 1, LEP_MAX_CONFIDENCE, &rule->mean_confidence) ||
		confidence != floor(confidence))
		return false;
	rule->confidence = (LepConfidence) confidence;
	return true;
}

/* A prior of the version's factors, prepared; false where what is stored is none. */
static bool
read_prior(LepArena *arena, const JsonbValue *json, const LpgVersion *version, LepFoldinPrior *prior)
{
	int n_factors = version->n_factors;
	LepStatus status;

	lpg_check(lep_foldin_create(arena, n_factors, prior), &arena->env->error);
	prior->base = version->mean;
	if (!lpg_jsonread_number_of(json, "noise", &prior->noise) ||
		!read_floats(json, "mean", n_factors + 1, prior->mean) ||
		!read_floats(json, "scale", n_factors + 1, prior->scale) ||
		!read_floats(json, "triangle", triangle_size(n_factors), prior->triangle))
		return false;
	status = lep_foldin_prepare(arena->env, prior);
	if (status != LEP_ERR_BYTES_VALUE)
		lpg_check(status, &arena->env->error);
	return status == LEP_OK;
}

/* What details say; the Gram matrix is still missing.  NULL: nothing. */
static LpgFolding *
read_folding(LepArena *arena, Jsonb *details, const char *model, const LpgVersion *version)
{
	LpgFolding *folding;
	JsonbValue json;
	double weight;
	bool good;

	if (!lpg_jsonread_member(details, "foldin", &json))
		return NULL;
	folding = lep_arena_calloc(arena, 1, sizeof(LpgFolding));
	if (folding == NULL)
		lpg_error(&arena->env->error);
	folding->implicit = lpg_jsonread_number_of(&json, "unobserved_weight", &weight);
	if (folding->implicit)
	{
		good = read_rule(&json, &folding->rule);
		folding->blends = lpg_jsonread_number_of(&json, "blend_ratio", &folding->ratio);
		if (folding->blends)
			good = good && version->has_neighbors && folding->ratio >= 0 && folding->ratio <= LEP_MAX_NORM;
	}
	else
	{
		folding->prior = lep_arena_calloc(arena, 1, sizeof(LepFoldinPrior));
		if (folding->prior == NULL)
			lpg_error(&arena->env->error);
		good = read_prior(arena, &json, version, folding->prior);
	}
	if (!good)
		lpg_registry_fail_row(model, "details -> foldin");
	return folding;
}

/*
 * In a context of its own until it is complete, so that an error in between
 * leaves nothing behind.
 */
const LpgFolding *
lpg_folding_get(LpgHandle *handle)
{
	LpgItems *items = lpg_handle_items(handle);
	MemoryContext context;
	Jsonb *details;
	LpgFolding *folding;
	LepEnv env;
	LepArena arena;

	if (items->folding != NULL)
		return items->folding;
	context = AllocSetContextCreate(CurrentMemoryContext, "lepton folding", ALLOCSET_DEFAULT_SIZES);
	lpg_env_init(&env, context);
	lep_arena_init(&arena, &env);
	details = lpg_handle_details(handle);
	folding = read_folding(&arena, details, handle->name, &handle->version);
	pfree(details);
	if (folding != NULL && folding->implicit)
	{
		folding->gram = lep_gram_create(&arena, items->items, handle->version.n_factors);
		if (folding->gram == NULL)
			lpg_error(&env.error);
	}
	if (folding != NULL)
		lpg_cache_keep_folding(items, folding, context, env.bytes_now);
	else
		MemoryContextDelete(context);
	return folding;
}

void
lpg_folding_check(Jsonb *details, const char *model, const LpgVersion *version)
{
	LepEnv env;
	LepArena arena;

	lpg_env_init(&env, CurrentMemoryContext);
	lep_arena_init(&arena, &env);
	(void) read_folding(&arena, details, model, version);
	lep_arena_drop(&arena);
}

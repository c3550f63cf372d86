/*
 * interval.c
 *		Writing and reading what prediction intervals are made of.
 */
#include "postgres.h"

#include "pg/interval.h"
#include "pg/jsonread.h"
#include "pg/registry.h"

void
lpg_interval_to_json(const LepModel *model, const LepIntervals *intervals, LpgJson *details)
{
	LpgJson json;

	if (intervals->n == 0)
		return;
	lpg_json_key(details, "interval");
	lpg_json_begin(&json, details->buffer);
	lpg_json_int(&json, "n", intervals->n);
	lpg_json_real(&json, "noise", lep_interval_noise(model));
	lpg_json_real(&json, "spread", intervals->spread);
	lpg_json_real(&json, "user_prior", intervals->user_prior);
	lpg_json_real(&json, "item_prior", intervals->item_prior);
	lpg_json_floats(&json, "quantiles", intervals->quantile, LEP_N_QUANTILES);
	lpg_json_end(&json);
}

/* A number from 0 to the square of the largest norm. */
static bool
read_part(const JsonbValue *json, const char *key, double *value)
{
	return lpg_jsonread_number_of(json, key, value) && *value >= 0 && *value <= LEP_MAX_NORM * LEP_MAX_NORM;
}

static bool
read_interval(const JsonbValue *json, LpgInterval *interval)
{
	LepIntervals *intervals = &interval->intervals;
	int n;

	if (!read_part(json, "noise", &interval->noise) || !read_part(json, "spread", &intervals->spread) ||
		!read_part(json, "user_prior", &intervals->user_prior) ||
		!read_part(json, "item_prior", &intervals->item_prior) ||
		!lpg_jsonread_floats(json, "quantiles", LEP_N_QUANTILES, intervals->quantile, &n) ||
		n != LEP_N_QUANTILES)
		return false;
	for (int q = 0; q < n; q++)
	{
		if (intervals->quantile[q] < (q > 0 ? intervals->quantile[q - 1] : 0) ||
			intervals->quantile[q] > LEP_MAX_NORM)
			return false;
	}
	return true;
}

LpgInterval *
lpg_interval_read(Jsonb *details, const char *model, MemoryContext context)
{
	LpgInterval *interval;
	JsonbValue json;

	if (!lpg_jsonread_member(details, "interval", &json))
		return NULL;
	interval = MemoryContextAllocZero(context, sizeof(LpgInterval));
	if (!read_interval(&json, interval))
		lpg_registry_fail_row(model, "details -> interval");
	return interval;
}

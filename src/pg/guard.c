/*
 * guard.c
 *		The verdict on a version that was trained again.
 */
#include "postgres.h"

#include <math.h>

#include "pg/guard.h"
#include "pg/jsonbuild.h"
#include "pg/jsonread.h"

/* Is the option the same in both trainings, as far as it decides what is held out? */
static bool
is_same_option(const LepOptions *options, Jsonb *details, const char *name)
{
	int i = lep_option_find(name);
	JsonbValue value;
	double number;

	if (!lpg_jsonread_find(details, "options", name, &value))
		return false;
	if (value.type == jbvString)
	{
		const char *word = lep_option(i)->words[(int) lep_option_number(options, i)];

		return value.val.string.len == (int) strlen(word) &&
			   memcmp(value.val.string.val, word, value.val.string.len) == 0;
	}
	return lpg_jsonread_double(&value, &number) && number == lep_option_number(options, i);
}

/* Why the metrics of the two are not of the same; NULL: they are. */
static const char *
find_difference(const LpgTraining *work, const LpgGuardCurrent *current)
{
	static const char *const options[] = { "split", "test_fraction", "seed" };
	const char *feedback = lep_feedback_name(work->ratings->feedback);
	JsonbValue value;

	if (!lpg_jsonread_member(current->details, "feedback", &value) || value.type != jbvString ||
		value.val.string.len != (int) strlen(feedback) ||
		memcmp(value.val.string.val, feedback, value.val.string.len) != 0)
		return "the kind of feedback is another";
	for (int i = 0; i < (int) lengthof(options); i++)
	{
		if (!is_same_option(&work->result.options, current->details, options[i]))
			return psprintf("option %s is another", options[i]);
	}
	return NULL;
}

/* The metric of this training and of what it must beat. */
static void
measure(const LpgTraining *work, LpgVerdict *verdict)
{
	const LepTrainResult *r = &work->result;

	if (work->ratings->feedback == LEP_FEEDBACK_EXPLICIT)
	{
		verdict->metric = "rmse";
		verdict->value = r->test.rmse;
		verdict->baseline = r->test_baseline.rmse;
		return;
	}
	verdict->metric = "ndcg";
	if (r->ranking.k > 0)
	{
		verdict->value = r->ranking.figure[LEP_RANKING_NDCG].value;
		verdict->baseline = r->ranking_popular.figure[LEP_RANKING_NDCG].value;
	}
}

static void
read_current(const LpgTraining *work, const LpgGuardCurrent *current, LpgVerdict *verdict)
{
	JsonbValue value;
	double number;

	if (current->version == 0)
		return;
	verdict->not_compared = find_difference(work, current);
	if (verdict->not_compared != NULL)
		return;
	if (lpg_jsonread_member(current->metrics, verdict->metric, &value) &&
		lpg_jsonread_double(&value, &number))
	{
		verdict->current_version = current->version;
		verdict->current = number;
	}
	else
		verdict->not_compared = "the metric is not recorded";
}

static bool
is_error(const LpgVerdict *verdict)
{
	return strcmp(verdict->metric, "rmse") == 0;
}

/* Is the value worse than b by more than this part of b? */
static bool
is_worse(const LpgVerdict *verdict, double b, double part)
{
	if (is_error(verdict))
		return verdict->value > b * (1 + part);
	return verdict->value < b * (1 - Min(part, 1));
}

void
lpg_guard_judge(const LpgTraining *work, const LpgGuardCurrent *current, LpgVerdict *verdict)
{
	const char *name;

	memset(verdict, 0, sizeof(*verdict));
	verdict->value = verdict->baseline = verdict->current = NAN;
	verdict->tolerance = work->options.tolerance;
	measure(work, verdict);
	read_current(work, current, verdict);
	name = is_error(verdict) ? "RMSE" : "NDCG";
	if (isnan(verdict->value))
		verdict->reason = pstrdup("No ratings are held out that it could be judged by.");
	else if (!isnan(verdict->baseline) && is_worse(verdict, verdict->baseline, 0))
		verdict->reason =
			psprintf("Its %s on held-out ratings is %.4f, that of %s %.4f.", name, verdict->value,
					 is_error(verdict) ? "biases alone" : "what is popular", verdict->baseline);
	else if (!isnan(verdict->current) && is_worse(verdict, verdict->current, verdict->tolerance))
		verdict->reason =
			psprintf("Its %s on held-out ratings is %.4f, that of version " INT64_FORMAT
					 " was %.4f: worse by more than tolerance %g.",
					 name, verdict->value, verdict->current_version, verdict->current, verdict->tolerance);
}

char *
lpg_guard_to_json(const LpgVerdict *verdict)
{
	StringInfoData buffer;
	LpgJson json;

	initStringInfo(&buffer);
	lpg_json_begin(&json, &buffer);
	lpg_json_text(&json, "metric", verdict->metric);
	lpg_json_real(&json, "value", verdict->value);
	lpg_json_real(&json, "baseline", verdict->baseline);
	if (verdict->current_version != 0)
	{
		lpg_json_int(&json, "current_version", verdict->current_version);
		lpg_json_real(&json, "current", verdict->current);
	}
	if (verdict->not_compared != NULL)
		lpg_json_text(&json, "not_compared", verdict->not_compared);
	lpg_json_real(&json, "tolerance", verdict->tolerance);
	lpg_json_bool(&json, "passed", verdict->reason == NULL);
	lpg_json_end(&json);
	return buffer.data;
}

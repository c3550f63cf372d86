/*
 * inspect.c
 *		lepton_inspect(source, options): what a training would find, as rows of
 *		(topic, value, advice).
 *
 * Reads the source as a training does, with the same options, and writes
 * nothing.  Figures are of the ratings that a training would learn from: after
 * NULLs, duplicates and options min_user_ratings and min_item_ratings.  What is
 * wrong with the data is a row, and not an error; what is wrong with the call
 * (no such column, options that do not go together) is the training's error.
 *
 * An advice is NULL where nothing is to be done.  Where it is to set options,
 * they also stand in the last row, ready for lepton_train.  Topics, and the
 * order of rows, depend on the columns that the source has and on the feedback.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "core/inspect.h"
#include "core/plan.h"
#include "pg/clock.h"
#include "pg/experiment.h"
#include "pg/optjson.h"
#include "pg/settings.h"
#include "pg/source.h"

/* Shares, in percent, from which on something is worth an advice. */
#define PERCENT_SINGLE	20 /* users or items with one rating */
#define PERCENT_INSTANT 20 /* users with all ratings at one time */
#define PERCENT_COMMON	10 /* ratings of the commonest time */
#define PERCENT_KNOWN	20 /* test ratings older than what was trained on */
#define PERCENT_NEW		50 /* test ratings by time whose user is not known */
#define PERCENT_TOP		50 /* ratings of the commonest 1 % of the items */

/* Fewer ratings per user or item on average are worth an advice. */
#define MIN_RATINGS_PER_ID 5

/* One inspection, from arguments to rows. */
typedef struct Inspection
{
	ReturnSetInfo *rsinfo;
	LepOptions options; /* as given */
	LpgExperiment work;
	LpgClock clock; /* with times only */
	bool knows_now;
	LepInspection found;
	StringInfoData advised; /* options, as the inside of a JSON object */
} Inspection;

/* ------------------------------------------------------------------------- texts */

/* A row; advice may be NULL. */
static void
put(Inspection *x, const char *topic, const char *value, const char *advice)
{
	Datum values[3] = { CStringGetTextDatum(topic), CStringGetTextDatum(value), (Datum) 0 };
	bool nulls[3] = { false, false, advice == NULL };

	if (advice != NULL)
		values[2] = CStringGetTextDatum(advice);
	tuplestore_putvalues(x->rsinfo->setResult, x->rsinfo->setDesc, values, nulls);
}

static char *
count_text(int64 n)
{
	return psprintf(INT64_FORMAT, n);
}

static double
percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* "12 (3.1 %)"; "0" where there is nothing to compare. */
static char *
part_text(int64 part, int64 whole)
{
	if (part == 0)
		return pstrdup("0");
	return psprintf(INT64_FORMAT " (%.3g %%)", part, percent((double) part, (double) whole));
}

/* The option is worth setting: '"name": value' for the last row. */
static void
advise(Inspection *x, const char *option)
{
	appendStringInfo(&x->advised, "%s%s", x->advised.len == 0 ? "" : ", ", option);
}

static bool
is_explicit(const Inspection *x)
{
	return x->work.ratings->feedback == LEP_FEEDBACK_EXPLICIT;
}

/* ------------------------------------------------------------------ rows as read */

static void
put_rows(Inspection *x)
{
	const LpgSource *s = &x->work.source;
	int64 used = s->n_rows - s->n_null_user - s->n_null_item - s->n_null_rating - s->n_null_time -
				 s->n_bad_rating - s->n_bad_time - s->n_long_id;

	if (used == s->n_rows)
		put(x, "rows", count_text(s->n_rows), NULL);
	else
		put(x, "rows", psprintf(INT64_FORMAT ", of which " INT64_FORMAT " can be used", s->n_rows, used),
			NULL);
}

static void
put_nulls(Inspection *x)
{
	const LpgSource *s = &x->work.source;
	const struct
	{
		bool present;
		const char *column;
		int64 n;
	} columns[] = {
		{ true, x->options.user_column, s->n_null_user },
		{ true, x->options.item_column, s->n_null_item },
		{ s->shape.has_rating, x->options.rating_column, s->n_null_rating },
		{ s->shape.has_time, x->options.time_column, s->n_null_time },
	};

	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		if (columns[i].present)
			put(x, psprintf("NULLs in %s", columns[i].column), part_text(columns[i].n, s->n_rows),
				columns[i].n == 0 ? NULL : "a training leaves these rows out");
	}
}

/* "2 ratings NaN, infinite or beyond 1e+12, 1 id of more than 1024 bytes" */
static void
put_refused(Inspection *x)
{
	const LpgSource *s = &x->work.source;
	const struct
	{
		int64 n;
		const char *what;
	} kinds[] = {
		{ s->n_bad_rating, psprintf("with a rating that is NaN, infinite or beyond %g", LEP_MAX_RATING) },
		{ s->n_bad_time, "with a time that is NaN or infinite" },
		{ s->n_long_id, psprintf("with an id of more than %d bytes", LEP_MAX_TEXT_ID) },
	};
	StringInfoData value;

	initStringInfo(&value);
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if (kinds[i].n > 0)
			appendStringInfo(&value, "%s" INT64_FORMAT " %s", value.len == 0 ? "" : ", ", kinds[i].n,
							 kinds[i].what);
	}
	if (s->first_refused == 0)
		put(x, "impossible values", "0", NULL);
	else
		put(x, "impossible values", value.data,
			psprintf("a training stops at them with an ERROR, first at row " INT64_FORMAT
					 ": leave such rows out of the source, or make the values NULL",
					 s->first_refused));
}

/* ---------------------------------------------------------------- users and items */

static void
put_shape(Inspection *x)
{
	const LepRatings *r = x->work.ratings;
	double cells = (double) r->n_users * (double) r->n_items;
	bool few = r->n_ratings < MIN_RATINGS_PER_ID * (int64) r->n_users ||
			   r->n_ratings < MIN_RATINGS_PER_ID * (int64) r->n_items;

	put(x, "users", count_text(r->n_users), NULL);
	put(x, "items", count_text(r->n_items), NULL);
	put(x, "ratings", count_text(r->n_ratings),
		r->n_cold == 0 ? NULL
					   : psprintf(INT64_FORMAT " more are left out by options \"min_user_ratings\" and "
											   "\"min_item_ratings\"",
								  r->n_cold));
	put(x, "density", psprintf("%.4g %%", percent((double) r->n_ratings, cells)),
		!few ? NULL
			 : psprintf("fewer than %d ratings per user or per item: little can be learned of them; compare "
						"\"%s\" after the training",
						MIN_RATINGS_PER_ID,
						is_explicit(x) ? "rmse\" with \"baseline_rmse" : "ndcg\" with \"popular_ndcg"));
}

static void
put_spread(Inspection *x, const char *topic, const LepInspectSpread *spread)
{
	put(x, topic,
		psprintf("min " INT64_FORMAT ", quartiles " INT64_FORMAT ", " INT64_FORMAT ", " INT64_FORMAT
				 ", 90 %% " INT64_FORMAT ", 99 %% " INT64_FORMAT ", max " INT64_FORMAT,
				 spread->min, spread->quartile1, spread->median, spread->quartile3, spread->p90, spread->p99,
				 spread->max),
		NULL);
}

/* Users or items with one rating. */
static void
put_single(Inspection *x, const char *topic, const LepInspectSpread *spread, const char *option,
		   const char *consequence)
{
	bool many = percent(spread->n_single, spread->n) >= PERCENT_SINGLE;
	bool some_left = spread->n - spread->n_single >= 2;

	put(x, topic, part_text(spread->n_single, spread->n),
		!many		? NULL
		: some_left ? psprintf("%s; {\"%s\": 2} leaves them out", consequence, option)
					: consequence);
	/* one such option leaves enough, two may leave nothing */
	if (many && some_left && x->advised.len == 0)
		advise(x, psprintf("\"%s\": 2", option));
}

static void
put_spreads(Inspection *x)
{
	put_spread(x, "ratings per user", &x->found.users);
	put_spread(x, "ratings per item", &x->found.items);
	put_single(x, "users with one rating", &x->found.users, "min_user_ratings",
			   "next to nothing can be learned of them, and nothing tested");
	put_single(x, "items with one rating", &x->found.items, "min_item_ratings",
			   "next to nothing can be learned of them");
}

static void
put_popularity(Inspection *x)
{
	const LepInspectSpread *items = &x->found.items;

	put(x, "popularity",
		psprintf("top 1 %% of the items (%d) %s %.3g %% of the ratings, Gini %.3g", items->n_top,
				 items->n_top == 1 ? "has" : "have", 100 * items->top_share, items->gini),
		100 * items->top_share < PERCENT_TOP
			? NULL
			: "lists will be much like the list of what is popular, and look good in metrics for it");
}

/* ------------------------------------------------------------------------ ratings */

static void
put_duplicates(Inspection *x)
{
	static const char *const becomes[] = {
		[LEP_DUPLICATES_LAST] = "of the same user and item the newest rating counts",
		[LEP_DUPLICATES_MEAN] = "of the same user and item the mean of the ratings counts",
		[LEP_DUPLICATES_SUM] = "of the same user and item the ratings are summed up",
		[LEP_DUPLICATES_MAX] = "of the same user and item the highest rating counts",
	};
	const LepRatings *r = x->work.ratings;
	const char *advice = psprintf("%s; option \"duplicates\" says otherwise", becomes[r->duplicates]);

	if (r->n_merged == 0)
		advice = NULL;
	else if (x->options.duplicates == LEP_DUPLICATES_ERROR)
		advice = "a training stops with an ERROR, by option \"duplicates\" = \"error\"";
	put(x, "duplicates", part_text(r->n_merged, r->n_rows), advice);
}

/* "5 distinct values in steps of 1" */
static char *
distinct_text(const LepInspection *found)
{
	if (found->n_distinct > LEP_INSPECT_MAX_DISTINCT)
		return psprintf("more than %d distinct values", LEP_INSPECT_MAX_DISTINCT);
	if (found->step > 0)
		return psprintf("%d distinct values in steps of %.4g", found->n_distinct, found->step);
	return psprintf("%d distinct values", found->n_distinct);
}

static void
put_scale(Inspection *x)
{
	const LepRatings *r = x->work.ratings;
	const char *each = x->work.source.shape.has_rating ? "" : "every row counts 1: ";

	if (r->min_rating == r->max_rating)
		put(x, "rating scale", psprintf("%sall %.4g", each, r->min_rating), NULL);
	else
		put(x, "rating scale",
			psprintf("%s%.4g to %.4g, mean %.4g, sd %.4g, %s", each, r->min_rating, r->max_rating,
					 x->found.mean, x->found.sd, distinct_text(&x->found)),
			NULL);
}

/* What training will assume of the ratings, and why. */
static void
put_feedback(Inspection *x)
{
	const LepRatings *r = x->work.ratings;
	const char *name = lep_feedback_name(r->feedback);
	const char *advice = NULL;
	const char *why = "ratings differ";

	if (x->options.feedback != LEP_FEEDBACK_AUTO)
		why = "as option \"feedback\" says";
	else if (!x->work.source.shape.has_rating)
		why = "there is no rating column";
	else if (!is_explicit(x))
	{
		why = r->looks_like_counts ? "ratings look like counts: whole numbers from 1 with a long tail"
								   : "ratings are all the same";
		advice =
			"{\"feedback\": \"explicit\"} if they are ratings, {\"feedback\": \"implicit\"} if this is right";
	}
	put(x, "feedback", psprintf("%s: %s", name, why), advice);
}

static void
put_outliers(Inspection *x)
{
	const LepInspection *f = &x->found;
	int64 n = x->work.ratings->n_ratings;

	if (is_explicit(x))
	{
		put(x, psprintf("ratings beyond mean +- %d sd", LEP_INSPECT_FAR), part_text(f->n_far, n),
			f->n_far == 0 ? NULL
						  : "mistakes? they widen the scale of predictions: leave them out, or set "
							"\"rating_scale\"");
		put(x, "users who rate all the same",
			f->n_constant == 0
				? "0"
				: psprintf("%s with %s ratings", part_text(f->n_constant, x->work.ratings->n_users),
						   part_text(f->n_constant_ratings, n)),
			f->n_constant == 0 ? NULL
							   : psprintf("each has at least %d ratings, and they say nothing of her taste",
										  LEP_INSPECT_MIN_CONSTANT));
	}
	put(x, "users with very many ratings",
		f->n_many == 0 ? "0"
					   : psprintf("%s with %s ratings", part_text(f->n_many, x->work.ratings->n_users),
								  part_text(f->n_many_ratings, n)),
		f->n_many == 0 ? NULL
					   : psprintf("more than %d times the 99 %% quantile: robots, or many people of one id?",
								  LEP_INSPECT_MANY));
}

/* -------------------------------------------------------------------------- times */

static void
put_range(Inspection *x)
{
	const LepInspection *f = &x->found;
	char *first = lpg_clock_text(&x->clock, f->first_time);
	char *last = lpg_clock_text(&x->clock, f->last_time);
	const char *advice = NULL;

	if (x->clock.overflows)
		advice =
			"numbers of this size cannot all be told apart: cast the column to bigint, or to a timestamp";
	else if (f->first_time == f->last_time)
		advice = "all ratings are of one time, which says nothing: without the column a training takes less "
				 "memory";
	else if (strncmp(first, "1970-01-01", 10) == 0)
		advice = "are times of 1970 those that were not known?";
	else if ((x->clock.unit == LPG_TIME_INTEGER || x->clock.unit == LPG_TIME_SECONDS) &&
			 x->clock.resolution != 1)
		advice = "predictions for an instant take numbers for seconds since 1970: make timestamps of them";
	put(x, "times", psprintf("%s to %s (%s)", first, last, x->clock.name), advice);
	put(x, "distinct times",
		psprintf(INT64_FORMAT ", the commonest %s with " INT64_FORMAT " %s", f->n_instants,
				 lpg_clock_text(&x->clock, f->common_time), f->n_common_time,
				 f->n_common_time == 1 ? "rating" : "ratings"),
		f->first_time != f->last_time &&
				percent((double) f->n_common_time, (double) x->work.ratings->n_ratings) >= PERCENT_COMMON
			? "many ratings of one time are perhaps of an import: their order is not known"
			: NULL);
}

static void
put_future(Inspection *x)
{
	const LepInspection *f = &x->found;

	if (!x->knows_now)
		put(x, "times in the future", "not known, since the unit is not", NULL);
	else if (f->n_future == 0)
		put(x, "times in the future", "0", NULL);
	else
		put(x, "times in the future",
			psprintf(INT64_FORMAT ", the newest ratings of %d %s and %d %s", f->n_future, f->n_future_users,
					 f->n_future_users == 1 ? "user" : "users", f->n_future_items,
					 f->n_future_items == 1 ? "item" : "items"),
			"a wrong clock or unit? they count as the newest, for duplicates and splits");
}

/* How many test ratings of a split by time are of users that training does not know, in percent. */
static double
new_users(const Inspection *x)
{
	return percent((double) x->found.n_time_test_users, (double) x->found.n_time_test);
}

static void
put_leaks(Inspection *x)
{
	const LepInspection *f = &x->found;
	bool many = percent(f->n_instant, x->work.ratings->n_users) >= PERCENT_INSTANT;
	double known = percent((double) f->n_test_known, (double) f->n_test);

	put(x, "users with all ratings at one time", part_text(f->n_instant, x->work.ratings->n_users),
		!many
			? NULL
			: "which of them is a user's last is not known: {\"split\": \"leave_last\"} would hold out any");
	if (f->n_test == 0)
		put(x, "time leak of a random split", "no test ratings", NULL);
	else
		put(x, "time leak of a random split",
			psprintf("%.3g %% of " INT64_FORMAT " test ratings are older than a training rating of their "
					 "user; " INT64_FORMAT " training ratings are newer than a test rating of their user",
					 known, f->n_test, f->n_newer),
			known < PERCENT_KNOWN ? NULL
								  : "metrics of a random split look better than the first days of use will");
}

/* What a split by time would test on. */
static void
put_time_split(Inspection *x)
{
	const LepInspection *f = &x->found;
	double n = (double) f->n_time_test;

	if (f->n_time_test == 0)
		put(x, "split by time", "no test ratings", NULL);
	else
		put(x, "split by time",
			psprintf(INT64_FORMAT " test ratings, %.3g %% of users and %.3g %% of items without a training "
								  "rating",
					 f->n_time_test, new_users(x), percent((double) f->n_time_test_items, n)),
			new_users(x) < PERCENT_NEW ? NULL : "it would test mostly users of whom nothing is known");
}

/*
 * The split to measure by: time, where there is one that tests users who are
 * known; else each user's last, where that is known.
 */
static const char *
advised_split(const Inspection *x)
{
	const LepInspection *f = &x->found;

	if (!x->work.source.shape.has_time || x->options.test_fraction == 0 ||
		lpg_option_given(&x->options, "split"))
		return NULL;
	if (f->n_time_test > 0 && new_users(x) < PERCENT_NEW)
		return lep_split_name(LEP_SPLIT_TIME);
	if (f->n_instants > 1 && percent(f->n_instant, x->work.ratings->n_users) < PERCENT_INSTANT)
		return lep_split_name(LEP_SPLIT_LEAVE_LAST);
	return NULL;
}

static void
put_split(Inspection *x)
{
	const char *advised = advised_split(x);
	const char *advice = NULL;
	const char *name = lep_split_name((LepSplit) x->options.split);

	if (x->options.split != LEP_SPLIT_RANDOM && !x->work.source.shape.has_time)
		advice = "a training stops with an ERROR: this split needs the time of each rating";
	else if (advised != NULL)
	{
		advise(x, psprintf("\"split\": \"%s\"", advised));
		advice =
			psprintf("{\"split\": \"%s\"} tests on newer ratings than it trains on, as use will", advised);
	}
	put(x, "split",
		x->options.split == LEP_SPLIT_LEAVE_LAST
			? psprintf("%s, each user's newest for the test", name)
			: psprintf("%s, %.4g %% for the test", name, 100 * x->options.test_fraction),
		advice);
}

/* -------------------------------------------------------------------------- plans */

static char *
seconds_text(double seconds)
{
	return seconds < 0.01 ? pstrdup("less than 0.01 s") : psprintf("%.3g s", seconds);
}

/* The algorithms that would run, with their costs; those that have no time in *left_out. */
static char *
plan_text(const LepCandidate *candidates, int n, char **left_out)
{
	StringInfoData planned;
	StringInfoData other;

	initStringInfo(&planned);
	initStringInfo(&other);
	for (int c = 0; c < n; c++)
	{
		StringInfo list = candidates[c].planned ? &planned : &other;
		int n_alike = 1;
		double cost = candidates[c].cost;

		if (candidates[c].reason == LEP_PLAN_BETTER)
			continue;
		/* with other options, of an algorithm that is raced against itself too */
		for (; c + 1 < n && candidates[c + 1].solver == candidates[c].solver && candidates[c].planned &&
			   candidates[c + 1].planned;
			 c++)
		{
			cost += candidates[c + 1].cost;
			n_alike++;
		}
		appendStringInfo(list, "%s%s (%s%s)", list->len == 0 ? "" : ", ",
						 lep_algorithm_name(candidates[c].solver->algorithm),
						 n_alike > 1 ? psprintf("%d times, ", n_alike) : "", seconds_text(cost));
	}
	*left_out = other.len > 0 ? other.data : NULL;
	return planned.data;
}

static void
put_plan(Inspection *x)
{
	LepCandidate candidates[LEP_MAX_TRIALS];
	char *left_out;
	char *planned;
	double cost = lep_plan_cost(x->work.ratings, &x->options);
	size_t training = lep_plan_memory(x->work.ratings, &x->options, lpg_settings_threads());
	size_t memory = Max(training, x->work.ratings->memory_estimate);
	int n;

	lpg_experiment_check(
		&x->work, lep_plan_candidates(x->work.ratings, &x->options, candidates, &n, &x->work.env.error));
	lep_plan_choose(x->work.ratings, candidates, n, candidates[0].options.validation_fraction > 0);
	planned = plan_text(candidates, n, &left_out);
	put(x, "algorithm", planned,
		left_out == NULL ? NULL
						 : psprintf("not within \"time_limit\" (%s): %s",
									seconds_text(candidates[0].options.time_limit), left_out));
	put(x, "training time", psprintf("%s of one core", seconds_text(cost)),
		cost > candidates[0].options.time_limit
			? "more than \"time_limit\": fewer \"factors\" or \"epochs\" take less"
			: NULL);
	put(x, "training memory",
		text_to_cstring(DatumGetTextPP(
			DirectFunctionCall1(pg_size_pretty, Int64GetDatum((int64) Min(memory, (size_t) PG_INT64_MAX))))),
		x->work.env.max_bytes > 0 && memory > x->work.env.max_bytes
			? "more than lepton.max_training_memory, so that a training stops with an ERROR: have it raised, "
			  "or "
			  "ask for fewer \"factors\""
			: NULL);
}

/* --------------------------------------------------------------------------- flow */

/* The source is read as it stands: nothing to check beforehand. */
static void
check_nothing(void *arg, const LpgSource *source)
{
}

/*
 * Sort and merge.  False, with a row that says why, where too little is left to
 * train on.
 */
static bool
finish_ratings(Inspection *x)
{
	LepOptions options = x->options;
	LepStatus status;

	/* to see what there is, rather than to fail at the first */
	if (options.duplicates == LEP_DUPLICATES_ERROR)
		options.duplicates = LEP_DUPLICATES_AUTO;
	status = lep_ratings_finish(x->work.source.builder, &options, &x->work.ratings);
	if (status == LEP_ERR_NO_RATINGS)
		put(x, "ratings", "0",
			"nothing can be trained on: no row can be used, or none is left by options "
			"\"min_user_ratings\" and \"min_item_ratings\"");
	else if (status == LEP_ERR_TOO_FEW)
		put(x, x->work.env.error.what, psprintf("%.0f", x->work.env.error.value),
			psprintf("nothing can be trained on: at least %.0f are needed", x->work.env.error.min));
	else if (status == LEP_ERR_RATING_RANGE)
		put(x, "ratings", psprintf("%g, made of several of one pair", x->work.env.error.value),
			psprintf("nothing can be trained on: ratings can be from -%g to %g; divide them by a constant",
					 x->work.env.error.max, x->work.env.error.max));
	else
		lpg_experiment_check(&x->work, status);
	return status == LEP_OK;
}

/* The engine's figures, of all ratings. */
static void
look(Inspection *x)
{
	LepEnv *env = &x->work.env;
	LepRatings *ratings = x->work.ratings;
	LepInspection *found = &x->found;
	int64 now;

	lpg_experiment_check(&x->work, lep_inspect(env, ratings, &x->options, found));
	if (ratings->time == NULL)
		return;
	x->clock = lpg_clock_find(x->work.source.time_unit, found->first_time, found->last_time);
	x->knows_now = lpg_clock_now(&x->clock, &now);
	if (x->knows_now)
		lpg_experiment_check(&x->work, lep_inspect_future(env, ratings, now, found));
}

static void
put_all(Inspection *x)
{
	put_rows(x);
	put_nulls(x);
	put_refused(x);
	if (!finish_ratings(x))
		return;
	look(x);
	put_duplicates(x);
	put_shape(x);
	put_spreads(x);
	put_popularity(x);
	put_scale(x);
	put_feedback(x);
	put_outliers(x);
	if (x->work.source.shape.has_time)
	{
		put_range(x);
		put_future(x);
		put_leaks(x);
		put_time_split(x);
	}
	put_split(x);
	put_plan(x);
	put(x, "options", psprintf("{%s}", x->advised.data), NULL);
}

PG_FUNCTION_INFO_V1(lepton_inspect);

/*
 * lepton_inspect(source text, options jsonb) -> setof (topic, value, advice)
 *		What the data look like before a training, and what is advised.
 */
Datum
lepton_inspect(PG_FUNCTION_ARGS)
{
	Inspection *x = palloc0(sizeof(Inspection));

	lpg_experiment_require(fcinfo, 0, "the source");
	lpg_options_from_jsonb(lpg_experiment_options(fcinfo, 1), &x->options);
	InitMaterializedSRF(fcinfo, 0);
	x->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	initStringInfo(&x->advised);
	lpg_experiment_begin(&x->work, "inspection");
	lpg_source_survey(text_to_cstring(PG_GETARG_TEXT_PP(0)), &x->options, &x->work.arena, check_nothing, NULL,
					  &x->work.source);
	put_all(x);
	lpg_experiment_end(&x->work);
	return (Datum) 0;
}

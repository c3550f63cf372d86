/*
 * test_faults_train.c
 *		No memory, and no threads, on the way from rows to a model: at each request,
 *		in every algorithm, with every kind of split, in comparisons of them.
 */
#include "faults_sample.h"

#include "core/crossval.h"
#include "core/foldin.h"
#include "core/inspect.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "core/rowstate.h"
#include "core/split.h"
#include "core/tune.h"

/* What all operations are given; nobody may change it but for the parts that a split sets. */
static struct
{
	LepRatings *stars;	/* explicit, with times */
	LepRatings *bought; /* implicit */
} world;

static void
world_begin(void)
{
	FaultSource stars = { &fault_world.sample, LEP_ID_INT64, LEP_ID_TEXT, true, LEP_FEEDBACK_EXPLICIT, 1 };
	FaultSource bought = { &fault_world.sample, LEP_ID_TEXT, LEP_ID_INT64, true, LEP_FEEDBACK_IMPLICIT, 1 };

	fault_world_begin();
	if (fault_ratings(&fault_world.arena, &stars, &world.stars) != LEP_OK ||
		fault_ratings(&fault_world.arena, &bought, &world.bought) != LEP_OK)
		abort();
}

/* ---- rows ---- */

/* FaultRun: a FaultSource to ratings. */
static LepStatus
run_ratings(LepArena *arena, const void *input, FaultDigest *digest)
{
	LepRatings *ratings = NULL;
	LepStatus status;

	status = fault_ratings(arena, input, &ratings);
	if (status == LEP_OK)
		digest_ratings(digest, ratings);
	return status;
}

static void
test_reading(void)
{
	static const LepIdKind kinds[] = { LEP_ID_INT64, LEP_ID_TEXT, LEP_ID_UUID };

	for (int k = 0; k < 3; k++)
	{
		FaultSource source = { &fault_world.sample,	  kinds[k], kinds[(k + 1) % 3], k != 1,
							   LEP_FEEDBACK_EXPLICIT, k };

		fault_sweep(k == 0	 ? "integers and texts"
					: k == 1 ? "texts and uuids"
							 : "uuids and integers",
					run_ratings, &source);
	}
}

/* Pack a state and open the bytes; *bytes is malloc's. */
static LepStatus
pack_state(LepRowState *state, LepRowView *view, uint8_t **bytes)
{
	LepRowPack pack;
	LepStatus status = lep_rowstate_pack(state, 6, &pack);

	if (status == LEP_OK)
	{
		*bytes = malloc(pack.size);
		status = lep_rowstate_write(&pack, "a note", *bytes);
		if (status == LEP_OK)
			status = lep_rowview_open(state->arena->env, *bytes, pack.size, view);
	}
	lep_rowstate_pack_end(&pack);
	return status;
}

static LepStatus
finish_rows(LepRatingsBuilder *builder, FaultDigest *digest)
{
	LepOptions options;
	LepRatings *ratings = NULL;
	LepStatus status;

	lep_options_init(&options);
	status = lep_ratings_finish(builder, &options, &ratings);
	if (status == LEP_OK)
		digest_ratings(digest, ratings);
	return status;
}

/* Rows into the state of the aggregate; that as bytes into another; a copy, and the state itself. */
static LepStatus
run_state(LepArena *arena, const FaultSource *source, uint8_t **bytes, FaultDigest *digest)
{
	const SampleRow *rows = source->sample->rows;
	LepRatingsBuilder *builder = NULL;
	LepStatus status = LEP_OK;
	LepRowState first;
	LepRowState second;
	LepRowView view;

	lep_rowstate_init(&first, arena, source->user_kind, source->item_kind);
	lep_rowstate_init(&second, arena, source->user_kind, source->item_kind);
	for (int64_t j = 0; j < source->sample->n && status == LEP_OK; j++)
	{
		char texts[2][24];
		LepId user = fault_id(source->user_kind, rows[j].user, texts[0]);
		LepId item = fault_id(source->item_kind, rows[j].item, texts[1]);

		status = lep_rowstate_add(&first, &user, &item, rows[j].rating);
	}
	if (status == LEP_OK)
		status = pack_state(&first, &view, bytes);
	if (status == LEP_OK)
		status = lep_rowstate_take(&second, &view);
	if (status == LEP_OK)
		status = lep_rowstate_copy(&second, arena, &builder);
	if (status == LEP_OK)
		status = finish_rows(builder, digest);
	if (status == LEP_OK)
		status = lep_rowstate_release(&second, &builder);
	if (status == LEP_OK)
		status = finish_rows(builder, digest);
	return status;
}

/* FaultRun: a FaultSource through states. */
static LepStatus
run_states(LepArena *arena, const void *input, FaultDigest *digest)
{
	uint8_t *bytes = NULL;
	LepStatus status;

	status = run_state(arena, input, &bytes, digest);
	free(bytes);
	return status;
}

static void
test_states_of_the_aggregate(void)
{
	Sample few = { fault_world.sample.rows, 300 };
	FaultSource source = { &few, LEP_ID_INT64, LEP_ID_TEXT, false, LEP_FEEDBACK_EXPLICIT, 1 };

	fault_sweep("a small state", run_states, &source);
	source.sample = &fault_world.sample;
	source.user_kind = LEP_ID_UUID;
	fault_sweep("a large state", run_states, &source);
}

/* ---- splits, and a look at the data ---- */

/* FaultRun: the words of options. */
static LepStatus
run_split(LepArena *arena, const void *input, FaultDigest *digest)
{
	LepOptions options = fault_options(input);
	LepStatus status = lep_split(arena->env, world.stars, &options);

	if (status == LEP_OK)
		digest_add(digest, world.stars->part, (size_t) world.stars->n_ratings);
	if (status == LEP_OK)
		status = lep_split_fold(arena->env, world.stars, &options, (LepFold){ 2, 3 });
	if (status == LEP_OK)
		digest_add(digest, world.stars->part, (size_t) world.stars->n_ratings);
	return status;
}

static void
test_splits(void)
{
	fault_sweep("split random", run_split, "split=random");
	fault_sweep("split time", run_split, "split=time");
	fault_sweep("split leave_last", run_split, "split=leave_last validation_split=random");
	fault_sweep("split popular", run_split, "validation_split=popular");
}

/* FaultRun */
static LepStatus
run_inspect(LepArena *arena, const void *input, FaultDigest *digest)
{
	LepOptions options = fault_options(input);
	LepInspection found;
	LepStatus status = lep_inspect(arena->env, world.stars, &options, &found);

	if (status == LEP_OK)
		status = lep_inspect_future(arena->env, world.stars, 500 * 86400, &found);
	if (status == LEP_OK)
	{
		digest_real(digest, found.users.gini);
		digest_real(digest, found.items.top_share);
		digest_real(digest, found.sd);
		digest_int(digest, found.n_distinct);
		digest_int(digest, found.n_instants);
		digest_int(digest, found.n_test_known);
		digest_int(digest, found.n_time_test);
		digest_int(digest, found.n_future_items);
	}
	return status;
}

static void
test_inspection(void)
{
	fault_sweep("inspect", run_inspect, "test_fraction=0.2");
}

/* ---- training ---- */

/* A training: options in words, of stars or of what was bought. */
typedef struct Training
{
	const char *name;
	bool is_implicit;
	const char *options;
} Training;

static const Training trainings[] = {
	{ "baseline", false, "algorithm=baseline" },
	{ "sgd", false, "algorithm=sgd factors=4 epochs=2" },
	{ "als", false, "algorithm=als factors=4 epochs=2 point=median" },
	{ "als, warm", false, "algorithm=als factors=4 epochs=2 warm_start=true split=time" },
	{ "bayes", false, "algorithm=bayes factors=3 epochs=2 implicit=none" },
	{ "bayes with times", false, "algorithm=bayes factors=3 epochs=2 time_bins=3 split=leave_last" },
	{ "ials", true, "algorithm=ials factors=4 epochs=2" },
	{ "popular", true, "algorithm=popular window=30" },
	{ "walk", true, "algorithm=walk neighbors=5" },
	{ "slim", true, "algorithm=slim neighbors=5" },
	{ "blend", true, "algorithm=blend" },
	{ "auto, explicit", false, "epochs=2" },
	{ "auto, implicit", true, "epochs=2 time_limit=0.05" },
};

/* FaultRun: a Training. */
static LepStatus
run_training(LepArena *arena, const void *input, FaultDigest *digest)
{
	const Training *training = input;
	LepOptions options = fault_options(training->options);
	LepTrainResult result;
	LepStatus status;

	status = lep_train(arena, training->is_implicit ? world.bought : world.stars, &options, &result);
	if (status == LEP_OK)
	{
		digest_model(digest, &result.model);
		digest_real(digest, result.test.rmse);
		digest_add(digest, result.intervals.quantile, sizeof(result.intervals.quantile));
		digest_int(digest, result.levels.n);
		for (int m = 0; m < LEP_N_RANKING_METRICS && result.ranking.k > 0; m++)
			digest_figure(digest, &result.ranking.figure[m]);
		digest_int(digest, result.n_trials);
	}
	return status;
}

static void
test_every_algorithm(void)
{
	for (size_t t = 0; t < sizeof(trainings) / sizeof(trainings[0]); t++)
	{
		fault_sweep(trainings[t].name, run_training, &trainings[t]);
		fault_sweep_threads(trainings[t].name, run_training, &trainings[t]);
	}
}

/* FaultRun: priors of new users and items, out of a model that is trained undisturbed. */
static LepStatus
run_learn_priors(LepArena *arena, const void *input, FaultDigest *digest)
{
	LepFoldinPrior users;
	LepFoldinPrior items;
	LepStatus status;

	status = lep_pool_start(arena->env);
	if (status == LEP_OK)
		status = lep_foldin_learn(arena, input, world.stars, LEP_PARTS_ALL, &users, &items);
	lep_pool_shutdown(arena->env);
	if (status == LEP_OK)
	{
		digest_real(digest, users.noise);
		digest_add(digest, users.mean, ((size_t) users.n_factors + 1) * sizeof(float));
		digest_add(digest, items.scale, ((size_t) items.n_factors + 1) * sizeof(float));
	}
	return status;
}

static void
test_priors(void)
{
	LepOptions options = fault_options("algorithm=als factors=4 epochs=2");
	LepTrainResult result;

	if (!CHECK_OK(lep_train(&fault_world.arena, world.stars, &options, &result)))
		return;
	fault_sweep("priors of new rows", run_learn_priors, &result.model);
	fault_sweep_threads("priors of new rows", run_learn_priors, &result.model);
}

/* ---- comparisons ---- */

static void
digest_judgement(FaultDigest *digest, const LepJudgement *judgement)
{
	for (int metric = 0; metric < LEP_N_METRICS; metric++)
		digest_figure(digest, &judgement->figure[metric]);
}

static LepContestRules
rules_for(const LepRatings *ratings)
{
	return (LepContestRules){ lep_contest_metrics(ratings->feedback), 5, NAN };
}

/* FaultRun: a Training, cross-validated. */
static LepStatus
run_crossval(LepArena *arena, const void *input, FaultDigest *digest)
{
	const Training *training = input;
	LepRatings *ratings = training->is_implicit ? world.bought : world.stars;
	LepOptions options = fault_options(training->options);
	LepContestRules rules = rules_for(ratings);
	LepFoldResult results[2];
	LepStatus status;

	status = lep_crossval(arena, ratings, &options, &rules, 2, results);
	for (int fold = 0; fold < 2 && status == LEP_OK; fold++)
	{
		digest_judgement(digest, &results[fold].comparison.model);
		digest_judgement(digest, &results[fold].comparison.baseline);
		digest_judgement(digest, &results[fold].comparison.popular);
	}
	return status;
}

static void
test_cross_validation(void)
{
	Training stars = { "folds of stars", false, "algorithm=als factors=4 epochs=2" };
	Training bought = { "folds of what was bought", true, "algorithm=walk neighbors=5" };

	fault_sweep(stars.name, run_crossval, &stars);
	fault_sweep(bought.name, run_crossval, &bought);
	fault_sweep_threads(stars.name, run_crossval, &stars);
}

/* Plan and run four trials. */
static LepStatus
tune(LepArena *arena, LepTuneResult *result)
{
	LepTuneAxis axis = { lep_option_find("regularization"), 0, NULL, 0.01, 1, true };
	LepTuneSpace space = { fault_options("algorithm=als factors=4 epochs=2"), &axis, 1 };
	LepTuneLimits limits = { 4, 9, 1e6 };
	LepOptions trials[4];
	LepTuneWork work = { .ratings = world.stars,
						 .trials = trials,
						 .metric = LEP_METRIC_RMSE,
						 .rules = rules_for(world.stars),
						 .limits = limits };
	LepTunePlan plan;
	LepStatus status = lep_tune_trials(arena->env, &space, &limits, trials, &work.n_trials);

	if (status == LEP_OK)
		status = lep_tune_plan(arena, &work, &plan);
	if (status == LEP_OK)
		status = lep_tune(arena, &work, &plan, result);
	return status;
}

/* FaultRun */
static LepStatus
run_tune(LepArena *arena, const void *input, FaultDigest *digest)
{
	LepTuneResult result;
	LepStatus status;

	(void) input;
	status = tune(arena, &result);
	for (int row = 0; row < result.n_rows && status == LEP_OK; row++)
	{
		digest_int(digest, result.rows[row].trial);
		digest_int(digest, result.rows[row].note);
		digest_figure(digest, &result.rows[row].figure);
	}
	return status;
}

static void
test_tuning(void)
{
	fault_sweep("tune", run_tune, NULL);
	fault_sweep_threads("tune", run_tune, NULL);
}

int
main(void)
{
	lep_kernels_choose();
	world_begin();
	TEST(test_reading);
	TEST(test_states_of_the_aggregate);
	TEST(test_splits);
	TEST(test_inspection);
	TEST(test_every_algorithm);
	TEST(test_priors);
	TEST(test_cross_validation);
	TEST(test_tuning);
	fault_world_end();
	return unit_done();
}

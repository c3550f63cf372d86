/*
 * test_train.c
 *		What training promises around the solvers: parts, early stopping,
 *		retries, auto, references, refit, estimates.
 */
#include "sample.h"

#include "core/kernels.h"
#include "core/precision.h"
#include "core/solver.h"
#include "core/split.h"
#include "core/train.h"

/* A training from rows; options are set between begin and train. */
typedef struct Case
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepTrainResult result;
} Case;

static const SamplePlan medium = { 500, 300, 0.3, 2, 0.3, 1, 3 };

static void
case_begin_sample(Case *c, const Sample *sample, LepFeedback feedback)
{
	unit_env_init(&c->env);
	lep_arena_init(&c->arena, &c->env);
	c->ratings = sample_ratings(&c->arena, sample, feedback);
	lep_options_init(&c->options);
	/* some sweeps of bayes, not all that it would take */
	CHECK_OK(lep_options_set_real(&c->options, "time_limit", 2, &c->env.error));
	memset(&c->result, 0, sizeof(c->result));
}

static void
case_begin(Case *c, const SamplePlan *plan)
{
	Sample sample = sample_planted(plan, 21);

	case_begin_sample(c, &sample, LEP_FEEDBACK_EXPLICIT);
	sample_free(&sample);
}

static void
case_end(Case *c)
{
	lep_arena_drop(&c->arena);
	unit_env_done(&c->env);
}

static void
set_number(Case *c, const char *name, double value)
{
	CHECK_OK(lep_options_set_real(&c->options, name, value, &c->env.error));
}

static void
set_text(Case *c, const char *name, const char *value)
{
	CHECK_OK(lep_options_set_text(&c->options, name, value, &c->env.error));
}

static void
set_refit(Case *c, bool refit)
{
	CHECK_OK(lep_options_set_bool(&c->options, "refit", refit, &c->env.error));
}

static LepStatus
train(Case *c)
{
	return lep_train(&c->arena, c->ratings, &c->options, &c->result);
}

/* RMSE on a part by a loop of our own. */
static double
rmse_of(const LepRatings *ratings, const LepModel *model, LepPart part)
{
	double sum = 0;
	int64_t n = 0;

	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			double score = (double) lep_model_score(model, u, ratings->item[j]);

			if (ratings->part[j] != part)
				continue;
			score = fmin(fmax(score, (double) model->min_score), (double) model->max_score);
			sum += (score - (double) ratings->rating[j]) * (score - (double) ratings->rating[j]);
			n++;
		}
	}
	return sqrt(sum / (double) n);
}

/* The best epoch's model is the result, and patience ends the fit. */
static void
check_early_stopping(const char *algorithm)
{
	Case c;
	int best = 0;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", algorithm);
	set_number(&c, "regularization", 0.01); /* so that it overfits */
	set_number(&c, "factors", 40);
	set_refit(&c, false);
	if (CHECK_OK(train(&c)))
	{
		for (int e = 1; e < c.result.n_curve; e++)
		{
			CHECK_INT_EQ(c.result.curve[e].epoch, e + 1);
			CHECK(c.result.curve[e].train_rmse < c.result.curve[0].train_rmse);
			if (c.result.curve[e].validation_rmse < c.result.curve[best].validation_rmse)
				best = e;
		}
		CHECK_INT_EQ(c.result.epochs, best + 1);
		CHECK_INT_EQ(c.result.n_curve, best + 1 + c.result.options.patience);
		CHECK(c.result.n_curve < c.result.options.epochs);
		CHECK(c.result.validation.rmse == c.result.curve[best].validation_rmse);
		CHECK_CLOSE(c.result.validation.rmse, rmse_of(c.ratings, &c.result.model, LEP_PART_VALIDATION), 1e-9);
		CHECK_CLOSE(c.result.test.rmse, rmse_of(c.ratings, &c.result.model, LEP_PART_TEST), 1e-9);
		CHECK(!c.result.refitted);
		CHECK_INT_EQ(c.result.n_train + c.result.n_validation + c.result.n_test, c.ratings->n_ratings);
		CHECK_INT_EQ(c.result.n_test, c.result.test.n);
	}
	case_end(&c);
}

static void
test_early_stopping_keeps_the_best_epoch(void)
{
	check_early_stopping("sgd");
	check_early_stopping("als");
}

/* The refit is a fit of that many epochs to everything. */
static void
test_refit_uses_all_ratings(void)
{
	Case c;
	Case all;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "als");
	CHECK_OK(train(&c));
	CHECK(c.result.refitted);
	CHECK(c.result.test.rmse > rmse_of(c.ratings, &c.result.model, LEP_PART_TEST),
		  "it has seen the test part");

	case_begin(&all, &medium);
	set_text(&all, "algorithm", "als");
	set_number(&all, "test_fraction", 0);
	set_number(&all, "validation_fraction", 0);
	set_number(&all, "epochs", c.result.epochs);
	CHECK_OK(train(&all));
	CHECK(!all.result.refitted);
	CHECK_INT_EQ(all.result.epochs, c.result.epochs);
	CHECK_BYTES_EQ(all.result.model.user_factors, c.result.model.user_factors,
				   sizeof(float) * (size_t) (500 * c.result.model.stride));
	CHECK_BYTES_EQ(all.result.model.item_bias, c.result.model.item_bias, sizeof(float) * 300);
	case_end(&all);
	case_end(&c);
}

static void
test_without_validation_and_test(void)
{
	Case c;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "sgd");
	set_number(&c, "test_fraction", 0);
	set_number(&c, "validation_fraction", 0);
	set_number(&c, "epochs", 7);
	if (CHECK_OK(train(&c)))
	{
		CHECK_INT_EQ(c.result.epochs, 7);
		CHECK_INT_EQ(c.result.n_curve, 7);
		CHECK(isnan(c.result.curve[6].validation_rmse));
		CHECK(c.result.curve[6].train_rmse < c.result.curve[0].train_rmse);
		CHECK_INT_EQ(c.result.test.n, 0);
		CHECK(isnan(c.result.test.rmse) && isnan(c.result.test_mean.rmse) &&
			  isnan(c.result.test_baseline.rmse) && isnan(c.result.validation.rmse));
		CHECK_INT_EQ(c.result.n_train, c.ratings->n_ratings);
	}
	case_end(&c);
}

static void
test_tiny_data(void)
{
	SampleRow rows[] = { { 1, 1, 5 }, { 1, 2, 3 }, { 2, 1, 4 } };
	Sample sample = { rows, 3 };

	for (int a = LEP_ALGORITHM_AUTO; a < LEP_N_ALGORITHMS; a++)
	{
		Case c;

		if (a != LEP_ALGORITHM_AUTO &&
			(lep_solver_get((LepAlgorithm) a)->feedback & (1u << LEP_FEEDBACK_EXPLICIT)) == 0)
			continue;
		case_begin_sample(&c, &sample, LEP_FEEDBACK_EXPLICIT);
		set_text(&c, "algorithm", lep_algorithm_name(a));
		CHECK_OK(train(&c));
		CHECK(lep_model_is_sane(&c.result.model));
		case_end(&c);
	}
}

/* Mean and biases are judged on the very test part. */
static void
test_references(void)
{
	Case c;
	Case baseline;
	double sum = 0;
	double squares = 0;
	int64_t n = 0;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "als");
	CHECK_OK(train(&c));
	for (int64_t j = 0; j < c.ratings->n_ratings; j++)
	{
		if (c.ratings->part[j] == LEP_PART_TRAIN)
		{
			sum += (double) c.ratings->rating[j];
			n++;
		}
	}
	CHECK_INT_EQ(n, c.result.n_train);
	for (int64_t j = 0; j < c.ratings->n_ratings; j++)
	{
		if (c.ratings->part[j] == LEP_PART_TEST)
			squares += pow((double) c.ratings->rating[j] - sum / (double) n, 2);
	}
	CHECK_CLOSE(c.result.test_mean.rmse, sqrt(squares / (double) c.result.n_test), 1e-6);
	CHECK_INT_EQ(c.result.test_mean.n, c.result.n_test);

	case_begin(&baseline, &medium);
	set_text(&baseline, "algorithm", "baseline");
	CHECK_OK(train(&baseline));
	CHECK(baseline.result.test.rmse == c.result.test_baseline.rmse);
	CHECK(baseline.result.test_baseline.rmse == c.result.test_baseline.rmse);
	CHECK(c.result.test.rmse < c.result.test_baseline.rmse);
	CHECK(c.result.test_baseline.rmse < c.result.test_mean.rmse);
	CHECK_INT_EQ(c.result.ranking.k, 0);
	case_end(&baseline);
	case_end(&c);
}

/* The first that fits runs, and only it; what is left says why. */
static void
test_auto_takes_the_first_that_fits(void)
{
	static const LepAlgorithm order[] = { LEP_ALGORITHM_BAYES, LEP_ALGORITHM_BAYES, LEP_ALGORITHM_SGD,
										  LEP_ALGORITHM_ALS, LEP_ALGORITHM_BASELINE };
	Case c;
	double cost[5];

	case_begin(&c, &medium);
	if (!CHECK_OK(train(&c)) || !CHECK_INT_EQ(c.result.n_trials, 5))
		return;
	for (int t = 0; t < 5; t++)
	{
		const LepTrial *trial = &c.result.trials[t];

		cost[t] = trial->cost;
		CHECK_INT_EQ(trial->algorithm, order[t]);
		CHECK_INT_EQ(trial->ran, t == 0);
		CHECK_INT_EQ(trial->chosen, t == 0);
		CHECK_INT_EQ(trial->reason, t == 0 ? LEP_PLAN_FITS : LEP_PLAN_BETTER);
	}
	CHECK_INT_EQ(c.result.trials[0].options.implicit, LEP_IMPLICIT_BOTH);
	CHECK_INT_EQ(c.result.trials[1].options.implicit, LEP_IMPLICIT_NONE);
	CHECK_CLOSE(lep_plan_cost(c.ratings, &c.options), cost[0], 1e-12);
	CHECK(c.result.validation.rmse == c.result.trials[0].validation_rmse);
	CHECK(c.result.test.rmse < c.result.test_baseline.rmse);

	/* just enough for sgd, whose cost does not depend on the limit */
	set_number(&c, "time_limit", cost[2] * 1.001);
	CHECK_OK(train(&c));
	CHECK_INT_EQ(c.result.algorithm, LEP_ALGORITHM_SGD);
	CHECK_INT_EQ(c.result.trials[0].reason, LEP_PLAN_COSTS);
	CHECK_INT_EQ(c.result.trials[2].reason, LEP_PLAN_FITS);
	CHECK(isnan(c.result.trials[0].validation_rmse));

	/* nothing fits */
	set_number(&c, "time_limit", 0.001);
	CHECK_OK(train(&c));
	CHECK_INT_EQ(c.result.algorithm, LEP_ALGORITHM_BASELINE);
	CHECK_INT_EQ(c.result.trials[4].reason, LEP_PLAN_CHEAPEST);
	case_end(&c);
}

/* Less time: fewer sweeps, down to the least that are worth while; then no implicit information. */
static void
test_auto_makes_bayes_cheaper(void)
{
	Case c;
	LepCandidate candidates[LEP_MAX_TRIALS];
	int n;
	double least;

	case_begin(&c, &medium);
	set_number(&c, "time_limit", 60);
	CHECK_OK(lep_plan_candidates(c.ratings, &c.options, candidates, &n, &c.env.error));
	CHECK_INT_EQ(candidates[0].options.epochs, 400);
	set_number(&c, "time_limit", candidates[0].cost / 2);
	CHECK_OK(lep_plan_candidates(c.ratings, &c.options, candidates, &n, &c.env.error));
	CHECK(candidates[0].options.epochs < 210 && candidates[0].options.epochs > 150);
	CHECK(candidates[0].cost <= candidates[0].options.time_limit);
	set_number(&c, "time_limit", 0.001);
	CHECK_OK(lep_plan_candidates(c.ratings, &c.options, candidates, &n, &c.env.error));
	CHECK_INT_EQ(candidates[0].options.epochs, 100);
	least = candidates[0].cost;
	set_number(&c, "time_limit", least * 0.99);
	CHECK_OK(lep_plan_candidates(c.ratings, &c.options, candidates, &n, &c.env.error));
	lep_plan_choose(c.ratings, candidates, n, true);
	CHECK(!candidates[0].planned);
	for (int v = 1; v < n; v++)
		CHECK(!candidates[v].planned || candidates[v].cost <= least);
	/* what was given stays */
	set_text(&c, "implicit", "users");
	set_number(&c, "epochs", 7);
	CHECK_OK(lep_plan_candidates(c.ratings, &c.options, candidates, &n, &c.env.error));
	for (int v = 0; v < n; v++)
	{
		CHECK_INT_EQ(candidates[v].solver->algorithm, LEP_ALGORITHM_BAYES);
		CHECK_INT_EQ(candidates[v].options.implicit, LEP_IMPLICIT_USERS);
		CHECK_INT_EQ(candidates[v].options.epochs, 7);
	}
	case_end(&c);
}

static void
test_auto_considers_what_takes_the_options(void)
{
	Case c;

	case_begin(&c, &medium);
	set_number(&c, "factors", 8);
	set_number(&c, "epochs", 3);
	CHECK_OK(train(&c));
	CHECK_INT_EQ(c.result.n_trials, 4);
	set_number(&c, "factors", 200);
	CHECK_OK(train(&c));
	CHECK_INT_EQ(c.result.n_trials, 2);
	CHECK_INT_EQ(c.result.algorithm, LEP_ALGORITHM_SGD);
	set_text(&c, "algorithm", "bayes");
	CHECK_STATUS(train(&c), LEP_ERR_OPTION_RANGE);
	CHECK_CLOSE(c.env.error.max, 128, 0);
	set_text(&c, "algorithm", "auto");
	set_number(&c, "factors", 8);
	set_number(&c, "learning_rate", 0.02);
	CHECK_OK(train(&c));
	CHECK_INT_EQ(c.result.n_trials, 1);
	CHECK_INT_EQ(c.result.algorithm, LEP_ALGORITHM_SGD);
	CHECK_CLOSE(c.result.options.learning_rate, 0.02, 0);
	case_end(&c);
}

static void
test_refusals(void)
{
	Case c;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "popular");
	CHECK_STATUS(train(&c), LEP_ERR_OPTION_FEEDBACK);
	CHECK_STR_EQ(c.env.error.what, "explicit");
	CHECK_STR_EQ(c.env.error.text, "popular");
	set_text(&c, "algorithm", "baseline");
	set_number(&c, "factors", 8);
	CHECK_STATUS(train(&c), LEP_ERR_OPTION_ALGORITHM);
	CHECK_STR_EQ(c.env.error.what, "factors");
	case_end(&c);

	case_begin(&c, &medium);
	c.env.max_bytes = lep_plan_memory(c.ratings, &c.options, 1) - 1;
	CHECK_STATUS(train(&c), LEP_ERR_MEMORY_LIMIT);
	CHECK_CLOSE(c.env.error.value, (double) c.env.max_bytes + 1, 0);
	CHECK_CLOSE(c.env.error.max, (double) c.env.max_bytes, 0);
	case_end(&c);
}

/* A step that is too large is halved until it is not. */
static void
test_divergence_is_retried_with_smaller_steps(void)
{
	Case c;
	double halvings;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "sgd");
	set_number(&c, "learning_rate", 1);
	if (CHECK_OK(train(&c)))
	{
		CHECK(c.result.n_retries > 0);
		halvings = log2(1 / c.result.options.learning_rate);
		CHECK_CLOSE(halvings, c.result.n_retries, 0);
		CHECK(lep_model_is_sane(&c.result.model));
		CHECK(c.result.test.rmse < c.result.test_mean.rmse);
	}
	case_end(&c);
}

/* A penalty that no halving of the step makes up for. */
static void
test_hopeless_divergence_is_an_error(void)
{
	Case c;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "sgd");
	set_number(&c, "regularization", 1e6);
	CHECK_STATUS(train(&c), LEP_ERR_DIVERGED);
	CHECK_STR_EQ(c.env.error.what, "sgd");
	CHECK_CLOSE(c.env.error.value, 0.03 / 64, 1e-12);
	case_end(&c);
}

static void
test_predictions_keep_to_the_scale(void)
{
	Case c;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "baseline");
	CHECK_OK(train(&c));
	CHECK(c.result.model.min_score == c.ratings->min_rating);
	CHECK(c.result.model.max_score == c.ratings->max_rating);
	CHECK_OK(lep_options_set_range(&c.options, "rating_scale", -1, 9, &c.env.error));
	CHECK_OK(train(&c));
	CHECK(c.result.model.min_score == -1 && c.result.model.max_score == 9);
	case_end(&c);
}

/* The estimate is what was taken, within a tenth. */
static void
check_memory(const char *algorithm, bool refit)
{
	SamplePlan plan = { 2000, 1000, 0.2, 2, 0.3, 1, 3 };
	Case c;
	double estimate;

	case_begin(&c, &plan);
	set_text(&c, "algorithm", algorithm);
	set_refit(&c, refit);
	if (strcmp(algorithm, "baseline") != 0)
		set_number(&c, "epochs", 2);
	estimate = (double) lep_plan_memory(c.ratings, &c.options, 1);
	c.env.bytes_peak = c.env.bytes_now;
	CHECK_OK(train(&c));
	CHECK_CLOSE((double) c.result.memory_estimate, estimate, 0);
	CHECK((double) c.env.bytes_peak > 0.9 * estimate && (double) c.env.bytes_peak < 1.1 * estimate,
		  "%s: %zu of %g", algorithm, c.env.bytes_peak, estimate);
	case_end(&c);
}

static void
test_memory_is_as_estimated(void)
{
	check_memory("sgd", true);
	check_memory("sgd", false);
	check_memory("als", true);
	check_memory("als", false);
	check_memory("baseline", true);
	check_memory("auto", true);
}

/* What was reported. */
typedef struct Log
{
	int n_train;
	int n_refit;
	int n_begun[LEP_PHASE_REFIT + 1]; /* by phase */
	int last_epoch;
	double share; /* the last that was known */
	bool falls;	  /* did it ever become less? */
} Log;

static void
record(void *host, const LepProgress *progress)
{
	Log *log = host;

	if (progress->epoch == 0)
		log->n_begun[progress->phase]++;
	else if (progress->phase == LEP_PHASE_TRAIN)
		log->n_train++;
	else if (progress->phase == LEP_PHASE_REFIT)
		log->n_refit++;
	log->last_epoch = progress->epoch;
	if (isnan(progress->share))
		return;
	log->falls |= progress->share < log->share;
	log->share = progress->share;
}

static void
test_progress_is_reported(void)
{
	Case c;
	Log log;

	memset(&log, 0, sizeof(log));
	case_begin(&c, &medium);
	c.env.progress_host = &log;
	c.env.progress = record;
	set_text(&c, "algorithm", "als");
	CHECK_OK(train(&c));
	CHECK_INT_EQ(log.n_train, c.result.n_curve);
	CHECK_INT_EQ(log.n_refit, c.result.epochs);
	CHECK_INT_EQ(log.last_epoch, c.result.epochs);
	for (int phase = LEP_PHASE_SORT; phase <= LEP_PHASE_REFIT; phase++)
		CHECK_INT_EQ(log.n_begun[phase], 1);
	case_end(&c);
}

/* Of several candidates and a refit: the share of the work rises from nothing to all of it. */
static void
test_share_of_work_rises(void)
{
	Case c;
	Log log;

	memset(&log, 0, sizeof(log));
	case_begin(&c, &medium);
	c.env.progress_host = &log;
	c.env.progress = record;
	CHECK_OK(train(&c));
	CHECK(log.n_train > 0 && log.n_refit > 0);
	CHECK(!log.falls);
	CHECK(log.share == 1);
	case_end(&c);
	/* without a refit, the fits are all there is */
	memset(&log, 0, sizeof(log));
	case_begin(&c, &medium);
	c.env.progress_host = &log;
	c.env.progress = record;
	set_text(&c, "algorithm", "bayes");
	CHECK_OK(lep_options_set_bool(&c.options, "refit", false, &c.env.error));
	CHECK_OK(train(&c));
	CHECK_INT_EQ(log.n_begun[LEP_PHASE_REFIT], 0);
	CHECK(!log.falls);
	CHECK(log.share == 1);
	case_end(&c);
}

static int64_t n_asked;
static int64_t stop_at;

static bool
counted_stop(void *host)
{
	(void) host;
	return ++n_asked > stop_at;
}

/* Of a training that is stopped a hundred times: more of them are stopped no differently. */
#define N_STOPPED_EPOCHS 12

/* Stopped anywhere: the status says so, no worker is left, nothing leaks. */
static void
test_stops_anywhere(void)
{
	SamplePlan plan = { 80, 60, 0.4, 1, 0.3, 1, 3 };
	int64_t total;

	for (int n_threads = 1; n_threads <= 2; n_threads++)
	{
		Case c;

		case_begin(&c, &plan);
		set_number(&c, "epochs", N_STOPPED_EPOCHS);
		c.env.should_stop = counted_stop;
		n_asked = 0;
		stop_at = INT64_MAX;
		CHECK_OK(train(&c));
		total = n_asked;
		CHECK(total > 100, "asked %d times", (int) total);
		case_end(&c);
		for (int64_t limit = 0; limit < total; limit += 1 + total / 50)
		{
			case_begin(&c, &plan);
			set_number(&c, "epochs", N_STOPPED_EPOCHS);
			c.env.n_threads = n_threads;
			c.env.should_stop = counted_stop;
			n_asked = 0;
			stop_at = limit;
			/* with workers the caller asks less often and may be through first */
			if (n_threads == 1 || limit == 0)
				CHECK_STATUS(train(&c), LEP_ERR_STOPPED);
			else
				CHECK(train(&c) == LEP_ERR_STOPPED || n_asked <= limit);
			case_end(&c);
		}
	}
}

static void
test_implicit_feedback(void)
{
	SamplePlan plan = { 200, 100, 0.2, 0, 0, 0, 1 };
	Sample sample = sample_planted(&plan, 30);
	Case c;

	case_begin_sample(&c, &sample, LEP_FEEDBACK_IMPLICIT);
	set_text(&c, "algorithm", "popular");
	if (CHECK_OK(train(&c)))
	{
		CHECK_INT_EQ(c.result.algorithm, LEP_ALGORITHM_POPULAR);
		/* nothing is decided, so nothing is kept from training for it */
		CHECK_INT_EQ(c.result.n_validation, 0);
		CHECK_INT_EQ(c.result.n_train + c.result.n_test, c.ratings->n_ratings);
		CHECK_INT_EQ(c.result.ranking.k, 10);
		CHECK(c.result.ranking.n_users > 100);
		CHECK(c.result.ranking.figure[LEP_RANKING_NDCG].value > 0 &&
			  c.result.ranking.figure[LEP_RANKING_NDCG].value ==
				  c.result.ranking_popular.figure[LEP_RANKING_NDCG].value);
		CHECK_INT_EQ(c.result.test.n, 0);
		CHECK_INT_EQ(c.result.model.n_factors, 0);
		CHECK(lep_model_is_sane(&c.result.model));
	}
	set_text(&c, "algorithm", "sgd");
	CHECK_STATUS(train(&c), LEP_ERR_OPTION_FEEDBACK);
	case_end(&c);
	sample_free(&sample);
}

/* The stated rule, by libm. */
static void
test_regularization_follows_the_data(void)
{
	Case c;
	double d;

	case_begin(&c, &medium);
	d = (double) c.ratings->n_ratings / (c.ratings->n_users + c.ratings->n_items);
	set_text(&c, "algorithm", "sgd");
	CHECK_OK(train(&c));
	CHECK_CLOSE(c.result.options.regularization, 0.08 * pow(30 / d, 0.375), 0.5001e-4);
	set_number(&c, "regularization", 0.07);
	CHECK_OK(train(&c));
	CHECK_CLOSE(c.result.options.regularization, 0.07, 0);
	case_end(&c);
}

/* Users and items with one rating, and those ratings, are left out of it. */
static void
test_regularization_without_the_lone(void)
{
	Case c;
	double d;

	case_begin(&c, &medium);
	CHECK_INT_EQ(c.ratings->n_lone, 0);
	c.ratings->n_lone = 50;
	d = (double) (c.ratings->n_ratings - 50) / (c.ratings->n_users + c.ratings->n_items - 50);
	set_text(&c, "algorithm", "sgd");
	CHECK_OK(train(&c));
	CHECK_CLOSE(c.result.options.regularization, 0.08 * pow(30 / d, 0.375), 0.5001e-4);
	c.ratings->n_lone = c.ratings->n_users + c.ratings->n_items;
	CHECK_OK(train(&c));
	CHECK_CLOSE(c.result.options.regularization, 0.1, 1e-12);
	case_end(&c);
}

/*
 * A rating far off that the fit did not see makes the refit's error large,
 * whatever the step: that is no divergence.
 */
static void
test_an_outlier_held_out_is_no_divergence(void)
{
	SamplePlan plan = { 300, 100, 0.3, 2, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 31);
	int n_held_out = 0;

	sample.rows[sample.n / 2].rating = 5000;
	for (int seed = 1; seed <= 10; seed++)
	{
		Case c;

		case_begin_sample(&c, &sample, LEP_FEEDBACK_EXPLICIT);
		set_text(&c, "algorithm", "sgd");
		set_number(&c, "factors", 8);
		set_number(&c, "seed", seed);
		CHECK_OK(train(&c));
		for (int64_t j = 0; j < c.ratings->n_ratings; j++)
			n_held_out += c.ratings->rating[j] == 5000 && c.ratings->part[j] != LEP_PART_TRAIN;
		case_end(&c);
	}
	CHECK(n_held_out > 0 && n_held_out < 10);
	sample_free(&sample);
}

/* Fractions that leave no rating to train on are an error of their own, by every algorithm. */
static void
test_nothing_left_to_train_on(void)
{
	SampleRow rows[] = { { 1, 1, 5 }, { 1, 2, 3 }, { 2, 1, 4 }, { 2, 2, 1 } };
	Sample sample = { rows, 4 };
	int n_empty = 0;

	for (int seed = 1; seed <= 20; seed++)
	{
		Case c;
		LepStatus status;

		case_begin_sample(&c, &sample, LEP_FEEDBACK_EXPLICIT);
		set_number(&c, "seed", seed);
		set_number(&c, "test_fraction", 0.9);
		set_number(&c, "validation_fraction", 0.9);
		set_text(&c, "algorithm", seed % 2 == 0 ? "sgd" : "baseline");
		status = train(&c);
		CHECK(status == LEP_OK || status == LEP_ERR_EMPTY_TRAIN);
		n_empty += status == LEP_ERR_EMPTY_TRAIN;
		case_end(&c);
	}
	CHECK(n_empty > 0);
}

/*
 * The model that comes out is what its stored rows will read, and so is the one that
 * was judged: without a refit both are the same.
 */
static void
check_storage(const char *storage, LepPrecision precision)
{
	Case c;
	LepErrorMetrics judged;
	float *row;
	int64_t n;

	case_begin(&c, &medium);
	set_text(&c, "algorithm", "als");
	set_text(&c, "storage", storage);
	set_number(&c, "factors", 5);
	set_refit(&c, false);
	CHECK_OK(train(&c));
	CHECK_OK(lep_metrics_errors(&c.env, &c.result.model, c.ratings, LEP_PARTS_TEST, &judged));
	CHECK(judged.rmse == c.result.test.rmse, "%.9g and %.9g", judged.rmse, c.result.test.rmse);
	n = (int64_t) c.result.model.n_users * c.result.model.stride;
	row = malloc((size_t) n * sizeof(float));
	memcpy(row, c.result.model.user_factors, (size_t) n * sizeof(float));
	CHECK_OK(lep_precision_round_model(&c.env, precision, &c.result.model));
	CHECK_BYTES_EQ(c.result.model.user_factors, row, (size_t) n * sizeof(float));
	/* and there was something to round */
	CHECK_OK(lep_precision_round_model(
		&c.env, precision == LEP_PRECISION_INT8 ? LEP_PRECISION_FLOAT16 : LEP_PRECISION_INT8,
		&c.result.model));
	CHECK(memcmp(c.result.model.user_factors, row, (size_t) n * sizeof(float)) != 0);
	free(row);
	case_end(&c);
}

static void
test_storage_is_what_is_judged(void)
{
	check_storage("float16", LEP_PRECISION_FLOAT16);
	check_storage("int8", LEP_PRECISION_INT8);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_early_stopping_keeps_the_best_epoch);
	TEST(test_refit_uses_all_ratings);
	TEST(test_without_validation_and_test);
	TEST(test_tiny_data);
	TEST(test_references);
	TEST(test_auto_takes_the_first_that_fits);
	TEST(test_auto_makes_bayes_cheaper);
	TEST(test_auto_considers_what_takes_the_options);
	TEST(test_refusals);
	TEST(test_divergence_is_retried_with_smaller_steps);
	TEST(test_hopeless_divergence_is_an_error);
	TEST(test_predictions_keep_to_the_scale);
	TEST(test_memory_is_as_estimated);
	TEST(test_progress_is_reported);
	TEST(test_share_of_work_rises);
	TEST(test_stops_anywhere);
	TEST(test_implicit_feedback);
	TEST(test_regularization_follows_the_data);
	TEST(test_regularization_without_the_lone);
	TEST(test_an_outlier_held_out_is_no_divergence);
	TEST(test_nothing_left_to_train_on);
	TEST(test_storage_is_what_is_judged);
	return unit_done();
}

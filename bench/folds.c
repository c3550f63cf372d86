/*
 * folds.c
 *		Train on one file, judge on another: the engine alone, without a server.
 *
 *	folds TRAIN TEST ALGORITHM [KEY=VALUE ...]
 *
 * Files hold lines "user item rating [time]", separated by tabs.  The model is
 * trained on TRAIN only: what early stopping and auto look at is held out of it
 * (option validation_fraction), and nothing is held out for the metrics
 * (test_fraction 0), since TEST is for that.  KEY=VALUE are options of
 * lepton_train; threads=N is the program's own.
 *
 * Prints one line, "name value" separated by tabs: algorithm, RMSE, MAE, the
 * validation part's RMSE, epochs; CPU seconds of lep_train (all threads,
 * validation and refit included) and its wall seconds, CPU seconds of reading
 * (parsing, ids, canonical order); the most that the engine held at any time, as
 * bytes per rating of TRAIN; the regularisation that was used.
 */
#define PROGRAM "folds"

#include "read.h"

#include <math.h>

#include "core/kernels.h"
#include "core/times.h"
#include "core/train.h"

typedef struct Errors
{
	int64_t n;
	double squared;
	double absolute;
} Errors;

/* What it took. */
typedef struct Cost
{
	double read_cpu; /* seconds */
	double cpu;
	double wall;
} Cost;

/* Judge the model on a file, at the times in it; pairs with an unknown side count too. */
static Errors
judge(const LepRatings *ratings, const LepModel *model, const char *name)
{
	Errors errors = { 0, 0, 0 };
	FILE *file = open_file(name);
	Batch batch;

	while (read_batch(file, &batch) > 0)
	{
		for (int j = 0; j < batch.n; j++)
		{
			float score = lep_times_score(model, lep_idmap_find(ratings->users, &batch.user[j]),
										  lep_idmap_find(ratings->items, &batch.item[j]), &batch.time[j]);
			double e = lep_clip(score, model->min_score, model->max_score) - batch.rating[j];

			errors.n++;
			errors.squared += e * e;
			errors.absolute += fabs(e);
		}
	}
	fclose(file);
	return errors;
}

static void
print_line(const LepEnv *env, const LepRatings *ratings, const LepTrainResult *result, const Errors *errors,
		   const Cost *cost)
{
	printf("%s\trmse %.8g\tmae %.8g\tvalidation %.8g\tepochs %d\tcpu_s %.3f\twall_s %.3f\tread_cpu_s %.3f"
		   "\tbytes_per_rating %.1f\treg %.4g\n",
		   lep_algorithm_name(result->algorithm), sqrt(errors->squared / (double) errors->n),
		   errors->absolute / (double) errors->n, result->validation.rmse, result->epochs, cost->cpu,
		   cost->wall, cost->read_cpu, (double) env->bytes_peak / (double) ratings->n_rows,
		   result->options.regularization);
}

int
main(int argc, char **argv)
{
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepRatings *ratings;
	LepTrainResult result;
	Errors errors;
	Cost cost;

	if (argc < 4)
		die("usage", "folds TRAIN TEST ALGORITHM [KEY=VALUE ...]");
	lep_kernels_choose();
	lep_env_init_malloc(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	check(&env, lep_options_set_real(&options, "test_fraction", 0, &env.error), "test_fraction");
	check(&env, lep_options_set_text(&options, "algorithm", argv[3], &env.error), "algorithm");
	for (int a = 4; a < argc; a++)
		set_option(&env, &options, argv[a]);

	ratings = read_ratings(&arena, argv[1], &options);
	cost.read_cpu = cpu_seconds();
	cost.wall = wall_seconds();
	check(&env, lep_train(&arena, ratings, &options, &result), argv[3]);
	cost.wall = wall_seconds() - cost.wall;
	cost.cpu = cpu_seconds() - cost.read_cpu;
	errors = judge(ratings, &result.model, argv[2]);
	print_line(&env, ratings, &result, &errors, &cost);
	lep_arena_drop(&arena);
	return 0;
}

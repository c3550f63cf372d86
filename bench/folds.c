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
 * Prints one line: algorithm, RMSE, MAE, epochs, CPU seconds of lep_train (all
 * threads, validation and refit included) and the regularisation that was used.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/kernels.h"
#include "core/train.h"

/* Lines of a file, at most LEP_ID_BATCH at a time. */
typedef struct Batch
{
	LepId user[LEP_ID_BATCH];
	LepId item[LEP_ID_BATCH];
	double rating[LEP_ID_BATCH];
	int64_t time[LEP_ID_BATCH];
	int n;
} Batch;

typedef struct Errors
{
	int64_t n;
	double squared;
	double absolute;
} Errors;

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "folds: %s: %s\n", what, detail);
	exit(1);
}

static void
check(LepEnv *env, LepStatus status, const char *what)
{
	if (status == LEP_OK)
		return;
	fprintf(stderr, "folds: %s: %s (%s, %g)\n", what, lep_status_name(status),
			env->error.what != NULL ? env->error.what : "-", env->error.value);
	exit(1);
}

static FILE *
open_file(const char *name)
{
	FILE *file = fopen(name, "r");

	if (file == NULL)
		die(name, strerror(errno));
	return file;
}

/* The next lines; 0 at the end of the file. */
static int
read_batch(FILE *file, Batch *batch)
{
	char line[256];

	batch->n = 0;
	while (batch->n < LEP_ID_BATCH && fgets(line, sizeof(line), file) != NULL)
	{
		long long user;
		long long item;
		long long when = 0;
		double rating;

		if (sscanf(line, "%lld %lld %lf %lld", &user, &item, &rating, &when) < 3)
			die("no line of user, item and rating", line);
		batch->user[batch->n].v.i64 = user;
		batch->item[batch->n].v.i64 = item;
		batch->rating[batch->n] = rating;
		batch->time[batch->n++] = when;
	}
	return batch->n;
}

static LepRatings *
read_ratings(LepArena *arena, const char *name, const LepOptions *options)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, true };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);
	LepRatings *ratings;
	FILE *file = open_file(name);
	Batch batch;

	if (builder == NULL)
		check(arena->env, arena->env->error.status, name);
	while (read_batch(file, &batch) > 0)
		check(arena->env, lep_ratings_add(builder, batch.user, batch.item, batch.rating, batch.time, batch.n),
			  name);
	fclose(file);
	check(arena->env, lep_ratings_finish(builder, options, &ratings), name);
	return ratings;
}

/* Judge the model on a file; pairs with an unknown side count too. */
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
			float score = lep_model_score(model, lep_idmap_find(ratings->users, &batch.user[j]),
										  lep_idmap_find(ratings->items, &batch.item[j]));
			double e = lep_clip(score, model->min_score, model->max_score) - batch.rating[j];

			errors.n++;
			errors.squared += e * e;
			errors.absolute += fabs(e);
		}
	}
	fclose(file);
	return errors;
}

/* KEY=VALUE; a value that is a number is set as one. */
static void
set_option(LepEnv *env, LepOptions *options, char *setting)
{
	char *value = strchr(setting, '=');
	char *end;
	double number;
	LepStatus status;

	if (value == NULL)
		die("not KEY=VALUE", setting);
	*value++ = '\0';
	if (strcmp(setting, "threads") == 0)
	{
		env->n_threads = atoi(value);
		return;
	}
	number = strtod(value, &end);
	if (*end == '\0')
		status = lep_options_set_real(options, setting, number, &env->error);
	else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
		status = lep_options_set_bool(options, setting, value[0] == 't', &env->error);
	else
		status = lep_options_set_text(options, setting, value, &env->error);
	check(env, status, setting);
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
	clock_t begin;
	double seconds;

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
	begin = clock();
	check(&env, lep_train(&arena, ratings, &options, &result), argv[3]);
	seconds = (double) (clock() - begin) / CLOCKS_PER_SEC;
	errors = judge(ratings, &result.model, argv[2]);
	printf("%s\trmse %.5f\tmae %.5f\tvalidation %.5f\tepochs %d\tcpu_s %.3f\treg %.4g\n",
		   lep_algorithm_name(result.algorithm), sqrt(errors.squared / (double) errors.n),
		   errors.absolute / (double) errors.n, result.validation.rmse, result.epochs, seconds,
		   result.options.regularization);
	lep_arena_drop(&arena);
	return 0;
}

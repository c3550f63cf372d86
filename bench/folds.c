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
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/kernels.h"
#include "core/times.h"
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

/* What it took. */
typedef struct Cost
{
	double read_cpu; /* seconds */
	double cpu;
	double wall;
} Cost;

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

/*
 * One line.  Not by sscanf, which takes longer to read 10 million lines than an
 * epoch over them.
 */
static bool
read_line(const char *line, Batch *batch)
{
	char *end;
	int j = batch->n;

	batch->user[j].v.i64 = strtoll(line, &end, 10);
	if (*end != '\t')
		return false;
	batch->item[j].v.i64 = strtoll(end + 1, &end, 10);
	if (*end != '\t')
		return false;
	batch->rating[j] = strtod(end + 1, &end);
	batch->time[j] = *end == '\t' ? strtoll(end + 1, &end, 10) : 0;
	batch->n++;
	return *end == '\n' || *end == '\r' || *end == '\0';
}

/* The next lines; 0 at the end of the file. */
static int
read_batch(FILE *file, Batch *batch)
{
	char line[256];

	batch->n = 0;
	while (batch->n < LEP_ID_BATCH && fgets(line, sizeof(line), file) != NULL)
	{
		if (!read_line(line, batch))
			die("no line of user, item and rating", line);
	}
	return batch->n;
}

/* Does the first line have a fourth field? */
static bool
has_time(const char *name)
{
	char line[256] = "";
	FILE *file = open_file(name);
	int n_tabs = 0;

	if (fgets(line, sizeof(line), file) == NULL)
		die("no ratings", name);
	fclose(file);
	for (const char *c = line; *c != '\0'; c++)
		n_tabs += *c == '\t';
	return n_tabs > 2;
}

static LepRatings *
read_ratings(LepArena *arena, const char *name, const LepOptions *options)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, has_time(name) };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);
	LepRatings *ratings;
	FILE *file = open_file(name);
	Batch batch;

	if (builder == NULL)
		check(arena->env, arena->env->error.status, name);
	while (read_batch(file, &batch) > 0)
		check(arena->env,
			  lep_ratings_add(builder, batch.user, batch.item, batch.rating,
							  shape.has_time ? batch.time : NULL, batch.n),
			  name);
	fclose(file);
	check(arena->env, lep_ratings_finish(builder, options, &ratings), name);
	return ratings;
}

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

static double
wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static double
cpu_seconds(void)
{
	return (double) clock() / CLOCKS_PER_SEC;
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

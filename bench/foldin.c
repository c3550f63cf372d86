/*
 * foldin.c
 *		New users folded in from their first k ratings: how good, how fast.
 *
 *	foldin FILE ALGORITHM [order=random|time] [first=G] [KEY=VALUE ...]
 *
 * FILE holds lines "user item rating [time]", separated by tabs.  Five times,
 * every fifth user (ids that leave the same remainder by 5) is held out entirely
 * and the model, with its priors, learned from the others.  A held-out user's
 * ratings are put in an order, by a hash or by time; for each k she is folded in
 * from the first k and judged on all that follow, where there are any: RMSE of
 * clipped predictions over all ratings of all five parts.  An item that no other
 * user rated is predicted with bias and factors 0 and tells nothing.  With
 * first=1 the part of remainder 0 is left out of judging.
 *
 * Beside: a plain ridge, (G + l (k + 20) sd I), with als's penalty as the model
 * was trained, or 0.09; and biases only, a model of its own with its own prior.
 *
 * Prints for each k: RMSE of biases, ridge and prior, ratings judged, microseconds
 * of one fold-in, CPU time; then CPU milliseconds of learning both priors.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/foldin.h"
#include "core/kernels.h"
#include "core/rng.h"
#include "core/train.h"
#include "core/view.h"

#define N_PARTS 5
#define N_KS	6
#define MAX_K	40

/* Folds of one user, to measure a time that is shorter than the clock's step. */
#define REPEATS 20

static const int ks[N_KS] = { 1, 3, 5, 10, 20, MAX_K };

typedef enum Method
{
	BIASES,
	RIDGE,
	PRIOR,
	N_METHODS
} Method;

typedef struct Line
{
	int64_t user;
	int64_t item;
	double rating;
	int64_t time;
	uint64_t place; /* in her order */
} Line;

typedef struct Sum
{
	int64_t n;
	double squared;
} Sum;

typedef struct Bench
{
	LepEnv env;
	LepOptions options;
	Line *lines; /* by user, in her order */
	int64_t n_lines;
	bool by_time;
	int first;
	Sum sums[N_METHODS][N_KS];
	double fold_seconds[N_KS];
	int64_t n_folds[N_KS];
	double learn_seconds;
} Bench;

/* One part's models and what is folded in with. */
typedef struct Part
{
	LepRatings *ratings;
	LepModel model;
	LepModel biases;
	LepFoldinPrior users;
	LepFoldinPrior ridge[N_KS];
	LepFoldinPrior bias_users;
	void *scratch;
	float *factors;
} Part;

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "foldin: %s: %s\n", what, detail);
	exit(1);
}

static void
check(LepEnv *env, LepStatus status, const char *what)
{
	if (status == LEP_OK)
		return;
	fprintf(stderr, "foldin: %s: %s (%s, %g)\n", what, lep_status_name(status),
			env->error.what != NULL ? env->error.what : "-", env->error.value);
	exit(1);
}

static double
cpu_seconds(void)
{
	return (double) clock() / CLOCKS_PER_SEC;
}

static int
compare_lines(const void *a, const void *b)
{
	const Line *x = a;
	const Line *y = b;

	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

static void
read_lines(Bench *bench, const char *name)
{
	FILE *file = fopen(name, "r");
	int64_t room = 0;
	char text[256];

	if (file == NULL)
		die(name, strerror(errno));
	while (fgets(text, sizeof(text), file) != NULL)
	{
		long long user;
		long long item;
		long long when = 0;
		Line line;

		if (sscanf(text, "%lld %lld %lf %lld", &user, &item, &line.rating, &when) < 3)
			die("no line of user, item and rating", text);
		if (bench->n_lines == room)
		{
			room = 2 * room + 1024;
			bench->lines = realloc(bench->lines, (size_t) room * sizeof(Line));
			if (bench->lines == NULL)
				die(name, "out of memory");
		}
		line.user = user;
		line.item = item;
		line.time = when;
		line.place =
			bench->by_time ? (uint64_t) when : lep_hash_combine((uint64_t) user, (uint64_t) item ^ 0x70);
		bench->lines[bench->n_lines++] = line;
	}
	fclose(file);
	qsort(bench->lines, (size_t) bench->n_lines, sizeof(Line), compare_lines);
}

static bool
is_held_out(const Line *line, int part)
{
	return line->user % N_PARTS == part;
}

static LepRatings *
build_ratings(Bench *bench, LepArena *arena, int part)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, false };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);
	LepRatings *ratings;

	if (builder == NULL)
		check(&bench->env, bench->env.error.status, "ratings");
	for (int64_t j = 0; j < bench->n_lines; j++)
	{
		LepId user = { .v.i64 = bench->lines[j].user };
		LepId item = { .v.i64 = bench->lines[j].item };

		if (!is_held_out(&bench->lines[j], part))
			check(&bench->env, lep_ratings_add(builder, &user, &item, &bench->lines[j].rating, NULL, 1),
				  "ratings");
	}
	check(&bench->env, lep_ratings_finish(builder, &bench->options, &ratings), "ratings");
	return ratings;
}

/* The penalty of als, for k ratings, as a prior: noise 1. */
static void
make_ridge(Bench *bench, LepArena *arena, const LepModel *model, double penalty, LepFoldinPrior *prior)
{
	int n_factors = model->n_factors;

	check(&bench->env, lep_foldin_create(arena, n_factors, prior), "ridge");
	prior->base = model->mean;
	for (int f = 0; f < n_factors; f++)
		prior->scale[f] = (float) (1 / sqrt(penalty));
	prior->scale[n_factors] = (float) (1 / sqrt(3.0));
	check(&bench->env, lep_foldin_prepare(&bench->env, prior), "ridge");
}

static void
train_part(Bench *bench, LepArena *arena, int part_number, Part *part)
{
	LepTrainResult result;
	LepOptions options;
	LepFoldinPrior unused;
	LepMoments moments;
	double begin;
	double penalty;

	part->ratings = build_ratings(bench, arena, part_number);
	check(&bench->env, lep_train(arena, part->ratings, &bench->options, &result), "training");
	part->model = result.model;
	penalty = result.options.regularization > 0 ? result.options.regularization : 0.09;
	check(&bench->env, lep_view_moments(&bench->env, part->ratings, LEP_PARTS_ALL, &moments), "moments");
	begin = cpu_seconds();
	check(&bench->env,
		  lep_foldin_learn(arena, &part->model, part->ratings, LEP_PARTS_ALL, &part->users, &unused),
		  "priors");
	bench->learn_seconds += cpu_seconds() - begin;
	for (int q = 0; q < N_KS; q++)
		make_ridge(bench, arena, &part->model, penalty * (ks[q] + 20) * moments.sd, &part->ridge[q]);

	lep_options_init(&options);
	check(&bench->env, lep_options_set_text(&options, "algorithm", "baseline", &bench->env.error), "options");
	check(&bench->env, lep_options_set_real(&options, "test_fraction", 0, &bench->env.error), "options");
	check(&bench->env, lep_train(arena, part->ratings, &options, &result), "baseline");
	part->biases = result.model;
	check(&bench->env,
		  lep_foldin_learn(arena, &part->biases, part->ratings, LEP_PARTS_ALL, &part->bias_users, &unused),
		  "priors");
	part->scratch =
		lep_arena_alloc(arena, 1, lep_foldin_scratch(LEP_FOLDIN_AUTO, part->model.n_factors, MAX_K));
	part->factors = lep_arena_alloc(arena, part->model.stride + 1, sizeof(float));
	if (part->scratch == NULL || part->factors == NULL)
		check(&bench->env, bench->env.error.status, "scratch");
}

static int32_t
find_item(const Part *part, const Line *line)
{
	LepId id = { .v.i64 = line->item };

	return lep_idmap_find(part->ratings->items, &id);
}

/* Fold a user's first k ratings in by one method, and judge on the others. */
static void
fold_user(Bench *bench, Part *part, const Line *lines, int64_t n, int q, Method method)
{
	const LepModel *model = method == BIASES ? &part->biases : &part->model;
	const LepFoldinPrior *prior = method == BIASES	? &part->bias_users
								  : method == RIDGE ? &part->ridge[q]
													: &part->users;
	LepFoldinInput input = { .n = ks[q], .bias = model->item_bias, .factors = model->item_factors };
	float rating[MAX_K];
	int32_t row[MAX_K];
	float bias = 0;
	double begin;

	for (int j = 0; j < ks[q]; j++)
	{
		rating[j] = (float) lines[j].rating;
		row[j] = find_item(part, &lines[j]);
	}
	input.rating = rating;
	input.row = row;
	begin = cpu_seconds();
	for (int repeat = 0; repeat < (method == PRIOR ? REPEATS : 1); repeat++)
		check(&bench->env,
			  lep_foldin_user(prior, &input, part->scratch, &bias, part->factors, &bench->env.error),
			  "fold-in");
	if (method == PRIOR)
	{
		bench->fold_seconds[q] += cpu_seconds() - begin;
		bench->n_folds[q] += REPEATS;
	}
	for (int64_t j = ks[q]; j < n; j++)
	{
		int32_t i = find_item(part, &lines[j]);
		float score =
			lep_score(model->mean, bias, i >= 0 ? model->item_bias[i] : 0, part->factors,
					  i >= 0 && model->stride > 0 ? model->item_factors + (int64_t) i * model->stride : NULL,
					  model->stride);
		double e = (double) lep_clip(score, model->min_score, model->max_score) - lines[j].rating;

		bench->sums[method][q].n++;
		bench->sums[method][q].squared += e * e;
	}
}

static void
judge_part(Bench *bench, Part *part, int part_number)
{
	int64_t end;

	for (int64_t j = 0; j < bench->n_lines; j = end)
	{
		for (end = j + 1; end < bench->n_lines && bench->lines[end].user == bench->lines[j].user; end++)
			;
		if (!is_held_out(&bench->lines[j], part_number))
			continue;
		for (int q = 0; q < N_KS && end - j > ks[q]; q++)
		{
			for (Method method = 0; method < N_METHODS; method++)
				fold_user(bench, part, bench->lines + j, end - j, q, method);
		}
	}
}

static void
set_option(Bench *bench, char *setting)
{
	char *value = strchr(setting, '=');
	char *end;
	double number;
	LepStatus status;

	if (value == NULL)
		die("not KEY=VALUE", setting);
	*value++ = '\0';
	number = strtod(value, &end);
	if (strcmp(setting, "order") == 0)
		bench->by_time = strcmp(value, "time") == 0;
	else if (strcmp(setting, "first") == 0)
		bench->first = atoi(value);
	else
	{
		status = *end == '\0' ? lep_options_set_real(&bench->options, setting, number, &bench->env.error)
							  : lep_options_set_text(&bench->options, setting, value, &bench->env.error);
		check(&bench->env, status, setting);
	}
}

static void
print_results(const Bench *bench)
{
	for (int q = 0; q < N_KS; q++)
	{
		printf("%d", ks[q]);
		for (Method method = 0; method < N_METHODS; method++)
			printf("\t%.4f", sqrt(bench->sums[method][q].squared / (double) bench->sums[method][q].n));
		printf("\t%lld\t%.2f\n", (long long) bench->sums[PRIOR][q].n,
			   1e6 * bench->fold_seconds[q] / (double) bench->n_folds[q]);
	}
	printf("learn\t%.1f\n", 1e3 * bench->learn_seconds / (N_PARTS - bench->first));
}

int
main(int argc, char **argv)
{
	static Bench bench;

	if (argc < 3)
		die("usage", "foldin FILE ALGORITHM [order=random|time] [first=G] [KEY=VALUE ...]");
	lep_kernels_choose();
	lep_env_init_malloc(&bench.env);
	lep_options_init(&bench.options);
	check(&bench.env, lep_options_set_real(&bench.options, "test_fraction", 0, &bench.env.error),
		  "test_fraction");
	check(&bench.env, lep_options_set_text(&bench.options, "algorithm", argv[2], &bench.env.error),
		  "algorithm");
	for (int a = 3; a < argc; a++)
		set_option(&bench, argv[a]);
	read_lines(&bench, argv[1]);
	for (int p = bench.first; p < N_PARTS; p++)
	{
		LepArena arena;
		Part part;

		lep_arena_init(&arena, &bench.env);
		train_part(&bench, &arena, p, &part);
		judge_part(&bench, &part, p);
		lep_arena_drop(&arena);
	}
	print_results(&bench);
	free(bench.lines);
	return 0;
}

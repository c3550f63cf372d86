/*
 * rerank.c
 *		What another order of lists costs: a model of implicit feedback, lists by
 *		score and with popularity penalties, diversity and limits of groups, judged
 *		on another file.  The engine alone, without a server.
 *
 *	rerank TRAIN TEST ALGORITHM [KEY=VALUE ...]
 *
 * Files and options as for lists.c; users=N: every so-manieth user of TEST whom TRAIN
 * has, about N of them (2000; 0: all).  Lists are of 20 items that are not the user's
 * in TRAIN.
 *
 * The files have no groups.  Two stand in for them: items at random, 50 of equal size
 * (by a hash of the number), and items that are alike, up to 64 of them: by which of
 * the factors of an ials with 32 is largest in magnitude, and by its sign.
 *
 * Prints a line for each setting: what it is; recall and NDCG at 20; items that are
 * in any list, as part of the catalogue; ratings in TRAIN of a listed item, the mean
 * over the lists; items of a list that are of its most frequent kind, the mean;
 * microseconds for a list.
 */
#define PROGRAM "rerank"

#include "read.h"

#include <math.h>

#include "core/kernels.h"
#include "core/rerank.h"
#include "core/rng.h"
#include "core/train.h"

#define K		 20
#define N_RANDOM 50
#define N_KINDS	 64

typedef struct Bench
{
	LepEnv env;
	LepArena arena;
	LepRatings *train;
	LepRatings *test;
	LepTrainResult result;
	LepServed served;
	int32_t *n_ratings; /* [n_items] */
	int32_t *random;	/* [n_items] group */
	int32_t *kind;		/* [n_items] group of those that are alike */
	int32_t *item_of;	/* [items of TEST] */
	int32_t *user_of;	/* [users of TEST] */
	int64_t every;		/* so-manieth user */
} Bench;

typedef struct Setting
{
	const char *name;
	LepRerank rerank;
	int groups; /* 0: none; 1: at random, 2: kinds */
} Setting;

/* Sums over users. */
typedef struct Figures
{
	int64_t n_users;
	int64_t n_listed;
	double recall;
	double ndcg;
	double n_ratings;
	double same_kind;
	double seconds;
	uint8_t *is_listed; /* [n_items] */
} Figures;

static void *
allocate(Bench *bench, int64_t n, size_t size)
{
	void *memory = lep_arena_calloc(&bench->arena, n, size);

	if (memory == NULL)
		check(&bench->env, bench->env.error.status, "memory");
	return memory;
}

/* The number in `map` of each id of `ids`, -1 where it has none. */
static int32_t *
map_ids(Bench *bench, const LepIdMap *ids, const LepIdMap *map, int32_t n)
{
	int32_t *numbers = allocate(bench, n, sizeof(int32_t));

	for (int32_t i = 0; i < n; i++)
	{
		LepId id = lep_idmap_id(ids, i);

		numbers[i] = lep_idmap_find(map, &id);
	}
	return numbers;
}

static void
train(Bench *bench, LepOptions *options, LepTrainResult *result)
{
	check(&bench->env, lep_options_set_text(options, "feedback", "implicit", &bench->env.error), "feedback");
	check(&bench->env, lep_options_set_real(options, "test_fraction", 0, &bench->env.error), "test_fraction");
	check(&bench->env, lep_options_set_real(options, "validation_fraction", 0, &bench->env.error),
		  "validation_fraction");
	check(&bench->env, lep_train(&bench->arena, bench->train, options, result), "training");
}

/* Which factor is the largest, and its sign. */
static int32_t
kind_of(const float *row, int n_factors)
{
	int best = 0;

	for (int f = 1; f < n_factors; f++)
	{
		if (fabsf(row[f]) > fabsf(row[best]))
			best = f;
	}
	return 2 * best + (row[best] > 0);
}

static void
make_groups(Bench *bench)
{
	LepTrainResult result;
	LepOptions options;

	lep_options_init(&options);
	check(&bench->env, lep_options_set_text(&options, "algorithm", "ials", &bench->env.error), "kinds");
	check(&bench->env, lep_options_set_real(&options, "factors", N_KINDS / 2, &bench->env.error), "kinds");
	train(bench, &options, &result);
	bench->random = allocate(bench, bench->train->n_items, sizeof(int32_t));
	bench->kind = allocate(bench, bench->train->n_items, sizeof(int32_t));
	for (int32_t i = 0; i < bench->train->n_items; i++)
	{
		LepRng rng;

		lep_rng_init(&rng, 1, 0, (uint64_t) i);
		bench->random[i] = (int32_t) (lep_rng_uniform(&rng) * N_RANDOM);
		bench->kind[i] = kind_of(result.model.item_factors + (size_t) i * (size_t) result.model.stride,
								 result.model.n_factors);
	}
}

/* The model as the extension keeps it for answering. */
static void
serve(Bench *bench)
{
	LepModel *model = &bench->result.model;
	int32_t *order = allocate(bench, model->n_items, sizeof(int32_t));

	bench->n_ratings = allocate(bench, model->n_items, sizeof(int32_t));
	for (int64_t r = 0; r < bench->train->n_ratings; r++)
		bench->n_ratings[bench->train->item[r]]++;
	check(&bench->env, lep_neighbors_order(&bench->env, model->item_bias, model->n_items, order), "order");
	bench->served.mean = model->mean;
	bench->served.items = lep_items_create(&bench->arena, model->n_items, model->n_factors, model->mean,
										   model->item_bias, model->item_factors);
	if (bench->served.items == NULL)
		check(&bench->env, bench->env.error.status, "items");
	bench->served.neighbors = model->neighbors;
	bench->served.popularity = model->item_bias;
	bench->served.order = order;
}

/* Hits of a list that has this user's items of TEST to find. */
static void
judge(const Bench *bench, int32_t row, const LepTopnEntry *entries, int64_t n_found, Figures *figures)
{
	const LepRatings *test = bench->test;
	int64_t n_relevant = test->user_start[row + 1] - test->user_start[row];
	int32_t n_of[N_KINDS] = { 0 };
	int32_t most = 0;
	double hits = 0;
	double gain = 0;
	double ideal = 0;

	for (int64_t e = 0; e < n_found; e++)
	{
		int32_t item = entries[e].item;

		for (int64_t r = test->user_start[row]; r < test->user_start[row + 1]; r++)
		{
			if (bench->item_of[test->item[r]] == item)
			{
				hits++;
				gain += 1 / log2((double) e + 2);
			}
		}
		n_of[bench->kind[item]]++;
		most = n_of[bench->kind[item]] > most ? n_of[bench->kind[item]] : most;
		figures->n_ratings += bench->n_ratings[item];
		figures->is_listed[item] = 1;
	}
	for (int64_t e = 0; e < K && e < n_relevant; e++)
		ideal += 1 / log2((double) e + 2);
	figures->n_users++;
	figures->n_listed += n_found;
	figures->same_kind += most;
	figures->recall += hits / (double) n_relevant;
	figures->ndcg += gain / ideal;
}

static void
list(Bench *bench, int32_t row, Setting *setting, Figures *figures)
{
	const LepRatings *ratings = bench->train;
	const LepModel *model = &bench->result.model;
	int32_t u = bench->user_of[row];
	const int32_t *own = ratings->item + ratings->user_start[u];
	int64_t n_own = ratings->user_start[u + 1] - ratings->user_start[u];
	LepServedUser user = { .known = true, .bias = model->user_bias[u], .basket = { own, NULL, n_own } };
	LepServedQuery query = { .n = K, .exclude = own, .n_exclude = n_own };
	static int32_t n_listed[N_KINDS > N_RANDOM ? N_KINDS : N_RANDOM];
	LepTopnEntry entries[K];
	LepOrigin origins[K];
	LepServedScan scan;
	LepArena arena;
	int64_t n_found;
	double begin = wall_seconds();

	if (model->n_factors > 0)
		user.row = model->user_factors + (size_t) u * (size_t) model->stride;
	memset(n_listed, 0, sizeof(n_listed));
	setting->rerank.n_listed = n_listed;
	lep_arena_init(&arena, &bench->env);
	check(&bench->env, lep_serve_scan(&arena, &bench->served, &user, &scan), "scan");
	check(&bench->env,
		  lep_rerank_topn(&bench->env, &scan, &query, &setting->rerank, entries, origins, &n_found), "list");
	lep_arena_drop(&arena);
	figures->seconds += wall_seconds() - begin;
	judge(bench, row, entries, n_found, figures);
}

static void
measure(Bench *bench, Setting *setting)
{
	Figures figures = { .is_listed = allocate(bench, bench->train->n_items, 1) };
	int64_t n_covered = 0;
	double n;

	setting->rerank.n_ratings = bench->n_ratings;
	if (setting->rerank.max_per_group == 0)
		setting->rerank.max_per_group = 1;
	setting->rerank.n_groups = setting->groups == 1 ? N_RANDOM : N_KINDS;
	if (setting->groups > 0)
		setting->rerank.group = setting->groups == 1 ? bench->random : bench->kind;
	for (int64_t row = 0; row < bench->test->n_users; row += bench->every)
	{
		if (bench->user_of[row] >= 0)
			list(bench, (int32_t) row, setting, &figures);
	}
	for (int32_t i = 0; i < bench->train->n_items; i++)
		n_covered += figures.is_listed[i];
	n = (double) figures.n_users;
	printf("%-34s %9.4f %8.4f %8.1f %% %9.0f %10.1f %8.0f\n", setting->name, figures.recall / n,
		   figures.ndcg / n, 100.0 * (double) n_covered / bench->train->n_items,
		   figures.n_ratings / (double) figures.n_listed, figures.same_kind / n, 1e6 * figures.seconds / n);
}

int
main(int argc, char **argv)
{
	static Setting settings[] = {
		{ .name = "by score" },
		{ .name = "popularity_penalty 0.3", .rerank.popularity_penalty = 0.3 },
		{ .name = "popularity_penalty 1", .rerank.popularity_penalty = 1 },
		{ .name = "popularity_penalty 3", .rerank.popularity_penalty = 3 },
		{ .name = "popularity_penalty 10", .rerank.popularity_penalty = 10 },
		{ .name = "diversity 0.1", .rerank.diversity = 0.1 },
		{ .name = "diversity 0.3", .rerank.diversity = 0.3 },
		{ .name = "diversity 0.5", .rerank.diversity = 0.5 },
		{ .name = "diversity 0.8", .rerank.diversity = 0.8 },
		{ .name = "max_per_group 1, random groups", .rerank.max_per_group = 1, .groups = 1 },
		{ .name = "max_per_group 5, alike", .rerank.max_per_group = 5, .groups = 2 },
		{ .name = "max_per_group 2, alike", .rerank.max_per_group = 2, .groups = 2 },
		{ .name = "max_per_group 1, alike", .rerank.max_per_group = 1, .groups = 2 },
		{ .name = "0.3, 5 alike, diversity 0.3",
		  .rerank = { .popularity_penalty = 0.3, .max_per_group = 5, .diversity = 0.3 },
		  .groups = 2 },
	};
	Bench bench = { .every = 1 };
	LepOptions options;
	int n_users = 2000;
	double cpu;

	if (argc < 4)
		die("usage", "rerank TRAIN TEST ALGORITHM [KEY=VALUE ...]");
	lep_kernels_choose();
	lep_env_init_malloc(&bench.env);
	lep_arena_init(&bench.arena, &bench.env);
	lep_options_init(&options);
	check(&bench.env, lep_options_set_text(&options, "algorithm", argv[3], &bench.env.error), "algorithm");
	for (int a = 4; a < argc; a++)
	{
		if (strncmp(argv[a], "users=", 6) == 0)
			n_users = atoi(argv[a] + 6);
		else
			set_option(&bench.env, &options, argv[a]);
	}
	bench.train = read_ratings(&bench.arena, argv[1], &options);
	bench.test = read_ratings(&bench.arena, argv[2], &options);
	cpu = cpu_seconds();
	train(&bench, &options, &bench.result);
	cpu = cpu_seconds() - cpu;
	make_groups(&bench);
	serve(&bench);
	bench.item_of = map_ids(&bench, bench.test->items, bench.train->items, bench.test->n_items);
	bench.user_of = map_ids(&bench, bench.test->users, bench.train->users, bench.test->n_users);
	if (n_users > 0 && bench.test->n_users > n_users)
		bench.every = bench.test->n_users / n_users;
	printf("trained in %.1f CPU s\n", cpu);
	printf("%-34s %9s %8s %10s %9s %10s %8s\n", "", "Recall@20", "NDCG@20", "catalogue", "ratings",
		   "same kind", "us");
	for (size_t s = 0; s < sizeof(settings) / sizeof(settings[0]); s++)
		measure(&bench, &settings[s]);
	lep_arena_drop(&bench.arena);
	return 0;
}

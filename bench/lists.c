/*
 * lists.c
 *		Train on one file of implicit feedback, judge lists on another: the
 *		engine alone, without a server.
 *
 *	lists TRAIN TEST ALGORITHM [KEY=VALUE ...]
 *
 * Files hold lines "user item rating [time]", separated by tabs.  The model is
 * trained on TRAIN only: what a solver stops by is held out of it (option
 * validation_fraction), and nothing is held out for the metrics (test_fraction 0),
 * since TEST is for that.  Each user of TEST whom TRAIN has gets a list of the
 * best items of TRAIN that are not hers in TRAIN; items of TEST that TRAIN has not
 * are missed.  KEY=VALUE are options of lepton_train; threads=N, k=N (length of
 * the lists, 20) and auc=1 (that too, of all users) are the program's own.  For
 * blend part=ALGORITHM,KEY=VALUE,... stands twice, and weights=A,B.
 *
 * Prints a line beginning with # for each candidate of auto, and one line, "name
 * value" separated by tabs: algorithm, recall, NDCG and precision at k; epochs; CPU
 * seconds of lep_train (all threads) and its wall seconds; the most that the engine
 * held until then, in MB, ratings included; AUC; CPU seconds of the lists and their
 * metrics; a hash of the model.
 */
#define PROGRAM "lists"

#include "read.h"

#include <inttypes.h>
#include <math.h>

#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/ranking.h"
#include "core/train.h"

typedef struct Bench
{
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepParts parts; /* of blend */
	int n_parts;
	int k;
	bool auc;
	LepRatings *train;
	LepRatings *test;
	LepTrainResult result;
	double cpu; /* seconds */
	double wall;
	double held; /* MB */
	double judging;
} Bench;

/* The number in `map` of each id of `ids`, -1 where it has none. */
static int32_t *
map_ids(Bench *bench, const LepIdMap *ids, const LepIdMap *map, int32_t n)
{
	int32_t *numbers = lep_arena_alloc(&bench->arena, n, sizeof(int32_t));

	if (numbers == NULL)
		check(&bench->env, bench->env.error.status, "ids");
	for (int32_t i = 0; i < n; i++)
	{
		LepId id = lep_idmap_id(ids, i);

		numbers[i] = lep_idmap_find(map, &id);
	}
	return numbers;
}

/* The items that each user of TEST has in TRAIN. */
static LepView
seen_items(Bench *bench, const int32_t *user_of)
{
	const LepRatings *train = bench->train;
	int32_t n_rows = bench->test->n_users;
	int64_t *start = lep_arena_alloc(&bench->arena, (int64_t) n_rows + 1, sizeof(int64_t));
	int32_t *column = lep_arena_alloc(&bench->arena, train->n_ratings, sizeof(int32_t));
	LepView view;

	if (start == NULL || column == NULL)
		check(&bench->env, bench->env.error.status, "seen items");
	start[0] = 0;
	for (int32_t row = 0; row < n_rows; row++)
	{
		int32_t u = user_of[row];
		int64_t n = u < 0 ? 0 : train->user_start[u + 1] - train->user_start[u];

		if (n > 0)
			memcpy(column + start[row], train->item + train->user_start[u], (size_t) n * sizeof(int32_t));
		start[row + 1] = start[row] + n;
	}
	view = (LepView){ n_rows, start[n_rows], start, column, NULL };
	return view;
}

static void
judge(Bench *bench, LepRankingMetrics *metrics)
{
	int32_t *user_of = map_ids(bench, bench->test->users, bench->train->users, bench->test->n_users);
	int32_t *item_of = map_ids(bench, bench->test->items, bench->train->items, bench->test->n_items);
	LepRelevance relevance = { bench->test, LEP_PARTS_ALL, -INFINITY, item_of, 0 };
	LepView seen = seen_items(bench, user_of);
	LepView relevant;
	LepRanker ranker;
	LepRankingRequest request = { 0 };
	int32_t *n_unlisted;
	double cpu = cpu_seconds();

	check(&bench->env, lep_ranker_of_model(&bench->arena, &bench->result.model, &ranker), "ranker");
	check(&bench->env, lep_ranking_relevant(&bench->arena, &relevance, &relevant, &n_unlisted), "relevant");
	request.ranker = &ranker;
	request.k = bench->k;
	request.wanted = 1u << LEP_RANKING_RECALL | 1u << LEP_RANKING_NDCG | 1u << LEP_RANKING_PRECISION;
	if (bench->auc)
		request.wanted |= 1u << LEP_RANKING_AUC;
	request.user_of = user_of;
	request.relevant = &relevant;
	request.n_unlisted = n_unlisted;
	request.exclude = &seen;
	check(&bench->env, lep_ranking_measure(&bench->env, &request, metrics), "lists");
	bench->judging = cpu_seconds() - cpu;
}

/* What auto tried, a line each. */
static void
print_trials(const LepTrainResult *result)
{
	for (int t = 0; t < result->n_trials; t++)
	{
		const LepTrial *trial = &result->trials[t];

		printf("# %-7s ndcg %.4f +- %.4f  %5.1f s  %s %s", lep_algorithm_name(trial->algorithm),
			   trial->validation_ndcg.value, trial->validation_ndcg.std_error, trial->cost,
			   trial->ran ? "ran" : "-", trial->chosen ? "chosen" : "");
		for (int i = 0; lep_option(i) != NULL; i++)
		{
			if (lep_option(i)->algorithms != 0 && lep_option_applies(i, trial->algorithm))
				printf(" %s=%g", lep_option(i)->name, lep_option_number(&trial->options, i));
		}
		if (trial->algorithm == LEP_ALGORITHM_BLEND)
			printf(" (%g, %g)", trial->options.weights[0], trial->options.weights[1]);
		printf("\n");
	}
}

/* FNV-1a. */
static uint64_t
hash_floats(uint64_t hash, const float *floats, int64_t n)
{
	const unsigned char *bytes = (const unsigned char *) floats;

	for (int64_t b = 0; floats != NULL && b < n * (int64_t) sizeof(float); b++)
		hash = (hash ^ bytes[b]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Tells whether two trainings made the same model. */
static uint64_t
hash_model(const LepModel *model)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = hash_floats(hash, model->item_bias, model->n_items);
	hash = hash_floats(hash, model->user_factors, (int64_t) model->n_users * model->stride);
	hash = hash_floats(hash, model->item_factors, (int64_t) model->n_items * model->stride);
	if (model->neighbors != NULL)
		hash = hash_floats(hash, model->neighbors->weight, model->neighbors->start[model->n_items]);
	return hash;
}

static void
train(Bench *bench, const char *algorithm)
{
	double begin = wall_seconds();
	double cpu = cpu_seconds();

	check(&bench->env, lep_train(&bench->arena, bench->train, &bench->options, &bench->result), algorithm);
	bench->cpu = cpu_seconds() - cpu;
	bench->wall = wall_seconds() - begin;
	bench->held = (double) bench->env.bytes_peak / 1e6;
}

/* "walk,user_exponent=1": the next part of a blend. */
static void
set_part(Bench *bench, char *text)
{
	LepOptions *part = &bench->parts.part[bench->n_parts % 2];
	char *rest;
	char *word = strtok_r(text, ",", &rest);

	lep_options_init(part);
	check(&bench->env, lep_options_set_text(part, "algorithm", word, &bench->env.error), "part");
	while ((word = strtok_r(NULL, ",", &rest)) != NULL)
		set_option(&bench->env, part, word);
	bench->n_parts++;
	if (bench->n_parts == 2)
		check(&bench->env, lep_options_set_parts(&bench->options, "parts", &bench->parts, &bench->env.error),
			  "parts");
}

static void
set_weights(Bench *bench, const char *text)
{
	double weights[2];

	if (sscanf(text, "%lf,%lf", &weights[0], &weights[1]) != 2)
		die("not A,B", text);
	check(&bench->env,
		  lep_options_set_pair(&bench->options, "weights", weights[0], weights[1], &bench->env.error),
		  "weights");
}

int
main(int argc, char **argv)
{
	Bench bench = { .k = 20 };
	LepRankingMetrics metrics;

	if (argc < 4)
		die("usage", "lists TRAIN TEST ALGORITHM [KEY=VALUE ...]");
	lep_kernels_choose();
	lep_env_init_malloc(&bench.env);
	lep_arena_init(&bench.arena, &bench.env);
	lep_options_init(&bench.options);
	check(&bench.env, lep_options_set_text(&bench.options, "feedback", "implicit", &bench.env.error),
		  "feedback");
	check(&bench.env, lep_options_set_real(&bench.options, "test_fraction", 0, &bench.env.error),
		  "test_fraction");
	check(&bench.env, lep_options_set_text(&bench.options, "algorithm", argv[3], &bench.env.error),
		  "algorithm");
	for (int a = 4; a < argc; a++)
	{
		if (strncmp(argv[a], "k=", 2) == 0)
			bench.k = atoi(argv[a] + 2);
		else if (strncmp(argv[a], "part=", 5) == 0)
			set_part(&bench, argv[a] + 5);
		else if (strncmp(argv[a], "weights=", 8) == 0)
			set_weights(&bench, argv[a] + 8);
		else if (strcmp(argv[a], "auc=1") == 0)
			bench.auc = true;
		else
			set_option(&bench.env, &bench.options, argv[a]);
	}

	bench.train = read_ratings(&bench.arena, argv[1], &bench.options);
	bench.test = read_ratings(&bench.arena, argv[2], &bench.options);
	train(&bench, argv[3]);
	judge(&bench, &metrics);
	if (bench.result.n_trials > 1)
		print_trials(&bench.result);
	printf("%s\trecall %.4f\tndcg %.4f\tprecision %.4f\tepochs %d\tcpu_s %.3f\twall_s %.3f\theld_mb %.0f\t"
		   "auc %.4f\tjudging_cpu_s %.3f\tmodel %016" PRIx64 "\n",
		   lep_algorithm_name(bench.result.algorithm), metrics.figure[LEP_RANKING_RECALL].value,
		   metrics.figure[LEP_RANKING_NDCG].value, metrics.figure[LEP_RANKING_PRECISION].value,
		   bench.result.epochs, bench.cpu, bench.wall, bench.held, metrics.figure[LEP_RANKING_AUC].value,
		   bench.judging, hash_model(&bench.result.model));
	lep_arena_drop(&bench.arena);
	return 0;
}

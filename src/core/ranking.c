/*
 * ranking.c
 *		What lists are worth; see ranking.h, and ranking_lists.h for how they are
 *		made.
 *
 * Rows with relevant items are taken in batches.  When a batch has its lists,
 * one task judges one of them, and the calling thread adds the figures in the
 * order of the rows.
 */
#include "core/ranking.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/gini.h"
#include "core/pool.h"
#include "core/radix.h"
#include "core/ranking_lists.h"
#include "core/rng.h"

/* Lists of a batch take no more than this, or are one. */
#define MAX_LIST_BYTES (32 << 20)

/* Loops on the calling thread ask whether to stop once in so many steps. */
#define STOP_INTERVAL 65536

/* Of the hash that draws users; any number would do. */
#define SAMPLE_STREAM UINT64_C(0x6c69737473)

/* A mean and a sum of squared deviations, as they grow (Welford 1962). */
typedef struct Moments
{
	int64_t n;
	double mean;
	double squares;
} Moments;

typedef struct Ranking
{
	const LepRankingRequest *request;
	LepRankingBatch batch;
	double *gains;		/* [k]: discount of place p */
	double *ideal;		/* [k + 1]: sums of them */
	double *directions; /* [threads * stride]: diversity, or NULL */

	int64_t n_users;
	Moments moments[LEP_N_RANKING_METRICS];
	int32_t *n_listed; /* [n_items] lists that the item is on */
} Ranking;

const char *
lep_ranking_name(LepRankingMetric metric)
{
	static const char *const names[] = {
		[LEP_RANKING_PRECISION] = "precision",
		[LEP_RANKING_RECALL] = "recall",
		[LEP_RANKING_F1] = "f1",
		[LEP_RANKING_HIT_RATE] = "hit_rate",
		[LEP_RANKING_MAP] = "map",
		[LEP_RANKING_MRR] = "mrr",
		[LEP_RANKING_NDCG] = "ndcg",
		[LEP_RANKING_AUC] = "auc",
		[LEP_RANKING_COVERAGE] = "catalogue_coverage",
		[LEP_RANKING_DIVERSITY] = "diversity",
		[LEP_RANKING_NOVELTY] = "novelty",
		[LEP_RANKING_GINI] = "gini",
	};

	return names[metric];
}

static bool
wants(const Ranking *ranking, LepRankingMetric metric)
{
	return (ranking->request->wanted >> metric & 1) != 0;
}

/* ---- what lists are worth ---- */

/* The row's relevant items: candidates, and those that the ranker does not have. */
static int64_t
count_relevant(const LepRankingRequest *request, int32_t row)
{
	const LepView *relevant = request->relevant;
	int64_t excluded = lep_ranking_start(request->exclude, row);
	int64_t n = request->n_unlisted == NULL ? 0 : request->n_unlisted[row];

	for (int64_t j = relevant->start[row]; j < relevant->start[row + 1]; j++)
		n += !lep_ranking_pass(request->exclude, row, relevant->column[j], &excluded);
	return n;
}

/* The figures that ask what is on the list, and where. */
static void
judge_hits(const Ranking *ranking, LepRankingSlot *slot, int64_t n_relevant)
{
	int k = ranking->request->k;
	int best_hits = n_relevant < k ? (int) n_relevant : k;
	int n_hits = 0;
	int first_hit = 0;
	double precisions = 0;
	double gain = 0;
	double *figure = slot->figure;

	for (int place = 0; place < slot->len; place++)
	{
		if (!lep_ranking_has(ranking->request->relevant, slot->row, slot->list[place].item))
			continue;
		n_hits++;
		if (n_hits == 1)
			first_hit = place + 1;
		precisions += (double) n_hits / (place + 1);
		gain += ranking->gains[place];
	}
	figure[LEP_RANKING_PRECISION] = (double) n_hits / k;
	figure[LEP_RANKING_RECALL] = (double) n_hits / (double) n_relevant;
	/* 2 p r / (p + r) with both written out */
	figure[LEP_RANKING_F1] = 2.0 * n_hits / ((double) k + (double) n_relevant);
	figure[LEP_RANKING_HIT_RATE] = n_hits > 0;
	figure[LEP_RANKING_MAP] = precisions / best_hits;
	figure[LEP_RANKING_MRR] = n_hits > 0 ? 1.0 / first_hit : 0;
	figure[LEP_RANKING_NDCG] = gain / ranking->ideal[best_hits];
}

/*
 * 1 - the mean cosine over pairs of the list.  With s the sum of the rows scaled
 * to length 1, the cosines of all pairs sum to (|s|^2 - number of rows) / 2; a
 * row of zeros has cosine 0 with every other.
 */
static double
judge_diversity(const Ranking *ranking, const LepRankingSlot *slot, double *direction)
{
	const LepRankingRequest *request = ranking->request;
	int stride = request->stride;
	double squares = 0;
	double n = slot->len;
	int n_rows = 0;

	if (slot->len < 2)
		return NAN;
	memset(direction, 0, (size_t) stride * sizeof(double));
	for (int place = 0; place < slot->len; place++)
	{
		const float *row = request->item_rows + (int64_t) slot->list[place].item * stride;
		double norm = sqrt(lep_kernels->dot_f64(row, row, stride));

		if (!(norm > 0))
			continue;
		n_rows++;
		for (int f = 0; f < stride; f++)
			direction[f] += (double) row[f] / norm;
	}
	for (int f = 0; f < stride; f++)
		squares += direction[f] * direction[f];
	return 1 - (squares - n_rows) / (n * (n - 1));
}

/* Mean surprise in bits: -log2 of the share of users who have the item. */
static double
judge_novelty(const Ranking *ranking, const LepRankingSlot *slot)
{
	const LepRankingRequest *request = ranking->request;
	double bits = 0;

	if (slot->len == 0)
		return NAN;
	for (int place = 0; place < slot->len; place++)
	{
		int32_t count = request->item_count[slot->list[place].item];

		bits += lep_log((double) request->n_count_users / (count > 0 ? count : 1)) / lep_log(2.0);
	}
	return bits / slot->len;
}

static void
judge_row(void *arg, int64_t task, int thread)
{
	Ranking *ranking = arg;
	const LepRankingRequest *request = ranking->request;
	LepRankingSlot *slot = &ranking->batch.slots[task];
	int64_t n_relevant = count_relevant(request, slot->row);
	double *figure = slot->figure;

	slot->is_judged = n_relevant > 0;
	if (!slot->is_judged)
		return;
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		figure[m] = NAN;
	judge_hits(ranking, slot, n_relevant);
	if (wants(ranking, LEP_RANKING_AUC) && slot->n_scores > 0 && slot->n_others > 0)
		figure[LEP_RANKING_AUC] =
			(double) slot->half_wins / (2.0 * (double) slot->n_scores * (double) slot->n_others);
	if (ranking->directions != NULL)
		figure[LEP_RANKING_DIVERSITY] =
			judge_diversity(ranking, slot, ranking->directions + (int64_t) thread * request->stride);
	if (wants(ranking, LEP_RANKING_NOVELTY) && request->item_count != NULL)
		figure[LEP_RANKING_NOVELTY] = judge_novelty(ranking, slot);
}

static void
add_figure(Moments *moments, double value)
{
	double before = value - moments->mean;

	moments->n++;
	moments->mean += before / (double) moments->n;
	moments->squares += before * (value - moments->mean);
}

/* Add up the batch, row by row. */
static void
add_batch(Ranking *ranking)
{
	for (int s = 0; s < ranking->batch.n_slots; s++)
	{
		const LepRankingSlot *slot = &ranking->batch.slots[s];

		if (!slot->is_judged)
			continue;
		ranking->n_users++;
		for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		{
			if (!isnan(slot->figure[m]))
				add_figure(&ranking->moments[m], slot->figure[m]);
		}
		for (int place = 0; place < slot->len; place++)
			ranking->n_listed[slot->list[place].item]++;
	}
}

/* ---- batches ---- */

/* Fill the slots with the next rows that have anything relevant; where to go on. */
static int64_t
fill_batch(Ranking *ranking, int64_t row, int64_t end)
{
	const LepRankingRequest *request = ranking->request;
	const LepView *relevant = request->relevant;

	ranking->batch.n_slots = 0;
	for (; row < end && ranking->batch.n_slots < ranking->batch.max_rows; row++)
	{
		LepRankingSlot *slot = &ranking->batch.slots[ranking->batch.n_slots];

		if (relevant->start[row] == relevant->start[row + 1] &&
			(request->n_unlisted == NULL || request->n_unlisted[row] == 0))
			continue;
		slot->row = (int32_t) row;
		slot->user = request->user_of == NULL ? (int32_t) row : request->user_of[row];
		slot->list = ranking->batch.lists + (int64_t) ranking->batch.n_slots * ranking->batch.max_len;
		slot->len = 0;
		ranking->batch.n_slots++;
	}
	return row;
}

static LepStatus
prepare_batch(LepEnv *env, Ranking *ranking)
{
	const LepRanker *ranker = ranking->request->ranker;
	int32_t users[LEP_RANKER_BATCH];

	if (ranker->prepare == NULL)
		return LEP_OK;
	for (int s = 0; s < ranking->batch.n_slots; s++)
		users[s] = ranking->batch.slots[s].user;
	return ranker->prepare(env, ranker->arg, users, ranking->batch.n_slots);
}

static LepStatus
rank_batch(LepArena *scratch, Ranking *ranking)
{
	LepEnv *env = scratch->env;
	LepStatus status = prepare_batch(env, ranking);

	if (status == LEP_OK)
		status = lep_ranking_lists(env, &ranking->batch);
	if (status == LEP_OK && wants(ranking, LEP_RANKING_AUC))
		status = lep_ranking_compare(scratch, &ranking->batch);
	if (status == LEP_OK)
		status = lep_parallel_for(env, ranking->batch.n_slots, judge_row, ranking);
	if (status == LEP_OK)
		add_batch(ranking);
	return status;
}

static LepStatus
rank_rows(LepArena *scratch, Ranking *ranking)
{
	int64_t n_rows = ranking->request->relevant->n_rows;
	int64_t row = 0;

	while (row < n_rows)
	{
		int64_t end = row + STOP_INTERVAL < n_rows ? row + STOP_INTERVAL : n_rows;
		LepStatus status;

		if (lep_env_stopped(scratch->env))
			return LEP_ERR_STOPPED;
		row = fill_batch(ranking, row, end);
		status = ranking->batch.n_slots > 0 ? rank_batch(scratch, ranking) : LEP_OK;
		if (status != LEP_OK)
			return status;
	}
	return LEP_OK;
}

/* ---- the whole ---- */

/* Discounts 1 / log2(place + 2), and their sums: what an ideal list gains. */
static LepStatus
make_gains(LepArena *scratch, Ranking *ranking)
{
	int k = ranking->request->k;

	ranking->gains = lep_arena_alloc(scratch, k, sizeof(double));
	ranking->ideal = lep_arena_alloc(scratch, (int64_t) k + 1, sizeof(double));
	if (ranking->gains == NULL || ranking->ideal == NULL)
		return lep_env_failure(scratch->env);
	ranking->ideal[0] = 0;
	for (int place = 0; place < k; place++)
	{
		ranking->gains[place] = lep_log(2.0) / lep_log(place + 2.0);
		ranking->ideal[place + 1] = ranking->ideal[place] + ranking->gains[place];
	}
	return LEP_OK;
}

/* Arrays and, where users agree, the order of items. */
static LepStatus
begin_ranking(LepArena *scratch, Ranking *ranking)
{
	const LepRankingRequest *request = ranking->request;
	const LepRanker *ranker = request->ranker;
	LepRankingBatch *batch = &ranking->batch;
	int64_t fit = MAX_LIST_BYTES / (int64_t) sizeof(LepListEntry);
	int32_t *order;

	batch->request = request;
	batch->max_len = request->k < ranker->n_items ? request->k : ranker->n_items;
	fit /= batch->max_len > 0 ? batch->max_len : 1;
	batch->max_rows = fit < 1 ? 1 : fit > LEP_RANKER_BATCH ? LEP_RANKER_BATCH : (int) fit;
	batch->slots = lep_arena_calloc(scratch, batch->max_rows, sizeof(LepRankingSlot));
	batch->lists = lep_arena_alloc(scratch, (int64_t) batch->max_rows * batch->max_len, sizeof(LepListEntry));
	ranking->n_listed = lep_arena_calloc(scratch, ranker->n_items, sizeof(int32_t));
	if (batch->slots == NULL || batch->lists == NULL || ranking->n_listed == NULL)
		return lep_env_failure(scratch->env);
	if (wants(ranking, LEP_RANKING_DIVERSITY) && request->item_rows != NULL && request->stride > 0)
	{
		ranking->directions = lep_arena_alloc(
			scratch, (int64_t) lep_pool_threads(scratch->env) * request->stride, sizeof(double));
		if (ranking->directions == NULL)
			return lep_env_failure(scratch->env);
	}
	if (ranker->order == NULL)
		return LEP_OK;
	order = lep_arena_alloc(scratch, ranker->n_items, sizeof(int32_t));
	if (order == NULL)
		return lep_env_failure(scratch->env);
	batch->order = order;
	return lep_ranking_sort(scratch->env, ranker->order, order, ranker->n_items);
}

/* Of how often each item is listed. */
static LepStatus
measure_gini(LepArena *scratch, const Ranking *ranking, LepFigure *figure)
{
	LepEnv *env = scratch->env;
	int32_t n = ranking->request->ranker->n_items;
	uint64_t *counts = lep_arena_alloc(scratch, n, sizeof(uint64_t));
	uint64_t *spare = lep_arena_alloc(scratch, n, sizeof(uint64_t));
	LepStatus status;

	if (counts == NULL || spare == NULL)
		return lep_env_failure(env);
	for (int32_t i = 0; i < n; i++)
	{
		if (i % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		counts[i] = (uint64_t) ranking->n_listed[i];
	}
	status = lep_radix_sort(env, counts, spare, n, 0, 32);
	if (status == LEP_OK)
		status = lep_gini(env, counts, n, &figure->value);
	if (status == LEP_OK && !isnan(figure->value))
		figure->n = ranking->n_users;
	return status;
}

static void
measure_coverage(const Ranking *ranking, LepFigure *figure)
{
	int32_t n = ranking->request->ranker->n_items;
	int64_t n_listed = 0;

	for (int32_t i = 0; i < n; i++)
		n_listed += ranking->n_listed[i] > 0;
	figure->value = (double) n_listed / n;
	figure->n = ranking->n_users;
}

static LepStatus
end_ranking(LepArena *scratch, const Ranking *ranking, LepRankingMetrics *metrics)
{
	metrics->k = ranking->request->k;
	metrics->n_users = ranking->n_users;
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
	{
		const Moments *moments = &ranking->moments[m];
		LepFigure *figure = &metrics->figure[m];
		double n = (double) moments->n;

		if (!wants(ranking, (LepRankingMetric) m) || moments->n == 0)
			continue;
		figure->n = moments->n;
		figure->value = moments->mean;
		if (moments->n > 1)
			figure->std_error = sqrt(moments->squares / (n - 1) / n);
	}
	if (wants(ranking, LEP_RANKING_COVERAGE) && ranking->n_users > 0)
		measure_coverage(ranking, &metrics->figure[LEP_RANKING_COVERAGE]);
	if (wants(ranking, LEP_RANKING_GINI))
		return measure_gini(scratch, ranking, &metrics->figure[LEP_RANKING_GINI]);
	return LEP_OK;
}

void
lep_ranking_clear(LepRankingMetrics *metrics)
{
	static const LepFigure none = { NAN, NAN, 0 };

	metrics->k = 0;
	metrics->n_users = 0;
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		metrics->figure[m] = none;
}

LepStatus
lep_ranking_measure(LepEnv *env, const LepRankingRequest *request, LepRankingMetrics *metrics)
{
	Ranking ranking;
	LepArena scratch;
	LepStatus status;

	lep_ranking_clear(metrics);
	if (request->k < 1 || request->k > LEP_RANKING_MAX_K)
		return lep_fail(&env->error, LEP_ERR_OPTION_RANGE, "k", request->k, 1, LEP_RANKING_MAX_K);
	memset(&ranking, 0, sizeof(ranking));
	ranking.request = request;
	lep_arena_init(&scratch, env);
	status = make_gains(&scratch, &ranking);
	if (status == LEP_OK)
		status = begin_ranking(&scratch, &ranking);
	if (status == LEP_OK)
		status = rank_rows(&scratch, &ranking);
	if (status == LEP_OK)
		status = end_ranking(&scratch, &ranking, metrics);
	if (status != LEP_OK)
		lep_ranking_clear(metrics);
	lep_arena_drop(&scratch);
	return status;
}

int32_t *
lep_ranking_item_counts(LepArena *arena, const LepRatings *ratings, unsigned parts)
{
	int32_t *count = lep_arena_calloc(arena, ratings->n_items, sizeof(int32_t));

	for (int64_t j = 0; count != NULL && j < ratings->n_ratings; j++)
	{
		if (j % STOP_INTERVAL == 0 && lep_env_stopped(arena->env))
			return NULL;
		if (lep_part_in(parts, ratings->part[j]))
			count[ratings->item[j]]++;
	}
	return count;
}

/* Is rating j relevant? */
static bool
is_relevant(const LepRelevance *relevance, int64_t j)
{
	const LepRatings *ratings = relevance->ratings;

	return lep_part_in(relevance->parts, ratings->part[j]) && ratings->rating[j] >= relevance->min_rating;
}

static bool
is_in_sample(const LepRelevance *relevance, int32_t u)
{
	return relevance->share <= 0 ||
		   lep_ratings_in_sample(relevance->ratings, u, SAMPLE_STREAM, relevance->share);
}

/* The ranker's number of rating j's item, -1 for none. */
static int32_t
item_of_rating(const LepRelevance *relevance, int64_t j)
{
	int32_t item = relevance->ratings->item[j];

	return relevance->item_of == NULL ? item : relevance->item_of[item];
}

/* Rows begin where those before them end; what the ranker does not have is counted. */
static LepStatus
count_rows(LepEnv *env, const LepRelevance *relevance, int64_t *start, int32_t *n_unlisted)
{
	const LepRatings *ratings = relevance->ratings;

	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		bool in = is_in_sample(relevance, u);

		start[u + 1] = start[u];
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
				return LEP_ERR_STOPPED;
			if (!in || !is_relevant(relevance, j))
				continue;
			if (item_of_rating(relevance, j) >= 0)
				start[u + 1]++;
			else
				n_unlisted[u]++;
		}
	}
	return LEP_OK;
}

LepStatus
lep_ranking_relevant(LepArena *arena, const LepRelevance *relevance, LepView *view, int32_t **n_unlisted)
{
	const LepRatings *ratings = relevance->ratings;
	int64_t *start = lep_arena_calloc(arena, (int64_t) ratings->n_users + 1, sizeof(int64_t));
	int32_t *column = NULL;
	int64_t n = 0;
	LepStatus status;

	*n_unlisted = lep_arena_calloc(arena, ratings->n_users, sizeof(int32_t));
	if (start == NULL || *n_unlisted == NULL)
		return lep_env_failure(arena->env);
	status = count_rows(arena->env, relevance, start, *n_unlisted);
	if (status != LEP_OK)
		return status;
	column = lep_arena_alloc(arena, start[ratings->n_users], sizeof(int32_t));
	if (column == NULL)
		return lep_env_failure(arena->env);
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		if (!is_in_sample(relevance, u))
			continue;
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (j % STOP_INTERVAL == 0 && lep_env_stopped(arena->env))
				return LEP_ERR_STOPPED;
			if (is_relevant(relevance, j) && item_of_rating(relevance, j) >= 0)
				column[n++] = item_of_rating(relevance, j);
		}
	}
	view->n_rows = ratings->n_users;
	view->n = n;
	view->start = start;
	view->column = column;
	view->rating = NULL;
	return LEP_OK;
}

static int64_t
count_filled_rows(const LepView *view)
{
	int64_t n = 0;

	for (int32_t r = 0; r < view->n_rows; r++)
		n += view->start[r + 1] > view->start[r];
	return n;
}

double
lep_ranking_share(const LepRatings *ratings, double max_scores)
{
	double n_users = (double) ratings->n_users;
	double n = ratings->n_items > 0 ? max_scores / (double) ratings->n_items : n_users;

	n = n < LEP_RANKING_MIN_SAMPLE ? LEP_RANKING_MIN_SAMPLE : n;
	return max_scores > 0 && n < n_users ? n / n_users : 0;
}

/* What measure_split asks for; the views are in scratch. */
static LepStatus
fill_request(LepArena *scratch, const LepRankingSplit *split, LepView *views, LepRankingRequest *request)
{
	double share = lep_ranking_share(split->ratings, split->max_scores);
	LepRelevance seen = { split->ratings, split->seen_parts, -INFINITY, NULL, 0 };
	LepRelevance relevant = { split->ratings, split->parts, -INFINITY, NULL, share };
	int32_t *none;
	LepStatus status = lep_ranking_relevant(scratch, &relevant, &views[0], &none);

	if (status == LEP_OK)
		status = lep_ranking_relevant(scratch, &seen, &views[1], &none);
	if (status != LEP_OK)
		return status;
	request->relevant = &views[0];
	request->exclude = &views[1];
	request->n_count_users = count_filled_rows(&views[1]);
	request->item_count = lep_ranking_item_counts(scratch, split->ratings, split->seen_parts);
	return request->item_count == NULL ? lep_env_failure(scratch->env) : LEP_OK;
}

LepStatus
lep_ranking_measure_split(LepEnv *env, const LepModel *model, const LepRankingSplit *split,
						  LepRankingMetrics *metrics)
{
	LepRankingRequest request;
	LepRanker ranker;
	LepView views[2] = { 0 };
	LepArena scratch;
	LepStatus status;

	lep_ranking_clear(metrics);
	memset(&request, 0, sizeof(request));
	request.ranker = &ranker;
	request.k = split->k;
	request.wanted = split->wanted;
	request.item_rows = model->item_factors;
	request.stride = model->stride;
	lep_arena_init(&scratch, env);
	status = lep_ranker_of_model(&scratch, model, &ranker);
	if (status == LEP_OK)
		status = fill_request(&scratch, split, views, &request);
	if (status == LEP_OK)
		status = lep_ranking_measure(env, &request, metrics);
	lep_arena_drop(&scratch);
	return status;
}

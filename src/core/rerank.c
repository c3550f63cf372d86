/*
 * rerank.c
 *		Popularity, groups and diversity of lists.
 *
 * The ranking is a heap of all items, best first: going down it costs no more
 * than is looked at.  Without a penalty it is that of the scores, whose head is
 * found by bounds (serve.h); should the head not suffice, all begins anew with all
 * items.
 */
#include "core/rerank.h"

#include <math.h>
#include <string.h>

#include "core/best.h"
#include "core/kernels.h"
#include "core/rng.h"

/* Items between two questions whether to stop: at most 1 ms. */
#define STOP_INTERVAL 1024

/* Smallest and largest pool, and how many candidates there are for a place. */
#define MIN_POOL	   200
#define MAX_POOL	   2000
#define POOL_PER_PLACE 10

/* With groups, of which some are passed over, the head is so many pools. */
#define HEAD_PER_POOL 2

/* A list that grows, and what is left of the ranking. */
typedef struct Reranking
{
	LepEnv *env;
	LepArena arena;
	const LepServedScan *scan;
	const LepServedQuery *query;
	const LepRerank *rerank;
	LepTopnEntry *heap; /* the best is the root; "score" is y */
	int64_t n_left;
	bool is_head;	/* there are more items than those in the heap */
	bool has_ended; /* of which some would have been looked at */
	LepTopnEntry *entries;
	LepOrigin *origins;
	int64_t n_listed;
} Reranking;

/* The head of the ranking, that diversity chooses from. */
typedef struct Pool
{
	int64_t n;
	LepTopnEntry *entry; /* as ranked */
	double *scale;		 /* of a factor row the square, of a neighbour row the largest magnitude */
	float *likeness;	 /* the largest similarity to one that was taken */
	uint8_t *is_taken;
} Pool;

/* ------------------------------------------------------------------ ranking */

static void
sift_down(LepTopnEntry *heap, int64_t n, int64_t at)
{
	LepTopnEntry entry = heap[at];

	for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1)
	{
		if (child + 1 < n && lep_best_is_better(&heap[child + 1], &heap[child]))
			child++;
		if (!lep_best_is_better(&heap[child], &entry))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = entry;
}

/* Is there more of the ranking? */
static bool
has_next(Reranking *r)
{
	r->has_ended |= r->n_left == 0 && r->is_head;
	return r->n_left > 0;
}

/* The next of the ranking; there is one. */
static LepTopnEntry
next(Reranking *r)
{
	LepTopnEntry best = r->heap[0];

	r->heap[0] = r->heap[--r->n_left];
	if (r->n_left > 0)
		sift_down(r->heap, r->n_left, 0);
	return best;
}

/* How many items there are to list, those excluded counted. */
static int64_t
count_items(const Reranking *r)
{
	return r->query->candidates != NULL ? r->query->n_candidates : lep_items_count(r->scan->served->items);
}

/* What may be listed, with x, by number. */
static LepStatus
collect(Reranking *r)
{
	const LepServedQuery *query = r->query;
	int64_t n = count_items(r);
	int64_t at = 0;

	r->heap = lep_arena_alloc(&r->arena, n, sizeof(LepTopnEntry));
	if (r->heap == NULL)
		return lep_env_failure(r->env);
	for (int64_t j = 0; j < n; j++)
	{
		int32_t item = query->candidates != NULL ? query->candidates[j] : (int32_t) j;

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(r->env))
			return LEP_ERR_STOPPED;
		while (at < query->n_exclude && query->exclude[at] < item)
			at++;
		if ((at < query->n_exclude && query->exclude[at] == item) || !lep_topn_has_bit(query->eligible, item))
			continue;
		r->heap[r->n_left++] = (LepTopnEntry){ item, lep_serve_scan_key(r->scan, item) };
	}
	return LEP_OK;
}

/* In the order of numbers, whatever the machine. */
static double
standard_deviation(const LepTopnEntry *entries, int64_t n)
{
	double mean = 0;
	double sum = 0;

	if (n == 0)
		return 0;
	for (int64_t j = 0; j < n; j++)
		mean += (double) entries[j].score;
	mean /= (double) n;
	for (int64_t j = 0; j < n; j++)
	{
		double d = (double) entries[j].score - mean;

		sum += d * d;
	}
	return sqrt(sum / (double) n);
}

static LepStatus
penalize(Reranking *r)
{
	double unit = r->rerank->popularity_penalty * standard_deviation(r->heap, r->n_left);

	for (int64_t j = 0; j < r->n_left; j++)
	{
		LepTopnEntry *entry = &r->heap[j];
		double n_ratings = (double) r->rerank->n_ratings[entry->item];

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(r->env))
			return LEP_ERR_STOPPED;
		entry->score = (float) ((double) entry->score - unit * lep_log(1 + n_ratings));
	}
	return LEP_OK;
}

static LepStatus
rank_all(Reranking *r)
{
	LepStatus status = collect(r);

	if (status == LEP_OK && r->rerank->popularity_penalty > 0)
		status = penalize(r);
	for (int64_t j = r->n_left / 2 - 1; status == LEP_OK && j >= 0; j--)
	{
		if (j % STOP_INTERVAL == 0 && lep_env_stopped(r->env))
			status = LEP_ERR_STOPPED;
		sift_down(r->heap, r->n_left, j);
	}
	return status;
}

/* The first n_head, which are sorted: a heap, too. */
static LepStatus
rank_head(Reranking *r, int64_t n_head)
{
	LepServedQuery query = *r->query;
	LepOrigin *origins = lep_arena_alloc(&r->arena, n_head, sizeof(LepOrigin));
	LepStatus status;

	query.n = n_head;
	r->heap = lep_arena_alloc(&r->arena, n_head, sizeof(LepTopnEntry));
	if (origins == NULL || r->heap == NULL)
		return lep_env_failure(r->env);
	status = lep_serve_topn(r->env, r->scan->served, r->scan->user, &query, r->heap, origins, &r->n_left);
	for (int64_t j = 0; j < r->n_left; j++)
		r->heap[j].score = lep_serve_scan_key(r->scan, r->heap[j].item);
	r->is_head = true;
	return status;
}

/* ------------------------------------------------------------------- groups */

/* -1: in none, or there are no groups */
static int32_t
group_of(const Reranking *r, int32_t item)
{
	return r->rerank->group == NULL ? -1 : r->rerank->group[item];
}

static bool
may_list(const Reranking *r, int32_t item)
{
	int32_t group = group_of(r, item);

	return group < 0 || r->rerank->n_listed[group] < r->rerank->max_per_group;
}

static void
list(Reranking *r, int32_t item)
{
	int32_t group = group_of(r, item);

	if (group >= 0)
		r->rerank->n_listed[group]++;
	r->entries[r->n_listed] = (LepTopnEntry){ item, lep_serve_scan_score(r->scan, item) };
	r->origins[r->n_listed++] = lep_serve_scan_origin(r->scan, item);
}

/* Down the ranking until the list is full. */
static LepStatus
list_in_order(Reranking *r)
{
	for (int64_t j = 0; r->n_listed < r->query->n && has_next(r); j++)
	{
		LepTopnEntry entry = next(r);

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(r->env))
			return LEP_ERR_STOPPED;
		if (may_list(r, entry.item))
			list(r, entry.item);
	}
	return LEP_OK;
}

/* ---------------------------------------------------------------- diversity */

bool
lep_rerank_can_compare(const LepServed *served)
{
	return served->neighbors != NULL || lep_items_stride(served->items) > 0;
}

int64_t
lep_rerank_pool(int64_t n)
{
	if (n >= MAX_POOL / POOL_PER_PLACE)
		return MAX_POOL;
	return n * POOL_PER_PLACE < MIN_POOL ? MIN_POOL : n * POOL_PER_PLACE;
}

static double
scale_of(const LepServed *served, int32_t item)
{
	const float *row = lep_items_row(served->items, item);
	const LepNeighbors *neighbors = served->neighbors;
	double largest = 0;

	if (row != NULL)
		return lep_kernels->dot_f64(row, row, lep_items_stride(served->items));
	if (neighbors == NULL)
		return 0;
	for (int64_t e = neighbors->start[item]; e < neighbors->start[item + 1]; e++)
	{
		double magnitude = fabs((double) neighbors->weight[e]);

		largest = magnitude > largest ? magnitude : largest;
	}
	return largest;
}

/* Of two of the pool. */
static float
similarity(const LepServed *served, const Pool *pool, int64_t a, int64_t b)
{
	int32_t item[] = { pool->entry[a].item, pool->entry[b].item };
	const float *row = lep_items_row(served->items, item[0]);
	double sum = 0;

	if (row != NULL)
	{
		if (!(pool->scale[a] > 0 && pool->scale[b] > 0))
			return 0;
		return (float) (lep_kernels->dot_f64(row, lep_items_row(served->items, item[1]),
											 lep_items_stride(served->items)) /
						sqrt(pool->scale[a] * pool->scale[b]));
	}
	if (pool->scale[a] > 0)
		sum += (double) lep_neighbors_weight(served->neighbors, item[0], item[1]) / pool->scale[a];
	if (pool->scale[b] > 0)
		sum += (double) lep_neighbors_weight(served->neighbors, item[1], item[0]) / pool->scale[b];
	return (float) (sum / 2);
}

static LepStatus
alloc_pool(Reranking *r, Pool *pool, int64_t n)
{
	pool->n = 0;
	pool->entry = lep_arena_alloc(&r->arena, n, sizeof(LepTopnEntry));
	pool->scale = lep_arena_alloc(&r->arena, n, sizeof(double));
	pool->likeness = lep_arena_calloc(&r->arena, n, sizeof(float));
	pool->is_taken = lep_arena_calloc(&r->arena, n, sizeof(uint8_t));
	return pool->entry == NULL || pool->scale == NULL || pool->likeness == NULL || pool->is_taken == NULL
			   ? lep_env_failure(r->env)
			   : LEP_OK;
}

/*
 * The head of the ranking.  Of one group there are never more than can be left
 * out without loss: those passed over come after 10 for each place of their group.
 */
static LepStatus
fill_pool(Reranking *r, Pool *pool)
{
	int64_t n_wanted = lep_rerank_pool(r->query->n);
	int64_t most = (int64_t) r->rerank->max_per_group * POOL_PER_PLACE;
	int32_t *n_of = NULL;
	LepStatus status = alloc_pool(r, pool, n_wanted < r->n_left ? n_wanted : r->n_left);

	if (status == LEP_OK && r->rerank->group != NULL)
	{
		n_of = lep_arena_calloc(&r->arena, r->rerank->n_groups, sizeof(int32_t));
		status = n_of == NULL ? lep_env_failure(r->env) : LEP_OK;
	}
	for (int64_t j = 0; status == LEP_OK && pool->n < n_wanted && has_next(r); j++)
	{
		LepTopnEntry entry = next(r);
		int32_t group = group_of(r, entry.item);

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(r->env))
			return LEP_ERR_STOPPED;
		if (group >= 0 && n_of[group] >= most)
			continue;
		if (group >= 0)
			n_of[group]++;
		pool->scale[pool->n] = scale_of(r->scan->served, entry.item);
		pool->entry[pool->n++] = entry;
	}
	return status;
}

/* y as 0 to 1; all the same are all 1. */
static double
relevance(const Pool *pool, int64_t j)
{
	double worst = (double) pool->entry[pool->n - 1].score;
	double range = (double) pool->entry[0].score - worst;

	return range > 0 ? ((double) pool->entry[j].score - worst) / range : 1;
}

/* Which is next; -1: nothing of the pool may be. */
static int64_t
choose(const Reranking *r, const Pool *pool)
{
	double diversity = r->rerank->diversity;
	double best = 0;
	int64_t chosen = -1;

	for (int64_t j = 0; j < pool->n; j++)
	{
		double value = (1 - diversity) * relevance(pool, j) - diversity * (double) pool->likeness[j];

		if (!pool->is_taken[j] && (chosen < 0 || value > best) && may_list(r, pool->entry[j].item))
		{
			best = value;
			chosen = j;
		}
	}
	return chosen;
}

static LepStatus
list_diversely(Reranking *r)
{
	Pool pool;
	LepStatus status = fill_pool(r, &pool);

	while (status == LEP_OK && r->n_listed < r->query->n)
	{
		int64_t chosen = choose(r, &pool);

		if (chosen < 0)
			break;
		if (lep_env_stopped(r->env))
			return LEP_ERR_STOPPED;
		pool.is_taken[chosen] = 1;
		list(r, pool.entry[chosen].item);
		for (int64_t j = 0; j < pool.n; j++)
		{
			float like;

			if (pool.is_taken[j])
				continue;
			like = similarity(r->scan->served, &pool, chosen, j);
			/* of nothing the largest is 0, of one its own, which may be below */
			if (r->n_listed == 1 || like > pool.likeness[j])
				pool.likeness[j] = like;
		}
	}
	return status;
}

/* From the ranking to a list. */
static LepStatus
list_ranked(Reranking *r)
{
	LepStatus status = LEP_OK;

	if (r->rerank->diversity > 0)
		status = list_diversely(r);
	return status == LEP_OK ? list_in_order(r) : status;
}

/* Take back what was listed. */
static void
begin_anew(Reranking *r)
{
	for (int64_t e = 0; e < r->n_listed; e++)
	{
		int32_t group = group_of(r, r->entries[e].item);

		if (group >= 0)
			r->rerank->n_listed[group]--;
	}
	lep_arena_drop(&r->arena);
	r->n_listed = 0;
	r->n_left = 0;
	r->is_head = false;
	r->has_ended = false;
}

LepStatus
lep_rerank_topn(LepEnv *env, const LepServedScan *scan, const LepServedQuery *query, const LepRerank *rerank,
				LepTopnEntry *entries, LepOrigin *origins, int64_t *n_found)
{
	Reranking r = {
		.env = env, .scan = scan, .query = query, .rerank = rerank, .entries = entries, .origins = origins
	};
	int64_t n_head = lep_rerank_pool(query->n) * (rerank->group != NULL ? HEAD_PER_POOL : 1);
	LepStatus status = LEP_OK;

	*n_found = 0;
	if (query->n <= 0)
		return LEP_OK;
	lep_arena_init(&r.arena, env);
	r.has_ended = rerank->popularity_penalty > 0 || n_head >= count_items(&r);
	if (!r.has_ended)
	{
		status = rank_head(&r, n_head);
		if (status == LEP_OK)
			status = list_ranked(&r);
	}
	if (status == LEP_OK && r.has_ended)
	{
		begin_anew(&r);
		status = rank_all(&r);
		if (status == LEP_OK)
			status = list_ranked(&r);
	}
	lep_arena_drop(&r.arena);
	if (status == LEP_OK)
		*n_found = r.n_listed;
	return status;
}

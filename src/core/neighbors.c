/*
 * neighbors.c
 *		Sums over the neighbours of a basket, and lists of them; see
 *		neighbors.h.
 *
 * Into a list (best.h) come first the items that the basket reaches, then the
 * others along the order of their biases, up to the first that cannot enter.
 */
#include "core/neighbors.h"

#include <string.h>

#include "core/best.h"
#include "core/ranking_lists.h"
#include "core/view.h"

/* Entries between two looks at should_stop: well under a millisecond. */
#define STOP_ENTRIES (64 * 1024)

/* The same where each is looked for, or goes into a list. */
#define STOP_LOOKUPS 4096

LepBasket
lep_neighbors_basket(const LepNeighbors *neighbors, int32_t u)
{
	LepBasket basket = { NULL, NULL, 0 };

	if (u < 0 || neighbors->basket_start == NULL)
		return basket;
	basket.rows = neighbors->basket_item + neighbors->basket_start[u];
	basket.n = neighbors->basket_start[u + 1] - neighbors->basket_start[u];
	return basket;
}

LepStatus
lep_neighbors_take_baskets(LepArena *arena, const LepRatings *ratings, unsigned parts,
						   LepNeighbors *neighbors)
{
	LepView view;
	LepStatus status = lep_view_by_user(arena, ratings, parts, &view);

	if (status != LEP_OK)
		return status;
	neighbors->basket_start = view.start;
	neighbors->basket_item = view.column;
	neighbors->owns_baskets = view.column != ratings->item;
	if (neighbors->owns_baskets)
		lep_arena_free(arena, (void *) view.rating);
	return LEP_OK;
}

/* ---------------------------------------------------------------- one score */

/* The entry of row r whose target is i; -1: there is none. */
static int64_t
find_entry(const LepNeighbors *neighbors, int32_t r, int32_t i)
{
	int64_t low = neighbors->start[r];
	int64_t high = neighbors->start[r + 1];

	while (low < high)
	{
		int64_t middle = low + (high - low) / 2;

		if (neighbors->target[middle] < i)
			low = middle + 1;
		else
			high = middle;
	}
	return low < neighbors->start[r + 1] && neighbors->target[low] == i ? low : -1;
}

float
lep_neighbors_weight(const LepNeighbors *neighbors, int32_t r, int32_t i)
{
	int64_t e = find_entry(neighbors, r, i);

	return e < 0 ? 0 : neighbors->weight[e];
}

/* The beginning of a row, which comes from anywhere; the rest follows by itself. */
static inline void
prefetch_row(const LepNeighbors *neighbors, int32_t r)
{
	int64_t e = neighbors->start[r];

	for (int line = 0; line < 2; line++)
	{
		__builtin_prefetch(neighbors->target + e + line * (LEP_ALIGNMENT / (int) sizeof(int32_t)));
		__builtin_prefetch(neighbors->weight + e + line * (LEP_ALIGNMENT / (int) sizeof(float)));
	}
}

/* How much entry b of the basket counts. */
static double
basket_weight(const LepBasket *basket, int64_t b)
{
	return basket->weights == NULL ? 1 : (double) basket->weights[b];
}

LepStatus
lep_neighbors_sum(LepEnv *env, const LepNeighbors *neighbors, const LepBasket *basket, int32_t i,
				  double *terms, LepNeighborSum *sum)
{
	*sum = (LepNeighborSum){ 0, false };
	for (int64_t b = 0; b < basket->n; b++)
	{
		int64_t e = find_entry(neighbors, basket->rows[b], i);
		double term = e < 0 ? 0 : basket_weight(basket, b) * (double) neighbors->weight[e];

		if (env != NULL && b % STOP_LOOKUPS == STOP_LOOKUPS - 1 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		sum->reached = sum->reached || e >= 0;
		sum->sum += term;
		if (terms != NULL)
			terms[b] = term;
	}
	return LEP_OK;
}

/* ---------------------------------------------------------------- all sums */

size_t
lep_neighbors_scratch_size(int32_t n_items)
{
	return lep_mul_size((size_t) n_items + 1, sizeof(double) + sizeof(uint8_t) + sizeof(int32_t));
}

LepStatus
lep_neighbors_scratch(LepArena *arena, int32_t n_items, LepNeighborScratch *scratch)
{
	scratch->sum = lep_arena_calloc(arena, n_items, sizeof(double));
	scratch->is_reached = lep_arena_calloc(arena, n_items, sizeof(uint8_t));
	scratch->reached = lep_arena_alloc(arena, (int64_t) n_items + 1, sizeof(int32_t));
	scratch->n_items = n_items;
	scratch->n_reached = 0;
	if (scratch->sum != NULL && scratch->is_reached != NULL && scratch->reached != NULL)
		return LEP_OK;
	lep_arena_free(arena, scratch->sum);
	lep_arena_free(arena, scratch->is_reached);
	lep_arena_free(arena, scratch->reached);
	memset(scratch, 0, sizeof(*scratch));
	return lep_env_failure(arena->env);
}

/* Entry b of the basket. */
static inline void
add_row(const LepNeighbors *neighbors, const LepBasket *basket, int64_t b, LepNeighborScratch *scratch)
{
	int32_t r = basket->rows[b];
	double weight = basket_weight(basket, b);
	int32_t n = scratch->n_reached;

	if (b + 1 < basket->n)
		prefetch_row(neighbors, basket->rows[b + 1]);
	/* what does not count reaches nothing */
	if (weight == 0)
		return;
	for (int64_t e = neighbors->start[r]; e < neighbors->start[r + 1]; e++)
	{
		int32_t i = neighbors->target[e];

		scratch->sum[i] += weight * (double) neighbors->weight[e];
		scratch->reached[n] = i; /* stays only if it is new */
		n += !scratch->is_reached[i];
		scratch->is_reached[i] = 1;
	}
	scratch->n_reached = n;
}

void
lep_neighbors_add(const LepNeighbors *neighbors, const LepBasket *basket, LepNeighborScratch *scratch)
{
	for (int64_t b = 0; b < basket->n; b++)
		add_row(neighbors, basket, b, scratch);
}

LepStatus
lep_neighbors_add_stoppable(LepEnv *env, const LepNeighbors *neighbors, const LepBasket *basket,
							LepNeighborScratch *scratch)
{
	int64_t n_entries = 0;

	for (int64_t b = 0; b < basket->n; b++)
	{
		/* a row without any has to be looked at, too */
		n_entries += 8 + neighbors->start[basket->rows[b] + 1] - neighbors->start[basket->rows[b]];
		if (n_entries >= STOP_ENTRIES)
		{
			n_entries = 0;
			if (lep_env_stopped(env))
				return LEP_ERR_STOPPED;
		}
		add_row(neighbors, basket, b, scratch);
	}
	return LEP_OK;
}

void
lep_neighbors_clear(LepNeighborScratch *scratch)
{
	for (int32_t k = 0; k < scratch->n_reached; k++)
	{
		scratch->sum[scratch->reached[k]] = 0;
		scratch->is_reached[scratch->reached[k]] = 0;
	}
	scratch->n_reached = 0;
}

/* ---------------------------------------------------------------- lists */

LepStatus
lep_neighbors_order(LepEnv *env, const float *item_bias, int32_t n_items, int32_t *order)
{
	return lep_ranking_sort(env, item_bias, order, n_items);
}

/* A list that grows. */
typedef struct List
{
	const LepNeighborQuery *query;
	const LepNeighborScratch *scratch;
	LepBest best; /* in the caller's entries */
} List;

static bool
is_excluded(const LepNeighborQuery *query, int32_t item)
{
	return !lep_topn_has_bit(query->eligible, item) ||
		   lep_topn_is_listed(query->exclude, query->n_exclude, item);
}

/* May an item of this score and number enter, if it is not excluded? */
static bool
may_enter(const List *list, LepTopnEntry entry)
{
	return list->best.n_kept < list->best.n_wanted || lep_best_is_better(&entry, &list->best.entries[0]);
}

/* The item with its score; the sum of an item that was not reached is 0. */
static LepTopnEntry
entry_of(const List *list, int32_t item)
{
	double score = (list->query->base + (double) list->query->item_bias[item]) + list->scratch->sum[item];
	LepTopnEntry entry = { item, (float) score };

	return entry;
}

/* Offer n items. */
static LepStatus
offer_items(LepEnv *env, List *list, const int32_t *items, int64_t n)
{
	for (int64_t k = 0; k < n; k++)
	{
		LepTopnEntry entry = entry_of(list, items[k]);

		if (k % STOP_LOOKUPS == STOP_LOOKUPS - 1 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (may_enter(list, entry) && !is_excluded(list->query, entry.item))
			lep_best_offer(&list->best, entry);
	}
	return LEP_OK;
}

/*
 * Offer what the basket does not reach, best first.  A score strictly below a
 * full list ends it.  With a base of 0 scores are the biases themselves, so that
 * the first that cannot enter ends it, and items that tie in masses are not
 * walked through; else rounding can make scores of different biases equal, and
 * then the lower item number wins.
 */
static LepStatus
fill_list(LepEnv *env, List *list)
{
	const LepNeighborQuery *query = list->query;

	for (int64_t o = 0; o < list->scratch->n_items; o++)
	{
		LepTopnEntry entry = entry_of(list, query->order[o]);

		if (o % STOP_LOOKUPS == STOP_LOOKUPS - 1 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (list->scratch->is_reached[entry.item])
			continue;
		if (!may_enter(list, entry))
		{
			if (query->base == 0 || entry.score < list->best.entries[0].score)
				break;
		}
		else if (!is_excluded(query, entry.item))
			lep_best_offer(&list->best, entry);
	}
	return LEP_OK;
}

/* From a heap to a list, best first. */
static LepStatus
sort_list(LepEnv *env, List *list)
{
	LepStatus status = lep_best_sort(env, &list->best);

	for (int64_t k = 0; status == LEP_OK && k < list->best.n_kept && list->query->is_reached != NULL; k++)
		list->query->is_reached[k] = list->scratch->is_reached[list->best.entries[k].item] != 0;
	return status;
}

static LepStatus
find_list(LepEnv *env, const LepNeighbors *neighbors, LepNeighborScratch *scratch, List *list)
{
	const LepNeighborQuery *query = list->query;
	LepStatus status = lep_neighbors_add_stoppable(env, neighbors, &query->basket, scratch);

	if (status == LEP_OK && query->candidates != NULL)
		status = offer_items(env, list, query->candidates, query->n_candidates);
	else if (status == LEP_OK)
	{
		status = offer_items(env, list, scratch->reached, scratch->n_reached);
		if (status == LEP_OK)
			status = fill_list(env, list);
	}
	if (status == LEP_OK)
		status = sort_list(env, list);
	lep_neighbors_clear(scratch);
	return status;
}

LepStatus
lep_neighbors_topn(LepEnv *env, const LepNeighbors *neighbors, const LepNeighborQuery *query,
				   LepTopnEntry *entries, int64_t *n_found)
{
	int64_t n_offered = query->candidates != NULL ? query->n_candidates : neighbors->n_items;
	List list = { query, query->scratch, { entries, query->n < n_offered ? query->n : n_offered, 0 } };
	LepNeighborScratch own;
	LepArena arena;
	LepStatus status = LEP_OK;

	*n_found = 0;
	if (list.best.n_wanted <= 0)
		return LEP_OK;
	lep_arena_init(&arena, env);
	if (query->scratch == NULL)
	{
		status = lep_neighbors_scratch(&arena, neighbors->n_items, &own);
		list.scratch = &own;
	}
	if (status == LEP_OK)
		status = find_list(env, neighbors, query->scratch == NULL ? &own : query->scratch, &list);
	if (status == LEP_OK)
		*n_found = list.best.n_kept;
	lep_arena_drop(&arena);
	return status;
}

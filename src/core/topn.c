/*
 * topn.c
 *		Exact top-N: bound, scores in 8 bits, exact rescoring, bounded heap.
 *
 * Why the answer is exact.  Let D(i) be the double that lep_score rounds to
 * float, T the smallest double that can round to the score of the list's last
 * entry.  Rounding keeps order, so an item with D(i) < T cannot enter the list.
 * Write p for the user's row, P for its norm, q for the item's row, Q for the
 * largest norm in the block, B for the largest |bias| in it, u = 2^-24.
 *
 * (1) Block bound.  p.q <= P Q, and more sharply: h(P) = max of bias + P |q|
 *     over the block is convex in P, so it lies below its chord between P = 0
 *     and the reference P0, and beyond P0 it grows by at most Q.  block_bound()
 *     gives that.  Sums in double lose less than 2^-45 (|base| + B + P Q): at
 *     most 1024 / 16 + 4 roundings of 2^-53 in lep_score's dot product, a few
 *     more around it and in the bound itself.
 *
 * (2) Score in 8 bits.  Let s z stand for q and t w for p, |q - s z| <= d and
 *     |p - t w| <= e (items.h).  Since p.q - (t w).(s z) = p.(q - s z) +
 *     (p - t w).(s z), it is within P d + e (Q + d).  w.z is exact, and so is its
 *     float; t times it, the sum with the bias round once each, by
 *     u |t w| |s z| <= u (P + e) (Q + d), and by u of the sum, B besides.  Where
 *     the product with t is denormal it loses 2^-150, times s <= Q.
 *     block_cut() sums that up.  It holds while nothing overflows,
 *     (P + e) (Q + d) < 1e37; beyond, all is scored exactly.
 */
#include "core/topn.h"

#include <math.h>
#include <string.h>

#include "core/best.h"
#include "core/format.h"
#include "core/kernels.h"

/* Items between two questions whether to stop: some microseconds. */
#define STOP_INTERVAL 4096

#define DOUBLE_SLACK 0x1p-45
#define FLOAT_UNIT	 0x1p-24
#define FLOAT_TINY	 0x1p-149
#define FLOAT_SAFE	 1e37

/* One query at work. */
typedef struct Search
{
	LepEnv *env;
	const LepItems *items;
	const LepTopnQuery *query;
	const float *user_row;	/* NULL: all dot products are 0 */
	double base;			/* mean + user bias, as lep_score adds them */
	double user_norm;		/* at least the user row's */
	double user_error;		/* at least that of the codes */
	LepCodeScan scan;		/* with the user's codes */
	const uint8_t *allowed; /* bit per item, or NULL: look into exclude */
	LepBest best;			/* in the caller's array */
	double threshold;		/* a score below it, before rounding, cannot enter */
} Search;

/* Score an item exactly and keep it if it is among the best so far. */
static void
offer(Search *search, int32_t item)
{
	const LepItems *items = search->items;
	const LepTopnQuery *query = search->query;
	const float *row = search->user_row == NULL ? NULL : lep_items_row(items, item);
	LepTopnEntry entry = { item, lep_score(items->mean, query->user_bias, items->bias[item], query->user_row,
										   row, items->stride) };

	lep_best_offer(&search->best, entry);
	if (search->best.n_kept == search->best.n_wanted)
	{
		double last = search->best.entries[0].score;

		/* the float below last, or less: what is halfway between may round up */
		search->threshold = last - (fabs(last) * (2 * FLOAT_UNIT) + FLOAT_TINY);
	}
}

static bool
is_allowed(const Search *search, int32_t item)
{
	if (search->allowed != NULL)
		return search->allowed[item >> 3] >> (item & 7) & 1;
	return lep_topn_has_bit(search->query->eligible, item) &&
		   !lep_topn_is_listed(search->query->exclude, search->query->n_exclude, item);
}

/* Can nothing in the block enter the list?  See (1) on top. */
static double
block_bound(const Search *search, const LepBlockBound *bound)
{
	double reference = search->items->reference_norm;
	double norm = search->user_norm;
	double size = fabs(search->base) + bound->max_abs_bias + norm * bound->max_norm;
	double top;

	if (norm > reference)
		top = bound->max_mixed + (norm - reference) * bound->max_norm;
	else if (norm > 0)
		top = bound->max_bias + norm / reference * (bound->max_mixed - bound->max_bias);
	else
		top = bound->max_bias;
	return search->base + top + DOUBLE_SLACK * size;
}

/*
 * An item of the block whose score in 8 bits, without the base, is below this
 * cannot enter the list.  See (2) on top.
 */
static float
block_cut(const Search *search, const LepBlockBound *bound)
{
	double norm = bound->max_norm + bound->max_error;
	double product = (search->user_norm + search->user_error) * norm;
	double size = fabs(search->base) + bound->max_abs_bias + product;
	double coding = search->user_norm * bound->max_error + search->user_error * norm;
	double margin = coding + 3 * FLOAT_UNIT * (product + bound->max_abs_bias) + (norm + 1) * FLOAT_TINY +
					DOUBLE_SLACK * size;
	double cut = search->threshold - search->base - margin;

	if (!(product < FLOAT_SAFE))
		return -INFINITY;
	return (float) (cut - fabs(cut) * (2 * FLOAT_UNIT)); /* rounding must not raise it */
}

static void
scan_block(Search *search, int64_t block)
{
	const LepItems *items = search->items;
	int64_t first = block * LEP_BLOCK_ITEMS;
	LepCodeScan *scan = &search->scan;
	uint64_t above;

	scan->codes = items->codes + first * items->n_groups * LEP_CODE_GROUP;
	scan->scale = items->scale + first;
	scan->bias = items->bias_at + first;
	scan->cut = block_cut(search, &items->bounds[block]);
	above = lep_kernels->codes_above(scan);
	if (block == items->n_blocks - 1 && items->n_items % LEP_BLOCK_ITEMS != 0)
		above &= (UINT64_C(1) << items->n_items % LEP_BLOCK_ITEMS) - 1;
	for (; above != 0; above &= above - 1)
	{
		int32_t item = items->item_at[first + __builtin_ctzll(above)];

		if (is_allowed(search, item))
			offer(search, item);
	}
}

static LepStatus
scan_items(Search *search)
{
	const LepItems *items = search->items;

	for (int64_t block = 0; block < items->n_blocks; block++)
	{
		if (block % (STOP_INTERVAL / LEP_BLOCK_ITEMS) == 0 && lep_env_stopped(search->env))
			return LEP_ERR_STOPPED;
		if (!(block_bound(search, &items->bounds[block]) < search->threshold))
			scan_block(search, block);
	}
	return LEP_OK;
}

/* Score just the candidates. */
static LepStatus
scan_candidates(Search *search)
{
	const LepTopnQuery *query = search->query;

	for (int64_t j = 0; j < query->n_candidates; j++)
	{
		if (j % STOP_INTERVAL == 0 && lep_env_stopped(search->env))
			return LEP_ERR_STOPPED;
		if (is_allowed(search, query->candidates[j]))
			offer(search, query->candidates[j]);
	}
	return LEP_OK;
}

/* Bit per item: the candidates, or all, without the excluded. */
static LepStatus
mark_allowed(Search *search, LepArena *arena)
{
	const LepTopnQuery *query = search->query;
	size_t size = lep_topn_mask_size(search->items->n_items);
	uint8_t *mask = query->mask != NULL ? query->mask : lep_arena_alloc(arena, (int64_t) size, 1);

	if (mask == NULL)
		return lep_env_failure(search->env);
	if (query->candidates == NULL && query->eligible != NULL)
		memcpy(mask, query->eligible, size);
	else
		memset(mask, query->candidates == NULL ? 0xFF : 0, size);
	if (query->candidates != NULL)
		for (int64_t j = 0; j < query->n_candidates; j++)
			if (lep_topn_has_bit(query->eligible, query->candidates[j]))
				mask[query->candidates[j] >> 3] |= (uint8_t) (1 << (query->candidates[j] & 7));
	for (int64_t j = 0; j < query->n_exclude; j++)
		mask[query->exclude[j] >> 3] &= (uint8_t) ~(1 << (query->exclude[j] & 7));
	search->allowed = mask;
	return LEP_OK;
}

/*
 * Few candidates are scored one by one; many make a mask for the scan.  A mask
 * costs n_items / 8 bytes of memset, which pays where more than a few excluded
 * items are looked for.
 */
static LepStatus
find_best(Search *search, LepArena *arena)
{
	const LepTopnQuery *query = search->query;
	int32_t n_items = search->items->n_items;
	bool few = query->candidates != NULL && query->n_candidates < n_items / 8;
	LepStatus status = LEP_OK;

	if (query->has_mask)
		search->allowed = query->mask;
	else if (!few && (query->candidates != NULL || query->n_exclude > n_items / 4096))
		status = mark_allowed(search, arena);
	if (status == LEP_OK)
		status = few ? scan_candidates(search) : scan_items(search);
	if (status == LEP_OK)
		status = lep_best_sort(search->env, &search->best);
	return status;
}

/* The user's row in 8 bits, into codes[stride]. */
static void
code_user(Search *search, int8_t *codes)
{
	int stride = search->items->stride;
	LepCoded coded = lep_items_encode(search->user_row, stride, codes);

	search->user_norm = lep_norm_above(search->user_row, stride);
	search->user_error = coded.error;
	search->scan.n_groups = search->items->n_groups;
	search->scan.query = codes;
	search->scan.query_scale = coded.scale;
	for (int f = 0; f < stride; f++)
		search->scan.query_sum += codes[f];
}

LepStatus
lep_topn(LepEnv *env, const LepItems *items, const LepTopnQuery *query, LepTopnEntry *entries,
		 int64_t *n_found)
{
	int64_t n_possible = query->candidates == NULL ? items->n_items : query->n_candidates;
	Search search = { .env = env,
					  .items = items,
					  .query = query,
					  .base = items->mean + (double) query->user_bias,
					  .best = { .entries = entries,
								.n_wanted = query->n < n_possible ? query->n : n_possible },
					  .threshold = -INFINITY };
	_Alignas(LEP_CODE_GROUP) int8_t codes[LEP_MAX_FACTORS];
	LepArena arena;
	LepStatus status;

	*n_found = 0;
	if (search.best.n_wanted <= 0)
		return LEP_OK;
	if (query->user_row != NULL && items->stride > 0)
	{
		search.user_row = query->user_row;
		code_user(&search, codes);
	}
	lep_arena_init(&arena, env);
	status = find_best(&search, &arena);
	lep_arena_drop(&arena);
	if (status == LEP_OK)
		*n_found = search.best.n_kept;
	return status;
}

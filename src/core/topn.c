/*
 * topn.c
 *		Exact top-N: layout by bound, float32 pass, exact rescoring, bounded heap.
 *
 * Layout.  One block of memory: the struct, the rows (64 items to a block, in
 * order of bound), the bounds of each block, biases and item numbers in the
 * rows' order, and where each item's row is.
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
 * (2) Float32 score.  dot_f32 adds stride / 16 fused products in each of 16
 *     lanes, and the lanes in 4 steps: each product passes through m = stride /
 *     16 + 4 roundings at most, so (Higham, Accuracy and Stability of Numerical
 *     Algorithms, 2nd ed., section 3.1) the error is within
 *     m u / (1 - m u) * sum |p_f q_f| <= (m + 1) u P Q, as m (m + 1) u <= 1.  Where
 *     a fused product is denormal it may lose 2^-150 besides.  Adding the bias
 *     rounds once more: u (P Q (1 + 2^-17) + B).  block_cut() sums that up.
 *     It holds while nothing overflows, P Q < 1e37; beyond, all is rescored.
 *
 * Norms are computed in double and rounded up by 2^-40, more than the 1024
 * roundings of 2^-53 that they can be short of.
 */
#include "core/topn.h"

#include <math.h>
#include <string.h>

#include "core/best.h"
#include "core/kernels.h"
#include "core/radix.h"

#define BLOCK_ITEMS 64 /* rows of 64 floats: 16 kB, half of a first-level cache */

/* Items between two questions whether to stop: 20 to 100 microseconds. */
#define STOP_INTERVAL 4096

#define NORM_SLACK	 (1 + 0x1p-40)
#define DOUBLE_SLACK 0x1p-45
#define FLOAT_UNIT	 0x1p-24
#define FLOAT_TINY	 0x1p-149
#define FLOAT_SAFE	 1e37

/* What the items of a block cannot exceed. */
typedef struct BlockBound
{
	double max_norm;
	double max_abs_bias;
	double max_bias;
	double max_mixed; /* of bias + reference norm * norm */
} BlockBound;

struct LepItems
{
	int32_t n_items;
	int stride;
	int64_t n_blocks;
	double mean;
	double reference_norm; /* the user norm that the order was made for */
	float *rows;		   /* [n_blocks * BLOCK_ITEMS * stride], zero behind the last item */
	BlockBound *bounds;	   /* [n_blocks] */
	float *bias;		   /* [n_blocks * BLOCK_ITEMS], -infinity behind the last item */
	int32_t *item_at;	   /* [n_items] */
	int32_t *position_of;  /* [n_items] */
};

/* Where the parts lie, in bytes from the start. */
typedef struct Layout
{
	size_t rows;
	size_t bounds;
	size_t bias;
	size_t item_at;
	size_t position_of;
	size_t total;
} Layout;

/* Append an array of n elements, aligned. */
static size_t
add_array(size_t at, int64_t n, size_t size)
{
	size_t end = lep_add_size(at, lep_mul_size((size_t) n, size));

	if (end > SIZE_MAX - LEP_ALIGNMENT)
		return SIZE_MAX;
	return (end + LEP_ALIGNMENT - 1) / LEP_ALIGNMENT * LEP_ALIGNMENT;
}

static int64_t
count_blocks(int32_t n_items)
{
	return ((int64_t) n_items + BLOCK_ITEMS - 1) / BLOCK_ITEMS;
}

/* The rows' memory also sorts, so it has room for a sort key per item. */
static Layout
layout_of(int32_t n_items, int n_factors)
{
	size_t row_size = lep_mul_size((size_t) lep_row_stride(n_factors), sizeof(float));
	int64_t n_blocks = count_blocks(n_items);
	int64_t n_padded = n_blocks * BLOCK_ITEMS;
	Layout layout;

	layout.rows = add_array(0, 1, sizeof(LepItems));
	layout.bounds = add_array(layout.rows, n_padded, row_size > 0 ? row_size : sizeof(uint64_t));
	layout.bias = add_array(layout.bounds, n_blocks, sizeof(BlockBound));
	layout.item_at = add_array(layout.bias, n_padded, sizeof(float));
	layout.position_of = add_array(layout.item_at, n_items, sizeof(int32_t));
	layout.total = add_array(layout.position_of, n_items, sizeof(int32_t));
	return layout;
}

size_t
lep_items_size(int32_t n_items, int n_factors)
{
	/* an arena's block takes two units more: its header and its alignment */
	return lep_add_size(layout_of(n_items, n_factors).total, 2 * LEP_ALIGNMENT);
}

/* An upper bound of the norm of a padded row. */
static double
norm_above(const float *row, int stride)
{
	return stride == 0 ? 0 : sqrt(lep_kernels->dot_f64(row, row, stride)) * NORM_SLACK;
}

/*
 * Norms of the input rows into norms[].  The reference norm decides the order
 * only, never an answer.  Three times the items' root mean square was the best
 * of 0, 0.3, 1, 3 and infinity on power-law norms and biases (a query of the
 * worst case took 116 us, with 0.3 196, with infinity 162): rarely rated items
 * have small norms, the users who ask have not.
 */
static LepStatus
measure_norms(LepEnv *env, LepItems *items, const float *factors, float *norms)
{
	double sum = 0;

	for (int64_t i = 0; i < items->n_items; i++)
	{
		double norm = norm_above(factors + i * items->stride, items->stride);

		if (i % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		norms[i] = (float) norm;
		sum += norm * norm;
	}
	items->reference_norm = 3 * sqrt(sum / (items->n_items > 0 ? items->n_items : 1));
	return LEP_OK;
}

/* A number whose ascending order is the descending order of floats. */
static uint32_t
descending_key(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits & 0x80000000u ? bits : ~bits & 0x7FFFFFFFu;
}

/*
 * Decide the order: descending bound of a user of the reference norm.  Sorts
 * pairs of (key, item) in the memory of the rows, with that of the two number
 * arrays, which are then filled from it, as scratch.
 */
static LepStatus
order_items(LepEnv *env, LepItems *items, const float *bias, const float *norms)
{
	uint64_t *pairs = (uint64_t *) items->rows;
	uint64_t *spare = (uint64_t *) items->item_at;
	float reference = (float) items->reference_norm;

	for (int64_t i = 0; i < items->n_items; i++)
		pairs[i] = (uint64_t) descending_key(bias[i] + reference * norms[i]) << 32 | (uint64_t) i;
	if (lep_radix_sort(env, pairs, spare, items->n_items, 32, 64) != LEP_OK)
		return LEP_ERR_STOPPED;
	for (int64_t position = 0; position < items->n_items; position++)
	{
		if (position % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		items->item_at[position] = (int32_t) (pairs[position] & 0xFFFFFFFFu);
		items->position_of[items->item_at[position]] = (int32_t) position;
	}
	return LEP_OK;
}

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

/* Copy one item's row and bias to its place, and widen its block's bound. */
static void
place_item(LepItems *items, int64_t position, const float *bias, const float *factors)
{
	BlockBound *bound = &items->bounds[position / BLOCK_ITEMS];
	int64_t item = items->item_at[position];
	double b = bias[item];
	double norm = 0;

	items->bias[position] = bias[item];
	if (items->stride > 0)
	{
		float *row = items->rows + position * items->stride;

		memcpy(row, factors + item * items->stride, (size_t) items->stride * sizeof(float));
		norm = norm_above(row, items->stride);
	}
	bound->max_norm = larger(bound->max_norm, norm);
	bound->max_abs_bias = larger(bound->max_abs_bias, fabs(b));
	bound->max_bias = larger(bound->max_bias, b);
	bound->max_mixed = larger(bound->max_mixed, b + items->reference_norm * norm);
}

static LepStatus
place_items(LepEnv *env, LepItems *items, const float *bias, const float *factors)
{
	int64_t n_padded = items->n_blocks * BLOCK_ITEMS;

	for (int64_t b = 0; b < items->n_blocks; b++)
		items->bounds[b] = (BlockBound){ 0, 0, -INFINITY, -INFINITY };
	for (int64_t position = 0; position < items->n_items; position++)
	{
		if (position % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		place_item(items, position, bias, factors);
	}
	for (int64_t position = items->n_items; position < n_padded; position++)
		items->bias[position] = -INFINITY;
	if (items->stride > 0)
		memset(items->rows + (int64_t) items->n_items * items->stride, 0,
			   (size_t) (n_padded - items->n_items) * (size_t) items->stride * sizeof(float));
	return LEP_OK;
}

LepItems *
lep_items_create(LepArena *arena, int32_t n_items, int n_factors, double mean, const float *bias,
				 const float *factors)
{
	Layout layout = layout_of(n_items, n_factors);
	char *memory = lep_arena_alloc(arena, 1, layout.total);
	LepItems *items = (LepItems *) memory;
	float *norms;

	if (items == NULL)
		return NULL;
	items->n_items = n_items;
	items->stride = lep_row_stride(n_factors);
	items->n_blocks = count_blocks(n_items);
	items->mean = mean;
	items->rows = (float *) (memory + layout.rows);
	items->bounds = (BlockBound *) (memory + layout.bounds);
	items->bias = (float *) (memory + layout.bias);
	items->item_at = (int32_t *) (memory + layout.item_at);
	items->position_of = (int32_t *) (memory + layout.position_of);

	norms = items->bias; /* until the biases come */
	if (measure_norms(arena->env, items, factors, norms) != LEP_OK ||
		order_items(arena->env, items, bias, norms) != LEP_OK ||
		place_items(arena->env, items, bias, factors) != LEP_OK)
	{
		lep_arena_free(arena, items);
		return NULL;
	}
	return items;
}

int32_t
lep_items_count(const LepItems *items)
{
	return items->n_items;
}

int
lep_items_stride(const LepItems *items)
{
	return items->stride;
}

float
lep_items_bias(const LepItems *items, int32_t item)
{
	return items->bias[items->position_of[item]];
}

/* The row at a position, NULL where there are no factors. */
static const float *
row_at(const LepItems *items, int64_t position)
{
	return items->stride == 0 ? NULL : items->rows + position * items->stride;
}

const float *
lep_items_row(const LepItems *items, int32_t item)
{
	return row_at(items, items->position_of[item]);
}

/* One query at work. */
typedef struct Search
{
	LepEnv *env;
	const LepItems *items;
	const LepTopnQuery *query;
	const float *user_row; /* NULL: all dot products are 0 */
	double base;		   /* mean + user bias, as lep_score adds them */
	double user_norm;	   /* at least the user row's */
	uint8_t *allowed;	   /* bit per item, or NULL: look into exclude */
	LepBest best;		   /* in the caller's array */
	double threshold;	   /* a score below it, before rounding, cannot enter */
} Search;

/* Score an item exactly and keep it if it is among the best so far. */
static void
offer(Search *search, int64_t position)
{
	const LepItems *items = search->items;
	const LepTopnQuery *query = search->query;
	const float *row = search->user_row == NULL ? NULL : row_at(items, position);
	LepTopnEntry entry = { items->item_at[position],
						   lep_score(items->mean, query->user_bias, items->bias[position], query->user_row,
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
is_listed(const int32_t *list, int64_t n, int32_t item)
{
	int64_t low = 0;

	while (low < n)
	{
		int64_t middle = low + (n - low) / 2;

		if (list[middle] < item)
			low = middle + 1;
		else if (list[middle] > item)
			n = middle;
		else
			return true;
	}
	return false;
}

static bool
is_allowed(const Search *search, int32_t item)
{
	if (search->allowed != NULL)
		return search->allowed[item >> 3] >> (item & 7) & 1;
	return !is_listed(search->query->exclude, search->query->n_exclude, item);
}

/* Can nothing in the block enter the list?  See (1) on top. */
static double
block_bound(const Search *search, const BlockBound *bound)
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
 * An item of the block whose float32 dot product plus bias is below this cannot
 * enter the list.  See (2) on top.
 */
static float
block_cut(const Search *search, const BlockBound *bound)
{
	int stride = search->items->stride;
	double product = search->user_norm * bound->max_norm;
	double size = fabs(search->base) + bound->max_abs_bias + product;
	double gamma = (stride / LEP_LANES + 5) * FLOAT_UNIT;
	double margin = gamma * product + 2 * FLOAT_UNIT * (product + bound->max_abs_bias) +
					(stride + 1) * FLOAT_TINY + DOUBLE_SLACK * size;
	double cut = search->threshold - search->base - margin;

	if (!(product < FLOAT_SAFE))
		return -INFINITY;
	return (float) (cut - fabs(cut) * (2 * FLOAT_UNIT)); /* rounding must not raise it */
}

/* How many of a block's sums are not below the cut; NaN is not. */
static int
count_hits(const float *restrict dots, const float *restrict bias, float cut)
{
	int hits = 0;

	for (int i = 0; i < BLOCK_ITEMS; i++)
		hits += !(dots[i] + bias[i] < cut);
	return hits;
}

static void
scan_block(Search *search, int64_t block)
{
	const LepItems *items = search->items;
	const BlockBound *bound = &items->bounds[block];
	int64_t first = block * BLOCK_ITEMS;
	int64_t n = items->n_items - first < BLOCK_ITEMS ? items->n_items - first : BLOCK_ITEMS;
	const float *bias = items->bias + first;
	float cut = block_cut(search, bound);
	float dots[BLOCK_ITEMS] = { 0 };

	if (search->user_row != NULL)
		lep_kernels->dot_rows_f32(row_at(items, first), BLOCK_ITEMS, items->stride, search->user_row, dots);
	if (count_hits(dots, bias, cut) == 0)
		return;
	for (int64_t i = 0; i < n; i++)
	{
		if (dots[i] + bias[i] < cut || !is_allowed(search, items->item_at[first + i]))
			continue;
		offer(search, first + i);
		cut = block_cut(search, bound);
	}
}

static LepStatus
scan_items(Search *search)
{
	const LepItems *items = search->items;

	for (int64_t block = 0; block < items->n_blocks; block++)
	{
		if (block % (STOP_INTERVAL / BLOCK_ITEMS) == 0 && lep_env_stopped(search->env))
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
			offer(search, search->items->position_of[query->candidates[j]]);
	}
	return LEP_OK;
}

/* Bit per item: the candidates, or all, without the excluded. */
static LepStatus
mark_allowed(Search *search, LepArena *arena)
{
	const LepTopnQuery *query = search->query;
	int64_t n_bytes = ((int64_t) search->items->n_items + 7) / 8;

	search->allowed = lep_arena_alloc(arena, n_bytes, 1);
	if (search->allowed == NULL)
		return search->env->error.status;
	memset(search->allowed, query->candidates == NULL ? 0xFF : 0, (size_t) n_bytes);
	if (query->candidates != NULL)
		for (int64_t j = 0; j < query->n_candidates; j++)
			search->allowed[query->candidates[j] >> 3] |= (uint8_t) (1 << (query->candidates[j] & 7));
	for (int64_t j = 0; j < query->n_exclude; j++)
		search->allowed[query->exclude[j] >> 3] &= (uint8_t) ~(1 << (query->exclude[j] & 7));
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

	if (!few && (query->candidates != NULL || query->n_exclude > n_items / 4096))
		status = mark_allowed(search, arena);
	if (status == LEP_OK)
		status = few ? scan_candidates(search) : scan_items(search);
	if (status == LEP_OK)
		status = lep_best_sort(search->env, &search->best);
	return status;
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
	LepArena arena;
	LepStatus status;

	*n_found = 0;
	if (search.best.n_wanted <= 0)
		return LEP_OK;
	if (query->user_row != NULL && items->stride > 0)
	{
		search.user_row = query->user_row;
		search.user_norm = norm_above(query->user_row, items->stride);
	}
	lep_arena_init(&arena, env);
	status = find_best(&search, &arena);
	lep_arena_drop(&arena);
	if (status == LEP_OK)
		*n_found = search.best.n_kept;
	return status;
}

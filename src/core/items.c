/*
 * items.c
 *		Items laid out for top-N: order by bound, codes in 8 bits.
 *
 * A block of memory: a header, and arrays at distances from it that follow from
 * the numbers of items and factors.
 *
 * Codes.  A row q becomes scale z with z_f = q_f / scale rounded, scale =
 * max |q_f| / 127 (symmetric linear quantisation with a scale per row; as in H.
 * Wu, P. Judd, X. Zhang, M. Isaev, P. Micikevicius, "Integer Quantization for
 * Deep Learning Inference", 2020, arXiv:2004.09602, section 3.1.2).  Whatever
 * was rounded, and be the scale denormal or zero, |q - scale z| is measured, in
 * double, and goes into the bounds: nothing is assumed of it.  A row has at most
 * LEP_MAX_FACTORS factors, a multiple of LEP_LANES.
 *
 * Norms are computed in double and rounded up by 2^-40, more than the 1024
 * roundings of 2^-53 that they can be short of.
 */
#include "core/items.h"

#include <math.h>
#include <string.h>

#include "core/format.h"
#include "core/radix.h"

/* Items between two questions whether to stop: 20 to 100 microseconds. */
#define STOP_INTERVAL 1024

/* Bytes copied between two: fresh memory costs a fault for each page. */
#define COPY_CHUNK ((size_t) 128 * 1024)

#define NORM_SLACK	(1 + 0x1p-40)
#define FLOAT_SLACK (1 + 0x1p-22) /* more than rounding to float takes away */

/* How many positions ahead rows are fetched: they come in no order of memory. */
#define PLACE_AHEAD 8

#define CODE_ZERO_IN_EACH UINT32_C(0x80808080)
_Static_assert(LEP_CODE_GROUP == sizeof(uint32_t) && LEP_CODE_ZERO == 0x80, "codes are moved four at a time");

#define ITEMS_MAGIC UINT64_C(0x31534D45544950EC)

typedef struct Header
{
	uint64_t magic;
	int32_t n_items;
	int32_t n_factors;
	double mean;
	double reference_norm;
} Header;

/* Where the parts lie, in bytes from the start. */
typedef struct Layout
{
	size_t rows;
	size_t bias;
	size_t bounds;
	size_t item_at;
	size_t codes;
	size_t scale;
	size_t bias_at;
	size_t total;
} Layout;

static int64_t
count_blocks(int32_t n_items)
{
	return ((int64_t) n_items + LEP_BLOCK_ITEMS - 1) / LEP_BLOCK_ITEMS;
}

static int
count_groups(int n_factors)
{
	return (n_factors + LEP_CODE_GROUP - 1) / LEP_CODE_GROUP;
}

static Layout
layout_of(int32_t n_items, int n_factors)
{
	int64_t n_padded = count_blocks(n_items) * LEP_BLOCK_ITEMS;
	Layout layout;

	layout.bias = lep_append_array(0, 1, sizeof(Header));
	layout.rows = lep_append_array(layout.bias, n_items, sizeof(float));
	layout.bounds =
		lep_append_array(layout.rows, n_items, (size_t) lep_row_stride(n_factors) * sizeof(float));
	layout.item_at = lep_append_array(layout.bounds, count_blocks(n_items), sizeof(LepBlockBound));
	layout.codes = lep_append_array(layout.item_at, n_padded, sizeof(int32_t));
	layout.scale =
		lep_append_array(layout.codes, n_padded, (size_t) count_groups(n_factors) * LEP_CODE_GROUP);
	layout.bias_at = lep_append_array(layout.scale, n_padded, sizeof(float));
	layout.total = lep_append_array(layout.bias_at, n_padded, sizeof(float));
	return layout;
}

size_t
lep_items_size(int32_t n_items, int n_factors)
{
	return layout_of(n_items, n_factors).total;
}

size_t
lep_items_scratch(int32_t n_items)
{
	/* keys to sort, twice, and norms; an arena's block takes two units more: its header and its alignment */
	return lep_add_size(lep_mul_size((size_t) n_items, 2 * sizeof(uint64_t) + sizeof(float)),
						(size_t) 6 * LEP_ALIGNMENT);
}

float *
lep_items_room(void *block, int32_t n_items, int n_factors)
{
	return (float *) ((char *) block + layout_of(n_items, n_factors).rows);
}

double
lep_norm_above(const float *row, int stride)
{
	return stride == 0 ? 0 : sqrt(lep_kernels->dot_f64(row, row, stride)) * NORM_SLACK;
}

/* What rounding a rest to a float, a denormal one at worst, can hide of its norm. */
static double
error_above(const float *rest, int stride)
{
	return sqrt(lep_kernels->dot_f64(rest, rest, stride)) * (1 + 0x1p-22) + stride * 0x1p-149;
}

LepCoded
lep_items_encode(const float *row, int stride, int8_t *codes)
{
	float rest[LEP_MAX_FACTORS];
	LepCoded coded;

	coded.scale = lep_kernels->encode_f32(row, stride, codes, rest);
	coded.error = error_above(rest, stride);
	return coded;
}

/* A block being built. */
typedef struct Builder
{
	LepEnv *env;
	LepItems *items; /* whose arrays are written to by way of those below */
	LepBlockBound *bounds;
	int32_t *item_at;
	uint8_t *codes;
	float *scale;
	float *bias_at;
	float *norms; /* [n_items] by item, rounded up */
} Builder;

/*
 * Norms of the rows into norms[].  The reference norm decides the order
 * only, never an answer.  Three times the items' root mean square was the best
 * of 0, 0.3, 1, 3 and infinity on power-law norms and biases (a query of the
 * worst case took 116 us, with 0.3 196, with infinity 162): rarely rated items
 * have small norms, the users who ask have not.
 */
static LepStatus
measure_norms(LepEnv *env, LepItems *items, float *norms)
{
	double sum = 0;

	for (int32_t i = 0; i < items->n_items; i++)
	{
		double norm = lep_norm_above(lep_items_row(items, i), items->stride);

		if (i % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		/* a float that is denormal can be short of it by half of the smallest */
		norms[i] = norm > 0 ? (float) (norm * FLOAT_SLACK + 0x1p-149) : 0;
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

/* Decide the order: descending bound of a user of the reference norm. */
static LepStatus
order_items(LepArena *arena, Builder *builder)
{
	LepItems *items = builder->items;
	uint64_t *pairs = lep_arena_alloc(arena, items->n_items, sizeof(uint64_t));
	uint64_t *spare = lep_arena_alloc(arena, items->n_items, sizeof(uint64_t));
	float reference;

	if (pairs == NULL || spare == NULL)
		return lep_env_failure(arena->env);
	reference = (float) items->reference_norm;
	for (int64_t i = 0; i < items->n_items; i++)
	{
		if (i % STOP_INTERVAL == 0 && lep_env_stopped(arena->env))
			return LEP_ERR_STOPPED;
		pairs[i] =
			(uint64_t) descending_key(items->bias[i] + reference * builder->norms[i]) << 32 | (uint64_t) i;
	}
	if (lep_radix_sort(arena->env, pairs, spare, items->n_items, 32, 64) != LEP_OK)
		return LEP_ERR_STOPPED;
	for (int64_t position = 0; position < items->n_items; position++)
	{
		if (position % STOP_INTERVAL == 0 && lep_env_stopped(arena->env))
			return LEP_ERR_STOPPED;
		builder->item_at[position] = (int32_t) (pairs[position] & 0xFFFFFFFFu);
	}
	return LEP_OK;
}

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

/* One item's codes to their place in the block. */
static void
place_codes(Builder *builder, int64_t position, const int8_t *codes)
{
	int n_groups = builder->items->n_groups;
	uint8_t *place = builder->codes +
					 (position / LEP_BLOCK_ITEMS * LEP_BLOCK_ITEMS * n_groups + position % LEP_BLOCK_ITEMS) *
						 LEP_CODE_GROUP;

	for (int group = 0; group < n_groups; group++, place += LEP_BLOCK_ITEMS * LEP_CODE_GROUP)
	{
		uint32_t four; /* adding half the range to a byte turns its highest bit */

		memcpy(&four, codes + group * LEP_CODE_GROUP, sizeof(four));
		four ^= CODE_ZERO_IN_EACH;
		memcpy(place, &four, sizeof(four));
	}
}

/* What is known by position of one item, and its block's bound made wider. */
static void
place_item(Builder *builder, int64_t position)
{
	const LepItems *items = builder->items;
	LepBlockBound *bound = &builder->bounds[position / LEP_BLOCK_ITEMS];
	int32_t item = builder->item_at[position];
	double b = items->bias[item];
	double norm = builder->norms[item];
	int8_t codes[LEP_MAX_FACTORS];
	LepCoded coded = { 0, 0 };

	if (items->stride > 0)
	{
		coded = lep_items_encode(lep_items_row(items, item), items->stride, codes);
		place_codes(builder, position, codes);
	}
	builder->scale[position] = coded.scale;
	builder->bias_at[position] = items->bias[item];
	bound->max_norm = larger(bound->max_norm, norm);
	bound->max_abs_bias = larger(bound->max_abs_bias, fabs(b));
	bound->max_bias = larger(bound->max_bias, b);
	bound->max_mixed = larger(bound->max_mixed, b + items->reference_norm * norm);
	bound->max_error = larger(bound->max_error, coded.error);
}

/* The last block's items that are not there. */
static void
place_nobody(Builder *builder, int64_t position)
{
	static const int8_t zero[LEP_MAX_FACTORS] = { 0 };

	place_codes(builder, position, zero);
	builder->item_at[position] = 0;
	builder->scale[position] = 0;
	builder->bias_at[position] = -INFINITY;
}

static void
prefetch_row(const Builder *builder, int64_t position)
{
	const LepItems *items = builder->items;

	if (position >= items->n_items)
		return;
	for (int f = 0; f < items->stride; f += LEP_ALIGNMENT / (int) sizeof(float))
		__builtin_prefetch(lep_items_row(items, builder->item_at[position]) + f);
}

static LepStatus
place_items(Builder *builder)
{
	const LepItems *items = builder->items;

	for (int64_t b = 0; b < items->n_blocks; b++)
		builder->bounds[b] = (LepBlockBound){ 0, 0, -INFINITY, -INFINITY, 0 };
	for (int64_t position = 0; position < items->n_items; position++)
	{
		if (position % STOP_INTERVAL == 0 && lep_env_stopped(builder->env))
			return LEP_ERR_STOPPED;
		prefetch_row(builder, position + PLACE_AHEAD);
		place_item(builder, position);
	}
	for (int64_t position = items->n_items; position < items->n_blocks * LEP_BLOCK_ITEMS; position++)
		place_nobody(builder, position);
	return LEP_OK;
}

/* The view of a block, built or not. */
static LepItems
view_of(const void *block, const Header *header)
{
	Layout layout = layout_of(header->n_items, header->n_factors);
	const char *start = block;
	LepItems items = { .n_items = header->n_items,
					   .stride = lep_row_stride(header->n_factors),
					   .n_groups = count_groups(header->n_factors),
					   .n_blocks = count_blocks(header->n_items),
					   .mean = header->mean,
					   .reference_norm = header->reference_norm,
					   .bias = (const float *) (start + layout.bias),
					   .rows = (const float *) (start + layout.rows),
					   .bounds = (const LepBlockBound *) (start + layout.bounds),
					   .item_at = (const int32_t *) (start + layout.item_at),
					   .codes = (const uint8_t *) (start + layout.codes),
					   .scale = (const float *) (start + layout.scale),
					   .bias_at = (const float *) (start + layout.bias_at) };

	return items;
}

static LepStatus
copy(LepEnv *env, char *to, const void *from, size_t size)
{
	for (size_t at = 0; at < size; at += COPY_CHUNK)
	{
		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		memcpy(to + at, (const char *) from + at, size - at < COPY_CHUNK ? size - at : COPY_CHUNK);
	}
	return LEP_OK;
}

static LepStatus
build(LepArena *arena, Builder *builder)
{
	LepStatus status;

	builder->norms = lep_arena_alloc(arena, builder->items->n_items, sizeof(float));
	if (builder->norms == NULL)
		return lep_env_failure(arena->env);
	status = measure_norms(arena->env, builder->items, builder->norms);
	if (status == LEP_OK)
		status = order_items(arena, builder);
	return status == LEP_OK ? place_items(builder) : status;
}

LepStatus
lep_items_build(LepEnv *env, void *block, int32_t n_items, int n_factors, double mean, const float *bias,
				const float *factors)
{
	Layout layout = layout_of(n_items, n_factors);
	Header *header = block;
	char *start = block;
	LepItems items;
	Builder builder = { .env = env,
						.items = &items,
						.bounds = (LepBlockBound *) (start + layout.bounds),
						.item_at = (int32_t *) (start + layout.item_at),
						.codes = (uint8_t *) (start + layout.codes),
						.scale = (float *) (start + layout.scale),
						.bias_at = (float *) (start + layout.bias_at) };
	LepArena arena;
	LepStatus status;

	lep_arena_init(&arena, env);
	*header = (Header){ ITEMS_MAGIC, n_items, n_factors, mean, 0 };
	items = view_of(block, header);
	status = copy(env, start + layout.bias, bias, (size_t) n_items * sizeof(float));
	if (status == LEP_OK && factors != NULL && n_factors > 0)
		status =
			copy(env, start + layout.rows, factors, (size_t) n_items * (size_t) items.stride * sizeof(float));
	if (status == LEP_OK)
		status = build(&arena, &builder);
	lep_arena_drop(&arena);
	header->reference_norm = items.reference_norm;
	return status;
}

bool
lep_items_view(const void *block, LepItems *items)
{
	const Header *header = block;

	if (header->magic != ITEMS_MAGIC)
		return false;
	*items = view_of(block, header);
	return true;
}

LepItems *
lep_items_create(LepArena *arena, int32_t n_items, int n_factors, double mean, const float *bias,
				 const float *factors)
{
	LepItems *items = lep_arena_alloc(arena, 1, sizeof(LepItems));
	void *block = items == NULL ? NULL : lep_arena_alloc(arena, 1, lep_items_size(n_items, n_factors));

	if (block == NULL ||
		lep_items_build(arena->env, block, n_items, n_factors, mean, bias, factors) != LEP_OK)
	{
		lep_arena_free(arena, block);
		lep_arena_free(arena, items);
		return NULL;
	}
	(void) lep_items_view(block, items);
	return items;
}

/*
 * items.h
 *		The items of a model as top-N searches them, in one block of memory that
 *		may lie anywhere: private, or mapped by several processes.
 *
 * By item number: biases, factors.  By position, those first that can score
 * highest: 8-bit codes of the factors in blocks of LEP_BLOCK_ITEMS, with what
 * an item's codes and bias say of its score, and what the items of a block cannot
 * exceed.
 *
 * A LepItems is a view of such a block, whose memory is aligned to LEP_ALIGNMENT
 * bytes.  Neither is
 * ever changed after it was built: any number of threads may read them.
 */
#ifndef LEP_ITEMS_H
#define LEP_ITEMS_H

#include "core/env.h"
#include "core/kernels.h"

/* What the items of a block cannot exceed. */
typedef struct LepBlockBound
{
	double max_norm;
	double max_abs_bias;
	double max_bias;
	double max_mixed; /* of bias + reference norm * norm */
	double max_error; /* of the norm of factors minus what their codes stand for */
} LepBlockBound;

typedef struct LepItems
{
	int32_t n_items;
	int stride;	  /* floats in a row, 0 for no factors */
	int n_groups; /* of codes, LEP_CODE_GROUP factors each */
	int64_t n_blocks;
	double mean;
	double reference_norm; /* the user norm that the order was made for */

	/* by item number */
	const float *bias; /* [n_items] */
	const float *rows; /* [n_items * stride], zero beyond the factors */

	/* by position; the last block is filled up with items of bias -infinity */
	const LepBlockBound *bounds; /* [n_blocks] */
	const int32_t *item_at;		 /* [n_blocks * LEP_BLOCK_ITEMS] */
	const uint8_t *codes;		 /* [n_blocks * n_groups * LEP_BLOCK_ITEMS * LEP_CODE_GROUP]; kernels.h */
	const float *scale;			 /* [n_blocks * LEP_BLOCK_ITEMS] of a code of 1 */
	const float *bias_at;		 /* [n_blocks * LEP_BLOCK_ITEMS] */
} LepItems;

/* Bytes of the block of n_items items of n_factors factors; SIZE_MAX on overflow. */
extern size_t lep_items_size(int32_t n_items, int n_factors);

/* Bytes that building it takes besides. */
extern size_t lep_items_scratch(int32_t n_items);

/*
 * Build the block in memory of lep_items_size() bytes: bias[i] and padded row i
 * of factors (NULL for 0 factors; it may be NULL for others, too, where the
 * caller has put the rows to lep_items_room() before).  Scratch memory from env.
 * Fails for want of it, or with LEP_ERR_STOPPED; the block is void then.
 */
extern LepStatus lep_items_build(LepEnv *env, void *block, int32_t n_items, int n_factors, double mean,
								 const float *bias, const float *factors);

/* Where the rows of a block lie. */
extern float *lep_items_room(void *block, int32_t n_items, int n_factors);

/* A view of a block that was built; false: it is none. */
extern bool lep_items_view(const void *block, LepItems *items);

/* A block of the arena's own, built and opened.  NULL on failure or when stopped, env->error set. */
extern LepItems *lep_items_create(LepArena *arena, int32_t n_items, int n_factors, double mean,
								  const float *bias, const float *factors);

/* how many items, and floats in a row of each: 0 for 0 factors */
static inline int32_t
lep_items_count(const LepItems *items)
{
	return items->n_items;
}

static inline int
lep_items_stride(const LepItems *items)
{
	return items->stride;
}

/* bias and padded row of an item; the row is NULL for 0 factors */
static inline float
lep_items_bias(const LepItems *items, int32_t item)
{
	return items->bias[item];
}

/* The row of an item of a model that has factors. */
static inline const float *
lep_items_factors(const LepItems *items, int32_t item)
{
	return items->rows + (int64_t) item * items->stride;
}

/* The same; NULL where the model has none. */
static inline const float *
lep_items_row(const LepItems *items, int32_t item)
{
	return items->stride == 0 ? NULL : lep_items_factors(items, item);
}

/* An upper bound of the norm of a padded row. */
extern double lep_norm_above(const float *row, int stride);

/* Factors in 8 bits: f about scale * code, |code| <= LEP_MAX_CODE. */
typedef struct LepCoded
{
	float scale;
	double error; /* at least the norm of the row minus scale * codes */
} LepCoded;

/* Code a padded row, zero beyond its factors, into codes[stride]. */
extern LepCoded lep_items_encode(const float *row, int stride, int8_t *codes);

#endif /* LEP_ITEMS_H */

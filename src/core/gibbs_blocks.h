/*
 * gibbs_blocks.h
 *		The state of the sampler by coordinates: for gibbs_blocks.c, which draws,
 *		and gibbs_blocks_start.c, which makes it.
 */
#ifndef LEP_GIBBS_BLOCKS_H
#define LEP_GIBBS_BLOCKS_H

#include "core/gibbs_noise.h"

/* Ranges of users that are walked at a time, each with sums of its own. */
#define LEP_BLOCKS_STRIPES 16

/* Rows per task of a draw. */
#define LEP_BLOCKS_ROWS 1024

/* What a walk over the ratings takes out of the residuals or sums up. */
typedef enum LepBlocksKind
{
	LEP_KIND_NONE,
	LEP_KIND_USERS,
	LEP_KIND_ITEMS,
	LEP_KIND_BINS
} LepBlocksKind;

/* One coordinate of all unknowns. */
typedef struct LepCoordinate
{
	const float *user; /* total of users, or 1 for biases */
	const float *item;
	const float *bin; /* of bins, or 0 for biases and where there are none */
} LepCoordinate;

/* Sums over the ratings of a row. */
typedef struct LepBlocksSums
{
	float ex; /* of residual times x */
	float xx;
} LepBlocksSums;

/* A row while the implicit unknowns of its side are drawn: x times the root of its ratings' number. */
typedef float LepImplied4 __attribute__((vector_size(16)));
enum
{
	LEP_IMPLIED_EX,
	LEP_IMPLIED_XX,
	LEP_IMPLIED_CHANGE
};

typedef struct LepNormalPrior
{
	double mean;
	double precision;
} LepNormalPrior;

typedef struct LepBlocks
{
	const LepGibbsData *data;
	int32_t n_rows[LEP_GIBBS_SIDES];
	int n_coordinates; /* factors, then the bias */
	LepGibbsNoise noise;

	/* [coordinate * rows + row] */
	float *own[LEP_GIBBS_SIDES];	 /* p, q */
	float *implied[LEP_GIBBS_SIDES]; /* y (a row for each item), x (for each user); NULL: none */
	float *total[LEP_GIBBS_SIDES];	 /* P, Q */
	float *bins;					 /* V */
	LepNormalPrior *own_prior[LEP_GIBBS_SIDES];
	LepNormalPrior *implied_prior[LEP_GIBBS_SIDES]; /* mean 0 */
	LepNormalPrior *bin_prior;						/* mean 0 */

	float *root[LEP_GIBBS_SIDES]; /* n^(-1/2), 0 for rows without ratings */
	float *ones;				  /* of as many as the largest side or the bins have */
	float *zeros;
	float *residual;						/* [n], by user */
	LepBlocksSums *sums[LEP_GIBBS_SIDES];	/* of users [n]; of items [LEP_BLOCKS_STRIPES * n] */
	LepBlocksSums *bin_sums;				/* [LEP_BLOCKS_STRIPES * n_bins] */
	float *change[LEP_GIBBS_SIDES];			/* of the total, in this draw */
	float *bin_change;						/* [n_bins] */
	LepImplied4 *work;						/* of a side's rows */
	int32_t stripe[LEP_BLOCKS_STRIPES + 1]; /* first users */

	/* the draw at work */
	int side;
	int f;
	int sweep;
	LepBlocksKind update;
	LepBlocksKind sum;
	LepCoordinate updated; /* what the residuals are updated by */
	LepCoordinate summed;
} LepBlocks;

/* bytes that start takes */
extern size_t lep_blocks_memory(const LepGibbsData *data, int32_t n_users, int32_t n_items, int64_t n_ratings,
								int n_threads);

/* The state before the first sweep: random factors, their residuals. */
extern LepStatus lep_blocks_start(LepArena *arena, const LepGibbsData *data, void **state);

/* Has this row of a side ratings? */
static inline bool
lep_blocks_rated(const LepBlocks *b, int side, int64_t row)
{
	return b->data->view[side].start[row] < b->data->view[side].start[row + 1];
}

#endif /* LEP_GIBBS_BLOCKS_H */

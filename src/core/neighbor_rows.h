/*
 * neighbor_rows.h
 *		Rows of at most `width` neighbours for each item, as solvers choose
 *		them: the largest of the scores in dense sums.
 */
#ifndef LEP_NEIGHBOR_ROWS_H
#define LEP_NEIGHBOR_ROWS_H

#include "core/neighbors.h"

/* A neighbour to be, and its score. */
typedef struct LepNeighborChoice
{
	double score;
	int32_t item;
} LepNeighborChoice;

typedef struct LepNeighborRows
{
	int32_t n_items;
	int32_t width;
	int32_t *n;				   /* [n_items] neighbours of the row */
	int32_t *item;			   /* [n_items * width] ascending within a row */
	float *weight;			   /* [n_items * width] */
	LepNeighborChoice *choice; /* [threads * width] */
} LepNeighborRows;

/* min(neighbors, n_items - 1), at least 1 */
extern int32_t lep_neighbor_rows_width(int32_t n_items, int64_t neighbors);

extern size_t lep_neighbor_rows_size(int32_t n_items, int64_t neighbors, int n_threads);

/* Empty rows, in the arena. */
extern LepStatus
lep_neighbor_rows_begin(LepArena *arena, int32_t n_items, int64_t neighbors, LepNeighborRows *rows);

/*
 * The items other than `item` with the largest sum[j] * factor[j] among those
 * reached, ties by item number; the products become their weights.  Those that
 * are not above 0 are no neighbours.  Part of a task.
 */
extern void lep_neighbor_rows_choose(LepNeighborRows *rows, int32_t item, const LepNeighborScratch *row,
									 const double *factor, int thread);

/*
 * Rows to a model's neighbours, source by source; entries of weight 0 are left
 * out.  *least: the smallest magnitude among the weights, 1 if there are none.
 */
extern LepStatus
lep_neighbor_rows_export(LepEnv *env, const LepNeighborRows *rows, LepNeighbors *neighbors, float *least);

/*
 * The same where rows are of targets: entry j of row i becomes entry i of row j.
 */
extern LepStatus lep_neighbor_rows_export_turned(LepEnv *env, const LepNeighborRows *rows,
												 LepNeighbors *neighbors, float *least);

#endif /* LEP_NEIGHBOR_ROWS_H */

/*
 * similar.c
 *		Cosines over all items.
 */
#include "core/similar.h"

#include <math.h>

#include "core/best.h"
#include "core/kernels.h"

/* Items between two questions whether to stop: at most 1 ms. */
#define STOP_INTERVAL 1024

/* Given the first row's own product, since it stays the same. */
static float
cosine_with(const float *a, double a_square, const float *b, int stride)
{
	double b_square = lep_kernels->dot_f64(b, b, stride);

	if (!(a_square > 0 && b_square > 0))
		return 0;
	return (float) (lep_kernels->dot_f64(a, b, stride) / sqrt(a_square * b_square));
}

float
lep_cosine(const float *a, const float *b, int stride)
{
	return cosine_with(a, lep_kernels->dot_f64(a, a, stride), b, stride);
}

bool
lep_has_direction(const float *row, int stride)
{
	return lep_kernels->dot_f64(row, row, stride) > 0;
}

LepStatus
lep_similar_items(LepEnv *env, const LepItems *items, const LepSimilarQuery *query, LepTopnEntry *entries,
				  int64_t *n_found)
{
	int stride = lep_items_stride(items);
	int64_t n_possible = query->within != NULL ? query->n_within : lep_items_count(items);
	LepBest best = { entries, query->n < n_possible ? query->n : n_possible, 0 };
	double square = lep_kernels->dot_f64(query->row, query->row, stride);
	LepStatus status;

	*n_found = 0;
	if (best.n_wanted <= 0 || !(square > 0))
		return LEP_OK;
	for (int64_t j = 0; j < n_possible; j++)
	{
		int32_t item = query->within != NULL ? query->within[j] : (int32_t) j;
		const float *row = lep_items_row(items, item);

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (item == query->without || !lep_topn_has_bit(query->eligible, item) ||
			!lep_has_direction(row, stride))
			continue;
		lep_best_offer(&best, (LepTopnEntry){ item, cosine_with(query->row, square, row, stride) });
	}
	status = lep_best_sort(env, &best);
	if (status == LEP_OK)
		*n_found = best.n_kept;
	return status;
}

LepStatus
lep_similar_neighbors(LepEnv *env, const LepNeighbors *neighbors, int32_t item, int64_t n,
					  LepTopnEntry *entries, int64_t *n_found)
{
	int64_t n_row = neighbors->start[item + 1] - neighbors->start[item];
	LepBest best = { entries, n < n_row ? n : n_row, 0 };
	LepStatus status;

	*n_found = 0;
	for (int64_t e = neighbors->start[item]; e < neighbors->start[item + 1]; e++)
	{
		if (neighbors->weight[e] != 0)
			lep_best_offer(&best, (LepTopnEntry){ neighbors->target[e], neighbors->weight[e] });
	}
	status = lep_best_sort(env, &best);
	if (status == LEP_OK)
		*n_found = best.n_kept;
	return status;
}

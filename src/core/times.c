/*
 * times.c
 *		A user in an earlier bin of time.
 *
 * Nothing allocates; any number of threads may read the same bins.
 */
#include "core/times.h"

#include "core/format.h"
#include "core/kernels.h"

int
lep_times_find(const LepTimes *times, int64_t instant)
{
	int low = 0;
	int high = times->n_bins - 1;

	while (low < high)
	{
		int middle = low + (high - low + 1) / 2;

		if (times->first[middle] <= instant)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

float
lep_times_move(const LepTimes *times, int bin, float bias, const float *row, int stride, float *moved)
{
	const float *shift = stride > 0 ? times->shift + (int64_t) bin * stride : NULL;
	const float *lift = stride > 0 ? times->lift + (int64_t) bin * stride : NULL;
	double sum = (double) bias + (double) times->bias[bin];

	if (row != NULL && stride > 0)
		sum += lep_kernels->dot_f64(shift, row, stride);
	for (int f = 0; f < stride; f++)
		moved[f] = (row != NULL ? row[f] : 0) + lift[f];
	return (float) sum;
}

float
lep_times_score(const LepModel *model, int32_t u, int32_t i, const int64_t *instant)
{
	_Alignas(64) float moved[LEP_MAX_FACTORS];
	int stride = model->stride;
	const float *item_row = stride > 0 && i >= 0 ? model->item_factors + (int64_t) i * stride : NULL;
	const float *user_row = stride > 0 && u >= 0 ? model->user_factors + (int64_t) u * stride : NULL;
	float bias;

	if (instant == NULL || model->times == NULL)
		return lep_model_score(model, u, i);
	bias = lep_times_move(model->times, lep_times_find(model->times, *instant),
						  u >= 0 ? model->user_bias[u] : 0, user_row, stride, moved);
	return lep_score(model->mean, bias, i >= 0 ? model->item_bias[i] : 0, moved, item_row, stride);
}

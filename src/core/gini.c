/*
 * gini.c
 *		The coefficient of sorted numbers; see gini.h.
 */
#include "core/gini.h"

#include <math.h>

/* Numbers between two looks at should_stop. */
#define STOP_INTERVAL (64 * 1024)

LepStatus
lep_gini(LepEnv *env, const uint64_t *ascending, int64_t n, double *gini)
{
	double weighted = 0;
	double sum = 0;

	*gini = NAN;
	for (int64_t k = 0; k < n; k++)
	{
		double x = (double) ascending[k];

		if (k % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		weighted += (double) (2 * k + 1 - n) * x;
		sum += x;
	}
	if (sum > 0)
		*gini = weighted / ((double) n * sum);
	return LEP_OK;
}

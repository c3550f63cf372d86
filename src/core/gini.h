/*
 * gini.h
 *		How unevenly something is shared out: the Gini coefficient.
 *
 * Of x_1 <= ... <= x_n: sum (2 k - n - 1) x_k / (n sum x_k), which is 0 where all
 * have the same and (n - 1) / n where one has all.  The sums are exact below 2^53,
 * and in a fixed order above.
 */
#ifndef LEP_GINI_H
#define LEP_GINI_H

#include "core/env.h"

/* Of n ascending numbers; NaN where there is nothing to share.  Fails only with LEP_ERR_STOPPED. */
extern LepStatus lep_gini(LepEnv *env, const uint64_t *ascending, int64_t n, double *gini);

#endif /* LEP_GINI_H */

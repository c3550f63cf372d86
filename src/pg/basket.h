/*
 * basket.h
 *		Items in somebody's hands, without her id: an array of items and perhaps
 *		one of weights, and who has them as the model sees her.
 */
#ifndef LPG_BASKET_H
#define LPG_BASKET_H

#include "postgres.h"

#include "core/serve.h"
#include "pg/folding.h"
#include "pg/lists.h"

/* Known items, ascending. */
typedef struct LpgBasket
{
	int32 *items;	/* repeated only with explicit feedback */
	float *weights; /* as given: ratings, counts, weights; NULL: none were */
	int64 n;
	bool counts_once; /* neighbours take each item once, as in a training, whatever its weight */
} LpgBasket;

/*
 * Read the arguments: items, and weights, -1 for a function without; either may
 * be NULL.  Items that are NULL or not known are passed over with their weights.
 * ERROR for weights that do not go with the items or are out of range.
 */
extern void
lpg_basket_read(FunctionCallInfo fcinfo, LpgHandle *handle, int items, int weights, LpgBasket *basket);

/*
 * Who has these items.  All that is in *user is in the current context or in the
 * basket.  ERROR where the model needs ratings and there are none.
 */
extern void lpg_basket_user(LpgHandle *handle, const LpgBasket *basket, LepServedUser *user);

/* A padded and aligned row of zeros, in the current context. */
extern float *lpg_basket_alloc_row(int n_factors);

#endif /* LPG_BASKET_H */

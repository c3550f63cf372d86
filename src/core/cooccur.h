/*
 * cooccur.h
 *		How often items are had together: rows of X' W X, X the 0/1 matrix of
 *		users and items, W a weight for each user; for solvers of item
 *		neighbours.
 *
 * Row i is summed item by item of each of its users, in ascending order of
 * users, in double precision: the same bits for any number of threads.  Cost:
 * sum over users of n_u^2 additions for all rows, n_u the user's items.
 *
 * A user with more than max_user_items items would alone cost their square and
 * say little about which of them belong together: of her a sample of about that
 * many is taken, by a hash of user and item.  She counts with the sample's size.
 */
#ifndef LEP_COOCCUR_H
#define LEP_COOCCUR_H

#include "core/env.h"
#include "core/neighbors.h"
#include "core/ratings.h"
#include "core/solver.h"

/* Accumulators among which one row with very many terms is divided. */
#define LEP_COOCCUR_WAYS 4

typedef struct LepCooccur
{
	int32_t n_users;
	int32_t n_items;
	int64_t n;			 /* pairs of user and item, sampled */
	int64_t *user_start; /* [n_users + 1] */
	int32_t *user_item;	 /* [n] ascending within a user */
	int64_t *item_start; /* [n_items + 1] */
	int32_t *item_user;	 /* [n] ascending within an item */
	int32_t *n_item;	 /* [n_items] its users before sampling */
	double *user_weight; /* [n_users] above 0 */
	int64_t *work;		 /* [n_items + 1] additions of the rows before, long rows left out */
	int n_threads;
	LepNeighborScratch *scratch;   /* [n_threads] */
	double *way[LEP_COOCCUR_WAYS]; /* [n_items] each */
} LepCooccur;

/*
 * What is done with a row, on some thread: row->sum[j] for the n_reached items
 * that have a user in common with `item`, itself included; 0 elsewhere.  No
 * host, no allocation.
 */
typedef void (*LepCooccurRow)(void *arg, int32_t item, const LepNeighborScratch *row, int thread);

/* User weights are n_u ^ -user_exponent.  All memory is taken here. */
extern LepStatus lep_cooccur_begin(LepArena *arena, const LepRatings *ratings, unsigned parts,
								   const LepOptions *options, LepCooccur *cooccur);

/* Every row for which wanted[item] is not 0 (NULL: every row), in any order. */
extern LepStatus
lep_cooccur_rows(LepEnv *env, LepCooccur *cooccur, const uint8_t *wanted, LepCooccurRow row, void *arg);

/* x ^ -exponent with fixed bits, x > 0 */
extern double lep_cooccur_power(double x, double exponent);

/*
 * A trace of popularity as the bias of items (neighbors.h): n_item / n_users,
 * scaled to stay below least_weight, the smallest magnitude of a weight.
 */
extern void lep_cooccur_biases(const LepCooccur *cooccur, float least_weight, float *item_bias);

/* Bytes of lep_cooccur_begin(); SIZE_MAX on overflow. */
extern size_t lep_cooccur_size(const LepShape *shape, int n_threads);

/* Additions of all rows, guessed: n_u^2 is 4 times the square of its mean. */
extern double lep_cooccur_work(const LepShape *shape, const LepOptions *options);

#endif /* LEP_COOCCUR_H */

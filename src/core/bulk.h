/*
 * bulk.h
 *		The lists of many users at once, on all threads; each is lep_serve_topn()'s, bit
 *		by bit.
 *
 * One user is one task.  Nothing is gained by a product of many users with all
 * items: the pass in 8 bits over items sorted by norm (topn.h) stops early, user by
 * user, and is about three times as fast as the blocked product with a heap.
 */
#ifndef LEP_BULK_H
#define LEP_BULK_H

#include "core/serve.h"

/* One user of a batch. */
typedef struct LepBulkUser
{
	LepServedUser user;
	const int32_t *exclude; /* ascending item numbers never to list, repetition is harmless */
	int64_t n_exclude;
	int64_t n_found; /* entries of her list */
} LepBulkUser;

/* A batch of users, and what all have in common. */
typedef struct LepBulk
{
	const LepServed *served;
	int64_t n;				   /* entries of a list, at most what there is: lep_bulk_length() */
	const int32_t *candidates; /* ascending, no repetition; NULL: all items */
	int64_t n_candidates;
	const uint8_t *eligible;  /* bit i: item i may be listed at all; NULL: every item */
	LepServeScratch *scratch; /* [threads of the pool] */

	LepBulkUser *users; /* [n_users] */
	int64_t n_users;
	LepTopnEntry *entries; /* [n_users * n]: user u's from u * n on */
	LepOrigin *origins;	   /* likewise */
} LepBulk;

/* How long a list of at most n gets. */
extern int64_t
lep_bulk_length(const LepServed *served, const int32_t *candidates, int64_t n_candidates, int64_t n);

/* Scratch memory for each thread of env's pool, which is running if it is to be used. */
extern LepStatus lep_bulk_scratch(LepArena *arena, LepBulk *bulk);

/*
 * The lists of all users of the batch.  Fails only with LEP_ERR_STOPPED, which does not
 * wait for a long list to be complete.
 */
extern LepStatus lep_bulk_topn(LepEnv *env, LepBulk *bulk);

#endif /* LEP_BULK_H */

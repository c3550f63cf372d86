/*
 * users.h
 *		The users that a call site has looked up, for when they are asked for again.
 *
 * A query over pairs meets each user many times.  In the order of users the last
 * one is enough to remember; in any other each pair would cost a look-up by
 * index, of about 2 microseconds.  So every user who was looked up is kept, with
 * factors and items, until the memory is full: then all are forgotten, and those
 * who are asked for are looked up anew.  Once so many were looked up that a scan of
 * all would have cost no more, that is what comes next, where all fit.  All that call
 * sites of this backend keep is at most a quarter of lepton.cache_size.
 *
 * What is kept is the handle's version under the handle's snapshot: whoever
 * refreshes the handle forgets.
 */
#ifndef LPG_USERS_H
#define LPG_USERS_H

#include "postgres.h"

#include "core/neighbors.h"
#include "pg/handle.h"

typedef struct LpgUser
{
	bool known; /* false: all below is 0 or NULL */
	float bias;
	bool has_variance; /* false: hers is not known, as somebody's who is new */
	float variance;
	const float *factors; /* padded; NULL where there are none */
	LepBasket basket;	  /* where the version has neighbours */
} LpgUser;

typedef struct LpgUsers LpgUsers;

/* None yet; freed with the context. */
extern LpgUsers *lpg_users_create(MemoryContext context);

/* Forget all; what comes is of the handle's version. */
extern void lpg_users_forget(LpgUsers *users, LpgHandle *handle);

/* What a user is found by; memory that will be looked at begins to come meanwhile. */
extern uint64 lpg_users_begin(const LpgUsers *users, const LepId *id);

/* Look her up, by what lpg_users_begin() gave; what is returned holds until the next call. */
extern const LpgUser *lpg_users_find(LpgUsers *users, const LepId *id, uint64 hash);

/* How often whoever was found last had been found just before, too, without anybody else in between. */
extern int64 lpg_users_repeats(const LpgUsers *users);

#endif /* LPG_USERS_H */

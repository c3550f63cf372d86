/*
 * userlist.h
 *		The n best of users who come one by one: by score, descending, then by id.
 *
 * Users are not kept in memory: a bounded sort within work_mem keeps the best.
 */
#ifndef LPG_USERLIST_H
#define LPG_USERLIST_H

#include "postgres.h"

#include "core/idmap.h"

typedef struct LpgUserList LpgUserList;

/* What is known of one in a list. */
typedef struct LpgListedUser
{
	float score;
	int32 origin; /* the caller's */
	Datum id;	  /* holds until the next one is asked for */
} LpgListedUser;

/* None yet, in the current memory context; at most n are kept. */
extern LpgUserList *lpg_userlist_create(LepIdKind kind, int64 n);

extern void lpg_userlist_put(LpgUserList *list, const LepId *id, float score, int32 origin);

/* No more come; ask for them. */
extern void lpg_userlist_sort(LpgUserList *list);

/* The next one, best first; false: that was all. */
extern bool lpg_userlist_next(LpgUserList *list, LpgListedUser *user);

extern void lpg_userlist_end(LpgUserList *list);

#endif /* LPG_USERLIST_H */

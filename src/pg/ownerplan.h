/*
 * ownerplan.h
 *		Plans of what versions of models have their owners run while they are read,
 *		kept by the backend, for a few versions: to parse and plan such a query costs
 *		more than to run it.
 */
#ifndef LPG_OWNERPLAN_H
#define LPG_OWNERPLAN_H

#include "postgres.h"

#include "executor/spi.h"

#include "pg/handle.h"

/* What a plan is for: a version has one of each at most. */
typedef enum LpgOwnerPlanUse
{
	LPG_PLAN_LIVE,
	LPG_PLAN_ELIGIBLE
} LpgOwnerPlanUse;

typedef struct LpgOwnerPlan
{
	LpgOwnerPlanUse use;
	Oid model; /* 0: nothing here */
	int64 version;
	int64 generation;

	MemoryContext context; /* of the search path, and of what its user keeps */
	char *search_path;	   /* see owner.h */
	void *data;			   /* its user's */
	SPIPlanPtr plan;	   /* NULL: not made yet */
	bool is_in_use;		   /* being made or run, by a caller of ours: it keeps its place */
} LpgOwnerPlan;

/* The version's, or NULL. */
extern LpgOwnerPlan *lpg_ownerplan_find(LpgOwnerPlanUse use, const LpgHandle *handle);

/*
 * The beginning of one, in a new context below the current one; ERROR where what
 * the model's rows say must not be run (owner.h).
 */
extern LpgOwnerPlan lpg_ownerplan_begin(LpgOwnerPlanUse use, const LpgHandle *handle);

/* Keep one that is complete, but for the plan, in the place of that which was made first. */
extern LpgOwnerPlan *lpg_ownerplan_keep(const LpgOwnerPlan *made);

/*
 * Plan the query, which has one parameter of this type, in place of the plan that there
 * is; what the planner says that it costs.  As the owner.
 */
extern double lpg_ownerplan_prepare(LpgOwnerPlan *plan, const char *query, Oid type);

/* What a query without parameters costs; check is told its columns.  As the owner. */
extern double lpg_ownerplan_price(const char *query, void (*check)(void *arg, TupleDesc desc), void *arg);

/* Run it under the active snapshot; as the owner. */
extern void lpg_ownerplan_execute(LpgOwnerPlan *plan, Datum value, Oid type, DestReceiver *receiver);

#endif /* LPG_OWNERPLAN_H */

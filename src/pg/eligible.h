/*
 * eligible.h
 *		Option eligible: which items may be listed at all, by a table or a query of
 *		their ids as it is at the moment.
 *
 * Read under the query's snapshot, with the rights of the model's owner (owner.h), into
 * a bit per item: all of it, once per query and call site, or for one list some ids.
 * Lists know nothing else; predictions of an item do not ask.
 */
#ifndef LPG_ELIGIBLE_H
#define LPG_ELIGIBLE_H

#include "postgres.h"

#include "core/ratings.h"
#include "pg/handle.h"
#include "pg/jsonbuild.h"
#include "pg/lists.h"

/* ---- while training ---- */

typedef struct LpgEligibleChoice
{
	char *query; /* of one column, names qualified where a table was named; NULL: all items */
	int64 n;	 /* items of the ratings that it has */
} LpgEligibleChoice;

/*
 * By the options; ERROR where it is no query of such ids.  A WARNING where it has
 * none of the items: every list would be empty.
 */
extern void lpg_eligible_choose(const LepOptions *options, const LepRatings *ratings, const char *model,
								LpgEligibleChoice *choice);

/* Into details. */
extern void lpg_eligible_to_json(const LpgEligibleChoice *choice, LpgJson *details);

/* ---- while reading ---- */

struct LpgEligible
{
	uint8 *bits;	/* of items by number */
	int64 n_known;	/* how many are set */
	int32 *few;		/* their numbers, ascending, where they are few; else NULL */
	LepIdMap *news; /* ids that the model does not know */

	LepEnv env;
	LepArena arena;
};

/* Of the handle's version; NULL: all items.  Valid until the handle is refreshed. */
extern const LpgEligible *lpg_eligible_get(LpgHandle *handle);

/*
 * Which of some items are, asked for them alone, in the current context: one list of
 * ten looks at a few dozen items, and need not wait for a hundred thousand rows to be
 * read.  NULL where there is nothing to ask, all are read already, or by now it would
 * cost this call site more than reading all, by the planner's costs.
 */
extern const LpgEligible *lpg_eligible_ask(LpgHandle *handle, const LpgItemSet *some);

/*
 * Candidates that the model does not know stay if they are eligible; where none are
 * given and few items are eligible, these are the candidates.  NULL: all stays.
 */
extern void lpg_eligible_apply(const LpgEligible *eligible, LpgItemSet *candidates);

#endif /* LPG_ELIGIBLE_H */

/*
 * folding.h
 *		What somebody without an id is served by: the prior that a training has
 *		learned of its users, or how a factorisation of implicit feedback was
 *		trained; as jsonb in a version's details.
 *
 * details -> 'foldin' is written once and read when it is first asked for; what
 * follows from it and from the items (a Gram matrix, an inverse) is kept with
 * them in the cache.
 */
#ifndef LPG_FOLDING_H
#define LPG_FOLDING_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/foldin.h"
#include "core/implicit.h"
#include "pg/cache.h"
#include "pg/handle.h"
#include "pg/jsonbuild.h"

/* Ready to fold in with, in the cache's memory. */
struct LpgFolding
{
	bool implicit;
	LepFoldinPrior *prior; /* explicit feedback */
	LepImplicitRule rule;  /* implicit feedback, as all below */
	LepGram *gram;
	bool blends;  /* with neighbours: */
	double ratio; /* lep_blend_ratio() */
};

/* Write a prior, into details. */
extern void lpg_folding_prior_to_json(const LepFoldinPrior *prior, LpgJson *details);

/* Write how an implicit factorisation was trained; ratio of a blend, else NULL. */
extern void lpg_folding_rule_to_json(const LepImplicitRule *rule, const double *ratio, LpgJson *details);

/*
 * Of the handle's version, with its items loaded; valid as long as those are
 * held.  NULL where the version has nothing to fold in by.
 */
extern const LpgFolding *lpg_folding_get(LpgHandle *handle);

/* ERROR unless what details say of it can be read. */
extern void lpg_folding_check(Jsonb *details, const char *model, const LpgVersion *version);

#endif /* LPG_FOLDING_H */

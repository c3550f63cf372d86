/*
 * blend.h
 *		Factors and item neighbours together: two models of implicit feedback, each
 *		user's scores of both brought to the same size.
 *
 * With s_n(u, i) the sum over the neighbours of what u has, s_f(u, i) = p_u . q_i,
 * weights w_n, w_f, and norms over all items, |s(u)|^2 = sum over i of s(u, i)^2,
 * the order of a user's list is that of
 *
 *	w_n s_n(u, i) / |s_n(u)| + w_f s_f(u, i) / |s_f(u)|
 *
 * The scores themselves are that times |s_n(u)| / w_n: in units of the neighbours.
 * So the neighbours are stored as they are, the user's factors times
 *
 *	(w_f / w_n) |s_n(u)| / |s_f(u)|
 *
 * and a blend is served as any model that has both.  Where a norm is 0 that ratio
 * is 1.  With w_n = 0 the neighbours are left out and factors stay as they are.
 */
#ifndef LEP_BLEND_H
#define LEP_BLEND_H

#include "core/implicit.h"
#include "core/neighbors.h"
#include "core/solver.h"

/* Which part of a blend. */
typedef enum LepBlendPart
{
	LEP_BLEND_NEIGHBORS,
	LEP_BLEND_FACTORS
} LepBlendPart;

/* The part's place in options parts and weights, 0 or 1. */
extern int lep_blend_place(const LepOptions *options, LepBlendPart part);

/*
 * A part's options, resolved and, for a shape, adapted; with the blend's seed.
 * Its solver.
 */
extern const LepSolver *
lep_blend_part(const LepOptions *options, LepBlendPart part, const LepShape *shape, LepOptions *resolved);

/* Both parts with everything that they are trained with, in their order. */
extern void lep_blend_resolve(const LepOptions *options, const LepShape *shape, LepParts *parts);

/* w_f / w_n of resolved options; infinite for w_n = 0. */
extern double lep_blend_ratio(const LepOptions *options);

/*
 * Bring the row of somebody new, solved for against the items (implicit.h), into
 * units of the neighbours of her basket, as a training does.  Scratch memory from
 * env.
 */
extern LepStatus lep_blend_row(LepEnv *env, const LepGram *gram, const LepNeighbors *neighbors,
							   const LepBasket *basket, double ratio, float *row);

#endif /* LEP_BLEND_H */

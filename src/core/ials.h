/*
 * ials.h
 *		What the files of the implicit-feedback solver share: the two sides of
 *		the factorisation, the work memory, and the steps of half an epoch.
 *
 * Half an epoch solves all rows of one side exactly, the other side held fixed:
 * ials_basis.c turns the fixed side into the basis in which its Gram matrix is
 * diagonal, ials_rows.c then solves each row there.  What is solved comes out
 * in that basis too, so that scores need no turning back.
 *
 * Symbols, as in ials.c: x a row of the fixed side, c a confidence, w
 * unobserved_weight, v the diagonal of w times the Gram matrix, r a row's ridge.
 */
#ifndef LEP_IALS_H
#define LEP_IALS_H

#include "core/env.h"
#include "core/implicit.h"
#include "core/view.h"

/* Sums that are kept side by side: of heavy rows and of blocks of the Gram matrix. */
#define LEP_IALS_SLOTS 8

/* Rows gathered for one call of syrk: fits the L1 cache at 64 factors. */
#define LEP_IALS_GATHER 64

/*
 * Users or items.  Users' entries are the ratings themselves, which are no copy: an
 * entry counts if its part is one of `parts`, and its confidence is worked out
 * each time that its row is gathered, which costs little beside k^2.
 */
typedef struct LepIalsSide
{
	LepView view;
	const uint8_t *part; /* [view.n]; NULL: all entries count */
	unsigned parts;		 /* LEP_PARTS_... */
	/* confidences, their mean 1: as they are, or by this rule from view.rating; both NULL: all 1 */
	const float *confidence; /* [view.n] */
	const LepImplicitRule *rule;
	float *ridge;	/* [view.n_rows] */
	float *factors; /* [view.n_rows * stride], padded rows; 0 without entries */
} LepIalsSide;

/* What one thread works in. */
typedef struct LepIalsScratch
{
	float *rows;	   /* [max(n_factors, LEP_IALS_GATHER) * stride], scaled */
	int32_t *column;   /* [lep_ials_heavy_limit()] of entries that count, where not all do */
	float *confidence; /* [the same] of these, by the side's rule */
	float *matrix;	   /* [stride * stride] */
	float *t;		   /* [stride] */
	float *scale;	   /* [stride], zero in the padding */
} LepIalsScratch;

/* Sums of a share of a heavy row, or of a block of the Gram matrix. */
typedef struct LepIalsSlot
{
	float *matrix; /* [stride * stride] */
	float *t;	   /* [stride] */
} LepIalsSlot;

typedef struct LepIalsWork
{
	int n_factors;
	int stride;

	LepIalsScratch *scratch; /* [n_threads] */
	LepIalsSlot slots[LEP_IALS_SLOTS];
	double *gram;	 /* [n_factors * n_factors]; then its eigenvectors */
	double *value;	 /* [n_factors] its eigenvalues, descending */
	double *spare;	 /* [n_factors] */
	float *turn;	 /* [n_factors * stride], column f: eigenvector f; padded rows */
	float *spectrum; /* [stride], v */

	/* the step at work */
	LepIalsSide *solved;
	LepIalsSide *fixed;
	int64_t first_row; /* of the Gram matrix's blocks at work */
	float heavy_ridge;
	int64_t heavy_start; /* entries of the heavy row at work */
	int64_t heavy_end;
	int64_t wave; /* which of its shares the slots hold */
} LepIalsWork;

/* Entries of a row from which it is split, so that no task is longer than some ms. */
extern int64_t lep_ials_heavy_limit(int n_factors);

/* bytes that create takes, SIZE_MAX on overflow */
extern size_t lep_ials_work_size(int n_factors, int n_threads);

/* NULL on failure, env->error set. */
extern LepIalsWork *lep_ials_work_create(LepArena *arena, int n_factors);

/*
 * Turn the rows of the fixed side into the basis in which X'X is diagonal, X
 * the matrix of its rows; work->spectrum becomes unobserved_weight times that
 * diagonal.
 */
extern LepStatus lep_ials_turn(LepEnv *env, LepIalsWork *work, LepIalsSide *fixed, double unobserved_weight);

/* After that: solve every row of one side that has entries. */
extern LepStatus lep_ials_solve(LepEnv *env, LepIalsWork *work, LepIalsSide *solved, LepIalsSide *fixed);

#endif /* LEP_IALS_H */

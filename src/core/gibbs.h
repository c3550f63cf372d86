/*
 * gibbs.h
 *		What the two samplers of algorithm bayes share: the ratings as they want
 *		them, and how a sample is handed on.
 *
 * A sampler draws all unknowns of a factorisation once per sweep, given the
 * others and the ratings.  gibbs.c owns the data, counts sweeps and collects
 * samples; gibbs_rows.c draws whole rows, gibbs_blocks.c one coordinate at a
 * time, with implicit information and time.  Ratings are standardised, z = (r -
 * mean) / sd.
 *
 * Rows without ratings do not take part: their unknowns stay at the mean of
 * what is drawn for the others.
 */
#ifndef LEP_GIBBS_H
#define LEP_GIBBS_H

#include "core/options.h"
#include "core/ratings.h"
#include "core/rng.h"
#include "core/view.h"

/* Most factors of a sample, and of the mean of samples. */
#define LEP_MAX_GIBBS_FACTORS 128

enum
{
	LEP_GIBBS_USERS,
	LEP_GIBBS_ITEMS,
	LEP_GIBBS_SIDES
};

typedef struct LepGibbsData
{
	LepView view[LEP_GIBBS_SIDES]; /* by user, by item */
	LepMoments moments;
	double inverse_sd;	 /* 0 for ratings that are all equal */
	int n_bins;			 /* of time; 0: none */
	const uint16_t *bin; /* [n] of each rating, in the order of the view by user; NULL for n_bins 0 */
	int n_factors;
	bool implicit[LEP_GIBBS_SIDES]; /* does the set of a row's ratings say something of it? */
	uint64_t seed;
} LepGibbsData;

/*
 * A sample, in place: element f of row r of side s is
 *
 *	factors[s][r * row_step[s] + f * factor_step[s]]
 *
 * and likewise for bins, with n_bins rows.
 */
typedef struct LepGibbsSample
{
	const float *factors[LEP_GIBBS_SIDES];
	const float *bias[LEP_GIBBS_SIDES];
	int64_t row_step[LEP_GIBBS_SIDES];
	int64_t factor_step[LEP_GIBBS_SIDES];
	const float *bin_factors; /* [f * n_bins + bin] */
	const float *bin_bias;	  /* [n_bins] */
	double noise;			  /* variance of a standardised rating around its score, times weight */
	const float *weight;	  /* [n_users] */
} LepGibbsSample;

typedef struct LepGibbsSampler
{
	/* peak bytes of start, SIZE_MAX on overflow */
	size_t (*memory)(const LepGibbsData *data, int32_t n_users, int32_t n_items, int64_t n_ratings,
					 int n_threads);
	LepStatus (*start)(LepArena *arena, const LepGibbsData *data, void **state);
	/* number `sweep`, from 1; *squares: of the residuals that it leaves, standardised */
	LepStatus (*sweep)(LepEnv *env, void *state, int sweep, double *squares);

	/*
	 * Sample number `which`, from 0, of the last sweep; valid until the next.
	 * False if it has no such.
	 */
	bool (*sample)(const void *state, int which, LepGibbsSample *sample);
} LepGibbsSampler;

extern const LepGibbsSampler lep_gibbs_rows;
extern const LepGibbsSampler lep_gibbs_blocks;

#endif /* LEP_GIBBS_H */

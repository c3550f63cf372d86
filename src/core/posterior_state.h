/*
 * posterior_state.h
 *		What a LepPosterior holds: for posterior.c, which adds samples, and
 *		posterior_export.c, which makes a model of them.
 */
#ifndef LEP_POSTERIOR_STATE_H
#define LEP_POSTERIOR_STATE_H

#include "core/posterior.h"

/* Fixed ranges of rows with a Gram matrix of their own. */
#define LEP_POSTERIOR_SLOTS 16

/* Rows per task elsewhere. */
#define LEP_POSTERIOR_ROWS 512

/* Pairs of each row whose score is followed. */
#define LEP_N_PROBES 8

/* A pair: a row of one side with this row of the other. */
typedef struct LepProbe
{
	int32_t other;
	float mean; /* of the scores, standardised */
	float squares;
} LepProbe;

typedef struct LepPosteriorSide
{
	int32_t n_ids;	  /* users or items */
	int32_t n_rows;	  /* and, after users, bins of time */
	float *rows;	  /* [n_rows * width] */
	float *bias;	  /* [n_ids] mean of the samples so far */
	LepProbe *probes; /* [n_ids * LEP_N_PROBES]; other -1: none */
	double *gram;	  /* [width * width], symmetric */
	float *turn;	  /* [width * stride]: row f says where part f of a row goes */
} LepPosteriorSide;

struct LepPosterior
{
	const LepGibbsData *data;
	int n_factors;
	int rank;
	int stride; /* of rank */
	int width;	/* stride + that of n_factors */
	int n_samples;
	float *noise; /* [n_users] variance of their ratings around scores, mean of the samples */
	LepPosteriorSide side[LEP_GIBBS_SIDES];
	float *bin_bias; /* [n_bins] mean */

	float *slot_gram;  /* [LEP_POSTERIOR_SLOTS * width * width], single precision */
	double *slot_sums; /* the same, double */
	double *work;	   /* [3 * width * width + 2 * width] */

	/* at work */
	const LepGibbsSample *sample;
	int at;
	int64_t wave; /* of the rows of each slot */
	LepModel *model;
	float *means; /* [2 * stride]: of users' and items' factors */
};

/* Tasks that n rows make. */
static inline int64_t
lep_posterior_tasks(int32_t n)
{
	return ((int64_t) n + LEP_POSTERIOR_ROWS - 1) / LEP_POSTERIOR_ROWS;
}

/* Has this row of a side ratings? */
static inline bool
lep_posterior_rated(const LepPosterior *p, int side, int64_t row)
{
	const LepView *view = &p->data->view[side];

	return view->start[row] < view->start[row + 1];
}

#endif /* LEP_POSTERIOR_STATE_H */

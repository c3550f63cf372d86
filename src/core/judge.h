/*
 * judge.h
 *		Everything there is to say about how good a model is on some ratings,
 *		as one array of figures; and the same of what it must beat: the mean and
 *		the biases alone, and popularity.
 *
 * How each figure is defined: metrics.h, ranking.h, docs/metrics.md.
 */
#ifndef LEP_JUDGE_H
#define LEP_JUDGE_H

#include "core/metrics.h"
#include "core/ranking.h"

typedef enum LepMetric
{
	LEP_METRIC_RMSE,
	LEP_METRIC_MAE,
	LEP_METRIC_KNOWN,  /* share of the ratings whose user and item the model knows */
	LEP_METRIC_RANKING /* the first LepRankingMetric, then all others */
} LepMetric;

#define LEP_N_METRICS (LEP_METRIC_RANKING + LEP_N_RANKING_METRICS)

/* "rmse", "mae", "coverage", "precision", ... */
extern const char *lep_metric_name(int metric);

/* The metric of that name, or -1. */
extern int lep_metric_find(const char *name);

/* Is less of it better? */
extern bool lep_metric_falls(int metric);

/* What is known of a model on some ratings; NaN where there is nothing to say. */
typedef struct LepJudgement
{
	LepFigure figure[LEP_N_METRICS];
} LepJudgement;

/* Beside each other: a model, what is left of it without factors, popularity. */
typedef struct LepComparison
{
	LepJudgement model;
	LepJudgement baseline; /* implicit feedback: NaN */
	LepJudgement popular;  /* lists only */
} LepComparison;

/* What to judge on.  The caller fills in the first part, lep_judge_prepare the second. */
typedef struct LepJudging
{
	const LepRatings *ratings;
	unsigned parts;			/* of them, which are judged on */
	double min_rating;		/* from which on they are relevant; -INFINITY: all */
	const int32_t *user_of; /* [ratings->n_users] the model's number, -1: not known; NULL: the same */
	const int32_t *item_of; /* [ratings->n_items] likewise, rising where it is not -1 */
	const LepView *exclude; /* by ratings' user: the model's items that she is not to be shown; or NULL */
	const int32_t
		*item_count;		 /* [n_items] ratings of each of the model's items, for popularity and novelty */
	int64_t n_count_users;	 /* users who gave them */
	const LepLevels *levels; /* what a model's scores are shown as, for errors; NULL: the scores */
	const LepModel *rows_of; /* whose item factors say how alike items are, for diversity; or NULL */
	unsigned wanted;		 /* 1 << metric */
	int32_t n_items;		 /* the model's */
	int k;					 /* length of the lists */

	double max_auc_scores; /* 0: LEP_JUDGE_AUC_SCORES */

	LepView relevant;
	int32_t *n_unlisted;
	bool sampled;		  /* AUC is of some users only: */
	LepView auc_relevant; /* as relevant, without the other users */
	int32_t *auc_unlisted;
} LepJudging;

/*
 * AUC compares all items for every user, where lists only look for the best.  At
 * most so many scores are compared (a few seconds of one core): of more, users are
 * drawn by a hash of their ids, and its n and standard error say so.
 */
#define LEP_JUDGE_AUC_SCORES 1e8

/* Find what is relevant; in the arena. */
extern LepStatus lep_judge_prepare(LepArena *arena, LepJudging *judging);

extern LepStatus
lep_judge_model(LepEnv *env, const LepJudging *judging, const LepModel *model, LepJudgement *judgement);

/* Popularity: it ranks items and predicts nothing. */
extern LepStatus lep_judge_popular(LepEnv *env, const LepJudging *judging, LepJudgement *judgement);

extern void lep_judge_clear(LepJudgement *judgement);

/* Lists of item numbers by user, each ascending, from which `exclude` is made. */
typedef struct LepSeen
{
	int32_t **items; /* [n_users], NULL: none */
	int64_t *n;		 /* [n_users] */
} LepSeen;

/*
 * What users have seen, but for what is judged (all ratings, whatever their
 * part): for `exclude`, in the arena.  *n_overlap: how many of the ratings are of
 * pairs that were seen.  item_of as in LepJudging, but never NULL.
 */
extern LepStatus lep_judge_exclude(LepArena *arena, const LepRatings *ratings, const int32_t *item_of,
								   const LepSeen *seen, LepView *exclude, int64_t *n_overlap);

#endif /* LEP_JUDGE_H */

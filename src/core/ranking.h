/*
 * ranking.h
 *		How good top-k lists are: what people look for is in them (precision,
 *		recall, F1, hit rate, MAP, MRR, NDCG), ahead of what they do not want
 *		(AUC), and the lists as a whole (catalogue coverage, diversity, novelty,
 *		Gini).  Formulas and sources: docs/metrics.md.
 *
 * Every row with a relevant item gets the list of the k best candidates;
 * candidates are all items of the ranker that are not excluded for the row.
 * Ties go by item number.  The list is exact.
 *
 * Results have the same bits with any number of threads and at every kernel
 * level: each row's figures are computed on their own and added row by row.
 *
 * Cost, for R rows with relevant items, M items, rank f:
 *	lists	R M f multiplications in single precision, and f in double and O(log k)
 *			for each item that enters a list; where all users agree about the order
 *			(popularity, biases), one sort of M and O(k + excluded) a row
 *	judging	O(k log(relevant) + relevant + excluded) a row; diversity O(k f) more
 *	AUC		R M f multiplications in double and R M O(log relevant): on request only
 * Gowalla, 29,858 rows, 40,981 items, rank 64, k = 20: column judging of
 * ALGORITHMS="ials factors=64" bench/run.sh lists, and of the same with auc=1.
 * Memory: 8 bytes a list entry for 256 rows, or as many as fit in 32 MB; 24 bytes
 * an item; with diversity 8 bytes a factor and thread; with AUC 4 bytes for each
 * relevant item of a batch.
 */
#ifndef LEP_RANKING_H
#define LEP_RANKING_H

#include "core/ranker.h"
#include "core/ratings.h"
#include "core/view.h"

/*
 * Longest lists: one list is one task, and tasks must be short.  Longer is
 * LEP_ERR_OPTION_RANGE.
 */
#define LEP_RANKING_MAX_K 10000

typedef enum LepRankingMetric
{
	LEP_RANKING_PRECISION,
	LEP_RANKING_RECALL,
	LEP_RANKING_F1,
	LEP_RANKING_HIT_RATE,
	LEP_RANKING_MAP,
	LEP_RANKING_MRR,
	LEP_RANKING_NDCG,
	LEP_RANKING_AUC,
	LEP_RANKING_COVERAGE,  /* share of the catalogue that is on any list */
	LEP_RANKING_DIVERSITY, /* within a list: 1 - cosine of item rows */
	LEP_RANKING_NOVELTY,   /* bits */
	LEP_RANKING_GINI	   /* of how often each item is listed: 0 even, nearly 1 one item only */
} LepRankingMetric;

#define LEP_N_RANKING_METRICS (LEP_RANKING_GINI + 1)

/* Sets of metrics: bit 1 << metric. */
#define LEP_RANKING_ALL	  ((1U << LEP_N_RANKING_METRICS) - 1)
#define LEP_RANKING_CHEAP (LEP_RANKING_ALL & ~(1U << LEP_RANKING_AUC) & ~(1U << LEP_RANKING_DIVERSITY))

/* "precision", "recall", "f1", "hit_rate", "map", "mrr", "ndcg", "auc", "catalogue_coverage", ... */
extern const char *lep_ranking_name(LepRankingMetric metric);

/*
 * A mean over rows and the standard error of that mean: sd / sqrt(n), sd with
 * n - 1.  Coverage and Gini are figures of all lists together: their standard
 * error is NaN.  What was not wanted or has nothing to be computed from is NaN
 * with n = 0.
 */
typedef struct LepFigure
{
	double value;
	double std_error; /* NaN for n < 2 */
	int64_t n;		  /* rows that it is the mean of */
} LepFigure;

typedef struct LepRankingMetrics
{
	int k;			 /* length of the lists, as asked; 0: nothing was measured */
	int64_t n_users; /* rows with at least one relevant item */
	LepFigure figure[LEP_N_RANKING_METRICS];
} LepRankingMetrics;

/* Ratings of each item in some parts, [ratings->n_items]; NULL: failed or stopped. */
extern int32_t *lep_ranking_item_counts(LepArena *arena, const LepRatings *ratings, unsigned parts);

/* What to measure.  Rows are those of `relevant`. */
typedef struct LepRankingRequest
{
	const LepRanker *ranker;
	int k;			 /* >= 1; may exceed the number of items */
	unsigned wanted; /* metrics, LEP_RANKING_CHEAP or others */

	const int32_t *user_of;	 /* [n_rows] the ranker's number of a row's user, -1: not known; NULL: its row */
	const LepView *relevant; /* columns are the ranker's items; ratings are not read and may be NULL */
	const int32_t *n_unlisted; /* [n_rows] relevant items that the ranker does not have: missed; NULL: none */
	const LepView *exclude;	   /* rows as in relevant; NULL: none.  An excluded item is not relevant either */

	/* for novelty, NaN without */
	const int32_t *item_count; /* [n_items] ratings of each item in the train part */
	int64_t n_count_users;	   /* users who gave them */

	/* for diversity, NaN without: padded rows of the items, as in LepModel */
	const float *item_rows;
	int stride;
} LepRankingRequest;

/* A k out of bounds is LEP_ERR_OPTION_RANGE; what fails leaves metrics of nothing. */
extern LepStatus
lep_ranking_measure(LepEnv *env, const LepRankingRequest *request, LepRankingMetrics *metrics);

/* Metrics of nothing: k = 0 and NaN. */
extern void lep_ranking_clear(LepRankingMetrics *metrics);

/*
 * Relevant items out of ratings with numbers of their own (rows: the ratings'
 * users): those in the parts and with a rating of at least min_rating
 * (-INFINITY: all).  item_of maps items to the ranker's numbers, rising where it
 * is not -1 for an item that the ranker does not have; NULL: the same numbers.
 * In the arena: the view, without ratings, and [n_users] *n_unlisted.
 */
typedef struct LepRelevance
{
	const LepRatings *ratings;
	unsigned parts;
	double min_rating;
	const int32_t *item_of;
	double share; /* of the users, drawn by a hash of their ids; 0: all */
} LepRelevance;

extern LepStatus
lep_ranking_relevant(LepArena *arena, const LepRelevance *relevance, LepView *view, int32_t **n_unlisted);

/*
 * A model against the parts of one set of ratings, as training judges itself; of
 * many users on some, always the same ones.  Takes 4 bytes more for each rating in the parts, and 24 for each user.
 */
typedef struct LepRankingSplit
{
	const LepRatings *ratings;
	unsigned seen_parts; /* excluded; popularity for novelty is counted in them */
	unsigned parts;		 /* relevant */
	int k;
	unsigned wanted;
	double max_scores; /* 0: all users; else so many that users times items are about this */
} LepRankingSplit;

/*
 * A sample has so many users at least: the standard error of a mean NDCG is then
 * under 0.01.
 */
#define LEP_RANKING_MIN_SAMPLE 1000

/* The share of users that max_scores lets in. */
extern double lep_ranking_share(const LepRatings *ratings, double max_scores);

extern LepStatus lep_ranking_measure_split(LepEnv *env, const LepModel *model, const LepRankingSplit *split,
										   LepRankingMetrics *metrics);

#endif /* LEP_RANKING_H */

/*
 * test_ranking.c
 *		Ranking metrics by hand, and against brute force: every pair scored, a
 *		full sort, the textbook form of each formula.
 */
#include "sample_case.h"

#include "core/kernels.h"
#include "core/pool.h"
#include "core/ranking.h"

/* ---- by hand ---- */

#define HAND_ITEMS 6

/* Scores from a table, six a user; user -1 has the last row.  Counts what is prepared. */
typedef struct Table
{
	const float *scores;
	int n_users;
	int n_prepared;
} Table;

static LepStatus
prepare_table(LepEnv *env, void *arg, const int32_t *users, int n)
{
	Table *table = arg;

	(void) env;
	(void) users;
	table->n_prepared += n;
	return LEP_OK;
}

static void
score_table(const void *arg, const LepScoreQuery *query, float *out)
{
	const Table *table = arg;
	int u = query->user < 0 ? table->n_users - 1 : query->user;

	memcpy(out, table->scores + HAND_ITEMS * u + query->first_item, sizeof(float) * (size_t) query->n_items);
}

/*
 * Three users with relevant items (and one without, who is left out), k = 3.
 *
 * User 0: item 0 is excluded, so the list is 1* 2 3* and, in full, 1* 2 3* 4 5
 *	(* relevant).  2 hits of 2 relevant: precision 2/3, recall 1, F1 2 (2/3) /
 *	(5/3) = 4/5, MAP (1/1 + 2/3) / 2 = 5/6, MRR 1, NDCG (1 + 1/log2 4) / (1 +
 *	1/log2 3) = 1.5 / (1 + L), L = 1/log2 3.  AUC: 1 beats 2, 4, 5 and 3 beats 4,
 *	5: 5/6.
 * User 1: all scores are equal, item 1 is excluded: 0 2 3 | 4* 5*.  No hit; AUC
 *	all ties: 1/2.
 * User 2: 5 4* 3 | 2* 1 0, and one relevant item that is not to be had.  1 hit
 *	of 3: precision 1/3, recall 1/3, F1 1/3, MAP (1/2) / 3 = 1/6, MRR 1/2, NDCG L
 *	/ (1 + L + 1/2).  AUC: 4 beats 0, 1, 3 and 2 beats 0, 1: 5/8.
 *
 * Bits of the items, by counts 4 2 1 8 1 0 of 8 users: 1 2 3 0 3 3 (a count of 0
 * is taken as 1).  Novelty of the lists: (2 + 3 + 0) / 3, (1 + 3 + 0) / 3, 9 / 3
 * less item 3's: (3 + 3 + 0) / 3.
 * Rows of the items: (1,0) (2,0) (0,3) (0,0) (1,1) (-1,-1).  Cosines within lists:
 * 1-2 0, others 0: diversity 1; 0-2 0: 1; 5-4 -1, others 0: 1 + 1/3.
 * How often listed: 1 1 2 3 1 1 of 9: all six are, Gini (-5 - 3 - 1 + 1 + 2 3 + 3
 * 5) / (6 9) = 13/54.  With k = 2, lists 1 2, 0 2, 5 4: 1 1 2 0 1 1: coverage
 * 5/6, Gini (0 - 3 - 1 + 1 + 3 + 5 2) / (6 6) = 10/36.
 */
typedef struct Hand
{
	LepEnv env;
	Table table;
	LepRanker ranker;
	LepView relevant;
	LepView exclude;
	LepRankingRequest request;
	LepRankingMetrics metrics;
} Hand;

static const float hand_scores[] = { 5, 4, 3, 2, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 2, 3, 4, 5, 9, 8, 7, 6, 5, 4 };
static const int64_t hand_relevant_start[] = { 0, 2, 4, 6, 6 };
static const int32_t hand_relevant[] = { 1, 3, 4, 5, 2, 4 };
static const int64_t hand_exclude_start[] = { 0, 1, 2, 2, 2 };
static const int32_t hand_exclude[] = { 0, 1 };
static const int32_t hand_unlisted[] = { 0, 0, 1, 0 };
static const int32_t hand_counts[] = { 4, 2, 1, 8, 1, 0 };
static const float hand_rows[HAND_ITEMS * 16] = { [0] = 1,			[16] = 2,		  [2 * 16 + 1] = 3,
												  [4 * 16] = 1,		[4 * 16 + 1] = 1, [5 * 16] = -1,
												  [5 * 16 + 1] = -1 };

static void
hand_begin(Hand *h)
{
	unit_env_init(&h->env);
	h->table = (Table){ hand_scores, 4, 0 };
	h->ranker = (LepRanker){ 4, HAND_ITEMS, &h->table, prepare_table, score_table, NULL };
	h->relevant = (LepView){ 4, 6, hand_relevant_start, hand_relevant, NULL };
	h->exclude = (LepView){ 4, 2, hand_exclude_start, hand_exclude, NULL };
	memset(&h->request, 0, sizeof(h->request));
	h->request.ranker = &h->ranker;
	h->request.k = 3;
	h->request.wanted = LEP_RANKING_ALL;
	h->request.relevant = &h->relevant;
	h->request.exclude = &h->exclude;
	h->request.n_unlisted = hand_unlisted;
	h->request.item_count = hand_counts;
	h->request.n_count_users = 8;
	h->request.item_rows = hand_rows;
	h->request.stride = 16;
}

/* A figure of three rows: their mean and its standard error. */
static void
check_three(const LepFigure *figure, double a, double b, double c)
{
	double mean = (a + b + c) / 3;
	double squares = (a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean);

	CHECK_CLOSE(figure->value, mean, 1e-14);
	CHECK_CLOSE(figure->std_error, sqrt(squares / 6), 1e-14);
	CHECK_INT_EQ(figure->n, 3);
}

static void
test_by_hand(void)
{
	Hand h;
	const LepFigure *figure = h.metrics.figure;
	double l = 0.63092975357145743710; /* 1 / log2 3 */

	hand_begin(&h);
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	CHECK_INT_EQ(h.metrics.k, 3);
	CHECK_INT_EQ(h.metrics.n_users, 3);
	CHECK_INT_EQ(h.table.n_prepared, 3);
	check_three(&figure[LEP_RANKING_PRECISION], 2.0 / 3, 0, 1.0 / 3);
	CHECK_CLOSE(figure[LEP_RANKING_PRECISION].std_error, 0.19245008972987526, 1e-14);
	check_three(&figure[LEP_RANKING_RECALL], 1, 0, 1.0 / 3);
	check_three(&figure[LEP_RANKING_F1], 0.8, 0, 1.0 / 3);
	check_three(&figure[LEP_RANKING_HIT_RATE], 1, 0, 1);
	check_three(&figure[LEP_RANKING_MAP], 5.0 / 6, 0, 1.0 / 6);
	check_three(&figure[LEP_RANKING_MRR], 1, 0, 0.5);
	check_three(&figure[LEP_RANKING_NDCG], 1.5 / (1 + l), 0, l / (1.5 + l));
	check_three(&figure[LEP_RANKING_AUC], 5.0 / 6, 0.5, 5.0 / 8);
	check_three(&figure[LEP_RANKING_NOVELTY], 5.0 / 3, 4.0 / 3, 2);
	check_three(&figure[LEP_RANKING_DIVERSITY], 1, 1, 4.0 / 3);
	CHECK_CLOSE(figure[LEP_RANKING_COVERAGE].value, 1, 0);
	CHECK(isnan(figure[LEP_RANKING_COVERAGE].std_error));
	CHECK_CLOSE(figure[LEP_RANKING_GINI].value, 13.0 / 54, 1e-15);
	CHECK(isnan(figure[LEP_RANKING_GINI].std_error));

	h.request.k = 2;
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	CHECK_CLOSE(figure[LEP_RANKING_COVERAGE].value, 5.0 / 6, 1e-15);
	CHECK_CLOSE(figure[LEP_RANKING_GINI].value, 10.0 / 36, 1e-15);
	unit_env_done(&h.env);
}

/*
 * k = 10 of six items: every candidate is listed.  User 0: 1* 2 3* 4 5: precision
 * 2/10, NDCG as before.  User 1: 0 2 3 4* 5*: MAP (1/4 + 2/5) / 2.  User 2: 5 4* 3
 * 2* 1 0: MAP (1/2 + 2/4) / 3, recall 2/3.
 */
static void
test_lists_longer_than_the_catalogue(void)
{
	Hand h;
	const LepFigure *figure = h.metrics.figure;

	hand_begin(&h);
	h.request.k = 10;
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	check_three(&figure[LEP_RANKING_PRECISION], 0.2, 0.2, 0.2);
	check_three(&figure[LEP_RANKING_RECALL], 1, 1, 2.0 / 3);
	check_three(&figure[LEP_RANKING_MAP], 5.0 / 6, 0.325, 1.0 / 3);
	check_three(&figure[LEP_RANKING_MRR], 1, 0.25, 0.5);
	unit_env_done(&h.env);
}

/*
 * User 0's numbers for the ranker's user 2, and an unknown user (9 8 7 6 5 4) for
 * user 1's: 5 4 3* gives precision 1/3, MAP (1/3) / 2; 0 2 3 no hit.  Row 2 is
 * the ranker's user 0: 0 1 2*: precision 1/3.
 */
static void
test_rows_are_mapped_to_users(void)
{
	static const int32_t user_of[] = { 2, -1, 0, 1 };
	Hand h;
	const LepFigure *figure = h.metrics.figure;

	hand_begin(&h);
	h.request.user_of = user_of;
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	check_three(&figure[LEP_RANKING_PRECISION], 1.0 / 3, 0, 1.0 / 3);
	check_three(&figure[LEP_RANKING_MAP], 1.0 / 6, 0, 1.0 / 9);
	check_three(&figure[LEP_RANKING_NOVELTY], 2, 4.0 / 3, 2);
	unit_env_done(&h.env);
}

static void
test_what_is_not_known_is_not_a_number(void)
{
	Hand h;

	hand_begin(&h);
	h.request.item_count = NULL;
	h.request.item_rows = NULL;
	h.request.wanted = LEP_RANKING_ALL & ~(1U << LEP_RANKING_AUC);
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
	{
		bool known = m != LEP_RANKING_AUC && m != LEP_RANKING_NOVELTY && m != LEP_RANKING_DIVERSITY;

		CHECK(isnan(h.metrics.figure[m].value) == !known, "%s", lep_ranking_name((LepRankingMetric) m));
		CHECK((h.metrics.figure[m].n > 0) == known);
	}
	/* nobody has anything relevant */
	h.relevant.n_rows = 0;
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	CHECK_INT_EQ(h.metrics.n_users, 0);
	CHECK_INT_EQ(h.metrics.k, 3);
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		CHECK(isnan(h.metrics.figure[m].value) && isnan(h.metrics.figure[m].std_error));
	h.request.k = 0;
	CHECK_STATUS(lep_ranking_measure(&h.env, &h.request, &h.metrics), LEP_ERR_OPTION_RANGE);
	h.request.k = LEP_RANKING_MAX_K + 1;
	CHECK_STATUS(lep_ranking_measure(&h.env, &h.request, &h.metrics), LEP_ERR_OPTION_RANGE);
	CHECK_INT_EQ(h.metrics.k, 0);
	unit_env_done(&h.env);
}

/* Minus infinity: not listed.  User 0 keeps 1* and 3*; what is excluded is not relevant. */
static void
test_items_that_are_never_listed(void)
{
	static const float scores[] = { 5, 4, -INFINITY, 2, -INFINITY, -INFINITY };
	static const int64_t start[] = { 0, 3 };
	static const int32_t relevant[] = { 0, 1, 3 };
	Hand h;
	const LepFigure *figure = h.metrics.figure;

	hand_begin(&h);
	h.table = (Table){ scores, 1, 0 };
	h.relevant = (LepView){ 1, 3, start, relevant, NULL };
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	CHECK_INT_EQ(h.metrics.n_users, 1);
	CHECK_CLOSE(figure[LEP_RANKING_PRECISION].value, 2.0 / 3, 1e-15);
	CHECK_CLOSE(figure[LEP_RANKING_RECALL].value, 1, 0);
	CHECK_CLOSE(figure[LEP_RANKING_NDCG].value, 1, 1e-15);
	CHECK_CLOSE(figure[LEP_RANKING_AUC].value, 1, 0);
	CHECK_CLOSE(figure[LEP_RANKING_COVERAGE].value, 2.0 / 6, 1e-15);
	CHECK(isnan(figure[LEP_RANKING_NDCG].std_error));
	/* all that is relevant is excluded: nobody is left */
	h.relevant = (LepView){ 1, 1, hand_exclude_start, hand_exclude, NULL };
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	CHECK_INT_EQ(h.metrics.n_users, 0);
	unit_env_done(&h.env);
}

/* One item that is neither relevant nor excluded: 2, which 1 alone does not beat. */
static void
test_one_other_item(void)
{
	static const float scores[] = { 5, 3, 4, 7, 8, 9 };
	static const int64_t start[] = { 0, 4 };
	static const int32_t relevant[] = { 1, 3, 4, 5 };
	Hand h;

	hand_begin(&h);
	h.table = (Table){ scores, 1, 0 };
	h.relevant = (LepView){ 1, 4, start, relevant, NULL };
	CHECK_OK(lep_ranking_measure(&h.env, &h.request, &h.metrics));
	CHECK_CLOSE(h.metrics.figure[LEP_RANKING_AUC].value, 0.75, 0);
	unit_env_done(&h.env);
}

/* ---- brute force ---- */

/* One item of a user's full order. */
typedef struct Place
{
	float score;
	int item;
	bool relevant;
} Place;

static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

/* Each user's figures, by metric, and how often items are listed. */
typedef struct Brute
{
	int k;
	int n_users;
	double *values[LEP_N_RANKING_METRICS]; /* [n_users] */
	int n_values[LEP_N_RANKING_METRICS];
	int *listed; /* [n_items] */
	int *counts; /* [n_items] ratings in parts 0 and 1 */
	int n_seen_users;
} Brute;

/* The user's candidates, best first, into places[]; returns their number. */
static int
order_items(const Case *c, int u, Place *places)
{
	const LepRatings *ratings = c->ratings;
	int n = 0;

	for (int i = 0; i < ratings->n_items; i++)
	{
		int part = -1;

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (ratings->item[j] == i)
				part = ratings->part[j];
		}
		if (part != 0 && part != 1)
			places[n++] = (Place){ lep_model_score(&c->model, u, i), i, part == 2 };
	}
	qsort(places, (size_t) n, sizeof(Place), compare_places);
	return n;
}

static void
put(Brute *b, LepRankingMetric metric, double value)
{
	b->values[metric][b->n_values[metric]++] = value;
}

/* What is on the list, each metric in its textbook form. */
static void
judge_hits(Brute *b, const Place *places, int len, int n_relevant)
{
	double hits = 0;
	double gain = 0;
	double ideal = 0;
	double precisions = 0;
	double first = INFINITY;
	double precision;
	double recall;

	for (int p = 0; p < b->k; p++)
	{
		bool hit = p < len && places[p].relevant;

		hits += hit;
		gain += hit ? 1 / log2(p + 2) : 0;
		ideal += p < n_relevant ? 1 / log2(p + 2) : 0;
		precisions += hit ? hits / (p + 1) : 0;
		first = hit && p + 1 < first ? p + 1 : first;
	}
	precision = hits / b->k;
	recall = hits / n_relevant;
	put(b, LEP_RANKING_PRECISION, precision);
	put(b, LEP_RANKING_RECALL, recall);
	put(b, LEP_RANKING_F1, hits > 0 ? 2 * precision * recall / (precision + recall) : 0);
	put(b, LEP_RANKING_HIT_RATE, hits > 0 ? 1 : 0);
	put(b, LEP_RANKING_MAP, precisions / (n_relevant < b->k ? n_relevant : b->k));
	put(b, LEP_RANKING_MRR, 1 / first);
	put(b, LEP_RANKING_NDCG, gain / ideal);
}

/* What the list is, as a list, and all pairs for AUC. */
static void
judge_lists(const Case *c, Brute *b, const Place *places, int len, int n)
{
	const float *rows = c->model.item_factors;
	double wins = 0;
	double pairs = 0;
	double cosines = 0;
	double bits = 0;

	for (int p = 0; p < n; p++)
	{
		for (int q = 0; q < n; q++)
		{
			if (!places[p].relevant || places[q].relevant)
				continue;
			pairs++;
			wins += places[p].score > places[q].score ? 1 : places[p].score == places[q].score ? 0.5 : 0;
		}
	}
	if (pairs > 0)
		put(b, LEP_RANKING_AUC, wins / pairs);
	for (int p = 0; p < len; p++)
	{
		int count = b->counts[places[p].item];

		bits -= log2((count > 0 ? count : 1) / (double) b->n_seen_users);
		b->listed[places[p].item]++;
		for (int q = 0; q < p && rows != NULL; q++)
		{
			double pp = 0;
			double qq = 0;
			double pq = 0;

			for (int f = 0; f < c->model.n_factors; f++)
			{
				double x = rows[places[p].item * c->model.stride + f];
				double y = rows[places[q].item * c->model.stride + f];

				pp += x * x;
				qq += y * y;
				pq += x * y;
			}
			cosines += pp > 0 && qq > 0 ? pq / sqrt(pp * qq) : 0;
		}
	}
	if (len > 0)
		put(b, LEP_RANKING_NOVELTY, bits / len);
	if (len > 1 && rows != NULL)
		put(b, LEP_RANKING_DIVERSITY, 1 - cosines / (len * (len - 1) / 2.0));
}

/* Seen: parts 0 and 1; relevant: part 2. */
static void
brute_begin(const Case *c, int k, Brute *b)
{
	const LepRatings *ratings = c->ratings;
	Place *places = malloc(sizeof(Place) * (size_t) ratings->n_items);

	memset(b, 0, sizeof(*b));
	b->k = k;
	b->listed = calloc((size_t) ratings->n_items, sizeof(int));
	b->counts = calloc((size_t) ratings->n_items, sizeof(int));
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		b->values[m] = malloc(sizeof(double) * (size_t) ratings->n_users);
	for (int u = 0; u < ratings->n_users; u++)
	{
		int n_seen = 0;

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			n_seen += ratings->part[j] != 2;
			b->counts[ratings->item[j]] += ratings->part[j] != 2;
		}
		b->n_seen_users += n_seen > 0;
	}
	for (int u = 0; u < ratings->n_users; u++)
	{
		int n = order_items(c, u, places);
		int n_relevant = 0;

		for (int p = 0; p < n; p++)
			n_relevant += places[p].relevant;
		if (n_relevant == 0)
			continue;
		b->n_users++;
		judge_hits(b, places, n < k ? n : k, n_relevant);
		judge_lists(c, b, places, n < k ? n : k, n);
	}
	free(places);
}

static void
brute_end(Brute *b)
{
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		free(b->values[m]);
	free(b->listed);
	free(b->counts);
}

/* Gini as half the relative mean difference. */
static double
brute_gini(const Case *c, const Brute *b)
{
	double n = c->ratings->n_items;
	double differences = 0;
	double sum = 0;

	for (int i = 0; i < c->ratings->n_items; i++)
	{
		sum += b->listed[i];
		for (int j = 0; j < c->ratings->n_items; j++)
			differences += abs(b->listed[i] - b->listed[j]);
	}
	return differences / (2 * n * n) / (sum / n);
}

static void
check_metrics(const Case *c, const Brute *b, const LepRankingMetrics *metrics)
{
	double listed = 0;

	CHECK_INT_EQ(metrics->k, b->k);
	CHECK_INT_EQ(metrics->n_users, b->n_users);
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
	{
		const LepFigure *figure = &metrics->figure[m];
		double n = b->n_values[m];
		double mean = 0;
		double squares = 0;

		if (m == LEP_RANKING_COVERAGE || m == LEP_RANKING_GINI)
			continue;
		for (int v = 0; v < b->n_values[m]; v++)
			mean += b->values[m][v] / n;
		for (int v = 0; v < b->n_values[m]; v++)
			squares += (b->values[m][v] - mean) * (b->values[m][v] - mean);
		CHECK_INT_EQ(figure->n, n);
		if (n == 0)
		{
			CHECK(isnan(figure->value));
			continue;
		}
		CHECK(mean > 0 && figure->std_error >= 0);
		CHECK_CLOSE(figure->value, mean, 1e-12);
		CHECK_CLOSE(figure->std_error, sqrt(squares / (n - 1) / n), 1e-12);
	}
	for (int i = 0; i < c->ratings->n_items; i++)
		listed += b->listed[i] > 0;
	CHECK_CLOSE(metrics->figure[LEP_RANKING_COVERAGE].value, listed / c->ratings->n_items, 1e-15);
	CHECK_CLOSE(metrics->figure[LEP_RANKING_GINI].value, brute_gini(c, b), 1e-12);
}

static void
check_ranking(Case *c, int k)
{
	LepRankingSplit split = { c->ratings,	   LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION,
							  LEP_PARTS_TEST,  k,
							  LEP_RANKING_ALL, 0 };
	LepRankingMetrics metrics;
	Brute brute;

	brute_begin(c, k, &brute);
	CHECK_OK(lep_ranking_measure_split(&c->env, &c->model, &split, &metrics));
	check_metrics(c, &brute, &metrics);
	brute_end(&brute);
}

static void
test_ranking_with_factors(void)
{
	Case c;

	if (!case_begin(&c, 300, 60, 0.3, 3))
		return;
	check_ranking(&c, 1);
	check_ranking(&c, 10);
	check_ranking(&c, 100); /* more than there are items */
	case_end(&c);
}

/* Biases in tenths: many items share a score, and the lower number wins. */
static void
test_ranking_without_factors(void)
{
	Case c;

	if (!case_begin(&c, 300, 60, 0.3, 0))
		return;
	check_ranking(&c, 1);
	check_ranking(&c, 10);
	check_ranking(&c, 100);
	/* biases that differ but round to the same score */
	c.model.mean = 1e8;
	for (int i = 0; i < c.model.n_items; i++)
		c.model.item_bias[i] = (float) (i * 37 % 60) / 10;
	check_ranking(&c, 10);
	case_end(&c);
}

/* Scores that round to few floats: what single precision cannot tell apart decides. */
static void
test_ranking_of_near_ties(void)
{
	Case c;

	if (!case_begin(&c, 60, 700, 0.1, 20))
		return;
	for (int64_t e = 0; e < (int64_t) c.model.n_items * c.model.stride; e++)
		c.model.item_factors[e] = 1e-5f * c.model.item_factors[e] + (e % c.model.stride < 20 ? 1 : 0);
	for (int i = 0; i < c.model.n_items; i++)
		c.model.item_bias[i] = 0;
	check_ranking(&c, 10);
	c.model.mean = 100;
	check_ranking(&c, 10);
	case_end(&c);
}

/* Items beyond one chunk (4096), and not a multiple of a piece. */
static void
test_ranking_across_chunks(void)
{
	Case c;

	if (!case_begin(&c, 7, 5000, 0.9, 2))
		return;
	CHECK(c.model.n_items > 4096 + 256 && c.model.n_items % 256 != 0);
	c.model.item_bias[c.model.n_items - 1] = 50;
	check_ranking(&c, 10);
	check_ranking(&c, 1000);
	case_end(&c);
}

/* Items 256 to 511, bounded by the score of each of them; how many were left out. */
static int64_t
check_bounded_scores(const Case *c, const LepRanker *ranker, int32_t u)
{
	float exact[LEP_RANKER_PIECE];
	float out[LEP_RANKER_PIECE];
	int64_t n_below = 0;
	int n_wrong = 0;

	for (int32_t j = 0; j < LEP_RANKER_PIECE; j++)
		exact[j] = lep_model_score(&c->model, u, LEP_RANKER_PIECE + j);
	for (int32_t b = 0; b < LEP_RANKER_PIECE; b++)
	{
		LepScoreQuery query = { u, 0, 0, LEP_RANKER_PIECE, LEP_RANKER_PIECE, exact[b] };

		ranker->scores(ranker->arg, &query, out);
		for (int32_t j = 0; j < LEP_RANKER_PIECE; j++)
		{
			n_wrong += exact[j] >= exact[b] ? out[j] != exact[j] : !(out[j] < exact[b]);
			n_below += exact[j] < exact[b] && out[j] != exact[j];
		}
	}
	CHECK_INT_EQ(n_wrong, 0);
	return n_below;
}

/*
 * Scores at or above the bound are exact; those below are given as below.  With
 * scales up to where products overflow, and down to denormal ones.
 */
static void
test_scores_above_a_bound_are_exact(void)
{
	static const float scales[] = { 1, 1e-3f, 1e-21f, 1e-22f, 1e12f, 3e18f, 1e30f };
	Case c;
	LepRanker ranker;
	int64_t n_below = 0; /* scores that need not be exact and are not */

	for (int s = 0; s < (int) (sizeof(scales) / sizeof(scales[0])); s++)
	{
		if (!case_begin(&c, 40, 600, 0.1, 40))
			return;
		for (int64_t e = 0; e < (int64_t) c.model.n_users * c.model.stride; e++)
			c.model.user_factors[e] *= scales[s];
		for (int64_t e = 0; e < (int64_t) c.model.n_items * c.model.stride; e++)
			c.model.item_factors[e] *= scales[s];
		for (int i = 0; i < c.model.n_items; i++)
			c.model.item_bias[i] = 0;
		c.model.mean = 0;
		CHECK_OK(lep_ranker_of_model(&c.arena, &c.model, &ranker));
		for (int32_t u = 0; u < c.model.n_users; u++)
			n_below += check_bounded_scores(&c, &ranker, u);
		case_end(&c);
	}
	CHECK(n_below > 1000000, "few are scored exactly");
}

/* Popularity: the ranker's lists are those of a model whose biases are the counts. */
static void
test_popularity(void)
{
	Case c;
	LepRankingSplit split = {
		NULL, LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION, LEP_PARTS_TEST, 10, LEP_RANKING_ALL, 0
	};
	LepRelevance seen = { NULL, LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION, -INFINITY, NULL, 0 };
	LepRelevance liked = { NULL, LEP_PARTS_TEST, -INFINITY, NULL, 0 };
	LepRankingRequest request = { .k = 10, .wanted = LEP_RANKING_ALL };
	LepRankingMetrics of_model;
	LepRankingMetrics of_counts;
	LepRanker ranker;
	LepView relevant;
	LepView exclude;
	int32_t *none;
	int32_t *count;

	if (!case_begin(&c, 300, 60, 0.3, 0))
		return;
	split.ratings = seen.ratings = liked.ratings = c.ratings;
	count = lep_ranking_item_counts(&c.arena, c.ratings, LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION);
	if (!CHECK(count != NULL))
		return;
	for (int i = 0; i < c.model.n_items; i++)
		c.model.item_bias[i] = (float) count[i];
	for (int u = 0; u < c.model.n_users; u++)
		c.model.user_bias[u] = 0;
	CHECK_OK(lep_ranking_measure_split(&c.env, &c.model, &split, &of_model));
	CHECK_OK(lep_ranker_of_popularity(&c.arena, count, 0, c.ratings->n_items, &ranker));
	CHECK_OK(lep_ranking_relevant(&c.arena, &liked, &relevant, &none));
	CHECK_OK(lep_ranking_relevant(&c.arena, &seen, &exclude, &none));
	request.ranker = &ranker;
	request.relevant = &relevant;
	request.exclude = &exclude;
	request.item_count = count;
	request.n_count_users = c.ratings->n_users;
	CHECK_OK(lep_ranking_measure(&c.env, &request, &of_counts));
	CHECK(of_counts.figure[LEP_RANKING_NDCG].value > 0 && of_counts.figure[LEP_RANKING_AUC].value > 0.5);
	CHECK_INT_EQ(of_counts.n_users, of_model.n_users);
	CHECK_BYTES_EQ(of_counts.figure, of_model.figure, sizeof(of_model.figure));
	case_end(&c);
}

/*
 * User 1 gives items 1, 2, 3 the ratings 4, 2, 5, user 2 items 2, 4 the ratings 5,
 * 4; the ranker has items 2, 3 and 4 as 0, 5 and 6.
 */
static void
test_relevance_of_foreign_ratings(void)
{
	static SampleRow rows[] = { { 1, 1, 4 }, { 1, 2, 2 }, { 1, 3, 5 }, { 2, 2, 5 }, { 2, 4, 4 } };
	static const int32_t item_of[] = { -1, 0, 5, 6 };
	static const int64_t start[] = { 0, 1, 3 };
	static const int32_t column[] = { 5, 0, 6 };
	static const int32_t missed[] = { 1, 0 };
	Sample sample = { rows, 5 };
	LepRelevance relevance = { NULL, LEP_PARTS_ALL, 4, item_of, 0 };
	LepEnv env;
	LepArena arena;
	LepView view;
	int32_t *n_unlisted;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	relevance.ratings = sample_ratings(&arena, &sample, LEP_FEEDBACK_EXPLICIT);
	if (relevance.ratings == NULL || !CHECK_OK(lep_ranking_relevant(&arena, &relevance, &view, &n_unlisted)))
		return;
	CHECK_INT_EQ(view.n_rows, 2);
	CHECK_INT_EQ(view.n, 3);
	CHECK_BYTES_EQ(view.start, start, sizeof(start));
	CHECK_BYTES_EQ(view.column, column, sizeof(column));
	CHECK_BYTES_EQ(n_unlisted, missed, sizeof(missed));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* ---- bits, stops, memory ---- */

static void
test_threads_and_kernels_do_not_matter(void)
{
	LepRankingSplit split = { NULL, LEP_PARTS_TRAIN, LEP_PARTS_TEST, 7, LEP_RANKING_ALL, 0 };
	LepRankingMetrics first;
	LepRankingMetrics metrics;
	Case c;

	for (int n_factors = 0; n_factors <= 20; n_factors += 20)
	{
		if (!case_begin(&c, 600, 320, 0.2, n_factors))
			return;
		split.ratings = c.ratings;
		CHECK_OK(lep_ranking_measure_split(&c.env, &c.model, &split, &first));
		CHECK(first.n_users > 512 && first.figure[LEP_RANKING_AUC].value > 0);
		for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
		{
			if (lep_kernels_select((LepKernelLevel) level) != 0)
				continue;
			for (int t = 1; t <= 3; t++)
			{
				c.env.n_threads = t;
				CHECK_OK(lep_pool_start(&c.env));
				CHECK_OK(lep_ranking_measure_split(&c.env, &c.model, &split, &metrics));
				lep_pool_shutdown(&c.env);
				CHECK_INT_EQ(metrics.n_users, first.n_users);
				CHECK_BYTES_EQ(metrics.figure, first.figure, sizeof(first.figure));
			}
		}
		lep_kernels_choose();
		case_end(&c);
	}
}

/* Says stop at the question number *host. */
static bool
stop_at(void *host)
{
	int64_t *left = host;

	return --*left <= 0;
}

static void
test_stops_when_told(void)
{
	LepRankingSplit split = { NULL, LEP_PARTS_TRAIN, LEP_PARTS_TEST, 7, LEP_RANKING_ALL, 0 };
	LepRankingMetrics metrics;
	LepStatus status = LEP_ERR_STOPPED;
	int64_t n_stops = 0;
	Case c;

	for (int64_t at = 1; status == LEP_ERR_STOPPED && at < 100000; at = at * 3 / 2 + 1)
	{
		int64_t left = at;

		if (!case_begin(&c, 300, 60, 0.2, 4))
			return;
		split.ratings = c.ratings;
		c.env.host = &left;
		c.env.should_stop = stop_at;
		status = lep_ranking_measure_split(&c.env, &c.model, &split, &metrics);
		if (status == LEP_ERR_STOPPED)
		{
			n_stops++;
			CHECK_INT_EQ(metrics.k, 0);
			CHECK(isnan(metrics.figure[LEP_RANKING_NDCG].value));
		}
		case_end(&c);
	}
	CHECK_OK(status);
	CHECK(n_stops > 5);
}

/* A bound that is too low at each point of the way is an error, and nothing is kept. */
static void
test_memory_is_refused(void)
{
	LepRankingSplit split = { NULL, LEP_PARTS_TRAIN, LEP_PARTS_TEST, 50, LEP_RANKING_ALL, 0 };
	LepRankingMetrics metrics;
	LepStatus status = LEP_ERR_MEMORY_LIMIT;
	size_t before;
	int n_refused = 0;
	Case c;

	if (!case_begin(&c, 300, 200, 0.2, 4))
		return;
	split.ratings = c.ratings;
	before = c.env.bytes_now;
	for (size_t extra = 0; status == LEP_ERR_MEMORY_LIMIT && extra < ((size_t) 1 << 30); extra += 4096)
	{
		c.env.max_bytes = before + extra;
		status = lep_ranking_measure_split(&c.env, &c.model, &split, &metrics);
		n_refused += status == LEP_ERR_MEMORY_LIMIT;
		CHECK_INT_EQ(c.env.bytes_now, before);
	}
	CHECK_OK(status);
	CHECK(n_refused > 10);
	c.env.max_bytes = 0;
	case_end(&c);
}

static void
test_names(void)
{
	CHECK_STR_EQ(lep_ranking_name(LEP_RANKING_PRECISION), "precision");
	CHECK_STR_EQ(lep_ranking_name(LEP_RANKING_HIT_RATE), "hit_rate");
	CHECK_STR_EQ(lep_ranking_name(LEP_RANKING_COVERAGE), "catalogue_coverage");
	CHECK_STR_EQ(lep_ranking_name(LEP_RANKING_GINI), "gini");
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		CHECK(lep_ranking_name((LepRankingMetric) m) != NULL);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_names);
	TEST(test_by_hand);
	TEST(test_lists_longer_than_the_catalogue);
	TEST(test_rows_are_mapped_to_users);
	TEST(test_what_is_not_known_is_not_a_number);
	TEST(test_items_that_are_never_listed);
	TEST(test_one_other_item);
	TEST(test_ranking_with_factors);
	TEST(test_ranking_without_factors);
	TEST(test_ranking_of_near_ties);
	TEST(test_ranking_across_chunks);
	TEST(test_scores_above_a_bound_are_exact);
	TEST(test_popularity);
	TEST(test_relevance_of_foreign_ratings);
	TEST(test_threads_and_kernels_do_not_matter);
	TEST(test_stops_when_told);
	TEST(test_memory_is_refused);
	return unit_done();
}

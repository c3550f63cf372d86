/*
 * test_faults_serve.c
 *		No memory, and no threads, where models are judged, laid out, read from
 *		bytes and asked for scores and lists: at each request.
 */
#include "faults_sample.h"

#include "core/blend.h"
#include "core/bulk.h"
#include "core/count_errors.h"
#include "core/image.h"
#include "core/implicit.h"
#include "core/interval.h"
#include "core/judge.h"
#include "core/kernels.h"
#include "core/modelbytes.h"
#include "core/pool.h"
#include "core/ranked.h"
#include "core/rerank.h"

#define N_LISTED 10

/* A model, trained undisturbed, and as it is served. */
typedef struct Trained
{
	LepRatings *ratings;
	LepTrainResult result;
	LepServed served;
	LepServed factors_only;
} Trained;

static struct
{
	Trained bayes; /* explicit: factors, variances */
	Trained blend; /* implicit: factors and neighbours */
	LepFoldinPrior user_prior;
	LepFoldinPrior item_prior;
} world;

static bool
serve(Trained *trained)
{
	const LepModel *model = &trained->result.model;
	int32_t *order = lep_arena_alloc(&fault_world.arena, model->n_items, sizeof(int32_t));

	trained->factors_only.mean = model->mean;
	trained->factors_only.items = lep_items_create(&fault_world.arena, model->n_items, model->n_factors,
												   model->mean, model->item_bias, model->item_factors);
	trained->served = trained->factors_only;
	if (order == NULL || trained->served.items == NULL)
		return false;
	trained->served.neighbors = model->neighbors;
	trained->served.popularity = model->neighbors == NULL ? NULL : model->item_bias;
	trained->served.order = model->neighbors == NULL ? NULL : order;
	return lep_neighbors_order(&fault_world.env, model->item_bias, model->n_items, order) == LEP_OK;
}

static bool
train(Trained *trained, LepFeedback feedback, const char *words)
{
	FaultSource source = { &fault_world.sample, LEP_ID_INT64, LEP_ID_TEXT, true, feedback, 1 };
	LepOptions options = fault_options(words);

	return fault_ratings(&fault_world.arena, &source, &trained->ratings) == LEP_OK &&
		   lep_train(&fault_world.arena, trained->ratings, &options, &trained->result) == LEP_OK &&
		   serve(trained);
}

static void
world_begin(void)
{
	fault_world_begin();
	if (!train(&world.bayes, LEP_FEEDBACK_EXPLICIT, "algorithm=bayes factors=3 epochs=4 time_bins=3") ||
		!train(&world.blend, LEP_FEEDBACK_IMPLICIT, "algorithm=blend") ||
		lep_foldin_learn(&fault_world.arena, &world.bayes.result.model, world.bayes.ratings, LEP_PARTS_ALL,
						 &world.user_prior, &world.item_prior) != LEP_OK)
		abort();
}

/* ---- judging ---- */

static void
digest_ranking(FaultDigest *digest, const LepRankingMetrics *metrics)
{
	for (int m = 0; m < LEP_N_RANKING_METRICS; m++)
		digest_figure(digest, &metrics->figure[m]);
}

/* FaultRun: a Trained. */
static LepStatus
run_errors(LepArena *arena, const void *input, FaultDigest *digest)
{
	const Trained *trained = input;
	const LepModel *model = &trained->result.model;
	LepErrorMetrics metrics;
	LepIntervals intervals;
	LepLevels levels;
	LepCountErrors users;
	LepCountErrors items;
	double mae;
	LepStatus status = lep_metrics_errors(arena->env, model, trained->ratings, LEP_PARTS_TEST, &metrics);

	if (status == LEP_OK)
		status = lep_intervals_measure(arena->env, model, trained->ratings, LEP_PARTS_VALIDATION, &intervals);
	if (status == LEP_OK)
		status = lep_levels_measure(arena->env, model, trained->ratings, LEP_PARTS_VALIDATION, &levels);
	if (status == LEP_OK)
		status = lep_levels_error(arena->env, model, trained->ratings, LEP_PARTS_TEST, &levels, &mae);
	if (status == LEP_OK)
		status = lep_count_errors(arena->env, model, trained->ratings, LEP_PARTS_TRAIN, LEP_PARTS_TEST,
								  &users, &items);
	if (status == LEP_OK)
	{
		digest_real(digest, metrics.rmse);
		digest_real(digest, metrics.mae_std_error);
		digest_add(digest, intervals.quantile, sizeof(intervals.quantile));
		digest_add(digest, levels.cut, (size_t) (levels.n - 1) * sizeof(float));
		digest_real(digest, mae);
		digest_add(digest, users.n, sizeof(users.n));
		digest_add(digest, items.n, sizeof(items.n));
	}
	return status;
}

/* FaultRun: a Trained. */
static LepStatus
run_ranking(LepArena *arena, const void *input, FaultDigest *digest)
{
	const Trained *trained = input;
	LepRankingSplit split = { .ratings = trained->ratings,
							  .seen_parts = LEP_PARTS_TRAIN,
							  .parts = LEP_PARTS_TEST,
							  .k = 5,
							  .wanted = LEP_RANKING_ALL };
	LepRankingMetrics metrics;
	LepStatus status = lep_pool_start(arena->env);

	if (status == LEP_OK)
		status = lep_ranking_measure_split(arena->env, &trained->result.model, &split, &metrics);
	lep_pool_shutdown(arena->env);
	if (status == LEP_OK)
		digest_ranking(digest, &metrics);
	return status;
}

/* Judge a model and popularity beside what users have seen. */
static LepStatus
judge(LepArena *arena, const Trained *trained, LepJudgement *model, LepJudgement *popular)
{
	LepRatings *ratings = trained->ratings;
	int32_t *lists[128] = { 0 };
	int64_t n[128] = { 0 };
	int32_t item_of[128];
	LepSeen seen = { lists, n };
	int64_t n_overlap;
	LepView exclude;
	LepJudging judging = { .ratings = ratings,
						   .parts = LEP_PARTS_TEST,
						   .min_rating = 4,
						   .exclude = &exclude,
						   .n_count_users = ratings->n_users,
						   .rows_of = &trained->result.model,
						   .wanted = (1U << LEP_N_METRICS) - 1,
						   .n_items = ratings->n_items,
						   .k = 5,
						   .max_auc_scores = 500 };
	LepStatus status;

	for (int32_t i = 0; i < ratings->n_items; i++)
		item_of[i] = i;
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		lists[u] = ratings->item + ratings->user_start[u];
		n[u] = u % 3;
	}
	status = lep_judge_exclude(arena, ratings, item_of, &seen, &exclude, &n_overlap);
	if (status == LEP_OK)
	{
		judging.item_count = lep_ranking_item_counts(arena, ratings, LEP_PARTS_TRAIN);
		status = judging.item_count == NULL ? arena->env->error.status : lep_judge_prepare(arena, &judging);
	}
	if (status == LEP_OK)
		status = lep_judge_model(arena->env, &judging, &trained->result.model, model);
	if (status == LEP_OK)
		status = lep_judge_popular(arena->env, &judging, popular);
	return status;
}

/* FaultRun: a Trained. */
static LepStatus
run_judging(LepArena *arena, const void *input, FaultDigest *digest)
{
	LepJudgement model;
	LepJudgement popular;
	LepStatus status;

	status = judge(arena, input, &model, &popular);
	for (int m = 0; m < LEP_N_METRICS && status == LEP_OK; m++)
	{
		digest_figure(digest, &model.figure[m]);
		digest_figure(digest, &popular.figure[m]);
	}
	return status;
}

static void
test_judging(void)
{
	fault_sweep("errors, intervals, medians", run_errors, &world.bayes);
	fault_sweep("lists by factors", run_ranking, &world.bayes);
	fault_sweep("lists of a blend", run_ranking, &world.blend);
	fault_sweep_threads("lists of a blend", run_ranking, &world.blend);
	fault_sweep("judging", run_judging, &world.bayes);
	fault_sweep("judging a blend", run_judging, &world.blend);
}

/* ---- layouts and bytes ---- */

/* FaultRun: a Trained. */
static LepStatus
run_image(LepArena *arena, const void *input, FaultDigest *digest)
{
	const LepModel *model = &((const Trained *) input)->result.model;
	bool has_neighbors = model->neighbors != NULL;
	int64_t n_neighbors = has_neighbors ? model->neighbors->start[model->n_items] : 0;
	LepImageShape shape = {
		model->n_items, model->n_factors, has_neighbors, has_neighbors, n_neighbors, 0.5
	};
	size_t size = lep_image_size(&shape);
	void *block = aligned_alloc(LEP_ALIGNMENT, size);
	LepImageRoom room;
	LepImage image;
	LepStatus status;

	memset(block, 0, size);
	room = lep_image_room(block, &shape);
	memcpy(room.rows, model->item_factors, (size_t) model->n_items * (size_t) model->stride * sizeof(float));
	if (has_neighbors)
	{
		memcpy(room.popularity, model->item_bias, (size_t) model->n_items * sizeof(float));
		memcpy(room.start, model->neighbors->start, ((size_t) model->n_items + 1) * sizeof(int64_t));
		memcpy(room.target, model->neighbors->target, (size_t) n_neighbors * sizeof(int32_t));
		memcpy(room.weight, model->neighbors->weight, (size_t) n_neighbors * sizeof(float));
	}
	status = lep_image_build(arena->env, block, &shape, model->item_bias);
	if (status == LEP_OK && CHECK(lep_image_open(block, &image)))
		digest_add(digest, block, size);
	free(block);
	return status;
}

/* FaultRun: a Trained, as bytes that are checked and loaded. */
static LepStatus
run_bytes(LepArena *arena, const void *input, FaultDigest *digest)
{
	const Trained *trained = input;
	LepModelHead head;
	LepModelBytes model;
	LepImageShape shape;
	size_t len;
	uint8_t *bytes;
	void *block;
	LepId *ids;
	float *bias;
	LepImageRoom room;
	LepStatus status;

	CHECK_OK(lep_modelbytes_head(arena->env, &trained->result, trained->ratings, &head));
	len = lep_modelbytes_size(&head);
	bytes = malloc(len);
	CHECK_OK(lep_modelbytes_encode(arena->env, &head, &trained->result, trained->ratings, bytes));
	digest_add(digest, bytes, len);
	CHECK_OK(lep_modelbytes_open(bytes, len, &model, &arena->env->error));
	shape = lep_modelbytes_shape(&model);
	block = aligned_alloc(LEP_ALIGNMENT, lep_image_size(&shape));
	ids = malloc((size_t) shape.n_items * sizeof(LepId));
	bias = malloc((size_t) shape.n_items * sizeof(float));
	room = lep_image_room(block, &shape);
	status = lep_modelbytes_verify(arena->env, &model);
	if (status == LEP_OK)
		status = lep_modelbytes_load(arena->env, &model, &room, ids, bias);
	if (status == LEP_OK)
		digest_add(digest, bias, (size_t) shape.n_items * sizeof(float));
	free(bias);
	free(ids);
	free(block);
	free(bytes);
	return status;
}

static void
test_layouts_and_bytes(void)
{
	fault_sweep("an image of factors", run_image, &world.bayes);
	fault_sweep("an image of a blend", run_image, &world.blend);
	fault_sweep("bytes of factors", run_bytes, &world.bayes);
	fault_sweep("bytes of a blend", run_bytes, &world.blend);
}

/* ---- lists and scores ---- */

static LepServedUser
user_of(const Trained *trained, int32_t u)
{
	const LepModel *model = &trained->result.model;
	LepServedUser user = {
		true, model->user_bias[u], model->user_factors + (int64_t) u * model->stride, { 0 }
	};

	if (trained->served.neighbors != NULL)
		user.basket = lep_neighbors_basket(model->neighbors, u);
	return user;
}

static void
digest_list(FaultDigest *digest, const LepTopnEntry *entries, const LepOrigin *origins, int64_t n)
{
	for (int64_t e = 0; e < n; e++)
	{
		digest_int(digest, entries[e].item);
		digest_real(digest, entries[e].score);
		digest_int(digest, origins == NULL ? 0 : origins[e]);
	}
}

/* What a list is asked of. */
typedef struct ListInput
{
	const Trained *trained;
	const LepServed *served;
} ListInput;

/* FaultRun: a ListInput; lists for everybody, without and with items that are out. */
static LepStatus
run_lists(LepArena *arena, const void *input, FaultDigest *digest)
{
	static const int32_t out[] = { 1, 2, 3, 5, 8, 13 };
	const ListInput *in = input;
	LepTopnEntry entries[N_LISTED];
	LepOrigin origins[N_LISTED];
	LepStatus status = LEP_OK;

	for (int32_t u = 0; u < 6 && status == LEP_OK; u++)
	{
		LepServedUser user = user_of(in->trained, u);
		LepServedQuery query = { .n = N_LISTED, .exclude = out, .n_exclude = u };
		int64_t n;

		user.known = u != 4;
		status = lep_serve_topn(arena->env, in->served, &user, &query, entries, origins, &n);
		if (status == LEP_OK)
			digest_list(digest, entries, origins, n);
	}
	return status;
}

/* FaultRun: a ListInput; a list of many wishes. */
static LepStatus
run_rerank(LepArena *arena, const void *input, FaultDigest *digest)
{
	const ListInput *in = input;
	int32_t n_items = in->trained->result.model.n_items;
	LepServedUser user = user_of(in->trained, 3);
	LepServedQuery query = { .n = N_LISTED };
	LepTopnEntry entries[N_LISTED];
	LepOrigin origins[N_LISTED];
	int32_t group[128];
	int32_t n_listed[4] = { 0 };
	LepRerank rerank = { .popularity_penalty = 0.2,
						 .n_ratings = group,
						 .max_per_group = 2,
						 .group = group,
						 .n_groups = 4,
						 .n_listed = n_listed,
						 .diversity = 0.4 };
	LepServedScan scan;
	LepStatus status;
	int64_t n;

	for (int32_t i = 0; i < n_items; i++)
		group[i] = i % 4;
	status = lep_serve_scan(arena, in->served, &user, &scan);
	if (status == LEP_OK)
		status = lep_rerank_topn(arena->env, &scan, &query, &rerank, entries, origins, &n);
	if (status == LEP_OK)
		digest_list(digest, entries, origins, n);
	return status;
}

/* FaultRun: a ListInput; everybody's list at once. */
static LepStatus
run_bulk(LepArena *arena, const void *input, FaultDigest *digest)
{
	const ListInput *in = input;
	LepBulkUser users[20];
	LepTopnEntry entries[20 * N_LISTED];
	LepOrigin origins[20 * N_LISTED];
	LepBulk bulk = {
		.served = in->served, .users = users, .n_users = 20, .entries = entries, .origins = origins
	};
	LepStatus status;

	bulk.n = lep_bulk_length(in->served, NULL, 0, N_LISTED);
	for (int32_t u = 0; u < 20; u++)
		users[u] = (LepBulkUser){ .user = user_of(in->trained, u) };
	status = lep_pool_start(arena->env);
	if (status == LEP_OK)
		status = lep_bulk_scratch(arena, &bulk);
	if (status == LEP_OK)
		status = lep_bulk_topn(arena->env, &bulk);
	lep_pool_shutdown(arena->env);
	for (int u = 0; u < 20 && status == LEP_OK; u++)
		digest_list(digest, entries + u * bulk.n, origins + u * bulk.n, users[u].n_found);
	return status;
}

static void
test_lists(void)
{
	ListInput factors = { &world.bayes, &world.bayes.served };
	ListInput blend = { &world.blend, &world.blend.served };
	ListInput rest = { &world.blend, &world.blend.factors_only };

	fault_sweep("a list by factors", run_lists, &factors);
	fault_sweep("a list of a blend", run_lists, &blend);
	fault_sweep("a list by factors of implicit feedback", run_lists, &rest);
	fault_sweep("another order of factors", run_rerank, &factors);
	fault_sweep("another order of a blend", run_rerank, &blend);
	fault_sweep("lists in bulk", run_bulk, &blend);
	fault_sweep("lists in bulk by factors", run_bulk, &factors);
	fault_sweep_threads("lists in bulk", run_bulk, &blend);
}

/* FaultRun: somebody without an id, by ratings. */
static LepStatus
run_fold_in(LepArena *arena, const void *input, FaultDigest *digest)
{
	const Trained *trained = input;
	LepRated rated = { trained->ratings->item, trained->ratings->rating, trained->ratings->user_start[1] };
	_Alignas(64) float row[64];
	float bias;
	LepStatus status = lep_serve_fold_in(arena->env, &trained->served, &world.user_prior, &rated, &bias, row);

	if (status == LEP_OK)
	{
		digest_real(digest, bias);
		digest_add(digest, row, (size_t) trained->result.model.stride * sizeof(float));
	}
	return status;
}

/* FaultRun: somebody new in a blend: her row, and what her items bring in. */
static LepStatus
run_implicit_fold_in(LepArena *arena, const void *input, FaultDigest *digest)
{
	const Trained *trained = input;
	const LepModel *model = &trained->result.model;
	LepBasket basket = lep_neighbors_basket(model->neighbors, 2);
	const float *rating = trained->ratings->rating + trained->ratings->user_start[2];
	LepImplicitInput hers = { trained->served.items, basket.rows, rating, basket.n, NULL };
	LepGram *gram = lep_gram_create(arena, trained->served.items, model->n_factors);
	double ratio = lep_blend_ratio(&trained->result.options);
	_Alignas(64) float row[128];
	double terms[128];
	LepImplicitRule rule;
	LepOptions part;
	LepStatus status;

	if (gram == NULL)
		return arena->env->error.status;
	(void) lep_blend_part(&trained->result.options, LEP_BLEND_FACTORS, NULL, &part);
	status = lep_implicit_rule(arena->env, trained->ratings, LEP_PARTS_ALL, &part, &rule);
	if (status == LEP_OK)
		status = lep_implicit_fold_in(arena->env, gram, &rule, &hers, row);
	if (status == LEP_OK)
		status = lep_blend_row(arena->env, gram, model->neighbors, &basket, ratio, row);
	if (status == LEP_OK)
		status = lep_implicit_explain(arena->env, gram, &rule, &hers, 7, terms);
	if (status == LEP_OK)
	{
		digest_add(digest, row, (size_t) model->stride * sizeof(float));
		digest_add(digest, terms, (size_t) basket.n * sizeof(double));
	}
	return status;
}

static void
test_folding_in(void)
{
	fault_sweep("folding in", run_fold_in, &world.bayes);
	fault_sweep("folding in, implicit", run_implicit_fold_in, &world.blend);
}

/* FaultRun: the best of rows that come one by one. */
static LepStatus
run_ranked(LepArena *arena, const void *input, FaultDigest *digest)
{
	static uint8_t bytes[8192];
	LepRankedRow rows[64];
	LepRanked state;
	LepStatus status = LEP_OK;

	(void) input;
	lep_ranked_begin(&state, LEP_ID_TEXT, 20, bytes, sizeof(bytes));
	for (int j = 0; j < 200 && status == LEP_OK; j++)
	{
		char text[24];
		LepRankedRow row = { j * 37 % 101, fault_id(LEP_ID_TEXT, j, text) };

		if (!lep_ranked_takes(&state, &row))
			continue;
		if (lep_ranked_is_full(&state))
			status = lep_ranked_prune(arena->env, &state);
		if (status == LEP_OK)
			lep_ranked_append(&state, &row);
	}
	if (status == LEP_OK)
		status = lep_ranked_sort(arena->env, &state, rows);
	for (int j = 0; j < 20 && status == LEP_OK; j++)
	{
		digest_real(digest, rows[j].score);
		digest_add(digest, rows[j].id.v.text.data, (size_t) rows[j].id.v.text.len);
	}
	return status;
}

static void
test_best_of_rows(void)
{
	fault_sweep("the best of rows", run_ranked, NULL);
}

int
main(void)
{
	lep_kernels_choose();
	world_begin();
	TEST(test_judging);
	TEST(test_layouts_and_bytes);
	TEST(test_lists);
	TEST(test_folding_in);
	TEST(test_best_of_rows);
	fault_world_end();
	return unit_done();
}

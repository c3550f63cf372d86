/*
 * test_serve.c
 *		Lists, similar items, fold-in and explanations of served models, against
 *		scans and systems written out here.
 */
#include "neighbors_sample.h"

#include "core/best.h"
#include "core/bulk.h"
#include "core/foldin.h"
#include "core/implicit.h"
#include "core/kernels.h"
#include "core/model.h"
#include "core/pool.h"
#include "core/serve.h"
#include "core/similar.h"

#define N_ITEMS 300
#define K		5
#define STRIDE	16

/* Items with factors, biases and neighbours at random. */
typedef struct Fixture
{
	LepEnv env;
	LepArena arena;
	float bias[N_ITEMS];
	float *factors; /* [N_ITEMS * STRIDE] */
	LepNeighbors neighbors;
	int32_t order[N_ITEMS];
	LepServed served;
	LepTopnEntry entries[N_ITEMS];
	LepOrigin origins[N_ITEMS];
	int64_t n_found;
} Fixture;

static void
begin(Fixture *f)
{
	LepRng rng;

	memset(f, 0, sizeof(*f));
	unit_env_init(&f->env);
	lep_arena_init(&f->arena, &f->env);
	lep_rng_init(&rng, 3, 1, 4);
	f->factors = lep_arena_calloc(&f->arena, N_ITEMS * STRIDE, sizeof(float));
	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		f->bias[i] = sample_draw(&rng) / 16;
		for (int k = 0; k < K && i % 50 != 7; k++)
			f->factors[i * STRIDE + k] =
				i % 3 == 1 && i > 3 ? f->factors[(i - 3) * STRIDE + k] : sample_draw(&rng);
	}
	sample_neighbors(&f->arena, N_ITEMS, 4, &rng, &f->neighbors);
	f->served.mean = 0.25;
	f->served.items = lep_items_create(&f->arena, N_ITEMS, K, 0.25, f->bias, f->factors);
	f->served.popularity = f->bias;
	f->served.order = f->order;
	CHECK_OK(lep_neighbors_order(&f->env, f->bias, N_ITEMS, f->order));
}

static void
end(Fixture *f)
{
	lep_arena_drop(&f->arena);
	unit_env_done(&f->env);
}

static int
compare(const void *a, const void *b)
{
	return lep_best_is_better(a, b) ? -1 : lep_best_is_better(b, a);
}

/* Is the list found the head of what a scan gives? */
static void
check_list(const Fixture *f, LepTopnEntry *scan, int64_t n_scan, int64_t n)
{
	qsort(scan, (size_t) n_scan, sizeof(LepTopnEntry), compare);
	CHECK_INT_EQ(f->n_found, n < n_scan ? n : n_scan);
	for (int64_t e = 0; e < f->n_found; e++)
	{
		CHECK_INT_EQ(f->entries[e].item, scan[e].item);
		CHECK_BYTES_EQ(&f->entries[e].score, &scan[e].score, sizeof(float));
	}
}

static void
test_best_keeps_what_a_sort_has_first(void)
{
	LepEnv env;
	LepRng rng;
	LepTopnEntry all[500];
	LepTopnEntry kept[500];

	unit_env_init(&env);
	lep_rng_init(&rng, 1, 2, 3);
	for (int64_t n = 0; n <= 500; n = 3 * n + 1)
	{
		LepBest best = { kept, n, 0 };

		for (int32_t i = 0; i < 500; i++)
		{
			/* scores repeat, so that items decide */
			all[i] = (LepTopnEntry){ (i * 7) % 500, floorf(10 * sample_draw(&rng)) };
			lep_best_offer(&best, all[i]);
		}
		CHECK_OK(lep_best_sort(&env, &best));
		qsort(all, 500, sizeof(LepTopnEntry), compare);
		CHECK_INT_EQ(best.n_kept, n);
		CHECK_BYTES_EQ(kept, all, (size_t) n * sizeof(LepTopnEntry));
	}
	unit_env_done(&env);
}

static void
test_similar_is_a_scan_of_cosines(void)
{
	Fixture f;

	begin(&f);
	for (int32_t item = 0; item < 20; item++)
	{
		LepSimilarQuery query = { .row = f.factors + item * STRIDE, .n = 17, .without = item };
		LepTopnEntry scan[N_ITEMS];
		int64_t n = 0;

		for (int32_t i = 0; i < N_ITEMS; i++)
		{
			double dot[3] = { 0 };

			for (int k = 0; k < K; k++)
			{
				dot[0] += (double) f.factors[i * STRIDE + k] * (double) query.row[k];
				dot[1] += (double) f.factors[i * STRIDE + k] * (double) f.factors[i * STRIDE + k];
				dot[2] += (double) query.row[k] * (double) query.row[k];
			}
			if (i != item && dot[1] > 0 && dot[2] > 0)
				scan[n++] = (LepTopnEntry){ i, lep_cosine(query.row, f.factors + i * STRIDE, STRIDE) };
			if (i != item && dot[1] > 0 && dot[2] > 0)
				CHECK_CLOSE((double) scan[n - 1].score, dot[0] / sqrt(dot[1] * dot[2]), 1e-6);
		}
		CHECK_OK(lep_similar_items(&f.env, f.served.items, &query, f.entries, &f.n_found));
		check_list(&f, scan, n, 17);
	}
	end(&f);
}

static float
score_of(const LepServed *served, const LepServedUser *user, int32_t item)
{
	float score;

	CHECK_OK(lep_serve_score(NULL, served, user, item, &score));
	return score;
}

/* Lists of factors and neighbours together are those of a scan by lep_serve_score. */
static void
test_both_parts_count(void)
{
	static const int32_t rows[] = { 0, 3, 8, 21, 34, 55, 89, 144, 233 };
	static const int32_t exclude[] = { 3, 4, 12, 60, 250 };
	Fixture f;
	LepServedUser user = { true, 0.125f, NULL, { rows, NULL, 9 } };
	LepServedQuery query = { .n = 40, .exclude = exclude, .n_exclude = 5 };
	LepTopnEntry scan[N_ITEMS];
	int64_t n = 0;

	begin(&f);
	f.served.neighbors = &f.neighbors;
	user.row = f.factors + 11 * STRIDE;
	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		double terms[9];
		double sum = 0;
		LepScoreParts parts;
		float score = score_of(&f.served, &user, i);

		CHECK_OK(lep_serve_parts(NULL, &f.served, &user, i, &parts, terms));
		for (int t = 0; t < 9; t++)
			sum += terms[t];
		CHECK_CLOSE(sum, parts.neighbors, 1e-12);
		CHECK_CLOSE((double) score, parts.mean + parts.user_bias + parts.item_bias + parts.factors + sum,
					1e-6);
		if (i != 3 && i != 4 && i != 12 && i != 60 && i != 250)
			scan[n++] = (LepTopnEntry){ i, score };
	}
	CHECK_OK(lep_serve_topn(&f.env, &f.served, &user, &query, f.entries, f.origins, &f.n_found));
	check_list(&f, scan, n, 40);
	CHECK_INT_EQ(f.origins[0], LEP_ORIGIN_FACTORS);
	end(&f);
}

static bool
count_question(void *host)
{
	++*(int *) host;
	return false;
}

/* Of a basket of 90,000 entries too: once in it, once in what it reaches, once in the rest. */
static void
test_both_parts_can_be_stopped(void)
{
	int32_t rows[N_ITEMS];
	Fixture f;
	LepNeighbors all = { .n_rows = N_ITEMS, .n_items = N_ITEMS, .room = (int64_t) N_ITEMS * N_ITEMS };
	LepServedUser user = { true, 0, NULL, { rows, NULL, N_ITEMS } };
	LepServedQuery query = { .n = 5 };
	int n_asked = 0;

	begin(&f);
	all.start = lep_arena_calloc(&f.arena, N_ITEMS + 1, sizeof(int64_t));
	all.target = lep_arena_alloc(&f.arena, all.room, sizeof(int32_t));
	all.weight = lep_arena_alloc(&f.arena, all.room, sizeof(float));
	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		int64_t e = all.start[i];

		rows[i] = i;
		for (int32_t j = 0; j < N_ITEMS; j++)
		{
			if (j == i)
				continue;
			all.target[e] = j;
			all.weight[e++] = 1;
		}
		all.start[i + 1] = e;
	}
	f.served.neighbors = &all;
	user.row = f.factors;
	f.env.host = &n_asked;
	f.env.should_stop = count_question;
	CHECK_OK(lep_serve_topn(&f.env, &f.served, &user, &query, f.entries, f.origins, &f.n_found));
	CHECK_INT_EQ(n_asked, 3);
	end(&f);
}

/* One pair of somebody who has everything: each of her items is looked for. */
static void
test_a_pair_can_be_stopped(void)
{
	enum
	{
		N = 20000
	};
	int32_t *rows = malloc(N * sizeof(int32_t));
	double *terms = malloc(N * sizeof(double));
	LepServedUser user = { true, 0, NULL, { rows, NULL, N } };
	UnitStopper stopper = { 0, INT64_MAX };
	LepServedPair pair;
	LepScoreParts parts;
	Fixture f;
	float score;

	for (int32_t i = 0; i < N; i++)
		rows[i] = i % N_ITEMS;
	begin(&f);
	f.served.neighbors = &f.neighbors;
	f.env.host = &stopper;
	f.env.should_stop = unit_stop_after;
	CHECK_OK(lep_serve_score(&f.env, &f.served, &user, 5, &score));
	CHECK_OK(lep_serve_pair(&f.env, &f.served, &user, 5, &pair));
	CHECK_OK(lep_serve_parts(&f.env, &f.served, &user, 5, &parts, terms));
	CHECK_INT_EQ(stopper.n_asked, 3 * 4);
	CHECK_BYTES_EQ(&pair.score, &score, sizeof(float));
	for (int64_t limit = 0; limit < 4; limit++)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_serve_score(&f.env, &f.served, &user, 5, &score), LEP_ERR_STOPPED);
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_serve_pair(&f.env, &f.served, &user, 5, &pair), LEP_ERR_STOPPED);
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_serve_parts(&f.env, &f.served, &user, 5, &parts, terms), LEP_ERR_STOPPED);
	}
	end(&f);
	free(terms);
	free(rows);
}

/* Lists of all items, where there are many. */
#define N_LONG 5000

typedef struct LongList
{
	LepServed served;
	LepNeighbors neighbors;
	LepTopnEntry entries[N_LONG];
	LepOrigin origins[N_LONG];
} LongList;

/* A list that asks so often, and can be stopped each time. */
static void
check_long_list(LepEnv *env, LongList *list, const LepServedUser *user, int64_t n_asked)
{
	LepServedQuery query = { .n = N_LONG };
	UnitStopper stopper = { 0, INT64_MAX };
	bool (*never)(void *host) = env->should_stop;
	int64_t n_found;

	env->host = &stopper;
	env->should_stop = unit_stop_after;
	CHECK_OK(lep_serve_topn(env, &list->served, user, &query, list->entries, list->origins, &n_found));
	CHECK_INT_EQ(n_found, N_LONG);
	CHECK_INT_EQ(stopper.n_asked, n_asked);
	for (int64_t limit = 0; limit < n_asked; limit++)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_serve_topn(env, &list->served, user, &query, list->entries, list->origins, &n_found),
					 LEP_ERR_STOPPED);
		CHECK_INT_EQ(n_found, 0);
	}
	env->should_stop = never;
}

static void
test_long_lists_can_be_stopped(void)
{
	LongList *list = calloc(1, sizeof(LongList));
	LepServedUser user = { .known = true };
	LepServedUser nobody = { 0 };
	float *bias;
	float *factors;
	int32_t *order;
	Fixture f;

	begin(&f);
	bias = lep_arena_calloc(&f.arena, N_LONG, sizeof(float));
	order = lep_arena_calloc(&f.arena, N_LONG, sizeof(int32_t));
	factors = lep_arena_calloc(&f.arena, N_LONG * STRIDE, sizeof(float));
	for (int32_t i = 0; i < N_LONG; i++)
		factors[i * STRIDE] = bias[i] = (float) (i % 97);
	CHECK_OK(lep_neighbors_order(&f.env, bias, N_LONG, order));
	list->neighbors = (LepNeighbors){ .n_rows = N_LONG, .n_items = N_LONG };
	list->served.items = lep_items_create(&f.arena, N_LONG, K, 0, bias, factors);
	list->served.popularity = bias;
	list->served.order = order;
	user.row = factors;
	/* along the order, sorted, scored */
	check_long_list(&f.env, list, &nobody, 5 + 1 + 4);
	/* scanned, sorted, offered, sorted, told apart */
	list->served.neighbors = &list->neighbors;
	check_long_list(&f.env, list, &user, 2 + 1 + 4 + 1 + 4);
	end(&f);
	free(list);
}

/* The head of a scan by lep_serve_score without `exclude`. */
static void
check_against_scan(const Fixture *f, const LepServedUser *user, const LepServedQuery *query)
{
	LepTopnEntry scan[N_ITEMS];
	int64_t n = 0;

	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		bool excluded = false;

		for (int64_t j = 0; j < query->n_exclude; j++)
			excluded = excluded || query->exclude[j] == i;
		if (!excluded)
			scan[n++] = (LepTopnEntry){ i, score_of(&f->served, user, i) };
	}
	check_list(f, scan, n, query->n);
}

static bool
stop_at_once(void *host)
{
	(void) host;
	return true;
}

/* Somebody with very many ratings is asked about while they are copied and while they are added up. */
static void
test_folding_in_can_be_stopped(void)
{
	int32_t item[N_ITEMS];
	float rating[N_ITEMS];
	float row[STRIDE];
	float bias;
	int n_asked = 0;
	LepRated rated = { item, rating, N_ITEMS };
	LepFoldinPrior prior;
	Fixture f;

	begin(&f);
	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		item[i] = i;
		rating[i] = (float) (i % 5);
	}
	CHECK_OK(lep_foldin_create(&f.arena, K, &prior));
	prior.base = 0.25;
	prior.noise = 1;
	CHECK_OK(lep_foldin_prepare(&f.env, &prior));
	f.env.host = &n_asked;
	f.env.should_stop = count_question;
	CHECK_OK(lep_serve_fold_in(&f.env, &f.served, &prior, &rated, &bias, row));
	CHECK_INT_EQ(n_asked, 1 + (N_ITEMS + 63) / 64);
	f.env.should_stop = stop_at_once;
	CHECK_STATUS(lep_serve_fold_in(&f.env, &f.served, &prior, &rated, &bias, row), LEP_ERR_STOPPED);
	end(&f);
}

/* Users ask one after the other with the same scratch memory; some are stopped, or left in the middle. */
static void
run_with_one_scratch(bool has_factors)
{
	static const int32_t exclude[] = { 7, 31, 100, 101, 299 };
	Fixture f;
	LepServeScratch scratch;
	bool (*go_on)(void *host);

	begin(&f);
	f.served.neighbors = &f.neighbors;
	if (!has_factors)
		f.served.items = lep_items_create(&f.arena, N_ITEMS, 0, 0.25, f.bias, NULL);
	go_on = f.env.should_stop;
	CHECK_OK(lep_serve_scratch(&f.arena, &f.served, &scratch));
	for (int32_t u = 0; u < 40; u++)
	{
		const int32_t rows[] = { u, u + 41, 2 * u + 100, 299 - u };
		LepServedUser user = {
			true, 0.5f, has_factors ? f.factors + u * STRIDE : NULL, { rows, NULL, u % 5 }
		};
		LepServedQuery query = {
			.n = 1 + u * 8, .exclude = exclude, .n_exclude = u % 6, .scratch = &scratch
		};

		CHECK_OK(lep_serve_topn(&f.env, &f.served, &user, &query, f.entries, f.origins, &f.n_found));
		check_against_scan(&f, &user, &query);
		CHECK(!scratch.in_use);
		CHECK_INT_EQ(scratch.sums.n_reached, 0);
		/* of so few items neighbours alone are added up without asking */
		if (u % 3 == 0 && has_factors)
		{
			f.env.should_stop = stop_at_once;
			CHECK_STATUS(lep_serve_topn(&f.env, &f.served, &user, &query, f.entries, f.origins, &f.n_found),
						 LEP_ERR_STOPPED);
			f.env.should_stop = go_on;
		}
		else if (u % 3 == 1)
		{
			/* as the host's longjmp would leave it */
			scratch.in_use = true;
			lep_neighbors_add(&f.neighbors, &user.basket, &scratch.sums);
		}
	}
	end(&f);
}

static void
test_scratch_is_kept(void)
{
	run_with_one_scratch(false);
	run_with_one_scratch(true);
}

/* On threads, from one scratch each: each user's list and origins, bit by bit. */
static void
run_in_bulk(Fixture *f, bool has_factors, int n_threads)
{
	enum
	{
		N_USERS = 50,
		N = 20
	};
	static const int32_t exclude[] = { 7, 31, 100, 101, 299 };
	LepBulkUser *users = lep_arena_calloc(&f->arena, N_USERS, sizeof(LepBulkUser));
	int32_t *rows = lep_arena_alloc(&f->arena, N_USERS * 4, sizeof(int32_t));
	LepBulk bulk = { .served = &f->served, .users = users, .n_users = N_USERS };

	f->env.n_threads = n_threads;
	CHECK_OK(lep_pool_start(&f->env));
	bulk.n = lep_bulk_length(&f->served, NULL, 0, N);
	bulk.entries = lep_arena_alloc(&f->arena, N_USERS * N, sizeof(LepTopnEntry));
	bulk.origins = lep_arena_alloc(&f->arena, N_USERS * N, sizeof(LepOrigin));
	CHECK_OK(lep_bulk_scratch(&f->arena, &bulk));
	for (int32_t u = 0; u < N_USERS; u++)
	{
		for (int32_t j = 0; j < 4; j++)
			rows[u * 4 + j] = u + 60 * j;
		users[u] = (LepBulkUser){
			{ true, 0.5f, has_factors ? f->factors + u * STRIDE : NULL, { rows + u * 4, NULL, u % 5 } },
			exclude,
			u % 6,
			0
		};
	}
	CHECK_OK(lep_bulk_topn(&f->env, &bulk));
	for (int32_t u = 0; u < N_USERS; u++)
	{
		LepServedQuery query = { .n = N, .exclude = exclude, .n_exclude = users[u].n_exclude };

		CHECK_OK(
			lep_serve_topn(&f->env, &f->served, &users[u].user, &query, f->entries, f->origins, &f->n_found));
		check_against_scan(f, &users[u].user, &query);
		CHECK_INT_EQ(users[u].n_found, f->n_found);
		CHECK_BYTES_EQ(bulk.entries + u * N, f->entries, (size_t) f->n_found * sizeof(LepTopnEntry));
		for (int64_t e = 0; e < f->n_found; e++)
		{
			LepServedPair pair;

			CHECK_OK(lep_serve_pair(NULL, &f->served, &users[u].user, f->entries[e].item, &pair));
			CHECK_INT_EQ(bulk.origins[u * N + e], f->origins[e]);
			CHECK_INT_EQ(pair.origin, f->origins[e]);
			CHECK_BYTES_EQ(&pair.score, &f->entries[e].score, sizeof(float));
		}
	}
	lep_pool_shutdown(&f->env);
}

static void
test_bulk_is_one_by_one(void)
{
	for (int kind = 0; kind < 3; kind++)
	{
		for (int n_threads = 1; n_threads <= 3; n_threads += 2)
		{
			Fixture f;

			begin(&f);
			f.served.items =
				kind == 1 ? lep_items_create(&f.arena, N_ITEMS, 0, 0.25, f.bias, NULL) : f.served.items;
			f.served.neighbors = kind > 0 ? &f.neighbors : NULL;
			f.served.popularity = kind == 0 ? NULL : f.bias;
			if (kind == 0)
				f.served.order = NULL;
			run_in_bulk(&f, kind != 1, n_threads);
			end(&f);
		}
	}
}

/* A task may be long: it asks, on the calling thread, and what it was told counts where it was the last, too. */
static void
test_bulk_can_be_stopped(void)
{
	for (int n_threads = 1; n_threads <= 3; n_threads += 2)
	{
		LepBulkUser users[2] = { { .user = { .known = true } }, { .user = { .known = true } } };
		LepBulk bulk = { .n = N_ITEMS, .users = users, .n_users = n_threads == 1 ? 1 : 2 };
		UnitStopper stopper = { 0, INT64_MAX };
		Fixture f;

		begin(&f);
		bulk.served = &f.served;
		bulk.entries = lep_arena_alloc(&f.arena, 2 * N_ITEMS, sizeof(LepTopnEntry));
		bulk.origins = lep_arena_alloc(&f.arena, 2 * N_ITEMS, sizeof(LepOrigin));
		users[0].user.row = users[1].user.row = f.factors;
		f.env.n_threads = n_threads;
		CHECK_OK(lep_pool_start(&f.env));
		CHECK_OK(lep_bulk_scratch(&f.arena, &bulk));
		f.env.host = &stopper;
		f.env.should_stop = unit_stop_after;
		CHECK_OK(lep_bulk_topn(&f.env, &bulk));
		CHECK_INT_EQ(users[0].n_found, N_ITEMS);
		if (n_threads == 1)
			CHECK_INT_EQ(stopper.n_asked, 2);
		for (int64_t limit = 0; limit < (n_threads == 1 ? 2 : 1); limit++)
		{
			stopper = (UnitStopper){ 0, limit };
			CHECK_STATUS(lep_bulk_topn(&f.env, &bulk), LEP_ERR_STOPPED);
			CHECK_INT_EQ(f.env.error.status, LEP_ERR_STOPPED);
		}
		lep_pool_shutdown(&f.env);
		end(&f);
	}
}

/* Nobody's list goes along the order, with the scores that items have. */
static void
test_nobody_gets_what_is_popular(void)
{
	static const int32_t exclude[] = { 16, 33 };
	static const int32_t candidates[] = { 0, 14, 16, 31, 67 };
	Fixture f;
	LepServedUser nobody = { 0 };
	LepServedQuery query = { .n = 10, .exclude = NULL };
	float share[N_ITEMS];

	begin(&f);
	for (int32_t i = 0; i < N_ITEMS; i++)
		share[i] = (float) (i % 17);
	f.served.popularity = share;
	CHECK_OK(lep_neighbors_order(&f.env, share, N_ITEMS, f.order));
	CHECK_OK(lep_serve_topn(&f.env, &f.served, &nobody, &query, f.entries, f.origins, &f.n_found));
	CHECK_INT_EQ(f.n_found, 10);
	for (int32_t e = 0; e < 10; e++)
	{
		CHECK_INT_EQ(f.entries[e].item, 16 + 17 * e);
		CHECK_INT_EQ(f.origins[e], LEP_ORIGIN_POPULAR);
		CHECK_CLOSE((double) f.entries[e].score, 0.25 + (double) f.bias[16 + 17 * e], 1e-7);
	}

	/* the same but for what is excluded, and among candidates only, whatever their order by number */
	query.exclude = exclude;
	query.n_exclude = 2;
	CHECK_OK(lep_serve_topn(&f.env, &f.served, &nobody, &query, f.entries, f.origins, &f.n_found));
	CHECK_INT_EQ(f.n_found, 10);
	CHECK_INT_EQ(f.entries[0].item, 50);
	query.candidates = candidates;
	query.n_candidates = 5;
	CHECK_OK(lep_serve_topn(&f.env, &f.served, &nobody, &query, f.entries, f.origins, &f.n_found));
	CHECK_INT_EQ(f.n_found, 4);
	CHECK_INT_EQ(f.entries[0].item, 67);
	CHECK_INT_EQ(f.entries[1].item, 14);
	CHECK_INT_EQ(f.entries[2].item, 31);
	CHECK_INT_EQ(f.entries[3].item, 0);
	end(&f);
}

/* p solves its system, and the terms of each item add up to p . q. */
static void
test_implicit_solves_and_explains(void)
{
	static const int32_t item[] = { 2, 9, 40, 41, 250 };
	static const float weight[] = { 1, 0.5f, 2, 1, 3 };
	const LepImplicitRule rule = { .unobserved_weight = 0.01, .regularization = 0.02, .exponent = 0.5 };
	double ridge = 0.02 * sqrt(7.5 + 0.01 * N_ITEMS);
	Fixture f;
	LepImplicitInput input;
	LepImplicitUser user;
	LepGram *gram;

	begin(&f);
	input = (LepImplicitInput){ .items = f.served.items, .item = item, .weight = weight, .n = 5 };
	gram = lep_gram_create(&f.arena, f.served.items, K);
	if (!CHECK(gram != NULL))
		return;
	CHECK_OK(lep_implicit_solve(&f.arena, gram, &rule, &input, &user));
	for (int a = 0; a < K; a++)
	{
		double left = ridge * user.p[a];
		double right = 0;

		for (int32_t i = 0; i < N_ITEMS; i++)
			for (int b = 0; b < K; b++)
				left += 0.01 * (double) f.factors[i * STRIDE + a] * (double) f.factors[i * STRIDE + b] *
						user.p[b];
		for (int j = 0; j < 5; j++)
		{
			const float *q = f.factors + item[j] * STRIDE;

			right += (double) weight[j] * (double) q[a];
			for (int b = 0; b < K; b++)
				left += (double) weight[j] * (double) q[a] * (double) q[b] * user.p[b];
		}
		CHECK_CLOSE(left, right, 1e-5);
	}
	for (int32_t i = 0; i < N_ITEMS; i += 13)
	{
		double terms[5];
		double sum = 0;
		double score = 0;

		CHECK_OK(lep_implicit_terms(&f.env, &user, &input, i, terms));
		for (int j = 0; j < 5; j++)
			sum += terms[j];
		for (int a = 0; a < K; a++)
			score += user.p[a] * (double) f.factors[i * STRIDE + a];
		CHECK_CLOSE(sum, score, 1e-12);
	}
	end(&f);
}

/* Worked by hand: linear 1 + 2 r, log 1 + 2 ln(1 + r), none 1, over a mean of 4. */
static void
test_confidence(void)
{
	LepImplicitRule rule = { .confidence = LEP_CONFIDENCE_LINEAR, .alpha = 2, .mean_confidence = 4 };

	CHECK_CLOSE((double) lep_implicit_confidence(&rule, 3), 7.0 / 4, 1e-6);
	CHECK_CLOSE((double) lep_implicit_confidence(&rule, -3), 1.0 / 4, 1e-6);
	rule.confidence = LEP_CONFIDENCE_LOG;
	CHECK_CLOSE((double) lep_implicit_confidence(&rule, 3), (1 + 2 * 1.3862943611) / 4, 1e-6);
	rule.confidence = LEP_CONFIDENCE_NONE;
	CHECK_CLOSE((double) lep_implicit_confidence(&rule, 3), 0.25, 1e-6);
}

int
main(void)
{
	TEST(test_best_keeps_what_a_sort_has_first);
	TEST(test_similar_is_a_scan_of_cosines);
	TEST(test_both_parts_count);
	TEST(test_both_parts_can_be_stopped);
	TEST(test_a_pair_can_be_stopped);
	TEST(test_long_lists_can_be_stopped);
	TEST(test_folding_in_can_be_stopped);
	TEST(test_scratch_is_kept);
	TEST(test_bulk_is_one_by_one);
	TEST(test_bulk_can_be_stopped);
	TEST(test_nobody_gets_what_is_popular);
	TEST(test_implicit_solves_and_explains);
	TEST(test_confidence);
	return unit_done();
}

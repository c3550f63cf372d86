/*
 * test_rerank.c
 *		Lists by popularity penalty, groups and diversity, against scans, sorts and
 *		a maximal marginal relevance written out here, and against one worked by hand.
 */
#include "neighbors_sample.h"

#include "core/best.h"
#include "core/model.h"
#include "core/rerank.h"

#define N_ITEMS	 700
#define K		 5
#define STRIDE	 16
#define N_GROUPS 12

/* Items with factors, biases, neighbours, counts and groups at random. */
typedef struct Fixture
{
	LepEnv env;
	LepArena arena;
	float bias[N_ITEMS];
	float *factors; /* [N_ITEMS * STRIDE] */
	LepNeighbors neighbors;
	int32_t order[N_ITEMS];
	int32_t n_ratings[N_ITEMS];
	int32_t group[N_ITEMS];
	int32_t n_listed[N_GROUPS];
	int32_t basket[9];
	LepServed served;
	LepServedUser user;
	LepServedQuery query;
	LepRerank rerank;
	LepTopnEntry entries[N_ITEMS];
	LepOrigin origins[N_ITEMS];
	int64_t n_found;
} Fixture;

/* A user of this row and of nine items; the model has factors, neighbours or both. */
static void
begin(Fixture *f, bool has_factors, bool has_neighbors)
{
	LepRng rng;

	memset(f, 0, sizeof(*f));
	unit_env_init(&f->env);
	lep_arena_init(&f->arena, &f->env);
	lep_rng_init(&rng, 5, 2, 7);
	f->factors = lep_arena_calloc(&f->arena, N_ITEMS * STRIDE, sizeof(float));
	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		f->bias[i] = sample_draw(&rng) / 16;
		f->n_ratings[i] = (int32_t) (1000 / (1 + (i * 37) % N_ITEMS));
		f->group[i] = (i * 7) % (N_GROUPS + 3) < N_GROUPS ? (i * 7) % (N_GROUPS + 3) : -1;
		for (int k = 0; k < K && i % 50 != 7; k++)
			f->factors[i * STRIDE + k] = sample_draw(&rng);
	}
	sample_neighbors(&f->arena, N_ITEMS, 20, &rng, &f->neighbors);
	for (int b = 0; b < 9; b++)
		f->basket[b] = b * b * 7 + b;
	f->served.mean = 0.25;
	f->served.items = lep_items_create(&f->arena, N_ITEMS, has_factors ? K : 0, 0.25, f->bias,
									   has_factors ? f->factors : NULL);
	f->served.neighbors = has_neighbors ? &f->neighbors : NULL;
	f->served.popularity = has_neighbors ? f->bias : NULL;
	f->served.order = has_neighbors ? f->order : NULL;
	CHECK_OK(lep_neighbors_order(&f->env, f->bias, N_ITEMS, f->order));
	f->user = (LepServedUser){
		true, 0.125f, has_factors ? f->factors + 11 * STRIDE : NULL, { f->basket, NULL, 9 }
	};
	f->query.n = 25;
	f->rerank.max_per_group = 1;
}

static void
end(Fixture *f)
{
	lep_arena_drop(&f->arena);
	unit_env_done(&f->env);
}

static void
limit_groups(Fixture *f, int32_t most)
{
	f->rerank.group = f->group;
	f->rerank.n_groups = N_GROUPS;
	f->rerank.n_listed = f->n_listed;
	f->rerank.max_per_group = most;
}

static LepStatus
rerank(Fixture *f)
{
	LepArena arena;
	LepServedScan scan;
	LepStatus status;

	memset(f->n_listed, 0, sizeof(f->n_listed));
	lep_arena_init(&arena, &f->env);
	status = lep_serve_scan(&arena, &f->served, &f->user, &scan);
	if (status == LEP_OK)
		status = lep_rerank_topn(&f->env, &scan, &f->query, &f->rerank, f->entries, f->origins, &f->n_found);
	lep_arena_drop(&arena);
	return status;
}

/* ---- the same, written out ---- */

static int
compare(const void *a, const void *b)
{
	return lep_best_is_better(a, b) ? -1 : lep_best_is_better(b, a);
}

static bool
has(const int32_t *items, int64_t n, int32_t item)
{
	for (int64_t j = 0; j < n; j++)
	{
		if (items[j] == item)
			return true;
	}
	return false;
}

static float
score_of(const Fixture *f, int32_t item)
{
	float score;

	CHECK_OK(lep_serve_score(NULL, &f->served, &f->user, item, &score));
	return score;
}

/* All that may be listed, by y; in one pass, with the C library's logarithm. */
static int64_t
rank_all(const Fixture *f, LepTopnEntry *ranked)
{
	double sum = 0;
	double squares = 0;
	double sd;
	int64_t n = 0;

	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		if (has(f->query.exclude, f->query.n_exclude, i) ||
			(f->query.candidates != NULL && !has(f->query.candidates, f->query.n_candidates, i)))
			continue;
		ranked[n] = (LepTopnEntry){ i, score_of(f, i) };
		sum += (double) ranked[n].score;
		squares += (double) ranked[n].score * (double) ranked[n].score;
		n++;
	}
	sd = sqrt(squares / (double) n - sum / (double) n * sum / (double) n);
	for (int64_t j = 0; j < n && f->rerank.popularity_penalty > 0; j++)
		ranked[j].score =
			(float) ((double) ranked[j].score -
					 f->rerank.popularity_penalty * sd * log1p((double) f->n_ratings[ranked[j].item]));
	qsort(ranked, (size_t) n, sizeof(LepTopnEntry), compare);
	return n;
}

static double
largest(const Fixture *f, int32_t a)
{
	double m = 0;

	for (int32_t b = 0; b < N_ITEMS; b++)
		m = fmax(m, fabs((double) lep_neighbors_weight(&f->neighbors, a, b)));
	return m;
}

static double
similarity(const Fixture *f, int32_t a, int32_t b)
{
	double dot[3] = { 0 };
	double ma;
	double mb;

	if (lep_items_stride(f->served.items) > 0)
	{
		for (int k = 0; k < K; k++)
		{
			double x = (double) f->factors[a * STRIDE + k];
			double y = (double) f->factors[b * STRIDE + k];

			dot[0] += x * y;
			dot[1] += x * x;
			dot[2] += y * y;
		}
		return dot[1] > 0 && dot[2] > 0 ? dot[0] / sqrt(dot[1] * dot[2]) : 0;
	}
	ma = largest(f, a);
	mb = largest(f, b);
	return (ma > 0 ? (double) lep_neighbors_weight(&f->neighbors, a, b) / ma / 2 : 0) +
		   (mb > 0 ? (double) lep_neighbors_weight(&f->neighbors, b, a) / mb / 2 : 0);
}

/* The head of the ranking that is chosen from: its length, the rest moved behind it. */
static int64_t
head(const Fixture *f, LepTopnEntry *ranked, int64_t n, int64_t n_wanted)
{
	LepTopnEntry rest[N_ITEMS];
	int32_t n_of[N_GROUPS] = { 0 };
	int64_t n_head = 0;
	int64_t n_rest = 0;

	for (int64_t j = 0; j < n; j++)
	{
		int32_t group = f->rerank.group == NULL ? -1 : f->group[ranked[j].item];

		if (n_head == n_wanted || (group >= 0 && n_of[group]++ >= 10 * f->rerank.max_per_group))
			rest[n_rest++] = ranked[j];
		else
			ranked[n_head++] = ranked[j];
	}
	memcpy(ranked + n_head, rest, (size_t) n_rest * sizeof(LepTopnEntry));
	return n_head;
}

/* Item numbers into list[]; how many. */
static int64_t
written_out(const Fixture *f, int32_t *list)
{
	LepTopnEntry ranked[N_ITEMS];
	bool taken[N_ITEMS] = { false };
	int32_t n_of[N_GROUPS] = { 0 };
	int64_t n_ranked = rank_all(f, ranked);
	int64_t n_head = head(f, ranked, n_ranked, f->query.n <= 20 ? 200 : 10 * f->query.n);
	int64_t n = 0;
	double d = f->rerank.diversity;

	while (n < f->query.n)
	{
		int64_t chosen = -1;
		double best = 0;

		for (int64_t j = 0; j < n_ranked && (chosen < 0 || j < n_head); j++)
		{
			int32_t group = f->rerank.group == NULL ? -1 : f->group[ranked[j].item];
			double range = (double) ranked[0].score - (double) ranked[n_head - 1].score;
			double value = (1 - d) * ((double) ranked[j].score - (double) ranked[n_head - 1].score) / range;
			double alike = -2;

			if (taken[j] || (group >= 0 && n_of[group] >= f->rerank.max_per_group))
				continue;
			for (int64_t l = 0; l < n; l++)
				alike = fmax(alike, similarity(f, list[l], ranked[j].item));
			value -= n > 0 ? d * alike : 0;
			/* what is behind the head comes in its order */
			if (chosen < 0 || value > best)
			{
				chosen = j;
				best = value;
			}
		}
		if (chosen < 0)
			break;
		taken[chosen] = true;
		list[n++] = ranked[chosen].item;
		if (f->rerank.group != NULL && f->group[ranked[chosen].item] >= 0)
			n_of[f->group[ranked[chosen].item]]++;
	}
	return n;
}

/* The list is that which is written out, with the scores of the model. */
static void
check_list(Fixture *f)
{
	int32_t list[N_ITEMS];
	int32_t n_of[N_GROUPS] = { 0 };
	int64_t n = written_out(f, list);

	CHECK_OK(rerank(f));
	CHECK_INT_EQ(f->n_found, n);
	for (int64_t e = 0; e < f->n_found; e++)
	{
		float score = score_of(f, f->entries[e].item);

		CHECK_INT_EQ(f->entries[e].item, list[e]);
		CHECK_BYTES_EQ(&f->entries[e].score, &score, sizeof(float));
		if (f->group[f->entries[e].item] >= 0)
			n_of[f->group[f->entries[e].item]]++;
	}
	if (f->rerank.group != NULL)
		CHECK_BYTES_EQ(f->n_listed, n_of, sizeof(n_of));
}

/* ---- tests ---- */

/* With nothing asked for, entries and origins are lep_serve_topn()'s, bit by bit. */
static void
test_nothing_asked_for_is_the_list(void)
{
	static const int32_t exclude[] = { 3, 4, 12, 60, 250 };
	static const int32_t candidates[] = { 1, 4, 5, 60, 100, 101, 333, 698 };

	for (int kind = 0; kind < 4; kind++)
	{
		for (int is_known = 0; is_known < 2; is_known++)
		{
			for (int limited = 0; limited < 3; limited++)
			{
				Fixture f;
				LepTopnEntry entries[N_ITEMS];
				LepOrigin origins[N_ITEMS];
				int64_t n_found;

				begin(&f, kind % 2 == 1, kind >= 2);
				f.user.known = is_known == 1;
				if (!f.user.known)
				{
					f.user.row = NULL;
					f.user.basket.n = 0;
				}
				f.query.exclude = exclude;
				f.query.n_exclude = limited == 0 ? 0 : 5;
				f.query.candidates = limited == 2 ? candidates : NULL;
				f.query.n_candidates = 8;
				CHECK_OK(lep_serve_topn(&f.env, &f.served, &f.user, &f.query, entries, origins, &n_found));
				CHECK_OK(rerank(&f));
				CHECK_INT_EQ(f.n_found, n_found);
				CHECK_BYTES_EQ(f.entries, entries, (size_t) n_found * sizeof(LepTopnEntry));
				CHECK_BYTES_EQ(f.origins, origins, (size_t) n_found * sizeof(LepOrigin));
				end(&f);
			}
		}
	}
}

static void
test_penalty_is_a_sort_of_all_items(void)
{
	static const double penalties[] = { 0.01, 0.3, 1, 50 };

	for (int kind = 1; kind < 4; kind++)
	{
		Fixture f;

		begin(&f, kind % 2 == 1, kind >= 2);
		f.rerank.n_ratings = f.n_ratings;
		for (int p = 0; p < 4; p++)
		{
			f.rerank.popularity_penalty = penalties[p];
			check_list(&f);
		}
		/* so large that only popularity counts: the rarest first */
		f.rerank.popularity_penalty = LEP_MAX_POPULARITY_PENALTY;
		CHECK_OK(rerank(&f));
		for (int64_t e = 1; e < f.n_found; e++)
			CHECK(f.n_ratings[f.entries[e - 1].item] <= f.n_ratings[f.entries[e].item]);
		end(&f);
	}
}

/* The same penalty gives the same list whatever scores are counted in and from. */
static void
test_penalty_knows_no_unit(void)
{
	Fixture a;
	Fixture b;

	begin(&a, true, false);
	begin(&b, true, false);
	b.served.mean = 64;
	for (int32_t i = 0; i < N_ITEMS; i++)
		b.bias[i] *= 4;
	for (int32_t j = 0; j < N_ITEMS * STRIDE; j++)
		b.factors[j] *= 2;
	b.served.items = lep_items_create(&b.arena, N_ITEMS, K, 64, b.bias, b.factors);
	a.rerank.n_ratings = b.rerank.n_ratings = a.n_ratings;
	a.rerank.popularity_penalty = b.rerank.popularity_penalty = 0.4;
	CHECK_OK(rerank(&a));
	CHECK_OK(rerank(&b));
	CHECK_INT_EQ(a.n_found, 25);
	for (int64_t e = 0; e < a.n_found; e++)
		CHECK_INT_EQ(a.entries[e].item, b.entries[e].item);
	end(&a);
	end(&b);
}

static void
test_groups_are_limited(void)
{
	static const int32_t mosts[] = { 1, 2, 7, 1000 };

	for (int kind = 1; kind < 4; kind++)
	{
		Fixture f;

		begin(&f, kind % 2 == 1, kind >= 2);
		for (int m = 0; m < 4; m++)
		{
			limit_groups(&f, mosts[m]);
			f.query.n = 25;
			check_list(&f);
			/* to the end: N_GROUPS * most, and the 141 in none */
			f.query.n = INT64_MAX;
			CHECK_OK(rerank(&f));
			CHECK_INT_EQ(f.n_found, mosts[m] == 1000 ? N_ITEMS : N_GROUPS * mosts[m] + 141);
		}
		end(&f);
	}
}

static void
test_diversity_is_mmr(void)
{
	static const double diversities[] = { 0.1, 0.5, 0.9, 1 };

	for (int kind = 1; kind < 4; kind++)
	{
		Fixture f;

		begin(&f, kind % 2 == 1, kind >= 2);
		for (int d = 0; d < 4; d++)
		{
			f.rerank.diversity = diversities[d];
			f.query.n = 25;
			check_list(&f);
			f.query.n = 7;
			check_list(&f);
		}
		end(&f);
	}
}

static void
test_all_three_together(void)
{
	static const int32_t exclude[] = { 3, 4, 12, 60, 250 };
	int32_t candidates[N_ITEMS / 2];

	for (int32_t j = 0; j < N_ITEMS / 2; j++)
		candidates[j] = 2 * j;
	for (int kind = 1; kind < 4; kind++)
	{
		Fixture f;

		begin(&f, kind % 2 == 1, kind >= 2);
		f.rerank.n_ratings = f.n_ratings;
		f.rerank.popularity_penalty = 0.2;
		f.rerank.diversity = 0.4;
		f.query.exclude = exclude;
		f.query.n_exclude = 5;
		limit_groups(&f, 1);
		check_list(&f);
		limit_groups(&f, 2);
		check_list(&f);
		f.query.candidates = candidates;
		f.query.n_candidates = N_ITEMS / 2;
		check_list(&f);
		f.query.n_candidates = 9;
		check_list(&f);
		f.query.n_candidates = 0;
		CHECK_OK(rerank(&f));
		CHECK_INT_EQ(f.n_found, 0);
		/* one group has all but a few: places beyond it are found behind the pool */
		f.query.candidates = NULL;
		for (int32_t i = 0; i < N_ITEMS; i++)
			f.group[i] = i % 40 == 0 ? -1 : 0;
		check_list(&f);
		end(&f);
	}
}

/*
 * Three items a, b, c with rows (1, 0), (1, 0), (0, 1) for a user (1, 0.8): scores
 * 1 + 0.02, 1, 0.8 with biases 0.02, 0, 0.  a is first.  b is as relevant as
 * (1 - 0.8) / 0.22 = 0.909 and just like a, c 0 and nothing like a: at diversity d
 * b has 0.909 (1 - d) - d, c has 0, so that c comes second from d = 0.476.
 */
static void
test_mmr_worked_by_hand(void)
{
	static const double diversities[] = { 0.47, 0.48 };
	_Alignas(64) static const float rows[3 * STRIDE] = { [0] = 1, [STRIDE] = 1, [2 * STRIDE + 1] = 1 };
	_Alignas(64) static const float user_row[STRIDE] = { 1, 0.8f };
	static const float bias[] = { 0.02f, 0, 0 };
	LepServedUser user = { .known = true, .row = user_row };
	LepServedQuery query = { .n = 3 };
	LepServed served = { 0 };
	LepEnv env;
	LepArena arena;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	served.items = lep_items_create(&arena, 3, 2, 0, bias, rows);
	for (int d = 0; d < 2; d++)
	{
		LepRerank asked = { .max_per_group = 1, .diversity = diversities[d] };
		LepTopnEntry entries[3];
		LepOrigin origins[3];
		LepServedScan scan;
		int64_t n_found;

		CHECK_OK(lep_serve_scan(&arena, &served, &user, &scan));
		CHECK_OK(lep_rerank_topn(&env, &scan, &query, &asked, entries, origins, &n_found));
		CHECK_INT_EQ(n_found, 3);
		CHECK_INT_EQ(entries[0].item, 0);
		CHECK_INT_EQ(entries[1].item, d == 0 ? 1 : 2);
		CHECK_INT_EQ(entries[2].item, d == 0 ? 2 : 1);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_pool(void)
{
	CHECK_INT_EQ(lep_rerank_pool(1), 200);
	CHECK_INT_EQ(lep_rerank_pool(21), 210);
	CHECK_INT_EQ(lep_rerank_pool(200), 2000);
	CHECK_INT_EQ(lep_rerank_pool(INT64_MAX), 2000);
}

/* Asked to stop at the first, the second, ... question: nothing is left behind. */
static bool
stop_after(void *host)
{
	return --*(int *) host < 0;
}

static void
test_stops(void)
{
	int n_stopped = 0;

	for (int n = 0; n < 40; n++)
	{
		Fixture f;
		int left = n;
		LepStatus status;

		begin(&f, true, true);
		f.rerank.n_ratings = f.n_ratings;
		f.rerank.popularity_penalty = 0.2;
		f.rerank.diversity = 0.4;
		limit_groups(&f, 2);
		f.env.should_stop = stop_after;
		f.env.host = &left;
		status = rerank(&f);
		CHECK(status == LEP_OK || status == LEP_ERR_STOPPED);
		n_stopped += status == LEP_ERR_STOPPED;
		end(&f);
	}
	/* one for each place of the list at least */
	CHECK(n_stopped >= 25, "%d", n_stopped);
	CHECK(n_stopped < 40, "%d", n_stopped);
}

int
main(void)
{
	TEST(test_nothing_asked_for_is_the_list);
	TEST(test_penalty_is_a_sort_of_all_items);
	TEST(test_penalty_knows_no_unit);
	TEST(test_groups_are_limited);
	TEST(test_diversity_is_mmr);
	TEST(test_all_three_together);
	TEST(test_mmr_worked_by_hand);
	TEST(test_pool);
	TEST(test_stops);
	return unit_done();
}

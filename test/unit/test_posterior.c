/*
 * test_posterior.c
 *		The compressed mean of samples against the mean itself, in double
 *		precision, pair by pair.
 */
#include "unit.h"

#include <limits.h>

#include "core/dense.h"
#include "core/kernels.h"
#include "core/posterior.h"
#include "core/rng.h"

#define N_USERS	 40
#define N_ITEMS	 30
#define N_BINS	 3
#define MAX_K	 5
#define MAX_RANK 48

/* A world of samples, and sums over them. */
typedef struct World
{
	LepGibbsData data;
	int64_t user_start[N_USERS + 1];
	int64_t item_start[N_ITEMS + 1];
	int32_t user_column[N_USERS * N_ITEMS];
	int32_t item_column[N_USERS * N_ITEMS];
	float rating[N_USERS * N_ITEMS];
	float p[N_USERS * MAX_K];
	float q[N_ITEMS * MAX_K];
	float bu[N_USERS];
	float bi[N_ITEMS];
	float v[N_BINS * MAX_K];
	float bt[N_BINS];
	float weight[N_USERS];
	LepGibbsSample sample;
	double product[N_USERS][N_ITEMS];		  /* sums of products of factors */
	double score[N_BINS][N_USERS][N_ITEMS];	  /* sums over samples */
	double squares[N_BINS][N_USERS][N_ITEMS]; /* of scores */
	int n_samples;
} World;

/* All rated but the last user and the last item, which nobody rated. */
static void
init_world(World *w, int k, int n_bins)
{
	int64_t n = 0;

	memset(w, 0, sizeof(*w));
	for (int u = 0; u < N_USERS; u++)
	{
		w->user_start[u] = n;
		for (int i = 0; u < N_USERS - 1 && i < N_ITEMS - 1; i++)
			w->user_column[n++] = i;
	}
	w->user_start[N_USERS] = n;
	n = 0;
	for (int i = 0; i < N_ITEMS; i++)
	{
		w->item_start[i] = n;
		for (int u = 0; i < N_ITEMS - 1 && u < N_USERS - 1; u++)
			w->item_column[n++] = u;
	}
	w->item_start[N_ITEMS] = n;
	w->data.view[LEP_GIBBS_USERS] = (LepView){ N_USERS, n, w->user_start, w->user_column, w->rating };
	w->data.view[LEP_GIBBS_ITEMS] = (LepView){ N_ITEMS, n, w->item_start, w->item_column, w->rating };
	w->data.moments = (LepMoments){ n, 3.5, 2.0 };
	w->data.inverse_sd = 0.5;
	w->data.n_bins = n_bins;
	w->data.n_factors = k;
	w->data.seed = 9;
}

static void
fill_normal(LepRng *rng, float *value, int n, float mean, float spread)
{
	for (int e = 0; e < n; e++)
		value[e] = mean + spread * (float) lep_rng_normal(rng);
}

/* Users by row, items by factor: both layouts of the samplers. */
static void
draw_sample(World *w, LepRng *rng)
{
	int k = w->data.n_factors;
	LepGibbsSample *s = &w->sample;

	fill_normal(rng, w->p, N_USERS * k, 0.2f, 0.5f);
	fill_normal(rng, w->q, N_ITEMS * k, -0.1f, 0.5f);
	fill_normal(rng, w->bu, N_USERS, 0.3f, 0.2f);
	fill_normal(rng, w->bi, N_ITEMS, -0.2f, 0.3f);
	fill_normal(rng, w->v, N_BINS * k, 0, 0.4f);
	fill_normal(rng, w->bt, N_BINS, 0, 0.1f);
	for (int u = 0; u < N_USERS; u++)
		w->weight[u] = u == 7 ? 2 : 1;
	*s = (LepGibbsSample){ { w->p, w->q }, { w->bu, w->bi }, { k, 1 }, { 1, N_ITEMS }, w->v, w->bt,
						   0.25,		   w->weight };
	for (int t = 0; t < N_BINS; t++)
	{
		for (int u = 0; u < N_USERS; u++)
		{
			for (int i = 0; i < N_ITEMS; i++)
			{
				bool timed = w->data.n_bins > 0;
				double z = (double) w->bu[u] + (double) w->bi[i] + (timed ? (double) w->bt[t] : 0);

				for (int f = 0; f < k; f++)
				{
					double p = (double) w->p[u * k + f];
					double q = (double) w->q[f * N_ITEMS + i];

					z += p * q + (timed ? (double) w->v[f * N_BINS + t] * q : 0);
				}
				for (int f = 0; t == 0 && f < k; f++)
					w->product[u][i] += (double) w->p[u * k + f] * (double) w->q[f * N_ITEMS + i];
				w->score[t][u][i] += z;
				w->squares[t][u][i] += z * z;
			}
		}
	}
	w->n_samples++;
}

/* The mean of so many samples, as a model of this rank. */
static void
run_world(World *w, LepArena *arena, int n_samples, int rank, LepModel *model)
{
	LepPosterior *posterior = lep_posterior_create(arena, &w->data, rank);
	LepRng rng;

	if (!CHECK(posterior != NULL))
		return;
	lep_rng_init(&rng, 5, 6, 7);
	for (int s = 0; s < n_samples; s++)
	{
		draw_sample(w, &rng);
		CHECK_STATUS(lep_posterior_add(arena->env, posterior, &w->sample), LEP_OK);
	}
	CHECK_INT_EQ(lep_posterior_samples(posterior), n_samples);
	CHECK_STATUS(lep_model_create(arena, N_USERS, N_ITEMS, rank, model), LEP_OK);
	CHECK_STATUS(lep_model_add_variances(arena, model), LEP_OK);
	if (w->data.n_bins > 0)
		CHECK_STATUS(lep_model_add_times(arena, w->data.n_bins, model), LEP_OK);
	CHECK_STATUS(lep_posterior_export(arena->env, posterior, model), LEP_OK);
}

/* Score of a model in bin t, by the formula of model.h, in double precision. */
static double
score_in_bin(const LepModel *m, int t, int u, int i)
{
	double score = m->mean + (double) m->user_bias[u] + (double) m->item_bias[i];

	if (m->times != NULL)
		score += (double) m->times->bias[t];
	for (int f = 0; f < m->n_factors; f++)
	{
		double p = (double) m->user_factors[u * m->stride + f];
		double q = (double) m->item_factors[i * m->stride + f];

		if (m->times != NULL)
			p += (double) m->times->lift[t * m->stride + f];
		score += p * q;
	}
	return score;
}

/* Root of the mean squared difference to the mean of the samples, over rated rows. */
static double
distance(const World *w, const LepModel *m, int t)
{
	double sum = 0;
	int n = 0;

	for (int u = 0; u < N_USERS - 1; u++)
	{
		for (int i = 0; i < N_ITEMS - 1; i++)
		{
			double mean = 3.5 + 2.0 * w->score[t][u][i] / w->n_samples;
			double d = score_in_bin(m, t, u, i) - mean;

			sum += d * d;
			n++;
		}
	}
	return sqrt(sum / n);
}

/* Enough rank for all samples together: nothing is lost. */
static void
test_full_rank_is_exact(void)
{
	static World w;
	LepEnv env;
	LepArena arena;
	LepModel model;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	for (int n_bins = 0; n_bins <= N_BINS; n_bins += N_BINS)
	{
		init_world(&w, MAX_K, n_bins);
		run_world(&w, &arena, 40, MAX_RANK, &model);
		for (int t = 0; t < N_BINS; t++)
			CHECK_CLOSE(distance(&w, &model, t), 0, 2e-4);
		/* the newest bin's is the plain score */
		CHECK_CLOSE(lep_model_score(&model, 3, 4), score_in_bin(&model, N_BINS - 1, 3, 4), 1e-5);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* One sample of less rank than there is room for is itself. */
static void
test_one_sample(void)
{
	static World w;
	LepEnv env;
	LepArena arena;
	LepModel model;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	init_world(&w, 2, N_BINS);
	run_world(&w, &arena, 1, 3, &model);
	for (int t = 0; t < N_BINS; t++)
		CHECK_CLOSE(distance(&w, &model, t), 0, 1e-4);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Less rank than the samples have: nearly the best there is, by the singular values of the mean. */
static void
test_low_rank_is_nearly_the_best(void)
{
	static World w;
	static double mean[N_USERS * N_USERS];
	LepEnv env;
	LepArena arena;
	LepModel model;
	double value[N_USERS];
	double scratch[N_USERS];
	double best = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	init_world(&w, MAX_K, 0);
	run_world(&w, &arena, 40, 4, &model);
	/* M M' of the mean of products, biases taken out: they are averaged exactly */
	for (int u = 0; u < N_USERS; u++)
	{
		for (int v = 0; v < N_USERS; v++)
		{
			mean[u * N_USERS + v] = 0;
			for (int i = 0; i < N_ITEMS; i++)
				mean[u * N_USERS + v] += w.product[u][i] * w.product[v][i] / (40.0 * 40.0);
		}
	}
	CHECK(lep_dense_eigen(mean, N_USERS, value, scratch));
	for (int f = 4; f < N_USERS; f++)
		best += value[f] > 0 ? value[f] : 0;
	best = 2.0 * sqrt(best / (N_USERS * N_ITEMS));
	CHECK(distance(&w, &model, 0) < 1.25 * best, "distance %g, the best is %g", distance(&w, &model, 0),
		  best);
	CHECK(distance(&w, &model, 0) > 0.7 * best);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* The variance of scores over samples, as a sum of terms, and each user's noise. */
static void
test_variances(void)
{
	static World w;
	LepEnv env;
	LepArena arena;
	LepModel model;
	double ours = 0;
	double truth = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	init_world(&w, 3, 0);
	run_world(&w, &arena, 60, 16, &model);
	for (int u = 0; u < N_USERS - 1; u++)
	{
		for (int i = 0; i < N_ITEMS - 1; i++)
		{
			double mean = w.score[0][u][i] / 60;

			truth += 4.0 * (w.squares[0][u][i] / 60 - mean * mean) * 60 / 59;
			ours += (double) model.user_variance[u] + (double) model.item_variance[i] + model.noise;
			/* noise 0.25, times the square of the standard deviation; half for user 7 */
			truth += u == 7 ? 0.5 : 1;
		}
	}
	CHECK_CLOSE(ours / truth, 1, 0.03);
	CHECK_CLOSE(model.noise, 0.5, 1e-6);
	CHECK(model.user_variance[N_USERS - 1] > 0);
	CHECK_INT_EQ(model.item_factors[(N_ITEMS - 1) * model.stride] == 0, 1);
	CHECK_CLOSE(model.user_bias[N_USERS - 1], 0, 0);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Factors and biases of known rows have mean 0: an unknown row is the average one. */
static void
test_centred(void)
{
	static World w;
	LepEnv env;
	LepArena arena;
	LepModel model;
	double mean_score = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	init_world(&w, 3, N_BINS);
	run_world(&w, &arena, 5, 16, &model);
	for (int f = 0; f < 16; f++)
	{
		double sum = 0;

		for (int u = 0; u < N_USERS - 1; u++)
			sum += (double) model.user_factors[u * model.stride + f];
		CHECK_CLOSE(sum / N_USERS, 0, 1e-5);
	}
	for (int u = 0; u < N_USERS - 1; u++)
		mean_score += (double) lep_model_score(&model, u, 5) / (N_USERS - 1);
	CHECK_CLOSE(lep_model_score(&model, -1, 5), mean_score, 1e-4);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_not_finite(void)
{
	static World w;
	LepEnv env;
	LepArena arena;
	LepPosterior *posterior;
	LepRng rng;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	init_world(&w, 2, 0);
	posterior = lep_posterior_create(&arena, &w.data, 2);
	lep_rng_init(&rng, 1, 2, 3);
	draw_sample(&w, &rng);
	w.p[5] = NAN;
	CHECK_STATUS(lep_posterior_add(&env, posterior, &w.sample), LEP_ERR_DIVERGED);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Eigenvectors for 128 factors take 0.1 s: asked about row by row, and ended wherever told to. */
static void
test_stops_in_the_small_problem(void)
{
	static World w;
	UnitStopper stopper = { 0, INT64_MAX };
	int n_asked = 0;

	init_world(&w, 5, 0);
	for (int limit = INT_MAX; limit >= 0; limit = (limit < n_asked ? limit : n_asked) - 7)
	{
		LepEnv env;
		LepArena arena;
		LepPosterior *posterior;
		LepRng rng;

		unit_env_init(&env);
		lep_arena_init(&arena, &env);
		posterior = lep_posterior_create(&arena, &w.data, MAX_RANK);
		lep_rng_init(&rng, 1, 2, 3);
		draw_sample(&w, &rng);
		stopper = (UnitStopper){ 0, limit };
		env.host = &stopper;
		env.should_stop = unit_stop_after;
		CHECK_STATUS(lep_posterior_add(&env, posterior, &w.sample),
					 limit == INT_MAX ? LEP_OK : LEP_ERR_STOPPED);
		if (limit == INT_MAX)
		{
			/* two problems of 64 rows: reduced, turned and projected */
			n_asked = stopper.n_asked;
			CHECK(n_asked > 4 * 64, "%d", n_asked);
		}
		else
		{
			CHECK_INT_EQ(env.error.status, LEP_ERR_STOPPED);
			CHECK_INT_EQ(stopper.n_asked, limit + 1);
		}
		lep_arena_drop(&arena);
		unit_env_done(&env);
	}
}

/* How often the export of many users, each with one rating, asks beyond once a task. */
static int64_t
questions_between_tasks(LepArena *arena, LepPosterior *posterior, int32_t n_users, bool variances)
{
	LepEnv *env = arena->env;
	bool (*never)(void *host) = env->should_stop;
	UnitStopper stopper = { 0, INT64_MAX };
	int64_t tasks = (n_users + 511) / 512 + 1;
	LepModel model;

	CHECK_OK(lep_model_create(arena, n_users, 2, 1, &model));
	if (variances)
		CHECK_OK(lep_model_add_variances(arena, &model));
	env->host = &stopper;
	env->should_stop = unit_stop_after;
	CHECK_OK(lep_posterior_export(env, posterior, &model));
	stopper.limit = stopper.n_asked - 1;
	stopper.n_asked = 0;
	CHECK_STATUS(lep_posterior_export(env, posterior, &model), LEP_ERR_STOPPED);
	env->should_stop = never;
	/* means of both sides, in 16 slots each; rows; five turns for variances */
	return stopper.n_asked - (2 * 16 + tasks + (variances ? 5 * tasks : 0));
}

/* Sums over rows, of which there may be millions, are taken in order and not in tasks. */
static void
test_export_asks_between_rows(void)
{
	enum
	{
		N = 200000
	};
	int64_t *user_start = malloc(sizeof(int64_t) * (N + 1));
	int64_t item_start[3] = { 0, N / 2, N };
	int32_t *user_column = malloc(sizeof(int32_t) * N);
	int32_t *item_column = malloc(sizeof(int32_t) * N);
	float *values = calloc(N, sizeof(float));
	LepGibbsData data = { .moments = { N, 3, 1 }, .inverse_sd = 1, .n_factors = 1 };
	LepGibbsSample sample = {
		{ values, values }, { values, values }, { 1, 1 }, { 1, 1 }, NULL, NULL, 1, values
	};
	LepEnv env;
	LepArena arena;
	LepPosterior *posterior;

	for (int u = 0; u < N; u++)
	{
		user_start[u + 1] = u + 1;
		user_column[u] = u / (N / 2);
		item_column[u] = u;
		values[u] = 1;
	}
	user_start[0] = 0;
	data.view[LEP_GIBBS_USERS] = (LepView){ N, N, user_start, user_column, values };
	data.view[LEP_GIBBS_ITEMS] = (LepView){ 2, N, item_start, item_column, values };
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	posterior = lep_posterior_create(&arena, &data, 1);
	if (CHECK(posterior != NULL) && CHECK_OK(lep_posterior_add(&env, posterior, &sample)))
	{
		CHECK(questions_between_tasks(&arena, posterior, N, false) >= 2 * N / 65536);
		CHECK(questions_between_tasks(&arena, posterior, N, true) >= 7 * N / 65536);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
	free(user_start);
	free(user_column);
	free(item_column);
	free(values);
}

int
main(void)
{
	TEST(test_low_rank_is_nearly_the_best);
	TEST(test_variances);
	TEST(test_centred);
	TEST(test_not_finite);
	TEST(test_stops_in_the_small_problem);
	TEST(test_full_rank_is_exact);
	TEST(test_one_sample);
	TEST(test_export_asks_between_rows);
	return unit_done();
}

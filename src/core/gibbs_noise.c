/*
 * gibbs_noise.c
 *		Drawing the noise's precision and the users' weights; see gibbs_noise.h.
 */
#include "core/gibbs_noise.h"

#include "core/pool.h"
#include "core/rng.h"

/* Ratings that the prior of a weight is worth. */
#define PRIOR_COUNT 30.0

/*
 * Largest precision of standardised ratings that is drawn, which keeps the
 * systems of ratings without noise solvable.
 */
#define MAX_PRECISION 1e4

/* Users per task: 1 ms. */
#define USER_CHUNK 4096

enum
{
	STREAM_PRECISION = 0x474e01, /* row = sweep */
	STREAM_WEIGHT = 0x474e02	 /* row = sweep and chunk */
};

size_t
lep_gibbs_noise_size(int32_t n_users)
{
	return lep_mul_size((size_t) n_users, sizeof(float) + sizeof(double));
}

LepStatus
lep_gibbs_noise_create(LepArena *arena, const LepGibbsData *data, LepGibbsNoise *noise)
{
	int32_t n_users = data->view[LEP_GIBBS_USERS].n_rows;

	noise->data = data;
	noise->precision = 1;
	noise->weight = lep_pool_calloc(arena, n_users, sizeof(float));
	noise->squares = lep_pool_calloc(arena, n_users, sizeof(double));
	if (noise->weight == NULL || noise->squares == NULL)
		return lep_env_failure(arena->env);
	for (int32_t u = 0; u < n_users; u++)
		noise->weight[u] = 1;
	return LEP_OK;
}

/* Users without ratings keep weight 1. */
static void
draw_weights(void *arg, int64_t task, int thread)
{
	LepGibbsNoise *noise = arg;
	const LepView *users = &noise->data->view[LEP_GIBBS_USERS];
	int64_t end = (task + 1) * USER_CHUNK < users->n_rows ? (task + 1) * USER_CHUNK : users->n_rows;
	LepRng rng;

	(void) thread;
	lep_rng_init(&rng, noise->data->seed, STREAM_WEIGHT, ((uint64_t) noise->sweep << 32) + (uint64_t) task);
	for (int64_t u = task * USER_CHUNK; u < end; u++)
	{
		double n = (double) (users->start[u + 1] - users->start[u]);
		double rate = (PRIOR_COUNT + noise->precision * noise->squares[u]) / 2;

		if (n > 0)
			noise->weight[u] = (float) (lep_rng_gamma(&rng, (PRIOR_COUNT + n) / 2) / rate);
	}
}

LepStatus
lep_gibbs_noise_draw(LepEnv *env, LepGibbsNoise *noise, int sweep, double *squares)
{
	const LepView *users = &noise->data->view[LEP_GIBBS_USERS];
	double weighted = 0;
	LepRng rng;

	*squares = 0;
	for (int32_t u = 0; u < users->n_rows; u++)
	{
		*squares += noise->squares[u];
		weighted += (double) noise->weight[u] * noise->squares[u];
	}
	lep_rng_init(&rng, noise->data->seed, STREAM_PRECISION, (uint64_t) sweep);
	noise->precision = lep_rng_gamma(&rng, (1 + (double) users->n) / 2) / ((1 + weighted) / 2);
	if (noise->precision > MAX_PRECISION)
		noise->precision = MAX_PRECISION;
	noise->sweep = sweep;
	return lep_parallel_for(env, ((int64_t) users->n_rows + USER_CHUNK - 1) / USER_CHUNK, draw_weights,
							noise);
}

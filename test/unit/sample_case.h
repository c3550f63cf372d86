/*
 * sample_case.h
 *		A set of ratings with parts, and a model of random numbers for it: what is
 *		judged by what, when a brute-force count is the reference.
 */
#ifndef LEP_SAMPLE_CASE_H
#define LEP_SAMPLE_CASE_H

#include "sample.h"

#include "core/model.h"
#include "core/pool.h"

typedef struct Case
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepModel model;
} Case;

/* Takes the sample.  Biases in tenths make ties; ratings are in parts at random. */
static inline bool
case_begin_of(Case *c, Sample *sample, int n_factors, uint64_t seed)
{
	LepModel *model = &c->model;

	unit_env_init(&c->env);
	lep_arena_init(&c->arena, &c->env);
	c->ratings = sample_ratings(&c->arena, sample, LEP_FEEDBACK_EXPLICIT);
	sample_free(sample);
	if (c->ratings == NULL)
		return false;
	for (int64_t j = 0; j < c->ratings->n_ratings; j++)
		c->ratings->part[j] = (uint8_t) (sample_next(&seed) % 3);
	if (!CHECK_OK(lep_model_create(&c->arena, c->ratings->n_users, c->ratings->n_items, n_factors, model)))
		return false;
	model->mean = 3;
	for (int u = 0; u < model->n_users; u++)
		model->user_bias[u] = (float) floor(20 * sample_uniform(&seed)) / 10 - 1;
	for (int i = 0; i < model->n_items; i++)
		model->item_bias[i] = (float) floor(20 * sample_uniform(&seed)) / 10 - 1;
	for (int64_t e = 0; e < (int64_t) model->n_users * model->stride; e++)
		model->user_factors[e] = e % model->stride < n_factors ? (float) sample_normal(&seed) : 0;
	for (int64_t e = 0; e < (int64_t) model->n_items * model->stride; e++)
		model->item_factors[e] = e % model->stride < n_factors ? (float) sample_normal(&seed) : 0;
	return true;
}

static inline bool
case_begin(Case *c, int n_users, int n_items, double density, int n_factors)
{
	SamplePlan plan = { n_users, n_items, density, 2, 0.5, 1, 3 };
	Sample sample = sample_planted(&plan, 77);

	return case_begin_of(c, &sample, n_factors, 5);
}

static inline void
case_end(Case *c)
{
	lep_pool_shutdown(&c->env);
	lep_arena_drop(&c->arena);
	unit_env_done(&c->env);
}

#endif /* LEP_SAMPLE_CASE_H */

/*
 * sample.h
 *		Small sets of ratings for tests of solvers and of training.
 *
 * Rows are drawn by a generator of their own (not core/rng), so that a defect
 * there does not hide.
 */
#ifndef LEP_SAMPLE_H
#define LEP_SAMPLE_H

#include "unit.h"

#include "core/ratings.h"

typedef struct SampleRow
{
	int64_t user;
	int64_t item;
	double rating;
} SampleRow;

typedef struct Sample
{
	SampleRow *rows; /* malloc */
	int64_t n;
} Sample;

/* splitmix64 */
static inline uint64_t
sample_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static inline double
sample_uniform(uint64_t *state)
{
	return (double) (sample_next(state) >> 11) * 0x1p-53;
}

/* Nearly normal, variance 1: the sum of twelve uniforms. */
static inline double
sample_normal(uint64_t *state)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += sample_uniform(state);
	return sum;
}

/* What a planted set is made of. */
typedef struct SamplePlan
{
	int n_users;
	int n_items;
	double density;
	int rank;	  /* 0: biases only */
	double noise; /* standard deviation */
	double scale; /* ratings are multiplied by it, */
	double shift; /* then moved */
} SamplePlan;

/*
 * rating = shift + scale (b_u + b_i + p_u . q_i + noise): the structure has
 * variance 0.25 + 0.25, and 1 for the product.
 */
static inline Sample
sample_planted(const SamplePlan *plan, uint64_t seed)
{
	int width = plan->rank + 1;
	double *users = malloc(sizeof(double) * (size_t) plan->n_users * (size_t) width);
	double *items = malloc(sizeof(double) * (size_t) plan->n_items * (size_t) width);
	Sample sample = { malloc(sizeof(SampleRow) * (size_t) plan->n_users * (size_t) plan->n_items), 0 };

	for (int e = 0; e < plan->n_users * width; e++)
		users[e] = sample_normal(&seed) * (e % width == 0 ? 0.5 : 1);
	for (int e = 0; e < plan->n_items * width; e++)
		items[e] = sample_normal(&seed) * (e % width == 0 ? 0.5 : 1 / sqrt(plan->rank));
	for (int u = 0; u < plan->n_users; u++)
	{
		for (int i = 0; i < plan->n_items; i++)
		{
			double score = users[u * width] + items[i * width] + plan->noise * sample_normal(&seed);

			if (sample_uniform(&seed) >= plan->density)
				continue;
			for (int f = 1; f < width; f++)
				score += users[u * width + f] * items[i * width + f];
			sample.rows[sample.n++] = (SampleRow){ 1000 + 3 * u, 5 * i, plan->shift + plan->scale * score };
		}
	}
	free(users);
	free(items);
	return sample;
}

static inline void
sample_free(Sample *sample)
{
	free(sample->rows);
	sample->rows = NULL;
}

static inline void
sample_shuffle(Sample *sample, uint64_t seed)
{
	for (int64_t j = sample->n - 1; j > 0; j--)
	{
		int64_t other = (int64_t) (sample_next(&seed) % (uint64_t) (j + 1));
		SampleRow row = sample->rows[j];

		sample->rows[j] = sample->rows[other];
		sample->rows[other] = row;
	}
}

/* The rows as ratings in the arena; NULL, with a failed check, if that fails. */
static inline LepRatings *
sample_ratings(LepArena *arena, const Sample *sample, LepFeedback feedback)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, false };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);
	LepRatings *ratings = NULL;
	LepOptions options;
	LepStatus status = LEP_OK;

	lep_options_init(&options);
	options.feedback = feedback;
	for (int64_t j = 0; builder != NULL && status == LEP_OK && j < sample->n; j++)
	{
		LepId user = { .v.i64 = sample->rows[j].user };
		LepId item = { .v.i64 = sample->rows[j].item };

		status = lep_ratings_add(builder, &user, &item, &sample->rows[j].rating, NULL, 1);
	}
	if (!CHECK(builder != NULL) || !CHECK_OK(status) ||
		!CHECK_OK(lep_ratings_finish(builder, &options, &ratings)))
		return NULL;
	return ratings;
}

#endif /* LEP_SAMPLE_H */

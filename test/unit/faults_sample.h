/*
 * faults_sample.h
 *		What the sweeps of faults.h work on: few ratings, options in words, and what
 *		of a model counts.
 */
#ifndef LEP_FAULTS_SAMPLE_H
#define LEP_FAULTS_SAMPLE_H

#include "faults.h"
#include "sample.h"

#include "core/neighbors.h"
#include "core/train.h"

/* What undisturbed work makes: the inputs of what is disturbed. */
static struct
{
	LepEnv env;
	LepArena arena;
	Sample sample;
} fault_world;

/* Rows as they are read, and what of. */
typedef struct FaultSource
{
	const Sample *sample;
	LepIdKind user_kind;
	LepIdKind item_kind;
	bool has_time;
	LepFeedback feedback;
	int64_t min_ratings; /* of users and of items */
} FaultSource;

/* Half of all pairs, structured, as stars: more rows than a state of the aggregate keeps as they come. */
static inline Sample
fault_sample(void)
{
	static const SamplePlan plan = { 70, 40, 0.5, 3, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 11);

	for (int64_t j = 0; j < sample.n; j++)
		sample.rows[j].rating = fmin(fmax(round(sample.rows[j].rating), 1), 5);
	sample_shuffle(&sample, 5);
	return sample;
}

static inline void
fault_world_begin(void)
{
	unit_env_init(&fault_world.env);
	lep_arena_init(&fault_world.arena, &fault_world.env);
	fault_world.sample = fault_sample();
}

static inline void
fault_world_end(void)
{
	lep_arena_drop(&fault_world.arena);
	sample_free(&fault_world.sample);
}

static inline LepId
fault_id(LepIdKind kind, int64_t number, char text[24])
{
	LepId id;

	memset(&id, 0, sizeof(id));
	if (kind == LEP_ID_INT64)
		id.v.i64 = number;
	else if (kind == LEP_ID_UUID)
		memcpy(id.v.uuid, &number, sizeof(number));
	else
	{
		id.v.text.data = text;
		id.v.text.len = snprintf(text, 24, "id %d", (int) number);
	}
	return id;
}

/* From rows to ratings, as training reads them. */
static inline LepStatus
fault_ratings(LepArena *arena, const FaultSource *source, LepRatings **ratings)
{
	LepSourceShape shape = { source->user_kind, source->item_kind, true, source->has_time };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);
	const SampleRow *rows = source->sample->rows;
	LepStatus status = LEP_OK;
	LepOptions options;

	if (builder == NULL)
		return arena->env->error.status;
	for (int64_t j = 0; j < source->sample->n && status == LEP_OK; j++)
	{
		char texts[2][24];
		LepId user = fault_id(source->user_kind, rows[j].user, texts[0]);
		LepId item = fault_id(source->item_kind, rows[j].item, texts[1]);
		int64_t time = j * 7919 % 1009 * 86400;

		status = lep_ratings_add(builder, &user, &item, &rows[j].rating, source->has_time ? &time : NULL, 1);
	}
	if (status != LEP_OK)
		return status;
	lep_options_init(&options);
	options.feedback = (int) source->feedback;
	options.min_user_ratings = source->min_ratings;
	options.min_item_ratings = source->min_ratings;
	return lep_ratings_finish(builder, &options, ratings);
}

/* "name=value name=value". */
static inline LepOptions
fault_options(const char *words)
{
	LepOptions options;
	LepError error;
	char name[64];
	char value[64];
	int used;

	lep_options_init(&options);
	for (; sscanf(words, " %63[^=]=%63s%n", name, value, &used) == 2; words += used)
	{
		char *end;
		double number = strtod(value, &end);

		if (*end == '\0')
			CHECK_OK(lep_options_set_real(&options, name, number, &error));
		else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
			CHECK_OK(lep_options_set_bool(&options, name, value[0] == 't', &error));
		else
			CHECK_OK(lep_options_set_text(&options, name, value, &error));
	}
	return options;
}

static inline void
digest_figure(FaultDigest *digest, const LepFigure *figure)
{
	digest_real(digest, figure->value);
	digest_real(digest, figure->std_error);
	digest_int(digest, figure->n);
}

static inline void
digest_ratings(FaultDigest *digest, const LepRatings *ratings)
{
	digest_add(digest, ratings->user_start, ((size_t) ratings->n_users + 1) * sizeof(int64_t));
	digest_add(digest, ratings->item, (size_t) ratings->n_ratings * sizeof(int32_t));
	digest_add(digest, ratings->rating, (size_t) ratings->n_ratings * sizeof(float));
	if (ratings->time != NULL)
		digest_add(digest, ratings->time, (size_t) ratings->n_ratings * sizeof(int64_t));
	for (int32_t u = 0; u < ratings->n_users; u++)
		digest_int(digest, (int64_t) lep_idmap_hash(ratings->users, u));
}

static inline void
digest_model(FaultDigest *digest, const LepModel *model)
{
	size_t n_users = (size_t) model->n_users;
	size_t n_items = (size_t) model->n_items;

	digest_real(digest, model->mean);
	digest_add(digest, model->user_bias, n_users * sizeof(float));
	digest_add(digest, model->item_bias, n_items * sizeof(float));
	if (model->n_factors > 0)
	{
		digest_add(digest, model->user_factors, n_users * (size_t) model->stride * sizeof(float));
		digest_add(digest, model->item_factors, n_items * (size_t) model->stride * sizeof(float));
	}
	if (model->user_variance != NULL)
		digest_add(digest, model->user_variance, n_users * sizeof(float));
	if (model->times != NULL)
		digest_add(digest, model->times->bias, (size_t) model->times->n_bins * sizeof(float));
	if (model->neighbors != NULL)
	{
		size_t n = (size_t) model->neighbors->start[model->n_items];

		digest_add(digest, model->neighbors->target, n * sizeof(int32_t));
		digest_add(digest, model->neighbors->weight, n * sizeof(float));
	}
}

#endif /* LEP_FAULTS_SAMPLE_H */

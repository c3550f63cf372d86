/*
 * read.h
 *		What programs of bench/ that train on files have in common: lines of
 *		"user item rating [time]", options as KEY=VALUE, seconds.
 *
 * A program defines PROGRAM, its name, and includes this before all else.  Any failure
 * ends it.
 */
#ifndef LEP_BENCH_READ_H
#define LEP_BENCH_READ_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/options.h"
#include "core/ratings.h"

/* Lines of a file, at most LEP_ID_BATCH at a time. */
typedef struct Batch
{
	LepId user[LEP_ID_BATCH];
	LepId item[LEP_ID_BATCH];
	double rating[LEP_ID_BATCH];
	int64_t time[LEP_ID_BATCH];
	int n;
} Batch;

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, PROGRAM ": %s: %s\n", what, detail);
	exit(1);
}

static void
check(LepEnv *env, LepStatus status, const char *what)
{
	if (status == LEP_OK)
		return;
	fprintf(stderr, PROGRAM ": %s: %s (%s, %g)\n", what, lep_status_name(status),
			env->error.what != NULL ? env->error.what : "-", env->error.value);
	exit(1);
}

static FILE *
open_file(const char *name)
{
	FILE *file = fopen(name, "r");

	if (file == NULL)
		die(name, strerror(errno));
	return file;
}

/*
 * One line.  Not by sscanf, which takes longer to read 10 million lines than an
 * epoch over them.
 */
static bool
read_line(const char *line, Batch *batch)
{
	char *end;
	int j = batch->n;

	batch->user[j].v.i64 = strtoll(line, &end, 10);
	if (*end != '\t')
		return false;
	batch->item[j].v.i64 = strtoll(end + 1, &end, 10);
	if (*end != '\t')
		return false;
	batch->rating[j] = strtod(end + 1, &end);
	batch->time[j] = *end == '\t' ? strtoll(end + 1, &end, 10) : 0;
	batch->n++;
	return *end == '\n' || *end == '\r' || *end == '\0';
}

/* The next lines; 0 at the end of the file. */
static int
read_batch(FILE *file, Batch *batch)
{
	char line[256];

	batch->n = 0;
	while (batch->n < LEP_ID_BATCH && fgets(line, sizeof(line), file) != NULL)
	{
		if (!read_line(line, batch))
			die("no line of user, item and rating", line);
	}
	return batch->n;
}

/* Does the first line have a fourth field? */
static bool
has_time(const char *name)
{
	char line[256] = "";
	FILE *file = open_file(name);
	int n_tabs = 0;

	if (fgets(line, sizeof(line), file) == NULL)
		die("no ratings", name);
	fclose(file);
	for (const char *c = line; *c != '\0'; c++)
		n_tabs += *c == '\t';
	return n_tabs > 2;
}

static LepRatings *
read_ratings(LepArena *arena, const char *name, const LepOptions *options)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, has_time(name) };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);
	LepRatings *ratings;
	FILE *file = open_file(name);
	Batch batch;

	if (builder == NULL)
		check(arena->env, arena->env->error.status, name);
	while (read_batch(file, &batch) > 0)
		check(arena->env,
			  lep_ratings_add(builder, batch.user, batch.item, batch.rating,
							  shape.has_time ? batch.time : NULL, batch.n),
			  name);
	fclose(file);
	check(arena->env, lep_ratings_finish(builder, options, &ratings), name);
	return ratings;
}

/* KEY=VALUE; a value that is a number is set as one. */
static void
set_option(LepEnv *env, LepOptions *options, char *setting)
{
	char *value = strchr(setting, '=');
	char *end;
	double number;
	LepStatus status;

	if (value == NULL)
		die("not KEY=VALUE", setting);
	*value++ = '\0';
	if (strcmp(setting, "threads") == 0)
	{
		env->n_threads = atoi(value);
		return;
	}
	number = strtod(value, &end);
	if (*end == '\0')
		status = lep_options_set_real(options, setting, number, &env->error);
	else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
		status = lep_options_set_bool(options, setting, value[0] == 't', &env->error);
	else
		status = lep_options_set_text(options, setting, value, &env->error);
	check(env, status, setting);
}

static double
wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static double
cpu_seconds(void)
{
	return (double) clock() / CLOCKS_PER_SEC;
}

#endif /* LEP_BENCH_READ_H */

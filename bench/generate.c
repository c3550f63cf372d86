/*
 * generate.c
 *		Ratings with a known truth: planted factors and biases, long tails, noise.
 *
 *	generate TRAIN TEST [KEY=VALUE ...]
 *
 * Writes lines "user item rating", separated by tabs, in random order: a random
 * part of the ratings to TEST, the others to TRAIN.  The same settings give the
 * same files on every machine.  Keys, with their defaults:
 *
 *	ratings=1000000	how many, each pair of user and item once
 *	users, items	ratings * 7 / 1000 and sqrt(ratings * 10): 70,000 and 10,000
 *					for 10 million, the shape of MovieLens 10M
 *	rank=16			planted factors
 *	noise=0.753	standard deviation of what no model can know
 *	test=0.1		part held out
 *	seed=1
 *	scale=0.5..5	the same ratings mapped linearly to another range
 *	constant=1		all ratings become the middle of the scale
 *	heavy=100000	one user more, with this many ratings, all in TRAIN; items
 *					that nobody else rated are added where there are too few
 *
 * A rating is 3.5 + user bias + item bias + factors' product + noise, rounded to
 * half stars and clipped to 0.5..5.  Users' activity is log-normal, the
 * popularity of the item of rank r falls as (r + items / 16)^-2, and ids tell
 * neither.
 *
 * Prints one line: the counts, mean and deviation of the test ratings, and the
 * floor: the RMSE on TEST of the expected rating given the planted truth, which
 * no model beats but by luck.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

#define N_STARS	 10 /* 0.5, 1, ..., 5 */
#define MAX_RANK 1024

/* Deviations of the parts of a rating, in stars. */
#define MEAN_RATING		  3.5
#define USER_BIAS		  0.4
#define ITEM_BIAS		  0.5
#define INTERACTION		  0.5
#define ACTIVITY_SPREAD	  1.1 /* of the logarithm of a user's activity */
#define POPULARITY_SHIFT  16  /* see above */
#define MAX_SHARE_OF_USER 2	  /* a user rates items / this at most */

/* Random streams: one for each use. */
enum
{
	STREAM_USER,
	STREAM_ITEM,
	STREAM_ACTIVITY,
	STREAM_RATINGS,
	STREAM_ID,
	STREAM_ORDER
};

typedef struct Settings
{
	int64_t ratings;
	int64_t users;
	int64_t items;
	int64_t heavy;
	int64_t rank;
	uint64_t seed;
	double noise;
	double test;
	double low;
	double high;
	bool constant;
} Settings;

typedef struct Row
{
	int32_t user; /* index */
	int32_t item;
	int8_t star; /* 0: half a star */
	bool test;
} Row;

/* One side's biases and factors, row by row. */
typedef struct Side
{
	double *bias;
	double *factor; /* [n][rank] */
} Side;

typedef struct Data
{
	Settings settings;
	int64_t n_items; /* those that only the heavy user rated included */
	Side user;
	Side item;
	int32_t *item_id; /* [n_items] */
	Row *row;
	int64_t n_rows;
} Data;

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "generate: %s: %s\n", what, detail);
	exit(1);
}

static void *
allocate(int64_t n, size_t size)
{
	void *ptr = calloc((size_t) n + 1, size);

	if (ptr == NULL)
		die("out of memory", strerror(errno));
	return ptr;
}

/* KEY=VALUE; the defaults of users and items follow from the ratings, below. */
static void
set(Settings *settings, char *setting)
{
	char *value = strchr(setting, '=');
	char *dots;
	char *end;
	double number;

	if (value == NULL)
		die("not KEY=VALUE", setting);
	*value++ = '\0';
	dots = strstr(value, "..");
	if (dots != NULL)
		*dots = '\0'; /* strtod would take the first of them */
	number = strtod(value, &end);
	if (strcmp(setting, "scale") == 0 && end != value && end == dots)
	{
		settings->low = number;
		settings->high = strtod(dots + 2, &end);
	}
	else if (strcmp(setting, "ratings") == 0)
		settings->ratings = (int64_t) number;
	else if (strcmp(setting, "users") == 0)
		settings->users = (int64_t) number;
	else if (strcmp(setting, "items") == 0)
		settings->items = (int64_t) number;
	else if (strcmp(setting, "heavy") == 0)
		settings->heavy = (int64_t) number;
	else if (strcmp(setting, "rank") == 0)
		settings->rank = (int64_t) number;
	else if (strcmp(setting, "seed") == 0)
		settings->seed = (uint64_t) number;
	else if (strcmp(setting, "noise") == 0)
		settings->noise = number;
	else if (strcmp(setting, "test") == 0)
		settings->test = number;
	else if (strcmp(setting, "constant") == 0)
		settings->constant = number != 0;
	else
		die("no such key", setting);
	if (end == value || *end != '\0')
		die("not a number", value);
}

static Settings
read_settings(int n, char **given)
{
	Settings settings = {
		.ratings = 1000000, .rank = 16, .seed = 1, .noise = 0.753, .test = 0.1, .low = 0.5, .high = 5
	};

	for (int a = 0; a < n; a++)
		set(&settings, given[a]);
	if (settings.users == 0)
		settings.users = settings.ratings * 7 / 1000;
	if (settings.items == 0)
		settings.items = (int64_t) sqrt((double) settings.ratings * 10);
	if (settings.users < 1 || settings.items < 1 || settings.users >= INT32_MAX ||
		settings.items >= INT32_MAX)
		die("users and items", "each must be from 1 to 2147483646");
	if (settings.rank < 1 || settings.rank > MAX_RANK)
		die("rank", "must be from 1 to 1024");
	if (settings.ratings > settings.users * settings.items / (MAX_SHARE_OF_USER * 2))
		die("ratings", "more than a quarter of all pairs");
	return settings;
}

static Side
plant(const Settings *settings, int64_t n, uint64_t stream, double bias, double factor)
{
	Side side = { allocate(n, sizeof(double)), allocate(n * settings->rank, sizeof(double)) };

	for (int64_t r = 0; r < n; r++)
	{
		LepRng rng;

		lep_rng_init(&rng, settings->seed, stream, (uint64_t) r);
		side.bias[r] = bias * lep_rng_normal(&rng);
		for (int64_t f = 0; f < settings->rank; f++)
			side.factor[r * settings->rank + f] = factor * lep_rng_normal(&rng);
	}
	return side;
}

/* What the planted truth says, before noise. */
static double
score(const Data *data, const Row *row)
{
	const double *p = data->user.factor + row->user * data->settings.rank;
	const double *q = data->item.factor + row->item * data->settings.rank;
	double sum = MEAN_RATING + data->user.bias[row->user] + data->item.bias[row->item];

	for (int64_t f = 0; f < data->settings.rank; f++)
		sum += p[f] * q[f];
	return sum;
}

static void
add_row(Data *data, LepRng *rng, int64_t user, int64_t item, bool may_test)
{
	Row *row = &data->row[data->n_rows++];
	double star;

	row->user = (int32_t) user;
	row->item = (int32_t) item;
	row->test = may_test && lep_rng_uniform(rng) < data->settings.test;
	star = floor((score(data, row) + data->settings.noise * lep_rng_normal(rng) - 0.5) * 2 + 0.5);
	row->star = (int8_t) (star < 0 ? 0 : star > N_STARS - 1 ? N_STARS - 1 : star);
}

/*
 * n different items for a user.  A rank is drawn by inverting the popularity's
 * distribution: with s the shift and x the rank, F(x) is
 * (1/s - 1/(x + s)) / (1/s - 1/(n + s)).  rated[item] is the last user + 1.
 */
static void
add_user(Data *data, int64_t user, int64_t n, int32_t *rated)
{
	double items = (double) data->settings.items;
	double shift = items / POPULARITY_SHIFT;
	double total = 1 / shift - 1 / (items + shift);
	LepRng rng;

	lep_rng_init(&rng, data->settings.seed, STREAM_RATINGS, (uint64_t) user);
	while (n > 0)
	{
		int64_t item = (int64_t) (1 / (1 / shift - lep_rng_uniform(&rng) * total) - shift);

		if (item < 0 || item >= data->settings.items || rated[item] == (int32_t) user + 1)
			continue;
		rated[item] = (int32_t) user + 1;
		add_row(data, &rng, user, item, true);
		n--;
	}
}

/* Every user's share of the ratings; what she cannot rate goes to the next. */
static void
add_users(Data *data)
{
	const Settings *settings = &data->settings;
	double *until = allocate(settings->users, sizeof(double)); /* activity up to and with a user */
	int32_t *rated = allocate(settings->items, sizeof(int32_t));
	double total = 0;

	for (int64_t u = 0; u < settings->users; u++)
	{
		LepRng rng;

		lep_rng_init(&rng, settings->seed, STREAM_ACTIVITY, (uint64_t) u);
		until[u] = total += lep_exp(ACTIVITY_SPREAD * lep_rng_normal(&rng));
	}
	for (int64_t u = 0; u < settings->users; u++)
	{
		int64_t n = (int64_t) ((double) settings->ratings * (until[u] / total)) - data->n_rows;
		int64_t most = (settings->items + MAX_SHARE_OF_USER - 1) / MAX_SHARE_OF_USER;

		add_user(data, u, n < most ? n : most, rated);
	}
	free(until);
	free(rated);
}

static void
add_heavy_user(Data *data)
{
	LepRng rng;

	lep_rng_init(&rng, data->settings.seed, STREAM_RATINGS, (uint64_t) data->settings.users);
	for (int64_t i = 0; i < data->settings.heavy; i++)
		add_row(data, &rng, data->settings.users, i, false);
}

/* Ids from 1, so that they do not tell popularity; the heavy user's own after them. */
static void
number_items(Data *data)
{
	LepRng rng;

	data->item_id = allocate(data->n_items, sizeof(int32_t));
	for (int64_t i = 0; i < data->n_items; i++)
		data->item_id[i] = (int32_t) i + 1;
	lep_rng_init(&rng, data->settings.seed, STREAM_ID, 0);
	for (int64_t i = data->settings.items - 1; i > 0; i--)
	{
		int64_t j = (int64_t) lep_rng_below(&rng, (uint64_t) i + 1);
		int32_t other = data->item_id[j];

		data->item_id[j] = data->item_id[i];
		data->item_id[i] = other;
	}
}

static void
shuffle(Data *data)
{
	LepRng rng;

	lep_rng_init(&rng, data->settings.seed, STREAM_ORDER, 0);
	for (int64_t i = data->n_rows - 1; i > 0; i--)
	{
		int64_t j = (int64_t) lep_rng_below(&rng, (uint64_t) i + 1);
		Row other = data->row[j];

		data->row[j] = data->row[i];
		data->row[i] = other;
	}
}

/* The expected stars of a score: half a star for each threshold that is passed. */
static double
expected_stars(double s, double noise)
{
	double stars = 0.5;

	for (int t = 1; t < N_STARS; t++)
	{
		double above = s - (0.25 + 0.5 * t);

		stars += 0.5 * (noise > 0 ? 0.5 * erfc(-above / (noise * sqrt(2))) : above >= 0);
	}
	return stars;
}

/* The digits of n > 0, and a tab; returns the end. */
static char *
put_id(char *to, int64_t n)
{
	char digit[20];
	int n_digits = 0;

	for (; n > 0; n /= 10)
		digit[n_digits++] = (char) ('0' + n % 10);
	while (n_digits > 0)
		*to++ = digit[--n_digits];
	*to++ = '\t';
	return to;
}

static FILE *
create_file(const char *name)
{
	FILE *file = fopen(name, "w");

	if (file == NULL)
		die(name, strerror(errno));
	return file;
}

/* The text of each star on the scale asked for, with its end of line. */
static void
star_texts(const Settings *settings, char text[N_STARS][32])
{
	for (int s = 0; s < N_STARS; s++)
	{
		double part = settings->constant ? 0.5 : s / (N_STARS - 1.0);

		snprintf(text[s], 32, "%.10g\n", settings->low + part * (settings->high - settings->low));
	}
}

/* Both files, and the line that says what they are. */
static void
write_rows(const Data *data, const char *train, const char *test)
{
	FILE *file[2] = { create_file(train), create_file(test) };
	char text[N_STARS][32];
	double sum[2] = { 0, 0 };
	double unknowable = 0;
	double n_test = 0;

	star_texts(&data->settings, text);
	for (int64_t r = 0; r < data->n_rows; r++)
	{
		const Row *row = &data->row[r];
		double stars = 0.5 * (row->star + 1);
		char line[96];
		char *end = put_id(put_id(line, (int64_t) row->user + 1), data->item_id[row->item]);

		strcpy(end, text[row->star]);
		fputs(line, file[row->test]);
		if (row->test)
		{
			double e = stars - expected_stars(score(data, row), data->settings.noise);

			n_test++;
			sum[0] += stars;
			sum[1] += stars * stars;
			unknowable += e * e;
		}
	}
	for (int f = 0; f < 2; f++)
	{
		if (fclose(file[f]) != 0)
			die(f == 0 ? train : test, strerror(errno));
	}
	printf("ratings %lld\tusers %lld\titems %lld\ttrain %.0f\ttest %.0f\tmean %.4f\tsd %.4f\tfloor %.4f\n",
		   (long long) data->n_rows, (long long) data->settings.users + (data->settings.heavy > 0),
		   (long long) data->n_items, (double) data->n_rows - n_test, n_test, sum[0] / n_test,
		   sqrt(sum[1] / n_test - sum[0] / n_test * (sum[0] / n_test)), sqrt(unknowable / n_test));
}

int
main(int argc, char **argv)
{
	Data data = { .n_rows = 0 };
	const Settings *settings = &data.settings;

	if (argc < 3)
		die("usage", "generate TRAIN TEST [KEY=VALUE ...]");
	data.settings = read_settings(argc - 3, argv + 3);
	data.n_items = settings->heavy > settings->items ? settings->heavy : settings->items;
	data.user = plant(settings, settings->users + 1, STREAM_USER, USER_BIAS, 1);
	data.item =
		plant(settings, data.n_items, STREAM_ITEM, ITEM_BIAS, INTERACTION / sqrt((double) settings->rank));
	data.row = allocate(settings->ratings + settings->heavy, sizeof(Row));
	add_users(&data);
	if (settings->heavy > 0)
		add_heavy_user(&data);
	number_items(&data);
	shuffle(&data);
	write_rows(&data, argv[1], argv[2]);
	return 0;
}

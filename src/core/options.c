/*
 * options.c
 *		The table of training options, and reading and writing a LepOptions by
 *		the table: no option is named outside it but by its struct field.
 */
#include "core/options.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const algorithm_words[] = { "auto",	  "baseline", "sgd",  "als",   "bayes", "ials",
											   "popular", "walk",	  "slim", "blend", NULL };
static const char *const feedback_words[] = { "auto", "explicit", "implicit", NULL };
static const char *const split_words[] = { "random", "time", "leave_last", NULL };
static const char *const validation_words[] = { "auto", "random", "time", "leave_last", "popular", NULL };
static const char *const duplicates_words[] = { "auto", "last", "mean", "sum", "max", "error", NULL };
static const char *const unknown_words[] = { "bias", "null", "error", NULL };
static const char *const implicit_words[] = { "both", "users", "items", "none", NULL };
static const char *const confidence_words[] = { "linear", "log", "none", NULL };
static const char *const storage_words[] = { "float32", "float16", "int8", NULL };
static const char *const point_words[] = { "mean", "median", NULL };

#define TAKEN_BY_SGD	   (1u << LEP_ALGORITHM_SGD)
#define TAKEN_BY_ALS	   (1u << LEP_ALGORITHM_ALS)
#define TAKEN_BY_BASELINE  (1u << LEP_ALGORITHM_BASELINE)
#define TAKEN_BY_BAYES	   (1u << LEP_ALGORITHM_BAYES)
#define TAKEN_BY_IALS	   (1u << LEP_ALGORITHM_IALS)
#define TAKEN_BY_POPULAR   (1u << LEP_ALGORITHM_POPULAR)
#define TAKEN_BY_WALK	   (1u << LEP_ALGORITHM_WALK)
#define TAKEN_BY_SLIM	   (1u << LEP_ALGORITHM_SLIM)
#define TAKEN_BY_BLEND	   (1u << LEP_ALGORITHM_BLEND)
#define TAKEN_BY_NEIGHBORS (TAKEN_BY_WALK | TAKEN_BY_SLIM)
#define TAKEN_BY_FACTORS   (TAKEN_BY_SGD | TAKEN_BY_ALS)

#define INT(name, algorithms, min, max, standard, meaning)                                                   \
	{                                                                                                        \
#name, LEP_OPTION_INT, algorithms, min, max, standard, NULL, NULL, meaning                           \
	}
#define REAL(name, algorithms, min, max, standard, meaning)                                                  \
	{                                                                                                        \
#name, LEP_OPTION_REAL, algorithms, min, max, standard, NULL, NULL, meaning                          \
	}
#define BOOL(name, standard, meaning)                                                                        \
	{                                                                                                        \
#name, LEP_OPTION_BOOL, 0, 0, 1, standard, NULL, NULL, meaning                                       \
	}
#define ENUM_OF(name, algorithms, words, standard, meaning)                                                  \
	{                                                                                                        \
#name, LEP_OPTION_ENUM, algorithms, 0, 0, standard, NULL, words, meaning                             \
	}
#define ENUM(name, words, standard, meaning) ENUM_OF(name, 0, words, standard, meaning)
#define TEXT(name, standard, meaning)                                                                        \
	{                                                                                                        \
#name, LEP_OPTION_TEXT, 0, 0, 0, 0, standard, NULL, meaning                                          \
	}
#define RANGE(name, standard, meaning)                                                                       \
	{                                                                                                        \
#name, LEP_OPTION_RANGE, 0, -1e15, 1e15, 0, standard, NULL, meaning                                  \
	}

/* The order is the order of documentation. */
static const LepOption option_table[] = {
	ENUM(algorithm, algorithm_words, LEP_ALGORITHM_AUTO,
		 "what to learn with; auto takes the most accurate that fits into time_limit"),
	ENUM(feedback, feedback_words, LEP_FEEDBACK_AUTO,
		 "explicit (ratings that differ) or implicit (purchases, views, counts); auto decides from the data"),

	INT(factors, TAKEN_BY_FACTORS | TAKEN_BY_BAYES | TAKEN_BY_IALS, 1, 1024, 64,
		"numbers learned per user and per item"),
	INT(epochs, TAKEN_BY_FACTORS | TAKEN_BY_BAYES | TAKEN_BY_IALS, 1, 10000, 60,
		"passes over the ratings, at most; sweeps of bayes"),
	REAL(regularization, TAKEN_BY_FACTORS | TAKEN_BY_IALS | TAKEN_BY_SLIM, 0, 1e6, 0.08,
		 "pull of factors, or of slim's weights, towards zero; unless given, sgd, als and ials adapt it to "
		 "how many ratings there are"),
	REAL(bias_regularization, TAKEN_BY_FACTORS | TAKEN_BY_BASELINE, 0, 1e6, 0.02,
		 "pull of the biases towards zero"),
	REAL(regularization_exponent, TAKEN_BY_IALS, 0, 2, 1,
		 "power of a row's weight, its entries and what it lacks, that its regularization grows with"),
	REAL(unobserved_weight, TAKEN_BY_IALS, 0, 1e6, 0,
		 "weight of a pair that is not in the source, beside the mean of those that are; unless given, 300 / "
		 "the number of items, at most 0.3"),
	ENUM_OF(
		confidence, TAKEN_BY_IALS, confidence_words, LEP_CONFIDENCE_LOG,
		"how the weight of a pair grows with its rating r: linear, 1 + alpha r; log, 1 + alpha log(1 + r); "
		"none, not at all"),
	REAL(alpha, TAKEN_BY_IALS, 0, 1e6, 1, "how fast confidence grows with the rating"),
	REAL(learning_rate, TAKEN_BY_SGD, 1e-6, 1, 0.03, "step of the first epoch"),
	REAL(learning_rate_decay, TAKEN_BY_SGD, 0.01, 1, 0.95, "what the step is multiplied by after each epoch"),
	INT(patience, TAKEN_BY_FACTORS, 1, 10000, 3,
		"stop after this many epochs without a better validation error"),
	INT(seed, 0, -9007199254740992.0, 9007199254740992.0, 42,
		"start of every random choice; same data, options and seed give the same model"),
	ENUM_OF(
		implicit, TAKEN_BY_BAYES, implicit_words, LEP_IMPLICIT_BOTH,
		"whether it counts which items a user has rated (users), by whom an item was rated (items), both or "
		"none, besides the ratings themselves"),
	INT(time_bins, TAKEN_BY_BAYES, 0, 4096, 0,
		"stretches of time, of equally many ratings, that differ in what was liked; 0: time does not count"),
	INT(neighbors, TAKEN_BY_NEIGHBORS, 1, 1000, 200,
		"walk: items that an item speaks for, at most; slim: items that an item is explained by"),
	REAL(user_exponent, TAKEN_BY_NEIGHBORS, 0, 4, 1,
		 "a user with n items counts n to the power of minus this in what items have in common"),
	REAL(source_exponent, TAKEN_BY_WALK, 0, 4, 1,
		 "an item of n users speaks for others with weights times n to the power of minus this"),
	REAL(
		target_exponent, TAKEN_BY_WALK, 0, 4, 0.2,
		"the weights for an item of n users are times n to the power of minus this: more brings rarer items"),
	REAL(window, TAKEN_BY_POPULAR, 0, 1e6, 0, "days before the newest rating that popularity counts; 0: all"),
	INT(max_user_items, TAKEN_BY_NEIGHBORS, 2, 1000000, 5000,
		"of a user with more items a sample of about so many is learned from: a user costs their square"),
	{ "parts", LEP_OPTION_PARTS, TAKEN_BY_BLEND, 0, 0, 0, "walk and ials", NULL,
	  "an array of two objects of options, one of an algorithm with neighbors and one of ials" },
	{ "weights", LEP_OPTION_PAIR, TAKEN_BY_BLEND, 0, 1e6, 1, "by validation", NULL,
	  "how much each part counts, in their order; unless given, what is best on the validation part, without "
	  "one 1 and 1" },
	REAL(time_limit, 0, 0.001, 1e7, 60,
		 "seconds of one core that auto and bayes may plan for, refit included, by stated formulas"),

	TEXT(user_column, "user_id", "the source's column of user ids"),
	TEXT(item_column, "item_id", "the source's column of item ids"),
	TEXT(rating_column, "rating", "the source's column of ratings; without one every row counts 1"),
	TEXT(time_column, "rated_at", "the source's column of times, used if it is there"),
	ENUM(duplicates, duplicates_words, LEP_DUPLICATES_AUTO,
		 "what rows of the same user and item become; auto: last by time or else mean, implicit: sum"),
	INT(min_user_ratings, 0, 1, 1000000000, 1, "users with fewer ratings are left out"),
	INT(min_item_ratings, 0, 1, 1000000000, 1, "items with fewer ratings are left out"),

	ENUM(split, split_words, LEP_SPLIT_RANDOM,
		 "how rows are held out: random, time (the newest) or leave_last (each user's newest)"),
	REAL(test_fraction, 0, 0, 0.9, 0.1, "part of the ratings held out for the reported metrics"),
	ENUM(validation_split, validation_words, LEP_VALIDATION_AUTO,
		 "how the validation part is held out: as split (auto), or random, time, leave_last, or popular: at "
		 "random, of popular items more"),
	REAL(validation_fraction, 0, 0, 0.9, 0.1, "part of the rest that early stopping and auto look at"),
	BOOL(refit, true, "train the published model on all rows once the epochs are known"),

	RANGE(rating_scale, "what was seen", "lowest and highest prediction"),
	ENUM(unknown, unknown_words, LEP_UNKNOWN_BIAS,
		 "prediction for an unknown user or item: the known side's bias, null, or error"),
	ENUM(point, point_words, LEP_POINT_MEAN,
		 "what a prediction is: the expected rating (mean), or the value that as many lie above as below "
		 "(median)"),
	BOOL(exclude_seen, true, "leave what the user has rated out of her lists, unless a call says otherwise"),

	ENUM(storage, storage_words, 0, "bytes of factors and neighbors: float32 has 4, float16 2, int8 1"),
	INT(keep, 0, 1, 1000000, 2, "versions of the model to keep, the new one included"),
	BOOL(wait, true, "wait for another training of this model to end; false: fail at once"),
};

#define N_OPTIONS ((int) (sizeof(option_table) / sizeof(option_table[0])))

_Static_assert(N_OPTIONS <= LEP_MAX_OPTIONS, "LepOptions.given has one bit per option");

/* Where the values live, row by row as above. */
#define AT(field) offsetof(LepOptions, field)
static const size_t option_offsets[] = {
	AT(algorithm),
	AT(feedback),
	AT(factors),
	AT(epochs),
	AT(regularization),
	AT(bias_regularization),
	AT(regularization_exponent),
	AT(unobserved_weight),
	AT(confidence),
	AT(alpha),
	AT(learning_rate),
	AT(learning_rate_decay),
	AT(patience),
	AT(seed),
	AT(implicit),
	AT(time_bins),
	AT(neighbors),
	AT(user_exponent),
	AT(source_exponent),
	AT(target_exponent),
	AT(window),
	AT(max_user_items),
	AT(parts),
	AT(weights),
	AT(time_limit),
	AT(user_column),
	AT(item_column),
	AT(rating_column),
	AT(time_column),
	AT(duplicates),
	AT(min_user_ratings),
	AT(min_item_ratings),
	AT(split),
	AT(test_fraction),
	AT(validation_split),
	AT(validation_fraction),
	AT(refit),
	AT(rating_scale),
	AT(unknown),
	AT(point),
	AT(exclude_seen),
	AT(storage),
	AT(keep),
	AT(wait),
};

_Static_assert(sizeof(option_offsets) / sizeof(option_offsets[0]) == N_OPTIONS, "a field for each option");

/* Each sample of bayes is compressed, at a cost of factors^3. */
#define MAX_BAYES_FACTORS 128

/* Defaults that are another's for one algorithm. */
typedef struct StandardOverride
{
	const char *name;
	LepAlgorithm algorithm;
	double standard;
} StandardOverride;

static const StandardOverride standard_overrides[] = {
	{ "factors", LEP_ALGORITHM_ALS, 32 },
	{ "epochs", LEP_ALGORITHM_ALS, 30 },
	{ "regularization", LEP_ALGORITHM_ALS, 0.09 },
	{ "bias_regularization", LEP_ALGORITHM_BASELINE, 3 },
	{ "bias_regularization", LEP_ALGORITHM_ALS, 3 },
	{ "patience", LEP_ALGORITHM_ALS, 2 },
	{ "epochs", LEP_ALGORITHM_IALS, 5 },
	{ "regularization", LEP_ALGORITHM_IALS, 0.005 },
	{ "factors", LEP_ALGORITHM_BAYES, 32 },
	{ "epochs", LEP_ALGORITHM_BAYES, 400 },
	{ "neighbors", LEP_ALGORITHM_SLIM, 100 },
	{ "user_exponent", LEP_ALGORITHM_SLIM, 0.5 },
	{ "regularization", LEP_ALGORITHM_SLIM, 10 },
};

#define N_OVERRIDES ((int) (sizeof(standard_overrides) / sizeof(standard_overrides[0])))

const LepOption *
lep_option(int i)
{
	return i >= 0 && i < N_OPTIONS ? &option_table[i] : NULL;
}

int
lep_option_find(const char *name)
{
	for (int i = 0; i < N_OPTIONS; i++)
	{
		if (strcmp(option_table[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* Names longer than this are cut for the comparison. */
#define MAX_DISTANCE_LEN 63

/* Levenshtein's distance, one row of its matrix at a time. */
static int
edit_distance(const char *a, const char *b)
{
	int row[MAX_DISTANCE_LEN + 1];
	int len_a = (int) strnlen(a, MAX_DISTANCE_LEN);
	int len_b = (int) strnlen(b, MAX_DISTANCE_LEN);

	for (int j = 0; j <= len_b; j++)
		row[j] = j;
	for (int i = 1; i <= len_a; i++)
	{
		int diagonal = row[0];

		row[0] = i;
		for (int j = 1; j <= len_b; j++)
		{
			int replace = diagonal + (a[i - 1] != b[j - 1]);
			int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = replace < best ? replace : best;
		}
	}
	return row[len_b];
}

const char *
lep_option_nearest(const char *name)
{
	int nearest = 0;
	int distance = edit_distance(name, option_table[0].name);

	for (int i = 1; i < N_OPTIONS; i++)
	{
		int d = edit_distance(name, option_table[i].name);

		if (d < distance)
		{
			nearest = i;
			distance = d;
		}
	}
	return option_table[nearest].name;
}

double
lep_option_standard(int i, LepAlgorithm algorithm)
{
	for (int o = 0; o < N_OVERRIDES; o++)
	{
		if (standard_overrides[o].algorithm == algorithm &&
			strcmp(standard_overrides[o].name, option_table[i].name) == 0)
			return standard_overrides[o].standard;
	}
	return option_table[i].standard;
}

double
lep_option_max(int i, LepAlgorithm algorithm)
{
	if (algorithm == LEP_ALGORITHM_BAYES && strcmp(option_table[i].name, "factors") == 0)
		return MAX_BAYES_FACTORS;
	return option_table[i].max;
}

bool
lep_option_applies(int i, LepAlgorithm algorithm)
{
	unsigned algorithms = option_table[i].algorithms;

	return algorithms == 0 || algorithm == LEP_ALGORITHM_AUTO || (algorithms & (1u << algorithm)) != 0;
}

/* Where row i lives in the struct; the const of the struct is the caller's. */
static void *
value_of(const LepOptions *options, int i)
{
	return (char *) options + option_offsets[i];
}

/* Store a number in row i, by its type. */
static void
store_number(LepOptions *options, int i, double value)
{
	switch (option_table[i].type)
	{
		case LEP_OPTION_INT:
			*(int64_t *) value_of(options, i) = (int64_t) value;
			break;
		case LEP_OPTION_REAL:
			*(double *) value_of(options, i) = value;
			break;
		case LEP_OPTION_BOOL:
			*(bool *) value_of(options, i) = value != 0;
			break;
		case LEP_OPTION_ENUM:
			*(int *) value_of(options, i) = (int) value;
			break;
		case LEP_OPTION_PAIR:
			((double *) value_of(options, i))[0] = value;
			((double *) value_of(options, i))[1] = value;
			break;
		case LEP_OPTION_PARTS:
			*(const LepParts **) value_of(options, i) = NULL;
			break;
		case LEP_OPTION_TEXT:
		case LEP_OPTION_RANGE:
			break;
	}
}

static void
store_standard(LepOptions *options, int i, LepAlgorithm algorithm)
{
	if (option_table[i].type == LEP_OPTION_TEXT)
		memcpy(value_of(options, i), option_table[i].standard_text,
			   strlen(option_table[i].standard_text) + 1);
	else
		store_number(options, i, lep_option_standard(i, algorithm));
}

void
lep_options_init(LepOptions *options)
{
	memset(options, 0, sizeof(*options));
	for (int i = 0; i < N_OPTIONS; i++)
		store_standard(options, i, LEP_ALGORITHM_AUTO);
}

bool
lep_option_given(const LepOptions *options, int i)
{
	return (options->given >> i & 1) != 0;
}

static void
mark_given(LepOptions *options, int i)
{
	options->given |= UINT64_C(1) << i;
}

/* "true or false", "one of its words" ...: what the type expects. */
static const char *
type_words(LepOptionType type)
{
	static const char *const words[] = {
		[LEP_OPTION_INT] = "a whole number",
		[LEP_OPTION_REAL] = "a number",
		[LEP_OPTION_BOOL] = "true or false",
		[LEP_OPTION_ENUM] = "a word",
		[LEP_OPTION_TEXT] = "a name",
		[LEP_OPTION_RANGE] = "an array of two numbers",
		[LEP_OPTION_PAIR] = "an array of two numbers",
		[LEP_OPTION_PARTS] = "an array of two objects",
	};

	return words[type];
}

static LepStatus
fail_type(int i, LepError *error)
{
	lep_fail(error, LEP_ERR_OPTION_TYPE, option_table[i].name, 0, 0, 0);
	lep_error_set_text(error, type_words(option_table[i].type));
	return LEP_ERR_OPTION_TYPE;
}

/* Find the row, or fail with the nearest name. */
static int
find_or_fail(const char *name, LepError *error)
{
	int i = lep_option_find(name);

	if (i < 0)
	{
		lep_fail(error, LEP_ERR_OPTION_UNKNOWN, lep_option_nearest(name), 0, 0, 0);
		lep_error_set_text(error, name);
	}
	return i;
}

/* Negated comparisons, so that NaN is out of range too. */
static LepStatus
check_range(int i, double value, LepError *error)
{
	const LepOption *option = &option_table[i];

	if (!(value >= option->min) || !(value <= option->max))
		return lep_fail(error, LEP_ERR_OPTION_RANGE, option->name, value, option->min, option->max);
	return LEP_OK;
}

LepStatus
lep_options_fail_type(const char *name, LepError *error)
{
	int i = find_or_fail(name, error);

	return i < 0 ? LEP_ERR_OPTION_UNKNOWN : fail_type(i, error);
}

LepStatus
lep_options_set_int(LepOptions *options, const char *name, int64_t value, LepError *error)
{
	int i = find_or_fail(name, error);
	LepStatus status;

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (option_table[i].type != LEP_OPTION_INT && option_table[i].type != LEP_OPTION_REAL)
		return fail_type(i, error);
	status = check_range(i, (double) value, error);
	if (status != LEP_OK)
		return status;
	if (option_table[i].type == LEP_OPTION_INT)
		*(int64_t *) value_of(options, i) = value;
	else
		store_number(options, i, (double) value);
	mark_given(options, i);
	return LEP_OK;
}

LepStatus
lep_options_set_real(LepOptions *options, const char *name, double value, LepError *error)
{
	int i = find_or_fail(name, error);
	LepStatus status;

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (option_table[i].type != LEP_OPTION_REAL &&
		(option_table[i].type != LEP_OPTION_INT || floor(value) != value))
		return fail_type(i, error);
	status = check_range(i, value, error);
	if (status != LEP_OK)
		return status;
	store_number(options, i, value);
	mark_given(options, i);
	return LEP_OK;
}

LepStatus
lep_options_set_bool(LepOptions *options, const char *name, bool value, LepError *error)
{
	int i = find_or_fail(name, error);

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (option_table[i].type != LEP_OPTION_BOOL)
		return fail_type(i, error);
	store_number(options, i, value);
	mark_given(options, i);
	return LEP_OK;
}

/* Index of a word, or -1. */
static int
find_word(const char *const *words, const char *value)
{
	for (int w = 0; words[w] != NULL; w++)
	{
		if (strcmp(words[w], value) == 0)
			return w;
	}
	return -1;
}

static LepStatus
fail_value(int i, const char *value, LepError *error)
{
	lep_fail(error, LEP_ERR_OPTION_VALUE, option_table[i].name, 0, 0, 0);
	lep_error_set_text(error, value);
	return LEP_ERR_OPTION_VALUE;
}

LepStatus
lep_options_set_text(LepOptions *options, const char *name, const char *value, LepError *error)
{
	int i = find_or_fail(name, error);

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (option_table[i].type == LEP_OPTION_ENUM)
	{
		int word = find_word(option_table[i].words, value);

		if (word < 0)
			return fail_value(i, value, error);
		store_number(options, i, word);
	}
	else if (option_table[i].type == LEP_OPTION_TEXT)
	{
		if (value[0] == '\0' || strlen(value) >= LEP_OPTION_TEXT_LEN)
			return fail_value(i, value, error);
		memcpy(value_of(options, i), value, strlen(value) + 1);
	}
	else
		return fail_type(i, error);
	mark_given(options, i);
	return LEP_OK;
}

LepStatus
lep_options_set_range(LepOptions *options, const char *name, double low, double high, LepError *error)
{
	int i = find_or_fail(name, error);
	double *range;
	LepStatus status;

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (option_table[i].type != LEP_OPTION_RANGE)
		return fail_type(i, error);
	status = check_range(i, low, error);
	if (status == LEP_OK)
		status = check_range(i, high, error);
	if (status != LEP_OK)
		return status;
	if (!(low < high))
		return lep_fail(error, LEP_ERR_OPTION_RANGE, option_table[i].name, high, low, option_table[i].max);
	range = value_of(options, i);
	range[0] = low;
	range[1] = high;
	mark_given(options, i);
	return LEP_OK;
}

LepStatus
lep_options_set_pair(LepOptions *options, const char *name, double first, double second, LepError *error)
{
	int i = find_or_fail(name, error);
	double *pair;
	LepStatus status;

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (option_table[i].type != LEP_OPTION_PAIR)
		return fail_type(i, error);
	status = check_range(i, first, error);
	if (status == LEP_OK)
		status = check_range(i, second, error);
	if (status != LEP_OK)
		return status;
	pair = value_of(options, i);
	pair[0] = first;
	pair[1] = second;
	mark_given(options, i);
	return LEP_OK;
}

static LepStatus
fail_parts(const char *name, int part, const char *reason, LepError *error)
{
	lep_fail(error, LEP_ERR_OPTION_PARTS, name, part, 0, 0);
	lep_error_set_text(error, reason);
	return LEP_ERR_OPTION_PARTS;
}

/* Part number `number`, from 1: an algorithm that can be one, and options of its own. */
static LepStatus
check_part(const char *name, const LepOptions *part, int number, LepError *error)
{
	unsigned algorithm = 1u << part->algorithm;
	LepOptions resolved;

	if ((algorithm & (TAKEN_BY_NEIGHBORS | TAKEN_BY_IALS)) == 0)
		return fail_parts(name, number, algorithm_words[part->algorithm], error);
	for (int i = 0; i < N_OPTIONS; i++)
	{
		if (lep_option_given(part, i) && option_table[i].algorithms == 0 &&
			option_offsets[i] != AT(algorithm))
			return fail_parts(name, number, option_table[i].name, error);
	}
	return lep_options_resolve(part, (LepAlgorithm) part->algorithm, &resolved, error);
}

LepStatus
lep_options_set_parts(LepOptions *options, const char *name, const LepParts *parts, LepError *error)
{
	int i = find_or_fail(name, error);
	int n_neighbors = 0;

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (option_table[i].type != LEP_OPTION_PARTS)
		return fail_type(i, error);
	for (int p = 0; p < 2; p++)
	{
		LepStatus status = check_part(name, &parts->part[p], p + 1, error);

		if (status != LEP_OK)
			return status;
		n_neighbors += (1u << parts->part[p].algorithm & TAKEN_BY_NEIGHBORS) != 0;
	}
	if (n_neighbors != 1)
		return fail_parts(name, 0, algorithm_words[parts->part[1].algorithm], error);
	options->parts = parts;
	mark_given(options, i);
	return LEP_OK;
}

double
lep_option_number(const LepOptions *options, int i)
{
	const void *value = value_of(options, i);

	switch (option_table[i].type)
	{
		case LEP_OPTION_INT:
			return (double) *(const int64_t *) value;
		case LEP_OPTION_REAL:
			return *(const double *) value;
		case LEP_OPTION_BOOL:
			return *(const bool *) value;
		case LEP_OPTION_ENUM:
			return *(const int *) value;
		case LEP_OPTION_PAIR:
		case LEP_OPTION_PARTS:
		case LEP_OPTION_TEXT:
		case LEP_OPTION_RANGE:
			break;
	}
	return 0;
}

const double *
lep_option_range(const LepOptions *options, int i)
{
	LepOptionType type = option_table[i].type;

	return type == LEP_OPTION_RANGE || type == LEP_OPTION_PAIR ? value_of(options, i) : NULL;
}

const char *
lep_option_text(const LepOptions *options, int i)
{
	return option_table[i].type == LEP_OPTION_TEXT ? value_of(options, i) : NULL;
}

void
lep_option_copy(LepOptions *to, const LepOptions *from, int i)
{
	static const size_t sizes[] = {
		[LEP_OPTION_INT] = sizeof(int64_t),		 [LEP_OPTION_REAL] = sizeof(double),
		[LEP_OPTION_BOOL] = sizeof(bool),		 [LEP_OPTION_ENUM] = sizeof(int),
		[LEP_OPTION_TEXT] = LEP_OPTION_TEXT_LEN, [LEP_OPTION_RANGE] = 2 * sizeof(double),
		[LEP_OPTION_PAIR] = 2 * sizeof(double),	 [LEP_OPTION_PARTS] = sizeof(const LepParts *),
	};

	memcpy(value_of(to, i), value_of(from, i), sizes[option_table[i].type]);
	if (lep_option_given(from, i))
		mark_given(to, i);
}

void
lep_options_to_part(const LepOptions *resolved, LepOptions *part)
{
	lep_options_init(part);
	part->algorithm = resolved->algorithm;
	for (int i = 0; i < N_OPTIONS; i++)
	{
		if (option_table[i].algorithms == 0 || !lep_option_applies(i, (LepAlgorithm) resolved->algorithm))
			continue;
		lep_option_copy(part, resolved, i);
		mark_given(part, i);
	}
	mark_given(part, lep_option_find("algorithm"));
}

void
lep_option_forget(LepOptions *options, int i)
{
	options->given &= ~(UINT64_C(1) << i);
}

/* Does the algorithm take row i, but not so large a number? */
static bool
is_above_max(const LepOptions *given, int i, LepAlgorithm algorithm)
{
	LepOptionType type = option_table[i].type;

	return (type == LEP_OPTION_INT || type == LEP_OPTION_REAL) && lep_option_applies(i, algorithm) &&
		   lep_option_number(given, i) > lep_option_max(i, algorithm);
}

LepStatus
lep_options_resolve(const LepOptions *given, LepAlgorithm algorithm, LepOptions *resolved, LepError *error)
{
	*resolved = *given;
	for (int i = 0; i < N_OPTIONS; i++)
	{
		if (lep_option_given(given, i))
		{
			if (is_above_max(given, i, algorithm))
				return lep_fail(error, LEP_ERR_OPTION_RANGE, option_table[i].name,
								lep_option_number(given, i), option_table[i].min,
								lep_option_max(i, algorithm));
			if (lep_option_applies(i, algorithm))
				continue;
			lep_fail(error, LEP_ERR_OPTION_ALGORITHM, option_table[i].name, 0, 0, 0);
			lep_error_set_text(error, lep_algorithm_name(algorithm));
			return LEP_ERR_OPTION_ALGORITHM;
		}
		store_standard(resolved, i, algorithm);
	}
	resolved->algorithm = (int) algorithm;
	return LEP_OK;
}

const char *
lep_algorithm_name(LepAlgorithm algorithm)
{
	return algorithm_words[algorithm];
}

const char *
lep_feedback_name(LepFeedback feedback)
{
	return feedback_words[feedback];
}

const char *
lep_duplicates_name(LepDuplicates duplicates)
{
	return duplicates_words[duplicates];
}

const char *
lep_split_name(LepSplit split)
{
	return split_words[split];
}

const char *
lep_validation_name(LepValidation validation)
{
	return validation_words[validation];
}

const char *
lep_implicit_name(LepImplicit implicit)
{
	return implicit_words[implicit];
}

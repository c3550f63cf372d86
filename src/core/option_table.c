/*
 * option_table.c
 *		Every training option: its name, type, default, range and meaning, and
 *		where its value lives.  No option is named outside this table but by its
 *		struct field.
 */
#include "core/options.h"

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
static const char *const on_small_words[] = { "null", "error", NULL };
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
#define QUERY(name, standard, meaning)                                                                       \
	{                                                                                                        \
#name, LEP_OPTION_QUERY, 0, 0, 0, 0, standard, NULL, meaning                                         \
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
	ENUM(on_small, on_small_words, LEP_ON_SMALL_NULL,
		 "of the aggregate: what a group gives that is too small to train on, null or an error"),

	ENUM(split, split_words, LEP_SPLIT_RANDOM,
		 "how rows are held out: random, time (the newest) or leave_last (each user's newest)"),
	REAL(test_fraction, 0, 0, 0.9, 0.1, "part of the ratings held out for the reported metrics"),
	ENUM(validation_split, validation_words, LEP_VALIDATION_AUTO,
		 "how the validation part is held out: as split (auto), or random, time, leave_last, or popular: at "
		 "random, of popular items more"),
	REAL(validation_fraction, 0, 0, 0.9, 0.1, "part of the rest that early stopping and auto look at"),
	BOOL(warm_start, false,
		 "als: the refit begins with the items of the fit that was tested, and takes half its epochs"),
	BOOL(refit, true, "train the published model on all rows once the epochs are known"),

	RANGE(rating_scale, "what was seen", "lowest and highest prediction"),
	ENUM(unknown, unknown_words, LEP_UNKNOWN_BIAS,
		 "prediction for an unknown user or item: the known side's bias, null, or error"),
	ENUM(point, point_words, LEP_POINT_MEAN,
		 "what a prediction is: the expected rating (mean), or the value that as many lie above as below "
		 "(median)"),
	BOOL(exclude_seen, true, "leave what the user has rated out of her lists, unless a call says otherwise"),
	{ "live", LEP_OPTION_BOOL, 0, 0, 1, false, "by the source", NULL,
	  "lists and predictions go by the user's rows of the moment; unless given, where the source is a table "
	  "with an index that begins with the user column" },
	QUERY(eligible, "all", "table or query of the ids of items that may be listed, as it is at the moment"),

	ENUM(storage, storage_words, 0, "bytes of factors and neighbors: float32 has 4, float16 2, int8 1"),
	INT(keep, 0, 1, 1000000, 2,
		"versions of the model to keep, the new one included; of unpublished ones as many besides, and "
		"pinned "
		"ones"),
	BOOL(publish, true, "make the new version the current one, which readers get; false: keep it beside"),
	BOOL(
		guard, true,
		"lepton_retrain: publish only what is not worse on held-out ratings than the current version, beyond "
		"tolerance, nor than biases or popularity alone"),
	REAL(tolerance, 0, 0, 1e6, 0.05,
		 "lepton_retrain: by what part the held-out metric may be worse than the current version's"),
	BOOL(wait, true, "wait for another training of this model to end; false: fail at once"),
};

#define N_OPTIONS ((int) (sizeof(option_table) / sizeof(option_table[0])))

_Static_assert(N_OPTIONS <= LEP_MAX_OPTIONS, "LepOptions.given has one bit per option");

/* Where the values live, and who has a use for them, row by row as above. */
typedef struct OptionPlace
{
	size_t offset;
	LepOptionUse use;
} OptionPlace;

#define OF_MODEL(field)                                                                                      \
	{                                                                                                        \
		offsetof(LepOptions, field), LEP_USE_MODEL                                                           \
	}
#define OF_TABLE(field)                                                                                      \
	{                                                                                                        \
		offsetof(LepOptions, field), LEP_USE_TABLE                                                           \
	}
#define OF_GROUP(field)                                                                                      \
	{                                                                                                        \
		offsetof(LepOptions, field), LEP_USE_GROUP                                                           \
	}

static const OptionPlace option_places[] = {
	OF_MODEL(algorithm),
	OF_MODEL(feedback),
	OF_MODEL(factors),
	OF_MODEL(epochs),
	OF_MODEL(regularization),
	OF_MODEL(bias_regularization),
	OF_MODEL(regularization_exponent),
	OF_MODEL(unobserved_weight),
	OF_MODEL(confidence),
	OF_MODEL(alpha),
	OF_MODEL(learning_rate),
	OF_MODEL(learning_rate_decay),
	OF_MODEL(patience),
	OF_MODEL(seed),
	OF_MODEL(implicit),
	OF_MODEL(time_bins),
	OF_MODEL(neighbors),
	OF_MODEL(user_exponent),
	OF_MODEL(source_exponent),
	OF_MODEL(target_exponent),
	OF_MODEL(window),
	OF_MODEL(max_user_items),
	OF_MODEL(parts),
	OF_MODEL(weights),
	OF_MODEL(time_limit),
	OF_TABLE(user_column),
	OF_TABLE(item_column),
	OF_TABLE(rating_column),
	OF_TABLE(time_column),
	OF_MODEL(duplicates),
	OF_MODEL(min_user_ratings),
	OF_MODEL(min_item_ratings),
	OF_GROUP(on_small),
	OF_MODEL(split),
	OF_MODEL(test_fraction),
	OF_MODEL(validation_split),
	OF_MODEL(validation_fraction),
	OF_MODEL(warm_start),
	OF_MODEL(refit),
	OF_MODEL(rating_scale),
	OF_MODEL(unknown),
	OF_MODEL(point),
	OF_MODEL(exclude_seen),
	OF_TABLE(live),
	OF_TABLE(eligible),
	OF_MODEL(storage),
	OF_TABLE(keep),
	OF_TABLE(publish),
	OF_TABLE(guard),
	OF_TABLE(tolerance),
	OF_TABLE(wait),
};

_Static_assert(sizeof(option_places) / sizeof(option_places[0]) == N_OPTIONS, "a field for each option");

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

size_t
lep_option_offset(int i)
{
	return option_places[i].offset;
}

LepOptionUse
lep_option_use(int i)
{
	return option_places[i].use;
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

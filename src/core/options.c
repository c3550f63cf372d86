/*
 * options.c
 *		Reading, checking and writing a LepOptions by the table of options.
 */
#include "core/options.h"

#include <math.h>
#include <string.h>

/* Where row i lives in the struct; the const of the struct is the caller's. */
static void *
value_of(const LepOptions *options, int i)
{
	return (char *) options + lep_option_offset(i);
}

/* Store a number in row i, by its type. */
static void
store_number(LepOptions *options, int i, double value)
{
	switch (lep_option(i)->type)
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
		case LEP_OPTION_QUERY:
			*(const char **) value_of(options, i) = NULL;
			break;
		case LEP_OPTION_TEXT:
		case LEP_OPTION_RANGE:
			break;
	}
}

static void
store_standard(LepOptions *options, int i, LepAlgorithm algorithm)
{
	if (lep_option(i)->type == LEP_OPTION_TEXT)
		memcpy(value_of(options, i), lep_option(i)->standard_text, strlen(lep_option(i)->standard_text) + 1);
	else
		store_number(options, i, lep_option_standard(i, algorithm));
}

void
lep_options_init(LepOptions *options)
{
	memset(options, 0, sizeof(*options));
	for (int i = 0; lep_option(i) != NULL; i++)
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
		[LEP_OPTION_QUERY] = "the name of a table or a query, as text",
		[LEP_OPTION_RANGE] = "an array of two numbers",
		[LEP_OPTION_PAIR] = "an array of two numbers",
		[LEP_OPTION_PARTS] = "an array of two objects",
	};

	return words[type];
}

static LepStatus
fail_type(int i, LepError *error)
{
	lep_fail(error, LEP_ERR_OPTION_TYPE, lep_option(i)->name, 0, 0, 0);
	lep_error_set_text(error, type_words(lep_option(i)->type));
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
	const LepOption *option = lep_option(i);

	if (!(value >= option->min) || !(value <= option->max))
		return lep_fail(error, LEP_ERR_OPTION_RANGE, option->name, value, option->min, option->max);
	return LEP_OK;
}

/* The same for a whole number, which the nearest double may bring within the limits. */
static LepStatus
check_whole_range(int i, int64_t value, LepError *error)
{
	const LepOption *option = lep_option(i);

	if (value < (int64_t) option->min || value > (int64_t) option->max)
		return lep_fail(error, LEP_ERR_OPTION_RANGE, option->name, (double) value, option->min, option->max);
	return LEP_OK;
}

/* A number as it is kept: a negative one that is too small for a double has become -0, which nobody wrote. */
static double
without_sign_of_zero(double value)
{
	return value == 0 ? 0 : value;
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
	if (lep_option(i)->type != LEP_OPTION_INT && lep_option(i)->type != LEP_OPTION_REAL)
		return fail_type(i, error);
	status = lep_option(i)->type == LEP_OPTION_INT ? check_whole_range(i, value, error)
												   : check_range(i, (double) value, error);
	if (status != LEP_OK)
		return status;
	if (lep_option(i)->type == LEP_OPTION_INT)
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
	if (lep_option(i)->type != LEP_OPTION_REAL &&
		(lep_option(i)->type != LEP_OPTION_INT || floor(value) != value))
		return fail_type(i, error);
	status = check_range(i, value, error);
	if (status != LEP_OK)
		return status;
	store_number(options, i, without_sign_of_zero(value));
	mark_given(options, i);
	return LEP_OK;
}

LepStatus
lep_options_set_bool(LepOptions *options, const char *name, bool value, LepError *error)
{
	int i = find_or_fail(name, error);

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (lep_option(i)->type != LEP_OPTION_BOOL)
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
	lep_fail(error, LEP_ERR_OPTION_VALUE, lep_option(i)->name, 0, 0, 0);
	lep_error_set_text(error, value);
	return LEP_ERR_OPTION_VALUE;
}

LepStatus
lep_options_set_text(LepOptions *options, const char *name, const char *value, LepError *error)
{
	int i = find_or_fail(name, error);

	if (i < 0)
		return LEP_ERR_OPTION_UNKNOWN;
	if (lep_option(i)->type == LEP_OPTION_ENUM)
	{
		int word = find_word(lep_option(i)->words, value);

		if (word < 0)
			return fail_value(i, value, error);
		store_number(options, i, word);
	}
	else if (lep_option(i)->type == LEP_OPTION_TEXT)
	{
		if (value[0] == '\0' || strlen(value) >= LEP_OPTION_TEXT_LEN)
			return fail_value(i, value, error);
		memcpy(value_of(options, i), value, strlen(value) + 1);
	}
	else if (lep_option(i)->type == LEP_OPTION_QUERY)
		*(const char **) value_of(options, i) = value;
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
	if (lep_option(i)->type != LEP_OPTION_RANGE)
		return fail_type(i, error);
	status = check_range(i, low, error);
	if (status == LEP_OK)
		status = check_range(i, high, error);
	if (status != LEP_OK)
		return status;
	if (!(low < high))
		return lep_fail(error, LEP_ERR_OPTION_RANGE, lep_option(i)->name, high, low, lep_option(i)->max);
	range = value_of(options, i);
	range[0] = without_sign_of_zero(low);
	range[1] = without_sign_of_zero(high);
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
	if (lep_option(i)->type != LEP_OPTION_PAIR)
		return fail_type(i, error);
	status = check_range(i, first, error);
	if (status == LEP_OK)
		status = check_range(i, second, error);
	if (status != LEP_OK)
		return status;
	pair = value_of(options, i);
	pair[0] = without_sign_of_zero(first);
	pair[1] = without_sign_of_zero(second);
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

/* Is this a model of neighbours, of which a blend has just one? */
static bool
of_neighbors(int algorithm)
{
	return algorithm == LEP_ALGORITHM_WALK || algorithm == LEP_ALGORITHM_SLIM;
}

/* Part number `number`, from 1: an algorithm that can be one, and options of its own. */
static LepStatus
check_part(const char *name, const LepOptions *part, int number, LepError *error)
{
	LepOptions resolved;

	if (!of_neighbors(part->algorithm) && part->algorithm != LEP_ALGORITHM_IALS)
		return fail_parts(name, number, lep_algorithm_name((LepAlgorithm) part->algorithm), error);
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_given(part, i) && lep_option(i)->algorithms == 0 &&
			strcmp(lep_option(i)->name, "algorithm") != 0)
			return fail_parts(name, number, lep_option(i)->name, error);
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
	if (lep_option(i)->type != LEP_OPTION_PARTS)
		return fail_type(i, error);
	for (int p = 0; p < 2; p++)
	{
		LepStatus status = check_part(name, &parts->part[p], p + 1, error);

		if (status != LEP_OK)
			return status;
		n_neighbors += of_neighbors(parts->part[p].algorithm);
	}
	if (n_neighbors != 1)
		return fail_parts(name, 0, lep_algorithm_name((LepAlgorithm) parts->part[1].algorithm), error);
	options->parts = parts;
	mark_given(options, i);
	return LEP_OK;
}

double
lep_option_number(const LepOptions *options, int i)
{
	const void *value = value_of(options, i);

	switch (lep_option(i)->type)
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
		case LEP_OPTION_QUERY:
		case LEP_OPTION_RANGE:
			break;
	}
	return 0;
}

const double *
lep_option_range(const LepOptions *options, int i)
{
	LepOptionType type = lep_option(i)->type;

	return type == LEP_OPTION_RANGE || type == LEP_OPTION_PAIR ? value_of(options, i) : NULL;
}

const char *
lep_option_text(const LepOptions *options, int i)
{
	if (lep_option(i)->type == LEP_OPTION_QUERY)
		return *(const char **) value_of(options, i);
	return lep_option(i)->type == LEP_OPTION_TEXT ? value_of(options, i) : NULL;
}

void
lep_option_copy(LepOptions *to, const LepOptions *from, int i)
{
	static const size_t sizes[] = {
		[LEP_OPTION_INT] = sizeof(int64_t),		   [LEP_OPTION_REAL] = sizeof(double),
		[LEP_OPTION_BOOL] = sizeof(bool),		   [LEP_OPTION_ENUM] = sizeof(int),
		[LEP_OPTION_TEXT] = LEP_OPTION_TEXT_LEN,   [LEP_OPTION_RANGE] = 2 * sizeof(double),
		[LEP_OPTION_PAIR] = 2 * sizeof(double),	   [LEP_OPTION_PARTS] = sizeof(const LepParts *),
		[LEP_OPTION_QUERY] = sizeof(const char *),
	};

	memcpy(value_of(to, i), value_of(from, i), sizes[lep_option(i)->type]);
	if (lep_option_given(from, i))
		mark_given(to, i);
}

void
lep_options_to_part(const LepOptions *resolved, LepOptions *part)
{
	lep_options_init(part);
	part->algorithm = resolved->algorithm;
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option(i)->algorithms == 0 || !lep_option_applies(i, (LepAlgorithm) resolved->algorithm))
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
	LepOptionType type = lep_option(i)->type;

	return (type == LEP_OPTION_INT || type == LEP_OPTION_REAL) && lep_option_applies(i, algorithm) &&
		   lep_option_number(given, i) > lep_option_max(i, algorithm);
}

LepStatus
lep_options_resolve(const LepOptions *given, LepAlgorithm algorithm, LepOptions *resolved, LepError *error)
{
	*resolved = *given;
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_given(given, i))
		{
			if (is_above_max(given, i, algorithm))
				return lep_fail(error, LEP_ERR_OPTION_RANGE, lep_option(i)->name, lep_option_number(given, i),
								lep_option(i)->min, lep_option_max(i, algorithm));
			if (lep_option_applies(i, algorithm))
				continue;
			lep_fail(error, LEP_ERR_OPTION_ALGORITHM, lep_option(i)->name, 0, 0, 0);
			lep_error_set_text(error, lep_algorithm_name(algorithm));
			return LEP_ERR_OPTION_ALGORITHM;
		}
		store_standard(resolved, i, algorithm);
	}
	resolved->algorithm = (int) algorithm;
	return LEP_OK;
}

/*
 * fuzz_options.c
 *		Any values as any options: what is taken is within its limits and can be
 *		resolved for an algorithm or is refused by name; what is refused changes
 *		nothing.
 *
 * An input is a list of settings, each a byte for the option (one that is none is
 * followed by a name), a byte for the kind of value, and the value.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "fuzz.h"

/* A name or a text of an input, at most; longer than what options hold. */
#define MAX_TEXT 255

/* A length and so many bytes, in memory of exactly their size. */
static char *
take_text(FuzzInput *input)
{
	char buffer[MAX_TEXT + 1];
	size_t len = fuzz_byte(input);
	char *text;

	fuzz_take(input, buffer, len);
	buffer[len] = '\0';
	len = strlen(buffer);
	text = allocate(len + 1);
	memcpy(text, buffer, len + 1);
	return text;
}

static int
count_options(void)
{
	int n = 0;

	while (lep_option(n) != NULL)
		n++;
	return n;
}

/* A value that was given is one that the table allows. */
static void
check_value(const LepOptions *options, int i)
{
	const LepOption *option = lep_option(i);
	double number = lep_option_number(options, i);
	const double *range = lep_option_range(options, i);
	int n_words = 0;

	switch (option->type)
	{
		case LEP_OPTION_INT:
		case LEP_OPTION_REAL:
			require(number >= option->min && number <= option->max);
			break;
		case LEP_OPTION_ENUM:
			while (option->words[n_words] != NULL)
				n_words++;
			require(number >= 0 && number < n_words);
			break;
		case LEP_OPTION_TEXT:
			require(strnlen(lep_option_text(options, i), LEP_OPTION_TEXT_LEN) < LEP_OPTION_TEXT_LEN);
			require(lep_option_text(options, i)[0] != '\0');
			break;
		case LEP_OPTION_RANGE:
			require(range[0] < range[1]);
			/* fallthrough */
		case LEP_OPTION_PAIR:
			require(range[0] >= option->min && range[0] <= option->max);
			require(range[1] >= option->min && range[1] <= option->max);
			break;
		case LEP_OPTION_BOOL:
		case LEP_OPTION_QUERY:
		case LEP_OPTION_PARTS:
			break;
	}
}

static void
check_error(const LepError *error, LepStatus status)
{
	require(error->status == status);
	require(error->what != NULL);
	require(strnlen(error->text, LEP_ERROR_TEXT_LEN) < LEP_ERROR_TEXT_LEN);
	if (status == LEP_ERR_OPTION_UNKNOWN)
		require(lep_option_find(error->what) >= 0);
}

/* For each algorithm: all values are good for it, those given unchanged. */
static void
resolve(const LepOptions *given)
{
	for (int a = 0; a < LEP_N_ALGORITHMS; a++)
	{
		LepOptions resolved;
		LepError error;
		LepStatus status = lep_options_resolve(given, (LepAlgorithm) a, &resolved, &error);

		if (status != LEP_OK)
		{
			check_error(&error, status);
			continue;
		}
		require(resolved.algorithm == a);
		for (int i = 0; lep_option(i) != NULL; i++)
		{
			LepOptionType type = lep_option(i)->type;

			if (!lep_option_applies(i, (LepAlgorithm) a))
				continue;
			if ((type == LEP_OPTION_INT || type == LEP_OPTION_REAL) && lep_option_given(given, i))
				require(lep_option_number(&resolved, i) == lep_option_number(given, i) &&
						lep_option_number(&resolved, i) <= lep_option_max(i, (LepAlgorithm) a));
		}
	}
}

static void read_settings(FuzzInput *input, LepOptions *options, int depth);

/* Two lists of settings, as long as the length before each says. */
static LepStatus
set_parts(FuzzInput *input, LepOptions *options, const char *name, LepError *error)
{
	static LepParts parts; /* of the last list that was given: options keep a pointer */

	for (int p = 0; p < 2; p++)
	{
		size_t len = fuzz_byte(input);
		FuzzInput inner = { input->data, len < input->left ? len : input->left };

		input->data += inner.left;
		input->left -= inner.left;
		read_settings(&inner, &parts.part[p], 1);
	}
	return lep_options_set_parts(options, name, &parts, error);
}

static LepStatus
set_one(FuzzInput *input, LepOptions *options, const char *name, char **text, LepError *error)
{
	double reals[2];
	int64_t whole;

	switch (fuzz_byte(input) % 7)
	{
		case 0:
			fuzz_take(input, &whole, sizeof(whole));
			return lep_options_set_int(options, name, whole, error);
		case 1:
			fuzz_take(input, reals, sizeof(double));
			return lep_options_set_real(options, name, reals[0], error);
		case 2:
			return lep_options_set_bool(options, name, fuzz_byte(input) & 1, error);
		case 3:
			*text = take_text(input);
			return lep_options_set_text(options, name, *text, error);
		case 4:
			fuzz_take(input, reals, sizeof(reals));
			return lep_options_set_range(options, name, reals[0], reals[1], error);
		case 5:
			fuzz_take(input, reals, sizeof(reals));
			return lep_options_set_pair(options, name, reals[0], reals[1], error);
		default:
			return lep_options_fail_type(name, error);
	}
}

/* depth: 0, or 1 within parts, which have none. */
static void
read_settings(FuzzInput *input, LepOptions *options, int depth)
{
	int n_options = count_options();

	lep_options_init(options);
	while (input->left > 0)
	{
		int i = fuzz_byte(input) % (n_options + 1);
		char *unknown = i == n_options ? take_text(input) : NULL;
		const char *name = unknown != NULL ? unknown : lep_option(i)->name;
		char *text = NULL;
		LepOptions before = *options;
		LepError error;
		LepStatus status;

		if (i < n_options && lep_option(i)->type == LEP_OPTION_PARTS && depth == 0)
			status = set_parts(input, options, name, &error);
		else
			status = set_one(input, options, name, &text, &error);
		i = lep_option_find(name);
		if (status == LEP_OK)
		{
			require(i >= 0 && lep_option_given(options, i));
			check_value(options, i);
			if (lep_option(i)->type == LEP_OPTION_QUERY)
			{
				/* options keep a pointer, and this text ends here */
				require(lep_option_text(options, i) == text);
				*options = before;
			}
		}
		else
		{
			check_error(&error, status);
			require(memcmp(&before, options, sizeof(before)) == 0);
		}
		free(text);
		free(unknown);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput input = { data, size };
	LepOptions options;
	LepOptions part;

	read_settings(&input, &options, 0);
	resolve(&options);
	lep_options_to_part(&options, &part);
	require(part.algorithm == options.algorithm);
	return 0;
}

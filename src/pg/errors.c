/*
 * errors.c
 *		SQLSTATE, message, detail and hint of each status of the engine.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "core/options.h"
#include "pg/errors.h"

char *
lpg_errors_size(double bytes)
{
	if (bytes >= 1024.0 * 1024.0 * 1024.0)
		return psprintf("%.1f GB", bytes / (1024.0 * 1024.0 * 1024.0));
	if (bytes >= 1024.0 * 1024.0)
		return psprintf("%.1f MB", bytes / (1024.0 * 1024.0));
	return psprintf("%.0f kB", ceil(bytes / 1024.0));
}

static void
raise_resource_error(const LepError *e)
{
	switch (e->status)
	{
		case LEP_ERR_MEMORY:
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
							errdetail("Failed on a request of %s.", lpg_errors_size(e->value))));
			break;
		case LEP_ERR_MEMORY_LIMIT:
			ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
							errmsg("%s would take %s of memory, but lepton.max_training_memory is %s",
								   e->what != NULL ? e->what : "training", lpg_errors_size(e->value),
								   lpg_errors_size(e->max)),
							errhint("Ask for fewer factors, train on fewer ratings, or have "
									"lepton.max_training_memory raised.")));
			break;
		default:
			CHECK_FOR_INTERRUPTS();
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED), errmsg("canceling statement due to user request")));
	}
}

/* With the value that needs it, where there is one. */
static void
raise_needs_time(const LepError *e)
{
	const char *value = e->text[0] == '\0' ? "" : psprintf(" = \"%s\"", e->text);

	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\"%s needs the time of each rating", e->what, value),
					errhint("Name the source's column of times with option \"time_column\".")));
}

static void
raise_data_error(const LepError *e)
{
	switch (e->status)
	{
		case LEP_ERR_NOT_FINITE:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("%s of row " INT64_FORMAT " is %s", e->what, e->row,
								   isnan(e->value) ? "NaN"
								   : e->value > 0  ? "Infinity"
												   : "-Infinity"),
							errhint("Leave such rows out of the source, or make them NULL, which drops and "
									"counts them.")));
			break;
		case LEP_ERR_RATING_RANGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 e->row > 0
						 ? errmsg("rating %g of row " INT64_FORMAT " is out of range", e->value, e->row)
						 : errmsg("rating %g, made of several of one pair, is out of range: %s", e->value,
								  e->text),
					 errdetail("Ratings can be from -%g to %g.", e->max, e->max),
					 errhint("Divide the ratings by a constant, or leave such rows out of the source.")));
			break;
		case LEP_ERR_TOO_MANY:
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many %s", e->what),
							errdetail("At most %.0f can be trained on.", e->max)));
			break;
		case LEP_ERR_ID_TOO_LONG:
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("%s id of %.0f bytes is too long", e->what, e->value),
							errdetail("Ids can have %.0f bytes at most.", e->max)));
			break;
		case LEP_ERR_NO_RATINGS:
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND), errmsg("the source has no usable rating"),
					 errhint("Rows with a NULL id or rating are not used, nor are users and items below "
							 "min_user_ratings and min_item_ratings.")));
			break;
		case LEP_ERR_TOO_FEW:
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("the source has too few %s: %.0f, but at least %.0f are needed", e->what,
							e->value, e->min),
					 errhint("Rows with a NULL id or rating are not used, nor are users and items below "
							 "min_user_ratings and min_item_ratings.")));
			break;
		case LEP_ERR_DUPLICATE:
			ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
							errmsg("the source has more than one rating of the same pair: %s", e->text),
							errhint("Set option \"duplicates\" to last, mean, sum or max.")));
			break;
		case LEP_ERR_EMPTY_TRAIN:
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("all of the %.0f ratings are held out, and none is left to train on", e->value),
					 errhint("Set smaller options \"test_fraction\" and \"validation_fraction\".")));
			break;
		default:
			raise_needs_time(e);
	}
}

/* An option whose value is a range; what may be no option at all, but an argument. */
static bool
is_range(const char *what)
{
	int row = lep_option_find(what);

	return row >= 0 && lep_option(row)->type == LEP_OPTION_RANGE;
}

/* "a, b or c": the words of an enum option */
static char *
list_words(const LepOption *option)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int w = 0; option->words[w] != NULL; w++)
		appendStringInfo(&list, "%s%s",
						 w == 0							? ""
						 : option->words[w + 1] == NULL ? " or "
														: ", ",
						 option->words[w]);
	return list.data;
}

static void
raise_option_value(const LepError *e)
{
	const LepOption *option = lep_option(lep_option_find(e->what));

	if (option->type == LEP_OPTION_ENUM)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" cannot be \"%s\"", e->what, e->text),
						errhint("It can be %s.", list_words(option))));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" cannot be \"%s\"", e->what, e->text),
					errhint("It is the name of a column, of 1 to %d bytes.", LEP_OPTION_TEXT_LEN - 1)));
}

/* A text that is an option's name cannot be in a part; one that is an algorithm's cannot be one. */
static void
raise_option_parts(const LepError *e)
{
	const char *hint = "A blend is made of an algorithm with neighbors (walk or slim) and of ials.";

	if (e->value == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("both parts of option \"%s\" are of one kind", e->what), errhint("%s", hint)));
	if (lep_option_find(e->text) >= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" cannot be set in part %d of option \"%s\"", e->text,
							   (int) e->value, e->what),
						errhint("Set it beside option \"%s\": it is the same for both parts.", e->what)));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("part %d of option \"%s\" cannot be of algorithm \"%s\"", (int) e->value, e->what,
						   e->text),
					errhint("%s", hint)));
}

static void
raise_option_error(const LepError *e)
{
	switch (e->status)
	{
		case LEP_ERR_OPTION_UNKNOWN:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no option \"%s\"", e->text),
					 errhint("Perhaps you mean \"%s\"; lepton_options() lists all.", e->what)));
			break;
		case LEP_ERR_OPTION_TYPE:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" must be %s", e->what, e->text)));
			break;
		case LEP_ERR_OPTION_RANGE:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" cannot be %.15g", e->what, e->value),
							errhint("It can be from %.15g to %.15g%s.", e->min, e->max,
									is_range(e->what) ? ", the lowest rating first" : "")));
			break;
		case LEP_ERR_OPTION_VALUE:
			raise_option_value(e);
			break;
		case LEP_ERR_OPTION_PARTS:
			raise_option_parts(e);
			break;
		case LEP_ERR_OPTION_ALGORITHM:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("algorithm \"%s\" has no option \"%s\"", e->text, e->what),
							errhint("SELECT * FROM lepton_options('%s') lists those it has.", e->text)));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("algorithm \"%s\" does not learn from %s feedback", e->text, e->what),
					 errhint("Choose another algorithm, or say with option \"feedback\" what the ratings "
							 "are.")));
	}
}

void
lpg_error(const LepError *error)
{
	switch (error->status)
	{
		case LEP_ERR_MEMORY:
		case LEP_ERR_MEMORY_LIMIT:
		case LEP_ERR_STOPPED:
			raise_resource_error(error);
			break;
		case LEP_ERR_NOT_FINITE:
		case LEP_ERR_RATING_RANGE:
		case LEP_ERR_TOO_MANY:
		case LEP_ERR_ID_TOO_LONG:
		case LEP_ERR_NO_RATINGS:
		case LEP_ERR_TOO_FEW:
		case LEP_ERR_DUPLICATE:
		case LEP_ERR_EMPTY_TRAIN:
		case LEP_ERR_NEEDS_TIME:
			raise_data_error(error);
			break;
		case LEP_ERR_OPTION_UNKNOWN:
		case LEP_ERR_OPTION_TYPE:
		case LEP_ERR_OPTION_RANGE:
		case LEP_ERR_OPTION_VALUE:
		case LEP_ERR_OPTION_ALGORITHM:
		case LEP_ERR_OPTION_FEEDBACK:
		case LEP_ERR_OPTION_PARTS:
			raise_option_error(error);
			break;
		case LEP_ERR_DIVERGED:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("training by \"%s\" diverged in epoch " INT64_FORMAT, error->what, error->row),
					 errdetail("Its last step was %g.", error->value),
					 errhint("Set a smaller learning_rate or a larger regularization.")));
			break;
		case LEP_ERR_BYTES_VALUE:
			/* each number that was read is in range, but not what is computed of them */
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the model's %s are so large that nothing can be computed of them", error->what),
					 errhint("Run lepton_check on the model, and train it again.")));
			break;
		default:
			break;
	}
	elog(ERROR, "unexpected status of the engine: %s", lep_status_name(error->status));
}

/* What is wrong with the bytes; NULL for a status that is not about them. */
static const char *
bytes_detail(const LepError *error, const char *column)
{
	switch (error->status)
	{
		case LEP_ERR_BYTES_MAGIC:
			return psprintf("They do not begin as %s do.", column);
		case LEP_ERR_BYTES_LENGTH:
			return psprintf("Their length is %.0f, where %.0f is needed.", error->value, error->min);
		case LEP_ERR_BYTES_VALUE:
			if (error->row < 0)
				return psprintf("Their norm is %g, but it can be %g at most.", error->value, error->max);
			return psprintf("The number at position " INT64_FORMAT
							" is %g, but its magnitude can be %g at most.",
							error->row, error->value, error->max);
		case LEP_ERR_BYTES_CHECKSUM:
			return pstrdup("Their checksum is another than was written.");
		case LEP_ERR_BYTES_ORDER:
			return psprintf("The number at position " INT64_FORMAT " is out of order or out of range.",
							error->row);
		default:
			return NULL;
	}
}

void
lpg_error_bytes(const LepError *error, const char *table, const char *column)
{
	const char *where =
		table == NULL ? psprintf("\"%s\"", column) : psprintf("column \"%s\" of table \"%s\"", column, table);
	const char *detail = bytes_detail(error, column);

	if (error->status == LEP_ERR_BYTES_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s of the bytes in %s is %.0f, but this lepton knows %.0f at most",
						error->what != NULL && strcmp(error->what, "precision") == 0 ? "precision" : "format",
						where, error->value, error->max),
				 errhint("Install the version of lepton that wrote it, or a newer one.")));
	if (detail == NULL)
		lpg_error(error);
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("bytes in %s are damaged", where),
					errdetail("%s", detail),
					table == NULL ? 0 : errhint("Run lepton_check on the model, and train it again.")));
}

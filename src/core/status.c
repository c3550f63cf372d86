/*
 * status.c
 *		Names of statuses, and filling in an error.
 */
#include "core/status.h"

#include <string.h>

static const char *const status_names[LEP_N_STATUS] = {
	[LEP_OK] = "ok",
	[LEP_ERR_MEMORY] = "memory",
	[LEP_ERR_MEMORY_LIMIT] = "memory_limit",
	[LEP_ERR_STOPPED] = "stopped",
	[LEP_ERR_NOT_FINITE] = "not_finite",
	[LEP_ERR_RATING_RANGE] = "rating_range",
	[LEP_ERR_TOO_MANY] = "too_many",
	[LEP_ERR_ID_TOO_LONG] = "id_too_long",
	[LEP_ERR_NO_RATINGS] = "no_ratings",
	[LEP_ERR_TOO_FEW] = "too_few",
	[LEP_ERR_DUPLICATE] = "duplicate",
	[LEP_ERR_EMPTY_TRAIN] = "empty_train",
	[LEP_ERR_NEEDS_TIME] = "needs_time",
	[LEP_ERR_OPTION_UNKNOWN] = "option_unknown",
	[LEP_ERR_OPTION_TYPE] = "option_type",
	[LEP_ERR_OPTION_RANGE] = "option_range",
	[LEP_ERR_OPTION_VALUE] = "option_value",
	[LEP_ERR_OPTION_ALGORITHM] = "option_algorithm",
	[LEP_ERR_OPTION_FEEDBACK] = "option_feedback",
	[LEP_ERR_OPTION_PARTS] = "option_parts",
	[LEP_ERR_DIVERGED] = "diverged",
	[LEP_ERR_BYTES_MAGIC] = "bytes_magic",
	[LEP_ERR_BYTES_VERSION] = "bytes_version",
	[LEP_ERR_BYTES_LENGTH] = "bytes_length",
	[LEP_ERR_BYTES_VALUE] = "bytes_value",
	[LEP_ERR_BYTES_CHECKSUM] = "bytes_checksum",
	[LEP_ERR_BYTES_ORDER] = "bytes_order",
};

const char *
lep_status_name(LepStatus status)
{
	return status_names[status];
}

void
lep_error_set(LepError *error, LepStatus status, const char *what, double value, double min, double max)
{
	memset(error, 0, sizeof(*error));
	error->status = status;
	error->what = what;
	error->value = value;
	error->min = min;
	error->max = max;
}

void
lep_error_set_text(LepError *error, const char *text)
{
	size_t len = strlen(text);

	if (len >= LEP_ERROR_TEXT_LEN)
	{
		len = LEP_ERROR_TEXT_LEN - 1;
		while (len > 0 && ((unsigned char) text[len] & 0xC0) == 0x80)
			len--;
	}
	memcpy(error->text, text, len);
	error->text[len] = '\0';
}

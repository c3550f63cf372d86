/*
 * test_options.c
 *		Numbers of options at their limits.
 */
#include "unit.h"

#include "core/options.h"

/* A whole number is within the limits as it stands, not as the double nearest to it. */
static void
test_whole_numbers_at_their_limits(void)
{
	LepOptions options;
	LepError error;

	for (int i = 0; lep_option(i) != NULL; i++)
	{
		const LepOption *option = lep_option(i);

		if (option->type != LEP_OPTION_INT)
			continue;
		lep_options_init(&options);
		CHECK_OK(lep_options_set_int(&options, option->name, (int64_t) option->min, &error));
		CHECK_OK(lep_options_set_int(&options, option->name, (int64_t) option->max, &error));
		CHECK_STATUS(lep_options_set_int(&options, option->name, (int64_t) option->min - 1, &error),
					 LEP_ERR_OPTION_RANGE);
		CHECK_STATUS(lep_options_set_int(&options, option->name, (int64_t) option->max + 1, &error),
					 LEP_ERR_OPTION_RANGE);
		CHECK_STR_EQ(error.what, option->name);
		CHECK_STATUS(lep_options_set_int(&options, option->name, INT64_MIN, &error), LEP_ERR_OPTION_RANGE);
		CHECK_STATUS(lep_options_set_int(&options, option->name, INT64_MAX, &error), LEP_ERR_OPTION_RANGE);
		/* what was refused has changed nothing */
		CHECK_CLOSE(lep_option_number(&options, i), option->max, 0);
	}
}

int
main(void)
{
	TEST(test_whole_numbers_at_their_limits);
	return unit_done();
}

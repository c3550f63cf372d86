/*
 * test_times.c
 *		Which bin holds an instant, and a user moved into it, by hand.
 */
#include "unit.h"

#include "core/kernels.h"
#include "core/times.h"

static void
test_bins(void)
{
	int64_t first[] = { 100, 200, 300 };
	float bias[] = { 0, 0, 0 };
	LepTimes times = { 3, first, bias, NULL };
	LepTimes one = { 1, first, bias, NULL };

	CHECK_INT_EQ(lep_times_find(&times, INT64_MIN), 0);
	CHECK_INT_EQ(lep_times_find(&times, 99), 0);
	CHECK_INT_EQ(lep_times_find(&times, 100), 0);
	CHECK_INT_EQ(lep_times_find(&times, 199), 0);
	CHECK_INT_EQ(lep_times_find(&times, 200), 1);
	CHECK_INT_EQ(lep_times_find(&times, 299), 1);
	CHECK_INT_EQ(lep_times_find(&times, 300), 2);
	CHECK_INT_EQ(lep_times_find(&times, INT64_MAX), 2);
	CHECK_INT_EQ(lep_times_find(&one, 5), 0);
	CHECK_INT_EQ(lep_times_find(&one, 500), 0);
}

/* Two bins, two factors: the old one has bias 0.5, lift (1, 0.25). */
static void
test_moves(void)
{
	int64_t first[] = { 0, 10 };
	float bias[] = { 0.5f, 0 };
	_Alignas(LEP_ALIGNMENT) float lift[32] = { 1, 0.25f };
	_Alignas(LEP_ALIGNMENT) float row[16] = { 3, 4 };
	_Alignas(LEP_ALIGNMENT) float moved[16];
	LepTimes times = { 2, first, bias, lift };

	/* 0.25 + 0.5 */
	CHECK_CLOSE(lep_times_move(&times, 0, 0.25f, row, 16, moved), 0.75, 0);
	CHECK_CLOSE(moved[0], 4, 0);
	CHECK_CLOSE(moved[1], 4.25, 0);
	CHECK_CLOSE(moved[2], 0, 0);
	/* the newest bin is as she is */
	CHECK_CLOSE(lep_times_move(&times, 1, 0.25f, row, 16, moved), 0.25, 0);
	CHECK_BYTES_EQ(moved, row, sizeof(row));
	/* nobody: the bin's own */
	CHECK_CLOSE(lep_times_move(&times, 0, 0, NULL, 16, moved), 0.5, 0);
	CHECK_BYTES_EQ(moved, lift, sizeof(moved));
	/* without factors, and in place */
	times.lift = NULL;
	CHECK_CLOSE(lep_times_move(&times, 0, 0.25f, NULL, 0, NULL), 0.75, 0);
	times.lift = lift;
	CHECK_CLOSE(lep_times_move(&times, 0, 0.25f, row, 16, row), 0.75, 0);
	CHECK_CLOSE(row[1], 4.25, 0);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_bins);
	TEST(test_moves);
	return unit_done();
}

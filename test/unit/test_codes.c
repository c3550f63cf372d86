/*
 * test_codes.c
 *		Codes in 8 bits: every level that runs here against sums of products by
 *		index, and against what the codes promise of the row they stand for.
 */
#include <math.h>

#include "core/items.h"
#include "core/kernels_levels.h"
#include "core/rng.h"
#include "unit.h"

#define MAX_GROUPS (1024 / LEP_CODE_GROUP)

/* The levels that run here, and what one of them has instead on older machines. */
static int
list_levels(const LepKernels **kernels)
{
	int n = 0;

	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (lep_kernels_of(level) != NULL && lep_cpu_supports(level))
			kernels[n++] = lep_kernels_of(level);
	}
#ifdef LEP_HAVE_X86
	if (lep_cpu_supports(LEP_KERNELS_AVX512))
		kernels[n++] = &lep_kernels_avx512;
#endif
	return n;
}

static void *
aligned(size_t size)
{
	void *memory = aligned_alloc(64, (size + 63) / 64 * 64);

	if (memory == NULL)
		abort();
	return memory;
}

/* What every item of the block scores, by index. */
static void
naive_scores(const LepCodeScan *scan, float *scores)
{
	for (int i = 0; i < LEP_BLOCK_ITEMS; i++)
	{
		int64_t dot = 0;

		for (int f = 0; f < scan->n_groups * LEP_CODE_GROUP; f++)
		{
			int at = (f / LEP_CODE_GROUP * LEP_BLOCK_ITEMS + i) * LEP_CODE_GROUP + f % LEP_CODE_GROUP;

			dot += ((int64_t) scan->codes[at] - LEP_CODE_ZERO) * scan->query[f];
		}
		CHECK(llabs(dot) <= 1 << 24);
		scores[i] = fmaf(scan->scale[i], scan->query_scale * (float) dot, scan->bias[i]);
	}
}

static int8_t
draw_code(LepRng *rng, bool extreme)
{
	if (extreme)
		return lep_rng_below(rng, 8) == 0 ? 0 : LEP_MAX_CODE;
	return (int8_t) ((int) lep_rng_below(rng, 2 * LEP_MAX_CODE + 1) - LEP_MAX_CODE);
}

/* One block, cut at a score that one item has, between scores, and where nothing or all is above. */
static void
check_block(LepRng *rng, int n_groups, bool extreme)
{
	LepCodeScan scan = { .n_groups = n_groups, .query_scale = 0.01f };
	uint8_t *codes = aligned((size_t) n_groups * LEP_CODE_GROUP * LEP_BLOCK_ITEMS + 1);
	float *scale = aligned(LEP_BLOCK_ITEMS * sizeof(float));
	float *bias = aligned(LEP_BLOCK_ITEMS * sizeof(float));
	int8_t *query = aligned((size_t) n_groups * LEP_CODE_GROUP + 1);
	float scores[LEP_BLOCK_ITEMS];
	const LepKernels *levels[LEP_N_KERNEL_LEVELS + 1];
	int n_levels = list_levels(levels);

	for (int f = 0; f < n_groups * LEP_CODE_GROUP; f++)
	{
		query[f] = draw_code(rng, extreme);
		scan.query_sum += query[f];
	}
	for (int j = 0; j < n_groups * LEP_CODE_GROUP * LEP_BLOCK_ITEMS; j++)
		codes[j] = (uint8_t) (draw_code(rng, extreme) + LEP_CODE_ZERO);
	for (int i = 0; i < LEP_BLOCK_ITEMS; i++)
	{
		scale[i] = (float) lep_rng_uniform(rng);
		bias[i] = i == 13 ? -INFINITY : (float) lep_rng_uniform(rng);
	}
	scan.codes = codes;
	scan.scale = scale;
	scan.bias = bias;
	scan.query = query;
	naive_scores(&scan, scores);
	for (int round = 0; round < 8; round++)
	{
		uint64_t expected = 0;
		float some = scores[lep_rng_below(rng, LEP_BLOCK_ITEMS)];

		scan.cut = round == 0 ? -INFINITY : round == 1 ? INFINITY : round < 5 ? some : nextafterf(some, 9);
		for (int i = 0; i < LEP_BLOCK_ITEMS; i++)
			expected |= (uint64_t) !(scores[i] < scan.cut) << i;
		for (int level = 0; level < n_levels; level++)
			CHECK_INT_EQ((int64_t) levels[level]->codes_above(&scan), (int64_t) expected);
	}
	free(codes);
	free(scale);
	free(bias);
	free(query);
}

static void
test_blocks(void)
{
	static const int groups[] = { 0, 1, 2, 3, 5, 16, 33, MAX_GROUPS };
	LepRng rng;

	lep_rng_init(&rng, 1, 0, 0);
	for (int i = 0; i < 8; i++)
	{
		check_block(&rng, groups[i], false);
		check_block(&rng, groups[i], true);
	}
}

/* A score that is no number counts as above: whoever asks looks at it exactly. */
static void
test_no_number(void)
{
	uint8_t *codes = aligned(LEP_CODE_GROUP * LEP_BLOCK_ITEMS);
	float *zero = aligned(LEP_BLOCK_ITEMS * sizeof(float));
	_Alignas(4) int8_t query[LEP_CODE_GROUP] = { 1, 1, 1, 1 };
	LepCodeScan scan = { 1, codes, zero, zero, query, 4, INFINITY, 0 };
	const LepKernels *levels[LEP_N_KERNEL_LEVELS + 1];
	int n_levels = list_levels(levels);

	memset(codes, LEP_CODE_ZERO + 1, LEP_CODE_GROUP * LEP_BLOCK_ITEMS);
	memset(zero, 0, LEP_BLOCK_ITEMS * sizeof(float)); /* times infinity */
	for (int level = 0; level < n_levels; level++)
		CHECK_INT_EQ((int64_t) levels[level]->codes_above(&scan), -1);
	free(codes);
	free(zero);
}

/* One row at every level: the same codes and rest, and what they promise. */
static void
check_row(const float *row, int stride)
{
	const LepKernels *levels[LEP_N_KERNEL_LEVELS + 1];
	int n_levels = list_levels(levels);
	int8_t codes[1024];
	LepCoded coded = lep_items_encode(row, stride, codes);
	double largest = 0;
	double error = 0;

	for (int f = 0; f < stride; f++)
	{
		double rest = row[f] - (double) coded.scale * codes[f];

		CHECK(codes[f] >= -LEP_MAX_CODE && codes[f] <= LEP_MAX_CODE);
		largest = fmax(largest, fabs((double) row[f]));
		error += rest * rest;
	}
	CHECK(coded.error >= sqrt(error));
	CHECK(coded.error <= sqrt(error) * 1.001 + stride * 0x1p-148);
	if (largest > 1e-30) /* half a code and what scale and inverse round, each */
		CHECK(coded.error <= sqrt((double) stride) * largest / 127 * 0.5001 + 1e-6 * largest);
	for (int level = 0; level < n_levels; level++)
	{
		int8_t again[1024];
		float rest[1024];
		float scale = levels[level]->encode_f32(row, stride, again, rest);

		CHECK_BYTES_EQ(&scale, &coded.scale, sizeof(scale));
		CHECK_BYTES_EQ(again, codes, (size_t) stride);
		for (int f = 0; f < stride; f++)
			CHECK(rest[f] == fmaf(-scale, codes[f], row[f]));
	}
}

static void
test_rows(void)
{
	static const int strides[] = { 16, 64, 208, 1024 };
	static const double sizes[] = { 1, 1e14, 1e-20, 1e-37, 1e-41, 3e-45, 0 };
	float *row = aligned(1024 * sizeof(float));
	LepRng rng;

	lep_rng_init(&rng, 2, 0, 0);
	lep_kernels_choose();
	for (int s = 0; s < 4; s++)
	{
		for (int z = 0; z < 7; z++)
		{
			for (int f = 0; f < strides[s]; f++)
				row[f] = (float) (lep_rng_normal(&rng) * sizes[z]);
			check_row(row, strides[s]);
			row[strides[s] - 1] = (float) (40 * sizes[z]); /* one stands out */
			check_row(row, strides[s]);
		}
	}
	free(row);
}

/* -127, 63.5 and -63.5 thirds by hand: halves go away from zero. */
static void
test_row_by_hand(void)
{
	float *row = aligned(16 * sizeof(float));
	int8_t codes[16];
	LepCoded coded;

	memset(row, 0, 16 * sizeof(float));
	row[0] = -127;
	row[1] = 63.5f;
	row[2] = -63.5f;
	row[3] = 0.25f;
	coded = lep_items_encode(row, 16, codes);
	CHECK_CLOSE(coded.scale, 1, 0);
	CHECK_INT_EQ(codes[0], -127);
	CHECK_INT_EQ(codes[1], 64);
	CHECK_INT_EQ(codes[2], -64);
	CHECK_INT_EQ(codes[3], 0);
	CHECK_CLOSE(coded.error, 0.75, 1e-6);
	free(row);
}

/* A view of a block that lies elsewhere answers the same. */
static void
test_block_moves(void)
{
	enum
	{
		N = 100,
		K = 5
	};
	LepEnv env;
	LepArena arena;
	float bias[N];
	float *rows;
	char *block;
	char *copy;
	LepItems view;
	const LepItems *items = &view;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	rows = lep_arena_calloc(&arena, N * 16, sizeof(float));
	for (int i = 0; i < N; i++)
	{
		bias[i] = (float) (i % 7);
		rows[16 * i + i % K] = (float) i;
	}
	block = lep_arena_alloc(&arena, 1, lep_items_size(N, K));
	copy = lep_arena_alloc(&arena, 1, lep_items_size(N, K));
	memcpy(lep_items_room(block, N, K), rows, N * 16 * sizeof(float));
	CHECK_OK(lep_items_build(&env, block, N, K, 2.5, bias, NULL));
	memcpy(copy, block, lep_items_size(N, K));
	memset(block, 0xFF, lep_items_size(N, K));
	CHECK(lep_items_view(copy, &view));
	CHECK_INT_EQ(lep_items_count(items), N);
	CHECK_INT_EQ(lep_items_stride(items), 16);
	CHECK_CLOSE(items->mean, 2.5, 0);
	for (int i = 0; i < N; i++)
	{
		CHECK_CLOSE(lep_items_bias(items, i), bias[i], 0);
		CHECK_BYTES_EQ(lep_items_row(items, i), rows + 16 * i, 16 * sizeof(float));
	}
	CHECK(!lep_items_view(block, &view));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_blocks);
	TEST(test_no_number);
	TEST(test_rows);
	TEST(test_row_by_hand);
	TEST(test_block_moves);
	return unit_done();
}

/*
 * test_topn.c
 *		Top-N against the full scan: every item by lep_score, sorted by qsort.
 *
 * Equal means the same items in the same order with the same bits of score, at
 * every kernel level that runs here.
 */
#include "unit.h"

#include "core/kernels.h"
#include "core/model.h"
#include "core/rng.h"
#include "core/topn.h"

#define MAX_SET 6000

/* How the numbers of a case are drawn. */
typedef enum Shape
{
	SHAPE_NORMAL,	/* factors and biases of order 1 */
	SHAPE_POWER,	/* norms and biases fall as a power of the item number */
	SHAPE_TIES,		/* a few distinct rows, each many times */
	SHAPE_ZERO,		/* most rows and biases zero */
	SHAPE_BIAS,		/* biases up to 1e15 of both signs, factors of order 1 */
	SHAPE_SCALES,	/* norms from 1e-20 to 1e14 */
	SHAPE_DENORMAL, /* scores of a few dozen times the smallest float */
	SHAPE_CANCEL,	/* dot products that cancel to their own rounding error */
	SHAPE_OFFSET,	/* mean and biases that cancel, rounding the dot products away */
	SHAPE_NEAR,		/* scores that differ in the last bits of a float only */
	N_SHAPES
} Shape;

typedef struct Case
{
	LepArena arena;
	int32_t n_items;
	int k;
	int stride;
	double mean;
	float user_bias;
	float *user; /* [stride] */
	float *bias; /* [n_items] */
	float *factors;
	LepItems *items;
} Case;

/* Uniform in [-1, 1). */
static float
draw(LepRng *rng)
{
	return (float) (2 * lep_rng_uniform(rng) - 1);
}

/* Ten to a power that is uniform between two. */
static float
draw_scale(LepRng *rng, double low, double high)
{
	return (float) lep_exp((low + (high - low) * lep_rng_uniform(rng)) * 2.302585092994046);
}

static void
draw_item(LepRng *rng, Shape shape, int32_t item, float *bias, float *row, int k)
{
	float factor_scale = 1;
	float bias_scale = 1;
	LepRng same;

	switch (shape)
	{
		case SHAPE_POWER:
			factor_scale = bias_scale = 3 / sqrtf(1 + (float) item);
			break;
		case SHAPE_TIES: /* the row is a function of item % 3 */
			lep_rng_init(&same, 7, 7, (uint64_t) (item % 3));
			rng = &same;
			break;
		case SHAPE_ZERO:
			factor_scale = bias_scale = item % 17 == 5 ? 1 : 0;
			break;
		case SHAPE_BIAS:
			bias_scale = draw_scale(rng, -5, 15);
			break;
		case SHAPE_SCALES:
			factor_scale = draw_scale(rng, -20, 14) / 30;
			bias_scale = draw_scale(rng, -20, 14);
			break;
		case SHAPE_DENORMAL:
			factor_scale = 2e-44f;
			bias_scale = 0;
			break;
		case SHAPE_CANCEL:
			bias_scale = 0;
			break;
		case SHAPE_OFFSET:
			factor_scale = 1e-5f;
			bias_scale = 1e-4f;
			break;
		case SHAPE_NEAR:
			factor_scale = 3e-7f;
			bias_scale = 3e-7f;
			break;
		default:
			break;
	}
	*bias = bias_scale * draw(rng) + (shape == SHAPE_OFFSET ? 1000 : 0);
	for (int f = 0; f < k; f++)
		row[f] = factor_scale * draw(rng);
}

/* Change the last factor so that the dot product is all but zero. */
static void
cancel_dot(const float *user, float *row, int k)
{
	double sum = 0;

	for (int f = 0; f < k - 1; f++)
		sum += (double) user[f] * row[f];
	row[k - 1] = (float) (-sum / user[k - 1]);
}

/* Every second user points where an item does, so that its bound is tight. */
static void
draw_user(LepRng *rng, Shape shape, const Case *c)
{
	float scale = 1;
	const float *row = NULL;

	if (shape == SHAPE_SCALES)
		scale = draw_scale(rng, -20, 14) / 30;
	else if (shape == SHAPE_NORMAL || shape == SHAPE_POWER)
		scale = draw_scale(rng, -1.5, 1.5);
	if (shape < SHAPE_SCALES && lep_rng_below(rng, 2) == 0)
		row = c->factors + (int64_t) lep_rng_below(rng, (uint64_t) c->n_items) * c->stride;
	for (int f = 0; f < c->k; f++)
		c->user[f] = scale * (row != NULL ? row[f] : draw(rng));
}

static void
case_init(Case *c, LepEnv *env, LepRng *rng, Shape shape, int32_t n_items, int k)
{
	bool from_zero = shape == SHAPE_DENORMAL || shape == SHAPE_ZERO || shape == SHAPE_CANCEL;

	lep_arena_init(&c->arena, env);
	c->n_items = n_items;
	c->k = k;
	c->stride = lep_row_stride(k);
	c->mean = shape == SHAPE_OFFSET ? -1000 : from_zero ? 0 : 3.5 + draw(rng);
	c->user_bias = from_zero || shape == SHAPE_OFFSET ? 0 : draw(rng);
	c->user = lep_arena_calloc(&c->arena, c->stride, sizeof(float));
	c->bias = lep_arena_calloc(&c->arena, n_items, sizeof(float));
	c->factors = lep_arena_calloc(&c->arena, (int64_t) n_items * c->stride, sizeof(float));
	for (int32_t i = 0; i < n_items; i++)
		draw_item(rng, shape, i, &c->bias[i], c->factors + (int64_t) i * c->stride, k);
	draw_user(rng, shape, c);
	for (int32_t i = 0; i < n_items && shape == SHAPE_CANCEL && k > 1; i++)
		cancel_dot(c->user, c->factors + (int64_t) i * c->stride, k);
	c->items = lep_items_create(&c->arena, n_items, k, c->mean, c->bias, k > 0 ? c->factors : NULL);
	CHECK(c->items != NULL);
}

static int
compare_entries(const void *left, const void *right)
{
	const LepTopnEntry *a = left;
	const LepTopnEntry *b = right;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return a->item < b->item ? -1 : 1;
}

/* The full scan, from the inputs of lep_items_create. */
static int64_t
brute_force(const Case *c, const LepTopnQuery *query, LepTopnEntry *entries)
{
	int64_t n = 0;
	int64_t next_candidate = 0;
	int64_t next_exclude = 0;

	for (int32_t i = 0; i < c->n_items; i++)
	{
		bool wanted = query->candidates == NULL;

		if (next_candidate < query->n_candidates && query->candidates[next_candidate] == i)
		{
			wanted = true;
			next_candidate++;
		}
		if (next_exclude < query->n_exclude && query->exclude[next_exclude] == i)
		{
			wanted = false;
			next_exclude++;
		}
		if (!wanted)
			continue;
		entries[n].item = i;
		entries[n++].score = lep_score(c->mean, query->user_bias, c->bias[i], query->user_row,
									   c->factors + (int64_t) i * c->stride, c->stride);
	}
	qsort(entries, (size_t) n, sizeof(*entries), compare_entries);
	return n < query->n ? n : query->n;
}

/* One query at every level. */
static void
check_query(const Case *c, LepEnv *env, const LepTopnQuery *query)
{
	LepTopnEntry *expected = malloc(sizeof(LepTopnEntry) * (size_t) (c->n_items + 1));
	LepTopnEntry *found = malloc(sizeof(LepTopnEntry) * (size_t) (c->n_items + 1));
	int64_t n_expected = brute_force(c, query, expected);

	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		int64_t n_found = -1;

		if (lep_kernels_select(level) != 0)
			continue;
		memset(found, 0xFF, sizeof(LepTopnEntry) * (size_t) (c->n_items + 1));
		CHECK_OK(lep_topn(env, c->items, query, found, &n_found));
		if (CHECK_INT_EQ(n_found, n_expected))
			CHECK_BYTES_EQ(found, expected, sizeof(LepTopnEntry) * (size_t) n_found);
	}
	lep_kernels_choose();
	free(expected);
	free(found);
}

/* About this share of all items, ascending. */
static int64_t
draw_set(LepRng *rng, int32_t n_items, double share, int32_t *set)
{
	int64_t n = 0;

	for (int32_t i = 0; i < n_items; i++)
		if (lep_rng_uniform(rng) < share)
			set[n++] = i;
	return n;
}

/* All kinds of query on one case. */
static void
check_case(LepEnv *env, LepRng *rng, Shape shape, int32_t n_items, int k)
{
	static const double shares[] = { 0, 0.0005, 0.02, 0.6, 1 };
	int64_t limits[] = { 0, 1, 10, n_items, (int64_t) n_items + 100 };
	int32_t exclude[MAX_SET];
	int32_t candidates[MAX_SET];
	Case c;

	case_init(&c, env, rng, shape, n_items, k);
	for (int round = 0; round < 12; round++)
	{
		LepTopnQuery query = { .user_row = round == 11 || k == 0 ? NULL : c.user,
							   .user_bias = c.user_bias,
							   .n = limits[round % 5],
							   .exclude = exclude,
							   .candidates = round % 3 == 2 ? candidates : NULL };

		query.n_exclude = draw_set(rng, n_items, shares[lep_rng_below(rng, 5)], exclude);
		if (query.candidates != NULL)
			query.n_candidates = draw_set(rng, n_items, shares[lep_rng_below(rng, 5)], candidates);
		if (round < 5) /* all items, nothing excluded, every limit */
		{
			query.n_exclude = 0;
			query.n_candidates = 0;
			query.candidates = NULL;
		}
		check_query(&c, env, &query);
	}
	lep_arena_drop(&c.arena);
}

static void
check_shape(Shape shape)
{
	static const int factors[] = { 0, 1, 16, 17, 64, 200 };
	static const int32_t counts[] = { 1, 63, 64, 65, 5000 };
	LepEnv env;
	LepRng rng;

	unit_env_init(&env);
	lep_rng_init(&rng, 42, shape, 0);
	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 5; j++)
			for (int again = factors[i] == 1 ? 4 : 1; again > 0; again--)
				check_case(&env, &rng, shape, counts[j], factors[i]);
	unit_env_done(&env);
}

static void
test_normal(void)
{
	check_shape(SHAPE_NORMAL);
}

static void
test_power_law(void)
{
	check_shape(SHAPE_POWER);
}

static void
test_ties(void)
{
	check_shape(SHAPE_TIES);
}

static void
test_zero_vectors(void)
{
	check_shape(SHAPE_ZERO);
}

static void
test_huge_biases(void)
{
	check_shape(SHAPE_BIAS);
}

static void
test_norms_of_all_sizes(void)
{
	check_shape(SHAPE_SCALES);
}

static void
test_denormals(void)
{
	check_shape(SHAPE_DENORMAL);
}

static void
test_cancelling_dot_products(void)
{
	check_shape(SHAPE_CANCEL);
}

static void
test_cancelling_biases(void)
{
	check_shape(SHAPE_OFFSET);
}

static void
test_nearly_equal_scores(void)
{
	check_shape(SHAPE_NEAR);
}

/* Four items by hand: scores 4, 6, 6, 1; the tie goes by number. */
static void
test_by_hand(void)
{
	static const float bias[] = { 1, 2, 3, -2 };
	LepTopnEntry entries[4];
	LepTopnQuery query = { .n = 3 };
	const int32_t second = 1;
	float *rows;
	float *user;
	LepItems *items;
	int64_t n_found;
	LepArena arena;
	LepEnv env;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	rows = lep_arena_calloc(&arena, 4 * 16, sizeof(float));
	user = lep_arena_calloc(&arena, 16, sizeof(float));
	user[0] = 1;
	user[1] = 2;
	rows[16] = 1; /* item 1: 1 * 1; the others 0 */
	items = lep_items_create(&arena, 4, 2, 3, bias, rows);
	query.user_row = user;

	CHECK_OK(lep_topn(&env, items, &query, entries, &n_found));
	CHECK_INT_EQ(n_found, 3);
	CHECK_INT_EQ(entries[0].item, 1);
	CHECK_CLOSE(entries[0].score, 6, 0);
	CHECK_INT_EQ(entries[1].item, 2);
	CHECK_CLOSE(entries[1].score, 6, 0);
	CHECK_INT_EQ(entries[2].item, 0);
	CHECK_CLOSE(entries[2].score, 4, 0);

	query.exclude = &second;
	query.n_exclude = 1;
	query.n = 1;
	CHECK_OK(lep_topn(&env, items, &query, entries, &n_found));
	CHECK_INT_EQ(n_found, 1);
	CHECK_INT_EQ(entries[0].item, 2);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Candidates given, but none of them: nothing, never everything. */
static void
test_no_candidates(void)
{
	LepTopnEntry entry;
	const int32_t none = 0;
	LepTopnQuery query = { .n = 10, .candidates = &none };
	int64_t n_found = -1;
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 1, 2, 3);
	case_init(&c, &env, &rng, SHAPE_NORMAL, 100, 8);
	CHECK_OK(lep_topn(&env, c.items, &query, &entry, &n_found));
	CHECK_INT_EQ(n_found, 0);
	query.n = -5;
	query.candidates = NULL;
	CHECK_OK(lep_topn(&env, c.items, &query, &entry, &n_found));
	CHECK_INT_EQ(n_found, 0);
	lep_arena_drop(&c.arena);
	unit_env_done(&env);
}

/* What was put in comes out, for every item. */
static void
test_rows_and_biases(void)
{
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 3, 2, 1);
	case_init(&c, &env, &rng, SHAPE_SCALES, 1000, 20);
	for (int32_t i = 0; i < c.n_items; i++)
	{
		const float *row = lep_items_row(c.items, i);

		CHECK_BYTES_EQ(row, c.factors + (int64_t) i * c.stride, (size_t) c.stride * sizeof(float));
		CHECK_CLOSE(lep_items_bias(c.items, i), c.bias[i], 0);
		CHECK_INT_EQ((uintptr_t) row % LEP_ALIGNMENT, 0);
	}
	lep_arena_drop(&c.arena);
	case_init(&c, &env, &rng, SHAPE_NORMAL, 10, 0);
	CHECK(lep_items_row(c.items, 3) == NULL);
	lep_arena_drop(&c.arena);
	unit_env_done(&env);
}

static void
test_size(void)
{
	static const int factors[] = { 0, 1, 16, 17, 64, 200 };
	static const int32_t counts[] = { 1, 63, 64, 65, 5000 };

	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 5; j++)
		{
			int64_t n = counts[j];
			float *zero = calloc((size_t) (n * (lep_row_stride(factors[i]) + 1)), sizeof(float));
			size_t size;
			LepArena arena;
			LepEnv env;

			unit_env_init(&env);
			lep_arena_init(&arena, &env);
			CHECK(lep_items_create(&arena, counts[j], factors[i], 0, zero, zero) != NULL);
			/* the block, the view of it, and what an arena takes for both */
			size = lep_items_size(counts[j], factors[i]);
			CHECK(env.bytes_now >= size && env.bytes_now <= size + 512);
			CHECK(env.bytes_peak <= size + lep_items_scratch(counts[j]) + 512);
			CHECK(env.bytes_peak >= size + (size_t) counts[j] * 20);
			lep_arena_drop(&arena);
			unit_env_done(&env);
			free(zero);
		}
	/* ten million items of 128 floats: the rows, a quarter of it as codes, and not much besides */
	if (sizeof(size_t) == 8)
	{
		CHECK(lep_items_size(10000000, 128) > (size_t) 6400000000);
		CHECK(lep_items_size(10000000, 128) < (size_t) 6650000000);
	}
	else
		CHECK(lep_items_size(10000000, 128) == SIZE_MAX);
}

/* NaN and infinity are refused when factors are read; here they may only not hang or crash. */
static void
test_nan_ends(void)
{
	LepTopnEntry entries[500];
	LepTopnQuery query = { .n = 20 };
	int64_t n_found = -1;
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 9, 9, 9);
	case_init(&c, &env, &rng, SHAPE_NORMAL, 500, 8);
	query.user_row = c.user;
	c.user[3] = NAN;
	CHECK_OK(lep_topn(&env, c.items, &query, entries, &n_found));
	CHECK_INT_EQ(n_found, 20);
	c.user[3] = INFINITY;
	CHECK_OK(lep_topn(&env, c.items, &query, entries, &n_found));
	CHECK_INT_EQ(n_found, 20);
	lep_arena_drop(&c.arena);

	case_init(&c, &env, &rng, SHAPE_NORMAL, 500, 8);
	c.bias[7] = NAN;
	c.factors[100] = NAN;
	c.items = lep_items_create(&c.arena, 500, 8, 0, c.bias, c.factors);
	query.user_row = c.user;
	query.n = 500;
	CHECK_OK(lep_topn(&env, c.items, &query, entries, &n_found));
	CHECK_INT_EQ(n_found, 500);
	lep_arena_drop(&c.arena);
	unit_env_done(&env);
}

/*
 * Four blocks that trade bias for norm, users of all norms: each block is the
 * best for some, and its bound is reached.
 */
static void
test_bound_of_blocks(void)
{
	static const float bias[] = { 0, 0.7f, 1, 1.2f };
	static const float norm[] = { 2, 1, 0.5f, 0.1f };
	int n_best[4] = { 0 };
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 8, 1, 1);
	case_init(&c, &env, &rng, SHAPE_ZERO, 256, 1);
	for (int32_t i = 0; i < c.n_items; i++)
	{
		c.bias[i] = bias[i % 4];
		c.factors[i * c.stride] = norm[i % 4];
	}
	c.items = lep_items_create(&c.arena, c.n_items, c.k, c.mean, c.bias, c.factors);
	for (int step = 1; step <= 80; step++)
	{
		LepTopnQuery query = { .user_row = c.user, .n = 5 };
		LepTopnEntry entries[5];
		int64_t n_found;

		c.user[0] = 0.05f * (float) step;
		check_query(&c, &env, &query);
		CHECK_OK(lep_topn(&env, c.items, &query, entries, &n_found));
		n_best[entries[0].item % 4]++;
	}
	for (int group = 0; group < 4; group++)
		CHECK(n_best[group] > 0, "group %d is never the best", group);
	lep_arena_drop(&c.arena);
	unit_env_done(&env);
}

/*
 * A norm of root 5 of the smallest float is no float: rounded down, the second block
 * would seem to reach 2.69 of the first one's 2.7.
 */
static void
test_norms_between_denormals(void)
{
	LepTopnQuery query = { .n = 5 };
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 8, 2, 1);
	case_init(&c, &env, &rng, SHAPE_ZERO, 128, 2);
	memset(c.bias, 0, 128 * sizeof(float));
	for (int32_t i = 0; i < c.n_items; i++)
	{
		c.factors[i * c.stride] = i < 64 ? 0 : 2 * 0x1p-149f;
		c.factors[i * c.stride + 1] = i < 64 ? 3 * 0x1p-149f : 0x1p-149f;
	}
	c.items = lep_items_create(&c.arena, c.n_items, c.k, c.mean, c.bias, c.factors);
	c.user[0] = 1e14f;
	c.user[1] = 0.9e14f;
	query.user_row = c.user;
	check_query(&c, &env, &query);
	lep_arena_drop(&c.arena);
	unit_env_done(&env);
}

/* Norms near the limit: products beyond what the float32 pass covers. */
static void
test_products_beyond_float(void)
{
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 11, 1, 1);
	case_init(&c, &env, &rng, SHAPE_CANCEL, 2000, 32);
	for (int64_t f = 0; f < (int64_t) c.n_items * c.stride; f++)
		c.factors[f] *= 1e13f;
	for (int f = 0; f < c.k; f++)
		c.user[f] *= 2e25f; /* sums of both signs overflow a float in single lanes */
	c.items = lep_items_create(&c.arena, c.n_items, c.k, c.mean, c.bias, c.factors);
	for (int64_t n = 1; n < 3000; n = n * 3 + 1)
	{
		LepTopnQuery query = { .user_row = c.user, .n = n };

		check_query(&c, &env, &query);
	}
	lep_arena_drop(&c.arena);
	unit_env_done(&env);
}

/* should_stop: false `left` times, then true. */
static bool
stop_after(void *host)
{
	int *left = host;

	return (*left)-- <= 0;
}

static void
test_stops(void)
{
	const int32_t n_items = 20000;
	LepTopnEntry *entries = malloc(sizeof(LepTopnEntry) * (size_t) n_items);
	int n_stopped = 0;
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 5, 5, 5);
	case_init(&c, &env, &rng, SHAPE_NORMAL, n_items, 16);
	env.should_stop = stop_after;
	for (int asked = 0; asked < 1000; asked++)
	{
		LepTopnQuery query = { .user_row = c.user, .n = n_items };
		int64_t n_found = -1;
		int left = asked;
		LepStatus status;

		env.host = &left;
		status = lep_topn(&env, c.items, &query, entries, &n_found);
		if (status == LEP_OK)
		{
			CHECK_INT_EQ(n_found, n_items);
			break;
		}
		CHECK_STATUS(status, LEP_ERR_STOPPED);
		CHECK_STATUS(env.error.status, LEP_ERR_STOPPED);
		CHECK_INT_EQ(n_found, 0);
		n_stopped++;
	}
	CHECK(n_stopped >= 2 * n_items / 5000, "asked %d times only", n_stopped);

	n_stopped = 0;
	for (int asked = 0; asked < 1000; asked++)
	{
		size_t before = env.bytes_now;
		int left = asked;
		LepItems *items;

		env.host = &left;
		items = lep_items_create(&c.arena, n_items, 16, 0, c.bias, c.factors);
		if (items != NULL)
		{
			lep_arena_free(&c.arena, items);
			break;
		}
		CHECK_STATUS(env.error.status, LEP_ERR_STOPPED);
		CHECK_INT_EQ(env.bytes_now, before);
		n_stopped++;
	}
	CHECK(n_stopped >= 3 * n_items / 5000, "asked %d times only", n_stopped);
	lep_arena_drop(&c.arena);
	free(entries);
	unit_env_done(&env);
}

static void
test_no_memory(void)
{
	int32_t exclude[50];
	LepTopnEntry entries[10];
	int64_t n_found;
	LepTopnQuery query = { .n = 10, .exclude = exclude };
	LepEnv env;
	LepRng rng;
	Case c;

	unit_env_init(&env);
	lep_rng_init(&rng, 6, 6, 6);
	case_init(&c, &env, &rng, SHAPE_NORMAL, 100, 16);
	query.n_exclude = draw_set(&rng, 50, 1, exclude);
	env.max_bytes = env.bytes_now;
	CHECK_STATUS(lep_topn(&env, c.items, &query, entries, &n_found), LEP_ERR_MEMORY_LIMIT);
	CHECK_INT_EQ(n_found, 0);
	CHECK(lep_items_create(&c.arena, 100, 16, 0, c.bias, c.factors) == NULL);
	CHECK_STATUS(env.error.status, LEP_ERR_MEMORY_LIMIT);
	lep_arena_drop(&c.arena);
	unit_env_done(&env);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_by_hand);
	TEST(test_normal);
	TEST(test_power_law);
	TEST(test_ties);
	TEST(test_zero_vectors);
	TEST(test_huge_biases);
	TEST(test_norms_of_all_sizes);
	TEST(test_denormals);
	TEST(test_cancelling_dot_products);
	TEST(test_cancelling_biases);
	TEST(test_nearly_equal_scores);
	TEST(test_bound_of_blocks);
	TEST(test_norms_between_denormals);
	TEST(test_products_beyond_float);
	TEST(test_no_candidates);
	TEST(test_rows_and_biases);
	TEST(test_size);
	TEST(test_nan_ends);
	TEST(test_stops);
	TEST(test_no_memory);
	return unit_done();
}

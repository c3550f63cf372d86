/*
 * test_modelbytes.c
 *		A whole model as bytes: golden ones, made by another program from
 *		docs/format.md; what was trained, read back number by number; and every
 *		single byte damaged, with its checksum and with one that was made to fit.
 */
#include "document.h"
#include "sample.h"

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/idtable.h"
#include "core/kernels.h"
#include "core/modelbytes.h"
#include "core/neighbors.h"
#include "core/train.h"

#define MAX_GOLDEN	  512
#define HEAD_BYTES	  152
#define AT_CHECKSUM	  8
#define AT_BEHIND	  16 /* what the checksum is of */
#define AT_DOCUMENTS  88
#define AT_TEXT_BYTES 120

/* A golden file; tests run in test/unit or at the top. */
static size_t
read_golden(const char *name, uint8_t *bytes)
{
	static const char *const places[] = { "../fuzz/corpus/modelbytes/%s", "test/fuzz/corpus/modelbytes/%s" };
	size_t n = 0;

	for (int i = 0; i < 2 && n == 0; i++)
	{
		char path[128];
		FILE *file;

		snprintf(path, sizeof(path), places[i], name);
		file = fopen(path, "rb");
		if (file == NULL)
			continue;
		n = fread(bytes, 1, MAX_GOLDEN, file);
		fclose(file);
	}
	CHECK(n > HEAD_BYTES, "golden file %s", name);
	return n;
}

/* As aligned_alloc wants it. */
static size_t
rounded(size_t size)
{
	return (size + LEP_ALIGNMENT) / LEP_ALIGNMENT * LEP_ALIGNMENT;
}

static void
fit_checksum(uint8_t *bytes, size_t len)
{
	lep_put_u64(bytes + AT_CHECKSUM, lep_checksum(bytes + AT_BEHIND, len - AT_BEHIND));
}

/* Open, verify, find, load: whatever is asked of bytes. */
static LepStatus
read_all(const uint8_t *bytes, size_t len)
{
	LepEnv env;
	LepModelBytes model;
	LepStatus status;
	LepStatus verified;
	LepImageShape shape;
	void *block;
	LepImageRoom room;

	unit_env_init(&env);
	status = lep_modelbytes_open(bytes, len, &model, &env.error);
	if (status != LEP_OK)
	{
		unit_env_done(&env);
		return status;
	}
	verified = lep_modelbytes_verify(&env, &model);
	/* whatever verify says, the rest must come back */
	for (int side = 0; side < LEP_N_SIDES; side++)
	{
		LepId id = { .v.i64 = 0 };
		int32_t n;

		if (model.head.kind[side] == LEP_ID_TEXT)
			id.v.text.data = "";
		(void) lep_modelbytes_find(&model, (LepModelSide) side, &id, &n, &env.error);
	}
	shape = lep_modelbytes_shape(&model);
	if (rounded(lep_image_size(&shape)) < ((size_t) 1 << 24))
	{
		LepId *ids = malloc(sizeof(LepId) * ((size_t) shape.n_items + 1));
		float *bias = malloc(sizeof(float) * ((size_t) shape.n_items + 1));

		block = aligned_alloc(LEP_ALIGNMENT, rounded(lep_image_size(&shape)));
		room = lep_image_room(block, &shape);
		status = lep_modelbytes_load(&env, &model, &room, ids, bias);
		CHECK(verified != LEP_OK || status == LEP_OK);
		free(block);
		free(ids);
		free(bias);
	}
	unit_env_done(&env);
	return verified;
}

static void
test_checksum(void)
{
	uint8_t bytes[101];

	for (int i = 0; i < 101; i++)
		bytes[i] = (uint8_t) i;
	/* the specification's own numbers, and another program's */
	CHECK(lep_checksum(bytes, 0) == UINT64_C(0xEF46DB3751D8E999));
	CHECK(lep_checksum((const uint8_t *) "a", 1) == UINT64_C(0xD24EC4F1A98C6E5B));
	CHECK(lep_checksum((const uint8_t *) "abc", 3) == UINT64_C(0x44BC2CF5AD770999));
	CHECK(lep_checksum((const uint8_t *) "Nobody inspects the spammish repetition", 39) ==
		  UINT64_C(0xFBCEA83C8A378BF1));
	CHECK(lep_checksum(bytes, 101) == UINT64_C(0xE99038495F85381E));
}

/* ------------------------------------------------------------------- golden bytes */

static void
set_document(LepModelHead *head, LepModelDocument document, const char *text)
{
	head->document[document] = text;
	head->document_bytes[document] = strlen(text);
}

/* Rows of one side, written one after another. */
static void
put_rows(LepModelWriter *writer, LepModelSide side, const LepModelRow *rows, int n)
{
	for (int i = 0; i < n; i++)
		CHECK(lep_modelbytes_put(writer, side, &rows[i]));
	CHECK(!lep_modelbytes_put(writer, side, &rows[0]), "one row too many");
}

/* The example of docs/format.md, by the writer. */
static void
test_golden_plain(void)
{
	static const uint8_t factors[4][12] = { "LEPF\1\1\1\0\0\0\x80\x3f", "LEPF\1\1\1\0\0\0\0\xc0",
											"LEPF\1\1\1\0\0\0\0\x3e", "LEPF\1\1\1\0\0\0\0" };
	static const uint8_t first[] = { 'L', 'E', 'P', 'S', 1, 2, 0, 0, 0, 0, 0 };
	static const uint8_t second[] = { 'L', 'E', 'P', 'S', 1, 1, 0, 0, 0, 1 };
	const LepModelRow users[] = { { .id.v.i64 = 7,
									.n_ratings = 2,
									.bias = 0.25f,
									.factors = factors[0],
									.extra = first,
									.extra_bytes = 11 },
								  { .id.v.i64 = 9,
									.n_ratings = 1,
									.bias = -0.25f,
									.factors = factors[1],
									.extra = second,
									.extra_bytes = 10 } };
	const LepModelRow items[] = {
		{ .id.v.text = { "a", 1 }, .n_ratings = 1, .bias = 0.5f, .factors = factors[2] },
		{ .id.v.text = { "bc", 2 }, .n_ratings = 2, .bias = -0.5f, .factors = factors[3] }
	};
	LepModelHead head = { .kind = { LEP_ID_INT64, LEP_ID_TEXT },
						  .n_factors = 1,
						  .exclude_seen = true,
						  .mean = 3.5,
						  .min_score = 1,
						  .max_score = 5,
						  .n_users = 2,
						  .n_ratings = 3,
						  .created_at = LEP_NO_INSTANT,
						  .encoding = 6,
						  .n_rows = { 2, 2 },
						  .text_bytes = { 0, 3 },
						  .extra_bytes = { 21, 0 } };
	uint8_t golden[MAX_GOLDEN];
	uint8_t bytes[MAX_GOLDEN];
	size_t len = read_golden("plain", golden);
	LepModelWriter writer;

	set_document(&head, LEP_DOCUMENT_ALGORITHM, "als");
	set_document(&head, LEP_DOCUMENT_OPTIONS, "{}");
	set_document(&head, LEP_DOCUMENT_METRICS, "{}");
	set_document(&head, LEP_DOCUMENT_DETAILS, "{}");
	if (!CHECK_INT_EQ(lep_modelbytes_size(&head), len))
		return;
	lep_modelbytes_begin(&writer, &head, bytes);
	put_rows(&writer, LEP_SIDE_USERS, users, 2);
	CHECK(!lep_modelbytes_end(&writer), "the items are missing");
	put_rows(&writer, LEP_SIDE_ITEMS, items, 2);
	CHECK(lep_modelbytes_end(&writer));
	CHECK_BYTES_EQ(bytes, golden, len);
	CHECK_OK(read_all(golden, len));
	if (CHECK_INT_EQ(document_example("```hex model", bytes, sizeof(bytes)), len))
		CHECK_BYTES_EQ(bytes, golden, len);
}

/* All kinds of parts: uuids, variances, levels, neighbours, half precision; unaligned, too. */
static void
test_golden_full(void)
{
	uint8_t buffer[MAX_GOLDEN + 1];
	uint8_t *golden = buffer + 1;
	size_t len = read_golden("full", golden);
	LepModelBytes model;
	LepModelRow row;
	LepError error;
	LepId id = { .v.i64 = 7 };
	float factors[16];
	int32_t n = -2;

	CHECK_OK(read_all(golden, len));
	if (!CHECK_OK(lep_modelbytes_open(golden, len, &model, &error)))
		return;
	CHECK(model.head.kind[0] == LEP_ID_UUID && model.head.kind[1] == LEP_ID_INT64);
	CHECK(!model.head.implicit && model.head.exclude_seen && model.head.has_neighbors &&
		  model.head.has_variances);
	CHECK(model.head.unknown == LEP_UNKNOWN_ERROR && model.head.precision == LEP_PRECISION_FLOAT16);
	CHECK(model.head.mean == -0.5 && model.head.min_score == 0 && model.head.max_score == 10);
	CHECK(model.head.levels.n == 2 && model.head.levels.value[1] == 2 && model.head.levels.cut[0] == 1.5f);
	CHECK_INT_EQ(model.head.n_users, 5);
	CHECK_INT_EQ(model.head.n_ratings, 9);
	CHECK_INT_EQ(model.head.n_neighbors, 3);
	CHECK(model.head.created_at == INT64_C(86400000000));
	CHECK_INT_EQ(model.head.document_bytes[LEP_DOCUMENT_OPTIONS], 0);
	CHECK_BYTES_EQ(model.head.document[LEP_DOCUMENT_METRICS], "{\"rmse\": 1}", 11);

	CHECK_OK(lep_modelbytes_find(&model, LEP_SIDE_ITEMS, &id, &n, &error));
	CHECK_INT_EQ(n, 2);
	CHECK_OK(lep_modelbytes_row(&model, LEP_SIDE_ITEMS, 2, &row, &error));
	CHECK(row.n_ratings == 3 && row.bias == 2 && row.variance == 4 && row.id.v.i64 == 7);
	CHECK_OK(lep_modelbytes_factors(&model, &row, factors, &error));
	CHECK(factors[0] == 1 && factors[1] == -2 && factors[2] == 0.125f && factors[3] == 0);
	id.v.i64 = -6;
	CHECK_OK(lep_modelbytes_find(&model, LEP_SIDE_ITEMS, &id, &n, &error));
	CHECK_INT_EQ(n, -1);
	for (int i = 0; i < 16; i++)
		id.v.uuid[i] = (uint8_t) (i + 1);
	CHECK_OK(lep_modelbytes_find(&model, LEP_SIDE_USERS, &id, &n, &error));
	CHECK_INT_EQ(n, 1);
	CHECK_OK(lep_modelbytes_row(&model, LEP_SIDE_USERS, 1, &row, &error));
	CHECK(row.n_ratings == 0 && row.bias == -1 && row.variance == 0);
}

/* ------------------------------------------------------------------------- damage */

/*
 * Each byte changed: the checksum finds it.  With a checksum that fits, either it is
 * refused, or it is a number that may as well be that; never a crash.
 */
static void
test_damaged_bytes(void)
{
	static const char *const names[] = { "plain", "full" };

	for (int g = 0; g < 2; g++)
	{
		uint8_t golden[MAX_GOLDEN];
		size_t len = read_golden(names[g], golden);

		for (size_t at = 0; at < len; at++)
		{
			for (int bit = 0; bit < 8; bit++)
			{
				uint8_t *bytes = malloc(len); /* exactly: reads beyond are seen */

				memcpy(bytes, golden, len);
				bytes[at] ^= (uint8_t) (1 << bit);
				CHECK(read_all(bytes, len) != LEP_OK, "byte %zu, bit %d of %s", at, bit, names[g]);
				fit_checksum(bytes, len);
				(void) read_all(bytes, len);
				free(bytes);
			}
		}
		for (size_t shorter = 0; shorter < len; shorter++)
		{
			uint8_t *bytes = malloc(shorter + 1);

			memcpy(bytes, golden, shorter);
			CHECK(read_all(bytes, shorter) != LEP_OK, "%zu bytes of %s", shorter, names[g]);
			free(bytes);
		}
	}
}

/* Forged: a checksum that fits, and numbers that cannot be. */
static void
check_forged(const char *name, size_t at, const void *patch, size_t size, LepStatus expected)
{
	uint8_t bytes[MAX_GOLDEN];
	size_t len = read_golden(name, bytes);

	memcpy(bytes + at, patch, size);
	fit_checksum(bytes, len);
	CHECK_STATUS(read_all(bytes, len), expected);
}

static void
test_forged(void)
{
	uint8_t bytes[MAX_GOLDEN];
	size_t ids = HEAD_BYTES + 9; /* behind the documents */

	/* the head: mean and scale NaN, sizes beyond all memory, rows beyond the users, a spare byte */
	check_forged("plain", 32, "\0\0\0\0\0\0\xf8\x7f", 8, LEP_ERR_BYTES_VALUE);
	check_forged("plain", 40, "\0\0\xc0\x7f", 4, LEP_ERR_BYTES_VALUE);
	check_forged("plain", AT_DOCUMENTS, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, LEP_ERR_BYTES_VALUE);
	check_forged("plain", AT_TEXT_BYTES, "\1", 1, LEP_ERR_BYTES_VALUE);
	check_forged("plain", 80, "\xff\xff\xff\x7f", 4, LEP_ERR_BYTES_VALUE);
	check_forged("plain", 84, "\xff\xff\xff\x7f", 4, LEP_ERR_BYTES_VALUE);
	check_forged("plain", 84, "\xfe\xff\xff\x7f", 4, LEP_ERR_BYTES_LENGTH);
	check_forged("plain", 30, "\1", 1, LEP_ERR_BYTES_VALUE);
	check_forged("plain", 25, "\x10", 1, LEP_ERR_BYTES_VALUE);
	check_forged("plain", 28, "\1\4", 2, LEP_ERR_BYTES_VALUE);
	/* ids twice, counts below 0, biases and factors that are infinite, offsets beyond the text */
	check_forged("plain", ids + 8, "\7", 1, LEP_ERR_BYTES_ORDER);
	check_forged("plain", ids + 16, "\0\0\0\x80", 4, LEP_ERR_BYTES_VALUE);
	check_forged("plain", ids + 24, "\0\0\x80\x7f", 4, LEP_ERR_BYTES_VALUE);
	check_forged("plain", ids + 40, "\0\0\x80\x7f", 4, LEP_ERR_BYTES_VALUE);
	check_forged("plain", ids + 60, "\xff\xff\xff\xff", 4, LEP_ERR_BYTES_ORDER);
	/* levels that descend, an item that is its own neighbour, more neighbours than there are */
	check_forged("full", HEAD_BYTES, "\0\0\x80\x40", 4, LEP_ERR_BYTES_VALUE);
	check_forged("full", 64, "\4", 1, LEP_ERR_BYTES_LENGTH);
	check_forged("full", 64, "\xff\xff\xff\xff", 4, LEP_ERR_BYTES_VALUE);
	CHECK_INT_EQ(read_golden("full", bytes), 477);
	/* the last row's only neighbour, item 0, becomes 2, itself; and 3, which there is not */
	check_forged("full", 477 - 4, "\2", 1, LEP_ERR_BYTES_ORDER);
	check_forged("full", 477 - 4, "\3", 1, LEP_ERR_BYTES_ORDER);
}

/* ------------------------------------------------------------- what was trained */

static void
check_user(const LepModelBytes *model, const LepTrainResult *result, const LepRatings *ratings, int32_t u)
{
	const LepModel *m = &result->model;
	int64_t first = ratings->user_start[u];
	int64_t n_seen = ratings->user_start[u + 1] - first;
	int32_t *items = malloc(sizeof(int32_t) * (size_t) n_seen);
	LepId id = lep_idmap_id(ratings->users, u);
	float factors[64];
	LepModelRow row;
	LepError error;
	int32_t found = -1;
	int64_t count = -1;

	CHECK_OK(lep_modelbytes_find(model, LEP_SIDE_USERS, &id, &found, &error));
	CHECK_INT_EQ(found, u);
	CHECK_OK(lep_modelbytes_row(model, LEP_SIDE_USERS, u, &row, &error));
	CHECK(row.bias == m->user_bias[u] && row.n_ratings == n_seen);
	if (m->n_factors > 0 && CHECK_OK(lep_modelbytes_factors(model, &row, factors, &error)))
		CHECK_BYTES_EQ(factors, m->user_factors + (size_t) u * (size_t) m->stride,
					   sizeof(float) * (size_t) m->stride);
	CHECK_OK(lep_seen_count(row.extra, row.extra_bytes, &count, &error));
	if (CHECK_INT_EQ(count, n_seen) &&
		CHECK_OK(lep_seen_decode(row.extra, row.extra_bytes, m->n_items, items, &error)))
		CHECK_BYTES_EQ(items, ratings->item + first, sizeof(int32_t) * (size_t) n_seen);
	free(items);
}

/* As they are served: the model's own numbers. */
static void
check_items(LepEnv *env, const LepModelBytes *model, const LepTrainResult *result, const LepRatings *ratings)
{
	const LepModel *m = &result->model;
	LepImageShape shape = lep_modelbytes_shape(model);
	void *block = aligned_alloc(LEP_ALIGNMENT, rounded(lep_image_size(&shape)));
	LepImageRoom room = lep_image_room(block, &shape);
	LepId *ids = malloc(sizeof(LepId) * (size_t) m->n_items);
	float *bias = malloc(sizeof(float) * (size_t) m->n_items);
	int32_t *counts = calloc((size_t) m->n_items, sizeof(int32_t));

	for (int64_t j = 0; j < ratings->n_ratings; j++)
		counts[ratings->item[j]]++;
	if (CHECK_OK(lep_modelbytes_load(env, model, &room, ids, bias)))
	{
		CHECK_BYTES_EQ(bias, m->item_bias, sizeof(float) * (size_t) m->n_items);
		CHECK_BYTES_EQ(room.n_ratings, counts, sizeof(int32_t) * (size_t) m->n_items);
		if (m->n_factors > 0)
			CHECK_BYTES_EQ(room.rows, m->item_factors,
						   sizeof(float) * (size_t) m->n_items * (size_t) m->stride);
		if (m->neighbors != NULL)
		{
			int64_t n = m->neighbors->start[m->n_items];

			CHECK_BYTES_EQ(room.start, m->neighbors->start, sizeof(int64_t) * ((size_t) m->n_items + 1));
			CHECK_BYTES_EQ(room.target, m->neighbors->target, sizeof(int32_t) * (size_t) n);
			CHECK_BYTES_EQ(room.weight, m->neighbors->weight, sizeof(float) * (size_t) n);
		}
		for (int32_t i = 0; i < m->n_items; i++)
			CHECK(ids[i].v.i64 == lep_idmap_id(ratings->items, i).v.i64);
	}
	free(block);
	free(ids);
	free(bias);
	free(counts);
}

/* A host that says stop once it has been asked n_to_go times more. */
static int n_to_go;

static bool
stop_when_due(void *host)
{
	(void) host;
	return n_to_go-- <= 0;
}

/* Each part asks, and ends where it is told to. */
static void
check_stops(LepEnv *env, const LepTrainResult *result, const LepRatings *ratings, size_t len)
{
	bool (*never)(void *) = env->should_stop;
	uint8_t *bytes = malloc(len);
	int n_head = 1; /* parts that ask once, as small as they are */
	int n_parts = 3;
	LepModelHead head;

	n_head += result->model.neighbors != NULL;
	env->should_stop = stop_when_due;
	for (int n = 0; n <= n_head; n++)
	{
		n_to_go = n;
		CHECK_INT_EQ(lep_modelbytes_head(env, result, ratings, &head), n < n_head ? LEP_ERR_STOPPED : LEP_OK);
	}
	for (int n = 0; n <= n_parts; n++)
	{
		n_to_go = n;
		CHECK_INT_EQ(lep_modelbytes_encode(env, &head, result, ratings, bytes),
					 n < n_parts ? LEP_ERR_STOPPED : LEP_OK);
	}
	env->should_stop = never;
	free(bytes);
}

static void
check_trained(const char *algorithm, const char *storage, LepFeedback feedback)
{
	static const SamplePlan plan = { 60, 40, 0.3, 2, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 5);
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepTrainResult result;
	LepModelHead head;
	LepModelBytes model;
	size_t len;
	uint8_t *bytes;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, &sample, feedback);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", algorithm, &env.error));
	CHECK_OK(lep_options_set_text(&options, "storage", storage, &env.error));
	CHECK_OK(lep_train(&arena, ratings, &options, &result));

	CHECK_OK(lep_modelbytes_head(&env, &result, ratings, &head));
	len = lep_modelbytes_size(&head);
	CHECK(lep_modelbytes_least(ratings->n_users, ratings->n_items, ratings->n_ratings, head.n_factors,
							   head.precision) <= len);
	bytes = malloc(len);
	CHECK_OK(lep_modelbytes_encode(&env, &head, &result, ratings, bytes));
	CHECK_OK(read_all(bytes, len));
	check_stops(&env, &result, ratings, len);
	if (CHECK_OK(lep_modelbytes_open(bytes, len, &model, &env.error)))
	{
		CHECK(model.head.mean == result.model.mean && model.head.n_ratings == ratings->n_ratings);
		CHECK_INT_EQ(model.head.implicit, feedback == LEP_FEEDBACK_IMPLICIT);
		for (int32_t u = 0; u < ratings->n_users; u++)
			check_user(&model, &result, ratings, u);
		check_items(&env, &model, &result, ratings);
	}
	free(bytes);
	sample_free(&sample);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_trained(void)
{
	check_trained("baseline", "float32", LEP_FEEDBACK_EXPLICIT);
	check_trained("als", "float32", LEP_FEEDBACK_EXPLICIT);
	check_trained("als", "float16", LEP_FEEDBACK_EXPLICIT);
	check_trained("als", "int8", LEP_FEEDBACK_EXPLICIT);
	check_trained("ials", "float32", LEP_FEEDBACK_IMPLICIT);
	check_trained("walk", "int8", LEP_FEEDBACK_IMPLICIT);
	check_trained("popular", "float32", LEP_FEEDBACK_IMPLICIT);
}

/* Few users who have everything: what is between two questions is so many bytes, not so many users. */
static void
test_large_sets_can_be_stopped(void)
{
	enum
	{
		N_USERS = 100,
		N_ITEMS = 30000
	};
	int32_t *items = malloc(N_ITEMS * sizeof(int32_t));
	uint8_t *seen = malloc(lep_seen_max_size(N_ITEMS));
	LepModelHead head = { .n_users = N_USERS,
						  .n_ratings = 1,
						  .max_score = 5,
						  .created_at = LEP_NO_INSTANT,
						  .n_rows = { N_USERS, N_ITEMS } };
	LepModelRow row = { .extra = seen };
	LepModelWriter writer;
	LepModelBytes model;
	LepEnv env;
	uint8_t *bytes;

	unit_env_init(&env);
	for (int32_t i = 0; i < N_ITEMS; i++)
		items[i] = i;
	row.extra_bytes = lep_seen_encode(items, N_ITEMS, seen);
	head.extra_bytes[LEP_SIDE_USERS] = N_USERS * row.extra_bytes;
	bytes = malloc(lep_modelbytes_size(&head));
	lep_modelbytes_begin(&writer, &head, bytes);
	for (row.id.v.i64 = 0; row.id.v.i64 < N_USERS; row.id.v.i64++)
		CHECK(lep_modelbytes_put(&writer, LEP_SIDE_USERS, &row));
	for (row.id.v.i64 = 0; row.id.v.i64 < N_ITEMS; row.id.v.i64++)
		CHECK(lep_modelbytes_put(&writer, LEP_SIDE_ITEMS, &row));
	CHECK(lep_modelbytes_end(&writer));
	CHECK_OK(lep_modelbytes_open(bytes, lep_modelbytes_size(&head), &model, &env.error));
	env.should_stop = stop_when_due;
	n_to_go = INT32_MAX;
	CHECK_OK(lep_modelbytes_verify(&env, &model));
	/* 3 MB of sets by 512 kB, and once at the beginning; items by 1024 */
	CHECK_INT_EQ(INT32_MAX - n_to_go, 1 + 5 + 30);
	for (int n = 0; n < 1 + 5; n++)
	{
		n_to_go = n;
		CHECK_STATUS(lep_modelbytes_verify(&env, &model), LEP_ERR_STOPPED);
	}
	free(bytes);
	free(seen);
	free(items);
	unit_env_done(&env);
}

/* Sizes that no memory has are no sizes. */
static void
test_size(void)
{
	LepModelHead head = { .kind = { LEP_ID_TEXT, LEP_ID_TEXT } };

	head.text_bytes[LEP_SIDE_USERS] = (size_t) UINT32_MAX;
	CHECK(lep_modelbytes_size(&head) != SIZE_MAX);
	head.text_bytes[LEP_SIDE_USERS] = (size_t) UINT32_MAX + 1;
	CHECK(lep_modelbytes_size(&head) == SIZE_MAX);
	CHECK(lep_modelbytes_least(1000000, 1000, 20000000, 64, LEP_PRECISION_FLOAT32) > (size_t) 256 << 20);
}

int
main(void)
{
	TEST(test_checksum);
	TEST(test_golden_plain);
	TEST(test_golden_full);
	TEST(test_damaged_bytes);
	TEST(test_forged);
	TEST(test_trained);
	TEST(test_large_sets_can_be_stopped);
	TEST(test_size);
	return unit_done();
}

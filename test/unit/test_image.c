/*
 * test_image.c
 *		Ids and items in blocks that are moved: what is found in a copy is what was
 *		put into the original, for every kind of id and shape of model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/idtable.h"
#include "core/image.h"
#include "unit.h"

/* A copy elsewhere, of which nothing may refer to the original, which is wiped. */
static void *
move_block(LepArena *arena, void *block, size_t size)
{
	void *copy = lep_arena_alloc(arena, 1, size);

	memcpy(copy, block, size);
	memset(block, 0xAA, size);
	return copy;
}

/* The id of number i, all of one kind and ascending. */
static LepId
make_id(LepIdKind kind, int32_t i, char *text)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	if (kind == LEP_ID_INT64)
		id.v.i64 = (int64_t) i * i * i - 1000000;
	else if (kind == LEP_ID_UUID)
	{
		id.v.uuid[0] = (uint8_t) (i >> 8);
		id.v.uuid[1] = (uint8_t) i;
		id.v.uuid[15] = (uint8_t) (i * 7);
	}
	else
	{
		/* the first is empty, some hold a zero byte */
		id.v.text.len = i == 0 ? 0 : snprintf(text, 32, "%06d%.*s", i, i % 5, "xyzzy");
		if (i % 11 == 3)
			text[6] = '\0';
		id.v.text.data = text;
	}
	return id;
}

static void
check_table(LepIdKind kind, int32_t n)
{
	LepEnv env;
	LepArena arena;
	LepId *ids;
	char(*texts)[32];
	size_t size;
	void *block;
	LepIdTable table;
	LepId stranger;
	char text[32] = "";

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ids = lep_arena_calloc(&arena, n, sizeof(LepId));
	texts = lep_arena_calloc(&arena, n, sizeof(*texts));
	for (int32_t i = 0; i < n; i++)
		ids[i] = make_id(kind, i, texts[i]);
	size = lep_idtable_size(kind, ids, n);
	block = lep_arena_alloc(&arena, 1, size);
	CHECK_OK(lep_idtable_build(&env, block, size, kind, ids, n));
	block = move_block(&arena, block, size);
	table = lep_idtable_open(block);
	CHECK_INT_EQ(table.n, n);
	for (int32_t i = 0; i < n; i++)
	{
		LepId id = lep_idtable_id(&table, i);

		CHECK_INT_EQ(lep_id_compare(kind, &id, &ids[i]), 0);
		CHECK_INT_EQ(lep_idtable_find(&table, &ids[i]), i);
	}
	stranger = make_id(kind, n + 1, text);
	CHECK_INT_EQ(lep_idtable_find(&table, &stranger), -1);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_ids_of_every_kind(void)
{
	static const int32_t counts[] = { 0, 1, 9, 10, 11, 1000, 20000 };

	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
	{
		check_table(LEP_ID_INT64, counts[c]);
		check_table(LEP_ID_UUID, counts[c]);
		check_table(LEP_ID_TEXT, counts[c]);
	}
}

/* The same twice, or descending: the first place where it goes wrong is named. */
static void
test_ids_must_ascend(void)
{
	LepEnv env;
	LepArena arena;
	LepId ids[4];
	size_t size;
	void *block;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	memset(ids, 0, sizeof(ids));
	ids[0].v.i64 = -5;
	ids[1].v.i64 = 3;
	ids[2].v.i64 = 3;
	ids[3].v.i64 = 9;
	size = lep_idtable_size(LEP_ID_INT64, ids, 4);
	block = lep_arena_alloc(&arena, 1, size);
	CHECK_STATUS(lep_idtable_build(&env, block, size, LEP_ID_INT64, ids, 4), LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(env.error.row, 2);
	ids[2].v.i64 = 4;
	ids[3].v.i64 = -4;
	CHECK_STATUS(lep_idtable_build(&env, block, size, LEP_ID_INT64, ids, 4), LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(env.error.row, 3);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

enum
{
	N_ITEMS = 300
};

/* Neighbours of item i: i % 4 of them, the next ones. */
static int64_t
fill_neighbors(const LepImageRoom *room)
{
	int64_t n = 0;

	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		room->start[i] = n;
		for (int32_t j = i + 1; j <= i + i % 4 && j < N_ITEMS; j++, n++)
		{
			room->target[n] = j;
			room->weight[n] = 1.0f / (float) (j + 1);
		}
	}
	room->start[N_ITEMS] = n;
	return n;
}

static void
check_image(int n_factors, bool has_neighbors, bool has_order)
{
	LepImageShape shape = {
		N_ITEMS, n_factors, has_neighbors, has_order, has_neighbors ? 4 * N_ITEMS : 0, 1.5
	};
	LepEnv env;
	LepArena arena;
	LepImageRoom room;
	LepImage image;
	float bias[N_ITEMS];
	void *block;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	block = lep_arena_calloc(&arena, 1, lep_image_size(&shape));
	room = lep_image_room(block, &shape);
	CHECK_INT_EQ(room.rows != NULL, n_factors > 0);
	CHECK_INT_EQ(room.popularity != NULL, has_order);
	CHECK_INT_EQ(room.start != NULL, has_neighbors);
	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		bias[i] = (float) (i % 13);
		room.n_ratings[i] = 1000 - i;
		for (int f = 0; f < n_factors; f++)
			room.rows[(int64_t) i * lep_row_stride(n_factors) + f] = (float) (i - 100 * f);
		if (has_order)
			room.popularity[i] = (float) (i * 37 % N_ITEMS);
	}
	if (has_neighbors)
		fill_neighbors(&room);
	CHECK_OK(lep_image_build(&env, block, &shape, bias));
	block = move_block(&arena, block, lep_image_size(&shape));
	CHECK(lep_image_open(block, &image));
	CHECK_CLOSE(image.served.mean, 1.5, 0);
	CHECK(image.served.items == &image.items);
	CHECK_INT_EQ(image.served.neighbors != NULL, has_neighbors);
	CHECK_INT_EQ(image.served.order != NULL, has_order);
	for (int32_t i = 0; i < N_ITEMS; i++)
	{
		CHECK_CLOSE(lep_items_bias(&image.items, i), bias[i], 0);
		CHECK_INT_EQ(image.n_ratings[i], 1000 - i);
		for (int f = 0; f < n_factors; f++)
			CHECK_CLOSE(lep_items_row(&image.items, i)[f], (float) (i - 100 * f), 0);
		if (has_order && i > 0)
			CHECK(image.served.popularity[image.served.order[i - 1]] >=
				  image.served.popularity[image.served.order[i]]);
		if (has_neighbors && i + 4 < N_ITEMS)
			CHECK_INT_EQ(image.neighbors.start[i + 1] - image.neighbors.start[i], i % 4);
		if (has_neighbors && i % 4 > 0 && i + 4 < N_ITEMS)
			CHECK_INT_EQ(image.neighbors.target[image.neighbors.start[i]], i + 1);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_images_of_every_shape(void)
{
	static const int factors[] = { 0, 1, 16, 33 };

	for (int f = 0; f < 4; f++)
	{
		check_image(factors[f], false, false);
		check_image(factors[f], false, true);
		check_image(factors[f], true, true);
	}
}

static void
test_no_image(void)
{
	_Alignas(64) char bytes[256];
	LepImage image;

	memset(bytes, 0, sizeof(bytes));
	CHECK(!lep_image_open(bytes, &image));
	CHECK(image.served.items == NULL);
}

static void
test_sizes_that_wrap(void)
{
	LepImageShape shape = { INT32_MAX, 1024, true, true, INT64_MAX, 0 };

	CHECK_INT_EQ(lep_image_size(&shape) == SIZE_MAX, true);
}

/* The table is cleared bit by bit, as ids are placed and entered. */
static void
test_a_large_table_can_be_stopped(void)
{
	enum
	{
		N = 200000
	};
	LepId *ids = calloc(N, sizeof(LepId));
	UnitStopper stopper = { 0, INT64_MAX };
	size_t size;
	void *block;
	LepEnv env;

	unit_env_init(&env);
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	for (int64_t i = 0; i < N; i++)
		ids[i].v.i64 = i;
	size = lep_idtable_size(LEP_ID_INT64, ids, N);
	block = aligned_alloc(LEP_ALIGNMENT, size);
	CHECK_OK(lep_idtable_build(&env, block, size, LEP_ID_INT64, ids, N));
	/* 2^19 slots by 2^15; ids twice by 4096 */
	CHECK_INT_EQ(stopper.n_asked, 16 + 2 * 49);
	for (int64_t limit = 0; limit < 16 + 2 * 49; limit++)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_idtable_build(&env, block, size, LEP_ID_INT64, ids, N), LEP_ERR_STOPPED);
	}
	free(block);
	free(ids);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_ids_of_every_kind);
	TEST(test_ids_must_ascend);
	TEST(test_images_of_every_shape);
	TEST(test_no_image);
	TEST(test_sizes_that_wrap);
	TEST(test_a_large_table_can_be_stopped);
	return unit_done();
}

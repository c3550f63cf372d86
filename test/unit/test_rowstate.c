/*
 * test_rowstate.c
 *		Rows being collected: whatever their order and their division into states,
 *		the ratings are those of a builder that got all rows; and bytes that are no
 *		state.
 */
#include "document.h"
#include "unit.h"

#include "core/bytes.h"
#include "core/rng.h"
#include "core/rowstate.h"

#define MAX_ROWS 3000

/* A row with its texts. */
typedef struct Row
{
	LepId id[LEP_ROW_SIDES];
	char text[LEP_ROW_SIDES][24];
	double rating;
} Row;

static const LepIdKind kinds[] = { LEP_ID_INT64, LEP_ID_TEXT, LEP_ID_UUID };

static LepId
make_id(LepIdKind kind, uint64_t number, char *text)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	switch (kind)
	{
		case LEP_ID_INT64:
			id.v.i64 = (int64_t) number * 1000003 - 70000;
			break;
		case LEP_ID_TEXT:
			snprintf(text, 24, "%.*s%d", (int) (number % 9), "same start", (int) number);
			id.v.text.data = text;
			id.v.text.len = (int32_t) strlen(text);
			break;
		case LEP_ID_UUID:
			id.v.uuid[0] = (uint8_t) (number >> 8);
			id.v.uuid[15] = (uint8_t) number;
			break;
	}
	return id;
}

/* Rows of some 40 x 300 ids, with pairs that come twice and zeros of both signs. */
static Row *
make_rows(LepIdKind user_kind, LepIdKind item_kind, int n, uint64_t seed)
{
	Row *rows = calloc((size_t) n, sizeof(Row));
	LepRng rng;

	lep_rng_init(&rng, seed, 0, 0);
	for (int j = 0; j < n; j++)
	{
		rows[j].id[LEP_ROW_USER] = make_id(user_kind, lep_rng_below(&rng, 40), rows[j].text[LEP_ROW_USER]);
		rows[j].id[LEP_ROW_ITEM] = make_id(item_kind, lep_rng_below(&rng, 300), rows[j].text[LEP_ROW_ITEM]);
		rows[j].rating = (double) lep_rng_below(&rng, 11) / 2 - 2;
		if (rows[j].rating == 0 && lep_rng_below(&rng, 2) == 1)
			rows[j].rating = -0.0;
	}
	return rows;
}

static LepRatings *
finish(LepRatingsBuilder *builder)
{
	LepOptions options;
	LepRatings *ratings = NULL;

	lep_options_init(&options);
	CHECK_OK(lep_ratings_finish(builder, &options, &ratings));
	return ratings;
}

/* What a builder makes of the rows, given one by one. */
static LepRatings *
expected_ratings(LepArena *arena, LepIdKind user_kind, LepIdKind item_kind, const Row *rows, int n)
{
	LepSourceShape shape = { user_kind, item_kind, true, false };
	LepRatingsBuilder *builder = lep_ratings_begin(arena, &shape);

	for (int j = 0; j < n; j++)
		CHECK_OK(lep_ratings_add(builder, &rows[j].id[LEP_ROW_USER], &rows[j].id[LEP_ROW_ITEM],
								 &rows[j].rating, NULL, 1));
	return finish(builder);
}

static void
check_same_ids(const LepIdMap *actual, const LepIdMap *expected)
{
	if (!CHECK_INT_EQ(lep_idmap_count(actual), lep_idmap_count(expected)))
		return;
	for (int32_t row = 0; row < lep_idmap_count(expected); row++)
	{
		LepId a = lep_idmap_id(actual, row);
		LepId b = lep_idmap_id(expected, row);

		CHECK_INT_EQ(lep_id_compare(lep_idmap_kind(expected), &a, &b), 0);
	}
}

static void
check_same(const LepRatings *actual, const LepRatings *expected)
{
	if (!CHECK(actual != NULL && expected != NULL) || !CHECK_INT_EQ(actual->n_ratings, expected->n_ratings) ||
		!CHECK_INT_EQ(actual->n_rows, expected->n_rows))
		return;
	check_same_ids(actual->users, expected->users);
	check_same_ids(actual->items, expected->items);
	CHECK_INT_EQ(actual->feedback, expected->feedback);
	CHECK_BYTES_EQ(actual->user_start, expected->user_start,
				   ((size_t) expected->n_users + 1) * sizeof(int64_t));
	CHECK_BYTES_EQ(actual->item, expected->item, (size_t) expected->n_ratings * sizeof(int32_t));
	CHECK_BYTES_EQ(actual->rating, expected->rating, (size_t) expected->n_ratings * sizeof(float));
}

static void
add_rows(LepRowState *state, const Row *rows, int from, int to, int step)
{
	for (int j = from; j < to; j += step)
		CHECK_OK(
			lep_rowstate_add(state, &rows[j].id[LEP_ROW_USER], &rows[j].id[LEP_ROW_ITEM], rows[j].rating));
}

/* The bytes of a state, in malloc's memory; CHECKed to be as long as was said. */
static uint8_t *
encode(LepRowState *state, const char *note, size_t *size)
{
	LepRowPack pack;
	uint8_t *bytes;

	CHECK_OK(lep_rowstate_pack(state, strlen(note), &pack));
	*size = pack.size;
	bytes = malloc(pack.size);
	CHECK_OK(lep_rowstate_write(&pack, note, bytes));
	lep_rowstate_pack_end(&pack);
	return bytes;
}

/* Rows divided among n_states states, sent as bytes and put together; a copy of that has them all, too. */
static void
check_by_states(LepArena *arena, LepIdKind user_kind, LepIdKind item_kind, const Row *rows, int n,
				int n_states, const LepRatings *expected)
{
	LepRatingsBuilder *builder = NULL;
	LepRowState all;

	lep_rowstate_init(&all, arena, user_kind, item_kind);
	for (int s = n_states - 1; s >= 0; s--)
	{
		LepRowState part;
		LepRowView view;
		size_t size;
		uint8_t *bytes;

		lep_rowstate_init(&part, arena, user_kind, item_kind);
		add_rows(&part, rows, s, n, n_states);
		part.nulls = (LepRowNulls){ s, 2 * s, 3 };
		bytes = encode(&part, "a note", &size);
		if (CHECK_OK(lep_rowview_open(arena->env, bytes, size, &view)))
		{
			CHECK(view.note_bytes == 6 && memcmp(view.note, "a note", 6) == 0);
			CHECK_OK(lep_rowstate_take(&all, &view));
		}
		free(bytes);
	}
	CHECK_INT_EQ(all.n_rows, n);
	CHECK_INT_EQ(all.nulls.user, n_states * (n_states - 1) / 2);
	CHECK_INT_EQ(all.nulls.item, n_states * (n_states - 1));
	CHECK_INT_EQ(all.nulls.rating, 3 * n_states);
	CHECK_OK(lep_rowstate_copy(&all, arena, &builder));
	check_same(finish(builder), expected);
	CHECK_OK(lep_rowstate_release(&all, &builder));
	check_same(finish(builder), expected);
}

/* One state, by a copy and by its own builder; then divided in several ways. */
static void
check_rows(LepIdKind user_kind, LepIdKind item_kind, int n)
{
	static const int divisions[] = { 1, 2, 7, 40 };
	Row *rows = make_rows(user_kind, item_kind, n, (uint64_t) n);
	LepRatingsBuilder *builder = NULL;
	LepRatings *expected;
	LepRowState state;
	LepArena arena;
	LepEnv env;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	expected = expected_ratings(&arena, user_kind, item_kind, rows, n);
	lep_rowstate_init(&state, &arena, user_kind, item_kind);
	add_rows(&state, rows, 0, n, 1);
	for (int i = 0; i < 2; i++)
	{
		CHECK_OK(lep_rowstate_copy(&state, &arena, &builder));
		check_same(finish(builder), expected);
	}
	CHECK_OK(lep_rowstate_release(&state, &builder));
	check_same(finish(builder), expected);
	CHECK_INT_EQ(state.n_rows, 0);
	for (int d = 0; d < 4; d++)
		check_by_states(&arena, user_kind, item_kind, rows, n, divisions[d], expected);
	lep_arena_drop(&arena);
	unit_env_done(&env);
	free(rows);
}

/* Below, at and beyond the rows that stay pending; numbers of one and two bytes. */
static void
test_ratings_are_those_of_all_rows(void)
{
	static const int numbers[] = { 20, 256, 1023, 1024, 1025, 1281, MAX_ROWS };

	for (int u = 0; u < 3; u++)
	{
		for (int i = 0; i < 3; i++)
		{
			for (int n = 0; n < 7; n++)
				check_rows(kinds[u], kinds[i], numbers[n]);
		}
	}
}

/* 70,000 users: numbers of four bytes. */
static void
test_many_ids(void)
{
	LepRatingsBuilder *builder = NULL;
	LepRowState state;
	LepRowState other;
	LepRowView view;
	LepArena arena;
	LepEnv env;
	uint8_t *bytes;
	size_t size;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_rowstate_init(&state, &arena, LEP_ID_INT64, LEP_ID_INT64);
	for (int64_t j = 0; j < 70000; j++)
	{
		LepId user = { .v.i64 = -j };
		LepId item = { .v.i64 = j % 5 };

		CHECK_OK(lep_rowstate_add(&state, &user, &item, (double) (j % 3)));
	}
	bytes = encode(&state, "", &size);
	CHECK_INT_EQ(size, 56 + 70000 * 8 + 5 * 8 + 70000 * (4 + 1 + 4));
	lep_rowstate_init(&other, &arena, LEP_ID_INT64, LEP_ID_INT64);
	if (CHECK_OK(lep_rowview_open(&env, bytes, size, &view)))
		CHECK_OK(lep_rowstate_take(&other, &view));
	CHECK_OK(lep_rowstate_release(&other, &builder));
	CHECK_INT_EQ(lep_idmap_count(lep_ratings_builder_users(builder)), 70000);
	CHECK_OK(lep_rowstate_release(&state, &builder));
	free(bytes);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Groups of ten rows are what there are most of. */
static void
test_few_rows_take_little(void)
{
	LepRowState state;
	LepArena arena;
	LepEnv env;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_rowstate_init(&state, &arena, LEP_ID_INT64, LEP_ID_INT64);
	for (int64_t j = 0; j < 10; j++)
	{
		LepId id = { .v.i64 = j };

		CHECK_OK(lep_rowstate_add(&state, &id, &id, 1));
	}
	CHECK(env.bytes_peak <= 1024, "%zu bytes", env.bytes_peak);
	for (int64_t j = 10; j < 1000; j++)
	{
		LepId id = { .v.i64 = j };

		CHECK_OK(lep_rowstate_add(&state, &id, &id, 1));
	}
	CHECK(env.bytes_now <= 25 * 1024, "%zu bytes", env.bytes_now);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* A row that is refused is not counted, and others can follow. */
static void
test_refused_rows(void)
{
	static char long_text[LEP_MAX_TEXT_ID + 1];
	LepId user = { .v.i64 = 1 };
	LepId item;
	LepRowState state;
	LepArena arena;
	LepEnv env;

	memset(&item, 0, sizeof(item));
	item.v.text.data = long_text;
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_rowstate_init(&state, &arena, LEP_ID_INT64, LEP_ID_TEXT);
	item.v.text.len = LEP_MAX_TEXT_ID + 1;
	CHECK_STATUS(lep_rowstate_add(&state, &user, &item, 1), LEP_ERR_ID_TOO_LONG);
	CHECK_STR_EQ(env.error.what, "item");
	CHECK_INT_EQ(env.error.row, 1);
	item.v.text.len = LEP_MAX_TEXT_ID;
	CHECK_OK(lep_rowstate_add(&state, &user, &item, LEP_MAX_RATING));
	CHECK_STATUS(lep_rowstate_add(&state, &user, &item, NAN), LEP_ERR_NOT_FINITE);
	CHECK_STATUS(lep_rowstate_add(&state, &user, &item, -INFINITY), LEP_ERR_NOT_FINITE);
	CHECK_STATUS(lep_rowstate_add(&state, &user, &item, -2e12), LEP_ERR_RATING_RANGE);
	CHECK_INT_EQ(env.error.row, 2);
	CHECK_INT_EQ(state.n_rows, 1);
	/* 100 texts of 1024 bytes: more than what is kept as it comes */
	for (int j = 0; j < 100; j++)
		CHECK_OK(lep_rowstate_add(&state, &user, &item, 1));
	CHECK(env.bytes_peak < 256 * 1024, "%zu bytes", env.bytes_peak);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* ------------------------------------------------------------------------ bytes */

/* Three rows of users 7 and -1, items "b" and "": the example of docs/format.md. */
static uint8_t *
encode_example(LepArena *arena, size_t *size)
{
	LepId users[] = { { .v.i64 = 7 }, { .v.i64 = -1 }, { .v.i64 = 7 } };
	const char *const texts[] = { "b", "b", "" };
	const double ratings[] = { 4.5, -1, 0 };
	LepRowState state;

	lep_rowstate_init(&state, arena, LEP_ID_INT64, LEP_ID_TEXT);
	for (int j = 0; j < 3; j++)
	{
		LepId item;

		memset(&item, 0, sizeof(item));
		item.v.text.data = texts[j];
		item.v.text.len = (int32_t) strlen(texts[j]);
		CHECK_OK(lep_rowstate_add(&state, &users[j], &item, ratings[j]));
	}
	state.nulls.rating = 1;
	return encode(&state, "{}", size);
}

static void
test_example_of_the_document(void)
{
	uint8_t document[256];
	size_t document_size = document_example("```hex rows", document, sizeof(document));
	LepArena arena;
	LepEnv env;
	uint8_t *bytes;
	size_t size;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	bytes = encode_example(&arena, &size);
	if (CHECK_INT_EQ(document_size, size))
		CHECK_BYTES_EQ(document, bytes, size);
	free(bytes);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Bytes with one changed; what is expected of them. */
typedef struct Damage
{
	size_t at;
	uint8_t value;
	LepStatus status;
	int64_t row; /* of the error, where it has one */
} Damage;

static void
test_damaged_bytes(void)
{
	static const Damage damages[] = {
		{ 0, 'l', LEP_ERR_BYTES_MAGIC, 0 },
		{ 4, 2, LEP_ERR_BYTES_VERSION, 0 },
		{ 5, 0, LEP_ERR_BYTES_ORDER, 5 }, /* kinds of ids */
		{ 6, 4, LEP_ERR_BYTES_ORDER, 6 },
		{ 7, 1, LEP_ERR_BYTES_ORDER, 7 }, /* what is 0 */
		{ 52, 1, LEP_ERR_BYTES_ORDER, 52 },
		{ 31, 0x80, LEP_ERR_BYTES_ORDER, 24 }, /* more than can be */
		{ 39, 0x80, LEP_ERR_BYTES_ORDER, 32 },
		{ 37, 0x10, LEP_ERR_BYTES_LENGTH, 0 }, /* more rows than there are */
		{ 32, 2, LEP_ERR_BYTES_LENGTH, 0 },	   /* fewer */
		{ 40, 4, LEP_ERR_BYTES_ORDER, 40 },	   /* more users than rows */
		{ 40, 1, LEP_ERR_BYTES_ORDER, 64 },	   /* fewer users: what follows is no text */
		{ 48, 3, LEP_ERR_BYTES_LENGTH, 0 },	   /* the note */
		{ 48, 1, LEP_ERR_BYTES_LENGTH, 0 },
		{ 73, 5, LEP_ERR_BYTES_ORDER, 72 }, /* a text of more than 1024 bytes */
		{ 77, 2, LEP_ERR_BYTES_ORDER, 0 },	/* a user that is not there */
		{ 78, 0, LEP_ERR_BYTES_ORDER, 40 }, /* a user without a row */
		{ 82, 0, LEP_ERR_BYTES_ORDER, 44 }, /* an item without one */
	};
	LepRowView view;
	LepArena arena;
	LepEnv env;
	uint8_t *bytes;
	size_t size;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	bytes = encode_example(&arena, &size);
	CHECK_OK(lep_rowview_open(&env, bytes, size, &view));
	for (size_t d = 0; d < sizeof(damages) / sizeof(damages[0]); d++)
	{
		const Damage *damage = &damages[d];
		uint8_t good = bytes[damage->at];

		bytes[damage->at] = damage->value;
		if (!CHECK_STATUS(lep_rowview_open(&env, bytes, size, &view), damage->status) ||
			!CHECK_INT_EQ(env.error.row, damage->row))
			printf("# damage %zu\n", d);
		bytes[damage->at] = good;
	}
	for (size_t cut = 0; cut < size; cut++)
		CHECK_STATUS(lep_rowview_open(&env, bytes, cut, &view), LEP_ERR_BYTES_LENGTH);
	/* ratings: NaN, and too large */
	lep_put_f32(bytes + 83 + 4, NAN);
	CHECK_STATUS(lep_rowview_open(&env, bytes, size, &view), LEP_ERR_BYTES_VALUE);
	CHECK_INT_EQ(env.error.row, 1);
	lep_put_f32(bytes + 83 + 4, 2e12f);
	CHECK_STATUS(lep_rowview_open(&env, bytes, size, &view), LEP_ERR_BYTES_VALUE);
	free(bytes);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* A state takes only rows of its own kinds of ids. */
static void
test_other_kinds(void)
{
	LepRowState state;
	LepRowView view;
	LepArena arena;
	LepEnv env;
	uint8_t *bytes;
	size_t size;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	bytes = encode_example(&arena, &size);
	CHECK_OK(lep_rowview_open(&env, bytes, size, &view));
	lep_rowstate_init(&state, &arena, LEP_ID_INT64, LEP_ID_INT64);
	CHECK_STATUS(lep_rowstate_take(&state, &view), LEP_ERR_BYTES_MAGIC);
	CHECK_INT_EQ(state.n_rows, 0);
	free(bytes);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Counts of NULLs that somebody made up: what is added up can still be read. */
static void
test_largest_counts(void)
{
	const int64_t most = INT64_C(1) << 53;
	LepRowState state;
	LepRowView view;
	LepArena arena;
	LepEnv env;
	uint8_t *bytes;
	size_t size;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	bytes = encode_example(&arena, &size);
	for (int column = 0; column < 3; column++)
		lep_put_u64(bytes + 8 + 8 * column, (uint64_t) most);
	lep_rowstate_init(&state, &arena, LEP_ID_INT64, LEP_ID_TEXT);
	for (int j = 0; j < 1025; j++)
	{
		CHECK_OK(lep_rowview_open(&env, bytes, size, &view));
		CHECK_OK(lep_rowstate_take(&state, &view));
	}
	CHECK_INT_EQ(state.nulls.user, most);
	CHECK_INT_EQ(state.nulls.item, most);
	CHECK_INT_EQ(state.nulls.rating, most);
	free(bytes);
	bytes = encode(&state, "", &size);
	CHECK_OK(lep_rowview_open(&env, bytes, size, &view));
	free(bytes);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* ------------------------------------------------- what takes long can be stopped */

/* A host that sees how many users have got numbers from one question to the next. */
typedef struct Watch
{
	LepRatingsBuilder **builder; /* NULL in there: none yet */
	int32_t seen;
	int32_t most; /* in one go */
} Watch;

static bool
watch_users(void *host)
{
	Watch *watch = host;
	int32_t count = *watch->builder == NULL ? 0 : lep_idmap_count(lep_ratings_builder_users(*watch->builder));

	watch->most = count - watch->seen > watch->most ? count - watch->seen : watch->most;
	watch->seen = count;
	return false;
}

/* 20,000 users of one row each, by texts. */
static void
add_users(LepRowState *state)
{
	for (uint64_t j = 0; j < 20000; j++)
	{
		char text[24];
		LepId user = make_id(LEP_ID_TEXT, j, text);
		LepId item = { .v.i64 = 1 };

		CHECK_OK(lep_rowstate_add(state, &user, &item, 1));
	}
}

/* As many questions as there are users and rows by 128, and an end at each. */
static void
check_writing_stops(LepEnv *env, LepRowState *state, uint8_t *bytes)
{
	UnitStopper stopper = { 0, INT64_MAX };
	int64_t n_asked[2];
	LepRowPack pack;

	env->host = &stopper;
	env->should_stop = unit_stop_after;
	CHECK_OK(lep_rowstate_pack(state, 0, &pack));
	n_asked[0] = stopper.n_asked;
	CHECK(n_asked[0] >= 20000 / 128, "%lld", (long long) n_asked[0]);
	stopper.n_asked = 0;
	CHECK_OK(lep_rowstate_write(&pack, NULL, bytes));
	n_asked[1] = stopper.n_asked;
	CHECK(n_asked[1] >= 2 * 20000 / 128, "%lld", (long long) n_asked[1]);
	for (int64_t limit = 0; limit < n_asked[1]; limit += 13)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_rowstate_write(&pack, NULL, bytes), LEP_ERR_STOPPED);
		CHECK_INT_EQ(stopper.n_asked, limit + 1);
	}
	lep_rowstate_pack_end(&pack);
	for (int64_t limit = 0; limit < n_asked[0]; limit += 13)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_rowstate_pack(state, 0, &pack), LEP_ERR_STOPPED);
		lep_rowstate_pack_end(&pack);
	}
}

static void
test_ids_can_be_stopped(void)
{
	LepRatingsBuilder *copy = NULL;
	LepRowState state;
	LepRowState other;
	LepRowView view;
	LepArena arena;
	LepEnv env;
	Watch watch = { &copy, 0, 0 };
	uint8_t *bytes;
	size_t size;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_rowstate_init(&state, &arena, LEP_ID_TEXT, LEP_ID_INT64);
	add_users(&state);
	bytes = encode(&state, "", &size);
	env.host = &watch;
	env.should_stop = watch_users;
	CHECK_OK(lep_rowstate_copy(&state, &arena, &copy));
	CHECK(watch.most <= LEP_ID_BATCH, "%d", watch.most);

	lep_rowstate_init(&other, &arena, LEP_ID_TEXT, LEP_ID_INT64);
	watch = (Watch){ &other.builder, 0, 0 };
	CHECK_OK(lep_rowview_open(&env, bytes, size, &view));
	CHECK_OK(lep_rowstate_take(&other, &view));
	CHECK(watch.most <= LEP_ID_BATCH, "%d", watch.most);
	CHECK_INT_EQ(watch.seen, 20000);
	check_writing_stops(&env, &state, bytes);
	free(bytes);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Nothing but NULLs. */
static void
test_no_rows(void)
{
	LepRowState state;
	LepRowView view;
	LepArena arena;
	LepEnv env;
	uint8_t *bytes;
	size_t size;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	lep_rowstate_init(&state, &arena, LEP_ID_UUID, LEP_ID_TEXT);
	state.nulls.item = 5;
	bytes = encode(&state, "", &size);
	CHECK_INT_EQ(size, 56);
	if (CHECK_OK(lep_rowview_open(&env, bytes, size, &view)))
		CHECK_OK(lep_rowstate_take(&state, &view));
	CHECK_INT_EQ(state.nulls.item, 10);
	CHECK_INT_EQ(state.n_rows, 0);
	free(bytes);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_ratings_are_those_of_all_rows);
	TEST(test_many_ids);
	TEST(test_few_rows_take_little);
	TEST(test_refused_rows);
	TEST(test_example_of_the_document);
	TEST(test_damaged_bytes);
	TEST(test_other_kinds);
	TEST(test_no_rows);
	TEST(test_largest_counts);
	TEST(test_ids_can_be_stopped);
	return unit_done();
}

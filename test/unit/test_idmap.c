/*
 * test_idmap.c
 *		Id maps of all three kinds against a reference made by sorting.
 */
#include "core/idmap.h"
#include "core/rng.h"
#include "sample.h"

#define N_ADDED 60000
#define N_POOL	20000

static const LepIdKind kinds[] = { LEP_ID_INT64, LEP_ID_TEXT, LEP_ID_UUID };

static LepId
int_id(int64_t value)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	id.v.i64 = value;
	return id;
}

static LepId
text_id(const char *text, int len)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	id.v.text.data = text;
	id.v.text.len = len;
	return id;
}

/* The k-th id of a pool; texts share a beginning or not, and differ in length. */
static LepId
pool_id(LepIdKind kind, int k, char *buffer)
{
	uint64_t state = (uint64_t) k;
	uint64_t random = sample_next(&state);
	LepId id;

	if (kind == LEP_ID_INT64)
		return int_id(k % 2 == 0 ? k - N_POOL / 2 : (int64_t) random);
	if (kind == LEP_ID_TEXT)
	{
		int len = k % 3 == 0 ? snprintf(buffer, 64, "customer-number-%d", k)
							 : snprintf(buffer, 64, "%x-%d", (unsigned) (random >> 56), k);

		return text_id(buffer, len);
	}
	/* uuids: half of them differ in the last bytes only */
	memset(&id, 0, sizeof(id));
	memcpy(id.v.uuid + 8, &k, sizeof(k));
	if (k % 2 == 0)
		memcpy(id.v.uuid, &random, sizeof(random));
	return id;
}

static int
compare_ids(LepIdKind kind, const LepId *a, const LepId *b)
{
	if (kind == LEP_ID_INT64)
		return a->v.i64 < b->v.i64 ? -1 : a->v.i64 > b->v.i64;
	if (kind == LEP_ID_UUID)
	{
		for (int k = 0; k < 16; k++)
			if (a->v.uuid[k] != b->v.uuid[k])
				return a->v.uuid[k] < b->v.uuid[k] ? -1 : 1;
		return 0;
	}
	for (int k = 0; k < a->v.text.len && k < b->v.text.len; k++)
	{
		unsigned char x = (unsigned char) a->v.text.data[k];
		unsigned char y = (unsigned char) b->v.text.data[k];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return a->v.text.len - b->v.text.len;
}

/* Pool ids with their texts, and the pool in order. */
typedef struct Pool
{
	LepIdKind kind;
	LepId id[N_POOL];
	char text[N_POOL][64];
	int order[N_POOL];
} Pool;

static Pool pool;

static int
compare_pool(const void *a, const void *b)
{
	return compare_ids(pool.kind, &pool.id[*(const int *) a], &pool.id[*(const int *) b]);
}

static void
make_pool(LepIdKind kind)
{
	pool.kind = kind;
	for (int k = 0; k < N_POOL; k++)
	{
		pool.id[k] = pool_id(kind, k, pool.text[k]);
		pool.order[k] = k;
	}
	qsort(pool.order, N_POOL, sizeof(int), compare_pool);
}

/* Add N_ADDED random ids of the even part of the pool; row_of[k] by arrival, or -1. */
static void
add_random(LepIdMap *map, int32_t *row_of, int32_t *n_rows)
{
	uint64_t state = 7;
	int bad = 0;

	*n_rows = 0;
	for (int k = 0; k < N_POOL; k++)
		row_of[k] = -1;
	for (int done = 0; done < N_ADDED;)
	{
		LepId ids[LEP_ID_BATCH];
		int picked[LEP_ID_BATCH];
		int32_t rows[LEP_ID_BATCH];
		int n = (int) (sample_next(&state) % (LEP_ID_BATCH + 1));

		for (int j = 0; j < n; j++)
		{
			picked[j] = (int) (sample_next(&state) % (N_POOL / 4 * 3));
			ids[j] = pool.id[picked[j]];
		}
		if (!CHECK_OK(lep_idmap_add(map, ids, n, rows)))
			return;
		for (int j = 0; j < n; j++)
		{
			if (row_of[picked[j]] < 0)
				row_of[picked[j]] = (*n_rows)++;
			bad += rows[j] != row_of[picked[j]];
		}
		done += n;
	}
	CHECK_INT_EQ(bad, 0);
	CHECK_INT_EQ(lep_idmap_count(map), *n_rows);
}

/* The map has exactly these ids under these rows. */
static void
check_map(const LepIdMap *map, const int32_t *row_of)
{
	int bad_find = 0;
	int bad_id = 0;

	for (int k = 0; k < N_POOL; k++)
	{
		bad_find += lep_idmap_find(map, &pool.id[k]) != row_of[k];
		if (row_of[k] >= 0)
		{
			LepId id = lep_idmap_id(map, row_of[k]);

			bad_id += compare_ids(pool.kind, &id, &pool.id[k]) != 0;
		}
	}
	CHECK_INT_EQ(bad_find, 0);
	CHECK_INT_EQ(bad_id, 0);
}

static void
check_kind(LepIdKind kind)
{
	static int32_t row_of[N_POOL];
	static int32_t expected[N_POOL];
	static int32_t new_row[N_POOL];
	static uint8_t keep[N_POOL];
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	int32_t n_rows;
	int32_t n = 0;
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_pool(kind);
	map = lep_idmap_create(&arena, kind, "users");
	CHECK_INT_EQ(lep_idmap_kind(map), kind);
	CHECK_INT_EQ(lep_idmap_find(map, &pool.id[0]), -1);
	add_random(map, row_of, &n_rows);
	CHECK(n_rows > 10000 && n_rows < N_POOL);
	check_map(map, row_of);

	/* every fifth goes, the rest by order of ids */
	for (int32_t row = 0; row < n_rows; row++)
		keep[row] = row % 5 != 0;
	for (int k = 0; k < N_POOL; k++)
	{
		int picked = pool.order[k];

		expected[picked] = row_of[picked] >= 0 && keep[row_of[picked]] ? n++ : -1;
	}
	CHECK_OK(lep_idmap_sort(map, keep, new_row));
	CHECK_INT_EQ(lep_idmap_count(map), n);
	for (int k = 0; k < N_POOL; k++)
		bad += row_of[k] >= 0 && new_row[row_of[k]] != expected[k];
	CHECK_INT_EQ(bad, 0);
	check_map(map, expected);

	/* a sorted map stays as it is, and takes new ids behind the others */
	CHECK_OK(lep_idmap_sort(map, NULL, new_row));
	check_map(map, expected);
	for (int k = 0; k < N_POOL; k++)
	{
		int32_t row;

		CHECK_OK(lep_idmap_add(map, &pool.id[k], 1, &row));
		if (expected[k] < 0)
			expected[k] = n++;
		bad += row != expected[k];
	}
	CHECK_INT_EQ(bad, 0);
	check_map(map, expected);

	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_int64_like_a_sorted_list(void)
{
	check_kind(kinds[0]);
}

static void
test_text_like_a_sorted_list(void)
{
	check_kind(kinds[1]);
}

static void
test_uuid_like_a_sorted_list(void)
{
	check_kind(kinds[2]);
}

/* Sort ids in the order given and check that they come out as they are here. */
static void
check_order(LepIdKind kind, const LepId *ids, int n)
{
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	int32_t row[16];
	int32_t new_row[16];

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	map = lep_idmap_create(&arena, kind, "items");
	for (int k = n - 1; k >= 0; k--)
		CHECK_OK(lep_idmap_add(map, &ids[k], 1, &row[k]));
	CHECK_OK(lep_idmap_sort(map, NULL, new_row));
	for (int k = 0; k < n; k++)
	{
		CHECK_INT_EQ(new_row[row[k]], k);
		CHECK_INT_EQ(lep_idmap_find(map, &ids[k]), k);
		CHECK_INT_EQ(lep_id_compare(kind, &ids[k], &ids[k]), 0);
		if (k > 0)
		{
			CHECK_INT_EQ(lep_id_compare(kind, &ids[k - 1], &ids[k]), -1);
			CHECK_INT_EQ(lep_id_compare(kind, &ids[k], &ids[k - 1]), 1);
		}
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_order_of_extremes(void)
{
	LepId ints[] = { int_id(INT64_MIN), int_id(INT64_MIN + 1), int_id(-1), int_id(0),
					 int_id(1),			int_id(INT64_MAX) };
	LepId texts[] = {
		text_id("", 0),			text_id("\0", 1),		   text_id("a", 1),			text_id("a\0", 2),
		text_id("a\0\0", 3),	text_id("aa", 2),		   text_id("aaaaaaaaa", 9), text_id("aaaaaaaab", 9),
		text_id("b", 1),		text_id("b\0\0\0\0\0", 6), text_id("\x7f", 1),		text_id("\x80", 1),
		text_id("\xc3\xa4", 2), text_id("\xff\xff\xff", 3)
	};
	LepId uuids[3];

	memset(uuids, 0, sizeof(uuids));
	uuids[1].v.uuid[15] = 0xFF;
	uuids[2].v.uuid[0] = 0x80;
	check_order(LEP_ID_INT64, ints, 6);
	check_order(LEP_ID_TEXT, texts, 14);
	check_order(LEP_ID_UUID, uuids, 3);
}

/*
 * Texts for an order by all of their bytes: a beginning that all share, then none to
 * eighteen bytes alike, which end before, at and behind the eight that a key takes, then
 * bytes that differ, of every length.
 */
#define MAX_SHARED		 40
#define MAX_PREFIXED	 1000
#define MAX_PREFIXED_LEN (MAX_SHARED + 18 + 8)

typedef struct Prefixed
{
	int n;
	LepId id[MAX_PREFIXED];
	char text[MAX_PREFIXED][MAX_PREFIXED_LEN];
	LepId sorted[MAX_PREFIXED];
} Prefixed;

static Prefixed prefixed;

static int
compare_texts(const void *a, const void *b)
{
	return compare_ids(LEP_ID_TEXT, a, b);
}

static void
prefixed_add(const char *text, int len)
{
	memcpy(prefixed.text[prefixed.n], text, (size_t) len);
	prefixed.id[prefixed.n] = text_id(prefixed.text[prefixed.n], len);
	prefixed.n++;
}

/* Texts that share so many bytes and no more, in a random order, none twice. */
static void
make_prefixed(int shared)
{
	static const char *const tails[] = { "", "\x01", "\x7f", "\x80", "\xff", "a", "ab", "abcdefgh" };
	uint64_t state = (uint64_t) shared;

	prefixed.n = 0;
	for (int alike = 0; alike <= 18; alike++)
		for (int filler = 0; filler < 3; filler++)
			for (int tail = 0; tail < 8; tail++)
			{
				char text[MAX_PREFIXED_LEN];
				int len = shared + alike + (int) strlen(tails[tail]);

				/* without a byte alike the fillers are the same */
				if (alike == 0 && filler > 0)
					continue;
				memset(text, 's', (size_t) shared);
				memset(text + shared, "x\0\xc3"[filler], (size_t) alike);
				memcpy(text + shared + alike, tails[tail], strlen(tails[tail]));
				prefixed_add(text, len);
			}
	for (int k = prefixed.n - 1; k > 0; k--)
	{
		int other = (int) (sample_next(&state) % (uint64_t) (k + 1));
		LepId id = prefixed.id[k];

		prefixed.id[k] = prefixed.id[other];
		prefixed.id[other] = id;
	}
}

/* A text that shares fewer bytes with the others than they do, to arrive at this place. */
static void
prefixed_put(int place, int shared, char differs)
{
	char text[MAX_SHARED + 1];
	LepId last;

	memset(text, 's', sizeof(text));
	text[shared] = differs;
	prefixed_add(text, shared + 1);
	last = prefixed.id[prefixed.n - 1];
	memmove(prefixed.id + place + 1, prefixed.id + place, (size_t) (prefixed.n - 1 - place) * sizeof(LepId));
	prefixed.id[place] = last;
}

/* Sort all but each drop-th (0: all), of which "kept" is none, and compare with qsort. */
static void
check_prefixed(int drop, int kept)
{
	static int32_t rows[MAX_PREFIXED];
	static int32_t new_row[MAX_PREFIXED];
	static uint8_t keep[MAX_PREFIXED];
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	int n = 0;
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	map = lep_idmap_create(&arena, LEP_ID_TEXT, "items");
	for (int k = 0; k < prefixed.n; k++)
	{
		CHECK_OK(lep_idmap_add(map, &prefixed.id[k], 1, &rows[k]));
		bad += rows[k] != k;
		keep[k] = drop == 0 || k % drop != 0 || k == kept;
		if (keep[k])
			prefixed.sorted[n++] = prefixed.id[k];
	}
	CHECK_INT_EQ(bad, 0);
	qsort(prefixed.sorted, (size_t) n, sizeof(LepId), compare_texts);
	CHECK_OK(lep_idmap_sort(map, drop == 0 ? NULL : keep, new_row));
	CHECK_INT_EQ(lep_idmap_count(map), n);
	for (int row = 0; row < n && row < lep_idmap_count(map); row++)
	{
		LepId id = lep_idmap_id(map, row);

		bad += compare_texts(&id, &prefixed.sorted[row]) != 0;
	}
	for (int k = 0; k < prefixed.n; k++)
	{
		if (!keep[k])
			bad += new_row[k] != -1;
		else
			bad += new_row[k] < 0 || compare_texts(&prefixed.id[k], &prefixed.sorted[new_row[k]]) != 0;
	}
	CHECK(bad == 0, "%d of %d, dropped each %d", bad, n, drop);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_many_texts_with_a_shared_beginning(void)
{
	for (int shared = 0; shared <= MAX_SHARED; shared++)
	{
		make_prefixed(shared);
		CHECK(prefixed.n > 256, "%d texts", prefixed.n);
		check_prefixed(0, 0);
		check_prefixed(3, 0);
	}
}

/* One text of all shares less: wherever it arrives, and however much less. */
static void
test_one_text_that_shares_less(void)
{
	static const int places[] = { 0, 1, 2, 255, 256, 257, 439, 440 };
	uint64_t state = 3;

	for (int shared = 1; shared <= MAX_SHARED; shared += 1 + shared / 6)
		for (int k = 0; k < 8; k++)
			for (int less = 0; less < shared; less += less < 2 ? 1 : 9)
			{
				char differs = sample_next(&state) % 2 == 0 ? 'a' : 'z';

				make_prefixed(shared);
				prefixed_put(places[k] < prefixed.n ? places[k] : prefixed.n, less, differs);
				check_prefixed(0, places[k]);
				check_prefixed(3, places[k]);
			}
}

static void
test_empty_map(void)
{
	LepEnv env;
	LepArena arena;
	LepId id = int_id(5);
	int32_t row;
	int32_t new_row[1] = { 17 };
	uint8_t keep[1] = { 0 };

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	for (int k = 0; k < 3; k++)
	{
		LepIdMap *map = lep_idmap_create(&arena, kinds[k], "users");

		CHECK_OK(lep_idmap_add(map, &id, 0, &row));
		CHECK_OK(lep_idmap_sort(map, NULL, new_row));
		CHECK_INT_EQ(lep_idmap_count(map), 0);
		if (kinds[k] != LEP_ID_INT64)
			continue;
		CHECK_OK(lep_idmap_add(map, &id, 1, &row));
		CHECK_INT_EQ(new_row[0], 17);
		CHECK_OK(lep_idmap_sort(map, keep, new_row));
		CHECK_INT_EQ(new_row[0], -1);
		CHECK_INT_EQ(lep_idmap_count(map), 0);
		CHECK_INT_EQ(lep_idmap_find(map, &id), -1);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_hash_is_of_the_id_alone(void)
{
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	LepId ids[2] = { int_id(-3), int_id(0x0102030405060708) };
	LepId text = text_id("caf\xc3\xa9", 5);
	LepId uuid;
	int32_t rows[2];

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	map = lep_idmap_create(&arena, LEP_ID_INT64, "users");
	CHECK_OK(lep_idmap_add(map, ids, 2, rows));
	CHECK_INT_EQ(lep_idmap_hash(map, 1), lep_hash_bytes("\x08\x07\x06\x05\x04\x03\x02\x01", 8));
	CHECK_INT_EQ(lep_idmap_hash(map, 0), lep_hash_bytes("\xfd\xff\xff\xff\xff\xff\xff\xff", 8));

	map = lep_idmap_create(&arena, LEP_ID_TEXT, "users");
	CHECK_OK(lep_idmap_add(map, &text, 1, rows));
	CHECK_INT_EQ(lep_idmap_hash(map, 0), lep_hash_bytes("caf\xc3\xa9", 5));

	memcpy(uuid.v.uuid, "0123456789abcdef", 16);
	map = lep_idmap_create(&arena, LEP_ID_UUID, "users");
	CHECK_OK(lep_idmap_add(map, &uuid, 1, rows));
	CHECK_INT_EQ(lep_idmap_hash(map, 0), lep_hash_bytes("0123456789abcdef", 16));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_text_of_limit_length(void)
{
	static char text[LEP_MAX_TEXT_ID + 1];
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	LepId ids[3];
	int32_t rows[3];

	memset(text, 'x', sizeof(text));
	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	map = lep_idmap_create(&arena, LEP_ID_TEXT, "items");
	ids[0] = text_id(text, 1);
	ids[1] = text_id(text, LEP_MAX_TEXT_ID);
	ids[2] = text_id(text, LEP_MAX_TEXT_ID + 1);
	CHECK_STATUS(lep_idmap_add(map, ids, 3, rows), LEP_ERR_ID_TOO_LONG);
	CHECK_STR_EQ(env.error.what, "item");
	CHECK_INT_EQ(env.error.row, 3);
	CHECK_INT_EQ(env.error.value, LEP_MAX_TEXT_ID + 1);
	CHECK_INT_EQ(env.error.max, LEP_MAX_TEXT_ID);
	CHECK_INT_EQ(lep_idmap_count(map), 0);
	CHECK_OK(lep_idmap_add(map, ids, 2, rows));
	CHECK_INT_EQ(lep_idmap_find(map, &ids[1]), 1);
	CHECK_INT_EQ(lep_idmap_find(map, &ids[2]), -1);
	CHECK_INT_EQ(lep_idmap_id(map, 1).v.text.len, LEP_MAX_TEXT_ID);
	CHECK(lep_idmap_id(map, 1).v.text.data != text, "must be the map's own copy");

	map = lep_idmap_create(&arena, LEP_ID_TEXT, "users");
	CHECK_STATUS(lep_idmap_add(map, ids, 3, rows), LEP_ERR_ID_TOO_LONG);
	CHECK_STR_EQ(env.error.what, "user");
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_too_many(void)
{
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	LepId ids[10];
	int32_t rows[10];

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	map = lep_idmap_create(&arena, LEP_ID_INT64, "users");
	for (int k = 0; k < 10; k++)
		ids[k] = int_id(k);
	lep_idmap_set_limit(map, 9);
	CHECK_OK(lep_idmap_add(map, ids, 9, rows));
	CHECK_OK(lep_idmap_add(map, ids, 9, rows));
	CHECK_STATUS(lep_idmap_add(map, ids, 10, rows), LEP_ERR_TOO_MANY);
	CHECK_STR_EQ(env.error.what, "users");
	CHECK_INT_EQ(env.error.max, 9);
	CHECK_INT_EQ(lep_idmap_count(map), 9);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Room for a full batch more, without a table or a chunk for each small growth. */
static void
test_bytes_per_id(void)
{
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	double least = 1e9;
	double most = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	map = lep_idmap_create(&arena, LEP_ID_INT64, "users");
	for (int64_t first = 0; first < 3000000; first += LEP_ID_BATCH)
	{
		LepId ids[LEP_ID_BATCH];
		int32_t rows[LEP_ID_BATCH];

		for (int j = 0; j < LEP_ID_BATCH; j++)
			ids[j] = int_id((first + j) * 1000003);
		if (!CHECK_OK(lep_idmap_add(map, ids, LEP_ID_BATCH, rows)))
			break;
		if (first > 100000)
		{
			double bytes = (double) env.bytes_now / lep_idmap_count(map);

			most = bytes > most ? bytes : most;
			least = bytes < least ? bytes : least;
			CHECK(env.bytes_peak <= 24.1 * lep_idmap_count(map), "peak %zu for %d ids", env.bytes_peak,
				  lep_idmap_count(map));
		}
	}
	CHECK(least >= 12 && most <= 24.1, "%f to %f bytes an id", least, most);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Without memory for more a map says so, keeps what it has, and can go on. */
static void
test_out_of_memory(void)
{
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	int32_t rows[LEP_ID_BATCH];
	LepId ids[LEP_ID_BATCH];
	int failures = 0;
	int bad = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	make_pool(LEP_ID_TEXT);
	map = lep_idmap_create(&arena, LEP_ID_TEXT, "users");
	for (int first = 0; first + LEP_ID_BATCH <= N_POOL; first += LEP_ID_BATCH)
	{
		env.max_bytes = env.bytes_now + 1;
		memcpy(ids, pool.id + first, sizeof(ids));
		while (lep_idmap_add(map, ids, LEP_ID_BATCH, rows) != LEP_OK)
		{
			if (!CHECK_INT_EQ(env.error.status, LEP_ERR_MEMORY_LIMIT))
				return;
			failures++;
			env.max_bytes += 16 * 1024;
		}
		for (int j = 0; j < LEP_ID_BATCH; j++)
			bad += rows[j] != first + j;
	}
	CHECK(failures > 10, "%d failures", failures);
	CHECK_INT_EQ(bad, 0);
	env.max_bytes = env.bytes_now + 1;
	CHECK_STATUS(lep_idmap_sort(map, NULL, NULL), LEP_ERR_MEMORY_LIMIT);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Sort the prefixed texts, stopped after so many questions; how often it was asked. */
static int64_t
sort_stopped(int64_t limit, LepStatus expected)
{
	static int32_t rows[MAX_PREFIXED];
	static int32_t new_row[MAX_PREFIXED];
	UnitStopper stopper = { 0, INT64_MAX };
	LepEnv env;
	LepArena arena;
	LepIdMap *map;
	int as_added = 0;
	int sorted = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	env.should_stop = unit_stop_after;
	env.host = &stopper;
	map = lep_idmap_create(&arena, LEP_ID_TEXT, "users");
	for (int k = 0; k < prefixed.n; k++)
		CHECK_OK(lep_idmap_add(map, &prefixed.id[k], 1, &rows[k]));
	stopper = (UnitStopper){ 0, limit };
	CHECK_STATUS(lep_idmap_sort(map, NULL, new_row), expected);
	if (expected == LEP_ERR_STOPPED)
	{
		CHECK_INT_EQ(env.error.status, LEP_ERR_STOPPED);
		CHECK_INT_EQ(stopper.n_asked, limit + 1);
	}
	CHECK_INT_EQ(lep_idmap_count(map), prefixed.n);
	for (int k = 0; k < prefixed.n; k++)
	{
		LepId id = lep_idmap_id(map, k);
		as_added += compare_texts(&id, &prefixed.id[k]) == 0;
		sorted += compare_texts(&id, &prefixed.sorted[k]) == 0;
	}
	/* the ids move as one of the last steps */
	CHECK(as_added == prefixed.n || sorted == prefixed.n, "%d as added, %d sorted", as_added, sorted);
	lep_arena_drop(&arena);
	unit_env_done(&env);
	return stopper.n_asked;
}

/* Every 256 rows of each pass: rows, beginnings, keys, nine merges, new numbers, ids, table. */
static void
test_stopped_sort(void)
{
	int64_t n_asked;

	make_prefixed(9);
	memcpy(prefixed.sorted, prefixed.id, sizeof(prefixed.sorted));
	qsort(prefixed.sorted, (size_t) prefixed.n, sizeof(LepId), compare_texts);
	n_asked = sort_stopped(INT64_MAX, LEP_OK);
	CHECK(n_asked >= 15 * (prefixed.n / 256), "asked %d times", (int) n_asked);
	for (int64_t limit = 0; limit < n_asked; limit++)
		sort_stopped(limit, LEP_ERR_STOPPED);
}

static void
check_text(LepIdKind kind, LepId id, size_t size, const char *expected)
{
	char text[64];

	memset(text, '#', sizeof(text));
	lep_id_text(kind, &id, text, size);
	CHECK_STR_EQ(text, expected);
	CHECK(text[size] == '#', "written beyond size %zu", size);
}

static void
test_id_as_text(void)
{
	LepId uuid;

	memcpy(uuid.v.uuid, "\x01\x23\x45\x67\x89\xab\xcd\xef\x00\x11\x22\x33\x44\x55\x66\xff", 16);
	check_text(LEP_ID_INT64, int_id(0), 8, "0");
	check_text(LEP_ID_INT64, int_id(-1203), 8, "-1203");
	check_text(LEP_ID_INT64, int_id(INT64_MAX), 32, "9223372036854775807");
	check_text(LEP_ID_INT64, int_id(INT64_MIN), 32, "-9223372036854775808");
	check_text(LEP_ID_INT64, int_id(INT64_MIN), 21, "-9223372036854775808");
	check_text(LEP_ID_INT64, int_id(INT64_MIN), 20, "-922337203685477...");
	check_text(LEP_ID_UUID, uuid, 37, "01234567-89ab-cdef-0011-2233445566ff");
	check_text(LEP_ID_TEXT, text_id("abc", 3), 4, "abc");
	check_text(LEP_ID_TEXT, text_id("abcd", 4), 4, "...");
	check_text(LEP_ID_TEXT, text_id("", 0), 4, "");
	/* no half of an a umlaut */
	check_text(LEP_ID_TEXT, text_id("ab\xc3\xa4xyz", 7), 7, "ab...");
	check_text(LEP_ID_TEXT, text_id("ab\xc3\xa4xyzz", 8), 8, "ab\xc3\xa4...");
}

int
main(void)
{
	TEST(test_int64_like_a_sorted_list);
	TEST(test_text_like_a_sorted_list);
	TEST(test_uuid_like_a_sorted_list);
	TEST(test_order_of_extremes);
	TEST(test_many_texts_with_a_shared_beginning);
	TEST(test_one_text_that_shares_less);
	TEST(test_empty_map);
	TEST(test_hash_is_of_the_id_alone);
	TEST(test_text_of_limit_length);
	TEST(test_too_many);
	TEST(test_bytes_per_id);
	TEST(test_out_of_memory);
	TEST(test_stopped_sort);
	TEST(test_id_as_text);
	return unit_done();
}

/*
 * test_ranked.c
 *		The best n of rows as bytes: against sorting all of them, whatever the
 *		order and the division into states; and bytes that are no state.
 */
#include "document.h"
#include "unit.h"

#include "core/bytes.h"
#include "core/ranked.h"
#include "core/rng.h"

#define MAX_ROWS  3000
#define MAX_BYTES (1 << 20)

/* A state with room enough. */
typedef struct Holder
{
	LepRanked state;
	uint8_t *bytes;
	size_t most;		/* bytes ever in use */
	int64_t most_count; /* records likewise */
} Holder;

static Holder
create_holder(LepIdKind kind, int64_t n)
{
	Holder holder = { .bytes = malloc(MAX_BYTES) };

	lep_ranked_begin(&holder.state, kind, n, holder.bytes, MAX_BYTES);
	return holder;
}

/* As the aggregate does it; the state is opened anew for each row. */
static void
add(LepEnv *env, Holder *holder, const LepRankedRow *row)
{
	CHECK_OK(lep_ranked_open(&holder->state, holder->state.kind, holder->bytes, MAX_BYTES, &env->error));
	if (!lep_ranked_takes(&holder->state, row))
		return;
	if (lep_ranked_is_full(&holder->state))
		CHECK_OK(lep_ranked_prune(env, &holder->state));
	lep_ranked_append(&holder->state, row);
	if (holder->state.used > holder->most)
		holder->most = holder->state.used;
	if (holder->state.count > holder->most_count)
		holder->most_count = holder->state.count;
}

/* Rows with many ties, and texts of many lengths that begin alike. */
static void
make_rows(LepIdKind kind, uint64_t seed, LepRankedRow *rows, char (*texts)[16], int n)
{
	LepRng rng;

	lep_rng_init(&rng, seed, 0, 0);
	for (int j = 0; j < n; j++)
	{
		uint64_t number = lep_rng_below(&rng, (uint32_t) n);

		memset(&rows[j], 0, sizeof(rows[j]));
		rows[j].score = (double) lep_rng_below(&rng, 50) / 4 - 6;
		if (rows[j].score == 0 && number % 2)
			rows[j].score = -0.0;
		switch (kind)
		{
			case LEP_ID_INT64:
				rows[j].id.v.i64 = (int64_t) number - n / 2;
				break;
			case LEP_ID_TEXT:
				snprintf(texts[j], sizeof(texts[j]), "aaaaaaaaaa%d", (int) number);
				rows[j].id.v.text.data = texts[j] + number % 11;
				rows[j].id.v.text.len = (int32_t) strlen(rows[j].id.v.text.data);
				break;
			case LEP_ID_UUID:
				rows[j].id.v.uuid[15] = (uint8_t) number;
				rows[j].id.v.uuid[0] = (uint8_t) (number >> 8);
				break;
		}
	}
}

static LepIdKind sorted_kind;

static int
compare(const void *a, const void *b)
{
	const LepRankedRow *x = a;
	const LepRankedRow *y = b;
	int order;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	order = lep_id_compare(sorted_kind, &x->id, &y->id);
	return order != 0 ? order : (signbit(x->score) != 0) - (signbit(y->score) != 0);
}

/* What the state answers is what sorting all rows gives. */
static void
check_answer(LepEnv *env, Holder *holder, const LepRankedRow *sorted, int n_rows)
{
	LepRanked *state = &holder->state;
	LepRankedRow *rows = malloc((state->count + 1) * sizeof(LepRankedRow));
	int64_t n = state->n < n_rows ? state->n : n_rows;

	CHECK(state->count >= n, "%d records", (int) state->count);
	CHECK_OK(lep_ranked_sort(env, state, rows));
	for (int64_t j = 0; j < n; j++)
	{
		if (!CHECK(rows[j].score == sorted[j].score && !signbit(rows[j].score) == !signbit(sorted[j].score) &&
					   lep_id_compare(state->kind, &rows[j].id, &sorted[j].id) == 0,
				   "kind %d, n %d, row %d: %g", (int) state->kind, (int) state->n, (int) j, rows[j].score))
			break;
	}
	free(rows);
}

/* In the order given, backwards, and in two states that are put together. */
static void
check_orders(LepEnv *env, LepIdKind kind, int64_t n, const LepRankedRow *rows, int n_rows)
{
	LepRankedRow *sorted = malloc((size_t) n_rows * sizeof(LepRankedRow) + 1);
	Holder forward = create_holder(kind, n);
	Holder backward = create_holder(kind, n);
	Holder even = create_holder(kind, n);
	LepRankedRow *others;
	int64_t room = n + (n > LEP_RANKED_SLACK ? n : LEP_RANKED_SLACK);

	memcpy(sorted, rows, (size_t) n_rows * sizeof(LepRankedRow));
	sorted_kind = kind;
	qsort(sorted, (size_t) n_rows, sizeof(LepRankedRow), compare);
	for (int j = 0; j < n_rows; j++)
	{
		add(env, &forward, &rows[j]);
		add(env, &backward, &sorted[n_rows - 1 - j]); /* each enters */
		if (j % 2 == 0)
			add(env, &even, &rows[j]);
	}
	check_answer(env, &forward, sorted, n_rows);
	check_answer(env, &backward, sorted, n_rows);
	CHECK(backward.most_count <= room, "%d records for n %d", (int) backward.most_count, (int) n);

	others = malloc((even.state.count + 1) * sizeof(LepRankedRow));
	lep_ranked_begin(&backward.state, kind, n, backward.bytes, MAX_BYTES);
	for (int j = 1; j < n_rows; j += 2)
		add(env, &backward, &rows[j]);
	CHECK_OK(lep_ranked_sort(env, &even.state, others));
	for (int64_t j = 0; j < (int64_t) even.state.count && j < n; j++)
		add(env, &backward, &others[j]);
	check_answer(env, &backward, sorted, n_rows);
	free(others);
	free(sorted);
	free(forward.bytes);
	free(backward.bytes);
	free(even.bytes);
}

static void
check_kind(LepIdKind kind)
{
	static const int64_t wanted[] = { 0, 1, 2, 15, 16, 17, 100, 1499, 1500, 2999, 3000, 3001, INT64_MAX };
	static LepRankedRow rows[MAX_ROWS];
	static char texts[MAX_ROWS][16];
	LepEnv env;

	lep_env_init_malloc(&env);
	make_rows(kind, 7, rows, texts, MAX_ROWS);
	for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++)
	{
		check_orders(&env, kind, wanted[w] < INT64_MAX ? wanted[w] : INT64_MAX / 2, rows, MAX_ROWS);
		check_orders(&env, kind, wanted[w] < INT64_MAX ? wanted[w] : INT64_MAX / 2, rows, 17);
		check_orders(&env, kind, wanted[w] < INT64_MAX ? wanted[w] : INT64_MAX / 2, rows, 0);
	}
	CHECK_INT_EQ(env.bytes_now, 0);
}

static void
test_integers(void)
{
	check_kind(LEP_ID_INT64);
}

static void
test_texts(void)
{
	check_kind(LEP_ID_TEXT);
}

static void
test_uuids(void)
{
	check_kind(LEP_ID_UUID);
}

/* n = INT64_MAX must not overflow where twice n is thought of. */
static void
test_largest_n(void)
{
	Holder holder = create_holder(LEP_ID_INT64, INT64_MAX);
	LepRankedRow row = { .score = 1 };
	LepEnv env;

	lep_env_init_malloc(&env);
	for (int j = 0; j < 100; j++)
		add(&env, &holder, &row);
	CHECK_INT_EQ(holder.state.count, 100);
	CHECK(!lep_ranked_is_full(&holder.state));
	CHECK_OK(lep_ranked_prune(&env, &holder.state));
	CHECK_INT_EQ(holder.state.count, 100);
	free(holder.bytes);
}

/* What docs/format.md says, byte by byte: n = 2, the rows (5, 1.5) and (6, -2). */
static void
test_golden(void)
{
	static const uint8_t golden[] = { 'L', 'E', 'P', 'R', 1,	1,	  0,	0, 2, 0, 0, 0, 0, 0, 0,
									  0,   60,	0,	 0,	  0,	2,	  0,	0, 0, 0, 0, 0, 0, 0, 0,
									  0,   0,	0,	 0,	  0xF8, 0x3F, 5,	0, 0, 0, 0, 0, 0, 0, 0,
									  0,   0,	0,	 0,	  0,	0,	  0xC0, 6, 0, 0, 0, 0, 0, 0, 0 };
	Holder holder = create_holder(LEP_ID_INT64, 2);
	LepRankedRow row = { .score = 1.5 };
	uint8_t example[64];
	LepIdKind kind;
	LepEnv env;

	lep_env_init_malloc(&env);
	row.id.v.i64 = 5;
	add(&env, &holder, &row);
	row.id.v.i64 = 6;
	row.score = -2;
	add(&env, &holder, &row);
	CHECK_INT_EQ(holder.state.used, sizeof(golden));
	CHECK_BYTES_EQ(holder.bytes, golden, sizeof(golden));
	if (CHECK_INT_EQ(document_example("```hex ranked", example, sizeof(example)), sizeof(golden)))
		CHECK_BYTES_EQ(example, golden, sizeof(golden));
	CHECK(lep_ranked_kind(golden, sizeof(golden), &kind) && kind == LEP_ID_INT64);
	CHECK(!lep_ranked_kind(golden, LEP_RANKED_HEADER - 1, &kind));
	free(holder.bytes);
}

/* Open a copy of exactly that size, and sort it. */
static LepStatus
read_bytes(LepIdKind kind, const uint8_t *bytes, size_t size, LepEnv *env)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	LepRanked state;
	LepStatus status;

	memcpy(copy, bytes, size);
	status = lep_ranked_open(&state, kind, copy, size, &env->error);
	if (status == LEP_OK)
	{
		LepRankedRow *rows = malloc((state.count + 1) * sizeof(LepRankedRow));

		status = lep_ranked_sort(env, &state, rows);
		free(rows);
	}
	CHECK(status == LEP_OK || env->error.status == status);
	free(copy);
	return status;
}

static void
test_damaged(void)
{
	Holder holder = create_holder(LEP_ID_TEXT, 2);
	LepRankedRow row = { .score = 1.5 };
	uint8_t *bytes = holder.bytes;
	uint8_t kept[LEP_RANKED_HEADER];
	size_t size;
	LepEnv env;

	lep_env_init_malloc(&env);
	for (int j = 0; j < 40; j++)
	{
		row.id.v.text.data = "0123456789";
		row.id.v.text.len = j % 11;
		add(&env, &holder, &row);
	}
	CHECK_OK(lep_ranked_prune(&env, &holder.state));
	size = holder.state.used;
	CHECK_OK(read_bytes(LEP_ID_TEXT, bytes, size, &env));
	CHECK_OK(read_bytes(LEP_ID_TEXT, bytes, size + 100, &env)); /* room */
	for (size_t shorter = 0; shorter < size; shorter++)
		CHECK_STATUS(read_bytes(LEP_ID_TEXT, bytes, shorter, &env), LEP_ERR_BYTES_LENGTH);
	CHECK_STATUS(read_bytes(LEP_ID_UUID, bytes, size, &env), LEP_ERR_BYTES_ORDER);
	bytes[0] = 'l';
	CHECK_STATUS(read_bytes(LEP_ID_TEXT, bytes, size, &env), LEP_ERR_BYTES_MAGIC);
	bytes[0] = 'L';
	bytes[4] = 2;
	CHECK_STATUS(read_bytes(LEP_ID_TEXT, bytes, size, &env), LEP_ERR_BYTES_VERSION);
	bytes[4] = 1;
	bytes[7] = 1;
	CHECK_STATUS(read_bytes(LEP_ID_TEXT, bytes, size, &env), LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(env.error.row, 7);
	bytes[7] = 0;
	bytes[15] = 0x80; /* n below 0 */
	CHECK_STATUS(read_bytes(LEP_ID_TEXT, bytes, size, &env), LEP_ERR_BYTES_ORDER);
	bytes[15] = 0;
	bytes[20]++; /* a record more than there is */
	CHECK(read_bytes(LEP_ID_TEXT, bytes, size, &env) != LEP_OK);
	bytes[20]--;
	memcpy(kept, bytes, sizeof(kept));
	memset(bytes + 8, 0, 8); /* no row is wanted, but one was left out for another */
	lep_put_u32(bytes + 20, 0);
	CHECK_STATUS(read_bytes(LEP_ID_TEXT, bytes, size, &env), LEP_ERR_BYTES_ORDER);
	memcpy(bytes, kept, sizeof(kept));
	lep_put_u32(bytes + 24, (uint32_t) size - 3); /* the worst record */
	CHECK_STATUS(read_bytes(LEP_ID_TEXT, bytes, size, &env), LEP_ERR_BYTES_ORDER);
	lep_put_u32(bytes + 24, LEP_RANKED_HEADER);
	lep_put_u32(bytes + 36, UINT32_MAX); /* the first text's length */
	CHECK(read_bytes(LEP_ID_TEXT, bytes, size, &env) != LEP_OK);
	lep_put_u32(bytes + 36, 0);
	memset(bytes + 28, 0xFF, 8); /* a NaN */
	CHECK(read_bytes(LEP_ID_TEXT, bytes, size, &env) != LEP_OK);
	free(bytes);
}

/* Reading, sorting and writing ask; whoever is stopped leaves the state as it was. */
static void
test_can_be_stopped(void)
{
	enum
	{
		N = 40960
	};
	size_t size = LEP_RANKED_HEADER + (size_t) N * 16;
	uint8_t *bytes = malloc(size);
	uint8_t *before = malloc(size);
	UnitStopper stopper = { 0, 0 };
	LepRanked state;
	LepEnv env;

	unit_env_init(&env);
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	lep_ranked_begin(&state, LEP_ID_INT64, N / 2, bytes, size);
	for (int64_t j = 0; j < N; j++)
	{
		LepRankedRow row = { (double) (j * 7919 % N), { .v.i64 = j } };

		lep_ranked_append(&state, &row);
	}
	memcpy(before, bytes, size);
	for (int64_t limit = 0; limit < 29; limit++)
	{
		stopper = (UnitStopper){ 0, limit };
		CHECK_STATUS(lep_ranked_prune(&env, &state), LEP_ERR_STOPPED);
		CHECK_INT_EQ(state.count, N);
		CHECK_BYTES_EQ(bytes, before, size);
	}
	stopper = (UnitStopper){ 0, INT64_MAX };
	CHECK_OK(lep_ranked_prune(&env, &state));
	CHECK_INT_EQ(stopper.n_asked, 29);
	CHECK_INT_EQ(state.count, N / 2);
	free(before);
	free(bytes);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_integers);
	TEST(test_texts);
	TEST(test_uuids);
	TEST(test_largest_n);
	TEST(test_golden);
	TEST(test_damaged);
	TEST(test_can_be_stopped);
	return unit_done();
}

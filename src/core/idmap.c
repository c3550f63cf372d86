/*
 * idmap.c
 *		id -> dense row number: hash tables over chunks of ids.
 *
 * The table is open addressing with linear probing over a power of two of
 * 32-bit slots, at most 2/3 full.  Of a 32-bit hash the low bits are the home
 * slot; a slot holds the row in as many low bits, and above it the rest of the
 * hash, so that a slot whose tag agrees is nearly always the right one and a
 * wrong one is passed over without touching its id.
 *
 * Ids live in chunks of 256, 512, 1024, ...: they are never copied as the map
 * grows, and a row's place takes one count-leading-zeros.  Text bytes are in
 * blocks of their own.  All memory is the arena's of lep_idmap_create(); sort
 * takes scratch memory of 32 bytes an id and gives it back.
 *
 * When a function fails, the map still holds what it held, but may have lost its
 * table; the next add makes it again.
 */
#include "core/idmap.h"

#include <string.h>

#include "core/idhash.h"
#include "core/rng.h"

#define FIRST_CHUNK_LOG 8
#define N_CHUNKS		24 /* the last begins at row 2^31 - 256 */

#define MIN_CAPACITY 512		/* slots; holds a first batch */
#define EMPTY		 UINT32_MAX /* its row would be the capacity - 1: never used */

#define CLEAR_SLOTS (64 * 1024) /* cleared at once */

#define MIN_TEXT_BLOCK 4096
#define MAX_TEXT_BLOCK (1024 * 1024)

/* Loops ask whether to stop every 256 rows, each of which may fault in a page. */
#define STOP_MASK 255

typedef struct IdOps
{
	size_t entry_size;
	LepStatus (*add)(LepIdMap *map, const LepId *ids, int n, int32_t *rows);
	int32_t (*find)(const LepIdMap *map, const LepId *id);
	LepStatus (*fill)(LepIdMap *map);
	LepId (*id)(const LepIdMap *map, int32_t row);
} IdOps;

struct LepIdMap
{
	LepArena *arena;
	const IdOps *ops;
	LepIdKind kind;
	const char *what; /* "users" or "items" */
	int32_t count;
	int32_t limit; /* most ids */

	uint32_t *table; /* NULL while there is none */
	uint32_t mask;	 /* slots - 1 */
	int64_t room;	 /* ids that the table takes before it must grow */

	void *chunks[N_CHUNKS];
	int64_t entries; /* rows that the chunks have place for */

	char *text; /* free bytes of the newest text block */
	size_t text_left;
	size_t text_total; /* in all text blocks */
};

/* An id for sorting: by its key, and where keys are the same by all of it. */
typedef struct SortKey
{
	uint64_t key;
	int32_t row;
} SortKey;

static inline int
chunk_of(int32_t row)
{
	return 31 - FIRST_CHUNK_LOG - __builtin_clz((uint32_t) row + (1u << FIRST_CHUNK_LOG));
}

static inline uint32_t
place_of(int32_t row)
{
	return ((uint32_t) row + (1u << FIRST_CHUNK_LOG)) ^ (1u << (chunk_of(row) + FIRST_CHUNK_LOG));
}

static inline int64_t
chunk_rows(int chunk)
{
	return (int64_t) 1 << (chunk + FIRST_CHUNK_LOG);
}

/* Enter a row that is not in the table. */
static inline void
table_put(LepIdMap *map, uint32_t hash, int32_t row)
{
	uint32_t at = hash & map->mask;

	while (map->table[at] != EMPTY)
		at = (at + 1) & map->mask;
	map->table[at] = (hash & ~map->mask) | (uint32_t) row;
}

/* ---- int64 ---- */

static inline uint32_t
hash_int64(const LepId *id)
{
	return lep_hash_int64(id->v.i64);
}

static inline uint32_t
entry_hash_int64(const int64_t *entry)
{
	return lep_hash_int64(*entry);
}

static inline bool
entry_equal_int64(const int64_t *entry, const LepId *id, uint32_t hash)
{
	(void) hash;
	return *entry == id->v.i64;
}

static inline bool
entry_set_int64(LepIdMap *map, int64_t *entry, const LepId *id, uint32_t hash)
{
	(void) map;
	(void) hash;
	*entry = id->v.i64;
	return true;
}

#define IDMAP_KIND	int64
#define IDMAP_ENTRY int64_t
#include "core/idmap_template.h"

static LepId
id_int64(const LepIdMap *map, int32_t row)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	id.v.i64 = *entry_int64(map, row);
	return id;
}

/* ---- uuid ---- */

typedef struct UuidEntry
{
	uint8_t bytes[16];
} UuidEntry;

static inline uint32_t
hash_uuid(const LepId *id)
{
	return lep_hash_uuid(id->v.uuid);
}

static inline uint32_t
entry_hash_uuid(const UuidEntry *entry)
{
	return lep_hash_uuid(entry->bytes);
}

static inline bool
entry_equal_uuid(const UuidEntry *entry, const LepId *id, uint32_t hash)
{
	(void) hash;
	return memcmp(entry->bytes, id->v.uuid, sizeof(entry->bytes)) == 0;
}

static inline bool
entry_set_uuid(LepIdMap *map, UuidEntry *entry, const LepId *id, uint32_t hash)
{
	(void) map;
	(void) hash;
	memcpy(entry->bytes, id->v.uuid, sizeof(entry->bytes));
	return true;
}

#define IDMAP_KIND	uuid
#define IDMAP_ENTRY UuidEntry
#include "core/idmap_template.h"

static LepId
id_uuid(const LepIdMap *map, int32_t row)
{
	LepId id;

	memcpy(id.v.uuid, entry_uuid(map, row)->bytes, sizeof(id.v.uuid));
	return id;
}

/* ---- text ---- */

typedef struct TextEntry
{
	const char *data;
	int32_t len;
	uint32_t hash; /* a text is hashed once, not at each growth */
} TextEntry;

static inline uint32_t
hash_text(const LepId *id)
{
	return lep_hash_text(id->v.text.data, id->v.text.len);
}

static inline uint32_t
entry_hash_text(const TextEntry *entry)
{
	return entry->hash;
}

static inline bool
entry_equal_text(const TextEntry *entry, const LepId *id, uint32_t hash)
{
	return entry->hash == hash && entry->len == id->v.text.len &&
		   memcmp(entry->data, id->v.text.data, (size_t) entry->len) == 0;
}

static inline void
entry_prefetch_text(const TextEntry *entry, uint32_t hash)
{
	if (entry->hash == hash)
		__builtin_prefetch(entry->data);
}

/* Blocks grow with what they hold, so that small maps stay small. */
static bool
text_block_create(LepIdMap *map)
{
	size_t size = map->text_total;

	size = size < MIN_TEXT_BLOCK ? MIN_TEXT_BLOCK : size > MAX_TEXT_BLOCK ? MAX_TEXT_BLOCK : size;
	map->text_left = 0;
	map->text = lep_arena_alloc(map->arena, (int64_t) size, 1);
	if (map->text == NULL)
		return false;
	map->text_left = size;
	map->text_total += size;
	return true;
}

static inline bool
entry_set_text(LepIdMap *map, TextEntry *entry, const LepId *id, uint32_t hash)
{
	size_t len = (size_t) id->v.text.len;

	if ((map->text == NULL || len > map->text_left) && !text_block_create(map))
		return false;
	memcpy(map->text, id->v.text.data, len);
	entry->data = map->text;
	entry->len = (int32_t) len;
	entry->hash = hash;
	map->text += len;
	map->text_left -= len;
	return true;
}

#define IDMAP_KIND	   text
#define IDMAP_ENTRY	   TextEntry
#define IDMAP_INDIRECT 1
#include "core/idmap_template.h"

static LepId
id_text(const LepIdMap *map, int32_t row)
{
	const TextEntry *entry = entry_text(map, row);
	LepId id;

	memset(&id, 0, sizeof(id));
	id.v.text.data = entry->data;
	id.v.text.len = entry->len;
	return id;
}

/* ---- all kinds ---- */

static const IdOps id_ops[] = {
	[LEP_ID_INT64] = { sizeof(int64_t), add_int64, find_int64, fill_int64, id_int64 },
	[LEP_ID_TEXT] = { sizeof(TextEntry), add_text, find_text, fill_text, id_text },
	[LEP_ID_UUID] = { sizeof(UuidEntry), add_uuid, find_uuid, fill_uuid, id_uuid },
};

LepIdMap *
lep_idmap_create(LepArena *arena, LepIdKind kind, const char *what)
{
	LepIdMap *map = lep_arena_calloc(arena, 1, sizeof(LepIdMap));

	if (map == NULL)
		return NULL;
	map->arena = arena;
	map->ops = &id_ops[kind];
	map->kind = kind;
	map->what = what;
	map->limit = LEP_MAX_IDS;
	return map;
}

void
lep_idmap_set_limit(LepIdMap *map, int32_t max)
{
	map->limit = max;
}

int32_t
lep_idmap_count(const LepIdMap *map)
{
	return map->count;
}

LepIdKind
lep_idmap_kind(const LepIdMap *map)
{
	return map->kind;
}

LepId
lep_idmap_id(const LepIdMap *map, int32_t row)
{
	return map->ops->id(map, row);
}

int32_t
lep_idmap_find(const LepIdMap *map, const LepId *id)
{
	return map->table == NULL ? -1 : map->ops->find(map, id);
}

uint64_t
lep_idmap_hash(const LepIdMap *map, int32_t row)
{
	LepId id = map->ops->id(map, row);
	uint8_t bytes[8];

	switch (map->kind)
	{
		case LEP_ID_TEXT:
			return lep_hash_bytes(id.v.text.data, id.v.text.len);
		case LEP_ID_UUID:
			return lep_hash_bytes(id.v.uuid, sizeof(id.v.uuid));
		case LEP_ID_INT64:
			break;
	}
	for (int b = 0; b < 8; b++)
		bytes[b] = (uint8_t) ((uint64_t) id.v.i64 >> (8 * b));
	return lep_hash_bytes(bytes, sizeof(bytes));
}

/* Slots of a table for so many ids. */
static int64_t
table_capacity(int64_t ids)
{
	int64_t capacity = MIN_CAPACITY;

	while (capacity / 3 * 2 < ids)
		capacity *= 2;
	return capacity;
}

/* A larger table with all rows in it, for `ids` ids. */
static LepStatus
table_grow(LepIdMap *map, int64_t ids)
{
	LepEnv *env = map->arena->env;
	int64_t capacity = table_capacity(ids);
	LepStatus status = LEP_OK;

	/* the old one goes first: it can be made again from the ids */
	lep_arena_free(map->arena, map->table);
	map->room = 0;
	map->table = lep_arena_alloc(map->arena, capacity, sizeof(uint32_t));
	if (map->table == NULL)
		return lep_env_failure(env);
	map->mask = (uint32_t) (capacity - 1);

	for (int64_t at = 0; at < capacity && status == LEP_OK; at += CLEAR_SLOTS)
	{
		int64_t n = capacity - at < CLEAR_SLOTS ? capacity - at : CLEAR_SLOTS;

		memset(map->table + at, 0xFF, (size_t) n * sizeof(uint32_t));
		if (lep_env_stopped(env))
			status = LEP_ERR_STOPPED;
	}
	if (status == LEP_OK)
		status = map->ops->fill(map);
	if (status != LEP_OK)
	{
		lep_arena_free(map->arena, map->table);
		map->table = NULL;
		return status;
	}
	map->room = capacity / 3 * 2;
	return LEP_OK;
}

/* The next chunk; or, where sort has cut the last one to size, all of that. */
static LepStatus
entries_grow(LepIdMap *map)
{
	int chunk = chunk_of((int32_t) map->entries);
	int64_t used = place_of((int32_t) map->entries);
	void *grown = lep_arena_alloc(map->arena, chunk_rows(chunk), map->ops->entry_size);

	if (grown == NULL)
		return lep_env_failure(map->arena->env);
	if (used > 0)
	{
		memcpy(grown, map->chunks[chunk], (size_t) used * map->ops->entry_size);
		lep_arena_free(map->arena, map->chunks[chunk]);
	}
	map->chunks[chunk] = grown;
	map->entries += chunk_rows(chunk) - used;
	return LEP_OK;
}

/* Table and chunks with place for `ids` ids. */
static LepStatus
reserve(LepIdMap *map, int64_t ids)
{
	LepStatus status = LEP_OK;

	while (map->entries < ids && status == LEP_OK)
		status = entries_grow(map);
	if (status == LEP_OK && map->room < ids)
		status = table_grow(map, ids);
	return status;
}

LepStatus
lep_idmap_add(LepIdMap *map, const LepId *ids, int n, int32_t *rows)
{
	LepError *error = &map->arena->env->error;
	int64_t most = (int64_t) map->count + n;
	LepStatus status;

	for (int j = 0; map->kind == LEP_ID_TEXT && j < n; j++)
	{
		if (ids[j].v.text.len <= LEP_MAX_TEXT_ID)
			continue;
		lep_fail(error, LEP_ERR_ID_TOO_LONG, strcmp(map->what, "users") == 0 ? "user" : "item",
				 ids[j].v.text.len, 0, LEP_MAX_TEXT_ID);
		error->row = j + 1;
		return error->status;
	}
	status = reserve(map, most < map->limit ? most : map->limit);
	return status == LEP_OK ? map->ops->add(map, ids, n, rows) : status;
}

static bool
key_before(const LepIdMap *map, const SortKey *a, const SortKey *b)
{
	LepId a_id;
	LepId b_id;

	if (a->key != b->key || map->kind == LEP_ID_INT64)
		return a->key < b->key;
	a_id = map->ops->id(map, a->row);
	b_id = map->ops->id(map, b->row);
	return lep_id_compare(map->kind, &a_id, &b_id) < 0;
}

/* The first 8 bytes as a number that orders like them; zeros behind the end. */
static uint64_t
bytes_key(const void *data, int32_t len)
{
	const uint8_t *bytes = data;
	uint64_t key = 0;

	for (int b = 0; b < 8; b++)
		key = key << 8 | (b < len ? bytes[b] : 0);
	return key;
}

/* Bytes that the texts of n rows all begin with ("user_"). */
static LepStatus
common_prefix(const LepIdMap *map, const SortKey *keys, int32_t n, int32_t *prefix)
{
	LepId first = map->ops->id(map, keys[0].row);
	int32_t len = first.v.text.len;

	for (int32_t k = 1; k < n && len > 0; k++)
	{
		LepId id = map->ops->id(map, keys[k].row);

		if ((k & STOP_MASK) == 0 && lep_env_stopped(map->arena->env))
			return LEP_ERR_STOPPED;
		len = len < id.v.text.len ? len : id.v.text.len;
		while (len > 0 && memcmp(first.v.text.data, id.v.text.data, (size_t) len) != 0)
			len--;
	}
	*prefix = len;
	return LEP_OK;
}

/* The keys of the rows to keep, *n of them. */
static LepStatus
make_keys(const LepIdMap *map, const uint8_t *keep, SortKey *keys, int32_t *n)
{
	int32_t skip = 0;
	LepStatus status = LEP_OK;

	*n = 0;
	for (int32_t row = 0; row < map->count; row++)
	{
		if ((row & STOP_MASK) == 0 && lep_env_stopped(map->arena->env))
			return LEP_ERR_STOPPED;
		if (keep == NULL || keep[row] != 0)
			keys[(*n)++].row = row;
	}
	if (map->kind == LEP_ID_TEXT && *n > 0)
		status = common_prefix(map, keys, *n, &skip);

	for (int32_t k = 0; k < *n && status == LEP_OK; k++)
	{
		LepId id = map->ops->id(map, keys[k].row);

		if ((k & STOP_MASK) == 0 && lep_env_stopped(map->arena->env))
			return LEP_ERR_STOPPED;
		if (map->kind == LEP_ID_INT64)
			keys[k].key = (uint64_t) id.v.i64 ^ UINT64_C(1) << 63;
		else if (map->kind == LEP_ID_TEXT)
			keys[k].key = bytes_key(id.v.text.data + skip, id.v.text.len - skip);
		else
			keys[k].key = bytes_key(id.v.uuid, 16);
	}
	return status;
}

/* Merge from[low, mid) and from[mid, high) into to[low, high). */
static LepStatus
merge_keys(const LepIdMap *map, const SortKey *from, SortKey *to, const int64_t bounds[3])
{
	int64_t a = bounds[0];
	int64_t b = bounds[1];

	if (b == bounds[2] || !key_before(map, &from[b], &from[b - 1]))
	{
		memcpy(to + a, from + a, (size_t) (bounds[2] - a) * sizeof(SortKey));
		return LEP_OK;
	}
	for (int64_t k = bounds[0]; k < bounds[2]; k++)
	{
		if ((k & STOP_MASK) == 0 && lep_env_stopped(map->arena->env))
			return LEP_ERR_STOPPED;
		if (a == bounds[1] || (b < bounds[2] && key_before(map, &from[b], &from[a])))
			to[k] = from[b++];
		else
			to[k] = from[a++];
	}
	return LEP_OK;
}

/*
 * Merge sort from runs of one, between two buffers; *keys is where the result
 * is.  Our own, since qsort may call malloc and cannot be stopped.
 */
static LepStatus
sort_keys(const LepIdMap *map, SortKey **keys, SortKey *spare, int64_t n)
{
	int64_t work = 0;

	for (int64_t width = 1; width < n; width *= 2)
	{
		SortKey *from = *keys;

		for (int64_t low = 0; low < n; low += 2 * width)
		{
			int64_t mid = low + width < n ? low + width : n;
			int64_t high = mid + width < n ? mid + width : n;
			int64_t bounds[3] = { low, mid, high };
			LepStatus status = merge_keys(map, from, spare, bounds);

			if (status != LEP_OK)
				return status;
			work += high - low;
			if (work > STOP_MASK)
			{
				work = 0;
				if (lep_env_stopped(map->arena->env))
					return LEP_ERR_STOPPED;
			}
		}
		*keys = spare;
		spare = from;
	}
	return LEP_OK;
}

/* Move the ids of n sorted keys into chunks of their own, the last cut to size. */
static LepStatus
move_entries(LepIdMap *map, const SortKey *keys, int32_t n, int32_t *new_row)
{
	size_t size = map->ops->entry_size;
	void *chunks[N_CHUNKS] = { NULL };

	for (int64_t row = 0; row < n; row += chunk_rows(chunk_of((int32_t) row)))
	{
		int chunk = chunk_of((int32_t) row);
		int64_t left = n - row;

		chunks[chunk] =
			lep_arena_alloc(map->arena, left < chunk_rows(chunk) ? left : chunk_rows(chunk), size);
		if (chunks[chunk] == NULL)
			return lep_env_failure(map->arena->env);
	}
	for (int32_t row = 0; row < n; row++)
	{
		int32_t old = keys[row].row;

		if ((row & STOP_MASK) == 0 && lep_env_stopped(map->arena->env))
			return LEP_ERR_STOPPED;
		memcpy((char *) chunks[chunk_of(row)] + place_of(row) * size,
			   (const char *) map->chunks[chunk_of(old)] + place_of(old) * size, size);
		new_row[old] = row;
	}
	for (int chunk = 0; chunk < N_CHUNKS; chunk++)
		lep_arena_free(map->arena, map->chunks[chunk]);
	memcpy(map->chunks, chunks, sizeof(chunks));
	map->entries = n;
	map->count = n;
	return LEP_OK;
}

/* The work of lep_idmap_sort, with scratch memory. */
static LepStatus
sort_rows(LepIdMap *map, const uint8_t *keep, int32_t *new_row, LepArena *scratch)
{
	int32_t count = map->count;
	SortKey *keys = lep_arena_alloc(scratch, count, sizeof(SortKey));
	SortKey *spare = lep_arena_alloc(scratch, count, sizeof(SortKey));
	int32_t n = 0;
	LepStatus status;

	if (keys == NULL || spare == NULL)
		return lep_env_failure(map->arena->env);
	status = make_keys(map, keep, keys, &n);
	if (status == LEP_OK)
		status = sort_keys(map, &keys, spare, n);
	if (status != LEP_OK)
		return status;
	for (int32_t row = 0; row < count; row++)
	{
		if ((row & STOP_MASK) == 0 && lep_env_stopped(map->arena->env))
			return LEP_ERR_STOPPED;
		new_row[row] = -1;
	}
	return move_entries(map, keys, n, new_row);
}

static size_t
table_size(const LepIdMap *map)
{
	return map->table == NULL ? 0 : ((size_t) map->mask + 1) * sizeof(uint32_t);
}

size_t
lep_idmap_size(const LepIdMap *map)
{
	return (size_t) map->entries * map->ops->entry_size + map->text_total + table_size(map);
}

size_t
lep_idmap_sort_size(const LepIdMap *map)
{
	size_t n = (size_t) map->count;
	size_t sorting = n * (2 * sizeof(SortKey) + map->ops->entry_size);
	size_t held = table_size(map);
	size_t after = (size_t) table_capacity(map->count) * sizeof(uint32_t);

	/* the old table goes first, the new one comes last */
	sorting = sorting > after ? sorting : after;
	return sorting > held ? sorting - held : 0;
}

LepStatus
lep_idmap_sort(LepIdMap *map, const uint8_t *keep, int32_t *new_row)
{
	LepArena scratch;
	LepStatus status;

	/* the table will be made anew: its memory is lent to the sort */
	lep_arena_free(map->arena, map->table);
	map->table = NULL;
	map->room = 0;

	lep_arena_init(&scratch, map->arena->env);
	status = sort_rows(map, keep, new_row, &scratch);
	lep_arena_drop(&scratch);
	return status == LEP_OK ? table_grow(map, map->count) : status;
}

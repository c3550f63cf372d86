/*
 * idtable.c
 *		Ids at fixed places and a hash table beside them: open addressing with
 *		linear probing over a power of two of 32-bit slots, at most 2/3 full, as in
 *		idmap.c, but at distances from the block's start.
 */
#include "core/idtable.h"

#include <string.h>

#include "core/idhash.h"

#define EMPTY UINT32_MAX /* its number would be the capacity - 1: never used */

#define MIN_CAPACITY 16

/* Between two questions whether to stop. */
#define STOP_INTERVAL 4096

/* Slots cleared between two: each page of fresh memory costs a fault. */
#define CLEAR_SLOTS (32 * 1024)

typedef struct Header
{
	int32_t kind;
	int32_t n;
	uint32_t mask;
	uint32_t unused;
} Header;

static size_t
header_size(void)
{
	return LEP_ALIGNMENT;
}

static size_t
aligned(size_t size)
{
	return lep_add_size(size, LEP_ALIGNMENT - 1) / LEP_ALIGNMENT * LEP_ALIGNMENT;
}

/* Slots for n ids. */
static size_t
capacity_of(int32_t n)
{
	size_t capacity = MIN_CAPACITY;

	while (capacity / 3 * 2 <= (size_t) n)
		capacity *= 2;
	return capacity;
}

static size_t
ids_size(LepIdKind kind, int32_t n)
{
	switch (kind)
	{
		case LEP_ID_TEXT:
			return ((size_t) n + 1) * sizeof(uint64_t);
		case LEP_ID_UUID:
			return (size_t) n * 16;
		case LEP_ID_INT64:
			break;
	}
	return (size_t) n * sizeof(int64_t);
}

size_t
lep_idtable_size(LepIdKind kind, const LepId *ids, int32_t n)
{
	size_t size = header_size() + aligned(capacity_of(n) * sizeof(uint32_t)) + aligned(ids_size(kind, n));

	for (int32_t i = 0; kind == LEP_ID_TEXT && i < n; i++)
		size = lep_add_size(size, (size_t) ids[i].v.text.len);
	return aligned(size);
}

LepIdTable
lep_idtable_open(const void *block)
{
	const Header *header = block;
	const char *start = block;
	LepIdTable table = { .kind = (LepIdKind) header->kind, .n = header->n, .mask = header->mask };

	start += header_size();
	table.slots = (const uint32_t *) start;
	start += aligned(((size_t) table.mask + 1) * sizeof(uint32_t));
	table.ids = start;
	table.text = start + aligned(ids_size(table.kind, table.n));
	return table;
}

/* Copy the ids to their places. */
static LepStatus
place_ids(LepEnv *env, const LepIdTable *table, const LepId *ids)
{
	int64_t *numbers = (int64_t *) table->ids;
	uint64_t *starts = (uint64_t *) table->ids;
	char *text = (char *) table->text;
	uint64_t at = 0;

	for (int32_t i = 0; i < table->n; i++)
	{
		if (i % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (i > 0 && lep_id_compare(table->kind, &ids[i - 1], &ids[i]) >= 0)
		{
			lep_fail(&env->error, LEP_ERR_BYTES_ORDER, "ids", 0, 0, 0);
			env->error.row = i;
			return LEP_ERR_BYTES_ORDER;
		}
		if (table->kind == LEP_ID_TEXT)
		{
			memcpy(text + at, ids[i].v.text.data, (size_t) ids[i].v.text.len);
			starts[i] = at;
			at += (uint64_t) ids[i].v.text.len;
		}
		else if (table->kind == LEP_ID_UUID)
			memcpy((char *) table->ids + (size_t) i * 16, ids[i].v.uuid, 16);
		else
			numbers[i] = ids[i].v.i64;
	}
	if (table->kind == LEP_ID_TEXT)
		starts[table->n] = at;
	return LEP_OK;
}

static LepStatus
fill_slots(LepEnv *env, const LepIdTable *table, const LepId *ids)
{
	uint32_t *slots = (uint32_t *) table->slots;
	size_t n_slots = (size_t) table->mask + 1;

	for (size_t at = 0; at < n_slots; at += CLEAR_SLOTS)
	{
		size_t n = n_slots - at < CLEAR_SLOTS ? n_slots - at : CLEAR_SLOTS;

		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		memset(slots + at, 0xFF, n * sizeof(uint32_t));
	}
	for (int32_t i = 0; i < table->n; i++)
	{
		uint32_t hash = lep_hash_id(table->kind, &ids[i]);
		uint32_t at = hash & table->mask;

		if (i % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		while (slots[at] != EMPTY)
			at = (at + 1) & table->mask;
		slots[at] = (hash & ~table->mask) | (uint32_t) i;
	}
	return LEP_OK;
}

LepStatus
lep_idtable_build(LepEnv *env, void *block, size_t size, LepIdKind kind, const LepId *ids, int32_t n)
{
	Header *header = block;
	LepIdTable table;
	LepStatus status;

	memset(block, 0, header_size());
	*header = (Header){ .kind = (int32_t) kind, .n = n, .mask = (uint32_t) (capacity_of(n) - 1) };
	table = lep_idtable_open(block);
	if (lep_idtable_size(kind, ids, n) > size)
		return lep_fail(&env->error, LEP_ERR_BYTES_LENGTH, "ids", 0, (double) size,
						(double) lep_idtable_size(kind, ids, n));
	status = place_ids(env, &table, ids);
	return status == LEP_OK ? fill_slots(env, &table, ids) : status;
}

LepId
lep_idtable_id(const LepIdTable *table, int32_t number)
{
	LepId id;

	memset(&id, 0, sizeof(id));
	if (table->kind == LEP_ID_TEXT)
	{
		const uint64_t *starts = table->ids;

		id.v.text.data = table->text + starts[number];
		id.v.text.len = (int32_t) (starts[number + 1] - starts[number]);
	}
	else if (table->kind == LEP_ID_UUID)
		memcpy(id.v.uuid, (const char *) table->ids + (size_t) number * 16, 16);
	else
		id.v.i64 = ((const int64_t *) table->ids)[number];
	return id;
}

static inline bool
is_id(const LepIdTable *table, int32_t number, const LepId *id)
{
	LepId kept;

	if (table->kind == LEP_ID_INT64)
		return ((const int64_t *) table->ids)[number] == id->v.i64;
	kept = lep_idtable_id(table, number);
	return lep_id_compare(table->kind, &kept, id) == 0;
}

void
lep_idtable_prefetch(const LepIdTable *table, const LepId *id)
{
	__builtin_prefetch(&table->slots[lep_hash_id(table->kind, id) & table->mask]);
}

int32_t
lep_idtable_find(const LepIdTable *table, const LepId *id)
{
	uint32_t hash = lep_hash_id(table->kind, id);
	uint32_t at = hash & table->mask;

	for (;; at = (at + 1) & table->mask)
	{
		uint32_t found = table->slots[at];

		if (found == EMPTY)
			return -1;
		if (((found ^ hash) & ~table->mask) == 0 && is_id(table, (int32_t) (found & table->mask), id))
			return (int32_t) (found & table->mask);
	}
}

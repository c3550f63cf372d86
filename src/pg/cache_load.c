/*
 * cache_load.c
 *		Reading a version's items from their table.
 *
 * One scan in the order of the table, which is that of item numbers unless rows
 * were moved: each row goes to its place at once, and only neighbours of rows that
 * came in another order are moved afterwards.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/cache_load.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"
#include "pg/store.h"

/* Rows of neighbours moved between two looks for interrupts. */
#define PLACE_INTERVAL 1024

typedef struct ItemLoader
{
	LpgItems *items;
	LepImageRoom room;
	Relation table;
	const LpgVersion *version;
	int stride;
	int32 n_loaded;
	int64 n_neighbors;
	bool is_shuffled; /* rows came in another order than that of the items */

	/* scratch memory */
	LepArena arena;
	bool *loaded;	  /* [n_items] */
	LepId *ids;		  /* [n_items]; text copied to the current context */
	float *bias;	  /* [n_items] */
	int64 *first;	  /* [n_items] of an item's neighbours; NULL: none */
	int32 *n_of_item; /* [n_items] */
} ItemLoader;

static void
fail_version(const ItemLoader *loader, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("table \"%s\" does not hold version " INT64_FORMAT " as it was trained",
						   RelationGetRelationName(loader->table), loader->version->version),
					errdetail("%s", detail), errhint("Run lepton_check on the model, and train it again.")));
}

static void
load_neighbors(ItemLoader *loader, TupleTableSlot *slot, int32 n)
{
	LpgNeighborRoom room = { loader->room.target + loader->n_neighbors,
							 loader->room.weight + loader->n_neighbors,
							 loader->version->n_neighbors - loader->n_neighbors };

	loader->is_shuffled |= n != loader->n_loaded;
	loader->first[n] = loader->n_neighbors;
	loader->n_of_item[n] = (int32) lpg_store_read_neighbors(loader->table, slot, loader->version, n, room);
	loader->n_neighbors += loader->n_of_item[n];
}

/* LpgRowVisitor */
static void
load_row(void *arg, TupleTableSlot *slot)
{
	ItemLoader *loader = arg;
	LepIdKind kind = loader->items->key.kind;
	LpgFactorRow row;
	LepId id;
	int32 n;
	bool isnull;

	/* read n first: it says where the factors go */
	n = DatumGetInt32(slot_getattr(slot, LPG_FACTORS_N, &isnull));
	if (isnull || n < 0 || n >= loader->version->n_items || loader->loaded[n])
		fail_version(loader, "An item number is repeated or out of range.");
	row.factors = loader->room.rows == NULL ? NULL : loader->room.rows + (Size) n * loader->stride;
	lpg_store_read_row(loader->table, slot, loader->version, LPG_ITEMS, &row);
	loader->bias[n] = row.bias;
	loader->room.n_ratings[n] = Max(row.n_ratings, 0);
	if (loader->room.popularity != NULL && loader->first == NULL)
		loader->room.popularity[n] = (float) Max(row.n_ratings, 0) / (float) Max(loader->version->n_users, 1);
	else if (loader->room.popularity != NULL)
		loader->room.popularity[n] = row.bias;
	id = lpg_store_read_id(slot, kind);
	loader->ids[n] = lpg_keytype_copy(&id, kind);
	if (loader->first != NULL)
		load_neighbors(loader, slot, n);
	loader->loaded[n] = true;
	loader->n_loaded++;
}

/* Put what came in the order of rows into that of the items, by way of a copy. */
static void
place_rows(ItemLoader *loader, void *values, Size size)
{
	char *copy = lep_arena_alloc(&loader->arena, loader->n_neighbors, size);

	if (copy == NULL)
		lpg_error(&loader->arena.env->error);
	memcpy(copy, values, loader->n_neighbors * size);
	for (int32 i = 0; i < loader->n_loaded; i++)
	{
		if (i % PLACE_INTERVAL == 0)
			lpg_env_check_interrupts();
		memcpy((char *) values + loader->room.start[i] * size, copy + loader->first[i] * size,
			   loader->n_of_item[i] * size);
	}
	lep_arena_free(&loader->arena, copy);
}

/* Neighbours in the order of item numbers. */
static void
place_neighbors(ItemLoader *loader)
{
	int64 *start = loader->room.start;

	start[0] = 0;
	for (int32 i = 0; i < loader->n_loaded; i++)
		start[i + 1] = start[i] + loader->n_of_item[i];
	if (loader->is_shuffled)
	{
		place_rows(loader, loader->room.target, sizeof(int32));
		place_rows(loader, loader->room.weight, sizeof(float));
	}
}

static void *
alloc_scratch(ItemLoader *loader, Size size)
{
	void *memory = lep_arena_alloc(&loader->arena, loader->version->n_items, size);

	if (memory == NULL)
		lpg_error(&loader->arena.env->error);
	return memory;
}

static void
alloc_all(ItemLoader *loader)
{
	loader->room = lpg_items_alloc(loader->items);
	loader->loaded = alloc_scratch(loader, sizeof(bool));
	memset(loader->loaded, 0, loader->version->n_items * sizeof(bool));
	loader->ids = alloc_scratch(loader, sizeof(LepId));
	loader->bias = alloc_scratch(loader, sizeof(float));
	if (loader->version->has_neighbors)
	{
		loader->first = alloc_scratch(loader, sizeof(int64));
		loader->n_of_item = alloc_scratch(loader, sizeof(int32));
	}
}

static void
check_all(const ItemLoader *loader)
{
	const LpgVersion *version = loader->version;

	if (loader->n_loaded != version->n_items)
		fail_version(loader, psprintf("It has %d items of %d.", loader->n_loaded, version->n_items));
	if (loader->n_neighbors != version->n_neighbors)
		fail_version(loader, psprintf("Its items have " INT64_FORMAT " neighbors of " INT64_FORMAT ".",
									  loader->n_neighbors, version->n_neighbors));
}

LpgItems *
lpg_cache_load(const LpgItemsKey *key, const LpgVersion *version, Relation table, Snapshot snapshot)
{
	LpgItems *items = lpg_items_create(key);
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "lepton items loading", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	LepEnv env;
	ItemLoader loader = {
		.items = items, .table = table, .version = version, .stride = lep_row_stride(version->n_factors)
	};

	lpg_env_init(&env, scratch);
	lep_arena_init(&loader.arena, &env);
	alloc_all(&loader);
	lpg_store_scan(table, version->version, snapshot, load_row, &loader);
	check_all(&loader);
	if (loader.first != NULL)
		place_neighbors(&loader);
	if (!lpg_items_finish(items, loader.ids, loader.bias))
		fail_version(&loader, "Item numbers are not in the order of ids.");
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return items;
}

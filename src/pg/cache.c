/*
 * cache.c
 *		Items per session: factors, biases, neighbours, ids.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/foldin.h"
#include "core/kernels.h"
#include "pg/compat.h"
#include "pg/cache.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"
#include "pg/settings.h"
#include "pg/store.h"

/* Entries, last used first. */
static dlist_head entries = DLIST_STATIC_INIT(entries);

/* Bytes that an id takes in the map, about: for the estimate before loading. */
#define BYTES_PER_ID 40

/* Where lists can go along an order: popularity and order, and where a row of neighbours starts. */
#define BYTES_PER_ORDERED (sizeof(float) + sizeof(int32) + sizeof(int64))

/* Rows of neighbours moved between two looks for interrupts. */
#define PLACE_INTERVAL 1024

/* Are there lists that do not come from factors or biases? */
static bool
has_order(const LpgVersion *version)
{
	return version->has_neighbors || (version->implicit && version->n_factors > 0);
}

static Size
cache_limit(void)
{
	return (Size) lpg_cache_size * 1024;
}

static Size
estimate_size(const LpgVersion *version)
{
	Size size = lep_add_size(lep_items_size(version->n_items, version->n_factors),
							 (Size) version->n_items * (BYTES_PER_ID + sizeof(int32)));

	if (version->n_factors > 0)
		size = lep_add_size(size, lep_foldin_size(version->n_factors));
	if (version->has_neighbors)
		size = lep_add_size(size, lep_mul_size(version->n_neighbors, sizeof(int32) + sizeof(float)));
	if (version->has_neighbors)
		size = lep_add_size(size, lep_add_size(lep_neighbors_scratch_size(version->n_items),
											   (Size) version->n_items * sizeof(LepTopnEntry)));
	if (has_order(version))
		size = lep_add_size(size, (Size) version->n_items * BYTES_PER_ORDERED);
	return size;
}

static LpgItems *
find_entry(Oid model, const LpgVersion *version, LepIdKind kind)
{
	dlist_iter iter;

	dlist_foreach (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);

		if (!entry->stale && entry->model == model && entry->version == version->version &&
			entry->generation == version->generation && entry->table == version->items &&
			entry->kind == kind && entry->n_items == version->n_items &&
			entry->n_factors == version->n_factors && entry->has_neighbors == version->has_neighbors &&
			entry->n_neighbors == version->n_neighbors && entry->mean == version->mean)
			return entry;
	}
	return NULL;
}

static void
free_entry(LpgItems *entry)
{
	dlist_delete(&entry->node);
	MemoryContextDelete(entry->context);
}

/* Bytes that calls in progress hold, and that cannot be freed. */
static Size
pinned_size(void)
{
	dlist_iter iter;
	Size pinned = 0;

	dlist_foreach (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);

		if (entry->pins > 0)
			pinned = lep_add_size(pinned, entry->env.bytes_now);
	}
	return pinned;
}

bool
lpg_cache_fits(const LpgVersion *version)
{
	return lep_add_size(estimate_size(version), pinned_size()) <= cache_limit();
}

/* Free entries that nobody holds, stale ones and the longest unused, until `needed` fits. */
static void
make_room(Size needed)
{
	Size held = pinned_size();
	dlist_mutable_iter iter;

	/* from the most recent on: what no longer fits beside those goes */
	dlist_foreach_modify (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);
		Size with_entry = lep_add_size(held, entry->env.bytes_now);

		if (entry->pins > 0)
			continue;
		if (entry->stale || lep_add_size(with_entry, needed) > cache_limit())
			free_entry(entry);
		else
			held = with_entry;
	}
}

/*
 * Rows of a transaction that is taken back may be in what it has loaded.  Only
 * marked here: whoever holds an entry still lets it go.
 */
void
lpg_cache_at_abort(void)
{
	dlist_iter iter;

	dlist_foreach (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);

		entry->stale |= entry->uncommitted;
	}
}

void
lpg_cache_at_commit(void)
{
	dlist_iter iter;

	dlist_foreach (iter, &entries)
		dlist_container(LpgItems, node, iter.cur)->uncommitted = false;
}

/* ------------------------------------------------------------------ loading */

/* Rows of the items table on their way into an entry. */
typedef struct ItemLoader
{
	LpgItems *entry;
	Relation table;
	const LpgVersion *version;
	LepIdKind kind;
	int stride;
	int32 n_loaded;
	bool *loaded;	/* [n_items] */
	LepId *ids;		/* [n_items]; text copied to the current context */
	float *bias;	/* [n_items] */
	float *factors; /* [n_items * stride] */

	/* neighbours of all items, in the order in which their rows came; the arrays are the entry's */
	int64 n_neighbors;
	int32 *neighbors; /* [version->n_neighbors] */
	float *weights;
	int64 *first;	   /* [n_items] of an item's neighbours */
	int32 *n_of_item;  /* [n_items] */
	bool is_shuffled;  /* rows came in another order than that of the items */
	float *popularity; /* [n_items] share of users; NULL: not needed */
} ItemLoader;

static void
fail_version(const ItemLoader *loader, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("table \"%s\" does not hold version " INT64_FORMAT " as it was trained",
						   RelationGetRelationName(loader->table), loader->version->version),
					errdetail("%s", detail), errhint("Run lepton_check on the model, and train it again.")));
}

static LepId
copy_id(const LepId *id, LepIdKind kind)
{
	LepId copy = *id;

	if (kind == LEP_ID_TEXT)
		copy.v.text.data = memcpy(palloc(Max(id->v.text.len, 1)), id->v.text.data, id->v.text.len);
	return copy;
}

static void
load_neighbors(ItemLoader *loader, TupleTableSlot *slot, int32 n)
{
	LpgNeighborRoom room = { loader->neighbors + loader->n_neighbors, loader->weights + loader->n_neighbors,
							 loader->version->n_neighbors - loader->n_neighbors };

	loader->is_shuffled |= n != loader->n_loaded;
	loader->first[n] = loader->n_neighbors;
	loader->n_of_item[n] = (int32) lpg_store_read_neighbors(loader->table, slot, loader->version, n, room);
	loader->n_neighbors += loader->n_of_item[n];
}

static void
load_row(void *arg, TupleTableSlot *slot)
{
	ItemLoader *loader = arg;
	LpgFactorRow row;
	LepId id;
	int32 n;
	bool isnull;

	/* read n first: it says where the factors go */
	n = DatumGetInt32(slot_getattr(slot, LPG_FACTORS_N, &isnull));
	if (isnull || n < 0 || n >= loader->version->n_items || loader->loaded[n])
		fail_version(loader, "An item number is repeated or out of range.");
	row.factors = loader->factors == NULL ? NULL : loader->factors + (Size) n * loader->stride;
	lpg_store_read_row(loader->table, slot, loader->version, LPG_ITEMS, &row);
	loader->bias[n] = row.bias;
	loader->entry->n_ratings[n] = Max(row.n_ratings, 0);
	if (loader->popularity != NULL)
		loader->popularity[n] = (float) Max(row.n_ratings, 0) / (float) Max(loader->version->n_users, 1);
	id = lpg_store_read_id(slot, loader->kind);
	loader->ids[n] = copy_id(&id, loader->kind);
	if (loader->first != NULL)
		load_neighbors(loader, slot, n);
	loader->loaded[n] = true;
	loader->n_loaded++;
}

/* Ids in the order of their numbers, into the entry's map. */
static void
load_ids(LpgItems *entry, const ItemLoader *loader)
{
	int32 rows[LEP_ID_BATCH];

	entry->ids = lep_idmap_create(&entry->arena, loader->kind, "items");
	if (entry->ids == NULL)
		lpg_error(&entry->env.error);
	for (int32 first = 0; first < loader->n_loaded; first += LEP_ID_BATCH)
	{
		int n = Min(LEP_ID_BATCH, loader->n_loaded - first);

		for (int i = Max(first, 1); i < first + n; i++)
		{
			if (lep_id_compare(loader->kind, &loader->ids[i - 1], &loader->ids[i]) >= 0)
				fail_version(loader, "Item numbers are not in the order of ids.");
		}
		lpg_check(lep_idmap_add(entry->ids, loader->ids + first, n, rows), &entry->env.error);
	}
}

static void *
alloc_huge(Size n, Size size)
{
	return palloc_extended(Max(lep_mul_size(n, size), 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* An array of the entry's. */
static void *
alloc_kept(LpgItems *entry, int64 n, Size size)
{
	void *memory = lep_arena_alloc(&entry->arena, n, size);

	if (memory == NULL)
		lpg_error(&entry->env.error);
	return memory;
}

/* Put what came in the order of rows into that of the items, by way of a copy. */
static void
place_rows(void *values, Size size, const ItemLoader *loader, const int64 *start)
{
	char *copy = palloc_extended(Max(lep_mul_size(loader->n_neighbors, size), 1), MCXT_ALLOC_HUGE);

	memcpy(copy, values, loader->n_neighbors * size);
	for (int32 i = 0; i < loader->n_loaded; i++)
	{
		if (i % PLACE_INTERVAL == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy((char *) values + start[i] * size, copy + loader->first[i] * size,
			   loader->n_of_item[i] * size);
	}
	pfree(copy);
}

/* Neighbours in the order of item numbers. */
static void
place_neighbors(LpgItems *entry, const ItemLoader *loader)
{
	LepNeighbors *neighbors = alloc_kept(entry, 1, sizeof(LepNeighbors));

	memset(neighbors, 0, sizeof(*neighbors));
	neighbors->n_rows = entry->n_items;
	neighbors->n_items = entry->n_items;
	neighbors->room = loader->n_neighbors;
	neighbors->start = alloc_kept(entry, (int64) entry->n_items + 1, sizeof(int64));
	neighbors->target = loader->neighbors;
	neighbors->weight = loader->weights;
	neighbors->start[0] = 0;
	for (int32 i = 0; i < entry->n_items; i++)
		neighbors->start[i + 1] = neighbors->start[i] + loader->n_of_item[i];
	if (loader->is_shuffled)
	{
		place_rows(neighbors->target, sizeof(int32), loader, neighbors->start);
		place_rows(neighbors->weight, sizeof(float), loader, neighbors->start);
	}
	entry->served.neighbors = neighbors;
}

/* The order that lists are filled in. */
static void
place_order(LpgItems *entry, const float *by)
{
	float *popularity = alloc_kept(entry, entry->n_items, sizeof(float));
	int32 *order = alloc_kept(entry, entry->n_items, sizeof(int32));

	memcpy(popularity, by, (Size) entry->n_items * sizeof(float));
	lpg_check(lep_neighbors_order(&entry->env, popularity, entry->n_items, order), &entry->env.error);
	entry->served.popularity = popularity;
	entry->served.order = order;
}

/* Rows come in the order of the items, as they were written, so that nothing need be moved. */
static void
alloc_neighbors(LpgItems *entry, ItemLoader *loader)
{
	const LpgVersion *version = loader->version;

	loader->neighbors = alloc_kept(entry, version->n_neighbors, sizeof(int32));
	loader->weights = alloc_kept(entry, version->n_neighbors, sizeof(float));
	loader->first = alloc_huge(version->n_items, sizeof(int64));
	loader->n_of_item = alloc_huge(version->n_items, sizeof(int32));
}

static void
load_entry(LpgItems *entry, Relation table, const LpgVersion *version, LepIdKind kind, Snapshot snapshot)
{
	ItemLoader loader = { .entry = entry,
						  .table = table,
						  .version = version,
						  .kind = kind,
						  .stride = lep_row_stride(version->n_factors) };
	char *raw = NULL;

	entry->n_ratings = alloc_kept(entry, version->n_items, sizeof(int32));
	loader.loaded = alloc_huge(version->n_items, sizeof(bool));
	loader.ids = alloc_huge(version->n_items, sizeof(LepId));
	loader.bias = alloc_huge(version->n_items, sizeof(float));
	if (version->n_factors > 0)
	{
		raw = alloc_huge((Size) version->n_items * loader.stride + LEP_ALIGNMENT, sizeof(float));
		loader.factors = (float *) TYPEALIGN(LEP_ALIGNMENT, raw);
	}

	if (version->has_neighbors)
		alloc_neighbors(entry, &loader);
	else if (has_order(version))
		loader.popularity = alloc_huge(version->n_items, sizeof(float));
	lpg_store_scan(table, version->version, snapshot, load_row, &loader);
	if (loader.n_loaded != version->n_items)
		fail_version(&loader, psprintf("It has %d items of %d.", loader.n_loaded, version->n_items));
	if (loader.n_neighbors != version->n_neighbors)
		fail_version(&loader, psprintf("Its items have " INT64_FORMAT " neighbors of " INT64_FORMAT ".",
									   loader.n_neighbors, version->n_neighbors));
	load_ids(entry, &loader);
	entry->items = lep_items_create(&entry->arena, version->n_items, version->n_factors, version->mean,
									loader.bias, loader.factors);
	if (entry->items == NULL)
		lpg_error(&entry->env.error);
	entry->served.mean = version->mean;
	entry->served.items = entry->items;
	if (version->has_neighbors)
		place_neighbors(entry, &loader);
	if (has_order(version))
		place_order(entry, loader.popularity != NULL ? loader.popularity : loader.bias);
}

static LpgItems *
create_entry(Oid model, const LpgVersion *version, LepIdKind kind)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "lepton items", ALLOCSET_DEFAULT_SIZES);
	LpgItems *entry = MemoryContextAllocZero(context, sizeof(LpgItems));

	entry->context = context;
	entry->model = model;
	entry->version = version->version;
	entry->generation = version->generation;
	entry->table = version->items;
	entry->kind = kind;
	entry->n_items = version->n_items;
	entry->n_factors = version->n_factors;
	entry->has_neighbors = version->has_neighbors;
	entry->n_neighbors = version->n_neighbors;
	entry->mean = version->mean;
	entry->uncommitted = TransactionIdIsValid(GetCurrentTransactionIdIfAny()) ||
						 TransactionIdIsValid(GetTopTransactionIdIfAny());
	lpg_env_init(&entry->env, context);
	lep_arena_init(&entry->arena, &entry->env);
	return entry;
}

/*
 * The entry's context is a child of the current one until it is complete, so
 * that an error in between leaves nothing behind.
 */
static LpgItems *
load(Relation model, const LpgVersion *version, Relation table, LepIdKind kind, Snapshot snapshot)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "lepton items loading", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	LpgItems *entry = create_entry(RelationGetRelid(model), version, kind);

	load_entry(entry, table, version, kind, snapshot);
	MemoryContextSetParent(entry->context, CacheMemoryContext);
	dlist_push_head(&entries, &entry->node);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return entry;
}

/* ---------------------------------------------------------------- interface */

LpgItems *
lpg_cache_peek(Oid model, const LpgVersion *version, LepIdKind kind)
{
	LpgItems *entry = find_entry(model, version, kind);

	if (entry != NULL)
	{
		dlist_move_head(&entries, &entry->node);
		entry->pins++;
	}
	return entry;
}

LpgItems *
lpg_cache_get(Relation model, const LpgVersion *version, Relation items, LepIdKind kind, Snapshot snapshot)
{
	LpgItems *entry = lpg_cache_peek(RelationGetRelid(model), version, kind);
	Size needed = estimate_size(version);

	if (entry != NULL)
		return entry;
	if (!lpg_cache_fits(version))
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("the items of model \"%s\" take %zu kB, but lepton.cache_size is %d kB",
							   RelationGetRelationName(model), (needed + 1023) / 1024, lpg_cache_size),
						errdetail("Other models that the same query reads hold %zu kB of it.",
								  (pinned_size() + 1023) / 1024),
						errhint("SET lepton.cache_size to more, or train with fewer factors or neighbors.")));
	make_room(needed);
	entry = load(model, version, items, kind, snapshot);
	entry->pins++;
	return entry;
}

void
lpg_cache_keep_folding(LpgItems *items, LpgFolding *folding, MemoryContext context, Size bytes)
{
	MemoryContextSetParent(context, items->context);
	items->folding = folding;
	items->env.bytes_now = lep_add_size(items->env.bytes_now, bytes);
}

LepServeScratch *
lpg_cache_scratch(LpgItems *items)
{
	LepServeScratch *scratch;

	if (items->scratch != NULL)
		return items->scratch;
	scratch = alloc_kept(items, 1, sizeof(LepServeScratch));
	lpg_check(lep_serve_scratch(&items->arena, &items->served, scratch), &items->env.error);
	items->scratch = scratch;
	return scratch;
}

void
lpg_cache_unpin(LpgItems *items)
{
	Assert(items->pins > 0);
	items->pins--;
}

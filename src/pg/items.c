/*
 * items.c
 *		Items in memory: private to this backend, or a view of a shared segment.
 *
 * They live in a memory context of their own, so that an error while they are
 * made leaves nothing behind, and so that freeing them is one step.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/foldin.h"
#include "pg/errors.h"
#include "pg/items.h"
#include "pg/pgenv.h"

/* Bytes that an id takes with its place in the table, about: for the estimate before loading. */
#define BYTES_PER_ID 40

LpgItemsKey
lpg_items_key(Oid model, const LpgVersion *version, LepIdKind kind)
{
	LpgItemsKey key = { 0 };

	key.model = model;
	key.version = version->version;
	key.generation = version->generation;
	key.table = version->items;
	key.kind = kind;
	key.shape.n_items = version->n_items;
	key.shape.n_factors = version->n_factors;
	key.shape.has_neighbors = version->has_neighbors;
	key.shape.has_order = version->has_neighbors || (version->implicit && version->n_factors > 0);
	key.shape.n_neighbors = version->n_neighbors;
	key.shape.mean = version->mean;
	return key;
}

static bool
is_same_shape(const LepImageShape *a, const LepImageShape *b)
{
	return a->n_items == b->n_items && a->n_factors == b->n_factors && a->has_neighbors == b->has_neighbors &&
		   a->has_order == b->has_order && a->n_neighbors == b->n_neighbors && a->mean == b->mean;
}

bool
lpg_items_key_equal(const LpgItemsKey *a, const LpgItemsKey *b)
{
	return a->model == b->model && a->version == b->version && a->generation == b->generation &&
		   a->table == b->table && a->kind == b->kind && is_same_shape(&a->shape, &b->shape);
}

Size
lpg_items_estimate(const LpgItemsKey *key)
{
	Size size = lep_add_size(lep_image_size(&key->shape), (Size) key->shape.n_items * BYTES_PER_ID);

	if (key->shape.n_factors > 0)
		size = lep_add_size(size, lep_foldin_size(key->shape.n_factors));
	if (key->shape.has_neighbors)
		size = lep_add_size(size, lep_add_size(lep_neighbors_scratch_size(key->shape.n_items),
											   (Size) key->shape.n_items * sizeof(LepTopnEntry)));
	return size;
}

LpgItems *
lpg_items_create(const LpgItemsKey *key)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "lepton items", ALLOCSET_DEFAULT_SIZES);
	LpgItems *items = MemoryContextAllocZero(context, sizeof(LpgItems));

	items->context = context;
	items->key = *key;
	items->n_items = key->shape.n_items;
	items->n_factors = key->shape.n_factors;
	items->has_neighbors = key->shape.has_neighbors;
	lpg_env_init(&items->env, context);
	lep_arena_init(&items->arena, &items->env);
	lep_arena_init(&items->scratch_arena, &items->env);
	return items;
}

static void *
alloc_block(LpgItems *items, Size size)
{
	void *block = lep_arena_alloc(&items->arena, 1, size);

	if (block == NULL)
		lpg_error(&items->env.error);
	return block;
}

LepImageRoom
lpg_items_alloc(LpgItems *items)
{
	items->image_size = lep_image_size(&items->key.shape);
	items->image_block = alloc_block(items, items->image_size);
	return lep_image_room(items->image_block, &items->key.shape);
}

/* Point to what the blocks hold. */
static void
open_blocks(LpgItems *items)
{
	if (!lep_image_open(items->image_block, &items->image))
		elog(ERROR, "items of model %u have no image", items->key.model);
	items->id_table = lep_idtable_open(items->id_block);
	items->served = items->image.served;
	items->items = &items->image.items;
	items->n_ratings = items->image.n_ratings;
	items->ids = &items->id_table;
}

bool
lpg_items_finish(LpgItems *items, const LepId *ids, const float *bias)
{
	LepStatus status;

	items->id_size = lep_idtable_size(items->key.kind, ids, items->n_items);
	items->id_block = alloc_block(items, items->id_size);
	status =
		lep_idtable_build(&items->env, items->id_block, items->id_size, items->key.kind, ids, items->n_items);
	if (status == LEP_ERR_BYTES_ORDER)
		return false;
	lpg_check(status, &items->env.error);
	lpg_check(lep_image_build(&items->env, items->image_block, &items->key.shape, bias), &items->env.error);
	open_blocks(items);
	return true;
}

/* MemoryContextCallbackFunction */
static void
unmap(void *arg)
{
	dsm_detach(((LpgItems *) arg)->segment);
}

void
lpg_items_own(LpgItems *items, dsm_segment *segment)
{
	items->segment = segment;
	items->on_free.func = unmap;
	items->on_free.arg = items;
	MemoryContextRegisterResetCallback(items->context, &items->on_free);
}

void
lpg_items_open(LpgItems *items, Size id_offset)
{
	char *start = dsm_segment_address(items->segment);

	items->image_block = start;
	items->image_size = id_offset;
	items->id_block = start + id_offset;
	items->id_size = dsm_segment_map_length(items->segment) - id_offset;
	open_blocks(items);
}

Size
lpg_items_size(const LpgItems *items)
{
	Size size = items->env.bytes_now;

	return items->segment == NULL ? size : lep_add_size(size, dsm_segment_map_length(items->segment));
}

void
lpg_items_free(LpgItems *items)
{
	MemoryContextDelete(items->context);
}

/*
 * items.h
 *		The items of a model version in this backend's memory, or mapped from
 *		memory that several backends share: what lists and scores are made of.
 *
 * Filled by whoever has the rows (a scan of the items table, the bytes of a
 * model), then finished, and not changed any more.
 */
#ifndef LPG_ITEMS_H
#define LPG_ITEMS_H

#include "postgres.h"

#include "lib/ilist.h"
#include "datatype/timestamp.h"
#include "storage/dsm.h"

#include "core/env.h"
#include "core/idtable.h"
#include "core/image.h"
#include "pg/registry.h"

typedef struct LpgFolding LpgFolding; /* folding.h */

/* What an entry is known by, and what decides its shape. */
typedef struct LpgItemsKey
{
	Oid model;
	int64 version;
	int64 generation;
	Oid table;
	LepIdKind kind;
	LepImageShape shape;
} LpgItemsKey;

typedef struct LpgItems
{
	LepServed served;		  /* factors, biases, neighbours; item number = number of ids */
	const LepItems *items;	  /* the served one's */
	const LepIdTable *ids;	  /* item ids; their order is the numbers' order */
	const int32 *n_ratings;	  /* [n_items] that each had in training */
	LpgFolding *folding;	  /* NULL: not asked for yet, or none */
	LepServeScratch *scratch; /* NULL: no list asked for yet */

	LpgItemsKey key;
	int32 n_items; /* the key's shape's, as are these */
	int n_factors;
	bool has_neighbors;

	/* what the above points into */
	LepImage image;
	LepIdTable id_table;
	void *image_block;
	Size image_size;
	void *id_block;
	Size id_size;
	dsm_segment *segment;		   /* that holds both; NULL: they are in the arena */
	MemoryContextCallback on_free; /* ends the mapping */

	dlist_node node;	   /* in the list of entries, last used first */
	TimestampTz last_used; /* start of the statement */
	int pins;			   /* calls that hold it: not to be freed */
	bool uncommitted;	   /* loaded by a transaction that has written: void if it, or a part of it, aborts */
	bool stale;			   /* not to be found any more, to be freed when nobody holds it */
	MemoryContext context;
	LepEnv env;
	LepArena arena;
	LepArena scratch_arena; /* of the scratch */
} LpgItems;

/* The key of a version's items, whose ids are of this kind. */
extern LpgItemsKey lpg_items_key(Oid model, const LpgVersion *version, LepIdKind kind);

extern bool lpg_items_key_equal(const LpgItemsKey *a, const LpgItemsKey *b);

/* Bytes that such items take, about, with what folding in takes. */
extern Size lpg_items_estimate(const LpgItemsKey *key);

/* Empty items in a context of their own, a child of the current one. */
extern LpgItems *lpg_items_create(const LpgItemsKey *key);

/* Take memory for them; what to fill in. */
extern LepImageRoom lpg_items_alloc(LpgItems *items);

/*
 * All is filled in; ids in the order of their numbers, and biases, are copied.
 * False, with nothing done, where ids are not ascending.
 */
extern bool lpg_items_finish(LpgItems *items, const LepId *ids, const float *bias);

/* A segment's mapping, which is pinned, is the items' from now on, and ends with them. */
extern void lpg_items_own(LpgItems *items, dsm_segment *segment);

/* Their segment holds such items: their image at its start, ids at the offset. */
extern void lpg_items_open(LpgItems *items, Size id_offset);

/* Bytes held or mapped. */
extern Size lpg_items_size(const LpgItems *items);

extern void lpg_items_free(LpgItems *items);

#endif /* LPG_ITEMS_H */

/*
 * idtable.h
 *		The ids of numbered things that will not change any more, in one block of
 *		memory that may lie anywhere: private, or mapped by several processes.
 *
 * Numbers go by ascending id, as lep_idmap_sort() gives them.  8 bytes an
 * integer, 16 a uuid, 8 and its bytes a text, and between 6 and 12 for the
 * table by which it is found.  A LepIdTable is a view of a block; neither is
 * changed after it was built: any number of threads may read them.
 */
#ifndef LEP_IDTABLE_H
#define LEP_IDTABLE_H

#include "core/env.h"
#include "core/idmap.h"

typedef struct LepIdTable
{
	LepIdKind kind;
	int32_t n;
	uint32_t mask;		   /* slots - 1 */
	const uint32_t *slots; /* number in the low bits, rest of the hash above; UINT32_MAX: empty */
	const void *ids;	   /* [n] int64_t or 16 bytes; of texts where they begin, uint64_t [n + 1] */
	const char *text;
} LepIdTable;

/* Bytes of the block for these n ids; SIZE_MAX on overflow.  O(n) for texts. */
extern size_t lep_idtable_size(LepIdKind kind, const LepId *ids, int32_t n);

/*
 * Build a block of that size, aligned to LEP_ALIGNMENT bytes.  LEP_ERR_BYTES_ORDER
 * (row: the first id that is not above the one before it), LEP_ERR_STOPPED.
 */
extern LepStatus
lep_idtable_build(LepEnv *env, void *block, size_t size, LepIdKind kind, const LepId *ids, int32_t n);

/* A view of a block that was built. */
extern LepIdTable lep_idtable_open(const void *block);

/* The id of a number in range; text points into the block. */
extern LepId lep_idtable_id(const LepIdTable *table, int32_t number);

/* Begin to fetch what its number will be looked up in. */
extern void lep_idtable_prefetch(const LepIdTable *table, const LepId *id);

/* Its number, or -1. */
extern int32_t lep_idtable_find(const LepIdTable *table, const LepId *id);

#endif /* LEP_IDTABLE_H */

/*
 * idmap.h
 *		id -> dense row number, for ids of 64-bit integers, text and uuids.
 *
 * Behind this module no code knows the kind of an id.  Rows are given out in
 * order of arrival; lep_idmap_sort() renumbers them by ascending id (integers
 * by value, text and uuid by bytes), which makes the numbers a function of the
 * set of ids.  Text is copied once, into the map's arena.
 *
 * Cost: add and find O(1), 12 to 24 bytes per integer id; sort O(n log n).
 * Not for use by several threads while ids are added; find is read only.
 */
#ifndef LEP_IDMAP_H
#define LEP_IDMAP_H

#include "core/env.h"

typedef enum LepIdKind
{
	LEP_ID_INT64,
	LEP_ID_TEXT,
	LEP_ID_UUID
} LepIdKind;

/* What stands for a kind in bytes: 1 int64, 2 text, 3 uuid; false for a code that is none. */
extern uint8_t lep_id_code(LepIdKind kind);
extern bool lep_id_of_code(uint8_t code, LepIdKind *kind);

/* An id by value; text points to bytes owned by somebody else, any bytes. */
typedef struct LepId
{
	union
	{
		int64_t i64;
		struct
		{
			const char *data;
			int32_t len;
		} text;
		uint8_t uuid[16];
	} v;
} LepId;

/* Longest text id in bytes: it must fit an index row. */
#define LEP_MAX_TEXT_ID 1024

/* At most this many per call of lep_idmap_add. */
#define LEP_ID_BATCH 256

/* Most ids in one map. */
#define LEP_MAX_IDS 2147483646

typedef struct LepIdMap LepIdMap;

/* what: "users" or "items", for errors. NULL on failure, env->error set. */
extern LepIdMap *lep_idmap_create(LepArena *arena, LepIdKind kind, const char *what);

/* Fewer ids than LEP_MAX_IDS: TOO_MANY beyond max. */
extern void lep_idmap_set_limit(LepIdMap *map, int32_t max);

/*
 * Rows of n <= LEP_ID_BATCH ids, new ones added.  Memory accesses of a batch
 * are overlapped.  Errors: TOO_MANY (what: "users" or "items"), ID_TOO_LONG
 * (what: "user" or "item"; row: its place in the batch, from 1).
 */
extern LepStatus lep_idmap_add(LepIdMap *map, const LepId *ids, int n, int32_t *rows);

extern int32_t lep_idmap_count(const LepIdMap *map);
extern LepIdKind lep_idmap_kind(const LepIdMap *map);

/* The id of a row; text points into the map. */
extern LepId lep_idmap_id(const LepIdMap *map, int32_t row);

/* Its row, or -1. */
extern int32_t lep_idmap_find(const LepIdMap *map, const LepId *id);

/* A hash of the id of a row that never changes, on any machine. */
extern uint64_t lep_idmap_hash(const LepIdMap *map, int32_t row);

/*
 * Keep the rows for which keep[row] is not 0 (keep NULL: all), renumber them by
 * ascending id, and set new_row[old] to the new number, or -1.
 */
extern LepStatus lep_idmap_sort(LepIdMap *map, const uint8_t *keep, int32_t *new_row);

/* Bytes that it will take beyond what is held, at most. */
extern size_t lep_idmap_sort_size(const LepIdMap *map);

/* Bytes that the map holds. */
extern size_t lep_idmap_size(const LepIdMap *map);

/* -1, 0 or 1: the order of lep_idmap_sort. */
extern int lep_id_compare(LepIdKind kind, const LepId *a, const LepId *b);

/*
 * The id as people write it, in size >= 4 bytes with the closing zero; cut at a
 * UTF-8 character and ended with "..." where it does not fit.
 */
extern void lep_id_text(LepIdKind kind, const LepId *id, char *text, size_t size);

#endif /* LEP_IDMAP_H */

/*
 * rowstate_layout.h
 *		Where the numbers of a state's bytes stand, for its writer (rowstate.c) and
 *		its reader (rowview.c), and nobody else; docs/format.md has the same ("rows").
 */
#ifndef LEP_ROWSTATE_LAYOUT_H
#define LEP_ROWSTATE_LAYOUT_H

#include "core/bytes.h"
#include "core/rowstate.h"

#define STATE_MAGIC		"LEPG"
#define STATE_MAGIC_LEN 4
#define STATE_VERSION	1

/* Where numbers of the header are. */
enum
{
	AT_VERSION = 4,
	AT_KIND = 5, /* of users, then of items */
	AT_RESERVE = 7,
	AT_NULLS = 8, /* users, items, ratings */
	AT_ROWS = 32,
	AT_IDS = 40, /* users, then items */
	AT_NOTE = 48,
	AT_RESERVE_2 = 52,
	STATE_HEADER = 56
};

/* Most rows, and most NULLs, of one state. */
#define LEP_MAX_ROW_COUNT (INT64_C(1) << 53)

/* Bytes of an id, of a text's length alone. */
static inline size_t
lep_row_id_bytes(LepIdKind kind)
{
	static const uint8_t sizes[] = { [LEP_ID_INT64] = 8, [LEP_ID_TEXT] = 2, [LEP_ID_UUID] = 16 };

	return sizes[kind];
}

/* Read an id that is known to be one; behind it. */
static inline const uint8_t *
lep_row_id_get(LepIdKind kind, const uint8_t *at, LepId *id)
{
	memset(id, 0, sizeof(*id));
	switch (kind)
	{
		case LEP_ID_TEXT:
			id->v.text.len = lep_get_u16(at);
			id->v.text.data = (const char *) at + 2;
			return at + 2 + id->v.text.len;
		case LEP_ID_UUID:
			memcpy(id->v.uuid, at, sizeof(id->v.uuid));
			return at + sizeof(id->v.uuid);
		case LEP_ID_INT64:
			break;
	}
	id->v.i64 = (int64_t) lep_get_u64(at);
	return at + 8;
}

/* Bytes of a number below n. */
static inline size_t
lep_row_number_bytes(int64_t n)
{
	return n <= 1 << 8 ? 1 : n <= 1 << 16 ? 2 : 4;
}

static inline uint32_t
lep_row_number_get(const uint8_t *at, size_t size)
{
	return size == 1 ? *at : size == 2 ? lep_get_u16(at) : lep_get_u32(at);
}

#endif /* LEP_ROWSTATE_LAYOUT_H */

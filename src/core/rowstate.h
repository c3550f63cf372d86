/*
 * rowstate.h
 *		Rows of one group that are being collected: the state of lepton_train as an
 *		aggregate, which is kept for each group, sent between processes as bytes and
 *		put together with others.
 *
 * The first thousand rows stay as they come, in one small block, since there may be
 * a hundred thousand groups of ten rows.  Beyond them rows go in batches to
 * a builder of ratings (ratings.h): ids in dictionaries, 12 bytes a row.  What
 * ratings are made of in the end is a function of the rows as a set, whatever the
 * order in which they came and the way in which they were divided into states.
 *
 * Bytes hold both dictionaries, and of each row two numbers of 1, 2 or 4 bytes and
 * the rating; docs/format.md has each byte ("rows").  They can be anything:
 * lep_rowview_open() looks at all of them before any is used.
 *
 * All memory is in the arena that the state was given.  Cost of a row: O(1).  When
 * a function fails for another reason than what it was given, the state is of no
 * further use.  One thread.
 */
#ifndef LEP_ROWSTATE_H
#define LEP_ROWSTATE_H

#include "core/env.h"
#include "core/idmap.h"
#include "core/ratings.h"

/* The sides of a row. */
enum
{
	LEP_ROW_USER,
	LEP_ROW_ITEM,
	LEP_ROW_SIDES
};

/* Rows that were dropped for a NULL, each counted once: by the first that was NULL. */
typedef struct LepRowNulls
{
	int64_t user;
	int64_t item;
	int64_t rating;
} LepRowNulls;

typedef struct LepRowState
{
	LepArena *arena;
	LepIdKind kind[LEP_ROW_SIDES];
	int64_t n_rows; /* kept */
	LepRowNulls nulls;

	uint8_t *pending; /* rows that are in no builder yet, as records */
	size_t pending_size;
	size_t pending_used;
	int n_pending;
	LepRatingsBuilder *builder; /* NULL: all are pending */
} LepRowState;

/* A state without rows. */
extern void lep_rowstate_init(LepRowState *state, LepArena *arena, LepIdKind user_kind, LepIdKind item_kind);

/*
 * Add a row; text is copied.  LEP_ERR_NOT_FINITE, LEP_ERR_RATING_RANGE and
 * LEP_ERR_ID_TOO_LONG leave the state as it was; row is the row's number, from 1.
 */
extern LepStatus lep_rowstate_add(LepRowState *state, const LepId *user, const LepId *item, double rating);

/* A builder with all rows, in another arena (of whatever environment); the state stays. */
extern LepStatus lep_rowstate_copy(const LepRowState *state, LepArena *arena, LepRatingsBuilder **builder);

/* The state's own builder with all rows, which takes no memory twice; the state is empty afterwards. */
extern LepStatus lep_rowstate_release(LepRowState *state, LepRatingsBuilder **builder);

/* ----------------------------------------------------------------- as bytes */

/* A state on its way to bytes. */
typedef struct LepRowPack
{
	LepArena scratch;
	LepRatingsBuilder *builder; /* with all rows */
	const LepRowState *state;
	size_t note_bytes;
	size_t size; /* bytes that it takes */
} LepRowPack;

/*
 * Begin: pack->size is the size with a note of so many bytes, which the engine does
 * not look into.  End it, whether or not that succeeds.
 */
extern LepStatus lep_rowstate_pack(LepRowState *state, size_t note_bytes, LepRowPack *pack);

/* Write pack->size bytes. */
extern LepStatus lep_rowstate_write(const LepRowPack *pack, const void *note, uint8_t *bytes);

extern void lep_rowstate_pack_end(LepRowPack *pack);

/* Bytes that were opened, and point into them. */
typedef struct LepRowView
{
	LepIdKind kind[LEP_ROW_SIDES];
	LepRowNulls nulls;
	int64_t n_rows;
	int32_t n_ids[LEP_ROW_SIDES];
	const uint8_t *ids[LEP_ROW_SIDES];
	const uint8_t *numbers[LEP_ROW_SIDES]; /* of ids, [n_rows] */
	const uint8_t *ratings;				   /* [n_rows] */
	const char *note;
	size_t note_bytes;
} LepRowView;

/*
 * Check all bytes.  Errors have what = "state": LEP_ERR_BYTES_MAGIC, _VERSION,
 * _LENGTH; LEP_ERR_BYTES_ORDER for a number that refers to nothing or is none (row:
 * its offset, or which row), LEP_ERR_BYTES_VALUE for what is no rating (row: which
 * row).  Takes a bit for each id while it runs.
 */
extern LepStatus lep_rowview_open(LepEnv *env, const uint8_t *bytes, size_t size, LepRowView *view);

/* The ids of a side, n at a time: the next ones behind *at, which begins as view->ids. */
extern void lep_rowview_ids(const LepRowView *view, int side, const uint8_t **at, LepId *ids, int n);

/* Add all rows of the view, and its numbers of NULLs.  LEP_ERR_BYTES_MAGIC where kinds of ids differ. */
extern LepStatus lep_rowstate_take(LepRowState *state, const LepRowView *view);

#endif /* LEP_ROWSTATE_H */

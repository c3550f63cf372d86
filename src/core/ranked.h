/*
 * ranked.h
 *		The best n of rows that come one by one, as one string of bytes: the state
 *		of lepton_topn_agg, which is kept by whoever adds up, sent between
 *		processes and put together with others.
 *
 * Rows are an id with a score in double precision.  The order is that of lists:
 * score descending, id ascending (as lep_id_compare has it); rows that differ in
 * nothing but the sign of a zero score have the positive one first.  So which rows
 * are kept does not depend on the order in which they come, nor on how they are
 * divided into states.  The same row twice is two rows.
 *
 * The bytes hold records, appended as rows come, up to n and LEP_RANKED_SLACK or
 * twice n, whichever is more; then the best n stay, sorted, and a row that is not
 * better than the last of them never enters.  Cost of a row that does not enter:
 * O(1); of others O(log n) on average.
 *
 * The bytes can be anything: lep_ranked_open() looks at what is needed for all
 * else to stay within them, O(1), and lep_ranked_sort() at every record.
 * docs/format.md has every byte ("ranked").  No global state; any thread.
 */
#ifndef LEP_RANKED_H
#define LEP_RANKED_H

#include <stdbool.h>

#include "core/env.h"
#include "core/idmap.h"
#include "core/status.h"

typedef struct LepRankedRow
{
	double score;
	LepId id; /* text points to somebody else's bytes */
} LepRankedRow;

/* Bytes before the first record. */
#define LEP_RANKED_HEADER 28

/* Records beyond n that are taken before they are sorted, at least. */
#define LEP_RANKED_SLACK 16

/* Most bytes of a state: offsets are of 32 bits. */
#define LEP_RANKED_MAX_BYTES ((size_t) INT32_MAX)

/* A state that was opened; what the header says, and the worst of the best n. */
typedef struct LepRanked
{
	uint8_t *bytes; /* the caller's */
	size_t size;	/* there is room for so many */
	LepIdKind kind;
	int64_t n; /* rows wanted */
	size_t used;
	uint32_t count; /* records */
	bool is_pruned; /* the next is known */
	LepRankedRow worst;
} LepRanked;

/* Bytes of a row's record. */
extern size_t lep_ranked_record_size(LepIdKind kind, const LepRankedRow *row);

/* Begin a state without rows in size >= LEP_RANKED_HEADER bytes; n >= 0. */
extern void lep_ranked_begin(LepRanked *state, LepIdKind kind, int64_t n, uint8_t *bytes, size_t size);

/*
 * Open a state of this kind; what lies behind the bytes in use is room.  Errors
 * have what = "state": LEP_ERR_BYTES_MAGIC, _VERSION, _LENGTH, and _ORDER for a
 * number of the header (row: its offset).
 */
extern LepStatus
lep_ranked_open(LepRanked *state, LepIdKind kind, uint8_t *bytes, size_t size, LepError *error);

/* The kind of ids of a state; false where the header does not say one. */
extern bool lep_ranked_kind(const uint8_t *bytes, size_t size, LepIdKind *kind);

/* Must a row be kept?  Its score is not NaN. */
extern bool lep_ranked_takes(const LepRanked *state, const LepRankedRow *row);

/* Is it time for lep_ranked_prune()? */
extern bool lep_ranked_is_full(const LepRanked *state);

/* Append a row; there is room for its record, and used + record <= LEP_RANKED_MAX_BYTES. */
extern void lep_ranked_append(LepRanked *state, const LepRankedRow *row);

/*
 * All rows, best first, into rows[count]: the first min(count, n) are the answer.
 * Ids point into the state.  LEP_ERR_BYTES_LENGTH and LEP_ERR_BYTES_VALUE (a NaN;
 * row: which record) for records that are none.  Stoppable.
 */
extern LepStatus lep_ranked_sort(LepEnv *env, const LepRanked *state, LepRankedRow *rows);

/* Keep the best n.  Same errors; scratch memory from env. */
extern LepStatus lep_ranked_prune(LepEnv *env, LepRanked *state);

#endif /* LEP_RANKED_H */

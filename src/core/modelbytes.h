/*
 * modelbytes.h
 *		A whole model as one row of bytes, magic LEPM: what a column of bytea holds,
 *		and what goes between databases.
 *
 * docs/format.md has every byte.  A head says what reading needs; for each side
 * the ids stand in ascending order, then one array for each number of a row, so
 * that an id is found by bisection and a row read by itself.  Rows of factors,
 * seen sets and neighbours are those of format.h.
 *
 * Readers take any bytes.  lep_modelbytes_open() checks the head and that all
 * parts lie within the bytes, in O(1); lep_modelbytes_check() the checksum, which
 * finds damage but no forgery; so whatever reads a row checks the row, too, and
 * lep_modelbytes_verify() checks all there is.
 *
 * A LepModelBytes points into the bytes, which must stay where they are.  Nothing
 * here allocates unless it is given an arena; any thread may read.
 */
#ifndef LEP_MODELBYTES_H
#define LEP_MODELBYTES_H

#include "core/format.h"
#include "core/idmap.h"
#include "core/image.h"
#include "core/options.h"
#include "core/train.h"

typedef enum LepModelSide
{
	LEP_SIDE_USERS,
	LEP_SIDE_ITEMS,
	LEP_N_SIDES
} LepModelSide;

/* Texts that come with a model; the engine does not look into them. */
typedef enum LepModelDocument
{
	LEP_DOCUMENT_ALGORITHM, /* its name */
	LEP_DOCUMENT_OPTIONS,	/* as given, JSON */
	LEP_DOCUMENT_METRICS,	/* JSON */
	LEP_DOCUMENT_DETAILS,	/* JSON; what times, intervals and new users need stands there */
	LEP_N_DOCUMENTS
} LepModelDocument;

/* Instant of a model that says none. */
#define LEP_NO_INSTANT INT64_MIN

typedef struct LepModelHead
{
	/* what reading needs */
	LepIdKind kind[LEP_N_SIDES];
	LepPrecision precision; /* of factors and weights */
	int n_factors;			/* 0 to LEP_MAX_FACTORS */
	bool implicit;			/* learned from implicit feedback */
	bool exclude_seen;
	bool has_neighbors;
	bool has_variances; /* of both sides */
	LepUnknown unknown;
	double mean;
	float min_score;
	float max_score;
	LepLevels levels;	 /* n = 0: predictions are means */
	int64_t n_neighbors; /* entries of all items */

	/* about the training */
	int64_t n_users; /* trained on; there may be fewer rows since */
	int64_t n_ratings;
	int64_t created_at; /* as the host counts instants, or LEP_NO_INSTANT */
	uint8_t encoding;	/* the host's number of the encoding of ids and documents */

	/* how much there is */
	int32_t n_rows[LEP_N_SIDES];
	size_t text_bytes[LEP_N_SIDES];	 /* ids of kind text, together; else 0 */
	size_t extra_bytes[LEP_N_SIDES]; /* seen sets; neighbours */
	const char *document[LEP_N_DOCUMENTS];
	size_t document_bytes[LEP_N_DOCUMENTS]; /* without a closing zero */
} LepModelHead;

/* ------------------------------------------------------------------- writing */

/* Bytes that a model of this head takes, exactly; SIZE_MAX where that is too much for the format. */
extern size_t lep_modelbytes_size(const LepModelHead *head);

/*
 * At least as many bytes does a model take: before it is trained.
 */
extern size_t lep_modelbytes_least(int32_t n_users, int32_t n_items, int64_t n_ratings, int n_factors,
								   LepPrecision precision);

/*
 * The head of what was trained, sizes included; left for the caller are created_at
 * (LEP_NO_INSTANT), encoding (0) and the documents (empty).  One look at all ids and ratings.
 * LEP_OK or LEP_ERR_STOPPED.
 */
extern LepStatus
lep_modelbytes_head(LepEnv *env, const LepTrainResult *result, const LepRatings *ratings, LepModelHead *head);

/*
 * Write what was trained: result and ratings as they gave the head, into
 * lep_modelbytes_size(head) bytes.  The same model gives the same bytes.  LEP_OK or
 * LEP_ERR_STOPPED.
 */
extern LepStatus lep_modelbytes_encode(LepEnv *env, const LepModelHead *head, const LepTrainResult *result,
									   const LepRatings *ratings, uint8_t *bytes);

/* A row as it is written and read. */
typedef struct LepModelRow
{
	LepId id;
	int32_t n_ratings;
	float bias;
	float variance;			/* written if the head has variances */
	const uint8_t *factors; /* encoded, in the head's precision; not looked at for 0 factors */
	const uint8_t *extra;	/* seen or neighbours, encoded */
	size_t extra_bytes;
} LepModelRow;

/* Where the parts of a model begin, in bytes from its own beginning. */
typedef struct LepModelLayout
{
	size_t levels;
	size_t document[LEP_N_DOCUMENTS];
	struct
	{
		size_t ids;
		size_t text;
		size_t n_ratings;
		size_t bias;
		size_t variance;
		size_t factors;
		size_t offsets;
		size_t extra;
	} side[LEP_N_SIDES];
	size_t len; /* SIZE_MAX: too much for the format */
} LepModelLayout;

/* Writing row by row, for whoever has no training result. */
typedef struct LepModelWriter
{
	const LepModelHead *head;
	uint8_t *bytes;
	LepModelLayout layout;
	int32_t n_put[LEP_N_SIDES];
	size_t text_used[LEP_N_SIDES];
	size_t extra_used[LEP_N_SIDES];
} LepModelWriter;

/* Begin, into lep_modelbytes_size(head) bytes.  The head must live until the end. */
extern void lep_modelbytes_begin(LepModelWriter *writer, const LepModelHead *head, uint8_t *bytes);

/*
 * The next row of a side, in ascending order of ids.  False where it is one more
 * than the head says, or where its text or extra bytes are.
 */
extern bool lep_modelbytes_put(LepModelWriter *writer, LepModelSide side, const LepModelRow *row);

/* Close with the checksum.  False where the rows were not all that the head says. */
extern bool lep_modelbytes_end(LepModelWriter *writer);

/* ------------------------------------------------------------------- reading */

/* One side's arrays, within the bytes. */
typedef struct LepModelSideBytes
{
	int32_t n;
	const uint8_t *ids;		  /* 8 or 16 bytes each; of text: n + 1 offsets into text */
	const uint8_t *text;	  /* [text_bytes] */
	const uint8_t *n_ratings; /* 4 bytes each, as all that follow */
	const uint8_t *bias;
	const uint8_t *variance; /* NULL: none */
	const uint8_t *factors;	 /* factors_bytes each */
	const uint8_t *offsets;	 /* n + 1, into extra; NULL: none */
	const uint8_t *extra;	 /* [extra_bytes] */
	size_t factors_bytes;
} LepModelSideBytes;

typedef struct LepModelBytes
{
	LepModelHead head; /* documents point into the bytes */
	const uint8_t *bytes;
	size_t len;
	LepModelSideBytes side[LEP_N_SIDES];
} LepModelBytes;

/*
 * Check the head and look where everything is.  Errors: BYTES_MAGIC,
 * BYTES_VERSION, BYTES_LENGTH, and BYTES_VALUE for a number of the head that is out
 * of range; what = "model", row = the number's offset.
 */
extern LepStatus lep_modelbytes_open(const uint8_t *bytes, size_t len, LepModelBytes *model, LepError *error);

/* LEP_ERR_BYTES_CHECKSUM unless the bytes are those that were written.  Reads them all. */
extern LepStatus lep_modelbytes_check(const LepModelBytes *model, LepError *error);

/* The checksum that stands in the bytes, without a look whether it is theirs. */
extern uint64_t lep_modelbytes_checksum(const LepModelBytes *model);

/*
 * The row of this id into *n, -1 where there is none: O(log n).  BYTES_ORDER where
 * the offsets of texts make no sense.
 */
extern LepStatus lep_modelbytes_find(const LepModelBytes *model, LepModelSide side, const LepId *id,
									 int32_t *n, LepError *error);

/*
 * Row n of a side, its ids, bytes and text within the model's; numbers are checked,
 * factors and extra not.  extra is NULL where the side has none.
 */
extern LepStatus lep_modelbytes_row(const LepModelBytes *model, LepModelSide side, int32_t n,
									LepModelRow *row, LepError *error);

/* Its factors: lep_row_stride(n_factors) floats, checked as lep_factors_decode() does. */
extern LepStatus
lep_modelbytes_factors(const LepModelBytes *model, const LepModelRow *row, float *factors, LepError *error);

/*
 * Check everything: the checksum, every row, that ids ascend, that seen sets and
 * neighbours are sets of items and as many as the head says.  Scratch memory from
 * env; LEP_ERR_STOPPED.
 */
extern LepStatus lep_modelbytes_verify(LepEnv *env, const LepModelBytes *model);

/* The shape of the image of its items. */
extern LepImageShape lep_modelbytes_shape(const LepModelBytes *model);

/*
 * Decode all items, checked as verify does, into the room of an image of that
 * shape, and ids[n_items], whose texts point into the bytes, and bias[n_items].
 * Errors as of verify.
 */
extern LepStatus lep_modelbytes_load(LepEnv *env, const LepModelBytes *model, const LepImageRoom *room,
									 LepId *ids, float *bias);

#endif /* LEP_MODELBYTES_H */

/*
 * modelbytes_layout.h
 *		Where the numbers of the head stand, for the writer and the reader of model
 *		bytes, and nobody else.
 */
#ifndef LEP_MODELBYTES_LAYOUT_H
#define LEP_MODELBYTES_LAYOUT_H

#include "core/bytes.h"
#include "core/modelbytes.h"

#define MODEL_MAGIC		"LEPM"
#define MODEL_MAGIC_LEN 4
#define MODEL_VERSION	1

/* Offsets in the head; docs/format.md has the same table. */
enum
{
	AT_MAGIC = 0,
	AT_VERSION = 4,
	AT_PRECISION = 5,
	AT_KIND = 6, /* a byte for each side */
	AT_CHECKSUM = 8,
	AT_LENGTH = 16, /* the checksum is of all from here on */
	AT_ENCODING = 24,
	AT_FLAGS = 25,
	AT_UNKNOWN = 26,
	AT_N_LEVELS = 27,
	AT_N_FACTORS = 28, /* 2 bytes, then 2 that are 0 */
	AT_MEAN = 32,
	AT_MIN_SCORE = 40,
	AT_MAX_SCORE = 44,
	AT_N_USERS = 48,
	AT_N_RATINGS = 56,
	AT_N_NEIGHBORS = 64,
	AT_CREATED_AT = 72,
	AT_N_ROWS = 80,			/* 4 bytes for each side */
	AT_DOCUMENT_BYTES = 88, /* 8 for each */
	AT_TEXT_BYTES = 120,	/* 8 for each side */
	AT_EXTRA_BYTES = 136,
	HEAD_BYTES = 152
};

enum
{
	FLAG_IMPLICIT = 1,
	FLAG_EXCLUDE_SEEN = 2,
	FLAG_NEIGHBORS = 4,
	FLAG_VARIANCES = 8,
	ALL_FLAGS = 15
};

/* Offsets of texts and extras have four bytes. */
#define MAX_PART_BYTES UINT32_MAX

extern void lep_modelbytes_layout(const LepModelHead *head, LepModelLayout *layout);

/* Has the side extras?  Users always. */
static inline bool
lep_modelbytes_has_extra(const LepModelHead *head, LepModelSide side)
{
	return side == LEP_SIDE_USERS || head->has_neighbors;
}

static inline void
lep_put_f64(uint8_t *bytes, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	lep_put_u64(bytes, bits);
}

static inline double
lep_get_f64(const uint8_t *bytes)
{
	uint64_t bits = lep_get_u64(bytes);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

#endif /* LEP_MODELBYTES_LAYOUT_H */

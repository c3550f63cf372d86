/*
 * format.h
 *		Bytes <-> numbers: what is stored in the columns factors, seen and
 *		neighbors.
 *
 * Written little-endian on every machine; docs/format.md has every byte.
 * Readers take any bytes: they check the kind, the version, the length (in 64
 * bits), that every number is finite and every norm within LEP_MAX_NORM, and
 * never read past the end.  Bytes that pass are the only ones that encode what
 * they hold, so equal rows have equal bytes.
 *
 * Nothing here allocates or keeps a pointer; any thread may call it.  On
 * failure *error is filled, with what = "factors", "seen" or "neighbors"
 * ("precision" where that byte is too new), and the output arrays hold nothing of use.
 */
#ifndef LEP_FORMAT_H
#define LEP_FORMAT_H

#include "core/env.h"
#include "core/precision.h"
#include "core/status.h"

/* Most factors in a row. */
#define LEP_MAX_FACTORS 1024

/* bytes of an encoded row of k factors; 0 <= k <= LEP_MAX_FACTORS */
extern size_t lep_factors_size(int k);

/* Encode k factors (the padding is not stored) into lep_factors_size(k) bytes. */
extern void lep_factors_encode(const float *row, int k, uint8_t *bytes);

/* The same in another precision than float32. */
extern size_t lep_factors_size_as(LepPrecision precision, int k);
extern void lep_factors_encode_as(LepPrecision precision, const float *row, int k, uint8_t *bytes);

/*
 * How many factors these bytes hold, at most LEP_MAX_FACTORS; header and length
 * being checked.
 */
extern LepStatus lep_factors_count(const uint8_t *bytes, size_t len, int *k, LepError *error);

/*
 * Decode into a padded row of lep_row_stride(k) floats.  Bytes that hold
 * another number of factors than k are LEP_ERR_BYTES_LENGTH.  For
 * LEP_ERR_BYTES_VALUE, error->row is the factor's position, or -1 where it is
 * the norm that is too large.
 */
extern LepStatus lep_factors_decode(const uint8_t *bytes, size_t len, int k, float *row, LepError *error);

/*
 * A set of item numbers, ascending without repetition, as varint differences.
 * size is an upper bound for n items, SIZE_MAX on overflow; encode returns the
 * bytes written.
 */
extern size_t lep_seen_max_size(int64_t n);
extern size_t lep_seen_size(const int32_t *items, int64_t n); /* exactly */
extern size_t lep_seen_encode(const int32_t *items, int64_t n, uint8_t *bytes);

/* The same with a digest of what is rated how (lep_ratings_digest). */
extern size_t lep_seen_encode_digest(const int32_t *items, int64_t n, uint64_t digest, uint8_t *bytes);

/* The digest in bytes that lep_seen_count accepts; false if there is none. */
extern bool lep_seen_digest(const uint8_t *bytes, size_t len, uint64_t *digest);

/* How many items they claim to hold: never more than len. */
extern LepStatus lep_seen_count(const uint8_t *bytes, size_t len, int64_t *n, LepError *error);

/*
 * Decode into items[n], n from lep_seen_count; every number is in [0, n_items).
 * For LEP_ERR_BYTES_ORDER, error->row is the position in the set.
 */
extern LepStatus
lep_seen_decode(const uint8_t *bytes, size_t len, int32_t n_items, int32_t *items, LepError *error);

/*
 * An item's neighbours: ascending item numbers as above, and a weight for each.
 * Functions as for seen.  For LEP_ERR_BYTES_ORDER and LEP_ERR_BYTES_VALUE (a
 * weight that is not finite or beyond LEP_MAX_NORM), error->row is the position.
 */
extern size_t lep_neighbors_max_size(int64_t n);
extern size_t lep_neighbors_size_as(LepPrecision precision, const int32_t *items, int64_t n); /* exactly */
extern size_t lep_neighbors_encode(const int32_t *items, const float *weights, int64_t n, uint8_t *bytes);
extern size_t lep_neighbors_encode_as(LepPrecision precision, const int32_t *items, const float *weights,
									  int64_t n, uint8_t *bytes);
extern LepStatus lep_neighbors_count(const uint8_t *bytes, size_t len, int64_t *n, LepError *error);
extern LepStatus lep_neighbors_decode(const uint8_t *bytes, size_t len, int32_t n_items, int32_t *items,
									  float *weights, LepError *error);

#endif /* LEP_FORMAT_H */

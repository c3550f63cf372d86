/*
 * format.c
 *		The code of docs/format.md: factors, seen and neighbors, encoded and
 *		checked.
 *
 * Each kind opens with a magic of four letters and a version byte.  Bytes are
 * put together by shifts, so neither the machine's byte order nor the alignment
 * of the input matters.  Every encoding is canonical: a decoder accepts only
 * what the encoder would have written.
 */
#include "core/format.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/kernels.h"
#include "core/model.h"

#define MAGIC_LEN 4

/* One kind of stored bytes. */
typedef struct Kind
{
	const char *what; /* for errors */
	char magic[MAGIC_LEN + 1];
	uint8_t oldest;	 /* version that is read */
	uint8_t version; /* newest known; it stands behind the magic */
	uint8_t header;	 /* bytes before the first number */
} Kind;

#define FACTORS_HEADER	 8	/* magic, version, precision, count in two bytes */
#define SEEN_HEADER		 9	/* magic, version, count in four bytes */
#define NEIGHBORS_HEADER 10 /* magic, version, precision, count in four bytes */

static const Kind factors_kind = { "factors", "LEPF", 1, 1, FACTORS_HEADER };
static const Kind seen_kind = { "seen", "LEPS", 1, 2, SEEN_HEADER };
static const Kind neighbors_kind = { "neighbors", "LEPN", 1, 1, NEIGHBORS_HEADER };

/* Version 2 of seen is version 1 with a digest behind it. */
#define SEEN_PLAIN	1
#define SEEN_DIGEST 2
#define DIGEST_SIZE sizeof(uint64_t)

#define VARINT_MAX 5 /* bytes of a 32-bit number in groups of 7 */

static void
put_kind(const Kind *kind, uint8_t *bytes)
{
	memcpy(bytes, kind->magic, MAGIC_LEN);
	bytes[MAGIC_LEN] = kind->version;
}

/* Long enough for the header, of this kind, of a version that we know? */
static LepStatus
check_kind(const Kind *kind, const uint8_t *bytes, size_t len, LepError *error)
{
	if (len < kind->header)
		return lep_fail(error, LEP_ERR_BYTES_LENGTH, kind->what, (double) len, kind->header, 0);
	if (memcmp(bytes, kind->magic, MAGIC_LEN) != 0)
		return lep_fail(error, LEP_ERR_BYTES_MAGIC, kind->what, 0, 0, 0);
	if (bytes[MAGIC_LEN] < kind->oldest || bytes[MAGIC_LEN] > kind->version)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, kind->what, bytes[MAGIC_LEN], kind->oldest,
						kind->version);
	return LEP_OK;
}

/* The byte behind the version: 1, 2 and 3 for the precisions in their order. */
static LepStatus
get_precision(const uint8_t *bytes, LepPrecision *precision, LepError *error)
{
	uint8_t code = bytes[MAGIC_LEN + 1];

	if (code < 1 || code > LEP_N_PRECISIONS)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, "precision", code, 1, LEP_N_PRECISIONS);
	*precision = (LepPrecision) (code - 1);
	return LEP_OK;
}

static void
put_precision(LepPrecision precision, uint8_t *bytes)
{
	bytes[MAGIC_LEN + 1] = (uint8_t) (precision + 1);
}

/* Not as long as it should be. */
static LepStatus
fail_factors_length(LepError *error, size_t len, size_t needed)
{
	return lep_fail(error, LEP_ERR_BYTES_LENGTH, "factors", (double) len, (double) needed, (double) needed);
}

size_t
lep_factors_size_as(LepPrecision precision, int k)
{
	return FACTORS_HEADER + lep_precision_size(precision, k);
}

size_t
lep_factors_size(int k)
{
	return lep_factors_size_as(LEP_PRECISION_FLOAT32, k);
}

void
lep_factors_encode_as(LepPrecision precision, const float *row, int k, uint8_t *bytes)
{
	put_kind(&factors_kind, bytes);
	put_precision(precision, bytes);
	bytes[6] = (uint8_t) k;
	bytes[7] = (uint8_t) (k >> 8);
	lep_precision_put(precision, row, k, bytes + FACTORS_HEADER);
}

void
lep_factors_encode(const float *row, int k, uint8_t *bytes)
{
	lep_factors_encode_as(LEP_PRECISION_FLOAT32, row, k, bytes);
}

static LepStatus
check_factors(const uint8_t *bytes, size_t len, LepPrecision *precision, int *k, LepError *error)
{
	LepStatus status = check_kind(&factors_kind, bytes, len, error);
	int count;

	if (status == LEP_OK)
		status = get_precision(bytes, precision, error);
	if (status != LEP_OK)
		return status;
	count = bytes[6] | bytes[7] << 8;
	if (len != lep_factors_size_as(*precision, count))
		return fail_factors_length(error, len, lep_factors_size_as(*precision, count));
	if (count > LEP_MAX_FACTORS)
		return fail_factors_length(error, len, lep_factors_size_as(*precision, LEP_MAX_FACTORS));
	*k = count;
	return LEP_OK;
}

LepStatus
lep_factors_count(const uint8_t *bytes, size_t len, int *k, LepError *error)
{
	LepPrecision precision = LEP_PRECISION_FLOAT32;

	return check_factors(bytes, len, &precision, k, error);
}

LepStatus
lep_factors_decode(const uint8_t *bytes, size_t len, int k, float *row, LepError *error)
{
	double sum;
	int count = 0;
	LepPrecision precision = LEP_PRECISION_FLOAT32;
	LepStatus status = check_factors(bytes, len, &precision, &count, error);

	if (status == LEP_OK && count != k)
		return fail_factors_length(error, len, lep_factors_size_as(precision, k));
	if (status == LEP_OK)
		status = lep_precision_get(precision, bytes + FACTORS_HEADER, k, row, "factors", error);
	if (status != LEP_OK)
		return status;
	for (int f = k; f < lep_row_stride(k); f++)
		row[f] = 0;
	sum = lep_kernels->dot_f64(row, row, lep_row_stride(k));
	if (!(sum <= LEP_MAX_NORM * LEP_MAX_NORM)) /* as lep_model_is_sane() has it */
	{
		lep_fail(error, LEP_ERR_BYTES_VALUE, "factors", sqrt(sum), 0, LEP_MAX_NORM);
		error->row = -1;
		return error->status;
	}
	return LEP_OK;
}

/* Seven bits a byte, lowest first, the top bit says that more follow. */
static uint8_t *
put_varint(uint8_t *bytes, uint32_t value)
{
	while (value >= 0x80)
	{
		*bytes++ = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	*bytes++ = (uint8_t) value;
	return bytes;
}

/*
 * The varint at bytes; returns its length, 0 if it does not end before end,
 * -1 if it is longer than need be or than 32 bits.
 */
static int
get_varint(const uint8_t *bytes, const uint8_t *end, uint32_t *value)
{
	uint64_t sum = 0;

	for (int i = 0; i < VARINT_MAX; i++)
	{
		if (bytes + i == end)
			return 0;
		sum |= (uint64_t) (bytes[i] & 0x7F) << (7 * i);
		if (bytes[i] & 0x80)
			continue;
		if ((i > 0 && bytes[i] == 0) || sum > UINT32_MAX)
			return -1;
		*value = (uint32_t) sum;
		return i + 1;
	}
	return -1;
}

size_t
lep_seen_max_size(int64_t n)
{
	return n < 0 ? SIZE_MAX : lep_add_size(SEEN_HEADER + DIGEST_SIZE, lep_mul_size((size_t) n, VARINT_MAX));
}

/*
 * Each difference to the one before it is stored less one (the first: to -1),
 * so that no bytes can say a descending or repeated number.
 */
static uint8_t *
put_items(uint8_t *at, const int32_t *items, int64_t n)
{
	int64_t previous = -1;

	for (int64_t j = 0; j < n; j++)
	{
		at = put_varint(at, (uint32_t) (items[j] - previous - 1));
		previous = items[j];
	}
	return at;
}

/* Bytes that put_items() writes. */
static size_t
items_size(const int32_t *items, int64_t n)
{
	size_t size = 0;
	int64_t previous = -1;

	for (int64_t j = 0; j < n; j++)
	{
		uint32_t gap = (uint32_t) (items[j] - previous - 1);

		size += 1 + (gap >= UINT32_C(1) << 7) + (gap >= UINT32_C(1) << 14) + (gap >= UINT32_C(1) << 21) +
				(gap >= UINT32_C(1) << 28);
		previous = items[j];
	}
	return size;
}

size_t
lep_seen_size(const int32_t *items, int64_t n)
{
	return SEEN_HEADER + items_size(items, n);
}

size_t
lep_seen_encode(const int32_t *items, int64_t n, uint8_t *bytes)
{
	put_kind(&seen_kind, bytes);
	bytes[MAGIC_LEN] = SEEN_PLAIN;
	lep_put_u32(bytes + 5, (uint32_t) n);
	return (size_t) (put_items(bytes + SEEN_HEADER, items, n) - bytes);
}

size_t
lep_seen_encode_digest(const int32_t *items, int64_t n, uint64_t digest, uint8_t *bytes)
{
	size_t size = lep_seen_encode(items, n, bytes);

	bytes[MAGIC_LEN] = SEEN_DIGEST;
	lep_put_u64(bytes + size, digest);
	return size + DIGEST_SIZE;
}

static size_t
seen_tail(const uint8_t *bytes)
{
	return bytes[MAGIC_LEN] == SEEN_DIGEST ? DIGEST_SIZE : 0;
}

bool
lep_seen_digest(const uint8_t *bytes, size_t len, uint64_t *digest)
{
	if (seen_tail(bytes) == 0)
		return false;
	*digest = lep_get_u64(bytes + len - DIGEST_SIZE);
	return true;
}

LepStatus
lep_seen_count(const uint8_t *bytes, size_t len, int64_t *n, LepError *error)
{
	LepStatus status = check_kind(&seen_kind, bytes, len, error);
	uint64_t least;
	uint32_t count;

	if (status != LEP_OK)
		return status;
	count = lep_get_u32(bytes + 5);
	least = SEEN_HEADER + (uint64_t) count + seen_tail(bytes); /* each takes a byte at least */
	if (least > len)
		return lep_fail(error, LEP_ERR_BYTES_LENGTH, "seen", (double) len, (double) least, 0);
	*n = count;
	return LEP_OK;
}

/* The set's number at this position is none that may stand there. */
static LepStatus
fail_order(LepError *error, const Kind *kind, int64_t position, double value, int32_t n_items)
{
	lep_fail(error, LEP_ERR_BYTES_ORDER, kind->what, value, 0, (double) n_items - 1);
	error->row = position;
	return error->status;
}

/* A set as put_items() wrote it, behind the header of these bytes. */
typedef struct StoredItems
{
	const Kind *kind;
	const uint8_t *bytes;
	size_t len;
	size_t tail; /* bytes behind the set */
	int64_t n;
	int32_t n_items;
} StoredItems;

static LepStatus
get_items(const StoredItems *stored, int32_t *items, LepError *error)
{
	const Kind *kind = stored->kind;
	const uint8_t *at = stored->bytes + kind->header;
	const uint8_t *end = stored->bytes + stored->len - stored->tail;
	double needed;
	int64_t previous = -1;

	for (int64_t j = 0; j < stored->n; j++)
	{
		uint32_t gap = 0;
		int used = get_varint(at, end, &gap);

		if (used == 0)
			return lep_fail(error, LEP_ERR_BYTES_LENGTH, kind->what, (double) stored->len,
							(double) stored->len + (double) (stored->n - j), 0);
		if (used < 0)
			return fail_order(error, kind, j, (double) previous, stored->n_items);
		previous += (int64_t) gap + 1;
		if (previous >= stored->n_items)
			return fail_order(error, kind, j, (double) previous, stored->n_items);
		items[j] = (int32_t) previous;
		at += used;
	}
	needed = (double) (at - stored->bytes) + (double) stored->tail;
	if (at != end)
		return lep_fail(error, LEP_ERR_BYTES_LENGTH, kind->what, (double) stored->len, needed, needed);
	return LEP_OK;
}

LepStatus
lep_seen_decode(const uint8_t *bytes, size_t len, int32_t n_items, int32_t *items, LepError *error)
{
	StoredItems stored = { &seen_kind, bytes, len, 0, 0, n_items };
	LepStatus status = lep_seen_count(bytes, len, &stored.n, error);

	if (status != LEP_OK)
		return status;
	stored.tail = seen_tail(bytes);
	return get_items(&stored, items, error);
}

size_t
lep_neighbors_max_size(int64_t n)
{
	return n < 0 ? SIZE_MAX
				 : lep_add_size(NEIGHBORS_HEADER + sizeof(float), /* a scale, if there is one */
								lep_mul_size((size_t) n, VARINT_MAX + sizeof(float)));
}

size_t
lep_neighbors_size_as(LepPrecision precision, const int32_t *items, int64_t n)
{
	return NEIGHBORS_HEADER + items_size(items, n) + lep_precision_size(precision, n);
}

size_t
lep_neighbors_encode_as(LepPrecision precision, const int32_t *items, const float *weights, int64_t n,
						uint8_t *bytes)
{
	uint8_t *at;

	put_kind(&neighbors_kind, bytes);
	put_precision(precision, bytes);
	lep_put_u32(bytes + 6, (uint32_t) n);
	at = put_items(bytes + NEIGHBORS_HEADER, items, n);
	lep_precision_put(precision, weights, n, at);
	return (size_t) (at - bytes) + lep_precision_size(precision, n);
}

size_t
lep_neighbors_encode(const int32_t *items, const float *weights, int64_t n, uint8_t *bytes)
{
	return lep_neighbors_encode_as(LEP_PRECISION_FLOAT32, items, weights, n, bytes);
}

static LepStatus
check_neighbors(const uint8_t *bytes, size_t len, LepPrecision *precision, int64_t *n, LepError *error)
{
	LepStatus status = check_kind(&neighbors_kind, bytes, len, error);
	uint32_t count;
	uint64_t least;

	if (status == LEP_OK)
		status = get_precision(bytes, precision, error);
	if (status != LEP_OK)
		return status;
	count = lep_get_u32(bytes + 6);
	/* a gap each, and the weights */
	least = NEIGHBORS_HEADER + (uint64_t) count + lep_precision_size(*precision, count);
	if (least > len)
		return lep_fail(error, LEP_ERR_BYTES_LENGTH, "neighbors", (double) len, (double) least, 0);
	*n = count;
	return LEP_OK;
}

LepStatus
lep_neighbors_count(const uint8_t *bytes, size_t len, int64_t *n, LepError *error)
{
	LepPrecision precision = LEP_PRECISION_FLOAT32;

	return check_neighbors(bytes, len, &precision, n, error);
}

LepStatus
lep_neighbors_decode(const uint8_t *bytes, size_t len, int32_t n_items, int32_t *items, float *weights,
					 LepError *error)
{
	StoredItems stored = { &neighbors_kind, bytes, len, 0, 0, n_items };
	LepPrecision precision = LEP_PRECISION_FLOAT32;
	LepStatus status = check_neighbors(bytes, len, &precision, &stored.n, error);

	if (status != LEP_OK)
		return status;
	stored.tail = lep_precision_size(precision, stored.n);
	status = get_items(&stored, items, error);
	if (status != LEP_OK)
		return status;
	return lep_precision_get(precision, bytes + len - stored.tail, stored.n, weights, "neighbors", error);
}

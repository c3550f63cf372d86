/*
 * format.c
 *		The code of docs/format.md: factors and seen, encoded and checked.
 *
 * Each kind opens with a magic of four letters and a version byte.  Bytes are
 * put together by shifts, so neither the machine's byte order nor the alignment
 * of the input matters.  Every encoding is canonical: a decoder accepts only
 * what the encoder would have written.
 */
#include "core/format.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/model.h"

#define MAGIC_LEN 4

/* One kind of stored bytes. */
typedef struct Kind
{
	const char *what; /* for errors */
	char magic[MAGIC_LEN + 1];
	uint8_t version; /* newest known; it stands behind the magic */
	uint8_t header;	 /* bytes before the first number */
} Kind;

#define FACTORS_HEADER 8 /* magic, version, precision, count in two bytes */
#define SEEN_HEADER	   9 /* magic, version, count in four bytes */

static const Kind factors_kind = { "factors", "LEPF", 1, FACTORS_HEADER };
static const Kind seen_kind = { "seen", "LEPS", 1, SEEN_HEADER };

/* The codes of the precision byte; 2 and 3 are promised to float16 and int8. */
#define PRECISION_FLOAT32 1

#define VARINT_MAX 5 /* bytes of a 32-bit number in groups of 7 */

_Static_assert(sizeof(float) == 4, "factors are stored as IEEE-754 single precision");

static void
put_u32(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t) (value >> (8 * i));
}

static uint32_t
get_u32(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8 | (uint32_t) bytes[2] << 16 |
		   (uint32_t) bytes[3] << 24;
}

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
	if (bytes[MAGIC_LEN] != kind->version)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, kind->what, bytes[MAGIC_LEN], 1, kind->version);
	return LEP_OK;
}

/* Not as long as it should be; needed is what it should be. */
static LepStatus
fail_factors_length(LepError *error, size_t len, int k)
{
	size_t needed = lep_factors_size(k);

	return lep_fail(error, LEP_ERR_BYTES_LENGTH, "factors", (double) len, (double) needed, (double) needed);
}

size_t
lep_factors_size(int k)
{
	return FACTORS_HEADER + (size_t) k * sizeof(float);
}

void
lep_factors_encode(const float *row, int k, uint8_t *bytes)
{
	put_kind(&factors_kind, bytes);
	bytes[5] = PRECISION_FLOAT32;
	bytes[6] = (uint8_t) k;
	bytes[7] = (uint8_t) (k >> 8);
	for (int f = 0; f < k; f++)
	{
		uint32_t bits;

		memcpy(&bits, &row[f], sizeof(bits));
		put_u32(bytes + FACTORS_HEADER + 4 * f, bits);
	}
}

LepStatus
lep_factors_count(const uint8_t *bytes, size_t len, int *k, LepError *error)
{
	LepStatus status = check_kind(&factors_kind, bytes, len, error);
	int count;

	if (status != LEP_OK)
		return status;
	if (bytes[5] != PRECISION_FLOAT32)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, "precision", bytes[5], PRECISION_FLOAT32,
						PRECISION_FLOAT32);
	count = bytes[6] | bytes[7] << 8;
	if (len != lep_factors_size(count))
		return fail_factors_length(error, len, count);
	if (count > LEP_MAX_FACTORS)
		return fail_factors_length(error, len, LEP_MAX_FACTORS);
	*k = count;
	return LEP_OK;
}

LepStatus
lep_factors_decode(const uint8_t *bytes, size_t len, int k, float *row, LepError *error)
{
	double sum = 0;
	int count;
	LepStatus status = lep_factors_count(bytes, len, &count, error);

	if (status != LEP_OK)
		return status;
	if (count != k)
		return fail_factors_length(error, len, k);
	for (int f = 0; f < k; f++)
	{
		uint32_t bits = get_u32(bytes + FACTORS_HEADER + 4 * f);

		memcpy(&row[f], &bits, sizeof(bits));
		if (!(fabs((double) row[f]) <= LEP_MAX_NORM)) /* NaN too */
		{
			lep_fail(error, LEP_ERR_BYTES_VALUE, "factors", row[f], -LEP_MAX_NORM, LEP_MAX_NORM);
			error->row = f;
			return error->status;
		}
		sum += (double) row[f] * row[f];
	}
	if (!(sum <= LEP_MAX_NORM * LEP_MAX_NORM)) /* as lep_model_is_sane() has it */
	{
		lep_fail(error, LEP_ERR_BYTES_VALUE, "factors", sqrt(sum), 0, LEP_MAX_NORM);
		error->row = -1;
		return error->status;
	}
	for (int f = k; f < lep_row_stride(k); f++)
		row[f] = 0;
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
	return n < 0 ? SIZE_MAX : lep_add_size(SEEN_HEADER, lep_mul_size((size_t) n, VARINT_MAX));
}

/*
 * Each difference to the one before it is stored less one (the first: to -1),
 * so that no bytes can say a descending or repeated number.
 */
size_t
lep_seen_encode(const int32_t *items, int64_t n, uint8_t *bytes)
{
	uint8_t *at = bytes + SEEN_HEADER;
	int64_t previous = -1;

	put_kind(&seen_kind, bytes);
	put_u32(bytes + 5, (uint32_t) n);
	for (int64_t j = 0; j < n; j++)
	{
		at = put_varint(at, (uint32_t) (items[j] - previous - 1));
		previous = items[j];
	}
	return (size_t) (at - bytes);
}

LepStatus
lep_seen_count(const uint8_t *bytes, size_t len, int64_t *n, LepError *error)
{
	LepStatus status = check_kind(&seen_kind, bytes, len, error);
	uint32_t count;

	if (status != LEP_OK)
		return status;
	count = get_u32(bytes + 5);
	if (count > len - SEEN_HEADER) /* each takes a byte at least */
		return lep_fail(error, LEP_ERR_BYTES_LENGTH, "seen", (double) len, (double) count + SEEN_HEADER, 0);
	*n = count;
	return LEP_OK;
}

/* The set's number at this position is none that may stand there. */
static LepStatus
fail_order(LepError *error, int64_t position, double value, int32_t n_items)
{
	lep_fail(error, LEP_ERR_BYTES_ORDER, "seen", value, 0, (double) n_items - 1);
	error->row = position;
	return error->status;
}

LepStatus
lep_seen_decode(const uint8_t *bytes, size_t len, int32_t n_items, int32_t *items, LepError *error)
{
	const uint8_t *at;
	const uint8_t *end;
	int64_t previous = -1;
	int64_t n = 0;
	LepStatus status = lep_seen_count(bytes, len, &n, error);

	if (status != LEP_OK)
		return status;
	at = bytes + SEEN_HEADER;
	end = bytes + len;
	for (int64_t j = 0; j < n; j++)
	{
		uint32_t gap = 0;
		int used = get_varint(at, end, &gap);

		if (used == 0)
			return lep_fail(error, LEP_ERR_BYTES_LENGTH, "seen", (double) len,
							(double) len + (double) (n - j), 0);
		if (used < 0)
			return fail_order(error, j, (double) previous, n_items);
		previous += (int64_t) gap + 1;
		if (previous >= n_items)
			return fail_order(error, j, (double) previous, n_items);
		items[j] = (int32_t) previous;
		at += used;
	}
	if (at != end)
		return lep_fail(error, LEP_ERR_BYTES_LENGTH, "seen", (double) len, (double) (at - bytes),
						(double) (at - bytes));
	return LEP_OK;
}

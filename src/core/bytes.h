/*
 * bytes.h
 *		Numbers as little-endian bytes, by shifts: neither the machine's order nor
 *		the alignment matters, and compilers make single moves of them.
 */
#ifndef LEP_BYTES_H
#define LEP_BYTES_H

#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(float) == 4, "numbers are stored as IEEE-754 single precision");

static inline void
lep_put_u16(uint8_t *bytes, uint16_t value)
{
	for (int i = 0; i < 2; i++)
		bytes[i] = (uint8_t) (value >> (8 * i));
}

static inline void
lep_put_u32(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t) (value >> (8 * i));
}

static inline void
lep_put_u64(uint8_t *bytes, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t) (value >> (8 * i));
}

static inline void
lep_put_f32(uint8_t *bytes, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	lep_put_u32(bytes, bits);
}

static inline uint16_t
lep_get_u16(const uint8_t *bytes)
{
	return (uint16_t) (bytes[0] | bytes[1] << 8);
}

static inline uint32_t
lep_get_u32(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8 | (uint32_t) bytes[2] << 16 |
		   (uint32_t) bytes[3] << 24;
}

static inline uint64_t
lep_get_u64(const uint8_t *bytes)
{
	return (uint64_t) lep_get_u32(bytes) | (uint64_t) lep_get_u32(bytes + 4) << 32;
}

static inline float
lep_get_f32(const uint8_t *bytes)
{
	uint32_t bits = lep_get_u32(bytes);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* n of them, at once where this machine has them in that order. */
static inline void
lep_get_f32s(const uint8_t *bytes, int64_t n, float *values)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(values, bytes, (size_t) n * sizeof(float));
#else
	for (int64_t j = 0; j < n; j++)
		values[j] = lep_get_f32(bytes + 4 * j);
#endif
}

#endif /* LEP_BYTES_H */

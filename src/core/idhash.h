/*
 * idhash.h
 *		Hashes of ids, of which tables take the low bits as the place and the rest
 *		as a tag.  Never stored.
 */
#ifndef LEP_IDHASH_H
#define LEP_IDHASH_H

#include <string.h>

#include "core/idmap.h"
#include "core/rng.h"

/* The finaliser of MurmurHash3: every input bit reaches every output bit. */
static inline uint64_t
lep_mix64(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	x ^= x >> 33;
	return x;
}

static inline uint32_t
lep_hash_int64(int64_t id)
{
	return (uint32_t) (lep_mix64((uint64_t) id) >> 32);
}

static inline uint32_t
lep_hash_uuid(const uint8_t *bytes)
{
	uint64_t half[2];

	memcpy(half, bytes, sizeof(half));
	return (uint32_t) (lep_mix64(half[0] ^ lep_mix64(half[1])) >> 32);
}

static inline uint32_t
lep_hash_text(const char *data, int32_t len)
{
	return (uint32_t) (lep_hash_bytes(data, len) >> 32);
}

static inline uint32_t
lep_hash_id(LepIdKind kind, const LepId *id)
{
	switch (kind)
	{
		case LEP_ID_TEXT:
			return lep_hash_text(id->v.text.data, id->v.text.len);
		case LEP_ID_UUID:
			return lep_hash_uuid(id->v.uuid);
		case LEP_ID_INT64:
			break;
	}
	return lep_hash_int64(id->v.i64);
}

#endif /* LEP_IDHASH_H */

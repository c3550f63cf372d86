/*
 * checksum.h
 *		XXH64 of bytes: tells damage in storage and on the way, not forgery.
 *
 * Yann Collet's XXH64 with seed 0, after its specification (xxHash,
 * doc/xxhash_spec.md): the same number on every machine, at about the speed of
 * memory.
 */
#ifndef LEP_CHECKSUM_H
#define LEP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

extern uint64_t lep_checksum(const uint8_t *bytes, size_t len);

#endif /* LEP_CHECKSUM_H */

/*
 * kernels_levels.h
 *		Which levels this architecture has: between kernels.c and the files of
 *		the levels, of no use to others.
 */
#ifndef LEP_KERNELS_LEVELS_H
#define LEP_KERNELS_LEVELS_H

#include "core/kernels.h"

#if defined(__x86_64__) || defined(__i386__)
#define LEP_HAVE_X86
#endif

/* 32-bit NEON flushes denormals to zero, so it cannot give the same bits. */
#if defined(__aarch64__)
#define LEP_HAVE_NEON
#endif

/* gcc does not unroll at -O2 unless told; clang does. */
#ifdef __clang__
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

extern const LepKernels lep_kernels_portable;
#ifdef LEP_HAVE_NEON
extern const LepKernels lep_kernels_neon;
#endif
#ifdef LEP_HAVE_X86
extern const LepKernels lep_kernels_avx2;
extern const LepKernels lep_kernels_avx512;
extern const LepKernels lep_kernels_avx512_vnni;
#endif

#endif /* LEP_KERNELS_LEVELS_H */

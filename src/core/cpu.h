/*
 * cpu.h
 *		What this CPU and this operating system can do.
 */
#ifndef LEP_CPU_H
#define LEP_CPU_H

#include <stdbool.h>

/* Ordered: a level's kernels may be used where the CPU has that level or more. */
typedef enum LepKernelLevel
{
	LEP_KERNELS_PORTABLE,
	LEP_KERNELS_NEON,
	LEP_KERNELS_AVX2,	/* with FMA */
	LEP_KERNELS_AVX512, /* F, BW, DQ, VL */
	LEP_N_KERNEL_LEVELS
} LepKernelLevel;

/* Can kernels of this level run here?  Operating system support included. */
extern bool lep_cpu_supports(LepKernelLevel level);

#if defined(__x86_64__) || defined(__i386__)
/* AVX512_VNNI, besides the level AVX-512. */
extern bool lep_cpu_has_vnni(void);
#endif

/* "portable", "neon", "avx2", "avx512" */
extern const char *lep_kernel_level_name(LepKernelLevel level);

#endif /* LEP_CPU_H */

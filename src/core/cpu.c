/*
 * cpu.c
 *		CPU features by cpuid, counted only where the operating system saves
 *		the registers they need (xgetbv).
 *
 * Not by __builtin_cpu_supports(): it has no answer before constructors have
 * run, differs between compilers in the names it knows, and clang's needs a
 * run-time library that not every linker line has.
 *
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume
 * 1, sections 14.3 (AVX), 14.5.3 (FMA), 14.7.1 (AVX2), 15.2 to 15.4 (AVX-512).
 */
#include "core/cpu.h"

#include <stddef.h>
#include <stdint.h>

static const char *const level_names[LEP_N_KERNEL_LEVELS] = {
	[LEP_KERNELS_PORTABLE] = "portable",
	[LEP_KERNELS_NEON] = "neon",
	[LEP_KERNELS_AVX2] = "avx2",
	[LEP_KERNELS_AVX512] = "avx512",
};

const char *
lep_kernel_level_name(LepKernelLevel level)
{
	return level_names[level];
}

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* cpuid 1, ecx */
#define FMA		(1u << 12)
#define OSXSAVE (1u << 27)
#define AVX		(1u << 28)

/* cpuid 7.0, ebx */
#define AVX2	 (1u << 5)
#define AVX512F	 (1u << 16)
#define AVX512DQ (1u << 17)
#define AVX512BW (1u << 30)
#define AVX512VL (1u << 31)

/* cpuid 7.0, ecx */
#define AVX512VNNI (1u << 11)

/* XCR0: the state components that the operating system saves */
#define XCR0_YMM 0x06u /* SSE and AVX */
#define XCR0_ZMM 0xE6u /* and opmask, upper halves, upper registers */

static uint32_t
read_xcr0(void)
{
	uint32_t low;
	uint32_t high;

	/* The instruction by its bytes: old assemblers want -mxsave for the name. */
	__asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

static bool
has_all(uint32_t bits, uint32_t wanted)
{
	return (bits & wanted) == wanted;
}

static bool
x86_supports(LepKernelLevel level)
{
	unsigned eax;
	unsigned ebx;
	unsigned ecx1;
	unsigned ebx7;
	unsigned ecx;
	unsigned edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx1, &edx) || !__get_cpuid_count(7, 0, &eax, &ebx7, &ecx, &edx))
		return false;
	if (!has_all(ecx1, OSXSAVE | AVX | FMA) || !has_all(ebx7, AVX2) || !has_all(read_xcr0(), XCR0_YMM))
		return false;
	if (level == LEP_KERNELS_AVX2)
		return true;
	return level == LEP_KERNELS_AVX512 && has_all(ebx7, AVX512F | AVX512DQ | AVX512BW | AVX512VL) &&
		   has_all(read_xcr0(), XCR0_ZMM);
}

bool
lep_cpu_supports(LepKernelLevel level)
{
	return level == LEP_KERNELS_PORTABLE || x86_supports(level);
}

bool
lep_cpu_has_vnni(void)
{
	unsigned eax;
	unsigned ebx;
	unsigned ecx;
	unsigned edx;

	return x86_supports(LEP_KERNELS_AVX512) && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
		   has_all(ecx, AVX512VNNI);
}

#elif defined(__aarch64__)

/* Advanced SIMD is part of the base architecture. */
bool
lep_cpu_supports(LepKernelLevel level)
{
	return level == LEP_KERNELS_PORTABLE || level == LEP_KERNELS_NEON;
}

#else

bool
lep_cpu_supports(LepKernelLevel level)
{
	return level == LEP_KERNELS_PORTABLE;
}

#endif

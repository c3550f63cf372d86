/*
 * kernels.c
 *		The table of kernel levels and the choice among them.
 */
#include "core/kernels.h"

#include "core/kernels_levels.h"

static const LepKernels *const levels[LEP_N_KERNEL_LEVELS] = {
	[LEP_KERNELS_PORTABLE] = &lep_kernels_portable,
#ifdef LEP_HAVE_NEON
	[LEP_KERNELS_NEON] = &lep_kernels_neon,
#endif
#ifdef LEP_HAVE_X86
	[LEP_KERNELS_AVX2] = &lep_kernels_avx2,
	[LEP_KERNELS_AVX512] = &lep_kernels_avx512,
#endif
};

const LepKernels *lep_kernels = &lep_kernels_portable;

const LepKernels *
lep_kernels_of(LepKernelLevel level)
{
#ifdef LEP_HAVE_X86
	/* the same level, as most of its machines can do it */
	if (level == LEP_KERNELS_AVX512 && lep_cpu_has_vnni())
		return &lep_kernels_avx512_vnni;
#endif
	return (unsigned) level < LEP_N_KERNEL_LEVELS ? levels[level] : NULL;
}

int
lep_kernels_select(LepKernelLevel level)
{
	const LepKernels *kernels = lep_kernels_of(level);

	if (kernels == NULL || !lep_cpu_supports(level))
		return -1;
	lep_kernels = kernels;
	return 0;
}

void
lep_kernels_choose(void)
{
	for (int level = LEP_N_KERNEL_LEVELS - 1; level >= 0; level--)
	{
		if (lep_kernels_select((LepKernelLevel) level) == 0)
			return;
	}
}

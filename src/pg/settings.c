/*
 * settings.c
 *		Every configuration parameter, one row each.
 */
#include "postgres.h"

#include <limits.h>
#include <sched.h>

#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/guc.h"

#include "core/kernels.h"
#include "pg/settings.h"

int lpg_threads = 0;
int lpg_cache_size = 512 * 1024;
int lpg_shared_cache_size = 256 * 1024;
int lpg_max_training_memory = 4 * 1024 * 1024;
bool lpg_log_progress = false;
bool lpg_live = true;
static int kernel_level = LEP_N_KERNEL_LEVELS;

typedef struct IntSetting
{
	const char *name;
	const char *description;
	const char *detail;
	int *variable;
	int standard;
	int min;
	int max;
	GucContext context;
	int flags;
} IntSetting;

static const IntSetting int_settings[] = {
	{ "lepton.threads", "Sets how many threads a training uses.",
	  "0 means the cores that the process may use, at most max_parallel_maintenance_workers + 1.",
	  &lpg_threads, 0, 0, 1024, PGC_USERSET, 0 },
	{ "lepton.cache_size", "Sets how much memory a session may keep item factors in.",
	  "A model whose items do not fit cannot answer lepton_topn.", &lpg_cache_size, 512 * 1024, 1024,
	  MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB },
	{ "lepton.shared_cache_size", "Sets how much memory sessions share for items of models.",
	  "What one session has read others map, until the room is needed. 0 means that each session reads for "
	  "itself.",
	  &lpg_shared_cache_size, 256 * 1024, 0, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB },
	{ "lepton.max_training_memory", "Sets how much memory a training may take.",
	  "A training that would take more is refused before it starts. 0 means no limit.",
	  &lpg_max_training_memory, 4 * 1024 * 1024, 0, MAX_KILOBYTES, PGC_SUSET, GUC_UNIT_KB },
};

/* The names of kernel levels; "auto" is the best that runs here. */
static const struct config_enum_entry kernel_entries[] = {
	{ "auto", LEP_N_KERNEL_LEVELS, false },	 { "portable", LEP_KERNELS_PORTABLE, false },
	{ "neon", LEP_KERNELS_NEON, false },	 { "avx2", LEP_KERNELS_AVX2, false },
	{ "avx512", LEP_KERNELS_AVX512, false }, { NULL, 0, false },
};

static bool
check_kernel(int *newval, void **extra, GucSource source)
{
	if (*newval == LEP_N_KERNEL_LEVELS ||
		(lep_cpu_supports((LepKernelLevel) *newval) && lep_kernels_of((LepKernelLevel) *newval) != NULL))
		return true;
	GUC_check_errdetail("This machine or this build has no \"%s\" kernels.",
						lep_kernel_level_name((LepKernelLevel) *newval));
	return false;
}

static void
assign_kernel(int newval, void *extra)
{
	if (newval == LEP_N_KERNEL_LEVELS)
		lep_kernels_choose();
	else
		(void) lep_kernels_select((LepKernelLevel) newval);
}

static void
define_int_setting(const IntSetting *s)
{
	DefineCustomIntVariable(s->name, s->description, s->detail, s->variable, s->standard, s->min, s->max,
							s->context, s->flags, NULL, NULL, NULL);
}

static void
define_log_progress(void)
{
	DefineCustomBoolVariable("lepton.log_progress",
							 "Sends a NOTICE when a phase of a training begins and after each epoch.", NULL,
							 &lpg_log_progress, false, PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
define_live(void)
{
	DefineCustomBoolVariable("lepton.live", "Lets models with option \"live\" look at a user's present rows.",
							 "Off, they answer as they were trained, and their source need not be there.",
							 &lpg_live, true, PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
define_kernel(void)
{
	DefineCustomEnumVariable("lepton.kernel", "Sets the instruction set of the numeric kernels.",
							 "All give the same results; this is for tests and measurements.", &kernel_level,
							 LEP_N_KERNEL_LEVELS, kernel_entries, PGC_USERSET, 0, check_kernel, assign_kernel,
							 NULL);
}

/*
 * A setting cannot be defined twice, and the server loads a library again that
 * failed to load, as for want of memory: it goes on where it was.
 */
void
lpg_settings_init(void)
{
	static void (*const others[])(void) = { define_log_progress, define_live, define_kernel };
	static int n_defined = 0;
	int n_ints = lengthof(int_settings);

	lep_kernels_choose();
	for (; n_defined < n_ints; n_defined++)
		define_int_setting(&int_settings[n_defined]);
	for (; n_defined < n_ints + (int) lengthof(others); n_defined++)
		others[n_defined - n_ints]();
	MarkGUCPrefixReserved("lepton");
}

int
lpg_settings_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return CPU_COUNT(&set);
}

int
lpg_settings_threads(void)
{
	int cores = lpg_settings_cores();

	if (lpg_threads > 0)
		return Min(lpg_threads, cores);
	return Max(1, Min(cores, max_parallel_maintenance_workers + 1));
}

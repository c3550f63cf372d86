/*
 * epochs.c
 *		What an epoch of a solver costs: the engine alone, without a server.
 *
 *	epochs TRAIN ALGORITHM [KEY=VALUE ...]
 *
 * TRAIN has lines "user item rating [time]", separated by tabs, all of which are
 * trained on.  KEY=VALUE are options of lepton_train (epochs: how many are run);
 * threads=N and kernel=LEVEL are the program's own.
 *
 * Prints one line, "name value" separated by tabs: algorithm, ratings, and of an
 * epoch the medians of its wall seconds and of its CPU seconds on all threads.
 *
 * counted() is what bench/counts.sh lets callgrind count.
 */
#define PROGRAM "epochs"

#include "read.h"

#include <inttypes.h>

#include "core/kernels.h"
#include "core/plan.h"
#include "core/pool.h"

extern LepStatus counted(LepEnv *env, const LepSolver *solver, void *state, int epoch);

__attribute__((noinline)) LepStatus
counted(LepEnv *env, const LepSolver *solver, void *state, int epoch)
{
	double train_rmse;

	return solver->epoch(env, state, epoch, &train_rmse);
}

static void
select_kernels(const char *name)
{
	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (strcmp(name, lep_kernel_level_name((LepKernelLevel) level)) == 0 &&
			lep_cpu_supports((LepKernelLevel) level) && lep_kernels_select((LepKernelLevel) level) == 0)
			return;
	}
	die("no such kernels here", name);
}

static const LepSolver *
find_solver(const char *name)
{
	for (int i = 0; i < LEP_N_ALGORITHMS; i++)
	{
		const LepSolver *solver = lep_solver_get((LepAlgorithm) i);

		if (solver != NULL && strcmp(name, lep_algorithm_name(solver->algorithm)) == 0)
			return solver;
	}
	die("no such algorithm", name);
	return NULL;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *values, int n)
{
	qsort(values, (size_t) n, sizeof(double), compare_doubles);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* Run the epochs and print the line. */
static void
measure(LepArena *arena, const LepRatings *ratings, const LepCandidate *candidate)
{
	LepEnv *env = arena->env;
	int n = lep_plan_epochs(candidate->solver, &candidate->options);
	double *wall = lep_arena_alloc(arena, n, sizeof(double));
	double *cpu = lep_arena_alloc(arena, n, sizeof(double));
	void *state;

	if (wall == NULL || cpu == NULL)
		check(env, env->error.status, "epochs");
	check(env, lep_pool_start(env), "threads");
	check(env, candidate->solver->start(arena, ratings, LEP_PARTS_ALL, &candidate->options, &state), "start");
	for (int e = 0; e < n; e++)
	{
		wall[e] = wall_seconds();
		cpu[e] = cpu_seconds();
		check(env, counted(env, candidate->solver, state, e + 1), "epoch");
		wall[e] = wall_seconds() - wall[e];
		cpu[e] = cpu_seconds() - cpu[e];
	}
	lep_pool_shutdown(env);
	printf("%s\tratings %" PRId64 "\twall_s %.6f\tcpu_s %.6f\n",
		   lep_algorithm_name(candidate->solver->algorithm), ratings->n_ratings, median(wall, n),
		   median(cpu, n));
}

int
main(int argc, char **argv)
{
	LepEnv env;
	LepArena arena;
	LepOptions options;
	LepCandidate candidate;
	LepRatings *ratings;
	const LepSolver *solver;

	if (argc < 3)
		die("usage", "epochs TRAIN ALGORITHM [KEY=VALUE ...]");
	lep_kernels_choose();
	lep_env_init_malloc(&env);
	lep_arena_init(&arena, &env);
	lep_options_init(&options);
	solver = find_solver(argv[2]);
	check(&env, lep_options_set_text(&options, "algorithm", argv[2], &env.error), "algorithm");
	for (int a = 3; a < argc; a++)
	{
		if (strncmp(argv[a], "kernel=", 7) == 0)
			select_kernels(argv[a] + 7);
		else
			set_option(&env, &options, argv[a]);
	}
	ratings = read_ratings(&arena, argv[1], &options);
	check(&env, lep_plan_candidate(ratings, &options, solver, &candidate, &env.error), argv[2]);
	measure(&arena, ratings, &candidate);
	lep_arena_drop(&arena);
	return 0;
}

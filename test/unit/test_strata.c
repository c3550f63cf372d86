/*
 * test_strata.c
 *		Blocks come in the same order at every tile, whoever works on them; meant
 *		to run under -fsanitize=thread too.
 *
 * A block writes both its tiles without a lock, as solvers do: each tile notes
 * who came, and in which order.
 */
#include <stdatomic.h>

#include "core/pool.h"
#include "core/strata.h"
#include "unit.h"

#define MAX_TILES  24
#define MAX_STRATA 40

/* A tile's visitors, in the order in which they came. */
typedef struct Visits
{
	int64_t n;
	int64_t other[MAX_STRATA];
} Visits;

typedef struct Grid
{
	int64_t n_tiles;
	int64_t n_strata;
	int64_t work[MAX_TILES];
	Visits shorter[MAX_TILES];
	Visits longer[MAX_STRATA];
	int64_t unit_loops; /* of one unit of work */
	int64_t slow_tile;	/* blocks of this tile take longer than its work says; -1: none */
	atomic_int n_blocks;
} Grid;

static void
note_visit(Visits *visits, int64_t other)
{
	if (visits->n < MAX_STRATA)
		visits->other[visits->n] = other;
	visits->n++;
}

static void
visit_block(void *arg, int64_t tile, int64_t other)
{
	Grid *grid = arg;
	int64_t loops = grid->unit_loops * (tile == grid->slow_tile ? 20 : grid->work[tile]);

	note_visit(&grid->shorter[tile], other);
	for (volatile int64_t i = 0; i < loops; i++)
		continue;
	note_visit(&grid->longer[other], tile);
	atomic_fetch_add_explicit(&grid->n_blocks, 1, memory_order_relaxed);
}

static void
grid_init(Grid *grid, int64_t n_tiles, int64_t n_strata)
{
	memset(grid, 0, sizeof(*grid));
	grid->n_tiles = n_tiles;
	grid->n_strata = n_strata;
	grid->slow_tile = -1;
	for (int64_t t = 0; t < n_tiles; t++)
		grid->work[t] = 1 + t % 3;
}

/* By stratum s, as a barrier after each of them would have it: tile t meets (t + s) mod n_strata. */
static void
check_visits(Grid *grid)
{
	static Visits shorter[MAX_TILES];
	static Visits longer[MAX_STRATA];

	memset(shorter, 0, sizeof(shorter));
	memset(longer, 0, sizeof(longer));
	for (int64_t s = 0; s < grid->n_strata; s++)
	{
		for (int64_t t = 0; t < grid->n_tiles; t++)
		{
			note_visit(&shorter[t], (t + s) % grid->n_strata);
			note_visit(&longer[(t + s) % grid->n_strata], t);
		}
	}
	CHECK_BYTES_EQ(grid->shorter, shorter, sizeof(shorter));
	CHECK_BYTES_EQ(grid->longer, longer, sizeof(longer));
	memset(grid->shorter, 0, sizeof(shorter));
	memset(grid->longer, 0, sizeof(longer));
}

/* Several runs of the same strata, as epochs are. */
static void
run_grid(Grid *grid, int n_threads, int n_runs)
{
	LepEnv env;
	LepArena arena;
	LepStrata *strata;
	size_t before;

	unit_env_init(&env);
	env.n_threads = n_threads;
	lep_arena_init(&arena, &env);
	CHECK_OK(lep_pool_start(&env));
	before = env.bytes_now;
	strata = lep_strata_create(&arena, grid->n_tiles, grid->n_strata, grid->work);
	if (CHECK(strata != NULL))
	{
		/* three blocks of an arena, a header each */
		CHECK(env.bytes_now - before >= lep_strata_memory(grid->n_tiles, n_threads));
		CHECK(env.bytes_now - before <= lep_strata_memory(grid->n_tiles, n_threads) + 3 * 256);
		for (int run = 0; run < n_runs; run++)
		{
			CHECK_OK(lep_strata_run(&env, strata, visit_block, grid));
			check_visits(grid);
		}
	}
	lep_pool_shutdown(&env);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_order(void)
{
	static const int64_t shapes[][2] = { { 1, 1 }, { 1, 7 },   { 2, 2 },   { 3, 3 },
										 { 3, 8 }, { 16, 16 }, { 16, 37 }, { 23, 24 } };
	static Grid grid;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
	{
		for (int n_threads = 1; n_threads <= 5; n_threads++)
		{
			grid_init(&grid, shapes[i][0], shapes[i][1]);
			grid.unit_loops = 100;
			run_grid(&grid, n_threads, 3);
		}
	}
}

/* Tiles change lanes while the run goes on: one takes much longer than it says, one of all has all the work. */
static void
test_uneven(void)
{
	static Grid grid;

	for (int n_threads = 1; n_threads <= 3; n_threads++)
	{
		for (int64_t slow = 0; slow < 9; slow += 4)
		{
			grid_init(&grid, 9, 20);
			grid.slow_tile = slow;
			grid.unit_loops = 20000;
			run_grid(&grid, n_threads, 2);
		}
		grid_init(&grid, 9, 20);
		memset(grid.work, 0, sizeof(grid.work));
		grid.work[5] = 100;
		grid.unit_loops = 2000;
		run_grid(&grid, n_threads, 2);
	}
}

/* Blocks without any work are done, too. */
static void
test_no_work(void)
{
	static Grid grid;

	grid_init(&grid, 4, 6);
	memset(grid.work, 0, sizeof(grid.work));
	run_grid(&grid, 3, 2);
}

static int n_asked;

static bool
stop_at_third(void *host)
{
	(void) host;
	return ++n_asked >= 3;
}

/* Stopped within a few rounds, and begun anew after that. */
static void
test_stop(void)
{
	static Grid grid;
	LepEnv env;
	LepArena arena;
	LepStrata *strata;

	for (int n_threads = 1; n_threads <= 2; n_threads++)
	{
		unit_env_init(&env);
		env.n_threads = n_threads;
		lep_arena_init(&arena, &env);
		CHECK_OK(lep_pool_start(&env));
		grid_init(&grid, 16, 40);
		grid.unit_loops = 1000000; /* a millisecond or so */
		strata = lep_strata_create(&arena, grid.n_tiles, grid.n_strata, grid.work);
		if (CHECK(strata != NULL))
		{
			bool (*never)(void *) = env.should_stop;

			env.should_stop = stop_at_third;
			n_asked = 0;
			CHECK_STATUS(lep_strata_run(&env, strata, visit_block, &grid), LEP_ERR_STOPPED);
			CHECK(grid.n_blocks > 0 && grid.n_blocks < 16 * 40);
			env.should_stop = never;
			grid_init(&grid, 16, 40);
			CHECK_OK(lep_strata_run(&env, strata, visit_block, &grid));
			check_visits(&grid);
		}
		lep_pool_shutdown(&env);
		lep_arena_drop(&arena);
		unit_env_done(&env);
	}
}

int
main(void)
{
	TEST(test_order);
	TEST(test_uneven);
	TEST(test_no_work);
	TEST(test_stop);
	return unit_done();
}

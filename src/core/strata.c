/*
 * strata.c
 *		Lanes of tiles, which wait for each other tile by tile.
 *
 * The turn of block (t, s) is v = t + s: it takes tile v mod n_strata of the longer
 * side.  The block needs that tile as the block before left it, which is (t + 1,
 * v), or, for the last tile t, where v went around, the one at tile 0 in turn
 * v - n_strata, the last of that tile's first way.  A lane does its blocks by
 * turn, those of a turn from the last tile to the first.  Every block comes after
 * the one it needs in that order, also between lanes, so the first of all blocks
 * that are not done waits for nobody: there is no deadlock, however few threads
 * there are.
 *
 * Threads meet every few milliseconds: only between tasks does the caller ask
 * should_stop, and the lanes can be dealt anew.  What is done is known by tile, so
 * any tile may change lanes then.  Times decide who does what, and nothing else.
 */
#include "core/strata.h"

#include <stdatomic.h>
#include <time.h>

#include "core/pool.h"

/* How long a lane works before it meets the others: a task is a block longer at most. */
#define ROUND_SECONDS 3e-3

/* How often a lane looks whether it may go on before it gives up the round: some 20 us. */
#define MAX_LOOKS 20000

/* Weight of the latest round in a lane's speed. */
#define SPEED_WEIGHT 0.25

/* Alone on its cache line. */
typedef struct Lane
{
	_Alignas(LEP_ALIGNMENT) int64_t first; /* tiles [first, end) */
	int64_t end;
	atomic_bool taken; /* in this round */
	double work;	   /* done in this round, as strata of tiles weighed by their work */
	double seconds;	   /* what that took; waiting does not count */
	double speed;	   /* of the rounds before; 0: not known */
} Lane;

struct LepStrata
{
	int64_t n_tiles;
	int64_t n_strata;
	const int64_t *work;
	int max_lanes;
	int n_lanes; /* of this run */
	Lane *lane;	 /* [max_lanes] */

	/* [n_tiles]: strata that the tile is through with; written by its lane only */
	atomic_int_fast64_t *done;

	/* of this run */
	LepStrataBlock block;
	void *arg;
	double round_end;
};

size_t
lep_strata_memory(int64_t n_tiles, int n_threads)
{
	size_t bytes = lep_mul_size((size_t) n_tiles, sizeof(atomic_int_fast64_t));

	return lep_add_size(bytes, sizeof(LepStrata) + (size_t) n_threads * sizeof(Lane));
}

LepStrata *
lep_strata_create(LepArena *arena, int64_t n_tiles, int64_t n_strata, const int64_t *work)
{
	LepStrata *strata = lep_arena_calloc(arena, 1, sizeof(LepStrata));

	if (strata == NULL)
		return NULL;
	strata->n_tiles = n_tiles;
	strata->n_strata = n_strata;
	strata->work = work;
	strata->max_lanes = lep_pool_threads(arena->env);
	strata->lane = lep_arena_calloc(arena, strata->max_lanes, sizeof(Lane));
	strata->done = lep_arena_calloc(arena, n_tiles, sizeof(atomic_int_fast64_t));
	return strata->lane == NULL || strata->done == NULL ? NULL : strata;
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

static int64_t
done_of(const LepStrata *strata, int64_t tile)
{
	return atomic_load_explicit(&strata->done[tile], memory_order_acquire);
}

/* Of one stratum: 1 more than was said, since a block without work is to be done, too. */
static double
work_of(const LepStrata *strata, int64_t tile)
{
	return 1 + (double) strata->work[tile];
}

static double
work_left(const LepStrata *strata, int64_t tile)
{
	return work_of(strata, tile) * (double) (strata->n_strata - done_of(strata, tile));
}

/* The lanes' speeds, or 1 each while one of them is not known; their sum. */
static double
sum_speeds(LepStrata *strata)
{
	double sum = 0;
	bool known = true;

	for (int l = 0; l < strata->n_lanes; l++)
		known = known && strata->lane[l].speed > 0;
	for (int l = 0; l < strata->n_lanes; l++)
	{
		if (!known)
			strata->lane[l].speed = 1;
		sum += strata->lane[l].speed;
	}
	return sum;
}

/*
 * Deal the tiles, so that all lanes have the same time before them; one may get
 * none.  A tile goes where the middle of its work is.  False: nothing is left.
 */
static bool
deal_tiles(LepStrata *strata)
{
	double speeds = sum_speeds(strata);
	double left = 0;
	double before = 0; /* work of the tiles that are dealt */
	double until = 0;
	int64_t t = 0;

	for (int64_t i = 0; i < strata->n_tiles; i++)
		left += work_left(strata, i);
	for (int l = 0; l < strata->n_lanes; l++)
	{
		Lane *lane = &strata->lane[l];

		until += left * lane->speed / speeds;
		lane->first = t;
		while (t < strata->n_tiles &&
			   (l == strata->n_lanes - 1 || before + 0.5 * work_left(strata, t) < until))
			before += work_left(strata, t++);
		lane->end = t;
		lane->work = 0;
		lane->seconds = 0;
		atomic_store_explicit(&lane->taken, false, memory_order_relaxed);
	}
	return left > 0;
}

static void
measure_speeds(LepStrata *strata)
{
	for (int l = 0; l < strata->n_lanes; l++)
	{
		Lane *lane = &strata->lane[l];

		if (lane->seconds > 0)
			lane->speed += SPEED_WEIGHT * (lane->work / lane->seconds - lane->speed);
	}
}

/* The lane's next tile, in the order by turn; -1: none has anything left. */
static int64_t
next_tile(const LepStrata *strata, const Lane *lane)
{
	int64_t next = -1;
	int64_t first_turn = 0;

	for (int64_t t = lane->end - 1; t >= lane->first; t--)
	{
		int64_t stratum = done_of(strata, t);

		if (stratum < strata->n_strata && (next < 0 || t + stratum < first_turn))
		{
			next = t;
			first_turn = t + stratum;
		}
	}
	return next;
}

/* Whether the tile's next block finds the longer side's tile as it must be. */
static bool
block_is_ready(const LepStrata *strata, int64_t tile, int64_t stratum)
{
	if (stratum == 0)
		return true;
	if (tile + 1 < strata->n_tiles)
		return done_of(strata, tile + 1) >= stratum;
	return done_of(strata, 0) > tile + stratum - strata->n_strata;
}

static bool
wait_for_block(const LepStrata *strata, int64_t tile, int64_t stratum)
{
	for (int look = 0; look < MAX_LOOKS; look++)
	{
		if (block_is_ready(strata, tile, stratum))
			return true;
	}
	return false;
}

/* The thread's own lane, unless somebody has it: tiles that it had before are in its cache. */
static Lane *
take_lane(LepStrata *strata, int thread)
{
	int l = thread % strata->n_lanes;

	while (atomic_exchange_explicit(&strata->lane[l].taken, true, memory_order_relaxed))
		l = (l + 1) % strata->n_lanes;
	return &strata->lane[l];
}

/* One of as many tasks as there are lanes: the blocks of one, until the round ends. */
static void
run_lane(void *arg, int64_t task, int thread)
{
	LepStrata *strata = arg;
	Lane *lane = take_lane(strata, thread);
	int64_t tile;

	(void) task;
	while ((tile = next_tile(strata, lane)) >= 0)
	{
		int64_t stratum = done_of(strata, tile);
		double begin;
		double end;

		if (!wait_for_block(strata, tile, stratum))
			break;
		begin = now();
		strata->block(strata->arg, tile, (tile + stratum) % strata->n_strata);
		atomic_store_explicit(&strata->done[tile], stratum + 1, memory_order_release);
		end = now();
		lane->work += work_of(strata, tile);
		lane->seconds += end - begin;
		if (end >= strata->round_end)
			break;
	}
}

LepStatus
lep_strata_run(LepEnv *env, LepStrata *strata, LepStrataBlock block, void *arg)
{
	int n_threads = lep_pool_threads(env);

	strata->block = block;
	strata->arg = arg;
	strata->n_lanes = n_threads < strata->max_lanes ? n_threads : strata->max_lanes;
	for (int64_t t = 0; t < strata->n_tiles; t++)
		atomic_store_explicit(&strata->done[t], 0, memory_order_relaxed);
	while (deal_tiles(strata))
	{
		LepStatus status;

		strata->round_end = now() + ROUND_SECONDS;
		status = lep_parallel_for(env, strata->n_lanes, run_lane, strata);
		if (status != LEP_OK)
			return status;
		measure_speeds(strata);
	}
	return LEP_OK;
}

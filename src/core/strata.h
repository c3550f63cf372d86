/*
 * strata.h
 *		The blocks of a grid, worked on by several threads as if by one.
 *
 * A grid has n_tiles tiles on its shorter side and n_strata on its longer one.
 * Block (t, s) is where tile t of the shorter meets tile (t + s) mod n_strata of
 * the longer; the blocks of one s are a stratum, which share no tile.  Whoever
 * works on a block changes both its tiles, so the result depends on the order in
 * which the blocks of each tile come, and on nothing else: by stratum, always.
 * Gemulla, Nijkamp, Haas, Sismanis, "Large-scale matrix factorization with
 * distributed stochastic gradient descent", KDD 2011,
 * doi:10.1145/2020408.2020426, section 4.
 *
 * Departure: no thread waits at the end of a stratum.  Each has a lane, tiles of
 * the shorter side next to each other, and takes the longer side's tiles one after
 * the other through all of them, as soon as the next lane is through with that
 * tile.  So the shorter side stays in one core's caches, and a tile of the longer
 * side changes cores once a lane.  With a barrier after each stratum, and blocks
 * for whom comes first, two cores did no more than one: they waited for each
 * other's cache lines.  Every few milliseconds tiles are dealt anew, as much of
 * what is left to each lane as it was fast until then: cores that differ by a half
 * in speed, as virtual ones do, would wait for the slowest.
 */
#ifndef LEP_STRATA_H
#define LEP_STRATA_H

#include "core/env.h"

/* Work on block (tile, other), other of the longer side.  Part of a task of pool.h: calls no host. */
typedef void (*LepStrataBlock)(void *arg, int64_t tile, int64_t other);

typedef struct LepStrata LepStrata;

/* Bytes that lep_strata_create() takes, SIZE_MAX on overflow. */
extern size_t lep_strata_memory(int64_t n_tiles, int n_threads);

/*
 * work: [n_tiles] how much there is in each tile of the shorter side, in any unit,
 * kept by the caller.  For as many threads as the environment has now.  NULL on
 * failure, with env->error set.
 */
extern LepStrata *lep_strata_create(LepArena *arena, int64_t n_tiles, int64_t n_strata, const int64_t *work);

/* Each block once.  LEP_ERR_STOPPED: some were not begun. */
extern LepStatus lep_strata_run(LepEnv *env, LepStrata *strata, LepStrataBlock block, void *arg);

#endif /* LEP_STRATA_H */

/*
 * neighbors_sample.h
 *		Neighbours of items with weights at random, for tests of what is served.
 */
#ifndef LEP_TEST_NEIGHBORS_SAMPLE_H
#define LEP_TEST_NEIGHBORS_SAMPLE_H

#include "unit.h"

#include "core/neighbors.h"
#include "core/rng.h"

/* Between -1 and 1. */
static inline float
sample_draw(LepRng *rng)
{
	return (float) (2 * lep_rng_uniform(rng) - 1);
}

/* Of item i: i + 1, i + 4, i + 9 ..., n_each at most; none of every tenth item. */
static inline void
sample_neighbors(LepArena *arena, int32_t n_items, int32_t n_each, LepRng *rng, LepNeighbors *n)
{
	n->n_rows = n_items;
	n->n_items = n_items;
	n->room = (int64_t) n_items * n_each;
	n->start = lep_arena_calloc(arena, (size_t) n_items + 1, sizeof(int64_t));
	n->target = lep_arena_alloc(arena, (size_t) n->room, sizeof(int32_t));
	n->weight = lep_arena_alloc(arena, (size_t) n->room, sizeof(float));
	for (int32_t i = 0; i < n_items; i++)
	{
		int64_t e = n->start[i];

		for (int32_t s = 1; s <= n_each && i + s * s < n_items && i % 10 != 0; s++)
		{
			n->target[e] = i + s * s;
			n->weight[e++] = sample_draw(rng);
		}
		n->start[i + 1] = e;
	}
}

#endif /* LEP_TEST_NEIGHBORS_SAMPLE_H */

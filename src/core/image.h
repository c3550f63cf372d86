/*
 * image.h
 *		All items of a model as they are served, in one block of memory that may
 *		lie anywhere: private, or mapped by several processes.
 *
 * What items.h lays out; how many ratings each item had; neighbours; and the
 * order that lists are filled in.  Item ids are a block of their own (idtable.h),
 * since how long texts are is known only when they have been read.
 *
 * To make one: lep_image_room() of a block of lep_image_size() bytes, aligned to
 * LEP_ALIGNMENT; fill in what it points to; lep_image_build().
 */
#ifndef LEP_IMAGE_H
#define LEP_IMAGE_H

#include "core/serve.h"

/* What decides the size. */
typedef struct LepImageShape
{
	int32_t n_items;
	int n_factors;
	bool has_neighbors;
	bool has_order; /* lists can go by popularity */
	int64_t n_neighbors;
	double mean;
} LepImageShape;

/* Where the caller puts what it has read; NULL for what the shape has not. */
typedef struct LepImageRoom
{
	int32_t *n_ratings; /* [n_items] */
	float *rows;		/* [n_items * lep_row_stride(n_factors)], zero beyond the factors */
	float *popularity;	/* [n_items] to order by */
	int64_t *start;		/* [n_items + 1] of the neighbours of an item */
	int32_t *target;	/* [n_neighbors] */
	float *weight;
} LepImageRoom;

/* A view, which the block must outlive. */
typedef struct LepImage
{
	LepServed served; /* points into this struct: not to be copied */
	LepItems items;
	LepNeighbors neighbors;
	const int32_t *n_ratings;
} LepImage;

/* SIZE_MAX on overflow. */
extern size_t lep_image_size(const LepImageShape *shape);

extern LepImageRoom lep_image_room(void *block, const LepImageShape *shape);

/* The rest of the block, from bias[n_items] and what was filled in.  Scratch memory from env. */
extern LepStatus lep_image_build(LepEnv *env, void *block, const LepImageShape *shape, const float *bias);

/* A view of a block that was built; false: it is none, or of another layout. */
extern bool lep_image_open(const void *block, LepImage *image);

#endif /* LEP_IMAGE_H */

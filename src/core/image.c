/*
 * image.c
 *		Items as they are served, in one block: a header, and parts at distances
 *		from it that follow from the shape.
 */
#include "core/image.h"

#include <string.h>

#define IMAGE_MAGIC UINT64_C(0x31474D4945504CEC)

typedef struct Header
{
	uint64_t magic;
	LepImageShape shape;
} Header;

/* Where the parts lie, in bytes from the start. */
typedef struct Layout
{
	size_t items;
	size_t n_ratings;
	size_t popularity;
	size_t order;
	size_t start;
	size_t target;
	size_t weight;
	size_t total;
} Layout;

static Layout
layout_of(const LepImageShape *shape)
{
	int64_t n_ordered = shape->has_order ? shape->n_items : 0;
	Layout layout;

	layout.items = lep_append_array(0, 1, sizeof(Header));
	layout.n_ratings = lep_append_array(layout.items, 1, lep_items_size(shape->n_items, shape->n_factors));
	layout.popularity = lep_append_array(layout.n_ratings, shape->n_items, sizeof(int32_t));
	layout.order = lep_append_array(layout.popularity, n_ordered, sizeof(float));
	layout.start = lep_append_array(layout.order, n_ordered, sizeof(int32_t));
	layout.target = lep_append_array(layout.start, shape->has_neighbors ? (int64_t) shape->n_items + 1 : 0,
									 sizeof(int64_t));
	layout.weight = lep_append_array(layout.target, shape->n_neighbors, sizeof(int32_t));
	layout.total = lep_append_array(layout.weight, shape->n_neighbors, sizeof(float));
	return layout;
}

size_t
lep_image_size(const LepImageShape *shape)
{
	return layout_of(shape).total;
}

LepImageRoom
lep_image_room(void *block, const LepImageShape *shape)
{
	Layout layout = layout_of(shape);
	char *at = block;
	LepImageRoom room = { .n_ratings = (int32_t *) (at + layout.n_ratings) };

	if (shape->n_factors > 0)
		room.rows = lep_items_room(at + layout.items, shape->n_items, shape->n_factors);
	if (shape->has_order)
		room.popularity = (float *) (at + layout.popularity);
	if (shape->has_neighbors)
	{
		room.start = (int64_t *) (at + layout.start);
		room.target = (int32_t *) (at + layout.target);
		room.weight = (float *) (at + layout.weight);
	}
	return room;
}

LepStatus
lep_image_build(LepEnv *env, void *block, const LepImageShape *shape, const float *bias)
{
	Layout layout = layout_of(shape);
	char *at = block;
	LepStatus status;

	*(Header *) block = (Header){ IMAGE_MAGIC, *shape };
	status =
		lep_items_build(env, at + layout.items, shape->n_items, shape->n_factors, shape->mean, bias, NULL);
	if (status == LEP_OK && shape->has_order)
		status = lep_neighbors_order(env, (const float *) (at + layout.popularity), shape->n_items,
									 (int32_t *) (at + layout.order));
	return status;
}

bool
lep_image_open(const void *block, LepImage *image)
{
	const Header *header = block;
	const LepImageShape *shape = &header->shape;
	LepImageRoom room;
	Layout layout;

	memset(image, 0, sizeof(*image));
	if (header->magic != IMAGE_MAGIC)
		return false;
	layout = layout_of(shape);
	room = lep_image_room((void *) block, shape);
	if (!lep_items_view((const char *) block + layout.items, &image->items))
		return false;
	image->n_ratings = room.n_ratings;
	image->served.mean = shape->mean;
	image->served.items = &image->items;
	image->served.popularity = room.popularity;
	image->served.order = shape->has_order ? (const int32_t *) ((const char *) block + layout.order) : NULL;
	if (shape->has_neighbors)
	{
		image->neighbors = (LepNeighbors){ .n_rows = shape->n_items,
										   .n_items = shape->n_items,
										   .room = shape->n_neighbors,
										   .start = room.start,
										   .target = room.target,
										   .weight = room.weight };
		image->served.neighbors = &image->neighbors;
	}
	return true;
}

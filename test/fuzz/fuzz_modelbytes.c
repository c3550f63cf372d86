/*
 * fuzz_modelbytes.c
 *		Any bytes as a whole model: they are refused, or every row of them can be
 *		read, and writing the rows again gives the very same bytes.
 *
 * Each input is tried as it is and with a checksum that was made to fit, which
 * damage alone would not get past.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/kernels.h"
#include "core/modelbytes.h"
#include "fuzz.h"

/* Where the checksum stands, and what it is of. */
#define AT_CHECKSUM 8
#define AT_BEHIND	16

/* Numbers that a row may hold in more than one way are copied as they are. */
static void
write_again(const LepModelBytes *model)
{
	uint8_t *again = allocate(model->len);
	LepModelWriter writer;

	require(lep_modelbytes_size(&model->head) == model->len);
	lep_modelbytes_begin(&writer, &model->head, again);
	for (int side = 0; side < LEP_N_SIDES; side++)
	{
		for (int32_t n = 0; n < model->side[side].n; n++)
		{
			LepModelRow row;
			LepError error;
			int32_t found = -1;

			require(lep_modelbytes_row(model, (LepModelSide) side, n, &row, &error) == LEP_OK);
			require(lep_modelbytes_find(model, (LepModelSide) side, &row.id, &found, &error) == LEP_OK);
			require(found == n);
			require(lep_modelbytes_put(&writer, (LepModelSide) side, &row));
		}
	}
	require(lep_modelbytes_end(&writer));
	require(memcmp(again, model->bytes, model->len) == 0);
	free(again);
}

/* Room of exactly the size that the shape asks for. */
static void
load(LepEnv *env, const LepModelBytes *model, int is_sound)
{
	LepImageShape shape = lep_modelbytes_shape(model);
	LepArena arena;
	void *block;
	LepImageRoom room;
	LepId *ids;
	float *bias;
	LepStatus status;

	lep_arena_init(&arena, env);
	block = lep_arena_alloc(&arena, 1, lep_image_size(&shape));
	ids = lep_arena_alloc(&arena, shape.n_items, sizeof(LepId));
	bias = lep_arena_alloc(&arena, shape.n_items, sizeof(float));
	require(block != NULL && ids != NULL && bias != NULL);
	room = lep_image_room(block, &shape);
	status = lep_modelbytes_load(env, model, &room, ids, bias);
	require(!is_sound || status == LEP_OK);
	lep_arena_drop(&arena);
}

static void
try_model(const uint8_t *data, size_t size)
{
	LepEnv env;
	LepModelBytes model;
	int is_sound;

	lep_env_init_malloc(&env);
	if (lep_modelbytes_open(data, size, &model, &env.error) != LEP_OK)
		return;
	is_sound = lep_modelbytes_verify(&env, &model) == LEP_OK;
	if (is_sound)
		write_again(&model);
	load(&env, &model, is_sound);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	try_model(data, size);
	if (size < AT_BEHIND)
		return 0;
	copy = allocate(size);
	memcpy(copy, data, size);
	lep_put_u64(copy + AT_CHECKSUM, lep_checksum(copy + AT_BEHIND, size - AT_BEHIND));
	try_model(copy, size);
	free(copy);
	return 0;
}

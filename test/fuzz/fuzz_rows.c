/*
 * fuzz_rows.c
 *		Any bytes as a state of lepton_train: they are refused, or a state takes
 *		their rows, in one piece and beside others, and gives bytes with the same
 *		rows again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/rowstate.h"
#include "fuzz.h"

/* Through bytes and back: nothing is lost. */
static void
send(LepRowState *state)
{
	LepEnv *env = state->arena->env;
	LepRowPack pack;
	LepRowView view;
	uint8_t *bytes;

	require(lep_rowstate_pack(state, 0, &pack) == LEP_OK);
	bytes = malloc(pack.size);
	require(bytes != NULL && lep_rowstate_write(&pack, NULL, bytes) == LEP_OK);
	require(lep_rowview_open(env, bytes, pack.size, &view) == LEP_OK);
	require(view.n_rows == state->n_rows && view.nulls.user == state->nulls.user);
	lep_rowstate_pack_end(&pack);
	free(bytes);
}

static void
take(LepEnv *env, const LepRowView *view)
{
	LepRatingsBuilder *builder;
	LepRatings *ratings;
	LepOptions options;
	LepRowState state;
	LepArena arena;

	lep_arena_init(&arena, env);
	lep_rowstate_init(&state, &arena, view->kind[LEP_ROW_USER], view->kind[LEP_ROW_ITEM]);
	require(lep_rowstate_take(&state, view) == LEP_OK);
	require(state.n_rows == view->n_rows);
	send(&state);
	/* beside its own rows */
	require(lep_rowstate_take(&state, view) == LEP_OK);
	require(state.n_rows == 2 * view->n_rows);
	require(lep_rowstate_release(&state, &builder) == LEP_OK);
	require(lep_ratings_rows(builder) == 2 * view->n_rows);
	lep_options_init(&options);
	if (lep_ratings_finish(builder, &options, &ratings) == LEP_OK)
		require(ratings->n_rows == 2 * view->n_rows);
	lep_arena_drop(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LepRowView view;
	LepEnv env;

	lep_env_init_malloc(&env);
	if (lep_rowview_open(&env, data, size, &view) == LEP_OK)
		take(&env, &view);
	require(env.bytes_now == 0);
	return 0;
}

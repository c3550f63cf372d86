/*
 * fuzz_ranked.c
 *		Any bytes as a state of lepton_topn_agg: they are refused, or rows can be
 *		added, sorted and pruned, and what is left is a state again.
 *
 * Each input is tried as each kind of ids, in a buffer of exactly its size and a
 * record more, so that a step outside is seen.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/ranked.h"
#include "fuzz.h"

/* Rows in the order of lists; none is NaN. */
static void
sort(LepEnv *env, const LepRanked *state)
{
	LepRankedRow *rows = allocate(state->count * sizeof(LepRankedRow));

	if (lep_ranked_sort(env, state, rows) == LEP_OK)
	{
		for (uint32_t j = 0; j < state->count; j++)
		{
			require(!isnan(rows[j].score));
			require(j == 0 || rows[j - 1].score > rows[j].score ||
					(rows[j - 1].score == rows[j].score &&
					 lep_id_compare(state->kind, &rows[j - 1].id, &rows[j].id) <= 0));
		}
	}
	free(rows);
}

static void
try_kind(LepIdKind kind, const uint8_t *data, size_t size)
{
	LepRankedRow row = { .score = 1 };
	LepRanked state;
	LepEnv env;
	size_t record;
	uint8_t *bytes;

	lep_env_init_malloc(&env);
	if (kind == LEP_ID_TEXT)
	{
		row.id.v.text.data = "abc";
		row.id.v.text.len = 3;
	}
	record = lep_ranked_record_size(kind, &row);
	bytes = allocate(size + record);
	memcpy(bytes, data, size);
	if (lep_ranked_open(&state, kind, bytes, size, &env.error) == LEP_OK)
	{
		sort(&env, &state);
		if (lep_ranked_takes(&state, &row))
		{
			lep_ranked_append(&state, &row);
			require(lep_ranked_open(&state, kind, bytes, size + record, &env.error) == LEP_OK);
		}
		if (lep_ranked_prune(&env, &state) == LEP_OK)
		{
			require(lep_ranked_open(&state, kind, bytes, size + record, &env.error) == LEP_OK);
			require(state.n == 0 || (int64_t) state.count <= state.n);
			sort(&env, &state);
		}
	}
	require(env.bytes_now == 0);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_kind(LEP_ID_INT64, data, size);
	try_kind(LEP_ID_TEXT, data, size);
	try_kind(LEP_ID_UUID, data, size);
	return 0;
}

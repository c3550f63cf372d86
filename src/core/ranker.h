/*
 * ranker.h
 *		What lists are made by: anything that scores items for users, behind one
 *		small interface, so that all of them are judged by the same code.
 */
#ifndef LEP_RANKER_H
#define LEP_RANKER_H

#include "core/model.h"

/* A question asks for items of one piece: of those with the same i / LEP_RANKER_PIECE. */
#define LEP_RANKER_PIECE 256

/* Users that are prepared for together. */
#define LEP_RANKER_BATCH 256

/* A question: the scores of one user for items [first_item, first_item + n_items). */
typedef struct LepScoreQuery
{
	int32_t user;		/* the ranker's number, -1 for one that it does not know */
	int slot;			/* her place among the users of the last prepare() */
	int thread;			/* who asks: for scratch memory by thread */
	int32_t first_item; /* all within one piece */
	int32_t n_items;
	float at_least; /* a score below it may be given as any number below it */
} LepScoreQuery;

/* A score of -infinity says that the item is never listed for this user. */
typedef struct LepRanker
{
	int32_t n_users;
	int32_t n_items;
	void *arg;

	/*
	 * Called by the calling thread, no other thread at work, before the scores
	 * of these users are asked for: at most LEP_RANKER_BATCH, -1 for one not
	 * known.  NULL: nothing to prepare.
	 */
	LepStatus (*prepare)(LepEnv *env, void *arg, const int32_t *users, int n);

	/* Scores into out[n_items]; part of a task: no host, no allocation. */
	void (*scores)(const void *arg, const LepScoreQuery *query, float *out);

	/*
	 * [n_items], finite, where all users agree about the order of items: no
	 * user's score falls where order[i] rises, and it is the same where order[i]
	 * is; NULL elsewhere.  Lists are then read off and not searched.
	 */
	const float *order;
} LepRanker;

/*
 * The scores of a model, bit by bit those of lep_model_score().  The ranker
 * refers to the model; its own memory, 16 bytes per piece, is in the arena.
 */
extern LepStatus lep_ranker_of_model(LepArena *arena, const LepModel *model, LepRanker *ranker);

/*
 * The same for a model with neighbours, which has its users' baskets;
 * lep_ranker_of_model() comes here by itself.  by_factors: the ranker of the model
 * without its neighbours, or NULL where it has no factors.  Memory: 13 bytes an
 * item and thread, and 12 for each item that a user of the batch reaches.
 */
extern LepStatus lep_ranker_of_neighbors(LepArena *arena, const LepModel *model, const LepRanker *by_factors,
										 LepRanker *ranker);

/*
 * Items by how many ratings they have: one list for all.  item_count[n_items]
 * is not kept; n_users may be 0, since users are nothing to it.
 */
extern LepStatus lep_ranker_of_popularity(LepArena *arena, const int32_t *item_count, int32_t n_users,
										  int32_t n_items, LepRanker *ranker);

#endif /* LEP_RANKER_H */

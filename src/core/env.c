/*
 * env.c
 *		Arenas over the host's allocator, and asking the host.
 *
 * A block is the host's memory with a header in front of the aligned part, in a
 * doubly linked list, so that one block can leave before its arena does.
 */
#include "core/env.h"

#include <stdlib.h>
#include <string.h>

typedef struct LepBlock
{
	struct LepBlock *prev;
	struct LepBlock *next;
	void *raw;	 /* what the host gave */
	size_t size; /* what the host was asked for */
} LepBlock;

/* The header fills one alignment unit, so the data behind it is aligned too. */
#define BLOCK_HEADER LEP_ALIGNMENT

_Static_assert(sizeof(LepBlock) <= BLOCK_HEADER, "block header must fit before the data");

static void *
malloc_alloc(void *host, size_t size)
{
	(void) host;
	return malloc(size);
}

static void
malloc_free(void *host, void *ptr)
{
	(void) host;
	free(ptr);
}

static bool
never_stop(void *host)
{
	(void) host;
	return false;
}

void
lep_env_init_malloc(LepEnv *env)
{
	memset(env, 0, sizeof(*env));
	env->alloc = malloc_alloc;
	env->free = malloc_free;
	env->should_stop = never_stop;
	env->n_threads = 1;
}

bool
lep_env_stopped(LepEnv *env)
{
	if (!env->should_stop(env->host))
		return false;
	lep_fail(&env->error, LEP_ERR_STOPPED, NULL, 0, 0, 0);
	return true;
}

void
lep_env_progress(LepEnv *env, const LepProgress *progress)
{
	if (env->progress != NULL)
		env->progress(env->host, progress);
}

size_t
lep_mul_size(size_t a, size_t b)
{
	size_t product;

	return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

size_t
lep_add_size(size_t a, size_t b)
{
	size_t sum;

	return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

void
lep_arena_init(LepArena *arena, LepEnv *env)
{
	arena->env = env;
	arena->blocks = NULL;
}

/* The block whose data this is. */
static LepBlock *
block_of(void *ptr)
{
	return (LepBlock *) ((char *) ptr - BLOCK_HEADER);
}

static LepBlock *
block_create(LepEnv *env, size_t size)
{
	void *raw;
	LepBlock *block;

	if (size == SIZE_MAX)
	{
		lep_fail(&env->error, LEP_ERR_MEMORY, NULL, (double) size, 0, 0);
		return NULL;
	}
	if (env->max_bytes > 0 && lep_add_size(env->bytes_now, size) > env->max_bytes)
	{
		lep_fail(&env->error, LEP_ERR_MEMORY_LIMIT, env->work, (double) lep_add_size(env->bytes_now, size), 0,
				 (double) env->max_bytes);
		return NULL;
	}
	raw = env->alloc(env->host, size);
	if (raw == NULL)
	{
		lep_fail(&env->error, LEP_ERR_MEMORY, NULL, (double) size, 0, 0);
		return NULL;
	}
	block = (LepBlock *) (((uintptr_t) raw + LEP_ALIGNMENT - 1) & ~(uintptr_t) (LEP_ALIGNMENT - 1));
	block->raw = raw;
	block->size = size;
	return block;
}

void *
lep_arena_alloc(LepArena *arena, int64_t n, size_t size)
{
	LepEnv *env = arena->env;
	size_t bytes = n < 0 ? SIZE_MAX : lep_mul_size((size_t) n, size);
	LepBlock *block = block_create(env, lep_add_size(bytes, BLOCK_HEADER + LEP_ALIGNMENT));

	if (block == NULL)
		return NULL;
	block->prev = NULL;
	block->next = arena->blocks;
	if (arena->blocks != NULL)
		arena->blocks->prev = block;
	arena->blocks = block;

	env->bytes_now += block->size;
	if (env->bytes_now > env->bytes_peak)
		env->bytes_peak = env->bytes_now;
	return (char *) block + BLOCK_HEADER;
}

void *
lep_arena_calloc(LepArena *arena, int64_t n, size_t size)
{
	void *ptr = lep_arena_alloc(arena, n, size);

	if (ptr != NULL)
		memset(ptr, 0, (size_t) n * size);
	return ptr;
}

void
lep_arena_free(LepArena *arena, void *ptr)
{
	LepEnv *env = arena->env;
	LepBlock *block;

	if (ptr == NULL)
		return;
	block = block_of(ptr);
	if (block->prev != NULL)
		block->prev->next = block->next;
	else
		arena->blocks = block->next;
	if (block->next != NULL)
		block->next->prev = block->prev;
	env->bytes_now -= block->size;
	env->free(env->host, block->raw);
}

void
lep_arena_drop(LepArena *arena)
{
	while (arena->blocks != NULL)
		lep_arena_free(arena, (char *) arena->blocks + BLOCK_HEADER);
}

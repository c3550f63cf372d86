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
	size_t size; /* that count as held: what the host was asked for, or what is used of it */
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
		env->progress(env->progress_host, progress);
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

size_t
lep_append_array(size_t at, int64_t n, size_t size)
{
	size_t end = lep_add_size(at, lep_mul_size((size_t) n, size));

	if (end > SIZE_MAX - LEP_ALIGNMENT)
		return SIZE_MAX;
	return (end + LEP_ALIGNMENT - 1) / LEP_ALIGNMENT * LEP_ALIGNMENT;
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

/* Count so many more bytes as held, unless that is beyond the limit. */
static LepStatus
hold(LepEnv *env, size_t size)
{
	size_t held = lep_add_size(env->bytes_now, size);

	if (env->max_bytes > 0 && held > env->max_bytes)
		return lep_fail(&env->error, LEP_ERR_MEMORY_LIMIT, env->work, (double) held, 0,
						(double) env->max_bytes);
	env->bytes_now = held;
	if (env->bytes_now > env->bytes_peak)
		env->bytes_peak = env->bytes_now;
	return LEP_OK;
}

/* What an array takes beside its data. */
#define BLOCK_EXTRA (BLOCK_HEADER + LEP_ALIGNMENT)

/*
 * To the address sanitizer, what lies behind a block's data is nobody's: that there is
 * always some, for the alignment, would hide a step too far.
 */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define hide(from, to) ASAN_POISON_MEMORY_REGION(from, (size_t) ((to) - (from)))
#else
#define hide(from, to) ((void) (from), (void) (to))
#endif

/* A block of the arena with `size` bytes of the host's, of which `held` are counted. */
static void *
block_create(LepArena *arena, size_t size, size_t held)
{
	LepEnv *env = arena->env;
	bool reserves = held < size && env->reserve != NULL;
	void *raw;
	LepBlock *block;

	if (size == SIZE_MAX)
	{
		lep_fail(&env->error, LEP_ERR_MEMORY, NULL, (double) size, 0, 0);
		return NULL;
	}
	if (hold(env, held) != LEP_OK)
		return NULL;
	raw = reserves ? env->reserve(env->host, size) : env->alloc(env->host, size);
	if (raw == NULL)
	{
		env->bytes_now -= held;
		lep_fail(&env->error, LEP_ERR_MEMORY, NULL, (double) size, 0, 0);
		return NULL;
	}
	block = (LepBlock *) (((uintptr_t) raw + LEP_ALIGNMENT - 1) & ~(uintptr_t) (LEP_ALIGNMENT - 1));
	block->raw = raw;
	block->size = held;
	block->prev = NULL;
	block->next = arena->blocks;
	if (arena->blocks != NULL)
		arena->blocks->prev = block;
	arena->blocks = block;
	hide((char *) block + BLOCK_HEADER + (size - BLOCK_EXTRA), (char *) raw + size);
	return (char *) block + BLOCK_HEADER;
}

static size_t
array_size(int64_t n, size_t size)
{
	size_t bytes = n < 0 ? SIZE_MAX : lep_mul_size((size_t) n, size);

	return lep_add_size(bytes, BLOCK_EXTRA);
}

void *
lep_arena_alloc(LepArena *arena, int64_t n, size_t size)
{
	size_t bytes = array_size(n, size);

	return block_create(arena, bytes, bytes);
}

void *
lep_arena_reserve(LepArena *arena, int64_t n, size_t size)
{
	return block_create(arena, array_size(n, size), BLOCK_EXTRA);
}

LepStatus
lep_arena_use(LepArena *arena, void *ptr, int64_t n, size_t size)
{
	LepEnv *env = arena->env;
	LepBlock *block = block_of(ptr);
	size_t bytes = array_size(n, size);

	if (bytes > block->size)
	{
		LepStatus status = hold(env, bytes - block->size);

		if (status != LEP_OK)
			return status;
	}
	else
		env->bytes_now -= block->size - bytes;
	block->size = bytes;
	return LEP_OK;
}

void
lep_arena_populate(LepArena *arena, void *ptr, size_t size)
{
	if (arena->env->populate != NULL)
		arena->env->populate(arena->env->host, ptr, size);
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

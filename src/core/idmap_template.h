/*
 * idmap_template.h
 *		The one body of an id map's hash table, for one kind of id.
 *
 * Included by idmap.c once per kind, with these parameters, undefined again at
 * the end:
 *	 IDMAP_KIND		suffix of all names: int64, text, uuid
 *	 IDMAP_ENTRY	what is kept per id; entry_KIND(map, row) finds it
 *	 IDMAP_INDIRECT	defined where the entry only points to the id; then
 *					entry_prefetch_KIND(entry, hash) is called ahead of comparing
 * and these functions:
 *	 hash_KIND(id)						hash of an id
 *	 entry_hash_KIND(entry)				the same, of a kept id
 *	 entry_equal_KIND(entry, id, hash)	is it this id?
 *	 entry_set_KIND(map, entry, id, hash)	keep a copy; false: no memory
 *
 * Makes lookup_, find_, add_ and fill_KIND.
 */
#define PASTE_(a, b) a##_##b
#define PASTE(a, b)	 PASTE_(a, b)
#define FN(name)	 PASTE(name, IDMAP_KIND)

/* The entry of a row. */
static inline IDMAP_ENTRY *
FN(entry)(const LepIdMap *map, int32_t row)
{
	return (IDMAP_ENTRY *) map->chunks[chunk_of(row)] + place_of(row);
}

/* The row of an id, or -1 with *slot the place in the table for it. */
static inline int32_t
FN(lookup)(const LepIdMap *map, const LepId *id, uint32_t hash, uint32_t *slot)
{
	uint32_t mask = map->mask;
	uint32_t at = hash & mask;

	for (;; at = (at + 1) & mask)
	{
		uint32_t found = map->table[at];

		if (found == EMPTY)
		{
			*slot = at;
			return -1;
		}
		if (((found ^ hash) & ~mask) == 0 &&
			FN(entry_equal)(FN(entry)(map, (int32_t) (found & mask)), id, hash))
			return (int32_t) (found & mask);
	}
}

static int32_t
FN(find)(const LepIdMap *map, const LepId *id)
{
	uint32_t slot;

	return FN(lookup)(map, id, FN(hash)(id), &slot);
}

/*
 * Hash all and prefetch their slots, prefetch what these point to, then probe:
 * the misses of a batch overlap instead of queueing up.
 */
static inline void
FN(prefetch)(const LepIdMap *map, const LepId *ids, int n, uint32_t *hash)
{
	uint32_t mask = map->mask;

	for (int j = 0; j < n; j++)
	{
		hash[j] = FN(hash)(&ids[j]);
		__builtin_prefetch(&map->table[hash[j] & mask]);
	}
	for (int j = 0; j < n; j++)
	{
		uint32_t found = map->table[hash[j] & mask];

		if (found != EMPTY)
			__builtin_prefetch(FN(entry)(map, (int32_t) (found & mask)));
	}
#ifdef IDMAP_INDIRECT
	for (int j = 0; j < n; j++)
	{
		uint32_t found = map->table[hash[j] & mask];

		if (found != EMPTY)
			FN(entry_prefetch)(FN(entry)(map, (int32_t) (found & mask)), hash[j]);
	}
#endif
}

/* Room for n more is there already. */
static LepStatus
FN(add)(LepIdMap *map, const LepId *ids, int n, int32_t *rows)
{
	uint32_t hash[LEP_ID_BATCH];

	FN(prefetch)(map, ids, n, hash);
	for (int j = 0; j < n; j++)
	{
		uint32_t slot = 0;

		rows[j] = FN(lookup)(map, &ids[j], hash[j], &slot);
		if (rows[j] >= 0)
			continue;
		if (map->count >= map->limit)
			return lep_fail(&map->arena->env->error, LEP_ERR_TOO_MANY, map->what, 0, 0, map->limit);
		if (!FN(entry_set)(map, FN(entry)(map, map->count), &ids[j], hash[j]))
			return lep_env_failure(map->arena->env);
		rows[j] = map->count++;
		map->table[slot] = (hash[j] & ~map->mask) | (uint32_t) rows[j];
	}
	return LEP_OK;
}

/* Enter all rows into the empty table. */
static LepStatus
FN(fill)(LepIdMap *map)
{
	uint32_t hash[LEP_ID_BATCH];
	int64_t count = map->count;

	for (int64_t first = 0; first < count; first += LEP_ID_BATCH)
	{
		int n = (int) (count - first < LEP_ID_BATCH ? count - first : LEP_ID_BATCH);

		if ((first & STOP_MASK) == 0 && lep_env_stopped(map->arena->env))
			return LEP_ERR_STOPPED;
		for (int j = 0; j < n; j++)
		{
			hash[j] = FN(entry_hash)(FN(entry)(map, (int32_t) first + j));
			__builtin_prefetch(&map->table[hash[j] & map->mask]);
		}
		for (int j = 0; j < n; j++)
			table_put(map, hash[j], (int32_t) first + j);
	}
	return LEP_OK;
}

#undef FN
#undef PASTE
#undef PASTE_
#undef IDMAP_KIND
#undef IDMAP_ENTRY
#undef IDMAP_INDIRECT

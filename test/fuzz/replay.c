/*
 * replay.c
 *		A main() for the fuzz targets where there is no libFuzzer: each file of
 *		the corpus as it is, then many damaged copies of it.
 *
 *		fuzz_format FILE...
 *
 * A target defines LLVMFuzzerTestOneInput(); it must not crash, hang or read
 * past the end (the sanitizers look), and may abort() where what it decoded
 * breaks a promise.  Prints a TAP line for each file.  The damage is the same
 * in each run: a fixed generator, seeded by the file's position.
 *
 * tools/fuzz has the targets with libFuzzer, without this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_DAMAGED 2000
#define MAX_INPUT (1 << 20)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t random_state;

/* splitmix64 */
static uint64_t
next_random(void)
{
	uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* Change a few bytes, or cut the end off: *size shrinks, never grows. */
static void
damage(uint8_t *data, size_t *size)
{
	static const uint8_t edges[] = { 0x00, 0x01, 0x7F, 0x80, 0xFF, 0xC0 };
	int n_changes = (int) (next_random() % 4);

	if (*size == 0)
		return;
	if (next_random() % 4 == 0)
		*size = next_random() % *size;
	for (int i = 0; i<n_changes && * size> 0; i++)
	{
		/* half of the changes go where headers are */
		size_t span = next_random() % 2 && *size > 64 ? 64 : *size;
		size_t at = next_random() % span;

		if (next_random() % 2)
			data[at] ^= (uint8_t) (1 << next_random() % 8);
		else
			data[at] = edges[next_random() % sizeof(edges)];
	}
}

/* A copy of exactly this size, so that the sanitizer sees a read past its end. */
static void
try_input(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
replay(const uint8_t *original, size_t size, uint64_t seed)
{
	static uint8_t damaged[MAX_INPUT];

	random_state = seed;
	try_input(original, size);
	for (int i = 0; i < N_DAMAGED; i++)
	{
		size_t damaged_size = size;

		memcpy(damaged, original, size);
		damage(damaged, &damaged_size);
		try_input(damaged, damaged_size);
	}
}

int
main(int argc, char **argv)
{
	static uint8_t original[MAX_INPUT];
	int n_failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
	{
		FILE *file = fopen(argv[i], "rb");
		size_t size = file != NULL ? fread(original, 1, sizeof(original), file) : 0;

		if (file == NULL || ferror(file))
		{
			printf("# cannot read %s\nnot ok %d - %s\n", argv[i], i, argv[i]);
			n_failed++;
		}
		else
		{
			/* what does not come back from here is a crash, and no line says ok */
			replay(original, size, (uint64_t) i);
			printf("ok %d - %s and %d damaged copies\n", i, argv[i], N_DAMAGED);
		}
		if (file != NULL)
			fclose(file);
	}
	printf("1..%d\n", argc - 1);
	return n_failed > 0 || argc < 2;
}

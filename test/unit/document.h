/*
 * document.h
 *		The worked examples of docs/format.md.
 */
#ifndef LEP_DOCUMENT_H
#define LEP_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * The bytes of the block of docs/format.md that begins with this line; 0 if
 * there is none.  Tests run in test/unit or at the top.
 */
static inline size_t
document_example(const char *fence, uint8_t *bytes, size_t max)
{
	FILE *file = fopen("../../docs/format.md", "r");
	char line[256];
	bool inside = false;
	size_t n = 0;

	if (file == NULL)
		file = fopen("docs/format.md", "r");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *at = line;
		unsigned value;
		int used;

		line[strcspn(line, "\n")] = '\0';
		if (inside && strcmp(line, "```") == 0)
			break;
		for (; inside && n < max && sscanf(at, " %2x%n", &value, &used) == 1; at += used)
			bytes[n++] = (uint8_t) value;
		inside = inside || strcmp(line, fence) == 0;
	}
	fclose(file);
	return n;
}

#endif /* LEP_DOCUMENT_H */

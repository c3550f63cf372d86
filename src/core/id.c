/*
 * id.c
 *		Ids by value: their kinds' codes, their order, and as people write them; contract in idmap.h.
 */
#include "core/idmap.h"

#include <string.h>

uint8_t
lep_id_code(LepIdKind kind)
{
	static const uint8_t codes[] = { [LEP_ID_INT64] = 1, [LEP_ID_TEXT] = 2, [LEP_ID_UUID] = 3 };

	return codes[kind];
}

bool
lep_id_of_code(uint8_t code, LepIdKind *kind)
{
	static const LepIdKind kinds[] = { LEP_ID_INT64, LEP_ID_TEXT, LEP_ID_UUID };

	if (code < 1 || code > sizeof(kinds) / sizeof(kinds[0]))
		return false;
	*kind = kinds[code - 1];
	return true;
}

static int
compare_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order == 0)
		return (a_len > b_len) - (a_len < b_len);
	return order < 0 ? -1 : 1;
}

int
lep_id_compare(LepIdKind kind, const LepId *a, const LepId *b)
{
	switch (kind)
	{
		case LEP_ID_TEXT:
			return compare_bytes(a->v.text.data, (size_t) a->v.text.len, b->v.text.data,
								 (size_t) b->v.text.len);
		case LEP_ID_UUID:
			return compare_bytes(a->v.uuid, 16, b->v.uuid, 16);
		case LEP_ID_INT64:
			break;
	}
	return (a->v.i64 > b->v.i64) - (a->v.i64 < b->v.i64);
}

/* Decimal digits of an integer into text[21]; the length. */
static size_t
int64_text(int64_t value, char *text)
{
	char digits[20];
	uint64_t rest = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
	size_t n = 0;
	size_t len = 0;

	do
	{
		digits[n++] = (char) ('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		text[len++] = '-';
	while (n > 0)
		text[len++] = digits[--n];
	return len;
}

/* A uuid as 8-4-4-4-12 hexadecimal digits into text[36]; the length. */
static size_t
uuid_text(const uint8_t *uuid, char *text)
{
	size_t len = 0;

	for (int b = 0; b < 16; b++)
	{
		if (b == 4 || b == 6 || b == 8 || b == 10)
			text[len++] = '-';
		text[len++] = "0123456789abcdef"[uuid[b] >> 4];
		text[len++] = "0123456789abcdef"[uuid[b] & 15];
	}
	return len;
}

void
lep_id_text(LepIdKind kind, const LepId *id, char *text, size_t size)
{
	char buffer[40];
	const char *from = buffer;
	size_t len = 0;

	if (kind == LEP_ID_INT64)
		len = int64_text(id->v.i64, buffer);
	else if (kind == LEP_ID_UUID)
		len = uuid_text(id->v.uuid, buffer);
	else
	{
		from = id->v.text.data;
		len = (size_t) id->v.text.len;
	}
	if (len < size)
	{
		memcpy(text, from, len);
		text[len] = '\0';
		return;
	}
	len = size - 4;
	while (len > 0 && ((unsigned char) from[len] & 0xC0) == 0x80)
		len--;
	memcpy(text, from, len);
	memcpy(text + len, "...", 4);
}

/*
 * html.c
 *		Characters that are safe in a page; see html.h.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pg/html.h"

#define REPLACEMENT 0xFFFD

/* What stands for the control characters from 0 on, and for DEL. */
#define CONTROL_PICTURES 0x2400
#define DELETE_PICTURE	 0x2421

static bool
is_control(pg_wchar c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

/* Marks that change the direction or the joining of text, and what XML has no character for. */
static bool
is_hidden(pg_wchar c)
{
	return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
		   c == 0xFEFF || (c >= 0xD800 && c <= 0xDFFF) || (c & 0xFFFE) == 0xFFFE;
}

static void
add_character(StringInfo page, pg_wchar c)
{
	if (c == 0x7F)
		c = DELETE_PICTURE;
	else if (c < 0x20)
		c += CONTROL_PICTURES;
	else if (is_control(c) || is_hidden(c))
		c = REPLACEMENT;
	if (c >= 0x80 || strchr("&<>\"'", (int) c) != NULL)
		appendStringInfo(page, "&#%u;", (unsigned) c);
	else
		appendStringInfoChar(page, (char) c);
}

void
lpg_html_text(StringInfo page, const char *text)
{
	char *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	for (const unsigned char *at = (const unsigned char *) utf8; *at != '\0';)
	{
		int left = strnlen((const char *) at, MAX_MULTIBYTE_CHAR_LEN);
		int length = pg_utf_mblen(at);

		/* a database of encoding SQL_ASCII can hold any bytes */
		if (length > left || !pg_utf8_islegal(at, length))
		{
			add_character(page, REPLACEMENT);
			at++;
			continue;
		}
		add_character(page, utf8_to_unicode(at));
		at += length;
	}
	if (utf8 != text)
		pfree(utf8);
}

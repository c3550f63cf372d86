/*
 * html.h
 *		Text in a page of XHTML that is ASCII: it reads the same in any encoding that
 *		a client may have, and nothing in it can leave its place.
 */
#ifndef LPG_HTML_H
#define LPG_HTML_H

#include "postgres.h"

#include "lib/stringinfo.h"

/*
 * Append text, of the database's encoding, as character data or as the value of an
 * attribute in quotes.  Control characters, those that turn the direction of what
 * follows included, show as signs of their own; so do bytes that are no character.
 */
extern void lpg_html_text(StringInfo page, const char *text);

#endif /* LPG_HTML_H */

/* words.c - in which language the reader wants it. */
#include <stdlib.h>

#include "base/str.h"
#include "cli/parts.h"

enum lang cli_lang(void)
{
	const char *names[] = { "TENON_LANG", "LC_ALL", "LC_MESSAGES", "LANG" };

	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		const char *value = getenv(names[i]);

		if (!str_empty(value))
			return str_starts(value, "zh") ? LANG_ZH : LANG_EN;
	}
	return LANG_EN;
}

const char *cli_text(const char *en, const char *zh)
{
	return cli_lang() == LANG_ZH && !str_empty(zh) ? zh : en;
}

/* words.c - in which language the reader wants it. */
#include "base/str.h"
#include "cli/parts.h"
#include "sys/sys.h"

enum lang cli_lang(void)
{
	return lang_of_env();
}

const char *cli_text(const char *en, const char *zh)
{
	return cli_lang() == LANG_ZH && !str_empty(zh) ? zh : en;
}

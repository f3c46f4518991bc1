/* Fuzz: any bytes as tenon.conf. What is taken must be shown, and what is shown must be valid text. */
#include "daemon/config.h"

#include <stdlib.h>

#include "base/str.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct config_origins o = { .file = "fuzz" };
	struct config c = { 0 };
	struct arena a;

	arena_init(&a, &sys_heap, 16 << 20);
	for (const struct config_section *s = config_sections; s->name; s++)
		rec_init(s->type, (char *) &c + s->offset, &a);
	if (config_parse(&(struct config_text) { (const char *) data, size, "fuzz", size & 1 ? LANG_ZH : LANG_EN }, &a, &c, &o) == 0) {
		config_show(&c, &o, &out);
		if (!utf8_is_valid(out.data, out.len) || out.failed)
			abort();
	} else if (err_peek()->kind != ERR_CONFIG_VALUE && err_peek()->kind != ERR_NO_MEMORY)
		abort();
	err_clear();
	buf_done(&out);
	arena_done(&a);
	return 0;
}

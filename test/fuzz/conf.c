/* Fuzz: any bytes as tenon.conf. What is taken must be shown, and what is shown must be valid text; a key that is changed in it is changed, and
 * no other. */
#include "daemon/setup.h"

#include <stdlib.h>

#include "base/str.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void defaults(struct config *c, struct arena *a)
{
	*c = (struct config) { 0 };
	for (const struct config_section *s = config_sections; s->name; s++)
		rec_init(s->type, (char *) c + s->offset, a);
}

static void differs(void *ctx, const char *section, const struct rec_field *f)
{
	if (!str_eq(section, "http") || !str_eq(f->name, "listen"))
		abort();
}

static void edit(const uint8_t *data, size_t size, const struct config *was, struct arena *a)
{
	struct buf out = BUF_INIT(&sys_heap, 16 << 20);
	const char *text = arena_strn(a, (const char *) data, size);
	struct config_origins o = { .file = "fuzz" };
	struct config c;

	defaults(&c, a);
	if (!text || config_edit(text, &(struct config_set) { "http", "listen", "192.0.2.7:1" }, &out) < 0)
		abort();
	if (config_parse(&(struct config_text) { out.data, out.len, "edited", LANG_EN }, a, &c, &o) < 0 || !str_eq(c.http.listen, "192.0.2.7:1"))
		abort();
	config_compare(was, &c, differs, NULL);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct config_origins o = { .file = "fuzz" };
	struct config c;
	struct arena a;

	arena_init(&a, &sys_heap, 16 << 20);
	defaults(&c, &a);
	if (config_parse(&(struct config_text) { (const char *) data, size, "fuzz", size & 1 ? LANG_ZH : LANG_EN }, &a, &c, &o) == 0) {
		config_show(&c, &o, &out);
		if (!utf8_is_valid(out.data, out.len) || out.failed)
			abort();
		edit(data, size, &c, &a);
	} else if (err_peek()->kind != ERR_CONFIG_VALUE && err_peek()->kind != ERR_NO_MEMORY)
		abort();
	err_clear();
	buf_done(&out);
	arena_done(&a);
	return 0;
}

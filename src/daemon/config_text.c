/* config_text.c - the configuration as people read it: what is in force, an example, the manual page. From the tables alone. */
#include "daemon/config.h"

#include "base/str.h"
#include "sys/sys.h"

static bool is_size(const struct rec_field *f) { return str_eq(f->unit, "B"); }

static void put_size(uint64_t n, struct buf *out)
{
	static const char *const units[] = { "", " KB", " MB", " GB", " TB" };
	unsigned i = 0;

	for (; n && n % 1024 == 0 && i + 1 < ELEMENTSOF(units); i++)
		n /= 1024;
	buf_addf(out, "%llu%s", (unsigned long long) n, units[i]);
}

static void put_value(const struct config_section *s, const struct rec_field *f, const void *part, struct buf *out)
{
	if (is_size(f))
		put_size(*(const uint64_t *) rec_at(part, f), out);
	else if (f->kind == REC_BOOL)
		buf_add(out, *(const bool *) rec_at(part, f) ? "yes" : "no");
	else
		rec_field_format(s->type, f, part, out);
}

static void put_default(const struct config_section *s, const struct rec_field *f, struct buf *out)
{
	struct config c = { 0 };
	struct arena a;

	arena_init(&a, &sys_heap, 0);
	if (f->def && rec_field_parse(s->type, f, (char *) &c + s->offset, f->def, str_len(f->def), &a) == 0)
		put_value(s, f, (const char *) &c + s->offset, out);
	arena_done(&a);
}

void config_show(const struct config *c, const struct config_origins *o, struct buf *out)
{
	for (const struct config_section *s = config_sections; s->name; s++) {
		buf_addf(out, "%s[%s]\n", s == config_sections ? "" : "\n", s->name);
		for (uint32_t i = 0; i < s->type->n_fields; i++) {
			const struct rec_field *f = &s->type->fields[i];
			size_t from = out->len;

			buf_addf(out, "%s = ", f->name);
			put_value(s, f, (const char *) c + s->offset, out);
			while (out->len - from < 40 && !out->failed)
				buf_addc(out, ' ');
			switch (o->at[s - config_sections][i].from) {
			case CONFIG_FILE: buf_addf(out, "  # %s:%u\n", o->file, o->at[s - config_sections][i].line); break;
			case CONFIG_ENVIRONMENT: buf_add(out, "  # environment\n"); break;
			case CONFIG_OPTION: buf_add(out, "  # command line\n"); break;
			default: buf_add(out, "  # default\n");
			}
		}
	}
}

void config_example(struct buf *out)
{
	buf_add(out, "# Configuration of Tenon; tenon.conf(5) explains it. What stands here behind a # is the default.\n"
		"# 榫卯 Tenon 的配置；# 之后为默认值，说明见 tenon.conf(5)。修改后：tenon config check && systemctl reload tenon\n");
	for (const struct config_section *s = config_sections; s->name; s++) {
		buf_addf(out, "\n# %s / %s\n[%s]\n", s->type->title, s->type->title_zh, s->name);
		for (uint32_t i = 0; i < s->type->n_fields; i++) {
			const struct rec_field *f = &s->type->fields[i];

			buf_addf(out, "# %s%s%s / %s%s%s\n#%s = ", f->label, f->doc ? ": " : "", f->doc ? f->doc : "", f->label_zh, f->doc_zh ? "：" : "",
				f->doc_zh ? f->doc_zh : "", f->name);
			put_default(s, f, out);
			while (out->len && out->data[out->len - 1] == ' ')
				out->data[--out->len] = 0;
			buf_addc(out, '\n');
		}
	}
}

/* A minus sign of roff is written \-. */
static void put_roff(const char *text, struct buf *out)
{
	for (; text && *text; text++)
		buf_addf(out, *text == '-' ? "\\-" : *text == '\\' ? "\\e" : "%c", *text);
}

static void put_names(const struct config_section *s, const struct rec_field *f, struct buf *out)
{
	buf_addf(out, ".TP\n.B ");
	put_roff(f->name, out);
	buf_add(out, " =");
	if (f->def) {
		buf_add(out, " \\fR");
		size_t at = out->len;
		char text[80];
		struct buf b = BUF_FIXED(text);

		text[0] = 0;
		put_default(s, f, &b);
		put_roff(text, out);
		if (out->len == at)
			buf_add(out, "\\-");
	}
	buf_addc(out, '\n');
}

void config_manual(struct buf *out)
{
	buf_add(out, ".\\\" Printed by `tenon config manual`.\n.TH TENON.CONF 5 \"\" \"Tenon\" \"File formats\"\n.SH NAME\n"
		"tenon.conf \\- configuration of Tenon, an industrial internet platform\n.SH SYNOPSIS\n/etc/tenon/tenon.conf\n.SH DESCRIPTION\n"
		"What must be known before the records can be read. Everything else is records: see\n.BR tenon (1).\n.PP\n"
		"The file is UTF\\-8 text. A line is a comment (it begins with # or ;), a\n.RI [ section ]\nor\n.IR \"key \" = \" value\" .\n"
		"A key nobody knows is refused, with the nearest one named. Sizes are bytes, or have KB, MB, GB or TB behind them.\n.PP\n"
		"A value is taken from the first of: option of the command line, environment\n.RI (TENON_ SECTION _ KEY ,\n"
		"as TENON_HTTP_LISTEN), file, default.\n.B tenon config check\nreads it as the platform would;\n.B tenon config show\n"
		"says which value comes from where.\n.PP\nOn SIGHUP\n.RB ( \"systemctl reload tenon\" )\n"
		"the file and the certificate are read again. Keys marked \\fIreload\\fR are taken at once; others wait for the next start, and the log says so. "
		"A file with a mistake changes nothing.\n");
	for (const struct config_section *s = config_sections; s->name; s++) {
		buf_addf(out, ".SH [%s]\n", s->name);
		for (uint32_t i = 0; i < s->type->n_fields; i++) {
			const struct rec_field *f = &s->type->fields[i];

			put_names(s, f, out);
			put_roff(f->label, out);
			if (f->doc) {
				buf_add(out, " (");
				put_roff(f->doc, out);
				buf_addc(out, ')');
			}
			buf_addf(out, ". \\fI%s\\fR\n", f->group);
		}
	}
	buf_add(out, ".SH EXIT STATUS\n78 when the configuration is wrong.\n.SH SEE ALSO\n.BR tenon (1)\n");
}

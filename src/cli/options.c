/* options.c - command line options by the record table that describes them. */
#include "base/str.h"
#include "cli/parts.h"

static int unknown(const struct rec_type *t, const char *name)
{
	const char *words[64];
	size_t n = 0;

	for (uint32_t i = 0; i < t->n_fields && n < ELEMENTSOF(words); i++)
		words[n++] = t->fields[i].name;
	return err_fail(ERR_BAD_OPTION, "value", name, "nearest", str_nearest(name, words, n), NULL);
}

static void to_name(char *name, size_t size, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n && i + 1 < size; i++)
		name[i] = text[i] == '-' ? '_' : text[i];
	name[i] = 0;
}

/* argv[*i] is --name…; *i moves on to its value when that stands apart. */
static int one(const struct rec_type *t, void *options, int argc, char *argv[], int *i, struct arena *a)
{
	const char *text = argv[*i] + 2, *equals = str_find(text, "="), *value;
	const struct rec_field *f;
	char name[64];

	to_name(name, sizeof(name), text, equals ? (size_t) (equals - text) : str_len(text));
	f = rec_field(t, name);
	if (!f)
		return unknown(t, name);
	if (equals)
		value = equals + 1;
	else if (f->kind == REC_BOOL)
		value = "true";
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, cli_text("--%s needs a value", "--%s 需要一个值"), name), NULL);
	return rec_field_parse(t, f, options, value, str_len(value), a);
}

int options_parse(const struct rec_type *t, void *options, int argc, char *argv[], struct arena *a)
{
	bool only_words = false;
	int n = 1, r = rec_init(t, options, a);

	for (int i = 1; r == 0 && i < argc; i++) {
		if (!only_words && str_eq(argv[i], "--"))
			only_words = true;
		else if (!only_words && str_starts(argv[i], "--"))
			r = one(t, options, argc, argv, &i, a);
		else
			argv[n++] = argv[i];
	}
	if (r == 0)
		r = rec_check(t, options, NULL);
	return r < 0 ? r : n;
}

void options_help(const struct command *c, struct buf *out)
{
	buf_addf(out, "tenon %s %s\n\n%s\n", c->name, c->usage, cli_text(c->title, c->title_zh));
	for (uint32_t i = 0; c->options && i < c->options->n_fields; i++) {
		const struct rec_field *f = &c->options->fields[i];
		char name[64];
		size_t k = 0;

		for (; f->name[k] && k + 1 < sizeof(name); k++)
			name[k] = f->name[k] == '_' ? '-' : f->name[k];
		name[k] = 0;
		buf_addf(out, "%s  --%-16s %s", i ? "" : "\n", name, cli_text(f->label ? f->label : "", f->label_zh));
		if (f->doc)
			buf_addf(out, cli_text(" (%s)", "（%s）"), cli_text(f->doc, f->doc_zh));
		if (f->def)
			buf_addf(out, " [%s]", f->def);
		buf_addc(out, '\n');
	}
}

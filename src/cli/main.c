/* main.c - finds the verb, runs it, prints the one sentence of a failure. */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "cli/parts.h"
#include "service/service.h"
#include "sheet/sheet.h"
#include "sql/sql.h"
#include "sys/sys.h"

static int usage_failed(int r)
{
	struct err e = err_take(r);
	struct buf b = BUF_INIT(&sys_heap, 4096);

	err_text(&e, cli_lang(), &b);
	/* How a verb is called stands for itself; any other sentence says who speaks. */
	fputs(e.kind == ERR_USAGE && str_starts(b.data, "tenon ") ? cli_text("usage: ", "用法：") : "tenon: ", stderr);
	fprintf(stderr, "%s\n", b.data);
	buf_done(&b);
	if (e.kind == ERR_REMOTE && err_arg(&e, "exit"))
		return (int) strtol(err_arg(&e, "exit"), NULL, 10);     /* as if the same failure had happened here */
	return err_exit(e.kind);
}

static void help(void)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);

	buf_addf(&b, "Tenon %s\n\n%s\n", TENON_VERSION, cli_text("tenon VERB [OPTIONS] …", "tenon 命令 [选项] …"));
	for (const struct command *c = commands; c->name; c++)
		buf_addf(&b, "  %-10s %s\n", c->name, cli_text(c->title, c->title_zh));
	buf_addf(&b, "\n%s\n", cli_text("Records, over the interface of a running platform:", "记录（通过运行中平台的接口）："));
	for (const struct noun *const *n = service_nouns(); *n; n++)
		buf_addf(&b, "  %-10s %s\n", (*n)->type->name, cli_text((*n)->type->title, (*n)->type->title_zh));
	buf_addf(&b, "\n%s\n", cli_text("tenon VERB --help says more.", "tenon 命令 --help 查看详细说明。"));
	show_print(&b);
}

static const struct noun *noun_named(const char *word)
{
	for (const struct noun *const *n = service_nouns(); *n; n++)
		if (str_eq((*n)->type->name, word) || str_eq((*n)->type->plural, word))
			return *n;
	return NULL;
}

static int unknown(const char *word)
{
	const char *words[128];
	size_t n = 0;

	for (const struct command *c = commands; c->name; c++)
		words[n++] = c->name;
	for (const struct noun *const *i = service_nouns(); *i; i++)
		words[n++] = (*i)->type->name;
	return err_fail(ERR_NO_VERB, "value", word, "nearest", str_nearest(word, words, n), NULL);
}

static bool is_of(const struct command *c, const char *word)
{
	for (const char *const *w = c->only; w && *w; w++)
		if (str_eq(*w, word))
			return true;
	return !c->only;
}

/* A name that stands for several rows, behind it a word of none of them. */
static int unknown_word(const char *name, const char *word, struct arena *a)
{
	struct buf all = BUF_INIT(&sys_heap, 4096);
	const char *words[64];
	size_t n = 0;
	int r;

	for (const struct command *c = commands; c->name; c++)
		for (const char *const *w = str_eq(c->name, name) ? c->only : NULL; w && *w && n < ELEMENTSOF(words); w++) {
			buf_addf(&all, "%s%s", n ? "|" : "", *w);
			words[n++] = *w;
		}
	if (!n)
		r = unknown(name);
	else if (*word)
		r = err_fail(ERR_NO_VERB, "value", word, "nearest", str_nearest(word, words, n), NULL);
	else
		r = err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", name, all.data), NULL);
	buf_done(&all);
	return r;
}

static bool asks_for_help(const char *word) { return str_eq(word, "--help") || str_eq(word, "-h"); }

/* All that goes by this name: several rows can share it, and a noun. Behind a row's own word, that row alone. */
static int help_of(const char *name, const char *word)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 18);
	const struct noun *noun = noun_named(name);
	const struct command *own = NULL;

	for (const struct command *c = commands; c->name; c++)
		if (str_eq(c->name, name) && c->only && is_of(c, word))
			own = c;
	for (const struct command *c = commands; c->name; c++)
		if (str_eq(c->name, name) && (own ? c == own : !c->only || asks_for_help(word))) {
			buf_add(&b, b.len ? "\n" : "");
			options_help(c, &b);
		}
	if (noun && !own) {
		buf_add(&b, b.len ? "\n" : "");
		noun_help(noun, &b);
	}
	if (!b.len) {
		buf_done(&b);
		return unknown(name);
	}
	show_print(&b);
	return 0;
}

static int run(int argc, char *argv[], struct arena *a)
{
	const struct command *c;
	struct command noun = { 0 };
	void *options = NULL;
	int n = argc - 1;

	for (int i = 2; i < argc; i++)
		if (str_eq(argv[i], "--help") || (i == 2 && asks_for_help(argv[i])))
			return help_of(argv[1], argv[2]);
	for (c = commands; c->name && !(str_eq(c->name, argv[1]) && is_of(c, argc > 2 ? argv[2] : "")); c++)
		;
	if (!c->name) {
		noun.noun = noun_named(argv[1]);
		if (!noun.noun)
			return unknown_word(argv[1], argc > 2 ? argv[2] : "", a);
		return noun_run(&noun, argc - 1, argv + 1, a);
	}
	if (c->options) {
		options = arena_alloc(a, c->options->size);
		n = options ? options_parse(c->options, options, argc - 1, argv + 1, a) : err_fail(ERR_NO_MEMORY, "what", "tenon", NULL);
	}
	if (n > 1 && !*c->usage)                /* it takes none */
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, cli_text("%s takes no arguments; this is one: %s", "%s 不带参数，多余：%s"), c->name, argv[2]), NULL);
	return n < 0 ? n : c->run(c, options, n, argv + 1, a);
}

int cli_main(int argc, char *argv[])
{
	struct arena a;
	int r = 0;

	if (argc < 2 || asks_for_help(argv[1]) || str_eq(argv[1], "help")) {
		if (argc > 2) {
			r = help_of(argv[2], argc > 3 ? argv[3] : "--help");
			return r < 0 ? usage_failed(r) : 0;
		}
		help();
		return argc < 2 ? 64 : 0;
	}
	if (str_eq(argv[1], "--version") || str_eq(argv[1], "version")) {
		printf("tenon %s\n", TENON_VERSION);
		return 0;
	}
	if (argc == 2 && str_eq(argv[1], "--role=sheet"))      /* started by ourselves, see io/child.h */
		return sheet_role();
	if (argc == 2 && str_eq(argv[1], "--role=sql"))
		return sql_role();
	arena_init(&a, &sys_heap, 0);
	r = run(argc, argv, &a);
	arena_done(&a);
	return r < 0 ? usage_failed(r) : 0;
}

int main(int argc, char *argv[])
{
	sys_init();
	return cli_main(argc, argv);
}

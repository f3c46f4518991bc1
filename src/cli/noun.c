/*
 * noun.c - the verbs every noun has, made from its record type:
 *
 *   tenon point list [--search …] [field=value] [--limit N] [--sort …]      tenon point get ID (or path, code, name)
 *   tenon point create field=value …                                  tenon point set ID field=value …
 *   tenon point delete ID                                             tenon point import FILE [field=value …] [--dry-run]
 *   tenon point export FILE.xlsx [field=value …]                      tenon point template [FILE.xlsx]
 */
#include "base/id.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/parts.h"
#include "service/service.h"
#include "sheet/sheet.h"
#include "sys/sys.h"

struct noun_options {
	REMOTE_MEMBERS;
	const char *search, *sort, *fields;
	uint32_t limit;
	bool dry_run, partial, all_or_nothing, job;
};
static const struct rec_field noun_option_fields[] = {
	REMOTE_FIELDS(struct noun_options),
	F(struct noun_options, search, .label = "Only with these words, or initials of Pinyin", .label_zh = "只列出含这些词或拼音首字母的",
		.doc = "zsj"),
	F(struct noun_options, sort, .label = "Sort by", .label_zh = "排序", .doc = "-updated,code"),
	F(struct noun_options, fields, .label = "Only these fields", .label_zh = "只取这些字段"),
	F(struct noun_options, limit, .def = "100", .min = "1", .max = "1000", .label = "At most so many", .label_zh = "最多条数"),
	F(struct noun_options, dry_run, .label = "Check only", .label_zh = "仅检查"),
	F(struct noun_options, partial, .label = "Store the good rows", .label_zh = "仅导入正确的行"),
	F(struct noun_options, all_or_nothing, .label = "Store all rows or none (what happens without --partial)",
		.label_zh = "全部正确才导入（默认）"),
	F(struct noun_options, job, .label = "As a job: its id is told at once", .label_zh = "作为任务执行，立即返回任务"),
};
static const struct rec_type noun_option_type = REC_PLAIN(struct noun_options, "options", noun_option_fields);

struct noun_call {
	const struct noun *noun;
	const struct noun_options *options;
	struct remote remote;
	int argc;
	char **argv;                    /* behind the verb */
	struct arena *arena;
};

void noun_help(const struct noun *n, struct buf *out)
{
	const struct rec_type *t = n->type;
	struct command c = { .name = t->name, .usage = "list|get|create|set|delete|import|export|template …", .title = t->title, .title_zh = t->title_zh,
		.options = &noun_option_type };

	options_help(&c, out);
	buf_addf(out, "\n  %s list [field=value …]\n  %s get ID\n  %s create field=value …\n  %s set ID field=value …\n  %s delete ID\n"
		"  %s import FILE [field=value …]\n  %s export FILE.xlsx [field=value …]\n  %s template [FILE.xlsx]\n\n", t->name, t->name, t->name, t->name, t->name, t->name, t->name, t->name);
	rec_describe(t, cli_lang(), out);
}

static int usage(const struct noun_call *c, const char *what)
{
	return err_fail(ERR_USAGE, "detail", arena_fmt(c->arena, "tenon %s %s", c->noun->type->name, what), NULL);
}

static bool is_id(const char *text)
{
	struct uuid id;

	return uuid_parse(text, str_len(text), &id);
}

/* The id of what is called so: by path, code or name, whatever its kind has. */
static int called(struct noun_call *c, const struct rec_type *t, const char *text, const char **ret_id)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { .method = "GET" };
	const char *by = rec_field(t, "path") && str_find(text, "/") ? "path" : rec_field(t, "code") ? "code" : "name";
	const struct tree *items;
	struct tree *answer;
	int r;

	if (is_id(text) || !rec_field(t, by)) {
		*ret_id = text;
		return 0;
	}
	buf_addf(&b, "/api/v1/%s?limit=2&fields=id&%s=", t->plural, by);
	remote_escape(&b, text);
	q.path = arena_str(c->arena, b.data);
	buf_done(&b);
	r = q.path ? remote_tree(&c->remote, &q, c->arena, &answer) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (r < 0)
		return r;
	items = tree_find(answer, "items");
	if (!items || !items->n)
		return err_fail(ERR_MISSING, "what", arena_fmt(c->arena, "@%s", t->name), "value", text, NULL);
	if (items->n > 1)
		return err_fail(ERR_INVALID, "field", t->name, "rule", "@called_alike", "value", text, NULL);
	*ret_id = tree_str(tree_find(tree_at(items, 0), "id")) ?: text;
	return 0;
}

static int path_of(struct noun_call *c, const char *name, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	const char *id;
	int r = called(c, c->noun->type, name, &id);

	if (r < 0)
		return r;
	buf_addf(&b, "/api/v1/%s/", c->noun->type->plural);
	remote_escape(&b, id);
	*ret = arena_str(c->arena, b.data);
	buf_done(&b);
	return *ret ? 0 : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
}

/* Lists take field=value pairs as they are; the server knows the names. */
static int list(struct noun_call *c)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16), out = BUF_INIT(&sys_heap, 1 << 28);
	struct remote_request q = { .method = "GET" };
	struct tree *answer;
	int r;

	buf_addf(&b, "/api/v1/%s?limit=%u", c->noun->type->plural, c->options->limit);
	if (!str_empty(c->options->search)) {
		buf_add(&b, "&q=");
		remote_escape(&b, c->options->search);
	}
	if (!str_empty(c->options->sort)) {
		buf_add(&b, "&sort=");
		remote_escape(&b, c->options->sort);
	}
	if (!str_empty(c->options->fields)) {
		buf_add(&b, "&fields=");
		remote_escape(&b, c->options->fields);
	}
	for (int i = 0; i < c->argc; i++) {
		const char *equals = str_find(c->argv[i], "=");

		buf_addc(&b, '&');
		if (!equals)
			buf_add(&b, "q=");
		else
			buf_addf(&b, "%.*s=", (int) (equals - c->argv[i]), c->argv[i]);
		remote_escape(&b, equals ? equals + 1 : c->argv[i]);
	}
	q.path = arena_str(c->arena, b.data);
	buf_done(&b);
	r = remote_tree(&c->remote, &q, c->arena, &answer);
	if (r < 0)
		return r;
	show_items(c->noun->type, tree_find(answer, "items"), c->remote.output, &out);
	show_print(&out);
	return 0;
}

static int show(struct noun_call *c, const struct remote_request *q)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 26);
	struct tree *answer;
	int r = remote_tree(&c->remote, q, c->arena, &answer);

	if (r < 0)
		return r;
	show_one(c->noun->type, answer, c->remote.output, &out);
	show_print(&out);
	return 0;
}

static int get(struct noun_call *c)
{
	struct remote_request q = { .method = "GET" };
	int r = c->argc != 1 ? usage(c, "get ID") : path_of(c, c->argv[0], &q.path);

	return r < 0 ? r : show(c, &q);
}

/* Kinds that JSON writes without quotes: the text must be one such value, or it goes as a text and the server says what is wrong. */
static bool is_bare(const struct rec_field *f, const char *text)
{
	double number;

	switch (f->kind) {
	case REC_BOOL:
		return str_eq(text, "true") || str_eq(text, "false");
	case REC_I32: case REC_U32: case REC_I64: case REC_U64: case REC_F64:
		return *text && num_parse_f64(text, text + str_len(text), &number) == str_len(text);
	case REC_LIST: case REC_REC: case REC_MAP: case REC_VARIANT: case REC_JSON: case REC_FLAGS:
		return *text == '{' || *text == '[';
	default:
		return false;
	}
}

/* "core,energy" as a list of ids. */
static int values_of(struct noun_call *c, const struct rec_type *t, const char *text, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	struct json j = JSON_TO(&b);
	int r = 0;

	json_array(&j);
	for (size_t n; r == 0 && *text; text += n + (text[n] == ',')) {
		const char *id = NULL;

		for (n = 0; text[n] && text[n] != ','; n++)
			;
		if (n)
			r = called(c, t, arena_strn(c->arena, text, n), &id);
		if (id)
			json_str(&j, id);
	}
	json_end(&j);
	if (r == 0) {
		*ret = arena_str(c->arena, b.data);
		r = *ret && !b.failed ? 0 : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	}
	buf_done(&b);
	return r;
}

/* What stands behind field=: of a reference, the id of what is called so; of a list of them, the ids. */
static int value_of(struct noun_call *c, const struct rec_field *f, const char *text, const char **ret)
{
	*ret = text;
	if (!f || !f->ref || !*text || (f->kind != REC_REF && (!rec_sql_is_join(f) || *text == '[')))
		return 0;
	for (const struct noun *const *n = service_nouns(); *n; n++)
		if (str_eq((*n)->type->name, f->ref))
			return f->kind == REC_REF ? called(c, (*n)->type, text, ret) : values_of(c, (*n)->type, text, ret);
	return 0;
}

/* field=value … as a JSON object; an empty value is null. */
static int body_of(struct noun_call *c, int from, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 22);
	struct json j = JSON_TO(&b);
	int r = 0;

	json_object(&j);
	for (int i = from; r == 0 && i < c->argc; i++) {
		const char *equals = str_find(c->argv[i], "="), *value;
		char name[64];
		const struct rec_field *f;
		size_t n = equals ? (size_t) (equals - c->argv[i]) : 0;

		if (!n || n >= sizeof(name)) {
			buf_done(&b);
			return usage(c, "… field=value");
		}
		memcpy(name, c->argv[i], n);
		name[n] = 0;
		f = rec_field(c->noun->type, name);
		r = value_of(c, f, equals + 1, &value);
		if (r < 0)
			break;
		json_key(&j, name);
		if (!*value)
			json_null(&j);
		else if (f && is_bare(f, value))
			json_raw(&j, value);
		else
			json_str(&j, value);
	}
	json_end(&j);
	*ret = arena_str(c->arena, b.data);
	if (r == 0 && (b.failed || !*ret))
		r = err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	buf_done(&b);
	return r;
}

static int create(struct noun_call *c)
{
	struct remote_request q = { .method = "POST", .type = "application/json" };
	int r = body_of(c, 0, &q.body);

	q.len = str_len(q.body);
	q.path = arena_fmt(c->arena, "/api/v1/%s", c->noun->type->plural);
	return r < 0 ? r : show(c, &q);
}

static int set(struct noun_call *c)
{
	struct remote_request q = { .method = "PATCH", .type = "application/merge-patch+json" };
	int r = c->argc < 2 ? usage(c, "set ID field=value …") : body_of(c, 1, &q.body);

	if (r < 0)
		return r;
	q.len = str_len(q.body);
	r = path_of(c, c->argv[0], &q.path);
	return r < 0 ? r : show(c, &q);
}

static int delete(struct noun_call *c)
{
	struct remote_request q = { .method = "DELETE" };
	int r = c->argc != 1 ? usage(c, "delete ID") : path_of(c, c->argv[0], &q.path);

	return r < 0 ? r : remote_call(&c->remote, &q, c->arena, NULL);
}

static void add_pairs(struct noun_call *c, int from, struct buf *path)
{
	for (int i = from; i < c->argc; i++) {
		const char *equals = str_find(c->argv[i], "=");
		if (!equals)
			continue;
		buf_addf(path, "&set.%.*s=", (int) (equals - c->argv[i]), c->argv[i]);
		remote_escape(path, equals + 1);
	}
}

/* What is wrong, a line each, then the counts: also when nothing was taken. */
static int import(struct noun_call *c)
{
	struct buf file = BUF_INIT(&sys_heap, 256 << 20), out = BUF_INIT(&sys_heap, 1 << 20), path = BUF_INIT(&sys_heap, 1 << 16);
	struct remote_request q = { .method = "POST" };
	struct tree *answer;
	int r = c->argc >= 1 ? file_read(c->argv[0], 256 << 20, &file) : usage(c, "import FILE [field=value …]");

	if (r < 0)
		return r;
	buf_addf(&path, "/api/v1/%s/import?dry_run=%s&partial=%s&job=%s&file=", c->noun->type->plural, c->options->dry_run ? "true" : "false",
		c->options->partial && !c->options->all_or_nothing ? "true" : "false",
		c->options->job ? "true" : "false");
	remote_escape(&path, path_name(c->argv[0]));
	add_pairs(c, 1, &path);
	q.path = arena_str(c->arena, path.data);
	q.type = sheet_kind(file.data, file.len) == SHEET_TEXT ? "text/csv" : SHEET_TYPE_XLSX;
	q.body = file.data;
	q.len = file.len;
	r = q.path ? remote_tree(&c->remote, &q, c->arena, &answer) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	buf_done(&path);
	buf_done(&file);
	if (r < 0)
		return r;
	if (str_eq(c->remote.output, "table"))
		TREE_EACH(e, tree_find(answer, "errors"))
			buf_addf(&out, cli_text("line %lld, %s: %s\n", "第 %lld 行，%s：%s\n"), (long long) tree_i64(tree_find(e, "line"), 0),
				tree_str(tree_find(e, "column")) ?: "", tree_str(tree_find(e, "detail")) ?: "");
	show_one(c->noun->type, answer, c->remote.output, &out);
	show_print(&out);
	return 0;
}

/* FILE.xlsx, FILE.csv, FILE.ndjson; pairs are filters, as of list. */
static int export(struct noun_call *c)
{
	static const struct { const char *end, *accept; } kinds[] = { { ".xlsx", SHEET_TYPE_XLSX }, { ".csv", "text/csv" }, { ".ndjson", "application/x-ndjson" } };
	struct buf path = BUF_INIT(&sys_heap, 1 << 16);
	struct remote_request q = { .method = "GET" };
	const char *bytes;
	size_t n;
	int r;

	for (size_t i = 0; c->argc && i < ELEMENTSOF(kinds); i++)
		if (str_ends(c->argv[0], kinds[i].end))
			q.accept = kinds[i].accept;
	if (!q.accept)
		return usage(c, "export FILE.xlsx|FILE.csv|FILE.ndjson [field=value …]");
	buf_addf(&path, "/api/v1/%s?sort=%s", c->noun->type->plural, str_empty(c->options->sort) ? "id" : "");
	remote_escape(&path, c->options->sort ? c->options->sort : "");
	if (!str_empty(c->options->fields)) {
		buf_add(&path, "&fields=");
		remote_escape(&path, c->options->fields);
	}
	if (str_ends(c->argv[0], ".csv"))
		buf_add(&path, "&bom=true");
	for (int i = 1; i < c->argc; i++) {
		const char *equals = str_find(c->argv[i], "=");
		buf_addf(&path, equals ? "&%.*s=" : "&q=", equals ? (int) (equals - c->argv[i]) : 0, c->argv[i]);
		remote_escape(&path, equals ? equals + 1 : c->argv[i]);
	}
	q.path = arena_str(c->arena, path.data);
	buf_done(&path);
	r = q.path ? remote_bytes(&c->remote, &q, c->arena, &bytes, &n) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	return r < 0 ? r : file_write(c->argv[0], bytes, n, 0644);
}

static int template(struct noun_call *c)
{
	const char *file = c->argc ? c->argv[0] : arena_fmt(c->arena, "%s-template.xlsx", c->noun->type->plural), *bytes;
	struct remote_request q = { .method = "GET", .accept = str_ends(file, ".csv") ? "text/csv" : SHEET_TYPE_XLSX };
	size_t n;
	int r;

	q.path = arena_fmt(c->arena, "/api/v1/%s/template", c->noun->type->plural);
	r = remote_bytes(&c->remote, &q, c->arena, &bytes, &n);
	return r < 0 ? r : file_write(file, bytes, n, 0644);
}

int noun_run(const struct command *command, int argc, char *argv[], struct arena *a)
{
	static const struct { const char *name; int (*run)(struct noun_call *c); } verbs[] = { { "list", list }, { "get", get },
		{ "create", create }, { "set", set }, { "delete", delete }, { "import", import },
		{ "export", export }, { "template", template } };
	static const char *const words[] = { "list", "get", "create", "set", "delete", "import", "export", "template" };
	struct noun_options options;
	struct noun_call c = { .noun = command->noun, .options = &options, .arena = a };
	int n;

	n = options_parse(&noun_option_type, &options, argc, argv, a);
	if (n < 0)
		return n;
	if (n < 2)
		return usage(&c, "list|get|create|set|delete|import|export|template …");
	c.remote = *REMOTE_OF(&options);
	c.argc = n - 2;
	c.argv = argv + 2;
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		if (str_eq(verbs[i].name, argv[1]))
			return verbs[i].run(&c);
	return err_fail(ERR_NO_VERB, "value", argv[1], "nearest", str_nearest(argv[1], words, ELEMENTSOF(words)), NULL);
}

/* xlsx.c - what stands around a worksheet: which one it is, the shared strings, which formats are dates. */

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "sheet/xlsx_int.h"
#include "sys/sys.h"

/* ---- XML ---- */

struct reading { const struct xml *x; XML_Parser parser; unsigned depth; int r; };

static void stop(struct reading *d, int r)
{
	if (d->r == 0)
		d->r = r;
	XML_StopParser(d->parser, XML_FALSE);
}

static const char *local(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon ? colon + 1 : name;
}

static void XMLCALL on_start(void *ctx, const char *name, const char **attributes)
{
	struct reading *d = ctx;
	int r;

	if (d->r < 0)
		return;
	if (++d->depth > XML_DEPTH_MAX) {
		stop(d, err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_xml", NULL));
		return;
	}
	r = d->x->on_start(d->x->ctx, local(name), attributes);
	if (r < 0)
		stop(d, r);
}

static void XMLCALL on_end(void *ctx, const char *name)
{
	struct reading *d = ctx;
	int r = d->r == 0 && d->x->on_end ? d->x->on_end(d->x->ctx, local(name)) : 0;

	d->depth--;
	if (r < 0)
		stop(d, r);
}

static void XMLCALL on_text(void *ctx, const char *text, int n)
{
	struct reading *d = ctx;
	int r = d->r == 0 && d->x->on_text ? d->x->on_text(d->x->ctx, text, (size_t) n) : 0;

	if (r < 0)
		stop(d, r);
}

/* No spreadsheet has one; entities are declared in it. */
static void XMLCALL on_doctype(void *ctx, const char *name, const char *system, const char *public, int has_subset)
{
	stop(ctx, err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_entity", NULL));
}

static int on_bytes(void *ctx, const char *bytes, size_t n)
{
	struct reading *d = ctx;

	if (XML_Parse(d->parser, bytes, (int) n, XML_FALSE) == XML_STATUS_OK)
		return d->r;
	return d->r < 0 ? d->r : err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_xml", NULL);
}

int xml_read(struct zip *z, const struct zip_part *p, const struct xml *x)
{
	struct reading d = { .x = x, .parser = XML_ParserCreate(NULL) };
	int r;

	if (!d.parser)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	XML_SetUserData(d.parser, &d);
	XML_SetElementHandler(d.parser, on_start, on_end);
	XML_SetCharacterDataHandler(d.parser, on_text);
	XML_SetStartDoctypeDeclHandler(d.parser, on_doctype);
	r = zip_read(z, p, on_bytes, &d);
	if (r == 0 && XML_Parse(d.parser, "", 0, XML_TRUE) != XML_STATUS_OK)
		r = d.r < 0 ? d.r : err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_xml", NULL);
	XML_ParserFree(d.parser);
	return r;
}

const char *xml_attribute(const char **attributes, const char *name)
{
	for (; attributes[0]; attributes += 2)
		if (str_eq(local(attributes[0]), name))
			return attributes[1];
	return NULL;
}

/* ---- workbook.xml: which worksheet ---- */

static void put(char *room, size_t size, const char *text)
{
	struct buf b = { .data = room, .room = size, .max = size };

	room[0] = 0;
	buf_add(&b, text ? text : "");
	if (b.failed)
		room[0] = 0;
}

static int book_start(void *ctx, const char *name, const char **a)
{
	struct workbook *w = ctx;
	const char *state = xml_attribute(a, "state"), *date = xml_attribute(a, "date1904"), *title = xml_attribute(a, "name");

	if (str_eq(name, "workbookPr"))
		w->since_1904 = str_eq(date, "1") || str_eq(date, "true");
	if (!str_eq(name, "sheet") || w->notes->sheets >= SHEETS_MAX)
		return 0;
	w->notes->sheets++;
	if (state && !str_eq(state, "visible")) {
		w->notes->hidden++;
		return 0;
	}
	if (w->sheet_id[0])
		return 0;
	/* r:id and sheetId: the first that ends so is not the one; only r:id has a prefix. */
	for (const char **at = a; at[0]; at += 2)
		if (strchr(at[0], ':') && str_eq(local(at[0]), "id"))
			put(w->sheet_id, sizeof(w->sheet_id), at[1]);
	for (size_t i = 0; title && title[i] && i + 4 < sizeof(w->notes->sheet); i++)
		w->notes->sheet[i] = title[i];
	w->notes->sheet[utf8_valid_prefix(w->notes->sheet, str_len(w->notes->sheet))] = 0;
	return 0;
}

/* ---- workbook.xml.rels: where it lies ---- */

static void part_path(char *room, size_t size, const char *target)
{
	struct buf b = { .data = room, .room = size, .max = size };

	room[0] = 0;
	if (target[0] != '/')
		buf_add(&b, "xl/");
	buf_add(&b, target + (target[0] == '/'));
	if (b.failed)
		room[0] = 0;
}

static int rels_start(void *ctx, const char *name, const char **a)
{
	struct workbook *w = ctx;
	const char *type = xml_attribute(a, "Type"), *target = xml_attribute(a, "Target"), *id = xml_attribute(a, "Id");

	if (!str_eq(name, "Relationship") || !type || !target)
		return 0;
	if (str_eq(xml_attribute(a, "TargetMode"), "External") || str_ends(type, "/externalLink")) {
		w->notes->links++;
		return 0;
	}
	if (str_ends(type, "/worksheet") && str_eq(id, w->sheet_id))
		part_path(w->sheet_path, sizeof(w->sheet_path), target);
	else if (str_ends(type, "/sharedStrings"))
		part_path(w->strings_path, sizeof(w->strings_path), target);
	else if (str_ends(type, "/styles"))
		part_path(w->styles_path, sizeof(w->styles_path), target);
	return 0;
}

/* ---- sharedStrings.xml ---- */

struct strings { struct workbook *w; bool in_item, in_text; unsigned phonetic; };

static int strings_start(void *ctx, const char *name, const char **a)
{
	struct strings *s = ctx;
	uint32_t at = (uint32_t) s->w->texts.len;

	if (str_eq(name, "si")) {
		buf_addn(&s->w->at, &at, sizeof(at));
		s->in_item = true;
	}
	s->phonetic += str_eq(name, "rPh");     /* how it is read aloud: not part of the text */
	s->in_text = s->in_item && !s->phonetic && str_eq(name, "t");
	return 0;
}

static int strings_end(void *ctx, const char *name)
{
	struct strings *s = ctx;

	if (str_eq(name, "si")) {
		buf_addc(&s->w->texts, 0);
		s->in_item = false;
	}
	if (str_eq(name, "rPh") && s->phonetic)
		s->phonetic--;
	s->in_text = false;
	return s->w->texts.failed || s->w->at.failed ? err_fail(ERR_LIMIT, "what", "@sheet_bytes", "max", "100663296", NULL) : 0;
}

static int strings_text(void *ctx, const char *text, size_t n)
{
	struct strings *s = ctx;

	if (s->in_text)
		buf_addn(&s->w->texts, text, n);
	return 0;
}

/* ---- styles.xml: which cells are dates ---- */

enum { CUSTOM_MAX = 1024 };
struct styles { struct workbook *w; bool in_formats; struct { uint32_t id; uint8_t kind; } custom[CUSTOM_MAX]; unsigned n; };

/* Letters of a format outside of quotes, brackets and behind no backslash (18.8.31). m is month or minute. */
static uint8_t format_kind(const char *code)
{
	bool quoted = false, bracket = false, days = false, hours = false;

	for (; *code && *code != ';'; code++) {
		char c = *code;
		if (c == '\\' || c == '_' || c == '*') {
			code += code[1] != 0;
			continue;
		}
		quoted ^= c == '"' && !bracket;
		bracket = !quoted && (c == '[' || (bracket && c != ']'));
		if (quoted || bracket)
			continue;
		days |= c == 'y' || c == 'd' || c == 'Y' || c == 'D';
		hours |= c == 'h' || c == 's' || c == 'H' || c == 'S';
	}
	return days && hours ? DATE_TIME : days ? DATE_ONLY : hours ? TIME_ONLY : NO_DATE;
}

/* The numbers that need no code (18.8.30), those of the Chinese, Japanese and Korean versions among them. */
static uint8_t builtin_kind(uint32_t id)
{
	if (id == 22)
		return DATE_TIME;
	if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 54) || id == 57 || id == 58)
		return DATE_ONLY;
	return (id >= 18 && id <= 21) || (id >= 32 && id <= 35) || (id >= 45 && id <= 47) || id == 55 || id == 56 ? TIME_ONLY : NO_DATE;
}

static uint32_t number_of(const char *text, uint32_t otherwise)
{
	uint64_t n;

	return text && *text && num_parse_u64(text, text + str_len(text), &n) == str_len(text) && n < UINT32_MAX ? (uint32_t) n : otherwise;
}

static int styles_start(void *ctx, const char *name, const char **a)
{
	struct styles *s = ctx;
	const char *code = xml_attribute(a, "formatCode");
	uint32_t id = number_of(xml_attribute(a, "numFmtId"), 0);

	if (str_eq(name, "numFmt") && code && s->n < CUSTOM_MAX) {
		s->custom[s->n].id = id;
		s->custom[s->n++].kind = format_kind(code);
	}
	if (str_eq(name, "cellXfs"))
		s->in_formats = true;
	if (s->in_formats && str_eq(name, "xf")) {
		uint8_t kind = builtin_kind(id);
		for (unsigned i = 0; i < s->n; i++)
			if (s->custom[i].id == id)
				kind = s->custom[i].kind;
		buf_addc(&s->w->is_date, (char) kind);
	}
	return 0;
}

static int styles_end(void *ctx, const char *name)
{
	struct styles *s = ctx;

	if (str_eq(name, "cellXfs"))
		s->in_formats = false;
	return 0;
}

/* ---- the whole ---- */

static int read_part(struct workbook *w, const char *path, const struct xml *x)
{
	struct zip_part p;

	return path[0] && zip_find(&w->zip, path, &p) ? xml_read(&w->zip, &p, x) : 0;
}

static int read_strings(struct workbook *w)
{
	struct strings s = { .w = w };

	return read_part(w, w->strings_path, &(struct xml) { strings_start, strings_end, strings_text, &s });
}

static int read_styles(struct workbook *w)
{
	struct styles *s = sys_new(struct styles);
	int r;

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	s->w = w;
	r = read_part(w, w->styles_path, &(struct xml) { styles_start, styles_end, NULL, s });
	sys_free(s);
	return r;
}

int workbook_open(struct workbook *w, const void *bytes, size_t len, struct sheet_notes *notes)
{
	struct zip_part p;
	int r;

	*notes = (struct sheet_notes) { .rows = 0 };
	*w = (struct workbook) { .notes = notes, .strings_path = "xl/sharedStrings.xml", .styles_path = "xl/styles.xml",
		.texts = BUF_INIT(&sys_heap, XLSX_TEXTS_MAX), .at = BUF_INIT(&sys_heap, XLSX_TEXTS_MAX / 4),
		.is_date = BUF_INIT(&sys_heap, DATE_FORMATS_MAX) };
	r = zip_open(&w->zip, bytes, len, XLSX_UNPACKED_MAX);
	if (r >= 0 && !zip_find(&w->zip, "xl/workbook.xml", &p))
		r = err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_no_zip", NULL);
	if (r >= 0)
		r = xml_read(&w->zip, &p, &(struct xml) { book_start, NULL, NULL, w });
	if (r >= 0)
		r = read_part(w, "xl/_rels/workbook.xml.rels", &(struct xml) { rels_start, NULL, NULL, w });
	if (r >= 0 && !w->sheet_path[0])
		r = err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_no_sheet", NULL);
	if (r >= 0)
		r = read_strings(w);
	return r < 0 ? r : read_styles(w);
}

void workbook_done(struct workbook *w)
{
	buf_done(&w->texts);
	buf_done(&w->at);
	buf_done(&w->is_date);
}

int xlsx_to_csv(const void *bytes, size_t len, struct buf *out, struct sheet_notes *ret)
{
	struct workbook w;
	int r = workbook_open(&w, bytes, len, ret);

	if (r >= 0)
		r = sheet_read(&w, out);
	workbook_done(&w);
	return r < 0 ? r : 0;
}

/* address.c - Modbus addresses in the notations that people find in manuals. */
#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "link/south/modbus/modbus.h"

static int broken(const struct point *p, const char *rule)
{
	return err_fail(ERR_INVALID, "field", "@address", "rule", rule, "value", p->address, NULL);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char upper(char c) { return c >= 'a' && c <= 'z' ? (char) (c - 32) : c; }

/* The digits at s: how many, and their number (a larger one than any address is enough to know). */
static unsigned digits(const char *s, const char *end, uint32_t *ret)
{
	unsigned n = 0;
	uint32_t v = 0;

	for (; s + n < end && is_digit(s[n]); n++)
		v = MIN(v * 10 + (uint32_t) (s[n] - '0'), 1000000u);
	*ret = v;
	return n;
}

static bool table_of_digit(char c, int32_t *ret)
{
	switch (c) {
	case '0': *ret = MODBUS_COILS; return true;
	case '1': *ret = MODBUS_DISCRETE; return true;
	case '3': *ret = MODBUS_INPUT; return true;
	case '4': *ret = MODBUS_HOLDING; return true;
	default: return false;
	}
}

/* "40001", "400001", "4x1": Modicon's notation, which counts from 1. */
static const char *modicon(const char *s, const char *end, struct modbus_address *a)
{
	uint32_t v;
	unsigned n;

	if (!table_of_digit(*s, &a->table))
		return "@modbus_rule_notation";
	if (s + 1 < end && upper(s[1]) == 'X') {
		n = digits(s + 2, end, &v);
		if (n == 0 || s + 2 + n != end)
			return "@modbus_rule_notation";
		if (v < 1 || v > 65536)
			return "@modbus_rule_number";
		a->number = v - 1;
		return NULL;
	}
	n = digits(s + 1, end, &v);
	if (s + 1 + n != end || (n != 4 && n != 5))
		return "@modbus_rule_notation";
	if (v < 1 || v > 65536)
		return n == 4 ? "@modbus_rule_five" : "@modbus_rule_six";
	a->number = v - 1;
	return NULL;
}

/* "HR0", "IR0", "C0", "DI0": as on the wire, from 0. */
static const char *prefixed(const char *s, const char *end, struct modbus_address *a)
{
	static const struct { const char *word; enum modbus_table table; } prefixes[] = {
		{ "HR", MODBUS_HOLDING }, { "IR", MODBUS_INPUT }, { "ID", MODBUS_IDENTITY }, { "DI", MODBUS_DISCRETE }, { "C", MODBUS_COILS },
	};

	for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
		const char *w = prefixes[i].word, *at = s;
		uint32_t v;
		unsigned n;

		while (*w && at < end && upper(*at) == *w)
			w++, at++;
		if (*w)
			continue;
		n = digits(at, end, &v);
		if (n == 0 || at + n != end)
			return "@modbus_rule_notation";
		if (v > (prefixes[i].table == MODBUS_IDENTITY ? 255u : 65535u))
			return "@modbus_rule_zero";
		a->table = prefixes[i].table;
		a->number = v;
		return NULL;
	}
	return "@modbus_rule_notation";
}

/* In letters of either size; `word` is in capitals. */
static bool is_word(const char *s, const char *end, const char *word)
{
	while (*word && s < end && upper(*s) == *word)
		word++, s++;
	return !*word && s == end;
}

static const char *parse_order(const char *s, const char *end, int32_t *ret)
{
	static const struct { const char *word; enum byte_order order; } words[] = {
		{ "ABCD", ORDER_ABCD }, { "CDAB", ORDER_CDAB }, { "BADC", ORDER_BADC }, { "DCBA", ORDER_DCBA },
		{ "AB", ORDER_ABCD }, { "BA", ORDER_BADC },
		{ "ABCDEFGH", ORDER_ABCD }, { "GHEFCDAB", ORDER_CDAB }, { "BADCFEHG", ORDER_BADC }, { "HGFEDCBA", ORDER_DCBA },
	};

	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		if (is_word(s, end, words[i].word)) {
			*ret = words[i].order;
			return NULL;
		}
	return "@modbus_rule_order";
}

static const char *parse_form(const char *s, const char *end, int32_t *ret)
{
	static const struct { const char *word; enum modbus_form form; } words[] = {
		{ "F16", MODBUS_HALF }, { "BCD", MODBUS_BCD }, { "UTF8", MODBUS_UTF8 }, { "ASCII", MODBUS_ASCII }, { "GBK", MODBUS_GBK },
		{ "LATIN1", MODBUS_LATIN1 },
	};

	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		if (is_word(s, end, words[i].word)) {
			*ret = words[i].form;
			return NULL;
		}
	return "@modbus_rule_form";
}

static enum modbus_type wire_type(int32_t t) { return (enum modbus_type) (t + MODBUS_BOOL); }
_Static_assert(POINT_F64 + (int) MODBUS_BOOL == (int) MODBUS_F64, "point types are the wire's, counted from 0");

/* How many registers a value takes, from type and form. */
static const char *measure(const struct point *p, uint32_t text, struct modbus_address *a)
{
	bool is_text = a->form >= MODBUS_UTF8;

	if (a->table == MODBUS_IDENTITY) {
		a->length = 1;
		if (a->form == MODBUS_PLAIN)
			a->form = MODBUS_UTF8;
		return p->type != POINT_STRING || text ? "@modbus_rule_identity" : p->access != POINT_READ ? "@modbus_rule_read_only" : NULL;
	}
	if (p->type == POINT_STRING) {
		if (a->form == MODBUS_PLAIN)
			a->form = MODBUS_UTF8;
		a->length = text;
		return a->form < MODBUS_UTF8 || text < 1 || text > MODBUS_TEXT_REGISTERS ? "@modbus_rule_text" : NULL;
	}
	if (is_text || text)
		return "@modbus_rule_text_type";
	a->length = a->form == MODBUS_HALF ? 1 : modbus_type_registers(wire_type(p->type));
	if (a->form == MODBUS_HALF && p->type != POINT_F32 && p->type != POINT_F64)
		return "@modbus_rule_half";
	if (a->form == MODBUS_BCD && (p->type == POINT_BOOL || p->type == POINT_F32 || p->type == POINT_F64))
		return "@modbus_rule_bcd";
	return NULL;
}

/* Element i of an array that begins at the address; bits of registers go on in the next register. */
static void index_by(uint32_t i, struct modbus_address *a)
{
	uint32_t bit;

	if (a->bit < 0) {
		a->number += i * a->length;
		return;
	}
	bit = (uint32_t) a->bit + i;
	a->number += bit / 16;
	a->bit = (int32_t) (bit % 16);
}

/* What the point says must fit to what the address says. */
static const char *reconcile(const struct point *p, bool has_bit, uint32_t text, uint32_t index, struct modbus_address *a)
{
	bool bits = a->table == MODBUS_COILS || a->table == MODBUS_DISCRETE;
	const char *rule;

	if (has_bit && a->bit >= 0 && a->bit != p->bit)
		return "@modbus_rule_twice";
	if (has_bit)
		a->bit = p->bit;
	if (p->byte_order != ORDER_DEVICE && a->order != ORDER_DEVICE && a->order != p->byte_order)
		return "@modbus_rule_twice";
	if (p->byte_order != ORDER_DEVICE)
		a->order = p->byte_order;
	if (bits && (p->type != POINT_BOOL || a->form))
		return "@modbus_rule_bool";
	if (bits && a->bit >= 0)
		return "@modbus_rule_bit_place";
	if (a->bit >= 0 && p->type != POINT_BOOL)
		return "@modbus_rule_bit_type";
	if (p->access != POINT_READ && (a->table == MODBUS_DISCRETE || a->table == MODBUS_INPUT))
		return "@modbus_rule_read_only";
	if (bits)
		a->length = 1;
	rule = bits ? NULL : measure(p, text, a);
	if (rule)
		return rule;
	index_by(index, a);
	return a->number + a->length > 65536 ? "@modbus_rule_end" : NULL;
}

/* The number in front of `end` behind `mark`, which is cut off; 0 when there is none. -1: it is no number, or beyond max. */
static int64_t suffix(const char *s, const char **end, char mark, char closing, uint32_t max)
{
	const char *at = s, *stop = *end;
	uint32_t v;
	unsigned n;

	while (at < stop && *at != mark)
		at++;
	if (at == stop)
		return 0;
	*end = at;
	if (closing && (stop[-1] != closing || --stop == at))
		return -1;
	n = digits(at + 1, stop, &v);
	return n == 0 || at + 1 + n != stop || v > max ? -1 : (int64_t) v;
}

/* BASE [.bit] [ "[" index "]" ] [/registers] [:form] [#order] */
static const char *parse(const struct point *p, const char *s, const char *end, struct modbus_address *a)
{
	const char *hash = s, *colon = s, *dot = s, *rule = NULL;
	int64_t text, index, bit;

	while (hash < end && *hash != '#')
		hash++;
	while (colon < hash && *colon != ':')
		colon++;
	if (hash < end)
		rule = parse_order(hash + 1, end, &a->order);
	if (!rule && colon < hash)
		rule = parse_form(colon + 1, hash, &a->form);
	if (rule)
		return rule;
	hash = colon;
	text = suffix(s, &colon, '/', 0, MODBUS_TEXT_REGISTERS);
	if (text < 0 || (text == 0 && colon < hash))
		return "@modbus_rule_text";
	index = suffix(s, &colon, '[', ']', 65535);
	if (index < 0)
		return "@modbus_rule_index";
	while (dot < colon && *dot != '.')
		dot++;
	if (dot < colon) {
		const char *after = colon;

		bit = suffix(s, &after, '.', 0, 15);
		if (bit < 0 || colon - dot > 3)
			return "@modbus_rule_bit";
		a->bit = (int32_t) bit;
	}
	rule = s < dot && is_digit(*s) ? modicon(s, dot, a) : prefixed(s, dot, a);
	return rule ? rule : reconcile(p, rec_has(&point_type, p, rec_field(&point_type, "bit")), (uint32_t) text, (uint32_t) index, a);
}

int modbus_parse_address(const struct point *p, void *ret_address)
{
	struct modbus_address a = { .bit = -1, .order = ORDER_DEVICE };
	const char *s = p->address ? p->address : "", *end = s + str_len(s), *rule;

	while (s < end && *s == ' ')
		s++;
	while (end > s && end[-1] == ' ')
		end--;
	rule = parse(p, s, end, &a);
	if (rule)
		return broken(p, rule);
	*(struct modbus_address *) ret_address = a;
	return 0;
}

uint64_t modbus_order_of(const void *address)
{
	const struct modbus_address *a = address;

	return (uint64_t) a->table << 32 | (uint64_t) a->number << 12 | (uint64_t) a->length << 5 | (uint64_t) (a->bit + 1);
}

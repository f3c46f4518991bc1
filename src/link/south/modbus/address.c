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
		{ "HR", MODBUS_HOLDING }, { "IR", MODBUS_INPUT }, { "DI", MODBUS_DISCRETE }, { "C", MODBUS_COILS },
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
		if (v > 65535)
			return "@modbus_rule_zero";
		a->table = prefixes[i].table;
		a->number = v;
		return NULL;
	}
	return "@modbus_rule_notation";
}

static const char *parse_order(const char *s, const char *end, int32_t *ret)
{
	static const struct { const char *word; enum byte_order order; } words[] = {
		{ "ABCD", ORDER_ABCD }, { "CDAB", ORDER_CDAB }, { "BADC", ORDER_BADC }, { "DCBA", ORDER_DCBA },
		{ "AB", ORDER_ABCD }, { "BA", ORDER_BADC },
		{ "ABCDEFGH", ORDER_ABCD }, { "GHEFCDAB", ORDER_CDAB }, { "BADCFEHG", ORDER_BADC }, { "HGFEDCBA", ORDER_DCBA },
	};

	for (size_t i = 0; i < ELEMENTSOF(words); i++) {
		const char *w = words[i].word, *at = s;

		while (*w && at < end && upper(*at) == *w)
			w++, at++;
		if (!*w && at == end) {
			*ret = words[i].order;
			return NULL;
		}
	}
	return "@modbus_rule_order";
}

static enum modbus_type wire_type(int32_t t) { return (enum modbus_type) (t + MODBUS_BOOL); }
_Static_assert(POINT_F64 + (int) MODBUS_BOOL == (int) MODBUS_F64, "point types are the wire's, counted from 0");

/* What the point says must fit to what the address says. */
static const char *reconcile(const struct point *p, bool has_bit, struct modbus_address *a)
{
	bool bits = a->table == MODBUS_COILS || a->table == MODBUS_DISCRETE;

	if (has_bit && a->bit >= 0 && a->bit != p->bit)
		return "@modbus_rule_twice";
	if (has_bit)
		a->bit = p->bit;
	if (p->byte_order != ORDER_DEVICE && a->order != ORDER_DEVICE && a->order != p->byte_order)
		return "@modbus_rule_twice";
	if (p->byte_order != ORDER_DEVICE)
		a->order = p->byte_order;
	if (p->type == POINT_STRING)
		return "@modbus_rule_text";
	if (bits && p->type != POINT_BOOL)
		return "@modbus_rule_bool";
	if (bits && a->bit >= 0)
		return "@modbus_rule_bit_place";
	if (a->bit >= 0 && p->type != POINT_BOOL)
		return "@modbus_rule_bit_type";
	if (p->access != POINT_READ && (a->table == MODBUS_DISCRETE || a->table == MODBUS_INPUT))
		return "@modbus_rule_read_only";
	a->length = bits ? 1 : modbus_type_registers(wire_type(p->type));
	return a->number + a->length > 65536 ? "@modbus_rule_end" : NULL;
}

int modbus_parse_address(const struct point *p, void *ret_address)
{
	const struct rec_field *bit = rec_field(&point_type, "bit");
	struct modbus_address a = { .bit = -1, .order = ORDER_DEVICE };
	const char *s = p->address ? p->address : "", *end = s + str_len(s), *hash, *dot, *rule = NULL;
	uint32_t v;

	while (s < end && *s == ' ')
		s++;
	while (end > s && end[-1] == ' ')
		end--;
	for (hash = s; hash < end && *hash != '#';)
		hash++;
	for (dot = s; dot < hash && *dot != '.';)
		dot++;
	if (hash < end)
		rule = parse_order(hash + 1, end, &a.order);
	if (!rule && dot < hash) {
		unsigned n = digits(dot + 1, hash, &v);

		if (n == 0 || n > 2 || dot + 1 + n != hash || v > 15)
			rule = "@modbus_rule_bit";
		a.bit = (int32_t) v;
	}
	if (!rule)
		rule = s < dot && is_digit(*s) ? modicon(s, dot, &a) : prefixed(s, dot, &a);
	if (!rule)
		rule = reconcile(p, rec_has(&point_type, p, bit), &a);
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

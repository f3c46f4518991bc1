/* remote_name.c - see remote_name.h. */
#include "service/remote_name.h"

#include <string.h>

#include "base/num.h"
#include "base/str.h"

static int compare(struct rw_text a, struct rw_text b)
{
	int c = memcmp(a.s, b.s, MIN(a.len, b.len));

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* Senders sort them; who does not is put right. */
static bool insert(struct rw_label *all, size_t n, struct rw_label l)
{
	size_t i = n;
	int c = 1;

	while (i && (c = compare(all[i - 1].name, l.name)) > 0)
		i--;
	if (i && c == 0)
		return false;
	memmove(all + i + 1, all + i, (n - i) * sizeof(*all));
	all[i] = l;
	return true;
}

static bool is(struct rw_text t, const char *word)
{
	return t.len == str_len(word) && memcmp(t.s, word, t.len) == 0;
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != 0x7f && c != '%' && c != ',' && c != '=' && c != '/' && c != '\\';
}

static void put(struct buf *b, struct rw_text t)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < t.len; i++) {
		if (is_plain((uint8_t) t.s[i]))
			continue;
		buf_addn(b, t.s + from, i - from);
		buf_addf(b, "%%%c%c", "0123456789ABCDEF"[(uint8_t) t.s[i] >> 4], "0123456789ABCDEF"[t.s[i] & 15]);
		from = i + 1;
	}
	buf_addn(b, t.s + from, t.len - from);
}

static void put_label(struct buf *b, const struct rw_label *l)
{
	buf_addc(b, ',');
	put(b, l->name);
	buf_addc(b, '=');
	put(b, l->value);
}

/* For a sentence. */
static const char *text_of(struct rw_text t, char out[64])
{
	size_t n = MIN((size_t) t.len, (size_t) 60);

	memcpy(out, t.s, n);
	out[utf8_valid_prefix(out, n)] = 0;
	return out;
}

static int labels_of(struct rw_series *s, struct rw_label all[REMOTE_LABELS_MAX], size_t *ret_n)
{
	char text[64];
	struct rw_label l;
	size_t n = 0;
	int r;

	if (s->n_labels > REMOTE_LABELS_MAX) {
		num_format_u64(text, s->n_labels);
		return err_fail(ERR_COUNT, "field", "labels", "min", "1", "max", "64", "value", text, NULL);
	}
	while ((r = rw_label_next(s, &l)) == 1) {
		if (!l.value.len)
			continue;
		if (!l.name.len)
			return err_fail(ERR_LENGTH, "field", "label", "min", "1", "max", "200", "value", "0", NULL);
		if (!insert(all, n, l))
			return err_fail(ERR_INVALID, "field", "labels", "rule", "@label_twice", "value", text_of(l.name, text), NULL);
		n++;
	}
	*ret_n = n;
	return r;
}

int remote_name(struct rw_series *s, struct remote_name *ret)
{
	struct rw_label all[REMOTE_LABELS_MAX];
	struct buf head = BUF_FIXED(ret->head), key = BUF_FIXED(ret->key);
	bool named = false;
	size_t n = 0;
	int r = labels_of(s, all, &n);

	if (r < 0)
		return r;
	buf_clear(&head);
	buf_clear(&key);
	buf_add(&head, "prometheus");
	for (size_t i = 0; i < n; i++)
		if (is(all[i].name, "__name__")) {
			put(&key, all[i].value);
			named = true;
		}
	for (size_t i = 0; i < n; i++)
		if (is(all[i].name, "instance") || is(all[i].name, "job"))
			put_label(&head, &all[i]);
		else if (!is(all[i].name, "__name__"))
			put_label(&key, &all[i]);
	ret->head_len = head.len;
	ret->key_len = key.len;
	if (!named)
		return err_fail(ERR_INVALID, "field", "labels", "rule", "@metric_name", "value", key.len ? ret->key : ret->head, NULL);
	if (head.failed || key.failed)
		return err_fail(ERR_LENGTH, "field", "labels", "min", "1", "max", "400", "value", "1024", NULL);
	return 0;
}

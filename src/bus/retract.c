/* retract.c - values that were deleted from history leave the live ones, too. Asked for from any thread, done by the loop. */
#include "bus/impl.h"

#include "base/err.h"

struct retraction { struct retraction *next; uint32_t tenant; size_t n; char *texts; struct bus_retract item[]; };

static bool is_text(const struct value *v) { return v->type == V_STR || v->type == V_BYTES; }

static struct retraction *retraction_free(struct retraction *r)
{
	if (r)
		sys_free(r->texts);
	return sys_free(r);
}

/* One byte more than fits: so it is seen that the text is cut. */
static size_t room_of(const struct value *v) { return is_text(v) ? MIN((size_t) v->len, (size_t) BUS_TEXT_MAX + 1) : 0; }

int bus_retract(struct bus *b, uint32_t tenant, const struct bus_retract *items, size_t n)
{
	struct retraction *r = sys_alloc(sizeof(*r) + n * sizeof(r->item[0]));
	size_t bytes = 1;

	for (size_t i = 0; i < n; i++)
		bytes += room_of(&items[i].left.value);
	if (r)
		r->texts = sys_alloc(bytes);
	if (!r || !r->texts) {
		retraction_free(r);
		return err_fail(ERR_NO_MEMORY, "what", "live values", NULL);
	}
	r->tenant = tenant;
	r->n = n;
	bytes = 0;
	for (size_t i = 0; i < n; i++) {
		struct value *v = &r->item[i].left.value;
		size_t len = room_of(&items[i].left.value);

		r->item[i] = items[i];
		if (!is_text(v))
			continue;
		if (len)
			memcpy(r->texts + bytes, v->s, len);
		v->s = r->texts + bytes;
		v->len = (uint32_t) len;
		bytes += len;
	}
	mutex_lock(&b->lock);
	*b->retract_end = r;
	b->retract_end = &r->next;
	mutex_unlock(&b->lock);
	if (b->config.on_ready)
		b->config.on_ready(b->config.ctx);
	return 0;
}

static void apply(struct bus *b, const struct retraction *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct bus_retract *x = &r->item[i];
		const struct slot *s = bus_slot(bus_tenant(b, r->tenant), x->series);

		if (!s || !s->change || s->time_ns < x->from_ns || s->time_ns >= x->to_ns)
			continue;
		bus_forget(b, r->tenant, x->series);
		if (x->is_left)
			bus_put(b, r->tenant, &x->left, 1);
	}
}

void retract_all(struct bus *b, bool doing)
{
	mutex_lock(&b->lock);
	struct retraction *r = b->retract, *next;
	b->retract = NULL;
	b->retract_end = &b->retract;
	mutex_unlock(&b->lock);
	for (; r; r = next) {
		next = r->next;
		if (doing)
			apply(b, r);
		retraction_free(r);
	}
}

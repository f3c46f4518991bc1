/* timers.c - a pairing heap. `child` is the first child; `next` the next sibling; `prev` the sibling before, or the parent. */
#include "io/timers.h"

static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	/* Of equals the one already above stays above. */
	struct timer *up = b->at_ns < a->at_ns ? b : a, *down = up == a ? b : a;

	down->prev = up;
	down->next = up->child;
	if (down->next)
		down->next->prev = down;
	up->child = down;
	return up;
}

/* Children of a removed node become one heap: by pairs from left to right, then all from right to left. */
static struct timer *meld_children(struct timer *first)
{
	struct timer *pairs = NULL, *root = NULL;

	while (first) {
		struct timer *a = first, *b = a->next, *rest = b ? b->next : NULL;

		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->prev = pairs;        /* as a stack */
		pairs = a;
		first = rest;
	}
	while (pairs) {
		struct timer *below = pairs->prev;

		pairs->prev = NULL;
		root = meld(root, pairs);
		pairs = below;
	}
	return root;
}

void timers_add(struct timers *h, struct timer *t)
{
	t->child = t->next = t->prev = NULL;
	h->root = meld(h->root, t);
	h->n++;
}

void timers_remove(struct timers *h, struct timer *t)
{
	struct timer *rest = meld_children(t->child);

	if (t == h->root) {
		h->root = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		h->root = meld(h->root, rest);
	}
	t->child = t->next = t->prev = NULL;
	h->n--;
}

/* status.c - figures that cross threads: a sequence lock of atomic words, so that the writer never waits and the reader sees one moment. */
#include "link/engine.h"

enum { CELL_WORDS = (sizeof(struct link_status) + 7) / 8 };

struct cell {
	atomic_uint refs, seq;
	atomic_ullong word[CELL_WORDS];
};

int cell_new(struct cell **ret, const struct link_status *first)
{
	struct cell *c = sys_new(struct cell);

	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", "status", NULL);
	atomic_init(&c->refs, 1);
	cell_write(c, first);
	*ret = c;
	return 0;
}

struct cell *cell_ref(struct cell *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

struct cell *cell_unref(struct cell *c)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		sys_free(c);
	return NULL;
}

void cell_write(struct cell *c, const struct link_status *s)
{
	unsigned seq = atomic_load_explicit(&c->seq, memory_order_relaxed);
	uint64_t word[CELL_WORDS] = { 0 };

	memcpy(word, s, sizeof(*s));
	/* Each word is released, so that nobody sees one of them without the odd number; fences would do, but TSan knows none. */
	atomic_store_explicit(&c->seq, seq + 1, memory_order_relaxed);
	for (size_t i = 0; i < CELL_WORDS; i++)
		atomic_store_explicit(&c->word[i], word[i], memory_order_release);
	atomic_store_explicit(&c->seq, seq + 2, memory_order_release);
}

void cell_read(struct cell *c, struct link_status *ret)
{
	uint64_t word[CELL_WORDS];
	unsigned before, after;

	do {
		before = atomic_load_explicit(&c->seq, memory_order_acquire);
		for (size_t i = 0; i < CELL_WORDS; i++)
			word[i] = atomic_load_explicit(&c->word[i], memory_order_acquire);
		after = atomic_load_explicit(&c->seq, memory_order_relaxed);
	} while (before != after || before % 2);
	memcpy(ret, word, sizeof(*ret));
}

/* Buckets: 0, 1, 2, 3, then four to each power of two. */
static unsigned bucket(uint32_t us)
{
	unsigned e;

	if (us < 4)
		return us;
	e = 31 - (unsigned) __builtin_clz(us);
	return (e - 1) * 4 + (us >> (e - 2) & 3);
}

static uint32_t upper(unsigned i)
{
	unsigned e = i / 4 + 1;
	uint64_t v = i < 4 ? i : (UINT64_C(1) << e) + ((uint64_t) (i % 4 + 1) << (e - 2)) - 1;

	return v > UINT32_MAX ? UINT32_MAX : (uint32_t) v;
}

void hist_add(struct hist *h, uint32_t us)
{
	if (h->total >= 2048) {
		h->total = 0;
		for (unsigned i = 0; i < LINK_HIST; i++)
			h->total += h->n[i] /= 2;
	}
	h->n[bucket(us)]++;
	h->total++;
}

uint32_t hist_quantile(const struct hist *h, double q)
{
	double left = q * h->total;

	for (unsigned i = 0; i < LINK_HIST; i++) {
		left -= h->n[i];
		if (h->n[i] && left <= 0)
			return upper(i);
	}
	return 0;
}

static const struct { const char *id, *text[LANG_N_]; } states[] = {
#define STATE(NAME, id, en, zh) { id, { en, zh } },
#include "link/states.def"
#undef STATE
};

const char *link_state_id(enum link_state s) { return states[s < LINK_STATES_ ? s : LINK_IDLE].id; }
const char *link_state_text(enum link_state s, enum lang lang) { return states[s < LINK_STATES_ ? s : LINK_IDLE].text[lang]; }

/* kit.c - see kit.h. */
#include "tsdb/query/kit.h"

#include "base/err.h"

static struct kit *kit_free(struct kit *kit)
{
	pq_scratch_free(kit->scratch);
	tall_done(&kit->tall);
	return sys_free(kit);
}

void kits_init(struct kits *k) { mutex_init(&k->mutex); }

void kits_done(struct kits *k)
{
	while (k->n)
		kit_free(k->idle[--k->n]);
	mutex_done(&k->mutex);
}

static struct kit *idle(struct kits *k)
{
	mutex_hold(&k->mutex);

	return k->n ? k->idle[--k->n] : NULL;
}

int kit_take(struct kits *k, struct kit **ret)
{
	struct kit *kit = idle(k);
	int r = 0;

	if (!kit) {
		kit = sys.malloc(sizeof(*kit));
		if (!kit)
			return err_fail(ERR_NO_MEMORY, "what", "a query", NULL);
		kit->tall.text = (struct buf) { 0 };
		r = pq_scratch_new(&kit->scratch);
		if (r < 0) {
			sys_free(kit);
			return r;
		}
	}
	*ret = kit;
	return 0;
}

void kit_give(struct kits *k, struct kit *kit)
{
	if (!kit)
		return;
	tall_done(&kit->tall);
	kit->tall.text = (struct buf) { 0 };
	{
		mutex_hold(&k->mutex);
		if (k->n < KITS_MAX) {
			k->idle[k->n++] = kit;
			return;
		}
	}
	kit_free(kit);
}

/* api.c - making and ending the doors. */

#include "api/internal.h"
#include "base/num.h"

int api_new(struct api **ret, const struct api_config *c)
{
	_cleanup_(api_freep) struct api *a = sys_new(struct api);
	int r;

	if (!a)
		return err_fail(ERR_NO_MEMORY, "what", "api", NULL);
	atomic_init(&a->refs, 1);
	a->config = *c;
	a->platform = c->platform;
	a->workers = c->platform->workers;
	a->loop = c->loop;
	a->started_mono_ns = clock_mono_ns();
	mutex_init(&a->pace.lock);
	mutex_init(&a->refusals.lock);
	gate_init(&a->gate, c->queries);
	a->rate = sys_new(struct rate);
	if (!a->rate)
		return err_fail(ERR_NO_MEMORY, "what", "api", NULL);
	a->rate->per_second = c->request_rate > 0 ? c->request_rate : RATE_DEFAULT;
	num_format_u64(a->rate_text, (uint64_t) a->rate->per_second);
	r = live_new(a, &a->live);
	if (r < 0)
		return r;
	*ret = take(a);
	return 0;
}

struct api *api_unref(struct api *a)
{
	if (atomic_fetch_sub(&a->refs, 1) > 1)
		return NULL;
	gate_done(&a->gate);
	mutex_done(&a->pace.lock);
	mutex_done(&a->refusals.lock);
	sys_free(a->rate);
	return sys_free(a);
}

struct api *api_free(struct api *a)
{
	if (!a)
		return NULL;
	a->live = live_free(a->live);
	return api_unref(a);
}

void api_stop(struct api *a)
{
	a->stopping = true;
	call_drop_waiting(a);
	live_stop(a->live);
}

void api_set_body_max(struct api *a, size_t bytes)
{
	a->config.body_max = bytes;
}

bool api_is_owing(const struct api *a)
{
	return a->n_owed > 0;
}

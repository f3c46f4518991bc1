/* api.c - making and ending the doors. */

#include "api/internal.h"

int api_new(struct api **ret, const struct api_config *c)
{
	_cleanup_(api_freep) struct api *a = sys_new(struct api);
	int r;

	if (!a)
		return err_fail(ERR_NO_MEMORY, "what", "api", NULL);
	a->config = *c;
	a->platform = c->platform;
	a->workers = c->platform->workers;
	a->loop = c->loop;
	a->started_mono_ns = clock_mono_ns();
	r = live_new(a, &a->live);
	if (r < 0)
		return r;
	*ret = take(a);
	return 0;
}

struct api *api_free(struct api *a)
{
	if (!a)
		return NULL;
	live_free(a->live);
	return sys_free(a);
}

void api_stop(struct api *a)
{
	a->stopping = true;
	live_stop(a->live);
}

bool api_is_owing(const struct api *a)
{
	return a->n_owed > 0;
}

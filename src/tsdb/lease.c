/* lease.c - the files of one moment, held. */
#include "tsdb/tsdb_impl.h"

#include "base/err.h"
#include "base/num.h"

struct tsdb_lease { struct tenant *te; struct catalog *catalog; };

int tsdb_lease(struct tsdb *t, uint32_t tenant, struct tsdb_lease **ret)
{
	struct tenant *te = tenant_find(t, tenant);
	struct tsdb_lease *l = te ? sys_new(struct tsdb_lease) : NULL;
	char text[NUM_TEXT_MAX];

	if (!te) {
		num_format_u64(text, tenant);
		return err_fail(ERR_MISSING, "what", "@tenant", "value", text, NULL);
	}
	if (!l)
		return err_fail(ERR_NO_MEMORY, "what", "a lease", NULL);
	l->te = te;
	l->catalog = catalog_ref(te);
	*ret = l;
	return 0;
}

struct tsdb_lease *tsdb_lease_end(struct tsdb_lease *l)
{
	if (!l)
		return NULL;
	catalog_unref(l->catalog);
	return sys_free(l);
}

int tsdb_lease_files(const struct tsdb_lease *l, tsdb_file_fn on_file, void *ctx)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < l->catalog->n; i++)
		r = manifest_names(file_info(l->catalog->file[i]), on_file, ctx);
	return MIN(r, 0);
}

struct tenant *lease_tenant(const struct tsdb_lease *l) { return l->te; }

struct catalog *lease_catalog(const struct tsdb_lease *l)
{
	atomic_fetch_add_explicit(&l->catalog->refs, 1, memory_order_relaxed);
	return l->catalog;
}

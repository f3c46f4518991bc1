/* drivers.c - which drivers there are, and what every one must be. */
#include "base/err.h"
#include "base/str.h"
#include "link/driver.h"

#define DRIVER(name) extern const struct driver driver_##name;
#include "link/drivers.def"
#undef DRIVER

static const struct driver *const drivers[] = {
#define DRIVER(name) &driver_##name,
#include "link/drivers.def"
#undef DRIVER
	NULL,
};

const struct driver *const *driver_list(void) { return drivers; }

const struct driver *driver_find(const char *name)
{
	for (const struct driver *const *d = drivers; *d; d++)
		if (str_eq((*d)->name, name))
			return *d;
	return NULL;
}

static int unfit(const struct driver *d, const char *why)
{
	return err_failf(ERR_CONFIG, "driver %s: %s", d->name ? d->name : "?", why);
}

int driver_check(const struct driver *d)
{
	/* Nothing behind the first two members is looked at before they are right. */
	if (d->abi != DRIVER_ABI || d->size != sizeof(struct driver))
		return err_failf(ERR_CONFIG, "this driver was built for another version (ABI %u, %u bytes; here ABI %u, %zu bytes)",
			d->abi, d->size, DRIVER_ABI, sizeof(struct driver));
	if (!d->name || !str_matches(d->name, "[a-z][a-z0-9-]*"))
		return unfit(d, "its name must match [a-z][a-z0-9-]*");
	if (!d->title || !d->title_zh || !d->doc || !d->doc_zh || !d->hint || !d->hint_zh || !d->examples || !d->examples[0])
		return unfit(d, "titles, texts, hints and examples are needed in both languages");
	if (!d->config || !d->device || !d->address || d->address->size > 64 || !d->session_size || !d->device_size)
		return unfit(d, "its record types and sizes are needed");
	if (!d->parse_address || !d->order || !d->endpoint || !d->open || !d->attach || !d->joined || !d->next || !d->feed ||
			!d->expired || !d->lost)
		return unfit(d, "it lacks a function every driver has");
	if ((d->caps & DRIVER_READ) && (!d->plan || !d->split || !d->decode))
		return unfit(d, "it promises reading and lacks a function for it");
	if (!(d->caps & DRIVER_WRITE) != !d->write || !(d->caps & DRIVER_BROWSE) != !(d->browse && d->child) ||
			!(d->caps & DRIVER_SUBSCRIBE) != !d->subscribe)
		return unfit(d, "its capabilities and its functions differ");
	return 0;
}

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

static bool has_texts(const struct driver *d)
{
	const char *const texts[] = { d->title, d->title_zh, d->doc, d->doc_zh, d->hint, d->hint_zh };

	for (size_t i = 0; i < ELEMENTSOF(texts); i++)
		if (str_empty(texts[i]))
			return false;
	return d->examples && d->examples[0];
}

static bool has_types(const struct driver *d)
{
	return d->config && d->device && d->address && d->address->size <= 64 && d->session_size && d->device_size;
}

static bool has_basics(const struct driver *d)
{
	return d->parse_address && d->order && d->endpoint && d->open && d->attach && d->joined && d->next && d->feed && d->expired && d->lost;
}

/* What is promised is there, and what is not promised is not. */
static bool keeps_word(const struct driver *d)
{
	const struct { uint32_t cap; bool has; } caps[] = {
		{ DRIVER_READ, d->plan && d->split && d->decode && d->show }, { DRIVER_WRITE, d->write && d->merge && d->retreat },
		{ DRIVER_BROWSE, d->browse && d->child }, { DRIVER_SUBSCRIBE, d->subscribe != NULL }, { DRIVER_PEEK, d->peek != NULL },
		{ DRIVER_SCAN, d->unit && d->unit_min <= d->unit_max && d->greet && d->who },
	};

	for (size_t i = 0; i < ELEMENTSOF(caps); i++)
		if (((d->caps & caps[i].cap) != 0) != caps[i].has)
			return false;
	return true;
}

int driver_check(const struct driver *d)
{
	/* Nothing behind the first two members is looked at before they are right. */
	if (d->abi != DRIVER_ABI || d->size != sizeof(struct driver))
		return err_failf(ERR_CONFIG, "this driver was built for another version (ABI %u, %u bytes; here ABI %u, %zu bytes)",
			d->abi, d->size, DRIVER_ABI, sizeof(struct driver));
	if (!d->name || !str_matches(d->name, "[a-z][a-z0-9-]*"))
		return unfit(d, "its name must match [a-z][a-z0-9-]*");
	if (!has_texts(d))
		return unfit(d, "titles, texts, hints and examples are needed in both languages");
	if (!has_types(d))
		return unfit(d, "its record types and sizes are needed");
	if (!has_basics(d))
		return unfit(d, "it lacks a function every driver has");
	return keeps_word(d) ? 0 : unfit(d, "its capabilities and its functions differ");
}

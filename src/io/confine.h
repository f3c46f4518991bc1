/* confine.h - inside io alone: a profile made into what the kernel takes: limits, a Landlock rule set, a seccomp program. */
#pragma once

#include <linux/filter.h>

#include "io/child.h"

/* Prepared where memory may be allocated; confine_enter() then makes system calls only, so it may stand between fork and exec. */
struct confine {
	const struct child_profile *profile;
	int ruleset;                            /* -1: none needed */
	struct sock_filter *filter;
	unsigned short n;
};

/* program: what will be executed after confine_enter(); NULL for a role, which goes on as it is. */
int confine_prepare(struct confine *c, const struct child_profile *p, const char *program);
void confine_done(struct confine *c);
int confine_limits(const struct child_profile *p);      /* the limits alone; -1 and errno */
int confine_enter(const struct confine *c);             /* all of it, for good; -1 and errno */

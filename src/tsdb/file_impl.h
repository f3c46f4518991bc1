/* file_impl.h - what file.c and scan.c share. */
#pragma once

#include "tsdb/file.h"

struct file {
	atomic_uint refs;
	struct file_pool *pool;
	struct names *names;
	char *base;
	struct file_info info;
	struct file *roll[2];           /* its figures by the minute and by the hour, files of their own; NULL: there are none */
	bool is_roll;
	_Atomic int32_t level;
	atomic_bool doomed;
	_Atomic int64_t aside_ns;
	/* Guarded by the pool: */
	int fd;                         /* -1: not open */
	unsigned users;
	struct idx idx;
	struct file *newer, *older;
};

/* A scan over a file that is open and stays so: no use is counted. */
int scan_over(struct file *f, struct pqr_scratch *scratch, struct scan **ret);

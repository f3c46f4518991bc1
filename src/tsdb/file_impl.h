/* file_impl.h - what file.c and scan.c share. */
#pragma once

#include "tsdb/file.h"

struct file {
	atomic_uint refs;
	struct file_pool *pool;
	struct names *names;
	char *base;                     /* of the side index, and of the file unless: */
	char *second;                   /* the file itself, in the second folder; NULL */
	struct file_info info;
	struct file *roll[2];           /* its figures by the minute and by the hour, files of their own; NULL: there are none */
	struct file *after;             /* file_follow(); NULL: none */
	bool is_roll;
	_Atomic uint64_t looked;        /* of the retention */
	_Atomic int32_t level;
	_Atomic uint64_t apart[8];      /* files_apart(): older files it was found to be apart from; 0: none */
	atomic_int doomed;              /* enum doom */
	_Atomic int64_t aside_ns, stay_ns;
	/* Guarded by the pool, but for who has it in use: */
	_Atomic int fd;                 /* -1: not open, or open without what lies in the second folder */
	bool open;
	unsigned users;
	struct idx idx;
	struct file *newer, *older;
};

enum doom { DOOM_NONE, DOOM_ALL, DOOM_MOVED /* the file alone: its side index goes on */ };

/* Reading it failed: a file of the second folder may be out of reach, which is another failure than damage. */
int file_failed(struct file *f, int r);
/* It is in use without what lies in the second folder: is that there now? */
int file_reopen(struct file *f);

/* A scan over a file that is open and stays so: no use is counted. */
int scan_over(struct file *f, struct pq_scratch *scratch, struct scan **ret);

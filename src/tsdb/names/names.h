/*
 * names.h - the numbers of a tenant: (point, type) → series, content → list, in one append-only file.
 *
 * tenants/<id>/series.dict: a header, then records {u32 mark, u32 len, u32 crc, payload}, little-endian. A record is synced before its
 * number is handed out. At open a torn tail is cut; a record damaged in the middle is passed over (the next mark is looked
 * for) and its number stays used; series.parquet remembers whose it was (restore.c). Numbers only grow; `floor` keeps them above what files already use. Lists that names_share() makes are
 * in no record; their numbers are not in the log either, so another start may give them to others.
 *
 * Series live in blocks that never move, so a `struct series *` is good as long as the names are. Tracks belong to the
 * head (head.h), which frees them before.
 *
 * Thread: names_* lock inside. Memory: some 120 bytes a series, 40 for each list it stands in, until names_free().
 */
#pragma once

#include "base/id.h"
#include "model/value.h"
#include "sys/sys.h"

enum { SERIES_BLOCK = 256, NUMBERS_MAX = 1 << 24, LIST_MEMBERS_MAX = 1 << 20, SHARED_MIN = 4, SHARED_LISTS_MAX = 8 };

struct track;

/* Where a series stands in lists. Grows at its end only, so that it is read without a lock: n first, then the items. */
struct member { uint32_t list, index; };
struct members { _Atomic uint32_t n; uint32_t room; struct member item[]; };

struct series {
	struct uuid point;
	uint32_t number;                                /* 0: no such series */
	uint32_t older;                                 /* the series the same point had before; 0: none */
	uint8_t type;                                   /* enum vtype */
	_Atomic uint8_t files_asked;                    /* of the head: its last sample in files is known, see last.c */
	_Atomic uint16_t raw_days;                      /* tsdb_retain(); 0: as all */
	_Atomic bool passed_over;                       /* tsdb_keep(): its samples are not taken in */
	struct track *_Atomic track;                    /* of the head: for samples that come one by one */
	struct members *_Atomic members;                /* NULL: in no list */
};

struct list {
	uint32_t number, k;
	struct track *_Atomic track;                    /* of the head */
	bool only_here;                                 /* made by names_share(): in no file. Under the lock of the names */
	uint32_t series[];
};

struct names;

int names_open(const char *path, uint32_t tenant, uint32_t floor, struct names **ret);
struct names *names_free(struct names *n);
DEFINE_CLEANUP(struct names *, names_free)

int names_add(struct names *n, size_t count, const struct uuid *points, const uint8_t *types, uint32_t *ret);
struct series *names_series(struct names *n, uint32_t number);          /* NULL when there is none */
uint32_t names_newest(struct names *n, const struct uuid *point);       /* the point's newest series; 0: none */
uint32_t names_count(struct names *n);                                  /* numbers are 1 … count, some may be missing */
int names_list(struct names *n, const uint32_t *series, uint32_t k, uint32_t *ret);
struct list *names_list_get(struct names *n, uint32_t number);          /* NULL when there is none */
/* The list of exactly these series, for who saw them come together without a list's number; made in memory alone when there is none and it is
 * worth one: SHARED_MIN series or more, all known, none twice, none in SHARED_LISTS_MAX lists already, and either none in any list yet or the
 * same ones were asked for before. NULL: no list. Found without the lock. */
struct list *names_share(struct names *n, const uint32_t *series, uint32_t k);
uint32_t names_list_count(struct names *n);
bool names_any(struct names *n);                                        /* is there a series at all? */
uint64_t names_cut(const struct names *n);                              /* bytes that were damaged or torn at open */
/* Series that a damaged dictionary has no more, as somebody else remembers them, into a file that takes its place. Open it anew then: only so
 * do they stand in their lists again. */
struct names_lost { uint32_t number; uint8_t type; struct uuid point; };
int names_restore(struct names *n, const struct names_lost *lost, size_t count);

/* The dictionary as it lies there, for who only looks: each series that can be read, and how many bytes cannot. Nothing is cut; the end of one
 * that is written to just now counts as damaged. -ERR_MISSING. */
struct names_looker { void (*on_series)(void *ctx, uint32_t number, const struct uuid *point, uint8_t type); void *ctx; };
int names_look(const char *path, uint32_t tenant, const struct names_looker *to, uint64_t *ret_damaged);

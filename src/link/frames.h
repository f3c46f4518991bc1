/*
 * frames.h - what passes on a connection: a bounded ring of its last frames, always on, larger while somebody watches.
 *
 * Thread: the connection's. Memory: allocated with the first frame; without memory there is no log and nothing else happens.
 */
#pragma once

#include "link/link.h"

enum { TAP_SMALL = 6 << 10, TAP_LARGE = LINK_FRAMES_BYTES, TAP_PART = 1100, TAP_WATCH_MS = 30000 };

struct tap {
	uint8_t *ring;                  /* entries one behind the other: struct tap_entry, its bytes, padded to 8 */
	uint32_t room, len;
	uint64_t next;                  /* number of the next entry, from 1 */
	int64_t watched_ns;             /* until then, monotonic */
	uint16_t part_len;              /* bytes that came and are no frame yet */
	uint8_t part[TAP_PART];
};

void tap_note(struct tap *t, enum link_frame_kind kind, enum driver_said said, const uint8_t *bytes, size_t n);
void tap_part(struct tap *t, const uint8_t *bytes, size_t n);
void tap_whole(struct tap *t, enum driver_said said);          /* the part has become this; nothing when there is none */
void tap_watch(struct tap *t, int64_t now_ns);                 /* somebody does, for a while */
void tap_tick(struct tap *t, int64_t now_ns);
size_t tap_copy(const struct tap *t, uint64_t after, uint8_t *to, size_t room);        /* the newest that fit, behind number `after` */
void tap_done(struct tap *t);

/*
 * rate.h - how much one caller may ask at once: a bucket of tokens and a count of what is under way, each by credential and by address.
 *
 * A table of fixed size; who is not in it takes the place of who was quiet longest among four. A full bucket and nobody there are the
 * same, so being forgotten costs nobody anything but what he had used up.
 *
 * Thread: the loop's. Memory: one block.
 */
#pragma once

#include "base/base.h"

enum { RATE_SLOTS = 4096, RATE_WAYS = 4, RATE_DEFAULT = 500, RATE_BURST = 4 /* seconds' worth */, RATE_OPEN = 64, RATE_PEER = 4 /* times as much by address */ };

struct rate_slot { uint64_t key; int64_t at_ns; double tokens; uint32_t open; };
struct rate { struct rate_slot slots[RATE_SLOTS]; double per_second; };

/* NULL: too much. Else one token is taken and one more is under way until rate_leave(). many: times what is allowed. */
struct rate_slot *rate_enter(struct rate *r, uint64_t key, double many, int64_t now_ns);
void rate_leave(struct rate *r, struct rate_slot *s, uint64_t key);    /* key: as at rate_enter(); the slot may be another's by now */
uint64_t rate_key(char kind, const char *text);

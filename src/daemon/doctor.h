/*
 * doctor.h - what may be wrong with a platform, looked at from outside: sentences with a hint. Part of the door daemon/daemon.h.
 *
 * Works beside a running platform and without one. No record, sample or setting is changed; a listener is opened for a moment where no
 * platform runs.
 *
 * Thread: main. Memory: texts in the arena.
 */
#pragma once

#include "daemon/config.h"

enum finding { FINDING_OK, FINDING_WARNING, FINDING_ERROR };
/* id: "disk"; text: what is; hint: what to do, NULL when nothing is. In the reader's language. */
struct finding_row { const char *id, *text, *hint; enum finding finding; };
typedef void (*doctor_fn)(void *ctx, const struct finding_row *row);
/* in->offline must be false: the listener is looked at. Returns the worst. */
enum finding doctor_look(const struct config_input *in, struct arena *a, doctor_fn fn, void *ctx);

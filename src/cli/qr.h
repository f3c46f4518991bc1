/* qr.h - inside cli: a text for a telephone's camera. */
#pragma once

#include "base/buf.h"

/* false: it does not fit, or libqrencode is not installed. */
bool qr_show(const char *text, unsigned columns, struct buf *out);

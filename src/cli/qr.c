/* qr.c - a text as a QR code (ISO/IEC 18004) of half blocks. libqrencode makes it; it is loaded here, so that a server never carries it. */
#include <qrencode.h>

#include "cli/parts.h"
#include "cli/qr.h"
#include "sys/sys.h"

enum { QUIET = 4 /* modules of margin: ISO/IEC 18004, 6.3.8 */ };

static bool is_dark(const QRcode *q, int x, int y)
{
	return x >= 0 && y >= 0 && x < q->width && y < q->width && (q->data[y * q->width + x] & 1);
}

/* Black on white whatever the terminal's colours are: not every camera reads the negative. */
static void draw(const QRcode *q, struct buf *out)
{
	static const char *const halves[] = { " ", "▄", "▀", "█" };

	for (int y = -QUIET; y < q->width + QUIET; y += 2) {
		buf_add(out, "\033[30;107m");
		for (int x = -QUIET; x < q->width + QUIET; x++)
			buf_add(out, halves[is_dark(q, x, y) << 1 | is_dark(q, x, y + 1)]);
		buf_add(out, "\033[0m\n");
	}
}

bool qr_show(const char *text, unsigned columns, struct buf *out)
{
	QRcode *(*encode)(const char *, int, QRecLevel, QRencodeMode, int) = NULL;
	void (*done)(QRcode *) = NULL;
	void *library;
	QRcode *q = NULL;
	bool fits;

	if (dl_open("libqrencode.so.4", &library) == 0 && dl_symbol(library, "QRcode_encodeString", (void **) &encode) == 0 &&
		dl_symbol(library, "QRcode_free", (void **) &done) == 0)
		q = encode(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	err_clear();
	fits = q && (unsigned) q->width + 2 * QUIET <= columns;
	if (fits)
		draw(q, out);
	if (q)
		done(q);
	return fits;
}

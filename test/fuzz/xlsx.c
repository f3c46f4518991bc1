/* xlsx.c - any bytes as a workbook: it ends, within its limits; the CSV is UTF-8 without NUL, and its lines are the sheet's rows.
 *
 * Bytes that begin with '<' stand for the worksheet alone, packed without compression, so that the fuzzer gets behind the CRC-less
 * packing: the rest of the workbook is the smallest there is. */

#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "sheet/xlsx.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void le(struct buf *b, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_addc(b, (char) (v >> (8 * i)));
}

static void add_part(struct buf *zip, struct buf *directory, const char *name, const void *bytes, size_t n)
{
	uint32_t at = (uint32_t) zip->len;

	le(zip, 0x04034b50, 4), le(zip, 20, 2), le(zip, 0, 2), le(zip, 0, 2), le(zip, 0, 4), le(zip, 0, 4);
	le(zip, (uint32_t) n, 4), le(zip, (uint32_t) n, 4), le(zip, (uint32_t) strlen(name), 2), le(zip, 0, 2);
	buf_add(zip, name);
	buf_addn(zip, bytes, n);
	le(directory, 0x02014b50, 4), le(directory, 20, 2), le(directory, 20, 2), le(directory, 0, 2), le(directory, 0, 2);
	le(directory, 0, 4), le(directory, 0, 4), le(directory, (uint32_t) n, 4), le(directory, (uint32_t) n, 4);
	le(directory, (uint32_t) strlen(name), 2), le(directory, 0, 2), le(directory, 0, 2), le(directory, 0, 2), le(directory, 0, 2);
	le(directory, 0, 4), le(directory, at, 4);
	buf_add(directory, name);
}

static void pack(const uint8_t *data, size_t len, struct buf *zip)
{
	static const char book[] = "<workbook><sheets><sheet name=\"a\" r:id=\"r\" xmlns:r=\"r\"/></sheets></workbook>";
	static const char rels[] = "<R><Relationship Id=\"r\" Type=\"x/worksheet\" Target=\"s\"/></R>";
	static const char texts[] = "<sst><si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r><rPh><t>no</t></rPh></si></sst>";
	static const char styles[] = "<s><numFmts><numFmt numFmtId=\"200\" formatCode=\"yyyy\\-mm\\-dd hh:mm\"/></numFmts>"
		"<cellXfs><xf/><xf numFmtId=\"14\"/><xf numFmtId=\"200\"/></cellXfs></s>";
	struct buf directory = BUF_INIT(&sys_heap, 1 << 20);
	uint32_t at;

	add_part(zip, &directory, "xl/workbook.xml", book, sizeof(book) - 1);
	add_part(zip, &directory, "xl/_rels/workbook.xml.rels", rels, sizeof(rels) - 1);
	add_part(zip, &directory, "xl/sharedStrings.xml", texts, sizeof(texts) - 1);
	add_part(zip, &directory, "xl/styles.xml", styles, sizeof(styles) - 1);
	add_part(zip, &directory, "xl/s", data, len);
	at = (uint32_t) zip->len;
	buf_addn(zip, directory.data, directory.len);
	le(zip, 0x06054b50, 4), le(zip, 0, 4), le(zip, 5, 2), le(zip, 5, 2), le(zip, (uint32_t) directory.len, 4), le(zip, at, 4), le(zip, 0, 2);
	buf_done(&directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf out = BUF_INIT(&sys_heap, XLSX_OUT_MAX), zip = BUF_INIT(&sys_heap, 64 << 20);
	struct sheet_notes notes;
	int r;

	if (len && data[0] == '<') {
		pack(data, len, &zip);
		r = xlsx_to_csv(zip.data, zip.len, &out, &notes);
	} else {
		r = xlsx_to_csv(data, len, &out, &notes);
	}
	if (r == 0) {
		assert(utf8_is_valid(out.data, out.len));
		assert(!memchr(out.data, 0, out.len));
	} else {
		assert(err_peek()->kind == -r);
	}
	err_clear();
	buf_done(&zip);
	buf_done(&out);
	return 0;
}

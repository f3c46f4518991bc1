/* fuzz: requests of remote-write, the version in the first byte. What rw_open() lets in can be walked to its end, every text and sample
 * lies inside, and the counts told of a series are what is found in it; its labels become a path of bounded length without a slash too many. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/remote_write/remote_write.h"
#include "service/remote_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *begin, *end;

static void inside(struct rw_text t)
{
	if (t.len && ((const uint8_t *) t.s < begin || (const uint8_t *) t.s + t.len > end))
		abort();
}

static void walk(struct rw_series s)
{
	struct rw_series again = s;
	struct remote_name name;
	struct rw_sample sample;
	struct rw_label l;
	uint32_t n = 0;
	int r;

	while ((r = rw_label_next(&s, &l)) == 1) {
		inside(l.name);
		inside(l.value);
		n++;
	}
	if (r == 0 && n != s.n_labels)
		abort();
	for (n = 0; rw_sample_next(&s, &sample) == 1;)
		n++;
	if (n != s.n_samples)
		abort();
	if (remote_name(&again, &name) == 0 && (memchr(name.head, '/', name.head_len) || memchr(name.key, '/', name.key_len)
		|| name.head_len >= REMOTE_PART_MAX || name.key_len >= REMOTE_PART_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rw_text *symbols;
	struct rw_request q;
	struct rw_series s;
	uint32_t n = 0;
	int r;

	if (!size)
		return 0;
	begin = data + 1;
	end = data + size;
	if (rw_open(&q, data[0] & 1 ? RW_V1 : RW_V2, begin, size - 1) == 0) {
		symbols = calloc(q.n_symbols + 1, sizeof(*symbols));
		if (symbols && (q.version == RW_V1 || rw_symbols(&q, symbols) == 0)) {
			for (; (r = rw_series_next(&q, &s)); n++)
				if (r == 1)
					walk(s);
			if (n != q.n_series)
				abort();
		}
		free(symbols);
	}
	err_clear();
	return 0;
}

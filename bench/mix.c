/*
 * mix.c - mix SERIES ROWS FIELDS LINES: prints the mix of a plant (mix.h) as line protocol, a row a second of each series, FIELDS fields a line. Before
 * each LINES lines, of whole rows, stands a line "#bytes" with the length of what follows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"

static const char *const kinds[] = { "temp", "count", "state", "vib", "flow" };
#define T0 INT64_C(1767225600)

/* Shortest decimal of what has few of them. */
static char *put(char *p, int kind, double v)
{
	switch (kind) {
	case 1: return p + sprintf(p, "%lldi", (long long) v);
	case 2: *p = v != 0 ? 't' : 'f'; return p + 1;
	case 4: return p + sprintf(p, "%.17g", v);
	}
	p += sprintf(p, kind == 0 ? "%.2f" : "%.4f", v);
	while (p[-1] == '0')
		p--;
	return p[-1] == '.' ? p - 1 : p;
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	int series = atoi(argv[1]), rows = atoi(argv[2]), fields = atoi(argv[3]), lines = atoi(argv[4]), n = 0;
	struct maker *m = calloc((size_t) series, sizeof(*m));
	char *body = malloc((size_t) lines * (size_t) (100 + 40 * fields) * 2), *p = body;

	for (int i = 0; i < series; i++)
		m[i] = maker(i);
	for (int k = 0; k < rows; k++)
		for (int i = 0; i < series; i += fields) {
			if (fields > 1)
				p += sprintf(p, "machine,site=plant1,line=l%02d,dev=d%04d ", i / fields / 10, i / fields);
			else
				p += sprintf(p, "%s,site=plant1,line=l%02d,dev=d%04d,tag=T%05d ", kinds[m[i].kind], i / 100, i / 10, i);
			for (int f = 0; f < fields; f++) {
				p += fields > 1 ? sprintf(p, "%sf%d_%s=", f ? "," : "", (i + f) % 20, kinds[m[i + f].kind]) : sprintf(p, "value=");
				p = put(p, m[i + f].kind, value(&m[i + f], k));
			}
			p += sprintf(p, " %lld000000000\n", (long long) (T0 + k));
			if (++n == lines || (k == rows - 1 && i + fields >= series)) {
				printf("#%zu\n", (size_t) (p - body));
				fwrite(body, 1, (size_t) (p - body), stdout);
				n = 0;
				p = body;
			}
		}
	return 0;
}

/* wire.c - tenon link frames, tenon link dial-ins: what passes on a connection, and who calls. */
#include <stdio.h>
#include <time.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "cli/parts.h"
#include "sys/sys.h"

enum { FOLLOW_MS = 500 };

/* time, direction, meaning, bytes */
static void show_frames(const struct tree *answer, struct buf *out)
{
	TREE_EACH(f, tree_find(answer, "items")) {
		const char *kind = tree_str(tree_find(f, "kind")), *bytes = tree_str(tree_find(f, "bytes"));
		char when[WHEN_TEXT_MAX];

		when_format(when, tree_i64(tree_find(f, "t"), 0) * 1000);
		buf_addf(out, "%s  %s  %s\n", when, str_eq(kind, "out") ? ">" : str_eq(kind, "in") ? "<" : "-", tree_str(tree_find(f, "text")));
		if (bytes)
			buf_addf(out, "      %s\n", bytes);
	}
}

int wire_frames(const struct remote *remote, const struct wire_options *o, const char *id, struct arena *a)
{
	struct buf escaped = BUF_INIT(&sys_heap, 1 << 12), out = BUF_INIT(&sys_heap, 1 << 26);
	struct remote_request q = { .method = "GET" };
	int64_t after = 0;
	int r = 0;

	remote_escape(&escaped, id);
	if (!str_empty(o->pcap)) {
		q.path = arena_fmt(a, "/api/v1/links/%s/frames.pcap", escaped.data);
		q.accept = "application/vnd.tcpdump.pcap";
		q.file = o->pcap;
		buf_done(&escaped);
		return remote_call(remote, &q, a, NULL);
	}
	for (bool first = true; r == 0 && (first || o->follow); first = false) {
		struct arena one;
		struct tree *answer;

		if (!first)
			nanosleep(&(struct timespec) { .tv_nsec = FOLLOW_MS * NS_PER_MS }, NULL);
		arena_init(&one, &sys_heap, 0);
		q.path = arena_fmt(&one, "/api/v1/links/%s/frames?limit=%u&after=%lld", escaped.data, o->limit, (long long) after);
		r = remote_tree(remote, &q, &one, &answer);
		if (r == 0) {
			show_frames(answer, &out);
			after = tree_i64(tree_find(answer, "last"), after);
			fwrite(out.data, 1, out.len, stdout);
			fflush(stdout);
			buf_clear(&out);
		}
		arena_done(&one);
	}
	buf_done(&escaped);
	buf_done(&out);
	return r;
}

int wire_dial_ins(const struct remote *remote, struct arena *a)
{
	struct remote_request q = { .method = "GET", .path = "/api/v1/links/dial-ins" };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct tree *answer;
	int r = remote_tree(remote, &q, a, &answer);

	if (r < 0)
		return r;
	TREE_EACH(d, tree_find(answer, "items"))
		buf_addf(&out, cli_text("%s  port %lld  from %s  %lld calls, the last %s\n", "%s  端口 %lld  来自 %s  拨入 %lld 次，最近 %s\n"),
			tree_str(tree_find(d, "registration")), (long long) tree_i64(tree_find(d, "port"), 0), tree_str(tree_find(d, "peer")),
			(long long) tree_i64(tree_find(d, "calls"), 0), tree_str(tree_find(d, "last")));
	show_print(&out);
	return 0;
}

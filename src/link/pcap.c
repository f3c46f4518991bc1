/*
 * pcap.c - frames as a capture file: draft-ietf-opsawg-pcap. Sockets get Ethernet, IPv4 and TCP headers of their own, with right lengths, check
 * sums and running numbers; the addresses are those of RFC 5737, 192.0.2.1 is us. Serial lines are DLT_RTAC_SERIAL: a header of 12 bytes
 * (time, kind of event, state of the line), then the frame.
 */
#include "base/cur.h"
#include "link/link.h"

enum { ETHERNET = 1, RTAC_SERIAL = 250, HEADERS = 14 + 20 + 20, TX = 1, RX = 2 };
static const uint8_t us[4] = { 192, 0, 2, 1 }, them[4] = { 192, 0, 2, 2 };

static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		s += (uint32_t) p[i] << 8 | p[i + 1];
	return n % 2 ? s + ((uint32_t) p[n - 1] << 8) : s;
}

static uint16_t folded(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xFFFF) + (s >> 16);
	return (uint16_t) ~s;
}

static void record(struct buf *out, int64_t time_ns, size_t len)
{
	uint8_t head[16];
	struct pen p = pen_of(head, sizeof(head));

	pen_le32(&p, (uint32_t) (time_ns / NS_PER_S));
	pen_le32(&p, (uint32_t) (time_ns % NS_PER_S / NS_PER_US));
	pen_le32(&p, (uint32_t) len);
	pen_le32(&p, (uint32_t) len);
	buf_addn(out, head, sizeof(head));
}

struct side { const uint8_t *ip; uint16_t port; uint32_t seq; };

static void segment(struct buf *out, const struct link_frame *f, struct side *from, const struct side *to)
{
	uint8_t head[HEADERS];
	struct pen p = pen_of(head, sizeof(head));
	uint16_t ip_len = (uint16_t) (40 + f->len), check;
	uint32_t pseudo;

	/* locally administered addresses that end like the IPv4 ones */
	pen_bytes(&p, (const uint8_t[]) { 2, 0, 0, 0, 0, to->ip[3], 2, 0, 0, 0, 0, from->ip[3], 8, 0 }, 14);
	pen_be16(&p, 0x4500);
	pen_be16(&p, ip_len);
	pen_be32(&p, (uint32_t) (f->seq & 0xFFFF) << 16 | 0x4000);
	pen_be32(&p, 64u << 24 | 6u << 16);
	pen_bytes(&p, from->ip, 4);
	pen_bytes(&p, to->ip, 4);
	check = folded(sum(0, head + 14, 20));
	head[24] = (uint8_t) (check >> 8);
	head[25] = (uint8_t) check;
	pen_be16(&p, from->port);
	pen_be16(&p, to->port);
	pen_be32(&p, from->seq);
	pen_be32(&p, to->seq);
	pen_be16(&p, 0x5018);           /* 20 bytes of header; PSH, ACK */
	pen_be16(&p, 0xFFFF);
	pen_be32(&p, 0);
	pseudo = sum(sum(6 + 20 + (uint32_t) f->len, from->ip, 4), to->ip, 4);
	check = folded(sum(sum(pseudo, head + 34, 20), f->bytes, f->len));
	head[50] = (uint8_t) (check >> 8);
	head[51] = (uint8_t) check;
	record(out, f->time_ns, sizeof(head) + f->len);
	buf_addn(out, head, sizeof(head));
	buf_addn(out, f->bytes, f->len);
	from->seq += (uint32_t) f->len;
}

static void line_frame(struct buf *out, const struct link_frame *f)
{
	uint8_t head[12];
	struct pen p = pen_of(head, sizeof(head));

	pen_be32(&p, (uint32_t) (f->time_ns / NS_PER_S));
	pen_be32(&p, (uint32_t) (f->time_ns % NS_PER_S / NS_PER_US));
	pen_u8(&p, f->kind == LINK_FRAME_OUT ? TX : RX);
	pen_u8(&p, 0);
	pen_be16(&p, 0);
	record(out, f->time_ns, sizeof(head) + f->len);
	buf_addn(out, head, sizeof(head));
	buf_addn(out, f->bytes, f->len);
}

void link_frames_pcap(const struct link_frames *f, struct buf *out)
{
	bool serial = f->end.transport == DRIVER_SERIAL, calls = f->end.transport == DRIVER_DIAL_IN;
	uint16_t port = f->end.usual_port ? f->end.usual_port : f->end.port;
	/* who dials in is the server of the protocol all the same: analysers go by the port */
	struct side ours = { us, 49152, 1 }, theirs = { them, calls && !f->end.usual_port ? f->end.port : port, 1 };
	uint8_t head[24];
	struct pen p = pen_of(head, sizeof(head));
	struct link_frame one;
	size_t at = 0;

	pen_le32(&p, 0xA1B2C3D4);
	pen_le16(&p, 2);
	pen_le16(&p, 4);
	pen_le32(&p, 0);
	pen_le32(&p, 0);
	pen_le32(&p, 65535);
	pen_le32(&p, serial ? RTAC_SERIAL : ETHERNET);
	buf_addn(out, head, sizeof(head));
	while (link_frames_next(f, &at, &one)) {
		if (one.kind == LINK_FRAME_OPENED)
			/* another connection has another port */
			ours = (struct side) { us, (uint16_t) (49152 + one.seq % 16384), 1 }, theirs.seq = 1;
		if (one.len == 0)
			continue;
		if (serial)
			line_frame(out, &one);
		else if (one.kind == LINK_FRAME_OUT)
			segment(out, &one, &ours, &theirs);
		else
			segment(out, &one, &theirs, &ours);
	}
}

/*
 * modbus.h - Modbus, bytes to structs and back, for both ends of the wire.
 *
 * MODBUS Application Protocol Specification V1.1b3 (the PDU) and MODBUS Messaging on TCP/IP Implementation Guide V1.0b (the
 * MBAP header), MODBUS over Serial Line V1.02 (RTU and ASCII). A PDU is a function code and its body; an ADU is a PDU in the frame of a transport. Client and server, driver,
 * simulator, decoder and fuzzer use the same four functions: encode and decode, of requests and of responses.
 *
 * Thread: any. Memory: nothing is allocated; decoded structs borrow from the bytes they were decoded from.
 */
#pragma once

#include "base/cur.h"

enum modbus_fc {
	MODBUS_READ_COILS = 1, MODBUS_READ_DISCRETE = 2, MODBUS_READ_HOLDING = 3, MODBUS_READ_INPUT = 4,
	MODBUS_WRITE_COIL = 5, MODBUS_WRITE_REGISTER = 6, MODBUS_WRITE_COILS = 15, MODBUS_WRITE_REGISTERS = 16,
	MODBUS_MASK_WRITE = 22, MODBUS_READ_WRITE = 23, MODBUS_ENCAPSULATED = 43,
};
/* V1.1b3 section 7, MODBUS exception codes. */
enum modbus_exception {
	MODBUS_ILLEGAL_FUNCTION = 1, MODBUS_ILLEGAL_ADDRESS, MODBUS_ILLEGAL_VALUE, MODBUS_DEVICE_FAILURE, MODBUS_ACKNOWLEDGE,
	MODBUS_DEVICE_BUSY, MODBUS_MEMORY_PARITY = 8, MODBUS_GATEWAY_PATH = 10, MODBUS_GATEWAY_TARGET = 11,
};
enum {
	MODBUS_PDU_MAX = 253,           /* section 4.1 */
	MODBUS_MAX_READ_BITS = 2000, MODBUS_MAX_WRITE_BITS = 1968,
	MODBUS_MAX_READ_REGISTERS = 125, MODBUS_MAX_WRITE_REGISTERS = 123, MODBUS_MAX_READ_WRITE_REGISTERS = 121,
	MODBUS_MEI_DEVICE_ID = 14,
	MODBUS_COIL_ON = 0xFF00, MODBUS_COIL_OFF = 0x0000,
};

struct modbus_request {
	uint8_t fc;
	uint16_t addr, n;               /* what is read, or written by 5, 6 (n = 1), 15, 16, 22; counted from 0 */
	uint16_t value;                 /* 5: MODBUS_COIL_ON or _OFF; 6: the register */
	uint16_t and_mask, or_mask;     /* 22 */
	uint16_t write_addr, write_n;   /* 23 */
	const uint8_t *data;            /* 15: bits, LSB first; 16 and 23: registers, big-endian; as on the wire */
	uint16_t len;                   /* bytes of data; follows from n, so encoders check it */
	uint8_t id_code, object;        /* 43/14: 1 basic, 2 regular, 3 extended, 4 one object; the first object wanted */
};

struct modbus_response {
	uint8_t fc;                     /* of the request, without the exception's top bit */
	uint8_t exception;              /* enum modbus_exception; 0: none, the rest holds */
	uint16_t addr, n, value, and_mask, or_mask;     /* echoes of 5, 6, 15, 16, 22 */
	const uint8_t *data;            /* 1, 2: bits; 3, 4, 23: registers; 43: the list of objects {id, length, bytes} */
	uint16_t len;
	uint8_t id_code, conformity, more, next_object, n_objects;      /* 43/14 */
};

/* PDUs. Encoding writes to `out` and returns 0, or -ERR_INVALID when a count or length breaks the specification; a pen too short
 * is -ERR_TOO_LARGE. Decoding takes the whole PDU and nothing else. */
int modbus_request_encode(const struct modbus_request *q, struct pen *out);
int modbus_response_encode(const struct modbus_response *a, struct pen *out);
/* Server: the exception code to answer with (> 0) or 0. An unknown function sets only ret->fc and is MODBUS_ILLEGAL_FUNCTION. */
int modbus_request_decode(const uint8_t *pdu, size_t len, struct modbus_request *ret);
/* Client: 0 also for an exception response. -ERR_PEER unless the PDU is the answer to `asked`: function, lengths, echoes. */
int modbus_response_decode(const uint8_t *pdu, size_t len, const struct modbus_request *asked, struct modbus_response *ret);

/* Objects of a 43/14 response, one at a time; false at the end. */
struct modbus_object { uint8_t id, len; const uint8_t *text; };
bool modbus_object_next(struct cur *list, struct modbus_object *ret);

/* How many bytes n bits or n registers take in a PDU. */
static inline size_t modbus_bit_bytes(unsigned n) { return (n + 7u) / 8u; }
static inline bool modbus_is_bits(uint8_t fc) { return fc == MODBUS_READ_COILS || fc == MODBUS_READ_DISCRETE; }
const char *modbus_exception_id(uint8_t exception);     /* "illegal_address"; "unknown" */

/* ADU of Modbus/TCP: transaction, protocol 0, length, unit, PDU. Implementation Guide 3.1.3. */
enum { MODBUS_TCP_HEADER = 7, MODBUS_TCP_ADU_MAX = MODBUS_TCP_HEADER + MODBUS_PDU_MAX };
struct modbus_tcp {
	uint16_t transaction;
	uint8_t unit;
	const uint8_t *pdu;
	size_t len;
};
/* The header goes in front of a PDU of `len` bytes that the caller writes behind it. */
void modbus_tcp_header(struct pen *out, uint16_t transaction, uint8_t unit, size_t len);

/* Frames out of a stream that comes in any pieces. Zeroed is ready. */
struct modbus_tcp_splitter {
	uint16_t len;
	uint8_t part[MODBUS_TCP_ADU_MAX];
};
/* The next whole frame: 1. All bytes of `in` are used up and none is whole: 0. -ERR_PEER: this is not Modbus/TCP, the stream cannot be
 * understood any more. ret->pdu points into the splitter or `in` and is good until the next call. */
int modbus_tcp_split(struct modbus_tcp_splitter *s, struct cur *in, struct modbus_tcp *ret);

/* Frames of serial lines: MODBUS over Serial Line, Specification and Implementation Guide V1.02. RTU (2.5.1): unit, PDU, CRC, low byte
 * first. ASCII (2.5.2): colon, the same in hexadecimal digits with an LRC, CR LF. */
enum { MODBUS_RTU_ADU_MAX = 3 + MODBUS_PDU_MAX, MODBUS_ASCII_ADU_MAX = 1 + 2 * (2 + MODBUS_PDU_MAX) + 2 };
uint16_t modbus_crc(const void *bytes, size_t n);       /* 6.2.2; CRC-16/MODBUS */
uint8_t modbus_lrc(const void *bytes, size_t n);        /* 6.2.1 */
void modbus_rtu_frame(struct pen *out, uint8_t unit, const uint8_t *pdu, size_t len);
void modbus_ascii_frame(struct pen *out, uint8_t unit, const uint8_t *pdu, size_t len);

/*
 * Frames among bytes that may hold noise, an echo and what came too late. Silence does not tell frames apart here: adapters on USB
 * and servers of serial lines chop and join them as they like. Length and check sum do. Each returns 1: a whole frame at [from, to),
 * its pdu borrowed; 0: none yet.
 */
struct modbus_found { uint8_t unit; const uint8_t *pdu; size_t len, from, to; };
/* Client: the answer to `asked` from anywhere in the bytes, or any frame at their very beginning (another unit's that came too late).
 * -ERR_PEER: at [from, to) stands what must be the answer of `unit`, with a wrong check sum. */
int modbus_rtu_answer(const uint8_t *bytes, size_t n, uint8_t unit, const struct modbus_request *asked, struct modbus_found *ret);
/* Server: a request of a function we know; and, when the line fell silent, all bytes as one frame, whatever the function. */
int modbus_rtu_request(const uint8_t *bytes, size_t n, struct modbus_found *ret);
int modbus_rtu_whole(const uint8_t *bytes, size_t n, struct modbus_found *ret);
/* Both: decoded into scratch. -ERR_PEER: the line at [from, to) is no frame. */
int modbus_ascii_find(const uint8_t *bytes, size_t n, uint8_t scratch[MODBUS_RTU_ADU_MAX], struct modbus_found *ret);

/* The bytes to look at: what came and was not used up, the oldest lost when it is too much. */
struct modbus_line { uint16_t len; uint8_t bytes[2 * MODBUS_ASCII_ADU_MAX]; };
void modbus_line_add(struct modbus_line *l, struct cur *in);    /* takes all of `in` */
void modbus_line_drop(struct modbus_line *l, size_t n);         /* the first n */

/* Values in registers. The order says in which order the bytes of a big-endian number stand on the wire; for 64 bits ABCDEFGH,
 * GHEFCDAB, BADCFEHG, HGFEDCBA; for 16 bits AB, AB, BA, BA. */
enum modbus_order { MODBUS_ABCD, MODBUS_CDAB, MODBUS_BADC, MODBUS_DCBA };
enum modbus_type { MODBUS_BOOL = 1, MODBUS_I16, MODBUS_U16, MODBUS_I32, MODBUS_U32, MODBUS_I64, MODBUS_U64, MODBUS_F32, MODBUS_F64 };
union modbus_value { bool b; int64_t i; uint64_t u; float f32; double f64; };

unsigned modbus_type_registers(enum modbus_type t);     /* 1, 2 or 4; BOOL is a bit of one register */
union modbus_value modbus_get(const uint8_t *registers, enum modbus_type t, enum modbus_order order);
/* Writes modbus_type_registers(t) registers. Integers must fit: see modbus_fits(). */
void modbus_set(uint8_t *registers, enum modbus_type t, enum modbus_order order, union modbus_value v);
bool modbus_fits(enum modbus_type t, int64_t v);        /* does an integer fit into this integer type? */
/* What devices put into registers besides: half precision (IEEE 754 binary16), decimal digits in groups of four bits, texts. */
float modbus_from_half(uint16_t bits);
uint16_t modbus_to_half(float v);                       /* to nearest, ties to even; beyond its range an infinity */
bool modbus_from_bcd(uint64_t bits, uint64_t *ret);     /* false: a digit beyond 9 */
bool modbus_to_bcd(uint64_t v, unsigned digits, uint64_t *ret);        /* false: it has more digits */
/* The bytes of n registers of text in reading order, and back; both 2 n bytes. */
void modbus_get_text(const uint8_t *registers, unsigned n, enum modbus_order order, uint8_t *ret);
void modbus_set_text(uint8_t *registers, unsigned n, enum modbus_order order, const uint8_t *text);
bool modbus_get_bit(const uint8_t *bits, unsigned i);   /* of a coils answer, LSB first */
void modbus_set_bit(uint8_t *bits, unsigned i, bool v);
bool modbus_get_register_bit(const uint8_t *reg, enum modbus_order order, unsigned bit);        /* bit 0 is the least significant */

/* buf.c - bytes that grow, and the printf of the ground floor. */
#include "base/buf.h"

#include "base/num.h"
#include "base/str.h"

void buf_done(struct buf *b)
{
	if (b->mem && b->room)
		mem_free(b->mem, b->data, b->room);
	*b = BUF_INIT(b->mem, b->max);
}

bool buf_reserve(struct buf *b, size_t n)
{
	size_t need, room;
	char *grown;

	if (b->failed || __builtin_add_overflow(b->len, n, &need) || __builtin_add_overflow(need, 1, &need)) {
		b->failed = true;
		return false;
	}
	if (need <= b->room)
		return true;
	if (!b->mem || need - 1 > b->max) {
		b->failed = true;
		return false;
	}
	room = MAX(need, MIN(MAX(b->room * 2, (size_t) 128), b->max + 1));
	grown = mem_resize(b->mem, b->room ? b->data : NULL, b->room, room);
	if (!grown) {
		b->failed = true;
		return false;
	}
	b->data = grown;
	b->room = room;
	return true;
}

void buf_addn(struct buf *b, const void *bytes, size_t n)
{
	if (!buf_reserve(b, n))
		return;
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = 0;
}

void buf_add(struct buf *b, const char *text)
{
	buf_addn(b, text, str_len(text));
}

void buf_addc_grow(struct buf *b, char c)
{
	buf_addn(b, &c, 1);
}

struct spec { bool left, zero; int width, precision; char size; };      /* size: 0 h j l L(ll) z */

static void pad(struct buf *b, char c, int n)
{
	while (n-- > 0)
		buf_addc(b, c);
}

static void field(struct buf *b, const struct spec *s, const char *text, size_t n)
{
	int fill = s->width > (int) n ? s->width - (int) n : 0;
	size_t sign = s->zero && n && text[0] == '-' ? 1 : 0;

	if (!s->left && !s->zero)
		pad(b, ' ', fill);
	buf_addn(b, text, sign);
	if (!s->left && s->zero)
		pad(b, '0', fill);
	buf_addn(b, text + sign, n - sign);
	if (s->left)
		pad(b, ' ', fill);
}

static size_t hex(char out[NUM_TEXT_MAX], uint64_t v, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	size_t n = 1;

	for (uint64_t rest = v >> 4; rest; rest >>= 4)
		n++;
	for (size_t i = n; i-- > 0; v >>= 4)
		out[i] = digits[v & 15];
	out[n] = 0;
	return n;
}

static const char *spec_parse(const char *f, struct spec *s, va_list *args)
{
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else
			break;
	}
	if (*f == '*') {
		s->width = va_arg(*args, int);
		f++;
	} else
		while (*f >= '0' && *f <= '9')
			s->width = s->width * 10 + *f++ - '0';
	if (*f == '.') {
		s->precision = 0;
		if (*++f == '*') {
			s->precision = va_arg(*args, int);
			f++;
		} else
			while (*f >= '0' && *f <= '9')
				s->precision = s->precision * 10 + *f++ - '0';
	}
	for (;; f++) {
		if (*f == 'l')
			s->size = s->size == 'l' ? 'L' : 'l';
		else if (*f == 'h' || *f == 'z' || *f == 'j')
			s->size = *f;
		else
			return f;
	}
}

static uint64_t arg_unsigned(const struct spec *s, va_list *args)
{
	switch (s->size) {
	case 'l': return va_arg(*args, unsigned long);
	case 'L': return va_arg(*args, unsigned long long);
	case 'z': return va_arg(*args, size_t);
	case 'j': return va_arg(*args, uintmax_t);
	default: return va_arg(*args, unsigned);
	}
}

static int64_t arg_signed(const struct spec *s, va_list *args)
{
	switch (s->size) {
	case 'l': return va_arg(*args, long);
	case 'L': return va_arg(*args, long long);
	case 'z': return (int64_t) va_arg(*args, size_t);
	case 'j': return va_arg(*args, intmax_t);
	default: return va_arg(*args, int);
	}
}

static void one(struct buf *b, char conversion, const struct spec *s, va_list *args)
{
	char text[NUM_TEXT_MAX];
	const char *string;
	size_t n = 0;

	switch (conversion) {
	case 's':
		string = va_arg(*args, const char *);
		if (!string)
			string = "(null)";
		while (s->precision < 0 || n < (size_t) s->precision) {
			if (!string[n])
				break;
			n++;
		}
		field(b, &(struct spec) { .left = s->left, .width = s->width }, string, n);
		return;
	case 'c':
		text[0] = (char) va_arg(*args, int);
		field(b, s, text, 1);
		return;
	case 'd':
	case 'i':
		n = num_format_i64(text, arg_signed(s, args));
		break;
	case 'u':
		n = num_format_u64(text, arg_unsigned(s, args));
		break;
	case 'x':
	case 'X':
		n = hex(text, arg_unsigned(s, args), conversion == 'X');
		break;
	case 'p':
		buf_add(b, "0x");
		n = hex(text, (uintptr_t) va_arg(*args, void *), false);
		break;
	case 'g':
	case 'f':
	case 'e':
		n = num_format_f64(text, va_arg(*args, double));
		break;
	default:
		buf_addc(b, '%');
		text[0] = conversion;
		n = 1;
	}
	field(b, s, text, n);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list args)
{
	va_list copy;

	va_copy(copy, args);
	while (*fmt) {
		size_t plain = 0;
		struct spec s = { .precision = -1 };

		while (fmt[plain] && fmt[plain] != '%')
			plain++;
		if (plain)
			buf_addn(b, fmt, plain);
		fmt += plain;
		if (!*fmt)
			break;
		if (*++fmt == '%')
			buf_addc(b, '%');
		else {
			fmt = spec_parse(fmt, &s, &copy);
			if (!*fmt)
				break;
			one(b, *fmt, &s, &copy);
		}
		fmt++;
	}
	va_end(copy);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_vaddf(b, fmt, args);
	va_end(args);
}

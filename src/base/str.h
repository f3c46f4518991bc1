/* str.h - text: comparing, splitting, UTF-8. Nothing here allocates. */
#pragma once

#include "base/base.h"

size_t str_len(const char *s);
bool str_eq(const char *a, const char *b);                      /* NULL equals only NULL */
bool str_eq_nocase(const char *a, const char *b);               /* ASCII */
int str_cmp(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
const char *str_find(const char *haystack, const char *needle); /* NULL if absent */
static inline bool str_empty(const char *s) { return !s || !*s; }

/* How many leading bytes of [s, s+n) are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
size_t utf8_valid_prefix(const char *s, size_t n);
static inline bool utf8_is_valid(const char *s, size_t n) { return utf8_valid_prefix(s, n) == n; }
size_t utf8_count(const char *s, size_t n);                     /* characters */
unsigned utf8_encode(uint32_t ch, char out[4]);                 /* bytes written */
uint32_t utf8_decode(const char **s, const char *end);          /* UINT32_MAX when malformed; moves *s on */

/* Levenshtein distance, at most `limit` + 1; for "did you mean". */
unsigned str_distance(const char *a, const char *b, unsigned limit);
/* The nearest of `n` words to `word` within a third of its length, else NULL. */
const char *str_nearest(const char *word, const char *const *words, size_t n);
/* Does `text` match the whole of a pattern made of characters, ., [a-z_], ^ inside brackets, and * + ? behind one of these? */
bool str_matches(const char *text, const char *pattern);

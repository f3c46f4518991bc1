/*
 * banned.h - calls that do not compile. Meson puts it in front of every platform source (-include), so nobody includes it.
 *
 * Each has no bound, keeps hidden state, cannot report failure, or hands text to a shell. Declared here before any header of the
 * C library does, so that no header is disturbed and any use is an error, also as a function pointer. Instead:
 *
 *   strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets     base/buf.h, base/str.h
 *   strtok strtok_r                                                base/str.h, base/cur.h
 *   atoi atol atoll atof                                           base/num.h
 *   rand srand random srandom                                      a generator with its seed in the owner's struct; sys for secrets
 *   tmpnam tempnam mktemp                                          sys
 *   system popen                                                   io's children: an argument vector, never a command line
 */
#pragma once

#ifndef __cplusplus
#if defined(__has_attribute)
#if __has_attribute(unavailable)
#define BANNED_ __attribute__((unavailable("banned: see src/base/banned.h")))
#endif
#endif
#ifndef BANNED_
#define BANNED_ __attribute__((deprecated("banned: see src/base/banned.h")))
#endif

BANNED_ char *strcpy(char *restrict, const char *restrict);
BANNED_ char *strcat(char *restrict, const char *restrict);
BANNED_ char *strncpy(char *restrict, const char *restrict, __SIZE_TYPE__);
BANNED_ char *strncat(char *restrict, const char *restrict, __SIZE_TYPE__);
BANNED_ char *stpcpy(char *restrict, const char *restrict);
BANNED_ int sprintf(char *restrict, const char *restrict, ...);
BANNED_ int vsprintf(char *restrict, const char *restrict, __builtin_va_list);
BANNED_ char *gets(char *);
BANNED_ char *strtok(char *restrict, const char *restrict);
BANNED_ char *strtok_r(char *restrict, const char *restrict, char **restrict);
BANNED_ int atoi(const char *);
BANNED_ long atol(const char *);
BANNED_ long long atoll(const char *);
BANNED_ double atof(const char *);
BANNED_ int rand(void);
BANNED_ void srand(unsigned);
BANNED_ long random(void);
BANNED_ void srandom(unsigned);
BANNED_ char *tmpnam(char *);
BANNED_ char *tempnam(const char *, const char *);
BANNED_ char *mktemp(char *);
BANNED_ int system(const char *);
struct _IO_FILE;
BANNED_ struct _IO_FILE *popen(const char *, const char *);
#undef BANNED_
#endif

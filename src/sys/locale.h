/* locale.h - which language somebody wants. Thread: any. */
#pragma once

#include "base/err.h"

enum lang lang_of_accept(const char *accept_language, enum lang otherwise);    /* RFC 9110 12.5.4 with q values; NULL is fine */
enum lang lang_of_env(void);                    /* TENON_LANG, LC_ALL, LC_MESSAGES, LANG; English when neither says Chinese */
enum lang lang_parse(const char *tag, enum lang otherwise);                    /* en, zh, zh-CN, zh_Hans_CN.UTF-8 ... */

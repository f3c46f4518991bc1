/* pinyin.h - the first letters of a Chinese character's readings in Pinyin: 注 z, 重 z and c. Nothing here allocates. */
#pragma once

#include "base/base.h"

enum { PINYIN_LETTERS = 4 };

/* Distinct letters a … z of its readings, the customary one first; 0: no Chinese character, or none is known. */
unsigned pinyin_letters(uint32_t ch, char out[PINYIN_LETTERS]);
